"""Expected weights of edges, from the scores of a model of counts or values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from vgae.data.graph import Graph
from vgae.data.split import HeldOut, count_non_edges, sample_non_edges
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError

__all__ = [
    "CountMap",
    "Expected",
    "Population",
    "ValueMap",
    "expected_of_arrays",
    "fit_count_map",
    "fit_value_map",
    "population",
    "strengths",
]

Numbers = NDArray[np.float64]

MOST_DRAWN = 100_000
"""Pairs without an edge that stand for all of them, at most."""

FLOOR = 0.02
"""Share of the rate by strengths in every rate of a model, so that no count is impossible."""

LEAST, MOST_LOG = 1e-12, 30.0
"""The least expected count, and the largest logarithm of one."""

QUANTILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of all expected events below the knots of the map of a model's rates."""

PULLS = (1.0, 3.0, 30.0)
"""Weights of the squared distances of a map from the one that changes nothing: of its level, of its
slope, and of all else. They are in events: a graph of a few hundred edges moves level and slope."""

MOST_NEWTON_STEPS = 50

OWN_VALUES = 10.0
"""How many validation edges weigh as much as the values that the model expects by itself."""


@dataclass(frozen=True)
class CountMap:
    """From the scores of pairs to expected counts, in a graph of so many edges.

    The logarithm of an expected count is a sum of pieces that are linear in the logarithm of the
    score, and of a multiple of the logarithm of the rate by strengths.

    Attributes
    ----------
    n_edges
        The number of edges of the graph that counts are expected in. Hidden edges leave rates that
        are too low by the share of the edges that is hidden; `for_edges` undoes this.
    scale
        What scores are multiplied by.
    knots
        Logarithms of rates at which the slope changes.
    terms
        Level, slope, changes of the slope at the knots, and the multiple of the logarithm of the
        rate by strengths; the logarithms of rates are less the first knot.
    source, target
        Numbers of each node whose products are the rates by strengths, see `strengths`; None where
        only scores count.

    Raises
    ------
    InputError
        A number is not finite, or sizes do not match.

    Examples
    --------
    >>> same = CountMap(n_edges=10)
    >>> scores, pairs = np.array([2.0]), np.array([[0, 1]])
    >>> [part.tolist() for part in same.logarithms(np.ones(1), pairs)]
    [[0.0], [0.0]]
    >>> [made.of(scores, pairs).round(6).tolist() for made in (same, same.for_edges(20))]
    [[2.0], [4.0]]
    >>> round(float(same.log_density(np.array([1.0]), np.array([1.0]))[0]), 6)
    -1.0
    >>> same.meaning, expected_of_arrays(same.arrays()) == same, same.with_nodes(1) == same
    ('count', True, True)
    """

    meaning: ClassVar[str] = "count"

    n_edges: int
    scale: float = 1.0
    knots: tuple[float, ...] = ()
    terms: tuple[float, ...] = (0.0, 1.0)
    source: Numbers | None = None
    target: Numbers | None = None

    def __post_init__(self) -> None:
        has_nodes = self.source is not None and self.target is not None
        odd = len(self.terms) != 2 + len(self.knots) + has_nodes
        if odd or (self.knots and not has_nodes) or self.n_edges < 1:
            raise InputError("expected weights: their terms do not match their knots")
        parts = [np.array([self.scale, *self.knots, *self.terms])]
        parts += [part for part in (self.source, self.target) if part is not None]
        if not all(np.isfinite(part).all() for part in parts) or self.scale <= 0:
            raise InputError("expected weights: hold a number that is not finite")

    def of(self, scores: NDArray[np.floating], pairs: NDArray[np.int64]) -> Numbers:
        """Expected counts of pairs.

        Parameters
        ----------
        scores
            Scores of the pairs, shape (n_pairs,).
        pairs
            Their node indices, shape (n_pairs, 2).
        """
        logs, by_strength = self.logarithms(scores, pairs)
        level, slope = self.terms[:2]
        sums = level + slope * logs
        if self.knots:
            sums = _pieces(logs, by_strength, np.array(self.knots)) @ np.array(self.terms)
        found: Numbers = np.maximum(np.exp(np.clip(sums, -MOST_LOG, MOST_LOG)), LEAST)
        return found

    def logarithms(
        self, scores: NDArray[np.floating], pairs: NDArray[np.int64]
    ) -> tuple[Numbers, Numbers]:
        """Logarithms of the rates that the map starts from, and of those by strengths."""
        rates = self.scale * np.maximum(np.asarray(scores, np.float64), 0.0)
        if self.source is None or self.target is None:
            return np.log(np.maximum(rates, LEAST)), np.zeros(len(rates))
        by_strength = self.source[pairs[:, 0]] * self.target[pairs[:, 1]]
        mixed = (1.0 - FLOOR) * rates + FLOOR * by_strength
        return np.log(np.maximum(mixed, LEAST)), np.log(np.maximum(by_strength, LEAST))

    def for_edges(self, n_edges: int) -> CountMap:
        """The same in a graph of another number of edges."""
        level = self.terms[0] + np.log(n_edges / self.n_edges)
        return replace(self, n_edges=n_edges, terms=(float(level), *self.terms[1:]))

    def with_nodes(self, n_new: int) -> CountMap:
        """The same with further nodes, of mean strength, after the known ones."""
        if self.source is None or self.target is None:
            return self
        new = np.full(n_new, self.source.mean()), np.full(n_new, self.target.mean())
        source, target = (
            np.concatenate([old, more])
            for old, more in zip((self.source, self.target), new, strict=True)
        )
        return replace(self, source=source, target=target)

    def log_density(self, weights: Numbers, expected: Numbers) -> Numbers:
        """Log probability of each count (Poisson)."""
        found: Numbers = weights * np.log(expected) - expected - gammaln(weights + 1.0)
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All numbers, as a run folder keeps them; `expected_of_arrays` reads them."""
        found = {
            "count": np.array([self.n_edges, self.scale]),
            "knots": np.array(self.knots, np.float64),
            "terms": np.array(self.terms, np.float64),
        }
        nodes = {"source": self.source, "target": self.target}
        return found | {name: part for name, part in nodes.items() if part is not None}


@dataclass(frozen=True)
class ValueMap:
    """From the scores of pairs to the values that their edges would have.

    Attributes
    ----------
    level, slope
        The expected value is level + slope * score.
    deviation
        Standard deviation of the values around it.

    Raises
    ------
    InputError
        A number is not finite, or there is no deviation.

    Examples
    --------
    >>> values = ValueMap(level=3.0, slope=2.0, deviation=1.0)
    >>> values.of(np.array([0.5]), np.array([[0, 1]])).tolist(), values.meaning
    ([4.0], 'value')
    >>> round(float(values.log_density(np.array([4.0]), np.array([4.0]))[0]), 4)
    -0.9189
    >>> values.for_edges(7) is values.with_nodes(2) is values
    True
    >>> expected_of_arrays(values.arrays()) == values
    True
    """

    meaning: ClassVar[str] = "value"

    level: float
    slope: float
    deviation: float

    def __post_init__(self) -> None:
        numbers = (self.level, self.slope, self.deviation)
        if not np.isfinite(numbers).all() or self.deviation <= 0:
            raise InputError("expected weights: hold a number that is not finite")

    def of(self, scores: NDArray[np.floating], pairs: NDArray[np.int64]) -> Numbers:  # noqa: ARG002
        """Expected values of pairs, if they were edges; parameters are those of `CountMap.of`."""
        found: Numbers = self.level + self.slope * np.asarray(scores, np.float64)
        return found

    def for_edges(self, n_edges: int) -> ValueMap:  # noqa: ARG002
        """The same: what an edge is worth does not depend on how many there are."""
        return self

    def with_nodes(self, n_new: int) -> ValueMap:  # noqa: ARG002
        """The same: nodes have no numbers here."""
        return self

    def log_density(self, weights: Numbers, expected: Numbers) -> Numbers:
        """Log density of each value (normal)."""
        steps = (weights - expected) / self.deviation
        found: Numbers = -0.5 * steps**2 - np.log(self.deviation * np.sqrt(2.0 * np.pi))
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All numbers, as a run folder keeps them; `expected_of_arrays` reads them."""
        return {"value": np.array([self.level, self.slope, self.deviation])}


