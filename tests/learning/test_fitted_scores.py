"""What fitted models and fitted baselines have in common."""

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from vgae.data.graph import Graph
from vgae.data.split import Split, split_edges
from vgae.data.tables import write_batches
from vgae.ground.errors import InputError
from vgae.learning.baselines import baseline
from vgae.learning.fitted_scores import FittedScores
from vgae.learning.fitting import fit, fit_baseline
from vgae.learning.precision import expected_precision
from vgae.learning.settings import FitSettings


@pytest.fixture(params=["gae", "katz", "spectral"])
def fitted(request: pytest.FixtureRequest, ring: Graph) -> FittedScores:
    split = split_edges(ring, validation=0.1, test=0.1, seed=2)
    if request.param == "gae":
        return fit(split, FitSettings.of("gae", steps=3, latent_dim=2, seed=5))
    return fit_baseline(split, baseline(request.param), seed=5)


def test_all_answer_alike(fitted: FittedScores) -> None:
    assert fitted.ids.tolist() == fitted.split.graph.ids.tolist()
    assert fitted.random_seed == 5
    scores = fitted.scores.pairs([(0, 2), (0, 20)])
    assert fitted.calibrator is not None
    np.testing.assert_array_equal(
        fitted.probabilities(scores), fitted.calibrator.probabilities(scores)
    )
    own = fitted.uncalibrated(np.sort(fitted.scores.rows([0])[0]))
    assert (np.diff(own) >= 0).all()
    assert own.min() >= 0
    assert own.max() <= 1
    np.testing.assert_array_equal(
        fitted.probabilities(scores, calibrated=False), fitted.uncalibrated(scores)
    )
    assert "calibrated on 4 held-out edges" in fitted.meaning
    assert fitted.expected_precision(3) == expected_precision(
        fitted.split.training, fitted.scores, 3
    )
    assert fitted.named("a\nb").graph["name"] == r"a\nb"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: {"graph": {**one.graph, "n_nodes": 41}}, "graph: has 41 nodes, but its split"),
        (lambda one: {"graph": {**one.graph, "fingerprint": "x"}}, "graph: fingerprint"),
        (lambda one: {"metrics": {**one.metrics, "protocol": "TV"}}, "differ from those of the sp"),
        (lambda one: {"metrics": {**one.metrics, "test": None}}, "test does not match the split"),
        (lambda one: {"metrics": {**one.metrics, "simple": {"model": 2}}}, "simple.model"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(
    fitted: FittedScores, change: Any, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        replace(fitted, **change(fitted))


# -------------------------------------------------------------------- in batches


@pytest.mark.parametrize("rows", [1, 7, 10**6])
def test_batches_hold_what_is_ranked_in_any_parts(
    fitted: FittedScores, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vgae.learning.fitted_scores.BATCH_ROWS", rows)
    known = fitted.split.graph
    for nodes in (None, np.array([3, 0, 17])):
        parts = list(fitted.ranked(5, nodes))
        pairs, scores = (np.concatenate(found) for found in zip(*parts, strict=True))
        whole = fitted.scores.top(5, known) if nodes is None else (
            fitted.scores.partners(nodes, 5, known)
        )  # fmt: skip
        np.testing.assert_array_equal(pairs, whole[0])
        batches = list(fitted.batches(iter(parts)))
        assert max(batch.num_rows for batch in batches) <= rows
        table = pa.Table.from_batches(batches)
        assert table.column("source").to_pylist() == fitted.ids[pairs[:, 0]].tolist()
        np.testing.assert_array_equal(
            table.column("probability").to_numpy(), fitted.probabilities(scores)
        )
    assert next(fitted.ranked(5, np.empty(0, np.int64)))[0].shape == (0, 2)


def test_memory_does_not_grow_with_the_links_of_all_nodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vgae.learning.fitted_scores.BATCH_ROWS", 4096)
    n_nodes = 800
    graph = Graph.from_edges([(i, (i + 1) % n_nodes) for i in range(n_nodes)])
    model = fit(Split.without_holdout(graph), FitSettings.of("gae", steps=1, latent_dim=2))

    def peak(k: int) -> tuple[int, int]:
        """Bytes of Python and NumPy, and of Arrow, that are held at once while all is written."""
        reader = model.batches(model.ranked(k, np.arange(n_nodes)))
        held = []

        def watched() -> Iterator[pa.RecordBatch]:
            for batch in reader:
                held.append(pa.total_allocated_bytes() - before)
                yield batch

        before = pa.total_allocated_bytes()
        tracemalloc.start()
        n_rows = write_batches(tmp_path / f"{k}.parquet", reader.schema, watched())
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert n_rows == k * n_nodes
        return most, max(held)

    few, many = peak(10), peak(200)  # 8,000 links and 160,000
    assert many[0] < 1.5 * few[0]
    assert many[1] < 1.5 * few[1]
    assert many[0] + many[1] < 160_000 * 24  # what their pairs and probabilities alone would take


def test_another_graph_is_told_by_what_differs() -> None:
    pairs, features = [("a", "b"), ("b", "c")], np.eye(3)
    graph = Graph.from_pairs(pairs).with_features(features)
    weighted = Graph.from_pairs(pairs, weights=[1, 2]).with_features(features)
    bare = Graph.from_pairs(pairs)
    typed = Graph.from_pairs(pairs).with_types(["x", "y", "x"])
    for known, given, said in (
        (graph, bare, "0 features instead of 3"),
        (bare, graph, "3 features instead of 0"),
        (graph, weighted, "weights instead of none"),
        (weighted, graph, "no weights instead of some"),
        (weighted, weighted.with_weight_means("count"), "weights mean count instead of propag"),
        (bare, Graph.from_pairs(pairs, directed=True), "directed instead of undirected"),
        (bare, Graph.from_pairs([*pairs, ("c", "d")]), "4 nodes instead of 3, 3 edges instead of"),
        (bare, Graph.from_pairs([("a", "b"), ("b", "x")]), "other ids, such as 'x' instead of 'c'"),
        (bare, Graph.from_pairs([(0, 1), (1, 2)]), "other ids, such as '0' instead of 'a'"),
        (bare, Graph.from_pairs([("a", "c"), ("b", "c")]), "other edges, such as 'a' - 'c'"),
        (weighted, Graph.from_pairs(pairs, weights=[2, 2]).with_features(features),
         "other weights or values of features"),
        (graph, graph.with_features(2 * features), "other values of features"),
        (typed, bare, "other types of nodes"),
        (bare, typed, "other types of nodes"),
    ):  # fmt: skip
        fitted = fit_baseline(Split.without_holdout(known), baseline("common-neighbors"))
        fitted.check_graph(known)
        with pytest.raises(InputError) as caught:
            fitted.check_graph(given)
        assert str(caught.value).startswith(f"the graph is not the one of the fit: {said}")
        assert str(caught.value).endswith("; read it as `vgae fit` did")
