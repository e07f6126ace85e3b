"""Adjacency matrices: rows of node indices merged into a matrix, checked and normalised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from vgae.ground.errors import InputError, shown

__all__ = [
    "MOST_NODES",
    "Cleaning",
    "FloatCSR",
    "check_inside",
    "checked_adjacency",
    "checked_csr",
    "checked_weights",
    "count",
    "counts_by_degree",
    "directed_codes",
    "doubling_bins",
    "edge_numbers",
    "entries",
    "index_pairs",
    "index_width",
    "mapped_csr",
    "matrix_entries",
    "merged_codes",
    "node_pairs",
    "normalized",
    "pair_codes",
    "places_of",
    "row_sums",
    "simple_adjacency",
    "with_entries",
]

FloatCSR: TypeAlias = sparse.csr_array[np.float32]

ROWS_AT_A_TIME = 2**18
"""Rows of a matrix that are looked at together."""
MOST_NODES = 2**31 - 1
"""The largest number of nodes for which a pair fits into one 64-bit number."""


@dataclass(frozen=True)
class Cleaning:
    """Counts of the rows that were dropped or merged to make a simple graph.

    Every row is accounted for: rows = edges + self_loops + duplicates + reversed_duplicates +
    incomplete.

    Attributes
    ----------
    self_loops
        Rows that link a node to itself: dropped.
    duplicates
        Rows that repeat an edge in the same direction: merged, with their weights added.
    reversed_duplicates
        Undirected edges given in both directions: merged into one edge with one weight.
    incomplete
        Rows without a node id: dropped.
    conflicts
        Edges whose two directions have different weights: the stronger one is kept, which has the
        larger absolute value. They count as `reversed_duplicates` already.
    opposites
        Edges whose two directions have different signs: they count as `conflicts` already. Where
        neither weight is stronger, the negative one is kept.

    Examples
    --------
    >>> cleaning = Cleaning(self_loops=1, duplicates=2)
    >>> print(cleaning)
    dropped 1 self loop, merged 2 duplicate rows
    >>> sum(cleaning.rows.values())
    3
    """

    self_loops: int = 0
    duplicates: int = 0
    reversed_duplicates: int = 0
    incomplete: int = 0
    conflicts: int = 0
    opposites: int = 0

    @property
    def rows(self) -> dict[str, int]:
        """Number of rows that did not become an edge, by reason."""
        counts = asdict(self)
        del counts["conflicts"], counts["opposites"]
        return counts

    def of_matrix(self, n_edges: int) -> Cleaning:
        """Adapt the counts to a matrix or a list of arcs, where undirected edges have two entries.

        If the two entries of every edge agree, nothing was merged.

        Parameters
        ----------
        n_edges
            Number of edges.

        Examples
        --------
        >>> print(Cleaning(reversed_duplicates=5).of_matrix(n_edges=5))
        nothing dropped or merged
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
                f"kept the stronger weight of {count(self.conflicts, 'edge')} whose two directions "
                "differ"
            )
        if self.opposites:
            said.append(
                f"of them {self.opposites:,} with opposite signs, where the negative one is kept "
                "if both are equally strong"
            )
        return ", ".join(said) or "nothing dropped or merged"


