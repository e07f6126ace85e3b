import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.ids import (
    IdIndex,
    as_ids,
    canonical_int,
    id_bytes,
    id_columns,
    unique_ids,
    unknown_node,
)
from vgae.ground.errors import InputError, nearest


def test_as_ids_takes_arrays_of_every_kind() -> None:
    assert as_ids(np.array(["a", "b"])).dtype == object
    assert as_ids(np.array([1, 2], dtype=np.uint8)).dtype == np.int64
    assert as_ids(np.array([1, 2], dtype=object)).dtype == np.int64
    assert as_ids([]).size == 0
    assert as_ids(pa.chunked_array([["a"], ["b"]])).tolist() == ["a", "b"]


@pytest.mark.parametrize("values", [["a", 1], [1.5], [True, "a"], [None], [(1, 2)], [2**70]])
def test_other_ids_are_refused(values: list[object]) -> None:
    with pytest.raises(InputError, match="node ids"):
        as_ids(values)


def test_only_canonical_digits_are_numbers() -> None:
    assert [canonical_int(name) for name in ("7", "-7", "07", "+7", "7 ", "x", 7)] == [
        7, -7, "07", "+7", "7 ", "x", 7,
    ]  # fmt: skip


def test_columns_come_from_rows_arrays_or_columns() -> None:
    for pairs in (
        [("a", "b"), ("c", "d")],
        np.array([["a", "b"], ["c", "d"]]),
        (np.array(["a", "c"]), np.array(["b", "d"])),
    ):
        source, target = id_columns(pairs)
        assert (source.tolist(), target.tolist()) == (["a", "c"], ["b", "d"])
    assert [column.size for column in id_columns([])] == [0, 0]


