"""Metrics of links by name: hand-computed cases, and what they are computed from."""

import numpy as np
import pytest
from graphs import random_arcs, random_graph
from numpy.typing import NDArray

from vgae.data.graph import Graph
from vgae.data.split import (
    ARC_TASKS,
    ArcTask,
    HeldOut,
    Split,
    arc_task_pairs,
    other_negatives,
    split_edges,
)
from vgae.ground.errors import InputError
from vgae.learning.judge import (
    LINK_METRICS,
    arc_metrics,
    auc_by_node,
    check_metric,
    link_scores,
    may_be_undefined,
    metrics_of,
    open_ranks,
    precision_at,
)
from vgae.learning.metrics import link_metrics
from vgae.learning.scores import FactorScores, FunctionScores, Scores, VectorScores
from vgae.people.api import evaluate


def table(values: NDArray[np.float64]) -> Scores:
    return FunctionScores(lambda pairs: values[pairs[:, 0], pairs[:, 1]], len(values))


def test_the_names_keep_their_order() -> None:
    assert LINK_METRICS[:7] == (
        "auc", "average_precision", "hits@10", "hits@50", "hits@100", "mrr",
        "full_average_precision",
    )  # fmt: skip
    assert LINK_METRICS[7:] == (
        "auc_degree", "average_precision_degree", "auc_by_node", "mrr_open", "hits_open@10",
        "precision@100", "ece",
    )  # fmt: skip
    assert [name for name in metrics_of("given") if "_uniform" in name or "_degree" in name] == [
        "auc_uniform", "average_precision_uniform", "auc_degree", "average_precision_degree"
    ]  # fmt: skip
    for name in (
        *LINK_METRICS,
        "hits@1",
        "hits@12345",
        "precision@7",
        "hits_open@3",
        "auc_two-hop",
    ):
        check_metric(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("acu", "unknown metric 'acu': did you mean 'auc'"),
        ("hit@10", "unknown metric 'hit@10': did you mean 'hits@10'"),
        ("hits@", "metric hits@: K must be a whole number from 1, as in hits@10"),
        ("hits@0", "K must be a whole number from 1"),
        ("hits@-1", "K must be a whole number from 1"),
        ("precision@1.5", "K must be a whole number from 1, as in precision@10"),
        ("precision@ten", "K must be"),
        ("hits@²", "K must be"),
        ("hits_open@x", "metric hits_open@x: K must be a whole number from 1, as in hits_open@10"),
        ("mrr_opne", "unknown metric 'mrr_opne': did you mean 'mrr_open'"),
        ("auc_degre", "unknown metric 'auc_degre': did you mean 'auc_degree'"),
    ],
)
def test_unknown_metrics_are_one_line(karate: Graph, name: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        check_metric(name)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError):
        link_scores(split_edges(karate, seed=0), table(np.zeros((34, 34))), [name])


def test_figures_against_other_negatives_are_those_of_the_same_scores(karate: Graph) -> None:
    random = np.random.default_rng(0)
    scores = VectorScores(random.normal(size=(34, 3)))
    split = split_edges(karate, seed=0, test=0.2)
    found = link_scores(split, scores, ["auc", "auc_degree", "average_precision_two-hop"])
    test = scores.pairs(split.test.positives)
    for kind, metric in (("degree", "auc"), ("two-hop", "average_precision")):
        others = scores.pairs(other_negatives(split, kind))  # type: ignore[arg-type]
        assert found[f"{metric}_{kind}"] == link_metrics(test, others)[metric]
    assert found["auc"] == link_metrics(test, scores.pairs(split.test.negatives))["auc"]
    by_degree = split_edges(karate, seed=0, test=0.2, negatives="degree")
    again = link_scores(by_degree, scores, ["auc", "auc_degree", "auc_uniform"])
    assert again["auc"] == again["auc_degree"] != again["auc_uniform"]


def test_degrees_alone_lose_what_they_gain_from_uniform_negatives() -> None:
    """In a graph that is random but for its degrees there is nothing else to learn."""
    weight = 1.0 / np.arange(1, 401) ** 0.6
    chance = np.outer(weight, weight)
    chance = np.minimum(chance * 3200 / chance.sum(), 1.0)
    drawn = np.random.default_rng(0).random((400, 400)) < chance
    graph = Graph.from_edges(np.argwhere(np.triu(drawn, k=1)), n_nodes=400)
    for seed in range(3):
        split = split_edges(graph, seed=seed, test=0.2)
        degrees = split.train.degrees.astype(float)
        found = link_scores(split, table(np.outer(degrees, degrees)), ["auc", "auc_degree"])
        assert found["auc"] == pytest.approx(0.72, abs=0.03)
        assert found["auc_degree"] == pytest.approx(0.5, abs=0.05)


