"""The generalised SVD, against its definition and against scikit-network."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from graphs import random_graph
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.graph import Graph
from vgae.learning.baselines import factorization
from vgae.learning.baselines.als import Als
from vgae.learning.baselines.factorization import Gsvd

GRAPH = random_graph(60, 0.12, 3)


def by_definition(adjacency: NDArray[np.float64], dim: int) -> NDArray[np.float64]:
    """Inner products of the embedding, by a dense singular value decomposition."""
    degrees = adjacency.sum(axis=1)
    scale = np.where(degrees > 0, 1 / np.sqrt(np.maximum(degrees, 1e-300)), 0.0)
    left, values, _ = np.linalg.svd(scale[:, None] * adjacency * scale)
    vectors = scale[:, None] * left[:, :dim] * values[:dim]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = vectors / np.where(lengths > 0, lengths, 1.0)
    inner: NDArray[np.float64] = vectors @ vectors.T
    return inner


@pytest.mark.parametrize("weighted", [False, True])
def test_the_embedding_is_that_of_the_definition(
    weighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(factorization, "TOLERANCE", 1e-10)
    weights = np.random.default_rng(0).uniform(0.5, 2.0, GRAPH.n_edges) if weighted else None
    graph = Graph.from_edges(GRAPH.edges, n_nodes=61, weights=weights)  # one isolated
    scores = Gsvd(latent_dim=8).fit(graph)
    expected = by_definition(graph.adjacency.toarray().astype(np.float64), 8)
    np.testing.assert_allclose(scores.rows(np.arange(61)), expected, atol=1e-4)
    assert not scores.rows([60]).any()


def test_scikit_network_gives_the_same_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factorization, "TOLERANCE", 1e-10)
    embedding = pytest.importorskip("sknetwork.embedding")
    theirs = embedding.GSVD(8).fit_transform(sparse.csr_matrix(GRAPH.adjacency, dtype=float))
    ours = Gsvd(latent_dim=8).fit(GRAPH).rows(np.arange(60))
    np.testing.assert_allclose(ours, theirs @ theirs.T, atol=1e-5)


def test_seeds_change_the_start_alone() -> None:
    pairs = np.array([(0, 1), (5, 9)])
    first, second, again = (Gsvd(latent_dim=5).fit(GRAPH, seed=s).pairs(pairs) for s in (0, 1, 0))
    np.testing.assert_allclose(first, second, atol=1e-2)
    assert np.array_equal(first, again)


def test_more_components_than_dimensions_are_no_error() -> None:
    triangles = [(3 * k + i, 3 * k + (i + 1) % 3) for k in range(30) for i in range(3)]
    scores = Gsvd(latent_dim=5).fit(Graph.from_edges(triangles))
    assert np.isfinite(scores.rows(np.arange(90))).all()


@pytest.mark.parametrize(("method", "most", "name"), [(Gsvd(), 128, "gsvd"), (Als(), 64, "als")])
def test_the_default_dimensions_follow_the_graph_and_are_said(
    method: Gsvd | Als, most: int, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "vgae"):
        assert method.on(Graph.from_edges([(0, 1)], n_nodes=300)).latent_dim == 15
        assert f"{name}: 15 dimensions, by default one per 20 nodes" in caplog.text
        caplog.clear()
        assert method.on(Graph.from_edges([(0, 1)], n_nodes=5000)).latent_dim == most
        assert caplog.text == ""
