"""One contract for every method that `evaluate` compares: auto-encoders and baselines."""

from typing import Any

import numpy as np
import pytest
from graphs import random_graph

from vgae.api import METHODS, Candidate, candidates
from vgae.baselines import BASELINES, baseline
from vgae.errors import InputError
from vgae.estimators import MODELS
from vgae.evaluation import link_scores
from vgae.graph import Graph
from vgae.split import HeldOut, Split, split_edges

HEURISTICS = (
    "common-neighbors",
    "adamic-adar",
    "resource-allocation",
    "preferential-attachment",
    "katz",
    "pagerank",
)
QUICK: dict[str, Any] = {"latent_dim": 1, "steps": 5, "epochs": 2}


def with_features(graph: Graph) -> Graph:
    random = np.random.default_rng(0)
    return graph.with_features(random.integers(2, size=(graph.n_nodes, 6)).astype(np.float32))


GRAPHS = {
    "undirected": random_graph(40, 0.15, 0),
    "disconnected": Graph.from_edges([(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)]),
    "isolated nodes": Graph.from_edges([(1, 2), (2, 4), (4, 1), (4, 5)], n_nodes=9),
    "one edge": Graph.from_edges([(0, 1)]),
    "weighted": Graph.from_edges([(0, 1), (1, 2), (2, 3), (3, 0)], weights=[0.1, 1.0, 9.0, 1e3]),
    "complete": random_graph(12, 1.0, 0),
}


def candidate(name: str) -> Candidate:
    fields = BASELINES[name].model_fields if name in BASELINES else {"latent_dim", "steps"}
    overrides = {key: value for key, value in QUICK.items() if key in fields}
    return candidates([name], overrides=overrides)[name]


def test_the_contract_runs_over_every_method() -> None:
    assert set(METHODS) == set(MODELS) | set(BASELINES)


@pytest.mark.parametrize("kind", GRAPHS)
@pytest.mark.parametrize("name", METHODS)
def test_scores_every_pair_of_any_graph(name: str, kind: str) -> None:
    graph = with_features(GRAPHS[kind])
    method = candidate(name)
    method = method.on(graph)
    view = Split.without_holdout(graph).training
    scores = method.method(view, 3)
    n_nodes = graph.n_nodes
    assert scores.n_nodes == n_nodes
    pairs = np.array([(i, j) for i in range(n_nodes) for j in range(n_nodes) if i != j])
    found = scores.pairs(pairs)
    assert found.shape == (len(pairs),)
    assert np.isfinite(found).all()
    # Both directions and both ways of asking agree.
    close: Any = {"rtol": 1e-4, "atol": 1e-6 * max(1.0, float(np.abs(found).max()))}
    np.testing.assert_allclose(scores.pairs(pairs[:, ::-1].copy()), found, **close)
    rows = scores.rows(np.arange(n_nodes))
    np.testing.assert_allclose(rows[pairs[:, 0], pairs[:, 1]], found, **close)
    assert scores.pairs(np.empty((0, 2), dtype=np.int64)).shape == (0,)
    if scores.vectors is not None:
        assert scores.vectors.shape == (n_nodes, 1)
        assert scores.vectors.dtype == np.float32
    assert np.array_equal(method.method(view, 3).pairs(pairs), found)


@pytest.mark.parametrize("name", METHODS)
def test_pairs_are_checked_whatever_gives_the_scores(name: str) -> None:
    view = Split.without_holdout(with_features(GRAPHS["weighted"])).training
    scores = candidate(name).method(view, 0)
    for pairs in ([[-1, 0]], [[0, 4]], [[[0, 1]]], [[0, 1, 2], [1, 2, 3]], [[0.0, 1.0]]):
        with pytest.raises(InputError, match="^pairs"):
            scores.pairs(pairs)
    with pytest.raises(InputError, match="^rows"):
        scores.rows([-1])
    assert scores.pairs(np.array([[0, 1]], dtype=np.uint16)).shape == (1,)


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_takes_a_split_and_sees_its_view_alone(name: str) -> None:
    graph = with_features(GRAPHS["undirected"])
    split = split_edges(graph, seed=0, validation=0.1, test=0.1, protocol="TV")
    settings = {key: value for key, value in QUICK.items() if key in BASELINES[name].model_fields}
    made, rows = baseline(name, **settings), np.arange(graph.n_nodes)
    expected = candidate(name).method(split.training, 0).rows(rows)
    for data in (split, split.training):
        assert np.array_equal(made.fit(data).rows(rows), expected)
    with pytest.raises(InputError, match="cannot make a graph of int"):
        made.fit(7)


