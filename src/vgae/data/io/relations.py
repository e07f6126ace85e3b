"""Text whose lines differ in width: Cytoscape's SIF, and NetworkX's adjacency and edge lists.

Each becomes a list of nodes without edges and a table of edges, with the columns source, target
and, if there are weights, weight. Ids and weights are then checked as in any table.
"""

from __future__ import annotations

import logging
import re
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from vgae.data.adjacency import count
from vgae.data.dialects import Dialect, TidyBlocks, not_utf8
from vgae.data.ends import is_number
from vgae.data.tables import Table, inner_suffix
from vgae.data.text import ONLY_COMMENTS, text_head
from vgae.ground.errors import InputError, shown
from vgae.ground.files import file_errors

__all__ = ["has_relations", "read_relations"]

logger = logging.getLogger("vgae.data.io")

WITH_DICTIONARY = re.compile(r"^\s*\S+\s+\S+\s+(?=\{.*\}\s*$)")
TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<mark>[{}\[\]():,])"""
    r"""|(?P<word>[^\s'"{}\[\]():,]+))"""
)
NUMPY_NUMBER = re.compile(r"^np\.\w+\((.*)\)$")
QUOTES = ("'", '"')
DEEPEST = 20


@dataclass
class _Edges:
    """The edges that have been read; each name is kept once."""

    names: dict[str, int] = field(default_factory=dict)
    source: array[int] = field(default_factory=lambda: array("i"))
    target: array[int] = field(default_factory=lambda: array("i"))
    line: array[int] = field(default_factory=lambda: array("q"))
    weights: list[str | None] = field(default_factory=list)

    def code(self, name: str) -> int:
        return self.names.setdefault(name, len(self.names))

    def add(self, source: str, target: str, line: int) -> None:
        self.source.append(self.code(source))
        self.target.append(self.code(target))
        self.line.append(line)


def has_relations(path: Path) -> bool:
    r"""Whether a file is SIF, an adjacency list, or an edge list with dictionaries.

    An edge list without dictionaries is a table.

    Raises
    ------
    InputError
        The file is an edge list that cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> has_relations(Path("friends.sif")), has_relations(Path("friends.csv"))
    (True, False)
    >>> path = Path(tempfile.mkdtemp(), "friends.edgelist")
    >>> _ = path.write_text("ann bob {'weight': 2}\n")
    >>> has_relations(path)
    True
    """
    suffix = inner_suffix(path)
    if suffix != ".edgelist":
        return suffix in FORMATS
    with file_errors(path):
        head, _, _ = text_head(path, Dialect(" "))
    lines = (line.split("#")[0] for line in head.splitlines())
    first = next((line for line in lines if line.strip()), "")
    return WITH_DICTIONARY.match(first) is not None


def read_relations(
    path: Path, *, weight: str | int | None = None, refused: Mapping[str, object]
) -> tuple[Table, list[str]]:
    r"""Read SIF, an adjacency list, or an edge list with dictionaries.

    Parameters
    ----------
    path
        The file; its suffix tells the format.
    weight
        The key of the weight in an edge's dictionary; by default "weight".
    refused
        Options by name that have no meaning here: an error unless all are None.

    Returns
    -------
    A table of edges, and the ids of nodes without edges.

    Raises
    ------
    InputError
        A line cannot be read; the message names it. Or an option has no meaning here.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "friends.sif")
    >>> _ = path.write_text("ann knows bob cid\ndan\n")
    >>> table, alone = read_relations(path, refused={})
    >>> table.names, table.rows, alone
    (['source', 'target'], [['ann', 'bob'], ['ann', 'cid']], ['dan'])
    """
    suffix = inner_suffix(path)
    form, parse = FORMATS[suffix]
    senseless = dict(refused) if suffix == ".edgelist" else {**refused, "weight": weight}
    for name, value in senseless.items():
        if value is not None:
            raise InputError(
                f"{path}: --{name} ({name}=) makes no sense with a {suffix} file; omit it"
            )
    with file_errors(path):
        _, dialect, _ = text_head(path, Dialect(" "))
        edges = parse(path, dialect, None if weight is None else str(weight))
    if not edges.names:
        raise InputError(f"{path}: {ONLY_COMMENTS}")
    linked = {*edges.source, *edges.target}
    alone = [name for name, code in edges.names.items() if code not in linked]
    if alone:
        logger.info("%s: %s without edges", path, count(len(alone), "node"))
    return _table(path, form, edges), alone


def _table(path: Path, form: str, edges: _Edges) -> Table:
    names = pa.array(list(edges.names), pa.string())
    columns = [
        pa.chunked_array([pa.DictionaryArray.from_arrays(np.asarray(codes), names)])
        for codes in (edges.source, edges.target)
    ]
    titles = ["source", "target"]
    if any(value is not None for value in edges.weights):
        n_without = sum(value is None for value in edges.weights)
        if n_without:
            have = "has" if n_without == 1 else "have"
            logger.warning("%s: %s %s no weight; 1 is used", path, count(n_without, "edge"), have)
        titles.append("weight")
        weights = ["1" if value is None else value for value in edges.weights]
        columns.append(pa.chunked_array([pa.array(weights, pa.string())]))

    def read(wanted: list[int], _encoded: Collection[int]) -> list[pa.ChunkedArray]:
        return [columns[column] for column in wanted]

    def first_rows() -> list[list[str]]:
        return [list(row) for row in zip(*(c[:3].to_pylist() for c in columns), strict=True)]

    return Table(path, titles, len(titles), form, read, lambda: iter(edges.line), first_rows)


def _lines(path: Path, dialect: Dialect) -> Iterator[tuple[int, str]]:
    """Numbered lines, without their line ends."""
    number = 0
    for block in TidyBlocks(path, dialect).whole_lines():
        try:
            text = block.decode("utf-8-sig" if number == 0 else "utf-8")
        except UnicodeDecodeError:
            raise not_utf8(path) or InputError(
                f"{path}: is not UTF-8 text; save the file as UTF-8"
            ) from None
        for line in text[:-1].split("\n"):
            number += 1
            yield number, line


# --------------------------------------------------------------------- formats


def _parse_sif(path: Path, dialect: Dialect, _weight: str | None) -> _Edges:
    """Per line: source, relation and one or more targets, or a node without edges."""
    edges, relations, comment = _Edges(), set(), re.compile(dialect.comments)
    in_tabs = any("\t" in line for _, line in _lines(path, dialect))
    for number, line in _lines(path, dialect):
        if comment.match(line):
            continue
        cells = [cell.strip() for cell in line.split("\t")] if in_tabs else line.split()
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        if len(cells) == 2 or not all(cells):
            raise InputError(
                f"{path}, line {number}: {shown(line)} is not a source, a relation and targets, "
                "nor a single node; correct this line"
            )
        edges.code(cells[0])
        relations.update(cells[1:2])
        for target in cells[2:]:
            edges.add(cells[0], target, number)
    if len(relations) > 1:
        logger.warning(
            "%s: %s (%s%s); the graph does not distinguish them",
            path,
            count(len(relations), "kind") + " of edges",
            ", ".join(map(shown, sorted(relations)[:3])),
            ", ..." if len(relations) > 3 else "",
        )
    return edges


def _parse_adjacency_list(path: Path, dialect: Dialect, _weight: str | None) -> _Edges:
    """Per line: a node and its neighbours; text after a # is a comment."""
    edges = _Edges()
    for number, line in _lines(path, dialect):
        source, *targets = line.split("#")[0].split() or [""]
        if source:
            edges.code(source)
            for target in targets:
                edges.add(source, target, number)
    return edges


def _parse_edge_list(path: Path, dialect: Dialect, weight: str | None) -> _Edges:
    """Per line: two nodes and a dictionary; a line that begins with a # is a comment."""
    edges, key = _Edges(), weight or "weight"
    for number, line in _lines(path, dialect):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        start = WITH_DICTIONARY.match(line)
        if start is None:
            raise InputError(
                f"{path}, line {number}: {shown(line)} is not two node ids and a dictionary, as "
                "the first line is; correct this line"
            )
        try:
            values = _dictionary(line[start.end() :])
        except ValueError as error:
            raise InputError(f"{path}, line {number}: {error}") from None
        value = NUMPY_NUMBER.sub(r"\1", values[key]) if key in values else None
        if value is not None and not is_number(value):
            raise InputError(
                f"{path}, line {number}: {shown(key)} holds {shown(value)}, not a finite number; "
                "correct it, or remove this edge"
            )
        source, target = line[: start.end()].split()
        edges.add(source, target, number)
        edges.weights.append(value)
    if weight is not None and all(value is None for value in edges.weights):
        raise InputError(
            f"{path}: no edge has {shown(weight)} in its dictionary; give another --weight "
            "(weight=)"
        )
    return edges


def _dictionary(text: str) -> dict[str, str]:
    """The entries of a Python dictionary as they are written; nothing is evaluated.

    Keys lose their quotes.

    Raises
    ------
    ValueError
        The text is not a dictionary.

    Examples
    --------
    >>> _dictionary("{'weight': 1.5, 'tags': [1, {'x': 2}], 'kind': 'a, b'}")
    {'weight': '1.5', 'tags': "[1, {'x': 2}]", 'kind': "'a, b'"}
    """
    text = text.strip()
    found: dict[str, str] = {}
    depth, place, start, key = 0, 0, 1, None
    while place < len(text) and (token := TOKEN.match(text, place)) and depth <= DEEPEST:
        mark, place = token["mark"] or "", token.end()
        depth += {"{": 1, "[": 1, "(": 1, "}": -1, "]": -1, ")": -1}.get(mark, 0)
        entry = text[start : token.start("mark")].strip() if mark else ""
        if mark == ":" and depth == 1 and key is None:
            key, start = entry[1:-1] if entry[:1] in QUOTES else entry, place
        elif (mark == "," and depth == 1) or depth == 0:
            if key is not None:
                found[key] = entry
            elif entry:
                depth = 1  # neither key nor value
                break
            key, start = None, place
        if depth == 0:
            break
    if place < len(text) or depth or not text.startswith("{"):
        raise ValueError(f"{shown(text)} is not a plain Python dictionary; correct it")
    return found


FORMATS: dict[str, tuple[str, Callable[[Path, Dialect, str | None], _Edges]]] = {
    ".sif": ("SIF", _parse_sif),
    ".adjlist": ("adjacency list", _parse_adjacency_list),
    ".edgelist": ("edge list with dictionaries", _parse_edge_list),
}
"""The name and the parser of each format, by suffix."""
