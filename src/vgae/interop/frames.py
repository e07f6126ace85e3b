"""Edge lists in data frames: columns, in PyArrow's form, that were found by their names."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from vgae.ends import WEIGHT_NAMES, column_called, find_ends, kind_prefixes, two_kinds
from vgae.errors import InputError, shown
from vgae.graph import Graph, count
from vgae.ids import IdArray, as_ids
from vgae.tables import SEEN_ROWS, as_text_rows

__all__ = ["FRAMES", "from_arrow", "from_pandas", "from_polars"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Frame:
    """A table in memory: what errors call it, its columns' names, and how one is read.

    `read` takes the place of a column, and whether its first rows will do.
    """

    where: str
    names: Sequence[str]
    read: Callable[[int, bool], Any]

    def graph(self, *, directed: bool) -> Graph:
        """The graph of an edge list, one edge a row.

        Raises
        ------
        InputError
            There are no two columns of node ids, or a row lacks an id or a positive weight.
        """
        source, target, weight = self._edge_columns()
        ends = self._apart(source, target, self._ids(source), self._ids(target))
        weights = None if weight is None else self._numbers(weight)
        try:
            return Graph.from_pairs(ends, weights=weights, directed=directed)
        except InputError as error:
            raise InputError(f"{self.where}: {error}") from error

    def pairs(self, known: Graph) -> tuple[IdArray, IdArray]:
        """The ids of both ends, row by row, as a graph has them.

        Where the columns' names say two kinds of nodes, and the graph has such ids, they are told
        apart as in the graph.

        Raises
        ------
        InputError
            There are no two columns of node ids, or a row lacks an id.
        """
        source, target, _ = self._edge_columns()
        columns = [as_ids(self._ids(column)) for column in (source, target)]
        if two_kinds(self.names, source, target):
            prefixes = kind_prefixes(self.names, source, target)
            apart = [
                as_ids([f"{prefix}{name}" for name in column.tolist()])
                for prefix, column in zip(prefixes, columns, strict=True)
            ]
            if any((known.index(column) >= 0).any() for column in apart):
                columns = apart
        return columns[0], columns[1]

    def _edge_columns(self) -> tuple[int, int, int | None]:
        if len(self.names) < 2:
            raise InputError(
                f"{self.where}: {count(len(self.names), 'column')}; two are needed, one for each "
                "end of an edge"
            )
        weight = column_called(self.names, *WEIGHT_NAMES)
        n_columns = len(self.names)
        found = find_ends(self.names, self._first_rows(), n_columns, self._column, weight=weight)
        for remark in found.remarks:
            logger.warning("%s: %s; call others source and target if need be", self.where, remark)
        source, target = found.source, found.target
        if weight in (source, target):
            raise InputError(
                f"{self.where}: {self._column(weight or 0)} is one of the first two, which hold "
                "node ids; call those source and target"
            )
        said = f"{self._column(source)} to {self._column(target)}"
        said += "" if weight is None else f", weights from {self._column(weight)}"
        unused = [
            self._column(i) for i in range(len(self.names)) if i not in (source, target, weight)
        ]
        said += f"; not used: {', '.join(unused)}" if unused else ""
        logger.info("%s: edges run from %s", self.where, said)
        return source, target, weight

    def _first_rows(self) -> list[list[str]]:
        try:
            return as_text_rows([self.read(column, True) for column in range(len(self.names))])
        except (pa.ArrowException, OverflowError):
            return []  # a column of other objects: refused if it is read

    def _apart(self, source: int, target: int, first: Any, second: Any) -> tuple[Any, Any]:
        """The ids of both ends, told apart where the columns' names say two kinds of nodes."""
        if not two_kinds(self.names, source, target):
            return first, second
        common = pc.is_in(second.unique(), first.unique())
        n_common = pc.sum(common).as_py() or 0
        if not n_common:
            return first, second
        prefixes = kind_prefixes(self.names, source, target)
        parts = [
            pc.binary_join_element_wise(prefix, cells.cast(pa.string()), "")
            for prefix, cells in zip(prefixes, (first, second), strict=True)
        ]
        logger.warning(
            "%s: two kinds of nodes, with %s in common: ids are written %s, %s",
            self.where,
            count(n_common, "id"),
            *(shown(part[0].as_py()) for part in parts),
        )
        return parts[0], parts[1]

    def _column(self, column: int) -> str:
        return f"column '{self.names[column]}'"

    def _cells(self, column: int) -> Any:
        """A column none of whose cells is missing."""
        try:
            cells = self.read(column, False)
        except (pa.ArrowException, OverflowError) as error:
            raise InputError(
                f"{self.where}: {self._column(column)} mixes types, or holds other objects; "
                "convert it to one type"
            ) from error
        if pa.types.is_dictionary(cells.type):
            cells = cells.cast(cells.type.value_type)
        if cells.null_count:
            row = cells.is_null().to_numpy(zero_copy_only=False).argmax()
            raise InputError(
                f"{self.where}, row {row}: {self._column(column)} is missing "
                f"({count(cells.null_count, 'such row')}); drop or fill them"
            )
        return cells

    def _ids(self, column: int) -> Any:
        cells = self._cells(column)
        is_type = pa.types
        if len(cells) == 0:  # then its type says nothing: pandas calls an empty list numbers
            return cells
        if is_type.is_floating(cells.type):
            raise InputError(
                f"{self.where}: {self._column(column)} holds {cells.type}, not node ids; pandas "
                "turns integers into floats where a value is or was missing: .astype('int64')"
            )
        if is_type.is_string_view(cells.type):
            return cells.cast(pa.string())
        known = (is_type.is_integer, is_type.is_string, is_type.is_large_string, is_type.is_null)
        if not any(fits(cells.type) for fits in known):
            raise InputError(
                f"{self.where}: {self._column(column)} holds {cells.type}, not node ids "
                "(text or integers)"
            )
        return cells

    def _numbers(self, column: int) -> Any:
        cells = self._cells(column)
        numeric = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
        if not any(fits(cells.type) for fits in numeric):
            raise InputError(
                f"{self.where}: {self._column(column)} holds {cells.type}, not numbers"
            )
        return cells.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def from_pandas(frame: Any, directed: bool) -> Graph:
    """Graph from a pandas DataFrame of edges."""
    names = list(frame.columns)
    if names and all(isinstance(name, str) for name in names) and list(frame.index) == names:
        raise InputError(
            "DataFrame: its rows are named as its columns are, so that it is no list of edges but "
            "an adjacency matrix; give scipy.sparse.csr_array(frame.to_numpy())"
        )
    return _of_pandas(frame).graph(directed=directed)


