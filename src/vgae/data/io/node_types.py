"""Types of nodes from a table: one with ids and types, or a column of the table of features."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from vgae.data.adjacency import count
from vgae.data.ends import column_called
from vgae.data.graph import Graph
from vgae.data.io.features import open_features
from vgae.ground.errors import InputError, shown

__all__ = ["with_types_from"]

logger = logging.getLogger("vgae.data.io")

TYPE_NAMES = ("type", "node_type", "kind", "class", "category", "label")
"""Usual names of a column of types, the first that a table has being taken."""


def with_types_from(
    graph: Graph,
    types: str | Path,
    *,
    features: Path | None,
    bipartite: bool,
    integer_ids: bool = False,
) -> Graph:
    r"""Give the nodes of a graph the types that a table names; see `vgae.read_graph`.

    Parameters
    ----------
    graph
        The graph.
    types
        A file with a column of node ids and one of types; or, where no such file exists, the name
        of a column of `features`.
    features
        The table of features, if there is one.
    bipartite
        Whether the types are the two sides of a bipartite graph.
    integer_ids
        Whether ids such as "3.0" are read as integers.

    Raises
    ------
    InputError
        There is neither such a file nor such a column, or a node has no type.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "types.csv"
    >>> _ = path.write_text("node,type\nann,person\ntea,drink\n")
    >>> graph = Graph.from_pairs([("ann", "tea")])
    >>> with_types_from(graph, path, features=None, bipartite=True).type_names
    ('drink', 'person')
    """
    path = Path(types)
    if not path.is_file() and features is None:
        raise InputError(
            f"--types {types}: no such file, and there is no table of features (--features) with a "
            "column of this name"
        )
    is_column = not path.is_file()
    if is_column and features is not None:
        path = features
    table, columns, ids, _ = open_features(
        path,
        lambda rows: not (graph.index([cell.strip() for cell in rows[0]]) >= 0).any(),
        known=graph,
        header=None,
        integer_ids=integer_ids,
    )
    if is_column:
        column = table.column(str(types))
    else:
        called = column_called(table.names or (), *TYPE_NAMES)
        if called is None and len(columns) != 1:
            raise InputError(
                f"{path}: no column is called {TYPE_NAMES[0]}; call the one with the types so"
            )
        column = columns[0] if called is None else called
    cells = [
        "" if value is None else str(value).strip() for value in table.read([column])[0].to_pylist()
    ]
    places = graph.index(ids)
    found = np.full(graph.n_nodes, "", dtype=object)
    empty = next((row for row, cell in enumerate(cells) if not cell and places[row] >= 0), None)
    if empty is not None:
        raise InputError(
            f"{table.place(empty)}: node {shown(ids[empty])} has no type in "
            f"{table.describe(column)}; fill it"
        )
    for place, cell in zip(places.tolist(), cells, strict=True):
        if place >= 0:
            if found[place] not in ("", cell):
                raise InputError(
                    f"{path}: node {shown(graph.ids[place])} has the types {shown(found[place])} "
                    f"and {shown(cell)}; keep one"
                )
            found[place] = cell
    missing = np.flatnonzero(found == "")
    if missing.size:
        raise InputError(
            f"{path}: no type for node {shown(graph.ids[missing[0]])} "
            f"({count(missing.size, 'such node')}); add a row for each"
        )
    n_others = int(np.count_nonzero(places < 0))
    if n_others:
        logger.warning("%s: %s of nodes that are not in the graph", path, count(n_others, "type"))
    try:
        made = graph.with_types(found.tolist(), bipartite=bipartite)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    logger.info("%s: types of nodes from %s", path, table.describe(column))
    return made
