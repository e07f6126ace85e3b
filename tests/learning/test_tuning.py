"""A search sees no test pair, gives the same trials again, and goes on from wherever it ended."""

from __future__ import annotations

import inspect
import signal
import sqlite3
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from graphs import random_graph

from vgae.data.graph import Graph
from vgae.data.split import HeldOut, Split, TrainingView, sample_non_edges, split_edges
from vgae.ground.errors import InputError
from vgae.learning import tuning as module
from vgae.learning.fitting import fit
from vgae.learning.settings import FitSettings, choices, named_preset
from vgae.learning.train import StepRecord
from vgae.learning.tuning import SPACE, Range, Trial, Tuning, check_search, search, search_space

pytest.importorskip("optuna")

USED = {"likelihood": "bernoulli", "class_weight": "balanced"}
"""What the defaults of a plain graph are."""
FIXED = {"steps": 4, "latent_dim": 4, "structure": "none", "validate_every": 2}


@pytest.fixture
def split() -> Split:
    return split_edges(random_graph(60, 0.1, seed=0), seed=0, validation=0.1, test=0.2)


def found(*views: TrainingView, trials: int = 5, path: Path | None = None, **other: Any) -> Tuning:
    given: dict[str, Any] = {
        "model": "gae",
        "base": {},
        "fixed": FIXED,
        "metric": "average_precision",
        "seed": 0,
    }
    return search(views, trials=trials, path=path, **(given | other))


def told(result: Tuning) -> list[Trial]:
    """All of the trials but their times."""
    return [replace(trial, seconds=0.0) for trial in result.trials]


# ------------------------------------------------------------------ what it sees


def test_other_test_pairs_change_nothing(split: Split) -> None:
    """The same training graph and validation pairs, and a poisoned test part."""
    train = split.train
    known = np.concatenate([train.edges, split.validation.positives])
    random = np.random.default_rng(1)
    free = Graph.from_edges(
        np.concatenate([known, split.validation.negatives]), n_nodes=train.n_nodes
    )
    drawn = sample_non_edges(free, 60, random, advice="")
    poisoned = Split.of_parts(
        Graph.from_edges(np.concatenate([known, drawn[:30]]), n_nodes=train.n_nodes),
        validation=split.validation,
        test=HeldOut(drawn[:30], drawn[30:]),
    )
    assert not set(map(tuple, drawn[:30].tolist())) & set(map(tuple, split.graph.edges.tolist()))
    first, second = found(split.training), found(poisoned.training)
    assert told(first) == told(second)
    assert first.preset == second.preset


