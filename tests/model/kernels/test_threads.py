"""Threads that share loops: the same bits whoever does what, and no wait for one that is stuck."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pair_sums import factors

import vgae
from vgae.model.kernels import choose_engine, torch_on_one_thread
from vgae.model.kernels import numba_engine as engine
from vgae.model.kernels import threads as module
from vgae.model.kernels.threads import n_threads, run_items, run_together

several = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="there is one core here")


@pytest.fixture(autouse=True)
def _same_threads_afterwards() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@several
def test_loops_take_as_many_threads_as_torch_and_as_there_are_cores() -> None:
    most = n_threads()
    torch.set_num_threads(1)
    assert n_threads() == 1
    torch.set_num_threads(1000)
    assert n_threads() == most


@several
def test_the_setting_of_torch_is_left_alone() -> None:
    torch.set_num_threads(1)
    vgae.GAE(steps=2).fit([(i, (i * 7 + 1) % 50) for i in range(50)])
    assert torch.get_num_threads() == 1


@several
def test_torch_on_one_thread_leaves_loops_their_number() -> None:
    before = torch.get_num_threads(), n_threads()
    with torch_on_one_thread():
        assert (torch.get_num_threads(), n_threads()) == (1, before[1])
        with torch_on_one_thread():
            assert n_threads() == before[1]
        assert torch.get_num_threads() == 1
    assert (torch.get_num_threads(), n_threads()) == before


def test_settings_come_back_after_an_error() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), torch_on_one_thread():
        _ = 1 / 0
    assert torch.get_num_threads() == before


# ------------------------------------------------------------- who is stuck


class _Sweep:
    """The sweep's own arguments, to call it as several threads would, one after the other."""

    def __init__(self, n_nodes: int, n_columns: int | None = None) -> None:
        self.left = engine._Packed.of(factors(n_nodes, 16, 5.0))
        self.symmetric = n_columns is None
        self.right = self.left
        if n_columns is not None:
            self.right = engine._Packed.of(factors(n_columns, 16, 5.0, seed=1))
        n_blocks = len(self.left.rows)
        assert n_blocks <= len(self.right.rows)
        self.by_row = np.zeros((n_blocks, self.left.rows[0].size), np.float32)
        self.by_column = np.zeros_like(self.right.columns)
        self.totals = np.zeros(n_blocks)
        self.turn = np.zeros(1, np.int64)
        self.states = np.zeros(n_blocks, np.int64), np.zeros(len(self.right.columns), np.int64)

    def call(self, *, helping: bool) -> None:
        engine._sweep(
            helping,
            self.left.rows.reshape(len(self.by_row), -1),
            self.left.bias,
            self.right.columns,
            self.by_row,
            self.by_column,
            self.totals,
            np.array([self.left.n_nodes, self.right.n_nodes]),
            self.symmetric,
            self.turn,
            *self.states,
        )

    def found(self) -> tuple[NDArray[Any], ...]:
        return self.by_row.copy(), self.by_column.copy(), self.totals.copy()


@pytest.mark.parametrize("sizes", [(40,), (500,), (700, 900), (300, 3000)])
@pytest.mark.parametrize("n_stuck", [1, 5, 20, 10**6])
def test_tasks_of_stuck_threads_are_done_by_others_to_the_bit(
    sizes: tuple[int, ...], n_stuck: int
) -> None:
    """Threads that have taken the first tasks never get to do them."""
    alone, helped = _Sweep(*sizes), _Sweep(*sizes)
    alone.call(helping=False)
    helped.turn[0] = n_stuck
    helped.call(helping=False)
    for ours, theirs in zip(alone.found(), helped.found(), strict=True):
        assert np.array_equal(ours, theirs)


def test_a_helper_that_comes_late_changes_nothing() -> None:
    sweep = _Sweep(500)
    sweep.call(helping=False)
    before = sweep.found()
    sweep.call(helping=True)
    sweep.turn[0] = 3  # as if it had taken this task long ago
    sweep.call(helping=True)
    for ours, theirs in zip(sweep.found(), before, strict=True):
        assert np.array_equal(ours, theirs)


