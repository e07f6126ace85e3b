from __future__ import annotations

import logging
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from command import Caller, refused

from vgae import Graph, InputError, import_graph, read_graph
from vgae.data import columnar
from vgae.data.io.importing import import_edges, is_larger

pytest.importorskip("duckdb")

LINES = "source,target,weight\n b ,a,2\na,b,3\nc,c,1\nc,a,1\nd,b,4\nd,b,1\n"
NUMBERS = "5 3\n3 5\n9 3\n-1 9\n9 9\n"
PLACES = "0;1\n2;1\n1;0\n3;3\n"


def same(path: Path, folder: Path, **options: Any) -> Graph:
    """Both ways give the same files."""
    read_graph(path, **options).save(folder / "whole")
    import_edges(path, folder / "blocks", memory="1GB", **options)
    for part in (folder / "whole").iterdir():
        assert (folder / "blocks" / part.name).read_bytes() == part.read_bytes(), part.name
    return Graph.open(folder / "blocks")


@pytest.mark.parametrize("content", [LINES, NUMBERS, PLACES, "x,1\n07,1\n7,x\n"])
@pytest.mark.parametrize("directed", [False, True])
def test_an_import_in_blocks_is_the_graph_that_is_read(
    content: str, directed: bool, tmp_path: Path
) -> None:
    path = tmp_path / "edges.csv"
    path.write_text(content)
    graph = same(path, tmp_path, directed=directed)
    assert graph.directed is directed
    assert graph.n_edges > 0


