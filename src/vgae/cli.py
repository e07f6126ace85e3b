"""The command line: arguments in, one of the API's functions, exit status out."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from vgae.errors import InputError, VgaeError, unknown_name
from vgae.options import (
    DelimiterOption,
    FeaturesOption,
    GraphArgument,
    HeaderOption,
    HiddenOption,
    IsolatedOption,
    JsonOption,
    LatentOption,
    NoFeaturesOption,
    ObjectiveOption,
    PatienceOption,
    PresetOption,
    ProtocolOption,
    QuietOption,
    RateOption,
    RunArgument,
    SeedOption,
    SourceOption,
    StepsOption,
    TableOption,
    TargetOption,
    TestOption,
    ValidationOption,
    WeightOption,
)

if TYPE_CHECKING:
    from vgae.graph import Graph

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
def fit(
    graph: GraphArgument,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Run folder to make.")],
    features: FeaturesOption = None,
    no_features: NoFeaturesOption = False,
    source: SourceOption = None,
    target: TargetOption = None,
    weight: WeightOption = None,
    header: HeaderOption = None,
    delimiter: DelimiterOption = None,
    isolated: IsolatedOption = False,
    model: Annotated[str, typer.Option(metavar="NAME", help="vgae or gae.")] = "vgae",
    preset: PresetOption = "paper",
    steps: StepsOption = None,
    hidden_dim: HiddenOption = None,
    latent_dim: LatentOption = None,
    learning_rate: RateOption = None,
    objective: ObjectiveOption = None,
    patience: PatienceOption = None,
    seed: SeedOption = 0,
    holdout: Annotated[
        bool,
        typer.Option(
            "--holdout/--no-holdout", help="Hold edges out and score them, or train on all of them."
        ),
    ] = True,
    validation: ValidationOption = None,
    test: TestOption = None,
    protocol: ProtocolOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run folder if there is one.")
    ] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Learn node vectors and score held-out edges; the run folder keeps what was learned."""
    from vgae.report import Reporter, print_json, print_metrics, split_words

    reporter = Reporter(quiet=quiet)
    split_options = _given(validation=validation, test=test, protocol=protocol)
    if split_options and not holdout:
        raise InputError(f"--{next(iter(split_options))}: makes no sense with --no-holdout")
    from vgae.split import Split, SplitSettings, split_edges

    SplitSettings.parse(split_options, where="split")  # before the work of reading
    from vgae.store import check_run_place

    check_run_place(out, overwrite=overwrite)
    data = _read(
        graph,
        features,
        no_features=no_features,
        isolated=isolated,
        source=source,
        target=target,
        weight=weight,
        header=header,
        delimiter=delimiter,
    )
    reporter.say(f"{graph}: {data}")
    split = (
        split_edges(data, seed=seed, **split_options) if holdout else Split.without_holdout(data)
    )
    from vgae.api import make_model
    from vgae.store import save_run, staged_run

    overrides = _given(
        steps=steps,
        hidden_dim=hidden_dim,
        latent_dim=latent_dim,
        learning_rate=learning_rate,
        objective=objective,
        patience=patience,
    )
    estimator = make_model(model, preset=preset, seed=seed, **overrides)
    with staged_run(out, overwrite=overwrite) as staged:
        with reporter.training(estimator.settings.training.steps) as on_step:
            estimator.fit(split, on_step=on_step)
        save_run(estimator.as_run(graph_name=graph), staged)
    if json:
        print_json(estimator.metrics_)
    else:
        print_metrics(estimator.metrics_)
    if estimator.metrics_["test"]:
        made = split_words(split.settings.protocol, split.settings.proportions)
        reporter.say(f"{made}, seed {seed}; scores in percent")
    reporter.say(f"run folder: {out}    next: vgae recommend {out} --top 10")
    if estimator.interrupted_:
        raise KeyboardInterrupt


