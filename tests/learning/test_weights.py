"""Maps from scores to expected weights, and the pairs that stand for a graph."""

from typing import Any

import numpy as np
import pytest
from graphs import graph_of, random_graph
from scipy.stats import norm, poisson

from vgae.data.graph import Graph
from vgae.data.split import HeldOut, Split, split_edges
from vgae.ground.errors import InputError
from vgae.learning.scores import FactorScores, FunctionScores
from vgae.learning.weights import (
    CountMap,
    ValueMap,
    expected_of_arrays,
    fit_count_map,
    fit_value_map,
    population,
    strengths,
)


def counted(n_nodes: int = 120, seed: int = 0) -> tuple[Graph, Any]:
    """A graph of Poisson counts, and its rates."""
    random = np.random.default_rng(seed)
    own = random.gamma(1.0, 1.0, size=n_nodes)
    rates = 0.5 * np.outer(own, own)
    counts = np.triu(random.poisson(rates), k=1)
    pairs = np.argwhere(counts > 0)
    weights = counts[pairs[:, 0], pairs[:, 1]]
    return Graph.from_edges(pairs, n_nodes=n_nodes, weights=weights, weight_means="count"), own


@pytest.mark.parametrize("kind", ["undirected", "directed", "bipartite", "typed"])
def test_strengths_are_in_proportion_and_add_up_to_the_weights(kind: str) -> None:
    graph = random_graph(24, 0.2, 0) if kind == "undirected" else graph_of(kind, 0)
    source, target = strengths(graph)
    every = graph.pair_space.pairs_of(graph.pair_space.every_code())
    weights = np.ones(graph.n_edges) if graph.weights is None else graph.weights
    total = (source[every[:, 0]] * target[every[:, 1]]).sum()
    assert total == pytest.approx(weights.sum(), rel=1e-6)
    out = np.zeros(graph.n_nodes)
    np.add.at(out, graph.edges[:, 0], weights)
    if not graph.directed:
        np.add.at(out, graph.edges[:, 1], weights)
    assert np.allclose(source * out.sum(), out * source.sum(), rtol=1e-6)


def test_strengths_of_graphs_without_pairs_are_zero() -> None:
    for n_nodes in (0, 1, 3):
        empty = Graph.from_edges(np.empty((0, 2), int), n_nodes=n_nodes)
        assert all((part == 0).all() for part in strengths(empty))


def test_densities_are_those_of_the_distributions() -> None:
    weights, expected = np.array([0.0, 1.0, 7.0]), np.array([0.3, 2.0, 5.0])
    found = CountMap(n_edges=1).log_density(weights, expected)
    np.testing.assert_allclose(found, poisson(expected).logpmf(weights), rtol=1e-12)
    values = ValueMap(0.0, 1.0, 1.7).log_density(weights, expected)
    np.testing.assert_allclose(values, norm(expected, 1.7).logpdf(weights), rtol=1e-12)


def test_extreme_scores_have_finite_counts() -> None:
    graph, _ = counted()
    split = split_edges(graph, seed=0)
    view = split.training
    rates = FunctionScores(lambda pairs: np.where(pairs[:, 0] % 2, 1e4, 0.0), 120)
    made = fit_count_map(view.train, view.known, view.validation, rates, seed=0)
    pairs = np.array([[0, 1], [1, 2]])
    for scores in (np.array([-1e4, 1e4]), np.array([0.0, 1e30])):
        found = made.of(scores, pairs)
        assert np.isfinite(found).all()
        assert (found > 0).all()
        assert np.isfinite(made.log_density(np.array([0.0, 1e4]), found)).all()


def test_a_population_estimates_sums_over_the_graph() -> None:
    graph = random_graph(500, 0.02, 0)
    edges = graph.edges[::10]
    found = population(graph, edges, seed=0)
    assert found.stands_for.sum() == pytest.approx(500 * 499 / 2)
    assert found.stands_for @ found.weights == pytest.approx(graph.n_edges)
    assert found.n_held_out == len(edges)
    assert (graph.places(found.pairs[len(edges) :]) < 0).all()


def test_a_count_map_without_validation_makes_rates_add_up() -> None:
    graph, own = counted()
    scores = FactorScores(np.sqrt(3.0) * own[:, None])  # six times the rates
    made = fit_count_map(graph, graph, HeldOut.nothing(), scores, seed=0)
    every = graph.pair_space.pairs_of(graph.pair_space.every_code())
    total = made.of(scores.pairs(every), every).sum()
    assert graph.weights is not None
    assert total == pytest.approx(graph.weights.sum(), rel=0.05)


