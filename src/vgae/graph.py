"""The immutable, validated graph that everything else works on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from vgae.errors import InputError
from vgae.ids import IdArray, NodeId, as_ids, canonical_int, id_bytes, id_columns, unique_ids

__all__ = ["Cleaning", "Features", "FloatCSR", "Graph", "checked_weights", "count"]

FloatCSR: TypeAlias = sparse.csr_array[np.float32]
Features: TypeAlias = NDArray[np.float32] | FloatCSR


@dataclass(frozen=True)
class Cleaning:
    """What was dropped or merged to make a simple graph of the rows that were given.

    Every row is accounted for: rows = edges + self_loops + duplicates + reversed_duplicates.

    Examples
    --------
    >>> print(Cleaning(self_loops=1, duplicates=2))
    dropped 1 self loop, merged 2 duplicate rows
    """

    self_loops: int = 0
    duplicates: int = 0
    reversed_duplicates: int = 0

    def __bool__(self) -> bool:
        return bool(self.self_loops or self.duplicates or self.reversed_duplicates)

    def __str__(self) -> str:
        said = []
        if self.self_loops:
            said.append(f"dropped {count(self.self_loops, 'self loop')}")
        if self.duplicates:
            said.append(f"merged {count(self.duplicates, 'duplicate row')}")
        if self.reversed_duplicates:
            said.append(f"merged {count(self.reversed_duplicates, 'reversed row')}")
        return ", ".join(said) or "nothing dropped or merged"


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """A simple graph with node ids and, if there are any, features, labels and edge weights.

    Make one with `Graph.from_edges`, `Graph.from_pairs`, `Graph.from_scipy`, `vgae.read_graph`,
    `vgae.from_networkx` or `vgae.load_dataset`. Its arrays are read-only.

    Attributes
    ----------
    adjacency
        SciPy CSR array, shape (n_nodes, n_nodes), float32, sorted, without diagonal. Each entry
        is an edge's weight, 1 in an unweighted graph. Symmetric unless `directed`.
    ids
        Node ids in row order, shape (n_nodes,): int64, or strings.
    features
        Node features, shape (n_nodes, n_features), float32, dense or CSR; or None.
    labels
        One label a node, shape (n_nodes,), or None. Never used in training.
    directed
        Whether an edge has a direction.
    cleaning
        What was dropped or merged when the graph was made.

    Examples
    --------
    >>> graph = Graph.from_pairs([("a", "b"), ("b", "a"), ("b", "c"), ("c", "c")])
    >>> graph
    Graph(3 nodes, 2 edges, no features; dropped 1 self loop, merged 1 reversed row)
    >>> graph.edges.tolist()
    [[0, 1], [1, 2]]
    """

    adjacency: FloatCSR
    ids: IdArray
    features: Features | None = None
    labels: NDArray[Any] | None = None
    directed: bool = False
    cleaning: Cleaning = field(default_factory=Cleaning)

    def __post_init__(self) -> None:
        n_nodes = self.adjacency.shape[0]
        for name, rows in (("ids", self.ids), ("features", self.features), ("labels", self.labels)):
            if rows is not None and rows.shape[0] != n_nodes:
                raise InputError(
                    f"{name}: {rows.shape[0]} rows for {count(n_nodes, 'node')}; "
                    "give one row a node, in the order of the ids"
                )
        for array in (*_parts(self.adjacency), *_parts(self.features), self.ids, self.labels):
            if array is not None:
                _frozen(array)

    # ---------------------------------------------------------------- ways in

    @classmethod
    def from_edges(
        cls,
        edges: ArrayLike,
        *,
        n_nodes: int | None = None,
        weights: ArrayLike | None = None,
        ids: Sequence[NodeId] | IdArray | None = None,
        features: Any = None,
        labels: ArrayLike | None = None,
        directed: bool = False,
    ) -> Graph:
        """Graph from pairs of node indices 0 .. n_nodes - 1.

        Parameters
        ----------
        edges
            Integer indices, shape (n_rows, 2). Self loops are dropped; duplicates, and reversed
            duplicates of an undirected graph, are merged and their weights added.
        n_nodes
            Number of nodes; by default that of `ids` or `features`, else the largest index + 1.
        weights
            Positive, finite edge weights, shape (n_rows,).
        ids
            Node ids, shape (n_nodes,), all strings or all integers; by default the indices.
        features
            Array or SciPy sparse matrix, shape (n_nodes, n_features).
        labels
            Shape (n_nodes,).
        directed
            Whether (0, 1) and (1, 0) are two edges.

        Raises
        ------
        InputError
            An index is out of range, a weight or feature is not finite, shapes do not agree, or
            an id occurs twice.

        Examples
        --------
        >>> Graph.from_edges([[0, 1], [1, 2]], n_nodes=4)
        Graph(4 nodes, 2 edges, no features)
        """
        pairs = _index_pairs(edges)
        checked = None if features is None else _checked_features(features)
        names = None if ids is None else as_ids(ids)
        if n_nodes is None:
            if names is not None:
                n_nodes = len(names)
            elif checked is not None:
                n_nodes = checked.shape[0]
            else:
                n_nodes = int(pairs.max(initial=-1)) + 1
        outside = np.flatnonzero((pairs < 0).any(axis=1) | (pairs >= n_nodes).any(axis=1))
        if outside.size:
            row = int(outside[0])
            raise InputError(
                f"edges, row {row}: {tuple(pairs[row].tolist())} is outside the "
                f"{count(n_nodes, 'node')} 0 .. {n_nodes - 1}"
            )
        if weights is not None:
            weights = checked_weights(weights, len(pairs))
        adjacency, cleaning = _simple_adjacency(pairs, weights, n_nodes, directed=directed)
        return cls(
            adjacency=adjacency,
            ids=np.arange(n_nodes) if names is None else unique_ids(names),
            features=checked,
            labels=None if labels is None else np.array(labels),
            directed=directed,
            cleaning=cleaning,
        )

    @classmethod
    def from_pairs(
        cls,
        pairs: Any,
        *,
        weights: ArrayLike | None = None,
        nodes: Sequence[NodeId] | IdArray | None = None,
        directed: bool = False,
    ) -> Graph:
        """Graph from pairs of node ids; nodes are sorted, so that row order does not matter.

        Parameters
        ----------
        pairs
            Node ids, shape (n_rows, 2): all strings or all integers; or a tuple of two NumPy or
            PyArrow arrays, one for each end.
        weights
            Positive, finite edge weights, shape (n_rows,).
        nodes
            Further node ids, which join the graph as nodes without edges.
        directed
            Whether ("a", "b") and ("b", "a") are two edges.

        Raises
        ------
        InputError
            Ids are of mixed types, or a weight is not positive and finite.

        Examples
        --------
        >>> Graph.from_pairs([(20, 10), (10, 30)]).ids.tolist()
        [10, 20, 30]
        """
        import pyarrow as pa

        source, target = id_columns(pairs)
        columns = [source, target]
        if nodes is not None:
            columns.append(as_ids(nodes))
        if len({column.dtype.kind for column in columns if column.size}) > 1:
            raise InputError("node ids are strings in one column and integers in another; use one")
        encoded = pa.chunked_array([pa.array(c) for c in columns if c.size] or [pa.array([], "i8")])
        encoded = encoded.combine_chunks().dictionary_encode()
        ids = as_ids(encoded.dictionary)
        order = np.argsort(ids)
        rank = np.empty(len(ids), dtype=np.int64)
        rank[order] = np.arange(len(ids))
        codes = rank[encoded.indices.to_numpy()]
        edges = np.stack([codes[: source.size], codes[source.size : 2 * source.size]], axis=1)
        return cls.from_edges(edges, weights=weights, ids=ids[order], directed=directed)

    @classmethod
    def from_scipy(
        cls,
        matrix: Any,
        *,
        ids: Sequence[NodeId] | IdArray | None = None,
        features: Any = None,
        labels: ArrayLike | None = None,
        directed: bool = False,
    ) -> Graph:
        """Graph from a square SciPy sparse adjacency matrix.

        Parameters
        ----------
        matrix
            Shape (n_nodes, n_nodes). Stored zeros are no edges; values other than 1 are weights.
            A symmetric matrix holds each undirected edge twice, as usual; of an asymmetric one,
            read as undirected, the larger weight of the two directions is taken.
        ids, features, labels, directed
            As in `Graph.from_edges`.

        Raises
        ------
        InputError
            The matrix is not square, or as in `Graph.from_edges`.

        Examples
        --------
        >>> from scipy import sparse
        >>> Graph.from_scipy(sparse.csr_array([[0, 1], [1, 0]]))
        Graph(2 nodes, 1 edge, no features)
        """
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise InputError(f"adjacency: shape {matrix.shape} is not square")
        entries = _checked_csr(matrix, np.float64, "adjacency")
        checked_weights(entries.data, entries.nnz)
        n_merged = 0
        if not directed:
            both_ways = entries.maximum(entries.T)
            if (both_ways != entries).nnz:  # then each entry is an edge that was given
                n_loops = int((entries.diagonal() != 0).sum())
                n_merged = int(entries.nnz - n_loops - (both_ways.nnz - n_loops) // 2)
            entries = sparse.csr_array(sparse.triu(both_ways))
        found = entries.tocoo()
        graph = cls.from_edges(
            np.stack([found.row, found.col], axis=1),
            n_nodes=matrix.shape[0],
            weights=None if bool((found.data == 1).all()) else found.data,
            ids=ids,
            features=features,
            labels=labels,
            directed=directed,
        )
        if n_merged:
            return replace(graph, cleaning=replace(graph.cleaning, reversed_duplicates=n_merged))
        return graph

    # ------------------------------------------------------------ what it is

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return int(self.adjacency.shape[0])

    @property
    def n_edges(self) -> int:
        """Number of edges; an undirected edge counts once."""
        return int(self.adjacency.nnz) if self.directed else int(self.adjacency.nnz) // 2

    @property
    def n_features(self) -> int:
        """Number of features a node; 0 without features."""
        return 0 if self.features is None else int(self.features.shape[1])

    @cached_property
    def edges(self) -> NDArray[np.int64]:
        """Node indices of the edges, shape (n_edges, 2), sorted; source < target if undirected."""
        rows = np.repeat(np.arange(self.n_nodes), np.diff(self.adjacency.indptr))
        pairs = np.stack([rows, self.adjacency.indices.astype(np.int64)], axis=1)
        return _frozen(pairs if self.directed else pairs[pairs[:, 0] < pairs[:, 1]])

    @cached_property
    def weights(self) -> NDArray[np.float32] | None:
        """Edge weights in the order of `edges`, or None when all are 1."""
        if bool((self.adjacency.data == 1).all()):
            return None
        values: NDArray[np.float32] = self.adjacency.data
        if self.directed:
            return values
        rows = np.repeat(np.arange(self.n_nodes), np.diff(self.adjacency.indptr))
        return _frozen(values[rows < self.adjacency.indices])

    @cached_property
    def degrees(self) -> NDArray[np.int64]:
        """Number of neighbours a node, shape (n_nodes,)."""
        starts: NDArray[np.int64] = self.adjacency.indptr.astype(np.int64)
        return _frozen(starts[1:] - starts[:-1])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of what a model can see: ids, edges, weights, direction and features."""
        digest = hashlib.sha256()
        digest.update(f"vgae-graph-1 {self.n_nodes} {self.directed}".encode())
        for part in (*id_bytes(self.ids), *_parts(self.adjacency), *_parts(self.features)):
            # Index width is an accident of size and source, never of content.
            wide = part.astype(np.int64) if part.dtype.kind == "i" else part
            digest.update(f"{wide.dtype.str} {wide.shape}".encode())
            digest.update(np.ascontiguousarray(wide).data)
        return digest.hexdigest()

    def index(self, ids: Iterable[NodeId] | IdArray) -> NDArray[np.int64]:
        """Row indices of node ids; -1 marks an id that is not in the graph.

        Digits match integer ids and the other way round, since text files know only text.

        Examples
        --------
        >>> Graph.from_pairs([(10, 20)]).index(["20", 10, 99]).tolist()
        [1, 0, -1]
        """
        wanted = list(ids)
        if self.ids.dtype.kind == "i":
            keys: list[Any] = [canonical_int(name) for name in wanted]
        else:
            keys = [str(name) for name in wanted]
        position = self._position
        return np.fromiter((position.get(key, -1) for key in keys), np.int64, count=len(keys))

    @cached_property
    def _position(self) -> dict[NodeId, int]:
        return {name: row for row, name in enumerate(self.ids.tolist())}

    def normalized_adjacency(self) -> FloatCSR:
        """Symmetrically normalised adjacency D^-1/2 (A + I) D^-1/2 (Kipf & Welling 2016, sec. 1).

        D holds the row sums of A + I. Weights of a weighted graph enter A as they are, beside
        self loops of weight 1.

        Returns
        -------
        CSR array, shape (n_nodes, n_nodes), float32, with n_nodes + 2 * n_edges entries.

        Raises
        ------
        InputError
            The graph is directed.
        """
        if self.directed:
            raise InputError("this model needs an undirected graph; read it with directed=False")
        with_loops = sparse.csr_array(
            self.adjacency.astype(np.float64) + sparse.eye_array(self.n_nodes, format="csr")
        )
        scale = sparse.diags_array(1.0 / np.sqrt(with_loops.sum(axis=1)))
        normalized = sparse.csr_array(scale @ with_loops @ scale).astype(np.float32)
        normalized.sort_indices()
        return normalized

    # -------------------------------------------------------- other versions

    def with_edges(self, edges: NDArray[np.int64]) -> Graph:
        """The same nodes, ids and features with only these of its edges.

        Parameters
        ----------
        edges
            Rows of `self.edges`, shape (n_kept, 2), in any order.
        """
        mask, _ = _simple_adjacency(edges, None, self.n_nodes, directed=self.directed)
        adjacency = sparse.csr_array(self.adjacency.multiply(mask))
        adjacency.sort_indices()
        return replace(self, adjacency=adjacency, cleaning=Cleaning())

    def with_features(self, features: Any) -> Graph:
        """The same graph with other features, or with None."""
        return replace(self, features=None if features is None else _checked_features(features))

    def with_labels(self, labels: ArrayLike | None) -> Graph:
        """The same graph with other labels, or with None."""
        return replace(self, labels=None if labels is None else np.array(labels))

    def __str__(self) -> str:
        parts = [count(self.n_nodes, "node"), count(self.n_edges, "edge")]
        parts += ["directed"] if self.directed else []
        parts += ["weighted"] if self.weights is not None else []
        parts += [count(self.n_features, "feature") if self.n_features else "no features"]
        return ", ".join(parts)

    def __repr__(self) -> str:
        return f"Graph({self}{f'; {self.cleaning}' if self.cleaning else ''})"


