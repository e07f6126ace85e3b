"""Every format: written, read, the same graph; and the table of them in the documentation."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from places import DOCS
from scipy import io as scipy_io
from scipy import sparse

import vgae
from vgae.data.graph import Graph
from vgae.data.io import read_graph, write_graph
from vgae.data.io.formats import GRAPH_FORMATS
from vgae.data.tables import COMPRESSED, TABLE_SUFFIXES
from vgae.ground.errors import InputError

PAGE = DOCS / "formats.md"
READ = (*TABLE_SUFFIXES, *GRAPH_FORMATS)
NAMES = {
    ".csv": "CSV",
    ".tsv": "TSV",
    ".jsonl": "JSON lines",
    ".parquet": "Parquet",
    ".arrow": "Arrow IPC",
    ".feather": "Feather (Arrow)",
    **{suffix: form.name for suffix, form in GRAPH_FORMATS.items()},
}
ODD_IDS = ["Doe, Jane", "Ærø", 'the "best"', "# 1", "日本", "a b", "007", "x;y|z", "<&>"]


def _plain() -> Graph:
    return Graph.from_edges([(0, 1), (1, 2), (0, 3), (2, 3)])


def _text_ids() -> Graph:
    ids = sorted(ODD_IDS)
    return Graph.from_edges([(i, (i + 1) % len(ids)) for i in range(len(ids))], ids=ids)


def _integer_ids() -> Graph:
    return Graph.from_pairs([(-5, 10), (10, 20), (20, 2**40)])


def _weights() -> Graph:
    weights = np.array([0.1, 2.5, 1e-9, 3e7], dtype=np.float32)
    return Graph.from_edges([(0, 1), (1, 2), (0, 3), (2, 3)], weights=weights)


def _isolated() -> Graph:
    return Graph.from_edges([(0, 1), (1, 3)], n_nodes=5)


def _directed() -> Graph:
    return Graph.from_edges([(0, 1), (2, 1)], directed=True)  # 1 has no edge out


KINDS: dict[str, Callable[[], Graph]] = {
    "text ids": _text_ids,
    "integer ids": _integer_ids,
    "weights": _weights,
    "nodes without edges": _isolated,
    "direction": _directed,
}


def kept(graph: Graph, path: Path, caplog: pytest.LogCaptureFixture | None = None) -> bool:
    """Whether a graph is the same after writing and reading, and it is refused or said if not."""
    try:
        write_graph(graph, path)
    except InputError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)
        return False
    same = read_graph(path, directed=graph.directed).fingerprint == graph.fingerprint
    assert same or (caplog is not None and f"{path}: left out" in caplog.text)
    return same


@pytest.mark.parametrize("suffix", READ)
def test_every_format_round_trips(tmp_path: Path, suffix: str) -> None:
    assert kept(_plain(), tmp_path / f"plain{suffix}")
    assert [item.name for item in tmp_path.iterdir()] == [f"plain{suffix}"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
@pytest.mark.parametrize("compression", COMPRESSED)
def test_compressed_text_round_trips(tmp_path: Path, suffix: str, compression: str) -> None:
    path = tmp_path / f"graph{suffix}{compression}"
    assert kept(_text_ids(), path)
    magic = {".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd", ".bz2": b"BZh"}[compression]
    assert path.read_bytes().startswith(magic)


def test_the_table_in_the_documentation_is_true(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """VGAE_WRITE_DOCS=1 writes it anew."""
    lines = ["| format | suffix | " + " | ".join(KINDS) + " |", "|---" * (len(KINDS) + 2) + "|"]
    for suffix in READ:
        answers = [
            "yes" if kept(make(), tmp_path / f"{place}{suffix}", caplog) else "no"
            for place, make in enumerate(KINDS.values())
        ]
        lines.append(f"| {NAMES[suffix]} | `{suffix}` | " + " | ".join(answers) + " |")
    text = PAGE.read_text()
    wanted = re.sub(
        r"(<!-- formats -->\n).*(<!-- end of formats -->)",
        lambda match: match[1] + "\n".join(lines) + "\n" + match[2],
        text,
        flags=re.DOTALL,
    )
    if os.environ.get("VGAE_WRITE_DOCS"):
        PAGE.write_text(wanted)
    assert "\n".join(lines) in wanted
    assert PAGE.read_text() == wanted


def test_what_a_format_cannot_hold_is_refused_or_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InputError, match=r"m\.mtx: a matrix holds no node ids, .* write an edge"):
        write_graph(_text_ids(), tmp_path / "m.mtx")
    with pytest.raises(InputError, match="cannot hold weights"):
        write_graph(_weights(), tmp_path / "m.npy")
    with pytest.raises(InputError, match=r"cannot write '\.docx'; use one of"):
        write_graph(_plain(), tmp_path / "m.docx")
    with pytest.raises(
        InputError, match=r"cannot mark recommended links; use one of \.graphml, \.gexf, \.gml"
    ):
        write_graph(_plain(), tmp_path / "m.csv", links=[(0, 2, 0.5)])
    assert not list(tmp_path.iterdir())
    write_graph(_isolated(), tmp_path / "m.csv")
    assert "left out 2 nodes without edges" in caplog.text


@pytest.mark.parametrize("suffix", [".graphml", ".gexf", ".gml"])
def test_recommended_links_are_marked(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"links{suffix}"
    write_graph(_plain(), path, links=[(1, 3, 0.75)])
    assert read_graph(path).n_edges == 5
    text = path.read_text()
    assert "recommended" in text
    assert "0.75" in text


# --------------------------------------------------------------------- matrices


def test_matrix_market_of_others(tmp_path: Path) -> None:
    matrix = sparse.coo_array(([1.0, 2.0], ([0, 1], [1, 2])), shape=(3, 3))
    path = tmp_path / "general.mtx"
    scipy_io.mmwrite(path, matrix)
    graph = read_graph(path)
    assert graph.edges.tolist() == [[0, 1], [1, 2]]
    assert graph.weights is not None
    assert graph.weights.tolist() == [1, 2]
    (tmp_path / "g.mtx.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    assert read_graph(tmp_path / "g.mtx.gz").fingerprint == graph.fingerprint


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("hello\n", "cannot be read as Matrix Market"),
        (
            "%%MatrixMarket matrix coordinate real general\n3000000000 3000000000 1\n1 2 1\n",
            "3,000,000,000 nodes: at most 2,147,483,647 can be handled",
        ),
        (
            "%%MatrixMarket matrix array real general\n1 1\n1\n",
            "has the layout 'array' and the field 'real'",
        ),
        (
            "%%MatrixMarket matrix coordinate complex general\n1 1 1\n1 1 1 1\n",
            "the field 'complex'; write",
        ),
        (
            "%%MatrixMarket matrix coordinate real general\n3 3 1\n1 2 -4\n",
            r"entry \(0, 1\): -4.0 is not a positive finite number",
        ),
        ("%%MatrixMarket matrix coordinate real general\n3 3 2\n1 2 1\n", "cannot be read"),
        ("%%MatrixMarket matrix coordinate real general\n3 3 1\n1 9 1\n", "cannot be read"),
        (
            "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 2 1.5 7",
            r"line 3: '1 2 1.5 7' is not an entry \(row, column, real value\); correct this line",
        ),
        (
            "%%MatrixMarket matrix coordinate pattern general\n2 2 1\n1 2 1\n",
            r"line 3: '1 2 1' is not an entry \(row, column\); correct",
        ),
    ],
)
def test_bad_matrix_market_is_one_line(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "bad.mtx"
    path.write_text(content)
    with pytest.raises(InputError, match=said) as caught:
        read_graph(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_arrays_of_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "g.npz"
    source, target = np.array([0, 1]), np.array([1, 2])
    np.savez(path, src=source, dst=target, n=5)
    assert read_graph(path).n_nodes == 5
    np.savez(path, edges=np.array([["a", "b"], ["b", "c"]]))
    assert read_graph(path).ids.tolist() == ["a", "b", "c"]
    np.savez(path, edge_index=np.array([[5, 6, 7], [6, 7, 5]]))
    assert read_graph(path).edges.tolist() == [[0, 1], [0, 2], [1, 2]]
    np.savez(path, edge_index=np.array([[0, 1], [2, 3]]))
    assert read_graph(path).edges.tolist() == [[0, 2], [1, 3]]
    np.savez(path, edges=np.array([[0, 1], [2, 3]]), weight=[0.5, 2], about="a note")
    weighted = read_graph(path)
    assert weighted.edges.tolist() == [[0, 1], [2, 3]]
    assert weighted.weights is not None
    assert weighted.weights.tolist() == [0.5, 2]
    assert "arrays not used: about" in caplog.text
    np.save(tmp_path / "g.npy", np.array([[5, 6, 7], [6, 7, 5]]))
    with pytest.raises(InputError, match=r"shape \(2, 3\) is not \(n_edges, 2\)"):
        read_graph(tmp_path / "g.npy")
    np.savez(path, x=source)
    with pytest.raises(InputError, match=r"g\.npz: holds x; write a matrix with"):
        read_graph(path)
    np.savez(path, src=source, dst=target[:1], n=5)
    with pytest.raises(InputError, match="are not pairs; write one source"):
        read_graph(path)
    np.savez(path, src=source, dst=target, n=2**31)
    with pytest.raises(InputError, match="at most 2,147,483,647"):
        read_graph(path)
    np.save(tmp_path / "objects.npy", np.array([[print, 1]], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"objects\.npy: holds Python objects, which"):
        read_graph(tmp_path / "objects.npy")


def test_published_arrays(data_folder: Path) -> None:
    dblp = read_graph(data_folder / "attributed" / "dblp.npz")
    assert (dblp.n_nodes, dblp.n_edges, dblp.n_features) == (17_716, 52_867, 1_639)
    assert dblp.labels is not None
    enron = read_graph(data_folder / "large" / "email-enron.npz")
    assert (enron.n_nodes, enron.n_edges) == (36_692, 183_831)


# --------------------------------------------------------------- graph editors


@pytest.mark.parametrize("suffix", [".graphml", ".gexf", ".gml", ".net"])
def test_damaged_files_of_graph_editors_are_one_line(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"graph{suffix}"
    write_graph(_weights(), path)
    content = path.read_bytes()
    for damaged in (b"", b"hello", content[: len(content) // 2], b"\xff\xfe\x00" + content):
        path.write_bytes(damaged)
        try:
            found = read_graph(path)
        except InputError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error)
        else:  # half a Pajek file is a Pajek file
            assert suffix == ".net"
            assert found.n_nodes <= _weights().n_nodes


def test_options_of_tables_make_no_sense_elsewhere(tmp_path: Path) -> None:
    write_graph(_plain(), tmp_path / "g.gml")
    with pytest.raises(InputError, match=r"--delimiter makes no sense with a \.gml file"):
        read_graph(tmp_path / "g.gml", delimiter=";")


def test_write_graph_is_public(tmp_path: Path) -> None:
    vgae.write_graph(_plain(), tmp_path / "g.parquet")
    assert vgae.read_graph(tmp_path / "g.parquet").n_edges == 4


def test_suffixes_are_known_in_any_case(tmp_path: Path) -> None:
    write_graph(_plain(), tmp_path / "G.GRAPHML")
    assert read_graph(tmp_path / "G.GRAPHML").n_edges == 4
    np.save(tmp_path / "x.npy", np.ones((4, 2)))
    (tmp_path / "x.npy").rename(tmp_path / "X.NPY")
    assert read_graph(tmp_path / "G.GRAPHML", features=tmp_path / "X.NPY").n_features == 2


def test_options_that_have_no_use_are_refused(tmp_path: Path) -> None:
    write_graph(_plain(), tmp_path / "g.gml")
    write_graph(_plain(), tmp_path / "g.csv")
    np.save(tmp_path / "x.npy", np.ones((4, 2)))
    with pytest.raises(InputError, match=r"--drop-incomplete makes no sense with a \.gml file"):
        read_graph(tmp_path / "g.gml", drop_incomplete=True)
    for options in ({"isolated": True}, {"missing": "zero"}, {"standardize": True}):
        with pytest.raises(InputError, match=r"need a feature file \(--features\)"):
            read_graph(tmp_path / "g.csv", **options)
    with pytest.raises(InputError, match=r"x\.npy: holds numbers that are used as they are"):
        read_graph(tmp_path / "g.csv", features=tmp_path / "x.npy", standardize=True)


def test_damaged_json_lines_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    for content in (
        "null",
        '{"source": "a", "target"',
        "[1, 2]",
        "a,b",
        '{"source": ["a"], "target": 1}',
    ):
        path.write_text(content)
        with pytest.raises(InputError, match=r"e\.jsonl[:,]") as caught:
            read_graph(path)
        assert "\n" not in str(caught.value)


def test_nodes_of_the_attribute_table_follow_those_of_a_matrix(tmp_path: Path) -> None:
    write_graph(Graph.from_pairs([("c", "a"), ("a", "b")]), tmp_path / "g.gml")
    (tmp_path / "n.csv").write_text("node,x\na,1\nb,2\nc,3\nd,4\n")
    graph = read_graph(tmp_path / "g.gml", features=tmp_path / "n.csv", isolated=True)
    assert graph.ids.tolist() == ["a", "b", "c", "d"]
    np.savez(
        tmp_path / "g.npz",
        adj_data=[1.0],
        adj_indices=[1],
        adj_indptr=[0, 1, 1],
        adj_shape=[2, 2],
        labels=[7, 8],
    )
    (tmp_path / "n.csv").write_text("node,x\n0,1\n1,2\n5,3\n")
    with pytest.raises(InputError, match="node '5' would have no label"):
        read_graph(tmp_path / "g.npz", features=tmp_path / "n.csv", isolated=True)


def test_what_matrices_store_twice_or_as_zero_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "m.mtx"
    path.write_text("%%MatrixMarket matrix coordinate real general\n3 3 3\n1 2 0\n2 3 1\n2 3 5\n")
    graph = read_graph(path)
    assert graph.n_edges == 1
    assert "left out 1 stored zero" in caplog.text
    assert "merged 1 duplicate row" in caplog.text


def test_dates_are_ids_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "days.jsonl"
    graph = Graph.from_pairs([("2020-01-01", "2020-01-02"), ("2020-01-02", "2020-02-01")])
    write_graph(graph, path)
    assert read_graph(path).fingerprint == graph.fingerprint
    path.write_bytes(b'{"source":"\xff","target":"b"}\n')
    with pytest.raises(InputError, match="is not UTF-8 text"):
        read_graph(path)


@pytest.mark.parametrize("suffix", ["graphml", "gexf", "gml", "net"])
def test_signed_graphs_are_written_and_read_again(suffix: str, tmp_path: Path) -> None:
    graph = Graph.from_pairs([("a", "b"), ("b", "c")], weights=[-1.0, 2.0], kind="signed")
    write_graph(graph, tmp_path / f"graph.{suffix}")
    again = read_graph(tmp_path / f"graph.{suffix}", signed=True)
    assert again.fingerprint == graph.fingerprint
