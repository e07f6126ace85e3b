"""Published experiments, run again: cell by cell, resumable, next to the published figures."""

from __future__ import annotations

import json
import os
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import resources
from importlib.metadata import version
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

from pydantic import Field

from vgae.data.datasets import load_dataset
from vgae.data.graph import Graph, count
from vgae.data.split import SplitSettings, split_edges
from vgae.data.tables import write_table
from vgae.ground.config import Settings
from vgae.ground.errors import InputError, unknown_name
from vgae.ground.files import check_file, file_errors, locked_folder, staged_file
from vgae.learning.evaluation import check_runs, link_scores
from vgae.learning.kept import KeptRuns, RunMetrics
from vgae.learning.methods import Candidate, candidates
from vgae.learning.metrics import RANKING_METRICS
from vgae.learning.results import Summary, shares, summarize

__all__ = [
    "Cell",
    "CellResult",
    "Experiment",
    "RunDone",
    "experiments",
    "markdown",
    "reproduce",
    "results_table",
    "write_results",
]

METRICS = RANKING_METRICS
PUBLISHED = ("auc", "average_precision")
TABLES = ("table.csv", "table.json", "table.md")


class Published(Settings):
    """What a paper reports, in percent.

    Examples
    --------
    >>> experiments(["cora"])[0].cells[-1].published
    Published(auc=91.4, average_precision=92.6)
    """

    auc: float = Field(ge=0.0, le=100.0)
    average_precision: float = Field(ge=0.0, le=100.0)


class Cell(Settings):
    """One method on one data set.

    Attributes
    ----------
    row
        The paper's name of the method.
    method, settings
        Our name of it, and the settings that the paper states.
    needs_features
        Whether the cell has no meaning without node features.
    published
        The paper's figures.
    seconds
        About how long a run takes on two cores; weighs the cell in the estimate of time left.

    Examples
    --------
    >>> experiments(["cora"])[0].cells[0].method
    'spectral'
    """

    row: str
    method: str
    settings: dict[str, Any]
    needs_features: bool
    published: Published
    seconds: float = Field(gt=0.0)


class Experiment(Settings):
    """The cells of one data set, its place in the paper's table, and the source of the figures.

    Examples
    --------
    >>> experiments(["cora"])[0].split.proportions
    {'train': 0.85, 'validation': 0.05, 'test': 0.1}
    """

    dataset: str
    column: int
    source: str
    split: SplitSettings
    cells: list[Cell] = Field(min_length=1)


@dataclass(frozen=True)
class RunDone:
    """One finished run.

    Attributes
    ----------
    dataset, row
        The cell that it belongs to.
    run, runs
        Its number from 0, and how many the cell has.
    metrics
        Test metrics.
    seconds_left
        About how long the remaining runs of all cells take.

    Examples
    --------
    >>> RunDone("cora", "SC", run=0, runs=10, metrics={"auc": 0.9}, seconds_left=60.0).row
    'SC'
    """

    dataset: str
    row: str
    run: int
    runs: int
    metrics: Mapping[str, float | None]
    seconds_left: float


@dataclass(frozen=True)
class CellResult:
    """Our figures next to the published ones.

    Attributes
    ----------
    experiment, cell
        The cell and its experiment.
    runs, seed
        Number of runs, and the seed of run 0.
    metrics
        Summaries by metric, fractions from 0 to 1; empty where the cell could not be run.
    why_empty
        Why it could not be run; otherwise None.

    Examples
    --------
    >>> experiment = experiments(["cora"])[0]
    >>> scores = {name: summarize([0.84, 0.86]) for name in ("auc", "average_precision")}
    >>> result = CellResult(experiment, experiment.cells[0], runs=2, seed=0, metrics=scores)
    >>> round(result.as_row()["auc"], 2), result.as_row()["auc_published"]
    (85.0, 84.6)
    """

    experiment: Experiment
    cell: Cell
    runs: int
    seed: int
    metrics: Mapping[str, Summary]
    why_empty: str | None = None

    def as_row(self) -> dict[str, Any]:
        """Plain values, scores in percent; None where there are none.

        `reached` tells whether the mean is at most two standard errors below the published figure.
        """
        split = self.experiment.split
        row: dict[str, Any] = {"dataset": self.experiment.dataset, "method": self.cell.row}
        for name in PUBLISHED:
            row |= _next_to_published(
                name, self.metrics.get(name), getattr(self.cell.published, name)
            )
        return row | {
            "runs": self.runs if self.metrics else 0,
            "seed": self.seed,
            "protocol": split.protocol,
            **split.proportions,
            "why_empty": self.why_empty,
            "source": self.experiment.source,
        }


