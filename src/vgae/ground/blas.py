"""Matrix products of NumPy and SciPy whose bits do not depend on the number of threads."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from threadpoolctl import ThreadpoolController

__all__ = ["blas_on_one_thread"]


@contextmanager
def blas_on_one_thread() -> Iterator[None]:
    """Limit the matrix products of NumPy and SciPy to one thread.

    With several, their sums depend on the number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> with blas_on_one_thread():
    ...     product = np.ones((2, 3)) @ np.ones(3)
    >>> product.tolist()
    [3.0, 3.0]
    """
    with _libraries(len(sys.modules)).limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _libraries(n_modules: int) -> ThreadpoolController:  # noqa: ARG001
    """The libraries with threads of their own, which take milliseconds to find.

    They are looked for again once more modules have been imported, which may have brought one.
    """
    return ThreadpoolController()
