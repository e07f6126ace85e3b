"""How a column becomes features: its cells as they were read, and the kinds of columns."""

from __future__ import annotations

import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias, final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from vgae.data.graph import count
from vgae.data.tables import Table
from vgae.ground.config import Dimension, Settings
from vgae.ground.errors import InputError, one_line

__all__ = [
    "KINDS",
    "Block",
    "CategoryColumn",
    "Cells",
    "Column",
    "FeatureColumn",
    "IgnoredColumn",
    "Missing",
    "NumberColumn",
    "StandardColumn",
    "TextColumn",
    "TfidfColumn",
    "listed",
]

logger = logging.getLogger(__name__)

Missing: TypeAlias = Literal["error", "mean", "zero"]
Block: TypeAlias = NDArray[np.float64] | sparse.csr_array[Any]

MISSING_MARK = r"(?i)\A(na|n/a|nan|null|none|\\n|\?|)\z"
BUCKETS = 1024
MOST_LISTED = 8


def is_missing(cell: str) -> bool:
    """Whether a text cell is empty or holds a usual mark of a missing value.

    Examples
    --------
    >>> is_missing(" NA"), is_missing("none of them")
    (True, False)
    """
    return re.match(MISSING_MARK.replace(r"\z", r"\Z"), cell.strip()) is not None


@dataclass(frozen=True, eq=False)
class Cells:
    r"""A column of a table as it was read.

    Attributes
    ----------
    table, column
        Where the cells come from.
    values
        Text without blanks around it, integers, truth values, or float64.
    missing
        Which cells are missing, shape (n_rows,).
    n_trimmed
        Number of cells that had blanks around their text.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from vgae.data.tables import open_table
    >>> path = Path(tempfile.mkdtemp()) / "people.csv"
    >>> _ = path.write_text("id,age,team\nann,31,red\nbob,,blue\n")
    >>> age, team = Cells.read(open_table(path, header=True), [1, 2])
    >>> age.name, age.n_rows, age.is_text, age.missing.tolist()
    ('age', 2, True, [False, True])
    >>> age.numbers(fill=0.0).tolist(), age.present.to_pylist(), team.texts().to_pylist()
    ([31.0, 0.0], ['31'], ['red', 'blue'])
    >>> age.described.endswith("people.csv: column 'age'"), age.option("ignore")
    (True, '--attribute age=ignore')
    >>> team.check_present("a category")
    """

    table: Table
    column: int
    values: pa.ChunkedArray
    missing: NDArray[np.bool_]
    n_trimmed: int = 0

    @classmethod
    def read(cls, table: Table, columns: Sequence[int]) -> list[Cells]:
        """Columns by position.

        Raises
        ------
        InputError
            A column holds neither numbers nor text, or there are no rows.
        """
        read = [
            cls._understood(table, column, cells)
            for column, cells in zip(columns, table.read(columns), strict=True)
        ]
        if read and not read[0].n_rows:
            raise InputError(f"{table.path}: has no rows")
        return read

    @classmethod
    def _understood(cls, table: Table, column: int, cells: pa.ChunkedArray) -> Cells:
        if pa.types.is_dictionary(cells.type):
            cells = cells.cast(cells.type.value_type)
        if pa.types.is_string_view(cells.type) or pa.types.is_null(cells.type):
            cells = cells.cast(pa.string())
        if _is_text(cells):
            return cls._of_text(table, column, cells)
        if pa.types.is_floating(cells.type) or pa.types.is_decimal(cells.type):
            cells = cells.cast(pa.float64())
        elif not (pa.types.is_integer(cells.type) or pa.types.is_boolean(cells.type)):
            found = cls(table, column, cells, np.empty(0, dtype=np.bool_))
            raise InputError(
                f"{found.described} holds {cells.type}, not numbers or text; convert it, or leave "
                f"it out with {found.option('ignore')}"
            )
        return cls(table, column, cells, pc.is_null(cells, nan_is_null=True).to_numpy())

    @classmethod
    def _of_text(cls, table: Table, column: int, cells: pa.ChunkedArray) -> Cells:
        try:
            cells.validate(full=True)  # Parquet does not promise that its text is UTF-8
        except pa.ArrowInvalid:
            raise InputError(
                f"{table.path}: {table.describe(column)} holds text that is not UTF-8; save the "
                "text as UTF-8"
            ) from None
        trimmed = pc.utf8_trim_whitespace(cells)
        missing = pc.fill_null(pc.match_substring_regex(trimmed, MISSING_MARK), True).to_numpy()
        n_trimmed = pc.sum(pc.not_equal(trimmed, cells)).as_py() or 0
        return cls(table, column, trimmed, missing, n_trimmed)

    @property
    def described(self) -> str:
        """The file and the column, in words."""
        return f"{self.table.path}: {self.table.describe(self.column)}"

    @property
    def name(self) -> str | None:
        """The column's name, if there is a header."""
        return None if self.table.names is None else self.table.names[self.column]

    def option(self, kind: str) -> str:
        """How the caller sets the kind of this column, by its name or otherwise its number."""
        if self.table.in_memory:
            column = self.name or str(self.column + 1)
            return f"vgae.as_graph(..., attributes={{{column!r}: {kind!r}}})"
        return f"--attribute {one_line(self.name or str(self.column + 1))}={kind}"

    @property
    def is_text(self) -> bool:
        """Whether the cells were read as text."""
        return _is_text(self.values)

    @property
    def n_rows(self) -> int:
        """Number of cells."""
        return int(self.missing.size)

    @cached_property
    def present(self) -> pa.ChunkedArray:
        """The cells that are not missing."""
        return self.values.filter(pa.array(~self.missing))

    def numbers(self, fill: float) -> NDArray[np.float64]:
        """The cells as numbers that are finite in float32, shape (n_rows,).

        Parameters
        ----------
        fill
            The number that replaces missing cells.

        Raises
        ------
        InputError
            A cell is not such a number; the error names it.
        """
        values = self.values if self.is_text else self.values.cast(pa.float64(), safe=False)
        known = self._filled(values, "0" if self.is_text else 0.0)
        return np.where(self.missing, fill, self.table.numbers(self.column, known))

    def texts(self) -> pa.ChunkedArray:
        """The cells as text, empty where they are missing."""
        return self._filled(self.values if self.is_text else self.values.cast(pa.string()), "")

    def _filled(self, values: pa.ChunkedArray, fill: object) -> pa.ChunkedArray:
        return pc.if_else(pa.array(self.missing), pa.scalar(fill, values.type), values)

    def check_present(self, wanted: str) -> None:
        """Refuse missing cells in a column of what is `wanted`, such as "a finite number".

        Raises
        ------
        InputError
            A cell is missing; the error names it.
        """
        if not self.missing.any():
            return
        row = int(np.argmax(self.missing))
        cell = self.values[row].as_py()
        said = "is empty" if cell in (None, "") else f"holds '{cell}', not {wanted}"
        in_python = self.table.in_memory
        advice = "fit with --missing mean or zero"
        if in_python:
            advice = "make the graph with vgae.as_graph(..., missing='mean') or 'zero'"
        raise InputError(
            f"{self.table.place(row)}: {self.table.describe(self.column)} {said}; "
            f"fill it, or {advice}"
        )


