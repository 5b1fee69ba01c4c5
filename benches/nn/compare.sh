#!/bin/bash
# Training the default autoencoder: recoil beside Keras, on the same wafers, with the same number of threads.
# usage: compare.sh CALQ.parquet [PYTHON] [THREADS]     (PYTHON with tensorflow-cpu, tf-keras, pandas, pyarrow)
set -euo pipefail
calq=$1 python=${2:-python3} threads=${3:-2}
here=$(cd "$(dirname "$0")" && pwd)
recoil=${RECOIL:-$here/../../target/release/recoil}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
TIMEFORMAT='recoil: %U s CPU for all 15 epochs, reading and writing included'
time "$recoil" econt train --model 8x8_c8_S2_tele --input "$calq" -o "$out/model" --threads "$threads" training.epochs=15 2>&1 |
    grep -o 'epoch [0-9]*: loss.*' | awk '{ print $(NF-1) }' | sort -g |
    awk '{ t[NR] = $1 } END { printf "recoil: %.4f s (best), %.4f s (median) per epoch with validation\n", t[1], t[int((NR + 1) / 2)] }'
"$python" "$here/keras_autoencoder.py" "$calq" 15 "$threads"
