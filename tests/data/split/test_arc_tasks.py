"""The pairs of tasks about the direction of arcs."""

import numpy as np
import pytest
from graphs import dense, random_arcs, random_graph

from vgae.data.graph import Graph
from vgae.data.split import ARC_TASKS, arc_task_pairs, split_edges
from vgae.data.split.values import Split
from vgae.ground.errors import InputError


def two_way(seed: int) -> Split:
    """A split of a graph in which about half of the arcs have one back."""
    arcs = random_arcs(40, 0.06, seed).edges
    random = np.random.default_rng(seed)
    back = arcs[random.random(len(arcs)) < 0.4][:, ::-1]
    graph = Graph.from_edges(np.concatenate([arcs, back]), n_nodes=40, directed=True)
    return split_edges(graph, seed=seed, validation=0.1, test=0.3)


@pytest.mark.parametrize("seed", range(4))
def test_biased_pairs_are_arcs_in_one_direction_and_their_reverses(seed: int) -> None:
    split = two_way(seed)
    arcs, pairs = dense(split.graph), arc_task_pairs(split, "biased")
    expected = [(i, j) for i, j in split.test.positives.tolist() if not arcs[j, i]]
    assert [tuple(pair) for pair in pairs.positives.tolist()] == expected
    assert np.array_equal(pairs.negatives, pairs.positives[:, ::-1])
    assert 0 < len(expected) < len(split.test.positives)


@pytest.mark.parametrize("seed", range(4))
def test_bidirectional_pairs_all_have_a_training_arc_one_way(seed: int) -> None:
    split = two_way(seed)
    arcs, train = dense(split.graph), dense(split.train)
    pairs = arc_task_pairs(split, "bidirectional")
    expected = [(i, j) for i, j in split.test.positives.tolist() if train[j, i]]
    assert [tuple(pair) for pair in pairs.positives.tolist()] == expected
    assert len(pairs.negatives) == len(expected) > 0
    for i, j in pairs.negatives.tolist():
        assert train[j, i]
        assert not arcs[i, j]
    assert len(np.unique(pairs.negatives, axis=0)) == len(pairs.negatives)
    again = arc_task_pairs(split, "bidirectional")
    assert np.array_equal(again.negatives, pairs.negatives)


def test_no_pair_of_a_task_is_a_training_arc() -> None:
    for seed in range(4):
        split = two_way(seed)
        for task in ARC_TASKS:
            pairs = arc_task_pairs(split, task)
            assert (split.train.places(pairs.positives) < 0).all()
            assert (split.graph.places(pairs.negatives) < 0).all()


def test_a_graph_without_arcs_back_has_no_bidirectional_pairs() -> None:
    graph = Graph.from_edges([(i, (i + 1) % 30) for i in range(30)], directed=True)
    pairs = arc_task_pairs(split_edges(graph, seed=0), "bidirectional")
    assert len(pairs.positives) == len(pairs.negatives) == 0


def test_other_graphs_and_unknown_tasks_are_refused_in_one_line() -> None:
    split = split_edges(random_graph(30, 0.2, 0), seed=0)
    with pytest.raises(InputError, match="task biased: .*directed"):
        arc_task_pairs(split, "biased")
    with pytest.raises(InputError, match="task 'byased': did you mean 'biased'"):
        arc_task_pairs(two_way(0), "byased")  # type: ignore[arg-type]
