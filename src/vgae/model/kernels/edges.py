"""Sums over the pairs of a sparse pattern: what edges add to an objective, and their scores.

The gradient of a sum over the pairs of a pattern is again a sum over the neighbours of each node:
over the rows of the pattern for the first end of a pair, and over those of its transpose for the
second. Each row of the gradient is therefore written by one thread, in an order that depends on the
pattern alone: unlike the gradient of a gather, it is the same to the bit on any number of threads.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vgae.model.kernels.edge_loops import pull_in_lanes, pull_logistic, scores_in_lanes
from vgae.model.kernels.engines import PairSum
from vgae.model.kernels.pairs import PairPattern, PairTerm, TermKind
from vgae.model.kernels.sparse import CsrParts, csr_tensor

__all__ = ["pair_scores", "pair_terms"]

CHUNK_PAIRS = 2**16
"""Pairs at a time where torch computes the terms."""


def pair_terms(
    left: Tensor,
    right: Tensor | None,
    pattern: PairPattern,
    term: PairTerm,
    *,
    left_only: bool = False,
) -> PairSum:
    """Sum a term over the pairs of a pattern, with the gradient in closed form.

    Logistic terms are summed with scores in float64, so that they cancel as exactly as possible
    against the sum over all pairs. The other terms take scores in float32.

    Parameters
    ----------
    left
        Shape (n_rows, dim). The score of a pair is left_i . right_j.
    right
        Shape (n_columns, dim), of the same type; scores need not be symmetric. None means `left`.
    pattern
        The pairs; a symmetric pattern where `right` is None.
    term
        What each pair adds.
    left_only
        Whether to leave out the gradient of `right`, which takes as long as that of `left`.

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
    compiled = {torch.float32: pull_in_lanes}
    if term.kind == "logistic":
        compiled = {torch.float32: pull_logistic, torch.float64: pull_logistic}
    on_cpu = left.device.type == "cpu"
    pull = compiled.get(left.dtype, _pull_with_torch) if on_cpu else _pull_with_torch
    left, others = left.detach(), others.detach()
    if right is None:
        return PairSum(*pull(left, left, pattern, term, 2.0), None)
    total, grad_left = pull(left, others, pattern, term, 1.0)
    if left_only:
        return PairSum(total, grad_left, None)
    # With the roles swapped, the rows of the transpose pull the other gradient.
    turned, places = pattern.transposed
    if term.targets is not None:
        term = replace(term, targets=term.targets[places])
    return PairSum(total, grad_left, pull(others, left, turned, term, 1.0)[1])


def pair_scores(left: Tensor, right: Tensor | None, pattern: PairPattern) -> Tensor:
    """Compute the scores left_i . right_j of a pattern's pairs, differentiably.

    A likelihood can then be written in torch's elementwise operations. Memory grows with the number
    of pairs, not of products, and the gradient is deterministic.

    Parameters
    ----------
    left
        Shape (n_rows, dim).
    right
        Shape (n_columns, dim), of the same type; None means `left`. Scores need not be symmetric.
    pattern
        The pairs.

    Returns
    -------
    Shape (n_pairs,), in the order of the pattern; differentiable once.

    Raises
    ------
    ValueError
        The shapes or types do not go together; in the backward pass: the pattern is not symmetric,
        and there is no `right`.

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
    fit = left.ndim == right.ndim == 2 and left.shape[1] == right.shape[1]
    if not fit or left.dtype != right.dtype or (pattern.width is None and len(left) != len(right)):
        shapes = f"{tuple(left.shape)} and {tuple(right.shape)}"
        raise ValueError(f"factors of shapes {shapes}, {left.dtype} and {right.dtype}")
    n_rows, n_columns = len(pattern.row_starts) - 1, pattern.n_columns
    if (len(left), len(right)) != (n_rows, n_columns):
        nodes = f"{n_rows} nodes" if pattern.width is None else f"{n_rows} x {n_columns} nodes"
        raise ValueError(f"{len(left)} vectors, but pairs of {nodes}")


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
    shape = (len(left), len(right))
    coefficients = csr_tensor(pattern.row_starts, pattern.columns, slopes, shape)
    return total, scale * (coefficients @ right)


def _chunks(pattern: PairPattern) -> list[slice]:
    starts = range(0, len(pattern.columns), CHUNK_PAIRS)
    return [slice(start, min(start + CHUNK_PAIRS, len(pattern.columns))) for start in starts]


def _chunk_scores(left: Tensor, right: Tensor, pattern: PairPattern, chunk: slice) -> Tensor:
    """Scores in float64."""
    places = torch.arange(
        chunk.start, chunk.stop, device=left.device, dtype=pattern.row_starts.dtype
    )
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
            return scores_in_lanes(left.detach(), others.detach(), pattern)
        chunks = [_chunk_scores(left, others, pattern, chunk) for chunk in _chunks(pattern)]
        return torch.cat([left.new_empty(0, dtype=torch.float64), *chunks]).to(left.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        left, right = ctx.saved_tensors
        pattern, grad = ctx.pattern, grad.contiguous()

        def product(pairs: PairPattern, slopes: Tensor, dense: Tensor) -> Tensor:
            return CsrParts(pairs.row_starts, pairs.columns, slopes, len(dense)).times(dense)

        turned, places = pattern.transposed
        by_left, by_right, _ = ctx.needs_input_grad
        if right is None:
            if not torch.equal(turned.columns, pattern.columns):
                raise ValueError("the pattern of pairs is not symmetric, and the factors are equal")
            return product(pattern, grad + grad.index_select(0, places), left), None, None
        return (
            product(pattern, grad, right) if by_left else None,
            product(turned, grad.index_select(0, places), left) if by_right else None,
            None,
        )