Expected = CountMap | ValueMap
"""What the scores of a method say of the weights of edges."""


def expected_of_arrays(
    arrays: Mapping[str, NDArray[Any]], *, n_nodes: int | None = None
) -> Expected:
    """The map that these arrays were taken from.

    Parameters
    ----------
    arrays
        What `arrays()` of a map gave.
    n_nodes
        The number of nodes that there must be; None for any.

    Raises
    ------
    InputError
        They are not those of a map, or of another number of nodes.

    Examples
    --------
    >>> expected_of_arrays({"value": np.array([0.0, 1.0, 2.0])}).deviation
    2.0
    """
    try:
        if "value" in arrays:
            return ValueMap(*(float(number) for number in arrays["value"]))
        n_edges, scale = arrays["count"].tolist()
        knots, terms = (tuple(arrays[name].tolist()) for name in ("knots", "terms"))
        nodes = (arrays.get("source"), arrays.get("target"))
        wrong = [part for part in nodes if part is not None and part.shape != (n_nodes,)]
        if n_nodes is not None and wrong:
            raise ValueError("another number of nodes")
        return CountMap(int(n_edges), scale, knots, terms, *nodes)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError("expected weights: are not those of a map") from None


def strengths(graph: Graph) -> tuple[Numbers, Numbers]:
    """Numbers of each node whose products are expected counts: the degree-corrected null.

    They are in proportion to the sums of weights of each node, of a directed graph as source and as
    target. The products over all pairs that can be edges add up to the weights of the graph.

    Returns
    -------
    Numbers as first and as second node of a pair, shape (n_nodes,) each.

    Examples
    --------
    >>> source, target = strengths(Graph.from_edges([(0, 1), (1, 2)], weights=[3, 1]))
    >>> round(float(source[0] * target[1] + source[1] * target[2] + source[0] * target[2]), 6)
    4.0
    """
    weights, space = graph.adjacency.astype(np.float64), graph.pair_space
    out, into = (np.asarray(weights.sum(axis=axis)).ravel() for axis in (1, 0))
    types = np.zeros(graph.n_nodes, np.int64) if space.node_types is None else space.node_types
    table = np.ones((1, 1), bool) if space.node_types is None else space.type_table
    if not graph.directed:
        table = table | table.T
    sums = [np.bincount(types, side, minlength=len(table)) for side in (out, into)]
    itself = (table[types, types] * out * into).sum()
    products = (sums[0] @ table @ sums[1] - itself) / (1.0 if graph.directed else 2.0)
    total = weights.sum() / (1.0 if graph.directed else 2.0)
    factor = np.sqrt(total / products) if products > 0 else 0.0
    return factor * out, factor * into


