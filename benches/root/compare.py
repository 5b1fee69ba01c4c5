"""Reading speed of recoil-root against uproot, side by side in one run.

    cargo build --release -p recoil-root --examples
    python benches/root/compare.py target/release/examples [--digits N] [--repeats N]

uproot writes a tree of one million rows with 20 float branches and 5 jagged float branches of mean length 4, once per
compression. Both programs then read all values, each in the way that suits it: recoil in batches of 200 000 rows, as a
program that streams does, uproot every branch whole, one after another; on one and on two threads, each with a processor
core (uproot starts threads of its own for reading). Runs alternate, the
best wall time counts, and next to it the processor time per run, which says more on a machine that is busy. The
values of both are compared bit by bit at the end.
"""

import argparse
import concurrent.futures
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import awkward as ak
import numpy as np
import uproot

ROWS, BATCH = 1_000_000, 100_000
COMPRESSIONS = {"none": None, "lz4": uproot.LZ4(1), "zstd": uproot.ZSTD(5), "zlib": uproot.ZLIB(1)}


def make(folder, digits):
    random = np.random.default_rng(1)
    counts = random.poisson(4, ROWS)

    def numbers(n):
        x = random.normal(size=n).astype("f4")
        return x if digits is None else np.round(x, digits)

    data = {f"f{i}": numbers(ROWS) for i in range(20)}
    data |= {f"j{i}": ak.unflatten(numbers(counts.sum()), counts) for i in range(5)}
    for name, compression in COMPRESSIONS.items():
        with uproot.recreate(folder / f"{name}.root", compression=compression) as file:
            for start in range(0, ROWS, BATCH):
                batch = {key: column[start : start + BATCH] for key, column in data.items()}
                file["t"].extend(batch) if start else file.mktree("t", batch)
    return sum(column.nbytes if isinstance(column, np.ndarray) else ak.flatten(column).to_numpy().nbytes
               for column in data.values()) / 1e6


def read_with_uproot(path, threads, repeats):
    """Best wall time of `repeats` readings; what a fresh process is asked for below."""
    pool = concurrent.futures.ThreadPoolExecutor(threads) if threads > 1 else None
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        tree = uproot.open(path)["t"]
        for branch in tree.branches:
            branch.array(decompression_executor=pool, interpretation_executor=pool)
        best = min(best, time.perf_counter() - start)
    print(best)


def run(command, threads):
    """Best wall time that the command prints last, and the processor time that it used."""
    cores = sorted(os.sched_getaffinity(0))[-threads:]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, capture_output=True, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, cores),
                          env={**os.environ, "RAYON_NUM_THREADS": str(threads)})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return float(done.stdout.split()[-1]), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(command, threads, repeats):
    """Best wall time and processor time of one reading, without the start of the program."""
    first_wall, first = run(command(1), threads)
    wall, all_of_them = run(command(repeats + 1), threads)
    return min(wall, first_wall), (all_of_them - first) / repeats


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path, help="folder with root_read and root_digest")
    parser.add_argument("--digits", type=int, help="round the values to so many digits, as calibrated data are")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        mb = make(folder, options.digits)
        print(f"{ROWS} rows, {mb:.0f} MB of values; MB/s by the clock (by processor time)")
        print(f"{'':8} threads {'recoil':>15} {'uproot':>15}  ratio")
        for name in COMPRESSIONS:
            path = str(folder / f"{name}.root")
            for threads in [1, 2]:
                ours = measure(lambda n: [options.programs / "root_read", path, "t", str(n)], threads, options.repeats)
                theirs = measure(lambda n: [sys.executable, __file__, "--read", path, str(threads), str(n)],
                                 threads, options.repeats)
                cells = [f"{mb / wall:7.0f} ({mb / cpu:4.0f})" for wall, cpu in (ours, theirs)]
                print(f"{name:8} {threads:7} {cells[0]:>15} {cells[1]:>15}"
                      f"  {theirs[0] / ours[0]:.2f} ({theirs[1] / ours[1]:.2f})", flush=True)
        checker = pathlib.Path(__file__).parents[2] / "tests/interop/compare_uproot.py"
        sys.exit(subprocess.run([sys.executable, checker, options.programs / "root_digest", folder]).returncode)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        read_with_uproot(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
