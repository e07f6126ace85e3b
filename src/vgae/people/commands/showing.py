"""Pages and pictures of a run: report and plot."""

from __future__ import annotations

from pathlib import Path

from vgae.ground.errors import InputError
from vgae.people import options
from vgae.people.commands.common import check_overwrite, made_report, opened_graph, opened_run
from vgae.people.html.settings import ReportSettings
from vgae.people.options import outside

__all__ = ["plot", "report"]

REPORT_DEFAULTS = ReportSettings()


def report(
    run: options.RunArgument,
    *,
    out: options.ReportFileOption = None,
    top: options.ReportTopOption = REPORT_DEFAULTS.top,
    projection: options.ProjectionOption = REPORT_DEFAULTS.projection,
    graph: options.ReportGraphOption = None,
    overwrite: options.OverwriteOption = False,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Make one HTML file that shows what a run found.

    It has the likeliest links, a map of the nodes, how good the links are and why to trust them. It
    opens in any browser, without a network.
    """
    from vgae.learning.store import REPORT
    from vgae.people.report import Reporter, print_report

    reporter = Reporter(quiet=quiet)
    ReportSettings.parse({"top": top, "projection": projection})
    check_overwrite(out, overwrite=overwrite)
    if out is not None:
        _check_report_place(out, run, overwrite=overwrite)
    model = opened_run(run, reporter)
    data = None if graph is None else opened_graph(graph, options.Reading(), reporter)[0]
    place = run / REPORT if out is None else out
    made = made_report(model, place, reporter, top=top, projection=projection, graph=data)
    print_report(place, len(made.html.encode()), json=json)


def _check_report_place(out: Path, run: Path, *, overwrite: bool) -> None:
    """Refuse a file that cannot be made, or that would be a stranger in the run folder."""
    from vgae.learning.store import REPORT
    from vgae.people.html.page import check_page

    if out.resolve() != run.resolve() / REPORT:
        outside(out, run, f", which has room for {REPORT} only")
    check_page(out, overwrite=overwrite)


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
    model = opened_run(run, reporter)
    with reporter.working(f"drawing {out}"):
        try:
            display = DISPLAYS[kind].of(model)
        except InputError as error:
            raise InputError(f"{run}: {error}") from None
        save_picture(figure_of(display), out)
    reporter.say(f"picture: {out}")
