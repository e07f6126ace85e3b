"""Truncated random walks, compiled and parallel, from counted streams of random numbers.

Every walk has its own stream, so that the walks are the same on any number of threads.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from vgae.data.graph import Graph
from vgae.model.kernels.atomics import items
from vgae.model.kernels.compiled import compiled, rehearsal
from vgae.model.kernels.searching import first_from
from vgae.model.kernels.threads import run_items

__all__ = ["random_walks"]

EMITTED = "15ef875cb2a2"
"""State of the emitted instructions: numba looks for changes in this file alone."""

Walks = NDArray[np.int32]

WORK_OF_A_STEP = 25.0
"""Nanoseconds per step on one thread."""


def random_walks(
    graph: Graph,
    starts: NDArray[np.integer[Any]],
    *,
    length: int,
    p: float = 1.0,
    q: float = 1.0,
    seed: int,
) -> Walks:
    """One walk from each start, along edges drawn by their weights.

    With p and q other than 1 the walk is node2vec's (Grover & Leskovec 2016, sec. 3.2): from v,
    reached from t, an edge to x counts its weight times 1 / p if x = t, 1 if x is a neighbour of
    t, and 1 / q otherwise.

    Parameters
    ----------
    graph
        Directed or not.
    starts
        Node indices, shape (n_walks,).
    length
        Nodes in a walk, its start included.
    p, q
        Return and in-out parameters, positive. A step takes max(1 / p, 1, 1 / q) draws at worst
        times the largest of p, q and 1: keep them within a few orders of magnitude.
    seed
        Not negative. Walk i depends on the seed, on i and on its start.

    Returns
    -------
    Node indices, shape (n_walks, length); -1 after the end of a walk that reached a node without
    edges.

    Examples
    --------
    >>> ring = Graph.from_edges([(i, (i + 1) % 5) for i in range(5)])
    >>> walks = random_walks(ring, np.arange(5), length=4, seed=0)
    >>> walks.shape, set(np.abs(np.diff(walks)).ravel().tolist())
    ((5, 4), {1, 4})
    """
    walks = np.full((len(starts), length), -1, dtype=np.int32)
    if length > 0:
        walks[:, 0] = starts
    adjacency = graph.adjacency
    cumulative = np.empty(0)
    starts_of_rows, columns = adjacency.indptr.astype(np.int64), adjacency.indices.astype(np.int32)
    if graph.weights is not None:
        cumulative = adjacency.data.astype(np.float64)
        _accumulate(starts_of_rows, cumulative)
    run_items(
        _walk,
        len(walks),
        *(starts_of_rows, columns, cumulative, p, q, np.uint64(seed), walks),
        work=walks.size * WORK_OF_A_STEP,
    )
    return walks


@compiled()
def _walk(
    turn: Any,
    size: Any,
    starts: Any,
    columns: Any,
    cumulative: Any,
    p: Any,
    q: Any,
    seed: Any,
    walks: Any,
) -> None:
    """Fill `walks`, whose first column holds the starts."""
    n_walks, length = walks.shape
    second_order = p != 1.0 or q != 1.0
    highest = max(1.0, 1.0 / p, 1.0 / q)
    for walk in items(turn, size, n_walks):
        state = _mix(seed ^ _mix(np.uint64(walk)))
        before = np.int64(-1)
        node = np.int64(walks[walk, 0])
        for place in range(1, length):
            if starts[node] == starts[node + 1]:
                break
            state, after = _draw(starts, columns, cumulative, node, state)
            if second_order and before >= 0:
                # Draw by weight, and keep with the probability that p and q leave.
                while True:
                    state, chance = _uniform(state)
                    if after == before:
                        kept = 1.0 / p
                    elif _is_edge(starts, columns, before, after):
                        kept = 1.0
                    else:
                        kept = 1.0 / q
                    if chance * highest < kept:
                        break
                    state, after = _draw(starts, columns, cumulative, node, state)
            before, node = node, after
            walks[walk, place] = node


@compiled()
def _accumulate(starts: Any, weights: Any) -> None:
    """Running sums within each row, in place: one sum over all rows would lose small weights."""
    for row in range(len(starts) - 1):
        for place in range(starts[row] + 1, starts[row + 1]):
            weights[place] += weights[place - 1]


@rehearsal
def _rehearse() -> None:
    for weights in (None, [2.0]):
        graph = Graph.from_edges([(0, 1)], weights=weights)
        random_walks(graph, np.zeros(1, np.int64), length=2, seed=0)


@numba.njit
def _draw(starts: Any, columns: Any, cumulative: Any, node: Any, state: Any) -> Any:
    """A neighbour, by weight."""
    first, stop = starts[node], starts[node + 1]
    state, chance = _uniform(state)
    if cumulative.size == 0:
        return state, np.int64(columns[first + np.int64(chance * (stop - first))])
    aim = chance * cumulative[stop - 1]
    low, high = first, stop - 1
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] > aim:
            high = middle
        else:
            low = middle + 1
    return state, np.int64(columns[low])


@numba.njit
def _is_edge(starts: Any, columns: Any, source: Any, target: Any) -> Any:
    stop = starts[source + 1]
    place = first_from(columns, starts[source], stop, target)
    return place < stop and columns[place] == target


@numba.njit
def _uniform(state: Any) -> Any:
    """The next state and a number in [0, 1): SplitMix64 (Steele, Lea & Flood 2014)."""
    state += np.uint64(0x9E3779B97F4A7C15)
    return state, np.float64(_mix(state) >> np.uint64(11)) * 2.0**-53


@numba.njit
def _mix(value: Any) -> Any:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
