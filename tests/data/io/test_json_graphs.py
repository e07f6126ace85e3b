"""Node-link data of NetworkX, and nodes and links of D3."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from refusals import refused

from vgae.data.graph import Graph
from vgae.data.io import read_graph
from vgae.data.io.editors import Content
from vgae.data.io.json_graphs import write_json


def made(nodes: str, links: str = "") -> str:
    return f'{{"nodes": [{nodes}], "links": [{links}]}}'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (made('{"id": 1.5}'), r"nodes\[0\]: 'id' is the number 1.5; write ids as text or whole"),
        (made('{"id": true}'), r"nodes\[0\]: 'id' is true; write ids as"),
        (made('{"id": 1}, {"id": "1"}'), r"nodes\[1\]: a second node with the id '1'; keep one"),
        (made('{"id": ""}'), r"nodes\[0\]: a node has an empty id; give it an id"),
        (made('{"id": 1}, 7'), r"nodes\[1\] is the number 7; write an object with a list of nodes"),
        (made('{"id": 1}, {"name": 2}'), r"nodes\[1\] has no 'id'; write an object"),
        (made('{"id": 1}', '{"source": 1}'), r"links\[0\] has no 'target'; write an object"),
        (made('{"id": 1}', '{"source": 1, "target": ""}'), r"links\[0\]: an end of this edge has"),
        (
            made('{"id": 1}', '{"source": 1, "target": [1]}'),
            r"links\[0\]: 'target' is a list; write ids as text",
        ),
        (
            made('{"name": "a"}', '{"source": 0, "target": -1}'),
            r"links\[0\]: a place in the list of nodes is negative; count places from 0",
        ),
        (
            made('{"id": 1}', '{"source": 1, "target": 1, "weight": null}'),
            r"links\[0\]: weight 'None' is not a positive finite number; correct it",
        ),
        ('{"nodes": [], "nodes": []}', "an object holds 'nodes' twice; keep one"),
        ('{"nodes": [], "links": [], "edges": []}', "has lists of both links and edges; keep one"),
        ('{"nodes": []}', "has no list of links or edges; write an object with a list of nodes"),
        ('{"nodes": {}, "links": []}', "nodes is an object; write an object with a list of nodes"),
        ("[1]", "is a list; write an object with a list of nodes"),
        ("null", "is null; write an object"),
        ('{"nodes":\n [}', r"line 2, column 3: is not JSON \(expecting value\); the file is damag"),
        ('{"a": 1}\n{"a": 2}', r"line 2, column 1: .* one object per line needs the suffix .jsonl"),
        ('{"nodes": ' + "[" * 100_000, "is nested too deeply; write an object"),
        (b'{"nodes":\n ["\xff', r"line 2: is not UTF-8 text \(byte 0xff\); save the file as UTF-8"),
    ],
)
def test_json_that_is_no_graph_is_one_line_with_its_place(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    refused(tmp_path / "graph.json", content, said)


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


def test_links_by_place_may_not_point_beyond_the_nodes_unseen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "graph.json"
    path.write_text(made('{"name": "x"}', '{"source": 0, "target": 5}'))
    assert read_graph(path).n_nodes == 2
    assert "added 1 node that only edges name, such as '5'" in caplog.text


@pytest.mark.parametrize(
    ("links", "weights"),
    [
        ('{"source": "a", "target": "b", "weight": 2}', [2]),
        ('{"source": "a", "target": "b", "value": 3}', [3]),
        ('{"source": "a", "target": "b", "value": 3, "weight": 2}', [2]),
        ('{"source": "a", "target": "b", "value": "strong"}', None),
        ('{"source": "a", "target": "b", "value": true}', None),
        ('{"source": "a", "target": "b"}, {"source": "b", "target": "c", "value": 3}', None),
    ],
)
def test_weights_are_called_weight_or_else_value(
    tmp_path: Path, links: str, weights: list[float] | None
) -> None:
    path = tmp_path / "graph.json"
    path.write_text(made('{"id": "a"}, {"id": "b"}, {"id": "c"}', links))
    found = read_graph(path).weights
    assert (None if found is None else found.tolist()) == weights


def test_what_is_understood_and_not_used_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "graph.json"
    path.write_text(
        '{"directed": true, "nodes": [{"id": "a", "size": 3}],'
        ' "links": [{"source": "b", "target": "a", "weight": 2, "kind": "x"}]}'
    )
    with caplog.at_level("INFO", logger="vgae"):
        graph = read_graph(path, directed=True)
    assert graph.ids[graph.edges].tolist() == [["b", "a"]]
    assert "links name nodes by 'id'; weights from 'weight'" in caplog.text
    assert "not used: 'size' of 1 node, 'kind' of 1 link" in caplog.text
    assert "undirected" not in caplog.text


def test_what_is_written_names_directions_ids_and_weights() -> None:
    handle = io.BytesIO()
    graph = Graph.from_edges(
        [(1, 0)], ids=["a", "b"], weights=np.array([0.5], np.float32), directed=True
    )
    write_json(Content(graph, [], Path("graph.json")), handle)
    assert json.loads(handle.getvalue()) == {
        "directed": True,
        "multigraph": False,
        "graph": {},
        "nodes": [{"id": "a"}, {"id": "b"}],
        "links": [{"source": "b", "target": "a", "weight": 0.5}],
    }