def test_two_columns_of_any_library_are_columns_and_two_lists_are_rows() -> None:
    first, second = [1, 3], [2, 4]
    columns: list[Callable[[list[int]], Any]] = [
        np.array, pd.Series, pd.Index, pl.Series, pa.array, torch.tensor,
        lambda ids: pd.Series(ids, index=[7, 7]),
    ]  # fmt: skip
    for one in columns:
        for other in columns:
            source, target = id_columns((one(first), other(second)))
            assert (source.tolist(), target.tolist()) == (first, second)
    for rows in (
        (first, second),
        [first, second],
        [np.array(first), np.array(second)],
        torch.tensor([first, second]),
        pd.DataFrame([first, second]),
        iter([first, second]),
        pd.MultiIndex.from_tuples([first, second]),
    ):
        source, target = id_columns(rows)
        assert (source.tolist(), target.tolist()) == ([1, 2], [3, 4])


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ((np.array([1, 2]), [3, 4]), "tuple of ndarray and list is neither two columns nor rows"),
        ((pd.Series([1, 2]), "ab"), "tuple of Series and str"),
        ((np.array([1]), np.array([1, 2])), "1 ids in one column, 2 in the other"),
        (np.zeros((2, 3), int), r"shape \(2, 3\) is not \(n_pairs, 2\); transpose it"),
        (np.zeros((1, 2, 2), int), r"shape \(1, 2, 2\) is not"),
        (("a", "b"), "row 0: 'a' is not a pair of node ids"),
        ((pd.Series([1.0, 2.0]), pd.Series([1, 2])), "not floats, into which pandas turns"),
        (7, "int holds no pairs"),
        (None, "NoneType holds no pairs"),
    ],
)
def test_what_is_neither_rows_nor_columns_is_refused(pairs: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        id_columns(pairs)


def test_ids_are_unique_or_refused() -> None:
    assert unique_ids(as_ids([3, 1, 2])).tolist() == [3, 1, 2]
    for ids in ([3, 1, 3], ["a", "b", "a"]):
        with pytest.raises(InputError, match="occurs more than once"):
            unique_ids(as_ids(ids))


def test_bytes_tell_ids_apart() -> None:
    def joined(ids: list[str]) -> bytes:
        return b"|".join(part.tobytes() for part in id_bytes(as_ids(ids)))

    assert joined(["ab", "c"]) != joined(["a", "bc"])


def rows_one_by_one(ids: list[Any], wanted: list[Any]) -> list[int]:
    """What `IdIndex` gives, by its definition."""
    key: Callable[[Any], Any] = canonical_int if isinstance(ids[0], int) else str
    place = {name: row for row, name in enumerate(ids)}
    return [place.get(key(name), -1) for name in wanted]


LARGE = st.integers(-(2**63), 2**63 - 1)
SOME = st.one_of(LARGE, st.integers(-5, 30), st.integers(-5, 30).map(str), st.just("007"))


@pytest.mark.parametrize("most", [0, 10**6])
@given(
    st.one_of(
        st.lists(st.one_of(LARGE, st.integers(-5, 30)), min_size=1, unique=True),
        st.permutations(range(5, 25)),
        st.integers(-3, 3).map(lambda first: list(range(first, first + 20))),
        st.lists(st.one_of(st.integers(0, 30).map(str), st.text()), min_size=1, unique=True),
    ),
    st.lists(st.one_of(SOME, st.text(), st.just(2**70), st.just(3.0), st.just(2.5))),
    st.data(),
)
def test_ids_are_found_where_they_stand(
    most: int, ids: list[Any], wanted: list[Any], data: st.DataObject
) -> None:
    """By binary search, and by a dictionary."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vgae.data.ids.MOST_SEARCHED", most)
        check_rows(ids, wanted, data)


def check_rows(ids: list[Any], wanted: list[Any], data: st.DataObject) -> None:
    wanted = wanted + data.draw(st.lists(st.sampled_from(ids)))
    index, expected = IdIndex(as_ids(ids)), rows_one_by_one(ids, wanted)
    assert index.rows(wanted).tolist() == expected
    assert index.rows(np.array([*wanted, None], dtype=object)[:-1]).tolist() == expected
    texts = [name for name in wanted if isinstance(name, str)]
    assert index.rows(np.array(texts, dtype=object)).tolist() == rows_one_by_one(ids, texts)
    numbers = [name for name in wanted if isinstance(name, int) and -(2**63) <= name < 2**63]
    for dtype in (np.int64, object):
        array = np.array(numbers, dtype=dtype)
        assert index.rows(array).tolist() == rows_one_by_one(ids, numbers)
    small = np.array([name for name in numbers if 0 <= name < 256], dtype=np.uint8)
    assert index.rows(small).tolist() == rows_one_by_one(ids, small.tolist())


def test_no_ids_hold_none_and_none_are_wanted() -> None:
    assert IdIndex(as_ids([])).rows([1, "a"]).tolist() == [-1, -1]
    assert IdIndex(as_ids([])).rows(np.array([1])).tolist() == [-1]
    assert IdIndex(as_ids([1])).rows([]).dtype == np.int64
    assert IdIndex(as_ids([1])).rows(np.array([2**64 - 1, 1], dtype=np.uint64)).tolist() == [-1, 0]


@pytest.mark.parametrize(
    "ids", [np.arange(20_000), np.arange(20_000) ** 3], ids=["rows", "integers"]
)
def test_many_ids_are_not_looked_up_by_python(ids: NDArray[Any]) -> None:
    """How many lines of Python run does not depend on the number of ids."""
    wanted = ids[np.random.default_rng(0).integers(len(ids), size=50_000)]
    index = IdIndex(ids)
    steps = 0

    def count(*_: object) -> Callable[..., Any]:
        nonlocal steps
        steps += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        found = index.rows(wanted)
    finally:
        sys.settrace(before)
    assert steps < 1_000
    assert found.tolist() == rows_one_by_one(ids.tolist(), wanted.tolist())


def test_rows_of_lists_are_pairs_or_refused() -> None:
    source, target = id_columns([["a", "b"], ("c", "d")])
    assert (source.tolist(), target.tolist()) == (["a", "c"], ["b", "d"])
    source, target = id_columns([(1, 2), np.array([3, 4])])
    assert (source.tolist(), target.tolist()) == ([1, 3], [2, 4])
    for wrong in ([("a", 1)], [(True, False)], [(("a", "b"), ("c", "d"))], [(1.0, 2.0)]):
        with pytest.raises(InputError, match="node ids|pair") as error:
            id_columns(wrong) if wrong != [("a", 1)] else id_columns([("a", 1), (1, 1)])
        assert "\n" not in str(error.value)


# ---------------------------------------------------------------- near ids


@pytest.mark.parametrize(
    ("name", "ids", "near"),
    [
        ("Ann", ["ann", "bob"], "'ann'"),
        ("ANN SMITH", ["Ann Smith", "bob"], "'Ann Smith'"),
        (" ann ", ["ann", "bob"], "'ann'"),
        ("ann smith", ["annsmith", "bob"], "'annsmith'"),
        ("Zürrich", ["Zürich", "Bern"], "'Zürich'"),
        ("007", [6, 7], "7"),
        ("7", ["006", "007"], "'007'"),
        ("P0533", ["P00533", "Q9Y"], None),
        ("n99", ["n9", "n90"], None),
        (99, [9, 90], None),
        ("zoe", ["ann", "bob"], None),
        ("ann", [1, 2], None),
        ("\x1b[31mAnn", ["\x1b[31mann"], r"'\x1b[31mann'"),
    ],
)
def test_an_unknown_node_is_answered_by_the_nearest(
    name: str | int, ids: list[str | int], near: str | None
) -> None:
    said = str(unknown_node(name, as_ids(ids)))
    assert "is not in the graph" in said
    assert said.partition(": did you mean ")[2] == ("" if near is None else f"{near}?")


def test_of_very_many_ids_those_around_the_name_are_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[int] = []

    def counting(name: str, known: list[str], **options: float) -> str | None:
        compared.append(len(known))
        return nearest(name, known, **options)

    monkeypatch.setattr("vgae.data.ids.nearest", counting)
    names = [f"{letters}{number:05d}" for letters in "axz" for number in range(20_000)]
    said = str(unknown_node("perzon", as_ids([*names, "person"])))
    assert said.endswith("did you mean 'person'?")
    assert compared == [5000]
    said = str(unknown_node("X19999", as_ids(names)))  # far away in their order
    assert said.endswith("did you mean 'x19999'?")
    assert compared == [5000]


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([{"u": "a", "v": "b"}], r"rows are dictionaries, .*pandas.DataFrame\(rows\)"),
        ([("a", "b"), {"u": 1}], "rows are dictionaries"),
        ({"a": "b"}, "pairs: dict holds no pairs"),
        ([{"a", "b"}], "pairs, row 0: .* is not a pair"),
        (sparse.csr_array(np.eye(3)), r"csr_array is a matrix; .*matrix.nonzero\(\)"),
        (sparse.coo_matrix(np.eye(2)), "coo_matrix is a matrix"),
    ],
)
def test_objects_that_are_no_pairs_are_one_clear_line(pairs: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        id_columns(pairs)
    assert "\n" not in str(caught.value)
