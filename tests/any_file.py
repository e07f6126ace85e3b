"""What must be true of any file whatever: it is read whole, or refused in one line."""

from __future__ import annotations

import csv
import gzip
import io
import logging
import re
from pathlib import Path
from typing import Any

from vgae.errors import InputError
from vgae.graph import Graph
from vgae.io import read_graph

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
    assert rows_in(content, remarks.lines, options.get("quote", '"')) == rows_of(graph)
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


def rows_in(content: bytes, remarks: list[str], quote: str) -> int:
    """Rows of a file, counted independently: filled lines, or records that Python's csv finds."""
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    said = " ".join(remarks)
    text = content.decode("utf-8-sig")
    comments = re.search(r"left out (\d+) comment line", said)
    aligned = "runs of blanks" in said
    lines = [
        line for line in re.split(r"\r\n|\n|\r", text) if line.strip(" \t" if aligned else " ")
    ]
    n_rows = len(lines) - (int(comments[1]) if comments else 0)
    if quote in text and quote != "none":
        named = re.search(r"(tab|semicolon|bar|comma|space|'.')-separated", said)
        delimiter = " " if named is None else DELIMITERS.get(named[1], named[1].strip("'"))
        if aligned:
            lines = [re.sub(r"[ \t]+", " ", line.strip(" \t")) for line in lines]
        kept = io.StringIO("".join(f"{line}\n" for line in lines), newline="")
        records = csv.reader(kept, delimiter=delimiter, quotechar=quote)
        n_rows = min(n_rows, sum(1 for row in records if row))
    return n_rows - ("with a header" in said)
