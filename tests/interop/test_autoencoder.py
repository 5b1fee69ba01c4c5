"""Autoencoders that recoil trains, in other programs: ONNX files in onnxruntime, safetensors, the archive for hls4ml."""
import json
import os
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest

onnxruntime = pytest.importorskip("onnxruntime")
RECOIL = os.environ.get("RECOIL_BIN", str(Path(__file__).resolve().parents[2] / "target/release/recoil"))


def recoil(*words):
    done = subprocess.run([RECOIL, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wafers(tmp_path_factory):
    path = tmp_path_factory.mktemp("wafers") / "calq.parquet"
    recoil("econt", "simulate", "-o", path, "wafers=3000", "--seed", 3)
    return path


MODELS = [
    ("8x8_c8_S2_tele", []),
    ("8x8_c8_pool_tele", []),
    ("8x8_c8_S2_qK_RTL_tele", ["links=3"]),
    ("8x8_c8_S2_asic", ["links=2"]),
    ("8x8_c8_S2_conditional", []),
    ("4x4x3_c8_c4_c2_d16", []),
    ("SepConv_663", []),
    ("Sep1_CNN_keras_v5", []),
    ("Sep9_CNN_keras_8x8_v7", []),
    ("Sep21_CNN_keras_SepConv_v2", []),
    ("8x8_c8_S2_asic_wide", []),
]


@pytest.mark.parametrize("model,words", MODELS, ids=[m for m, _ in MODELS])
def test_onnxruntime_computes_the_same(model, words, wafers, tmp_path):
    folder = tmp_path / "model"
    recoil("econt", "train", "--model", model, "--input", wafers, "-o", folder, "training.epochs=2", *words)
    description = json.loads((folder / "model.json").read_text())
    rng = np.random.default_rng(1)
    for part in ("encoder", "decoder", "autoencoder"):
        path = tmp_path / f"{part}.onnx"
        recoil("econt", "export", "--model", folder, "--format", "onnx", "--part", part, "-o", path)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        feeds, files = {}, []
        for value in session.get_inputs():
            array = rng.random((300, *value.shape[1:]), dtype=np.float32) ** 4
            feeds[value.name] = array
            files += ["--input", tmp_path / f"{part}_{value.name}.npy"]
            np.save(files[-1], array)
        expected = session.run(None, feeds)[0]
        output = tmp_path / f"{part}_out.npy"
        recoil("nn", "run", path, *files, "-o", output)
        found = np.load(output)
        assert found.shape == expected.shape
        # at the edges of a number format one step may fall to the other side
        different = np.abs(found - expected) > 1e-5 * np.maximum(1, np.abs(expected))
        assert different.mean() <= (0.0 if description["network"]["arithmetic"] == "float" else 1e-3)


def test_weights_are_safetensors(wafers, tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    recoil("econt", "train", "--input", wafers, "-o", tmp_path / "m", "training.epochs=1")
    tensors = safetensors.load_file(tmp_path / "m/weights.safetensors")
    assert tensors["enc_conv_0/kernel"].shape == (3, 3, 1, 8)
    assert sum(t.size for t in tensors.values()) == 4977


def test_archive_for_hls4ml(wafers, tmp_path):
    recoil("econt", "train", "--model", "8x8_c8_S2_asic", "--input", wafers, "-o", tmp_path / "m", "training.epochs=1")
    recoil("econt", "export", "--model", tmp_path / "m", "--format", "hls4ml", "-o", tmp_path / "m.tar")
    recoil("econt", "export", "--model", tmp_path / "m", "--format", "i2c", "-o", tmp_path / "m.txt")
    with tarfile.open(tmp_path / "m.tar") as archive:
        assert {"encoder.onnx", "hls4ml.yml"} <= set(archive.getnames())
        kernel = archive.extractfile("weights/enc_conv_0_kernel.txt").read().decode()
    weights = np.array([float(word) for word in kernel.split(",")])
    assert weights.size == 72 and np.all(weights * 32 == np.round(weights * 32)) and np.abs(weights).max() <= 1
    lines = (tmp_path / "m.txt").read_text().split()
    image = sum(int(line, 16) << (1072 * i) for i, line in enumerate(lines))
    first = [(image >> (6 * i)) & 63 for i in range(72)]
    assert [(w - 64 if w > 31 else w) / 32 for w in first] == weights.tolist()
