"""Files that recoil writes, read back by uproot and by ROOT itself.

    python tests/interop/test_root_writing.py [--big]      (or: pytest tests/interop/test_root_writing.py)

Builds and runs the example `write_sample` of recoil-root (or takes it from the folder RECOIL_EXAMPLES), works out again
the values that it wrote, and compares. ROOT runs in a process of its own, so that one warning of its C++ side on
standard error is a failure. Needs uproot, awkward and numpy; ROOT's part is skipped, loudly, if `import ROOT` fails.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import awkward as ak
import numpy as np
import uproot

KINDS = ["none", "zlib", "lzma", "lz4", "zstd"]
ROWS = 3000


def expected(rows):
    """The columns of the tree `t` as write_sample's rules give them: name -> (type by numpy, list of values)."""
    r = range(rows)
    items = lambda row, modulus: [10 * row + k for k in range(row % modulus)]
    wrap = lambda value, dtype: np.array(value, dtype=np.int64).astype(dtype)
    return {
        "flag": ("bool", [row % 3 == 0 for row in r]),
        "i8": ("int8", wrap([row % 251 for row in r], "int8").tolist()),
        "u8": ("uint8", [row % 256 for row in r]),
        "i16": ("int16", wrap([row * -7 for row in r], "int16").tolist()),
        "u16": ("uint16", wrap([row * 11 for row in r], "uint16").tolist()),
        "i32": ("int32", [-row * 1000 for row in r]),
        "u32": ("uint32", [4_000_000_000 - row for row in r]),
        "i64": ("int64", [-row * 10_000_000_000 for row in r]),
        "u64": ("uint64", [18_000_000_000_000_000_000 - row for row in r]),
        "f32": ("float32", (np.arange(rows, dtype="float32") / np.float32(3)).tolist()),
        "f64": ("float64", (np.arange(rows) / 3).tolist()),
        "vec3": ("float32", [[row, row + 0.5, -row] for row in r]),
        "matrix": ("int16", [[[6 * row + 3 * i + j for j in range(3)] for i in range(2)] for row in r]),
        "nhits": ("int32", [row % 5 for row in r]),
        "hits": ("float32", [[item / 4 for item in items(row, 5)] for row in r]),
        "nMuon": ("uint32", [row % 4 for row in r]),
        "Muon_pt": ("float32", [[item / 4 for item in items(row, 4)] for row in r]),
        "Muon_good": ("bool", [[item % 2 == 0 for item in items(row, 4)] for row in r]),
        "njag_i64": ("int32", [row % 3 for row in r]),
        "jag_i64": ("int64", [items(row, 3) for row in r]),
        "njag_u16": ("int32", [row % 3 for row in r]),
        "jag_u16": ("uint16", [items(row, 3) for row in r]),
        "njag_pairs": ("int32", [row % 4 for row in r]),
        "jag_pairs": ("int32", [[[item, -item] for item in items(row, 4)] for row in r]),
        "name": ("string", ["x" * (row % 7) + str(row) for row in r]),
        "long": ("string", ["y" * (row % 3 * 200) for row in r]),
        "words": ("string", [[str(item) for item in items(row, 4)] for row in r]),
        "nested": ("float64", [[[(item + k) / 8 for k in range(item % 3)] for item in items(row, 4)] for row in r]),
    }


def leaf_dtype(array):
    """numpy name of the innermost type."""
    text = str(array.type).split("*")[-1].strip()
    return text


