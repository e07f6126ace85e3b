"""The immutable, validated graph that everything else works on."""

from __future__ import annotations

import copy
import hashlib
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from vgae.data.adjacency import (
    MOST_NODES,
    Cleaning,
    FloatCSR,
    check_inside,
    checked_adjacency,
    checked_csr,
    checked_weights,
    count,
    index_pairs,
    matrix_entries,
    normalized,
    pair_codes,
    places_of,
    simple_adjacency,
)
from vgae.data.ids import (
    IdArray,
    IdIndex,
    NodeId,
    as_ids,
    encode_columns,
    id_bytes,
    id_columns,
    number_ids,
    unique_ids,
)
from vgae.data.reading import Reading
from vgae.ground.errors import InputError
from vgae.ground.notebook import html_table

__all__ = ["Cleaning", "Features", "FloatCSR", "Graph", "checked_weights", "count"]

Features: TypeAlias = NDArray[np.float32] | FloatCSR


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """A simple graph with node ids and optional features, labels and edge weights.

    Make one with `Graph.from_edges`, `Graph.from_pairs`, `Graph.from_scipy`, `vgae.read_graph`,
    `vgae.as_graph` or `vgae.load_dataset`. Its arrays are read-only, and what you do to a SciPy
    matrix that it gives you does not change the graph. `Graph(adjacency, ids)` copies its parts and
    checks them.

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
        One label per node, shape (n_nodes,), or None. Never used in training.
    directed
        Whether an edge has a direction.
    cleaning
        What was dropped or merged when the graph was made.
    feature_encoding
        How the features were made from the columns of a table, as plain values (see
        `vgae.data.attributes`); None where they came as numbers.
    reading
        How the table of edges was understood; None where the graph was not read from one.

    Raises
    ------
    InputError
        The adjacency is not sorted, symmetric, free of a diagonal, positive and finite; an id
        occurs twice, a feature is not finite, or shapes do not agree.

    Examples
    --------
    >>> graph = Graph.from_pairs([("a", "b"), ("b", "a"), ("b", "c"), ("c", "c")])
    >>> graph
    Graph(3 nodes, 2 edges, no features; dropped 1 self loop, merged 1 reversed row)
    >>> graph.edges.tolist()
    [[0, 1], [1, 2]]
    >>> graph.n_nodes, graph.n_edges, graph.n_features, graph.n_isolated
    (3, 2, 0, 0)
    >>> graph.degrees.tolist(), graph.weights, graph.ids_are_rows
    ([1, 2, 1], None, False)
    """

    adjacency: FloatCSR
    ids: IdArray
    features: Features | None = None
    labels: NDArray[Any] | None = None
    directed: bool = False
    cleaning: Cleaning = field(default_factory=Cleaning)
    feature_encoding: Mapping[str, Any] | None = None
    reading: Reading | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.directed, bool) or not isinstance(self.cleaning, Cleaning):
            raise InputError("directed must be True or False, and cleaning a Cleaning")
        if not isinstance(self.reading, Reading | None):
            raise InputError("reading must be a Reading or None")
        checked = {
            "adjacency": checked_adjacency(self.adjacency, directed=self.directed),
            "ids": unique_ids(as_ids(self.ids)),
            "features": None if self.features is None else _checked_features(self.features),
            "labels": None if self.labels is None else np.array(self.labels),
        }
        self._take(vars(self) | checked)

    @classmethod
    def _verified(cls, **parts: Any) -> Graph:
        """A graph of parts that were checked one by one and that nobody else can change."""
        graph = object.__new__(cls)
        graph._take(parts)
        return graph

    def _but(self, **changes: Any) -> Graph:
        """The same graph with some parts replaced by others that were checked."""
        kept = {part.name: getattr(self, part.name) for part in fields(self)}
        return self._verified(**kept | changes)

    def _take(self, parts: dict[str, Any]) -> None:
        """Set the parts, after checking that they belong to the same nodes."""
        vars(self).update(parts)
        for name, rows in (("ids", self.ids), ("features", self.features), ("labels", self.labels)):
            if rows is not None and rows.shape[:1] != (self.n_nodes,):
                found = count(rows.shape[0], "row") if rows.ndim else "a single value"
                raise InputError(
                    f"{name}: {found} for {count(self.n_nodes, 'node')}; "
                    "give one row per node, in the order of the ids"
                )
        if self.labels is not None and self.labels.ndim != 1:
            raise InputError(f"labels: shape {self.labels.shape} is not (n_nodes,)")
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
            Integer indices, shape (n_rows, 2). Self loops are dropped. Duplicates in the same
            direction are merged and their weights added. An undirected edge given in both
            directions is one edge with one weight: where the two differ, the larger counts.
        n_nodes
            Number of nodes; by default that of `ids` or `features`, otherwise the largest index
            plus 1.
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
        pairs = index_pairs(edges, "edges")
        checked = None if features is None else _checked_features(features)
        names = None if ids is None else as_ids(ids)
        if n_nodes is None:
            if names is not None:
                n_nodes = len(names)
            elif checked is not None:
                n_nodes = checked.shape[0]
            else:
                n_nodes = int(pairs.max(initial=-1)) + 1
        if n_nodes > MOST_NODES:
            raise InputError(f"{count(n_nodes, 'node')}: at most {MOST_NODES:,} can be handled")
        check_inside(pairs, n_nodes, "edges")
        if weights is not None:
            weights = checked_weights(weights, len(pairs))
        adjacency, cleaning = simple_adjacency(pairs, weights, n_nodes, directed=directed)
        return cls._verified(
            adjacency=adjacency,
            ids=np.arange(n_nodes) if names is None else unique_ids(names),
            features=checked,
            labels=None if labels is None else np.array(labels),
            directed=bool(directed),
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
        source, target = id_columns(pairs)
        columns = [source, target]
        if nodes is not None:
            columns.append(as_ids(nodes))
        filled = [column for column in columns if column.size]
        if not filled:
            return cls.from_edges([], n_nodes=0, directed=directed)
        if len({column.dtype.kind for column in filled}) > 1:
            raise InputError("node ids are strings in one column and integers in another; use one")
        codes, values = encode_columns(filled)
        ids, places = number_ids(values, np.ones(len(values), dtype=bool))
        ends = [places[column] for column in codes[:2]] if source.size else [source, target]
        return cls.from_edges(np.stack(ends, axis=1), weights=weights, ids=ids, directed=directed)

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
            Shape (n_nodes, n_nodes). Stored zeros are no edges; values other than 1 are weights;
            values stored at the same place are added. A symmetric matrix holds each undirected
            edge twice, as usual; of an asymmetric one, read as undirected, the larger weight of
            the two directions counts.
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
        pairs, values, n_repeated = matrix_entries(matrix)
        graph = cls.from_edges(
            pairs,
            n_nodes=matrix.shape[0],
            weights=None if bool((values == 1).all()) else values,
            ids=ids,
            features=features,
            labels=labels,
            directed=directed,
        )
        cleaning = replace(graph.cleaning, duplicates=n_repeated)
        return graph.with_cleaning(cleaning.of_matrix(graph.n_edges))

    # ------------------------------------------------------------ properties

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
        """Number of features per node; 0 without features."""
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
        """Number of neighbours per node, shape (n_nodes,)."""
        starts: NDArray[np.int64] = self.adjacency.indptr.astype(np.int64)
        return _frozen(starts[1:] - starts[:-1])

    @property
    def ids_are_rows(self) -> bool:
        """Whether the ids are 0, 1, 2, ..., so that they need not be stored."""
        return self.ids.dtype.kind == "i" and np.array_equal(self.ids, np.arange(self.n_nodes))

    @cached_property
    def n_isolated(self) -> int:
        """Number of nodes without an edge, in either direction."""
        touched = self.degrees > 0
        touched[self.adjacency.indices] = True
        return int(self.n_nodes - np.count_nonzero(touched))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything a model can see: ids, edges, weights, direction and features.

        Examples
        --------
        >>> graph = Graph.from_pairs([("a", "b"), ("b", "c")])
        >>> graph.fingerprint == Graph.from_pairs([("c", "b"), ("a", "b")]).fingerprint
        True
        """
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

        Digits match integer ids and vice versa, since text files know only text.

        Examples
        --------
        >>> Graph.from_pairs([(10, 20)]).index(["20", 10, 99]).tolist()
        [1, 0, -1]
        """
        return self._id_index.rows(ids)

    @cached_property
    def _id_index(self) -> IdIndex:
        return IdIndex(self.ids)

    def normalized_adjacency(self) -> FloatCSR:
        """Symmetrically normalised adjacency D^-1/2 (A + I) D^-1/2 (Kipf & Welling 2016, sec. 1).

        D holds the row sums of A + I. Weights of a weighted graph enter A as they are, next to
        self loops of weight 1.

        Returns
        -------
        CSR array, shape (n_nodes, n_nodes), float32, with n_nodes + 2 * n_edges entries.

        Raises
        ------
        InputError
            The graph is directed.

        Examples
        --------
        >>> Graph.from_pairs([("a", "b")]).normalized_adjacency().toarray().tolist()
        [[0.5, 0.5], [0.5, 0.5]]
        """
        if self.directed:
            raise InputError(
                "this model needs an undirected graph; read it with --undirected (directed=False)"
            )
        return normalized(self.adjacency)

    # -------------------------------------------------------- other versions

    def places(self, pairs: ArrayLike, name: str = "pairs") -> NDArray[np.int64]:
        """Positions of pairs of nodes in `edges`, shape (n_pairs,); -1 for a pair without an edge.

        Parameters
        ----------
        pairs
            Node indices, shape (n_pairs, 2); of an undirected graph, in either direction.
        name
            What errors call them.

        Raises
        ------
        InputError
            They are not pairs of node indices of this graph.

        Examples
        --------
        >>> Graph.from_edges([(0, 1), (1, 2)]).places([(2, 1), (0, 2)]).tolist()
        [1, -1]
        """
        checked = index_pairs(pairs, name)
        check_inside(checked, self.n_nodes, name)
        wanted, known = (
            pair_codes(some, self.n_nodes, directed=self.directed) for some in (checked, self.edges)
        )
        return places_of(wanted, known)

    def with_edges(self, edges: ArrayLike) -> Graph:
        """The same nodes, ids and features with only these of its edges.

        Parameters
        ----------
        edges
            Rows of `self.edges`, shape (n_kept, 2), in any order.

        Raises
        ------
        InputError
            A pair is no edge of this graph; the row says which.

        Examples
        --------
        >>> Graph.from_edges([(0, 1), (1, 2)]).with_edges([(1, 2)])
        Graph(3 nodes, 1 edge, no features)
        """
        places = self.places(edges, "edges")
        strange = np.flatnonzero(places < 0)
        if strange.size:
            row = int(strange[0])
            pair = tuple(np.asarray(edges)[row].tolist())
            raise InputError(f"edges, row {row}: {pair} is no edge of the graph")
        kept = np.zeros(self.n_edges, dtype=bool)
        kept[places] = True
        weights = None if self.weights is None else self.weights[kept]
        adjacency, _ = simple_adjacency(
            self.edges[kept], weights, self.n_nodes, directed=self.directed
        )
        return self._but(adjacency=adjacency, cleaning=Cleaning(), reading=None)

    def with_features(self, features: Any, *, encoding: Mapping[str, Any] | None = None) -> Graph:
        """The same graph with other features, or with None.

        Parameters
        ----------
        features
            Array or SciPy sparse matrix, shape (n_nodes, n_features).
        encoding
            How they were made from the columns of a table; see `feature_encoding`.

        Raises
        ------
        InputError
            A feature is not finite, or there is not one row per node.

        Examples
        --------
        >>> Graph.from_pairs([("a", "b")]).with_features([[1.0], [2.0]])
        Graph(2 nodes, 1 edge, 1 feature)
        """
        checked = None if features is None else _checked_features(features)
        return self._but(features=checked, feature_encoding=encoding)

    def with_labels(self, labels: ArrayLike | None) -> Graph:
        """The same graph with other labels, or with None.

        Examples
        --------
        >>> Graph.from_pairs([("a", "b")]).with_labels(["x", "y"]).labels.tolist()
        ['x', 'y']
        """
        return self._but(labels=None if labels is None else np.array(labels))

    def with_cleaning(self, cleaning: Cleaning) -> Graph:
        """The same graph with another account of what was dropped or merged.

        Examples
        --------
        >>> Graph.from_pairs([("a", "b")]).with_cleaning(Cleaning(self_loops=2))
        Graph(2 nodes, 1 edge, no features; dropped 2 self loops)
        """
        return self._but(cleaning=cleaning)

    def with_reading(self, reading: Reading | None) -> Graph:
        """The same graph with an account of the table that it was read from, or with None.

        The account takes its `ids` and `cleaning` from this graph.

        Examples
        --------
        >>> Graph.from_pairs([("a", "b")]).with_reading(None).reading is None
        True
        """
        if reading is not None:
            ids: Literal["integers", "text"] = "integers" if self.ids.dtype.kind == "i" else "text"
            reading = replace(reading, ids=ids, cleaning=self.cleaning)
        return self._but(reading=reading)

    def same_nodes(self, other: Graph) -> bool:
        """Whether another graph has the same nodes: ids and features, in the same order.

        Examples
        --------
        >>> graph = Graph.from_pairs([("a", "b"), ("b", "c")])
        >>> graph.same_nodes(graph.with_edges([(0, 1)]))
        True
        """
        ours, theirs = ((graph.ids, *_parts(graph.features)) for graph in (self, other))
        return len(ours) == len(theirs) and all(
            a is b or np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True)
        )

    def __str__(self) -> str:
        parts = [count(self.n_nodes, "node"), count(self.n_edges, "edge")]
        parts += ["directed"] if self.directed else []
        parts += ["weighted"] if self.weights is not None else []
        parts += [count(self.n_features, "feature") if self.n_features else "no features"]
        return ", ".join(parts)

    def __repr__(self) -> str:
        return f"Graph({self}{f'; {self.cleaning}' if self.cleaning else ''})"

    def _repr_html_(self) -> str:
        rows = {
            "nodes": f"{self.n_nodes:,}",
            "edges": f"{self.n_edges:,}, {'directed' if self.directed else 'undirected'}",
            "weights": "none" if self.weights is None else "yes",
            "features": f"{self.n_features:,}" if self.n_features else "none",
            "labels": None if self.labels is None else "yes",
            "ids": reprlib.repr(self.ids[:9].tolist()),
            "cleaning": self.cleaning or None,
            "read from": self.reading,
        }
        return html_table("Graph", rows)


class _Shielded:
    """A part of a graph, handed out as a new object each time where it is a SciPy matrix.

    The arrays of a matrix can be made read-only, but not the matrix: `setdiag`, for one, exchanges
    its arrays. What a caller does to a matrix must not change the graph.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, graph: Graph | None, owner: type) -> Any:
        if graph is None:
            return self
        part = vars(graph)[self.name]
        return copy.copy(part) if sparse.issparse(part) else part

    def __set__(self, graph: Graph, part: Any) -> None:
        vars(graph)[self.name] = part


for _name in ("adjacency", "features"):
    setattr(Graph, _name, _Shielded(_name))


def _checked_features(features: Any) -> Features:
    if sparse.issparse(features):
        matrix = checked_csr(features, np.float32, "features")
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


def _bad_feature(row: int, column: int, value: Any) -> InputError:
    return InputError(
        f"features, row {row}, column {column}: {value} is not a finite float32 number; "
        "fill or remove it"
    )


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
