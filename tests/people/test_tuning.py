"""The command that searches for settings, and its function in Python."""

from __future__ import annotations

import csv
import json
import signal
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from command import Caller

import vgae
from vgae.data.graph import Graph
from vgae.data.split import split_edges
from vgae.ground.errors import InputError
from vgae.ground.files import locked_folder
from vgae.learning import tuning as search_module
from vgae.learning.fitting import fit
from vgae.learning.settings import named_preset
from vgae.people.tuning import check_tuning_place, tune

pytest.importorskip("optuna")

FIXED = ("--steps", "3", "--latent-dim", "4", "--structure", "none")
TUNE = ("tune", "karate", "--out", "runs/tune", "--validation", "0.1", *FIXED)


def test_the_best_settings_are_printed_and_written_as_a_preset(call: Caller, folder: Path) -> None:
    result = call(*TUNE, "--trials", "3", "--metric", "auc", "--model", "gae")
    assert result.status == 0, result.err
    out = folder / "runs/tune"
    assert result.out == (out / "preset.toml").read_text()
    preset = named_preset("runs/tune/preset.toml")
    assert preset.settings == tomllib.loads(result.out)["settings"]
    assert preset.settings["steps"] == 3
    assert preset.settings["stop_metric"] == "auc"
    assert sorted(item.name for item in out.iterdir()) == ["preset.toml", "study.db", "trials.csv"]
    with (out / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["trial"] for row in rows] == ["1", "2", "3"]
    assert {row["state"] for row in rows} <= {"complete", "pruned"}
    best = max(rows, key=lambda row: float(row["auc"] or 0))
    assert preset.settings["encoder"] == best["encoder"]
    assert "trial 3/3: " in result.err
    assert f"(trial {best['trial']}), at the start " in result.err
    command = next(line for line in result.err.splitlines() if line.startswith("next: vgae "))
    fitted = call(*command.removeprefix("next: vgae ").split(), "--validation", "0.1", "--json")
    assert fitted.status == 0, fitted.err
    # The fit with this preset has the validation score that the search has found.
    assert json.loads(fitted.out)["validation"]["auc"] == float(best["auc"])


def test_the_same_command_goes_on_until_the_trials_are_there(call: Caller, folder: Path) -> None:
    assert folder
    first = call(*TUNE, "--trials", "2")
    assert (first.status, first.err.count("trial 2/2")) == (0, 1)
    more = call(*TUNE, "--trials", "4", "--json")
    assert more.status == 0
    assert ("trial 2/4" in more.err, "trial 3/4" in more.err) == (False, True)
    found = json.loads(more.out)
    assert sum(found["trials"].values()) == 4
    again = call(*TUNE, "--trials", "4", "--json", "--quiet")
    assert (again.status, again.err, again.out) == (0, "", more.out)
    new = call(*TUNE, "--trials", "1", "--overwrite")
    assert "trial 1/1" in new.err
    assert len(Path("runs/tune/trials.csv").read_text().splitlines()) == 2