@dataclass(frozen=True)
class Population:
    """Pairs that stand for all pairs of a graph that a model has not seen as edges.

    Attributes
    ----------
    pairs
        Held-out edges, then pairs without an edge, shape (n_pairs, 2).
    weights
        Their weights: 1 for each edge of an unweighted graph, 0 without an edge.
    stands_for
        How many pairs of the graph each of them stands for.
    n_held_out
        Number of held-out edges.

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1), (1, 2)])
    >>> made = population(graph, np.array([(1, 2)]), seed=0)
    >>> made.pairs.tolist(), made.weights.tolist(), made.stands_for.tolist(), made.n_held_out
    ([[1, 2], [0, 2]], [1.0, 0.0], [2.0, 1.0], 1)
    """

    pairs: NDArray[np.int64]
    weights: Numbers
    stands_for: Numbers
    n_held_out: int


def population(graph: Graph, edges: NDArray[np.int64], *, seed: int) -> Population:
    """Held-out edges and pairs without an edge, each with the number of pairs it stands for.

    A held-out edge stands for as many edges as there are per held-out edge. All pairs without an
    edge are taken where there are up to 100,000, and otherwise so many are drawn. Sums over the
    graph are then estimated without bias (Horvitz & Thompson 1952).

    Parameters
    ----------
    graph
        The graph with all edges that are spoken of, held-out ones included.
    edges
        Held-out edges of the graph by node index, shape (n_edges, 2).
    seed
        Seed of the pairs without an edge.

    Examples
    --------
    >>> ring = Graph.from_edges([(i, (i + 1) % 9) for i in range(9)])
    >>> made = population(ring, ring.edges[:2], seed=0)
    >>> float(made.stands_for @ made.weights), float(made.stands_for.sum())  # edges, and pairs
    (9.0, 36.0)
    """
    found = np.ones(len(edges))
    if graph.weights is not None:
        found = graph.weights[graph.places(edges)].astype(np.float64)
    n_without = count_non_edges(graph)
    n_drawn = min(n_without, MOST_DRAWN)
    random = np.random.default_rng(stream_seed(seed, "pairs without weight"))
    others = sample_non_edges(graph, n_drawn, random, advice="")
    return Population(
        np.concatenate([edges, others]),
        np.concatenate([found, np.zeros(n_drawn)]),
        np.concatenate(
            [
                np.full(len(edges), graph.n_edges / max(len(edges), 1)),
                np.full(n_drawn, n_without / max(n_drawn, 1)),
            ]
        ),
        len(edges),
    )


