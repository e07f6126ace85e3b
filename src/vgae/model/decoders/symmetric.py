"""Decoders: two embeddings -> a score. In factor form the scores of all pairs are inner products.

A decoder always scores pairs. Where it can, it also gives `Factors`: two vectors and an offset per
node, so that the score of a pair is left_i . right_j + offset_i + offset_j + constant. The exact
objective, the exact search for the best links and the scores of an evaluation all use these
factors, so that they cannot disagree.
"""

from __future__ import annotations

import math
from abc import ABC
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn

from vgae.model.kernels.hop_products import hop_products
from vgae.model.kernels.sparse import CsrParts
from vgae.model.lengths import unit_rows
from vgae.model.settings import N_DEGREE_CLASSES, RATES, ModelSettings, Offset

__all__ = [
    "DECODERS",
    "BilinearDiagonalDecoder",
    "CosineDecoder",
    "Decoder",
    "DistanceDecoder",
    "Factors",
    "HopDecoder",
    "InnerProductDecoder",
    "MLPDecoder",
    "Offsets",
    "score_pairs",
]

CHUNK_PAIRS = 2**18


@dataclass(frozen=True)
class Factors:
    """Vectors and offsets whose inner products are the scores of all pairs.

    The score of (i, j) is left_i . right_j + offset_i + offset_j + constant, and equals that of
    (j, i).

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

    def joined(self) -> tuple[Tensor, Tensor | None]:
        """Two matrices whose inner products are the scores, offsets included.

        Offsets take two more columns, and a constant takes one. The second matrix is None where it
        equals the first.
        """
        right = self.left if self.right is None else self.right
        one = torch.ones_like(self.left[:, :1])
        if self.offset is not None:
            own = self.offset[:, None]
            if self.constant is not None:
                own = own + 0.5 * self.constant
            return torch.cat([self.left, own, one], 1), torch.cat([right, one, own], 1)
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
            for chunk in torch.split(pairs, CHUNK_PAIRS)
        ]
    )


class Decoder(nn.Module, ABC):
    """A symmetric score of two embeddings.

    A decoder of your own implements `factors`, or `pairs` alone if its scores are no inner
    products. It then needs sampled pairs.

    Examples
    --------
    >>> settings = ModelSettings(decoder="cosine", latent_dim=2)
    >>> decoder: Decoder = DECODERS["cosine"].made(settings, torch.Generator())
    >>> latent = torch.tensor([[1.0, 0.0], [0.0, 3.0], [0.0, 4.0]])
    >>> scores = decoder.pairs(latent, torch.tensor([[0, 1], [1, 2]]))
    >>> [round(score, 2) for score in scores.tolist()]
    [0.0, 5.0]
    >>> decoder.factors(latent).left.shape
    torch.Size([3, 2])
    """

    name: ClassVar[str]

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
class InnerProductDecoder(Decoder):
    """z_i . z_j (Kipf & Welling 2016, eq. 2).

    Examples
    --------
    >>> latent = torch.tensor([[1.0, 0.0], [2.0, 1.0]])
    >>> decoder = InnerProductDecoder.made(ModelSettings(), torch.Generator())
    >>> decoder.pairs(latent, torch.tensor([[0, 1]])).tolist()
    [2.0]
    >>> decoder.factors(latent).right is None
    True
    """

    name: ClassVar[str] = "inner"

    def factors(self, latent: Tensor) -> Factors:
        """See `Decoder.factors`."""
        return Factors(latent)


@final
class CosineDecoder(Decoder):
    """The cosine of the angle between z_i and z_j, times a learned inverse temperature.

    Examples
    --------
    >>> decoder = CosineDecoder()
    >>> round(decoder.pairs(torch.eye(2), torch.tensor([[0, 0]])).item(), 4)
    5.0
    >>> decoder.factors(torch.zeros(1, 2)).left.tolist()  # a zero vector stays zero
    [[0.0, 0.0]]
    """

    name: ClassVar[str] = "cosine"
    initial: ClassVar[float] = 5.0

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(self.initial)))

    def factors(self, latent: Tensor) -> Factors:
        """See `Decoder.factors`."""
        return Factors(unit_rows(latent) * torch.exp(0.5 * self.log_scale))


@final
class DistanceDecoder(Decoder):
    """Minus the squared distance of z_i and z_j (Hoff, Raftery & Handcock 2002, there not squared).

    Examples
    --------
    >>> decoder = DistanceDecoder()
    >>> decoder.pairs(torch.tensor([[0.0], [3.0]]), torch.tensor([[0, 1]])).tolist()
    [-9.0]
    >>> decoder.factors(torch.tensor([[0.0], [3.0]])).offset.tolist()
    [-0.0, -9.0]
    """

    name: ClassVar[str] = "distance"

    def factors(self, latent: Tensor) -> Factors:
        """See `Decoder.factors`."""
        return Factors(latent, 2.0 * latent, offset=-(latent**2).sum(dim=1))


@final
class BilinearDiagonalDecoder(Decoder):
    """sum_d w_d z_id z_jd with a learned weight per dimension (Yang et al. 2015, DistMult).

    Weights of rates are exponentials, so that rates stay positive.

    Parameters
    ----------
    latent_dim
        Length of the embedding.
    positive
        Whether scores are rates.

    Examples
    --------
    >>> decoder = BilinearDiagonalDecoder(2)
    >>> decoder.pairs(torch.ones(2, 2), torch.tensor([[0, 1]])).tolist()
    [2.0]
    >>> decoder.factors(torch.ones(2, 2)).left.shape
    torch.Size([2, 2])
    """

    name: ClassVar[str] = "bilinear-diagonal"

    def __init__(self, latent_dim: int, *, positive: bool = False) -> None:
        super().__init__()
        self.positive = positive
        self.weight = nn.Parameter(torch.full((latent_dim,), 0.0 if positive else 1.0))

    @classmethod
    def made(cls, settings: ModelSettings, generator: torch.Generator) -> BilinearDiagonalDecoder:  # noqa: ARG003
        """See `Decoder.made`."""
        return cls(settings.latent_dim, positive=settings.likelihood in RATES)

    def factors(self, latent: Tensor) -> Factors:
        """See `Decoder.factors`."""
        weight = torch.exp(self.weight) if self.positive else self.weight
        return Factors(latent * weight, latent)


@final
class HopDecoder(Decoder):
    """sum_l w_l z_i^l . z_j^l + b_class(i) + b_class(j): what the encoder multi-hop is read by.

    The embedding holds the hops z^l side by side, in parts of equal width, and the class of the
    node's degree as a one among zeros. Every hop has a learned weight, and every class an offset.

    Parameters
    ----------
    n_hops
        Number of hops.

    Examples
    --------
    >>> settings = ModelSettings(encoder="multi-hop", decoder="hops", latent_dim=12, layers=1)
    >>> decoder = HopDecoder.made(settings, torch.Generator())
    >>> decoder.weights()[0].tolist(), decoder.weights()[1].shape
    ([5.0, 5.0], torch.Size([8]))
    >>> latent = torch.ones(3, 12)
    >>> decoder.factors(latent).left[0].tolist()
    [5.0, 5.0, 5.0, 5.0]
    >>> decoder.pairs(latent, torch.tensor([[0, 1]])).tolist()
    [20.0]
    """

    name: ClassVar[str] = "hops"
    initial: ClassVar[float] = 5.0
    speed: ClassVar[float] = 5.0
    """Adam moves weights and offsets by this times the steps of the encoder's weights."""

    def __init__(self, n_hops: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((n_hops,), self.initial / self.speed))
        self.offset = nn.Parameter(torch.zeros(N_DEGREE_CLASSES))

    @classmethod
    def made(cls, settings: ModelSettings, generator: torch.Generator) -> HopDecoder:  # noqa: ARG003
        """See `Decoder.made`."""
        return cls(settings.n_hops)

    def weights(self) -> tuple[Tensor, Tensor]:
        """The weight of each hop, shape (n_hops,), and the offset of each class of degrees."""
        return self.speed * self.weight, self.speed * self.offset

    def factors(self, latent: Tensor) -> Factors:
        """See `Decoder.factors`."""
        (weight, offset), hops = self.weights(), latent[:, :-N_DEGREE_CLASSES]
        width = hops.shape[1] // len(weight)
        left = hops * weight.repeat_interleave(width)
        return Factors(left, hops, offset=latent[:, -N_DEGREE_CLASSES:] @ offset)

    def pairs(self, latent: Tensor, pairs: Tensor) -> Tensor:
        """See `Decoder.pairs`; summed in float32, because steps wait for it."""
        scores: Tensor = _HopScores.apply(latent, pairs, *self.weights())  # type: ignore[no-untyped-call]
        return scores


