"""Records of trainings in MLflow itself: file stores read through its client, runs sent to its server, and the other way."""
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

mlflow = pytest.importorskip("mlflow")
# MLflow 3.7 and later read file stores only when asked to
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
from mlflow.tracking import MlflowClient  # noqa: E402

RECOIL = os.environ.get("RECOIL_BIN", str(Path(__file__).resolve().parents[2] / "target/release/recoil"))


def recoil(*words, code=0, **variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")} | variables
    done = subprocess.run([RECOIL, *map(str, words)], capture_output=True, text=True, env=environment)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="module")
def wafers(tmp_path_factory):
    path = tmp_path_factory.mktemp("wafers") / "calq.parquet"
    recoil("econt", "simulate", "-o", path, "wafers=1000")
    return path


def train(wafers, output, *words, **variables):
    recoil("econt", "train", "--input", wafers, "-o", output, "--epochs", 3, "-q", *words, **variables)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A tracking server with its own artifacts."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "art")]
    log = open(folder / "log", "w")
    process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, cwd=folder)
    for _ in range(240):
        if process.poll() is not None:
            pytest.fail((folder / "log").read_text()[-3000:])
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.5)
    time.sleep(1)
    yield f"http://127.0.0.1:{port}"
    os.killpg(process.pid, signal.SIGTERM)
    process.wait()


def check_run(client, run, output):
    assert run.info.status == "FINISHED" and run.info.end_time >= run.info.start_time
    assert run.data.params["model"] == "8x8_c8_S2_tele" and run.data.params["training.epochs"] == "3"
    assert run.data.params["training_wafers"] == "800"
    losses = client.get_metric_history(run.info.run_id, "val_loss")
    lines = (output / "history.csv").read_text().split()[1:]
    assert [m.step for m in losses] == [1, 2, 3]
    assert [m.value for m in losses] == [float(line.split(",")[2]) for line in lines]
    assert set(run.data.metrics) == {"loss", "val_loss", "learning_rate", "seconds"}
    assert json.loads(run.data.tags["recoil.provenance"])["stage"] == "econt train"
    assert {f.path for f in client.list_artifacts(run.info.run_id, "model")} == {
        "model/model.json", "model/weights.safetensors", "model/history.csv"}
    local = client.download_artifacts(run.info.run_id, "model/model.json")
    assert Path(local).read_bytes() == (output / "model.json").read_bytes()


def test_a_file_store_is_read_by_mlflow(wafers, tmp_path):
    store = tmp_path / "ml runs"
    train(wafers, tmp_path / "m", f"track.store={store}", "track.experiment=Übung 1", "track.name=a: 'b'",
          "track.parent=all of them", "track.tags={purpose: test}")
    client = MlflowClient(store.as_uri())
    experiment = client.get_experiment_by_name("Übung 1")
    runs = client.search_runs([experiment.experiment_id], "attributes.run_name LIKE 'a:%'")
    assert len(runs) == 1
    check_run(client, runs[0], tmp_path / "m")
    assert runs[0].info.run_name == "a: 'b'" and runs[0].data.tags["purpose"] == "test"
    parent = client.get_run(runs[0].data.tags["mlflow.parentRunId"])
    assert parent.info.run_name == "all of them"
    # MLflow goes on in the same store, and recoil reads what it wrote
    for name, value in [("nan", math.nan), ("inf", math.inf), ("a b/c", -1e-30)]:
        client.log_metric(runs[0].info.run_id, name, value, step=7)
    client.set_tag(runs[0].info.run_id, "näme", "zeile 1\nzeile 2")
    other = client.create_run(experiment.experiment_id, run_name="x" * 120 + " and " + "y" * 120)
    shown = json.loads(recoil("track", "show", runs[0].info.run_id[:8], "--store", store, "--json"))
    assert shown["metrics"]["nan"] == "NaN" and shown["metrics"]["inf"] == "Infinity"
    assert shown["history"]["a b/c"][0]["step"] == 7 and shown["metrics"]["a b/c"] == -1e-30
    assert shown["tags"]["näme"] == "zeile 1\nzeile 2"
    listed = json.loads(recoil("track", "ls", store, "--json"))
    assert {run["run_id"] for run in listed} == {parent.info.run_id, runs[0].info.run_id, other.info.run_id}
    assert other.info.run_name in {run["run_name"] for run in listed}
    found = json.loads(recoil("track", "ls", store, "--json", "--where", "val_loss > 0 and params.links is not null"))
    assert [run["run_id"] for run in found] == [runs[0].info.run_id]


