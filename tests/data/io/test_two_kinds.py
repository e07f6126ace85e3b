"""Users and items, told apart where the table says so, and warned of where it only looks so."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from delimited import id_pairs

from vgae.data.graph import Graph
from vgae.data.io import read_graph, read_new_edges

SAME_NUMBERS = "1,2\n2,1\n1,3\n"


def put(folder: Path, content: str, name: str = "e.csv") -> Path:
    path = folder / name
    path.write_text(content)
    return path


def test_prefixes_are_the_names_of_the_columns(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="vgae"):
        graph = read_graph(put(tmp_path, f"user_id,movie\n{SAME_NUMBERS}"))
    assert graph.ids.tolist() == ["movie:1", "movie:2", "movie:3", "user_id:1", "user_id:2"]
    assert graph.n_edges == 3
    assert "two kinds of nodes, by its column names or its first lines" in caplog.text
    assert "two kinds of nodes, with 2 ids in common: ids are written 'user_id:1', 'movie:2'" in (
        caplog.text
    )


@pytest.mark.parametrize("first", ["% bip unweighted\n", "% about\n% bip weighted\n"])
def test_the_first_lines_of_konect_tell(tmp_path: Path, first: str) -> None:
    graph = read_graph(put(tmp_path, first + SAME_NUMBERS.replace(",", " "), "out.konect"))
    assert graph.ids.tolist() == ["source:1", "source:2", "target:1", "target:2", "target:3"]


@pytest.mark.parametrize("first", ["% bipolar\n", "% a bip\n", ""])
def test_other_comments_do_not(tmp_path: Path, first: str) -> None:
    assert read_graph(put(tmp_path, first + SAME_NUMBERS)).ids.tolist() == [1, 2, 3]


def test_the_caller_is_always_right(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    named = put(tmp_path, f"user,item\n{SAME_NUMBERS}")
    assert read_graph(named, bipartite=False).ids.tolist() == [1, 2, 3]
    plain = put(tmp_path, SAME_NUMBERS)
    assert read_graph(plain, bipartite=True).n_nodes == 5
    assert "looks like ratings" not in caplog.text


def test_ids_that_differ_stay_as_they_are(tmp_path: Path) -> None:
    graph = read_graph(put(tmp_path, "user,item\nu1,1\nu2,1\n"))
    assert graph.ids.tolist() == ["1", "u1", "u2"]


def test_a_node_without_edges_makes_no_ids_common(tmp_path: Path) -> None:
    graph = read_graph(put(tmp_path, "a x y\nb\n", "e.adjlist"), bipartite=True)
    assert graph.ids.tolist() == ["a", "b", "x", "y"]
    graph = read_graph(put(tmp_path, "1 2\n2 1\n3\n", "e.adjlist"), bipartite=True)
    assert graph.ids.tolist() == ["source:1", "source:2", "source:3", "target:1", "target:2"]


RATED = "".join(f"{i % 6},{i % 5},{i % 4 + 1}\n" for i in range(30))


@pytest.mark.parametrize(
    ("content", "options", "warns"),
    [
        (RATED, {}, True),
        (f"a,b,rating\n{RATED}", {}, True),
        (RATED, {"bipartite": False}, False),
        (RATED, {"bipartite": True}, False),
        (f"source,target,rating\n{RATED}", {}, False),  # named as the ends of edges
        ("".join(f"u{i % 6},{i % 5},{i % 4 + 1}\n" for i in range(30)), {}, False),  # text
        ("".join(f"{i % 6},{i % 5 + 10},{i % 4 + 1}\n" for i in range(30)), {}, False),  # apart
        ("".join(f"{i % 6},{i % 5}\n" for i in range(30)), {}, False),  # no ratings
    ],
)
def test_the_same_numbers_next_to_ratings_are_warned_of(
    tmp_path: Path,
    content: str,
    options: dict[str, bool],
    warns: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    read_graph(put(tmp_path, content), **options)  # type: ignore[arg-type]
    said = "both columns use the same numbers (5), and column "
    assert (said in caplog.text) == warns
    if warns:
        assert "give --bipartite (bipartite=True); otherwise --no-bipartite (bip" in caplog.text


def test_later_tables_get_prefixes_if_the_graph_has_them(tmp_path: Path) -> None:
    told = read_graph(put(tmp_path, f"user,item\n{SAME_NUMBERS}"))
    later = put(tmp_path, "user,item\n2,3\n", "later.csv")
    assert id_pairs(later, told) == [["user:2", "item:3"]]
    later.write_text("user,item\n9,3\n")
    (source, target), _ = read_new_edges(later, told)
    assert (source.tolist(), target.tolist()) == (["user:9"], ["item:3"])


def test_later_tables_stay_as_they_are_otherwise(tmp_path: Path) -> None:
    plain = Graph.from_pairs([("1", "x"), ("2", "x")])
    later = put(tmp_path, "user,item\n2,x\n")
    assert id_pairs(later, plain) == [["2", "x"]]
    told = Graph.from_pairs([("user:1", "item:1")])
    later.write_text("source,target\nuser:1,item:1\n")
    assert id_pairs(later, told) == [["user:1", "item:1"]]
