"""Runs side by side: differences of the same pairs, and only of the same pairs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import vgae
from vgae.ground.errors import InputError
from vgae.learning.metrics import roc_auc
from vgae.learning.run_comparison import compare_runs, paired_intervals, pairs_fingerprint


def test_settings_that_differ_and_differences() -> None:
    graph = vgae.load_dataset("karate")
    split = vgae.split_edges(graph, test=0.3, seed=0)
    runs: dict[str, Any] = {
        "short": vgae.VGAE(steps=2).fit(split).fitted_,
        "long": vgae.VGAE(steps=40, latent_dim=8).fit(split).fitted_,
        "katz": vgae.LinkBaseline("katz").fit(split).fitted_,
    }
    found = compare_runs(runs)
    assert found.same_pairs
    assert found.settings["steps"] == (2, 40, None)
    assert found.settings["model"] == ("vgae", "vgae", "katz")
    assert "hidden_dim" in found.settings  # katz has none
    assert "split seed" not in found.settings
    for one in found.differences:
        base, own = (runs[name].metrics["test"][one.metric] for name in ("short", one.run))
        assert one.amount == pytest.approx(own - base)
        assert (one.interval is not None) == (one.metric in ("auc", "average_precision"))
        if one.interval is not None:
            assert one.interval[0] <= one.amount <= one.interval[1]
    assert {one.run for one in found.differences} == {"long", "katz"}


def test_other_pairs_are_not_compared() -> None:
    graph = vgae.load_dataset("karate")
    runs = {
        str(seed): vgae.GAE(steps=1).fit(vgae.split_edges(graph, seed=seed)).fitted_
        for seed in (0, 1)
    }
    found = compare_runs(runs)
    assert not found.same_pairs
    assert found.differences == ()
    assert found.settings["split seed"] == (0, 1)
    assert len(found.metrics["auc"]) == 2


def test_features_do_not_make_other_pairs() -> None:
    graph = vgae.load_dataset("karate").with_features(np.eye(34))
    split = vgae.split_edges(graph, seed=0)
    bare = vgae.split_edges(graph.with_features(None), seed=0)
    assert pairs_fingerprint(split) == pairs_fingerprint(bare)
    fewer = vgae.split_edges(graph, seed=0, test=0.05)
    assert pairs_fingerprint(split) != pairs_fingerprint(fewer)


def test_runs_without_test_pairs_have_no_differences() -> None:
    graph = vgae.load_dataset("karate")
    runs = {name: vgae.GAE(steps=1).fit(graph).fitted_ for name in ("one", "two")}
    found = compare_runs(runs)
    assert (found.same_pairs, found.metrics, found.differences) == (True, {}, ())
    assert str(found.why_no_differences).startswith("no run held test pairs out, so that")
    other = {"three": vgae.GAE(steps=1).fit([(0, 1), (1, 2)]).fitted_}
    assert str(compare_runs(runs | other).why_no_differences).startswith("no run held test pairs")
    split = {"split": vgae.GAE(steps=1).fit(vgae.split_edges(graph, seed=0)).fitted_}
    said = str(compare_runs(runs | split).why_no_differences)
    assert said.startswith("one and two held no test pairs out, so that there are no differences")
    assert compare_runs(split | {"same": split["split"]}).why_no_differences is None
    with pytest.raises(InputError, match="two or more"):
        compare_runs({"one": runs["one"]})


def test_pairing_makes_intervals_narrow() -> None:
    random = np.random.default_rng(0)
    edges, others = random.normal(1.0, 1.0, 400), random.normal(0.0, 1.0, 400)
    noise = [random.normal(0.0, 0.1, 400) for _ in range(4)]
    near = (edges + noise[0], others + noise[1])
    far = (random.permutation(edges), random.permutation(others))
    low, high = paired_intervals((edges, others), near)["auc"]
    wide = paired_intervals((edges, others), far)["auc"]
    assert high - low < 0.5 * (wide[1] - wide[0])
    assert low <= roc_auc(edges, others) - roc_auc(*near) <= high


def test_intervals_cover_the_true_difference() -> None:
    """Of normal scores one apart, the AUC is known: so is how often an interval holds it."""
    hits, n_trials = 0, 20
    for trial in range(n_trials):
        random = np.random.default_rng(trial)
        edges, others = random.normal(1.0, 1.0, 60), random.normal(0.0, 1.0, 60)
        worse = edges - 1.0 + random.normal(0.0, 0.5, 60), others + random.normal(0.0, 0.5, 60)
        low, high = paired_intervals((edges, others), worse, seed=trial)["auc"]
        hits += low <= 0.7602499 - 0.5 <= high
    assert hits >= 16  # of 19 expected


def test_an_interrupted_training_is_marked() -> None:
    split = vgae.split_edges(vgae.load_dataset("karate"), seed=0)
    whole = vgae.GAE(steps=2).fit(split).fitted_
    runs = {"whole": whole, "cut": replace(whole, interrupted=True)}
    assert compare_runs(runs).settings == {"interrupted after step": (None, 2)}
