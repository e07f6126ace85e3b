"""Dialects of text: what is taken out of its bytes, in blocks of any size, and its rows' lines."""

from __future__ import annotations

import bz2
import gzip
import os
import re
from pathlib import Path

import pyarrow as pa
import pytest
from delimited import cells, written

from vgae.data.dialects import (
    Dialect,
    TidyBlocks,
    byte_stream,
    not_utf8,
    numbered_rows,
    refuse_pipe,
    rows_of,
    tidy_lines,
)
from vgae.data.tables import open_table
from vgae.ground.errors import InputError

SEMICOLONS, BLANKS = Dialect(";"), Dialect(" ", aligned=True)


def tidied(folder: Path, content: bytes, dialect: Dialect) -> bytes:
    return b"".join(block for block, _ in TidyBlocks(written(folder, content), dialect))


@pytest.mark.parametrize(
    ("content", "dialect", "tidy"),
    [
        ("a;b\n", SEMICOLONS, "a;b\n"),
        ("\n\na;b\r\nc;d", SEMICOLONS, "a;b\nc;d\n"),
        ("# x\na;b\n% y\n%%\n#\nc;d\n", SEMICOLONS, "a;b\nc;d\n"),
        ("#a;b\n%c;d\n", SEMICOLONS, "#a;b\n%c;d\n"),  # ids may begin so
        (";\na;b\n ; ;\n  \nc;\n", SEMICOLONS, "a;b\nc;\n"),
        ('"# x\n# y";b\n', SEMICOLONS, '"# x\n# y";b\n'),
        ('"a""\n# y";b\n# z\n', SEMICOLONS, '"a""\n# y";b\n'),
        ('a"b;c\n# z\n', SEMICOLONS, 'a"b;c\n'),  # no quote: it does not begin a cell
        ("  a \t b  \nc d\n\t\n", BLANKS, "a b\nc d\n"),
        ('"a  b"   c\n', BLANKS, '"a  b" c\n'),
        ("// x\n# a;b\n", Dialect(";", comment="//"), "# a;b\n"),
        ("# a;b\n", Dialect(";", comment="none"), "# a;b\n"),
        ('"a;b\n# x\n', Dialect(";", quote=None), '"a;b\n'),
        ("a -> b\n'x->y' <- c\n", Dialect("\t", quote="'", arrows=("->", "<-")),
         "a\tb\n'x->y'\tc\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("block_bytes", [1, 4, 2**24])
def test_bytes_and_lines_are_tidied_alike(
    tmp_path: Path,
    content: str,
    dialect: Dialect,
    tidy: str,
    block_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vgae.data.dialects.BLOCK_BYTES", block_bytes)
    found = tidied(tmp_path, content.encode(), dialect).decode()
    assert re.sub(r"\n+", "\n", found) == tidy
    lines = tidy_lines(re.split(r"(?<=\n)", content), dialect)
    kept = "".join(line for line in lines if line is not None)
    assert re.sub(r"^\n|(?<=\n)\n+", "", kept) == tidy


def test_lines_left_out_are_counted(tmp_path: Path) -> None:
    blocks = TidyBlocks(written(tmp_path, b"# x\na;b\n;;\n# y\n\nc;d\n"), SEMICOLONS)
    assert sum(n_rows for _, n_rows in blocks) == 2
    assert (blocks.n_comments, blocks.n_hollow) == (2, 1)


@pytest.mark.parametrize(
    ("pack", "name"),
    [(gzip.compress, "gzip"), (bz2.compress, "bz2"), (bytes, None)],
)
def test_compression_is_known_by_the_first_bytes(
    tmp_path: Path, pack: type[bytes], name: str | None
) -> None:
    stream, found = byte_stream(written(tmp_path, pack(b"a;b\n"), "no.suffix"))
    with stream:
        assert (stream.read(100), found) == (b"a;b\n", name)


def test_zstd_is_known_too(tmp_path: Path) -> None:
    path = written(tmp_path, pa.compress(b"a;b\n", codec="zstd", asbytes=True))
    stream, found = byte_stream(path)
    with stream:
        assert (stream.read(100), found) == (b"a;b\n", "zstd")


def test_files_and_folders_are_no_pipes(tmp_path: Path) -> None:
    refuse_pipe(tmp_path)
    refuse_pipe(tmp_path / "none.csv")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe: is a pipe or a device; save its output to a file"):
        refuse_pipe(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"# x\na;b\n\nc;d\n", [(2, ["a", "b"]), (4, ["c", "d"])]),
        (b'a;"b\n# x\nc"\nd;e\n', [(1, ["a", "b\n# x\nc"]), (4, ["d", "e"])]),
        (b"\xef\xbb\xbfa;b\r\nc;d\r\n", [(1, ["a", "b"]), (2, ["c", "d"])]),
        (b"a;\xff\n", [(1, ["a", "\udcff"])]),  # damaged bytes are for `not_utf8`
    ],
)
def test_rows_come_with_their_lines(
    tmp_path: Path, content: bytes, rows: list[tuple[int, list[str]]]
) -> None:
    assert list(numbered_rows(written(tmp_path, content), SEMICOLONS)) == rows


def test_a_quote_that_is_not_closed_is_an_error_only_where_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, b'a;b\n# x\nc;"d\ne;f\n')
    assert [line for line, _ in numbered_rows(path, SEMICOLONS)] == [1, 3]
    with pytest.raises(
        InputError, match=r"line 3: unexpected end of data \(an unclosed quote\?\); "
    ):
        list(numbered_rows(path, SEMICOLONS, strict=True))


def test_the_first_line_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    assert not_utf8(written(tmp_path, "é\n日\n")) is None
    error = not_utf8(written(tmp_path, b"a\nb\xe9\nc\xff\n"))
    assert str(error).endswith(
        "t.csv, line 2: is not UTF-8 text (byte 0xe9); save the file as UTF-8"
    )


def test_rows_of_lines() -> None:
    lines = ['a;"b;c"\n', None, "\n", "d;e\n"]
    assert list(rows_of(lines, SEMICOLONS)) == [["a", "b;c"], [], ["d", "e"]]
    assert list(rows_of(['a;"b\n'], Dialect(";", quote=None))) == [["a", '"b']]


@pytest.mark.parametrize(
    ("content", "dialect", "said"),
    [
        (b"a;b\nc;\0\n", SEMICOLONS, r"line 2: is not text \(it holds zero bytes\); save the file"),
        (b"a;b\n" + b"x" * 2000, SEMICOLONS, "line 2: is longer than 1,000 bytes; a table has one"),
        (
            "a;b\n".encode("utf-16-le") + b"\0\xdc",
            Dialect(";", encoding="UTF-16-LE"),
            "is not UTF-16-LE text after line 0; save the file as UTF-8",
        ),
    ],
)
def test_bytes_that_cannot_be_read_name_their_line(
    tmp_path: Path, content: bytes, dialect: Dialect, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vgae.data.dialects.LONGEST_LINE", 1000)
    with pytest.raises(InputError, match=said):
        tidied(tmp_path, content, dialect)


def test_letters_that_look_like_line_ends_are_none(tmp_path: Path) -> None:
    table = open_table(written(tmp_path, "a\u2028b\x0cc\x85d,e\n"))
    assert table.read([0])[0].to_pylist() == ["a\u2028b\x0cc\x85d"]


def test_quoted_cells_may_span_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vgae.data.dialects.BLOCK_BYTES", 7)
    content = 'a,b\n"c\nd\ne",f\n\n"g ""h""",i\n# a comment\nj,k\n'
    table = open_table(written(tmp_path, content))
    assert table.read([0])[0].to_pylist() == ["a", "c\nd\ne", 'g "h"', "j"]
    assert table.place(3).endswith("line 8")


def test_a_quote_that_stays_open_for_long_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vgae.data.dialects.BLOCK_BYTES", 64)
    monkeypatch.setattr("vgae.data.dialects.LONGEST_CELL", 1000)
    path = written(tmp_path, 'a,b\nc,"d\n' + "e,f\n" * 1000)
    with pytest.raises(InputError, match=r"t\.csv: a quote that opens on line 1 or later is not"):
        open_table(path).read([0, 1])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("block_bytes", [3, 2**24])
def test_lines_of_delimiters_alone_are_blank_and_counted(
    tmp_path: Path,
    delimiter: str,
    block_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("vgae.data.dialects.BLOCK_BYTES", block_bytes)
    content = ',,\na,b,\n,, \n , ,\nc,,d\n,x,\n\n"\n,,\n",y,z\n,,\n'.replace(",", delimiter)
    path = written(tmp_path, content)
    with caplog.at_level("INFO", logger="vgae"):
        found = cells(path, delimiter=delimiter)
    assert found == [
        ["a", "b", ""],
        ["c", "", "d"],
        ["", "x", ""],
        [f"\n{delimiter}{delimiter}\n", "y", "z"],
    ]
    assert "left out 4 lines of delimiters only" in caplog.text
    assert open_table(path, delimiter=delimiter).place(3).endswith("line 8")


@pytest.mark.parametrize("order", ["le", "be"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("block_bytes", [1, 7, 2**24])
def test_utf16_with_a_mark_is_read_in_blocks(
    tmp_path: Path,
    order: str,
    compressed: bool,
    block_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vgae.data.dialects.BLOCK_BYTES", block_bytes)
    content = f"\ufeffid,x\r\né\U0001f600,1\r\n# no\r\nb,{2:03}x\r\n".encode(f"utf-16-{order}")
    path = written(tmp_path, gzip.compress(content, mtime=0) if compressed else content)
    table = open_table(path, header=True)
    assert "UTF-16" in table.about
    assert table.names == ["id", "x"]
    assert cells(path, header=True) == [["é\U0001f600", "1"], ["b", "002x"]]
    with pytest.raises(InputError, match="line 4: column 'x' holds '002x'"):
        table.numbers(1, *table.read([1]))


@pytest.mark.parametrize("end", [b"\0\xdca\0\n\0", b"a"])
def test_utf16_that_breaks_off_later_is_one_line(tmp_path: Path, end: bytes) -> None:
    content = ("\ufeff" + "a,b\n" * 400_000).encode("utf-16-le") + end
    with pytest.raises(InputError, match=r"t\.csv: is not UTF-16 text after line"):
        open_table(written(tmp_path, content)).read([0, 1])


def test_utf16_takes_no_more_memory_than_utf8(tmp_path: Path) -> None:
    import tracemalloc

    text = "\ufeffsource,target\n" + "a,b\n" * 6_000_000
    path = written(tmp_path, text.encode("utf-16-le"))
    blocks = TidyBlocks(path, open_table(path).text.dialect)  # type: ignore[union-attr]
    del text
    tracemalloc.start()
    assert sum(n_rows for _, n_rows in blocks) == 6_000_001
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * 2**24
