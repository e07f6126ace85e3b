"""Which column of a table of attributes holds the node ids; files and data frames choose alike."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np

from vgae.data.ends import is_row_number, names_nodes
from vgae.data.graph import Graph
from vgae.data.ids import canonical_int
from vgae.data.tables import NODE_NAMES, Table
from vgae.ground.errors import InputError, shown

__all__ = [
    "INDEX",
    "IndexKind",
    "advice_on_keys",
    "key_column",
    "key_words",
    "named_key",
    "share_of_nodes",
]

IndexKind: TypeAlias = Literal["named", "text", "numbers", "counts"]
"""Whether an index has a name; otherwise, whether it holds text, or integers that only count."""
Share: TypeAlias = Callable[[int], float]
INDEX: Final = -1
"""The place of a data frame's index among the columns that may hold node ids."""
ENOUGH = 0.5
"""The share of nodes from which on a column fits: the error is then about the other rows."""
ALIKE = 0.8
"""Two places of ids of which one fits less than the other by no more than this are ambiguous."""
LEFT_OVER = ("index", "level_0")
"""What pandas calls an index that it makes a column."""


def key_column(
    table: Table,
    share: Share | None,
    *,
    attributes: Collection[str | None] = (),
    index: IndexKind | None = None,
) -> int:
    r"""The place of the column of node ids, or `INDEX`.

    The order is: a column called node or id; an index with a name; a column called like an id; the
    first column that is none of the `attributes`. An index without a name, or the column that it
    became in a file, is taken where no column fits.

    Parameters
    ----------
    table
        The table.
    share
        How well the ids of a place fit the nodes of a known graph; see `share_of_nodes`. None
        where nodes are new.
    attributes
        Names of columns that hold no ids.
    index
        What the index of a data frame holds, if it has one.

    Raises
    ------
    InputError
        There is no such column, or an index without a name and a column fit equally well.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from vgae.data.tables import open_table
    >>> path = Path(tempfile.mkdtemp()) / "people.csv"
    >>> _ = path.write_text(",age,user_id\n0,31,1\n1,44,0\n")
    >>> key_column(open_table(path, header=True), lambda place: [1.0, 0.0, 1.0][place])
    2
    """
    if table.names is None:
        return 0
    places = _Places.of(table, attributes, index)
    if share is None:
        return _key_of_new(table, places)
    sure, columns, called, unnamed = places
    for place in sure:
        if share(place) >= ENOUGH:
            return place
    likely = [*columns[:1], *called] if columns[:1] == called[:1] else [*called, *columns[:1]]
    fitting = {p: fit for p in (*likely, *unnamed) if (fit := share(p)) >= ENOUGH}
    column = next((place for place in likely if place in fitting), None)
    rival = next((place for place in fitting if unnamed.get(place) in ("text", "numbers")), None)
    if column is not None and rival is not None:
        column_fits, rival_fits = fitting[column], fitting[rival]
        if column in called and unnamed[rival] == "numbers":
            if column_fits >= rival_fits:
                return column
            raise _ambiguous(table, column, rival)
        if min(column_fits, rival_fits) >= ALIKE * max(column_fits, rival_fits):
            raise _ambiguous(table, column, rival)
        return column if column_fits > rival_fits else rival
    found = [place for place in (column, rival) if place is not None]
    # Where nothing fits, an error names the column that is taken here.
    return [*found, *fitting, *sure, *_of_kind(unnamed, "text"), *columns, *unnamed, 0][0]


def named_key(
    table: Table, *, attributes: Collection[str | None] = (), index: IndexKind | None = None
) -> int | None:
    r"""The place whose name says that it holds the node ids, or an index of text; None without one.

    Parameters are those of `key_column`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from vgae.data.tables import open_table
    >>> path = Path(tempfile.mkdtemp()) / "people.csv"
    >>> _ = path.write_text("age,user_id\n31,1\n")
    >>> table = open_table(path, header=True)
    >>> named_key(table), named_key(table, attributes=["user_id"])
    (1, None)
    """
    places = _Places.of(table, attributes, index)
    found = [*places.sure, *_of_kind(places.unnamed, "text"), *places.called]
    return found[0] if found else None


