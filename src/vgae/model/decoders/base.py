"""What every decoder does, scores of all pairs as factors, and offsets."""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from vgae.model.settings import ModelSettings, Offset

__all__ = ["Decoder", "Factors", "Offsets", "pair_chunks", "score_pairs"]

CHUNK_NUMBERS = 2**21
"""Numbers of one end of pairs that are gathered at a time."""


@dataclass(frozen=True)
class Factors:
    """Vectors and offsets whose inner products are the scores of all pairs.

    The score of (i, j) is left_i . right_j + offset_i + right_offset_j + constant. Unless the
    decoder is `ordered`, it equals that of (j, i).

    Attributes
    ----------
    left
        Shape (n_nodes, dim).
    right
        Shape (n_nodes, dim); None means `left`.
    offset
        Shape (n_nodes,), or None for zero.
    constant
        A scalar, or None for zero.
    right_offset
        Shape (n_nodes,); None means `offset`.

    Examples
    --------
    >>> factors = Factors(torch.tensor([[1.0], [2.0]]), constant=torch.tensor(0.5))
    >>> left, right = factors.joined()
    >>> left @ right.T
    tensor([[1.5000, 2.5000],
            [2.5000, 4.5000]])
    """

    left: Tensor
    right: Tensor | None = None
    offset: Tensor | None = None
    constant: Tensor | None = None
    right_offset: Tensor | None = None

    def joined(self) -> tuple[Tensor, Tensor | None]:
        """Two matrices whose inner products are the scores, offsets included.

        Offsets take two more columns, and a constant takes one. The second matrix is None where it
        equals the first.
        """
        right = self.left if self.right is None else self.right
        one = torch.ones_like(self.left[:, :1])
        if self.offset is not None:
            half = 0.0 if self.constant is None else 0.5 * self.constant
            own = self.offset[:, None] + half
            other = own if self.right_offset is None else self.right_offset[:, None] + half
            return torch.cat([self.left, own, one], 1), torch.cat([right, one, other], 1)
        if self.constant is not None:
            return torch.cat([self.left, one], 1), torch.cat([right, self.constant * one], 1)
        return self.left, self.right


def score_pairs(left: Tensor, right: Tensor, pairs: Tensor) -> Tensor:
    """Inner products of pairs of rows, summed in float64, one chunk at a time.

    Sums in float64 round to the same float32 in any order, so that pairs of equal vectors tie.

    Parameters
    ----------
    left, right
        Shape (n_nodes, dim) each.
    pairs
        Node indices, shape (n_pairs, 2).

    Raises
    ------
    IndexError
        A pair has a node index beyond the last node.

    Examples
    --------
    >>> vectors = torch.tensor([[1.0, 0.0], [2.0, 1.0]])
    >>> score_pairs(vectors, vectors, torch.tensor([[0, 1]])).tolist()
    [2.0]
    """
    return torch.cat(
        [
            (left[chunk[:, 0]].double() * right[chunk[:, 1]].double()).sum(dim=1).to(left.dtype)
            for chunk in pair_chunks(pairs, left)
        ]
    )


