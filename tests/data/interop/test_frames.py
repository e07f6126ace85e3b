import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from foreign import library

from vgae.data.graph import Graph
from vgae.data.interop import as_graph
from vgae.data.io import read_graph
from vgae.data.tables import write_table
from vgae.ground.errors import InputError

Maker = Callable[[dict[str, list[Any]]], Any]


def pandas(columns: dict[str, list[Any]]) -> Any:
    return library("pandas").DataFrame(columns)


def polars(columns: dict[str, list[Any]]) -> Any:
    return library("polars").DataFrame(columns)


def arrow(columns: dict[str, list[Any]]) -> Any:
    return pa.table(columns)


every_frame = pytest.mark.parametrize("frame", [pandas, polars, arrow])


@every_frame
@pytest.mark.parametrize(
    "columns",
    [
        {"x": ["a", "b"], "y": ["b", "c"]},
        {"when": [1, 2], "To": ["b", "c"], "From": ["a", "b"]},
        {"dst": ["b", "c"], "colour": ["red", "blue"], "src": ["a", "b"]},
    ],
)
def test_ends_are_found_by_name_or_come_first(frame: Maker, columns: dict[str, list[Any]]) -> None:
    graph = as_graph(frame(columns))
    assert graph.fingerprint == Graph.from_pairs([("a", "b"), ("b", "c")]).fingerprint


@every_frame
def test_integers_stay_integers_and_weights_are_found(frame: Maker) -> None:
    graph = as_graph(frame({"u": [10, 9], "v": [9, -1], "Weight": [2, 3]}))
    assert graph.ids.tolist() == [-1, 9, 10]
    assert graph.ids.dtype.kind == "i"
    assert graph.weights is not None
    assert graph.weights.tolist() == [3.0, 2.0]


@every_frame
def test_a_table_without_rows_is_a_graph_without_nodes(frame: Maker) -> None:
    assert as_graph(frame({"source": [], "target": []})).n_nodes == 0


@every_frame
@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"source": ["a"]}, ": 1 column; two are needed"),
        ({"source": ["a", None], "target": ["b", "c"]}, ", row 1: column 'source' is missing"),
        ({"u": [1, 2, 3], "v": [4, 5, None]}, r", row 2: column 'v' is missing \(1 such row\)"),
        ({"u": [1.0, 2.0], "v": [2, 3]}, "column 'u' holds double, not node ids; .*astype"),
        ({"u": [True, False], "v": [2, 3]}, "column 'u' holds bool, not node ids"),
        ({"u": ["a", "b"], "v": [2, 3]}, "strings in one column and integers in another"),
        ({"u": [1], "v": [2], "weight": [None]}, ", row 0: column 'weight' is missing"),
        ({"u": [1], "v": [2], "weight": ["heavy"]}, "column 'weight' holds .*, not numbers"),
        ({"u": [1, 1], "v": [2, 3], "weight": [1.0, -2.0]}, "weights, row 1: -2.0 is not a"),
        ({"weight": [1, 2], "b": [2, 3]}, "column 'weight' holds the weights, and is an end"),
    ],
)
def test_bad_tables_are_one_clear_line(
    frame: Maker, columns: dict[str, list[Any]], said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        as_graph(frame(columns))
    assert str(caught.value).startswith(("DataFrame", "Table"))
    assert "\n" not in str(caught.value)


def test_mixed_columns_of_pandas() -> None:
    for column in ([1, "a"], ["a", 1], [1.5, "a"], [1j, 2j]):
        with pytest.raises(InputError, match="column 'u' (mixes types|holds)"):
            as_graph(pandas({"u": column, "v": ["b", "c"]}))


def test_types_of_text_that_are_text() -> None:
    wanted = as_graph([("a", "b"), ("b", "c")]).fingerprint
    plain = pandas({"u": ["a", "b"], "v": ["b", "c"]})
    for kind in ("category", "string", "string[pyarrow]"):
        assert as_graph(plain.astype(kind)).fingerprint == wanted
    assert as_graph(plain.set_index("u").reset_index().iloc[::-1]).fingerprint == wanted
    numbers = pandas({"u": [1, 2], "v": [2, 3]})
    assert as_graph(numbers.astype("Int64")).ids.tolist() == [1, 2, 3]
    assert as_graph(numbers.astype("category")).ids.tolist() == [1, 2, 3]
    names = library("polars")
    frame = polars({"u": ["a", "b"], "v": ["b", "c"]})
    assert as_graph(frame.cast(names.Categorical)).fingerprint == wanted
    view = pa.table({"u": pa.array(["a", "b"], pa.string_view()), "v": ["b", "c"]})
    assert as_graph(view).fingerprint == wanted
    coded = pa.table({"u": pa.array(["a", "b"]).dictionary_encode(), "v": ["b", "c"]})
    assert as_graph(coded).fingerprint == wanted


def test_what_was_read_and_what_was_not_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="vgae"):
        as_graph(arrow({"to": [1], "from": [1], "weight": [2.5], "when": [3]}))
    assert caplog.messages == [
        "Table: 4 columns; edges run from column 'from' to column 'to' (first: '1' to '1'), "
        "weights from column 'weight'; not used: column 'when'",
        "Table: dropped 1 self loop",
    ]


