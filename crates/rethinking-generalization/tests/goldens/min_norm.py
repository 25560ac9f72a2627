"""Goldens of the theory, from NumPy: python min_norm.py > min_norm.json

Nothing here shares a method with the crate: least norm by the pseudo-inverse (SVD), the ridge by least squares on
stacked equations, Theorem 1 by a dense solve of the matrix of the proof and its values at fresh points by np.interp.
"""

import json

import numpy as np

rng = np.random.RandomState(1611)
out = {}


def keep(name, array):
    out[name] = np.asarray(array, dtype=np.float64).ravel().tolist()


# least norm, ridge, and where SGD ends: n = 12, d = 30, k = 2
x, y, w0 = rng.randn(12, 30), rng.randn(12, 2), rng.randn(30, 2)
pinv = np.linalg.pinv(x)
keep("x", x)
keep("y", y)
keep("w0", w0)
keep("w", pinv @ y)
keep("alpha", pinv.T @ pinv @ y)
keep("norm", np.linalg.norm(pinv @ y))
keep("limit", pinv @ y + (np.eye(30) - pinv @ x) @ w0)
keep("outside", np.linalg.norm((np.eye(30) - pinv @ x) @ w0) / np.linalg.norm(w0))
ridge = 0.75
stacked = np.vstack([x, np.sqrt(ridge) * np.eye(30)])
keep("ridge_w", np.linalg.lstsq(stacked, np.vstack([y, np.zeros((30, 2))]), rcond=None)[0])

# Theorem 1: n = 20, d = 5, thresholds z_1 - (z_n - z_1), z_1, .., z_{n-1}
points, labels, a = rng.randn(20, 5), rng.randint(0, 10, 20).astype(float), rng.randn(5)
z = points @ a
order = np.argsort(z)
zs = z[order]
b = np.concatenate([[2 * zs[0] - zs[-1]], zs[:-1]])
matrix = np.maximum(zs[:, None] - b[None, :], 0)
fresh = rng.randn(40, 5)
fresh = fresh[(fresh @ a > zs[0]) & (fresh @ a < zs[-1])]
keep("points", points)
keep("labels", labels)
keep("direction", a)
keep("thresholds", b)
keep("matrix", matrix)
keep("weights", np.linalg.solve(matrix, labels[order]))
keep("least_eigenvalue", np.linalg.eigvals(matrix).real.min())
keep("fresh", fresh)
keep("fresh_values", np.interp(fresh @ a, zs, labels[order]))

print("{\n" + ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in out.items()) + "\n}")