def _is_text(cells: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type))


def listed(names: Sequence[str]) -> str:
    """Names separated by commas; of many, the first few.

    Examples
    --------
    >>> listed(["age", "team"])
    'age, team'
    """
    more = f", ... ({len(names):,} in all)" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more


# --------------------------------------------------------------------- kinds


class Column(Settings):
    """What became of a column.

    Attributes
    ----------
    name
        The column's name, or None in a table without a header.
    position
        Its place in the table, from 0.

    Examples
    --------
    >>> Column(name="age", position=1).name
    'age'
    """

    name: str | None
    position: Annotated[int, Field(ge=0)]


@final
class IgnoredColumn(Column):
    """A column that gives no features.

    Examples
    --------
    >>> IgnoredColumn(name="mail", position=3).kind
    'ignore'
    """

    kind: Literal["ignore"] = "ignore"


class FeatureColumn(Column, ABC):
    r"""How a column becomes features.

    Attributes
    ----------
    wanted
        What a cell should hold, in words.

    Examples
    --------
    >>> team = KINDS["category"].parse({"name": "team", "position": 2, "categories": ["a", "b"]})
    >>> team.label, team.wanted, team.feature_names(), team.substitute("zero")
    ('team', 'a category', ['team=a', 'team=b'], 'no category')

    >>> import tempfile
    >>> from pathlib import Path
    >>> from vgae.data.tables import open_table
    >>> path = Path(tempfile.mkdtemp()) / "people.csv"
    >>> _ = path.write_text("id,team\nann,red\nbob,blue\n")
    >>> (cells,) = Cells.read(open_table(path, header=True), [1])
    >>> team = KINDS["category"].fit(cells)
    >>> team.feature_names()
    ['team=blue', 'team=red']
    >>> team.encode(cells, "zero").toarray().tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """

    wanted: ClassVar[str]

    @classmethod
    @abstractmethod
    def fit(cls, cells: Cells) -> Self:
        """Learn from cells, of which some are not missing.

        Raises
        ------
        InputError
            A cell does not fit this kind.
        """

    @abstractmethod
    def feature_names(self) -> list[str]:
        """One name per feature."""

    @abstractmethod
    def encode(self, cells: Cells, missing: Missing) -> Block:
        """Make features of cells.

        Parameters
        ----------
        cells
            Those that this was fitted to, or those of a later table.
        missing
            What becomes of missing cells; under "error" there are none.

        Returns
        -------
        Features finite in float32, shape (n_rows, n_features).

        Raises
        ------
        InputError
            A cell does not fit this kind.
        """

    @abstractmethod
    def substitute(self, missing: Missing) -> str:
        """What replaces missing cells, in words."""

    @property
    def label(self) -> str:
        """The column's name, or its number from 1."""
        return self.name or str(self.position + 1)


