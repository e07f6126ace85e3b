"""Giving freed memory back."""

import sys
from pathlib import Path

import numpy as np
import pytest

from vgae.ground import memory


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_freed_memory_is_returned() -> None:
    if memory._trim() is None:
        pytest.skip("this C library has no malloc_trim")
    arrays = [np.ones(12_000) for _ in range(2_000)]  # 96 kB each, below what is mapped singly
    kept = arrays[1::50]
    before = resident()
    del arrays
    memory.return_free_memory()
    assert resident() < before - 100_000_000
    assert all(array[0] == 1.0 for array in kept)


def test_other_c_libraries_do_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_trim", lambda: None)
    memory.return_free_memory()


def test_free_memory_is_given_back_once_the_process_has_grown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held, returned = [1e9], []
    monkeypatch.setattr(memory, "resident_bytes", lambda: held[0])
    monkeypatch.setattr(memory, "return_free_memory", lambda: returned.append(held[0]))
    surplus = memory.Surplus()
    for now in (1e9, 1.06e9, 1.07e9, 1.07e9, 1.13e9, 1.14e9):
        held[0] = now
        surplus.give_back()
    assert returned == [1.07e9, 1.14e9]
