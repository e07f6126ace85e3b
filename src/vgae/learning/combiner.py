"""The combiner: from all evidence about a pair to one logit, with weights that people can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from vgae.data.graph import Graph
from vgae.ground.config import Settings
from vgae.ground.memory import Surplus
from vgae.learning.evidence import GROUPS, Column, Evidence
from vgae.learning.scores import Ranked, Scores, blocks

__all__ = ["CombinedScores", "Combiner", "fit_combiner"]

REGULARISATION = 0.1
"""scikit-learn's C for standardised evidence, as chosen on validation pairs."""
REVERSE_SHARE = 0.05
"""Chosen on validation pairs: with more, arcs are told less well from pairs that are far apart."""
MOST_ITERATIONS = 2000
LEAST_DEVIATION = 1e-7
"""Evidence that deviates less, relative to its mean, is the same everywhere but for rounding."""
PAIRS_OF_A_TABLE = 2**18
"""Pairs whose evidence is in memory at a time, dozens of numbers each."""
MOST_NODES_COUNTED = 1500
"""In larger graphs, the scores of all pairs are estimated from those of some nodes."""


class Combiner(Settings):
    """A weighted sum of evidence: the logit of an edge among as many pairs without one.

    Attributes
    ----------
    columns
        Names of the evidence.
    groups
        Group of each, a name in `vgae.learning.evidence.GROUPS`.
    weights
        What each is multiplied by.
    means, deviations
        Mean and standard deviation of each among the pairs that it was fitted to.
    intercept
        The constant.
    n_edges
        Number of hidden edges that it was fitted to.

    Examples
    --------
    >>> columns = (Column("rank", "degree", lambda scores, ends: ends[0]),)
    >>> edges, others = np.array([[1.0], [2.0]]), np.array([[0.0], [0.5]])
    >>> combiner = fit_combiner(columns, edges, others)
    >>> combiner.weights[0] > 0, combiner.shares(), combiner.n_edges
    (True, {'degrees': 1.0}, 2)
    >>> logits = combiner.logits(np.array([[0.0], [2.0]]))
    >>> bool(logits[0] < logits[1])
    True
    >>> list(combiner.reasons(np.array([[2.0]]))[0])
    ['degrees']
    """

    columns: list[str]
    groups: list[str]
    weights: list[float]
    means: list[float]
    deviations: list[float]
    intercept: float
    n_edges: int = Field(ge=1)

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        sizes = {
            len(getattr(self, name))
            for name in type(self).model_fields
            if name not in ("intercept", "n_edges")
        }
        if len(sizes) != 1 or not set(self.groups) <= set(GROUPS):
            raise ValueError("columns, groups, weights, means and deviations do not match")
        return self

    def logits(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """The logit of each row of evidence, shape (n_pairs,)."""
        found: NDArray[np.float64] = table @ np.array(self.weights) + self.intercept
        return found

    def shares(self) -> dict[str, float]:
        """How much of the differences between pairs each group of evidence makes, by its name.

        A group makes the standard deviation of its part of the sum; the shares add up to one.
        """
        size = np.abs(np.array(self.weights)) * np.array(self.deviations)
        total = size.sum()
        found = {
            words: float(size[np.array(self.groups) == group].sum() / (total or 1.0))
            for group, words in GROUPS.items()
            if group in self.groups
        }
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def reasons(self, table: NDArray[np.float64]) -> list[dict[str, float]]:
        """What each group of evidence adds to the logits of pairs, the largest first.

        Amounts are relative to the mean of the pairs that the combiner was fitted to.
        """
        parts = (table - np.array(self.means)) * np.array(self.weights)
        groups = np.array(self.groups)
        found = []
        for row in parts:
            sums = {
                words: float(row[groups == group].sum())
                for group, words in GROUPS.items()
                if group in self.groups
            }
            found.append(dict(sorted(sums.items(), key=lambda item: -item[1])))
        return found


def fit_combiner(
    columns: Sequence[Column],
    edges: NDArray[np.float64],
    others: NDArray[np.float64],
    reverse: NDArray[np.float64] | None = None,
) -> Combiner:
    """Logistic regression on standardised evidence; both classes weigh the same.

    Parameters
    ----------
    columns
        The evidence.
    edges, others
        Evidence about hidden edges and about pairs without an edge, shape (n_pairs, n_columns).
    reverse
        Evidence about the reverses of hidden arcs, where they are no arcs. They tell in which
        direction an arc goes, and make `REVERSE_SHARE` of the weight of pairs without an edge.

    Examples
    --------
    See `Combiner`.

    >>> columns = (Column("rank", "degree", lambda scores, ends: ends[0]),)
    >>> fit_combiner(columns, np.ones((3, 1)), np.zeros((4, 1))).columns
    ['rank']
    """
    from sklearn.linear_model import LogisticRegression  # takes a second to load

    sample_weight = None
    if reverse is not None and len(reverse):
        sizes = [len(others), len(reverse)]
        shares = np.array([1.0 - REVERSE_SHARE, REVERSE_SHARE])
        of_others = np.repeat(sum(sizes) * shares / sizes, sizes)
        sample_weight = np.concatenate([np.ones(len(edges)), of_others])
        others = np.concatenate([others, reverse])
    table = np.concatenate([edges, others])
    labels = np.repeat([1, 0], [len(edges), len(others)])
    means, deviations = table.mean(axis=0), table.std(axis=0)
    # Divided by a deviation that is rounding, it would have a weight of billions, which the
    # intercept takes back: no digit of a score would be sure.
    deviations[deviations <= LEAST_DEVIATION * np.abs(means)] = 0.0
    scale = np.where(deviations > 0, deviations, 1.0)
    model = LogisticRegression(
        C=REGULARISATION, class_weight="balanced", max_iter=MOST_ITERATIONS
    ).fit((table - means) / scale, labels, sample_weight=sample_weight)
    weights = model.coef_[0] / scale
    return Combiner(
        columns=[column.name for column in columns],
        groups=[column.group for column in columns],
        weights=weights.tolist(),
        means=means.tolist(),
        deviations=deviations.tolist(),
        intercept=float(model.intercept_[0] - weights @ means),
        n_edges=len(edges),
    )


@final
class CombinedScores(Scores):
    """Logits of a combiner, of all pairs by pairs and by rows.

    Parameters
    ----------
    evidence
        Evidence about all pairs.
    combiner
        Its weights.
    vectors
        The embedding, shape (n_nodes, dim).

    Examples
    --------
    >>> from vgae.data.graph import Graph
    >>> from vgae.learning.evidence import evidence_of
    >>> evidence = evidence_of(Graph.from_edges([(0, 1), (1, 2)]), hops=[])
    >>> combiner = fit_combiner(
    ...     evidence.columns, evidence.table([(0, 1)]), evidence.table([(0, 2)])
    ... )
    >>> scores = CombinedScores(evidence, combiner, np.eye(3, dtype=np.float32))
    >>> scores.pairs([(0, 1)]).shape, scores.rows([2]).shape, scores.vectors.shape, scores.dear
    ((1,), (1, 3), (3, 3), False)
    >>> list(scores.reasons([(0, 2)])[0]) == list(scores.reasons([(0, 2)])[0])
    True
    """

    def __init__(
        self, evidence: Evidence, combiner: Combiner, vectors: NDArray[np.float32]
    ) -> None:
        self.n_nodes, self._vectors = evidence.n_nodes, vectors
        self.evidence, self.combiner = evidence, combiner

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The embedding."""
        return self._vectors

    @property
    def dear(self) -> bool:
        """See `Scores.dear`."""
        return self.n_nodes > MOST_NODES_COUNTED

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        found, surplus = np.empty(len(pairs), np.float32), Surplus()
        for chosen in blocks(np.arange(len(pairs)), PAIRS_OF_A_TABLE):
            found[chosen] = self.combiner.logits(self.evidence.table(pairs[chosen]))
            surplus.give_back()
        return found

    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        return self._rows_since(rows, 0)

    def _rows_since(self, rows: NDArray[np.int64], since: int) -> NDArray[np.floating]:
        sums = self.evidence.weighted_rows(rows, np.array(self.combiner.weights), since)
        return (sums + self.combiner.intercept).astype(np.float32)

    def top(self, k: int, known: Graph) -> Ranked:
        """See `Scores.top`."""
        pairs, _ = super().top(k, known)
        scores = self.pairs(pairs)  # sums over rows are rounded otherwise
        order = np.argsort(-scores, kind="stable")
        return pairs[order], scores[order]

    def partners(self, nodes: NDArray[np.int64], k: int, known: Graph) -> Ranked:
        """See `Scores.partners`."""
        found = [pairs for pairs, _ in self._partners_of_each(nodes, k, known)]
        pairs = np.concatenate([np.empty((0, 2), np.int64), *found])
        scores = self.pairs(pairs)
        # By place in the question: a node that is asked for twice has two lists.
        order = np.lexsort((-scores, np.repeat(np.arange(len(nodes)), list(map(len, found)))))
        return pairs[order], scores[order]

    def reasons(self, pairs: NDArray[np.int64]) -> Sequence[Mapping[str, float]]:
        """What each group of evidence adds to the logits of pairs; see `Combiner.reasons`."""
        return self.combiner.reasons(self.evidence.table(pairs))
