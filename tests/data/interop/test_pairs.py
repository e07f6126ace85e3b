"""Pairs of node ids from data frames, columns, lists and graphs."""

import networkx as nx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from vgae.data.graph import Graph
from vgae.data.interop.pairs import as_edge_pairs, as_pairs
from vgae.ground.errors import InputError

KNOWN = Graph.from_pairs([("ann", "bob"), ("bob", "cid"), ("cid", "dan")])
PAIRS = [("cid", "ann"), ("dan", "bob")]


def lists(columns: object) -> list[list[object]]:
    return [column.tolist() for column in columns]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "data",
    [
        PAIRS,
        np.array(PAIRS),
        (np.array(["cid", "dan"]), np.array(["ann", "bob"])),
        (pd.Series(["cid", "dan"]), pd.Series(["ann", "bob"])),
        pd.DataFrame({"source": ["cid", "dan"], "target": ["ann", "bob"]}),
        pd.DataFrame({"score": [0.1, 0.2], "target": ["ann", "bob"], "source": ["cid", "dan"]}),
        pa.table({"source": ["cid", "dan"], "target": ["ann", "bob"]}),
    ],
    ids=["list", "array", "arrays", "series", "frame", "more columns", "table"],
)
def test_pairs_keep_their_order_and_direction(data: object) -> None:
    assert lists(as_pairs(data, KNOWN)) == [["cid", "dan"], ["ann", "bob"]]


def test_a_graph_gives_its_edges_and_never_an_order_of_pairs() -> None:
    graph = nx.Graph([("ann", "bob"), ("bob", "cid")])
    assert lists(as_edge_pairs(graph, KNOWN)) == [["ann", "bob"], ["bob", "cid"]]
    assert lists(as_edge_pairs(PAIRS, KNOWN)) == lists(as_pairs(PAIRS, KNOWN))
    with pytest.raises(InputError):
        as_pairs(graph, KNOWN)


def test_two_kinds_of_nodes_are_told_apart_as_in_the_graph() -> None:
    frame = pd.DataFrame({"user": [1, 2], "item": [2, 1]})
    apart = Graph.from_pairs([("user:1", "item:1"), ("user:2", "item:2")])
    assert lists(as_pairs(frame, apart)) == [["user:1", "user:2"], ["item:2", "item:1"]]
    together = Graph.from_pairs([(1, 2), (2, 3)])
    assert lists(as_pairs(frame, together)) == [[1, 2], [2, 1]]


def test_a_frame_without_two_columns_is_refused() -> None:
    with pytest.raises(InputError, match="two are needed"):
        as_pairs(pd.DataFrame({"source": ["ann"]}), KNOWN)
