"""Both rooms of `vgae.attributes` through its four public names."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from vgae.attributes import AttributeEncoding, encode, feature_names, fit_encoding
from vgae.errors import InputError
from vgae.tables import Table, open_table

BIOS = [
    "walks dogs at night",
    "paints dogs and cats and dogs",
    "reads, at night, of cats",
    "plays the violin badly",
]


def people(tmp_path: Path, content: str, name: str = "people.csv", *, header: bool = True) -> Table:
    path = tmp_path / name
    path.write_text(content)
    return open_table(path, header=header)


def column(tmp_path: Path, cells: list[str], name: str = "x") -> Table:
    """A table of an id and one column."""
    rows = "".join(f'{row},"{cell}"\n' for row, cell in enumerate(cells))
    return people(tmp_path, f"id,{name}\n{rows}")


def parquet(tmp_path: Path, **columns: Any) -> Table:
    path = tmp_path / "people.parquet"
    pyarrow.parquet.write_table(pa.table(columns), path)
    return open_table(path)


def others(table: Table) -> list[int]:
    return list(range(1, table.n_columns))


def fitted(table: Table, **settings: Any) -> AttributeEncoding:
    return fit_encoding(table, others(table), **settings)


def matrix(encoding: AttributeEncoding, table: Table) -> NDArray[np.float32]:
    return dense(encode(encoding, table, others(table)))


def dense(features: Any) -> NDArray[np.float32]:
    assert features.dtype == np.float32
    found: NDArray[np.float32] = features.toarray() if sparse.issparse(features) else features
    return found


def kinds(encoding: AttributeEncoding) -> list[str]:
    return [entry.kind for entry in encoding.columns]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    return [message.rpartition("/")[2] for message in found]


# ------------------------------------------------------------- what kinds give


def test_numbers_are_taken_as_they_are(tmp_path: Path) -> None:
    table = column(tmp_path, ["1.5", " -2 ", "1e3", "+.5"])
    encoding = fitted(table)
    assert kinds(encoding) == ["number"]
    assert feature_names(encoding) == ["x"]
    assert matrix(encoding, table).tolist() == [[1.5], [-2.0], [1000.0], [0.5]]


def test_standard_numbers_are_those_of_scikit_learn(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(50, 7, size=(40, 1))
    table = column(tmp_path, [repr(float(value)) for value in values[:, 0]])
    encoding = fitted(table, standardize=True)
    assert kinds(encoding) == ["standard"]
    expected = StandardScaler().fit_transform(values)
    np.testing.assert_allclose(matrix(encoding, table), expected, rtol=1e-6)


@pytest.mark.parametrize("cells", [["0.1"] * 7, ["3e38"] * 3, ["1e-300", "2e-300"]])
def test_a_constant_column_is_divided_by_one(tmp_path: Path, cells: list[str]) -> None:
    table = column(tmp_path, cells)
    encoding = fitted(table, standardize=True)
    assert encoding.model_dump()["columns"][0]["deviation"] == 1.0
    assert not matrix(encoding, table).any()


def test_categories_are_one_hot_in_sorted_order(tmp_path: Path) -> None:
    cells = ["red", "blue", "red", "Äpfel", "red", "blue"]
    table = column(tmp_path, cells)
    encoding = fitted(table)
    assert kinds(encoding) == ["category"]
    assert feature_names(encoding) == ["x=blue", "x=red", "x=Äpfel"]
    one_hot = OneHotEncoder().fit_transform(np.array(cells)[:, np.newaxis]).toarray()
    np.testing.assert_array_equal(matrix(encoding, table), one_hot)


def test_text_is_a_hashed_bag_of_words(tmp_path: Path) -> None:
    table = column(tmp_path, BIOS, "bio")
    encoding = fitted(table)
    assert kinds(encoding) == ["text"]
    assert feature_names(encoding)[17] == "bio#17"
    hashing = HashingVectorizer(n_features=1024, alternate_sign=False, norm="l2")
    features = encode(encoding, table, [1])
    assert sparse.issparse(features)
    np.testing.assert_allclose(dense(features), hashing.transform(BIOS).toarray(), rtol=1e-6)


def test_tfidf_weighs_the_same_words_by_how_rare_they_are(tmp_path: Path) -> None:
    table = column(tmp_path, BIOS)
    encoding = fitted(table, kinds={"x": "tfidf"})
    counts = HashingVectorizer(n_features=1024, alternate_sign=False, norm=None).transform(BIOS)
    expected = TfidfTransformer().fit_transform(counts).toarray()
    np.testing.assert_allclose(matrix(encoding, table), expected, rtol=1e-6)
    later = column(tmp_path, ["dogs and dogs", "unheard of"])
    counts_later = HashingVectorizer(n_features=1024, alternate_sign=False, norm=None).transform(
        ["dogs and dogs", "unheard of"]
    )
    expected = TfidfTransformer().fit(counts).transform(counts_later).toarray()
    np.testing.assert_allclose(matrix(encoding, later), expected, rtol=1e-6)


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


def test_sparse_features_have_narrow_indices(tmp_path: Path) -> None:
    table = people(tmp_path, "id,n,team,bio\n" + "".join(f"{i},{i},{i},a b c\n" for i in range(9)))
    features: Any = encode(
        fitted(table, kinds={"team": "category", "bio": "tfidf"}), table, [1, 2, 3]
    )
    assert features.indices.dtype == features.indptr.dtype == np.int32


@pytest.mark.parametrize("zeros", [2, 3, 4])
def test_mostly_zeros_are_stored_as_sparse(tmp_path: Path, zeros: int) -> None:
    table = column(tmp_path, ["1", *["0"] * zeros])
    features = encode(fitted(table), table, [1])
    assert sparse.issparse(features) == (1 / (1 + zeros) < 0.25)
    assert features.sum() == 1


# ------------------------------------------------------------- what is found


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


# ------------------------------------------------------------------- Parquet


def test_parquet_columns_of_every_type(tmp_path: Path) -> None:
    words = ["red", "blue", "red"]
    table = parquet(
        tmp_path,
        id=[1, 2, 3],
        flag=[True, False, True],
        whole=pa.array([1, 2, 2**60], pa.uint64()),
        half=pa.array([0.5, 1, 2], pa.float16()),
        money=pa.array([1, 2, 3]).cast(pa.decimal128(21, 2)),
        team=pa.array(words).dictionary_encode(),
        large=pa.array(words, pa.large_string()),
        view=pa.array(words, pa.string_view()),
        digits=["1", "2", "3"],
    )
    encoding = fitted(table)
    assert kinds(encoding) == ["number"] * 4 + ["category"] * 3 + ["number"]
    expected = [
        [1, 1, 0.5, 1, 0, 1, 0, 1, 0, 1, 1],
        [0, 2, 1.0, 2, 1, 0, 1, 0, 1, 0, 2],
        [1, 2**60, 2.0, 3, 0, 1, 0, 1, 0, 1, 3],
    ]
    assert matrix(encoding, table).tolist() == expected


def test_numbers_and_truth_values_can_be_categories(tmp_path: Path) -> None:
    table = parquet(tmp_path, id=[1, 2, 3], n=[7, 10, 7], flag=[True, False, None], x=[0.5, 1, 0.5])
    given = dict.fromkeys(["n", "flag", "x"], "category")
    encoding = fitted(table, kinds=given, missing="zero")
    assert feature_names(encoding) == ["n=10", "n=7", "flag=false", "flag=true", "x=0.5", "x=1"]
    assert matrix(encoding, table).tolist() == [
        [0, 1, 0, 1, 1, 0],
        [1, 0, 1, 0, 0, 1],
        [0, 1, 0, 0, 1, 0],
    ]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (pa.array([1], pa.date32()), "date32[day]"),
        (pa.array([[1.0]]), "list<item: double>"),
        (pa.array([b"x"]), "binary"),
    ],
)
def test_other_types_are_refused_unless_they_are_ignored(
    tmp_path: Path, cells: Any, said: str
) -> None:
    table = parquet(tmp_path, id=[1], born=cells, x=[1.0])
    with pytest.raises(InputError) as caught:
        fitted(table)
    assert str(caught.value) == (
        f"{table.path}: column 'born' holds {said.replace('item', 'element')}, not numbers or "
        "text; convert it, or leave it out with --attribute born=ignore"
    )
    assert feature_names(fitted(table, kinds={"born": "ignore"})) == ["x"]


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xff")]
    )
    table = parquet(tmp_path, id=[1], x=broken)
    with pytest.raises(InputError) as caught:
        fitted(table, kinds={"x": "category"})
    assert (
        str(caught.value)
        == f"{table.path}: column 'x' holds text that is not UTF-8; save the text as UTF-8"
    )


# ------------------------------------------------------------- missing cells

MARKS = ["", "  ", "NA", "n/a", "NaN", "null", "NONE", r"\N", r"\n", "?"]


@pytest.mark.parametrize("mark", MARKS)
def test_marks_of_missing_cells(tmp_path: Path, mark: str) -> None:
    table = column(tmp_path, ["1", mark, "4"])
    assert matrix(fitted(table, missing="mean"), table)[:, 0].tolist() == [1, 2.5, 4]
    assert matrix(fitted(table, missing="zero"), table)[:, 0].tolist() == [1, 0, 4]
    said = "is empty" if not mark.strip() else f"holds '{mark}', not a finite number"
    with pytest.raises(InputError) as caught:
        fitted(table)
    assert str(caught.value) == (
        f"{table.path}, line 3: column 'x' {said}; fill it, or fit with --missing mean or zero"
    )


@pytest.mark.parametrize("kind", ["category", "text", "tfidf"])
@pytest.mark.parametrize("missing", ["mean", "zero"])
def test_missing_text_is_no_category_and_no_word(tmp_path: Path, kind: str, missing: str) -> None:
    table = column(tmp_path, ["red dog", "none", "red dog", ""])
    rows = matrix(fitted(table, kinds={"x": kind}, missing=missing), table)
    assert rows.any(axis=1).tolist() == [True, False, True, False]
    with pytest.raises(InputError, match="line 3: column 'x' holds 'none', not a"):
        fitted(table, kinds={"x": kind})


def test_missing_numbers_that_are_standardized(tmp_path: Path) -> None:
    table = column(tmp_path, ["1", "", "3"])
    assert matrix(fitted(table, standardize=True, missing="mean"), table).tolist() == [
        [-1], [0], [1],
    ]  # fmt: skip
    assert matrix(fitted(table, standardize=True, missing="zero"), table).tolist() == [
        [-1], [-2], [1],
    ]  # fmt: skip


def test_nulls_and_nan_of_parquet_are_missing(tmp_path: Path) -> None:
    table = parquet(
        tmp_path, id=[1, 2, 3], x=[1.0, None, float("nan")], n=[4, None, 8], team=["a", None, "a"]
    )
    encoding = fitted(table, missing="mean")
    assert matrix(encoding, table).tolist() == [[1, 4, 1], [1, 6, 0], [1, 8, 1]]
    with pytest.raises(
        InputError, match="row 2: column 'x' is empty; fill it, or fit with --missing"
    ):
        fitted(table)
    with pytest.raises(InputError, match="row 2: column 'team' is empty; fill it"):
        fitted(table, kinds={"x": "ignore", "n": "ignore"})


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


# -------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("red", "holds 'red', not a finite number"),
        ("0,5", "holds '0,5', not a finite number"),
        ("inf", "holds 'inf', not a finite number"),
        ("1e39", "holds '1e39', not a finite number"),
    ],
)
@pytest.mark.parametrize("missing", ["error", "mean"])
def test_odd_cells_among_numbers(tmp_path: Path, cell: str, said: str, missing: str) -> None:
    table = column(tmp_path, ["1", cell])
    with pytest.raises(InputError) as caught:
        fitted(table, missing=missing)
    assert str(caught.value) == f"{table.path}, line 3: column 'x' {said}"


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


# -------------------------------------------------------------- later tables

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


def test_unknown_categories_are_none_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    encoding = fitted(column(tmp_path, ["red", "blue", "red"]))
    later = column(tmp_path, ["pink", "blue ", "pink", "Red"])
    assert matrix(encoding, later).tolist() == [[0, 0], [1, 0], [0, 0], [0, 0]]
    assert warnings(caplog) == [
        "people.csv: column 'x': trimmed blanks around 1 cell",
        "people.csv: column 'x': 3 cells of an unknown category, taken as none: 'pink', 'Red'",
    ]


def test_later_cells_are_filled_with_what_was_known_before(tmp_path: Path) -> None:
    encoding = fitted(column(tmp_path, ["1", "3"]), missing="mean")
    later = column(tmp_path, ["10", ""])
    assert matrix(encoding, later).tolist() == [[10], [2]]
    with pytest.raises(InputError, match="line 3: column 'x' is empty; fill it"):
        matrix(fitted(column(tmp_path, ["1", "3"])), column(tmp_path, ["1", ""]))


def test_a_number_too_far_from_the_mean_is_refused(tmp_path: Path) -> None:
    encoding = fitted(column(tmp_path, ["1", "1.001"]), standardize=True)
    later = column(tmp_path, ["1", "3e38"])
    with pytest.raises(InputError) as caught:
        matrix(encoding, later)
    assert str(caught.value) == (
        f"{later.path}, line 3: column 'x' holds '3e38', too far from the mean, 1.0005, to be "
        "standardized; correct it"
    )


def test_a_later_table_may_be_of_another_format(tmp_path: Path, record: AttributeEncoding) -> None:
    expected = matrix(record, people(tmp_path, FIRST))[:2]
    bios = ["dogs and cats", "cats or birds"]
    later = parquet(tmp_path, id=[1, 2], age=[30, 40], team=["x", "y"], bio=bios)
    np.testing.assert_array_equal(matrix(record, later), expected)


# ---------------------------------------------------------------- properties

KINDS = st.sampled_from(["number", "standard", "category", "text", "tfidf", None])
WORDS = st.sampled_from(
    ["1", "2.5", "red", "NA", "", "three words here", "1e39", "\\N", "0", "x y"]
)
CELLS = st.lists(st.text(st.characters(codec="utf-8")) | WORDS, min_size=1, max_size=12)


@given(cells=CELLS, later=CELLS, kind=KINDS, missing=st.sampled_from(["error", "mean", "zero"]))
def test_any_text_is_encoded_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
    cells: list[str],
    later: list[str],
    kind: str | None,
    missing: str,
) -> None:
    folder = tmp_path_factory.mktemp("any")
    table = parquet(folder, id=list(range(len(cells))), x=cells)
    try:
        encoding = fitted(table, kinds={"x": kind} if kind else None, missing=missing)
    except InputError:
        return
    for rows in (cells, later):
        table = parquet(folder, id=list(range(len(rows))), x=rows)
        try:
            features = matrix(encoding, table)
        except InputError:
            assert rows is later  # what was fitted can be encoded
            continue
        assert features.shape == (len(rows), len(feature_names(encoding)))
        assert np.isfinite(features).all()


@given(
    values=st.lists(
        st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20
    )
)
def test_standardized_numbers_are_finite(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    table = parquet(tmp_path_factory.mktemp("any"), id=list(range(len(values))), x=values)
    features = matrix(fitted(table, standardize=True), table)
    assert np.abs(features).max() <= len(values)
