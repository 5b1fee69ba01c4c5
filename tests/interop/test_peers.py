"""Comparisons with other packages that also run by hand: networks over particles in onnxruntime, HDF5 files in h5py, PyTables, pandas."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
RECOIL = os.environ.get("RECOIL_BIN", str(HERE.parents[1] / "target/release/recoil"))


@pytest.mark.parametrize("script", ["tau_points.py", "read_hdf5.py"])
def test_the_peers_agree(script):
    done = subprocess.run([sys.executable, str(HERE / script), RECOIL], capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0 and "ok" in done.stdout, done.stdout + done.stderr
