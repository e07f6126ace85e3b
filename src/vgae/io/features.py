"""Feature files: tables of node attributes, or matrices, in the order of a graph's nodes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from vgae.adjacency import count
from vgae.attributes import AttributeEncoding, encode, fit_encoding, is_missing
from vgae.dialects import refuse_pipe
from vgae.ends import column_called, is_number, is_row_number
from vgae.errors import InputError, shown
from vgae.files import BAD_ARCHIVE, file_errors
from vgae.graph import Features, Graph
from vgae.ids import IdArray, as_ids
from vgae.io.arrays import MEMORY_PER_BYTE, load_array, load_sparse
from vgae.io.id_columns import IdColumns
from vgae.limits import TooMuchDataError, check_unpacked
from vgae.tables import NODE_NAMES, Table, inner_suffix, open_table

__all__ = ["read_new_features", "with_features_from"]

logger = logging.getLogger("vgae.io")


def with_features_from(
    graph: Graph,
    path: Path,
    *,
    edges: Path,
    isolated: bool,
    integer_ids: bool = False,
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
    if inner_suffix(path) in (".npy", ".npz"):
        if attributes or standardize or missing != "error":
            raise InputError(
                f"{path}: holds numbers that are used as they are; --attribute, --standardize and "
                "--missing are for tables"
            )
        matrix = _read_matrix(path)
        rows = _Rows(np.arange(matrix.shape[0]), matrix, path)
    else:
        guess = partial(_names_columns, path=path, known=graph, warn=isolated)
        table, columns, ids = _open_features(path, guess, integer_ids=integer_ids)
        encoding = fit_encoding(
            table, columns, kinds=attributes, standardize=standardize, missing=missing
        )
        rows = _Rows(ids, encode(encoding, table, columns), path, table, encoding)
    if isolated:
        graph = _with_nodes(graph, _like(graph.ids, rows.ids, path), path)
    return _aligned(graph, rows, edges)


def read_new_features(path: Path, encoding: Mapping[str, Any] | None) -> tuple[IdArray, Features]:
    """Ids and features of nodes that come later, made as those of the first table were.

    Parameters
    ----------
    path
        A table as `vgae.read_graph` takes it for features.
    encoding
        How the features of the known nodes were made, as plain values; None where they came as
        numbers, as these must then.

    Raises
    ------
    InputError
        The file cannot be read, or lacks a column.
    """
    if encoding is None:
        table, columns, ids = _open_features(path, partial(_names_columns, path=path, warn=True))
        names = table.names or [str(place + 1) for place in range(table.n_columns)]
        made = fit_encoding(table, columns, kinds={names[place]: "number" for place in columns})
        return ids, encode(made, table, columns)
    made = AttributeEncoding.parse(dict(encoding), where="attributes.json")
    known = {column.name for column in made.columns if column.name is not None}
    table, columns, ids = _open_features(
        path,
        lambda rows: bool(known) or rows[0][0].strip().lower() in NODE_NAMES,
        attributes=known,
    )
    return ids, encode(made, table, columns)


@dataclass(frozen=True)
class _Rows:
    """Rows of features by node id, where they come from and how they were made."""

    ids: IdArray
    matrix: Features
    path: Path
    table: Table | None = None
    encoding: AttributeEncoding | None = None

    def place(self, row: int) -> str:
        return f"{self.path}, row {row}" if self.table is None else self.table.place(row)


def _with_nodes(graph: Graph, ids: IdArray, path: Path) -> Graph:
    """The graph with further nodes, which have no edges: sorted if it is, else after its own."""
    new = np.unique(ids[graph.index(ids) < 0])
    if new.size and graph.labels is not None:
        raise InputError(f"{path}: node {shown(new[0])} would have no label; leave --isolated away")
    union = np.concatenate([graph.ids, new])
    places = np.arange(graph.n_nodes)
    if (graph.ids[:-1] < graph.ids[1:]).all():
        union = np.sort(union)
        places = np.searchsorted(union, graph.ids)
    wider = Graph.from_edges(
        places[graph.edges],
        ids=union,
        weights=graph.weights,
        labels=graph.labels,
        directed=graph.directed,
    )
    return wider.with_cleaning(graph.cleaning)


def _open_features(
    path: Path,
    names_columns: Callable[[list[list[str]]], bool],
    attributes: Collection[str] = (),
    *,
    integer_ids: bool = False,
) -> tuple[Table, list[int], IdArray]:
    """A table of attributes: the columns that hold some, and the node of each row.

    A column that is one of the known `attributes` holds no ids, wherever it stands.
    """
    table = open_table(path, guess_header=names_columns)
    others = [place for place, name in enumerate(table.names or ()) if name not in attributes]
    key = table.column_called(*NODE_NAMES)
    if key is None:
        key = others[0] if attributes and others else 0
    columns = [c for c in range(table.n_columns) if c != key and not _is_row_number(table, c)]
    if not columns:
        raise InputError(f"{path}: only one column; one holds node ids, the others attributes")
    rows = table.rows if table.text is not None else ()  # reading others' is work
    first = f" (first: {shown(rows[0][key])})" if rows and key < len(rows[0]) else ""
    logger.info("%s: %s; node ids from %s%s", path, table.about, table.describe(key), first)
    table = table.held([key, *columns])
    keys = IdColumns.of(table, [key], table.read([key]), integer_ids=integer_ids)
    keys = keys.check_complete().checked(integer_ids=integer_ids)
    ids: IdArray = as_ids(keys.values)[keys.codes[0]]
    return table, columns, ids


def _is_row_number(table: Table, column: int) -> bool:
    """Whether a column is a data frame's index, which was written along."""
    if table.names is None or not is_row_number(table.names[column]):
        return False
    logger.warning(
        "%s: %s is taken for row numbers of a data frame: not used",
        table.path,
        table.describe(column),
    )
    return True


