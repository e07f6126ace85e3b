"""What compiled loops are made of that Python has no word for: functions that emit instructions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.extending import intrinsic as _intrinsic

__all__ = ["address", "intrinsic"]


def intrinsic(function: Callable[..., Any]) -> Any:
    """What numba calls an intrinsic: a function that gives its type and emits instructions."""
    return _intrinsic(function)


def address(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """Where an element of a flat array is."""
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])
