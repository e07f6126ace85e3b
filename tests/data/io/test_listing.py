"""Nodes and edges collected one by one: ids, weights, and what is refused or logged."""

from __future__ import annotations

from pathlib import Path

import pytest

from vgae.data.io.listing import MOST_NAMED, Listing
from vgae.ground.errors import InputError

PATH = Path("graph.gml")


def listed(
    *nodes: str, edges: tuple[str, ...] = (), weights: tuple[float | None, ...] = ()
) -> Listing:
    listing = Listing(PATH)
    for place, key in enumerate(nodes, start=1):
        listing.node(key, place)
    for place, edge in enumerate(edges):
        weight = weights[place] if weights else None
        listing.edge(edge[0], edge[1], weight, place, directed=False)
    return listing


def test_nodes_keep_their_order_and_every_edge_is_a_row() -> None:
    graph = listed("c", "a", "b", edges=("ca", "ac", "ca", "bb")).graph("undirected")
    assert graph.ids.tolist() == ["c", "a", "b"]
    assert graph.edges.tolist() == [[0, 1]]
    cleaning = graph.cleaning
    assert (cleaning.duplicates, cleaning.reversed_duplicates, cleaning.self_loops) == (1, 1, 1)


def test_a_node_may_be_listed_after_its_edges(caplog: pytest.LogCaptureFixture) -> None:
    listing = listed("a", edges=("ab", "ca"))
    assert listing.n_listed == 1
    listing.node("b", 9)
    assert listing.n_listed == 2
    assert listing.graph("undirected").ids.tolist() == ["a", "b", "c"]
    assert "graph.gml: added 1 node that only edges name, such as 'c'" in caplog.text
    with pytest.raises(InputError, match="line 10: a second node with the id 'b'; keep one"):
        listing.node("b", 10)


@pytest.mark.parametrize(
    ("keys", "ids"),
    [
        (("1", "2", "-3"), [1, 2, -3]),
        (("1", "x"), ["1", "x"]),
        (("1", "01"), ["1", "01"]),
        (("1", "2.0"), ["1", "2.0"]),
        (("1", str(2**63 - 1)), [1, 2**63 - 1]),
        (("1", str(2**63)), ["1", str(2**63)]),  # as in tables: longer than 64 bits
    ],
)
def test_ids_are_integers_if_all_spell_one(keys: tuple[str, ...], ids: list[object]) -> None:
    assert listed(*keys).ids() == ids


def test_labels_replace_ids_unless_two_are_the_same(caplog: pytest.LogCaptureFixture) -> None:
    listing = listed("1", "2")
    listing.node("3", 3, "ann")
    assert listing.ids() == ["1", "2", "ann"]
    listing.node("4", 4, "40")
    assert listing.ids() == ["1", "2", "ann", "40"]
    assert not caplog.text
    listing.node("5", 5, "ann")
    assert listing.ids() == [1, 2, 3, 4, 5]
    assert "several nodes are labelled 'ann'; the ids in the file are used" in caplog.text


def test_a_label_may_not_hide_the_id_of_another_node(caplog: pytest.LogCaptureFixture) -> None:
    listing = listed("1", "2")
    listing.node("3", 3, "2")
    assert listing.ids() == [1, 2, 3]
    assert "several nodes are labelled '2'" in caplog.text


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "much", "", "1_0", None])
def test_weights_must_be_positive_and_finite(text: object) -> None:
    listing = Listing(PATH, places=("nodes[{}]", "links[{}]"))
    with pytest.raises(
        InputError, match=r"^links\[7\]: weight '.*' is not a positive finite number"
    ):
        listing.weight(text, 7)
    assert listing.weight("2.5e1", 7) == 25


def test_edges_without_a_weight_weigh_one(caplog: pytest.LogCaptureFixture) -> None:
    assert listed("a", "b", edges=("ab",)).graph("undirected").weights is None
    assert not caplog.text
    graph = listed("a", "b", "c", edges=("ab", "bc"), weights=(3, None)).graph("undirected")
    assert graph.weights is not None
    assert graph.weights.tolist() == [3, 1]
    assert "graph.gml: 1 edge has no weight; 1 is used" in caplog.text


def test_empty_ids_are_refused() -> None:
    listing = Listing(PATH, places=("nodes[{}]", "links[{}]"))
    with pytest.raises(InputError, match=r"nodes\[4\]: a node has an empty id; give it an id"):
        listing.node("", 4)
    with pytest.raises(InputError, match=r"links\[4\]: an end of this edge has an empty id; give"):
        listing.edge("a", "", None, 4, directed=False)


def test_undirected_edges_of_a_directed_graph_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    listing = listed("a", "b", edges=("ab", "ba"))
    listing.edge("a", "b", None, 3, directed=True)
    graph = listing.graph("directed")
    assert graph.edges.tolist() == [[0, 1], [1, 0]]
    assert "2 edges are undirected; read as running from source to target" in caplog.text


def test_only_some_of_many_unused_attributes_are_named(caplog: pytest.LogCaptureFixture) -> None:
    listing = listed("a")
    for place in range(MOST_NAMED + 3):
        listing.not_used("node", f"x{place}")
    listing.not_used("edge", "x0")
    listing.not_used("edge", "x0")
    with caplog.at_level("INFO", logger="vgae"):
        listing.graph("undirected")
    assert "not used: 'x0' of 2 edges, 'x0' of 1 node, " in caplog.text
    assert caplog.text.rstrip().endswith("'x6' of 1 node and 4 more")
