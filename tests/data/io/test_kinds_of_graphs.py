"""Files of directed, bipartite, signed, typed and timed graphs, in every format."""

import logging
from pathlib import Path
from typing import Any

import pytest

from vgae import as_graph, read_graph, split_edges
from vgae.data.graph import Graph
from vgae.data.io import write_graph
from vgae.ground.errors import InputError

ROWS = "source,target,weight,when\na,b,2,2024-01-03\nb,a,3,2024-01-01\nb,c,-1,2024-01-02\n"


def put(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content)
    return path


def test_a_signed_table(tmp_path: Path) -> None:
    path = put(tmp_path, "e.csv", ROWS)
    graph = read_graph(path, signed=True)
    assert graph.kind == "signed"
    assert graph.weights is not None
    assert graph.weights.tolist() == [3.0, -1.0]
    with pytest.raises(InputError, match="line 4: column 'weight' holds -1, a negative weight"):
        read_graph(path)
    plain = put(tmp_path, "plain.csv", ROWS.replace("-1", "1"))
    with pytest.raises(InputError, match="no weight is negative, so that there is no sign"):
        read_graph(plain, signed=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("e.mtx", "%%MatrixMarket matrix coordinate real symmetric\n3 3 2\n2 1 -2\n3 2 1\n"),
        ("e.gml", "graph [ node [ id 0 ] node [ id 1 ] node [ id 2 ] "
                  "edge [ source 0 target 1 weight -2 ] edge [ source 1 target 2 weight 1 ] ]"),
        ("e.json", '{"nodes": [{"id": 0}, {"id": 1}, {"id": 2}], "links": '
                   '[{"source": 0, "target": 1, "weight": -2}, '
                   '{"source": 1, "target": 2, "weight": 1}]}'),
        ("e.net", "*Vertices 3\n1\n2\n3\n*Edges\n1 2 -2\n2 3 1\n"),
        ("m.csv", "0,-2,0,0\n-2,0,1,0\n0,1,0,0\n0,0,0,0\n"),
    ],
)  # fmt: skip
def test_negative_weights_in_every_format(tmp_path: Path, name: str, content: str) -> None:
    path = put(tmp_path, name, content)
    graph = read_graph(path, signed=True)
    assert graph.weights is not None
    assert graph.weights.tolist() == [-2.0, 1.0]
    with pytest.raises(InputError, match=r"signed"):
        read_graph(path)


def test_times_are_numbers_or_dates(tmp_path: Path) -> None:
    path = put(tmp_path, "e.csv", ROWS.replace("-1", "1"))
    graph = read_graph(path, time="when")
    day = 86_400.0
    assert graph.times is not None
    assert (graph.times / day).tolist() == [19723, 19724]
    assert graph.reading is not None
    assert graph.reading.time is not None
    assert "times from column 'when'" in str(graph.reading)
    assert split_edges(graph, seed=0, validation=0.0, test=0.5).test.positives.tolist() == [[1, 2]]
    numbers = read_graph(put(tmp_path, "n.csv", "a,b,7.5\nb,c,1e3\n"), time=3)
    assert numbers.times is not None
    assert numbers.times.tolist() == [7.5, 1000.0]
    pa = pytest.importorskip("pyarrow")
    frame = pa.table({"from": ["a", "b"], "to": ["b", "c"], "at": [3, 1]})
    times = as_graph(frame, time="at").times
    assert times is not None
    assert times.tolist() == [3, 1]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("soon", "line 3: column 'when' holds 'soon', neither a number nor a date"),
        ("", "line 3: column 'when' is empty"),
    ],
)
def test_what_is_no_time_is_one_line(tmp_path: Path, cell: str, said: str) -> None:
    content = ROWS.replace("-1", "1").replace("2024-01-01", cell)
    with pytest.raises(InputError, match=said) as caught:
        read_graph(put(tmp_path, "e.csv", content), time="when")
    assert "\n" not in str(caught.value)
    for options, line in (
        ({"time": "source"}, "holds the times .*name another"),
        ({"time": "wen"}, "unknown column 'wen': did you mean 'when'"),
    ):
        with pytest.raises(InputError, match=line):
            read_graph(put(tmp_path, "e.csv", content), **options)  # type: ignore[arg-type]


