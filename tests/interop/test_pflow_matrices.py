"""Parquet with matrices of features, as the reference program writes it with awkward, through `recoil pflow import`."""
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

ak = pytest.importorskip("awkward")
parquet = pytest.importorskip("pyarrow.parquet")
RECOIL = os.environ.get("RECOIL_BIN", str(Path(__file__).resolve().parents[2] / "target/release/recoil"))
# the columns of the reference, tracks and clusters side by side
TRACK = ["type", "pt", "eta", "sin_phi", "cos_phi", "energy", "chi2_or_x", "ndf_or_y", "dedx_or_z", "dedx_error_or_theta",
         "radius_or_ecal", "tan_lambda_or_hcal", "d0_or_other", "omega_or_hits", "z0_or_sigma_x", "time_or_sigma_y"]
CLUSTER = [*TRACK, "sigma_z"]
TARGET = ["pdg", "charge", "pt", "eta", "sin_phi", "cos_phi", "energy", "ispu", "generator_status", "simulator_status",
          "gp_to_track", "gp_to_cluster", "jet_idx", "particle_number"]


def recoil(*words):
    done = subprocess.run([RECOIL, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("single", [True, False])
def test_tracks_and_clusters_come_back(single, tmp_path):
    rng = np.random.default_rng(5)
    counts = [(3, 4), (0, 2), (5, 0), (0, 0), (1, 1)]

    def matrix(count, columns, kind):
        values = rng.uniform(0.1, 9, (count, columns)).astype(np.float32)
        values[:, 0] = kind
        return values

    def targets(count, columns):
        values = matrix(count, columns, 0)
        values[:, 0] = rng.choice([0, 211, 130, 22, 11, 13], count)
        values[:, 1] = rng.choice([-1, 0, 1], count)
        return values

    events = {
        "X_track": [matrix(t, len(TRACK), 1) for t, _ in counts],
        "X_cluster": [matrix(c, len(CLUSTER), 2) for _, c in counts],
        "ytarget_track": [targets(t, 14) for t, _ in counts],
        "ytarget_cluster": [targets(c, 14) for _, c in counts],
        "ycand_track": [targets(t, 7) for t, _ in counts],
        "ycand_cluster": [targets(c, 7) for _, c in counts],
    }

    def jagged(arrays):
        rows = ak.unflatten(np.concatenate(arrays).ravel(), [a.shape[1] for a in arrays for _ in range(len(a))])
        return ak.unflatten(rows, [len(a) for a in arrays])

    columns = {name: jagged(arrays) for name, arrays in events.items()}
    ak.to_parquet(ak.Record(columns) if single else ak.Array(columns), str(tmp_path / "events.parquet"))
    recoil("pflow", "import", "--input", tmp_path / "events.parquet", "-o", tmp_path / "imported.parquet")
    table = parquet.read_table(tmp_path / "imported.parquet").to_pylist()
    assert len(table) == len(counts)
    for index, (row, (tracks, clusters)) in enumerate(zip(table, counts)):
        for place, name in enumerate(CLUSTER):
            track = events["X_track"][index][:, place] if place < len(TRACK) else np.zeros(tracks)
            expected = [*track, *events["X_cluster"][index][:, place]]
            assert np.array_equal(np.float32(row[f"elem_{name}"]), np.float32(expected)), name
        for kind, names in (("target", TARGET), ("cand", TARGET[:7])):
            both = [events[f"y{kind}_track"][index], events[f"y{kind}_cluster"][index]]
            for place, name in enumerate(names):
                expected = np.float32(np.concatenate([matrix[:, place] for matrix in both]))
                assert np.array_equal(np.float32(row[f"{kind}_{name}"]), expected), (kind, name)
