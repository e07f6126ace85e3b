"""Curves against scikit-learn's, intervals that cover, and bins that lean to no side."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_auc_score

from vgae.data.graph import Graph
from vgae.data.split import split_edges
from vgae.ground.errors import InputError
from vgae.learning import diagnostics
from vgae.learning.judge import full_average_precision
from vgae.people.api import VGAE


def scores(seed: int, n: int = 300, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    edges, others = random.normal(1.0, 1.0, n), random.normal(0.0, 1.0, 2 * n)
    return (edges.round(1), others.round(1)) if ties else (edges, others)


@pytest.mark.parametrize("ties", [False, True])
def test_curves_are_those_of_scikit_learn(ties: bool) -> None:
    edges, others = scores(0, ties=ties)
    labels = np.repeat([1, 0], [len(edges), len(others)])
    every = np.concatenate([edges, others])
    roc = diagnostics.roc_curve(edges, others)
    assert auc(roc.x, roc.y) == pytest.approx(roc_auc_score(labels, every), abs=1e-12)
    precision, recall, _ = precision_recall_curve(labels, every)
    curve = diagnostics.precision_recall_curve(edges, others)
    np.testing.assert_allclose(curve.x, recall[:-1][::-1])
    np.testing.assert_allclose(curve.y, precision[:-1][::-1])
    area = float((np.diff(curve.x, prepend=0) * curve.y).sum())
    assert area == pytest.approx(average_precision_score(labels, every), abs=1e-12)


def test_a_prevalence_counts_every_other_pair_as_often_as_it_stands_for() -> None:
    edges, others = scores(1)
    given = diagnostics.precision_recall_curve(edges, others)
    same = diagnostics.precision_recall_curve(edges, others, others_per_edge=2.0)
    repeated = diagnostics.precision_recall_curve(edges, np.repeat(others, 5), others_per_edge=10.0)
    rare = diagnostics.precision_recall_curve(edges, others, others_per_edge=10.0)
    np.testing.assert_allclose(given.y, same.y)
    np.testing.assert_allclose(repeated.y, rare.y)
    assert rare.y[-1] == pytest.approx(1 / 11)


def test_the_curve_among_all_open_pairs_has_the_full_average_precision(ring: Graph) -> None:
    split = split_edges(ring, validation=0.1, test=0.2, seed=3)
    model = VGAE(steps=10, latent_dim=4).fit(split)
    curve = diagnostics.precision_recall_among(model.scores(), split.test.positives, split.graph)
    area = float((np.diff(curve.x, prepend=0) * curve.y).sum())
    assert area == pytest.approx(full_average_precision(split, model.scores()), abs=1e-9)


@pytest.mark.parametrize("empty", [0, 1])
def test_no_curve_without_pairs(empty: int) -> None:
    given = [[1.0], [0.0]]
    given[empty] = []
    with pytest.raises(InputError, match="need scores of edges and of pairs"):
        diagnostics.roc_curve(*given)


def test_intervals_contain_the_metric_and_narrow_with_more_pairs() -> None:
    widths = []
    for n in (50, 800):
        edges, others = scores(2, n)
        labels = np.repeat([1, 0], [len(edges), len(others)])
        every = np.concatenate([edges, others])
        found = diagnostics.bootstrap_intervals(edges, others, seed=1)
        assert found == diagnostics.bootstrap_intervals(edges, others, seed=1)
        for name, metric in (
            ("auc", roc_auc_score),
            ("average_precision", average_precision_score),
        ):
            low, high = found[name]
            assert low < metric(labels, every) < high
        widths.append(found["auc"][1] - found["auc"][0])
    assert widths[1] < widths[0] / 2


def test_intervals_of_the_auc_cover_the_truth_about_as_often_as_they_say() -> None:
    truth = 0.7602499389065233  # of two normal distributions one apart: Phi(1 / sqrt(2))
    covered = 0
    for seed in range(200):
        low, high = diagnostics.bootstrap_intervals(*scores(seed, 60), n_resamples=300)["auc"]
        covered += low <= truth <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_resamples_of_many_pairs_are_drawn_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    edges, others = scores(4, 40)
    whole = diagnostics.bootstrap_intervals(edges, others, n_resamples=40)
    monkeypatch.setattr(diagnostics, "AT_ONCE", 7 * 120)
    pieces = diagnostics.bootstrap_intervals(edges, others, n_resamples=40)
    assert pieces["auc"] == pytest.approx(whole["auc"], abs=0.05)


def test_bins_by_degree_average_to_the_whole() -> None:
    edges, others = scores(5, ties=True)
    degrees = np.random.default_rng(0).integers(0, 40, len(edges))
    bins = diagnostics.scores_by_degree(edges, others, degrees)
    assert [(one.lowest, one.highest) for one in bins[:4]] == [(0, 0), (1, 1), (2, 3), (4, 7)]
    assert sum(one.n_edges for one in bins) == len(edges)
    for one in bins:
        inside = (one.lowest <= degrees) & (degrees <= one.highest)
        assert one.n_edges == inside.sum()
    labels = np.repeat([1, 0], [len(edges), len(others)])
    whole = roc_auc_score(labels, np.concatenate([edges, others]))
    assert sum(one.auc * one.n_edges for one in bins) / len(edges) == pytest.approx(whole)


class Known:
    """A calibrator whose probabilities are the scores, at one edge per other pair."""

    balanced = 1.0

    def probabilities(self, scores: np.ndarray, *, prevalence_factor: float) -> np.ndarray:
        assert prevalence_factor == 1.0
        return scores


def bins_of(edges: np.ndarray, others: np.ndarray) -> list[diagnostics.ReliabilityBin]:
    return diagnostics.reliability_bins(Known(), edges, others)  # type: ignore[arg-type]


def test_reliability_bins_hold_all_pairs_equally_many_each() -> None:
    random = np.random.default_rng(0)
    edges, others = random.random(95), random.random(95)
    bins = bins_of(edges, others)
    assert [one.n_pairs for one in bins] == [19] * 10
    assert sum(one.observed * one.n_pairs for one in bins) == pytest.approx(95)
    whole = np.sort(np.concatenate([edges, others])).reshape(10, 19).mean(axis=1)
    np.testing.assert_allclose([one.predicted for one in bins], whole)


def test_a_tie_leans_to_no_side() -> None:
    edges, others = np.repeat([0.25, 0.75], [25, 75]), np.repeat([0.25, 0.75], [75, 25])
    bins = bins_of(edges, others)
    assert [(one.predicted, one.observed, one.n_pairs) for one in bins] == [
        (0.25, 0.25, 100), (0.75, 0.75, 100)
    ]  # fmt: skip
    (one,) = bins_of(np.full(3, 0.5), np.full(3, 0.5))
    assert one.observed == 0.5
    with pytest.raises(InputError, match="reliability needs"):
        bins_of(np.ones(2), np.ones(0))


def test_the_interval_of_a_share_is_wilsons() -> None:
    (one,) = bins_of(np.full(10, 0.5), np.full(10, 0.5))
    assert (one.low, one.high) == pytest.approx((0.299298, 0.700702), abs=1e-5)


@pytest.mark.parametrize("n", range(1, 60))
def test_intervals_of_none_and_of_all_end_at_0_and_1_exactly(n: int) -> None:
    none, whole = bins_of(np.full(n, 0.9), np.full(n, 0.1))
    assert (none.low, whole.high) == (0.0, 1.0)
    assert none.high == pytest.approx(1 - whole.low)
    assert 0 < none.high < 1


def test_training_curves_show_what_was_recorded() -> None:
    history: list[dict[str, Any]] = [
        {"step": 1, "loss": 3.0, "kl": 1.0, "reconstruction": 2.0, "seconds": 0.1},
        {"step": 2, "loss": 2.0, "kl": 0.5, "reconstruction": 1.5, "validation": {"auc": 0.8}},
    ]
    curves = diagnostics.training_curves(history)
    assert {name: part.tolist() for name, part in curves.losses.items()} == {
        "loss": [3.0, 2.0], "kl": [1.0, 0.5], "reconstruction": [2.0, 1.5]
    }  # fmt: skip
    assert (curves.steps.tolist(), curves.validated.tolist()) == ([1, 2], [2])
    assert {name: part.tolist() for name, part in curves.metrics.items()} == {"auc": [0.8]}
    single = [{"step": 1, "loss": 3.0, "reconstruction": 3.0}]
    assert list(diagnostics.training_curves(single).losses) == ["loss"]
