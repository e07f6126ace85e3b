"""How loops are compiled, kept between processes, and share the processor's cores."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import torch

from vgae.errors import VgaeError

__all__ = ["compiled", "run_parallel"]

logger = logging.getLogger(__name__)


class _Process:
    """What is known of compiled loops in this process."""

    def __init__(self, *, forked: bool = False) -> None:
        self.one_at_a_time = threading.Lock()
        """Not all of numba's threading layers may be entered by two threads at a time."""
        self.forked = forked
        """Whether its parent had entered one when it was forked."""
        self.looked_up: set[Any] = set()
        """Functions that were looked up among those that earlier processes compiled."""
        self.announced = False
        self.started = False


_process = _Process()


def _after_fork() -> None:
    global _process
    _process = _Process(forked=_process.started or _process.forked)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function when it is first called, and keep the machine code for later processes.

    Parameters
    ----------
    **options
        Those of `numba.njit`, such as `parallel` or `fastmath`. Other Python threads go on while
        the function runs.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(cache=True, nogil=True, **options)(function)
        except RuntimeError:  # there is no folder that could be written to
            return numba.njit(nogil=True, **options)(function)

    return decorate


def run_parallel(function: Any, *arguments: Any) -> Any:
    """Call a compiled function on as many threads as torch uses: one setting rules both.

    Parameters
    ----------
    function
        What `compiled(parallel=True)` made.
    *arguments
        Its arguments.

    Raises
    ------
    VgaeError
        This process was forked from one that had run compiled loops; OpenMP would end it.
    """
    with _process.one_at_a_time:
        if _process.forked and numba.threading_layer() == "omp":  # type: ignore[attr-defined]
            raise VgaeError(
                "this process was forked from one that had trained or searched, which OpenMP does "
                "not survive: start processes by multiprocessing's method spawn"
            )
        _process.started = True
        if function not in _process.looked_up:
            _process.looked_up.add(function)
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
    folder, code = function.stats.cache_path, function.py_func.__code__
    version = f"py{sys.version_info.major}{sys.version_info.minor}"
    name = f"*.{function.__name__}-{code.co_firstlineno}.{version}*.nbi"
    if _process.announced or (folder and any(Path(folder).glob(name))):
        return
    _process.announced = True
    often = "once after installation" if folder else "as there is no folder to keep the result in"
    logger.warning("compiling what this needs for this processor, %s: up to ten seconds", often)
