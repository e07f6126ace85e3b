"""Tables of edges and of node pairs, by node id."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vgae.errors import InputError, shown
from vgae.files import local_path
from vgae.graph import Graph
from vgae.ids import IdArray, NodeId, as_ids, number_ids
from vgae.io.id_columns import IdColumns
from vgae.tables import (
    SOURCE_NAMES,
    TARGET_NAMES,
    WEIGHT_NAMES,
    Table,
    column_called,
    first_two,
    is_number,
    open_table,
)

__all__ = ["looks_like_header", "read_edges", "read_new_edges", "read_pairs"]

logger = logging.getLogger("vgae.io")


def read_edges(
    path: Path,
    *,
    source: str | int | None = None,
    target: str | int | None = None,
    weight: str | int | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    comment: str | None = None,
    drop_incomplete: bool = False,
    directed: bool = False,
) -> Graph:
    """Read a table with one edge a row; see `vgae.read_graph` for the parameters.

    Raises
    ------
    InputError
        The file cannot be read as an edge list; the line names the place.
    """
    table = open_table(
        path,
        header=header,
        delimiter=delimiter,
        quote=quote,
        comment=comment,
        guess_header=looks_like_header,
    )
    ends = _pair_columns(table, source, target)
    weight_column = (
        table.column_called(*WEIGHT_NAMES) if weight is None else table.column(str(weight))
    )
    ids, weight_cells = _read_columns(table, ends, weight_column)
    n_rows = len(ids.codes[0])
    if n_rows == 0:
        raise InputError(f"{path}: has a header but no edges")
    if not drop_incomplete:
        ids.check_complete("; --drop-incomplete leaves them out")
    ids = ids.complete()
    weights = None
    if weight_column is not None:
        weights = _positive_weights(table, weight_column, weight_cells)
        weights = weights if ids.rows is None else weights[ids.rows]
    del weight_cells
    ids = ids.checked()
    names, places = number_ids(ids.values, ids.used)
    pairs = np.stack([places[column] for column in ids.codes], axis=1)
    n_incomplete = n_rows - len(pairs)
    del ids, places
    try:
        graph = Graph.from_edges(pairs, weights=weights, ids=names, directed=directed)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    graph = graph.with_cleaning(replace(graph.cleaning, incomplete=n_incomplete))
    if graph.n_edges < n_rows // 4:
        logger.warning(
            "%s: only %s of %s rows are edges of their own; are these the right two columns?",
            path,
            f"{graph.n_edges:,}",
            f"{n_rows:,}",
        )
    return graph


def read_new_edges(
    path: Path, known: Graph
) -> tuple[tuple[IdArray, IdArray], NDArray[np.float64] | None]:
    """Read links of nodes that join a graph: ids that need not be known, and weights if any.

    Parameters
    ----------
    path
        A table as `vgae.read_graph` takes it.
    known
        The graph that they join; a row with one of its nodes is no header.

    Raises
    ------
    InputError
        The file cannot be read as an edge list; the line names the place.
    """
    table = open_table(local_path(path), guess_header=_unlike_nodes_of(known))
    ends = _pair_columns(table, None, None)
    weight = table.column_called(*WEIGHT_NAMES)
    ids, weight_cells = _read_columns(table, ends, weight)
    ids = ids.check_complete().checked()
    weights = None if weight is None else _positive_weights(table, weight, weight_cells)
    names = as_ids(ids.values)
    return (names[ids.codes[0]], names[ids.codes[1]]), weights


def read_pairs(path: str | Path, graph: Graph, *, header: bool | None = None) -> list[list[NodeId]]:
    """Read node pairs of a graph from a table.

    Parameters
    ----------
    path
        The first two columns, or those called source and target, hold node ids.
    graph
        The graph that the ids must belong to.
    header
        Whether the first row names the columns; by default found out.

    Returns
    -------
    The two ids of each pair, as the graph has them.

    Raises
    ------
    InputError
        The file cannot be read, or a pair names an unknown node; the line names it.
    """
    table = open_table(local_path(path), header=header, guess_header=_unlike_nodes_of(graph))
    ends = _pair_columns(table, None, None)
    ids, _ = _read_columns(table, ends, None, what="pairs")
    ids = ids.check_complete().checked()
    if len(ids.codes[0]) == 0:
        raise InputError(f"{path}: has a header but no pairs")
    codes, names = ids.codes, ids.values.cast(pa.string()).to_pylist()
    rows = graph.index(names)[np.stack(codes, axis=1)]
    unknown = np.argwhere(rows < 0)
    if unknown.size:
        row, end = unknown[0]
        hint = "" if row or table.names else " (if this line is a header, say --header)"
        raise InputError(
            f"{table.place(row)}: node {shown(names[codes[end][row]])} is not in the graph{hint}"
        )
    pairs: list[list[NodeId]] = graph.ids[rows].tolist()
    return pairs


# --------------------------------------------------------------------- columns


def looks_like_header(rows: list[list[str]]) -> bool:
    """Whether the first row names columns: usual names, text above numbers, or ids unlike all."""
    first, rest = [cell.strip() for cell in rows[0]], rows[1:]
    ends = column_called(first, *SOURCE_NAMES), column_called(first, *TARGET_NAMES)
    rest = [row for row in rest if len(row) == len(first)]
    if None not in ends:  # unless nodes are called so: those recur
        below = {row[end].strip() for row in rest for end in ends if end is not None}
        return not any(first[end] in below for end in ends if end is not None)
    if not rest:
        return False
    if any(map(is_number, first)):
        return False
    if any(all(is_number(row[column]) for row in rest) for column in range(len(first))):
        return True
    # Ids of a graph recur. Two that never do, above rows that mostly do, are names.
    seen: dict[str, int] = {}
    for row in rest:
        for cell in row[:2]:
            seen[cell.strip()] = seen.get(cell.strip(), 0) + 1
    recurring = sum(any(seen[cell.strip()] > 1 for cell in row[:2]) for row in rest)
    return not any(cell in seen for cell in first[:2]) and recurring >= 0.9 * len(rest) > 4


def _unlike_nodes_of(graph: Graph) -> Callable[[list[list[str]]], bool]:
    """A guess of whether the first row names columns, made by one who knows the nodes."""

    def names_columns(rows: list[list[str]]) -> bool:
        is_node = graph.index([cell.strip() for cell in rows[0][:2]]) >= 0
        return not is_node.any() and looks_like_header(rows)

    return names_columns


def _pair_columns(
    table: Table, source: str | int | None, target: str | int | None
) -> tuple[int, int]:
    if table.n_columns < 2:
        start = table.names[0] if table.names else table.read([0])[0][0].as_py()
        advice = "" if table.first is None else ": name the delimiter with --delimiter"
        raise InputError(
            f"{table.path}: only one column ({table.about}), which begins with {shown(start)}; "
            f"two are needed, one for each end of an edge{advice}"
        )
    first, second = table.column_called(*SOURCE_NAMES), table.column_called(*TARGET_NAMES)
    if first is None or second is None:
        first, second = _first_named(table)
    if source is not None:
        first = table.column(str(source))
    if target is not None:
        second = table.column(str(target))
    if first == second:
        raise InputError(f"{table.path}: source and target are both {table.describe(first)}")
    return first, second


def _first_named(table: Table) -> tuple[int, int]:
    """The first two columns; a data frame's row numbers are passed over."""
    first, second = first_two(table.names or ["x", "y"])
    if first:
        table.say_row_numbers(0)
    return first, second


