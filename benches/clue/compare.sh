#!/usr/bin/env bash
# CLUE beside a tile-based C++ peer on the same points, one thread each, one size after the other.
# usage: benches/clue/compare.sh [POINTS ...]     (default 1000 10000 100000; 1000000 takes minutes)
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
g++ -O2 -march=native -o "$work/reference" benches/clue/reference.cpp
cargo build --release --quiet -p recoil-physics --example clue_bench
bench=${CARGO_TARGET_DIR:-target}/release/examples/clue_bench
printf '%9s %12s %12s %7s %9s %9s  %s\n' points 'peer ms' 'recoil ms' ratio clusters outliers labels
for points in "${@:-1000 10000 100000}"; do
  for n in $points; do
    read -r _ _ ours _ _ _ _ clusters outliers labels < <("$bench" "$n" --write "$work" | awk '$2 == 1')
    read -r _ peer _ _ _ peer_labels < <("$work/reference" "$work/points_$n.f32" 0.5 5)
    same=$([ "$labels" = "$peer_labels" ] && echo identical || echo DIFFERENT)
    ratio=$(awk "BEGIN { printf \"%.1f\", $peer / $ours }")
    printf '%9d %12.2f %12.2f %7s %9d %9d  %s\n' "$n" "$peer" "$ours" "$ratio" "$clusters" "$outliers" "$same"
  done
done
