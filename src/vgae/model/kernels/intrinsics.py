"""Functions that emit machine instructions which Python has no expression for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.extending import intrinsic as _intrinsic

__all__ = ["address", "intrinsic"]


def intrinsic(function: Callable[..., Any]) -> Any:
    """Make a numba intrinsic: a function that returns its type and emits its instructions.

    Examples
    --------
    >>> from numba import njit, types
    >>> @intrinsic
    ... def seven(typing):
    ...     return types.int64(), lambda context, builder, sig, args: context.get_constant(
    ...         types.int64, 7
    ...     )
    >>> njit(lambda: seven())()
    7
    """
    return _intrinsic(function)


def address(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """Emit the address of an element of a flat array.

    Examples
    --------
    `vgae.model.kernels.atomics.read` loads from the address that this function emits:

    >>> import numpy as np
    >>> from numba import njit
    >>> from vgae.model.kernels.atomics import read
    >>> njit(lambda array: read(array, 1))(np.array([4, 5]))
    5
    """
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])