def fit_count_map(
    train: Graph, known: Graph, validation: HeldOut, scores: Any, *, seed: int
) -> CountMap:
    """Learn expected counts from the rates of a model and the counts of validation edges.

    Rates that were fitted to training edges are too far from each other on edges that were not
    seen, and the more so the smaller the graph is. The map is the maximum of the Poisson likelihood
    of the validation edges and of pairs without an edge, each standing for its share of all pairs,
    with a pull towards the map that changes nothing. Without validation edges it only makes the
    rates add up to the weights.

    Parameters
    ----------
    train, known
        The training graph, and the graph of the training and validation edges.
    validation
        Validation edges.
    scores
        `vgae.learning.scores.Scores`: rates of all pairs, learned from `train`.
    seed
        Seed of the pairs without an edge.

    Examples
    --------
    >>> from vgae.learning.scores import VectorScores
    >>> ring = Graph.from_edges([(i, (i + 1) % 20) for i in range(20)])
    >>> same = VectorScores(np.ones((20, 1)))
    >>> found = fit_count_map(ring, ring, HeldOut.nothing(), same, seed=0)
    >>> found.of(np.ones(1), np.array([[0, 1]])).round(3).tolist()  # 20 edges, 190 pairs
    [0.105]
    """
    every = population(train, train.edges, seed=seed)
    total = every.stands_for @ np.maximum(scores.pairs(every.pairs).astype(np.float64), 0.0)
    scale = float(every.stands_for @ every.weights / max(total, LEAST))
    start = CountMap(train.n_edges, scale, (), (0.0, 1.0, 0.0), *strengths(train))
    level = float(np.log(known.n_edges / train.n_edges))
    if not validation:
        return replace(start, n_edges=known.n_edges, terms=(level, 1.0, 0.0))
    held = population(known, validation.positives, seed=seed)
    # Each validation edge counts once, so that the pull is in events that were seen.
    stands_for = held.stands_for * (held.n_held_out / known.n_edges)
    logs, by_strength = start.logarithms(scores.pairs(held.pairs), held.pairs)
    order = np.argsort(logs, kind="stable")
    mass = np.cumsum((stands_for * np.exp(logs))[order])
    places = np.searchsorted(mass, np.array(QUANTILES) * mass[-1])
    knots = np.unique(logs[order][np.minimum(places, len(logs) - 1)])
    table = _pieces(logs, by_strength, knots)
    prior = np.zeros(table.shape[1])
    prior[:2] = level + knots[0], 1.0
    pulls = np.concatenate([PULLS[:2], np.full(table.shape[1] - 2, PULLS[2])])
    terms = _poisson_regression(table, held.weights, stands_for, prior, pulls)
    return CountMap(
        known.n_edges,
        scale,
        tuple(knots.tolist()),
        tuple(terms.tolist()),
        start.source,
        start.target,
    )


