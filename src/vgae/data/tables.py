"""Tables on disk: delimited text, Parquet and Arrow in; CSV, Parquet and others out."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet
from numpy.typing import NDArray

from vgae.data.adjacency import count
from vgae.data.columnar import StoredColumns, open_arrow, open_json_lines, open_parquet
from vgae.data.dialects import refuse_pipe
from vgae.data.ends import WEIGHT_NAMES, column_called, find_ends, is_number
from vgae.data.reading import Chosen, Column, Reading, column_words
from vgae.data.text import TextFile, open_text
from vgae.ground.errors import InputError, shown, unknown_name
from vgae.ground.files import check_file, file_errors, staged_file

__all__ = [
    "BATCH_ROWS",
    "NODE_NAMES",
    "SEEN_ROWS",
    "TABLE_SUFFIXES",
    "Table",
    "as_text_rows",
    "check_output",
    "edge_columns",
    "inner_suffix",
    "open_table",
    "write_batches",
    "write_table",
]

logger = logging.getLogger(__name__)

NODE_NAMES = ("node", "id", "node_id")

ENDS = "--source and --target (source=, target=)"  # as messages name them

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet", ".arrow", ".feather")
DELIMITED = (".csv", ".tsv", ".jsonl")
COMPRESSED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
PARQUET_MAGIC, ARROW_MAGIC = b"PAR1", b"ARROW1"
ARROW_SUFFIXES = (".arrow", ".arrows", ".feather")
SEEN_ROWS = 2000
BATCH_ROWS = 2**16
"""Rows that are held at once where a table is written from batches."""
DECIMAL_COMMA = r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?"
GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]*)?")
NUMBER_WITH_COMMA = re.compile(rf"{DECIMAL_COMMA}|{GROUPED.pattern}")


@dataclass(frozen=True)
class Table:
    r"""A table whose shape is known and whose columns are read when asked for.

    Attributes
    ----------
    path
        The file; of a data frame, what errors call it.
    names
        Column names of a file that has any, otherwise None.
    n_columns
        Number of columns.
    about
        How the file was understood, in words.
    text
        The text that it is read from, if it is one.
    in_memory
        Whether it is a data frame, whose rows are counted from 0.
    row_ids
        The node of each row of a data frame, which errors name too, if it is known.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "people.csv"
    >>> _ = path.write_text("id,age\nann,30\nbob,41.5\n")
    >>> table = open_table(path, header=True)
    >>> table.rows, table.first_cells(0)
    ([['ann', '30'], ['bob', '41.5']], ['ann', 'bob'])
    >>> table.column("age"), table.column_called("id"), table.describe(1)
    (1, 0, "column 'age'")
    >>> [part.num_rows for part in table.parts([0])]
    [2]
    >>> [cells] = table.held([1]).read([1])
    >>> table.numbers(1, cells).tolist(), table.place(1).endswith("people.csv, line 3")
    ([30.0, 41.5], True)
    """

    path: Path
    names: list[str] | None
    n_columns: int
    about: str
    _read: Callable[[list[int], Collection[int]], list[pa.ChunkedArray]]
    _lines: Callable[[], Iterator[int]]
    _first_rows: Callable[[], list[list[str]]]
    _parts: Callable[[list[int]], Iterator[pa.Table]] | None = None
    text: TextFile | None = None
    in_memory: bool = False
    row_ids: Sequence[Any] | NDArray[Any] | None = None

    @cached_property
    def rows(self) -> list[list[str]]:
        """The first rows below the header, as text."""
        return self._first_rows()

    def first_cells(self, column: int) -> list[str]:
        """The cells of a column in those rows."""
        return [row[column] for row in self.rows if len(row) == self.n_columns]

    def column(self, wanted: str) -> int:
        """Position of a column given by its name or by its number from 1.

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
        return column_words(None if self.names is None else self.names[column], column + 1)

    def read(
        self, columns: Sequence[int], *, encoded: Collection[int] = ()
    ) -> list[pa.ChunkedArray]:
        """Columns by position: strings from text, typed columns from Parquet and Arrow.

        Columns in `encoded` come with a dictionary, which takes a fraction of the memory where
        values recur.
        """
        return self._read(list(columns), encoded)

    def parts(self, columns: Sequence[int]) -> Iterator[pa.Table]:
        """The same columns in that order, one block of rows at a time where the file allows it."""
        if self._parts is None:
            names = [f"f{column}" for column in columns]
            yield pa.table(self.read(columns), names=names)
        else:
            yield from self._parts(list(columns))

    def held(self, columns: Sequence[int]) -> Table:
        """The same table with these columns already read, once for all their readers."""
        cells = dict(zip(columns, self.read(columns), strict=True))
        return replace(self, _read=lambda wanted, _: [cells[column] for column in wanted])

    def place(self, row: int) -> str:
        """Where a row is, in words: 'edges.csv, line 7', or a row number in Parquet."""
        if self.in_memory:
            node = "" if self.row_ids is None else f" (node {shown(self.row_ids[row])})"
            return f"{self.path}, row {row}{node}"
        for number, line in enumerate(self._lines()):
            if number == row:
                return f"{self.path}, line {line}"
        return f"{self.path}, row {row + 1}"

    def numbers(self, column: int, cells: pa.ChunkedArray) -> NDArray[np.float64]:
        """A column, already read, as finite numbers, shape (n_rows,).

        A comma is read as a decimal comma where it cannot be anything else, with a warning.

        Raises
        ------
        InputError
            A cell is missing, is not a number or is not finite in float32; the line names it.
        """
        if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
            cells = pc.utf8_trim_whitespace(cells)
            if pc.any(pc.match_substring(cells, ",")).as_py():
                cells = self._with_decimal_points(column, cells)
        elif pa.types.is_dictionary(cells.type) or pa.types.is_nested(cells.type):
            raise InputError(f"{self.path}: {self.describe(column)} is not numeric")
        try:
            values = cells.cast(pa.float64()).to_numpy()
        except pa.ArrowInvalid:
            values = np.array([_number(cell.as_py()) for cell in cells], dtype=np.float64)
        except pa.ArrowNotImplementedError:
            raise InputError(f"{self.path}: {self.describe(column)} is not numeric") from None
        with np.errstate(over="ignore"):
            bad = np.flatnonzero(~np.isfinite(values.astype(np.float32)))
        if bad.size:
            row = int(bad[0])
            cell = cells[row].as_py()
            said = "is empty" if cell in (None, "") else f"holds {shown(cell)}, not a finite number"
            raise InputError(f"{self.place(row)}: {self.describe(column)} {said}")
        numbers: NDArray[np.float64] = values
        return numbers

    def times(self, column: int, cells: pa.ChunkedArray) -> NDArray[np.float64]:
        r"""A column, already read, of numbers or of dates, as numbers, shape (n_rows,).

        Dates become seconds since 1970 (UTC): cells of a type for dates, or text as in 2024-05-31
        or 2024-05-31T12:00:00.

        Raises
        ------
        InputError
            A cell is missing, or is neither a number nor a date; the line names it.

        Examples
        --------
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "mails.csv"
        >>> _ = path.write_text("ann,bob,1970-01-02\n")
        >>> table = open_table(path, header=False)
        >>> table.times(2, table.read([2])[0]).tolist()
        [86400.0]
        """
        kind = cells.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            trimmed = pc.utf8_trim_whitespace(cells)
            first = next((text for text in trimmed.to_pylist() if text), "")
            if not is_number(first):
                try:
                    cells = trimmed.cast(pa.timestamp("us"))
                except pa.ArrowInvalid:
                    cells = pa.chunked_array([_dates(self, column, trimmed)])
        if pa.types.is_timestamp(cells.type) or pa.types.is_date(cells.type):
            if cells.null_count:
                row = int(np.argmax(cells.is_null().to_numpy()))
                raise InputError(f"{self.place(row)}: {self.describe(column)} is empty")
            micros = cells.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
            found: NDArray[np.float64] = micros / 1e6
            return found
        return self.numbers(column, cells)

    def _with_decimal_points(self, column: int, cells: pa.ChunkedArray) -> pa.ChunkedArray:
        """Decimal commas as points; ambiguous commas are refused, other cells left as they are."""
        texts = cells.unique().to_pylist()
        with_comma = [text for text in texts if text and "," in text]
        numbers = [text for text in with_comma if NUMBER_WITH_COMMA.fullmatch(text)]
        grouped = [text for text in numbers if GROUPED.fullmatch(text)]
        in_commas = self.text is not None and self.text.dialect.delimiter == ","
        if not numbers or (in_commas and not grouped):
            return cells  # words, or a decimal comma where commas separate: no numbers
        if in_commas or len(grouped) == len(numbers) or any("." in (text or "") for text in texts):
            row = pc.index(cells, (grouped or numbers)[0]).as_py()
            raise InputError(
                f"{self.place(row)}: {self.describe(column)} holds {shown(cells[row].as_py())}, "
                "whose comma may group thousands or begin the decimals; write numbers with a "
                "point, and without commas"
            )
        logger.warning(
            "%s: %s has decimal commas: %s is read as %s",
            self.path,
            self.describe(column),
            numbers[0],
            numbers[0].replace(",", "."),
        )
        decimal = pc.match_substring_regex(cells, f"^(?:{DECIMAL_COMMA})$")
        return pc.if_else(decimal, pc.replace_substring(cells, ",", "."), cells)


