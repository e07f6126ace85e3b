"""Popularity: what a recommender must beat, as it knows nothing of the user."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from vgae.data.graph import Graph
from vgae.data.kinds import Kind
from vgae.learning.baselines.base import Baseline
from vgae.learning.scores import Scores

__all__ = ["NodeSums", "Popularity"]


@final
class NodeSums(Scores):
    """Sums of a number of the one node and a number of the other.

    Parameters
    ----------
    source, target
        Numbers of the nodes as first and as second node of a pair, shape (n_nodes,) each. They are
        the same where pairs have no order.

    Examples
    --------
    >>> NodeSums(np.array([0.0, 0.0]), np.array([1.0, 2.0])).pairs([(0, 1), (1, 0)]).tolist()
    [2.0, 1.0]
    """

    vectors: ClassVar[None] = None

    def __init__(self, source: NDArray[np.float64], target: NDArray[np.float64]) -> None:
        self.n_nodes, self._source, self._target = len(source), source, target

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        sums: NDArray[np.float64] = self._source[pairs[:, 0]] + self._target[pairs[:, 1]]
        return sums

    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        sums: NDArray[np.float64] = self._source[rows, None] + self._target[None, :]
        return sums


@final
class Popularity(Baseline):
    """The number of edges of the node that is recommended; edge weights are not used.

    Of a user and an item (the two types of a bipartite graph, in this order) that is the item, of
    an arc its target. In an undirected graph each node is recommended to the other, and the score
    is the sum of both degrees. Every user gets the same list, without the items that are known.

    Examples
    --------
    >>> graph = Graph.from_pairs([("ann", "tea"), ("bob", "tea"), ("bob", "jam")], kind="bipartite")
    >>> Popularity().fit(graph).pairs([graph.index(["ann", "jam"])]).tolist()
    [1.0]
    """

    name: ClassVar[str] = "popularity"
    kinds: ClassVar[tuple[Kind, ...]] = ("undirected", "bipartite", "directed")

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        n_nodes = messages.n_nodes
        popular = np.bincount(messages.adjacency.indices, minlength=n_nodes).astype(np.float64)
        if messages.directed:
            return NodeSums(np.zeros(n_nodes), popular)
        if messages.kind == "bipartite":
            popular = popular * (messages.node_types == 1)
        return NodeSums(popular, popular)
