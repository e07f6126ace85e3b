"""GML and Pajek: what is read, what is refused with its line, and what the writers check."""

from __future__ import annotations

from pathlib import Path

import pytest
from foreign import library
from refusals import refused

from vgae.data.graph import Graph
from vgae.data.io import read_graph, write_graph
from vgae.ground.errors import InputError, shown

# -------------------------------------------------------------------------- GML


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("graph [ node [ id 1 ] ]\nedge [ source 1 target 1 ]", r"line 2: edge outside graph \["),
        ("graph [ node [ id 1\nedge [ source 1 ] ] ]", "line 2: edge outside .*; move it inside"),
        ("graph [ node [ id 1 ]", "ends inside 'graph'; the file is cut short"),
        ("graph [ directed", "ends inside 'directed'"),
        ("graph [\nnode node [ id 1 ] ]", "line 2: unexpected 'node'; GML is a sequence of keys"),
        ("graph [\n] ]", "line 2: unexpected ']'"),
        ("graph [\n 5 ]", "line 2: unexpected '5'"),
        ('graph [\nnode [ id 1 label "a', "line 2: unexpected ' \"a'"),
        ("graph [ node [ id 1\nid 2 ] ]", "line 2: a second 'id' of the same node; keep one"),
        ('graph [ node [\nlabel "a" ] ]', "line 1: node has no 'id'; add it"),
        ("graph [\nedge [ source 1 ] ]", "line 2: edge has no 'target'; add it"),
        ("graph [ ]\ngraph [ ]", "line 2: a second graph; keep one in the file"),
        ("graph [\nnode [ id 1 ] node [ id 1 ] ]", "line 2: a second node with the id '1'; keep"),
        ('graph [ node [ id 1 ] edge [ source 1 target 1\nweight "x" ] ]', "weight 'x' is not a"),
        ("Version 1", r"has no graph \[ ... \]; add one"),
        (b'graph [\nnode [ id 1 label "\xff" ] ]', r"line 2: is not UTF-8 text \(byte 0xff\)"),
    ],
)
def test_damaged_gml_is_one_line_with_its_place(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    refused(tmp_path / "graph.gml", content, said)


def test_gml_without_labels_goes_by_ids(tmp_path: Path) -> None:
    path = tmp_path / "plain.gml"
    path.write_text("graph [ node [ id 5 ] node [ id 7 ] edge [ source 5 target 7 ] ]")
    assert read_graph(path).ids.tolist() == [5, 7]


def test_entities_of_gml_stand_for_characters(tmp_path: Path) -> None:
    path = tmp_path / "graph.gml"
    path.write_text(
        'graph [ node [ id 1 label "zo&#233; &amp; &quot;co&quot;" ] node [ id 2 label "a & b" ] ]'
    )
    assert read_graph(path).ids.tolist() == ['zoé & "co"', "a & b"]
    path.write_text('graph [ node [ id 0 label "zoé" ] node [ id 1 label "b" ] ]', "utf-8")
    assert read_graph(path).ids.tolist() == ["zoé", "b"]


def test_comments_of_gml_and_unused_records_are_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "graph.gml"
    path.write_text(
        'Version 1\n# node [ id 9 ]\ngraph [ directed 1 name "x" style [ node_size 3 ]\n'
        "node [ id 1 graphics [ x 1 y 2 ] ] node [ id 2 ] edge [ source 2 target 1 color 7 ] ]"
    )
    with caplog.at_level("INFO", logger="vgae"):
        graph = read_graph(path, directed=True)
    assert (graph.ids.tolist(), graph.edges.tolist()) == ([1, 2], [[1, 0]])
    assert "not used: 'graphics' of 1 node, 'color' of 1 edge" in caplog.text
    assert "undirected" not in caplog.text


def test_weights_that_are_none_are_named(tmp_path: Path) -> None:
    networkx = library("networkx")
    path = tmp_path / "w.gml"
    networkx.write_gml(networkx.Graph([("a", "b", {"weight": -2})]), path)
    with pytest.raises(InputError, match=r"w\.gml, line \d+: weight '-2' is not a positive"):
        read_graph(path)


def test_an_id_as_number_and_as_text_is_one_id(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "twice.gml"
    path.write_text(
        'graph [ node [ id 7 label "1" ] node [ id 8 label 1 ] node [ id 9 label "a" ]\n'
        "edge [ source 7 target 9 ] edge [ source 8 target 9 ] ]"
    )
    assert read_graph(path).ids.tolist() == [7, 8, 9]
    assert "several nodes are labelled '1'; the ids in the file are used" in caplog.text


# ------------------------------------------------------------------------ Pajek


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("*Vertices 2\n*Edges\n1 3\n", "line 3: there is no vertex 3; .Vertices declares 2"),
        ("*Vertices 2\n*Edges\n0 1\n", "line 3: there is no vertex 0"),
        ("*Vertices 2\n*Edges\n1 2 x\n", "line 3: weight 'x' is not a positive"),
        ("*Vertices 2\n*Edges\n1 b\n", "line 3: '1 b' does not begin with the numbers of two"),
        ("*Vertices 2\n*Edges\n1\n", "line 3: '1' does not begin with the numbers of two"),
        ("*Vertices 2\n3 c\n", "line 2: '3 c' does not begin with a vertex number from 1 to 2"),
        ("*Vertices 2\nc\n", "line 2: 'c' does not begin with a vertex number"),
        ("*Vertices 2\n1 a\n1 b\n", "line 3: a second node with the id '1'; keep one"),
        ("*Vertices\n1 a\n", r"line 1: \*Vertices must stand once, with the number of vertices"),
        ("*Vertices 1\n*Vertices 1\n", r"line 2: \*Vertices must stand once"),
        ("1 2\n", "line 1: '1 2' stands before .Vertices, which must come first"),
        ("*Network x\n", r"has no line \*Vertices; add one"),
        (
            "*Vertices 3\n1 a\n*Edges\n",
            r"\*Vertices declares 3 vertices, but the file lists 1; correct",
        ),
        ("*Vertices 2000000\n*Edges\n1 2\n", r"declares 2,000,000 vertices, but the file lists 0"),
    ],
)
def test_damaged_pajek_is_one_line_with_its_place(tmp_path: Path, content: str, said: str) -> None:
    refused(tmp_path / "graph.net", content, said)


