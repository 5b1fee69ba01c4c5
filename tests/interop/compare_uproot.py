"""Compares every branch of ROOT files between recoil and uproot.

usage: compare_uproot.py DIGEST_PROGRAM FOLDER_OR_FILE...

With the environment variable DIGESTS_OUT, uproot's digests of the judged branches are written to that file.

DIGEST_PROGRAM is the example `root_digest` of recoil-root. Judged are the branches that uproot reads as numbers,
fixed arrays, counted arrays, vectors (also nested) or strings; records and maps are compared too, in categories of
their own. Prints each mismatch and a table per category; exit code 1 when a judged branch differs or a file that
uproot opens does not open.
"""

import collections
import json
import os
import pathlib
import subprocess
import sys
import warnings

import awkward as ak
import numpy as np
import uproot

try:
    import xxhash

    def digest(data):
        return f"{xxhash.xxh64_intdigest(data, 0):016x}"
except ImportError:
    sys.exit("this test needs the Python package xxhash")

DIGESTS_OUT = open(os.environ["DIGESTS_OUT"], "w") if "DIGESTS_OUT" in os.environ else None
JUDGED = ["number", "fixed", "counted", "vector", "nested", "string", "field"]


def canonical(layout, out, numbers=None, singles=False):
    """Little-endian bytes of the values: counts (i64) before the content of lists and strings.

    Numbers are converted to the type `numbers` if it is given; with `singles` an option counts as a list of up to one.
    """
    if layout.is_option and singles:
        index = np.asarray(layout.to_IndexedOptionArray64().index.data)
        out.append((index >= 0).astype("<i8").tobytes())
    if layout.is_option or layout.is_indexed:
        layout = layout.project()
    if layout.is_record:
        for content in layout.contents:
            canonical(content[: len(layout)], out, numbers, singles)
    elif layout.is_numpy:
        data = np.ascontiguousarray(layout.to_NumpyArray().data if hasattr(layout, "to_NumpyArray") else layout.data)
        kind = np.dtype(numbers or data.dtype)
        out.append(data.astype(kind.newbyteorder("<"), copy=False).tobytes())
    elif layout.is_regular:
        canonical(layout.content[: len(layout) * layout.size], out, numbers, singles)
    elif layout.is_list:
        packed = layout.to_ListOffsetArray64(True)
        offsets = np.asarray(packed.offsets.data)
        out.append(np.diff(offsets).astype("<i8").tobytes())
        canonical(packed.content[: offsets[-1]], out, numbers, singles)
    elif layout.is_unknown:
        pass
    else:
        raise TypeError(type(layout).__name__)


def category(layout, interpretation):
    """Kind of a branch, from what uproot made of it."""
    if layout.is_record:
        return "record"
    if layout.parameter("__array__") == "string":
        return "string"
    if layout.is_numpy or layout.is_regular:
        return "fixed" if layout.is_regular or len(layout.shape) > 1 else "number"
    if layout.is_list:
        inner = layout.content
        if layout.parameter("__array__") in ("sorted_map",) or "map" in str(layout.form):
            return "map"
        if "RecordForm" in repr(layout.form) or inner.is_record:
            return "record"
        if inner.is_list and not inner.is_regular:
            return "string" if inner.parameter("__array__") == "string" else "nested"
        return "counted" if "AsJagged" in repr(interpretation) and "vector" not in str(interpretation) else "vector"
    return "other"


def ours(program, path):
    lines = subprocess.run([program, str(path)], capture_output=True, text=True, timeout=600)
    found = {}
    for line in lines.stdout.splitlines():
        row = json.loads(line)
        found[row["tree"], row.get("branch")] = row
    if lines.returncode:
        found["", None] = {"error": f"exit code {lines.returncode}: {lines.stderr[-300:]}"}
    return found


