"""The sum over all pairs on the CPU's cores: tiles of logits that never leave its registers.

Both factors are cut into blocks; a task combines a block of rows with a block of columns. Four rows
at a time meet sixteen columns: their 64 logits are summed in eight registers, become softplus and
sigmoid there, and are added to the gradient of the columns before they are stored for that of the
rows. A pair thus costs 6 * dim multiplications and additions, the mathematical minimum, and only
factors and gradients pass through memory.

Tasks come in rounds: a round pairs block i with block i + shift, so that its tasks share neither
rows nor columns. In the symmetric case half of the shifts cover every pair of blocks. Threads take
tasks in this order. A task adds to the gradients of its blocks only after the previous task of the
same rows and that of the same columns have done so. The sizes alone therefore fix the order of
every sum, and results are the same to the bit on any number of threads. No thread waits for one
that has lost its core to another process: a thread that finds a task undone for too long does it as
well, and only the first to finish adds its result.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple, final

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vgae.model.kernels.atomics import compare_and_set, fetch_add, read, write
from vgae.model.kernels.compiled import compiled, rehearsal
from vgae.model.kernels.engines import PairSum, TileEngine, check_factors, multiple
from vgae.model.kernels.lanes import (
    N_LANES,
    add_exponent,
    exponential_parts,
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
from vgae.model.kernels.threads import run_together

__all__ = ["NumbaEngine"]

EMITTED = "15ef875cb2a2"
"""State of the emitted instructions: numba looks for changes in this file alone."""

Floats = NDArray[np.float32]

N_ROWS = 4
"""Rows that are processed together. With two registers of columns per row, eight sums at a time
keep two multiply-add units busy, whose results take four cycles."""
N_COLUMNS = 2 * N_LANES

LARGEST_BLOCK = 192
"""Rows and columns of a block: 12 kB of a factor of dimension 16, so that columns, their gradient
and the probabilities of four rows fit a cache of 32 kB. Sizes from 128 to 384 are equally fast."""
FEWEST_BLOCKS = 16
"""A small graph is cut into smaller blocks, so that threads can share it."""

ROWS_A_LOGARITHM = 64
"""A product of this many factors from 1 to 2 is a float32 number; twelve such products are a
float64 number, whose logarithm is then taken."""
PRODUCTS_A_LOGARITHM = 12

WORK_OF_A_PAIR, WORK_OF_A_DIMENSION = 0.7, 0.065
"""Nanoseconds per unordered pair on one thread, and per dimension of a pair."""

LOOKS = 50_000
"""How often a thread looks at a task that another has taken before it does the task as well: some
tens of microseconds."""

NEVER = np.float32(-1e30)
"""The logit of rows that only fill up a group of four: their softplus and sigmoid are 0."""


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
        """Turn a gradient in blocks, like `rows`, into a tensor of the factor's shape."""
        flat = gradient.reshape(-1, gradient.shape[2])
        return torch.from_numpy(flat[: self.n_nodes, : self.dim])


@final
class NumbaEngine:
    """Fused tiles, compiled by numba: the fastest engine on a CPU, in float32.

    `TileEngine` processes factors of any other type.

    Examples
    --------
    >>> engine = NumbaEngine()
    >>> engine.name, engine.unavailable(torch.device("cuda"), 16)
    ('numba', 'it runs on the CPU only (device cpu)')
    >>> round(float(engine.sweep(torch.zeros(2, 1), None).total), 4)  # 4 log 2
    2.7726
    """

    name: ClassVar[str] = "numba"

    def unavailable(self, device: torch.device, dim: int) -> str | None:  # noqa: ARG002
        """See `Engine.unavailable`."""
        return None if device.type == "cpu" else "it runs on the CPU only (device cpu)"

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
            gradient = np.empty(left.shape, np.float32)
            _add_sides(by_row, by_column, gradient)
            return PairSum(total, torch.from_numpy(gradient), None)
        sides = _Packed.of(left), _Packed.of(right)
        # The tasks of a round share nothing if there are no more blocks of rows than of columns.
        fewer, more = sorted(sides, key=lambda side: len(side.rows))
        total, by_row, by_column = _blocked_sweep(fewer, more)
        gradients = fewer.unpacked(by_row), more.unpacked(by_column.swapaxes(1, 2))
        return PairSum(total, *(gradients if fewer is sides[0] else gradients[::-1]))


def _blocked_sweep(left: _Packed, right: _Packed) -> tuple[Tensor, Floats, Floats]:
    """Total, and in blocks the gradients as rows and as columns; half of each if symmetric."""
    symmetric, (n_blocks, _, dim) = left is right, left.rows.shape
    by_row, by_column = np.zeros_like(left.rows), np.zeros_like(right.columns)
    totals = np.zeros(n_blocks)
    n_pairs = left.n_nodes * right.n_nodes // (2 if symmetric else 1)
    run_together(
        _sweep,
        left.rows.reshape(n_blocks, -1),
        left.bias,
        right.columns,
        by_row.reshape(n_blocks, -1),
        by_column,
        totals,
        np.array([left.n_nodes, right.n_nodes]),
        symmetric,
        np.zeros(1, np.int64),
        np.zeros(n_blocks, np.int64),
        np.zeros(len(right.columns), np.int64),
        n_turns=n_blocks,
        work=n_pairs * (WORK_OF_A_PAIR + dim * WORK_OF_A_DIMENSION),
    )
    return torch.tensor(totals.sum(), dtype=torch.float64), by_row, by_column


