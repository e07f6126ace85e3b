"""The combiner: what it learns, says and scores."""

import numpy as np
import pytest
from graphs import random_graph

from vgae.data.graph import Graph
from vgae.ground.errors import InputError
from vgae.learning import combiner as combiner_module
from vgae.learning import scores as scores_module
from vgae.learning.combiner import CombinedScores, Combiner, fit_combiner
from vgae.learning.evidence import Column, evidence_of
from vgae.learning.scores import open_partners

COLUMNS = tuple(
    Column(name, group, lambda _, ends: ends[0])
    for name, group in (("signal", "learned"), ("noise", "paths"), ("constant", "degree"))
)


def tables(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    edges, others = (random.normal(size=(400, 3)) for _ in range(2))
    edges[:, 0] += 2.0
    edges[:, 2] = others[:, 2] = 3.0
    return edges, others[:200]


def test_weights_go_where_the_signal_is() -> None:
    edges, others = tables()
    combiner = fit_combiner(COLUMNS, edges, others)
    shares = combiner.shares()
    assert next(iter(shares)) == "learned similarity"
    assert shares["learned similarity"] > 0.8
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["degrees"] == pytest.approx(0.0)
    logits = combiner.logits(np.concatenate([edges, others]))
    assert logits[:400].mean() > 1.0 > -1.0 > logits[400:].mean()
    assert combiner.n_edges == 400
    assert fit_combiner(COLUMNS, edges, others) == combiner


def test_reasons_add_up_to_differences_of_logits() -> None:
    edges, others = tables()
    combiner = fit_combiner(COLUMNS, edges, others)
    rows = edges[:2]
    first, second = (sum(reason.values()) for reason in combiner.reasons(rows))
    logits = combiner.logits(rows)
    assert first - second == pytest.approx(logits[0] - logits[1])


def test_a_combiner_goes_through_a_file_and_refuses_a_damaged_one() -> None:
    combiner = fit_combiner(COLUMNS, *tables())
    values = combiner.model_dump()
    assert Combiner.parse(values, where="combiner") == combiner
    for change in ({"weights": [1.0]}, {"groups": ["a", "b", "c"]}, {"n_edges": 0}):
        with pytest.raises(InputError, match="combiner"):
            Combiner.parse(values | change, where="combiner")


def test_scores_by_pairs_and_rows_are_the_logits() -> None:
    graph = random_graph(25, 0.15, seed=4)
    evidence = evidence_of(graph, hops=[])
    others = [(0, node) for node in range(1, 25) if not graph.adjacency[0, node]]
    combiner = fit_combiner(evidence.columns, evidence.table(graph.edges), evidence.table(others))
    scores = CombinedScores(evidence, combiner, np.eye(25, dtype=np.float32))
    pairs = np.stack(np.triu_indices(25, 1), axis=1)
    rows = scores.rows(np.arange(25))
    np.testing.assert_allclose(
        scores.pairs(pairs), rows[pairs[:, 0], pairs[:, 1]], rtol=1e-4, atol=1e-4
    )
    found, best = scores.top(5, graph)
    is_open = graph.adjacency.toarray()[pairs[:, 0], pairs[:, 1]] == 0
    assert best[0] == pytest.approx(scores.pairs(pairs[is_open]).max(), abs=1e-4)
    assert not any(graph.adjacency[a, b] for a, b in found)
    assert len(scores.reasons(found)) == 5


def test_evidence_that_is_the_same_everywhere_has_no_weight() -> None:
    """Its mean is rounded, so that it seems to deviate by 1e-15 or so."""
    edges, others = tables()
    edges[:, 2] = others[:, 2] = 7.052721049232327
    assert np.concatenate([edges, others])[:, 2].std() > 0
    combiner = fit_combiner(COLUMNS, edges, others)
    assert abs(combiner.weights[2]) < 1e-6
    assert abs(combiner.intercept) < 100


@pytest.mark.parametrize("directed", [False, True])
def test_a_pair_has_one_score_however_it_is_asked_for(directed: bool) -> None:
    graph = random_graph(60, 0.1, seed=5)
    if directed:
        graph = Graph.from_edges(graph.edges, n_nodes=60, directed=True)
    hops = [np.random.default_rng(3).normal(size=(60, 33)).astype(np.float32)]
    evidence = evidence_of(graph, hops=hops)
    others = [(0, node) for node in range(1, 60) if not graph.adjacency[0, node]]
    combiner = fit_combiner(evidence.columns, evidence.table(graph.edges), evidence.table(others))
    scores = CombinedScores(evidence, combiner, hops[0])
    every = np.stack(np.nonzero(~np.eye(60, dtype=bool)), axis=1)
    expected = dict(zip(map(tuple, every.tolist()), scores.pairs(every).tolist(), strict=True))
    nodes = np.array([7, 3, 59])
    for pairs, found in (scores.top(50, graph), scores.partners(nodes, 9, graph)):
        assert [expected[a, b] for a, b in pairs.tolist()] == found.tolist()
    assert pairs[::9, 0].tolist() == nodes.tolist()
    assert (np.diff(found.reshape(3, 9)) <= 0).all()
    assert [expected[a, b] for a, b in every[::50].tolist()] == [
        scores.pairs([pair])[0] for pair in every[::50]
    ]
    if not directed:
        assert scores.pairs(every).tolist() == scores.pairs(every[:, ::-1]).tolist()


def test_reversed_arcs_teach_the_direction_and_weigh_little() -> None:
    random = np.random.default_rng(0)
    edges, others, reverse = (random.normal(size=(n, 3)) for n in (300, 900, 280))
    edges[:, 0] += 2.0  # close to each other, and so are the reversed arcs
    reverse[:, 0] += 2.0
    reverse[:, 1] -= 2.0  # the direction, which random pairs do not tell
    plain, told = (
        fit_combiner(COLUMNS, edges, others),
        fit_combiner(COLUMNS, edges, others, reverse),
    )
    assert abs(plain.weights[1]) < 0.1
    assert told.weights[1] > 0.2
    assert told.weights[0] > 0.7 * plain.weights[0]
    assert told.n_edges == plain.n_edges
    # The reversed arcs together have their share of the weight, however many there are.
    twice = fit_combiner(COLUMNS, edges, others, np.concatenate([reverse, reverse]))
    for one, other in ((told.weights[0], twice.weights[0]), (told.weights[1], twice.weights[1])):
        assert one == pytest.approx(other, rel=0.1)
    assert fit_combiner(COLUMNS, edges, others, reverse[:0]) == plain


def test_a_node_that_is_asked_for_twice_has_two_lists() -> None:
    graph = random_graph(30, 60, seed=0)
    evidence = evidence_of(graph, hops=[])
    combiner = fit_combiner(
        evidence.columns, evidence.table(graph.edges[:20]), evidence.table([(0, 5), (2, 9)])
    )
    scores = CombinedScores(evidence, combiner, np.eye(30, dtype=np.float32))
    once, values = scores.partners(np.array([3]), 4, graph)
    twice, both = scores.partners(np.array([3, 3]), 4, graph)
    assert twice.tolist() == [*once.tolist(), *once.tolist()]
    assert both.tolist() == [*values.tolist(), *values.tolist()]
    assert len(scores.partners(np.array([], np.int64), 4, graph)[0]) == 0


@pytest.mark.parametrize("directed", [False, True])
def test_blocks_that_are_scored_at_the_same_time_change_nothing(
    directed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(combiner_module, "MOST_NODES_COUNTED", 10)
    monkeypatch.setattr(scores_module, "block_rows", lambda _: 3)
    random = np.random.default_rng(0)
    graph = Graph.from_edges(random.integers(40, size=(120, 2)), n_nodes=40, directed=directed)
    evidence = evidence_of(graph, hops=[random.normal(size=(40, 3)).astype(np.float32)])
    combiner = fit_combiner(
        evidence.columns, evidence.table(graph.edges[:50]), evidence.table([(0, 5), (2, 9)])
    )
    scores = CombinedScores(evidence, combiner, np.eye(40, dtype=np.float32))
    assert scores.dear
    answers = []
    for n_workers in (1, 2, 5):
        monkeypatch.setattr(scores_module, "n_threads", lambda n=n_workers: n)
        levels = np.array([-1.0, 0.0, 2.0])
        answers.append([*scores.top(25, graph), scores.reaching(levels, graph)])
    for answer in answers[1:]:
        for one, other in zip(answers[0], answer, strict=True):
            assert np.array_equal(one, other)
    is_open = open_partners(graph, np.arange(40))
    if not directed:
        is_open = np.triu(is_open, 1)
    pairs = np.argwhere(is_open)
    best = pairs[np.argsort(-scores.pairs(pairs), kind="stable")[:25]]
    assert answers[0][0].tolist() == best.tolist()
    assert answers[0][2].sum() == len(pairs)


def test_a_failure_in_one_of_several_blocks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(combiner_module, "MOST_NODES_COUNTED", 10)
    monkeypatch.setattr(scores_module, "block_rows", lambda _: 3)
    monkeypatch.setattr(scores_module, "n_threads", lambda: 3)
    graph = random_graph(30, 0.2, seed=0)
    evidence = evidence_of(graph, hops=[])
    combiner = fit_combiner(
        evidence.columns, evidence.table(graph.edges[:20]), evidence.table([(0, 5), (2, 9)])
    )
    scores = CombinedScores(evidence, combiner, np.eye(30, dtype=np.float32))

    def fails(rows: np.ndarray, since: int) -> np.ndarray:
        if rows[0] == 9:
            raise MemoryError("no room")
        return np.zeros((len(rows), 30 - since))

    monkeypatch.setattr(scores, "_rows_since", fails)
    with pytest.raises(MemoryError, match="no room"):
        scores.top(3, graph)
