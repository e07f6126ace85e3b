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

__all__ = ["SignDecoder", "SignTargets"]


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
        Weights of the edges, which sum to 1; positive and negative edges weigh the same in all.

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1), (1, 2), (0, 2)], weights=[3, -1, -2], kind="signed")
    >>> targets = SignTargets.from_graph(graph)
    >>> targets.signs.tolist(), targets.weights.tolist()
    ([1.0, -1.0, -1.0], [0.5, 0.25, 0.25])
    >>> targets.to(torch.device("cpu")).pairs.tolist()
    [[0, 1], [0, 2], [1, 2]]
    >>> targets.loss(torch.zeros(3)).item() == math.log(2.0)  # every sign as likely as the other
    True
    """

    pairs: Tensor
    signs: Tensor
    weights: Tensor

    @classmethod
    def from_graph(cls, graph: Graph) -> SignTargets:
        """Make the targets of a training graph; edges of a sign that is missing weigh nothing."""
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


def check_both_signs(graph: Graph) -> float:
    """The logarithm of the odds of a positive edge in a training graph.

    Raises
    ------
    InputError
        All edges have the same sign.
    """
    n_positive = 0 if graph.weights is None else int((graph.weights > 0).sum())
    if n_positive in (0, graph.n_edges):
        only = "negative" if graph.weights is not None and n_positive == 0 else "positive"
        raise InputError(
            f"encoder signed: all training edges are {only}, so that there is no sign to learn; "
            "hold fewer edges out, or read the graph without --signed (signed=False)"
        )
    return math.log(n_positive / (graph.n_edges - n_positive))


@final
class SignDecoder(nn.Module):
    """The logit of a positive sign, given an edge, from an embedding of two halves.

    With F and E the friends' and the foes' half of a node, S = F + E and D = F - E,

        logit_ij = sum_k [ a_k S_ik S_jk + b_k D_ik D_jk ] + offset_i + offset_j + constant

    At first a = 0 and b = 1: the inner product F_i . F_j + E_i . E_j - F_i . E_j - E_i . F_j.
    """

    def __init__(self, n_nodes: int, dim: int) -> None:
        super().__init__()
        half = dim // 2
        self.weight = nn.Parameter(torch.cat([torch.zeros(half), torch.ones(half)]))
        self.offset = nn.Parameter(torch.zeros(n_nodes))
        self.constant = nn.Parameter(torch.tensor(0.0))

    def forward(self, vectors: Tensor, pairs: Tensor) -> Tensor:
        """Logits of pairs, shape (n_pairs,)."""
        friends, foes = vectors.chunk(2, dim=1)
        turned = torch.cat([friends + foes, friends - foes], dim=1)
        source, target = turned[pairs[:, 0]], turned[pairs[:, 1]]
        offsets = self.offset[pairs].sum(dim=1)
        return (source * target) @ self.weight + offsets + self.constant

    @torch.no_grad()
    def raise_by(self, log_odds: float) -> None:
        """Add a number to all logits for good."""
        self.constant.add_(log_odds)
