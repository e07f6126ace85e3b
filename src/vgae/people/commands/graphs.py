"""Graphs before a fit: inspect, import, split, and datasets, which lists those with a name."""

from __future__ import annotations

from typing import Any

from vgae.ground.errors import InputError
from vgae.people import options
from vgae.people.commands.common import check_out, introduced_graph, opened_graph
from vgae.people.options import given, input_name, reading_words

__all__ = ["datasets", "import_", "inspect", "split"]


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

    data, name = opened_graph(graph, reading, Reporter(quiet=quiet))
    from vgae.people.inspection import inspect_graph

    found = inspect_graph(data)
    if json:
        print_json({"graph": name, **found.as_dict()})
    else:
        print_inspection(found.as_dict())


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
    with reporter.working(f"importing {input_name(graph)}"):
        made = reading.graph_into(graph, out, memory=memory, overwrite=overwrite)
    print_import(made, out, json=json)
    reporter.suggest("vgae", "fit", out, "--out", f"runs/{out.name}")


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
    shares = SplitSettings.parse(split_options, where="split")  # before the work of reading
    if not shares.test and not shares.validation:
        raise InputError("--test 0 and --validation 0: nothing would be held out; give a share")
    suffix = f".{format.removeprefix('.')}"
    check_split_folder(out, suffix=suffix, overwrite=overwrite)
    data, name = introduced_graph(graph, reading, reporter)
    made = split_edges(data, seed=seed, **split_options)
    write_split(made, out, suffix=suffix, overwrite=overwrite)
    print_split(made, json=json)
    reporter.say(f"{made.settings.negatives} negatives, seed {seed}; tables: {out}")
    reporter.suggest("vgae", "evaluate", name, *reading_words(reading), "--split", out)


def datasets(
    json: options.JsonOption = False,
    out: options.TableOption = None,
    overwrite: options.OverwriteOption = False,
) -> None:
    """List the graphs that can be used by name."""
    from vgae.data.datasets import DATASETS, DEFAULT_DATASET, is_cached
    from vgae.data.tables import check_output, write_table
    from vgae.people.report import print_datasets

    check_out(out, check_output, overwrite=overwrite, json=json)
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
