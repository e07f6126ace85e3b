"""Finished runs on disk: taken over only where they are exactly those that would be made."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import Caller

from vgae.data.graph import Graph
from vgae.data.split import NodeSplit
from vgae.ground.errors import InputError
from vgae.learning.baselines import baseline
from vgae.learning.evaluation import RunScores, evaluate_runs
from vgae.learning.kept import KeptRuns, file_name
from vgae.people.api import VGAE, evaluate, open_evaluation

PROGRAM = str(Path(sys.executable).with_name("vgae"))


def seen(
    graph: Graph, keep: Path, models: Any = ("katz", "pagerank"), *, stop: int = -1, **options: Any
) -> list[tuple[str, int]]:
    """The runs that a call makes; it is interrupted after `stop` of them."""
    made: list[tuple[str, int]] = []

    def note(scores: RunScores) -> None:
        made.append((scores.method, scores.run))
        if len(made) == stop:
            raise KeyboardInterrupt

    settings: dict[str, Any] = {"runs": 3, "metrics": ["auc", "hits@10"], **options}
    try:
        evaluate(graph, models, keep=keep, on_scores=note, **settings)
    except KeyboardInterrupt:
        assert stop > 0
    return made


EVERY = [(name, run) for run in range(3) for name in ("katz", "pagerank")]


def test_an_interrupted_evaluation_goes_on_where_it_stopped(karate: Graph, tmp_path: Path) -> None:
    keep = tmp_path / "deep" / "keep"
    assert seen(karate, keep, stop=3) == EVERY[:3]
    assert len(list(keep.iterdir())) == 2
    work = open_evaluation(
        karate, ["katz", "pagerank"], runs=3, metrics=["auc", "hits@10"], keep=keep
    )
    assert (work.n_taken_over, work.n_missing, work.n_complete, work.n_kept) == (3, 3, 1, 3)
    made: list[RunScores] = []
    work.run(made.append)
    assert [(scores.method, scores.run) for scores in made] == EVERY[3:]
    whole = evaluate(karate, ["katz", "pagerank"], runs=3, metrics=["auc", "hits@10"])
    assert work.result() == whole
    work.discard()
    assert not keep.exists()


def test_what_is_finished_by_every_method_is_a_result(karate: Graph) -> None:
    work = open_evaluation(karate, ["katz", "pagerank"], runs=3, metrics="auc")
    with pytest.raises(InputError, match="no run was finished by every method"):
        work.result()

    def stop(scores: RunScores) -> None:
        if (scores.method, scores.run) == ("katz", 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work.run(stop)
    assert work.result() == evaluate(karate, ["katz", "pagerank"], runs=2, metrics="auc")
    assert work.n_kept == 0
    work.run()
    assert work.result().runs == 3


def relabelled(graph: Graph) -> Graph:
    assert graph.labels is not None
    return graph.with_labels(graph.labels[::-1].copy())


@pytest.mark.parametrize(
    "options",
    [
        {"seed": 1},
        {"validation": 0.1},
        {"test": 0.2},
        {"protocol": "TV"},
        {"metrics": ["auc", "mrr"]},
        {"tasks": ["clusters"]},
        {"settings": {"katz": {"attenuation": 0.4}}},
    ],
)
def test_runs_that_were_made_in_another_way_are_never_taken_over(
    karate: Graph, tmp_path: Path, options: dict[str, Any]
) -> None:
    seen(karate, tmp_path / "keep", "katz", stop=2)
    assert len(seen(karate, tmp_path / "keep", "katz", **options)) == 3
    # They are still there for the call that they are of.
    assert len(seen(karate, tmp_path / "keep", "katz")) == 1


def test_graph_labels_nodes_and_versions_are_part_of_how_runs_were_made(
    karate: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"tasks": ["links", "nodes"]}
    small = VGAE(steps=1, latent_dim=2)
    folders = (tmp_path / str(number) for number in range(99))

    def n_made(graph: Graph, model: VGAE = small, **more: Any) -> int:
        keep = next(folders)
        assert len(seen(karate, keep, {"m": small}, stop=2, **options)) == 2
        return len(seen(graph, keep, {"m": model}, **options, **more))

    assert n_made(karate) == 1
    assert n_made(karate, VGAE(steps=1, latent_dim=2, seed=9)) == 1  # the run's seed replaces it
    assert n_made(karate, VGAE(steps=2, latent_dim=2)) == 3
    assert n_made(karate.with_edges(karate.edges[1:])) == 3
    assert n_made(relabelled(karate)) == 3
    assert n_made(karate, nodes=NodeSplit(np.array([0, 33]), np.array([1, 2]))) == 3
    seen(karate, tmp_path / "old", {"m": small}, stop=2, **options)
    monkeypatch.setattr("vgae.people.api.version", lambda _: "99.0")
    assert len(seen(karate, tmp_path / "old", {"m": small}, **options)) == 3


def test_more_or_fewer_runs_and_other_methods_use_what_is_there(
    karate: Graph, tmp_path: Path
) -> None:
    keep = tmp_path / "keep"
    seen(karate, keep, stop=5)
    assert seen(karate, keep, ["pagerank", "adamic-adar"], runs=2, stop=1) == [("adamic-adar", 0)]
    assert seen(karate, keep, "katz", runs=2) == []  # and what an earlier call kept, stays
    assert seen(karate, keep, "katz", runs=4) == [("katz", 3)]


def damage(change: Callable[[Any], Any]) -> Callable[[str], str]:
    return lambda text: json.dumps(change(json.loads(text)))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[: len(text) // 2],
        lambda _: "",
        lambda _: "[" * 100_000,
        damage(lambda kept: kept | {"runs": [{"auc": 0.9}] * 2}),
        damage(lambda kept: kept | {"runs": [{"auc": None, "hits@10": None}] * 2}),
        damage(lambda kept: kept | {"runs": [{"auc": 1.5, "hits@10": None}] * 2}),
        damage(lambda kept: kept | {"runs": [{"auc": -0.5, "hits@10": None}] * 2}),
        damage(lambda kept: kept | {"about": kept["about"] | {"seed": 7}}),
        damage(lambda kept: kept | {"about": kept["about"] | {"more": 7}}),
        damage(lambda kept: kept | {"format_version": 9}),
    ],
)
def test_damaged_runs_are_made_again_and_that_is_said(
    karate: Graph, tmp_path: Path, caplog: pytest.LogCaptureFixture, change: Callable[[str], str]
) -> None:
    keep = tmp_path / "keep"
    seen(karate, keep, "katz", stop=2)
    (path,) = keep.iterdir()
    path.write_text(change(path.read_text()))
    assert len(seen(karate, keep, "katz")) == 3
    assert path.name in caplog.text


def test_a_folder_that_cannot_be_written_costs_a_remark(
    karate: Graph, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    assert seen(karate, tmp_path / "file" / "keep") == EVERY
    assert caplog.text.count("finished runs are not kept") == 1
    assert (tmp_path / "file").read_text() == ""


def test_functions_are_not_kept_and_that_is_said(
    karate: Graph, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Changed(type(baseline("katz"))):  # type: ignore[misc]
        """Of the same name, but not the class that the program knows."""

    models: dict[str, Any] = {
        "mine": lambda view, _: view.train.degrees[:, None],
        "changed": Changed(),
        "katz": "katz",
    }
    seen(karate, tmp_path / "keep", models, stop=5)
    assert [path.name[:5] for path in (tmp_path / "keep").iterdir()] == ["katz-"]
    assert "mine: its runs are not kept" in caplog.text
    assert "changed: its runs are not kept" in caplog.text
    assert ("mine", 0) in seen(karate, tmp_path / "keep", models)


def test_files_of_others_stay(karate: Graph, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert seen(karate, tmp_path) == EVERY
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_name_is_short_and_plain() -> None:
    assert file_name("../É" + "x" * 300, {}).startswith("x" * 40 + "-")
    assert file_name("***", {"a": 1}) != file_name("***", {"a": 2})
    assert file_name("***", {}).startswith("method-")


def test_runs_are_checked_by_metric(tmp_path: Path) -> None:
    kept = KeptRuns(tmp_path / "a.json", {}, advice="remove it")
    assert kept.read(["ari"]) == []
    kept.write([{"ari": -0.1, "accuracy": None}])
    assert kept.read(["accuracy", "ari"]) == [{"ari": -0.1, "accuracy": None}]
    with pytest.raises(InputError, match="a.json: is damaged; remove it"):
        kept.read(["ari"])


# --------------------------------------------------------------------- commands


def interrupted_after(patch: pytest.MonkeyPatch, n_runs: int) -> None:
    """Ctrl-C in the run that follows."""

    def stopping(*arguments: Any, **options: Any) -> Iterator[RunScores]:
        yield from islice(evaluate_runs(*arguments, **options), n_runs)
        raise KeyboardInterrupt

    patch.setattr("vgae.people.api.evaluate_runs", stopping)


def test_an_interrupted_command_gives_no_program_a_part_for_the_whole(
    call: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["evaluate", "karate", "--models", "katz,pagerank", "--runs", "4"]
    with monkeypatch.context() as patch:
        interrupted_after(patch, 3)
        result = call(*command, "--json", "--out", "scores.csv", "--keep", "mine")
        assert (result.status, result.out) == (130, "")
        assert "3 of 8 runs are kept in mine" in result.err
        assert sorted(item.name for item in folder.iterdir()) == ["mine"]
        result = call(*command, "--keep", "mine")
        assert "3 of 8 runs are taken over from mine" in result.err
        assert "the table shows the 3 of 4 runs that every method has finished" in result.err
        assert "6 of 8 runs are kept in mine" in result.err
        assert [line.split("\t")[0] for line in result.out.splitlines()[1::2]] == [
            "katz", "pagerank",
        ]  # fmt: skip
    whole = call(*command, "--json", "--keep", "mine")
    assert whole.out == call(*command, "--json").out
    assert list(folder.iterdir()) == []


def test_an_interruption_before_any_run_and_a_folder_that_cannot_be_written_are_said(
    call: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "file").write_text("")
    command = ["evaluate", "karate", "--models", "katz", "--runs", "2"]
    result = call(*command, "--keep", "file/mine")
    assert result.status == 0
    assert "finished runs are not kept: file/mine: a part of this path is a file" in result.err
    interrupted_after(monkeypatch, 0)
    result = call(*command)
    assert (result.status, result.out) == (130, "")
    assert "kept" not in result.err
    assert sorted(item.name for item in folder.iterdir()) == ["file"]


COMMAND = ["evaluate", "karate", "--models", "katz,gae", "--steps", "60", "--runs"]


def started(n_kept: int) -> subprocess.Popen[str]:
    """The command with 400 runs, once it has kept so many."""
    process = subprocess.Popen(
        [PROGRAM, *COMMAND, "400"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and sum(runs_kept()) < n_kept:
        time.sleep(0.02)
    return process


def runs_kept() -> list[int]:
    """How many runs of each method are on disk."""
    files = Path("runs/evaluate").glob("*.json")
    return [len(json.loads(file.read_text())["runs"]) for file in files]


def test_ctrl_c_shows_what_is_finished_and_the_same_command_goes_on(
    call: Caller, folder: Path
) -> None:
    process = started(3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    n_kept, n_complete = sum(runs_kept()), min(runs_kept())
    assert f"the table shows the {n_complete} of 400 runs that every method has finished" in err
    assert f"{n_kept} of 800 runs are kept in runs/evaluate: the same command goes on" in err
    assert err.splitlines()[-1] == "Error: interrupted"
    assert "keeping" not in err  # that run will be made again
    assert [line.split("\t")[0] for line in out.splitlines() if " 95" not in line][1:] == [
        "katz", "gae",
    ]  # fmt: skip
    again = call(*COMMAND, n_complete + 2)
    assert again.status == 0, again.err
    assert f" of {2 * (n_complete + 2)} runs are taken over from runs/evaluate" in again.err
    assert list(folder.iterdir()) == []
    assert again.out == call(*COMMAND, n_complete + 2).out


def test_a_killed_command_goes_on_and_gives_the_same_table(call: Caller, folder: Path) -> None:
    process = started(3)
    process.kill()
    process.communicate()
    n_kept = sum(runs_kept())
    assert n_kept >= 3
    again = call(*COMMAND, n_kept)
    assert again.status == 0, again.err
    assert f"{n_kept} of {2 * n_kept} runs are taken over from runs/evaluate" in again.err
    assert list(folder.iterdir()) == []
    assert again.out == call(*COMMAND, n_kept).out


def test_a_folder_that_was_there_before_stays(karate: Graph, folder: Path) -> None:
    (folder / "mine" / "empty").mkdir(parents=True)
    evaluate(karate, ["katz"], runs=1, metrics="auc", keep="mine/empty")
    assert (folder / "mine" / "empty").is_dir()
