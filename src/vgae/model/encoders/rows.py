"""The rows of an adjacency that belong to one of several processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self, final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from vgae.data.graph import Features, FloatCSR
from vgae.model.kernels import SparseMatrix
from vgae.model.kernels.sparse import CsrParts, Uniform
from vgae.model.ranks import Rows

__all__ = ["RowsMatrix", "propagated_rows"]

ROWS_AT_ONCE = 2**14
"""Rows of features that are scaled and multiplied at a time."""


@final
@dataclass(frozen=True)
class RowsMatrix(SparseMatrix):
    """The rows of a square matrix that belong to this process; it multiplies as if it were whole.

    A product takes the rows of this process and gives the rows of this process: those of the others
    are gathered. For the gradient, that of all rows is gathered where the whole matrix is
    symmetric; otherwise each process multiplies its part of the transpose, and these are added up.

    Attributes
    ----------
    rows
        Which rows they are.

    Examples
    --------
    >>> from vgae.ground.launch import Launch
    >>> from vgae.model.ranks import Ranks
    >>> alone = Ranks(Launch(rank=0, size=1, local_rank=0, local_size=1))
    >>> edge = sparse.csr_array(np.array([[0.0, 2.0], [2.0, 0.0]], np.float32))
    >>> rows = Rows.balanced(alone, edge.indptr)
    >>> matrix = RowsMatrix.of(edge, rows, symmetric=True)
    >>> (matrix @ torch.ones(2, 1)).tolist(), matrix.to(torch.device("cpu")).rows == rows
    ([[2.0], [2.0]], True)
    >>> from vgae.model.noise import CounterNoise
    >>> matrix.thinned(0.5, CounterNoise(0, torch.device("cpu"))).shape
    (2, 2)
    """

    rows: Rows = field(kw_only=True)

    @classmethod
    def of(cls, matrix: FloatCSR, rows: Rows, *, symmetric: bool, first_entry: int = 0) -> Self:
        """Copy the rows of this process.

        Parameters
        ----------
        matrix
            These rows, shape (n_own, n_nodes).
        rows
            Which they are.
        symmetric
            Whether the whole matrix is symmetric.
        first_entry
            The number of entries of the rows before these.
        """
        forward = CsrParts.of(matrix)
        transposed = forward if symmetric else _transposed(forward)
        return cls(forward, transposed, first_entry, rows=rows)

    def thinned(self, share: float, noise: Uniform) -> RowsMatrix:
        """See `SparseMatrix.thinned`; what remains is not symmetric."""
        forward = self._thinned(share, noise)
        return RowsMatrix(forward, _transposed(forward), self.first_entry, rows=self.rows)

    def __matmul__(self, dense: Tensor) -> Tensor:
        result: Tensor = _RowsProduct.apply(self, dense)  # type: ignore[no-untyped-call]
        return result


class _RowsProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, matrix: RowsMatrix, dense: Tensor) -> Tensor:
        ctx.matrix = matrix
        return matrix.forward.times(matrix.rows.ranks.gathered(dense, matrix.rows.bounds))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        matrix, rows = ctx.matrix, ctx.matrix.rows
        if matrix.transposed is matrix.forward:
            return None, matrix.forward.times(rows.ranks.gathered(grad, rows.bounds))
        return None, rows.ranks.summed(matrix.transposed.times(grad))[rows.own]


def _transposed(parts: CsrParts) -> CsrParts:
    """The transpose of a CSR matrix, which has a row per column of it."""
    n_rows = len(parts.row_starts) - 1
    order = torch.sort(parts.columns, stable=True).indices
    numbers = torch.arange(n_rows, dtype=parts.columns.dtype, device=parts.columns.device)
    rows = torch.repeat_interleave(numbers, parts.row_starts.diff())
    counts = torch.bincount(parts.columns, minlength=parts.width)
    starts = torch.cat([counts.new_zeros(1), counts.cumsum(0)]).to(parts.row_starts.dtype)
    return CsrParts(starts, rows[order], parts.values[order], n_rows)


def propagated_rows(
    adjacency: FloatCSR, features: Features, scaled: Callable[[Features], Features]
) -> NDArray[np.float32]:
    """Multiply rows of an adjacency and scaled dense features, some of these at a time.

    Parameters
    ----------
    adjacency
        Rows of it, shape (n_own, n_nodes).
    features
        Of all nodes, shape (n_nodes, n_features); they may lie in a file.
    scaled
        What turns features into inputs.

    Examples
    --------
    >>> row = sparse.csr_array(np.array([[0.0, 2.0]], np.float32))
    >>> propagated_rows(row, np.array([[1.0], [3.0]], np.float32), lambda part: part).tolist()
    [[6.0]]
    """
    by_column = sparse.csc_array(adjacency)
    total = np.zeros((adjacency.shape[0], scaled(features[:1]).shape[1]), np.float32)
    for start in range(0, adjacency.shape[1], ROWS_AT_ONCE):
        part = by_column[:, start : start + ROWS_AT_ONCE]
        if part.nnz:
            total += part @ scaled(np.asarray(features[start : start + ROWS_AT_ONCE]))
    return total
