"""Results of an evaluation: means with their uncertainty, paired comparisons, tables."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vgae.ground.errors import one_line, unknown_name
from vgae.ground.notebook import data_frame
from vgae.learning.settings import LATENT_OF, WEIGHT_METRICS

__all__ = [
    "DEFAULT_METHODS",
    "FUNCTION",
    "NULL",
    "SIGNED_METHODS",
    "Comparison",
    "Evaluation",
    "MethodResult",
    "Summary",
    "compare",
    "figure",
    "shares",
    "summarize",
]

NULL = "preferential-attachment"
"""The method that knows nothing but degrees."""

FUNCTION = "function"
"""The kind of a method of your own."""

DEFAULT_METHODS = (
    *("vgae", "gae", "propagated-features", "resource-allocation"),
    *("gsvd", "random-projection", "als", NULL),
)
"""What `evaluate` compares unless methods are named: the auto-encoders, and simple methods that may
suffice, each fitted in a second or less on a graph of a few thousand nodes."""

SIGNED_METHODS = ("vgae", "gae", "balance")
"""The same on signed graphs."""

FEWEST_RUNS = 3
"""With fewer runs there is no interval: two runs would give 12.7 standard errors on either side."""

_ERRORS = ("rmse", "ece")
"""Metrics of which less is better."""

_LOWEST = {"ari": -0.5}
"""The least value of a metric that can be below 0 (Chacón & Rastrojo 2023)."""


@dataclass(frozen=True)
class Summary:
    """One number over runs; `summarize` makes it.

    Attributes
    ----------
    mean
        Mean over the runs; None where the number is undefined.
    standard_error
        Sample standard deviation over the root of the number of runs; None for a single run.
    interval
        95 % interval of the mean; None below three runs.
    values
        One value per run.

    Examples
    --------
    >>> summary = summarize([0.5, 0.75, 0.25])
    >>> summary.mean, summary.values, list(summary.as_dict())
    (0.5, [0.5, 0.75, 0.25], ['mean', 'standard_error', 'interval', 'values'])
    """

    mean: float | None
    standard_error: float | None
    interval: tuple[float, float] | None
    values: list[float | None]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        return asdict(self)


def summarize(values: Sequence[float | None], *, metric: str | None = None) -> Summary:
    """Mean, standard error and 95 % interval of one number over runs.

    Parameters
    ----------
    values
        One value per run; None where it is undefined.
    metric
        Name of the metric that the values are of: its interval stays within the metric's bounds.
        By default they have none, as differences of two methods, and the interval is Student's t.

    Returns
    -------
    For a metric, a t interval of the mean's logit, mapped back. The standard error of the logit is
    the delta method's (Oehlert 1992), standard error / (mean * (1 - mean)), the metric being scaled
    to 0 .. 1. Where all runs agree, the interval is that one value.

    Examples
    --------
    >>> summarize([1.0, 3.0]).standard_error
    1.0
    >>> values = [0.99, 0.9, 0.999]
    >>> summarize(values).interval[1] > 1.0 > summarize(values, metric="auc").interval[1]
    True
    """
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return Summary(None, None, None, list(values))
    mean = math.fsum(known) / len(known)
    if len(known) == 1:
        return Summary(mean, None, None, list(values))
    variance = math.fsum((value - mean) ** 2 for value in known) / (len(known) - 1)
    error = math.sqrt(variance / len(known))
    interval = None
    if len(known) >= FEWEST_RUNS:
        from scipy.special import stdtrit  # 4 MB that no fit needs

        reach = float(stdtrit(len(known) - 1, 0.975)) * error
        bounded = metric is not None and metric not in WEIGHT_METRICS
        low = _LOWEST.get(str(metric), 0.0) if bounded else None
        interval = (mean - reach, mean + reach) if low is None else _within(mean, reach, low)
    return Summary(mean, error, interval, list(values))


def _within(mean: float, reach: float, low: float) -> tuple[float, float]:
    """The interval mean ± reach, transformed so that it stays within low .. 1."""
    from scipy.special import expit, logit

    share = (mean - low) / (1.0 - low)
    if not 0.0 < share < 1.0 or reach == 0.0:  # at a bound, all runs agree
        return mean, mean
    steps = reach / (1.0 - low) / (share * (1.0 - share))
    ends = (float(expit(logit(share) + side * steps)) for side in (-1.0, 1.0))
    lower, upper = (low + (1.0 - low) * end for end in ends)
    return min(lower, mean), max(upper, mean)  # rounding must not leave the mean outside


@dataclass(frozen=True)
class Comparison:
    """One metric of two methods on the same splits; `compare` makes it.

    Attributes
    ----------
    first, second, metric
        What is compared.
    difference
        Summary of first minus second, run by run.
    wins
        Number of runs in which the first is ahead.

    Examples
    --------
    >>> scores = {"a": {"auc": summarize([0.9, 0.8])}, "b": {"auc": summarize([0.7, 0.9])}}
    >>> found = compare("a", "b", scores, metric="auc")
    >>> found.wins, found.as_dict()["second"]
    (1, 'b')
    """

    first: str
    second: str
    metric: str
    difference: Summary
    wins: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        return asdict(self)


def compare(
    first: str, second: str, metrics: Mapping[str, Mapping[str, Summary]], *, metric: str
) -> Comparison:
    """Paired comparison of two methods that ran on the same splits.

    Parameters
    ----------
    first, second
        Labels of the methods.
    metrics
        Summaries by method and metric.
    metric
        The metric to compare.

    Raises
    ------
    InputError
        A label or metric is unknown.

    Examples
    --------
    >>> scores = {"a": {"auc": summarize([0.75, 0.5])}, "b": {"auc": summarize([0.5, 0.25])}}
    >>> compare("a", "b", scores, metric="auc").difference.mean
    0.25
    """
    for name in (first, second):
        if name not in metrics:
            raise unknown_name("method", name, metrics)
        if metric not in metrics[name]:
            raise unknown_name("metric", metric, metrics[name])
    ours, theirs = (metrics[name][metric].values for name in (first, second))
    gaps = [None if a is None or b is None else a - b for a, b in zip(ours, theirs, strict=True)]
    wins = sum(gap is not None and _sign(metric) * gap > 0 for gap in gaps)
    return Comparison(first, second, metric, summarize(gaps), wins)


def _sign(metric: str) -> float:
    """What makes more of a metric better."""
    return -1.0 if metric in _ERRORS else 1.0


@dataclass(frozen=True)
class MethodResult:
    """What one method was and how it scored; see `Evaluation.results`.

    Attributes
    ----------
    kind
        Its name among `vgae.people.api.METHODS`, or "function" for one of your own.
    preset
        Named settings that it started from; None where it has no presets.
    overrides
        Settings that differ from the preset or the defaults.
    settings
        Every setting but the seed; empty for a function.
    features
        Whether it read node features; None where that is not known.
    metrics
        Summaries by metric.
    objective
        Whether an auto-encoder's objective was "exact" or "sampled"; None for other methods.

    Examples
    --------
    >>> MethodResult("katz", None, {}, {"attenuation": 0.5}, False, {}).settings["attenuation"]
    0.5
    """

    kind: str
    preset: str | None
    overrides: Mapping[str, Any]
    settings: Mapping[str, Any]
    features: bool | None
    metrics: Mapping[str, Summary]
    objective: str | None = None


@dataclass(frozen=True)
class Evaluation:
    """Metrics of several methods over the same splits.

    Shown as a table of mean ± standard error in percent, in notebooks too.

    Attributes
    ----------
    protocol, proportions, runs, seed
        How the runs were made; run r has seed + r for the split and for the method.
    tasks
        What was measured.
    results
        `MethodResult` by the method's label, in the order asked.
    negatives
        The kind of the pairs without an edge; see `vgae.data.split.SplitSettings`.
    given_split
        Whether all runs are on one split that was given, and only the method's seed changes.

    Examples
    --------
    >>> import vgae
    >>> found = vgae.evaluate([("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("e", "a")],
    ...                       ["katz", "pagerank"], runs=2, validation=0, test=0.2, metrics="auc")
    >>> print(found)
    Evaluation: 2 runs from seed 0, protocol T, split 80 / 0 / 20; percent, mean ± standard error
    method          auc
    katz      0.0 ± 0.0
    pagerank  0.0 ± 0.0
    >>> found.metrics["katz"]["auc"].mean, found.results["katz"].kind, found.tasks
    (0.0, 'katz', ['links'])
    >>> found.compare("pagerank", "katz").wins, len(found.comparisons())
    (0, 1)
    >>> found.title("katz"), found.beaten_by_degrees(), found.best_simple(), found.ranking()
    ('katz', None, 'katz', ['katz', 'pagerank'])
    >>> list(found.table(graph="ring"))[:4], found.as_dict(graph="ring")["runs"]
    (['graph', 'model', 'kind', 'metric'], 2)
    """

    protocol: str
    proportions: dict[str, float]
    runs: int
    seed: int
    tasks: Sequence[str]
    results: Mapping[str, MethodResult]
    negatives: str = "uniform"
    given_split: bool = False

    @property
    def metrics(self) -> dict[str, Mapping[str, Summary]]:
        """Summaries by method and metric."""
        return {name: result.metrics for name, result in self.results.items()}

    def compare(self, first: str, second: str, *, metric: str = "auc") -> Comparison:
        """First minus second on the same splits; see `Comparison`.

        Raises
        ------
        InputError
            A label or metric is unknown.
        """
        return compare(first, second, self.metrics, metric=metric)

    def comparisons(self, to: str | None = None) -> list[Comparison]:
        """Every metric of every other method against one of them.

        Parameters
        ----------
        to
            Its label; by default the first one's.

        Raises
        ------
        InputError
            The label is unknown.
        """
        base = next(iter(self.results)) if to is None else to
        if base not in self.results:
            raise unknown_name("method", base, self.results)
        return [
            self.compare(other, base, metric=metric)
            for other in self.results
            if other != base
            for metric in self.metrics[base]
        ]

    def ranking(self) -> list[str]:
        """Labels from the best to the worst mean of the first metric, where it is defined."""
        means: dict[str, float] = {}
        for label, scores in self.metrics.items():
            metric, summary = next(iter(scores.items()))
            if summary.mean is not None:
                means[label] = _sign(metric) * summary.mean
        return sorted(means, key=lambda label: -means[label])

    def best_simple(self) -> str | None:
        """The baseline with the best mean of the first metric.

        It is chosen by the figures that it is then compared with, which flatters it: what beats it
        beats every baseline here.

        Returns
        -------
        Its label; None where no baseline is among the methods, or the metric is defined for none.
        """
        learning = (*LATENT_OF, FUNCTION)
        return next(
            (name for name in self.ranking() if self.results[name].kind not in learning), None
        )

    def beaten_by_degrees(self) -> list[str] | None:
        """Methods whose first metric of links is not above that of degrees alone.

        Returns
        -------
        Their labels; None where "preferential-attachment" is not among the methods, or nothing
        else is, or no metric of links was measured.
        """
        null = next((name for name, used in self.results.items() if used.kind == NULL), None)
        if null is None or len(self.results) == 1 or "links" not in self.tasks:
            return None
        metric = next(iter(self.metrics[null]))
        mean = {name: scores[metric].mean for name, scores in self.metrics.items()}
        bar = mean[null]
        return [
            name
            for name, value in mean.items()
            if name != null and value is not None and bar is not None and value <= bar
        ]

    def as_dict(self, *, graph: str) -> dict[str, Any]:
        """Plain values, as `vgae evaluate --json` prints them.

        Parameters
        ----------
        graph
            What the graph is called.
        """
        return {
            "graph": graph,
            "protocol": self.protocol,
            "proportions": self.proportions,
            "negatives": self.negatives,
            "given_split": self.given_split,
            "runs": self.runs,
            "seed": self.seed,
            "tasks": list(self.tasks),
            "results": [
                {
                    "model": name,
                    "kind": result.kind,
                    "preset": result.preset,
                    "overrides": dict(result.overrides),
                    "settings": dict(result.settings),
                    "features": result.features,
                    "objective": result.objective,
                    "metrics": {key: value.as_dict() for key, value in result.metrics.items()},
                }
                for name, result in self.results.items()
            ],
            "comparisons": [comparison.as_dict() for comparison in self.comparisons()],
        }

    def table(self, *, graph: str) -> dict[str, list[Any]]:
        """Columns with a row per method and metric, as `vgae evaluate --out` writes them.

        Parameters
        ----------
        graph
            What the graph is called.
        """
        return _columns(
            {
                "graph": graph,
                "model": name,
                "kind": result.kind,
                "metric": metric,
                **_figures(summary),
                "runs": self.runs,
                "seed": self.seed,
                "protocol": self.protocol,
                **self.proportions,
                "negatives": self.negatives,
                "given_split": self.given_split,
                "preset": result.preset,
                "overrides": ", ".join(f"{k}={v}" for k, v in result.overrides.items()),
                "features": result.features,
                "objective": result.objective,
            }
            for name, result, metric, summary in self._summaries()
        )

    def to_frame(self, *, per_run: bool = False) -> Any:
        """The figures as a pandas `DataFrame`, fractions from 0 to 1.

        Parameters
        ----------
        per_run
            Whether to give the values of single runs in place of their summaries.

        Returns
        -------
        A row per method and metric, with the columns method, metric, mean, standard_error, low and
        high (the 95 % interval) and n_runs. With `per_run`, a row per method, metric and run, with
        the columns method, metric, run, seed and value. What is undefined is missing (NaN).

        Raises
        ------
        InputError
            pandas is not installed.

        Examples
        --------
        >>> import vgae
        >>> karate = vgae.load_dataset("karate")
        >>> found = vgae.evaluate(karate, ["katz"], runs=3, metrics="auc")
        >>> found.to_frame().columns.tolist()
        ['method', 'metric', 'mean', 'standard_error', 'low', 'high', 'n_runs']
        >>> found.to_frame(per_run=True)["seed"].tolist()
        [0, 1, 2]
        """
        if per_run:
            columns = _columns(
                {
                    "method": name,
                    "metric": metric,
                    "run": run,
                    "seed": self.seed + run,
                    "value": math.nan if value is None else value,
                }
                for name, _, metric, summary in self._summaries()
                for run, value in enumerate(summary.values)
            )
        else:
            columns = _columns(
                {
                    "method": name,
                    "metric": metric,
                    **{
                        key: math.nan if value is None else value
                        for key, value in _figures(summary).items()
                    },
                    "n_runs": self.runs,
                }
                for name, _, metric, summary in self._summaries()
            )
        return data_frame(columns)

    def __repr__(self) -> str:
        title, header, *rows = self._shown()
        widths = [max(map(len, cells)) for cells in zip(header, *rows, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) if place else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in (header, *rows)
        ]
        return "\n".join([*title, *lines])

    def _repr_html_(self) -> str:
        # No colours, so that it can be read in light and in dark notebooks.
        title, header, *rows = self._shown()
        lines = [
            "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>"
            for tag, row in [("th", header), *(("td", row) for row in rows)]
        ]
        return f"<div><p>{html.escape(title[0])}</p><table>{''.join(lines)}</table></div>"

    def _shown(self) -> list[list[str]]:
        """A title in one cell, the names of the columns, and a row per method."""
        spread = "mean ± standard error" if self.runs > 1 else "a single run"
        title = f"Evaluation: {self.runs} run{'s' * (self.runs != 1)} from seed {self.seed}"
        if "links" in self.tasks:
            given = " (given)" if self.given_split else ""
            title += f", protocol {self.protocol}, split {shares(self.proportions)}{given}"
            title += f", {self.negatives} negatives" * (self.negatives != "uniform")
        names = list(dict.fromkeys(metric for _, _, metric, _ in self._summaries()))
        rows = [
            [one_line(self.title(label)), *(_shown(name, scores[name]) for name in names)]
            for label, scores in self.metrics.items()
        ]
        return [[f"{title}; percent, {spread}"], ["method", *names], *rows]

    def title(self, label: str) -> str:
        """A method's label, with a remark where the method knows degrees alone."""
        return label + " (degrees alone)" * (self.results[label].kind == NULL)

    def _summaries(self) -> Iterator[tuple[str, MethodResult, str, Summary]]:
        for name, result in self.results.items():
            for metric, summary in result.metrics.items():
                yield name, result, metric, summary


def shares(proportions: Mapping[str, float]) -> str:
    """Proportions in percent.

    Examples
    --------
    >>> shares({"train": 0.85, "validation": 0.05, "test": 0.1})
    '85 / 5 / 10'
    """
    return " / ".join(f"{100 * share:g}" for share in proportions.values())


def _figures(summary: Summary) -> dict[str, float | None]:
    low, high = summary.interval or (None, None)
    return {
        "mean": summary.mean,
        "standard_error": summary.standard_error,
        "low": low,
        "high": high,
    }


def _columns(rows: Iterator[dict[str, Any]]) -> dict[str, list[Any]]:
    """A list per column; of at least one row."""
    made = list(rows)
    return {name: [row[name] for row in made] for name in made[0]}


def _shown(metric: str, summary: Summary) -> str:
    return figure(metric, summary.mean, summary.standard_error)


def figure(metric: str, value: float | None, error: float | None = None) -> str:
    """A metric as people read it: a fraction in percent, a metric of weights as the number it is.

    Parameters
    ----------
    metric
        Name of the metric.
    value, error
        The number, and its standard error where there is one.

    Examples
    --------
    >>> figure("auc", 0.9167, 0.0039), figure("rmse", 1.25), figure("auc", None)
    ('91.7 ± 0.4', '1.250', '-')
    """
    if value is None:
        return "-"
    factor, digits = (1, 3) if metric in WEIGHT_METRICS else (100, 1)
    shown = (f"{factor * number:.{digits}f}" for number in (value, error) if number is not None)
    return " ± ".join(shown)
