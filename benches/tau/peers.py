"""Processor time of recoil's steps, and of uproot where it does the same; called by compare.sh."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import uproot

RECOIL, OUT = sys.argv[1], Path(sys.argv[2])
FILES = sorted((OUT / "sim").glob("*/*.root"))
TRUTH = ["genLepton_index", "genLepton_kind", "genLepton_vis_pt", "genLepton_vis_eta", "genLepton_vis_phi",
         "genJet_index", "tau_eta", "tau_phi", "sampleType", "tau_index", "tau_pt"]


def run(*words):
    """Runs recoil; returns its JSON, processor seconds and peak memory [MB]."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.run(["/usr/bin/env", "time", "-f", "%M", RECOIL, "tau", *map(str, words), "--json", "-q",
                              "--overwrite"], capture_output=True, text=True)
    if process.returncode:
        sys.exit(process.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(process.stdout), used, int(process.stderr.split()[-1]) / 1024


def uproot_spectra():
    start = time.process_time()
    for file in FILES:
        a = uproot.open(file)["taus"].arrays(TRUTH, library="np")
        dphi = np.mod(a["tau_phi"] - a["genLepton_vis_phi"] + np.pi, 2 * np.pi) - np.pi
        near = np.hypot(a["tau_eta"] - a["genLepton_vis_eta"], dphi) <= 0.2
        for kinds in ((1, 3), (2, 4), (5,), (6,)):
            of_kind = np.isin(a["genLepton_kind"], kinds) & near if kinds != (6,) else a["genLepton_index"] < 0
            np.histogram2d(np.abs(a["tau_eta"][of_kind]), a["tau_pt"][of_kind], (25, 4990), ((0, 2.5), (10, 5000)))
    return time.process_time() - start


def uproot_all():
    start = time.process_time()
    for file in FILES[:2]:
        uproot.open(file)["taus"].arrays()
    return time.process_time() - start


def show(name, rows, seconds, memory=None):
    peak = f", {memory:.0f} MB" if memory else ""
    print(f"{name:42} {rows / seconds:12,.0f} candidates per processor second ({seconds:.2f} s{peak})")


spectra, used, memory = run("spectrum", "--input-dir", OUT / "sim", "-o", OUT / "spectra", "--threads", 1)
rows = spectra["values"]["rows"]
show("recoil: spectrum, the whole command", rows, used, memory)
theirs = uproot_spectra()
show("uproot and NumPy: spectrum", rows, theirs)
print(f"{'ratio':42} {theirs / used:12.1f}")
merged, used, memory = run("shuffle-merge", "--input", OUT / "spectra/entries.txt", "--cfg", OUT / "sim/groups.cfg", "--prefix",
                           OUT / "sim", "--refill-spectrum", "true", "--enable-emptybin", "true", "-o", OUT / "merged")
show(f"recoil: shuffle-merge, {merged['values']['rows_written']} kept", merged["values"]["rows_read"], used, memory)
theirs = uproot_all()
show("uproot: reading all columns", sum(uproot.open(f)["taus"].num_entries for f in FILES[:2]), theirs)
bench, _, memory = run("bench", "--input-dir", OUT / "sim", "--threads", 1)
for row in bench["tables"]["rates"]:
    show(f"recoil: {row['step']}, one thread", row["candidates"], row["time [s]"], memory)
