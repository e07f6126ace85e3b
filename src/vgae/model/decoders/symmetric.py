"""Decoders whose score is the same in both directions of a pair."""

from __future__ import annotations

import math
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from vgae.model.decoders import base
from vgae.model.decoders.base import Decoder, Factors
from vgae.model.lengths import unit_rows
from vgae.model.settings import RATES, ModelSettings

__all__ = [
    "BilinearDiagonalDecoder",
    "CosineDecoder",
    "DistanceDecoder",
    "InnerProductDecoder",
    "MLPDecoder",
]


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
        return cls(settings.latent_dim, positive=settings.likelihood_used in RATES)

    def factors(self, latent: Tensor) -> Factors:
        """See `Decoder.factors`."""
        weight = torch.exp(self.weight) if self.positive else self.weight
        return Factors(latent * weight, latent)


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
                for chunk in base.pair_chunks(pairs, latent)
            ]
        )


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Uniform in +-sqrt(6 / fan_in) (He et al. 2015)."""
    bound = math.sqrt(6.0 / shape[0])
    return torch.empty(shape).uniform_(-bound, bound, generator=generator)
