"""Probabilities that are frequencies: from any scores, by a map that keeps the ranking."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, Strict, model_validator
from scipy import sparse
from scipy.special import expit, xlog1py, xlogy

from vgae.data.adjacency import places_of
from vgae.data.graph import Graph
from vgae.data.split import Split, TrainingView, count_non_edges
from vgae.ground.config import Settings, stream_seed
from vgae.ground.errors import InputError
from vgae.ground.memory import Surplus
from vgae.learning.metrics import expected_calibration_error
from vgae.learning.scores import PAIRS_AT_ONCE, Scores, block_rows, blocks, open_partners

__all__ = ["Calibrator", "calibration_at_prevalence", "expected_edges", "fit_calibrator"]

MOST_NODES_COUNTED = 50_000
"""In larger graphs, counting all open pairs takes minutes: a sample of them is counted."""
N_SAMPLED = 2**22
"""Open pairs in that sample."""
FEWEST_ROWS, N_OF_ROWS, MOST_OF_ROWS = 256, 2**20, 2**26
"""Where scores are dear, all pairs of random nodes are counted: at least so many nodes, and about
so many pairs; fewer nodes where these have more pairs than the last number."""

N_DRAWN, N_EVEN = 2**12, 2**13
"""Levels between which open pairs are counted: scores of drawn pairs, and evenly spaced scores."""

KNOT_STEP, FEWEST_BEYOND = 0.5, 3
"""Distance of the knots by rarity, the logit of the share of open pairs with a lower score, and
the number of pairs beyond the last but one on either side."""
ROUGHNESS, STEEPNESS, LEAST_SLOPE = 1.5, 0.05, 1e-3
"""Penalties of the log-odds as a function of rarity, on the integral of its squared second
derivative and of its squared slope; the least slope."""
PARTS = 32
"""Between two knots, pairs stand at the mean score of each of so many parts."""
MOST_NEWTON_STEPS = 200

LOG_ODDS_STEP, MOST_LOG_ODDS = 2e-3, 40.0
"""Pairs whose log-odds differ by less are counted together; beyond, probabilities are 0 or 1."""
MOST_CERTAIN = 0.999
"""The most that is predicted for a test edge, so that the log loss is finite."""

Knots = Annotated[tuple[float, ...], Strict(False), Field(min_length=1)]
"""Numbers in a tuple, or in a list, as JSON has it."""


class Calibrator(Settings):
    """A strictly increasing map from scores to probabilities, as `fit_calibrator` makes it.

    The log-odds are linear between the knots. Beyond the first and the last knot, they go on with
    the slope of the line from one to the other, since no pairs were counted there. The ranking of
    the pairs does not change.

    Attributes
    ----------
    knot_scores
        Scores, ascending.
    knot_log_odds
        Logarithm of the odds p / (1 - p) at each of these scores, ascending.
    n_edges
        Number of validation edges that the map was fitted to.
    n_open
        Number of pairs that were no training edge, with the validation edges.

    Raises
    ------
    InputError
        From `parse`: a value is missing or not allowed.

    Examples
    --------
    >>> values = {"knot_scores": [0.0, 2.0], "knot_log_odds": [-4.0, 0.0]}
    >>> calibrator = Calibrator.parse({**values, "n_edges": 5, "n_open": 105})
    >>> calibrator.log_odds([1.0, 3.0]).tolist(), calibrator.probabilities([2.0]).tolist()
    ([-2.0, 2.0], [0.5])
    >>> calibrator.probabilities([2.0], prevalence_factor=3.0).tolist()
    [0.75]
    >>> calibrator.balanced
    20.0
    >>> Calibrator.parse(calibrator.as_dict()) == calibrator
    True
    >>> round(calibrator.error(edges=[2.0], others=[2.0]), 2)  # predicts 20 edges per other pair
    0.45
    """

    knot_scores: Knots
    knot_log_odds: Knots
    n_edges: int = Field(ge=1)
    n_open: int = Field(ge=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.knot_scores) != len(self.knot_log_odds):
            raise ValueError(
                f"{len(self.knot_scores)} knot_scores, but {len(self.knot_log_odds)} knot_log_odds"
            )
        for name in ("knot_scores", "knot_log_odds"):
            values = getattr(self, name)
            if any(high <= low for low, high in pairwise(values)):
                raise ValueError(f"{name} must be ascending and distinct")
        if self.n_open < self.n_edges:
            raise ValueError(f"n_edges = {self.n_edges} exceeds n_open = {self.n_open}")
        return self

    @property
    def balanced(self) -> float:
        """The factor of the prevalence for as many edges as pairs without one (1:1)."""
        return max(self.n_open - self.n_edges, 1) / self.n_edges

    def log_odds(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Logarithm of the odds p / (1 - p) of an edge at each score, in the shape of `scores`."""
        return _through(self.knot_scores, self.knot_log_odds, np.asarray(scores, np.float64))

    def probabilities(
        self, scores: ArrayLike, *, prevalence_factor: float = 1.0
    ) -> NDArray[np.float64]:
        """Probability of an edge at each score, in the shape of `scores`.

        Of the open pairs with probability p, a share of p are edges that were held out for
        validation. So p is also the probability of a missing edge in a graph that misses as many
        edges as were held out, at random.

        Parameters
        ----------
        scores
            Scores of pairs, by the method that the map was fitted to.
        prevalence_factor
            Factor of the odds, for pairs among which edges are more or less frequent: the number
            of test edges per validation edge, or `balanced` for one pair without an edge per edge.

        Raises
        ------
        InputError
            The factor is not a positive number.
        """
        shift = _log_factor(prevalence_factor)
        found: NDArray[np.float64] = expit(self.log_odds(scores) + shift)
        return found

    def error(self, edges: ArrayLike, others: ArrayLike) -> float:
        """Expected calibration error among pairs with an edge and pairs without, by their scores.

        The odds are raised to the frequency of edges among these pairs. There are 15 bins of equal
        width; see `vgae.learning.metrics.expected_calibration_error`.
        """
        scores = [np.asarray(part, np.float64) for part in (edges, others)]
        n_edges, n_others = map(len, scores)
        factor = self.balanced * n_edges / max(1, n_others)
        found = self.probabilities(np.concatenate(scores), prevalence_factor=factor)
        return expected_calibration_error(found, np.repeat([1, 0], [n_edges, n_others]))

    def as_dict(self) -> dict[str, Any]:
        """All fields as plain values, which `parse` reads."""
        return self.model_dump(mode="json")


