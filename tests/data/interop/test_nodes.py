"""Node features in memory: data frames, encoded as files are, and arrays in the order of nodes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from foreign import library
from scipy import sparse

from vgae import VGAE
from vgae.data.graph import Graph
from vgae.data.interop import as_graph, as_training_split, later_features
from vgae.data.io import read_graph
from vgae.data.split import split_edges
from vgae.data.tables import write_table
from vgae.ground.errors import InputError

Maker = Callable[[dict[str, list[Any]]], Any]

EDGES = {"from": ["ann", "bob"], "to": ["bob", "cid"]}
PEOPLE: dict[str, list[Any]] = {
    "node": ["bob", "cid", "ann"],
    "age": [44, 29, 31],
    "team": ["red", "blue", "red"],
    "bio": ["paints cats and dogs", "walks dogs at night", "reads of dogs and cats"],
}
ENCODED = [[31, 0, 1], [44, 0, 1], [29, 1, 0]]
FEW = {name: PEOPLE[name] for name in ("node", "age", "team")}


def pandas(columns: dict[str, list[Any]]) -> Any:
    return library("pandas").DataFrame(columns)


def polars(columns: dict[str, list[Any]]) -> Any:
    return library("polars").DataFrame(columns)


def arrow(columns: dict[str, list[Any]]) -> Any:
    return pa.table(columns)


every_frame = pytest.mark.parametrize("frame", [pandas, polars, arrow])


def dense(graph: Graph) -> Any:
    features: Any = graph.features
    return features.toarray() if sparse.issparse(features) else features


# ------------------------------------------------------------------ data frames


@every_frame
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"standardize": True},
        {"attributes": {"bio": "tfidf", "age": "category", "team": "ignore"}},
        {"missing": "mean"},
    ],
)
def test_frames_and_files_are_encoded_alike(
    frame: Maker, options: dict[str, Any], tmp_path: Path
) -> None:
    for suffix in (".csv", ".parquet"):
        write_table(tmp_path / f"edges{suffix}", EDGES)
        write_table(tmp_path / f"people{suffix}", PEOPLE)
        read = read_graph(
            tmp_path / f"edges{suffix}", features=tmp_path / f"people{suffix}", **options
        )
        made = as_graph(frame(EDGES), features=frame(PEOPLE), **options)
        assert made.fingerprint == read.fingerprint
        assert made.feature_encoding == read.feature_encoding


@every_frame
def test_frames_go_with_every_kind_of_graph(frame: Maker) -> None:
    networkx = library("networkx")
    pairs = [("ann", "bob"), ("bob", "cid")]
    for data in (
        pairs,
        np.array(pairs),
        networkx.Graph(pairs),
        Graph.from_pairs(pairs),
        frame(EDGES),
    ):
        graph = as_graph(data, features=frame(FEW))
        assert graph.ids.tolist() == ["ann", "bob", "cid"]
        assert dense(graph).tolist() == ENCODED


@every_frame
@pytest.mark.parametrize("name", ["node", "ID", "node_id", "person"])
def test_ids_are_in_the_column_called_so_or_in_the_first(frame: Maker, name: str) -> None:
    columns = {"age": FEW["age"], name: FEW["node"], "team": FEW["team"]}
    if name == "person":
        columns = {name: FEW["node"], "age": FEW["age"], "team": FEW["team"]}
    assert dense(as_graph(frame(EDGES), features=frame(columns))).tolist() == ENCODED


def test_ids_may_be_the_index_of_pandas() -> None:
    people = pandas(FEW)
    for indexed in (people.set_index("node"), people.set_index("node").rename_axis(None)):
        assert dense(as_graph(pandas(EDGES), features=indexed)).tolist() == ENCODED
    kept = people.iloc[::-1]  # an index that is left over, and names no node
    assert dense(as_graph(pandas(EDGES), features=kept)).tolist() == ENCODED
    renamed = people.rename(columns={"node": "person"}).iloc[::-1]
    assert dense(as_graph(pandas(EDGES), features=renamed)).tolist() == ENCODED
    surrogate = people.rename(columns={"node": "name"}).assign(id=[7, 8, 9])
    graph = as_graph(pandas(EDGES), features=surrogate.set_index("name"))
    assert graph.feature_encoding is not None
    assert [column["name"] for column in graph.feature_encoding["columns"]] == ["age", "team", "id"]


def test_an_index_that_counts_is_taken_where_nothing_else_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    frame = pandas({"age": [31, 44, 29], "team": ["red", "red", "blue"]})
    graph = as_graph([(2, 1), (1, 0)], features=frame)
    assert dense(graph).tolist() == [[31, 0, 1], [44, 0, 1], [29, 1, 0]]
    assert "features: 2 columns; node ids from the index (first: '0')" in caplog.messages
    permuted = pandas({"person": [2, 0, 1], "age": [29, 31, 44]})
    assert dense(as_graph([(2, 1), (1, 0)], features=permuted)).ravel().tolist() == [31, 44, 29]


@every_frame
@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({"node": ["bob", "zed", "ann"]}, {}, "row 1: node 'zed' is not in the edges (1 such row)"),
        ({"node": ["bob", "bob", "ann"]}, {}, "row 1: a second row for node 'bob'"),
        (
            {"node": ["bob", "zed", "ann"]},
            {"isolated": True},
            "features: no features for node 'cid' of the edges",
        ),
        (
            {"age": [44, None, 31]},
            {},
            "row 1 (node 'cid'): column 'age' is empty; fill it, or make the graph with "
            "vgae.as_graph(..., missing='mean') or 'zero'",
        ),
        (
            {"age": ["44", "31", "old"]},
            {},
            "row 2 (node 'ann'): column 'age' holds 'old', not a finite number",
        ),
        ({"node": ["bob", None, "ann"]}, {}, "row 1: column 'node' is missing"),
        ({}, {"attributes": {"agee": "number"}}, "unknown column 'agee': did you mean 'age'?"),
        ({}, {"attributes": {"age": "numbr"}}, "column 'age': unknown kind 'numbr'"),
        ({}, {"missing": "median"}, "unknown treatment of missing cells 'median'"),
        (
            {"team": ["x", "y", "z"], "age": [[1], [2], [3]]},
            {},
            "not numbers or text; convert it, or leave it out with "
            "vgae.as_graph(..., attributes={'age': 'ignore'})",
        ),
    ],
)
def test_bad_frames_are_one_clear_line(
    frame: Maker, change: dict[str, list[Any]], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError) as caught:
        as_graph(frame(EDGES), features=frame(FEW | change), **options)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "--attribute" not in str(caught.value)
    assert str(caught.value).startswith(("features", "unknown treatment"))


def test_mixed_and_nested_columns_of_pandas_are_refused() -> None:
    for cells in ([1, "a", 2], [object(), 1, 2]):
        with pytest.raises(InputError, match="features: column 'age' mixes types, or holds other"):
            as_graph(pandas(EDGES), features=pandas(FEW | {"age": cells}))
    assert (
        as_graph(
            pandas(EDGES), features=pandas(FEW | {"age": [1, "a", 2]}), attributes={"age": "ignore"}
        ).n_features
        == 2
    )


@every_frame
def test_isolated_nodes_may_join(frame: Maker) -> None:
    people = {
        name: [*cells, cell]
        for (name, cells), cell in zip(FEW.items(), ("dan", 9, "red"), strict=True)
    }
    graph = as_graph(frame(EDGES), features=frame(people), isolated=True)
    assert graph.ids.tolist() == ["ann", "bob", "cid", "dan"]
    assert graph.degrees.tolist() == [1, 2, 1, 0]
    assert dense(graph)[3].tolist() == [9, 0, 1]
    assert graph.reading is not None
    with pytest.raises(InputError, match="row 3: node 'dan' is not in the edges .*isolated=True"):
        as_graph(frame(EDGES), features=frame(people))


def test_users_and_items_get_the_features_of_their_long_ids() -> None:
    edges = arrow({"user": [1, 2], "item": [1, 1], "n": [3, 4]})
    nodes = arrow({"id": ["item:1", "user:1", "user:2"], "x": [1.0, 2.0, 3.0]})
    assert dense(as_graph(edges, features=nodes)).ravel().tolist() == [1, 2, 3]
    assert as_graph(edges, bipartite=False).ids.tolist() == [1, 2]
    plain = arrow({"a": [1, 2], "b": [1, 1]})
    assert as_graph(plain, bipartite=True).ids.tolist() == ["a:1", "a:2", "b:1"]


# ------------------------------------------------------------ columns of the edges


@every_frame
def test_columns_of_edges_can_be_named(frame: Maker, caplog: pytest.LogCaptureFixture) -> None:
    columns: dict[str, list[Any]] = {
        "from": ["x", "y"],
        "k": [1, 2],
        "a": ["ann", "bob"],
        "b": ["bob", "cid"],
    }
    graph = as_graph(frame(columns), source="b", target="a", weight="k", directed=True)
    assert graph.ids[graph.edges].tolist() == [["bob", "ann"], ["cid", "bob"]]
    assert graph.weights is not None
    assert graph.weights.tolist() == [1, 2]
    numbered = as_graph(frame(columns), source=4, target=3, weight=2, directed=True)
    assert numbered.fingerprint == graph.fingerprint
    for options, said in (
        ({"source": "aa"}, "unknown column 'aa': did you mean 'a'"),
        ({"source": 7}, "no column 7; there are 4"),
        ({"source": "a", "target": "a"}, "source and target are both column 'a'"),
    ):
        with pytest.raises(InputError, match=said):
            as_graph(frame(columns), **options)
    as_graph(frame({name: columns[name] for name in "abk"}))
    assert "a guess: vgae.as_graph(..., source=..., target=...) names others" in caplog.text


@pytest.mark.parametrize("option", ["source", "target", "weight", "time"])
def test_options_of_tables_are_refused_with_other_objects(option: str) -> None:
    for data in ([("a", "b")], sparse.csr_array(np.eye(2)), Graph.from_pairs([("a", "b")])):
        with pytest.raises(InputError, match=f"{option}: makes no sense with a"):
            as_graph(data, **{option: 1})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options", [{"attributes": {"x": "text"}}, {"standardize": True}, {"missing": "mean"}]
)
def test_options_of_attributes_need_a_frame(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="need features"):
        as_graph([(0, 1)], **options)
    with pytest.raises(InputError, match="are for a data frame"):
        as_graph([(0, 1)], features=np.eye(2), **options)


# ---------------------------------------------------------------- arrays and others


def test_rows_of_arrays_follow_nodes_that_have_an_order() -> None:
    networkx = library("networkx")
    values = np.arange(6.0).reshape(3, 2)
    words = networkx.Graph([("c", "a"), ("a", "b")])  # in this order: c, a, b
    for features in (values, values.tolist(), sparse.csr_array(values), sparse.coo_array(values)):
        for data in (
            words,
            sparse.csr_array(1 - np.eye(3)),
            Graph.from_pairs([("a", "b"), ("b", "c")]),
        ):
            graph = as_graph(data, features=features)
            np.testing.assert_array_equal(dense(graph), values)
            assert graph.feature_encoding is None
    with pytest.raises(InputError, match="features: 2 rows for 3 nodes"):
        as_graph(words, features=values[:2])
    with pytest.raises(InputError, match="isolated: the rows of an array have no ids"):
        as_graph(words, features=values, isolated=True)
    numbers = networkx.Graph([(2, 0), (0, 1)])  # in this order: 2, 0, 1
    with pytest.raises(InputError, match="the first node, '2', or node '0'"):
        as_graph(numbers, features=values)


def test_rows_of_arrays_are_those_of_integer_ids_elsewhere() -> None:
    values = np.arange(6.0).reshape(3, 2)
    for pairs in ([(2, 1), (1, 0)], np.array([(2, 1), (1, 0)]), arrow({"u": [2, 1], "v": [1, 0]})):
        np.testing.assert_array_equal(dense(as_graph(pairs, features=values)), values)
    assert as_graph([(1, 0)], features=values, isolated=True).degrees.tolist() == [1, 1, 0]
    with pytest.raises(InputError, match="features, row 2: node '2' is not in the edges"):
        as_graph([(1, 0)], features=values)
    with pytest.raises(InputError, match="rows without ids fit integer node ids only"):
        as_graph([("a", "b")], features=values[:2])
    with pytest.raises(InputError, match=r"features, row 1, column 0: nan"):
        as_graph([(0, 1)], features=[[1.0], [np.nan]])


def test_torch_tensors_are_features() -> None:
    torch = library("torch")
    values = torch.eye(3)
    for features in (values, values.to_sparse()):
        assert dense(as_graph([(0, 1), (1, 2)], features=features)).tolist() == np.eye(3).tolist()


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ("people.csv", "'people.csv' is a path; .*vgae.read_graph"),
        (Path("people.csv"), "is a path"),
        ({"ann": 1}, "cannot use dict of this form"),
        ([1.0, 2.0], "cannot use list of this form"),
        ([["red"], ["blue"]], "cannot use list of this form"),
        ([[1.0], [2.0, 3.0]], "rows of different lengths"),
        (7, "cannot use int of this form"),
    ],
)
def test_what_is_no_table_of_features_is_refused(features: Any, said: str) -> None:
    with pytest.raises(InputError, match=f"^features: .*{said}") as caught:
        as_graph([(0, 1)], features=features)
    assert "\n" not in str(caught.value)


def test_a_series_is_no_table() -> None:
    with pytest.raises(InputError, match=r"a Series is no table; give its to_frame\(\)"):
        as_graph([("ann", "bob")], features=pandas(FEW).set_index("node")["age"])


def test_a_split_has_the_features_of_its_graph(ring: Graph) -> None:
    split = split_edges(ring, seed=0)
    for data in (split, split.training):
        with pytest.raises(InputError, match="a split has those of its graph"):
            as_training_split(data, features=np.eye(40))
    assert as_training_split(ring, features=np.eye(40)).graph.n_features == 40


# ---------------------------------------------------------------- later tables


@every_frame
def test_later_frames_are_encoded_as_the_first_one_was(
    frame: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    encoding = as_graph(frame(EDGES), features=frame(FEW), standardize=True).feature_encoding
    later: dict[str, list[Any]] = {"shoe": [43], "team": ["green"], "id": ["dan"], "age": [31]}
    features, ids = later_features(frame(later), None, encoding)
    assert list(ids or ()) == ["dan"]
    assert features[0, 1:].tolist() == [0, 0]
    assert "not used, as the features had no such column: column 'shoe'" in caplog.text
    assert "1 cell of an unknown category, taken as none: 'green'" in caplog.text
    named = frame({"age": [31], "team": ["red"]})
    features, ids = later_features(named, ["dan"], encoding)
    assert (features[0, 1:].tolist(), ids) == ([0, 1], ["dan"])
    with pytest.raises(InputError, match="features: no attribute column 'team'"):
        later_features(frame({"id": ["dan"], "age": [31]}), None, encoding)
    with pytest.raises(InputError, match="no column of node ids"):
        later_features(named, None, encoding)


def test_an_index_names_later_nodes() -> None:
    encoding = as_graph(pandas(EDGES), features=pandas(FEW)).feature_encoding
    later = pandas({"node": ["dan"], "age": [31], "team": ["red"]}).set_index("node")
    features, ids = later_features(later, None, encoding)
    assert (features.tolist(), list(ids or ())) == ([[31, 0, 1]], ["dan"])


def test_what_is_no_frame_stays_as_it_is() -> None:
    values = np.eye(2)
    assert later_features(values, ["a", "b"], None) == (values, ["a", "b"])
    assert later_features(None, None, None) == (None, None)


@every_frame
def test_without_an_encoding_later_columns_are_numbers(frame: Maker) -> None:
    features, _ = later_features(frame({"id": ["dan"], "age": [31]}), None, None)
    assert features.tolist() == [[31]]
    with pytest.raises(InputError, match="column 'age' holds 'old', not a finite number"):
        later_features(frame({"id": ["dan"], "age": ["old"]}), None, None)


def test_where_ids_were_found_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "vgae"):
        as_graph(pandas(EDGES), features=pandas(FEW).set_index("node"))
        as_graph(pandas(EDGES), features=pandas(FEW))
    assert "features: 2 columns; node ids from the index (first: 'bob')" in caplog.messages
    assert "features: 3 columns; node ids from column 'node' (first: 'bob')" in caplog.messages


def test_advice_within_fit_is_about_as_graph(caplog: pytest.LogCaptureFixture) -> None:
    """`fit` has none of the options that `as_graph` has."""
    model = VGAE(steps=2)
    isolated = r"with vgae.as_graph\(..., isolated=True\)"
    with pytest.raises(InputError, match=isolated):
        model.fit(arrow(EDGES), features=arrow(FEW | {"node": ["ann", "bob", "zed"]}))
    with pytest.raises(InputError, match=isolated):
        model.fit([(0, 1)], features=np.eye(3))
    with pytest.raises(InputError, match=r"say what one holds with vgae.as_graph\("):
        model.fit(arrow(EDGES), features=arrow({"node": FEW["node"], "mail": ["x", "y", "z"]}))
    columns: dict[str, list[Any]] = {
        "k": [7, 8, 9],
        "a": ["ann", "bob", "ann"],
        "b": ["bob", "cid", "cid"],
    }
    caplog.clear()
    model.fit(arrow(columns))
    assert "vgae.as_graph(..., source=..., target=...) names others" in caplog.text
    caplog.clear()
    model.predict_proba(arrow({name: columns[name] for name in "abk"}))
    assert "a guess: call others source and target" in caplog.text
    assert "source=" not in caplog.text
    with pytest.raises(InputError, match="an end of the edges too; call others source and target"):
        model.predict_proba(arrow({"a": ["ann"], "weight": ["bob"]}))
