"""Delimited text: the dialect of a file is detected, and its columns are read through PyArrow.

If a row cannot be read, the file is read again, slowly, so that every error names its line.
"""

from __future__ import annotations

import codecs
import csv
import logging
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from vgae.data.adjacency import count
from vgae.data.dialects import (
    DELIMITERS,
    NO_MARK,
    NO_QUOTES,
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
from vgae.data.ends import is_number, named_ends
from vgae.ground.errors import InputError, shown
from vgae.ground.files import file_errors

__all__ = ["EMPTY", "ONLY_COMMENTS", "TextFile", "open_text", "text_head"]

logger = logging.getLogger("vgae.data.io")

SAMPLE_BYTES, SAMPLE_ROWS = 2**20, 2000
PARSED_BYTES = 2**20
"""Bytes that one thread of PyArrow parses at a time, unless a row is longer."""
ARCHIVES = {
    b"PK\x03\x04": "is a zip archive, as .xlsx files are; save the table as CSV",
    b"\xfd7zXZ": "is compressed with xz; use gzip, zstd or bz2",
}
AS_TABLE = "; to read it as a table, give --delimiter (delimiter=)"
OTHER_LANGUAGES = {
    r"<(\?xml|graphml|gexf|html|!DOCTYPE)\b": (
        f"is XML; a graph needs the suffix .graphml or .gexf{AS_TABLE}"
    ),
    r"[\[{]\s*[\[{\"']": (
        f"is JSON; a graph needs the suffix .json, one object per line .jsonl{AS_TABLE}"
    ),
    r"(strict\s+)?(di)?graph\b\s*\w*\s*\{": (
        f"is a DOT graph; convert it to an edge list or GraphML{AS_TABLE}"
    ),
    r"(Creator\b[^\n]*\s+)?(Version\b[^\n]*\s+)?graph\s*\[": (
        f"is GML; give it the suffix .gml{AS_TABLE}"
    ),
    r"\*(Vertices|Network)\b\s*\d*\s*\n": f"is a Pajek file; give it the suffix .net{AS_TABLE}",
    r"\"?sep=.\"?\s*\n": "begins with Excel's 'sep=' line; remove this line",
}
"""Patterns for the beginnings of other files, and the message for each."""
LINE_END = re.compile(r"\r\n|\n|\r")  # not splitlines, which knows seven more
BLANKS = re.compile(r"^ | {2}| $")
ARROW = r"<?[-=]{1,2}>|<[-=]{1,2}|[\u2190\u2192\u2194]"
APART = re.compile(rf"(?<=[ \t])(?:{ARROW}|--)(?=[ \t])|(?<= )-(?= )")
TOUCHING = re.compile(ARROW)
EMPTY = "is empty; name a file that holds data"
ONLY_COMMENTS = "holds nothing but comments; name a file that holds data"
BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
BOMS_32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


@dataclass(frozen=True)
class TextFile:
    r"""A file whose dialect is known and whose columns are read on demand.

    Attributes
    ----------
    path, dialect
        The file, and how it is written.
    n_columns
        Number of columns in the first row.
    names
        Column names, from a header or from the comment above the rows; None if there are none.
    rows
        The first rows below the header.
    is_whole
        Whether `rows` holds all rows of the file.
    remarks
        The comment lines above the first row.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "edges.csv")
    >>> _ = path.write_text("# friends\nann;bob\nbob;cid\n")
    >>> text = open_text(path, guess_header=lambda rows: False)
    >>> print(text)
    semicolon-separated, 2 columns, no header
    >>> text.read([1], encoded=[])[0].to_pylist(), list(text.lines())
    (['bob', 'cid'], [2, 3])
    >>> [part.num_rows for part in text.parts([0, 1])]
    [2]
    """

    path: Path
    dialect: Dialect
    n_columns: int
    names: list[str] | None
    rows: list[list[str]]
    is_whole: bool
    remarks: list[str]

    def __str__(self) -> str:
        """A description of how the file is written."""
        if self.dialect.header or self.names is None:
            said = f"{'with a' if self.dialect.header else 'no'} header"
        else:
            said = "names of columns from the comment above"
        return f"{self.dialect}, {count(self.n_columns, 'column')}, {said}"

    def read(self, columns: list[int], encoded: Collection[int]) -> list[pa.ChunkedArray]:
        """Columns by position, as strings; those in `encoded` are dictionary-encoded.

        Comment lines, and lines that hold only delimiters, are left out; their number is logged.

        Raises
        ------
        InputError
            A row cannot be read; the message names its line.
        """
        whole = pa.concat_tables(list(self.parts(columns, encoded)))
        return [whole.column(f"f{column}") for column in columns]

    def parts(self, columns: list[int], encoded: Collection[int] = ()) -> Iterator[pa.Table]:
        """The same columns, named f0, f1, ..., one block of rows at a time."""
        blocks = TidyBlocks(self.path, self.dialect)
        header, swallowed = self.dialect.header, False
        with file_errors(self.path):
            for block, n_lines in blocks:
                table = self._parsed(block, columns, encoded, header=header)
                swallowed = swallowed or len(table) + header < n_lines
                header = False
                yield table
        if swallowed:
            self._check_quotes()
        for number, noun, of in (
            (blocks.n_comments, "comment line", ""),
            (blocks.n_hollow, "line", " of delimiters only"),
        ):
            if number:
                logger.info("%s: left out %s%s", self.path, count(number, noun), of)

    def _parsed(
        self, block: bytes, columns: list[int], encoded: Collection[int], *, header: bool
    ) -> pa.Table:
        coded = pa.dictionary(pa.int32(), pa.string())
        types = {f"f{column}": coded if column in encoded else pa.string() for column in columns}
        parsing = pa.csv.ParseOptions(
            delimiter=self.dialect.delimiter,
            quote_char=self.dialect.quote or False,
            # Otherwise a stray quote makes the parallel reader drop rows silently.
            newlines_in_values=self.dialect.quote is not None,
        )
        converting = pa.csv.ConvertOptions(
            strings_can_be_null=False, column_types=types, include_columns=list(types)
        )
        for size in (PARSED_BYTES, len(block) + 1):
            reading = pa.csv.ReadOptions(
                column_names=[f"f{place}" for place in range(self.n_columns)],
                skip_rows_after_names=int(header),
                block_size=size,
            )
            try:
                return pa.csv.read_csv(pa.BufferReader(block), reading, parsing, converting)
            except pa.ArrowInvalid as error:
                if "straddling" not in str(error) or size > len(block):
                    raise self._explain(error) from None
        raise AssertionError("a row fits into its own block")

    def lines(self) -> Iterator[int]:
        """The line on which each row below the header begins; slow."""
        rows = numbered_rows(self.path, self.dialect)
        if self.dialect.header:
            next(rows, None)
        return (line for line, _ in rows)

    def _check_quotes(self) -> None:
        """Refuse a quote that stays open, as it swallows all rows to the end of the file.

        Line breaks in quoted cells are allowed.
        """
        for _ in numbered_rows(self.path, self.dialect, strict=True):
            pass

    def _explain(self, error: pa.ArrowInvalid) -> InputError:
        """The error for the line that PyArrow refused."""
        if "UTF8" in str(error) and (explained := not_utf8(self.path)):
            return explained
        width = self.n_columns
        for line, row in numbered_rows(self.path, self.dialect):
            if len(row) != width:
                found = "1 column" if len(row) == 1 else f"{len(row)} columns"
                cause = UNCLOSED if any("\n" in cell for cell in row) else ""
                return InputError(
                    f"{self.path}, line {line}: {found} where the first row has {width}{cause}; "
                    "correct or remove this line"
                )
        reason = str(error).splitlines()[0]
        return InputError(f"{self.path}: cannot be read as {self.dialect} text: {reason}")


def open_text(
    path: Path,
    *,
    header: bool | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    comment: str | None = None,
    guess_header: Callable[[list[list[str]]], bool],
) -> TextFile:
    r"""Detect how a text file is written; see `vgae.data.tables.open_table` for the parameters.

    Raises
    ------
    InputError
        The file is empty, is not text in UTF-8 or UTF-16, or is damaged.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "edges.csv")
    >>> _ = path.write_text("from\tto\nann\tbob\n")
    >>> text = open_text(path, guess_header=lambda rows: rows[0] == ["from", "to"])
    >>> text.names, text.rows
    (['from', 'to'], [['ann', 'bob']])
    """
    quote = None if quote == NO_MARK else quote or '"'
    for name, mark in (("delimiter", delimiter), ("quote", quote)):
        if mark is not None and (len(mark) != 1 or not mark.isascii() or mark in "\r\n"):
            raise InputError(f"--{name} ({name}=): {shown(mark)} must be one ASCII character")
    if delimiter is not None and delimiter == quote:
        raise InputError(
            f"--delimiter (delimiter=): {shown(delimiter)} is the quote too; give another --quote "
            "(quote=)"
        )
    if comment == "":
        raise InputError(
            "--comment (comment=): is empty; give the beginning of a comment, or 'none'"
        )
    marks = Dialect(delimiter or ",", quote=quote, comment=comment)
    head, dialect, is_whole = text_head(path, marks)
    if delimiter is None:
        _refuse_other_languages(path, head)
    remarks, lines = _after_comments(path, head, dialect)
    dialect = _with_delimiter(path, dialect, lines, len(remarks) + 1, delimiter)
    rows = _sample_rows(lines, dialect)
    if not rows:
        raise InputError(
            f"{path}, line {len(remarks) + 1}: cannot be read{UNCLOSED}; correct the line, or give "
            f"{NO_QUOTES}"
        )
    n_columns, names = len(rows[0]), None
    if header is None:
        names = _names_above(remarks, dialect, rows, guess_header)
        header = names is None and guess_header(rows)
    if header:
        names, *rows = rows
        names = [names[0].lstrip("#"), *names[1:]]
    return TextFile(
        path,
        replace(dialect, header=header),
        n_columns,
        names,
        rows,
        is_whole and len(rows) < SAMPLE_ROWS - 1,
        [line for line in remarks if line.strip()],
    )


# ------------------------------------------------------------------- detection


def text_head(path: Path, dialect: Dialect) -> tuple[str, Dialect, bool]:
    r"""The first lines of a file as text, its dialect so far, and whether these are all its lines.

    Compression, encoding and line ends are added to the dialect.

    Raises
    ------
    InputError
        The file is empty, or is not text in UTF-8, or in UTF-16 with a byte order mark.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "edges.csv")
    >>> _ = path.write_text("zoé,bob\n", "utf-16")
    >>> head, dialect, is_whole = text_head(path, Dialect(","))
    >>> head, dialect.encoding, is_whole
    ('zoé,bob\n', 'UTF-16', True)
    """
    stream, compression = byte_stream(path)
    with stream:
        sample: bytes = stream.read(SAMPLE_BYTES)
    if not sample.strip():
        raise InputError(f"{path}: {EMPTY}")
    if sample.startswith(BOMS_32):
        raise InputError(f"{path}, line 1: is UTF-32 text, not UTF-8; save the file as UTF-8")
    for magic, said in ARCHIVES.items():
        if sample.startswith(magic):
            raise InputError(f"{path}: {said}")
    is_whole = len(sample) < SAMPLE_BYTES
    encoding = "UTF-16" if sample.startswith(BOMS) else "UTF-8"
    decode = _decoded_utf16 if encoding == "UTF-16" else _decoded_utf8
    head = decode(path, sample, is_whole)
    found = replace(
        dialect,
        compression=compression,
        encoding=encoding,
        bare_returns="\r" in head and "\n" not in head,
    )
    return head, found, is_whole


def _decoded_utf16(path: Path, sample: bytes, is_whole: bool) -> str:
    try:
        head = codecs.getincrementaldecoder("utf-16")().decode(sample, final=is_whole)
    except UnicodeDecodeError:
        raise InputError(
            f"{path}: is not UTF-16 text, although it begins with that mark; save the file as UTF-8"
        ) from None
    if not head.strip():
        raise InputError(f"{path}: {EMPTY}")
    _refuse_zeros(path, "\0" in head)
    return head if is_whole else head[: _whole_lines(path, head, "\n", "\r")]


def _decoded_utf8(path: Path, sample: bytes, is_whole: bool) -> str:
    _refuse_zeros(path, b"\0" in sample)
    if not is_whole:
        sample = sample[: _whole_lines(path, sample, b"\n", b"\r")]
    try:
        return sample.decode("utf-8-sig").lstrip("\ufeff")
    except UnicodeDecodeError:
        # An incomplete byte order mark belongs to no line.
        raise not_utf8(path) or InputError(
            f"{path}: is not UTF-8 text; save the file as UTF-8"
        ) from None


def _refuse_zeros(path: Path, has_zeros: bool) -> None:
    if has_zeros:
        raise InputError(
            f"{path}: is not a text file (it holds zero bytes); save the table as CSV or Parquet"
        )


def _whole_lines(path: Path, head: Any, *line_ends: Any) -> int:
    """The place after the last whole line of the first bytes."""
    end: int = max(map(head.rfind, line_ends)) + 1
    if not end:
        raise InputError(
            f"{path}, line 1: is longer than {SAMPLE_BYTES:,} bytes; a table has one row per line"
        )
    return end


def _refuse_other_languages(path: Path, head: str) -> None:
    """Refuse a file in another language, which would be read as a table of nonsense."""
    for pattern, said in OTHER_LANGUAGES.items():
        if re.match(pattern, head.lstrip()[:200], re.IGNORECASE):
            raise InputError(f"{path}: {said}")


def _after_comments(path: Path, head: str, dialect: Dialect) -> tuple[list[str], list[str]]:
    """Leading comment and blank lines, and the lines after them."""
    comment = re.compile(dialect.comments)
    lines = LINE_END.split(head)
    for number, line in enumerate(lines):
        if line.strip(" ") and not comment.match(line):
            return lines[:number], lines[number:]
    raise InputError(f"{path}: {ONLY_COMMENTS}")


def _names_above(
    remarks: list[str],
    dialect: Dialect,
    rows: list[list[str]],
    guess_header: Callable[[list[list[str]]], bool],
) -> list[str] | None:
    """The column names in the comment line directly above the rows; None if it holds none."""
    if not remarks:
        return None
    mark = r"[#%]+[ \t]*" if dialect.comment is None else dialect.comments
    line = re.sub(f"^{mark}", "", remarks[-1])
    named = _sample_rows([line], replace(dialect, comment=NO_MARK))
    if not named or len(named[0]) != len(rows[0]) or not all(cell.strip() for cell in named[0]):
        return None
    names = named[0]
    if any(map(is_number, names)) or len(names) < 2:
        return None
    if dialect.delimiter == " " and not named_ends(names):
        return None  # two words of a sentence
    return names if guess_header([names, *rows]) else None


def _sample_rows(lines: list[str], dialect: Dialect) -> list[list[str]]:
    """The first rows, up to one that cannot be read: reading the whole file names that one."""
    rows: list[list[str]] = []
    with suppress(csv.Error), wide_cells():
        for row in islice(rows_of(tidy_lines(lines, dialect), dialect), SAMPLE_ROWS):
            if row:
                rows.append(row)  # noqa: PERF401 - keep what came before an error
    return rows


def _with_delimiter(
    path: Path, dialect: Dialect, lines: list[str], first_line: int, delimiter: str | None
) -> Dialect:
    """The dialect with the delimiter that splits all first rows alike, or at least the first row.

    `first_line` is the number of the first of the lines.
    """
    lines = lines[:100]
    if delimiter is None:
        by_arrows = _with_arrows(path, dialect, lines, first_line, APART)
        if by_arrows is not None:
            return by_arrows
    candidates = [replace(dialect, delimiter=mark) for mark in delimiter or DELIMITERS]
    aligned = replace(dialect, delimiter=" ", aligned=True)
    if any(BLANKS.search(line) for line in lines):
        candidates = [aligned if made.delimiter == " " else made for made in candidates]
    elif delimiter is None:
        candidates.append(aligned)  # blanks in some lines, tabs in others
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
    if not present and delimiter is None:
        by_arrows = _with_arrows(path, dialect, lines, first_line, TOUCHING)
        if by_arrows is not None:
            return by_arrows
    return (present or (candidates if delimiter else [dialect]))[0]


def _with_arrows(
    path: Path, dialect: Dialect, lines: list[str], first_line: int, arrow: re.Pattern[str]
) -> Dialect | None:
    """A dialect in which arrows separate the ends of edges, if each line has exactly one arrow.

    Raises
    ------
    InputError
        Each line has an arrow, and one line has several.
    """
    comment, quoted = re.compile(dialect.comments), re.compile(r"(?!)")
    if dialect.quote is not None:
        mark = re.escape(dialect.quote)
        quoted = re.compile(f"{mark}[^{mark}]*{mark}")
    numbered = [
        (number, line)
        for number, line in enumerate(lines, start=first_line)
        if line.strip() and not comment.match(line)
    ]
    rows = [row for _, row in numbered]
    found = [arrow.findall(quoted.sub("", row)) for row in rows]
    if not rows or not all(found):
        return None
    for (number, row), marks in zip(numbered, found, strict=True):
        if len(marks) > 1:
            raise InputError(
                f"{path}, line {number}: {shown(row)} holds more than one arrow; write one edge "
                "per line, or give --delimiter (delimiter=)"
            )
    made = replace(
        dialect,
        arrows=tuple(sorted({marks[0] for marks in found})),
        arrows_apart=arrow is APART,
    )
    sides = [re.split(made.arrow, quoted.sub("x", row.strip())) for row in rows]
    if any(len(pair) != 2 or not all(pair) for pair in sides):
        return None
    for mark in ("\t", ";", "|", ","):
        if all(mark in end for _, end in sides):
            return replace(made, delimiter=mark)
    # Ids may contain blanks; but if every end closes with a number, that number is a weight.
    words = [end.split() for _, end in sides]
    if len(words[0]) > 1 and all(
        len(row) == len(words[0]) and is_number(row[-1]) and " " not in start
        for row, (start, _) in zip(words, sides, strict=True)
    ):
        return replace(made, delimiter=" ", aligned=True)
    return replace(made, delimiter="\t")


def _end_in_marks(rows: list[list[str]]) -> bool:
    """Whether a comma or semicolon precedes every blank: 'a, b' is not a row of 'a,' and 'b'."""
    cells = [cell for row in rows for cell in row[:-1]]
    return bool(cells) and all(cell.endswith((",", ";")) for cell in cells)
