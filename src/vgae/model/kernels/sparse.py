"""Constant sparse matrices that multiply dense ones, deterministically."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from vgae.data.graph import FloatCSR
from vgae.model.kernels.atomics import items
from vgae.model.kernels.compiled import compiled, read_only, rehearsal
from vgae.model.kernels.lanes import N_LANES, load, multiply_add, splat, splat_at, store
from vgae.model.kernels.threads import run_items

__all__ = ["CsrParts", "SparseMatrix", "csr_tensor", "pairs_of_product", "rows_of_product"]


EMITTED = "15ef875cb2a2"
"""State of the emitted instructions: numba looks for changes in this file alone."""

WORK_OF_AN_ENTRY, WORK_OF_A_PRODUCT = 2.0, 0.15
"""Nanoseconds per entry, and per product of an entry."""
WORK_OF_A_SUM = 1.0
"""Nanoseconds per product that is added to a sum somewhere in a row."""
PAIRS_OF_AN_ITEM = 256


class CsrParts(NamedTuple):
    """The parts of a CSR matrix, and its number of columns.

    Examples
    --------
    >>> parts = CsrParts.of(sparse.csr_array(np.array([[0, 2, 3]], np.float32)))
    >>> parts.columns.tolist(), parts.to(torch.device("cpu")).times(torch.ones(3, 1)).tolist()
    ([1, 2], [[5.0]])
    """

    row_starts: Tensor
    columns: Tensor
    values: Tensor
    width: int

    @classmethod
    def of(cls, matrix: FloatCSR) -> CsrParts:
        """Copy a SciPy matrix."""
        # Indices of 32 bits wherever they suffice: the loop is compiled for each type of index.
        index = sparse.get_index_dtype(maxval=max(matrix.nnz, matrix.shape[1]))
        row_starts, columns = (
            torch.from_numpy(part.astype(index)) for part in (matrix.indptr, matrix.indices)
        )
        return cls(row_starts, columns, torch.from_numpy(matrix.data.copy()), matrix.shape[1])

    def to(self, device: torch.device) -> CsrParts:
        """Copy the matrix to a device."""
        row_starts, columns, values = (part.to(device) for part in self[:3])
        return CsrParts(row_starts, columns, values, self.width)

    def times(self, dense: Tensor) -> Tensor:
        """Multiply a dense matrix, shape (width, n_columns), without a gradient."""
        if dense.ndim != 2 or len(dense) != self.width:
            raise ValueError(f"{self.width} columns cannot multiply shape {tuple(dense.shape)}")
        if dense.device.type != "cpu" or {dense.dtype, self.values.dtype} != {torch.float32}:
            shape = (len(self.row_starts) - 1, self.width)
            return csr_tensor(self.row_starts, self.columns, self.values, shape) @ dense
        values = dense.detach().contiguous().numpy()
        n_rows, n_columns = len(self.row_starts) - 1, values.shape[1]
        product = np.empty((n_rows, n_columns), np.float32)
        run_items(
            _multiply,
            n_rows,
            *(part.numpy() for part in self[:3]),
            *(values.reshape(-1), product.reshape(-1), n_columns),
            work=len(self.values) * (WORK_OF_AN_ENTRY + n_columns * WORK_OF_A_PRODUCT),
        )
        return torch.from_numpy(product)


class Uniform(Protocol):
    """What `SparseMatrix.thinned` needs of a source of random numbers; see `vgae.model.noise`.

    Examples
    --------
    >>> from vgae.model.noise import CounterNoise
    >>> source: Uniform = CounterNoise(0, torch.device("cpu"))
    >>> source.uniform(2, 1).shape
    torch.Size([2, 1])
    >>> with source.from_row(1):
    ...     source.uniform(1, 1).shape
    torch.Size([1, 1])
    """

    def uniform(self, n_nodes: int, width: int) -> Tensor:
        """Numbers from 0 to 1, shape (n_nodes, width)."""

    def from_row(self, first: int) -> AbstractContextManager[None]:
        """Give the numbers of the rows from this one on."""


@dataclass(frozen=True)
class SparseMatrix:
    """A constant CSR matrix that multiplies dense ones, with its transpose for the gradient.

    Attributes
    ----------
    forward, transposed
        The matrix and its transpose; the same object where they are equal.
    first_entry
        The number of entries before these, where these are some rows of a larger matrix.

    Examples
    --------
    >>> matrix = SparseMatrix.from_scipy(sparse.csr_array(np.eye(2, 3, dtype=np.float32)))
    >>> (matrix.to(torch.device("cpu")) @ torch.ones(3, 1)).tolist(), matrix.T.shape
    ([[1.0], [1.0]], (3, 2))
    >>> from vgae.model.noise import CounterNoise
    >>> thin = matrix.thinned(0.5, CounterNoise(0, torch.device("cpu")))
    >>> thin.shape, set((thin @ torch.ones(3, 1)).flatten().tolist()) <= {0.0, 2.0}
    ((2, 3), True)
    """

    forward: CsrParts
    transposed: CsrParts
    first_entry: int = 0

    @classmethod
    def from_scipy(cls, matrix: FloatCSR, *, symmetric: bool = False) -> SparseMatrix:
        """Copy a SciPy matrix; one that equals its transpose to the bit is stored once.

        Where it is known to be `symmetric`, that is not looked for.
        """
        forward = CsrParts.of(matrix)
        if symmetric:
            return cls(forward, forward)
        if matrix.shape[0] == matrix.shape[1] and matrix.has_canonical_format:
            starts, columns, values = (part.numpy() for part in forward[:3])
            if _is_symmetric(starts, columns, values, starts[:-1].copy()):
                return cls(forward, forward)
        mirrored = sparse.csr_array(matrix.T)
        mirrored.sort_indices()
        return cls(forward, CsrParts.of(mirrored))

    @property
    def T(self) -> SparseMatrix:  # noqa: N802 - as in NumPy
        """The transpose, without a copy."""
        return SparseMatrix(self.transposed, self.forward)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and columns."""
        return len(self.forward.row_starts) - 1, self.forward.width

    def thinned(self, share: float, noise: Uniform) -> SparseMatrix:
        """The matrix without a random share of its entries; the others grow to make up for it."""
        forward = self._thinned(share, noise)
        # The entries of the transpose, in its own order: by column, then by row.
        order = torch.sort(self.forward.columns, stable=True).indices
        return SparseMatrix(forward, self.transposed._replace(values=forward.values[order]))

    def _thinned(self, share: float, noise: Uniform) -> CsrParts:
        values = self.forward.values
        with noise.from_row(self.first_entry):
            kept = (noise.uniform(len(values), 1)[:, 0] >= share) / (1.0 - share)
        return self.forward._replace(values=values * kept)

    def to(self, device: torch.device) -> SparseMatrix:
        """Copy the matrix to a device."""
        forward = self.forward.to(device)
        same = self.transposed is self.forward
        transposed = forward if same else self.transposed.to(device)
        return replace(self, forward=forward, transposed=transposed)

    def __matmul__(self, dense: Tensor) -> Tensor:
        result: Tensor = _SparseProduct.apply(self, dense)  # type: ignore[no-untyped-call]
        return result