class _Places(NamedTuple):
    """Where node ids may be: surely, in a column, in one called like an id, in what has no name."""

    sure: list[int]
    columns: list[int]
    called: list[int]
    unnamed: dict[int, IndexKind]

    @classmethod
    def of(
        cls, table: Table, attributes: Collection[str | None], index: IndexKind | None
    ) -> _Places:
        names = table.names or []
        key = table.column_called(*NODE_NAMES)
        unnamed: dict[int, IndexKind] = {}
        if index is not None and index != "named":
            unnamed[INDEX] = index
        for place, name in enumerate(names):
            if is_row_number(name) or name.strip().lower() in LEFT_OVER:
                unnamed[place] = _kind(table.first_cells(place))
        sure = ([] if key is None else [key]) + ([INDEX] if index == "named" else [])
        columns = [place for place in range(len(names)) if place not in unnamed]
        if len(columns) == 1 and unnamed and not names_nodes(names[columns[0]]):
            columns = []  # the only attribute
        columns = [place for place in columns if names[place] not in attributes]
        return cls(sure, columns, [c for c in columns if names_nodes(names[c])], unnamed)


def _key_of_new(table: Table, places: _Places) -> int:
    """The place of the ids of new nodes, which no graph knows."""
    numbers = _of_kind(places.unnamed, "numbers")
    named = [*places.sure, *_of_kind(places.unnamed, "text")]
    if places.columns and numbers and not (named or places.called):
        raise _ambiguous(table, places.columns[0], numbers[0])
    found = [*named, *(places.called if numbers else places.columns), *numbers]
    if not found:
        advice = ", or set the index" if table.in_memory else ""
        raise InputError(f"{table.path}: no column of node ids; call one node or id{advice}")
    return found[0]


def share_of_nodes(ids: Sequence[Any], known: Graph) -> float:
    """How well ids fit the nodes of a graph: 1 if each is another node, or all nodes are there.

    Examples
    --------
    >>> graph = Graph.from_pairs([("a", "b"), ("b", "c"), ("c", "d")])
    >>> share_of_nodes(["a", "b"], graph), share_of_nodes(["a", "a"], graph)
    (1.0, 0.25)
    """
    n_rows = len(ids)
    if not n_rows or not known.n_nodes:
        return 0.0
    places = np.unique(known.index(ids))
    n_distinct = len(set(ids))
    return int((places >= 0).sum()) / min(n_rows, known.n_nodes) * (n_distinct / n_rows)


def key_words(table: Table, place: int) -> str:
    r"""The place of node ids, in words.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from vgae.data.tables import open_table
    >>> path = Path(tempfile.mkdtemp()) / "people.csv"
    >>> _ = path.write_text("id,age\nann,31\n")
    >>> table = open_table(path, header=True)
    >>> key_words(table, 0), key_words(table, INDEX)
    ("column 'id'", 'the index')
    """
    return "the index" if place == INDEX else table.describe(place)


def advice_on_keys(table: Table, key: int, share: Share, *, has_index: bool = False) -> str:
    r"""What an error adds where most rows are no nodes: the column of ids, and one that fits.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from vgae.data.tables import open_table
    >>> path = Path(tempfile.mkdtemp()) / "people.csv"
    >>> _ = path.write_text("age,who\n31,ann\n")
    >>> advice_on_keys(open_table(path, header=True), 0, float)
    "; ids were taken from column 'age', but column 'who' holds node ids: call it id"
    """
    if table.names is None:
        return ""
    said = f"; ids were taken from {key_words(table, key)}"
    others = (place for place in range(table.n_columns) if place != key and share(place) == 1)
    better = next(others, None)
    if better is None:
        return said
    advice = "call it id, or set it as the index" if has_index else "call it id"
    return f"{said}, but {table.describe(better)} holds node ids: {advice}"


def _of_kind(unnamed: Mapping[int, IndexKind], wanted: IndexKind) -> list[int]:
    return [place for place, kind in unnamed.items() if kind == wanted]


def _kind(cells: Sequence[str]) -> IndexKind:
    """What the cells of an index hold that became a column; R counts rows from 1."""
    numbers = [canonical_int(cell.strip()) for cell in cells]
    if any(isinstance(number, str) for number in numbers):
        return "text"
    counting = any(numbers == list(range(n, n + len(numbers))) for n in (0, 1))
    return "counts" if counting else "numbers"


def _ambiguous(table: Table, column: int, rival: int) -> InputError:
    advice = "call the right one id"
    if rival == INDEX:
        name = shown((table.names or [])[column])
        advice = (
            f"set_index({name}) takes the column, reset_index(drop=True) drops the index, and "
            "rename_axis('node') takes the index"
        )
    return InputError(
        f"{table.path}: both {key_words(table, rival)} and {table.describe(column)} may hold the "
        f"node ids; {advice}"
    )
