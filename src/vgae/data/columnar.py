"""Files whose columns have names and types: Parquet, Arrow and JSON lines, read by PyArrow.

Content that could crash PyArrow, or unpack to any amount of memory, is refused beforehand.
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

from vgae.data.dialects import NO_MARK, Dialect, TidyBlocks
from vgae.ground.errors import InputError
from vgae.ground.limits import check_unpacked

__all__ = ["StoredColumns", "open_arrow", "open_json_lines", "open_parquet"]

DAMAGED = (pa.ArrowException, OSError, UnicodeDecodeError, struct.error)
"""What PyArrow raises for a file in another format; its names may not be text."""
MOST_SHOWN = 1000
ROW_BYTES = 8
"""The least number of bytes that a row takes in memory."""
NO_OBJECT = re.compile(rb"(?<![^\n])[ \t\r\f\v]*[^\s{]")
"""A line of JSON that is not an object: PyArrow can crash on it."""
JSON_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"?|([\[{])|[\]}]')
MOST_NESTED = 1000
"""Levels of nested lists and objects in JSON; PyArrow crashes on 100,000."""
NOT_AN_OBJECT = "is not a JSON object; write one object per line"
PARQUET_ROWS = 2**21
"""Rows of a Parquet file in a block."""
WRITE_AGAIN = "write or copy the file again"


@dataclass(frozen=True)
class StoredColumns:
    r"""A file whose columns are known by name and read on demand.

    Attributes
    ----------
    path
        The file.
    kind
        The name of its format.
    names
        Names of the columns.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "edges.jsonl")
    >>> _ = path.write_text('{"from": "ann", "to": "bob"}\n{"from": "bob", "to": "cid"}\n')
    >>> columns = open_json_lines(path)
    >>> columns.kind, columns.names
    ('JSON lines', ['from', 'to'])
    >>> columns.read([1], encoded=[])[0].to_pylist()
    ['bob', 'cid']
    >>> [cells.to_pylist() for cells in columns.head(1)]
    [['ann'], ['bob']]
    >>> [part.num_rows for part in columns.parts([0, 1])]
    [2]
    """

    path: Path
    kind: str
    names: list[str]
    _load: Callable[[list[int], Collection[int]], list[pa.ChunkedArray]]
    _head: Callable[[int], pa.Table]
    _blocks: Callable[[list[int]], Iterator[pa.Table]] | None = None

    def __post_init__(self) -> None:
        if not self.names:
            raise InputError(f"{self.path}: has no columns; name a file that holds data")

    def read(self, columns: list[int], encoded: Collection[int]) -> list[pa.ChunkedArray]:
        """Columns by position; those in `encoded` are dictionary-encoded.

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
            raise self._damage(error) from None

    def parts(self, columns: list[int]) -> Iterator[pa.Table]:
        """The same columns, one block of rows at a time where the format has blocks.

        Raises
        ------
        InputError
            The file is damaged.

        Examples
        --------
        See `StoredColumns`.
        """
        if self._blocks is None:
            yield pa.table(self.read(columns, ()), names=[f"f{column}" for column in columns])
            return
        try:
            for block in self._blocks(columns):
                for column, cells in zip(columns, block.columns, strict=True):
                    self._validate(column, cells)
                yield block
        except DAMAGED as error:
            raise self._damage(error) from None

    def _damage(self, error: Exception) -> InputError:
        return InputError(f"{self.path}: is damaged ({str(error).splitlines()[0]}); {WRITE_AGAIN}")

    def _validate(self, column: int, cells: pa.ChunkedArray) -> None:
        """Refuse cells with broken offsets, which could crash the process."""
        try:
            cells.validate(full=True)
        except pa.ArrowInvalid as error:
            if "UTF8" not in str(error):
                raise
            name = self.names[column]
            raise InputError(
                f"{self.path}: column '{name}' holds text that is not UTF-8; save the text as UTF-8"
            ) from None

    def head(self, n_rows: int) -> list[pa.ChunkedArray]:
        """The first rows of all columns, without reading the rest; long texts are cut.

        An empty list if the file is damaged: reading its columns says what is wrong.
        """
        try:
            table = self._head(n_rows).slice(0, n_rows)
            for part in table.columns:
                part.validate(full=True)
            return [_shortened(part) for part in table.columns]
        except DAMAGED:
            return []


