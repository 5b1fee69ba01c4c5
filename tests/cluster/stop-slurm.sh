#!/usr/bin/env bash
# Stops what start-slurm.sh started in DIR, and removes DIR.
set -uo pipefail
dir=${1:?usage: stop-slurm.sh DIR}
[ -f "$dir/slurm.conf" ] || exit 0
export SLURM_CONF="$dir/slurm.conf"
scancel --user="$(id -u)" >/dev/null 2>&1
for name in run/slurmd run/slurmctld munge/munged; do
  pid=$(cat "$dir/$name.pid" 2>/dev/null) || continue
  kill "$pid" 2>/dev/null
  for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
  kill -9 "$pid" 2>/dev/null
done
rm -rf "$dir"
