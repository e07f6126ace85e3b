"""Held-out edges and their negatives: what is drawn, and that nothing leaks."""

from typing import Any

import numpy as np
import pytest
from graphs import dense, graphs, random_graph
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vgae.data.graph import Graph
from vgae.data.split import sample_non_edges, split_edges
from vgae.ground.errors import InputError

WIDE: dict[str, Any] = {"validation": 0.2, "test": 0.3}


def unordered(*parts: np.ndarray) -> list[frozenset[int]]:
    return [frozenset(pair) for part in parts for pair in part.tolist()]


@settings(deadline=None)
@given(graphs(min_nodes=5, max_nodes=60), st.integers(0, 50))
def test_nothing_leaks(graph: Graph, seed: int) -> None:
    n_free = graph.n_nodes * (graph.n_nodes - 1) // 2 - graph.n_edges
    held_out = int(0.2 * graph.n_edges + 1e-9) + int(0.3 * graph.n_edges + 1e-9)
    assume(graph.n_edges >= 5)
    if held_out > n_free:
        with pytest.raises(InputError, match="without an edge"):
            split_edges(graph, **WIDE, seed=seed)
        return
    split = split_edges(graph, **WIDE, seed=seed)
    validation, test = split.validation, split.test
    edges = unordered(split.train.edges, validation.positives, test.positives)
    assert len(edges) == len(set(edges))
    assert set(edges) == set(unordered(graph.edges))
    negatives = unordered(validation.negatives, test.negatives)
    assert len(negatives) == len(set(negatives)) == held_out
    assert not set(negatives) & set(edges)
    assert all(len(pair) == 2 for pair in negatives)
    # The adjacency that messages and targets come from has neither direction of a held-out edge.
    for i, j in np.concatenate([validation.positives, test.positives]):
        assert dense(split.train)[i, j] == dense(split.train)[j, i] == 0


def test_cora_has_the_papers_sizes(cora: Graph) -> None:
    split = split_edges(cora, seed=0)
    sizes = [len(split.validation.positives), len(split.test.positives), split.train.n_edges]
    assert sizes == [263, 527, 4488]
    assert split.settings.proportions == {"train": 0.85, "validation": 0.05, "test": 0.1}
    assert split.settings.protocol == "T"


def test_sizes_are_rounded_down_but_not_by_binary_noise() -> None:
    for n_edges in range(20, 200, 20):
        path = Graph.from_edges([(i, i + 1) for i in range(n_edges)])
        split = split_edges(path, seed=1)
        assert len(split.validation.positives) == n_edges // 20
        assert len(split.test.positives) == n_edges // 10


def test_same_seed_same_split_whatever_ran_before(karate: Graph) -> None:
    first = split_edges(karate, seed=3)
    np.random.seed(0)
    second = split_edges(karate, seed=3)
    other = split_edges(karate, seed=4)
    assert np.array_equal(first.train.edges, second.train.edges)
    assert np.array_equal(first.test.negatives, second.test.negatives)
    assert not np.array_equal(first.train.edges, other.train.edges)


def test_negatives_are_uniform() -> None:
    graph = random_graph(8, 0.5, seed=0)
    counts = np.zeros((8, 8))
    for seed in range(1500):
        split = split_edges(graph, validation=0.1, test=0.1, seed=seed)
        for pairs in (split.validation.negatives, split.test.negatives):
            counts[pairs[:, 0], pairs[:, 1]] += 1
    free = counts[np.triu(1 - dense(graph), k=1).astype(bool)]
    expected = free.mean()
    assert ((free - expected) ** 2 / expected).sum() < 2 * free.size  # chi-square, far from chance
    assert counts.sum() == free.sum()


@pytest.mark.parametrize(
    ("graph", "proportions", "said"),
    [
        (Graph.from_edges([], n_nodes=5), {}, "too few"),
        (Graph.from_edges([(0, 1)]), {}, "too few to hold out 0.05 of them for validation"),
        (Graph.from_edges([(0, 1), (2, 3)]), {"validation": 0.5, "test": 0.5}, "none to train on"),
        (random_graph(12, 1.0, 0), {}, "0 pairs without an edge"),
    ],
)
def test_graphs_that_cannot_be_split(
    graph: Graph, proportions: dict[str, float], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        split_edges(graph, **proportions, seed=0)  # type: ignore[arg-type]


def test_bad_arguments_are_one_clear_line(karate: Graph) -> None:
    with pytest.raises(InputError, match="takes a Graph, not list"):
        split_edges([(0, 1)], seed=0)  # type: ignore[arg-type]
    for arguments in (
        {"test": 2.0},
        {"test": 1.0},
        {"validation": 1.0},
        {"validation": -0.1},
        {"protocol": "tv"},
        {"test": "x"},
    ):
        with pytest.raises(InputError, match="^split: ") as caught:
            split_edges(karate, seed=0, **arguments)
        assert "\n" not in str(caught.value)


def test_the_last_free_pairs_of_a_dense_graph_are_found() -> None:
    edges = np.argwhere(np.triu(np.ones((12, 12)), k=1))
    graph = Graph.from_edges(edges[9:], n_nodes=12)  # 57 edges, 9 free pairs, 2 + 5 needed
    split = split_edges(graph, seed=0)
    assert set(unordered(split.test.negatives)) <= set(unordered(edges[:9]))


def test_non_edges_of_a_graph_without_edges() -> None:
    empty = Graph.from_edges([], n_nodes=40)
    found = sample_non_edges(empty, 9, np.random.default_rng(0), advice="ask for fewer")
    assert len(set(unordered(found))) == 9
    assert (found[:, 0] < found[:, 1]).all()


def test_a_part_of_which_nothing_is_asked_is_empty(karate: Graph) -> None:
    split = split_edges(karate, validation=0.0, test=0.1, seed=0)
    assert (len(split.validation.positives), len(split.test.positives)) == (0, 7)
    assert split.training.known is split.train
    pair = split_edges(Graph.from_edges([(0, 1)]), validation=0.0, test=0.0, seed=0)
    assert pair.train.n_edges == 1


def test_a_seed_draws_the_same_pairs_in_every_version() -> None:
    """Published results name a seed."""
    ring = Graph.from_edges([(i, (i + 1) % 40) for i in range(40)])
    split = split_edges(ring, seed=7)
    assert split.validation.positives.tolist() == [[10, 11], [7, 8]]
    assert split.validation.negatives.tolist() == [[12, 33], [17, 35]]
    assert split.test.positives.tolist() == [[0, 1], [35, 36], [23, 24], [29, 30]]
    assert split.test.negatives.tolist() == [[22, 36], [1, 18], [2, 36], [13, 32]]


def test_a_graph_that_is_too_small_to_split_says_what_to_do() -> None:
    pair, two = Graph.from_edges([(0, 1)]), Graph.from_edges([(0, 1), (2, 3)])
    advice = r"(--validation, --test), or none with --no-holdout"
    cases: list[tuple[Graph, dict[str, float], str]] = [
        (pair, {}, "larger"),
        (pair, {"validation": 0.0}, "larger"),
        (two, {"validation": 0.5, "test": 0.5}, "smaller"),
        (random_graph(12, 1.0, 0), {}, "smaller"),
    ]
    for graph, shares, share in cases:
        with pytest.raises(InputError) as caught:
            split_edges(graph, **shares, seed=0)  # type: ignore[arg-type]
        assert str(caught.value).endswith(f"; hold out a {share} share {advice}")
