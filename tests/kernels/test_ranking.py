import numpy as np
import pytest
import torch
from graphs import dense, graphs
from hypothesis import given, settings
from hypothesis import strategies as st

import vgae.kernels.ranking as ranking
from vgae.graph import Graph
from vgae.kernels import top_pairs, top_partners


def brute_force(vectors: np.ndarray, graph: Graph, k: int) -> list[tuple[int, int]]:
    logits, known = vectors @ vectors.T, dense(graph)
    n = graph.n_nodes
    free = [(i, j) for i in range(n) for j in range(i + 1, n) if not known[i, j]]
    return sorted(free, key=lambda pair: (-logits[pair], pair))[:k]


# Small whole numbers: products are exact in any order, and ties are many.
@settings(deadline=None)
@given(graphs(max_nodes=30), st.integers(1, 60), st.integers(0, 100), st.booleans())
def test_top_pairs_equal_brute_force_with_ties(
    graph: Graph, k: int, seed: int, tiny_tiles: bool
) -> None:
    vectors = np.random.default_rng(seed).integers(-2, 3, size=(graph.n_nodes, 2)).astype("f4")
    with pytest.MonkeyPatch.context() as patch:
        if tiny_tiles:
            patch.setattr(ranking, "TILE_ELEMENTS", 16)
        pairs, logits = top_pairs(torch.from_numpy(vectors), k, known=graph.adjacency)
    expected = brute_force(vectors, graph, k)
    assert [tuple(pair) for pair in pairs.tolist()] == expected
    assert logits.tolist() == [float(vectors[i] @ vectors[j]) for i, j in expected]


@settings(deadline=None)
@given(graphs(max_nodes=20), st.integers(1, 30), st.integers(0, 100))
def test_top_partners_equal_brute_force(graph: Graph, k: int, seed: int) -> None:
    vectors = np.random.default_rng(seed).integers(-2, 3, size=(graph.n_nodes, 2)).astype("f4")
    logits, known = vectors @ vectors.T, dense(graph)
    nodes = np.arange(graph.n_nodes)[::-1].copy()
    pairs, _ = top_partners(torch.from_numpy(vectors), nodes, k, known=graph.adjacency)
    expected = []
    for node in nodes:
        free = [j for j in range(graph.n_nodes) if j != node and not known[node, j]]
        best = sorted(free, key=lambda j: (-logits[node, j], j))[:k]
        expected += [(node, j) for j in best]
    assert [tuple(pair) for pair in pairs.tolist()] == expected


def test_a_complete_graph_has_nothing_to_recommend() -> None:
    graph = Graph.from_edges([(0, 1), (1, 2), (0, 2)])
    factor = torch.ones(3, 2)
    assert top_pairs(factor, 5, known=graph.adjacency)[0].shape == (0, 2)
    assert top_partners(factor, np.array([1]), 5, known=graph.adjacency)[0].shape == (0, 2)
