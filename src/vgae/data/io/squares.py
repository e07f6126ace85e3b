"""Square tables of numbers: adjacency matrices in text files."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.adjacency import count
from vgae.data.ends import is_number, named_ends
from vgae.data.graph import Graph
from vgae.data.io.id_columns import integers_or_text
from vgae.data.kinds import Kind
from vgae.data.tables import Table
from vgae.data.text import TextFile
from vgae.ground.errors import InputError, shown

__all__ = ["read_square"]

logger = logging.getLogger("vgae.data.io")

LEAST_WIDTH = 4
"""Fewer columns of numbers, without names, are as likely to be a list of edges as a matrix."""
AS_EDGES = "--source 1 --target 2 (source=1, target=2) reads a list of edges"


def read_square(table: Table, *, kind: Kind) -> Graph | None:
    r"""The graph of a table that is an adjacency matrix; None for any other table.

    A matrix has as many rows as columns, all numbers; its header and its first column may hold
    names. If the names of rows and columns agree, the table is a matrix. Without names on both
    sides, a matrix has at least four columns, and is symmetric, or mostly zeros, or zero on its
    diagonal. It is read in blocks: no dense array of all its cells is created.

    Raises
    ------
    InputError
        The table is square and holds numbers, but may be a matrix or a list of edges; or an entry
        is negative or not a number.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from vgae.data.tables import open_table
    >>> path = Path(tempfile.mkdtemp(), "matrix.csv")
    >>> _ = path.write_text(",ann,bob\nann,0,1\nbob,1,0\n")
    >>> read_square(open_table(path, header=True), kind="undirected").ids.tolist()
    ['ann', 'bob']
    """
    text = table.text
    if text is None or table.n_columns < 3 or not table.rows:
        return None
    layout = _Layout.of(table)
    if not _may_be_square(table, text, layout):
        return None
    entries, n_rows, sides = _entries(table, text, layout)
    width, agree = layout.width, layout.has_names_twice
    if n_rows != width or (agree and sides != layout.header):
        return None
    matrix: Any = sparse.csr_array(
        sparse.coo_array(entries, shape=(width, width)), dtype=np.float64
    )
    is_symmetric = (matrix != matrix.T).nnz == 0
    is_sparse = matrix.nnz * 2 <= width * width or not matrix.diagonal().any()
    if not (agree or is_symmetric or is_sparse):
        if layout.header:
            return None
        raise InputError(
            f"{table.path}: {width} columns and as many rows of numbers may be an adjacency matrix "
            f"or a list of edges; {AS_EDGES}, and a matrix can be saved as .mtx or .npz"
        )
    names = layout.header or sides
    return _graph(table, layout, matrix, names, is_symmetric=is_symmetric, kind=kind)


@dataclass(frozen=True)
class _Layout:
    """The places of the names in a matrix.

    Attributes
    ----------
    n_above
        1 if the first row holds names, although they are numbers like entries; otherwise 0.
    n_before
        1 if the first column holds names; otherwise 0.
    header
        The names of the columns of entries, if there are any.
    width
        Number of columns of entries.
    """

    n_above: int
    n_before: int
    header: list[str]
    width: int

    @classmethod
    def of(cls, table: Table) -> _Layout:
        above = table.rows[0] if table.names is None else table.names
        has_corner = above[0].strip() == ""
        n_above = int(has_corner and table.names is None)
        first = [row[0].strip() for row in table.rows[n_above:]]
        are_words = len(set(first)) == len(first) and not any(map(is_number, first))
        count_rows = len(first) == table.n_columns - 1 and any(
            first == [str(start + row) for row in range(len(first))] for start in (0, 1)
        )
        n_before = int(has_corner or are_words or count_rows)
        has_header = n_above or table.names is not None
        header = [cell.strip() for cell in above[n_before:]] if has_header else []
        return cls(n_above, n_before, header, table.n_columns - n_before)

    @property
    def has_names_twice(self) -> bool:
        return bool(self.header and self.n_before)


def _may_be_square(table: Table, text: TextFile, layout: _Layout) -> bool:
    """Whether the first rows are those of a matrix; if names agree, their cells are not checked."""
    rows = table.rows[layout.n_above :]
    if len(rows) > layout.width or (text.is_whole and len(rows) < layout.width):
        return False
    if any(len(row) != table.n_columns for row in rows):
        return False
    if layout.has_names_twice:
        return layout.width > 1 and [r[0].strip() for r in rows] == layout.header[: len(rows)]
    return (
        layout.width >= LEAST_WIDTH
        and not named_ends(layout.header)
        and all(is_number(c.replace(",", ".")) for row in rows for c in row[layout.n_before :])
    )


def _entries(
    table: Table, text: TextFile, layout: _Layout
) -> tuple[tuple[Any, tuple[Any, Any]], int, list[str]]:
    """The nonzero entries with their places, the number of rows, and the names of the rows."""
    values, rows, columns, sides = [], [], [], []
    n_rows = -layout.n_above
    for part in text.parts(list(range(table.n_columns))):
        if layout.n_before:
            sides += [name.strip() for name in part.column("f0").to_pylist()]
        numbers = np.empty((len(part), layout.width))
        for place in range(layout.width):
            column = place + layout.n_before
            cells = part.column(f"f{column}")
            if n_rows < 0:  # its first cell is a name
                cells = pa.chunked_array([["0"], *cells.slice(1).chunks], pa.string())
            numbers[:, place] = _numbers(table, column, cells, n_rows + layout.n_above)
        row, place_of = np.nonzero(numbers)
        values.append(numbers[row, place_of])
        rows.append(row + n_rows)
        columns.append(place_of)
        n_rows += len(part)
        if n_rows > layout.width:
            break
    found = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return found, n_rows, sides[layout.n_above :]


def _numbers(table: Table, column: int, cells: pa.ChunkedArray, row: int) -> NDArray[np.float64]:
    """A part of a column as numbers; `row` is the row of its first cell."""
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
            f"matrix needs a number, 0 for no edge; {AS_EDGES}"
        )
    return values


def _graph(
    table: Table,
    layout: _Layout,
    matrix: Any,
    names: Sequence[str],
    *,
    is_symmetric: bool,
    kind: Kind,
) -> Graph:
    ids = integers_or_text(names) if names else None
    said = f"0 to {matrix.shape[0] - 1}, as it has no names" if ids is None else "its names"
    logger.warning(
        "%s: %s; as many rows as columns, all numbers: read as an adjacency matrix; node ids are "
        "%s; %s",
        table.path,
        table.about,
        said,
        AS_EDGES,
    )
    negative = np.flatnonzero(matrix.data < 0)
    if negative.size and kind != "signed":
        row = int(np.searchsorted(matrix.indptr, negative[0], side="right")) - 1
        column = table.describe(int(matrix.indices[negative[0]]) + layout.n_before)
        raise InputError(
            f"{table.place(row + layout.n_above)}: {column} holds {matrix.data[negative[0]]:g}; "
            "--signed (signed=True) reads a signed graph; otherwise remove negative entries"
        )
    if not is_symmetric and kind != "directed":
        logger.warning(
            "%s: the matrix is not symmetric; the larger of each two opposite entries is used",
            table.path,
        )
    try:
        graph = Graph.from_scipy(matrix, ids=ids, kind=kind)
    except InputError as error:
        raise InputError(f"{table.path}: {error}") from None
    edges = graph.ids[graph.edges[:3]].tolist()
    logger.info(
        "%s: %s; first: %s",
        table.path,
        count(graph.n_edges, "edge"),
        ", ".join(f"{shown(a)} to {shown(b)}" for a, b in edges) or "none",
    )
    return graph
