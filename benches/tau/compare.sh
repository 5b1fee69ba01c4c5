#!/usr/bin/env bash
# Times spectra, shuffle and merge, scaling and grids in recoil, and spectra and reading in uproot, on the same generated
# samples, in processor time. usage: benches/tau/compare.sh [PYTHON [CANDIDATES_PER_FILE]]; needs uproot, awkward, numpy
set -euo pipefail
cd "$(dirname "$0")/../.."
python="${1:-python3}"
candidates="${2:-2000}"
recoil="${RECOIL:-}"
if [ -z "$recoil" ]; then
  cargo build --release --quiet -p recoil
  recoil="${CARGO_TARGET_DIR:-target}/release/recoil"
fi
out="${SAMPLES:-}"
if [ -z "$out" ]; then
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
  "$recoil" tau simulate -q -o "$out/sim" --candidates "$candidates" >/dev/null
fi
"$python" benches/tau/peers.py "$recoil" "$out"