def open_table(
    path: Path,
    *,
    header: bool | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    comment: str | None = None,
    guess_header: Callable[[list[list[str]]], bool] = lambda _rows: False,
) -> Table:
    r"""Detect how a file is written: Parquet, Arrow, JSON lines, or delimited text.

    Compression (gzip, zstd, bz2) is detected by the first bytes.

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

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "edges.tsv"
    >>> _ = path.write_text("ann\tbob\nbob\tcid\n")
    >>> print(open_table(path).about)
    tab-separated, 2 columns, no header
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
    """The suffix that tells a file's format, without that of a compression.

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
        Ends in .csv, .tsv, .jsonl (one object per line), .parquet, .arrow or .feather; the name of
        a text file may go on with .gz, .zst or .bz2.
    columns
        Sequences or arrays of one length, by name.

    Raises
    ------
    InputError
        The suffix is another one, or the file cannot be written.

    See Also
    --------
    write_batches : The same from batches of rows, of which one is held at a time.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "links.csv"
    >>> write_table(path, {"source": ["ann"], "probability": [0.5]})
    >>> print(path.read_text(), end="")
    "source","probability"
    "ann",0.5
    """
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    write_batches(path, table.schema, table.to_batches(BATCH_ROWS))


def write_batches(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Write a table batch by batch, all or nothing; no batch is kept once it is written.

    Parameters
    ----------
    path
        As in `write_table`.
    schema
        Names and types of the columns.
    batches
        The rows. Each batch is asked for when the one before it is in the file.

    Returns
    -------
    The number of rows.

    Raises
    ------
    InputError
        As in `write_table`. What `batches` raises passes through, and leaves no file.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "squares.csv"
    >>> schema = pa.schema([("x", pa.int64())])
    >>> write_batches(path, schema, (pa.record_batch([[x * x]], schema) for x in range(3)))
    3
    >>> print(path.read_text(), end="")
    "x"
    0
    1
    4
    """
    check_output(path)
    n_rows = 0
    with staged_file(path) as staged, file_errors(path), ExitStack() as opened:
        write = _batch_writer(path, staged, schema, opened)
        for batch in batches:
            write(batch)
            n_rows += batch.num_rows
    return n_rows


