"""Splits that people bring: every form that they have, and the row of every mistake."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from vgae.data.graph import Graph
from vgae.data.split import Split, SplitSettings
from vgae.ground.errors import InputError

PATH = Graph.from_pairs([(f"n{i}", f"n{i + 1}") for i in range(9)])
TEST = [("n2", "n3"), ("n6", "n5")]
FRAME = {"positive": [1, 0, 1], "to": ["n7", "n5", "n9"], "from": ["n5", "n2", "n5"]}


def named(pairs: np.ndarray) -> list[tuple[Any, ...]]:
    return [tuple(sorted(pair)) for pair in PATH.ids[pairs].tolist()]


@pytest.mark.parametrize(
    "form",
    [
        list,
        lambda pairs: np.array(pairs),
        lambda pairs: tuple(np.array(pairs, dtype=object).T),
        lambda pairs: iter(pairs),
        lambda pairs: pd.DataFrame(pairs, columns=["source", "target"]),
        lambda pairs: pd.DataFrame(pairs),
        lambda pairs: pl.DataFrame(pairs, schema=["x", "y"], orient="row"),
        lambda pairs: pa.table({"source": [a for a, _ in pairs], "target": [b for _, b in pairs]}),
    ],
)
def test_pairs_of_ids_in_any_form(form: Any) -> None:
    split = Split.from_pairs(PATH, test=form(TEST), protocol="TV", seed=3)
    assert named(split.test.positives) == [("n2", "n3"), ("n5", "n6")]
    assert split.train.n_edges == 7
    assert not split.validation
    assert split.settings == SplitSettings.of_sizes(9, test=2, protocol="TV")
    assert split.seed == 3
    assert len(split.test.negatives) == 2  # drawn, one each
    again = Split.from_pairs(PATH, test=TEST, seed=3)
    assert np.array_equal(split.test.negatives, again.test.negatives)
    assert split.test.groups is None


def test_a_flat_list_of_any_length_is_shared_by_all() -> None:
    flat = [("n0", f"n{i}") for i in range(2, 9)]
    split = Split.from_pairs(PATH, validation=[("n0", "n1")], test=TEST, test_negatives=flat)
    assert named(split.test.negatives) == flat
    assert split.test.groups is None
    assert split.settings.negatives == "given"
    (drawn,) = named(split.validation.negatives)  # uniform, and none of those given
    assert drawn not in flat


def test_drawn_negatives_are_none_of_those_given() -> None:
    pairs = [(i, j) for i in range(6) for j in range(i)]
    graph = Graph.from_pairs(pairs[3:])  # three pairs are free
    for seed in range(5):
        split = Split.from_pairs(
            graph,
            validation=pairs[3:4],
            test=pairs[4:5],
            validation_negatives=pairs[:2],
            seed=seed,
        )
        assert sorted(graph.ids[split.test.negatives[0]].tolist()) == sorted(pairs[2])
    with pytest.raises(InputError, match="1 pair without an edge, but 2 are needed as negatives"):
        Split.from_pairs(
            graph, validation=pairs[3:4], test=pairs[4:6], validation_negatives=pairs[:2]
        )


@pytest.mark.parametrize(
    "negatives",
    [
        [[("n2", "n5")], [("n7", "n5"), ("n9", "n5")]],
        [[["n2", "n5"]], [["n7", "n5"], ["n9", "n5"]]],
        pd.DataFrame(FRAME),
        pl.DataFrame(FRAME),
        pa.table(FRAME),
    ],
)
def test_each_positive_has_negatives_of_its_own(negatives: Any) -> None:
    split = Split.from_pairs(PATH, test=TEST, test_negatives=negatives)
    groups = split.test.groups
    assert groups is not None
    assert named(split.test.negatives[groups == 0]) == [("n2", "n5")]
    assert sorted(named(split.test.negatives[groups == 1])) == [("n5", "n7"), ("n5", "n9")]
    with pytest.raises(ValueError, match="read-only"):
        groups[0] = 1


def test_an_array_with_negatives_of_each_positive() -> None:
    block = np.array([[("n2", f"n{i}") for i in (5, 6, 7)], [("n6", f"n{i}") for i in (2, 1, 0)]])
    assert block.shape == (2, 3, 2)
    split = Split.from_pairs(PATH, test=TEST, test_negatives=block)
    assert split.test.groups is not None
    assert split.test.groups.tolist() == [0, 0, 0, 1, 1, 1]
    # Two positives may share a negative: (n2, n6) is one of both.
    assert len(set(named(split.test.negatives))) == 5


def test_integer_ids_and_negatives_of_each_positive() -> None:
    ring = Graph.from_pairs([(10 * i, 10 * ((i + 1) % 9)) for i in range(9)])
    block = np.array([[(0, 20), (0, 30)], [(50, 20), (50, 30)]])
    split = Split.from_pairs(ring, test=[(0, 10), (50, 60)], test_negatives=block)
    assert split.test.groups is not None
    assert ring.ids[split.test.negatives[split.test.groups == 1]].tolist() == [[50, 20], [50, 30]]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"test": [("n0", "n1"), ("n0", "n5")]}, "test, row 1: ('n0', 'n5') is not an edge of the"),
        ({"test": [("n0", "n1"), ("n0", "x")]}, "test, row 1: node 'x' is not in the graph"),
        ({"test": [("n0", "n0")]}, "test, row 0: ('n0', 'n0') joins a node with itself"),
        (
            {"test": [*TEST, ("n3", "n2")]},
            "test, row 2: ('n3', 'n2') is there already (test, row 0); an edge belongs to one part",
        ),
        (
            {"validation": [("n3", "n2")], "test": TEST},
            "test, row 0: ('n2', 'n3') is there already (validation, row 0); an edge belongs",
        ),
        ({"test": TEST, "test_negatives": []}, "test negatives: there are none; omit them"),
        (
            {"test": TEST, "test_negatives": [("n0", "n2"), ("n5", "n4")]},
            "test_negatives, row 1: ('n5', 'n4') is an edge of the graph, and so no negative",
        ),
        (
            {"test": TEST, "test_negatives": [("n0", "n2"), ("n2", "n0")]},
            "test_negatives, row 1: ('n2', 'n0') is there already (test_negatives, row 0); give",
        ),
        (
            {"test": TEST, "validation_negatives": [("n0", "n2")]},
            "validation negatives: there are no validation edges",
        ),
        (
            {
                "validation": [("n0", "n1")],
                "test": TEST,
                "validation_negatives": [("n0", "n2")],
                "test_negatives": [("n0", "n3"), ("n2", "n0")],
            },
            "test_negatives, row 1: ('n2', 'n0') is there already (validation_negatives, row 0)",
        ),
        (
            {"test": TEST, "test_negatives": [[("n0", "n2"), ("n0", "n2")], [("n0", "n2")]]},
            "test_negatives, row 1: ('n0', 'n2') is there already (test_negatives, row 0); give",
        ),
        (
            {"test": TEST, "test_negatives": pd.DataFrame(FRAME | {"positive": [1, 0, 2]})},
            "test_negatives, row 2: positive 2 is no row of the 2 test edges, which are counted",
        ),
        (
            {"test": TEST, "test_negatives": pd.DataFrame(FRAME | {"positive": [1, 1, 1]})},
            "test, row 0: ('n2', 'n3') has no negative of its own (1 such edge)",
        ),
        (
            {"test": TEST, "test_negatives": pd.DataFrame(FRAME | {"positive": [1.5, 0, 0]})},
            "test_negatives: column 'positive' holds float64, not row numbers",
        ),
        ({"test": pd.DataFrame({"source": ["n0"]})}, "test: 1 column of node ids; give two"),
        ({"test": ["n0", "n1"]}, "test, row 0: 'n0' is not a pair"),
        ({"test": 5}, "test: int holds no pairs of node ids"),
        ({"test": TEST, "protocol": "X"}, "split: protocol: input should be 'T' or 'TV'"),
    ],
)
def test_every_mistake_names_its_row(parts: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        Split.from_pairs(PATH, **parts)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_graph_is_refused() -> None:
    with pytest.raises(InputError, match="split: graph is list, not a Graph"):
        Split.from_pairs([("a", "b")], test=[("a", "b")])  # type: ignore[arg-type]


def test_pairs_of_a_directed_graph_have_a_direction() -> None:
    arrows = Graph.from_pairs([("a", "b"), ("b", "a"), ("b", "c")], directed=True)
    split = Split.from_pairs(arrows, test=[("a", "b")], test_negatives=[("c", "b")])
    assert split.train.edges.tolist() == [[1, 0], [1, 2]]
    assert split.n_reversed == {"validation": 0, "test": 1}
    with pytest.raises(InputError, match=r"test, row 0: \('c', 'b'\) is not an edge"):
        Split.from_pairs(arrows, test=[("c", "b")])


def test_negatives_join_types_that_edges_join() -> None:
    graph = Graph.from_pairs([("ann", "tea"), ("bob", "tea"), ("bob", "jam")], kind="bipartite")
    drawn = Split.from_pairs(graph, test=[("tea", "bob")])
    assert drawn.test.negatives.tolist() == [[0, 2]]  # ann and jam: the only one
    with pytest.raises(InputError, match="test_negatives, row 0: .'ann', 'bob'. joins types"):
        Split.from_pairs(graph, test=[("tea", "bob")], test_negatives=[("ann", "bob")])
