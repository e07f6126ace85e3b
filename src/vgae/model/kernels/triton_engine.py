"""The sum over all pairs on a GPU, with Triton: tiles of logits that never leave the registers.

A program owns a block of rows and loops over the columns, tile by tile. Only this program writes
the gradient of its rows, so that no atomic addition is needed and results are the same to the bit.
In the symmetric case the gradient is twice that of the rows; two different factors swap roles for
the other gradient. If there are few rows, the columns are cut into parts to keep the GPU busy, and
the parts are added up in float64 afterwards.

Triton's interpreter runs the same kernel on a CPU, slowly: set the environment variable
TRITON_INTERPRET=1 before this module is imported.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, final

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional

from vgae.model.kernels.engines import PairSum, TileEngine, check_factors, multiple

__all__ = ["Precision", "TritonEngine"]

Precision = Literal["float32", "tf32", "bf16"]

SMALLEST_DIM = 16
"""The smallest size that tensor cores multiply; smaller dimensions are padded with zeros."""
LARGEST_DIM = 128
"""For more, a tile and a gradient do not fit the registers and shared memory of every GPU."""

# Sizes are fixed and not tuned at run time: another block would add up in another order, to other
# bits. They come from reading the machine code for Hopper (sm_90a, Triton 3.9) and from trials on
# an H100. A pair takes 14 instructions in bfloat16, 2 of them in the special function units, which
# do 16 per cycle where the others do 128: these units bound the kernel, with the time of 16
# instructions, and then the instructions. More warps and fewer instructions help, and both depend
# on registers:
#
# - A thread keeps four numbers per pair (logit, exponential, two sums) in addition to its share of
#   the gradient. With 16 pairs (64 * 32 on 4 warps) that is 128 registers at dimension 16 and 250
#   at 64, hence four to two programs per multiprocessor: while one waits for the tensor cores,
#   another computes.
# - float32 takes three products of tensor cores, those of the high and the low halves of its
#   factors. More rows per tile of columns mean fewer splits of columns, so that float32 gains from
#   128 rows where registers suffice: at dimension 16, and at 64 with 8 warps. At 128 the halves of
#   64 rows would take 112 kB of shared memory, which few GPUs have: 32 rows.
# - Two tiles in flight hide the latency of the L2 cache, a few hundred cycles, since the programs
#   of a multiprocessor spend a thousand on a tile; a third tile costs instructions. All programs
#   read the same columns at about the same time and find them in the cache: 4 * dim / 64 bytes per
#   pair.
COLUMN_BLOCK = 32
N_STAGES = 2

TILES_A_CHUNK = 16
"""Number of tiles whose sums stay in float32 before they are added to those of all columns."""

ENOUGH_PROGRAMS = 2048
"""Columns are cut into parts if there are fewer programs: 132 multiprocessors hold about four each,
and an incomplete last round should cost little."""
FEWEST_TILES = 4
"""The smallest number of tiles in a part: with fewer, starting a program takes longer than its
work."""


@final
class TritonEngine:
    """Fused tiles on a GPU, in float32.

    Sums are float32 within a chunk of tiles, then compensated (gradients) or float64 (the total).
    `TileEngine` processes factors of any other type and of more than 128 dimensions.

    Parameters
    ----------
    precision
        The precision of the factors of a product; products are added in float32. "float32"
        multiplies the high and low halves of the factors on the tensor cores, three products
        instead of one, and is as exact as float32 arithmetic: on an H100, totals are off by up to
        2e-7 and gradients by up to 4e-7 of their norm. "tf32" (10 bits of mantissa) and "bf16" (7)
        round the factors: with random vectors and logits up to 1000, gradients are off by up to
        3e-3 and 1e-2 of their norm, totals by 2e-5 and 1e-4.

    Examples
    --------
    >>> TritonEngine().name, TritonEngine("bf16").name
    ('triton', 'triton-bf16')
    >>> TritonEngine().unavailable(torch.device("cpu"), 200)
    'it takes vectors of at most 128 dimensions'

    Factors in float64 are left to `TileEngine`, on any device:

    >>> zeros = torch.zeros(2, 1, dtype=torch.float64)
    >>> round(float(TritonEngine().sweep(zeros, None).total), 4)  # 4 log 2
    2.7726
    """

    def __init__(self, precision: Precision = "float32") -> None:
        self.precision = precision
        self.name = "triton" if precision == "float32" else f"triton-{precision}"

    def unavailable(self, device: torch.device, dim: int) -> str | None:
        """See `Engine.unavailable`."""
        if dim > LARGEST_DIM:
            return f"it takes vectors of at most {LARGEST_DIM} dimensions"
        if _interpreted():
            return None if device.type == "cpu" else "Triton's interpreter needs device cpu"
        if device.type != "cuda":
            return "it works on a GPU alone (device cuda)"
        if not torch.cuda.is_available():
            return "torch finds no GPU"
        if torch.version.hip is None and torch.cuda.get_device_capability(device) < (8, 0):
            return "it needs a GPU of compute capability 8.0 or newer"
        return None

    def sweep(self, left: Tensor, right: Tensor | None) -> PairSum:
        """See `Engine.sweep`."""
        columns = left if right is None else right
        types = {left.dtype, columns.dtype}
        if types != {torch.float32} or left.shape[1] > LARGEST_DIM:
            return TileEngine().sweep(left, right)
        check_factors(left, columns)
        total, grad_left = self._row_pass(left, columns)
        if right is None:
            return PairSum(total, grad_left.mul_(2.0), None)
        return PairSum(total, grad_left, self._row_pass(right, left)[1])

    def _row_pass(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Total, and the gradient in `rows`."""
        (n_rows, dim), n_columns = rows.shape, len(columns)
        if n_rows == 0 or n_columns == 0:
            return rows.new_zeros((), dtype=torch.float64), torch.zeros_like(rows)
        padded_dim = max(SMALLEST_DIM, 1 << (dim - 1).bit_length())
        row_block, n_warps = _shape(self.precision, padded_dim)
        n_blocks = -(-n_rows // row_block)
        n_parts = min(
            max(1, ENOUGH_PROGRAMS // n_blocks), -(-n_columns // (FEWEST_TILES * COLUMN_BLOCK))
        )
        part = multiple(-(-n_columns // n_parts), COLUMN_BLOCK)
        n_parts, padded = -(-n_columns // part), n_blocks * row_block
        gradient = rows.new_empty((n_parts, padded, padded_dim))
        totals = rows.new_empty((n_parts, padded), dtype=torch.float64)
        with torch.cuda.device_of(rows):  # type: ignore[no-untyped-call]
            _row_pass[n_blocks, n_parts](
                # Logits to base 2 save the kernel a multiplication per pair.
                self._operand(rows * math.log2(math.e), padded_dim, row_block),
                self._operand(columns, padded_dim, COLUMN_BLOCK),
                gradient,
                totals,
                n_columns,
                part,
                padded,
                dim=padded_dim,
                row_block=row_block,
                column_block=COLUMN_BLOCK,
                tiles_a_chunk=TILES_A_CHUNK,
                input_precision=_input_precision(self.precision),
                rounded=tl.bfloat16 if self.precision == "bf16" else tl.float32,
                num_warps=n_warps,
                num_stages=N_STAGES,
                enable_fp_fusion=True,
            )
        own = gradient[:, :n_rows, :dim].sum(dim=0, dtype=torch.float64).to(rows.dtype)
        return totals[:, :n_rows].sum(), own

    def _operand(self, factor: Tensor, dim: int, block: int) -> Tensor:
        """Round a factor to this precision; pad it to whole blocks for loads without masks."""
        n_nodes, n_used = factor.shape
        padding = (0, dim - n_used, 0, multiple(n_nodes, block) - n_nodes)
        operand = functional.pad(factor, padding).contiguous()
        if self.precision == "float32":
            return operand
        if self.precision == "tf32":
            # Tensor cores would truncate the last 13 bits and so shrink every logit. This rounds to
            # nearest (Veltkamp's splitting).
            large = operand * (2.0**13 + 1.0)
            return large - (large - operand)
        rounded = operand.bfloat16()
        # The interpreter cannot multiply bfloat16; products of such numbers are exact in float32.
        return rounded.float() if _interpreted() else rounded


def _interpreted() -> bool:
    return not isinstance(_row_pass, triton.JITFunction)


def _shape(precision: Precision, dim: int) -> tuple[int, int]:
    """Rows per program, and its warps; measured for each padded dimension on an H100."""
    own = {16: (128, 4), 64: (128, 8), 128: (32, 4)} if precision == "float32" else {}
    return own.get(dim, (64, 4))


def _input_precision(precision: Precision) -> str:
    """How Triton multiplies the operands: "tf32x3" stands for the three products of float32."""
    if precision != "float32":
        return "tf32"
    return "tf32x3" if torch.version.hip is None else "ieee"  # AMD's compiler has no "tf32x3"


# The same machine code serves any number of columns.
_compiled: Callable[[Callable[..., None]], Any] = triton.jit(do_not_specialize=["n_columns"])


@_compiled
def _row_pass(
    rows: tl.tensor,
    columns: tl.tensor,
    gradient: tl.tensor,
    totals: tl.tensor,
    n_columns: tl.tensor,
    part: tl.tensor,
    n_rows: tl.tensor,
    dim: tl.constexpr,
    row_block: tl.constexpr,
    column_block: tl.constexpr,
    tiles_a_chunk: tl.constexpr,
    input_precision: tl.constexpr,
    rounded: tl.constexpr,
) -> None:
    """Gradient and total of a block of rows (grid axis 0) with a part of the columns (axis 1).

    `rows` are multiplied by log2(e), and `n_rows` includes the padding; `part` is the number of
    columns in a part, a multiple of `column_block`.
    """
    own = tl.program_id(0).to(tl.int64) * row_block + tl.arange(0, row_block)
    lanes = tl.arange(0, column_block)
    dims = tl.arange(0, dim)
    own_rows = tl.load(rows + own[:, None] * dim + dims[None, :])
    total = tl.full((row_block,), 0.0, tl.float64)
    summed = tl.full((row_block, dim), 0.0, tl.float32)
    lost = tl.full((row_block, dim), 0.0, tl.float32)

    start = tl.program_id(1) * part
    stop = tl.minimum(start + part, n_columns)
    # A last tile that is not full forms a separate chunk: its padding, whose logits are 0, adds
    # nothing to the gradient, and is masked in the total once instead of in every tile.
    full = start + (stop - start) // column_block * column_block
    n_full = (full - start + tiles_a_chunk * column_block - 1) // (tiles_a_chunk * column_block)
    n_chunks = n_full + (stop - full + column_block - 1) // column_block
    place = columns + (start.to(tl.int64) + lanes[:, None]) * dim + dims[None, :]
    for chunk in range(0, n_chunks):
        begin = tl.minimum(start + chunk * tiles_a_chunk * column_block, full)
        end = tl.where(chunk < n_full, tl.minimum(begin + tiles_a_chunk * column_block, full), stop)
        # softplus(s) = max(s, 0) + log(1 + e), e = exp(-|s|). The logarithms are those of a
        # product: `product` holds prod (1 + e) - 1, which keeps the digits of small e that 1 + e
        # would lose, and cannot exceed 2^tiles_a_chunk.
        product = tl.full((row_block, column_block), 0.0, tl.float32)
        positive = tl.full((row_block, column_block), 0.0, tl.float32)
        partial = tl.full((row_block, dim), 0.0, tl.float32)
        for _ in range(begin, end, column_block):
            tile = tl.load(place)
            place += column_block * dim
            logits = tl.dot(own_rows, tl.trans(tile), input_precision=input_precision)
            e = tl.exp2(-tl.abs(logits))
            denominator = 1.0 + e
            product = product * denominator + e
            positive += tl.maximum(logits, 0.0)
            # A root is one instruction; a division takes six, to handle huge denominators.
            root = tl.rsqrt(denominator)
            probabilities = tl.where(logits >= 0.0, 1.0, e) * root * root
            operand = probabilities.to(rounded).to(tile.dtype)
            partial = tl.dot(operand, tile, partial, input_precision=input_precision)

        # log(1 + product), as its series in product / (2 + product) where 1 + product would lose
        # digits, and where a backend's logarithm has only an absolute error bound.
        ratio = product / (2.0 + product)
        square = ratio * ratio
        series = 2.0 * ratio * (1.0 + square * (1 / 3 + square * (1 / 5 + square * (1 / 7))))
        logarithm = tl.where(product < 0.25, series, tl.log(1.0 + product))
        softplus = 0.6931471805599453 * positive + logarithm
        softplus = tl.where((begin + lanes < stop)[None, :], softplus, 0.0)
        total += tl.sum(softplus, axis=1).to(tl.float64)
        # Kahan's compensated sum: a million columns are a thousand terms.
        term = partial - lost
        grown = summed + term
        lost = (grown - summed) - term
        summed = grown

    own += tl.program_id(1).to(tl.int64) * n_rows
    tl.store(totals + own, total)
    tl.store(gradient + own[:, None] * dim + dims[None, :], summed)
