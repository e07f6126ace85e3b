"""Node ids: arrays of strings or integers that can be checked, compared, looked up and hashed."""

from __future__ import annotations

import re
import reprlib
import sys
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import cached_property
from itertools import repeat
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from vgae.ground.errors import InputError, nearest, shown

__all__ = [
    "IdArray",
    "IdIndex",
    "NodeId",
    "as_ids",
    "canonical_int",
    "encode_columns",
    "id_bytes",
    "id_columns",
    "number_ids",
    "unique_ids",
    "unknown_node",
]

NodeId: TypeAlias = str | int
IdArray: TypeAlias = NDArray[Any]
"""Node ids: int64, or objects that are all `str`."""
MOST_COMPARED, ALIKE = 5000, 0.65
"""Ids that are compared with an unknown one, and how alike they must be."""
MOST_SEARCHED = 20_000
"""Texts that are searched one by one; for more, a dictionary is made and dropped again."""


def as_ids(values: Any) -> IdArray:
    """Node ids as an int64 array or an array of `str` objects.

    Raises
    ------
    InputError
        The ids are neither all strings nor all integers.

    Examples
    --------
    >>> as_ids(["b", "a"]).tolist(), as_ids([2, 1]).dtype.kind
    (['b', 'a'], 'i')
    """
    if _is_arrow(values):
        values = values.to_numpy(zero_copy_only=False) if len(values) else np.empty(0, np.int64)
    if isinstance(values, (list, tuple)) and set(map(type, values)) == {str}:
        return np.array(values, dtype=object)
    array = np.asarray(values)
    if array.size == 0:
        return np.empty(0, dtype=np.int64)
    if array.ndim != 1:
        raise InputError("node ids must be all strings or all integers")
    if array.dtype.kind in "iu" and array.max() <= np.iinfo(np.int64).max:
        return array.astype(np.int64)
    if array.dtype.kind in "UT":
        # NumPy turns a list like ["a", 1] into text: look at the list itself.
        if isinstance(values, np.ndarray) or _all_are(values, str):
            return array.astype(object)
    elif array.dtype.kind == "O":
        if _all_are(array, str):
            return array.copy()
        if _all_are(array, (int, np.integer)) and not _all_are(array, bool):
            try:
                return array.astype(np.int64)
            except OverflowError:
                raise InputError("node ids: an integer does not fit 64 bits; use text") from None
    hint = ""
    if array.dtype.kind == "f":
        hint = ", not floats, into which pandas turns integers where a value is missing"
    raise InputError(f"node ids must be all strings or all integers{hint}")


def _all_are(values: Iterable[Any], kinds: type | tuple[type, ...]) -> bool:
    """Whether all values are instances of these types, without a loop in Python."""
    return all(issubclass(kind, kinds) for kind in set(map(type, values)))


def _is_arrow(values: Any) -> bool:
    """Whether it is a PyArrow column; PyArrow takes 30 MB, so it is not imported to find out."""
    arrow = sys.modules.get("pyarrow")
    return arrow is not None and isinstance(values, (arrow.Array, arrow.ChunkedArray))


def canonical_int(name: Any) -> Any:
    """The integer that a text spells exactly, otherwise the value itself.

    Examples
    --------
    >>> canonical_int("7"), canonical_int("007"), canonical_int("ann")
    (7, '007', 'ann')
    """
    if isinstance(name, str):
        try:
            number = int(name)
        except ValueError:
            return name
        return number if str(number) == name else name
    return name