def test_an_adjacency_matrix_is_no_list_of_edges() -> None:
    frame_of = library("pandas").DataFrame
    names = ["a", "b", "c"]
    matrix = frame_of([[0, 1, 1], [1, 0, 0], [1, 0, 0]], index=names, columns=names)
    with pytest.raises(InputError, match="an adjacency matrix; give scipy.sparse.csr_array"):
        as_graph(matrix)
    assert as_graph(frame_of([[5, 6, 1.0], [6, 7, 1.0], [7, 5, 1.0]])).n_edges == 3


@every_frame
@pytest.mark.parametrize("name", ["", "Unnamed: 0", "__index_level_0__"])
def test_row_numbers_are_no_nodes(
    frame: Maker, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    graph = as_graph(frame({name: [0, 1], "a": ["ann", "bob"], "b": ["bob", "cid"]}))
    assert graph.ids.tolist() == ["ann", "bob", "cid"]
    assert "is taken for row numbers" in caplog.text


@every_frame
def test_frames_and_files_choose_the_same_columns(
    frame: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    columns: dict[str, list[Any]] = {
        "k": list(range(80)),
        "a": [f"n{7 * i % 40}" for i in range(80)],
        "b": [f"n{(3 * i + 1) % 40}" for i in range(80)],
    }
    assert as_graph(frame(columns)).n_nodes == 40
    assert "column 'k' differs in every row and is taken for row numbers" in caplog.text
    named = frame({"rank": [1, 2], "Sender": ["a", "b"], "Receiver": ["b", "c"]})
    assert as_graph(named).ids.tolist() == ["a", "b", "c"]


@every_frame
def test_users_and_items_of_one_number_are_two_nodes(
    frame: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    graph = as_graph(frame({"rating": [5, 4], "item_id": [2, 2], "user_id": [1, 2]}))
    assert graph.ids.tolist() == ["item_id:2", "user_id:1", "user_id:2"]
    assert graph.n_edges == 2
    assert "two kinds of nodes, with 1 id in common" in caplog.text
    apart = as_graph(frame({"user_id": [1, 2], "item_id": [7, 8]}))
    assert apart.ids.tolist() == [1, 2, 7, 8]


@every_frame
@pytest.mark.parametrize("names", [("user", "item"), ("item", "user"), ("a", "b")])
@pytest.mark.parametrize(
    ("numbers", "words", "n_common"), [([1, 2], ["x", "y"], 0), ([1, 2], ["1", "y"], 1)]
)
def test_numbers_and_words_are_two_kinds_of_nodes_as_in_a_file(
    frame: Maker,
    names: tuple[str, str],
    numbers: list[int],
    words: list[str],
    n_common: int,
    tmp_path: Path,
) -> None:
    columns: dict[str, list[Any]] = {names[0]: numbers, names[1]: words}
    for table in (columns, dict(reversed(columns.items()))):
        write_table(tmp_path / "e.csv", table)
        read = read_graph(tmp_path / "e.csv", bipartite=True)
        made = as_graph(frame(table), bipartite=True)
        assert made.fingerprint == read.fingerprint
        assert ("1" in made.ids.tolist()) == (n_common == 0)


def test_two_kinds_of_integers_of_different_width() -> None:
    columns = {"user": pa.array([1, 2], pa.int32()), "item": pa.array([1, 2**64 - 1], pa.uint64())}
    ids = as_graph(pa.table(columns)).ids.tolist()
    assert ids == ["item:1", f"item:{2**64 - 1}", "user:1", "user:2"]


@every_frame
def test_ids_of_frames_are_taken_as_they_are(frame: Maker, tmp_path: Path) -> None:
    """Those of files are trimmed; rows without weights are merged in both."""
    columns = {"source": ["ann ", "ann", "ann"], "target": ["bob", "bob", "bob"]}
    graph = as_graph(frame(columns))
    assert graph.ids.tolist() == ["ann", "ann ", "bob"]
    assert (graph.n_edges, graph.weights) == (2, None)
    write_table(tmp_path / "e.csv", columns)
    assert read_graph(tmp_path / "e.csv").ids.tolist() == ["ann", "bob"]
