"""Writes a forest of scikit-learn to a file that `recoil forest import` reads:

    python export_forest.py reg_energy.sav reg_energy.npz log_intensity width length ...

or, from Python, `export_forest(forest, "reg_energy.npz", feature_names)`. The file holds plain arrays: no pickle.
"""

import sys

import numpy as np


def export_forest(forest, path, features=None):
    """Keeps what `tree_` objects hold, those of all trees one after the other."""
    trees = [estimator.tree_ for estimator in forest.estimators_]
    names = features if features is not None else getattr(forest, "feature_names_in_", None)
    if names is None:
        names = [f"x{index}" for index in range(forest.n_features_in_)]
    classes = getattr(forest, "classes_", None)
    if classes is not None and forest.n_outputs_ != 1:
        raise ValueError("classifiers with several outputs cannot be exported")

    def values(tree):
        return tree.value[:, 0, :] if classes is not None else tree.value[:, :, 0]

    def join(get):
        return np.concatenate([np.asarray(get(tree)) for tree in trees])

    np.savez_compressed(
        path,
        features=np.array([str(name) for name in names]),
        classes=np.asarray([] if classes is None else classes).astype(np.int64),
        outputs=np.array([forest.n_outputs_], dtype=np.int64),
        nodes=np.array([tree.node_count for tree in trees], dtype=np.int64),
        left=join(lambda tree: tree.children_left).astype(np.int64),
        right=join(lambda tree: tree.children_right).astype(np.int64),
        feature=join(lambda tree: tree.feature).astype(np.int64),
        threshold=join(lambda tree: tree.threshold).astype(np.float64),
        value=join(lambda tree: values(tree).reshape(-1)).astype(np.float64),
        impurity=join(lambda tree: tree.impurity).astype(np.float64),
        weight=join(lambda tree: tree.weighted_n_node_samples).astype(np.float64),
        count=join(lambda tree: tree.n_node_samples).astype(np.int64),
    )


if __name__ == "__main__":
    import joblib

    if len(sys.argv) < 3:
        sys.exit(__doc__)
    export_forest(joblib.load(sys.argv[1]), sys.argv[2], sys.argv[3:] or None)
