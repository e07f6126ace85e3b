"""Data frames as tables, and the graphs of those that hold an edge per row."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vgae.data.attributes import IndexKind
from vgae.data.ends import is_row_number, kind_prefixes, two_kinds
from vgae.data.graph import Graph, count
from vgae.data.ids import IdArray, as_ids
from vgae.data.kinds import Kind
from vgae.data.reading import Column
from vgae.data.tables import SEEN_ROWS, Table, as_text_rows, edge_columns
from vgae.ground.errors import InputError, shown

__all__ = ["FRAMES", "Frame", "frame_ids", "frame_numbers", "graph_of_frame", "kind_of"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Frame:
    """A data frame.

    Attributes
    ----------
    table
        Its columns; errors count rows from 0.
    n_rows
        Number of rows.
    index
        The ids that its index gives the rows, shape (n_rows,), or None.
    index_kind
        What they are: of an index with a name, or text, or integers. An index that only counts the
        rows is what pandas has by default.

    Examples
    --------
    >>> frame = FRAMES["pyarrow.Table"](pa.table({"from": ["ann"], "to": ["bob"]}), "Table")
    >>> frame.table.names, frame.n_rows, frame.index
    (['from', 'to'], 1, None)
    """

    table: Table
    n_rows: int
    index: IdArray | None = None
    index_kind: IndexKind | None = None


def kind_of(data: Any, known: Mapping[str, Any]) -> str | None:
    """The key by which an object is known: its library and the name of its class, or of a base.

    Examples
    --------
    >>> kind_of([], {"builtins.list": None}), kind_of("text", {})
    ('builtins.list', None)
    """
    for base in type(data).__mro__:
        key = f"{base.__module__.partition('.')[0]}.{base.__name__}"
        if key in known:
            return key
    return None


def graph_of_frame(
    frame: Frame,
    *,
    source: str | int | None = None,
    target: str | int | None = None,
    weight: str | int | None = None,
    time: str | int | None = None,
    bipartite: bool | None = None,
    kind: Kind = "undirected",
) -> Graph:
    """The graph of a data frame with an edge per row; see `as_graph` for the parameters.

    Raises
    ------
    InputError
        There are no two columns of node ids, or a row lacks an id or a positive weight.

    Examples
    --------
    >>> edges = pa.table({"from": ["ann"], "to": ["bob"]})
    >>> graph_of_frame(FRAMES["pyarrow.Table"](edges, "Table"))
    Graph(2 nodes, 1 edge, no features)
    """
    table = frame.table
    reading = edge_columns(table, source=source, target=target, weight=weight, time=time)
    ends = (_id_cells(table, reading.source.place), _id_cells(table, reading.target.place))
    if bipartite or (
        bipartite is None and two_kinds(table.names, reading.source.place, reading.target.place)
    ):
        ends = _apart(table, (reading.source, reading.target), ends)
        kind = "bipartite" if kind == "undirected" else kind
    weights = None if reading.weight is None else frame_numbers(table, reading.weight.place)
    times = None
    if reading.time is not None:
        times = table.times(reading.time.place, _cells(table, reading.time.place))
    try:
        graph = Graph.from_pairs(ends, weights=weights, times=times, kind=kind)
        if kind == "bipartite":
            places = reading.source.place, reading.target.place
            names = [name.removesuffix(":") for name in kind_prefixes(table.names, *places)]
            graph = graph.with_types(graph.node_types, names, bipartite=True)
    except InputError as error:
        raise InputError(f"{table.path}: {error}") from None
    return graph.with_reading(reading)


def frame_ids(table: Table, column: int) -> IdArray:
    """The node ids that a column holds, shape (n_rows,).

    Raises
    ------
    InputError
        A cell is missing, or they are neither all text nor all integers.

    Examples
    --------
    >>> frame = FRAMES["pyarrow.Table"](pa.table({"id": [7, 3]}), "people")
    >>> frame_ids(frame.table, 0).tolist()
    [7, 3]
    """
    return as_ids(_id_cells(table, column))


def frame_numbers(table: Table, column: int) -> NDArray[np.float64]:
    """The numbers that a column holds, such as weights, shape (n_rows,).

    Raises
    ------
    InputError
        A cell is missing, or they are no numbers.

    Examples
    --------
    >>> frame = FRAMES["pyarrow.Table"](pa.table({"weight": [2, 3]}), "mails")
    >>> frame_numbers(frame.table, 0).tolist()
    [2.0, 3.0]
    """
    cells = _cells(table, column)
    numeric = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    if not any(fits(cells.type) for fits in numeric):
        raise InputError(f"{table.path}: {table.describe(column)} holds {cells.type}, not numbers")
    values: NDArray[np.float64] = cells.cast(pa.float64(), safe=False).to_numpy()
    return values


def _apart(table: Table, columns: tuple[Column, Column], ends: tuple[Any, Any]) -> tuple[Any, Any]:
    """The ids of two kinds of nodes, with prefixes where both columns hold the same id."""
    first, second = (cells.unique().cast(pa.string()) for cells in ends)
    n_common = pc.sum(pc.is_in(second, first)).as_py() or 0
    if not n_common:
        if all(pa.types.is_integer(cells.type) for cells in ends):
            return ends
        # Words in one column make those of the other text too, as in a file.
        return ends[0].cast(pa.string()), ends[1].cast(pa.string())
    prefixes = kind_prefixes(table.names, *(column.place for column in columns))
    parts = [
        pc.binary_join_element_wise(prefix, cells.cast(pa.string()), "")
        for prefix, cells in zip(prefixes, ends, strict=True)
    ]
    logger.warning(
        "%s: two kinds of nodes, with %s in common: ids are written %s, %s",
        table.path,
        count(n_common, "id"),
        *(shown(part[0].as_py()) for part in parts),
    )
    return parts[0], parts[1]


def _cells(table: Table, column: int) -> pa.ChunkedArray:
    """A column none of whose cells is missing."""
    cells = table.read([column])[0]
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if cells.null_count:
        row = int(cells.is_null().to_numpy().argmax())
        raise InputError(
            f"{table.place(row)}: {table.describe(column)} is missing "
            f"({count(cells.null_count, 'such row')}); drop or fill them"
        )
    return cells


def _id_cells(table: Table, column: int) -> pa.ChunkedArray:
    cells = _cells(table, column)
    is_type = pa.types
    if len(cells) == 0:  # then its type says nothing: pandas calls an empty list numbers
        return cells
    if is_type.is_floating(cells.type):
        raise InputError(
            f"{table.path}: {table.describe(column)} holds {cells.type}, not node ids; pandas "
            "turns integers into floats where a value is or was missing: .astype('int64')"
        )
    if is_type.is_string_view(cells.type):
        return cells.cast(pa.string())
    known = (is_type.is_integer, is_type.is_string, is_type.is_large_string, is_type.is_null)
    if not any(fits(cells.type) for fits in known):
        raise InputError(
            f"{table.path}: {table.describe(column)} holds {cells.type}, not node ids "
            "(text or integers)"
        )
    return cells


# --------------------------------------------------------------------- libraries


def _of_pandas(frame: Any, where: str) -> Frame:
    names = list(frame.columns)
    if names and all(isinstance(name, str) for name in names) and list(frame.index) == names:
        raise InputError(
            f"{where}: its rows are named as its columns are, so that it is no table but an "
            "adjacency matrix; give scipy.sparse.csr_array(frame.to_numpy())"
        )

    def cells(column: int, n_rows: int | None) -> Any:
        return pa.array(frame.iloc[:n_rows, column], from_pandas=True)

    table = _table(where, [str(name) for name in names], cells)
    index = frame.index
    counts = type(index).__name__ == "RangeIndex" and (index.start, index.step) == (0, 1)
    try:
        ids = as_ids(index.to_numpy())
    except InputError:
        ids = None  # several levels, dates, ...: no ids
    if ids is None:
        return Frame(table, len(frame))
    if index.name is not None and not is_row_number(str(index.name)):
        return Frame(table, len(frame), ids, "named")
    text = ids.dtype.kind == "O"
    return Frame(table, len(frame), ids, "counts" if counts else "text" if text else "numbers")


def _of_polars(frame: Any, where: str) -> Frame:
    def cells(column: int, n_rows: int | None) -> Any:
        values = frame.to_series(column)
        return (values if n_rows is None else values.head(n_rows)).to_arrow()

    return Frame(_table(where, list(frame.columns), cells), frame.height)


def _of_arrow(table: Any, where: str) -> Frame:
    def cells(column: int, n_rows: int | None) -> Any:
        return table.column(column).slice(0, n_rows)

    return Frame(_table(where, table.column_names, cells), table.num_rows)


def _table(where: str, names: list[str], cells: Callable[[int, int | None], Any]) -> Table:
    """A table of columns in memory, of which `cells` gives all rows or the first ones."""

    def read(columns: list[int], _encoded: Any) -> list[pa.ChunkedArray]:
        return [whole(column) for column in columns]

    @cache
    def whole(column: int) -> pa.ChunkedArray:
        try:
            values = cells(column, None)
        except (pa.ArrowException, OverflowError):
            raise InputError(
                f"{where}: column '{names[column]}' mixes types, or holds other objects; convert "
                "it to one type"
            ) from None
        return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])

    def first_rows() -> list[list[str]]:
        try:
            return as_text_rows([cells(column, SEEN_ROWS) for column in range(len(names))])
        except (pa.ArrowException, OverflowError):
            return []  # a column of other objects: refused if it is read

    return Table(
        Path(where),
        names,
        len(names),
        count(len(names), "column"),
        read,
        lambda: iter(()),
        first_rows,
        in_memory=True,
    )


FRAMES: Final[dict[str, Callable[[Any, str], Frame]]] = {
    "pandas.DataFrame": _of_pandas,
    "polars.DataFrame": _of_polars,
    "pyarrow.Table": _of_arrow,
}
"""How a data frame is read, by the library and the name of its class or of one of its bases."""
