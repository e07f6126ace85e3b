import json
from typing import Any, NamedTuple

import numpy as np
import pytest
from graphs import random_graph
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit, logit

from vgae import VGAE
from vgae.data.graph import Graph
from vgae.data.split import HeldOut, Split, TrainingView, sample_non_edges, split_edges
from vgae.ground.errors import InputError
from vgae.learning import calibration as module
from vgae.learning.baselines import baseline
from vgae.learning.calibration import (
    Calibrator,
    calibration_at_prevalence,
    expected_edges,
    fit_calibrator,
)
from vgae.learning.metrics import expected_calibration_error, roc_auc
from vgae.learning.scores import FunctionScores, Scores, VectorScores


def calibrator_of(scores: list[float], log_odds: list[float]) -> Calibrator:
    return Calibrator(
        knot_scores=tuple(scores), knot_log_odds=tuple(log_odds), n_edges=10, n_open=1000
    )


def fitted(view: TrainingView, scores: Scores) -> Calibrator:
    found = fit_calibrator(view, scores)
    assert found is not None
    return found


def of_table(table: NDArray[Any]) -> FunctionScores:
    return FunctionScores(lambda pairs: table[pairs[:, 0], pairs[:, 1]], len(table))


def symmetric(values: NDArray[Any]) -> NDArray[Any]:
    upper: NDArray[np.float64] = np.triu(values, k=1).astype(np.float64)
    return np.add(upper, upper.T)


def open_scores(scores: Scores, known: Graph) -> NDArray[np.float64]:
    """Of all pairs that are not known, in a dense array."""
    source, target = np.triu_indices(known.n_nodes, k=1)
    is_open = known.adjacency.toarray()[source, target] == 0
    return scores.pairs(np.stack([source, target], axis=1)[is_open]).astype(np.float64)


# ---------------------------------------------------------------------------- the map

KNOTS = st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=20, unique=True)


@given(KNOTS, st.data())
def test_the_map_is_strictly_increasing_between_and_beyond_knots(
    knots: list[float], data: st.DataObject
) -> None:
    steps = data.draw(st.lists(st.floats(1e-3, 2.0), min_size=len(knots), max_size=len(knots)))
    found = calibrator_of(sorted(knots), np.cumsum(steps).tolist())
    assert found.log_odds(sorted(knots)) == pytest.approx(np.cumsum(steps), abs=1e-9)
    low, high = min(knots), max(knots)
    width = max(high - low, 1.0)
    points = np.unique(
        np.concatenate([knots, np.linspace(low - width, high + width, 200)]).astype(np.float32)
    )
    points = points[np.diff(points, prepend=-np.inf) > 1e-5]
    assert (np.diff(found.log_odds(points)) > 0).all()


def test_every_finite_score_has_a_probability() -> None:
    found = calibrator_of([-1.0, 0.5], [-3.0, 1.0])
    extremes = np.array([-np.finfo(float).max, -1e9, 0.0, 1e9, np.finfo(np.float32).max])
    probabilities = found.probabilities(extremes)
    assert np.isfinite(probabilities).all()
    assert (np.diff(probabilities) >= 0).all()
    assert probabilities.dtype == np.float64
    assert found.probabilities(np.zeros((2, 3), np.float32)).shape == (2, 3)


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_a_factor_of_the_prevalence_multiplies_the_odds(one: float, two: float) -> None:
    found, scores = calibrator_of([-1.0, 2.0], [-3.0, 1.0]), np.linspace(-3, 4, 20)
    base = found.probabilities(scores)
    shifted = found.probabilities(scores, prevalence_factor=one)
    assert shifted / (1 - shifted) == pytest.approx(one * base / (1 - base))
    both = found.probabilities(scores, prevalence_factor=one * two)
    assert logit(both) == pytest.approx(logit(shifted) + np.log(two), abs=1e-9)
    assert found.balanced == 99.0


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_factors_are_refused(factor: float) -> None:
    with pytest.raises(InputError, match="prevalence_factor = .*: must be a positive number"):
        calibrator_of([0.0], [0.0]).probabilities([1.0], prevalence_factor=factor)


