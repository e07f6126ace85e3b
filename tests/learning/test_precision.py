from typing import Any

import numpy as np
import pytest
from graphs import random_graph
from scipy.stats import binomtest

from vgae.data.graph import Graph
from vgae.data.split import HeldOut, Split, SplitSettings, TrainingView, split_edges
from vgae.ground.errors import InputError
from vgae.learning.judge import precision_at
from vgae.learning.precision import expected_precision
from vgae.learning.scores import FunctionScores, VectorScores

# A ring of eight with two held-out parts; the score of a pair is what the table says, else 0.
RING = [(i, (i + 1) % 8) for i in range(8)]


def ring_split() -> Split:
    graph = Graph.from_edges(RING)
    return Split(
        graph,
        graph.with_edges(np.array(RING[3:])),
        validation=HeldOut([(0, 1)], [(0, 4)]),
        test=HeldOut([(1, 2), (2, 3)], [(1, 5), (2, 6)]),
        settings=SplitSettings.of_sizes(8, validation=1, test=2),
        seed=0,
    )


def table_scores(table: dict[tuple[int, int], float]) -> FunctionScores:
    return FunctionScores(
        lambda pairs: np.array([table.get((a, b), 0.0) for a, b in pairs.tolist()]), 8
    )


@pytest.mark.parametrize("k", [0, -1, 1.5, True, "3"])
def test_what_is_no_length_of_a_list_is_refused(k: Any) -> None:
    split, scores = ring_split(), table_scores({})
    with pytest.raises(InputError, match=f"k = {k}: must be a whole number, at least 1"):
        expected_precision(split.training, scores, k)


def test_without_open_pairs_there_is_no_precision() -> None:
    full = Graph.from_edges([(0, 1), (0, 2), (1, 2)])
    nothing = Split.without_holdout(full)
    scores = VectorScores(np.ones((3, 1)))
    assert expected_precision(nothing.training, scores, 5) is None


def test_the_interval_is_that_of_the_share_of_validation_edges() -> None:
    random = np.random.default_rng(0)
    graph = random_graph(60, 0.3, seed=1)
    split = split_edges(graph, validation=0.1, seed=0)
    vectors = random.normal(size=(60, 3)).astype(np.float32)
    view, scores, k = split.training, VectorScores(vectors), 200
    n_edges = len(view.validation.positives)
    bar = scores.top(k, view.known)[1][-1]
    hits = int((scores.pairs(view.validation.positives) >= bar).sum())
    assert 0 < hits < n_edges
    interval = binomtest(hits, n_edges).proportion_ci(0.95, method="exact")
    expected = np.array([hits / n_edges, interval.low, interval.high]) * n_edges / k
    assert expected_precision(view, scores, k) == pytest.approx(tuple(expected))
    doubled = expected_precision(view, scores, k, prevalence_factor=2.0)
    assert doubled == pytest.approx(tuple(np.minimum(2 * expected, 1)))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_all_or_no_validation_edges_among_the_best(sign: float) -> None:
    view = ring_split().training
    found = expected_precision(view, table_scores({(0, 1): 9.0 * sign, (0, 2): 5.0}), 1)
    assert found == ((1.0, pytest.approx(0.025), 1.0) if sign > 0 else (0.0, 0.0, 0.975))


def test_the_estimate_is_the_precision_on_average() -> None:
    """Over many splits, validation edges say what share of the best pairs are test edges."""
    graph = random_graph(80, 0.2, seed=3)
    affinity = np.random.default_rng(0).normal(size=(80, 80))
    affinity = affinity + affinity.T + 1.5 * graph.adjacency.toarray()
    scores = FunctionScores(lambda pairs: affinity[pairs[:, 0], pairs[:, 1]], 80)
    actual, estimated, inside = [], [], []
    for seed in range(40):
        split = split_edges(graph, validation=0.1, test=0.2, seed=seed)
        factor = len(split.test.positives) / len(split.validation.positives)
        found = expected_precision(split.training, scores, 50, prevalence_factor=factor)
        assert found is not None
        actual.append(precision_at(split, scores, 50))
        estimated.append(found[0])
        inside.append((found[1], found[2]))
    mean = np.mean(np.array(actual, dtype=float))
    assert np.mean(estimated) == pytest.approx(mean, rel=0.1)
    assert np.mean([low <= mean <= high for low, high in inside]) >= 0.9


def test_a_graph_without_validation_edges_has_no_estimate() -> None:
    view = Split.without_holdout(Graph.from_edges(RING)).training
    assert isinstance(view, TrainingView)
    assert expected_precision(view, table_scores({}), 3) is None


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_factors_of_the_prevalence_are_refused(factor: float) -> None:
    with pytest.raises(InputError, match="must be a positive number"):
        expected_precision(ring_split().training, table_scores({}), 3, prevalence_factor=factor)
