"""Quality of reconstructed test tables: python quality.py DL1_FOLDER DL2_FOLDER"""

import json
import sys

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

gamma, proton = (pd.read_parquet(f"{sys.argv[2]}/dl2_{kind}_test.parquet") for kind in ("gamma", "proton"))
# the distance to the source is learned for the effective focal length in both programs
print(json.dumps({
    "energy_r2": round(r2_score(gamma["log_mc_energy"], gamma["log_reco_energy"]), 5),
    "distance_r2": round(r2_score(gamma["disp_norm"], gamma["reco_disp_norm"]), 5),
    "side_accuracy": round(accuracy_score(np.sign(gamma["disp_sign"]), gamma["reco_disp_sign"]), 5),
    "gammaness_auc": round(
        roc_auc_score(np.repeat([1, 0], [len(gamma), len(proton)]), np.concatenate([gamma["gammaness"], proton["gammaness"]])), 5
    ),
}))
