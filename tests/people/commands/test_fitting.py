"""`vgae fit`: what it prints, keeps and refuses."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from command import Caller, listing, refused

import vgae
from vgae.learning.settings import TrainSettings
from vgae.model.settings import ModelSettings

VGAE = str(Path(sys.executable).with_name("vgae"))


def test_fit_reports_scores_on_stdout_and_the_rest_on_stderr(call: Caller, edges: Path) -> None:
    result = call("fit", edges, "--out", "deep/run", "--steps", 20)
    assert result.status == 0
    assert [line.split("\t")[0] for line in result.out.splitlines()] == [
        "held out [T, 85 / 5 / 10]",
        "validation",
        "test",
    ]
    for said in (
        "with a header",
        "dropped 1 self loop, merged 1 duplicate row, merged 1 reversed row",
        "60 nodes, 120 edges, no features",
        "step 20/20",
        "protocol T, split 85 / 5 / 10",
        "run folder: deep/run",
    ):
        assert said in result.err
    about = json.loads(Path("deep/run/run.json").read_text())
    assert about["graph"]["name"] == str(edges)


def test_fit_without_holdout_scores_nothing(call: Caller, edges: Path) -> None:
    result = call("fit", edges, "--out", "run", "--steps", 5, "--no-holdout", "--model", "gae")
    assert (result.status, result.out) == (0, "")
    metrics = json.loads(Path("run/metrics.json").read_text())
    assert metrics["test"] is None
    assert metrics["proportions"]["train"] == 1.0
    with np.load("run/split.npz") as split:
        assert len(split["train_edges"]) == 120


def test_fit_takes_every_setting(call: Caller, edges: Path) -> None:
    options = (
        "--preset unit --hidden-dim 8 --latent-dim 4 --learning-rate 0.02 --class-weight none "
        "--bias --no-residual --validate-every 5 --device cpu --engine tiles "
        "--patience 20 --seed 3 --validation 0.1 --test 0.2 --protocol TV --json --quiet"
    ).split()
    result = call("fit", edges, "--out", "run", "--steps", 30, *options)
    assert result.status == 0
    assert result.err == ""
    assert json.loads(result.out)["protocol"] == "TV"
    settings = json.loads(Path("run/run.json").read_text())["settings"]
    network = ModelSettings(
        hidden_dim=8, latent_dim=4, class_weight="none", bias=True, features="unit"
    )
    training = TrainSettings(
        steps=30, learning_rate=0.02, patience=20, validate_every=5, engine="tiles"
    )
    assert settings["network"] == network.model_dump() | {"objective": "exact"}
    assert settings["training"] == training.model_dump()
    assert settings["seed"] == 3


def test_a_directed_graph_is_shown_and_fitted(call: Caller, folder: Path) -> None:
    (folder / "e.csv").write_text("source,target\na,b\nb,a\nb,c\n")
    (folder / "arrows.txt").write_text("a -> b\nb -> a\n")
    assert "edges\t2 (undirected)" in call("inspect", "e.csv").out
    shown = call("inspect", "e.csv", "--directed").out
    assert "edges\t3 (directed)" in shown
    assert "preset\tpaper" in shown
    assert json.loads(call("inspect", "e.csv", "--directed", "--json").out)["plan"]["steps"] == 200
    assert "--directed (directed=True) keeps it" in call("inspect", "arrows.txt").err
    assert "edges\t2 (directed)" in call("inspect", "arrows.txt", "--directed").out
    rows = [f"{i},{(i + step) % 40}" for i in range(40) for step in (1, 3)]
    (folder / "ring.csv").write_text("source,target\n" + "\n".join(rows))
    asked = ("fit", "ring.csv", "--directed", "--out", "new", "--steps", 3)
    said = refused(call, folder, *asked, "--decoder", "cosine")
    assert "decoder cosine: scores a pair the same in both directions" in said
    assert said.endswith("(--undirected, directed=False)")
    result = call(*asked)
    assert result.status == 0, result.err
    assert "the graph is directed: encoder directed and decoder directed-inner" in result.err
    assert call("recommend", "new", "--top", 3).out.count("\n") == 4
    methods = ("--models", "gae,katz,degree", "--steps", 3, "--runs", 2, "--json")
    result = call("evaluate", "ring.csv", "--directed", *methods)
    assert result.status == 0, result.err


def test_patience_goes_with_how_often_is_looked(call: Caller, folder: Path) -> None:
    options = ("--steps", 12, "--validate-every", 2, "--patience", 5, "--quiet")
    assert call("fit", "karate", "--out", "run", *options).status == 0
    lines = (folder / "run" / "history.jsonl").read_text().splitlines()
    looked = [step for step, line in enumerate(lines, start=1) if "validation" in json.loads(line)]
    assert looked[:2] == [2, 4]


def test_an_existing_folder_needs_overwrite(call: Caller, folder: Path, run: Path) -> None:
    before = (run / "run.json").read_text()
    assert "add --overwrite" in refused(call, folder, "fit", "karate", "--out", run)
    (folder / "thesis").mkdir()
    (folder / "thesis" / "chapter.tex").touch()
    line = refused(call, folder, "fit", "karate", "--out", "thesis", "--overwrite")
    assert "holds another file, chapter.tex" in line
    line = refused(call, folder, "fit", "karate", "--out", "edges.csv")
    assert "exists and is not a folder" in line
    assert (run / "run.json").read_text() == before
    assert call("fit", "karate", "--out", run, "--steps", 1, "--overwrite").status == 0
    assert (run / "run.json").read_text() != before


def test_a_place_that_cannot_be_written_is_found_before_training(
    call: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.mkdir", read_only)
    assert "read-only file system" in refused(call, folder, "fit", "karate", "--out", "new")


@pytest.mark.parametrize("error", [OSError("a bug"), PermissionError(13, "Permission denied")])
def test_what_fails_in_training_is_no_damaged_file(
    call: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("vgae.learning.fitting.train", broken)
    result = call("fit", "karate", "--out", "new", "--quiet")
    assert result.status == 1
    assert f"{type(error).__name__}: {error} - this is a fault of vgae" in result.err
    assert "damaged" not in result.err
    assert listing(folder) == []


def test_ctrl_c_keeps_what_was_learned(call: Caller, folder: Path) -> None:
    assert call("fit", "karate", "--steps", 1, "--out", "first").status == 0  # compiles the loops
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [VGAE, "fit", "karate", "--steps", "1000000", "--out", "run"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    while not list(folder.glob(".run.*.partial")):  # made when all is read and training begins
        assert process.poll() is None
        time.sleep(0.1)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted after step" in err
    assert err.splitlines()[-1] == "Error: interrupted"
    assert "test" in out
    assert "Traceback" not in err
    about = json.loads((folder / "run" / "run.json").read_text())
    assert about["interrupted"] is True
    assert len(vgae.load(folder / "run").history_) > 0
    assert sorted(item.name for item in folder.iterdir()) == ["first", "run"]


@pytest.mark.usefixtures("folder")
def test_fit_names_negatives_that_are_not_uniform(call: Caller) -> None:
    result = call("fit", "karate", "--out", "run", "--steps", 2, "--negatives", "two-hop")
    assert result.status == 0
    assert "(train / validation / test), two-hop negatives, seed 0" in result.err


def test_fit_makes_the_report_when_asked(call: Caller, folder: Path) -> None:  # noqa: ARG001
    result = call("fit", "karate", "--out", "run", "--steps", 2, "--report")
    assert result.status == 0, result.err
    assert "report: run/report.html" in result.err
    assert Path("run/report.html").read_text().startswith("<!doctype html>")
