"""The training of a telescope's forests with scikit-learn, as lstchain does it: python train_pipe.py FOLDER TREES

FOLDER holds the tables of gen_dl1.py. Regressors of energy and distance and the classifier of the side on all gammas and
once more on 80 % of them, then the classifier of gammas against protons. TREES of 1 fits whole forests (many minutes);
0.04 fits that share of the trees and scales the time. Prints processor seconds per forest and the quality on the test
tables, as JSON.
"""

import json
import sys
import time

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from sklearn.model_selection import train_test_split

ELLIPSE = ["log_intensity", "width", "length"]
SHAPE = ["wl", "skewness", "kurtosis", "time_gradient", "leakage_intensity_width_2"]
SIGNED = ["wl", "signed_skewness", "kurtosis", "signed_time_gradient", "leakage_intensity_width_2"]
POINTING = ["sin_az_tel", "alt_tel"]
ENERGY = [*ELLIPSE, "x", "y", *SHAPE, *POINTING]
DISP = [*ELLIPSE, *SHAPE, *POINTING]
PARTICLE = [*ELLIPSE, "x", "y", *SIGNED, "log_reco_energy", "reco_disp_norm", "reco_disp_sign", *POINTING]


def main():
    folder, share = sys.argv[1], float(sys.argv[2])
    table = {
        f"{kind}_{use}": pd.read_parquet(f"{folder}/dl1_{kind}_{use}.parquet")
        for kind in ("gamma", "proton")
        for use in ("train", "test")
    }
    seconds, forests = {}, {}

    def grow(name, kind, trees, x, y):
        number = max(1, round(share * trees))
        settings = dict(max_depth=30, min_samples_leaf=10, min_samples_split=10, max_features=1.0, random_state=42, n_jobs=1)
        forest = kind(n_estimators=number, **settings)
        start = time.process_time()
        forest.fit(x.to_numpy(np.float32), y)
        seconds[name] = (time.process_time() - start) * trees / number
        forests[name] = forest
        return forest

    def reconstruct(t, energy, norm, sign):
        t["log_reco_energy"] = energy.predict(t[ENERGY].to_numpy(np.float32))
        t["reco_disp_norm"] = norm.predict(t[DISP].to_numpy(np.float32))
        right = sign.predict_proba(t[DISP].to_numpy(np.float32))[:, list(sign.classes_).index(1)]
        t["reco_disp_sign"] = np.where(right > 0.5, 1, -1)
        # the side of the source on the axis turns skewness and gradient
        t["signed_skewness"] = -t["reco_disp_sign"] * t["skewness"]
        t["signed_time_gradient"] = -t["reco_disp_sign"] * t["time_gradient"]
        return t

    def regressors(t, what_for):
        return (
            grow(f"energy{what_for}", RandomForestRegressor, 50, t[ENERGY], t["log_mc_energy"]),
            grow(f"distance{what_for}", RandomForestRegressor, 50, t[DISP], t["disp_norm"]),
            grow(f"side{what_for}", RandomForestClassifier, 100, t[DISP], t["disp_sign"]),
        )

    gammas, protons = table["gamma_train"], table["proton_train"]
    final = regressors(gammas, "")
    train, rest = train_test_split(gammas, test_size=0.2, train_size=0.8, random_state=1)
    first = regressors(train, " for the classifier")
    both = reconstruct(pd.concat([rest, protons], ignore_index=True), *first)
    gammaness = grow("gammaness", RandomForestClassifier, 100, both[PARTICLE], both["mc_type"])

    start = time.process_time()
    test = [reconstruct(table[f"{kind}_test"].copy(), *final) for kind in ("gamma", "proton")]
    scores = [gammaness.predict_proba(t[PARTICLE].to_numpy(np.float32))[:, 0] for t in test]
    applied = (time.process_time() - start) / share
    gamma = test[0]
    print(json.dumps({
        "program": "scikit-learn",
        "cpu_seconds": {name: round(value, 2) for name, value in seconds.items()},
        "cpu_seconds_total": round(sum(seconds.values()), 1),
        "apply_cpu_seconds_per_million": round(applied / sum(map(len, test)) * 1e6, 2),
        "energy_r2": round(r2_score(gamma["log_mc_energy"], gamma["log_reco_energy"]), 5),
        "distance_r2": round(r2_score(gamma["disp_norm"], gamma["reco_disp_norm"]), 5),
        "side_accuracy": round(accuracy_score(gamma["disp_sign"], gamma["reco_disp_sign"]), 5),
        "gammaness_auc": round(roc_auc_score(np.repeat([1, 0], [len(s) for s in scores]), np.concatenate(scores)), 5),
    }))


if __name__ == "__main__":
    main()
