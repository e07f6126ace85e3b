"""The interface of engines, which sum softplus over the logits of all pairs, and two plain ones."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Protocol, final

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Engine", "PairSum", "ReferenceEngine", "TileEngine", "check_factors", "multiple"]


class PairSum(NamedTuple):
    """A sum over pairs and its gradient.

    Attributes
    ----------
    total
        The sum of a function of the scores left_i . right_j, a float64 scalar.
    grad_left
        The gradient with respect to `left`, shape (n_left, dim); in the symmetric case, the whole
        gradient.
    grad_right
        The gradient with respect to `right`, shape (n_right, dim); None in the symmetric case.

    Examples
    --------
    >>> result = TileEngine().sweep(torch.zeros(2, 1), None)
    >>> round(float(result.total), 4), result.grad_left.tolist(), result.grad_right  # 4 log 2
    (2.7726, [[0.0], [0.0]], None)
    >>> apart = TileEngine().sweep(torch.ones(1, 1), torch.ones(1, 1))
    >>> len(apart.both), bool(apart.of_one().grad_left == sum(apart.both))
    (2, True)
    """

    total: Tensor
    grad_left: Tensor
    grad_right: Tensor | None

    @property
    def both(self) -> tuple[Tensor, Tensor]:
        """The gradients of a sum over two matrices."""
        if self.grad_right is None:
            raise AssertionError("the sum over two matrices has two gradients")
        return self.grad_left, self.grad_right

    def of_one(self) -> PairSum:
        """The same where both matrices are one: its gradient is the sum of the two."""
        left, right = self.both
        return PairSum(self.total, left + right, None)


class Engine(Protocol):
    """One way to compute the sum of softplus over all pairs.

    Examples
    --------
    >>> engine: Engine = TileEngine()
    >>> engine.name, engine.unavailable(torch.device("cpu"), 16)
    ('tiles', None)
    >>> engine.sweep(torch.zeros(1, 1), None).grad_left.tolist()
    [[0.0]]
    """

    @property
    def name(self) -> str:
        """The engine's name in settings and run records."""

    def unavailable(self, device: torch.device, dim: int) -> str | None:
        """Why the engine cannot process factors of this device and dimension; None if it can."""

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
        New tensors, which the caller may change.
        """


@final
class TileEngine:
    """Square tiles in plain torch, in the precision of the factors, on any device.

    Each tile of logits contributes to the sum and both gradients and is then discarded. In the
    symmetric case the tiles below the diagonal mirror those above it and are not computed. The sum
    is accumulated in float64.

    Examples
    --------
    >>> engine = TileEngine()
    >>> engine.name, engine.tile_size, engine.unavailable(torch.device("cuda"), 16)
    ('tiles', 512, None)
    >>> round(float(engine.sweep(torch.zeros(2, 3), torch.zeros(5, 3)).total), 4)  # 10 log 2
    6.9315
    """

    name: ClassVar[str] = "tiles"
    tile_size: ClassVar[int] = 512
    """Rows and columns of a tile: 1 MB in float32, which fits the cache of a current CPU."""

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
        # One buffer for all tiles: a new one per tile would fragment the heap.
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
    """One row of logits at a time in float64: slow, and the reference for all other engines.

    Examples
    --------
    >>> engine = ReferenceEngine()
    >>> engine.name, engine.unavailable(torch.device("cpu"), 16)
    ('reference', None)
    >>> round(float(engine.sweep(torch.zeros(2, 1), None).total), 4)  # 4 log 2
    2.7726
    """

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
            # functional.softplus would become the identity above 20.
            total += torch.logaddexp(logits, torch.zeros_like(logits)).sum()
            probabilities = torch.sigmoid(logits)
            grad_left[index] = probabilities @ columns
            grad_right += torch.outer(probabilities, row)
        if right is None:
            return PairSum(total, (grad_left + grad_right).to(left.dtype), None)
        return PairSum(total, grad_left.to(left.dtype), grad_right.to(right.dtype))


def multiple(number: int, of: int) -> int:
    """Round a number up to a multiple.

    Examples
    --------
    >>> multiple(10, 4), multiple(12, 4)
    (12, 12)
    """
    return -(-number // of) * of


def check_factors(left: Tensor, right: Tensor) -> None:
    """Refuse factors whose dimensions differ, before they reach compiled code.

    Raises
    ------
    ValueError
        The factors are not two matrices with the same number of columns.

    Examples
    --------
    >>> check_factors(torch.zeros(2, 3), torch.zeros(5, 3))
    >>> check_factors(torch.zeros(2, 3), torch.zeros(5, 4))
    Traceback (most recent call last):
    ValueError: factors of shapes (2, 3) and (5, 4): they must have as many columns
    """
    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[1]:
        shapes = f"{tuple(left.shape)} and {tuple(right.shape)}"
        raise ValueError(f"factors of shapes {shapes}: they must have as many columns")
