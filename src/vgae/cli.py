"""The command line: arguments in, one of the API's functions, exit status out."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from vgae import options
from vgae.errors import InputError, VgaeError
from vgae.options import comma_list, given, grouped, method_settings

__all__ = ["app", "main"]

INTERRUPTED = 130

app = typer.Typer(
    name="vgae",
    help="Learn node vectors of a graph without labels, find its missing links, and prove on "
    "held-out edges how well that works.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from vgae import __version__

        typer.echo(f"vgae {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
@grouped
def inspect(
    graph: options.GraphArgument,
    *,
    reading: options.Reading,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Say how a file is understood, what was dropped or merged, and what fitting would take."""
    from vgae.report import Reporter, print_inspection, print_json

    Reporter(quiet=quiet)
    data = reading.graph(graph)
    from vgae.inspection import inspect_graph

    found = inspect_graph(data)
    if json:
        print_json({"graph": graph, **found.as_dict()})
    else:
        print_inspection(found.as_dict())


@app.command()
@grouped
def fit(
    graph: options.GraphArgument,
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Run folder to make.")],
    reading: options.Reading,
    model: Annotated[str, typer.Option(metavar="NAME", help="vgae or gae.")] = "vgae",
    training: options.Training,
    seed: options.SeedOption = 0,
    holdout: Annotated[
        bool,
        typer.Option(
            "--holdout/--no-holdout", help="Hold edges out and score them, or train on all of them."
        ),
    ] = True,
    holding_out: options.HoldingOut,
    top: Annotated[
        int, typer.Option(metavar="K", help="Also list the K likeliest missing links.")
    ] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run folder if there is one.")
    ] = False,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Learn node vectors and score held-out edges; the run folder keeps what was learned."""
    from vgae.report import Reporter, print_fit, split_words

    reporter = Reporter(quiet=quiet)
    split_options = given(holding_out)
    if split_options and not holdout:
        raise InputError(f"--{next(iter(split_options))}: makes no sense with --no-holdout")
    if top < 0:
        raise InputError(f"--top {top}: must be 0 or more")
    from vgae.split import Split, SplitSettings, split_edges

    # All that needs no graph is checked before the work of reading one.
    held_out = SplitSettings.parse(split_options, where="split")
    from vgae.store import check_run_place

    check_run_place(out, overwrite=overwrite)
    from vgae.api import check_patience, make_model
    from vgae.store import save_run, staged_run

    estimator = make_model(model, preset=training.preset, seed=seed, **training.overrides())
    check_patience(estimator.settings.training.patience, held_out.validation if holdout else 0.0)
    estimator.engine_here()
    data = reading.graph(graph)
    reporter.say(f"{graph}: {data}")
    split = (
        split_edges(data, seed=seed, **split_options) if holdout else Split.without_holdout(data)
    )
    with staged_run(out, overwrite=overwrite) as staged:
        with reporter.training(estimator.settings.training.steps) as on_step:
            estimator.fit(split, on_step=on_step)
        save_run(estimator.as_run(graph_name=graph), staged)
    print_fit(estimator.metrics_, estimator.recommend(top) if top else None, json=json)
    if estimator.metrics_["test"]:
        made = split_words(split.settings.protocol, split.settings.proportions)
        reporter.say(f"{made}, seed {seed}; scores in percent")
    reporter.say(f"run folder: {out}    next: vgae recommend {out} --top 10")
    if estimator.interrupted_:
        raise KeyboardInterrupt


@app.command()
@grouped
def evaluate(
    graph: options.GraphArgument,
    *,
    reading: options.Reading,
    models: options.MethodsOption = "vgae,gae",
    training: options.Training,
    setting: options.SettingOption = None,
    runs: options.RunsOption = 10,
    seed: options.RunsSeedOption = 0,
    holding_out: options.HoldingOut,
    tasks: options.TasksOption = "links",
    metrics: options.MetricsOption = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Differences to the first method, split by split.")
    ] = False,
    keep: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Folder of the finished runs, until the evaluation is complete."
        ),
    ] = Path("runs/evaluate"),
    json: options.JsonOption = False,
    out: options.TableOption = None,
    quiet: options.QuietOption = False,
) -> None:
    """Score models and baselines on held-out edges over many splits, with their uncertainty.

    Finished runs are kept until the end: after an interruption, the same command goes on.
    """
    from vgae.report import (
        Reporter,
        evaluation_words,
        print_comparisons,
        print_evaluation,
        print_json,
        scores_words,
    )
    from vgae.tables import check_output, write_table

    reporter = Reporter(quiet=quiet)
    if out is not None:
        check_output(out)
    names, asked = comma_list(models), comma_list(tasks)
    settings: dict[str, Any] = {
        "preset": training.preset,
        "runs": runs,
        "seed": seed,
        "tasks": asked,
        "metrics": None if metrics is None else comma_list(metrics),
        "settings": method_settings(setting),
        **given(holding_out),
        **training.overrides(),
    }
    from vgae import api
    from vgae.datasets import public_node_split

    api.check_evaluation(names, **settings)  # before the work of reading
    data = reading.graph(graph)
    reporter.say(f"{graph}: {data}")
    nodes = public_node_split(graph) if "nodes" in asked else None
    work = api.open_evaluation(data, names, nodes=nodes, keep=keep, **settings)
    total = runs * len(names)
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
        if work.n_kept:
            kept = f"{work.n_kept} of {total} runs are kept in {keep}"
            reporter.say(f"{kept}: the same command goes on from there")
        raise
    result = work.result()
    if out is not None:
        write_table(out, result.table(graph=graph))
    if json:
        print_json(result.as_dict(graph=graph))
    else:
        print_evaluation(result)
        reporter.say(evaluation_words(result))
        if compare:
            print_comparisons(result)
    work.discard()


@app.command()
def reproduce(
    only: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Data sets, separated by commas; default: all three."),
    ] = None,
    runs: options.RunsOption = 10,
    seed: options.RunsSeedOption = 0,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder that keeps every run and the tables.")
    ] = Path("runs/reproduce"),
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Run the VGAE paper's table 1 again, beside the published figures.

    Every finished run is kept in the folder: after an interruption, the same command goes on.
    """
    from vgae import reproduction
    from vgae.report import (
        Reporter,
        print_json,
        print_table,
        scores_words,
        split_label,
        split_words,
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

    try:
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
    made = wanted[0].split.protocol, wanted[0].split.proportions
    columns = ["method", "AUC", "paper", "difference", "AP", "paper", "difference"]
    print_table(
        [f"data {split_label(*made)}", *columns],
        [[result.experiment.dataset, *reproduction.cells(result)] for result in results],
    )
    reporter.say(
        f"mean and standard error, in percent; {runs} run{'s' * (runs > 1)} (seed and split "
        f"change together), {split_words(*made)}; (below): by more than two standard errors"
    )
    reporter.say(f"tables and runs: {out}")


@app.command()
@grouped
def predict(
    run: options.RunArgument,
    pairs: Annotated[
        Path,
        typer.Argument(
            metavar="PAIRS",
            help="Table whose first two columns, or those called source and target, are node ids.",
        ),
    ],
    *,
    header: options.HeaderOption = None,
    newcomers: options.Newcomers,
    json: options.JsonOption = False,
    out: options.TableOption = None,
    quiet: options.QuietOption = False,
) -> None:
    """Give the probability of an edge for each pair of a file."""
    from vgae.report import Reporter

    Reporter(quiet=quiet)
    if out is not None:
        from vgae.tables import check_output

        check_output(out)
    from vgae.api import Link, load

    model = newcomers.join(load(run))
    from vgae.io import read_pairs

    asked = read_pairs(pairs, model.split_.graph, header=header)
    probabilities = model.predict_proba(asked).tolist()
    links = [Link(a, b, p) for (a, b), p in zip(asked, probabilities, strict=True)]
    _give_links(links, json, out)


@app.command()
@grouped
def recommend(
    run: options.RunArgument,
    *,
    top: Annotated[int, typer.Option(metavar="K", help="How many links.")] = 10,
    node: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Recommend K partners for this node; may be repeated."),
    ] = None,
    newcomers: options.Newcomers,
    json: options.JsonOption = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write to FILE (.csv, .tsv, .jsonl, .parquet or .arrow); or the graph with these "
            "links marked (.graphml, .gexf or .gml).",
        ),
    ] = None,
    quiet: options.QuietOption = False,
) -> None:
    """List the likeliest missing links among all pairs; known edges are left out."""
    from vgae.report import Reporter

    reporter = Reporter(quiet=quiet)
    if top < 1:
        raise InputError(f"--top {top}: must be 1 or more")
    from vgae.io import MARKED_FORMATS, write_graph
    from vgae.tables import inner_suffix

    marked = out is not None and inner_suffix(out) in MARKED_FORMATS
    if out is not None:
        from vgae.files import check_file
        from vgae.tables import TABLE_SUFFIXES, check_output

        suffix = inner_suffix(out)
        if suffix not in (*TABLE_SUFFIXES, *MARKED_FORMATS):
            known = ", ".join((*TABLE_SUFFIXES, *MARKED_FORMATS))
            raise InputError(f"{out}: cannot write '{suffix}'; use one of {known}")
        (check_file if marked else check_output)(out)
    from vgae.api import load

    model = newcomers.join(load(run))
    links = model.recommend(top, nodes=node or None)
    if out is not None and marked:
        if model.graph_.get("weighted"):
            reporter.say(f"{out}: without edge weights, which a run folder does not keep")
        write_graph(model.split_.graph, out, links=links)
    else:
        _give_links(links, json, out)


