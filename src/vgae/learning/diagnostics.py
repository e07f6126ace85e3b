"""What held-out scores and the steps of a training say of a fit: curves, intervals, bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vgae.data.adjacency import doubling_bins
from vgae.data.graph import Graph
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError

if TYPE_CHECKING:  # pages of reports are drawn without torch
    from vgae.learning.calibration import Calibrator
    from vgae.learning.scores import Scores

__all__ = [
    "Curve",
    "RankedBin",
    "ReliabilityBin",
    "TrainingCurves",
    "bootstrap_intervals",
    "precision_recall_among",
    "precision_recall_curve",
    "reliability_bins",
    "roc_curve",
    "scores_by_degree",
    "training_curves",
]

AT_ONCE = 2**22
"""Elements of the resamples that are held at once."""

RELIABILITY_BINS = 10
Z = 1.959964
"""The 97.5 % quantile of the normal distribution, for intervals of 95 %."""
VALIDATION = ("auc", "average_precision")
"""Validation metrics that training curves show."""

Values = NDArray[np.float64]


class Curve(NamedTuple):
    """A curve by its points.

    Examples
    --------
    >>> Curve(x=np.array([0.0, 1.0]), y=np.array([0.0, 1.0])).x.tolist()
    [0.0, 1.0]
    """

    x: Values
    y: Values


class RankedBin(NamedTuple):
    """Held-out edges whose ends have similar degrees, and how well they are ranked.

    Examples
    --------
    >>> RankedBin(lowest=1, highest=2, n_edges=7, auc=0.5).n_edges
    7
    """

    lowest: int
    highest: int
    n_edges: int
    auc: float


class ReliabilityBin(NamedTuple):
    """Held-out pairs of similar probability, and how many of them are edges.

    Attributes
    ----------
    predicted, observed
        The mean probability, and the share of edges.
    low, high
        The 95 % interval of that share (Wilson, 1927).
    n_pairs
        Number of pairs.

    Examples
    --------
    >>> ReliabilityBin(predicted=0.5, observed=0.4, low=0.3, high=0.5, n_pairs=100).n_pairs
    100
    """

    predicted: float
    observed: float
    low: float
    high: float
    n_pairs: int


class TrainingCurves(NamedTuple):
    """The terms of the loss, and the metrics of validation pairs, by step.

    Attributes
    ----------
    steps
        Numbers of the steps, shape (n_steps,).
    losses
        The loss and, where there are two or more, its terms, shape (n_steps,) each.
    validated
        Steps after which validation pairs were scored.
    metrics
        Validation metrics after these.

    Examples
    --------
    >>> TrainingCurves(np.array([1]), {"loss": np.array([2.0])}, np.array([], int), {}).steps
    array([1])
    """

    steps: NDArray[np.int64]
    losses: Mapping[str, Values]
    validated: NDArray[np.int64]
    metrics: Mapping[str, Values]


# ---------------------------------------------------------------------------- curves


def _counts(edges: ArrayLike, others: ArrayLike) -> tuple[Values, Values]:
    """Edges and other pairs that score at least each distinct score, from the highest down."""
    found = [np.asarray(part, np.float64) for part in (edges, others)]
    if not all(len(part) for part in found):
        raise InputError("curves need scores of edges and of pairs without an edge")
    levels, places = np.unique(np.concatenate(found), return_inverse=True)
    n_edges = len(found[0])
    counted = (
        np.bincount(places.reshape(-1)[part], minlength=len(levels))[::-1].cumsum()
        for part in (slice(n_edges), slice(n_edges, None))
    )
    first, second = (count.astype(np.float64) for count in counted)
    return first, second


def roc_curve(edges: ArrayLike, others: ArrayLike) -> Curve:
    """The receiver operating characteristic: true against false positive rate.

    Parameters
    ----------
    edges, others
        Scores of held-out edges and of pairs without an edge. Ties are one step of the curve.

    Raises
    ------
    InputError
        There are no edges, or no other pairs.

    Examples
    --------
    >>> curve = roc_curve([2.0, 1.0], [1.0, 0.0])
    >>> curve.x.tolist(), curve.y.tolist()
    ([0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.0])
    """
    true, false = _counts(edges, others)
    start = np.zeros(1)
    return Curve(
        np.concatenate([start, false / false[-1]]), np.concatenate([start, true / true[-1]])
    )


def precision_recall_curve(
    edges: ArrayLike, others: ArrayLike, *, others_per_edge: float | None = None
) -> Curve:
    """Precision against recall.

    Parameters
    ----------
    edges, others
        As in `roc_curve`.
    others_per_edge
        How many pairs without an edge there are per edge; by default as many as are given.

    Raises
    ------
    InputError
        As in `roc_curve`.

    Examples
    --------
    >>> curve = precision_recall_curve([2.0, 1.0], [1.0, 0.0])
    >>> curve.x.tolist(), curve.y.round(2).tolist()
    ([0.5, 1.0, 1.0], [1.0, 0.67, 0.5])
    >>> precision_recall_curve([2.0], [1.0], others_per_edge=99.0).y.tolist()
    [1.0, 0.01]
    """
    true, false = _counts(edges, others)
    if others_per_edge is not None:
        false = false / false[-1] * (others_per_edge * true[-1])
    return Curve(true / true[-1], true / (true + false))


def precision_recall_among(scores: Scores, edges: NDArray[np.int64], known: Graph) -> Curve:
    """Precision against recall among all open pairs, counted one by one.

    Held-out edges are as rare as they are in the graph. Takes quadratic time and linear memory.

    Parameters
    ----------
    scores
        Scores of all pairs.
    edges
        Held-out edges as pairs of node indices, at least one.
    known
        The graph with all its edges, the held-out ones included. All other pairs count as pairs
        without an edge.

    Examples
    --------
    >>> from vgae.learning.scores import FunctionScores
    >>> near = FunctionScores(lambda pairs: -abs(pairs[:, 0] - pairs[:, 1]), 5)
    >>> edges = np.array([[0, 1], [0, 2]])
    >>> curve = precision_recall_among(near, edges, Graph.from_edges(edges, n_nodes=5))
    >>> curve.x.tolist(), curve.y.round(3).tolist()  # of 4 pairs and of 7
    ([0.5, 1.0], [0.25, 0.286])
    """
    levels, gained = np.unique(scores.pairs(edges), return_counts=True)
    rivals = scores.reaching(levels, known)[1:][::-1].cumsum()
    true = gained[::-1].cumsum()
    return Curve(true / true[-1], true / (true + rivals))


def bootstrap_intervals(
    edges: ArrayLike, others: ArrayLike, *, seed: int = 0, n_resamples: int = 1000
) -> dict[str, tuple[float, float]]:
    """95 % intervals of AUC and average precision, by resampling the held-out pairs.

    Edges and other pairs are each drawn again with replacement (Efron, 1979); the intervals are
    percentiles. They say how far the metrics may be off because held-out pairs are few, for this
    model and this split. Other splits and seeds differ more: `vgae.evaluate` measures that.

    Parameters
    ----------
    edges, others
        As in `roc_curve`.
    seed
        Seed of the resamples.
    n_resamples
        Number of resamples.

    Raises
    ------
    InputError
        As in `roc_curve`.

    Examples
    --------
    >>> found = bootstrap_intervals([3.0, 2.0, 1.0, 0.5], [1.5, 0.0, -1.0, -2.0])
    >>> 0 < found["auc"][0] < found["auc"][1] <= 1, found["average_precision"][1]
    (True, 1.0)
    """
    true, false = _counts(edges, others)
    shares = [np.diff(count, prepend=0.0) / count[-1] for count in (true, false)]
    sizes, random = (
        [int(true[-1]), int(false[-1])],
        np.random.default_rng(stream_seed(seed, "bootstrap")),
    )
    found: dict[str, list[Values]] = {"auc": [], "average_precision": []}
    size = max(1, AT_ONCE // len(true))
    for start in range(0, n_resamples, size):
        n = min(size, n_resamples - start)
        drawn = [random.multinomial(*given, size=n) for given in zip(sizes, shares, strict=True)]
        hits, misses = (np.cumsum(part, axis=1) for part in drawn)
        with np.errstate(invalid="ignore"):
            precision = np.nan_to_num(hits / (hits + misses))
        found["average_precision"].append((drawn[0] * precision).sum(axis=1) / sizes[0])
        above = (drawn[1] * (hits - drawn[0] / 2)).sum(axis=1)
        found["auc"].append(above / (sizes[0] * sizes[1]))
    ends = {name: np.quantile(np.concatenate(part), [0.025, 0.975]) for name, part in found.items()}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def scores_by_degree(edges: ArrayLike, others: ArrayLike, degrees: ArrayLike) -> list[RankedBin]:
    """How held-out edges rank among pairs without an edge, by the smaller degree of their ends.

    Parameters
    ----------
    edges, others
        As in `roc_curve`.
    degrees
        The smaller degree of the two ends of each edge, shape (n_edges,).

    Returns
    -------
    Bins whose limits double (0, 1, 2-3, 4-7, ...), as far as they have edges. The AUC of a bin is
    that of its edges against all the other pairs.

    Examples
    --------
    >>> scores_by_degree([2.0, 0.0], [1.0], degrees=[5, 1])
    [RankedBin(lowest=1, highest=1, n_edges=1, auc=0.0), RankedBin(lowest=4, highest=7, \
n_edges=1, auc=1.0)]
    """
    own, rivals = np.asarray(edges, np.float64), np.sort(np.asarray(others, np.float64))
    below = np.searchsorted(rivals, own, side="left")
    tied = np.searchsorted(rivals, own, side="right") - below
    wins = (below + tied / 2) / max(len(rivals), 1)
    bins = doubling_bins(degrees)
    return [
        RankedBin(
            lowest=int(2 ** (place - 1)) if place else 0,
            highest=int(2**place - 1),
            n_edges=int((bins == place).sum()),
            auc=float(wins[bins == place].mean()),
        )
        for place in np.unique(bins)
    ]


# ------------------------------------------------------- probabilities and training


def reliability_bins(
    calibrator: Calibrator, edges: ArrayLike, others: ArrayLike
) -> list[ReliabilityBin]:
    """Predicted probabilities against shares of edges, in up to ten bins of held-out pairs.

    Probabilities are raised to the share of edges among the given pairs. Bins hold equally many
    pairs, as far as ties allow: pairs of one probability are in one bin.

    Parameters
    ----------
    calibrator
        The map from scores to probabilities.
    edges, others
        As in `roc_curve`.

    Raises
    ------
    InputError
        As in `roc_curve`.

    Examples
    --------
    >>> from vgae import GAE, load_dataset, split_edges
    >>> split = split_edges(load_dataset("karate"), seed=0)
    >>> fitted = GAE(steps=5).fit(split).fitted_
    >>> edges, others = map(fitted.scores.pairs, (split.test.positives, split.test.negatives))
    >>> sum(one.n_pairs for one in reliability_bins(fitted.calibrator, edges, others))
    14
    """
    parts = [np.asarray(part, np.float64) for part in (edges, others)]
    n_edges, n_others = map(len, parts)
    if not (n_edges and n_others):
        raise InputError("reliability needs scores of edges and of pairs without an edge")
    found = calibrator.probabilities(
        np.concatenate(parts), prevalence_factor=calibrator.balanced * n_edges / n_others
    )
    return _binned(found, np.repeat([1.0, 0.0], [n_edges, n_others]))


def _binned(predicted: Values, is_edge: Values) -> list[ReliabilityBin]:
    # A tie takes the place of its first pair, so that no bin prefers edges or other pairs.
    places = np.searchsorted(np.sort(predicted), predicted, side="left")
    bins = places * min(RELIABILITY_BINS, len(predicted)) // len(predicted)
    found = []
    for place in np.unique(bins):
        inside = bins == place
        n, share = int(inside.sum()), float(is_edge[inside].mean())
        low, high = _wilson(share, n)
        found.append(ReliabilityBin(float(predicted[inside].mean()), share, low, high, n))
    return found


def _wilson(share: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927, eq. 7)."""
    whole = 1 + Z**2 / n
    middle = (share + Z**2 / (2 * n)) / whole
    reach = Z / whole * float(np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)))
    # Rounding would miss the ends that are exact, and leave the shares.
    return middle - reach if share > 0 else 0.0, middle + reach if share < 1 else 1.0


def training_curves(history: Sequence[Mapping[str, Any]]) -> TrainingCurves:
    """The terms of the loss and the validation metrics of a training.

    Parameters
    ----------
    history
        A record per step, at least one.

    Examples
    --------
    >>> steps = [{"step": 1, "loss": 3.0, "kl": 1.0, "reconstruction": 2.0, "seconds": 0.1}]
    >>> curves = training_curves(steps)
    >>> list(curves.losses), curves.metrics
    (['loss', 'kl', 'reconstruction'], {})
    """
    known = {"step", "loss", "seconds", "validation"}
    terms = [name for name in history[0] if name not in known]
    scored = [record for record in history if record.get("validation")]
    metrics = {
        name: np.array([record["validation"].get(name) for record in scored], np.float64)
        for name in VALIDATION
    }
    return TrainingCurves(
        steps=np.array([record["step"] for record in history], np.int64),
        losses={
            name: np.array([record[name] for record in history], np.float64)
            for name in ["loss", *(terms if len(terms) > 1 else [])]
        },
        validated=np.array([record["step"] for record in scored], np.int64),
        metrics={name: part for name, part in metrics.items() if np.isfinite(part).any()},
    )
