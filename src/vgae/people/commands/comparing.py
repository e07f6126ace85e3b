"""What is better: methods, settings, a published table and ours, or runs side by side."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vgae.ground.errors import InputError
from vgae.people import options
from vgae.people.commands.common import check_out, check_overwrite, introduced_graph, opened_run
from vgae.people.options import comma_list, given, method_settings, outside, reading_words
from vgae.people.setting_options import Training

if TYPE_CHECKING:
    from vgae.data.graph import Graph
    from vgae.data.split import Split
    from vgae.learning.results import Evaluation
    from vgae.learning.run_comparison import RunComparison
    from vgae.people.api import OpenEvaluation
    from vgae.people.report import Reporter

__all__ = ["compare", "evaluate", "reproduce", "tune"]

# -------------------------------------------------------------------- methods


def evaluate(
    graph: options.GraphArgument,
    *,
    reading: options.Reading,
    models: options.MethodsOption = None,
    training: Training,
    setting: options.SettingOption = None,
    runs: options.RunsOption = 10,
    seed: options.RunsSeedOption = 0,
    holding_out: options.HoldingOut,
    split: options.SplitOption = None,
    tasks: options.TasksOption = "links",
    task: options.TaskOption = "general",
    metrics: options.MetricsOption = None,
    compare: options.CompareOption = False,
    keep: options.KeepOption = Path("runs/evaluate"),
    json: options.JsonOption = False,
    out: options.ScoresTableOption = None,
    report: options.ScoresPageOption = None,
    overwrite: options.OverwriteOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Score methods on held-out edges over many splits.

    Each score comes with its standard error and its 95 % interval. Finished runs are kept until the
    end: after an interruption, the same command goes on.
    """
    from vgae.data.tables import check_output
    from vgae.people.report import Reporter

    reporter = Reporter(quiet=quiet)
    if report is not None:
        from vgae.people.html.page import check_page

        check_page(report, overwrite=overwrite)
    check_out(out, check_output, overwrite=overwrite, others=report is not None)
    names = None if models is None else comma_list(models)
    split_options = given(holding_out)
    _check_beside_split(split, split_options.keys() - {"protocol"})
    settings: dict[str, Any] = {
        "preset": training.preset,
        "runs": runs,
        "seed": seed,
        "tasks": comma_list(tasks),
        "task": comma_list(task),
        "metrics": None if metrics is None else comma_list(metrics),
        "settings": method_settings(setting),
        **split_options,
        **training.overrides(),
    }
    from vgae.data.datasets import public_node_split
    from vgae.model.kernels.first_use import compile_once
    from vgae.people import api

    _, plan = api.check_evaluation(names, **settings)  # before the work of reading
    data, name = introduced_graph(graph, reading, reporter)
    protocol = None if holding_out.protocol is None else plan.split.protocol
    splits = _split_of(data, split, reporter, protocol=protocol)
    compile_once(reporter.working)
    nodes = public_node_split(name) if "nodes" in settings["tasks"] else None
    work = api.open_evaluation(splits, names, nodes=nodes, keep=keep, **settings)
    unwritten = [place for place in (out, report) if place is not None]
    _run(work, reporter, runs=runs, seed=seed, keep=keep, unwritten=unwritten, json=json)
    result = work.result()
    _write_evaluation(result, data, name, table=out, page=report)
    _show_evaluation(result, name, reporter, compare=compare, json=json)
    if report is not None:
        reporter.say(f"report: {report}")
    work.discard()


def _check_beside_split(split: Path | None, others: Collection[str]) -> None:
    """Refuse options on how edges are held out where a split says it."""
    if split is not None and others:
        raise InputError(f"--{min(others)}: makes no sense with --split, which has its own")


def _split_of(
    data: Graph, split: Path | None, reporter: Reporter, *, protocol: Any = None
) -> Graph | Split:
    """The split in a folder; the graph itself without one, as each run then draws its own."""
    if split is None:
        return data
    from vgae.data.io import read_split

    with reporter.working(f"reading {split}"):
        return read_split(split, data, protocol=protocol)


