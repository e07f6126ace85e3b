"""How many examples hypothesis makes up."""

from __future__ import annotations

from hypothesis import settings


def examples(number: int) -> int:
    """That number of random examples; of those that are the same at every run, a quarter.

    The same examples find at most once what they can find: a few will do in `make test`.
    """
    return max(8, number // 4) if settings().derandomize else number
