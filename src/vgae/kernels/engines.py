"""What computes the sum of softplus over the logits of all pairs, and the plain torch ways to."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Protocol, final

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Engine", "PairSum", "ReferenceEngine", "TileEngine", "check_factors", "multiple"]


class PairSum(NamedTuple):
    """A sum over all pairs and its gradient.

    Attributes
    ----------
    total
        sum_ij softplus(left_i . right_j), a float64 scalar.
    grad_left
        Its gradient in `left`, shape (n_left, dim). In the symmetric case, the whole gradient.
    grad_right
        Its gradient in `right`, shape (n_right, dim); None in the symmetric case.
    """

    total: Tensor
    grad_left: Tensor
    grad_right: Tensor | None


class Engine(Protocol):
    """One way to compute the sum of softplus over all pairs."""

    @property
    def name(self) -> str:
        """What settings and run records call it."""

    def unavailable(self, device: torch.device, dim: int) -> str | None:
        """Why it cannot work on factors of this device and dimension, here; None where it can."""

    def sweep(self, left: Tensor, right: Tensor | None) -> PairSum:
        """Sum softplus(left_i . right_j) over all i, j, with the gradient.

        Parameters
        ----------
        left
            Shape (n_left, dim).
        right
            Shape (n_right, dim); None means `left`, the symmetric case.

        Returns
        -------
        Tensors that are the caller's to change.
        """


@final
class TileEngine:
    """Square tiles in plain torch, in the precision of the factors, on any device.

    A tile of logits is used for the sum and both gradients, then forgotten. In the symmetric case
    tiles below the diagonal are the mirror of those above it and are not computed. The sum is
    accumulated in float64.
    """

    name: ClassVar[str] = "tiles"
    tile_size: ClassVar[int] = 512
    """Rows and columns of a tile: 1 MB in float32, which stays in the cache of a current CPU."""

    def unavailable(self, device: torch.device, dim: int) -> str | None:  # noqa: ARG002 - anywhere
        """See `Engine.unavailable`."""
        return None

    def sweep(self, left: Tensor, right: Tensor | None) -> PairSum:
        """See `Engine.sweep`."""
        symmetric = right is None
        columns = left if right is None else right
        total = torch.zeros((), dtype=torch.float64, device=left.device)
        grad_left = torch.zeros_like(left)
        grad_right = torch.zeros_like(columns)
        size = self.tile_size
        # One buffer for all tiles: a new one for each would fragment the heap.
        tile = left.new_empty(min(size, left.shape[0]) * min(size, columns.shape[0]))
        for top in range(0, left.shape[0], size):
            rows = slice(top, top + size)
            for start in range(top if symmetric else 0, columns.shape[0], size):
                block = slice(start, start + size)
                upper, lower = left[rows], columns[block]
                logits = tile[: len(upper) * len(lower)].view(len(upper), len(lower))
                torch.mm(upper, lower.T, out=logits)
                total += functional.softplus(logits).sum(dtype=torch.float64) * (
                    2 if symmetric and start > top else 1
                )
                probabilities = logits.sigmoid_()
                grad_left[rows] += probabilities @ lower
                if not symmetric or start > top:
                    grad_right[block] += probabilities.T @ upper
        if symmetric:
            return PairSum(total, 2 * (grad_left + grad_right), None)
        return PairSum(total, grad_left, grad_right)


@final
class ReferenceEngine:
    """One row of logits at a time in float64: slow, and what the others are measured against."""

    name: ClassVar[str] = "reference"

    def unavailable(self, device: torch.device, dim: int) -> str | None:  # noqa: ARG002 - anywhere
        """See `Engine.unavailable`."""
        return None

    def sweep(self, left: Tensor, right: Tensor | None) -> PairSum:
        """See `Engine.sweep`."""
        rows = left.double()
        columns = rows if right is None else right.double()
        total = torch.zeros((), dtype=torch.float64, device=left.device)
        grad_left = torch.zeros_like(rows)
        grad_right = torch.zeros_like(columns)
        for index, row in enumerate(rows):
            logits = columns @ row
            # Not functional.softplus, which becomes the identity above 20.
            total += torch.logaddexp(logits, torch.zeros_like(logits)).sum()
            probabilities = torch.sigmoid(logits)
            grad_left[index] = probabilities @ columns
            grad_right += torch.outer(probabilities, row)
        if right is None:
            return PairSum(total, (grad_left + grad_right).to(left.dtype), None)
        return PairSum(total, grad_left.to(left.dtype), grad_right.to(right.dtype))


def multiple(number: int, of: int) -> int:
    """The smallest multiple that is not below a number."""
    return -(-number // of) * of


def check_factors(left: Tensor, right: Tensor) -> None:
    """Refuse factors whose rows have no inner products, before compiled code meets them.

    Raises
    ------
    ValueError
        Their dimensions differ.
    """
    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[1]:
        shapes = f"{tuple(left.shape)} and {tuple(right.shape)}"
        raise ValueError(f"factors of shapes {shapes}: they must have as many columns")
