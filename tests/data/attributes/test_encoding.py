"""Which column is of which kind, and the record that encodes later tables alike."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from attribute_tables import (
    BIOS,
    column,
    dense,
    fitted,
    kinds,
    matrix,
    others,
    parquet,
    people,
    warnings,
)
from scipy import sparse

from vgae.data.attributes import AttributeEncoding, encode, feature_names
from vgae.ground.errors import InputError

# -------------------------------------------------------------------- matrices


def test_columns_stand_side_by_side_in_the_order_of_the_table(tmp_path: Path) -> None:
    table = people(tmp_path, "id,age,mail,team\n1,30,a@b,x\n2,40,c@d,y\n3,50,e@f,x\n")
    encoding = fitted(table)
    assert kinds(encoding) == ["number", "ignore", "category"]
    assert feature_names(encoding) == ["age", "team=x", "team=y"]
    assert matrix(encoding, table).tolist() == [[30, 1, 0], [40, 0, 1], [50, 1, 0]]


def test_columns_without_a_header_go_by_number(tmp_path: Path) -> None:
    table = people(tmp_path, "a,1,x\nb,2,y\nc,3,x\n", header=False)
    encoding = fitted(table, kinds={"2": "category", "3": "text"})
    assert feature_names(encoding)[:4] == ["2=1", "2=2", "2=3", "3#0"]


@pytest.mark.parametrize("zeros", [2, 3, 4])
def test_mostly_zeros_are_stored_as_sparse(tmp_path: Path, zeros: int) -> None:
    table = column(tmp_path, ["1", *["0"] * zeros])
    features = encode(fitted(table), table, [1])
    assert sparse.issparse(features) == (1 / (1 + zeros) < 0.25)
    assert features.sum() == 1


# ----------------------------------------------------------------------- kinds


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2", "3"], "number"),
        (["1e5", "-.5", "+3"], "number"),
        (["yes", "no", "yes"], "category"),
        (["a", "b", "c", "c", "a"], "category"),
        (["a", "b", "c", "d", "a"], "category"),  # 0.8 values a cell
        (["a", "b", "c", "d", "e", "a"], "ignore"),
        (["Upper East Side", "Upper East Side", "Lower East Side", "Lower East Side"], "category"),
        (["Upper East Side", "Upper East Side", "Lower East Side"], "text"),
        (BIOS, "text"),
        (["Ann Smith", "Bob Jones", "Cid Brown"], "ignore"),
        (["ann@x.org", "bob@x.org", "cid@x.org"], "ignore"),
        ([f"v{row // 2}" for row in range(2000)], "category"),
        ([f"v{row // 2}" for row in range(2002)], "ignore"),  # 1,001 categories
        (["NA", "red", "", "red"], "category"),
    ],
)
def test_kinds_are_found(tmp_path: Path, cells: list[str], kind: str) -> None:
    if kind == "ignore":
        with pytest.raises(InputError, match="no column gives features"):
            fitted(column(tmp_path, cells))
    else:
        encoding = fitted(column(tmp_path, cells), missing="mean")
        assert kinds(encoding) == [kind]


def test_what_was_found_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "vgae")
    table = people(tmp_path, "id,age,mail,team\n1,30,a@b,x\n2,40,c@d,y\n3,50,e@f,x\n")
    encode(fitted(table), table, others(table))
    assert [record.getMessage().rpartition("/")[2] for record in caplog.records] == [
        "people.csv: column 'mail' is ignored: 3 different values in 3 cells name nodes rather "
        "than describe them; to use it, say --attribute mail=category or --attribute mail=text",
        "people.csv: attributes by kind: number: column 'age'; ignore: column 'mail'; "
        "category: column 'team'",
        "people.csv: 3 features, stored as dense",
    ]
    assert warnings(caplog) == [caplog.messages[0].rpartition("/")[2]]


def test_long_lists_are_cut(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "vgae")
    fitted(people(tmp_path, "a" + ",1" * 20 + "\n", header=False))
    assert caplog.messages[0].endswith("column 8, column 9, ... (20 in all)")


def test_kinds_can_be_given(tmp_path: Path) -> None:
    table = people(tmp_path, "id,zip,mail,x\n1,10,a@b,3\n2,11,c@d,4\n")
    given = {"zip": "category", "3": "category", "x": "standard"}
    encoding = fitted(table, kinds=given)
    assert feature_names(encoding) == ["zip=10", "zip=11", "mail=a@b", "mail=c@d", "x"]
    assert matrix(encoding, table).tolist() == [[1, 0, 1, 0, -1], [0, 1, 0, 1, 1]]


def test_what_is_given_stays_as_it_is_when_numbers_are_standardized(tmp_path: Path) -> None:
    table = people(tmp_path, "id,x,y\n1,3,5\n2,4,6\n")
    assert kinds(fitted(table, kinds={"x": "number"}, standardize=True)) == ["number", "standard"]


# --------------------------------------------------------------- missing cells


def test_how_many_are_missing_is_said_once_a_column(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = people(tmp_path, "id,x,y,t,w\n1,1,,a,one two three\n2,,NA,?,\n3,4,3,a,four five six\n")
    encode(fitted(table, missing="mean", kinds={"y": "standard"}), table, others(table))
    assert warnings(caplog) == [
        "people.csv: column 'x': 1 of 3 cells missing, taken as the mean, 2.5",
        "people.csv: column 'y': 2 of 3 cells missing, taken as the mean, 3",
        "people.csv: column 't': 1 of 3 cells missing, taken as no category",
        "people.csv: column 'w': 1 of 3 cells missing, taken as a text without words",
    ]
    caplog.clear()
    encode(fitted(table, missing="zero", kinds={"y": "ignore"}), table, others(table))
    assert warnings(caplog)[0] == "people.csv: column 'x': 1 of 3 cells missing, taken as 0"


def test_columns_without_any_cell(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = people(tmp_path, "id,x,y\n1,,1\n2,,2\n")
    with pytest.raises(InputError, match="line 2: column 'x' is empty; fill it"):
        fitted(table)
    assert kinds(fitted(table, missing="zero")) == ["ignore", "number"]
    assert warnings(caplog) == ["people.csv: column 'x' is ignored: all of its cells are missing"]
    with pytest.raises(InputError) as caught:
        fitted(table, missing="zero", kinds={"x": "category"})
    assert str(caught.value) == (
        f"{table.path}: column 'x': all of its cells are missing; leave it out with "
        "--attribute x=ignore"
    )
    nulls = parquet(tmp_path, id=[1], x=pa.nulls(1), y=[2.0])
    assert kinds(fitted(nulls, missing="mean")) == ["ignore", "number"]


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kinds": {"agee": "number"}}, "{}: unknown column 'agee': did you mean 'age'? Known: "),
        ({"kinds": {"9": "number"}}, "{}: no column 9; there are 3"),
        ({"kinds": {"id": "number"}}, "{}: column 'id' is no attribute: it holds ids or labels"),
        (
            {"kinds": {"age": "txt"}},
            "{}: column 'age': unknown kind 'txt': did you mean 'text'? Known: category, ignore, "
            "number, standard, text, tfidf",
        ),
        (
            {"kinds": {"age": "text", "2": "tfidf"}},
            "{}: column 'age' is given two kinds, text and tfidf; give one",
        ),
        (
            {"missing": "median"},
            "unknown treatment of missing cells 'median': did you mean 'mean'? Known: error, mean, "
            "zero",
        ),
        (
            {"kinds": {"age": "ignore", "team": "ignore"}},
            "{}: no column gives features; say what one holds with --attribute COLUMN=KIND "
            "(attributes={{'COLUMN': 'KIND'}})",
        ),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    table = people(tmp_path, "id,age,team\n1,30,x\n2,40,x\n")
    with pytest.raises(InputError) as caught:
        fitted(table, **settings)
    assert str(caught.value).startswith(said.format(table.path))


def test_tables_that_cannot_be_encoded(tmp_path: Path) -> None:
    twice = people(tmp_path, "id,x,x,y\n1,2,3,4\n")
    with pytest.raises(InputError) as caught:
        fitted(twice)
    assert str(caught.value) == f"{twice.path}: 2 columns are called 'x'; rename all but one"
    assert feature_names(fitted(twice, kinds={"2": "ignore"})) == ["x", "y"]
    empty = people(tmp_path, "id,x\n")
    later = fitted(people(tmp_path, "id,x\n1,2\n", "later.csv"))
    for refused in (lambda: fitted(empty), lambda: matrix(later, empty)):
        with pytest.raises(InputError) as caught:
            refused()
        assert str(caught.value) == f"{empty.path}: has no rows"


# ---------------------------------------------------------------- later tables

FIRST = "id,age,team,bio\n1,30,x,dogs and cats\n2,40,y,cats or birds\n3,,x,\n4,50,x,only big dogs\n"


@pytest.fixture
def record(tmp_path: Path) -> AttributeEncoding:
    table = people(tmp_path, FIRST)
    encoding = fitted(table, kinds={"bio": "tfidf"}, standardize=True, missing="mean")
    assert kinds(encoding) == ["standard", "category", "tfidf"]
    return encoding


def test_the_record_goes_through_json_to_the_bit(tmp_path: Path, record: AttributeEncoding) -> None:
    table = people(tmp_path, FIRST)
    back = AttributeEncoding.model_validate_json(record.model_dump_json())
    assert back == record
    parsed = AttributeEncoding.parse(json.loads(json.dumps(record.model_dump())))
    assert parsed == record
    assert matrix(back, table).tobytes() == matrix(record, table).tobytes()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"columns": []}, "settings: columns: all are ignored"),
        ({"missing": "drop"}, "settings: missing: input should be 'error', 'mean' or 'zero'"),
        ({"columns": [{"kind": "words"}]}, "settings: columns.0: "),
    ],
)
def test_a_damaged_record_is_refused(
    record: AttributeEncoding, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=f"^{said}"):
        AttributeEncoding.parse({**record.model_dump(), **change})


def test_columns_are_found_by_name(
    tmp_path: Path, record: AttributeEncoding, caplog: pytest.LogCaptureFixture
) -> None:
    expected = matrix(record, people(tmp_path, FIRST))[[3, 0]]
    caplog.clear()
    text = "team,id,shoe,bio,age\nx,4,43,only big dogs,50\nx,1,44,dogs and cats,30\n"
    later = people(tmp_path, text, "later.csv")
    np.testing.assert_array_equal(dense(encode(record, later, [0, 2, 3, 4])), expected)
    assert warnings(caplog) == [
        "later.csv: not used, as the features had no such column: column 'shoe'"
    ]


def test_columns_are_found_by_position_where_names_are_lacking(
    tmp_path: Path, record: AttributeEncoding, caplog: pytest.LogCaptureFixture
) -> None:
    expected = matrix(record, people(tmp_path, FIRST))[:1]
    caplog.clear()
    later = people(tmp_path, "1,30,x,dogs and cats,9\n", "later.csv", header=False)
    np.testing.assert_array_equal(matrix(record, later), expected)
    assert warnings(caplog) == ["later.csv: not used, as the features had no such column: column 5"]


def test_missing_columns_are_named(tmp_path: Path, record: AttributeEncoding) -> None:
    later = people(tmp_path, "id,bio\n1,x\n", "later.csv")
    with pytest.raises(InputError) as caught:
        encode(record, later, [1])
    assert str(caught.value) == (
        f"{later.path}: no attribute column 'age', 'team', of which features were made before; "
        "add it"
    )
    later = people(tmp_path, "1,x,y\n", "later.csv", header=False)
    with pytest.raises(InputError, match="no attribute column 4, of which"):
        encode(record, later, [1, 2])
    later = people(tmp_path, "id,age,team,bio,bio\n1,1,x,y,z\n", "later.csv")
    with pytest.raises(InputError, match="2 columns are called 'bio'; rename all but one"):
        encode(record, later, [1, 2, 3, 4])


def test_ignored_columns_need_not_be_there(tmp_path: Path) -> None:
    encoding = fitted(people(tmp_path, "id,x,y\n1,2,3\n"), kinds={"x": "ignore"})
    assert matrix(encoding, people(tmp_path, "id,y\n1,5\n")).tolist() == [[5]]


def test_a_later_table_may_be_of_another_format(tmp_path: Path, record: AttributeEncoding) -> None:
    expected = matrix(record, people(tmp_path, FIRST))[:2]
    bios = ["dogs and cats", "cats or birds"]
    later = parquet(tmp_path, id=[1, 2], age=[30, 40], team=["x", "y"], bio=bios)
    np.testing.assert_array_equal(matrix(record, later), expected)
