"""Negatives of every kind: what is drawn, how often, and what is refused."""

from typing import Any

import numpy as np
import pytest
from graphs import dense, graphs, random_graph
from hypothesis import given, settings
from hypothesis import strategies as st

from vgae.data.graph import Graph
from vgae.data.split import (
    DRAWN,
    count_non_edges,
    other_negatives,
    sample_non_edges,
    sample_non_neighbors,
    split_edges,
)
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError

ADVICE = "ask for fewer"


def codes(pairs: np.ndarray, n_nodes: int) -> np.ndarray:
    return np.asarray(np.sort(pairs, axis=1) @ [n_nodes, 1])


def two_hop_pairs(graph: Graph, train: Graph) -> set[tuple[int, int]]:
    common, whole = dense(train) @ dense(train), dense(graph)
    n = graph.n_nodes
    return {(i, j) for i in range(n) for j in range(i + 1, n) if common[i, j] and not whole[i, j]}


@settings(deadline=None)
@given(graphs(min_nodes=3, max_nodes=40), st.integers(0, 50), st.sampled_from(DRAWN))
def test_negatives_are_distinct_pairs_of_their_kind(graph: Graph, seed: int, kind: Any) -> None:
    try:
        split = split_edges(graph, validation=0.2, test=0.3, negatives=kind, seed=seed)
    except InputError as error:
        assert "\n" not in str(error)
        return
    drawn = np.concatenate([split.validation.negatives, split.test.negatives])
    assert np.unique(codes(drawn, graph.n_nodes)).size == len(drawn)
    assert (graph.places(drawn) < 0).all()
    assert split.settings.negatives == kind
    if kind == "degree":
        assert (graph.degrees[drawn] > 0).all()
    if kind == "two-hop":
        assert {tuple(sorted(p)) for p in drawn.tolist()} <= two_hop_pairs(graph, split.train)


@pytest.mark.parametrize("listed", [True, False])
def test_degree_corrected_pairs_come_in_proportion_to_both_degrees(listed: bool) -> None:
    graph = random_graph(14, 0.3, seed=1)
    free = np.argwhere(np.triu(1 - dense(graph), k=1))
    weight = np.prod(graph.degrees[free], axis=1).astype(float)
    # A quarter of the free pairs are listed; fewer are drawn one by one.
    n_wanted, n_draws = len(free) // 4 + 1 if listed else 1, 4000
    random = np.random.default_rng(0)
    seen = np.zeros(14 * 14)
    for _ in range(n_draws):
        drawn = sample_non_edges(graph, n_wanted, random, advice=ADVICE, kind="degree")
        seen[codes(drawn[:1], 14)] += 1  # the first: the others depend on it
    expected = n_draws * weight / weight.sum()
    found = seen[codes(free, 14)]
    assert found.sum() == n_draws
    assert ((found - expected) ** 2 / expected).sum() < 2 * len(free)
    uniform = n_draws / len(free)
    assert ((found - uniform) ** 2 / uniform).sum() > 2 * len(free)


def test_two_hop_pairs_are_alike_however_many_neighbors_they_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = random_graph(14, 0.3, seed=1)
    possible = sorted(two_hop_pairs(graph, graph))
    monkeypatch.setattr("vgae.data.split.negatives.MOST_DRAWN_AT_ONCE", 40)  # many blocks
    seen = np.zeros(14 * 14)
    random = np.random.default_rng(0)
    for _ in range(1000):
        drawn = sample_non_edges(graph, 2, random, advice=ADVICE, kind="two-hop")
        seen[codes(drawn, 14)] += 1
    found = seen[codes(np.array(possible), 14)]
    assert found.sum() == 2000
    assert ((found - found.mean()) ** 2 / found.mean()).sum() < 2 * len(possible)
    every = sample_non_edges(graph, len(possible), random, advice=ADVICE, kind="two-hop")
    assert sorted(map(tuple, every.tolist())) == possible
    with pytest.raises(InputError, match=f"has {len(possible)} pairs without an edge and with a c"):
        sample_non_edges(graph, len(possible) + 1, random, advice=ADVICE, kind="two-hop")


