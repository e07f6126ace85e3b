"""Node features in memory -> those of a graph: data frames of attributes, arrays and matrices."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.attributes import (
    INDEX,
    AttributeEncoding,
    NodeRows,
    advice_on_keys,
    attribute_columns,
    check_choices,
    encode_later,
    key_column,
    key_words,
    named_key,
    share_of_nodes,
    with_attributes,
    with_matrix,
)
from vgae.data.graph import Graph
from vgae.data.ids import IdArray, IdIndex, NodeId, as_ids
from vgae.data.interop.frames import FRAMES, Frame, frame_ids, kind_of
from vgae.data.interop.tensors import matrix
from vgae.data.tables import Table
from vgae.ground.errors import InputError, shown

__all__ = ["later_features", "with_features_of", "with_later_features"]

logger = logging.getLogger(__name__)

WHERE = "features"
"""What errors call the table of attributes."""
ISOLATED = "vgae.as_graph(..., isolated=True)"
"""How a caller of `fit` too lets nodes without edges join."""


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
        rows, table, columns = _rows_of(frame, graph, isolated=isolated, remedy=ISOLATED)
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
        return with_matrix(
            graph, values, where=WHERE, edges="the edges", isolated=isolated, remedy=ISOLATED
        )
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
    rows, table, columns = _rows_of(frame, graph, _names(encoding))
    _, order = rows.matched(graph)
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
        The ids of its rows, in the order in which the features are returned. If the data frame
        has ids too, its rows are put in the order of these. By default those of the data frame.
    encoding
        How the features of the fitted graph were made; see `Graph.feature_encoding`.

    Raises
    ------
    InputError
        A column is missing, a cell does not fit what its column was fitted to, or the ids are not
        those of the data frame.

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
        key = named_key(frame.table, attributes=_names(encoding), index=frame.index_kind)
        own = None if key in (None, INDEX) else key
        values: Any = encode_later(encoding, frame.table, attribute_columns(frame.table, own))
        return (values if key is None else values[_order(frame, key, ids)]), ids
    rows, table, columns = _rows_of(frame, None, _names(encoding))
    return encode_later(encoding, table, columns), rows.ids


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
    frame: Frame,
    known: Graph | None,
    attributes: Collection[str | None] = (),
    *,
    isolated: bool = False,
    remedy: str = "",
) -> tuple[NodeRows, Table, list[int]]:
    """The rows of a data frame by node, and its table with the places of the attributes.

    See `vgae.data.attributes.key_column` for where the ids are.
    """
    table = frame.table
    share = None if known is None else partial(_share, frame, known)
    key = key_column(table, share, attributes=attributes, index=frame.index_kind)
    ids = _ids(frame, key)
    begin = f" (first: {shown(ids[0])})" if ids.size else ""
    level = logging.WARNING if key == INDEX and frame.index_kind == "counts" else logging.INFO
    words = key_words(table, key)
    logger.log(level, "%s: %s; node ids from %s%s", WHERE, table.about, words, begin)
    columns = attribute_columns(table, None if key == INDEX else key)
    advice: Callable[[], str] = str
    if share is not None:
        has_index = frame.index is not None
        advice = partial(advice_on_keys, table, key, share, has_index=has_index)
    rows = NodeRows(ids, WHERE, "the edges", table.place, isolated, remedy=remedy, advice=advice)
    return rows, replace(table, row_ids=ids), columns


def _order(frame: Frame, key: int, ids: Sequence[NodeId] | IdArray) -> NDArray[np.int64]:
    """The row of a data frame for each of these ids, which are those that the data frame has."""
    own, wanted = _ids(frame, key), as_ids(ids)
    rows = IdIndex(own).rows(wanted)
    if len(own) != len(wanted) or not np.array_equal(np.sort(rows), np.arange(len(own))):
        raise InputError(
            f"ids: not those that {WHERE} has in {key_words(frame.table, key)}; omit ids, or "
            + ("drop the index with reset_index(drop=True)" if key == INDEX else "that column")
        )
    return rows


def _ids(frame: Frame, place: int) -> IdArray:
    if place == INDEX and frame.index is not None:
        return frame.index
    return frame_ids(frame.table, place)


def _share(frame: Frame, known: Graph, place: int) -> float:
    """How well a column, or the index, fits the nodes of a graph."""
    try:
        ids = _ids(frame, place)
    except InputError:
        return 0.0
    return share_of_nodes(ids.tolist(), known)
