"""Networks over particles: recoil's scores against onnxruntime.

usage: python tau_points.py RECOIL        needs numpy, onnxruntime and pyarrow
"""
import json
import subprocess
import sys
import tempfile

import numpy as np
import onnxruntime
import pyarrow.parquet as pq

recoil = sys.argv[1]
failures = 0


def run(*words):
    subprocess.run([recoil, "tau", *words, "-q"], check=True, stdout=subprocess.DEVNULL)


with tempfile.TemporaryDirectory() as folder:
    sim, scaled = f"{folder}/sim", f"{folder}/scaled"
    run("simulate", "-o", sim, "--candidates", "60", "--seed", "3")
    run("scale", "--input-dir", sim, "-o", scaled)
    scaling = f"{scaled}/scaling_params_v1.json"
    held = f"{sim}/DYJetsToLL/eventTuple_0.root"
    # the transformer adds its points up: with many of them scores of an untrained network are 0 or 1, and tell nothing
    for topology, particles in [("particle_net", 24), ("transformer", 5)]:
        model = f"{folder}/{topology}"
        run("train", "--input-dir", sim, "--scaling", scaling, "-o", model, f"topology={topology}", "n_tau=50",
            "n_batches=2", "n_batches_val=1", "weights.weight_thr=1e9", f"particles={particles}", "training.optimiser={adam: {rate: 1e-3}}",
            "transformer.embedding={hidden: 32, width: 16, kind: 2}", "transformer.layers=3")
        run("apply", "--input", held, f"model={model}", "-o", f"{folder}/{topology}.parquet")
        run("export", f"model={model}", "-o", f"{folder}/{topology}.onnx")
        run("batches", "--input", held, "--scaling", scaling, "--grid", "sequence", f"particles={particles}", "-o", f"{folder}/{topology}_seq.parquet")
        run("batches", "--input", held, "--scaling", scaling, "--grid", "flat", "-o", f"{folder}/{topology}_flat.parquet")
        sequence = pq.read_table(f"{folder}/{topology}_seq.parquet").to_pydict()
        flat = pq.read_table(f"{folder}/{topology}_flat.parquet").to_pandas()
        scores = pq.read_table(f"{folder}/{topology}.parquet").to_pandas()
        about = json.load(open(f"{model}/model.json"))
        taus = {row: index for index, row in enumerate(flat["tau"])}
        n, most = len(taus), about["particles"]
        feeds = {"input_tau": flat.drop(columns="tau").to_numpy("f4")}
        for block, width in about["inputs"]["objects"]:
            feeds[f"input_{block}"] = np.zeros((n, most, width), "f4")
            feeds[f"place_{block}"] = np.zeros((n, most, 2), "f4")
            feeds[f"{block}_mask"] = np.zeros((n, most), "f4")
        for tau, block, particle, d_eta, d_phi, values in zip(*sequence.values()):
            at = (taus[tau], particle)
            feeds[f"input_{block}"][at] = values
            feeds[f"place_{block}"][at] = d_eta, d_phi
            feeds[f"{block}_mask"][at] = 1
        session = onnxruntime.InferenceSession(f"{folder}/{topology}.onnx", providers=["CPUExecutionProvider"])
        outputs = session.run(None, feeds)[0]
        expected = scores[["node_e", "node_mu", "node_tau", "node_jet"]].to_numpy()
        worst = np.abs(outputs - expected).max()
        # what the mask hides must change nothing
        for name, values in feeds.items():
            if name.startswith(("input_Pf", "input_El", "input_Mu", "place_")):
                hidden = feeds[name.split("_", 1)[1] + "_mask"] == 0
                values[hidden] = 3.0
        again = np.abs(session.run(None, feeds)[0] - outputs).max()
        open_scores = (expected.max(axis=1) < 0.99).mean()
        ok = len(outputs) == len(scores) and worst < 2e-5 and again < 2e-6 and open_scores > 0.3
        print("ok  " if ok else "FAIL", topology, f"{n} candidates, largest difference {worst:.1e}, of hidden values {again:.1e}, {open_scores:.0%} undecided")
        failures += not ok
sys.exit(1 if failures else 0)
