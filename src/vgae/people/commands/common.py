"""What several commands do: check an output, open a graph or a run, make a report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vgae.ground.errors import InputError
from vgae.people import options

if TYPE_CHECKING:
    from vgae.data.graph import Graph
    from vgae.people.api import LinkBaseline, LinkModel
    from vgae.people.html.page import Report
    from vgae.people.report import Reporter

__all__ = [
    "check_out",
    "check_overwrite",
    "introduced_graph",
    "made_report",
    "opened_graph",
    "opened_run",
]


def check_out(
    out: Path | None,
    check: Callable[..., None],
    *,
    overwrite: bool,
    json: bool = False,
    run: Path | None = None,
    others: bool = False,
) -> None:
    """Refuse an output before any work.

    Parameters
    ----------
    out
        The file to write; None for none.
    check
        What refuses a file that cannot be made, or that is there and is not to be replaced.
    overwrite
        Whether a file that is there may be replaced.
    json
        Whether results are printed as JSON, which rules a file out.
    run
        The run folder that the results come from, in which a file would be a stranger.
    others
        Whether there is another output that `overwrite` may be about.

    Raises
    ------
    InputError
        The output cannot be made, or the options contradict each other.

    Examples
    --------
    >>> from vgae.data.tables import check_output
    >>> check_out(None, check_output, overwrite=False)
    >>> check_out(Path("links.csv"), check_output, overwrite=False, json=True)
    Traceback (most recent call last):
    vgae.InputError: --json prints and --out writes: name one of them
    """
    if not others:
        check_overwrite(out, overwrite=overwrite)
    if out is not None:
        if json:
            raise InputError("--json prints and --out writes: name one of them")
        if run is not None:
            options.outside(out, run)
        check(out, overwrite=overwrite)


def check_overwrite(out: Path | None, *, overwrite: bool) -> None:
    """Refuse --overwrite where there is nothing to replace.

    Raises
    ------
    InputError
        It was given without an output.

    Examples
    --------
    >>> check_overwrite(None, overwrite=True)
    Traceback (most recent call last):
    vgae.InputError: --overwrite: makes no sense without --out
    """
    if out is None and overwrite:
        raise InputError("--overwrite: makes no sense without --out")


def opened_graph(graph: str, reading: options.Reading, reporter: Reporter) -> tuple[Graph, str]:
    """The graph of a file or data set, and what messages call it.

    Raises
    ------
    InputError
        There is no such graph, or it cannot be read.

    Examples
    --------
    >>> from vgae.people.report import Reporter
    >>> opened_graph("karate", options.Reading(), Reporter(quiet=True))
    (Graph(34 nodes, 78 edges, weighted, no features), 'karate')
    """
    name = options.input_name(graph)
    with reporter.working(f"reading {name}"):
        return reading.graph(graph), name


def introduced_graph(graph: str, reading: options.Reading, reporter: Reporter) -> tuple[Graph, str]:
    """As `opened_graph`, and say what it is.

    Examples
    --------
    >>> from vgae.people.report import Reporter
    >>> introduced_graph("karate", options.Reading(), Reporter(quiet=True))[1]
    'karate'
    """
    data, name = opened_graph(graph, reading, reporter)
    reporter.say(f"{name}: {data}")
    return data, name


def opened_run(
    run: Path, reporter: Reporter, newcomers: options.Newcomers | None = None
) -> LinkModel | LinkBaseline:
    """The fitted method of a run folder, knowing the nodes that join it.

    Raises
    ------
    InputError
        There is no such run, or the new nodes cannot join it.

    Examples
    --------
    >>> from vgae.people.report import Reporter
    >>> opened_run(Path("runs/none"), Reporter(quiet=True))
    Traceback (most recent call last):
    vgae.InputError: runs/none: no such run folder
    """
    from vgae.people.api import load

    with reporter.working(f"opening {run}"):
        model = load(run)
        return model if newcomers is None else newcomers.join(model)


def made_report(
    model: LinkModel | LinkBaseline, place: Path, reporter: Reporter, **asked: Any
) -> Report:
    """The report of a model, which is also written to a file.

    Parameters
    ----------
    model, place, reporter
        What is shown, the file, and what says that it takes its time.
    **asked
        Parameters of the model's `report`.

    Examples
    --------
    >>> import tempfile
    >>> from vgae import GAE
    >>> from vgae.people.report import Reporter
    >>> place = Path(tempfile.mkdtemp(), "report.html")
    >>> model = GAE(steps=1).fit([("a", "b"), ("b", "c"), ("c", "d")])
    >>> report = made_report(model, place, Reporter(quiet=True), top=1)
    >>> place.read_text(encoding="utf-8") == report.html
    True
    """
    from vgae.model.kernels.first_use import compile_once

    compile_once(reporter.working)
    with reporter.working("making the report"):
        made = model.report(**asked)
        made.save(place, overwrite=True)
    return made
