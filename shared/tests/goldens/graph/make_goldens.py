"""Writes graph.json beside this script: what SciPy and networkx say about a few small graphs.

Run with Python 3 and numpy, scipy, networkx (last run: networkx 3.6, scipy 1.17).
"""

import json
from pathlib import Path

import networkx as nx
import numpy as np
import scipy.sparse as sp


def transitions(a):
    """The five transition matrices of a dense adjacency matrix, written out with diagonal matrices."""
    n = len(a)
    out, into = a.sum(axis=1), a.sum(axis=0)
    inverse = np.divide(1.0, out, out=np.zeros(n), where=out > 0)
    root = lambda d: np.diag(np.divide(1.0, np.sqrt(d), out=np.zeros(n), where=d > 0))
    tilde = a + np.eye(n)
    return {
        "random_walk_zero_row": np.diag(inverse) @ a,
        "random_walk_self_loop": np.diag(inverse) @ a + np.diag((out == 0).astype(float)),
        "degree_plus_one_columns": a / (into + 1.0),
        "self_loops": np.diag(1.0 / tilde.sum(axis=1)) @ tilde,
        "symmetric": root(out) @ a @ root(into),
    }


def sparse(matrix):
    csr = sp.csr_matrix(matrix)
    csr.eliminate_zeros()
    csr.sort_indices()
    return {
        "rows": csr.shape[0],
        "cols": csr.shape[1],
        "indptr": csr.indptr.tolist(),
        "columns": csr.indices.tolist(),
        "values": [float(f"{v:.8g}") for v in csr.data],
    }


def diffusion(a, x):
    cases = {}
    for name, p in transitions(a).items():
        p = sp.csr_matrix(p)
        cases[name] = {"p": sparse(p), "p2": sparse(p @ p), "p2x": sparse(p @ p @ x)}
    return {"adjacency": sparse(a), "x": sparse(x), "normalizations": cases}


def statistics(graph):
    mean = sum(nx.to_scipy_sparse_array(graph, weight=None).sum(axis=1)) / graph.number_of_nodes()
    simple = nx.Graph(graph)
    simple.remove_edges_from(list(nx.selfloop_edges(graph)))
    return {
        "nodes": graph.number_of_nodes(),
        "edge_list": [list(e) for e in graph.edges()],
        "edges": graph.number_of_edges(),
        "self_loops": nx.number_of_selfloops(graph),
        "isolated": nx.number_of_isolates(graph),
        "mean_degree": float(mean),
        "density": nx.density(simple),
        "components": sorted((len(c) for c in nx.connected_components(graph)), reverse=True),
        "average_clustering": nx.average_clustering(simple),
    }


def line(graph):
    edges = list(graph.edges())
    index = {e: i for i, e in enumerate(edges)}
    if not graph.is_directed():
        index.update({(b, a): i for (a, b), i in list(index.items())})
    joined = [sorted((index[a], index[b])) if not graph.is_directed() else [index[a], index[b]]
              for a, b in nx.line_graph(graph).edges()]
    return {"edges": edges, "line_edges": sorted(joined)}


def main():
    rng = np.random.default_rng(0)
    karate = nx.karate_club_graph()
    club = [karate.nodes[i]["club"] for i in karate]
    karate_a = nx.to_numpy_array(karate, weight=None)

    # Directed and weighted, with a self-loop, a node that nobody enters, a sink and an isolated node.
    weighted = np.zeros((7, 7))
    for i, j, w in [(0, 1, 0.5), (0, 3, 2.0), (1, 1, 1.5), (1, 2, 1.0), (2, 0, 0.25), (2, 4, 4.0), (3, 4, 3.0), (5, 2, 0.75)]:
        weighted[i, j] = w

    features = lambda n: rng.integers(-9, 10, (n, 5)) * (rng.random((n, 5)) < 0.4)
    scattered = nx.gnm_random_graph(40, 32, seed=3)
    scattered.add_edges_from([(0, 0), (7, 7)])
    mixing = nx.attribute_mixing_matrix(karate, "club")

    pairs = list(karate.edges())
    incidence = np.zeros((len(pairs), 34))
    for e, (i, j) in enumerate(pairs):
        incidence[e, [i, j]] = 1.0

    goldens = {
        "karate": diffusion(karate_a, features(34)),
        "weighted": diffusion(weighted, features(7)),
        "statistics": {"karate": statistics(karate), "scattered": statistics(scattered)},
        "homophily": {"labels": club, "value": float(np.trace(mixing))},
        "edge_augmented": {
            "edges": pairs,
            "matrix": sparse(sp.bmat([[sp.csr_matrix(karate_a), incidence.T], [incidence, None]])),
        },
        "line_graph": line(nx.Graph([(0, 1), (0, 2), (0, 3), (1, 2), (3, 4), (4, 5), (6, 7)])),
        "line_digraph": line(nx.DiGraph([(0, 1), (1, 2), (2, 0), (1, 3), (3, 3), (3, 1), (4, 0)])),
    }
    path = Path(__file__).with_name("graph.json")
    path.write_text(json.dumps(goldens, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