def test_a_server_gets_the_run(wafers, server, tmp_path):
    train(wafers, tmp_path / "m", "track.experiment=on a server", "track.parent=scan", MLFLOW_TRACKING_URI=server)
    client = MlflowClient(server)
    experiment = client.get_experiment_by_name("on a server")
    runs = client.search_runs([experiment.experiment_id], "params.model != ''")
    assert len(runs) == 1
    check_run(client, runs[0], tmp_path / "m")
    assert client.get_run(runs[0].data.tags["mlflow.parentRunId"]).info.run_name == "scan"
    client.log_metric(runs[0].info.run_id, "nan", math.nan)
    shown = json.loads(recoil("track", "show", runs[0].info.run_id, "--store", server, "--json"))
    assert shown["metrics"]["val_loss"] == runs[0].data.metrics["val_loss"]
    assert [point["step"] for point in shown["history"]["val_loss"]] == [1, 2, 3]
    assert {file["path"] for file in shown["artifacts"]} >= {"model/model.json"}
    listed = json.loads(recoil("track", "ls", "--json", "-e", "on a server", MLFLOW_TRACKING_URI=server))
    assert len(listed) == 2


def test_a_server_that_is_not_there_is_told_before_the_training(wafers, tmp_path):
    message = recoil("econt", "train", "--input", wafers, "-o", tmp_path / "m", code=4,
                     MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert "127.0.0.1:9" in message
    message = recoil("econt", "train", "--input", wafers, "-o", tmp_path / "m", code=4,
                     MLFLOW_TRACKING_URI="sqlite:///mlflow.db")
    assert "database" in message


def test_a_killed_training_leaves_a_store_that_mlflow_reads(wafers, tmp_path):
    store = tmp_path / "mlruns"
    words = [RECOIL, "econt", "train", "--input", wafers, "-o", tmp_path / "m", "--epochs", "100000", "-q",
             f"track.store={store}"]
    processes = [subprocess.Popen([*map(str, words), f"track.name=r{i}"]) for i in range(2)]
    time.sleep(4)
    for process in processes:
        process.kill()
        process.wait()
    client = MlflowClient(store.as_uri())
    experiment = client.get_experiment_by_name("econt train")
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == 2
    for run in runs:
        assert run.info.status == "RUNNING"
        steps = [m.step for m in client.get_metric_history(run.info.run_id, "loss")]
        assert len(steps) > 1 and steps == list(range(1, len(steps) + 1))


def test_merged_stores_are_read_by_mlflow(wafers, tmp_path):
    a, b, c = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    train(wafers, tmp_path / "m1", f"track.store={a}")
    train(wafers, tmp_path / "m2", f"track.store={b}")
    theirs = MlflowClient(b.as_uri())
    made = theirs.create_run(theirs.create_experiment("theirs"))
    theirs.log_text(made.info.run_id, "hello", "notes/a.txt")
    recoil("track", "merge", a, b, "-o", c)
    client = MlflowClient(c.as_uri())
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    assert len(runs) == 3
    outputs = {json.loads(recoil("track", "show", run.info.run_id, "--store", store, "--json"))["run_id"]: output
               for store, output in ((a, tmp_path / "m1"), (b, tmp_path / "m2"))
               for run in MlflowClient(store.as_uri()).search_runs(
                   [MlflowClient(store.as_uri()).get_experiment_by_name("econt train").experiment_id])}
    for run in runs:
        if run.info.run_id in outputs:
            check_run(client, run, outputs[run.info.run_id])
    assert Path(client.download_artifacts(made.info.run_id, "notes/a.txt")).read_text() == "hello"
    assert recoil("track", "merge", a, "-o", c, code=4)


def test_trainings_for_several_links_are_nested(wafers, tmp_path):
    store = tmp_path / "mlruns"
    train(wafers, tmp_path / "m", "--links", "2,3", f"track.store={store}", "track.name=scan")
    client = MlflowClient(store.as_uri())
    runs = client.search_runs([client.get_experiment_by_name("econt train").experiment_id])
    by_name = {run.info.run_name: run for run in runs}
    assert set(by_name) == {"scan", "links2", "links3"}
    for links in (2, 3):
        run = by_name[f"links{links}"]
        assert run.data.tags["mlflow.parentRunId"] == by_name["scan"].info.run_id
        assert run.data.params["trained_links"] == str(links) and run.info.status == "FINISHED"
        check_run(client, run, tmp_path / f"m/links{links}")
