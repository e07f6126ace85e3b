"""Exact searches among the logits of all pairs, by tiles that stay in cache.

Logits are summed in float64 and rounded to float32, as the decoder does for single pairs. Equal
embeddings tie. A pair has the same logit here and in the decoder, except where the order of a
float64 sum, of which float32 keeps half the digits, decides how the sum is rounded.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from vgae.data.graph import FloatCSR
from vgae.data.pair_space import PairSpace
from vgae.model.kernels.atomics import items
from vgae.model.kernels.compiled import compiled, read_only, rehearsal
from vgae.model.kernels.threads import n_threads, run_items

__all__ = ["count_reaching", "count_rivals", "top_pairs", "top_partners"]

EMITTED = "15ef875cb2a2"
"""State of the emitted instructions: numba looks for changes in this file alone."""

Found = tuple[NDArray[np.int64], NDArray[np.float32]]

ROUND_LOGITS = 2**26
"""Number of logits after which all threads learn the logit of the k-th best pair so far."""

SPARE_CANDIDATES = 4096
"""Candidates that a list holds on top of twice the k that are wanted, before it is reduced to k."""

SHARES = 4
"""Shares of the rows per thread, so that one that loses its core does not delay the others."""
WORK_OF_A_LOGIT, WORK_OF_A_DIMENSION = 1.0, 0.25
"""Nanoseconds per logit on one thread, and per dimension of a logit."""

TILE_ROWS, TILE_COLUMNS = 32, 512
"""Each row of a tile reads the tile's columns, 64 kB at dimension 16, from the second cache."""

N_BINS = 2**16
"""Number of intervals of logits. The levels in an interval are looked up one by one; in an interval
with more than MOST_STEPS levels, they are found by bisection."""
MOST_STEPS = 8


def top_pairs(
    factor: Tensor,
    k: int,
    *,
    known: FloatCSR,
    right: Tensor | None = None,
    space: PairSpace | None = None,
) -> Found:
    """Find the k pairs (i, j) with the largest factor_i . right_j, without known edges.

    The search covers every pair that can be an edge. On top of the factor, each thread needs memory
    for eight times k pairs, or for its share of 2^26 pairs if that is less. Of equal pairs, the
    first by (i, j) wins.

    Parameters
    ----------
    factor
        Vectors whose inner products with those of `right` are the logits, shape (n_nodes, dim).
    k
        Number of pairs; fewer are returned if there are fewer.
    known
        Adjacency of the pairs to omit, shape (n_nodes, n_nodes); symmetric for unordered pairs.
    right
        Of the same shape as `factor`, such that logits of unordered pairs are symmetric; None means
        `factor`.
    space
        The pairs that can be edges; by default all pairs i < j.

    Returns
    -------
    Pairs, shape (n_found, 2), and their logits, shape (n_found,), best first.

    Examples
    --------
    >>> factor = torch.tensor([[1.0], [2.0], [3.0]])
    >>> known = sparse.csr_array(np.array([[0, 0, 0], [0, 0, 1], [0, 1, 0]], np.float32))
    >>> pairs, logits = top_pairs(factor, 1, known=known)
    >>> pairs.tolist(), logits.tolist()
    ([[0, 2]], [3.0])
    """
    n_nodes = factor.shape[0]
    space = space or PairSpace(n_nodes)
    k = max(0, min(k, space.n_pairs))
    codes, values = np.empty(0, np.int64), np.empty(0, np.float32)
    rows, by_dimension = _sides(factor, right, known)
    n_shares = SHARES * n_threads()
    for first, stop in _rounds(n_nodes, ordered=space.ordered) if k else ():
        cuts = _equal_shares(n_nodes, first, stop, n_shares, ordered=space.ordered)
        largest_share = int(np.diff(cuts).max()) * n_nodes
        found_codes = np.empty((n_shares, min(2 * k + SPARE_CANDIDATES, largest_share)), np.int64)
        found_values = np.empty(found_codes.shape, np.float32)
        n_found = np.zeros(n_shares, np.int64)
        bar = values[-1] if len(values) == k else np.float32(-np.inf)
        run_items(
            _best_of_rows,
            n_shares,
            *(rows, by_dimension, *_neighbors(known), *_types(space), cuts),
            *(k, bar, found_codes, found_values, n_found),
            work=_work(rows, (stop - first) * n_nodes / 2),
        )
        found = np.arange(found_codes.shape[1])[None, :] < n_found[:, None]
        codes = np.concatenate([codes, found_codes[found]])
        values = np.concatenate([values, found_values[found]])
        order = np.lexsort((codes, -values))[:k]
        codes, values = codes[order], values[order]
    return np.stack(np.divmod(codes, max(n_nodes, 1)), axis=1), values


