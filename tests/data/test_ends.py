"""Which two columns hold the ends of edges: names, then what columns have in common."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from places import DOCS

from vgae.data.ends import END_NAMES, TWO_KINDS, find_ends, kind_prefixes, named_ends, two_kinds


def ends(rows: Sequence[Sequence[Any]], names: Sequence[str] | None = None) -> tuple[int, int, str]:
    texts = [[str(cell) for cell in row] for row in rows]
    found = find_ends(names, texts, len(texts[0]), lambda column: f"<{column}>")
    return found.source, found.target, " ".join(found.remarks)


def chance(seed: int) -> Callable[[int], int]:
    return random.Random(seed).randrange


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["rank", "from", "to"], (1, 2)),
        (["to", "from", "source"], (1, 0)),  # source of the data, not of the edge
        (["FromNodeId", "ToNodeId"], (0, 1)),
        (["weight", "source_id", "TargetID"], (1, 2)),
        ([":TYPE", ":START_ID(Person)", ":END_ID(Person)"], (1, 2)),
        (["start", "end", "caller", "callee"], (2, 3)),  # times
        (["when", "Sender", "Receiver"], (1, 2)),
        (["k", "Buyer ID", "Seller ID"], (1, 2)),
        (["follower", "followee"], (0, 1)),
        (["head", "relation", "tail"], (0, 2)),
        (["id", "node_1", "node_2"], (1, 2)),
        (["#Systematic Name Interactor A", "Systematic Name Interactor B"], (0, 1)),
        (["protein1", "protein2", "combined_score"], (0, 1)),
        (["timestamp", "userId", "movieId", "rating"], (1, 2)),
        (["product", "customer"], (1, 0)),
        (["src", "target"], (0, 1)),
        (["id", "sender", "receiver"], (1, 2)),
        (["Interactor A", "Interactor B"], (0, 1)),
        (["interactor-a", "INTERACTOR_B"], (0, 1)),
        (["customer", "product"], (0, 1)),
        (["user", "item"], (0, 1)),
        (["subject", "predicate", "object"], (0, 2)),
        (["Parent-ID", "child id"], (0, 1)),
        (["citing", "cited"], (0, 1)),
        (["caller", "callee"], (0, 1)),
        (["from_id", "to_id"], (0, 1)),
        (["v", "u"], (1, 0)),
        (["node1", "node2"], (0, 1)),
        (["Person", "Friend"], (0, 1)),
        (["follower", "following"], (0, 1)),
        (["Origin", "Dest"], (0, 1)),
    ],
)
def test_usual_names(names: list[str], wanted: tuple[int, int]) -> None:
    assert named_ends(names)[0] == wanted


@pytest.mark.parametrize("names", [["x", "y"], ["score1", "score2"], ["start", "end"], ["a", "b"]])
def test_unusual_names_say_nothing(names: list[str]) -> None:
    assert named_ends(names) == []


def test_further_pairs_are_said() -> None:
    names = ["Entrez Gene Interactor A", "Entrez Gene Interactor B"]
    names += ["Official Symbol Interactor A", "Official Symbol Interactor B"]
    assert ends([[1, 2, "a", "b"]], names) == (
        0,
        1,
        "edges run from <0> to <1>; on offer as well: <2> to <3>",
    )


def test_of_several_pairs_the_one_that_shares_values_is_taken() -> None:
    names = ["from", "to", "sender", "receiver"]
    assert named_ends(names) == [(0, 1), (2, 3)]
    rows = [(2019, 2021, "ann", "bob"), (2020, 2022, "bob", "cid")]
    assert ends(rows, names) == (
        2,
        3,
        "edges run from <2> to <3>; on offer as well: <0> to <1>",
    )
    assert ends([("ann", "bob", "x", "y"), ("bob", "cid", "y", "z")], names)[:2] == (0, 1)
    assert ends([("ann", "bob", "x", "y")], names)[:2] == (0, 1)  # none does: the first


# ---------------------------------------------------------------- row numbers


@pytest.mark.parametrize("start", [0, 1, 100])
@pytest.mark.parametrize("prefix", ["", "n"])
@pytest.mark.parametrize("n_rows", [100, 2000])
def test_row_numbers_before_edges_are_no_nodes(start: int, prefix: str, n_rows: int) -> None:
    draw = chance(start)
    rows = [(start + i, f"{prefix}{draw(20)}", f"{prefix}{draw(20)}") for i in range(n_rows)]
    source, target, said = ends(rows)
    assert (source, target) == (1, 2)
    assert said == "<0> differs in every row and is taken for row numbers or times: not used"


def test_row_numbers_before_a_large_sparse_graph() -> None:
    draw = chance(1)
    rows = [(i, draw(10**6) // 3, draw(10**6)) for i in range(2000)]
    assert ends([*rows, (2000, rows[0][1], 7)])[:2] == (1, 2)


def test_row_numbers_from_0_or_1_before_nodes_of_two_kinds() -> None:
    for start, wanted in ((0, (1, 2)), (1, (1, 2)), (100, (0, 1))):
        rows = [(start + i, 1000 + i % 7, 5000 + i % 30) for i in range(90)]
        assert ends(rows)[:2] == wanted


def test_keys_that_no_other_column_has_are_no_nodes() -> None:
    draw = chance(2)
    rows = [(f"{draw(2**60):x}", f"n{draw(30)}", f"n{draw(30)}") for _ in range(60)]
    assert ends(rows)[:2] == (1, 2)


@pytest.mark.parametrize("name", ["id", "Index", "edge_id", "Row No.", "BioGRID Interaction ID"])
def test_a_name_may_say_that_a_column_numbers_rows(name: str) -> None:
    rows = [(17, "a", "b"), (4, "b", "c"), (9, "c", "a")]
    assert ends(rows, [name, "person", "other"])[:2] == (1, 2)


@pytest.mark.parametrize("name", ["time", "Timestamp", "date", "created_at"])
def test_times_are_no_nodes_though_they_recur(name: str) -> None:
    rows = [(17, "a", "b"), (17, "b", "c"), (18, "c", "a")]
    assert ends(rows, [name, "person", "other"])[:2] == (1, 2)
    fractions = [(17.5, "a", "b"), (17.5, "b", "c"), (18.25, "c", "a")]
    assert ends(fractions)[:2] == (1, 2)


@pytest.mark.parametrize("name", ["edge_id", "Row No.", "line number", "timestamp", "Date"])
def test_a_name_may_say_so_of_any_column(name: str) -> None:
    rows = [("a", 17, "b"), ("b", 4, "c"), ("c", 9, "a")]
    assert ends(rows, ["person", name, "other"])[:2] == (0, 2)
    assert ends([(*row, "x") for row in rows], ["person", name, "other", "k"])[:2] == (0, 2)


@pytest.mark.parametrize("date", ["2024-03-{:02}", "2024/3/{}", "{}.3.2024", "2024-03-{:02}T12:30"])
@pytest.mark.parametrize("place", [0, 1])
def test_dates_are_no_nodes(date: str, place: int) -> None:
    rows = [[f"n{i % 5}", f"m{i * 3 % 7}"] for i in range(20)]
    for i, row in enumerate(rows):
        row.insert(place, date.format(i % 9 + 1))
    assert ends(rows)[:2] == ((1, 2) if place == 0 else (0, 2))


def test_versions_and_addresses_are_no_dates() -> None:
    rows = [(f"10.0.0.{i}", f"1.2.{i}", i / 7) for i in range(9)]
    assert ends(rows)[:2] == (0, 1)


# ------------------------------------- what looks like row numbers, and is not


def _weights(seed: int) -> list[Callable[[int], Any]]:
    draw = chance(seed)
    return [
        lambda _: draw(5) + 1,
        lambda _: draw(1000),
        lambda _: draw(1000) / 7,
        lambda i: ("knows", "likes")[i % 2],
        lambda i: 1289000000 + 13 * i,
    ]


@pytest.mark.parametrize("n_rows", [6, 80, 2000])
@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("prefix", ["", "n"])
def test_trees_and_matchings_keep_their_first_column(n_rows: int, kind: int, prefix: str) -> None:
    """Every source differs, and yet is a node."""
    weight, draw = _weights(n_rows)[kind], chance(n_rows)
    children = range(1, n_rows + 1)
    parents = {
        "tree": [draw(child) for child in children],
        "heap": [child // 2 for child in children],
        "star": [0] * n_rows,
        "path": [child + 1 for child in children],
        "matching": [child + n_rows for child in children],
        "ring": [child % n_rows + 1 for child in children],
    }
    for shape, targets in parents.items():
        rows = [
            (f"{prefix}{child}", f"{prefix}{target}", weight(child))
            for child, target in zip(children, targets, strict=True)
        ]
        assert ends(rows)[:2] == (0, 1), shape


def test_a_column_called_id_that_shares_its_values_holds_nodes() -> None:
    assert ends([(1, 2, 5), (2, 3, 4), (3, 1, 9)], ["id", "neighbour", "n"])[:2] == (0, 1)


def test_what_counts_rows_and_is_kept_is_said() -> None:
    rows = [(i, (7 * i + 3) % 80, i * i) for i in range(80)]
    assert ends(rows) == (0, 1, "<0> counts the rows, but is taken for node ids")


# ------------------------------------------------------------- other columns


def test_a_relation_between_the_ends_is_no_node() -> None:
    rows = [(f"p{i}", "knows", f"p{(i + 1) % 9}") for i in range(9)]
    assert ends(rows)[:2] == (0, 2)
    assert "have values in common" in ends(rows)[2]
    assert ends([(i, 0.5, i + 1) for i in (4, 7, 1)])[:2] == (0, 2)


def test_codes_that_recur_are_preferred_to_what_shares_nothing() -> None:
    rows = [("2B", 410, f"A{i % 7}", 2965 + i, f"A{i * 3 % 7}") for i in range(30)]
    assert ends(rows)[:2] == (2, 4)


def test_nodes_of_two_kinds_are_not_left_for_what_their_attributes_share() -> None:
    rows = [(f"user{i % 9}", f"item{i % 7}", "red", "blue", 5, 3) for i in range(30)]
    assert ends([*rows, ("user1", "item1", "blue", "red", 3, 5)])[:2] == (0, 1)
    numbers = [(i % 9, 5000 + i % 7, 1200 + i, 1201 + i) for i in range(30)]
    assert ends(numbers)[:2] == (0, 1)


def test_integers_that_share_values_are_preferred() -> None:
    draw = chance(4)
    rows = [(20 + i % 13, 1000 + draw(30), 1000 + draw(30)) for i in range(90)]
    assert ends(rows)[:2] == (1, 2)
    apart = [(20 + i % 13, 1000 + draw(30), 5000 + draw(30)) for i in range(90)]
    assert ends(apart)[:2] == (0, 1)


def test_how_ends_were_chosen() -> None:
    rows = [["a", "b", "5"], ["b", "c", "7"]]
    assert find_ends(["from", "to", "x"], rows, 3, str).chosen == "usual name"
    assert find_ends(None, rows, 3, str).chosen == "guess"
    assert find_ends(None, rows, 3, str, weight=2).chosen == "only choice"
    assert find_ends(["", "x", "y"], rows, 3, str).chosen == "only choice"
    assert find_ends(["x", "y"], [], 2, str).chosen == "only choice"


def test_a_column_of_weights_holds_no_ids() -> None:
    found = find_ends(["weight", "a", "b"], [["1", "x", "y"]], 3, str, weight=0)
    assert (found.source, found.target) == (1, 2)


# ---------------------------------------------------------------- two kinds


def test_two_kinds_are_known_by_their_names() -> None:
    assert two_kinds(["userId", "Movie ID"], 0, 1)
    assert two_kinds(["time", "product", "customer_id"], 1, 2)
    assert not two_kinds(["user_id", "friend_id"], 0, 1)
    assert not two_kinds(None, 0, 1)


def test_the_documentation_names_all_kinds_and_ends() -> None:
    text = (DOCS / "formats.md").read_text()
    plain = "".join(text.lower().split())
    assert all(f"{a}and{b}" in plain for a, b in END_NAMES if a not in ("start", "follower"))
    for kind, others in TWO_KINDS.items():
        for other in others:
            assert re.search(rf"{kind}and[a-z,()]*{other}", plain), (kind, other)


def test_prefixes_can_be_told_apart() -> None:
    assert kind_prefixes(["User", " Item "], 0, 1) == ("User:", "Item:")
    for names in (["x", "x"], ["a", "a:b"], ["", "b"]):
        assert kind_prefixes(names, 0, 1) == ("source:", "target:")
