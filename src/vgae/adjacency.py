"""Adjacency matrices: rows of node indices merged into one, checked and normalised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from vgae.errors import InputError

__all__ = [
    "MOST_NODES",
    "Cleaning",
    "FloatCSR",
    "checked_csr",
    "checked_weights",
    "count",
    "normalized",
    "simple_adjacency",
]

FloatCSR: TypeAlias = sparse.csr_array[np.float32]

MOST_NODES = 2**31 - 1
"""What a pair of node indices can be, coded as one 64-bit number."""


@dataclass(frozen=True)
class Cleaning:
    """What was dropped or merged to make a simple graph of the rows that were given.

    Every row is accounted for: rows = edges + self_loops + duplicates + reversed_duplicates +
    incomplete.

    Examples
    --------
    >>> print(Cleaning(self_loops=1, duplicates=2))
    dropped 1 self loop, merged 2 duplicate rows
    """

    self_loops: int = 0
    duplicates: int = 0
    reversed_duplicates: int = 0
    incomplete: int = 0

    def __bool__(self) -> bool:
        return bool(
            self.self_loops or self.duplicates or self.reversed_duplicates or self.incomplete
        )

    def __str__(self) -> str:
        said = []
        if self.incomplete:
            said.append(f"dropped {count(self.incomplete, 'row')} without a node id")
        if self.self_loops:
            said.append(f"dropped {count(self.self_loops, 'self loop')}")
        if self.duplicates:
            said.append(f"merged {count(self.duplicates, 'duplicate row')}")
        if self.reversed_duplicates:
            said.append(f"merged {count(self.reversed_duplicates, 'reversed row')}")
        return ", ".join(said) or "nothing dropped or merged"


def count(number: int, noun: str) -> str:
    """A number with its noun: '1 edge', '5,278 edges'."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def simple_adjacency(
    pairs: NDArray[np.integer],
    weights: NDArray[np.float64] | None,
    n_nodes: int,
    *,
    directed: bool,
) -> tuple[FloatCSR, Cleaning]:
    """Merge pairs of valid indices into a CSR adjacency without diagonal, counting what went.

    Weights of merged rows are added. Each row becomes one number, and equal ones are found by
    sorting: a graph of ten million edges takes seconds and a few arrays of its length.

    Raises
    ------
    InputError
        A weight, or a sum of weights, does not fit float32.
    """
    source, target = pairs[:, 0], pairs[:, 1]
    loops = source == target
    n_loops = int(np.count_nonzero(loops))
    if n_loops:
        source, target = source[~loops], target[~loops]
        weights = None if weights is None else weights[~loops]
    codes = _row_codes(source, target, n_nodes, directed=directed)
    n_rows = codes.size
    sums = None
    if weights is None:
        codes.sort()
    else:
        order = np.argsort(codes, kind="stable")
        codes, weights = codes[order], weights[order]
    n_arcs = int(np.count_nonzero(_is_new(codes)))
    if not directed:
        codes >>= 1  # the lowest bit told the direction
    first = _is_new(codes)
    if weights is not None:
        starts = np.flatnonzero(first)
        sums = _as_float32(np.add.reduceat(weights, starts) if starts.size else weights)
    kept = codes[first]
    del codes, first
    cleaning = Cleaning(
        self_loops=n_loops,
        duplicates=n_rows - n_arcs,
        reversed_duplicates=n_arcs - kept.size,
    )
    return _csr(kept, sums, n_nodes, both_ways=not directed), cleaning


def _row_codes(
    source: NDArray[np.integer], target: NDArray[np.integer], n_nodes: int, *, directed: bool
) -> NDArray[np.int64]:
    """One number a row: equal for equal pairs, next to each other for a pair and its reverse."""
    if directed:
        arcs = source.astype(np.int64)
        arcs *= n_nodes
        arcs += target
        return arcs
    codes: NDArray[np.int64] = np.minimum(source, target).astype(np.int64)
    codes *= n_nodes
    codes += np.maximum(source, target)
    codes <<= 1
    codes += source > target
    return codes


def _is_new(codes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each of some sorted numbers differs from the one before it."""
    new = np.ones(codes.size, dtype=bool)
    np.not_equal(codes[1:], codes[:-1], out=new[1:])
    return new


def _csr(
    codes: NDArray[np.int64], values: NDArray[np.float32] | None, n_nodes: int, *, both_ways: bool
) -> FloatCSR:
    """CSR array of sorted, distinct pair numbers."""
    n_entries = codes.size * (2 if both_ways else 1)
    width = np.int32 if max(n_entries, n_nodes) <= np.iinfo(np.int32).max else np.int64
    lower, upper = (part.astype(width) for part in np.divmod(codes, max(n_nodes, 1)))
    if both_ways:
        # Reversed pairs first: rows then come out sorted, as the conversion keeps the order.
        rows, columns = np.concatenate([upper, lower]), np.concatenate([lower, upper])
        values = None if values is None else np.concatenate([values, values])
    else:
        rows, columns = lower, upper
    del lower, upper
    if values is None:
        values = np.ones(n_entries, dtype=np.float32)
    matrix = sparse.coo_array((values, (rows, columns)), shape=(n_nodes, n_nodes))
    matrix.has_canonical_format = True  # no pair occurs twice
    adjacency = sparse.csr_array(matrix)
    adjacency.has_sorted_indices = adjacency.has_canonical_format = True
    return adjacency


def _as_float32(weights: NDArray[np.float64]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        single = weights.astype(np.float32)
    if not np.isfinite(single).all() or (single == 0).any():
        raise InputError("weights: a weight, or a sum of merged weights, does not fit float32")
    return single


def checked_weights(weights: ArrayLike, n_rows: int) -> NDArray[np.float64]:
    """Edge weights as positive, finite numbers, one a row.

    Raises
    ------
    InputError
        One is not; the row says which.
    """
    try:
        values = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("weights: not all are numbers") from error
    if values.shape != (n_rows,):
        raise InputError(f"weights: shape {values.shape} for {count(n_rows, 'row')}")
    bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if bad.size:
        raise InputError(
            f"weights, row {bad[0]}: {values[bad[0]]} is not a positive finite number; "
            "leave out pairs that are no edges"
        )
    return values


def checked_csr(matrix: Any, dtype: type[np.floating[Any]], name: str) -> Any:
    """A canonical copy of a sparse matrix; broken index arrays could crash the process later.

    Raises
    ------
    InputError
        It holds no real numbers, or its index arrays do not fit each other.
    """
    if matrix.dtype.kind not in "biuf":
        raise InputError(f"{name}: {matrix.dtype} is not real numbers")
    try:
        if hasattr(matrix, "check_format"):
            matrix.check_format(full_check=True)
        with np.errstate(over="ignore"):
            canonical = sparse.csr_array(matrix, dtype=dtype, copy=True)
    except ValueError as error:
        raise InputError(f"{name}: not a valid sparse matrix ({error})") from error
    canonical.sum_duplicates()
    canonical.eliminate_zeros()
    return canonical


def normalized(adjacency: FloatCSR) -> FloatCSR:
    """D^-1/2 (A + I) D^-1/2 with D the row sums of A + I (Kipf & Welling 2016, sec. 1)."""
    with_loops = sparse.csr_array(
        adjacency.astype(np.float64) + sparse.eye_array(adjacency.shape[0], format="csr")
    )
    scale = sparse.diags_array(1.0 / np.sqrt(with_loops.sum(axis=1)))
    result = sparse.csr_array(scale @ with_loops @ scale).astype(np.float32)
    result.sort_indices()
    return result
