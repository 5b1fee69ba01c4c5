"""Exact distances with POT and the algorithms with NumPy, beside what recoil found and how long it took."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import ot
import pandas as pd

out = Path(sys.argv[1])
names = [f"CALQ_{i}" for i in range(48)]
wafers = pd.read_parquet(out / "wafers.parquet")[names].to_numpy(float)
chosen = pd.read_parquet(out / "chosen.parquet")[names].to_numpy(float)
found = pd.read_csv(out / "emd.csv")["emd"].to_numpy()
timed = {row["what"]: row["time [ns/wafer]"] for row in json.loads((out / "recoil.json").read_text())["tables"]["time on one thread"]}


def positions():
    t = np.arange(48)
    a, b, third = t % 16 // 4, t % 4, t // 16
    s, w = 2.4168015, 2.09301
    h = s / 2
    x = np.choose(third, [w * a, -8.37204 + w * b, 4.7092705 - w * (a + b)])
    y = np.choose(third, [-h * a - s * b, -10.271393 + s * a + h * b, -12.386101 - h * a + h * b])
    return np.stack([x, y], 1) / h


places = positions()
cost = np.sqrt(((places[:, None] - places[None]) ** 2).sum(-1))


def seconds(work, count):
    best = np.inf
    for _ in range(3):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return 1e9 * best / count


normalised = lambda q: q / q.sum(1, keepdims=True)
a, b = normalised(wafers), normalised(chosen)
pot = np.array([ot.emd2(x, y, cost) for x, y in zip(a, b)])
print(f"largest difference of the distances: {np.abs(pot - found).max():.2e} small cells")


def best_choice():
    kept = np.zeros_like(wafers)
    order = np.argsort(wafers, axis=1, kind="stable")[:, -14:]
    np.put_along_axis(kept, order, np.take_along_axis(wafers, order, 1), 1)
    return kept


def super_cells():
    kept = np.zeros_like(wafers)
    for g in range(12):
        first = 16 * (g // 4) + 8 * (g % 4 // 2) + 2 * (g % 2)
        cells = np.array([first, first + 1, first + 4, first + 5])
        part = wafers[:, cells]
        kept[np.arange(len(wafers)), cells[part.argmax(1)]] = part.sum(1)
    return kept


rows = [
    ("distance, best choice of 14", lambda: [ot.emd2(x, y, cost) for x, y in zip(a, b)]),
    ("distance, next wafer", lambda: [ot.emd2(x, y, cost) for x, y in zip(a[:-1], a[1:])]),
    ("best choice", best_choice),
    ("super trigger cells", super_cells),
    ("threshold", lambda: np.where(wafers >= 47, wafers, 0)),
]
print(f"{'what':30} {'recoil [ns]':>12} {'peer [ns]':>12} {'ratio':>8}")
for name, work in rows:
    peer = seconds(work, len(wafers))
    print(f"{name:30} {timed[name]:12.0f} {peer:12.0f} {peer / timed[name]:8.1f}")
