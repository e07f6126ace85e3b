"""What a list of recommended links is worth: held-out edges among the best-scored open pairs."""

from __future__ import annotations

import numpy as np
from scipy.special import betaincinv

from vgae.data.graph import Graph
from vgae.data.split import Pairs, TrainingView
from vgae.ground.errors import InputError
from vgae.learning.scores import Scores

__all__ = ["expected_precision"]


def expected_precision(
    view: TrainingView, scores: Scores, k: int, *, prevalence_factor: float = 1.0
) -> tuple[float, float, float] | None:
    """Estimate how many of the k best-scored open pairs are edges that are missing from the graph.

    Open pairs are those that are no edge of `view.known`: the pairs that a model recommends. Their
    truth is unknown, but the method did not see the validation edges either. So the share q of
    validation edges that score at least as high as the k-th open pair estimates the share of the
    missing edges among the k pairs. With m missing edges in the whole graph, the precision is
    q m / k. The number m cannot be known. By default it is the number of validation edges: the
    graph misses as many edges as were held out, at random.

    The interval is that of Clopper and Pearson (1934) for q, and as a precision at most 1. It says
    how far q can be off because the validation edges are few, not how the missing edges of one
    list fall.

    Parameters
    ----------
    view
        What the method saw.
    scores
        Scores of all pairs, from a method that saw `view`.
    k
        Number of pairs; with fewer open pairs, all of them.
    prevalence_factor
        Missing edges per validation edge. With the number of test edges per validation edge, the
        function estimates `vgae.learning.judge.precision_at`.

    Returns
    -------
    The estimate and the ends of its 95 % interval, fractions from 0 to 1. None without validation
    edges or without open pairs.

    Raises
    ------
    InputError
        `k` is not a whole number from 1, or `prevalence_factor` is not positive.

    Examples
    --------
    >>> from vgae.data.split import split_edges
    >>> from vgae.learning.baselines import baseline
    >>> grid = [(i, i + step) for i in range(100) for step in (1, 2, 3)]
    >>> view = split_edges(Graph.from_edges(grid), seed=0).training
    >>> estimate, low, high = expected_precision(view, baseline("katz").fit(view), k=20)
    >>> 0 < low < estimate < high <= 1
    True
    """
    if not 0 < prevalence_factor < np.inf:
        raise InputError(f"prevalence_factor = {prevalence_factor}: must be a positive number")
    n_edges = len(view.validation.positives)
    hits, n_found = _hits(scores, view.validation.positives, view.known, k)
    if n_edges == 0 or n_found == 0:
        return None
    low = betaincinv(hits, n_edges - hits + 1, 0.025) if hits > 0 else 0.0
    high = betaincinv(hits + 1, n_edges - hits, 0.975) if hits < n_edges else 1.0
    scale = n_edges * prevalence_factor / n_found
    estimate, low, high = (min(1.0, float(q) * scale) for q in (hits / n_edges, low, high))
    return estimate, low, high


def _hits(scores: Scores, edges: Pairs, known: Graph, k: int) -> tuple[float, int]:
    """How many of the edges reach the k-th open pair, and how many of k open pairs there are.

    Where open pairs tie for the last of the k places, an edge with that score counts for the
    places' share of the tied pairs.
    """
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise InputError(f"k = {k}: must be a whole number, at least 1")
    _, best = scores.top(int(k) + 1, known)
    n_found = min(int(k), len(best))
    if n_found == 0 or len(edges) == 0:
        return 0.0, n_found
    bar, share = best[n_found - 1], 1.0
    if len(best) > n_found and best[n_found] == bar:
        n_above = np.count_nonzero(best > bar)
        n_tied = scores.reaching(best[n_found - 1 : n_found], known)[1] - n_above
        share = (n_found - n_above) / n_tied
    reached = scores.pairs(edges)
    return float((reached > bar).sum() + share * (reached == bar).sum()), n_found
