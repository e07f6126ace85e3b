"""Random graphs for property-based tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from vgae.data.graph import Graph
from vgae.learning.scores import Scores


def random_graph(n_nodes: int, density: float, seed: int) -> Graph:
    """An undirected graph with about this density; nodes may be isolated."""
    random = np.random.default_rng(seed)
    source, target = np.triu_indices(n_nodes, k=1)
    kept = random.random(source.size) < density
    return Graph.from_edges(np.stack([source[kept], target[kept]], axis=1), n_nodes=n_nodes)


def random_arcs(n_nodes: int, density: float, seed: int) -> Graph:
    """A directed graph with about this density; nodes may be isolated."""
    random = np.random.default_rng(seed)
    arcs = np.argwhere((random.random((n_nodes, n_nodes)) < density) & ~np.eye(n_nodes, dtype=bool))
    return Graph.from_edges(arcs, n_nodes=n_nodes, directed=True)


def dense(graph: Graph) -> NDArray[np.float64]:
    """The adjacency as a dense array: for tests only."""
    array: NDArray[np.float64] = graph.adjacency.toarray().astype(np.float64)
    return array


def vectors_of(scores: Scores) -> NDArray[np.float32]:
    """The vectors of a method that has some."""
    assert scores.vectors is not None
    return scores.vectors


@st.composite
def graphs(draw: st.DrawFn, min_nodes: int = 1, max_nodes: int = 300) -> Graph:
    """Graphs of any density, from no edge to all."""
    n_nodes = draw(st.integers(min_nodes, max_nodes))
    density = draw(st.sampled_from([0.0, 0.01, 0.1, 0.5, 1.0]))
    return random_graph(n_nodes, density, draw(st.integers(0, 2**16)))


KINDS_OF_GRAPHS = ("directed", "bipartite", "signed", "typed", "typed and directed")


def graph_of(kind: str, seed: int, n_nodes: int = 24, n_rows: int = 90) -> Graph:
    """A random graph of a kind that is not undirected, or with types of nodes."""
    random = np.random.default_rng(seed)
    types = random.integers(3 if "typed" in kind else 2, size=n_nodes)
    rows = random.integers(n_nodes, size=(n_rows, 2))
    rows = rows[rows[:, 0] != rows[:, 1]]
    if kind == "bipartite":
        rows = rows[types[rows[:, 0]] != types[rows[:, 1]]]
    if "typed" in kind:
        first, second = types[rows].T
        rows = rows[(first + second) % 3 > 0]
    by_kind: dict[str, dict[str, Any]] = {
        "directed": {"kind": "directed"},
        "bipartite": {"kind": "bipartite", "node_types": types, "type_names": ("u", "i")},
        "signed": {"kind": "signed", "weights": random.choice([-1.0, np.sqrt(5)], len(rows))},
        "typed": {"node_types": types},
        "typed and directed": {"node_types": types, "kind": "directed"},
    }
    return Graph.from_edges(rows, n_nodes=n_nodes, **by_kind[kind])
