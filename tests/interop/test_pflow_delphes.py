"""Files in the form of Delphes, written by ROOT, against what recoil makes of them."""
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ROOT")
uproot = pytest.importorskip("uproot")
parquet = pytest.importorskip("pyarrow.parquet")
HERE = Path(__file__).resolve().parent
RECOIL = os.environ.get("RECOIL_BIN", str(HERE.parents[1] / "target/release/recoil"))
NEUTRINOS = (12, 14, 16)
FORMS = {"usual": [], "pileup_mix": ["--pileup-mix"], "plain": ["--plain"]}


def recoil(*words):
    done = subprocess.run([RECOIL, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=FORMS)
def made(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    path = folder / "delphes.root"
    subprocess.run([sys.executable, HERE / "make_delphes.py", path, "40", *FORMS[request.param]], check=True)
    recoil("pflow", "import", "--input", path, "-o", folder / "imported.parquet")
    recoil("pflow", "assign-truth", "--input", folder / "imported.parquet", "-o", folder / "assigned.parquet")
    return request.param, path, json.loads(path.with_suffix(".json").read_text()), folder


def class_of(pid, charge):
    return {22: 22, 11: 11, 13: 13}.get(abs(pid), 211 if charge else 130)


def close(found, expected, tolerance=2e-6):
    return np.allclose(np.asarray(found, float), np.asarray(expected, float), rtol=tolerance, atol=tolerance)


def test_elements_particles_and_links(made):
    _, _, events, folder = made
    table = parquet.read_table(folder / "imported.parquet").to_pylist()
    assert len(table) == len(events)
    for row, event in zip(table, events):
        assert row["event"] == event["event"]
        expected = []
        for t in event["tracks"]:
            pid = abs(event["particles"][t["particle"]]["pid"])
            outer = t["outer"]
            expected.append([2, t["pt"], t["eta"], math.sin(t["phi"]), math.cos(t["phi"]), t["pt"] * math.cosh(t["eta"]),
                             outer[0], math.sin(outer[1]), math.cos(outer[1]), t["charge"], pid == 13, pid == 11])
        for t in event["towers"]:
            expected.append([1, t["et"], t["eta"], math.sin(t["phi"]), math.cos(t["phi"]), t["e"], t["em"], t["had"], 0, 0, 0, 0])
        found = np.array([row[name] for name in row if name.startswith("elem_")]).T
        assert found.shape == (len(expected), 12) or not expected
        assert close(found, np.array(expected).reshape(found.shape))
        stable = [p for p in event["particles"] if p["status"] == 1 and p["pid"] not in NEUTRINOS]
        assert row["sim_pdg"] == row["gen_pdg"] == [p["pid"] for p in stable]
        assert row["gen_ispu"] == [p["pu"] for p in stable]
        assert close(row["sim_px"], [p["p"][0] for p in stable]) and close(row["gen_energy"], [p["p"][3] for p in stable])
        place = {id(p): index for index, p in enumerate(stable)}
        links = [(place[id(event["particles"][t["particle"]])], i) for i, t in enumerate(event["tracks"])]
        for i, t in enumerate(event["towers"]):
            links += [(place[id(event["particles"][p])], i + len(event["tracks"])) for p in t["particles"]]
        assert list(zip(row["link_particle"], row["link_element"])) == links


def test_candidates_are_those_of_their_elements(made):
    form, _, events, folder = made
    table = parquet.read_table(folder / "imported.parquet")
    if form == "plain":
        assert not [name for name in table.column_names if name.startswith("cand_")]
        return
    compared = 0
    for row, event in zip(table.to_pylist(), events):
        charged, neutral = set(event["charged"]), {}
        for n in event["neutrals"]:
            if n["e"] > neutral.get(n["tower"], {"e": 0})["e"]:
                neutral[n["tower"]] = n
        for index, t in enumerate(event["tracks"]):
            p = event["particles"][t["particle"]]
            assert index in charged and row["cand_pdg"][index] == class_of(p["pid"], p["charge"])
            assert row["cand_charge"][index] == p["charge"] and close(row["cand_pt"][index], t["pt"])
            mass = {11: 0.000511, 13: 0.105658}.get(row["cand_pdg"][index], 0.13957)
            assert close(row["cand_energy"][index], math.hypot(t["pt"] * math.cosh(t["eta"]), mass))
        for index in range(len(event["towers"])):
            n, at = neutral.get(index), index + len(event["tracks"])
            assert row["cand_pdg"][at] == ({"photon": 22, "neutral": 130}[n["kind"]] if n else 0)
            assert close(row["cand_energy"][at], n["e"] if n else 0)
            compared += bool(n)
    assert compared > 50


def test_targets_follow_the_rules(made):
    _, _, events, folder = made
    table = {row["event"]: row for row in parquet.read_table(folder / "assigned.parquet").to_pylist()}
    seen = {}
    for event in events:
        row = table.pop(event["event"], None)
        assert (row is None) == (not event["tracks"] and not event["towers"])
        if row is None:
            continue
        particles, tracked = event["particles"], {t["particle"] for t in event["tracks"]}
        expected = []
        for t in event["tracks"]:
            p = particles[t["particle"]]
            expected.append((class_of(p["pid"], p["charge"]), p["charge"], *p["p"]))
        for t in event["towers"]:
            free = [particles[i] for i in t["particles"] if i not in tracked]
            total = np.sum([p["p"] for p in free], axis=0) if free else np.zeros(4)
            species = {130: 0.0, 211: 0.0, 22: 0.0, 11: 0.0}
            for p in free:
                kind = class_of(p["pid"], p["charge"])
                species[211 if kind == 13 else kind] += p["p"][3]
            kind = max(species, key=species.get) if free else 0
            eta = math.asinh(total[2] / math.hypot(*total[:2])) if free else 0
            if abs(eta) > 2.5:
                kind = {211: 130, 11: 22}.get(kind, kind)
            if kind == 130 and total[3] < 9:
                kind = 0
            same = [p for p in free if {13: 211}.get(class_of(p["pid"], p["charge"]), class_of(p["pid"], p["charge"])) == kind]
            charge = max(same, key=lambda p: p["p"][3])["charge"] if kind in (211, 11) else 0
            expected.append((kind, charge, *(total if kind else np.zeros(4))))
        for index, (kind, charge, px, py, pz, e) in enumerate(expected):
            assert (row["target_pdg"][index], row["target_charge"][index]) == (kind, charge), (event["event"], index)
            seen[kind] = seen.get(kind, 0) + 1
            if kind:
                assert close([row["target_pt"][index], row["target_energy"][index]], [math.hypot(px, py), e], 1e-5)
                assert close(row["target_eta"][index], math.asinh(pz / math.hypot(px, py)), 1e-5)
    assert not table and all(seen.get(kind, 0) > 2 for kind in (0, 211, 130, 22, 11, 13)), seen


def test_references_are_those_of_uproot(made):
    form, path, _, folder = made
    tree = uproot.open(f"{path}:Delphes")
    name = {"pileup_mix": "PileUpMix"}.get(form, "Particle")
    for branch in (f"{name}.fUniqueID", f"{name}.fBits", "Track.Particle", "Tower.Particles"):
        recoil("table", "convert", f"{path}:Delphes", folder / "one.parquet", "--columns", branch, "--overwrite")
        found = parquet.read_table(folder / "one.parquet").column(0).to_pylist()
        read = tree[branch].array().tolist()
        if branch == "Track.Particle":
            read = [[one["ref"] for one in event] for event in read]
        elif branch == "Tower.Particles":
            read = [[one["refs"] for one in event] for event in read]
        if branch.endswith("fBits"):
            # uproot takes the two bytes behind the bits of referenced objects for bits
            assert [len(event) for event in found] == [len(event) for event in tree[f"{name}.fUniqueID"].array().tolist()]
            assert all(bits & 16 for event in found for bits in event)
        else:
            assert found == read
