"""Adjacency matrices: rows of node indices merged into one, checked and normalised."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from vgae.errors import InputError

__all__ = [
    "MOST_NODES",
    "Cleaning",
    "FloatCSR",
    "check_inside",
    "checked_adjacency",
    "checked_csr",
    "checked_weights",
    "count",
    "index_pairs",
    "matrix_entries",
    "normalized",
    "pair_codes",
    "places_of",
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

    Attributes
    ----------
    self_loops
        Rows that join a node with itself: dropped.
    duplicates
        Rows that repeat an edge in the same direction: merged, their weights added.
    reversed_duplicates
        Undirected edges that are there in both directions: merged into one with one weight.
    incomplete
        Rows without a node id: dropped.
    conflicts
        How many of the edges in both directions have two weights: the larger is kept. No rows of
        their own.

    Examples
    --------
    >>> print(Cleaning(self_loops=1, duplicates=2))
    dropped 1 self loop, merged 2 duplicate rows
    """

    self_loops: int = 0
    duplicates: int = 0
    reversed_duplicates: int = 0
    incomplete: int = 0
    conflicts: int = 0

    @property
    def rows(self) -> dict[str, int]:
        """Rows that are no edges of their own, by what they are."""
        counts = asdict(self)
        del counts["conflicts"]
        return counts

    def of_matrix(self, n_edges: int) -> Cleaning:
        """The same for a matrix or arcs, where each undirected edge has two entries, as usual.

        If all edges have two entries that agree, nothing was merged.

        Parameters
        ----------
        n_edges
            Number of edges.
        """
        usual = self.reversed_duplicates == n_edges and not self.conflicts
        return replace(self, reversed_duplicates=0) if usual else self

    def __bool__(self) -> bool:
        return any(asdict(self).values())

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
        if self.conflicts:
            said.append(
                f"kept the larger weight of {count(self.conflicts, 'edge')} whose two directions "
                "differ"
            )
        return ", ".join(said) or "nothing dropped or merged"


def count(number: int, noun: str) -> str:
    """A number with its noun: '1 edge', '5,278 edges'."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


# ----------------------------------------------------------------------- pairs


def index_pairs(pairs: ArrayLike, name: str) -> NDArray[np.signedinteger[Any]]:
    """Pairs of node indices, shape (n_pairs, 2), as signed integers of any width.

    Raises
    ------
    InputError
        They are of another shape or type; the line begins with the name.

    Examples
    --------
    >>> index_pairs([(0, 1), (1, 2)], "edges").shape
    (2, 2)
    """
    try:
        array = np.asarray(pairs)
    except ValueError:  # rows of different lengths
        raise InputError(f"{name}: not all rows are pairs of node indices") from None
    if array.size == 0:
        return np.empty((0, 2), dtype=np.int64)
    if array.ndim != 2 or array.shape[1] != 2:
        hint = "; transpose it" if array.ndim == 2 and array.shape[0] == 2 else ""
        raise InputError(f"{name}: shape {array.shape} is not (n_pairs, 2){hint}")
    if array.dtype.kind not in "iu":
        raise InputError(
            f"{name}: node indices must be integers, not {array.dtype} "
            "(of ids: Graph.from_pairs, Graph.index)"
        )
    if array.dtype.kind == "i":
        return array
    wide: NDArray[np.int64] = array.astype(np.int64)
    if array.dtype.itemsize == wide.itemsize and wide.min() < 0:
        raise InputError(f"{name}: an index does not fit 64 bits with a sign")
    return wide


def check_inside(
    pairs: NDArray[np.signedinteger[Any]], n_nodes: int, name: str, *, row: str = "row"
) -> None:
    """Refuse pairs of indices that name nodes outside 0 .. n_nodes - 1.

    Raises
    ------
    InputError
        A pair does; the line says which.
    """
    if pairs.size and (pairs.min() < 0 or pairs.max() >= n_nodes):
        first = int(np.flatnonzero(((pairs < 0) | (pairs >= n_nodes)).any(axis=1))[0])
        raise InputError(
            f"{name}, {row} {first}: {tuple(pairs[first].tolist())} is outside the "
            f"{count(n_nodes, 'node')} 0 .. {n_nodes - 1}"
        )


def pair_codes(
    pairs: NDArray[np.signedinteger[Any]], n_nodes: int, *, directed: bool = False
) -> NDArray[np.int64]:
    """One number per pair, shape (n_pairs,), the same for its reverse unless `directed`.

    Pairs that are sorted, as those of `Graph.edges` are, have ascending numbers.
    """
    return _codes(pairs[:, 0], pairs[:, 1], n_nodes, directed=directed)


def _codes(
    source: NDArray[np.integer], target: NDArray[np.integer], n_nodes: int, *, directed: bool
) -> NDArray[np.int64]:
    first, second = (
        (source, target) if directed else (np.minimum(source, target), np.maximum(source, target))
    )
    codes: NDArray[np.int64] = first.astype(np.int64)
    codes *= n_nodes
    codes += second
    return codes


def places_of(codes: NDArray[np.int64], ascending: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where some numbers stand among ascending ones, shape (n_codes,); -1 for one that does not.

    Examples
    --------
    >>> places_of(np.array([7, 3, 9]), np.array([3, 5, 7])).tolist()
    [2, 0, -1]
    """
    places: NDArray[np.int64] = np.searchsorted(ascending, codes)
    places[places == ascending.size] = -1
    if ascending.size:
        places[ascending[places] != codes] = -1
    return places


# -------------------------------------------------------------------- matrices


