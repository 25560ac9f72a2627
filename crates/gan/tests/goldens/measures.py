"""Goldens of the measures of sample quality, from NumPy and SciPy.

    python crates/gan/tests/goldens/measures.py

Everything is dense and in double precision, and shares no method with the crate: the matrix root is SciPy's, of a
product without symmetry, neighbours come from k-d trees, and the Wasserstein distance from samples repeated to one size.
"""

import json
import pathlib

import numpy as np
from scipy.linalg import sqrtm
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist, pdist
from scipy.special import logsumexp
from scipy.stats import entropy, multivariate_normal

rng = np.random.default_rng(17102017)


def single(array):
    """What the crate reads: three decimals, rounded to single precision."""
    return np.asarray(array).round(3).astype(np.float32).astype(np.float64)


def flat(array):
    return [float(f"{v:.9g}") for v in np.asarray(array).ravel()]


def frechet(a, b):
    sa, sb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = np.real(sqrtm(sa @ sb))
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(sa + sb - 2 * root))


def mmd(a, b, kernel):
    n, m = len(a), len(b)
    aa, bb, ab = kernel(a, a), kernel(b, b), kernel(a, b)
    return float((aa.sum() - np.trace(aa)) / n / (n - 1) + (bb.sum() - np.trace(bb)) / m / (m - 1) - 2 * ab.mean())


def gaussian(sigma):
    return lambda a, b: np.exp(-cdist(a, b, "sqeuclidean") / (2 * sigma**2))


def polynomial(a, b):
    return (a @ b.T / a.shape[1] + 1) ** 3


def inside(points, balls, k):
    radius = cKDTree(balls).query(balls, k=k + 1)[0][:, k]
    return float((cdist(points, balls) <= radius).any(axis=1).mean())


def window(samples, points, sigma):
    # one Gaussian of SciPy around each sample
    each = [multivariate_normal(s, sigma**2 * np.eye(len(s))).logpdf(points) for s in samples]
    return logsumexp(np.array(each), axis=0) - np.log(len(samples))


def sliced(a, b, directions):
    total = 0.0
    for theta in directions:
        theta = theta / np.linalg.norm(theta)
        x, y = np.sort(a @ theta), np.sort(b @ theta)
        total += np.mean((np.repeat(x, len(y)) - np.repeat(y, len(x))) ** 2)
    return float(np.sqrt(total / len(directions)))


def neighbours(a, b):
    both = np.vstack([a, b])
    label = np.arange(len(both)) < len(a)
    hit = label[cKDTree(both).query(both, k=2)[1][:, 1]] == label
    return [float(hit.mean()), float(hit[label].mean()), float(hit[~label].mean())]


out = {"sets": []}
# 5 dimensions go the direct way, 24 through products and two blocks of rows
for d, n, m in [(5, 40, 30), (24, 70, 35)]:
    mix = rng.normal(size=(d, d)) / np.sqrt(d)
    a = single(rng.normal(size=(n, d)) @ mix + 2)
    b = single(1.3 * rng.normal(size=(m, d)) @ mix + 2 + 0.4 * rng.normal(size=d))
    b[:3] = single(a[:3] + 0.01)
    directions = single(rng.normal(size=(4, d)))
    sigma = np.median(pdist(np.vstack([a, b])))
    grid = [0.25, 0.5, 1.0, 2.0]
    widths = [window(a, b[:10], s).mean() for s in grid]
    best = grid[int(np.argmax(widths))]
    test = window(a, b[10:], best)
    out["sets"].append({
        "dim": d,
        "a": flat(a),
        "b": flat(b),
        "frechet": frechet(a, b),
        "median": float(sigma),
        "mmd_median": mmd(a, b, gaussian(sigma)),
        "mmd_one": mmd(a, b, gaussian(1.0)),
        "kid": mmd(a, b, polynomial),
        "precision": inside(b, a, 3),
        "recall": inside(a, b, 3),
        "directions": flat(directions),
        "sliced": sliced(a, b, directions),
        "two_sample": neighbours(a[:m], b),
        "grid": grid,
        "sigma": best,
        "validation": float(max(widths)),
        "test_mean": float(test.mean()),
        "test_error": float(test.std(ddof=1) / np.sqrt(len(test))),
    })

logits = rng.normal(size=(50, 6)) * 2
rows = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).astype(np.float32).astype(np.float64)


def score(p):
    p = p / p.sum(1, keepdims=True)
    return float(np.exp(np.mean(entropy(p, np.broadcast_to(p.mean(0), p.shape), axis=1))))


splits = [score(rows[s * 50 // 3:(s + 1) * 50 // 3]) for s in range(3)]
out["classifier"] = {
    "rows": flat(rows),
    "score": score(rows),
    "mean": float(np.mean(splits)),
    "deviation": float(np.std(splits)),
}

angles = 2 * np.pi * np.arange(8) / 8
centres = single(2 * np.stack([np.cos(angles), np.sin(angles)], 1))
owner = rng.choice(8, size=200, p=[0.4, 0.3, 0.15, 0.1, 0.04, 0.01, 0, 0])
samples = single(centres[owner] + 0.03 * rng.normal(size=(200, 2)))
distance = cdist(samples, centres)
good = distance.min(1) <= 3 * 0.02
counts = np.bincount(distance.argmin(1)[good], minlength=8)
out["coverage"] = {
    "centres": flat(centres),
    "samples": flat(samples),
    "counts": counts.tolist(),
    "modes_1": int((counts >= 1).sum()),
    "modes_20": int((counts >= 20).sum()),
    "high_quality": float(good.mean()),
    "reverse_kl": float(entropy(counts, np.ones(8))),
}

pathlib.Path(__file__).with_name("measures.json").write_text(json.dumps(out) + "\n")
