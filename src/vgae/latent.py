"""Distributions over node vectors: what an encoder returns.

The objective needs three things of a distribution: its mean, a reparameterised sample and the
divergence from the prior. A deterministic auto-encoder is the point-mass case of the same code.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

__all__ = ["LATENTS", "Gaussian", "Latent", "Point"]


class Latent(ABC):
    """A distribution over the vectors of all nodes, independent between nodes."""

    parameters: ClassVar[tuple[str, ...]]
    """Names of the encoder's outputs; each has shape (n_nodes, latent_dim)."""

    mean: Tensor

    @abstractmethod
    def rsample(self, noise: Tensor) -> Tensor:
        """A reparameterised sample, shape (n_nodes, latent_dim).

        Parameters
        ----------
        noise
            Standard normal numbers, shape (n_nodes, latent_dim).
        """

    @abstractmethod
    def kl(self) -> Tensor:
        """Divergence of each node from the standard normal prior, in nats, shape (n_nodes,)."""

    @abstractmethod
    def std(self) -> Tensor | None:
        """Standard deviations, shape (n_nodes, latent_dim); None where there are none."""


@final
@dataclass(frozen=True)
class Gaussian(Latent):
    """Independent normal coordinates (Kipf & Welling 2016, eq. 1).

    Attributes
    ----------
    mean
        Shape (n_nodes, latent_dim).
    log_std
        Logarithm of the standard deviation (not of the variance), same shape.

    Examples
    --------
    >>> prior = Gaussian(mean=torch.zeros(1, 2), log_std=torch.zeros(1, 2))
    >>> prior.kl().tolist()
    [0.0]
    """

    parameters: ClassVar[tuple[str, ...]] = ("mean", "log_std")

    mean: Tensor
    log_std: Tensor

    def rsample(self, noise: Tensor) -> Tensor:
        """Mean + std * noise (Kingma & Welling 2014, sec. 2.4)."""
        return self.mean + noise * torch.exp(self.log_std)

    def kl(self) -> Tensor:
        """-1/2 sum_d (1 + 2 log_std - mean^2 - std^2) (Kingma & Welling 2014, app. B)."""
        kl: Tensor = _GaussianKL.apply(self.mean, self.log_std)  # type: ignore[no-untyped-call]
        return kl

    def std(self) -> Tensor:
        """exp(log_std)."""
        return torch.exp(self.log_std)


class _GaussianKL(torch.autograd.Function):
    """With its gradient in closed form: mean, and std^2 - 1, which the value takes as well."""

    @staticmethod
    def forward(ctx: Any, mean: Tensor, log_std: Tensor) -> Tensor:
        log_variance = 2.0 * log_std
        # expm1 keeps the digits that std^2 - 1 would lose close to the prior.
        excess = torch.expm1(log_variance)
        ctx.save_for_backward(mean, excess)
        return torch.addcmul(excess - log_variance, mean, mean).sum(dim=1).mul_(0.5)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        mean, excess = ctx.saved_tensors
        return grad[:, None] * mean, grad[:, None] * excess


@final
@dataclass(frozen=True)
class Point(Latent):
    """All mass on one vector a node: the non-probabilistic auto-encoder.

    Examples
    --------
    >>> point = Point(mean=torch.ones(1, 2))
    >>> point.rsample(torch.randn(1, 2)).tolist(), point.kl().tolist()
    ([[1.0, 1.0]], [0.0])
    """

    parameters: ClassVar[tuple[str, ...]] = ("mean",)

    mean: Tensor

    def rsample(self, noise: Tensor) -> Tensor:  # noqa: ARG002 - a point mass has no use for it
        """The point itself."""
        return self.mean

    def kl(self) -> Tensor:
        """Zero: the paper's auto-encoder has no prior."""
        return torch.zeros(self.mean.shape[0], dtype=self.mean.dtype, device=self.mean.device)

    def std(self) -> None:
        """None: a point has no spread."""


LATENTS: dict[str, type[Latent]] = {"gaussian": Gaussian, "point": Point}
"""The distributions by the name that settings use."""
