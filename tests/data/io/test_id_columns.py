"""Columns of node ids: their types, what is missing, and what looks like a mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from vgae.data.io.id_columns import IdColumns
from vgae.data.tables import open_table
from vgae.ground.errors import InputError


def columns(folder: Path, source: Any, target: Any, *, integer_ids: bool = False) -> IdColumns:
    """Two columns of a Parquet file."""
    path = folder / "e.parquet"
    pyarrow.parquet.write_table(pa.table({"s": source, "t": target}), path)
    table = open_table(path)
    cells = table.read([0, 1], encoded={0, 1})
    return IdColumns.of(table, (0, 1), cells, integer_ids=integer_ids)


def text(folder: Path, content: str) -> IdColumns:
    """Two columns of a CSV file without a header."""
    path = folder / "e.csv"
    path.write_text(content)
    table = open_table(path)
    return IdColumns.of(table, (0, 1), table.read([0, 1], encoded={0, 1}))


def pairs(ids: IdColumns) -> list[tuple[Any, ...]]:
    values = ids.values.to_pylist()
    return [tuple(values[code] for code in row) for row in zip(*ids.codes, strict=True)]


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("a,b\nb,c\n", [("a", "b"), ("b", "c")]),
        ("10,9\n9,-1\n", [(10, 9), (9, -1)]),
        ("1,x\n", [("1", "x")]),
        ("007,7\n", [("007", "7")]),
        ("-0,0\n", [("-0", "0")]),
        ("1.0,2\n", [("1.0", "2")]),
        (f"{2**63 - 1},{-(2**63)}\n", [(2**63 - 1, -(2**63))]),
        (f"{2**63},1\n", [(str(2**63), "1")]),  # longer than 64 bits: all are text
        (" a , b\n", [("a", "b")]),
    ],
)
def test_ids_are_integers_if_all_are_and_otherwise_text(
    tmp_path: Path, content: str, wanted: list[tuple[Any, ...]]
) -> None:
    assert pairs(text(tmp_path, content).checked()) == wanted


@pytest.mark.parametrize(
    "kind", [pa.int8(), pa.uint64(), pa.string(), pa.large_string(), pa.string_view()]
)
def test_columns_of_every_integer_and_text_type(tmp_path: Path, kind: pa.DataType) -> None:
    source = pa.array([1, 2]).cast(pa.string()).cast(kind)
    target = pa.array(["2", "3"]).cast(kind)
    if pa.types.is_string_view(kind):
        target = pa.array(["2", "3"], kind)
        source = pa.array(["1", "2"], kind)
    assert pairs(columns(tmp_path, source, target).checked()) == [(1, 2), (2, 3)]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            pa.array([1.5]),
            r"column 's' holds values of type double, not node ids \(text or integers\); "
            r"--integer-ids \(integer_ids=True\) makes them integers",
        ),
        (pa.array([True]), "column 's' holds values of type bool, .*; name another column"),
        (pa.array([[1]]), "column 's' holds values of type list"),
    ],
)
def test_columns_of_other_types_are_refused(tmp_path: Path, values: pa.Array, said: str) -> None:
    with pytest.raises(InputError, match=said):
        columns(tmp_path, values, ["b"])


def test_whole_floats_become_integers_if_asked_for(tmp_path: Path) -> None:
    ids = columns(tmp_path, [1.0, -2.0, None], [4, 5, 6], integer_ids=True).complete()
    assert pairs(ids.checked(integer_ids=True)) == [(1, 4), (-2, 5)]
    for bad, name in (([1.0, 2.5], "2.5"), ([1.0, 2.0**60], "1.15"), ([1.0, float("inf")], "inf")):
        with pytest.raises(
            InputError, match=rf"row 2: column 's' holds {name}.*, not an integer; "
        ):
            columns(tmp_path, bad, [3, 4], integer_ids=True)


def test_floats_in_text_become_integers_if_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert pairs(text(tmp_path, "0.0,1.\n1.0,2\n").checked(integer_ids=True)) == [(0, 1), (1, 2)]
    assert pairs(text(tmp_path, "0.0,1.0\n").checked()) == [("0.0", "1.0")]
    assert "--integer-ids (integer_ids=True) makes them integers" in caplog.text
    for content, name in (("1,2\n2,x\n", "'x'"), (f"1,2\n2,{2**70}\n", f"'{2**70}'")):
        with pytest.raises(
            InputError, match=f"line 2: column 2 holds {name}, not an integer of 64"
        ):
            text(tmp_path, content).checked(integer_ids=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "a,b\n,c\n",
            r"line 2: column 1 is empty, but must hold a node id \(1 such row\); fill it",
        ),
        ("a,b\nb,  \n,\nc,\n", r"line 2: column 2 is empty, .* \(2 such rows\)"),
        ("a,b\n\\N,c\n", r"line 2: column 1 holds '\\N', a missing value, but must hold"),
    ],
)
def test_missing_ids_are_refused_with_their_place(tmp_path: Path, content: str, said: str) -> None:
    ids = text(tmp_path, content)
    with pytest.raises(InputError, match=said):
        ids.check_complete()
    with pytest.raises(InputError, match=r"such rows?\); --drop them"):
        ids.check_complete("--drop them")


def test_rows_without_an_id_can_be_dropped_and_lines_stay_right(tmp_path: Path) -> None:
    ids = text(tmp_path, 'a,b\nb,\nc,"d\n"\n').complete()
    assert ids.rows is not None
    assert ids.rows.tolist() == [0, 2]
    assert ids.check_complete() is ids
    with pytest.raises(InputError, match=r"e\.csv, line 3: column 2 holds a line break \(an unclo"):
        ids.checked()
    whole = text(tmp_path, "a,b\n")
    assert whole.complete() is whole


def test_null_is_a_missing_id(tmp_path: Path) -> None:
    ids = columns(tmp_path, ["a", None, "c"], ["b", "c", "d"])
    with pytest.raises(InputError, match="row 2: column 's' is empty, but must hold a node id"):
        ids.check_complete()
    assert pairs(ids.complete().checked()) == [("a", "b"), ("c", "d")]


def test_ids_that_no_row_keeps_neither_count_nor_warn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ids = text(tmp_path, "1,2\n2,3\nx,\n").complete().checked()
    assert pairs(ids) == [(1, 2), (2, 3)]
    assert not caplog.text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a , b\nb,c\n", "trimmed blanks around 1 id in column 1"),
        ("ann,bob\nAnn,cid\n", "1 id differs from another only in case or blanks, such as 'ann'"),
        ("a b,c\nab,d\nA B,e\n", "2 ids differ from another only in case or blanks"),
        (
            "".join(f"{i},{i + 1}\n" for i in range(20)) + "3,x7\n",
            "ids are text, not integers, because of 1 of 22, such as 'x7' (",
        ),
    ],
)
def test_likely_mistakes_are_warned_of(
    tmp_path: Path, content: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    text(tmp_path, content).checked()
    assert said in caplog.text


def test_ids_in_no_row_are_kept_and_checked(tmp_path: Path) -> None:
    ids = text(tmp_path, "1,2\n").joined_by(["3"]).checked()
    assert ids.values.to_pylist() == [1, 2, 3]
    assert ids.used.all()
    assert ids.joined_by([]) is ids
    broken = text(tmp_path, "1,2\n").joined_by(["x\ny"])
    with pytest.raises(InputError, match="the id of a node without edges holds a line break"):
        broken.checked()


def test_two_kinds_get_prefixes_only_if_ids_are_in_both_columns(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prefixes = ("user:", "item:")
    ids = text(tmp_path, "1,2\n2,1\n1,3\n").checked()
    assert ids.n_common() == 2
    assert pairs(ids.apart(prefixes)) == [
        ("user:1", "item:2"), ("user:2", "item:1"), ("user:1", "item:3")
    ]  # fmt: skip
    assert "two kinds of nodes, with 2 ids in common: ids are written 'user:1', 'item:2'" in (
        caplog.text
    )
    apart = text(tmp_path, "u1,1\nu2,1\n").checked()
    assert apart.n_common() == 0
    assert apart.apart(prefixes) is apart
    assert pairs(apart.prefixed(prefixes))[0] == ("user:u1", "item:1")


def test_an_id_in_no_row_is_not_common_to_both_columns(tmp_path: Path) -> None:
    ids = text(tmp_path, "u1,1\nu2,1\n").joined_by(["u3"]).checked()
    assert ids.n_common() == 0
    assert ids.apart(("user:", "item:")) is ids
