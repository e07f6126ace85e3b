import numpy as np
import pytest
from graphs import random_arcs, random_graph
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from vgae.data.graph import Graph
from vgae.data.split import NodeSplit, SplitSettings, TrainingView, split_edges
from vgae.ground.errors import InputError
from vgae.learning.evaluation import (
    FULL_AP,
    LINK_METRICS,
    Protocol,
    default_metrics,
    evaluate_runs,
    full_average_precision,
    link_scores,
    metrics_asked,
)
from vgae.learning.scores import Scores, VectorScores

LINKS = Protocol(SplitSettings())


def constant(n_nodes: int) -> Scores:
    return VectorScores(np.ones((n_nodes, 2), dtype=np.float32))


class RowsAlone(Scores):
    """Other scores without what they can do faster."""

    def __init__(self, scores: Scores) -> None:
        self.n_nodes, self._scores = scores.n_nodes, scores

    @property
    def vectors(self) -> None:
        return None

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        return self._scores.pairs(pairs)

    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        return self._scores.rows(rows)


def vectors(n_nodes: int, seed: int, levels: int = 3) -> Scores:
    """Few distinct scores, so that ties are the rule."""
    values = np.random.default_rng(seed).integers(0, levels, size=(n_nodes, 2))
    return VectorScores(values.astype(np.float32))


def test_seed_and_split_change_together_and_methods_share_splits(karate: Graph) -> None:
    seen: list[tuple[str, int, tuple[int, ...]]] = []

    def method(name: str):  # type: ignore[no-untyped-def]
        def scores(view: TrainingView, seed: int) -> Scores:
            seen.append((name, seed, tuple(view.train.edges.ravel())))
            return constant(34)

        return scores

    methods = {"a": method("a"), "b": method("b")}
    found = list(evaluate_runs(karate, methods, runs=3, seed=10, protocol=LINKS))
    assert [(score.method, score.run) for score in found] == [
        (name, run) for run in range(3) for name in "ab"
    ]
    assert [row[1] for row in seen] == [10, 10, 11, 11, 12, 12]
    for run in range(3):
        expected = split_edges(karate, seed=10 + run).train.edges
        assert seen[2 * run][2] == seen[2 * run + 1][2] == tuple(expected.ravel())
    assert {score.metrics["auc"] for score in found} == {0.5}


# ------------------------------------------------------------ at true prevalence


@given(st.integers(12, 60), st.floats(0.1, 0.6), st.integers(0, 1000), st.integers(2, 50))
def test_full_ap_equals_scikit_learn_over_all_open_pairs(
    n_nodes: int, density: float, seed: int, levels: int
) -> None:
    graph = random_graph(n_nodes, density, seed)
    try:
        split = split_edges(graph, seed=seed, validation=0.1, test=0.2)
    except InputError:
        return
    scores = vectors(n_nodes, seed, levels)
    closed = {
        tuple(pair) for part in (split.train.edges, split.validation.positives) for pair in part
    }
    truth = {tuple(sorted(pair)) for pair in split.test.positives.tolist()}
    pairs = [(i, j) for i in range(n_nodes) for j in range(i + 1, n_nodes)]
    pairs = [pair for pair in pairs if pair not in {tuple(sorted(p)) for p in closed}]
    expected = average_precision_score(
        [pair in truth for pair in pairs], scores.pairs(np.array(pairs))
    )
    assert full_average_precision(split, scores) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_tied_vectors_tie_however_they_are_asked(seed: int) -> None:
    random = np.random.default_rng(seed)
    graph = random_graph(60, 0.1, seed)
    split = split_edges(graph, seed=0)
    # All vectors equal, in numbers whose products round: a method that knows nothing.
    same = VectorScores(np.tile(random.normal(size=16).astype(np.float32), (60, 1)))
    n_open = 60 * 59 // 2 - split.train.n_edges - len(split.validation.positives)
    prevalence = len(split.test.positives) / n_open
    assert full_average_precision(split, same) == pytest.approx(prevalence)
    # Every vector thrice: pairs tie in nines.
    thrice = VectorScores(np.repeat(random.normal(size=(20, 16)), 3, axis=0).astype(np.float32))
    pairs = np.stack(np.triu_indices(60, k=1), axis=1)
    blocks = thrice.rows(np.arange(60))
    assert np.array_equal(thrice.pairs(pairs), blocks[pairs[:, 0], pairs[:, 1]])


