"""Memory: how much the process has held, and giving back what is no longer used."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

__all__ = ["Surplus", "peak_memory", "resident_bytes", "return_free_memory"]

SPARE = 64e6
"""Bytes that a process may grow by before freed memory is given back: pages that are needed again
have to be fetched again."""


def return_free_memory() -> None:
    """Give freed memory back where the C library keeps it, as glibc does.

    glibc cuts freed arrays of up to 32 MB into smaller ones. A loop that makes many arrays of
    several sizes then takes more memory with every turn, although it keeps nothing.

    Examples
    --------
    >>> return_free_memory()
    """
    trim = _trim()
    if trim is not None:
        trim(0)


class Surplus:
    """What a loop has freed and the C library keeps, given back when the process has grown by it.

    Examples
    --------
    >>> surplus = Surplus()
    >>> surplus.give_back()
    """

    def __init__(self) -> None:
        self._held = resident_bytes()

    def give_back(self) -> None:
        """Give freed memory back if the process holds 64 MB more than after the last time."""
        held = resident_bytes()
        if held is None or self._held is None or held > self._held + SPARE:
            return_free_memory()
            self._held = resident_bytes()


def peak_memory() -> int | None:
    """The most memory that this process has held, in bytes; None where the system does not tell.

    Examples
    --------
    >>> peak_memory() > 2**20
    True
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def resident_bytes() -> float | None:
    """Memory that this process holds now; None where the system does not tell.

    Examples
    --------
    >>> held = resident_bytes()
    >>> held is None or held > 1e6
    True
    """
    status = Path("/proc/self/statm")
    if not status.is_file():
        return None
    pages = status.read_text(encoding="ascii").split()[1]
    return float(pages) * os.sysconf("SC_PAGE_SIZE")


@cache
def _trim() -> Callable[[int], object] | None:
    try:
        found: Callable[[int], object] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library
        return None
    return found
