"""The command line's arguments and options, each declared once for the commands that share it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
