"""Forests to and from scikit-learn; responses read by astropy, gammapy and pyirf; forests read by safetensors."""
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
RECOIL = os.environ.get("RECOIL_BIN", str(ROOT / "target/release/recoil"))
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "benches/forest")]


def recoil(*words):
    done = subprocess.run([RECOIL, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    pytest.importorskip("pyarrow")
    folder = tmp_path_factory.mktemp("dl1")
    subprocess.run([sys.executable, ROOT / "benches/forest/gen_dl1.py", folder, "6000"], check=True)
    return folder


@pytest.fixture(scope="module")
def models(tables):
    folder = tables / "models"
    small = [f"random_forest_{name}_args.n_estimators=12" for name in
             ("energy_regressor", "disp_regressor", "disp_classifier", "particle_classifier")]
    recoil("iact", "train", "-g", tables / "dl1_gamma_train.parquet", "-p", tables / "dl1_proton_train.parquet",
           "-o", folder, *small)
    return folder


@pytest.fixture(scope="module")
def dl2(tables, models):
    folder = tables / "dl2"
    recoil("iact", "dl1-to-dl2", "-f", tables / "dl1_gamma_test.parquet", "-f", tables / "dl1_proton_test.parquet",
           "--path-models", models, "-o", folder)
    return folder


HEADER = {"n_showers": 400000, "energy_range_min": 0.02, "energy_range_max": 50, "max_scatter_range": 350,
          "max_viewcone_radius": 2.5}


def responses(dl2, path, *words):
    simulation = {kind: HEADER for kind in ("gamma", "proton", "electron")}
    config = dl2 / "irf.json"
    config.write_text(json.dumps({"simulation": simulation, "EventSelector": {"filters": {"r": [0, 2]}}}))
    cosmic = ["-p", dl2 / "dl2_proton_test.parquet", "-e", dl2 / "dl2_proton_test.parquet"]
    recoil("iact", "irfs", "-g", dl2 / "dl2_gamma_test.parquet", *cosmic, "-o", path, "-c", config, *words)
    return path


@pytest.mark.parametrize("kind", ["regressor", "two outputs", "classifier", "three classes"])
def test_forests_of_scikit_learn_answer_the_same(kind, tables, tmp_path):
    ensemble = pytest.importorskip("sklearn.ensemble")
    from export_forest import export_forest
    load_file = pytest.importorskip("safetensors.numpy").load_file

    rng = np.random.default_rng(3)
    x = rng.normal(size=(2000, 4)).astype(np.float32)
    value = x[:, 0] + x[:, 1] ** 2 + 0.1 * rng.normal(size=2000)
    forests = ensemble.RandomForestRegressor, ensemble.RandomForestClassifier
    grow, y = {
        "regressor": (forests[0], value),
        "two outputs": (forests[0], np.stack([value, -x[:, 2]], axis=1)),
        "classifier": (forests[1], np.where(value > 1, 101, 0)),
        "three classes": (forests[1], np.digitize(value, [0, 1])),
    }[kind]
    forest = grow(n_estimators=5, min_samples_leaf=3, random_state=1).fit(x, y)
    export_forest(forest, tmp_path / "forest.npz", ["a", "b", "c", "d"])
    shown = json.loads(recoil("forest", "import", tmp_path / "forest.npz", "-o", tmp_path / "f.safetensors", "--json"))
    assert shown["trees"] == 5
    np.testing.assert_allclose(list(shown["importances"].values()), forest.feature_importances_, rtol=1e-9)
    nodes = load_file(tmp_path / "f.safetensors")
    width = 2 if kind == "two outputs" else len(np.unique(y)) if "class" in kind else 1
    answer = np.zeros((len(x), width))
    for first in nodes["start"]:
        at = np.full(len(x), first)
        while True:
            inner = nodes["feature"][at] != 65535
            if not inner.any():
                break
            feature = np.where(inner, nodes["feature"][at], 0)
            right = x[np.arange(len(x)), feature] > nodes["threshold"][at]
            child = np.where(right, nodes["right"][at], nodes["left"][at])
            at = np.where(inner, first + child, at).astype(np.int64)
        answer += nodes["value"].reshape(-1, width)[at]
    expected = forest.predict(x) if grow is forests[0] else forest.predict_proba(x)
    np.testing.assert_allclose(answer / 5, expected.reshape(len(x), width), rtol=1e-12, atol=1e-12)


def test_a_pickle_of_joblib_is_exported(tables, tmp_path):
    joblib, ensemble = pytest.importorskip("joblib"), pytest.importorskip("sklearn.ensemble")
    x = np.random.default_rng(1).normal(size=(300, 2))
    joblib.dump(ensemble.RandomForestRegressor(n_estimators=2).fit(x, x[:, 0]), tmp_path / "reg.sav", compress=3)
    subprocess.run([sys.executable, ROOT / "tools/export_forest.py", tmp_path / "reg.sav", tmp_path / "reg.npz", "a", "b"],
                   check=True)
    recoil("forest", "import", tmp_path / "reg.npz", "-o", tmp_path / "reg.safetensors")
    assert "a " in recoil("forest", "show", tmp_path / "reg.safetensors")


def test_gammapy_reads_full_enclosure_responses(dl2, tmp_path):
    irf = pytest.importorskip("gammapy.irf")
    from astropy import units as u
    from astropy.io import fits

    path = responses(dl2, tmp_path / "irf.fits")
    with fits.open(path, checksum=True) as file:
        file.verify("exception")
        assert [hdu.name for hdu in file] == ["PRIMARY", "EFFECTIVE AREA", "ENERGY DISPERSION", "BACKGROUND", "PSF"]
        stored = file["BACKGROUND"].data["BKG"][0]
    area = irf.EffectiveAreaTable2D.read(path, hdu="EFFECTIVE AREA")
    assert area.data.shape == (25, 8) and area.unit == "m2"
    assert area.evaluate(energy_true=1 * u.TeV, offset=0.5 * u.deg).to_value("m2").item() > 1e3
    dispersion = irf.EnergyDispersion2D.read(path, hdu="ENERGY DISPERSION")
    assert dispersion.data.shape == (25, 30, 8)
    kernel = dispersion.to_edisp_kernel(offset=0.5 * u.deg)
    assert 0.5 < kernel.pdf_matrix.sum(axis=1).max() < 1.5
    psf = irf.PSF3D.read(path, hdu="PSF")
    assert psf.data.shape == (25, 8, 100)
    radius = psf.containment_radius(fraction=0.68, energy_true=1 * u.TeV, offset=0.5 * u.deg)
    assert 0.01 < radius.to_value("deg").item() < 1
    background = irf.Background2D.read(path, hdu="BACKGROUND")
    assert background.data.shape == (25, 20) and stored.shape == (20, 25)
    np.testing.assert_array_equal(background.data, stored.T)


def test_gammapy_reads_point_like_responses(dl2, tmp_path):
    irf = pytest.importorskip("gammapy.irf")
    words = ["--point-like", "--energy-dependent-gh", "--energy-dependent-theta", "--gh-efficiency", "0.7"]
    path = responses(dl2, tmp_path / "irf.fits.gz", *words)
    loaded = irf.load_irf_dict_from_file(str(path))
    assert {"aeff", "edisp", "bkg", "rad_max"} <= set(loaded)
    assert loaded["aeff"].is_pointlike and loaded["rad_max"].data.shape == (25, 1)
    from astropy.table import Table

    cuts = Table.read(path, hdu="GH_CUTS")
    assert cuts.colnames == ["low", "high", "center", "n_events", "cut"] and len(cuts) == 25
    assert cuts.meta["GH_EFF"] == 0.7 and cuts.meta["ETRUE_SCALE"] == 1.0


def test_pyirf_reads_the_responses(dl2, tmp_path):
    gadf = pytest.importorskip("pyirf.io.gadf")
    path = responses(dl2, tmp_path / "irf.fits")
    from astropy.io import fits

    readers = {
        "EFFECTIVE AREA": getattr(gadf, "read_aeff2d_hdu", None),
        "ENERGY DISPERSION": getattr(gadf, "read_energy_dispersion_hdu", None),
        "PSF": getattr(gadf, "read_psf_table_hdu", None),
        "BACKGROUND": getattr(gadf, "read_background_2d_hdu", None),
    }
    if not any(readers.values()):
        pytest.skip("this version of pyirf writes responses and does not read them")
    for name, read in readers.items():
        if read is None:
            continue
        values = read(str(path), name)
        values = values[0] if isinstance(values, tuple) else values
        with fits.open(path) as file:
            stored = file[name].data[file[name].columns.names[-1]][0]
        assert np.asarray(values).squeeze().size == stored.size


def test_responses_are_those_of_pyirf(dl2, tmp_path):
    pytest.importorskip("pyirf")
    import astropy.units as u
    import pandas as pd
    from astropy.coordinates import angular_separation
    from astropy.io import fits
    from astropy.table import QTable
    from pyirf.irf import effective_area_per_energy_and_fov, energy_dispersion, psf_table
    from pyirf.simulations import SimulatedEventsInfo

    path = responses(dl2, tmp_path / "irf.fits")
    events = pd.read_parquet(dl2 / "dl2_gamma_test.parquet")
    events = events[(events.r <= 2) & events.wl.between(0.01, 1) & (events.gammaness > 0.6)]
    table = QTable()
    table["true_energy"], table["reco_energy"] = events.mc_energy.to_numpy() * u.TeV, events.reco_energy.to_numpy() * u.TeV
    pointing = events.mc_az_tel.astype(float), events.mc_alt_tel.astype(float)
    table["true_source_fov_offset"] = np.degrees(angular_separation(*pointing, events.mc_az, events.mc_alt)).to_numpy() * u.deg
    table["theta"] = np.degrees(angular_separation(events.mc_az, events.mc_alt, events.reco_az, events.reco_alt)).to_numpy() * u.deg
    offsets = np.linspace(0.1, 1.1, 9) * u.deg
    table = table[table["true_source_fov_offset"] <= offsets.max()]
    energy, migration, source = np.geomspace(0.005, 500, 26) * u.TeV, np.geomspace(0.2, 5, 31), np.linspace(0, 1, 101) * u.deg
    thrown = SimulatedEventsInfo(400000, 0.02 * u.TeV, 50 * u.TeV, 350 * u.m, -2.0, 0 * u.deg, 2.5 * u.deg)
    with np.errstate(invalid="ignore", divide="ignore"):
        area = np.nan_to_num(effective_area_per_energy_and_fov(table, thrown, energy, offsets).to_value("m2"), posinf=0)
    expected = {
        "EFFECTIVE AREA": area.T,
        "ENERGY DISPERSION": energy_dispersion(table, energy, offsets, migration).T,
        "PSF": psf_table(table, energy, source, offsets).to_value("1/sr").transpose(2, 1, 0),
    }
    with fits.open(path) as file:
        for name, values in expected.items():
            stored = file[name].data[file[name].columns.names[-1]][0]
            np.testing.assert_allclose(stored, values, rtol=1e-9, atol=1e-12, err_msg=name)
