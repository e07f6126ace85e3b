"""What a run answers: links of pairs, likeliest links, embeddings, and why a pair scores so."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vgae.ground.errors import InputError, shortened
from vgae.people import options
from vgae.people.commands.common import check_out, opened_graph, opened_run
from vgae.people.options import input_name, inputs

if TYPE_CHECKING:
    from vgae.learning.explanation import Explanation

__all__ = ["embed", "explain", "predict", "recommend"]

MOST_SHOWN = 5
"""Rows of each table of an explanation; JSON has all."""

# ---------------------------------------------------------------------- links


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
    check_out(out, check_output, overwrite=overwrite, json=json, run=run)
    model = opened_run(run, reporter)
    from vgae.data.io import pair_rows
    from vgae.people.answers import warn_of_impossible

    with inputs(pairs, newcomers.new_nodes, newcomers.new_edges) as (file, new_nodes, new_edges):
        newcomers = options.Newcomers(new_nodes, new_edges, newcomers.features_header)
        model = newcomers.join(model)
        with reporter.working(f"reading {input_name(str(pairs))}"):
            rows, _ = pair_rows(file, model.split_.graph, header=header)
    reporter.say(model.fitted_.meaning)
    if out is None:
        print_links(model.links(model.ids_[rows]), json=json)
    else:
        warn_of_impossible(model.split_.graph, rows)
        with reporter.working("scoring pairs"):
            _write_links(out, model, model.fitted_.scored(rows))


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
    from vgae.people.words import nothing_left

    reporter = Reporter(quiet=quiet)
    if top < 1:
        raise InputError(f"--top {top}: must be 1 or more")
    if per_node and node:
        raise InputError("--per-node: makes no sense with --node, which names some")
    from vgae.data.io import MARKED_FORMATS, write_graph
    from vgae.data.tables import check_output, inner_suffix

    marked = out is not None and inner_suffix(out) in MARKED_FORMATS
    if marked and reasons:
        raise InputError(
            f"{out}: this format holds no reasons (--reasons); write a table (.csv, .parquet, ...)"
        )
    check = partial(check_output, others=MARKED_FORMATS)
    check_out(out, check, overwrite=overwrite, json=json, run=run)
    model = opened_run(run, reporter, newcomers)
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
    if not n_links:
        reporter.say(nothing_left(of_nodes=nodes is not None))
    elif expected is not None:
        reporter.say(precision_words(n_links, *expected))
    if out is None:
        print_links(links, json=json, reasons=why)
    elif marked:
        if model.graph_.get("weighted") and model.split_.graph.weights is None:
            reporter.say(f"{out}: without edge weights, which a run folder does not keep")
        if links and len(links[0]) > 3:
            reporter.say(f"{out}: with probabilities alone; a table has the other columns too")
        write_graph(model.split_.graph, out, links=[link[:3] for link in links])


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


# ----------------------------------------------------------------- embeddings


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
    from vgae.data.io import check_vectors_output, vector_columns, write_cells, write_vectors
    from vgae.people.report import Reporter, print_embedding

    reporter = Reporter(quiet=quiet)
    if into is not None and (out is not None or json or std):
        raise InputError("--into writes the means into a file: leave --out, --json and --std out")
    if into is None:
        check_out(out, check_vectors_output, overwrite=overwrite, json=json, run=run)
    from vgae.people.api import LinkModel

    model = opened_run(run, reporter, newcomers)
    of_model = isinstance(model, LinkModel)
    vectors = (model.embedding_std_ if of_model else None) if std else model.embedding_
    if vectors is None:
        lacks = "posterior standard deviations" if std else "embedding: it only scores pairs"
        raise InputError(f"{run}: {model.name} has no {lacks}")
    prefix = "s" if std else "z"
    if into is not None:
        with reporter.working(f"writing into {into}"):
            write_cells(into, model.ids_, vectors, overwrite=overwrite)
        reporter.say(f"{into}: obsm['X_vgae'], {vectors.shape[1]} dimensions")
    elif out is not None:
        write_vectors(out, model.ids_, vectors, prefix=prefix)
    else:
        print_embedding(vector_columns(model.ids_, vectors, prefix=prefix), json=json)


# --------------------------------------------------------------- explanations


def explain(
    run: options.RunArgument,
    a: options.FirstNodeArgument,
    b: options.SecondNodeArgument,
    *,
    graph: options.GraphOfRunOption = None,
    reading: options.Reading,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Say why two nodes score what they score.

    The score is taken apart, and computed again without each known edge near the two nodes.
    """
    from vgae.people.report import Reporter

    reporter = Reporter(quiet=quiet)
    if graph is None and reading != options.Reading():
        raise InputError("options on how a graph is read make no sense without --graph")
    model = opened_run(run, reporter)
    given = None if graph is None else opened_graph(graph, reading, reporter)[0]
    with reporter.working("leaving edges out"):
        found = model.explain(a, b, graph=given)
    _print_explanation(found, json=json)
    reporter.say(model.fitted_.meaning)
    for note in found.notes:
        reporter.say(note)