class _SparseProduct(torch.autograd.Function):
    """A constant sparse matrix times a dense one; value and gradient are deterministic row sums."""

    @staticmethod
    def forward(ctx: Any, matrix: SparseMatrix, dense: Tensor) -> Tensor:
        ctx.matrix = matrix
        return matrix.forward.times(dense)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        return None, ctx.matrix.transposed.times(grad)


@compiled()
def _is_symmetric(row_starts: Any, columns: Any, values: Any, cursor: Any) -> bool:
    """Whether a matrix equals its transpose to the bit, found without making that.

    Row after row, an entry (i, j) must meet (j, i), the first entry of row j that none has met
    before: `cursor`, at first where each row starts.
    """
    for row in range(row_starts.size - 1):
        for place in range(row_starts[row], row_starts[row + 1]):
            other = columns[place]
            met = cursor[other]
            if met >= row_starts[other + 1] or columns[met] != row or values[met] != values[place]:
                return False
            cursor[other] += 1
    return True


@compiled()
def _multiply(
    turn: Any,
    size: Any,
    row_starts: Any,
    columns: Any,
    values: Any,
    dense: Any,
    product: Any,
    width: Any,
) -> None:
    """Compute rows of the product, 32 columns at a time in registers, then 8, then one."""
    for row in items(turn, size, row_starts.size - 1):
        first, stop = row_starts[row], row_starts[row + 1]
        own = row * width
        column = 0
        while column + 4 * N_LANES <= width:
            a = b = c = d = splat(np.float32(0.0))
            for place in range(first, stop):
                other = columns[place] * width + column
                value = splat_at(values, place)
                a = multiply_add(value, load(dense, other), a)
                b = multiply_add(value, load(dense, other + N_LANES), b)
                c = multiply_add(value, load(dense, other + 2 * N_LANES), c)
                d = multiply_add(value, load(dense, other + 3 * N_LANES), d)
            store(product, own + column, a)
            store(product, own + column + N_LANES, b)
            store(product, own + column + 2 * N_LANES, c)
            store(product, own + column + 3 * N_LANES, d)
            column += 4 * N_LANES
        while column + N_LANES <= width:
            a = splat(np.float32(0.0))
            for place in range(first, stop):
                other = columns[place] * width + column
                a = multiply_add(splat_at(values, place), load(dense, other), a)
            store(product, own + column, a)
            column += N_LANES
        while column < width:
            total = np.float32(0.0)
            for place in range(first, stop):
                total += values[place] * dense[columns[place] * width + column]
            product[own + column] = total
            column += 1