def test_it_takes_views_and_fits_splits_without_test_pairs(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert inspect.signature(search).parameters["views"].annotation == "Sequence[TrainingView]"
    with pytest.raises(InputError, match="Split could hold test pairs; give its TrainingView"):
        found(split)  # type: ignore[arg-type]
    seen: list[Split] = []
    original = fit

    def watched(given: Split, *rest: Any, **others: Any) -> Any:
        seen.append(given)
        return original(given, *rest, **others)

    monkeypatch.setattr(module, "fit", watched)
    found(split.training, trials=2)
    assert len(seen) == 2
    for given in seen:
        assert not given.test
        assert given.graph.n_edges == split.training.known.n_edges < split.graph.n_edges


def test_without_validation_pairs_there_is_nothing_to_choose_by(split: Split) -> None:
    whole = Split.without_holdout(split.train)
    with pytest.raises(InputError, match="tune: settings are chosen on validation pairs"):
        found(whole.training)
    n_negatives = len(split.validation.negatives)
    with pytest.raises(InputError, match=f"^hits@{n_negatives + 1}: needs at least"):
        found(split.training, metric=f"hits@{n_negatives + 1}")


# ------------------------------------------------------------ the same trials again


def test_the_same_seed_gives_the_same_trials(split: Split) -> None:
    first = found(split.training, trials=6)
    np.random.seed(5)
    state = np.random.get_state(legacy=False)["state"]["key"]
    assert told(first) == told(found(split.training, trials=6))
    assert np.array_equal(np.random.get_state(legacy=False)["state"]["key"], state)
    other = found(split.training, trials=6, seed=1)
    assert told(first)[1:] != told(other)[1:]
    # The first trial is the preset itself.
    start = FitSettings.of("gae", **FIXED).parameters() | USED
    assert first.trials[0].settings == {name: start[name] for name in first.trials[0].settings}
    assert first.best.value == max(trial.value or 0.0 for trial in first.trials)


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_a_search_goes_on_as_if_it_had_not_ended(split: Split, tmp_path: Path, cut: int) -> None:
    whole = found(split.training, trials=6)
    path = tmp_path / "a folder ?#%" / "study.db"
    path.parent.mkdir()
    seen: list[int] = []
    if cut:
        assert told(found(split.training, trials=cut, path=path)) == told(whole)[:cut]
    rest = found(split.training, trials=6, path=path, on_trial=lambda one: seen.append(one.number))
    assert told(rest) == told(whole)
    assert seen == list(range(cut + 1, 7))
    # There is nothing left to do, and fewer trials are no reason to forget some.
    assert told(found(split.training, trials=2, path=path)) == told(whole)
    assert [item.name for item in path.parent.iterdir()] == ["study.db"]


@pytest.mark.parametrize("killed_at", [1, 3])
def test_a_trial_that_was_cut_off_is_made_again(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    whole, path, original = found(split.training), tmp_path / "study.db", fit
    calls = 0

    def killed(*given: Any, **others: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == killed_at:
            raise SystemExit  # nothing is told to the study, as where a process is killed
        return original(*given, **others)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(module, "fit", killed)
        found(split.training, path=path)
    assert told(found(split.training, path=path)) == told(whole)


def test_an_interrupt_ends_the_search_after_the_trial(split: Split, tmp_path: Path) -> None:
    path = tmp_path / "study.db"

    def press(trial: Trial) -> None:
        if trial.number == 2:
            signal.raise_signal(signal.SIGINT)

    part = found(split.training, path=path, on_trial=press)
    assert part.interrupted
    assert len(part.trials) == 2
    whole = found(split.training, path=path)
    assert not whole.interrupted
    assert told(whole)[:2] == told(part)


# ------------------------------------------------------------------ how it judges


class Fits:
    """Stands for `fit`: scores that depend on the settings alone."""

    def __init__(self, score: Any, *, steps: int = 1) -> None:
        self.score, self.steps = score, steps
        self.seeds: list[int] = []

    def __call__(self, _split: Split, settings: FitSettings, *, callbacks: Any) -> Any:
        self.seeds.append(settings.seed)
        score = self.score(settings)
        for number in range(1, self.steps + 1):
            record = StepRecord(100 * number, 0.7, {}, 0.1, {"auc": score, "mrr": 0.0})
            for callback in callbacks:
                callback(record)
        return SimpleNamespace(metrics={"validation": {"auc": score, "mrr": 0.0}})


def test_the_value_is_the_mean_over_the_splits(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = Fits(lambda settings: {3: 0.5, 4: 0.7, 5: 0.9}[settings.seed])
    monkeypatch.setattr(module, "fit", fits)
    result = found(*[split.training] * 3, metric="auc", seed=3, trials=2)
    assert fits.seeds == [3, 4, 5] * 2
    assert result.best.value == pytest.approx(0.7)
    assert result.best.number == 1  # the first of equals
    assert result.splits == 3


def test_what_is_worse_than_most_is_stopped(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([0.6, 0.7, 0.8, 0.6, 0.7, 0.1, 0.9, 0.2])
    fits = Fits(lambda _: next(scores))
    monkeypatch.setattr(module, "fit", fits)
    result = found(split.training, metric="auc", trials=8)
    states = [trial.state for trial in result.trials]
    assert states == ["complete"] * 5 + ["pruned", "complete", "pruned"]
    assert result.counts == {"complete": 6, "pruned": 2, "failed": 0}
    assert result.best.number == 7
    assert result.trials[5].value is None


def test_a_failed_trial_says_why_and_the_search_goes_on(
    split: Split, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def score(settings: FitSettings) -> float:
        if settings.network.encoder == "gcn":
            raise InputError("step 3: the loss is nan")
        return 0.6

    monkeypatch.setattr(module, "fit", Fits(score))
    result = found(split.training, metric="auc", trials=8, path=tmp_path / "study.db")
    failed = [trial for trial in result.trials if trial.state == "failed"]
    assert {trial.reason for trial in failed} == {"step 3: the loss is nan"}
    assert 0 < len(failed) < 8
    assert result.trials[0] in failed
    assert result.table()["reason"][0] == "step 3: the loss is nan"
    every = found(split.training, metric="auc", fixed={**FIXED, "encoder": "gcn"}, trials=2)
    with pytest.raises(InputError, match="no trial is complete; the first failed: step 3: the los"):
        _ = every.best


def test_the_preset_is_what_was_tried(split: Split) -> None:
    result = found(
        split.training, base={"bias": True, "steps": 9}, fixed={**FIXED, "engine": "numba"}
    )
    settings = result.preset.settings
    assert settings["bias"] is True
    assert settings["steps"] == 4
    assert settings["stop_metric"] == "average_precision"
    assert not {"engine", "device", "seed"} & set(settings)
    best = FitSettings.of("gae", **settings, seed=0)
    again = fit(split.training.as_split(), best)
    assert again.metrics["validation"]["average_precision"] == result.best.value
    rates = [trial.settings["learning_rate"] for trial in result.trials]
    assert all(rate == float(f"{rate:.3g}") for rate in rates)


# ------------------------------------------------------------------ what it searches


def test_the_space_names_settings_and_their_values() -> None:
    fields = FitSettings.fields()
    for name, values in SPACE.items():
        assert name in fields
        if not isinstance(values, Range):
            assert set(values) <= set(choices(fields[name]) or values)


@pytest.mark.parametrize("preset", ["paper", "unit", "strong"])
def test_every_value_suits_the_preset(preset: str) -> None:
    base = named_preset(preset).settings
    space = search_space("gae", base, {}, n_features=5)
    start = FitSettings.of("gae", **base).parameters()
    start |= {name: value for name, value in USED.items() if start[name] is None}
    for name, values in space.items():
        ends = (values.low, values.high) if isinstance(values, Range) else values
        assert min(ends) <= start[name] <= max(ends) if isinstance(values, Range) else True
        assert isinstance(values, Range) or start[name] in values
        for value in ends:
            FitSettings.of("gae", **(base | {name: value}))
    assert ("mask" in space) == (preset == "strong")
    assert ("encoder" in space) == (preset != "strong")
    assert {"learning_rate", "features"} <= set(space)


def test_what_is_fixed_or_has_no_effect_is_not_searched() -> None:
    every = search_space("vgae", {}, {}, n_features=3)
    fixed: Mapping[str, Any] = {"steps": 7, "decoder": "cosine"}
    some = search_space("vgae", fixed, fixed, n_features=0)
    assert set(every) - set(some) == {"steps", "features", "likelihood"}
    with pytest.raises(InputError, match="every setting that could be searched is fixed"):
        search_space("vgae", {}, dict.fromkeys(SPACE), n_features=0)


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize("trials", [0, -1, 2.5, True, "3"])
def test_a_number_of_trials_is_a_whole_number(trials: Any) -> None:
    with pytest.raises(InputError, match=r"trials = .*: must be a whole number, at least 1"):
        check_search(trials, "auc")


def test_without_optuna_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r"^optuna is not installed; pip install 'vgae\[tune\]'$"):
        check_search(1, "auc")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"metric": "auc"}, "metric"),
        ({"seed": 1}, "seed"),
        ({"model": "vgae"}, "model"),
        ({"fixed": {**FIXED, "steps": 5}}, "steps"),
        ({"base": {"bias": True}}, "bias"),
        ({"fixed": {**FIXED, "encoder": "gcn"}}, "search space"),
    ],
)
def test_another_search_is_not_taken_for_this_one(
    split: Split, tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    path = tmp_path / "study.db"
    found(split.training, trials=1, path=path)
    before = path.read_bytes()
    with pytest.raises(InputError, match=rf"made in another way \({said}.* differs\); choose"):
        found(split.training, trials=1, path=path, **changed)
    for views in ([split.training] * 2, [split_edges(split.graph, seed=1).training]):
        with pytest.raises(InputError, match=r"\(graph and split differs\)"):
            found(*views, trials=1, path=path)
    assert path.read_bytes() == before


def test_files_that_are_no_search_are_refused_in_one_line(split: Split, tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    found(split.training, trials=1, path=path)
    whole = path.read_bytes()
    damaged = [b"no database" * 200, whole[: len(whole) // 2], b"\0" * len(whole)]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(InputError, match="study.db: ") as error:
            found(split.training, trials=2, path=path)
        assert "\n" not in str(error.value)
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("create table mine (number integer)")
    other.close()
    with pytest.raises(InputError, match="holds no search of vgae"):
        found(split.training, trials=2, path=path)
