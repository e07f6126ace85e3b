"""Tables of edges and of node pairs, by node id."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vgae.adjacency import count
from vgae.ends import WEIGHT_NAMES, find_ends, is_number, named_ends
from vgae.errors import InputError, shown
from vgae.files import local_path
from vgae.graph import Graph
from vgae.ids import IdArray, NodeId, as_ids, number_ids
from vgae.io.id_columns import IdColumns
from vgae.io.relations import has_relations, read_relations
from vgae.io.squares import read_square
from vgae.io.two_kinds import as_known, tell_kinds_apart
from vgae.tables import Table, inner_suffix, open_table

__all__ = ["looks_like_header", "read_edges", "read_new_edges", "read_pairs"]

logger = logging.getLogger("vgae.io")

ENDS = "--source and --target (source=, target=)"


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
    bipartite: bool | None = None,
    integer_ids: bool = False,
) -> Graph:
    r"""Read a table with one edge per row; see `vgae.read_graph` for the parameters.

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
        refused = {"source": source, "target": target, **marks}
        table, alone = read_relations(path, weight=weight, refused=refused)
        weight = None
    else:
        table = open_table(path, guess_header=looks_like_header, **marks)
        if source is None and target is None and weight is None and not bipartite:
            graph = read_square(table, directed=directed)
            if graph is not None:
                return graph
    weight_column = _weight_column(table, weight)
    ends = _pair_columns(table, source, target, weight_column, has_options=True)
    _say_direction(table, directed=directed)
    ids, weight_cells = _read_columns(table, ends, weight_column, integer_ids=integer_ids)
    n_rows = len(ids.codes[0])
    if n_rows == 0 and not alone:
        raise _no_rows(table, "edges")
    if not drop_incomplete:
        ids.check_complete("--drop-incomplete (drop_incomplete=True) drops such rows")
    ids = ids.complete()
    weights = None
    if weight_column is not None:
        weights = _positive_weights(table, weight_column, weight_cells)
        weights = weights if ids.rows is None else weights[ids.rows]
    del weight_cells
    ids = ids.joined_by(alone).checked(integer_ids=integer_ids)
    ids = tell_kinds_apart(table, ids, bipartite=bipartite)
    names, places = number_ids(ids.values, ids.used)
    pairs = np.stack([places[column] for column in ids.codes[:2]], axis=1)
    n_incomplete = n_rows - len(pairs)
    del ids, places
    try:
        graph = Graph.from_edges(pairs, weights=weights, ids=names, directed=directed)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    graph = graph.with_cleaning(replace(graph.cleaning, incomplete=n_incomplete))
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
    weight = table.column_called(*WEIGHT_NAMES)
    ends = _pair_columns(table, None, None, weight)
    ids, weight_cells = _read_columns(table, ends, weight)
    ids = as_known(table, ids.check_complete().checked(), known)
    weights = None if weight is None else _positive_weights(table, weight, weight_cells)
    names = as_ids(ids.values)
    return (names[ids.codes[0]], names[ids.codes[1]]), weights


def read_pairs(path: str | Path, graph: Graph, *, header: bool | None = None) -> list[list[NodeId]]:
    r"""Read pairs of a graph's nodes from a table.

    Parameters
    ----------
    path
        A table whose first two columns, or those named source and target, hold node ids.
    graph
        The graph that has these nodes.
    header
        Whether the first row names the columns; by default detected.

    Returns
    -------
    The two ids of each pair, as they are in the graph.

    Raises
    ------
    InputError
        The file cannot be read, or a node is unknown; the message names it.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "pairs.csv")
    >>> _ = path.write_text("source,target\nann,cid\n")
    >>> read_pairs(path, Graph.from_pairs([("ann", "bob"), ("bob", "cid")]))
    [['ann', 'cid']]
    """
    table = open_table(local_path(path), header=header, guess_header=_unlike_nodes_of(graph))
    ends = _pair_columns(table, None, None, table.column_called(*WEIGHT_NAMES))
    ids, _ = _read_columns(table, ends, None, what="pairs")
    ids = as_known(table, ids.check_complete().checked(), graph)
    if len(ids.codes[0]) == 0:
        raise _no_rows(table, "pairs")
    codes, names = ids.codes, ids.values.cast(pa.string()).to_pylist()
    rows = graph.index(names)[np.stack(codes, axis=1)]
    unknown = np.argwhere(rows < 0)
    if unknown.size:
        row, end = unknown[0]
        advice = "correct its id, or remove this pair"
        if not (row or table.names):
            advice += "; if this line is a header, give --header (header=True)"
        raise InputError(
            f"{table.place(row)}: node {shown(names[codes[end][row]])} is not in the graph; "
            f"{advice}"
        )
    pairs: list[list[NodeId]] = graph.ids[rows].tolist()
    return pairs


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


