"""Neighbourhood heuristics (Liben-Nowell & Kleinberg 2007), on sparse matrices throughout."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from vgae.data.graph import FloatCSR, Graph
from vgae.data.kinds import Kind
from vgae.learning.baselines.base import Baseline
from vgae.learning.scores import RowProducts, Scores
from vgae.model.kernels.atomics import items
from vgae.model.kernels.compiled import compiled, rehearsal
from vgae.model.kernels.threads import run_items

__all__ = [
    "AdamicAdar",
    "CommonNeighbors",
    "DirectedCommonNeighbors",
    "DirectedResourceAllocation",
    "Katz",
    "PersonalizedPageRank",
    "PreferentialAttachment",
    "ResourceAllocation",
]

EMITTED = "15ef875cb2a2"
"""State of the emitted instructions: numba looks for changes in this file alone."""

WORK_OF_A_NEIGHBOR, WORK_OF_A_PRODUCT = 1.5, 0.3
"""Nanoseconds per neighbour and per product of a term, on one thread."""

PRECISION = 1e-11
"""Power series end where the remainder is known to this fraction of their sum."""

LOOK_EVERY = 4
"""Terms between two estimates of the remainder."""

TRUNCATION = 1e-7
"""Series that converge too slowly for that end where this fraction of their sum remains."""

FEWEST_TERMS = 30
"""But not before nodes this far apart score above unconnected ones."""


@final
class NeighborhoodScores(Scores):
    """Sums over the common neighbours of two nodes, each with its weight.

    Sums are computed in float64, in the order of the neighbours, and returned in float32, so that
    equal sums in another order tie.

    Parameters
    ----------
    adjacency
        Symmetric CSR array with sorted rows, shape (n_nodes, n_nodes); its values are not read.
    weight
        Weight of each node as a common neighbour, shape (n_nodes,), float64.

    Examples
    --------
    >>> square = Graph.from_edges([(0, 1), (1, 2), (2, 3), (3, 0)])
    >>> NeighborhoodScores(square.adjacency, np.full(4, 0.5)).pairs([(0, 2), (0, 1)]).tolist()
    [1.0, 0.0]
    """

    vectors: ClassVar[None] = None

    def __init__(self, adjacency: FloatCSR, weight: NDArray[np.float64]) -> None:
        self.n_nodes = adjacency.shape[0]
        self._starts, self._neighbors = adjacency.indptr, adjacency.indices
        self._degrees = np.diff(adjacency.indptr)
        self._weight = weight

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        ends = self._degrees[pairs]
        longer = (ends[:, 1] > ends[:, 0]).astype(np.intp)
        # The neighbours of the end with more of them are marked once for all of its pairs, which
        # stand next to each other; those of the other end are looked up.
        number = np.arange(len(pairs))
        marked, walked = pairs[number, longer], pairs[number, 1 - longer]
        order = np.argsort(marked, kind="stable")
        marked, walked = marked[order], walked[order]
        sums, work = np.empty(len(pairs)), self._degrees[walked] + 1
        cuts = _shares(work)
        run_items(
            _sum_common,
            len(cuts) - 1,
            *(self._starts, self._neighbors, self._weight, marked, walked, cuts, sums),
            work=float(work.sum()) * WORK_OF_A_NEIGHBOR,
        )
        scores = np.empty(len(pairs), np.float32)
        scores[order] = sums
        return scores

    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        scores = np.empty((len(rows), self.n_nodes), np.float32)
        own = np.array(rows, dtype=np.int64)  # of the one kind that the loop is compiled for
        run_items(
            _sum_rows,
            len(own),
            *(self._starts, self._neighbors, self._weight, own, scores),
            work=float(self._degrees[own].sum())
            * WORK_OF_A_NEIGHBOR
            * len(self._neighbors)
            / max(self.n_nodes, 1),
        )
        return scores


@final
class DegreeProducts(Scores):
    """Products of two nodes' degrees, exact in float64.

    Parameters
    ----------
    degrees
        Shape (n_nodes,); of arcs, the out-degrees.
    others
        The in-degrees; None where they are the same.

    Examples
    --------
    >>> DegreeProducts(np.array([1, 2, 3])).pairs([(1, 2)]).tolist()
    [6.0]
    """

    vectors: ClassVar[None] = None

    def __init__(self, degrees: NDArray[np.int64], others: NDArray[np.int64] | None = None) -> None:
        self.n_nodes = len(degrees)
        self._degrees = degrees.astype(np.float64)
        self._others = self._degrees if others is None else others.astype(np.float64)

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        products: NDArray[np.float64] = self._degrees[pairs[:, 0]] * self._others[pairs[:, 1]]
        return products

    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        return np.outer(self._degrees[rows], self._others)


@final
class DiffusionScores(Scores):
    """Power series sum_l step^l, column by column, scaled to be symmetric.

    A column's series ends as soon as its remainder is known. If each entry of a term is between
    `low` and `high` times that of the term before, the same holds for all later terms, as no
    entry of the step is negative. Then the remainder after a term is between low / (1 - low) and
    high / (1 - high) times that term, entry by entry, and the middle of the two is added. Bounds
    this narrow require that the last nodes have been reached. Where they never become narrow, the
    series ends after a number of terms that `decay` gives.

    Sums are computed in float64 and returned in float32, so that equal sums in another order tie.

    Parameters
    ----------
    step
        CSR array without negative entries, shape (n_nodes, n_nodes).
    decay
        A bound on how much one step shrinks a term, below 1.
    strength
        The score of i, j is series_ji * (1 + strength_i / strength_j), shape (n_nodes,); None
        where the series is already symmetric.

    Examples
    --------
    >>> path = Graph.from_edges([(0, 1), (1, 2)])
    >>> step = sparse.csr_array(path.adjacency, dtype=np.float64) * 0.25
    >>> scores = DiffusionScores(step, decay=0.5)
    >>> [round(float(score), 4) for score in scores.pairs([(0, 1), (0, 2)])]
    [0.2857, 0.0714]
    """

    vectors: ClassVar[None] = None

    def __init__(
        self, step: sparse.csr_array, decay: float, strength: NDArray[np.float64] | None = None
    ) -> None:
        self.n_nodes = step.shape[0]
        self._step = step
        self._shares = _shares(np.diff(step.indptr) + 1)
        self._n_terms = max(FEWEST_TERMS, math.ceil(math.log(TRUNCATION) / math.log(decay)))
        self._strength = strength

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        sides = [np.unique(side, return_inverse=True) for side in pairs.T]
        near = int(sides[1][0].size < sides[0][0].size)  # the side with fewer distinct nodes
        starts, place = sides[near]
        order = np.argsort(place, kind="stable")
        scores, size = np.empty(len(pairs), dtype=np.float32), _block_columns(self.n_nodes)
        ends = np.searchsorted(place, np.arange(0, len(starts) + size, size), sorter=order)
        for block, first in enumerate(range(0, len(starts), size)):
            reached = self._rows(starts[first : first + size])
            chosen = order[ends[block] : ends[block + 1]]
            scores[chosen] = reached[place[chosen] - first, pairs[chosen, 1 - near]]
        return scores

    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        size = _block_columns(self.n_nodes)
        scores = np.empty((len(rows), self.n_nodes), np.float32)
        for first in range(0, len(rows), size):
            self._fill(rows[first : first + size], scores[first : first + size])
        return scores

    def _fill(self, starts: NDArray[np.int64], scores: NDArray[np.float32]) -> None:
        """Fill in the scores of one block of nodes, shape (n_starts, n_nodes)."""
        going = np.arange(len(starts))  # those whose series goes on
        term = np.zeros((self.n_nodes, len(starts)))
        term[starts, going] = 1.0
        total = term.copy()
        for number in range(1, self._n_terms + 1):
            looking = number % LOOK_EVERY == 0
            bounds = np.empty((len(self._shares) - 1, 3, len(going)))
            following = np.empty_like(term)
            run_items(
                _add_term,
                len(self._shares) - 1,
                *(self._step.indptr, self._step.indices, self._step.data, self._shares),
                *(term, following, total, bounds, looking),
                work=len(self._step.data) * len(going) * WORK_OF_A_PRODUCT,
            )
            term = following
            if not looking:
                continue
            rest, error = _rest(bounds)
            known = error <= PRECISION
            if known.any():
                done = total[:, known] + term[:, known] * rest[known]
                scores[going[known]] = self._scaled(done, starts[going[known]])
                going = going[~known]
                if not len(going):
                    return
                term, total = (np.ascontiguousarray(part[:, ~known]) for part in (term, total))
        scores[going] = self._scaled(total, starts[going])

    def _scaled(self, total: NDArray[np.float64], starts: NDArray[np.int64]) -> NDArray[np.float64]:
        if self._strength is not None:
            # A node that nothing reaches has no strength and a series of zero.
            inverse = 1.0 / np.where(self._strength > 0, self._strength, 1.0)
            total = total * (1.0 + np.outer(inverse, self._strength[starts]))
        return total.T


class _Neighborhood(Baseline):
    """A sum over common neighbours; edge weights are not used."""

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        # A node with one neighbour is common to no two nodes; its weight is never read.
        weight = self._weight(np.maximum(messages.degrees, 2).astype(np.float64))
        return NeighborhoodScores(messages.adjacency, weight)

    @abstractmethod
    def _weight(self, degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weight of a common neighbour of this degree."""


