"""Simple methods on the validation pairs of a model."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from graphs import random_graph
from shared_words import registered

import vgae.learning.simple
from vgae.data.graph import Graph
from vgae.data.split import HeldOut, Split, split_edges
from vgae.learning.baselines import baseline
from vgae.learning.metrics import average_precision, roc_auc
from vgae.learning.simple import SimpleMethods, compare_simple_methods

BAD = {"auc": 0.2, "average_precision": 0.4}
GRID = Graph.from_edges([(i, i + step) for i in range(400) for step in (1, 2, 3)])


def test_figures_are_those_of_the_methods_on_training_messages() -> None:
    split = split_edges(GRID, seed=0, protocol="TV")
    found = compare_simple_methods(split.training, BAD)
    assert found is not None
    assert found.model == pytest.approx(0.3)
    assert found.n_edges == len(split.validation.positives)
    assert len(found.methods) >= 4
    for name, told in found.methods.items():
        scores = baseline(name).fit(split.train)
        sides = (scores.pairs(split.validation.positives), scores.pairs(split.validation.negatives))
        assert told == pytest.approx((roc_auc(*sides) + average_precision(*sides)) / 2)
    figures = list(found.methods.values())
    assert figures == sorted(figures, reverse=True)
    assert found.better == next(iter(found.methods))


def test_test_pairs_play_no_part() -> None:
    split = split_edges(GRID, seed=0)
    moved = HeldOut(split.test.positives, split.test.negatives[:1])
    other = Split.of_parts(split.graph, validation=split.validation, test=moved)
    assert compare_simple_methods(other.training, BAD) == compare_simple_methods(
        split.training, BAD
    )


def test_there_is_none_without_validation_pairs() -> None:
    view = Split.without_holdout(GRID).training
    assert compare_simple_methods(view, None) is None
    assert compare_simple_methods(view, {"auc": None, "average_precision": None}) is None


def test_methods_that_read_features_take_part_where_there_are_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vgae.learning.simple, "SIMPLE", ("common-neighbors", "adamic-adar"))
    graph = random_graph(60, 0.1, 0)
    rich = graph.with_features(np.random.default_rng(0).random((60, 3)))
    plain, featured = (split_edges(each, seed=0).training for each in (graph, rich))
    with registered() as name:
        monkeypatch.setattr(
            vgae.learning.simple, "SIMPLE", ("common-neighbors", "adamic-adar", name)
        )
        first, second = (compare_simple_methods(view, BAD) for view in (plain, featured))
        assert first is not None
        assert second is not None
        assert set(second.methods) - set(first.methods) == {name}
        monkeypatch.setattr(vgae.learning.simple, "MOST_WORK", 1.5 * featured.train.n_edges)
        third = compare_simple_methods(featured, BAD)
        assert third is not None
        assert third.omitted == (name,)
        assert third.methods == first.methods
        assert third.words is not None
        assert third.words.endswith(f"not compared with {name}: the graph is too large")


def test_what_is_said() -> None:
    found = SimpleMethods(model=0.989, methods={"katz": 0.993}, omitted=(), n_edges=100)
    words = "katz ranks the validation pairs better: 99.3 against 98.9; consider --model katz"
    assert found.words == words
    few = replace_with(found, n_edges=99)
    assert few.words == words.replace(";", ", on 99 edges only;")
    assert replace_with(found, methods={"katz": 0.989}).words is None
    assert replace_with(found, methods={}).words is None
    # Nobody is told of figures that look the same.
    assert replace_with(found, methods={"katz": 0.98949}).words is None
    assert replace_with(found, methods={"katz": 0.98951}).words is not None
    plain = found.model_dump(mode="json")
    assert SimpleMethods.parse(plain) == found


def replace_with(found: SimpleMethods, **changes: Any) -> SimpleMethods:
    return found.model_copy(update=changes)


def test_a_view_keeps_its_protocol() -> None:
    view = split_edges(GRID, seed=0, protocol="TV").training
    assert compare_simple_methods(view, BAD) == compare_simple_methods(
        replace(view, protocol="T"), BAD
    )
    assert view.protocol == "TV"
