"""Goldens of the scores from scikit-learn (1.9 was used). Run in this folder: `python make_goldens.py`."""
import json

import numpy as np
from sklearn.metrics import accuracy_score, f1_score

rng = np.random.default_rng(1604)
cases = {
    # (truth, predicted) of 5 classes
    "random": (rng.integers(5, size=40), rng.integers(5, size=40)),
    "mostly_right": (t := rng.integers(5, size=60), np.where(rng.random(60) < 0.8, t, rng.integers(5, size=60))),
    "always_the_largest": (rng.integers(4, size=30), np.zeros(30, int)),
    "class_never_in_the_truth": (rng.integers(2, size=20), rng.integers(2, 5, size=20)),
    "one": (np.array([3]), np.array([3])),
}
golden = {}
for name, (truth, predicted) in cases.items():
    golden[f"{name}.truth"], golden[f"{name}.predicted"] = truth.tolist(), predicted.tolist()
    f1 = [f1_score(truth, predicted, average=kind, zero_division=0) for kind in ("micro", "macro")]
    golden[f"{name}.scores"] = [accuracy_score(truth, predicted), *f1]
with open("scores.json", "w") as f:
    json.dump(golden, f)
    f.write("\n")