def pair_chunks(pairs: Tensor, vectors: Tensor) -> Sequence[Tensor]:
    """The pairs, some at a time, so that the vectors of their ends take little memory.

    Examples
    --------
    >>> [len(chunk) for chunk in pair_chunks(torch.zeros(5, 2), torch.zeros(3, CHUNK_NUMBERS // 3))]
    [3, 2]
    """
    return torch.split(pairs, max(1, CHUNK_NUMBERS // max(1, vectors.shape[1])))


class Decoder(nn.Module, ABC):
    """A score of two embeddings.

    A decoder of your own implements `factors`, or `pairs` alone if its scores are no inner
    products. It then needs sampled pairs.

    Attributes
    ----------
    ordered
        Whether the order of a pair matters: the score of (i, j) is that of an arc from i to j. Such
        a decoder needs a directed graph, and a directed graph needs such a decoder.

    Examples
    --------
    >>> from vgae.model.decoders import DECODERS
    >>> settings = ModelSettings(decoder="cosine", latent_dim=2)
    >>> decoder: Decoder = DECODERS["cosine"].made(settings, torch.Generator())
    >>> latent = torch.tensor([[1.0, 0.0], [0.0, 3.0], [0.0, 4.0]])
    >>> scores = decoder.pairs(latent, torch.tensor([[0, 1], [1, 2]]))
    >>> [round(score, 2) for score in scores.tolist()]
    [0.0, 5.0]
    >>> decoder.factors(latent).left.shape, decoder.ordered
    (torch.Size([3, 2]), False)
    """

    name: ClassVar[str]
    ordered: ClassVar[bool] = False

    @classmethod
    def made(cls, settings: ModelSettings, generator: torch.Generator) -> Decoder:  # noqa: ARG003
        """The decoder for these settings, with initial parameters from the generator."""
        return cls()

    def factors(self, latent: Tensor) -> Factors | None:  # noqa: ARG002 - by default there are none
        """Factors of the scores of all pairs; None if the scores have no such form.

        Parameters
        ----------
        latent
            Embeddings, shape (n_nodes, latent_dim).
        """
        return None

    def pairs(self, latent: Tensor, pairs: Tensor) -> Tensor:
        """Scores of pairs of node indices, shape (n_pairs,), differentiable.

        Parameters
        ----------
        latent
            Embeddings, shape (n_nodes, latent_dim).
        pairs
            Node indices, shape (n_pairs, 2).
        """
        factors = self.factors(latent)
        if factors is None:
            raise NotImplementedError(f"{type(self).__name__} must implement pairs or factors")
        left, right = factors.joined()
        return score_pairs(left, left if right is None else right, pairs)


@final
class Offsets(nn.Module):
    """What is added to every score: a learned constant, or a learned number per end.

    Offsets of rates are exponentials, so that rates stay positive.

    Parameters
    ----------
    kind
        "constant" or "node".
    n_nodes
        Number of nodes.
    initial
        The sum of what is added to a score at first; for rates, positive.
    positive
        Whether scores are rates.
    ordered
        Whether a node has one number as the source of an arc and another as its target.

    Examples
    --------
    >>> offsets = Offsets("constant", n_nodes=2, initial=0.25, positive=True)
    >>> offsets.added_to(Factors(torch.ones(2, 1))).left[0].tolist()  # 1 x 1 + 0.5 x 0.5
    [1.0, 0.5]
    >>> offsets.at(torch.tensor([[0, 1]])).shape
    torch.Size([1])
    >>> logits = Offsets("node", n_nodes=2, initial=0.0, positive=False)
    >>> logits.raise_by(1.0)
    >>> logits.amount().tolist()
    [0.5, 0.5]
    >>> Offsets("node", n_nodes=3, initial=0.0, positive=False, ordered=True).amount().shape
    torch.Size([2, 3])
    """

    def __init__(
        self, kind: Offset, *, n_nodes: int, initial: float, positive: bool, ordered: bool = False
    ) -> None:
        super().__init__()
        self.positive = positive
        share = initial if kind == "constant" else initial / 2.0
        start = math.log(share) if positive else share
        per_node = (2, n_nodes) if ordered else (n_nodes,)
        self.value = nn.Parameter(torch.full(() if kind == "constant" else per_node, start))

    def amount(self) -> Tensor:
        """What is added for all pairs, a scalar; or per end, shape (n_nodes,).

        Where the order of pairs matters, shape (2, n_nodes): as source, and as target.
        """
        return torch.exp(self.value) if self.positive else self.value

    @torch.no_grad()
    def raise_by(self, amount: float) -> None:
        """Add a number to every score for good; to its logarithm, if scores are rates."""
        shared = self.value.ndim == 0 or self.positive
        self.value.add_(amount if shared else amount / 2.0)

    def added_to(self, factors: Factors, rows: slice | None = None) -> Factors:
        """Factors with the offsets added.

        Nodes that were not there when the offsets were learned get the mean of the others.

        Parameters
        ----------
        factors
            Those of all nodes, or of some.
        rows
            The nodes whose factors they are; None for all.
        """
        amount = self.amount()
        if amount.ndim == 0 and self.positive and factors.right is None:
            # A positive constant is the product of two equal columns: one matrix, half the work.
            column = torch.sqrt(amount) * torch.ones_like(factors.left[:, :1])
            left = torch.cat([factors.left, column], dim=1)
            return replace(factors, left=left)
        if amount.ndim == 0:
            constant = amount if factors.constant is None else factors.constant + amount
            return replace(factors, constant=constant)
        if rows is not None:
            amount = amount[..., rows]
        amount = _with_later(amount, len(factors.left))
        first, second = amount if amount.ndim == 2 else (amount, amount)
        offset = first if factors.offset is None else factors.offset + first
        if amount.ndim == 1 and factors.right_offset is None:
            return replace(factors, offset=offset)
        given = factors.offset if factors.right_offset is None else factors.right_offset
        return replace(
            factors, offset=offset, right_offset=second if given is None else given + second
        )

    def at(self, pairs: Tensor) -> Tensor:
        """What is added to the scores of these pairs, shape (n_pairs,)."""
        amount = self.amount()
        if amount.ndim == 0:
            return amount.expand(len(pairs))
        n_nodes = int(pairs.max()) + 1 if len(pairs) else 0
        amount = _with_later(amount, n_nodes)
        if amount.ndim == 1:
            return amount[pairs].sum(dim=1)
        return amount[0, pairs[:, 0]] + amount[1, pairs[:, 1]]


def _with_later(amount: Tensor, n_nodes: int) -> Tensor:
    """Offsets of at least so many nodes; later ones get the mean of the others."""
    n_later = n_nodes - amount.shape[-1]
    if n_later <= 0:
        return amount
    mean = amount.mean(dim=-1, keepdim=True)
    return torch.cat([amount, mean.expand(*amount.shape[:-1], n_later)], dim=-1)
