import gzip
import logging
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest
from delimited import id_pairs

from vgae.data.graph import Graph
from vgae.data.io import read_graph, read_new_edges
from vgae.ground.errors import InputError


def put(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content)
    return path


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("a,b\nb,c\n", {}),
        ("source,target\na,b\nb,c\n", {}),
        ("From,When,To\na,1,b\nb,2,c\n", {}),
        ("x,y,n\n1,a,b\n2,b,c\n", {"header": True, "source": "y", "target": 3}),
        ("1,a,b\n2,b,c\n", {"source": 2, "target": "3"}),
        ("a\tb\nb\tc\n", {}),
        ("a:b\nb:c\n", {"delimiter": ":"}),
        (" a , b\nb,c \n", {}),
    ],
)
def test_edge_lists_of_every_shape(tmp_path: Path, content: str, options: dict[str, str]) -> None:
    graph = read_graph(put(tmp_path, "edges.csv", content), **options)  # type: ignore[arg-type]
    assert graph.ids.tolist() == ["a", "b", "c"]
    assert graph.edges.tolist() == [[0, 1], [1, 2]]


def test_ids_are_integers_only_if_all_are(tmp_path: Path) -> None:
    assert read_graph(put(tmp_path, "a.csv", "10,9\n9,-1\n")).ids.tolist() == [-1, 9, 10]
    assert read_graph(put(tmp_path, "b.csv", "007,7\n")).ids.tolist() == ["007", "7"]
    assert read_graph(put(tmp_path, "c.csv", "1,x\n")).ids.tolist() == ["1", "x"]


def test_headers_are_found_by_their_look(tmp_path: Path) -> None:
    rows = "".join(f"p{i},p{(i + 1) % 20}\n" for i in range(20))
    assert read_graph(put(tmp_path, "a.csv", "person,friend\n" + rows)).n_nodes == 20
    assert read_graph(put(tmp_path, "b.csv", rows)).n_edges == 20
    assert read_graph(put(tmp_path, "c.csv", "x,y\n1,2\n2,3\n")).n_nodes == 3
    # Single pairs that never recur tell nothing: no row may be taken for a header.
    assert read_graph(put(tmp_path, "d.csv", "a,b\nc,d\ne,f\n")).n_edges == 3
    assert read_graph(put(tmp_path, "e.csv", "person,friend\n" + rows), header=False).n_nodes == 22


def test_weights_come_from_the_column_called_weight(tmp_path: Path) -> None:
    path = put(tmp_path, "edges.csv", "source,target,Weight\na,b,2\na,b,3\nb,c,1\n")
    graph = read_graph(path)
    assert graph.weights is not None
    assert graph.weights.tolist() == [5.0, 1.0]
    plain = put(tmp_path, "plain.csv", "a,b,2\nb,c,7\n")
    assert read_graph(plain).weights is None
    assert read_graph(plain, weight=3).weights is not None


