"""Results on standard output: JSON, and tables laid out for a terminal or for a pipe."""

from __future__ import annotations

import codecs
import json
import os
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vgae.ground.errors import CONTROL, InputError, one_line

__all__ = ["print_json", "print_lines", "print_table"]

GAP, ONE_LINE = 2, 25
"""Blanks between columns, and the width up to which a cell is kept on one line."""


def print_json(value: Any, *, lines: bool = False) -> None:
    r"""Print an object as JSON, or a list as one object per line, on standard output.

    The text is UTF-8. Characters that could steer a terminal or break a line are escaped, and so
    are all that the encoding of standard output lacks.

    Examples
    --------
    >>> print_json([{"node": "Zoë"}, {"node": "a\u202eb"}], lines=True)
    {"node": "Zoë"}
    {"node": "a\u202eb"}
    """
    items = value if lines else [value]
    _write(_json_text(item, indent=None if lines else 2) for item in items)


def print_lines(text: str) -> None:
    r"""Print a text on standard output; control characters other than line breaks are escaped.

    Examples
    --------
    >>> print_lines("[settings]\nsteps = 50")
    [settings]
    steps = 50
    """
    _write(one_line(line) for line in text.splitlines())


def _json_text(value: Any, indent: int | None) -> str:
    encoding = sys.stdout.encoding or "utf-8"  # that of a stream of text is None
    unicode = codecs.lookup(encoding).name.startswith("utf")
    lines = json.dumps(value, ensure_ascii=not unicode, indent=indent).split("\n")
    return "\n".join(CONTROL.sub(_escaped, line) for line in lines)


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    labels: int = 1,
    piped_only: Collection[str] = (),
) -> None:
    """Print rows on standard output: aligned for a person, tab-separated for a pipe.

    A person sees control characters spelt out, and a table that is wider than the terminal in
    parts that fit, one below the other; words are kept whole. A pipe gets each row as one line with
    control characters as they are, except that tabs and line breaks, which would break the columns,
    become blanks. `--json` and `--out` keep everything.

    Parameters
    ----------
    columns
        The names of the columns.
    rows
        Cells, row by row.
    labels
        How many of the first columns say what a row is; they are repeated in each part.
    piped_only
        Columns that a terminal has no room for.

    Examples
    --------
    >>> print_table(["source", "target"], [["ann", "bob"]])
    source  target
    ann     bob
    """
    console = Console()
    if not console.is_terminal:
        # Where rich is told that a terminal is none, it is still one that can be steered.
        plain = one_line if sys.stdout.isatty() else _unbroken
        _write("\t".join(map(plain, row)) for row in (columns, *rows))
        return
    shown = [place for place, name in enumerate(columns) if name not in piped_only]
    cells = [[one_line(row[place]) for place in shown] for row in (columns, *rows)]
    for number, part in enumerate(_parts(cells, console.width, labels)):
        if number:
            console.print()
        console.print(part)


def _parts(cells: list[list[str]], width: int, labels: int) -> Iterator[Table]:
    """A table as tables that fit into a width, each with the columns that label the rows.

    Short cells stay on one line. Long ones break at blanks, and inside a word only where it takes
    more than its share of the width.
    """
    columns = list(zip(*cells, strict=True))
    least = [max(map(_least_width, column)) for column in columns]
    first, others = list(range(labels)), list(range(labels, len(columns)))
    if any(_total(least, [*first, place]) > width for place in others or first[-1:]):
        share = (width - GAP * labels) // (labels + 1)
        least = [min(share, needed) for needed in least]
    while first:
        n_fitting = 1
        while n_fitting < len(others) and _total(least, first + others[: n_fitting + 1]) <= width:
            n_fitting += 1
        shown, others = first + others[:n_fitting], others[n_fitting:]
        widths = {place: min(width, max(map(cell_len, columns[place]))) for place in shown}
        while _total(widths, shown) > width and (
            wide := [place for place in shown if widths[place] > least[place]]
        ):
            widths[max(wide, key=widths.__getitem__)] -= 1
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
        for place in shown:
            name = Text(columns[place][0])
            table.add_column(name, overflow="fold", width=widths[place])
        for row in cells[1:]:
            table.add_row(*(Text(row[place]) for place in shown))
        yield table
        if not others:
            return


def _total(widths: Sequence[int] | Mapping[int, int], places: Sequence[int]) -> int:
    return sum(widths[place] for place in places) + GAP * (len(places) - 1)


def _least_width(cell: str) -> int:
    return min(cell_len(cell), max(ONE_LINE, *map(cell_len, cell.split()), 0))


def _unbroken(cell: str) -> str:
    return " ".join(cell.splitlines()).replace("\t", " ")


def _write(lines: Iterable[str]) -> None:
    """Lines to standard output; a reader that has left is no error, a full disk is."""
    try:
        sys.stdout.writelines(line + "\n" for line in lines)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise InputError(f"standard output: {(error.strerror or str(error)).lower()}") from None