def _run(
    work: OpenEvaluation,
    reporter: Reporter,
    *,
    runs: int,
    seed: int,
    keep: Path,
    unwritten: list[Path],
    json: bool,
) -> None:
    """Make the runs that are missing; Ctrl-C shows what there is, and how it goes on."""
    from vgae.people.report import print_evaluation, scores_words

    total = work.n_taken_over + work.n_missing
    if work.n_taken_over:
        reporter.say(f"{work.n_taken_over} of {total} runs are taken over from {keep}")
    try:
        with reporter.counting("run", work.n_missing) as tick:
            work.run(
                lambda scores: tick(
                    f"{scores.method}, seed {seed + scores.run}: {scores_words(scores.metrics)}"
                )
            )
    except KeyboardInterrupt:
        if json:  # a program must not take a part for the whole
            reporter.say("interrupted: no JSON is printed of a part of the runs")
        elif work.n_complete:
            print_evaluation(work.result())
            shown = f"{work.n_complete} of {runs} runs"
            reporter.say(f"interrupted: the table shows the {shown} that every method has finished")
        for place in unwritten:
            reporter.say(f"interrupted: {place} is not written")
        if work.n_kept:
            kept = f"{work.n_kept} of {total} runs are kept in {keep}"
            reporter.say(f"{kept}: the same command goes on from there")
        raise


def _write_evaluation(
    result: Evaluation, data: Graph, name: str, *, table: Path | None, page: Path | None
) -> None:
    if table is not None:
        from vgae.data.tables import write_table

        write_table(table, result.table(graph=name))
    if page is not None:
        from vgae.people.html.evaluation import evaluation_report
        from vgae.people.words import command_line

        command = command_line("vgae", *sys.argv[1:])
        evaluation_report(result, data, name=name, command=command).save(page, overwrite=True)


def _show_evaluation(
    result: Evaluation, name: str, reporter: Reporter, *, compare: bool, json: bool
) -> None:
    from vgae.people.report import (
        evaluation_words,
        print_comparisons,
        print_evaluation,
        print_json,
    )

    if json:
        print_json(result.as_dict(graph=name))
        return
    print_evaluation(result)
    reporter.say(evaluation_words(result))
    if compare:
        print_comparisons(result)


# ------------------------------------------------------------------- settings