@compiled()
def _add_sides(by_row: Any, by_column: Any, gradient: Any) -> None:
    """Add up a factor's two gradients, as rows and as columns, and double the sum."""
    block = by_row.shape[1]
    for node in range(gradient.shape[0]):
        for d in range(gradient.shape[1]):
            both = (
                by_row[node // block, node % block, d] + by_column[node // block, d, node % block]
            )
            gradient[node, d] = np.float32(2.0) * both


@rehearsal
def _rehearse() -> None:
    NumbaEngine().sweep(torch.ones(2, 1), None)


# A task has the number shift * n_row_blocks + row. Threads share:
#
# turn[0]            the number of tasks that have been taken
# row_states[row]    twice the number of finished tasks of this block of rows, and one more while a
#                    thread adds the result of the next task
# column_states[c]   the last task that was added to this block of columns, counted from 1


@compiled()
def _sweep(
    helping: Any,
    rows: Any,
    bias: Any,
    columns: Any,
    row_gradient: Any,
    column_gradient: Any,
    totals: Any,
    sizes: Any,
    symmetric: Any,
    turn: Any,
    row_states: Any,
    column_states: Any,
) -> None:
    """Do tasks until none is left; unless `helping`, return only when all tasks are done.

    Results are added to the totals of the blocks of rows and to both gradients. There must be no
    more blocks of rows than of columns.
    """
    n_rows, n_columns = len(rows), len(columns)
    n_tasks = n_rows * n_columns
    if symmetric:  # with an even number of blocks the last round would meet each pair twice
        n_tasks = (n_rows * n_rows + n_rows) // 2
    own_rows = np.empty(rows.shape[1], np.float32)
    own_columns = np.empty(columns.shape[1] * columns.shape[2], np.float32)
    task = fetch_add(turn, 0, 1)
    while task < n_tasks or not helping:
        mine = task
        if task >= n_tasks or not _is_ready(task, n_rows, n_columns, row_states, column_states):
            mine = _oldest(row_states, n_tasks)
            if mine == n_tasks:
                return
            if _is_done_soon(mine, n_rows, row_states):
                continue
        row, shift = mine % n_rows, mine // n_rows
        column = (row + shift) % n_columns
        _clear(own_rows)
        _clear(own_columns)
        total = _tile(
            rows[row],
            bias[row],
            columns[column].reshape(-1),
            own_rows,
            own_columns,
            min(sizes[0] - row * bias.shape[1], bias.shape[1]),
            min(sizes[1] - column * columns.shape[2], columns.shape[2]),
        )
        if compare_and_set(row_states, row, 2 * shift, 2 * shift + 1):
            # A block paired with itself covers both triangles, and its rows have the gradient.
            with_itself = symmetric and shift == 0
            totals[row] += 2.0 * total if symmetric and not with_itself else total
            _add(own_rows, row_gradient[row])
            if not with_itself:
                _add(own_columns, column_gradient[column].reshape(-1))
            write(column_states, column, mine + 1)
            write(row_states, row, 2 * shift + 2)
        if mine == task:
            task = fetch_add(turn, 0, 1)


@numba.njit
def _is_ready(task: Any, n_rows: Any, n_columns: Any, row_states: Any, column_states: Any) -> Any:
    """Whether the previous tasks of the same rows and of the same columns are done."""
    row, shift = task % n_rows, task // n_rows
    column = (row + shift) % n_columns
    # Backwards in time, a block of columns meets later and later rows, then the first row again.
    before = task - n_rows + 1
    if row + 1 == n_rows:
        before = task - row - (n_columns - n_rows + 1) * n_rows
    return read(row_states, row) >= 2 * shift and read(column_states, column) >= max(before + 1, 0)


@numba.njit
def _oldest(row_states: Any, n_tasks: Any) -> Any:
    """Find the first task that is not done."""
    n_rows = len(row_states)
    oldest = n_tasks
    for row in range(n_rows):
        oldest = min(oldest, read(row_states, row) // 2 * n_rows + row)
    return oldest


@numba.njit
def _is_done_soon(task: Any, n_rows: Any, row_states: Any) -> Any:
    """Whether another thread finishes the task within about the duration of a task."""
    row, shift = task % n_rows, task // n_rows
    for _ in range(LOOKS):  # noqa: SIM110 - compiled, where generators cost more
        if read(row_states, row) >= 2 * shift + 2:
            return True
    return False


@numba.njit
def _clear(what: Any) -> None:
    # A loop, since numba takes a second longer to compile an assignment to a slice.
    for place in range(what.size):
        what[place] = 0.0


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
    """Compute the total of a block of rows with a block of columns; add to both gradients."""
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
    """Combine four rows with a block's columns: probabilities, softplus, columns' gradient."""
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
    """Compute the sigmoid of eight logits, and add their softplus to two sums per column.

    softplus(s) = max(s, 0) + log(1 + e), e = exp(-|s|). The logarithms are those of a product:
    `product` holds prod (1 + e) - 1, which keeps the digits of small e that 1 + e would lose.
    """
    one = splat(np.float32(1.0))
    # Below -80, e is negligible, and its products would be too small for a normal number.
    f, slope, n = exponential_parts(minus_magnitude(logits, splat(np.float32(-80.0))))
    e = add_exponent(multiply_add(slope, f, one), n)
    denominator = one + e
    product = multiply_add(product, denominator, e)
    return not_negative(logits, one, e) / denominator, product, above + positive_part(logits)


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
    """Sum softplus since the last call, and reset the two sums of each column to zero."""
    total = 0.0
    product = 0.0
    for column in range(n_columns):
        product = product * (1.0 + products[column]) + products[column]
        total += positive[column]
        if (column + 1) % PRODUCTS_A_LOGARITHM == 0:
            total += math.log1p(product)
            product = 0.0
    _clear(products)
    _clear(positive)
    return total + math.log1p(product)
