"""Tables of edges and of node pairs, by node id."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vgae.data.ends import is_number, kind_prefixes, named_ends
from vgae.data.graph import Graph
from vgae.data.ids import IdArray, as_ids, number_ids, unknown_node
from vgae.data.io.id_columns import IdColumns
from vgae.data.io.relations import has_relations, read_relations
from vgae.data.io.squares import read_square
from vgae.data.io.two_kinds import as_known, tell_kinds_apart
from vgae.data.kinds import Kind
from vgae.data.reading import Reading
from vgae.data.tables import Table, edge_columns, open_table
from vgae.ground.errors import InputError, shown
from vgae.ground.files import local_path

__all__ = [
    "edge_weights",
    "looks_like_header",
    "pair_rows",
    "read_edges",
    "read_new_edges",
    "say_direction",
]

logger = logging.getLogger("vgae.data.io")

DIRECTED = re.compile(r"%\s*asym\b")
"""The first line of KONECT's files with directed edges."""


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
    time: str | int | None = None,
    kind: Kind = "undirected",
    bipartite: bool | None = None,
    integer_ids: bool = False,
) -> Graph:
    r"""Read a table with one edge per row; see `vgae.read_graph` for the parameters.

    Two columns that hold nodes of two kinds make a bipartite graph, unless another `kind` is asked
    for.

    Raises
    ------
    InputError
        The file cannot be read as an edge list; the message names the place.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "edges.csv")
    >>> _ = path.write_text("when,from,to\n2024,ann,bob\n2025,bob,cid\n")
    >>> read_edges(path, source="from", target="to").ids.tolist()
    ['ann', 'bob', 'cid']
    """
    alone: list[str] = []
    marks: dict[str, Any] = {
        "header": header, "delimiter": delimiter, "quote": quote, "comment": comment
    }  # fmt: skip
    if has_relations(path):
        refused = {"source": source, "target": target, "time": time, **marks}
        table, alone = read_relations(path, weight=weight, refused=refused)
        weight = None
    else:
        table = open_table(path, guess_header=looks_like_header, **marks)
        if all(option is None for option in (source, target, weight, time)) and not bipartite:
            graph = read_square(table, kind=kind)
            if graph is not None:
                return graph
    reading = edge_columns(table, source=source, target=target, weight=weight, time=time)
    say_direction(table, directed=kind == "directed")
    ids, weight_cells, time_cells = _read_columns(table, reading, integer_ids=integer_ids)
    n_rows = len(ids.codes[0])
    if n_rows == 0 and not alone:
        raise _no_rows(table, "edges")
    if not drop_incomplete:
        ids.check_complete("--drop-incomplete (drop_incomplete=True) drops such rows")
    ids = ids.complete()
    weights = _weights(table, reading, weight_cells, signed=kind == "signed")
    times = None if reading.time is None else table.times(reading.time.place, time_cells)
    if ids.rows is not None:
        weights, times = (None if cells is None else cells[ids.rows] for cells in (weights, times))
    del weight_cells, time_cells
    ids = ids.joined_by(alone).checked(integer_ids=integer_ids)
    ids, two_kinds = tell_kinds_apart(table, ids, bipartite=bipartite)
    names, places = number_ids(ids.values, ids.used)
    pairs = np.stack([places[column] for column in ids.codes[:2]], axis=1)
    n_incomplete = n_rows - len(pairs)
    del ids, places
    sides: Any = {"kind": kind}
    if two_kinds and kind == "undirected":
        side = np.zeros(len(names), dtype=np.int64)  # a node in no row is of the first kind
        side[pairs[:, 1]] = 1
        prefixes = kind_prefixes(table.names, reading.source.place, reading.target.place)
        type_names = [prefix.removesuffix(":") for prefix in prefixes]
        sides = {"kind": "bipartite", "node_types": side, "type_names": type_names}
    try:
        graph = Graph.from_edges(pairs, weights=weights, times=times, ids=names, **sides)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    graph = graph.with_cleaning(replace(graph.cleaning, incomplete=n_incomplete))
    graph = graph.with_reading(reading)
    if graph.n_edges < n_rows // 4:
        logger.warning(
            "%s: only %s distinct edges in %s rows; check that these are the right two columns",
            path,
            f"{graph.n_edges:,}",
            f"{n_rows:,}",
        )
    return graph