def _names_columns(
    rows: list[list[str]], *, path: Path, known: Graph | None = None, warn: bool = False
) -> bool:
    """Whether the first row of a table of attributes is a header."""
    first, rest = [cell.strip() for cell in rows[0]], rows[1:]
    if known is not None and known.index(first[:1])[0] >= 0:
        return False
    # A data frame's columns may be called 0, 1, ...: then one that is for ids says that.
    if first[0] == "" or column_called(first, *NODE_NAMES) is not None:
        return True
    if known is not None and not warn and rest:
        # Every row is to be a node: if only the first is none, it is no row.
        return bool((known.index([row[0].strip() for row in rest if row]) >= 0).all())
    if any(is_number(cell) or is_missing(cell) for cell in first[1:]):
        return False
    for place in range(1, len(first)):
        cells = [row[place] for row in rest if place < len(row)]
        if cells and all(is_number(cell) for cell in cells):
            return True
    # Among text alone: names of columns do not occur below themselves, categories do.
    below = [{row[place] for row in rest if place < len(row)} for place in range(len(first))]
    are_names = not any(cell in seen for cell, seen in zip(first, below, strict=True))
    if are_names and warn:
        logger.warning(
            "%s: the first row, %s, is taken for the names of columns; if it is a node, put a row "
            "of names above it",
            path,
            ", ".join(map(shown, first[:3])),
        )
    return are_names


def _read_matrix(path: Path) -> Any:
    with file_errors(path):
        refuse_pipe(path)
        try:
            with path.open("rb") as handle:
                if inner_suffix(path) == ".npz":
                    return sparse.csr_array(load_sparse(handle, path))
                n_bytes = path.stat().st_size
                check_unpacked(path, n_bytes, n_bytes, memory_per_byte=MEMORY_PER_BYTE)
                matrix = load_array(handle)
        except TooMuchDataError:
            raise
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        except (*BAD_ARCHIVE, MemoryError) as error:
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
    raise InputError(
        f"{path}: node id {shown(wanted[0])} is text, but the graph's ids are integers"
    )


def _aligned(graph: Graph, rows: _Rows, edges: Path) -> Graph:
    """Attach feature rows in the order of the graph's nodes, each exactly once."""
    ids, path = rows.ids, rows.path
    if rows.table is None and graph.ids.dtype.kind != "i":
        raise InputError(
            f"{path}: rows without ids fit integer node ids only; give the features as CSV "
            "or Parquet with a column of node ids"
        )
    places = graph.index(ids)
    unknown = np.flatnonzero(places < 0)
    if unknown.size:
        raise InputError(
            f"{rows.place(int(unknown[0]))}: node {shown(ids[unknown[0]])} is not in {edges} "
            f"({count(unknown.size, 'such row')}); remove them, or keep them as nodes without "
            "edges with --isolated (isolated=True)"
        )
    order = np.full(graph.n_nodes, -1)
    order[places] = np.arange(len(places))
    repeated = np.flatnonzero(order[places] != np.arange(len(places)))
    if repeated.size:
        second = int(order[places[repeated[0]]])
        raise InputError(
            f"{rows.place(second)}: a second row for node {shown(ids[second])}; keep one"
        )
    missing = np.flatnonzero(order < 0)
    if missing.size:
        raise InputError(
            f"{path}: no features for node {shown(graph.ids[missing[0]])} of {edges} "
            f"({count(missing.size, 'such node')}); add a row for each"
        )
    encoding = None if rows.encoding is None else rows.encoding.model_dump(mode="json")
    try:
        return graph.with_features(rows.matrix[order], encoding=encoding)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
