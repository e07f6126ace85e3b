"""Processes killed at any moment: what they wrote is whole or not there, and nothing is left."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pytest

import vgae
from vgae.ground.files import restore_folder

VGAE = str(Path(sys.executable).with_name("vgae"))

SAVING = """
import itertools, os, signal, sys
from pathlib import Path
from vgae.ground.files import staged_directory, staged_file

folder = Path(sys.argv[1])

def save(number):
    with staged_directory(folder / "run", overwrite=True, ours={"a", "b"}) as staged:
        for name in "ab":
            (staged / name).write_text(f"{number} " * 2000)
    with staged_file(folder / "table") as staged:
        staged.write_text(f"{number} " * 2000)

def whole(path):
    numbers = path.read_text().split()
    assert len(numbers) == 2000 and len(set(numbers)) == 1, path
    return int(numbers[0])
"""

AT_EACH_CALL = (
    SAVING
    + """
from vgae.ground.files import restore_folder

calls, last = 0, None

def hook(event, _):
    # Told before the system is called.
    global calls
    if last is not None and event.partition(".")[0] in ("os", "open", "fcntl", "shutil"):
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
save(0)
before = moved = 0
for number in itertools.count(1):
    child = os.fork()
    if not child:
        last = number
        save(number)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
    moved += not (folder / "run").exists()
    restore_folder(folder / "run")
    run = whole(folder / "run" / "a")
    assert whole(folder / "run" / "b") == run, "half a result"
    assert run in (before, number) and whole(folder / "table") in (before, number), number
    save(-number)
    before = -number
    assert sorted(os.listdir(folder)) == ["run", "table"], (number, os.listdir(folder))
print(number, moved)
"""
)


def python(program: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_before_each_call_of_the_system(tmp_path: Path) -> None:
    out, err = python(AT_EACH_CALL, tmp_path).communicate(timeout=120)
    assert err == ""
    n_calls, n_moved = map(int, out.split())
    assert n_calls > 30
    assert n_moved > 0  # the old folder was moved away, and came back


def test_killed_at_random_moments(tmp_path: Path) -> None:
    chance = random.Random(0)
    for _ in range(12):
        process = python(f"{SAVING}\nfor n in itertools.count(): save(n)", tmp_path)
        while not (tmp_path / "table").exists() and process.poll() is None:
            time.sleep(0.001)
        time.sleep(chance.uniform(0.0, 0.4))  # the later ones start up in this time too
        process.kill()
        assert process.communicate()[1] == ""
        restore_folder(tmp_path / "run")
        parts = [(tmp_path / "run" / name).read_text() for name in "ab"]
        assert parts[0] == parts[1]
        for text in (*parts, (tmp_path / "table").read_text()):
            assert len(set(text.split())) == 1
            assert len(text.split()) == 2000
    _, err = python(f"{SAVING}\nsave(0)", tmp_path).communicate()
    assert err == ""
    assert sorted(item.name for item in tmp_path.iterdir()) == ["run", "table"]


# --------------------------------------------------------------------- commands

REPRODUCING = """
import sys
from pathlib import Path
from vgae.learning.reproduction import Experiment, reproduce, write_results

cells = [
    {"row": row, "method": method, "settings": settings, "needs_features": False, "seconds": 1.0,
     "published": {"auc": 50.0, "average_precision": 50.0}}
    for row, method, settings in (("KATZ", "katz", {}), ("GAE*", "gae", {"steps": 3}))
]
experiment = Experiment.parse({
    "dataset": "karate", "column": 1, "source": "nobody", "cells": cells,
    "split": {"validation": 0.1, "test": 0.2, "protocol": "T"},
})
results = []
for result in reproduce([experiment], Path(sys.argv[1]), runs=int(sys.argv[2])):
    results.append(result)
    write_results(results, Path(sys.argv[1]))
"""


def check_run(path: Path) -> None:
    assert len(vgae.load(path).recommend(3)) == 3


def check_vectors(path: Path) -> None:
    assert pyarrow.parquet.read_table(path).num_rows == 34


def check_links(path: Path) -> None:
    assert pyarrow.csv.read_csv(path).num_rows == 20


def check_reproduction(path: Path) -> None:
    for item in path.glob("*.json"):
        json.loads(item.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["fit", "embed", "recommend", "reproduce"])
def test_commands_killed_at_random_moments(folder: Path, kind: str) -> None:
    fitting = [VGAE, "fit", "karate", "--steps", "3", "--overwrite", "--quiet", "--out"]
    subprocess.run([*fitting, "model"], check=True)
    commands: dict[str, tuple[list[str], str, Callable[[Path], None]]] = {
        "fit": ([*fitting, "run"], "run", check_run),
        "embed": (
            [VGAE, "embed", "model", "--overwrite", "--out", "v.parquet"],
            "v.parquet",
            check_vectors,
        ),
        "recommend": (
            [VGAE, "recommend", "model", "--top", "20", "--overwrite", "--out", "r.csv"],
            "r.csv",
            check_links,
        ),
        "reproduce": (
            [sys.executable, "-c", REPRODUCING, "tables", "4"],
            "tables",
            check_reproduction,
        ),
    }
    command, name, check = commands[kind]
    started = time.perf_counter()
    subprocess.run(command, check=True)
    seconds = time.perf_counter() - started
    chance = random.Random(kind)
    n_kills = 14 if kind in ("fit", "reproduce") else 11  # 50 in all
    for number in range(n_kills):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        if number % 2:  # anywhere
            time.sleep(chance.uniform(0.0, 1.2 * seconds))
        else:  # while something is being written
            while process.poll() is None and not any(
                list(folder.glob(place)) for place in (".*.partial", "tables/.*.partial")
            ):
                time.sleep(0.0005)
            time.sleep(chance.choice([0.0, 0.001, 0.005, 0.02]))
        process.kill()
        process.wait()
        if (folder / name).exists():
            check(folder / name)
        else:  # moved away for an instant: reading brings it back
            assert kind == "fit"
            check(folder / name)
    subprocess.run(command, check=True)
    check(folder / name)
    assert [str(item) for item in folder.rglob(".*")] == []


# ------------------------------------------------------------------ checkpoints

FITTING = """
import os, random, shutil, signal, sys, time
from pathlib import Path
import numpy as np
import sklearn.linear_model  # once, before processes are forked
from safetensors.numpy import load_file
from vgae.people import api, cli

