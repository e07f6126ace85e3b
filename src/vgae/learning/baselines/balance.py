"""Structural balance: the friend of a friend is a friend, and so is the foe of a foe."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.graph import FloatCSR, Graph
from vgae.data.kinds import Kind
from vgae.learning.baselines.base import Baseline
from vgae.learning.scores import RowProducts, Scores
from vgae.learning.signs import SignScores
from vgae.model.signs import log_odds_of_signs

__all__ = ["Balance", "BalanceSigns"]


@final
class BalanceSigns(SignScores):
    """Probabilities from the votes of common neighbours, and from how both ends' edges are signed.

    A common neighbour votes for a positive sign where its edges to both ends have the same sign
    (A+ A+ + A- A-), and for a negative one otherwise (A+ A- + A- A+). To v positive of n votes, one
    more is added that is the mean s of both ends' shares of positive edges: p = (v + s) / (n + 1).
    To the edges of a node, one more is added too, with the share of the whole graph.

    Parameters
    ----------
    signs
        Symmetric CSR array of 1 and -1, shape (n_nodes, n_nodes).

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1), (1, 2), (2, 3)], weights=[1, -1, -1], kind="signed")
    >>> BalanceSigns(graph.adjacency.sign()).pairs([(0, 2), (1, 3)]).round(2).tolist()
    [0.19, 0.65]
    """

    def __init__(self, signs: FloatCSR) -> None:
        self.n_nodes = signs.shape[0]
        self._votes, self._number = RowProducts(signs), RowProducts(abs(signs))
        n_edges = np.diff(signs.indptr)
        n_positive = (n_edges + signs.sum(axis=1, dtype=np.float64)) / 2.0
        self._shares = (n_positive + n_positive.sum() / n_edges.sum()) / (n_edges + 1.0)

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        votes, number = self._votes.pairs(pairs), self._number.pairs(pairs)
        share = self._shares[pairs].mean(axis=1)
        found: NDArray[np.float64] = ((number + votes) / 2.0 + share) / (number + 1.0)
        return found


@final
class Balance(Baseline):
    """Structural balance (Cartwright & Harary 1956): the sign of an edge from common neighbours.

    Links are ranked by the number of common neighbours of either sign; see `BalanceSigns` for
    the signs. The size of a weight is not used.

    Examples
    --------
    >>> rows = [("ann", "bob"), ("bob", "cyd"), ("cyd", "dan")]
    >>> graph = Graph.from_pairs(rows, weights=[1, 1, -1], kind="signed")
    >>> scores = Balance().fit(graph)
    >>> scores.pairs([graph.index(["ann", "cyd"])]).tolist()
    [1.0]
    >>> bool(scores.signs.pairs([graph.index(["ann", "cyd"])])[0] > 0.5)
    True
    """

    name: ClassVar[str] = "balance"
    kinds: ClassVar[tuple[Kind, ...]] = ("signed",)

    def _check(self, graph: Graph) -> None:
        log_odds_of_signs(graph, self.name)  # raises where there is one sign

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        signs = sparse.csr_array(messages.adjacency.sign(), dtype=np.float64)
        scores = RowProducts(abs(signs), abs(signs))
        scores.signs = BalanceSigns(signs)
        return scores
