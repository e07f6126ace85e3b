"""What scores are worth on the test pairs of a split: every metric of links, by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from vgae.data.graph import Graph
from vgae.data.split import (
    ARC_TASKS,
    DRAWN,
    ArcTask,
    Negatives,
    Pairs,
    Split,
    arc_task_pairs,
    between_types,
    count_non_edges,
    other_negatives,
    sample_non_neighbors,
)
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError, unknown_name
from vgae.learning.calibration import fit_calibrator
from vgae.learning.lists import UserRanks, user_ranks
from vgae.learning.metrics import (
    RANKING_METRICS,
    cut_off,
    link_metrics,
)
from vgae.learning.scores import Scores
from vgae.learning.settings import WEIGHT_METRICS
from vgae.learning.signs import SIGN_METRICS, sign_metrics
from vgae.learning.weighing import weight_metrics

__all__ = [
    "ARC_METRICS",
    "AUC_BY_NODE",
    "ECE",
    "FULL_AP",
    "LINK_METRICS",
    "MOST_RANKED",
    "MRR_BY_USER",
    "MRR_OPEN",
    "PER_USER",
    "arc_metrics",
    "auc_by_node",
    "calibration_error",
    "check_metric",
    "full_average_precision",
    "is_per_user",
    "link_scores",
    "may_be_undefined",
    "metrics_of",
    "of_arcs",
    "of_types",
    "open_ranks",
    "precision_at",
    "ranks_all_partners",
    "takes_all_pairs",
    "type_metrics",
]

FULL_AP = "full_average_precision"
AUC_BY_NODE = "auc_by_node"
ECE = "ece"
MRR_OPEN = "mrr_open"
MRR_BY_USER = "mrr_by_user"
PER_USER = ("recall@20", "ndcg@10", MRR_BY_USER)
"""The metrics of every evaluation on bipartite graphs, which other graphs do not have."""

_AGAINST: dict[str, tuple[str, Negatives]] = {
    f"{metric}_{kind}": (metric, kind) for kind in DRAWN for metric in ("auc", "average_precision")
}
"""Metrics against negatives of one kind, on splits with negatives of any kind."""

ARC_METRICS = tuple(
    f"{metric}_{task}" for task in ARC_TASKS for metric in ("auc", "average_precision", "mrr")
)
"""Metrics of the pairs that ask for the direction of arcs, next to hits_biased@K and
hits_bidirectional@K. See `vgae.data.split.arc_task_pairs`."""

NEGATIVES_PER_NODE = 20

MOST_RANKED = 10_000
"""Test edges that are ranked among all open partners at most: of more, this many are drawn."""


def metrics_of(negatives: Negatives) -> tuple[str, ...]:
    """The metrics of every evaluation, given the kind of its split's negatives.

    AUC and average precision are given against uniform and degree-corrected negatives both: one of
    the two as the main figures, or each by its own name.

    Examples
    --------
    >>> metrics_of("degree")[7:9], metrics_of("uniform")[7:9]
    (('auc_uniform', 'average_precision_uniform'), ('auc_degree', 'average_precision_degree'))
    """
    if negatives not in get_args(Negatives):
        raise unknown_name("kind of negatives", negatives, get_args(Negatives))
    second = [
        name
        for name, (_, kind) in _AGAINST.items()
        if kind in ("uniform", "degree") and kind != negatives
    ]
    ranks = (MRR_OPEN, "hits_open@10")
    return *RANKING_METRICS, FULL_AP, *second, AUC_BY_NODE, *ranks, "precision@100", ECE


LINK_METRICS = metrics_of("uniform")
"""The metrics of the task `links`. Hits@K, with or without _open, and precision@K can be asked for
with any K, and AUC and average precision against negatives of any kind, as in auc_two-hop.
Bipartite graphs have those of `PER_USER` too, with any K, and signed graphs `SIGN_METRICS`. Each
but these can be limited to two types of nodes that edges join, as in auc[user-item]; see
`vgae.data.split.between_types`."""


def check_metric(name: str) -> None:
    """Refuse what is no metric of links.

    Raises
    ------
    InputError
        It is unknown, or its K is not a whole number from 1.

    Examples
    --------
    >>> check_metric("precision@25")
    >>> check_metric("hits@ten")
    Traceback (most recent call last):
    vgae.InputError: metric hits@ten: K must be a whole number from 1, as in hits@10
    """
    known = (*LINK_METRICS, *_AGAINST, MRR_BY_USER, *ARC_METRICS, *WEIGHT_METRICS, *SIGN_METRICS)
    metric, types = of_types(name)
    if metric in WEIGHT_METRICS and types is not None:
        raise InputError(f"metric {name}: is of all edges together; name it as {metric}")
    if cut_off(metric) is None and metric not in known:
        raise unknown_name("metric", metric, dict.fromkeys(known))


def of_types(name: str) -> tuple[str, str | None]:
    """The metric, and the pair of types of nodes that it is limited to.

    Examples
    --------
    >>> of_types("auc[user-item]"), of_types("hits@10")
    (('auc', 'user-item'), ('hits@10', None))
    """
    metric, bracket, types = name.partition("[")
    return (metric, types[:-1]) if bracket and types.endswith("]") else (name, None)


def type_metrics(graph: Graph) -> tuple[str, ...]:
    """AUC and average precision by the types of nodes that edges join, if there are several.

    Examples
    --------
    >>> shops = Graph.from_edges([(0, 1), (1, 2)], node_types=["user", "item", "shop"])
    >>> type_metrics(shops)[:2]
    ('auc[item-shop]', 'average_precision[item-shop]')
    """
    if len(graph.type_pair_names) < 2:
        return ()
    return tuple(
        f"{metric}[{types}]"
        for types in graph.type_pair_names
        for metric in ("auc", "average_precision")
    )


def takes_all_pairs(name: str) -> bool:
    """Whether a metric scores every pair of nodes, which takes minutes on large graphs.

    Examples
    --------
    >>> takes_all_pairs("precision@10"), takes_all_pairs("hits@10")
    (True, False)
    """
    name, _ = of_types(name)
    return name == FULL_AP or name.startswith("precision@")


def ranks_all_partners(name: str) -> bool:
    """Whether a metric ranks test edges among all open partners, of at most `MOST_RANKED` edges.

    Examples
    --------
    >>> ranks_all_partners("hits_open@10"), ranks_all_partners("hits@10")
    (True, False)
    """
    name, _ = of_types(name)
    return name == MRR_OPEN or name.startswith("hits_open@") or is_per_user(name)


def is_per_user(name: str) -> bool:
    """Whether a metric is a mean over the users of a bipartite graph.

    Examples
    --------
    >>> is_per_user("ndcg@5"), is_per_user("hits@10")
    (True, False)
    """
    return name == MRR_BY_USER or name.startswith(("recall@", "ndcg@"))


def of_arcs(name: str) -> tuple[str, ArcTask] | None:
    """The metric and the task that a name such as auc_biased or hits_biased@10 stands for.

    Examples
    --------
    >>> of_arcs("auc_biased"), of_arcs("hits_bidirectional@7"), of_arcs("auc")
    (('auc', 'biased'), ('hits@7', 'bidirectional'), None)
    """
    family, at, k = name.partition("@")
    metric, _, task = family.rpartition("_")
    found = next((known for known in ARC_TASKS if known == task), None)
    return None if found is None else (f"{metric}{at}{k}", found)


def arc_metrics(task: ArcTask, metrics: Sequence[str] = RANKING_METRICS) -> tuple[str, ...]:
    """The names of metrics of a task about the direction of arcs.

    Metrics that take more than the scores of the pairs have none, and are omitted.

    Examples
    --------
    >>> arc_metrics("biased", ["auc", "hits@7", "mrr_open"])
    ('auc_biased', 'hits_biased@7')
    """
    return tuple(
        _named(name, task)
        for name in metrics
        if name in RANKING_METRICS or name.startswith("hits@")
    )


def _named(metric: str, task: ArcTask) -> str:
    family, at, k = metric.partition("@")
    return f"{family}_{task}{at}{k}"


def may_be_undefined(name: str) -> bool:
    """Whether a metric of links has no value on some splits.

    Examples
    --------
    >>> may_be_undefined("hits@10"), may_be_undefined("auc")
    (True, False)
    """
    maybe = (AUC_BY_NODE, ECE, *ARC_METRICS, *WEIGHT_METRICS, *SIGN_METRICS)
    if name in maybe or of_types(name)[1] is not None:
        return True
    return cut_off(name) is not None and not is_per_user(name)


def link_scores(
    split: Split, scores: Scores, metrics: Sequence[str] = LINK_METRICS
) -> dict[str, float | None]:
    """Metrics of the test pairs of a split.

    Parameters
    ----------
    split
        The split whose training part the scores were learned from.
    scores
        Scores of all pairs, from a method that saw `split.training`.
    metrics
        Names that `check_metric` accepts.

    Returns
    -------
    Fractions by metric; None where undefined.

    Raises
    ------
    InputError
        A metric is unknown or for another kind of graph, or the graph has too few negatives of the
        kind that one needs.

    Examples
    --------
    >>> from vgae.data.graph import Graph
    >>> from vgae.data.split import split_edges
    >>> from vgae.learning.scores import VectorScores
    >>> ring = Graph.from_edges([(i, (i + 1) % 20) for i in range(20)])
    >>> nothing = VectorScores(np.ones((20, 1)))
    >>> link_scores(split_edges(ring, seed=0), nothing, ["auc", "auc_degree", "hits@1"])
    {'auc': 0.5, 'auc_degree': 0.5, 'hits@1': 0.0}
    """
    judged = _Judged(split, scores)
    of_weights = weight_metrics(split, scores, [name for name in metrics if name in WEIGHT_METRICS])
    return {
        name: of_weights[name] if name in of_weights else judged.metric(name) for name in metrics
    }


def full_average_precision(split: Split, scores: Scores) -> float:
    """Average precision of the test edges among all pairs without an edge.

    The pairs are all that can be edges, except the training and validation edges, so that positives
    are as rare as they are in the graph. Tied scores form one step. Every pair is scored, a block
    of rows at a time.

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

    Examples
    --------
    >>> from vgae.data.graph import Graph
    >>> from vgae.data.split import split_edges
    >>> from vgae.learning.scores import VectorScores
    >>> ring = Graph.from_edges([(i, (i + 1) % 20) for i in range(20)])
    >>> nothing = VectorScores(np.ones((20, 1)))
    >>> found = full_average_precision(split_edges(ring, seed=0), nothing)  # 2 edges, 173 pairs
    >>> round(found, 4)
    0.0116
    """
    return _Judged(split, scores).full_average_precision()


def precision_at(split: Split, scores: Scores, k: int) -> float | None:
    """Precision@K: the share of test edges among the K best of all open pairs.

    The pairs are those of `full_average_precision`. A test edge that ties with other pairs comes
    after them, so ties never flatter.

    Parameters
    ----------
    split
        A split with test pairs.
    scores
        Scores of all pairs.
    k
        At least 1.

    Returns
    -------
    A fraction from 0 to 1; None with fewer than K open pairs. Some of the other pairs may be links
    that nobody has recorded.

    Examples
    --------
    >>> from vgae.data.graph import Graph
    >>> from vgae.data.split import split_edges
    >>> from vgae.learning.scores import FunctionScores
    >>> ring = Graph.from_edges([(i, (i + 1) % 20) for i in range(20)])
    >>> near = FunctionScores(lambda pairs: -abs(pairs[:, 0] - pairs[:, 1]), 20)
    >>> precision_at(split_edges(ring, seed=0), near, 4)  # the two test edges come first
    0.5
    """
    return _Judged(split, scores).precision_at(k)


def auc_by_node(split: Split, scores: Scores) -> float | None:
    """The mean over nodes of each node's own AUC, in which no node counts more than another.

    In a directed graph, the node of an arc is its source.

    A node's AUC is the probability that one of its test edges outranks a pair of this node with a
    node that it has no edge to in the whole graph; a tie counts one half. It is estimated from 20
    such pairs per node, drawn uniformly with replacement from a stream of the split's seed. All
    pairs compared contain the same node, so that its own degree plays no part, and a hub with a
    hundred test edges weighs as much as a node with one. This is the group AUC of Zhu et al. 2017
    ("Optimized cost per click in Taobao display advertising") with equal weights.

    Parameters
    ----------
    split
        A split with test pairs.
    scores
        Scores of all pairs.

    Returns
    -------
    A fraction from 0 to 1, over the nodes that have a test edge; None where each of them has an
    edge to every other node.

    Examples
    --------
    >>> from vgae.data.graph import Graph
    >>> from vgae.data.split import split_edges
    >>> from vgae.learning.scores import VectorScores
    >>> ring = Graph.from_edges([(i, (i + 1) % 20) for i in range(20)])
    >>> auc_by_node(split_edges(ring, seed=0), VectorScores(np.ones((20, 1))))
    0.5
    """
    graph = split.graph
    # Each edge is one of both its nodes, an arc one of its source.
    ends = split.test.positives.T[: 1 if graph.directed else 2]
    nodes = np.unique(ends)
    nodes = nodes[graph.degrees[nodes] < graph.pair_space.targets(nodes)]
    if not nodes.size:
        return None
    random = np.random.default_rng(stream_seed(split.seed, "negatives by node"))
    drawn = sample_non_neighbors(graph, nodes, NEGATIVES_PER_NODE, random)
    edges, others = _scored(scores, split.test.positives, drawn)
    others = others.reshape(len(nodes), NEGATIVES_PER_NODE)
    known = np.isin(ends.ravel(), nodes)
    place = np.searchsorted(nodes, ends.ravel()[known])
    own, rivals = np.tile(edges, len(ends))[known][:, None], others[place]
    won = ((own > rivals).mean(axis=1) + (own >= rivals).mean(axis=1)) / 2.0
    by_node = np.bincount(place, won) / np.bincount(place)
    return float(by_node.mean())


def open_ranks(
    split: Split, scores: Scores
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Where both ends of each test edge stand in each other's lists of all open partners.

    In a directed graph, where the target of each test arc stands in the list of its source. The
    list of a node holds every node that can be its partner and to which it has no edge in the whole
    graph, and the partner that is looked for: training, validation and further test edges are left
    out ("filtered" ranks: Bordes et al. 2013, "Translating embeddings for modeling multi-relational
    data"). Of more than `MOST_RANKED` test edges, that many are drawn from a stream of the split's
    seed, the same for every method.

    Parameters
    ----------
    split
        A split with test pairs.
    scores
        Scores of all pairs.

    Returns
    -------
    How many nodes in the list score above the partner, how many tie with it, and how many there
    are without it; two of each per test edge, shape (2 * n_edges,), or one per test arc.

    Examples
    --------
    >>> from vgae.data.graph import Graph
    >>> from vgae.data.split import split_edges
    >>> from vgae.learning.scores import VectorScores
    >>> ring = Graph.from_edges([(i, (i + 1) % 20) for i in range(20)])
    >>> above, tied, rivals = open_ranks(split_edges(ring, seed=0), VectorScores(np.ones((20, 1))))
    >>> above.tolist(), tied.tolist(), rivals.tolist()
    ([0, 0, 0, 0], [17, 17, 17, 17], [17, 17, 17, 17])
    """
    edges = split.test.positives
    if len(edges) > MOST_RANKED:
        random = np.random.default_rng(stream_seed(split.seed, "ranked edges"))
        edges = edges[np.sort(random.choice(len(edges), MOST_RANKED, replace=False))]
    if not split.graph.directed:
        edges = np.concatenate([edges, edges[:, ::-1]])
    return scores.rivals(edges, split.graph)


