#!/usr/bin/env python3
"""Golden numbers for shared::claims::stats, from SciPy: run it to rewrite student.json beside it.

quantiles: Student-t quantiles over degrees of freedom (whole and not) and probabilities
samples:   mean, sample standard deviation, 95 % interval of the mean, and the two one-sided
           tests of |mean| < margin
"""
import json, pathlib
import numpy as np
from scipy import stats

quantiles = [
    dict(df=df, p=p, t=float(stats.t.ppf(p, df)), cdf_at_1_7=float(stats.t.cdf(1.7, df)))
    for df in (0.5, 1, 2, 2.5, 3, 4, 7, 9, 13.37, 19, 29, 39, 60, 99, 250, 1000, 12345.6, 1e6)
    for p in (0.0005, 0.025, 0.3, 0.5, 0.9, 0.95, 0.975, 0.995, 0.99999)
]

rng = np.random.default_rng(8)
samples = []
for n, loc, scale, margin in [(2, 0.1, 1.0, 0.5), (3, 0.0, 0.01, 0.02), (5, 0.86, 0.01, 1.0),
                              (10, 0.005, 0.02, 0.02), (20, -0.3, 0.5, 0.4), (40, 3.0, 2.0, 2.5)]:
    x = rng.normal(loc, scale, n).round(6)
    lo, hi = stats.t.interval(0.95, n - 1, x.mean(), stats.sem(x))
    samples.append(dict(
        values=x.tolist(), mean=float(x.mean()), sd=float(x.std(ddof=1)), lo=float(lo), hi=float(hi),
        margin=margin,
        p_lower=float(stats.ttest_1samp(x, -margin, alternative="greater").pvalue),
        p_upper=float(stats.ttest_1samp(x, margin, alternative="less").pvalue)))

path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(dict(quantiles=quantiles, samples=samples), indent=1) + "\n")
