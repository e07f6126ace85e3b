"""Columns of node ids, dictionary-encoded, so that each distinct id is checked once."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vgae.data.adjacency import count
from vgae.data.dialects import UNCLOSED
from vgae.data.ids import canonical_int, encode_columns
from vgae.data.tables import Table
from vgae.ground.errors import InputError, shown

__all__ = ["IdColumns", "integers_or_text", "say_prefixes"]

logger = logging.getLogger("vgae.data.io")

NOT_INTEGER = "correct it, or omit --integer-ids (integer_ids=True)"
INTEGER = r"^(?:0|-?[1-9][0-9]*)$"
FIRST_FLOAT = re.compile(r"-?[0-9]+(\.0*)?")
FLOAT_INTEGER = r"^(0|-?[1-9][0-9]*)\.0*$"
MISSING = ("", r"\N")
"""Cells that are not ids: empty ones, and the mark that databases export for a missing value."""


def say_prefixes(table: Table, n_common: int, examples: Sequence[str]) -> None:
    r"""Warn that ids of two kinds of nodes get prefixes, because some are ids of both.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from vgae.data.tables import open_table
    >>> path = Path(tempfile.mkdtemp(), "edges.csv")
    >>> _ = path.write_text("user,item\n1,1\n")
    >>> say_prefixes(open_table(path, header=True), 1, ["user:1", "item:1"])
    """
    logger.warning(
        "%s: two kinds of nodes, with %s in common: ids are written %s, %s",
        table.path,
        count(n_common, "id"),
        *map(shown, examples),
    )


@dataclass(frozen=True)
class IdColumns:
    r"""Columns of a table that hold node ids.

    Attributes
    ----------
    table, columns
        The table and the positions of the columns.
    codes
        For each column, the places of its cells in `values`, shape (n_rows,); -1 for null.
    values
        Distinct ids, as a PyArrow array: text, or integers once all ids are known to be integers.
    rows
        Rows of the table that remain, shape (n_rows,), or None for all of them.
    n_alone
        Number of ids at the end of `values` that are in no row, but are nodes.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from vgae.data.tables import open_table
    >>> path = Path(tempfile.mkdtemp(), "edges.csv")
    >>> _ = path.write_text("ann,bob\nbob,\n")
    >>> table = open_table(path)
    >>> ids = IdColumns.of(table, (0, 1), table.read([0, 1], encoded={0, 1}))
    >>> whole = ids.complete().check_complete().joined_by(["cid"]).checked()
    >>> whole.values.to_pylist(), whole.used.tolist(), whole.n_common()
    (['ann', 'bob', '', 'cid'], [True, True, False, True], 0)
    >>> whole.apart(("source:", "target:")) is whole  # no id is in both columns
    True
    >>> whole.prefixed(("source:", "target:")).values.to_pylist()[-1]
    'source:cid'
    """

    table: Table
    columns: tuple[int, ...]
    codes: list[NDArray[np.int32]]
    values: pa.Array
    rows: NDArray[np.int64] | None = None
    n_alone: int = 0

    @classmethod
    def of(
        cls,
        table: Table,
        columns: Sequence[int],
        cells: Sequence[pa.ChunkedArray],
        *,
        integer_ids: bool = False,
    ) -> IdColumns:
        """The ids in columns of a table whose cells have been read.

        Raises
        ------
        InputError
            A column holds neither text nor integers (nor floats, with `integer_ids`).
        """
        texts = [
            _as_text(table, *column, floats=integer_ids)
            for column in zip(columns, cells, strict=True)
        ]
        return cls(table, tuple(columns), *encode_columns(texts))

    @property
    def used(self) -> NDArray[np.bool_]:
        """Whether each of the values occurs, shape (n_values,)."""
        used = np.zeros(len(self.values), dtype=bool)
        for column in self.codes:
            used[column] = True
        used[len(used) - self.n_alone :] = True
        return used

    def _missing(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether each value (null comes last) is missing, and whether each row lacks an id."""
        blank = pc.is_in(pc.utf8_trim_whitespace(self.values), pa.array(MISSING))
        missing = np.append(_mask(blank), True)  # null has the code -1, which is the last place
        gone: NDArray[np.bool_] = np.logical_or.reduce([missing[c] for c in self.codes])
        return missing, gone

    def complete(self) -> IdColumns:
        """The rows that have all their ids."""
        _, gone = self._missing()
        if not gone.any():
            return self
        kept = np.flatnonzero(~gone)
        return replace(self, codes=[column[kept] for column in self.codes], rows=kept)

    def check_complete(self, advice: str = "fill it, or remove such rows") -> IdColumns:
        """Return these columns if no id is missing.

        Raises
        ------
        InputError
            A row lacks an id; the message names it, and ends in `advice`.
        """
        missing, gone = self._missing()
        if gone.any():
            place, column, name = self._first(missing)
            said = "is empty" if not name.strip() else f"holds {shown(name)}, a missing value"
            raise InputError(
                f"{place}: {column} {said}, but must hold a node id "
                f"({count(int(gone.sum()), 'such row')}); {advice}"
            )
        return self

    def apart(self, prefixes: tuple[str, str]) -> IdColumns:
        """The ids of two columns as those of two kinds of nodes.

        If an id is in both columns, all ids get the prefix of their column, which is logged.
        """
        n_common = self.n_common()
        if not n_common:
            return self
        names = self.values.cast(pa.string())
        ends = zip(prefixes, self.codes, strict=True)
        say_prefixes(self.table, n_common, [f"{one}{names[int(codes[0])]}" for one, codes in ends])
        return self.prefixed(prefixes)

    def prefixed(self, prefixes: tuple[str, str]) -> IdColumns:
        """The ids of two columns, each with the prefix of its column."""
        names = self.values.cast(pa.string())
        first, second = (pc.binary_join_element_wise(prefix, names, "") for prefix in prefixes)
        shifted = self.codes[0] + np.int32(len(names))
        # Ids in no row are last, and are of the first column's kind.
        return replace(
            self, codes=[shifted, self.codes[1]], values=pa.concat_arrays([second, first])
        )

    def n_common(self) -> int:
        """Number of ids that occur in both columns."""
        first, second = (
            self.values.filter(pa.array(replace(self, codes=[codes], n_alone=0).used)).unique()
            for codes in self.codes[:2]
        )
        return int(pc.sum(pc.is_in(second, first)).as_py() or 0)

    def joined_by(self, names: Sequence[str]) -> IdColumns:
        """The same columns with further ids, which are in no row."""
        if not names:
            return self
        more = pa.array(names, pa.string())
        return replace(
            self,
            values=pa.concat_arrays([self.values.cast(pa.string()), more]),
            n_alone=len(names),
        )

    def checked(self, *, integer_ids: bool = False) -> IdColumns:
        """Ids without blanks around them: integers if all ids are integers, otherwise text.

        The log says how many were trimmed, and warns of likely mistakes: ids that differ only in
        case or blanks, a few words among integers, and integers that were written as floats. With
        `integer_ids` such floats become integers.

        Raises
        ------
        InputError
            An id holds a line break; or is not an integer, with `integer_ids`.
        """
        used = self.used
        broken = _mask(pc.match_substring(self.values, "\n")) & used
        if broken.any():
            place, column, _ = self._first(broken)
            raise InputError(
                f"{place}: {column} holds a line break{UNCLOSED}; correct or remove this row"
            )
        trimmed = replace(self, values=pc.utf8_trim_whitespace(self.values))
        self._say_what_was_trimmed(_mask(pc.not_equal(trimmed.values, self.values)))
        if integer_ids:
            plain = pc.replace_substring_regex(trimmed.values, FLOAT_INTEGER, r"\1")
            trimmed = replace(trimmed, values=plain)
        is_integer = _mask(pc.match_substring_regex(trimmed.values, INTEGER))
        if is_integer[used].all():
            spelt = pc.if_else(pa.array(is_integer), trimmed.values, "0")
            try:
                return replace(self, values=spelt.cast(pa.int64()))
            except pa.ArrowInvalid:  # longer than 64 bits
                if not integer_ids:
                    return trimmed
                is_integer &= _mask(pc.less(pc.utf8_length(trimmed.values), 19))
        if integer_ids:
            place, column, name = self._first(used & ~is_integer)
            raise InputError(
                f"{place}: {column} holds {shown(name)}, not an integer of 64 bits; {NOT_INTEGER}"
            )
        trimmed._warn_of_floats(used, is_integer)
        trimmed._warn_of_words(used & ~is_integer, used & is_integer)
        _warn_of_likeness(self.table, trimmed.values.filter(pa.array(used)))
        return trimmed

    def _first(self, marked: NDArray[np.bool_]) -> tuple[str, str, str]:
        """The first cell whose value is marked: its place and column in words, and the value."""
        cells = [
            (int(found[0]), place)
            for place, codes in enumerate(self.codes)
            if (found := np.flatnonzero(marked[codes])[:1]).size
        ]
        if not cells:  # then the id is in no row
            name = self.values[int(np.argmax(marked))].as_py()
            return str(self.table.path), "the id of a node without edges", name
        row, place = min(cells)
        code = int(self.codes[place][row])
        row = row if self.rows is None else int(self.rows[row])
        name = self.values[code].as_py() if code >= 0 else ""
        return self.table.place(row), self.table.describe(self.columns[place]), name

    def _say_what_was_trimmed(self, blank: NDArray[np.bool_]) -> None:
        for place, column in enumerate(self.codes if blank.any() else ()):
            n_trimmed = int(blank[column].sum())
            if n_trimmed:
                logger.warning(
                    "%s: trimmed blanks around %s in %s",
                    self.table.path,
                    count(n_trimmed, "id"),
                    self.table.describe(self.columns[place]),
                )

    def _warn_of_floats(self, used: NDArray[np.bool_], is_integer: NDArray[np.bool_]) -> None:
        if not FIRST_FLOAT.fullmatch(self.values[int(np.argmax(used))].as_py()):
            return  # as in most files; checking each id would take time
        is_float = _mask(pc.match_substring_regex(self.values, FLOAT_INTEGER)) & used
        if is_float.any() and (is_float | is_integer)[used].all():
            _, _, name = self._first(is_float)
            logger.warning(
                "%s: ids look like integers written as floats, such as %s, and are kept as text; "
                "--integer-ids (integer_ids=True) makes them integers",
                self.table.path,
                shown(name),
            )

    def _warn_of_words(self, words: NDArray[np.bool_], integers: NDArray[np.bool_]) -> None:
        n_words, n_integers = int(words.sum()), int(integers.sum())
        if n_integers < 9 * n_words:
            return
        place, _, name = self._first(words)
        logger.warning(
            "%s: ids are text, not integers, because of %s of %s, such as %s (%s)",
            self.table.path,
            f"{n_words:,}",
            f"{n_words + n_integers:,}",
            shown(name),
            place,
        )


