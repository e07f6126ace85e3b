"""Results as a notebook shows them: frames of pandas and Polars, and small tables in HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final, Literal, TypeAlias

from vgae.ground.errors import InputError, one_line, unknown_name

__all__ = [
    "FRAMES",
    "FrameKind",
    "bars",
    "curve",
    "data_frame",
    "html_table",
    "library",
    "vector_frame",
]

FrameKind: TypeAlias = Literal["pandas", "polars"]
FRAMES: Final[tuple[FrameKind, ...]] = ("pandas", "polars")
"""The libraries whose frames can be made."""

NAME_STYLE = "text-align: left; font-weight: normal; opacity: 0.7"
VALUE_STYLE = "text-align: left"
"""No colours: a dark and a light notebook each keep their own."""
WIDTH, HEIGHT = 180, 36
"""Size of small pictures."""
MOST_POINTS = 90


def library(name: str, package: str | None = None) -> Any:
    """An optional library, imported when it is needed.

    Parameters
    ----------
    name
        The module to import.
    package
        What to install it as, if that is another name.

    Raises
    ------
    InputError
        The library is not installed.

    Examples
    --------
    >>> library("json").dumps([1])
    '[1]'
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise  # the library is there, but broken
        raise InputError(f"{name} is not installed; pip install {package or name}") from None


def data_frame(
    columns: Mapping[str, Any],
    *,
    index: tuple[str, Any] | None = None,
    kind: str = "pandas",
) -> Any:
    """A data frame of these columns.

    Parameters
    ----------
    columns
        Arrays or lists of one length, by name. They are copied.
    index
        Name and labels of the rows. Polars has no row labels: there the index is left out.
    kind
        "pandas" or "polars".

    Raises
    ------
    InputError
        The library is not installed, or is another one.

    Examples
    --------
    >>> frame = data_frame({"z0": [0.5, 1.5]}, index=("node", ["ann", "bob"]))
    >>> float(frame.loc["bob", "z0"])
    1.5
    """
    if kind not in FRAMES:
        raise unknown_name("kind of frame", kind, FRAMES)
    made = library(kind)
    if kind == "polars":
        return made.DataFrame(dict(columns))
    rows = None if index is None else made.Index(index[1], name=index[0])
    return made.DataFrame(dict(columns), index=rows)


def vector_frame(vectors: Any, names: Iterable[str], ids: Any, *, kind: str = "pandas") -> Any:
    """A data frame of vectors, one row per node.

    Parameters
    ----------
    vectors
        Shape (n_nodes, dim).
    names
        Names of the columns.
    ids
        Node ids, which a pandas frame has as its index.
    kind
        "pandas" or "polars".

    Examples
    --------
    >>> import numpy as np
    >>> vector_frame(np.ones((2, 1)), ["z0"], ["ann", "bob"]).index.tolist()
    ['ann', 'bob']
    """
    columns = {name: vectors[:, place] for place, name in enumerate(names)}
    return data_frame(columns, index=("node", ids), kind=kind)


def html_table(title: str, rows: Mapping[str, object], *, pictures: Iterable[str] = ()) -> str:
    """A title above a table of names and values, as HTML.

    Parameters
    ----------
    title
        What is shown.
    rows
        Values by name. Ids and names of columns are the users' text: everything is escaped. A
        value of None is left out.
    pictures
        What `bars` and `curve` made, to stand below.

    Examples
    --------
    >>> "&lt;b&gt;" in html_table("Graph", {"ids": "<b>"})
    True
    """
    lines = [
        f'<tr><th style="{NAME_STYLE}">{_escaped(name)}</th>'
        f'<td style="{VALUE_STYLE}">{_escaped(value)}</td></tr>'
        for name, value in rows.items()
        if value is not None
    ]
    return (
        f"<div><strong>{_escaped(title)}</strong><table>{''.join(lines)}</table>"
        f"{''.join(pictures)}</div>"
    )


def bars(title: str, heights: Mapping[str, float]) -> str:
    """A small picture of bars, as SVG within a page.

    Parameters
    ----------
    title
        What is shown when it is pointed at, and to those who hear the page.
    heights
        The height of each bar by its name. Bars of no height are left out.

    Examples
    --------
    >>> bars("degrees", {"1": 2, "2-3": 1}).count("<path")
    1
    """
    most = max(heights.values(), default=0.0) or 1.0
    step = WIDTH / max(len(heights), 1)
    path = "".join(
        f"M{place * step:.1f} {HEIGHT}v{-HEIGHT * height / most:.1f}h{step - 1:.1f}V{HEIGHT}z"
        for place, height in enumerate(heights.values())
        if height
    )
    told = ", ".join(f"{name}: {height:,g}" for name, height in heights.items())
    return _svg(f"{title} ({told})", f'<path d="{path}" fill="currentColor"/>')


def curve(title: str, values: Sequence[float]) -> str:
    """A small picture of a line through values at equal distances, as SVG within a page.

    Parameters
    ----------
    title
        As in `bars`.
    values
        Finite numbers, from left to right. Of many, some stand for all.

    Examples
    --------
    >>> curve("loss", [2.0, 1.0, 0.5]).count("L")
    2
    """
    n = min(len(values), MOST_POINTS)
    chosen = [values[place * (len(values) - 1) // max(n - 1, 1)] for place in range(n)]
    low, high = min(chosen, default=0.0), max(chosen, default=0.0)
    points = [
        f"{place * WIDTH / max(n - 1, 1):.1f} "
        f"{HEIGHT - 1 - (HEIGHT - 2) * (value - low) / ((high - low) or 1.0):.1f}"
        for place, value in enumerate(chosen)
    ]
    told = f" (from {values[0]:.4g} to {values[-1]:.4g})" if n else ""
    path = f'<path d="M{"L".join(points)}" fill="none" stroke="currentColor"/>' if n else ""
    return _svg(f"{title}{told}", path)


def _svg(title: str, content: str) -> str:
    return (
        f'<figure style="margin: 4px 0; opacity: 0.7"><svg width="{WIDTH}" height="{HEIGHT}" '
        f'role="img"><title>{_escaped(title)}</title>{content}</svg></figure>'
    )


def _escaped(value: object) -> str:
    return html.escape(one_line(str(value)))
