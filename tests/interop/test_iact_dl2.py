"""Reconstructed events in HDF5: PyTables and pandas read them, lstchain makes the same responses of them.

    pytest tests/interop/test_iact_dl2.py   (RECOIL_BIN: the program; some tests need lstchain)
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tables

ROOT = Path(__file__).resolve().parents[2]
RECOIL = os.environ.get("RECOIL_BIN", str(ROOT / "target/release/recoil"))
KEY = "dl2/event/telescope/parameters/LST_LSTCam"
PARTICLES = ["gamma", "gamma-diffuse", "proton", "electron"]
NEW = ["log_reco_energy", "reco_energy", "reco_disp_norm", "reco_disp_sign", "reco_disp_sign_proba", "reco_disp_dx",
       "reco_disp_dy", "reco_src_x", "reco_src_y", "signed_time_gradient", "signed_skewness", "reco_alt", "reco_az",
       "gammaness", "reco_type"]


def recoil(*words):
    done = subprocess.run([RECOIL, "iact", *map(str, words), "-q"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dl2")
    recoil("simulate", "-o", folder / "raw", "--showers", 150)
    for number, particle in enumerate(PARTICLES, 1):
        raw = folder / f"raw/{particle}_run{number}.simtel.zst"
        recoil("r0-to-dl1", "-f", raw, "-o", folder / "dl1", "write_pe_image=true")
    small = [f"random_forest_{name}_args.n_estimators=5" for name in
             ("energy_regressor", "disp_regressor", "disp_classifier", "particle_classifier")]
    recoil("train", "--fg", folder / "dl1/dl1_gamma-diffuse_run2.h5", "--fp", folder / "dl1/dl1_proton_run3.h5",
           "--output-dir", folder / "models", *small)
    for number, particle in enumerate(PARTICLES, 1):
        recoil("dl1-to-dl2", "--input-files", folder / f"dl1/dl1_{particle}_run{number}.h5", "-p", folder / "models",
               "-o", folder / "dl2")
    return folder


def test_dl2_files_have_the_layout_of_lstchain(folder):
    for number, particle in enumerate(PARTICLES, 1):
        dl1, dl2 = folder / f"dl1/dl1_{particle}_run{number}.h5", folder / f"dl2/dl2_{particle}_run{number}.h5"
        before = pd.read_hdf(dl1, key=KEY.replace("dl2", "dl1"))
        frame = pd.read_hdf(dl2, key=KEY)
        assert list(frame.columns) == list(before.columns) + NEW
        kept = before.set_index("event_id").loc[frame.event_id]
        for column in ["intensity", "psi", "mc_energy", "tel_id", "az_tel"]:
            np.testing.assert_array_equal(kept[column], frame[column])
            assert before[column].dtype == frame[column].dtype
        assert frame.gammaness.between(0, 1).all() and set(frame.reco_disp_sign) <= {-1, 1}
        with tables.open_file(dl2) as file:
            assert "/dl1/event/telescope/image" not in file and "/dl1/event/telescope/parameters" not in file
            assert file.get_node("/simulation/run_config")[0]["n_showers"] == 150
            assert file.get_node("/simulation/thrown_event_distribution")[0]["num_entries"] == 750
            assert file.get_node("/configuration/instrument/subarray/layout").nrows == 1
            assert json.loads(file.get_node("/" + KEY).attrs["config"])["disp_method"] == "disp_norm_sign"


def test_true_images_are_those_of_the_simulation(folder):
    from eventio import SimTelFile

    with SimTelFile(str(folder / "raw/gamma_run1.simtel.zst")) as file:
        expected = {event["event_id"]: event["photoelectrons"][0] for event in file}
    with tables.open_file(folder / "dl1/dl1_gamma_run1.h5") as file:
        found = file.get_node("/dl1/event/simulation/LST_LSTCam")[:]
    assert len(found) == len(expected) > 0
    for row in found:
        light = expected[row["event_id"]]
        np.testing.assert_array_equal(row["true_image"], light["photoelectrons"])
        assert row["true_image_sum"] == light["n_pe"] and row["tel_id"] == 1


def test_runs_stand_in_the_metadata_of_parquet(folder):
    parquet = pytest.importorskip("pyarrow.parquet")
    recoil("r0-to-dl1", "-f", folder / "raw/proton_run3.simtel.zst", "-o", folder / "parquet", "format=parquet")
    metadata = parquet.read_schema(folder / "parquet/dl1_proton_run3.parquet").metadata
    (run,) = json.loads(metadata[b"simulation"])
    assert run["n_showers"] == 150 and run["shower_reuse"] == 5 and run["max_viewcone_radius"] == 3


@pytest.mark.parametrize("kind", ["full", "point"])
def test_lstchain_makes_the_same_responses(folder, tmp_path, kind):
    pytest.importorskip("lstchain")
    from astropy.io import fits

    files = ["-g", folder / "dl2/dl2_gamma-diffuse_run2.h5", "-p", folder / "dl2/dl2_proton_run3.h5",
             "-e", folder / "dl2/dl2_electron_run4.h5"]
    words = ["--energy-dependent-gh", "--energy-dependent-theta", "--point-like"] if kind == "point" else []
    config = tmp_path / "irf.json"
    config.write_text(json.dumps({"DL3Cuts": {"min_event_p_en_bin": 20}}))
    ours, theirs = tmp_path / "ours.fits.gz", tmp_path / "theirs.fits.gz"
    recoil("irfs", *files, "-o", ours, "--config", config, *words)
    program = Path(os.sys.executable).with_name("lstchain_create_irf_files")
    command = [str(program), *map(str, files), "-o", str(theirs), f"--config={config}", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    with fits.open(ours) as a, fits.open(theirs) as b:
        assert [hdu.name for hdu in a][1:] == [hdu.name for hdu in b][1:]
        for mine, other in zip(a[1:], b[1:]):
            assert mine.columns.names == other.columns.names
            for name in mine.columns.names:
                x, y = mine.data[name], other.data[name]
                # lstchain's background is written with its axes turned around
                if name == "BKG":
                    y = y.reshape(x.shape[0], *x.shape[:0:-1]).transpose(0, 2, 1) if y.shape != x.shape else y
                np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-30, err_msg=f"{mine.name} {name}")
            for key in ["ZEN_PNT", "AZ_PNT", "B_DELTA", "HDUCLAS4"]:
                if key in other.header:
                    assert mine.header[key] == pytest.approx(other.header[key], abs=1e-4)
