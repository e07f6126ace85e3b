"""Delimited text: its dialect detected, its columns read, every error with its line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from delimited import cells, written

from vgae.data.dialects import Dialect
from vgae.data.io.edge_lists import looks_like_header
from vgae.data.tables import open_table
from vgae.data.text import TextFile, open_text, text_head
from vgae.ground.errors import InputError

ROWS = [f"{i},{i + 1}" for i in range(300_000)]


def opened(path: Path, **options: str | bool) -> TextFile:
    return open_text(path, guess_header=lambda _: False, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("a,b\nc,d\n", [["a", "b"], ["c", "d"]]),
        ("a\tb\nc\td", [["a", "b"], ["c", "d"]]),
        ("a;b\r\nc;d\r\n", [["a", "b"], ["c", "d"]]),
        ("a|b\n", [["a", "b"]]),
        ("a b\n\n\nc d\n", [["a", "b"], ["c", "d"]]),
        ("\ufeffa,b\n", [["a", "b"]]),
        ('"x, y",b\n"say ""hi""",d\n', [["x, y", "b"], ['say "hi"', "d"]]),
        ("# about\n% more\n\na,b\n", [["a", "b"]]),
        ("#tag,#other\n", [["#tag", "#other"]]),
        ("Smith, J\tDoe, K\nDoe, K\tPoe, L\n", [["Smith, J", "Doe, K"], ["Doe, K", "Poe, L"]]),
        ("a;b;0,5\nb;c;1,5\n", [["a", "b", "0,5"], ["b", "c", "1,5"]]),
        ("x;y,z\nz,w\n", [["x;y", "z"], ["z", "w"]]),
        ("NA,null\n", [["NA", "null"]]),
        ("é,日本\n", [["é", "日本"]]),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_text_of_every_dialect(
    tmp_path: Path, content: str, rows: list[list[str]], compressed: bool
) -> None:
    data = content.encode()
    path = written(tmp_path, gzip.compress(data, mtime=0) if compressed else data)
    table = open_table(path)
    columns = [column.to_pylist() for column in table.read(range(table.n_columns))]
    assert [list(row) for row in zip(*columns, strict=True)] == rows


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"  \n\n", "is empty"),
        (b"# only\n# comments\n", "nothing but comments"),
        (b"\xef", "is not UTF-8 text"),
        (b"a,b\nc\xff,d\n", r"line 2: is not UTF-8 text \(byte 0xff\)"),
        (b"a,b\n" * 40_000 + b"\xe9,d\n", "line 40001: is not UTF-8"),
        ("a,b\n".encode("utf-16")[:-1], "is not UTF-16 text"),
        ("a,b\n".encode("utf-16") + b"\0\xd8,\0", "is not UTF-16 text"),
        ("a,b\n".encode("utf-32"), "UTF-32"),
        (b"a,b\0\n", "zero bytes"),
        (b"a,b\nc,d\n\ne\n", "line 4: 1 column where the first row has 2"),
        (b"a,b\nc,d,e\n", "line 2: 3 columns"),
        (b"# x\na,b\nc,d,e\n", "line 3: 3 columns"),
        (b'a,b\n"c,d\ne,f\n', "line 2: 1 column.*unclosed quote"),
        (gzip.compress(b"a,b\n" * 1000, mtime=0)[:-12], "truncated"),
    ],
)
def test_damaged_text_is_one_line_with_its_place(tmp_path: Path, content: bytes, said: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(InputError, match=said) as caught:
        open_table(path).read([0, 1])
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("stray", ['"x,5', 'x,"5'])
def test_a_stray_quote_in_a_large_file_loses_nothing(tmp_path: Path, stray: str) -> None:
    path = written(tmp_path, "\n".join([*ROWS[:100], stray, *ROWS[101:]]))
    with pytest.raises(InputError, match=r"line 101: .*unclosed quote"):
        open_table(path).read([0, 1])


def test_line_breaks_in_quotes_are_read_in_large_files_too(tmp_path: Path) -> None:
    table = open_table(written(tmp_path, "\n".join([*ROWS[:100], '"x\ny",5', *ROWS[101:]])))
    first, _ = table.read([0, 1])
    assert len(first) == len(ROWS)
    assert first[100].as_py() == "x\ny"
    assert table.place(101).endswith("line 103")


def test_damage_far_from_the_start_is_one_line(tmp_path: Path) -> None:
    data = gzip.compress("\n".join(ROWS).encode(), mtime=0)
    for content in (data[:-5000], data[:-3000] + b"\0" * 500 + data[-2500:]):
        path = written(tmp_path, content, "e.csv.gz")
        with pytest.raises(InputError, match="e.csv.gz: ") as caught:
            open_table(path).read([0, 1])
        assert "\n" not in str(caught.value)


def test_rows_longer_than_a_block_are_read(tmp_path: Path) -> None:
    long = "x" * 3_000_000
    table = open_table(written(tmp_path, f"a,b\n{long},c\nd,{long}\n"))
    assert [len(cell.as_py()) for cell in table.read([1])[0]] == [1, 1, len(long)]


def test_what_is_detected_is_told_in_words(tmp_path: Path) -> None:
    for content, said in (
        ("a,b\n", "comma-separated, 2 columns, no header"),
        ("a  b\nc\td\n", "separated by runs of blanks, 2 columns, no header"),
        ("a -> b\n", "separated by arrows (->), 2 columns, no header"),
        (
            gzip.compress(b"a|b\rc|d\r", mtime=0),
            "bar-separated, gzip, lines end in a carriage return, 2 col",
        ),
        ("a;b".encode("utf-16"), "semicolon-separated, UTF-16, 2 columns, no header"),
    ):
        assert str(opened(written(tmp_path, content))).startswith(said)
    path = written(tmp_path, "a:b\n")
    assert (
        str(opened(path, delimiter=":", header=True)) == "':'-separated, 2 columns, with a header"
    )


def test_the_head_of_a_file_ends_at_a_whole_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vgae.data.text.SAMPLE_BYTES", 8)
    path = written(tmp_path, "é,b\nc,d\ne,f\n")
    assert text_head(path, Dialect(","))[::2] == ("é,b\n", False)
    text = opened(path)
    assert (text.rows, text.is_whole) == ([["é", "b"]], False)
    assert text.read([0], encoded=[0])[0].to_pylist() == ["é", "c", "e"]
    with pytest.raises(InputError, match="line 1: is longer than 8 bytes; a table has one row per"):
        opened(written(tmp_path, "abcdefgh,i\n"))


def test_lines_and_remarks_are_those_of_the_file(tmp_path: Path) -> None:
    text = opened(written(tmp_path, "# one\n\n# two\nx,y\n# three\n\na,b\n"), header=True)
    assert text.remarks == ["# one", "# two"]
    assert (text.names, text.rows, list(text.lines())) == (["x", "y"], [["a", "b"]], [7])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"delimiter": "::"}, r"^--delimiter \(delimiter=\): '::' must be one ASCII character"),
        ({"delimiter": "\n"}, "must be one ASCII character"),
        ({"quote": "é"}, r"^--quote \(quote=\): 'é' must be one ASCII character"),
        ({"delimiter": '"'}, r"is the quote too; give another --quote \(quote=\)"),
        (
            {"comment": ""},
            r"^--comment \(comment=\): is empty; give the beginning of a comment, or",
        ),
    ],
)
def test_marks_that_cannot_be_are_refused(
    tmp_path: Path, options: dict[str, str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        opened(written(tmp_path, "a,b\n"), **options)


def test_quotes_may_be_switched_off(tmp_path: Path) -> None:
    path = written(tmp_path, 'a,"b\nc,d\n')
    with pytest.raises(InputError, match=r"line 1: .* give --quote none \(quote=\"none\"\)"):
        cells(path)
    assert cells(path, quote="none") == [["a", '"b'], ["c", "d"]]
    assert cells(written(tmp_path, "a,'b,c'\n"), quote="'") == [["a", "b,c"]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<?xml version='1.0'?>", "is XML; a graph needs the suffix .graphml or .gexf; to read it"),
        ('[{"a": 1}]', "is JSON; a graph needs the suffix .json"),
        ("strict digraph g {\n", "is a DOT graph; convert it"),
        ('Creator "x"\ngraph\n[ node', "is GML; give it the suffix .gml"),
        ("*Vertices 3\n", "is a Pajek file; give it the suffix .net"),
    ],
)
def test_other_languages_are_refused_unless_the_delimiter_is_given(
    tmp_path: Path, content: str, said: str
) -> None:
    path = written(tmp_path, content + "\na,b\n")
    with pytest.raises(InputError, match=said) as caught:
        opened(path)
    assert str(caught.value).endswith("to read it as a table, give --delimiter (delimiter=)")
    assert opened(path, delimiter=",").rows


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04", "is a zip archive, as .xlsx files are; save the table as CSV"),
        (b"\xfd7zXZ\x00", "is compressed with xz; use gzip, zstd or bz2"),
        (b"sep=;\na;b\n", "begins with Excel's 'sep=' line; remove this line$"),
    ],
)
def test_archives_and_lines_of_excel_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        opened(written(tmp_path, content))


