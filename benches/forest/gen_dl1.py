"""Synthetic DL1 tables of a single large telescope: python gen_dl1.py FOLDER [EVENTS]

Writes gamma (diffuse) and proton tables for training and for testing as Parquet, with EVENTS selected events each.
The shape of the tables is that of the LST chain; the physics is a caricature whose correlations are of the right kind:
light and image width grow with energy, fall with distance, and point to the source for gammas.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

FOCAL = 29.30565
ALT_TEL, AZ_TEL = np.deg2rad(70.0), np.pi


def power_law(rng, low, high, size):
    u = rng.random(size)
    return 1.0 / (1.0 / low - u * (1.0 / low - 1.0 / high))


def draw(rng, kind, size):
    gamma = kind == "gamma"
    energy = power_law(rng, 0.02 if gamma else 0.05, 50.0 if gamma else 100.0, size)
    impact = (350.0 if gamma else 450.0) * np.sqrt(rng.random(size))
    azimuth = 2 * np.pi * rng.random(size)
    cone = np.deg2rad(2.5 if gamma else 3.0)
    offset = np.arccos(1 - rng.random(size) * (1 - np.cos(cone)))
    where = 2 * np.pi * rng.random(size)
    src_x, src_y = FOCAL * offset * np.cos(where), FOCAL * offset * np.sin(where)
    falloff = np.where(impact < 130, 0.0, 0.0065 * (impact - 130))
    log_intensity = 3.05 + 1.05 * np.log10(energy) - falloff + rng.normal(0, 0.14 if gamma else 0.25, size)
    if not gamma:
        log_intensity -= 0.45
    per_deg = FOCAL * np.pi / 180
    disp = 0.25 + 0.0046 * impact * np.exp(-0.0008 * impact) + 0.1 * (log_intensity - 2.5)
    disp = np.abs(disp + rng.normal(0, 0.14 if gamma else 0.35, size)) * per_deg
    direction = 2 * np.pi * rng.random(size)
    x, y = src_x - disp * np.cos(direction), src_y - disp * np.sin(direction)
    error = rng.normal(0, 1, size) * 0.35 * 10 ** (-0.45 * (log_intensity - 2.0)) * (1.0 if gamma else 3.0)
    psi = np.mod(direction + error + np.pi / 2, np.pi) - np.pi / 2
    dx, dy = src_x - x, src_y - y
    longi = dx * np.cos(psi) + dy * np.sin(psi)
    sign = np.where(longi < 0, -1.0, 1.0)
    width = 0.05 + 0.022 * (log_intensity - 1.5) + 6e-5 * impact + rng.normal(0, 0.012, size)
    length = 0.09 + 0.055 * (log_intensity - 1.5) + 3.5e-4 * impact + rng.normal(0, 0.03, size)
    if not gamma:
        width = width * 1.2 + np.abs(rng.normal(0, 0.03, size))
        length = length * 1.05 + np.abs(rng.normal(0, 0.045, size))
    width, length = np.clip(width, 0.01, None), np.clip(length, 0.02, None)
    width = np.minimum(width, 0.98 * length)
    blur = 1.0 if gamma else 1.2
    skewness = -sign * (0.35 + 0.001 * impact) + rng.normal(0, 0.5 * blur, size)
    kurtosis = 2.3 + 0.2 * skewness**2 + np.abs(rng.normal(0, 0.25 * blur, size))
    gradient = -sign * (0.045 * impact - 2.5) + rng.normal(0, 7.0 * blur * 10 ** (-0.25 * (log_intensity - 2)), size)
    radius = np.hypot(x, y)
    edge = radius / per_deg + length - 2.05
    leakage = np.clip(edge / (2 * length), 0, 1)
    mc_alt = ALT_TEL + src_x / FOCAL
    mc_az = AZ_TEL + src_y / FOCAL / np.cos(mc_alt)
    intensity = 10**log_intensity
    table = pd.DataFrame({
        "obs_id": np.int32(1), "event_id": np.arange(size, dtype=np.int64), "intensity": intensity,
        "log_intensity": log_intensity, "x": x, "y": y, "r": radius, "phi": np.arctan2(y, x), "length": length,
        "width": width, "psi": psi, "skewness": skewness, "kurtosis": kurtosis, "time_gradient": gradient,
        "intercept": 15.0 + rng.normal(0, 0.3, size), "leakage_intensity_width_2": leakage.astype(np.float32),
        "n_pixels": np.maximum(3, intensity / 18).astype(np.int64), "n_islands": np.int64(1),
        "alt_tel": np.float32(ALT_TEL), "az_tel": np.float32(AZ_TEL), "sin_az_tel": np.float32(np.sin(AZ_TEL)),
        "mc_energy": energy, "log_mc_energy": np.log10(energy), "mc_alt": mc_alt, "mc_az": mc_az,
        "mc_core_distance": impact, "mc_core_x": impact * np.cos(azimuth), "mc_core_y": impact * np.sin(azimuth),
        "mc_type": np.int64(0 if gamma else 101), "mc_alt_tel": np.float32(ALT_TEL), "mc_az_tel": np.float32(AZ_TEL),
        "wl": width / length, "tel_id": np.int64(1), "event_type": np.int64(32),
        "disp_dx": dx.astype(np.float32), "disp_dy": dy.astype(np.float32),
        "disp_norm": np.abs(longi).astype(np.float32), "disp_sign": sign.astype(np.float32),
        "src_x": src_x.astype(np.float32), "src_y": src_y.astype(np.float32),
    })
    return table[(intensity > 35) & (radius < 2.25 * per_deg)]


def main():
    folder, events = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200_000
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (kind, use) in enumerate([(k, u) for u in ("train", "test") for k in ("gamma", "proton")], start=101):
        rng = np.random.default_rng(seed)
        parts, have = [], 0
        while have < events:
            parts.append(draw(rng, kind, 500_000))
            have += len(parts[-1])
        table = pd.concat(parts, ignore_index=True)[:events]
        table["event_id"] = np.arange(events, dtype=np.int64)
        table.to_parquet(folder / f"dl1_{kind}_{use}.parquet", index=False)


if __name__ == "__main__":
    main()
