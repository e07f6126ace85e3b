"""Giving memory that is no longer used back to the operating system."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

__all__ = ["return_free_memory"]


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


@cache
def _trim() -> Callable[[int], object] | None:
    try:
        found: Callable[[int], object] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library
        return None
    return found
