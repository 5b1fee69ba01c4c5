"""A production of lstmcpipe's form with recoil's own stages on a real cluster, while its manager is killed again and again.

usage: lst.py RECOIL EXECUTOR [--files N] [--showers N] [--kills N] [--keep DIR]

Simulates N files (a fourth of each particle), takes them from raw simulation to sensitivity on the local executor, then, in
the same directory, on EXECUTOR while the manager gets SIGKILL at random moments. All outputs must be the same to the byte.
Exit code 1 when something differs.
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

GIVEN = pathlib.Path(__file__).parents[2] / "testdata" / "lst"
FILES = ["lstmcpipe_config.yml", "lstchain_config.json"]
MADE = ["DL1", "DL2", "models", "IRF", ".recoil"]


def simulate(recoil, place, files, showers):
    """Raw files in DL0/PARTICLE, one folder for each particle."""
    words = [f"samples[{number}].files={files // 4}" for number in range(4)]
    words = [recoil, "iact", "simulate", "-o", "raw", "-q", "--showers", str(showers), "ending=simtel.gz", *words]
    subprocess.run(words, cwd=place, check=True, stdout=subprocess.DEVNULL)
    count = 0
    for path in sorted((place / "raw").glob("*.simtel.gz")):
        folder = place / "DL0" / path.name.split("_run")[0]
        folder.mkdir(parents=True, exist_ok=True)
        path.rename(folder / path.name)
        count += 1
    shutil.rmtree(place / "raw")
    return count


def start(recoil, place, executor):
    words = [recoil, "production", "run", FILES[0], "--executor", executor, "-y", "--no-progress", "--json"]
    return subprocess.Popen(words, cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def run(recoil, place, executor, kills, longest, rng):
    """Runs to the end, with kills on the way; the sums of all outputs by name."""
    begin = time.monotonic()
    killed = 0
    while killed < kills:
        manager = start(recoil, place, executor)
        try:
            manager.wait(rng.uniform(0.3, longest))
            print(f"{executor}: over after {killed} kills", flush=True)
            break
        except subprocess.TimeoutExpired:
            manager.kill()
            manager.communicate()
            killed += 1
    manager = start(recoil, place, executor)
    told, _ = manager.communicate()
    if manager.returncode:
        sys.exit(f"{executor}: exit code {manager.returncode}\n{told}")
    print(f"{executor}: {killed} kills, {time.monotonic() - begin:.1f} s; the last run: {told.strip()}", flush=True)
    sums = {}
    for path in place.rglob("*"):
        name = str(path.relative_to(place))
        if path.is_file() and not name.endswith(".prov.json") and name.split("/")[0] in MADE[:-1]:
            sums[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return sums


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("recoil", type=os.path.abspath)
    parser.add_argument("executor")
    parser.add_argument("--files", type=int, default=16)
    parser.add_argument("--showers", type=int, default=80)
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--longest", type=float, default=3.0)
    parser.add_argument("--keep", type=pathlib.Path)
    options = parser.parse_args()
    base = options.keep or pathlib.Path(tempfile.mkdtemp(prefix="recoil-lst-"))
    place = base / "lst"
    place.mkdir(parents=True)
    for name in FILES:
        shutil.copy(GIVEN / name, place / name)
    count = simulate(options.recoil, place, options.files, options.showers)
    print(f"{count} raw files of {options.showers} showers", flush=True)
    rng = random.Random(1)
    local = run(options.recoil, place, "local", 0, options.longest, rng)
    for name in MADE:
        shutil.rmtree(place / name)
    cluster = run(options.recoil, place, options.executor, options.kills, options.longest, rng)
    differing = sorted(name for name in local.keys() | cluster.keys() if local.get(name) != cluster.get(name))
    if differing:
        sys.exit(f"{len(differing)} outputs differ: {json.dumps(differing[:20])}; see {base}")
    wanted = ["IRF/irf.fits.gz", "IRF/sensitivity.fits.gz", "DL2/gamma/dl2_gamma.h5"]
    if missing := [name for name in wanted if name not in local]:
        sys.exit(f"no {missing}; see {base}")
    if not options.keep:
        shutil.rmtree(base)
    print(f"{len(local)} outputs, the same to the byte")


main()
