"""Curves against scikit-learn's, intervals that cover, and a posterior against its definition."""

import numpy as np
import pytest
import torch
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_auc_score

from vgae.data.graph import Graph
from vgae.data.split import split_edges
from vgae.ground.errors import InputError
from vgae.learning import diagnostics
from vgae.learning.judge import full_average_precision
from vgae.model.latents import Gaussian
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


def test_divergence_by_dimension_sums_to_that_of_the_latent() -> None:
    random = torch.Generator().manual_seed(0)
    mean, log_std = (torch.randn(50, 6, generator=random, dtype=torch.float64) for _ in range(2))
    found = diagnostics.kl_by_dimension(mean.numpy(), log_std.exp().numpy())
    assert found.sum() == pytest.approx(float(Gaussian(mean, log_std).kl().mean()), rel=1e-12)
    assert (found >= 0).all()
    tiny = diagnostics.kl_by_dimension([[0.0]], [[1.0 + 1e-9]])
    assert tiny[0] == pytest.approx(1e-18, rel=1e-3)  # eps squared, without cancellation


def test_a_collapsed_posterior_has_no_active_dimension() -> None:
    assert not diagnostics.active_dimensions(np.full((9, 3), 0.7)).any()
    assert not diagnostics.active_dimensions(np.ones((1, 3))).any()


def test_posterior_draws_centre_on_the_posterior_and_shrink_to_it(ring: Graph) -> None:
    model = VGAE(steps=20, latent_dim=4, seed=1).fit(split_edges(ring, seed=0))
    fitted = model.fitted_
    assert fitted.embedding_std is not None
    pairs = np.array([[0, 5], [1, 7], [20, 3]])
    given = fitted.network, fitted.embedding
    almost = diagnostics.posterior_scores(*given, 1e-6 * fitted.embedding_std, pairs, n_samples=3)
    np.testing.assert_allclose(almost, np.tile(fitted.scores.pairs(pairs), (3, 1)), atol=1e-4)
    wide = diagnostics.posterior_scores(*given, fitted.embedding_std, pairs, n_samples=4000)
    error = wide.std(axis=0) / np.sqrt(4000)
    assert (np.abs(wide.mean(axis=0) - fitted.scores.pairs(pairs)) < 5 * error).all()
    # The variance of an inner product of independent normal vectors, in closed form.
    m, v = fitted.embedding.astype(float), fitted.embedding_std.astype(float) ** 2
    i, j = pairs.T
    exact = (m[i] ** 2 * v[j] + m[j] ** 2 * v[i] + v[i] * v[j]).sum(axis=1)
    np.testing.assert_allclose(wide.var(axis=0), exact, rtol=0.15)


def test_contributions_add_up_to_the_score(ring: Graph) -> None:
    model = VGAE(steps=10, latent_dim=4, offset="constant").fit(ring)
    scores = model.scores()
    left, right = scores.factors  # type: ignore[attr-defined]
    pairs = np.array([[0, 5], [1, 7]])
    given = left.numpy(), (left if right is None else right).numpy()
    found = diagnostics.latent_contributions(*given, pairs, dim=4)
    assert [set(one) for one in found] == [{"z0", "z1", "z2", "z3", "offset"}] * 2
    np.testing.assert_allclose([sum(one.values()) for one in found], scores.pairs(pairs), rtol=1e-5)
