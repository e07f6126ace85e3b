"""The record of how a table became features: fitting it, and encoding tables by it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Self, get_args

import numpy as np
import pyarrow.compute as pc
from pydantic import Field, model_validator
from scipy import sparse

from vgae.data.attributes.columns import (
    KINDS,
    Block,
    CategoryColumn,
    Cells,
    FeatureColumn,
    IgnoredColumn,
    Missing,
    NumberColumn,
    StandardColumn,
    TextColumn,
    TfidfColumn,
    listed,
)
from vgae.data.graph import Features, count
from vgae.data.tables import Table
from vgae.ground.config import Settings
from vgae.ground.errors import InputError, unknown_name

__all__ = ["AttributeEncoding", "check_choices", "encode", "feature_names", "fit_encoding"]

logger = logging.getLogger(__name__)

# A decimal comma makes a number that needs correction, and not a word.
NUMBER_LIKE = r"(?i)\A[+-]?((\d+[.,]?\d*|[.,]\d+)(e[+-]?\d+)?|inf(inity)?)\z"
SEVERAL_WORDS = 3
"""More than a first and a last name."""
FEW_WORDS, FEW_TEXTS = 0.8, 0.5
"""Different values per cell that categories have at most: of single words, of several."""
MOST_CATEGORIES = 1000
SPARSE_BELOW = 0.25
"""CSR stores an index with each number, which pays where few numbers are not zero."""

AnyColumn = Annotated[
    NumberColumn | StandardColumn | CategoryColumn | TextColumn | TfidfColumn | IgnoredColumn,
    Field(discriminator="kind"),
]


class AttributeEncoding(Settings):
    """How the columns of a table became features, and how those of a later table will.

    It goes to and from JSON with `model_dump` and `parse`. It holds no row of the table, only the
    values of its categories.

    Attributes
    ----------
    columns
        One entry per column, in the order of the features.
    missing
        What becomes of missing cells: "error", "mean" or "zero".

    Examples
    --------
    >>> columns = [
    ...     {"kind": "category", "name": "team", "position": 1, "categories": ["blue", "red"]},
    ...     {"kind": "ignore", "name": "mail", "position": 2},
    ... ]
    >>> encoding = AttributeEncoding.parse({"columns": columns, "missing": "error"})
    >>> [column.label for column in encoding.used]
    ['team']
    """

    columns: Annotated[tuple[AnyColumn, ...], Field(strict=False)]
    missing: Missing

    @property
    def used(self) -> list[FeatureColumn]:
        """The columns that give features."""
        return [column for column in self.columns if isinstance(column, FeatureColumn)]

    @model_validator(mode="after")
    def _some_column_is_used(self) -> Self:
        if not self.used:
            raise ValueError("columns: all are ignored")
        return self


def check_choices(kinds: Mapping[str, str], missing: str, *, where: str) -> None:
    """Refuse kinds of columns and treatments of missing cells that are unknown.

    Parameters
    ----------
    kinds, missing
        See `fit_encoding`.
    where
        What errors call the table.

    Raises
    ------
    InputError
        A name is unknown.

    Examples
    --------
    >>> check_choices({"age": "number"}, "mean", where="people.csv")
    """
    if missing not in get_args(Missing):
        raise unknown_name("treatment of missing cells", missing, get_args(Missing))
    for column, kind in kinds.items():
        if kind not in (*KINDS, "ignore"):
            error = unknown_name("kind", kind, (*KINDS, "ignore"))
            raise InputError(f"{where}: column '{column}': {error}")


def fit_encoding(
    table: Table,
    columns: Sequence[int],
    *,
    kinds: Mapping[str, str] | None = None,
    standardize: bool = False,
    missing: str = "error",
) -> AttributeEncoding:
    r"""Detect what the columns of a table hold, and how they become features.

    What was detected goes to the `vgae` logger.

    Parameters
    ----------
    table
        A table with one row per node.
    columns
        Positions of the attribute columns: all but those of ids and labels.
    kinds
        Kinds of columns, each by its name or its number from 1: "number", "standard",
        "category", "text", "tfidf" or "ignore". Of the others, a column is "number" if at least
        half of its cells look like numbers; "category" if its values recur (at most 0.8 different
        ones per cell, 0.5 where most cells hold three words or more, and 1,000 in all); "text" if
        most of its cells hold three words or more; and otherwise "ignore".
    standardize
        Whether columns detected as numbers are "standard" and not "number".
    missing
        What becomes of missing cells. "error" refuses them; "mean" replaces them by the mean of
        the column's other numbers, and "zero" by 0. In both, missing categories and texts become
        no category and no word.

    Returns
    -------
    The record by which `encode` makes features from this table and from later ones.

    Raises
    ------
    InputError
        A setting or a column is unknown, the table has no rows, a cell is missing or does not fit
        its column's kind, or no column is left to make features from.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from vgae.data.tables import open_table
    >>> path = Path(tempfile.mkdtemp()) / "people.csv"
    >>> _ = path.write_text("id,age,team\nann,31,red\nbob,44,blue\ncid,29,red\n")
    >>> people = open_table(path, header=True)
    >>> encoding = fit_encoding(people, [1, 2])
    >>> feature_names(encoding)
    ['age', 'team=blue', 'team=red']
    >>> encode(encoding, people, [1, 2])
    array([[31., 0., 1.],
           [44., 1., 0.],
           [29., 0., 1.]], dtype=float32)
    """
    check_choices(kinds or {}, missing, where=str(table.path))
    given = _given_kinds(table, columns, kinds or {})
    entries: dict[int, FeatureColumn] = {}
    for cells in Cells.read(table, [c for c in columns if given.get(c) != "ignore"]):
        kind = given.get(cells.column)
        if kind is None:
            kind = _found_kind(cells, standardize=standardize, missing=missing)
        if kind != "ignore":
            entries[cells.column] = _fitted(cells, KINDS[kind], missing)
    if not entries:
        option = "--attribute COLUMN=KIND (attributes={'COLUMN': 'KIND'})"
        if table.in_memory:
            option = "vgae.as_graph(..., attributes={'COLUMN': 'KIND'})"
        raise InputError(
            f"{table.path}: no column gives features; say what one holds with {option}"
        )
    names: Sequence[str | None] = table.names or [None] * table.n_columns
    _check_unique(table, [name for column in entries if (name := names[column]) is not None])
    record = AttributeEncoding.parse(
        {
            "columns": [
                entries.get(column) or IgnoredColumn(name=names[column], position=column)
                for column in columns
            ],
            "missing": missing,
        }
    )
    _say_kinds(table, record)
    return record


def encode(encoding: AttributeEncoding, table: Table, columns: Sequence[int]) -> Features:
    r"""Features of a table's rows, made exactly as those of the table that was fitted.

    Missing cells, unknown categories and columns that are not used are counted and logged.

    Parameters
    ----------
    encoding
        The record that `fit_encoding` made.
    table
        That table, or a later one. Columns are matched by name where both have a header,
        otherwise by position.
    columns
        Positions of the table's attribute columns: all but those of ids and labels.

    Returns
    -------
    Finite features, shape (n_rows, n_features), float32, in the order of `feature_names`: CSR if
    fewer than a quarter of them are not zero, otherwise dense.

    Raises
    ------
    InputError
        The table has no rows, a column is missing, or a cell is missing or does not fit its
        column's kind.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from vgae.data.tables import open_table
    >>> team = {"kind": "category", "name": "team", "position": 1, "categories": ["blue", "red"]}
    >>> encoding = AttributeEncoding.parse({"columns": [team], "missing": "error"})
    >>> path = Path(tempfile.mkdtemp()) / "later.csv"
    >>> _ = path.write_text("id,team\ndan,red\n")
    >>> encode(encoding, open_table(path, header=True), [1]).tolist()
    [[0.0, 1.0]]
    """
    blocks = []
    places = _places(encoding, table, columns)
    for entry, cells in zip(encoding.used, Cells.read(table, places), strict=True):
        if encoding.missing == "error":
            cells.check_present(entry.wanted)
        elif cells.missing.any():
            logger.warning(
                "%s: %s of %s missing, taken as %s",
                cells.described,
                f"{cells.missing.sum():,}",
                count(cells.n_rows, "cell"),
                entry.substitute(encoding.missing),
            )
        blocks.append(entry.encode(cells, encoding.missing))
    matrix = _joined(blocks)
    logger.info(
        "%s: %s, %s",
        table.path,
        count(matrix.shape[1], "feature"),
        "stored as sparse (mostly zeros)" if sparse.issparse(matrix) else "stored as dense",
    )
    return matrix


def feature_names(encoding: AttributeEncoding) -> list[str]:
    """Names of the features, such as "age", "colour=red", and "bio#17" for a bucket of words.

    Parameters
    ----------
    encoding
        The record that `fit_encoding` made.

    Returns
    -------
    One name per feature. Columns without a name go by their number from 1.

    Examples
    --------
    >>> team = {"kind": "category", "name": "team", "position": 1, "categories": ["blue", "red"]}
    >>> feature_names(AttributeEncoding.parse({"columns": [team], "missing": "error"}))
    ['team=blue', 'team=red']
    """
    return [name for column in encoding.used for name in column.feature_names()]


# --------------------------------------------------------------------- kinds


def _given_kinds(table: Table, columns: Sequence[int], kinds: Mapping[str, str]) -> dict[int, str]:
    """The caller's kinds, by position."""
    given: dict[int, str] = {}
    for key, kind in kinds.items():
        column = table.column(str(key))
        if column not in columns:
            raise InputError(
                f"{table.path}: {table.describe(column)} is no attribute: it holds ids or labels"
            )
        if given.setdefault(column, kind) != kind:
            raise InputError(
                f"{table.path}: {table.describe(column)} is given two kinds, {given[column]} and "
                f"{kind}; give one"
            )
    return given


