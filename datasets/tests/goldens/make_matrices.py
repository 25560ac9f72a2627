"""Writes the Matrix Market files that graph_files.rs reads, with SciPy, and what SciPy reads back from them.

Run in this folder: python make_matrices.py
"""

import numpy as np
import scipy
import scipy.io
import scipy.sparse as sp

rng = np.random.default_rng(7)
n = 12
half = sp.random(n, n, 0.12, "coo", random_state=rng)
half.data = np.round(half.data, 3) + 0.001
symmetric = sp.csr_matrix(half + half.T)
directed = sp.random(n, n, 0.15, "csr", random_state=rng)
directed.data = np.ceil(9 * directed.data)
pattern = (symmetric != 0).astype(int)
features = np.round(rng.standard_normal((4, 3)), 4)

scipy.io.mmwrite("symmetric.mtx", symmetric, comment=f"SciPy {scipy.__version__}", symmetry="symmetric")
scipy.io.mmwrite("directed.mtx", directed.astype(int), symmetry="general")
scipy.io.mmwrite("pattern.mtx", pattern, field="pattern", symmetry="symmetric")
scipy.io.mmwrite("dense.mtx", features)

with open("matrices.txt", "w") as out:
    for name in ["symmetric", "directed", "pattern"]:
        csr = sp.csr_matrix(scipy.io.mmread(f"{name}.mtx"))
        csr.sort_indices()
        for what in [csr.indptr, csr.indices, csr.data.astype(np.float32)]:
            print(name, *what, file=out)
    print("dense", *scipy.io.mmread("dense.mtx").astype(np.float32).ravel(), file=out)
