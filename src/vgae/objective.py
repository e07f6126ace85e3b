"""Objectives: vectors and targets -> one loss with its named terms, over all pairs of nodes.

With s_ij the logit of a pair and P the positive targets (training edges in both directions and
every node with itself), the sum over all N^2 ordered pairs splits into one part that needs no
graph and one part over P alone:

    sum_ij softplus(s_ij)  +  sum_P [ pos_weight * softplus(-s_ij) - softplus(s_ij) ]

The first is computed by an engine of `vgae.kernels` in linear memory, the second here. Nothing is
sampled and nothing is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional

from vgae.errors import InputError
from vgae.graph import Graph
from vgae.kernels import Engine, csr_tensor, softplus_sum
from vgae.latent import Latent

__all__ = ["Loss", "ObjectiveName", "Targets", "link_loss"]

ObjectiveName = Literal["paper", "elbo"]

CHUNK_PAIRS = 2**16


@dataclass(frozen=True)
class Loss:
    """A loss and its terms; total = reconstruction + kl, each a float64 scalar."""

    total: Tensor
    reconstruction: Tensor
    kl: Tensor


@dataclass(frozen=True)
class Targets:
    """What the decoder should answer: the positive pairs and how much each counts.

    Attributes
    ----------
    row_starts, rows, columns
        The positive pairs as the CSR pattern of A + I; rows and columns have shape (n_pairs,).
    n_nodes
        Number of nodes.
    pos_weight
        Weight of a positive pair beside a negative one.
    norm
        Factor of the mean over all pairs.
    """

    row_starts: Tensor
    rows: Tensor
    columns: Tensor
    n_nodes: int
    pos_weight: float
    norm: float

    @classmethod
    def from_graph(cls, graph: Graph, objective: ObjectiveName) -> Targets:
        """Targets of a training graph; edge weights play no part: the target of an edge is 1.

        Parameters
        ----------
        graph
            The training graph: held-out edges are not in it and count as negatives.
        objective
            "paper": positives weighted by (N^2 - S) / S and the mean by N^2 / (2 (N^2 - S)), where
            S counts the edges in both directions, as in the published program. "elbo": both are
            1, so that the loss is the negative evidence lower bound (Kipf & Welling 2016, eq. 3)
            divided by N^2.

        Raises
        ------
        InputError
            The graph has no edges.
        """
        n_pairs, n_positive = graph.n_nodes**2, int(graph.adjacency.nnz)
        if n_positive == 0:
            raise InputError("the training graph has no edges: there is nothing to learn from")
        pattern = sparse.csr_array(
            graph.adjacency + sparse.eye_array(graph.n_nodes, dtype=np.float32, format="csr")
        )
        pattern.sort_indices()
        starts = pattern.indptr.astype(np.int64)
        weighted = objective == "paper"
        return cls(
            row_starts=torch.from_numpy(starts),
            rows=torch.from_numpy(np.repeat(np.arange(graph.n_nodes), np.diff(starts))),
            columns=torch.from_numpy(pattern.indices.astype(np.int64)),
            n_nodes=graph.n_nodes,
            pos_weight=(n_pairs - n_positive) / n_positive if weighted else 1.0,
            norm=n_pairs / (2.0 * (n_pairs - n_positive)) if weighted else 1.0,
        )


def link_loss(factor: Tensor, latent: Latent, targets: Targets, *, engine: Engine) -> Loss:
    """Negative log likelihood of all pairs plus the divergence from the prior, over N^2.

    Parameters
    ----------
    factor
        Vectors of a sample whose inner products are the logits, shape (n_nodes, dim).
    latent
        The distribution that the sample was drawn from.
    targets
        The positive pairs and the weights.
    engine
        What computes the sum over all pairs.

    Examples
    --------
    >>> from vgae.kernels import choose_engine
    >>> from vgae.latent import Point
    >>> targets = Targets.from_graph(Graph.from_pairs([("a", "b"), ("b", "c")]), "elbo")
    >>> zero = torch.zeros(3, 2)
    >>> loss = link_loss(zero, Point(zero), targets, engine=choose_engine("auto"))
    >>> round(loss.total.item(), 4)  # log 2: the coin has not been looked at yet
    0.6931
    """
    n_pairs = targets.n_nodes**2
    everywhere = softplus_sum(factor, engine=engine)
    at_positives: Tensor = _PositiveTerms.apply(factor, targets)  # type: ignore[no-untyped-call]
    reconstruction = targets.norm / n_pairs * (everywhere + at_positives)
    kl = latent.kl().sum(dtype=torch.float64) / n_pairs
    return Loss(reconstruction + kl, reconstruction, kl)


class _PositiveTerms(torch.autograd.Function):
    """Sum over the positive pairs of pos_weight * softplus(-s) - softplus(s).

    The gradient has a closed form: a sparse matrix of coefficients times the vectors. That is
    deterministic on any number of threads, which the gradient of a gather is not. Logits are taken
    in float64, so that they cancel as exactly as they can against the sum over all pairs.
    """

    @staticmethod
    def forward(ctx: Any, factor: Tensor, targets: Targets) -> Tensor:
        total = torch.zeros((), dtype=torch.float64)
        slopes = torch.empty(len(targets.columns), dtype=factor.dtype)
        for start in range(0, len(slopes), CHUNK_PAIRS):
            chunk = slice(start, start + CHUNK_PAIRS)
            left, right = factor[targets.rows[chunk]], factor[targets.columns[chunk]]
            logits = (left.double() * right.double()).sum(dim=1)
            softplus = functional.softplus(logits, threshold=40.0)
            total += (targets.pos_weight * (softplus - logits) - softplus).sum()
            probability = torch.sigmoid(logits)
            slopes[chunk] = targets.pos_weight * (probability - 1.0) - probability
        ctx.targets = targets
        ctx.save_for_backward(factor, slopes)
        return total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_total: Tensor) -> tuple[Tensor, None]:
        factor, slopes = ctx.saved_tensors
        targets: Targets = ctx.targets
        shape = (targets.n_nodes, targets.n_nodes)
        coefficients = csr_tensor(targets.row_starts, targets.columns, slopes, shape)
        # Pattern and slopes are symmetric, so both sides of a pair give the same gradient.
        return (coefficients @ factor) * (2.0 * grad_total.to(factor.dtype)), None
