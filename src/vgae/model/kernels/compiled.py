"""How loops are compiled, and kept for later processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numpy.typing import NDArray

__all__ = ["compiled", "loops", "read_only", "rehearsal", "rehearsals"]

loops: list[Any] = []
"""All loops of the modules that have been imported."""
rehearsals: dict[str, Callable[[], None]] = {}
"""For each module with loops, a function that calls all of them once."""


def compiled(*, nogil: bool = True, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function when it is first called, and keep the machine code for later processes.

    Parameters
    ----------
    nogil
        Whether other Python threads go on while the function runs.
    **options
        Further options of `numba.njit`, such as `fastmath`.

    Examples
    --------
    The loops of this package are made so:

    >>> from vgae.model.kernels.threads import _reaches
    >>> _reaches in loops
    True
    """

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            loop = numba.njit(cache=True, nogil=nogil, **options)(function)
        except RuntimeError:  # no folder can be written to
            loop = numba.njit(nogil=nogil, **options)(function)
        loops.append(loop)
        return loop

    return decorate


def rehearsal(call: Callable[[], None]) -> Callable[[], None]:
    """Register a function that calls each loop of its module once, on next to no data.

    Loops are compiled for the types of their arguments, so that a rehearsal must call them with
    the types of a real fit.

    Examples
    --------
    >>> from vgae.model.kernels import threads
    >>> rehearsals[threads.__name__]()
    """
    rehearsals[call.__module__] = call
    return call


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A view that cannot be written to.

    To the compiler, arrays that can be written are of another type, for which loops would be
    compiled once more.

    Examples
    --------
    >>> import numpy as np
    >>> array = np.arange(3)
    >>> read_only(array).flags.writeable, array.flags.writeable
    (False, True)
    """
    view = array.view()
    view.flags.writeable = False
    return view
