"""GraphML and GEXF, read element by element from the events of Python's expat.

NetworkX reads both too. But it builds the whole tree first, and keeps only the last of several
edges with the same ends and the same id, so that the counts of rows would not add up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from xml.parsers import expat

from vgae.data.ends import WEIGHT_NAMES
from vgae.data.io.listing import Listing
from vgae.ground.errors import InputError, shown

__all__ = ["read_gexf", "read_graphml"]

Attributes = dict[str, str]
LONGEST_PIECE = 2**24
MOST_NESTED = 1000
"""Levels of nested elements; each open element takes memory."""


def read_graphml(blocks: Iterable[bytes], listing: Listing) -> None:
    """List the nodes and edges of a GraphML file, including those of graphs inside nodes.

    Raises
    ------
    InputError
        The file is not GraphML, holds several graphs or hyperedges, or as in `Listing`.

    Examples
    --------
    >>> from pathlib import Path
    >>> listing = Listing(Path("graph.graphml"))
    >>> read_graphml([b"<graphml><graph><node id='a'/><node id='b'/></graph></graphml>"], listing)
    >>> listing.ids()
    ['a', 'b']
    """
    _GraphML(listing).read(blocks)


def read_gexf(blocks: Iterable[bytes], listing: Listing) -> None:
    """List the nodes and edges of a GEXF file, including those of nodes inside nodes.

    Raises
    ------
    InputError
        The file is not GEXF, holds several graphs, or as in `Listing`.

    Examples
    --------
    >>> from pathlib import Path
    >>> listing = Listing(Path("graph.gexf"))
    >>> read_gexf([b"<gexf><graph><node id='a'/><node id='b'/></graph></gexf>"], listing)
    >>> listing.ids()
    ['a', 'b']
    """
    _GEXF(listing).read(blocks)


class _Markup:
    """An XML file of nodes and edges; a subclass knows the names of its elements.

    Elements of other namespaces, such as the drawings of yEd, are ignored. Declared entities are
    refused, since a few of them can expand to gigabytes.
    """

    root = ""
    direction_name = ""
    """The attribute of <graph> that says whether edges are directed."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.starts: dict[str, Callable[[Attributes], None]] = {
            "graph": self._start_graph,
            "edge": self._start_edge,
        }
        self.ends: dict[str, Callable[[], None]] = {
            "graph": self._end_graph,
            "edge": self._end_edge,
        }
        self.text: list[str] = []
        self.default_weight: float | None = None
        self.direction = ""
        self._parser: Any = expat.ParserCreate(namespace_separator="}")
        self._parser.StartElementHandler = self._first
        self._parser.EndElementHandler = self._end
        self._parser.EntityDeclHandler = self._refuse_entity
        self._taken: set[str] = set()
        self._n_graphs, self._depth, self._n_open = 0, 0, 0
        self._edge: Attributes | None = None
        self._edge_line = 0
        self._weight: float | None = None

    def read(self, blocks: Iterable[bytes]) -> None:
        """List what the file holds."""
        try:
            n_bytes = 0
            for block in blocks:
                self._parser.Parse(block, False)
                n_bytes += len(block)
                if n_bytes - self._parser.CurrentByteIndex > LONGEST_PIECE:  # the parser rescans
                    what = f"a name or a value is longer than {LONGEST_PIECE:,} bytes; shorten it"
                    raise InputError(f"line {self.line}: {what}")
            self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise InputError(
                f"line {error.lineno}: is not XML ({reason}); the file is damaged or cut short"
            ) from None
        if not self._n_graphs:
            raise InputError(f"has no <graph> inside <{self.root}>; add one")

    @property
    def line(self) -> int:
        """The line that is being parsed."""
        return int(self._parser.CurrentLineNumber)

    def needed(self, attributes: Attributes, name: str, of: str) -> str:
        """An attribute that an element must have."""
        if name not in attributes:
            raise InputError(f"line {self.line}: {of} has no attribute {name!r}; add it")
        return attributes[name]

    def distinct(self, name: str, key: str) -> str:
        """The name of an attribute, followed by its key if another attribute has the same name."""
        named = f"{name} ({key})" if name in self._taken else name
        self._taken.add(name)
        return named

    def collect_text(self) -> None:
        """Start to keep the text of the element that begins here."""
        self.text = []
        self._parser.CharacterDataHandler = self.text.append

    def collected_text(self) -> str:
        """The text of the element that ends here."""
        self._parser.CharacterDataHandler = None
        return "".join(self.text)

    @property
    def in_edge(self) -> bool:
        """Whether an edge has begun and has not ended."""
        return self._edge is not None

    def take_weight(self, text: str) -> None:
        """Set the weight of the edge that has begun."""
        weight = self.listing.weight(text.strip(), self.line)
        if self._weight is not None and self._weight != weight:
            both = f"{self._weight:g} and {weight:g}"
            raise InputError(f"line {self.line}: an edge has two weights, {both}; keep one")
        self._weight = weight

    def is_directed(self, edge: Attributes) -> bool:
        """Whether an edge is directed, by its own attribute or by that of the graph."""
        raise NotImplementedError

    def _first(self, name: str, _: Attributes) -> None:
        namespace, mark, root = name.rpartition("}")
        if root != self.root:
            raise InputError(
                f"line {self.line}: begins with <{root}>, not with <{self.root}>; give the file "
                "the suffix of its format"
            )
        prefix = namespace + mark
        self.starts = {prefix + known: handler for known, handler in self.starts.items()}
        self.ends = {prefix + known: handler for known, handler in self.ends.items()}
        self._parser.StartElementHandler = self._start

    def _start(self, name: str, attributes: Attributes) -> None:
        self._n_open += 1
        if self._n_open > MOST_NESTED:
            raise InputError(
                f"line {self.line}: is nested too deeply (more than {MOST_NESTED:,} levels); "
                "flatten this element"
            )
        handler = self.starts.get(name)
        if handler is not None:
            handler(attributes)

    def _end(self, name: str) -> None:
        self._n_open -= 1
        handler = self.ends.get(name)
        if handler is not None:
            handler()

    def _refuse_entity(self, name: str, *_: Any) -> None:
        raise InputError(
            f"line {self.line}: declares the entity {shown(name)}, which could expand to any "
            "amount of text; replace it by its text, and remove the declaration"
        )

    def _start_graph(self, attributes: Attributes) -> None:
        if not self._depth:
            self._n_graphs += 1
            self.direction = attributes.get(self.direction_name, "undirected")
        if self._n_graphs > 1:
            raise InputError(f"line {self.line}: a second graph; keep one in the file")
        self._depth += 1

    def _end_graph(self) -> None:
        self._depth -= 1

    def _start_edge(self, attributes: Attributes) -> None:
        if self.in_edge or not self._depth:
            where = "inside another" if self.in_edge else "outside the graph"
            raise InputError(f"line {self.line}: an edge {where}; move it into the graph")
        self._edge, self._edge_line, self._weight = attributes, self.line, None

    def _end_edge(self) -> None:
        edge = self._edge or {}
        self.listing.edge(
            self.needed(edge, "source", "an edge"),
            self.needed(edge, "target", "an edge"),
            self.default_weight if self._weight is None else self._weight,
            self._edge_line,
            directed=self.is_directed(edge),
        )
        self._edge = None


