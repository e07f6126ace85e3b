"""Delimited text: finding out how a file is written, and its columns through PyArrow.

A row that cannot be read is looked for a second time, slowly, so that every error carries its line.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from vgae.dialects import (
    DELIMITERS,
    NO_MARK,
    UNCLOSED,
    Dialect,
    TidyBlocks,
    byte_stream,
    not_utf8,
    numbered_rows,
    rows_of,
    tidy_lines,
    wide_cells,
)
from vgae.errors import InputError
from vgae.files import file_errors

__all__ = ["TextFile", "open_text"]

SAMPLE_BYTES, SAMPLE_ROWS = 2**20, 2000
PARSED_BYTES = 2**20
"""What one thread of PyArrow parses at a time, unless a row is longer."""
ARCHIVES = {
    b"PK\x03\x04": "is a zip archive, as .xlsx files are; save the table as CSV",
    b"\xfd7zXZ": "is compressed with xz; use gzip, zstd or bz2",
}
OTHER_LANGUAGES = {
    r"<(\?xml|graphml|gexf|html|!DOCTYPE)\b": "is XML; a graph needs the suffix .graphml or .gexf",
    r"[\[{]\s*[\[{\"']": "is JSON; a graph needs the suffix .json, one object a line .jsonl",
    r"(strict\s+)?(di)?graph\b\s*\w*\s*\{": "is a DOT graph; convert it to an edge list or GraphML",
    r"(Creator\b[^\n]*\s+)?(Version\b[^\n]*\s+)?graph\s*\[": "is GML; give it the suffix .gml",
    r"\*(Vertices|Network)\b\s*\d*\s*\n": "is a Pajek file; give it the suffix .net",
    r"\"?sep=.\"?\s*\n": "begins with Excel's 'sep=' line; remove it and name the --delimiter",
}
"""What other files begin with, and what is said of them."""
LINE_END = re.compile(r"\r\n|\n|\r")  # not splitlines, which knows seven more
BLANKS = re.compile(r"^ | {2}| $")


@dataclass(frozen=True)
class TextFile:
    """A file whose dialect is known and whose columns are read when asked for.

    Attributes
    ----------
    path, dialect
        The file, and how it is written.
    first_row
        Its first row: the names of the columns where there is a header.
    first
        Its first row below the header, if there is one.
    """

    path: Path
    dialect: Dialect
    first_row: list[str]
    first: list[str] | None

    def read(
        self, columns: list[int], encoded: Collection[int]
    ) -> tuple[list[pa.ChunkedArray], int]:
        """Columns by position, as strings, those in `encoded` with a dictionary.

        Returns
        -------
        The columns, and the number of comment lines in the whole file.

        Raises
        ------
        InputError
            A row cannot be read; the line says which.
        """
        blocks = TidyBlocks(self.path, self.dialect)
        tables: list[pa.Table] = []
        swallowed = False
        with file_errors(self.path):
            for block, n_lines in blocks:
                header = self.dialect.header and not tables
                table = self._parsed(block, columns, encoded, header=header)
                swallowed = swallowed or len(table) + header < n_lines
                tables.append(table)
        if swallowed:
            self._check_quotes()
        whole = pa.concat_tables(tables)
        return [whole.column(f"f{column}") for column in columns], blocks.n_comments

    def _parsed(
        self, block: bytes, columns: list[int], encoded: Collection[int], *, header: bool
    ) -> pa.Table:
        coded = pa.dictionary(pa.int32(), pa.string())
        types = {f"f{column}": coded if column in encoded else pa.string() for column in columns}
        parsing = pa.csv.ParseOptions(
            delimiter=self.dialect.delimiter,
            quote_char=self.dialect.quote or False,
            # Else a stray quote makes the parallel reader drop rows without a word.
            newlines_in_values=self.dialect.quote is not None,
        )
        converting = pa.csv.ConvertOptions(
            strings_can_be_null=False, column_types=types, include_columns=list(types)
        )
        for size in (PARSED_BYTES, len(block) + 1):
            reading = pa.csv.ReadOptions(
                column_names=[f"f{place}" for place in range(len(self.first_row))],
                skip_rows_after_names=int(header),
                block_size=size,
            )
            try:
                return pa.csv.read_csv(pa.BufferReader(block), reading, parsing, converting)
            except pa.ArrowInvalid as error:
                if "straddling" not in str(error) or size > len(block):
                    raise self._explain(error) from error
        raise AssertionError("a row fits into its own block")

    def lines(self) -> Iterator[int]:
        """The line that each row begins on, the header left out; slow."""
        rows = numbered_rows(self.path, self.dialect)
        if self.dialect.header:
            next(rows, None)
        return (line for line, _ in rows)

    def _check_quotes(self) -> None:
        """Line breaks in quoted cells are fine, but a quote left open swallows rows to the end."""
        for _ in numbered_rows(self.path, self.dialect, strict=True):
            pass

    def _explain(self, error: pa.ArrowInvalid) -> InputError:
        """The line behind PyArrow's complaint."""
        if "UTF8" in str(error) and (explained := not_utf8(self.path)):
            return explained
        width = len(self.first_row)
        for line, row in numbered_rows(self.path, self.dialect):
            if len(row) != width:
                found = "1 column" if len(row) == 1 else f"{len(row)} columns"
                cause = UNCLOSED if any("\n" in cell for cell in row) else ""
                return InputError(
                    f"{self.path}, line {line}: {found} where the first row has {width}{cause}; "
                    "mend or remove this line"
                )
        return InputError(f"{self.path}: {str(error).splitlines()[0]}")


