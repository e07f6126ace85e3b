"""How loops are compiled, kept between processes, and share the processor's cores."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import torch

__all__ = ["compiled", "run_parallel"]

logger = logging.getLogger(__name__)

_PARALLEL = threading.Lock()
"""Not all of numba's threading layers may be entered by two threads at a time."""

_checked: set[Any] = set()
"""Compiled functions that were looked up among those of earlier processes."""


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function when it is first called, and keep the machine code for later processes.

    Parameters
    ----------
    **options
        Those of `numba.njit`, such as `parallel` or `fastmath`.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:  # there is no folder that could be written to
            return numba.njit(**options)(function)

    return decorate


def run_parallel(function: Any, *arguments: Any) -> Any:
    """Call a compiled function on as many threads as torch uses: one setting rules both.

    Parameters
    ----------
    function
        What `compiled(parallel=True)` made.
    *arguments
        Its arguments.
    """
    with _PARALLEL:
        if function not in _checked:
            _announce_compilation(function)
        before = numba.get_num_threads()
        numba.set_num_threads(min(torch.get_num_threads(), _most_threads()))
        try:
            return function(*arguments)
        finally:
            numba.set_num_threads(before)


def _most_threads() -> int:
    limit: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    return limit


def _announce_compilation(function: Any) -> None:
    """Say, once a process, that compiling takes a while where no process before has done it."""
    folder = function.stats.cache_path
    known = folder and any(Path(folder).glob(f"*{function.__name__}-*.nbi"))
    if not known and _announce_compilation not in _checked:
        _checked.add(_announce_compilation)
        logger.warning("compiling for this processor, once after installation: some ten seconds")
    _checked.add(function)
