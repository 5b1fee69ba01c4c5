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
    """Processor seconds, and candidates of each class within the bins."""
    start, found = time.process_time(), {"e": 0, "mu": 0, "tau": 0, "jet": 0}
    for file in FILES:
        a = uproot.open(file)["taus"].arrays(TRUTH, library="np")
        dphi = np.mod(a["tau_phi"] - a["genLepton_vis_phi"] + np.pi, 2 * np.pi) - np.pi
        near = (a["genLepton_index"] >= 0) & (np.hypot(a["tau_eta"] - a["genLepton_vis_eta"], dphi) <= 0.2)
        kind, visible = a["genLepton_kind"], a["genLepton_vis_pt"]
        classes = {
            "e": near & np.isin(kind, (1, 3)) & (visible >= 8),
            "mu": near & np.isin(kind, (2, 4)) & (visible >= 8),
            "tau": near & (kind == 5) & (visible >= 15),
            "jet": (a["genLepton_index"] < 0) & (a["genJet_index"] >= 0),
        }
        for name, chosen in classes.items():
            chosen = chosen & (a["tau_index"] >= 0)
            counts, *_ = np.histogram2d(np.abs(a["tau_eta"][chosen]), a["tau_pt"][chosen], (25, 4990), ((0, 2.5), (10, 5000)))
            found[name] += int(counts.sum())
    return time.process_time() - start, found


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
theirs, counted = uproot_spectra()
for name, count in counted.items():
    ours = sum(row["candidates"] for row in spectra["tables"]["candidates"] if row["class"] == name)
    if ours != count:
        sys.exit(f"recoil counts {ours} candidates of class {name}, NumPy {count}")
show("uproot and NumPy: spectrum", rows, theirs)
print(f"{'ratio':42} {theirs / used:12.1f}")
merged, used, memory = run("shuffle-merge", "--input", OUT / "spectra/entries.txt", "--cfg", OUT / "sim/groups.cfg", "--prefix",
                           OUT / "sim", "refill_spectrum=true", "enable_emptybin=true", "-o", OUT / "merged")
show(f"recoil: shuffle-merge, {merged['values']['rows_written']} kept", merged["values"]["rows_read"], used, memory)
theirs = uproot_all()
read = sum(uproot.open(f)["taus"].num_entries for f in FILES[:2])
show("uproot: reading all columns", read, theirs)
print(f"{'ratio':42} {theirs / read / (used / merged['values']['rows_read']):12.1f}")
bench, _, memory = run("bench", "--input-dir", OUT / "sim", "--threads", 1)
for row in bench["tables"]["rates"]:
    show(f"recoil: {row['step']}, one thread", row["candidates"], row["time [s]"], memory)