class _HopScores(torch.autograd.Function):
    """Scores of pairs by hops; the gradient of the embedding is one sparse product."""

    @staticmethod
    def forward(ctx: Any, latent: Tensor, pairs: Tensor, weight: Tensor, offset: Tensor) -> Tensor:
        width = (latent.shape[1] - N_DEGREE_CLASSES) // len(weight)
        products = hop_products(latent, pairs, len(weight), width)
        ctx.save_for_backward(latent, pairs, weight, offset, products)
        added = latent[:, -N_DEGREE_CLASSES:] @ offset
        return products @ weight + added[pairs].sum(dim=1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, Tensor, Tensor]:
        latent, pairs, weight, offset, products = ctx.saved_tensors
        n_nodes, width = len(latent), (latent.shape[1] - N_DEGREE_CLASSES) // len(weight)
        # Both directions of every pair as a sparse matrix.
        rows, columns = torch.cat([pairs, pairs.flip(1)]).T
        order = torch.argsort(rows, stable=True)
        starts = torch.zeros(n_nodes + 1, dtype=torch.int32, device=pairs.device)
        starts[1:] = torch.bincount(rows, minlength=n_nodes).cumsum(0)
        values = grad[order % len(pairs)]
        matrix = CsrParts(starts, columns[order].int(), values.contiguous(), n_nodes)
        result = matrix.times(latent)
        result[:, :-N_DEGREE_CLASSES] *= weight.repeat_interleave(width)
        of_node = torch.zeros(n_nodes, dtype=grad.dtype, device=grad.device)
        of_node.index_add_(0, rows[order], values)
        result[:, -N_DEGREE_CLASSES:] = of_node[:, None] * offset
        return result, None, grad @ products, of_node @ latent[:, -N_DEGREE_CLASSES:]


