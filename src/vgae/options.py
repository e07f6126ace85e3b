"""The command line's arguments and options, each declared and read once for all commands.

Options that several commands share form groups: a dataclass whose fields are the options. A command
takes a group as one parameter, and `grouped` shows typer the fields in its place.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from vgae.errors import InputError, unknown_name

if TYPE_CHECKING:
    from vgae.graph import Graph

GraphArgument = Annotated[
    str,
    typer.Argument(
        metavar="GRAPH",
        help="A graph file (an edge list in CSV, TSV, other text, Parquet or Arrow; SIF, .adjlist, "
        ".edgelist; Matrix Market, .npz, .npy, GraphML, GEXF, GML, Pajek, JSON) or the name of a "
        "data set; see `vgae datasets`.",
    ),
]
HeaderOption = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header",
        help="Whether the first row names the columns; default: detected.",
    ),
]
FeaturesHeaderOption = Annotated[
    bool | None,
    typer.Option(
        "--features-header/--no-features-header",
        help="Whether the first row of an attribute table names its columns; default: detected.",
    ),
]
RunArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="A run folder made by `vgae fit`.")
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
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")]
TableOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write to FILE (.csv, .tsv, .jsonl, .parquet or .arrow)."),
]

# ------------------------------------------------------------------- groups


@dataclass(frozen=True)
class Reading:
    """How a graph is read from a file."""

    features: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Node features: CSV or Parquet with node ids in the first "
            "column, or .npy or SciPy .npz whose row i belongs to integer id i.",
        ),
    ] = None
    no_features: Annotated[bool, typer.Option("--no-features", help="Leave node features out.")] = (
        False
    )
    attributes: Annotated[
        list[str] | None,
        typer.Option(
            "--attribute",
            metavar="COLUMN=KIND",
            help="What a column of the features is: number, standard (mean 0, deviation 1), "
            "category, text, tfidf or ignore; default: detected. May be repeated.",
        ),
    ] = None
    standardize: Annotated[
        bool, typer.Option("--standardize", help="Bring number columns to mean 0, deviation 1.")
    ] = False
    missing: Annotated[
        str,
        typer.Option(
            metavar="CHOICE", help="Missing attributes: error, mean (of the others) or zero."
        ),
    ] = "error"
    features_header: FeaturesHeaderOption = None
    source: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Column of an edge's start: name, or number from 1."),
    ] = None
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of an edge's end.")
    ] = None
    weight: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Column of edge weights; default: the one called weight, if any."
        ),
    ] = None
    header: HeaderOption = None
    delimiter: Annotated[
        str | None, typer.Option(metavar="CHARACTER", help="Between columns; default: detected.")
    ] = None
    quote: Annotated[
        str | None,
        typer.Option(
            metavar="CHARACTER", help='Around cells that hold a delimiter; default: ", or none.'
        ),
    ] = None
    comment: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help='What comment lines begin with; default: "# " and "% ", or none.'
        ),
    ] = None
    drop_incomplete: Annotated[
        bool, typer.Option("--drop-incomplete", help="Leave out rows that lack a node id.")
    ] = False
    bipartite: Annotated[
        bool | None,
        typer.Option(
            "--bipartite/--no-bipartite",
            help="Whether the two columns hold nodes of two kinds, such as users and items; "
            "default: what the header says.",
        ),
    ] = None
    integer_ids: Annotated[
        bool, typer.Option("--integer-ids", help="Read node ids such as 3.0 as integers.")
    ] = False
    isolated: Annotated[
        bool, typer.Option("--isolated", help="Keep nodes that are only in the feature table.")
    ] = False
    max_bytes: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Data that a file may hold once it is unpacked, such as 2GB; default: 100 times "
            "the size of a compressed file, and what fits into the free memory.",
        ),
    ] = None

    def graph(self, name: str) -> Graph:
        """The graph of a file, or of a data set by its name."""
        return _graph_by_name(name, self)


@dataclass(frozen=True)
class Training:
    """What is learned, and where."""

    preset: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="paper: hidden 32, latent 16, Adam 0.01, 200 steps, "
            "raw features. unit: the same with each node's features at unit length.",
        ),
    ] = "paper"
    steps: Annotated[
        int | None,
        typer.Option(metavar="N", help="Full-batch training steps; default: the preset's."),
    ] = None
    hidden_dim: Annotated[
        int | None, typer.Option(metavar="N", help="Width of the hidden layer.")
    ] = None
    latent_dim: Annotated[
        int | None, typer.Option(metavar="N", help="Length of a node's vector.")
    ] = None
    learning_rate: Annotated[float | None, typer.Option(metavar="X", help="Step size of Adam.")] = (
        None
    )
    objective: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="paper (an edge weighs as much as all the pairs "
            "without one) or elbo (all pairs weigh alike).",
        ),
    ] = None
    patience: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Stop after N steps without a better validation AP, and keep the best; N is at "
            "least --validate-every.",
        ),
    ] = None
    validate_every: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Steps between two looks at the validation pairs; default 10."
        ),
    ] = None
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What sums over all pairs: auto (default: the fastest exact one), numba, triton, "
            "triton-tf32, triton-bf16 (rounded products), tiles or reference.",
        ),
    ] = None
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="Where to train: cpu (default) or cuda.")
    ] = None

    def overrides(self) -> dict[str, Any]:
        """The settings that were given, without the preset."""
        return given(self, without="preset")


@dataclass(frozen=True)
class HoldingOut:
    """Which edges are held out."""

    validation: Annotated[
        float | None,
        typer.Option(
            metavar="X", help="Fraction of the edges held out for validation; default 0.05."
        ),
    ] = None
    test: Annotated[
        float | None,
        typer.Option(metavar="X", help="Fraction of the edges held out for the test; default 0.1."),
    ] = None
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="T|TV",
            help="Messages when test pairs are scored: T, over "
            "training edges (default); TV, over validation edges too.",
        ),
    ] = None


@dataclass(frozen=True)
class Newcomers:
    """Nodes that join a fitted model without training."""

    new_nodes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Nodes that came later, with their attributes: a table like that of --features.",
        ),
    ] = None
    new_edges: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Links of nodes that came later, to known ones: an edge list."
        ),
    ] = None
    features_header: FeaturesHeaderOption = None

    def join(self, model: Any) -> Any:
        """The model, knowing these nodes too."""
        if self.new_nodes is None and self.features_header is not None:
            raise InputError("--features-header needs a table of new nodes (--new-nodes)")
        if self.new_nodes is None and self.new_edges is None:
            return model
        from vgae.io import read_new_edges, read_new_features

        ids, features, edges, weights = None, None, None, None
        if self.new_nodes is not None:
            ids, features = read_new_features(
                self.new_nodes, model.feature_encoding_, header=self.features_header
            )
        if self.new_edges is not None:
            edges, weights = read_new_edges(self.new_edges, model.split_.graph)
        try:
            return model.with_nodes(features, edges, weights=weights, ids=ids)
        except InputError as error:
            files = " and ".join(str(path) for path in (self.new_nodes, self.new_edges) if path)
            raise InputError(f"{files}: {error}") from error


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command with each group of options replaced by the options themselves."""
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, Any] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        group: Any = parameter.annotation
        if not is_dataclass(group):
            parameters.append(parameter)
            continue
        groups[parameter.name] = group
        hints = get_type_hints(group, include_extras=True)
        parameters += [
            inspect.Parameter(
                option.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=option.default,
                annotation=hints[option.name],
            )
            for option in fields(group)
        ]

    @functools.wraps(command)
    def called(**values: Any) -> None:
        made = {
            name: group(**{option.name: values.pop(option.name) for option in fields(group)})
            for name, group in groups.items()
        }
        command(**values, **made)

    keywords = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    called.__signature__ = signature.replace(parameters=keywords)  # type: ignore[attr-defined]
    called.__annotations__ = {p.name: p.annotation for p in keywords}
    return called


