import warnings

import networkx as nx
import numpy as np
import pytest
from graphs import dense, random_graph, vectors_of
from numpy.typing import NDArray

from vgae.data.graph import Graph
from vgae.data.split import split_edges
from vgae.learning.baselines.spectral import Spectral
from vgae.people.api import evaluate


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
    monkeypatch.setattr("vgae.learning.baselines.spectral.MOST_NODES_TO_FACTORIZE", 10)
    np.testing.assert_allclose(
        Spectral(latent_dim=3).fit(graph).rows(np.arange(400)), exact, atol=1e-4 * exact.max()
    )


def test_more_dimensions_than_the_nodes_can_have_are_capped_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    graph = random_graph(20, 0.5, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = Spectral(latent_dim=128).fit(graph)
    assert vectors_of(scores).shape == (20, 19)
    assert "spectral: 19 of 128 dimensions: the graph has 20 nodes" in caplog.text
    caplog.clear()
    assert vectors_of(Spectral(latent_dim=19).fit(graph)).shape == (20, 19)
    assert caplog.text == ""


@pytest.mark.filterwarnings("error")
def test_a_solver_that_fails_is_replaced_without_a_word() -> None:
    novel = nx.convert_node_labels_to_integers(nx.Graph(nx.les_miserables_graph().edges()))
    graph = Graph.from_edges(list(novel.edges()))
    for seed in range(3):  # ARPACK fails with two of these
        split = split_edges(graph, seed=seed)
        vectors = vectors_of(Spectral(latent_dim=32).fit(split, seed=seed))
        assert np.linalg.matrix_rank(vectors) == 32


@pytest.mark.parametrize(
    ("n_nodes", "dim"), [(2, 1), (3, 2), (34, 2), (300, 15), (2559, 127), (2560, 128), (9999, 128)]
)
def test_the_default_dimensions_follow_the_size_of_the_graph(
    n_nodes: int, dim: int, caplog: pytest.LogCaptureFixture
) -> None:
    graph = Graph.from_edges([(0, 1)], n_nodes=n_nodes)
    with caplog.at_level("INFO", "vgae"):
        assert Spectral().on(graph).latent_dim == dim
    said = f"spectral: {dim} dimensions, by default one per 20 nodes"
    assert (said in caplog.text) == (dim < 128)


def test_the_default_beats_chance_on_small_graphs_where_128_dimensions_do_not() -> None:
    groups = np.repeat(np.arange(5), 60)
    source, target = np.triu_indices(300, k=1)
    chance = np.where(groups[source] == groups[target], 0.3, 0.03)
    kept = np.random.default_rng(0).random(source.size) < chance
    graph = Graph.from_edges(np.stack([source[kept], target[kept]], axis=1), n_nodes=300)
    found = evaluate(
        graph, {"default": "spectral", "128": Spectral(latent_dim=128)}, runs=3, metrics="auc"
    )
    default, many = (found.metrics[name]["auc"].mean for name in ("default", "128"))
    assert default is not None
    assert many is not None
    assert default > 0.55
    assert many < 0.4
    assert found.results["default"].settings["latent_dim"] == 15
