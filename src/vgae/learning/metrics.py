"""Metrics over scores of true and false links, with ties and corner cases settled.

Every ranking metric takes the scores of the positives and of the negatives, in any monotone scale
such as logits, and treats equal scores alike in any order. Where each positive has negatives of its
own, `groups` gives the positive of each negative; Hits@K and MRR rank a positive among its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vgae.ground.errors import InputError, unknown_name

__all__ = [
    "AT_K",
    "HITS_AT",
    "RANKING_METRICS",
    "average_precision",
    "cut_off",
    "expected_calibration_error",
    "hits_at",
    "link_metrics",
    "mean_reciprocal_rank",
    "roc_auc",
]

HITS_AT = (10, 50, 100)
"""The cut-offs of Hits@K that every evaluation reports."""

AT_K = ("hits", "precision", "hits_open", "hits_biased", "hits_bidirectional", "recall", "ndcg")
"""The families of metrics that are named with a K, such as hits@10."""

RANKING_METRICS = ("auc", "average_precision", *(f"hits@{k}" for k in HITS_AT), "mrr")
"""The metrics that take nothing but the scores of held-out pairs."""

Scores = NDArray[np.float64]


def roc_auc(positives: ArrayLike, negatives: ArrayLike) -> float:
    """Area under the ROC curve: the probability that a positive outranks a negative.

    A tie counts one half, so a constant score has 0.5.

    Parameters
    ----------
    positives, negatives
        Scores of true and of false links, shapes (n_positives,) and (n_negatives,).

    Returns
    -------
    A fraction from 0 to 1.

    Raises
    ------
    InputError
        One side is empty, or a score is NaN.

    Examples
    --------
    >>> roc_auc([3.0, 1.0], [2.0, 1.0])
    0.625
    """
    high, low = _checked(positives, negatives)
    ordered = np.sort(low)
    below = np.searchsorted(ordered, high, side="left")
    not_above = np.searchsorted(ordered, high, side="right")
    return float((below + not_above).sum() / (2.0 * high.size * low.size))


def average_precision(positives: ArrayLike, negatives: ArrayLike) -> float:
    """Average precision: precision at each distinct score, weighted by the recall gained there.

    Tied scores form one step, so their order cannot matter, and there is no interpolation
    between steps. The value depends on how many negatives there are for each positive.

    Parameters and what raises are those of `roc_auc`.

    Examples
    --------
    >>> average_precision([3.0, 1.0], [2.0])
    0.8333333333333333
    """
    high, low = _checked(positives, negatives)
    thresholds, gained = np.unique(high, return_counts=True)
    true_found = high.size - np.searchsorted(np.sort(high), thresholds, side="left")
    false_found = low.size - np.searchsorted(np.sort(low), thresholds, side="left")
    precision = true_found / (true_found + false_found)
    return float((precision * gained).sum() / high.size)


def hits_at(
    k: int, positives: ArrayLike, negatives: ArrayLike, groups: ArrayLike | None = None
) -> float | None:
    """Hits@K: the fraction of positives that score above the K-th best negative.

    A positive that ties with the K-th negative is a miss, so ties never flatter (the convention
    of Hu et al. 2020, "Open Graph Benchmark").

    Parameters
    ----------
    k
        At least 1.
    positives, negatives
        As in `roc_auc`.
    groups
        Shape (n_negatives,): the row of the positive of each negative; by default all positives
        share all negatives.

    Returns
    -------
    A fraction from 0 to 1; None where a positive has fewer than K negatives: the measure then says
    nothing.

    Raises
    ------
    InputError
        K is below 1, one side is empty, or a score is NaN.

    Examples
    --------
    >>> hits_at(1, [3.0, 1.0], [2.0, 0.0]), hits_at(3, [3.0, 1.0], [2.0, 0.0])
    (0.5, None)
    >>> hits_at(1, [3.0, 1.0], [4.0, 0.0], groups=[0, 1])
    0.5
    """
    if k < 1:
        raise InputError("k must be at least 1")
    high, low = _checked(positives, negatives)
    if (low.size if groups is None else np.bincount(groups, minlength=high.size).min()) < k:
        return None
    above, tied = _rivals(high, low, groups)
    return float((above + tied < k).mean())


def mean_reciprocal_rank(
    positives: ArrayLike, negatives: ArrayLike, groups: ArrayLike | None = None
) -> float:
    """Mean reciprocal rank of each positive among all the negatives, or among its own.

    A positive's rank is 1 + the negatives above it + half of those tied with it: the mean of
    the most flattering and the least flattering order.

    Parameters are those of `hits_at`, and what raises is that of `roc_auc`.

    Examples
    --------
    >>> mean_reciprocal_rank([3.0, 1.0], [2.0])
    0.75
    >>> mean_reciprocal_rank([3.0, 1.0], [2.0, 0.0], groups=[0, 1])
    1.0
    """
    above, tied = _rivals(*_checked(positives, negatives), groups)
    return float((1.0 / (1.0 + above + tied / 2.0)).mean())


def expected_calibration_error(
    probabilities: ArrayLike, labels: ArrayLike, n_bins: int = 15
) -> float:
    """Expected calibration error (ECE) of the probability of an edge, with bins of equal width.

    The mean over all pairs of how far the mean probability in the bin of the pair is from the share
    of edges there.

    Papers on calibration bin the confidence in the predicted class instead, max(p, 1 - p): Guo et
    al. 2017, "On Calibration of Modern Neural Networks", and for links Nascimento et al. 2024,
    "In-n-Out". To compare with their figures, give that confidence and whether the prediction
    holds; see the example. Their error is the smaller one: too low a probability and too high a
    probability cancel where p and 1 - p share a bin.

    The error of finitely many pairs is biased upwards. Even a forecaster without fault has about
    0.03 on 1,000 pairs.

    Parameters
    ----------
    probabilities
        Fractions from 0 to 1, shape (n_pairs,).
    labels
        True or 1 for an edge, False or 0 for a pair without one, shape (n_pairs,).
    n_bins
        Number of bins between 0 and 1.

    Returns
    -------
    A fraction from 0 to 1.

    Raises
    ------
    InputError
        There are no pairs, the shapes differ, or a value is not allowed.

    Examples
    --------
    >>> probabilities, labels = np.array([0.25, 0.25, 0.75, 1.0]), np.array([0, 1, 1, 1])
    >>> expected_calibration_error(probabilities, labels, n_bins=2)
    0.1875
    >>> confidence = np.maximum(probabilities, 1 - probabilities)
    >>> expected_calibration_error(confidence, (probabilities > 0.5) == labels, n_bins=2)
    0.0625
    """
    predicted, truth = np.asarray(probabilities, np.float64), np.asarray(labels, np.float64)
    if predicted.ndim != 1 or predicted.shape != truth.shape or predicted.size == 0:
        raise InputError("give one label per probability, and at least one of each")
    if not ((predicted >= 0) & (predicted <= 1)).all():
        raise InputError("a probability is outside 0 .. 1")
    if not np.isin(truth, (0.0, 1.0)).all():
        raise InputError("labels must be 1 for an edge and 0 for a pair without one")
    if n_bins < 1:
        raise InputError("n_bins must be at least 1")
    bins = np.minimum((predicted * n_bins).astype(np.int64), n_bins - 1)
    return float(np.abs(np.bincount(bins, weights=predicted - truth)).sum() / predicted.size)


def link_metrics(
    positives: ArrayLike,
    negatives: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    names: Sequence[str] = RANKING_METRICS,
) -> dict[str, float | None]:
    """Metrics by name.

    Parameters
    ----------
    positives, negatives, groups
        As in `hits_at`. AUC and average precision take all negatives, in groups or not.
    names
        auc, average_precision, mrr, and hits@K for any K; by default those that every evaluation
        reports.

    Examples
    --------
    >>> link_metrics([3.0, 1.0], [2.0])["auc"]
    0.5
    >>> link_metrics([3.0, 1.0], [2.0], names=["hits@1"])
    {'hits@1': 0.5}
    """
    whole: dict[str, Callable[[], float]] = {
        "auc": lambda: roc_auc(positives, negatives),
        "average_precision": lambda: average_precision(positives, negatives),
        "mrr": lambda: mean_reciprocal_rank(positives, negatives, groups),
    }
    found: dict[str, float | None] = {}
    for name in names:
        at = cut_off(name)
        if at is not None and at[0] == "hits":
            found[name] = hits_at(at[1], positives, negatives, groups)
        elif name in whole:
            found[name] = whole[name]()
        else:
            raise unknown_name("metric", name, RANKING_METRICS)
    return found


def cut_off(name: str) -> tuple[str, int] | None:
    """The family and the K of a metric such as hits@10; None for a name without "@".

    Raises
    ------
    InputError
        K is not a whole number from 1, or there is no such family.

    Examples
    --------
    >>> cut_off("hits@10"), cut_off("auc")
    (('hits', 10), None)
    """
    family, at, k = name.partition("@")
    if not at:
        return None
    if family not in AT_K:
        raise unknown_name("metric", name, [f"{known}@{k}" for known in AT_K])
    if not (k.isascii() and k.isdecimal() and k[0] != "0"):
        raise InputError(f"metric {name}: K must be a whole number from 1, as in {family}@10")
    return family, int(k)


def _rivals(
    high: Scores, low: Scores, groups: ArrayLike | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each positive, the negatives above it and those tied with it."""
    if groups is None:
        ordered = np.sort(low)
        above = low.size - np.searchsorted(ordered, high, side="right")
        return above, low.size - np.searchsorted(ordered, high, side="left") - above
    own = np.asarray(groups)
    if own.shape != low.shape:
        raise InputError("groups must name a positive for each negative")
    rival = high[own]
    above = np.bincount(own[low > rival], minlength=high.size)
    return above, np.bincount(own[low == rival], minlength=high.size)


def _checked(positives: ArrayLike, negatives: ArrayLike) -> tuple[Scores, Scores]:
    high = np.asarray(positives, dtype=np.float64)
    low = np.asarray(negatives, dtype=np.float64)
    if high.ndim != 1 or low.ndim != 1:
        raise InputError("scores must be one-dimensional")
    if high.size == 0 or low.size == 0:
        raise InputError("ranking needs at least one positive and one negative")
    if np.isnan(high).any() or np.isnan(low).any():
        raise InputError("a score is NaN; every pair needs a number")
    return high, low
