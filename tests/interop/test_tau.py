"""Candidate files that recoil writes, read back by uproot and by ROOT; files of uproot read by recoil.

    pytest tests/interop/test_tau.py        (RECOIL_BIN: the program)
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

RECOIL = os.environ.get("RECOIL_BIN", "target/release/recoil")


def recoil(*words):
    done = subprocess.run([RECOIL, "tau", *map(str, words), "--json", "-q"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tau")
    recoil("simulate", "-o", folder / "sim", "--candidates", 200)
    recoil("spectrum", "--input-dir", folder / "sim", "-o", folder / "spectra")
    recoil("shuffle-merge", "--input", folder / "spectra/entries.txt", "--cfg", folder / "sim/groups.cfg",
           "--prefix", folder / "sim", "--input-spec", folder / "spectra", "--pt-bins", "20,40,1000",
           "--eta-bins", "0,2.4", "-o", folder / "merged")
    return folder


def test_uproot_reads_merged_files_as_cpp_vectors(folder):
    tree = uproot.open(folder / "merged/merged_0.root")["taus"]
    assert len(tree.branches) == 711
    assert tree["pfCand_pt"].typename == "std::vector<float>"
    assert tree["photon_hasPixelSeed"].typename == "std::vector<bool>"
    arrays = tree.arrays(["tauType", "dataset_id", "tau_pt", "pfCand_pt", "pfCand_particleType"])
    assert set(arrays["tauType"].to_list()) == {0, 1, 2, 3}
    assert ak.all(ak.num(arrays["pfCand_pt"]) == ak.num(arrays["pfCand_particleType"]))
    ids = json.loads((folder / "merged/dataset_hash.json").read_text())
    assert set(arrays["dataset_id"].to_list()) <= {int(i) for i in ids.values()}
    # every row is one of the inputs, with all that belongs to it
    rows = {}
    for file in (folder / "sim").glob("*/*.root"):
        for row in uproot.open(file)["taus"].arrays(["evt", "tau_pt", "pfCand_dz", "muon_pt"]).to_list():
            rows[row["evt"], row["tau_pt"]] = (row["pfCand_dz"], row["muon_pt"])
    for row in tree.arrays(["evt", "tau_pt", "pfCand_dz", "muon_pt"]).to_list():
        assert rows[row["evt"], row["tau_pt"]] == (row["pfCand_dz"], row["muon_pt"])


def test_uproot_reads_spectra(folder):
    file = uproot.open(folder / "spectra/DYJetsToLL.root")
    total = sum(file[key].values().sum() for key in ("eta_pt_hist_e", "eta_pt_hist_mu", "eta_pt_hist_tau", "eta_pt_hist_jet"))
    assert total + file["not_valid"].values().sum() == 800


def test_root_reads_merged_files(folder):
    pytest.importorskip("ROOT", reason="ROOT is not installed: its part is skipped")
    code = f"""
import warnings
warnings.simplefilter("ignore")  # ROOT's Python package warns about itself
import ROOT
file = ROOT.TFile("{folder}/merged/merged_0.root")
tree = file.Get("taus")
rows = total = 0
for row in tree:
    rows += 1
    total += sum(row.pfCand_pt)
assert tree.GetBranch("pfCand_pt").GetClassName() == "vector<float>"
frame = ROOT.RDataFrame(tree)
assert abs(frame.Define("s", "Sum(pfCand_pt)").Sum("s").GetValue() - total) < 1e-3 * total
print(rows, total)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr and "Error" not in done.stderr, done.stderr
    rows, total = done.stdout.split()
    array = uproot.open(folder / "merged/merged_0.root")["taus/pfCand_pt"].array()
    assert int(rows) == len(array)
    assert abs(float(total) - ak.sum(ak.values_astype(array, "float64"))) < 1e-5 * float(total)


def test_files_of_uproot_are_read(folder):
    names = ["tau_pt", "tau_eta", "tau_phi", "tau_index", "sampleType", "genLepton_index", "genLepton_kind",
             "genLepton_vis_pt", "genLepton_vis_eta", "genLepton_vis_phi", "genJet_index", "evt"]
    source = folder / "sim/TTJets/eventTuple_0.root"
    arrays = uproot.open(source)["taus"].arrays(names + ["pfCand_pt"])
    with uproot.recreate(folder / "uproot.root") as file:
        file.mktree("taus", {name: arrays[name] for name in names} | {"pfCand": ak.zip({"pt": arrays["pfCand_pt"]})})
    ours = recoil("spectrum", "--input", folder / "uproot.root", "-o", folder / "of_uproot")
    theirs = recoil("spectrum", "--input", source, "-o", folder / "of_recoil")
    assert [row["candidates"] for row in ours["tables"]["candidates"]] == \
           [row["candidates"] for row in theirs["tables"]["candidates"]]


def test_parquet_twin_is_read_by_pyarrow(folder):
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: its part is skipped")
    source = folder / "sim/QCD/eventTuple_0.root"
    recoil("import", "--input", source, "-o", folder / "twin.parquet")
    table = pq.read_table(folder / "twin.parquet")
    tree = uproot.open(source)["taus"]
    assert table.column_names == tree.keys()
    assert table["pfCand_eta"].to_pylist() == tree["pfCand_eta"].array().to_list()
    assert np.array_equal(table["evt"].to_numpy(), tree["evt"].array().to_numpy())
