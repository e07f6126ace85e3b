"""Sums over the pairs of a sparse pattern: what edges add to an objective, and their scores.

The gradient of a sum over the pairs of a symmetric pattern is again a sum over the neighbours of
each node. Each row of the gradient is therefore written by one thread, in an order that depends on
the pattern alone: unlike the gradient of a gather, it is the same to the bit on any number of
threads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor
from torch.nn import functional

from vgae.model.kernels.atomics import items
from vgae.model.kernels.compiled import compiled, rehearsal
from vgae.model.kernels.engines import PairSum
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
from vgae.model.kernels.sparse import CsrParts, csr_tensor
from vgae.model.kernels.threads import run_items

__all__ = ["PairPattern", "PairTerm", "PositiveTerms", "pair_scores", "pair_terms"]

EMITTED = "716194b1fe9e"
"""State of the emitted instructions: numba looks for changes in this file alone."""

TermKind = Literal["logistic", "rate", "count", "square"]

CHUNK_PAIRS = 2**16
"""Pairs at a time where torch computes the terms."""

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


@dataclass(frozen=True)
class PairPattern:
    """The ordered pairs of a sum: a symmetric pattern of n_nodes x n_nodes in CSR form.

    Attributes
    ----------
    row_starts
        Where the columns of each row start, shape (n_nodes + 1,).
    columns
        The second node of each pair, ascending within a row, shape (n_pairs,), of the same type.

    Examples
    --------
    An edge between two nodes, in both directions, and the second node with itself:

    >>> pattern = PairPattern(torch.tensor([0, 1, 3]), torch.tensor([1, 0, 1]))
    >>> pattern.to(torch.device("cpu")).columns.tolist()
    [1, 0, 1]
    >>> pattern.mirror.tolist()  # (0, 1) and (1, 0) change places
    [1, 0, 2]
    """

    row_starts: Tensor
    columns: Tensor

    def to(self, device: torch.device) -> PairPattern:
        """Copy the pattern to a device."""
        return PairPattern(self.row_starts.to(device), self.columns.to(device))

    @cached_property
    def mirror(self) -> Tensor:
        """For each pair (i, j) the place of (j, i), shape (n_pairs,).

        Raises
        ------
        ValueError
            The pattern is not symmetric.
        """
        n_nodes = len(self.row_starts) - 1
        row_starts, columns = (part.cpu().numpy() for part in (self.row_starts, self.columns))
        places = np.arange(len(columns), dtype=columns.dtype)
        matrix = sparse.csr_array((places, columns, row_starts), shape=(n_nodes, n_nodes)).tocsc()
        if not np.array_equal(matrix.indices, columns):
            raise ValueError("the pattern of pairs is not symmetric")
        return torch.from_numpy(matrix.data).to(self.columns.device)


@dataclass(frozen=True)
class PairTerm:
    """What an edge adds to a sum in which every pair is counted as a pair without an edge.

    With s the score of a pair, w the weight of an edge and a its target:

    ========  =======================================  ===============================
    kind      term                                     the likelihood of an edge
    ========  =======================================  ===============================
    logistic  w softplus(-s) - softplus(s)             sigmoid(s)
    rate      -w log(1 - exp(-s)) - s                  1 - exp(-s), for s > 0
    count     w (s - a log s) - s                      Poisson of mean s > 0, up to a!
    square    w (a - s)^2 - s^2                        normal around s
    ========  =======================================  ===============================

    Attributes
    ----------
    kind
        The name of the term.
    pos_weight
        Weight w of an edge relative to a pair without one, above 0.
    targets
        Target a of each pair of the pattern, shape (n_pairs,), equal for (i, j) and (j, i); None
        means 1. Only "count" and "square" have targets.

    Raises
    ------
    ValueError
        The kind is unknown or has no targets, or the weight is not a positive number.

    Examples
    --------
    >>> term = PairTerm("count", 1.0, torch.tensor([3.0, 3.0]))
    >>> term.kind, term.pos_weight, term.targets.tolist()
    ('count', 1.0, [3.0, 3.0])
    """

    kind: TermKind
    pos_weight: float
    targets: Tensor | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(TermKind):
            raise ValueError(f"{self.kind!r} is none of {', '.join(get_args(TermKind))}")
        if not 0.0 < self.pos_weight < math.inf:
            raise ValueError(f"the weight of an edge is {self.pos_weight}, not above 0")
        if self.targets is not None and self.kind not in ("count", "square"):
            raise ValueError(f"a {self.kind} term has no targets")


def pair_terms(left: Tensor, right: Tensor | None, pattern: PairPattern, term: PairTerm) -> PairSum:
    """Sum a term over the pairs of a pattern, with the gradient in closed form.

    Logistic terms are summed with scores in float64, so that they cancel as exactly as possible
    against the sum over all pairs. The other terms take scores in float32.

    Parameters
    ----------
    left
        Shape (n_nodes, dim). The score of a pair is left_i . right_j.
    right
        Of the same shape and type; scores must be symmetric, left_i . right_j = left_j . right_i,
        up to rounding. None means `left`.
    pattern
        The pairs.
    term
        What each pair adds.

    Returns
    -------
    New tensors. The total is infinite if a term needs positive scores and one is 0 or less; the
    gradient then means nothing.

    Raises
    ------
    ValueError
        The shapes or types do not go together.

    Examples
    --------
    >>> pair = PairPattern(torch.tensor([0, 1, 2]), torch.tensor([1, 0]))
    >>> factor = torch.tensor([[1.0], [2.0]])
    >>> result = pair_terms(factor, None, pair, PairTerm("square", 3.0))  # 2 (3 (1 - 2)^2 - 2^2)
    >>> result.total.item(), result.grad_left.tolist()
    (-2.0, [[8.0], [4.0]])
    """
    others = left if right is None else right
    _check(left, others, pattern)
    if term.targets is not None and term.targets.shape != pattern.columns.shape:
        shape = tuple(term.targets.shape)
        raise ValueError(f"targets of shape {shape} for {len(pattern.columns)} pairs")
    pull = _pull_with_torch
    if left.device.type == "cpu" and term.kind == "logistic":
        pull = _pull_logistic
    elif left.device.type == "cpu" and left.dtype == torch.float32:
        pull = _pull_in_lanes
    left, others = left.detach(), others.detach()
    if right is None:
        return PairSum(*pull(left, left, pattern, term, 2.0), None)
    total, grad_left = pull(left, others, pattern, term, 1.0)
    # Scores are symmetric: with the roles swapped, the rows pull the other gradient.
    return PairSum(total, grad_left, pull(others, left, pattern, term, 1.0)[1])


class PositiveTerms(NamedTuple):
    """A sum over positive pairs, a float64 scalar, and its gradient with respect to the factor.

    Examples
    --------
    >>> itself = PairPattern(torch.tensor([0, 1]), torch.tensor([0]))
    >>> terms = positive_terms(torch.zeros(1, 2), itself, 3.0)
    >>> isinstance(terms, PositiveTerms), terms.gradient.tolist()
    (True, [[0.0, 0.0]])
    """

    total: Tensor
    gradient: Tensor


def positive_terms(factor: Tensor, pattern: PairPattern, pos_weight: float) -> PositiveTerms:
    """Sum the logistic terms of `pair_terms` in the symmetric case.

    Examples
    --------
    >>> itself = PairPattern(torch.tensor([0, 1]), torch.tensor([0]))
    >>> round(float(positive_terms(torch.zeros(1, 2), itself, 3.0).total), 4)  # 2 log 2
    1.3863
    """
    return PositiveTerms(*pair_terms(factor, None, pattern, PairTerm("logistic", pos_weight))[:2])


def pair_scores(left: Tensor, right: Tensor | None, pattern: PairPattern) -> Tensor:
    """Compute the scores left_i . right_j of a pattern's pairs, differentiably.

    A likelihood can then be written in torch's elementwise operations. Memory grows with the number
    of pairs, not of products, and the gradient is deterministic.

    Parameters
    ----------
    left
        Shape (n_nodes, dim).
    right
        Of the same shape and type; None means `left`. Scores need not be symmetric.
    pattern
        The pairs.

    Returns
    -------
    Shape (n_pairs,), in the order of the pattern; differentiable once.

    Raises
    ------
    ValueError
        The shapes or types do not go together; in the backward pass: the pattern is not symmetric.

    Examples
    --------
    >>> pair = PairPattern(torch.tensor([0, 1, 2]), torch.tensor([1, 0]))
    >>> factor = torch.tensor([[1.0], [2.0]], requires_grad=True)
    >>> scores = pair_scores(factor, None, pair)
    >>> (scores**2).sum().backward()  # 2 (f_0 f_1)^2
    >>> scores.tolist(), factor.grad.tolist()
    ([2.0, 2.0], [[16.0], [8.0]])
    """
    _check(left, left if right is None else right, pattern)
    result: Tensor = _PairScores.apply(left, right, pattern)  # type: ignore[no-untyped-call]
    return result


def _check(left: Tensor, right: Tensor, pattern: PairPattern) -> None:
    if left.ndim != 2 or left.shape != right.shape or left.dtype != right.dtype:
        shapes = f"{tuple(left.shape)} and {tuple(right.shape)}"
        raise ValueError(f"factors of shapes {shapes}, {left.dtype} and {right.dtype}")
    if len(left) + 1 != len(pattern.row_starts):
        raise ValueError(f"{len(left)} vectors, but pairs of {len(pattern.row_starts) - 1} nodes")


# ----------------------------------------------------------------- with torch


def _pull_with_torch(
    left: Tensor, right: Tensor, pattern: PairPattern, term: PairTerm, scale: float
) -> tuple[Tensor, Tensor]:
    """Total and `scale` times the gradient in `left`, in chunks of pairs, on any device."""
    total = torch.zeros((), dtype=torch.float64, device=left.device)
    slopes = torch.empty(len(pattern.columns), dtype=left.dtype, device=left.device)
    for chunk in _chunks(pattern):
        scores = _chunk_scores(left, right, pattern, chunk)
        targets = 1.0 if term.targets is None else term.targets[chunk].double()
        values, slopes[chunk] = _values_and_slopes(scores, term.kind, term.pos_weight, targets)
        total += values.sum()
    shape = (len(left), len(left))
    coefficients = csr_tensor(pattern.row_starts, pattern.columns, slopes, shape)
    return total, scale * (coefficients @ right)


def _chunks(pattern: PairPattern) -> list[slice]:
    starts = range(0, len(pattern.columns), CHUNK_PAIRS)
    return [slice(start, min(start + CHUNK_PAIRS, len(pattern.columns))) for start in starts]


def _chunk_scores(left: Tensor, right: Tensor, pattern: PairPattern, chunk: slice) -> Tensor:
    """Scores in float64."""
    places = torch.arange(chunk.start, chunk.stop, device=left.device)
    rows = torch.bucketize(places, pattern.row_starts, right=True) - 1
    return (left[rows].double() * right[pattern.columns[chunk]].double()).sum(dim=1)


def _values_and_slopes(
    s: Tensor, kind: TermKind, w: float, a: Tensor | float
) -> tuple[Tensor, Tensor]:
    """Terms of scores in float64, and their derivatives."""
    if kind == "logistic":
        negative = functional.softplus(-s, threshold=40.0)
        values = w * negative - functional.softplus(s, threshold=40.0)
        return values, -w * torch.sigmoid(-s) - torch.sigmoid(s)
    if kind == "square":
        return w * (a - s) ** 2 - s**2, 2.0 * ((w - 1.0) * s - w * a)
    if kind == "rate":
        probabilities = -torch.expm1(-s)
        values, slopes = -w * probabilities.log() - s, -w * torch.exp(-s) / probabilities - 1.0
    else:
        values, slopes = w * (s - a * s.log()) - s, w - w * a / s - 1.0
    return torch.where(s <= 0.0, math.inf, values), slopes


class _PairScores(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor | None, pattern: PairPattern) -> Tensor:
        ctx.save_for_backward(left, right)
        ctx.pattern = pattern
        others = left if right is None else right
        if left.device.type == "cpu" and left.dtype == torch.float32:
            return _scores_in_lanes(left.detach(), others.detach(), pattern)
        chunks = [_chunk_scores(left, others, pattern, chunk) for chunk in _chunks(pattern)]
        return torch.cat([left.new_empty(0, dtype=torch.float64), *chunks]).to(left.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        left, right = ctx.saved_tensors
        pattern, grad = ctx.pattern, grad.contiguous()

        def product(slopes: Tensor, dense: Tensor) -> Tensor:
            parts = CsrParts(pattern.row_starts, pattern.columns, slopes, len(dense))
            return parts.times(dense)

        if right is None:
            return product(grad + grad[pattern.mirror], left), None, None
        by_left, by_right, _ = ctx.needs_input_grad
        return (
            product(grad, right) if by_left else None,
            product(grad[pattern.mirror], left) if by_right else None,
            None,
        )


# ------------------------------------------------------------------- compiled


def _pull_logistic(
    left: Tensor, right: Tensor, pattern: PairPattern, term: PairTerm, scale: float
) -> tuple[Tensor, Tensor]:
    vectors = left.contiguous().numpy()
    gradient, totals = np.empty_like(vectors), np.empty(len(vectors))
    run_items(
        _walk_rows,
        len(vectors),
        pattern.row_starts.numpy(),
        pattern.columns.numpy(),
        vectors,
        right.contiguous().numpy(),
        *(term.pos_weight, scale),
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


def _pull_in_lanes(
    left: Tensor, right: Tensor, pattern: PairPattern, term: PairTerm, scale: float
) -> tuple[Tensor, Tensor]:
    (n_nodes, dim), rows = left.shape, _wide(left)
    targets = torch.empty(0) if term.targets is None else term.targets.float().contiguous()
    gradient, totals = np.empty(rows.shape, np.float32), np.empty(n_nodes)
    run_items(
        _walk_in_lanes,
        n_nodes,
        pattern.row_starts.numpy(),
        pattern.columns.numpy(),
        *(rows.reshape(-1), (rows if right is left else _wide(right)).reshape(-1), rows.shape[1]),
        *(_NUMBERS[term.kind], term.pos_weight, targets.numpy(), np.float32(scale)),
        *(gradient.reshape(-1), totals),
        work=2 * len(pattern.columns) * (WORK_OF_A_SCORE + rows.shape[1] * WORK_OF_LANES),
    )
    narrow = torch.from_numpy(gradient)[:, :dim].contiguous()
    return torch.tensor(totals.sum(), dtype=torch.float64), narrow


def _scores_in_lanes(left: Tensor, right: Tensor, pattern: PairPattern) -> Tensor:
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
    missing = max(0, N_LANES - factor.shape[1])
    wide: NDArray[np.float32] = functional.pad(factor, (0, missing)).contiguous().numpy()
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
    for kind in ("logistic", "rate"):
        pair_terms(factor, None, itself, PairTerm(kind, 1.0))
    pair_scores(factor, None, itself)
