"""Which two columns of a table hold the ends of its edges: by names, otherwise by their cells.

Files and data frames choose by the same rules. A choice that may surprise comes with a remark.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from typing import Literal

__all__ = [
    "WEIGHT_NAMES",
    "Ends",
    "are_ratings",
    "column_called",
    "find_ends",
    "is_number",
    "is_row_number",
    "kind_prefixes",
    "named_ends",
    "names_nodes",
    "two_kinds",
]

END_NAMES = (
    ("source", "target"),
    ("src", "dst"),
    ("from", "to"),
    ("u", "v"),
    ("head", "tail"),
    ("start", "end"),
    ("sender", "receiver"),
    ("sender", "recipient"),
    ("buyer", "seller"),
    ("caller", "callee"),
    ("follower", "followee"),
    ("follower", "followed"),
    ("follower", "following"),
    ("origin", "destination"),
    ("origin", "dest"),
    ("source", "destination"),
    ("source", "dest"),
    ("parent", "child"),
    ("citing", "cited"),
    ("payer", "payee"),
    ("subject", "object"),
    ("predecessor", "successor"),
    ("supplier", "customer"),
    ("exporter", "importer"),
    ("lender", "borrower"),
    ("donor", "recipient"),
    ("mentor", "mentee"),
    ("ego", "alter"),
    ("person", "friend"),
    ("user", "friend"),
    ("reporter", "partner"),
    ("regulator", "target"),
)
"""Pairs of usual names, the first that a table has being taken. Those of `END_NOUNS` join them."""
END_NOUNS = ("", "id", "node", "nodeid", "vertex", "name")
"""What may follow such a name: 'source_id' and 'FromNodeId' are usual too; 'start' needs one."""
TWINS = (
    "node", "vertex", "id", "entity", "object", "interactor", "protein", "gene", "molecule",
    "person", "people", "user", "friend", "member", "account", "actor", "author", "player", "team",
    "character", "animal", "species", "name", "word", "term", "concept", "city", "country",
    "place", "station", "stop", "airport", "port", "host", "ip", "page", "article", "document",
    "paper", "company", "bank", "region", "neuron", "atom", "residue", "element",
)  # fmt: skip
"""What ends the names of two columns that differ only in 1 and 2, or in A and B: node1, node2."""
TWO_KINDS = {
    "user": ("item", "movie", "film", "product", "book", "song", "track", "artist", "album",
             "article", "business", "restaurant", "game", "video", "anime"),
    "customer": ("product", "item", "article", "store"),
    "reviewer": ("item", "movie", "film", "product", "book", "business", "restaurant"),
    "reader": ("book", "article"),
    "author": ("paper", "article", "book", "publication"),
    "actor": ("movie", "film"),
    "person": ("event", "company", "group"),
    "student": ("course", "school"),
    "drug": ("disease", "target", "protein", "sideeffect"),
    "gene": ("disease", "phenotype"),
    "document": ("word", "term"),
}  # fmt: skip
"""Names of columns, without 'id', that mean two kinds of nodes, in either order."""
WEIGHT_NAMES = ("weight",)
ID_NAMES = re.compile(
    r"(node|vertex|entity|user|person|member|account)?(id|name)?|.*[^a-z]id", re.IGNORECASE
)
"""Names of columns whose cells name nodes; 'paid' ends otherwise than 'team_id' and 'teamId'."""
CAMEL_ID = re.compile(r".*[a-z]I[dD]")
NOT_ALONE = ("start", "end")
"""These are times as often as nodes, unless a noun follows them."""
COUNTERS = re.compile(
    r"(row|line|record|edge|link|rel|relation|transaction|tx|event)(id|index|idx|nr|no|num|number)"
    r"|.*interactionid"
)
PERHAPS_COUNTERS = re.compile(r"id|key|index|idx|nr|no|num|number")
TIMES = re.compile(r"(time|timestamp|date|datetime|when|day|year|createdat|.*timestamp)")
DATE = re.compile(r"(\d{4}([-/.])\d{1,2}\2\d{1,2}|\d{1,2}([-/.])\d{1,2}\3\d{4})([T ].*)?")
RATING = re.compile(r"rating|rate|stars?|score|grade")
INTEGER = re.compile(r"-?[0-9]+")
SEEN_COLUMNS = 16
"""Ends stand among the first columns; a wider table has attributes in the others."""
FEW = 5
"""Fewer rows tell nothing by what differs and what recurs."""


@dataclass(frozen=True)
class Ends:
    """The columns of an edge's two ends.

    Attributes
    ----------
    source, target
        Their positions.
    chosen
        Why these: by a "usual name"; as the "only choice"; or as a "guess" by what columns hold.
    remarks
        What was decided that may be wrong, one line each.

    Examples
    --------
    >>> found = find_ends(["when", "sender", "receiver"], [], 3, str)
    >>> found.source, found.target, found.chosen
    (1, 2, 'usual name')
    """

    source: int
    target: int
    chosen: Literal["usual name", "only choice", "guess"]
    remarks: tuple[str, ...] = ()


def find_ends(
    names: Sequence[str] | None,
    rows: Sequence[Sequence[str]],
    n_columns: int,
    describe: Callable[[int], str],
    *,
    weight: int | None = None,
) -> Ends:
    """Choose the two columns that hold the ends of edges, of two or more.

    Columns with usual names are taken first: of several pairs, the first whose columns have values
    in common, or the first of all. Otherwise it is the first two columns that may hold ids: not
    empty, no fractions, no dates, and no row numbers. A first column whose cells all differ numbers
    the rows if its name says so, or if the two columns after it have more in common with each other
    than it has with them. Two columns that share values are preferred to a first two that share
    none.

    Parameters
    ----------
    names
        The names of the columns, if they have any.
    rows
        The first rows below them, as text.
    n_columns
        Number of columns.
    describe
        A column in words.
    weight
        The column that holds weights, if there is one: it holds no ids.

    Examples
    --------
    >>> find_ends(["when", "To", "From"], [], 3, str)
    Ends(source=2, target=1, chosen='usual name', remarks=())
    >>> rows = [[str(row), f"n{row}", f"n{row * 2 % 7}"] for row in range(7)]
    >>> find_ends(None, rows, 3, str)
    Ends(source=1, target=2, chosen='guess', remarks=('0 differs in every row and is taken for row \
numbers or times: not used',))
    """
    pairs = named_ends(names or ())
    if not pairs:
        return _by_look(names, rows, n_columns, describe, weight)
    whole = [row for row in rows if len(row) == n_columns]
    looks = [tuple(_Look.of(whole, column) for column in pair) for pair in pairs]
    best = next((place for place, (a, b) in enumerate(looks) if a.values & b.values), 0)
    source, target = pairs.pop(best)
    remark = f"edges run from {describe(source)} to {describe(target)}; on offer as well: "
    remark += ", ".join(f"{describe(a)} to {describe(b)}" for a, b in pairs)
    return Ends(source, target, "usual name", (remark,) if pairs else ())


# ----------------------------------------------------------------------- names


def column_called(names: Sequence[str], *wanted: str) -> int | None:
    """Position of the first of the wanted names among these; case does not matter.

    Examples
    --------
    >>> column_called(["When", " To ", "From"], "source", "from")
    2
    """
    lowered = [name.strip().lower() for name in names]
    return next((lowered.index(name) for name in wanted if name in lowered), None)


def is_row_number(name: str) -> bool:
    """Whether a column of this name is the index of a data frame, written with its columns.

    Examples
    --------
    >>> is_row_number(""), is_row_number("Unnamed: 0"), is_row_number("index")
    (True, True, False)
    """
    return re.fullmatch(r"|Unnamed: \d+|__index_level_\d+__", name.strip()) is not None


def names_nodes(name: str) -> bool:
    """Whether a column of this name usually holds node ids, one per row.

    Examples
    --------
    >>> [names_nodes(name) for name in ("User ID", "name", "teamId", "paid", "age")]
    [True, True, True, False, False]
    """
    bare = name.strip()
    usual = ID_NAMES.fullmatch(bare) or ID_NAMES.fullmatch(_plain(bare)) or CAMEL_ID.fullmatch(bare)
    return _plain(bare) != "" and usual is not None


def is_number(cell: str) -> bool:
    """Whether a cell spells a number, finite or not.

    Examples
    --------
    >>> is_number("-1.5e3"), is_number("nan"), is_number("1_0")
    (True, True, False)
    """
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # 1_0 is ten in Python only


def named_ends(names: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of columns whose names say that they hold the two ends of edges, the best first.

    Case, blanks, underscores and hyphens do not matter.

    Examples
    --------
    >>> named_ends(["rank", "Follower ID", "followee-id"])
    [(1, 2)]
    >>> named_ends(["Interaction", "Gene Interactor A", "Gene Interactor B", "Id A", "Id B"])
    [(1, 2), (3, 4)]
    >>> named_ends(["timestamp", "itemId", "userId"])
    [(2, 1)]
    """
    plain = [_plain(name) for name in names]
    usual = [
        (plain.index(source + noun), plain.index(target + noun))
        for source, target in END_NAMES
        for noun in END_NOUNS
        if source + noun in plain and target + noun in plain
        if (source + noun, target + noun) != NOT_ALONE
    ]
    if usual:
        return [pair for place, pair in enumerate(usual) if not _overlap(pair, usual[:place])]
    twins = [
        (plain.index(name), plain.index(other))
        for name in dict.fromkeys(plain)
        for mark, next_mark in (("1", "2"), ("a", "b"))
        if name.endswith(mark) and name[:-1].endswith(TWINS)
        if (other := name[:-1] + next_mark) in plain
    ]
    if twins:
        return twins
    kinds = [
        (left, right)
        for left, right in combinations(range(len(plain)), 2)
        if _are_two_kinds(plain[left], plain[right])
    ]
    if kinds:
        (left, right), *_ = kinds
        return [(left, right) if _stem(plain[left]) in TWO_KINDS else (right, left)]
    firsts, seconds = (
        [name for pair in END_NAMES[:4] for name in pair[end:][:1]] for end in (0, 1)
    )
    source_place = column_called(plain, *firsts)
    target_place = column_called(plain, *seconds)
    return [] if None in (source_place, target_place) else [(source_place, target_place)]  # type: ignore[list-item]


