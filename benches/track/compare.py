"""Lists runs of a store with recoil and with MLflow's client, and checks that both find the same.

usage: python benches/track/compare.py [RUNS]; RECOIL names the program; needs mlflow
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
from mlflow.tracking import MlflowClient  # noqa: E402

RECOIL = os.environ.get("RECOIL", str(Path(__file__).resolve().parents[2] / "target/release/recoil"))
RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000


def make(store):
    """Runs in MLflow's own form: a copy of one that its client wrote, with 12 parameters, 4 metrics of 30 epochs, 6 tags."""
    client = MlflowClient(store.as_uri())
    experiment = client.create_experiment("bench")
    first = client.create_run(experiment, run_name="run").info.run_id
    for n in range(12):
        client.log_param(first, f"training.parameter_{n}", n * 0.1)
    for n in range(5):
        client.set_tag(first, f"tag_{n}", "some words")
    folder = store / experiment / first
    for n in range(4):
        lines = [f"1700000000{epoch:03d} {1 / (epoch + n + 1)} {epoch}\n" for epoch in range(1, 31)]
        (folder / "metrics" / f"metric_{n}").write_text("".join(lines))
    meta = (folder / "meta.yaml").read_text()
    for n in range(1, RUNS):
        run = f"a{n:031x}"
        shutil.copytree(folder, store / experiment / run)
        (store / experiment / run / "meta.yaml").write_text(meta.replace(first, run))
        (store / experiment / run / "metrics/metric_0").write_text(f"1700000000000 {n / RUNS} 30\n")
    return client, experiment


def timed(work, repeats):
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    return best, result


def listed(store, *words):
    done = subprocess.run([RECOIL, "track", "ls", store, *words], capture_output=True, text=True, check=True)
    return done.stdout


with tempfile.TemporaryDirectory() as folder:
    store = Path(folder) / "mlruns"
    client, experiment = make(store)
    table, text = timed(lambda: listed(store, "--sort", "metric_0"), 3)
    whole, everything = timed(lambda: json.loads(listed(store, "--json", "--sort", "metric_0")), 3)

    def search():
        found, token = [], None
        while True:
            page = client.search_runs([experiment], order_by=["metrics.metric_0 ASC"], max_results=50_000, page_token=token)
            found += page
            token = page.token
            if not token:
                return found

    theirs, runs = timed(search, 1)
    assert len(runs) == len(everything) == RUNS and f"{RUNS} runs" in text
    same = all(a.info.run_id == b["run_id"] and a.data.metrics == b["metrics"] and a.data.params == b["params"]
               for a, b in zip(runs, everything))
    print(f"{RUNS} runs, 12 parameters, 4 metrics, 6 tags each; same content: {same}")
    print(f"recoil track ls --sort metric_0          {table:8.3f} s   ratio {theirs / table:7.1f}")
    print(f"recoil track ls --json (all values)      {whole:8.3f} s   ratio {theirs / whole:7.1f}")
    print(f"MlflowClient.search_runs (all values)    {theirs:8.3f} s")
    assert same