def calibration_error(split: Split, scores: Scores) -> float | None:
    """Expected calibration error of the test edges and as many uniform pairs without an edge.

    Scores become probabilities by a map that `fit_calibrator` learns from the validation edges and
    all open pairs; its odds are raised to the frequency of edges among the test pairs. There are
    15 bins of equal width.

    Parameters
    ----------
    split
        A split with test pairs.
    scores
        Scores of all pairs, from a method that saw `split.training`.

    Returns
    -------
    A fraction from 0 to 1; None without validation edges.

    Examples
    --------
    >>> from vgae.data.graph import Graph
    >>> from vgae.data.split import split_edges
    >>> from vgae.learning.scores import VectorScores
    >>> ring = Graph.from_edges([(i, (i + 1) % 60) for i in range(60)])
    >>> nothing = VectorScores(np.ones((60, 1)))
    >>> error = calibration_error(split_edges(ring, seed=0), nothing)  # it predicts one half
    >>> round(error, 1)
    0.0
    """
    return _Judged(split, scores).calibration_error()


class _Judged:
    """Scores next to the test pairs of a split; what several metrics need is computed once."""

    def __init__(self, split: Split, scores: Scores) -> None:
        self._split, self._scores = split, scores
        self._second: dict[Negatives, tuple[NDArray[np.floating], NDArray[np.floating]]] = {}
        self._by_types: dict[str, _Judged | None] = {}

    def metric(self, name: str) -> float | None:
        name, types = of_types(name)
        if types is not None:
            part = self._between(types)
            return None if part is None else part.metric(name)
        if name == FULL_AP:
            return self.full_average_precision()
        if name == AUC_BY_NODE:
            return auc_by_node(self._split, self._scores)
        if name == ECE:
            return self.calibration_error()
        if name == MRR_OPEN:
            above, tied, _ = self._ranks
            return float((1.0 / (1.0 + above + tied / 2.0)).mean())
        if name in SIGN_METRICS:
            return self._signs[name]
        if name in _AGAINST:
            metric, kind = _AGAINST[name]
            return link_metrics(*self._against(kind), names=[metric])[metric]
        check_metric(name)
        arcs = of_arcs(name)
        if arcs is not None:
            metric, task = arcs
            pairs = arc_task_pairs(self._split, task)
            if not len(pairs.positives) or not len(pairs.negatives):
                return None
            scored = _scored(self._scores, pairs.positives, pairs.negatives)
            return link_metrics(*scored, names=[metric])[metric]
        at = cut_off(name)
        if name == MRR_BY_USER:
            return self._lists.mean_reciprocal_rank()
        if at is not None and is_per_user(name):
            of_lists = self._lists.recall_at if at[0] == "recall" else self._lists.ndcg_at
            return of_lists(at[1])
        if at is not None and at[0] == "precision":
            return self.precision_at(at[1])
        if at is not None and at[0] == "hits_open":
            above, tied, rivals = self._ranks
            return None if rivals.min() < at[1] else float((above + tied < at[1]).mean())
        return link_metrics(*self._main, self._split.test.groups, names=[name])[name]

    def full_average_precision(self) -> float:
        gained, hits, rivals = self._steps
        precision = hits / (hits + rivals)
        return float((precision * gained).sum() / gained.sum())

    def precision_at(self, k: int) -> float | None:
        split = self._split
        if k < 1:
            raise InputError("k must be at least 1")
        if k > count_non_edges(split.graph) + len(split.test.positives):
            return None
        gained, hits, rivals = self._steps
        # The test edges of a step come after all other pairs of the step.
        return float(np.clip(k - rivals - (hits - gained), 0, gained).sum() / k)

    def calibration_error(self) -> float | None:
        calibrator = fit_calibrator(self._split.training, self._scores, seed=self._split.seed)
        if calibrator is None:
            return None
        return calibrator.error(*self._against("uniform"))

    def _between(self, types: str) -> _Judged | None:
        if types not in self._by_types:
            split = between_types(self._split, types)
            self._by_types[types] = None if split is None else _Judged(split, self._scores)
        return self._by_types[types]

    @cached_property
    def _main(self) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        return _scored(self._scores, self._split.test.positives, self._split.test.negatives)

    def _against(self, kind: Negatives) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        if kind == self._split.settings.negatives:
            return self._main
        if kind not in self._second:
            drawn = other_negatives(self._split, kind)
            self._second[kind] = _scored(self._scores, self._split.test.positives, drawn)
        return self._second[kind]

    @cached_property
    def _ranks(self) -> tuple[NDArray[np.int64], ...]:
        return open_ranks(self._split, self._scores)

    @cached_property
    def _signs(self) -> dict[str, float | None]:
        return sign_metrics(self._split.graph, self._split.test.positives, self._scores.signs)

    @cached_property
    def _lists(self) -> UserRanks:
        return user_ranks(self._split, self._scores)

    @cached_property
    def _steps(self) -> tuple[NDArray[np.int64], ...]:
        """At each distinct score of test edges: how many have it, and how many pairs reach it."""
        levels, gained = np.unique(self._main[0], return_counts=True)
        rivals = self._scores.reaching(levels, self._split.graph)
        return gained, *(np.cumsum(each[::-1])[::-1] for each in (gained, rivals[1:]))


def _scored(
    scores: Scores, positives: Pairs, negatives: Pairs
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Scores of pairs with and without an edge.

    The pairs are asked for in the order of their nodes, which does not tell them apart.
    """
    pairs = np.concatenate([positives, negatives])
    order = np.lexsort(pairs.T[::-1])
    found = scores.pairs(pairs[order])[np.argsort(order)]
    cut = len(positives)
    return found[:cut], found[cut:]