def test_files_of_two_kinds_are_bipartite(tmp_path: Path) -> None:
    path = put(tmp_path, "e.csv", "user_id,item_id\n1,1\n1,2\n2,1\n")
    graph = read_graph(path)
    assert graph.kind == "bipartite"
    assert graph.type_names == ("user_id", "item_id")
    assert graph.ids.tolist() == ["item_id:1", "item_id:2", "user_id:1", "user_id:2"]
    assert graph.node_types is not None
    assert graph.node_types.tolist() == [1, 1, 0, 0]
    assert read_graph(path, bipartite=False).kind == "undirected"
    assert read_graph(path, directed=True).kind == "directed"
    with pytest.raises(InputError, match="cannot be directed and bipartite"):
        read_graph(path, directed=True, bipartite=True)


def test_a_rectangular_matrix_market_file_is_bipartite_and_comes_back(tmp_path: Path) -> None:
    content = "%%MatrixMarket matrix coordinate real general\n2 3 3\n1 1 5\n1 3 1\n2 2 3\n"
    graph = read_graph(put(tmp_path, "m.mtx", content))
    assert graph.kind == "bipartite"
    assert graph.ids.tolist()[:3] == ["source:0", "source:1", "target:0"]
    for name in ("again.mtx", "again.npz"):
        write_graph(graph, tmp_path / name)
        assert read_graph(tmp_path / name).fingerprint == graph.fingerprint
    with pytest.raises(InputError, match="omit --no-bipartite"):
        read_graph(tmp_path / "m.mtx", bipartite=False)


def test_formats_that_do_not_tell_sides_ask_for_types(tmp_path: Path) -> None:
    graph = Graph.from_pairs([("ann", "tea"), ("bob", "tea")])
    write_graph(graph, tmp_path / "g.graphml")
    with pytest.raises(InputError, match="does not say which nodes are on which side"):
        read_graph(tmp_path / "g.graphml", bipartite=True)
    types = put(tmp_path, "t.csv", "node,type\nann,person\nbob,person\ntea,food\n")
    assert read_graph(tmp_path / "g.graphml", bipartite=True, types=types).kind == "bipartite"


@pytest.mark.parametrize("suffix", [".graphml", ".gexf", ".gml", ".net", ".json", ".csv", ".mtx"])
def test_directed_files_keep_their_arcs(tmp_path: Path, suffix: str) -> None:
    graph = Graph.from_edges([(0, 1), (1, 0), (2, 1)], directed=True)
    write_graph(graph, tmp_path / f"g{suffix}")
    assert read_graph(tmp_path / f"g{suffix}", directed=True).edges.tolist() == graph.edges.tolist()


def test_konect_files_say_their_kind(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "vgae")
    path = put(tmp_path, "out.asym", "% asym unweighted\n1 2\n2 1\n2 3\n")
    assert read_graph(path).n_edges == 2
    assert "edges have a direction, which is not kept; --directed" in caplog.text
    caplog.clear()
    assert read_graph(path, directed=True).n_edges == 3
    assert "direction" not in caplog.text


def test_weights_mean_what_the_user_says(tmp_path: Path) -> None:
    path = put(tmp_path, "e.csv", "source,target,weight\na,b,2\nb,c,1\n")
    assert read_graph(path).weight_means == "propagation"
    assert read_graph(path, weight_means="count").weight_means == "count"
    halves = put(tmp_path, "h.csv", "source,target,weight\na,b,0.5\nb,c,1\n")
    with pytest.raises(InputError, match=r"h.csv: weights: the edge .*: 0.5 is no count"):
        read_graph(halves, weight_means="count")
    wrong: Any = "counts"
    with pytest.raises(InputError, match="did you mean 'count'"):
        read_graph(path, weight_means=wrong)


def test_isolated_nodes_join_the_side_that_their_id_names(tmp_path: Path) -> None:
    edges = put(tmp_path, "e.csv", "user,item\n1,1\n2,1\n")
    nodes = put(tmp_path, "n.csv", "node,age\nuser:1,1\nuser:2,2\nitem:1,3\nuser:9,4\n")
    graph = read_graph(edges, features=nodes, isolated=True)
    assert graph.kind == "bipartite"
    assert graph.node_types is not None
    assert dict(zip(graph.ids, graph.node_types, strict=True))["user:9"] == 0
    strange = put(tmp_path, "s.csv", "node,age\nuser:1,1\nuser:2,2\nitem:1,3\nx,4\n")
    with pytest.raises(InputError, match="node 'x': neither its id nor its links tell its type"):
        read_graph(edges, features=strange, isolated=True)