@final
class CommonNeighbors(_Neighborhood):
    """Number of neighbours that two nodes share (Newman 2001).

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
    """Common neighbours, each counting 1 / log(degree) (Adamic & Adar 2003).

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1), (1, 2)])
    >>> round(float(AdamicAdar().fit(graph).pairs([(0, 2)])[0]), 4)  # 1 / log(2)
    1.4427
    """

    name: ClassVar[str] = "adamic-adar"

    def _weight(self, degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        weight: NDArray[np.float64] = 1.0 / np.log(degrees)
        return weight


@final
class ResourceAllocation(_Neighborhood):
    """Common neighbours, each counting 1 / degree (Zhou, Lü & Zhang 2009, eq. 11).

    Examples
    --------
    >>> ResourceAllocation().fit(Graph.from_edges([(0, 1), (1, 2)])).pairs([(0, 2)]).tolist()
    [0.5]
    """

    name: ClassVar[str] = "resource-allocation"

    def _weight(self, degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1.0 / degrees


class _DirectedNeighborhood(Baseline):
    """A sum over the paths of two arcs from source to target; edge weights are not used."""

    kinds: ClassVar[tuple[Kind, ...]] = ("undirected", "bipartite", "directed")

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        arcs = messages.adjacency
        out = sparse.csr_array((np.ones(arcs.nnz), arcs.indices, arcs.indptr), shape=arcs.shape)
        weight = sparse.diags_array(self._weight(np.maximum(np.diff(arcs.indptr), 1)))
        return RowProducts(sparse.csr_array(out @ weight), sparse.csr_array(out.T))

    @abstractmethod
    def _weight(self, degrees: NDArray[np.int64]) -> NDArray[np.float64]:
        """Weight of a node between two others, by its out-degree."""


@final
class DirectedCommonNeighbors(_DirectedNeighborhood):
    """Number of paths of two arcs, i -> k -> j; in an undirected graph, common neighbours.

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1), (1, 2), (0, 3), (3, 2)], directed=True)
    >>> DirectedCommonNeighbors().fit(graph).pairs([(0, 2), (2, 0)]).tolist()
    [2.0, 0.0]
    """

    name: ClassVar[str] = "directed-common-neighbors"

    def _weight(self, degrees: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.ones(len(degrees))


@final
class DirectedResourceAllocation(_DirectedNeighborhood):
    """Paths of two arcs, i -> k -> j, each counting 1 / out-degree of k.

    What i sends to k is shared among all to which k points, as in resource allocation (Zhou, Lü &
    Zhang 2009), which it is in an undirected graph.

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1), (1, 2), (1, 3)], directed=True)
    >>> DirectedResourceAllocation().fit(graph).pairs([(0, 2), (2, 0)]).tolist()
    [0.5, 0.0]
    """

    name: ClassVar[str] = "directed-resource-allocation"

    def _weight(self, degrees: NDArray[np.int64]) -> NDArray[np.float64]:
        return 1.0 / degrees


@final
class PreferentialAttachment(Baseline):
    """The product of the two degrees (Barabási & Albert 1999); edge weights are not used.

    In a directed graph, the out-degree of the source times the in-degree of the target.

    Examples
    --------
    >>> PreferentialAttachment().fit(Graph.from_edges([(0, 1), (1, 2)])).pairs([(0, 1)]).tolist()
    [2.0]
    """

    name: ClassVar[str] = "preferential-attachment"
    kinds: ClassVar[tuple[Kind, ...]] = ("undirected", "bipartite", "directed")

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        if not messages.directed:
            return DegreeProducts(messages.degrees)
        arcs = messages.adjacency
        n_into = np.bincount(arcs.indices, minlength=messages.n_nodes)
        return DegreeProducts(np.diff(arcs.indptr), n_into)


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
    """Personalised PageRank of one node as seen from the other, summed over both directions.

    The stationary distribution of a walk that continues with probability `damping` and otherwise
    returns to its start (Page et al. 1999), read at the other node; walks follow edge weights.

    Attributes
    ----------
    damping
        Probability of continuing.

    Examples
    --------
    >>> path = Graph.from_edges([(0, 1), (1, 2), (2, 3)])
    >>> near, far = PersonalizedPageRank().fit(path).pairs([(0, 1), (0, 3)])
    >>> bool(near > far)
    True
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