def test_full_ap_takes_many_blocks(monkeypatch: pytest.MonkeyPatch, karate: Graph) -> None:
    split = split_edges(karate, seed=0)
    compiled = full_average_precision(split, vectors(34, 0))
    plain = full_average_precision(split, RowsAlone(vectors(34, 0)))
    monkeypatch.setattr("vgae.learning.scores.block_rows", lambda _: 3)
    in_blocks = full_average_precision(split, RowsAlone(vectors(34, 0)))
    assert compiled == plain == in_blocks


def test_knowing_nothing_scores_the_prevalence(karate: Graph) -> None:
    split = split_edges(karate, seed=0)
    n_positive = len(split.test.positives)
    n_pairs = 34 * 33 // 2 - split.train.n_edges - len(split.validation.positives)
    assert full_average_precision(split, constant(34)) == pytest.approx(n_positive / n_pairs)
    # Against as many negatives as positives the same knowledge looks like one half.
    assert link_scores(split, constant(34))["average_precision"] == 0.5


def test_asked_metrics_come_alone_and_in_order(karate: Graph) -> None:
    split = split_edges(karate, seed=0)
    assert list(link_scores(split, constant(34), ["mrr", "auc"])) == ["mrr", "auc"]
    assert tuple(link_scores(split, constant(34))) == LINK_METRICS
    assert FULL_AP in LINK_METRICS


def test_large_graphs_leave_out_what_scores_all_pairs_and_say_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, karate: Graph
) -> None:
    assert default_metrics(karate) == LINK_METRICS
    assert not caplog.records
    monkeypatch.setattr("vgae.learning.evaluation.MOST_NODES_FOR_ALL_PAIRS", 33)
    slow = {FULL_AP, "mrr_open", "hits_open@10", "precision@100"}
    assert default_metrics(karate) == tuple(n for n in LINK_METRICS if n not in slow)
    assert (
        "full_average_precision, mrr_open, hits_open@10 and precision@100 are omitted"
        in caplog.text
    )


def test_metrics_that_a_graph_has_too_few_negatives_for_are_omitted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clique = Graph.from_edges(np.argwhere(np.triu(np.ones((8, 8)), k=1)), n_nodes=40)
    found = default_metrics(clique)
    assert found == tuple(name for name in LINK_METRICS if not name.endswith("_degree"))
    assert "degree-corrected negatives are omitted" in caplog.text
    split = split_edges(clique, seed=0)
    assert set(link_scores(split, constant(40), found)) == set(found)
    with pytest.raises(InputError, match="0 pairs without an edge between nodes that have some"):
        link_scores(split, constant(40), ["auc_degree"])


def test_on_a_given_split_the_seed_of_the_method_changes_alone(karate: Graph) -> None:
    seen: list[tuple[int, str, bool]] = []

    def method(view: TrainingView, seed: int) -> Scores:
        seen.append((seed, view.train.fingerprint, view.train.labels is None))
        return constant(34)

    given_split = split_edges(karate, seed=9, test=0.2)
    assert given_split.train.labels is not None
    protocol = Protocol(given_split.settings, metrics=("auc",))
    runs = evaluate_runs(
        karate, {"a": method}, runs=2, seed=3, protocol=protocol, given=given_split
    )
    assert len(list(runs)) == 2
    train = given_split.train.fingerprint
    assert seen == [(3, train, True), (4, train, True)]


# ------------------------------------------------------------------------ tasks