def from_polars(frame: Any, directed: bool) -> Graph:
    """Graph from a Polars DataFrame of edges."""
    return _of_polars(frame).graph(directed=directed)


def from_arrow(table: Any, directed: bool) -> Graph:
    """Graph from a PyArrow table of edges."""
    return _of_arrow(table).graph(directed=directed)


def _of_pandas(frame: Any) -> _Frame:
    def read(column: int, first: bool) -> Any:
        cells = frame.iloc[:SEEN_ROWS, column] if first else frame.iloc[:, column]
        return pa.array(cells, from_pandas=True)

    return _Frame("DataFrame", [str(name) for name in frame.columns], read)


def _of_polars(frame: Any) -> _Frame:
    def read(column: int, first: bool) -> Any:
        cells = frame.to_series(column)
        return (cells.head(SEEN_ROWS) if first else cells).to_arrow()

    return _Frame("DataFrame", frame.columns, read)


def _of_arrow(table: Any) -> _Frame:
    def read(column: int, _first: bool) -> Any:
        return table.column(column)

    return _Frame("Table", table.column_names, read)


FRAMES: Final[dict[str, Callable[[Any], _Frame]]] = {
    "pandas.DataFrame": _of_pandas,
    "polars.DataFrame": _of_polars,
    "pyarrow.Table": _of_arrow,
}
"""How a table in memory is read, by the library and the name of its class."""
