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