def test_tasks_learn_from_all_edges_and_links_from_the_training_edges(karate: Graph) -> None:
    seen: list[int] = []

    def method(view: TrainingView, seed: int) -> Scores:
        seen.append(view.train.n_edges)
        return vectors(34, seed)

    protocol = Protocol(SplitSettings(), tasks=("links", "nodes", "clusters"))
    (scores,) = evaluate_runs(karate, {"a": method}, runs=1, seed=0, protocol=protocol)
    assert seen == [78 - 3 - 7, 78]
    assert {"auc", "accuracy", "nmi", "ari"} <= set(scores.metrics)
    only = Protocol(SplitSettings(test=0.0), tasks=("clusters",))
    (scores,) = evaluate_runs(karate, {"a": method}, runs=1, seed=0, protocol=only)
    assert set(scores.metrics) == {"nmi", "ari"}


def test_given_training_and_test_nodes_are_used(karate: Graph) -> None:
    assert karate.labels is not None
    truth = VectorScores((karate.labels == "Officer")[:, None].astype(np.float32))
    nodes = NodeSplit(np.array([0, 33]), np.array([1, 2, 32]))
    protocol = Protocol(SplitSettings(), tasks=("nodes",), nodes=nodes)
    (scores,) = evaluate_runs(karate, {"a": lambda *_: truth}, runs=1, seed=0, protocol=protocol)
    assert scores.metrics == {"accuracy": 1.0}


@pytest.mark.parametrize("task", ["nodes", "clusters"])
def test_labels_that_tell_nothing_apart_are_refused_before_any_run(
    karate: Graph, task: str
) -> None:
    for labels in (np.zeros(34, dtype=int), np.full(34, np.nan), np.full(34, -1)):
        with pytest.raises(InputError, match="two classes"):
            Protocol(SplitSettings(), tasks=(task,)).check(karate.with_labels(labels))
    outside = NodeSplit(np.array([0, 34]), np.array([1]))
    with pytest.raises(InputError, match="must be some of the graph's"):
        Protocol(SplitSettings(), tasks=(task,), nodes=outside).check(karate)


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        (Protocol(SplitSettings(), tasks=("link",)), "unknown task 'link': did you mean 'links'"),
        (Protocol(SplitSettings(), tasks=()), "tasks: name at least one of links, nodes, clusters"),
        (Protocol(SplitSettings(), metrics=("acu",)), "unknown metric 'acu': did you mean 'auc'"),
        (Protocol(SplitSettings(), metrics=()), "metrics: name at least one"),
        (Protocol(SplitSettings(test=0.0)), "needs test pairs"),
        (
            Protocol(SplitSettings(), tasks=("nodes",)),
            "--tasks nodes .tasks=.: the graph's nodes have no",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(ring: Graph, protocol: Protocol, said: str) -> None:
    with pytest.raises(InputError, match=said):
        protocol.check(ring)


def test_a_metric_of_a_task_is_no_metric_to_choose(karate: Graph) -> None:
    protocol = Protocol(SplitSettings(), tasks=("links", "nodes"), metrics=("auc", "accuracy"))
    with pytest.raises(InputError, match="metric accuracy: belongs to a task"):
        protocol.check(karate)


def test_what_links_are_asked_for_gives_the_metrics() -> None:
    general = ("auc", "hits@10", "ece")
    assert metrics_asked(["general"], general) == general
    assert metrics_asked(["biased"], general) == ("auc_biased", "hits_biased@10")
    assert metrics_asked(["bidirectional", "general"], ["mrr"]) == ("mrr_bidirectional", "mrr")
    with pytest.raises(InputError, match="task 'direction'|task.*direction"):
        metrics_asked(["direction"], general)
    with pytest.raises(InputError, match="task biased: name at least one of the metrics auc"):
        metrics_asked(["biased"], ["ece"])


def test_metrics_of_arcs_need_a_directed_graph(karate: Graph) -> None:
    plan = Protocol(SplitSettings(), metrics=("auc_biased",))
    with pytest.raises(InputError, match="metric auc_biased: .*directed"):
        plan.check(karate)
    plan.check(random_arcs(20, 0.2, 0))
