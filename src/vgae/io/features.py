"""Feature files: tables of node attributes, or matrices, in the order of a graph's nodes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from vgae.adjacency import count
from vgae.errors import InputError
from vgae.files import BAD_ARCHIVE, file_errors
from vgae.graph import Features, Graph
from vgae.ids import IdArray, as_ids
from vgae.io.edges import is_number
from vgae.io.id_columns import IdColumns
from vgae.tables import NODE_NAMES, Table, open_table

__all__ = ["with_features_from"]

logger = logging.getLogger("vgae.io")


def with_features_from(
    graph: Graph,
    path: Path,
    *,
    edges: Path,
    isolated: bool,
    attributes: Mapping[str, str] | None = None,
    standardize: bool = False,
    missing: str = "error",
) -> Graph:
    """Attach the features of a file to the nodes of a graph; see `vgae.read_graph`.

    Raises
    ------
    InputError
        The file cannot be read, or its rows are not those of the graph's nodes, each once.
    """
    ids, matrix, place = _read_features(path)
    if isolated:
        graph = _with_nodes(graph, _like(graph.ids, ids, path))
    return _with_aligned_features(graph, ids, matrix, place, edges)


def _with_nodes(graph: Graph, ids: IdArray) -> Graph:
    """The graph with further nodes, which have no edges; sorted by id as before."""
    union = np.unique(np.concatenate([graph.ids, ids]))
    place = np.searchsorted(union, graph.ids)
    wider = Graph.from_edges(
        place[graph.edges], ids=union, weights=graph.weights, directed=graph.directed
    )
    return replace(wider, cleaning=graph.cleaning)


class _Places:
    """Where the rows of a feature file are, for errors."""

    def __init__(self, path: Path, table: Table | None = None) -> None:
        self.path = path
        self.table = table

    def __call__(self, row: int) -> str:
        return f"{self.path}, row {row}" if self.table is None else self.table.place(row)


def _read_features(path: Path) -> tuple[IdArray, Features, _Places]:
    """Ids and features of a file, and where its rows are."""
    if path.suffix in (".npy", ".npz"):
        matrix = _read_matrix(path)
        return np.arange(matrix.shape[0]), matrix, _Places(path)
    table = open_table(path, guess_header=_text_above_numbers)
    key = table.column_called(*NODE_NAMES) or 0
    others = [column for column in range(table.n_columns) if column != key]
    if not others:
        raise InputError(f"{path}: only one column; the first holds node ids, the others numbers")
    key_cells, *cells = table.read([key, *others], encoded=[key])
    ids = _read_keys(table, key, key_cells)
    dense = np.empty((len(ids), len(others)), dtype=np.float32)
    for place, column in enumerate(others):
        dense[:, place] = table.numbers(column, cells[place])
    return ids, dense, _Places(path, table)


def _read_keys(table: Table, column: int, cells: Any) -> IdArray:
    keys = IdColumns.of(table, [column], [cells]).complete(drop=False).checked()
    ids: IdArray = as_ids(keys.values)[keys.codes[0]]
    return ids


def _text_above_numbers(rows: list[list[str]]) -> bool:
    # A data frame's columns may be called 0, 1, ...: then the corner says that they are names.
    corner = rows[0][0].strip().lower()
    return corner in ("", *NODE_NAMES) or not any(is_number(cell) for cell in rows[0][1:])


def _read_matrix(path: Path) -> Any:
    with file_errors(path):
        try:
            if path.suffix == ".npz":
                stored = sparse.csr_array(sparse.load_npz(path))
                stored.check_format(full_check=True)  # broken indices could crash the process
                return stored
            matrix = np.load(path, allow_pickle=False)
        except BAD_ARCHIVE as error:
            raise InputError(
                f"{path}: cannot be read; .npz must be written by scipy.sparse.save_npz and .npy "
                "hold numbers"
            ) from error
    if matrix.ndim != 2:
        raise InputError(f"{path}: shape {matrix.shape} is not (n_nodes, n_features)")
    return matrix


def _like(ids: IdArray, wanted: IdArray, path: Path) -> IdArray:
    """Ids of one file in the type of another's."""
    if ids.dtype.kind == wanted.dtype.kind or not wanted.size:
        return wanted
    if ids.dtype.kind == "O":
        return np.array([str(name) for name in wanted.tolist()], dtype=object)
    raise InputError(f"{path}: node id '{wanted[0]}' is text, but the graph's ids are integers")


def _with_aligned_features(
    graph: Graph, ids: IdArray, matrix: Features, place: _Places, edges: Path
) -> Graph:
    """Attach feature rows in the order of the graph's nodes, each exactly once."""
    if place.table is None and graph.ids.dtype.kind != "i":
        raise InputError(
            f"{place.path}: rows without ids fit integer node ids only; give the features as CSV "
            "or Parquet with a column of node ids"
        )
    rows = graph.index(ids)
    unknown = np.flatnonzero(rows < 0)
    if unknown.size:
        raise InputError(
            f"{place(int(unknown[0]))}: node '{ids[unknown[0]]}' is not in {edges} "
            f"({count(unknown.size, 'such row')}); remove them, or keep them as nodes without "
            "edges with --isolated (isolated=True)"
        )
    order = np.full(graph.n_nodes, -1)
    order[rows] = np.arange(len(rows))
    repeated = np.flatnonzero(order[rows] != np.arange(len(rows)))
    if repeated.size:
        second = int(order[rows[repeated[0]]])
        raise InputError(f"{place(second)}: a second row for node '{ids[second]}'; keep one")
    missing = np.flatnonzero(order < 0)
    if missing.size:
        raise InputError(
            f"{place.path}: no features for node '{graph.ids[missing[0]]}' of {edges} "
            f"({count(missing.size, 'such node')}); add a row for each"
        )
    try:
        return graph.with_features(matrix[order])
    except InputError as error:
        raise InputError(f"{place.path}: {error}") from error
