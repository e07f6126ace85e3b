"""Threads that share compiled loops, and do not wait for one that is not running.

On a machine with other busy processes a thread may be off its core for milliseconds, many times
longer than a small loop takes. So nothing here is divided beforehand: every thread takes the next
items when it is done with its last ones, helpers that come late find nothing left to do, and the
thread that called waits only for items that a helper has begun. No thread spins for longer than
microseconds. A loop that is too short for any of this is left to one thread.

The order of every sum is fixed by the loops themselves, so that the number of threads, and which of
them did what, changes no bit of a result.
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

from vgae.kernels.atomics import compare_and_set, read
from vgae.kernels.compiled import compiled, rehearsal
from vgae.kernels.first_use import compile_once

__all__ = ["LEAST_WORK", "n_threads", "run_items", "run_together", "torch_on_one_thread"]

EMITTED = "f0bb4ea5e2e2"
"""State of the emitted instructions: numba looks for changes in this file alone."""

LEAST_WORK = 500_000
"""Nanoseconds of work that are worth waking a helper, which costs up to a hundred thousand."""
WORK_OF_A_TURN = 50_000
"""Nanoseconds of work that a thread takes at a time: short, as others may have to wait for it."""
LOOKS = 20_000
"""Looks at a number that another thread is about to change, some microseconds, before sleeping."""
NAP = 2e-5

ASLEEP, LOOKING_OUT, CALLED = 0, 1, 2
LOOKS_OUT = 2_000_000
"""Looks that a helper takes at its state before it sleeps: a few milliseconds."""
SECONDS_OF_A_LOOK, SECONDS_FOR_NOTHING = 4e-9, 1e-3
"""What looking takes at most on a core of its own."""
SLEEPY = 50
"""Jobs after which a helper that shares its core looks out again."""


class _Job:
    """A compiled function with its arguments, which helpers keep alive as long as they need."""

    def __init__(self, function: Any, arguments: tuple[Any, ...]) -> None:
        self.function, self.arguments = function, arguments
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.function(*self.arguments)
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that called
            self.error = error


class _Helper:
    """A thread that is given jobs; between them it looks out for the next, then sleeps.

    A core that sleeps takes long to wake, so that a helper looks out for some milliseconds, about
    as long as a training step of a small graph leaves it alone. Where another process wants the
    core, which shows in that looking takes longer than it should, it sleeps at once for a while.
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
            self.job = None  # only now can it be given the next one

    def _looks_out(self) -> bool:
        """Whether a job has come while this thread was awake."""
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
    """The helpers of this process; one job at a time has them."""

    def __init__(self) -> None:
        self.helpers: list[_Helper] = []
        self.lock = threading.Lock()

    def give(self, job: _Job, n_helpers: int) -> None:
        """Wake helpers that have nothing to do, up to this number."""
        while len(self.helpers) < n_helpers:
            self.helpers.append(_Helper())
        for helper in self.helpers[:n_helpers]:
            if helper.job is None:
                helper.give(job)


_pool = _Pool()
_here = threading.local()


def _after_fork() -> None:
    """Threads do not survive a fork: the child makes its own."""
    global _pool
    _pool = _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def n_threads() -> int:
    """How many threads loops may take here: as many as torch, but not more than there are cores."""
    own: int | None = getattr(_here, "n_threads", None)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(own or torch.get_num_threads(), cores or 1))


@contextmanager
def torch_on_one_thread() -> Iterator[None]:
    """Keep torch's own operations to one thread, and compiled loops to as many as before.

    torch's threads spin while they wait for each other, which takes many times as long where
    another process has their cores. What they do in a training step is a small part of it.

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
    """Let threads take turns at the items of a loop, each of which writes to places of its own.

    Parameters
    ----------
    function
        What `compiled` made. Its first arguments are the array of turns and the number of items in
        one, and it loops over `items(turn, size, n_items)`.
    n_items
        How many items there are.
    *arguments
        The other arguments.
    work
        About how many nanoseconds all of it takes on one thread.
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
    """Let threads run a function at the same time, which divides its work by itself.

    Parameters
    ----------
    function
        What `compiled` made. Its first argument says whether it runs on a helper. When the call
        that does not has ended, everything is done; the others may end later, but change nothing.
    *arguments
        Its arguments; arrays that only this call has.
    n_turns
        How many threads could be of use.
    work
        About how many nanoseconds all of it takes on one thread.
    """
    compile_once()
    job = _Job(function, (True, *arguments))
    _run(job, _n_helpers(n_turns) if work >= LEAST_WORK else 0, (False, *arguments))


def _n_helpers(n_turns: int) -> int:
    return max(0, min(n_threads(), n_turns) - 1)


def _run(job: _Job, n_helpers: int, own_arguments: tuple[Any, ...]) -> None:
    """Run a function here and, if no other thread's loop has them, a job on helpers."""
    pool = _pool
    helped = bool(n_helpers) and pool.lock.acquire(blocking=False)
    try:
        if helped:
            pool.give(job, n_helpers)
        job.function(*own_arguments)
    finally:
        if helped:
            pool.lock.release()


@compiled(nogil=False)  # or the helper would keep the calling thread from going on
def _calls(state: Any) -> Any:
    """Whether the helper was looking out, and has seen that it is called."""
    return compare_and_set(state, 0, LOOKING_OUT, CALLED) != 0


@compiled()
def _looks_out(state: Any, n_looks: Any) -> Any:
    """Look at the state until it says that a job is there, or else fall asleep; and the looks."""
    look = 0
    while read(state, 0) == LOOKING_OUT:
        look += 1
        if look >= n_looks and compare_and_set(state, 0, LOOKING_OUT, ASLEEP):
            return False, look
    return True, look


@compiled()
def _reaches(turn: NDArray[np.int64], n_items: int, n_looks: int) -> bool:
    """Whether all items are done, or are after some microseconds."""
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
