"""Vectors scaled to unit length, with gradients that stay moderate."""

from __future__ import annotations

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
    lengths = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    return vectors / torch.where(lengths > 0, lengths, 1.0)
