"""One rule for weights, whichever way a graph comes in.

Rows in the same direction add. An undirected edge in both directions is one edge with one weight;
where the two differ, the larger counts, which is said.
"""

import logging
from collections.abc import Callable
from pathlib import Path

import networkx
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
import torch
from foreign import DGLGraph, library
from scipy import io as scipy_io
from scipy import sparse

from vgae.data.graph import Cleaning, Graph
from vgae.data.interop import as_graph
from vgae.data.io import read_graph

ARCS = [(0, 1, 2.0), (1, 0, 2.0), (1, 2, 1.0), (1, 2, 2.0), (2, 3, 1.0), (3, 2, 5.0), (3, 3, 1.0)]
SOURCE, TARGET = np.array([arc[:2] for arc in ARCS]).T
WEIGHT = np.array([arc[2] for arc in ARCS])
EDGES = [[0, 1], [1, 2], [2, 3]]
MERGED = {"undirected": [2.0, 3.0, 5.0], "directed": [2.0, 2.0, 3.0, 1.0, 5.0]}
NAMES = ("source", "target", "weight")

Maker = Callable[[Path, bool], Graph]


def _table() -> pa.Table:
    return pa.table(dict(zip(NAMES, (SOURCE, TARGET, WEIGHT), strict=True)))


def _matrix() -> sparse.coo_array:
    return sparse.coo_array((WEIGHT, (SOURCE, TARGET)), shape=(4, 4))


def _text(delimiter: str, suffix: str) -> Maker:
    def make(folder: Path, directed: bool) -> Graph:
        path = folder / f"edges{suffix}"
        rows = [NAMES, *ARCS]
        path.write_text("".join(delimiter.join(map(str, row)) + "\n" for row in rows))
        return read_graph(path, directed=directed)

    return make


def _json_lines(folder: Path, directed: bool) -> Graph:
    path = folder / "edges.jsonl"
    row = '{{"source": {}, "target": {}, "weight": {}}}\n'
    path.write_text("".join(row.format(*arc) for arc in ARCS))
    return read_graph(path, directed=directed)


def _parquet(folder: Path, directed: bool) -> Graph:
    pyarrow.parquet.write_table(_table(), folder / "edges.parquet")
    return read_graph(folder / "edges.parquet", directed=directed)


def _arrow_file(folder: Path, directed: bool) -> Graph:
    pyarrow.feather.write_feather(_table(), folder / "edges.arrow", compression="uncompressed")
    return read_graph(folder / "edges.arrow", directed=directed)


def _matrix_market(folder: Path, directed: bool) -> Graph:
    scipy_io.mmwrite(folder / "edges.mtx", _matrix(), symmetry="general")
    return read_graph(folder / "edges.mtx", directed=directed)


def _npz_columns(folder: Path, directed: bool) -> Graph:
    np.savez(folder / "edges.npz", src=SOURCE, dst=TARGET, weight=WEIGHT)
    return read_graph(folder / "edges.npz", directed=directed)


def _npz_numbered(folder: Path, directed: bool) -> Graph:
    np.savez(folder / "edges.npz", src=SOURCE, dst=TARGET, weight=WEIGHT, n=4)
    return read_graph(folder / "edges.npz", directed=directed)


def _npz_matrix(folder: Path, directed: bool) -> Graph:
    sparse.save_npz(folder / "edges.npz", _matrix())
    return read_graph(folder / "edges.npz", directed=directed)


def _pajek(folder: Path, directed: bool) -> Graph:
    lines = ["*Vertices 4", *(f'{i + 1} "{i}"' for i in range(4)), "*Arcs"]
    lines += [f"{a + 1} {b + 1} {w}" for a, b, w in ARCS]
    (folder / "edges.net").write_text("\n".join(lines) + "\n")
    return read_graph(folder / "edges.net", directed=directed)


def _pyg(_: Path, directed: bool) -> Graph:
    data = library("torch_geometric.data").Data(
        edge_index=torch.tensor(np.stack([SOURCE, TARGET])),
        edge_weight=torch.tensor(WEIGHT),
        num_nodes=4,
    )
    return as_graph(data, directed=directed)


def _dgl(_: Path, directed: bool) -> Graph:
    source = DGLGraph((torch.tensor(SOURCE), torch.tensor(TARGET)), 4)
    source.edata = {"weight": torch.tensor(WEIGHT)}
    return as_graph(source, directed=directed)


def _sparse_tensor(_: Path, directed: bool) -> Graph:
    places, values = torch.tensor(np.stack([SOURCE, TARGET])), torch.tensor(WEIGHT)
    tensor = torch.sparse_coo_tensor(places, values, (4, 4), check_invariants=True)
    return as_graph(tensor, directed=directed)


