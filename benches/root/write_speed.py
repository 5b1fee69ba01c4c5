"""Writing speed of recoil-root against uproot: the same columns, the same compressions, one thread each.

    cargo build --release -p recoil-root --example write_speed
    python benches/root/write_speed.py target/release/examples/write_speed

uproot gets the columns back in batches of the size that it writes best (100,000 rows, one basket per branch and batch).
Prints MB/s of raw columns, the best of three (uproot: two), and the ratio.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import awkward as ak
import numpy as np
import uproot

BATCH = 100_000
COMPRESSIONS = {
    "none": None,
    "lz4": uproot.LZ4(1),
    "zstd5": uproot.ZSTD(5),
    "zlib1": uproot.ZLIB(1),
}


def write(path, batches, compression):
    start = time.perf_counter()
    with uproot.recreate(path, compression=compression) as file:
        fields = ak.fields(batches[0])
        types = {name: batches[0][name].type.content for name in fields}
        tree = file.mktree("t", types, counter_name=lambda counted: "n" + counted)
        for batch in batches:
            tree.extend({name: batch[name] for name in fields})
    return time.perf_counter() - start


def main():
    with tempfile.TemporaryDirectory() as folder:
        lines = {}
        for threads in ["1", "2"]:
            done = subprocess.run(
                [sys.argv[1], folder],
                check=True, capture_output=True, text=True, env={**os.environ, "RAYON_NUM_THREADS": threads},
            )
            lines[threads] = [line.split() for line in done.stdout.splitlines()]
        with uproot.open({Path(folder) / "speed_none.root": "t"}) as tree:
            names = [name for name in tree.keys() if not name.startswith("nj")]
            array = tree.arrays(names)
            arrays = [ak.to_packed(array[start : start + BATCH]) for start in range(0, len(array), BATCH)]
        raw = sum(np.asarray(ak.flatten(array[name], axis=None)).nbytes for name in names) / 1e6
        print(f"{len(array)} rows, {raw:.0f} MB of values")
        print("compression   recoil x1   recoil x2     uproot x1   ratio   recoil MB  uproot MB")
        for one, two in zip(lines["1"], lines["2"]):
            kind = one[0]
            path = Path(folder) / "uproot.root"
            theirs = min(write(path, arrays, COMPRESSIONS[kind]) for _ in range(2))
            ours = float(one[1])
            print(
                f"{kind:11s} {raw / ours:7.0f} MB/s {raw / float(two[1]):7.0f} MB/s {raw / theirs:8.0f} MB/s"
                f" {theirs / ours:6.1f}x {int(one[2]) / 1e6:9.1f} {path.stat().st_size / 1e6:9.1f}",
                flush=True,
            )


main()