def count(number: int, noun: str) -> str:
    """A number with its noun: '1 edge', '5,278 edges'."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _index_pairs(edges: ArrayLike) -> NDArray[np.int64]:
    pairs = np.asarray(edges)
    if pairs.size == 0:
        return np.empty((0, 2), dtype=np.int64)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise InputError(f"edges: shape {pairs.shape} is not (n_rows, 2)")
    if pairs.dtype.kind not in "iu":
        raise InputError("edges: node indices must be integers; for node ids use Graph.from_pairs")
    return pairs.astype(np.int64)


def checked_weights(weights: ArrayLike, n_rows: int) -> NDArray[np.float64]:
    """Edge weights, one a row, once it is sure that they are positive and finite.

    Raises
    ------
    InputError
        They are not; the row says where.
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


def _checked_features(features: Any) -> Features:
    if sparse.issparse(features):
        matrix = _checked_csr(features, np.float32, "features")
        bad = np.flatnonzero(~np.isfinite(matrix.data))
        if bad.size:
            row = int(np.searchsorted(matrix.indptr, bad[0], side="right")) - 1
            raise _bad_feature(row, int(matrix.indices[bad[0]]), matrix.data[bad[0]])
        return matrix
    values = np.asarray(features)
    if values.ndim != 2 or values.shape[1] == 0:
        raise InputError(f"features: shape {values.shape} is not (n_nodes, n_features)")
    if values.dtype.kind not in "biuf":
        raise InputError(f"features: {values.dtype} is not numeric")
    with np.errstate(over="ignore"):  # what overflows float32 is reported as infinite below
        dense = np.array(values, dtype=np.float32, order="C")
    places = np.argwhere(~np.isfinite(dense))
    if places.size:
        row, column = (int(place) for place in places[0])
        raise _bad_feature(row, column, dense[row, column])
    return dense


