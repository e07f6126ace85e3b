"""Numbers that several threads read and change at the same time, for compiled loops.

Each operation is atomic and sequentially consistent: a thread that reads the result of an operation
also sees everything that was written before it. Arrays are contiguous and hold int64. Only code
that numba compiles can call these functions.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba import types

from vgae.model.kernels.intrinsics import address, intrinsic

__all__ = ["compare_and_set", "fetch_add", "items", "read", "write"]

_ORDER, _BYTES = "seq_cst", 8


@intrinsic
def fetch_add(typing: Any, array: Any, index: Any, number: Any) -> Any:  # noqa: ARG001
    """Add to the number at `index` and return what it was before.

    Examples
    --------
    >>> import numpy as np
    >>> counter = np.array([5])
    >>> numba.njit(lambda array: fetch_add(array, 0, 2))(counter), counter.tolist()
    (5, [7])
    """

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = address(context, builder, sig.args[0], *args[:2])
        return builder.atomic_rmw("add", place, args[2], _ORDER)

    return types.int64(array, types.intp, types.int64), emit


@intrinsic
def read(typing: Any, array: Any, index: Any) -> Any:  # noqa: ARG001
    """Read the number at `index`, as the last thread left it.

    Examples
    --------
    >>> import numpy as np
    >>> numba.njit(lambda array: read(array, 1))(np.array([4, 5]))
    5
    """

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = address(context, builder, sig.args[0], *args)
        return builder.load_atomic(place, _ORDER, _BYTES)

    return types.int64(array, types.intp), emit


@intrinsic
def write(typing: Any, array: Any, index: Any, number: Any) -> Any:  # noqa: ARG001
    """Write a number at `index`.

    Examples
    --------
    >>> import numpy as np
    >>> array = np.zeros(2, np.int64)
    >>> numba.njit(lambda array: write(array, 1, 7))(array)
    >>> array.tolist()
    [0, 7]
    """

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = address(context, builder, sig.args[0], *args[:2])
        builder.store_atomic(args[2], place, _ORDER, _BYTES)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.int64), emit


@intrinsic
def compare_and_set(
    typing: Any,  # noqa: ARG001
    array: Any,
    index: Any,  # noqa: ARG001
    expected: Any,  # noqa: ARG001
    number: Any,  # noqa: ARG001
) -> Any:
    """Write a number at `index` if `expected` is there, and return whether it was.

    Examples
    --------
    >>> import numpy as np
    >>> array = np.array([1])
    >>> replace = numba.njit(lambda array: compare_and_set(array, 0, 1, 9))
    >>> replace(array), replace(array), array.tolist()
    (1, 0, [9])
    """

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = address(context, builder, sig.args[0], *args[:2])
        answer = builder.cmpxchg(place, args[2], args[3], _ORDER, _ORDER)
        return builder.zext(builder.extract_value(answer, 1), ir.IntType(8))

    return types.uint8(array, types.intp, types.int64, types.int64), emit


@numba.njit
def items(turn: Any, size: Any, n_items: Any) -> Any:
    """Take items that no other thread has taken, `size` at a time, until none is left.

    `turn` holds the number of items taken and the number of items done.

    Examples
    --------
    >>> import numpy as np
    >>> turn = np.zeros(2, np.int64)
    >>> numba.njit(lambda turn: [item for item in items(turn, 2, 5)])(turn)
    [0, 1, 2, 3, 4]
    >>> int(turn[1])
    5
    """
    first = fetch_add(turn, 0, size)
    while first < n_items:
        stop = min(first + size, n_items)
        for item in range(first, stop):  # noqa: UP028 - numba does not know "yield from"
            yield item
        fetch_add(turn, 1, stop - first)
        first = fetch_add(turn, 0, size)
