"""Threads that share compiled loops, and do not wait for one that is not running.

On a machine with other busy processes a thread may lose its core for milliseconds, much longer
than a small loop takes. Work is therefore not divided in advance: each thread takes the next items
when it has finished its last ones, helpers that wake late find nothing left to do, and the calling
thread waits only for items that a helper has begun. No thread spins for longer than microseconds.
Loops too short to gain from this run on one thread.

The loops themselves fix the order of every sum. Neither the number of threads nor the division of
work between them changes a bit of a result.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vgae.model.kernels.atomics import compare_and_set, read
from vgae.model.kernels.compiled import compiled, rehearsal
from vgae.model.kernels.first_use import compile_once

__all__ = ["LEAST_WORK", "n_threads", "run_items", "run_together", "torch_on_one_thread"]

EMITTED = "15ef875cb2a2"
"""State of the emitted instructions: numba looks for changes in this file alone."""

LEAST_WORK = 500_000
"""Nanoseconds of work that are worth waking a helper for, which costs up to a hundred thousand."""
WORK_OF_A_TURN = 50_000
"""Nanoseconds of work that a thread takes at a time: few, as other threads may wait for it."""
LOOKS = 20_000
"""How often a thread looks at a number that another is about to change before it sleeps: some
microseconds."""
NAP = 2e-5

ASLEEP, LOOKING_OUT, CALLED = 0, 1, 2
LOOKS_OUT = 2_000_000
"""How often a helper looks at its state before it sleeps: a few milliseconds."""
SECONDS_OF_A_LOOK, SECONDS_FOR_NOTHING = 4e-9, 1e-3
"""The longest time that looking takes on a core that no other process uses."""
SLEEPY = 50
"""Number of jobs after which a helper that shares its core waits awake again."""


class _Job:
    """A compiled function and its arguments, kept alive for as long as helpers need them."""

    def __init__(self, function: Any, arguments: tuple[Any, ...]) -> None:
        self.function, self.arguments = function, arguments
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.function(*self.arguments)
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that called
            self.error = error


class _Helper:
    """A thread that runs jobs; after each it waits awake for a while, then sleeps.

    A sleeping core takes long to wake. A helper therefore waits awake for some milliseconds, about
    the time between its jobs in the training steps of a small graph. If looking for a job takes
    longer than it should, another process wants the core, and the helper sleeps at once for a
    while.
    """

    def __init__(self) -> None:
        self.job: _Job | None = None
        self.state = np.zeros(1, np.int64)
        self.woken = threading.Lock()
        self.woken.acquire()
        self.sleepy = 0
        threading.Thread(target=self._serve, name="vgae", daemon=True).start()

    def give(self, job: _Job) -> None:
        self.job = job
        if not _calls(self.state):
            self.woken.release()

    def _serve(self) -> None:
        while True:
            if not self._looks_out():
                self.woken.acquire()
            if self.job is not None:
                self.job.run()
            self.job = None  # only now can this helper take the next one

    def _looks_out(self) -> bool:
        """Whether a job arrived while this thread was awake."""
        if self.sleepy:
            self.sleepy -= 1
            return False
        self.state[0] = LOOKING_OUT
        started = time.perf_counter()
        called, n_looks = _looks_out(self.state, LOOKS_OUT)
        if time.perf_counter() - started > SECONDS_FOR_NOTHING + n_looks * SECONDS_OF_A_LOOK:
            self.sleepy = SLEEPY
        return bool(called)


class _Pool:
    """The helpers of this process; one job at a time uses them."""

    def __init__(self) -> None:
        self.helpers: list[_Helper] = []
        self.lock = threading.Lock()

    def give(self, job: _Job, n_helpers: int) -> None:
        """Wake up to this number of idle helpers."""
        while len(self.helpers) < n_helpers:
            self.helpers.append(_Helper())
        for helper in self.helpers[:n_helpers]:
            if helper.job is None:
                helper.give(job)


_pool = _Pool()
_here = threading.local()


def _after_fork() -> None:
    """Give a forked child a pool without threads, which do not survive a fork."""
    global _pool
    _pool = _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def n_threads() -> int:
    """Return how many threads a loop may use: as many as torch, and at most one per core.

    Examples
    --------
    >>> 1 <= n_threads() <= (os.cpu_count() or 1)
    True
    """
    own: int | None = getattr(_here, "n_threads", None)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(own or torch.get_num_threads(), cores or 1))


@contextmanager
def torch_on_one_thread() -> Iterator[None]:
    """Limit torch's own operations to one thread; compiled loops keep their number of threads.

    torch's threads spin while they wait for each other, which takes many times longer when another
    process has their cores. Their share of a training step is small.

    Examples
    --------
    >>> with torch_on_one_thread():
    ...     torch.get_num_threads()
    1
    """
    before, own = torch.get_num_threads(), getattr(_here, "n_threads", None)
    _here.n_threads = own or before
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        _here.n_threads = own


def run_items(function: Any, n_items: int, *arguments: Any, work: float) -> None:
    """Share the items of a loop between threads; no two items write to the same place.

    Parameters
    ----------
    function
        A loop made by `compiled`. Its first two arguments are the array of turns and the number of
        items per turn, and it iterates over `items(turn, size, n_items)`.
    n_items
        Number of items.
    *arguments
        The remaining arguments of the function.
    work
        Estimated nanoseconds for all items on one thread.

    Examples
    --------
    Here the loop is plain Python, and too short for a second thread:

    >>> def double(turn, size, numbers):
    ...     numbers *= 2
    >>> numbers = np.arange(3)
    >>> run_items(double, 3, numbers, work=10.0)
    >>> numbers.tolist()
    [0, 2, 4]
    """
    compile_once()
    turn = np.zeros(2, np.int64)
    if work < LEAST_WORK or n_threads() == 1:
        function(turn, max(n_items, 1), *arguments)
        return
    size = max(1, int(n_items * WORK_OF_A_TURN / work))
    job = _Job(function, (turn, size, *arguments))
    _run(job, _n_helpers(-(-n_items // size)), job.arguments)
    while not _reaches(turn, n_items, LOOKS):
        if job.error is not None:
            raise job.error
        time.sleep(NAP)


def run_together(function: Any, *arguments: Any, n_turns: int, work: float) -> None:
    """Run a function that divides its own work on several threads at the same time.

    Parameters
    ----------
    function
        A loop made by `compiled`. Its first argument is True on a helper and False on the calling
        thread. All work is done when the call on the calling thread returns; calls on helpers may
        return later, but change nothing any more.
    *arguments
        The remaining arguments; arrays that no other call uses.
    n_turns
        The largest number of threads that could be useful.
    work
        Estimated nanoseconds for all of the work on one thread.

    Examples
    --------
    >>> def fill(helping, numbers):
    ...     numbers[:] = 7
    >>> numbers = np.zeros(2)
    >>> run_together(fill, numbers, n_turns=1, work=10.0)
    >>> numbers.tolist()
    [7.0, 7.0]
    """
    compile_once()
    job = _Job(function, (True, *arguments))
    _run(job, _n_helpers(n_turns) if work >= LEAST_WORK else 0, (False, *arguments))


def _n_helpers(n_turns: int) -> int:
    return max(0, min(n_threads(), n_turns) - 1)


def _run(job: _Job, n_helpers: int, own_arguments: tuple[Any, ...]) -> None:
    """Run a function here, and a job on helpers unless another thread's loop is using them."""
    pool = _pool
    helped = bool(n_helpers) and pool.lock.acquire(blocking=False)
    try:
        if helped:
            pool.give(job, n_helpers)
        job.function(*own_arguments)
    finally:
        if helped:
            pool.lock.release()


@compiled(nogil=False)  # otherwise the helper could delay the calling thread
def _calls(state: Any) -> Any:
    """Whether the helper was awake, and now knows that it is called."""
    return compare_and_set(state, 0, LOOKING_OUT, CALLED) != 0


@compiled()
def _looks_out(state: Any, n_looks: Any) -> Any:
    """Wait awake for a job: whether one arrived, and how often the state was looked at."""
    look = 0
    while read(state, 0) == LOOKING_OUT:
        look += 1
        if look >= n_looks and compare_and_set(state, 0, LOOKING_OUT, ASLEEP):
            return False, look
    return True, look


@compiled()
def _reaches(turn: NDArray[np.int64], n_items: int, n_looks: int) -> bool:
    """Whether all items are done, now or within some microseconds."""
    for _ in range(n_looks):  # noqa: SIM110 - compiled, where generators cost more
        if read(turn, 1) >= n_items:
            return True
    return False


@rehearsal
def _rehearse() -> None:
    state = np.full(1, LOOKING_OUT, np.int64)
    _calls(state)
    _looks_out(state, 1)
    _reaches(np.zeros(2, np.int64), 0, 1)
