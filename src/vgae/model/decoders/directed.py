"""Decoders of directed graphs: the score of (i, j) is that of an arc from i to j."""

from __future__ import annotations

from typing import ClassVar, final

import torch
from torch import Tensor, nn

from vgae.model.decoders import base
from vgae.model.decoders.base import Decoder, Factors

__all__ = ["DirectedInnerProductDecoder", "GravityDecoder", "SquaredGravityDecoder"]


@final
class DirectedInnerProductDecoder(Decoder):
    """s_i . t_j, where the embedding holds the source part s and the target part t side by side.

    It reads the encoder `directed` (Kollias et al. 2022, DiGAE), or the halves of any other.

    Examples
    --------
    >>> latent = torch.tensor([[1.0, 0.0], [2.0, 3.0]])
    >>> decoder = DirectedInnerProductDecoder()
    >>> decoder.pairs(latent, torch.tensor([[0, 1], [1, 0]])).tolist()
    [3.0, 0.0]
    >>> decoder.factors(latent).right.tolist()
    [[0.0], [3.0]]
    """

    name: ClassVar[str] = "directed-inner"
    ordered: ClassVar[bool] = True

    def factors(self, latent: Tensor) -> Factors:
        """See `Decoder.factors`."""
        source, target = latent.chunk(2, dim=1)
        return Factors(source.contiguous(), target.contiguous())


class _Gravity(Decoder):
    """A mass, the last column of the embedding, and a distance with a learned weight."""

    ordered: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.log_weight = nn.Parameter(torch.tensor(0.0))

    @property
    def weight(self) -> Tensor:
        """The weight lambda of the distance, which is positive."""
        return torch.exp(self.log_weight)


@final
class GravityDecoder(_Gravity):
    """m_j - lambda log(d_ij^2 + 0.01), d_ij the distance (Salha et al. 2019, eq. 8); pairs only.

    The embedding holds z, followed by the mass m. The weight lambda is learned. The added number
    keeps the score finite where two nodes are in the same place.

    Examples
    --------
    >>> latent = torch.tensor([[0.0, 1.0], [3.0, 5.0]])
    >>> decoder = GravityDecoder()
    >>> scores = decoder.pairs(latent, torch.tensor([[0, 1], [1, 0]]))
    >>> [round(score, 3) for score in scores.tolist()]  # 5 and 1, less log 9.01
    [2.802, -1.198]
    """

    name: ClassVar[str] = "gravity"
    softening: ClassVar[float] = 0.01

    def pairs(self, latent: Tensor, pairs: Tensor) -> Tensor:
        """See `Decoder.pairs`."""
        places, mass = latent[:, :-1], latent[:, -1]
        squares = torch.cat(
            [
                ((places[chunk[:, 0]] - places[chunk[:, 1]]) ** 2).sum(dim=1)
                for chunk in base.pair_chunks(pairs, places)
            ]
        )
        return mass[pairs[:, 1]] - self.weight * torch.log(squares + self.softening)


@final
class SquaredGravityDecoder(_Gravity):
    """m_j - lambda d_ij^2, d_ij the distance: gravity whose scores of all pairs are inner products.

    The embedding holds z, followed by the mass m. The weight lambda is learned.

    Examples
    --------
    >>> latent = torch.tensor([[0.0, 1.0], [3.0, 5.0]])
    >>> decoder = SquaredGravityDecoder()
    >>> decoder.pairs(latent, torch.tensor([[0, 1], [1, 0]])).tolist()  # 5 - 9 and 1 - 9
    [-4.0, -8.0]
    >>> decoder.factors(latent).right_offset.tolist()
    [1.0, -4.0]
    """

    name: ClassVar[str] = "gravity-squared"

    def factors(self, latent: Tensor) -> Factors:
        """See `Decoder.factors`."""
        places, mass = latent[:, :-1], latent[:, -1]
        lengths = self.weight * (places**2).sum(dim=1)
        return Factors(
            2.0 * self.weight * places, places, offset=-lengths, right_offset=mass - lengths
        )
