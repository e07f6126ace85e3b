"""Constant sparse matrices that multiply dense ones, deterministically."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from scipy import sparse
from torch import Tensor

from vgae.graph import FloatCSR

__all__ = ["SparseMatrix", "csr_tensor"]


@dataclass(frozen=True)
class SparseMatrix:
    """A constant CSR matrix that multiplies dense ones, with its transpose for the gradient."""

    forward: Tensor
    transposed: Tensor

    @classmethod
    def from_scipy(cls, matrix: FloatCSR) -> SparseMatrix:
        """Copy of a SciPy matrix; one that is symmetric to the bit is stored once."""
        forward = _torch_csr(matrix)
        mirrored = sparse.csr_array(matrix.T)
        mirrored.sort_indices()
        if matrix.shape == mirrored.shape and (matrix != mirrored).nnz == 0:
            return cls(forward, forward)
        return cls(forward, _torch_csr(mirrored))

    def __matmul__(self, dense: Tensor) -> Tensor:
        result: Tensor = _SparseProduct.apply(self, dense)  # type: ignore[no-untyped-call]
        return result


class _SparseProduct(torch.autograd.Function):
    """Constant sparse times dense; both directions are row-wise sums, hence deterministic."""

    @staticmethod
    def forward(ctx: Any, matrix: SparseMatrix, dense: Tensor) -> Tensor:
        ctx.matrix = matrix
        return matrix.forward @ dense

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        return None, ctx.matrix.transposed @ grad


def csr_tensor(
    row_starts: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]
) -> Tensor:
    """A torch CSR matrix from parts that are known to be valid."""
    with warnings.catch_warnings():
        # torch says once a process that CSR is in beta; that is no news to a user of this library.
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support", category=UserWarning)
        return torch.sparse_csr_tensor(
            row_starts, columns, values, size=shape, check_invariants=False
        )


def _torch_csr(matrix: FloatCSR) -> Tensor:
    return csr_tensor(
        torch.from_numpy(matrix.indptr.astype("int32")),
        torch.from_numpy(matrix.indices.astype("int32")),
        torch.from_numpy(matrix.data.copy()),
        matrix.shape,
    )