class _GraphML(_Markup):
    """Weights are the <data> of a <key> that is named weight."""

    root = "graphml"
    direction_name = "edgedefault"

    def __init__(self, listing: Listing) -> None:
        super().__init__(listing)
        self.starts |= {
            "key": self._start_key,
            "default": self._start_default,
            "node": self._start_node,
            "data": self._start_data,
            "hyperedge": self._refuse_hyperedge,
        }
        self.ends |= {"key": self._end_key, "default": self._end_default, "data": self._end_data}
        self._names: dict[str, str] = {}
        self._weight_keys: set[str] = set()
        self._key, self._data = "", ""

    def is_directed(self, edge: Attributes) -> bool:
        return edge.get("directed", str(self.direction == "directed").lower()) == "true"

    def _start_key(self, attributes: Attributes) -> None:
        self._key = self.needed(attributes, "id", "a key")
        name = attributes.get("attr.name", self._key)
        self._names[self._key] = self.distinct(name, self._key)
        if attributes.get("for", "all") in ("edge", "all") and _is_weight(name):
            self._weight_keys.add(self._key)

    def _end_key(self) -> None:
        self._key = ""

    def _start_default(self, _: Attributes) -> None:
        if self._key in self._weight_keys:
            self.collect_text()

    def _end_default(self) -> None:
        if self._key in self._weight_keys:
            self.default_weight = self.listing.weight(self.collected_text().strip(), self.line)

    def _start_node(self, attributes: Attributes) -> None:
        self.listing.node(self.needed(attributes, "id", "a node"), self.line)

    def _start_data(self, attributes: Attributes) -> None:
        self._data = self.needed(attributes, "key", "data")
        if self.in_edge and self._data in self._weight_keys:
            self.collect_text()
        else:
            of = "edge" if self.in_edge else "node"
            self.listing.not_used(of, self._names.get(self._data, self._data))

    def _end_data(self) -> None:
        if self.in_edge and self._data in self._weight_keys:
            self.take_weight(self.collected_text())
        self._data = ""

    def _refuse_hyperedge(self, _: Attributes) -> None:
        raise InputError(f"line {self.line}: a hyperedge; replace it by edges with two ends")


