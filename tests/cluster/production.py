"""A production on a real cluster while its manager is killed again and again.

usage: production.py RECOIL EXECUTOR [--steps N] [--kills N] [--seed N] [--keep DIR]

The production has arrays, tasks that fail once, a task that needs more memory than it asks for, one that passes its
time limit, and an array that somebody cancels. It runs undisturbed on the local executor, and on EXECUTOR while the
manager gets SIGKILL at random moments. The outputs must be the same to the byte, and nothing that was finished may run
a second time. Exit code 1 when something differs.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

# What each task runs. It notes begin and end in side files; in a calm world nothing goes wrong.
WORK = r"""
kind=$1; name=$2; out=$3; shift 3
echo "$name" >> log/begin
if [ ! -e calm ]; then
  case $kind in
    flaky) if [ ! -e "log/$name.tried" ]; then : > "log/$name.tried"; exit 7; fi ;;
    memory) head -c 60000000 /dev/zero | tail -c 60000000 | (sleep 1; wc -c > /dev/null) || exit 137 ;;
    slow) if [ ! -e "log/$name.tried" ]; then : > "log/$name.tried"; sleep 300; fi ;;
    held) if [ ! -e log/released ]; then sleep 300; fi ;;
  esac
fi
echo half > "$out"
{ echo "$name"; [ $# -eq 0 ] || cat -- "$@" | cksum; } > "$out"
echo "$name" >> log/end
"""
# As bad as names get: the directory of everything, and one of the outputs.
FOLDER = "it's a \"$(touch touched)\" %A ; `touch touched`\n-- dir"
OUTPUT = "out/-o 'x' \"$(touch touched)\" *\n.txt"


def steps_of(count):
    """Steps in groups of three, two of them arrays of four tasks, and the troublemakers."""
    steps = []

    def step(name, output, inputs=None, kind="plain", **more):
        command = ["sh", "work.sh", kind, name, "{output}"] + (["{inputs}"] if inputs else [])
        steps.append({"id": name.split("{")[0], "command": command, "output": output, **more})
        if inputs:
            steps[-1]["inputs"] = inputs

    four = {"i": "1..4"}
    troubles = ["flaky", "memory", "slow", "held", "named"]
    joins = []
    for group in range((count - len(troubles) - 1) // 3):
        gen, mid, join = f"gen{group}_", f"mid{group}_", f"join{group}"
        step(gen + "{i}", f"out/{gen}{{i}}.txt", **{"for": four})
        step(mid + "{i}", f"out/{mid}{{i}}.txt", [f"out/{gen}{{i}}.txt"], **{"for": four})
        step(join, f"out/{join}.txt", [mid])
        joins.append(join)
    step("flaky{i}", "out/flaky{i}.txt", kind="flaky", retries=1, **{"for": {"i": "1..5"}})
    step("memory", "out/memory.txt", kind="memory", resources={"memory": "40M"})
    step("slow", "out/slow.txt", kind="slow", retries=1, resources={"time": "2s"})
    step("held{i}", "out/held{i}.txt", kind="held", concurrent=3, **{"for": {"i": "1..6"}})
    step("named", OUTPUT, ["memory"])
    step("all", "out/all.txt", joins + troubles)
    return steps


class World:
    """A copy of the production in a directory of its own."""

    def __init__(self, base, recoil, steps, calm):
        self.path = pathlib.Path(base) / FOLDER
        (self.path / "log").mkdir(parents=True)
        (self.path / "work.sh").write_text(WORK)
        (self.path / "p.yaml").write_text(json.dumps({"name": "chaos", "steps": steps}))
        if calm:
            (self.path / "calm").touch()
        self.recoil = recoil

    def start(self, executor):
        words = ["production", "run", "p.yaml", "--executor", executor, "-k", "-y", "--no-progress"]
        words += [] if executor == "slurm" else ["--cpus", "8"]
        with (self.path / "log" / "manager").open("ab") as log:
            return subprocess.Popen([self.recoil, *words], cwd=self.path, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def outputs(self):
        return {path.name: path.read_bytes() for path in (self.path / "out").iterdir()}

    def noted(self, name):
        path = self.path / "log" / name
        return collections.Counter(path.read_text().split()) if path.exists() else collections.Counter()

    def journal(self):
        lines = (self.path / ".recoil" / "chaos" / "journal.jsonl").read_text().splitlines()
        events = []
        for line in lines:
            try:
                events.append(json.loads(line))
            except ValueError:
                pass  # torn by a kill
        return events


def cancel_held(world, executor):
    """Cancels the array that waits for it, as a person would; whether that was done."""
    if executor == "slurm":
        answer = subprocess.run(["squeue", "-h", "-t", "R", "-o", "%F|%j"], capture_output=True, text=True)
        jobs = [line.split("|")[0] for line in answer.stdout.splitlines() if "|held" in line]
        if not jobs:
            return False
        subprocess.run(["scancel", jobs[0]], check=True)
    else:
        # other systems have no command to do it with: the production is cancelled as a whole, after everything else that
        # goes wrong
        if "slow" not in world.noted("end") or not any(name.startswith("held") for name in world.noted("begin")):
            return False
        subprocess.run([world.recoil, "production", "cancel", "."], cwd=world.path, check=True, stdout=subprocess.DEVNULL)
    (world.path / "log" / "released").touch()
    return True


def disturb(world, executor, kills, rng, longest):
    """Runs the production to its end, with kills on the way."""
    killed = runs = 0
    cancelled = False
    begin = time.monotonic()
    while True:
        runs += 1
        manager = world.start(executor)
        until = time.monotonic() + rng.uniform(0.02, longest)
        while manager.poll() is None and (killed >= kills or time.monotonic() < until):
            if not cancelled and killed >= kills // 3:
                cancelled = cancel_held(world, executor)
            time.sleep(0.01)
        if manager.poll() is None:
            manager.kill()
            manager.wait()
            killed += 1
            continue
        manager.wait()
        if manager.returncode == 0:
            break
        if manager.returncode not in (5, 130) or runs > kills + 20:
            tail = (world.path / "log" / "manager").read_text(errors="replace")[-3000:]
            sys.exit(f"the manager ended with exit code {manager.returncode}:\n{tail}")
    print(f"{executor}: {killed} managers killed, {runs} runs, {time.monotonic() - begin:.1f} s", flush=True)
    if not cancelled or killed < kills:
        sys.exit(f"cancelled: {cancelled}, kills: {killed} of {kills}: the production was too short")


def compare(calm, wild):
    """What is wrong, one line each."""
    wrong = []
    expected, found = calm.outputs(), wild.outputs()
    differing = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    wrong += [f"output differs: {name!r}" for name in differing]
    tasks = calm.noted("end")
    ends = wild.noted("end")
    wrong += [f"finished {ends[name]} times: {name}" for name in sorted(tasks.keys() | ends.keys()) if ends[name] != 1]
    done = collections.Counter()
    submitted = collections.Counter()
    for event in wild.journal():
        if event["event"] == "end" and event["result"]["outcome"] == "done":
            done[event["result"]["step"], event["result"]["task"]] += 1
        if event["event"] == "submit":
            submitted[event["token"]] += 1
    wrong += [f"noted as done {count} times: {task}" for task, count in done.items() if count != 1]
    wrong += [f"{count} submissions of {token}" for token, count in submitted.items() if count != 1]
    if len(done) != sum(tasks.values()):
        wrong.append(f"{len(done)} tasks were noted as done, not {sum(tasks.values())}")
    outcomes = {event["result"]["outcome"] for event in wild.journal() if event["event"] == "end"}
    missing = {"done", "failed", "out_of_memory", "timed_out", "cancelled"} - outcomes
    wrong += [f"nothing ended as {outcome}" for outcome in sorted(missing)]
    wrong += [f"a shell read a name: {path}" for path in wild.path.parent.rglob("touched")]
    # leftovers under temporary names; hidden files of the file system itself do not count
    wrong += [f"left behind: {path}" for path in (wild.path / "out").iterdir() if path.name.endswith(".tmp")]
    print(f"{len(expected)} outputs, {len(done)} tasks, {len(submitted)} submissions, {sum(ends.values())} ends noted")
    return wrong


def arrays_of_tokens():
    """Jobs that Slurm has finished, by their names, from its own log."""
    conf = pathlib.Path(os.environ["SLURM_CONF"]).read_text().splitlines()
    place = next(line.split("=", 1)[1] for line in conf if line.startswith("JobCompLoc="))
    jobs = collections.defaultdict(set)
    # names of directories may have line ends in them, names of jobs not
    text = pathlib.Path(place).read_text()
    for name, array in re.findall(r"^JobId=.*? Name=(\S+) .*? ArrayJobId=(\d+)", text, re.DOTALL | re.MULTILINE):
        jobs[name].add(array)
    return jobs


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("recoil", type=lambda path: os.path.abspath(path))
    parser.add_argument("executor")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--longest", type=float, default=1.2, help="seconds that a manager lives at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", help="directory in which everything stays")
    options = parser.parse_args()
    base = options.keep or tempfile.mkdtemp(prefix="recoil-cluster-")
    steps = steps_of(options.steps)
    calm = World(pathlib.Path(base) / "calm", options.recoil, steps, True)
    begin = time.monotonic()
    code = calm.start("local").wait()
    if code != 0:
        sys.exit((calm.path / "log" / "manager").read_text())
    print(f"local: {len(steps)} steps, undisturbed, {time.monotonic() - begin:.1f} s", flush=True)
    wild = World(pathlib.Path(base) / "wild", options.recoil, steps, False)
    disturb(wild, options.executor, options.kills, random.Random(options.seed), options.longest)
    wrong = compare(calm, wild)
    if options.executor == "slurm":
        twice = {name: jobs for name, jobs in arrays_of_tokens().items() if len(jobs) > 1}
        wrong += [f"submitted twice: {name}: {sorted(jobs)}" for name, jobs in twice.items()]
    for line in wrong[:50]:
        print(line)
    if wrong:
        sys.exit(f"{len(wrong)} things are wrong; see {base}")
    if not options.keep:
        shutil.rmtree(base)
    print("the same to the byte, nothing twice")


if __name__ == "__main__":
    main()
