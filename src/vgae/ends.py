"""Which two columns of a table hold the ends of its edges: by their names, else by their look.

Files and data frames choose by the same rules. A choice that may surprise comes with a remark.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise

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
    ("buyer", "seller"),
    ("caller", "callee"),
    ("follower", "followee"),
    ("follower", "followed"),
    ("origin", "destination"),
    ("parent", "child"),
    ("citing", "cited"),
    ("payer", "payee"),
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
"""What ends the name of two columns that differ in 1 and 2, or in A and B alone: node1, node2."""
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
COUNTERS = re.compile(
    r"(row|line|record|edge|link|rel|relation|transaction|tx|event)(id|index|idx|nr|no|num|number)"
    r"|.*interactionid"
)
PERHAPS_COUNTERS = re.compile(r"id|key|index|idx|nr|no|num|number")
TIMES = re.compile(r"(time|timestamp|date|datetime|when|day|year|createdat|.*timestamp)")
RATING = re.compile(r"rating|rate|stars?|score|grade")
INTEGER = re.compile(r"-?[0-9]+")
SEEN_COLUMNS = 16
"""Ends stand among the first columns; a wider table has attributes in the others."""
FEW = 5
"""Of fewer rows nothing can be told by what differs and what recurs."""


@dataclass(frozen=True)
class Ends:
    """The columns of an edge's two ends.

    Attributes
    ----------
    source, target
        Their positions.
    remarks
        What was decided that may be wrong, one line each.
    """

    source: int
    target: int
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

    Columns with usual names are taken first. Else it is the first two that may hold ids: neither
    empty, nor fractions, nor counting the rows. A first column whose cells all differ counts rows
    if its name says so, or if the two columns after it have more in common than it has with them.

    Parameters
    ----------
    names
        The names of the columns, if they have any.
    rows
        The first rows below them, as text.
    n_columns
        How many columns there are.
    describe
        A column in words.
    weight
        The column that holds weights, if there is one: it holds no ids.

    Examples
    --------
    >>> find_ends(["when", "To", "From"], [], 3, str)
    Ends(source=2, target=1, remarks=())
    >>> rows = [[str(row), f"n{row}", f"n{row * 2 % 7}"] for row in range(7)]
    >>> find_ends(None, rows, 3, str)
    Ends(source=1, target=2, remarks=('0 differs in every row and is taken for row numbers or \
times: not used',))
    """
    pairs = named_ends(names or ())
    if pairs:
        (source, target), others = pairs[0], pairs[1:]
        remark = (
            f"edges run from {describe(source)} to {describe(target)}; on offer as well: "
            + ", ".join(f"{describe(a)} to {describe(b)}" for a, b in others)
        )
        return Ends(source, target, (remark,) if others else ())
    return _by_look(names, rows, n_columns, describe, weight)


# ----------------------------------------------------------------------- names


def column_called(names: Sequence[str], *wanted: str) -> int | None:
    """Position of the first of the wanted names among these, in any case of letters.

    Examples
    --------
    >>> column_called(["When", " To ", "From"], "source", "from")
    2
    """
    lowered = [name.strip().lower() for name in names]
    return next((lowered.index(name) for name in wanted if name in lowered), None)


def is_row_number(name: str) -> bool:
    """Whether a column of this name is a data frame's index, which was written along.

    Examples
    --------
    >>> is_row_number(""), is_row_number("Unnamed: 0"), is_row_number("index")
    (True, True, False)
    """
    return re.fullmatch(r"|Unnamed: \d+|__index_level_\d+__", name.strip()) is not None


def is_number(cell: str) -> bool:
    """Whether a cell spells a number, finite or not."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # 1_0 is ten in Python only


def named_ends(names: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of columns whose names say that they hold the two ends of edges, the best first.

    Examples
    --------
    >>> named_ends(["rank", "Follower ID", "Followee ID"])
    [(1, 2)]
    >>> named_ends(["Interaction", "Gene Interactor A", "Gene Interactor B", "Id A", "Id B"])
    [(1, 2), (3, 4)]
    >>> named_ends(["timestamp", "itemId", "userId"])
    [(2, 1)]
    """
    plain = [_plain(name) for name in names]
    for source, target in END_NAMES:
        for noun in END_NOUNS:
            ends = source + noun, target + noun
            if ends != ("start", "end") and ends[0] in plain and ends[1] in plain:
                return [(plain.index(ends[0]), plain.index(ends[1]))]
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
    """Whether the names of two columns say that they hold nodes of two kinds: user and item."""
    return names is not None and _are_two_kinds(_plain(names[source]), _plain(names[target]))