def simple_adjacency(
    pairs: NDArray[np.integer],
    weights: NDArray[np.floating] | None,
    n_nodes: int,
    *,
    directed: bool,
) -> tuple[FloatCSR, Cleaning]:
    """Merge pairs of valid indices into a CSR adjacency without diagonal, counting what went.

    Weights of rows in the same direction are added. An undirected edge that is there in both
    directions is one edge with one weight; where the two differ, the larger is kept and counted.
    Each row becomes one number, and equal ones are found by sorting: a graph of ten million edges
    takes seconds and a few arrays of its length.

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
    codes = _codes(source, target, n_nodes, directed=directed)
    if not directed:  # a pair and its reverse are then next to each other
        codes <<= 1
        codes += source > target
    n_rows, n_conflicts, values = codes.size, 0, None
    if weights is None:
        codes.sort()
        n_arcs = int(np.count_nonzero(_is_new(codes)))
    else:
        order = np.argsort(codes, kind="stable")
        codes, weights = codes[order], weights[order]
        starts = np.flatnonzero(_is_new(codes))
        n_arcs, codes = starts.size, codes[starts]
        values = _as_float32(np.add.reduceat(weights, starts) if n_arcs else weights)
    if not directed:
        codes >>= 1  # the lowest bit told the direction
    first = _is_new(codes)
    if values is not None:
        second = np.flatnonzero(~first)  # the other direction of the arc before it
        if second.size:
            here, there = values[second - 1], values[second]
            n_conflicts = int(np.count_nonzero(here != there))
            values[second - 1] = np.maximum(here, there)
            values = values[first]
    kept = codes[first]
    del codes, first
    cleaning = Cleaning(
        self_loops=n_loops,
        duplicates=n_rows - n_arcs,
        reversed_duplicates=n_arcs - kept.size,
        conflicts=n_conflicts,
    )
    return _csr(kept, values, n_nodes, both_ways=not directed), cleaning


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


def _as_float32(weights: NDArray[np.floating]) -> NDArray[np.float32]:
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
    except (TypeError, ValueError):
        raise InputError("weights: not all are numbers") from None
    if values.shape != (n_rows,):
        raise InputError(f"weights: shape {values.shape} for {count(n_rows, 'row')}")
    bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if bad.size:
        raise InputError(
            f"weights, row {bad[0]}: {values[bad[0]]} is not a positive finite number; "
            "leave out pairs that are no edges"
        )
    return values


def checked_adjacency(matrix: Any, *, directed: bool) -> FloatCSR:
    """A copy of an adjacency matrix that is what `Graph.adjacency` says, to the last entry.

    Raises
    ------
    InputError
        It is not; the line says what is wrong.
    """
    advice = "Graph.from_scipy makes a graph of any square matrix"
    if not sparse.issparse(matrix) or matrix.format != "csr" or matrix.dtype != np.float32:
        what = f"{matrix.format} of {matrix.dtype}" if sparse.issparse(matrix) else type(matrix)
        raise InputError(f"adjacency: {what} is not a SciPy CSR array of float32; {advice}")
    if matrix.shape[0] != matrix.shape[1] or matrix.shape[0] > MOST_NODES:
        raise InputError(f"adjacency: shape {matrix.shape} is not (n_nodes, n_nodes)")
    try:
        own = sparse.csr_array(
            (matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape, copy=True
        )
        own.check_format(full_check=True)
    except ValueError as error:
        raise InputError(f"adjacency: not a valid sparse matrix ({error})") from None
    bad = np.flatnonzero(~(np.isfinite(own.data) & (own.data > 0)))
    if bad.size:
        raise _bad_entry(own, int(bad[0]))
    if not own.has_canonical_format:
        raise InputError(f"adjacency: entries are not sorted, or one is there twice; {advice}")
    loops = np.flatnonzero(own.diagonal())
    if loops.size:
        raise InputError(f"adjacency: node {loops[0]} is joined with itself; {advice}")
    if not directed:
        turned = sparse.csr_array(own.T)
        if not all(
            np.array_equal(getattr(own, part), getattr(turned, part))
            for part in ("indptr", "indices", "data")
        ):
            row, column = (int(ends[0]) for ends in (own != turned).nonzero())
            raise InputError(
                f"adjacency: entries ({row}, {column}) and ({column}, {row}) differ, so that it is "
                f"not symmetric; {advice}"
            )
    return own


def _bad_entry(matrix: Any, place: int) -> InputError:
    row = int(np.searchsorted(matrix.indptr, place, side="right")) - 1
    return InputError(
        f"adjacency, entry ({row}, {matrix.indices[place]}): {matrix.data[place]} is not a "
        "positive finite number"
    )


def matrix_entries(matrix: Any) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """Entries of a square matrix of positive weights, and how many repeated a place.

    Returns
    -------
    Pairs of indices, shape (n_entries, 2), each once; their values, those at one place added; and
    the number of stored values that were added to another one. Stored zeros are no entries.

    Raises
    ------
    InputError
        The matrix is not square, or a value is not a positive finite number.
    """
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise InputError(f"adjacency: shape {matrix.shape} is not square")
    entries = checked_csr(matrix, np.float64, "adjacency")
    bad = np.flatnonzero(~(np.isfinite(entries.data) & (entries.data > 0)))
    if bad.size:
        raise _bad_entry(entries, int(bad[0]))
    n_stored = np.count_nonzero(sparse.coo_array(matrix).data)
    found = entries.tocoo()
    return np.stack([found.row, found.col], axis=1), found.data, int(n_stored - found.nnz)


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
        raise InputError(f"{name}: not a valid sparse matrix ({error})") from None
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