def test_arcs_and_edges_of_pajek_have_their_own_direction(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "graph.net"
    path.write_text("*Vertices 3\r\n*Arcs\r\n2 1\r\n*Edges :1\r\n2 3 4 c Red\r\n")
    with caplog.at_level("INFO", logger="vgae"):
        graph = read_graph(path, directed=True)
    assert graph.edges.tolist() == [[1, 0], [1, 2]]
    assert graph.weights is not None
    assert graph.weights.tolist() == [1, 4]
    assert "1 edge is undirected; read as running from source to target" in caplog.text
    assert "not used: 'text after the weight' of 1 edge" in caplog.text


def test_vertices_of_pajek_may_go_without_lines(tmp_path: Path) -> None:
    path = tmp_path / "p.net"
    path.write_text("% made by hand\n*Vertices 3\n*Edges\n1 2\n% the last\n")
    graph = read_graph(path)
    assert graph.ids.tolist() == [1, 2, 3]
    assert graph.edges.tolist() == [[0, 1]]


@pytest.mark.parametrize("part", ["*Arcslist", "*Edgeslist", "*Partition x", "*Matrix"])
def test_parts_of_pajek_files_that_are_not_read(tmp_path: Path, part: str) -> None:
    path = tmp_path / "p.net"
    path.write_text(f'*Vertices 3\n1 "a"\n2 "b"\n3 "c"\n{part}\n1 2 3\n')
    with pytest.raises(InputError, match=r"line 5: '\*\w+' is not read"):
        read_graph(path)


def test_labels_of_gml_may_hold_anything(tmp_path: Path) -> None:
    path = tmp_path / "g.gml"
    path.write_text('graph [ node [ id 1 label "node [ x" ] node [ id 2 label "b" ] ]')
    assert read_graph(path).ids.tolist() == ["node [ x", "b"]
    path.write_text(
        'graph [ node [ id 1 ] node [ id 2 ] edge [ source 1 target 2 label "x" ] '
        'edge [ source 2 target 2 label "y" ] ]'
    )
    assert read_graph(path).ids.tolist() == [1, 2]


# ---------------------------------------------------------------------- writing


@pytest.mark.parametrize("suffix", [".gml", ".net", ".graphml", ".gexf"])
@pytest.mark.parametrize("node", ["a\nb", "z\x07", 'the "z"', "&amp;", "a ]", " ", "1\u00a02"])
def test_ids_come_back_or_are_refused_by_name(tmp_path: Path, suffix: str, node: str) -> None:
    path = tmp_path / f"graph{suffix}"
    graph = Graph.from_pairs([(node, "k"), ("c", "k")])
    lost = ["a\nb", 'the "z"', "1\u00a02"] if suffix == ".net" else ["z\x07"]
    if node not in lost:
        write_graph(graph, path)
        assert sorted(read_graph(path).ids.tolist()) == sorted(graph.ids.tolist())
        return
    with pytest.raises(InputError, match="cannot hold the node id") as caught:
        write_graph(graph, path)
    assert f"cannot hold the node id {shown(node)}; write a table" in str(caught.value)
    assert not path.exists()
