"""Neighbourhood heuristics on a dense graph: compiled loops against SciPy's sparse products.

    python benchmarks/heuristics.py [--quick]

Prints a Markdown table. The graph is random with skewed degrees: 4,267 nodes, 1.07 million edges.
Half of the 464,459 pairs are edges. Each method scores them in a process of its own; imports,
compilation and the graph are counted neither in the seconds nor in the memory, which is the peak
above what was there before. SciPy's way is the sparse product of the pairs' rows for sums over
common neighbours, and for series the product of the step with dense columns, term by term to a
fixed number. Both series are summed from a few nodes only, and the time of all is a multiple.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from measure import peak_megabytes
from numpy.typing import NDArray
from scipy import sparse

Pairs = NDArray[np.int64]
Scores = NDArray[np.floating]

N_NODES, N_EDGES, N_PAIRS, N_STARTS = 4267, 1_070_000, 464_459, 100
QUICK = 300, 3000, 2000, 20
SUMS = ("common-neighbors", "adamic-adar", "resource-allocation")
SERIES = {"katz": 0.5, "pagerank": 0.85}
"""By name, how much a step shrinks a term at least."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small graph, to try the program")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sizes = QUICK if options.quick else (N_NODES, N_EDGES, N_PAIRS, N_STARTS)
    if options.measure:
        method, way = options.measure
        print(json.dumps(measured(method, way, *sizes)))
        return
    n_nodes, n_edges, n_pairs, n_starts = sizes
    print(
        f"{n_nodes:,} nodes, {n_edges:,} edges, {n_pairs:,} pairs; series from {n_starts} nodes\n"
    )
    print("| method | seconds | SciPy | faster by | extra memory | SciPy | all pairs' seconds |")
    print("|---|---|---|---|---|---|---|")
    for method in (*SUMS, *SERIES):
        ours, theirs = (run(method, way, quick=options.quick) for way in ("vgae", "scipy"))
        assert math.isclose(ours["sum"], theirs["sum"], rel_tol=1e-6), (ours, theirs)
        whole = ours["seconds"] * (n_nodes / n_starts if method in SERIES else 1)
        print(
            f"| {method} | {ours['seconds']:.2f} | {theirs['seconds']:.2f} | "
            f"{theirs['seconds'] / ours['seconds']:.1f} | {ours['extra_mb']:.0f} MB | "
            f"{theirs['extra_mb']:.0f} MB | {whole:.1f} |",
            flush=True,
        )


def run(method: str, way: str, *, quick: bool) -> dict[str, float]:
    """What a process of its own found."""
    command = [sys.executable, __file__, "--measure", method, way, *(["--quick"] if quick else [])]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(answer.stdout)
    return found


def measured(
    method: str, way: str, n_nodes: int, n_edges: int, n_pairs: int, n_starts: int
) -> dict[str, float]:
    """Seconds, extra memory and the sum of the scores."""
    from vgae.data.graph import Graph

    edges, pairs = skewed_graph(n_nodes, n_edges), None
    if method in SUMS:
        random = np.random.default_rng(1)
        drawn = random.integers(n_nodes, size=(n_pairs - n_pairs // 2, 2))
        pairs = np.concatenate([random.permutation(edges)[: n_pairs // 2], drawn])
    graph = Graph.from_edges(edges, n_nodes=n_nodes)
    small = Graph.from_edges([(0, 1), (1, 2)])
    score = WAYS[way]
    score(method, small, np.array([[0, 1]]) if pairs is not None else None, 2)  # compiles
    before, started = peak_megabytes(), time.perf_counter()
    found = score(method, graph, pairs, n_starts)
    seconds = time.perf_counter() - started
    extra = peak_megabytes() - before
    total = float(found.sum(dtype=np.float64))
    return {"seconds": seconds, "extra_mb": extra, "sum": total}


def skewed_graph(n_nodes: int, n_edges: int) -> Pairs:
    """Edges drawn by node weights that fall as 1 / sqrt(rank + 10), each once."""
    random = np.random.default_rng(0)
    weight = random.permutation((np.arange(n_nodes) + 10.0) ** -0.5)
    codes = np.empty(0, np.int64)
    while len(codes) < n_edges:
        ends = random.choice(n_nodes, size=(n_edges, 2), p=weight / weight.sum())
        ends = np.sort(ends[ends[:, 0] != ends[:, 1]], axis=1)
        codes = np.union1d(codes, ends[:, 0] * n_nodes + ends[:, 1])
    return np.stack(np.divmod(random.permutation(codes)[:n_edges], n_nodes), axis=1)


# ----------------------------------------------------------------------- two ways


def ours(method: str, graph: Any, pairs: Pairs | None, n_starts: int) -> Scores:
    """Scores of the pairs, or of some nodes with every node."""
    from vgae.learning.baselines import baseline

    scores = baseline(method).fit(graph)
    return scores.rows(np.arange(n_starts)) if pairs is None else scores.pairs(pairs)


def by_scipy(method: str, graph: Any, pairs: Pairs | None, n_starts: int) -> Scores:
    """The same by sparse products."""
    adjacency = sparse.csr_array(graph.adjacency, dtype=np.float64)
    degrees = np.maximum(graph.degrees, 2).astype(np.float64)
    if pairs is None:
        return series(method, adjacency, n_starts)
    weight = {
        "common-neighbors": np.ones_like(degrees),
        "adamic-adar": 1.0 / np.log(degrees),
        "resource-allocation": 1.0 / degrees,
    }[method]
    left = sparse.csr_array(adjacency @ sparse.diags_array(weight))
    chosen = (
        left[pairs[first : first + 2**16, 0]].multiply(adjacency[pairs[first : first + 2**16, 1]])
        for first in range(0, len(pairs), 2**16)
    )
    return np.concatenate([part.sum(axis=1) for part in chosen]).astype(np.float32)


def series(method: str, adjacency: Any, n_starts: int) -> Scores:
    """Katz' index or the PageRank of both directions, of some nodes with every node."""
    strength = adjacency.sum(axis=0)
    if method == "katz":
        start = np.ones(adjacency.shape[0])
        largest = sparse.linalg.eigsh(adjacency, k=1, v0=start, return_eigenvectors=False)[0]
        step = adjacency * (SERIES[method] / largest)
    else:
        step = sparse.csr_array(adjacency @ sparse.diags_array(1.0 / strength)) * SERIES[method]
    term = np.eye(adjacency.shape[0], n_starts)
    total = term.copy()
    for _ in range(max(30, math.ceil(math.log(1e-7) / math.log(SERIES[method])))):
        term = step @ term
        total += term
    if method == "pagerank":
        total *= 1.0 + np.outer(1.0 / strength, strength[:n_starts])
    return total.T.astype(np.float32)


WAYS: dict[str, Callable[[str, Any, Pairs | None, int], Scores]] = {"vgae": ours, "scipy": by_scipy}

if __name__ == "__main__":
    main()
