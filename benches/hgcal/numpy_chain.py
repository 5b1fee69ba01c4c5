#!/usr/bin/env python3
"""The HGCAL trigger chain (fill, smooth, seed, cluster) in plain NumPy: the peer that `compare.sh` times recoil against.

Input: a Parquet table with one row per trigger cell (columns event, tc_layer, tc_pt, tc_mipPt, tc_x, tc_y, tc_z, ...).
Prints milliseconds per event and step as JSON, the median over the repeats; writes the clusters on request.
"""
import argparse
import json
import time

import numpy as np
import pandas as pd

N_RZ, N_PHI = 42, 216
RZ_EDGES = np.linspace(0.076, 0.58, N_RZ + 1)
PHI_EDGES = np.linspace(-3.14159, 3.14159, N_PHI + 1)
BIN_SUMS = np.array([13] + [11] * 3 + [9] * 3 + [7] * 6 + [5] * 15 + [3] * 14)
AREA_PER_TRIGGER_CELL = 4.91e-5
RADIUS = np.array([0.015] * 7 + [0.020] * 7 + [0.030] * 7 + [0.040] * 13 + [0.050] * 18)
THRESHOLD = 20.0


def fill(tc):
    """Histogram of the transverse energy in (R/z, phi) with the energy-weighted (x/z, y/z) of every bin."""
    rz = np.sqrt(tc["x"] ** 2 + tc["y"] ** 2) / np.abs(tc["z"])
    i = np.searchsorted(RZ_EDGES, rz, side="left") - 1
    j = np.searchsorted(PHI_EDGES, tc["phi"], side="left") - 1
    inside = (i >= 0) & (i < N_RZ) & (j >= 0) & (j < N_PHI)
    flat = i[inside] * N_PHI + j[inside]
    weight = tc["mipPt"][inside]
    size = N_RZ * N_PHI
    z = np.abs(tc["z"][inside])
    energy = np.bincount(flat, weight, size)
    with np.errstate(invalid="ignore"):
        x = np.bincount(flat, weight * tc["x"][inside] / z, size) / energy
        y = np.bincount(flat, weight * tc["y"][inside] / z, size) / energy
    return [a.reshape(N_RZ, N_PHI) for a in (energy, x, y)]


def smooth(energy):
    """Smoothing along phi with a width that depends on the row, then along R/z."""
    out = np.empty_like(energy)
    for row, width in enumerate((BIN_SUMS - 1) // 2):
        total = energy[row].copy()
        for k in range(1, width + 1):
            total += (np.roll(energy[row], k) + np.roll(energy[row], -k)) / 2**k
        out[row] = total / (1 + 2 * (1 - 2.0**-width))
    out *= AREA_PER_TRIGGER_CELL / (np.pi * (RZ_EDGES[1] ** 2 - RZ_EDGES[0] ** 2) / N_PHI)
    up, down = np.zeros_like(out), np.zeros_like(out)
    up[:-1], down[1:] = out[1:], out[:-1]
    norm = np.full((N_RZ, 1), 2.0)
    norm[0] = norm[-1] = 1.5
    return (out + (up + down) / 2) / norm


def seed(energy, x, y):
    """Local maxima over the threshold in the three by three window."""
    padded = np.full((N_RZ + 2, N_PHI), -1.0)
    padded[1:-1] = energy
    best = energy > THRESHOLD
    for dr in (0, 1, 2):
        for dp in (-1, 0, 1):
            best &= energy >= np.roll(padded[dr : dr + N_RZ], dp, axis=1)
    where = np.nonzero(best)
    return energy[where], x[where], y[where]


def cluster(tc, seeds):
    """Every trigger cell joins the nearest seed within the radius of its layer."""
    _, sx, sy = seeds
    if len(sx) == 0:
        return []
    dx = (tc["x"] / tc["z"])[:, None] - sx[None, :]
    dy = (tc["y"] / tc["z"])[:, None] - sy[None, :]
    distance = np.hypot(dx, dy)
    nearest = distance.argmin(axis=1)
    kept = distance[np.arange(len(nearest)), nearest] < RADIUS[tc["layer"] - 1]
    clusters = []
    for s in range(len(sx)):
        members = kept & (nearest == s)
        pt = tc["pt"][members].sum()
        if pt <= 0.5:
            continue
        weight = tc["mipPt"][members]
        cx, cy, cz = ((tc[c][members] * weight).sum() / weight.sum() for c in "xyz")
        eta = np.arcsinh(cz / np.hypot(cx, cy))
        clusters.append((s, pt * np.cosh(eta), pt, cx, cy, cz, eta, np.arctan2(cy, cx)))
    return clusters


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--clusters", help="write the clusters to this CSV file")
    args = parser.parse_args()

    frame = pd.read_parquet(args.table)
    names = {"layer": "tc_layer", "pt": "tc_pt", "mipPt": "tc_mipPt", "x": "tc_x", "y": "tc_y", "z": "tc_z", "phi": "tc_phi"}
    events = [(event, {k: rows[c].to_numpy() for k, c in names.items()}) for event, rows in frame.groupby("event")]

    runs, rows = [], []
    for _ in range(args.repeat):
        spent = dict.fromkeys(("fill", "smooth", "seed", "cluster"), 0.0)
        rows = []
        for event, tc in events:
            t0 = time.perf_counter()
            energy, x, y = fill(tc)
            t1 = time.perf_counter()
            smoothed = smooth(energy)
            t2 = time.perf_counter()
            seeds = seed(smoothed, x, y)
            t3 = time.perf_counter()
            rows += [(event, *c) for c in cluster(tc, seeds)]
            t4 = time.perf_counter()
            for name, dt in zip(spent, (t1 - t0, t2 - t1, t3 - t2, t4 - t3)):
                spent[name] += dt
        runs.append(spent)
    per_event = {k: float(np.median([r[k] for r in runs])) * 1e3 / len(events) for k in runs[0]}
    per_event["total"] = sum(per_event.values())
    if args.clusters:
        pd.DataFrame(rows, columns="event seed_idx en pt x y z eta phi".split()).to_csv(args.clusters, index=False)
    print(json.dumps({"events": len(events), "trigger_cells_per_event": len(frame) / len(events), "ms_per_event": per_event}))


if __name__ == "__main__":
    main()
