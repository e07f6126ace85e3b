"""Protocols: repeated runs in which seed and split change together, or on one given split."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgae.data.graph import Graph
from vgae.data.split import (
    ARC_TASKS,
    PAPER_SPLIT,
    NodeSplit,
    Split,
    SplitSettings,
    TrainingView,
    count_non_edges,
    node_split,
    split_edges,
)
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError, one_line, unknown_name
from vgae.learning.judge import (
    FULL_AP,
    LINK_METRICS,
    MOST_RANKED,
    PER_USER,
    arc_metrics,
    check_metric,
    full_average_precision,
    is_per_user,
    link_scores,
    metrics_of,
    of_arcs,
    of_types,
    ranks_all_partners,
    takes_all_pairs,
    type_metrics,
)
from vgae.learning.scores import Scores
from vgae.learning.settings import WEIGHT_METRICS
from vgae.learning.signs import SIGN_METRICS
from vgae.learning.tasks import TASK_METRICS, cluster_metrics, node_metrics
from vgae.model.settings import WEIGHED

__all__ = [
    "FULL_AP",
    "LINK_METRICS",
    "PER_USER",
    "QUESTIONS",
    "TASKS",
    "Method",
    "Protocol",
    "RunScores",
    "check_runs",
    "default_metrics",
    "evaluate_runs",
    "full_average_precision",
    "link_scores",
    "metrics_asked",
]

Method = Callable[[TrainingView, int], Scores]
"""Learns from what it may see of a split with a seed, and scores every pair of nodes."""

logger = logging.getLogger(__name__)

TASKS = ("links", *TASK_METRICS)
"""Held-out links, and what an embedding tells of the nodes' labels: `nodes` and `clusters`."""

QUESTIONS = ("general", *ARC_TASKS)
"""What held-out links are asked for: whether they are links, or, of arcs, their direction."""

MOST_NODES_FOR_ALL_PAIRS = 50_000
"""Scoring every pair of more nodes takes minutes per run: only where it is asked for."""


@dataclass(frozen=True)
class Protocol:
    """What is measured in each run, on which edges and nodes.

    Attributes
    ----------
    split
        Proportions, protocol and negatives of the held-out edges.
    tasks
        Names in `TASKS`.
    metrics
        Names that `vgae.learning.judge.check_metric` accepts.
    nodes
        Training and test nodes of the task `nodes`; None draws others in each run.

    Examples
    --------
    >>> plan = Protocol(SplitSettings(test=0.2), metrics=("auc", "mrr"))
    >>> plan.check_names()
    >>> plan.check(Graph.from_edges([(0, 1), (1, 2)]))
    """

    split: SplitSettings
    tasks: Sequence[str] = ("links",)
    metrics: Sequence[str] = LINK_METRICS
    nodes: NodeSplit | None = None

    def check_names(self) -> None:
        """Refuse names and proportions that can be measured on no graph.

        Raises
        ------
        InputError
            A task or metric is unknown, test pairs are missing, or none is named.
        """
        for kind, names, known in (
            ("task", self.tasks, TASKS),
            ("metric", self.metrics, LINK_METRICS),
        ):
            if not names:
                raise InputError(f"{kind}s: name at least one of {', '.join(known)}")
        for name in self.tasks:
            if name not in TASKS:
                raise unknown_name("task", name, TASKS)
        for name in self.metrics:
            if any(name in every for every in TASK_METRICS.values()):
                raise InputError(
                    f"metric {name}: belongs to a task; its tasks always report it, and metrics "
                    "chooses among those of links"
                )
            check_metric(name)
        if "links" in self.tasks and self.split.test == 0:
            raise InputError("test: an evaluation needs test pairs; hold out more than 0")

    def check(self, graph: Graph) -> None:
        """Refuse a graph on which this cannot be measured, before any run.

        Raises
        ------
        InputError
            A name is unknown, labels are missing or of one class, nodes are not the graph's, or a
            metric is about arcs or signs and the graph has none.
        """
        self.check_names()
        for name in self.metrics if "links" in self.tasks else ():
            if of_arcs(name) is not None:
                graph.require(f"metric {name}", ["directed"])
            if name in SIGN_METRICS:
                graph.require(f"metric {name}", ["signed"])
        if set(self.tasks) - {"links"} and graph.labels is None:
            asked = next(task for task in self.tasks if task != "links")
            raise InputError(
                f"--tasks {asked} (tasks=): the graph's nodes have no labels; in Python, "
                "Graph.with_labels adds them"
            )
        for name in self.metrics:
            metric, types = of_types(name)
            if is_per_user(metric) and "links" in self.tasks:
                graph.require(f"metric {name}", ["bipartite"])
            if types is not None and "links" in self.tasks:
                graph.between(types)  # raises where no edge joins them
        if graph.labels is not None and set(self.tasks) - {"links"}:
            node_split(graph.labels, seed=0)  # raises where there are no two classes to tell apart
        for part in () if self.nodes is None else (self.nodes.train, self.nodes.test):
            if len(part) == 0 or np.min(part) < 0 or np.max(part) >= graph.n_nodes:
                raise InputError("nodes: training and test nodes must be some of the graph's")