def _batch_writer(path: Path, staged: Path, schema: pa.Schema, opened: ExitStack) -> Any:
    """What writes a batch to the staged file, in the format of the final name."""
    suffix, compression = inner_suffix(path), COMPRESSED.get(path.suffix.lower())
    if suffix == ".parquet":
        return opened.enter_context(pyarrow.parquet.ParquetWriter(staged, schema)).write_batch
    stream = opened.enter_context(pa.output_stream(str(staged), compression=compression))
    if suffix in (".arrow", ".feather"):
        return opened.enter_context(pa.ipc.new_file(stream, schema)).write_batch
    if suffix == ".jsonl":

        def write_lines(batch: pa.RecordBatch) -> None:
            rows = (json.dumps(row, ensure_ascii=False) for row in batch.to_pylist())
            stream.write("".join(f"{row}\n" for row in rows).encode())

        return write_lines
    delimiter = "\t" if suffix == ".tsv" else ","
    options = pa.csv.WriteOptions(delimiter=delimiter, quoting_style="needed")
    return opened.enter_context(pa.csv.CSVWriter(stream, schema, write_options=options)).write_batch


def check_output(path: Path, *, overwrite: bool = True, others: Collection[str] = ()) -> None:
    """Refuse an output name before the work is done.

    Parameters
    ----------
    path
        The name of the file.
    overwrite
        Whether an existing file may be replaced.
    others
        Suffixes of other formats that the caller writes.

    Raises
    ------
    InputError
        A table cannot be written with this suffix or in that folder, or the file exists and may
        not be replaced.

    Examples
    --------
    >>> check_output(Path("links.xlsx"))
    Traceback (most recent call last):
    vgae.InputError: links.xlsx: cannot write '.xlsx'; use one of .csv, .tsv, ...
    """
    suffix = inner_suffix(path)
    if suffix not in (*TABLE_SUFFIXES, *others):
        known = ", ".join((*TABLE_SUFFIXES, *others))
        raise InputError(f"{path}: cannot write '{path.suffix}'; use one of {known}")
    if path.suffix.lower() in COMPRESSED and suffix not in (*DELIMITED, *others):
        raise InputError(f"{path}: {suffix} has its own compression; omit '{path.suffix}'")
    check_file(path, overwrite=overwrite)