# ------------------------------------------------------------ what they say


def given(options: Any, *, without: str = "") -> dict[str, Any]:
    """The options of a group that were given: those left alone keep the default of their stage."""
    values = {option.name: getattr(options, option.name) for option in fields(options)}
    return {name: value for name, value in values.items() if value is not None and name != without}


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


def attribute_kinds(texts: list[str] | None) -> dict[str, str]:
    """COLUMN=KIND, as often as given, by column."""
    found: dict[str, str] = {}
    for text in texts or ():
        column, equals, kind = text.rpartition("=")
        if not (equals and column and kind):
            raise InputError(f"--attribute {text}: must read COLUMN=KIND, as in colour=category")
        if column in found:
            raise InputError(f"--attribute {column}: is given twice")
        found[column] = kind
    return found


def _graph_by_name(name: str, reading: Reading) -> Graph:
    from vgae.datasets import DATASETS, load_dataset
    from vgae.files import file_errors

    if reading.features is not None and reading.no_features:
        raise InputError("--features and --no-features exclude each other")
    if name in DATASETS:
        if reading != Reading(no_features=reading.no_features):
            raise InputError(f"{name} is a data set; options on files make no sense with it")
        return load_dataset(name, features=not reading.no_features)
    with file_errors(Path(name)):
        is_there = Path(name).exists()
    if not is_there and len(Path(name).parts) == 1 and not Path(name).suffix:
        raise InputError(f"{unknown_name('dataset', name, DATASETS)}; nor is there such a file")
    from vgae.io import read_graph

    options = given(reading) | {"attributes": attribute_kinds(reading.attributes)}
    graph = read_graph(name, **{key: options[key] for key in options if key != "no_features"})
    return graph.with_features(None) if reading.no_features else graph
