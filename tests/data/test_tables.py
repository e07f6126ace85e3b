from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from delimited import written

from vgae.data.tables import check_output, open_table, write_table
from vgae.ground.errors import InputError


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
