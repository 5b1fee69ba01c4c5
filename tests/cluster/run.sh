#!/usr/bin/env bash
# A production on Slurm and on HyperQueue while its manager is killed again and again; the tau chain, the making of data for
# particle flow, a search for a configuration and the chain of Cherenkov telescopes on both.
# usage: run.sh RECOIL PYTHON [--long]
# PYTHON is one that has the package hyperqueue. --long: 300 steps and 50 kills instead of 60 and 12.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
recoil=${1:?usage: run.sh RECOIL PYTHON [--long]}
export RECOIL_PYTHON=${2:?usage: run.sh RECOIL PYTHON [--long]}
size=(--steps 60 --kills 12)
if [ "${3:-}" = --long ]; then size=(--steps 300 --kills 50); fi

"$RECOIL_PYTHON" "$here/production.py" "$recoil" hyperqueue "${size[@]}" --longest 0.6
for workflow in tau pflow-dataset pflow-search; do
  "$RECOIL_PYTHON" "$here/workflow.py" "$recoil" hyperqueue --workflow "$workflow"
done
"$RECOIL_PYTHON" "$here/lst.py" "$recoil" hyperqueue

if [ "$(id -u)" != 0 ]; then
  echo "SKIPPED: a Slurm can only be started by root" >&2
  exit 0
fi
# one Slurm at a time on a machine: its daemons have fixed ports
exec 9>/tmp/recoil-slurm.lock
flock 9
slurm=$(mktemp -d -t recoil-slurm-XXXXXX)
# the daemons must not inherit the lock
"$here/start-slurm.sh" "$slurm" 9>&-
trap '"$here/stop-slurm.sh" "$slurm"' EXIT
SLURM_CONF="$slurm/slurm.conf" "$RECOIL_PYTHON" "$here/production.py" "$recoil" slurm "${size[@]}" 9>&-
for workflow in tau pflow-dataset pflow-search; do
  SLURM_CONF="$slurm/slurm.conf" "$RECOIL_PYTHON" "$here/workflow.py" "$recoil" slurm --workflow "$workflow" 9>&-
done
SLURM_CONF="$slurm/slurm.conf" "$RECOIL_PYTHON" "$here/lst.py" "$recoil" slurm 9>&-