@app.command()
@grouped
def embed(
    run: options.RunArgument,
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write to FILE (.csv, .tsv, .jsonl, .parquet, .arrow; .npz; .w2v, which is "
            "word2vec's text; .projector, a folder for TensorBoard); default: print.",
        ),
    ] = None,
    std: Annotated[
        bool, typer.Option("--std", help="Posterior standard deviations in place of means.")
    ] = False,
    newcomers: options.Newcomers,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Write the node vectors: column node, then z0, z1, ..."""
    from vgae.report import Reporter, print_json, print_table

    Reporter(quiet=quiet)
    if out is not None:
        from vgae.io import check_vectors_output

        check_vectors_output(out)
    from vgae.api import load

    model = newcomers.join(load(run))
    vectors = model.embedding_std_ if std else model.embedding_
    if vectors is None:
        raise InputError(f"{run}: a {model.name} has no posterior standard deviations")
    prefix = "s" if std else "z"
    if out is not None:
        from vgae.io import write_vectors

        write_vectors(out, model.ids_, vectors, prefix=prefix)
        return
    from vgae.io import vector_columns

    columns = vector_columns(model.ids_, vectors, prefix=prefix)
    rows = list(zip(*(column.tolist() for column in columns.values()), strict=True))
    if json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows], lines=True)
    else:
        print_table(list(columns), [[f"{row[0]}", *(f"{x:.6g}" for x in row[1:])] for row in rows])


@app.command()
def datasets(json: options.JsonOption = False, out: options.TableOption = None) -> None:
    """List the graphs that can be used by name."""
    from vgae.datasets import DATASETS, DEFAULT_DATASET, is_cached
    from vgae.report import print_json, print_table

    rows = [
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
    if out is not None:
        from vgae.tables import write_table

        write_table(out, {name: [row[name] for row in rows] for name in rows[0]})
    elif json:
        print_json(rows)
    else:
        words = {True: "yes", False: "no"}
        print_table(
            list(rows[0]),
            [[words[v] if isinstance(v, bool) else str(v) for v in row.values()] for row in rows],
        )


class _NoPandas:
    """Answers that pandas is not installed."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:  # noqa: ARG004
        if name == "pandas":
            raise ModuleNotFoundError("no command uses pandas", name=name)