def fit_calibrator(view: TrainingView, scores: Scores, *, seed: int = 0) -> Calibrator | None:
    """Learn from the validation edges how scores become probabilities.

    The positives are the validation edges, the negatives all other pairs that are no training
    edge. Training edges do not take part, since their scores are inflated. In graphs of up to
    50,000 nodes all pairs are counted, otherwise a sample of four million stands for them.

    The map is a logistic regression that is increasing and piecewise linear in the score, with
    knots at fixed shares of the negatives, denser towards the lowest and the highest scores. A
    penalty holds neighbouring slopes together. The intercept has no penalty, so the probabilities
    of all open pairs sum to the number of validation edges.

    Parameters
    ----------
    view
        What the method saw.
    scores
        Scores of all pairs, from a method that saw `view`.
    seed
        Seed of the pairs that are drawn.

    Returns
    -------
    The map; None without validation edges.

    Raises
    ------
    InputError
        The scores are of another number of nodes.

    Examples
    --------
    >>> from vgae.data.split import split_edges
    >>> from vgae.learning.baselines import baseline
    >>> grid = [(i, i + step) for i in range(100) for step in (1, 2, 3)]
    >>> view = split_edges(Graph.from_edges(grid), seed=0).training
    >>> scores = baseline("katz").fit(view)
    >>> calibrator = fit_calibrator(view, scores)
    >>> calibrator.n_edges, round(expected_edges(scores, calibrator, view.train), 1)
    (15, 15.0)
    """
    n_nodes = view.train.n_nodes
    if scores.n_nodes != n_nodes:
        raise InputError(f"scores of {scores.n_nodes:,} nodes, but the graph has {n_nodes:,}")
    n_edges = len(view.validation.positives)
    if n_edges == 0:
        return None
    edges = scores.pairs(view.validation.positives)
    levels = _levels(scores, edges, view.train, seed)
    counts = _counts(scores, levels, view.train, seed)
    # A pair that reaches no level counts at the lowest, since tied scores are levels themselves.
    counts = np.append(counts[0] + counts[1], counts[2:])
    own = np.clip(np.searchsorted(levels, edges, side="right") - 1, 0, None)
    positives = np.bincount(own, minlength=len(levels)).astype(np.float64)
    negatives = np.maximum(counts - positives, 0.0)  # a sample may miss a validation edge
    used = 1 + np.flatnonzero(positives + negatives)[-1]
    knots, log_odds = _fit(levels[:used].astype(np.float64), negatives[:used], positives[:used])
    return Calibrator(
        knot_scores=tuple(knots.tolist()),
        knot_log_odds=tuple(log_odds.tolist()),
        n_edges=n_edges,
        n_open=count_non_edges(view.train),
    )