def test_auc_by_node_of_a_hand_computed_case() -> None:
    # Node 0 has test edges to 1 and 2, and no edge to 5 alone; 3 has a test edge to 4.
    edges = [(0, 1), (0, 2), (0, 3), (0, 4), (3, 4), (1, 2), (5, 1), (5, 2), (5, 3), (1, 3), (2, 3)]
    graph = Graph.from_edges([*edges, (1, 4), (2, 4)])
    test = HeldOut([(0, 1), (2, 0), (3, 4)], [(0, 5), (4, 5)])
    split = Split.of_parts(graph, validation=HeldOut.nothing(), test=test)
    values = np.zeros((6, 6))
    values[0, 1], values[0, 2], values[0, 5], values[3, 4], values[4, 5] = 3.0, 1.0, 2.0, 5.0, 5.0
    # 0: one of two edges outranks (0, 5); 1, 2 and 3 have an edge to all; 4: a tie with (4, 5).
    assert graph.degrees.tolist() == [4, 5, 5, 5, 4, 3]
    assert auc_by_node(split, table(values)) == pytest.approx((0.5 + 0.5) / 2)
    values[4, 5] = 6.0
    assert auc_by_node(split, table(values)) == pytest.approx((0.5 + 0.0) / 2)
    values[0, 2] = 2.5
    assert auc_by_node(split, table(values)) == pytest.approx((1.0 + 0.0) / 2)


def test_no_node_counts_more_than_another_and_its_own_degree_plays_no_part() -> None:
    graph = random_graph(60, 0.15, seed=0)
    split = split_edges(graph, seed=0, test=0.3)
    random = np.random.default_rng(0)
    values = random.normal(size=(60, 60))
    values = values + values.T
    found = auc_by_node(split, table(values))
    # Something that a node adds to all of its pairs changes its AUC only through the other ends.
    rows = []
    for node in np.unique(split.test.positives):
        ends = split.test.positives[(split.test.positives == node).any(axis=1)]
        ends = ends[ends != node]
        others = np.flatnonzero(graph.adjacency.toarray()[node] == 0)
        others = others[others != node]
        wins = values[node, ends][:, None] > values[node, others][None, :]
        rows.append(wins.mean())
    assert found == pytest.approx(np.mean(rows), abs=0.02)  # all rivals in place of twenty


def test_nodes_with_an_edge_to_all_others_have_no_auc_of_their_own() -> None:
    clique = np.argwhere(np.triu(np.ones((4, 4)), k=1))
    graph = Graph.from_edges([*clique.tolist(), *((i, j) for i in range(2) for j in (4, 5))])
    test = HeldOut([(0, 1)], [(4, 5)])
    split = Split.of_parts(graph, validation=HeldOut.nothing(), test=test)
    assert auc_by_node(split, table(np.zeros((6, 6)))) is None
    assert may_be_undefined("auc_by_node")


@pytest.mark.parametrize("levels", [2, 5, 1000])
def test_precision_among_the_first_is_that_of_a_full_ranking(levels: int) -> None:
    graph = random_graph(30, 0.2, seed=1)
    split = split_edges(graph, seed=0, test=0.3)
    values = np.random.default_rng(levels).integers(0, levels, size=(30, 30)).astype(float)
    scores = table(values)
    closed = split.training.known
    pairs = np.argwhere(np.triu(np.ones((30, 30)), k=1))
    pairs = pairs[closed.places(pairs) < 0]
    is_edge = graph.places(pairs) >= 0
    # Best first; among equals, test edges last.
    order = np.lexsort((is_edge, -values[pairs[:, 0], pairs[:, 1]]))
    for k in (1, 3, 10, 100, len(pairs)):
        assert precision_at(split, scores, k) == is_edge[order[:k]].sum() / k
    assert precision_at(split, scores, len(pairs) + 1) is None
    assert link_scores(split, scores, ["precision@3"])["precision@3"] == precision_at(
        split, scores, 3
    )