class _Numeric(FeatureColumn):
    """A column of numbers gives one feature; `mean` is the mean of the cells that are present."""

    wanted = "a finite number"
    mean: float

    def feature_names(self) -> list[str]:
        return [self.label]

    def encode(self, cells: Cells, missing: Missing) -> Block:
        return cells.numbers(self._fill(missing))[:, np.newaxis]

    def substitute(self, missing: Missing) -> str:
        return f"the mean, {self.mean:g}" if missing == "mean" else "0"

    def _fill(self, missing: Missing) -> float:
        return self.mean if missing == "mean" else 0.0


@final
class NumberColumn(_Numeric):
    """Numbers as they are.

    Examples
    --------
    >>> age = NumberColumn(name="age", position=1, mean=30.0)
    >>> age.feature_names(), age.substitute("mean")
    (['age'], 'the mean, 30')

    `NumberColumn.fit(cells)` makes one.
    """

    kind: Literal["number"] = "number"

    @classmethod
    def fit(cls, cells: Cells) -> Self:
        """The mean, for missing cells."""
        values = cells.numbers(0.0)[~cells.missing]
        return cls(name=cells.name, position=cells.column, mean=float(values.mean()))


@final
class StandardColumn(_Numeric):
    """Numbers minus their mean, divided by their standard deviation, or by 1 where all are equal.

    Examples
    --------
    >>> age = StandardColumn(name="age", position=1, mean=30.0, deviation=5.0)
    >>> age.feature_names()
    ['age']

    `StandardColumn.fit(cells)` makes one, `age.encode(cells, "error")` uses it.
    """

    kind: Literal["standard"] = "standard"
    deviation: Annotated[float, Field(gt=0)]

    @classmethod
    def fit(cls, cells: Cells) -> Self:
        """Mean and deviation of the cells that are present."""
        values = cells.numbers(0.0)[~cells.missing]
        mean, deviation = float(values.mean()), float(values.std())
        if values.min() == values.max():  # rounding could give a small deviation
            mean, deviation = float(values[0]), 1.0
        # Squares of tiny numbers are zero.
        return cls(name=cells.name, position=cells.column, mean=mean, deviation=deviation or 1.0)

    def encode(self, cells: Cells, missing: Missing) -> Block:
        """Standardized numbers; one too far from the mean for float32 is refused."""
        with np.errstate(over="ignore"):
            scaled = (super().encode(cells, missing) - self.mean) / self.deviation
            far = np.flatnonzero(~np.isfinite(scaled.astype(np.float32)))
        if far.size:
            row = int(far[0])
            raise InputError(
                f"{cells.table.place(row)}: {cells.table.describe(cells.column)} holds "
                f"'{cells.values[row].as_py()}', too far from the mean, {self.mean:g}, to be "
                "standardized; correct it"
            )
        return scaled


@final
class CategoryColumn(FeatureColumn):
    """One feature per category, 1 where the cell holds it; all 0 for an unknown category.

    Examples
    --------
    >>> team = CategoryColumn.parse({"name": "team", "position": 2, "categories": ["a", "b"]})
    >>> team.feature_names(), team.substitute("mean")
    (['team=a', 'team=b'], 'no category')

    `CategoryColumn.fit(cells)` makes one, `team.encode(cells, "error")` uses it.
    """

    wanted = "a category"
    kind: Literal["category"] = "category"
    categories: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]

    @classmethod
    def fit(cls, cells: Cells) -> Self:
        """The categories, sorted."""
        found = sorted(pc.unique(cells.present.cast(pa.string())).to_pylist())
        return cls(name=cells.name, position=cells.column, categories=tuple(found))

    def feature_names(self) -> list[str]:
        """The column's name with each category."""
        return [f"{self.label}={category}" for category in self.categories]

    def encode(self, cells: Cells, missing: Missing) -> Block:  # noqa: ARG002 - always no category
        """One-hot rows; trimmed blanks and unknown categories are logged."""
        if cells.n_trimmed:
            trimmed = count(cells.n_trimmed, "cell")
            logger.warning("%s: trimmed blanks around %s", cells.described, trimmed)
        texts = cells.texts()
        codes = pc.index_in(texts, value_set=pa.array(self.categories, texts.type))
        known = pc.is_valid(codes).to_numpy() & ~cells.missing
        unknown = texts.filter(pa.array(~known & ~cells.missing))
        if len(unknown):
            logger.warning(
                "%s: %s of an unknown category, taken as none: %s",
                cells.described,
                count(len(unknown), "cell"),
                listed([f"{value!r}" for value in pc.unique(unknown).to_pylist()]),
            )
        columns = codes.filter(pa.array(known)).to_numpy()
        ends = np.append(0, np.cumsum(known)).astype(columns.dtype)  # narrow, as the codes are
        shape = (cells.n_rows, len(self.categories))
        return sparse.csr_array((np.ones(columns.size), columns, ends), shape=shape)

    def substitute(self, missing: Missing) -> str:  # noqa: ARG002
        """No category, regardless of what replaces missing numbers."""
        return "no category"


