"""Columns of Parquet, Arrow and JSON lines: their first rows, and damage that is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from vgae.data import columnar
from vgae.data.columnar import StoredColumns, open_arrow, open_json_lines, open_parquet
from vgae.data.tables import write_table
from vgae.ground.errors import InputError


@pytest.mark.parametrize(
    ("suffix", "opened"),
    [(".parquet", open_parquet), (".arrow", open_arrow), (".jsonl", open_json_lines)],
)
def test_first_rows_are_those_of_the_columns(
    tmp_path: Path, suffix: str, opened: Callable[[Path], StoredColumns]
) -> None:
    path = tmp_path / f"edges{suffix}"
    write_table(path, {"source": ["a", "b" * 2000, "c"], "weight": [1.5, 2.5, 3.5]})
    columns = opened(path)
    assert columns.names == ["source", "weight"]
    first = [cells.to_pylist() for cells in columns.head(2)]
    assert first == [["a", "b" * columnar.MOST_SHOWN], [1.5, 2.5]]
    whole = columns.read([1, 0], [0])
    assert whole[0].to_pylist() == [1.5, 2.5, 3.5]
    assert pa.types.is_dictionary(whole[1].type)


def test_dictionaries_are_read_as_they_are(tmp_path: Path) -> None:
    """With a value twice, or null among the values, and other values in each batch."""
    path = tmp_path / "edges.arrow"
    batches = [
        pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None], pa.int8()), pa.array(values))
        for values in (["a", "b", "a"], [None, "c", "a"])
    ]
    table = pa.table({"source": pa.chunked_array(batches)})
    with pa.ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table)
    (cells,) = open_arrow(path).read([0], [0])
    assert cells.to_pylist() == ["a", "b", "a", None, None, "c", "a", None]
    for chunk in cells.chunks:
        values = chunk.dictionary.to_pylist()
        assert None not in values
        assert len(set(values)) == len(values)


def test_offsets_that_lead_astray_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "edges.arrow"
    offsets = np.array([0, 7, 9], np.int32)
    texts = pa.StringArray.from_buffers(2, pa.py_buffer(offsets), pa.py_buffer(b"abcdefghi"))
    with pa.ipc.new_file(str(path), pa.schema([("source", pa.string())])) as writer:
        writer.write_table(pa.table({"source": texts}))
    content = path.read_bytes()
    assert content.count(offsets.tobytes()) == 1
    path.write_bytes(content.replace(offsets.tobytes(), np.array([0, 2**30, 9], "<i4").tobytes()))
    columns = open_arrow(path)
    assert columns.head(2) == []
    with pytest.raises(
        InputError, match=r"edges\.arrow: is damaged \(.*; write or copy the file again"
    ):
        columns.read([0], [])


def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "edges.parquet"
    pyarrow.parquet.write_table(pa.table({"source": ["a"]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"source", b"\xf7ource"))
    with pytest.raises(InputError, match="is not a Parquet file, or is damaged"):
        open_parquet(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            '{"a":' * 100_000,
            r"line 1: is nested too deeply \(more than 1,000 levels\); flatten this",
        ),
        ('{"s": 1}\n{"s": 1,', "line 2: is not a JSON object; write one object per line"),
        ('{"s": 1}\n\n[1]\n', "line 3: is not a JSON object"),
        (
            '{"s": 1}\n\n{"s": "x"}\n',
            "line 3: column 's' changed from number to string; correct",
        ),
        (
            b'{"s": 1}\n{"s": "\xff"}\n',
            r"line 2: is not UTF-8 text \(byte 0xff\); save the file as",
        ),
        ('{"s": 1, "s": 2}\n', "line 1: column 's' was specified twice; correct this line"),
        ("\n\n", "has no columns; name a file that holds data"),
    ],
)
def test_damaged_json_lines_name_their_line(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    path = tmp_path / "edges.jsonl"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError, match=said) as caught:
        open_json_lines(path).read([0], [])
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_types_that_differ_between_blocks_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vgae.data.dialects.BLOCK_BYTES", 16)
    path = tmp_path / "edges.jsonl"
    path.write_text('{"source": 1}\n' * 5 + '{"source": "x"}\n')
    with pytest.raises(
        InputError, match=r"a column has values of two types \(.*source.*; write all"
    ):
        open_json_lines(path)


@pytest.mark.parametrize(
    ("opened", "said"),
    [
        (open_parquet, "is not a Parquet file, or is damaged; write or copy the file again"),
        (open_arrow, "is not an Arrow file, or is damaged; write or copy the file again"),
    ],
)
def test_other_files_say_what_to_do(
    tmp_path: Path, opened: Callable[[Path], StoredColumns], said: str
) -> None:
    path = tmp_path / "edges.bin"
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match=said):
        opened(path)


def test_bytes_that_are_no_utf8_name_their_column(tmp_path: Path) -> None:
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xff")]
    )
    path = tmp_path / "edges.parquet"
    pyarrow.parquet.write_table(pa.table({"source": ["a"], "target": broken}), path)
    with pytest.raises(InputError, match=r"column 'target' holds text that is not UTF-8; save the"):
        open_parquet(path).read([0, 1], [0, 1])
