"""Adjacency matrices that were written as text, and tables that only look like one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign import library

from vgae.data.io import read_graph
from vgae.data.tables import open_table
from vgae.ground.errors import InputError

MATRIX = np.array([[0, 2, 0, 1], [2, 0, 0, 0], [0, 0, 0, 3], [1, 0, 3, 0]])
NAMES = ["ann", "bob", "cid", "dan"]


def put(folder: Path, content: str, name: str = "m.csv") -> Path:
    path = folder / name
    path.write_text(content)
    return path


def lines(
    matrix: Any = MATRIX, *, across: Any = None, down: Any = None, corner: str = "", by: str = ","
) -> str:
    cells = [[str(value) for value in row] for row in matrix]
    if down is not None:
        cells = [[str(name), *row] for name, row in zip(down, cells, strict=True)]
    if across is not None:
        cells = [[*([corner] if down is not None else []), *map(str, across)], *cells]
    return "".join(by.join(row) + "\n" for row in cells)


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        (lines(), [0, 1, 2, 3]),
        (lines(by="\t"), [0, 1, 2, 3]),
        (lines(by="  "), [0, 1, 2, 3]),
        (lines(MATRIX + 0.0), [0, 1, 2, 3]),
        (lines(across=NAMES, down=NAMES), NAMES),
        (lines(across=NAMES, down=NAMES, corner="name"), NAMES),
        (lines(across=NAMES), NAMES),
        (lines(down=NAMES), NAMES),
        (lines(across=range(4), down=range(4)), [0, 1, 2, 3]),
        (lines(across=range(1, 5), down=range(1, 5)), [1, 2, 3, 4]),
        (lines(down=range(4)), [0, 1, 2, 3]),
        (
            lines(across=[1, 2, 3, 2**63], down=[1, 2, 3, 2**63]),
            ["1", "2", "3", str(2**63)],  # too large for 64 bits: all are text
        ),
    ],
)
def test_square_tables_are_matrices(tmp_path: Path, content: str, ids: list[Any]) -> None:
    graph = read_graph(put(tmp_path, content))
    assert graph.ids.tolist() == ids
    np.testing.assert_array_equal(graph.adjacency.toarray(), MATRIX)


@pytest.mark.parametrize("names", [["ann", "bob"], ["ann", "bob", "cid"]])
def test_names_on_both_sides_make_the_smallest_sure(tmp_path: Path, names: list[str]) -> None:
    matrix = np.ones((len(names), len(names)), dtype=int)
    graph = read_graph(put(tmp_path, lines(matrix, across=names, down=names)))
    assert graph.ids.tolist() == names
    assert graph.cleaning.self_loops == len(names)


@pytest.mark.parametrize(
    "content",
    [
        "0,1\n1,0\n",
        "0,1,1\n1,0,1\n1,1,0\n",
        "1 2 3\n2 3 1\n3 1 2\n",
        "source,target,weight,year\n1,2,1,1\n2,3,1,1\n3,4,1,1\n4,1,1,1\n",
        "a,b,c,d\n1,2,5,9\n2,3,4,8\n3,4,4,7\n4,1,6,6\n",
        "1,2,0,0\n2,3,0,0\n3,4,0,0\n",
    ],
)
def test_edges_are_no_matrix(tmp_path: Path, content: str, caplog: Any) -> None:
    assert "adjacency" not in caplog.text
    graph = read_graph(put(tmp_path, content))
    assert 0 not in graph.ids.tolist() or graph.n_edges <= 3
    assert "adjacency" not in caplog.text


def test_naming_the_ends_reads_a_list_of_edges(tmp_path: Path) -> None:
    path = put(tmp_path, lines())
    assert read_graph(path, source=1, target=2).ids.tolist() == [0, 1, 2]


def test_what_may_be_both_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, "1 4 1 881250000\n2 1 2 881250001\n3 8 3 881250002\n4 5 4 881250003\n")
    with pytest.raises(InputError, match="may be an adjacency matrix or a list of edges; --source"):
        read_graph(path)


def test_asymmetric_matrices_are_merged_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    matrix = MATRIX.copy()
    matrix[0, 1], matrix[3, 0], matrix[1, 2] = 5, 0, 1
    path = put(tmp_path, lines(matrix))
    graph = read_graph(path)
    np.testing.assert_array_equal(graph.adjacency.toarray(), np.maximum(matrix, matrix.T))
    assert "the matrix is not symmetric" in caplog.text
    assert graph.cleaning.reversed_duplicates == 2
    directed = read_graph(path, directed=True)
    np.testing.assert_array_equal(directed.adjacency.toarray(), matrix)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            lines(across=NAMES, down=NAMES).replace("3", "-3", 1),
            "line 4: column 'dan' holds -3; --signed",
        ),
        (lines().replace("3", "-3", 1), "line 3: column 4 holds -3; --signed"),
        (
            lines(across=NAMES, down=NAMES).replace("3", "", 1),
            "line 4: column 'dan' is empty; an adj",
        ),
        (
            lines(across=range(4), down=range(4)).replace("0,0,2", "0,0,x"),
            "line 2: column 3 holds 'x'",
        ),
        (
            lines(across=NAMES, down=NAMES).replace("3", "inf", 1),
            "line 4: column 'dan' holds 'inf'",
        ),
        (lines(by=";").replace("3", "0,3", 1), "line 3: column 4 holds '0,3'"),
    ],
)
def test_bad_entries_are_one_line_with_their_place(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_graph(put(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_what_pandas_writes_is_read(tmp_path: Path) -> None:
    frame = library("pandas").DataFrame(MATRIX, index=NAMES, columns=NAMES)
    frame.to_csv(tmp_path / "m.csv")
    assert read_graph(tmp_path / "m.csv").ids.tolist() == NAMES
    frame.to_csv(tmp_path / "m.csv", header=False)
    assert read_graph(tmp_path / "m.csv").ids.tolist() == NAMES
    library("pandas").DataFrame(MATRIX).to_csv(tmp_path / "m.csv")
    assert read_graph(tmp_path / "m.csv").ids.tolist() == [0, 1, 2, 3]


def test_a_matrix_larger_than_the_beginning_of_its_file_is_read_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_nodes = 800
    row = ["0"] * n_nodes
    with (tmp_path / "m.csv").open("w") as handle:
        for node in range(n_nodes):
            row[node - 1] = row[(node + 1) % n_nodes] = "1"
            handle.write(",".join(row) + "\n")
            row[node - 1] = row[(node + 1) % n_nodes] = "0"
    monkeypatch.setattr("vgae.data.dialects.BLOCK_BYTES", 2**17)
    text = open_table(tmp_path / "m.csv").text
    assert text is not None
    assert not text.is_whole
    assert max(map(len, text.parts([0]))) < n_nodes / 4
    graph = read_graph(tmp_path / "m.csv")
    assert graph.edges.tolist() == [
        [0, 1], [0, n_nodes - 1], *([node, node + 1] for node in range(1, n_nodes - 1))
    ]  # fmt: skip


def test_a_wide_table_that_is_not_square_is_a_list_of_edges(tmp_path: Path) -> None:
    row = ",".join(map(str, range(1000)))
    path = put(tmp_path, "".join(f"{i},{i + 1},{row}\n" for i in range(1200)))
    assert read_graph(path).n_edges == 1200
