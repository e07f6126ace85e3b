"""The dialect of delimited text, and the bytes and rows of a file that is written in it.

A dialect says which characters are delimiters, quotes, comments and blanks. Two readers follow it:
`TidyBlocks` prepares a file for PyArrow, block by block; `numbered_rows` is slow, but knows the
line of each row.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from vgae.ground.errors import InputError
from vgae.ground.limits import LimitedStream

__all__ = [
    "DELIMITERS",
    "NO_MARK",
    "NO_QUOTES",
    "UNCLOSED",
    "Dialect",
    "TidyBlocks",
    "byte_stream",
    "not_utf8",
    "numbered_rows",
    "refuse_pipe",
    "rows_of",
    "tidy_lines",
    "wide_cells",
]

DELIMITERS = {"\t": "tab", ";": "semicolon", "|": "bar", ",": "comma", " ": "space"}
COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2"}
BLOCK_BYTES, LONGEST_LINE, LONGEST_CELL = 2**24, 2**24, 2**28
UNCLOSED = " (an unclosed quote?)"
NO_QUOTES = '--quote none (quote="none")'
"""Parts of messages."""
NO_MARK = "none"
"""The value that switches quotes or comments off."""


@dataclass(frozen=True)
class Dialect:
    r"""How a text file is written.

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
    encoding
        "UTF-8", or "UTF-16" with a byte order mark.
    arrows
        The arrows, such as "->", that separate the two ends of an edge in place of a delimiter.
    arrows_apart
        Whether blanks surround the arrows, so that an id may contain one.
    header
        Whether the first row names the columns.

    Examples
    --------
    >>> print(Dialect(";", compression="gzip"))
    semicolon-separated, gzip
    >>> import re
    >>> re.split(Dialect("\t", arrows=("->",)).arrow, "ann -> bob")
    ['ann', 'bob']
    >>> [bool(re.match(Dialect(",").comments, line)) for line in ("# a note", "#1,#2")]
    [True, False]
    """

    delimiter: str
    aligned: bool = False
    quote: str | None = '"'
    comment: str | None = None
    bare_returns: bool = False
    compression: str | None = None
    encoding: str = "UTF-8"
    arrows: tuple[str, ...] = ()
    arrows_apart: bool = False
    header: bool = False

    def __str__(self) -> str:
        between = DELIMITERS.get(self.delimiter, repr(self.delimiter)) + "-separated"
        said = ["separated by runs of blanks" if self.aligned else between]
        if self.arrows:
            said = [f"separated by arrows ({', '.join(self.arrows)})"]
        if self.compression:
            said.append(self.compression)
        if self.encoding != "UTF-8":
            said.append(self.encoding)
        if self.bare_returns:
            said.append("lines end in a carriage return")
        return ", ".join(said)

    @property
    def comments(self) -> str:
        """Pattern that matches the beginning of a comment line."""
        if self.comment is None:
            return r"[#%](?:[ \t\r\x0b\x0c%]|(?=\n|$))"
        return "(?!)" if self.comment == NO_MARK else re.escape(self.comment)

    @property
    def arrow(self) -> str:
        """Pattern that matches an arrow between the two ends of an edge, with its blanks."""
        blanks = "[ \t]+" if self.arrows_apart else "[ \t]*"
        longest_first = sorted(self.arrows, key=len, reverse=True)
        return f"{blanks}(?:{'|'.join(map(re.escape, longest_first))}){blanks}"


def refuse_pipe(path: Path) -> None:
    """Refuse a path that can be read only once: the dialect is detected before the file is read.

    Raises
    ------
    InputError
        The path is that of a pipe or a device.

    Examples
    --------
    >>> refuse_pipe(Path("/dev/null"))
    Traceback (most recent call last):
    vgae.InputError: /dev/null: is a pipe or a device; save its output to a file first
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise InputError(f"{path}: is a pipe or a device; save its output to a file first")


