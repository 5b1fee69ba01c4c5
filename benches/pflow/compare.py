"""The default particle-flow network: recoil beside PyTorch and onnxruntime, one thread, the same sizes of events.

usage: python compare.py RECOIL [--sizes 256,1024,4096] [--train]      needs numpy, torch, onnxruntime

PyTorch runs the same layers (16 heads of 16, 3 layers, task queries, heads per type of element) with its fused attention;
onnxruntime runs what `recoil pflow export` writes. Each size runs in a process of its own; times are means of processor time,
which other work on the machine disturbs least, and memory is what the work took beyond what was there before it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

WIDTH, HEADS, LAYERS, FEATURES, TYPES, CLASSES = 256, 16, 3, 17, 2, 6


def peak_mb():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def measure(work, seconds):
    work()
    calls, start, began = 0, time.perf_counter(), time.process_time()
    while calls < 3 or time.perf_counter() - start < seconds:
        work()
        calls += 1
    return 1e3 * (time.process_time() - began) / calls


def torch_model():
    import torch
    from torch import nn
    from torch.nn import functional

    def ffn(inputs, outputs):
        return nn.Sequential(nn.Linear(inputs, WIDTH), nn.ELU(), nn.LayerNorm(WIDTH), nn.Linear(WIDTH, outputs))

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.into, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

        def forward(self, queries, keys):
            q_weight, kv_weight = self.into.weight.split([WIDTH, 2 * WIDTH])
            q_bias, kv_bias = self.into.bias.split([WIDTH, 2 * WIDTH])
            if queries is keys:
                q, k, v = self.into(keys).chunk(3, -1)
            else:
                q = functional.linear(queries, q_weight, q_bias)
                k, v = functional.linear(keys, kv_weight, kv_bias).chunk(2, -1)
            q, k, v = (x.unflatten(-1, (HEADS, WIDTH // HEADS)).transpose(1, 2) for x in (q, k, v))
            seen = functional.scaled_dot_product_attention(q, k, v)
            return self.out(seen.transpose(1, 2).flatten(2))

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm0, self.norm1, self.mha = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH), Attention()
            self.seq = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ELU(), nn.Linear(WIDTH, WIDTH), nn.ELU())

        def forward(self, x, queries):
            normal = self.norm0(x)
            x = x + self.mha(normal if queries is None else queries, normal)
            return x + self.seq(self.norm1(x))

    class Readout(nn.Module):
        def __init__(self):
            super().__init__()
            self.query = nn.Parameter(torch.randn(1, 1, WIDTH))
            self.norms, self.mha = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(3)), Attention()
            self.ffn = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ELU(), nn.Linear(WIDTH, WIDTH), nn.ELU())

        def forward(self, x):
            query = self.norms[0](self.query).expand(x.shape[0], -1, -1)
            x = x + self.mha(query, self.norms[1](x))
            return x + self.ffn(self.norms[2](x))

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = ffn(FEATURES, TYPES * WIDTH)
            self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
            self.readouts = nn.ModuleList(Readout() for _ in range(2))
            self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(2))
            self.binary, self.pid = ffn(WIDTH, 2), ffn(WIDTH, CLASSES)
            self.ratios = nn.ModuleList(ffn(WIDTH, 1) for _ in range(2 * TYPES))
            self.linear = nn.ModuleList(ffn(WIDTH, 2) for _ in range(3))

        def forward(self, x, kinds):
            encoded = self.encoder(x).unflatten(-1, (TYPES, WIDTH))
            first = encoded.gather(2, kinds[..., None, None].expand(-1, -1, 1, WIDTH)).squeeze(2)
            state = first
            for number, layer in enumerate(self.layers):
                state = layer(state, first if number + 1 == LAYERS else None)
            h = self.norms[0](self.readouts[0](state))
            outputs = [self.binary(h), self.pid(h)]
            h = self.norms[1](self.readouts[1](state))
            for pair in (self.ratios[:TYPES], self.ratios[TYPES:]):
                both = torch.cat([head(h) for head in pair], -1)
                outputs.append(both.gather(2, kinds[..., None]))
            for index, head in enumerate(self.linear):
                n = head(h)
                outputs.append(x[..., index + 2 : index + 3] * n[..., :1] + n[..., 1:])
            return torch.cat(outputs, -1)

    return Network()


def run_torch(size, train, seconds):
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(1)
    network = torch_model()
    x, kinds = torch.randn(1, size, FEATURES), torch.arange(size)[None] % TYPES
    base = peak_mb()
    if train:
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-6)

        def work():
            optimiser.zero_grad()
            network(x, kinds).square().mean().backward()
            optimiser.step()

        mean = measure(work, seconds)
    else:
        with torch.inference_mode():
            mean = measure(lambda: network(x, kinds), seconds)
    return {"cpu_ms": mean, "memory_mb": peak_mb() - base, "parameters": sum(p.numel() for p in network.parameters())}


def run_onnx(size, path, seconds):
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    x = numpy.random.default_rng(1).normal(size=(1, size, FEATURES)).astype("float32")
    x[..., 0] = 1 + numpy.arange(size) % TYPES
    x[..., 1], x[..., 5] = 1.0, 2.0
    feed = {"Xfeat_normed": x, "mask": numpy.ones((1, size), "float32")}
    base = peak_mb()
    return {"cpu_ms": measure(lambda: session.run(None, feed), seconds), "memory_mb": peak_mb() - base}


def run_recoil(recoil, size, train, seconds, folder):
    path = f"{folder}/recoil_{size}.json"
    words = [recoil, "pflow", "bench", "-o", path, "--threads", "1", f"sizes=[{size}]", f"seconds={seconds}"]
    subprocess.run(words + [f"train={str(train).lower()}"], check=True, capture_output=True)
    with open(path) as document:
        return json.load(document)["sizes"][0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("recoil")
    parser.add_argument("--sizes", default="256,1024,4096")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        peer, size, path = given.one
        found = run_onnx(int(size), path, given.seconds) if peer == "onnx" else run_torch(int(size), given.train, given.seconds)
        print(json.dumps(found))
        return
    with tempfile.TemporaryDirectory() as folder:
        model, peers = f"{folder}/model.onnx", ["torch"]
        if not given.train:
            # a network of the default size with random weights, read from a short training
            events = f"{folder}/events.parquet"
            quiet = {"check": True, "capture_output": True}
            subprocess.run([given.recoil, "pflow", "simulate", "-o", events, "--events", "20"], **quiet)
            subprocess.run([given.recoil, "pflow", "train", "--input", events, "-o", f"{folder}/model", "--steps", "1"], **quiet)
            subprocess.run([given.recoil, "pflow", "export", "--model", f"{folder}/model", "-o", model], **quiet)
            peers.append("onnx")
        print(f"{'elements':>8} {'program':>12} {'cpu ms':>10} {'memory MB':>10} {'ratio':>6}")
        for size in map(int, given.sizes.split(",")):
            own = run_recoil(given.recoil, size, given.train, given.seconds, folder)
            print(f"{size:8} {'recoil':>12} {own['cpu_ms']:10.1f} {own['memory_mb']:10.0f} {1:6.2f}")
            for peer in peers:
                words = [sys.executable, os.path.abspath(__file__), given.recoil, "--seconds", str(given.seconds)]
                words += ["--one", peer, str(size), model] + (["--train"] if given.train else [])
                other = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
                ratio = other["cpu_ms"] / own["cpu_ms"]
                print(f"{size:8} {peer:>12} {other['cpu_ms']:10.1f} {other['memory_mb']:10.0f} {ratio:6.2f}")


if __name__ == "__main__":
    main()
