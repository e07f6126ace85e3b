"""The record of a fit: what a run folder keeps of it, in every case and against damage."""

import time
from pathlib import Path

import numpy as np
import pytest
from graphs import random_graph

from vgae.data.graph import Graph
from vgae.data.split import Split, split_edges
from vgae.ground.errors import InputError
from vgae.learning.fit_record import (
    MOST_SCORES,
    FitFacts,
    FitRecord,
    record_of_fit,
    sampled_places,
)
from vgae.learning.scores import FunctionScores, VectorScores
from vgae.people.api import GAE, VGAE, LinkBaseline, load

FACTS = FitFacts(rows=1, cleaning={}, finished="2026-01-01", seconds=0.5)


def test_a_run_keeps_what_was_read_and_the_scores_of_held_out_pairs(
    ring: Graph, tmp_path: Path
) -> None:
    split = split_edges(ring.with_labels(["odd", "even"] * 20), test=0.2, seed=0)
    model = VGAE(steps=5).fit(split)
    model.save(tmp_path / "run")
    record = load(tmp_path / "run").fitted_.record
    assert record is not None
    assert record.facts == model.fitted_.record.facts  # type: ignore[union-attr]
    assert record.facts.rows == 40
    assert record.facts.label_names == ["even", "odd"]
    assert record.labels is not None
    assert record.labels.tolist() == [1, 0] * 20
    assert 0 < record.facts.seconds < 60
    assert (record.facts.peak_memory or 0) > 2**20
    np.testing.assert_array_equal(
        record.scores["test_edges"], model.scores().pairs(split.test.positives)
    )
    assert set(record.scores) == {
        "validation_edges", "validation_others", "test_edges", "test_others",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["common-neighbors", "spectral"])
def test_a_baseline_has_a_record_too(name: str, ring: Graph, tmp_path: Path) -> None:
    LinkBaseline(name).fit(split_edges(ring, seed=0)).save(tmp_path / "run")
    record = load(tmp_path / "run").fitted_.record
    assert record is not None
    assert len(record.scores["test_edges"]) == 4
    assert record.labels is None


def test_nodes_that_join_later_have_no_label(tmp_path: Path) -> None:
    graph = Graph.from_pairs([("a", "b"), ("b", "c")]).with_labels([1, 1, 2])
    model = GAE(steps=2).fit(graph).with_nodes(edges=[("new", "a")])
    model.save(tmp_path / "run")
    record = load(tmp_path / "run").fitted_.record
    assert record is not None
    assert record.labels is not None
    assert record.labels.tolist() == [0, 0, 1, -1]


def test_labels_of_every_type_are_coded() -> None:
    scores = VectorScores(np.eye(3))
    for labels, names, codes in (
        ([2, 10, 2], ["2", "10"], [0, 1, 0]),
        ([True, False, True], ["False", "True"], [1, 0, 1]),
        ([1.5, float("nan"), 0.5], ["0.5", "1.5"], [1, -1, 0]),
        (np.array(["x", None, 3], object), ["3", "x"], [1, -1, 0]),
        (np.array([10, None, 9], object), ["9", "10"], [1, -1, 0]),
        (np.array(["x", float("nan"), "y"], object), ["x", "y"], [0, -1, 1]),
        ([4, -1, 3], ["3", "4"], [1, -1, 0]),
        ([None, None, None], [], [-1, -1, -1]),
    ):
        graph = Graph.from_edges([(0, 1)], n_nodes=3).with_labels(labels)
        record = record_of_fit(
            Split.without_holdout(graph), scores, scores, started=time.perf_counter()
        )
        assert record.facts.label_names == names
        assert record.labels is not None
        assert record.labels.tolist() == codes


def test_scores_that_are_infinite_or_no_numbers_still_rank() -> None:
    graph = random_graph(30, 0.2, seed=0)
    split = split_edges(graph, seed=0)
    limits = np.array([np.inf, -np.inf, 1.0])
    scores = FunctionScores(lambda pairs: limits[pairs.sum(axis=1) % 3], 30)
    record = record_of_fit(split, scores, scores, started=time.perf_counter())
    for found in record.scores.values():
        assert np.isfinite(found).all()


def test_no_more_than_a_sample_is_kept() -> None:
    places = sampled_places(3 * MOST_SCORES)
    assert len(places) == MOST_SCORES
    assert (np.diff(places) >= 2).all()
    assert sampled_places(0).tolist() == []
    assert sampled_places(4).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("names", "labels", "scores", "said"),
    [
        (["x"], None, {}, "do not belong together"),
        (None, [0], {}, "do not belong together"),
        (["x"], [1], {}, "has no name"),
        (["x"], [-2], {}, "has no name"),
        (["x"], [[0]], {}, "one code per node"),
        (None, None, {"train": [0.5]}, "unknown part"),
        (None, None, {"test_edges": [float("nan")]}, "not numbers"),
        (None, None, {"test_edges": [[0.5]]}, "not numbers"),
    ],
)
def test_a_record_cannot_lie(
    names: list[str] | None, labels: list[int] | None, scores: dict[str, list[float]], said: str
) -> None:
    facts = FACTS.model_copy(update={"label_names": names})
    arrays = {name: np.array(found) for name, found in scores.items()}
    with pytest.raises(InputError, match=said):
        FitRecord(facts, None if labels is None else np.array(labels, np.int32), arrays)


def test_labels_belong_to_the_nodes_of_the_run(ring: Graph) -> None:
    from dataclasses import replace

    fitted = GAE(steps=1).fit(ring).fitted_
    facts = FACTS.model_copy(update={"label_names": ["x"]})
    with pytest.raises(InputError, match="labels are not one per node"):
        replace(fitted, record=FitRecord(facts, np.zeros(3, np.int32)))
