"""How simple methods rank the validation pairs: a user must see when one of them suffices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import Field
from scipy import sparse

from vgae.data.graph import Graph
from vgae.data.split import TrainingView
from vgae.ground.config import Fraction, Settings
from vgae.learning.baselines import BASELINES
from vgae.learning.metrics import average_precision, roc_auc

__all__ = ["SimpleMethods", "compare_simple_methods"]

SIMPLE = (
    *("resource-allocation", "adamic-adar", "common-neighbors"),
    *("degree", "preferential-attachment", "propagated-features", "balance"),
)
"""Baselines without training, each a small part of the time of a fit."""

MOST_WORK = 20_000_000
"""Edges of the training graph, times the features per node for a method that reads features.

Beyond, a method could take some ten seconds, or more memory than the fit.
"""

FEW_EDGES = 100
"""With fewer validation edges, the best of several methods is ahead by chance."""


class SimpleMethods(Settings):
    """How simple methods and the model rank the validation pairs.

    Attributes
    ----------
    model
        Mean of AUC and average precision of the model, a fraction from 0 to 1.
    methods
        The same for each method that was compared, best first.
    omitted
        Methods that would have taken too long on a graph of this size.
    n_edges
        Number of validation edges.

    Examples
    --------
    >>> found = SimpleMethods(model=0.9, methods={"degree": 0.95}, omitted=(), n_edges=500)
    >>> found.better
    'degree'
    >>> found.words
    'degree ranks the validation pairs better: 95.0 against 90.0; consider --model degree'
    >>> SimpleMethods(model=0.9, methods={"degree": 0.9}, omitted=(), n_edges=500).words
    """

    model: Fraction
    methods: dict[str, Fraction]
    omitted: tuple[str, ...] = Field(strict=False)
    n_edges: int = Field(ge=1)

    @property
    def better(self) -> str | None:
        """The best method, if it ranks the pairs better than the model by 0.001 or so."""
        best = max(self.methods, key=self.methods.__getitem__, default=None)
        ahead = best is not None and round(self.methods[best], 3) > round(self.model, 3)
        return best if ahead else None

    @property
    def words(self) -> str | None:
        """What a user of the model should know, in one line; None if there is nothing to say."""
        said = []
        if self.better is not None:
            few = f", on {self.n_edges} edges only" * (self.n_edges < FEW_EDGES)
            said.append(
                f"{self.better} ranks the validation pairs better: "
                f"{100 * self.methods[self.better]:.1f} against {100 * self.model:.1f}{few}; "
                f"consider --model {self.better}"
            )
        if self.omitted:
            said.append(f"not compared with {', '.join(self.omitted)}: the graph is too large")
        return "; ".join(said) or None


def compare_simple_methods(
    view: TrainingView, model: Mapping[str, float | None] | None
) -> SimpleMethods | None:
    """Rank the validation pairs by simple methods, which see the training edges alone.

    Parameters
    ----------
    view
        What the model saw.
    model
        Metrics of the model on the validation pairs, by name; None without such pairs.

    Returns
    -------
    The comparison; None without validation pairs.

    Examples
    --------
    >>> from vgae.data.split import split_edges
    >>> grid = [(i, i + step) for i in range(100) for step in (1, 2, 3)]
    >>> view = split_edges(Graph.from_edges(grid), seed=0).training
    >>> found = compare_simple_methods(view, {"auc": 0.5, "average_precision": 0.5})
    >>> found.better, found.n_edges, found.omitted
    ('resource-allocation', 15, ())
    """
    if model is None or model["auc"] is None or model["average_precision"] is None:
        return None
    pairs, seen = view.validation, replace(view, protocol="T")
    found, omitted = {}, []
    # A method may have two names.
    for kind in dict.fromkeys(BASELINES[name] for name in SIMPLE if name in BASELINES):
        if view.train.kind not in kind.takes():
            continue
        if kind.needs_features and view.train.features is None:
            continue
        if _work(view.train, reads_features=kind.needs_features) > MOST_WORK:
            omitted.append(kind.name)
            continue
        scores = kind().fit(seen)
        edges, others = scores.pairs(pairs.positives), scores.pairs(pairs.negatives)
        found[kind.name] = (roc_auc(edges, others) + average_precision(edges, others)) / 2
    best_first = dict(sorted(found.items(), key=lambda item: -item[1]))
    return SimpleMethods(
        model=(model["auc"] + model["average_precision"]) / 2,
        methods=best_first,
        omitted=tuple(omitted),
        n_edges=len(pairs.positives),
    )


def _work(graph: Graph, *, reads_features: bool) -> float:
    if not reads_features:
        return graph.n_edges
    features: Any = graph.features
    n_entries = features.nnz if sparse.issparse(features) else features.size
    return graph.n_edges * float(n_entries) / graph.n_nodes
