"""Graphs that training is timed on, as plain arrays that every implementation reads.

A graph is made once, by a process of its own, and written to a file: then the peak memory of an
implementation is that of its training, not of another library's reading and cleaning.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

if TYPE_CHECKING:
    from vgae.data.graph import Graph

__all__ = ["Case", "MissingError", "is_random", "load", "n_random_nodes", "prepare"]

EDGES_A_NODE, N_FEATURES = 10, 64


class MissingError(Exception):
    """What this machine lacks, as words for a table."""


@dataclass(frozen=True)
class Case:
    """A graph to train on.

    Attributes
    ----------
    edges
        Shape (n_edges, 2), int64; each undirected edge once, source < target.
    features
        Shape (n_nodes, n_features), float32, an array or SciPy CSR.
    """

    edges: NDArray[np.int64]
    features: Any

    @property
    def n_nodes(self) -> int:
        """Number of nodes; every node has features."""
        return int(self.features.shape[0])

    @property
    def both_ways(self) -> NDArray[np.int64]:
        """Every edge in both directions, shape (2 * n_edges, 2)."""
        return np.concatenate([self.edges, self.edges[:, ::-1]])


def is_random(name: str) -> bool:
    """Whether a graph is made here rather than read."""
    return name.startswith("random-")


def n_random_nodes(name: str) -> int:
    """The number in a name such as "random-30k" or "random-500"."""
    number = name.removeprefix("random-")
    factor = {"k": 10**3, "m": 10**6}.get(number[-1:], 1)
    return int(number.rstrip("km")) * factor


def make(name: str) -> Case:
    """Make or read a graph.

    Raises
    ------
    MissingError
        Its files are missing; the message says what to do.
    """
    if is_random(name):
        return random_case(n_random_nodes(name))
    folder = os.environ.get("VGAE_DATA", "")
    if not folder or not Path(folder).is_dir():
        raise MissingError("VGAE_DATA names no folder with real graphs")
    import vgae

    if name == "dblp":
        graph = dblp(Path(folder) / "attributed" / "dblp.npz")
    elif not (Path(folder) / "planetoid").is_dir():
        raise MissingError("VGAE_DATA has no folder planetoid")
    else:
        graph = vgae.load_dataset(name)
    return Case(graph.edges, graph.features)


def dblp(path: Path) -> Graph:
    """The citation graph, from the pieces of its CSR matrices."""
    from vgae.data.graph import Graph

    if not path.is_file():
        raise MissingError("VGAE_DATA has no attributed/dblp.npz")
    with np.load(path, allow_pickle=False) as pieces:
        adjacency, features = (
            sparse.csr_array(
                tuple(pieces[f"{part}_{name}"] for name in ("data", "indices", "indptr")),
                shape=tuple(pieces[f"{part}_shape"]),
            )
            for part in ("adj", "attr")
        )
    return Graph.from_scipy(adjacency, features=features)


def random_case(n_nodes: int) -> Case:
    """Edges drawn evenly from all pairs, exactly ten a node, and normal features."""
    random = np.random.default_rng(0)
    wanted = EDGES_A_NODE * n_nodes
    codes = np.empty(0, np.int64)
    while codes.size < wanted:
        pairs = np.sort(random.integers(n_nodes, size=(wanted, 2)), axis=1)
        pairs = pairs[pairs[:, 0] < pairs[:, 1]]
        codes = np.unique(np.concatenate([codes, pairs[:, 0] * n_nodes + pairs[:, 1]]))
    # The first ones in order would be the edges of the first nodes.
    codes = np.sort(random.permutation(codes)[:wanted])
    features = random.standard_normal((n_nodes, N_FEATURES), dtype=np.float32)
    return Case(np.stack(np.divmod(codes, n_nodes), axis=1), features)


def prepare(name: str, path: str) -> dict[str, Any]:
    """Make a graph, write it, and say its size."""
    case = make(name)
    parts: dict[str, Any] = {"edges": case.edges}
    if sparse.issparse(case.features):
        matrix = sparse.csr_array(case.features)
        parts |= {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}
        parts["shape"] = np.array(matrix.shape)
    else:
        parts["features"] = case.features
    np.savez(path, **parts)
    return {
        "nodes": case.n_nodes,
        "edges": len(case.edges),
        "features": int(case.features.shape[1]),
        "sparse_features": bool(sparse.issparse(case.features)),
    }


def load(path: str) -> Case:
    """Read what `prepare` wrote."""
    with np.load(path, allow_pickle=False) as parts:
        if "features" in parts:
            return Case(parts["edges"], parts["features"])
        pieces = (parts["data"], parts["indices"], parts["indptr"])
        return Case(parts["edges"], sparse.csr_array(pieces, shape=tuple(parts["shape"])))