def top_partners(
    factor: Tensor,
    nodes: NDArray[np.int64],
    k: int,
    *,
    known: FloatCSR,
    right: Tensor | None = None,
    space: PairSpace | None = None,
) -> Found:
    """Find the k best partners j of each node by factor_i . right_j, without known edges.

    Parameters and returns are those of `top_pairs`. `nodes` are row indices; the pairs come in the
    order of `nodes`, and best first for each node.

    Examples
    --------
    >>> factor = torch.tensor([[1.0], [2.0], [3.0]])
    >>> known = sparse.csr_array((3, 3), dtype=np.float32)
    >>> pairs, logits = top_partners(factor, np.array([2, 0]), 1, known=known)
    >>> pairs.tolist(), logits.tolist()
    ([[2, 1], [0, 2]], [6.0, 3.0])
    """
    k = min(k, factor.shape[0])
    space = space or PairSpace(factor.shape[0])
    rows, by_dimension = _sides(factor, right, known)
    if len(nodes) and not 0 <= min(nodes) <= max(nodes) < len(rows):
        raise IndexError(f"nodes: not all of them are below {len(rows)}")
    partners = np.empty((len(nodes), k), np.int64)
    values = np.empty((len(nodes), k), np.float32)
    n_found = np.zeros(len(nodes), np.int64)
    run_items(
        _best_of_nodes,
        len(nodes),
        *(rows, by_dimension, *_neighbors(known), *_types(space)[1:]),
        np.asarray(nodes, np.int64),
        *(k, partners, values, n_found),
        work=_work(rows, len(nodes) * len(rows)),
    )
    kept = np.arange(k)[None, :] < n_found[:, None]
    asked, found, logits = np.repeat(np.arange(len(nodes)), n_found), partners[kept], values[kept]
    order = np.lexsort((found, -logits, asked))
    pairs = np.stack([np.asarray(nodes, np.int64)[asked], found], axis=1)
    return pairs[order], logits[order]


def count_reaching(
    factor: Tensor,
    levels: NDArray[np.float32],
    *,
    known: FloatCSR,
    right: Tensor | None = None,
    space: PairSpace | None = None,
) -> NDArray[np.int64]:
    """Count the open pairs that reach exactly 0, 1, 2, ... of the levels.

    Open pairs can be edges and are not known. A pair reaches a level if its logit is not below it.

    Parameters
    ----------
    factor
        Vectors whose inner products with those of `right` are the logits, shape (n_nodes, dim).
    levels
        Ascending and distinct, shape (n_levels,), at least one.
    known, right, space
        As in `top_pairs`.

    Returns
    -------
    Counts, shape (n_levels + 1,).

    Examples
    --------
    >>> factor = torch.tensor([[1.0], [2.0], [3.0]])  # logits 2, 3 and 6
    >>> known = sparse.csr_array((3, 3), dtype=np.float32)
    >>> count_reaching(factor, np.array([2.5, 5.0], np.float32), known=known).tolist()
    [1, 1, 1]
    """
    space = space or PairSpace(factor.shape[0])
    rows, by_dimension = _sides(factor, right, known)
    n_shares = SHARES * n_threads()
    counts = np.zeros((n_shares, len(levels) + 1), np.int64)
    cuts = _equal_shares(len(rows), 0, len(rows), n_shares, ordered=space.ordered)
    run_items(
        _count_rows,
        n_shares,
        *(rows, by_dimension, *_neighbors(known), *_types(space), cuts),
        *(np.ascontiguousarray(levels, np.float32), counts),
        work=_work(rows, len(rows) ** 2 / 2),
    )
    total: NDArray[np.int64] = counts.sum(axis=0)
    return total


