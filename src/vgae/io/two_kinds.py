"""Tables whose two columns hold nodes of two kinds, such as users and items of the same numbers."""

from __future__ import annotations

import logging
import re

import pyarrow as pa

from vgae.ends import are_ratings, kind_prefixes, named_ends, two_kinds
from vgae.graph import Graph
from vgae.io.id_columns import IdColumns
from vgae.tables import Table

__all__ = ["as_known", "tell_kinds_apart"]

logger = logging.getLogger("vgae.io")

BIPARTITE = re.compile(r"%\s*bip\b")
"""How KONECT's files of two kinds of nodes begin."""


def tell_kinds_apart(table: Table, ids: IdColumns, *, bipartite: bool | None) -> IdColumns:
    """The ids of two columns, told apart if nodes are known to be of two kinds.

    They are known to be if `bipartite` says so; or the table does, where that is None. What only
    looks like users and items is a warning then.
    """
    if bipartite is None and _says_two_kinds(table, ids):
        logger.info(
            "%s: two kinds of nodes, as its names of columns or first lines say", table.path
        )
        bipartite = True
    if bipartite:
        return ids.apart(kind_prefixes(table.names, *ids.columns))
    if bipartite is None:
        _warn_of_two_kinds(table, ids)
    return ids


def as_known(table: Table, ids: IdColumns, known: Graph) -> IdColumns:
    """The ids of two columns as a graph has them: told apart if its own are."""
    if not _says_two_kinds(table, ids):
        return ids
    prefixes = kind_prefixes(table.names, *ids.columns)
    names = ids.values.cast(pa.string()).to_pylist()
    is_known = ((known.index([prefix + name for name in names]) >= 0).any() for prefix in prefixes)
    return ids.prefixed(prefixes) if any(is_known) else ids


def _says_two_kinds(table: Table, ids: IdColumns) -> bool:
    """Whether the names of the columns, or a comment above them, tell of two kinds of nodes."""
    remarks = () if table.text is None else table.text.remarks
    return two_kinds(table.names, *ids.columns) or any(map(BIPARTITE.match, remarks))


def _warn_of_two_kinds(table: Table, ids: IdColumns) -> None:
    """Say that users and items may have the same numbers: next to ratings they mostly do."""
    if not pa.types.is_integer(ids.values.type) or named_ends(table.names or ()):
        return
    ratings = [
        column
        for column in range(table.n_columns)
        if column not in ids.columns
        if are_ratings(table.names[column] if table.names else None, table.first_cells(column))
    ]
    n_common = ids.n_common() if ratings else 0
    if n_common:
        logger.warning(
            "%s: both columns use the same numbers (%s), and %s looks like ratings: if nodes are "
            "of two kinds, such as users and items, say --bipartite (bipartite=True); if not, "
            "--no-bipartite",
            table.path,
            f"{n_common:,}",
            table.describe(ratings[0]),
        )