def experiments(only: Sequence[str] | None = None) -> list[Experiment]:
    """The experiments that come with the program, in the order of the paper's columns.

    Parameters
    ----------
    only
        Names of data sets; by default all.

    Raises
    ------
    InputError
        A name is unknown, or none is given.

    Examples
    --------
    >>> [cell.row for cell in experiments(["cora"])[0].cells]
    ['SC', 'DW', 'GAE*', 'VGAE*', 'GAE', 'VGAE']
    """
    found = {}
    for item in resources.files("vgae.learning").joinpath("published").iterdir():
        if item.name.endswith(".toml"):
            made = Experiment.parse(tomllib.loads(item.read_text("utf-8")), where=item.name)
            found[made.dataset] = made
    if only is not None and not only:
        raise InputError(f"name at least one experiment of {', '.join(found)}")
    for name in only or ():
        if name not in found:
            raise unknown_name("experiment", name, found)
    every = sorted(found, key=lambda name: found[name].column)
    return [found[name] for name in dict.fromkeys(only or every)]


def reproduce(
    wanted: Sequence[Experiment],
    out: Path,
    *,
    runs: int = 10,
    seed: int = 0,
    on_run: Callable[[RunDone], None] | None = None,
) -> Iterator[CellResult]:
    """Run experiments, keeping every finished run in `out`; go on where an earlier call ended.

    Parameters
    ----------
    wanted
        The experiments, in this order.
    out
        A folder, made if there is none; each cell has a file in it, which grows run by run.
    runs, seed
        Run r uses seed + r for split and method.
    on_run
        Called after each run that was not already there.

    Yields
    ------
    The result of each cell, as it is ready.

    Raises
    ------
    InputError
        A number is not allowed, data are not available, or a file in `out` is damaged or was made
        with other settings.

    Examples
    --------
    >>> import tempfile
    >>> cell = {"row": "KATZ", "method": "katz", "settings": {}, "needs_features": False,
    ...         "published": {"auc": 50.0, "average_precision": 50.0}, "seconds": 1.0}
    >>> experiment = Experiment.parse({"dataset": "karate", "column": 1, "source": "nobody",
    ...                                "split": {"test": 0.2}, "cells": [cell]})
    >>> (result,) = reproduce([experiment], Path(tempfile.mkdtemp()), runs=2)
    >>> len(result.metrics["auc"].values)
    2
    """
    check_runs(runs, seed)
    with file_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        check_file(out / name)
    with locked_folder(out):
        yield from _reproduce(wanted, out, runs, seed, on_run)


def _reproduce(
    wanted: Sequence[Experiment],
    out: Path,
    runs: int,
    seed: int,
    on_run: Callable[[RunDone], None] | None,
) -> Iterator[CellResult]:
    jobs = [job for experiment in wanted for job in _jobs(experiment, out, seed)]
    clock = _Clock(sum(job.cell.seconds * job.missing(runs) for job in jobs))
    for job in jobs:
        for run, metrics in job.runs(runs):
            left = clock.after(job.cell.seconds)
            if on_run is not None:
                dataset = job.experiment.dataset
                on_run(RunDone(dataset, job.cell.row, run, runs, metrics, left))
        yield job.result(runs)