def test_an_interrupt_keeps_what_there_is(
    call: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert folder
    original, calls = fit, []

    def pressed(*given: Any, **others: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        return original(*given, **others)

    monkeypatch.setattr(search_module, "fit", pressed)
    result = call(*TUNE, "--trials", "5")
    assert result.status == 130
    assert "2 of 5 trials: the same command goes on from there" in result.err
    assert result.out == Path("runs/tune/preset.toml").read_text()
    assert "trial 3/5" in call(*TUNE, "--trials", "5").err
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        tune(vgae.load_dataset("karate"), trials=5, validation=0.1, steps=2, out="other")
    assert Path("other/preset.toml").exists()


def test_one_process_at_a_time(call: Caller, folder: Path) -> None:
    assert call(*TUNE, "--trials", "1").status == 0
    with locked_folder(folder / "runs/tune"):
        result = call(*TUNE, "--trials", "2", "--overwrite")
    assert result.status == 2
    assert "runs/tune: another process is at work in this folder" in result.err
    assert (folder / "runs/tune/study.db").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--trials 0", "--trials 0: must be a whole number, at least 1"),
        ("--trials 2 --splits 0", "--splits 0: must be a whole number, at least 1"),
        ("--trials 2 --metric recall", "--metric recall: input should be 'average_precision'"),
        ("--trials 2 --metric hits@0", "--metric hits@0: input should be"),
        ("--trials 2 --metric hits@99", "hits@99: needs at least 99 validation negatives"),
        ("--trials 2 --model katz", "unknown model 'katz'"),
        ("--trials 2 --preset papper", "did you mean 'paper'?"),
        ("--trials 2 --preset bad.toml", "bad.toml: settings: unknown setting 'stepz'"),
        ("--trials 2 --validation 0", "settings are chosen on validation pairs; hold some out"),
        ("--trials 2 --validation 2", "--validation 2: input should be less than"),
        ("--trials 2 --learning-rate -1", "--learning-rate -1: input should be greater than"),
        ("--trials 2 --stop-metric mrr", "a search stops its fits by the metric that it is for"),
        ("--trials 2 --seed -1", "must be a whole number, at least 0"),
        ("--trials 2 --split s --test 0.2", "--test: makes no sense with --split"),
        ("--trials 2 --split nowhere", "nowhere: no such file or folder"),
        ("--trials 2 --protocol TV", "--protocol"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    call: Caller, folder: Path, arguments: str, said: str
) -> None:
    (folder / "bad.toml").write_text('about = "a"\n[settings]\nstepz = 1')
    result = call("tune", "karate", "--out", "runs/new", *arguments.split())
    assert result.status == 2
    assert result.out == ""
    assert said in result.err.splitlines()[-1]
    assert not (folder / "runs").exists()


def test_a_folder_with_other_files_is_left_alone(call: Caller, folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "preset.toml").write_text("mine")
    for more, said in (((), "mine/preset.toml: exists; add --overwrite"), (("x",), "x; choose")):
        for name in more:
            (folder / "mine" / name).touch()
        result = call("tune", "karate", "--trials", "1", "--out", "mine")
        assert result.status == 2
        assert said in result.err
    assert (folder / "mine" / "preset.toml").read_text() == "mine"
    (folder / "file").touch()
    assert "is not a folder" in call("tune", "karate", "--trials", "1", "--out", "file").err
    # A search may have a run folder next to its files.
    assert call(*TUNE, "--trials", "1").status == 0
    (folder / "runs/tune/run").mkdir()
    check_tuning_place(folder / "runs/tune", overwrite=False)


def test_without_optuna_the_extra_is_named(
    call: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    result = call(*TUNE, "--trials", "2")
    assert result.status == 2
    assert result.err == "Error: optuna is not installed; pip install 'vgae[tune]'\n"
    assert not (folder / "runs").exists()


def test_a_graph_a_split_and_its_view_give_the_same_search(karate: Graph) -> None:
    split = split_edges(karate, seed=3, validation=0.1)
    fixed: dict[str, Any] = {"steps": 3, "latent_dim": 4}
    found = vgae.tune(karate, trials=3, seed=3, validation=0.1, **fixed)
    for data in (split, split.training):
        other = vgae.tune(data, trials=3, seed=3, **fixed)
        assert [one.value for one in other.trials] == [one.value for one in found.trials]
        assert other.preset == found.preset
        with pytest.raises(InputError, match="validation: a given split has its own"):
            vgae.tune(data, trials=3, validation=0.2)


def test_the_command_takes_the_split_of_a_folder(call: Caller, folder: Path) -> None:
    assert folder
    assert call("split", "karate", "--out", "s", "--validation", "0.1", "--seed", "4").status == 0
    drawn = call(*TUNE, "--trials", "2", "--seed", "4")
    given = call(
        "tune", "karate", "--out", "b", "--split", "s", "--seed", "4", "--trials", "2", *FIXED
    )
    assert given.status == 0, given.err
    assert given.out == drawn.out


def test_splits_are_averaged(karate: Graph) -> None:
    fixed: dict[str, Any] = {"steps": 3, "latent_dim": 4, "validation": 0.1}
    both = vgae.tune(karate, trials=1, splits=2, **fixed).best.value
    each = [vgae.tune(karate, trials=1, seed=seed, **fixed).best.value or 0.0 for seed in (0, 1)]
    assert both == pytest.approx(sum(each) / 2)