# ---------------------------------------------------------------------- edges


def _dates(table: Table, column: int, cells: pa.ChunkedArray) -> Any:
    """Refuse the first cell that is no date."""
    for row, text in enumerate(cells.to_pylist()):
        try:
            pa.array([text]).cast(pa.timestamp("us"))
        except pa.ArrowInvalid:
            said = f"holds {shown(text)}, neither a number nor a date as in 2024-05-31"
            said = said if text else "is empty"
            raise InputError(f"{table.place(row)}: {table.describe(column)} {said}") from None
    raise InputError(f"{table.path}: {table.describe(column)} holds no times")


def edge_columns(
    table: Table,
    *,
    source: str | int | None = None,
    target: str | int | None = None,
    weight: str | int | None = None,
    time: str | int | None = None,
    what: str = "edges",
    has_options: bool = True,
    logged: bool = True,
) -> Reading:
    r"""Choose the columns of a table's edges, or of its pairs, and say which.

    The choice is logged: as a warning where it is a guess, otherwise as information.

    Parameters
    ----------
    table
        A table with one edge per row.
    source, target, weight, time
        Columns that the caller names, by name or by number from 1. By default they are detected,
        except that of the times: without a name, there are none.
    what
        What a row is: "edges", or "pairs", whose weights are not used.
    has_options
        Whether the caller has options that name the columns and the delimiter.
    logged
        Whether the choice is logged; a table that this package wrote leaves nothing to choose.

    Raises
    ------
    InputError
        There are fewer than two columns, a column is unknown, or one is wanted twice.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "mails.csv"
    >>> _ = path.write_text("id,sender,receiver\n1,ann,bob\n")
    >>> reading = edge_columns(open_table(path, header=True))
    >>> reading.source.name, reading.target.name
    ('sender', 'receiver')
    """
    if table.n_columns < 2:
        raise _too_narrow(table, has_options=has_options)
    chosen: dict[int, Chosen] = {}
    weights = _weight_column(table, weight)
    given = [None if end is None else table.column(str(end)) for end in (source, target)]
    ends: list[int | None] = given
    remarks: tuple[str, ...] = ()
    if None in given:
        found = find_ends(table.names, table.rows, table.n_columns, table.describe, weight=weights)
        remarks, detected = found.remarks, [found.source, found.target]
        free = [column for column in detected if column not in given]
        ends = [
            (column if column in free else free[0]) if end is None else end
            for end, column in zip(given, detected, strict=True)
        ]
        chosen = dict.fromkeys(free, found.chosen)
    first, second = (end for end in ends if end is not None)
    if first == second:
        raise InputError(
            f"{table.path}: source and target are both {table.describe(first)}; give two columns "
            f"with {ENDS}"
        )
    if weights in ends:
        advice = f"; name others with {ENDS}, and --weight (weight=)"
        if table.in_memory:
            advice = f"; {_other_ends(table, has_options=has_options)}"
        raise InputError(
            f"{table.path}: {table.describe(weights or 0)} holds the weights, and is an end of the "
            f"edges too{advice}"
        )
    chosen |= {column: "given" for column in given if column is not None}
    times = None if time is None else table.column(str(time))
    if times is not None:
        if times in (first, second, weights):
            raise InputError(
                f"{table.path}: {table.describe(times)} holds the times (--time, time=), and the "
                "ends or the weights of the edges too; name another column"
            )
        chosen[times] = "given"
    if what != "edges":
        weights = None
    elif weights is not None:
        chosen[weights] = "usual name" if weight is None else "given"
    columns = [
        Column(
            None if table.names is None else table.names[place],
            place + 1,
            chosen.get(place) or ("empty" if _is_empty(table, place) else "unused"),
        )
        for place in range(table.n_columns)
    ]
    rows = [row for row in table.rows[:3] if len(row) == table.n_columns]
    reading = Reading(
        str(table.path),
        table.about,
        None if table.text is None else table.text.dialect.delimiter,
        table.names is not None,
        columns[first],
        columns[second],
        None if weights is None else columns[weights],
        tuple(column for column in columns if column.chosen in ("unused", "empty")),
        tuple((row[first], row[second]) for row in rows),
        remarks,
        time=None if times is None else columns[times],
    )
    if logged:
        _say(table, reading, what, has_options=has_options)
    return reading


