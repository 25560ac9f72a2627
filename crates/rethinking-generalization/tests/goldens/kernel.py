"""Goldens of the kernel interpolants and of the preprocessing, with SciPy.

    python crates/rethinking-generalization/tests/goldens/kernel.py
"""

import json
import pathlib

import numpy as np
import scipy.linalg as la
import scipy.ndimage as nd
from scipy.spatial.distance import cdist

rng = np.random.default_rng(20170210)
rows = rng.normal(size=(30, 6)).round(3)
new = rng.normal(size=(7, 6)).round(3)
labels = rng.integers(0, 3, 30)
targets = np.eye(3)[labels]


def kernel(name, bandwidth, a, b):
    if name == "gaussian":
        return np.exp(-cdist(a, b, "sqeuclidean") / (2 * bandwidth**2))
    if name == "laplacian":
        return np.exp(-cdist(a, b) / bandwidth)
    return a @ b.T


fits = []
for name, bandwidth, ridge in [
    ("gaussian", 0.8, 0.0),
    ("gaussian", 1.5, 1e-3),
    ("laplacian", 2.0, 0.0),
    ("linear", 1.0, 0.5),
]:
    gram = kernel(name, bandwidth, rows, rows)
    alpha = la.solve(gram + ridge * np.eye(30), targets, assume_a="pos")
    fits.append({
        "kernel": name,
        "bandwidth": bandwidth,
        "ridge": ridge,
        "alpha": alpha.ravel().tolist(),
        "scores": (kernel(name, bandwidth, new, rows) @ alpha).ravel().tolist(),
        "norms": np.sqrt(np.einsum("ic,ij,jc->c", alpha, gram, alpha)).tolist(),
        "residual": float(np.abs(gram @ alpha - targets).max()),
    })


def deskew(image):
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    mass = image.sum()
    cy, cx = (y * image).sum() / mass, (x * image).sum() / mass
    slant = ((y - cy) * (x - cx) * image).sum() / ((y - cy) ** 2 * image).sum()
    matrix = np.array([[1, 0], [slant, 1]])
    middle = (np.array(image.shape) - 1) / 2
    return nd.affine_transform(image, matrix, offset=np.array([cy, cx]) - matrix @ middle, order=1)


image = (rng.random((9, 8)) ** 4).round(3)
image[:, :2] = 0
goldens = {
    "rows": rows.ravel().tolist(),
    "new": new.ravel().tolist(),
    "labels": labels.tolist(),
    "fits": fits,
    "image": image.ravel().tolist(),
    "blurred": nd.gaussian_filter(image, 0.7).ravel().tolist(),
    "blurred_wide": nd.gaussian_filter(image, 2.6).ravel().tolist(),
    "deskewed": deskew(image).ravel().tolist(),
}
pathlib.Path(__file__).with_name("kernel.json").write_text(json.dumps(goldens) + "\n")