# ------------------------------------------------------------- names in comments


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("# From\tTo\n1\t2\n", ["From", "To"]),
        ("# about\n#From,To\n1,2\n", ["From", "To"]),
        ("% a;b;weight\nx;y;3\n", ["a", "b", "weight"]),
        ("# FromNodeId ToNodeId\n1 2\n", ["FromNodeId", "ToNodeId"]),
        ("# my graph\n1 2\n", None),  # two words of a sentence
        ("# 40 80\n1 2\n", None),
        ("# a,b,c\n1,2\n", None),
        ("# From,To\n\n1,2\n", None),  # not directly above
        ("# ann,bob\nann,cid\nbob,cid\n", None),  # an edge that was taken out
    ],
)
def test_a_comment_above_the_rows_may_name_columns(
    tmp_path: Path, content: str, names: list[str] | None
) -> None:
    path = written(tmp_path, content)
    table = open_table(path, guess_header=looks_like_header)
    assert table.names == names
    assert open_table(path, header=False, guess_header=looks_like_header).names is None
    if names is not None:
        assert ("with a header" if "#From" in content else "from the comment above") in table.about
        assert len(cells(path, guess_header=looks_like_header)) == 1


def test_a_first_line_that_begins_with_a_hash_may_be_a_header(tmp_path: Path) -> None:
    path = written(tmp_path, "#person\tfriend\nann\tbob\nbob\tcid\n")
    assert open_table(path, guess_header=looks_like_header).names == ["person", "friend"]
    path = written(tmp_path, "#tag\t#other\n#other\t#more\n")
    assert open_table(path, guess_header=looks_like_header).names is None


