"""What a method says of the sign of an edge, and how good that is on held-out edges."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self, final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from vgae.data.adjacency import node_pairs
from vgae.data.graph import Graph
from vgae.learning.metrics import roc_auc
from vgae.model.latents import Latent
from vgae.model.network import GraphAutoEncoder

__all__ = ["SIGN_METRICS", "ModelSigns", "SignScores", "sign_metrics"]

SIGN_METRICS = ("sign_auc", "sign_f1_macro")
"""Metrics of the signs of held-out edges; see `sign_metrics`."""


class SignScores(ABC):
    """Probabilities that the sign of an edge is positive, given that there is an edge.

    Examples
    --------
    >>> from vgae.learning.baselines import baseline
    >>> graph = Graph.from_edges([(0, 1), (1, 2), (2, 3)], weights=[1, 1, -1], kind="signed")
    >>> signs: SignScores = baseline("balance").fit(graph).signs
    >>> signs.n_nodes, bool(signs.pairs([(0, 2)])[0] > signs.pairs([(1, 3)])[0])
    (4, True)
    """

    n_nodes: int

    @final
    def pairs(self, pairs: ArrayLike) -> NDArray[np.float64]:
        """Probabilities of the given pairs, the same in both directions.

        Parameters
        ----------
        pairs
            Node indices, shape (n_pairs, 2).

        Returns
        -------
        Shape (n_pairs,).

        Raises
        ------
        InputError
            They have another shape or type, or a node is not in the graph.
        """
        return self._pairs(np.sort(node_pairs(pairs, self.n_nodes), axis=1))

    @abstractmethod
    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        """What `pairs` gives, for checked pairs i <= j."""


@final
class ModelSigns(SignScores):
    """The mean of the logits of one or several models, from posterior means.

    Parameters
    ----------
    networks, latents
        The members, and the posterior of each.

    Examples
    --------
    >>> from vgae.model.latents import Point
    >>> from vgae.model.settings import ModelSettings
    >>> settings = ModelSettings(encoder="signed", latent_dim=2)
    >>> network = GraphAutoEncoder(settings, n_inputs=2, seed=0)
    >>> signs = ModelSigns([network], [Point(torch.tensor([[0.0, 0.0], [1.0, 2.0]]))])
    >>> signs.pairs([(0, 1)]).tolist(), bool(signs.pairs([(1, 1)])[0] == expit(1.0))
    ([0.5], True)
    >>> plain = GraphAutoEncoder(ModelSettings(latent_dim=2), n_inputs=2, seed=0)
    >>> ModelSigns.of([plain], [Point(torch.zeros(2, 2))])  # knows no signs
    """

    def __init__(self, networks: Sequence[GraphAutoEncoder], latents: Sequence[Latent]) -> None:
        self.n_nodes = len(latents[0].mean)
        self._members = [
            (network.signs, latent.mean.detach().cpu())
            for network, latent in zip(networks, latents, strict=True)
            if network.signs is not None
        ]

    @classmethod
    def of(cls, networks: Sequence[GraphAutoEncoder], latents: Sequence[Latent]) -> Self | None:
        """The same, or None for models that know no signs."""
        return None if networks[0].signs is None else cls(networks, latents)

    @torch.no_grad()
    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        asked = torch.from_numpy(pairs)
        logits = [decoder(mean, asked).double().numpy() for decoder, mean in self._members]
        probabilities: NDArray[np.float64] = expit(np.mean(logits, axis=0))
        return probabilities


def sign_metrics(
    graph: Graph, edges: NDArray[np.int64], signs: SignScores | None
) -> dict[str, float | None]:
    """How well the signs of held-out edges are told.

    Parameters
    ----------
    graph
        The whole signed graph, which knows the signs.
    edges
        Held-out edges, shape (n_edges, 2).
    signs
        What a method says of signs; None for one that says nothing.

    Returns
    -------
    "sign_auc", the probability that a positive edge has a higher probability of being positive than
    a negative one (a tie counts one half); "sign_f1_macro", the mean of the F1 scores of positive
    and of negative edges, where an edge is called positive if that probability is at least one
    half. Both are None for a method that says nothing, and where all edges have the same sign.

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1), (1, 2), (0, 2)], weights=[1, 1, -1], kind="signed")
    >>> class Guess(SignScores):
    ...     n_nodes = 3
    ...     def _pairs(self, pairs):
    ...         return np.full(len(pairs), 0.6)
    >>> sign_metrics(graph, graph.edges, Guess())  # F1 of positive edges 0.8, of negative ones 0
    {'sign_auc': 0.5, 'sign_f1_macro': 0.4}
    """
    if signs is None or graph.weights is None or not len(edges):
        return dict.fromkeys(SIGN_METRICS)
    positive = graph.weights[graph.places(edges)] > 0
    found = signs.pairs(edges)
    if positive.all() or not positive.any():
        return dict.fromkeys(SIGN_METRICS)
    told = found >= 0.5
    return {
        "sign_auc": roc_auc(found[positive], found[~positive]),
        "sign_f1_macro": (_f1(positive, told) + _f1(~positive, ~told)) / 2.0,
    }


def _f1(true: NDArray[np.bool_], told: NDArray[np.bool_]) -> float:
    """F1 of a class: the edges that are of it, and those that are told to be."""
    return 2.0 * float((true & told).sum()) / float(true.sum() + told.sum())
