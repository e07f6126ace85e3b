"""The degree-corrected null of counts against its formula."""

import numpy as np
import pytest
from graphs import graph_of, random_graph

from vgae.data.graph import Graph
from vgae.learning.baselines.strength import Strength
from vgae.learning.weights import strengths


def test_scores_are_products_of_strengths_over_the_total() -> None:
    random = np.random.default_rng(0)
    graph = random_graph(30, 0.3, 0)
    weights = random.integers(1, 9, size=graph.n_edges)
    graph = Graph.from_edges(graph.edges, n_nodes=30, weights=weights)
    scores = Strength().fit(graph)
    strength = np.zeros(30)
    for side in (0, 1):
        np.add.at(strength, graph.edges[:, side], weights)
    pairs = np.stack(np.triu_indices(30, k=1), axis=1)
    products = strength[pairs].prod(axis=1)
    expected = products * weights.sum() / products.sum()
    np.testing.assert_allclose(scores.pairs(pairs), expected, rtol=1e-5)
    assert scores.expected is not None
    np.testing.assert_allclose(scores.expected.of(scores.pairs(pairs), pairs), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", ["directed", "bipartite", "typed", "typed and directed"])
def test_other_kinds_have_the_same_strengths(kind: str) -> None:
    graph = graph_of(kind, 0)
    source, target = strengths(graph)
    pairs = graph.edges
    found = Strength().fit(graph).pairs(pairs)
    np.testing.assert_allclose(found, source[pairs[:, 0]] * target[pairs[:, 1]], rtol=1e-5)
