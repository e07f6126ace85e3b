"""Square tables of numbers: adjacency matrices that were written as text."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import sparse

from vgae.adjacency import count
from vgae.ends import is_number, named_ends
from vgae.errors import InputError, shown
from vgae.graph import Graph
from vgae.ids import NodeId, canonical_int
from vgae.tables import Table
from vgae.text import TextFile

__all__ = ["read_square"]

logger = logging.getLogger("vgae.io")

LEAST_WIDTH = 4
"""Fewer columns of numbers, without names, are a list of edges as likely as a matrix."""
NOT_EDGES = "--source 1 --target 2 reads it as a list of edges"


def read_square(table: Table, *, directed: bool) -> Graph | None:
    """The graph of a table that is an adjacency matrix; None of one that is not.

    A matrix has as many rows as columns, all numbers, of which the names of its rows and columns
    may be the first column and the header. Names on both sides that agree are sure; without, at
    least four columns are needed, and a matrix is symmetric, or mostly zeros, or zero on its
    diagonal. It is read in blocks: no dense array of all its cells is made.

    Raises
    ------
    InputError
        It is square and of numbers, but neither a matrix nor a list of edges beyond doubt; or an
        entry is negative.
    """
    text = table.text
    if text is None or table.n_columns < 3 or not table.rows:
        return None
    corner, named_rows = _layout(table)
    width = table.n_columns - named_rows
    n_unread = 0 if text.is_whole else 1
    height = len(table.rows) - corner
    if width < 2 or height > width or (height != width and not n_unread):
        return None
    first_row = [*(table.names or ())] if table.names is not None else table.rows[0]
    header = [cell.strip() for cell in first_row[named_rows:]]
    has_names = corner or table.names is not None
    if has_names and not named_rows and named_ends(header):
        return None
    body = table.rows[corner:]
    if any(len(row) != table.n_columns for row in body):
        return None
    sides = [row[0].strip() for row in body]
    agree = bool(has_names and named_rows and sides == header[: len(sides)])
    if not agree and (
        width < LEAST_WIDTH
        or (named_rows and has_names)
        or not all(is_number(cell.replace(",", ".")) for row in body for cell in row[named_rows:])
    ):
        return None
    entries, n_rows, sides = _entries(table, text, corner, named_rows)
    if n_rows != width or (agree and sides != header):
        return None
    matrix: Any = sparse.csr_array(
        sparse.coo_array(entries, shape=(width, width)), dtype=np.float64
    )
    is_symmetric = (matrix != matrix.T).nnz == 0
    if not agree and not (
        is_symmetric or matrix.nnz * 2 <= width * width or not matrix.diagonal().any()
    ):
        if has_names:
            return None
        raise InputError(
            f"{table.path}: {width} columns and as many rows of numbers may be an adjacency matrix "
            f"or a list of edges; {NOT_EDGES}, and a matrix can be saved as .mtx or .npz"
        )
    names = header if has_names else sides if named_rows else None
    return _graph(table, matrix, names, is_symmetric=is_symmetric, directed=directed)


def _layout(table: Table) -> tuple[int, int]:
    """Whether the first row, though taken for one of numbers, and the first column hold names."""
    rows = table.rows
    corner = int(table.names is None and rows[0][0].strip() == "")
    first = [row[0].strip() for row in rows[corner:] if row]
    has_header = corner or (table.names is not None and table.names[0].strip() == "")
    counts = first in (list(map(str, range(n, n + len(first)))) for n in (0, 1))
    taller = len(first) == table.n_columns - 1
    words = len(set(first)) == len(first) and not any(map(is_number, first))
    return corner, int(bool(has_header or words or (counts and taller)))


def _entries(
    table: Table, text: TextFile, corner: int, named_rows: int
) -> tuple[tuple[Any, tuple[Any, Any]], int, list[str]]:
    """The entries that are not zero with their places, the number of rows, and their names."""
    values, rows, columns, sides, n_rows = [], [], [], [], -corner
    wanted = list(range(table.n_columns))
    for part in text.parts(wanted):
        if named_rows:
            sides += [name.strip() for name in part.column("f0").to_pylist()]
        numbers = np.empty((len(part), table.n_columns - named_rows))
        for place, column in enumerate(wanted[named_rows:]):
            cells = part.column(f"f{column}")
            if n_rows < 0:  # its first cell is a name
                cells = pa.chunked_array([["0"], *cells.slice(1).chunks], pa.string())
            numbers[:, place] = _numbers(table, column, cells, n_rows + corner)
        row, column_of = np.nonzero(numbers)
        values.append(numbers[row, column_of])
        rows.append(row + n_rows)
        columns.append(column_of)
        n_rows += len(part)
        if n_rows > table.n_columns:
            break
    found = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return found, n_rows, sides[corner:]


def _numbers(table: Table, column: int, cells: pa.ChunkedArray, row: int) -> NDArray[np.float64]:
    """A part of a column, which begins at a row, as numbers."""
    try:
        values: NDArray[np.float64] = pc.utf8_trim_whitespace(cells).cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        texts = cells.to_pylist()
        values = np.array([float(text) if is_number(text) else np.nan for text in texts])
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        cell = cells[int(bad[0])].as_py()
        said = "is empty" if not cell.strip() else f"holds {shown(cell)}"
        raise InputError(
            f"{table.place(row + int(bad[0]))}: {table.describe(column)} {said}; an adjacency "
            f"matrix needs a number, 0 where there is no edge ({NOT_EDGES})"
        )
    return values


def _graph(
    table: Table,
    matrix: Any,
    names: Sequence[str] | None,
    *,
    is_symmetric: bool,
    directed: bool,
) -> Graph:
    ids: list[NodeId] | None = None
    if names is not None:
        integers = [canonical_int(name) for name in names]
        ids = integers if all(isinstance(name, int) for name in integers) else list(names)
    said = f"0 to {matrix.shape[0] - 1}, as it has no names" if ids is None else "its names"
    logger.warning(
        "%s: %s; as many rows as columns, all numbers: taken for an adjacency matrix; node ids are "
        "%s; %s",
        table.path,
        table.about,
        said,
        NOT_EDGES,
    )
    negative = np.flatnonzero(matrix.data < 0)
    if negative.size:
        row = int(np.searchsorted(matrix.indptr, negative[0], side="right")) - 1
        corner, named_rows = _layout(table)
        column = table.describe(int(matrix.indices[negative[0]]) + named_rows)
        raise InputError(
            f"{table.place(row + corner)}: {column} holds {matrix.data[negative[0]]:g}; signed "
            "graphs are not supported yet: an entry must not be negative"
        )
    if not is_symmetric and not directed:
        logger.warning(
            "%s: the matrix is not symmetric; the larger entry of two directions is taken",
            table.path,
        )
    try:
        graph = Graph.from_scipy(matrix, ids=ids, directed=directed)
    except InputError as error:
        raise InputError(f"{table.path}: {error}") from error
    edges = graph.ids[graph.edges[:3]].tolist()
    logger.info(
        "%s: %s; first: %s",
        table.path,
        count(graph.n_edges, "edge"),
        ", ".join(f"{shown(a)} to {shown(b)}" for a, b in edges) or "none",
    )
    return graph
