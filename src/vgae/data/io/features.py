"""Feature files: tables of node attributes, or matrices, in the order of a graph's nodes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from vgae.data.attributes import (
    AttributeEncoding,
    NodeRows,
    advice_on_keys,
    attribute_columns,
    encode_later,
    is_missing,
    key_column,
    share_of_nodes,
    with_attributes,
    with_matrix,
)
from vgae.data.dialects import refuse_pipe
from vgae.data.ends import column_called, is_number
from vgae.data.graph import Features, Graph
from vgae.data.ids import IdArray, as_ids
from vgae.data.io.arrays import MEMORY_PER_BYTE, load_array, load_sparse
from vgae.data.io.id_columns import IdColumns
from vgae.data.tables import NODE_NAMES, SEEN_ROWS, Table, inner_suffix, open_table
from vgae.ground.errors import InputError, shown
from vgae.ground.files import BAD_ARCHIVE, file_errors
from vgae.ground.limits import TooMuchDataError, check_unpacked

__all__ = ["open_features", "read_new_features", "with_features_from"]

logger = logging.getLogger("vgae.data.io")

Guess = Callable[[list[list[str]]], bool]
NO_HEADER = "; if that line names the columns, say so with --features-header (features_header=True)"


def with_features_from(
    graph: Graph,
    path: Path,
    *,
    edges: Path,
    isolated: bool,
    header: bool | None = None,
    integer_ids: bool = False,
    attributes: Mapping[str, str] | None = None,
    standardize: bool = False,
    missing: str = "error",
) -> Graph:
    r"""Attach the features of a file to the nodes of a graph; see `vgae.read_graph`.

    Raises
    ------
    InputError
        The file cannot be read, or its rows are not those of the graph's nodes, each once.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "people.csv"
    >>> _ = path.write_text("node,age\nbob,44\nann,31\n")
    >>> graph = Graph.from_pairs([("ann", "bob")])
    >>> with_features_from(graph, path, edges=Path("edges.csv"), isolated=False).features.tolist()
    [[31.0], [44.0]]
    """
    if inner_suffix(path) in (".npy", ".npz"):
        if attributes or standardize or missing != "error" or header is not None:
            raise InputError(
                f"{path}: holds numbers that are used as they are; --attribute, --standardize, "
                "--missing and --features-header are for tables"
            )
        matrix = _read_matrix(path)
        return with_matrix(graph, matrix, where=str(path), edges=str(edges), isolated=isolated)
    guess = partial(_names_columns, path=path, known=graph, isolated=isolated)
    table, columns, ids, advice = open_features(
        path, guess, known=graph, header=header, integer_ids=integer_ids
    )
    hint = NO_HEADER if table.names is None and table.text is not None else ""
    rows = NodeRows(ids, str(path), str(edges), table.place, isolated, hint, advice=advice)
    return with_attributes(
        graph,
        rows,
        table,
        columns,
        attributes=attributes,
        standardize=standardize,
        missing=missing,
    )


def read_new_features(
    path: Path, encoding: Mapping[str, Any] | None, *, header: bool | None = None
) -> tuple[IdArray, Features]:
    r"""Ids and features of later nodes, encoded as those of the first table were.

    Parameters
    ----------
    path
        A table as `vgae.read_graph` takes it for features.
    encoding
        How the features of the known nodes were made, as plain values; None where they came as
        numbers, as these must then.
    header
        Whether the first row names the columns; by default detected.

    Raises
    ------
    InputError
        The file cannot be read, or lacks a column.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "later.csv"
    >>> _ = path.write_text("node,age\ndan,35\n")
    >>> ids, features = read_new_features(path, None)
    >>> ids.tolist(), features.tolist()
    (['dan'], [[35.0]])
    """
    if encoding is None:
        guess = partial(_names_columns, path=path, isolated=True)
        table, columns, ids, _ = open_features(path, guess, header=header)
        return ids, encode_later(None, table, columns)
    made = AttributeEncoding.parse(dict(encoding), where="attributes.json")
    known = {column.name for column in made.columns if column.name is not None}
    # The first table had no header if it has no names: nor has this one, unless that is sure.
    table, columns, ids, _ = open_features(
        path, lambda rows: bool(known) or _is_surely_header(rows), known, header=header
    )
    return ids, encode_later(encoding, table, columns)


def open_features(
    path: Path,
    guess_header: Guess,
    attributes: Collection[str] = (),
    *,
    known: Graph | None = None,
    header: bool | None,
    integer_ids: bool = False,
) -> tuple[Table, list[int], IdArray, Callable[[], str]]:
    r"""A table of attributes: the columns that hold some, the node of each row, and advice.

    A column that is one of the known `attributes` holds no ids, wherever it stands. The advice is
    for errors where most rows are not nodes of the `known` graph.

    Raises
    ------
    InputError
        The file cannot be read, or a row lacks a node id.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "people.csv"
    >>> _ = path.write_text("node,age\nann,31\n")
    >>> table, columns, ids, _ = open_features(path, lambda rows: True, header=None)
    >>> columns, ids.tolist()
    ([1], ['ann'])
    """
    table = open_table(path, header=header, guess_header=guess_header)
    share = None if known is None else partial(_share, table, known, integer_ids)
    key = key_column(table, share, attributes=attributes)
    advice = str if share is None else partial(advice_on_keys, table, key, share)
    columns = attribute_columns(table, key)
    rows = table.rows if table.text is not None else ()  # reading others' is work
    first = f" (first: {shown(rows[0][key])})" if rows and key < len(rows[0]) else ""
    logger.info("%s: %s; node ids from %s%s", path, table.about, table.describe(key), first)
    table = table.held([key, *columns])
    keys = IdColumns.of(table, [key], table.read([key]), integer_ids=integer_ids)
    keys = keys.check_complete().checked(integer_ids=integer_ids)
    ids: IdArray = as_ids(keys.values)[keys.codes[0]]
    return table, columns, ids, advice


def _share(table: Table, known: Graph, integer_ids: bool, place: int) -> float:
    """How well the first cells of a column fit the nodes of a graph."""
    if table.text is not None:
        cells = [cell.strip() for cell in table.first_cells(place)]
    else:  # reading the other columns would be work
        cells = [str(cell).strip() for cell in table.read([place])[0][:SEEN_ROWS].to_pylist()]
    if integer_ids:
        cells = [cell.removesuffix(".0") for cell in cells]
    return share_of_nodes(cells, known)


# --------------------------------------------------------------------- headers


def _names_columns(
    rows: list[list[str]], *, path: Path, isolated: bool, known: Graph | None = None
) -> bool:
    """Whether the first row of a table of attributes is a header.

    Where any row may be an `isolated` node, the ids tell little, and a guess is logged.
    """
    first, rest = [cell.strip() for cell in rows[0]], rows[1:]
    if known is not None:
        if known.index(first[:1])[0] >= 0:
            return False
        n_known = np.count_nonzero(known.index([row[0].strip() for row in rest if row]) >= 0)
        # Every row must be a node. Where most are, a first row that is not is a header: if other
        # rows are not either, the error is about those.
        if not isolated and rest and 2 * n_known >= len(rest):
            return True
    if _is_surely_header(rows):
        return True
    # In text alone, names of columns do not occur below themselves, and categories do.
    below = [{row[place] for row in rest if place < len(row)} for place in range(len(first))]
    has_values = any(is_number(cell) or is_missing(cell) for cell in first[1:])
    recurs = any(cell in seen for cell, seen in zip(first, below, strict=True))
    are_names = not (has_values or recurs)
    if isolated:
        said = ("the names of columns", "no-") if are_names else ("a node", "")
        logger.log(
            logging.WARNING if are_names or known is not None else logging.INFO,
            "%s: the first row, %s, is taken for %s; --%sfeatures-header (features_header=%s) "
            "says otherwise",
            path,
            ", ".join(map(shown, first[:3])),
            *said,
            not are_names,
        )
    return are_names


def _is_surely_header(rows: list[list[str]]) -> bool:
    """Whether the first row names a column of node ids, or stands as text above numbers."""
    first, rest = [cell.strip() for cell in rows[0]], rows[1:]
    # The columns of a data frame may be called 0, 1, ...: then only the one of ids has a name.
    if first[0] == "" or column_called(first, *NODE_NAMES) is not None:
        return True
    if any(is_number(cell) or is_missing(cell) for cell in first[1:]):
        return False
    for place in range(1, len(first)):
        cells = [row[place].strip() for row in rest if place < len(row)]
        present = [cell for cell in cells if not is_missing(cell)]
        if present and all(map(is_number, present)):
            return True
    return False


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
            raise InputError(f"{path}: {error}") from None
        except (*BAD_ARCHIVE, MemoryError):
            raise InputError(
                f"{path}: cannot be read; .npz must be written by scipy.sparse.save_npz and .npy "
                "hold numbers"
            ) from None
    if matrix.ndim != 2:
        raise InputError(f"{path}: shape {matrix.shape} is not (n_nodes, n_features)")
    return matrix
