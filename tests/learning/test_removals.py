"""Scores without single edges and features, against models that encode what is left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from graphs import random_arcs
from numpy.typing import NDArray

from vgae.data.graph import Graph
from vgae.data.split import Split
from vgae.learning.fitted import Fitted
from vgae.learning.fitting import fit
from vgae.learning.removals import LocalRemovals, WholeRemovals, removals_of
from vgae.learning.settings import FitSettings
from vgae.people.api import make_estimator


def sparse_graph(n_nodes: int = 60, *, features: bool = False, weights: bool = False) -> Graph:
    random = np.random.default_rng(4)
    edges = random.integers(n_nodes, size=(2 * n_nodes, 2))
    edges = edges[edges[:, 0] != edges[:, 1]]
    return Graph.from_edges(
        edges,
        n_nodes=n_nodes,
        features=random.normal(size=(n_nodes, 5)) if features else None,
        weights=random.uniform(0.5, 3.0, len(edges)) if weights else None,
    )


def fitted_to(graph: Graph, **settings: object) -> Fitted:
    given = {"steps": 15, "hidden_dim": 8, "latent_dim": 4, **settings}
    return fit(Split.without_holdout(graph), FitSettings.of("vgae", **given))


def from_scratch(fitted: Fitted, graph: Graph, pair: tuple[int, int]) -> float:
    """The score where the network encodes this graph, by no code that is tested here."""
    inputs = None
    if graph.features is not None:
        inputs = fitted.scaling.apply(graph.features)
    network = fitted.network
    with torch.no_grad():
        latent = network.encode(network.prepare(graph, inputs))
        given = network.linked_mean(latent.mean, latent.std())
        return float(network.pair_scores(given, torch.tensor([pair]))[0])


def without(graph: Graph, edge: NDArray[np.int64]) -> Graph:
    return graph.with_edges(graph.edges[(graph.edges != edge).any(axis=1)])


MODELS: dict[str, dict[str, object]] = {
    "gcn": {},
    "one layer": {"layers": 1},
    "three layers": {"layers": 3, "residual": True},
    "linear": {"encoder": "linear", "bias": True},
    "sage": {"encoder": "sage"},
    "appnp": {"encoder": "appnp"},
    "hops": {"encoder": "multi-hop", "latent_dim": 20},
    "offsets": {"offset": "node"},
    "rates": {"likelihood": "bernoulli-poisson"},
    "mlp": {"decoder": "mlp", "objective": "sampled"},
    "distance": {"decoder": "distance"},
}


@pytest.mark.parametrize("weights", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", MODELS)
def test_a_score_without_an_edge_is_that_of_the_graph_without_it(name: str, weights: bool) -> None:
    graph = sparse_graph(weights=weights)
    fitted = fitted_to(graph, **MODELS[name])
    pair = (3, 17)
    removals = removals_of(fitted, pair)
    assert isinstance(removals, LocalRemovals)
    assert removals.score == pytest.approx(float(fitted.scores.pairs([pair])[0]), abs=1e-5)
    edges = removals.candidates
    expected = [from_scratch(fitted, without(graph, edge), pair) for edge in edges]
    np.testing.assert_allclose(removals.without_edges(edges), expected, atol=2e-5)


def test_edges_that_are_no_candidates_bring_no_messages() -> None:
    graph = sparse_graph(200)
    fitted = fitted_to(graph)
    removals = removals_of(fitted, (0, 5))
    assert isinstance(removals, LocalRemovals)
    near = set(map(tuple, removals.candidates.tolist()))
    ends = {node for edge in near for node in edge}
    others = [edge for edge in graph.edges if not set(edge.tolist()) & ends]
    assert 0 < len(near) < graph.n_edges
    assert others
    for edge in others[:20]:
        score = from_scratch(fitted, without(graph, edge), (0, 5))
        assert score == pytest.approx(removals.score, abs=1e-6)


def test_gradients_find_the_edges_that_matter() -> None:
    graph = sparse_graph(120)
    fitted = fitted_to(graph, layers=3)
    removals = removals_of(fitted, (1, 2))
    assert isinstance(removals, LocalRemovals)
    every = np.abs(removals.without_edges(removals.candidates) - removals.score)
    third = len(every) // 3
    kept = np.abs(removals.without_edges(removals.screened(third)) - removals.score)
    assert third >= 10
    assert kept.sum() > 0.6 * every.sum()
    assert kept.sum() > 1.5 * np.abs(
        removals.without_edges(removals.candidates[::3][:third]) - removals.score
    ).sum()  # fmt: skip


@pytest.mark.parametrize("encoder", ["gcn", "linear", "sage", "appnp"])
def test_a_score_without_a_feature_is_that_of_nodes_without_it(encoder: str) -> None:
    graph = sparse_graph(features=True)
    fitted = fitted_to(graph, encoder=encoder, features="raw")
    pair = (3, 17)
    removals = removals_of(fitted, pair)
    assert isinstance(removals, LocalRemovals)
    used = removals.used_inputs
    assert sorted(used.tolist()) == [0, 1, 2, 3, 4]
    found = removals.without_inputs(used)
    for feature, score in zip(used, found, strict=True):
        changed = np.array(graph.features)
        changed[list(pair), feature] = 0.0
        expected = from_scratch(fitted, graph.with_features(changed), pair)
        assert score == pytest.approx(expected, abs=2e-5)


def test_nodes_without_edges_and_pairs_of_one_node() -> None:
    graph = Graph.from_edges([(0, 1), (1, 2)], n_nodes=5)
    fitted = fitted_to(graph)
    alone = removals_of(fitted, (3, 4))
    assert isinstance(alone, LocalRemovals)
    assert alone.candidates.shape == (0, 2)
    assert alone.without_edges(alone.screened(5)).shape == (0,)
    twice = removals_of(fitted, (1, 1))
    assert isinstance(twice, LocalRemovals)
    expected = [from_scratch(fitted, without(graph, edge), (1, 1)) for edge in twice.candidates]
    np.testing.assert_allclose(twice.without_edges(twice.candidates), expected, atol=1e-5)


def test_a_directed_graph_is_encoded_again() -> None:
    graph = random_arcs(40, density=0.1, seed=3)
    fitted = make_estimator("vgae", preset="digae", steps=5).fit(graph).fitted_
    assert isinstance(fitted, Fitted)
    removals = removals_of(fitted, (0, 7))
    assert isinstance(removals, WholeRemovals)
    edges = removals.candidates[:3]
    expected = [from_scratch(fitted, without(graph, edge), (0, 7)) for edge in edges]
    np.testing.assert_allclose(removals.without_edges(edges), expected, atol=1e-5)


def test_what_is_missing_is_said() -> None:
    graph = sparse_graph(weights=True)
    fitted = fitted_to(graph)
    bare = Graph.from_edges(graph.edges, n_nodes=graph.n_nodes)
    stored = replace(fitted, split=replace(fitted.split, graph=bare, train=bare))
    assert "edge weights; give the graph" in str(removals_of(stored, (0, 1)))
    graph = sparse_graph(features=True)
    fitted = fitted_to(graph, encoder="gcn", features="raw")
    bare = graph.with_features(None)
    split = replace(fitted.split, graph=bare, train=bare)
    assert isinstance(removals_of(replace(fitted, split=split), (0, 1)), LocalRemovals)
    older = replace(fitted, split=split, states=None)
    assert "node features; give the graph" in str(removals_of(older, (0, 1)))


def test_the_number_of_removals_falls_with_the_work_of_one() -> None:
    fitted = fitted_to(sparse_graph())
    local, whole = LocalRemovals(fitted, (0, 1)), WholeRemovals(fitted, (0, 1))
    assert (local.most, whole.most) == (100, 100)
    large = sparse_graph(60_000)
    fitted = fitted_to(large, steps=1)
    assert WholeRemovals(fitted, (0, 1)).most == 0
