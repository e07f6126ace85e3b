"""Objectives: embeddings and targets -> one loss with its named terms, over all pairs of nodes.

The paper's objective is the class-weighted cross-entropy. With s_ij the logit of a pair and P the
positive targets (training edges in both directions and every node with itself), the sum over all
N^2 ordered pairs splits into one part that needs no graph and one part over P alone:

    sum_ij softplus(s_ij)  +  sum_P [ pos_weight * softplus(-s_ij) - softplus(s_ij) ]

An engine of `vgae.model.kernels` computes the first in linear memory; the second has a closed form.
No pair is sampled or dropped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from vgae.data.graph import Graph
from vgae.ground.errors import InputError
from vgae.model.kernels import Engine, PairPattern, positive_terms, with_gradients
from vgae.model.latents import Latent
from vgae.model.settings import ObjectiveName

__all__ = ["Loss", "Targets", "link_loss"]


@dataclass(frozen=True)
class Loss:
    """A loss and its terms; total = reconstruction + kl, each a float64 scalar.

    Examples
    --------
    >>> terms = torch.tensor([0.5, 0.25], dtype=torch.float64)
    >>> Loss(total=terms.sum(), reconstruction=terms[0], kl=terms[1]).total.item()
    0.75
    """

    total: Tensor
    reconstruction: Tensor
    kl: Tensor


@dataclass(frozen=True)
class Targets:
    """The pairs that the decoder should call edges, and their weight.

    Attributes
    ----------
    positive
        The positive pairs, the pattern of A + I.
    n_nodes
        Number of nodes.
    pos_weight
        Weight of a positive pair relative to a negative pair.
    norm
        Factor of the mean over all pairs.

    Examples
    --------
    >>> targets = Targets.from_graph(Graph.from_edges([(0, 1), (1, 2)]), "paper")
    >>> targets.pos_weight, targets.norm
    (1.25, 0.9)
    >>> targets.to(torch.device("cpu")).n_nodes
    3
    """

    positive: PairPattern
    n_nodes: int
    pos_weight: float
    norm: float

    @classmethod
    def from_graph(cls, graph: Graph, objective: ObjectiveName) -> Targets:
        """Make the targets of a training graph. Edge weights are not used: every edge has target 1.

        Parameters
        ----------
        graph
            The training graph: held-out edges are not in it and count as negatives.
        objective
            "paper", the class-weighted cross-entropy: positives are weighted by (N^2 - S) / S and
            the mean by N^2 / (2 (N^2 - S)), where S counts the edges in both directions, as in the
            published program. "elbo": both weights are 1, so that the loss is the negative
            evidence lower bound (Kipf & Welling 2016, eq. 3) divided by N^2.

        Raises
        ------
        InputError
            The graph has no edges.
        """
        n_pairs, n_positive = graph.n_nodes**2, int(graph.adjacency.nnz)
        if n_positive == 0:
            raise InputError("the training graph has no edges to learn from")
        pattern = sparse.csr_array(
            graph.adjacency + sparse.eye_array(graph.n_nodes, dtype=np.float32, format="csr")
        )
        pattern.sort_indices()
        weighted = objective == "paper"
        return cls(
            positive=PairPattern(
                torch.from_numpy(pattern.indptr), torch.from_numpy(pattern.indices)
            ),
            n_nodes=graph.n_nodes,
            pos_weight=(n_pairs - n_positive) / n_positive if weighted else 1.0,
            norm=n_pairs / (2.0 * (n_pairs - n_positive)) if weighted else 1.0,
        )

    def to(self, device: torch.device) -> Targets:
        """Copy the pairs to a device."""
        return replace(self, positive=self.positive.to(device))


def link_loss(factor: Tensor, latent: Latent, targets: Targets, *, engine: Engine) -> Loss:
    """Compute the weighted cross-entropy of all pairs plus the divergence from the prior.

    Both are divided by N^2. With "elbo" targets the cross-entropy is the negative log likelihood.

    Parameters
    ----------
    factor
        Vectors whose inner products are the logits of a sample, shape (n_nodes, dim).
    latent
        The distribution that the sample was drawn from.
    targets
        The positive pairs and the weights.
    engine
        Computes the sum over all pairs.

    Examples
    --------
    >>> from vgae.model.kernels import choose_engine
    >>> from vgae.model.latents import Point
    >>> targets = Targets.from_graph(Graph.from_pairs([("a", "b"), ("b", "c")]), "elbo")
    >>> zero = torch.zeros(3, 2)
    >>> loss = link_loss(zero, Point(zero), targets, engine=choose_engine("auto"))
    >>> round(loss.total.item(), 4)  # log 2: zero logits give every pair probability 1/2
    0.6931
    """
    n_pairs = targets.n_nodes**2
    everywhere = engine.sweep(factor.detach(), None)
    at_positives = positive_terms(factor, targets.positive, targets.pos_weight)
    cross_entropy = with_gradients(
        everywhere.total + at_positives.total,
        (factor, everywhere.grad_left.add_(at_positives.gradient)),
    )
    reconstruction = targets.norm / n_pairs * cross_entropy
    kl = latent.kl().sum(dtype=torch.float64) / n_pairs
    return Loss(reconstruction + kl, reconstruction, kl)