# ------------------------------------------------------------------ how work is cut


def _block_columns(n_nodes: int, elements: int = 2**18) -> int:
    """How many series are summed at a time: whole lanes, and no more than the caches hold."""
    return 8 * max(1, elements // (8 * max(n_nodes, 1)))


def _shares(work: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Cuts of a range into at most 64 shares of about equal work."""
    reached = np.cumsum(work, dtype=np.int64)
    total = int(reached[-1]) if len(reached) else 0
    n_shares = min(64, 1 + total // 2**16)
    inner = np.searchsorted(reached, np.arange(1, n_shares) * (total / n_shares))
    return np.concatenate([[0], inner, [len(work)]]).astype(np.int64)


def _rest(
    bounds: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The remainder after a term, as a factor of it, and its error, relative to the sum.

    Parameters
    ----------
    bounds
        Bounds that `_add_term` found in each share of rows, shape (n_shares, 3, n_columns).

    Returns
    -------
    Shape (n_columns,) each; the error is infinite where there is no bound.
    """
    low, high, share = bounds[:, 0].min(axis=0), bounds[:, 1].max(axis=0), bounds[:, 2].max(axis=0)
    bounded = high < 1.0
    high = np.where(bounded, high, 0.0)
    low = np.minimum(low, high)  # infinite where the last two terms are zero throughout
    least, most = low / (1.0 - low), high / (1.0 - high)
    error = np.where(bounded, share * (most - least) / 2.0, np.inf)
    return (least + most) / 2.0, error


# ------------------------------------------------------------------------ compiled


@compiled()
def _sum_common(
    turn: Any,
    size: Any,
    starts: Any,
    neighbors: Any,
    weight: Any,
    marked: Any,
    walked: Any,
    cuts: Any,
    sums: Any,
) -> None:
    """Sums of the weights of common neighbours, for pairs sorted by their first node."""
    own = np.zeros(len(weight))
    for share in items(turn, size, len(cuts) - 1):
        first = cuts[share]
        while first < cuts[share + 1]:
            node = marked[first]
            around = neighbors[starts[node] : starts[node + 1]]
            stop, n_walked = first, 0
            while stop < cuts[share + 1] and marked[stop] == node:
                n_walked += starts[walked[stop] + 1] - starts[walked[stop]]
                stop += 1
            # A search takes some twenty steps, so marking pays only where many are looked up.
            marking = len(around) < 20 * n_walked
            if marking:
                for neighbor in around:
                    own[neighbor] = weight[neighbor]
            for pair in range(first, stop):
                total = 0.0
                for place in range(starts[walked[pair]], starts[walked[pair] + 1]):
                    neighbor = neighbors[place]
                    if marking:
                        total += own[neighbor]
                    else:
                        found = np.searchsorted(around, neighbor)
                        if found < len(around) and around[found] == neighbor:
                            total += weight[neighbor]
                sums[pair] = total
            if marking:
                for neighbor in around:
                    own[neighbor] = 0.0
            first = stop


@compiled()
def _sum_rows(
    turn: Any, size: Any, starts: Any, neighbors: Any, weight: Any, rows: Any, scores: Any
) -> None:
    """The same sums for the given nodes with every node, in the same order."""
    for number in items(turn, size, len(rows)):
        sums = np.zeros(len(weight))
        for place in range(starts[rows[number]], starts[rows[number] + 1]):
            shared = neighbors[place]
            for further in range(starts[shared], starts[shared + 1]):
                sums[neighbors[further]] += weight[shared]
        for node in range(len(weight)):
            scores[number, node] = sums[node]


# A quotient without a number (0 / 0: not reached yet) is neither less nor greater than any.
@compiled(fastmath={"contract"}, error_model="numpy")
def _add_term(
    turn: Any,
    size: Any,
    starts: Any,
    columns: Any,
    values: Any,
    cuts: Any,
    term: Any,
    following: Any,
    total: Any,
    bounds: Any,
    looking: Any,
) -> None:
    """Compute the next term and add it to the total; four entries of a row at a time.

    When looking, find the least and the largest quotient of the two terms, and the largest of the
    new term and the total, for each share of rows and each column.
    """
    width = term.shape[1]
    for share in items(turn, size, len(cuts) - 1):
        low, high, part = bounds[share, 0], bounds[share, 1], bounds[share, 2]
        low[:], high[:], part[:] = np.inf, 0.0, 0.0
        for row in range(cuts[share], cuts[share + 1]):
            new, sums, place = following[row], total[row], starts[row]
            new[:] = 0.0
            while place + 4 <= starts[row + 1]:
                v, w, x, y = values[place], values[place + 1], values[place + 2], values[place + 3]
                a, b = term[columns[place]], term[columns[place + 1]]
                c, d = term[columns[place + 2]], term[columns[place + 3]]
                for column in range(width):
                    new[column] += v * a[column] + w * b[column] + (x * c[column] + y * d[column])
                place += 4
            while place < starts[row + 1]:
                v, a = values[place], term[columns[place]]
                for column in range(width):
                    new[column] += v * a[column]
                place += 1
            for column in range(width):
                sums[column] += new[column]
            if looking:
                old = term[row]
                for column in range(width):
                    quotient, fraction = new[column] / old[column], new[column] / sums[column]
                    low[column] = quotient if quotient < low[column] else low[column]
                    high[column] = quotient if quotient > high[column] else high[column]
                    part[column] = fraction if fraction > part[column] else part[column]


@rehearsal
def _rehearse() -> None:
    graph = Graph.from_edges([(0, 1), (1, 2)])
    for scores in (CommonNeighbors().fit(graph), Katz().fit(graph)):
        scores.pairs(np.array([[0, 2]]))
        scores.rows(np.arange(1))
