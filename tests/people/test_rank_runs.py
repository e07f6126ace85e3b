"""`vgae fit` in several processes, as people start it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from command import Caller, listing, refused
from together import begun, ended, free_port, last_error, variables, vgae_in_ranks

import vgae
from vgae.data.generator import generate_graph

STEPS = 60


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranks") / "graph"
    generate_graph(300, 1500, n_features=8, seed=0, folder=folder)
    return folder


def history(run: Path) -> list[float]:
    lines = (run / "history.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


@pytest.fixture(scope="module")
def expected(graph: Path) -> list[float]:
    """The losses of one process."""
    model = vgae.VGAE(noise="counter", steps=STEPS)
    model.fit(vgae.split_edges(vgae.Graph.open(graph), seed=0))
    return [record["loss"] for record in model.history_]


def same(run: Path, expected: list[float]) -> None:
    np.testing.assert_allclose(history(run), expected, rtol=1e-4)


def test_two_processes_make_the_run_folder_of_one(
    graph: Path, expected: list[float], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    first, second = vgae_in_ranks(2, "fit", graph, "--out", run, "--steps", STEPS)
    assert (first[0], second[0]) == (0, 0), first[2] + second[2]
    assert second[1:] == ("", "")  # rank 0 alone says something
    assert "noise counter" in first[2]
    assert "rank 0 of 2: " in first[2]
    assert "test\t" in first[1]
    same(run, expected)
    loaded = vgae.load(run)
    assert loaded.settings_.training.noise == "counter"
    assert len(loaded.recommend(5)) == 5
    assert loaded.predict_proba([(0, 1)]).shape[0] == 1
    assert listing(tmp_path)[0] == "run"
    assert not (tmp_path / "run.checkpoint").exists()


def test_a_mistake_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = vgae_in_ranks(2, "fit", "nowhere.csv", "--out", "run")
    assert [status for status, _, _ in found] == [2, 2]
    (told,) = last_error(found)
    assert "nowhere.csv: no such file or folder" in told
    assert "noise" not in found[0][2]
    assert listing(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("karate", "--out", "run", "--preset", "strong"), "ensembles and combiners: "),
        (("karate", "--out", "run", "--model", "katz"), "katz: is no model that several"),
        (("-", "--out", "run"), "standard input: several processes"),
        (("karate", "--out", "run", "--device", "cuda:1"), "device cuda:1: "),
    ],
)
def test_what_several_processes_cannot_fit_is_refused(
    arguments: tuple[str, ...],
    line: str,
    call: Caller,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A group of one, which is this process, is asked the same as a larger one."""
    for name, value in variables(0, 1, free_port()).items():
        monkeypatch.setenv(name, value)
    assert line in refused(call, folder, "fit", *arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fit", "nowhere.csv", "--out", "run", "--stepz", "3"), "--stepz"),
        (("fit", "nowhere.csv"), "Missing option '--out'"),
        (("recommend", "run", "--top", "2"), "recommend: only fit is shared by several processes"),
    ],
)
def test_a_mistake_in_the_command_is_told_by_the_first(
    arguments: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = vgae_in_ranks(2, *arguments)
    assert (first[0], second[0]) == (2, 2)
    assert second[1:] == ("", "")
    assert len(first[2].splitlines()) == 1
    assert said in first[2]


def test_a_folder_that_cannot_be_written_is_told_in_one_line(graph: Path) -> None:
    found = vgae_in_ranks(2, "fit", graph, "--out", "/proc/run", "--steps", 5)
    assert [status for status, _, _ in found] == [2, 2]
    assert "/proc" in last_error(found)[0]


# ------------------------------------------------------------------- what ends a fit


@contextmanager
def killing(processes: list[subprocess.Popen[str]]) -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def wait_for(path: Path, processes: list[subprocess.Popen[str]], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end
        assert all(process.poll() is None for process in processes)
        time.sleep(0.02)


SLOWED = """
import sys, time
import vgae.learning.rank_training as module
added_up = module._added_up
def slowly(*arguments):
    time.sleep(0.05)
    return added_up(*arguments)
module._added_up = slowly
from vgae.people.cli import main
main()
"""


def slowly(size: int, *arguments: object) -> list[subprocess.Popen[str]]:
    """A fit whose steps leave time to end it."""
    return begun(size, ("-c", SLOWED, "fit", *arguments))


@pytest.mark.parametrize("after", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_sigterm_to_one_ends_all_after_the_same_step_and_they_go_on(
    graph: Path, expected: list[float], tmp_path: Path, after: int
) -> None:
    run, checkpoint = tmp_path / "run", tmp_path / "run.checkpoint"
    given = ("--out", run, "--steps", STEPS, "--checkpoint-every", "0s")
    processes = slowly(2, graph, *given)
    with killing(processes):
        wait_for(checkpoint, processes)
        processes[1].send_signal(signal.SIGTERM)
        found = ended(processes)
    assert [status for status, _, _ in found] == [143, 143]
    (line,) = last_error(found)
    assert f"vgae fit --resume {run}` goes on from there" in line
    assert not run.exists()
    found = vgae_in_ranks(after, "fit", "--resume", run)
    assert [status for status, _, _ in found] == [0] * after, found[0][2]
    assert "resumed at step" in found[0][2]
    same(run, expected)


@pytest.mark.slow  # tests/model/test_ranks.py kills one that does not train
def test_a_killed_process_ends_the_others_in_one_line(graph: Path, tmp_path: Path) -> None:
    run, checkpoint = tmp_path / "run", tmp_path / "run.checkpoint"
    given = ("--out", run, "--steps", 2000, "--checkpoint-every", "0s")
    processes = slowly(2, graph, *given)
    with killing(processes):
        wait_for(checkpoint, processes)
        processes[1].kill()
        found = ended(processes, timeout=120)
    assert [status for status, _, _ in found] == [2, -signal.SIGKILL]
    (line,) = last_error(found)
    assert line.startswith("Error: rank 1 ended, or its machine did; the others stop")
    assert listing(tmp_path) == ["run.checkpoint"]


def torchrun(*arguments: object, place: Path | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=place,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.slow
def test_machines_with_a_copy_of_the_graph_each_fit_one_model(
    graph: Path, expected: list[float], tmp_path: Path
) -> None:
    """Two launchers, as on two machines, each in its own folder: of one process and of two."""
    port, launchers = free_port(), []
    for machine in (0, 1):
        place = tmp_path / f"machine{machine}"
        shutil.copytree(graph, place / "graph")
        launch = ("--nnodes", 2, "--node-rank", machine, "--nproc-per-node", 1 + machine)
        address = ("--master-addr", "127.0.0.1", "--master-port", port)
        fit = ("-m", "vgae", "fit", "graph", "--out", "run", "--steps", STEPS)
        launchers.append(torchrun(*launch, *address, *fit, place=place))
    with killing(launchers):
        (out, err), (other_out, other_err) = (one.communicate(timeout=180) for one in launchers)
    assert [one.returncode for one in launchers] == [0, 0], err + other_err
    assert "rank 0 of 3: " in err
    assert "test\t" in out
    assert other_out == ""
    same(tmp_path / "machine0" / "run", expected)
    assert [item.name for item in (tmp_path / "machine1").iterdir()] == ["graph"]


def children(process: int) -> list[int]:
    found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return sorted(int(child) for child in found)


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(10))
def test_torchrun_goes_on_from_the_last_checkpoint(
    attempt: int, graph: Path, expected: list[float], tmp_path: Path
) -> None:
    """One of two processes is killed after some steps; ten times, either of them."""
    run, checkpoint = tmp_path / "run", tmp_path / "run.checkpoint"
    program = tmp_path / "slow.py"
    program.write_text(SLOWED)
    given = ("--out", run, "--steps", STEPS, "--checkpoint-every", "0s")
    launch = ("--nproc-per-node", 2, "--max-restarts", 1, "--master-port", free_port())
    process = torchrun(*launch, program, "fit", graph, *given)
    with killing([process]):
        wait_for(checkpoint, [process])
        time.sleep(0.1 * attempt)
        os.kill(children(process.pid)[attempt % 2], signal.SIGKILL)
        out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    assert "resumed at step" in err
    assert "test\t" in out
    same(run, expected)
