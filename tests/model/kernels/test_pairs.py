"""What a sum over pairs is made of: which pairs, and what each of them adds."""

import numpy as np
import pytest
import torch
from graphs import random_arcs, random_graph

from vgae.data.graph import Graph
from vgae.model.kernels import PairPattern, PairTerm


def test_impossible_terms_are_refused() -> None:
    with pytest.raises(ValueError, match="'poisson' is none of logistic, rate, count, square"):
        PairTerm("poisson", 1.0)  # type: ignore[arg-type]
    for weight in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="the weight of an edge is"):
            PairTerm("count", weight)
    with pytest.raises(ValueError, match="a rate term has no targets"):
        PairTerm("rate", 1.0, torch.ones(2))


@pytest.mark.parametrize("graph", [random_graph(40, 0.2, 0), random_arcs(40, 0.1, 0)])
def test_transposed_pairs_have_their_ends_exchanged(graph: Graph) -> None:
    starts, columns = graph.adjacency.indptr.copy(), graph.adjacency.indices.copy()
    pattern = PairPattern(torch.from_numpy(starts), torch.from_numpy(columns))
    turned, places = pattern.transposed
    rows = np.repeat(np.arange(40), np.diff(starts))
    turned_rows = np.repeat(np.arange(40), np.diff(turned.row_starts))
    assert np.array_equal(turned_rows, columns[places])
    assert np.array_equal(turned.columns, rows[places])
    assert (turned.row_starts.dtype, turned.columns.dtype) == (pattern.row_starts.dtype,) * 2
    again, _ = turned.transposed
    assert torch.equal(again.columns, pattern.columns)


def test_a_pattern_without_nodes_can_be_transposed() -> None:
    turned, places = PairPattern(
        torch.zeros(1, dtype=torch.int32), torch.zeros(0, dtype=torch.int32)
    ).transposed
    assert turned.row_starts.tolist() == [0]
    assert len(turned.columns) == len(places) == 0
