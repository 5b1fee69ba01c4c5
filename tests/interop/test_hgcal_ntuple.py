"""The trigger chain finds the same clusters in a tree and in an RNTuple that uproot wrote as in the Parquet table."""

import os
import pathlib
import subprocess

import awkward as ak
import numpy as np
import pandas as pd
import uproot

RECOIL = os.environ.get("RECOIL_BIN", "target/release/recoil")
GOLDEN = pathlib.Path(__file__).parents[2] / "testdata" / "golden" / "hgcal"
TREE = "FloatingpointThresholdDummyHistomaxnoareath20"
RENAMED = {"tc_wu": "tc_waferu", "tc_wv": "tc_waferv", "tc_cu": "tc_cellu", "tc_cv": "tc_cellv"}


def run(table, out):
    subprocess.run([RECOIL, "hgcal", "run", "-q", "--input", str(table), "-o", str(out)], check=True, capture_output=True)
    return pd.read_parquet(out / "clusters.parquet"), pd.read_parquet(out / "assignment.parquet")


def test_same_clusters(tmp_path):
    cells = pd.read_parquet(GOLDEN / "tcs.parquet")
    cells = cells[cells["sample"] == "pu0"].sort_values(["event", "tc_index"])
    events, counts = np.unique(cells["event"].to_numpy(), return_counts=True)
    branches = {"event": events.astype(np.int32), "tc_n": counts.astype(np.int32)}
    for name in [c for c in cells.columns if c.startswith("tc_") and c != "tc_index"]:
        branches[RENAMED.get(name, name)] = ak.unflatten(cells[name].to_numpy(), counts)
    branches["tc_zside"] = ak.unflatten(np.ones(len(cells), np.int32), counts)
    with uproot.recreate(tmp_path / "ntuple.root") as file:
        types = {k: v.dtype if isinstance(v, np.ndarray) else v.type.content for k, v in branches.items()}
        file.mkdir(TREE).mktree("HGCalTriggerNtuple", types).extend(branches)
    with uproot.recreate(tmp_path / "rntuple.root") as file:
        file[f"{TREE}/HGCalTriggerNtuple"] = branches
    cells.drop(columns="sample").to_parquet(tmp_path / "cells.parquet")

    clusters, cells_of = run(tmp_path / "cells.parquet", tmp_path / "from_parquet")
    assert len(clusters) > 50
    for kind in ["ntuple", "rntuple"]:
        clusters_root, cells_of_root = run(tmp_path / f"{kind}.root", tmp_path / f"from_{kind}")
        for column in ["event", "seed_idx", "en", "pt", "eta", "phi"]:
            np.testing.assert_array_equal(clusters[column], clusters_root[column])
        for column in ["event", "seed_idx", "tc_layer", "tc_wu", "tc_wv", "tc_cu", "tc_cv"]:
            np.testing.assert_array_equal(cells_of[column], cells_of_root[column])

    golden = pd.read_parquet(GOLDEN / "clusters.parquet")
    golden = golden[(golden["sample"] == "pu0") & (golden["kernel"] == "default") & (golden["seed_window"] == 1)]
    golden = golden[golden["algo"] == "min_distance"].sort_values(["event", "seed_idx"])
    assert golden["event"].tolist() == clusters["event"].tolist()
    np.testing.assert_allclose(clusters["en"], golden["en"], rtol=1e-6)
