"""The command line's arguments and options, each declared and read once for all commands.

Options that several commands share form groups: a dataclass whose fields are the options. A command
takes a group as one parameter, and `vgae.people.usage.grouped` shows typer the fields in its place.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from vgae.ground.errors import InputError, unknown_name
from vgae.learning.results import DEFAULT_METHODS
from vgae.learning.settings import LATENT_OF
from vgae.model.rates import GPUS
from vgae.people.completion import (
    METHODS,
    METRICS,
    NEGATIVES,
    PLOTS,
    QUESTIONS,
    TASKS,
    graphs,
    list_of,
    one_of,
)
from vgae.people.html.settings import ReportSettings
from vgae.people.setting_options import SETTINGS, check_choice

if TYPE_CHECKING:
    from vgae.data.graph import Graph
    from vgae.data.kinds import WeightMeans
    from vgae.model.costs import Sizes

logger = logging.getLogger(__name__)

# ------------------------------------------------- arguments and single options

_reading_option = partial(typer.Option, rich_help_panel="Reading the file")
_features_option = partial(typer.Option, rich_help_panel="Node features")
_model_option = partial(typer.Option, rich_help_panel="Model")
_training_option = partial(typer.Option, rich_help_panel="Training")
_checkpoint_option = partial(typer.Option, rich_help_panel="Checkpoints")
_plan_option = partial(typer.Option, rich_help_panel="What is planned")
_held_out_option = partial(typer.Option, rich_help_panel="Held-out edges")
_scores_option = partial(typer.Option, rich_help_panel="Methods and scores")
_links_option = partial(typer.Option, rich_help_panel="Links")
_newcomers_option = partial(typer.Option, rich_help_panel="New nodes")
_cells_option = partial(typer.Option, rich_help_panel="Single cells (.h5ad)")
_output_option = partial(typer.Option, rich_help_panel="Output")

_FEATURES_HEADER = ("--features-header/--no-features-header",)
_NAMES = "Whether the first row of an attribute table names its columns; default: detected."

GraphArgument = Annotated[
    str,
    typer.Argument(
        metavar="GRAPH",
        help="A graph file (an edge list in CSV, TSV, other text, Parquet or Arrow; SIF, .adjlist, "
        ".edgelist; Matrix Market, .npz, .npy, GraphML, GEXF, GML, Pajek, JSON, .h5ad), the name "
        "of a data set (see `vgae datasets`), or - for delimited text on standard input.",
        autocompletion=graphs,
    ),
]
GraphToFitArgument = Annotated[str | None, *GraphArgument.__metadata__]
NodesOption = Annotated[
    int | None, _plan_option(metavar="N", help="In place of GRAPH: its number of nodes.")
]
EdgesOption = Annotated[int | None, _plan_option(metavar="E", help="Its number of edges.")]
RanksOption = Annotated[
    int,
    _plan_option(metavar="P", help="Number of processes among which nodes are divided."),
]
GpuOption = Annotated[
    str | None,
    _plan_option(
        "--gpu",
        metavar="NAME",
        help=f"Plan for a GPU: {', '.join(GPUS)}, from published peak figures, or here, which "
        "measures the one of this machine.",
        autocompletion=one_of(*GPUS, "here"),
    ),
]
PairsArgument = Annotated[
    Path,
    typer.Argument(
        metavar="PAIRS",
        help="A table whose first two columns, or those called source and target, are node ids; "
        "- reads standard input.",
    ),
]
RunArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="A run folder made by `vgae fit`.")
]
HeaderOption = Annotated[
    bool | None,
    _reading_option(
        "--header/--no-header",
        help="Whether the first row names the columns; default: detected.",
    ),
]
FirstNodeArgument = Annotated[str, typer.Argument(metavar="A", help="The id of a node.")]
SecondNodeArgument = Annotated[str, typer.Argument(metavar="B", help="The id of another.")]
RunsArgument = Annotated[
    list[Path],
    typer.Argument(metavar="DIR...", help="Two or more run folders made by `vgae fit`."),
]
GraphOfRunOption = Annotated[
    str | None,
    _reading_option(
        "--graph",
        metavar="GRAPH",
        help="The graph that was fitted, read as `vgae fit` read it: a run folder keeps no node "
        "features, and no weights of edges that only carry messages.",
        autocompletion=graphs,
    ),
]
PlotKindOption = Annotated[
    str,
    _output_option(
        "--kind", metavar="KIND", help=f"One of {', '.join(PLOTS)}.", autocompletion=one_of(*PLOTS)
    ),
]
PictureOption = Annotated[
    Path, _output_option("--out", metavar="FILE", help="The picture to write: .png, .svg or .pdf.")
]
PageOption = Annotated[
    Path | None,
    _output_option(
        "--out", metavar="FILE", help="Also write one page with curves and tables: FILE.html."
    ),
]
RunFolderOption = Annotated[
    Path | None, _output_option("--out", metavar="DIR", help="The run folder to make.")
]
CheckpointEveryOption = Annotated[
    str | None,
    _checkpoint_option(
        metavar="TIME",
        help="Write all that the fit needs to go on to DIR.checkpoint each time this much time has "
        "passed: 30s, 5m or 1h.",
    ),
]
ResumeOption = Annotated[
    Path | None,
    _checkpoint_option(
        metavar="DIR",
        help="Go on with the fit of this run folder from its checkpoint, with the graph and the "
        "options that it was begun with.",
    ),
]
ModelOption = Annotated[
    str | None,
    _model_option(
        metavar="NAME",
        help="vgae or gae, by default the one that the preset is for; or a baseline, such as "
        "resource-allocation (see `vgae evaluate --help`), which takes its settings with --set.",
        autocompletion=one_of(*METHODS),
    ),
]
MethodsOption = Annotated[
    str | None,
    _scores_option(
        metavar="NAMES",
        help=f"Methods, separated by commas: {', '.join(METHODS)}; default: "
        f"{', '.join(DEFAULT_METHODS)}, less those that need node features where there are none.",
        autocompletion=list_of(*METHODS),
    ),
]
SettingOption = Annotated[
    list[str] | None,
    _scores_option(
        "--set",
        metavar="METHOD.SETTING=VALUE",
        help="A setting of one method, such as deepwalk.window=5; may be repeated. Options such as "
        "--latent-dim go to every method that has them.",
    ),
]
RunsOption = Annotated[
    int, _scores_option(metavar="N", help="Number of splits, each with its own seed.")
]
RunsSeedOption = Annotated[
    int,
    _scores_option(metavar="S", help="Run r uses seed S + r for the split and for the method."),
]
SplitOption = Annotated[
    Path | None,
    _held_out_option(
        "--split",
        metavar="DIR",
        help="Score every run on this split: a folder of tables of node ids, as `vgae split` "
        "writes or by hand (test, and optionally train, validation, test_negatives, "
        "validation_negatives).",
    ),
]
GraphFolderOption = Annotated[
    Path, _output_option("--out", metavar="DIR", help="The folder to make.")
]
MemoryOption = Annotated[
    str | None,
    _output_option(
        metavar="SIZE",
        help="Memory that the import may take, such as 4GB; a table that needs more is sorted on "
        "disk. Default: half of what is free.",
    ),
]
SplitFolderOption = Annotated[
    Path, _output_option("--out", metavar="DIR", help="The folder to make.")
]
SplitSeedOption = Annotated[int, _held_out_option("--seed", metavar="S", help="Seed of the split.")]
FormatOption = Annotated[
    str,
    _output_option("--format", metavar="NAME", help="csv, tsv, jsonl, parquet, arrow or feather."),
]
TasksOption = Annotated[
    str,
    _scores_option(
        metavar="NAMES",
        help="links (held-out edges), nodes (logistic regression of labels on the embedding), "
        "clusters (k-means against labels); separated by commas.",
        autocompletion=list_of(*TASKS),
    ),
]
TaskOption = Annotated[
    str,
    _scores_option(
        metavar="NAMES",
        help="What held-out links are asked for: general (whether they are links); of a directed "
        "graph also biased (in which direction arcs go) and bidirectional (whether there is an arc "
        "back); separated by commas.",
        autocompletion=list_of(*QUESTIONS),
    ),
]
MetricsOption = Annotated[
    str | None,
    _scores_option(
        metavar="NAMES",
        help="Any of auc, average_precision, hits@K, mrr, full_average_precision and precision@K "
        "(among all pairs, at their true prevalence), auc_degree and average_precision_degree "
        "(degree-corrected negatives; or _uniform, _two-hop), auc_by_node, mrr_open and "
        "hits_open@K (among all open partners of each end), recall@K, ndcg@K and mrr_by_user "
        "(means over the users of a bipartite graph), separated by commas; any of them between two "
        "types of nodes, as in auc[user-item]; "
        "default: all, those among all pairs on up to 50,000 nodes.",
        autocompletion=list_of(*METRICS),
    ),
]
CompareOption = Annotated[
    bool,
    _scores_option("--compare", help="Add differences to the first method, split by split."),
]
KeepOption = Annotated[
    Path,
    _scores_option(
        metavar="DIR", help="Folder of the finished runs, until the evaluation is complete."
    ),
]
TrialsOption = Annotated[
    int,
    _scores_option(metavar="N", help="Number of trials, with those that the folder holds."),
]
TuneMetricOption = Annotated[
    str,
    _scores_option(
        metavar="NAME",
        help="What is best on the validation pairs: average_precision, auc, mrr or hits@K.",
        autocompletion=one_of("average_precision", "auc", "mrr", "hits@10", "hits@100"),
    ),
]
TuneSplitsOption = Annotated[
    int, _scores_option(metavar="N", help="Splits that the metric is a mean over.")
]
TuneSeedOption = Annotated[
    int,
    _scores_option(
        metavar="S", help="Seed of the proposals. Split r and its model have seed S + r."
    ),
]
TuneFolderOption = Annotated[
    Path, _output_option("--out", metavar="DIR", help="The folder that keeps the search.")
]
SeedOption = Annotated[
    int, _training_option(metavar="S", help="Seed of the split, the weights and the samples.")
]
HoldoutOption = Annotated[
    bool,
    _held_out_option(
        "--holdout/--no-holdout",
        help="Hold edges out and score them, or train on all edges.",
    ),
]
TopOption = Annotated[int, _links_option(metavar="K", help="How many links.")]
TopLinksOption = Annotated[
    int, _output_option("--top", metavar="K", help="Also list the K likeliest missing links.")
]
NodeOption = Annotated[
    list[str] | None,
    _links_option(metavar="ID", help="Recommend K partners for this node; may be repeated."),
]
PerNodeOption = Annotated[
    bool, _links_option("--per-node", help="Recommend K partners for every node.")
]
ReasonsOption = Annotated[
    bool,
    _links_option(
        "--reasons",
        help="Also say what each kind of evidence adds to the score, of a model with a combiner.",
    ),
]
StdOption = Annotated[
    bool, _output_option("--std", help="Posterior standard deviations instead of means.")
]
OnlyOption = Annotated[
    str | None,
    _scores_option(
        metavar="NAMES",
        help="Data sets, separated by commas; default: all three.",
        autocompletion=list_of("cora", "citeseer", "pubmed"),
    ),
]
ReproduceFolderOption = Annotated[
    Path, _output_option(metavar="DIR", help="Folder that keeps every run and the tables.")
]
JsonOption = Annotated[bool, _output_option("--json", help="Print JSON.")]
QuietOption = Annotated[bool, _output_option("--quiet", help="Print no remarks, only errors.")]
OverwriteOption = Annotated[
    bool, _output_option("--overwrite", help="Replace what --out (or --report) names if it exists.")
]
ReportOption = Annotated[
    bool, _output_option("--report", help="Also make the report of the run (see `vgae report`).")
]
ReportFileOption = Annotated[
    Path | None,
    _output_option(
        "--out", metavar="FILE", help="The HTML file to make; by default report.html in the run."
    ),
]
ReportTopOption = Annotated[
    int,
    _links_option("--top", metavar="N", help=f"{ReportSettings.model_fields['top'].description}"),
]
ProjectionOption = Annotated[
    str,
    _output_option(
        metavar="NAME",
        help=f"{ReportSettings.model_fields['projection'].description}",
        autocompletion=one_of(*get_args(ReportSettings.model_fields["projection"].annotation)),
    ),
]
ReportGraphOption = Annotated[
    str | None,
    _output_option(
        "--graph",
        metavar="GRAPH",
        help="The graph of the fit, for the labels of a run that an earlier version stored.",
        autocompletion=graphs,
    ),
]
TableOption = Annotated[
    Path | None,
    _output_option(
        metavar="FILE", help="Write to FILE (.csv, .tsv, .jsonl, .parquet or .arrow) instead."
    ),
]
ScoresTableOption = Annotated[
    Path | None,
    _output_option(
        "--out",
        metavar="FILE",
        help="Also write the scores to FILE (.csv, .tsv, .jsonl, .parquet or .arrow).",
    ),
]
ScoresPageOption = Annotated[
    Path | None,
    _output_option(
        "--report", metavar="FILE", help="Also make one page with tables and charts: FILE.html."
    ),
]
LinksTableOption = Annotated[
    Path | None,
    _output_option(
        "--out",
        metavar="FILE",
        help="Write to FILE (.csv, .tsv, .jsonl, .parquet or .arrow) instead; or write the graph "
        "with these links marked (.graphml, .gexf or .gml).",
    ),
]
EmbeddingOption = Annotated[
    Path | None,
    _output_option(
        "--out",
        metavar="FILE",
        help="Write to FILE (.csv, .tsv, .jsonl, .parquet, .arrow; .npz; .w2v, which is "
        "word2vec's text; .projector, a folder for TensorBoard) instead.",
    ),
]
CellsFileOption = Annotated[
    Path | None,
    _output_option(
        "--into",
        metavar="FILE",
        help="Write into obsm['X_vgae'] of FILE.h5ad, whose cells are the nodes, instead.",
    ),
]

# ------------------------------------------------------------------- groups


@dataclass(frozen=True)
class Reading:
    """How a graph is read from a file."""

    features: Annotated[
        Path | None,
        _features_option(
            metavar="FILE",
            help="Node features: a table (CSV, Parquet or others; - for standard input) with node "
            "ids in the first column, or .npy or SciPy .npz whose row i belongs to integer id i.",
        ),
    ] = None
    no_features: Annotated[bool, _features_option("--no-features", help="Drop node features.")] = (
        False
    )
    attributes: Annotated[
        list[str] | None,
        _features_option(
            "--attribute",
            metavar="COLUMN=KIND",
            help="Kind of a feature column: number, standard (mean 0, deviation 1), category, "
            "text, tfidf or ignore; default: detected. May be repeated.",
        ),
    ] = None
    standardize: Annotated[
        bool,
        _features_option("--standardize", help="Scale number columns to mean 0, deviation 1."),
    ] = False
    missing: Annotated[
        str,
        _features_option(
            metavar="CHOICE",
            help="Missing attributes: error, mean (of the others) or zero.",
            autocompletion=one_of("error", "mean", "zero"),
        ),
    ] = "error"
    features_header: Annotated[bool | None, _features_option(*_FEATURES_HEADER, help=_NAMES)] = None
    source: Annotated[
        str | None,
        _reading_option(
            metavar="COLUMN", help="Column of an edge's start: its name, or its number from 1."
        ),
    ] = None
    target: Annotated[
        str | None, _reading_option(metavar="COLUMN", help="Column of an edge's end.")
    ] = None
    weight: Annotated[
        str | None,
        _reading_option(
            metavar="COLUMN", help="Column of edge weights; default: the one called weight, if any."
        ),
    ] = None
    header: HeaderOption = None
    delimiter: Annotated[
        str | None,
        _reading_option(metavar="CHARACTER", help="Character between columns; default: detected."),
    ] = None
    quote: Annotated[
        str | None,
        _reading_option(
            metavar="CHARACTER",
            help='Character around cells that hold a delimiter, or none; default: ".',
        ),
    ] = None
    comment: Annotated[
        str | None,
        _reading_option(
            metavar="TEXT",
            help='What comment lines begin with, or none; default: "# " and "% ".',
        ),
    ] = None
    drop_incomplete: Annotated[
        bool, _reading_option("--drop-incomplete", help="Drop rows that lack a node id.")
    ] = False
    bipartite: Annotated[
        bool | None,
        _reading_option(
            "--bipartite/--no-bipartite",
            help="Whether the two columns hold nodes of two types, such as users and items; "
            "default: what the header says. With --types, those are the two.",
        ),
    ] = None
    directed: Annotated[
        bool,
        _reading_option("--directed/--undirected", help="Whether edges have a direction."),
    ] = False
    signed: Annotated[
        bool,
        _reading_option("--signed", help="Weights may be negative: their signs are learned."),
    ] = False
    types: Annotated[
        str | None,
        _reading_option(
            metavar="FILE|COLUMN",
            help="Types of nodes: a table with node ids and types, or a column of --features. Only "
            "types that edges join can be joined.",
        ),
    ] = None
    time: Annotated[
        str | None,
        _reading_option(
            metavar="COLUMN",
            help="Column of the times of edges, numbers or dates; the latest edges are held out.",
        ),
    ] = None
    weight_means: Annotated[
        str | None,
        _reading_option(
            metavar="MEANING",
            help="What weights mean: propagation (default), count, value or confidence.",
            autocompletion=one_of("propagation", "count", "value", "confidence"),
        ),
    ] = None
    integer_ids: Annotated[
        bool, _reading_option("--integer-ids", help="Read node ids such as 3.0 as integers.")
    ] = False
    isolated: Annotated[
        bool,
        _features_option("--isolated", help="Keep nodes that are only in the feature table."),
    ] = False
    connectivities: Annotated[
        str | None,
        _cells_option(
            metavar="NAME", help="The entry of obsp with the edges; default: connectivities."
        ),
    ] = None
    neighbors: Annotated[
        int | None,
        _cells_option(
            metavar="K", help="Instead, link each cell to the K nearest by --coordinates."
        ),
    ] = None
    coordinates: Annotated[
        str | None,
        _cells_option(
            metavar="NAME", help="The entry of obsm that says which are near; default: spatial."
        ),
    ] = None
    sections: Annotated[
        str | None,
        _cells_option(
            metavar="COLUMN", help="Column of obs: only cells of the same section are neighbors."
        ),
    ] = None
    cell_features: Annotated[
        str | None,
        _cells_option(
            metavar="NAME", help="Features: X (default, if there is one) or an entry of obsm."
        ),
    ] = None
    max_bytes: Annotated[
        str | None,
        _reading_option(
            metavar="SIZE",
            help="Data that a file may hold once it is unpacked, such as 2GB; default: 100 times "
            "the size of a compressed file, and what fits into the free memory.",
        ),
    ] = None

    def graph_into(self, name: str, folder: Path, *, memory: str | None, overwrite: bool) -> Graph:
        """The same graph, written to a folder and mapped from it; see `vgae.import_graph`.

        Raises
        ------
        InputError
            As in `graph`, or the folder cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp(), "karate")
        >>> Reading().graph_into("karate", folder, memory=None, overwrite=False)
        Graph(34 nodes, 78 edges, weighted, no features)
        """
        from vgae.data.graph import Graph
        from vgae.data.io import import_graph

        if self.no_features or _is_dataset(name, self):
            self.graph(name).save(folder, overwrite=overwrite)
            return Graph.open(folder)
        options = _reading_options(self)
        with inputs(name, self.features, max_bytes=self.max_bytes) as (edges, features):
            options |= {"features": features}
            return import_graph(edges, folder, memory=memory, overwrite=overwrite, **options)

    def graph(self, name: str) -> Graph:
        """The graph of a file, of a data set by its name, or of standard input for "-".

        Raises
        ------
        InputError
            There is no such graph, or it cannot be read.

        Examples
        --------
        >>> Reading().graph("karate")
        Graph(34 nodes, 78 edges, weighted, no features)
        """
        return _graph_by_name(name, self)


@dataclass(frozen=True)
class HeldOutEdges:
    """Which edges are held out, and what they are ranked against.

    Examples
    --------
    >>> given(HeldOutEdges(validation=0.1))
    {'validation': 0.1}
    """

    validation: Annotated[
        float | None,
        _held_out_option(
            metavar="X", help="Fraction of the edges held out for validation; default 0.05."
        ),
    ] = None
    test: Annotated[
        float | None,
        _held_out_option(
            metavar="X", help="Fraction of the edges held out for the test; default 0.1."
        ),
    ] = None
    negatives: Annotated[
        str | None,
        _held_out_option(
            metavar="KIND",
            help="Pairs that held-out edges are ranked against: uniform (default), degree (in "
            "proportion to degrees) or two-hop (with a common neighbour).",
            autocompletion=one_of(*NEGATIVES),
        ),
    ] = None


@dataclass(frozen=True)
class HoldingOut(HeldOutEdges):
    """Which edges are held out, and what carries messages when they are scored.

    Examples
    --------
    >>> given(HoldingOut(validation=0.1, protocol="TV"))
    {'validation': 0.1, 'protocol': 'TV'}
    """

    protocol: Annotated[
        str | None,
        _held_out_option(
            metavar="T|TV",
            help="Messages when test pairs are scored: T, train-only (default); TV, train + "
            "validation.",
            autocompletion=one_of("T", "TV"),
        ),
    ] = None


@dataclass(frozen=True)
class Newcomers:
    """Nodes that join a fitted model without training.

    Examples
    --------
    >>> Newcomers().join("a model without new nodes")
    'a model without new nodes'
    """

    new_nodes: Annotated[
        Path | None,
        _newcomers_option(
            metavar="FILE",
            help="New nodes with their attributes: a table like that of `vgae fit --features`.",
        ),
    ] = None
    new_edges: Annotated[
        Path | None,
        _newcomers_option(metavar="FILE", help="Links of new nodes with known ones: an edge list."),
    ] = None
    features_header: Annotated[bool | None, _newcomers_option(*_FEATURES_HEADER, help=_NAMES)] = (
        None
    )

    def join(self, model: Any) -> Any:
        """The model, knowing these nodes too.

        Raises
        ------
        InputError
            A file cannot be read, or its nodes cannot join the model; the line names the file.
        """
        if self.new_nodes is None and self.features_header is not None:
            raise InputError("--features-header needs a table of new nodes (--new-nodes)")
        if self.new_nodes is None and self.new_edges is None:
            return model
        if not hasattr(model, "with_nodes"):
            raise InputError(f"{model.name}: cannot place new nodes; fit again with them")
        from vgae.data.io import read_new_edges, read_new_features

        ids, features, edges, weights = None, None, None, None
        with inputs(self.new_nodes, self.new_edges) as (new_nodes, new_edges):
            if new_nodes is not None:
                ids, features = read_new_features(
                    new_nodes, model.feature_encoding_, header=self.features_header
                )
            if new_edges is not None:
                edges, weights = read_new_edges(new_edges, model.split_.graph)
        try:
            return model.with_nodes(features, edges, weights=weights, ids=ids)
        except InputError as error:
            files = " and ".join(str(path) for path in (new_nodes, new_edges) if path)
            raise InputError(f"{files}: {error}") from None


# ------------------------------------------------------------ what they say


def given(options: Any) -> dict[str, Any]:
    """The options of a group that were given; the others keep the default of their stage.

    Examples
    --------
    >>> given(HoldingOut(test=0.2))
    {'test': 0.2}
    """
    values = {option.name: getattr(options, option.name) for option in fields(options)}
    return {name: value for name, value in values.items() if value is not None}


def reading_words(reading: Reading) -> list[str]:
    """The options of reading that were given, as words of a command.

    Examples
    --------
    >>> reading_words(Reading(directed=True, weight="votes", attributes=["a=text"]))
    ['--attribute', 'a=text', '--weight', 'votes', '--directed']
    """
    words: list[str] = []
    for option in fields(reading):
        value = getattr(reading, option.name)
        name = "attribute" if option.name == "attributes" else option.name.replace("_", "-")
        if value == option.default:
            continue
        if isinstance(value, bool):
            name = name if value else f"no-{name}"
            words.append(f"--{name}")
        else:
            for one in value if isinstance(value, list) else [value]:
                words += [f"--{name}", str(one)]
    return words


def outside(out: Path, run: Path, more: str = "; choose another place") -> None:
    """Refuse a file in a run folder, where it would be a stranger.

    Raises
    ------
    InputError
        The file lies there; `more` ends the line.

    Examples
    --------
    >>> outside(Path("run/links.csv"), Path("run"))
    Traceback (most recent call last):
    vgae.InputError: run/links.csv: lies in the run folder run; choose another place
    """
    if run.resolve() in out.resolve().parents:
        raise InputError(f"{out}: lies in the run folder {run}{more}")


def sizes(nodes: int, edges: int, reading: Reading) -> Sizes:
    """The sizes of a graph that is not read, of which --features gives the number of features.

    Raises
    ------
    InputError
        The numbers contradict each other, --features is no number, or another option says how a
        graph is read.

    Examples
    --------
    >>> sizes(100, 200, Reading(features=Path("8"))).n_features
    8
    """
    from vgae.model.costs import Sizes

    usual = Reading()
    for name, value in vars(reading).items():
        if name not in ("features", "directed", "signed") and value != getattr(usual, name):
            option = name.replace("_", "-").replace("attributes", "attribute")
            raise InputError(f"--{option}: makes no sense with --nodes, where no graph is read")
    number = "0" if reading.features is None else str(reading.features)
    if not number.isdecimal():
        raise InputError(f"--features {number}: with --nodes, give the number of features")
    kind = "directed" if reading.directed else "signed" if reading.signed else "undirected"
    return Sizes(nodes, edges, int(number), kind=kind)


def comma_list(text: str) -> list[str]:
    """The names between commas, each once.

    Examples
    --------
    >>> comma_list("vgae, gae,vgae")
    ['vgae', 'gae']
    """
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def method_settings(texts: list[str] | None) -> dict[str, dict[str, Any]]:
    """Settings given as METHOD.SETTING=VALUE, by method and setting.

    Raises
    ------
    InputError
        A text has another form, or a setting is given twice.

    Examples
    --------
    >>> method_settings(["deepwalk.window=5", "katz.attenuation=0.1"])
    {'deepwalk': {'window': 5}, 'katz': {'attenuation': 0.1}}
    """
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
        if method in LATENT_OF and name in SETTINGS:
            check_choice(name, own[name], f"--set {method}.{name}")
    return found


def settings_of(method: str, texts: list[str] | None) -> dict[str, Any]:
    """Settings of the one method of a command, given as METHOD.SETTING=VALUE.

    Raises
    ------
    InputError
        As `method_settings`; or a text names another method.

    Examples
    --------
    >>> settings_of("deepwalk", ["deepwalk.window=5"])
    {'window': 5}
    """
    found = method_settings(texts)
    for other, settings in found.items():
        if other != method:
            raise InputError(f"--set {other}.{next(iter(settings))}: the method here is {method}")
    return found.get(method, {})


def attribute_kinds(texts: list[str] | None) -> dict[str, str]:
    """Kinds given as COLUMN=KIND, by column.

    Raises
    ------
    InputError
        A text has another form, or a column is given twice.

    Examples
    --------
    >>> attribute_kinds(["colour=category"])
    {'colour': 'category'}
    """
    found: dict[str, str] = {}
    for text in texts or ():
        column, equals, kind = text.rpartition("=")
        if not (equals and column and kind):
            raise InputError(f"--attribute {text}: must read COLUMN=KIND, as in colour=category")
        if column in found:
            raise InputError(f"--attribute {column}: is given twice")
        found[column] = kind
    return found


@contextmanager
def inputs(*names: str | Path | None, max_bytes: str | None = None) -> Iterator[tuple[Any, ...]]:
    """The files of these names to read, with standard input in a file for "-".

    Raises
    ------
    InputError
        More than one is standard input.

    Examples
    --------
    >>> with inputs("pairs.csv", None) as paths:
    ...     [path and path.name for path in paths]
    ['pairs.csv', None]
    """
    from vgae.data.io import STANDARD_INPUT, input_file

    if [str(name) for name in names].count(STANDARD_INPUT) > 1:
        raise InputError("-: only one input can come from standard input; name files for others")
    with ExitStack() as kept:
        yield tuple(
            None if name is None else kept.enter_context(input_file(name, max_bytes=max_bytes))
            for name in names
        )


def input_name(name: str) -> str:
    """What an input is called in results.

    Examples
    --------
    >>> input_name("edges.csv"), input_name("-")
    ('edges.csv', 'standard input')
    """
    return "standard input" if name == "-" else name


def _is_dataset(name: str, reading: Reading) -> bool:
    """Whether a name is a data set's; otherwise it is a file's or folder's, which is there."""
    from vgae.data.datasets import DATASETS
    from vgae.ground.files import file_errors, near_file

    if reading.features is not None and reading.no_features:
        raise InputError("--features and --no-features exclude each other")
    if name in DATASETS:
        own = Reading(no_features=reading.no_features, weight_means=reading.weight_means)
        if reading != own:
            raise InputError(f"{name} is a data set; options on files make no sense with it")
        if Path(name).exists():
            logger.warning("%s is the data set; ./%s is the file of that name", name, name)
        return True
    path = Path(name)
    with file_errors(path):
        is_there = name == "-" or path.exists()
    if not is_there and len(path.parts) == 1 and not path.suffix:
        near = near_file(path)
        file = "" if near is None else f", but there is '{near}'"
        unknown = unknown_name("data set", name, DATASETS)
        raise InputError(f"{unknown}; nor is there such a file{file}")
    return False


def _reading_options(reading: Reading) -> dict[str, Any]:
    """The options that `vgae.read_graph` takes."""
    options = given(reading) | {"attributes": attribute_kinds(reading.attributes)}
    del options["no_features"]
    return options


def _graph_by_name(name: str, reading: Reading) -> Graph:
    from vgae.data.datasets import load_dataset
    from vgae.data.io import read_graph

    if _is_dataset(name, reading):
        graph = load_dataset(name, features=not reading.no_features)
        if reading.weight_means is None:
            return graph
        return graph.with_weight_means(cast("WeightMeans", reading.weight_means))
    options = _reading_options(reading)
    with inputs(name, reading.features, max_bytes=reading.max_bytes) as (edges, features):
        graph = read_graph(edges, **(options | {"features": features}))
    return graph.with_features(None) if reading.no_features else graph
