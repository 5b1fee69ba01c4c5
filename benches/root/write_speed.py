"""Writing speed of recoil-root against uproot: the same columns, the same compressions, one thread each.

    cargo build --release -p recoil-root --example write_speed
    python benches/root/write_speed.py target/release/examples/write_speed

uproot gets the columns back in batches of the size that it writes best (100,000 rows, one basket per branch and batch).
Prints MB/s of raw columns, the best of three (uproot: two). The ratio is that of processor time at one thread, which a
busy machine disturbs less than the clock.
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
    start, busy = time.perf_counter(), time.process_time()
    with uproot.recreate(path, compression=compression) as file:
        fields = ak.fields(batches[0])
        types = {name: batches[0][name].type.content for name in fields}
        tree = file.mktree("t", types, counter_name=lambda counted: "n" + counted)
        for batch in batches:
            tree.extend({name: batch[name] for name in fields})
    return time.perf_counter() - start, time.process_time() - busy


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
        print("MB/s          recoil x1  recoil x2  uproot x1 | processor: recoil  uproot  ratio | MB: recoil  uproot")
        for one, two in zip(lines["1"], lines["2"]):
            kind = one[0]
            path = Path(folder) / "uproot.root"
            clocks, busy = zip(*(write(path, arrays, COMPRESSIONS[kind]) for _ in range(2)))
            ours = float(one[2])
            print(
                f"{kind:12s} {raw / float(one[1]):10.0f} {raw / float(two[1]):10.0f} {raw / min(clocks):10.0f} |"
                f" {raw / ours:17.0f} {raw / min(busy):7.0f} {min(busy) / ours:5.1f}x |"
                f" {int(one[3]) / 1e6:10.1f} {path.stat().st_size / 1e6:7.1f}",
                flush=True,
            )


main()