def test_a_calibrator_survives_json() -> None:
    found = calibrator_of([-1.0, 0.1, 2.0], [-3.0, -0.1, 1.0])
    assert Calibrator.parse(json.loads(json.dumps(found.as_dict())), where="run.json") == found


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"knot_scores": [0.0, 0.0, 2.0]}, "knot_scores must be ascending and distinct"),
        ({"knot_log_odds": [0.0, -1.0, 2.0]}, "knot_log_odds must be ascending and distinct"),
        ({"knot_scores": [0.0, 1.0]}, "2 knot_scores, but 3 knot_log_odds"),
        ({"knot_scores": [], "knot_log_odds": []}, "knot_scores: .*at least 1 item"),
        ({"knot_scores": [0.0, float("nan"), 2.0]}, r"knot_scores\.1: .*finite"),
        ({"knot_scores": [0.0, "1", 2.0]}, r"knot_scores\.1: .*number"),
        ({"knot_scores": "abc"}, "knot_scores: "),
        ({"n_edges": 0}, "n_edges: .*greater than or equal to 1"),
        ({"n_edges": 2.5}, "n_edges: .*integer"),
        ({"n_open": 3}, "n_edges = 10 exceeds n_open = 3"),
        ({"more": 1}, "more: extra inputs"),
    ],
)
def test_damaged_values_are_refused_in_one_line(damage: dict[str, Any], said: str) -> None:
    values = calibrator_of([0.0, 1.0, 2.0], [0.0, 1.0, 2.0]).as_dict() | damage
    with pytest.raises(InputError, match=f"run.json: {said}"):
        Calibrator.parse(values, where="run.json")
    del values["n_edges"]
    with pytest.raises(InputError, match=r"run\.json: "):
        Calibrator.parse(values, where="run.json")


# ------------------------------------------------------------------------------ fitting


def test_a_fit_changes_no_ranking_and_makes_no_ties(karate: Graph) -> None:
    split = split_edges(karate, validation=0.1, seed=0)
    model = VGAE(steps=50, seed=0).fit(split)
    scores = model.scores()
    table = scores.rows(np.arange(34)).ravel()  # training edges and nodes with themselves, too
    found = fitted(split.training, scores)
    for factor in (1.0, found.balanced):
        probabilities = found.probabilities(table, prevalence_factor=factor)
        order = np.argsort(table, kind="stable")
        assert np.array_equal(np.diff(table[order]) > 0, np.diff(probabilities[order]) > 0)
    parts = [scores.pairs(part) for part in (split.test.positives, split.test.negatives)]
    assert roc_auc(*parts) == roc_auc(*(found.probabilities(part) for part in parts))


