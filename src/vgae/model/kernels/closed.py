"""Sums over all pairs that have a closed form, in time linear in the number of nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from vgae.model.kernels.engines import PairSum, check_factors
from vgae.model.kernels.threads import torch_on_one_thread

__all__ = ["closed_sum"]

CHUNK_ROWS = 4096
"""Rows that are converted to float64 at a time: 2 MB at dimension 64."""


def closed_sum(
    kind: Literal["rate", "square"],
    left: Tensor,
    right: Tensor | None,
    *,
    add_up: Callable[[Tensor], Tensor] | None = None,
) -> PairSum:
    """Sum s or s^2 over the scores s_ij = left_i . right_j of all i, j, with the gradient.

    sum_ij s_ij = (sum_i left_i) . (sum_j right_j) takes n * dim operations, and
    sum_ij s_ij^2 = <left^T left, right^T right> takes n * dim^2. Both are accumulated in float64,
    on one thread: the order of the sums depends on the sizes alone.

    Parameters
    ----------
    kind
        "rate" for the sum of s, which terms of kind "rate" and "count" need; "square" for that of
        s^2. Self pairs are included.
    left
        Shape (n_left, dim).
    right
        Shape (n_right, dim); None means `left`.
    add_up
        Where the rows are shared out to several processes: adds up their sums of dim or dim x dim
        numbers. The total is then that of the rows of `left` here with the columns of all, and the
        gradients are those of the rows here in the total of all.

    Returns
    -------
    The total and the gradients. The gradients of "rate" are one row, expanded to all nodes without
    a copy: add them to a tensor, but do not add to them in place.

    Raises
    ------
    ValueError
        The kind is neither of these, or the factors differ in their number of columns.

    Examples
    --------
    >>> factor = torch.tensor([[1.0], [2.0]])
    >>> result = closed_sum("rate", factor, None)  # 1 + 2 + 2 + 4
    >>> result.total.item(), result.grad_left.tolist()
    (9.0, [[6.0], [6.0]])
    >>> result = closed_sum("square", factor, torch.tensor([[3.0]]))  # 3^2 + 6^2
    >>> result.total.item(), result.grad_left.tolist(), result.grad_right.tolist()
    (45.0, [[18.0], [36.0]], [[30.0]])
    """
    left, others = left.detach(), (left if right is None else right).detach()
    if kind not in ("rate", "square"):
        raise ValueError(f"no closed sum is called {kind!r}: rate and square are")
    check_factors(left, others)
    with torch_on_one_thread():
        of_left = _summed(kind, left)
        of_right = of_left if right is None else _summed(kind, others)
        of_rows = of_left
        if add_up is not None:
            of_left = add_up(of_left)
            of_right = of_left if right is None else add_up(of_right)
        total = (of_rows * of_right).sum()
        twice = 2.0 if right is None else 1.0  # a symmetric factor is on both sides
        grad_left = _gradient(kind, left, twice * of_right)
        return PairSum(
            total, grad_left, None if right is None else _gradient(kind, others, of_left)
        )


def _summed(kind: str, factor: Tensor) -> Tensor:
    """The sum of the rows, or of their outer products, in float64."""
    dim = factor.shape[1]
    shape = (dim,) if kind == "rate" else (dim, dim)
    total = factor.new_zeros(shape, dtype=torch.float64)
    for start in range(0, len(factor), CHUNK_ROWS):
        rows = factor[start : start + CHUNK_ROWS].double()
        total += rows.sum(dim=0) if kind == "rate" else rows.T @ rows
    return total


def _gradient(kind: str, factor: Tensor, of_others: Tensor) -> Tensor:
    if kind == "rate":
        return of_others.to(factor.dtype).expand_as(factor)
    return factor @ (2.0 * of_others).to(factor.dtype)