def test_signed_weights_and_counts(tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    path.write_text("source,target,weight\na,b,-2\nb,c,3\n")
    assert same(path, tmp_path, signed=True).kind == "signed"
    path.write_text("source,target,weight\na,b,2\nb,c,3\n")
    (tmp_path / "more").mkdir()
    assert same(path, tmp_path / "more", weight_means="count").weight_means == "count"


@pytest.mark.parametrize("kind", ["int64", "int32", "uint16", "uint64", "string", "large_string"])
def test_parquet_in_small_blocks(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columnar, "PARQUET_ROWS", 7)
    random = np.random.default_rng(0)
    ends = [pa.array(random.integers(40, size=200)).cast(kind) for _ in range(2)]
    path = tmp_path / "edges.parquet"
    pyarrow.parquet.write_table(pa.table(ends, names=["source", "target"]), path)
    same(path, tmp_path)


def test_missing_ids_and_words(tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    path.write_text("source,target\na,b\nb,\nb,c\n")
    with pytest.raises(InputError, match="line 3: column 'target' holds no node id; --drop-inc"):
        import_edges(path, tmp_path / "graph")
    assert [part.name for part in tmp_path.iterdir()] == ["edges.csv"]
    assert same(path, tmp_path, drop_incomplete=True).cleaning.incomplete == 1


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        ("source,target,weight\na,b,0\n", {}, "line 2: column 'weight' holds 0, but"),
        ("source,target,weight\na,b,x\n", {}, "line 2"),
        ("source,target\n", {}, "holds no edges|no edges"),
        ("source,target,weight\na,b,-1\n", {}, "a negative weight"),
        ("source,target\na,b\n", {"weight": "nope"}, "no column 'nope'|column 'nope'"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    content: str, options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "edges.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=said):
        import_edges(path, tmp_path / "graph", **options)
    assert [part.name for part in tmp_path.iterdir()] == ["edges.csv"]


def test_which_tables_are_larger(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "edges.csv"
    path.write_text(LINES)
    assert is_larger(path, 100)
    assert not is_larger(path, "1MB")
    assert not is_larger(path)
    with pytest.raises(InputError, match="'much' is not a size"):
        is_larger(path, "much")
    parquet = tmp_path / "edges.parquet"
    pyarrow.parquet.write_table(pa.table({"a": [1, 2], "b": [2, 3]}), parquet)
    assert is_larger(parquet, 200)
    with caplog.at_level(logging.WARNING, "vgae"):
        graph = import_graph(path, tmp_path / "graph", memory=100)
    assert graph.n_edges == 3
    assert "merged 1 duplicate row" in caplog.text


def test_what_blocks_cannot_do_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    path.write_text(LINES.replace("weight", "when"))
    with pytest.raises(
        InputError, match=r"--time \(time=\) needs all of it at once; give more with --memory"
    ):
        import_graph(path, tmp_path / "graph", memory=100, time="when")
    assert import_graph(path, tmp_path / "graph", time="when").times is not None


def test_ids_that_only_the_type_marks_as_missing_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "edges.parquet"
    ends = {"source": ["a", None, "b", "c"], "target": ["b", "c", None, "d"]}
    pyarrow.parquet.write_table(pa.table(ends), path)
    with pytest.raises(InputError, match="row 2: column 'source' holds no node id"):
        import_edges(path, tmp_path / "graph")
    graph = same(path, tmp_path, drop_incomplete=True)
    assert graph.ids.tolist() == ["a", "b", "c", "d"]
    assert graph.cleaning.incomplete == 2


def test_large_integers_without_a_sign_are_ids(tmp_path: Path) -> None:
    path = tmp_path / "edges.parquet"
    ends = [pa.array([2**63, 1], pa.uint64()), pa.array([1, 2**64 - 1], pa.uint64())]
    pyarrow.parquet.write_table(pa.table(ends, names=["source", "target"]), path)
    assert same(path, tmp_path).ids.tolist() == ["1", str(2**64 - 1), str(2**63)]


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        ("user,item\n1,2\n2,1\n2,1\n2,2\n", ["item:1", "item:2", "user:1", "user:2"]),
        ("% bip unweighted\n1 2\n2 3\n", ["source:1", "source:2", "target:2", "target:3"]),
        ("user,item,rating\n1,9,4\n1,8,5\n3,9,1\n1,9,2\n", [1, 3, 8, 9]),
        ("user,item\nann,tea\nbob,tea\nbob, oil\n", ["ann", "bob", "oil", "tea"]),
        ("item,user\ntea,ann\ntea,bob\n", ["ann", "bob", "tea"]),
    ],
)
def test_two_kinds_of_nodes(
    content: str, ids: list[Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "edges.csv"
    path.write_text(content)
    graph = same(path, tmp_path)
    assert graph.kind == "bipartite"
    assert graph.ids.tolist() == ids
    said = [record.message for record in caplog.records if "two kinds" in record.message]
    assert len(said) % 2 == 0
    assert said[: len(said) // 2] == said[len(said) // 2 :]
    for place, options in enumerate(
        ({"bipartite": True}, {"bipartite": False}, {"directed": True})
    ):
        folder = tmp_path / str(place)
        folder.mkdir()
        same(path, folder, **options)


def test_many_users_and_items(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    users, items = random.integers(300, size=2000), random.integers(200, 400, size=2000)
    path = tmp_path / "ratings.csv"
    rows = [f"u{user},u{item}" for user, item in zip(users, items, strict=True)]
    path.write_text("\n".join(["user,item", *rows]))
    graph = same(path, tmp_path)
    assert graph.type_names == ("user", "item")
    assert graph.ids[0].startswith("item:u")


def test_a_signed_table_needs_a_negative_weight(tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    for content, said in (
        ("source,target,weight\na,b,-1\na,b,2\nc,c,-1\n", "edges.csv: no weight is negative"),
        ("a,b\nb,c\n", "edges.csv: signed: give weights"),
    ):
        path.write_text(content)
        with pytest.raises(InputError, match=said):
            read_graph(path, signed=True)
        with pytest.raises(InputError, match=said):
            import_edges(path, tmp_path / "graph", signed=True)
        assert [part.name for part in tmp_path.iterdir()] == ["edges.csv"]


def test_weights_that_cancel_are_named_by_their_ids(tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    path.write_text("source,target,weight\n1,2,1\n1,2,-1\n2,3,-1\n")
    said = []
    for read in (read_graph, partial(import_edges, folder=tmp_path / "graph")):
        with pytest.raises(InputError, match="edges.csv: weights: the rows of '?1'? and") as caught:
            read(path, signed=True)
        said.append(str(caught.value).replace("'", ""))
    assert said[0] == said[1]


def test_rows_without_ids_leave_a_graph_without_nodes(tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    path.write_text("source,target\n1,\n,3\n")
    assert same(path, tmp_path, drop_incomplete=True).n_nodes == 0


def test_any_name_of_a_folder_will_do(tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    path.write_text("a,b\nb,c\n")
    (tmp_path / "it's").mkdir()
    import_edges(path, tmp_path / "it's" / 'the "graph"; SELECT', memory="1GB")
    assert [part.name for part in (tmp_path / "it's").iterdir()] == ['the "graph"; SELECT']


def test_a_killed_import_leaves_nothing_once_another_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    path.write_text("a,b\nb,c\n")
    program = (
        "import os, sys, vgae.data.io.importing as room\n"
        "from pathlib import Path\n"
        "room._settle_ids = lambda *_: os._exit(9)\n"
        "room.import_edges(Path(sys.argv[1]), Path(sys.argv[2]))\n"
    )
    folder = tmp_path / "graphs" / "mine"
    killed = subprocess.run([sys.executable, "-c", program, path, folder], check=False)
    assert killed.returncode == 9
    assert len(list(folder.parent.iterdir())) == 1
    import_edges(path, folder)
    assert list(folder.parent.iterdir()) == [folder]


def test_a_matrix_is_no_list_of_edges(tmp_path: Path) -> None:
    path = tmp_path / "matrix.csv"
    path.write_text(",ann,bob,cid\nann,0,1,0\nbob,1,0,1\ncid,0,1,0\n")
    assert same(path, tmp_path).ids.tolist() == ["ann", "bob", "cid"]


def test_what_a_matrix_loses_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "matrix.csv"
    path.write_text(",ann,bob,cid\nann,1,1,0\nbob,1,0,1\ncid,0,1,0\n")
    with caplog.at_level(logging.WARNING, "vgae"):
        import_graph(path, tmp_path / "graph", memory=1)
    assert caplog.text.count("dropped 1 self loop") == 1


def test_a_row_of_names_can_be_denied(tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    path.write_text("from,to\nann,bob\nbob,cid\n")
    assert import_graph(path, tmp_path / "graph", memory=1, header=False).n_nodes == 5


def test_arrows_that_point_back_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "edges.txt"
    path.write_text("ann <- bob\nbob <- cid\n")
    with pytest.raises(InputError, match="points from the second node to the first"):
        import_edges(path, tmp_path / "graph", directed=True)


def test_the_command_imports_in_blocks(call: Caller, folder: Path) -> None:
    Path("edges.csv").write_text(LINES)
    done = call("import", "edges.csv", "--memory", "1", "--out", "graph")
    assert done.status == 0, done.err
    assert Graph.open(Path("graph")).n_edges == 3
    said = refused(
        *(call, folder, "import", "edges.csv", "--memory", "1", "--out", "more"),
        *("--features", "edges.csv", "--attribute", "weight=number"),
    )
    assert "--features (features=) needs all of it at once; give more with --memory" in said
