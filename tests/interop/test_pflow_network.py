"""Particle-flow networks that recoil trains, in onnxruntime: any number of elements, padding that changes nothing."""
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

onnxruntime = pytest.importorskip("onnxruntime")
parquet = pytest.importorskip("pyarrow.parquet")
RECOIL = os.environ.get("RECOIL_BIN", str(Path(__file__).resolve().parents[2] / "target/release/recoil"))
SMALL = ["architecture.layers=2", "architecture.heads=4", "architecture.head_width=8"]
CLASSES = [0, 211, 130, 22, 11, 13]


def recoil(*words):
    done = subprocess.run([RECOIL, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    path = tmp_path_factory.mktemp("events") / "events.parquet"
    recoil("pflow", "simulate", "-o", path, "--events", 60, "--seed", 5)
    return path


@pytest.mark.parametrize("words", [[], ["architecture.split_backbone=true", "architecture.activation=gelu"]])
def test_onnxruntime_predicts_the_same(words, events, tmp_path):
    model, path, predicted = tmp_path / "model", tmp_path / "model.onnx", tmp_path / "predicted.parquet"
    recoil("pflow", "train", "--input", events, "-o", model, "--steps", 60, "calibrate=null", *SMALL, *words)
    recoil("pflow", "export", "--model", model, "-o", path)
    recoil("pflow", "predict", "--model", model, "--input", events, "-o", predicted)
    table = parquet.read_table(predicted)
    features = [np.array(x, dtype=object) for x in zip(*[table[n].to_pylist() for n in table.column_names if n.startswith("elem_")])]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    compared = 0
    for row, columns in enumerate(features[:20]):
        x = np.stack([np.asarray(column, dtype=np.float32) for column in columns], axis=-1)
        answers = []
        for padded in (len(x), int(1.25 * len(x)), 4 * len(x)):
            both = np.zeros((2, padded, x.shape[1]), np.float32)
            both[0, : len(x)], both[1, : len(x) // 2] = x, x[: len(x) // 2]
            mask = np.zeros((2, padded), np.float32)
            mask[0, : len(x)], mask[1, : len(x) // 2] = 1, 1
            found = session.run(None, {"Xfeat_normed": both, "mask": mask})
            answers.append([value[0, : len(x)] for value in found])
        for other in answers[1:]:
            for one, two in zip(answers[0], other):
                assert np.abs(one - two).max() < 2e-5
        bid, classes, momentum, _ = answers[0]
        margin = np.abs(bid[:, 1] - bid[:, 0])
        best = np.sort(classes, axis=-1)
        sure = (margin > 1e-4) & (best[:, -1] - best[:, -2] > 1e-4)
        expected = np.where(bid[:, 1] > bid[:, 0], np.array(CLASSES)[classes.argmax(-1)], 0)
        pdg = np.array(table["cand_pdg"][row].as_py())
        assert (pdg == expected)[sure].all()
        present = sure & (pdg != 0)
        for index, name in ((0, "pt"), (4, "energy")):
            element = x[:, 1 if name == "pt" else 5]
            own = np.array(table[f"cand_{name}"][row].as_py())[present]
            assert np.allclose(own, (np.exp(momentum[:, index]) * element)[present], rtol=2e-4)
        compared += present.sum()
    assert compared > 100
