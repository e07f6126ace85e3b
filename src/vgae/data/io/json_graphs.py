"""Graphs in JSON: NetworkX's node-link data, and D3's lists of nodes and links."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterable
from typing import Any

from vgae.data.ids import canonical_int
from vgae.data.interop.exports import edge_columns
from vgae.data.io.editors import Content, undecoded
from vgae.data.io.listing import Listing
from vgae.ground.errors import InputError, shown

__all__ = ["PLACES", "read_json", "write_json"]

logger = logging.getLogger("vgae.data.io")

PLACES = ("nodes[{}]", "links[{}]")
FORMS = (
    "write an object with a list of nodes (each with 'id' or 'name') and a list of links or edges "
    "(each with 'source' and 'target'), as NetworkX and D3 do, or one object per line in .jsonl"
)


def read_json(blocks: Iterable[bytes], listing: Listing) -> None:
    """List the nodes and links of a JSON file.

    Links name their ends by node ids; or by places in the list of nodes, counted from 0, if all
    ends are numbers and no id is one.

    Raises
    ------
    InputError
        The file holds something else, a link lacks an end, or as in `Listing`.

    Examples
    --------
    >>> from pathlib import Path
    >>> listing = Listing(Path("graph.json"), places=PLACES)
    >>> read_json([b'{"nodes": [{"id": "a"}], "links": [{"source": "a", "target": "b"}]}'], listing)
    >>> listing.ids()
    ['a', 'b']
    """
    data = _parsed(b"".join(blocks))
    nodes, links = _records(data, "nodes"), _records(data, "links", "edges")
    name = "id" if any("id" in node for node in nodes) else "name"
    ids = [_id(node, name, f"nodes[{place}]") for place, node in enumerate(nodes)]
    ends = [
        (_id(link, "source", f"links[{place}]"), _id(link, "target", f"links[{place}]"))
        for place, link in enumerate(links)
    ]
    by_place = _are_places(ends, ids)
    for place, node_id in enumerate(ids):
        if by_place:
            listing.node(str(place), place, label=str(node_id))
        else:
            listing.node(str(node_id), place)
    directed, weight_name = data.get("directed") is True, _weight_name(links)
    for place, (link, (source, target)) in enumerate(zip(links, ends, strict=True)):
        weight = listing.weight(link[weight_name], place) if weight_name in link else None
        if by_place and (str(source) + str(target)).count("-"):
            raise InputError(
                f"links[{place}]: a place in the list of nodes is negative; count places from 0"
            )
        listing.edge(str(source), str(target), weight, place, directed=directed)
    logger.info(
        "%s: links name nodes by %s%s",
        listing.path,
        "their places, from 0" if by_place else repr(name),
        f"; weights from {weight_name!r}" if any(weight_name in link for link in links) else "",
    )
    _count_not_used(listing, "node", nodes, {name})
    _count_not_used(listing, "link", links, {"source", "target", weight_name})


def write_json(content: Content, handle: io.BytesIO) -> None:
    """Write a graph as node-link data, which NetworkX and D3 read.

    Examples
    --------
    >>> from pathlib import Path
    >>> from vgae.data.graph import Graph
    >>> handle = io.BytesIO()
    >>> write_json(Content(Graph.from_pairs([("a", "b")]), [], Path("graph.json")), handle)
    >>> json.loads(handle.getvalue())["links"]
    [{'source': 'a', 'target': 'b'}]
    """
    graph = content.graph
    columns = edge_columns(graph)
    links = [
        dict(zip(columns, row, strict=True))
        for row in zip(*(column.tolist() for column in columns.values()), strict=True)
    ]
    data = {
        "directed": graph.directed,
        "multigraph": False,
        "graph": {},
        "nodes": [{"id": name} for name in graph.ids.tolist()],
        "links": links,
    }
    handle.write(json.dumps(data).encode())


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        data = json.loads(content, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        advice = "the file is damaged or cut short"
        if error.msg == "Extra data":
            advice = "one object per line needs the suffix .jsonl"
        place = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{place}: is not JSON ({error.msg.lower()}); {advice}") from None
    except UnicodeDecodeError as error:
        raise undecoded(content, error) from None
    except RecursionError:
        raise InputError(f"is nested too deeply; {FORMS}") from None
    if not isinstance(data, dict):
        raise InputError(f"is {_kind(data)}; {FORMS}")
    return data


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no name occurs twice."""
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"an object holds {shown(twice)} twice; keep one")
    return made


def _records(data: dict[str, Any], *names: str) -> list[dict[str, Any]]:
    """The list of objects under one of these names."""
    present = [name for name in names if name in data]
    if not present:
        raise InputError(f"has no list of {' or '.join(names)}; {FORMS}")
    if len(present) > 1:
        raise InputError(f"has lists of both {' and '.join(names)}; keep one")
    records = data[present[0]]
    if not isinstance(records, list):
        raise InputError(f"{present[0]} is {_kind(records)}; {FORMS}")
    for place, record in enumerate(records):
        if not isinstance(record, dict):
            raise InputError(f"{present[0]}[{place}] is {_kind(record)}; {FORMS}")
    return records


def _id(record: dict[str, Any], name: str, place: str) -> str | int:
    value = record.get(name)
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return value
    if name not in record:
        raise InputError(f"{place} has no {name!r}; {FORMS}")
    raise InputError(f"{place}: {name!r} is {_kind(value)}; write ids as text or whole numbers")


def _are_places(ends: list[tuple[str | int, str | int]], ids: list[str | int]) -> bool:
    """Whether links name nodes by their places: all ends are numbers, and no id spells one."""
    numbers = bool(ends) and all(isinstance(end, int) for pair in ends for end in pair)
    return numbers and not any(isinstance(canonical_int(node_id), int) for node_id in ids)


def _weight_name(links: list[dict[str, Any]]) -> str:
    """The name of the weights: 'weight', or D3's 'value' if each link has a number there."""
    values = [link.get("value") for link in links]
    if any("weight" in link for link in links) or None in values:
        return "weight"
    are_numbers = all(
        isinstance(value, (int, float)) and not isinstance(value, bool) for value in values
    )
    return "value" if values and are_numbers else "weight"


def _count_not_used(
    listing: Listing, of: str, records: list[dict[str, Any]], used: set[str]
) -> None:
    for record in records:
        for name in record:
            if name not in used:
                listing.not_used(of, name)


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {shown(value)}"
    return "a list" if isinstance(value, list) else "an object"
