"""Rows of attributes by node id -> the features of a graph's nodes, in the order of the nodes.

Files and data frames go this one way, so that both are checked and encoded alike.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgae.data.attributes.encoding import AttributeEncoding, encode, fit_encoding
from vgae.data.ends import is_row_number
from vgae.data.graph import Features, Graph, count
from vgae.data.ids import IdArray
from vgae.data.tables import Table
from vgae.ground.errors import InputError, shown

__all__ = ["NodeRows", "attribute_columns", "encode_later", "with_attributes", "with_matrix"]

logger = logging.getLogger(__name__)

ISOLATED = "--isolated (isolated=True)"
"""How nodes without edges may join a graph that is read from a file."""


@dataclass(frozen=True)
class NodeRows:
    """The nodes that the rows of a table or a matrix belong to.

    Attributes
    ----------
    ids
        Node ids, shape (n_rows,).
    where
        What errors call the table.
    edges
        What errors call the edges.
    place
        Where a row is, in words.
    isolated
        Whether nodes without edges join the graph.
    hint
        What errors add where the first row is no node.
    remedy
        How the caller lets nodes without edges join; "" where they cannot.
    advice
        What errors add where most rows are no nodes: where the ids come from.

    Examples
    --------
    >>> graph = Graph.from_pairs([("ann", "bob")])
    >>> ids = np.array(["bob", "cid", "ann"], dtype=object)
    >>> rows = NodeRows(ids, "people", "the edges", lambda row: f"people, row {row}", True)
    >>> wider, order = rows.matched(graph)
    >>> wider.ids.tolist(), order.tolist()
    (['ann', 'bob', 'cid'], [2, 0, 1])
    """

    ids: IdArray
    where: str
    edges: str
    place: Callable[[int], str]
    isolated: bool = False
    hint: str = ""
    remedy: str = ISOLATED
    advice: Callable[[], str] = str

    def matched(self, graph: Graph) -> tuple[Graph, NDArray[np.int64]]:
        """The graph, with further nodes if they may join, and the row of each of its nodes.

        Raises
        ------
        InputError
            A row belongs to no node, two rows to one, or none to a node of the graph.
        """
        if self.isolated:
            graph = self._joined(graph)
        places = graph.index(self.ids)
        unknown = np.flatnonzero(places < 0)
        if unknown.size:
            row = int(unknown[0])
            keep = f", or keep them as nodes without edges with {self.remedy}"
            raise InputError(
                f"{self.place(row)}: node {shown(self.ids[row])} is not in {self.edges} "
                f"({count(unknown.size, 'such row')}); remove them{keep if self.remedy else ''}"
                f"{'' if row else self.hint}"
                f"{self.advice() if 2 * unknown.size > len(places) else ''}"
            )
        order = np.full(graph.n_nodes, -1)
        order[places] = np.arange(len(places))
        repeated = np.flatnonzero(order[places] != np.arange(len(places)))
        if repeated.size:
            second = int(order[places[repeated[0]]])
            raise InputError(
                f"{self.place(second)}: a second row for node {shown(self.ids[second])}; keep one"
            )
        missing = np.flatnonzero(order < 0)
        if missing.size:
            raise InputError(
                f"{self.where}: no features for node {shown(graph.ids[missing[0]])} of "
                f"{self.edges} ({count(missing.size, 'such node')}); add a row for each"
                f"{self.advice() if 2 * missing.size > graph.n_nodes else ''}"
            )
        return graph, order

    def _joined(self, graph: Graph) -> Graph:
        """The graph with these nodes too: sorted if it is, otherwise after its own."""
        ids = self._like(graph.ids)
        new = np.unique(ids[graph.index(ids) < 0])
        if not new.size:
            return graph
        if graph.labels is not None:
            raise InputError(
                f"{self.where}: node {shown(new[0])} would have no label; omit --isolated "
                "(isolated=True)"
            )
        wider = graph.with_nodes(np.concatenate([graph.ids, new]))
        order = np.arange(wider.n_nodes)
        if (graph.ids[:-1] < graph.ids[1:]).all():
            order = np.argsort(wider.ids)
        types: Any = {}
        if wider.node_types is not None:
            types = {"node_types": wider.node_types[order], "type_names": wider.type_names}
        wider = Graph.from_edges(
            np.argsort(order)[graph.edges],
            ids=wider.ids[order],
            weights=graph.weights,
            kind=graph.kind,
            times=graph.times,
            weight_means=graph.weight_means,
            **types,
        )
        return wider.with_cleaning(graph.cleaning).with_reading(graph.reading)

    def _like(self, known: IdArray) -> IdArray:
        """The ids in the type of a graph's."""
        if known.dtype.kind == self.ids.dtype.kind or not self.ids.size:
            return self.ids
        if known.dtype.kind == "O":
            return np.array([str(name) for name in self.ids.tolist()], dtype=object)
        raise InputError(
            f"{self.where}: node id {shown(self.ids[0])} is text, but the graph's ids are integers"
        )