def _shortened(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cells cut to `MOST_SHOWN` characters: a dictionary can repeat a long text in many rows."""
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
    """The same cells with a dictionary that holds each value once, and no null."""
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
        The file is not Parquet, or unpacks to more than the limit (see `vgae.ground.limits`).

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "edges.parquet")
    >>> pyarrow.parquet.write_table(pa.table({"from": ["ann"], "to": ["bob"]}), path)
    >>> columns = open_parquet(path)
    >>> columns.names, columns.read([1], encoded=[])[0].to_pylist()
    (['from', 'to'], ['bob'])
    """
    try:
        file = pyarrow.parquet.ParquetFile(path)
        names: list[str] = file.schema_arrow.names
        groups = [file.metadata.row_group(place) for place in range(file.metadata.num_row_groups)]
    except DAMAGED:
        raise InputError(f"{path}: is not a Parquet file, or is damaged; {WRITE_AGAIN}") from None
    n_bytes = sum(max(group.total_byte_size, group.num_rows * ROW_BYTES) for group in groups)
    check_unpacked(path, n_bytes, path.stat().st_size)

    def load(columns: list[int], encoded: Collection[int]) -> list[pa.ChunkedArray]:
        if len(set(names)) < len(names):  # then columns cannot be read by name
            table = file.read()
            return [table.column(column) for column in columns]
        # Repeated texts stay dictionary-encoded, as they are in the file.
        coded = [names[column] for column in encoded if _is_text(file.schema_arrow.types[column])]
        reader = pyarrow.parquet.ParquetFile(path, metadata=file.metadata, read_dictionary=coded)
        table = reader.read(columns=[names[column] for column in columns])
        return [table.column(names[column]) for column in columns]

    def head(n_rows: int) -> pa.Table:
        texts = [field.name for field in file.schema_arrow if _is_text(field.type)]
        reader = pyarrow.parquet.ParquetFile(path, metadata=file.metadata, read_dictionary=texts)
        return pa.Table.from_batches(islice(reader.iter_batches(n_rows), 1), reader.schema_arrow)

    def blocks(columns: list[int]) -> Iterator[pa.Table]:
        if len(set(names)) < len(names):
            yield pa.table(load(columns, ()), names=[f"f{column}" for column in columns])
            return
        wanted = [names[column] for column in columns]
        for batch in file.iter_batches(PARQUET_ROWS, columns=wanted):
            yield pa.table([batch.column(name) for name in wanted], names=wanted)

    return StoredColumns(path, "Parquet", names, load, head, blocks)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


# ----------------------------------------------------------------------- arrow


def open_arrow(path: Path) -> StoredColumns:
    """The columns of an Arrow file, in the file format or the streaming format.

    Raises
    ------
    InputError
        The file is not Arrow, or unpacks to more than the limit (see `vgae.ground.limits`).

    Examples
    --------
    >>> import tempfile
    >>> path, table = Path(tempfile.mkdtemp(), "edges.arrow"), pa.table({"from": [1], "to": [2]})
    >>> with pa.ipc.new_file(str(path), table.schema) as writer:
    ...     writer.write_table(table)
    >>> columns = open_arrow(path)
    >>> columns.names, columns.read([1], encoded=[])[0].to_pylist()
    (['from', 'to'], [2])
    """

    def opened() -> Any:
        source = pa.memory_map(str(path))
        try:
            return pa.ipc.open_file(source)
        except pa.ArrowInvalid:  # the streaming format has no magic bytes
            source.seek(0)
            return pa.ipc.open_stream(source)

    try:
        names = opened().schema.names
        n_bytes = _unpacked_bytes(path)
    except DAMAGED:
        raise InputError(f"{path}: is not an Arrow file, or is damaged; {WRITE_AGAIN}") from None
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
    """Number of bytes of the batches of an Arrow file once they are unpacked.

    PyArrow does not tell, so the messages are inspected: they are Google's flatbuffers, in which
    the needed fields have fixed numbers (format/Message.fbs in Arrow's specification).
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
            if length:  # the first bytes hold the unpacked length, or -1 if it is not packed
                n_bytes += max(length, struct.unpack_from("<q", body, start)[0])
    return n_bytes


def _field(table: memoryview, place: int, number: int) -> int:
    """The place of a field in a flatbuffers table; 0 if the field is absent."""
    layout = place - struct.unpack_from("<i", table, place)[0]
    (size,) = struct.unpack_from("<H", table, layout)
    entry = 4 + 2 * number
    offset = struct.unpack_from("<H", table, layout + entry)[0] if entry < size else 0
    return place + int(offset) if offset else 0


def _followed(table: memoryview, place: int) -> int:
    """The place that the offset at a place points to."""
    return place + int(struct.unpack_from("<I", table, place)[0])


# ------------------------------------------------------------------ JSON lines


def open_json_lines(path: Path) -> StoredColumns:
    r"""The columns of a file with one JSON object per line; a missing value is null.

    The file is read twice, block by block: first for the names and types of its columns, to which
    any line may add, then for the requested columns.

    Raises
    ------
    InputError
        A line is not an object, or a column has values of two types.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "edges.jsonl")
    >>> _ = path.write_text('{"from": 1, "to": 2}\n{"from": 1, "to": 3, "weight": 0.5}\n')
    >>> columns = open_json_lines(path)
    >>> columns.names, columns.read([2], encoded=[])[0].to_pylist()
    (['from', 'to', 'weight'], [None, 0.5])
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
        # Text that looks like a date is an id like any other.
        found = [
            pa.field(field.name, pa.string()) if pa.types.is_temporal(field.type) else field
            for field in table.schema
        ]
        try:
            schema = pa.unify_schemas([schema, pa.schema(found)], promote_options="permissive")
        except pa.ArrowException as error:
            raise InputError(
                f"{path}: a column has values of two types ({str(error).splitlines()[0]}); write "
                "all values of a column alike"
            ) from None
    return schema