@app.command()
def evaluate(
    graph: GraphArgument,
    features: FeaturesOption = None,
    no_features: NoFeaturesOption = False,
    source: SourceOption = None,
    target: TargetOption = None,
    weight: WeightOption = None,
    header: HeaderOption = None,
    delimiter: DelimiterOption = None,
    isolated: IsolatedOption = False,
    models: Annotated[
        str, typer.Option(metavar="NAMES", help="Models, separated by commas.")
    ] = "vgae,gae",
    preset: PresetOption = "paper",
    steps: StepsOption = None,
    hidden_dim: HiddenOption = None,
    latent_dim: LatentOption = None,
    learning_rate: RateOption = None,
    objective: ObjectiveOption = None,
    patience: PatienceOption = None,
    runs: Annotated[int, typer.Option(metavar="N", help="Splits, each with its own seed.")] = 10,
    seed: Annotated[
        int, typer.Option(metavar="S", help="Run r uses seed S + r for split and weights.")
    ] = 0,
    validation: ValidationOption = None,
    test: TestOption = None,
    protocol: ProtocolOption = None,
    json: JsonOption = False,
    out: TableOption = None,
    quiet: QuietOption = False,
) -> None:
    """Score models on held-out edges over many splits, with standard errors."""
    from vgae.report import (
        METRIC_TITLES,
        Reporter,
        percent,
        print_json,
        print_table,
        split_words,
    )
    from vgae.tables import check_output, write_table

    reporter = Reporter(quiet=quiet)
    if out is not None:
        check_output(out)
    names = list(dict.fromkeys(name.strip() for name in models.split(",") if name.strip()))
    data = _read(
        graph,
        features,
        no_features=no_features,
        isolated=isolated,
        source=source,
        target=target,
        weight=weight,
        header=header,
        delimiter=delimiter,
    )
    reporter.say(f"{graph}: {data}")
    from vgae import api

    with reporter.counting("run", runs * len(names)) as tick:
        result = api.evaluate(
            data,
            names,
            preset=preset,
            runs=runs,
            seed=seed,
            on_scores=lambda scores: tick(
                f"{scores.method}, seed {seed + scores.run}: AUC {percent(scores.metrics['auc'])} "
                f"AP {percent(scores.metrics['average_precision'])}"
            ),
            **_given(
                validation=validation,
                test=test,
                protocol=protocol,
                steps=steps,
                hidden_dim=hidden_dim,
                latent_dim=latent_dim,
                learning_rate=learning_rate,
                objective=objective,
                patience=patience,
            ),
        )
    if out is not None:
        write_table(out, result.table(graph=graph))
    if json:
        print_json(result.as_dict(graph=graph))
        return
    metrics = list(next(iter(result.metrics.values())))
    print_table(
        ["model", *(METRIC_TITLES.get(name, name.title()) for name in metrics)],
        [
            [model, *(percent(scores[m].mean, scores[m].standard_error) for m in metrics)]
            for model, scores in result.metrics.items()
        ],
    )
    spread = "mean and standard error" if runs > 1 else "a single run, hence no standard error"
    reporter.say(
        f"{spread}, in percent; {runs} run{'s' * (runs > 1)} (seed and split change together), "
        f"{split_words(result.protocol, result.proportions)}, preset {preset}, "
        f"{'with' if result.features else 'without'} features"
    )


@app.command()
def predict(
    run: RunArgument,
    pairs: Annotated[
        Path,
        typer.Argument(
            metavar="PAIRS",
            help="Table whose first two columns, or those called source and target, are node ids.",
        ),
    ],
    header: HeaderOption = None,
    json: JsonOption = False,
    out: TableOption = None,
    quiet: QuietOption = False,
) -> None:
    """Give the probability of an edge for each pair of a file."""
    from vgae.report import Reporter

    Reporter(quiet=quiet)
    model = _load(run, out)
    from vgae.api import Link
    from vgae.io import read_pairs

    asked = read_pairs(pairs, model.split_.graph, header=header)
    probabilities = model.predict_proba(asked).tolist()
    links = [Link(a, b, p) for (a, b), p in zip(asked, probabilities, strict=True)]
    _give_links(links, json, out)


