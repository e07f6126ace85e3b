import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from delimited import written

from vgae.data.tables import check_output, open_table, write_batches, write_table
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


SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet", ".arrow", ".feather", ".csv.gz", ".jsonl.zst")
SCHEMA = pa.schema([("node", pa.string()), ("x", pa.float64())])


def batch(number: int, n_rows: int = 5_000) -> pa.RecordBatch:
    values = np.random.default_rng(number).random(n_rows)
    return pa.record_batch([[f"{value}" for value in values], values], SCHEMA)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_batches_are_written_as_the_whole_table_is(tmp_path: Path, suffix: str) -> None:
    parts = [batch(number, 500) for number in range(3)]
    path, whole = tmp_path / f"parts{suffix}", tmp_path / f"whole{suffix}"
    assert write_batches(path, SCHEMA, iter(parts)) == 1500
    table = pa.Table.from_batches(parts)
    write_table(whole, {name: table.column(name).combine_chunks() for name in table.column_names})
    read = [open_table(file, header=True).read([0, 1]) for file in (path, whole)]
    assert [column.to_pylist() for column in read[0]] == [column.to_pylist() for column in read[1]]
    assert len(read[0][0]) == 1500


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_written_batches_are_not_held(tmp_path: Path, suffix: str) -> None:
    held = []

    def parts() -> Iterator[pa.RecordBatch]:
        for number in range(8):
            held.append(pa.total_allocated_bytes() - before)
            yield batch(number)

    before, size = pa.total_allocated_bytes(), batch(0).nbytes
    write_batches(tmp_path / f"out{suffix}", SCHEMA, parts())
    # A writer has buffers of its own, which are there from the first batch on.
    assert max(held[2:]) < held[1] + 1.5 * size


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "error", [InputError("node 'x' is unknown"), KeyboardInterrupt()], ids=repr
)
def test_a_failure_between_two_batches_leaves_nothing(
    tmp_path: Path, suffix: str, error: BaseException
) -> None:
    def parts() -> Iterator[pa.RecordBatch]:
        yield batch(0)
        raise error

    path = tmp_path / f"out{suffix}"
    for before in ([], [path.name]):
        with pytest.raises(type(error)):
            write_batches(path, SCHEMA, parts())
        assert [item.name for item in tmp_path.iterdir()] == before
        path.write_text("the old one")
    assert path.read_text() == "the old one"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_disk_that_is_full_is_said_and_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(InputError, match=f"out{suffix}: file too large"):
            write_batches(tmp_path / f"out{suffix}", SCHEMA, (batch(n) for n in range(4)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
