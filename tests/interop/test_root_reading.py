"""recoil reads every branch as uproot does: on files made here with uproot and ROOT, and on files from the wild."""

import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
DIGEST = pathlib.Path(os.environ.get("RECOIL_EXAMPLES", "target/release/examples")) / "root_digest"


def compare(folder):
    done = subprocess.run(
        [sys.executable, HERE / "compare_uproot.py", DIGEST, folder], capture_output=True, text=True, timeout=1200
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


def test_corpus_of_many_layouts(tmp_path):
    subprocess.run([sys.executable, HERE / "make_corpus.py", tmp_path], check=True, timeout=1200)
    compare(tmp_path)


def test_ntuples_of_many_kinds(tmp_path):
    subprocess.run([sys.executable, HERE / "make_ntuples.py", tmp_path], check=True, timeout=1200, capture_output=True)
    compare(tmp_path)


@pytest.mark.skipif("RECOIL_REALDATA" not in os.environ, reason="RECOIL_REALDATA names no folder: files from the wild are NOT tested")
def test_files_from_the_wild():
    compare(os.environ["RECOIL_REALDATA"])