def metrics_asked(questions: Sequence[str], metrics: Sequence[str]) -> tuple[str, ...]:
    """The metrics of what held-out links are asked for.

    Parameters
    ----------
    questions
        Names in `QUESTIONS`.
    metrics
        Metrics of links. For the direction of arcs, those are taken that rank the pairs of a task.

    Raises
    ------
    InputError
        A name is unknown, or no metric is left.

    Examples
    --------
    >>> metrics_asked(["general", "biased"], ["auc", "mrr_open"])
    ('auc', 'mrr_open', 'auc_biased')
    """
    found: list[str] = []
    for name in questions:
        if name not in QUESTIONS:
            raise unknown_name("task", name, QUESTIONS)
        task = next((task for task in ARC_TASKS if task == name), None)
        found += metrics if task is None else arc_metrics(task, metrics)
    if not found:
        raise InputError(
            f"task {', '.join(questions) or 'none'}: name at least one of the metrics auc, "
            "average_precision, hits@K and mrr"
        )
    return tuple(dict.fromkeys(found))


def check_runs(runs: Any, seed: Any) -> None:
    """Refuse a number of runs or a seed that is not allowed.

    Raises
    ------
    InputError
        `runs` is not a whole number from 1, or `seed` not one from 0.

    Examples
    --------
    >>> check_runs(10, 0)
    >>> check_runs(0, 0)
    Traceback (most recent call last):
    vgae.InputError: runs = 0: must be a whole number, at least 1
    """
    if isinstance(runs, bool) or not isinstance(runs, (int, np.integer)) or runs < 1:
        raise InputError(f"runs = {runs}: must be a whole number, at least 1")
    stream_seed(seed, "split")


def default_metrics(graph: Graph, split: SplitSettings = PAPER_SPLIT) -> tuple[str, ...]:
    """All link metrics that suit a graph.

    On more than 50,000 nodes those are omitted that score every pair or rank all partners, and
    where too few nodes have edges, those against degree-corrected negatives. The omission is
    logged.

    Parameters
    ----------
    graph
        The whole graph.
    split
        How its edges are held out.

    Examples
    --------
    >>> default_metrics(Graph.from_edges([(i, (i + 1) % 40) for i in range(40)]))[:2]
    ('auc', 'average_precision')
    """
    metrics = metrics_of(split.negatives)
    if graph.kind == "bipartite":
        metrics = (*metrics, *PER_USER)
    if graph.kind == "signed":
        metrics = (*metrics, *SIGN_METRICS)
    metrics = (*metrics, *type_metrics(graph))
    if graph.weight_means in WEIGHED.values():
        metrics = (*metrics, *WEIGHT_METRICS)
    if graph.n_nodes > MOST_NODES_FOR_ALL_PAIRS:
        slow = [name for name in metrics if takes_all_pairs(name) or ranks_all_partners(name)]
        logger.warning(
            "%s and %s are omitted: they take minutes on a graph of this size; to have them, name "
            "them (--metrics)",
            ", ".join(slow[:-1]),
            slow[-1],
        )
        metrics = tuple(name for name in metrics if name not in slow)
    if split.sizes(graph.n_edges)["test"] > count_non_edges(graph, with_degree=True):
        logger.warning(
            "metrics against degree-corrected negatives are omitted: nearly all nodes that have "
            "edges have one to each other"
        )
        metrics = tuple(name for name in metrics if not name.endswith("_degree"))
    return metrics


@dataclass(frozen=True)
class RunScores:
    """Metrics of one method in one run.

    Attributes
    ----------
    method
        The method's label.
    run
        Number of the run, from 0.
    metrics
        Fractions by metric; None where undefined.

    Examples
    --------
    >>> RunScores("katz", 0, {"auc": 0.9}).metrics["auc"]
    0.9
    """

    method: str
    run: int
    metrics: Mapping[str, float | None]


