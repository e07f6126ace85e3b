"""The command line: arguments in, one of the API's functions, exit status out."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from vgae.ground.errors import InputError, VgaeError
from vgae.people import options, showing
from vgae.people.fit_jobs import FitJob, asked_fit, check_resumed, checkpoint_of, resumed_fit
from vgae.people.html.settings import ReportSettings
from vgae.people.options import (
    comma_list,
    given,
    input_name,
    inputs,
    method_settings,
    settings_of,
)
from vgae.people.rank_runs import among_ranks, settle_for_ranks, trained_in_ranks
from vgae.people.setting_options import Training
from vgae.people.usage import Command, example, grouped

if TYPE_CHECKING:
    from vgae.data.graph import Graph
    from vgae.data.split import Split
    from vgae.learning.checkpoints import Checkpoints
    from vgae.model.ranks import Ranks
    from vgae.people.html.page import Report
    from vgae.people.report import Reporter

__all__ = ["app", "main"]

INTERRUPTED = 130
REPORT_DEFAULTS = ReportSettings()

app = typer.Typer(
    name="vgae",
    help="Learn an embedding of a graph without labels, find its missing links, and measure on "
    "held-out edges how well that works.",
    epilog=example("vgae fit karate --out runs/karate", "vgae recommend runs/karate --top 10"),
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.")] = False,
) -> None:
    if version:
        from vgae import __version__

        typer.echo(f"vgae {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(cls=Command, epilog=example("vgae inspect karate"))
@grouped
def inspect(
    graph: options.GraphArgument,
    *,
    reading: options.Reading,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Show how a file is read, and what fitting it would take.

    What is dropped or merged is counted.
    """
    from vgae.people.report import Reporter, print_inspection, print_json

    reporter = Reporter(quiet=quiet)
    data, graph = _read(graph, reading, reporter)
    from vgae.people.inspection import inspect_graph

    found = inspect_graph(data)
    if json:
        print_json({"graph": graph, **found.as_dict()})
    else:
        print_inspection(found.as_dict())


