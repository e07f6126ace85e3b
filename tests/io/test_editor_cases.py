"""Small files of graph editors, JSON and matrices that people have, with the right answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pytest

from vgae.graph import Graph
from vgae.io import read_graph

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
    "nodelink.json": Answer(80, 76, first_ids=(0, 1, 2), said="40 nodes are named by edges only"),
    "d3.json": Answer(80, 76, first_ids=("P0", "P1"), said="not used: 'group' of 40 nodes"),
    "dupkey.graphml": Answer(
        80,
        76,
        first_ids=("n0", "n1"),
        said="not used: 'age (mm)' of 40 nodes, 'age (mm) (d2)' of 40 nodes",
    ),
    "duptitle.gexf": Answer(80, 76, first_ids=(0, 1), weight=2, said="'color' of 40 nodes"),
    "gml_duplabel.gml": Answer(
        40, 36, duplicates=40, first_ids=(0, 1), said="several nodes are called 'x0'"
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


def test_groups_of_yed_are_read_flat(tmp_path: Path) -> None:
    path = tmp_path / "groups.graphml"
    path.write_text(
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:y="http://y.org">'
        '<graph edgedefault="directed"><node id="g"><data key="d"><y:node id="drawn"/></data>'
        '<graph id="g:" edgedefault="directed"><node id="g::a"/><node id="g::b"/>'
        '<edge source="g::a" target="g::b"/></graph></node>'
        '<node id="c"/><edge source="c" target="g::a"/></graph></graphml>'
    )
    graph = read_graph(path, directed=True)
    assert graph.ids.tolist() == ["g", "g::a", "g::b", "c"]
    assert graph.edges.tolist() == [[1, 2], [3, 1]]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("two.graphml", "<graphml><graph/>\n<graph/></graphml>", "line 2: a second graph"),
        ("none.graphml", "<graphml/>", "holds no graph inside <graphml>"),
        ("other.graphml", "<html/>", "is XML of <html>, not of <graphml>"),
        (
            "two.graphml",
            '<graphml><key id="w" for="edge" attr.name="weight"/><graph>\n'
            '<edge source="a" target="b"><data key="w">1</data><data key="w">2</data></edge>'
            "</graph></graphml>",
            "line 2: an edge with two weights, 1 and 2",
        ),
        ("h.graphml", "<graphml><graph><hyperedge/></graph></graphml>", "line 1: a hyperedge"),
        ("e.gexf", "<gexf><graph><edge target='a'/></graph></gexf>", "without the .* 'source'"),
        ("out.gml", "graph [ node [ id 1 ] ]\nedge [ source 1 target 1 ]", "line 2: edge outside"),
        ("in.gml", "graph [ node [ id 1\nedge [ source 1 ] ] ]", "line 2: edge outside"),
        ("open.gml", "graph [ node [ id 1 ]", "ends inside 'graph'"),
        ("key.gml", "graph [\nnode node [ id 1 ] ]", "line 2: unexpected 'node'"),
        ("two.gml", "graph [ node [ id 1\nid 2 ] ]", "line 2: a second 'id' of the same node"),
        ("far.net", "*Vertices 2\n*Edges\n1 3\n", "line 3: there is no vertex 3 among 2"),
        ("w.net", "*Vertices 2\n*Edges\n1 2 x\n", "line 3: weight 'x' is not a positive"),
        ("a.json", '{"nodes": [{"id": 1.5}], "links": []}', r"nodes\[0\]: 'id' is the number 1.5"),
        ("b.json", '{"nodes": [], "nodes": []}', "an object holds 'nodes' twice"),
        ("c.json", '{"nodes": [], "links": [], "edges": []}', "has lists of both links and edges"),
        ("d.json", '{"nodes": [{"id": 1}], "links": [{"source": 1}]}', r"links\[0\] has no"),
        ("e.json", '{"a": 1}\n{"a": 2}', "line 2: is not JSON: extra data; one object a line"),
        (
            "f.json",
            '{"nodes": [{"name": "a"}], "links": [{"source": 0, "target": -1}]}',
            r"links\[0\]: a place in the list of nodes is negative",
        ),
        (
            "g.json",
            '{"nodes": [{"id": 1}], "links": [{"source": 1, "target": 1, "weight": null}]}',
            r"links\[0\]: weight 'None' is not a positive",
        ),
        ("h.json", '{"nodes": ' + "[" * 100_000, "is nested too deeply"),
        ("i.jsonl", '{"a":' * 100_000, "line 1: is nested too deeply"),
        ("j.jsonl", '{"source": 1, "target": 2}\n{"source": 1,', "line 2: is not a JSON object"),
        (
            "k.mtx",
            "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 2 1.5 7",
            "line 3: '1 2 1.5 7' is no entry of a matrix of real",
        ),
    ],
)
def test_what_is_no_graph_is_one_line(tmp_path: Path, name: str, content: str, said: str) -> None:
    from vgae.errors import InputError

    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InputError, match=said) as caught:
        read_graph(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_links_of_json_name_nodes_by_id_or_by_place(tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    path.write_text(
        '{"nodes": [{"name": "x"}, {"name": "y"}, {"name": "z"}],'
        ' "links": [{"source": 0, "target": 2, "value": 3}]}'
    )
    graph = read_graph(path)
    assert graph.ids[graph.edges].tolist() == [["x", "z"]]
    assert graph.weights is not None
    assert graph.weights.tolist() == [3]
    path.write_text(
        '{"nodes": [{"id": "2"}, {"id": "0"}, {"id": "1"}], "edges": [{"source": 0, "target": 2}]}'
    )
    graph = read_graph(path)  # ids that spell numbers are ids
    assert graph.ids[graph.edges].tolist() == [[2, 0]]
    path.write_text(
        '{"nodes": [{"name": "x"}, {"name": "x"}], "links": [{"source": 0, "target": 1}]}'
    )
    assert read_graph(path).ids.tolist() == [0, 1]


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


def test_defaults_of_weights_are_weights(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "graph.graphml"
    path.write_text(
        '<graphml><key id="w" for="edge" attr.name="Weight"><default>2.5</default></key><graph>'
        '<node id="a"/><node id="b"/><edge source="a" target="b"/></graph></graphml>'
    )
    graph = read_graph(path)
    assert graph.weights is not None
    assert graph.weights.tolist() == [2.5]
    path = tmp_path / "graph.gexf"
    path.write_text(
        '<gexf><graph><edges><edge source="a" target="b" weight="3"/>'
        '<edge source="b" target="c"/></edges></graph></gexf>'
    )
    assert read_graph(path).n_edges == 2
    assert "1 edge has no weight; taken as 1" in caplog.text