def byte_stream(path: Path, *, memory_per_byte: float = 0) -> tuple[LimitedStream, str | None]:
    """Open a file as a stream of unpacked bytes; its first bytes tell how it is compressed.

    Parameters
    ----------
    path
        The file.
    memory_per_byte
        Bytes of memory that parsing takes per byte; see `LimitedStream`.

    Returns
    -------
    The stream, and "gzip", "zstd", "bz2" or None.

    Examples
    --------
    >>> import gzip, tempfile
    >>> path = Path(tempfile.mkdtemp(), "edges.csv.gz")
    >>> _ = path.write_bytes(gzip.compress(b"ann,bob"))
    >>> stream, compression = byte_stream(path)
    >>> with stream:
    ...     print(stream.read(100), compression)
    b'ann,bob' gzip
    """
    refuse_pipe(path)
    with path.open("rb") as handle:
        start = handle.read(4)
    stored = pa.OSFile(os.fspath(path))
    name = next((name for magic, name in COMPRESSIONS.items() if start.startswith(magic)), None)
    if name is None:
        return LimitedStream(stored, path, memory_per_byte=memory_per_byte), None
    unpacked = pa.CompressedInputStream(stored, name)
    return LimitedStream(unpacked, path, packed=stored, memory_per_byte=memory_per_byte), name


