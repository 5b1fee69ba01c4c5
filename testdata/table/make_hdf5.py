"""Writes the HDF5 files of this folder: pandas (fixed and table format), PyTables and h5py.

usage: python make_hdf5.py [FOLDER]      needs pandas, tables and h5py
"""
import sys

import h5py
import numpy as np
import pandas as pd
import tables

folder = sys.argv[1] if len(sys.argv) > 1 else "."
n = 7
i = np.arange(n)

path = f"{folder}/pandas_fixed.h5"
scores = pd.DataFrame({f"node_{name}": (i + k) / 8.0 for k, name in enumerate(["e", "mu", "tau", "jet"])})
targets = pd.DataFrame({f"node_{name}": (i % 4 == k).astype("int64") for k, name in enumerate(["e", "mu", "tau", "jet"])})
scores.to_hdf(path, key="predictions", mode="w", complevel=1, complib="zlib")
targets.to_hdf(path, key="targets", complevel=1, complib="zlib")
mixed = pd.DataFrame({"b": i, "a": i / 4.0, "flag": i % 2 == 0, "small": i.astype("int16"), "c": i + 0.5})
mixed.to_hdf(path, key="deep/mixed")
mixed.iloc[:0].to_hdf(path, key="empty")

mixed.to_hdf(f"{folder}/pandas_table.h5", key="mixed", mode="w", format="table", complib="zlib", complevel=5)


class Row(tables.IsDescription):
    event = tables.Int64Col(pos=0)
    energy = tables.Float32Col(pos=1)
    good = tables.BoolCol(pos=2)
    name = tables.StringCol(8, pos=3)
    image = tables.Float64Col(shape=(2, 3), pos=4)


with tables.open_file(f"{folder}/pytables.h5", "w") as file:
    table = file.create_table("/dl1", "params", Row, createparents=True, filters=tables.Filters(5, "zlib", shuffle=True, fletcher32=True))
    for k in range(n):
        row = table.row
        row["event"], row["energy"], row["good"], row["name"] = k + (1 << 60), k / 4, k % 3 == 0, f"run{k}"
        row["image"] = np.arange(6).reshape(2, 3) + k
        row.append()

with h5py.File(f"{folder}/h5py.h5", "w") as file:
    records = np.zeros(n, dtype=[("big", ">i4"), ("inner", [("x", "<f4"), ("y", "<f8")]), ("flag", "?"), ("half", "<f2")])
    records["big"], records["inner"]["x"], records["inner"]["y"] = i, i / 2, -i
    records["flag"], records["half"] = i % 2 == 1, i / 4
    file["records"] = records
    columns = file.create_group("columns")
    columns.create_dataset("pt", data=i / 4.0, chunks=(3,), compression="gzip", shuffle=True)
    columns.create_dataset("pos", data=np.arange(3 * n, dtype="f4").reshape(n, 3), chunks=(2, 2))
    columns["name"] = np.array([f"tau {k}" for k in i], dtype=h5py.string_dtype())
    columns["number"] = i.astype("u1")
    file["uneven/a"] = i
    file["uneven/b"] = i[:3]
