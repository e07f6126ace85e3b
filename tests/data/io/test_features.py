"""Feature files: which row belongs to which node, what is a header, and matrices."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pytest
from command import Caller, refused
from scipy import sparse

from vgae.data.graph import Graph
from vgae.data.io import read_graph, read_new_features
from vgae.ground.errors import InputError


def put(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content)
    return path


@pytest.fixture
def edges(tmp_path: Path) -> Path:
    return put(tmp_path, "edges.csv", "a,b\nb,c\n")


@pytest.mark.parametrize(
    "content",
    ["b,1,2\nc,3,4\na,5,6\n", "node,x,y\nb,1,2\nc,3,4\na,5,6\n", "x,id,y\n1,b,2\n3,c,4\n5,a,6\n"],
)
def test_feature_rows_are_put_in_the_order_of_the_nodes(
    tmp_path: Path, edges: Path, content: str
) -> None:
    graph = read_graph(edges, features=put(tmp_path, "nodes.csv", content))
    assert isinstance(graph.features, np.ndarray)
    assert graph.features.tolist() == [[5, 6], [1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("node,x\na,1\nb,2\nc,3\nd,4\n", r"line 5: node 'd' is not in .*--isolated"),
        ("node,x\na,1\nb,2\n", "no features for node 'c'"),
        ("node,x\na,1\nb,2\nc,3\na,4\n", "line 5: a second row for node 'a'"),
        ("node,x\na,1\nb,nan\nc,3\n", "line 3: column 'x' holds 'nan', not a finite number"),
        ("node,x\na,1\nb,inf\nc,3\n", "line 3"),
        ("node,x\na,1\nb,\nc,3\n", "line 3: column 'x' is empty"),
        ("node,x\na,1\nb,red\nc,3\n", "line 3: column 'x' holds 'red'"),
        ("node,x\na,1\nb,1e39\nc,3\n", "line 3: column 'x' holds '1e39'"),
        ("node\na\nb\nc\n", "only one column"),
        ("node,x\na,1\nb\nc,3\n", "line 3: 1 column"),
    ],
)
def test_bad_features_are_one_clear_line(
    tmp_path: Path, edges: Path, content: str, said: str
) -> None:
    path = put(tmp_path, "nodes.csv", content)
    with pytest.raises(InputError, match=said) as caught:
        read_graph(edges, features=path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_isolated_nodes_may_be_kept(tmp_path: Path, edges: Path) -> None:
    path = put(tmp_path, "nodes.csv", "node,x\na,1\nb,2\nc,3\nd,4\n")
    graph = read_graph(edges, features=path, isolated=True)
    assert graph.ids.tolist() == ["a", "b", "c", "d"]
    assert graph.degrees.tolist() == [1, 2, 1, 0]
    assert isinstance(graph.features, np.ndarray)
    assert graph.features.ravel().tolist() == [1, 2, 3, 4]
    numbers = put(tmp_path, "n.csv", "1,2\n")
    with pytest.raises(InputError, match="'d' is text|'a' is text"):
        read_graph(numbers, features=path, isolated=True)


def test_matrices_belong_to_integer_ids(tmp_path: Path, edges: Path) -> None:
    values = np.arange(8.0).reshape(4, 2)
    np.save(tmp_path / "x.npy", values)
    sparse.save_npz(tmp_path / "x.npz", sparse.csr_array(values))
    numbers = put(tmp_path, "n.csv", "3,1\n0,2\n1,2\n")
    from_dense = read_graph(numbers, features=tmp_path / "x.npy")
    from_sparse = read_graph(numbers, features=tmp_path / "x.npz")
    assert isinstance(from_dense.features, np.ndarray)
    np.testing.assert_array_equal(from_dense.features, values)
    assert from_sparse.features is not None
    np.testing.assert_array_equal(from_sparse.features.toarray(), values)  # type: ignore[union-attr]
    with pytest.raises(InputError, match="integer node ids only"):
        read_graph(edges, features=tmp_path / "x.npy")
    with pytest.raises(InputError, match=r"row 2: node '2' is not in .*\(1 such row\)"):
        read_graph(put(tmp_path, "m.csv", "0,1\n1,3\n"), features=tmp_path / "x.npy")
    with pytest.raises(InputError, match="no features for node '4'"):
        read_graph(put(tmp_path, "m.csv", "0,1\n1,3\n2,4\n"), features=tmp_path / "x.npy")


def test_matrices_that_are_none(tmp_path: Path, edges: Path) -> None:
    objects = np.empty(1, dtype=object)
    objects[0] = print
    np.save(tmp_path / "objects.npy", objects, allow_pickle=True)
    (tmp_path / "text.npz").write_text("no")
    np.save(tmp_path / "flat.npy", np.arange(3.0))
    for name, said in [
        ("objects.npy", "holds Python objects"),
        ("text.npz", "cannot be read"),
        ("flat.npy", "not \\(n_nodes"),
        ("none.npy", "no such file"),
    ]:
        with pytest.raises(InputError, match=said):
            read_graph(edges, features=tmp_path / name)


def test_a_first_row_that_is_a_node_is_no_header(
    tmp_path: Path, edges: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = put(tmp_path, "nodes.csv", "a,red\nb,blue\nc,green\n")
    graph = read_graph(edges, features=path, attributes={"2": "category"})
    assert graph.n_features == 3
    path = put(tmp_path, "nodes.csv", "zed,red\na,blue\nb,green\nc,grey\n")
    read_graph(edges, features=path, isolated=True, attributes={"red": "category"})
    assert "the first row, 'zed', 'red', is taken for the names of columns" in caplog.text


def test_later_tables_have_a_header_as_the_first_one_had(tmp_path: Path, edges: Path) -> None:
    path = put(tmp_path, "nodes.csv", "a,red\nb,blue\nc,red\n")
    encoding = read_graph(edges, features=path, attributes={"2": "category"}).feature_encoding
    ids, matrix = read_new_features(put(tmp_path, "new.csv", "gil,red\nhub,blue\n"), encoding)
    assert ids.tolist() == ["gil", "hub"]
    assert np.asarray(matrix).tolist() == [[0, 1], [1, 0]]


def test_features_from_an_arrow_stream(tmp_path: Path, edges: Path) -> None:
    table = pa.table({"node": ["a", "b", "c"], "x": [1.0, 2.0, 3.0]})
    with pa.ipc.new_stream(str(tmp_path / "n.arrows"), table.schema) as writer:
        writer.write_table(table)
    assert read_graph(edges, features=tmp_path / "n.arrows").n_features == 1


def test_ids_may_stand_anywhere_in_a_later_table(tmp_path: Path, edges: Path) -> None:
    path = put(tmp_path, "n.csv", "name,age,city\na,1,x\nb,2,y\nc,3,x\n")
    encoding = read_graph(edges, features=path).feature_encoding
    ids, matrix = read_new_features(put(tmp_path, "new.csv", "city,age,name\ny,7,gil\n"), encoding)
    assert ids.tolist() == ["gil"]
    assert np.asarray(matrix).tolist() == [[7, 0, 1]]


@pytest.mark.parametrize(
    ("content", "n_features", "header"),
    [
        ("person,2019,2020\na,1,2\nb,3,4\nc,5,6\n", 2, True),  # years are names here
        ("person,red\na,red\nb,blue\nc,red\n", 2, True),
        ("node,7\na,3\nb,4\nc,5\n", 1, True),
        ("a,na\nb,4\nc,5\n", 1, False),
        ("Unnamed: 0,node,age\n0,a,3\n1,b,4\n2,c,5\n", 1, True),
    ],
)
def test_headers_of_attribute_tables(
    tmp_path: Path, edges: Path, content: str, n_features: int, header: bool
) -> None:
    path = put(tmp_path, "n.csv", content)
    graph = read_graph(edges, features=path, missing="mean")
    assert graph.n_features == n_features
    assert graph.feature_encoding is not None
    names = [column["name"] for column in graph.feature_encoding["columns"]]
    assert (names[0] is not None) == header


def test_a_node_called_node(tmp_path: Path) -> None:
    edges = put(tmp_path, "e.csv", "node,ann\nann,bob\n")
    path = put(tmp_path, "n.csv", "node,7\nann,3\nbob,4\n")
    graph = read_graph(edges, features=path)
    assert isinstance(graph.features, np.ndarray)
    assert graph.features.ravel().tolist() == [3, 4, 7]


def test_a_later_table_may_have_a_header_the_first_one_lacked(tmp_path: Path, edges: Path) -> None:
    path = put(tmp_path, "nodes.csv", "a,red\nb,blue\nc,red\n")
    encoding = read_graph(edges, features=path, attributes={"2": "category"}).feature_encoding
    ids, _ = read_new_features(put(tmp_path, "new.csv", "node,team\nzed,red\n"), encoding)
    assert ids.tolist() == ["zed"]


def test_row_numbers_of_a_data_frame_are_no_attributes(tmp_path: Path, edges: Path) -> None:
    path = put(tmp_path, "n.csv", ",id,x\n0,a,1\n1,b,2\n2,c,3\n")
    assert read_graph(edges, features=path).n_features == 1


# --------------------------------------------- a header above rows that are no nodes

AGES = "person,age\na,31\nb,44\nc,29\n"
TEAMS = "person,team\na,red\nb,blue\nc,red\n"
YEARS = "person,2019,2020\na,1,2\nb,3,4\nc,5,6\n"


def first_name(graph: Graph) -> object:
    assert graph.feature_encoding is not None
    return graph.feature_encoding["columns"][0]["name"]


@pytest.mark.parametrize(
    ("content", "row"), [(AGES, "zed,9"), (TEAMS, "zed,red"), (YEARS, "zed,9,8")]
)
@pytest.mark.parametrize("number", [2, 5])
def test_one_unknown_node_does_not_make_a_header_a_row(
    tmp_path: Path, edges: Path, content: str, row: str, number: int
) -> None:
    lines = content.splitlines()
    lines.insert(number - 1, row)
    path = put(tmp_path, "nodes.csv", "\n".join(lines) + "\n")
    with pytest.raises(InputError) as caught:
        read_graph(edges, features=path)
    assert str(caught.value) == (
        f"{path}, line {number}: node 'zed' is not in {edges} (1 such row); remove them, or keep "
        "them as nodes without edges with --isolated (isolated=True)"
    )


@pytest.mark.parametrize(("content", "row"), [(AGES, "zed,9"), (TEAMS, "zed,red")])
def test_isolated_nodes_leave_a_header_what_it_is(
    tmp_path: Path, edges: Path, content: str, row: str
) -> None:
    path = put(tmp_path, "nodes.csv", f"{content}{row}\n")
    graph = read_graph(edges, features=path, isolated=True)
    assert graph.ids.tolist() == ["a", "b", "c", "zed"]
    assert first_name(graph) in ("age", "team")


def test_a_table_of_other_nodes_names_the_first_of_them(tmp_path: Path, edges: Path) -> None:
    path = put(tmp_path, "nodes.csv", "x,31\ny,44\nz,29\n")
    with pytest.raises(InputError) as caught:
        read_graph(edges, features=path)
    assert str(caught.value) == (
        f"{path}, line 1: node 'x' is not in {edges} (3 such rows); remove them, or keep them as "
        "nodes without edges with --isolated (isolated=True); if that line names the columns, say "
        "so with --features-header (features_header=True)"
    )


def test_the_caller_may_say_what_the_first_row_is(tmp_path: Path, edges: Path) -> None:
    years = put(tmp_path, "years.csv", f"{YEARS}zed,7,8\n")
    graph = read_graph(edges, features=years, isolated=True)
    assert "person" in graph.ids.tolist()  # nothing tells it from a node
    named = read_graph(edges, features=years, isolated=True, features_header=True)
    assert named.ids.tolist() == ["a", "b", "c", "zed"]
    assert first_name(named) == "2019"
    zed = put(tmp_path, "zed.csv", "zed,green\na,red\nb,blue\nc,red\n")
    options: dict[str, Any] = {"isolated": True, "attributes": {"2": "category"}}
    assert read_graph(edges, features=zed, **options).n_nodes == 3
    assert read_graph(edges, features=zed, features_header=False, **options).n_nodes == 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "zed,green\na,red\nb,blue\nc,red\n",
            "the first row, 'zed', 'green', is taken for the names of columns; "
            "--no-features-header (features_header=False) says otherwise",
        ),
        (
            "zed,7\na,5\nb,6\nc,9\n",
            "the first row, 'zed', '7', is taken for a node; --features-header "
            "(features_header=True) says otherwise",
        ),
    ],
)
def test_what_the_first_row_is_taken_for_is_said(
    tmp_path: Path, edges: Path, content: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = put(tmp_path, "nodes.csv", content)
    read_graph(edges, features=path, isolated=True)
    assert caplog.messages[0] == f"{path}: {said}"
    assert caplog.records[0].levelno == logging.WARNING
    caplog.clear()
    read_graph(edges, features=path, isolated=True, features_header="no-" in said)
    assert "is taken for" not in caplog.text


def test_a_header_is_given_with_tables_alone(tmp_path: Path, edges: Path) -> None:
    np.save(tmp_path / "x.npy", np.eye(3))
    with pytest.raises(InputError, match="--features-header are for tables"):
        read_graph(edges, features=tmp_path / "x.npy", features_header=True)
    with pytest.raises(InputError, match="--features-header need a feature file"):
        read_graph(edges, features_header=False)


def test_missing_numbers_leave_a_header_what_it_is(tmp_path: Path, edges: Path) -> None:
    path = put(tmp_path, "nodes.csv", "person,age\na,31\nb,NA\nc,5\nzed,9\nyan,8\nxi,7\n")
    options: dict[str, Any] = {"isolated": True, "missing": "mean"}
    assert read_graph(edges, features=path, **options).n_nodes == 6


def test_the_command_line_has_the_option_too(call: Caller, folder: Path) -> None:
    """For tables of features, and for those of new nodes."""
    put(folder, "e.csv", "a,b\nb,c\n")
    put(folder, "n.csv", f"{YEARS}zed,7,8\n")
    features = ("e.csv", "--features", "n.csv")
    error = refused(call, folder, "inspect", *features)
    assert error.startswith("Error: n.csv, line 5: node 'zed' is not in e.csv")
    arguments = (*features, "--isolated", "--json")
    for option, n_nodes in (("--features-header", 4), ("--no-features-header", 5)):
        assert json.loads(call("inspect", *arguments, option).out)["n_nodes"] == n_nodes
    fit = ("fit", *features, "--isolated", "--features-header", "--no-holdout", "--steps", 2)
    assert call(*fit, "--out", "run").status == 0
    put(folder, "new.csv", "gil,5,6\n")
    new = ("recommend", "run", "--node", "gil", "--new-nodes", "new.csv")
    assert "no attribute column '2019', '2020'" in refused(call, folder, *new)
    assert call(*new, "--no-features-header").status == 0
    assert "needs a table of new nodes" in refused(
        call, folder, "recommend", "run", "--features-header"
    )


# ------------------------------------------------------------- tables of new nodes


def test_text_above_numbers_is_a_header_of_a_later_table(tmp_path: Path, edges: Path) -> None:
    bare = put(tmp_path, "nodes.csv", "a,31\nb,44\nc,29\n")
    encoding = read_graph(edges, features=bare).feature_encoding
    ids, matrix = read_new_features(put(tmp_path, "new.csv", "person,age\ngil,7\n"), encoding)
    assert ids.tolist() == ["gil"]
    assert np.asarray(matrix).tolist() == [[7]]


def test_the_caller_may_say_what_the_first_row_of_a_later_table_is(
    tmp_path: Path, edges: Path
) -> None:
    encoding = read_graph(edges, features=put(tmp_path, "nodes.csv", TEAMS)).feature_encoding
    path = put(tmp_path, "new.csv", "gil,red\nhub,blue\n")
    with pytest.raises(InputError, match="no attribute column 'team'"):
        read_new_features(path, encoding)
    ids, matrix = read_new_features(path, encoding, header=False)
    assert ids.tolist() == ["gil", "hub"]
    assert np.asarray(matrix).tolist() == [[0, 1], [1, 0]]
    numbers = put(tmp_path, "numbers.csv", "gil,1\nhub,2\n")
    assert read_new_features(numbers, None)[0].tolist() == ["gil", "hub"]
    assert read_new_features(numbers, None, header=True)[0].tolist() == ["hub"]
