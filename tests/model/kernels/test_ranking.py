import numpy as np
import pytest
import torch
from graphs import dense, graph_of, graphs, random_graph
from hypothesis import given, settings
from hypothesis import strategies as st

import vgae.model.kernels.ranking as ranking
from vgae.data.graph import Graph
from vgae.model.kernels import count_reaching, count_rivals, top_pairs, top_partners


def brute_force(vectors: np.ndarray, graph: Graph, k: int) -> list[tuple[int, int]]:
    logits, known = vectors @ vectors.T, dense(graph)
    n = graph.n_nodes
    free = [(i, j) for i in range(n) for j in range(i + 1, n) if not known[i, j]]
    return sorted(free, key=lambda pair: (-logits[pair], pair))[:k]


# Small whole numbers: products are exact in any order, and ties are many.
@settings(deadline=None)
@given(graphs(max_nodes=30), st.integers(1, 60), st.integers(0, 100), st.booleans())
def test_top_pairs_equal_brute_force_with_ties(
    graph: Graph, k: int, seed: int, many_rounds: bool
) -> None:
    vectors = np.random.default_rng(seed).integers(-2, 3, size=(graph.n_nodes, 2)).astype("f4")
    with pytest.MonkeyPatch.context() as patch:
        if many_rounds:
            patch.setattr(ranking, "ROUND_LOGITS", 16)
            patch.setattr(ranking, "SPARE_CANDIDATES", 1)
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


