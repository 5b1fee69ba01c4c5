"""A shipped production on a real cluster, against the same on the local executor.

usage: workflow.py RECOIL EXECUTOR [--workflow tau|pflow-dataset|pflow-search] [--full]

Both run in a directory of the same name, one after the other; all outputs must be the same to the byte. The samples are
small unless --full is given. Exit code 1 when something differs.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

SHIPPED = pathlib.Path(__file__).parents[2] / "workflows"
# What is changed unless --full is given.
SMALL = {
    "tau": {"candidates: 10000": "candidates: 300", "candidates: 2000": "candidates: 150", "n_tau: 64": "n_tau: 30"},
    "pflow-dataset": {"events: 500": "events: 40"},
    "pflow-search": {
        "events: 3000": "events: 200",
        "events: 300,": "events: 60,",
        "events: 500": "events: 60",
        "samples: 12": "samples: 6",
        "steps: 900": "steps: 90",
        "first: 100": "first: 10",
    },
}


def run(recoil, place, text, executor):
    """The outputs by name: everything but records of when and where a task ran, which checkpoints hold, too."""
    place.mkdir()
    (place / "workflow.yaml").write_text(text)
    begin = time.monotonic()
    words = [recoil, "production", "run", "workflow.yaml", "--executor", executor, "-y", "--no-progress", "--json"]
    done = subprocess.run(words, cwd=place, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{executor}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    print(f"{executor}: {done.stdout.strip()} in {time.monotonic() - begin:.1f} s", flush=True)
    files = (path for path in place.rglob("*") if path.is_file() and ".recoil" not in path.parts)
    counted = (path for path in files if not path.name.endswith(".prov.json") and not path.name.startswith("checkpoint"))
    return {str(path.relative_to(place)): path.read_bytes() for path in counted}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("recoil", type=os.path.abspath)
    parser.add_argument("executor")
    parser.add_argument("--workflow", choices=sorted(SMALL), default="tau")
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    shipped = SHIPPED / f"{options.workflow}.yaml"
    text = shipped.read_text()
    for old, new in ({} if options.full else SMALL[options.workflow]).items():
        if old not in text:
            sys.exit(f"{shipped.name} has no '{old}'")
        text = text.replace(old, new)
    base = pathlib.Path(tempfile.mkdtemp(prefix="recoil-workflow-"))
    place = base / options.workflow
    # names of directories are in lists of files
    local = run(options.recoil, place, text, "local")
    shutil.rmtree(place)
    cluster = run(options.recoil, place, text, options.executor)
    differing = sorted(name for name in local.keys() | cluster.keys() if local.get(name) != cluster.get(name))
    if differing:
        sys.exit(f"{len(differing)} outputs differ: {differing[:20]}; see {base}")
    shutil.rmtree(base)
    print(f"{len(local)} outputs, {sum(map(len, local.values())) / 1e6:.1f} MB, the same to the byte")


main()
