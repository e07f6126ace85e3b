"""Metrics by the types of nodes that edges join."""

from dataclasses import replace

import numpy as np
import pytest
from graphs import graph_of

import vgae
from vgae.data.graph import Graph
from vgae.data.split import HeldOut, Split, SplitSettings, between_types, split_edges
from vgae.ground.errors import InputError
from vgae.learning.evaluation import default_metrics
from vgae.learning.judge import link_scores, of_types
from vgae.learning.metrics import roc_auc
from vgae.learning.scores import FunctionScores

KINDS = ("typed", "typed and directed")


def scores_of(graph: Graph) -> FunctionScores:
    table = np.random.default_rng(0).normal(size=(graph.n_nodes, graph.n_nodes))
    table = table if graph.directed else table + table.T
    return FunctionScores(
        lambda pairs: table[pairs[:, 0], pairs[:, 1]], graph.n_nodes, ordered=True
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_parts_of_a_split_are_those_of_its_types(kind: str) -> None:
    graph = graph_of(kind, 0, n_nodes=40, n_rows=300)
    split = split_edges(graph, seed=0, test=0.2, validation=0.1)
    assert len(graph.type_pair_names) > 2
    n_edges = {"graph": 0, "train": 0, "test": 0}
    for types in graph.type_pair_names:
        part = between_types(split, types)
        assert part is not None
        n_edges["graph"] += part.graph.n_edges
        n_edges["train"] += part.train.n_edges
        n_edges["test"] += len(part.test.positives)
        assert graph.node_types is not None
        for pairs in (part.graph.edges, part.test.positives, part.test.negatives):
            names = np.array(graph.type_names)[graph.node_types[pairs]]
            ordered = names if graph.directed else np.sort(names, axis=1)
            assert {"-".join(each) for each in ordered} == {types}
        assert (graph.places(part.test.negatives) < 0).all()
        again = between_types(split, types)
        assert again is not None
        assert np.array_equal(again.test.negatives, part.test.negatives)
    assert n_edges == {
        "graph": graph.n_edges,
        "train": split.train.n_edges,
        "test": len(split.test.positives),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_figures_by_types_are_those_of_the_pairs_between_them(kind: str) -> None:
    graph = graph_of(kind, 0, n_nodes=40, n_rows=300)
    split, scores = split_edges(graph, seed=0, test=0.2, validation=0.1), scores_of(graph)
    types = graph.type_pair_names[1]
    names = [f"{name}[{types}]" for name in ("auc", "full_average_precision", "mrr_open", "ece")]
    found = link_scores(split, scores, names)
    part = between_types(split, types)
    assert part is not None
    edges, others = (scores.pairs(pairs) for pairs in (part.test.positives, part.test.negatives))
    assert found[names[0]] == pytest.approx(roc_auc(edges, others))
    space = part.graph.pair_space
    free = space.pairs_of(space.every_code())
    rest = scores.pairs(free[part.graph.places(free) < 0])
    precision = [
        (edges >= level).sum() / ((edges >= level).sum() + (rest >= level).sum()) for level in edges
    ]
    assert found[names[1]] == pytest.approx(np.mean(precision))
    assert all(value is not None for value in found.values())
    assert {of_types(name) for name in default_metrics(graph) if "[" in name} == {
        (metric, pair) for pair in graph.type_pair_names for metric in ("auc", "average_precision")
    }


def test_given_negatives_stay_with_their_edges() -> None:
    graph = Graph.from_edges(
        [(0, 2), (0, 3), (1, 2), (2, 4), (3, 4)], node_types=["u", "u", "i", "i", "s"]
    )
    test = HeldOut([(0, 2), (3, 4)], [(1, 3), (1, 3)], groups=[0, 1])
    settings = SplitSettings.of_sizes(5, test=2, negatives="given")
    nothing = HeldOut.nothing()
    train = graph.with_edges([(0, 3), (1, 2), (2, 4)])
    split = Split(graph, train, nothing, test, settings, seed=0)
    part = between_types(split, "i-u")
    assert part is not None
    assert part.test.groups is not None
    assert part.test.positives.tolist() == [[0, 2]]
    assert (part.test.negatives.tolist(), part.test.groups.tolist()) == ([[1, 3]], [0])
    with pytest.raises(InputError, match="positive 0 has no negative of its own"):
        between_types(split, "i-s")
    shared = replace(split, test=HeldOut(test.positives, [(1, 3)]))
    assert between_types(shared, "i-s") is None
    assert link_scores(shared, scores_of(graph), ["auc[i-s]"]) == {"auc[i-s]": None}


def test_types_that_no_edge_joins_are_named() -> None:
    graph = graph_of("typed", 0)
    with pytest.raises(InputError, match=r"unknown pair of types '0-9'"):
        vgae.evaluate(graph, ["degree"], runs=1, metrics=["auc[0-9]"])
    plain = Graph.from_edges(graph.edges, n_nodes=24)
    with pytest.raises(InputError, match="the nodes of this graph have no types"):
        vgae.evaluate(plain, ["degree"], runs=1, metrics=["auc[0-1]"])
    with pytest.raises(InputError, match="unknown metric 'hots'"):
        vgae.evaluate(graph, ["degree"], runs=1, metrics=["hots[0-1]"])


def test_an_evaluation_reports_them() -> None:
    graph = graph_of("typed", 0, n_nodes=40, n_rows=300)
    result = vgae.evaluate(graph, ["degree", "popularity"], runs=2)
    for types in graph.type_pair_names:
        assert result.metrics["degree"][f"auc[{types}]"].mean is not None
    one = graph_of("bipartite", 0)
    assert not [name for name in default_metrics(one) if "[" in name]
