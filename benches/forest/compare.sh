#!/bin/bash
# All forests of a telescope: recoil beside scikit-learn, on the same tables.
# usage: compare.sh [PYTHON] [EVENTS] [SHARE]     (PYTHON with scikit-learn, pandas, pyarrow; 200000 events of each kind;
# SHARE of scikit-learn's trees that are grown, the time is scaled: 1 for whole forests, which takes many minutes)
set -euo pipefail
python=${1:-python3} events=${2:-200000} share=${3:-0.04}
here=$(cd "$(dirname "$0")" && pwd)
recoil=${RECOIL:-$here/../../target/release/recoil}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$python" "$here/gen_dl1.py" "$out/dl1" "$events"
TIMEFORMAT='recoil: training %U s CPU, %R s elapsed'
time "$recoil" iact train -g "$out/dl1/dl1_gamma_train.parquet" -p "$out/dl1/dl1_proton_train.parquet" -o "$out/models" > /dev/null
TIMEFORMAT='recoil: application to both test tables %U s CPU, %R s elapsed'
time "$recoil" iact dl1-to-dl2 -f "$out/dl1/dl1_gamma_test.parquet" -f "$out/dl1/dl1_proton_test.parquet" \
    --path-models "$out/models" -o "$out/dl2" > /dev/null
"$python" "$here/quality.py" "$out/dl1" "$out/dl2"
"$python" "$here/train_pipe.py" "$out/dl1" "$share"
