"""Writes goldens.json beside this script: thresholded powers and their products, in float64 from their definitions.

Run with Python 3, numpy and scipy (last run: numpy 2.4, scipy 1.17) and EIGHTFOLD_DATA set to the folder that holds
cora/. Takes a few seconds. The rule everywhere: an entry is kept if it is at least sigma (1 - 1e-6).
"""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import scipy.sparse as sp

HOPS = 3
NODES = 2000
SAMPLED = list(range(3, NODES, 97))


def hashed(seed, k):
    """SplitMix64 of k numbers: the same in formula.rs."""
    z = np.uint64(seed) + (k.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def unit(seed, k):
    """Numbers of [0, 1) with 24 bits, exact in float32."""
    return (hashed(seed, k) >> np.uint64(40)).astype(np.float64) / 2**24


def edges(seed, n, m):
    """The ends of m edges: the first uniform, the second the likelier the lower."""
    k = np.arange(m)
    return (hashed(seed, 2 * k) % np.uint64(n)).astype(np.int64), (n * unit(seed, 2 * k + 1) ** 2).astype(np.int64)


def formula_graph(weighted):
    """2,000 nodes of skewed degree, some without edges, some with an edge to themselves."""
    i, j = edges(1, NODES, 3 * NODES)
    j = np.where(np.arange(len(i)) % 500 == 0, i, j)
    fits = (i < NODES - 50) & (j < NODES - 50)
    i, j = i[fits], j[fits]
    a = sp.coo_matrix((np.ones(2 * len(i)), (np.r_[i, j], np.r_[j, i])), shape=(NODES, NODES)).tocsr()
    a.data[:] = 1
    if weighted:
        a = a.tocoo()
        pair = np.minimum(a.row, a.col).astype(np.int64) * NODES + np.maximum(a.row, a.col)
        w = (0.05 + 4 * unit(2, pair) ** 2).astype(np.float32).astype(np.float64)
        a = sp.csr_matrix((w, (a.row, a.col)), shape=a.shape)
    return a


def random_walk(a):
    d = np.asarray(a.sum(1)).ravel()
    return (sp.diags(np.divide(1.0, d, out=np.zeros_like(d), where=d > 0)) @ a).tocsr()


def at_least(m, sigma):
    m = m.tocsr(copy=True)
    m.data[m.data < sigma * (1 - 1e-6)] = 0
    m.eliminate_zeros()
    return m


def largest(m, k):
    """The k largest of each row; of equal ones those of lower column. Also the least gap at the border."""
    m = m.tocsr(copy=True)
    m.sort_indices()
    gap = np.inf
    for i in range(m.shape[0]):
        values = m.data[m.indptr[i]:m.indptr[i + 1]]
        if len(values) > k:
            order = np.argsort(-values, kind="stable")
            gap = min(gap, values[order[k - 1]] / values[order[k]] - 1)
            values[order[k:]] = 0
    m.eliminate_zeros()
    return m, gap


def border(powers, sigma):
    """How far, in parts of sigma, the closest entry is from the edge."""
    return min(np.abs(q.data / sigma - (1 - 1e-6)).min() for q in powers)


def rescaled(kept, whole):
    """Rows of `kept` scaled to the row sums of `whole`."""
    have, want = (np.asarray(m.sum(1)).ravel() for m in (kept, whole))
    return (sp.diags(np.divide(want, have, out=np.zeros_like(have), where=have > 0)) @ kept).tocsr()


def exact_powers(p):
    powers = [p]
    while len(powers) < HOPS:
        powers.append((powers[-1] @ p).tocsr())
    return powers


def thresholded(p, exact, kind, value, renormalize):
    """What is kept of each power, and how close rounding could come to another choice."""
    if kind == "none":
        return exact, np.inf
    if kind == "pre":
        kept = at_least(p, value)
        return exact_powers(rescaled(kept, p) if renormalize else kept), border([p], value)
    if kind == "post":
        kept, gap = [at_least(q, value) for q in exact], border(exact, value)
    else:
        kept, gaps = zip(*(largest(q, value) for q in exact))
        gap = min(gaps)
    return [rescaled(k, q) if renormalize else k for k, q in zip(kept, exact)], gap


def error_bounds(p, exact, kept, kind, renormalize):
    """T3 and T4 row by row, as they are stated."""
    ones = np.ones(NODES)
    if kind == "none":
        return [np.zeros(NODES)] * HOPS
    if kind != "pre":
        return [np.asarray(abs(q - k).sum(1)).ravel() for q, k in zip(exact, kept)]
    bounds, powers = [], [sp.identity(NODES, format="csr")] + exact
    for k in range(1, HOPS + 1):
        total = np.zeros(NODES)
        for s in range(k):
            rest = ones.copy()
            if not renormalize:
                for _ in range(k - 1 - s):
                    rest = kept[0] @ rest
            total += powers[s] @ (abs(p - kept[0]) @ rest)
        bounds.append(total)
    return bounds


def short(values, digits=8):
    return [float(f"{v:.{digits}g}") for v in np.asarray(values, dtype=np.float64).ravel()]


def features(f, sparse):
    k = np.arange(NODES * f)
    x = unit(3, k) - 0.3
    if sparse:
        x = np.where(hashed(4, k) % np.uint64(11) == 0, x, 0.0)
    return x.astype(np.float32).astype(np.float64).reshape(NODES, f)


def case(p, exact, kind, value, renormalize, details):
    kept, gap = thresholded(p, exact, kind, value, renormalize)
    out = {"threshold": kind if kind == "none" else f"{kind}:{value}",
           "renormalize": renormalize, "nnz": [], "sum": [], "check": []}
    for q in kept:
        q = q.tocoo()
        out["nnz"].append(int(q.nnz))
        out["sum"].append(float(q.data.sum()))
        out["check"].append(float((q.data * ((q.row.astype(np.int64) * 7 + q.col.astype(np.int64) * 13) % 101)).sum()))
    bounds = error_bounds(p, exact, kept, kind, renormalize)
    out["bound_sum"] = short([b.sum() for b in bounds], 10)
    out["bound"] = [short(b[SAMPLED], 7) for b in bounds]
    if details:
        rows = []
        for i in SAMPLED[:12]:
            for hop, q in enumerate(kept, 1):
                row = q.getrow(i).tocoo()
                order = np.argsort(row.col)
                if row.nnz <= 60:
                    rows.append({"node": i, "hop": hop, "columns": row.col[order].tolist(),
                                 "values": short(row.data[order])})
        out["rows"] = rows
        for name, f in (("dense", 5), ("sparse", 21)):
            x = features(f, name == "sparse")
            out[name] = [short(s[SAMPLED[:10]], 7) for s in [x] + [q @ x for q in kept]]
    print(out["threshold"], renormalize, out["nnz"], f"closest to the edge {gap:.1e}")
    assert gap > 4e-7, "an entry so close to the edge that float32 may decide otherwise: take another sigma"
    return out


def formula():
    out = {}
    cases = {
        False: [("none", 0, False), *((k, s, False) for k in ("pre", "post") for s in (.01, .05, .1, .2, .5)),
                ("post", .15, True), ("pre", .1, True), ("pre", .01, True)],
        True: [("none", 0, False), *((k, s, False) for k in ("pre", "post") for s in (.02, .1, .3)),
               ("top", 1, False), ("top", 5, False), ("top", 12, False),
               ("pre", .1, True), ("post", .1, True), ("top", 5, True)],
    }
    detailed = {("none", 0, False), ("pre", .1, False), ("post", .05, False), ("post", .1, False),
                ("top", 5, False), ("pre", .1, True), ("post", .1, True), ("top", 5, True)}
    for weighted, list_of in cases.items():
        a = formula_graph(weighted)
        p = random_walk(a)
        degrees = np.diff(a.indptr)
        exact = exact_powers(p)
        print("weighted" if weighted else "unweighted", a.nnz, "entries; highest degree", degrees.max(),
              "; isolated", int((degrees == 0).sum()), "; loops", int((a.diagonal() > 0).sum()))
        out["weighted" if weighted else "plain"] = {
            "entries": int(a.nnz), "isolated": int((degrees == 0).sum()), "loops": int((a.diagonal() > 0).sum()),
            "highest_degree": int(degrees.max()), "total": float(a.sum()),
            "cases": [case(p, exact, *c, c in detailed) for c in list_of],
        }
    return out


def peer(n=50_000, degree=8, hops=2, sigma=0.05, f=128):
    """A graph of the size and skew on which the sparse product is timed, in float32 and in float64."""
    i, j = edges(5, n, n * degree // 2)
    a = sp.coo_matrix((np.ones(len(i), np.float32), (i, j)), shape=(n, n)).tocsr()
    a = a + a.T
    a.data[:] = 1
    a.setdiag(0)
    a.eliminate_zeros()
    deg = np.asarray(a.sum(1)).ravel()
    deg[deg == 0] = 1
    p32 = sp.diags(1 / deg).astype(np.float32) @ a
    p = random_walk(a.astype(np.float64))

    def plain(m):
        m = m.tocsr(copy=True)
        m.data[m.data < sigma] = 0
        m.eliminate_zeros()
        return m
    square32, square = (p32 @ p32).tocsr(), (p @ p).tocsr()
    assert square32.dtype == np.float32
    pre, post = at_least(p, sigma), [at_least(p, sigma), at_least(square, sigma)]
    x = unit(6, np.arange(n * f)).reshape(n, f)
    k = np.arange(200)
    row, col = (hashed(7, k) % np.uint64(n)).astype(int), (hashed(8, k) % np.uint64(f)).astype(int)
    slices = {"pre": [x, pre @ x, pre @ (pre @ x)], "post": [x, *(q @ x for q in post)]}
    exact = square.data / sigma
    out = {
        "entries": int(a.nnz), "highest_degree": int(np.diff(a.indptr).max()), "square": int(square.nnz),
        "pre": int(pre.nnz), "pre_square": int((pre @ pre).nnz), "post": int(post[1].nnz),
        "pre_float32": int(plain(p32).nnz), "post_float32": int(plain(square32).nnz),
        "post_float64_plain": int(plain(square).nnz),
        "on_the_edge": int((np.abs(exact - 1) < 1e-9).sum()),
        "closest": float(np.abs(exact - (1 - 1e-6)).min()),
        "samples": {name: [short(s[row, col]) for s in all_of] for name, all_of in slices.items()},
    }
    print({k: v for k, v in out.items() if k != "samples"})
    return out


def cora(folder):
    """Counts of Cora's powers, in float64, at every sigma of the table in the notes."""
    with gzip.open(folder / "cora.content.gz", "rt") as lines:
        ids = {line.split(None, 1)[0]: k for k, line in enumerate(lines)}
    pairs = np.array([[ids[a], ids[b]] for a, b in (line.split() for line in open(folder / "cora.cites"))])
    n = len(ids)
    a = sp.coo_matrix((np.ones(2 * len(pairs)), (np.r_[pairs[:, 0], pairs[:, 1]], np.r_[pairs[:, 1], pairs[:, 0]])),
                      shape=(n, n)).tocsr()
    a.data[:] = 1
    p = random_walk(a)
    exact = exact_powers(p)
    out = {"exact": [int(q.nnz) for q in exact], "table": []}
    for sigma in (.01, .02, .05, .1, .2, .3, .5):
        row = {"sigma": sigma, "over": int((np.diff(a.indptr) > (1 + 1e-6) / sigma).sum())}
        for kind in ("pre", "post"):
            kept, gap = thresholded(p, exact, kind, sigma, False)
            row[kind], row[f"{kind}_closest"] = [int(q.nnz) for q in kept], float(f"{gap:.3g}")
        row["post_plain"] = [int((q.data >= sigma).sum()) for q in exact]
        row["post_float32"] = [int((q.astype(np.float32).data >= np.float32(sigma)).sum()) for q in exact]
        out["table"].append(row)
        print(row)
    return out


goldens = {"formula": formula(), "peer": peer()}
data = os.environ.get("EIGHTFOLD_DATA")
target = Path(__file__).parent / "goldens.json"
if data:
    goldens["cora"] = cora(Path(data) / "cora")
elif target.exists():
    goldens["cora"] = json.loads(target.read_text())["cora"]
target.write_text(json.dumps(goldens, separators=(",", ":")) + "\n")
print(target.stat().st_size, "bytes")
