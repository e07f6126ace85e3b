"""Charts as SVG that stands in a page: colours are the page's, and every chart has its words."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vgae.ground.errors import one_line

__all__ = ["Axis", "Chart", "linear_axis", "log_axis", "named_axis", "short"]

WIDTH, HEIGHT = 460, 290
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 34, 46
MOST_POINTS = 400
"""Points that a line is drawn with; more cannot be told apart."""


@dataclass(frozen=True)
class Axis:
    """From values to a place between 0 and 1, with labelled ticks.

    Examples
    --------
    >>> Axis("step", 0.0, 10.0, ((0.0, "0"), (10.0, "10"))).at(5.0).tolist()
    0.5
    """

    title: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    logarithmic: bool = False

    def at(self, values: ArrayLike) -> NDArray[np.float64]:
        """Places of values, at the ends where they lie beyond."""
        given = np.clip(np.asarray(values, np.float64), self.low, self.high)
        if self.logarithmic:
            span = math.log(self.high / self.low)
            return np.log(given / self.low) / span
        found: NDArray[np.float64] = (given - self.low) / (self.high - self.low)
        return found


def short(number: float) -> str:
    """A number in few characters.

    Examples
    --------
    >>> short(0.25), short(1200.0), short(0.00001), short(0.0)
    ('0.25', '1,200', '1e-05', '0')
    """
    if number == 0 or 1e-3 <= abs(number) < 1e6:
        return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"
    return f"{number:.3g}"


def linear_axis(title: str, low: float, high: float) -> Axis:
    """An axis whose ticks are round numbers.

    Examples
    --------
    >>> [words for _, words in linear_axis("x", 0.0, 1.0).ticks]
    ['0', '0.2', '0.4', '0.6', '0.8', '1']
    >>> linear_axis("constant", 3.0, 3.0).at(3.0).tolist()
    0.5
    """
    if not high > low:
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / 5
    size = 10.0 ** math.floor(math.log10(rough))
    step = size * next(factor for factor in (1, 2, 5, 10) if factor * size >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    ticks = tuple((place * step, short(place * step)) for place in range(first, last + 1))
    return Axis(title, low, high, ticks)


def log_axis(title: str, low: float, high: float) -> Axis:
    """A logarithmic axis of positive numbers, with a tick per power of ten.

    Examples
    --------
    >>> [words for _, words in log_axis("x", 0.02, 1.0).ticks]
    ['0.01', '0.1', '1']
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    last = max(last, first + 1)
    step = max(1, (last - first) // 5)
    ticks = tuple((10.0**place, short(10.0**place)) for place in range(first, last + 1, step))
    return Axis(title, 10.0**first, 10.0**last, ticks, logarithmic=True)


def named_axis(title: str, names: Sequence[str]) -> Axis:
    """An axis of names, one unit apart.

    Examples
    --------
    >>> named_axis("degree", ["1", "2-3"]).at([0, 1]).tolist()
    [0.25, 0.75]
    """
    ticks = tuple((float(place), one_line(name)) for place, name in enumerate(names))
    return Axis(title, -0.5, len(names) - 0.5, ticks)


class Chart:
    """One chart, to which marks are added.

    Parameters
    ----------
    title
        Its name.
    description
        What it shows, with the figures that matter: the text alternative.
    x, y
        The axes.
    height
        Height of the drawing, in the units of which it is 460 wide.

    Examples
    --------
    >>> axes = linear_axis("step", 0, 2), linear_axis("loss", 0, 1)
    >>> chart = Chart("Loss <1>", "It falls.", *axes)
    >>> svg = chart.line([0, 1, 2], [1.0, 0.5, 0.4], "training").rule(y=0.5).svg()
    >>> svg.startswith("<svg"), "Loss &lt;1&gt;" in svg, svg.count("<polyline")
    (True, True, 1)
    >>> chart.bars([0, 1], [0.5, 0.2], "bars", width=0.5).points(
    ...     [0], [0.5], "points", low=[0.4], high=[0.6]
    ... ).labels([0], [0.5], ["half"]).svg().count("<rect")
    2
    """

    def __init__(
        self, title: str, description: str, x: Axis, y: Axis, *, height: int = HEIGHT
    ) -> None:
        self.title, self.description = one_line(title), one_line(description)
        self.x, self.y, self._height = x, y, height
        longest = max((len(words) for _, words in y.ticks), default=0)
        self._left = max(LEFT, 7 * longest + 12)
        self._marks: list[str] = []
        self._legend: list[tuple[str, str]] = []

    def line(
        self, x: ArrayLike, y: ArrayLike, name: str = "", *, tone: int = 1, steps: bool = False
    ) -> Self:
        """Add a line, or the steps that a curve of ranks takes."""
        across, up = self._places(x, y)
        if steps and len(across) > 1:
            across, up = np.repeat(across, 2)[1:], np.repeat(up, 2)[:-1]
        kept = _kept(across, up)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across[kept], up[kept], strict=True))
        self._marks.append(f'<polyline class="line t{tone}" points="{points}"/>')
        return self._named(name, tone)

    def bars(
        self, x: ArrayLike, y: ArrayLike, name: str = "", *, width: float, tone: int = 1
    ) -> Self:
        """Add bars from the lower edge, `width` units of the axis wide."""
        given = np.asarray(x, np.float64)
        left, up = self._places(given - width / 2, y)
        right, _ = self._places(given + width / 2, y)
        floor = self._height - BOTTOM
        self._marks += [
            f'<rect class="bar t{tone}" x="{a:.1f}" y="{b:.1f}" width="{max(c - a, 0.5):.1f}" '
            f'height="{max(floor - b, 0):.1f}"/>'
            for a, b, c in zip(left, up, right, strict=True)
        ]
        return self._named(name, tone)

    def points(
        self,
        x: ArrayLike,
        y: ArrayLike,
        name: str = "",
        *,
        low: ArrayLike | None = None,
        high: ArrayLike | None = None,
        level: bool = False,
        tone: int = 1,
    ) -> Self:
        """Add points, with intervals where they are given: of `y`, or of `x` where `level`."""
        across, up = self._places(x, y)
        if low is not None and high is not None:
            first, last = (
                self._places(end, y) if level else self._places(x, end) for end in (low, high)
            )
            self._marks += [
                f'<line class="interval t{tone}" x1="{a:.1f}" x2="{b:.1f}" y1="{c:.1f}" '
                f'y2="{d:.1f}"/>'
                for a, b, c, d in zip(first[0], last[0], first[1], last[1], strict=True)
            ]
        self._marks += [
            f'<circle class="point t{tone}" cx="{a:.1f}" cy="{b:.1f}" r="3.5"/>'
            for a, b in zip(across, up, strict=True)
        ]
        return self._named(name, tone)

    def labels(
        self, x: ArrayLike, y: ArrayLike, words: Sequence[str], *, to_the_right: bool = False
    ) -> Self:
        """Add words above places, or to the right of them."""
        across, up = self._places(x, y)
        kind, right, down = ("label from", 8, 4) if to_the_right else ("label", 0, -7)
        self._marks += [
            f'<text class="{kind}" x="{a + right:.1f}" y="{b + down:.1f}">'
            f"{escape(one_line(text))}</text>"
            for a, b, text in zip(across, up, words, strict=True)
        ]
        return self

    def rule(self, *, y: float | None = None, diagonal: bool = False, name: str = "") -> Self:
        """Add a dashed line to compare with: level, or from corner to corner."""
        if diagonal:
            ends = np.array([self.x.low, self.x.high]), np.array([self.y.low, self.y.high])
        else:
            ends = np.array([self.x.low, self.x.high]), np.full(2, y, np.float64)
        (a, b), (c, d) = self._places(*ends)
        self._marks.append(
            f'<line class="rule" x1="{a:.1f}" x2="{b:.1f}" y1="{c:.1f}" y2="{d:.1f}"/>'
        )
        return self._named(name, 0)

    def svg(self) -> str:
        """The chart as an element of a page; all words in it are escaped."""
        slug = "chart-" + re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")
        words = (
            f'<title id="{slug}-title">{escape(self.title)}</title>'
            f'<desc id="{slug}-desc">{escape(self.description)}</desc>'
        )
        inside = "".join([*self._axes(), *self._marks, *self._names()])
        return (
            f'<svg class="chart" viewBox="0 0 {WIDTH} {self._height}" role="img" '
            f'aria-labelledby="{slug}-title {slug}-desc">{words}{inside}</svg>'
        )

    # -------------------------------------------------------------------- within

    def _places(self, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], ...]:
        across = self._left + self.x.at(x) * (WIDTH - self._left - RIGHT)
        return across, self._height - BOTTOM - self.y.at(y) * (self._height - TOP - BOTTOM)

    def _named(self, name: str, tone: int) -> Self:
        if name:
            self._legend.append((one_line(name), f"t{tone}"))
        return self

    def _axes(self) -> list[str]:
        parts, floor = [], self._height - BOTTOM
        for value, words in self.y.ticks:
            (_,), (up,) = self._places([self.x.low], [value])
            parts.append(
                f'<line class="grid" x1="{self._left}" x2="{WIDTH - RIGHT}" y1="{up:.1f}" '
                f'y2="{up:.1f}"/><text class="tick end" x="{self._left - 8}" '
                f'y="{up + 4:.1f}">{escape(words)}</text>'
            )
        free = -math.inf
        for value, words in self.x.ticks:
            (across,), _ = self._places([value], [self.y.low])
            half = 3.2 * len(words)
            if across - half < free:
                continue  # it would run into the last one
            free = across + half + 6
            parts.append(
                f'<text class="tick" x="{across:.1f}" y="{floor + 18}">{escape(words)}</text>'
            )
        middle = (self._left + WIDTH - RIGHT) / 2
        across, up = (escape(one_line(axis.title)) for axis in (self.x, self.y))
        parts += [
            f'<line class="axis" x1="{self._left}" x2="{WIDTH - RIGHT}" y1="{floor}" '
            f'y2="{floor}"/>',
            f'<text class="name" x="{middle}" y="{self._height - 8}">{across}</text>',
            f'<text class="name start" x="0" y="14">{up}</text>',
        ]
        return parts

    def _names(self) -> list[str]:
        """The legend, from the right; an only mark needs none."""
        parts, across = [], float(WIDTH - RIGHT)
        for name, tone in reversed(self._legend if len(self._legend) > 1 else []):
            parts.append(f'<text class="legend" x="{across:.0f}" y="14">{escape(name)}</text>')
            across -= 6.4 * len(name) + 8
            parts.append(f'<circle class="key {tone}" cx="{across:.0f}" cy="10" r="4"/>')
            across -= 16
        return parts


def _kept(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int64]:
    """Points of a line that differ on the page: the first of each place, and evenly spaced ones."""
    rounded = np.stack([x.round(1), y.round(1)])
    kept = np.flatnonzero(np.append(True, np.any(np.diff(rounded, axis=1) != 0, axis=0)))
    if len(kept) > MOST_POINTS:
        kept = kept[np.linspace(0, len(kept) - 1, MOST_POINTS).astype(np.int64)]
    return np.unique(np.append(kept, len(x) - 1))