def _read_columns(
    table: Table, ends: tuple[int, int], weight: int | None, *, what: str = "edges"
) -> tuple[IdColumns, pa.ChunkedArray | None]:
    """The ids of both ends and, as they stand, the weights; what is read is said before."""
    _say_what_is_read(table, *ends, weight, what)
    read = [*ends, *([] if weight is None else [weight])]
    cells = table.read(read, encoded=set(ends))
    return IdColumns.of(table, ends, cells[:2]), None if weight is None else cells[2]


def _say_what_is_read(
    table: Table, source: int, target: int, weight: int | None, what: str
) -> None:
    used = [source, target] if weight is None else [source, target, weight]
    said = f"{table.describe(source)} to {table.describe(target)}"
    if table.first is not None and len(table.first) == table.n_columns:
        said += f" (first: {shown(table.first[source])} to {shown(table.first[target])})"
    said += "" if weight is None else f", weights from {table.describe(weight)}"
    unused = [table.describe(column) for column in range(table.n_columns) if column not in used]
    if unused:
        said += f"; not used: {', '.join(unused[:8])}{', ...' if len(unused) > 8 else ''}"
    logger.info("%s: %s; %s run from %s", table.path, table.about, what, said)


def _positive_weights(table: Table, column: int, cells: pa.ChunkedArray) -> NDArray[np.float64]:
    weights = table.numbers(column, cells)
    bad = np.flatnonzero(weights.astype(np.float32) <= 0)
    if bad.size:
        row = int(bad[0])
        raise InputError(
            f"{table.place(row)}: weight {weights[row]:g} is not positive; remove rows that are "
            "no edges"
        )
    return weights