def rows_of_product(
    left: FloatCSR, rows: NDArray[np.int64], right: FloatCSR, since: int = 0
) -> NDArray[Any]:
    """Some rows of the product of two sparse matrices, dense.

    Where most of their entries are not zero, a sparse product would spend its time on indices.

    Parameters
    ----------
    left, right
        CSR arrays of float64 with indices of one type, those of a row ascending; shapes
        (n_rows, n_inner) and (n_inner, n_columns).
    rows
        Row indices.
    since
        The first column of the product that is wanted.

    Returns
    -------
    Shape (len(rows), n_columns - since), float32; sums are computed in float64.

    Examples
    --------
    >>> matrix = sparse.csr_array([[1.0, 0.0], [2.0, 1.0]])
    >>> rows_of_product(matrix, np.array([1]), matrix).tolist()
    [[4.0, 1.0]]
    """
    product = np.empty((len(rows), right.shape[1] - since), np.float32)
    n_products = left.nnz / max(1, left.shape[0]) * right.nnz / max(1, right.shape[0])
    run_items(
        _multiply_rows,
        len(rows),
        *map(read_only, (left.indptr, left.indices, left.data, np.asarray(rows, np.int64))),
        *map(read_only, (right.indptr, right.indices, right.data)),
        *(product, since),
        work=len(rows) * (n_products + right.shape[1]) * WORK_OF_A_SUM,
    )
    return product


