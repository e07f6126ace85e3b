"""The sum over all pairs on the processor's cores: tiles of logits that never leave its registers.

Both factors are cut into blocks; a task is a block of rows with a block of columns. Four rows at a
time meet sixteen columns: their 64 logits are summed up in eight registers, become softplus and
sigmoid there, and are added to the columns' gradient before they are stored for the rows'. So a
pair costs 6 * dim multiplications and additions, as many as the mathematics has, and memory sees
the factors and gradients alone.

Tasks of one round share neither rows nor columns, so that they may run at the same time and write
to the same arrays; rounds follow each other. The order of every sum is thereby fixed by the sizes
alone: results are the same to the bit on any number of threads. In the symmetric case a round
pairs block i with block i + shift, and half the shifts meet every pair of blocks.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple, final

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vgae.kernels.compiled import compiled, run_parallel
from vgae.kernels.engines import PairSum, TileEngine, check_factors, multiple
from vgae.kernels.lanes import (
    N_LANES,
    add_exponent,
    lane_sum,
    load,
    minus_magnitude,
    multiply_add,
    not_negative,
    positive_part,
    splat,
    splat_at,
    store,
)

__all__ = ["NumbaEngine"]

LANES = "d29ba4731afb"
"""State of lanes.py: numba compiles anew when this file has changed, and looks at no other."""

Floats = NDArray[np.float32]

N_ROWS = 4
"""Rows that are worked on together; with two registers of columns each, eight sums at a time keep
two multiply-add units busy whose results take four cycles."""
N_COLUMNS = 2 * N_LANES

LARGEST_BLOCK = 192
"""Rows and columns of a block: 12 kB of a factor of dimension 16, so that columns, their gradient
and the probabilities of four rows fit a cache of 32 kB. 128 to 384 take the same time."""
FEWEST_BLOCKS = 16
"""A small graph is cut into smaller blocks, for the sake of threads."""

ROWS_A_LOGARITHM = 64
"""A product of this many factors from 1 to 2 is a float32 number; twelve such products are a
float64 number, whose logarithm is then taken."""
PRODUCTS_A_LOGARITHM = 12

NEVER = np.float32(-1e30)
"""The logit of rows that are there to fill a group of four: their softplus and sigmoid are 0."""


class _Packed(NamedTuple):
    """A factor in blocks, padded with zeros to whole blocks and dimensions.

    `rows` has shape (n_blocks, block, dim), `columns` (n_blocks, dim, block); `bias`, shape
    (n_blocks, block), is 0 for a row and `NEVER` for padding.
    """

    rows: Floats
    bias: Floats
    columns: Floats
    n_nodes: int
    dim: int

    @classmethod
    def of(cls, factor: Tensor) -> _Packed:
        n_nodes, dim = factor.shape
        block = min(LARGEST_BLOCK, multiple(-(-n_nodes // FEWEST_BLOCKS), N_COLUMNS))
        n_blocks, padded_dim = -(-n_nodes // block), multiple(dim, 4)
        rows = np.zeros((n_blocks * block, padded_dim), np.float32)
        rows[:n_nodes, :dim] = factor.detach().numpy()
        bias = np.zeros(n_blocks * block, np.float32)
        bias[n_nodes:] = NEVER
        blocks = rows.reshape(n_blocks, block, padded_dim)
        columns = np.ascontiguousarray(blocks.transpose(0, 2, 1))
        return cls(blocks, bias.reshape(n_blocks, block), columns, n_nodes, dim)

    def unpacked(self, gradient: Floats) -> Tensor:
        """A gradient, in blocks as `rows` are, as a tensor of the factor's shape."""
        flat = gradient.reshape(-1, gradient.shape[2])
        return torch.from_numpy(flat[: self.n_nodes, : self.dim])