# ------------------------------------------------------------------------ cells


@dataclass
class _Job:
    """A cell with the graph that it runs on and the file that keeps its runs."""

    experiment: Experiment
    cell: Cell
    graph: Graph
    why_empty: str | None
    kept: KeptRuns
    seed: int
    method: Candidate
    done: list[RunMetrics] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.why_empty is None:
            self.done = self.kept.read(METRICS)

    def missing(self, runs: int) -> int:
        return max(0, runs - len(self.done)) if self.why_empty is None else 0

    def runs(self, runs: int) -> Iterator[tuple[int, RunMetrics]]:
        """The runs that are missing, each kept on disk before it is yielded."""
        todo = range(runs - self.missing(runs), runs)
        with ExitStack() as stack:
            scores: Iterator[RunMetrics] = map(self._score, todo)
            if self.method.single_threaded and todo:
                # Daemon threads, so that Ctrl-C need not wait for them.
                pool = ThreadPool(min(len(todo), _n_cores()))
                scores = stack.enter_context(pool).imap(self._score, todo)
            for run, metrics in zip(todo, scores, strict=True):
                self.done.append(metrics)
                self.kept.write(self.done)
                yield run, metrics

    def _score(self, run: int) -> RunMetrics:
        seed = self.seed + run
        split = split_edges(self.graph, seed=seed, **self.experiment.split.model_dump())
        return link_scores(split, self.method.method(split.training, seed), METRICS)

    def result(self, runs: int) -> CellResult:
        kept = self.done[:runs]
        metrics = {
            name: summarize([run[name] for run in kept], metric=name) for name in METRICS if kept
        }
        return CellResult(self.experiment, self.cell, runs, self.seed, metrics, self.why_empty)


def _jobs(experiment: Experiment, out: Path, seed: int) -> Iterator[_Job]:
    why_no_features = None
    try:
        featured = load_dataset(experiment.dataset, require_features=True)
    except InputError as error:
        why_no_features = f"no features: {error}"
        featured = load_dataset(experiment.dataset, features=False)
    bare = featured.with_features(None)
    for cell in experiment.cells:
        graph = featured if cell.needs_features else bare
        made = candidates([cell.method], settings={cell.method: cell.settings})[cell.method]
        about = {
            "dataset": experiment.dataset,
            "fingerprint": graph.fingerprint,
            "row": cell.row,
            "method": cell.method,
            "settings": dict(made.settings),
            # Earlier versions drew uniform negatives, and their runs do not say so.
            "split": {
                name: value
                for name, value in experiment.split.model_dump().items()
                if (name, value) != ("negatives", "uniform")
            },
            "seed": seed,
            "version": version("vgae"),
        }
        yield _Job(
            experiment,
            cell,
            graph,
            why_no_features if cell.needs_features else None,
            KeptRuns(
                out / f"{experiment.dataset}-{_slug(cell.row)}.json",
                about,
                advice="remove it or choose another folder (--out)",
            ),
            seed,
            made,
        )


def _n_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _slug(row: str) -> str:
    """A row's name as a file name: GAE* and GAE are two files."""
    return row.lower().replace("*", "-without-features")


class _Clock:
    """Estimates the time left from the speed so far."""

    def __init__(self, work: float) -> None:
        self.work, self.worked = work, 0.0
        self.started = time.perf_counter()

    def after(self, work: float) -> float:
        """Seconds left once this much more is done."""
        self.worked += work
        return (time.perf_counter() - self.started) * (self.work / self.worked - 1.0)


# ---------------------------------------------------------------------- tables


def results_table(results: Sequence[CellResult]) -> dict[str, list[Any]]:
    """Columns with a row per cell; see `CellResult.as_row`.

    Examples
    --------
    >>> experiment = experiments(["cora"])[0]
    >>> results = [CellResult(experiment, cell, 0, 0, {}, "no data") for cell in experiment.cells]
    >>> results_table(results)["auc_published"]
    [84.6, 83.1, 84.3, 84.0, 91.0, 91.4]
    """
    rows = [result.as_row() for result in results]
    return {name: [row[name] for row in rows] for name in rows[0]}