@pytest.mark.parametrize("name", METHODS)
def test_takes_a_graph_without_features_or_says_that_it_needs_some(name: str) -> None:
    graph, method = GRAPHS["undirected"], candidate(name)
    if method.reads_features(graph):
        with pytest.raises(InputError, match=f"{name}: learns from node features and the graph"):
            method.on(graph)
    else:
        assert np.isfinite(
            method.method(Split.without_holdout(graph).training, 0).rows(np.arange(3))
        ).all()


@pytest.mark.parametrize("protocol", ["T", "TV"])
@pytest.mark.parametrize("name", METHODS)
def test_nothing_held_out_is_reached(name: str, protocol: Any) -> None:
    graph = with_features(GRAPHS["undirected"])
    split = split_edges(graph, seed=0, test=0.2, validation=0.1, protocol=protocol)
    # A graph with other test edges, where the true ones are none, must give the same scores.
    kept = np.concatenate([split.train.edges, split.validation.positives, split.test.negatives])
    other = Graph.from_edges(kept, n_nodes=graph.n_nodes, features=graph.features)
    swapped = HeldOut(split.test.negatives, split.test.positives)
    train = other.with_edges(split.train.edges)
    blind = Split(other, train, split.validation, swapped, split.settings, split.seed)
    first, second = (
        candidate(name).method(one.training, 0).rows(np.arange(graph.n_nodes))
        for one in (split, blind)
    )
    assert np.array_equal(first, second)
    assert set(link_scores(split, candidate(name).method(split.training, 0))) >= {"auc", "mrr"}


@pytest.mark.parametrize("name", METHODS)
def test_an_empty_training_graph_is_one_clear_line(name: str) -> None:
    empty = with_features(Graph.from_edges(np.empty((0, 2), dtype=np.int64), n_nodes=5))
    with pytest.raises(InputError, match="the training graph has no edges"):
        candidate(name).method(Split.without_holdout(empty).training, 0)


@pytest.mark.parametrize("name", METHODS)
def test_a_directed_graph_is_one_clear_line(name: str) -> None:
    graph = with_features(Graph.from_edges([(0, 1), (1, 2)], directed=True))
    with pytest.raises(InputError, match="directed"):
        candidate(name).method(Split.without_holdout(graph).training, 0)


@pytest.mark.parametrize("name", [name for name in METHODS if name != "vae"])
def test_who_reads_the_protocols_messages(name: str, karate: Graph) -> None:
    plain = split_edges(karate, seed=0, validation=0.2)
    more = split_edges(karate, seed=0, validation=0.2, protocol="TV")
    assert np.array_equal(plain.train.edges, more.train.edges)
    first, second = (
        candidate(name).method(split.training, 0).rows(np.arange(34)) for split in (plain, more)
    )
    # Vectors that are what was trained know the training edges alone, under both.
    assert np.array_equal(first, second) == (name in ("spectral", "deepwalk"))
    if name in HEURISTICS:
        whole = Split.without_holdout(more.message_graph()).training
        assert np.array_equal(second, candidate(name).method(whole, 0).rows(np.arange(34)))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"methods": ["vgea"]}, "unknown method 'vgea': did you mean 'vgae'"),
        ({"methods": ["gae"], "overrides": {"window": 5}}, "window: gae has no such setting"),
        ({"methods": ["gae"], "settings": {"katz": {}}}, "settings of katz: it is not among"),
        (
            {"methods": ["katz"], "settings": {"katz": {"beta": 1}}},
            "unknown setting of katz 'beta'",
        ),
        ({"methods": ["katz"], "settings": {"katz": {"attenuation": 2.0}}}, "katz: attenuation: "),
        ({"methods": ["deepwalk"], "settings": {"deepwalk": {"p": 0.0}}}, "deepwalk: p: "),
        ({"methods": ["spectral"], "settings": {"spektral": {}}}, "unknown method 'spektral'"),
        ({"methods": ["deepwalk"], "settings": {"deepwalk": {"p": 1e9}}}, "less than or equal"),
        (
            {"methods": ["deepwalk"], "settings": {"deepwalk": {"window": 10**20}}},
            "less than or eq",
        ),
        ({"methods": ["sdne"], "overrides": {"hidden_dim": 10**14}}, "sdne: hidden_dim: "),
        ({"methods": ["gae"], "overrides": {"latent_dim": 10**14}}, "network.latent_dim: "),
    ],
)
def test_names_and_settings_are_checked_before_any_work(
    arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        candidates(**arguments)


def test_a_setting_goes_to_every_method_that_has_it() -> None:
    made = candidates(["gae", "spectral", "katz"], overrides={"latent_dim": 7})
    assert made["gae"].settings["latent_dim"] == made["spectral"].settings["latent_dim"] == 7
    assert made["katz"].overrides == {}
