"""Alternating least squares, against dense normal equations and against `implicit`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from graphs import graph_of, random_graph
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from vgae.data.graph import Graph
from vgae.data.split import split_edges
from vgae.ground.config import stream_seed
from vgae.learning.baselines import als, baseline
from vgae.learning.baselines.als import Als
from vgae.learning.evaluation import link_scores

Dense = NDArray[np.float64]


def by_definition(graph: Graph, settings: Als, seed: int, turns: int) -> Dense:
    """Scores of all pairs, each node solved exactly from its dense normal equations."""
    present = graph.adjacency.toarray() > 0
    weights = graph.adjacency.toarray() / graph.adjacency.data.mean(dtype=np.float64)
    assert settings.confidence is not None
    assert settings.regularization is not None
    extra, dim = settings.confidence * weights, settings.latent_dim
    assert dim is not None
    random = np.random.default_rng(stream_seed(seed, "als"))
    second = als.START * random.standard_normal((graph.n_nodes, dim), dtype=np.float32)
    vectors = [np.zeros((graph.n_nodes, dim)), second.astype(np.float64)]
    for turn in range(2 * turns):
        other = vectors[1 - turn % 2]
        for node in range(graph.n_nodes):
            sure = 1.0 + extra[node]
            left = (other.T * sure) @ other + settings.regularization * np.eye(dim)
            vectors[turn % 2][node] = np.linalg.solve(left, other.T @ (sure * present[node]))
    scores: Dense = vectors[0] @ vectors[1].T + vectors[1] @ vectors[0].T
    return scores


@pytest.mark.parametrize("weighted", [False, True])
def test_the_vectors_solve_the_normal_equations(weighted: bool) -> None:
    assert als.STEPS == 3  # with as many dimensions, conjugate gradients are exact
    edges = random_graph(25, 0.2, 1).edges
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(edges)) if weighted else None
    graph = Graph.from_edges(edges, n_nodes=26, weights=weights)  # one isolated
    settings = Als(latent_dim=3, iterations=2, regularization=2.0, confidence=10.0)
    scores = settings.fit(graph, seed=4)
    expected = by_definition(graph, settings, 4, 2)
    np.testing.assert_allclose(scores.rows(np.arange(26)), expected, atol=1e-3)
    assert not scores.rows([25]).any()


def test_a_few_steps_come_close_to_the_solution() -> None:
    graph = random_graph(40, 0.2, 1)
    settings = Als(latent_dim=6, iterations=60, regularization=2.0, confidence=10.0)
    expected = by_definition(graph, settings, 0, 60)
    np.testing.assert_allclose(settings.fit(graph).rows(np.arange(40)), expected, atol=0.02)


def test_any_number_of_threads_gives_the_same_bits() -> None:
    graph = random_graph(3000, 0.01, 0)
    method = Als(latent_dim=16, iterations=2)
    several, threads = method.fit(graph).vectors, torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        one = method.fit(graph).vectors
    finally:
        torch.set_num_threads(threads)
    assert several is not None
    assert one is not None
    assert np.array_equal(several, one)


def test_it_finds_communities() -> None:
    random, n_nodes = np.random.default_rng(0), 300
    pairs = np.argwhere(np.triu(random.random((n_nodes, n_nodes)), 1) > 0.5)
    same = pairs[:, 0] % 6 == pairs[:, 1] % 6
    kept = random.random(len(pairs)) < np.where(same, 0.4, 0.02)
    split = split_edges(Graph.from_edges(pairs[kept], n_nodes=n_nodes), seed=0)
    auc = {
        name: link_scores(split, baseline(name).fit(split))["auc"]
        for name in ("als", "resource-allocation", "degree")
    }
    assert (auc["als"] or 0) > 0.8
    assert (auc["als"] or 0) > (auc["degree"] or 1) + 0.2


@pytest.mark.parametrize("weighted", [False, True])
def test_a_bipartite_graph_is_a_matrix_of_users_and_items(weighted: bool) -> None:
    graph = graph_of("bipartite", 0)
    if weighted:
        weights = np.random.default_rng(0).uniform(0.5, 2.0, graph.n_edges)
        graph = graph.with_pairs(graph.edges, weights=weights)
    settings = Als(latent_dim=3, iterations=2, regularization=2.0, confidence=10.0)
    users, items = (np.flatnonzero(graph.node_types == side) for side in (0, 1))
    matrix = graph.adjacency.toarray()[np.ix_(users, items)].astype(np.float64)
    sure = 1.0 + 10.0 * matrix / matrix[matrix > 0].mean()
    random = np.random.default_rng(stream_seed(4, "als"))
    start = als.START * random.standard_normal((graph.n_nodes, 3), dtype=np.float32)
    x, y = np.zeros((len(users), 3)), start[items].astype(np.float64)
    for _ in range(2):
        for own, other, extra in ((x, y, sure), (y, x, sure.T)):
            present = extra > 1.0
            for row in range(len(own)):
                left = (other.T * extra[row]) @ other + 2.0 * np.eye(3)
                own[row] = np.linalg.solve(left, other.T @ (extra[row] * present[row]))
    scores = settings.fit(graph, seed=4)
    np.testing.assert_allclose(scores.rows(users)[:, items], x @ y.T, atol=1e-3)


def test_pairs_that_types_rule_out_do_not_count() -> None:
    graph = graph_of("typed", 0)
    settings = Als(latent_dim=3, iterations=1, regularization=2.0, confidence=10.0)
    random = np.random.default_rng(stream_seed(0, "als"))
    second = als.START * random.standard_normal((24, 3), dtype=np.float32).astype(np.float64)
    first, present = np.zeros((24, 3)), graph.adjacency.toarray() > 0
    possible = graph.pair_space.possible(np.arange(24))
    assert possible is not None
    for own, other in ((first, second), (second, first)):
        for node in range(24):
            sure = possible[node] + 10.0 * present[node]
            left = (other.T * sure) @ other + 2.0 * np.eye(3)
            own[node] = np.linalg.solve(left, other.T @ (sure * present[node]))
    expected = first @ second.T + second @ first.T
    np.testing.assert_allclose(settings.fit(graph).rows(np.arange(24)), expected, atol=1e-3)


def test_the_package_implicit_finds_the_same_on_a_bipartite_graph() -> None:
    module = pytest.importorskip("implicit.cpu.als")
    graph = graph_of("bipartite", 0, n_nodes=60, n_rows=600)
    users, items = (np.flatnonzero(graph.node_types == side) for side in (0, 1))
    matrix = sparse.csr_matrix(graph.adjacency[users][:, items])
    with threadpool_limits(1, "blas"):
        theirs = module.AlternatingLeastSquares(
            1, regularization=2.0, alpha=11.0, iterations=100, random_state=0, num_threads=1
        )
        theirs.fit(matrix, show_progress=False)
    # With one dimension there is one best solution.
    settings = Als(latent_dim=1, iterations=100, regularization=2.0, confidence=10.0)
    ours = settings.fit(graph).rows(users)[:, items]
    np.testing.assert_allclose(ours, theirs.user_factors @ theirs.item_factors.T, atol=1e-3)


def test_the_package_implicit_is_no_better() -> None:
    module = pytest.importorskip("implicit.cpu.als")
    graph = random_graph(40, 0.2, 1)
    with threadpool_limits(1, "blas"):  # or it warns
        theirs = module.AlternatingLeastSquares(
            3, regularization=2.0, alpha=11.0, iterations=30, random_state=0, num_threads=1
        )
        theirs.fit(sparse.csr_matrix(graph.adjacency), show_progress=False)
    x, y = theirs.user_factors, theirs.item_factors
    settings = Als(latent_dim=3, iterations=30, regularization=2.0, confidence=10.0)
    ours = settings.fit(graph)
    assert ours.vectors is not None

    def loss(x: NDArray[np.float32], y: NDArray[np.float32]) -> float:
        present = graph.adjacency.toarray()
        squares = (1 + 10.0 * present) * (present - x @ y.T) ** 2
        return float(squares.sum() + 2.0 * (np.square(x).sum() + np.square(y).sum()))

    assert loss(*np.hsplit(ours.vectors, 2)) <= 1.02 * loss(x, y)
