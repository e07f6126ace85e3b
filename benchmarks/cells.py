"""Spots of a spatial assay: read from a .h5ad file, linked to the nearest, and fitted.

    python benchmarks/cells.py [--spots 60000] [--genes 2000] [--share 0.05] [--place DIR]

Each row is a process of its own: its seconds, those that all its threads computed together, which
other programs on the machine hardly change, and the most memory that it held. `write` draws spots
in a plane whose expression depends on the region, with a share of counts that are not zero, and
writes it as AnnData does, block by block. `read` makes a graph of it: the six nearest spots, and
the sparse expression as features. `epochs` fits a VGAE of 16 dimensions with the likelihood
bernoulli-poisson, whose sum over all pairs is exact; its seconds are those of one epoch, the median
of three, and the process reads the file first. `embed` writes the embedding of that fit back into
the file. Prints a Markdown table.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from presentation import table
from stages import measured

STEPS = 4
NEIGHBORS = 6
N_REGIONS = 20
SPOTS_AT_ONCE = 20_000


Times = tuple[float, float]
"""Seconds, and those that the threads of the process computed."""


def now() -> Times:
    return time.perf_counter(), time.process_time()


def since(started: Times) -> Times:
    return time.perf_counter() - started[0], time.process_time() - started[1]


def write(place: Path, spots: int, genes: int, share: float) -> Times:
    """Counts of genes, more of some genes in each region of the plane."""
    import h5py

    started = now()
    random = np.random.default_rng(0)
    points = random.uniform(size=(spots, 2)).astype(np.float32)
    centres = random.uniform(size=(N_REGIONS, 2))
    with h5py.File(place / "spots.h5ad", "w") as file:
        file.attrs["encoding-type"], file.attrs["encoding-version"] = "anndata", "0.1.0"
        for axis, size, letter in (("obs", spots, "spot"), ("var", genes, "gene")):
            group = file.create_group(axis)
            group.attrs.update({"_index": "_index", "encoding-type": "dataframe"})
            group.attrs["encoding-version"] = "0.2.0"
            group.create_dataset("_index", data=[f"{letter}{place}" for place in range(size)])
        file.create_group("obsm").create_dataset("spatial", data=points)
        x = file.create_group("X")
        x.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        x.attrs["shape"] = (spots, genes)
        per_spot = max(1, int(share * genes))
        count = spots * per_spot
        chunks = (min(2**18, count),)  # HDF5 has none that is larger than the data
        data = x.create_dataset("data", (count,), np.float32, chunks=chunks)
        indices = x.create_dataset("indices", (count,), np.int32, chunks=chunks)
        x.create_dataset("indptr", data=np.arange(spots + 1, dtype=np.int64) * per_spot)
        for start in range(0, spots, SPOTS_AT_ONCE):
            here = points[start : start + SPOTS_AT_ONCE]
            region = ((here[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
            # One gene of each stretch of genes, so that none comes twice; half of them by region.
            stretch = genes // per_spot
            drawn = random.integers(stretch, size=(len(here), per_spot))
            usual = random.uniform(size=drawn.shape) < 0.5
            columns = np.where(usual, region[:, None] % stretch, drawn)
            columns += stretch * np.arange(per_spot)
            part = slice(start * per_spot, (start + len(here)) * per_spot)
            indices[part] = columns.ravel()
            data[part] = 1.0 + random.poisson(1.0, columns.size)
    return since(started)


def read(place: Path, *_: Any) -> Times:
    from vgae import read_graph

    started = now()
    graph = read_graph(place / "spots.h5ad", neighbors=NEIGHBORS)
    assert hasattr(graph.features, "indptr"), "the expression must stay sparse"
    return since(started)


def _settings() -> Any:
    from vgae.learning.settings import FitSettings

    return FitSettings.of(
        "vgae",
        likelihood="bernoulli-poisson",
        class_weight="none",
        latent_dim=16,
        steps=STEPS,
    )


def epochs(place: Path, *_: Any) -> Times:
    from vgae import read_graph
    from vgae.data.split import Split
    from vgae.learning.fitting import fit
    from vgae.learning.store import save_fitted, staged_run

    ends: list[Times] = []
    split = Split.without_holdout(read_graph(place / "spots.h5ad", neighbors=NEIGHBORS))
    fitted = fit(split, _settings(), callbacks=[lambda _: ends.append(now())])
    with staged_run(place / "run", overwrite=False) as staged:
        save_fitted(fitted, staged)
    wall, computed = np.median(np.diff(ends, axis=0), axis=0).tolist()
    return wall, computed


def embed(place: Path, *_: Any) -> Times:
    from vgae import load
    from vgae.data.io import write_cells

    model = load(place / "run")
    vectors = model.embedding_
    assert vectors is not None
    started = now()
    write_cells(place / "spots.h5ad", model.ids_, vectors)
    return since(started)


STAGES: dict[str, Callable[..., Times]] = {
    "write": write,
    "read": read,
    "epochs": epochs,
    "embed": embed,
}


def main() -> None:
    """Print a table."""
    sizes, rows = measured(STAGES, __doc__, spots=60_000, genes=2000, share=0.05)
    print("{spots:,} spots, {genes:,} genes, {share:.0%} not zero\n".format(**sizes))
    print(table(["stage", "seconds", "computed", "GB"], rows))


if __name__ == "__main__":
    main()
