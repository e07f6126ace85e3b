"""Numbering ids and sorting edges of a table larger than memory: DuckDB against Polars.

    python benchmarks/importing.py [--rows 50000000] [--nodes 5000000] [--memory 1GB] [--text 1]

What `vgae import` does first: ids become their places in sorted order, every row a code of its two
ends, and the codes are read in ascending order, block by block. DuckDB does it by the queries of
the product with a limit of memory; Polars by its streaming engine, which takes no limit. Both must
find the same codes. Each is a process of its own; writing the table counts for neither. With
`--text 1` ids are text. Prints a Markdown table of seconds and peak memory. Polars comes with the
extra `dev`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray
from presentation import table
from stages import measured

BLOCK = 2**22


def write(place: Path, rows: int, nodes: int, memory: str, text: int) -> tuple[float, float]:  # noqa: ARG001
    """Random rows, a tenth of them repeated in the other direction."""
    started, random = time.perf_counter(), np.random.default_rng(0)
    kind = pa.string() if text else pa.int64()
    schema = pa.schema([("source", kind), ("target", kind)])
    with pyarrow.parquet.ParquetWriter(place / "edges.parquet", schema) as writer:
        for start in range(0, rows, BLOCK):
            # Squares of uniform numbers: some nodes have many edges.
            ends = (random.random((min(BLOCK, rows - start), 2)) ** 2 * nodes).astype(np.int64)
            ends[: len(ends) // 10] = ends[-(len(ends) // 10) :, ::-1]
            ids = ends * 7 + 3
            columns = [pa.array(ids[:, end]).cast(kind) for end in (0, 1)]
            if text:
                columns = [pa.compute.binary_join_element_wise("n", part, "") for part in columns]
            writer.write_table(pa.table(columns, schema=schema))
    return time.perf_counter() - started, 0.0


def duckdb(place: Path, rows: int, nodes: int, memory: str, text: int) -> tuple[float, float]:  # noqa: ARG001
    from vgae.data.io import importing
    from vgae.data.io.edge_lists import looks_like_header
    from vgae.data.mapped import staged_arrays
    from vgae.data.tables import edge_columns, open_table
    from vgae.ground.notebook import library

    started = time.perf_counter()
    opened = open_table(place / "edges.parquet", guess_header=looks_like_header)
    most = int(importing._budget(memory) or 0)
    with (
        staged_arrays(place / "by-duckdb") as writer,
        importing._database(library("duckdb"), writer.folder, most) as base,
    ):
        importing._load(base, opened, edge_columns(opened), signed=False, drop=False)
        n_nodes = importing._number_ids(base, writer, opened)
        blocks = importing._sorted_blocks(base, n_nodes, directed=False, weighted=False)
        found = digest(codes for codes, _ in blocks)
        (place / "by-duckdb").mkdir()
    return time.perf_counter() - started, found


def polars(place: Path, rows: int, nodes: int, memory: str, text: int) -> tuple[float, float]:  # noqa: ARG001
    import polars as pl

    started = time.perf_counter()
    edges = pl.scan_parquet(place / "edges.parquet")
    ends = [edges.select(pl.col(end).alias("id")) for end in ("source", "target")]
    known = pl.concat(ends).unique().sort("id").with_row_index("place").collect(engine="streaming")
    n_nodes = len(known)
    one, other = (pl.col(end).cast(pl.Int64) for end in ("place", "place_right"))
    low, high = pl.min_horizontal(one, other), pl.max_horizontal(one, other)
    codes = (
        edges.join(known.lazy(), left_on="source", right_on="id")
        .join(known.lazy(), left_on="target", right_on="id")
        .filter(one != other)
        .select((2 * (low * n_nodes + high) + (one > other).cast(pl.Int64)).alias("code"))
        .sort("code")
    )
    codes.sink_parquet(place / "codes.parquet", engine="streaming")
    file = pyarrow.parquet.ParquetFile(place / "codes.parquet")
    found = digest(part.column(0).to_numpy() for part in file.iter_batches(BLOCK))
    return time.perf_counter() - started, found


def digest(blocks: Iterator[NDArray[np.int64]]) -> float:
    """A number that differs where sorted codes do."""
    last, found, place = -1, 0, 0
    for codes in blocks:
        assert codes[0] >= last, "codes are not sorted"
        last = int(codes[-1])
        steps = np.arange(place, place + len(codes), dtype=np.uint64)
        found = (found + int((codes.astype(np.uint64) * (steps | np.uint64(1))).sum())) % 2**64
        place += len(codes)
    return float(found % 2**40)


def main() -> None:
    """Print a table."""
    stages = {"write": write, "DuckDB": duckdb, "Polars": polars}
    defaults = {"rows": 50_000_000, "nodes": 5_000_000, "memory": "1GB", "text": 0}
    sizes, rows = measured(stages, __doc__, **defaults)
    if rows[1][2] != rows[2][2]:
        raise SystemExit(f"they differ: {rows[1]} and {rows[2]}")
    ids = "text" if sizes["text"] else "integer"
    print("{rows:,} rows, {nodes:,} nodes, {0} ids\n".format(ids, **sizes))
    print(table(["by", "seconds", "peak GB"], [[row[0], row[1], row[3]] for row in rows[1:]]))


if __name__ == "__main__":
    main()