def test_a_count_map_undoes_the_share_that_was_held_out() -> None:
    graph, own = counted(300)
    split = split_edges(graph, seed=0, validation=0.3, test=0.1)
    view = split.training
    # What a perfect fit to the training edges would give.
    kept = view.train.n_edges / graph.n_edges
    scores = FactorScores(np.sqrt(0.5 * kept) * own[:, None])
    made = fit_count_map(view.train, view.known, view.validation, scores, seed=0)
    every = graph.pair_space.pairs_of(graph.pair_space.every_code())
    expected = made.for_edges(graph.n_edges).of(scores.pairs(every), every)
    true = 0.5 * own[every[:, 0]] * own[every[:, 1]]
    assert expected.sum() == pytest.approx(true.sum(), rel=0.1)
    high = true > np.quantile(true, 0.8)
    assert expected[high].sum() == pytest.approx(true[high].sum(), rel=0.1)


def test_a_count_map_corrects_rates_that_lie_too_far_apart() -> None:
    graph, own = counted(300)
    split = split_edges(graph, seed=0, validation=0.3, test=0.1)
    view = split.training
    wild = FunctionScores(lambda pairs: (0.5 * own[pairs[:, 0]] * own[pairs[:, 1]]) ** 2, 300)
    made = fit_count_map(view.train, view.known, view.validation, wild, seed=0)
    every = graph.pair_space.pairs_of(graph.pair_space.every_code())
    true = 0.5 * own[every[:, 0]] * own[every[:, 1]]
    expected = made.for_edges(graph.n_edges).of(wild.pairs(every), every)
    order = np.argsort(true)
    for part in np.array_split(order[len(order) // 2 :], 4):
        assert expected[part].sum() == pytest.approx(true[part].sum(), rel=0.15)


def test_a_value_map_is_a_line_near_the_scale_of_training() -> None:
    random = np.random.default_rng(0)
    graph = random_graph(60, 0.5, 0)
    own = random.normal(size=60)
    sums = own[graph.edges].sum(axis=1)
    values = 10.0 + 2.0 * sums + random.normal(scale=0.5, size=graph.n_edges)
    graph = Graph.from_edges(graph.edges, n_nodes=60, weights=values, weight_means="value")
    view = split_edges(graph, seed=0, validation=0.4).training
    scores = FunctionScores(lambda pairs: own[pairs].sum(axis=1), 60)
    made = fit_value_map(view.train, view.known, view.validation, scores, (10.0, 2.0))
    assert made.level == pytest.approx(10.0, abs=0.2)
    assert made.slope == pytest.approx(2.0, abs=0.1)
    assert made.deviation == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize(
    "made",
    [
        CountMap(7),
        CountMap(7, 2.0, (-1.0, 0.5), (0.1, 1.0, 0.2, 0.3, 0.4), np.ones(3), np.arange(3.0)),
        ValueMap(1.0, 2.0, 3.0),
    ],
)
def test_a_map_is_read_back_from_its_arrays(made: CountMap | ValueMap) -> None:
    back = expected_of_arrays(made.arrays(), n_nodes=3)
    scores, pairs = np.array([0.5, 2.0]), np.array([[0, 1], [1, 2]])
    np.testing.assert_array_equal(back.of(scores, pairs), made.of(scores, pairs))


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"count": np.array([1.0])},
        {"count": np.array([0.0, 1.0]), "knots": np.empty(0), "terms": np.array([0.0, 1.0])},
        {"count": np.array([3.0, 1.0]), "knots": np.empty(0), "terms": np.array([np.nan, 1.0])},
        {"count": np.array([3.0, 1.0]), "knots": np.ones(1), "terms": np.array([0.0, 1.0, 0.0])},
        {"value": np.array([1.0, 2.0])},
        {"value": np.array([1.0, 2.0, 0.0])},
        {**CountMap(7, 1.0, (), (0.0, 1.0, 0.0), np.ones(9), np.ones(9)).arrays()},
    ],
)
def test_arrays_of_no_map_are_refused(arrays: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="expected weights"):
        expected_of_arrays(arrays, n_nodes=3)


def test_new_nodes_have_the_mean_strength() -> None:
    made = CountMap(7, 1.0, (), (0.0, 1.0, 0.0), np.array([1.0, 3.0]), np.array([2.0, 2.0]))
    longer = made.with_nodes(2)
    assert longer.source is not None
    assert longer.source.tolist() == [1.0, 3.0, 2.0, 2.0]


def test_a_split_without_validation_or_test_has_a_map() -> None:
    graph, own = counted()
    view = Split.without_holdout(graph).training
    made = fit_count_map(
        view.train, view.known, view.validation, FactorScores(own[:, None]), seed=0
    )
    assert made.n_edges == graph.n_edges