def markdown(results: Sequence[CellResult]) -> str:
    """The results as a Markdown table: how they were made above it, gaps explained below.

    Examples
    --------
    >>> experiment = experiments(["cora"])[0]
    >>> result = CellResult(experiment, experiment.cells[0], 0, 0, {}, "no data")
    >>> markdown([result]).splitlines()[-4:]
    ['|---|---|---|---|---|---|---|', '| SC | - | 84.6 | - | - | 88.5 | - |', '', 'SC: no data']
    """
    lines = []
    for experiment in {id(result.experiment): result.experiment for result in results}.values():
        mine = [result for result in results if result.experiment is experiment]
        lines += [
            f"## {experiment.dataset}",
            "",
            f"Protocol {experiment.split.protocol}, split {shares(experiment.split.proportions)}, "
            f"{count(mine[0].runs, 'run')} from seed {mine[0].seed} (seed and split change "
            "together); percent, mean ± standard error. "
            f"Published: {experiment.source}.",
            "",
            "| method | AUC | published | difference | AP | published | difference |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += ["| " + " | ".join(cells(result)) + " |" for result in mine]
        lines += [f"\n{result.cell.row}: {result.why_empty}" for result in mine if result.why_empty]
        lines.append("")
    return "\n".join(lines)


def cells(result: CellResult) -> list[str]:
    """One row as text: method; our AUC, the published one, their difference; the same of AP.

    Examples
    --------
    >>> experiment = experiments(["cora"])[0]
    >>> cells(CellResult(experiment, experiment.cells[0], 0, 0, {}, "no data"))[:3]
    ['SC', '-', '84.6']
    """
    row, shown = result.as_row(), [result.cell.row]
    for name in PUBLISHED:
        ours, error, gap = (row[key] for key in (name, f"{name}_se", f"{name}_difference"))
        spread = "" if error is None else f" ± {error:.2f}"
        shown.append("-" if ours is None else f"{ours:.2f}{spread}")
        shown.append(f"{row[f'{name}_published']:.1f}")
        mark = "" if row[f"{name}_reached"] in (True, None) else " (below)"
        shown.append("-" if gap is None else f"{gap:+.2f}{mark}")
    return shown


def write_results(results: Sequence[CellResult], out: Path) -> None:
    """Write `table.csv`, `table.json` and `table.md` into a folder.

    Raises
    ------
    InputError
        A file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder, experiment = Path(tempfile.mkdtemp()), experiments(["cora"])[0]
    >>> write_results([CellResult(experiment, experiment.cells[0], 0, 0, {}, "no data")], folder)
    >>> sorted(file.name for file in folder.iterdir())
    ['table.csv', 'table.json', 'table.md']
    """
    columns, rows, page = (out / name for name in TABLES)
    write_table(columns, results_table(results))
    _write_text(rows, json.dumps([result.as_row() for result in results], indent=2) + "\n")
    _write_text(page, markdown(results))


def _next_to_published(name: str, ours: Summary | None, published: float) -> dict[str, Any]:
    mean = error = difference = reached = low = high = None
    if ours is not None and ours.mean is not None:
        mean = 100 * ours.mean
        error = None if ours.standard_error is None else 100 * ours.standard_error
        low, high = (None, None) if ours.interval is None else (100 * x for x in ours.interval)
        difference = mean - published
        reached = None if error is None else difference >= -2 * error
    return {
        name: mean,
        f"{name}_se": error,
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_published": published,
        f"{name}_difference": difference,
        f"{name}_reached": reached,
    }


def _write_text(path: Path, text: str) -> None:
    with staged_file(path) as staged, file_errors(path):
        staged.write_text(text, encoding="utf-8")
