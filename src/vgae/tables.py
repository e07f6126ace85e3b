"""Tables on disk: delimited text, Parquet and Arrow in; CSV, Parquet and others out."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet
from numpy.typing import NDArray

from vgae.adjacency import count
from vgae.columnar import StoredColumns, open_arrow, open_json_lines, open_parquet
from vgae.dialects import refuse_pipe
from vgae.errors import InputError, shown, unknown_name
from vgae.files import check_file, file_errors, staged_file
from vgae.text import TextFile, open_text

__all__ = [
    "NODE_NAMES",
    "SOURCE_NAMES",
    "TABLE_SUFFIXES",
    "TARGET_NAMES",
    "WEIGHT_NAMES",
    "Table",
    "check_output",
    "column_called",
    "first_two",
    "inner_suffix",
    "is_number",
    "is_row_number",
    "open_table",
    "write_table",
]

logger = logging.getLogger(__name__)

SOURCE_NAMES = ("source", "src", "from", "u", "node1", "node_1", "source_id", "from_id", "head")
TARGET_NAMES = ("target", "dst", "to", "v", "node2", "node_2", "target_id", "to_id", "tail")
WEIGHT_NAMES = ("weight",)
NODE_NAMES = ("node", "id", "node_id")

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet", ".arrow", ".feather")
COMPRESSED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
PARQUET_MAGIC, ARROW_MAGIC = b"PAR1", b"ARROW1"
ARROW_SUFFIXES = (".arrow", ".arrows", ".feather")


@dataclass(frozen=True)
class Table:
    """A table whose shape is known and whose columns are read when asked for.

    Attributes
    ----------
    path
        The file.
    names
        Column names of a file that has any, else None.
    n_columns
        Number of columns.
    about
        How the file was understood, in words.
    first
        The first row below the header as text, where that is known without reading the table.
    """

    path: Path
    names: list[str] | None
    n_columns: int
    about: str
    _read: Callable[[list[int], Collection[int]], list[pa.ChunkedArray]]
    _lines: Callable[[], Iterator[int]]
    first: list[str] | None = None

    def column(self, wanted: str) -> int:
        """Position of a column given by its name, or by its number from 1.

        Raises
        ------
        InputError
            There is no such column.
        """
        if self.names is not None and wanted in self.names:
            return self.names.index(wanted)
        if wanted.isdecimal():
            if 1 <= int(wanted) <= self.n_columns:
                return int(wanted) - 1
            raise InputError(f"{self.path}: no column {wanted}; there are {self.n_columns}")
        if self.names is None:
            raise InputError(
                f"{self.path}: no column '{wanted}', as there is no header; name columns by number"
            )
        error = unknown_name("column", wanted, self.names)
        raise InputError(f"{self.path}: {error}")

    def column_called(self, *names: str) -> int | None:
        """Position of the first column with one of these names, in any case of letters."""
        return column_called(self.names or [], *names)

    def describe(self, column: int) -> str:
        """A column in words: its name, or its number from 1."""
        return f"column {column + 1}" if self.names is None else f"column '{self.names[column]}'"

    def say_row_numbers(self, column: int) -> None:
        """Say that a column is left out, as it is a data frame's index."""
        logger.warning(
            "%s: %s is taken for row numbers of a data frame: not used",
            self.path,
            self.describe(column),
        )

    def read(
        self, columns: Sequence[int], *, encoded: Collection[int] = ()
    ) -> list[pa.ChunkedArray]:
        """Columns by position: of strings from text, of their own types from Parquet and Arrow.

        Those in `encoded` come with a dictionary, which takes a fraction of the memory where
        values recur.
        """
        return self._read(list(columns), encoded)

    def held(self, columns: Sequence[int]) -> Table:
        """The same table with these columns read already, once for all that look at them."""
        cells = dict(zip(columns, self.read(columns), strict=True))
        return replace(self, _read=lambda wanted, _: [cells[column] for column in wanted])

    def place(self, row: int) -> str:
        """Where a row is, in words: 'edges.csv, line 7', or a row number in Parquet."""
        for number, line in enumerate(self._lines()):
            if number == row:
                return f"{self.path}, line {line}"
        return f"{self.path}, row {row + 1}"

    def numbers(self, column: int, cells: pa.ChunkedArray) -> NDArray[np.float64]:
        """A column, already read, as finite numbers, shape (n_rows,).

        Raises
        ------
        InputError
            A cell is missing, is no number or is not finite in float32; the line says which.
        """
        if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
            cells = pc.utf8_trim_whitespace(cells)
        elif pa.types.is_dictionary(cells.type) or pa.types.is_nested(cells.type):
            raise InputError(f"{self.path}: {self.describe(column)} is not numeric")
        try:
            values = cells.cast(pa.float64()).to_numpy()
        except pa.ArrowInvalid:
            values = np.array([_number(cell.as_py()) for cell in cells], dtype=np.float64)
        except pa.ArrowNotImplementedError as error:
            raise InputError(f"{self.path}: {self.describe(column)} is not numeric") from error
        with np.errstate(over="ignore"):
            bad = np.flatnonzero(~np.isfinite(values.astype(np.float32)))
        if bad.size:
            row = int(bad[0])
            cell = cells[row].as_py()
            said = "is empty" if cell in (None, "") else f"holds {shown(cell)}, not a finite number"
            raise InputError(f"{self.place(row)}: {self.describe(column)} {said}")
        numbers: NDArray[np.float64] = values
        return numbers


def column_called(names: Sequence[str], *wanted: str) -> int | None:
    """Position of the first of the wanted names among these, in any case of letters.

    Examples
    --------
    >>> column_called(["When", " To ", "From"], "source", "from")
    2
    """
    lowered = [name.strip().lower() for name in names]
    return next((lowered.index(name) for name in wanted if name in lowered), None)