def _pieces(logs: Numbers, by_strength: Numbers, knots: Numbers) -> Numbers:
    """Level, logarithm of the rate, what it exceeds each knot by, and that of the other rate."""
    steps = logs - knots[0]
    beyond = [np.maximum(logs - knot, 0.0) for knot in knots]
    return np.stack([np.ones_like(steps), steps, *beyond, by_strength - knots[0]], axis=1)


def _poisson_regression(
    table: Numbers, counts: Numbers, stands_for: Numbers, prior: Numbers, pulls: Numbers
) -> Numbers:
    """The terms whose exponential sums are the likeliest rates of the counts, near the prior."""

    def objective(terms: Numbers) -> tuple[float, Numbers]:
        sums = np.clip(table @ terms, -MOST_LOG, MOST_LOG)
        rates = np.exp(sums)
        away = terms - prior
        value = stands_for @ (rates - counts * sums) + 0.5 * pulls @ away**2
        return float(value), rates

    terms = prior
    value, rates = objective(terms)
    for _ in range(MOST_NEWTON_STEPS):
        gradient = table.T @ (stands_for * (rates - counts)) + pulls * (terms - prior)
        hessian = (table.T * (stands_for * rates)) @ table + np.diag(pulls)
        step = np.linalg.solve(hessian, -gradient)
        promised = -gradient @ step
        if promised <= 1e-10 * max(abs(value), 1.0):
            break
        for size in 0.5 ** np.arange(30):
            moved, moved_rates = objective(terms + size * step)
            if moved <= value - 1e-4 * size * promised:
                break
        else:
            break
        terms, value, rates = terms + size * step, moved, moved_rates
    return terms


def fit_value_map(
    train: Graph, known: Graph, validation: HeldOut, scores: Any, scale: tuple[float, float]
) -> ValueMap:
    """Learn expected values from the scores of a model and the values of validation edges.

    A line through the values of validation edges, with a pull towards what the model was trained
    for; and their deviation from it. Without validation edges, the deviation is that of the
    training edges, which is too small where a model has many dimensions.

    Parameters
    ----------
    train, known, validation, scores
        As in `fit_count_map`.
    scale
        Mean and standard deviation of the training edges, in which scores are.

    Examples
    --------
    >>> from vgae.learning.scores import VectorScores
    >>> path = Graph.from_edges([(0, 1), (1, 2)], weights=[2, 4])
    >>> zeros = VectorScores(np.zeros((3, 1)))
    >>> fit_value_map(path, path, HeldOut.nothing(), zeros, (3.0, 1.0))
    ValueMap(level=3.0, slope=1.0, deviation=1.0)
    """
    edges = validation.positives if validation else train.edges
    if known.weights is None:
        return ValueMap(1.0, 0.0, 1.0)
    values = known.weights[known.places(edges)].astype(np.float64)
    found = scores.pairs(edges).astype(np.float64)
    line = np.array(scale)
    if validation:
        table = np.stack([np.ones_like(found), found], axis=1)
        left = table.T @ table + OWN_VALUES * np.eye(2)
        line = np.linalg.solve(left, table.T @ values + OWN_VALUES * line)
    rest = values - line[0] - line[1] * found
    own = OWN_VALUES if validation else 0.0
    variance = (rest @ rest + own * scale[1] ** 2) / (len(rest) + own)
    level, slope = line.tolist()
    return ValueMap(level, slope, float(np.sqrt(variance)) or 1e-6 * (abs(scale[0]) or 1.0))
