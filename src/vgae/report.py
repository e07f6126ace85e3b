"""What people see: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console
from rich.progress import (
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from vgae.errors import InputError, one_line

if TYPE_CHECKING:
    from vgae.evaluation import Evaluation

__all__ = [
    "METRIC_TITLES",
    "Reporter",
    "evaluation_words",
    "percent",
    "print_comparisons",
    "print_error",
    "print_evaluation",
    "print_fit",
    "print_inspection",
    "print_json",
    "print_links",
    "print_metrics",
    "print_table",
    "print_traceback",
    "scores_words",
    "shares",
    "split_label",
    "split_words",
    "time_words",
]

METRIC_TITLES = {
    "auc": "AUC",
    "average_precision": "AP",
    "mrr": "MRR",
    "full_average_precision": "full AP",
    "nmi": "NMI",
    "ari": "ARI",
}


PATIENCE = 2.0
"""Seconds of silence after which a command says what it is doing."""

ROW_WORDS = {
    "self_loops": "self loops (dropped)",
    "duplicates": "duplicates (merged)",
    "reversed_duplicates": "reversed (merged)",
    "incomplete": "without a node id (dropped)",
}


class Step(Protocol):
    """What the progress display needs of a training record."""

    step: int
    loss: float
    reconstruction: float
    kl: float
    seconds: float
    validation: Mapping[str, float | None] | None


def print_error(line: str) -> None:
    """One line on standard error."""
    _say(Text.assemble(("Error: ", "bold red"), one_line(line)))


def print_traceback(error: BaseException) -> None:
    """Where an error came from, on standard error."""
    for line in "".join(traceback.format_exception(error)).splitlines():
        _say(Text(one_line(line)))


def print_json(value: Any, *, lines: bool = False) -> None:
    """An object as JSON, or a list as one object a line, on standard output."""
    if lines:
        _write(json.dumps(item) for item in value)
    else:
        _write([json.dumps(value, indent=2)])


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows on standard output: aligned for a person, tab-separated for a pipe.

    A person sees control characters spelt out; a pipe gets them as they are, but for tabs and line
    breaks, which would break the columns: those become blanks. `--json` and `--out` keep all.
    """
    console = Console()
    if not console.is_terminal:
        # Where rich is told that a terminal is none, it is still one that can be steered.
        plain = one_line if sys.stdout.isatty() else _unbroken
        _write("\t".join(map(plain, row)) for row in (columns, *rows))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(Text(one_line(name)), overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    console.print(table)


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
        raise InputError(f"standard output: {(error.strerror or str(error)).lower()}") from error


def print_metrics(metrics: Mapping[str, Any]) -> None:
    """Held-out metrics of one run as a table of percentages."""
    parts = {part: metrics[part] for part in ("validation", "test") if metrics[part]}
    if not parts:
        return
    names = list(next(iter(parts.values())))
    print_table(
        [
            f"held out {split_label(metrics['protocol'], metrics['proportions'])}",
            *(_title(name) for name in names),
        ],
        [[part, *(percent(scores[name]) for name in names)] for part, scores in parts.items()],
    )


def print_fit(metrics: Mapping[str, Any], links: Sequence[Any] | None, *, json: bool) -> None:
    """Held-out metrics of one run and, where they are given, the likeliest missing links."""
    if json:
        found = {} if links is None else {"links": [link._asdict() for link in links]}
        print_json({**metrics, **found})
        return
    print_metrics(metrics)
    if links is not None:
        print_links(links, json=False)


def print_links(links: Sequence[Any], *, json: bool) -> None:
    """Pairs of nodes with their probabilities."""
    if json:
        print_json([link._asdict() for link in links], lines=True)
        return
    print_table(
        ["source", "target", "probability"],
        [[str(link.source), str(link.target), f"{link.probability:.6f}"] for link in links],
    )


def print_evaluation(result: Evaluation) -> None:
    """Methods against metrics: mean and standard error, with the 95 % interval below."""
    metrics = list(next(iter(result.metrics.values())))
    rows = []
    for name, scores in result.metrics.items():
        rows.append([name, *(percent(scores[m].mean, scores[m].standard_error) for m in metrics)])
        if result.runs > 1:
            rows.append(["  95 % interval", *(_interval(scores[m].interval) for m in metrics)])
    header = "model"
    if "links" in result.tasks:
        header += f" {split_label(result.protocol, result.proportions)}"
    print_table([header, *(_title(name) for name in metrics)], rows)


def print_comparisons(result: Evaluation) -> None:
    """Every method's difference to the first one, metric by metric, on the same splits."""
    rows = [
        [
            f"{one.first} - {one.second}",
            _title(one.metric),
            percent(one.difference.mean, one.difference.standard_error),
            _interval(one.difference.interval),
            f"{one.wins} of {result.runs}",
        ]
        for one in result.comparisons()
        if one.difference.mean is not None
    ]
    if rows:
        print_table(["difference", "metric", "mean", "95 % interval", "runs ahead"], rows)


def print_inspection(found: Mapping[str, Any]) -> None:
    """A graph in figures, a line for each, and what fitting it would take."""
    plan = found["plan"]
    parts = {"edges": found["n_edges"], **found["cleaning"]}
    rows_words = " + ".join(
        f"{number:,} {ROW_WORDS.get(name, name)}" for name, number in parts.items() if number
    )
    rows = [
        ("nodes", f"{found['n_nodes']:,} ({found['isolated']:,} without an edge)"),
        ("edges", f"{found['n_edges']:,} ({'directed' if found['directed'] else 'undirected'})"),
        ("rows", f"{found['rows']:,} = {rows_words}"),
        ("density", f"{found['density']:.3g}"),
        (
            "components",
            f"{found['components']:,}, the largest {found['largest_component']:,} nodes",
        ),
        ("degrees", ", ".join(f"{name} {value:,g}" for name, value in found["degrees"].items())),
        ("", ", ".join(f"{name}: {value:,}" for name, value in found["degree_counts"].items())),
        ("weights", "none" if found["weights"] is None else _range(*found["weights"])),
        ("features", _features_words(found["features"])),
        ("labels", _labels_words(found["labels"])),
        ("preset", f"{plan['preset']} ({plan['why']})"),
        ("held out", _held_out_words(plan)),
        (
            "time",
            f"about {time_words(plan['seconds'])} for {plan['steps']} steps, {plan['engine']}",
        ),
        ("memory", f"about {plan['bytes'] / 1e9:.1f} GB"),
    ]
    print_table(["graph", "figure"], rows)


def _range(least: float, largest: float) -> str:
    return f"{least:g} to {largest:g}"


def _features_words(features: Mapping[str, Any] | None) -> str:
    if features is None:
        return "none"
    return (
        f"{features['number']:,}, {features['kind']}, {percent(features['not_zero'])} % not zero, "
        f"{_range(features['least'], features['largest'])}"
    )


def _labels_words(labels: Mapping[str, int] | None) -> str:
    if labels is None:
        return "none"
    first = [f"{name} ({number:,})" for name, number in list(labels.items())[:3]]
    return f"{len(labels):,}: {', '.join(first)}{', ...' if len(labels) > 3 else ''}"


def _held_out_words(plan: Mapping[str, Any]) -> str:
    if not plan["test"]:
        return "too few edges to hold any out: --no-holdout"
    return f"{plan['validation']:,} edges for validation, {plan['test']:,} for the test"


def evaluation_words(result: Evaluation) -> str:
    """How an evaluation was made, for the line below its table."""
    spread = "mean and standard error" if result.runs > 1 else "a single run: no standard error"
    told = [f"{spread}, in percent", f"{result.runs} run{'s' * (result.runs > 1)}"]
    if "links" in result.tasks:
        told[1] += " (seed and split change together)"
        told.append(split_words(result.protocol, result.proportions))
    for name, used in result.results.items():
        words = ["with" if used.features else "without", "features"]
        words += [] if used.preset is None else [f"preset {used.preset}"]
        words += [f"{key} {value}" for key, value in used.overrides.items()]
        told.append(f"{name}: {' '.join(words[:2])}" + "".join(f", {word}" for word in words[2:]))
    return "; ".join(told)


def scores_words(metrics: Mapping[str, float | None]) -> str:
    """The first metrics of a run, for a line of progress."""
    return " ".join(f"{_title(name)} {percent(metrics[name])}" for name in list(metrics)[:2])


def time_words(seconds: float) -> str:
    """A duration for a person.

    Examples
    --------
    >>> time_words(8.2), time_words(95.0), time_words(7260.0)
    ('8 s', '1 min 35 s', '2 h 1 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _title(metric: str) -> str:
    return METRIC_TITLES.get(metric, metric.title())


def _interval(interval: tuple[float, float] | None) -> str:
    return "-" if interval is None else " to ".join(f"{100 * end:.1f}" for end in interval)


def percent(value: float | None, error: float | None = None) -> str:
    """A fraction as percentage points, with its standard error where there is one.

    Examples
    --------
    >>> percent(0.9167, 0.0039), percent(None)
    ('91.7 ± 0.4', '-')
    """
    if value is None:
        return "-"
    return f"{100 * value:.1f}" + ("" if error is None else f" ± {100 * error:.1f}")


def split_label(protocol: str, proportions: Mapping[str, float]) -> str:
    """Protocol and proportions in brief, for the header of every table of scores.

    Examples
    --------
    >>> split_label("T", {"train": 0.85, "validation": 0.05, "test": 0.1})
    '[T, 85 / 5 / 10]'
    """
    return f"[{protocol}, {shares(proportions)}]"


def split_words(protocol: str, proportions: Mapping[str, float]) -> str:
    """Protocol and proportions in words, for every result that is shown.

    Examples
    --------
    >>> split_words("T", {"train": 0.85, "validation": 0.05, "test": 0.1})
    'protocol T, split 85 / 5 / 10 (train / validation / test)'
    """
    return f"protocol {protocol}, split {shares(proportions)} ({' / '.join(proportions)})"


def shares(proportions: Mapping[str, float]) -> str:
    """Proportions in percent, as in 85 / 5 / 10."""
    return " / ".join(f"{100 * share:g}" for share in proportions.values())


class Reporter:
    """Progress and remarks on standard error; silent when told to be.

    Parameters
    ----------
    quiet
        Whether to say nothing but errors.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        package = logging.getLogger("vgae")
        package.handlers = [_SayHandler()]
        package.propagate = False
        package.setLevel(logging.ERROR if quiet else logging.INFO)

    def say(self, line: str) -> None:
        """A remark."""
        if not self.quiet:
            _say(Text(one_line(line)))

    @contextmanager
    def working(self, words: str) -> Iterator[Callable[[str], None]]:
        """Say what is being done if it takes longer than two seconds.

        A terminal shows a live line with the elapsed time, which disappears at the end; a pipe gets
        the words once. Call the yielded function to change the words.
        """
        if self.quiet:
            yield lambda _: None
            return
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

    @contextmanager
    def training(self, n_steps: int) -> Iterator[Any]:
        """A display to give to `fit` as `on_step`: a live line, or some lines in a pipe."""
        console = _ErrorConsole()
        if self.quiet or n_steps == 0:
            yield None
        elif console.is_terminal:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
            with Progress(*columns, console=console, transient=True) as progress:
                task = progress.add_task("training", total=n_steps)
                line = _StepLine(n_steps)

                def show(record: Step) -> None:
                    progress.update(task, completed=record.step, description=line(record))

                yield show
        else:
            line, every = _StepLine(n_steps), max(1, n_steps // 10)

            def write(record: Step) -> None:
                text = line(record)
                if record.step % every == 0 or record.step == n_steps:
                    left = (n_steps - record.step) * line.mean_seconds
                    _say(Text(f"{text} | {left:.0f} s left"))

            yield write

    @contextmanager
    def counting(self, title: str, total: int) -> Iterator[Any]:
        """A display of `total` pieces of work; call what it yields with each piece's words."""
        done, started = 0, time.perf_counter()
        with self.working(f"{title} 1/{total}") as change:

            def tick(words: str) -> None:
                nonlocal done
                done += 1
                left = (time.perf_counter() - started) / done * (total - done)
                self.say(f"{title} {done}/{total}: {words} | {time_words(left)} left")
                change(f"{title} {min(done + 1, total)}/{total}")

            yield tick


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
            _say(Text(self.words))

    def change(self, words: str) -> None:
        self.words = one_line(words)
        self.progress.update(self.task, description=self.words)

    def hide(self) -> None:
        if self.progress.live.is_started:
            self.progress.stop()


class _StepLine:
    """One line on a training step, with the last validation scores kept in sight."""

    def __init__(self, n_steps: int) -> None:
        self.n_steps = n_steps
        self.seconds = 0.0
        self.mean_seconds = 0.0
        self.scores = ""

    def __call__(self, record: Step) -> str:
        # The first step may have to compile: it tells nothing of the others.
        self.seconds = record.seconds if record.step <= 2 else self.seconds + record.seconds
        self.mean_seconds = self.seconds / max(1, record.step - 1)
        if record.validation is not None:
            auc, precision = (record.validation[name] for name in ("auc", "average_precision"))
            self.scores = f" | validation AUC {percent(auc)} AP {percent(precision)}"
        return (
            f"step {record.step}/{self.n_steps} | loss {_brief(record.loss)} = reconstruction "
            f"{_brief(record.reconstruction)} + KL {_brief(record.kl)}{self.scores} | "
            f"{self.mean_seconds:.3f} s a step"
        )


def _brief(number: float) -> str:
    return f"{number:.4f}" if number < 1e6 else f"{number:.3g}"


class _SayHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        style = "yellow" if record.levelno >= logging.WARNING else ""
        _say(Text(one_line(record.getMessage()), style=style))


class _ErrorConsole(Console):
    """Standard error; a reader that has left must not cost the work."""

    def __init__(self) -> None:
        super().__init__(stderr=True)

    def on_broken_pipe(self) -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _say(text: Text) -> None:
    # Made anew each time, since tests and pipes exchange the stream.
    _ErrorConsole().print(text, soft_wrap=True, highlight=False)
