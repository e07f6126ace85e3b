import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from vgae.dialects import TidyBlocks
from vgae.errors import InputError
from vgae.io.edge_lists import looks_like_header
from vgae.tables import check_output, open_table, write_table


def written(tmp_path: Path, content: bytes | str, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


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
    path = written(tmp_path, gzip.compress(data) if compressed else data)
    table = open_table(path)
    columns = [column.to_pylist() for column in table.read(range(table.n_columns))]
    assert [list(row) for row in zip(*columns, strict=True)] == rows


def test_a_header_names_columns(tmp_path: Path) -> None:
    table = open_table(written(tmp_path, "From,To,w\na,b,1\n"), header=True)
    assert table.names == ["From", "To", "w"]
    assert table.column("To") == 1
    assert table.column("3") == 2
    assert table.column_called("source", "from") == 0
    assert table.column_called("weight") is None
    assert table.read([1])[0].to_pylist() == ["b"]
    assert "with a header" in table.about
    with pytest.raises(InputError, match=r"unknown column 'Too': did you mean 'To'"):
        table.column("Too")
    with pytest.raises(InputError, match="no column 4; there are 3"):
        table.column("4")


def test_without_a_header_columns_have_numbers_only(tmp_path: Path) -> None:
    table = open_table(written(tmp_path, "a,b\n"))
    with pytest.raises(InputError, match="by number"):
        table.column("a")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"  \n\n", "is empty"),
        (b"# only\n# comments\n", "empty but for comments"),
        (b"\xef", "is not UTF-8 text"),
        (b"a,b\nc\xff,d\n", r"line 2: not UTF-8 text \(byte 0xff\)"),
        (b"a,b\n" * 40_000 + b"\xe9,d\n", "line 40001: not UTF-8"),
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


ROWS = [f"{i},{i + 1}" for i in range(300_000)]


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


def test_letters_that_look_like_line_ends_are_none(tmp_path: Path) -> None:
    table = open_table(written(tmp_path, "a\u2028b\x0cc\x85d,e\n"))
    assert table.read([0])[0].to_pylist() == ["a\u2028b\x0cc\x85d"]


def test_damage_far_from_the_start_is_one_line(tmp_path: Path) -> None:
    data = gzip.compress("\n".join(ROWS).encode())
    for content in (data[:-5000], data[:-3000] + b"\0" * 500 + data[-2500:]):
        path = written(tmp_path, content, "e.csv.gz")
        with pytest.raises(InputError, match="e.csv.gz: ") as caught:
            open_table(path).read([0, 1])
        assert "\n" not in str(caught.value)


def test_parquet_is_known_by_its_content_and_read_by_position(tmp_path: Path) -> None:
    path = tmp_path / "t.PQ"
    twice = pa.table([pa.array([1]), pa.array([2])], names=["x", "x"])
    pyarrow.parquet.write_table(twice, path)
    table = open_table(path)
    assert [column.to_pylist() for column in table.read([0, 1])] == [[1], [2]]
    content = path.read_bytes()
    path.write_bytes(content[:10] + b"\xff" * 40 + content[50:])
    with pytest.raises(InputError, match="t.PQ: is") as caught:
        open_table(path).read([0])
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        open_table(tmp_path / "none.csv")
    with pytest.raises(InputError, match="is a folder"):
        open_table(tmp_path)
    with pytest.raises(InputError, match="is not a Parquet file"):
        open_table(written(tmp_path, "a,b\n", "t.parquet"))
    with pytest.raises(InputError, match="one plain character"):
        open_table(written(tmp_path, "a,b\n"), delimiter="::")
    with pytest.raises(InputError, match="one plain character"):
        open_table(written(tmp_path, "a,b\n"), delimiter="é")


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("x", "holds 'x', not a finite"),
        ("", "is empty"),
        ("nan", "holds 'nan'"),
        ("1e999", "holds '1e999'"),
        ("1e39", "holds '1e39'"),
        ("1_0", "holds '1_0'"),
    ],
)
def test_cells_that_are_no_numbers_are_found(tmp_path: Path, cell: str, said: str) -> None:
    path = written(tmp_path, f"n,x\na,1\n\nb,{cell}\n")
    with pytest.raises(InputError, match=f"line 4: column 'x' {said}"):
        table = open_table(path, header=True)
        table.numbers(1, *table.read([1]))


def test_numbers_may_stand_between_blanks(tmp_path: Path) -> None:
    table = open_table(written(tmp_path, "a, 1.5 \nb,-2e3\n"))
    assert table.numbers(1, *table.read([1])).tolist() == [1.5, -2000.0]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_what_is_written_can_be_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    names = ["plain", "with, comma", 'with "quote"', "ünïcode"]
    write_table(path, {"node": names, "x": [1.0, 2.5, -3.0, 1e-9]})
    table = open_table(path, header=True)
    assert table.names == ["node", "x"]
    assert table.read([0])[0].to_pylist() == names
    assert table.numbers(1, *table.read([1])).tolist() == [1.0, 2.5, -3.0, 1e-9]
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_other_suffixes_are_refused_before_the_work() -> None:
    with pytest.raises(InputError, match=r"cannot write '.xlsx'; use one of"):
        check_output(Path("a.xlsx"))


def test_parquet_columns_keep_their_types(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pa.table({"id": [1, 2], "x": [1.0, None], "l": [[1], [2]]}), path)
    table = open_table(path)
    assert table.read([0])[0].to_pylist() == [1, 2]
    with pytest.raises(InputError, match="row 2: column 'x' is empty"):
        table.numbers(1, *table.read([1]))
    with pytest.raises(InputError, match="not numeric"):
        table.numbers(2, *table.read([2]))