def id_columns(pairs: Any) -> tuple[IdArray, IdArray]:
    """The two ends of pairs of node ids, one column each.

    Two pairs and two columns of length two have the same shape, so the types decide. A tuple of
    two one-dimensional arrays (NumPy, PyArrow, torch, a Series) holds two columns, one per end,
    whose rows are matched by position. Everything else holds one pair per row: a list or tuple of
    pairs, an array of shape (n_pairs, 2), an iterator.

    Raises
    ------
    InputError
        Rows are not pairs, columns differ in length, or ids are neither all strings nor all
        integers.

    Examples
    --------
    >>> [column.tolist() for column in id_columns([("a", "b"), ("c", "d")])]
    [['a', 'c'], ['b', 'd']]
    >>> [column.tolist() for column in id_columns((np.array([1, 2]), np.array([3, 4])))]
    [[1, 2], [3, 4]]
    """
    if isinstance(pairs, tuple) and len(pairs) == 2 and any(map(_is_column, pairs)):
        return _two_columns(*pairs)
    if hasattr(pairs, "__array__") and not _is_column(pairs):
        rows = np.asarray(pairs)
        if rows.ndim != 2 or rows.shape[1] != 2:
            hint = "; transpose it" if rows.ndim == 2 and rows.shape[0] == 2 else ""
            raise InputError(f"pairs: shape {rows.shape} is not (n_pairs, 2){hint}")
        return as_ids(rows[:, 0]), as_ids(rows[:, 1])
    if hasattr(pairs, "tocoo"):
        raise InputError(
            f"pairs: {type(pairs).__name__} is a matrix; give the pairs of its entries, as a tuple "
            "of two arrays: matrix.nonzero()"
        )
    if isinstance(pairs, Mapping):
        raise InputError(
            f"pairs: {type(pairs).__name__} holds no pairs of node ids; give a list of pairs, or a "
            "data frame: pandas.DataFrame(...)"
        )
    if not isinstance(pairs, Iterable):
        raise InputError(f"pairs: {type(pairs).__name__} holds no pairs of node ids")
    return _columns_of_rows(list(pairs))


def _is_column(part: Any) -> bool:
    """Whether it is a one-dimensional array of any library."""
    return _is_arrow(part) or (hasattr(part, "__array__") and len(np.shape(part)) == 1)


def _two_columns(first: Any, second: Any) -> tuple[IdArray, IdArray]:
    if not (_is_column(first) and _is_column(second)):
        raise InputError(
            f"pairs: a tuple of {type(first).__name__} and {type(second).__name__} is neither two "
            "columns nor rows of pairs; give two arrays or Series, or a list of pairs"
        )
    source, target = as_ids(first), as_ids(second)
    if len(source) != len(target):
        raise InputError(f"pairs: {len(source)} ids in one column, {len(target)} in the other")
    return source, target


def _columns_of_rows(rows: list[Any]) -> tuple[IdArray, IdArray]:
    if not rows:
        return as_ids([]), as_ids([])
    if _all_are(rows, (tuple, list)) and set(map(len, rows)) == {2}:
        cells = np.array(rows, dtype=object)
        if cells.ndim == 2:  # otherwise a cell is a list, and its row is reported below
            return as_ids(cells[:, 0]), as_ids(cells[:, 1])
    if any(isinstance(row, Mapping) for row in rows):
        raise InputError(
            "pairs: rows are dictionaries, not pairs of node ids; give a data frame: "
            "pandas.DataFrame(rows)"
        )
    for number, row in enumerate(rows):
        if isinstance(row, (str, bytes, Set)) or not hasattr(row, "__len__") or len(row) != 2:
            raise InputError(f"pairs, row {number}: {reprlib.repr(row)} is not a pair of node ids")
    return as_ids([row[0] for row in rows]), as_ids([row[1] for row in rows])


