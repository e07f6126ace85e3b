"""Addresses of elements of any type, in arrays with any start."""

from typing import Any

import numba
import numpy as np
import pytest
from numba import types
from numpy.typing import NDArray

from vgae.model.kernels.intrinsics import address, intrinsic


@intrinsic
def element(typing: Any, array: Any, index: Any) -> Any:  # noqa: ARG001
    """Load an element through its address."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(address(context, builder, sig.args[0], *args))

    return array.dtype(array, types.intp), emit


@numba.njit
def elements(array: Any) -> Any:
    return [element(array, place) for place in range(array.size)]


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64])
def test_elements_are_found_by_their_address(dtype: type) -> None:
    array: NDArray[Any] = np.arange(5, dtype=dtype)
    assert elements(array) == [0, 1, 2, 3, 4]
    assert elements(array[2:]) == [2, 3, 4]
