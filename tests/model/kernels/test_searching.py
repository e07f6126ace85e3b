"""Binary search against NumPy's."""

import numpy as np
import pytest

from vgae.model.kernels.searching import first_from


@pytest.mark.parametrize("size", [0, 1, 2, 7, 8])
def test_places_are_those_of_numpy(size: int) -> None:
    random = np.random.default_rng(size)
    for dtype in (np.int32, np.int64, np.float64):
        values = np.sort(random.integers(9, size=size)).astype(dtype)
        for least in range(-1, 11):
            for low in range(size + 1):
                for high in range(low, size + 1):
                    expected = low + np.searchsorted(values[low:high], least, side="left")
                    assert first_from(values, low, high, least) == expected
