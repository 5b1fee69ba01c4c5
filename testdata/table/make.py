"""Makes the files in this folder (pandas 2, pyarrow, NumPy). Values follow from the row number, see tests/interop.rs."""

import os
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

os.chdir(os.path.dirname(os.path.abspath(__file__)))
n = 60
event = np.arange(n) * 7 + 9007199254740993
pt = (np.arange(n) * 0.25).astype("f4")
jets = [[float(i) + j / 4 for j in range(i % 4)] for i in range(n)]

table = pa.table(
    {
        "event": pa.array(event, pa.int64()),
        "id": pa.array([2**64 - 1 - i for i in range(n)], pa.uint64()),
        "pt": pa.array(pt),
        "half": pa.array(pt.astype("f2")),
        "good": pa.array([i % 3 == 0 for i in range(n)]),
        "gap": pa.array([None if i % 5 == 2 else i * 0.5 for i in range(n)], pa.float64()),
        "sample": pa.array([f"pu{i % 2 * 200}" for i in range(n)]).dictionary_encode(),
        "jets": pa.array(jets, pa.list_(pa.float32())),
        "large": pa.array(jets, pa.large_list(pa.float64())),
        "names": pa.array([f"row {i}" for i in range(n)], pa.large_string()),
        "nested": pa.array([[[i], [], [i, i + 1]][: i % 4] for i in range(n)], pa.list_(pa.list_(pa.int32()))),
        "pos": pa.array([[i, i + 1, i + 2] for i in range(n)], pa.list_(pa.float32(), 3)),
        "time": pa.array(np.arange(n) * 1000, pa.timestamp("us")),
    }
)
for codec in ["none", "snappy", "gzip", "zstd", "lz4"]:
    pq.write_table(table, f"{codec}.parquet", compression=codec, row_group_size=25)
pq.write_table(table.slice(0, 20), "v2.parquet", compression="snappy", data_page_version="2.0", use_dictionary=False)

frame = pd.DataFrame({"energy": pt.astype("f8"), "layer": np.arange(n, dtype="i4")}, index=pd.Index(event, name="event"))
frame.to_parquet("pandas_index.parquet")

money = pa.array([Decimal("1.25")] * 3, pa.decimal128(9, 2))
pq.write_table(pa.table({"x": pa.array([1.0, 2.0, 3.0]), "money": money}), "decimal.parquet")

np.save("plain.npy", pt)
np.save("matrix.npy", np.arange(12, dtype="f8").reshape(4, 3))
np.save("fortran.npy", np.asfortranarray(np.arange(24, dtype="<i4").reshape(4, 3, 2)))
record = np.zeros(5, dtype=[("event", ">i8"), ("xy", "f4", (2,)), ("tag", "S4"), ("name", "U5"), ("ok", "?"), ("h", "f2")])
record["event"] = np.arange(5) + 2**60
record["xy"] = np.arange(10).reshape(5, 2)
record["tag"] = [b"a", b"bb", b"ccc", b"dddd", b""]
record["name"] = ["α", "β", "γδ", "", "abcde"]
record["ok"] = [True, False] * 2 + [True]
record["h"] = np.arange(5) / 2
np.save("record.npy", record)
np.save("objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
counts = np.arange(10) % 4
np.savez("columns.npz", event=np.arange(10, dtype="u4"), mask=(np.arange(20) % 3 == 0).reshape(10, 2))
np.savez_compressed(
    "jagged.npz",
    event=np.arange(10, dtype="i4"),
    hits=np.arange(counts.sum(), dtype="f4"),
    hits_offsets=np.concatenate([[0], np.cumsum(counts)]),
)
np.savez("lengths.npz", a=np.arange(3), b=np.arange(4))