class _GEXF(_Markup):
    """Weights are attributes of <edge>, or <attvalue>s of an attribute that is titled weight."""

    root = "gexf"
    direction_name = "defaultedgetype"

    def __init__(self, listing: Listing) -> None:
        super().__init__(listing)
        self.starts |= {
            "attributes": self._start_attributes,
            "attribute": self._start_attribute,
            "default": self._start_default,
            "node": self._start_node,
            "attvalue": self._start_attvalue,
        }
        self.ends |= {"default": self._end_default}
        self._of, self._attribute = "", ("", "")
        self._titles: dict[tuple[str, str], str] = {}
        self._weight_attributes: set[tuple[str, str]] = set()

    def is_directed(self, edge: Attributes) -> bool:
        return edge.get("type", self.direction) == "directed"

    def _start_attributes(self, attributes: Attributes) -> None:
        self._of = attributes.get("class", "")

    def _start_attribute(self, attributes: Attributes) -> None:
        self._attribute = self._of, self.needed(attributes, "id", "an attribute")
        title = attributes.get("title", self._attribute[1])
        self._titles[self._attribute] = self.distinct(title, self._attribute[1])
        if self._of == "edge" and _is_weight(title):
            self._weight_attributes.add(self._attribute)

    def _start_default(self, _: Attributes) -> None:
        if self._attribute in self._weight_attributes:
            self.collect_text()

    def _end_default(self) -> None:
        if self._attribute in self._weight_attributes:
            self.default_weight = self.listing.weight(self.collected_text().strip(), self.line)

    def _start_node(self, attributes: Attributes) -> None:
        self.listing.node(self.needed(attributes, "id", "a node"), self.line)
        if attributes.get("label", attributes["id"]) != attributes["id"]:
            self.listing.not_used("node", "label")

    def _start_edge(self, attributes: Attributes) -> None:
        super()._start_edge(attributes)
        if "weight" in attributes:
            self.take_weight(attributes["weight"])

    def _start_attvalue(self, attributes: Attributes) -> None:
        of = "edge" if self.in_edge else "node"
        attribute = of, attributes.get("for", attributes.get("id", ""))
        if attribute in self._weight_attributes:
            self.take_weight(self.needed(attributes, "value", "an attvalue"))
        else:
            self.listing.not_used(of, self._titles.get(attribute, attribute[1]))


def _is_weight(name: str) -> bool:
    return name.strip().lower() in WEIGHT_NAMES
