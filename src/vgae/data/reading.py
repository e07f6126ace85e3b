"""How a table of edges was understood: the value that a graph keeps, and its line of words."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from vgae.data.adjacency import Cleaning, count
from vgae.ground.errors import one_line, shown

__all__ = ["Chosen", "Column", "Reading", "column_words"]

Chosen: TypeAlias = Literal["given", "usual name", "only choice", "guess", "unused", "empty"]
MOST_LISTED = 8
"""Unused columns that the line names."""


def column_words(name: str | None, number: int) -> str:
    """A column in words: its name, escaped as ids are, or its number from 1 if it has none.

    Examples
    --------
    >>> column_words("age", 2), column_words(None, 2)
    ("column 'age'", 'column 2')
    """
    return f"column {number}" if name is None else f"column '{one_line(name)}'"


@dataclass(frozen=True)
class Column:
    """A column of a table of edges, and how it was chosen.

    Attributes
    ----------
    name
        Its name; None in a table without a header.
    number
        Its number, from 1.
    chosen
        "given" by the caller; by a "usual name"; the "only choice"; a "guess" by what the columns
        hold; "unused"; or "empty", which is unused, without a name and without a cell.

    Examples
    --------
    >>> column = Column("from", 1, "usual name")
    >>> print(column)
    column 'from'
    >>> column.place
    0
    """

    name: str | None
    number: int
    chosen: Chosen

    @property
    def place(self) -> int:
        """Its position, from 0."""
        return self.number - 1

    def __str__(self) -> str:
        return column_words(self.name, self.number)


@dataclass(frozen=True)
class Reading:
    """How a table of edges was understood; its text is the line that the command line prints.

    Attributes
    ----------
    where
        The file, or the kind of data frame.
    about
        How the table is written, in words.
    delimiter
        The character between columns; None for what is not delimited text.
    header
        Whether the columns have names.
    source, target
        The columns of an edge's two ends.
    weight
        The column of the weights, or None.
    time
        The column of the times, or None.
    unused
        All other columns.
    first_edges
        The ends of the first edges, as text.
    remarks
        What was decided about the columns that may be wrong, one line each.
    ids
        The type of the node ids: "integers" or "text".
    cleaning
        What was dropped or merged.

    Examples
    --------
    >>> import vgae
    >>> table = {"when": [1, 1], "sender": ["ann", "bob"], "receiver": ["bob", "cid"]}
    >>> import pyarrow
    >>> reading = vgae.as_graph(pyarrow.table(table)).reading
    >>> print(reading)
    Table: 3 columns; edges run from column 'sender' to column 'receiver' (first: 'ann' to 'bob', \
'bob' to 'cid'); not used: column 'when'
    >>> reading.source.chosen, reading.is_guess, reading.ids
    ('usual name', False, 'text')
    >>> reading.as_dict()["unused"]
    [{'name': 'when', 'number': 1, 'chosen': 'unused'}]
    """

    where: str
    about: str
    delimiter: str | None
    header: bool
    source: Column
    target: Column
    weight: Column | None = None
    unused: tuple[Column, ...] = ()
    first_edges: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()
    ids: Literal["integers", "text"] = "text"
    cleaning: Cleaning = field(default_factory=Cleaning)
    time: Column | None = None

    @property
    def is_guess(self) -> bool:
        """Whether an end of the edges was chosen by what the columns hold."""
        return "guess" in (self.source.chosen, self.target.chosen)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self) | {
            "unused": [asdict(column) for column in self.unused],
            "first_edges": [list(edge) for edge in self.first_edges],
            "remarks": list(self.remarks),
        }

    def words(self, what: str) -> str:
        """The line about rows that are `what`: "edges" or "pairs".

        Examples
        --------
        >>> ends = [Column("u", 1, "usual name"), Column("v", 2, "usual name")]
        >>> print(Reading("pairs.csv", "comma-separated", ",", True, *ends).words("pairs"))
        pairs.csv: comma-separated; pairs run from column 'u' to column 'v'
        """
        said = f"{self.where}: {self.about}; {what} run from {self.source} to {self.target}"
        if self.first_edges:
            edges = (f"{shown(source)} to {shown(target)}" for source, target in self.first_edges)
            said += f" (first: {', '.join(edges)})"
        said += "" if self.weight is None else f", weights from {self.weight}"
        said += "" if self.time is None else f", times from {self.time}"
        named = [str(column) for column in self.unused if column.chosen == "unused"]
        n_empty = len(self.unused) - len(named)
        named = [*named[:MOST_LISTED], *(["..."] if len(named) > MOST_LISTED else [])]
        named += [count(n_empty, "empty column")] if n_empty else []
        return said + (f"; not used: {', '.join(named)}" if named else "")

    def __str__(self) -> str:
        return self.words("edges")