def test_rows_longer_than_a_block_are_read(tmp_path: Path) -> None:
    long = "x" * 3_000_000
    table = open_table(written(tmp_path, f"a,b\n{long},c\nd,{long}\n"))
    assert [len(cell.as_py()) for cell in table.read([1])[0]] == [1, 1, len(long)]


def test_quoted_cells_may_span_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vgae.dialects.BLOCK_BYTES", 7)
    content = 'a,b\n"c\nd\ne",f\n\n"g ""h""",i\n# a comment\nj,k\n'
    table = open_table(written(tmp_path, content))
    assert table.read([0])[0].to_pylist() == ["a", "c\nd\ne", 'g "h"', "j"]
    assert table.place(3).endswith("line 8")


def test_a_quote_that_stays_open_for_long_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vgae.dialects.BLOCK_BYTES", 64)
    monkeypatch.setattr("vgae.dialects.LONGEST_CELL", 1000)
    path = written(tmp_path, 'a,b\nc,"d\n' + "e,f\n" * 1000)
    with pytest.raises(InputError, match=r"t\.csv: a quote that opens on line 1 or later is not"):
        open_table(path).read([0, 1])


# ------------------------------------------------------------ spreadsheets' text


def cells(path: Path, **options: Any) -> list[list[str]]:
    table = open_table(path, **options)
    columns = [column.to_pylist() for column in table.read(range(table.n_columns))]
    return [list(row) for row in zip(*columns, strict=True)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("block_bytes", [3, 2**24])
def test_lines_of_delimiters_alone_are_blank_and_counted(
    tmp_path: Path,
    delimiter: str,
    block_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("vgae.dialects.BLOCK_BYTES", block_bytes)
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
    assert "left out 4 blank lines of delimiters alone" in caplog.text
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
    monkeypatch.setattr("vgae.dialects.BLOCK_BYTES", block_bytes)
    content = f"\ufeffid,x\r\né\U0001f600,1\r\n# no\r\nb,{2:03}x\r\n".encode(f"utf-16-{order}")
    path = written(tmp_path, gzip.compress(content) if compressed else content)
    table = open_table(path, header=True)
    assert "UTF-16" in table.about
    assert table.names == ["id", "x"]
    assert cells(path, header=True) == [["é\U0001f600", "1"], ["b", "002x"]]
    with pytest.raises(InputError, match="line 4: column 'x' holds '002x'"):
        table.numbers(1, *table.read([1]))


@pytest.mark.parametrize("end", [b"\0\xdca\0\n\0", b"a"])
def test_utf16_that_breaks_off_later_is_one_line(tmp_path: Path, end: bytes) -> None:
    content = ("\ufeff" + "a,b\n" * 400_000).encode("utf-16-le") + end
    with pytest.raises(InputError, match=r"t\.csv: not UTF-16 text after line"):
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
    monkeypatch.setattr("vgae.dialects.BLOCK_BYTES", block_bytes)
    path = written(tmp_path, content)
    if rows is None:
        with pytest.raises(InputError, match="'a -> b -> c' holds more than one arrow"):
            cells(path)
    else:
        assert cells(path) == rows


@pytest.mark.parametrize("odd", ["d", "a -> b -> c", "a <- b"])
def test_a_later_line_without_one_arrow_is_refused(tmp_path: Path, odd: str) -> None:
    path = written(tmp_path, "a -> b\n" * 150 + odd + "\n")
    with pytest.raises(InputError, match="line 151: "):
        open_table(path).read([0, 1])


def test_an_arrow_in_quotes_is_part_of_an_id(tmp_path: Path) -> None:
    path = written(tmp_path, "a -> b\n" * 150 + '"x -> y" -> z\n')
    assert cells(path)[-1] == ["x -> y", "z"]


# --------------------------------------------------------------- decimal commas


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (["0,5", "3", "12,25"], [0.5, 3, 12.25]),
        (["1,002", "3,5"], [1.002, 3.5]),
        (["-1,5e3", "+2,0"], [-1500, 2]),
        ([" 0,125 ", "0,250"], [0.125, 0.25]),
    ],
)
def test_decimal_commas(tmp_path: Path, values: list[str], numbers: list[float]) -> None:
    path = written(tmp_path, "x;w\n" + "".join(f"a;{value}\n" for value in values))
    table = open_table(path, header=True)
    assert table.numbers(1, *table.read([1])).tolist() == numbers


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["5", "1,002"], "line 3: column 'w' holds '1,002', whose comma"),
        (["1,002", "12,500"], "line 2: column 'w' holds '1,002', whose comma"),
        (["0,5", "1.5"], "line 2: column 'w' holds '0,5', whose comma"),
        (["0,5", "1,002,003"], "line 3: column 'w' holds '1,002,003', not a finite number"),
        (["0,5", "a,b"], "line 3: column 'w' holds 'a,b', not a finite number"),
    ],
)
@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_commas_that_may_mean_two_things_are_refused(
    tmp_path: Path, values: list[str], said: str, delimiter: str
) -> None:
    path = written(tmp_path, f"x{delimiter}w\n" + "".join(f"a{delimiter}{v}\n" for v in values))
    table = open_table(path, header=True)
    with pytest.raises(InputError, match=said):
        table.numbers(1, *table.read([1]))