def test_two_hop_negatives_tell_nothing_of_held_out_edges() -> None:
    """A common neighbour that only the whole graph has would point at a held-out edge."""
    graph = random_graph(60, 0.08, seed=2)
    for seed in range(5):
        split = split_edges(graph, validation=0.1, test=0.3, negatives="two-hop", seed=seed)
        drawn = np.concatenate([split.validation.negatives, split.test.negatives])
        assert (dense(split.train) @ dense(split.train))[tuple(drawn.T)].all()


def test_the_kind_changes_no_edge_and_uniform_is_what_it_was(karate: Graph) -> None:
    plain = split_edges(karate, seed=5)
    for kind in DRAWN:
        split = split_edges(karate, seed=5, negatives=kind)
        assert np.array_equal(split.test.positives, plain.test.positives)
        same = np.array_equal(split.test.negatives, plain.test.negatives)
        assert same == (kind == "uniform")


def test_too_few_or_unknown_negatives_are_one_line() -> None:
    clique = Graph.from_edges(np.argwhere(np.triu(np.ones((8, 8)), k=1)), n_nodes=40)
    assert count_non_edges(clique) > 500
    assert count_non_edges(clique, with_degree=True) == 0
    for kind, said in (
        ("degree", "0 pairs without an edge between nodes that have some, but 3 are needed"),
        ("two-hop", "0 pairs without an edge and with a common neighbour in the training"),
    ):
        with pytest.raises(InputError, match=f"{said}.*; hold out a smaller share") as caught:
            split_edges(clique, seed=0, negatives=kind)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="'given' are not drawn; use one of uniform, degree, two"):
        split_edges(clique, seed=0, negatives="given")
    with pytest.raises(InputError, match="split: negatives: input should be 'uniform'"):
        split_edges(clique, seed=0, negatives="hard")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="unknown kind of negatives 'degre': did you mean 'degree"):
        sample_non_edges(clique, 1, np.random.default_rng(0), advice=ADVICE, kind="degre")


def test_hubs_that_share_nearly_all_pairs_are_drawn_in_the_end() -> None:
    core = np.argwhere(np.triu(np.ones((60, 60)), k=1))
    tail = [(i, 60 + i) for i in range(60)]
    graph = Graph.from_edges(np.concatenate([core, tail]))
    found = sample_non_edges(graph, 900, np.random.default_rng(0), advice=ADVICE, kind="degree")
    assert np.unique(codes(found, graph.n_nodes)).size == 900
    assert (graph.places(found) < 0).all()


def test_negatives_of_a_node_are_its_non_neighbors_alike() -> None:
    graph = random_graph(12, 0.4, seed=3)
    nodes = np.array([7, 0, 11])
    drawn = sample_non_neighbors(graph, nodes, 3000, np.random.default_rng(0))
    assert drawn[:, 0].tolist() == np.repeat(nodes, 3000).tolist()
    for node in nodes:
        seen = np.bincount(drawn[drawn[:, 0] == node, 1], minlength=12)
        free = np.flatnonzero(dense(graph)[node] == 0)
        free = free[free != node]
        assert np.flatnonzero(seen).tolist() == free.tolist()
        expected = 3000 / len(free)
        assert ((seen[free] - expected) ** 2 / expected).sum() < 3 * len(free)


def test_other_negatives_come_from_a_stream_of_their_own(karate: Graph) -> None:
    split = split_edges(karate, seed=1)
    assert other_negatives(split, "uniform") is split.test.negatives
    drawn = other_negatives(split, "degree")
    assert np.array_equal(drawn, other_negatives(split, "degree"))
    assert not np.array_equal(drawn, other_negatives(split_edges(karate, seed=2), "degree"))
    random = np.random.default_rng(stream_seed(1, "degree negatives"))
    again = sample_non_edges(karate, 7, random, advice=ADVICE, kind="degree")
    assert np.array_equal(drawn, again)
    by_degree = split_edges(karate, seed=1, negatives="degree")
    assert other_negatives(by_degree, "degree") is by_degree.test.negatives
    assert len(other_negatives(by_degree, "uniform")) == len(by_degree.test.positives)
