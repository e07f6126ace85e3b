"""The command line's arguments and options, each declared and read once for all commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vgae.errors import InputError, unknown_name

if TYPE_CHECKING:
    from vgae.graph import Graph

GraphArgument = Annotated[
    str,
    typer.Argument(
        metavar="GRAPH",
        help="An edge list (CSV, TSV, gzip, Parquet) or the "
        "name of a data set; see `vgae datasets`.",
    ),
]
RunArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="A run folder made by `vgae fit`.")
]
FeaturesOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Node features: CSV or Parquet with node ids in the first "
        "column, or .npy or SciPy .npz whose row i belongs to integer id i.",
    ),
]
NoFeaturesOption = Annotated[bool, typer.Option("--no-features", help="Leave node features out.")]
SourceOption = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="Column of an edge's start: name, or number from 1."),
]
TargetOption = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Column of an edge's end.")
]
WeightOption = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN", help="Column of edge weights; default: the one called weight, if any."
    ),
]
HeaderOption = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header", help="Whether the first row names the columns; default: found out."
    ),
]
DelimiterOption = Annotated[
    str | None, typer.Option(metavar="CHARACTER", help="Between columns; default: found out.")
]
IsolatedOption = Annotated[
    bool, typer.Option("--isolated", help="Keep nodes that are only in the feature table.")
]
PresetOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="paper: hidden 32, latent 16, Adam 0.01, 200 steps, "
        "raw features. unit: the same with each node's features at unit length.",
    ),
]
StepsOption = Annotated[
    int | None, typer.Option(metavar="N", help="Full-batch training steps; default: the preset's.")
]
MethodsOption = Annotated[
    str,
    typer.Option(
        metavar="NAMES",
        help="Methods, separated by commas: vgae, gae; spectral, deepwalk, sdne, vae; "
        "common-neighbors, adamic-adar, resource-allocation, preferential-attachment, katz, "
        "pagerank.",
    ),
]
SettingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="METHOD.SETTING=VALUE",
        help="A setting of one method, such as deepwalk.window=5; may be repeated. Options like "
        "--latent-dim go to every method that has them.",
    ),
]
RunsOption = Annotated[int, typer.Option(metavar="N", help="Splits, each with its own seed.")]
RunsSeedOption = Annotated[
    int, typer.Option(metavar="S", help="Run r uses seed S + r for the split and the method.")
]
TasksOption = Annotated[
    str,
    typer.Option(
        metavar="NAMES",
        help="links (held-out edges), nodes (logistic regression of labels on the vectors), "
        "clusters (k-means against labels); separated by commas.",
    ),
]
MetricsOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        help="Of auc, average_precision, hits@10, hits@50, hits@100, mrr and "
        "full_average_precision (among all pairs, at their true prevalence); default: all, the "
        "last on up to 50,000 nodes.",
    ),
]
SeedOption = Annotated[int, typer.Option(metavar="S", help="Seed of split, weights and samples.")]
HiddenOption = Annotated[int | None, typer.Option(metavar="N", help="Width of the hidden layer.")]
LatentOption = Annotated[int | None, typer.Option(metavar="N", help="Length of a node's vector.")]
RateOption = Annotated[float | None, typer.Option(metavar="X", help="Step size of Adam.")]
ObjectiveOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="paper (an edge weighs as much as all the pairs "
        "without one) or elbo (all pairs weigh alike).",
    ),
]
PatienceOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Stop after N steps (10 or more) without a better validation AP; keep the best.",
    ),
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="What sums over all pairs: auto (default: the fastest exact one), numba, triton, "
        "triton-tf32, triton-bf16 (rounded products), tiles or reference.",
    ),
]
DeviceOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Where to train: cpu (default) or cuda.")
]
ValidationOption = Annotated[
    float | None,
    typer.Option(metavar="X", help="Fraction of the edges held out for validation; default 0.05."),
]
TestOption = Annotated[
    float | None,
    typer.Option(metavar="X", help="Fraction of the edges held out for the test; default 0.1."),
]
ProtocolOption = Annotated[
    str | None,
    typer.Option(
        metavar="T|TV",
        help="Messages when test pairs are scored: T, over "
        "training edges (default); TV, over validation edges too.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")]
TableOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write to FILE (.csv, .tsv or .parquet).")
]


# ------------------------------------------------------------ what they say


def given(**options: Any) -> dict[str, Any]:
    """The options that were given: those left alone keep the default of their stage."""
    return {name: value for name, value in options.items() if value is not None}


def comma_list(text: str) -> list[str]:
    """What stands between the commas, each once."""
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def method_settings(texts: list[str] | None) -> dict[str, dict[str, Any]]:
    """METHOD.SETTING=VALUE, as often as given, by method and setting."""
    from json import loads

    found: dict[str, dict[str, Any]] = {}
    for text in texts or ():
        place, equals, value = text.partition("=")
        method, dot, name = place.strip().partition(".")
        if not (equals and dot and method and name):
            raise InputError(f"--set {text}: must read METHOD.SETTING=VALUE, as in deepwalk.p=0.5")
        own = found.setdefault(method, {})
        if name in own:
            raise InputError(f"--set {method}.{name}: is given twice")
        try:
            own[name] = loads(value)
        except (ValueError, RecursionError):
            own[name] = value.strip()  # a word
    return found


def graph_by_name(
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
        if features is not None or given(**columns) or isolated:
            raise InputError(f"{name} is a data set; options on files make no sense with it")
        return load_dataset(name, features=not no_features)
    from vgae.io import read_graph

    return read_graph(name, features=features, isolated=isolated, **columns)