@settings(deadline=None)
@given(graphs(max_nodes=30), st.integers(1, 60), st.integers(0, 100))
def test_two_factors_are_searched_as_the_logits_that_they_make(
    graph: Graph, k: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    vectors = random.integers(-2, 3, size=(graph.n_nodes, 2)).astype("f4")
    offsets, one = random.integers(-3, 4, size=(graph.n_nodes, 1)), np.ones((graph.n_nodes, 1))
    left = np.concatenate([vectors, offsets, one], axis=1).astype("f4")
    right = np.concatenate([vectors, one, offsets], axis=1).astype("f4")
    sides = torch.from_numpy(left), torch.from_numpy(right)
    logits, known, n = left @ right.T, dense(graph), graph.n_nodes
    free = [(i, j) for i in range(n) for j in range(i + 1, n) if not known[i, j]]
    expected = sorted(free, key=lambda pair: (-logits[pair], pair))[:k]
    pairs, values = top_pairs(sides[0], k, known=graph.adjacency, right=sides[1])
    assert [tuple(pair) for pair in pairs.tolist()] == expected
    assert values.tolist() == [float(logits[pair]) for pair in expected]
    node = np.array([n - 1])
    pairs, _ = top_partners(sides[0], node, k, known=graph.adjacency, right=sides[1])
    others = [j for j in range(n - 1) if not known[n - 1, j]]
    best = sorted(others, key=lambda j: (-logits[n - 1, j], j))[:k]
    assert pairs[:, 1].tolist() == best
    levels = np.array([-1.0, 0.5, 4.0], np.float32)
    counts = count_reaching(sides[0], levels, known=graph.adjacency, right=sides[1])
    reached = np.searchsorted(levels, [logits[pair] for pair in free], side="right")
    assert counts.tolist() == np.bincount(reached.astype(int), minlength=4).tolist()


def test_a_complete_graph_has_nothing_to_recommend() -> None:
    graph = Graph.from_edges([(0, 1), (1, 2), (0, 2)])
    factor = torch.ones(3, 2)
    assert top_pairs(factor, 5, known=graph.adjacency)[0].shape == (0, 2)
    assert top_partners(factor, np.array([1]), 5, known=graph.adjacency)[0].shape == (0, 2)


def open_logits(vectors: np.ndarray, graph: Graph) -> np.ndarray:
    """Logits of all pairs i < j without an edge, as float32 numbers."""
    wide = vectors.astype(np.float64)
    free = np.triu(dense(graph) == 0, k=1)
    return np.asarray((wide @ wide.T)[free].astype(np.float32))


@settings(deadline=None)
@given(graphs(max_nodes=30), st.integers(0, 100), st.integers(1, 9))
def test_reached_levels_equal_brute_force_with_ties(graph: Graph, seed: int, dim: int) -> None:
    random = np.random.default_rng(seed)
    vectors = random.integers(-2, 3, size=(graph.n_nodes, dim)).astype("f4")
    levels = np.unique(random.integers(-5, 9, size=5)).astype("f4")
    counts = count_reaching(torch.from_numpy(vectors), levels, known=graph.adjacency)
    reached = np.searchsorted(levels, open_logits(vectors, graph), side="right")
    assert counts.tolist() == np.bincount(reached, minlength=len(levels) + 1).tolist()


@pytest.mark.parametrize("largest", [0.0, 1e-30, 1.0, 1e4, 1e30])
def test_searches_of_many_tiles_equal_brute_force(largest: float) -> None:
    graph = random_graph(1100, 0.02, seed=1)
    random = np.random.default_rng(0)
    vectors = (random.normal(size=(1100, 17)) * np.sqrt(largest / 17)).astype("f4")
    logits = open_logits(vectors, graph)
    # Levels that logits hit, some of them close together and one of them far away.
    levels = np.unique(np.concatenate([random.choice(logits, 3000), logits[:1] + 1000 * largest]))
    counts = count_reaching(torch.from_numpy(vectors), levels, known=graph.adjacency)
    reached = np.searchsorted(levels, logits, side="right")
    assert counts.tolist() == np.bincount(reached, minlength=len(levels) + 1).tolist()
    pairs, values = top_pairs(torch.from_numpy(vectors), 5000, known=graph.adjacency)
    rows, columns = np.nonzero(np.triu(dense(graph) == 0, k=1))
    order = np.lexsort((columns, rows, -logits))[:5000]
    assert np.array_equal(values, logits[order])
    assert np.array_equal(pairs, np.stack([rows, columns], axis=1)[order])


def test_logits_that_are_no_numbers_are_counted_all_the_same() -> None:
    graph = Graph.from_edges([(0, 1)], n_nodes=4)
    factor = torch.tensor([[1e30], [1.0], [1e30], [torch.nan]])
    for levels in ([1e32], [-1.0, 1e38], [*np.linspace(-1.0, 1.0, 30), 1e38]):
        counts = count_reaching(factor, np.array(levels, np.float32), known=graph.adjacency)
        assert counts.sum() == 5
        assert counts[-1] == 1  # an infinite logit


def test_no_nodes_and_one_node_have_no_pairs() -> None:
    for n_nodes in (0, 1):
        graph, factor = Graph.from_edges([], n_nodes=n_nodes), torch.zeros(n_nodes, 2)
        assert top_pairs(factor, 3, known=graph.adjacency)[0].shape == (0, 2)
        nodes = np.arange(n_nodes)
        assert top_partners(factor, nodes, 3, known=graph.adjacency)[0].shape == (0, 2)
        levels = np.zeros(1, np.float32)
        assert count_reaching(factor, levels, known=graph.adjacency).tolist() == [0, 0]


def test_factor_and_known_pairs_must_go_together() -> None:
    graph = Graph.from_edges([(0, 1)], n_nodes=3)
    with pytest.raises(ValueError, match="4 vectors, but known pairs of shape"):
        top_pairs(torch.zeros(4, 2), 1, known=graph.adjacency)
    with pytest.raises(ValueError, match=r"factors of shapes \(3, 2\) and \(3, 1\)"):
        top_pairs(torch.zeros(3, 2), 1, known=graph.adjacency, right=torch.zeros(3, 1))
    with pytest.raises(IndexError, match="not all of them are below 3"):
        top_partners(torch.zeros(3, 2), np.array([3]), 1, known=graph.adjacency)
    assert top_pairs(torch.zeros(3, 2), 0, known=graph.adjacency)[0].shape == (0, 2)


@pytest.mark.parametrize("n_nodes", [0, 1, 5, 1000, 40_000_000])
@pytest.mark.parametrize("n_shares", [1, 2, 7, 10_000])
def test_shares_are_in_order_and_cover_all_rows(n_nodes: int, n_shares: int) -> None:
    stop = min(n_nodes, 3000)
    cuts = ranking._equal_shares(n_nodes, 0, stop, n_shares)
    assert len(cuts) == n_shares + 1
    assert cuts[0] == 0
    assert cuts[-1] == stop
    assert (np.diff(cuts) >= 0).all()


def test_searches_find_the_same_on_any_number_of_threads() -> None:
    graph = random_graph(700, 0.01, seed=0)
    vectors = np.random.default_rng(0).integers(-2, 3, size=(700, 3))
    factor = torch.tensor(vectors, dtype=torch.float32)
    levels = np.arange(-12, 12, dtype=np.float32)
    before, found = torch.get_num_threads(), []
    try:
        for n_threads in (1, 2, 5):
            torch.set_num_threads(n_threads)
            pairs, values = top_pairs(factor, 300, known=graph.adjacency)
            counts = count_reaching(factor, levels, known=graph.adjacency)
            found.append((pairs.tolist(), values.tolist(), counts.tolist()))
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("kind", ["directed", "bipartite", "typed", "typed and directed"])
@pytest.mark.parametrize("many_rounds", [False, True])
def test_searches_look_at_pairs_that_can_be_edges(
    kind: str, many_rounds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if many_rounds:
        monkeypatch.setattr(ranking, "ROUND_LOGITS", 16)
        monkeypatch.setattr(ranking, "SPARE_CANDIDATES", 1)
    for seed, n_nodes in enumerate((1, 2, 9, 40, 700)):  # more than a tile of columns
        graph = graph_of(kind, seed, n_nodes)
        space, random = graph.pair_space, np.random.default_rng(seed)
        left = random.integers(-2, 3, size=(n_nodes, 2)).astype("f4")
        right = random.integers(-2, 3, size=(n_nodes, 2)).astype("f4") if space.ordered else left
        logits, closed = left @ right.T, dense(graph)
        every = space.pairs_of(space.every_code())
        free = every[closed[tuple(every.T)] == 0]
        value = logits[tuple(free.T)]
        sides = {"known": graph.adjacency, "right": torch.from_numpy(right), "space": space}
        order = np.lexsort((free[:, 1], free[:, 0], -value))
        pairs, found = top_pairs(torch.from_numpy(left), 30, **sides)
        assert pairs.tolist() == free[order[:30]].tolist()
        assert found.tolist() == value[order[:30]].tolist()
        levels = np.array([-1.0, 0.5, 4.0], np.float32)
        counts = count_reaching(torch.from_numpy(left), levels, **sides)
        reached = np.searchsorted(levels, value, side="right")
        assert counts.tolist() == np.bincount(reached, minlength=4).tolist()
        is_open = np.zeros((n_nodes, n_nodes), bool)
        is_open[tuple(free.T)] = True
        is_open |= False if space.ordered else is_open.T
        nodes = random.permutation(n_nodes)[:9]
        pairs, _ = top_partners(torch.from_numpy(left), nodes, 4, **sides)
        best = [
            (node, j)
            for node in nodes.tolist()
            for j in sorted(np.flatnonzero(is_open[node]), key=lambda j: (-logits[node, j], j))[:4]
        ]
        assert list(map(tuple, pairs.tolist())) == best
        asked = np.concatenate([graph.edges[:20], free[:20]])
        above, tied, number = count_rivals(torch.from_numpy(left), asked, **sides)
        for place, (i, j) in enumerate(asked.tolist()):
            rivals = logits[i, is_open[i] & (np.arange(n_nodes) != j)]
            expected = (rivals > logits[i, j]).sum(), (rivals == logits[i, j]).sum(), len(rivals)
            assert (above[place], tied[place], number[place]) == expected