def count(number: int, noun: str) -> str:
    """Format a number with its noun.

    Examples
    --------
    >>> count(1, "edge"), count(5278, "edge")
    ('1 edge', '5,278 edges')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


# ----------------------------------------------------------------------- pairs


def index_pairs(pairs: ArrayLike, name: str) -> NDArray[np.signedinteger[Any]]:
    """Convert pairs of node indices to an array of signed integers, shape (n_pairs, 2).

    Parameters
    ----------
    pairs
        Integers of any width.
    name
        The name of the pairs in an error.

    Raises
    ------
    InputError
        The pairs have another shape or type.

    Examples
    --------
    >>> index_pairs([(0, 1), (1, 2)], "edges").shape
    (2, 2)
    """
    try:
        array = np.asarray(pairs)
    except ValueError:  # rows of different lengths
        raise InputError(f"{name}: every row must be a pair of node indices") from None
    if array.size == 0:
        return np.empty((0, 2), dtype=np.int64)
    if array.ndim != 2 or array.shape[1] != 2:
        hint = "; transpose it" if array.ndim == 2 and array.shape[0] == 2 else ""
        raise InputError(f"{name}: shape {array.shape} is not (n_pairs, 2){hint}")
    if array.dtype.kind not in "iu":
        raise InputError(
            f"{name}: node indices must be integers, not {array.dtype} "
            "(for ids use Graph.from_pairs or Graph.index)"
        )
    if array.dtype.kind == "i":
        return array
    wide: NDArray[np.int64] = array.astype(np.int64)
    if array.dtype.itemsize == wide.itemsize and wide.min() < 0:
        raise InputError(f"{name}: an index does not fit a signed 64-bit integer")
    return wide


def doubling_bins(degrees: ArrayLike) -> NDArray[np.int64]:
    """Bins of degrees whose limits double: 0, 1, 2-3, 4-7, and so on.

    Examples
    --------
    >>> doubling_bins([0, 1, 2, 3, 4, 7, 8]).tolist()
    [0, 1, 2, 2, 3, 3, 4]
    """
    return np.frexp(np.asarray(degrees, np.float64))[1].astype(np.int64)


def counts_by_degree(degrees: ArrayLike) -> dict[str, int]:
    """How many degrees are in each of the bins, by its limits, up to the last that has any.

    Examples
    --------
    >>> counts_by_degree([1, 1, 4])
    {'0': 0, '1': 2, '2-3': 0, '4-7': 1}
    """
    counts = {}
    for place, size in enumerate(np.bincount(doubling_bins(degrees)).tolist()):
        first, last = 2**place // 2, 2**place - 1
        counts[f"{first}-{last}" if last > first else f"{last}"] = size
    return counts


def check_inside(
    pairs: NDArray[np.signedinteger[Any]], n_nodes: int, name: str, *, row: str = "row"
) -> None:
    """Refuse pairs with a node index outside 0 .. n_nodes - 1.

    Raises
    ------
    InputError
        An index is outside; the error names the first such pair.

    Examples
    --------
    >>> check_inside(np.array([[0, 1], [1, 3]]), 3, "edges")
    Traceback (most recent call last):
    vgae.InputError: edges, row 1: (1, 3) is outside the 3 nodes 0 .. 2
    """
    if pairs.size and (pairs.min() < 0 or pairs.max() >= n_nodes):
        first = int(np.flatnonzero(((pairs < 0) | (pairs >= n_nodes)).any(axis=1))[0])
        raise InputError(
            f"{name}, {row} {first}: {tuple(pairs[first].tolist())} is outside the "
            f"{count(n_nodes, 'node')} 0 .. {n_nodes - 1}"
        )


def node_pairs(pairs: ArrayLike, n_nodes: int, name: str = "pairs") -> NDArray[np.int64]:
    """Check pairs of node indices, shape (n_pairs, 2), of a graph of so many nodes.

    Raises
    ------
    InputError
        They have another shape or type, or a node is not in the graph.

    Examples
    --------
    >>> node_pairs([(0, 1)], 2).dtype
    dtype('int64')
    """
    # Contiguous, because torch takes no reversed views.
    checked = np.ascontiguousarray(index_pairs(pairs, name), dtype=np.int64)
    check_inside(checked, n_nodes, name)
    return checked


def pair_codes(
    pairs: NDArray[np.signedinteger[Any]], n_nodes: int, *, directed: bool = False
) -> NDArray[np.int64]:
    """Code each pair as one number, shape (n_pairs,).

    A pair and its reverse have the same code unless `directed`. Sorted pairs, such as those of
    `Graph.edges`, have ascending codes.

    Examples
    --------
    >>> pair_codes(np.array([[0, 1], [2, 1]]), 3).tolist()
    [1, 5]
    >>> pair_codes(np.array([[0, 1], [2, 1]]), 3, directed=True).tolist()
    [1, 7]
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
    """Positions of codes among ascending codes, shape (n_codes,); -1 where a code is missing.

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
    signed: bool = False,
    ids: Any = None,
) -> tuple[FloatCSR, Cleaning]:
    """Merge pairs of valid indices into a CSR adjacency without self loops.

    Weights of rows in the same direction are added. An undirected edge given in both directions
    becomes one edge with one weight; where the two weights differ, the one with the larger absolute
    value is kept and counted, and of two that differ in sign alone the negative one.
    Each row becomes one number, and sorting brings equal numbers together: a graph of ten million
    edges takes seconds and a few arrays of that length.

    Parameters
    ----------
    pairs
        Node indices, shape (n_rows, 2).
    weights
        Weights other than 0, shape (n_rows,), or None.
    n_nodes
        Number of nodes.
    directed
        Whether a pair and its reverse are two edges.
    signed
        Whether weights may be negative.
    ids
        Node ids for an error, shape (n_nodes,); by default the indices.

    Returns
    -------
    The adjacency, and counts of the rows that were dropped or merged.

    Raises
    ------
    InputError
        A weight, or a sum of weights, does not fit float32; or signed weights add up to 0.

    Examples
    --------
    >>> pairs = np.array([[0, 1], [1, 0], [2, 2]])
    >>> adjacency, cleaning = simple_adjacency(pairs, None, 3, directed=False)
    >>> adjacency.toarray().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    >>> print(cleaning)
    dropped 1 self loop, merged 1 reversed row
    """
    source, target = pairs[:, 0], pairs[:, 1]
    loops = source == target
    n_loops = int(np.count_nonzero(loops))
    if n_loops:
        source, target = source[~loops], target[~loops]
        weights = None if weights is None else weights[~loops]
    codes = directed_codes(source, target, n_nodes, directed=directed)
    if weights is None:
        codes.sort()
    else:
        order = np.argsort(codes, kind="stable")
        codes, weights = codes[order], weights[order]
    kept, values, cleaning = merged_codes(
        codes, weights, n_nodes, directed=directed, signed=signed, ids=ids
    )
    del codes
    return (
        _csr(kept, values, n_nodes, both_ways=not directed),
        replace(cleaning, self_loops=n_loops),
    )


def directed_codes(
    source: NDArray[np.integer], target: NDArray[np.integer], n_nodes: int, *, directed: bool
) -> NDArray[np.int64]:
    """Code each row as one number, so that sorting brings the rows of a pair together.

    Returns
    -------
    Source times `n_nodes` plus target; of an undirected graph, twice that of the pair with the
    smaller node first, plus 1 where a row had the larger one first. Shape (n_rows,).

    Examples
    --------
    >>> directed_codes(np.array([1, 0]), np.array([0, 1]), 3, directed=False).tolist()
    [3, 2]
    """
    codes = _codes(source, target, n_nodes, directed=directed)
    if not directed:  # a pair and its reverse are then next to each other
        codes <<= 1
        codes += source > target
    return codes


def merged_codes(
    codes: NDArray[np.int64],
    weights: NDArray[np.floating] | None,
    n_nodes: int,
    *,
    directed: bool,
    signed: bool = False,
    ids: Any = None,
) -> tuple[NDArray[np.int64], NDArray[np.float32] | None, Cleaning]:
    """Merge the rows of each pair; see `simple_adjacency` for the rules and what raises.

    Parameters
    ----------
    codes
        Those of `directed_codes`, ascending, without self loops, shape (n_rows,). They are
        overwritten.
    weights
        Weights of the rows, or None.
    n_nodes, directed, signed, ids
        As in `simple_adjacency`.

    Returns
    -------
    Codes of the distinct pairs as those of `pair_codes`, ascending; their weights; and how many
    rows were merged.

    Examples
    --------
    >>> kept, weights, cleaning = merged_codes(np.array([2, 2, 3]), None, 3, directed=False)
    >>> kept.tolist(), weights, str(cleaning)
    ([1], None, 'merged 1 duplicate row, merged 1 reversed row')
    """
    n_rows, n_conflicts, n_opposites, values = codes.size, 0, 0, None
    if weights is None:
        n_arcs = int(np.count_nonzero(_is_new(codes)))
    else:
        starts = np.flatnonzero(_is_new(codes))
        n_arcs, codes = starts.size, codes[starts]
        sums = np.add.reduceat(weights, starts) if n_arcs else weights
        if signed and (sums == 0).any():
            code = codes[np.argmax(sums == 0)] >> (not directed)
            names: Any = np.arange(n_nodes) if ids is None else ids
            one, other = (shown(names[end]) for end in divmod(int(code), n_nodes))
            raise InputError(
                f"weights: the rows of {one} and {other} add up to 0, which has no sign; remove "
                "them"
            )
        values = _as_float32(sums)
    if not directed:
        codes >>= 1  # the lowest bit was the direction
    first = _is_new(codes)
    if values is not None:
        second = np.flatnonzero(~first)  # the other direction of the arc before it
        if second.size:
            here, there = values[second - 1], values[second]
            n_conflicts = int(np.count_nonzero(here != there))
            n_opposites = int(np.count_nonzero((here < 0) != (there < 0)))
            weakest, strongest = np.minimum(here, there), np.maximum(here, there)
            values[second - 1] = np.where(-weakest >= strongest, weakest, strongest)
            values = values[first]
    kept = codes[first]
    cleaning = Cleaning(
        duplicates=n_rows - n_arcs,
        reversed_duplicates=n_arcs - kept.size,
        conflicts=n_conflicts,
        opposites=n_opposites,
    )
    return kept, values, cleaning


def _is_new(codes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each sorted code differs from the one before it."""
    new = np.ones(codes.size, dtype=bool)
    np.not_equal(codes[1:], codes[:-1], out=new[1:])
    return new