def test_ranks_among_negatives_of_ones_own() -> None:
    path = Graph.from_edges([(i, i + 1) for i in range(9)])
    negatives = [(0, 2), (0, 3), (0, 4), (8, 5), (8, 4), (8, 3)]
    test = HeldOut([(0, 1), (7, 8)], negatives, [0, 0, 0, 1, 1, 1])
    split = Split.of_parts(path, validation=HeldOut.nothing(), test=test)
    values = np.zeros((9 + 1, 9 + 1))
    values[0, 1], values[7, 8] = 2.0, 1.0
    values[0, 2:5] = 1.0, 2.0, 3.0  # one above and one tie: rank 2.5
    values[5, 8], values[4, 8], values[3, 8] = 0.5, 0.2, 0.1  # none above: rank 1
    found = link_scores(split, table(values), ["mrr", "hits@1", "hits@2", "hits@3", "hits@4"])
    assert found["mrr"] == pytest.approx((1 / 2.5 + 1.0) / 2)
    assert [found[f"hits@{k}"] for k in (1, 2, 3, 4)] == [0.5, 0.5, 1.0, None]
    shared = Split.of_parts(
        path, validation=HeldOut.nothing(), test=HeldOut(test.positives, negatives)
    )
    found = link_scores(shared, table(values), ["mrr", "hits@1", "hits@4", "auc"])
    # Among all six: (0, 1) is at 2.5 of 7, (7, 8) at 1 + 2 above + half of a tie.
    assert found["mrr"] == pytest.approx((1 / 2.5 + 1 / 3.5) / 2)
    assert [found["hits@1"], found["hits@4"]] == [0.0, 1.0]
    assert link_scores(split, table(values), ["auc"])["auc"] == found["auc"]


def test_a_negative_of_the_smallest_group_decides_whether_hits_are_defined() -> None:
    path = Graph.from_edges([(i, i + 1) for i in range(9)])
    test = HeldOut([(0, 1), (7, 8)], [(0, 2), (0, 3), (8, 5)], [0, 0, 1])
    split = Split.of_parts(path, validation=HeldOut.nothing(), test=test)
    found = link_scores(split, table(np.eye(10)), ["hits@1", "hits@2"])
    assert found == {"hits@1": 0.0, "hits@2": None}


def ranks_one_by_one(split: Split, values: NDArray[np.float64]) -> list[tuple[int, int, int]]:
    """The definition of filtered ranks, in sets of nodes."""
    partners: dict[int, set[int]] = {node: set() for node in range(split.graph.n_nodes)}
    for a, b in split.graph.edges.tolist():
        partners[a].add(b)
        partners[b].add(a)
    found = []
    edges = split.test.positives.tolist()
    for i, j in [*edges, *([b, a] for a, b in edges)]:
        rivals = set(range(split.graph.n_nodes)) - {i, j} - partners[i]
        scores = [values[min(i, k), max(i, k)] for k in rivals]
        level = values[min(i, j), max(i, j)]
        found.append((sum(s > level for s in scores), sum(s == level for s in scores), len(rivals)))
    return found


@pytest.mark.parametrize("levels", [1, 2, 5, 1000])
def test_ranks_among_all_open_partners_are_those_of_the_definition(levels: int) -> None:
    split = split_edges(random_graph(30, 0.2, seed=1), seed=0, test=0.3, validation=0.1)
    values = np.random.default_rng(levels).integers(0, levels, size=(30, 30)).astype(float)
    scores = table(values)
    expected = ranks_one_by_one(split, values)
    assert (
        list(zip(*(part.tolist() for part in open_ranks(split, scores)), strict=True)) == expected
    )
    above, tied, rivals = np.array(expected).T
    fewest = int(rivals.min())
    asked = ["mrr_open", "hits_open@1", "hits_open@5", f"hits_open@{fewest}"]
    found = link_scores(split, scores, [*asked, f"hits_open@{fewest + 1}"])
    assert found.pop(f"hits_open@{fewest + 1}") is None  # a list too short says nothing
    assert found["mrr_open"] == pytest.approx((1 / (1 + above + tied / 2)).mean())
    for k in (1, 5, fewest):
        assert found[f"hits_open@{k}"] == (above + tied < k).mean()
    if levels == 1:
        assert found["hits_open@1"] == 0.0  # a constant is not flattered