@app.command()
def recommend(
    run: RunArgument,
    top: Annotated[int, typer.Option(metavar="K", help="How many links.")] = 10,
    node: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Recommend K partners for this node; may be repeated."),
    ] = None,
    json: JsonOption = False,
    out: TableOption = None,
    quiet: QuietOption = False,
) -> None:
    """List the likeliest missing links among all pairs; known edges are left out."""
    from vgae.report import Reporter

    Reporter(quiet=quiet)
    model = _load(run, out)
    _give_links(model.recommend(top, nodes=node or None), json, out)


@app.command()
def embed(
    run: RunArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write to FILE (.csv, .tsv or .parquet); default: print."
        ),
    ] = None,
    std: Annotated[
        bool, typer.Option("--std", help="Posterior standard deviations in place of means.")
    ] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write the node vectors: column node, then z0, z1, ..."""
    from vgae.report import Reporter, print_json, print_table

    Reporter(quiet=quiet)
    model = _load(run, out)
    vectors = model.embedding_std_ if std else model.embedding_
    if vectors is None:
        raise InputError(f"{run}: a {model.name} has no posterior standard deviations")
    prefix = "s" if std else "z"
    columns: dict[str, Any] = {"node": model.ids_}
    columns |= {f"{prefix}{place}": vectors[:, place] for place in range(vectors.shape[1])}
    if out is not None:
        from vgae.tables import write_table

        write_table(out, columns)
        return
    rows = list(zip(*(column.tolist() for column in columns.values()), strict=True))
    if json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows], lines=True)
    else:
        print_table(list(columns), [[f"{row[0]}", *(f"{x:.6g}" for x in row[1:])] for row in rows])


@app.command()
def datasets(json: JsonOption = False, out: TableOption = None) -> None:
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


def main() -> None:
    """Run the command line; every error becomes one line and an exit status.

    0 done, 1 a fault of this program, 2 input that cannot be used, 130 interrupted.
    """
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

    from vgae.report import print_error

    if os.environ.get("VGAE_TRACEBACK"):
        import traceback

        traceback.print_exc()
    print_error(line)
    sys.exit(status)


def _given(**options: Any) -> dict[str, Any]:
    """The options that were given: those left alone keep the default of their stage."""
    return {name: value for name, value in options.items() if value is not None}


def _read(
    name: str, features: Path | None, *, no_features: bool, isolated: bool, **columns: Any
) -> Graph:
    """A graph by the name of a data set or of a file."""
    from vgae.datasets import DATASETS, load_dataset
    from vgae.files import file_errors

    if features is not None and no_features:
        raise InputError("--features and --no-features exclude each other")
    with file_errors(Path(name)):
        is_there = Path(name).exists()
    if name not in DATASETS and not is_there:
        if len(Path(name).parts) > 1 or Path(name).suffix:
            raise InputError(f"{name}: no such file")
        raise InputError(f"{unknown_name('dataset', name, DATASETS)}; nor is there such a file")
    if name in DATASETS:
        if features is not None or _given(**columns) or isolated:
            raise InputError(f"{name} is a data set; options on files make no sense with it")
        return load_dataset(name, features=not no_features)
    from vgae.io import read_graph

    return read_graph(name, features=features, isolated=isolated, **columns)


def _load(run: Path, out: Path | None) -> Any:
    if out is not None:
        from vgae.tables import check_output

        check_output(out)
    from vgae.api import load

    return load(run)


def _give_links(links: list[Any], json: bool, out: Path | None) -> None:
    from vgae.report import print_json, print_table
    from vgae.tables import write_table

    if out is not None:
        columns = ("source", "target", "probability")
        write_table(out, {name: [getattr(link, name) for link in links] for name in columns})
    elif json:
        print_json([link._asdict() for link in links], lines=True)
    else:
        print_table(
            ["source", "target", "probability"],
            [[str(link.source), str(link.target), f"{link.probability:.6f}"] for link in links],
        )
