"""How well expected weights agree with the weights of held-out edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgae.data.graph import Graph
from vgae.data.split import Split
from vgae.ground.errors import InputError
from vgae.learning.scores import Scores
from vgae.learning.settings import WEIGHT_METRICS
from vgae.learning.weights import CountMap, Expected, Population, ValueMap, population, strengths

__all__ = ["spearman", "weight_metrics", "weight_report"]

Numbers = NDArray[np.float64]

N_GROUPS = 10


def spearman(first: Any, second: Any) -> float | None:
    """Rank correlation, with mean ranks of ties; None where one side has a single value.

    Examples
    --------
    >>> round(spearman([1, 2, 3], [2, 4, 9]), 6), spearman([1, 2], [1, 1])
    (1.0, None)
    """
    from scipy.stats import rankdata  # loads for a second, which every command would wait for

    ranks = [rankdata(side) - (len(side) + 1) / 2.0 for side in (first, second)]
    sizes = [float(np.sqrt(side @ side)) for side in ranks]
    if min(sizes, default=0.0) == 0.0:
        return None
    return float(np.clip(ranks[0] @ ranks[1] / (sizes[0] * sizes[1]), -1.0, 1.0))


def weight_metrics(
    split: Split, scores: Scores, names: Sequence[str] = WEIGHT_METRICS
) -> dict[str, float | None]:
    """Metrics of the weights of test edges, by name.

    Where weights are counts, a test edge stands for its share of all edges, and pairs without an
    edge, whose count is 0, stand for all of these; see `vgae.learning.weights.population`. Where
    they are values, the test edges stand for themselves.

    Parameters
    ----------
    split
        A split with test pairs.
    scores
        Scores of all pairs, from a method that saw `split.training`.
    names
        "log_likelihood": of counts, the log likelihood of all pairs of the graph divided by the
        number of its edges; of values, the mean log density of a test edge. "rmse": the root of the
        mean squared error of the expected weight, of all pairs for counts and of test edges for
        values. "spearman": rank correlation of the scores and the weights of test edges, which any
        method has.

    Returns
    -------
    None where a method expects no weights.

    Raises
    ------
    InputError
        A method expects counts and a weight is none.

    Examples
    --------
    >>> from vgae.data.split import split_edges
    >>> from vgae.learning.baselines import baseline
    >>> ring = [(i, (i + 1) % 40) for i in range(40)]
    >>> split = split_edges(Graph.from_edges(ring, weights=[1, 3] * 20), seed=0)
    >>> found = weight_metrics(split, baseline("strength").fit(split.training))
    >>> round(found["log_likelihood"], 1)
    -20.3
    >>> weight_metrics(split, baseline("katz").fit(split), ["rmse"])
    {'rmse': None}
    """
    found: dict[str, float | None] = {}
    measured = None
    if scores.expected is not None and set(names) - {"spearman"}:
        measured = _Measured(split, scores, scores.expected)
    for name in names:
        if name == "spearman":
            edges = split.test.positives
            found[name] = spearman(scores.pairs(edges), _weights(split.graph, edges))
        elif measured is None:
            found[name] = None
        else:
            found[name] = measured.log_likelihood if name == "log_likelihood" else measured.rmse
    return found


def weight_report(split: Split, scores: Scores) -> dict[str, Any] | None:
    """What `weight_metrics` has, next to the null and with the calibration in ten groups.

    Parameters
    ----------
    split
        A split with test pairs.
    scores
        Scores of a method that expects weights.

    Returns
    -------
    None where counts are expected and a test edge has a weight that is none. Otherwise plain
    values: `meaning`; the metrics; `log_likelihood_of_null`, that of the strengths of nodes
    alone for counts, and of a constant for values; `predicted` and `actual` weight of the whole
    graph (for values, their mean) and their `ratio`; `deciles`, the same for ten groups from the
    least to the largest expected weight, of about equal predicted weight (for values, of equally
    many edges), each with its `lowest` and `highest` expected weight and its number of test edges.

    Examples
    --------
    >>> from vgae.data.split import split_edges
    >>> from vgae.learning.baselines import baseline
    >>> ring = [(i, (i + 1) % 40) for i in range(40)]
    >>> split = split_edges(Graph.from_edges(ring, weights=[1, 3] * 20), seed=0)
    >>> found = weight_report(split, baseline("strength").fit(split.training))
    >>> found["meaning"], abs(found["log_likelihood"] - found["log_likelihood_of_null"]) < 1e-6
    ('count', True)
    """
    if scores.expected is None:
        raise InputError("these scores say nothing of the weights of edges")
    test = _weights(split.graph, split.test.positives)
    if scores.expected.meaning == "count" and (test % 1.0).any():
        return None
    measured = _Measured(split, scores, scores.expected)
    metrics = weight_metrics(split, scores)
    total = float(measured.stands_for.sum()) if scores.expected.meaning == "value" else 1.0
    predicted = float(measured.stands_for @ measured.expected) / total
    actual = float(measured.stands_for @ measured.weights) / total
    return {
        "meaning": scores.expected.meaning,
        **metrics,
        "log_likelihood_of_null": measured.log_likelihood_of_null(split),
        "predicted": predicted,
        "actual": actual,
        "ratio": _ratio(predicted, actual),
        "deciles": measured.groups(),
    }


def _ratio(predicted: float, actual: float) -> float | None:
    return predicted / actual if actual else None


def _weights(graph: Graph, edges: NDArray[np.int64]) -> Numbers:
    if graph.weights is None:
        return np.ones(len(edges))
    return graph.weights[graph.places(edges)].astype(np.float64)


class _Measured:
    """Expected and actual weights of pairs, and how many pairs each of them stands for."""

    def __init__(self, split: Split, scores: Scores, expected: Expected) -> None:
        graph, edges = split.graph, split.test.positives
        if isinstance(expected, CountMap):
            found = population(graph, edges, seed=split.seed)
            _check_counts(graph, edges, found.weights)
        else:
            ones = np.ones(len(edges))
            found = Population(edges, _weights(graph, edges), ones, len(edges))
        self._map = expected.for_edges(graph.n_edges)
        self._of_counts = isinstance(expected, CountMap)
        self._pairs, self.weights, self.stands_for = found.pairs, found.weights, found.stands_for
        self._n_test, self._n_edges = found.n_held_out, graph.n_edges
        self.expected = self._map.of(scores.pairs(found.pairs), found.pairs)

    @property
    def log_likelihood(self) -> float:
        return self._log_likelihood(self._map, self.expected)

    def _log_likelihood(self, mapped: Expected, expected: Numbers) -> float:
        total = self.stands_for @ mapped.log_density(self.weights, expected)
        return float(total / (self._n_edges if self._of_counts else self._n_test))

    def log_likelihood_of_null(self, split: Split) -> float:
        train = split.train
        if not self._of_counts:
            values = _weights(train, train.edges)
            constant = np.full(len(self.weights), values.mean())
            null = ValueMap(level=values.mean(), slope=0.0, deviation=values.std() or 1.0)
            return float(null.log_density(self.weights, constant).mean())
        source, target = strengths(train)
        rates = source[self._pairs[:, 0]] * target[self._pairs[:, 1]]
        counts = CountMap(n_edges=train.n_edges).for_edges(self._n_edges)
        # In float32, as the baseline's scores are.
        return self._log_likelihood(counts, counts.of(rates.astype(np.float32), self._pairs))

    @property
    def rmse(self) -> float:
        squares = self.stands_for @ (self.weights - self.expected) ** 2
        return float(np.sqrt(squares / self.stands_for.sum()))

    def groups(self) -> list[dict[str, Any]]:
        order = np.argsort(self.expected, kind="stable")
        mass = (self.stands_for * (self.expected if self._of_counts else 1.0))[order]
        share = (np.cumsum(mass) - mass / 2.0) * (N_GROUPS / mass.sum())
        number = np.minimum(share, N_GROUPS - 1).astype(np.int64)
        found = []
        for group in np.unique(number):
            own = order[number == group]
            size = 1.0 if self._of_counts else float(len(own))
            predicted = float(self.stands_for[own] @ self.expected[own]) / size
            actual = float(self.stands_for[own] @ self.weights[own]) / size
            found.append(
                {
                    "lowest": float(self.expected[own].min()),
                    "highest": float(self.expected[own].max()),
                    "edges": int((own < self._n_test).sum()),
                    "predicted": predicted,
                    "actual": actual,
                }
            )
        return found


def _check_counts(graph: Graph, edges: NDArray[np.int64], weights: Numbers) -> None:
    wrong = np.flatnonzero(weights % 1.0)
    if wrong.size:
        a, b = (graph.ids[end] for end in edges[wrong[0]])
        raise InputError(
            f"the edge ('{a}', '{b}') has weight {weights[wrong[0]]:g}, and counts are whole "
            "numbers: round the weights, or leave the metrics of weights out"
        )