def _say(table: Table, reading: Reading, what: str, *, has_options: bool) -> None:
    advice = _other_ends(table, has_options=has_options)
    for remark in reading.remarks:
        logger.warning("%s: %s; %s", reading.where, remark, advice)
    if not reading.is_guess:
        logger.info("%s", reading.words(what))
    elif reading.remarks:
        logger.warning("%s", reading.words(what))
    else:
        logger.warning("%s; a guess: %s", reading.words(what), advice)


def _other_ends(table: Table, *, has_options: bool) -> str:
    """How the caller names the ends; a frame may have come to `fit`, which has no options."""
    if not has_options:
        return "call others source and target"
    if table.in_memory:
        return "vgae.as_graph(..., source=..., target=...) names others"
    return f"{ENDS} name others"


def _weight_column(table: Table, weight: str | int | None) -> int | None:
    """The column of the weights: as named, one that is called so, or an edge list's third."""
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


def _too_narrow(table: Table, *, has_options: bool) -> InputError:
    wanted = "two are needed, one for each end of an edge"
    if table.in_memory:
        return InputError(f"{table.path}: {table.about}; {wanted}")
    start = table.names[0] if table.names else table.read([0])[0][0].as_py()
    advice = "; separate them by a comma or a tab"
    if has_options:
        advice = "; give the delimiter with --delimiter (delimiter=)"
    if table.text is None:
        advice = ""
    return InputError(
        f"{table.path}: only one column ({table.about}), which begins with {shown(start)}; "
        f"{wanted}{advice}"
    )


def _is_empty(table: Table, column: int) -> bool:
    """Whether a column has neither a name nor a cell, as spreadsheets leave them."""
    cells = table.first_cells(column)
    named = table.names is not None and table.names[column].strip() != ""
    return bool(cells) and not named and not any(map(str.strip, cells))


# ------------------------------------------------------------------------ text


def _text_table(text: TextFile) -> Table:
    return Table(
        text.path,
        text.names,
        text.n_columns,
        str(text),
        text.read,
        text.lines,
        lambda: text.rows,
        _parts=text.parts,
        text=text,
    )


def _number(cell: Any) -> float:
    return float(cell) if is_number(str(cell)) else float("nan")


# --------------------------------------------------------------------- columns


def _stored_table(columns: StoredColumns) -> Table:
    """A table of typed columns."""
    about = f"{columns.kind}, {count(len(columns.names), 'column')}"
    return Table(
        columns.path,
        columns.names,
        len(columns.names),
        about,
        columns.read,
        lambda: iter(()),
        lambda: as_text_rows(columns.head(SEEN_ROWS)),
        _parts=columns.parts,
    )


def as_text_rows(columns: Sequence[Any]) -> list[list[str]]:
    """The first rows of some columns in PyArrow's form, as text.

    Examples
    --------
    >>> as_text_rows([pa.array([1, None]), pa.array(["a", "b"])])
    [['1', 'a'], ['', 'b']]
    """
    cells = [column[:SEEN_ROWS].to_pylist() for column in columns]
    return [["" if cell is None else str(cell) for cell in row] for row in zip(*cells, strict=True)]
