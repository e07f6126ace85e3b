"""Files of columns with names and types of their own: Parquet, Arrow and JSON lines, by PyArrow.

What PyArrow could crash on, or unpack into any amount of memory, is refused before it sees it.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.json
import pyarrow.parquet

from vgae.dialects import NO_MARK, Dialect, TidyBlocks
from vgae.errors import InputError
from vgae.limits import check_unpacked

__all__ = ["StoredColumns", "open_arrow", "open_json_lines", "open_parquet"]

DAMAGED = (pa.ArrowException, OSError, UnicodeDecodeError, struct.error)
"""What PyArrow raises on a file that is none of its own; names may be no text."""
MOST_SHOWN = 1000
ROW_BYTES = 8
"""What a row takes in memory at the least."""
NO_OBJECT = re.compile(rb"(?<![^\n])[ \t\r\f\v]*[^\s{]")
"""A line of JSON that is no object: PyArrow can crash on it."""
JSON_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"?|([\[{])|[\]}]')
MOST_NESTED = 1000
"""Lists and objects of JSON inside each other, of which PyArrow crashes on 100,000."""


@dataclass(frozen=True)
class StoredColumns:
    """A file whose columns are known by name and read when asked for.

    Attributes
    ----------
    path
        The file.
    kind
        Its format, in words.
    names
        Names of the columns.
    """

    path: Path
    kind: str
    names: list[str]
    _load: Callable[[list[int], Collection[int]], list[pa.ChunkedArray]]
    _head: Callable[[int], pa.Table]

    def __post_init__(self) -> None:
        if not self.names:
            raise InputError(f"{self.path}: has no columns")

    def read(self, columns: list[int], encoded: Collection[int]) -> list[pa.ChunkedArray]:
        """Columns by position, those in `encoded` with a dictionary.

        Raises
        ------
        InputError
            The file is damaged.
        """
        try:
            cells = self._load(columns, encoded)
            for column, part in zip(columns, cells, strict=True):
                self._validate(column, part)
            return [
                _dictionary(part) if column in encoded else part
                for column, part in zip(columns, cells, strict=True)
            ]
        except DAMAGED as error:
            raise InputError(f"{self.path}: is damaged: {str(error).splitlines()[0]}") from None

    def _validate(self, column: int, cells: pa.ChunkedArray) -> None:
        """Refuse cells that lead astray: broken offsets could crash the process."""
        try:
            cells.validate(full=True)
        except pa.ArrowInvalid as error:
            if "UTF8" not in str(error):
                raise
            name = self.names[column]
            raise InputError(f"{self.path}: column '{name}' holds text that is not UTF-8") from None

    def head(self, n_rows: int) -> list[pa.ChunkedArray]:
        """The first rows of all columns, without reading the rest; long texts are cut.

        None where the file is damaged: reading the columns says what is wrong.
        """
        try:
            table = self._head(n_rows).slice(0, n_rows)
            for part in table.columns:
                part.validate(full=True)
            return [_shortened(part) for part in table.columns]
        except DAMAGED:
            return []


def _shortened(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts up to `MOST_SHOWN` letters: a dictionary can make any number of rows of a long one."""
    if _is_text(cells.type):
        return pc.utf8_slice_codeunits(cells, 0, MOST_SHOWN)
    if not pa.types.is_dictionary(cells.type) or not _is_text(cells.type.value_type):
        return cells
    chunks = [
        pa.DictionaryArray.from_arrays(
            chunk.indices, pc.utf8_slice_codeunits(chunk.dictionary, 0, MOST_SHOWN)
        )
        for chunk in cells.chunks
    ]
    return pa.chunked_array(chunks, cells.type)