def open_table(
    path: Path,
    *,
    header: bool | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    comment: str | None = None,
    guess_header: Callable[[list[list[str]]], bool] = lambda _rows: False,
) -> Table:
    """Find out how a file is written: Parquet, Arrow, JSON lines, or delimited text.

    Compression (gzip, zstd, bz2) is known by the first bytes.

    Parameters
    ----------
    path
        The file.
    header
        Whether the first row names the columns; None asks `guess_header`.
    delimiter
        One character; None detects it on the first rows.
    quote
        The character around cells that hold a delimiter; None is '"', "none" switches quotes off.
    comment
        What comment lines begin with; None is "# ", "% ", "%%" and a "#" or "%" alone on its line,
        "none" switches comments off.
    guess_header
        Says of the first rows, as text, whether the first is a header.

    Raises
    ------
    InputError
        The file is missing, empty, not text in UTF-8, or damaged.
    """
    with file_errors(path):
        refuse_pipe(path)
        with path.open("rb") as handle:
            start = handle.read(6)
        if start[:4] == PARQUET_MAGIC or path.suffix == ".parquet":
            return _stored_table(open_parquet(path))
        if start == ARROW_MAGIC or path.suffix in ARROW_SUFFIXES:
            return _stored_table(open_arrow(path))
        if inner_suffix(path) == ".jsonl" and start:
            return _stored_table(open_json_lines(path))
        text = open_text(
            path,
            header=header,
            delimiter=delimiter,
            quote=quote,
            comment=comment,
            guess_header=guess_header,
        )
        return _text_table(text)


def inner_suffix(path: Path) -> str:
    """The suffix that tells a file's format, that of a compression left out.

    Examples
    --------
    >>> inner_suffix(Path("edges.CSV.gz"))
    '.csv'
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        del suffixes[-1]
    return suffixes[-1] if suffixes else ""


def write_table(path: Path, columns: Mapping[str, Any]) -> None:
    """Write columns in the format that the file's suffix names, all or nothing.

    Parameters
    ----------
    path
        Ends in .csv, .tsv, .jsonl (an object a line), .parquet, .arrow or .feather; text also in
        .gz, .zst or .bz2 after that.
    columns
        Sequences or arrays of one length, by name.

    Raises
    ------
    InputError
        The suffix is another one, or the file cannot be written.
    """
    check_output(path)
    suffix, compression = inner_suffix(path), COMPRESSED.get(path.suffix.lower())
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    with staged_file(path) as staged, file_errors(path):
        if suffix == ".parquet":
            pyarrow.parquet.write_table(table, staged)
            return
        with pa.output_stream(str(staged), compression=compression) as stream:
            if suffix in (".arrow", ".feather"):
                with pa.ipc.new_file(stream, table.schema) as writer:
                    writer.write_table(table)
            elif suffix == ".jsonl":
                for row in table.to_pylist():
                    stream.write((json.dumps(row) + "\n").encode())
            else:
                delimiter = "\t" if suffix == ".tsv" else ","
                options = pa.csv.WriteOptions(delimiter=delimiter, quoting_style="needed")
                pa.csv.write_csv(table, stream, options)


def check_output(path: Path) -> None:
    """Refuse an output name before the work is done.

    Raises
    ------
    InputError
        The suffix is none that can be written, or a file cannot be made in that folder.
    """
    suffix = inner_suffix(path)
    known = ", ".join(TABLE_SUFFIXES)
    if suffix not in TABLE_SUFFIXES:
        raise InputError(f"{path}: cannot write '{path.suffix}'; use one of {known}")
    if path.suffix.lower() in COMPRESSED and suffix not in (".csv", ".tsv", ".jsonl"):
        raise InputError(f"{path}: {suffix} has its own compression; leave '{path.suffix}' away")
    check_file(path)


# ------------------------------------------------------------------------ text


def _text_table(text: TextFile) -> Table:
    def read(columns: list[int], encoded: Collection[int]) -> list[pa.ChunkedArray]:
        cells, n_comments = text.read(columns, encoded)
        if n_comments:
            logger.info("%s: left out %s", text.path, count(n_comments, "comment line"))
        return cells

    names = text.first_row if text.dialect.header else None
    n_columns = len(text.first_row)
    about = f"{text.dialect}, {count(n_columns, 'column')}, {'with a' if names else 'no'} header"
    return Table(text.path, names, n_columns, about, read, text.lines, text.first)


def first_two(names: Sequence[str]) -> tuple[int, int]:
    """The first two columns that are not a data frame's row numbers, if there are three.

    Examples
    --------
    >>> first_two(["", "from", "to"]), first_two(["", "to"])
    ((1, 2), (0, 1))
    """
    others = [column for column, name in enumerate(names) if not is_row_number(name)]
    return (others[0], others[1]) if len(others) > 1 else (0, 1)


def is_row_number(name: str) -> bool:
    """Whether a column of this name is a data frame's index, which was written along.

    Examples
    --------
    >>> is_row_number(""), is_row_number("Unnamed: 0"), is_row_number("index")
    (True, True, False)
    """
    return re.fullmatch(r"|Unnamed: \d+|__index_level_\d+__", name.strip()) is not None


def is_number(cell: str) -> bool:
    """Whether a cell spells a number, finite or not."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # 1_0 is ten in Python only


def _number(cell: Any) -> float:
    return float(cell) if is_number(str(cell)) else float("nan")


# --------------------------------------------------------------------- columns


def _stored_table(columns: StoredColumns) -> Table:
    about = f"{columns.kind}, {count(len(columns.names), 'column')}"
    names, width = columns.names, len(columns.names)
    return Table(columns.path, names, width, about, columns.read, lambda: iter(()))