def check_uproot(path, rows=ROWS):
    with uproot.open(path) as file:
        classes = {key.split(";")[0]: name for key, name in file.classnames().items()}
        assert classes == {
            "t": "TTree", "empty": "TTree", "h": "TH1D", "ps": "TProfile", "provenance": "TObjString",
            "dir": "TDirectory", "dir/sub": "TDirectory", "dir/sub/events": "TTree", "dir/hf": "TH1F",
            "dir/map": "TH2D", "dir/mapf": "TH2F", "dir/p": "TProfile", "dir/version": "TNamed",
            "nothing": "TDirectory", "nothing/in": "TDirectory", "nothing/in/here": "TDirectory",
        }, classes
        assert all(key.endswith(";1") for key in file.keys())
        assert str(file.created_on).startswith("2001-09-09 01:46:40"), file.created_on
        tree = file["t"]
        assert tree.title == "all kinds of columns" and tree.num_entries == rows
        want = expected(rows)
        assert tree.keys() == list(want), tree.keys()
        for name, (dtype, values) in want.items():
            got = tree[name].array()
            assert leaf_dtype(got) == dtype, f"{path}: {name} is {got.type}, not {dtype}"
            assert got.to_list() == values, f"{path}: {name} differs"
            assert tree[name].num_baskets > 1, name
            # a part of the tree that begins and ends inside of baskets
            part = tree[name].array(entry_start=rows // 3 + 1, entry_stop=rows // 2 + 1)
            assert part.to_list() == values[rows // 3 + 1 : rows // 2 + 1], f"{path}: part of {name} differs"
        assert file["dir/sub/events"]["x"].array().to_list() == [float(row) for row in range(rows)]
        empty = file["empty"]
        assert empty.num_entries == 0
        for name in want:
            assert len(empty[name].array()) == 0, name
        check_uproot_objects(file, rows)


def check_uproot_objects(file, rows):
    hist = file["h"]
    assert hist.title == "energy" and hist.member("fEntries") == 21
    assert hist.values(flow=True).tolist() == [1, 2, 3.5, 4, 5, 6]
    assert hist.variances(flow=True).tolist() == [1, 2.5, 3, 4.5, 5, 6.5]
    assert hist.axis().edges().tolist() == [0, 2, 4, 6, 8]
    assert hist.axis().member("fTitle") == "E [GeV]"
    labelled = file["dir/hf"]
    assert labelled.values(flow=True).dtype == np.float32
    assert labelled.axis().edges().tolist() == [0, 1, 2.5, 7, 8]
    assert labelled.axis().labels() == ["a", "b", "c", "d"]
    assert len(labelled.member("fSumw2")) == 0
    for name in ["dir/map", "dir/mapf"]:
        cells = file[name]
        # uproot's first index is x
        assert cells.values(flow=True).tolist() == np.arange(20.0).reshape(4, 5).T.tolist()
        assert cells.axis("x").edges().tolist() == [-1, 0, 1, 2]
        assert cells.axis("y").edges().tolist() == [0, 1, 10]
        assert cells.member("fTsumwxy") == 110
    profile = file["dir/p"]
    assert profile.values().tolist() == [2, 5]
    assert list(profile.member("fBinEntries")) == [0, 3, 2, 0]
    assert str(file["provenance"]) == '{"rows": %d, "note": "%s"}' % (rows, "long " * 100)
    assert file["dir/version"].member("fTitle") == "1.2.3"


def check_root(path, rows=ROWS):
    """Runs in a process of its own, see `root_process`."""
    import ROOT

    ROOT.gErrorIgnoreLevel = ROOT.kPrint
    ROOT.EnableThreadSafety()
    file = ROOT.TFile.Open(str(path))
    assert file and not file.IsZombie() and not file.TestBit(ROOT.TFile.kRecovered)
    assert not file.GetStreamerInfoList().IsEmpty()
    want = expected(rows)
    tree = file.Get("t")
    assert tree.GetEntries() == rows and tree.GetTitle() == "all kinds of columns"
    check_clusters(tree, rows)
    frame = ROOT.RDataFrame("t", str(path))
    assert frame.Count().GetValue() == rows
    assert sorted(str(name) for name in frame.GetColumnNames()) == sorted(want)
    # PyROOT cannot turn a column of `char` into an array, not even from ROOT's own files
    assert list(map(ord, frame.Take["char"]("i8").GetValue())) == [value % 256 for value in want["i8"][1]]
    deep = ["i8", "words", "nested", "matrix", "jag_pairs"]
    arrays = frame.AsNumpy([name for name in want if name not in deep])
    for name, got in arrays.items():
        dtype, values = want[name]
        if dtype == "string":
            plain = [str(value) for value in got]
        elif isinstance(values[0], list):
            plain = [list(value) for value in got]
        else:
            assert str(got.dtype) == dtype, f"{name} is {got.dtype} in ROOT"
            plain = got.tolist()
        assert plain == values, f"{path}: {name} differs in ROOT"
    # arrays of arrays come flat, vectors as C++ objects
    flat = lambda value: [x for part in value for x in flat(part)] if isinstance(value, list) else [value]
    for name in ["matrix", "jag_pairs"]:
        tree.SetBranchStatus("*", 0)
        tree.SetBranchStatus(name, 1)
        tree.SetBranchStatus("n" + name, 1) if tree.GetBranch("n" + name) else None
        leaf = tree.GetLeaf(name)
        for row in list(range(50)) + [rows - 1]:
            tree.GetEntry(row)
            got = [leaf.GetTypedValue["Long64_t"](i) for i in range(leaf.GetLen())]
            assert got == flat(want[name][1][row]), f"{path}: {name} row {row}: {got}"
    tree.SetBranchStatus("*", 1)
    words = [[str(word) for word in row] for row in frame.Take["ROOT::VecOps::RVec<std::string>"]("words").GetValue()]
    assert words == want["words"][1], f"{path}: words differ in ROOT"
    nested = frame.Take["ROOT::VecOps::RVec<std::vector<double>>"]("nested").GetValue()
    assert [[list(inner) for inner in row] for row in nested] == want["nested"][1], f"{path}: nested differs in ROOT"
    # a filter and a sum that run compiled, over counted arrays that share a counter
    total = frame.Filter("nMuon > 1").Define("s", "Sum(Muon_pt[Muon_good])").Sum("s").GetValue()
    by_hand = sum(
        sum(pt for pt, good in zip(pts, goods) if good)
        for pts, goods in zip(want["Muon_pt"][1], want["Muon_good"][1])
        if len(pts) > 1
    )
    assert abs(total / by_hand - 1) < 1e-6, (total, by_hand)
    # all branches at once, the old way
    assert all(tree.GetEntry(row) > 0 for row in range(rows))
    tree.GetEntry(rows - 1)
    assert str(tree.name) == want["name"][1][-1] and list(tree.Muon_pt) == want["Muon_pt"][1][-1]
    second = ROOT.RDataFrame("dir/sub/events", str(path))
    assert second.Sum("x").GetValue() == sum(range(rows))
    assert ROOT.RDataFrame("empty", str(path)).Count().GetValue() == 0
    check_root_objects(file, rows)
    file.Close()
    # two threads share out the clusters
    ROOT.EnableImplicitMT(2)
    assert ROOT.RDataFrame("t", str(path)).Define("n", "Sum(hits) + name.size()").Sum("n").GetValue() == sum(
        sum(hits) + len(name) for hits, name in zip(want["hits"][1], want["name"][1])
    )


def check_clusters(tree, rows):
    """ROOT walks the clusters; at each start every branch begins a basket."""
    clusters = tree.GetClusterIterator(0)
    starts = []
    while (start := clusters.Next()) < rows:
        starts.append(int(start))
    assert starts[0] == 0 and len(starts) > 3
    for branch in tree.GetListOfBranches():
        first = {int(branch.GetBasketEntry()[i]) for i in range(branch.GetWriteBasket())}
        assert set(starts) <= first, branch.GetName()


def check_root_objects(file, rows):
    hist = file.Get("h")
    assert hist.ClassName() == "TH1D" and hist.GetEntries() == 21
    assert [hist.GetBinContent(i) for i in range(6)] == [1, 2, 3.5, 4, 5, 6]
    assert hist.GetSumw2N() == 6
    assert np.allclose([hist.GetBinError(i) ** 2 for i in range(6)], [1, 2.5, 3, 4.5, 5, 6.5], rtol=1e-15)
    assert np.isclose(hist.GetMean(), 60 / 14.5, rtol=1e-15)
    assert np.isclose(hist.GetStdDev(), np.sqrt(300 / 14.5 - (60 / 14.5) ** 2), rtol=1e-12)
    assert hist.GetXaxis().GetTitle() == "E [GeV]" and hist.GetYaxis().GetTitle() == "events"
    labelled = file.Get("dir/hf")
    assert labelled.ClassName() == "TH1F" and labelled.GetSumw2N() == 0
    assert [labelled.GetXaxis().GetBinLabel(i) for i in range(1, 5)] == ["a", "b", "c", "d"]
    assert [labelled.GetXaxis().GetBinLowEdge(i) for i in range(1, 6)] == [0, 1, 2.5, 7, 8]
    for name, cls, n in [("dir/map", "TH2D", 20), ("dir/mapf", "TH2F", 0)]:
        cells = file.Get(name)
        assert cells.ClassName() == cls and cells.GetSumw2N() == n
        assert [cells.GetBinContent(i, j) for j in range(4) for i in range(5)] == list(range(20))
        assert cells.GetMean(1) == 0.5 and np.isclose(cells.GetMean(2), 200 / 60, rtol=1e-15)
        assert np.isclose(cells.GetCovariance(), 110 / 60 - 0.5 * 200 / 60, rtol=1e-12)
        assert cells.GetYaxis().GetBinUpEdge(2) == 10 and cells.GetZaxis().GetTitle() == "hits"
    profile = file.Get("dir/p")
    assert profile.ClassName() == "TProfile" and profile.GetEntries() == 4
    assert [profile.GetBinContent(i) for i in (1, 2)] == [2, 5]
    assert [profile.GetBinEntries(i) for i in (1, 2)] == [3, 2]
    assert np.isclose(profile.GetBinError(1), np.sqrt(14 / 3 - 4) / np.sqrt(3), rtol=1e-12)
    assert np.isclose(profile.GetBinEffectiveEntries(2), 1)
    assert np.isclose(profile.GetMean(), (3 * 1.5 + 2 * 2.5) / 5, rtol=1e-15)
    assert np.isclose(profile.GetMean(2), 16 / 5, rtol=1e-15)
    assert str(file.Get("ps").GetErrorOption()) == "s"
    assert file.Get("provenance").GetString().Data() == '{"rows": %d, "note": "%s"}' % (rows, "long " * 100)
    assert file.Get("dir/version").GetTitle() == "1.2.3"
    assert file.GetDirectory("nothing/in/here")


def check_root_merge(paths, out):
    """ROOT copies trees and adds up histograms of files that recoil wrote."""
    import ROOT

    merger = ROOT.TFileMerger(False)
    merger.OutputFile(str(out), "RECREATE")
    for path in paths:
        merger.AddFile(str(path), False)
    assert merger.Merge()
    merger = None
    file = ROOT.TFile.Open(str(out))
    assert file.Get("t").GetEntries() == ROWS * len(paths)
    assert file.Get("h").GetEntries() == 21 * len(paths)
    file.Close()
    with uproot.open(out) as merged:
        values = expected(ROWS)["nested"][1]
        assert merged["t/nested"].array().to_list() == values * len(paths)


def check_wide(path):
    with uproot.open(path) as file:
        x = file["t/x"].array(library="np")
        assert file["t/x"].num_baskets == 1 and np.array_equal(x, np.arange(3_000_000) % 1000)


def check_root_wide(path):
    import ROOT

    assert ROOT.RDataFrame("t", str(path)).Sum("x").GetValue() == 3_000_000 / 1000 * sum(range(1000))


def check_big(path):
    rows = 32 << 23
    assert path.stat().st_size > 2 << 30
    with uproot.open(path) as file:
        tree = file["t"]
        assert tree.num_entries == rows
        tail = tree.arrays(["x", "y"], entry_start=rows - 1000)
        assert tail.x.to_list() == list(range(rows - 1000, rows))
        assert ak.num(tail.y).to_list() == [row % 4 == 3 for row in range(rows - 1000, rows)]
        assert file["late/t2/s"].array().to_list() == ["ab", "cde"]
        assert file["h"].member("fEntries") == 21


def check_root_big(path):
    import ROOT

    rows = 32 << 23
    frame = ROOT.RDataFrame("t", str(path))
    assert frame.Range(rows - 10, rows).Take["ULong64_t"]("x").GetValue()[9] == rows - 1
    file = ROOT.TFile.Open(str(path))
    assert file.Get("h").GetEntries() == 21
    assert file.Get("late/t2").GetEntries() == 2
    file.Close()


ROOT_CHECKS = {
    "sample": lambda words: check_root(Path(words[0])),
    "merge": lambda words: check_root_merge([Path(word) for word in words[:-1]], Path(words[-1])),
    "wide": lambda words: check_root_wide(Path(words[0])),
    "big": lambda words: check_root_big(Path(words[0])),
}


def has_root():
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", "import ROOT"], capture_output=True)
    if done.returncode != 0:
        print("SKIPPED: ROOT is not installed, only uproot has checked the files", flush=True)
    return done.returncode == 0


def root_process(check, *words):
    """A check inside ROOT; whatever ROOT prints to standard error is a failure."""
    command = [sys.executable, "-W", "ignore", __file__, "--in-root", check, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{check} {words}: exit code {done.returncode}\n{done.stderr}{done.stdout}"
    assert done.stderr == "", f"{check} {words}: ROOT complains\n{done.stderr}"


def write(folder, *words):
    command = ["cargo", "run", "--quiet", "--release", "-p", "recoil-root", "--example", "write_sample", "--"]
    if "RECOIL_EXAMPLES" in os.environ:
        command = [str(Path(os.environ["RECOIL_EXAMPLES"]) / "write_sample")]
    root = Path(__file__).resolve().parents[2]
    subprocess.run([*command, str(folder), *words], check=True, cwd=root)


def test_samples():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write(folder, str(ROWS))
        root = has_root()
        for kind in KINDS:
            path = folder / f"sample_{kind}.root"
            check_uproot(path)
            if root:
                root_process("sample", path)
            print(f"{kind}: {path.stat().st_size} bytes, ok", flush=True)
        if root:
            root_process("merge", *(folder / f"sample_{kind}.root" for kind in KINDS), folder / "merged.root")
            print("merged by ROOT: ok", flush=True)


def test_same_bytes_for_any_thread_count():
    contents = []
    for threads in ["1", "2", "5"]:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["RAYON_NUM_THREADS"] = threads
            write(Path(folder), str(ROWS))
            del os.environ["RAYON_NUM_THREADS"]
            contents.append([(Path(folder) / f"sample_{kind}.root").read_bytes() for kind in KINDS])
    assert contents[0] == contents[1] == contents[2]


def test_payloads_of_several_blocks():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write(folder, "wide")
        root = has_root()
        for kind in KINDS:
            check_wide(folder / f"wide_{kind}.root")
            if root:
                root_process("wide", folder / f"wide_{kind}.root")


def big_file():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write(folder, "big")
        check_big(folder / "big.root")
        if has_root():
            root_process("big", folder / "big.root")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--in-root"]:
        ROOT_CHECKS[sys.argv[2]](sys.argv[3:])
        sys.exit(0)
    tests = [test_samples, test_same_bytes_for_any_thread_count, test_payloads_of_several_blocks]
    if "--big" in sys.argv:
        tests.append(big_file)
    for test in tests:
        test()
        print(f"{test.__name__}: ok", flush=True)
