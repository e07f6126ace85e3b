"""Where the node ids of a table of attributes are: in files and in data frames alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from foreign import library

from vgae import VGAE
from vgae.data.graph import Graph
from vgae.data.interop import as_graph, later_features
from vgae.data.io import read_graph, read_new_features
from vgae.data.tables import write_table
from vgae.ground.errors import InputError

RING = Graph.from_pairs([(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)])
WORDS = Graph.from_pairs([("a", "b"), ("b", "c")])
TENS = [0, 10, 20, 30, 40]


def values(graph: Graph) -> list[float]:
    features: Any = graph.features
    return list(features[:, -1].tolist())


def edges_file(folder: Path, graph: Graph) -> Path:
    path = folder / "e.csv"
    lines = [",".join(map(str, graph.ids[edge].tolist())) for edge in graph.edges]
    path.write_text("\n".join(["source,target", *lines]) + "\n")
    return path


def pandas(**columns: Any) -> Any:
    return library("pandas").DataFrame(columns)


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "__index_level_0__", "index", "level_0"])
@pytest.mark.parametrize("column", ["user_id", "who"])
@pytest.mark.parametrize("kind", ["csv", "parquet", "pandas", "polars", "arrow"])
def test_row_numbers_are_no_ids_where_a_column_is(
    tmp_path: Path, name: str, column: str, kind: str
) -> None:
    columns = {name: [0, 1, 2, 3, 4], column: [4, 3, 2, 1, 0], "v": TENS[::-1]}
    if kind == "csv":
        frame = library("pandas").DataFrame(columns)
        frame.to_csv(tmp_path / "u.csv", index=False)
        graph = read_graph(edges_file(tmp_path, RING), features=tmp_path / "u.csv")
    elif kind == "parquet":
        write_table(tmp_path / "u.parquet", columns)
        graph = read_graph(edges_file(tmp_path, RING), features=tmp_path / "u.parquet")
    elif kind == "arrow":
        graph = as_graph(RING, features=pa.table(columns))
    else:
        graph = as_graph(RING, features=library(kind).DataFrame(columns))
    assert values(graph) == TENS


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (",name,v\n0,c,3\n1,a,1\n2,b,2\n", [1, 2, 3]),
        (",team,name,v\n0,x,c,3\n1,x,a,1\n2,x,b,2\n", [1, 2, 3]),
        (",age,v\nc,7,3\na,8,1\nb,9,2\n", [1, 2, 3]),  # to_csv of a frame that ids index
        (",user_id,v\nc,7,3\na,8,1\nb,9,2\n", [1, 2, 3]),
        (",v\nc,3\na,1\nb,2\n", [1, 2, 3]),
    ],
)
def test_text_ids_in_files_that_pandas_wrote(
    tmp_path: Path, content: str, found: list[float]
) -> None:
    (tmp_path / "p.csv").write_text(content)
    graph = read_graph(edges_file(tmp_path, WORDS), features=tmp_path / "p.csv")
    assert values(graph) == found


def test_an_index_of_numbers_that_fits_as_well_as_a_column() -> None:
    users = pandas(user_id=[4, 3, 2, 1, 0], v=TENS[::-1]).iloc[[2, 0, 4, 1, 3]]
    assert values(as_graph(RING, features=users)) == TENS
    people = users.rename(columns={"user_id": "who"})
    said = (
        "features: both the index and column 'who' may hold the node ids; set_index('who') takes "
        "the column, reset_index(drop=True) drops the index, and rename_axis('node') takes the "
        "index"
    )
    with pytest.raises(InputError) as caught:
        as_graph(RING, features=people)
    assert str(caught.value) == said
    assert values(as_graph(RING, features=people.set_index("who"))) == TENS
    assert values(as_graph(RING, features=people.reset_index(drop=True))) == TENS
    assert values(as_graph(RING, features=people.rename_axis("node"))) == [40, 30, 20, 10, 0]


def test_an_index_that_alone_fits_is_taken() -> None:
    numbers = pandas(age=[50, 51, 52, 53, 54], v=TENS[::-1])
    numbers.index = [4, 3, 2, 1, 0]
    assert values(as_graph(RING, features=numbers)) == TENS
    words = pandas(user_id=[7, 8, 9], v=[3, 1, 2])
    words.index = ["c", "a", "b"]
    assert values(as_graph(WORDS, features=words)) == [1, 2, 3]
    swapped = words.assign(user_id=["a", "b", "c"])  # a text index is no row number
    with pytest.raises(InputError, match="both the index and column 'user_id'"):
        as_graph(WORDS, features=swapped)


def test_a_column_of_repeated_nodes_is_no_rival() -> None:
    users = pandas(team=[1, 1, 1, 2, 2], v=TENS[::-1])
    users.index = [4, 3, 2, 1, 0]
    assert values(as_graph(RING, features=users)) == TENS


def test_row_numbers_are_no_ids_of_a_table_of_ids_alone(tmp_path: Path) -> None:
    pandas(user_id=[4, 3, 2, 1, 0]).to_csv(tmp_path / "u.csv")
    with pytest.raises(InputError, match="only one column; one holds node ids"):
        read_graph(edges_file(tmp_path, RING), features=tmp_path / "u.csv")


def test_ids_of_new_nodes_are_not_row_numbers_either(tmp_path: Path) -> None:
    encoding = as_graph(WORDS, features=pandas(name=["a", "b", "c"], v=[1, 2, 3])).feature_encoding
    later = pandas(name=["x", "y", "z"], v=[7, 8, 9]).iloc[[2, 0]]
    _, ids = later_features(later, None, encoding)
    assert ids is not None and list(ids) == ["z", "x"]  # noqa: PT018
    later.to_csv(tmp_path / "later.csv")
    for known in (encoding, None):
        assert read_new_features(tmp_path / "later.csv", known)[0].tolist() == ["z", "x"]
    with pytest.raises(InputError, match="both the index and column 'who' may hold"):
        later_features(later.rename(columns={"name": "who"}), None, encoding)
    _, ids = later_features(pandas(v=[7, 8]).set_index([["x", "y"]]), None, encoding)
    assert ids is not None and list(ids) == ["x", "y"]  # noqa: PT018


def test_an_error_says_which_column_was_taken_for_ids(tmp_path: Path) -> None:
    people = pandas(age=[1, 2, 3], who=["a", "b", "c"])
    said = (
        "features, row 0: node '1' is not in the edges (3 such rows); remove them, or keep them "
        "as nodes without edges with vgae.as_graph(..., isolated=True); ids were taken from "
        "column 'age', but column 'who' holds node ids: call it id"
    )
    for call in (
        lambda: as_graph(WORDS, features=people),
        lambda: VGAE().fit(WORDS, features=people),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert str(caught.value) == f"{said}, or set it as the index"
    people.to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(InputError, match="taken from column 'age', but column 'who' holds.* id$"):
        read_graph(edges_file(tmp_path, WORDS), features=tmp_path / "p.csv")
    named = people.rename(columns={"who": "name"})
    assert values(as_graph(WORDS, features=named)) == [1, 2, 3]
