"""Numbers that several threads read and change at the same time, for compiled loops.

Each operation is indivisible, and what a thread wrote before one is seen by every thread that reads
the result after it (sequentially consistent). Arrays hold int64 and are contiguous. Only code
compiled by numba can use these names.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba import types

from vgae.kernels.intrinsics import address, intrinsic

__all__ = ["compare_and_set", "fetch_add", "items", "read", "write"]

_ORDER, _BYTES = "seq_cst", 8


@intrinsic
def fetch_add(typing: Any, array: Any, index: Any, number: Any) -> Any:  # noqa: ARG001
    """Add to the number at `index`; what it was before."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = address(context, builder, sig.args[0], *args[:2])
        return builder.atomic_rmw("add", place, args[2], _ORDER)

    return types.int64(array, types.intp, types.int64), emit


@intrinsic
def read(typing: Any, array: Any, index: Any) -> Any:  # noqa: ARG001
    """The number at `index`, as the last thread left it."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = address(context, builder, sig.args[0], *args)
        return builder.load_atomic(place, _ORDER, _BYTES)

    return types.int64(array, types.intp), emit


@intrinsic
def write(typing: Any, array: Any, index: Any, number: Any) -> Any:  # noqa: ARG001
    """Put a number at `index`."""

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
    """Put a number at `index` if `expected` is there; whether it was."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = address(context, builder, sig.args[0], *args[:2])
        answer = builder.cmpxchg(place, args[2], args[3], _ORDER, _ORDER)
        return builder.zext(builder.extract_value(answer, 1), ir.IntType(8))

    return types.uint8(array, types.intp, types.int64, types.int64), emit


@numba.njit
def items(turn: Any, size: Any, n_items: Any) -> Any:
    """Items that no other thread has taken, `size` at a time, until all are taken.

    `turn` holds how many have been taken, and how many of them are done.
    """
    first = fetch_add(turn, 0, size)
    while first < n_items:
        stop = min(first + size, n_items)
        for item in range(first, stop):  # noqa: UP028 - numba does not know "yield from"
            yield item
        fetch_add(turn, 1, stop - first)
        first = fetch_add(turn, 0, size)