def read_new_edges(
    path: Path, known: Graph
) -> tuple[tuple[IdArray, IdArray], NDArray[np.float64] | None]:
    r"""Read links of nodes that join a graph: ids, which may be unknown, and weights if any.

    Parameters
    ----------
    path
        A table as in `vgae.read_graph`.
    known
        The graph that the nodes join; a row with one of its nodes is not a header.

    Raises
    ------
    InputError
        The file cannot be read as an edge list; the message names the place.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "links.csv")
    >>> _ = path.write_text("zoe,ann\n")
    >>> (source, target), weights = read_new_edges(path, Graph.from_pairs([("ann", "bob")]))
    >>> source.tolist(), target.tolist(), weights
    (['zoe'], ['ann'], None)
    """
    table = open_table(local_path(path), guess_header=_unlike_nodes_of(known))
    reading = edge_columns(table, has_options=False)
    ids, weight_cells, _ = _read_columns(table, reading)
    ids = as_known(table, ids.check_complete().checked(), known)
    weights = _weights(table, reading, weight_cells, signed=known.kind == "signed")
    names = as_ids(ids.values)
    return (names[ids.codes[0]], names[ids.codes[1]]), weights


def pair_rows(
    path: Path, graph: Graph, *, header: bool | None = None, logged: bool = True
) -> tuple[NDArray[np.int64], Table]:
    r"""Read pairs of a graph's nodes from a table.

    Parameters
    ----------
    path
        A table whose first two columns, or those named source and target, hold node ids.
    graph
        The graph that has these nodes.
    header
        Whether the first row names the columns; by default detected.
    logged
        Whether to say which columns were chosen, as `edge_columns` does.

    Returns
    -------
    Node indices, shape (n_pairs, 2), and the table, which knows where each row is.

    Raises
    ------
    InputError
        The file cannot be read, or a node is unknown; the message names it.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "pairs.csv")
    >>> _ = path.write_text("ann,cid\n")
    >>> rows, table = pair_rows(path, Graph.from_pairs([("ann", "bob"), ("bob", "cid")]))
    >>> rows.tolist(), table.place(0).endswith("pairs.csv, line 1")
    ([[0, 2]], True)
    """
    table = open_table(path, header=header, guess_header=_unlike_nodes_of(graph))
    reading = edge_columns(table, what="pairs", has_options=False, logged=logged)
    ids, *_ = _read_columns(table, reading)
    ids = as_known(table, ids.check_complete().checked(), graph)
    if len(ids.codes[0]) == 0:
        raise _no_rows(table, "pairs")
    codes, names = ids.codes, ids.values.cast(pa.string()).to_pylist()
    rows = graph.index(names)[np.stack(codes, axis=1)]
    unknown = np.argwhere(rows < 0)
    if unknown.size:
        row, end = unknown[0]
        advice = ""
        if not (row or table.names):
            advice = "; if this line is a header, give --header (header=True)"
        error = unknown_node(names[codes[end][row]], graph.ids)
        raise InputError(f"{table.place(row)}: {error}{advice}")
    return rows, table


# --------------------------------------------------------------------- columns


def looks_like_header(rows: list[list[str]]) -> bool:
    """Whether the first row names columns, judged by the rows below it.

    It does if it holds usual names, or text above numbers, or two values that never recur above
    ids that mostly do.

    Examples
    --------
    >>> looks_like_header([["from", "to"], ["ann", "bob"]])
    True
    >>> looks_like_header([["ann", "bob"], ["bob", "cid"]])
    False
    """
    first, rest = [cell.strip() for cell in rows[0]], rows[1:]
    rest = [row for row in rest if len(row) == len(first)]
    for ends in named_ends(first)[:1]:  # unless these are ids of nodes, which recur
        below = {row[end].strip() for row in rest for end in ends}
        return not any(first[end] in below for end in ends)
    if not rest:
        return False
    if any(map(is_number, first)):
        return False
    if any(all(is_number(row[column]) for row in rest) for column in range(len(first))):
        return True
    if first[0].startswith("#") and not any(row[0].startswith("#") for row in rest):
        return True
    # The ids of a graph recur. Two that never do, above rows whose ids mostly do, are names.
    seen: dict[str, int] = {}
    for row in rest:
        for cell in row[:2]:
            seen[cell.strip()] = seen.get(cell.strip(), 0) + 1
    recurring = sum(any(seen[cell.strip()] > 1 for cell in row[:2]) for row in rest)
    return not any(cell in seen for cell in first[:2]) and recurring >= 0.9 * len(rest) > 4


