"""HTCondor's own library reads the submit files and graphs that recoil writes.

The program comes from the environment variable RECOIL_BIN.
"""

import json
import os
import pathlib
import shlex
import subprocess

import htcondor2

NAME = "it's \"x\" $(id) %A"
STEPS = [
    {"id": "gen", "for": {"i": "1..3"}, "command": ["touch", "{output}"], "output": "out/{i}", "retries": 2},
    {
        "id": "all",
        "command": ["touch", "{output}"],
        "inputs": ["gen"],
        "output": "all.txt",
        "resources": {"memory": "2GB", "cpus": 4, "time": "1h"},
        "scheduler": {"accounting_group": "a $(id) b"},
    },
]


def arguments(text):
    """Words of the new syntax of arguments: between double quotes, each perhaps between single ones."""
    assert text[0] == text[-1] == '"'
    text = text[1:-1].replace('""', '"')
    words = []
    while text := text.lstrip():
        if text[0] != "'":
            word, _, text = text.partition(" ")
        else:
            end = 1
            while text[end] != "'" or text[end + 1 : end + 2] == "'":
                end += 2 if text[end] == "'" else 1
            word, text = text[1:end].replace("''", "'"), text[end + 1 :]
        words.append(word)
    return words


def test_submit_files_are_read_as_they_are_meant(tmp_path):
    home = tmp_path / NAME
    home.mkdir()
    (home / "p.yaml").write_text(json.dumps({"name": "p", "steps": STEPS}))
    words = [os.environ["RECOIL_BIN"], "production", "export", "p.yaml", "-o", "dag"]
    subprocess.run(words, cwd=home, check=True)
    assert subprocess.run(words, cwd=home, stderr=subprocess.DEVNULL).returncode == 4, "nothing is replaced unasked"

    gen = htcondor2.Submit((home / "dag" / "gen.sub").read_text())
    assert gen.getQArgs() == "task in (0, 1, 2)"
    assert [item["task"] for item in gen.itemdata()] == ["0", "1", "2"]
    state = str(home / ".recoil" / "p")
    given = arguments(gen.expand("arguments"))
    assert given[:8] == ["production", "run-task", "--dir", state, "--step", "gen", "--attempt", "1"]
    assert gen.expand("executable") == os.path.realpath(os.environ["RECOIL_BIN"])
    assert gen.expand("initialdir") == state + "/scripts"

    last = htcondor2.Submit((home / "dag" / "all.sub").read_text())
    assert (last["request_cpus"], last["request_memory"]) == ("4", "2048MB")
    assert last.expand("accounting_group") == "a $(id) b"

    graph = [shlex.split(line) for line in (home / "dag" / "production.dag").read_text().splitlines()]
    assert ["JOB", "gen", "gen.sub"] in graph and ["RETRY", "gen", "2"] in graph
    assert ["PARENT", "gen", "CHILD", "all"] in graph

    # what a machine of the pool would start
    for task in range(3):
        words = given[: given.index("--task")] + ["--task", str(task)]
        subprocess.run([gen.expand("executable"), *words], cwd="/", check=True)
    assert sorted(path.name for path in (home / "out").iterdir()) == ["1", "2", "3"]


def test_the_log_is_that_of_htcondor(tmp_path):
    """The text that the reader is tested with is a log for HTCondor too."""
    root = pathlib.Path(__file__).parents[2]
    source = root / "crates/services/recoil-production/src/executors/htcondor/log.rs"
    text = source.read_text().split('const LOG: &str = "\\\n')[1].split('";')[0].replace("\\t", "\t")
    log = tmp_path / "log"
    log.write_text(text)
    events = [(event.type, event.proc, event.get("LogNotes")) for event in htcondor2.JobEventLog(str(log)).events(0)]
    assert [event[0] for event in events] == [0, 0, 0, 1, 1, 12, 9, 5]
    assert [event[2] for event in events[:3]] == ["recoil task 5", "recoil task 7", "recoil task 9"]
