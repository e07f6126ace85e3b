"""Published experiments: what is kept, what is resumed, what is refused."""

import json
from pathlib import Path

import pytest

import vgae.learning.reproduction
from vgae.data.datasets import DATASETS, load_dataset
from vgae.data.graph import Graph
from vgae.data.split import split_edges
from vgae.ground.errors import InputError
from vgae.learning.reproduction import (
    CellResult,
    Experiment,
    RunDone,
    experiments,
    markdown,
    reproduce,
    results_table,
    write_results,
)

KARATE = Experiment.parse(
    {
        "dataset": "karate",
        "column": 1,
        "source": "nobody, nowhere",
        "split": {"validation": 0.1, "test": 0.2, "protocol": "T"},
        "cells": [
            {
                "row": row,
                "method": method,
                "settings": settings,
                "needs_features": features,
                "published": {"auc": auc, "average_precision": 50.0},
                "seconds": 1.0,
            }
            for row, method, settings, features, auc in (
                ("KATZ", "katz", {}, False, 0.0),
                ("GAE*", "gae", {"steps": 3}, False, 100.0),
                ("GAE", "gae", {"steps": 3}, True, 50.0),
            )
        ],
    }
)


def run(out: Path, runs: int = 3) -> tuple[list[CellResult], list[RunDone]]:
    seen: list[RunDone] = []
    return list(reproduce([KARATE], out, runs=runs, seed=5, on_run=seen.append)), seen


@pytest.fixture
def without_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """A data set whose features cannot be had."""

    def load(name: str, *, features: bool = True, require_features: bool = False) -> Graph:
        if require_features:
            raise InputError("ind.karate.allx: cannot be downloaded")
        return load_dataset(name, features=features)

    monkeypatch.setattr(vgae.learning.reproduction, "load_dataset", load)


@pytest.mark.usefixtures("without_features")
def test_each_cell_is_scored_on_the_splits_of_its_seeds(tmp_path: Path) -> None:
    results, seen = run(tmp_path / "deep" / "out")
    assert [(one.row, one.run) for one in seen] == [
        (row, place) for row in ("KATZ", "GAE*") for place in range(3)
    ]
    assert seen[-1].seconds_left == 0.0
    split = split_edges(load_dataset("karate"), seed=6, validation=0.1, test=0.2)
    model = vgae.GAE(steps=3, seed=6).fit(split)
    assert results[1].metrics["auc"].values[1] == model.metrics_["test"]["auc"]


@pytest.mark.usefixtures("without_features")
def test_a_cell_that_cannot_run_says_why_and_shows_no_number(tmp_path: Path) -> None:
    results, _ = run(tmp_path)
    row = results[2].as_row()
    assert row["why_empty"] == "no features: ind.karate.allx: cannot be downloaded"
    assert row["auc"] is row["auc_difference"] is row["auc_reached"] is None
    assert row["runs"] == 0
    assert not (tmp_path / "karate-gae.json").exists()
    text = markdown(results)
    assert "| GAE | - | 50.0 | - | - | 50.0 | - |" in text
    assert "GAE: no features: ind.karate.allx" in text


@pytest.mark.usefixtures("without_features")
def test_tables_hold_ours_the_published_and_how_they_were_made(tmp_path: Path) -> None:
    results, _ = run(tmp_path)
    write_results(results, tmp_path)
    rows = json.loads((tmp_path / "table.json").read_text())
    katz, gae = rows[0], rows[1]
    summary = results[0].metrics["auc"]
    assert summary.mean is not None
    assert katz["auc"] == pytest.approx(100 * summary.mean)
    assert katz["auc_difference"] == pytest.approx(100 * summary.mean - 0.0)
    assert (katz["auc_reached"], gae["auc_reached"]) == (True, False)
    assert katz["auc_low"] < katz["auc"] < katz["auc_high"]
    assert (katz["protocol"], katz["train"], katz["seed"], katz["runs"]) == ("T", 0.7, 5, 3)
    table = (tmp_path / "table.csv").read_text()
    assert table.splitlines()[0].startswith('"dataset","method","auc"')
    assert (
        "Protocol T, split 70 / 10 / 20, 3 runs from seed 5" in (tmp_path / "table.md").read_text()
    )
    assert list(results_table(results)["method"]) == ["KATZ", "GAE*", "GAE"]


@pytest.mark.usefixtures("without_features")
def test_an_interrupted_call_goes_on_where_it_stopped(tmp_path: Path) -> None:
    whole, _ = run(tmp_path / "whole")
    seen: list[RunDone] = []

    def stop(done: RunDone) -> None:
        seen.append(done)
        if len(seen) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(reproduce([KARATE], tmp_path / "out", runs=3, seed=5, on_run=stop))
    kept = json.loads((tmp_path / "out" / "karate-gae-without-features.json").read_text())
    assert len(kept["runs"]) == 1
    resumed, again = run(tmp_path / "out")
    assert [(one.row, one.run) for one in again] == [("GAE*", 1), ("GAE*", 2)]
    assert [one.metrics for one in resumed] == [one.metrics for one in whole]
    # More runs keep those that are there; fewer show only as many as asked.
    _, more = run(tmp_path / "out", runs=4)
    assert [one.run for one in more] == [3, 3]
    fewer, none = run(tmp_path / "out", runs=2)
    assert none == []
    assert [len(one.metrics["auc"].values) for one in fewer[:2]] == [2, 2]