def _print_explanation(found: Explanation, *, json: bool) -> None:
    """Print an explanation: one line, then a table for each thing that it says.

    Examples
    --------
    >>> from vgae import GAE
    >>> model = GAE(steps=5).fit([("a", "b"), ("b", "c")])
    >>> _print_explanation(model.explain("a", "c"), json=False)  # doctest: +ELLIPSIS
    a - c: 1 common neighbour (b); ...
    """
    from vgae.people.printing import print_json, print_lines, print_table

    if json:
        print_json(found.as_dict())
        return
    ends = [shortened(found.source), shortened(found.target)]
    print_lines(f"{ends[0]} - {ends[1]}: {found.why}")
    print_table(
        ["source", "target", "probability", found.scale],
        [[*ends, f"{found.probability:.6f}", f"{found.score:.4f}"]],
        labels=2,
    )
    kinds = found.by_kind()
    if kinds:
        print_table(
            [f"part of the {found.scale}", "adds"], [[p.kind, _signed(p.amount)] for p in kinds]
        )
    largest = sorted(found.parts, key=lambda part: -abs(part.amount))[:MOST_SHOWN]
    if len(found.parts) > len(kinds):
        print_table(
            ["largest single parts", "adds"], [[p.name, _signed(p.amount)] for p in largest]
        )
    if found.edges:
        rows = [
            [shortened(one.source), shortened(one.target), _signed(-one.effect)]
            for one in _ends(found.edges)
        ]
        print_table(["without the edge of", "and", f"the {found.scale} changes by"], rows, labels=2)
    if found.features:
        rows = [[shortened(one.name), _signed(-one.effect)] for one in _ends(found.features)]
        print_table(["without the feature", f"the {found.scale} changes by"], rows)
    if found.common_neighbors:
        rows = [
            [shortened(one.node), f"{one.degree:,}"] for one in found.common_neighbors[:MOST_SHOWN]
        ]
        print_table([f"common neighbours ({found.n_common_neighbors:,})", "edges"], rows)
    if found.similar:
        rows = [
            [
                shortened(one.source),
                shortened(one.target),
                shortened(one.like),
                f"{one.similarity:.3f}",
            ]
            for one in found.similar[:MOST_SHOWN]
        ]
        print_table(["known edge of", "and", "which is like", "cosine"], rows, labels=2)


def _signed(amount: float) -> str:
    return f"{amount:+.4f}"


def _ends(effects: Any) -> Any:
    """The first and the last of a list from the most positive effect to the most negative one."""
    if len(effects) <= 2 * MOST_SHOWN:
        return effects
    return [*effects[:MOST_SHOWN], *effects[-MOST_SHOWN:]]
