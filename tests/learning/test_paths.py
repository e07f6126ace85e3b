"""Paths and walks against dense matrices."""

import numpy as np
import pytest
from graphs import random_graph

from vgae.data.graph import Graph
from vgae.learning.paths import LengthThreeScores, WalkScores
from vgae.learning.scores import Scores

GRAPHS = [
    random_graph(40, 0.1, seed=1),
    random_graph(30, 0.04, seed=2),
    # Hubs, in whose links those of other nodes are searched.
    Graph.from_edges(
        [(hub, node) for hub in (0, 1) for node in range(2, 80)]
        + [(node, node + 1) for node in range(2, 79, 2)]
    ),
    Graph.from_edges([], n_nodes=5),
    Graph.from_edges([], n_nodes=1),
]


def check(scores: Scores, expected: np.ndarray) -> None:
    n_nodes = scores.n_nodes
    np.testing.assert_allclose(scores.rows(np.arange(n_nodes)), expected, rtol=1e-5, atol=1e-7)
    pairs = np.stack(np.nonzero(np.ones((n_nodes, n_nodes))), axis=1)
    np.testing.assert_allclose(
        scores.pairs(pairs), expected[pairs[:, 0], pairs[:, 1]], rtol=1e-5, atol=1e-7
    )
    assert scores.pairs(np.empty((0, 2), np.int64)).shape == (0,)


@pytest.mark.parametrize("graph", GRAPHS, ids=str)
def test_paths_of_length_three_are_counted(graph: Graph) -> None:
    adjacency = graph.adjacency.toarray().astype(np.float64)
    scale = np.diag(1 / np.sqrt(np.maximum(adjacency.sum(axis=1), 1)))
    check(LengthThreeScores(graph.adjacency), adjacency @ scale @ adjacency @ scale @ adjacency)


@pytest.mark.parametrize("graph", GRAPHS, ids=str)
def test_walks_are_the_series(graph: Graph) -> None:
    adjacency = graph.adjacency.toarray().astype(np.float64)
    scale = np.diag(1 / np.sqrt(np.maximum(adjacency.sum(axis=1), 1)))
    step = scale @ adjacency @ scale
    series = sum(0.2 * 0.8**k * np.linalg.matrix_power(step, k) for k in range(5))
    check(WalkScores(graph.adjacency, teleport=0.2, n_steps=4), np.asarray(series))