@final
class MLPDecoder(Decoder):
    """A layer of rectified units on the products z_id z_jd; pairs only.

    Examples
    --------
    >>> decoder = MLPDecoder(2, 4, torch.Generator().manual_seed(0))
    >>> decoder.factors(torch.ones(2, 2)) is None
    True
    >>> decoder.pairs(torch.ones(2, 2), torch.tensor([[0, 1], [1, 0]])).shape
    torch.Size([2])
    """

    name: ClassVar[str] = "mlp"

    def __init__(self, latent_dim: int, hidden_dim: int, generator: torch.Generator) -> None:
        super().__init__()
        self.hidden = nn.Parameter(_uniform((latent_dim, hidden_dim), generator))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden_dim))
        self.output = nn.Parameter(_uniform((hidden_dim,), generator))

    @classmethod
    def made(cls, settings: ModelSettings, generator: torch.Generator) -> MLPDecoder:
        """See `Decoder.made`."""
        return cls(settings.latent_dim, settings.hidden_dim, generator)

    def pairs(self, latent: Tensor, pairs: Tensor) -> Tensor:
        """See `Decoder.pairs`."""
        return torch.cat(
            [
                torch.relu(
                    latent[chunk[:, 0]] * latent[chunk[:, 1]] @ self.hidden + self.hidden_bias
                )
                @ self.output
                for chunk in torch.split(pairs, CHUNK_PAIRS)
            ]
        )


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Uniform in +-sqrt(6 / fan_in) (He et al. 2015)."""
    bound = math.sqrt(6.0 / shape[0])
    return torch.empty(shape).uniform_(-bound, bound, generator=generator)


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
    """

    def __init__(self, kind: Offset, *, n_nodes: int, initial: float, positive: bool) -> None:
        super().__init__()
        self.positive = positive
        share = initial if kind == "constant" else initial / 2.0
        start = math.log(share) if positive else share
        shape = () if kind == "constant" else (n_nodes,)
        self.value = nn.Parameter(torch.full(shape, start))

    def amount(self) -> Tensor:
        """What is added for all pairs, a scalar; or per end, shape (n_nodes,)."""
        return torch.exp(self.value) if self.positive else self.value

    @torch.no_grad()
    def raise_by(self, amount: float) -> None:
        """Add a number to every score for good; to its logarithm, if scores are rates."""
        shared = self.value.ndim == 0 or self.positive
        self.value.add_(amount if shared else amount / 2.0)

    def added_to(self, factors: Factors) -> Factors:
        """Factors with the offsets added.

        Nodes that were not there when the offsets were learned get the mean of the others.
        """
        amount = self.amount()
        if amount.ndim == 0 and self.positive and factors.right is None:
            # A positive constant is the product of two equal columns: one matrix, half the work.
            column = torch.sqrt(amount) * torch.ones_like(factors.left[:, :1])
            left = torch.cat([factors.left, column], dim=1)
            return Factors(left, None, factors.offset, factors.constant)
        if amount.ndim == 0:
            constant = amount if factors.constant is None else factors.constant + amount
            return Factors(factors.left, factors.right, factors.offset, constant)
        amount = _with_later(amount, len(factors.left))
        offset = amount if factors.offset is None else factors.offset + amount
        return Factors(factors.left, factors.right, offset, factors.constant)

    def at(self, pairs: Tensor) -> Tensor:
        """What is added to the scores of these pairs, shape (n_pairs,)."""
        amount = self.amount()
        if amount.ndim == 0:
            return amount.expand(len(pairs))
        n_nodes = int(pairs.max()) + 1 if len(pairs) else 0
        return _with_later(amount, n_nodes)[pairs].sum(dim=1)


def _with_later(amount: Tensor, n_nodes: int) -> Tensor:
    """Offsets of at least so many nodes; later ones get the mean of the others."""
    n_later = n_nodes - len(amount)
    return torch.cat([amount, amount.mean().expand(n_later)]) if n_later > 0 else amount


DECODERS: dict[str, type[Decoder]] = {
    decoder.name: decoder
    for decoder in (
        InnerProductDecoder,
        CosineDecoder,
        DistanceDecoder,
        BilinearDiagonalDecoder,
        HopDecoder,
        MLPDecoder,
    )
}
"""The decoders by name, as in `ModelSettings.decoder`."""
