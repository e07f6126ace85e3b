"""The charts of a report, made of its plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgae.learning.diagnostics import TrainingCurves, training_curves
from vgae.learning.embeddings import SpreadBin
from vgae.learning.metrics import roc_auc
from vgae.people.html.charts import Chart, linear_axis, log_axis, named_axis, short
from vgae.people.html.values import Health, Quality

__all__ = ["health_charts", "quality_charts", "training_charts"]

BINS = 30
MOST_LINES = 4
METRICS = {"auc": "AUC", "average_precision": "average precision"}


def _share(title: str) -> Any:
    return linear_axis(title, 0.0, 1.0)


def _range(lowest: int, highest: int) -> str:
    return f"{lowest:,}" if lowest == highest else f"{lowest:,}-{highest:,}"


# ---------------------------------------------------------------------------- quality


def quality_charts(quality: Quality) -> list[Chart]:
    """Charts of how test pairs are ranked, and of how well probabilities hold.

    Examples
    --------
    >>> from vgae.learning.diagnostics import precision_recall_curve, roc_curve
    >>> scores = np.array([1.0, 2.0]), np.array([0.0, 1.5])
    >>> curves = roc_curve(*scores), precision_recall_curve(*scores)
    >>> quality = Quality(*scores, *curves, None, 0.1, [], [], [], {})
    >>> [chart.title for chart in quality_charts(quality)]
    ['ROC curve', 'Precision and recall, 1:1', 'Scores']
    """
    found = [_roc(quality), _balanced(quality)]
    if quality.among_open is not None:
        found.append(_among_open(quality))
    found.append(_histogram(quality.edges, quality.others))
    if quality.reliability:
        found.append(_reliability(quality))
    if quality.deciles:
        found.append(_deciles(quality.deciles))
    if quality.by_degree:
        found.append(_by_degree(quality))
    if quality.simple:
        found.append(_simple(quality.simple))
    return found


def _at(x: NDArray[np.float64], y: NDArray[np.float64], place: float) -> float:
    """The height of a rising curve where it first reaches a place."""
    return float(y[min(int(np.searchsorted(x, place)), len(y) - 1)])


def _roc(quality: Quality) -> Chart:
    x, y = quality.roc
    area = roc_auc(quality.edges, quality.others)
    few = float(y[max(int(np.searchsorted(x, 0.1, side="right")) - 1, 0)])
    words = (
        f"The area under the curve is {area:.3f}. At a false positive rate of 10 %, "
        f"{100 * few:.0f} % of the held-out edges are found. The diagonal is chance."
    )
    axes = _share("false positive rate"), _share("true positive rate")
    return Chart("ROC curve", words, *axes).rule(diagonal=True).line(x, y)


def _balanced(quality: Quality) -> Chart:
    x, y = quality.precision_recall
    share = len(quality.edges) / (len(quality.edges) + len(quality.others))
    words = (
        f"Among the held-out pairs, of which {100 * share:.0f} % are edges: precision is "
        f"{_at(x, y, 0.5):.3f} at a recall of one half. The dashed line is chance."
    )
    axes = _share("recall"), _share("precision")
    return Chart("Precision and recall, 1:1", words, *axes).rule(y=share).line(x, y, steps=True)


def _among_open(quality: Quality) -> Chart:
    assert quality.among_open is not None  # noqa: S101 - asked by the caller
    x, y = quality.among_open
    words = (
        f"Among all open pairs, of which {100 * quality.prevalence:.2g} % are test edges, as rare "
        f"as in the graph: precision is {_at(x, y, 0.1):.3f} at a recall of 10 % and "
        f"{_at(x, y, 0.5):.2g} at one half. Other pairs may be edges that nobody has recorded."
    )
    axes = (
        log_axis("recall", float(x[x > 0][0]), 1.0),
        linear_axis("precision", 0.0, max(float(y.max()) * 1.05, 1e-6)),
    )
    chart = Chart("Precision and recall, all pairs", words, *axes)
    return chart.line(x, y, steps=True)


def _histogram(edges: NDArray[np.float64], others: NDArray[np.float64]) -> Chart:
    every = np.concatenate([edges, others])
    low, high = np.quantile(every, [0.002, 0.998])
    if not high > low:
        low, high = low - 0.5, high + 0.5
    limits = np.linspace(low, high, BINS + 1)
    middles, width = (limits[1:] + limits[:-1]) / 2, float(limits[1] - limits[0])
    shares = [
        np.histogram(part.clip(low, high), limits)[0] / len(part) * 100 for part in (edges, others)
    ]
    overlap = float(np.minimum(*shares).sum())
    words = (
        f"Scores of held-out edges and of pairs without an edge: medians {short(np.median(edges))} "
        f"and {short(np.median(others))}; the two histograms overlap by {overlap:.0f} %."
    )
    axes = (
        linear_axis("score", float(low), float(high)),
        linear_axis("percent of the pairs", 0.0, float(max(part.max() for part in shares)) * 1.05),
    )
    chart = Chart("Scores", words, *axes)
    chart.bars(middles, shares[1], "without an edge", width=width, tone=2)
    return chart.bars(middles, shares[0], "held-out edges", width=width)


def _reliability(quality: Quality) -> Chart:
    bins = quality.reliability
    within = sum(one.low <= one.predicted <= one.high for one in bins)
    words = (
        "Test pairs by predicted probability, at one pair without an edge per edge: in "
        f"{within} of {len(bins)} bins the diagonal lies within the 95 % interval of the observed "
        "share."
    )
    axes = _share("predicted probability"), _share("observed share of edges")
    return (
        Chart("Reliability, 1:1", words, *axes)
        .rule(diagonal=True)
        .points(
            [one.predicted for one in bins],
            [one.observed for one in bins],
            low=[one.low for one in bins],
            high=[one.high for one in bins],
        )
    )


def _deciles(deciles: Sequence[Mapping[str, float]]) -> Chart:
    predicted, actual = ([one[name] for one in deciles] for name in ("predicted", "actual"))
    words = (
        "All open pairs in groups of rising probability, each with about the same predicted number "
        f"of test edges: {sum(predicted):,.0f} predicted in all, {sum(actual):,.0f} found. The "
        "last group holds the likeliest pairs."
    )
    names = [f"{100 * one['highest']:.2g} %" for one in deciles]
    axes = (
        named_axis("probability up to", names),
        linear_axis("test edges", 0.0, max(*predicted, *actual) * 1.1),
    )
    places = range(len(deciles))
    chart = Chart("Reliability among all open pairs", words, *axes)
    chart.bars(places, actual, "found", width=0.6, tone=2)
    return chart.points(places, predicted, "predicted")


def _by_degree(quality: Quality) -> Chart:
    bins = quality.by_degree
    worst = min(bins, key=lambda one: one.auc)
    words = (
        "How held-out edges rank among pairs without an edge, by the smaller degree of their ends "
        f"in the graph that was seen; lowest at degree {_range(worst.lowest, worst.highest)}, "
        f"with {worst.auc:.3f} for {worst.n_edges:,} edges. Numbers above are those of the edges."
    )
    axes = (
        named_axis("smaller degree", [_range(one.lowest, one.highest) for one in bins]),
        linear_axis("AUC", min(0.4, worst.auc - 0.05), 1.05),
    )
    places, heights = list(range(len(bins))), [one.auc for one in bins]
    return (
        Chart("Ranking by degree", words, *axes)
        .rule(y=0.5)
        .points(places, heights)
        .labels(places, heights, [f"{one.n_edges:,}" for one in bins])
    )


def _simple(simple: Mapping[str, float]) -> Chart:
    names = list(simple)
    best = max(simple, key=simple.__getitem__)
    listed = ", ".join(f"{name} {100 * value:.1f}" for name, value in simple.items())
    words = f"Mean of AUC and average precision on the validation pairs: {listed}. Best: {best}."
    lowest = min(simple.values())
    axes = (
        linear_axis("mean of AUC and average precision", max(0.0, lowest - 0.1), 1.1),
        named_axis("", names[::-1]),
    )
    places, values = list(range(len(names)))[::-1], list(simple.values())
    chart = Chart("Against simple methods", words, *axes).points(values, places)
    return chart.labels(
        values, places, [f"{100 * value:.1f}" for value in values], to_the_right=True
    )


# --------------------------------------------------------------------------- training


def training_charts(history: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """Charts of the loss and of the validation metrics by step.

    Examples
    --------
    >>> steps = [{"step": step, "loss": 1.0 / step, "seconds": 0.1} for step in (1, 2, 3)]
    >>> [chart.title for chart in training_charts(steps)]
    ['Loss']
    """
    if len(history) < 2:
        return []
    curves = training_curves(history)
    found = [_loss(curves)]
    if curves.metrics and len(curves.validated) > 1:
        found.append(_validation(curves))
    return found


def _loss(curves: TrainingCurves) -> Chart:
    steps, terms = curves.steps, curves.losses
    total = terms["loss"]
    words = f"The loss goes from {short(total[0])} to {short(total[-1])} in {len(steps):,} steps."
    if len(terms) > 1:
        rest = ", ".join(f"{name} {short(part[-1])}" for name, part in list(terms.items())[1:])
        words += f" At the end: {rest}."
    values = np.array(list(terms.values()))
    low, high = float(np.nanmin(values)), float(np.nanquantile(values, 0.995))
    axes = (
        linear_axis("step", float(steps[0]), float(steps[-1])),
        linear_axis("", min(low, 0.0), high + 0.05 * (high - min(low, 0.0))),
    )
    chart = Chart("Loss", words, *axes)
    for tone, (name, part) in enumerate(list(terms.items())[:MOST_LINES], start=1):
        chart.line(steps, part, name, tone=tone)
    return chart


def _validation(curves: TrainingCurves) -> Chart:
    steps, series = curves.validated, curves.metrics
    values = np.array(list(series.values()))
    told = ", ".join(
        f"{METRICS[name]} {100 * np.nanmax(part):.1f} at step {steps[np.nanargmax(part)]:,}"
        for name, part in series.items()
    )
    axes = (
        linear_axis("step", float(steps[0]), float(steps[-1])),
        linear_axis("", float(np.nanmin(values)) - 0.01, min(1.0, float(np.nanmax(values)) + 0.01)),
    )
    chart = Chart("Validation", f"On validation pairs, the highest {told}.", *axes)
    for tone, (name, part) in enumerate(series.items(), start=1):
        chart.line(steps, part, METRICS[name], tone=tone)
    return chart


# ----------------------------------------------------------------------------- health


def health_charts(health: Health) -> list[Chart]:
    """Charts of the divergence by dimension and of the posterior's spread by degree.

    Examples
    --------
    >>> spread = [SpreadBin(1, 2, 9, 0.4)]
    >>> health = Health(np.array([0.5, 0.0]), np.array([True, False]), spread, "fine")
    >>> [chart.title for chart in health_charts(health)]
    ['Divergence by dimension', 'Uncertainty by degree']
    """
    order = np.argsort(-health.kl, kind="stable")
    heights, active = health.kl[order], health.active[order]
    words = (
        f"Mean KL divergence per node, {short(float(heights[0]))} nats in the strongest dimension "
        f"and {short(float(heights[-1]))} in the weakest; {int(active.sum())} of {len(active)} are "
        "active."
    )
    axes = (
        linear_axis("latent dimension, by rank", 0.5, len(order) + 0.5),
        linear_axis("nats per node", 0.0, max(float(heights[0]) * 1.05, 1e-9)),
    )
    first = Chart("Divergence by dimension", words, *axes)
    places = np.arange(1, len(order) + 1)
    first.bars(places[active], heights[active], "active", width=0.7)
    if not active.all():
        first.bars(places[~active], heights[~active], "inactive", width=0.7, tone=2)
    found = [first]
    if health.spread:
        found.append(_spread(health.spread))
    return found


def _spread(spread: Sequence[SpreadBin]) -> Chart:
    medians = [one.median for one in spread]
    degrees = [_range(one.lowest, one.highest) for one in spread]
    ends = dict.fromkeys(
        f"{short(median)} at degree {degree}"
        for median, degree in ((medians[0], degrees[0]), (medians[-1], degrees[-1]))
    )
    words = (
        "Median posterior standard deviation of nodes by their number of neighbours: "
        f"{', '.join(ends)}. Numbers above are those of the nodes."
    )
    axes = (
        named_axis("degree", degrees),
        linear_axis("standard deviation", 0.0, max(medians) * 1.15 or 1.0),
    )
    places = list(range(len(spread)))
    chart = Chart("Uncertainty by degree", words, *axes).points(places, medians)
    return chart.labels(places, medians, [f"{one.n_nodes:,}" for one in spread])
