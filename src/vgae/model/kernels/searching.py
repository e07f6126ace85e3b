"""Binary search in parts of sorted arrays, for compiled loops."""

from __future__ import annotations

from typing import Any

import numba

__all__ = ["first_from"]


@numba.njit
def first_from(values: Any, low: Any, high: Any, least: Any) -> Any:
    """Find the first place from `low` on whose value is not below `least`; `high` if there is none.

    Values from place `low` to place `high`, which is not looked at, are in ascending order.

    Examples
    --------
    >>> import numpy as np
    >>> first_from(np.array([9, 2, 4, 4, 7]), 1, 5, 4), first_from(np.array([2, 4]), 0, 2, 5)
    (2, 2)
    """
    while low < high:
        middle = (low + high) // 2
        if values[middle] < least:
            low = middle + 1
        else:
            high = middle
    return low