def _dictionary(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same cells with a dictionary that holds no null, and no value twice."""
    if pa.types.is_nested(cells.type):
        return cells
    if not pa.types.is_dictionary(cells.type):
        return cells.dictionary_encode()
    chunks = []
    for chunk in cells.chunks:
        own = chunk.dictionary.dictionary_encode()
        indices = own.indices.take(chunk.indices)
        chunks.append(pa.DictionaryArray.from_arrays(indices, own.dictionary))
    return pa.chunked_array(chunks, pa.dictionary(pa.int32(), cells.type.value_type))


# --------------------------------------------------------------------- parquet


def open_parquet(path: Path) -> StoredColumns:
    """The columns of a Parquet file.

    Raises
    ------
    InputError
        It is none, or unpacks to more than it may (see `vgae.limits`).
    """
    try:
        file = pyarrow.parquet.ParquetFile(path)
        names: list[str] = file.schema_arrow.names
        groups = [file.metadata.row_group(place) for place in range(file.metadata.num_row_groups)]
    except DAMAGED:
        raise InputError(f"{path}: is not a Parquet file, or is damaged") from None
    n_bytes = sum(max(group.total_byte_size, group.num_rows * ROW_BYTES) for group in groups)
    check_unpacked(path, n_bytes, path.stat().st_size)

    def load(columns: list[int], encoded: Collection[int]) -> list[pa.ChunkedArray]:
        if len(set(names)) < len(names):  # then columns cannot be asked for by name
            table = file.read()
            return [table.column(column) for column in columns]
        # Texts that recur stay in the dictionary that the file has of them.
        coded = [names[column] for column in encoded if _is_text(file.schema_arrow.types[column])]
        reader = pyarrow.parquet.ParquetFile(path, metadata=file.metadata, read_dictionary=coded)
        table = reader.read(columns=[names[column] for column in columns])
        return [table.column(names[column]) for column in columns]

    def head(n_rows: int) -> pa.Table:
        texts = [field.name for field in file.schema_arrow if _is_text(field.type)]
        reader = pyarrow.parquet.ParquetFile(path, metadata=file.metadata, read_dictionary=texts)
        return pa.Table.from_batches(islice(reader.iter_batches(n_rows), 1), reader.schema_arrow)

    return StoredColumns(path, "Parquet", names, load, head)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


# ----------------------------------------------------------------------- arrow


def open_arrow(path: Path) -> StoredColumns:
    """The columns of an Arrow file, in the format of files or of streams.

    Raises
    ------
    InputError
        It is none, or unpacks to more than it may (see `vgae.limits`).
    """

    def opened() -> Any:
        source = pa.memory_map(str(path))
        try:
            return pa.ipc.open_file(source)
        except pa.ArrowInvalid:  # the streaming format has no first bytes of its own
            source.seek(0)
            return pa.ipc.open_stream(source)

    try:
        names = opened().schema.names
        n_bytes = _unpacked_bytes(path)
    except DAMAGED:
        raise InputError(f"{path}: is not an Arrow file, or is damaged") from None
    check_unpacked(path, n_bytes, path.stat().st_size)

    def load(columns: list[int], _: Collection[int]) -> list[pa.ChunkedArray]:
        table = opened().read_all()
        return [table.column(column) for column in columns]

    def head(_: int) -> pa.Table:
        file = opened()
        if isinstance(file, pa.RecordBatchFileReader):
            batches = [file.get_batch(0)] if file.num_record_batches else []
        else:
            batches = list(islice(file, 1))
        return pa.Table.from_batches(batches, file.schema)

    return StoredColumns(path, "Arrow", names, load, head)


def _unpacked_bytes(path: Path) -> int:
    """What the batches of an Arrow file take once they are unpacked.

    PyArrow does not say, so the messages are looked at: tables of Google's flatbuffers, of which
    the fields that are needed stand at fixed places (format/Message.fbs in Arrow's specification).
    """
    source = pa.memory_map(str(path))
    source.seek(8 if source.read(6) == b"ARROW1" else 0)
    n_bytes = 0
    for message in pa.ipc.MessageReader.open_stream(source):
        if message.type not in ("record batch", "dictionary"):
            continue
        table, body = memoryview(message.metadata), memoryview(message.body)
        batch = _followed(table, _field(table, _followed(table, 0), 2))
        if message.type == "dictionary":
            batch = _followed(table, _field(table, batch, 1))
        if not _field(table, batch, 3):
            n_bytes += len(body)
            continue
        buffers = _followed(table, _field(table, batch, 2))
        (n_buffers,) = struct.unpack_from("<I", table, buffers)
        for place in range(n_buffers):
            start, length = struct.unpack_from("<qq", table, buffers + 4 + 16 * place)
            if length:  # the first bytes say how long it is unpacked, -1 that it is not packed
                n_bytes += max(length, struct.unpack_from("<q", body, start)[0])
    return n_bytes


def _field(table: memoryview, place: int, number: int) -> int:
    """Where a field of a flatbuffers table is; 0 where it is left out."""
    layout = place - struct.unpack_from("<i", table, place)[0]
    (size,) = struct.unpack_from("<H", table, layout)
    entry = 4 + 2 * number
    offset = struct.unpack_from("<H", table, layout + entry)[0] if entry < size else 0
    return place + int(offset) if offset else 0


def _followed(table: memoryview, place: int) -> int:
    """Where the offset at a place leads to."""
    return place + int(struct.unpack_from("<I", table, place)[0])


# ------------------------------------------------------------------ JSON lines


def open_json_lines(path: Path) -> StoredColumns:
    """The columns of a file with a JSON object a line; what a line lacks is null.

    The file is read twice, block by block: for the names and types of its columns, which any line
    may add to, then for the columns that are asked for.

    Raises
    ------
    InputError
        A line is no object, or a column is of two types.
    """
    schema = _json_schema(path)

    def load(columns: list[int], _: Collection[int]) -> list[pa.ChunkedArray]:
        wanted = pa.schema([schema.field(column) for column in columns])
        whole = pa.concat_tables(_json_tables(path, wanted))
        return [whole.column(name) for name in wanted.names]

    def head(_: int) -> pa.Table:
        return next(_json_tables(path, schema), schema.empty_table())

    return StoredColumns(path, "JSON lines", schema.names, load, head)


def _json_schema(path: Path) -> pa.Schema:
    """Names and types of the columns of all lines."""
    schema = pa.schema([])
    for table in _json_tables(path, None):
        # What looks like a date is an id like any other.
        found = [
            pa.field(field.name, pa.string()) if pa.types.is_temporal(field.type) else field
            for field in table.schema
        ]
        try:
            schema = pa.unify_schemas([schema, pa.schema(found)], promote_options="permissive")
        except pa.ArrowException as error:
            raise InputError(f"{path}: {str(error).splitlines()[0]}") from None
    return schema


def _json_tables(path: Path, schema: pa.Schema | None) -> Iterator[pa.Table]:
    """The lines of each block: columns of a schema, or all, of types found in the block."""
    parsing = pyarrow.json.ParseOptions(
        explicit_schema=schema,
        unexpected_field_behavior="infer" if schema is None else "ignore",
    )
    n_lines = 0
    for block in TidyBlocks(path, Dialect(NO_MARK)).whole_lines():
        _check_lines(block, n_lines, path)
        # In one piece, which the longest line fits into.
        reading = pyarrow.json.ReadOptions(block_size=len(block) + 1)
        try:
            yield pyarrow.json.read_json(pa.BufferReader(block), reading, parsing)
        except pa.ArrowException as error:
            raise _explained(block, n_lines, path, error) from None
        n_lines += block.count(b"\n")


def _check_lines(block: bytes, n_before: int, path: Path) -> None:
    """Refuse what PyArrow could crash on: lines that are no objects, or nested too deeply."""
    other = NO_OBJECT.search(block)
    if other:
        line = n_before + block.count(b"\n", 0, other.end()) + 1
        raise InputError(f"{path}, line {line}: is not a JSON object")
    if block.count(b"{") + block.count(b"[") > block.count(b"\n") + MOST_NESTED:
        for line, text in enumerate(block.split(b"\n"), start=n_before + 1):
            if text.count(b"{") + text.count(b"[") > MOST_NESTED and _depth(text) > MOST_NESTED:
                raise InputError(f"{path}, line {line}: is nested too deeply")
    try:
        block.decode()
    except UnicodeDecodeError as error:
        line = n_before + block.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}: is not UTF-8 text") from None


def _depth(text: bytes) -> int:
    """How many lists and objects of JSON are open at once."""
    depth = deepest = 0
    for token in JSON_BRACKET.finditer(text):
        if token[1]:
            depth += 1
            deepest = max(deepest, depth)
        elif token[0] in b"]}":
            depth -= 1
    return deepest


def _explained(block: bytes, n_before: int, path: Path, error: pa.ArrowException) -> InputError:
    """The line behind PyArrow's complaint, which counts from the start of the block."""
    for line, text in enumerate(block.split(b"\n"), start=n_before + 1):
        try:
            if text.strip():
                json.loads(text)
        except ValueError:
            return InputError(f"{path}, line {line}: is not a JSON object")
    reason = re.sub(r"^JSON parse error: | in row \d+$", "", str(error).splitlines()[0])
    return InputError(f"{path}: is not JSON, one object a line: {reason}")