@final
class NumbaEngine:
    """Fused tiles, compiled by numba: the fastest on a processor, in float32.

    Factors of another type are left to `TileEngine`.
    """

    name: ClassVar[str] = "numba"

    def unavailable(self, device: torch.device, dim: int) -> str | None:  # noqa: ARG002
        """See `Engine.unavailable`."""
        return None if device.type == "cpu" else "it works on the processor alone (device cpu)"

    def sweep(self, left: Tensor, right: Tensor | None) -> PairSum:
        """See `Engine.sweep`."""
        columns = left if right is None else right
        if {left.dtype, columns.dtype} != {torch.float32}:
            return TileEngine().sweep(left, right)
        check_factors(left, columns)
        if left.numel() == 0 or columns.numel() == 0:
            # No pair, or no dimension: every logit is an empty sum, 0.
            total = torch.tensor(len(left) * len(columns) * math.log(2.0), dtype=torch.float64)
            grad_right = None if right is None else torch.zeros_like(right)
            return PairSum(total, torch.zeros_like(left), grad_right)
        if right is None:
            both = _Packed.of(left)
            total, by_row, by_column = _blocked_sweep(both, both)
            return PairSum(total, by_row.add_(by_column).mul_(2.0), None)
        sides = _Packed.of(left), _Packed.of(right)
        # Tasks of a round are apart if there are not more blocks of rows than of columns.
        if len(sides[0].rows) <= len(sides[1].rows):
            return PairSum(*_blocked_sweep(*sides))
        total, grad_right, grad_left = _blocked_sweep(*sides[::-1])
        return PairSum(total, grad_left, grad_right)


def _blocked_sweep(left: _Packed, right: _Packed) -> tuple[Tensor, Tensor, Tensor]:
    """Total, and what rows and columns add to the gradient; half of it if they are the same."""
    by_row, by_column = np.zeros_like(left.rows), np.zeros_like(right.columns)
    totals = run_parallel(
        _sweep,
        left.rows.reshape(len(by_row), -1),
        left.bias,
        right.columns,
        by_row.reshape(len(by_row), -1),
        by_column,
        np.array([left.n_nodes, right.n_nodes]),
        left is right,
    )
    total = torch.tensor(totals.sum(), dtype=torch.float64)
    return total, left.unpacked(by_row), right.unpacked(by_column.swapaxes(1, 2))


