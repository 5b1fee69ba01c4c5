"""lstchain itself beside recoil: DL1 files of both column by column, and a production of which lstchain's commands do the work.

    pytest tests/interop/test_lstchain.py   (RECOIL_BIN: the program; RECOIL_REALDATA: a folder with iact/ and production/configs;
    Python with lstchain 0.12)

Slow: each command of lstchain takes ten seconds or more to start.
"""

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lstchain")
tables = pytest.importorskip("tables")

RECOIL = os.environ.get("RECOIL_BIN", "target/release/recoil")
REAL = Path(os.environ.get("RECOIL_REALDATA", "nowhere"))
BIN = Path(sys.executable).parent
PARAMETERS = "/dl1/event/telescope/parameters/LST_LSTCam"
IMAGES = "/dl1/event/telescope/image/LST_LSTCam"
needs_real = pytest.mark.skipif(not (REAL / "iact").is_dir(), reason="RECOIL_REALDATA does not name a folder with iact/")


def run(*words, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **more)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lstchain")
    run(BIN / "lstchain_dump_config", "--mc", "-o", folder / "config.json")
    run(RECOIL, "iact", "simulate", "-o", folder / "raw", "--showers", 60, "ending=simtel.gz", "-q")
    return folder


def compare(folder, file):
    """Differences between the DL1 files of both programs, as a text per column."""
    config = folder / "config.json"
    ours, theirs = folder / "ours", folder / "theirs"
    for made in (ours, theirs):
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
    run(RECOIL, "iact", "r0-to-dl1", "-f", file, "-o", ours, "-c", config, "-q")
    run(BIN / "lstchain_mc_r0_to_dl1", "-f", file, "-o", theirs, "-c", config)
    (own,), (other,) = ours.glob("*.h5"), theirs.glob("*.h5")
    assert own.name == other.name
    wrong = []
    with tables.open_file(own) as own, tables.open_file(other) as other:
        for path in (PARAMETERS, IMAGES, "/dl1/event/subarray/trigger"):
            a, b = own.get_node(path)[:], other.get_node(path)[:]
            assert a.dtype.names == b.dtype.names and len(a) == len(b) > 0, path
            for name in a.dtype.names:
                assert a[name].dtype == b[name].dtype, name
                if a[name].dtype.kind == "f":
                    scale = np.nanmax(np.abs(b[name]), initial=1e-12)
                    same = np.isclose(a[name], b[name], rtol=1e-5, atol=1e-6 * scale, equal_nan=True)
                else:
                    same = a[name] == b[name]
                if not np.all(same):
                    wrong.append(f"{path} {name}: {np.sum(~same)} of {same.size}: {a[name][~same][:3]} {b[name][~same][:3]}")
    return wrong


def test_images_and_parameters_of_the_generator_agree(folder):
    assert compare(folder, folder / "raw/gamma-diffuse_run2.simtel.gz") == []


@needs_real
@pytest.mark.parametrize("name", ["prod4_pixelsettings_v3.gz", "history_meta_75.simtel.zst"])
def test_images_and_parameters_of_files_of_others_agree(folder, name):
    file = folder / (name.replace(".gz", ".simtel.gz") if ".simtel" not in name else name)
    shutil.copy(REAL / "iact" / name, file)
    assert compare(folder, file) == []


PRODUCTION = """
workflow_kind: lstchain
prod_id: two_files
source_environment: {{source_file: {folder}/environment.sh, conda_env: lstchain}}
lstchain_config: {folder}/config.json
stages_to_run: [r0_to_dl1, merge_dl1, train_pipe, dl1_to_dl2]
stages:
  r0_to_dl1:
    - {{input: {folder}/DL0/gamma/node_theta_20.0_az_180.0_, output: {folder}/DL1/gamma}}
    - {{input: {folder}/DL0/proton/node_theta_20.0_az_180.0_, output: {folder}/DL1/proton}}
  merge_dl1:
    - {{input: {folder}/DL1/gamma, output: {folder}/DL1/gamma.h5, options: --no-image}}
    - {{input: {folder}/DL1/proton, output: {folder}/DL1/proton.h5, options: --no-image}}
  train_pipe:
    - {{input: {{gamma: {folder}/DL1/gamma.h5, proton: {folder}/DL1/proton.h5}}, output: {folder}/models}}
  dl1_to_dl2:
    - {{input: {folder}/DL1/gamma.h5, path_model: {folder}/models, output: {folder}/DL2}}
"""


