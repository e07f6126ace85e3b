"""Tables on disk: text (CSV, TSV, gzip) and Parquet in, CSV and Parquet out.

Text is read column by column through PyArrow. A row that cannot be read is looked for a second
time, slowly, so that every error carries its line number.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from vgae.errors import InputError, unknown_name
from vgae.files import check_file, file_errors, staged_file

__all__ = [
    "SOURCE_NAMES",
    "TARGET_NAMES",
    "WEIGHT_NAMES",
    "Table",
    "column_called",
    "open_table",
    "write_table",
]

SOURCE_NAMES = ("source", "src", "from", "u", "node1", "node_1", "source_id", "from_id", "head")
TARGET_NAMES = ("target", "dst", "to", "v", "node2", "node_2", "target_id", "to_id", "tail")
WEIGHT_NAMES = ("weight",)
"""Columns that are known by their names, in a file as in a data frame; tried in this order."""

DELIMITERS = {"\t": "tab", ";": "semicolon", "|": "bar", ",": "comma", " ": "space"}
WRITERS = (".csv", ".tsv", ".parquet")
SAMPLE_BYTES, SAMPLE_ROWS = 2**20, 2000
PARQUET_MAGIC, GZIP_MAGIC = b"PAR1", b"\x1f\x8b"
UNCLOSED = " (an unclosed quote?)"
COMMENT = re.compile(r"[#%](\s|%|$)")


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
    """

    path: Path
    names: list[str] | None
    n_columns: int
    about: str
    _read: Callable[[list[int]], list[pa.ChunkedArray]]
    _lines: Callable[[], Iterator[int]]

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

    def read(self, columns: Sequence[int]) -> list[pa.ChunkedArray]:
        """Columns by position: of strings from text, of their own types from Parquet."""
        return self._read(list(columns))

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
            said = "is empty" if cell in (None, "") else f"holds '{cell}', not a finite number"
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
    guess_header: Callable[[list[list[str]]], bool] = lambda _rows: False,
) -> Table:
    """Find out how a file is written: Parquet, or delimited text.

    Lines at the start that begin with "# " or "% " are comments. Gzip is known by its first bytes.

    Parameters
    ----------
    path
        The file.
    header
        Whether the first row names the columns; None asks `guess_header`.
    delimiter
        One character; None detects it on the first rows.
    guess_header
        Says of the first rows, as text, whether the first is a header.

    Raises
    ------
    InputError
        The file is missing, empty, not text in UTF-8, or damaged.
    """
    with file_errors(path):
        with path.open("rb") as handle:
            if handle.read(4) == PARQUET_MAGIC or path.suffix == ".parquet":
                return _open_parquet(path)
        head = _head(path)
        n_skipped, text = _after_comments(path, head)
        if delimiter is None:
            delimiter = _detect_delimiter(text)
        elif len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
            raise InputError(f"delimiter {delimiter!r}: must be one plain character, not a quote")
        rows = _sample_rows(text, delimiter)
        if not rows:
            raise InputError(f"{path}, line {n_skipped + 1}: cannot be read{UNCLOSED}")
        has_header = guess_header(rows) if header is None else header
        return _text_table(path, rows, delimiter, n_skipped, has_header)


def write_table(path: Path, columns: Mapping[str, Any]) -> None:
    """Write columns as CSV, TSV or Parquet by the file's suffix, all or nothing.

    Parameters
    ----------
    path
        Ends in .csv, .tsv or .parquet.
    columns
        Sequences or arrays of one length, by name.

    Raises
    ------
    InputError
        The suffix is another one, or the file cannot be written.
    """
    check_output(path)
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    with staged_file(path) as staged:
        if path.suffix == ".parquet":
            pyarrow.parquet.write_table(table, staged)
        else:
            options = pa.csv.WriteOptions(
                delimiter="\t" if path.suffix == ".tsv" else ",",
                quoting_style="needed",
            )
            pa.csv.write_csv(table, staged, options)


def check_output(path: Path) -> None:
    """Refuse an output name before the work is done.

    Raises
    ------
    InputError
        The suffix is none that can be written, or a file cannot be made in that folder.
    """
    if path.suffix not in WRITERS:
        raise InputError(f"{path}: cannot write '{path.suffix}'; use one of {', '.join(WRITERS)}")
    check_file(path)


# ------------------------------------------------------------------------ text


def _text_table(
    path: Path, rows: list[list[str]], delimiter: str, n_skipped: int, has_header: bool
) -> Table:
    n_columns = len(rows[0])
    names = rows[0] if has_header else None

    def read(columns: list[int]) -> list[pa.ChunkedArray]:
        wanted = [f"f{column}" for column in columns]
        try:
            with file_errors(path):
                table = pa.csv.read_csv(
                    _byte_stream(path),
                    read_options=pa.csv.ReadOptions(
                        autogenerate_column_names=True, skip_rows=n_skipped
                    ),
                    parse_options=pa.csv.ParseOptions(
                        delimiter=delimiter,
                        # Else a stray quote makes the parallel reader drop rows without a word.
                        newlines_in_values=True,
                    ),
                    convert_options=pa.csv.ConvertOptions(
                        strings_can_be_null=False,
                        column_types={name: pa.string() for name in wanted},
                        include_columns=list(dict.fromkeys(wanted)),
                    ),
                )
        except pa.ArrowInvalid as error:
            raise _explain(path, n_skipped, delimiter, n_columns, error) from error
        body = table.slice(1) if has_header else table
        return [body.column(name) for name in wanted]

    def lines() -> Iterator[int]:
        rows = _numbered_rows(path, n_skipped, delimiter)
        if has_header:
            next(rows, None)
        return (line for line, _ in rows)

    parts = [DELIMITERS.get(delimiter, repr(delimiter)) + "-separated"]
    parts.append(f"{n_columns} columns, " + ("with a header" if has_header else "no header"))
    if n_skipped:
        parts.append(f"skipped {n_skipped} leading comment or blank lines")
    return Table(path, names, n_columns, ", ".join(parts), read, lines)


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as handle:
        return handle.read(2) == GZIP_MAGIC


