#!/usr/bin/env bash
# Starts a Slurm of one node on the loopback interface of a Debian machine: as root, without systemd, with a munge of
# its own. Everything it writes is in DIR.
# usage: start-slurm.sh DIR        then: export SLURM_CONF=DIR/slurm.conf
set -euo pipefail
dir=${1:?usage: start-slurm.sh DIR}
port=${RECOIL_SLURM_PORT:-16817}
[ "$(id -u)" = 0 ] || { echo "a Slurm can only be started by root" >&2; exit 2; }

packages=(munge slurmctld slurmd slurm-client)
if ! dpkg -s "${packages[@]}" >/dev/null 2>&1; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq -o DPkg::Lock::Timeout=300 update >/dev/null
  apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${packages[@]}" >/dev/null
fi
mkdir -p "$dir"/{munge,state,spool,log,run}
dir=$(cd "$dir" && pwd)
host=$(hostname -s)

# munge: authenticates the daemons and commands to each other; --force because parents of DIR may be writable by all
dd if=/dev/urandom of="$dir/munge/munge.key" bs=1024 count=1 status=none
chown -R munge:munge "$dir/munge"
chmod 755 "$dir" "$dir/munge"
chmod 400 "$dir/munge/munge.key"
setpriv --reuid=munge --regid=munge --init-groups munged --force --key-file="$dir/munge/munge.key" \
  --socket="$dir/munge/munge.sock" --pid-file="$dir/munge/munged.pid" --seed-file="$dir/munge/munge.seed" \
  --log-file="$dir/munge/munged.log" 2>"$dir/log/munged"
munge -S "$dir/munge/munge.sock" -n | unmunge -S "$dir/munge/munge.sock" >/dev/null

# jobs are forgotten soon after their end, and arrays are short, as on a Slurm that nobody has tuned for us
cat >"$dir/slurm.conf" <<CONF
ClusterName=recoil
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$dir/munge/munge.sock
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/slurmd.pid
SlurmctldLogFile=$dir/log/slurmctld
SlurmdLogFile=$dir/log/slurmd
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc=$dir/log/jobs
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=0,bf_interval=1,batch_sched_delay=0
DefMemPerCPU=100
MaxArraySize=${RECOIL_SLURM_ARRAY:-1001}
MinJobAge=${RECOIL_SLURM_AGE:-5}
ReturnToService=2
KillWait=5
WaitTime=0
MailProg=/bin/true
PropagateResourceLimits=NONE
# the node claims more than it has, so that sizes of real productions are accepted
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=16 Boards=1 SocketsPerBoard=1 CoresPerSocket=16 ThreadsPerCore=1 RealMemory=400000
PartitionName=short Nodes=$host Default=YES MaxTime=UNLIMITED State=UP
PartitionName=long Nodes=$host MaxTime=UNLIMITED State=UP
CONF
printf 'CgroupAutomount=no\n' >"$dir/cgroup.conf"

export SLURM_CONF="$dir/slurm.conf"
slurmctld -f "$SLURM_CONF"
slurmd -f "$SLURM_CONF"
for _ in $(seq 150); do
  scontrol ping 2>/dev/null | grep -q 'is UP' && sinfo -h -o %T 2>/dev/null | grep -qE '^(idle|mixed|allocated)' && exit 0
  sleep 0.2
done
echo "Slurm did not start:" >&2
tail -n 5 "$dir"/log/* >&2
exit 1
