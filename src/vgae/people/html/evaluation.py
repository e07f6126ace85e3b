"""An evaluation as one HTML file: scores with their uncertainty, charts, paired differences."""

from __future__ import annotations

import importlib.metadata
from typing import Any

from vgae.data.adjacency import count
from vgae.data.graph import Graph
from vgae.data.interop import as_graph
from vgae.data.split import Split
from vgae.ground.errors import one_line
from vgae.learning.results import FEWEST_RUNS, Evaluation, Summary, figure
from vgae.learning.settings import WEIGHT_METRICS
from vgae.people.html.charts import BOTTOM, TOP, Chart, linear_axis, named_axis
from vgae.people.html.page import Report, drawn, rendered
from vgae.people.html.summary import graph_facts, read_facts
from vgae.people.words import evaluation_notes, interval_words, metric_title, split_words

__all__ = ["evaluation_report"]

ROW_HEIGHT = 30
LONGEST_NAME = 22
"""Letters of a method's label in a chart; the tables have all of it."""


def evaluation_report(
    result: Evaluation,
    data: Any = None,
    *,
    name: str = "Evaluation",
    command: str | None = None,
) -> Report:
    """An evaluation as one HTML page: scores, charts, paired differences, how it was made.

    A notebook shows it in place; `save` writes it to a file that opens anywhere and loads nothing.
    `vgae evaluate --report FILE.html` makes the same.

    Parameters
    ----------
    result
        What `vgae.evaluate` returned.
    data
        The graph or the split that was evaluated, for the data card; any form that `vgae.evaluate`
        takes.
    name
        What the page is called: the graph's name.
    command
        The command that repeats the evaluation, if it was one.

    Returns
    -------
    The page. Names of methods are escaped in it, and no script runs but its own.

    Raises
    ------
    InputError
        `data` is not a graph.

    Examples
    --------
    >>> import vgae
    >>> karate = vgae.load_dataset("karate")
    >>> found = vgae.evaluate(karate, ["gae", "katz"], runs=3, metrics=["auc", "mrr"], steps=5)
    >>> page = vgae.evaluation_report(found, karate, name="karate").html
    >>> "Differences to katz" in page, "protocol T, split 85 / 5 / 10" in page
    (True, True)
    """
    graph = data.graph if isinstance(data, Split) else None if data is None else as_graph(data)
    metrics = _ordered(result)
    charts = [drawn(chart) for metric in metrics if (chart := _chart(result, metric)) is not None]
    told = f"Means over {count(result.runs, 'run')}"
    below, intervals = "", "."
    if result.runs >= FEWEST_RUNS:
        below = ", and below it the 95 % interval of the mean"
        intervals = ", each with its 95 % interval."
    made = "mean ± standard error" if result.runs > 1 else "the score"
    return rendered(
        "evaluation.html.j2",
        ("theme.js", "evaluation.js"),
        title=one_line(name),
        subtitle=_subtitle(result),
        verdict=_verdict(result),
        facts=_facts(result, graph),
        command=command,
        lead=f"By method and metric: {made} over {count(result.runs, 'run')}{below}.",
        scores={
            "header": ["method", *map(metric_title, metrics)],
            "rows": [
                [
                    {"value": one_line(result.title(label))},
                    *(_cell(metric, scores[metric]) for metric in metrics),
                ]
                for label, scores in result.metrics.items()
            ],
        },
        notes=[one_line(note) for note in evaluation_notes(result)],
        chart_lead=f"{told}{intervals}",
        charts=charts,
        differences=_differences(result, metrics),
    )


def _ordered(result: Evaluation) -> list[str]:
    """The metrics: AUC and AP, then what lists are worth (MRR, precision@K), then all others."""

    def place(metric: str) -> int:
        if metric in ("auc", "average_precision"):
            return 0
        return 1 if metric.startswith(("mrr", "precision@")) else 2

    return sorted(next(iter(result.metrics.values())), key=place)


def _cell(metric: str, summary: Summary) -> dict[str, str]:
    cell = {"value": figure(metric, summary.mean, summary.standard_error)}
    if summary.interval is not None:
        cell["note"] = interval_words(metric, summary.interval)
    return cell


# ------------------------------------------------------------------------------ words


def _subtitle(result: Evaluation) -> str:
    words = f"{count(len(result.results), 'method')}, {count(result.runs, 'run')}"
    if "links" in result.tasks:
        words += f" · {split_words(result.protocol, result.proportions)}"
        words += ", given" * result.given_split
    return words


