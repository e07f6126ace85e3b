"""Graphs into folders of arrays, of files that need not fit into the memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
from numpy.typing import NDArray

from vgae.data.adjacency import MOST_NODES, count
from vgae.data.ends import kind_prefixes
from vgae.data.io.edge_lists import edge_weights, looks_like_header, say_direction
from vgae.data.io.id_columns import INTEGER, MISSING, say_prefixes
from vgae.data.io.squares import read_square
from vgae.data.io.two_kinds import says_two_kinds
from vgae.data.kinds import NO_SIGNS, NO_WEIGHTS, WeightMeans, graph_kind
from vgae.data.mapped import About, ArrayWriter, staged_arrays
from vgae.data.reading import Reading
from vgae.data.sorted_pairs import Block, write_adjacency
from vgae.data.tables import TABLE_SUFFIXES, Table, edge_columns, inner_suffix, open_table
from vgae.ground.errors import InputError, shown
from vgae.ground.limits import free_memory, size_in_bytes
from vgae.ground.notebook import library

__all__ = ["TAKES", "import_edges", "is_larger"]

BYTES_PER_ROW = 80
"""What a row of a table takes while a graph is made of it in memory, its ids not counted."""
BYTES_PER_BYTE = 5
"""The same per byte of a text."""
SHARE_OF_FREE = 0.5
LEAST_MEMORY, UNKNOWN_MEMORY = 2**28, 2**31
ENDS = ("source", "target")
OF_SOURCES, OF_TARGETS = (f"SELECT {end} AS id FROM edge_rows" for end in ENDS)
A_WORD = (
    "SELECT 1 FROM edge_rows WHERE NOT regexp_full_match({0}, ?) OR TRY_CAST({0} AS BIGINT) "
    "IS NULL LIMIT 1"
)
"""Finds an id in a column that does not spell an integer of 64 bits."""
MEMORY = "--memory (memory=)"
ROWS = 2**22
"""Sorted rows that are fetched at a time."""
TAKES = (
    *("header", "delimiter", "quote", "comment", "source", "target", "weight"),
    *("directed", "signed", "bipartite", "drop_incomplete", "weight_means"),
)
"""Options of `vgae.read_graph` that an import in blocks takes."""


def is_larger(path: Path, memory: int | str | None = None) -> bool:
    """Whether a table needs more memory than there is to become a graph at once.

    Parameters
    ----------
    path
        A file.
    memory
        Bytes, or a text such as "4GB"; by default half of the memory that is free.

    Raises
    ------
    InputError
        The size is no number of bytes.

    Examples
    --------
    >>> is_larger(Path("graph.mtx"), "1MB")
    False
    """
    most = _budget(memory)
    if most is None or inner_suffix(path) not in TABLE_SUFFIXES or not path.is_file():
        return False
    if path.suffix == ".parquet":
        try:
            n_rows = pyarrow.parquet.read_metadata(path).num_rows
        except (pa.ArrowException, OSError):
            return False  # reading it says what is wrong
        return int(n_rows) * BYTES_PER_ROW + path.stat().st_size > most
    return path.stat().st_size * BYTES_PER_BYTE > most


def _budget(memory: int | str | None) -> int | None:
    """Bytes that an import may take; None where the system does not say what is free."""
    if memory is not None:
        return size_in_bytes(memory, MEMORY)
    free = free_memory()
    return None if free is None else int(free * SHARE_OF_FREE)


def import_edges(
    path: Path,
    folder: Path,
    *,
    memory: int | str | None = None,
    overwrite: bool = False,
    source: str | int | None = None,
    target: str | int | None = None,
    weight: str | int | None = None,
    directed: bool = False,
    signed: bool = False,
    bipartite: bool | None = None,
    drop_incomplete: bool = False,
    weight_means: WeightMeans = "propagation",
    **marks: Any,
) -> None:
    r"""Write the graph of a table of edges to a folder, in blocks and with sorting on disk.

    The graph is the one that `vgae.read_graph` makes of the table. DuckDB numbers the ids and sorts
    the rows, and uses the disk where they do not fit into the memory. Likely mistakes in ids, which
    `vgae.read_graph` warns of, are not looked for.

    Parameters
    ----------
    path
        Delimited text, Parquet, Arrow or JSON lines with one edge per row.
    folder
        The folder to make; see `vgae.Graph.save`.
    memory
        How much memory sorting may take, as in `is_larger`.
    overwrite
        Whether a folder with another graph may be replaced.
    source, target, weight, directed, signed, bipartite, drop_incomplete, weight_means, **marks
        As in `vgae.read_graph`; all are named in `TAKES`.

    Raises
    ------
    InputError
        DuckDB is missing; the table cannot be read; or the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from vgae import Graph
    >>> place = Path(tempfile.mkdtemp())
    >>> _ = (place / "edges.csv").write_text("source,target\nann,bob\nbob,cid\nbob,ann\n")
    >>> import_edges(place / "edges.csv", place / "graph")
    >>> Graph.open(place / "graph")
    Graph(3 nodes, 2 edges, no features; merged 1 reversed row)
    """
    duckdb = library("duckdb")
    most = _budget(memory) or UNKNOWN_MEMORY
    table = open_table(path, guess_header=looks_like_header, **marks)
    kind = graph_kind(directed=directed, signed=signed, bipartite=bipartite)
    if source is None and target is None and weight is None and not bipartite:
        square = read_square(table, kind=kind)
        if square is not None:
            square.with_weight_means(weight_means).save(folder, overwrite=overwrite)
            return
    reading = edge_columns(table, source=source, target=target, weight=weight)
    if signed and reading.weight is None:
        raise InputError(f"{path}: {NO_WEIGHTS}")
    prefixes: tuple[str, str] | None = None
    if bipartite is not False and (bipartite or says_two_kinds(table, *_ends(reading))):
        prefixes = kind_prefixes(table.names, *_ends(reading))
        kind = "bipartite" if kind == "undirected" else kind
    say_direction(table, directed=directed)
    with staged_arrays(folder, overwrite=overwrite) as writer:
        try:
            with _database(duckdb, writer.folder, most) as base:
                n_incomplete = _load(base, table, reading, signed=signed, drop=drop_incomplete)
                _settle_ids(base, table, prefixes)
                n_nodes = _number_ids(base, writer, table)
                n_loops = _one(base, "SELECT count(*) FROM edge_rows WHERE source = target")
                is_weighted = reading.weight is not None
                cleaning = write_adjacency(
                    writer,
                    _sorted_blocks(base, n_nodes, directed=directed, weighted=is_weighted),
                    n_nodes,
                    directed=directed,
                    signed=signed,
                    ids=_Ids(base),
                    where=str(path),
                )
                if kind == "bipartite":
                    _write_sides(base, writer, n_nodes)
        except duckdb.Error as error:
            first = str(error).splitlines()[0]
            raise InputError(
                f"{path}: cannot be imported ({first}); give more memory ({MEMORY}), or make room "
                f"on the disk of {folder}"
            ) from None
        if signed and _least_weight(writer) >= 0:
            raise InputError(f"{path}: {NO_SIGNS}")
        sides = prefixes if kind == "bipartite" and prefixes is not None else ()
        writer.finish(
            About(
                kind=kind,
                n_nodes=n_nodes,
                type_names=[prefix.removesuffix(":") for prefix in sides],
                weight_means=weight_means,
                cleaning=asdict(replace(cleaning, self_loops=n_loops, incomplete=n_incomplete)),
            )
        )


@contextmanager
def _database(duckdb: Any, folder: Path, most: int) -> Iterator[Any]:
    """A database that vanishes, and whose memory is limited.

    It lies in the folder that is staged, so that a process which is killed leaves one thing behind,
    which the next writer removes.
    """
    place = folder / "rows.tmp"
    place.mkdir()
    limits = {
        "memory_limit": f"{max(most, LEAST_MEMORY) // 2**20}MiB",
        "temp_directory": str(place),
        "preserve_insertion_order": False,
    }
    base = duckdb.connect(str(place / "rows.duckdb"), config=limits)
    try:
        _rows(base, "SET enable_progress_bar = false")
        yield base
    finally:
        base.close()
        shutil.rmtree(place)


class _Ids:
    """The ids of nodes by their places, looked up in the table of nodes."""

    def __init__(self, base: Any) -> None:
        self._base = base

    def __getitem__(self, place: int) -> Any:
        with self._base.cursor() as other:  # the rows being sorted are still read
            return _rows(other, "SELECT id FROM nodes WHERE place = ?", [place])[0][0]


def _rows(base: Any, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """All rows of a small result: an unfinished one would keep the database busy."""
    found: list[tuple[Any, ...]] = base.execute(query, list(values)).fetchall()
    return found


def _one(base: Any, query: str) -> int:
    return int(_rows(base, query)[0][0])


def _load(base: Any, table: Table, reading: Reading, *, signed: bool, drop: bool) -> int:
    """Fill the table `edge_rows`; returns how many rows were dropped for want of an id."""
    ends = _ends(reading)
    columns = [*ends] if reading.weight is None else [*ends, reading.weight.place]
    n_before, n_dropped, integers = 0, 0, True
    for part in table.parts(columns):
        names = [
            _names(table, end, cells) for end, cells in zip(ends, part.columns[:2], strict=True)
        ]
        if n_before == 0:
            integers = all(pa.types.is_integer(name.type) for name in names)
            sort = "BIGINT" if integers else "VARCHAR"
            weight = "" if reading.weight is None else ", weight DOUBLE"
            _rows(base, f"CREATE TABLE edge_rows (source {sort}, target {sort}{weight})")
        if not integers:
            names = [name.cast(pa.string()) for name in names]
        lacking = [_missing(name) for name in names]
        missing = pc.or_(*lacking)
        n_missing = int(pc.sum(missing).as_py() or 0)
        if n_missing and not drop:
            row = int(pc.index(missing, True).as_py())
            end = ends[0] if lacking[0][row].as_py() else ends[1]
            raise InputError(
                f"{table.place(n_before + row)}: {table.describe(end)} holds no node id; "
                "--drop-incomplete (drop_incomplete=True) drops such rows"
            )
        loaded = dict(zip(("source", "target"), names, strict=True))
        if reading.weight is not None:
            cells = part.column(2)
            loaded["weight"] = edge_weights(
                table, reading.weight.place, cells, n_before, signed=signed
            )
        block = pa.table(loaded)
        block = block.filter(pc.invert(missing)) if n_missing else block
        base.register("block", block)
        _rows(base, "INSERT INTO edge_rows SELECT * FROM block")
        base.unregister("block")
        n_dropped, n_before = n_dropped + n_missing, n_before + part.num_rows
    if n_before == 0:
        raise InputError(f"{table.path}: holds no edges; name a file that holds some")
    return n_dropped


def _ends(reading: Reading) -> tuple[int, int]:
    return reading.source.place, reading.target.place


def _names(table: Table, column: int, cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Ids as integers, or as text without blanks around it."""
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if pa.types.is_uint64(cells.type):  # some may be too large for an integer with a sign
        return cells.cast(pa.string())
    if pa.types.is_integer(cells.type):
        return cells.cast(pa.int64())
    if not any(is_text(cells.type) for is_text in (pa.types.is_string, pa.types.is_large_string)):
        raise InputError(
            f"{table.path}: {table.describe(column)} holds values of type {cells.type}, not node "
            "ids (text or integers); name another column"
        )
    return pc.utf8_trim_whitespace(cells.cast(pa.string()))


