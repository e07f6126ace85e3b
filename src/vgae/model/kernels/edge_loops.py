"""Compiled loops over the pairs of a sparse pattern, a row at a time.

The caller checks that tensors go together: nothing is checked here.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vgae.model.kernels.atomics import items
from vgae.model.kernels.compiled import compiled, rehearsal
from vgae.model.kernels.lanes import (
    N_LANES,
    add_exponent,
    exponential_parts,
    lane_sum,
    load,
    minus_magnitude,
    multiply_add,
    splat,
    splat_at,
    store,
)
from vgae.model.kernels.pairs import PairPattern, PairTerm
from vgae.model.kernels.threads import run_items

__all__ = ["pull_in_lanes", "pull_logistic", "scores_in_lanes"]

EMITTED = "15ef875cb2a2"
"""State of the emitted instructions: numba looks for changes in this file alone."""

GROUP = 32
"""Pairs at a time in the compiled loop: their vectors, 8 kB at dimension 64, stay in the first
cache between the score and the gradient."""

WORK_OF_A_PAIR, WORK_OF_A_PRODUCT = 15.0, 0.8
"""Nanoseconds per pair, and per dimension of a pair, of the logistic terms."""
WORK_OF_A_SCORE, WORK_OF_LANES = 6.0, 0.15
"""The same for one pass in lanes: scores, or gradient."""

LEAST_PRODUCT, LARGEST_PRODUCT = 1e-200, 1e200
"""Bounds of a product of float32 numbers whose logarithm is taken later: another factor does not
leave the range of float64."""


def pull_logistic(
    left: Tensor, right: Tensor, pattern: PairPattern, term: PairTerm, scale: float
) -> tuple[Tensor, Tensor]:
    """Sum logistic terms with scores in float64: the total, and `scale` times the left gradient.

    Examples
    --------
    >>> itself = PairPattern(torch.tensor([0, 1]), torch.tensor([0]))
    >>> one = torch.ones(1, 1)
    >>> total, gradient = pull_logistic(one, one, itself, PairTerm("logistic", 1.0), 2.0)
    >>> total.item(), gradient.tolist()  # -s at s = 1
    (-1.0, [[-2.0]])
    """
    vectors = left.contiguous().numpy()
    gradient, totals = np.empty_like(vectors), np.empty(len(vectors))
    run_items(
        _walk_rows,
        len(vectors),
        pattern.row_starts.numpy(),
        pattern.columns.numpy(),
        vectors,
        right.contiguous().numpy(),
        *(float(term.pos_weight), scale),
        *(gradient, totals),
        work=len(pattern.columns) * (WORK_OF_A_PAIR + vectors.shape[1] * WORK_OF_A_PRODUCT),
    )
    return torch.tensor(totals.sum(), dtype=torch.float64), torch.from_numpy(gradient)


# Reassociation lets the inner products be taken several terms at a time.
@compiled(fastmath={"reassoc", "contract"})
def _walk_rows(
    turn: Any,
    size: Any,
    row_starts: Any,
    columns: Any,
    vectors: Any,
    others: Any,
    pos_weight: Any,
    scale: Any,
    gradient: Any,
    totals: Any,
) -> None:
    """Compute the logistic total and the gradient of each row.

    pos_weight * softplus(-s) - softplus(s) is pos_weight * max(-s, 0) - max(s, 0), and
    (pos_weight - 1) log(1 + e) with e = exp(-|s|); a row takes the logarithms of products.
    """
    n_nodes, dim = vectors.shape
    slopes = np.empty(dim)
    for row in items(turn, size, n_nodes):
        own = vectors[row]
        for d in range(dim):
            slopes[d] = 0.0
        linear = logarithms = product = 0.0  # product: prod (1 + e) - 1, of at most 512 factors
        for place in range(row_starts[row], row_starts[row + 1]):
            other = others[columns[place]]
            logit = 0.0
            for d in range(dim):
                logit += np.float64(own[d]) * np.float64(other[d])
            e = math.exp(-abs(logit))
            product = product * (1.0 + e) + e
            if (place - row_starts[row]) % 512 == 511:
                logarithms += math.log1p(product)
                product = 0.0
            smaller = e / (1.0 + e)
            if logit > 0.0:
                linear -= logit
                slope = -pos_weight * smaller - (1.0 - smaller)
            else:
                linear -= pos_weight * logit
                slope = -pos_weight * (1.0 - smaller) - smaller
            for d in range(dim):
                slopes[d] += slope * other[d]
        for d in range(dim):
            gradient[row, d] = scale * slopes[d]
        totals[row] = linear + (pos_weight - 1.0) * (logarithms + math.log1p(product))


_RATE, _COUNT, _SQUARE = 0, 1, 2
_NUMBERS = {"rate": _RATE, "count": _COUNT, "square": _SQUARE}


def pull_in_lanes(
    left: Tensor, right: Tensor, pattern: PairPattern, term: PairTerm, scale: float
) -> tuple[Tensor, Tensor]:
    """Sum any other terms with scores in float32: the total, and `scale` times the left gradient.

    Examples
    --------
    >>> itself = PairPattern(torch.tensor([0, 1]), torch.tensor([0]))
    >>> two = torch.full((1, 1), 2.0)
    >>> total, gradient = pull_in_lanes(two, two, itself, PairTerm("square", 1.0), 2.0)
    >>> total.item(), gradient.tolist()  # (1 - s)^2 - s^2 at s = 4
    (-7.0, [[-8.0]])
    """
    (n_nodes, dim), rows = left.shape, _wide(left)
    targets = torch.empty(0) if term.targets is None else term.targets.float().contiguous()
    gradient, totals = np.empty(rows.shape, np.float32), np.empty(n_nodes)
    run_items(
        _walk_in_lanes,
        n_nodes,
        pattern.row_starts.numpy(),
        pattern.columns.numpy(),
        *(rows.reshape(-1), (rows if right is left else _wide(right)).reshape(-1), rows.shape[1]),
        *(_NUMBERS[term.kind], float(term.pos_weight), targets.numpy(), np.float32(scale)),
        *(gradient.reshape(-1), totals),
        work=2 * len(pattern.columns) * (WORK_OF_A_SCORE + rows.shape[1] * WORK_OF_LANES),
    )
    narrow = torch.from_numpy(gradient)[:, :dim].contiguous()
    return torch.tensor(totals.sum(), dtype=torch.float64), narrow


def scores_in_lanes(left: Tensor, right: Tensor, pattern: PairPattern) -> Tensor:
    """Compute the scores of all pairs in float32.

    Examples
    --------
    >>> itself = PairPattern(torch.tensor([0, 1]), torch.tensor([0]))
    >>> scores_in_lanes(torch.ones(1, 3), torch.full((1, 3), 2.0), itself).tolist()
    [6.0]
    """
    rows, scores = _wide(left), np.empty(len(pattern.columns), np.float32)
    run_items(
        _score_rows,
        len(rows),
        pattern.row_starts.numpy(),
        pattern.columns.numpy(),
        *(rows.reshape(-1), (rows if right is left else _wide(right)).reshape(-1), rows.shape[1]),
        scores,
        work=len(scores) * (WORK_OF_A_SCORE + rows.shape[1] * WORK_OF_LANES),
    )
    return torch.from_numpy(scores)


def _wide(factor: Tensor) -> NDArray[np.float32]:
    """A factor as an array whose rows fill a register, with zeros if need be."""
    if factor.shape[1] < N_LANES:
        factor = functional.pad(factor, (0, N_LANES - factor.shape[1]))
    wide: NDArray[np.float32] = factor.contiguous().numpy()
    return wide


# A row of `dim` numbers is read as whole registers. If `dim` is no multiple of eight, the last
# register starts at dim - 8 and overlaps the one before it: `own` holds zeros for what was already
# read, so that scores count it once, and the overlap of `sums` is not used.


@compiled()
def _walk_in_lanes(
    turn: Any,
    size: Any,
    row_starts: Any,
    columns: Any,
    left: Any,
    right: Any,
    dim: Any,
    kind: Any,
    pos_weight: Any,
    targets: Any,
    scale: Any,
    gradient: Any,
    totals: Any,
) -> None:
    """Compute the total and the gradient of each row."""
    scores = np.zeros(GROUP, np.float32)
    small, complement = np.empty(N_LANES, np.float32), np.empty(N_LANES, np.float32)
    own = np.zeros(-(-dim // N_LANES) * N_LANES, np.float32)
    sums = np.zeros(len(own), np.float32)
    for row in items(turn, size, len(totals)):
        _read_row(left, row * dim, dim, own)
        for d in range(len(sums)):
            sums[d] = 0.0
        total = 0.0
        for first in range(row_starts[row], row_starts[row + 1], GROUP):
            n_pairs = min(GROUP, row_starts[row + 1] - first)
            _inner_products(own, right, columns, first, n_pairs, dim, scores, 0)
            if kind == _RATE:
                total += _rate_terms(scores, n_pairs, pos_weight, small, complement)
            elif kind == _COUNT:
                total += _count_terms(scores, n_pairs, pos_weight, targets, first)
            else:
                total += _square_terms(scores, n_pairs, pos_weight, targets, first)
            _add_multiples(right, columns, first, n_pairs, dim, scores, sums)
        body = dim // N_LANES * N_LANES
        for d in range(body):
            gradient[row * dim + d] = scale * sums[d]
        for d in range(body, dim):
            gradient[row * dim + d] = scale * sums[d + len(sums) - dim]
        totals[row] = total


@compiled()
def _score_rows(
    turn: Any,
    size: Any,
    row_starts: Any,
    columns: Any,
    left: Any,
    right: Any,
    dim: Any,
    scores: Any,
) -> None:
    own = np.zeros(-(-dim // N_LANES) * N_LANES, np.float32)
    for row in items(turn, size, len(row_starts) - 1):
        _read_row(left, row * dim, dim, own)
        first, stop = row_starts[row], row_starts[row + 1]
        _inner_products(own, right, columns, first, stop - first, dim, scores, first)


@numba.njit
def _read_row(rows: Any, start: Any, dim: Any, own: Any) -> None:
    body = dim // N_LANES * N_LANES
    for d in range(body):
        own[d] = rows[start + d]
    for d in range(body, dim):
        own[d + len(own) - dim] = rows[start + d]


@numba.njit
def _inner_products(
    own: Any, right: Any, columns: Any, first: Any, n_pairs: Any, dim: Any, scores: Any, at: Any
) -> None:
    """Compute the scores of some pairs of a row, four at a time, from place `at` on."""
    zero, last = splat(np.float32(0.0)), dim - N_LANES
    together = n_pairs // 4 * 4
    for k in range(0, together, 4):
        a0 = a1 = a2 = a3 = zero
        row0, row1 = columns[first + k] * dim, columns[first + k + 1] * dim
        row2, row3 = columns[first + k + 2] * dim, columns[first + k + 3] * dim
        for place in range(0, len(own), N_LANES):
            d = min(place, last)
            z = load(own, place)
            a0 = multiply_add(z, load(right, row0 + d), a0)
            a1 = multiply_add(z, load(right, row1 + d), a1)
            a2 = multiply_add(z, load(right, row2 + d), a2)
            a3 = multiply_add(z, load(right, row3 + d), a3)
        scores[at + k], scores[at + k + 1] = lane_sum(a0), lane_sum(a1)
        scores[at + k + 2], scores[at + k + 3] = lane_sum(a2), lane_sum(a3)
    for k in range(together, n_pairs):
        a0 = zero
        row0 = columns[first + k] * dim
        for place in range(0, len(own), N_LANES):
            a0 = multiply_add(load(own, place), load(right, row0 + min(place, last)), a0)
        scores[at + k] = lane_sum(a0)


@numba.njit
def _add_multiples(
    right: Any, columns: Any, first: Any, n_pairs: Any, dim: Any, slopes: Any, sums: Any
) -> None:
    """Add slope times vector of some pairs of a row, four registers at a time, then one."""
    last = dim - N_LANES
    place = 0
    while place + 4 * N_LANES <= len(sums):
        d0, d1 = place, place + N_LANES
        d2, d3 = place + 2 * N_LANES, min(place + 3 * N_LANES, last)
        a0, a1, a2 = load(sums, d0), load(sums, d1), load(sums, d2)
        a3 = load(sums, place + 3 * N_LANES)
        for k in range(n_pairs):
            row, slope = columns[first + k] * dim, splat_at(slopes, k)
            a0 = multiply_add(slope, load(right, row + d0), a0)
            a1 = multiply_add(slope, load(right, row + d1), a1)
            a2 = multiply_add(slope, load(right, row + d2), a2)
            a3 = multiply_add(slope, load(right, row + d3), a3)
        store(sums, d0, a0)
        store(sums, d1, a1)
        store(sums, d2, a2)
        store(sums, place + 3 * N_LANES, a3)
        place += 4 * N_LANES
    while place < len(sums):
        a0, d0 = load(sums, place), min(place, last)
        for k in range(n_pairs):
            a0 = multiply_add(splat_at(slopes, k), load(right, columns[first + k] * dim + d0), a0)
        store(sums, place, a0)
        place += N_LANES


# Each of the following turns the scores of up to GROUP pairs into slopes, and returns the total.


@numba.njit
def _rate_terms(scores: Any, n_pairs: Any, pos_weight: Any, small: Any, complement: Any) -> Any:
    """The logarithms are those of products of p = 1 - exp(-s); two registers are lent."""
    one, weight = splat(np.float32(1.0)), splat(np.float32(pos_weight))
    lowest = splat(np.float32(-80.0))
    linear = logarithms = 0.0
    product = 1.0
    for first in range(0, n_pairs, N_LANES):
        f, slope, n = exponential_parts(minus_magnitude(load(scores, first), lowest))
        power, rest = add_exponent(one, n), f * slope
        e = multiply_add(rest, power, power)
        p = (one - power) - rest * power  # exact where s is small, as 1 - e is not
        store(small, 0, p)
        store(complement, 0, e)
        for k in range(min(N_LANES, n_pairs - first)):
            s = np.float64(scores[first + k])
            if s <= 0.0:
                return math.inf
            linear += s
            product *= np.float64(small[k]) if s < 0.34 else 1.0 - np.float64(complement[k])
            if product < LEAST_PRODUCT:
                logarithms += math.log(product)
                product = 1.0
        store(scores, first, (splat(np.float32(0.0)) - weight) * e / p - one)
    return -pos_weight * (logarithms + math.log(product)) - linear


@numba.njit
def _count_terms(scores: Any, n_pairs: Any, pos_weight: Any, targets: Any, first: Any) -> Any:
    """The logarithms are those of products of s where every target is 1."""
    linear = logarithms = 0.0
    product = 1.0
    for k in range(n_pairs):
        s, target = np.float64(scores[k]), 1.0
        if s <= 0.0:
            return math.inf
        linear += s
        if len(targets):
            target = np.float64(targets[first + k])
            logarithms += target * math.log(s)
        else:
            product *= s
            if not LEAST_PRODUCT < product < LARGEST_PRODUCT:
                logarithms += math.log(product)
                product = 1.0
        scores[k] = pos_weight - 1.0 - pos_weight * target / s
    return (pos_weight - 1.0) * linear - pos_weight * (logarithms + math.log(product))


@numba.njit(fastmath={"reassoc", "contract"})
def _square_terms(scores: Any, n_pairs: Any, pos_weight: Any, targets: Any, first: Any) -> Any:
    total = 0.0
    for k in range(n_pairs):
        s = np.float64(scores[k])
        target = np.float64(targets[first + k]) if len(targets) else 1.0
        total += pos_weight * (target - s) ** 2 - s * s
        scores[k] = 2.0 * ((pos_weight - 1.0) * s - pos_weight * target)
    return total


@rehearsal
def _rehearse() -> None:
    starts, columns = torch.arange(2, dtype=torch.int32), torch.zeros(1, dtype=torch.int32)
    factor, itself = torch.ones(1, 1), PairPattern(starts, columns)
    pull_logistic(factor, factor, itself, PairTerm("logistic", 1.0), 2.0)
    pull_in_lanes(factor, factor, itself, PairTerm("rate", 1.0), 2.0)
    scores_in_lanes(factor, factor, itself)
