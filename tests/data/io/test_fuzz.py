"""Files nobody would write: no traceback, no hang, no row lost without a word."""

from __future__ import annotations

import gzip
from typing import Any
from unittest.mock import patch

import pytest
from any_file import check
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from number import examples

from vgae.data import dialects
from vgae.data.tables import open_table
from vgae.ground.errors import InputError

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
NOISE = st.sampled_from(
    ["", "", "", "# a comment", "% more", "#", "   ", "%%x", "#1,2", ",,", "\t ", "# u,v"]
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[bytes, dict[str, Any]]:
    """A file and the options it is read with."""
    delimiter = draw(st.sampled_from([",", "\t", ";", "|", " ", ":", "  ", " -> "]))
    width = draw(st.integers(1, 5))
    quoted = draw(st.booleans())
    end = draw(LINE_END)
    lines = draw(
        st.sampled_from(
            [[], ["source,target"], ["# head"], [delimiter.join("uvwx")], ["user,item"], ["% bip"]]
        )
    )
    for row in draw(st.lists(st.lists(CELL, min_size=width, max_size=width), max_size=12)):
        lines = [*lines, delimiter.join(f'"{c}"' if quoted and "a" in c else c for c in row)]
        noise = draw(NOISE)
        lines += [noise] if noise else []
    content = end.join(lines) + draw(st.sampled_from(["", end, end + end]))
    encoded = content.encode(
        draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "latin-1", "utf-16"])), "replace"
    )
    for place, byte in draw(
        st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=2)
    ):
        if draw(st.booleans()) and place < len(encoded):
            encoded = encoded[:place] + bytes([byte]) + encoded[place + 1 :]
    if draw(st.sampled_from([False, False, False, True])):
        encoded = gzip.compress(encoded, mtime=0)
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
                "bipartite": st.booleans(),
                "integer_ids": st.booleans(),
            },
        )
    )
    return encoded, options


@settings(max_examples=examples(2500), suppress_health_check=list(HealthCheck))
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


@settings(max_examples=examples(500), suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path_factory: Any, content: bytes) -> None:
    check(tmp_path_factory.getbasetemp() / "fuzz.bin", content, {})


@settings(max_examples=examples(1500), suppress_health_check=list(HealthCheck))
@given(case=tables(), size=st.sampled_from([1, 5, 16, 64]))
def test_the_size_of_blocks_changes_nothing(
    tmp_path_factory: Any, case: tuple[bytes, dict[str, Any]], size: int
) -> None:
    content, options = case
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_bytes(content)
    marks = ("header", "delimiter", "quote", "comment")
    given_marks = {name: options[name] for name in marks if name in options}
    answers: list[Any] = []
    for block_bytes in (dialects.BLOCK_BYTES, size):
        with patch.object(dialects, "BLOCK_BYTES", block_bytes):
            try:
                table = open_table(path, **given_marks)
                columns = table.read(range(table.n_columns))
                answers.append([column.to_pylist() for column in columns])
            except InputError as error:
                answers.append(str(error))
    assert answers[0] == answers[1]
