"""Delimited text: how a file is written, its columns through PyArrow, the line of every error.

PyArrow reads a stream that has been tidied block by block: decompressed, comments and blank lines
taken out, line ends made alike, runs of blanks made one. A row that cannot be read is looked for a
second time, slowly, so that every error carries its line number.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from vgae.errors import InputError
from vgae.files import file_errors

__all__ = ["Dialect", "TextFile", "byte_stream", "open_text"]

DELIMITERS = {"\t": "tab", ";": "semicolon", "|": "bar", ",": "comma", " ": "space"}
COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2"}
SAMPLE_BYTES, SAMPLE_ROWS, BLOCK_BYTES = 2**20, 2000, 2**22
LONGEST_LINE = 2**24
LINE_END = re.compile(r"\r\n|\n|\r")  # not splitlines, which knows seven more
BLANKS = re.compile(r"^ | {2}| $")
UNCLOSED = " (an unclosed quote?)"
NO_MARK = "none"


@dataclass(frozen=True)
class Dialect:
    """How a text file is written.

    Attributes
    ----------
    delimiter
        The character between columns.
    aligned
        Whether runs of blanks and tabs stand for one delimiter.
    quote
        The character around cells that hold a delimiter, or None.
    comment
        What a comment begins with; None for "# ", "% ", "%%" and a lone "#" or "%".
    bare_returns
        Whether lines end in a carriage return alone.
    compression
        "gzip", "zstd" or "bz2", or None.
    header
        Whether the first row names the columns.
    """

    delimiter: str
    aligned: bool = False
    quote: str | None = '"'
    comment: str | None = None
    bare_returns: bool = False
    compression: str | None = None
    header: bool = False

    def __str__(self) -> str:
        between = DELIMITERS.get(self.delimiter, repr(self.delimiter)) + "-separated"
        said = ["separated by runs of blanks" if self.aligned else between]
        if self.compression:
            said.append(self.compression)
        if self.bare_returns:
            said.append("lines end in a carriage return")
        return ", ".join(said)

    @property
    def comments(self) -> str:
        """Pattern of what a comment line begins with."""
        if self.comment is None:
            return r"[#%](?:[ \t\r\x0b\x0c%]|(?=\n|$))"
        return "(?!)" if self.comment == NO_MARK else re.escape(self.comment)

    @property
    def blanks_are_nothing(self) -> bool:
        """Whether a line of blanks alone is a blank line, and not a row of empty cells."""
        return self.aligned or self.delimiter != " "


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
    n_skipped
        Comment and blank lines before it.
    """

    path: Path
    dialect: Dialect
    first_row: list[str]
    first: list[str] | None
    n_skipped: int

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
        names = [f"f{place}" for place in range(len(self.first_row))]
        coded = pa.dictionary(pa.int32(), pa.string())
        types = {names[c]: coded if c in encoded else pa.string() for c in columns}
        dialect = self.dialect
        try:
            with file_errors(self.path), _TidyStream(self.path, dialect) as stream:
                table = pa.csv.read_csv(
                    pa.PythonFile(stream, mode="r"),
                    read_options=pa.csv.ReadOptions(
                        block_size=2 * LONGEST_LINE,  # whatever passes the stream fits
                        column_names=names,
                        skip_rows_after_names=int(dialect.header),
                    ),
                    parse_options=pa.csv.ParseOptions(
                        delimiter=dialect.delimiter,
                        quote_char=dialect.quote or False,
                        # Else a stray quote makes the parallel reader drop rows without a word.
                        newlines_in_values=dialect.quote is not None,
                    ),
                    convert_options=pa.csv.ConvertOptions(
                        strings_can_be_null=False,
                        column_types=types,
                        include_columns=list(types),
                    ),
                )
        except pa.ArrowInvalid as error:
            raise self._explain(error) from error
        if len(table) + dialect.header < stream.n_rows:
            self._check_quotes(len(table))
        return [table.column(names[column]) for column in columns], stream.n_comments

    def lines(self) -> Iterator[int]:
        """The line that each row begins on, the header left out; slow."""
        rows = _numbered_rows(self.path, self.dialect)
        if self.dialect.header:
            next(rows, None)
        return (line for line, _ in rows)

    def _check_quotes(self, n_rows: int) -> None:
        """Line breaks in quoted cells are fine, but a quote left open swallows rows to the end."""
        n_found = sum(1 for _ in _numbered_rows(self.path, self.dialect, strict=True))
        if n_found != n_rows + self.dialect.header:
            raise InputError(
                f"{self.path}: {n_found:,} rows, of which {n_rows:,} could be read{UNCLOSED}"
            )

    def _explain(self, error: pa.ArrowInvalid) -> InputError:
        """The line behind PyArrow's complaint."""
        if "UTF8" in str(error) and (explained := _not_utf8(self.path)):
            return explained
        width = len(self.first_row)
        for line, row in _numbered_rows(self.path, self.dialect):
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
    return TextFile(path, replace(dialect, header=has_header), rows[0], first, n_skipped)