def _networkx(_: Path, directed: bool) -> Graph:
    source = networkx.MultiDiGraph()
    source.add_nodes_from(range(4))
    source.add_weighted_edges_from(ARCS)
    return as_graph(source, directed=directed)


def _igraph(_: Path, directed: bool) -> Graph:
    source = library("igraph").Graph(
        n=4, edges=list(zip(SOURCE.tolist(), TARGET.tolist(), strict=True)), directed=True
    )
    source.es["weight"] = WEIGHT.tolist()
    return as_graph(source, directed=directed)


def _anndata(_: Path, directed: bool) -> Graph:
    names = library("pandas").DataFrame(index=list("0123"))
    cells = library("anndata").AnnData(
        obs=names, obsp={"connectivities": sparse.csr_matrix(_matrix())}
    )
    return as_graph(cells, directed=directed)


WAYS_IN: dict[str, Maker] = {
    "from_edges": lambda _, directed: Graph.from_edges(
        np.stack([SOURCE, TARGET], axis=1), weights=WEIGHT, directed=directed
    ),
    "from_pairs": lambda _, directed: Graph.from_pairs(
        [arc[:2] for arc in ARCS], weights=WEIGHT, directed=directed
    ),
    "from_scipy, coo": lambda _, directed: Graph.from_scipy(_matrix(), directed=directed),
    "scipy, csr": lambda _, directed: as_graph(sparse.csr_array(_matrix()), directed=directed),
    "scipy, old": lambda _, directed: as_graph(sparse.csc_matrix(_matrix()), directed=directed),
    "pandas": lambda _, directed: as_graph(
        library("pandas").DataFrame(_table().to_pydict()), directed=directed
    ),
    "polars": lambda _, directed: as_graph(
        library("polars").DataFrame(_table().to_pydict()), directed=directed
    ),
    "arrow": lambda _, directed: as_graph(_table(), directed=directed),
    "csv": _text(",", ".csv"),
    "tsv": _text("\t", ".tsv"),
    "txt": _text(" ", ".txt"),
    "jsonl": _json_lines,
    "parquet": _parquet,
    "arrow file": _arrow_file,
    "mtx": _matrix_market,
    "npz of columns": _npz_columns,
    "npz of indices": _npz_numbered,
    "npz of a matrix": _npz_matrix,
    "pajek": _pajek,
    "pyg": _pyg,
    "dgl": _dgl,
    "sparse tensor": _sparse_tensor,
    "networkx": _networkx,
    "igraph": _igraph,
    "anndata": _anndata,
}
SUMMED_BEFORE = {"scipy, csr", "scipy, old", "sparse tensor", "anndata"}
"""Ways whose own library adds what is stored at one place, so that nothing is left to count."""


@pytest.mark.parametrize("way", WAYS_IN)
def test_every_way_in_has_the_same_rule(
    way: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="vgae"):
        graph = WAYS_IN[way](tmp_path, False)
    assert graph.edges.tolist() == EDGES
    assert graph.weights is not None
    assert graph.weights.tolist() == MERGED["undirected"]
    n_duplicates = 0 if way in SUMMED_BEFORE else 1
    expected = Cleaning(self_loops=1, duplicates=n_duplicates, reversed_duplicates=2, conflicts=1)
    assert graph.cleaning == expected
    assert graph.n_edges + sum(graph.cleaning.rows.values()) == len(ARCS) - 1 + n_duplicates
    if not way.startswith("from_"):
        assert "kept the stronger weight of 1 edge whose two directions differ" in caplog.text
    arrow = WAYS_IN[way](tmp_path, True)
    assert arrow.weights is not None
    assert arrow.weights.tolist() == MERGED["directed"]
    assert arrow.cleaning == Cleaning(self_loops=1, duplicates=n_duplicates)


@pytest.mark.parametrize("way", WAYS_IN)
def test_an_edge_in_both_directions_is_one_edge_with_one_weight(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same symmetric pairs had weight 4 as rows and 2 as a matrix."""
    both = [(0, 1, 2.0), (1, 0, 2.0), (1, 2, 3.0), (2, 1, 3.0), (2, 3, 0.5), (3, 2, 0.5)]
    source, target = np.array([arc[:2] for arc in both]).T
    for name, value in (("ARCS", both), ("SOURCE", source), ("TARGET", target)):
        monkeypatch.setattr(f"{__name__}.{name}", value)
    monkeypatch.setattr(f"{__name__}.WEIGHT", np.array([arc[2] for arc in both]))
    graph = WAYS_IN[way](tmp_path, False)
    assert graph.weights is not None
    assert graph.weights.tolist() == [2.0, 3.0, 0.5]
    # A matrix, or arcs, hold both directions as usual; of rows they are counted.
    assert graph.cleaning in (Cleaning(), Cleaning(reversed_duplicates=3))