@final
class IdIndex:
    """The rows of ids by binary search, which takes no memory if they are in ascending order.

    Digits match integers and vice versa, since text files know only text.

    Parameters
    ----------
    ids
        Distinct ids, shape (n_ids,).

    Examples
    --------
    >>> IdIndex(as_ids([10, 30, 20])).rows(["20", 10, 99, "010"]).tolist()
    [2, 0, -1, -1]
    >>> IdIndex(as_ids(["1", "b"])).rows(np.array([2, 1])).tolist()
    [-1, 0]
    """

    def __init__(self, ids: IdArray) -> None:
        self._ids = ids

    def rows(self, wanted: Iterable[NodeId] | IdArray) -> NDArray[np.int64]:
        """The row of each wanted id, -1 for an unknown one."""
        whole = isinstance(wanted, np.ndarray) and wanted.ndim == 1
        names: Any = wanted if whole else list(wanted)
        if not self._ids.size:
            return np.full(len(names), -1)
        if self._ids.dtype.kind == "i":
            numbers = _as_integers(names)
            if numbers is not None:
                return self._rows_of_integers(numbers)
        if whole:
            names = names.tolist()
        if self._ids.dtype.kind == "i":
            return self._rows_of_spelled(names)
        return self._rows_of_text(names if _all_are(names, str) else list(map(str, names)))

    def _rows_of_integers(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        ids, _ = self._sorted
        if int(ids[-1]) - int(ids[0]) != ids.size - 1:
            return self._rows_at(self._places(numbers))
        places = numbers - ids[0]  # all integers of a range
        places[(numbers < ids[0]) | (numbers > ids[-1])] = -1
        return self._rows_at(places)

    def _rows_of_spelled(self, names: list[Any]) -> NDArray[np.int64]:
        """Rows of the integers that names spell."""
        numbers = [canonical_int(_spelled(name)) for name in names]
        places = [place for place, number in enumerate(numbers) if _is_int64(number)]
        rows = np.full(len(names), -1)
        rows[places] = self._rows_of_integers(np.array([numbers[place] for place in places], int))
        return rows

    def _rows_of_text(self, names: list[str]) -> NDArray[np.int64]:
        if len(names) > MOST_SEARCHED:
            row_of = {name: row for row, name in enumerate(self._ids.tolist())}
            return np.fromiter(map(row_of.get, names, repeat(-1)), np.int64, count=len(names))
        return self._rows_at(self._places(np.array(names, dtype=object)))

    def _places(self, wanted: IdArray) -> NDArray[np.int64]:
        """Places among the sorted ids, -1 for an unknown one."""
        ids, _ = self._sorted
        places = np.minimum(np.searchsorted(ids, wanted), ids.size - 1)
        places[(ids[places] != wanted).astype(bool)] = -1
        return places

    def _rows_at(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        _, order = self._sorted
        return places if order is None else np.append(order, -1)[places]

    @cached_property
    def _sorted(self) -> tuple[IdArray, NDArray[np.int64] | None]:
        """The ids in ascending order, and the row of each; None if they were in order."""
        if bool((self._ids[1:] > self._ids[:-1]).all()):
            return self._ids, None
        order = np.argsort(self._ids)
        return self._ids[order], order


def _as_integers(names: Any) -> NDArray[np.int64] | None:
    """Integers as an array; None if not all are integers of 64 bits."""
    if isinstance(names, np.ndarray):
        if names.dtype.kind == "i" or (names.dtype.kind == "u" and names.dtype.itemsize < 8):
            return names.astype(np.int64)
        names = names.tolist()
    if not _all_are(names, (int, np.integer)):
        return None
    try:
        return np.array(names, dtype=np.int64)
    except OverflowError:
        return None


def _is_int64(number: Any) -> bool:
    return isinstance(number, int) and -(2**63) <= number < 2**63


def _spelled(name: Any) -> str:
    """A name as text; a whole number that was read as a float is written as an integer."""
    return str(int(name) if isinstance(name, float) and name.is_integer() else name)


def encode_columns(columns: Sequence[Any]) -> tuple[list[NDArray[np.int32]], Any]:
    """Columns of one type as positions in the array of all their distinct values.

    Returns
    -------
    The positions, shape (n_rows,) for each column, -1 where a cell is null; and the values in the
    order of their first occurrence, as a PyArrow array.

    Examples
    --------
    >>> codes, values = encode_columns([["b", "a"], ["a", "c"]])
    >>> [column.tolist() for column in codes], values.to_pylist()
    ([[0, 1], [1, 2]], ['b', 'a', 'c'])
    """
    import pyarrow as pa

    try:
        columns = [c if _is_arrow(c) else pa.array(c) for c in columns]
    except UnicodeEncodeError as error:
        raise InputError(f"node id {error.object!r} is not text that can be written") from None
    chunked = [pa.chunked_array([c]) if isinstance(c, pa.Array) else c for c in columns]
    chunks = [chunk for column in chunked for chunk in column.chunks]
    whole = pa.chunked_array(chunks, type=chunked[0].type)
    if not pa.types.is_dictionary(whole.type):
        whole = whole.dictionary_encode()
    whole = whole.unify_dictionaries()
    if not whole.num_chunks:
        return [np.empty(0, np.int32) for _ in columns], pa.array([], whole.type.value_type)
    codes = [chunk.indices.fill_null(-1).to_numpy() for chunk in whole.chunks]
    ends = np.cumsum([len(column) for column in chunked])[:-1]
    return np.split(np.concatenate(codes), ends), whole.chunk(0).dictionary


def number_ids(values: Any, used: NDArray[np.bool_]) -> tuple[IdArray, NDArray[np.int32]]:
    """Number distinct ids in sorted order, so that the order of rows does not matter.

    Parameters
    ----------
    values
        Ids, strings or integers, as a PyArrow array; equal ones become one.
    used
        Which of the values count, shape (n_values,).

    Returns
    -------
    The distinct ids, sorted; and the place of each value among them, -1 for one that does not
    count.

    Examples
    --------
    >>> import pyarrow
    >>> ids, places = number_ids(pyarrow.array(["b", "x", "a"]), np.array([True, False, True]))
    >>> ids.tolist(), places.tolist()
    (['a', 'b'], [1, -1, 0])
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = values.filter(pa.array(used)).dictionary_encode()
    order = pc.sort_indices(encoded.dictionary)
    place = np.empty(len(order), dtype=np.int32)
    place[order.to_numpy()] = np.arange(len(order), dtype=np.int32)
    places = np.full(len(values), -1, dtype=np.int32)
    places[used] = place[encoded.indices.to_numpy()]
    return as_ids(encoded.dictionary.take(order)), places


def unique_ids(ids: IdArray) -> IdArray:
    """The ids as they are, after a check that none occurs twice.

    Raises
    ------
    InputError
        An id occurs more than once.

    Examples
    --------
    >>> unique_ids(as_ids(["b", "a"])).tolist()
    ['b', 'a']
    """
    if ids.dtype.kind == "i" and bool((np.diff(ids) > 0).all()):
        return ids
    import pyarrow as pa
    import pyarrow.compute as pc

    counts = pc.value_counts(pa.array(ids))
    repeated = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(repeated):
        raise InputError(f"node id {repeated[0]['values'].as_py()!r} occurs more than once")
    return ids


def unknown_node(name: NodeId, ids: IdArray) -> InputError:
    """Error for a node that is not among these ids, with the id that was probably meant.

    That is one which differs by case, blanks or leading zeros alone, or is spelt much alike. Ids
    that differ by a number alone, such as n9 and n99, are different nodes and no slip.

    Examples
    --------
    >>> print(unknown_node("Ann", as_ids(["ann", "bob"])))
    node 'Ann' is not in the graph: did you mean 'ann'?
    >>> print(unknown_node("007", as_ids([6, 7])))
    node '007' is not in the graph: did you mean 7?
    """
    near = _near_id(str(name), ids)
    hint = (
        "" if near is None else f": did you mean {near if ids.dtype.kind == 'i' else shown(near)}?"
    )
    return InputError(f"node {shown(name)} is not in the graph{hint}")


def _near_id(name: str, ids: IdArray) -> NodeId | None:
    bare = name.strip()
    number = bare.lstrip("0") or "0"
    places = IdIndex(ids).rows([bare, bare.lower(), bare.upper(), bare.title(), number])
    if (places >= 0).any():
        found: NodeId = ids[places[places >= 0][0]]
        return found
    others = _neighbours(bare, list(map(str, ids.tolist())))
    digits = re.compile(r"\d+")
    if digits.search(bare):
        same = digits.sub("", bare)
        zeros = {other.lstrip("0"): other for other in others if other.isdigit()}
        if bare.isdigit() and number in zeros:
            return zeros[number]
        others = [other for other in others if digits.sub("", other) != same]
    return nearest(bare, others, cutoff=ALIKE)


def _neighbours(name: str, ids: list[str]) -> list[str]:
    """The ids that stand around a name in their order, if they are too many to compare all."""
    if len(ids) <= MOST_COMPARED:
        return ids
    ids.sort()
    place = bisect_left(ids, name)
    return ids[max(0, place - MOST_COMPARED // 2) : place + MOST_COMPARED // 2]


def id_bytes(ids: IdArray) -> tuple[NDArray[Any], ...]:
    """Arrays that are equal if and only if the ids are.

    Examples
    --------
    >>> [part.tolist() for part in id_bytes(as_ids(["ab", "c"]))]
    [[2, 1], [97, 98, 99]]
    """
    if ids.dtype.kind == "i":
        return (ids,)
    encoded = [name.encode() for name in ids]
    lengths = np.fromiter((len(name) for name in encoded), np.int64, count=len(encoded))
    return lengths, np.frombuffer(b"".join(encoded), dtype=np.uint8)
