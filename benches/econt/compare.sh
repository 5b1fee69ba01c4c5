#!/usr/bin/env bash
# Times exact distances between wafers in recoil and in POT, and the chip's algorithms in recoil and in NumPy, on the same
# simulated wafers, one thread each, and compares the distances.
# usage: benches/econt/compare.sh [PYTHON]; needs numpy, pandas, pyarrow and pot
set -euo pipefail
cd "$(dirname "$0")/../.."
python="${1:-python3}"
recoil="${RECOIL:-}"
if [ -z "$recoil" ]; then
  cargo build --release --quiet -p recoil
  recoil="${CARGO_TARGET_DIR:-target}/release/recoil"
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$recoil" econt simulate -q -o "$out/wafers.parquet" wafers=2000 >/dev/null
"$recoil" econt emulate -q --algorithm best_choice --links 5 --preset seed --order tc \
  -i "$out/wafers.parquet" -o "$out/chosen.parquet" >/dev/null
"$recoil" econt emd -q --truth "$out/wafers.parquet" --predicted "$out/chosen.parquet" -o "$out/emd.csv" >/dev/null
"$recoil" econt bench -q --threads 1 --json -i "$out/wafers.parquet" >"$out/recoil.json"
OMP_NUM_THREADS=1 "$python" benches/econt/peers.py "$out"