def expected_edges(scores: Scores, calibrator: Calibrator, known: Graph, *, seed: int = 0) -> float:
    """Sum of the probabilities of all open pairs: how many edges are expected among them.

    Pairs are counted in steps of 0.2 % of their probability, so that memory is linear and the sum
    is exact to 0.1 %. In graphs of more than 50,000 nodes a sample of the pairs is counted.

    Parameters
    ----------
    scores
        Scores of all pairs.
    calibrator
        Their map to probabilities.
    known
        A graph whose edges are not open, and whose kind and types say which pairs can be edges.
    seed
        Seed of the sample.

    Examples
    --------
    >>> from vgae.learning.scores import FunctionScores
    >>> values = {"knot_scores": [0.0, 2.0], "knot_log_odds": [-4.0, 0.0]}
    >>> calibrator = Calibrator.parse({**values, "n_edges": 5, "n_open": 105})
    >>> always = FunctionScores(lambda pairs: np.full(len(pairs), 2.0), 4)
    >>> known = Graph.from_edges([(0, 1), (1, 2)], n_nodes=4)
    >>> round(expected_edges(always, calibrator, known), 2)  # four open pairs of probability 1/2
    2.0
    """
    _, log_odds, counts = _cells(scores, calibrator, known, seed)
    return float((counts * expit(log_odds)).sum())


