"""Neighbourhood heuristics (Liben-Nowell & Kleinberg 2007), on sparse matrices throughout."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from vgae.baselines.base import Baseline
from vgae.graph import Graph
from vgae.scores import Scores, block_rows, blocks

__all__ = [
    "AdamicAdar",
    "CommonNeighbors",
    "Katz",
    "PersonalizedPageRank",
    "PreferentialAttachment",
    "ResourceAllocation",
]

TRUNCATION = 1e-7
"""Power series end where what is left is this fraction of their sum."""

FEWEST_TERMS = 30
"""But not before nodes this far apart have been told from unconnected ones."""


@final
class ProductScores(Scores):
    """Entries of left @ right.T, where both are sparse and the product is symmetric.

    Parameters
    ----------
    left, right
        CSR arrays, shape (n_nodes, dim) each.
    dtype
        Of the scores. Sums of fractions, taken in float64, are given in float32, so that equal
        sums in another order tie; whole numbers need no such thing.
    """

    vectors: ClassVar[None] = None

    def __init__(
        self,
        left: sparse.csr_array,
        right: sparse.csr_array,
        dtype: type[np.floating] = np.float32,
    ) -> None:
        self.n_nodes = left.shape[0]
        self._dtype = dtype
        self._left, self._right = left, right
        self._mirrored = sparse.csr_array(right.T)

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        return np.concatenate(
            [np.empty(0)]
            + [
                np.asarray(self._left[some[:, 0]].multiply(self._right[some[:, 1]]).sum(axis=1))
                for some in blocks(pairs, 2**16)
            ]
        ).astype(self._dtype)

    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        product: NDArray[np.float64] = (self._left[rows] @ self._mirrored).toarray()
        return product.astype(self._dtype)


@final
class DiffusionScores(Scores):
    """Truncated power series sum_l step^l, column by column, scaled to be symmetric.

    Sums are taken in float64 and given in float32, so that equal sums in another order tie.

    Parameters
    ----------
    step
        CSR array, shape (n_nodes, n_nodes).
    decay
        A bound on how much one step shrinks a term, below 1.
    strength
        The score of i, j is series_ji * (1 + strength_i / strength_j), shape (n_nodes,); None
        where the series is symmetric by itself.
    """

    vectors: ClassVar[None] = None

    def __init__(
        self, step: sparse.csr_array, decay: float, strength: NDArray[np.float64] | None = None
    ) -> None:
        self.n_nodes = step.shape[0]
        self._step = step
        self._n_terms = max(FEWEST_TERMS, math.ceil(math.log(TRUNCATION) / math.log(decay)))
        self._strength = strength

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        sides = [np.unique(side, return_inverse=True) for side in pairs.T]
        near = int(sides[1][0].size < sides[0][0].size)  # the side with fewer nodes to start from
        starts, place = sides[near]
        scores, size = np.empty(len(pairs), dtype=np.float32), block_rows(self.n_nodes)
        for first in range(0, len(starts), size):
            reached = self._rows(starts[first : first + size])
            chosen = np.flatnonzero((place >= first) & (place < first + size))
            scores[chosen] = reached[place[chosen] - first, pairs[chosen, 1 - near]]
        return scores

    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        term = np.zeros((self.n_nodes, len(rows)))
        term[rows, np.arange(len(rows))] = 1.0
        total = term.copy()
        for _ in range(self._n_terms):
            term = self._step @ term
            total += term
        if self._strength is not None:
            # A node that nothing reaches has no strength and a series of zero.
            inverse = 1.0 / np.where(self._strength > 0, self._strength, 1.0)
            total *= 1.0 + np.outer(inverse, self._strength[rows])
        return total.T.astype(np.float32)


class _Neighborhood(Baseline):
    """A sum over common neighbours; edge weights play no part."""

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        pattern = sparse.csr_array(messages.adjacency, dtype=np.float64, copy=True)
        pattern.data[:] = 1.0
        # A node with one neighbour is common to no two nodes; its weight is never read.
        weight = self._weight(np.maximum(messages.degrees, 2).astype(np.float64))
        return ProductScores(sparse.csr_array(pattern @ sparse.diags_array(weight)), pattern)

    @abstractmethod
    def _weight(self, degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        """What a common neighbour of this degree counts."""


@final
class CommonNeighbors(_Neighborhood):
    """How many neighbours two nodes share (Newman 2001).

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1), (1, 2), (0, 3), (3, 2)])
    >>> CommonNeighbors().fit(graph).pairs(np.array([[0, 2]])).tolist()
    [2.0]
    """

    name: ClassVar[str] = "common-neighbors"

    def _weight(self, degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.ones_like(degrees)


@final
class AdamicAdar(_Neighborhood):
    """Common neighbours, each counting 1 / log(degree) (Adamic & Adar 2003)."""

    name: ClassVar[str] = "adamic-adar"

    def _weight(self, degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        weight: NDArray[np.float64] = 1.0 / np.log(degrees)
        return weight


@final
class ResourceAllocation(_Neighborhood):
    """Common neighbours, each counting 1 / degree (Zhou, Lü & Zhang 2009, eq. 11)."""

    name: ClassVar[str] = "resource-allocation"

    def _weight(self, degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1.0 / degrees


@final
class PreferentialAttachment(Baseline):
    """The product of the two degrees (Barabási & Albert 1999); edge weights play no part."""

    name: ClassVar[str] = "preferential-attachment"

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        column = sparse.csr_array(messages.degrees[:, None].astype(np.float64))
        return ProductScores(column, column, np.float64)


@final
class Katz(Baseline):
    """All walks between two nodes, each counting less the longer it is (Katz 1953).

    The sum over l >= 1 of attenuation^l * (A / r)^l, with r the largest eigenvalue of the
    weighted adjacency A, so that the series converges on every graph.

    Attributes
    ----------
    attenuation
        Katz' beta as a fraction of 1 / r.

    Examples
    --------
    >>> path = Graph.from_edges([(0, 1), (1, 2), (2, 3)])
    >>> near, far = Katz().fit(path).pairs(np.array([[0, 2], [0, 3]]))
    >>> bool(near > far)
    True
    """

    name: ClassVar[str] = "katz"

    attenuation: float = Field(default=0.5, ge=0.1, le=0.99)

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        adjacency = sparse.csr_array(messages.adjacency, dtype=np.float64)
        start = np.ones(messages.n_nodes)
        largest = sparse.linalg.eigsh(
            adjacency, k=1, which="LA", v0=start, return_eigenvectors=False
        )
        return DiffusionScores(adjacency * (self.attenuation / largest[0]), self.attenuation)


@final
class PersonalizedPageRank(Baseline):
    """Where walks that restart at one node are found, summed over both directions.

    The stationary distribution of a walk that goes on with probability `damping` and else returns
    to its start (Page et al. 1999), read at the other node; walks follow edge weights.

    Attributes
    ----------
    damping
        Probability of going on.
    """

    name: ClassVar[str] = "pagerank"

    damping: float = Field(default=0.85, ge=0.1, le=0.99)

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        adjacency = sparse.csr_array(messages.adjacency, dtype=np.float64)
        strength = np.asarray(adjacency.sum(axis=0))
        inverse = sparse.diags_array(1.0 / np.where(strength > 0, strength, 1.0))
        # An undirected graph's walks are reversible: one direction's series gives the other's.
        step = sparse.csr_array(adjacency @ inverse) * self.damping
        return DiffusionScores(step, self.damping, strength)
