import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from vgae.ground.errors import InputError
from vgae.learning.metrics import (
    average_precision,
    expected_calibration_error,
    hits_at,
    link_metrics,
    mean_reciprocal_rank,
    roc_auc,
)

# Few distinct values, so that ties are the rule.
SCORES = st.lists(st.sampled_from([-1e4, -1.5, 0.0, 0.25, 2.0, 1e4]), min_size=1, max_size=30)


@given(SCORES, SCORES)
def test_auc_and_ap_equal_scikit_learn_with_ties(high: list[float], low: list[float]) -> None:
    truth = [1] * len(high) + [0] * len(low)
    assert roc_auc(high, low) == pytest.approx(roc_auc_score(truth, high + low), abs=1e-12)
    assert average_precision(high, low) == pytest.approx(
        average_precision_score(truth, high + low), abs=1e-12
    )


@given(SCORES, SCORES)
def test_hits_and_ranks_equal_counting_by_hand(high: list[float], low: list[float]) -> None:
    ranks = [1 + sum(x > s for x in low) + sum(x == s for x in low) / 2 for s in high]
    assert mean_reciprocal_rank(high, low) == pytest.approx(np.mean([1 / r for r in ranks]))
    for k in (1, 2, 5):
        expected = None
        if len(low) >= k:
            threshold = sorted(low, reverse=True)[k - 1]
            expected = np.mean([s > threshold for s in high])
        assert hits_at(k, high, low) == expected


@given(SCORES, SCORES, st.randoms(use_true_random=False))
def test_the_order_of_pairs_does_not_matter(high: list[float], low: list[float], random) -> None:  # type: ignore[no-untyped-def]
    before = link_metrics(high, low)
    random.shuffle(high)
    random.shuffle(low)
    after = link_metrics(high, low)
    assert {k: v for k, v in after.items() if v is not None} == pytest.approx(
        {k: v for k, v in before.items() if v is not None}
    )


def test_a_constant_score_is_not_flattered() -> None:
    scores = link_metrics([1.0] * 20, [1.0] * 200)
    assert scores["auc"] == 0.5
    assert scores["average_precision"] == pytest.approx(20 / 220)
    assert scores["hits@10"] == scores["hits@100"] == 0.0
    assert scores["mrr"] == pytest.approx(1 / 101)


def test_hits_with_too_few_negatives_is_undefined_not_perfect() -> None:
    assert hits_at(10, [5.0], [1.0] * 9) is None


def test_a_perfect_ranking_scores_one() -> None:
    scores = link_metrics([2.0, 3.0], [0.0] * 100)
    assert set(scores.values()) == {1.0}


@pytest.mark.parametrize(
    ("high", "low"), [([], [1.0]), ([1.0], []), ([np.nan], [1.0]), ([[1.0]], [1.0])]
)
def test_corner_cases_are_refused(high: list[float], low: list[float]) -> None:
    for metric in (roc_auc, average_precision, mean_reciprocal_rank):
        with pytest.raises(ValueError, match="score|ranking"):
            metric(high, low)


def test_k_starts_at_one() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        hits_at(0, [1.0], [1.0])


def test_calibration_error_of_bins_by_hand() -> None:
    # Bins of a third: {0.1, 0.3} with one edge, {0.5} with none, {0.9, 1.0} with both.
    found = expected_calibration_error([0.1, 0.3, 0.5, 0.9, 1.0], [0, 1, 0, 1, 1], n_bins=3)
    assert found == pytest.approx((abs(0.4 - 1) + 0.5 + abs(1.9 - 2)) / 5)
    assert expected_calibration_error([0.0, 1.0], [False, True]) == 0.0
    assert expected_calibration_error([0.0, 1.0], [True, False]) == 1.0


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.2, 1 / 3, 0.5, 1.0]), st.booleans()), min_size=1))
def test_calibration_error_equals_the_formula(pairs: list[tuple[float, bool]]) -> None:
    expected = 0.0
    for first in range(15):
        inside = [
            (p, y) for p, y in pairs if first / 15 <= p < (first + 1) / 15 or p == 1.0 == first / 14
        ]
        if inside:
            predicted = sum(p for p, _ in inside) / len(inside)
            actual = sum(y for _, y in inside) / len(inside)
            expected += len(inside) / len(pairs) * abs(predicted - actual)
    found = expected_calibration_error([p for p, _ in pairs], [y for _, y in pairs])
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("probabilities", "labels", "n_bins", "said"),
    [
        ([], [], 15, "at least one"),
        ([0.5], [1, 0], 15, "one label per probability"),
        ([[0.5]], [[1]], 15, "one label per probability"),
        ([1.5], [1], 15, "outside 0 .. 1"),
        ([float("nan")], [1], 15, "outside 0 .. 1"),
        ([0.5], [2], 15, "labels must be"),
        ([0.5], [1], 0, "n_bins must be at least 1"),
    ],
)
def test_what_has_no_calibration_error_is_refused(
    probabilities: list[float], labels: list[int], n_bins: int, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        expected_calibration_error(probabilities, labels, n_bins)