PRIMS = {"f32": "<f4", "f64": "<f8"} | {f"{kind[0]}{8 * size}": f"<{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)}


def compare_ntuple(path, name, ntuple, mine, table, report):
    """Every field that holds values; those that uproot cannot read are counted only."""
    if (name, None) in mine:
        report(f"NTUPLE {path}:{name}: {mine[name, None]['error']}")
        table["tree", "differs"] += 1
        return
    table["tree", "equal"] += 1
    for key in ntuple.keys(recursive=True):
        row = mine.pop((name, key), None)
        try:
            layout = ak.to_layout(ntuple[key].array())
            if ntuple[key].typename == "double" and getattr(layout, "dtype", None) == "float32":
                layout = ak.to_layout(by_root(path, name, key))
        except Exception as error:
            table["uproot fails", type(error).__name__] += 1
            continue
        if layout.is_union or record_below(layout):
            continue
        if row is None or row["error"]:
            report(f"MISSING {path}:{name}/{key}: {row and row['error']}")
            table["field", "differs"] += 1
            continue
        out = []
        last = row["type"].replace("list<", "").replace(">", "").replace("[", "").split(";")[0]
        canonical(layout, out, PRIMS.get(last), True)
        data = b"".join(out)
        if DIGESTS_OUT:
            print(path.name, name, key, digest(data), sep="\t", file=DIGESTS_OUT)
        if row["digest"] == digest(data):
            table["field", "equal"] += 1
        else:
            report(f"DIFFERS {path}:{name}/{key}: {row['type']}, {row['bytes']} bytes; uproot {layout.form.type}, {len(data)} bytes")
            table["field", "differs"] += 1
    for (tree, key), row in mine.items():
        if tree == name and not row["error"]:
            report(f"UNKNOWN to uproot {path}:{name}/{key}: {row['type']}")
            table["field", "differs"] += 1


def by_root(path, name, key):
    """Values that ROOT reads: uproot gives quantised doubles in single precision."""
    import ROOT

    return ROOT.RDataFrame(name.split(";")[0], str(path)).AsNumpy([key])[key]


def record_below(layout):
    while layout.is_list or layout.is_option or layout.is_indexed:
        layout = layout.content
    return layout.is_record or layout.is_union


def compare(program, path, table, report):
    mine = ours(program, path)
    if ("", None) in mine:
        report(f"OPEN {path}: {mine['', None]['error']}")
        table["file", "differs"] += 1
        return
    table["file", "equal"] += 1
    with uproot.open(path) as file:
        for name, classname in file.classnames(recursive=True).items():
            if classname == "ROOT::RNTuple":
                compare_ntuple(path, name, file[name], mine, table, report)
            if not classname.startswith(("TTree", "TNtuple", "TChain")):
                continue
            try:
                tree = file[name]
                branches = tree.keys(recursive=True)
            except Exception as error:
                print(f"  uproot cannot read {path}:{name}: {str(error)[:80]!r}")
                continue
            if (name, None) in mine:
                report(f"TREE {path}:{name}: {mine[name, None]['error']}")
                table["tree", "differs"] += 1
                continue
            table["tree", "equal"] += 1
            for key in branches:
                branch = tree[key]
                try:
                    if len(branch.branches) and branch.interpretation.__class__.__name__ == "AsGrouped":
                        continue
                    array = branch.array(library="ak")
                    layout = ak.to_layout(array)
                    out = []
                    canonical(layout, out)
                    data = b"".join(out)
                    kind = category(layout, branch.interpretation)
                except Exception as error:
                    table["uproot fails", type(error).__name__] += 1
                    continue
                if DIGESTS_OUT and kind in JUDGED:
                    print(path.name, name, key, digest(data), sep="\t", file=DIGESTS_OUT)
                row = mine.get((name, key))
                if row is None:
                    report(f"MISSING [{kind}] {path}:{name}/{key}")
                    table[kind, "differs"] += 1
                elif row["error"] or row["digest"] != digest(data):
                    what = row["error"][:300] or f"{row['bytes']} bytes, uproot {len(data)}"
                    report(f"DIFFERS [{kind}] {path}:{name}/{key}: {row['type']}; uproot {branch.interpretation}: {what}")
                    table[kind, "differs"] += 1
                else:
                    table[kind, "equal"] += 1


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    warnings.simplefilter("ignore")
    table, reports = collections.Counter(), []

    def report(line):
        reports.append(line)
        print(line, flush=True)

    files = []
    for arg in map(pathlib.Path, sys.argv[2:]):
        files += sorted(arg.rglob("*.root")) if arg.is_dir() else [arg]
    for path in files:
        try:
            compare(sys.argv[1], path, table, report)
        except Exception as error:
            print(f"  skipped {path}: {type(error).__name__} {str(error)[:100]!r}")
    for (kind, state), n in sorted(table.items()):
        print(f"{kind:14} {state:20} {n}")
    judged = sum(table[kind, "equal"] for kind in JUDGED), sum(table[kind, "differs"] for kind in JUDGED)
    print(f"judged: {judged[0]} of {sum(judged)} branches equal in {table['file', 'equal']} files")
    return 1 if judged[1] or table["file", "differs"] or table["tree", "differs"] else 0


if __name__ == "__main__":
    sys.exit(main())