def spare_memory() -> None:
    """Have PyArrow do without what no command needs; for a process that runs one command.

    It imports pandas, where that is installed, to convert the first array (30 MB, half a second),
    and its own memory pool keeps tens of megabytes that it has freed.
    """
    import os

    sys.meta_path.insert(0, _NoPandas)
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def main() -> None:
    """Run the command line; every error becomes one line and an exit status.

    0 done, 1 a fault of this program, 2 input that cannot be used, 130 interrupted.
    """
    if Path(getattr(sys.modules["__main__"], "__file__", None) or "").stem == "vgae":
        spare_memory()  # the process is this command's alone
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal without "±" must not cost the results
            stream.reconfigure(errors="backslashreplace")
    try:
        status = app(standalone_mode=False) or 0
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

    from vgae.report import print_error, print_traceback

    error = sys.exception()
    if error is not None and os.environ.get("VGAE_TRACEBACK"):
        print_traceback(error)
    print_error(line)
    sys.exit(status)


def _give_links(links: list[Any], json: bool, out: Path | None) -> None:
    if out is None:
        from vgae.report import print_links

        print_links(links, json=json)
        return
    from vgae.tables import write_table

    columns = ("source", "target", "probability")
    write_table(out, {name: [getattr(link, name) for link in links] for name in columns})
