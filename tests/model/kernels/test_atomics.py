"""Threads that change the same numbers at the same time lose nothing."""

import threading
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from vgae.model.kernels.atomics import compare_and_set, fetch_add, items, read, write

N_THREADS, N_TIMES = 4, 50_000


@numba.njit(nogil=True)
def add_often(numbers: Any, n_times: Any) -> None:
    for _ in range(n_times):
        fetch_add(numbers, 1, 3)


@numba.njit(nogil=True)
def add_under_a_lock(numbers: Any, n_times: Any) -> None:
    """numbers[0] is the lock; numbers[1] is changed without an operation that is atomic."""
    for _ in range(n_times):
        while not compare_and_set(numbers, 0, 0, 1):
            pass
        numbers[1] += 3
        write(numbers, 0, 0)


@numba.njit(nogil=True)
def visit(turn: Any, visits: Any, size: Any) -> None:
    for item in items(turn, size, len(visits)):
        visits[item] += 1


@numba.njit
def look(numbers: Any, place: Any) -> Any:
    return read(numbers, place)


def together(function: Callable[..., object], *arguments: Any) -> None:
    """Call a function on several threads at the same time."""
    barrier = threading.Barrier(N_THREADS)

    def run() -> None:
        barrier.wait()
        function(*arguments)

    threads = [threading.Thread(target=run) for _ in range(N_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def numbers() -> NDArray[np.int64]:
    return np.zeros(3, np.int64)


def test_no_addition_is_lost() -> None:
    counted = numbers()
    together(add_often, counted, N_TIMES)
    assert counted.tolist() == [0, 3 * N_THREADS * N_TIMES, 0]


def test_one_thread_at_a_time_passes_a_comparison() -> None:
    counted = numbers()
    together(add_under_a_lock, counted, 500)  # threads spin where they share a core
    assert counted.tolist() == [0, 3 * N_THREADS * 500, 0]


@pytest.mark.parametrize(("n_items", "size"), [(20_000, 1), (20_000, 7), (3, 100), (0, 1)])
def test_every_item_is_taken_once(n_items: int, size: int) -> None:
    turn, visits = np.zeros(2, np.int64), np.zeros(n_items, np.int64)
    together(visit, turn, visits, size)
    assert (visits == 1).all()
    assert turn[0] >= n_items
    assert look(turn, 1) == n_items
