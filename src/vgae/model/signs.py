"""The signs of the edges of a signed graph: targets, and a decoder of the embedding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from vgae.data.graph import Graph
from vgae.ground.errors import InputError

__all__ = ["SignDecoder", "SignTargets", "log_odds_of_signs"]


@dataclass(frozen=True)
class SignTargets:
    """The signs of the training edges, and the weight of each.

    Attributes
    ----------
    pairs
        The edges i < j as node indices, shape (n_edges, 2).
    signs
        1 for a positive edge and -1 for a negative one, shape (n_edges,).
    weights
        Weights of the edges: those of positive edges sum to one half, and those of negative ones.

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1), (1, 2), (0, 2)], weights=[3, -1, -2], kind="signed")
    >>> targets = SignTargets.from_graph(graph)
    >>> targets.signs.tolist(), targets.weights.tolist()
    ([1.0, -1.0, -1.0], [0.5, 0.25, 0.25])
    >>> targets.to(torch.device("cpu")).pairs.tolist()
    [[0, 1], [0, 2], [1, 2]]
    >>> round(targets.loss(torch.zeros(3)).item(), 4)  # every sign as likely as the other: log 2
    0.6931
    """

    pairs: Tensor
    signs: Tensor
    weights: Tensor

    @classmethod
    def from_graph(cls, graph: Graph) -> SignTargets:
        """Make the targets of a training graph, or of the hidden edges of a step."""
        weights = torch.ones(graph.n_edges)
        if graph.weights is not None:
            weights = torch.from_numpy(graph.weights.copy())
        signs = torch.sign(weights)
        shares = torch.where(signs > 0, (signs > 0).sum(), (signs < 0).sum()) * 2.0
        pairs = torch.from_numpy(graph.edges.copy()).long()
        return cls(pairs, signs, 1.0 / shares)

    def to(self, device: torch.device) -> SignTargets:
        """Copy the tensors to a device."""
        return SignTargets(*(part.to(device) for part in (self.pairs, self.signs, self.weights)))

    def loss(self, logits: Tensor) -> Tensor:
        """The class-weighted cross-entropy of logits of a positive sign: a float64 scalar."""
        losses = softplus(-self.signs * logits).double()
        return (self.weights.double() * losses).sum()


def log_odds_of_signs(graph: Graph, who: str) -> float:
    """The logarithm of the odds of a positive edge among the edges of a training graph.

    Parameters
    ----------
    graph
        A signed graph.
    who
        The method that learns the signs, as the error names it.

    Raises
    ------
    InputError
        All edges have the same sign.

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1), (1, 2), (0, 2)], weights=[3, 1, -2], kind="signed")
    >>> log_odds_of_signs(graph, "balance") == math.log(2.0)
    True
    >>> log_odds_of_signs(graph.with_edges([(0, 1)]), "balance")
    Traceback (most recent call last):
    vgae.InputError: balance: all training edges are positive, so that there is no sign to learn;
    hold fewer edges out, or read the graph without --signed (signed=False)
    """
    n_positive = 0 if graph.weights is None else int((graph.weights > 0).sum())
    if n_positive in (0, graph.n_edges):
        only = "positive" if n_positive or graph.weights is None else "negative"
        raise InputError(
            f"{who}: all training edges are {only}, so that there is no sign to learn; hold fewer "
            "edges out, or read the graph without --signed (signed=False)"
        )
    return math.log(n_positive / (graph.n_edges - n_positive))


@final
class SignDecoder(nn.Module):
    """The logit of a positive sign, given an edge, from an embedding of two halves.

    With F and E the friends' and the foes' half of a node, S = F + E and D = F - E,

        logit_ij = sum_k [ a_k S_ik S_jk + b_k D_ik D_jk ] + offset_i + offset_j + constant

    At first a = 0 and b = 1: what friends' halves and foes' halves have in common speaks for a
    positive sign, and what a friends' half shares with a foes' half against it.

    Parameters
    ----------
    n_nodes
        Number of nodes.
    dim
        Length of the embedding.

    Examples
    --------
    >>> decoder = SignDecoder(3, dim=2)
    >>> friends_or_foes = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> decoder(friends_or_foes, torch.tensor([[0, 1], [0, 2]])).tolist()
    [1.0, -1.0]
    >>> decoder.raise_by(0.5)
    >>> decoder(friends_or_foes, torch.tensor([[0, 2]])).tolist()
    [-0.5]
    """

    def __init__(self, n_nodes: int, dim: int) -> None:
        super().__init__()
        half = dim // 2
        self.weight = nn.Parameter(torch.cat([torch.zeros(half), torch.ones(half)]))
        self.offset = nn.Parameter(torch.zeros(n_nodes))
        self.constant = nn.Parameter(torch.tensor(0.0))

    def forward(self, vectors: Tensor, pairs: Tensor) -> Tensor:
        """Logits of pairs.

        Parameters
        ----------
        vectors
            The embedding, shape (n_nodes, dim).
        pairs
            Node indices, shape (n_pairs, 2).

        Returns
        -------
        Shape (n_pairs,).

        Examples
        --------
        >>> SignDecoder(2, dim=4).forward(torch.ones(2, 4), torch.tensor([[0, 1]])).tolist()
        [0.0]
        """
        friends, foes = vectors.chunk(2, dim=1)
        turned = torch.cat([friends + foes, friends - foes], dim=1)
        source, target = turned[pairs[:, 0]], turned[pairs[:, 1]]
        offsets = self.offset[pairs].sum(dim=1)
        return (source * target) @ self.weight + offsets + self.constant

    @torch.no_grad()
    def raise_by(self, log_odds: float) -> None:
        """Add a number to all logits for good.

        Trained with classes of equal weight, a logit is that of a graph with as many positive as
        negative edges; the log-odds of the training graph make it that of this graph.
        """
        self.constant.add_(log_odds)
