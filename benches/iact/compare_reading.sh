#!/bin/bash
# Reading raw simulation: recoil beside pyeventio, on the same files.
# usage: compare_reading.sh FILE [PYTHON] [REPEATS]     (FILE of sim_telarray, such as pyeventio's prod4_pixelsettings_v3.gz with
# ten events; PYTHON with eventio). Its events are repeated to 150 and 600 times ten, so that start-up does not count and one sees
# whether memory grows with the file.
set -euo pipefail
file=$1 python=${2:-python3} repeats=${3:-5}
here=$(cd "$(dirname "$0")" && pwd)
own=${READING_SPEED:-$here/../../target/release/examples/reading_speed}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for times in 15 60; do
    "$python" "$here/blow_up.py" "$file" "$out/$times.simtel" "$times"
    "$python" "$here/read_peer.py" "$out/$times.simtel" "$repeats" | tee "$out/peer.json"
    "$own" "$out/$times.simtel" "$repeats" | tee "$out/own.json"
    "$python" - "$out/own.json" "$out/peer.json" <<'PYTHON'
import json, sys
own, peer = (json.load(open(path)) for path in sys.argv[1:])
same = all(own[key] == peer[key] for key in ("events", "samples", "counts", "photo_electrons"))
print(f"both read {'the same' if same else 'DIFFERENT THINGS'}: recoil is {peer['cpu_seconds'] / own['cpu_seconds']:.1f} times as fast")
PYTHON
done
