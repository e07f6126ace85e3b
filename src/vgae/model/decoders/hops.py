"""Decoders that weigh the hops of the multi-hop encoders."""

from __future__ import annotations

from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn

from vgae.model.decoders.base import Decoder, Factors
from vgae.model.kernels.hop_products import hop_products
from vgae.model.kernels.sparse import CsrParts
from vgae.model.settings import N_DEGREE_CLASSES, ModelSettings

__all__ = ["DirectedHopDecoder", "HopDecoder"]


class _WeighedHops(Decoder):
    """A learned weight per hop, and a learned offset per class of degrees.

    Parameters
    ----------
    n_hops
        Number of hops.
    """

    initial: ClassVar[float] = 5.0
    speed: ClassVar[float] = 5.0
    """Adam moves weights and offsets by this times the steps of the encoder's weights."""

    def __init__(self, n_hops: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((n_hops,), self.initial / self.speed))
        shape = (2, N_DEGREE_CLASSES) if self.ordered else (N_DEGREE_CLASSES,)
        self.offset = nn.Parameter(torch.zeros(shape))

    @classmethod
    def made(cls, settings: ModelSettings, generator: torch.Generator) -> _WeighedHops:  # noqa: ARG003
        """See `Decoder.made`."""
        return cls(settings.n_hops)

    def weights(self) -> tuple[Tensor, Tensor]:
        """The weight of each hop, shape (n_hops,), and the offset of each class of degrees.

        Where the order of pairs matters, the offsets of sources and targets, shape (2, n_classes).
        """
        return self.speed * self.weight, self.speed * self.offset