def open_text(
    path: Path,
    *,
    header: bool | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    comment: str | None = None,
    guess_header: Callable[[list[list[str]]], bool],
) -> TextFile:
    """Find out how a text file is written; see `vgae.tables.open_table` for the parameters.

    Raises
    ------
    InputError
        The file is empty, not text in UTF-8, or damaged.
    """
    quote = None if quote == NO_MARK else quote or '"'
    for name, mark in (("delimiter", delimiter), ("quote", quote)):
        if mark is not None and (len(mark) != 1 or not mark.isascii() or mark in "\r\n"):
            raise InputError(f"{name} {mark!r}: must be one plain character")
    if delimiter is not None and delimiter == quote:
        raise InputError(f"delimiter {delimiter!r}: is the quote too; name another quote")
    if comment == "":
        raise InputError("comment: must be what comments begin with, or 'none'")
    head, compression = _head(path)
    if delimiter is None:
        _refuse_other_languages(path, head)
    dialect = Dialect(
        delimiter or ",",
        quote=quote,
        comment=comment,
        bare_returns="\r" in head and "\n" not in head,
        compression=compression,
    )
    n_skipped, lines = _after_comments(path, head, dialect)
    dialect = _with_delimiter(dialect, lines, delimiter)
    rows = _sample_rows(lines, dialect)
    if not rows:
        raise InputError(f"{path}, line {n_skipped + 1}: cannot be read{UNCLOSED}")
    has_header = guess_header(rows) if header is None else header
    first = next(iter(rows[int(has_header) :]), None)
    return TextFile(path, replace(dialect, header=has_header), rows[0], first)


# ------------------------------------------------------------------- detection


def _head(path: Path) -> tuple[str, str | None]:
    """The first lines of a file as text, only whole ones where there are more; its compression."""
    stream, compression = byte_stream(path)
    with stream:
        sample: bytes = stream.read(SAMPLE_BYTES)
    if not sample.strip():
        raise InputError(f"{path}: is empty")
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError(f"{path}, line 1: not UTF-8 text but UTF-16; save the file as UTF-8")
    for magic, said in ARCHIVES.items():
        if sample.startswith(magic):
            raise InputError(f"{path}: {said}")
    if b"\0" in sample:
        raise InputError(f"{path}: is not a text file (it holds zero bytes)")
    if len(sample) == SAMPLE_BYTES:
        whole = max(sample.rfind(b"\n"), sample.rfind(b"\r")) + 1
        if not whole:
            raise InputError(
                f"{path}, line 1: is longer than {SAMPLE_BYTES:,} bytes; is this a table, one row "
                "a line?"
            )
        sample = sample[:whole]
    try:
        return sample.decode("utf-8-sig").lstrip("\ufeff"), compression
    except UnicodeDecodeError as error:
        # A lone beginning of a byte order mark is no line's fault.
        raise not_utf8(path) or InputError(f"{path}: is not UTF-8 text") from error


def _refuse_other_languages(path: Path, head: str) -> None:
    """Refuse what would pass for a table of nonsense."""
    for pattern, said in OTHER_LANGUAGES.items():
        if re.match(pattern, head.lstrip()[:200], re.IGNORECASE):
            raise InputError(f"{path}: {said} (if it is a table, name its --delimiter)")


def _after_comments(path: Path, head: str, dialect: Dialect) -> tuple[int, list[str]]:
    """Number of leading comment and blank lines, and the lines after them."""
    comment = re.compile(dialect.comments)
    lines = LINE_END.split(head)
    for number, line in enumerate(lines):
        if line.strip(" ") and not comment.match(line):
            return number, lines[number:]
    raise InputError(f"{path}: is empty but for comments")


def _sample_rows(lines: list[str], dialect: Dialect) -> list[list[str]]:
    """The first rows, up to one that cannot be read: reading them all will say which."""
    rows: list[list[str]] = []
    with suppress(csv.Error), wide_cells():
        for row in islice(rows_of(tidy_lines(lines, dialect), dialect), SAMPLE_ROWS):
            if row:
                rows.append(row)  # noqa: PERF401 - keep what came before an error
    return rows


def _with_delimiter(dialect: Dialect, lines: list[str], delimiter: str | None) -> Dialect:
    """With the first delimiter that splits all first rows alike, else the first that splits one."""
    lines = lines[:100]
    candidates = [replace(dialect, delimiter=mark) for mark in delimiter or DELIMITERS]
    aligned = replace(dialect, delimiter=" ", aligned=True)
    if any(BLANKS.search(line) for line in lines):
        candidates = [aligned if made.delimiter == " " else made for made in candidates]
    elif delimiter is None:
        candidates.append(aligned)  # a blank here, a tab there
    present = []
    for candidate in candidates:
        rows = _sample_rows(lines, candidate)
        widths = [len(row) for row in rows]
        if delimiter is None and candidate.delimiter == " " and _end_in_marks(rows):
            continue
        if widths and widths[0] > 1:
            present.append(candidate)
            if len(set(widths)) == 1:
                return candidate
    return (present or (candidates if delimiter else [dialect]))[0]


def _end_in_marks(rows: list[list[str]]) -> bool:
    """Whether blanks only follow what truly separates: 'a, b' is no row of 'a,' and 'b'."""
    cells = [cell for row in rows for cell in row[:-1]]
    return bool(cells) and all(cell.endswith((",", ";")) for cell in cells)
