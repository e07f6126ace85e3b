"""STRAP by its definition, dense."""

import numpy as np
import pytest
from graphs import dense, random_arcs, random_graph, vectors_of
from numpy.typing import NDArray

from vgae.data.graph import Graph
from vgae.learning.baselines import baseline


def walks(arcs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities that walks of up to eight steps end at each node."""
    degrees = arcs.sum(axis=1, keepdims=True)
    step = arcs / np.where(degrees > 0, degrees, 1.0)
    here, found = np.eye(len(arcs)), 0.5 * np.eye(len(arcs))
    for _ in range(8):
        here = 0.5 * here @ step
        found = found + 0.5 * here
    return found


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_the_leading_singular_vectors_of_the_definition(seed: int) -> None:
    graph = random_arcs(40, 0.12, seed)
    arcs, threshold = dense(graph), 1e-5
    near = walks(arcs) + walks(arcs.T).T
    matrix = np.log(np.maximum(2.0 * near / threshold, 1.0))
    left, values, right = np.linalg.svd(matrix)
    best = (left[:, :30] * values[:30]) @ right[:30]
    found = baseline("strap", latent_dim=30).fit(graph).rows(np.arange(40))
    # Probabilities below the threshold are cut off along the way, and so hardly any.
    assert np.linalg.norm(found - best) < 0.02 * np.linalg.norm(best)


def test_an_arc_scores_above_its_reverse() -> None:
    arcs = [(i, (i + step) % 30) for i in range(30) for step in (1, 2)]
    graph = Graph.from_edges(arcs, directed=True)
    scores = baseline("strap", latent_dim=25).fit(graph)
    assert (scores.pairs(graph.edges) > scores.pairs(graph.edges[:, ::-1])).mean() > 0.9


def test_both_directions_of_an_undirected_pair_score_the_same() -> None:
    graph = random_graph(40, 0.15, 0)
    rows = baseline("strap", latent_dim=8).fit(graph).rows(np.arange(40))
    np.testing.assert_allclose(rows, rows.T, rtol=1e-5)


def test_the_seed_alone_decides() -> None:
    graph = random_arcs(60, 0.1, 0)
    first, same = (vectors_of(baseline("strap").fit(graph, seed=3)) for _ in range(2))
    assert np.array_equal(first, same)