def _json_tables(path: Path, schema: pa.Schema | None) -> Iterator[pa.Table]:
    """The lines of each block as a table: the columns of a schema, or all, of detected types."""
    parsing = pyarrow.json.ParseOptions(
        explicit_schema=schema,
        unexpected_field_behavior="infer" if schema is None else "ignore",
    )
    n_lines = 0
    for block in TidyBlocks(path, Dialect(NO_MARK)).whole_lines():
        _check_lines(block, n_lines, path)
        # In one piece, into which the longest line fits.
        reading = pyarrow.json.ReadOptions(block_size=len(block) + 1)
        try:
            yield pyarrow.json.read_json(pa.BufferReader(block), reading, parsing)
        except pa.ArrowException as error:
            raise _explained(block, n_lines, path, error) from None
        n_lines += block.count(b"\n")


def _check_lines(block: bytes, n_before: int, path: Path) -> None:
    """Refuse lines on which PyArrow could crash: no objects, or deeply nested ones."""
    other = NO_OBJECT.search(block)
    if other:
        line = n_before + block.count(b"\n", 0, other.end()) + 1
        raise InputError(f"{path}, line {line}: {NOT_AN_OBJECT}")
    if block.count(b"{") + block.count(b"[") > block.count(b"\n") + MOST_NESTED:
        for line, text in enumerate(block.split(b"\n"), start=n_before + 1):
            if text.count(b"{") + text.count(b"[") > MOST_NESTED and _depth(text) > MOST_NESTED:
                raise InputError(
                    f"{path}, line {line}: is nested too deeply (more than {MOST_NESTED:,} levels)"
                    "; flatten this line"
                )
    try:
        block.decode()
    except UnicodeDecodeError as error:
        line = n_before + block.count(b"\n", 0, error.start) + 1
        byte = block[error.start]
        raise InputError(
            f"{path}, line {line}: is not UTF-8 text (byte 0x{byte:02x}); save the file as UTF-8"
        ) from None


def _depth(text: bytes) -> int:
    """The largest number of lists and objects of JSON that are open at once."""
    depth = deepest = 0
    for token in JSON_BRACKET.finditer(text):
        if token[1]:
            depth += 1
            deepest = max(deepest, depth)
        elif token[0] in b"]}":
            depth -= 1
    return deepest


def _explained(block: bytes, n_before: int, path: Path, error: pa.ArrowException) -> InputError:
    """The error for the line that PyArrow refused; it counts from the start of the block."""
    filled = [
        (line, text)
        for line, text in enumerate(block.split(b"\n"), start=n_before + 1)
        if text.strip()
    ]
    for line, text in filled:
        try:
            json.loads(text)
        except ValueError:
            return InputError(f"{path}, line {line}: {NOT_AN_OBJECT}")
    reason = str(error).removeprefix("JSON parse error: ")
    reason = re.sub(r"^Column\(/(.*)\) (?=changed|was)", r"column '\1' ", reason, flags=re.DOTALL)
    row = re.search(r" in row (\d+)$", reason)
    if row is None or int(row[1]) >= len(filled):
        return InputError(f"{path}: cannot be read as JSON, one object per line: {reason}")
    line, _ = filled[int(row[1])]
    return InputError(f"{path}, line {line}: {reason[: row.start()]}; correct this line")
