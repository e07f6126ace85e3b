"""What graph editors write and read: GraphML, GEXF, GML and Pajek."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from vgae.errors import InputError, shown
from vgae.graph import Graph
from vgae.ids import NodeId
from vgae.interop import to_networkx
from vgae.io.listing import Listing
from vgae.io.markup import read_gexf, read_graphml

__all__ = ["EDITOR_FORMATS", "MARKED_FORMATS", "Content", "Format", "Stored", "listed_format"]


MOST_UNLABELLED = 10**6
"""Vertices that any Pajek file may declare without lines of their own."""


class Stored(NamedTuple):
    """What a file holds, block by block, and its path."""

    blocks: Iterable[bytes]
    path: Path

    def whole(self) -> bytes:
        """The blocks as one."""
        return b"".join(self.blocks)


class Content(NamedTuple):
    """What is to be written, and where."""

    graph: Graph
    links: Sequence[tuple[NodeId, NodeId, float]]
    path: Path


class Format(NamedTuple):
    """How a kind of file is read and written, and the memory that reading takes per byte."""

    name: str
    read: Callable[[Stored, bool], Graph]
    write: Callable[[Content, io.BytesIO], None]
    memory_per_byte: float


def listed_format(
    name: str,
    read: Callable[[Iterable[bytes], Listing], None],
    write: Callable[[Content, io.BytesIO], None],
    memory_per_byte: float,
    *,
    places: tuple[str, str] = ("line {}", "line {}"),
) -> Format:
    """A format of nodes and edges one after the other; ids are integers if all spell one."""

    def reader(stored: Stored, directed: bool) -> Graph:
        listing = Listing(stored.path, places=places)
        read(stored.blocks, listing)
        return listing.graph(directed=directed)

    return Format(name, reader, write, memory_per_byte)


def _writer(
    name: str, write: str, read: Callable[[Iterable[bytes], Listing], None]
) -> Callable[[Content, io.BytesIO], None]:
    """A writer through NetworkX, which checks that all ids can be read again."""

    def writer(content: Content, handle: io.BytesIO) -> None:
        import networkx

        made = networkx.relabel_nodes(to_networkx(content.graph), str)
        if content.links:
            networkx.set_edge_attributes(made, False, "recommended")
            for source, target, probability in content.links:
                made.add_edge(
                    str(source), str(target), recommended=True, probability=float(probability)
                )
        getattr(networkx, write)(made, handle)
        back = Listing(content.path)
        try:
            read([handle.getvalue()], back)
            found = set(map(str, back.ids()))
        except InputError:
            found = set()
        lost = next((node for node in made if node not in found), None)
        if lost is not None:
            raise InputError(
                f"{name} cannot hold the node id {shown(lost)}; write GraphML or a table"
            )

    return writer


def _decoded(blocks: Iterable[bytes]) -> str:
    content = b"".join(blocks)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise InputError(
            f"line {line}: not UTF-8 text (byte 0x{byte:02x}); save the file as UTF-8"
        ) from None


# ------------------------------------------------------------------------- GML

GML_TOKEN = re.compile(
    r"\s*(?:(?P<key>(?!NAN\b|INF\b)[A-Za-z_]\w*)|(?P<number>[+-]?[\w.][\w.+-]*)"
    r'|"(?P<text>[^"]*)"|(?P<open>\[)|(?P<close>\])|(?P<comment>\#[^\n]*|\Z))'
)
GML_ENTITY = re.compile(r"&(?:\w+|#\d+|#x[0-9a-fA-F]+);")


class _GML:
    """A GML file, token by token: keys with numbers, texts or lists in brackets.

    NetworkX reads GML too, but refuses edges with the same ends unless the file says `multigraph`.
    """

    def __init__(self, text: str, listing: Listing) -> None:
        self.text, self.listing = text, listing
        self._open: list[str] = []
        self._kind, self._record = "", dict[str, str]()
        """What the open record describes: a node, an edge or nothing that is read."""
        self._directed, self._n_graphs = False, 0
        self._line, self._counted = 1, 0

    def read(self) -> None:
        """Nodes by their labels, or by their numbers where one has none or two share one."""
        key, end = "", 0
        for token in GML_TOKEN.finditer(self.text):
            if token.start() != end:
                break
            end = token.end()
            kind = token.lastgroup or ""
            if kind == "comment":
                continue
            if (kind in ("key", "close")) == bool(key) or (kind == "close" and not self._open):
                raise InputError(f"line {self._line_at(end)}: unexpected {shown(token[kind])}")
            if kind == "key":
                key = token["key"]
                continue
            if kind == "open":
                self._start(key, end)
            elif kind == "close":
                self._end()
            else:
                self._value(key, _plain(token["text"]) if kind == "text" else token["number"], end)
            key = ""
        if end < len(self.text):
            line = self._line_at(end)
            raise InputError(f"line {line}: unexpected {shown(self.text[end : end + 20])}")
        if key or self._open:
            what = key or self._open[-1]
            raise InputError(f"ends inside {shown(what)}; the file is cut short")
        if not self._n_graphs:
            raise InputError("holds no graph [ ... ]")

    def _start(self, key: str, end: int) -> None:
        if self._kind and len(self._open) == 2:
            self.listing.not_used(self._kind, key)
        self._open.append(key)
        if self._open == ["graph"]:
            self._n_graphs += 1
            if self._n_graphs > 1:
                raise InputError(f"line {self._line_at(end)}: a second graph; keep one in the file")
        elif key in ("node", "edge"):
            if self._open[:-1] != ["graph"]:
                raise InputError(f"line {self._line_at(end)}: {key} outside the list of the graph")
            self._kind, self._record = key, {}
            self._line_at(end)

    def _value(self, key: str, value: str, end: int) -> None:
        if self._open == ["graph"] and key == "directed":
            self._directed = value == "1"
        elif self._kind and len(self._open) == 2:
            if key in self._record and key in ("id", "label", "source", "target", "weight"):
                line = self._line_at(end)
                raise InputError(f"line {line}: a second {key!r} of the same {self._kind}")
            self._record[key] = value

    def _end(self) -> None:
        self._open.pop()
        if len(self._open) != 1 or not self._kind:
            return
        kind, record, line = self._kind, self._record, self._line
        self._kind = ""
        for name in ("id",) if kind == "node" else ("source", "target"):
            if name not in record:
                raise InputError(f"line {line}: {kind} without {name!r}")
        if kind == "node":
            self.listing.node(record.pop("id"), line, record.pop("label", None))
        else:
            source, target = record.pop("source"), record.pop("target")
            text = record.pop("weight", None)
            weight = None if text is None else self.listing.weight(text, line)
            self.listing.edge(source, target, weight, line, directed=self._directed)
        for name in record:
            self.listing.not_used(kind, name)

    def _line_at(self, place: int) -> int:
        """The line of a place in the text, none of which may be before the last asked for."""
        self._line += self.text.count("\n", self._counted, place)
        self._counted = place
        return self._line


def _plain(text: str) -> str:
    """A text of GML, in which letters can be spelt as entities."""
    return GML_ENTITY.sub(lambda entity: html.unescape(entity[0]), text) if "&" in text else text


def _read_gml(blocks: Iterable[bytes], listing: Listing) -> None:
    _GML(_decoded(blocks), listing).read()


# ----------------------------------------------------------------------- Pajek

PAJEK_VERTEX = re.compile(r'(\d+)(?:\s+(?:"([^"]*)"|(\S+)))?')


def _read_pajek(blocks: Iterable[bytes], listing: Listing) -> None:
    """Vertices by their labels, or by their numbers where they have no lines or two share one.

    NetworkX reads Pajek too, but loses one of two opposite arcs where edges follow.
    """
    text = _decoded(blocks)
    part, n_vertices = "", -1
    for line, row in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        words = row.split()
        if not words or row.lstrip().startswith("%"):
            continue
        if words[0].startswith("*"):
            part = words[0].lower().partition(":")[0]
            if part == "*vertices":
                if n_vertices >= 0 or len(words) < 2 or not words[1].isdecimal():
                    raise InputError(f"line {line}: *Vertices must give their number, once")
                n_vertices = int(words[1])
            elif part in ("*arcs", "*edges"):
                _list_vertices(listing, n_vertices, most=max(MOST_UNLABELLED, len(text)))
            elif part != "*network":
                raise InputError(
                    f"holds {words[0]}, which is not read; save it with *Edges or *Arcs alone"
                )
        elif part == "*vertices":
            _read_vertex(row, line, listing, n_vertices)
        elif part in ("*arcs", "*edges"):
            if len(words) < 2 or not (words[0] + words[1]).isdecimal():
                raise InputError(f"line {line}: begins with no two numbers of vertices")
            weight = listing.weight(words[2], line) if len(words) > 2 else None
            outside = next((w for w in words[:2] if not 1 <= int(w) <= n_vertices), None)
            if outside is not None:
                raise InputError(f"line {line}: there is no vertex {outside} among {n_vertices:,}")
            source, target = (str(int(word)) for word in words[:2])
            listing.edge(source, target, weight, line, directed=part == "*arcs")
            if len(words) > 3:
                listing.not_used("edge", "what follows its weight")
        else:
            raise InputError(f"line {line}: {shown(row)} stands before *Vertices")
    if n_vertices < 0:
        raise InputError("holds no *Vertices")
    _list_vertices(listing, n_vertices, most=max(MOST_UNLABELLED, len(text)))


def _read_vertex(row: str, line: int, listing: Listing, n_vertices: int) -> None:
    found = PAJEK_VERTEX.match(row.strip())
    if not found or not 1 <= int(found[1]) <= n_vertices:
        raise InputError(f"line {line}: begins with no number of a vertex from 1 to {n_vertices}")
    number = str(int(found[1]))
    label = found[2] if found[2] is not None else found[3]
    listing.node(number, line, number if label is None else label)


def _list_vertices(listing: Listing, n_vertices: int, *, most: int) -> None:
    """List vertices without lines of their own, once: their numbers are their labels."""
    if listing.n_listed == n_vertices:
        return
    if listing.n_listed or n_vertices > most:
        raise InputError(
            f"declares {n_vertices:,} vertices, but {listing.n_listed:,} have a line of their own"
        )
    for number in range(1, n_vertices + 1):
        listing.node(str(number), 0)


# --------------------------------------------------------------------- formats

EDITOR_FORMATS: dict[str, Format] = {
    suffix: listed_format(name, read, _writer(name, write, read), memory_per_byte)
    for suffix, name, read, write, memory_per_byte in (
        (".graphml", "GraphML", read_graphml, "write_graphml_xml", 8),
        (".gexf", "GEXF", read_gexf, "write_gexf", 8),
        (".gml", "GML", _read_gml, "write_gml", 8),
        (".net", "Pajek", _read_pajek, "write_pajek", 20),
    )
}
"""Formats by suffix."""
MARKED_FORMATS = (".graphml", ".gexf", ".gml")
"""Those that have a place for marks on edges."""
