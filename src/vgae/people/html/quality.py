"""What held-out pairs and the posterior of a fitted method say of it, for a report."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vgae.data.adjacency import count
from vgae.learning.diagnostics import (
    precision_recall_among,
    precision_recall_curve,
    reliability_bins,
    roc_curve,
    scores_by_degree,
)
from vgae.learning.embeddings import active_dimensions, kl_by_dimension, spread_by_degree
from vgae.learning.fit_record import sampled_places
from vgae.learning.fitted import Fitted
from vgae.learning.fitted_baseline import FittedBaseline
from vgae.people.html.summary import method_name
from vgae.people.html.values import Health, Quality

__all__ = ["health_of", "quality_of"]

FEW_RELIABLE = 20
"""With fewer test edges, a reliability diagram is noise."""

AnyFitted = Fitted | FittedBaseline


def quality_of(fitted: AnyFitted, *, all_pairs: bool) -> Quality | None:
    """How test pairs are ranked and how well probabilities hold; None without test pairs.

    Parameters
    ----------
    fitted
        A fitted method.
    all_pairs
        Whether all open pairs are ranked too, which takes quadratic time.

    Examples
    --------
    >>> from vgae import GAE, load_dataset, split_edges
    >>> fitted = GAE(steps=1).fit(split_edges(load_dataset("karate"), seed=0)).fitted_
    >>> quality_of(fitted, all_pairs=False).edges.shape
    (7,)
    """
    test = fitted.split.test
    if not test or len(test.positives) == 0 or len(test.negatives) == 0:
        return None
    places = sampled_places(len(test.positives))
    kept = {} if fitted.record is None else fitted.record.scores
    edges, others = (
        kept[name] if name in kept else fitted.scores.pairs(pairs[sampled_places(len(pairs))])
        for name, pairs in (("test_edges", test.positives), ("test_others", test.negatives))
    )
    known = fitted.split.training.known
    n_open = fitted.split.graph.pair_space.n_pairs - known.n_edges
    among_open = None
    if all_pairs:
        among_open = precision_recall_among(fitted.scores, test.positives, fitted.split.graph)
    seen = fitted.split.message_graph().undirected().degrees
    calibrator = fitted.calibrator if len(edges) >= FEW_RELIABLE else None
    held = fitted.metrics.get("calibration") or {}
    simple = fitted.metrics.get("simple") or {}
    own = {method_name(fitted).partition(",")[0]: simple["model"]} if simple else {}
    return Quality(
        edges=np.asarray(edges, np.float64),
        others=np.asarray(others, np.float64),
        roc=roc_curve(edges, others),
        precision_recall=precision_recall_curve(edges, others),
        among_open=among_open,
        prevalence=len(test.positives) / max(n_open, 1),
        by_degree=scores_by_degree(edges, others, seen[test.positives[places]].min(axis=1)),
        reliability=[] if calibrator is None else reliability_bins(calibrator, edges, others),
        deciles=held.get("deciles", []),
        simple=own | dict(simple.get("methods", {})),
    )


def health_of(fitted: AnyFitted) -> Health | None:
    """What the posterior of a variational model says of its fit; None of other methods.

    Examples
    --------
    >>> from vgae import GAE, VGAE, load_dataset
    >>> karate = load_dataset("karate")
    >>> health_of(GAE(steps=1).fit(karate).fitted_) is None
    True
    >>> health_of(VGAE(steps=1, latent_dim=3).fit(karate).fitted_).kl.shape
    (3,)
    """
    if isinstance(fitted, FittedBaseline) or fitted.embedding_std is None:
        return None
    kl = kl_by_dimension(fitted.embedding, fitted.embedding_std)
    active = active_dimensions(fitted.embedding)
    degrees = fitted.split.graph.undirected().degrees
    spread = spread_by_degree(fitted.embedding_std, degrees)
    return Health(kl, active, spread, _health_words(kl, active))


def _health_words(kl: NDArray[np.float64], active: NDArray[np.bool]) -> str:
    n_active, total = int(active.sum()), float(kl.sum())
    said = f"the divergence from the prior is {total:.3g} nats per node"
    if n_active == 0:
        return (
            "The posterior has collapsed: no latent dimension tells nodes apart, and all nodes "
            f"have nearly the same embedding ({said}). Links then follow from degrees and offsets "
            "alone; train longer, or with a smaller weight of the divergence."
        )
    whole = "All" if n_active == len(active) else f"{n_active} of"
    unused = len(active) - n_active
    more = f"; {count(unused, 'dimension')} could be left out" if unused else ""
    return f"{whole} {count(len(active), 'latent dimension')} are active, and {said}{more}."