os.chdir(sys.argv[1])
n_kills, chance = int(sys.argv[2]), random.Random(int(sys.argv[2]))
run, checkpoint = Path("run"), Path("run.checkpoint")
BEGIN = ["karate", "--dropout", "0.2", "--steps", "30", "--seed", "5"]
BEGIN += ["--ensemble", "2", "--combiner", "logistic", "--folds", "1"]

def begun(*words):
    child = os.fork()
    if not child:
        log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1), os.dup2(log, 2)
        sys.argv = ["vgae", "fit", *words]
        try:
            cli.main()
        except SystemExit as ended:
            os._exit(ended.code or 0)
        os._exit(1)
    return child

def ended(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def words():
    global n_resumed
    if checkpoint.exists():
        n_resumed += 1
        return ["--resume", "run"]
    return [*BEGIN, "--out", "run", "--checkpoint-every", "0s"]

def same(made):
    one, other = (load_file(folder / "weights.safetensors") for folder in (made, Path("whole")))
    combiners = {(folder / "combiner.json").read_text() for folder in (made, Path("whole"))}
    return one.keys() == other.keys() and len(combiners) == 1 and all(
        np.array_equal(one[name], other[name]) for name in one
    )

assert ended(begun(*BEGIN, "--out", "whole")) == 0, Path("log").read_text()
n_writing = n_resumed = 0
started = time.perf_counter()
assert ended(begun(*words())) == 0, Path("log").read_text()
seconds = time.perf_counter() - started
assert same(run) and not checkpoint.exists()
for kill in range(n_kills):
    if chance.random() < 0.7 or not checkpoint.exists():  # otherwise the same fit is killed again
        shutil.rmtree(run, ignore_errors=True)
        if checkpoint.exists():
            assert ended(begun(*words())) == 0, Path("log").read_text()
            assert same(run), kill
            shutil.rmtree(run)
    child = begun(*words())
    # Before this, it imports and reads; a tenth of the kills come then too.
    time.sleep(seconds * chance.uniform(0.4 * (chance.random() < 0.9), 0.9))
    if kill % 2:  # while a checkpoint is written
        while not run.exists() and not list(Path().glob(".run.checkpoint.*.partial")):
            time.sleep(0.0002)
        time.sleep(chance.choice([0.0, 0.0005, 0.002]))
    os.kill(child, signal.SIGKILL)
    ended(child)
    n_writing += bool(list(Path().glob(".run.checkpoint.*.partial")))
    if run.exists():  # it was at its end; a checkpoint may be left over
        assert same(run), kill
        shutil.rmtree(run)
if not run.exists():
    assert ended(begun(*words())) == 0, Path("log").read_text()
assert same(run)
left = sorted(item.name for item in Path().iterdir())
assert left == ["log", "run", "whole"], left
print(n_writing, n_resumed)
"""


def killed_fits(folder: Path, n_kills: int) -> tuple[int, int]:
    """How many of these kills came while a checkpoint was written, and how many fits went on."""
    answer = subprocess.run(
        [sys.executable, "-c", FITTING, str(folder), str(n_kills)], capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    n_writing, n_resumed = map(int, answer.stdout.split())
    return n_writing, n_resumed


def test_a_fit_that_is_killed_goes_on_to_the_bit(tmp_path: Path) -> None:
    assert killed_fits(tmp_path, 3)[1] >= 1


@pytest.mark.slow
def test_fits_killed_at_fifty_moments_go_on_to_the_bit(tmp_path: Path) -> None:
    n_writing, n_resumed = killed_fits(tmp_path, 50)
    assert n_writing >= 5  # of those that aim at it; the time of a write differs between machines
    assert n_resumed >= 25


@pytest.mark.parametrize("with_checkpoints", [True, False])
def test_sigterm_ends_a_fit(folder: Path, with_checkpoints: bool) -> None:
    command = [VGAE, "fit", "karate", "--steps", "1000000", "--out", "run"]
    command += ["--checkpoint-every", "1h"] * with_checkpoints
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while not list(folder.glob(".run.*.partial")):  # made when all is read and training begins
        assert process.poll() is None
        time.sleep(0.1)
    time.sleep(2)
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert out == ""
    assert not (folder / "run").exists()
    if not with_checkpoints:
        assert process.returncode == -signal.SIGTERM
        return
    assert process.returncode == 143, err
    words = r"Error: terminated: stopped at step \d+ of 1000000; `vgae fit --resume run` goes on"
    assert re.match(words, err.splitlines()[-1])
    assert [item.name for item in folder.iterdir()] == ["run.checkpoint"]