def pairs_of_product(
    left: FloatCSR, pairs: NDArray[np.int64], right: FloatCSR
) -> NDArray[np.float64]:
    """Inner products of rows of two sparse matrices.

    Of the two rows of a pair, the longer one is laid out, once for all of its pairs, and the
    shorter one is passed. Memory does not grow with the lengths of the rows.

    Parameters
    ----------
    left, right
        CSR arrays of float64 with indices of one type and no entry twice, shapes
        (n_rows, n_columns) and (n_others, n_columns).
    pairs
        A row of `left` and one of `right`, shape (n_pairs, 2).

    Returns
    -------
    Shape (n_pairs,).

    Examples
    --------
    >>> matrix = sparse.csr_array([[1.0, 0.0], [2.0, 1.0]])
    >>> pairs_of_product(matrix, np.array([[1, 1], [0, 1]]), matrix).tolist()
    [5.0, 2.0]
    """
    lengths = np.diff(left.indptr)[pairs[:, 0]], np.diff(right.indptr)[pairs[:, 1]]
    sums, is_left = np.empty(len(pairs)), lengths[0] >= lengths[1]
    for laid_out, passed, chosen, ends, length in (
        (left, right, is_left, pairs, lengths[1]),
        (right, left, ~is_left, pairs[:, ::-1], lengths[0]),
    ):
        places = np.flatnonzero(chosen)
        places = places[np.argsort(ends[places, 0], kind="stable")]
        found = np.empty(len(places))
        run_items(
            _multiply_pairs,
            -(-len(places) // PAIRS_OF_AN_ITEM),
            *map(read_only, (laid_out.indptr, laid_out.indices, laid_out.data)),
            *map(read_only, (passed.indptr, passed.indices, passed.data)),
            *(read_only(np.ascontiguousarray(ends[places])), found, left.shape[1]),
            work=float(length[places].sum() + len(places)) * WORK_OF_A_SUM,
        )
        sums[places] = found
    return sums


@compiled()
def _multiply_pairs(
    turn: Any,
    size: Any,
    row_starts: Any,
    columns: Any,
    values: Any,
    other_starts: Any,
    others: Any,
    other_values: Any,
    pairs: Any,
    sums: Any,
    width: Any,
) -> None:
    """Inner products of pairs that are sorted by their first rows, which are laid out."""
    row, last = np.zeros(width), -1
    for share in items(turn, size, (len(sums) + PAIRS_OF_AN_ITEM - 1) // PAIRS_OF_AN_ITEM):
        first = share * PAIRS_OF_AN_ITEM
        for pair in range(first, min(first + PAIRS_OF_AN_ITEM, len(sums))):
            own, other = pairs[pair, 0], pairs[pair, 1]
            if own != last:
                if last >= 0:
                    for place in range(row_starts[last], row_starts[last + 1]):
                        row[columns[place]] = 0.0
                last = own
                for place in range(row_starts[own], row_starts[own + 1]):
                    row[columns[place]] = values[place]
            total = 0.0
            for place in range(other_starts[other], other_starts[other + 1]):
                total += row[others[place]] * other_values[place]
            sums[pair] = total


@compiled()
def _multiply_rows(
    turn: Any,
    size: Any,
    row_starts: Any,
    columns: Any,
    values: Any,
    rows: Any,
    other_starts: Any,
    others: Any,
    other_values: Any,
    product: Any,
    since: Any,
) -> None:
    """Compute rows of a product of sparse matrices, each in an array of sums."""
    sums = np.empty(product.shape[1])
    for number in items(turn, size, len(rows)):
        sums[:] = 0.0
        for place in range(row_starts[rows[number]], row_starts[rows[number] + 1]):
            value, column = values[place], columns[place]
            further = other_starts[column + 1] - 1  # backwards, down to the first that is wanted
            while further >= other_starts[column] and others[further] >= since:
                sums[others[further] - since] += value * other_values[further]
                further -= 1
        for column in range(sums.size):
            product[number, column] = sums[column]


@rehearsal
def _rehearse() -> None:
    _ = SparseMatrix.from_scipy(sparse.csr_array(np.eye(2, dtype=np.float32))) @ torch.ones(2, 1)
    matrix = sparse.csr_array(np.eye(2))
    rows_of_product(matrix, np.arange(1), matrix)
    pairs_of_product(matrix, np.zeros((1, 2), np.int64), matrix)


def csr_tensor(
    row_starts: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]
) -> Tensor:
    """Make a torch CSR matrix from parts that are known to be valid.

    Examples
    --------
    >>> matrix = csr_tensor(torch.tensor([0, 1]), torch.tensor([1]), torch.ones(1), (1, 2))
    >>> matrix.to_dense().tolist()
    [[0.0, 1.0]]
    """
    with warnings.catch_warnings():
        # Once per process, torch warns that CSR is in beta and that invariants are not checked;
        # users of this library need neither warning.
        warnings.filterwarnings("ignore", message="Sparse (CSR|invariant)", category=UserWarning)
        return torch.sparse_csr_tensor(
            row_starts, columns, values, size=shape, check_invariants=False
        )