def index_width(n_entries: int, n_nodes: int) -> type[np.signedinteger[Any]]:
    """The narrowest integers that count the entries and the nodes of a matrix.

    Examples
    --------
    >>> index_width(10, 5).__name__, index_width(3 * 10**9, 5).__name__
    ('int32', 'int64')
    """
    return np.int32 if max(n_entries, n_nodes) <= np.iinfo(np.int32).max else np.int64


def _csr(
    codes: NDArray[np.int64], values: NDArray[np.float32] | None, n_nodes: int, *, both_ways: bool
) -> FloatCSR:
    """Make a CSR array from sorted, distinct pair codes."""
    n_entries = codes.size * (2 if both_ways else 1)
    width = index_width(n_entries, n_nodes)
    lower, upper = (part.astype(width) for part in np.divmod(codes, max(n_nodes, 1)))
    if both_ways:
        # Reversed pairs first: the conversion keeps the order, so that rows come out sorted.
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


def edge_numbers(adjacency: FloatCSR, *, directed: bool) -> NDArray[np.signedinteger[Any]]:
    """Which edge each entry of an adjacency is of, in the order of `Graph.edges`.

    Parameters
    ----------
    adjacency
        Without self loops, its rows sorted; symmetric unless directed.
    directed
        Whether each entry is an edge of its own.

    Returns
    -------
    Shape (n_entries,).

    Examples
    --------
    >>> path = simple_adjacency(np.array([[0, 1], [1, 2]]), None, 3, directed=False)[0]
    >>> path.indices.tolist(), edge_numbers(path, directed=False).tolist()
    ([1, 0, 2, 1], [0, 0, 1, 1])
    """
    width = index_width(adjacency.nnz, adjacency.shape[0])
    if directed:
        return np.arange(adjacency.nnz, dtype=width)
    rows = np.repeat(np.arange(adjacency.shape[0], dtype=width), np.diff(adjacency.indptr))
    above = rows < adjacency.indices
    starts = np.searchsorted(rows[above], np.arange(adjacency.shape[0] + 1))
    del rows
    numbers = np.empty(adjacency.nnz, dtype=width)
    numbers[above] = np.arange(adjacency.nnz // 2, dtype=width)
    upper = sparse.csr_array(
        (numbers[above], adjacency.indices[above], starts), shape=adjacency.shape
    )
    numbers[~above] = sparse.csr_array(upper.T).data  # the same edges, by their other end
    return numbers


def with_entries(adjacency: FloatCSR, kept: NDArray[np.bool_]) -> FloatCSR:
    """Only these entries of a matrix.

    Parameters
    ----------
    adjacency
        Its rows sorted.
    kept
        Shape (n_entries,).

    Examples
    --------
    >>> edge = sparse.csr_array(np.array([[0, 1], [1, 0]], dtype=np.float32))
    >>> with_entries(edge, np.array([True, False])).toarray().tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    before = np.zeros(len(kept) + 1, index_width(len(kept), adjacency.shape[1]))
    np.cumsum(kept, out=before[1:])
    width = index_width(int(before[-1]), adjacency.shape[1])
    parts = adjacency.data[kept], adjacency.indices[kept], before[adjacency.indptr]
    found = sparse.csr_array(
        (parts[0], parts[1].astype(width, copy=False), parts[2].astype(width, copy=False)),
        shape=adjacency.shape,
    )
    found.has_sorted_indices = found.has_canonical_format = True
    return found


def _as_float32(weights: NDArray[np.floating]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        single = weights.astype(np.float32)
    if not np.isfinite(single).all() or (single == 0).any():
        raise InputError("weights: a weight, or a sum of merged weights, does not fit float32")
    return single


def checked_weights(
    weights: ArrayLike, n_rows: int, *, signed: bool = False
) -> NDArray[np.float64]:
    """Check that edge weights are positive finite numbers, one per row.

    With `signed`, they may be negative, but not 0.

    Raises
    ------
    InputError
        A weight is not; the error names its row.

    Examples
    --------
    >>> checked_weights([1, 2], n_rows=2)
    array([1., 2.])
    >>> checked_weights([1, 0], n_rows=2)
    Traceback (most recent call last):
    vgae.InputError: weights, row 1: 0.0 is not a positive finite number; ...
    """
    try:
        values = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("weights: every weight must be a number") from None
    if values.shape != (n_rows,):
        raise InputError(f"weights: shape {values.shape} for {count(n_rows, 'row')}")
    bad = np.flatnonzero(~_are_weights(values, signed=signed))
    if bad.size:
        raise InputError(
            f"weights, row {bad[0]}: {_no_weight(values[bad[0]], signed=signed)}; "
            "omit pairs that are not edges"
        )
    return values


def _are_weights(values: NDArray[np.floating], *, signed: bool) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.isfinite(values) & ((values != 0) if signed else (values > 0))
    return found


def _no_weight(value: Any, *, signed: bool) -> str:
    if signed:
        return f"{value} is not a finite number other than 0"
    hint = " (kind='signed' takes negative weights)" if -np.inf < value < 0 else ""
    return f"{value} is not a positive finite number{hint}"


def checked_adjacency(matrix: Any, *, directed: bool, signed: bool = False) -> FloatCSR:
    """Copy an adjacency matrix after checking all that `Graph.adjacency` promises.

    Raises
    ------
    InputError
        The matrix is not a canonical CSR array of positive (if `signed`, nonzero) float32 numbers
        without self loops, or is not symmetric although the graph is undirected.

    Examples
    --------
    >>> one_way = sparse.csr_array(np.array([[0, 1], [0, 0]], dtype=np.float32))
    >>> checked_adjacency(one_way, directed=True).nnz
    1
    >>> checked_adjacency(one_way, directed=False)
    Traceback (most recent call last):
    vgae.InputError: adjacency: entries (0, 1) and (1, 0) differ: it is not symmetric; ...
    """
    advice = "Graph.from_scipy makes a graph from any square matrix"
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
    bad = np.flatnonzero(~_are_weights(own.data, signed=signed))
    if bad.size:
        raise _bad_entry(own, int(bad[0]), signed=signed)
    if not own.has_canonical_format:
        raise InputError(f"adjacency: entries are unsorted or repeated; {advice}")
    loops = np.flatnonzero(own.diagonal())
    if loops.size:
        raise InputError(f"adjacency: node {loops[0]} is linked to itself; {advice}")
    if not directed:
        turned = sparse.csr_array(own.T)
        if not all(
            np.array_equal(getattr(own, part), getattr(turned, part))
            for part in ("indptr", "indices", "data")
        ):
            row, column = (int(ends[0]) for ends in (own != turned).nonzero())
            raise InputError(
                f"adjacency: entries ({row}, {column}) and ({column}, {row}) differ: it is not "
                f"symmetric; {advice}"
            )
    return own


def _bad_entry(matrix: Any, place: int, *, signed: bool) -> InputError:
    row = int(np.searchsorted(matrix.indptr, place, side="right")) - 1
    return InputError(
        f"adjacency, entry ({row}, {matrix.indices[place]}): "
        f"{_no_weight(matrix.data[place], signed=signed)}"
    )


def matrix_entries(
    matrix: Any, *, signed: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """List the entries of a matrix of positive weights, or of `signed` ones.

    Returns
    -------
    Distinct pairs of indices, shape (n_entries, 2); their values, with repeated entries added up;
    and the number of stored values that were added to another one. Stored zeros do not count as
    entries.

    Raises
    ------
    InputError
        A value is not a weight.

    Examples
    --------
    >>> matrix = sparse.coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(2, 2))
    >>> pairs, values, n_repeated = matrix_entries(matrix)
    >>> pairs.tolist(), values.tolist(), n_repeated
    ([[0, 1]], [3.0], 1)
    """
    entries = checked_csr(matrix, np.float64, "adjacency")
    bad = np.flatnonzero(~_are_weights(entries.data, signed=signed))
    if bad.size:
        raise _bad_entry(entries, int(bad[0]), signed=signed)
    n_stored = np.count_nonzero(sparse.coo_array(matrix).data)
    found = entries.tocoo()
    return np.stack([found.row, found.col], axis=1), found.data, int(n_stored - found.nnz)


def checked_csr(matrix: Any, dtype: type[np.floating[Any]], name: str) -> Any:
    """Make a canonical copy of a sparse matrix, after checking its index arrays.

    SciPy does not check them, and invalid ones could crash the process later.

    Raises
    ------
    InputError
        The values are not real numbers, or the index arrays are inconsistent.

    Examples
    --------
    >>> stored_zero = sparse.csr_array(([1, 0], [1, 0], [0, 1, 2]), shape=(2, 2))
    >>> checked_csr(stored_zero, np.float32, "features").nnz
    1
    """
    if matrix.dtype.kind not in "biuf":
        raise InputError(f"{name}: values must be real numbers, not {matrix.dtype}")
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


def mapped_csr(
    parts: Mapping[str, NDArray[Any]], n_nodes: int, *, directed: bool, signed: bool
) -> FloatCSR:
    """An adjacency matrix of arrays that lie in files, without a copy of them.

    Rows are checked block by block. That an undirected matrix is symmetric is not: whoever wrote
    the files knew.

    Parameters
    ----------
    parts
        indptr, indices and, of a weighted graph, weights.
    n_nodes, directed, signed
        Of the graph.

    Raises
    ------
    InputError
        An index is outside, rows are not sorted, or a weight is not allowed.

    Examples
    --------
    >>> parts = {"indptr": np.array([0, 1, 2]), "indices": np.array([1, 0])}
    >>> mapped_csr(parts, 2, directed=False, signed=False).toarray().tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    damaged = InputError("adjacency: rows are not sorted indices of nodes; import the graph again")
    indptr, indices = parts["indptr"], parts["indices"]
    if (
        indptr.shape != (n_nodes + 1,)
        or indptr[0] != 0
        or indptr[-1] != len(indices)
        or (np.diff(indptr) < 0).any()
        or not (directed or len(indices) % 2 == 0)
    ):
        raise damaged
    data = parts.get("weights")
    if data is None:
        data = np.ones(len(indices), dtype=np.float32)
    else:
        bad = np.flatnonzero(~_are_weights(data, signed=signed))
        if data.shape != indices.shape or data.dtype != np.float32 or bad.size:
            raise InputError("adjacency: weights are damaged; import the graph again")
    made = sparse.csr_array((data, indices, indptr), shape=(n_nodes, n_nodes), copy=False)
    for rows, columns, _ in entries(made):
        inside = (columns >= 0) & (columns < n_nodes) & (columns != rows)
        rising = (np.diff(columns) > 0) | (np.diff(rows) > 0)
        if not (inside.all() and rising.all()):
            raise damaged
    made.has_sorted_indices = made.has_canonical_format = True
    return made


