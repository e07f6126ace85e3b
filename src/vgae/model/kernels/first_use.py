"""All loops of this package, compiled together: by `vgae warm-up`, or when the first is needed."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import llvmlite
import numba
from llvmlite import binding

from vgae.model.kernels.compiled import loops, rehearsals

__all__ = ["EMITTING", "MODULES", "compile_all", "compile_once", "folders", "is_compiled"]

logger = logging.getLogger(__name__)

MODULES = (
    "vgae.model.kernels.threads",
    "vgae.model.kernels.edge_loops",
    "vgae.model.kernels.numba_engine",
    "vgae.model.kernels.hop_products",
    "vgae.model.kernels.ranking",
    "vgae.model.kernels.sparse",
    "vgae.learning.baselines.als",
    "vgae.learning.baselines.heuristics",
    "vgae.learning.baselines.walks",
    "vgae.learning.paths",
)
"""Modules with loops. Those of the baselines are in a row above this one, and are imported by name
only to compile their loops together with the others."""

EMITTING = ("intrinsics", "lanes", "atomics", "searching")
"""Modules of this room whose code becomes a part of loops in other files."""

_looked = False


def compile_once(
    working: Callable[[str], AbstractContextManager[object]] | None = None,
) -> None:
    """Compile all loops unless an earlier process has; later calls do nothing.

    Callers of a loop call this function first, so that users wait for the compiler only once per
    installation, and are told why.

    Parameters
    ----------
    working
        Given a message, makes a context that shows it while loops are compiled. None logs the
        message as a warning.

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
    words = f"compiling loops for this CPU, {often}: up to twenty seconds"
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
        Called before each module with the number of finished modules and of all modules.

    Returns
    -------
    The number of loops that had to be compiled.

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
        with suppress(OSError):  # otherwise the next process looks again
            marker.write_text(_state())
    return _compilations() - before


def is_compiled() -> bool:
    """Whether machine code is kept for all loops, in their present state and for this CPU.

    Examples
    --------
    >>> is_compiled()
    True
    """
    marker = _marker()
    with suppress(OSError):
        return marker is not None and marker.read_text() == _state()
    return False


def folders() -> list[Path]:
    """Return the folders that keep machine code; none if no folder can be written to.

    Examples
    --------
    >>> all(folder.is_dir() for folder in folders())
    True
    """
    return sorted({Path(loop.stats.cache_path) for loop in loops if loop.stats.cache_path})


def _compilations() -> int:
    return sum(sum(loop.stats.cache_misses.values()) for loop in loops)


def _marker() -> Path | None:
    """The file that says for which state of the loops the machine code next to it is complete."""
    folder = _loop("vgae.model.kernels.threads").stats.cache_path
    processor = binding.get_host_cpu_name() + binding.get_host_cpu_features().flatten()
    name = hashlib.sha256(processor.encode()).hexdigest()[:12]
    return Path(folder) / f"loops-{name}.{sys.implementation.cache_tag}" if folder else None


def _loop(module: str) -> Any:
    return next(loop for loop in loops if loop.__module__ == module)


def _state() -> str:
    """A hash of the source of all machine code and of the compiler's version."""
    state = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    rooms = Path(__file__).parent
    paths = [rooms / f"{name}.py" for name in EMITTING]
    paths += [rooms.parents[2].joinpath(*name.split(".")).with_suffix(".py") for name in MODULES]
    for path in paths:
        state.update(path.read_bytes())
    return state.hexdigest()