def _checked_csr(matrix: Any, dtype: type[np.floating[Any]], name: str) -> Any:
    """A canonical copy of a sparse matrix; broken index arrays could crash the process later."""
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


def _bad_feature(row: int, column: int, value: Any) -> InputError:
    return InputError(
        f"features, row {row}, column {column}: {value} is not a finite float32 number; "
        "fill or remove it"
    )


def _simple_adjacency(
    pairs: NDArray[np.int64],
    weights: NDArray[np.float64] | None,
    n_nodes: int,
    *,
    directed: bool,
) -> tuple[FloatCSR, Cleaning]:
    """Merge rows of valid pairs into a CSR adjacency without diagonal, counting what went."""
    is_loop = pairs[:, 0] == pairs[:, 1]
    rows, columns = pairs[~is_loop].T
    values = np.ones(rows.size) if weights is None else weights[~is_loop]
    arcs = sparse.coo_array((values, (rows, columns)), shape=(n_nodes, n_nodes)).tocsr()
    n_arcs = int(arcs.nnz)
    adjacency = arcs
    n_edges = n_arcs
    if not directed:
        adjacency = sparse.csr_array(arcs + arcs.T)
        n_edges = int(adjacency.nnz) // 2
    cleaning = Cleaning(
        self_loops=int(is_loop.sum()),
        duplicates=int(rows.size) - n_arcs,
        reversed_duplicates=n_arcs - n_edges,
    )
    if weights is None:
        adjacency.data[:] = 1.0
    adjacency.sort_indices()
    with np.errstate(over="ignore"):
        single = sparse.csr_array(adjacency.astype(np.float32))
    if not np.isfinite(single.data).all() or (single.data == 0).any():
        raise InputError("weights: a weight, or a sum of merged weights, does not fit float32")
    return single, cleaning


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array


def _parts(matrix: Any) -> tuple[NDArray[Any], ...]:
    """The arrays that a dense or CSR matrix consists of."""
    if matrix is None:
        return ()
    if sparse.issparse(matrix):
        csr = cast("sparse.csr_array[Any]", matrix)
        return (csr.indptr, csr.indices, csr.data)
    return (matrix,)
