import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from vgae.learning.metrics import (
    average_precision,
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