def count_rivals(
    factor: Tensor,
    pairs: NDArray[np.int64],
    *,
    known: FloatCSR,
    right: Tensor | None = None,
    space: PairSpace | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Count for each pair (i, j) the open partners of i whose logit with i exceeds that of j.

    Open partners of i are all nodes that can be the other end of an edge from i, but j and the
    known neighbours of i.

    Parameters
    ----------
    factor
        Vectors whose inner products with those of `right` are the logits, shape (n_nodes, dim).
    pairs
        Row indices, shape (n_pairs, 2).
    known, right, space
        As in `top_pairs`.

    Returns
    -------
    The numbers of partners that exceed it, that equal it, and of all, shape (n_pairs,) each.

    Examples
    --------
    >>> factor = torch.tensor([[1.0], [2.0], [3.0]])
    >>> known = sparse.csr_array((3, 3), dtype=np.float32)
    >>> above, tied, number = count_rivals(factor, np.array([[0, 1], [0, 2]]), known=known)
    >>> above.tolist(), tied.tolist(), number.tolist()
    ([1, 0], [0, 0], [1, 1])
    """
    rows, by_dimension = _sides(factor, right, known)
    types = _types(space or PairSpace(len(rows)))
    order = np.argsort(pairs[:, 0], kind="stable")
    nodes, starts = np.unique(pairs[order, 0], return_index=True)
    counts = np.zeros((len(pairs), 3), np.int64)
    run_items(
        _count_rivals,
        -(-len(nodes) // TILE_ROWS),
        *(rows, by_dimension, *_neighbors(known), *types[1:]),
        *(nodes.astype(np.int64), np.append(starts, len(pairs)).astype(np.int64)),
        *(pairs[order, 1].astype(np.int64), counts),
        work=_work(rows, len(nodes) * len(rows)),
    )
    found = np.empty_like(counts)
    found[order] = counts
    above, tied, number = found.T
    return above, tied, number


def _sides(
    factor: Tensor, right: Tensor | None, known: FloatCSR
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows, and the transpose of `right`, padded with zeros to a multiple of four dimensions."""
    if known.shape != (len(factor), len(factor)):
        raise ValueError(f"{len(factor)} vectors, but known pairs of shape {known.shape}")
    if right is not None and right.shape != factor.shape:
        raise ValueError(f"factors of shapes {tuple(factor.shape)} and {tuple(right.shape)}")
    rows = _padded(factor)
    return rows, np.ascontiguousarray((rows if right is None else _padded(right)).T)


def _neighbors(known: FloatCSR) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Starts of rows, and columns."""
    return read_only(known.indptr), read_only(known.indices)


def _types(space: PairSpace) -> tuple[bool, NDArray[np.int64], NDArray[np.bool_]]:
    """Whether pairs are ordered, and the types of nodes and which can be joined, for the loops.

    The arrays are copies of one kind, so that loops are compiled once. Without types there are
    none, and the loops do not ask.
    """
    types = np.empty(0, np.int64) if space.node_types is None else np.array(space.node_types)
    return space.ordered, types, np.array(space.type_table)


def _padded(factor: Tensor) -> NDArray[np.float64]:
    n_nodes, dim = factor.shape
    rows = np.zeros((n_nodes, max(1, -(-dim // 4)) * 4))
    rows[:, :dim] = factor.detach().cpu().numpy()
    return rows


def _work(rows: NDArray[np.float64], n_logits: float) -> float:
    """Estimate the nanoseconds that this many logits take on one thread."""
    return n_logits * (WORK_OF_A_LOGIT + len(rows.T) * WORK_OF_A_DIMENSION)


def _rounds(n_nodes: int, *, ordered: bool) -> list[tuple[int, int]]:
    """Ranges of rows with about ROUND_LOGITS logits each, of unordered pairs i < j."""
    n_rounds = max(1, n_nodes * n_nodes // ((1 if ordered else 2) * ROUND_LOGITS))
    cuts = _equal_shares(n_nodes, 0, n_nodes, n_rounds, ordered=ordered)
    return list(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))


def _equal_shares(
    n_nodes: int, first: int, stop: int, n_shares: int, *, ordered: bool = False
) -> NDArray[np.int64]:
    """Cut a range of rows into shares of equally many pairs, of unordered ones those i < j."""
    reached = np.cumsum(n_nodes - (0 if ordered else 1) * np.arange(first, stop))
    wanted = np.arange(1, n_shares)[:, None] / n_shares * reached[-1:]
    inner = first + np.searchsorted(reached, wanted.ravel())
    return np.concatenate([[first], inner, np.full(n_shares - len(inner), stop)]).astype(np.int64)


# ------------------------------------------------------------------- compiled


@compiled()
def _best_of_rows(
    turn: Any,
    size: Any,
    rows: Any,
    by_dimension: Any,
    known_starts: Any,
    known: Any,
    ordered: Any,
    types: Any,
    joined: Any,
    cuts: Any,
    k: Any,
    bar: Any,
    found_codes: Any,
    found_values: Any,
    n_found: Any,
) -> None:
    """Find the best pairs of each share of rows, as codes i * n_nodes + j."""
    n_nodes = len(rows)
    for task in items(turn, size, len(n_found)):
        logits = np.empty(TILE_COLUMNS, np.float32)
        sums = np.empty(TILE_COLUMNS, np.float64)
        codes, values = found_codes[task], found_values[task]
        count, own_bar = 0, bar
        for left, row in _tiles(cuts[task], cuts[task + 1], n_nodes, ordered):
            first, stop = left, min(left + TILE_COLUMNS, n_nodes)
            if not ordered:
                first = max(left, row + 1)
            _open_logits(
                *(rows, by_dimension, known_starts, known, types, joined),
                *(row, first, stop, sums, logits),
            )
            for place in range(stop - first):
                if logits[place] >= own_bar and logits[place] > -np.inf:
                    if count == len(codes):
                        count = _keep_best(codes, values, count, k)
                        own_bar = values[:count].min()
                    codes[count] = row * n_nodes + first + place
                    values[count] = logits[place]
                    count += 1
        n_found[task] = _keep_best(codes, values, count, k)


@compiled()
def _best_of_nodes(
    turn: Any,
    size: Any,
    rows: Any,
    by_dimension: Any,
    known_starts: Any,
    known: Any,
    types: Any,
    joined: Any,
    nodes: Any,
    k: Any,
    partners: Any,
    values: Any,
    n_found: Any,
) -> None:
    """Find the best partners of each node, in any order."""
    n_nodes = len(rows)
    for task in items(turn, size, len(nodes)):
        node = nodes[task]
        logits = np.empty(n_nodes, np.float32)
        sums = np.empty(n_nodes, np.float64)
        _open_logits(
            *(rows, by_dimension, known_starts, known, types, joined),
            *(node, 0, n_nodes, sums, logits),
        )
        candidates, chosen, count = np.empty(n_nodes, np.int64), np.empty(n_nodes, np.float32), 0
        for other in range(n_nodes):
            if logits[other] > -np.inf:
                candidates[count], chosen[count] = other, logits[other]
                count += 1
        count = _keep_best(candidates, chosen, count, k)
        for place in range(count):
            partners[task, place], values[task, place] = candidates[place], chosen[place]
        n_found[task] = count


@compiled()
def _count_rows(
    turn: Any,
    size: Any,
    rows: Any,
    by_dimension: Any,
    known_starts: Any,
    known: Any,
    ordered: Any,
    types: Any,
    joined: Any,
    cuts: Any,
    levels: Any,
    counts: Any,
) -> None:
    n_nodes = len(rows)
    lowest, scale, bin_starts = _level_bins(levels)
    bounded = np.append(levels, np.float32(np.nan))  # which nothing reaches
    for task in items(turn, size, len(counts)):
        logits = np.empty(TILE_COLUMNS, np.float32)
        sums = np.empty(TILE_COLUMNS, np.float64)
        bins = np.empty(TILE_COLUMNS, np.int32)
        own_counts = counts[task]
        for left, row in _tiles(cuts[task], cuts[task + 1], n_nodes, ordered):
            first, stop = left, min(left + TILE_COLUMNS, n_nodes)
            if not ordered:
                first = max(left, row + 1)
            n_closed = _open_logits(
                *(rows, by_dimension, known_starts, known, types, joined),
                *(row, first, stop, sums, logits),
            )
            for place in range(stop - first):
                bins[place] = _bin(logits[place], lowest, scale)
            for place in range(stop - first):
                reached = bin_starts[bins[place]]
                if bin_starts[bins[place] + 1] - reached <= MOST_STEPS:
                    while bounded[reached] <= logits[place]:
                        reached += 1
                elif logits[place] >= lowest:
                    reached = np.searchsorted(levels, logits[place], side="right")
                own_counts[reached] += 1
            # Closed pairs, at minus infinity, were counted as pairs that reach no level.
            own_counts[0] -= n_closed


@compiled()
def _count_rivals(
    turn: Any,
    size: Any,
    rows: Any,
    by_dimension: Any,
    known_starts: Any,
    known: Any,
    types: Any,
    joined: Any,
    nodes: Any,
    starts: Any,
    partners: Any,
    counts: Any,
) -> None:
    """Count rivals for TILE_ROWS nodes at a time; `starts` are the places of each node's pairs."""
    n_nodes = len(rows)
    nothing = np.zeros(n_nodes + 1, np.int64)
    untyped = types[:0]
    for task in items(turn, size, -(-len(nodes) // TILE_ROWS)):
        first_node, stop_node = task * TILE_ROWS, min((task + 1) * TILE_ROWS, len(nodes))
        start = starts[first_node]
        levels = np.empty(starts[stop_node] - start, np.float32)
        logits = np.empty(TILE_COLUMNS, np.float32)
        sums = np.empty(TILE_COLUMNS, np.float64)
        for number in range(first_node, stop_node):
            for place in range(starts[number], starts[number + 1]):
                partner = partners[place]
                _open_logits(
                    *(rows, by_dimension, nothing, known, untyped, joined),
                    *(nodes[number], partner, partner + 1, sums, logits),
                )
                levels[place - start] = logits[0]
        for left in range(0, n_nodes, TILE_COLUMNS):
            stop = min(left + TILE_COLUMNS, n_nodes)
            for number in range(first_node, stop_node):
                node = nodes[number]
                n_closed = _open_logits(
                    *(rows, by_dimension, known_starts, known, types, joined),
                    *(node, left, stop, sums, logits),
                )
                for place in range(starts[number], starts[number + 1]):
                    level, partner = levels[place - start], partners[place]
                    # An open partner equals itself, and is no rival of its own.
                    own = left <= partner < stop and logits[partner - left] > -np.inf
                    above, tied = 0, 0
                    for column in range(stop - left):
                        above += logits[column] > level
                        tied += logits[column] == level
                    counts[place, 0] += above
                    counts[place, 1] += tied - own
                    counts[place, 2] += stop - left - n_closed - own


@rehearsal
def _rehearse() -> None:
    known = sparse.csr_array(np.eye(2, dtype=np.float32))
    factor = torch.ones(2, 1)
    top_pairs(factor, 1, known=known)
    top_partners(factor, np.zeros(1, np.int64), 1, known=known)
    count_reaching(factor, np.zeros(1, np.float32), known=known)
    count_rivals(factor, np.array([[0, 1]]), known=known)


@numba.njit
def _tiles(start: Any, stop: Any, n_nodes: Any, ordered: Any) -> Any:
    """Yield the left edge and the row for every row of every tile, of unordered pairs i < j."""
    for top in range(start, stop, TILE_ROWS):
        for left in range(0 if ordered else top + 1, n_nodes, TILE_COLUMNS):
            for row in range(top, min(top + TILE_ROWS, stop)):
                yield left, row


@numba.njit
def _level_bins(levels: Any) -> Any:
    """Find where the levels of each of N_BINS equal intervals start.

    A larger number is never in a lower interval, so that it is enough to compare a logit with the
    levels of its own interval.
    """
    lowest = levels[0]
    width = np.float32(levels[-1] - lowest)
    scale = np.float32(0.0)
    if 0.0 < width < np.inf:
        scale = min(np.float32(N_BINS / width), np.float32(1e30))
    starts = np.zeros(N_BINS + 1, np.int32)
    for level in levels:
        starts[_bin(level, lowest, scale) + 1] += 1
    for place in range(N_BINS):
        starts[place + 1] += starts[place]
    return lowest, scale, starts


@numba.njit
def _bin(value: Any, lowest: Any, scale: Any) -> Any:
    """Find the interval of a number; numbers below the lowest level share the first interval."""
    scaled = (value - lowest) * scale
    return np.int32(min(scaled, np.float32(N_BINS - 1))) if scaled > 0.0 else np.int32(0)


# No option but contraction: every logit is summed in the same order, in whichever tile it is.
@numba.njit(fastmath={"contract"})
def _open_logits(
    rows: Any,
    by_dimension: Any,
    known_starts: Any,
    known: Any,
    types: Any,
    joined: Any,
    row: Any,
    first: Any,
    stop: Any,
    sums: Any,
    logits: Any,
) -> Any:
    """Compute the logits of a row from column `first` to `stop`; closed pairs get minus infinity.

    They are known edges, the row with itself and what cannot be an edge. Returns their number.
    """
    width = stop - first
    for d in range(0, len(by_dimension), 4):
        z0, z1, z2, z3 = rows[row, d], rows[row, d + 1], rows[row, d + 2], rows[row, d + 3]
        a, b = by_dimension[d, first:stop], by_dimension[d + 1, first:stop]
        c, e = by_dimension[d + 2, first:stop], by_dimension[d + 3, first:stop]
        if d == 0:
            for place in range(width):
                sums[place] = z0 * a[place] + z1 * b[place] + (z2 * c[place] + z3 * e[place])
        else:
            for place in range(width):
                sums[place] += z0 * a[place] + z1 * b[place] + (z2 * c[place] + z3 * e[place])
    for place in range(width):
        logits[place] = sums[place]
    neighbors = known[known_starts[row] : known_starts[row + 1]]
    inside = neighbors[np.searchsorted(neighbors, first) : np.searchsorted(neighbors, stop)]
    for neighbor in inside:
        logits[neighbor - first] = -np.inf
    n_closed = len(inside)
    if first <= row < stop:
        logits[row - first] = -np.inf
        n_closed += 1
    if len(types):
        possible = joined[types[row]]
        for place in range(width):
            if not possible[types[first + place]]:
                logits[place] = -np.inf
                n_closed += first + place != row
    return n_closed


@numba.njit
def _keep_best(codes: Any, values: Any, count: Any, k: Any) -> Any:
    """Move the k largest values to the front, the smaller code first among equals; count them.

    Hoare's selection in place: a sort would take longer, and seconds more to compile.
    """
    low, high = 0, count - 1
    while low < high and count > k:
        value, code = values[(low + high) // 2], codes[(low + high) // 2]
        left, right = low, high
        while left <= right:
            while _is_before(values[left], codes[left], value, code):
                left += 1
            while _is_before(value, code, values[right], codes[right]):
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                codes[left], codes[right] = codes[right], codes[left]
                left += 1
                right -= 1
        if k <= right + 1:
            high = right
        elif k > left:
            low = left
        else:
            break
    return min(count, k)


@numba.njit
def _is_before(value: Any, code: Any, other_value: Any, other_code: Any) -> Any:
    return value > other_value or (value == other_value and code < other_code)