# ------------------------------------------------------------------------ arrows


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("a -> b\nb -> c\n", [["a", "b"], ["b", "c"]]),
        ("a --> b\n\nb  -->  c\n", [["a", "b"], ["b", "c"]]),
        ("a -- b\n# x -- y\nb -- c\n", [["a", "b"], ["b", "c"]]),
        ("a <-> b\nb -> c\n", [["a", "b"], ["b", "c"]]),
        ("a\t=>\tb\t3\nb\t=>\tc\t4\n", [["a", "b", "3"], ["b", "c", "4"]]),
        ("a - b\nb - c\n", [["a", "b"], ["b", "c"]]),
        ("a → b\nb → c\n", [["a", "b"], ["b", "c"]]),
        ("a->b\nb->c\n", [["a", "b"], ["b", "c"]]),
        ("a -> b 0.5\nb -> c 2\n", [["a", "b", "0.5"], ["b", "c", "2"]]),
        ("a -> b, 0.5\nb -> c, 2\n", [["a", "b", " 0.5"], ["b", "c", " 2"]]),
        ("New York -> Los Angeles\nBonn -> New York\n",
         [["New York", "Los Angeles"], ["Bonn", "New York"]]),
        ('"a -> b" -> c\nc -> d\n', [["a -> b", "c"], ["c", "d"]]),
        ("a -> b -> c\nc -> d\n", None),
        ("a-->b -> c\nc -> a-->b\n", [["a-->b", "c"], ["c", "a-->b"]]),
        ("a->b,c\nb,c->d\n", [["a->b", "c"], ["b", "c->d"]]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("block_bytes", [5, 2**24])
def test_arrows_separate(
    tmp_path: Path,
    content: str,
    rows: list[list[str]] | None,
    block_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vgae.data.dialects.BLOCK_BYTES", block_bytes)
    path = written(tmp_path, content)
    if rows is None:
        with pytest.raises(InputError, match="'a -> b -> c' holds more than one arrow"):
            cells(path)
    else:
        assert cells(path) == rows


def test_a_second_arrow_is_refused_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, "# x -> y -> z\n\na -> b\n\nc -> d -> e\n")
    with pytest.raises(InputError, match="line 5: 'c -> d -> e' holds more than one arrow; write"):
        opened(path)


@pytest.mark.parametrize("odd", ["d", "a -> b -> c", "a <- b"])
def test_a_later_line_without_one_arrow_is_refused(tmp_path: Path, odd: str) -> None:
    path = written(tmp_path, "a -> b\n" * 150 + odd + "\n")
    with pytest.raises(InputError, match="line 151: "):
        open_table(path).read([0, 1])


def test_an_arrow_in_quotes_is_part_of_an_id(tmp_path: Path) -> None:
    path = written(tmp_path, "a -> b\n" * 150 + '"x -> y" -> z\n')
    assert cells(path)[-1] == ["x -> y", "z"]
