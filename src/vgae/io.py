"""Files in, graphs out; tables of pairs and features by node id."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import sparse

from vgae.errors import InputError
from vgae.files import BAD_ARCHIVE, file_errors
from vgae.graph import Features, Graph, count
from vgae.ids import IdArray, NodeId
from vgae.tables import SOURCE_NAMES, TARGET_NAMES, WEIGHT_NAMES, Table, open_table

__all__ = ["read_graph", "read_pairs"]

logger = logging.getLogger(__name__)

NODE_NAMES = ("node", "id", "node_id")


def read_graph(
    path: str | Path,
    *,
    features: str | Path | None = None,
    source: str | int | None = None,
    target: str | int | None = None,
    weight: str | int | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    isolated: bool = False,
    directed: bool = False,
) -> Graph:
    r"""Read an edge list, and node features if there are any.

    What was understood, dropped and merged is said through the `vgae` logger and kept in
    `graph.cleaning`.

    Parameters
    ----------
    path
        CSV, TSV or other delimited text, plain or gzip, or Parquet; one edge a row.
    features
        CSV or Parquet with a node's id in its first column (or one called node or id) and numbers
        in the others; or .npy or SciPy .npz, whose row i belongs to integer id i.
    source, target
        Columns of the two ends, by name or by number from 1. By default those with usual names
        (source and target, from and to, ...), else the first two.
    weight
        Column of the edge weights; by default one called weight, if there is one.
    header
        Whether the first row names the columns; by default found out.
    delimiter
        One character; by default found out.
    isolated
        Whether nodes that are only in `features` join the graph as nodes without edges; by
        default they are an error.
    directed
        Whether an edge has a direction.

    Returns
    -------
    A graph whose nodes are sorted by id. Ids are integers if all of them are, else strings.

    Raises
    ------
    InputError
        The file cannot be read as an edge list; the line names the place.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "edges.csv"
    >>> _ = path.write_text("from,to\nann,bob\nbob,cid\n")
    >>> read_graph(path)
    Graph(3 nodes, 2 edges, no features)
    """
    path = Path(path)
    table = open_table(path, header=header, delimiter=delimiter, guess_header=_looks_like_header)
    source_column, target_column = _pair_columns(table, source, target)
    weight_column = (
        table.column_called(*WEIGHT_NAMES) if weight is None else table.column(str(weight))
    )
    columns = table.read(
        [source_column, target_column, *([] if weight_column is None else [weight_column])]
    )
    pairs = _read_ids(table, [source_column, target_column], columns[:2])
    weights = None
    if weight_column is not None:
        weights = _positive_weights(table, weight_column, columns[2])
    _say_what_was_read(table, source_column, target_column, weight_column)
    graph = Graph.from_pairs((pairs[0], pairs[1]), weights=weights, directed=directed)
    if graph.n_nodes == 0:
        raise InputError(f"{path}: has a header but no edges")
    if features is not None:
        feature_ids, matrix, place = _read_features(Path(features))
        if isolated:
            known = graph.index(feature_ids) >= 0
            graph = Graph.from_pairs(
                (pairs[0], pairs[1]),
                weights=weights,
                nodes=_like(graph.ids, feature_ids[~known], Path(features)),
                directed=directed,
            )
        graph = _with_aligned_features(graph, feature_ids, matrix, place, path)
    if graph.cleaning:
        logger.warning("%s: %s", path, graph.cleaning)
    if graph.n_edges < len(pairs[0]) // 4:
        logger.warning(
            "%s: only %s of %s rows are edges of their own; are these the right two columns?",
            path,
            f"{graph.n_edges:,}",
            f"{len(pairs[0]):,}",
        )
    return graph


def read_pairs(path: str | Path, graph: Graph, *, header: bool | None = None) -> list[list[NodeId]]:
    """Read node pairs of a graph from a delimited text file or Parquet.

    Parameters
    ----------
    path
        The first two columns, or those called source and target, hold node ids.
    graph
        The graph that the ids must belong to.
    header
        Whether the first row names the columns; by default found out.

    Returns
    -------
    The two ids of each pair, as the graph has them.

    Raises
    ------
    InputError
        The file cannot be read, or a pair names an unknown node; the line names it.
    """
    table = open_table(Path(path), header=header, guess_header=_looks_like_header)
    columns = list(_pair_columns(table, None, None))
    read = _read_ids(table, columns, table.read(columns))
    ids = np.stack([column.astype(object) for column in read], axis=1)
    indices = graph.index(ids.ravel()).reshape(ids.shape)
    unknown = np.argwhere(indices < 0)
    if unknown.size:
        row, column = unknown[0]
        hint = " (if this line is a header, say --header)" if row == 0 and not table.names else ""
        raise InputError(f"{table.place(row)}: node '{ids[row, column]}' is not in the graph{hint}")
    if len(ids) == 0:
        raise InputError(f"{path}: has a header but no pairs")
    pairs: list[list[NodeId]] = graph.ids[indices].tolist()
    return pairs


# ------------------------------------------------------------- columns and ids


def _looks_like_header(rows: list[list[str]]) -> bool:
    """Whether the first row names columns: usual names, text above numbers, or ids unlike all."""
    first, rest = [cell.strip() for cell in rows[0]], rows[1:]
    lowered = [cell.lower() for cell in first]
    if any(name in lowered for name in SOURCE_NAMES) and any(
        name in lowered for name in TARGET_NAMES
    ):
        return True
    rest = [row for row in rest if len(row) == len(first)]
    if not rest:
        return False
    for column, cell in enumerate(first):
        if not _is_number(cell) and all(_is_number(row[column]) for row in rest):
            return True
    # Ids of a graph recur. Two that never do, above rows that mostly do, are names.
    seen: dict[str, int] = {}
    for row in rest:
        for cell in row[:2]:
            seen[cell.strip()] = seen.get(cell.strip(), 0) + 1
    recurring = sum(any(seen[cell.strip()] > 1 for cell in row[:2]) for row in rest)
    return not any(cell in seen for cell in first[:2]) and recurring >= 0.9 * len(rest) > 4


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _pair_columns(
    table: Table, source: str | int | None, target: str | int | None
) -> tuple[int, int]:
    if table.n_columns < 2:
        raise InputError(
            f"{table.path}: only one column; two are needed, one for each end of an edge "
            "(or name the delimiter)"
        )
    first, second = table.column_called(*SOURCE_NAMES), table.column_called(*TARGET_NAMES)
    if first is None or second is None:
        first, second = 0, 1
    if source is not None:
        first = table.column(str(source))
    if target is not None:
        second = table.column(str(target))
    if first == second:
        raise InputError(f"{table.path}: source and target are both {table.describe(first)}")
    return first, second


def _read_ids(table: Table, columns: list[int], cells: list[pa.ChunkedArray]) -> list[IdArray]:
    """Id columns: integers if every cell of all of them is one, else strings without blanks."""
    texts = [
        _as_text(table, column, column_cells)
        for column, column_cells in zip(columns, cells, strict=True)
    ]
    numbers = [_as_integers(text) for text in texts]
    if all(column is not None for column in numbers):
        return [column for column in numbers if column is not None]
    return [text.to_numpy().astype(object) for text in texts]


def _as_text(table: Table, column: int, cells: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if pa.types.is_integer(cells.type) or pa.types.is_string_view(cells.type):
        cells = cells.cast(pa.string())
    if not (pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type)):
        raise InputError(
            f"{table.path}: {table.describe(column)} holds {cells.type}, not node ids "
            "(text or integers)"
        )
    broken = pc.index(pc.match_substring(cells, "\n"), True).as_py()
    if broken >= 0:
        raise InputError(
            f"{table.place(broken)}: {table.describe(column)} holds a line break "
            "(an unclosed quote?); mend or remove it"
        )
    trimmed = pc.utf8_trim_whitespace(cells)
    n_trimmed = pc.sum(pc.not_equal(trimmed, cells)).as_py() or 0
    if n_trimmed:
        logger.warning(
            "%s: trimmed blanks around %s in %s",
            table.path,
            count(n_trimmed, "id"),
            table.describe(column),
        )
    empty = pc.index(pc.fill_null(pc.equal(trimmed, ""), True), True).as_py()
    if empty >= 0:
        raise InputError(
            f"{table.place(empty)}: {table.describe(column)} is empty; a node id is needed"
        )
    return trimmed


def _as_integers(cells: pa.ChunkedArray) -> NDArray[np.int64] | None:
    """The column as integers if it is the text of them to the letter ('007' is a string)."""
    try:
        numbers = cells.cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    if not pc.all(pc.equal(numbers.cast(pa.string()), cells)).as_py() and len(cells):
        return None
    return np.asarray(numbers.to_numpy(), dtype=np.int64)


def _positive_weights(table: Table, column: int, cells: pa.ChunkedArray) -> NDArray[np.float64]:
    weights = table.numbers(column, cells)
    bad = np.flatnonzero(weights.astype(np.float32) <= 0)
    if bad.size:
        row = int(bad[0])
        raise InputError(
            f"{table.place(row)}: weight {weights[row]:g} is not positive; remove rows that are "
            "no edges"
        )
    return weights


def _say_what_was_read(table: Table, source: int, target: int, weight: int | None) -> None:
    used = [source, target] if weight is None else [source, target, weight]
    said = f"{table.describe(source)} to {table.describe(target)}"
    said += "" if weight is None else f", weights from {table.describe(weight)}"
    unused = [table.describe(column) for column in range(table.n_columns) if column not in used]
    if unused:
        said += f"; not used: {', '.join(unused[:8])}{', ...' if len(unused) > 8 else ''}"
    logger.info("%s: %s; edges run from %s", table.path, table.about, said)


# -------------------------------------------------------------------- features


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
    key_cells, *cells = table.read([key, *others])
    (ids,) = _read_ids(table, [key], [key_cells])
    dense = np.empty((len(ids), len(others)), dtype=np.float32)
    for place, column in enumerate(others):
        dense[:, place] = table.numbers(column, cells[place])
    return ids, dense, _Places(path, table)


def _text_above_numbers(rows: list[list[str]]) -> bool:
    # A data frame's columns may be called 0, 1, ...: then the corner says that they are names.
    corner = rows[0][0].strip().lower()
    return corner in ("", *NODE_NAMES) or not any(_is_number(cell) for cell in rows[0][1:])


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
    graph: Graph, ids: IdArray, matrix: Features, place: _Places, edges_path: Path
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
            f"{place(int(unknown[0]))}: node '{ids[unknown[0]]}' is not in {edges_path} "
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
            f"{place.path}: no features for node '{graph.ids[missing[0]]}' of {edges_path} "
            f"({count(missing.size, 'such node')}); add a row for each"
        )
    try:
        return graph.with_features(matrix[order])
    except InputError as error:
        raise InputError(f"{place.path}: {error}") from error
