"""Metrics of held-out weights against their definitions, over all pairs of small graphs."""

import numpy as np
import pytest
from scipy.stats import poisson, spearmanr

from vgae.data.graph import Graph
from vgae.data.split import Split, split_edges
from vgae.ground.errors import InputError
from vgae.learning.baselines import baseline
from vgae.learning.judge import check_metric, link_scores, may_be_undefined
from vgae.learning.scores import FactorScores
from vgae.learning.settings import WEIGHT_METRICS
from vgae.learning.weighing import spearman, weight_metrics, weight_report
from vgae.learning.weights import CountMap, ValueMap


def split_of(seed: int = 0, meaning: str = "count") -> Split:
    random = np.random.default_rng(seed)
    pairs = np.unique(np.sort(random.integers(40, size=(300, 2)), axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    weights = random.integers(1, 6, size=len(pairs))
    graph = Graph.from_edges(pairs, n_nodes=40, weights=weights, weight_means=meaning)  # type: ignore[arg-type]
    return split_edges(graph, seed=seed, validation=0.1, test=0.2)


def test_metrics_of_counts_are_the_definition() -> None:
    split = split_of()
    graph, test = split.graph, split.test.positives
    own = np.random.default_rng(1).uniform(0.2, 1.0, size=(40, 1)).astype(np.float32)
    scores = FactorScores(own).with_expected(CountMap(n_edges=split.train.n_edges))
    found = weight_metrics(split, scores)
    factor = graph.n_edges / split.train.n_edges
    every = graph.pair_space.pairs_of(graph.pair_space.every_code())
    others = every[graph.places(every) < 0]
    assert graph.weights is not None
    weights = graph.weights[graph.places(test)]
    rates = [factor * scores.pairs(part).astype(float) for part in (test, others)]
    share = graph.n_edges / len(test)
    total = share * poisson(rates[0]).logpmf(weights).sum() - rates[1].sum()
    assert found["log_likelihood"] == pytest.approx(total / graph.n_edges, rel=1e-6)
    squares = share * ((weights - rates[0]) ** 2).sum() + (rates[1] ** 2).sum()
    assert found["rmse"] == pytest.approx(np.sqrt(squares / len(every)), rel=1e-6)
    assert found["spearman"] == pytest.approx(spearmanr(rates[0], weights)[0], abs=1e-9)


def test_metrics_of_values_are_those_of_test_edges() -> None:
    split = split_of(meaning="value")
    own = np.random.default_rng(1).normal(size=(40, 1)).astype(np.float32)
    scores = FactorScores(own).with_expected(ValueMap(3.0, 1.0, 2.0))
    found = weight_metrics(split, scores)
    graph, test = split.graph, split.test.positives
    assert graph.weights is not None
    rest = graph.weights[graph.places(test)] - 3.0 - scores.pairs(test)
    assert found["rmse"] == pytest.approx(np.sqrt((rest**2).mean()), rel=1e-5)
    density = -0.5 * (rest / 2.0) ** 2 - np.log(2.0 * np.sqrt(2 * np.pi))
    assert found["log_likelihood"] == pytest.approx(density.mean(), rel=1e-5)
    report = weight_report(split, scores)
    assert report is not None
    assert sum(group["edges"] for group in report["deciles"]) == len(test)


def test_the_report_adds_up_and_knows_the_null() -> None:
    split = split_of()
    scores = baseline("strength").fit(split.training)
    report = weight_report(split, scores)
    assert report is not None
    assert report["log_likelihood"] == pytest.approx(report["log_likelihood_of_null"], rel=1e-6)
    for part in ("predicted", "actual"):
        assert sum(one[part] for one in report["deciles"]) == pytest.approx(report[part])
    assert report["ratio"] == pytest.approx(report["predicted"] / report["actual"])
    assert report == weight_report(split, baseline("strength").fit(split.training))


def test_methods_without_expected_weights_have_ranks_alone() -> None:
    split = split_of()
    found = link_scores(split, baseline("katz").fit(split.training), ["auc", *WEIGHT_METRICS])
    assert found["log_likelihood"] is found["rmse"] is None
    assert found["spearman"] is not None
    assert all(may_be_undefined(name) for name in WEIGHT_METRICS)
    with pytest.raises(InputError, match="say nothing of the weights"):
        weight_report(split, baseline("katz").fit(split.training))


def test_ties_and_constants_have_the_ranks_of_scipy() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        first, second = random.integers(4, size=(2, 30))
        assert spearman(first, second) == pytest.approx(spearmanr(first, second)[0])
    assert spearman([1, 1], [2, 3]) is None
    assert spearman([], []) is None


def test_weights_that_are_no_counts_are_refused_or_left_out() -> None:
    split = split_of()
    graph = split.graph
    assert graph.weights is not None
    halves = Graph.from_edges(graph.edges, n_nodes=40, weights=graph.weights / 4.0)
    split = split_edges(halves, seed=0)
    scores = baseline("strength").fit(split.training)
    with pytest.raises(InputError, match=r"the edge \('\d+', '\d+'\) has weight") as caught:
        weight_metrics(split, scores)
    assert "\n" not in str(caught.value)
    assert weight_report(split, scores) is None


def test_metrics_of_weights_are_not_limited_to_types() -> None:
    with pytest.raises(InputError, match="metric rmse.*name it as rmse"):
        check_metric("rmse[user-item]")
