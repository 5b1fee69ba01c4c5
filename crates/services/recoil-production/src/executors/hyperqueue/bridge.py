"""Between the production manager and the Python package of HyperQueue.

usage: bridge.py client DIRECTORY CORES RECORDS own|given
       bridge.py cluster DIRECTORY CORES

DIRECTORY is that of the server, RECORDS that of the names of jobs. The client takes one JSON request per line and gives one JSON answer per line; it ends with its input. With `own` it
starts a cluster if there is none: a process of its own with a server and one worker, which ends when no client has
looked in for a while and nothing runs any more.
"""

import json
import os
import pathlib
import subprocess
import sys
import threading
import time

LOOKS_IN = 1.0
FORGOTTEN = 15.0
STARTS = 60.0


def children():
    """Whether processes of this one run."""
    own = str(os.getpid())
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[1] == own and fields[0] != "Z":
            return True
    return False


def cluster(directory, cores):
    from hyperqueue.cluster import LocalCluster, WorkerConfig

    running = LocalCluster(str(directory), WorkerConfig(cores=cores))
    alive = directory / "alive"
    while True:
        time.sleep(1)
        try:
            silent = time.time() - alive.stat().st_mtime > FORGOTTEN
        except OSError:
            silent = True
        if silent and not children():
            running.stop()
            return


class Client:
    def __init__(self, directory, cores, records, own):
        self.directory, self.cores, self.records, self.own = directory, cores, records, own
        self.connection = None
        self.server = None

    def look_in(self):
        while True:
            (self.directory / "alive").touch()
            time.sleep(LOOKS_IN)

    def connect(self):
        from hyperqueue.ffi.client import ClientConnection

        self.connection = ClientConnection(str(self.directory))
        access = json.loads((self.directory / "hq-current" / "access.json").read_text())
        self.server = access["server_uid"]

    def connected(self):
        if self.connection is not None:
            return self.connection
        try:
            self.connect()
        except Exception:
            if not self.own:
                raise
            with open(self.directory / "cluster.log", "ab") as log:
                words = [sys.executable, __file__, "cluster", str(self.directory), str(self.cores)]
                started = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
                )
            until = time.monotonic() + STARTS
            while True:
                try:
                    self.connect()
                    # a worker needs a moment longer, but the server keeps what comes before
                    break
                except Exception:
                    if time.monotonic() > until or started.poll() is not None:
                        raise
                    time.sleep(0.05)
        return self.connection

    def submit(self, request):
        from hyperqueue.ffi.protocol import JobDescription, ResourceRequest, TaskDescription

        def task(number):
            return TaskDescription(
                id=number,
                args=request["runner"] + ["--task", str(number)],
                cwd="/",
                stdout=None,
                stderr=None,
                stdin=None,
                env={},
                dependencies=(),
                task_dir=False,
                priority=0,
                resource_request=(ResourceRequest(cpus=request["cpus"]),),
                crash_limit=None,
            )

        connection = self.connected()
        tasks = [task(number) for number in request["tasks"]]
        job = connection.submit_job(JobDescription(name=request["token"], tasks=tasks, max_fails=None))
        name = f"{job}@{self.server}"
        path = self.records / request["token"]
        draft = self.records / (request["token"] + ".tmp")
        draft.write_text(name)
        draft.rename(path)
        return {"job": name}

    def find(self, request):
        self.connected()
        try:
            name = (self.records / request["token"]).read_text()
        except OSError:
            return {"job": None}
        return {"job": name if name.endswith("@" + self.server) else None}

    def poll(self, request):
        connection = self.connected()
        numbers = {}
        for name in request["jobs"]:
            number, _, server = name.partition("@")
            if server == self.server:
                numbers[int(number)] = name
        if not numbers:
            return {"jobs": {}}
        seen = {}

        class Enough(Exception):
            pass

        def callback(jobs):
            seen.update(jobs)
            raise Enough

        # the package can only wait for jobs; but while it waits it tells how they are
        try:
            connection.wait_for_jobs(list(numbers), callback)
        except Enough:
            pass
        failed = connection.get_failed_tasks([number for number, job in seen.items() if job["failed"]])
        return {
            "jobs": {
                numbers[number]: {
                    "over": job["completed"],
                    "whole": job["finished"] + job["failed"] == job["total"],
                    "failed": {str(task): context.error for task, context in failed.get(number, {}).items()},
                }
                for number, job in seen.items()
            }
        }

    def answer(self, request):
        try:
            return getattr(self, {"submit": "submit", "find": "find", "poll": "poll"}[request["do"]])(request)
        except Exception as error:  # the package raises plain exceptions, with long traces in their text
            self.connection = None
            return {"error": str(error).strip().split("\n")[0]}


def main():
    what, directory, cores = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    if what == "cluster":
        return cluster(directory, cores)
    client = Client(directory, cores, pathlib.Path(sys.argv[4]), sys.argv[5] == "own")
    client.records.mkdir(parents=True, exist_ok=True)
    if client.own:
        directory.mkdir(parents=True, exist_ok=True)
        threading.Thread(target=client.look_in, daemon=True).start()
    try:
        for line in sys.stdin:
            print(json.dumps(client.answer(json.loads(line))), flush=True)
    except (BrokenPipeError, ValueError):
        # the manager is gone, perhaps in the middle of a line
        os._exit(0)


if __name__ == "__main__":
    main()