def evaluate_runs(
    graph: Graph,
    methods: Mapping[str, Method],
    *,
    runs: int,
    seed: int,
    protocol: Protocol,
    done: Mapping[str, int] | None = None,
    given: Split | None = None,
) -> Iterator[RunScores]:
    """Score every method on the same splits, one after the other.

    Run r uses seed + r both for the split and for the method, so that the spread over runs is
    that of both. On a given split, seed + r is that of the method alone. For the tasks `nodes` and
    `clusters` each method learns again, from all edges: these tasks hold no edges out.

    Parameters
    ----------
    graph
        The whole graph.
    methods
        Methods by label. Each sees the training and validation edges of a split, never a test pair.
    runs
        Number of splits.
    seed
        Seed of run 0.
    protocol
        What is measured.
    done
        How many of the first runs each method has behind it, by label; they are not made again.
        By default none.
    given
        A split of the graph to score every run on; by default each run draws its own.

    Yields
    ------
    The scores of each method in each run, as they are ready.

    Raises
    ------
    InputError
        The protocol cannot be measured on this graph.

    Examples
    --------
    >>> from vgae.learning.scores import VectorScores
    >>> ring = Graph.from_edges([(i, (i + 1) % 20) for i in range(20)])
    >>> def by_number(view, seed):
    ...     return VectorScores(np.arange(view.train.n_nodes)[:, None])
    >>> plan = Protocol(SplitSettings(), metrics=("auc",))
    >>> found = evaluate_runs(ring, {"a": by_number}, runs=3, seed=0, protocol=plan, done={"a": 1})
    >>> [scores.run for scores in found]
    [1, 2]
    """
    protocol.check(graph)
    _say_what_is_ranked(graph, protocol, given)
    done = done or {}
    # Labels score a method, and are not shown to it.
    unlabelled, labels = graph.with_labels(None), graph.labels
    if given is not None:
        given = replace(given, graph=unlabelled, train=given.train.with_labels(None))
    for run in range(runs):
        wanted = {name: method for name, method in methods.items() if run >= done.get(name, 0)}
        split = None
        if wanted and "links" in protocol.tasks:
            split = given or split_edges(unlabelled, **protocol.split.model_dump(), seed=seed + run)
        for name, method in wanted.items():
            try:
                metrics = _run_scores(unlabelled, split, method, seed + run, protocol, labels)
            except InputError as error:
                words = str(error).removeprefix(f"{name}: ")
                raise InputError(f"{name}, run {run}: {words}") from None
            except Exception as error:
                error.add_note(f"raised by method '{one_line(name)}' in run {run}")
                raise
            yield RunScores(name, run, metrics)


def _say_what_is_ranked(graph: Graph, protocol: Protocol, given: Split | None) -> None:
    """Log where ranks among all partners are taken of a part of the test edges."""
    ranked = [name for name in protocol.metrics if ranks_all_partners(name)]
    sizes = protocol.split.sizes(graph.n_edges)
    n_edges = sizes["test"] if given is None else len(given.test.positives)
    if "links" in protocol.tasks and ranked and n_edges > MOST_RANKED:
        logger.warning(
            "%s: ranks are those of %s test edges, drawn from %s with the seed of the split",
            ", ".join(ranked),
            f"{MOST_RANKED:,}",
            f"{n_edges:,}",
        )


def _run_scores(
    graph: Graph,
    split: Split | None,
    method: Method,
    seed: int,
    protocol: Protocol,
    labels: NDArray[Any] | None,
) -> dict[str, float | None]:
    """Metrics of one method in one run; without a split, those of the other tasks alone."""
    metrics: dict[str, float | None] = {}
    if split is not None:
        metrics |= link_scores(split, method(split.training, seed), protocol.metrics)
    if set(protocol.tasks) - {"links"}:
        vectors = method(Split.without_holdout(graph).training, seed).vectors
        metrics |= _task_scores(np.asarray(labels), vectors, seed, protocol)
    return metrics


def _task_scores(
    labels: NDArray[Any], vectors: NDArray[np.float32] | None, seed: int, protocol: Protocol
) -> dict[str, float | None]:
    wanted = [task for task in protocol.tasks if task != "links"]
    if vectors is None:  # a heuristic has none
        return {metric: None for task in wanted for metric in TASK_METRICS[task]}
    found: dict[str, float | None] = {}
    if "nodes" in wanted:
        found |= node_metrics(vectors, labels, protocol.nodes or node_split(labels, seed=seed))
    if "clusters" in wanted:
        found |= cluster_metrics(vectors, labels, seed=seed)
    return found