@app.command(
    cls=Command,
    epilog=example("vgae plan karate", "vgae plan --nodes 1000000 --edges 10000000 --gpu h100"),
)
@grouped
def plan(
    context: typer.Context,
    graph: options.GraphToFitArgument = None,
    *,
    nodes: options.NodesOption = None,
    edges: options.EdgesOption = None,
    ranks: options.RanksOption = 1,
    gpu: options.GpuOption = None,
    reading: options.Reading,
    model: options.ModelOption = None,
    training: Training,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Estimate the time and memory of a fit, from the graph or from its sizes alone.

    With --nodes and --edges no graph is read, and --features takes a number.
    """
    from vgae.people.report import Reporter, print_json, print_plan

    reporter = Reporter(quiet=quiet)
    if (graph is None) == (nodes is None or edges is None):
        context.fail("Give either GRAPH, or --nodes and --edges.")
    from vgae.learning.settings import LATENT_OF, named_preset
    from vgae.model.costs import Sizes
    from vgae.people.api import make_model
    from vgae.people.planning import plan_fit

    model = model or named_preset(training.preset).model
    if model not in LATENT_OF:
        raise InputError(f"--model {model}: time and memory are known of vgae and gae alone")
    settings = make_model(model, preset=training.preset, **training.overrides()).settings
    data: Graph | Sizes
    if graph is not None:
        data, name = _read(graph, reading, reporter)
        reporter.say(f"{name}: {data}")
    else:
        data = options.sizes(nodes or 0, edges or 0, reading)
    from vgae.model.kernels.first_use import compile_once

    compile_once(reporter.working)
    with reporter.working("measuring this machine"):
        found = plan_fit(data, settings, ranks=ranks, gpu=gpu).as_dict()
    if json:
        print_json(found)
    else:
        print_plan(found)


@app.command("import", cls=Command, epilog=example("vgae import karate --out graphs/karate"))
@grouped
def import_(
    graph: options.GraphArgument,
    *,
    out: options.GraphFolderOption,
    reading: options.Reading,
    memory: options.MemoryOption = None,
    overwrite: options.OverwriteOption = False,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Write a graph to a folder of arrays, which all commands map.

    Nothing is parsed again, and a graph may be larger than the memory.
    """
    from vgae.data.mapped import check_array_folder
    from vgae.people.report import Reporter, print_import

    reporter = Reporter(quiet=quiet)
    check_array_folder(out, overwrite=overwrite)
    name = input_name(graph)
    with reporter.working(f"importing {name}"):
        made = reading.graph_into(graph, out, memory=memory, overwrite=overwrite)
    print_import(made, out, json=json)
    reporter.suggest("vgae", "fit", out, "--out", f"runs/{out.name}")


@app.command(cls=Command, epilog=example("vgae fit karate --out runs/karate --top 5"))
@grouped
def fit(
    context: typer.Context,
    graph: options.GraphToFitArgument = None,
    *,
    out: options.RunFolderOption = None,
    reading: options.Reading,
    model: options.ModelOption = None,
    training: Training,
    setting: options.SettingOption = None,
    seed: options.SeedOption = 0,
    checkpoint_every: options.CheckpointEveryOption = None,
    resume: options.ResumeOption = None,
    holdout: options.HoldoutOption = True,
    holding_out: options.HoldingOut,
    top: options.TopLinksOption = 0,
    report: options.ReportOption = False,
    overwrite: options.OverwriteOption = False,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Fit a model or a baseline, and score held-out edges.

    The run folder keeps what was learned.
    """
    from vgae.people.report import Reporter

    with among_ranks() as ranks:
        reporter = Reporter(quiet=quiet or (ranks is not None and ranks.rank > 0))
        run = partial(_run_fit, reporter=reporter, ranks=ranks, top=top, json=json, report=report)
        if top < 0:
            raise InputError(f"--top {top}: must be 0 or more")
        if resume is not None:
            check_resumed(context)
            run(resumed_fit(resume, graph, checkpoint_every), resumed=True)
            return
        if graph is None:
            context.fail("Missing argument 'GRAPH'.")
        if out is None:
            context.fail("Missing option '--out'.")
        if ranks is not None and ranks.launch.restarts and checkpoint_of(out).exists():
            # torchrun began again after a failure
            run(resumed_fit(out, graph, checkpoint_every), resumed=True)
            return
        split_options = given(holding_out)
        if split_options and not holdout:
            raise InputError(f"--{next(iter(split_options))}: makes no sense with --no-holdout")
        from vgae.data.split import SplitSettings

        # All that needs no graph is checked before the work of reading one.
        held_out = SplitSettings.parse(split_options, where="split")
        from vgae.learning.settings import named_preset
        from vgae.learning.store import check_run_place

        check_run_place(out, overwrite=overwrite)
        from vgae.people.api import LinkModel, check_patience, make_estimator

        model = model or named_preset(training.preset).model
        estimator = make_estimator(
            model,
            preset=None if training.preset == Training.preset else training.preset,
            seed=seed,
            **(training.overrides() | settings_of(model, setting)),
        )
        if isinstance(estimator, LinkModel):
            patience = estimator.settings.training.patience
            check_patience(patience, held_out.validation if holdout else 0.0)
            if ranks is not None:
                reporter.say(settle_for_ranks(estimator))
        job = asked_fit(
            *(estimator, graph, out, reading),
            holdout=holdout,
            held_out=split_options,
            seed=seed,
            overwrite=overwrite,
            every=checkpoint_every,
        )
        run(job)


def _run_fit(
    job: FitJob,
    *,
    reporter: Reporter,
    ranks: Ranks | None,
    top: int,
    json: bool,
    report: bool,
    resumed: bool = False,
) -> None:
    """Read the graph, fit, save, and show the scores."""
    from vgae.learning.checkpoints import Checkpoints
    from vgae.learning.store import REPORT, save_fitted, staged_run
    from vgae.model.kernels.first_use import compile_once
    from vgae.people.api import LinkModel
    from vgae.people.report import print_fit
    from vgae.people.words import command_line

    estimator = job.estimator
    if isinstance(estimator, LinkModel):
        estimator.engine_here()
    if ranks is not None and ranks.rank:  # the first one does the rest
        _learn_together(job, ranks, reporter)
        return
    data = None if ranks is not None else _opened(job, reporter)
    compile_once(reporter.working)
    with staged_run(job.out, overwrite=job.overwrite) as staged:
        trained = None if ranks is None else _learn_together(job, ranks, reporter)
        # Several processes each forgot all but their own nodes.
        _learn(job, job.split(data or _opened(job, reporter)), reporter, trained)
        estimator.fitted_ = estimator.fitted_.named(job.name)
        if not resumed:
            estimator.fitted_ = estimator.fitted_.with_command(command_line("vgae", *sys.argv[1:]))
        save_fitted(estimator.fitted_, staged)
    interrupted = isinstance(estimator, LinkModel) and estimator.interrupted_
    if job.checkpoints is None or not interrupted:
        (job.checkpoints or Checkpoints(checkpoint_of(job.out))).discard()
    with reporter.working("ranking all pairs"):
        links = estimator.recommend(top) if top else None
    print_fit(estimator.metrics_, links, json=json)
    _remark(job, reporter, json=json)
    if report:
        _make_report(estimator, job.out / REPORT, reporter)
        reporter.say(f"report: {job.out / REPORT}")
    reporter.suggest("vgae", "recommend", job.out, "--top", 10)
    if interrupted:
        raise KeyboardInterrupt


def _remark(job: FitJob, reporter: Reporter, *, json: bool) -> None:
    """What there is to say of a fit."""
    from vgae.people.api import LinkModel
    from vgae.people.report import evidence_words, split_words

    estimator = job.estimator
    if estimator.metrics_["test"]:
        used = estimator.split_.settings
        made = split_words(used.protocol, used.proportions)
        made += f", {used.negatives} negatives" * (used.negatives != "uniform")
        reporter.say(f"{made}, seed {job.seed}" + "; scores in percent" * (not json))
    if isinstance(estimator, LinkModel):
        if estimator.settings_.network.objective == "exact":  # otherwise it was said before the fit
            reporter.say(f"objective exact: {estimator.fitted_.objective_reason}")
        if estimator.evidence_ is not None:
            reporter.say(evidence_words(estimator.evidence_))
        if not estimator.history_:
            reporter.say("no training steps: the weights are random, and nothing was learned")
        simple = estimator.simple_methods_
        if simple is not None and simple.words is not None:
            reporter.say(simple.words)
    if estimator.split_.graph.weights is not None:
        reporter.say(f"weights mean {estimator.graph_['weight_means']}")
    reporter.say(f"run folder: {job.out}")


def _opened(job: FitJob, reporter: Reporter) -> Graph:
    data, _ = _read(job.graph, job.reading, reporter)
    reporter.say(f"{job.name}: {data}")
    return data


def _learn(
    job: FitJob, split: Split, reporter: Reporter, trained: Checkpoints | None = None
) -> None:
    """Fit, and show the progress. A model that is interrupted keeps what it learned until then."""
    from vgae.people.api import LinkBaseline

    estimator = job.estimator
    if isinstance(estimator, LinkBaseline):
        with reporter.working(f"fitting {estimator.name}"):
            estimator.fit(split)
    elif trained is not None:
        with reporter.working("scoring held-out pairs"):
            estimator.fit(split, checkpoint=trained)
    else:
        with (
            _saying_how_to_go_on(job, reporter),
            reporter.training(estimator.settings.training.steps) as show,
        ):
            estimator.fit(split, callbacks=show, checkpoint=job.checkpoints)


def _learn_together(job: FitJob, ranks: Ranks, reporter: Reporter) -> Checkpoints:
    """Train with other processes; the first one shows the progress."""
    from vgae.people.api import LinkModel

    def split() -> Split:
        return job.split(_read(job.graph, job.reading, reporter)[0])

    if ranks.rank:
        return trained_in_ranks(job, ranks, split, None)
    model = job.estimator if isinstance(job.estimator, LinkModel) else None
    n_steps = 0 if model is None else model.settings.training.steps
    with _saying_how_to_go_on(job, reporter), reporter.training(n_steps) as show:
        return trained_in_ranks(job, ranks, split, show)


@contextmanager
def _saying_how_to_go_on(job: FitJob, reporter: Reporter) -> Iterator[None]:
    """Say how a fit that ends early goes on; a result that is there is no reason to raise."""
    from vgae.learning.train import Terminated
    from vgae.people.report import print_error
    from vgae.people.words import command_line

    estimator, checkpoints = job.estimator, job.checkpoints

    def way_on() -> str:
        if checkpoints is None or not checkpoints.place:
            return "no checkpoint was written"
        resume = command_line("vgae", "fit", "--resume", job.out)
        return f"stopped {checkpoints.place}; `{resume}` goes on from there"

    try:
        yield
    except Terminated:
        print_error(f"terminated: {way_on()}")
        raise
    except KeyboardInterrupt:
        if checkpoints is not None:
            reporter.say(way_on())
        if not hasattr(estimator, "fitted_"):
            raise  # nothing was kept


@app.command(cls=Command, epilog=example("vgae split karate --out splits/karate"))
@grouped
def split(
    graph: options.GraphArgument,
    *,
    out: options.SplitFolderOption,
    reading: options.Reading,
    holding_out: options.HoldingOut,
    seed: options.SplitSeedOption = 0,
    format: options.FormatOption = "csv",  # noqa: A002 - the name of the option
    overwrite: options.OverwriteOption = False,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Hold out edges, and write all parts as tables of node ids.

    `vgae evaluate --split` scores methods on them, and so can any other program.
    """
    from vgae.data.io import check_split_folder, write_split
    from vgae.data.split import SplitSettings, split_edges
    from vgae.people.report import Reporter, print_split

    reporter = Reporter(quiet=quiet)
    split_options = given(holding_out)
    SplitSettings.parse(split_options, where="split")  # before the work of reading
    suffix = f".{format.removeprefix('.')}"
    check_split_folder(out, suffix=suffix, overwrite=overwrite)
    data, graph = _read(graph, reading, reporter)
    reporter.say(f"{graph}: {data}")
    made = split_edges(data, seed=seed, **split_options)
    write_split(made, out, suffix=suffix, overwrite=overwrite)
    print_split(made, json=json)
    reporter.say(f"{made.settings.negatives} negatives, seed {seed}; tables: {out}")
    reporter.suggest("vgae", "evaluate", graph, "--split", out)


@app.command(cls=Command, epilog=example("vgae evaluate karate --models vgae,katz --runs 3"))
@grouped
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
    from vgae.data.tables import check_output, write_table
    from vgae.people.report import (
        Reporter,
        evaluation_words,
        print_comparisons,
        print_evaluation,
        print_json,
        scores_words,
    )

    reporter = Reporter(quiet=quiet)
    if report is not None:
        from vgae.people.comparison_page import check_page

        check_page(report, overwrite=overwrite)
    _check_out(out, check_output, overwrite=overwrite, others=report is not None)
    names = None if models is None else comma_list(models)
    asked = comma_list(tasks)
    split_options = given(holding_out)
    own = split_options.keys() - {"protocol"}
    if split is not None and own:
        raise InputError(f"--{min(own)}: makes no sense with --split, which has its own")
    settings: dict[str, Any] = {
        "preset": training.preset,
        "runs": runs,
        "seed": seed,
        "tasks": asked,
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
    data, graph = _read(graph, reading, reporter)
    reporter.say(f"{graph}: {data}")
    splits: Graph | Split = data  # each run draws its own
    if split is not None:
        from vgae.data.io import read_split

        protocol = None if holding_out.protocol is None else plan.split.protocol
        with reporter.working(f"reading {split}"):
            splits = read_split(split, data, protocol=protocol)
    compile_once(reporter.working)
    nodes = public_node_split(graph) if "nodes" in asked else None
    work = api.open_evaluation(splits, names, nodes=nodes, keep=keep, **settings)
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
        if work.n_complete and not json:  # a program must not take a part for the whole
            print_evaluation(work.result())
            shown = f"{work.n_complete} of {runs} runs"
            reporter.say(f"interrupted: the table shows the {shown} that every method has finished")
        elif json:
            reporter.say("interrupted: no JSON is printed of a part of the runs")
        for unwritten in (out, report):
            if unwritten is not None:
                reporter.say(f"interrupted: {unwritten} is not written")
        if work.n_kept:
            kept = f"{work.n_kept} of {total} runs are kept in {keep}"
            reporter.say(f"{kept}: the same command goes on from there")
        raise
    result = work.result()
    if out is not None:
        write_table(out, result.table(graph=graph))
    if report is not None:
        from vgae.people.html.evaluation import evaluation_report
        from vgae.people.words import command_line

        command = command_line("vgae", *sys.argv[1:])
        evaluation_report(result, data, name=graph, command=command).save(report, overwrite=True)
    if json:
        print_json(result.as_dict(graph=graph))
    else:
        print_evaluation(result)
        reporter.say(evaluation_words(result))
        if compare:
            print_comparisons(result)
    if report is not None:
        reporter.say(f"report: {report}")
    work.discard()


@app.command(cls=Command, epilog=example("vgae tune karate --trials 20 --out runs/tune"))
@grouped
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
    if split is not None and split_options:
        raise InputError(f"--{min(split_options)}: makes no sense with --split, which has its own")
    from vgae.learning.settings import named_preset
    from vgae.model.kernels.first_use import compile_once
    from vgae.people import tuning

    model = model or named_preset(training.preset).model
    settings: dict[str, Any] = {
        "trials": trials,
        "model": model,
        "preset": training.preset,
        "metric": metric,
        "splits": splits,
        "seed": seed,
        **split_options,
        **training.overrides(),
    }
    tuning.check_tuning(**settings)
    tuning.check_tuning_place(out, overwrite=overwrite)
    data, graph = _read(graph, reading, reporter)
    reporter.say(f"{graph}: {data}")
    given_split: Split | None = None
    if split is not None:
        from vgae.data.io import read_split

        with reporter.working(f"reading {split}"):
            given_split = read_split(split, data)
    compile_once(reporter.working)
    with reporter.working("searching"):
        found = tuning.tuned(
            given_split or data,
            out=out,
            overwrite=overwrite,
            on_trial=lambda trial: reporter.say(trial_words(trial, trials, metric)),
            **settings,
        )
    if found.counts["complete"] or not found.interrupted:
        print_tuning(found, json=json)
        reporter.say(tuning_words(found))
        reporter.say(f"folder: {out}; the preset is in {out / tuning.PRESET_FILE}")
    if found.interrupted:
        reporter.say(f"{len(found.trials)} of {trials} trials: the same command goes on from there")
        raise KeyboardInterrupt
    reporter.suggest(
        *("vgae", "fit", graph, "--preset", out / tuning.PRESET_FILE),
        *("--out", out / "run"),
    )


@app.command(cls=Command, epilog=example("vgae reproduce --only cora --runs 1"))
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


@app.command(cls=Command, epilog=example("vgae predict runs/karate pairs.csv"))
@grouped
def predict(
    run: options.RunArgument,
    pairs: options.PairsArgument,
    *,
    header: options.HeaderOption = None,
    newcomers: options.Newcomers,
    json: options.JsonOption = False,
    out: options.TableOption = None,
    overwrite: options.OverwriteOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Give the probability of an edge for each pair of a file.

    A model of counts or values also gives the expected weight.
    """
    from vgae.data.tables import check_output
    from vgae.people.report import Reporter, print_links

    reporter = Reporter(quiet=quiet)
    _check_out(out, check_output, overwrite=overwrite, json=json, run=run)
    from vgae.people.api import load

    with reporter.working(f"opening {run}"):
        model = load(run)
    from vgae.data.io import pair_rows

    with inputs(pairs, newcomers.new_nodes, newcomers.new_edges) as (file, new_nodes, new_edges):
        newcomers = options.Newcomers(new_nodes, new_edges, newcomers.features_header)
        model = newcomers.join(model)
        with reporter.working(f"reading {input_name(str(pairs))}"):
            rows, _ = pair_rows(file, model.split_.graph, header=header)
    n_loops = int((rows[:, 0] == rows[:, 1]).sum())
    if n_loops:
        joins = "pair joins a node" if n_loops == 1 else "pairs join a node"
        reporter.say(f"{n_loops:,} {joins} with itself, which no edge of a graph does")
    reporter.say(model.fitted_.meaning)
    if out is None:
        print_links(model.links(model.ids_[rows]), json=json)
    else:
        with reporter.working("scoring pairs"):
            _write_links(out, model, model.fitted_.scored(rows))


@app.command(cls=Command, epilog=example("vgae recommend runs/karate --top 10"))
@grouped
def recommend(
    run: options.RunArgument,
    *,
    top: options.TopOption = 10,
    node: options.NodeOption = None,
    per_node: options.PerNodeOption = False,
    reasons: options.ReasonsOption = False,
    newcomers: options.Newcomers,
    json: options.JsonOption = False,
    out: options.LinksTableOption = None,
    overwrite: options.OverwriteOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """List the likeliest missing links among all pairs.

    Known edges are left out.
    """
    from vgae.people.report import Reporter, precision_words, print_links

    reporter = Reporter(quiet=quiet)
    if top < 1:
        raise InputError(f"--top {top}: must be 1 or more")
    if per_node and node:
        raise InputError("--per-node: makes no sense with --node, which names some")
    from vgae.data.io import MARKED_FORMATS, write_graph
    from vgae.data.tables import check_output, inner_suffix

    marked = out is not None and inner_suffix(out) in MARKED_FORMATS
    check = partial(check_output, others=MARKED_FORMATS)
    _check_out(out, check, overwrite=overwrite, json=json, run=run)
    from vgae.people.api import load

    with reporter.working(f"opening {run}"):
        model = newcomers.join(load(run))
    from vgae.model.kernels.first_use import compile_once

    compile_once(reporter.working)
    nodes = model.ids_ if per_node else node or None
    with reporter.working("ranking all pairs"):
        if out is not None and not marked:
            n_links = _write_links(out, model, model.recommend_batches(top, nodes=nodes), reasons)
        else:
            links = model.recommend(top, nodes=nodes)
            n_links = len(links)
            why = model.reasons([link[:2] for link in links]) if reasons else None
        expected = None if nodes is not None else model.fitted_.expected_precision(n_links or 1)
    reporter.say(model.fitted_.meaning)
    if expected is not None:
        reporter.say(precision_words(n_links, *expected))
    if out is None:
        print_links(links, json=json, reasons=why)
    elif marked:
        if model.graph_.get("weighted") and model.split_.graph.weights is None:
            reporter.say(f"{out}: without edge weights, which a run folder does not keep")
        write_graph(model.split_.graph, out, links=[link[:3] for link in links])


@app.command(cls=Command, epilog=example("vgae embed runs/karate --out embedding.csv"))
@grouped
def embed(
    run: options.RunArgument,
    *,
    out: options.EmbeddingOption = None,
    into: options.CellsFileOption = None,
    overwrite: options.OverwriteOption = False,
    std: options.StdOption = False,
    newcomers: options.Newcomers,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Write the embedding: column node, then z0, z1, ..."""
    from vgae.data.io import check_vectors_output
    from vgae.people.report import Reporter, print_embedding

    reporter = Reporter(quiet=quiet)
    if into is not None and (out is not None or json or std):
        raise InputError("--into writes the means into a file: leave --out, --json and --std out")
    if into is None:
        _check_out(out, check_vectors_output, overwrite=overwrite, json=json, run=run)
    from vgae.people.api import LinkModel, load

    with reporter.working(f"opening {run}"):
        model = newcomers.join(load(run))
    of_model = isinstance(model, LinkModel)
    vectors = (model.embedding_std_ if of_model else None) if std else model.embedding_
    if vectors is None:
        lacks = "posterior standard deviations" if std else "embedding: it only scores pairs"
        raise InputError(f"{run}: {model.name} has no {lacks}")
    prefix = "s" if std else "z"
    if into is not None:
        from vgae.data.io import write_cells

        with reporter.working(f"writing into {into}"):
            write_cells(into, model.ids_, vectors, overwrite=overwrite)
        reporter.say(f"{into}: obsm['X_vgae'], {vectors.shape[1]} dimensions")
        return
    if out is not None:
        from vgae.data.io import write_vectors

        write_vectors(out, model.ids_, vectors, prefix=prefix)
        return
    from vgae.data.io import vector_columns

    print_embedding(vector_columns(model.ids_, vectors, prefix=prefix), json=json)


for shown, call in showing.COMMANDS.items():
    app.command(cls=Command, epilog=example(call))(shown)


@app.command(cls=Command, epilog=example("vgae report runs/karate"))
@grouped
def report(
    run: options.RunArgument,
    *,
    out: options.ReportFileOption = None,
    top: options.ReportTopOption = REPORT_DEFAULTS.top,
    projection: options.ProjectionOption = REPORT_DEFAULTS.projection,
    graph: options.ReportGraphOption = None,
    overwrite: options.OverwriteOption = False,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Make one HTML file that shows what a run found.

    It has the likeliest links, a map of the nodes, how good the links are and why to trust them. It
    opens in any browser, without a network.
    """
    from vgae.learning.store import REPORT
    from vgae.people.report import Reporter, print_report

    reporter = Reporter(quiet=quiet)
    ReportSettings.parse({"top": top, "projection": projection})
    if out is None and overwrite:
        raise InputError("--overwrite: makes no sense without --out")
    if out is not None:
        _check_report_place(out, run, overwrite=overwrite)
    from vgae.people.api import load

    with reporter.working(f"opening {run}"):
        model = load(run)
    data = None if graph is None else _read(graph, options.Reading(), reporter)[0]
    place = run / REPORT if out is None else out
    made = _make_report(model, place, reporter, top=top, projection=projection, graph=data)
    print_report(place, len(made.html.encode()), json=json)


def _check_report_place(out: Path, run: Path, *, overwrite: bool) -> None:
    """Refuse a file that cannot be made, or that would be a stranger in the run folder."""
    from vgae.ground.files import check_file
    from vgae.learning.store import REPORT

    if out.resolve() != run.resolve() / REPORT:
        options.outside(out, run, f", which has room for {REPORT} only")
    check_file(out, overwrite=overwrite)


def _make_report(model: Any, place: Path, reporter: Reporter, **asked: Any) -> Report:
    """Make and write the report of a model."""
    from vgae.model.kernels.first_use import compile_once

    compile_once(reporter.working)
    with reporter.working("making the report"):
        made: Report = model.report(**asked)
        made.save(place, overwrite=True)
    return made


@app.command(cls=Command, epilog=example("vgae datasets"))
def datasets(
    json: options.JsonOption = False,
    out: options.TableOption = None,
    overwrite: options.OverwriteOption = False,
) -> None:
    """List the graphs that can be used by name."""
    from vgae.data.datasets import DATASETS, DEFAULT_DATASET, is_cached
    from vgae.data.tables import check_output, write_table
    from vgae.people.report import print_datasets

    _check_out(out, check_output, overwrite=overwrite, json=json)
    rows: list[dict[str, Any]] = [
        {
            "name": dataset.name,
            "nodes": dataset.n_nodes,
            "edges": dataset.n_edges,
            "features": dataset.n_features,
            "cached": is_cached(dataset.name),
            "licence": dataset.licence,
            "about": dataset.about + (" (default)" if dataset.name == DEFAULT_DATASET else ""),
            "citation": dataset.citation,
        }
        for dataset in DATASETS.values()
    ]
    if out is None:
        print_datasets(rows, json=json)
    else:
        write_table(out, {name: [row[name] for row in rows] for name in rows[0]})


@app.command("warm-up", cls=Command, epilog=example("vgae warm-up"))
def warm_up(quiet: options.QuietOption = False) -> None:
    """Compile all loops for this CPU ahead of time.

    No later command has to wait for it.
    """
    from vgae.people.report import Reporter, time_words

    reporter = Reporter(quiet=quiet)
    started, words = time.perf_counter(), "compiling loops for this CPU"
    with reporter.working("looking for compiled loops") as change:
        from vgae.model.kernels.first_use import compile_all, folders

        if not folders():
            raise InputError(
                "warm-up: there is no folder to keep compiled loops in; set NUMBA_CACHE_DIR to one "
                "that can be written to"
            )
        number = compile_all(lambda done, total: change(f"{words}, part {done + 1} of {total}"))
    spent = time_words(time.perf_counter() - started)
    did = (
        f"compiled {number} loops in {spent}" if number else "nothing to do: all loops are compiled"
    )
    reporter.say(f"{did}; they are kept in {' and '.join(map(str, folders()))}")


class _NoPandas:
    """Answers that pandas is not installed."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:  # noqa: ARG004
        if name == "pandas":
            raise ModuleNotFoundError("no command uses pandas", name=name)


def _spare_memory() -> None:
    """Have PyArrow do without what no command needs; for a process that runs one command.

    It imports pandas, where that is installed, to convert the first array (30 MB, half a second),
    and its own memory pool keeps tens of megabytes that it has freed.
    """
    import os

    sys.meta_path.insert(0, _NoPandas)
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def main() -> None:
    """Run the command line; every error becomes one line and an exit status.

    0 done, 1 a fault of this program, 2 input that cannot be used, 130 interrupted, 143 terminated
    after a checkpoint.

    Examples
    --------
    >>> from contextlib import suppress
    >>> from unittest.mock import patch
    >>> with patch("sys.argv", ["vgae", "--version"]), suppress(SystemExit):
    ...     main()
    vgae 0.1.0
    """
    program = Path(getattr(sys.modules["__main__"], "__file__", None) or "")
    if program.stem == "vgae" or program.parts[-2:] == ("vgae", "__main__.py"):
        _spare_memory()  # the process is this command's alone
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal without "±" must not cost the results
            stream.reconfigure(errors="backslashreplace")
    try:
        status = app(prog_name="vgae", standalone_mode=False) or 0
    except InputError as error:
        _leave(str(error), 2)
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last resort promises one line
        if hasattr(error, "format_message"):  # typer's own words on arguments
            _leave(error.format_message().rstrip(".") + "; see --help", 2)
        kind = "" if isinstance(error, VgaeError) else f"{type(error).__name__}: "
        first_line = (str(error).splitlines() or [""])[0]
        _leave(
            f"{kind}{first_line} - this is a fault of vgae; please report it with the command and "
            "what it prints with VGAE_TRACEBACK=1 set, at the project's issue page",
            1,
        )
    if status == INTERRUPTED:  # typer may have turned the signal into a status itself
        _leave("interrupted", INTERRUPTED)
    sys.exit(status)


def _leave(line: str, status: int) -> NoReturn:
    import os

    from vgae.people.report import print_error, print_traceback

    error = sys.exception()
    if error is not None and os.environ.get("VGAE_TRACEBACK"):
        print_traceback(error)
    print_error(line)
    sys.exit(status)


def _read(graph: str, reading: options.Reading, reporter: Reporter) -> tuple[Graph, str]:
    """The graph of a file or data set, and what messages call it."""
    name = input_name(graph)
    with reporter.working(f"reading {name}"):
        return reading.graph(graph), name


def _check_out(
    out: Path | None,
    check: Callable[..., None],
    *,
    overwrite: bool,
    json: bool = False,
    run: Path | None = None,
    others: bool = False,
) -> None:
    """Refuse an output before any work; `others` says whether another one may be replaced."""
    if out is None and overwrite and not others:
        raise InputError("--overwrite: makes no sense without --out")
    if out is not None:
        if json:
            raise InputError("--json prints and --out writes: name one of them")
        if run is not None:
            options.outside(out, run)
        check(out, overwrite=overwrite)


def _write_links(out: Path, model: Any, links: Any, reasons: bool = False) -> int:
    """Write links batch by batch, with the reasons of each if they are wanted; how many they are.

    `links` is a reader of Arrow's record batches.
    """
    from vgae.data.tables import write_batches

    if not reasons:
        return write_batches(out, links.schema, links)
    import pyarrow as pa

    from vgae.people.report import reasons_words

    schema = links.schema.append(pa.field("reasons", pa.string()))

    def explained() -> Iterator[pa.RecordBatch]:
        for batch in links:
            pairs = tuple(batch[end].to_numpy(zero_copy_only=False) for end in ("source", "target"))
            words = [reasons_words(reason) for reason in model.reasons(pairs)]
            yield pa.record_batch([*batch.columns, pa.array(words, pa.string())], schema)

    return write_batches(out, schema, explained())
