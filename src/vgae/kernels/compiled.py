"""How loops are compiled, and kept for later processes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

__all__ = ["compiled", "prepared"]

logger = logging.getLogger(__name__)

_looked_up: set[Any] = set()
"""Functions that were looked up among those that earlier processes compiled."""
_announced = False


def compiled(*, nogil: bool = True, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function when it is first called, and keep the machine code for later processes.

    Parameters
    ----------
    nogil
        Whether other Python threads go on while the function runs.
    **options
        Others of `numba.njit`, such as `fastmath`.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(cache=True, nogil=nogil, **options)(function)
        except RuntimeError:  # there is no folder that could be written to
            return numba.njit(nogil=nogil, **options)(function)

    return decorate


def prepared(function: Any) -> None:
    """Make sure that a function can be called without a wait for the compiler, but for the first.

    Where no earlier process has compiled it, all loops of this package are compiled at once, so
    that this is said and waited for once per installation.

    Parameters
    ----------
    function
        What `compiled` made.
    """
    if function in _looked_up:
        return
    _looked_up.add(function)
    if _is_kept(function):
        return
    from vgae.kernels.first_use import LOOPS, compile_all

    if function.__module__ not in LOOPS:  # a baseline's: a second or two
        return
    global _announced
    if not _announced:
        _announced = True
        kept = function.stats.cache_path
        often = "once after installation" if kept else "as there is no folder to keep the result in"
        logger.warning("compiling loops for this processor, %s: up to fifteen seconds", often)
    compile_all()


def _is_kept(function: Any) -> bool:
    """Whether the machine code of an earlier process is there."""
    folder, code = function.stats.cache_path, function.py_func.__code__
    version = f"py{sys.version_info.major}{sys.version_info.minor}"
    name = f"*.{function.__name__}-{code.co_firstlineno}.{version}*.nbi"
    return bool(folder) and any(Path(folder).glob(name))