def kind_prefixes(names: Sequence[str] | None, source: int, target: int) -> tuple[str, str]:
    """What is put before the ids of two columns so that none of one is an id of the other.

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
    """A name in small letters and digits; what neo4j adds in parentheses is left out."""
    return re.sub(r"\([^)]*\)|[^a-z0-9]+", "", name.lower())


def _stem(plain: str) -> str:
    return plain.removesuffix("id")


def _are_two_kinds(plain: str, other: str) -> bool:
    first, second = _stem(plain), _stem(other)
    return second in TWO_KINDS.get(first, ()) or first in TWO_KINDS.get(second, ())


# ------------------------------------------------------------------------ look


@dataclass(frozen=True)
class _Look:
    """The first cells of a column, and what they have in common with those of others."""

    column: int
    cells: list[str]

    @cached_property
    def values(self) -> set[str]:
        return {cell for cell in self.cells if cell}

    @cached_property
    def kind(self) -> str:
        if not self.values:
            return "empty"
        if all(map(INTEGER.fullmatch, self.values)):
            return "integers"
        return "fractions" if all(map(is_number, self.values)) else "text"

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
    whole = [row for row in rows if len(row) == n_columns]
    looks = [_Look(c, [row[c].strip() for row in whole]) for c in columns[:SEEN_COLUMNS]]
    usable = [look for look in looks if look.may_be_ids]
    if len(usable) < 2:
        return Ends(columns[0], columns[1], tuple(remarks))
    first, *later = usable
    if len(later) > 1 and first.column == columns[0]:
        name = "" if names is None else names[first.column]
        if _counts_rows(first, later[0], later[1], _plain(name)):
            usable = later
            remarks.append(
                f"{describe(first.column)} "
                + ("differs in every row and is" if first.all_differ else "is")
                + " taken for row numbers or times: not used"
            )
        elif first.counts and len(whole) >= FEW and later[1].is_varied:
            remarks.append(f"{describe(first.column)} counts the rows, but is taken for node ids")
    chosen = usable[0], usable[1]
    better = _names_in_common(usable)
    if better is not None and better != chosen:
        chosen = better
        remarks.append(
            f"{describe(chosen[0].column)} and {describe(chosen[1].column)} have values in common: "
            "taken for the ends of edges"
        )
    return Ends(chosen[0].column, chosen[1].column, tuple(remarks))


def _counts_rows(first: _Look, second: _Look, third: _Look, name: str) -> bool:
    """Whether a first column counts rows or dates them, two that may hold ids coming after it.

    A list of edges whose sources all differ, as a tree's do, is not to lose them: what comes third
    there is a weight, which has few values, or nothing in common with the targets.
    """
    if TIMES.fullmatch(name):
        return True
    if not first.all_differ:
        return False
    if COUNTERS.fullmatch(name):
        return True
    before, after = first.likeness(second), second.likeness(third)
    if PERHAPS_COUNTERS.fullmatch(name) and before <= after:
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


def _names_in_common(usable: Sequence[_Look]) -> tuple[_Look, _Look] | None:
    """Two columns of words that share them, where the first two columns have nothing in common.

    Numbers may be equal by chance; and two columns of many words each are left as they are, since
    nodes may be of two kinds.
    """
    first, second = usable[0], usable[1]
    both_words = first.kind == second.kind == "text"
    if first.values & second.values or (both_words and second.is_varied):
        return None
    words = [look for look in usable if look.kind == "text"]
    pairs = [pair for pair in combinations(words, 2) if pair[0].shared(pair[1]) >= 0.2]
    return max(pairs, key=lambda pair: pair[0].shared(pair[1]), default=None)


def are_ratings(name: str | None, cells: Sequence[str]) -> bool:
    """Whether a column holds ratings: by its name, or whole and half numbers up to ten.

    Examples
    --------
    >>> are_ratings(None, ["3", "4.5", "1"]), are_ratings(None, ["3", "12"])
    (True, False)
    """
    if name is not None:
        return RATING.fullmatch(_plain(name)) is not None
    scale = {str(step / 2).removesuffix(".0") for step in range(21)}
    return len(cells) > 0 and all(cell.strip().removesuffix(".0") in scale for cell in cells)