def production(folder, text):
    """Runs a production on this machine."""
    # what a Conda installation gives: a file to source, and a command `conda`
    (folder / "environment.sh").write_text(f'. "{BIN}/activate"\nconda() {{ :; }}\nPATH="$PATH:{folder}/bin"\n')
    # the picture of importances is drawn by lstmcpipe's own program, which need not be there
    drawing = folder / "bin/lstmcpipe_plot_models_importance"
    drawing.parent.mkdir(exist_ok=True)
    drawing.write_text('#!/bin/sh\n: > "$1/features_importance.png"\n')
    drawing.chmod(0o755)
    (folder / "production.yml").write_text(text)
    words = ["--executor", "local", "--cpus", 16, "--memory", "400GB", "-y", "--no-progress"]
    return run(RECOIL, "production", "run", "production.yml", *words, cwd=folder)


def packed(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(Path(source).read_bytes(), 1))


def test_a_production_runs_by_the_commands_of_lstchain(folder):
    for number in (1, 2):
        raw = folder / f"raw_{number}"
        run(RECOIL, "iact", "simulate", "-o", raw, "--showers", 200, "--seed", number, "ending=simtel", "-q")
        for kind, name in (("gamma", "gamma-diffuse_run2"), ("proton", "proton_run3")):
            packed(raw / f"{name}.simtel", folder / f"DL0/{kind}/node_theta_20.0_az_180.0_/run{number}.simtel.gz")
    production(folder, PRODUCTION.format(folder=folder))
    assert sorted(path.name for path in (folder / "DL1/gamma").glob("*.h5")) == ["dl1_run1.h5", "dl1_run2.h5"]
    with tables.open_file(folder / "DL1/gamma.h5") as merged:
        rows = merged.get_node(PARAMETERS).nrows
        assert merged.get_node("/simulation/run_config").nrows == 2
    forests = {path.name for path in (folder / "models").glob("*.sav")}
    assert forests == {"reg_energy.sav", "reg_disp_norm.sav", "cls_disp_sign.sav", "cls_gh.sav"}
    with tables.open_file(next((folder / "DL2").glob("*.h5"))) as reconstructed:
        node = reconstructed.get_node("/dl2/event/telescope/parameters/LST_LSTCam")
        assert 0 < node.nrows <= rows and "gammaness" in node.dtype.names


@needs_real
def test_a_configuration_of_a_real_production_runs(folder):
    config = REAL / "production/configs/20250616_v0.10.12_LZA_investigation"
    text = (config / "lstmcpipe_config.yml").read_text()
    text = text.replace("/fefs/aswg/software/conda/etc/profile.d/conda.sh", f"{folder}/environment.sh")
    text = text.replace("/fefs/", f"{folder}/fefs/")
    raw = folder / "fefs/aswg/data/mc/DL0/LSTProd2/TestDataset/seasonal_variations"
    node = "sim_telarray/node_corsika_theta_68.068_az_231.243_/output"
    for season in ("Summer", "std_Winter"):
        for number in (1, 2):
            source = folder / f"DL0/gamma/node_theta_20.0_az_180.0_/run{number}.simtel.gz"
            target = raw / season / node / source.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    models = folder / "fefs/aswg/data/models/AllSky/20240918_v0.10.12_allsky_nsb_tuning_0.00/dec_931"
    shutil.copytree(folder / "models", models)
    shutil.copy(config / "lstchain_config.json", folder / "lstchain_config.json")
    said = production(folder, text)
    made = sorted((folder / "fefs").rglob("dl2_*.h5"))
    assert len(made) == 2, said
