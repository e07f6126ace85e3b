"""Strength: what a model of counts must beat, as it knows the sums of weights alone."""

from __future__ import annotations

from typing import ClassVar, final

from vgae.data.graph import Graph
from vgae.data.kinds import Kind
from vgae.learning.baselines.base import Baseline
from vgae.learning.scores import FactorScores, Scores
from vgae.learning.weights import CountMap, strengths

__all__ = ["Strength"]


@final
class Strength(Baseline):
    """Counts that are Poisson with one offset per node: the degree-corrected null.

    The expected count of a pair is the product of the strengths of its nodes, the sums of their
    weights, over the total; of an arc, of the source's outgoing and the target's incoming weights.
    Over all pairs that can be edges, expected counts add up to the weights of the training edges.
    An edge without a weight counts once.

    Examples
    --------
    >>> triangle = Graph.from_edges([(0, 1), (1, 2), (0, 2)], weights=[2, 2, 2])
    >>> scores = Strength().fit(triangle)
    >>> scores.pairs([(0, 1)]).round(4).tolist(), scores.expected.n_edges
    ([2.0], 3)
    """

    name: ClassVar[str] = "strength"
    kinds: ClassVar[tuple[Kind, ...]] = ("undirected", "bipartite", "directed")

    def expected(self, train: Graph) -> CountMap:
        """The scores themselves."""
        return CountMap(n_edges=max(train.n_edges, 1))

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        source, target = (part[:, None] for part in strengths(training))
        return FactorScores(source, target if training.directed else None)