# ----------------------------------------------------------------------- bytes


def byte_stream(path: Path) -> tuple[Any, str | None]:
    """The file's bytes, decompressed, and how they were compressed; known by the first bytes."""
    with path.open("rb") as handle:
        start = handle.read(4)
    stream = pa.OSFile(str(path))
    for magic, name in COMPRESSIONS.items():
        if start.startswith(magic):
            return pa.CompressedInputStream(stream, name), name
    return stream, None


class _TidyStream(io.RawIOBase):
    """A text file as PyArrow can read it: without comments, every line with its line feed.

    Only whole lines leave it, and none that would not fit into PyArrow's blocks.
    """

    def __init__(self, path: Path, dialect: Dialect) -> None:
        self.path, self.dialect = path, dialect
        self.n_comments = self.n_rows = 0
        self._raw, _ = byte_stream(path)
        self._tail, self._ready = b"", memoryview(b"")
        self._n_lines, self._at_end = 0, False
        self._comment = re.compile(rf"^{dialect.comments}[^\n]*\n".encode(), re.MULTILINE)
        signs = ["#", "%"] if dialect.comment is None else [dialect.comment[:1]]
        self._signs = [] if dialect.comment == NO_MARK else [f"\n{sign}".encode() for sign in signs]

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()

    def read(self, size: int | None = -1) -> bytes:
        """At most so many bytes of whole, tidy lines; none at the end."""
        while not self._ready and not self._at_end:
            self._ready = memoryview(self._next_lines())
        wanted = len(self._ready) if size is None or size < 0 else size
        given, self._ready = self._ready[:wanted], self._ready[wanted:]
        return bytes(given)

    def _next_lines(self) -> bytes:
        block: bytes = self._raw.read(BLOCK_BYTES)
        if b"\0" in block:
            before = self._tail + block[: block.index(b"\0")]
            line = self._n_lines + before.count(b"\n") + 1
            raise InputError(f"{self.path}, line {line}: is not text (it holds zero bytes)")
        if self.dialect.bare_returns:
            block = block.replace(b"\r", b"\n")
        self._at_end = not block
        whole, line_end, rest = (self._tail + block).rpartition(b"\n")
        if self._at_end and rest:
            whole, line_end, rest = whole + line_end + rest, b"\n", b""
        self._tail = rest
        if len(rest) > LONGEST_LINE:
            line = self._n_lines + whole.count(b"\n") + len(line_end) + 1
            raise InputError(
                f"{self.path}, line {line}: is longer than {LONGEST_LINE:,} bytes; is this a "
                "table, one row a line?"
            )
        lines = whole + line_end
        tidy = self._tidy(lines)
        self._n_lines += lines.count(b"\n")
        return tidy

    def _tidy(self, lines: bytes) -> bytes:
        if self._n_lines == 0:
            lines = lines.removeprefix(codecs.BOM_UTF8)
        framed = b"\n" + lines[:1]
        if any(sign in lines or sign == framed for sign in self._signs):
            lines, n_comments = self._comment.subn(b"", lines)
            self.n_comments += n_comments
        if self.dialect.blanks_are_nothing and (lines.startswith(b" ") or b"\n " in lines):
            lines = re.sub(rb"^ +\r?\n", b"", lines, flags=re.MULTILINE)
        if self.dialect.aligned:
            lines = re.sub(rb"[ \t]+", b" ", lines)
            lines = re.sub(rb"^ | (?=\r?$)", b"", lines, flags=re.MULTILINE)
        if self._n_lines == 0:  # else the first blank line would be taken for the header
            lines = lines.lstrip(b"\r\n")
        self.n_rows += lines.count(b"\n")
        if b"\n\n" in lines or b"\n\r\n" in lines or lines.startswith((b"\n", b"\r\n")):
            self.n_rows -= len(re.findall(rb"^\r?\n", lines, flags=re.MULTILINE))
        return lines


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
        return sample.decode("utf-8-sig"), compression
    except UnicodeDecodeError as error:
        raise _not_utf8(path) or error from error