class _Words(FeatureColumn):
    """A hashed bag of words, one feature per bucket, each row divided by its Euclidean length.

    A long text thus weighs no more than a short one, and either as much as a category.
    """

    wanted = "a text"

    @property
    @abstractmethod
    def n_buckets(self) -> int: ...

    @abstractmethod
    def _weighted(self, counts: sparse.csr_array[Any]) -> sparse.csr_array[Any]: ...

    def feature_names(self) -> list[str]:
        return [f"{self.label}#{bucket}" for bucket in range(self.n_buckets)]

    def encode(self, cells: Cells, missing: Missing) -> Block:  # noqa: ARG002 - always no words
        from sklearn.preprocessing import normalize

        counts = self._weighted(_word_counts(cells, self.n_buckets))
        return sparse.csr_array(normalize(counts))

    def substitute(self, missing: Missing) -> str:  # noqa: ARG002
        return "a text without words"


@final
class TextColumn(_Words):
    """Words weighted by how often the cell holds them.

    Examples
    --------
    >>> bio = TextColumn(name="bio", position=3, buckets=4)
    >>> bio.n_buckets, bio.feature_names()
    (4, ['bio#0', 'bio#1', 'bio#2', 'bio#3'])

    `TextColumn.fit(cells)` makes one.
    """

    kind: Literal["text"] = "text"
    buckets: Dimension

    @classmethod
    def fit(cls, cells: Cells) -> Self:
        """Nothing is learned: words are hashed."""
        return cls(name=cells.name, position=cells.column, buckets=BUCKETS)

    @property
    def n_buckets(self) -> int:
        """Number of buckets."""
        return self.buckets

    def _weighted(self, counts: sparse.csr_array[Any]) -> sparse.csr_array[Any]:
        return counts


@final
class TfidfColumn(_Words):
    """Words weighted by how often the cell holds them and how few of the fitted cells do.

    Examples
    --------
    >>> bio = TfidfColumn.parse({"name": "bio", "position": 3, "idf": [1.0, 1.5]})
    >>> bio.n_buckets, bio.feature_names()
    (2, ['bio#0', 'bio#1'])

    `TfidfColumn.fit(cells)` makes one.
    """

    kind: Literal["tfidf"] = "tfidf"
    idf: Annotated[tuple[float, ...], Field(strict=False, min_length=1, max_length=2**16)]

    @classmethod
    def fit(cls, cells: Cells) -> Self:
        """The inverse document frequency of each bucket."""
        from sklearn.feature_extraction.text import TfidfTransformer

        idf = TfidfTransformer().fit(_word_counts(cells, BUCKETS)).idf_
        return cls(name=cells.name, position=cells.column, idf=tuple(idf.tolist()))

    @property
    def n_buckets(self) -> int:
        """Number of buckets."""
        return len(self.idf)

    def _weighted(self, counts: sparse.csr_array[Any]) -> sparse.csr_array[Any]:
        return sparse.csr_array(counts @ sparse.diags_array(np.array(self.idf)))


def _word_counts(cells: Cells, n_buckets: int) -> sparse.csr_array[Any]:
    """How many words of each cell fall into each bucket, shape (n_rows, n_buckets)."""
    from sklearn.feature_extraction.text import HashingVectorizer

    # With signs, words that share a bucket could cancel and look like none.
    vectorizer = HashingVectorizer(n_features=n_buckets, alternate_sign=False, norm=None)
    return sparse.csr_array(vectorizer.transform(cells.texts().to_pylist()))


KINDS: dict[str, type[FeatureColumn]] = {
    "number": NumberColumn,
    "standard": StandardColumn,
    "category": CategoryColumn,
    "text": TextColumn,
    "tfidf": TfidfColumn,
}