def calibration_at_prevalence(
    split: Split, scores: Scores, calibrator: Calibrator, *, seed: int = 0
) -> dict[str, Any]:
    """Compare predicted with actual test edges among all pairs that are not known.

    Among the pairs that are not known, the probability of a test edge is predicted to be the odds
    of a validation edge, times the number of test edges per validation edge, at most 0.999. This
    is no change of the odds by that factor: the pairs without a validation edge, to which the
    odds refer, contain the test edges. All pairs but the training and validation edges are
    counted, so that edges are as rare as they are in the graph.

    Parameters
    ----------
    split
        A split with test pairs.
    scores
        Scores of all pairs, from a method that saw `split.training`.
    calibrator
        What `fit_calibrator` made of `split.training` and these scores.
    seed
        Seed of the sample of pairs in graphs of more than 50,000 nodes.

    Returns
    -------
    Plain values: `predicted` and `actual` number of test edges and their `ratio`; `deciles`, the
    same for ten groups of pairs from the least to the most probable, of about equal predicted
    number, each with its `lowest` and `highest` probability; `log_loss` per open pair, in nats,
    and `log_loss_of_prevalence`, that of giving all pairs the same, true probability.

    Raises
    ------
    InputError
        The split has no test pairs.

    Examples
    --------
    >>> from vgae.data.split import split_edges
    >>> from vgae.learning.baselines import baseline
    >>> grid = [(i, i + step) for i in range(100) for step in (1, 2, 3)]
    >>> split = split_edges(Graph.from_edges(grid), seed=0)
    >>> scores = baseline("katz").fit(split.training)
    >>> calibrator = fit_calibrator(split.training, scores)
    >>> found = calibration_at_prevalence(split, scores, calibrator)
    >>> found["actual"], round(found["ratio"], 1)
    (30, 1.0)
    >>> found["log_loss"] < found["log_loss_of_prevalence"]
    True
    """
    edges = split.test.positives
    if len(edges) == 0:
        raise InputError("split: has no test pairs; hold out more than 0 for the test")
    levels, log_odds, counts = _cells(scores, calibrator, split.training.known, seed)
    shift = np.log(len(edges) / calibrator.n_edges)
    probabilities = np.minimum(np.exp(log_odds + shift), MOST_CERTAIN)
    mass = counts * probabilities
    own = np.searchsorted(levels, scores.pairs(edges), side="right")
    actual = np.bincount(own, minlength=len(counts))
    # By the middle of a cell's mass, so that a cell is in one group whole.
    groups = np.minimum((np.cumsum(mass) - mass / 2) * (10 / mass.sum()), 9).astype(np.int64)
    n_open, n_edges = counts.sum(), len(edges)
    return {
        "predicted": float(mass.sum()),
        "actual": n_edges,
        "ratio": float(mass.sum() / n_edges),
        "deciles": [
            {
                "lowest": float(probabilities[chosen].min()),
                "highest": float(probabilities[chosen].max()),
                "predicted": float(mass[chosen].sum()),
                "actual": int(actual[chosen].sum()),
            }
            for chosen in ((groups == group) & (counts > 0) for group in range(10))
            if chosen.any()
        ],
        "log_loss": _log_loss(probabilities, actual, counts),
        "log_loss_of_prevalence": _log_loss(n_edges / n_open, n_edges, n_open),
    }


def _log_loss(probabilities: Any, edges: Any, pairs: Any) -> float:
    """Mean log loss of groups of pairs, some of which are edges."""
    total = xlogy(edges, probabilities) + xlog1py(pairs - edges, -probabilities)
    return float(-np.sum(total) / np.sum(pairs))


# --------------------------------------------------------------------- counting pairs


def _levels(
    scores: Scores, edges: NDArray[np.floating], known: Graph, seed: int
) -> NDArray[np.floating]:
    """Scores, ascending and distinct, between which the open pairs are counted.

    Those of the validation edges and of drawn pairs, so that tied scores become levels, and evenly
    spaced ones, which resolve the highest scores, also above those that were drawn.
    """
    random = np.random.default_rng(stream_seed(seed, "calibration levels"))
    drawn = scores.pairs(known.pair_space.draw(N_DRAWN, random))
    found = np.concatenate([edges, drawn])
    finite = found[np.isfinite(found)]
    if finite.size == 0:
        return np.zeros(1, found.dtype)
    low, high = finite.min(), finite.max()
    with np.errstate(over="ignore"):
        even = low + (high - low) * np.linspace(0, 2, N_EVEN, dtype=found.dtype)
    return np.unique(np.concatenate([finite, even[np.isfinite(even)]]))


def _counts(
    scores: Scores, levels: NDArray[np.floating], known: Graph, seed: int
) -> NDArray[np.float64]:
    """How many open pairs reach at least 0, 1, 2, ... of the levels, counted or estimated."""
    n_nodes = scores.n_nodes
    if scores.dear:
        return _counts_of_some_rows(scores, levels, known, seed)
    if n_nodes <= MOST_NODES_COUNTED:
        return scores.reaching(levels, known).astype(np.float64)
    random = np.random.default_rng(stream_seed(seed, "calibration counts"))
    space = known.pair_space
    codes = space.codes(known.edges)
    counts = np.zeros(len(levels) + 1)
    for pairs in blocks(space.draw(N_SAMPLED, random), PAIRS_AT_ONCE):
        is_open = places_of(space.codes(pairs), codes) < 0
        reached = np.searchsorted(levels, scores.pairs(pairs[is_open]), side="right")
        counts += np.bincount(reached, minlength=len(counts))
    counts *= count_non_edges(known) / max(counts.sum(), 1.0)
    return counts