def _found_kind(cells: Cells, *, standardize: bool, missing: str) -> str:
    """The detected kind of a column. That it is ignored is logged here, with the reason."""
    numeric = "standard" if standardize else "number"
    n_cells = len(cells.present)
    if not n_cells and missing != "error":
        logger.warning("%s is ignored: all of its cells are missing", cells.described)
        return "ignore"
    if not n_cells or not cells.is_text:
        return numeric
    n_numbers = pc.sum(pc.match_substring_regex(cells.present, NUMBER_LIKE)).as_py()
    if 2 * n_numbers >= n_cells:
        return numeric
    n_words = pc.count_substring_regex(cells.present, r"\S+").to_numpy()
    is_text = 2 * int((n_words >= SEVERAL_WORDS).sum()) > n_cells
    n_values = pc.count_distinct(cells.present).as_py()
    if n_values <= min((FEW_TEXTS if is_text else FEW_WORDS) * n_cells, MOST_CATEGORIES):
        return "category"
    if is_text:
        return "text"
    logger.warning(
        "%s is ignored: %s in %s name nodes rather than describe them; to use it, say %s or %s",
        cells.described,
        count(n_values, "different value"),
        count(n_cells, "cell"),
        cells.option("category"),
        cells.option("text"),
    )
    return "ignore"


