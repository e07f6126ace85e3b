"""SIF, adjacency lists and edge lists with dictionaries."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path
from typing import Any

import pytest
from foreign import library
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from number import examples

from vgae.data.graph import Graph
from vgae.data.io import read_graph
from vgae.data.io.relations import _dictionary
from vgae.ground.errors import InputError


def put(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def edges(graph: Graph) -> list[list[Any]]:
    found: list[list[Any]] = graph.ids[graph.edges].tolist()
    return found


# ------------------------------------------------------------------------- SIF


def test_sif_has_relations_several_targets_and_nodes_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = "# about\na pp b c\nd\n\nb  pd   c\nc pp a\n"
    graph = read_graph(put(tmp_path, "e.sif", content))
    assert graph.ids.tolist() == ["a", "b", "c", "d"]
    assert edges(graph) == [["a", "b"], ["a", "c"], ["b", "c"]]
    assert graph.cleaning.reversed_duplicates == 1
    assert "2 kinds of edges ('pd', 'pp'); the graph does not" in caplog.text


def test_a_tab_anywhere_in_sif_leaves_blanks_to_the_names(tmp_path: Path) -> None:
    graph = read_graph(put(tmp_path, "e.sif", "New York\troad to\tSan Diego\tLA\nLa Paz\n"))
    assert graph.ids.tolist() == ["LA", "La Paz", "New York", "San Diego"]


def test_sif_of_nodes_alone_and_in_utf16_and_compressed(tmp_path: Path) -> None:
    assert read_graph(put(tmp_path, "e.sif", "a\nb\n")).n_isolated == 2
    for content in ("é x b\n".encode("utf-16"), gzip.compress("é x b".encode(), mtime=0)):
        graph = read_graph(put(tmp_path, "e.sif.gz", content))
        assert graph.ids.tolist() == ["b", "é"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("e.sif", "a pp b\nb pp\n", r"e\.sif, line 2: 'b pp' is not a source, a relation"),
        ("e.sif", "a\tpp\t\tb\n", "line 1: .* is not a source"),
        ("e.sif", "# only\n", "holds nothing but comments"),
        ("e.sif", b"a pp b\nb pp \xff\n", "line 2: is not UTF-8 text"),
        ("e.adjlist", "a \\N\n", "line 1: column 'target' holds '.*N', a missing value"),
        ("e.edgelist", "0 1 {}\n1 2\n", "line 2: '1 2' is not two node ids and a dictionary"),
        ("e.edgelist", "0 1 {}\na b 2 {}\n", "line 2: 'a b 2 {}' is not two node ids and a"),
        ("e.edgelist", "0 1 {'weight': 'x'}\n", "line 1: 'weight' holds .* not a finite number"),
        ("e.edgelist", "0 1 {'weight': [1]}\n", "line 1: 'weight' holds .* not a finite number"),
        (
            "e.edgelist",
            "0 1 {'weight': 1}\n1 2 {'weight': -1}\n",
            "line 2: column 'weight' holds -1, a negative",
        ),
        ("e.edgelist", "0 1 {'weight': inf}\n", "line 1: column 'weight' holds 'inf'"),
        (
            "e.edgelist",
            "0 1 {'a': {'b': " + "{" * 99 + "}" * 99 + "}}\n",
            "not a plain Python dictionary",
        ),
        (
            "e.edgelist",
            "0 1 {'a': __import__('os')}\n1 2 {'a' 3}\n",
            "line 2: .* not a plain Python dictionary",
        ),
    ],
)
def test_what_cannot_be_read_is_one_line_with_its_place(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_graph(put(tmp_path, name, content))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["e.sif", "e.adjlist", "e.edgelist"])
@pytest.mark.parametrize("option", ["source", "target", "header", "delimiter", "quote", "comment"])
def test_options_on_columns_make_no_sense_there(tmp_path: Path, name: str, option: str) -> None:
    path = put(tmp_path, name, "a x b {}\n" if name == "e.sif" else "a b {}\n")
    with pytest.raises(
        InputError, match=rf"--{option} \({option}=\) makes no sense with a .{name[2:]} file"
    ):
        read_graph(path, **{option: False if option == "header" else "x"})  # type: ignore[arg-type]


def test_a_weight_makes_no_sense_where_there_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--weight \(weight=\) makes no sense with a .sif file"):
        read_graph(put(tmp_path, "e.sif", "a x b\n"), weight=3)


# -------------------------------------------------------------- adjacency lists


def test_adjacency_lists_have_all_neighbours_and_nodes_alone(tmp_path: Path) -> None:
    graph = read_graph(put(tmp_path, "e.adjlist", "#x y\n0 1 2 # two\n\n1 0\n5\n2 3 3\n"))
    assert graph.ids.tolist() == [0, 1, 2, 3, 5]
    assert edges(graph) == [[0, 1], [0, 2], [2, 3]]
    assert (graph.cleaning.duplicates, graph.cleaning.reversed_duplicates) == (1, 1)


def test_node_ids_of_lists_may_become_integers_or_be_refused(tmp_path: Path) -> None:
    assert read_graph(put(tmp_path, "e.adjlist", "0.0 1.0\n2.0\n"), integer_ids=True).n_nodes == 3
    with pytest.raises(
        InputError, match="the id of a node without edges holds 'x', not an integer"
    ):
        read_graph(put(tmp_path, "e.adjlist", "0.0 1.0\nx\n"), integer_ids=True)


def test_a_node_alone_keeps_its_kind(tmp_path: Path) -> None:
    graph = read_graph(put(tmp_path, "e.adjlist", "1 2 3\n2\n4\n3 1\n"), bipartite=True)
    assert "source:4" in graph.ids.tolist()
    assert graph.n_edges == 3


@pytest.mark.parametrize("suffix", ["adjlist", "edgelist", "weighted.edgelist"])
def test_what_networkx_writes_is_read_as_networkx_reads_it(tmp_path: Path, suffix: str) -> None:
    networkx = library("networkx")
    made = networkx.karate_club_graph()
    path = tmp_path / f"e.{suffix}"
    write = {
        "adjlist": networkx.write_adjlist,
        "edgelist": networkx.write_edgelist,
        "weighted.edgelist": networkx.write_weighted_edgelist,
    }[suffix]
    write(made, path)
    graph = read_graph(path)
    assert {frozenset(pair) for pair in edges(graph)} == set(map(frozenset, made.edges))
    assert graph.n_edges == 78
    if suffix != "adjlist":
        assert graph.weights is not None
        weights = [made.edges[a, b]["weight"] for a, b in edges(graph)]
        assert graph.weights.tolist() == weights


# ------------------------------------------------- edge lists with dictionaries


def test_dictionaries_are_parsed_and_not_evaluated(tmp_path: Path) -> None:
    content = (
        "# made by someone\n0 1 {'weight': np.float64(2.5), 'when': datetime.now(), 't': (1, 2)}\n"
        "1 2 {'x': {'weight': 9}, 'cost': 4}\n2 3 {'name': 'a: \\'b\\', {', \"weight\": 3e1}\n"
    )
    path = put(tmp_path, "e.edgelist", content)
    graph = read_graph(path)
    assert graph.weights is not None
    assert graph.weights.tolist() == [2.5, 1.0, 30.0]
    assert read_graph(path, weight="cost").weights.tolist() == [1.0, 4.0, 1.0]  # type: ignore[union-attr]
    with pytest.raises(InputError, match="no edge has 'price' in its dictionary"):
        read_graph(path, weight="price")


def test_edges_without_a_weight_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    read_graph(put(tmp_path, "e.edgelist", "0 1 {'weight': 2}\n1 2 {}\n"))
    assert "1 edge has no weight; 1 is used" in caplog.text


def test_edge_lists_without_dictionaries_are_tables(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain = read_graph(put(tmp_path, "e.edgelist", "0 1\n1 2\n"))
    assert plain.weights is None
    with caplog.at_level(logging.INFO, logger="vgae"):
        weighted = read_graph(put(tmp_path, "e.edgelist", "0 1 0.5\n1 2 4\n"))
    assert weighted.weights is not None
    assert "weights from column 3" in caplog.text
    named = read_graph(put(tmp_path, "e.edgelist", "0 1 red\n1 2 blue\n"))
    assert named.weights is None


def test_the_parser_takes_time_in_proportion() -> None:
    import time

    for text in ("{'a': '" + "\\" * 200_000 + "'}", "{" + "'a': 1, " * 100_000 + "}"):
        started = time.perf_counter()
        try:
            _dictionary(text)
        except ValueError as error:
            assert len(str(error)) < 200
        assert time.perf_counter() - started < 2


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@settings(max_examples=examples(150), suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.text("abc'\"\\ :,{}[]", max_size=5), VALUES, max_size=4))
def test_any_dictionary_is_parsed(values: dict[str, Any]) -> None:
    found = _dictionary(repr(values))
    assert found == {repr(key)[1:-1]: repr(value) for key, value in values.items()}


@settings(max_examples=examples(300), suppress_health_check=list(HealthCheck))
@given(
    content=st.text(st.sampled_from("ab01 \t\n#{}':,.\\é\r"), max_size=60),
    suffix=st.sampled_from(["sif", "adjlist", "edgelist"]),
)
def test_any_text_is_read_or_refused(tmp_path_factory: Any, content: str, suffix: str) -> None:
    path = tmp_path_factory.getbasetemp() / f"fuzz.{suffix}"
    path.write_bytes(content.encode())
    try:
        graph = read_graph(path)
    except InputError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)
    else:
        assert graph.n_nodes
