"""Peak memory of fitting with the exact objective, above what `import torch` takes.

    python benchmarks/memory.py [--steps 5]

Uses dblp (17,716 nodes) from the folder that VGAE_DATA names, or else a random graph of its size.
A dense float32 array of all pairs of its nodes would take 1,197 MB, and a loss needs several.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from pathlib import Path

import numpy as np
import torch
from scipy import sparse

DBLP_NODES, DBLP_EDGES, DBLP_FEATURES = 17_716, 52_867, 1_639


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=5)
    steps = parser.parse_args().steps
    with_torch = peak_megabytes()
    import vgae

    model = vgae.VGAE(steps=steps)
    with_vgae = peak_megabytes()
    path = Path(os.environ.get("VGAE_DATA", "")) / "attributed" / "dblp.npz"
    graph = dblp(path) if path.is_file() else random_graph()
    print(f"{'dblp' if path.is_file() else 'random graph of the size of dblp'}: {graph}")
    started = time.perf_counter()
    model.fit(graph)
    seconds = (time.perf_counter() - started) / steps
    print(f"import torch {torch.__version__}: {with_torch:.0f} MB; import vgae: {with_vgae:.0f} MB")
    print(f"fit, {steps} steps of {seconds:.2f} s: peak {peak_megabytes():.0f} MB")
    print(f"above import torch: {peak_megabytes() - with_torch:.0f} MB (bar: 300 MB)")


def dblp(path: Path) -> vgae.Graph:  # type: ignore[name-defined] # noqa: F821
    """The citation graph, from the pieces of its CSR matrices."""
    import vgae

    with np.load(path, allow_pickle=False) as pieces:
        adjacency, features = (
            sparse.csr_array(
                tuple(pieces[f"{part}_{name}"] for name in ("data", "indices", "indptr")),
                shape=tuple(pieces[f"{part}_shape"]),
            )
            for part in ("adj", "attr")
        )
    return vgae.Graph.from_scipy(adjacency, features=features)


def random_graph() -> vgae.Graph:  # type: ignore[name-defined] # noqa: F821
    """A random graph with sparse random features."""
    import vgae

    random = np.random.default_rng(0)
    features = sparse.random_array((DBLP_NODES, DBLP_FEATURES), density=0.004, rng=random)
    edges = random.integers(DBLP_NODES, size=(DBLP_EDGES, 2))
    return vgae.Graph.from_edges(edges, n_nodes=DBLP_NODES, features=features)


if __name__ == "__main__":
    main()
