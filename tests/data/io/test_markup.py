"""GraphML and GEXF, read element by element."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from refusals import refused

from vgae.data.graph import Graph
from vgae.data.io import markup, read_graph, write_graph
from vgae.data.io.listing import Listing
from vgae.ground.errors import InputError

KEY = '<key id="w" for="edge" attr.name="weight"/>'
NODES = '<node id="a"/><node id="b"/>'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<graphml><graph/>\n<graph/></graphml>", "line 2: a second graph; keep one in the file"),
        ("<graphml/>", "has no <graph> inside <graphml>; add one"),
        ("\n<html/>", "line 2: begins with <html>, not with <graphml>; give the file the suffix"),
        ("<graphml><graph>\n<hyperedge/></graph></graphml>", "line 2: a hyperedge; replace it by"),
        ("<graphml>\n<graph></graphml>", r"line 2: is not XML \(mismatched tag\); the file is dam"),
        ("<graphml><graph><node/></graph></graphml>", "line 1: a node has no attribute 'id'; add"),
        ("<graphml><graph><node id=''/></graph></graphml>", "line 1: a node has an empty id; give"),
        ("<graphml><key/></graphml>", "line 1: a key has no attribute 'id'"),
        (
            f"<graphml><graph>{NODES}\n<node id='b'/></graph></graphml>",
            "line 2: a second node with the id 'b'; keep one",
        ),
        (
            "<graphml><graph>\n<edge source='a' target=''/></graph></graphml>",
            "line 2: an end of this edge has an empty id; give it a node's id",
        ),
        ("<graphml>\n<edge source='a' target='b'/></graphml>", "line 2: an edge outside the graph"),
        (
            "<graphml><graph><edge source='a' target='b'>\n<edge/></edge></graph></graphml>",
            "line 2: an edge inside another; move it into the graph",
        ),
        (
            f'<graphml>{KEY}<graph>\n<edge source="a" target="b"><data key="w">1</data>'
            '<data key="w">2</data></edge></graph></graphml>',
            "line 2: an edge has two weights, 1 and 2; keep one",
        ),
        (
            f'<graphml>{KEY}<graph><edge source="a" target="b">\n<data key="w">-1</data>'
            "</edge></graph></graphml>",
            "line 2: weight '-1' is not a positive finite number; correct it, or remove this edge",
        ),
        (
            "<!DOCTYPE graphml [\n<!ENTITY a 'b'>]><graphml/>",
            "line 2: declares the entity 'a', which could expand to any amount of text; replace",
        ),
    ],
)
def test_damaged_graphml_is_one_line_with_its_place(
    tmp_path: Path, content: str, said: str
) -> None:
    refused(tmp_path / "graph.graphml", content, said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<gexf><graph><edge target='a'/></graph></gexf>", "an edge has no attribute 'source'; ad"),
        ("<gexf><meta/></gexf>", "has no <graph> inside <gexf>; add one"),
        ("<graphml/>", "line 1: begins with <graphml>, not with <gexf>"),
        (
            "<gexf><graph><edges>\n<edge source='a' target='b' weight='0'/></edges></graph></gexf>",
            "line 2: weight '0' is not a positive finite number",
        ),
        (
            "<gexf><graph><attributes class='edge'><attribute id='0' title='Weight'/></attributes>"
            "<edge source='a' target='b' weight='1'>\n<attvalue for='0'/></edge></graph></gexf>",
            "line 2: an attvalue has no attribute 'value'; add it",
        ),
    ],
)
def test_damaged_gexf_is_one_line_with_its_place(tmp_path: Path, content: str, said: str) -> None:
    refused(tmp_path / "graph.gexf", content, said)


@pytest.mark.parametrize("suffix", [".graphml", ".gexf"])
def test_depth_and_length_are_bounded(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, path = suffix[1:], tmp_path / f"graph{suffix}"
    nested = "<a>" * markup.MOST_NESTED + "</a>" * markup.MOST_NESTED
    path.write_text(f"<{root}><graph>{NODES}</graph>{nested}</{root}>")
    assert read_graph(path).n_nodes == 2  # as deep as is allowed
    deeper = f"<{root}>\n<graph>{nested}</graph></{root}>"
    refused(path, deeper, r"line 2: is nested too deeply \(more than 1,000 levels\); flatten")
    monkeypatch.setattr(markup, "LONGEST_PIECE", 100)
    with pytest.raises(InputError, match="a name or a value is longer than 100 bytes; sho"):
        markup.read_graphml([b"<graphml>", b"<graph id='" + b"x" * 200, b"'/>"], Listing(path))


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
    assert "1 edge has no weight; 1 is used" in caplog.text


def test_edges_have_the_direction_of_the_graph_unless_they_have_their_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    edges = '<edge source="b" target="a"/><edge source="b" target="c" {}/>'
    for suffix, content in (
        (
            ".graphml",
            '<graphml><graph edgedefault="directed">' + edges.format('directed="false"'),
        ),
        (".gexf", '<gexf><graph defaultedgetype="directed">' + edges.format('type="undirected"')),
    ):
        path = tmp_path / f"graph{suffix}"
        path.write_text(f"{content}</graph></{suffix[1:]}>")
        graph = read_graph(path, directed=True)
        assert graph.ids[graph.edges].tolist() == [["b", "a"], ["b", "c"]]
        assert f"{path}: 1 edge is undirected; read as running from source to" in caplog.text


def test_new_versions_of_gexf_are_read(tmp_path: Path) -> None:
    weights = np.array([0.1, 2.5, 1e-9, 3e7], dtype=np.float32)
    graph = Graph.from_edges([(0, 1), (1, 2), (0, 3), (2, 3)], weights=weights)
    path = tmp_path / "new.gexf"
    write_graph(graph, path)
    content = path.read_text()
    assert "1.2draft" in content
    path.write_text(content.replace("1.2draft", "1.3"))
    assert read_graph(path).fingerprint == graph.fingerprint
