"""Labels of nodes, and which nodes have one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vgae import Graph, InputError
from vgae.data.labels import as_labels, labelled_nodes

NAN = float("nan")


@pytest.mark.parametrize(
    ("given", "expected", "labelled"),
    [
        (["x", "y"], ["x", "y"], [0, 1]),
        (["x", None, "y"], ["x", None, "y"], [0, 2]),
        (["x", NAN, "y"], ["x", None, "y"], [0, 2]),
        (["x", 3, True], ["x", "3", "True"], [0, 1, 2]),
        ([np.str_("x"), None], ["x", None], [0]),
        ([True, False], [True, False], [0, 1]),
        ([True, None], ["True", None], [0]),
        ([2, -1, None, 7], [2, -1, -1, 7], [0, 3]),
        (np.array([1.5, NAN]), [1.5, NAN], [0]),
        (np.array([1, 2.5, None], dtype=object), [1.0, 2.5, NAN], [0, 1]),
        ([None, None], [NAN, NAN], []),
        (np.array([(1, 2), None], dtype=object), ["(1, 2)", None], [0]),
        ([], [], []),
    ],
)
def test_a_label_that_is_missing_can_be_told(
    given: Any, expected: list[Any], labelled: list[int]
) -> None:
    found = as_labels(given)
    np.testing.assert_array_equal(found, np.array(expected, dtype=found.dtype))
    assert [type(value) for value in found.tolist()] == [type(value) for value in expected]
    assert labelled_nodes(found).tolist() == labelled


def test_missing_values_of_pandas_are_missing() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is missing")
    for given, expected in (
        (pandas.Series(["x", None], dtype="string"), ["x", None]),
        (pandas.Series(pandas.Categorical(["x", None])), ["x", None]),
    ):
        assert as_labels(given).tolist() == expected


def test_labels_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="labels: rows of different lengths"):
        as_labels([[1], [1, 2]])
    with pytest.raises(InputError, match="labels: an integer does not fit 64 bits"):
        as_labels([2**70, None])


def test_every_way_into_a_graph_tells_missing_labels() -> None:
    labels = np.array(["x", NAN], dtype=object)
    graph = Graph.from_edges([(0, 1)])
    for made in (
        graph.with_labels(labels),
        Graph.from_edges([(0, 1)], labels=labels),
        Graph(graph.adjacency, graph.ids, labels=labels),
    ):
        assert made.labels is not None
        assert made.labels.tolist() == ["x", None]
