"""What each kind of column becomes, through the public names of `vgae.data.attributes`."""

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
    parquet,
    people,
    warnings,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from vgae.data.attributes import encode, feature_names
from vgae.ground.errors import InputError

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


def test_sparse_features_have_narrow_indices(tmp_path: Path) -> None:
    table = people(tmp_path, "id,n,team,bio\n" + "".join(f"{i},{i},{i},a b c\n" for i in range(9)))
    features: Any = encode(
        fitted(table, kinds={"team": "category", "bio": "tfidf"}), table, [1, 2, 3]
    )
    assert features.indices.dtype == features.indptr.dtype == np.int32


# --------------------------------------------------------------------- Parquet


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
    said = "column 'x' holds text that is not UTF-8; save the text as UTF-8"
    assert str(caught.value) == f"{table.path}: {said}"


# --------------------------------------------------------------- missing cells

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


# ---------------------------------------------------------------------- errors


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


def test_a_number_too_far_from_the_mean_is_refused(tmp_path: Path) -> None:
    encoding = fitted(column(tmp_path, ["1", "1.001"]), standardize=True)
    later = column(tmp_path, ["1", "3e38"])
    with pytest.raises(InputError) as caught:
        matrix(encoding, later)
    assert str(caught.value) == (
        f"{later.path}, line 3: column 'x' holds '3e38', too far from the mean, 1.0005, to be "
        "standardized; correct it"
    )


# ---------------------------------------------------------------- later tables


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


# ------------------------------------------------------------------ properties

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
