"""Item kNN against its definition, and against `implicit`."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np
import pytest
from graphs import graph_of, random_graph
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.graph import Graph
from vgae.learning.baselines import baseline
from vgae.learning.baselines import neighbors as room


def by_definition(matrix: NDArray[np.float64], weighted: Any, k: int) -> NDArray[np.float64]:
    """Scores of users and items from a dense matrix, and from the weighted rows of items."""
    alike = weighted @ weighted.T
    np.fill_diagonal(alike, 0.0)
    for row in alike:
        row[np.argsort(-row, kind="stable")[k:]] = 0.0
    scores: NDArray[np.float64] = matrix @ alike
    return scores


def ratings(n_nodes: int = 40) -> tuple[Graph, NDArray[Any], NDArray[Any], NDArray[np.float64]]:
    """A weighted bipartite graph, its users and items, and their matrix."""
    graph = graph_of("bipartite", 0, n_nodes=n_nodes, n_rows=400)
    weights = np.random.default_rng(0).uniform(0.5, 5.0, graph.n_edges)
    graph = graph.with_pairs(graph.edges, weights=weights)
    users, items = (np.flatnonzero(graph.node_types == side) for side in (0, 1))
    return graph, users, items, graph.adjacency.toarray()[np.ix_(users, items)].astype(np.float64)


@pytest.mark.parametrize("k", [1, 3, 100])
def test_scores_are_sums_of_cosines(k: int) -> None:
    graph, users, items, matrix = ratings()
    rows = matrix.T / np.linalg.norm(matrix.T, axis=1, keepdims=True)
    expected = by_definition(matrix, rows, k)
    scores = baseline("item-knn", neighbors=k).fit(graph)
    np.testing.assert_allclose(scores.rows(users)[:, items], expected, rtol=1e-5)
    np.testing.assert_allclose(scores.rows(items)[:, users], expected.T, rtol=1e-5)
    pairs = np.stack(np.meshgrid(users, items, indexing="ij"), axis=-1).reshape(-1, 2)
    np.testing.assert_allclose(scores.pairs(pairs), expected.ravel(), rtol=1e-5)
    np.testing.assert_allclose(scores.pairs(pairs[:, ::-1]), expected.ravel(), rtol=1e-5)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, users, _, _ = ratings()
    whole = baseline("item-knn", neighbors=2).fit(graph).rows(users)
    monkeypatch.setattr(room, "block_rows", lambda *_: 3)
    assert np.array_equal(whole, baseline("item-knn", neighbors=2).fit(graph).rows(users))


def test_in_an_undirected_graph_each_node_is_both() -> None:
    graph = random_graph(30, 0.2, 0)
    dense = graph.adjacency.toarray().astype(np.float64)
    rows = dense / np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-12)
    one = by_definition(dense, rows, 5)
    found = baseline("item-knn", neighbors=5).fit(graph).rows(np.arange(30))
    np.testing.assert_allclose(found, one + one.T, atol=1e-5)


@pytest.mark.parametrize("similarity", ["cosine", "bm25"])
def test_the_package_implicit_computes_the_same(similarity: Literal["cosine", "bm25"]) -> None:
    module = pytest.importorskip("implicit.nearest_neighbours")
    graph, users, items, matrix = ratings()
    k = 7
    # Theirs counts an item as one of its own neighbours.
    model = {
        "cosine": lambda: module.CosineRecommender(K=k + 1, num_threads=1),
        "bm25": lambda: module.BM25Recommender(K=k + 1, K1=1.2, B=0.75, num_threads=1),
    }[similarity]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a conversion of its own
        model.fit(sparse.csr_matrix(matrix), show_progress=False)
    alike = model.similarity.toarray()
    np.fill_diagonal(alike, 0.0)
    found = baseline("item-knn", neighbors=k, similarity=similarity).fit(graph)
    np.testing.assert_allclose(found.rows(users)[:, items], matrix @ alike, rtol=1e-4, atol=1e-6)
