"""A graph of a hundred million edges on one machine: generated, imported, and fitted.

    python benchmarks/large.py [--nodes 10000000] [--edges 100000000] [--features 16] [--place DIR]

Each row is a process of its own: its seconds, and the most memory that it held. `generate` draws a
degree-corrected block model into a folder of arrays. `import` reads its edges from a Parquet file,
in random order and with other ids, with 3 GB for sorting. `epochs` fits a GAE of 16 dimensions with
the likelihood bernoulli-poisson, whose sum over all pairs is exact, to the generated folder; its
seconds are those of one epoch, the median of three. The files take some 40 bytes per edge of disk.
Prints a Markdown table.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from presentation import table
from stages import measured

from vgae import Graph
from vgae.data.generator import generate_graph

STEPS = 4
MEMORY = "3GB"
ROWS = 2**22


def generate(place: Path, nodes: int, edges: int, features: int) -> tuple[float]:
    started = time.perf_counter()
    generate_graph(nodes, edges, n_features=features, seed=1, folder=place / "graph")
    return (time.perf_counter() - started,)


def write_parquet(place: Path, *_: int) -> tuple[float]:
    """The edges in another order, and with other ids."""
    started = time.perf_counter()
    graph, random = Graph.open(place / "graph"), np.random.default_rng(0)
    ids = random.permutation(graph.n_nodes) * 7 + 3
    schema = pa.schema([("source", pa.int64()), ("target", pa.int64())])
    adjacency = graph.adjacency
    with pyarrow.parquet.ParquetWriter(place / "edges.parquet", schema) as writer:
        bounds = np.searchsorted(adjacency.indptr, np.arange(0, adjacency.nnz, ROWS))
        for start, stop in zip(bounds, [*bounds[1:], graph.n_nodes], strict=True):
            ends = adjacency.indptr[start : stop + 1].astype(np.int64)
            rows = np.repeat(np.arange(start, stop), np.diff(ends))
            columns = adjacency.indices[ends[0] : ends[-1]]
            chosen = random.permutation(np.flatnonzero(rows < columns))
            part = [ids[rows[chosen]], ids[columns[chosen]]]
            writer.write_table(pa.table(part, schema=schema))
    return (time.perf_counter() - started,)


def import_edges(place: Path, *_: int) -> tuple[float]:
    from vgae.data.io.importing import import_edges

    started = time.perf_counter()
    import_edges(place / "edges.parquet", place / "imported", memory=MEMORY)
    return (time.perf_counter() - started,)


def epochs(place: Path, *_: int) -> tuple[float]:
    from vgae.data.split import Split
    from vgae.learning.fitting import fit
    from vgae.learning.settings import FitSettings

    settings = FitSettings.of(
        "gae",
        likelihood="bernoulli-poisson",
        encoder="linear",
        class_weight="none",
        latent_dim=16,
        steps=STEPS,
    )
    ends: list[float] = []
    split = Split.without_holdout(Graph.open(place / "graph"))
    fit(split, settings, callbacks=[lambda _: ends.append(time.perf_counter())])
    return (statistics.median(np.diff(ends).tolist()),)


STAGES: dict[str, Callable[..., tuple[float]]] = {
    "generate": generate,
    "write Parquet": write_parquet,
    "import": import_edges,
    "epochs": epochs,
}


def main() -> None:
    """Print a table."""
    sizes, rows = measured(STAGES, __doc__, nodes=10_000_000, edges=100_000_000, features=16)
    print("{nodes:,} nodes, {edges:,} edges, {features} features\n".format(**sizes))
    print(table(["stage", "seconds", "GB"], rows))


if __name__ == "__main__":
    main()