@settings(max_examples=30)
@given(st.integers(2, 40), st.integers(0, 2**16), st.sampled_from([0.5, 1.0, 2.0, 100.0]))
def test_any_scores_get_an_increasing_map(n_nodes: int, seed: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    graph = random_graph(n_nodes, 0.3, seed)
    if graph.n_edges < 2:
        return
    edges = random.permutation(graph.edges)
    cut = int(random.integers(1, graph.n_edges))
    view = view_of(graph, edges[:cut])
    table = symmetric(np.round(random.normal(size=(n_nodes, n_nodes)) * scale))  # with ties
    scores = of_table(table)
    found = fitted(view, scores)  # a Calibrator refuses knots that do not ascend
    assert (found.n_edges, found.n_open) == (cut, len(open_scores(scores, view.train)))
    assert found.knot_scores[-1] <= table.max()
    distinct = np.unique(table)
    assert (np.diff(found.probabilities(distinct)) > 0).all()


def view_of(graph: Graph, validation: NDArray[np.int64]) -> TrainingView:
    """All other edges are for training; there is one negative per edge where pairs are left."""
    known = {tuple(sorted(edge)) for edge in graph.edges.tolist()}
    source, target = np.triu_indices(graph.n_nodes, k=1)
    free = list(zip(source.tolist(), target.tolist(), strict=True))
    free = [pair for pair in free if pair not in known][: len(validation)]
    kept = validation[: len(free)] if len(free) < len(validation) else validation
    codes = {tuple(sorted(edge)) for edge in kept.tolist()}
    train = [edge for edge in graph.edges.tolist() if tuple(edge) not in codes]
    return TrainingView(
        graph.with_edges(np.array(train, np.int64).reshape(-1, 2)),
        graph,
        HeldOut(kept, np.array(free, np.int64).reshape(-1, 2)),
        "T",
    )


def test_without_validation_edges_there_is_no_map() -> None:
    ring = Graph.from_edges([(i, (i + 1) % 9) for i in range(9)])
    view = Split.without_holdout(ring).training
    assert fit_calibrator(view, VectorScores(np.ones((9, 2)))) is None
    one = Split.without_holdout(Graph.from_edges([], n_nodes=1)).training
    assert fit_calibrator(one, VectorScores(np.ones((1, 2)))) is None
    with pytest.raises(InputError, match="scores of 3 nodes, but the graph has 9"):
        fit_calibrator(view, VectorScores(np.ones((3, 2))))


def test_a_constant_score_has_the_share_of_validation_edges(ring: Graph) -> None:
    view = split_edges(ring, validation=0.2, seed=0).training
    for scores in (VectorScores(np.ones((40, 2))), of_table(np.full((40, 40), -np.inf))):
        found = fitted(view, scores)
        share = found.probabilities(np.array([found.knot_scores[0]]))[0]
        assert share == pytest.approx(found.n_edges / found.n_open, rel=0.1)
        assert np.isfinite(found.probabilities([-5.0, 5.0])).all()


def test_scores_that_separate_the_edges_stay_short_of_certainty(ring: Graph) -> None:
    split = split_edges(ring, validation=0.2, seed=0)
    table = np.random.default_rng(0).random((40, 40))
    for pairs in (split.validation.positives, split.validation.positives[:, ::-1]):
        table[pairs[:, 0], pairs[:, 1]] = 1000.0
    table = symmetric(np.triu(table))
    found = fitted(split.training, of_table(table))
    low, high = found.probabilities([0.5, 1000.0])
    assert low < 0.05
    assert 0.5 < high < 0.9999


def test_a_complete_graph_has_validation_edges_only_among_its_open_pairs() -> None:
    graph = Graph.from_edges([(i, j) for i in range(5) for j in range(i)])
    scores = of_table(symmetric(np.random.default_rng(0).random((5, 5))))
    edges = np.arange(5).repeat(2).reshape(-1, 2)[:0]
    assert fit_calibrator(view_of(graph, edges), scores) is None
    one_less = graph.with_edges(graph.edges[1:])
    view = view_of(one_less, one_less.edges[:1])
    found = fitted(view, scores)
    assert found.n_open == 2
    assert np.isfinite(found.probabilities([0.0, 0.5, 1.0])).all()


def test_true_log_odds_are_found_again() -> None:
    """The validation edges are drawn from probabilities whose logit is the score minus five."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(800, 4)).astype(np.float32)
    scores = VectorScores(vectors)
    source, target = np.triu_indices(800, k=1)
    pairs = np.stack([source, target], axis=1)
    chosen = pairs[random.random(len(pairs)) < expit(scores.pairs(pairs) - 5.0)]
    graph = Graph.from_edges(chosen, n_nodes=800)
    negatives = sample_non_edges(graph, graph.n_edges, random, advice="")
    nothing = graph.with_edges(np.empty((0, 2), np.int64))
    view = TrainingView(nothing, graph, HeldOut(graph.edges, negatives), "T")
    points = np.array([-3.0, -1.0, 0.0, 1.0, 3.0, 5.0, 7.0])
    assert fitted(view, scores).log_odds(points) == pytest.approx(points - 5.0, abs=0.25)


def test_ties_are_told_apart_by_how_many_of_them_are_edges() -> None:
    random = np.random.default_rng(0)
    table = symmetric(random.integers(0, 3, size=(300, 300)).astype(np.float64))
    rates = np.array([0.01, 0.03, 0.09])
    source, target = np.triu_indices(300, k=1)
    drawn = random.random(len(source)) < rates[table[source, target].astype(int)]
    graph = Graph.from_edges(np.stack([source, target], axis=1)[drawn], n_nodes=300)
    view = view_of(graph, graph.edges[::2])
    values = open_scores(of_table(table), view.train)
    own = table[view.validation.positives[:, 0], view.validation.positives[:, 1]]
    shares = [(own == value).sum() / (values == value).sum() for value in range(3)]
    found = fitted(view, of_table(table)).probabilities([0.0, 1.0, 2.0])
    assert found == pytest.approx(shares, rel=0.1)


# --------------------------------------------------------------- sums over all open pairs


class Judged(NamedTuple):
    split: Split
    smooth: Scores
    tied: Scores


@pytest.fixture(scope="module")
def judged() -> Judged:
    """A split of a random geometric graph, with scores of an embedding and of a heuristic."""
    random = np.random.default_rng(1)
    place = random.random((250, 2))
    distance = np.linalg.norm(place[:, None] - place[None], axis=2)
    source, target = np.nonzero(np.triu(distance < 0.12, k=1))
    graph = Graph.from_edges(np.stack([source, target], axis=1), n_nodes=250)
    split = split_edges(graph, validation=0.1, test=0.2, seed=0)
    smooth, tied = (baseline(name).fit(split.training) for name in ("spectral", "common-neighbors"))
    return Judged(split, smooth, tied)


@pytest.mark.parametrize("tied", [False, True])
def test_expected_edges_equal_the_sum_over_all_pairs(judged: Judged, tied: bool) -> None:
    split, scores = judged.split, judged.tied if tied else judged.smooth
    found = fitted(split.training, scores)
    for known in (split.train, split.graph):
        dense_sum = found.probabilities(open_scores(scores, known)).sum()
        assert expected_edges(scores, found, known) == pytest.approx(dense_sum, rel=1e-3)
    total = expected_edges(scores, found, split.train)
    assert total == pytest.approx(found.n_edges, rel=5e-3)


def test_a_sample_of_the_pairs_stands_for_all(
    judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    split, scores = judged.split, judged.smooth
    exact = fitted(split.training, scores)
    total = expected_edges(scores, exact, split.graph)
    monkeypatch.setattr(module, "MOST_NODES_COUNTED", 100)
    monkeypatch.setattr(module, "N_SAMPLED", 2**18)
    sampled = fitted(split.training, scores)
    assert sampled.n_open == exact.n_open
    points = np.quantile(open_scores(scores, split.train), [0.1, 0.5, 0.9, 0.99])
    assert sampled.log_odds(points) == pytest.approx(exact.log_odds(points), abs=0.2)
    assert expected_edges(scores, exact, split.graph) == pytest.approx(total, rel=0.05)
    assert fitted(split.training, scores) == sampled  # drawn from the seed alone
    assert fit_calibrator(split.training, scores, seed=1) != sampled


def test_nothing_is_expected_where_no_pair_is_open() -> None:
    full = Graph.from_edges([(0, 1), (0, 2), (1, 2)])
    found = calibrator_of([0.0, 1.0], [0.0, 1.0])
    assert expected_edges(VectorScores(np.ones((3, 1))), found, full) == 0.0
    one = Graph.from_edges([], n_nodes=1)
    assert expected_edges(VectorScores(np.ones((1, 1))), found, one) == 0.0


@pytest.mark.parametrize("tied", [False, True])
def test_calibration_at_prevalence_equals_a_dense_count(judged: Judged, tied: bool) -> None:
    split, scores = judged.split, judged.tied if tied else judged.smooth
    calibrator = fitted(split.training, scores)
    found = calibration_at_prevalence(split, scores, calibrator)
    n_edges = len(split.test.positives)
    odds = np.exp(calibrator.log_odds(open_scores(scores, split.training.known)))
    factor = n_edges / calibrator.n_edges
    predicted = np.minimum(odds * factor, 0.999)
    of_edges = np.exp(calibrator.log_odds(scores.pairs(split.test.positives))) * factor
    of_edges = np.minimum(of_edges, 0.999)
    loss = -np.log1p(-predicted).sum() + np.log1p(-of_edges).sum() - np.log(of_edges).sum()
    share = n_edges / len(predicted)
    guess = -(share * np.log(share) + (1 - share) * np.log(1 - share))
    assert found["actual"] == n_edges
    assert found["predicted"] == pytest.approx(predicted.sum(), rel=1e-3)
    assert found["ratio"] == pytest.approx(found["predicted"] / n_edges)
    assert found["log_loss"] == pytest.approx(loss / len(predicted), rel=2e-3)
    assert found["log_loss_of_prevalence"] == pytest.approx(guess)
    assert sum(group["actual"] for group in found["deciles"]) == n_edges
    assert sum(group["predicted"] for group in found["deciles"]) == pytest.approx(
        found["predicted"]
    )
    bounds = [value for group in found["deciles"] for value in (group["lowest"], group["highest"])]
    assert bounds == sorted(bounds)
    json.dumps(found)


def test_where_the_best_pairs_are_all_edges_so_many_are_predicted() -> None:
    """Odds times the factor would say 1/2: the pairs without a validation edge are test edges."""
    graph = random_graph(80, 0.3, seed=0)
    split = split_edges(graph, validation=0.1, test=0.2, seed=0)
    table = symmetric(np.random.default_rng(0).random((80, 80))) + graph.adjacency.toarray()
    scores = of_table(table)
    found = calibration_at_prevalence(split, scores, fitted(split.training, scores))
    assert found["ratio"] == pytest.approx(1.0, abs=0.1)
    assert found["deciles"][-1]["highest"] > 0.9


def test_a_split_without_test_pairs_is_not_judged(ring: Graph) -> None:
    split = split_edges(ring, validation=0.2, test=0.0, seed=0)
    scores = VectorScores(np.random.default_rng(0).normal(size=(40, 2)))
    with pytest.raises(InputError, match="has no test pairs"):
        calibration_at_prevalence(split, scores, fitted(split.training, scores))


# ------------------------------------------------------------------------------ real graphs


def test_test_edges_of_cora_are_as_frequent_as_predicted(cora: Graph) -> None:
    """By a heuristic with many ties: 1,054 test edges, and as many other pairs."""
    probabilities, labels = [], []
    for seed in range(2):
        split = split_edges(cora, seed=seed)
        scores = baseline("adamic-adar").fit(split.training)
        found = fitted(split.training, scores)
        parts = [scores.pairs(part) for part in (split.test.positives, split.test.negatives)]
        calibrated = [found.probabilities(part, prevalence_factor=found.balanced) for part in parts]
        assert roc_auc(*parts) == roc_auc(*calibrated)
        probabilities += calibrated
        labels += [np.ones(len(parts[0])), np.zeros(len(parts[1]))]
        assert calibration_at_prevalence(split, scores, found)["ratio"] == pytest.approx(1, abs=0.1)
    error = expected_calibration_error(np.concatenate(probabilities), np.concatenate(labels))
    assert error < 0.02