def _counts_of_some_rows(
    scores: Scores, levels: NDArray[np.floating], known: Graph, seed: int
) -> NDArray[np.float64]:
    """The same, estimated from the open pairs of random nodes."""
    n_nodes = scores.n_nodes
    random = np.random.default_rng(stream_seed(seed, "calibration counts"))
    fewest = min(FEWEST_ROWS, -(-MOST_OF_ROWS // n_nodes))
    n_rows = min(n_nodes, max(fewest, N_OF_ROWS // n_nodes))
    counts, surplus = np.zeros(len(levels) + 1), Surplus()
    for rows in blocks(random.permutation(n_nodes)[:n_rows], block_rows(n_nodes)):
        found = scores.rows(rows).astype(np.float64)
        found[~open_partners(known, rows)] = np.nan
        # There are fewer levels than scores, and sorted scores are next to each other.
        ranked = np.sort(found[~np.isnan(found)])
        below = np.searchsorted(ranked, levels, side="left")
        counts += np.diff(below, prepend=0, append=len(ranked))
        surplus.give_back()
    scaled: NDArray[np.float64] = counts * (count_non_edges(known) / max(counts.sum(), 1.0))
    return scaled


def _cells(
    scores: Scores, calibrator: Calibrator, known: Graph, seed: int
) -> tuple[NDArray[np.floating], NDArray[np.float64], NDArray[np.float64]]:
    """Levels of the score, and log-odds and number of the open pairs below, between and above."""
    grid = np.arange(-MOST_LOG_ODDS, MOST_LOG_ODDS, LOG_ODDS_STEP)
    with np.errstate(over="ignore"):
        levels = _through(calibrator.knot_log_odds, calibrator.knot_scores, grid)
        # In the type of the scores, so that a level and a score compare as they are counted.
        levels = np.unique(levels.astype(scores.pairs(np.empty((0, 2), np.int64)).dtype))
    levels = levels[np.isfinite(levels)]
    log_odds = calibrator.log_odds(levels)
    # Half a step above the level, except where neighbouring scores lie further apart than that.
    middles = log_odds + np.minimum(np.diff(log_odds, append=np.inf), LOG_ODDS_STEP) / 2
    counts = _counts(scores, levels, known, seed)
    return levels, np.append(-MOST_LOG_ODDS, middles), counts


# ---------------------------------------------------------------------------- fitting


def _fit(
    levels: NDArray[np.float64], negatives: NDArray[np.float64], positives: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Knots and log-odds of the map, from the pairs with and without a validation edge per level.

    The levels are scores, ascending.
    """
    knots, steps = _knots(levels, negatives)
    start = np.log((positives.sum() + 0.5) / (negatives.sum() + 0.5))
    if len(knots) == 1:
        return knots, np.array([start])
    # Log-odds at the knots are slopes times steps, summed up; at a level they are interpolated.
    sums = np.tril(np.broadcast_to(steps, (len(knots), len(steps))), -1)
    at_knots = np.hstack([np.ones((len(knots), 1)), sums])
    (without, weights), (edges, counts) = (
        _condensed(levels, pairs, knots) for pairs in (negatives, positives)
    )
    zero, one = (_interpolation(points, knots) @ at_knots for points in (without, edges))
    # Integrals over the rarity of the squared second derivative and of the squared slope.
    bends = np.diff(np.eye(len(knots))[1:], axis=0) / np.sqrt((steps[1:] + steps[:-1]) / 2)[:, None]
    penalty = ROUGHNESS * bends.T @ bends + STEEPNESS * np.diag(np.append(0.0, steps))

    def objective(values: NDArray[np.float64]) -> tuple[float, Any, Any]:
        at_zero, at_one = zero @ values, one @ values
        loss = weights @ np.logaddexp(0, at_zero) + counts @ np.logaddexp(0, -at_one)
        of_zero, of_one = expit(at_zero), expit(-at_one)
        gradient = (weights * of_zero) @ zero - (counts * of_one) @ one
        hessian = (zero.T * (weights * of_zero * (1 - of_zero))) @ zero
        hessian += (one.T * (counts * of_one * (1 - of_one))) @ one
        pull = penalty @ values
        return float(loss + values @ pull), gradient + 2 * pull, hessian + 2 * penalty

    least = np.append(-np.inf, np.full(len(steps), LEAST_SLOPE))
    return knots, at_knots @ _minimum(objective, np.append(start, least[1:]), least)


def _knots(
    levels: NDArray[np.float64], negatives: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Levels at about equal distances by rarity, with the first and the last, and the distances."""
    above = np.cumsum(negatives[::-1])[::-1]
    total = above[0]
    # The logit of the share of pairs below a level: the same measure of rarity at both ends.
    rarity = np.log((total - above + 0.5) / (above + 0.5))
    most = np.log(total / FEWEST_BEYOND + 1)
    reached = np.searchsorted(rarity, np.arange(-most, most, KNOT_STEP), side="right") - 1
    places = np.concatenate([[0], reached, [len(levels) - 1]])
    _, first = np.unique(np.round(rarity[places], 6), return_index=True)
    places = np.unique(places[first])
    return levels[places], np.diff(rarity[places])


def _minimum(
    objective: Callable[[NDArray[np.float64]], tuple[float, Any, Any]],
    values: NDArray[np.float64],
    least: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The minimum of a strictly convex function where no value is below its least one.

    Newton's method on the values that are free to move (Bertsekas 1982, "Projected Newton methods
    for optimization problems with simple constraints"). Quasi-Newton methods stop early here, since
    the values differ by orders of magnitude in how many pairs they matter to.
    """
    for _ in range(MOST_NEWTON_STEPS):
        before, gradient, hessian = objective(values)
        free = (values > least) | (gradient < 0)
        step = np.zeros_like(values)
        step[free] = np.linalg.solve(hessian[np.ix_(free, free)], -gradient[free])
        promised = -gradient @ step
        if promised <= 1e-10 * abs(before):
            break
        for size in 0.5 ** np.arange(30):
            moved = np.maximum(values + size * step, least)
            if objective(moved)[0] <= before - 1e-4 * size * promised:
                break
        else:
            break
        values = moved
    return values


def _condensed(
    levels: NDArray[np.float64], counts: NDArray[np.float64], knots: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean score and number of the pairs in each of PARTS equal parts between knots."""
    place = np.interp(levels, knots, np.arange(len(knots)))
    parts = (place * PARTS).astype(np.int64)
    weights, sums = np.zeros((2, parts[-1] + 1))
    np.add.at(weights, parts, counts)
    np.add.at(sums, parts, counts * levels)
    kept = weights > 0
    return np.clip(sums[kept] / weights[kept], knots[0], knots[-1]), weights[kept]


def _interpolation(points: NDArray[np.float64], knots: NDArray[np.float64]) -> sparse.csr_array:
    """The matrix that interpolates values at the knots linearly, shape (n_points, n_knots)."""
    left = np.clip(np.searchsorted(knots, points, side="right") - 1, 0, len(knots) - 2)
    share = (points - knots[left]) / (knots[left + 1] - knots[left])
    row = np.arange(len(points))
    entries = (np.r_[1 - share, share], (np.r_[row, row], np.r_[left, left + 1]))
    return sparse.csr_array(entries, shape=(len(points), len(knots)))


def _through(
    knots: tuple[float, ...], values: tuple[float, ...], points: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A line through knots, beyond them with the slope from the first to the last, or with 1."""
    slope = 1.0 if len(knots) == 1 else (values[-1] - values[0]) / (knots[-1] - knots[0])
    with np.errstate(over="ignore"):
        beyond = slope * (points - np.clip(points, knots[0], knots[-1]))
    found: NDArray[np.float64] = np.interp(points, knots, values) + beyond
    return found


def _log_factor(prevalence_factor: float) -> float:
    if not 0 < prevalence_factor < np.inf:
        raise InputError(f"prevalence_factor = {prevalence_factor}: must be a positive number")
    return float(np.log(prevalence_factor))
