"""The formats of graph editors: GraphML, GEXF, GML and Pajek."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from vgae.data.graph import Graph
from vgae.data.ids import NodeId
from vgae.data.interop import to_networkx
from vgae.data.io.listing import Listing
from vgae.data.io.markup import read_gexf, read_graphml
from vgae.data.kinds import Kind
from vgae.ground.errors import InputError, shown

__all__ = [
    "EDITOR_FORMATS",
    "MARKED_FORMATS",
    "Content",
    "Format",
    "Stored",
    "listed_format",
    "undecoded",
]

MOST_UNLABELLED = 10**6
"""Number of vertices without a line that any Pajek file may declare."""


class Stored(NamedTuple):
    """The content of a file, block by block, and its path.

    Examples
    --------
    >>> Stored([b"*Vertices", b" 2"], Path("graph.net")).whole()
    b'*Vertices 2'
    """

    blocks: Iterable[bytes]
    path: Path

    def whole(self) -> bytes:
        """The blocks as one."""
        return b"".join(self.blocks)


class Content(NamedTuple):
    """The graph and the recommended links to be written, and the file for them.

    Examples
    --------
    >>> Content(Graph.from_pairs([("a", "b")]), [], Path("graph.gml")).graph
    Graph(2 nodes, 1 edge, no features)
    """

    graph: Graph
    links: Sequence[tuple[NodeId, NodeId, float]]
    path: Path


class Format(NamedTuple):
    """How a kind of file is read and written, and the memory that reading takes per byte.

    Examples
    --------
    >>> gml, handle = EDITOR_FORMATS[".gml"], io.BytesIO()
    >>> gml.write(Content(Graph.from_pairs([("a", "b")]), [], Path("graph.gml")), handle)
    >>> gml.read(Stored([handle.getvalue()], Path("graph.gml")), "undirected")
    Graph(2 nodes, 1 edge, no features)
    """

    name: str
    read: Callable[[Stored, Kind], Graph]
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
    """A format that lists nodes and edges one by one; ids are integers if all spell one.

    Parameters
    ----------
    name
        The name of the format.
    read
        Adds the nodes and edges in blocks of bytes to a `Listing`.
    write
        Writes a graph.
    memory_per_byte
        Bytes of memory that reading takes per byte.
    places
        As in `Listing`.

    Examples
    --------
    >>> def read(blocks, listing):
    ...     for place, name in enumerate(b"".join(blocks).decode().split()):
    ...         listing.node(name, place)
    >>> names = listed_format("names", read, lambda content, handle: None, 8)
    >>> names.read(Stored([b"ann bob"], Path("names.txt")), "undirected").ids.tolist()
    ['ann', 'bob']
    """

    def reader(stored: Stored, kind: Kind) -> Graph:
        listing = Listing(stored.path, places=places, signed=kind == "signed")
        read(stored.blocks, listing)
        return listing.graph(kind)

    return Format(name, reader, write, memory_per_byte)


def _writer(
    name: str, write: str, read: Callable[[Iterable[bytes], Listing], None]
) -> Callable[[Content, io.BytesIO], None]:
    """A writer through NetworkX that refuses ids which could not be read back."""

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
        back = Listing(content.path, signed=content.graph.kind == "signed")
        damage = None
        try:
            read([handle.getvalue()], back)
        except InputError as error:
            damage = error  # the nodes before it are listed
        found = set(map(str, back.ids()))
        lost = next((node for node in made if node not in found), None)
        if lost is not None:
            raise InputError(f"{name} cannot hold the node id {shown(lost)}; write a table")
        if damage is not None:
            raise damage

    return writer


def _decoded(blocks: Iterable[bytes]) -> str:
    content = b"".join(blocks)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise undecoded(content, error) from None


def undecoded(content: bytes, error: UnicodeDecodeError) -> InputError:
    r"""The error for content that is not UTF-8, with the line of the first damaged byte.

    Examples
    --------
    >>> try:
    ...     _ = b"ann\nzo\xe9".decode()
    ... except UnicodeDecodeError as error:
    ...     print(undecoded(b"ann\nzo\xe9", error))
    line 2: is not UTF-8 text (byte 0xe9); save the file as UTF-8
    """
    line = content.count(b"\n", 0, error.start) + 1
    byte = error.object[error.start]
    return InputError(f"line {line}: is not UTF-8 text (byte 0x{byte:02x}); save the file as UTF-8")


# ------------------------------------------------------------------------- GML

GML_TOKEN = re.compile(
    r"\s*(?:(?P<key>(?!NAN\b|INF\b)[A-Za-z_]\w*)|(?P<number>[+-]?[\w.][\w.+-]*)"
    r'|"(?P<text>[^"]*)"|(?P<open>\[)|(?P<close>\])|(?P<comment>\#[^\n]*|\Z))'
)
GML_ENTITY = re.compile(r"&(?:\w+|#\d+|#x[0-9a-fA-F]+);")


class _GML:
    """A GML file, token by token: keys, each with a number, a text or a list in brackets.

    NetworkX reads GML too, but refuses edges with the same ends unless the file says `multigraph`.
    """

    def __init__(self, text: str, listing: Listing) -> None:
        self.text, self.listing = text, listing
        self._open: list[str] = []
        self._kind, self._record = "", dict[str, str]()
        """The kind of the open record ("node", "edge" or ""), and its values."""
        self._directed, self._n_graphs = False, 0
        self._line, self._counted = 1, 0

    def read(self) -> None:
        """List all nodes, by id and label, and all edges."""
        key, end = "", 0
        for token in GML_TOKEN.finditer(self.text):
            if token.start() != end:
                break
            end = token.end()
            kind = token.lastgroup or ""
            if kind == "comment":
                continue
            if (kind in ("key", "close")) == bool(key) or (kind == "close" and not self._open):
                raise self._unexpected(token[kind], end)
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
            raise self._unexpected(self.text[end : end + 20], end)
        if key or self._open:
            what = key or self._open[-1]
            raise InputError(f"ends inside {shown(what)}; the file is cut short")
        if not self._n_graphs:
            raise InputError("has no graph [ ... ]; add one")

    def _unexpected(self, text: str, end: int) -> InputError:
        return InputError(
            f"line {self._line_at(end)}: unexpected {shown(text)}; GML is a sequence of keys, each "
            "followed by a number, a text in quotes or a list in brackets"
        )

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
                raise InputError(
                    f"line {self._line_at(end)}: {key} outside graph [ ... ]; move it inside"
                )
            self._kind, self._record = key, {}
            self._line_at(end)

    def _value(self, key: str, value: str, end: int) -> None:
        if self._open == ["graph"] and key == "directed":
            self._directed = value == "1"
        elif self._kind and len(self._open) == 2:
            if key in self._record and key in ("id", "label", "source", "target", "weight"):
                line = self._line_at(end)
                raise InputError(
                    f"line {line}: a second {key!r} of the same {self._kind}; keep one"
                )
            self._record[key] = value

    def _end(self) -> None:
        self._open.pop()
        if len(self._open) != 1 or not self._kind:
            return
        kind, record, line = self._kind, self._record, self._line
        self._kind = ""
        for name in ("id",) if kind == "node" else ("source", "target"):
            if name not in record:
                raise InputError(f"line {line}: {kind} has no {name!r}; add it")
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
        """The line of a place in the text; places must not decrease from call to call."""
        self._line += self.text.count("\n", self._counted, place)
        self._counted = place
        return self._line


def _plain(text: str) -> str:
    """A text of GML without its entities, which stand for characters."""
    return GML_ENTITY.sub(lambda entity: html.unescape(entity[0]), text) if "&" in text else text


def _read_gml(blocks: Iterable[bytes], listing: Listing) -> None:
    _GML(_decoded(blocks), listing).read()


# ----------------------------------------------------------------------- Pajek

PAJEK_VERTEX = re.compile(r'(\d+)(?:\s+(?:"([^"]*)"|(\S+)))?')


def _read_pajek(blocks: Iterable[bytes], listing: Listing) -> None:
    """List vertices by number and label, and edges and arcs.

    NetworkX reads Pajek too, but loses one of two opposite arcs if edges follow.
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
                    raise InputError(
                        f"line {line}: *Vertices must stand once, with the number of vertices"
                    )
                n_vertices = int(words[1])
            elif part in ("*arcs", "*edges"):
                _list_vertices(listing, n_vertices, most=max(MOST_UNLABELLED, len(text)))
            elif part != "*network":
                raise InputError(
                    f"line {line}: {shown(words[0])} is not read; save the file with *Edges or "
                    "*Arcs only"
                )
        elif part == "*vertices":
            _read_vertex(row, line, listing, n_vertices)
        elif part in ("*arcs", "*edges"):
            if len(words) < 2 or not (words[0] + words[1]).isdecimal():
                raise InputError(
                    f"line {line}: {shown(row)} does not begin with the numbers of two vertices"
                )
            weight = listing.weight(words[2], line) if len(words) > 2 else None
            outside = next((w for w in words[:2] if not 1 <= int(w) <= n_vertices), None)
            if outside is not None:
                raise InputError(
                    f"line {line}: there is no vertex {outside}; *Vertices declares {n_vertices:,}"
                )
            source, target = (str(int(word)) for word in words[:2])
            listing.edge(source, target, weight, line, directed=part == "*arcs")
            if len(words) > 3:
                listing.not_used("edge", "text after the weight")
        else:
            raise InputError(
                f"line {line}: {shown(row)} stands before *Vertices, which must come first"
            )
    if n_vertices < 0:
        raise InputError("has no line *Vertices; add one")
    _list_vertices(listing, n_vertices, most=max(MOST_UNLABELLED, len(text)))


def _read_vertex(row: str, line: int, listing: Listing, n_vertices: int) -> None:
    found = PAJEK_VERTEX.match(row.strip())
    if not found or not 1 <= int(found[1]) <= n_vertices:
        raise InputError(
            f"line {line}: {shown(row)} does not begin with a vertex number from 1 to "
            f"{n_vertices:,}"
        )
    number = str(int(found[1]))
    label = found[2] if found[2] is not None else found[3]
    listing.node(number, line, number if label is None else label)


def _list_vertices(listing: Listing, n_vertices: int, *, most: int) -> None:
    """List vertices that have no lines, once; they have no labels."""
    if listing.n_listed == n_vertices:
        return
    if listing.n_listed or n_vertices > most:
        raise InputError(
            f"*Vertices declares {n_vertices:,} vertices, but the file lists {listing.n_listed:,}; "
            "correct the number, or add the missing lines"
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
"""Formats that can mark edges."""
