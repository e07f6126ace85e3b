"""Throughput of random walks, compared with a NetworkX walker and PecanPy, in one run.

    python benchmarks/walks.py [--graph pubmed] [--repeats 5] [--pecanpy .venv-pecanpy/bin/python]

Ten walks of length 80 from every node. Compilation is not counted: every walker runs once before it
is timed, and the median of the repeats is reported. NetworkX walks a tenth of that and is scaled
up. PecanPy 2.0.9 does not import under NumPy 2, hence the interpreter of its own
(`make .venv-pecanpy/.ready`); its time is that of its compiled walking alone, without its
preprocessing and without turning the walks into lists, which ours does not do either.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from measure import median_seconds

WALKS_PER_NODE, LENGTH = 10, 80
CASES = {"DeepWalk (p = q = 1)": (1.0, 1.0), "node2vec (p = 0.5, q = 2)": (0.5, 2.0)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graph", default="pubmed")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--pecanpy", default=".venv-pecanpy/bin/python")
    parser.add_argument("--time-pecanpy", metavar="EDGES", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.time_pecanpy:
        time_pecanpy(options.time_pecanpy, options.repeats)
        return
    import torch

    import vgae

    graph = vgae.load_dataset(options.graph, features=False)
    print(f"{options.graph}: {graph}; {WALKS_PER_NODE} walks of {LENGTH} nodes from each node")
    print(f"{torch.get_num_threads()} threads, median of {options.repeats} after compilation\n")
    print("| walks | walker | seconds | million steps a second | ours is faster by |")
    print("|---|---|---|---|---|")
    theirs = pecanpy_seconds(graph, options)
    n_steps = WALKS_PER_NODE * graph.n_nodes * (LENGTH - 1)
    for case, (p, q) in CASES.items():
        seconds = {"vgae": ours(graph, p, q, options.repeats)}
        if p == q == 1.0:
            seconds["NetworkX, pure Python"] = networkx_seconds(graph)
        seconds |= theirs.get(case, {})
        for walker, taken in seconds.items():
            rate, ratio = n_steps / taken / 1e6, taken / seconds["vgae"]
            print(f"| {case} | {walker} | {taken:.3f} | {rate:.1f} | {ratio:.1f} |", flush=True)
    if not theirs:
        print(f"\nPecanPy was skipped: {options.pecanpy} cannot import it")


def ours(graph: Any, p: float, q: float, repeats: int) -> float:
    from vgae.learning.baselines.walks import random_walks

    starts = np.tile(np.arange(graph.n_nodes), WALKS_PER_NODE)
    return median_seconds(
        lambda: random_walks(graph, starts, length=LENGTH, p=p, q=q, seed=0), repeats
    )


def networkx_seconds(graph: Any) -> float:
    """A walker as scripts have it, one walk a node, times the number of walks."""
    import networkx

    made = networkx.Graph(graph.edges.tolist())
    made.add_nodes_from(range(graph.n_nodes))
    chooser = random.Random(0)
    started = time.perf_counter()
    for node in made:
        walk = [node]
        while len(walk) < LENGTH:
            neighbors = list(made.neighbors(walk[-1]))
            if not neighbors:
                break
            walk.append(chooser.choice(neighbors))
    return (time.perf_counter() - started) * WALKS_PER_NODE


# --------------------------------------------------------------------- PecanPy


def pecanpy_seconds(graph: Any, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Seconds by case and mode, from another interpreter; empty where there is none."""
    if not Path(options.pecanpy).is_file():
        return {}
    with tempfile.NamedTemporaryFile(suffix=".npy") as handle:
        np.save(handle, graph.edges)
        handle.flush()
        answer = subprocess.run(
            [
                *(options.pecanpy, "-W", "ignore", __file__),
                *("--repeats", str(options.repeats), "--time-pecanpy", handle.name),
            ],
            capture_output=True,
            text=True,
        )
    found: dict[str, dict[str, float]] = {}
    for line in answer.stdout.splitlines():
        case, mode, seconds = line.split("\t")
        found.setdefault(case, {})[f"PecanPy {mode}"] = float(seconds)
    if not found:
        print(answer.stderr, file=sys.stderr)
    return found


def time_pecanpy(path: str, repeats: int) -> None:
    """Print a line for each case and mode; runs in PecanPy's own interpreter."""
    from pecanpy import pecanpy
    from scipy import sparse

    edges = np.load(path)
    n_nodes = int(edges.max()) + 1
    both = np.concatenate([edges, edges[:, ::-1]])
    matrix = sparse.csr_matrix((np.ones(len(both)), (both[:, 0], both[:, 1])), (n_nodes, n_nodes))
    for case, (p, q) in CASES.items():
        first_order = ("FirstOrderUnweighted",) if p == q == 1.0 else ()
        for mode in (*first_order, "SparseOTF", "PreComp"):
            graph = getattr(pecanpy, mode)(p=p, q=q, workers=0, verbose=False, random_state=0)
            graph.indptr = matrix.indptr.astype(np.uint32)
            graph.indices = matrix.indices.astype(np.uint32)
            graph.data = matrix.data.astype(np.float32)
            graph.set_node_ids([str(node) for node in range(n_nodes)])
            graph._preprocess_transition_probs()
            seconds = pecanpy_walk_seconds(graph, n_nodes, repeats)
            print(f"{case}\t{mode}\t{seconds}", flush=True)


def pecanpy_walk_seconds(graph: Any, n_nodes: int, repeats: int) -> float:
    from numba_progress import ProgressBar

    starts = np.tile(np.arange(n_nodes, dtype=np.uint32), WALKS_PER_NODE)
    # Made once: each call makes new functions, which would be compiled again.
    move, has_neighbors = graph.get_move_forward(), graph.get_has_nbrs()
    with ProgressBar(total=1, disable=True) as progress:
        arguments = (starts.size, LENGTH - 1, 0, starts, has_neighbors, move, progress)
        return median_seconds(lambda: graph._random_walks(*arguments), repeats)


if __name__ == "__main__":
    main()
