"""Paths between two nodes as scores: of length three, and random walks of any length."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.graph import FloatCSR, Graph
from vgae.ground.memory import return_free_memory
from vgae.learning.scores import Scores
from vgae.model.kernels import SparseMatrix, torch_on_one_thread
from vgae.model.kernels.atomics import items
from vgae.model.kernels.compiled import compiled, rehearsal
from vgae.model.kernels.lanes import N_LANES
from vgae.model.kernels.searching import first_from
from vgae.model.kernels.threads import run_items

__all__ = ["LengthThreeScores", "WalkScores"]

EMITTED = "15ef875cb2a2"
"""State of the emitted instructions: numba looks for changes in this file alone."""

WORK_OF_A_STEP = 1.5
"""Nanoseconds per link that is followed, on one thread."""
PAIRS_OF_AN_ITEM = 256
SEARCHED = 12
"""How many times more links a node has than another from which on they are searched, not passed."""
WALKS_AT_ONCE = 128


@final
class LengthThreeScores(Scores):
    """Paths i - u - v - j, each counting 1 / sqrt(d_u d_v) (Kovacs et al. 2019, eq. 1, "L3").

    Sums are computed in float64 and returned in float32. Memory is that of the graph.

    Parameters
    ----------
    adjacency
        Symmetric CSR array with sorted rows, shape (n_nodes, n_nodes); its values are not read.

    Examples
    --------
    >>> path = Graph.from_edges([(0, 1), (1, 2), (2, 3)])
    >>> scores = LengthThreeScores(path.adjacency)
    >>> scores.pairs([(0, 3), (0, 2)]).tolist(), scores.rows([0])[0, 3].tolist()
    ([0.5, 0.0], 0.5)
    """

    vectors: ClassVar[None] = None

    def __init__(self, adjacency: FloatCSR) -> None:
        self.n_nodes = adjacency.shape[0]
        self._starts, self._neighbors = adjacency.indptr, adjacency.indices
        degrees = np.diff(adjacency.indptr)
        self._weight = 1.0 / np.sqrt(np.maximum(degrees, 1))
        links = np.repeat(np.arange(self.n_nodes), degrees)
        # Links of all neighbours: the steps that walks of length two take.
        self._steps = np.bincount(links, degrees[adjacency.indices], self.n_nodes)

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        # From the end around which there are fewer links, to the other's neighbours.
        nearer = (self._steps[pairs[:, 1]] < self._steps[pairs[:, 0]]).astype(np.intp)
        number = np.arange(len(pairs))
        walked, marked = pairs[number, nearer], pairs[number, 1 - nearer]
        order = np.argsort(marked, kind="stable")
        walked, marked = walked[order], marked[order]
        sums = np.empty(len(pairs))
        run_items(
            _sum_paths,
            -(-len(pairs) // PAIRS_OF_AN_ITEM),
            *(self._starts, self._neighbors, self._weight, marked, walked, sums),
            work=float(self._steps[walked].sum()) * WORK_OF_A_STEP,
        )
        scores = np.empty(len(pairs), np.float32)
        scores[order] = sums
        return scores

    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        scores = np.empty((len(rows), self.n_nodes), np.float32)
        run_items(
            _paths_of_rows,
            len(rows),
            *(self._starts, self._neighbors, self._weight, np.array(rows, np.int64), scores),
            work=float(len(rows) * len(self._neighbors)) * WORK_OF_A_STEP,
        )
        return scores


@final
class WalkScores(Scores):
    """Truncated personalised PageRank with symmetric steps, sum_k a (1 - a)^k S^k.

    S = D^-1/2 A D^-1/2, so that the score of (i, j) is sqrt(d_i / d_j) times the probability that a
    walk from i, which ends at each step with probability a, ends at j.

    Parameters
    ----------
    adjacency
        Symmetric, shape (n_nodes, n_nodes); weights count.
    teleport
        The probability a.
    n_steps
        Length of the longest walk.

    Examples
    --------
    >>> scores = WalkScores(Graph.from_edges([(0, 1), (1, 2)]).adjacency, n_steps=2)
    >>> near, far = scores.pairs([(0, 1), (0, 2)])
    >>> bool(near > far), scores.rows([2]).shape
    (True, (1, 3))
    """

    vectors: ClassVar[None] = None

    def __init__(self, adjacency: FloatCSR, *, teleport: float = 0.15, n_steps: int = 16) -> None:
        self.n_nodes, self._teleport, self._n_steps = adjacency.shape[0], teleport, n_steps
        strength = np.asarray(adjacency.sum(axis=1, dtype=np.float64))
        scale = sparse.diags_array(1.0 / np.sqrt(np.where(strength > 0, strength, 1.0)))
        step = (1.0 - teleport) * sparse.csr_array(scale @ adjacency @ scale)
        self._step = SparseMatrix.from_scipy(step.astype(np.float32))

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        starts, place = np.unique(pairs[:, 0], return_inverse=True)
        scores, order = np.empty(len(pairs), np.float32), np.argsort(place, kind="stable")
        bounds = np.arange(0, len(starts) + WALKS_AT_ONCE, WALKS_AT_ONCE)
        ends = np.searchsorted(place, bounds, sorter=order)
        for block, first in enumerate(bounds[:-1]):
            chosen = order[ends[block] : ends[block + 1]]
            if len(chosen):
                reached = self._reached(starts[first : first + WALKS_AT_ONCE])
                scores[chosen] = reached[pairs[chosen, 1], place[chosen] - first]
                return_free_memory()
        return scores

    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        parts = [
            self._reached(rows[first : first + WALKS_AT_ONCE]).T
            for first in range(0, len(rows), WALKS_AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.empty((0, self.n_nodes), np.float32)

    def _reached(self, starts: NDArray[np.int64]) -> NDArray[np.float32]:
        """Scores of all nodes with these, shape (n_nodes, n_starts)."""
        own = torch.from_numpy(starts), torch.arange(len(starts))
        # In whole lanes, so that no sum depends on how many others are computed with it.
        width = -(-len(starts) // N_LANES) * N_LANES
        with torch_on_one_thread():
            total = torch.zeros((self.n_nodes, width))
            total[own] = self._teleport
            # Horner's rule: no step passes over the numbers of all nodes but the product itself.
            for _ in range(self._n_steps):
                total = self._step @ total
                total[own] += self._teleport
        found: NDArray[np.float32] = total.numpy()[:, : len(starts)]
        return found


@compiled()
def _sum_paths(
    turn: Any,
    size: Any,
    starts: Any,
    neighbors: Any,
    weight: Any,
    marked: Any,
    walked: Any,
    sums: Any,
) -> None:
    """Sums over paths of length three, for pairs sorted by their marked node."""
    own, last = np.zeros(len(weight)), -1
    for share in items(turn, size, (len(sums) + PAIRS_OF_AN_ITEM - 1) // PAIRS_OF_AN_ITEM):
        first = share * PAIRS_OF_AN_ITEM
        for pair in range(first, min(first + PAIRS_OF_AN_ITEM, len(sums))):
            if marked[pair] != last:
                if last >= 0:
                    for place in range(starts[last], starts[last + 1]):
                        own[neighbors[place]] = 0.0
                last = marked[pair]
                for place in range(starts[last], starts[last + 1]):
                    own[neighbors[place]] = weight[neighbors[place]]
            total = 0.0
            few = SEARCHED * (starts[last + 1] - starts[last])
            for place in range(starts[walked[pair]], starts[walked[pair] + 1]):
                middle = neighbors[place]
                begin, end = starts[middle], starts[middle + 1]
                reached = 0.0
                if end - begin <= few:
                    for further in range(begin, end):
                        reached += own[neighbors[further]]
                else:  # the same numbers in the same order, found instead of passed
                    for other in range(starts[last], starts[last + 1]):
                        begin = first_from(neighbors, begin, end, neighbors[other])
                        if begin < end and neighbors[begin] == neighbors[other]:
                            reached += weight[neighbors[other]]
                total += weight[middle] * reached
            sums[pair] = total


@compiled()
def _paths_of_rows(
    turn: Any, size: Any, starts: Any, neighbors: Any, weight: Any, rows: Any, scores: Any
) -> None:
    """The same sums for the given nodes with every node."""
    one, two = np.zeros(len(weight)), np.zeros(len(weight))
    for number in items(turn, size, len(rows)):
        one[:], two[:] = 0.0, 0.0
        for place in range(starts[rows[number]], starts[rows[number] + 1]):
            middle = neighbors[place]
            for further in range(starts[middle], starts[middle + 1]):
                one[neighbors[further]] += weight[middle]
        for node in range(len(one)):
            if one[node] > 0.0:
                passed = one[node] * weight[node]
                for place in range(starts[node], starts[node + 1]):
                    two[neighbors[place]] += passed
        for node in range(len(two)):
            scores[number, node] = two[node]


@rehearsal
def _rehearse() -> None:
    scores = LengthThreeScores(Graph.from_edges([(0, 1), (1, 2)]).adjacency)
    scores.pairs(np.array([[0, 2]]))
    scores.rows(np.arange(1))