def test_ranks_of_factors_are_those_of_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = random_graph(700, 0.03, seed=2)  # more than a tile of columns
    split = split_edges(graph, seed=0, test=0.3)
    random = np.random.default_rng(0)
    vectors = random.integers(-2, 3, size=(700, 3)).astype(float)  # exact products, many ties
    offsets = random.integers(-2, 3, size=(700, 1)).astype(float)
    left = np.hstack([vectors, offsets, np.ones_like(offsets)])
    right = np.hstack([vectors, np.ones_like(offsets), offsets])
    for scores in (VectorScores(vectors), FactorScores(left, right)):
        expected = ranks_one_by_one(split, scores.rows(np.arange(700)).astype(float))
        found = open_ranks(split, scores)
        assert list(zip(*(part.tolist() for part in found), strict=True)) == expected
        for rows in (100, 1):  # without compiled loops, several rows in a block or one
            monkeypatch.setattr("vgae.learning.scores.block_rows", lambda _, rows=rows: rows)
            plain = Scores.rivals(
                scores,
                np.concatenate([split.test.positives, split.test.positives[:, ::-1]]),
                graph,
            )
            assert all(np.array_equal(a, b) for a, b in zip(plain, found, strict=True))


def test_of_many_test_edges_some_are_ranked_and_all_methods_share_them(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    graph = random_graph(60, 0.2, seed=0)
    split = split_edges(graph, seed=0, test=0.3)
    scores = VectorScores(np.random.default_rng(0).normal(size=(60, 3)))
    whole = set(zip(*(part.tolist() for part in open_ranks(split, scores)), strict=True))
    monkeypatch.setattr("vgae.learning.judge.MOST_RANKED", 10)
    monkeypatch.setattr("vgae.learning.evaluation.MOST_RANKED", 10)
    found = open_ranks(split, scores)
    assert [len(part) for part in found] == [20, 20, 20]
    assert set(zip(*(part.tolist() for part in found), strict=True)) < whole
    assert np.array_equal(found[0], open_ranks(split, scores)[0])
    evaluate(graph, ["katz", "pagerank"], runs=2, test=0.3, metrics=["auc"])
    assert "ranks are those of" not in caplog.text
    evaluate(graph, ["katz", "pagerank"], runs=2, test=0.3, metrics=["mrr_open", "auc"])
    n_test = len(split.test.positives)
    said = f"mrr_open: ranks are those of 10 test edges, drawn from {n_test} with the seed"
    assert caplog.text.count(said) == 1


# ---------------------------------------------------------------------------- arcs


@pytest.mark.parametrize("task", ARC_TASKS)
def test_metrics_of_arcs_are_those_of_the_pairs_of_the_task(task: ArcTask) -> None:
    arcs = random_arcs(40, 0.06, 1).edges
    graph = Graph.from_edges(np.concatenate([arcs, arcs[::3, ::-1]]), directed=True)
    split = split_edges(graph, seed=0, validation=0.1, test=0.4)
    values = np.random.default_rng(0).integers(9, size=(40, 40)).astype(float)
    scores = FunctionScores(lambda pairs: values[pairs[:, 0], pairs[:, 1]], 40, ordered=True)
    names = arc_metrics(task, ("auc", "average_precision", "hits@3", "mrr"))
    assert names[2] == f"hits_{task}@3"
    found = link_scores(split, scores, names)
    pairs = arc_task_pairs(split, task)
    sides = (values[tuple(part.T)] for part in (pairs.positives, pairs.negatives))
    expected = link_metrics(*sides, names=["auc", "average_precision", "hits@3", "mrr"])
    assert list(found.values()) == list(expected.values())
    alike = FunctionScores(lambda pairs: values[pairs[:, 0], pairs[:, 1]], 40)
    if task == "biased":
        assert link_scores(split, alike, ["auc_biased"]) == {"auc_biased": 0.5}


def test_where_no_arc_has_one_back_the_metric_is_undefined() -> None:
    ring = Graph.from_edges([(i, (i + 1) % 30) for i in range(30)], directed=True)
    scores = VectorScores(np.ones((30, 1)))
    assert link_scores(split_edges(ring, seed=0), scores, ["auc_bidirectional"]) == {
        "auc_bidirectional": None
    }
    assert may_be_undefined("auc_bidirectional")
    assert may_be_undefined("hits_biased@3")


def test_names_of_metrics_of_arcs_are_checked() -> None:
    for name in ("auc_biased", "hits_bidirectional@7"):
        check_metric(name)
    for name in ("auc_byased", "precision_biased@3", "hits_biased@0"):
        with pytest.raises(InputError, match="metric"):
            check_metric(name)
