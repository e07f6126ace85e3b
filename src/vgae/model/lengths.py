"""Vectors scaled to unit length, with gradients that stay moderate."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["unit_rows"]


def unit_rows(vectors: Tensor) -> Tensor:
    """Scale each row to length 1; a row of zeros stays as it is.

    `torch.nn.functional.normalize` divides a row of zeros by 1e-12, and so multiplies its gradient
    by 1e12. Here the row is divided by 1: Adam would otherwise hardly move the weights that such
    rows share with others, such as biases, for thousands of steps.

    Parameters
    ----------
    vectors
        Shape (n_rows, dim).

    Examples
    --------
    >>> unit_rows(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    unit: Tensor = _UnitRows.apply(vectors)  # type: ignore[no-untyped-call]
    return unit


class _UnitRows(torch.autograd.Function):
    """Division by the lengths; the gradient in closed form reads every number twice only."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor) -> Tensor:
        lengths = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
        lengths = torch.where(lengths > 0, lengths, 1.0)
        unit = vectors / lengths
        ctx.save_for_backward(unit, lengths)
        return unit

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        unit, lengths = ctx.saved_tensors
        along = torch.linalg.vecdot(grad, unit, dim=1)[:, None]
        return torch.addcmul(grad, unit, along, value=-1.0).div_(lengths)
