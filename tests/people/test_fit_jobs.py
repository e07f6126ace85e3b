"""`vgae fit` with checkpoints: a fit that was stopped goes on, or one line says why not."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import Caller, Result, listing, refused

import vgae
from vgae.learning import train
from vgae.learning.train import StepRecord
from vgae.people.fit_jobs import checkpoint_of

Stopper = Callable[..., Result]


@pytest.fixture
def stop(call: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Stopper:
    """Call the command, and send its process a signal in the third step."""
    assert folder  # which it works in
    step = train.step

    def called(*words: object, by: int = signal.SIGTERM, stdin: bytes = b"") -> Result:
        def third(*given: Any) -> StepRecord:
            record = step(*given)
            if record.step == 3:
                signal.raise_signal(by)
            return record

        with monkeypatch.context() as patch:
            patch.setattr(train, "step", third)
            return call("fit", *words, "--steps", 6, "--out", "run", stdin=stdin)

    return called


CHECKPOINTS = ("--checkpoint-every", "1h")


@pytest.fixture
def edges(folder: Path) -> Path:
    """A file of edges and a table of features, in the working folder."""
    (folder / "edges.csv").write_text(
        "from,to\n"
        + "".join(f"n{i:02},n{(i * k + 1) % 40:02}\n" for i in range(40) for k in (1, 3))
    )
    ages = "".join(f"n{i:02},{i % 7}\n" for i in range(40))
    (folder / "ages.csv").write_text(f"node,age\n{ages}")
    return Path("edges.csv")


def same_runs(one: Path, other: Path) -> bool:
    """Whether two run folders hold the same, but for the time and memory that steps took."""
    names = {item.name for item in one.iterdir()}
    assert names == {item.name for item in other.iterdir()}
    different = {name for name in names if (one / name).read_bytes() != (other / name).read_bytes()}
    return different <= {
        "history.jsonl",
        "record.json",
        "run.json",
    }  # which has the checksum of the other


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_fit_that_was_stopped_goes_on_to_the_same_run(
    call: Caller, stop: Stopper, edges: Path, folder: Path, by: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = [edges, "--features", "ages.csv", "--standardize", "--seed", 3, "--ensemble", 2]
    how += ["--noise", "counter", "--validation", 0.1]
    assert call("fit", *how, "--steps", 6, "--out", "whole").status == 0
    ended = stop(*how, *CHECKPOINTS, by=by)
    way_on = "stopped at step 3 of 6, member 1 of 2; `vgae fit --resume run` goes on from there"
    made = sorted(item.name for item in folder.iterdir() if item.name.startswith("run"))
    if by == signal.SIGTERM:
        assert (ended.status, made) == (143, ["run.checkpoint"])
        assert ended.err.splitlines()[-1] == f"Error: terminated: {way_on}"
        assert ended.out == ""
    else:
        assert (ended.status, made) == (130, ["run", "run.checkpoint"])
        assert way_on in ended.err.splitlines()
        assert vgae.load("run").interrupted_
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    again = call("fit", "--resume", "../run", "--top", 3)
    assert again.status == 0, again.err
    assert "resumed at step 3 of 6, member 1 of 2" in again.err.splitlines()
    assert len(again.out.splitlines()) == 3 + 4
    assert not (folder / "run.checkpoint").exists()
    assert same_runs(folder / "run", folder / "whole")
    assert json.loads((folder / "run" / "run.json").read_text())["graph"]["name"] == "edges.csv"


def test_standard_input_must_be_given_again(call: Caller, stop: Stopper, edges: Path) -> None:
    content = edges.read_bytes()
    how = ["-", "--no-holdout", "--directed", "--model", "gae", "--decoder", "directed-inner"]
    how += ["--encoder", "directed"]
    assert call("fit", *how, "--steps", 6, "--out", "whole", stdin=content).status == 0
    assert stop(*how, *CHECKPOINTS, stdin=content).status == 143
    line = refused(call, Path(), "fit", "--resume", "run")
    assert "run: its graph was standard input; name the graph and give it again, as in:" in line
    assert call("fit", "-", "--resume", "run", stdin=content).status == 0
    assert same_runs(Path("run"), Path("whole"))


def test_a_graph_that_has_moved_can_be_named(call: Caller, stop: Stopper, edges: Path) -> None:
    stop(edges, *CHECKPOINTS)
    edges.rename("moved.csv")
    assert "edges.csv: no such file" in refused(call, Path(), "fit", "--resume", "run")
    assert call("fit", "moved.csv", "--resume", "run").status == 0


def test_a_graph_that_has_changed_is_refused(call: Caller, stop: Stopper, edges: Path) -> None:
    stop(edges, *CHECKPOINTS)
    before = Path("run.checkpoint").read_bytes()
    edges.write_text(edges.read_text() + "n00,n20\n")
    line = refused(call, Path(), "fit", "--resume", "run")
    assert line == (
        "Error: run.checkpoint: is a checkpoint of another graph (fingerprint differs); bring back "
        "the graph as it was, or fit again"
    )
    assert Path("run.checkpoint").read_bytes() == before


def test_a_fit_that_waits_is_not_lost_by_mistake(call: Caller, stop: Stopper, folder: Path) -> None:
    stop("karate", *CHECKPOINTS)
    before = Path("run.checkpoint").read_bytes()
    for more in ([], CHECKPOINTS, ["--model", "katz"]):
        line = refused(call, folder, "fit", "karate", "--out", "run", *more)
        assert "run.checkpoint: a fit was stopped and waits there; go on with --resume run" in line
    assert Path("run.checkpoint").read_bytes() == before
    assert call("fit", "karate", "--steps", 2, "--out", "run", "--overwrite").status == 0
    assert listing(folder).count("run.checkpoint") == 0
    assert len(vgae.load("run").history_) == 2


def test_a_checkpoint_itself_is_resumed(call: Caller, stop: Stopper, folder: Path) -> None:
    stop("karate", *CHECKPOINTS)
    assert call("fit", "--resume", "run.checkpoint", "--quiet", "--json").status == 0
    assert listing(folder)[0] == "run"
    assert not Path("run.checkpoint").exists()


def test_what_cannot_be_resumed_is_one_line(call: Caller, stop: Stopper, folder: Path) -> None:
    def line(*more: object) -> str:
        return refused(call, folder, "fit", "--resume", "run", *more)

    assert line() == "Error: run: there is nothing to resume: there is no run.checkpoint"
    stop("karate", *CHECKPOINTS)
    kept = Path("run.checkpoint").read_bytes()
    for option in (["--steps", 5], ["--out", "x"], ["--seed", 0], ["--directed"], ["--overwrite"]):
        assert f"{option[0]}: makes no sense with --resume" in line(*option)
    assert "--checkpoint-every: 'soon' is no duration" in line("--checkpoint-every", "soon")
    Path("run.checkpoint").write_bytes(kept[:-1])
    assert "run.checkpoint: is damaged" in line()
    Path("run.checkpoint").write_bytes(kept)
    assert call("fit", "--resume", "run", "--quiet", "--json", "--checkpoint-every", 9).err == ""
    assert line() == "Error: run: there is nothing to resume: the fit has finished"
    Path("run.checkpoint").write_bytes(kept)  # as if it had been killed before it removed this
    assert "the fit has finished; there is nothing to resume, and run.checkpoint can" in line()


def test_a_run_that_was_to_be_replaced_is_replaced(call: Caller, stop: Stopper) -> None:
    assert call("fit", "karate", "--steps", 1, "--out", "run").status == 0
    stop("karate", *CHECKPOINTS, "--overwrite")
    assert len(vgae.load("run").history_) == 1
    assert call("fit", "--resume", "run").status == 0
    assert len(vgae.load("run").history_) == 6


def test_a_method_without_steps_has_no_checkpoints(call: Caller, folder: Path) -> None:
    katz = ["fit", "karate", "--out", "run", "--model", "katz", *CHECKPOINTS]
    assert "--checkpoint-every: katz is not trained in steps" in refused(call, folder, *katz)
    fit = ["fit", "karate", "--out", "run", "--checkpoint-every"]
    assert "--checkpoint-every: '5 days' is no duration" in refused(call, folder, *fit, "5 days")


def test_a_fit_that_ends_well_leaves_no_checkpoint(call: Caller, folder: Path) -> None:
    made = call("fit", "karate", "--steps", 3, "--out", "run", "--checkpoint-every", "0s")
    assert made.status == 0
    assert [item.name for item in folder.iterdir()] == ["run"]


def test_a_full_disk_is_said_where_the_fit_ends(
    stop: Stopper, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "write_bytes", full)
    ended = stop("karate", *CHECKPOINTS)
    assert ended.status == 143
    assert "run.checkpoint: no space left on device: no checkpoint was written" in ended.err
    assert ended.err.splitlines()[-1] == "Error: terminated: no checkpoint was written"
    assert listing(folder) == []


class Killed(BaseException):
    """The end of a process that nothing catches."""


@pytest.mark.parametrize("checkpoints", [(), ("--checkpoint-every", "1h")])
def test_an_overwritten_fit_is_not_gone_on_with(
    checkpoints: tuple[str, ...],
    call: Caller,
    stop: Stopper,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop("karate", *CHECKPOINTS)
    assert (folder / "run.checkpoint").exists()
    refused(call, folder, "fit", "nowhere.csv", "--out", "run", "--overwrite")

    def dies(*_: Any) -> StepRecord:
        raise Killed

    monkeypatch.setattr(train, "step", dies)
    with pytest.raises(Killed):
        call("fit", "karate", "--out", "run", "--overwrite", *checkpoints)
    assert "run.checkpoint" in refused(call, folder, "fit", "--resume", "run")


def test_every_run_has_one_place_for_its_checkpoint(folder: Path) -> None:
    assert checkpoint_of(Path("runs/mine/")) == Path("runs/mine.checkpoint")
    assert checkpoint_of(Path("runs/v1.2")) == Path("runs/v1.2.checkpoint")
    assert checkpoint_of(Path()) == folder.resolve().with_name(f"{folder.name}.checkpoint")