def _unlike_nodes_of(graph: Graph) -> Callable[[list[list[str]]], bool]:
    """A function that says whether the first row names columns, given the nodes of a graph."""

    def names_columns(rows: list[list[str]]) -> bool:
        is_node = graph.index([cell.strip() for cell in rows[0][:2]]) >= 0
        return not is_node.any() and looks_like_header(rows)

    return names_columns


def _no_rows(table: Table, noun: str) -> InputError:
    """The error for a table without rows below its header."""
    if table.text is None:
        return InputError(f"{table.path}: holds no {noun}; name a file that holds some")
    return InputError(
        f"{table.path}: has a header but no {noun}; if its only row is not a header, give "
        "--no-header (header=False)"
    )


def _read_columns(
    table: Table, reading: Reading, *, integer_ids: bool = False
) -> tuple[IdColumns, pa.ChunkedArray | None, pa.ChunkedArray | None]:
    """The ids of both ends and, as they stand, the weights and the times."""
    ends = reading.source.place, reading.target.place
    further = [column for column in (reading.weight, reading.time) if column is not None]
    cells = table.read([*ends, *(column.place for column in further)], encoded=set(ends))
    ids = IdColumns.of(table, ends, cells[:2], integer_ids=integer_ids)
    weights = None if reading.weight is None else cells[2]
    return ids, weights, None if reading.time is None else cells[-1]


def say_direction(table: Table, *, directed: bool) -> None:
    r"""Warn that arrows lose their direction; refuse those that would reverse directed edges.

    Raises
    ------
    InputError
        An arrow of a directed edge points from the second node to the first.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "edges.txt")
    >>> _ = path.write_text("ann <- bob\nbob <- cid\n")
    >>> say_direction(open_table(path), directed=True)
    Traceback (most recent call last):
    vgae.InputError: .../edges.txt: '<-' points from the second node to the first; ...
    """
    if not directed and table.text is not None and any(map(DIRECTED.match, table.text.remarks)):
        logger.warning(
            "%s: its first line says that edges have a direction, which is not kept; --directed "
            "(directed=True) keeps it",
            table.path,
        )
    arrows = () if table.text is None else table.text.dialect.arrows
    if not any(mark in arrow for arrow in arrows for mark in "<>\u2190\u2192"):
        return
    if directed:
        back = [a for a in arrows if a.startswith(("<", "\u2190")) and not a.endswith(">")]
        if back:
            raise InputError(
                f"{table.path}: {shown(back[0])} points from the second node to the first; reverse "
                "these rows to read them as directed"
            )
    else:
        logger.warning(
            "%s: arrows give edges a direction, which is not kept; --directed (directed=True) "
            "keeps it",
            table.path,
        )


def _weights(
    table: Table, reading: Reading, cells: pa.ChunkedArray | None, *, signed: bool
) -> NDArray[np.float64] | None:
    if reading.weight is None or cells is None:
        return None
    return edge_weights(table, reading.weight.place, cells, signed=signed)


def edge_weights(
    table: Table, column: int, cells: pa.ChunkedArray, first: int = 0, *, signed: bool
) -> NDArray[np.float64]:
    r"""The weights of some rows, positive or, if `signed`, not 0.

    Parameters
    ----------
    table, column
        Where they are.
    cells
        The cells of the rows.
    first
        Number of the first of the rows.
    signed
        Whether weights may be negative.

    Raises
    ------
    InputError
        A weight is no such number; the error names its place.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "edges.csv")
    >>> _ = path.write_text("ann,bob,2\nbob,cid,0\n")
    >>> table = open_table(path)
    >>> edge_weights(table, 2, table.read([2])[0], signed=False)
    Traceback (most recent call last):
    vgae.InputError: .../edges.csv, line 2: column 3 holds 0, but a weight must be positive; ...
    """
    weights = table.numbers(column, cells)
    single = weights.astype(np.float32)
    bad = np.flatnonzero(single == 0 if signed else single <= 0)
    if bad.size:
        row = int(bad[0])
        what = f"{table.place(first + row)}: {table.describe(column)} holds {weights[row]:g}"
        if signed:
            raise InputError(f"{what}, which has no sign; remove rows that are not edges")
        if weights[row] < 0:
            raise InputError(
                f"{what}, a negative weight; --signed (signed=True) reads a signed graph; "
                "otherwise remove such rows, or name another column with --weight (weight=)"
            )
        raise InputError(f"{what}, but a weight must be positive; remove rows that are not edges")
    return weights
