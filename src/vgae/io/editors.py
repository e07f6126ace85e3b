"""What graph editors write and read: GraphML, GEXF, GML and Pajek, through NetworkX."""

from __future__ import annotations

import codecs
import io
import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vgae.errors import InputError, shown
from vgae.graph import Graph
from vgae.ids import NodeId, canonical_int
from vgae.interop import from_networkx, to_networkx

__all__ = ["EDITOR_FORMATS", "MARKED_FORMATS", "Content", "Format"]


MOST_UNLABELLED = 10**7
"""Vertices that a Pajek file may declare without a line of their own."""


class Content(NamedTuple):
    """What is to be written, and where."""

    graph: Graph
    links: Sequence[tuple[NodeId, NodeId, float]]
    path: Path


class Format(NamedTuple):
    """How a kind of file is read and written."""

    name: str
    read: Callable[[bytes, bool], Graph]
    write: Callable[[Content, io.BytesIO], None]


def _format(
    name: str, read: Callable[[bytes], Any], write: Callable[[Any, io.BytesIO], None]
) -> Format:
    """A format that NetworkX reads and writes; ids are integers if all spell one."""

    def found_in(content: bytes) -> Any:
        with warnings.catch_warnings():  # they are about attributes, which are not used
            warnings.simplefilter("ignore")
            return read(content)

    def reader(content: bytes, directed: bool) -> Graph:
        import networkx

        found = found_in(content)
        names = {node: canonical_int(str(node)) for node in found}
        if not all(isinstance(other, int) for other in names.values()):
            names = {node: str(node) for node in found}
        if len(set(names.values())) < len(names):
            raise InputError("two nodes have the same id, as a number and as text; rename one")
        return from_networkx(networkx.relabel_nodes(found, names), directed=directed)

    def writer(content: Content, handle: io.BytesIO) -> None:
        import networkx

        made = networkx.relabel_nodes(to_networkx(content.graph), str)
        if content.links:
            networkx.set_edge_attributes(made, False, "recommended")
            for source, target, probability in content.links:
                made.add_edge(
                    str(source), str(target), recommended=True, probability=float(probability)
                )
        write(made, handle)
        back = set(map(str, found_in(handle.getvalue())))
        lost = next((node for node in made if node not in back), None)
        if lost is not None:
            raise InputError(
                f"{name} cannot hold the node id {shown(lost)}; write GraphML or a table"
            )

    return Format(name, reader, writer)


def _read_graphml(content: bytes) -> Any:
    import networkx

    return networkx.read_graphml(io.BytesIO(content))


def _read_gexf(content: bytes) -> Any:
    """Version 1.3 differs from 1.2 in what is not read here, but for its name."""
    import networkx

    known = b'xmlns="http://www.gexf.net/1.2draft"'
    content = re.sub(rb'xmlns="https?://(www\.)?gexf\.net/[^"]*"', known, content, count=1)
    return networkx.read_gexf(io.BytesIO(content))


def _read_gml(content: bytes) -> Any:
    """Nodes by their labels, or by their numbers where one has none; UTF-8 is taken too."""
    import networkx

    plain = content.decode("utf-8-sig").encode("ascii", "xmlcharrefreplace")
    try:
        return networkx.read_gml(io.BytesIO(plain))
    except networkx.NetworkXError as error:
        if "has no 'label' attribute" not in str(error):
            raise
        return networkx.read_gml(io.BytesIO(plain), label="id")


def _read_pajek(content: bytes) -> Any:
    """Vertices may go without lines of their own: then their numbers are their labels."""
    import networkx

    content = re.sub(rb"(?m)^\s*%[^\n]*\n", b"", content.removeprefix(codecs.BOM_UTF8))
    unlabelled = re.search(rb"(?i)^\s*\*vertices\s+(\d+)[^\n]*\n(?=\s*\*)", content)
    if unlabelled and int(unlabelled[1]) <= MOST_UNLABELLED:
        labels = b"".join(b'%d "%d"\n' % (n, n) for n in range(1, int(unlabelled[1]) + 1))
        content = unlabelled[0] + labels + content[unlabelled.end() :]
    lines = re.IGNORECASE | re.MULTILINE
    other = re.search(rb"^\s*(\*(?!vertices|edges\b|arcs\b|network)\w+)", content, lines)
    if other:
        part = other[1].decode("utf-8", "replace")
        raise InputError(f"holds {part}, which is not read; save it with *Edges or *Arcs alone")
    declared = re.search(rb"^\s*\*vertices\s+(\d+)", content, lines)
    found = networkx.read_pajek(io.BytesIO(content))
    if declared and found.number_of_nodes() != int(declared[1]):
        raise InputError(
            f"declares {int(declared[1]):,} vertices, but {found.number_of_nodes():,} were found: "
            "two have the same label, one is missing, or there is more than vertices and edges"
        )
    return found


def _writer(name: str) -> Callable[[Any, io.BytesIO], None]:
    def write(graph: Any, handle: io.BytesIO) -> None:
        import networkx

        getattr(networkx, name)(graph, handle)

    return write


EDITOR_FORMATS: dict[str, Format] = {
    ".graphml": _format("GraphML", _read_graphml, _writer("write_graphml_xml")),
    ".gexf": _format("GEXF", _read_gexf, _writer("write_gexf")),
    ".gml": _format("GML", _read_gml, _writer("write_gml")),
    ".net": _format("Pajek", _read_pajek, _writer("write_pajek")),
}
"""Formats by suffix."""
MARKED_FORMATS = (".graphml", ".gexf", ".gml")
"""Those that have a place for marks on edges."""
