"""Small files of graph editors, JSON and matrices that people have, with the right answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pytest

from vgae.data.graph import Graph
from vgae.data.io import read_graph

CASES = Path(os.environ.get("VGAE_DATA", "none")).parent / "cases"


class Answer(NamedTuple):
    """What must be read of a file."""

    n_nodes: int
    n_edges: int
    duplicates: int = 0
    reversed_duplicates: int = 4
    first_ids: tuple[str | int, ...] = ()
    weight: float = 1
    """Of the edge between the first node and the fourth."""
    said: str = ""


EDITOR_CASES: dict[str, Answer] = {
    "nodelink.json": Answer(
        80, 76, first_ids=(0, 1, 2), said="added 40 nodes that only edges name"
    ),
    "d3.json": Answer(80, 76, first_ids=("P0", "P1"), said="not used: 'group' of 40 nodes"),
    "dupkey.graphml": Answer(
        80,
        76,
        first_ids=("n0", "n1"),
        said="not used: 'age (mm)' of 40 nodes, 'age (mm) (d2)' of 40 nodes",
    ),
    "duptitle.gexf": Answer(80, 76, first_ids=(0, 1), weight=2, said="'color' of 40 nodes"),
    "gml_duplabel.gml": Answer(
        40, 36, duplicates=40, first_ids=(0, 1), said="several nodes are labelled 'x0'"
    ),
    "maltego.graphml": Answer(80, 76, first_ids=("n0",), weight=1.5),
    "yed.graphml": Answer(80, 76, first_ids=("n0",), said="not used: 'd6' of 40 nodes"),
    "sym.mtx": Answer(40, 36, duplicates=24, reversed_duplicates=0, first_ids=(0, 1), weight=2),
}


def rows_add_up(graph: Graph) -> int:
    """Rows that became edges or were merged or dropped."""
    cleaning = graph.cleaning
    return (
        graph.n_edges
        + cleaning.self_loops
        + cleaning.duplicates
        + cleaning.reversed_duplicates
        + cleaning.incomplete
    )


@pytest.mark.parametrize("name", EDITOR_CASES)
def test_files_of_editors_are_read_right(name: str, caplog: pytest.LogCaptureFixture) -> None:
    if not CASES.is_dir():
        pytest.skip(f"there is no folder {CASES}")
    answer = EDITOR_CASES[name]
    with caplog.at_level("INFO", logger="vgae"):
        graph = read_graph(CASES / name)
    assert (graph.n_nodes, graph.n_edges) == (answer.n_nodes, answer.n_edges)
    assert graph.cleaning.duplicates == answer.duplicates
    assert graph.cleaning.reversed_duplicates == answer.reversed_duplicates
    assert rows_add_up(graph) == (60 if name == "sym.mtx" else 80)
    assert tuple(graph.ids[: len(answer.first_ids)].tolist()) == answer.first_ids
    assert graph.adjacency[0, 3] == answer.weight
    assert answer.said in caplog.text


# ------------------------------------------------------------- parallel edges

EDGES = [("a", "b"), ("a", "b"), ("b", "a"), ("b", "c"), ("c", "c")]
"""One duplicate, one reversed row and one loop."""


def _graphml(ids: str) -> str:
    edges = "".join(
        f'<edge {ids.format(place)} source="{a}" target="{b}"/>'
        for place, (a, b) in enumerate(EDGES)
    )
    nodes = "".join(f'<node id="{name}"/>' for name in "abc")
    return f'<graphml><graph edgedefault="undirected">{nodes}{edges}</graph></graphml>'


@pytest.mark.parametrize("ids", ["", 'id="0"', 'id="e{}"'])
@pytest.mark.parametrize("suffix", [".graphml", ".gexf", ".gml", ".net", ".json"])
def test_parallel_edges_are_counted(tmp_path: Path, suffix: str, ids: str) -> None:
    path = tmp_path / f"parallel{suffix}"
    number = {"a": 1, "b": 2, "c": 3}
    pairs = [(number[a], number[b]) for a, b in EDGES]
    if suffix == ".graphml":
        path.write_text(_graphml(ids))
    elif suffix == ".gexf":
        edges = "".join(
            f'<edge {ids.format(place)} source="{a}" target="{b}"/>'
            for place, (a, b) in enumerate(EDGES)
        )
        nodes = "".join(f'<node id="{name}"/>' for name in "abc")
        path.write_text(f"<gexf><graph><nodes>{nodes}</nodes><edges>{edges}</edges></graph></gexf>")
    elif suffix == ".gml":
        nodes = " ".join(f'node [ id {number[name]} label "{name}" ]' for name in "abc")
        path.write_text(
            f"graph [ {nodes} "
            + " ".join(f"edge [ source {a} target {b} ]" for a, b in pairs)
            + " ]"
        )
    elif suffix == ".net":
        lines = ["*Vertices 3", *(f'{number[name]} "{name}"' for name in "abc"), "*Arcs", "1 2"]
        lines += ["1 2", "2 1", "*Edges", "2 3", "3 3"]
        path.write_text("\n".join(lines))
    else:
        links = ",".join(f'{{"source": "{a}", "target": "{b}"}}' for a, b in EDGES)
        nodes = ",".join(f'{{"id": "{name}"}}' for name in "abc")
        path.write_text(f'{{"nodes": [{nodes}], "links": [{links}]}}')
    graph = read_graph(path)
    assert graph.ids.tolist() == ["a", "b", "c"]
    assert graph.edges.tolist() == [[0, 1], [1, 2]]
    cleaning = graph.cleaning
    assert (cleaning.duplicates, cleaning.reversed_duplicates, cleaning.self_loops) == (1, 1, 1)


def test_what_networkx_writes_is_read(tmp_path: Path) -> None:
    import json

    import networkx

    graph = networkx.MultiGraph([("a", "b"), ("a", "b"), ("b", "c")])
    path = tmp_path / "graph.json"
    for data in (
        networkx.node_link_data(graph, edges="links"),
        networkx.node_link_data(graph, edges="edges"),
    ):
        path.write_text(json.dumps(data))
        found = read_graph(path)
        assert (found.n_edges, found.cleaning.duplicates) == (2, 1)
    for suffix, write in (
        (".graphml", "write_graphml"),
        (".gexf", "write_gexf"),
        (".gml", "write_gml"),
    ):
        getattr(networkx, write)(graph, tmp_path / f"graph{suffix}")
        found = read_graph(tmp_path / f"graph{suffix}")
        assert (found.n_nodes, found.n_edges, found.cleaning.duplicates) == (3, 2, 1)
