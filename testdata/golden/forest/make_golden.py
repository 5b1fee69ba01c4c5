"""Trees that scikit-learn grows on a small table, for the tests of exact growth: python make_golden.py trees.json"""

import json
import sys

import numpy as np
import sklearn
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

rng = np.random.default_rng(7)
rows = 240
x = np.empty((rows, 6), dtype=np.float32)
x[:, 0] = rng.normal(size=rows)
x[:, 1] = rng.integers(0, 5, size=rows)  # many ties
x[:, 2] = rng.exponential(size=rows)
x[:, 3] = 2.5  # constant
x[:, 4] = np.where(x[:, 1] > 2, rng.normal(size=rows), 1.0)  # constant in some nodes
x[:, 5] = 1.0 + 4e-8 * rng.integers(0, 9, size=rows)  # differences at the limit of what counts as equal
y = np.sin(2 * x[:, 0]) + 0.3 * x[:, 1] + 0.2 * rng.normal(size=rows)
two = np.stack([y, x[:, 2] - x[:, 0] + 0.1 * rng.normal(size=rows)], axis=1)
binary = np.where(y + 0.3 * rng.normal(size=rows) > 0.5, 101, 0)
three = np.digitize(y, [0.0, 1.0]) * 2 - 1
weights = rng.choice([0.0, 0.5, 1.0, 2.25], size=rows)

cases = [
    ("one tree on all rows", "y", False, dict(n_estimators=1, bootstrap=False, max_features=1.0)),
    ("bootstrap", "y", False, dict(n_estimators=3, min_samples_leaf=5, min_samples_split=10, max_depth=30, random_state=42)),
    ("square root of features", "y", False, dict(n_estimators=3, max_features="sqrt", min_samples_leaf=3, random_state=1)),
    ("logarithm of features", "three", False, dict(n_estimators=3, max_features="log2", random_state=9)),
    ("two outputs", "two", False, dict(n_estimators=2, min_samples_leaf=4, max_features=0.5, random_state=3)),
    ("weights without bootstrap", "y", True, dict(n_estimators=1, bootstrap=False, min_samples_leaf=2, random_state=5)),
    ("weights with bootstrap", "y", True, dict(n_estimators=2, min_samples_leaf=2, random_state=6)),
    ("gini", "binary", False, dict(n_estimators=3, min_samples_leaf=3, random_state=42, oob_score=False)),
    ("entropy", "binary", False, dict(n_estimators=2, criterion="entropy", min_samples_leaf=3, random_state=4)),
    ("three classes", "three", False, dict(n_estimators=2, random_state=8, max_depth=6)),
    ("three classes by entropy", "three", True, dict(n_estimators=2, criterion="entropy", random_state=8, max_features=3)),
    ("balanced classes", "binary", False, dict(n_estimators=2, class_weight="balanced", random_state=10)),
    ("balanced draws", "binary", False, dict(n_estimators=2, class_weight="balanced_subsample", random_state=11)),
    ("few leaves", "y", False, dict(n_estimators=2, max_leaf_nodes=9, random_state=12)),
    ("few leaves of classes", "binary", False, dict(n_estimators=2, max_leaf_nodes=7, max_features=2, random_state=13)),
    ("weight of leaves", "y", True, dict(n_estimators=2, min_weight_fraction_leaf=0.05, random_state=14)),
    ("decrease of impurity", "y", False, dict(n_estimators=2, min_impurity_decrease=0.01, random_state=15)),
    ("part of the rows", "y", False, dict(n_estimators=2, max_samples=0.4, min_samples_leaf=0.02, random_state=16)),
    ("out of bag numbers", "y", False, dict(n_estimators=30, oob_score=True, min_samples_leaf=15, random_state=17)),
    ("out of bag classes", "binary", False, dict(n_estimators=30, oob_score=True, min_samples_leaf=15, random_state=18)),
]

targets = {"y": y, "two": two, "binary": binary, "three": three}
out = {
    "scikit_learn": sklearn.__version__,
    "x": [[float(v) for v in column] for column in x.T],
    "weights": weights.tolist(),
    "targets": {name: np.asarray(values).tolist() for name, values in targets.items()},
    "cases": [],
}
for name, target, weighted, parameters in cases:
    kind = RandomForestRegressor if target in ("y", "two") else RandomForestClassifier
    forest = kind(**({"max_features": 1.0, "random_state": 0} | parameters))
    forest.fit(x, targets[target], weights if weighted else None)
    answer = forest.predict(x) if kind is RandomForestRegressor else forest.predict_proba(x)
    trees = [estimator.tree_ for estimator in forest.estimators_]
    out["cases"].append({
        "name": name,
        "target": target,
        "weighted": weighted,
        "parameters": {"max_features": 1.0, "random_state": 0, **parameters},
        "left": [tree.children_left.tolist() for tree in trees],
        "right": [tree.children_right.tolist() for tree in trees],
        "feature": [tree.feature.tolist() for tree in trees],
        "threshold": [tree.threshold.tolist() for tree in trees],
        "value": [tree.value[:, :, 0].ravel().tolist() if kind is RandomForestRegressor else tree.value[:, 0].ravel().tolist() for tree in trees],
        "impurity": [tree.impurity.tolist() for tree in trees],
        "weight": [tree.weighted_n_node_samples.tolist() for tree in trees],
        "count": [tree.n_node_samples.tolist() for tree in trees],
        "importances": forest.feature_importances_.tolist(),
        "oob": getattr(forest, "oob_score_", None),
        "answer": np.asarray(answer).ravel().tolist()[:60],
    })
with open(sys.argv[1], "w") as file:
    json.dump(out, file)