def test_everything_dropped_or_merged_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = put(tmp_path, "edges.csv", "a,b\na,b\nb,a\nc,c\n a,c\n")
    with caplog.at_level(logging.INFO, logger="vgae"):
        graph = read_graph(path)
    said = " ".join(caplog.messages)
    assert "dropped 1 self loop, merged 1 duplicate row, merged 1 reversed row" in said
    assert "trimmed blanks around 1 id" in said
    assert "comma-separated, 2 columns, no header" in said
    assert graph.n_edges == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a\nb\n", "only one column"),
        ("a,b\nc,\n", "line 2: column 2 is empty"),
        ("source,target,weight\na,b,nan\n", "line 2: column 'weight' holds 'nan'"),
        ("source,target,weight\na,b,1\nb,c,inf\n", "line 3: column 'weight' holds 'inf'"),
        (
            "source,target,weight\na,b,-1\n",
            "line 2: column 'weight' holds -1, a negative weight; --signed",
        ),
        ("source,target,weight\na,b,heavy\n", "'heavy', not a finite number"),
        ("source,target\n", "has a header but no edges"),
        ('a,b\n"c\nd",e\n', "line 2: column 1 holds a line break"),
        (
            "source,target,weight\na,b,1e-50\n",
            "line 2: column 'weight' holds 1e-50, but a weight must be",
        ),
    ],
)
def test_bad_edge_lists_are_one_clear_line(tmp_path: Path, content: str, said: str) -> None:
    path = put(tmp_path, "edges.csv", content)
    with pytest.raises(InputError, match=said) as caught:
        read_graph(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_source_and_target_must_differ(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="both column 2"):
        read_graph(put(tmp_path, "e.csv", "a,b\n"), source=2, target=2)


def test_one_end_that_is_given_leaves_the_other_to_be_detected(tmp_path: Path) -> None:
    path = put(tmp_path, "e.csv", "a,x,5\nb,y,7\n")
    for source, target in ((2, 1), (1, 2), (3, 2)):
        reading = read_graph(path, source=source).reading
        assert reading is not None
        assert (reading.source.number, reading.target.number) == (source, target)
        assert (reading.source.chosen, reading.target.chosen) == ("given", "guess")


def test_gzip_and_parquet_give_the_same_graph(tmp_path: Path) -> None:
    plain = read_graph(put(tmp_path, "e.csv", "a,b\nb,c\n"))
    (tmp_path / "e.csv.gz").write_bytes(gzip.compress(b"a,b\nb,c\n", mtime=0))
    table = pa.table({"u": ["a", "b"], "v": pa.array(["b", "c"]).dictionary_encode()})
    pyarrow.parquet.write_table(table, tmp_path / "e.parquet")
    for name in ("e.csv.gz", "e.parquet"):
        assert read_graph(tmp_path / name).fingerprint == plain.fingerprint
    pyarrow.parquet.write_table(pa.table({"u": [1.5], "v": [2.5]}), tmp_path / "f.parquet")
    with pytest.raises(InputError, match="column 'u' holds values of type double, not node ids"):
        read_graph(tmp_path / "f.parquet")


def test_columns_that_are_not_the_ends_of_edges_are_suspected(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    read_graph(put(tmp_path, "e.csv", "AA,24,x\n" * 20 + "BB,25,y\n"))
    assert "only 2 distinct edges in 21 rows" in " ".join(caplog.messages)


# ----------------------------------------------------------------------- pairs


def test_pairs_are_read_in_order(tmp_path: Path) -> None:
    graph = Graph.from_pairs([("a", "b"), ("b", "c")])
    for content in ("c,a\nb,b\n", "source,target\nc,a\nb,b\n"):
        assert id_pairs(put(tmp_path, "pairs.csv", content), graph) == [["c", "a"], ["b", "b"]]
    numbers = Graph.from_pairs([(1, 2)])
    assert id_pairs(put(tmp_path, "pairs.csv", "2,1\n"), numbers) == [[2, 1]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\n\nb,zoe\n", "line 3: node 'zoe' is not in the graph"),
        ("eve,zoe\na,b\n", "line 1: node 'eve' is not in the graph; .*--header"),
        ("source,target\na,zoe\n", "line 2: node 'zoe'"),
        ("source,target\n", "no pairs"),
        ("a\n", "only one column"),
    ],
)
def test_bad_pairs_are_one_clear_line(tmp_path: Path, content: str, said: str) -> None:
    graph = Graph.from_pairs([("a", "b"), ("b", "c")])
    with pytest.raises(InputError, match=said):
        id_pairs(put(tmp_path, "pairs.csv", content), graph)


def test_real_messy_files(data_folder: Path) -> None:
    votes = read_graph(data_folder / "messy" / "wiki-Vote.txt")
    assert votes.n_nodes == 7115
    assert votes.n_edges + votes.cleaning.reversed_duplicates == 103_689
    routes = read_graph(data_folder / "messy" / "routes.dat", source=3, target=5)
    assert routes.n_nodes == 3425
    assert routes.cleaning.self_loops == 1
    cleaning = routes.cleaning
    assert (
        routes.n_edges + cleaning.self_loops + cleaning.duplicates + cleaning.reversed_duplicates
    ) == 67_663


# ------------------------------------------------------------- rows and headers


def test_blanks_in_quotes_are_kept_where_runs_of_blanks_separate(tmp_path: Path) -> None:
    graph = read_graph(put(tmp_path, "e.txt", 'a   "x  y"\nb   "x y"\n'))
    assert graph.ids.tolist() == ["a", "b", "x  y", "x y"]


def test_dictionaries_may_hold_null_and_repeat_themselves(tmp_path: Path) -> None:
    ids = pa.DictionaryArray.from_arrays(pa.array([0, 2, 3]), pa.array(["a", None, "b", "a"]))
    table = pa.table({"source": ids, "target": pa.array(["x", "y", "y"])})
    with pa.ipc.new_file(str(tmp_path / "e.arrow"), table.schema) as writer:
        writer.write_table(table)
    graph = read_graph(tmp_path / "e.arrow")
    assert graph.ids.tolist() == ["a", "b", "x", "y"]
    assert graph.n_edges == 3


def test_a_sum_of_weights_that_does_not_fit_names_the_file(tmp_path: Path) -> None:
    path = put(tmp_path, "e.csv", "source,target,weight\na,b,3e38\na,b,3e38\n")
    with pytest.raises(InputError, match=r"e\.csv: weights: .*does not fit float32"):
        read_graph(path)


def test_row_numbers_of_a_data_frame_are_no_nodes(tmp_path: Path) -> None:
    graph = read_graph(put(tmp_path, "e.csv", ",person,friend\n0,ann,bob\n1,bob,cid\n"))
    assert graph.ids.tolist() == ["ann", "bob", "cid"]


def test_a_number_is_no_name_of_a_column(tmp_path: Path) -> None:
    graph = read_graph(put(tmp_path, "e.csv", "x7,3\n1,2\n2,4\n3,4\n4,5\n"))
    assert graph.n_edges == 5


def test_a_comma_before_a_blank_is_the_delimiter(tmp_path: Path) -> None:
    path = put(tmp_path, "e.csv", 'a, b\nb, "c, d"\nb, e\n')
    with pytest.raises(InputError, match="line 2: 3 columns where the first row has 2"):
        read_graph(path)


@pytest.mark.parametrize("mark", ["é", "//", "@"])
def test_comments_of_any_mark(tmp_path: Path, mark: str) -> None:
    content = f"{mark},note\nann,bob\n{mark} more\nbob,cid\n"
    graph = read_graph(put(tmp_path, "e.csv", content), comment=mark)
    assert graph.ids.tolist() == ["ann", "bob", "cid"]


def test_pairs_of_known_nodes_are_no_header(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    graph = Graph.from_pairs([("a", "1"), ("b", "4"), ("from", "to")])
    with caplog.at_level("INFO"):
        assert id_pairs(put(tmp_path, "p.csv", "a,b\n1,4\n"), graph) == [["a", "b"], ["1", "4"]]
        assert len(id_pairs(put(tmp_path, "p.csv", "from,to\na,b\n"), graph)) == 2
    assert (
        "no header; pairs run from column 1 to column 2 (first: 'a' to 'b', '1' to '4')"
        in caplog.text
    )


def test_pipes_are_refused_before_they_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "/dev/null"):
        with pytest.raises(InputError, match="is a pipe or a device"):
            read_graph(tmp_path / name)


def test_nodes_with_the_names_of_columns_are_told_from_them_by_recurring(tmp_path: Path) -> None:
    assert read_graph(put(tmp_path, "e.csv", "u,v\nv,w\nw,u\n")).n_edges == 3
    assert read_graph(put(tmp_path, "e.csv", "u,v\na,b\nb,c\n")).n_edges == 2


def test_new_edges_with_a_known_node_are_no_header(tmp_path: Path) -> None:
    known = Graph.from_pairs([("ann", "bob"), ("bob", "cid"), ("cid", "dan")])
    rows = "zed,ann\nyan,bob\nxi,bob\nyan,cid\nxi,cid\nxi,dan\nyan,dan\n"
    (source, _), weights = read_new_edges(put(tmp_path, "new.csv", rows), known)
    assert source.tolist()[0] == "zed"
    assert len(source) == 7
    assert weights is None


def test_a_table_that_looks_like_another_language_is_read_if_its_delimiter_is_named(
    tmp_path: Path,
) -> None:
    path = put(tmp_path, "e.csv", "graph {,b\nb,c\n")
    with pytest.raises(InputError, match="is a DOT graph"):
        read_graph(path)
    assert read_graph(path, delimiter=",").n_edges == 2
    for content in ("graph theory,{topology}\n{topology},sets\n", "<html>x,b\nb,c\n"):
        assert read_graph(put(tmp_path, "e.csv", content), delimiter=",").n_edges == 2


def test_row_numbers_of_parquet_are_no_nodes(tmp_path: Path) -> None:
    table = pa.table({"__index_level_0__": [0, 1], "s": ["a", "b"], "t": ["b", "c"]})
    pyarrow.parquet.write_table(table, tmp_path / "e.parquet")
    assert read_graph(tmp_path / "e.parquet").ids.tolist() == ["a", "b", "c"]


def test_what_is_advised_can_be_done(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Tables of pairs are read without the options that a table of edges has."""
    graph = Graph.from_pairs([(i, i + 1) for i in range(30)])
    path = put(tmp_path, "p.csv", "".join(f"{i + 5},{i % 7},{3 * i % 8}\n" for i in range(20)))
    id_pairs(path, graph)
    assert "row numbers or times: not used; call others source and target" in caplog.text
    caplog.clear()
    read_graph(path)
    assert "not used; --source and --target (source=, target=) name others" in caplog.text
    path = put(tmp_path, "p.csv", "1:2\n")
    with pytest.raises(InputError, match="each end of an edge; separate them by a comma or a tab$"):
        id_pairs(path, graph)
    with pytest.raises(InputError, match=r"; give the delimiter with --delimiter \(delimiter=\)$"):
        read_graph(path)
    empty = pa.table({"source": pa.array([], pa.string()), "target": pa.array([], pa.string())})
    pyarrow.parquet.write_table(empty, tmp_path / "p.parquet")
    with pytest.raises(InputError, match="holds no edges; name a file that holds some"):
        read_graph(tmp_path / "p.parquet")
    with pytest.raises(InputError, match=r"no edges; if its only row is not a header, give --no-h"):
        read_graph(put(tmp_path, "p.csv", "source,target\n"))
