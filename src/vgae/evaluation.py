"""Protocols: repeated runs in which seed and split change together, with their uncertainty."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgae.config import stream_seed
from vgae.errors import InputError, unknown_name
from vgae.graph import Graph
from vgae.metrics import HITS_AT, link_metrics
from vgae.scores import Scores
from vgae.split import (
    NodeSplit,
    Split,
    SplitSettings,
    TrainingView,
    node_split,
    split_edges,
)
from vgae.tasks import TASK_METRICS, cluster_metrics, node_metrics

__all__ = [
    "FULL_AP",
    "LINK_METRICS",
    "TASKS",
    "Comparison",
    "Evaluation",
    "Method",
    "MethodResult",
    "Protocol",
    "RunScores",
    "Summary",
    "check_runs",
    "compare",
    "default_metrics",
    "evaluate_runs",
    "full_average_precision",
    "link_scores",
    "summarize",
]

Method = Callable[[TrainingView, int], Scores]
"""Learns from what it may see of a split with a seed, and scores every pair of nodes."""

logger = logging.getLogger(__name__)

FULL_AP = "full_average_precision"
LINK_METRICS = (
    "auc",
    "average_precision",
    *(f"hits@{k}" for k in HITS_AT),
    "mrr",
    FULL_AP,
)
"""The metrics of the task `links`."""

TASKS = ("links", *TASK_METRICS)
"""Held-out links, and what node vectors are good for besides: `nodes` and `clusters`."""

MOST_NODES_FOR_FULL_AP = 50_000
"""Looking at every pair of more nodes takes minutes a run; it is done only if asked for."""


@dataclass(frozen=True)
class Protocol:
    """What is measured in each run, and on what.

    Attributes
    ----------
    split
        Proportions and protocol of the held-out edges.
    tasks
        Names in `TASKS`.
    metrics
        Names in `LINK_METRICS`.
    nodes
        Training and test nodes of the task `nodes`; None draws them anew in each run.
    """

    split: SplitSettings
    tasks: Sequence[str] = ("links",)
    metrics: Sequence[str] = LINK_METRICS
    nodes: NodeSplit | None = None

    def check_names(self) -> None:
        """Refuse what cannot be measured on any graph.

        Raises
        ------
        InputError
            A task or metric is unknown, test pairs are missing, or nothing is asked.
        """
        for kind, names, known in (
            ("task", self.tasks, TASKS),
            ("metric", self.metrics, LINK_METRICS),
        ):
            if not names:
                raise InputError(f"{kind}s: name at least one of {', '.join(known)}")
            for name in names:
                if name not in known:
                    raise unknown_name(kind, name, known)
        if "links" in self.tasks and self.split.test == 0:
            raise InputError("test: an evaluation needs test pairs; hold out more than 0")

    def check(self, graph: Graph) -> None:
        """Refuse what cannot be measured on this graph, before any run.

        Raises
        ------
        InputError
            A name is unknown, labels are missing or of one class, or nodes are not the graph's.
        """
        self.check_names()
        if set(self.tasks) - {"links"} and graph.labels is None:
            asked = next(task for task in self.tasks if task != "links")
            raise InputError(
                f"task {asked}: the graph's nodes have no labels; Graph.with_labels adds them"
            )
        if graph.labels is not None and set(self.tasks) - {"links"}:
            node_split(graph.labels, seed=0)  # raises where there are no two classes to tell apart
        for part in () if self.nodes is None else (self.nodes.train, self.nodes.test):
            if len(part) == 0 or np.min(part) < 0 or np.max(part) >= graph.n_nodes:
                raise InputError("nodes: training and test nodes must be some of the graph's")


def check_runs(runs: Any, seed: Any) -> None:
    """Refuse a number of runs, or a seed, that makes no sense.

    Raises
    ------
    InputError
        `runs` is no whole number from 1, or `seed` none from 0.
    """
    if isinstance(runs, bool) or not isinstance(runs, (int, np.integer)) or runs < 1:
        raise InputError(f"runs = {runs}: must be at least 1")
    stream_seed(seed, "split")


def default_metrics(graph: Graph) -> tuple[str, ...]:
    """All metrics; without the full average precision where it takes minutes, which is said."""
    if graph.n_nodes <= MOST_NODES_FOR_FULL_AP:
        return LINK_METRICS
    logger.warning(
        "%s is left out: its work grows with the square of the nodes; ask for it by name "
        "(--metrics) if you have the time",
        FULL_AP,
    )
    return tuple(name for name in LINK_METRICS if name != FULL_AP)


@dataclass(frozen=True)
class RunScores:
    """Metrics of one method in one run."""

    method: str
    run: int
    metrics: Mapping[str, float | None]


@dataclass(frozen=True)
class Summary:
    """One number over runs.

    Attributes
    ----------
    mean
        Mean over the runs; None where the number is undefined.
    standard_error
        Sample standard deviation over the root of the number of runs; None for a single run.
    interval
        95 % interval of the mean by Student's t; None for a single run.
    values
        One value a run.
    """

    mean: float | None
    standard_error: float | None
    interval: tuple[float, float] | None
    values: list[float | None]

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Comparison:
    """One metric of two methods on the same splits.

    Attributes
    ----------
    first, second, metric
        What is compared.
    difference
        First minus second, run by run, and its summary.
    wins
        Runs in which the first is ahead.
    """

    first: str
    second: str
    metric: str
    difference: Summary
    wins: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def evaluate_runs(
    graph: Graph, methods: Mapping[str, Method], *, runs: int, seed: int, protocol: Protocol
) -> Iterator[RunScores]:
    """Score every method on the same splits, one after the other.

    Run r uses seed + r both for the split and for the method, so that the spread over runs is
    that of both. For the tasks `nodes` and `clusters` vectors are learned anew from all edges:
    nothing about edges is tested there.

    Parameters
    ----------
    graph
        The whole graph.
    methods
        Methods by name. Each sees the training and validation edges of a split, never a test pair.
    runs
        How many splits.
    seed
        Seed of run 0.
    protocol
        What is measured.

    Yields
    ------
    The scores of each method in each run, as they are ready.

    Raises
    ------
    InputError
        The protocol cannot be measured on this graph.
    """
    protocol.check(graph)
    for run in range(runs):
        split = None
        if "links" in protocol.tasks:
            split = split_edges(graph, **protocol.split.model_dump(), seed=seed + run)
        for name, method in methods.items():
            metrics: dict[str, float | None] = {}
            if split is not None:
                metrics |= link_scores(split, method(split.training, seed + run), protocol.metrics)
            if set(protocol.tasks) - {"links"}:
                vectors = method(Split.without_holdout(graph).training, seed + run).vectors
                metrics |= _task_scores(graph, vectors, seed + run, protocol)
            yield RunScores(name, run, metrics)


def link_scores(
    split: Split, scores: Scores, metrics: Sequence[str] = LINK_METRICS
) -> dict[str, float | None]:
    """Metrics of the test pairs of a split.

    Parameters
    ----------
    split
        The split whose training part the scores were learned from.
    scores
        What a method made of it.
    metrics
        Names in `LINK_METRICS`.
    """
    pairs = np.concatenate([split.test.positives, split.test.negatives])
    found = scores.pairs(pairs)
    cut = len(split.test.positives)
    ranking = link_metrics(found[:cut], found[cut:])
    return {
        name: full_average_precision(split, scores) if name == FULL_AP else ranking[name]
        for name in metrics
    }


def full_average_precision(split: Split, scores: Scores) -> float:
    """Average precision of the test edges among all pairs without an edge.

    The pairs are all unordered pairs of distinct nodes but the training and validation edges, so
    that positives are as rare as they are in the graph. Tied scores form one step. Every pair is
    scored, some rows at a time.

    Parameters
    ----------
    split
        A split with test pairs.
    scores
        Scores of all pairs.

    Returns
    -------
    A fraction from 0 to 1. A method that knows nothing has the share of test edges among the
    pairs.
    """
    positives = scores.pairs(split.test.positives)
    levels, gained = np.unique(positives, return_counts=True)
    rivals = scores.reaching(levels, split.graph.adjacency)
    above = np.cumsum(rivals[:0:-1])[::-1]
    true_found = np.cumsum(gained[::-1])[::-1]
    precision = true_found / (true_found + above)
    return float((precision * gained).sum() / gained.sum())


def _task_scores(
    graph: Graph, vectors: NDArray[np.float32] | None, seed: int, protocol: Protocol
) -> dict[str, float | None]:
    wanted = [task for task in protocol.tasks if task != "links"]
    if vectors is None:  # a heuristic has none
        return {metric: None for task in wanted for metric in TASK_METRICS[task]}
    labels = np.asarray(graph.labels)
    found: dict[str, float | None] = {}
    if "nodes" in wanted:
        found |= node_metrics(vectors, labels, protocol.nodes or node_split(labels, seed=seed))
    if "clusters" in wanted:
        found |= cluster_metrics(vectors, labels, seed=seed)
    return found


# ------------------------------------------------------------------- over runs


def summarize(values: Sequence[float | None]) -> Summary:
    """Mean, standard error and 95 % interval of one number over runs.

    Examples
    --------
    >>> summarize([1.0, 3.0]).standard_error
    1.0
    """
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return Summary(None, None, None, list(values))
    mean = math.fsum(known) / len(known)
    if len(known) == 1:
        return Summary(mean, None, None, list(values))
    from scipy.special import stdtrit  # 4 MB that no fit needs

    variance = math.fsum((value - mean) ** 2 for value in known) / (len(known) - 1)
    error = math.sqrt(variance / len(known))
    reach = float(stdtrit(len(known) - 1, 0.975)) * error
    return Summary(mean, error, (mean - reach, mean + reach), list(values))


def compare(
    first: str, second: str, metrics: Mapping[str, Mapping[str, Summary]], *, metric: str
) -> Comparison:
    """Paired comparison of two methods that ran on the same splits.

    Parameters
    ----------
    first, second
        Names of the methods.
    metrics
        Summaries by method and metric.
    metric
        What to compare.

    Raises
    ------
    InputError
        A name is unknown.
    """
    for name in (first, second):
        if name not in metrics:
            raise unknown_name("method", name, metrics)
        if metric not in metrics[name]:
            raise unknown_name("metric", metric, metrics[name])
    ours, theirs = (metrics[name][metric].values for name in (first, second))
    gaps = [None if a is None or b is None else a - b for a, b in zip(ours, theirs, strict=True)]
    wins = sum(gap is not None and gap > 0 for gap in gaps)
    return Comparison(first, second, metric, summarize(gaps), wins)


@dataclass(frozen=True)
class MethodResult:
    """What one method was and how it scored.

    Attributes
    ----------
    preset
        Named settings that it started from; None where it has no presets.
    overrides
        Settings that were given by hand.
    settings
        Every setting but the seed.
    features
        Whether it read node features.
    metrics
        Summaries by metric.
    """

    preset: str | None
    overrides: Mapping[str, Any]
    settings: Mapping[str, Any]
    features: bool
    metrics: Mapping[str, Summary]


@dataclass(frozen=True)
class Evaluation:
    """Metrics of several methods over the same splits.

    Attributes
    ----------
    protocol, proportions, runs, seed
        How the runs were made; run r has seed + r for the split and for the method.
    tasks
        What was measured.
    results
        By method, in the order asked.
    """

    protocol: str
    proportions: dict[str, float]
    runs: int
    seed: int
    tasks: Sequence[str]
    results: Mapping[str, MethodResult]

    @property
    def metrics(self) -> dict[str, Mapping[str, Summary]]:
        """Summaries by method and metric."""
        return {name: result.metrics for name, result in self.results.items()}

    def compare(self, first: str, second: str, *, metric: str = "auc") -> Comparison:
        """First minus second on the same splits; see `Comparison`.

        Raises
        ------
        InputError
            A name is unknown.
        """
        return compare(first, second, self.metrics, metric=metric)

    def comparisons(self) -> list[Comparison]:
        """Every metric of every later method against the first."""
        first, *others = self.results
        return [
            self.compare(other, first, metric=metric)
            for other in others
            for metric in self.metrics[first]
        ]

    def as_dict(self, *, graph: str) -> dict[str, Any]:
        """Plain values, as `vgae evaluate --json` prints them."""
        return {
            "graph": graph,
            "protocol": self.protocol,
            "proportions": self.proportions,
            "runs": self.runs,
            "seed": self.seed,
            "tasks": list(self.tasks),
            "results": [
                {
                    "model": name,
                    "preset": result.preset,
                    "overrides": dict(result.overrides),
                    "settings": dict(result.settings),
                    "features": result.features,
                    "metrics": {key: value.as_dict() for key, value in result.metrics.items()},
                }
                for name, result in self.results.items()
            ],
            "comparisons": [comparison.as_dict() for comparison in self.comparisons()],
        }

    def table(self, *, graph: str) -> dict[str, list[Any]]:
        """Columns with a row for each method and metric, and how the runs were made in each."""
        rows = [
            {
                "graph": graph,
                "model": name,
                "metric": metric,
                "mean": summary.mean,
                "standard_error": summary.standard_error,
                "low": None if summary.interval is None else summary.interval[0],
                "high": None if summary.interval is None else summary.interval[1],
                "runs": self.runs,
                "seed": self.seed,
                "protocol": self.protocol,
                **self.proportions,
                "preset": result.preset,
                "overrides": ", ".join(f"{k}={v}" for k, v in result.overrides.items()),
                "features": result.features,
            }
            for name, result in self.results.items()
            for metric, summary in result.metrics.items()
        ]
        return {name: [row[name] for row in rows] for name in rows[0]}
