"""Node features in memory -> those of a graph: data frames of attributes, arrays and matrices."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from vgae.attributes import (
    AttributeEncoding,
    NodeRows,
    attribute_columns,
    check_choices,
    encode_later,
    with_attributes,
    with_matrix,
)
from vgae.errors import InputError, shown
from vgae.graph import Graph
from vgae.ids import IdArray, NodeId
from vgae.interop.frames import FRAMES, Frame, frame_ids, kind_of
from vgae.interop.tensors import matrix
from vgae.tables import NODE_NAMES, Table

__all__ = ["later_features", "with_features_of", "with_later_features"]

logger = logging.getLogger(__name__)

WHERE = "features"
"""What errors call the table of attributes."""
INDEX = -1
"""The place of the index among the columns that may hold node ids."""


def with_features_of(
    graph: Graph,
    features: Any,
    *,
    in_order: bool,
    attributes: Mapping[str, str] | None,
    standardize: bool,
    missing: str,
    isolated: bool,
) -> Graph:
    """A graph with features from a data frame, an array or a sparse matrix; see `as_graph`.

    Parameters
    ----------
    graph
        The graph.
    features, attributes, standardize, missing, isolated
        See `as_graph`.
    in_order
        Whether the nodes have an order that the caller knows, to which rows without ids belong.

    Raises
    ------
    InputError
        They cannot be used as features, or its rows are not those of the graph's nodes, each once.

    Examples
    --------
    >>> import pyarrow as pa
    >>> people = pa.table({"id": ["bob", "ann"], "age": [44, 31]})
    >>> options = {"attributes": None, "standardize": False, "missing": "error", "isolated": False}
    >>> graph = Graph.from_pairs([("ann", "bob")])
    >>> with_features_of(graph, people, in_order=False, **options).features.tolist()
    [[31.0], [44.0]]
    """
    check_choices(attributes or {}, missing, where=WHERE)
    kind = kind_of(features, FRAMES)
    if kind is not None:
        frame = FRAMES[kind](features, WHERE)
        ids, table, columns = _rows_of(frame, graph)
        rows = NodeRows(ids, WHERE, "the edges", frame.table.place, isolated)
        return with_attributes(
            graph,
            rows,
            table,
            columns,
            attributes=attributes,
            standardize=standardize,
            missing=missing,
        )
    values = _checked_matrix(features)
    if attributes or standardize or missing != "error":
        raise InputError(
            "features: an array holds numbers that are used as they are; attributes, standardize "
            "and missing are for a data frame"
        )
    if not in_order:
        return with_matrix(graph, values, where=WHERE, edges="the edges", isolated=isolated)
    if isolated:
        raise InputError("isolated: the rows of an array have no ids; give a data frame")
    is_permuted = not graph.ids_are_rows and np.array_equal(
        np.sort(graph.ids), np.arange(graph.n_nodes)
    )
    if is_permuted:
        raise InputError(
            f"features: row 0 of an array could be the first node, {shown(graph.ids[0])}, or node "
            "'0'; give a data frame with a column of node ids"
        )
    return graph.with_features(values)


def with_later_features(graph: Graph, features: Any, encoding: Mapping[str, Any] | None) -> Graph:
    """A graph with features from a data frame, encoded as those of a fitted graph were.

    Parameters
    ----------
    graph
        A graph other than the fitted one.
    features
        A data frame of attributes of its nodes, as `as_graph` takes it.
    encoding
        How the features of the fitted graph were made; see `Graph.feature_encoding`.

    Raises
    ------
    InputError
        As in `later_features`, or the rows are not those of the graph's nodes, each once.

    Examples
    --------
    >>> import pyarrow as pa
    >>> ages = pa.table({"id": ["bob", "ann"], "age": [44, 31]})
    >>> with_later_features(Graph.from_pairs([("ann", "bob")]), ages, None).features.tolist()
    [[31.0], [44.0]]
    """
    kind = kind_of(features, FRAMES)
    if kind is None:
        raise InputError(
            f"features: {type(features).__name__} is no data frame of attributes; features that "
            "are numbers go to vgae.as_graph(data, features=...)"
        )
    frame = FRAMES[kind](features, WHERE)
    ids, table, columns = _rows_of(frame, graph, _names(encoding))
    _, order = NodeRows(ids, WHERE, "the edges", frame.table.place).matched(graph)
    values: Any = encode_later(encoding, table, columns)
    return graph.with_features(values[order], encoding=encoding)


def later_features(
    features: Any,
    ids: Sequence[NodeId] | IdArray | None,
    encoding: Mapping[str, Any] | None,
) -> tuple[Any, Sequence[NodeId] | IdArray | None]:
    """Features and ids of nodes that come later; only a data frame is changed.

    Parameters
    ----------
    features
        A data frame of attributes, or what is no data frame and is returned as it is.
    ids
        The ids of its rows; by default they are taken from the data frame.
    encoding
        How the features of the fitted graph were made; see `Graph.feature_encoding`.

    Raises
    ------
    InputError
        A column is missing, or a cell does not fit what its column was fitted to.

    Examples
    --------
    >>> import pyarrow as pa
    >>> features, ids = later_features(pa.table({"id": ["dan"], "age": [35]}), None, None)
    >>> features.tolist(), ids.tolist()
    ([[35.0]], ['dan'])
    """
    kind = kind_of(features, FRAMES)
    if kind is None:
        return features, ids
    frame = FRAMES[kind](features, WHERE)
    if ids is not None:
        return encode_later(encoding, frame.table, attribute_columns(frame.table, None)), ids
    found, table, columns = _rows_of(frame, None, _names(encoding))
    return encode_later(encoding, table, columns), found


def _names(encoding: Mapping[str, Any] | None) -> set[str | None]:
    """The names of the columns that features were made from."""
    if encoding is None:
        return set()
    made = AttributeEncoding.parse(dict(encoding), where="attributes.json")
    return {column.name for column in made.columns}


def _checked_matrix(features: Any) -> Any:
    """An array or a CSR array, shape (n_rows, n_features)."""
    advice = "give a data frame with node ids, an array or a SciPy sparse matrix"
    if isinstance(features, (str, os.PathLike)):
        raise InputError(
            f"features: {shown(features)} is a path; {advice}, or read both files with "
            "vgae.read_graph(edges, features=path)"
        )
    if hasattr(features, "to_frame"):
        raise InputError(
            f"features: a {type(features).__name__} is no table; give its to_frame(), with node ids"
        )
    if sparse.issparse(features):
        return sparse.csr_array(features)
    try:
        values = matrix(features)
    except (TypeError, ValueError):
        raise InputError(f"features: rows of different lengths; {advice}") from None
    if not sparse.issparse(values) and (values.ndim != 2 or values.dtype.kind not in "biuf"):
        raise InputError(f"features: cannot use {type(features).__name__} of this form; {advice}")
    return values


def _rows_of(
    frame: Frame, known: Graph | None, attributes: Collection[str | None] = ()
) -> tuple[IdArray, Table, list[int]]:
    """The node of each row of a data frame, and its table with the places of the attributes.

    Ids are in the column called node or id, in an index that does not only count the rows, or in
    the first column that is none of the `attributes`: in the first of these that holds nodes of
    the known graph for at least half of the rows. Where none does, an index that counts may.
    """
    table = frame.table
    key = table.column_called(*NODE_NAMES)
    candidates = [] if key is None else [key]
    candidates += [] if frame.index is None or frame.index_counts else [INDEX]
    if key is None:
        candidates += [c for c, name in enumerate(table.names or ()) if name not in attributes][:1]
    chosen = candidates[0] if candidates else None
    if known is not None:
        last = [INDEX] if frame.index_counts else []
        chosen = next((c for c in (*candidates, *last) if _fits(frame, c, known)), chosen)
    if chosen is None:
        raise InputError(f"{WHERE}: no column of node ids; call one node or id, or set the index")
    ids = _ids(frame, chosen)
    said = "the index" if chosen == INDEX else table.describe(chosen)
    begin = f" (first: {shown(ids[0])})" if ids.size else ""
    level = logging.WARNING if chosen == INDEX and frame.index_counts else logging.INFO
    logger.log(level, "%s: %s; node ids from %s%s", WHERE, table.about, said, begin)
    columns = attribute_columns(table, None if chosen == INDEX else chosen)
    return ids, replace(table, row_ids=ids), columns


def _ids(frame: Frame, column: int) -> IdArray:
    if column == INDEX and frame.index is not None:
        return frame.index
    return frame_ids(frame.table, column)


def _fits(frame: Frame, column: int, known: Graph) -> bool:
    """Whether a column, or the index, holds different nodes of a graph for half of the rows."""
    try:
        ids = _ids(frame, column)
    except InputError:
        return False
    places = np.unique(known.index(ids))
    return 2 * int((places >= 0).sum()) >= frame.n_rows
