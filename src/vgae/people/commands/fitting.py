"""A fit: plan, what it would take; warm-up, which compiles for it; and fit itself."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from vgae.ground.errors import InputError
from vgae.people import options
from vgae.people.commands.common import introduced_graph, made_report, opened_graph
from vgae.people.fit_jobs import FitJob, asked_fit, check_resumed, checkpoint_of, resumed_fit
from vgae.people.options import given, settings_of
from vgae.people.rank_runs import among_ranks, settle_for_ranks, trained_in_ranks
from vgae.people.setting_options import Training

if TYPE_CHECKING:
    from vgae.data.graph import Graph
    from vgae.data.split import Split
    from vgae.learning.checkpoints import Checkpoints
    from vgae.model.costs import Sizes
    from vgae.model.ranks import Ranks
    from vgae.people.api import LinkBaseline, LinkModel
    from vgae.people.report import Reporter

__all__ = ["fit", "plan", "warm_up"]

# ------------------------------------------------------------- ahead of a fit


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
    has_sizes = [size is not None for size in (nodes, edges)]
    if not all(has_sizes) if graph is None else any(has_sizes):
        context.fail("Give either GRAPH, or --nodes and --edges.")
    from vgae.learning.settings import LATENT_OF, named_preset
    from vgae.people.api import make_model
    from vgae.people.planning import plan_fit

    model = model or named_preset(training.preset).model
    if model not in LATENT_OF:
        raise InputError(f"--model {model}: time and memory are known of vgae and gae alone")
    settings = make_model(model, preset=training.preset, **training.overrides()).settings
    data: Graph | Sizes
    if graph is not None:
        data, _ = introduced_graph(graph, reading, reporter)
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


# ---------------------------------------------------------------------- a fit


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
        if top < 0:
            raise InputError(f"--top {top}: must be 0 or more")
        if resume is not None:
            check_resumed(context)
            job = resumed_fit(resume, graph, checkpoint_every)
        elif graph is None:
            context.fail("Missing argument 'GRAPH'.")
        elif out is None:
            context.fail("Missing option '--out'.")
        elif ranks is not None and ranks.launch.restarts and checkpoint_of(out).exists():
            # torchrun began again after a failure
            job = resumed_fit(out, graph, checkpoint_every)
        else:
            from vgae.data.split import SplitSettings
            from vgae.learning.store import check_run_place

            # All that needs no graph is checked before the work of reading one.
            held_out = given(holding_out)
            if held_out and not holdout:
                raise InputError(f"--{next(iter(held_out))}: makes no sense with --no-holdout")
            validation = SplitSettings.parse(held_out, where="split").validation
            check_run_place(out, overwrite=overwrite)
            from vgae.people.api import LinkModel, check_patience

            estimator = _estimator(model, training, setting, seed)
            if isinstance(estimator, LinkModel):
                patience = estimator.settings.training.patience
                check_patience(patience, validation if holdout else 0.0)
                if ranks is not None:
                    settle_for_ranks(estimator)
            job = asked_fit(
                *(estimator, graph, out, reading),
                holdout=holdout,
                held_out=held_out,
                seed=seed,
                overwrite=overwrite,
                every=checkpoint_every,
            )
        _carry_out(job, ranks, reporter, top=top, report=report, json=json)


def _estimator(
    model: str | None, training: Training, setting: list[str] | None, seed: int
) -> LinkModel | LinkBaseline:
    """What the options name; a preset names its model, and baselines have no presets."""
    from vgae.learning.settings import named_preset
    from vgae.people.api import make_estimator

    model = model or named_preset(training.preset).model
    return make_estimator(
        model,
        preset=None if training.preset == Training.preset else training.preset,
        seed=seed,
        **(training.overrides() | settings_of(model, setting)),
    )


def _carry_out(
    job: FitJob, ranks: Ranks | None, reporter: Reporter, *, top: int, report: bool, json: bool
) -> None:
    """Read the graph, fit, save, and show the scores."""
    from vgae.learning.store import REPORT
    from vgae.people.api import LinkModel
    from vgae.people.report import print_fit

    estimator = job.estimator
    if isinstance(estimator, LinkModel):
        estimator.engine_here()
    if ranks is not None and ranks.rank:  # the first one does the rest
        _learn_together(job, ranks, reporter)
        return
    _learn_and_save(job, ranks, reporter)
    interrupted = isinstance(estimator, LinkModel) and estimator.interrupted_
    if job.checkpoints is not None and not interrupted:
        job.checkpoints.discard()
    with reporter.working("ranking all pairs"):
        links = estimator.recommend(top) if top else None
    print_fit(estimator.metrics_, links, json=json)
    _remark(job, reporter, json=json)
    if report:
        made_report(estimator, job.out / REPORT, reporter)
        reporter.say(f"report: {job.out / REPORT}")
    reporter.suggest("vgae", "recommend", job.out, "--top", 10)
    if interrupted:
        raise KeyboardInterrupt


def _learn_and_save(job: FitJob, ranks: Ranks | None, reporter: Reporter) -> None:
    """Fit, alone or as the first of several processes, and write the run folder."""
    from vgae.learning.store import save_fitted, staged_run
    from vgae.model.kernels.first_use import compile_once
    from vgae.people.words import command_line

    data = None if ranks is not None else _graph(job, reporter)
    compile_once(reporter.working)
    with staged_run(job.out, overwrite=job.overwrite) as staged:
        if data is not None:
            job.forget_overwritten()
        trained = None if ranks is None else _learn_together(job, ranks, reporter)
        # Several processes each forgot all but their own nodes.
        _learn(job, job.split(data or _graph(job, reporter)), reporter, trained)
        fitted = job.estimator.fitted_.named(job.name)
        if not job.resumed:
            fitted = fitted.with_command(command_line("vgae", *sys.argv[1:]))
        job.estimator.fitted_ = fitted
        save_fitted(fitted, staged)


def _graph(job: FitJob, reporter: Reporter) -> Graph:
    """The graph of a fit, shown by the name that it was given when the fit began."""
    data, _ = opened_graph(job.graph, job.reading, reporter)
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
        data, _ = opened_graph(job.graph, job.reading, reporter)
        if not ranks.rank:
            job.forget_overwritten()
        if not job.resumed:
            reporter.say("noise counter (the same numbers for any number of processes)")
        return job.split(data)

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
