"""Fits every law to the points of curve_fit.jsonl with SciPy and writes the file anew: the points, the parameters and the sum of
squared residuals. Each law is begun from many starts, and the best end is kept.

    python curve_fit.py    # needs numpy and scipy
"""
import json
import pathlib

import numpy as np
from scipy.optimize import curve_fit

N = np.array([1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6])
LAWS = {
    "log-linear": (lambda n, a, b: a + b * np.log10(n), [(0.1, 0.1)]),
    "power": (lambda n, b, c: b * n**c, [(1.0, c) for c in (-0.5, -0.2, 0.05, 0.2)]),
    "power-floor": (
        lambda n, a, b, c: a + b * n**-c,
        [(a, b, c) for c in (1e-4, 0.01, 0.1, 0.3, 1.0) for a in (0.0, 0.8, 300.0) for b in (-3.0, 3.0, -300.0)],
    ),
    "saturating": (lambda n, a, b, h: a + b * n / (n + h), [(0.3, b, h) for h in (1e2, 1e4, 1e6) for b in (-0.5, 0.5)]),
}
path = pathlib.Path(__file__).with_suffix(".jsonl")
lines = []
for line in path.read_text().splitlines():
    of, by, y, *_ = json.loads(line)
    law, starts = LAWS[by]
    best = None
    for start in starts:
        try:
            # scaled by the parameters' own sizes, which differ by many powers of ten
            p, _ = curve_fit(law, N, y, p0=start, method="trf", x_scale=np.abs(start) + 1e-3, ftol=1e-15, xtol=1e-15, gtol=1e-15,
                             max_nfev=100_000, bounds=([-np.inf] * (len(start) - 1) + [1e-4 if by == "power-floor" else -np.inf], np.inf))
        except RuntimeError:
            continue
        sse = float(np.sum((np.array(y) - law(N, *p)) ** 2))
        if best is None or sse < best[1]:
            best = (p, sse)
    lines.append(json.dumps([of, by, y, [float(v) for v in best[0]], best[1]]))
path.write_text("\n".join(lines) + "\n")
