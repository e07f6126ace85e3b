"""Propagated features and random projections, against dense definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from graphs import random_graph
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.graph import Graph
from vgae.data.split import split_edges
from vgae.ground.errors import InputError
from vgae.learning.baselines import baseline
from vgae.learning.baselines.propagation import PropagatedFeatures, RandomProjection
from vgae.learning.evaluation import link_scores
from vgae.learning.scores import RowProducts, VectorScores

N = 50
RANDOM = np.random.default_rng(0)
COUNTS = RANDOM.poisson(0.3, size=(N, 12)).astype(np.float32)
COUNTS[7] = 0.0
EDGES = random_graph(N, 0.1, 2).edges


def unit(vectors: NDArray[np.floating]) -> NDArray[np.floating]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1.0)


@pytest.mark.parametrize("sparsely", [True, False])
@pytest.mark.parametrize("weighting", ["none", "idf"])
@pytest.mark.parametrize("similarity", ["dot", "cosine"])
@pytest.mark.parametrize("hops", [0, 1, 3])
def test_propagated_features_are_those_of_the_definition(
    hops: int, similarity: Any, weighting: Any, sparsely: bool
) -> None:
    features = sparse.csr_array(COUNTS) if sparsely else COUNTS
    weights = np.random.default_rng(1).uniform(0.5, 2.0, len(EDGES))
    graph = Graph.from_edges(EDGES, n_nodes=N, weights=weights, features=features)
    with_loops = graph.adjacency.toarray() + np.eye(N)
    scale = 1.0 / np.sqrt(with_loops.sum(axis=1))
    idf = np.log((1 + N) / (1 + (COUNTS > 0).sum(axis=0))) + 1 if weighting == "idf" else 1.0
    vectors = unit(COUNTS * idf)
    for _ in range(hops):
        vectors = scale[:, None] * with_loops * scale @ vectors
    if similarity == "cosine":
        vectors = unit(vectors)
    expected = vectors @ vectors.T
    scores = PropagatedFeatures(hops=hops, similarity=similarity, weighting=weighting).fit(graph)
    assert isinstance(scores, RowProducts if sparsely else VectorScores)
    np.testing.assert_allclose(scores.rows(np.arange(N)), expected, atol=1e-6)
    pairs = np.argwhere(np.ones((N, N), bool))
    np.testing.assert_allclose(scores.pairs(pairs), expected.ravel(), atol=1e-6)


def test_sparse_rows_search_all_pairs_as_dense_ones_do() -> None:
    graph = Graph.from_edges(EDGES, n_nodes=N, features=COUNTS)
    dense = PropagatedFeatures().fit(graph)
    thin = PropagatedFeatures().fit(graph.with_features(sparse.csr_array(COUNTS)))
    for name, arguments in (("top", (20,)), ("partners", (np.array([3, 7]), 4))):
        first, second = (getattr(one, name)(*arguments, graph) for one in (dense, thin))
        np.testing.assert_allclose(first[1], second[1], atol=1e-6)


@pytest.mark.parametrize(("hops", "said"), [(-1, "greater than or equal"), (9, "less than or eq")])
def test_hops_out_of_range_are_one_line(hops: int, said: str) -> None:
    with pytest.raises(InputError, match=f"propagated-features: hops: .*{said}"):
        baseline("propagated-features", hops=hops)


@pytest.mark.parametrize(
    ("name", "auc", "average_precision"), [("cora", 93.1, 93.5), ("citeseer", 95.8, 96.5)]
)
def test_untrained_similarity_has_its_known_figures(
    name: str, auc: float, average_precision: float, request: pytest.FixtureRequest
) -> None:
    graph, found = request.getfixturevalue(name), []
    for seed in range(3):
        split = split_edges(graph, seed=seed)
        scores = baseline("propagated-features").fit(split)
        measured = link_scores(split, scores, metrics=("auc", "average_precision"))
        found.append([measured["auc"], measured["average_precision"]])
    mean = 100 * np.array(found, float).mean(axis=0)
    np.testing.assert_allclose(mean, [auc, average_precision], atol=0.8)


def test_a_random_projection_is_that_of_the_definition() -> None:
    graph = Graph.from_edges(EDGES, n_nodes=N)
    # As many dimensions as nodes: the random columns are a rotation, and drop out of products.
    method = RandomProjection(hops=2, decay=0.3).on(graph)
    assert method.latent_dim == N
    dense = graph.adjacency.toarray().astype(np.float64)
    kernel = np.eye(N) + 0.3 * dense + 0.3**2 * dense @ dense
    expected = unit(kernel)
    found = method.fit(graph, seed=5).rows(np.arange(N))
    np.testing.assert_allclose(found, expected @ expected.T, atol=1e-5)


def test_fewer_dimensions_approximate_the_same_scores() -> None:
    graph = random_graph(400, 0.02, 0)
    whole, few, other = (
        RandomProjection(latent_dim=dim).fit(graph, seed=seed).rows(np.arange(400)).ravel()
        for dim, seed in ((400, 0), (128, 0), (128, 1))
    )
    assert np.corrcoef(whole, few)[0, 1] > 0.8
    assert not np.array_equal(few, other)


def test_scikit_network_gives_the_same_projection() -> None:
    embedding = pytest.importorskip("sknetwork.embedding")
    graph = random_graph(60, 0.12, 3)
    # With a column per node, the random start drops out.
    method = embedding.RandomProjection(60, regularization=0)
    theirs = method.fit_transform(sparse.csr_matrix(graph.adjacency, dtype=float))
    ours = RandomProjection().fit(graph).rows(np.arange(60))
    np.testing.assert_allclose(ours, theirs @ theirs.T, atol=1e-5)