def _line_stream(path: Path) -> io.TextIOWrapper:
    """The file's lines as text, with damaged characters kept as surrogates."""
    raw: Any = io.BufferedReader(_Raw(byte_stream(path)[0]))
    return io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")


class _Raw(io.RawIOBase):
    """PyArrow's streams as Python's: those of compressed files cannot be wrapped otherwise."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._stream.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)


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


def _after_comments(path: Path, head: str, dialect: Dialect) -> tuple[int, list[str]]:
    """Number of leading comment and blank lines, and the lines after them without comments."""
    comment = re.compile(dialect.comments)
    lines = LINE_END.split(head)
    for number, line in enumerate(lines):
        if line.strip(" ") and not comment.match(line):
            return number, [line for line in lines[number:] if not comment.match(line)]
    raise InputError(f"{path}: is empty but for comments")


def _sample_rows(lines: list[str], dialect: Dialect) -> list[list[str]]:
    """The first rows, up to one that cannot be read: reading them all will say which."""
    rows: list[list[str]] = []
    with suppress(csv.Error):
        for row in islice(_rows(iter(lines), dialect), SAMPLE_ROWS):
            if row:
                rows.append(row)  # noqa: PERF401 - keep what came before an error
    return rows


def _rows(lines: Iterator[str], dialect: Dialect, *, strict: bool = False) -> Iterator[list[str]]:
    """Lines without comments as rows of cells; blank lines as rows of none."""
    if dialect.blanks_are_nothing:
        lines = ("" if line.strip(" \r\n") == "" else line for line in lines)
    if dialect.aligned:
        lines = (re.sub(r"[ \t]+", " ", line.strip(" \t\r\n")) for line in lines)
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or '"',
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        strict=strict,
    )


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
        widths = [len(row) for row in _sample_rows(lines, candidate)]
        if widths and widths[0] > 1:
            present.append(candidate)
            if len(set(widths)) == 1:
                return candidate
    return (present or (candidates if delimiter else [dialect]))[0]


def _numbered_rows(
    path: Path, dialect: Dialect, *, strict: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line that each begins on, read slowly: only to explain an error."""
    comment = re.compile(dialect.comments)
    n_read, start = 0, 0

    def tidy(text: io.TextIOWrapper) -> Iterator[str]:
        nonlocal n_read, start
        for line in text:
            n_read += 1
            if not comment.match(line):
                start = start or n_read
                yield line

    with _line_stream(path) as text:
        rows = _rows(tidy(text), dialect, strict=strict)
        while True:
            start = 0
            try:
                row = next(rows)
            except StopIteration:
                return
            except (csv.Error, OSError) as error:
                reason = str(error).splitlines()[0].lower()
                raise InputError(
                    f"{path}, line {start or n_read + 1}: {reason}{UNCLOSED}; mend the line, or "
                    "say --quote none if quotes are letters like others"
                ) from error
            if row:
                yield start, row
