"""Writes ranks.json beside this script: SciPy's rank statistics, and NumPy's noise ratio, of a few small samples.

Run with Python 3 and numpy, scipy (last run: numpy 2.4.6, scipy 1.17.1).
"""

import json
from pathlib import Path

import numpy as np
from scipy import stats

rng = np.random.default_rng(7)
steps = np.linspace(-0.25, 0.25, 11)
pairs = {
    "smooth": (steps, np.tanh(3 * steps) + 0.02 * rng.standard_normal(11)),
    "noise": (rng.standard_normal(40), rng.standard_normal(40)),
    "ties": (rng.integers(0, 5, 30).astype(float), rng.integers(0, 4, 30).astype(float)),
    "falling": (steps, -(steps**3)),
    "two": (np.array([2.0, 1.0]), np.array([0.5, 1.5])),
}
golden = {}
for name, (x, y) in pairs.items():
    # what the file holds is what is measured
    golden[f"{name}.x"], golden[f"{name}.y"] = x.tolist(), y.tolist()
    golden[f"{name}.ranks"] = stats.rankdata(x).tolist()
    golden[f"{name}.spearman"] = [float(stats.spearmanr(x, y).statistic)]
    # the area under the ROC curve is Mann and Whitney's U over the number of pairs
    golden[f"{name}.auc"] = [float(stats.mannwhitneyu(x, y).statistic) / (len(x) * len(y))]

image = rng.random(64).astype(np.float32).astype(float)
reference = rng.random(64).astype(np.float32).astype(float)
mse = np.mean((image - reference) ** 2)
golden["psnr.image"], golden["psnr.reference"] = image.tolist(), reference.tolist()
golden["psnr.unit"] = [float(10 * np.log10(1.0 / mse))]
golden["psnr.byte"] = [float(10 * np.log10(255.0**2 / mse))]

lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(values)}" for name, values in golden.items())
Path(__file__).with_name("ranks.json").write_text("{\n" + lines + "\n}\n")
