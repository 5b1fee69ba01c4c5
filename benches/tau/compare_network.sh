#!/bin/bash
# The DeepTau network in recoil beside Keras: inference and training, candidates per second of processor time.
# usage: compare_network.sh [PYTHON] [THREADS]     (PYTHON with tensorflow-cpu and tf-keras)
set -euo pipefail
python=${1:-python3} threads=${2:-1}
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
cargo run --release -p recoil-tau --example network_speed -- "$threads"
"$python" "$here/keras_network.py" "$threads"
