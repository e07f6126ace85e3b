"""Files nobody would write: no traceback, no hang, no row lost without a word."""

from __future__ import annotations

import csv
import gzip
import io
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vgae.errors import InputError
from vgae.graph import Graph
from vgae.io import read_graph

CELL = st.one_of(
    st.sampled_from(
        ["a", "b", "c", "1", "2", "30", "007", "-4", "1.5", "nan", "inf", "", " ", "\\N", "# x"]
    ),
    st.text(
        st.sampled_from("abc01 .,;|\t\"'#%-\\é日\u2028\x85\x0c\x1e_"),
        max_size=6,
    ),
)
LINE_END = st.sampled_from(["\n", "\r\n", "\r"])
NOISE = st.sampled_from(["", "", "", "# a comment", "% more", "#", "   ", "%%x", "#1,2"])


@st.composite
def tables(draw: st.DrawFn) -> tuple[bytes, dict[str, Any]]:
    """A file and the options it is read with."""
    delimiter = draw(st.sampled_from([",", "\t", ";", "|", " ", ":", "  "]))
    width = draw(st.integers(1, 4))
    quoted = draw(st.booleans())
    end = draw(LINE_END)
    lines = draw(st.sampled_from([[], ["source,target"], ["# head"], [delimiter.join("uvwx")]]))
    for row in draw(st.lists(st.lists(CELL, min_size=width, max_size=width), max_size=12)):
        lines = [*lines, delimiter.join(f'"{c}"' if quoted and "a" in c else c for c in row)]
        noise = draw(NOISE)
        lines += [noise] if noise else []
    content = end.join(lines) + draw(st.sampled_from(["", end, end + end]))
    encoded = content.encode(
        draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "latin-1"])), "replace"
    )
    for place, byte in draw(
        st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=2)
    ):
        if draw(st.booleans()) and place < len(encoded):
            encoded = encoded[:place] + bytes([byte]) + encoded[place + 1 :]
    if draw(st.sampled_from([False, False, False, True])):
        encoded = gzip.compress(encoded)
        encoded = encoded[: draw(st.integers(1, len(encoded) + 40))]
    options = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "header": st.booleans(),
                "delimiter": st.sampled_from([",", "\t", " ", ";", ":"]),
                "quote": st.sampled_from(["'", "none"]),
                "comment": st.sampled_from(["none", "//", "#"]),
                "drop_incomplete": st.booleans(),
                "weight": st.sampled_from(["3", "w"]),
                "source": st.sampled_from(["2", "u"]),
            },
        )
    )
    return encoded, options


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
    assert rows_in(content, remarks.lines) == rows_of(graph)
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


def rows_in(content: bytes, remarks: list[str]) -> int:
    """Rows of a file, counted independently: lines, or records of Python's csv if quoted."""
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    said = " ".join(remarks)
    text = content.decode("utf-8-sig")
    comments = re.search(r"left out (\d+) comment line", said)
    header = "with a header" in said
    blanks = " \t" if "runs of blanks" in said else " "
    lines = [line for line in re.split(r"\r\n|\n|\r", text) if line.strip(blanks)]
    n_lines = len(lines) - (int(comments[1]) if comments else 0)
    if '"' in text and "no quotes" not in said:
        kept = [line + "\n" for line in lines]
        n_records = sum(1 for row in csv.reader(io.StringIO("".join(kept), newline="")) if row)
        n_lines = min(n_lines, n_records)
    return n_lines - header


@settings(max_examples=2500, suppress_health_check=list(HealthCheck))
@given(case=tables())
def test_any_table_is_read_or_refused(
    tmp_path_factory: Any, case: tuple[bytes, dict[str, Any]]
) -> None:
    check(tmp_path_factory.getbasetemp() / "fuzz.csv", *case)


@pytest.mark.slow
@settings(max_examples=25_000, suppress_health_check=list(HealthCheck), derandomize=False)
@given(case=tables())
def test_any_table_is_read_or_refused_at_length(
    tmp_path_factory: Any, case: tuple[bytes, dict[str, Any]]
) -> None:
    check(tmp_path_factory.getbasetemp() / "fuzz.csv", *case)


@settings(max_examples=500, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path_factory: Any, content: bytes) -> None:
    check(tmp_path_factory.getbasetemp() / "fuzz.bin", content, {})