def test_runs_side_by_side_are_those_of_one_after_the_other(tmp_path: Path) -> None:
    cell = KARATE.cells[0].model_copy(
        update={"row": "DW", "method": "deepwalk", "settings": {"latent_dim": 4, "walk_length": 9}}
    )
    experiment = KARATE.model_copy(update={"cells": [cell]})
    seen: list[RunDone] = []
    (result,) = reproduce([experiment], tmp_path, runs=4, seed=2, on_run=seen.append)
    assert [done.run for done in seen] == [0, 1, 2, 3]
    alone = vgae.evaluate(
        load_dataset("karate"),
        ["deepwalk"],
        runs=4,
        seed=2,
        validation=0.1,
        test=0.2,
        latent_dim=4,
        walk_length=9,
    )
    assert result.metrics["auc"].values == alone.metrics["deepwalk"]["auc"].values


@pytest.mark.usefixtures("without_features")
def test_runs_that_were_made_otherwise_are_never_mixed_in(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(
        InputError, match=r"karate-katz.json: holds runs made in another way \(seed"
    ):
        list(reproduce([KARATE], tmp_path, runs=3, seed=6))
    path = tmp_path / "karate-katz.json"
    kept = json.loads(path.read_text())
    good = kept["runs"][0]
    spoilt: list[object] = [{}, "", [["auc"]], [{}], [None], [good, good | {"more": 0.5}]]
    spoilt += [[good | {"auc": value}] for value in ("0.9", 5.0, True, None, float("nan"), 10**400)]
    damaged = [json.dumps(kept | {"runs": runs}) for runs in spoilt]
    damaged += ["{", "[]", "[" * 100_000, json.dumps(kept | {"format_version": "1"})]
    newer = json.dumps(kept | {"format_version": 9})
    for text, said in [*((text, "is damaged") for text in damaged), (newer, "newer")]:
        path.write_text(text)
        with pytest.raises(InputError, match=said):
            run(tmp_path)


@pytest.fixture
def shipped() -> list[Experiment]:
    return experiments()


def test_the_shipped_experiments_are_the_papers_table(shipped: list[Experiment]) -> None:
    assert [experiment.dataset for experiment in shipped] == ["cora", "citeseer", "pubmed"]
    for experiment in shipped:
        assert "1611.07308" in experiment.source
        assert experiment.split.proportions == {"train": 0.85, "validation": 0.05, "test": 0.1}
        rows = [cell.row for cell in experiment.cells]
        assert rows == ["SC", "DW", "GAE*", "VGAE*", "GAE", "VGAE"]
        assert [cell.needs_features for cell in experiment.cells] == [False] * 4 + [True] * 2
    published = {
        (e.dataset, c.row): (c.published.auc, c.published.average_precision)
        for e in shipped
        for c in e.cells
    }
    assert published["cora", "VGAE"] == (91.4, 92.6)
    assert published["citeseer", "SC"] == (80.5, 85.0)
    assert published["pubmed", "GAE"] == (96.4, 96.5)


def test_shipped_settings_are_allowed_and_are_the_defaults(shipped: list[Experiment]) -> None:
    from vgae.people.api import candidates

    for experiment in shipped:
        for cell in experiment.cells:
            made = candidates([cell.method], settings={cell.method: cell.settings})[cell.method]
            size = Graph.from_edges([(0, 1)], n_nodes=DATASETS[experiment.dataset].n_nodes)
            default = candidates([cell.method])[cell.method].on(size)
            differing = {
                key for key in made.settings if made.settings[key] != default.settings[key]
            }
            # What nobody looks at, validation pairs during training, changes no result.
            assert differing <= {"features", "validate_every"}


@pytest.mark.usefixtures("without_features")
def test_a_folder_is_for_one_process_at_a_time(tmp_path: Path) -> None:
    first = reproduce([KARATE], tmp_path, runs=1, seed=5)
    next(first)
    with pytest.raises(InputError, match="another process is at work in this folder"):
        next(reproduce([KARATE], tmp_path, runs=1))
    first.close()  # type: ignore[attr-defined]
    run(tmp_path, runs=1)


@pytest.mark.usefixtures("without_features")
def test_what_fails_in_a_run_is_no_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("a bug")

    monkeypatch.setattr(vgae.learning.reproduction, "link_scores", broken)
    with pytest.raises(OSError, match="^a bug$"):
        run(tmp_path)


def test_places_that_cannot_be_written_are_refused_before_any_run(tmp_path: Path) -> None:
    (tmp_path / "table.csv").mkdir()
    with pytest.raises(InputError, match=r"table.csv: is a folder"):
        next(reproduce([KARATE], tmp_path, runs=1))
    with pytest.raises(InputError, match="seed -1"):
        next(reproduce([KARATE], tmp_path / "new", runs=1, seed=-1))
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("without_features")
def test_one_run_says_nothing_of_what_it_reached(tmp_path: Path) -> None:
    results, _ = run(tmp_path, runs=1)
    row = results[1].as_row()
    assert row["auc_difference"] < 0
    assert row["auc_reached"] is None
    assert "(below)" not in markdown(results)
    assert "1 run from seed 5" in markdown(results)


def test_unknown_experiments_and_no_runs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown experiment 'corra': did you mean 'cora'"):
        experiments(["corra"])
    with pytest.raises(InputError, match="runs = 0"):
        list(reproduce([KARATE], tmp_path, runs=0))
