"""Progress on standard error: a live line in terminals and notebooks, otherwise some lines."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Protocol

from rich.console import Console
from rich.progress import (
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from vgae.ground.errors import one_line
from vgae.learning.results import figure

__all__ = [
    "percent",
    "say",
    "short_time_words",
    "time_words",
    "training_display",
    "waiting_display",
]

PATIENCE = 2.0
"""Seconds of silence after which a command says what it is doing."""

AROUND_THE_LINE = len("x ") + len(" 00:00:00")
"""Columns that the spinner and the time left take on the live line."""


class _Step(Protocol):
    """What the display needs of a training record."""

    step: int
    loss: float
    terms: Mapping[str, float]
    seconds: float
    validation: Mapping[str, float | None] | None


@contextmanager
def training_display(n_steps: int, *, keep: bool = False) -> Iterator[Callable[[Any], None]]:
    """Show the progress of a training on standard error.

    A terminal shows a live line, and so does a notebook with ipywidgets. Otherwise about ten lines
    are written.

    Parameters
    ----------
    n_steps
        Steps of the training, at least 1.
    keep
        Whether the live line stays after the training.

    Yields
    ------
    A function to call with the record of each step: a callback for `fit`.

    Examples
    --------
    >>> from vgae.learning.train import StepRecord
    >>> with training_display(1) as show:
    ...     show(StepRecord(1, 0.7, {"reconstruction": 0.7}, seconds=0.5))
    """
    console, line = _ErrorConsole(), _StepLine(n_steps)
    if _can_be_live(console):
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=not keep) as progress:
            task = progress.add_task("training", total=n_steps)

            def show(record: _Step) -> None:
                words = line(record, console.width - AROUND_THE_LINE)
                progress.update(task, completed=record.step, description=words)

            yield show
        return
    every = max(1, n_steps // 10)

    def write(record: _Step) -> None:
        text = line(record)
        if record.step % every == 0 or record.step == n_steps:
            left = (n_steps - record.step) * line.mean_seconds
            say(Text(f"{text} | {left:.0f} s left"))

    yield write


@contextmanager
def waiting_display(words: str) -> Iterator[Callable[[str], None]]:
    """Say what is going on where it takes longer than two seconds.

    A terminal shows a live line with the elapsed time, which disappears at the end; a pipe gets
    the words once.

    Yields
    ------
    A function that changes the words.

    Examples
    --------
    >>> with waiting_display("reading edges.csv") as change:
    ...     change("reading nodes.csv")
    """
    display = _Waiting(words)
    timer = threading.Timer(PATIENCE, display.show)
    timer.daemon = True
    timer.start()
    try:
        yield display.change
    finally:
        timer.cancel()
        timer.join()
        display.hide()


def _can_be_live(console: Console) -> bool:
    """Whether a line can be redrawn: in a terminal, or by the widgets of a notebook."""
    if console.is_jupyter:
        return find_spec("ipywidgets") is not None
    return console.is_terminal


def say(text: Text, *, wrapped: bool = True) -> None:
    """Write a line to standard error; on a terminal, it breaks between words if it is `wrapped`.

    Examples
    --------
    >>> say(Text("34 nodes"))
    """
    console = _ErrorConsole()  # a new one each time, since tests and pipes exchange the stream
    console.print(text, soft_wrap=not (wrapped and console.is_terminal), highlight=False)


def time_words(seconds: float) -> str:
    """A duration in words.

    Examples
    --------
    >>> time_words(8.2), time_words(95.0), time_words(7260.0)
    ('8 s', '1 min 35 s', '2 h 1 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def short_time_words(seconds: float) -> str:
    """A duration in words, with three digits where it is below ten seconds.

    Examples
    --------
    >>> short_time_words(4.2e-5), short_time_words(0.0131), short_time_words(0.42)
    ('0.042 ms', '13.1 ms', '0.42 s')
    >>> short_time_words(1e-9), short_time_words(95.0)
    ('under 0.001 ms', '1 min 35 s')
    """
    if seconds >= 10.0:
        return time_words(seconds)
    if seconds >= 0.1:
        return f"{seconds:.3g} s"
    return f"{1e3 * seconds:.3g} ms" if seconds >= 1e-6 else "under 0.001 ms"


def percent(value: float | None, error: float | None = None) -> str:
    """A fraction as percentage points, with its standard error where there is one.

    Examples
    --------
    >>> percent(0.9167, 0.0039), percent(None)
    ('91.7 ± 0.4', '-')
    """
    return figure("", value, error)


class _StepLine:
    """One line per training step, which keeps the latest validation scores."""

    def __init__(self, n_steps: int) -> None:
        self.n_steps = n_steps
        self.n_seen = 0  # fewer than there were, in a fit that goes on from a checkpoint
        self.seconds = 0.0
        self.mean_seconds = 0.0
        self.scores = ""

    def __call__(self, record: _Step, width: int | None = None) -> str:
        """The line, without its least important parts if it would be longer than `width`."""
        # The first step may include compilation, so it says nothing about the others.
        self.n_seen += 1
        self.seconds = record.seconds if self.n_seen <= 2 else self.seconds + record.seconds
        self.mean_seconds = self.seconds / max(1, self.n_seen - 1)
        if record.validation is not None:
            auc, precision = (record.validation[name] for name in ("auc", "average_precision"))
            self.scores = f" | validation AUC {percent(auc)} AP {percent(precision)}"
        step = f"step {record.step}/{self.n_steps}"
        loss = f" | loss {_brief(record.loss)}"
        named = (
            f"{name.upper() if name == 'kl' else name} {_brief(term)}"
            for name, term in record.terms.items()
        )
        terms = f" = {' + '.join(named)}"
        pace = f" | {self.mean_seconds:.3f} s per step"
        lines = [
            step + loss + terms + self.scores + pace,
            step + loss + self.scores + pace,
            step + loss + self.scores,
            step + loss,
            step,
        ]
        return next((line for line in lines if width is None or len(line) <= width), step)


def _brief(number: float) -> str:
    return f"{number:.4f}" if number < 1e6 else f"{number:.3g}"


class _Waiting:
    """A live line that another thread shows once the wait has become long."""

    def __init__(self, words: str) -> None:
        self.words = one_line(words)
        self.console = _ErrorConsole()
        # One line at any width, and no markup: names of files may hold brackets.
        column = Column(no_wrap=True, overflow="ellipsis")
        text = TextColumn("{task.description}", markup=False, table_column=column)
        self.progress = Progress(
            SpinnerColumn(), text, TimeElapsedColumn(), console=self.console, transient=True
        )
        self.task = self.progress.add_task(self.words)

    def show(self) -> None:
        if self.console.is_terminal:
            self.progress.start()
        else:
            say(Text(self.words))

    def change(self, words: str) -> None:
        self.words = one_line(words)
        self.progress.update(self.task, description=self.words)

    def hide(self) -> None:
        if self.progress.live.is_started:
            self.progress.stop()


class _ErrorConsole(Console):
    """Standard error; work goes on when its reader has gone."""

    def __init__(self) -> None:
        super().__init__(stderr=True)

    def on_broken_pipe(self) -> None:
        """Write to nowhere from now on."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