@final
class HopDecoder(_WeighedHops):
    """sum_l w_l z_i^l . z_j^l + b_class(i) + b_class(j): what the encoder multi-hop is read by.

    The embedding holds the hops z^l side by side, in parts of equal width, and the class of the
    node's degree as a one among zeros. Every hop has a learned weight, and every class an offset.

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


@final
class DirectedHopDecoder(_WeighedHops):
    """sum_l w_l s_i^l . t_j^l + b_class(i) + c_class(j), which reads directed-multi-hop.

    The embedding is two halves. The first holds the hops s^l of the node as a source and the class
    of its out-degree, as those of `HopDecoder`; the second the hops t^l as a target and the class
    of its in-degree.

    Examples
    --------
    >>> settings = ModelSettings(
    ...     encoder="directed-multi-hop", decoder="directed-hops", latent_dim=20, layers=1
    ... )
    >>> decoder = DirectedHopDecoder.made(settings, torch.Generator())
    >>> latent = torch.cat([torch.ones(3, 10), torch.full((3, 10), 2.0)], dim=1)
    >>> decoder.factors(latent).right[0].tolist(), decoder.weights()[1].shape
    ([2.0, 2.0], torch.Size([2, 8]))
    >>> decoder.pairs(latent, torch.tensor([[0, 1]])).tolist()  # 5 (1 x 2) + 5 (1 x 2)
    [20.0]
    """

    name: ClassVar[str] = "directed-hops"
    ordered: ClassVar[bool] = True

    def factors(self, latent: Tensor) -> Factors:
        """See `Decoder.factors`."""
        weight, offset = self.weights()
        source, target = latent.chunk(2, dim=1)
        width = (source.shape[1] - N_DEGREE_CLASSES) // len(weight)
        return Factors(
            source[:, :-N_DEGREE_CLASSES] * weight.repeat_interleave(width),
            target[:, :-N_DEGREE_CLASSES].contiguous(),
            offset=source[:, -N_DEGREE_CLASSES:] @ offset[0],
            right_offset=target[:, -N_DEGREE_CLASSES:] @ offset[1],
        )

    def pairs(self, latent: Tensor, pairs: Tensor) -> Tensor:
        """See `Decoder.pairs`; summed in float32, because steps wait for it."""
        scores: Tensor = _ArcScores.apply(latent, pairs, *self.weights())  # type: ignore[no-untyped-call]
        return scores


class _HopScores(torch.autograd.Function):
    """Scores of pairs by hops; the gradient of the embedding is one sparse product."""

    @staticmethod
    def forward(ctx: Any, latent: Tensor, pairs: Tensor, weight: Tensor, offset: Tensor) -> Tensor:
        width = (latent.shape[1] - N_DEGREE_CLASSES) // len(weight)
        products = hop_products(latent, latent, pairs, len(weight), width)
        ctx.save_for_backward(latent, pairs, weight, offset, products)
        added = latent[:, -N_DEGREE_CLASSES:] @ offset
        return products @ weight + added[pairs].sum(dim=1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, Tensor, Tensor]:
        latent, pairs, weight, offset, products = ctx.saved_tensors
        rows, columns = torch.cat([pairs, pairs.flip(1)]).T
        slopes = torch.cat([grad, grad])
        result, of_node = _pulled(rows, columns, slopes, latent, weight, offset)
        return result, None, grad @ products, of_node @ latent[:, -N_DEGREE_CLASSES:]


class _ArcScores(torch.autograd.Function):
    """Scores of arcs by hops; the gradient of each half of the embedding is a sparse product."""

    @staticmethod
    def forward(ctx: Any, latent: Tensor, pairs: Tensor, weight: Tensor, offset: Tensor) -> Tensor:
        source, target = (half.contiguous() for half in latent.chunk(2, dim=1))
        width = (source.shape[1] - N_DEGREE_CLASSES) // len(weight)
        products = hop_products(source, target, pairs, len(weight), width)
        ctx.save_for_backward(source, target, pairs, weight, offset, products)
        of_source, of_target = (
            half[:, -N_DEGREE_CLASSES:] @ own
            for half, own in zip((source, target), offset, strict=True)
        )
        scores: Tensor = products @ weight + of_source[pairs[:, 0]] + of_target[pairs[:, 1]]
        return scores

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, Tensor, Tensor]:
        source, target, pairs, weight, offset, products = ctx.saved_tensors
        first, second = pairs.T
        by_source, of_source = _pulled(first, second, grad, target, weight, offset[0])
        by_target, of_target = _pulled(second, first, grad, source, weight, offset[1])
        by_offset = [
            of_node @ half[:, -N_DEGREE_CLASSES:]
            for of_node, half in ((of_source, source), (of_target, target))
        ]
        by_latent = torch.cat([by_source, by_target], dim=1)
        return by_latent, None, grad @ products, torch.stack(by_offset)


def _pulled(
    rows: Tensor, columns: Tensor, slopes: Tensor, others: Tensor, weight: Tensor, offset: Tensor
) -> tuple[Tensor, Tensor]:
    """The gradient of the embedding of `rows`, and the sum of the slopes of each node.

    Parameters
    ----------
    rows, columns, slopes
        Both ends of each pair, and the derivative by its score.
    others
        Embeddings of the other ends.
    weight, offset
        Weights of the hops, and offsets of the classes of `rows`.
    """
    n_nodes, width = len(others), (others.shape[1] - N_DEGREE_CLASSES) // len(weight)
    order = torch.argsort(rows, stable=True)
    starts = torch.zeros(n_nodes + 1, dtype=torch.int32, device=rows.device)
    starts[1:] = torch.bincount(rows, minlength=n_nodes).cumsum(0)
    values = slopes[order].contiguous()
    result = CsrParts(starts, columns[order].int(), values, n_nodes).times(others)
    result[:, :-N_DEGREE_CLASSES] *= weight.repeat_interleave(width)
    of_node = torch.zeros(n_nodes, dtype=slopes.dtype, device=slopes.device)
    of_node.index_add_(0, rows[order], values)
    result[:, -N_DEGREE_CLASSES:] = of_node[:, None] * offset
    return result, of_node