def _verdict(result: Evaluation) -> str:
    """Who is ahead in the first metric, and by how much of the best simple method."""
    metric = next(iter(next(iter(result.metrics.values()))))
    title, ranking = metric_title(metric), result.ranking()
    if not ranking:
        return f"{title} is not defined for these methods."
    best = ranking[0]
    summary = result.metrics[best][metric]
    reached = figure(metric, summary.mean, summary.standard_error)
    told = f"By {title}, {one_line(best)} is first of {count(len(ranking), 'method')}: {reached}."
    simple = result.best_simple()
    if simple == best:
        return f"{told} It is a simple method, and no other method here does better."
    if simple is None:
        return told
    found = result.compare(best, simple, metric=metric)
    gap = figure(metric, found.difference.mean, found.difference.standard_error)
    interval = found.difference.interval
    spread = "" if interval is None else f", 95 % interval {interval_words(metric, interval)}"
    return (
        f"{told} The difference to the best simple method, {one_line(simple)}, is {gap}{spread}; "
        f"it is ahead in {found.wins} of {count(result.runs, 'run')}."
    )


def _facts(result: Evaluation, graph: Graph | None) -> list[tuple[str, str]]:
    """The data card."""
    found: list[tuple[str, str]] = []
    if graph is not None:
        found += read_facts(graph.n_rows, str(graph.cleaning), graph.reading)
        about = {
            "kind": graph.kind,
            "weighted": graph.weights is not None,
            "weight_means": graph.weight_means,
            "n_features": graph.n_features,
        }
        found += graph_facts(graph, graph.undirected(), about)
    if "links" in result.tasks:
        found.append(("Split", split_words(result.protocol, result.proportions)))
        found.append(("Negatives", result.negatives))
    changing = "the method's seed changes" if result.given_split else "seed and split change"
    found.append(("Runs", f"{result.runs:,}, from seed {result.seed}; {changing} in each"))
    found.append(("Version", f"vgae {importlib.metadata.version('vgae')}"))
    if graph is not None:
        found.append(("Fingerprint", graph.fingerprint[:16]))
    return found


# ---------------------------------------------------------------- charts, differences


def _chart(result: Evaluation, metric: str) -> Chart | None:
    """The means of a metric with their intervals, a row per method; None where there are none."""
    known = [
        (label, scores[metric].mean, scores[metric].interval)
        for label, scores in result.metrics.items()
    ]
    factor = 1.0 if metric in WEIGHT_METRICS else 100.0
    shown = [
        (label, mean, interval or (mean, mean))
        for label, mean, interval in known
        if mean is not None
    ]
    if not shown:
        return None
    lows, means, highs = (
        [factor * value for value in values]
        for values in zip(*((low, mean, high) for _, mean, (low, high) in shown), strict=True)
    )
    span = max(highs) - min(lows) or 1.0
    axes = (
        linear_axis(
            metric_title(metric) + ", percent" * (factor != 1.0),
            min(lows) - span / 10,
            max(highs) + span / 10,
        ),
        named_axis("", [_brief(label) for label, _, _ in shown[::-1]]),
    )
    told = (
        f"{label} {figure(metric, mean)}"
        + f" ({interval_words(metric, interval)})" * (interval is not None)
        for label, mean, interval in known
    )
    places = list(range(len(shown)))[::-1]
    height = TOP + BOTTOM + ROW_HEIGHT * max(len(shown), 3)
    chart = Chart(metric_title(metric), f"{', '.join(told)}.", *axes, height=height)
    chart.points(means, places, low=lows, high=highs, level=True)
    return chart.labels(means, places, [figure(metric, mean) for _, mean, _ in shown])


def _brief(label: str) -> str:
    return label if len(label) <= LONGEST_NAME else f"{label[: LONGEST_NAME - 3]}..."


def _differences(result: Evaluation, metrics: list[str]) -> dict[str, Any] | None:
    """Paired differences to the best simple method, or to the first one where there is none."""
    if len(result.results) == 1:
        return None
    simple = result.best_simple()
    base = next(iter(result.results)) if simple is None else simple
    found = {(one.first, one.metric): one for one in result.comparisons(base)}
    rows = []
    for label in result.results:
        if label == base:
            continue
        cells: list[dict[str, str]] = [{"value": one_line(label)}]
        for metric in metrics:
            one = found[label, metric]
            cell = _cell(metric, one.difference)
            if one.difference.mean is not None:
                ahead = f"ahead in {one.wins} of {result.runs}"
                cell["note"] = f"{cell['note']}; {ahead}" if "note" in cell else ahead
            cells.append(cell)
        rows.append(cells)
    first = metric_title(next(iter(result.metrics[base])))
    chosen = (
        f"The best simple method is the baseline with the best mean of {first}. It is chosen by "
        "the same figures, which flatters it."
    )
    return {
        "to": one_line(base),
        "header": ["method", *map(metric_title, metrics)],
        "rows": rows,
        "lead": ("" if simple is None else f"{chosen} ")
        + "Each method less this one, run by run on the same splits, which spreads less than the "
        "scores: mean ± standard error, the 95 % interval from three runs on, and in how many runs "
        "the method is ahead.",
    }
