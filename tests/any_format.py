"""Graphs in files of every format, written plainly, damaged, and read plainly again.

What is written here, and how it is counted, shares no code with what is tested.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from hypothesis import strategies as st
from scipy import sparse

from vgae.data.graph import Graph


class Drawn(NamedTuple):
    """A graph as a file lists it: rows are pairs of places among the ids."""

    ids: list[str]
    rows: list[tuple[int, int]]
    weights: list[float] | None
    directed: bool
    choice: int
    """Which of the ways to write it is taken."""

    def graph(self, *, all_nodes: bool) -> Graph:
        """What must be read."""
        used = {end for row in self.rows for end in row}
        kept = [place for place in range(len(self.ids)) if all_nodes or place in used]
        place_of = {place: index for index, place in enumerate(kept)}
        return Graph.from_edges(
            np.array([[place_of[a], place_of[b]] for a, b in self.rows]).reshape(-1, 2),
            ids=[self.ids[place] for place in kept],
            weights=self.weights,
            directed=self.directed,
        )


TEXTS = ["a", "b b", "ä", 'q"x', "<&>", "007", "x;y", "日本", "-4", "1.5", "null", "[", "]]>", "#c"]


@st.composite
def drawn_graphs(draw: st.DrawFn) -> Drawn:
    """A small graph with loops, rows that recur and rows that are reversed."""
    texts = st.sampled_from(TEXTS)
    numbers = st.integers(-3, 12).map(str)
    ids = draw(
        st.lists(draw(st.sampled_from([texts, numbers])), min_size=1, max_size=7, unique=True)
    )
    ends = st.integers(0, len(ids) - 1)
    rows = draw(st.lists(st.tuples(ends, ends), min_size=1, max_size=12))
    weight = st.sampled_from([1.0, 0.5, 2.0, 3.25])
    weights = draw(st.none() | st.lists(weight, min_size=len(rows), max_size=len(rows)))
    return Drawn(ids, rows, weights, draw(st.booleans()), draw(st.integers(0, 5)))


# --------------------------------------------------------------------- writers


def _graphml(drawn: Drawn) -> bytes:
    space = ' xmlns="http://graphml.graphdrawing.org/xmlns"' if drawn.choice % 2 else ""
    nodes = [f"<node id={quoteattr(name)}><data key='d'>x</data></node>" for name in drawn.ids]
    edges = []
    for place, (a, b) in enumerate(drawn.rows):
        edge_id = ("", ' id="0"', f' id="e{place}"')[drawn.choice % 3]
        weight = "" if drawn.weights is None else f"<data key='w'>{drawn.weights[place]}</data>"
        edges.append(
            f"<edge{edge_id} source={quoteattr(drawn.ids[a])} target={quoteattr(drawn.ids[b])}>"
            f"{weight}</edge>"
        )
    parts = edges + nodes if drawn.choice == 5 else nodes + edges
    direction = "directed" if drawn.directed else "undirected"
    return (
        f"<?xml version='1.0' encoding='utf-8'?>\n<graphml{space}>\n"
        "<key id='d' for='node' attr.name='weight'/><key id='e' for='node' attr.name='weight'/>\n"
        "<key id='w' for='edge' attr.name='weight' attr.type='double'/>\n"
        f"<graph edgedefault='{direction}'>\n" + "\n".join(parts) + "\n</graph></graphml>"
    ).encode()


def _gexf(drawn: Drawn) -> bytes:
    nodes = [f"<node id={quoteattr(name)} label='same'/>" for name in drawn.ids]
    edges = []
    for place, (a, b) in enumerate(drawn.rows):
        edge_id = ("", ' id="0"', f' id="{place}"')[drawn.choice % 3]
        weight = inner = ""
        if drawn.weights is not None and drawn.choice % 2:
            weight = f" weight='{drawn.weights[place]}'"
        elif drawn.weights is not None:
            value = drawn.weights[place]
            inner = f"<attvalues><attvalue for='0' value='{value}'/></attvalues>"
        edges.append(
            f"<edge{edge_id} source={quoteattr(drawn.ids[a])} target={quoteattr(drawn.ids[b])}"
            f"{weight}>{inner}</edge>"
        )
    direction = "directed" if drawn.directed else "undirected"
    return (
        '<gexf xmlns="http://www.gexf.net/1.2draft">\n'
        f"<graph defaultedgetype='{direction}'>\n"
        "<attributes class='edge'><attribute id='0' title='Weight' type='float'/></attributes>\n"
        "<nodes>\n"
        + "\n".join(nodes)
        + "\n</nodes>\n<edges>\n"
        + "\n".join(edges)
        + "\n</edges></graph></gexf>"
    ).encode()


def _gml(drawn: Drawn) -> bytes:
    lines = ['Creator "plain"', "graph [", f"  directed {int(drawn.directed)}"]
    for place, name in enumerate(drawn.ids):
        label = escape(name, {'"': "&quot;"})
        lines.append(f'  node [ id {place} label "{label}" graphics [ x 1.5 y [ z 2 ] ] ]')
    for place, (a, b) in enumerate(drawn.rows):
        weight = "" if drawn.weights is None else f" weight {drawn.weights[place]}"
        lines.append(f"  edge [ source {a} target {b}{weight} ]")
    return "\n".join([*lines, "]"]).encode()


def _pajek(drawn: Drawn) -> bytes:
    lines = [f"*Vertices {len(drawn.ids)}"]
    for place, name in enumerate(drawn.ids, start=1):
        label = name.replace('"', "'")
        lines.append(f'{place} "{label}"')
    lines.append("*Arcs" if drawn.directed else "*Edges")
    for place, (a, b) in enumerate(drawn.rows):
        weight = "" if drawn.weights is None else f" {drawn.weights[place]}"
        lines.append(f"{a + 1} {b + 1}{weight}")
    return "\n".join(lines).encode()


def _json(drawn: Drawn) -> bytes:
    by_place = drawn.choice % 2 and not any(re.fullmatch(r"-?\d+", name) for name in drawn.ids)
    name = "name" if drawn.choice % 3 else "id"
    links = []
    for place, (a, b) in enumerate(drawn.rows):
        source, target = (a, b) if by_place else (drawn.ids[a], drawn.ids[b])
        link: dict[str, Any] = {"source": source, "target": target, "key": 0}
        if drawn.weights is not None:
            link["weight" if drawn.choice < 3 else "value"] = drawn.weights[place]
        links.append(link)
    data = {
        "directed": drawn.directed,
        "nodes": [{name: own, "group": 1} for own in drawn.ids],
        "links" if drawn.choice % 2 else "edges": links,
    }
    return json.dumps(data, indent=1 if drawn.choice % 2 else None).encode()


def _table(drawn: Drawn) -> pa.Table:
    columns: dict[str, Any] = {
        "source": pa.array([drawn.ids[a] for a, _ in drawn.rows]),
        "target": pa.array([drawn.ids[b] for _, b in drawn.rows]),
    }
    if drawn.choice % 2:
        columns = {name: column.dictionary_encode() for name, column in columns.items()}
    if drawn.weights is not None:
        columns["weight"] = drawn.weights
    return pa.table(columns)


def _json_lines(drawn: Drawn) -> bytes:
    table = _table(drawn._replace(choice=0))
    return "".join(json.dumps(row) + "\n" for row in table.to_pylist()).encode()


def _parquet(drawn: Drawn) -> bytes:
    sink = io.BytesIO()
    packing = ("none", "snappy", "zstd")[drawn.choice % 3]
    pyarrow.parquet.write_table(_table(drawn), sink, compression=packing, row_group_size=5)
    return sink.getvalue()


def _arrow(drawn: Drawn) -> bytes:
    sink, table = io.BytesIO(), _table(drawn)
    packing = (None, "lz4", "zstd")[drawn.choice % 3]
    made = pa.ipc.new_file if drawn.choice < 3 else pa.ipc.new_stream
    with made(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=packing)) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _numbers(drawn: Drawn) -> Any:
    return np.array(drawn.rows)


def _npy(drawn: Drawn) -> bytes:
    sink = io.BytesIO()
    ids = np.array(drawn.ids)
    np.save(sink, ids[_numbers(drawn)], allow_pickle=False)
    return sink.getvalue()


def _npz(drawn: Drawn) -> bytes:
    sink = io.BytesIO()
    weights: dict[str, Any] = {}
    if drawn.weights is not None:
        weights = {"weight": np.array(drawn.weights)}
    ends = np.array(drawn.ids)[_numbers(drawn)]
    save: Any = np.savez if drawn.choice % 2 else np.savez_compressed
    if drawn.choice < 2:
        save(sink, edges=ends, **weights)
    elif drawn.choice < 4:
        save(sink, edge_index=ends.T, **weights)
    else:
        save(sink, src=ends[:, 0], dst=ends[:, 1], **weights)
    return sink.getvalue()


def matrix(drawn: Drawn) -> Any:
    """The rows as a matrix that holds each undirected edge once."""
    size, numbers = len(drawn.ids), _numbers(drawn)
    values = np.ones(len(numbers)) if drawn.weights is None else np.array(drawn.weights)
    return sparse.coo_array((values, (numbers[:, 0], numbers[:, 1])), shape=(size, size))


def _mtx(drawn: Drawn) -> bytes:
    entries = matrix(drawn)
    lines = ["%%MatrixMarket matrix coordinate real general", "% plain"]
    lines.append(f"{entries.shape[0]} {entries.shape[1]} {entries.nnz}")
    lines += [
        f"{a + 1} {b + 1} {value}"
        for a, b, value in zip(entries.row, entries.col, entries.data, strict=True)
    ]
    return "\n".join(lines).encode()


def _matrix_npz(drawn: Drawn) -> bytes:
    sink = io.BytesIO()
    kind = ("coo", "csr", "csc")[drawn.choice % 3]
    sparse.save_npz(sink, matrix(drawn).asformat(kind), compressed=bool(drawn.choice % 2))
    return sink.getvalue()


WRITERS: dict[str, Callable[[Drawn], bytes]] = {
    ".graphml": _graphml,
    ".gexf": _gexf,
    ".gml": _gml,
    ".net": _pajek,
    ".json": _json,
    ".jsonl": _json_lines,
    ".parquet": _parquet,
    ".arrow": _arrow,
    ".npy": _npy,
    ".npz": _npz,
    ".mtx": _mtx,
    ".matrix.npz": _matrix_npz,
}
"""By how the file's name ends; the file's format is the last suffix."""
LISTED = (".graphml", ".gexf", ".gml", ".net", ".json")
MATRICES = (".mtx", ".matrix.npz")


# --------------------------------------------------------------------- damages


@st.composite
def damages(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes with a few flipped, left out, put in or repeated."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, max(len(content) - 1, 0)))
        end = min(start + draw(st.integers(0, 30)), len(content))
        kind = draw(st.sampled_from(["flip", "cut", "leave out", "put in", "repeat", "digits"]))
        if kind == "flip":
            byte = content[start] ^ (1 << draw(st.integers(0, 7)))
            content = content[:start] + bytes([byte]) + content[start + 1 :]
        elif kind == "cut":
            content = content[:start]
        elif kind == "leave out":
            content = content[:start] + content[end:]
        elif kind == "put in":
            content = content[:start] + draw(st.binary(min_size=1, max_size=8)) + content[start:]
        elif kind == "repeat":
            content = content[:end] + content[start:end] + content[end:]
        else:
            found = list(re.finditer(rb"\d+", content))
            if found:
                number = draw(st.sampled_from(found))
                other = draw(st.sampled_from([b"0", b"-1", b"nan", b"x", b"9" * 9, b"9" * 20]))
                content = content[: number.start()] + other + content[number.end() :]
        if not content:
            break
    return content


FAULTS = {
    "a weight that is none": (".graphml", ".gexf", ".gml", ".net", ".json", ".jsonl", ".parquet"),
    "a node twice": (".graphml", ".gexf", ".json"),
    "an end that is missing": (".graphml", ".gexf", ".gml", ".json"),
    "another suffix": (".graphml", ".gexf", ".gml", ".net", ".json", ".jsonl", ".npz", ".mtx"),
}
"""What is wrong with a file as a whole, and the formats where it must be refused."""


@st.composite
def faulty_files(draw: st.DrawFn) -> tuple[str, bytes]:
    """A suffix, and a file with it that must be refused."""
    drawn = draw(drawn_graphs())
    fault = draw(st.sampled_from(list(FAULTS)))
    suffix = draw(st.sampled_from(FAULTS[fault]))
    if fault == "a weight that is none":
        weights = list(drawn.weights or [1.0] * len(drawn.rows))
        weights[draw(st.integers(0, len(weights) - 1))] = draw(
            st.sampled_from([float("nan"), float("inf"), -1.0, 0.0])
        )
        # In JSON a column of values is one of weights only by its name.
        drawn = drawn._replace(weights=weights, choice=drawn.choice % 3)
    elif fault == "a node twice":
        drawn = drawn._replace(ids=[*drawn.ids, drawn.ids[0]], choice=0)
    elif fault == "an end that is missing":
        content = WRITERS[suffix](drawn._replace(ids=[f"n{n}" for n in range(len(drawn.ids))]))
        end = {".gml": rb"(source|target) \d+", ".json": rb'"(source|target)": ("n\d+"|\d+),?'}
        found = list(re.finditer(end.get(suffix, rb"(source|target)=(\"[^\"]*\")"), content))
        lost = draw(st.sampled_from(found))
        return suffix, content[: lost.start()] + content[lost.end() :]
    elif fault == "another suffix":
        other = draw(st.sampled_from([other for other in FAULTS[fault] if other != suffix]))
        return suffix, WRITERS[other](drawn)
    return suffix, WRITERS[suffix](drawn)


# ---------------------------------------------------------------------- counts


def plain_rows(suffix: str, content: bytes) -> int | None:
    """How many edges a file lists, counted plainly; None where that takes a library that may
    crash, or where a plain reader does not know.
    """
    try:
        return COUNTS[suffix](content) if suffix in COUNTS else None
    except Exception:  # noqa: BLE001 - damaged
        return None


def _count_xml(content: bytes) -> int:
    root = ElementTree.fromstring(content)
    space = root.tag.rpartition("}")[0]
    name = f"{space}}}edge" if space else "edge"
    return sum(1 for _ in root.iter(name))


def _count_gml(content: bytes) -> int:
    text = re.sub(r'"[^"]*"|#[^\n]*', ' "" ', content.decode("utf-8-sig"))
    depth = n_edges = 0
    for word, bracket in re.findall(r"(\w*)\s*([\[\]])", text):
        n_edges += depth == 1 and word == "edge" and bracket == "["
        depth += 1 if bracket == "[" else -1
    return n_edges


def _count_pajek(content: bytes) -> int:
    n_edges, in_edges = 0, False
    for line in re.split(r"\r\n|\n|\r", content.decode("utf-8-sig")):
        row = line.strip()
        if row.startswith("*"):
            in_edges = row.lower().startswith(("*arcs", "*edges"))
        elif row and not row.startswith("%"):
            n_edges += in_edges
    return n_edges


def _count_json(content: bytes) -> int:
    data = json.loads(content)
    return len(data["links"] if "links" in data else data["edges"])


def _count_json_lines(content: bytes) -> int:
    text, place, n_rows = content.decode().strip(), 0, 0
    while place < len(text):
        _, place = json.JSONDecoder().raw_decode(text, place)
        n_rows += 1
        while text[place : place + 1].isspace():
            place += 1
    return n_rows


def _count_npy(content: bytes) -> int:
    return len(np.load(io.BytesIO(content), allow_pickle=False))


COUNTS: dict[str, Callable[[bytes], int]] = {
    ".graphml": _count_xml,
    ".gexf": _count_xml,
    ".gml": _count_gml,
    ".net": _count_pajek,
    ".json": _count_json,
    ".jsonl": _count_json_lines,
    ".npy": _count_npy,
}