def integers_or_text(names: Sequence[str]) -> list[int] | list[str]:
    """Integers if every name spells one that fits 64 bits, otherwise the names.

    Examples
    --------
    >>> integers_or_text(["7", "-1"]), integers_or_text(["7", "007"])
    ([7, -1], ['7', '007'])
    """
    numbers = [canonical_int(name) for name in names]
    if all(isinstance(number, int) and -(2**63) <= number < 2**63 for number in numbers):
        return numbers
    return list(names)


def _mask(marks: Any) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = marks.to_numpy(zero_copy_only=False)
    return mask


def _as_text(table: Table, column: int, cells: pa.ChunkedArray, *, floats: bool) -> pa.ChunkedArray:
    """A column of text or integers as dictionary-encoded text; of floats, if `floats` is true."""
    kind = cells.type.value_type if pa.types.is_dictionary(cells.type) else cells.type
    if pa.types.is_floating(kind) and floats:
        return _floats_as_integers(table, column, cells.cast(kind))
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    if not (pa.types.is_integer(kind) or any(is_text(kind) for is_text in texts)):
        advice = "name another column"
        if pa.types.is_floating(kind):
            advice = "--integer-ids (integer_ids=True) makes them integers"
        raise InputError(
            f"{table.path}: {table.describe(column)} holds values of type {kind}, not node ids "
            f"(text or integers); {advice}"
        )
    if not pa.types.is_dictionary(cells.type):
        cells = cells.cast(pa.string()).dictionary_encode()
    return cells.cast(pa.dictionary(pa.int32(), pa.string()))