def _weight_column(table: Table, weight: str | int | None) -> int | None:
    """The column of the weights: the named one, one with a usual name, or an edge list's third."""
    if weight is not None:
        return table.column(str(weight))
    third = [row[2] for row in table.rows if len(row) == 3]
    if (
        inner_suffix(table.path) == ".edgelist"
        and table.names is None
        and table.n_columns == 3
        and all(map(is_number, third))
    ):
        return 2  # as NetworkX writes weighted ones
    return table.column_called(*WEIGHT_NAMES)


def _no_rows(table: Table, noun: str) -> InputError:
    """The error for a table without rows below its header."""
    if table.text is None:
        return InputError(f"{table.path}: holds no {noun}; name a file that holds some")
    return InputError(
        f"{table.path}: has a header but no {noun}; if its only row is not a header, give "
        "--no-header (header=False)"
    )


def _pair_columns(
    table: Table,
    source: str | int | None,
    target: str | int | None,
    weight: int | None,
    *,
    has_options: bool = False,
) -> tuple[int, int]:
    """The columns of both ends; `has_options` says whether the caller can name them."""
    if table.n_columns < 2:
        start = table.names[0] if table.names else table.read([0])[0][0].as_py()
        advice = "; separate them by a comma or a tab"
        if has_options:
            advice = "; give the delimiter with --delimiter (delimiter=)"
        if table.text is None:
            advice = ""
        raise InputError(
            f"{table.path}: only one column ({table.about}), which begins with {shown(start)}; "
            f"two are needed, one for each end of an edge{advice}"
        )
    if source is None or target is None:
        found = find_ends(table.names, table.rows, table.n_columns, table.describe, weight=weight)
        for remark in found.remarks:
            others = f"{ENDS} name others" if has_options else "call others source and target"
            logger.warning("%s: %s; %s", table.path, remark, others)
    first = found.source if source is None else table.column(str(source))
    second = found.target if target is None else table.column(str(target))
    if first == second:
        raise InputError(
            f"{table.path}: source and target are both {table.describe(first)}; give two columns "
            f"with {ENDS}"
        )
    return first, second


def _read_columns(
    table: Table,
    ends: tuple[int, int],
    weight: int | None,
    *,
    what: str = "edges",
    integer_ids: bool = False,
) -> tuple[IdColumns, pa.ChunkedArray | None]:
    """The ids of both ends, and the cells of the weights; logs beforehand what is read."""
    _say_what_is_read(table, *ends, weight, what)
    read = [*ends, *([] if weight is None else [weight])]
    cells = table.read(read, encoded=set(ends))
    ids = IdColumns.of(table, ends, cells[:2], integer_ids=integer_ids)
    return ids, None if weight is None else cells[2]


def _say_what_is_read(
    table: Table, source: int, target: int, weight: int | None, what: str
) -> None:
    used = [source, target] if weight is None else [source, target, weight]
    said = f"{table.describe(source)} to {table.describe(target)}"
    rows = [row for row in table.rows[:3] if len(row) == table.n_columns]
    if rows:
        edges = (f"{shown(row[source])} to {shown(row[target])}" for row in rows)
        said += f" (first: {', '.join(edges)})"
    said += "" if weight is None else f", weights from {table.describe(weight)}"
    unused = [column for column in range(table.n_columns) if column not in used]
    empty = [column for column in unused if _is_empty(table, column)]
    named = [table.describe(column) for column in unused if column not in empty]
    named = [*named[:8], *(["..."] if len(named) > 8 else [])]
    named += [count(len(empty), "empty column")] if empty else []
    if named:
        said += f"; not used: {', '.join(named)}"
    logger.info("%s: %s; %s run from %s", table.path, table.about, what, said)


def _is_empty(table: Table, column: int) -> bool:
    """Whether a column has no name and only empty cells, as spreadsheets write them."""
    cells = table.first_cells(column)
    named = table.names is not None and table.names[column].strip() != ""
    return bool(cells) and not named and not any(map(str.strip, cells))


def _say_direction(table: Table, *, directed: bool) -> None:
    """Warn that arrows lose their direction; refuse those that would reverse directed edges."""
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
            "%s: arrows give edges a direction, which is not kept; directed=True keeps it in "
            "Python (the command line reads undirected graphs)",
            table.path,
        )


def _positive_weights(table: Table, column: int, cells: pa.ChunkedArray) -> NDArray[np.float64]:
    weights = table.numbers(column, cells)
    bad = np.flatnonzero(weights.astype(np.float32) <= 0)
    if bad.size:
        row = int(bad[0])
        what = f"{table.place(row)}: {table.describe(column)} holds {weights[row]:g}"
        if weights[row] < 0:
            raise InputError(
                f"{what}, a negative weight; signed graphs are not supported yet: remove such "
                "rows, or name another column with --weight (weight=)"
            )
        raise InputError(f"{what}, but a weight must be positive; remove rows that are not edges")
    return weights
