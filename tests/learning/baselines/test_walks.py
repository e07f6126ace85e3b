"""Walk frequencies against exact transition probabilities."""

import numpy as np
import pytest
from graphs import dense, random_graph
from numpy.typing import NDArray
from scipy.stats import chisquare

from vgae.data.graph import Graph
from vgae.learning.baselines.walks import random_walks

HOUSE = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 4), (1, 4), (4, 5)]
WEIGHTS = [1.0, 2.0, 3.0, 0.5, 4.0, 1.5, 2.5]


def house(*, weighted: bool) -> Graph:
    return Graph.from_edges(HOUSE, weights=WEIGHTS if weighted else None)


def transition(
    graph: Graph, before: int | None, node: int, p: float, q: float
) -> NDArray[np.float64]:
    """Exact probabilities of the next node (Grover & Leskovec 2016, sec. 3.2.2)."""
    adjacency = dense(graph)
    weight = adjacency[node].copy()
    if before is not None:
        for after in np.flatnonzero(weight):
            if after == before:
                weight[after] /= p
            elif not adjacency[before, after]:
                weight[after] /= q
    return np.asarray(weight / weight.sum())


def fits(counts: NDArray[np.int64], probabilities: NDArray[np.float64]) -> bool:
    """Chi-square at one in a million: for a right walker and a fixed seed, this holds."""
    possible = probabilities > 0
    assert counts[~possible].sum() == 0
    if possible.sum() == 1:
        return True
    expected = probabilities[possible] * counts.sum()
    return bool(chisquare(counts[possible], expected).pvalue > 1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_steps_follow_the_transition_matrix(weighted: bool) -> None:
    graph = house(weighted=weighted)
    walks = random_walks(graph, np.repeat(np.arange(6), 3000), length=12, seed=1)
    for node in range(6):
        at, after = walks[:, :-1].ravel(), walks[:, 1:].ravel()
        counts = np.bincount(after[at == node], minlength=6)
        assert counts.sum() > 5000
        assert fits(counts, transition(graph, None, node, 1, 1))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("p", "q"), [(0.25, 4.0), (4.0, 0.5), (1.0, 3.0), (2.0, 1.0)])
def test_second_order_steps_follow_node2vec(weighted: bool, p: float, q: float) -> None:
    graph = house(weighted=weighted)
    walks = random_walks(graph, np.repeat(np.arange(6), 3000), length=12, p=p, q=q, seed=2)
    before, at, after = (walks[:, place : place + 10].ravel() for place in range(3))
    for source, node in graph.edges.tolist() + graph.edges[:, ::-1].tolist():
        chosen = (before == source) & (at == node)
        counts = np.bincount(after[chosen], minlength=6)
        assert counts.sum() > 200
        assert fits(counts, transition(graph, source, node, p, q))
    # The first step knows no node before it.
    first = walks[:, 0] == 0
    assert fits(np.bincount(walks[first, 1], minlength=6), transition(graph, None, 0, p, q))


def test_heavy_edges_elsewhere_cost_light_ones_no_digit() -> None:
    edges = [(0, 1), (2, 3), (2, 4), (2, 5)]
    graph = Graph.from_edges(edges, weights=[1e17, 1e-3, 1e-3, 1e-3])
    walks = random_walks(graph, np.full(20_000, 2), length=2, seed=0)
    assert fits(np.bincount(walks[:, 1], minlength=6)[3:], np.full(3, 1 / 3))


def test_the_test_can_fail() -> None:
    graph = house(weighted=True)
    walks = random_walks(house(weighted=False), np.zeros(20_000, int), length=2, seed=0)
    assert not fits(np.bincount(walks[:, 1], minlength=6), transition(graph, None, 0, 1, 1))


def test_every_step_is_an_edge_and_starts_stay() -> None:
    graph = random_graph(200, 0.012, 0)
    starts = np.random.default_rng(0).permutation(200)
    walks = random_walks(graph, starts, length=20, seed=5)
    assert walks.dtype == np.int32
    assert np.array_equal(walks[:, 0], starts)
    isolated = graph.degrees[starts] == 0
    assert isolated.any()
    assert (walks[isolated, 1:] == -1).all()
    steps = np.stack([walks[~isolated, :-1].ravel(), walks[~isolated, 1:].ravel()], axis=1)
    assert (dense(graph)[steps[:, 0], steps[:, 1]] == 1).all()


def test_a_seed_gives_the_same_walks_on_any_number_of_threads() -> None:
    import torch

    graph, starts = random_graph(100, 0.1, 0), np.arange(100)
    threads = torch.get_num_threads()
    first = random_walks(graph, starts, length=30, q=2.0, seed=7)
    try:
        torch.set_num_threads(1)
        assert np.array_equal(random_walks(graph, starts, length=30, q=2.0, seed=7), first)
    finally:
        torch.set_num_threads(threads)
    assert not np.array_equal(random_walks(graph, starts, length=30, q=2.0, seed=8), first)
    # Walks from one start differ from each other.
    same_start = random_walks(graph, np.zeros(50, int), length=30, seed=7)
    assert len(np.unique(same_start, axis=0)) == 50


def test_a_directed_walk_ends_where_no_edge_leads_on() -> None:
    graph = Graph.from_edges([(0, 1), (1, 2)], directed=True)
    assert random_walks(graph, np.array([0]), length=5, seed=0).tolist() == [[0, 1, 2, -1, -1]]


def test_no_starts_make_no_walks() -> None:
    graph = house(weighted=False)
    assert random_walks(graph, np.empty(0, int), length=5, seed=0).shape == (0, 5)
    assert random_walks(graph, np.array([3]), length=1, seed=0).tolist() == [[3]]
