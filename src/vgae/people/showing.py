"""The commands that show what runs hold: why a pair scores, pictures, runs side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vgae.ground.errors import InputError
from vgae.people import options
from vgae.people.options import input_name, outside
from vgae.people.usage import grouped

if TYPE_CHECKING:
    from vgae.learning.explanation import Explanation
    from vgae.learning.run_comparison import RunComparison

__all__ = ["COMMANDS", "print_comparison", "print_explanation"]

MOST_SHOWN = 5
"""Rows of each table of an explanation; JSON has all."""


@grouped
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
    from vgae.people.api import load

    with reporter.working(f"opening {run}"):
        model = load(run)
    given = None
    if graph is not None:
        with reporter.working(f"reading {input_name(graph)}"):
            given = reading.graph(graph)
    with reporter.working("leaving edges out"):
        found = model.explain(a, b, graph=given)
    print_explanation(found, json=json)
    reporter.say(model.fitted_.meaning)
    for note in found.notes:
        reporter.say(note)


@grouped
def plot(
    run: options.RunArgument,
    *,
    kind: options.PlotKindOption,
    out: options.PictureOption,
    overwrite: options.OverwriteOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Draw a picture of a run.

    A map of the embedding, curves of held-out pairs, probabilities against frequencies, the
    training, or degrees.
    """
    from vgae.people.report import Reporter

    reporter = Reporter(quiet=quiet)
    from vgae.people.plot import DISPLAYS, check_picture, figure_of, save_picture

    outside(out, run)
    check_picture(kind, out, overwrite=overwrite)
    from vgae.people.api import load

    with reporter.working(f"opening {run}"):
        model = load(run)
    with reporter.working(f"drawing {out}"):
        try:
            display = DISPLAYS[kind].of(model)
        except InputError as error:
            raise InputError(f"{run}: {error}") from None
        save_picture(figure_of(display), out)
    reporter.say(f"picture: {out}")


@grouped
def compare(
    runs: options.RunsArgument,
    *,
    out: options.PageOption = None,
    overwrite: options.OverwriteOption = False,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Show runs side by side.

    Their metrics, the settings in which they differ and, where they held out the same pairs, the
    differences to the first with 95 % intervals.
    """
    from vgae.people.report import Reporter

    reporter = Reporter(quiet=quiet)
    if out is None and overwrite:
        raise InputError("--overwrite: makes no sense without --out")
    names = [str(path) for path in runs]
    if len(set(names)) < len(names) or len(names) < 2:
        raise InputError("compare: name two or more runs, each once")
    from vgae.people.comparison_page import check_page, comparison_page

    if out is not None:
        for path in runs:
            outside(out, path)
        check_page(out, overwrite=overwrite)
    from vgae.learning.run_comparison import compare_runs
    from vgae.people.api import load

    fitted = {}
    for name, path in zip(names, runs, strict=True):
        with reporter.working(f"opening {name}"):
            fitted[name] = load(path).fitted_
    with reporter.working("comparing"):
        found = compare_runs(fitted)
        page = None if out is None else comparison_page(found, fitted)
    if out is not None and page is not None:
        page.save(out, overwrite=overwrite)
    print_comparison(found, json=json)
    if not found.same_pairs:
        reporter.say(
            "the runs held out different pairs: differences would say as much about the pairs as "
            "about the models; fit with the same graph, split options and seed"
        )
    elif found.differences:
        reporter.say(
            "differences to the first run, in percent; intervals from test pairs drawn again, the "
            "same for both, and not from other splits or seeds"
        )
    if out is not None:
        reporter.say(f"page: {out}")


COMMANDS: dict[Callable[..., None], str] = {
    explain: "vgae explain runs/karate 0 9",
    plot: "vgae plot runs/karate --kind map --out map.svg",
    compare: "vgae compare runs/one runs/two --out comparison.html",
}
"""The commands, with an example each."""


def print_explanation(found: Explanation, *, json: bool) -> None:
    """Print an explanation: one line, then a table for each thing that it says.

    Examples
    --------
    >>> from vgae import GAE
    >>> model = GAE(steps=5).fit([("a", "b"), ("b", "c")])
    >>> print_explanation(model.explain("a", "c"), json=False)  # doctest: +ELLIPSIS
    a - c: 1 common neighbour (b); ...
    """
    from vgae.people.printing import print_json, print_lines, print_table

    if json:
        print_json(found.as_dict())
        return
    print_lines(f"{found.source} - {found.target}: {found.why}")
    print_table(
        ["source", "target", "probability", found.scale],
        [[str(found.source), str(found.target), f"{found.probability:.6f}", f"{found.score:.4f}"]],
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
            [str(one.source), str(one.target), _signed(-one.effect)] for one in _ends(found.edges)
        ]
        print_table(["without the edge of", "and", f"the {found.scale} changes by"], rows, labels=2)
    if found.features:
        rows = [[one.name, _signed(-one.effect)] for one in _ends(found.features)]
        print_table(["without the feature", f"the {found.scale} changes by"], rows)
    if found.common_neighbors:
        rows = [[str(one.node), f"{one.degree:,}"] for one in found.common_neighbors[:MOST_SHOWN]]
        print_table([f"common neighbours ({found.n_common_neighbors:,})", "edges"], rows)
    if found.similar:
        rows = [
            [str(one.source), str(one.target), str(one.like), f"{one.similarity:.3f}"]
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


def print_comparison(found: RunComparison, *, json: bool) -> None:
    """Print runs side by side.

    Examples
    --------
    >>> from vgae.learning.run_comparison import Difference, RunComparison
    >>> print_comparison(
    ...     RunComparison(
    ...         ("one", "two"), {"steps": (1, 5)}, {"auc": (0.5, 0.75)}, True,
    ...         (Difference("two", "auc", 0.25, (0.125, 0.5)),),
    ...     ),
    ...     json=False,
    ... )
    test   AUC
    one    50.0
    two    75.0
    two - one    difference    95 % interval
    AUC          25.0          12.5 to 50.0
    setting  one  two
    steps    1    5
    """
    from vgae.learning.results import figure
    from vgae.people.printing import print_json, print_table
    from vgae.people.words import interval_words, metric_title

    if json:
        print_json(found.as_dict())
        return

    if found.metrics:
        rows = [
            [run, *(figure(name, values[place]) for name, values in found.metrics.items())]
            for place, run in enumerate(found.runs)
        ]
        print_table(["test", *map(metric_title, found.metrics)], rows)
    for run in found.runs[1:]:
        rows = [
            [
                metric_title(one.metric),
                figure(one.metric, one.amount),
                interval_words(one.metric, one.interval),
            ]
            for one in found.differences
            if one.run == run
        ]
        if rows:
            print_table([f"{run} - {found.runs[0]}", "difference", "95 % interval"], rows)
    if found.settings:
        rows = [
            [name, *("-" if value is None else str(value) for value in values)]
            for name, values in found.settings.items()
        ]
        print_table(["setting", *found.runs], rows)
