"""All loops of this package, compiled together: by `vgae warm-up`, or when the first is needed."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Any

import llvmlite
import numba
from llvmlite import binding

from vgae.kernels.compiled import loops, rehearsals

__all__ = ["MODULES", "compile_all", "compile_once", "folders", "is_compiled"]

logger = logging.getLogger(__name__)

MODULES = (
    "vgae.kernels.threads",
    "vgae.kernels.edges",
    "vgae.kernels.numba_engine",
    "vgae.kernels.ranking",
    "vgae.kernels.sparse",
    "vgae.baselines.heuristics",
    "vgae.baselines.walks",
)
"""Modules with loops, by name: those of the baselines stand above this one and are imported only to
compile them together with the others."""

_EMITTING = ("atomics", "intrinsics", "lanes")
"""Rooms of instructions that loops are made of."""

_looked = False


def compile_once(
    working: Callable[[str], AbstractContextManager[object]] | None = None,
) -> None:
    """Compile all loops unless an earlier process has; later calls do nothing.

    Everything that calls a loop calls this first, so that a user waits for the compiler once per
    installation, and is told so.

    Parameters
    ----------
    working
        What shows that work is going on, given the words for it; None logs the words as a warning.

    Examples
    --------
    >>> compile_once()
    """
    global _looked
    if _looked:
        return
    _looked = True
    if is_compiled():
        return
    often = "once after installation" if folders() else "as no folder can be written to keep them"
    words = f"compiling loops for this processor, {often}: up to twenty seconds"
    if working is None:
        logger.warning(words)
        compile_all()
    else:
        with working(words):
            compile_all()


def compile_all(on_module: Callable[[int, int], None] = lambda _done, _total: None) -> int:
    """Compile all loops that no earlier process has compiled, and load the others.

    Parameters
    ----------
    on_module
        Called before each module with the number of modules that are done, and of all.

    Returns
    -------
    How many loops had to be compiled.

    Examples
    --------
    >>> _ = compile_all()
    >>> compile_all()
    0
    """
    global _looked
    _looked = True  # the rehearsals come back here
    before = _compilations()
    for done, name in enumerate(MODULES):
        on_module(done, len(MODULES))
        import_module(name)
        rehearsals[name]()
    marker = _marker()
    if marker is not None:
        marker.write_text(_state())
    return _compilations() - before


def is_compiled() -> bool:
    """Whether the machine code of all loops, as they are now, is kept for this processor.

    Examples
    --------
    >>> is_compiled()
    True
    """
    marker = _marker()
    return marker is not None and marker.is_file() and marker.read_text() == _state()


def folders() -> list[Path]:
    """Folders that keep machine code; none where no folder can be written to.

    Examples
    --------
    >>> all(folder.is_dir() for folder in folders())
    True
    """
    return sorted({Path(loop.stats.cache_path) for loop in loops if loop.stats.cache_path})


def _compilations() -> int:
    return sum(sum(loop.stats.cache_misses.values()) for loop in loops)


def _marker() -> Path | None:
    """The file that says for which state of the loops the folder next to it is complete."""
    folder = _loop("vgae.kernels.threads").stats.cache_path
    processor = binding.get_host_cpu_name() + binding.get_host_cpu_features().flatten()
    name = hashlib.sha256(processor.encode()).hexdigest()[:12]
    return Path(folder) / f"loops-{name}.{sys.implementation.cache_tag}" if folder else None


def _loop(module: str) -> Any:
    return next(loop for loop in loops if loop.__module__ == module)


def _state() -> str:
    """A hash of all that machine code is made from, and of what makes it."""
    state = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    rooms = Path(__file__).parent
    paths = [rooms / f"{name}.py" for name in _EMITTING]
    paths += [rooms.parents[1].joinpath(*name.split(".")).with_suffix(".py") for name in MODULES]
    for path in paths:
        state.update(path.read_bytes())
    return state.hexdigest()