def _missing(names: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_integer(names.type):
        return pc.is_null(names)
    return pc.or_(pc.is_null(names), pc.is_in(names, pa.array(MISSING)))


def _settle_ids(base: Any, table: Table, prefixes: tuple[str, str] | None) -> None:
    """Turn ids into integers if all of them spell one, and tell two kinds of nodes apart.

    With prefixes, the columns hold nodes of two kinds: an id in both of them is two nodes.
    """
    if _is_text(base):
        for column in ENDS:
            broken = _rows(
                base, f"SELECT {column} FROM edge_rows WHERE contains({column}, chr(10)) LIMIT 1"
            )
            if broken:
                raise InputError(
                    f"{table.path}: node id {shown(broken[0][0])} holds a line break; correct or "
                    "remove it"
                )
        if not any(_rows(base, A_WORD.format(column), [INTEGER]) for column in ENDS):
            for column in ENDS:
                _rows(base, f"ALTER TABLE edge_rows ALTER {column} TYPE BIGINT")
    if prefixes is None:
        return
    n_common = _one(base, f"SELECT count(*) FROM ({OF_SOURCES} INTERSECT {OF_TARGETS})")
    if n_common:
        first = _rows(base, "SELECT source, target FROM edge_rows LIMIT 1")[0]
        say_prefixes(table, n_common, [f"{a}{b}" for a, b in zip(prefixes, first, strict=True)])
        for column, prefix in zip(ENDS, prefixes, strict=True):
            _rows(base, f"ALTER TABLE edge_rows ALTER {column} TYPE VARCHAR")
            _rows(base, f"UPDATE edge_rows SET {column} = concat(?, {column})", [prefix])


def _is_text(base: Any) -> bool:
    return bool(base.sql("SELECT source FROM edge_rows LIMIT 0").types[0] == "VARCHAR")


def _number_ids(base: Any, writer: ArrayWriter, table: Table) -> int:
    """Make the table `nodes` of sorted ids and their places, and write the ids; how many."""
    _rows(
        base,
        "CREATE TABLE nodes AS SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM "
        f"({OF_SOURCES} UNION {OF_TARGETS})",
    )
    n_nodes = _one(base, "SELECT count(*) FROM nodes")
    if n_nodes > MOST_NODES:
        raise InputError(
            f"{table.path}: {count(n_nodes, 'node')}: at most {MOST_NODES:,} can be handled"
        )
    if _is_text(base):
        ids = base.sql("SELECT id FROM nodes ORDER BY place").to_arrow_table().column(0)
        writer.put_texts("ids", ids.cast(pa.large_string()).combine_chunks())
    elif not _are_places(base, n_nodes):
        found = writer.empty("ids", (n_nodes,), np.int64)
        _fill(found, base, "SELECT id FROM nodes ORDER BY place")
    return n_nodes


def _write_sides(base: Any, writer: ArrayWriter, n_nodes: int) -> None:
    """Write of which kind each node is, and that edges join the two kinds."""
    sides = writer.empty("node_types", (n_nodes,), np.int64)
    _fill(
        sides,
        base,
        "SELECT CAST(side IS NOT NULL AS BIGINT) FROM nodes LEFT JOIN "
        "(SELECT DISTINCT target AS side FROM edge_rows) ON side = id ORDER BY place",
    )
    writer.put("type_pairs", np.array([[0, 1]]))


def _least_weight(writer: ArrayWriter) -> float:
    """The least of the weights that were written, or zero, whichever is less."""
    if "weights" not in writer.names:
        return 0.0
    return float(np.load(writer.folder / "weights.npy", "r", allow_pickle=False).min(initial=0.0))


def _fill(values: NDArray[np.int64], base: Any, query: str) -> None:
    """Fill an array with the one column of a result, in blocks."""
    start = 0
    for batch in base.sql(query).to_arrow_reader(ROWS):
        values[start : start + len(batch)] = batch.column(0).to_numpy()
        start += len(batch)


def _are_places(base: Any, n_nodes: int) -> bool:
    """Whether the ids are 0, 1, 2, ..."""
    bounds = _rows(base, "SELECT min(id), max(id) FROM nodes")
    return n_nodes == 0 or bounds == [(0, n_nodes - 1)]


def _sorted_blocks(base: Any, n_nodes: int, *, directed: bool, weighted: bool) -> Iterator[Block]:
    """Codes of the rows, as those of `vgae.data.adjacency.directed_codes`, and their weights."""
    ends, joined = ("source", "target"), "edge_rows"
    if not _are_places(base, n_nodes):
        ends = ("a.place", "b.place")
        joined += " JOIN nodes a ON a.id = source JOIN nodes b ON b.id = target"
    one, other = ends
    code = f"{one} * {n_nodes} + {other}"
    if not directed:
        code = f"2 * (least({one}, {other}) * {n_nodes} + greatest({one}, {other}))"
        code += f" + CAST({one} > {other} AS BIGINT)"
    value = ", weight" if weighted else ""
    query = f"SELECT {code} AS code{value} FROM {joined} "
    query += "WHERE source <> target ORDER BY code"
    for batch in base.sql(query).to_arrow_reader(ROWS):
        codes = batch.column(0).to_numpy().copy()  # they are overwritten
        yield codes, batch.column(1).to_numpy() if weighted else None
