"""Columns of Parquet, Arrow and JSON lines: their first rows, and damage that is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from vgae import columnar
from vgae.columnar import StoredColumns, open_arrow, open_json_lines, open_parquet
from vgae.errors import InputError
from vgae.tables import write_table


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