def tune(
    graph: options.GraphArgument,
    *,
    trials: options.TrialsOption,
    out: options.TuneFolderOption,
    reading: options.Reading,
    model: options.ModelOption = None,
    metric: options.TuneMetricOption = "average_precision",
    splits: options.TuneSplitsOption = 1,
    seed: options.TuneSeedOption = 0,
    training: Training,
    held_out: options.HeldOutEdges,
    split: options.SplitOption = None,
    overwrite: options.OverwriteOption = False,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Search for settings that suit a graph, on its validation pairs.

    Settings that you give are fixed; others are searched. The best are printed as a preset and
    written to DIR/preset.toml. The same command goes on from the trials in DIR.
    """
    from vgae.people.report import Reporter, print_tuning, trial_words, tuning_words

    reporter = Reporter(quiet=quiet)
    split_options = given(held_out)
    _check_beside_split(split, split_options)
    from vgae.learning.settings import named_preset
    from vgae.model.kernels.first_use import compile_once
    from vgae.people import tuning

    settings: dict[str, Any] = {
        "trials": trials,
        "model": model or named_preset(training.preset).model,
        "preset": training.preset,
        "metric": metric,
        "splits": splits,
        "seed": seed,
        **split_options,
        **training.overrides(),
    }
    tuning.check_tuning(**settings)
    tuning.check_tuning_place(out, overwrite=overwrite)
    data, name = introduced_graph(graph, reading, reporter)
    searched = _split_of(data, split, reporter)
    compile_once(reporter.working)
    with reporter.working("searching"):
        found = tuning.tuned(
            searched,
            out=out,
            overwrite=overwrite,
            on_trial=lambda trial: reporter.say(trial_words(trial, trials, metric)),
            **settings,
        )
    preset = out / tuning.PRESET_FILE
    if found.counts["complete"] or not found.interrupted:
        print_tuning(found, json=json)
        reporter.say(tuning_words(found))
        reporter.say(f"folder: {out}; the preset is in {preset}")
    if found.interrupted:
        reporter.say(f"{len(found.trials)} of {trials} trials: the same command goes on from there")
        raise KeyboardInterrupt
    read_as = reading_words(reading)
    reporter.suggest("vgae", "fit", name, *read_as, "--preset", preset, "--out", out / "run")


# ---------------------------------------------------------- a published table


def reproduce(
    only: options.OnlyOption = None,
    runs: options.RunsOption = 10,
    seed: options.RunsSeedOption = 0,
    out: options.ReproduceFolderOption = Path("runs/reproduce"),
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Run table 1 of the VGAE paper again.

    Results stand next to the published figures.
    Every finished run is kept in the folder: after an interruption, the same command resumes.
    """
    from vgae.learning import reproduction
    from vgae.people.report import (
        Reporter,
        print_json,
        print_reproduction,
        scores_words,
        time_words,
    )

    reporter = Reporter(quiet=quiet)
    wanted = reproduction.experiments(None if only is None else comma_list(only))
    results = []

    def show(done: Any) -> None:
        reporter.say(
            f"{done.dataset} {done.row}, run {done.run + 1}/{done.runs}: "
            f"{scores_words(done.metrics)} | {time_words(done.seconds_left)} left"
        )

    from vgae.model.kernels.first_use import compile_once

    compile_once(reporter.working)
    names = ", ".join(dict.fromkeys(one.dataset for one in wanted))
    try:
        with reporter.working(f"reproducing {names}"):
            for result in reproduction.reproduce(wanted, out, runs=runs, seed=seed, on_run=show):
                results.append(result)
                reproduction.write_results(results, out)
                if result.why_empty is not None:
                    cell = f"{result.experiment.dataset} {result.cell.row}"
                    reporter.say(f"{cell}: not run; {result.why_empty}")
    except KeyboardInterrupt:
        reporter.say(f"finished runs are kept in {out}: the same command goes on from there")
        raise
    if json:
        print_json([result.as_row() for result in results])
        return
    rows = [[result.experiment.dataset, *reproduction.cells(result)] for result in results]
    made = wanted[0].split
    reporter.say(print_reproduction(rows, runs, made.protocol, made.proportions))
    reporter.say(f"tables and runs: {out}")


# ----------------------------------------------------------------------- runs


def compare(
    runs: options.RunsArgument,
    *,
    out: options.PageOption = None,
    overwrite: options.OverwriteOption = False,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Show runs side by side.

    Their metrics, the settings in which they differ and, where they held out the same pairs, the
    differences to the first with 95 % intervals.
    """
    from vgae.people.report import Reporter

    reporter = Reporter(quiet=quiet)
    check_overwrite(out, overwrite=overwrite)
    names = [str(path) for path in runs]
    if len(set(names)) < len(names) or len(names) < 2:
        raise InputError("compare: name two or more runs, each once")
    from vgae.people.comparison_page import comparison_page
    from vgae.people.html.page import check_page

    if out is not None:
        for path in runs:
            outside(out, path)
        check_page(out, overwrite=overwrite)
    from vgae.learning.run_comparison import compare_runs

    fitted = {
        name: opened_run(path, reporter).fitted_ for name, path in zip(names, runs, strict=True)
    }
    with reporter.working("comparing"):
        found = compare_runs(fitted)
        page = None if out is None else comparison_page(found, fitted)
    if out is not None and page is not None:
        page.save(out, overwrite=overwrite)
    _print_comparison(found, json=json)
    if found.why_no_differences is not None:
        reporter.say(found.why_no_differences)
    else:
        reporter.say(
            "differences to the first run, in percent; intervals from test pairs drawn again, the "
            "same for both, and not from other splits or seeds"
        )
    if out is not None:
        reporter.say(f"page: {out}")


def _print_comparison(found: RunComparison, *, json: bool) -> None:
    """Print runs side by side.

    Examples
    --------
    >>> from vgae.learning.run_comparison import Difference, RunComparison
    >>> _print_comparison(
    ...     RunComparison(
    ...         ("one", "two"), {"steps": (1, 5)}, {"auc": (0.5, 0.75)}, True,
    ...         (Difference("two", "auc", 0.25, (0.125, 0.5)),),
    ...     ),
    ...     json=False,
    ... )
    test   AUC
    one    50.0
    two    75.0
    two - one    difference    95 % interval
    AUC          25.0          12.5 to 50.0
    setting  one  two
    steps    1    5
    """
    from vgae.learning.results import figure
    from vgae.people.printing import print_json, print_table
    from vgae.people.words import interval_words, metric_title

    if json:
        print_json(found.as_dict())
        return

    if found.metrics:
        rows = [
            [run, *(figure(name, values[place]) for name, values in found.metrics.items())]
            for place, run in enumerate(found.runs)
        ]
        print_table(["test", *map(metric_title, found.metrics)], rows)
    for run in found.runs[1:]:
        rows = [
            [
                metric_title(one.metric),
                figure(one.metric, one.amount),
                interval_words(one.metric, one.interval),
            ]
            for one in found.differences
            if one.run == run
        ]
        if rows:
            print_table([f"{run} - {found.runs[0]}", "difference", "95 % interval"], rows)
    if found.settings:
        rows = [
            [name, *("-" if value is None else str(value) for value in values)]
            for name, values in found.settings.items()
        ]
        print_table(["setting", *found.runs], rows)
