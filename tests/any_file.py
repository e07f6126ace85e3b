"""What must be true of any file whatever: it is read whole, or refused in one line."""

from __future__ import annotations

import gzip
import logging
import re
from pathlib import Path
from typing import Any

from vgae.data.graph import Graph
from vgae.data.io import read_graph
from vgae.ground.errors import InputError

DELIMITERS = {"tab": "\t", "semicolon": ";", "bar": "|", "comma": ",", "space": " "}


class _Remarks(logging.Handler):
    """What is said while a file is read."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def check(path: Path, content: bytes, options: dict[str, Any]) -> bool:
    """Read a file: a graph that accounts for every row, or one line that says why not."""
    path.write_bytes(content)
    remarks, logger = _Remarks(), logging.getLogger("vgae")
    logger.addHandler(remarks)
    level = logger.level
    logger.setLevel(logging.INFO)
    try:
        graph = read_graph(path, **options)
    except InputError as error:
        assert str(path) in str(error) or "delimiter" in str(error), error
        assert "\n" not in str(error), error
        return False
    finally:
        logger.removeHandler(remarks)
        logger.setLevel(level)
    said = " ".join(remarks.lines)
    if "read as an adjacency matrix" in said:
        return True  # its entries are the rows
    if "separated by arrows" in said:
        lines = text_of(content, said).split("\n")
        n_arrows = sum(
            re.search(r"[-=]>|<[-=]|--| - |[\u2190\u2192\u2194]", line) is not None
            for line in lines
        )
        assert rows_of(graph) <= n_arrows
        return True
    rows, has_header = rows_in(content, remarks.lines, options)
    assert len(rows) - has_header == rows_of(graph)
    ends = re.search(r"edges run from column (\d+) to column (\d+)", said)
    if ends and not graph.cleaning.incomplete and "two kinds of nodes, with" not in said:
        cells = {row[int(end) - 1].strip() for row in rows for end in ends.groups()}
        if options.get("integer_ids"):
            cells = {re.sub(r"\.0*$", "", cell) for cell in cells}
        assert {str(name) for name in graph.ids.tolist()} == cells
    return True


def rows_of(graph: Graph) -> int:
    """Rows that became edges or were dropped for a reason that was said."""
    cleaning = graph.cleaning
    return graph.n_edges + (
        cleaning.self_loops
        + cleaning.duplicates
        + cleaning.reversed_duplicates
        + cleaning.incomplete
    )


def rows_in(
    content: bytes, remarks: list[str], options: dict[str, Any]
) -> tuple[list[list[str]], bool]:
    """The rows of a file, parsed a character at a time by what was said of its dialect.

    Also says whether the first of them is a header.
    """
    said = " ".join(remarks)
    aligned = "runs of blanks" in said
    named = re.search(r"(tab|semicolon|bar|comma|space|'.')-separated", said)
    delimiter = " " if named is None else DELIMITERS.get(named[1], named[1].strip("'"))
    quote = options.get("quote", '"')
    text = text_of(content, said)
    parser = _Parser(delimiter, aligned, "" if quote == "none" else quote, options.get("comment"))
    rows = parser.rows(text)
    comments = re.search(r"left out (\d+) comment line", said)
    assert parser.n_comments == (int(comments[1]) if comments else 0)
    hollow = re.search(r"left out (\d+) lines? of delimiters", said)
    assert parser.n_hollow == (int(hollow[1]) if hollow else 0)
    return rows, "with a header" in said


def text_of(content: bytes, said: str) -> str:
    """The text of a file, with line feeds alone."""
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    text = content.decode("utf-16" if ", UTF-16" in said else "utf-8").lstrip("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n")


class _Parser:
    """Delimited text, slowly and plainly."""

    def __init__(self, delimiter: str, aligned: bool, quote: str, comment: str | None) -> None:
        self.blanks = " \t" if aligned else delimiter
        self.delimiter, self.aligned, self.quote, self.comment = delimiter, aligned, quote, comment
        self.n_comments, self.n_hollow = 0, 0

    def rows(self, text: str) -> list[list[str]]:
        rows, place = [], 0
        while place < len(text):
            if self._is_comment(text, place):
                self.n_comments += 1
                place = self._line_end(text, place) + 1
            elif not text[place : self._line_end(text, place)].strip(
                " \t" if self.aligned else " "
            ):
                place = self._line_end(text, place) + 1
            elif not text[place : self._line_end(text, place)].strip(f" {self.delimiter}"):
                self.n_hollow += 1
                place = self._line_end(text, place) + 1
            else:
                row, place = self._row(text, place)
                rows.append(row)
        return rows

    def _line_end(self, text: str, place: int) -> int:
        end = text.find("\n", place)
        return len(text) if end < 0 else end

    def _is_comment(self, text: str, place: int) -> bool:
        if self.comment == "none":
            return False
        if self.comment is not None:
            return text.startswith(self.comment, place)
        after = text[place + 1 : place + 2]
        return text[place] in "#%" and (after in "\n \t\x0b\x0c%")  # "" is in every text

    def _row(self, text: str, place: int) -> tuple[list[str], int]:
        row = []
        if self.aligned:
            place = self._skip(text, place)
        while True:
            cell, place = self._cell(text, place)
            row.append(cell)
            if self.aligned:
                place = self._skip(text, place)
                if place >= len(text) or text[place] == "\n":
                    return row, place + 1
            elif place >= len(text) or text[place] == "\n":
                return row, place + 1
            else:
                place += 1

    def _skip(self, text: str, place: int) -> int:
        while place < len(text) and text[place] in " \t":
            place += 1
        return place

    def _cell(self, text: str, place: int) -> tuple[str, int]:
        cell = ""
        if self.quote and text[place : place + 1] == self.quote:
            place += 1
            while place < len(text):
                if text[place] == self.quote:
                    if text[place + 1 : place + 2] != self.quote:
                        break
                    place += 1
                cell += text[place]
                place += 1
            place += 1
        while place < len(text) and text[place] != "\n" and text[place] not in self.blanks:
            cell += text[place]
            place += 1
        return cell, place