def _fitted(cells: Cells, kind: type[FeatureColumn], missing: str) -> FeatureColumn:
    if missing == "error":
        cells.check_present(kind.wanted)
    if cells.missing.all():
        raise InputError(
            f"{cells.described}: all of its cells are missing; leave it out with "
            f"{cells.option('ignore')}"
        )
    return kind.fit(cells)


def _say_kinds(table: Table, record: AttributeEncoding) -> None:
    by_kind: dict[str, list[str]] = {}
    for column in record.columns:
        by_kind.setdefault(column.kind, []).append(table.describe(column.position))
    said = "; ".join(f"{kind}: {listed(names)}" for kind, names in by_kind.items())
    logger.info("%s: attributes by kind: %s", table.path, said)


# ------------------------------------------------------------------- columns


def _check_unique(table: Table, names: Sequence[str]) -> None:
    """Refuse columns of the same name, which could not be told apart in a later table."""
    for name, n_columns in Counter(names).items():
        if n_columns > 1:
            raise InputError(
                f"{table.path}: {n_columns} columns are called '{name}'; rename all but one"
            )


def _places(encoding: AttributeEncoding, table: Table, columns: Sequence[int]) -> list[int]:
    """Positions of the columns that are used; other columns are logged."""
    recorded = [column.name for column in encoding.columns]
    if table.names is None or None in recorded:
        return _places_by_number(encoding, table, columns)
    names = [table.names[column] for column in columns]
    wanted = [column.name or "" for column in encoding.used]
    _check_unique(table, [name for name in names if name in set(wanted)])
    found = dict(zip(names, columns, strict=True))
    _check_all_there(table, [f"'{name}'" for name in wanted if name not in found])
    _say_unused(table, [found[name] for name in found if name not in set(recorded)])
    return [found[name] for name in wanted]


def _places_by_number(
    encoding: AttributeEncoding, table: Table, columns: Sequence[int]
) -> list[int]:
    wanted = [column.position for column in encoding.used]
    recorded = {column.position for column in encoding.columns}
    _check_all_there(table, [str(place + 1) for place in wanted if place not in columns])
    _say_unused(table, [place for place in columns if place not in recorded])
    return wanted


def _check_all_there(table: Table, absent: list[str]) -> None:
    if absent:
        raise InputError(
            f"{table.path}: no attribute column {listed(absent)}, of which features were made "
            "before; add it"
        )


def _say_unused(table: Table, unused: list[int]) -> None:
    if unused:
        said = listed([table.describe(column) for column in unused])
        logger.warning("%s: not used, as the features had no such column: %s", table.path, said)


# -------------------------------------------------------------------- matrix


def _joined(blocks: list[Block]) -> Features:
    """One float32 matrix of blocks of columns, dense or CSR."""
    n_rows, n_columns = blocks[0].shape[0], sum(block.shape[1] for block in blocks)
    n_nonzero = sum(
        np.count_nonzero(block) if isinstance(block, np.ndarray) else int(block.nnz)
        for block in blocks
    )
    if n_nonzero < SPARSE_BELOW * n_rows * n_columns:
        joined = sparse.hstack([sparse.csr_array(block) for block in blocks], format="csr")
        return sparse.csr_array(joined, dtype=np.float32)
    dense = np.empty((n_rows, n_columns), dtype=np.float32)
    start = 0
    for block in blocks:
        stop = start + block.shape[1]
        dense[:, start:stop] = block if isinstance(block, np.ndarray) else block.toarray()
        start = stop
    return dense
