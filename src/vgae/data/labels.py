"""Labels of nodes, and which nodes have one."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgae.ground.errors import InputError

__all__ = ["as_labels", "labelled_nodes"]


def as_labels(values: Any) -> NDArray[Any]:
    """Labels as an array of numbers or of texts, in which a missing one can be told.

    None, NaN and pandas' NA are missing labels. Objects become numbers if all of them are numbers,
    where a missing one is NaN, or -1 among integers; otherwise texts, where a missing one is None.

    Raises
    ------
    InputError
        The values are rows of different lengths.

    Examples
    --------
    >>> as_labels(["x", None, "y"]).tolist(), as_labels([7, None]).tolist()
    (['x', None, 'y'], [7, -1])
    """
    try:
        array = np.array(values)
        if array.dtype.kind == "T" or (array.dtype.kind == "U" and not hasattr(values, "dtype")):
            # NumPy turns a list like ["x", nan] into text: look at the list itself.
            objects = np.array(values, dtype=object)
            array = array if _are_texts(objects) and array.dtype.kind == "U" else objects
    except ValueError:
        raise InputError("labels: rows of different lengths; give one label per node") from None
    if array.dtype != object or array.ndim != 1 or _are_texts(array):
        return array
    has_label = np.fromiter(map(_is_label, array), bool, count=len(array))
    given = array[has_label]
    dtype: Any = object
    missing: Any = None
    if _are_numbers(given, Integral) and given.size:
        dtype, missing = np.int64, -1
    elif _are_numbers(given, Real):
        dtype, missing = np.float64, np.nan
    else:
        given = np.array(list(map(str, given)), dtype=object)
    found = np.full(len(array), missing, dtype=dtype)
    try:
        found[has_label] = given
    except OverflowError:
        raise InputError("labels: an integer does not fit 64 bits; give texts") from None
    return found


def _is_label(value: Any) -> bool:
    """Whether it is no None, and equal to itself, as all but NaN are."""
    try:
        return value is not None and bool(value == value)
    except TypeError:  # pandas' NA is neither equal to itself nor different
        return False


def _are_texts(values: NDArray[Any]) -> bool:
    return set(map(type, values.flat)) <= {str}


def _are_numbers(values: NDArray[Any], kind: type) -> bool:
    return all(isinstance(value, kind) and not isinstance(value, bool) for value in values)


def labelled_nodes(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Indices of the nodes that have a label; None, a number below 0, or NaN is no label.

    Examples
    --------
    >>> labelled_nodes(np.array([2, -1, 0])).tolist(), labelled_nodes(as_labels(["x", None]))
    ([0, 2], array([0]))
    """
    if np.issubdtype(labels.dtype, np.number):
        return np.flatnonzero(labels >= 0)
    if labels.dtype == object:
        return np.flatnonzero([label is not None for label in labels])
    return np.arange(len(labels))
