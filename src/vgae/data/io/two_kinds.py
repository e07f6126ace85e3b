"""Tables whose two columns hold nodes of two kinds, such as users and items."""

from __future__ import annotations

import logging
import re

import pyarrow as pa

from vgae.data.ends import are_ratings, kind_prefixes, named_ends, two_kinds
from vgae.data.graph import Graph
from vgae.data.io.id_columns import IdColumns
from vgae.data.tables import Table

__all__ = ["as_known", "says_two_kinds", "tell_kinds_apart"]

logger = logging.getLogger("vgae.data.io")

BIPARTITE = re.compile(r"%\s*bip\b")
"""The first line of KONECT's files with two kinds of nodes."""


def tell_kinds_apart(
    table: Table, ids: IdColumns, *, bipartite: bool | None
) -> tuple[IdColumns, bool]:
    r"""The ids of two columns, distinguished if their nodes are of two kinds, and whether they are.

    Parameters
    ----------
    table
        The table.
    ids
        The ids of its two columns.
    bipartite
        Whether nodes are of two kinds. None goes by the names of the columns and by the lines
        above them, and warns of columns that only look like users and items.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from vgae.data.tables import open_table
    >>> path = Path(tempfile.mkdtemp(), "edges.csv")
    >>> _ = path.write_text("user,item\n1,2\n2,1\n")
    >>> table = open_table(path, header=True)
    >>> ids = IdColumns.of(table, (0, 1), table.read([0, 1], encoded={0, 1})).checked()
    >>> apart, are_two = tell_kinds_apart(table, ids, bipartite=None)
    >>> apart.values.to_pylist(), are_two
    (['item:1', 'item:2', 'user:1', 'user:2'], True)
    """
    if bipartite is None and says_two_kinds(table, *ids.columns):
        logger.info("%s: two kinds of nodes, by its column names or its first lines", table.path)
        bipartite = True
    if bipartite:
        return ids.apart(kind_prefixes(table.names, *ids.columns)), True
    if bipartite is None:
        _warn_of_two_kinds(table, ids)
    return ids, False


def as_known(table: Table, ids: IdColumns, known: Graph) -> IdColumns:
    r"""The ids of two columns as a known graph has them: with prefixes if its ids have them.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from vgae.data.tables import open_table
    >>> path = Path(tempfile.mkdtemp(), "pairs.csv")
    >>> _ = path.write_text("user,item\n1,2\n")
    >>> table = open_table(path, header=True)
    >>> ids = IdColumns.of(table, (0, 1), table.read([0, 1], encoded={0, 1})).checked()
    >>> known = Graph.from_pairs([("user:1", "item:1"), ("user:2", "item:2")])
    >>> known_ids = as_known(table, ids, known)
    >>> known_ids.values.filter(known_ids.used).to_pylist()
    ['item:2', 'user:1']
    """
    if not says_two_kinds(table, *ids.columns):
        return ids
    prefixes = kind_prefixes(table.names, *ids.columns)
    names = ids.values.cast(pa.string()).to_pylist()
    is_known = ((known.index([prefix + name for name in names]) >= 0).any() for prefix in prefixes)
    return ids.prefixed(prefixes) if any(is_known) else ids


def says_two_kinds(table: Table, source: int, target: int) -> bool:
    r"""Whether the names of two columns, or a comment above them, tell that nodes are of two kinds.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from vgae.data.tables import open_table
    >>> path = Path(tempfile.mkdtemp(), "edges.csv")
    >>> _ = path.write_text("user,item\n1,2\n2,1\n")
    >>> says_two_kinds(open_table(path, header=True), 0, 1)
    True
    """
    remarks = () if table.text is None else table.text.remarks
    return two_kinds(table.names, source, target) or any(map(BIPARTITE.match, remarks))


def _warn_of_two_kinds(table: Table, ids: IdColumns) -> None:
    """Warn if the columns may hold users and items: they often share numbers next to ratings."""
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
            "of two kinds, such as users and items, give --bipartite (bipartite=True); otherwise "
            "--no-bipartite (bipartite=False)",
            table.path,
            f"{n_common:,}",
            table.describe(ratings[0]),
        )