def normalized(adjacency: FloatCSR) -> FloatCSR:
    """Return D^-1/2 (A + I) D^-1/2, with D the row sums of A + I (Kipf & Welling 2016, sec. 1).

    Examples
    --------
    >>> edge = sparse.csr_array(np.array([[0, 1], [1, 0]], dtype=np.float32))
    >>> normalized(edge).toarray().round(3).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    n_nodes = adjacency.shape[0]
    width = index_width(adjacency.nnz + n_nodes, n_nodes)
    indptr = adjacency.indptr + np.arange(n_nodes + 1)
    indices, data = np.empty(indptr[-1], width), np.empty(indptr[-1], np.float32)
    made = sparse.csr_array((data, indices, indptr.astype(width)), shape=adjacency.shape)
    scale = np.empty(n_nodes)
    for part in _row_blocks(n_nodes):
        shape = (part.stop - part.start, n_nodes)
        loops = sparse.eye_array(*shape, k=part.start, format="csr")
        block = sparse.csr_array(adjacency[part].astype(np.float64) + loops)
        block.sort_indices()
        own = slice(int(indptr[part.start]), int(indptr[part.stop]))
        made.indices[own], made.data[own] = block.indices, block.data
        scale[part] = 1.0 / np.sqrt(block.sum(axis=1))
    end = 0
    for rows, columns, values in entries(made):
        start, end = end, end + len(rows)
        made.data[start:end] = scale[rows] * values * scale[columns]
    made.has_sorted_indices = made.has_canonical_format = True
    return made


def row_sums(adjacency: FloatCSR) -> NDArray[np.float64]:
    """Sums of rows in float64, without a copy of the matrix in it.

    Examples
    --------
    >>> row_sums(sparse.csr_array(np.array([[0, 2], [2, 0]], dtype=np.float32)))
    array([2., 2.])
    """
    found = np.empty(adjacency.shape[0])
    for rows in _row_blocks(len(found)):
        found[rows] = adjacency[rows].astype(np.float64).sum(axis=1)
    return found


def entries(
    matrix: FloatCSR,
) -> Iterator[tuple[NDArray[np.int64], NDArray[Any], NDArray[np.float32]]]:
    """Rows, columns and values of the entries, those of some rows at a time.

    Examples
    --------
    >>> edge = sparse.csr_array(np.array([[0, 1], [1, 0]], dtype=np.float32))
    >>> [[part.tolist() for part in block] for block in entries(edge)]
    [[[0, 1], [1, 0], [1.0, 1.0]]]
    """
    for block in _row_blocks(matrix.shape[0]):
        ends = matrix.indptr[block.start : block.stop + 1].astype(np.int64)
        own = slice(int(ends[0]), int(ends[-1]))
        rows = np.repeat(np.arange(block.start, block.stop), np.diff(ends))
        yield rows, matrix.indices[own], matrix.data[own]


def _row_blocks(n_rows: int) -> Iterator[slice]:
    for start in range(0, n_rows, ROWS_AT_A_TIME):
        yield slice(start, min(start + ROWS_AT_A_TIME, n_rows))