class _Tidier:
    """Removes comments, blank lines and runs of blanks from lines, but not from quoted cells.

    A quote opens a cell only where a cell begins, as in PyArrow and in Python's csv; a doubled
    quote stands for one quote. A line that holds only delimiters, as spreadsheets write them, is
    blank too. Arrows become delimiters. The lines are bytes or text.

    Attributes
    ----------
    n_comments, n_hollow
        Number of comment lines, and of lines that hold only delimiters, that were left out.
    is_open
        Whether a quoted cell continues beyond the lines seen so far.
    """

    def __init__(self, dialect: Dialect, *, of_bytes: bool) -> None:
        self.n_comments, self.n_hollow, self.is_open = 0, 0, False
        aligned, quote = dialect.aligned, dialect.quote
        mark = re.escape(dialect.delimiter)
        pieces = {
            "comment": rf"(?<![^\n]){dialect.comments}[^\n]*\n",
            "hollow": "(?!)" if dialect.delimiter == " " else rf"(?<![^\n]) *{mark}[ {mark}]*\n",
            "edge": r"(?<![^\n])[ \t]+|[ \t]+(?=\n)" if aligned else r"(?<![^\n]) +\n",
            "run": r"[ \t]+" if aligned else "(?!)",
        }
        inside = "(?!)"
        if quote is not None:
            mark, between = re.escape(quote), " \t" if aligned else re.escape(dialect.delimiter)
            inside = rf"[^{mark}]*(?:{mark}{mark}[^{mark}]*)*(?:(?P<closed>{mark})|\Z)"
            pieces = {"quoted": rf"(?<![^\n{between}]){mark}{inside}", **pieces}

        def text(plain: str) -> Any:
            return plain.encode() if of_bytes else plain

        self._pieces: dict[str, Any] = {
            name: re.compile(text(pieces[name])) for name in ("comment", "hollow", "edge")
        }
        named = "|".join(f"(?P<{name}>{piece})" for name, piece in pieces.items())
        self._pattern: Any = re.compile(text(named))
        self._inside: Any = re.compile(text(inside))
        signs = ["#", "%"] if dialect.comment is None else [dialect.comment]
        signs = [] if dialect.comment == NO_MARK else signs
        signs = [*dict.fromkeys([*signs, " ", dialect.delimiter])]
        self._starts = [text(sign) for sign in signs]
        self._after = [text(f"\n{sign}") for sign in signs]
        self._always = aligned
        self._arrow: Any = None
        if dialect.arrows:
            around = re.escape(quote or "")
            in_quotes = rf"{around}[^{around}\n]*{around}" if quote else "(?!)"
            self._arrow = re.compile(text(rf"(?P<quoted>{in_quotes})|{dialect.arrow}"))
            self._delimiter = text(dialect.delimiter)
        self._quote = None if quote is None else text(quote)
        ends = [] if quote is None else [dialect.delimiter, "\n"]
        self._opening: list[Any] = [text(f"{end}{quote}") for end in ends]
        self._closing: list[Any] = [text(f"{quote}{end}") for end in ends]
        self._nothing, self._blank = text(""), text(" ")
        self._tab, self._end = text("\t"), text("\n")

    def tidy(self, lines: Any) -> Any:
        """Whole lines, each with its line feed, without anything that is not part of a row."""
        if self._arrow is not None:
            lines = self._arrow.sub(lambda found: found["quoted"] or self._delimiter, lines)
        untidy = (
            self._always
            or any(lines.startswith(start) for start in self._starts)
            or any(sign in lines for sign in self._after)
        )
        if not untidy and not self.is_open and self._quotes_are_plain(lines):
            return lines
        if not self.is_open and (self._quote is None or self._quote not in lines):
            lines, n_comments = self._pieces["comment"].subn(self._nothing, lines)
            self.n_comments += n_comments
            if self._always:
                return self._without_runs(lines)
            lines, n_hollow = self._pieces["hollow"].subn(self._nothing, lines)
            self.n_hollow += n_hollow
            return self._pieces["edge"].sub(self._nothing, lines)
        return self._tidy_around_quotes(lines)

    def _without_runs(self, lines: Any) -> Any:
        """Lines with single blanks, and none at their ends; patterns would take twice as long."""
        blank, end = self._blank, self._end
        lines = end + lines.replace(self._tab, blank)
        while blank + blank in lines:
            lines = lines.replace(blank + blank, blank)
        return lines.replace(end + blank, end).replace(blank + end, end)[1:]

    def _tidy_around_quotes(self, lines: Any) -> Any:
        kept, end = [], 0
        if self.is_open:
            rest = self._inside.match(lines)
            self.is_open, end = rest["closed"] is None, rest.end()
            kept.append(lines[:end])
        for match in self._pattern.finditer(lines, end):
            kept.append(lines[end : match.start()])
            end = match.end()
            if match.lastgroup in ("quoted", "closed"):
                kept.append(match[0])
                self.is_open = match["closed"] is None
            elif match.lastgroup == "run":
                kept.append(self._blank)
            elif match.lastgroup == "comment":
                self.n_comments += 1
            elif match.lastgroup == "hollow":
                self.n_hollow += 1
        kept.append(lines[end:])
        return self._nothing.join(kept)

    def _quotes_are_plain(self, lines: Any) -> bool:
        """Whether each quote begins or ends a cell, and as many begin cells as end them."""
        if self._quote is None or self._quote not in lines:
            return True
        n_opening = sum(map(lines.count, self._opening)) + int(lines.startswith(self._quote))
        n_closing = sum(map(lines.count, self._closing))
        n_quotes: int = lines.count(self._quote)
        return bool(n_opening == n_closing and n_quotes == 2 * n_opening)


