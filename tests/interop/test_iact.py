"""Files of Cherenkov telescopes: pyeventio, h5py, PyTables and pandas read what recoil writes, recoil reads the others' files.

    pytest tests/interop/test_iact.py   (RECOIL_BIN: the program; RECOIL_REALDATA: a folder with iact/ of pyeventio's files)
"""

import json
import os
import subprocess
import warnings
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import tables
from eventio import EventIOFile, SimTelFile

RECOIL = os.environ.get("RECOIL_BIN", "target/release/recoil")
REAL = Path(os.environ.get("RECOIL_REALDATA", "nowhere")) / "iact"
SAMPLES = ["gamma_run1", "gamma-diffuse_run2", "proton_run3", "electron_run4"]


def recoil(*words, expected=(0,)):
    done = subprocess.run([RECOIL, "iact", *map(str, words), "--json", "-q"], capture_output=True, text=True)
    assert done.returncode in expected, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("iact")
    recoil("simulate", "-o", folder / "raw", "--showers", 25)
    files = [word for name in SAMPLES for word in ("-f", folder / f"raw/{name}.simtel.zst")]
    recoil("r0-to-dl1", *files, "-o", folder / "dl1")
    recoil("r0-to-dl1", *files, "-o", folder / "parquet", "format=parquet")
    return folder


def counts(path):
    found = Counter()

    def walk(objects):
        for item in objects:
            found[item.header.type, item.header.version] += 1
            if item.header.only_subobjects:
                walk(item)

    try:
        walk(EventIOFile(str(path)))
    except (EOFError, StopIteration):
        pass
    return found


@pytest.mark.skipif(not REAL.is_dir(), reason="RECOIL_REALDATA does not name a folder with iact/")
def test_counts_of_real_files():
    checked = 0
    for path in sorted(REAL.iterdir()):
        try:
            expected = counts(path)
        except ValueError:
            continue
        listed = recoil("ls", path, expected=(0, 5))
        found = {(row["type"], row["version"]): row["count"] for row in listed["tables"]["counts"]}
        assert found == dict(expected), path
        checked += 1
    assert checked > 20


def test_pyeventio_reads_the_generator(folder):
    for name in SAMPLES:
        path = folder / f"raw/{name}.simtel.zst"
        listed = recoil("ls", path)
        assert {(row["type"], row["version"]): row["count"] for row in listed["tables"]["counts"]} == dict(counts(path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with SimTelFile(str(path)) as file:
                events = list(file)
        assert file.histograms[0]["id"] == 6
        table = pd.read_parquet(folder / f"parquet/dl1_{name}.parquet")
        assert len(events) == len(table)
        for event, row in zip(events, table.itertuples()):
            assert event["event_id"] == row.event_id
            assert event["mc_shower"]["energy"] == np.float32(row.mc_energy)
            assert event["mc_event"]["xcore"] == np.float32(row.mc_core_x)
            assert event["telescope_events"][1]["adc_samples"].shape == (2, 1855, 40)
            assert event["photoelectrons"][0]["n_pe"] == len(event["photoelectrons"][0]["time"])


def test_dl1_files_are_read_by_h5py_pytables_and_pandas(folder):
    key = "dl1/event/telescope/parameters/LST_LSTCam"
    for name in SAMPLES:
        path = folder / f"dl1/dl1_{name}.h5"
        table = pd.read_parquet(folder / f"parquet/dl1_{name}.parquet")
        with h5py.File(path) as file:
            plain = file[key][:]
        with tables.open_file(path) as file:
            node = file.get_node("/" + key)
            rows = node[:]
            assert node.attrs["CTAFIELD_4_UNIT"] == "m"
            assert json.loads(node.attrs["config"])["tailcut"]["picture_thresh"] == 8
            images = file.get_node("/dl1/event/telescope/image/LST_LSTCam")
            mask, charge = images.col("image_mask"), images.col("image")
            assert mask.dtype == bool and charge.shape[1:] == (1855,)
            assert file.get_node("/simulation/run_config")[0]["shower_reuse"] == 5
            assert file.get_node("/simulation/thrown_event_distribution")[0]["histogram"].shape == (120, 200)
        frame = pd.DataFrame({column: rows[column] for column in rows.dtype.names})
        assert list(frame.columns) == list(table.columns)
        for column in frame.columns:
            assert frame[column].dtype == table[column].dtype, column
            np.testing.assert_array_equal(frame[column], table[column])
            np.testing.assert_array_equal(plain[column], rows[column])
        kept = frame["n_pixels"].clip(lower=0)
        np.testing.assert_array_equal(mask.sum(axis=1), kept)


def test_merge_keeps_all_rows(folder):
    recoil("split", "-d", folder / "dl1", "-o", folder / "split")
    recoil("merge", "-f", folder / "dl1/dl1_gamma_run1.h5", "-f", folder / "dl1/dl1_gamma_run1.h5", "-o",
           folder / "merged.h5", "--no-image")
    key = "/dl1/event/telescope/parameters/LST_LSTCam"
    with tables.open_file(folder / "merged.h5") as merged, tables.open_file(folder / "dl1/dl1_gamma_run1.h5") as one:
        assert merged.get_node(key).nrows == 2 * one.get_node(key).nrows
        assert merged.get_node("/simulation/run_config").nrows == 2
        assert "/dl1/event/telescope/image" not in merged
        assert merged.get_node("/source_filenames/filenames").nrows == 2


def test_ctapipe_reads_the_instrument(folder):
    instrument = pytest.importorskip("ctapipe.instrument")
    subarray = instrument.SubarrayDescription.from_hdf(folder / "dl1/dl1_gamma_run1.h5")
    geometry = subarray.tel[1].camera.geometry
    assert str(subarray.tel[1]) == "LST_LST_LSTCam" and geometry.n_pixels == 1855
    assert subarray.tel[1].optics.equivalent_focal_length.to_value("m") == 28.0


def test_lstchain_reads_the_files(folder):
    io = pytest.importorskip("lstchain.io.io")
    path = folder / "dl1/dl1_gamma_run1.h5"
    config = io.read_simu_info_hdf5(path)
    assert config.n_showers == 25
    assert io.read_simtel_energy_histogram(path).num_entries == 125
    frame = pd.read_hdf(path, key=io.dl1_params_lstcam_key)
    assert len(frame) > 0
