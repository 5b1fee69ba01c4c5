"""Networks of the tau chain in onnxruntime: the same scores from dense grids as recoil computes from occupied cells."""
import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

onnxruntime = pytest.importorskip("onnxruntime")
RECOIL = os.environ.get("RECOIL_BIN", str(Path(__file__).resolve().parents[2] / "target/release/recoil"))
BLOCKS = {
    "egamma": [("GridGlobal", 0), ("PfCand_electron", 4), ("PfCand_gamma", 26), ("Electron", 49)],
    "muon": [("GridGlobal", 0), ("PfCand_muon", 4), ("Muon", 27)],
    "hadrons": [("GridGlobal", 0), ("PfCand_chHad", 4), ("PfCand_nHad", 31)],
}
WIDTH = {"egamma": 86, "muon": 64, "hadrons": 38}


def recoil(*words):
    done = subprocess.run([RECOIL, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("topology", ["reduced", "default"])
def test_onnxruntime_computes_the_same(topology, tmp_path):
    recoil("tau", "simulate", "-o", tmp_path / "tuples", "--candidates", 60, "--seed", 5)
    inputs = ["--input-dir", tmp_path / "tuples"]
    recoil("tau", "scale", *inputs, "-o", tmp_path / "scaling")
    scaling = tmp_path / "scaling" / "scaling_params_v1.json"
    model = tmp_path / "model"
    recoil("tau", "train", *inputs, "--scaling", scaling, "-o", model, "--topology", topology, "n_tau=50", "n_batches=3",
           "weights.use_weights=false")
    recoil("tau", "export", "--model", model, "-o", tmp_path / "model.onnx")
    recoil("tau", "apply", *inputs, "--model", model, "-o", tmp_path / "scores.parquet")
    for grid in ("both", "flat"):
        recoil("tau", "batches", *inputs, "--scaling", scaling, "--grid", grid, "-o", tmp_path / f"{grid}.parquet")
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    flat = pd.read_parquet(tmp_path / "flat.parquet")
    cells = pd.read_parquet(tmp_path / "both.parquet")
    assert len(scores) == len(flat) > 50
    row = {tau: index for index, tau in enumerate(flat["tau"])}
    feeds = {"input_tau": flat.drop(columns="tau").to_numpy(np.float32)}
    for place, side in (("inner", 11), ("outer", 21)):
        own = cells[cells["grid"] == place]
        for component, blocks in BLOCKS.items():
            dense = np.zeros((len(flat), side, side, WIDTH[component]), np.float32)
            for block, first in blocks:
                part = own[own["block"] == block]
                at = (part["tau"].map(row), part["eta_cell"], part["phi_cell"], part["feature_index"] + first)
                dense[tuple(index.to_numpy() for index in at)] = part["value"]
            feeds[f"input_{place}_{component}"] = dense
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    found = session.run(None, feeds)[0]
    expected = scores[["node_e", "node_mu", "node_tau", "node_jet"]].to_numpy()
    assert np.abs(found - expected).max() < 1e-5
    assert np.allclose(expected.sum(axis=1), 1, atol=1e-6)