@several
def test_helpers_that_never_wake_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = factors(3000, 16, 5.0)
    expected = choose_engine("numba").sweep(vectors, None)
    monkeypatch.setattr(module._Pool, "give", lambda *_: None)
    found = choose_engine("numba").sweep(vectors, None)
    assert torch.equal(found.grad_left, expected.grad_left)


@several
@pytest.mark.parametrize("attempt", range(3))
def test_threads_that_meet_give_the_bits_of_one(attempt: int) -> None:
    vectors = factors(2500 + 300 * attempt, 8, 5.0)
    torch.set_num_threads(1)
    alone = choose_engine("numba").sweep(vectors, None)
    torch.set_num_threads(2)
    for _ in range(5):
        together = choose_engine("numba").sweep(vectors, None)
        assert torch.equal(together.grad_left, alone.grad_left)
        assert torch.equal(together.total, alone.total)


# -------------------------------------------------------------------- items


class _Counting:
    """What stands for a compiled loop: notes who does which items, after a helper has come."""

    def __init__(self, *, failing: bool = False, waiting: bool = False) -> None:
        self.done: list[tuple[int, int]] = []
        self.failing, self.waiting = failing, waiting
        self.helped = threading.Event()

    def __call__(self, turn: NDArray[np.int64], size: int, n_items: int) -> None:
        while True:
            with _turns:
                first = int(turn[0])
                turn[0] += size
            if first >= n_items:
                return
            helping = threading.current_thread().name == "vgae"
            if helping:
                self.helped.set()
            elif self.waiting:
                assert self.helped.wait(60)
            if helping and self.failing:
                raise ValueError("a fault of a helper")
            stop = min(first + size, n_items)
            with _turns:
                self.done += [(item, threading.get_ident()) for item in range(first, stop)]
                turn[1] += stop - first


_turns = threading.Lock()


@pytest.fixture
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions that are not compiled, and helpers that are done with the last test's job."""
    monkeypatch.setattr(module, "compile_once", lambda: None)
    while any(helper.job is not None for helper in module._pool.helpers):
        time.sleep(0.001)


@several
@pytest.mark.usefixtures("_plain")
def test_every_item_is_done_once_and_threads_share_them() -> None:
    loop = _Counting(waiting=True)
    run_items(loop, 40, 40, work=2e6)
    assert sorted(item for item, _ in loop.done) == list(range(40))
    assert len({thread for _, thread in loop.done}) == 2


@pytest.mark.usefixtures("_plain")
def test_little_work_is_left_to_one_thread() -> None:
    loop = _Counting()
    run_items(loop, 40, 40, work=1e3)
    assert {thread for _, thread in loop.done} == {threading.get_ident()}
    run_items(loop, 0, 0, work=0.0)


@several
@pytest.mark.usefixtures("_plain")
def test_the_fault_of_a_helper_is_raised() -> None:
    loop = _Counting(failing=True, waiting=True)
    with pytest.raises(ValueError, match="a fault of a helper"):
        run_items(loop, 40, 40, work=2e6)
    run_items(_Counting(), 40, 40, work=2e6)  # and helpers live on


@several
@pytest.mark.usefixtures("_plain")
def test_a_loop_within_a_loop_goes_without_helpers() -> None:
    asked: list[bool] = []

    def outer(helping: bool) -> None:
        if not helping:
            run_together(lambda inner: asked.append(inner), n_turns=2, work=1e9)

    run_together(outer, n_turns=2, work=1e9)
    assert asked == [False]


# ------------------------------------------------------- processes and threads


FORKING = """
import multiprocessing, sys, torch
from vgae.model.kernels import choose_engine, threads

def work(_):
    found = choose_engine("numba").sweep(torch.ones(2000, 4), None)
    return float(found.total), len(threads._pool.helpers)

if __name__ == "__main__":
    expected = work(0)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        print(pool.map_async(work, [0]).get(60)[0] == expected)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")
def test_a_forked_process_has_helpers_of_its_own(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(FORKING)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(program)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "True\n", done.stderr


def test_several_threads_train_at_once() -> None:
    graph = [(i, (i * 7 + 1) % 50) for i in range(50)]

    def fitted(seed: int) -> NDArray[np.float32]:
        return vgae.VGAE(steps=20, seed=seed).fit(graph).embedding_

    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(fitted, range(4)))
    for seed, embedding in enumerate(at_once):
        assert np.array_equal(embedding, fitted(seed))