def _byte_stream(path: Path) -> Any:
    compressed = _is_gzip(path)
    stream = pa.OSFile(str(path))
    return pa.CompressedInputStream(stream, "gzip") if compressed else stream


def _line_stream(path: Path) -> Any:
    """The file's lines as text, with damaged characters kept as surrogates."""
    raw = gzip.open(path, "rb") if _is_gzip(path) else path.open("rb")  # noqa: SIM115 - given away
    return io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _head(path: Path) -> str:
    """The first lines of a file as text; only whole ones where there are more."""
    stream = _byte_stream(path)
    sample: bytes = stream.read(SAMPLE_BYTES)
    if not sample.strip():
        raise InputError(f"{path}: is empty")
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError(f"{path}, line 1: not UTF-8 text but UTF-16; save the file as UTF-8")
    if b"\0" in sample:
        raise InputError(f"{path}: is not a text file (it holds zero bytes)")
    if len(sample) == SAMPLE_BYTES:
        sample = sample[: max(sample.rfind(b"\n"), sample.rfind(b"\r")) + 1] or sample
    try:
        return sample.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(path) or error from error


def _not_utf8(path: Path) -> InputError | None:
    with _line_stream(path) as text:
        for number, line in enumerate(text, start=1):
            damaged = [ord(letter) for letter in line if "\udc80" <= letter <= "\udcff"]
            if damaged:
                return InputError(
                    f"{path}, line {number}: not UTF-8 text (byte 0x{damaged[0] - 0xDC00:02x}); "
                    "save the file as UTF-8"
                )
    return None


def _after_comments(path: Path, head: str) -> tuple[int, list[str]]:
    """Number of leading comment and blank lines, and the lines after them."""
    lines = re.split(r"\r\n|\n|\r", head)  # not splitlines, which knows seven more
    for number, line in enumerate(lines):
        if line.strip() and not COMMENT.match(line):
            return number, lines[number:]
    raise InputError(f"{path}: is empty but for comments")


def _sample_rows(lines: list[str], delimiter: str) -> list[list[str]]:
    """The first rows, up to one that cannot be read: reading them all will say which."""
    rows: list[list[str]] = []
    with suppress(csv.Error):
        for row in islice(csv.reader(lines, delimiter=delimiter), SAMPLE_ROWS):
            if row:
                rows.append(row)  # noqa: PERF401 - keep what came before an error
    return rows


def _detect_delimiter(lines: list[str]) -> str:
    """The first that splits all of the first rows alike, else the first that splits one."""
    present = []
    for delimiter in DELIMITERS:
        widths = [len(row) for row in _sample_rows(lines[:100], delimiter)]
        if widths and widths[0] > 1:
            present.append(delimiter)
            if len(set(widths)) == 1:
                return delimiter
    return present[0] if present else ","


def _numbered_rows(path: Path, n_skipped: int, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line that each begins on, read slowly: only to explain an error."""
    with _line_stream(path) as text:
        for _ in range(n_skipped):
            next(text)
        reader = csv.reader(text, delimiter=delimiter)
        start = 1
        try:
            for row in reader:
                if row:
                    yield n_skipped + start, row
                start = reader.line_num + 1
        except (csv.Error, EOFError, OSError, zlib.error) as error:
            reason = str(error).splitlines()[0].lower()
            raise InputError(f"{path}, line {n_skipped + start}: {reason}{UNCLOSED}") from error


def _explain(
    path: Path, n_skipped: int, delimiter: str, n_columns: int, error: pa.ArrowInvalid
) -> InputError:
    """The line behind PyArrow's complaint about a text file."""
    if "UTF8" in str(error) and (explained := _not_utf8(path)):
        return explained
    for line, row in _numbered_rows(path, n_skipped, delimiter):
        if len(row) != n_columns:
            found = "1 column" if len(row) == 1 else f"{len(row)} columns"
            cause = UNCLOSED if any("\n" in cell for cell in row) else ""
            return InputError(
                f"{path}, line {line}: {found} where the first row has {n_columns}{cause}; "
                "mend or remove this line"
            )
    return InputError(f"{path}: {str(error).splitlines()[0]}")


def _number(cell: Any) -> float:
    try:
        return float("nan") if "_" in str(cell) else float(cell)  # 1_0 is ten in Python only
    except (TypeError, ValueError):
        return float("nan")


# --------------------------------------------------------------------- parquet


def _open_parquet(path: Path) -> Table:
    try:
        file = pyarrow.parquet.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: is not a Parquet file, or is damaged") from error
    names: list[str] = file.schema_arrow.names

    def read(columns: list[int]) -> list[pa.ChunkedArray]:
        try:
            table = file.read()
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{path}: is damaged: {str(error).splitlines()[0]}") from error
        return [table.column(column) for column in columns]

    return Table(path, names, len(names), "Parquet", read, lambda: iter(()))