@compiled(parallel=True)
def _sweep(
    rows: Any,
    bias: Any,
    columns: Any,
    row_gradient: Any,
    column_gradient: Any,
    sizes: Any,
    symmetric: Any,
) -> Any:
    """Totals of the blocks of rows; gradients are added to those of rows and columns.

    There must not be more blocks of rows than of columns.
    """
    n_row_blocks, n_column_blocks = len(rows), len(columns)
    totals = np.zeros(n_row_blocks)
    for shift in range(n_column_blocks // 2 + 1 if symmetric else n_column_blocks):
        # With an even number of blocks, the last shift meets every pair of blocks from both sides.
        both = symmetric and 2 * shift == n_column_blocks
        n_tasks = n_row_blocks // 2 if both else n_row_blocks
        for task in numba.prange(n_tasks):
            row = np.int64(task)
            column = (row + shift) % n_column_blocks
            own_gradient = np.zeros(columns[column].size, np.float32)
            total = _tile(
                rows[row],
                bias[row],
                columns[column].reshape(-1),
                row_gradient[row],
                own_gradient,
                min(sizes[0] - row * bias.shape[1], bias.shape[1]),
                min(sizes[1] - column * columns.shape[2], columns.shape[2]),
            )
            # A block with itself has met both of its triangles, and its rows have the gradient.
            with_itself = symmetric and shift == 0
            totals[row] += 2.0 * total if symmetric and not with_itself else total
            if not with_itself:
                _add(own_gradient, column_gradient[column].reshape(-1))
    return totals


@numba.njit
def _add(what: Any, to: Any) -> None:
    for place in range(what.size):
        to[place] += what[place]


@numba.njit
def _tile(
    rows: Any,
    bias: Any,
    columns: Any,
    row_gradient: Any,
    column_gradient: Any,
    n_rows: Any,
    n_columns: Any,
) -> Any:
    """Total of a block of rows with a block of columns; adds to both gradients."""
    dim = rows.size // bias.size
    width = columns.size // dim
    probabilities = np.empty(N_ROWS * width, np.float32)
    products = np.zeros(width, np.float32)
    positive = np.zeros(width, np.float32)
    n_met = -(-n_columns // N_COLUMNS) * N_COLUMNS
    total = 0.0
    for first in range(0, n_rows, N_ROWS):
        _meet(rows, bias, columns, column_gradient, probabilities, products, positive, first, n_met)
        _add_to_rows(columns, probabilities, row_gradient, first, dim, n_met)
        if (first + N_ROWS) % ROWS_A_LOGARITHM == 0 or first + N_ROWS >= n_rows:
            total += _logarithms(products, positive, n_columns)
    return total


@numba.njit
def _meet(
    rows: Any,
    bias: Any,
    columns: Any,
    column_gradient: Any,
    probabilities: Any,
    products: Any,
    positive: Any,
    first: Any,
    n_met: Any,
) -> None:
    """Four rows with the first columns of a block: probabilities, softplus, columns' gradient."""
    dim = rows.size // bias.size
    width = products.size
    row0 = first * dim
    row1, row2, row3 = row0 + dim, row0 + 2 * dim, row0 + 3 * dim
    for j in range(0, n_met, N_COLUMNS):
        k = j + N_LANES
        a0 = b0 = splat_at(bias, first)
        a1 = b1 = splat_at(bias, first + 1)
        a2 = b2 = splat_at(bias, first + 2)
        a3 = b3 = splat_at(bias, first + 3)
        for d in range(dim):
            a, b = load(columns, d * width + j), load(columns, d * width + k)
            z = splat_at(rows, row0 + d)
            a0, b0 = multiply_add(z, a, a0), multiply_add(z, b, b0)
            z = splat_at(rows, row1 + d)
            a1, b1 = multiply_add(z, a, a1), multiply_add(z, b, b1)
            z = splat_at(rows, row2 + d)
            a2, b2 = multiply_add(z, a, a2), multiply_add(z, b, b2)
            z = splat_at(rows, row3 + d)
            a3, b3 = multiply_add(z, a, a3), multiply_add(z, b, b3)

        product, above = load(products, j), load(positive, j)
        a0, product, above = _activate(a0, product, above)
        a1, product, above = _activate(a1, product, above)
        a2, product, above = _activate(a2, product, above)
        a3, product, above = _activate(a3, product, above)
        store(products, j, product)
        store(positive, j, above)
        product, above = load(products, k), load(positive, k)
        b0, product, above = _activate(b0, product, above)
        b1, product, above = _activate(b1, product, above)
        b2, product, above = _activate(b2, product, above)
        b3, product, above = _activate(b3, product, above)
        store(products, k, product)
        store(positive, k, above)

        store(probabilities, j, a0)
        store(probabilities, k, b0)
        store(probabilities, width + j, a1)
        store(probabilities, width + k, b1)
        store(probabilities, 2 * width + j, a2)
        store(probabilities, 2 * width + k, b2)
        store(probabilities, 3 * width + j, a3)
        store(probabilities, 3 * width + k, b3)
        for d in range(dim):
            place = d * width
            a, b = load(column_gradient, place + j), load(column_gradient, place + k)
            z = splat_at(rows, row0 + d)
            a, b = multiply_add(z, a0, a), multiply_add(z, b0, b)
            z = splat_at(rows, row1 + d)
            a, b = multiply_add(z, a1, a), multiply_add(z, b1, b)
            z = splat_at(rows, row2 + d)
            a, b = multiply_add(z, a2, a), multiply_add(z, b2, b)
            z = splat_at(rows, row3 + d)
            a, b = multiply_add(z, a3, a), multiply_add(z, b3, b)
            store(column_gradient, place + j, a)
            store(column_gradient, place + k, b)


@numba.njit
def _activate(logits: Any, product: Any, above: Any) -> Any:
    """Sigmoid of eight logits, and what their softplus adds to the two sums of each column.

    softplus(s) = max(s, 0) + log(1 + e), e = exp(-|s|). The logarithms are those of a product:
    `product` holds prod (1 + e) - 1, which keeps the digits of small e that 1 + e would lose.
    """
    one = splat(np.float32(1.0))
    # Below -80 e is next to nothing, and its products would be too small for a normal number.
    e = _exponential(minus_magnitude(logits, splat(np.float32(-80.0))))
    denominator = one + e
    product = multiply_add(product, denominator, e)
    return not_negative(logits, one, e) / denominator, product, above + positive_part(logits)


# 2^x = 1 + x (C1 + ...) on [-1/2, 1/2], relative error 9.2e-8: least squares of the relative error,
# weighted anew until its extremes are level (Lawson's algorithm). It is 1 at 0, where the logits of
# the first steps are.
_C1 = np.float32(0.6931469775989931)
_C2 = np.float32(0.24022242085262388)
_C3 = np.float32(0.05550733743497152)
_C4 = np.float32(0.009671512644819781)
_C5 = np.float32(0.0013264727123540113)


@numba.njit
def _exponential(x: Any) -> Any:
    """exp(x) of numbers from -80 to 0, as 2^n 2^f with n whole and |f| <= 1/2."""
    log2_e = splat(np.float32(1.4426950408889634))
    # 1.5 * 2^23: adding it leaves no bits for a fraction, so that the sum is rounded to n.
    rounder = splat(np.float32(12582912.0))
    shifted = multiply_add(x, log2_e, rounder)
    f = multiply_add(x, log2_e, rounder - shifted)
    power = multiply_add(splat(_C5), f, splat(_C4))
    power = multiply_add(power, f, splat(_C3))
    power = multiply_add(power, f, splat(_C2))
    power = multiply_add(power, f, splat(_C1))
    power = multiply_add(power, f, splat(np.float32(1.0)))
    return add_exponent(power, shifted)


@numba.njit
def _add_to_rows(
    columns: Any, probabilities: Any, row_gradient: Any, first: Any, dim: Any, n_met: Any
) -> None:
    """Add probabilities times columns to the gradient of four rows, two rows at a time."""
    width = columns.size // dim
    zero = splat(np.float32(0.0))
    for row in range(0, N_ROWS, 2):
        for d in range(0, dim, 4):
            a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = zero
            for j in range(0, n_met, N_LANES):
                a = load(probabilities, row * width + j)
                b = load(probabilities, row * width + width + j)
                place = d * width + j
                z = load(columns, place)
                a0, b0 = multiply_add(a, z, a0), multiply_add(b, z, b0)
                z = load(columns, place + width)
                a1, b1 = multiply_add(a, z, a1), multiply_add(b, z, b1)
                z = load(columns, place + 2 * width)
                a2, b2 = multiply_add(a, z, a2), multiply_add(b, z, b2)
                z = load(columns, place + 3 * width)
                a3, b3 = multiply_add(a, z, a3), multiply_add(b, z, b3)
            place = (first + row) * dim + d
            row_gradient[place] += lane_sum(a0)
            row_gradient[place + 1] += lane_sum(a1)
            row_gradient[place + 2] += lane_sum(a2)
            row_gradient[place + 3] += lane_sum(a3)
            place += dim
            row_gradient[place] += lane_sum(b0)
            row_gradient[place + 1] += lane_sum(b1)
            row_gradient[place + 2] += lane_sum(b2)
            row_gradient[place + 3] += lane_sum(b3)


@numba.njit
def _logarithms(products: Any, positive: Any, n_columns: Any) -> Any:
    """Sum of softplus since the last time; the two sums of each column begin again at zero."""
    total = 0.0
    product = 0.0
    for column in range(n_columns):
        product = product * (1.0 + products[column]) + products[column]
        total += positive[column]
        if (column + 1) % PRODUCTS_A_LOGARITHM == 0:
            total += math.log1p(product)
            product = 0.0
    products[:] = 0.0
    positive[:] = 0.0
    return total + math.log1p(product)