def _floats_as_integers(table: Table, column: int, cells: pa.ChunkedArray) -> pa.ChunkedArray:
    numbers = cells.cast(pa.float64())
    exact = pc.and_(pc.equal(numbers, pc.floor(numbers)), pc.less(pc.abs(numbers), 2.0**53))
    row = pc.index(pc.fill_null(exact, True), False).as_py()
    if row >= 0:
        raise InputError(
            f"{table.place(row)}: {table.describe(column)} holds {cells[row].as_py()}, not an "
            f"integer; {NOT_INTEGER}"
        )
    return numbers.cast(pa.int64()).cast(pa.string()).dictionary_encode()


def _warn_of_likeness(table: Table, values: pa.Array) -> None:
    """Warn of ids that differ only in case or blanks, which is usually a mistake."""
    values = values.unique()
    plain = pc.replace_substring_regex(pc.utf8_lower(values), r"\s+", "").dictionary_encode()
    sizes = np.bincount(plain.indices.to_numpy(), minlength=len(plain.dictionary))
    n_alike = int((sizes - (sizes > 0)).sum())
    if n_alike:
        names = values.filter(pc.equal(plain.indices, int(np.argmax(sizes > 1)))).to_pylist()
        logger.warning(
            "%s: %s from another only in case or blanks, such as %s and %s; they are different "
            "nodes",
            table.path,
            "1 id differs" if n_alike == 1 else f"{n_alike:,} ids differ",
            *map(shown, names[:2]),
        )
