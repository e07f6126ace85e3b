"""What held-out scores and a posterior say of a fit: curves, intervals, errors by degree, KL."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from vgae.data.graph import Graph
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError
from vgae.learning.scores import Scores
from vgae.model.latents import Gaussian
from vgae.model.network import GraphAutoEncoder

__all__ = [
    "ACTIVE_VARIANCE",
    "Curve",
    "RankedBin",
    "active_dimensions",
    "bootstrap_intervals",
    "kl_by_dimension",
    "latent_contributions",
    "posterior_scores",
    "precision_recall_among",
    "precision_recall_curve",
    "roc_curve",
    "scores_by_degree",
]

ACTIVE_VARIANCE = 0.01
"""A latent dimension is active where posterior means vary more than this between nodes."""
AT_ONCE = 2**22
"""Elements of the resamples that are held at once."""

Values = NDArray[np.float64]


class Curve(NamedTuple):
    """A curve by its points.

    Examples
    --------
    >>> Curve(x=np.array([0.0, 1.0]), y=np.array([0.0, 1.0])).x.tolist()
    [0.0, 1.0]
    """

    x: Values
    y: Values


class RankedBin(NamedTuple):
    """Held-out edges whose ends have similar degrees, and how well they are ranked.

    Examples
    --------
    >>> RankedBin(lowest=1, highest=2, n_edges=7, auc=0.5).n_edges
    7
    """

    lowest: int
    highest: int
    n_edges: int
    auc: float


# ---------------------------------------------------------------------------- curves


def _counts(edges: ArrayLike, others: ArrayLike) -> tuple[Values, Values]:
    """Edges and other pairs that score at least each distinct score, from the highest down."""
    found = [np.asarray(part, np.float64) for part in (edges, others)]
    if not all(len(part) for part in found):
        raise InputError("curves need scores of edges and of pairs without an edge")
    levels, places = np.unique(np.concatenate(found), return_inverse=True)
    n_edges = len(found[0])
    counted = (
        np.bincount(places.reshape(-1)[part], minlength=len(levels))[::-1].cumsum()
        for part in (slice(n_edges), slice(n_edges, None))
    )
    first, second = (count.astype(np.float64) for count in counted)
    return first, second


def roc_curve(edges: ArrayLike, others: ArrayLike) -> Curve:
    """The receiver operating characteristic: true against false positive rate.

    Parameters
    ----------
    edges, others
        Scores of held-out edges and of pairs without an edge. Ties are one step of the curve.

    Raises
    ------
    InputError
        There are no edges, or no other pairs.

    Examples
    --------
    >>> curve = roc_curve([2.0, 1.0], [1.0, 0.0])
    >>> curve.x.tolist(), curve.y.tolist()
    ([0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.0])
    """
    true, false = _counts(edges, others)
    start = np.zeros(1)
    return Curve(
        np.concatenate([start, false / false[-1]]), np.concatenate([start, true / true[-1]])
    )


def precision_recall_curve(
    edges: ArrayLike, others: ArrayLike, *, others_per_edge: float | None = None
) -> Curve:
    """Precision against recall.

    Parameters
    ----------
    edges, others
        As in `roc_curve`.
    others_per_edge
        How many pairs without an edge there are per edge; by default as many as are given.

    Raises
    ------
    InputError
        As in `roc_curve`.

    Examples
    --------
    >>> curve = precision_recall_curve([2.0, 1.0], [1.0, 0.0])
    >>> curve.x.tolist(), curve.y.round(2).tolist()
    ([0.5, 1.0, 1.0], [1.0, 0.67, 0.5])
    >>> precision_recall_curve([2.0], [1.0], others_per_edge=99.0).y.tolist()
    [1.0, 0.01]
    """
    true, false = _counts(edges, others)
    if others_per_edge is not None:
        false = false / false[-1] * (others_per_edge * true[-1])
    return Curve(true / true[-1], true / (true + false))


def precision_recall_among(scores: Scores, edges: NDArray[np.int64], known: Graph) -> Curve:
    """Precision against recall among all open pairs, counted one by one.

    Held-out edges are as rare as they are in the graph. Takes quadratic time and linear memory.

    Parameters
    ----------
    scores
        Scores of all pairs.
    edges
        Held-out edges as pairs of node indices, at least one.
    known
        The graph with all its edges, the held-out ones included. All other pairs count as pairs
        without an edge.

    Examples
    --------
    >>> from vgae.learning.scores import FunctionScores
    >>> near = FunctionScores(lambda pairs: -abs(pairs[:, 0] - pairs[:, 1]), 5)
    >>> edges = np.array([[0, 1], [0, 2]])
    >>> curve = precision_recall_among(near, edges, Graph.from_edges(edges, n_nodes=5))
    >>> curve.x.tolist(), curve.y.round(3).tolist()  # of 4 pairs and of 7
    ([0.5, 1.0], [0.25, 0.286])
    """
    levels, gained = np.unique(scores.pairs(edges), return_counts=True)
    rivals = scores.reaching(levels, known)[1:][::-1].cumsum()
    true = gained[::-1].cumsum()
    return Curve(true / true[-1], true / (true + rivals))


def bootstrap_intervals(
    edges: ArrayLike, others: ArrayLike, *, seed: int = 0, n_resamples: int = 1000
) -> dict[str, tuple[float, float]]:
    """95 % intervals of AUC and average precision, by resampling the held-out pairs.

    Edges and other pairs are each drawn again with replacement (Efron, 1979); the intervals are
    percentiles. They say how far the metrics may be off because held-out pairs are few, for this
    model and this split. Other splits and seeds differ more: `vgae.evaluate` measures that.

    Parameters
    ----------
    edges, others
        As in `roc_curve`.
    seed
        Seed of the resamples.
    n_resamples
        Number of resamples.

    Raises
    ------
    InputError
        As in `roc_curve`.

    Examples
    --------
    >>> found = bootstrap_intervals([3.0, 2.0, 1.0, 0.5], [1.5, 0.0, -1.0, -2.0])
    >>> 0 < found["auc"][0] < found["auc"][1] <= 1, found["average_precision"][1]
    (True, 1.0)
    """
    true, false = _counts(edges, others)
    shares = [np.diff(count, prepend=0.0) / count[-1] for count in (true, false)]
    sizes, random = (
        [int(true[-1]), int(false[-1])],
        np.random.default_rng(stream_seed(seed, "bootstrap")),
    )
    found: dict[str, list[Values]] = {"auc": [], "average_precision": []}
    size = max(1, AT_ONCE // len(true))
    for start in range(0, n_resamples, size):
        n = min(size, n_resamples - start)
        drawn = [random.multinomial(*given, size=n) for given in zip(sizes, shares, strict=True)]
        hits, misses = (np.cumsum(part, axis=1) for part in drawn)
        with np.errstate(invalid="ignore"):
            precision = np.nan_to_num(hits / (hits + misses))
        found["average_precision"].append((drawn[0] * precision).sum(axis=1) / sizes[0])
        above = (drawn[1] * (hits - drawn[0] / 2)).sum(axis=1)
        found["auc"].append(above / (sizes[0] * sizes[1]))
    ends = {name: np.quantile(np.concatenate(part), [0.025, 0.975]) for name, part in found.items()}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def scores_by_degree(edges: ArrayLike, others: ArrayLike, degrees: ArrayLike) -> list[RankedBin]:
    """How held-out edges rank among pairs without an edge, by the smaller degree of their ends.

    Parameters
    ----------
    edges, others
        As in `roc_curve`.
    degrees
        The smaller degree of the two ends of each edge, shape (n_edges,).

    Returns
    -------
    Bins whose limits double (0, 1, 2-3, 4-7, ...), as far as they have edges. The AUC of a bin is
    that of its edges against all the other pairs.

    Examples
    --------
    >>> scores_by_degree([2.0, 0.0], [1.0], degrees=[5, 1])
    [RankedBin(lowest=1, highest=1, n_edges=1, auc=0.0), RankedBin(lowest=4, highest=7, \
n_edges=1, auc=1.0)]
    """
    own, rivals = np.asarray(edges, np.float64), np.sort(np.asarray(others, np.float64))
    below = np.searchsorted(rivals, own, side="left")
    tied = np.searchsorted(rivals, own, side="right") - below
    wins = (below + tied / 2) / max(len(rivals), 1)
    bins = np.frexp(np.asarray(degrees, np.float64))[1]  # 0, 1, 2, 2, 3, 3, 3, 3, ...
    return [
        RankedBin(
            lowest=int(2 ** (place - 1)) if place else 0,
            highest=int(2**place - 1),
            n_edges=int((bins == place).sum()),
            auc=float(wins[bins == place].mean()),
        )
        for place in np.unique(bins)
    ]


# ------------------------------------------------------------------------- posterior


def kl_by_dimension(mean: ArrayLike, std: ArrayLike) -> Values:
    """Mean KL divergence of the posterior from the standard normal prior, by latent dimension.

    In nats per node; the sum over the dimensions is the KL term per node (Kingma & Welling 2014,
    appendix B).

    Parameters
    ----------
    mean, std
        Posterior means and standard deviations, shape (n_nodes, latent_dim).

    Examples
    --------
    >>> kl_by_dimension([[0.0, 1.0]], [[1.0, 1.0]]).tolist()
    [0.0, 0.5]
    """
    means, deviations = np.asarray(mean, np.float64), np.asarray(std, np.float64)
    with np.errstate(divide="ignore"):
        logs = np.log(deviations)
    # expm1 keeps the digits of deviations close to one.
    each = 0.5 * (means**2 + np.expm1(2 * logs) - 2 * logs)
    found: Values = each.mean(axis=0)
    return found


def active_dimensions(mean: ArrayLike) -> NDArray[np.bool]:
    """Which latent dimensions tell nodes apart: those whose posterior means vary.

    A dimension is active where the variance of its posterior means over the nodes exceeds 0.01
    (Burda, Grosse & Salakhutdinov 2016, section 5.2). Where none is, the posterior has collapsed.

    Parameters
    ----------
    mean
        Posterior means, shape (n_nodes, latent_dim).

    Examples
    --------
    >>> active_dimensions([[0.0, 1.0], [0.0, -1.0]]).tolist()
    [False, True]
    """
    found: NDArray[np.bool] = np.asarray(mean, np.float64).var(axis=0) > ACTIVE_VARIANCE
    return found


def posterior_scores(
    network: GraphAutoEncoder,
    mean: NDArray[np.floating],
    std: NDArray[np.floating],
    pairs: NDArray[np.int64],
    *,
    n_samples: int = 200,
    seed: int = 0,
) -> Values:
    """Scores of pairs for embeddings drawn from the posterior, shape (n_samples, n_pairs).

    Parameters
    ----------
    network
        The model.
    mean, std
        Posterior means and standard deviations, shape (n_nodes, latent_dim).
    pairs
        Node indices, shape (n_pairs, 2).
    n_samples
        Number of draws. All pairs of one draw share the embeddings of their nodes.
    seed
        Seed of the draws.

    Examples
    --------
    >>> from vgae.model.settings import ModelSettings
    >>> network = GraphAutoEncoder(ModelSettings(latent_dim=2), n_inputs=3, seed=0)
    >>> mean, pairs = np.eye(3, 2, dtype=np.float32), np.array([[0, 1], [0, 2]])
    >>> posterior_scores(network, mean, 0.1 * np.ones_like(mean), pairs, n_samples=5).shape
    (5, 2)
    """
    nodes, places = np.unique(pairs, return_inverse=True)
    local, n_nodes = torch.from_numpy(places.reshape(pairs.shape)), len(nodes)
    known = torch.from_numpy(mean[nodes]), torch.log(torch.from_numpy(std[nodes]))
    random = torch.Generator().manual_seed(stream_seed(seed, "posterior"))
    size, found = max(1, AT_ONCE // max(known[0].numel(), 1)), []
    with torch.no_grad():
        for start in range(0, n_samples, size):
            # The nodes of several draws stand below each other: one call scores them all.
            n = min(size, n_samples - start)
            latent = Gaussian(known[0].repeat(n, 1), known[1].repeat(n, 1))
            sample = latent.rsample(torch.randn(latent.mean.shape, generator=random))
            shifted = (local[None] + n_nodes * torch.arange(n)[:, None, None]).reshape(-1, 2)
            scores = network.decoder.pairs(network.linked(sample), shifted).reshape(n, -1)
            if network.offsets is not None:
                scores = scores + network.offsets.at(torch.from_numpy(pairs))
            found.append(scores.double().numpy())
    return np.concatenate(found)


def latent_contributions(
    left: NDArray[np.floating], right: NDArray[np.floating], pairs: NDArray[np.int64], dim: int
) -> list[dict[str, float]]:
    """What each latent dimension adds to the scores of pairs, where scores are inner products.

    Parameters
    ----------
    left, right
        The factors of the scores, shape (n_nodes, n_columns).
    pairs
        Node indices, shape (n_pairs, 2).
    dim
        Number of columns that are latent dimensions; what others add is the offset.

    Returns
    -------
    A dictionary per pair, the largest amount first. The amounts add up to the score.

    Examples
    --------
    >>> vectors = np.array([[1.0, 2.0, 1.0], [3.0, -1.0, 0.5]])
    >>> latent_contributions(vectors, vectors, np.array([[0, 1]]), dim=2)
    [{'z0': 3.0, 'z1': -2.0, 'offset': 0.5}]
    """
    products = left[pairs[:, 0]].astype(np.float64) * right[pairs[:, 1]]
    found = []
    for row in products:
        amounts = {f"z{place}": float(value) for place, value in enumerate(row[:dim])}
        if products.shape[1] > dim:
            amounts["offset"] = float(row[dim:].sum())
        found.append(dict(sorted(amounts.items(), key=lambda item: -abs(item[1]))))
    return found
