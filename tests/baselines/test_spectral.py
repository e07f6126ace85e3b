import warnings

import numpy as np
import pytest
from graphs import dense, random_graph, vectors_of
from numpy.typing import NDArray

from vgae.baselines import baseline
from vgae.baselines.spectral import Spectral
from vgae.errors import InputError
from vgae.graph import Graph


def reference(graph: Graph, dim: int, tie: float) -> NDArray[np.float64]:
    """Inner products of the embedding, from a dense eigendecomposition of the tied graph."""
    n_nodes = graph.n_nodes
    tied = np.zeros((n_nodes + 1, n_nodes + 1))
    tied[:n_nodes, :n_nodes] = dense(graph) / graph.adjacency.data.mean()
    tied[-1, :n_nodes] = tied[:n_nodes, -1] = tie
    degrees = tied.sum(axis=0)
    _, vectors = np.linalg.eigh(tied / np.sqrt(np.outer(degrees, degrees)))
    chosen = vectors[:n_nodes, ::-1][:, 1 : dim + 1] / np.sqrt(degrees[:n_nodes, None])
    return np.asarray(chosen @ chosen.T)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_a_dense_eigendecomposition(seed: int, weighted: bool) -> None:
    graph = random_graph(60, 0.08, seed)
    if weighted:
        weights = np.random.default_rng(seed).uniform(0.5, 5.0, graph.n_edges)
        graph = Graph.from_edges(graph.edges, weights=weights, n_nodes=60)
    found = Spectral(latent_dim=5).fit(graph, seed=seed).rows(np.arange(60))
    np.testing.assert_allclose(found, reference(graph, 5, 0.5), rtol=1e-3, atol=1e-6)


def test_components_and_isolated_nodes_come_without_a_warning() -> None:
    graph = Graph.from_edges([(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)], n_nodes=9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = Spectral(latent_dim=4).fit(graph)
    inside, across, alone = scores.pairs(np.array([[0, 1], [0, 3], [0, 8]]))
    assert inside > across
    assert inside > alone


@pytest.mark.parametrize("scale", [1e-40, 1e30])
def test_the_unit_of_weights_does_not_matter(scale: float) -> None:
    graph = random_graph(30, 0.2, 0)
    weights = np.full(graph.n_edges, scale, dtype=np.float32)
    scaled = Graph.from_edges(graph.edges, weights=weights, n_nodes=30)
    np.testing.assert_allclose(
        Spectral(latent_dim=3).fit(scaled).rows(np.arange(30)),
        Spectral(latent_dim=3).fit(graph).rows(np.arange(30)),
        rtol=1e-3,
        atol=1e-7,
    )


def test_both_solvers_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = random_graph(400, 0.02, 1)
    exact = Spectral(latent_dim=3).fit(graph).rows(np.arange(400))
    monkeypatch.setattr("vgae.baselines.spectral.MOST_NODES_TO_FACTORIZE", 10)
    np.testing.assert_allclose(
        Spectral(latent_dim=3).fit(graph).rows(np.arange(400)), exact, atol=1e-4 * exact.max()
    )


def test_more_dimensions_than_nodes_is_one_clear_line() -> None:
    graph = random_graph(20, 0.5, 0)
    with pytest.raises(InputError, match="20 nodes cannot have 128 dimensions; ask for fewer than"):
        baseline("spectral").fit(graph)
    assert vectors_of(Spectral(latent_dim=19).fit(graph)).shape == (20, 19)