def two_kinds(names: Sequence[str] | None, source: int, target: int) -> bool:
    """Whether the names of two columns say that they hold nodes of two kinds, as user and item do.

    Examples
    --------
    >>> two_kinds(["User ID", "item"], 0, 1), two_kinds(["user", "friend"], 0, 1)
    (True, False)
    """
    return names is not None and _are_two_kinds(_plain(names[source]), _plain(names[target]))


def kind_prefixes(names: Sequence[str] | None, source: int, target: int) -> tuple[str, str]:
    """Prefixes for the ids of two columns, so that no id of one is an id of the other.

    Examples
    --------
    >>> kind_prefixes(["user_id", "item_id"], 0, 1), kind_prefixes(None, 0, 1)
    (('user_id:', 'item_id:'), ('source:', 'target:'))
    """
    if names is not None:
        first, second = f"{names[source].strip()}:", f"{names[target].strip()}:"
        if ":" not in (first, second) and not (
            first.startswith(second) or second.startswith(first)
        ):
            return first, second
    return "source:", "target:"


def _plain(name: str) -> str:
    """A name in lower-case letters and digits, without what neo4j adds in parentheses."""
    return re.sub(r"\([^)]*\)|[^a-z0-9]+", "", name.lower())


def _overlap(pair: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    """Whether a column of a pair is in one of the others too."""
    return any(set(pair) & set(other) for other in others)


def _stem(plain: str) -> str:
    return plain.removesuffix("id")


def _are_two_kinds(plain: str, other: str) -> bool:
    first, second = _stem(plain), _stem(other)
    return second in TWO_KINDS.get(first, ()) or first in TWO_KINDS.get(second, ())


# ------------------------------------------------------------------------ look


@dataclass(frozen=True)
class _Look:
    """The first cells of a column, and what they have in common with those of other columns."""

    column: int
    cells: list[str]

    @classmethod
    def of(cls, rows: Sequence[Sequence[str]], column: int) -> _Look:
        """A column of rows that all have it."""
        return cls(column, [row[column].strip() for row in rows])

    @cached_property
    def values(self) -> set[str]:
        return {cell for cell in self.cells if cell}

    @cached_property
    def kind(self) -> str:
        if not self.values:
            return "empty"
        if all(map(INTEGER.fullmatch, self.values)):
            return "integers"
        if all(map(is_number, self.values)):
            return "fractions"
        return "dates" if all(map(DATE.fullmatch, self.values)) else "text"

    @property
    def may_be_ids(self) -> bool:
        return self.kind in ("integers", "text")

    @property
    def all_differ(self) -> bool:
        return len(self.values) == len(self.cells) > 1

    @property
    def is_varied(self) -> bool:
        """Whether there are more values than a rating or a type of edge has."""
        return len(self.values) >= max(3, len(self.cells) / 10)

    @cached_property
    def counts(self) -> bool:
        """Whether each cell is one more than the cell before."""
        if self.kind != "integers" or not self.all_differ:
            return False
        numbers = list(map(int, self.cells))
        return all(b - a == 1 for a, b in pairwise(numbers))

    def shared(self, other: _Look) -> float:
        """Share of the values of the one with fewer that the other has as well."""
        common, fewer = self.values & other.values, min(len(self.values), len(other.values))
        return len(common) / fewer if fewer else 0.0

    def likeness(self, other: _Look) -> float:
        """Share of all values of both that both have."""
        union = self.values | other.values
        return len(self.values & other.values) / len(union) if union else 0.0


def _by_look(
    names: Sequence[str] | None,
    rows: Sequence[Sequence[str]],
    n_columns: int,
    describe: Callable[[int], str],
    weight: int | None,
) -> Ends:
    remarks: list[str] = []
    columns = list(range(n_columns))
    others = [c for c in columns if names is None or not is_row_number(names[c])]
    if len(others) > 1:
        if others[0]:
            remarks.append(f"{describe(0)} is taken for row numbers of a data frame: not used")
        columns = others
    if len(columns) > 2:
        columns = [c for c in columns if c != weight]
    if len(columns) == 2:
        return Ends(columns[0], columns[1], "only choice", tuple(remarks))
    whole = [row for row in rows if len(row) == n_columns]
    looks = [_Look.of(whole, column) for column in columns[:SEEN_COLUMNS]]
    usable = [look for look in looks if look.may_be_ids]
    if names is not None:
        # The first column is judged below, with a remark.
        later = [look for look in usable[1:] if not _is_called_other(names[look.column], look)]
        usable = [*usable[:1], *later] if later else usable
    if len(usable) < 2:
        return Ends(columns[0], columns[1], "guess", tuple(remarks))
    first, *later = usable
    if len(later) > 1 and first.column == columns[0]:
        name = "" if names is None else names[first.column]
        if _counts_rows(first, later[0], later[1], name):
            usable = later
            remarks.append(
                f"{describe(first.column)} "
                + ("differs in every row and is" if first.all_differ else "is")
                + " taken for row numbers or times: not used"
            )
        elif first.counts and len(whole) >= FEW and later[1].is_varied:
            remarks.append(f"{describe(first.column)} counts the rows, but is taken for node ids")
    chosen = usable[0], usable[1]
    better = _in_common(usable)
    if better is not None and better != chosen:
        chosen = better
        remarks.append(
            f"{describe(chosen[0].column)} and {describe(chosen[1].column)} have values in common: "
            "taken for the ends of edges"
        )
    return Ends(chosen[0].column, chosen[1].column, "guess", tuple(remarks))


def _is_called_other(name: str, look: _Look) -> bool:
    """Whether a column's name says that it dates or numbers the rows."""
    plain = _plain(name)
    return bool(TIMES.fullmatch(plain) or (look.all_differ and COUNTERS.fullmatch(plain)))


def _counts_rows(first: _Look, second: _Look, third: _Look, name: str) -> bool:
    """Whether a first column numbers or dates the rows, where two that may hold ids follow it.

    A list of edges whose sources all differ, as those of a tree do, must not lose them: its third
    column is a weight, which has few values, or nothing in common with the targets.
    """
    if _is_called_other(name, first):
        return True
    if not first.all_differ:
        return False
    before, after = first.likeness(second), second.likeness(third)
    if PERHAPS_COUNTERS.fullmatch(_plain(name)) and before <= after:
        return True
    are_words = second.kind == third.kind == "text"
    are_alike = after > (0.1 if are_words else 0.5)
    if len(first.cells) < FEW or not (third.is_varied or are_alike):
        return False
    if first.counts:
        if are_words:
            return True
        if first.shared(second) < 0.1:
            recurs = 1 < len(second.values) < len(second.cells)
            return after > 0.1 or (recurs and first.cells[0] in ("0", "1"))
        return after >= max(0.5, 2 * before)
    return after > 0.1 and not first.values & (second.values | third.values)


def _in_common(usable: Sequence[_Look]) -> tuple[_Look, _Look] | None:
    """Two columns that share values, where the first two columns share none.

    Numbers may be equal by chance: of integers, only the second and third column are considered,
    and they must have more than half of their values in common. Two columns of many words each are
    left as they are, since nodes may be of two kinds.
    """
    first, second = usable[0], usable[1]
    both_words = first.kind == second.kind == "text"
    if first.values & second.values or (both_words and second.is_varied):
        return None
    words = [look for look in usable if look.kind == "text"]
    pairs = [pair for pair in combinations(words, 2) if pair[0].shared(pair[1]) >= 0.2]
    third = usable[2] if len(usable) > 2 else first
    if second.kind == third.kind == "integers" and second.is_varied and third.is_varied:
        pairs += [(second, third)] if second.likeness(third) > 0.5 else []
    return max(pairs, key=lambda pair: pair[0].shared(pair[1]), default=None)


def are_ratings(name: str | None, cells: Sequence[str]) -> bool:
    """Whether a column holds ratings: by its name, otherwise whole and half numbers up to ten.

    Examples
    --------
    >>> are_ratings(None, ["3", "4.5", "1"]), are_ratings(None, ["3", "12"])
    (True, False)
    """
    if name is not None:
        return RATING.fullmatch(_plain(name)) is not None
    scale = {str(step / 2).removesuffix(".0") for step in range(21)}
    return len(cells) > 0 and all(cell.strip().removesuffix(".0") in scale for cell in cells)
