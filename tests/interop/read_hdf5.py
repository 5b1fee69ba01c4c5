"""HDF5 tables of recoil as h5py, PyTables and pandas read them.

usage: python read_hdf5.py RECOIL        needs h5py, pandas, tables and pyarrow
"""
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import tables

recoil = sys.argv[1]
rows = 100_003
i = np.arange(rows)
columns = {
    "event": i + (1 << 60),
    "energy": (i / 7).astype("f4"),
    "weight": i / 11,
    "good": i % 3 == 0,
    "small": (i % 100).astype("i2"),
    "name": [f"run {k % 10}" for k in i],
}
failures = []


def check(what, ok):
    print("ok  " if ok else "FAIL", what)
    if not ok:
        failures.append(what)


with tempfile.TemporaryDirectory() as folder:
    source, table = f"{folder}/t.parquet", f"{folder}/t.h5"
    pq.write_table(pa.table(columns), source)
    subprocess.run([recoil, "table", "convert", source, f"{table}:dl1/params"], check=True)

    with h5py.File(table) as file:
        read = file["dl1/params"][:]
    check("h5py: number of rows", len(read) == rows)
    for name in ["event", "energy", "weight", "good", "small"]:
        check(f"h5py: {name}", read[name].dtype == np.asarray(columns[name]).dtype and (read[name] == columns[name]).all())
    check("h5py: name", [text.decode() for text in read["name"]] == columns["name"])

    with tables.open_file(table) as file:
        node = file.root.dl1.params
        check("PyTables: a table of all rows", isinstance(node, tables.Table) and node.nrows == rows)
        found = node.read_where("(energy > 100) & (small < 5)")
        expected = ((columns["energy"] > 100) & (columns["small"] < 5)).sum()
        check("PyTables: rows of a condition", len(found) == expected)

    frame = pd.read_hdf(table, key="dl1/params")
    check("pandas: columns", list(frame.columns) == list(columns))
    check("pandas: values", (frame["event"] == columns["event"]).all() and (frame["weight"] == columns["weight"]).all())

    back = f"{folder}/back.parquet"
    subprocess.run([recoil, "table", "convert", f"{table}:dl1/params", back], check=True)
    check("back to Parquet", pq.read_table(back).to_pydict() == pq.read_table(source).to_pydict())

print(f"{len(failures)} failures")
sys.exit(1 if failures else 0)