def with_attributes(
    graph: Graph,
    rows: NodeRows,
    table: Table,
    columns: Sequence[int],
    *,
    attributes: Mapping[str, str] | None,
    standardize: bool,
    missing: str,
) -> Graph:
    r"""A graph with features made of the columns of a table, and the record of how.

    Parameters
    ----------
    graph
        The graph.
    rows
        The nodes of the table's rows.
    table, columns
        The table, and the positions of its attribute columns.
    attributes, standardize, missing
        See `fit_encoding`, where `attributes` are the kinds.

    Raises
    ------
    InputError
        As in `NodeRows.matched`, which comes first, and in `fit_encoding`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from vgae.data.tables import open_table
    >>> path = Path(tempfile.mkdtemp()) / "people.csv"
    >>> _ = path.write_text("id,age\nbob,44\nann,31\n")
    >>> table, ids = open_table(path, header=True), np.array(["bob", "ann"], dtype=object)
    >>> rows = NodeRows(ids, "people.csv", "the edges", table.place)
    >>> options = {"attributes": None, "standardize": False, "missing": "error"}
    >>> graph = with_attributes(Graph.from_pairs([("ann", "bob")]), rows, table, [1], **options)
    >>> graph.features.tolist()
    [[31.0], [44.0]]
    """
    graph, order = rows.matched(graph)
    encoding = fit_encoding(
        table, columns, kinds=attributes, standardize=standardize, missing=missing
    )
    features: Any = encode(encoding, table, columns)
    return graph.with_features(features[order], encoding=encoding.model_dump(mode="json"))


def with_matrix(
    graph: Graph,
    matrix: Any,
    *,
    where: str,
    edges: str,
    isolated: bool,
    remedy: str = ISOLATED,
) -> Graph:
    """A graph with the rows of a matrix as features, row i being that of the integer id i.

    Parameters
    ----------
    graph
        The graph.
    matrix
        Array or SciPy CSR array, shape (n_rows, n_features).
    where, edges, isolated, remedy
        As in `NodeRows`.

    Raises
    ------
    InputError
        The ids are no integers, as in `NodeRows.matched`, or a feature is not finite.

    Examples
    --------
    >>> graph = Graph.from_pairs([(0, 1)])
    >>> options = {"where": "x.npy", "edges": "e.csv", "isolated": True}
    >>> with_matrix(graph, np.eye(3), **options)
    Graph(3 nodes, 1 edge, 3 features)
    """
    if graph.ids.dtype.kind != "i":
        raise InputError(
            f"{where}: rows without ids fit integer node ids only; give the features as a table "
            "with a column of node ids"
        )
    ids = np.arange(matrix.shape[0])
    rows = NodeRows(ids, where, edges, lambda row: f"{where}, row {row}", isolated, remedy=remedy)
    graph, order = rows.matched(graph)
    try:
        return graph.with_features(matrix[order])
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def encode_later(
    encoding: Mapping[str, Any] | None, table: Table, columns: Sequence[int]
) -> Features:
    r"""Features of a later table, made as those of a fitted graph were.

    Parameters
    ----------
    encoding
        The graph's `feature_encoding`; None where its features came as numbers, as these must then.
    table, columns
        The table, and the positions of its attribute columns.

    Raises
    ------
    InputError
        As in `encode`; or without an encoding, a cell is no number.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from vgae.data.tables import open_table
    >>> path = Path(tempfile.mkdtemp()) / "later.csv"
    >>> _ = path.write_text("id,age\ndan,35\n")
    >>> encode_later(None, open_table(path, header=True), [1]).tolist()
    [[35.0]]
    """
    if encoding is not None:
        made = AttributeEncoding.parse(dict(encoding), where="attributes.json")
        return encode(made, table, columns)
    names = table.names or [str(place + 1) for place in range(table.n_columns)]
    made = fit_encoding(table, columns, kinds={names[place]: "number" for place in columns})
    return encode(made, table, columns)


def attribute_columns(table: Table, key: int | None) -> list[int]:
    r"""Positions of all columns but that of the node ids and a data frame's index.

    Raises
    ------
    InputError
        No column is left.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from vgae.data.tables import open_table
    >>> path = Path(tempfile.mkdtemp()) / "people.csv"
    >>> _ = path.write_text("id,age,team\nann,31,red\n")
    >>> attribute_columns(open_table(path, header=True), 0)
    [1, 2]
    """
    columns = []
    for column in range(table.n_columns):
        if column == key:
            continue
        if table.names is not None and is_row_number(table.names[column]):
            logger.warning(
                "%s: %s is taken for row numbers of a data frame: not used",
                table.path,
                table.describe(column),
            )
            continue
        columns.append(column)
    if not columns:
        raise InputError(
            f"{table.path}: only one column; one holds node ids, the others attributes"
        )
    return columns