class TidyBlocks:
    r"""A text file as PyArrow can read it, block by block: whole rows, and no comments.

    Where quotes may hold line breaks, a block continues until its quotes are closed. Quoted text
    stays as it is.

    Parameters
    ----------
    path, dialect
        The file, and how it is written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "edges.csv")
    >>> _ = path.write_bytes(b"# friends\nann,bob")
    >>> blocks = TidyBlocks(path, Dialect(","))
    >>> list(blocks)
    [(b'ann,bob\n', 1)]
    >>> blocks.n_comments, blocks.n_hollow
    (1, 0)
    >>> list(TidyBlocks(path, Dialect(",")).whole_lines())
    [b'# friends\n', b'ann,bob\n']
    """

    def __init__(self, path: Path, dialect: Dialect) -> None:
        self.path, self.dialect = path, dialect
        self._tidier = _Tidier(dialect, of_bytes=True)
        self._n_lines, self._started = 0, False

    @property
    def n_comments(self) -> int:
        """Number of comment lines that were left out so far."""
        return self._tidier.n_comments

    @property
    def n_hollow(self) -> int:
        """Number of lines that hold only delimiters and were left out so far."""
        return self._tidier.n_hollow

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        """Blocks that hold rows, each with the number of its lines that are not blank.

        Raises
        ------
        InputError
            A line is too long or holds zero bytes, or a quote stays open for too long.
        """
        held: list[bytes] = []
        n_rows, n_bytes, first_line = 0, 0, 1
        for lines in self.whole_lines():
            first_line = first_line if held else self._n_lines + 1
            block = self._tidied(lines)
            held.append(block)
            n_rows += _n_filled_lines(block)
            n_bytes += len(block)
            if not self._tidier.is_open:
                if n_rows:
                    yield b"".join(held), n_rows
                held, n_rows, n_bytes = [], 0, 0
            elif n_bytes > LONGEST_CELL:
                raise InputError(
                    f"{self.path}: a quote that opens on line {first_line} or later is not closed "
                    f"within {LONGEST_CELL:,} bytes; close it, or give {NO_QUOTES}"
                )
        if n_rows:
            yield b"".join(held), n_rows

    def whole_lines(self) -> Iterator[bytes]:
        """Blocks of whole lines in UTF-8, unchanged but for their ends, which are line feeds.

        Raises
        ------
        InputError
            A line is too long, holds zero bytes, or is not in the file's encoding.
        """
        stream, _ = byte_stream(self.path)
        tail = b""
        with stream:
            for block in self._in_utf8(stream):
                self._check(tail, block)
                if self.dialect.bare_returns:
                    block = block.replace(b"\r", b"\n")
                whole, line_end, rest = block.rpartition(b"\n")
                if line_end:
                    lines = tail + whole + line_end
                    if b"\r" in lines:
                        lines = lines.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
                    yield lines
                    self._n_lines += lines.count(b"\n")
                    tail = rest
                else:
                    tail += rest
                if len(tail) > LONGEST_LINE:
                    raise InputError(
                        f"{self.path}, line {self._n_lines + 1}: is longer than {LONGEST_LINE:,} "
                        "bytes; a table has one row per line"
                    )
        if tail:
            yield tail.replace(b"\r", b"\n") + b"\n"

    def _in_utf8(self, stream: Any) -> Iterator[bytes]:
        if self.dialect.encoding == "UTF-8":
            while block := stream.read(BLOCK_BYTES):
                yield block
            return
        decoder = codecs.getincrementaldecoder(self.dialect.encoding)()
        try:
            while block := stream.read(BLOCK_BYTES):
                yield decoder.decode(block).encode()
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise InputError(
                f"{self.path}: is not {self.dialect.encoding} text after line {self._n_lines}; "
                "save the file as UTF-8"
            ) from None

    def _check(self, tail: bytes, block: bytes) -> None:
        if b"\0" in block:
            line = self._n_lines + (tail + block[: block.index(b"\0")]).count(b"\n") + 1
            raise InputError(
                f"{self.path}, line {line}: is not text (it holds zero bytes); save the file as "
                "UTF-8"
            )

    def _tidied(self, lines: bytes) -> bytes:
        while self._n_lines == 0 and lines.startswith(codecs.BOM_UTF8):
            lines = lines.removeprefix(codecs.BOM_UTF8)
        lines = self._tidier.tidy(lines)
        if not self._started:  # otherwise a blank line would be taken for the header
            lines = lines.lstrip(b"\n")
            self._started = bool(lines)
        return lines


def _n_filled_lines(lines: bytes) -> int:
    n_lines = lines.count(b"\n")
    if b"\n\n" in lines or lines.startswith(b"\n"):
        n_lines -= len(re.findall(rb"^\n", lines, flags=re.MULTILINE))
    return n_lines


