#!/usr/bin/env bash
# Times the trigger chain of recoil and of plain NumPy on the same simulated events, one thread each, and compares the clusters.
# usage: benches/hgcal/compare.sh [PYTHON]
set -euo pipefail
cd "$(dirname "$0")/../.."
python="${1:-python3}"
cargo build --release --quiet -p recoil
recoil="${CARGO_TARGET_DIR:-target}/release/recoil"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for sample in 0:500 200:20; do
  pileup=${sample%:*} events=${sample#*:}
  "$recoil" hgcal simulate -q -o "$out/pu$pileup" --events "$events" --pileup "$pileup" >/dev/null
  table="$out/pu$pileup/tcs.parquet"
  OMP_NUM_THREADS=1 "$python" benches/hgcal/numpy_chain.py "$table" --clusters "$out/numpy.csv" >"$out/numpy.json"
  "$recoil" hgcal bench -q --threads 1 --json --input "$table" >"$out/recoil.json"
  "$recoil" hgcal run -q --overwrite --input "$table" -o "$out/run" >/dev/null
  "$python" - "$pileup" "$out" <<'PY'
import json, sys
import numpy as np, pandas as pd
pileup, out = sys.argv[1:]
peer = json.load(open(f"{out}/numpy.json"))["ms_per_event"]["total"]
table = json.load(open(f"{out}/recoil.json"))
def find(node):
    if isinstance(node, dict):
        if "total [ms]" in node: return node["total [ms]"]
        if "columns" in node and "rows" in node: return node["rows"][0][node["columns"].index("total [ms]")]
        node = list(node.values())
    for item in node if isinstance(node, list) else []:
        if (hit := find(item)) is not None: return hit
own = find(table)
ours = pd.read_parquet(f"{out}/run/clusters.parquet").sort_values(["event", "seed_idx"])
theirs = pd.read_csv(f"{out}/numpy.csv").sort_values(["event", "seed_idx"])
assert len(ours) == len(theirs), (len(ours), len(theirs))
worst = float(np.abs(ours.en.to_numpy() / theirs.en.to_numpy() - 1).max())
print(f"pile-up {pileup:>3}: recoil {own:.3f} ms/event, NumPy {peer:.3f} ms/event, ratio {peer/own:.1f}; "
      f"{len(ours)} clusters, largest relative difference of energies {worst:.1e}")
PY
done
