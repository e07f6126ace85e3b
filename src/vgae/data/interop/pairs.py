"""Pairs of node ids, row by row: from data frames, columns, lists, and the edges of graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgae.data.ends import kind_prefixes, two_kinds
from vgae.data.graph import Graph
from vgae.data.ids import IdArray, as_ids, id_columns
from vgae.data.interop.frames import FRAMES, frame_ids, frame_numbers, kind_of
from vgae.data.interop.graphs import READERS, UNORDERED, as_graph
from vgae.data.reading import Reading
from vgae.data.tables import Table, edge_columns

__all__ = ["as_edge_pairs", "as_links", "as_pairs"]


def as_pairs(data: Any, known: Graph) -> tuple[IdArray, IdArray]:
    """Pairs of node ids as two columns, one per end, in the order given.

    Parameters
    ----------
    data
        A pandas or Polars `DataFrame` or a PyArrow `Table`, whose columns of ids are found as in a
        table of edges; or pairs, see `vgae.data.ids.id_columns`.
    known
        The graph that the ids belong to.

    Raises
    ------
    InputError
        There are no two columns of node ids, or a row is not a pair.

    Examples
    --------
    >>> import pyarrow
    >>> table = pyarrow.table({"score": [0.5], "source": ["a"], "target": ["b"]})
    >>> [column.tolist() for column in as_pairs(table, Graph.from_pairs([("a", "b")]))]
    [['a'], ['b']]
    """
    kind = kind_of(data, FRAMES)
    if kind is None:
        return id_columns(data)
    table = FRAMES[kind](data, type(data).__name__).table
    return _pairs_of_table(table, edge_columns(table, what="pairs", has_options=False), known)


def as_links(data: Any, known: Graph) -> tuple[Any, NDArray[np.float64] | None]:
    """New links as pairs that `as_pairs` takes, and their weights if a data frame holds some.

    Parameters
    ----------
    data
        Pairs in any form that `as_pairs` takes; only a data frame is read here.
    known
        The graph that one end of each link belongs to.

    Raises
    ------
    InputError
        As in `as_pairs`, or a weight is missing or no number.

    Examples
    --------
    >>> import pyarrow
    >>> table = pyarrow.table({"source": ["x"], "target": ["b"], "weight": [2]})
    >>> (source, target), weights = as_links(table, Graph.from_pairs([("a", "b")]))
    >>> source.tolist(), target.tolist(), weights.tolist()
    (['x'], ['b'], [2.0])
    """
    kind = kind_of(data, FRAMES)
    if kind is None:
        return data, None
    table = FRAMES[kind](data, type(data).__name__).table
    reading = edge_columns(table, has_options=False)
    weights = None if reading.weight is None else frame_numbers(table, reading.weight.place)
    return _pairs_of_table(table, reading, known), weights


def as_edge_pairs(data: Any, known: Graph) -> tuple[IdArray, IdArray]:
    """Pairs of node ids as `as_pairs` takes them, or the edges of an object that holds a graph.

    The edges are in the order of `Graph.edges`.

    Examples
    --------
    >>> graph = Graph.from_pairs([("a", "b"), ("b", "c")])
    >>> [column.tolist() for column in as_edge_pairs(graph, graph)]
    [['a', 'b'], ['b', 'c']]
    """
    holds_graph = isinstance(data, Graph) or kind_of(data, READERS) is not None
    if kind_of(data, UNORDERED | FRAMES) is not None or not holds_graph:
        return as_pairs(data, known)
    graph = as_graph(data)
    source, target = graph.ids[graph.edges].T
    return source, target


def _pairs_of_table(table: Table, reading: Reading, known: Graph) -> tuple[IdArray, IdArray]:
    """The ids of both ends; if the graph tells two kinds of nodes apart, as the graph has them."""
    places = reading.source.place, reading.target.place
    source, target = (frame_ids(table, place) for place in places)
    if two_kinds(table.names, *places):
        apart = [
            as_ids([f"{prefix}{name}" for name in column.tolist()])
            for prefix, column in zip(
                kind_prefixes(table.names, *places), (source, target), strict=True
            )
        ]
        if any((known.index(column) >= 0).any() for column in apart):
            return apart[0], apart[1]
    return source, target
