"""The immutable, validated graph that everything else works on."""

from __future__ import annotations

import copy
import hashlib
import reprlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
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
    counts_by_degree,
    edge_numbers,
    entries,
    index_pairs,
    mapped_csr,
    matrix_entries,
    normalized,
    places_of,
    simple_adjacency,
    with_entries,
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
from vgae.data.kinds import (
    NO_WEIGHTS,
    SIDES,
    WEIGHT_MEANS,
    Kind,
    WeightMeans,
    checked_types,
    graph_kind,
    joined_types,
    misfit,
    types_of_new,
    why_not_joined,
)
from vgae.data.labels import as_labels
from vgae.data.mapped import (
    About,
    ArrayWriter,
    mapped_arrays,
    matrix_of,
    staged_arrays,
    values_of,
)
from vgae.data.pair_space import PairSpace
from vgae.data.reading import Reading
from vgae.ground.errors import InputError, shown, unknown_name
from vgae.ground.files import file_errors
from vgae.ground.notebook import bars, html_table

__all__ = ["Cleaning", "Features", "FloatCSR", "Graph", "checked_weights", "count"]

HASHED_ROWS = 2**20
"""Rows of an array that are widened and hashed at a time."""
Features: TypeAlias = NDArray[np.float32] | FloatCSR


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """A simple graph with node ids and optional features, labels, weights, types and times.

    Make one with `Graph.from_edges`, `Graph.from_pairs`, `Graph.from_scipy`, `vgae.read_graph`,
    `vgae.as_graph` or `vgae.load_dataset`. Its arrays are read-only, and what you do to a SciPy
    matrix that it gives you does not change the graph. `Graph(adjacency, ids)` copies its parts and
    checks them.

    Attributes
    ----------
    adjacency
        SciPy CSR array, shape (n_nodes, n_nodes), float32, sorted, without diagonal. Each entry
        is an edge's weight, 1 in an unweighted graph. Symmetric unless the graph is directed.
    ids
        Node ids in row order, shape (n_nodes,): int64, or strings.
    features
        Node features, shape (n_nodes, n_features), float32, dense or CSR; or None.
    labels
        One label per node, shape (n_nodes,), or None. Never used in training. A node without one
        has None among texts, and NaN or a number below 0 among numbers.
    kind
        "undirected"; "directed", where entry (i, j) is the arc from i to j; "bipartite",
        undirected, with two types of nodes and edges between different types only; or "signed",
        undirected, with weights that may be negative.
    cleaning
        What was dropped or merged when the graph was made.
    feature_encoding
        How the features were made from the columns of a table, as plain values (see
        `vgae.data.attributes`); None where they came as numbers.
    reading
        How the table of edges was understood; None where the graph was not read from one.
    node_types
        The type of each node as its place in `type_names`, shape (n_nodes,), int64; or None. Only
        types that some edge joins can have edges, in any graph with the same nodes.
    type_names
        Names of the types of nodes; empty without types.
    type_pairs
        Types that edges join, shape (n_type_pairs, 2), int64; or None without types. By default
        those of this graph's edges. Graphs made from a part of the edges keep them.
    times
        The time of each edge in the order of `edges`, shape (n_edges,), float64; or None.
    weight_means
        What weights mean: "propagation", how much of a neighbour's message arrives; "count", how
        often an edge was observed; "value", a measured number; or "confidence", how sure an edge
        is.

    Raises
    ------
    InputError
        The adjacency is not sorted, symmetric, free of a diagonal, positive (if signed, nonzero)
        and finite; an id occurs twice, a feature or time is not finite, an edge joins types that
        cannot be joined, or shapes do not agree.

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
    >>> graph.kind, graph.directed, graph.pair_space.n_pairs, graph.node_types
    ('undirected', False, 3, None)
    """

    adjacency: FloatCSR
    ids: IdArray
    features: Features | None = None
    labels: NDArray[Any] | None = None
    kind: Kind = "undirected"
    cleaning: Cleaning = field(default_factory=Cleaning)
    feature_encoding: Mapping[str, Any] | None = None
    reading: Reading | None = None
    node_types: NDArray[np.int64] | None = None
    type_names: tuple[str, ...] = ()
    type_pairs: NDArray[np.int64] | None = None
    times: NDArray[np.float64] | None = None
    weight_means: WeightMeans = "propagation"

    def __post_init__(self) -> None:
        graph_kind(self.kind)
        if not isinstance(self.cleaning, Cleaning):
            raise InputError("cleaning must be a Cleaning")
        if not isinstance(self.reading, Reading | None):
            raise InputError("reading must be a Reading or None")
        checked = {
            "adjacency": checked_adjacency(
                self.adjacency, directed=self.directed, signed=self.kind == "signed"
            ),
            "ids": unique_ids(as_ids(self.ids)),
            "features": None if self.features is None else _checked_features(self.features),
            "labels": None if self.labels is None else as_labels(self.labels),
            "times": None if self.times is None else _checked_times(self.times, self.n_edges),
        }
        types = self.node_types, self.type_names or None, self.type_pairs
        self._take(vars(self) | checked | {"node_types": None, "type_pairs": None})
        typed = self._typed(*types)
        for name in ("node_types", "type_names", "type_pairs"):
            vars(self)[name] = getattr(typed, name)

    @property
    def directed(self) -> bool:
        """Whether an edge has a direction."""
        return self.kind == "directed"

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
        for name in ("ids", "features", "labels", "node_types"):
            rows = getattr(self, name)
            if rows is not None and rows.shape[:1] != (self.n_nodes,):
                found = count(rows.shape[0], "row") if rows.ndim else "a single value"
                raise InputError(
                    f"{name}: {found} for {count(self.n_nodes, 'node')}; "
                    "give one row per node, in the order of the ids"
                )
        if self.labels is not None and self.labels.ndim != 1:
            raise InputError(f"labels: shape {self.labels.shape} is not (n_nodes,)")
        whole = (self.ids, self.labels, self.node_types, self.type_pairs, self.times)
        for array in (*_parts(self.adjacency), *_parts(self.features), *whole):
            if array is not None:
                _frozen(array)

    def _typed(
        self, node_types: ArrayLike | None, names: Sequence[str] | None, type_pairs: Any = None
    ) -> Graph:
        """The same graph with these types of nodes, checked against its kind and edges."""
        if node_types is None:
            if self.kind == "bipartite":
                raise InputError("bipartite: give node_types, the side of each node")
            return self._but(node_types=None, type_names=(), type_pairs=None)
        codes, names = checked_types(node_types, names)
        made = self._but(node_types=codes, type_names=names, type_pairs=None)
        if self.kind == "bipartite":
            if len(names) != 2:
                said = ", ".join(names[:5])
                raise InputError(
                    f"bipartite: {count(len(names), 'type')} of nodes ({said}); give two, or read "
                    "it as undirected"
                )
            type_pairs = np.array([[0, 1]])
        elif type_pairs is None:
            type_pairs = joined_types(made.edges, codes, ordered=self.directed)
        type_pairs = index_pairs(type_pairs, "type_pairs")
        check_inside(type_pairs, len(names), "type_pairs")
        made = made._but(type_pairs=np.array(type_pairs, dtype=np.int64))
        made._check_joins(made.edges, "edges")
        return made

    def _check_joins(self, pairs: NDArray[np.signedinteger[Any]], name: str) -> None:
        """Refuse pairs between types that cannot be joined."""
        if self.node_types is not None:
            rows = np.flatnonzero(pairs[:, 0] != pairs[:, 1])
            self.check_possible(pairs[rows], lambda place: f"{name}, row {rows[place]}")

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
        labels: Any = None,
        kind: Kind | None = None,
        directed: bool = False,
        node_types: ArrayLike | None = None,
        type_names: Sequence[str] | None = None,
        times: ArrayLike | None = None,
        weight_means: WeightMeans = "propagation",
    ) -> Graph:
        """Graph from pairs of node indices 0 .. n_nodes - 1.

        Parameters
        ----------
        edges
            Integer indices, shape (n_rows, 2). Self loops are dropped. Duplicates in the same
            direction are merged and their weights added. An undirected edge given in both
            directions is one edge with one weight: where the two differ, the stronger counts.
        n_nodes
            Number of nodes; by default that of `ids` or `features`, otherwise the largest index
            plus 1.
        weights
            Finite edge weights, shape (n_rows,): positive, or in a signed graph not 0.
        ids
            Node ids, shape (n_nodes,), all strings or all integers; by default the indices.
        features
            Array or SciPy sparse matrix, shape (n_nodes, n_features).
        labels
            Shape (n_nodes,); None or NaN for a node without one.
        kind
            "undirected" (the default), "directed", "bipartite" or "signed"; see `Graph`.
        directed
            Short for kind="directed": (0, 1) and (1, 0) are two edges.
        node_types
            Type of each node, shape (n_nodes,): names, or places in `type_names`. A bipartite graph
            needs exactly two types.
        type_names
            Names of the types; by default the distinct types, sorted.
        times
            Finite times of the rows, shape (n_rows,). An edge of several rows has the earliest.
        weight_means
            "propagation", "count", "value" or "confidence"; see `Graph`.

        Raises
        ------
        InputError
            An index is out of range, a weight, time or feature is not finite, shapes do not agree,
            an id occurs twice, or the types of nodes do not fit the kind.

        Examples
        --------
        >>> Graph.from_edges([[0, 1], [1, 2]], n_nodes=4)
        Graph(4 nodes, 2 edges, no features)
        >>> Graph.from_edges([[0, 1], [0, 2]], kind="bipartite", node_types=["u", "i", "i"])
        Graph(3 nodes (2 i, 1 u), 2 edges, bipartite, no features)
        """
        kind = graph_kind(kind, directed=directed)
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
        nothing = sparse.csr_array((n_nodes, n_nodes), dtype=np.float32)
        nodes = cls._verified(
            adjacency=nothing,
            ids=np.arange(n_nodes) if names is None else unique_ids(names),
            features=checked,
            labels=None if labels is None else as_labels(labels),
            kind=kind,
            cleaning=Cleaning(),
        )
        if kind == "signed" and weights is None and len(pairs):
            raise InputError(NO_WEIGHTS)
        if kind == "bipartite":
            nodes = nodes._typed(node_types, type_names)
        graph = nodes.with_pairs(pairs, weights=weights, times=times)
        graph = graph.with_weight_means(weight_means)
        return graph if kind == "bipartite" else graph._typed(node_types, type_names)

    @classmethod
    def from_pairs(
        cls,
        pairs: Any,
        *,
        weights: ArrayLike | None = None,
        nodes: Sequence[NodeId] | IdArray | None = None,
        kind: Kind | None = None,
        directed: bool = False,
        times: ArrayLike | None = None,
        weight_means: WeightMeans = "propagation",
    ) -> Graph:
        """Graph from pairs of node ids; nodes are sorted, so that row order does not matter.

        Parameters
        ----------
        pairs
            Node ids, shape (n_rows, 2): all strings or all integers; or a tuple of two NumPy or
            PyArrow arrays, one for each end.
        nodes
            Further node ids, which join the graph as nodes without edges.
        kind
            As in `Graph.from_edges`. In a bipartite graph the first id of each pair is of the type
            "source" and the second of the type "target"; no id may be both.
        weights, directed, times, weight_means
            As in `Graph.from_edges`.

        Raises
        ------
        InputError
            Ids are of mixed types, a weight or time is not allowed, or an id of a bipartite graph
            is on both sides or on none.

        Examples
        --------
        >>> Graph.from_pairs([(20, 10), (10, 30)]).ids.tolist()
        [10, 20, 30]
        >>> Graph.from_pairs([("ann", "tea"), ("bob", "tea")], kind="bipartite").type_names
        ('source', 'target')
        """
        kind = graph_kind(kind, directed=directed)
        source, target = id_columns(pairs)
        columns = [source, target]
        if nodes is not None:
            columns.append(as_ids(nodes))
        filled = [column for column in columns if column.size]
        if not filled:
            sides: Any = {"node_types": [], "type_names": SIDES} if kind == "bipartite" else {}
            return cls.from_edges([], n_nodes=0, kind=kind, **sides)
        if len({column.dtype.kind for column in filled}) > 1:
            raise InputError("node ids are strings in one column and integers in another; use one")
        codes, values = encode_columns(filled)
        ids, places = number_ids(values, np.ones(len(values), dtype=bool))
        ends = [places[column] for column in codes[:2]] if source.size else [source, target]
        rows = np.stack(ends, axis=1)
        return cls.from_edges(
            rows,
            weights=weights,
            ids=ids,
            kind=kind,
            times=times,
            weight_means=weight_means,
            **(_sides(rows, ids) if kind == "bipartite" else {}),
        )

    @classmethod
    def from_scipy(
        cls,
        matrix: Any,
        *,
        ids: Sequence[NodeId] | IdArray | None = None,
        features: Any = None,
        labels: Any = None,
        kind: Kind | None = None,
        directed: bool = False,
        type_names: Sequence[str] | None = None,
        weight_means: WeightMeans = "propagation",
    ) -> Graph:
        """Graph from a square SciPy sparse adjacency matrix, or a rectangular one.

        Parameters
        ----------
        matrix
            Shape (n_nodes, n_nodes); with kind="bipartite", shape (n_left, n_right), whose rows
            are the nodes of one type and whose columns those of the other. Stored zeros are no
            edges; values other than 1 are weights; values stored at the same place are added. A
            symmetric matrix holds each undirected edge twice, as usual; of an asymmetric one, read
            as undirected, the stronger weight of the two directions counts.
        ids, features, labels, kind, directed, weight_means
            As in `Graph.from_edges`. A bipartite graph has the nodes of the rows first; their ids
            are by default the type's name and the place, as in "source:0" and "target:0".
        type_names
            Names of the two types of a bipartite graph, of the rows and of the columns.

        Raises
        ------
        InputError
            The matrix is not square and the graph not bipartite, or as in `Graph.from_edges`.

        Examples
        --------
        >>> from scipy import sparse
        >>> Graph.from_scipy(sparse.csr_array([[0, 1], [1, 0]]))
        Graph(2 nodes, 1 edge, no features)
        >>> ratings = sparse.csr_array([[1, 0, 1], [0, 1, 1]])
        >>> Graph.from_scipy(ratings, kind="bipartite", type_names=("user", "item")).ids.tolist()
        ['user:0', 'user:1', 'item:0', 'item:1', 'item:2']
        """
        kind = graph_kind(kind, directed=directed)
        if matrix.ndim != 2 or (kind != "bipartite" and matrix.shape[0] != matrix.shape[1]):
            raise InputError(
                f"adjacency: shape {matrix.shape} is not square; kind='bipartite' (--bipartite) "
                "takes a matrix whose rows and columns are two types of nodes"
            )
        pairs, values, n_repeated = matrix_entries(matrix, signed=kind == "signed")
        sides: Any = {}
        if kind == "bipartite":
            names = tuple(type_names or SIDES)
            sides = {"node_types": np.repeat([0, 1], matrix.shape), "type_names": names}
            pairs = pairs + np.array([0, matrix.shape[0]])
            if ids is None and len(names) == 2:
                ids = [
                    f"{name}:{place}"
                    for name, number in zip(names, matrix.shape, strict=True)
                    for place in range(number)
                ]
        graph = cls.from_edges(
            pairs,
            n_nodes=sum(matrix.shape) if kind == "bipartite" else matrix.shape[0],
            weights=None if bool((values == 1).all()) else values,
            ids=ids,
            features=features,
            labels=labels,
            kind=kind,
            weight_means=weight_means,
            **sides,
        )
        cleaning = replace(graph.cleaning, duplicates=n_repeated)
        if kind != "bipartite":
            cleaning = cleaning.of_matrix(graph.n_edges)
        return graph.with_cleaning(cleaning)

    @classmethod
    def open(cls, folder: str | Path) -> Graph:
        """The graph of a folder that `Graph.save` or `vgae import` wrote.

        Its arrays are mapped: pages of the files are read when they are used, and leave the memory
        when others need it. Ids that are texts are read whole.

        Parameters
        ----------
        folder
            The folder.

        Raises
        ------
        InputError
            It holds no graph, or is damaged; the error names the file.

        Examples
        --------
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp(), "graph")
        >>> Graph.from_pairs([("a", "b"), ("b", "c")]).save(folder)
        >>> Graph.open(folder)
        Graph(3 nodes, 2 edges, no features)
        """
        path = Path(folder)
        about, arrays = mapped_arrays(path)
        with file_errors(path):
            try:
                return cls._of_arrays(about, arrays)
            except InputError as error:
                raise InputError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None

    @classmethod
    def _of_arrays(cls, about: About, arrays: Mapping[str, NDArray[Any]]) -> Graph:
        n_nodes, kind = about.n_nodes, about.kind
        for name in ("indptr", "indices"):
            if name not in arrays:
                raise InputError(f"{name}.npy is missing; import the graph again")
        ids = values_of(arrays, "ids")
        features = matrix_of(arrays, "feature", about.n_features)
        made = cls._verified(
            adjacency=mapped_csr(
                arrays, n_nodes, directed=kind == "directed", signed=kind == "signed"
            ),
            ids=np.arange(n_nodes) if ids is None else unique_ids(ids),
            features=features,
            labels=values_of(arrays, "labels"),
            kind=kind,
            cleaning=Cleaning(**about.cleaning),
            feature_encoding=about.feature_encoding,
            times=arrays.get("times"),
        )
        types, pairs = arrays.get("node_types"), arrays.get("type_pairs")
        return made._typed(types, about.type_names or None, pairs).with_weight_means(
            about.weight_means
        )

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write all arrays of the graph to a folder, with checksums; `Graph.open` maps them.

        Parameters
        ----------
        folder
            The folder to make.
        overwrite
            Whether a folder with another graph may be replaced.

        Raises
        ------
        InputError
            The folder exists and may not be replaced, or cannot be written.

        Examples
        --------
        See `Graph.open`.

        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp(), "graph")
        >>> Graph.from_edges([(0, 1)]).save(folder)
        >>> sorted(part.name for part in folder.iterdir())
        ['indices.npy', 'indptr.npy', 'manifest.json']
        """
        with staged_arrays(Path(folder), overwrite=overwrite) as writer:
            adjacency = self.adjacency
            writer.put("indptr", adjacency.indptr)
            writer.put("indices", adjacency.indices)
            if self.weights is not None:
                writer.put("weights", adjacency.data)
            self._write_nodes(writer)
            writer.finish(self._about())

    def _write_nodes(self, writer: ArrayWriter) -> None:
        """Write what is known of the nodes, and the times of edges."""
        if not self.ids_are_rows:
            writer.put_values("ids", self.ids)
        if self.labels is not None:
            writer.put_values("labels", self.labels)
        if self.features is not None:
            writer.put_matrix("feature", self.features)
        for name in ("times", "node_types", "type_pairs"):
            if (values := getattr(self, name)) is not None:
                writer.put(name, values)

    def _about(self) -> About:
        encoding = self.feature_encoding
        return About(
            kind=self.kind,
            n_nodes=self.n_nodes,
            n_features=self.n_features,
            type_names=list(self.type_names),
            weight_means=self.weight_means,
            cleaning=asdict(self.cleaning),
            feature_encoding=None if encoding is None else dict(encoding),
        )

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
    def pair_space(self) -> PairSpace:
        """Which pairs of nodes can be edges."""
        return PairSpace(self.n_nodes, self.directed, self.node_types, self.type_pairs)

    @cached_property
    def edges(self) -> NDArray[np.int64]:
        """Node indices of the edges, shape (n_edges, 2), sorted; source < target if undirected."""
        pairs = np.empty((self.n_edges, 2), dtype=np.int64)
        end = 0
        for rows, columns, _ in entries(self.adjacency):
            kept = slice(None) if self.directed else rows < columns
            start, end = end, end + len(rows[kept])
            pairs[start:end, 0], pairs[start:end, 1] = rows[kept], columns[kept]
        return _frozen(pairs)

    @cached_property
    def weights(self) -> NDArray[np.float32] | None:
        """Edge weights in the order of `edges`, or None when all are 1."""
        values: NDArray[np.float32] = self.adjacency.data
        if bool((values == 1).all()):
            return None
        if self.directed:
            return values
        kept = [data[rows < columns] for rows, columns, data in entries(self.adjacency)]
        return _frozen(np.concatenate(kept))

    @cached_property
    def degrees(self) -> NDArray[np.int64]:
        """Number of neighbours per node, in a directed graph of arcs from it, shape (n_nodes,)."""
        starts: NDArray[np.int64] = self.adjacency.indptr.astype(np.int64)
        return _frozen(starts[1:] - starts[:-1])

    @property
    def ids_are_rows(self) -> bool:
        """Whether the ids are 0, 1, 2, ..., so that they need not be stored."""
        return self.ids.dtype.kind == "i" and np.array_equal(self.ids, np.arange(self.n_nodes))

    @property
    def n_rows(self) -> int:
        """Number of rows that the graph was made of: edges, and what was dropped or merged.

        Examples
        --------
        >>> Graph.from_edges([(0, 1), (1, 0), (1, 1)]).n_rows
        3
        """
        return self.n_edges + sum(self.cleaning.rows.values())

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
            wide = np.dtype(np.int64) if part.dtype.kind == "i" else part.dtype
            digest.update(f"{wide.str} {part.shape}".encode())
            for start in range(0, len(part), HASHED_ROWS):
                block = part[start : start + HASHED_ROWS].astype(wide, copy=False)
                digest.update(np.ascontiguousarray(block).data)
        # What graphs could be before there were other kinds keeps its fingerprint.
        new_kind = self.kind not in ("undirected", "directed")
        if new_kind or self.type_names or self.weight_means != "propagation":
            digest.update(repr((self.kind, self.type_names, self.weight_means)).encode())
            for codes in (self.node_types, self.type_pairs):
                digest.update(b"" if codes is None else np.ascontiguousarray(codes).data)
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
            The graph is directed or signed.

        Examples
        --------
        >>> Graph.from_pairs([("a", "b")]).normalized_adjacency().toarray().tolist()
        [[0.5, 0.5], [0.5, 0.5]]
        """
        self.require("this model", ("undirected", "bipartite"))
        return normalized(self.adjacency)

    def require(self, who: str, takes: Collection[str] = ("undirected", "bipartite")) -> None:
        """Refuse this graph if it is of another kind than these.

        Parameters
        ----------
        who
            The method that takes these kinds, as the error names it.
        takes
            Kinds of graphs.

        Raises
        ------
        InputError
            The graph is of another kind.

        Examples
        --------
        >>> Graph.from_edges([(0, 1)]).require("katz")
        >>> Graph.from_edges([(0, 1)], directed=True).require("katz", ["undirected"])
        Traceback (most recent call last):
        vgae.InputError: katz: takes undirected graphs, and this one is directed; read it with
        --undirected (directed=False)
        """
        if self.kind not in takes:
            raise misfit(who, self.kind, list(takes))

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
        space = self.pair_space
        return places_of(space.codes(checked), space.codes(self.edges))

    def check_possible(
        self, pairs: NDArray[np.int64], where: Callable[[int], str] | None = None
    ) -> None:
        """Refuse pairs that no edge of this graph can join.

        Parameters
        ----------
        pairs
            Node indices, shape (n_pairs, 2).
        where
            What names the place of a row in errors; by default they name the two nodes alone.

        Raises
        ------
        InputError
            A pair is a node with itself, or two nodes of types that never join.

        Examples
        --------
        >>> graph = Graph.from_pairs([("ann", "tea"), ("bob", "tea")], kind="bipartite")
        >>> graph.check_possible(np.array([[0, 2]]))
        >>> graph.check_possible(np.array([[0, 2], [0, 1]]), "pairs, row {}".format)
        Traceback (most recent call last):
        vgae.InputError: pairs, row 1: 'ann' and 'bob' are of the types 'source' and 'source',
        which no edge of this graph joins
        """
        bad = np.flatnonzero(~self.pair_space.allows(pairs))
        if bad.size:
            row = int(bad[0])
            why = why_not_joined(pairs[row], self.node_types, self.type_names, self.ids)
            raise InputError(why if where is None else f"{where(row)}: {why}")

    def from_first_type(self, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Pairs of a bipartite graph with the node of the first type first, shape (n_pairs, 2).

        Pairs of other graphs stay as they are.

        Examples
        --------
        >>> graph = Graph.from_pairs([("bob", "art")], kind="bipartite")
        >>> graph.edges.tolist(), graph.from_first_type(graph.edges).tolist()
        ([[0, 1]], [[1, 0]])
        """
        if self.kind != "bipartite" or self.node_types is None:
            return pairs
        order = np.argsort(self.node_types[pairs], axis=1, kind="stable")
        return np.take_along_axis(pairs, order, axis=1)

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
        return self.where(kept)

    def where(
        self, kept: NDArray[np.bool_], *, numbers: NDArray[np.signedinteger[Any]] | None = None
    ) -> Graph:
        """The same nodes, ids and features with only the edges where a mask is true.

        Parameters
        ----------
        kept
            Shape (n_edges,), in the order of `edges`.
        numbers
            `vgae.data.adjacency.edge_numbers` of this graph, for those who take many masks.

        Examples
        --------
        >>> Graph.from_edges([(0, 1), (1, 2)]).where(np.array([False, True])).edges.tolist()
        [[1, 2]]
        """
        if numbers is None:
            numbers = edge_numbers(self.adjacency, directed=self.directed)
        return self._but(
            adjacency=with_entries(self.adjacency, kept[numbers]),
            times=None if self.times is None else self.times[kept],
            cleaning=Cleaning(),
            reading=None,
        )

    def with_pairs(
        self, pairs: ArrayLike, *, weights: ArrayLike | None = None, times: ArrayLike | None = None
    ) -> Graph:
        """The same nodes, of the same kind and types, with these edges instead.

        Parameters
        ----------
        pairs, weights, times
            The `edges` of `Graph.from_edges`, and the rest as there.

        Raises
        ------
        InputError
            As in `Graph.from_edges`; or a pair joins types of nodes that no edge of this graph
            can join.

        Examples
        --------
        >>> Graph.from_edges([(0, 1), (1, 2)]).with_pairs([(0, 2)]).edges.tolist()
        [[0, 2]]
        """
        rows, signed = index_pairs(pairs, "edges"), self.kind == "signed"
        check_inside(rows, self.n_nodes, "edges")
        if weights is not None:
            weights = checked_weights(weights, len(rows), signed=signed)
        self._check_joins(rows, "edges")
        adjacency, cleaning = simple_adjacency(
            rows, weights, self.n_nodes, directed=self.directed, signed=signed, ids=self.ids
        )
        made = self._but(adjacency=adjacency, times=None, cleaning=cleaning, reading=None)
        if times is None:
            return made
        earliest, places = np.full(made.n_edges, np.inf), made.places(rows)
        np.minimum.at(earliest, places[places >= 0], _checked_times(times, len(rows))[places >= 0])
        return made._but(times=earliest)

    def with_nodes(self, ids: IdArray, edges: ArrayLike = ()) -> Graph:
        """A graph of more nodes and edges, of the same kind, that holds nothing but them.

        Parameters
        ----------
        ids
            Ids of the nodes of this graph in the same order, followed by those of new ones.
        edges
            Further edges by node index, shape (n_further, 2).

        Raises
        ------
        InputError
            Nodes have types and that of a new one is not told, see
            `vgae.data.kinds.types_of_new`; or as in `with_pairs`.

        Examples
        --------
        >>> graph = Graph.from_pairs([("ann", "tea")], kind="bipartite")
        >>> graph.with_nodes(np.array(["ann", "tea", "bob"]), [(2, 1)]).node_types.tolist()
        [0, 1, 0]
        """
        further = index_pairs(edges, "edges")
        check_inside(further, len(ids), "edges")
        made = self._verified(
            adjacency=sparse.csr_array((len(ids), len(ids)), dtype=np.float32),
            ids=unique_ids(as_ids(ids)),
            features=None,
            kind=self.kind,
            type_names=self.type_names,
            type_pairs=self.type_pairs,
            weight_means=self.weight_means,
            cleaning=Cleaning(),
        )
        if self.node_types is not None:
            both = np.concatenate([further, further[:, ::-1]])
            linked = [
                self.node_types[both[(both[:, 0] == node) & (both[:, 1] < self.n_nodes), 1]]
                for node in range(self.n_nodes, len(ids))
            ]
            table = self.pair_space.type_table
            new = types_of_new(
                ids[self.n_nodes :].tolist(), linked, table | table.T, self.type_names
            )
            made = made._but(node_types=np.concatenate([self.node_types, new]))
        return made.with_pairs(np.concatenate([self.edges, further]))

    def undirected(self) -> Graph:
        """The same graph without the directions of its edges; two opposite arcs become one edge.

        Examples
        --------
        >>> Graph.from_edges([(0, 1), (1, 0)], directed=True).undirected().n_edges
        1
        """
        if not self.directed:
            return self
        types = None if self.type_pairs is None else np.unique(np.sort(self.type_pairs), axis=0)
        nodes = self._but(kind="undirected", type_pairs=types)
        return nodes.with_pairs(self.edges, weights=self.weights, times=self.times)

    def with_features(self, features: Any, *, encoding: Mapping[str, Any] | None = None) -> Graph:
        """The same graph with other features, or with None.

        Parameters
        ----------
        features
            Array or SciPy sparse matrix, shape (n_nodes, n_features). Or where types of nodes have
            different features, matrices by the name of the type, shape (n_nodes_of_type,
            n_features) each, rows in the order of the nodes. They become one sparse matrix: the
            columns of one type after those of another, zeros elsewhere, and at the end a column per
            type that is 1 for its nodes. A type may be omitted.
        encoding
            How they were made from the columns of a table; see `feature_encoding`.

        Raises
        ------
        InputError
            A feature is not finite, there is not one row per node, or a type is unknown.

        Examples
        --------
        >>> Graph.from_pairs([("a", "b")]).with_features([[1.0], [2.0]])
        Graph(2 nodes, 1 edge, 1 feature)
        >>> graph = Graph.from_pairs([("ann", "tea"), ("bob", "tea")], kind="bipartite")
        >>> graph.with_features({"source": [[0.5], [0.2]], "target": [[7.0]]}).features.toarray()
        array([[0.5, 0. , 1. , 0. ],
               [0.2, 0. , 1. , 0. ],
               [0. , 7. , 0. , 1. ]], dtype=float32)
        """
        if isinstance(features, Mapping):
            features = self._features_of_types(features)
        checked = None if features is None else _checked_features(features)
        return self._but(features=checked, feature_encoding=encoding)

    def _features_of_types(self, features: Mapping[str, Any]) -> Any:
        """One sparse matrix from those of the types of nodes; see `with_features`."""
        for name in features:
            if name not in self.type_names:
                raise unknown_name("type of nodes", name, self.type_names)
        nodes, parts = [], []
        for code, name in enumerate(self.type_names):
            own = np.flatnonzero(self.node_types == code)
            if name not in features:
                values: Any = sparse.csr_array((len(own), 0), dtype=np.float32)
            else:
                values = _checked_features(features[name])
            if values.shape[0] != len(own):
                raise InputError(
                    f"features of {name}: {count(values.shape[0], 'row')} for "
                    f"{count(len(own), 'node')} of this type; give one row per node, in the order "
                    "of the ids"
                )
            nodes.append(own)
            parts.append(values)
        blocks = sparse.block_diag(parts, format="csr")
        ones = sparse.block_diag([np.ones((len(own), 1)) for own in nodes], format="csr")
        joined = sparse.hstack([blocks, ones], format="csr")
        return joined[np.argsort(np.concatenate(nodes), kind="stable")]

    @property
    def type_pair_names(self) -> tuple[str, ...]:
        """Names of the types that can be joined, in the order of `type_pairs`: "user-item".

        Empty without types. Of a directed graph, the type of the source comes first.

        Examples
        --------
        >>> Graph.from_pairs([("ann", "tea")], kind="bipartite").type_pair_names
        ('source-target',)
        """
        pairs = [] if self.type_pairs is None else self.type_pairs.tolist()
        return tuple(f"{self.type_names[a]}-{self.type_names[b]}" for a, b in pairs)

    def between(self, types: str) -> Graph:
        """The same nodes with the edges between two types only; no other pairs can be edges.

        Parameters
        ----------
        types
            One of `type_pair_names`.

        Raises
        ------
        InputError
            No edge of this graph joins such types.

        Examples
        --------
        >>> graph = Graph.from_edges([(0, 1), (1, 2)], node_types=["user", "item", "shop"])
        >>> graph.type_pair_names, graph.between("item-shop").edges.tolist()
        (('item-shop', 'item-user'), [[1, 2]])
        """
        names = self.type_pair_names
        if types not in names or self.node_types is None or self.type_pairs is None:
            if not names:
                raise InputError(f"types {types}: the nodes of this graph have no types (--types)")
            raise unknown_name("pair of types", types, names)
        chosen = self.type_pairs[[names.index(types)]]
        ends = self.node_types[self.edges]
        kept = (ends == chosen).all(axis=1)
        if not self.directed:
            kept |= (ends == chosen[:, ::-1]).all(axis=1)
        return self.with_edges(self.edges[kept])._but(type_pairs=chosen)

    def with_types(
        self,
        node_types: ArrayLike | None,
        type_names: Sequence[str] | None = None,
        *,
        bipartite: bool = False,
    ) -> Graph:
        """The same graph with other types of nodes, or with None.

        Parameters
        ----------
        node_types, type_names
            As in `Graph.from_edges`.
        bipartite
            Whether an undirected graph becomes a bipartite one.

        Raises
        ------
        InputError
            There is not one type per node, or the types do not fit the kind.

        Examples
        --------
        >>> graph = Graph.from_pairs([("ann", "tea"), ("bob", "tea")])
        >>> graph.with_types(["person", "person", "drink"]).type_pairs.tolist()
        [[0, 1]]
        >>> graph.with_types(["person", "person", "drink"], bipartite=True).kind
        'bipartite'
        """
        made = self
        if bipartite:
            self.require("bipartite")
            made = self._but(kind="bipartite")
        elif node_types is None and self.kind == "bipartite":
            made = self._but(kind="undirected")
        return made._typed(node_types, type_names)

    def with_weight_means(self, meaning: WeightMeans) -> Graph:
        """The same graph whose weights mean something else.

        Raises
        ------
        InputError
            The meaning is unknown; or weights are counts and not all of them are whole numbers.

        Examples
        --------
        >>> Graph.from_edges([(0, 1)], weights=[3]).with_weight_means("count").weight_means
        'count'
        """
        if meaning not in WEIGHT_MEANS:
            raise unknown_name("meaning of weights", meaning, WEIGHT_MEANS)
        if meaning == "count" and (bad := np.flatnonzero(self.adjacency.data % 1)).size:
            row = int(np.searchsorted(self.adjacency.indptr, bad[0], side="right")) - 1
            ends = [shown(self.ids[node]) for node in (row, self.adjacency.indices[bad[0]])]
            raise InputError(
                f"weights: the edge ({', '.join(ends)}): {self.adjacency.data[bad[0]]:g} is no "
                "count, which is a whole number; round the weights, or give weight_means "
                "(--weight-means) 'value' or 'confidence', which take any number"
            )
        return self._but(weight_means=meaning)

    def with_labels(self, labels: Any) -> Graph:
        """The same graph with other labels, or with None.

        Examples
        --------
        >>> Graph.from_pairs([("a", "b")]).with_labels(["x", "y"]).labels.tolist()
        ['x', 'y']
        """
        return self._but(labels=None if labels is None else as_labels(labels))

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
        """Whether another graph has the same nodes: ids, features and types, in the same order.

        Graphs of different kinds, or with other pairs of types that can be joined, differ too.

        Examples
        --------
        >>> graph = Graph.from_pairs([("a", "b"), ("b", "c")])
        >>> graph.same_nodes(graph.with_edges([(0, 1)]))
        True
        """
        ours, theirs = (
            [graph.ids, *_parts(graph.features), graph.node_types, graph.type_pairs]
            for graph in (self, other)
        )
        if (self.kind, self.type_names) != (other.kind, other.type_names):
            return False
        return len(ours) == len(theirs) and all(
            a is b or (a is not None and b is not None and np.array_equal(a, b))
            for a, b in zip(ours, theirs, strict=True)
        )

    def __str__(self) -> str:
        types = f" ({self._types_in_words})" if self.type_names else ""
        parts = [count(self.n_nodes, "node") + types, count(self.n_edges, "edge")]
        parts += [self.kind] if self.kind != "undirected" else []
        parts += ["weighted"] if self.weights is not None else []
        parts += [count(self.n_features, "feature") if self.n_features else "no features"]
        return ", ".join(parts)

    @property
    def _types_in_words(self) -> str:
        """How many nodes there are of each type, the most frequent first."""
        if self.node_types is None:
            return "none"
        sizes = np.bincount(self.node_types, minlength=len(self.type_names))
        named = [
            f"{sizes[place]:,} {self.type_names[place]}"
            for place in np.argsort(-sizes, kind="stable").tolist()
        ]
        more = f", {len(named) - 5} more types" if len(named) > 6 else ""
        return ", ".join(named[:5] if more else named) + more

    def __repr__(self) -> str:
        return f"Graph({self}{f'; {self.cleaning}' if self.cleaning else ''})"

    def _repr_html_(self) -> str:
        rows = {
            "nodes": f"{self.n_nodes:,}",
            "edges": f"{self.n_edges:,}, {self.kind}",
            "types": self._types_in_words if self.type_names else None,
            "weights": "none" if self.weights is None else self.weight_means,
            "times": None if self.times is None else "yes",
            "features": f"{self.n_features:,}" if self.n_features else "none",
            "labels": None if self.labels is None else "yes",
            "ids": reprlib.repr(self.ids[:9].tolist()),
            "cleaning": self.cleaning or None,
            "read from": self.reading,
        }
        picture = bars("nodes by degree", counts_by_degree(self.degrees))
        return html_table("Graph", rows, pictures=[picture])


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


def _checked_times(times: ArrayLike, n_rows: int) -> NDArray[np.float64]:
    try:
        values = np.array(times, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("times: every time must be a number") from None
    if values.shape != (n_rows,):
        raise InputError(f"times: shape {values.shape} for {count(n_rows, 'row')}")
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise InputError(f"times, row {bad[0]}: {values[bad[0]]} is no finite number; fill it")
    return values


def _sides(rows: NDArray[np.signedinteger[Any]], ids: IdArray) -> dict[str, Any]:
    """Types of the nodes in the first and in the second column of pairs."""
    side = np.full(len(ids), -1)
    side[rows[:, 0]] = 0
    both = rows[side[rows[:, 1]] == 0, 1]
    if both.size:
        raise InputError(
            f"bipartite: node {ids[both[0]]!r} is both first and second in a pair; "
            "give the two types of nodes different ids"
        )
    side[rows[:, 1]] = 1
    if (side < 0).any():
        raise InputError(
            f"bipartite: node {ids[np.argmin(side)]!r} is in no pair, which would tell its type; "
            "use Graph.from_edges with node_types"
        )
    return {"node_types": side, "type_names": SIDES}


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