def _line_stream(path: Path, encoding: str = "UTF-8") -> io.TextIOWrapper:
    """The lines of a file as text; in UTF-8, damaged characters are kept as surrogates."""
    raw: Any = io.BufferedReader(_Raw(byte_stream(path)[0]))
    if encoding != "UTF-8":
        return io.TextIOWrapper(raw, encoding=encoding, errors="replace", newline="")
    return io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")


class _Raw(io.RawIOBase):
    """A stream of PyArrow's as one of Python's; that of a compressed file cannot be wrapped."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._stream.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)


def not_utf8(path: Path) -> InputError | None:
    """The error for the first line that is not UTF-8; None if there is no such line.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "edges.csv")
    >>> _ = path.write_bytes("zoé,bob".encode("latin-1"))
    >>> print(str(not_utf8(path)).rpartition("edges.csv, ")[2])
    line 1: is not UTF-8 text (byte 0xe9); save the file as UTF-8
    """
    with _line_stream(path) as text:
        for number, line in enumerate(text, start=1):
            damaged = [ord(letter) for letter in line if "\udc80" <= letter <= "\udcff"]
            if damaged:
                return InputError(
                    f"{path}, line {number}: is not UTF-8 text (byte 0x{damaged[0] - 0xDC00:02x}); "
                    "save the file as UTF-8"
                )
    return None


def tidy_lines(lines: Iterable[str], dialect: Dialect) -> Iterator[str | None]:
    r"""Lines of text as `TidyBlocks` gives them, with None in the place of each comment.

    Examples
    --------
    >>> list(tidy_lines(["# friends", "ann  bob"], Dialect(" ", aligned=True)))
    [None, 'ann bob\n']
    """
    tidier = _Tidier(dialect, of_bytes=False)
    for number, line in enumerate(lines):
        before = tidier.n_comments
        line = line.lstrip("\ufeff") if number == 0 else line
        tidy = tidier.tidy(line.rstrip("\r\n") + "\n")
        yield tidy if tidier.n_comments == before else None


def rows_of(
    lines: Iterable[str | None], dialect: Dialect, *, strict: bool = False
) -> Iterator[list[str]]:
    """Tidy lines as rows of cells; a blank line is a row without cells.

    Examples
    --------
    >>> list(rows_of(["ann,'bob, jr'"], Dialect(",", quote="'")))
    [['ann', 'bob, jr']]
    """
    return csv.reader(
        (line for line in lines if line is not None),
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or '"',
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        strict=strict,
    )


@contextmanager
def wide_cells() -> Iterator[None]:
    """Let Python's csv read cells as long as those that `TidyBlocks` accepts.

    Examples
    --------
    >>> with wide_cells():
    ...     csv.field_size_limit()
    268435456
    """
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def numbered_rows(
    path: Path, dialect: Dialect, *, strict: bool = False
) -> Iterator[tuple[int, list[str]]]:
    r"""Rows with the line that each begins on; slow, and therefore read only to explain an error.

    Raises
    ------
    InputError
        A row cannot be read; with `strict`, also if a quote is not closed.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "edges.csv")
    >>> _ = path.write_bytes(b"# friends\nann,bob")
    >>> list(numbered_rows(path, Dialect(",")))
    [(2, ['ann', 'bob'])]
    """
    n_read, start = 0, 0

    def counted(text: io.TextIOWrapper) -> Iterator[str | None]:
        nonlocal n_read, start
        for line in tidy_lines(text, dialect):
            n_read += 1
            start = start or (0 if line is None else n_read)
            yield line

    with _line_stream(path, dialect.encoding) as text:
        rows = rows_of(counted(text), dialect, strict=strict)
        while True:
            start = 0
            try:
                with wide_cells():
                    row = next(rows)
            except StopIteration:
                return
            except (csv.Error, OSError) as error:
                reason = str(error).splitlines()[0].lower()
                raise InputError(
                    f"{path}, line {start or n_read + 1}: {reason}{UNCLOSED}; correct the line, or "
                    f"give {NO_QUOTES} if quotes are ordinary characters here"
                ) from None
            if row:
                yield start, row
