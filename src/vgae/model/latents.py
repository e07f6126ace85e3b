"""Distributions over embeddings, as an encoder returns them.

The objective needs two things from a distribution: reparameterised samples, and how far it is from
the prior. The non-probabilistic auto-encoder uses the same code with a point mass.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from vgae.model.noise import Noise

__all__ = ["LATENTS", "Gaussian", "Latent", "Point"]


class Latent(ABC):
    """A distribution over the embeddings of all nodes, independent between nodes.

    Examples
    --------
    >>> latent: Latent = LATENTS["gaussian"](torch.zeros(3, 2), torch.zeros(3, 2))
    >>> latent.rsample(torch.ones(3, 2))[0], latent.kl(), latent.std()[0]
    (tensor([1., 1.]), tensor([0., 0., 0.]), tensor([1., 1.]))
    >>> from vgae.model.noise import NOISES
    >>> samples = latent.draw(NOISES["counter"](0, torch.device("cpu")), 5)
    >>> samples.shape, latent.log_ratio(samples[0]).tolist()  # posterior and prior are equal
    (torch.Size([5, 3, 2]), [0.0, 0.0, 0.0])
    """

    parameters: ClassVar[tuple[str, ...]]
    """Names of the encoder's outputs; each has shape (n_nodes, latent_dim)."""

    mean: Tensor

    def draw(self, noise: Noise, n: int = 1) -> Tensor:
        """Draw n reparameterised samples, shape (n, n_nodes, latent_dim)."""
        return torch.stack([self.rsample(noise.normal(*self.mean.shape)) for _ in range(n)])

    @abstractmethod
    def rsample(self, noise: Tensor) -> Tensor:
        """Turn standard normal numbers into a sample, both of shape (n_nodes, latent_dim)."""

    @abstractmethod
    def log_ratio(self, sample: Tensor) -> Tensor:
        """Log q(z) - log p(z) per node of a sample, in nats, shape (n_nodes,).

        Its mean over samples is the divergence; importance-weighted bounds need it sample by
        sample (Burda, Grosse & Salakhutdinov 2016, eq. 8).
        """

    @abstractmethod
    def kl(self) -> Tensor:
        """KL divergence per node from the standard normal prior, in nats, shape (n_nodes,)."""

    @abstractmethod
    def std(self) -> Tensor | None:
        """Standard deviations, shape (n_nodes, latent_dim); None for a point mass."""


@final
@dataclass(frozen=True)
class Gaussian(Latent):
    """Independent normal coordinates (Kipf & Welling 2016, eq. 1).

    Attributes
    ----------
    mean
        Shape (n_nodes, latent_dim).
    log_std
        Natural logarithm of the standard deviation (not of the variance), same shape.

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
        """Return mean + std * noise (Kingma & Welling 2014, sec. 2.4)."""
        return self.mean + noise * torch.exp(self.log_std)

    def log_ratio(self, sample: Tensor) -> Tensor:
        """See `Latent.log_ratio`."""
        standard = (sample - self.mean) * torch.exp(-self.log_std)
        return 0.5 * (sample**2 - standard**2 - 2.0 * self.log_std).sum(dim=1)

    def kl(self) -> Tensor:
        """Return -1/2 sum_d (1 + 2 log_std - mean^2 - std^2) (Kingma & Welling 2014, app. B)."""
        kl: Tensor = _GaussianKL.apply(self.mean, self.log_std)  # type: ignore[no-untyped-call]
        return kl

    def std(self) -> Tensor:
        """Return exp(log_std)."""
        return torch.exp(self.log_std)


class _GaussianKL(torch.autograd.Function):
    """The divergence and its gradient in closed form: mean and std^2 - 1, which both share."""

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
    """A point mass at one embedding per node: the non-probabilistic auto-encoder.

    Examples
    --------
    >>> point = Point(mean=torch.ones(1, 2))
    >>> point.rsample(torch.randn(1, 2)).tolist(), point.kl().tolist()
    ([[1.0, 1.0]], [0.0])
    """

    parameters: ClassVar[tuple[str, ...]] = ("mean",)

    mean: Tensor

    def draw(self, noise: Noise, n: int = 1) -> Tensor:  # noqa: ARG002 - a point has no noise
        """See `Latent.draw`: the point itself, n times, without drawing any number."""
        return self.mean.expand(n, *self.mean.shape)

    def rsample(self, noise: Tensor) -> Tensor:  # noqa: ARG002 - not used by a point mass
        """Return the point itself."""
        return self.mean

    def log_ratio(self, sample: Tensor) -> Tensor:
        """Return zero: the paper's auto-encoder has no prior."""
        return self.kl() + 0.0 * sample.sum(dim=1)

    def kl(self) -> Tensor:
        """Return zero: the paper's auto-encoder has no prior."""
        return torch.zeros(self.mean.shape[0], dtype=self.mean.dtype, device=self.mean.device)

    def std(self) -> None:
        """Return None: a point has no spread."""


LATENTS: dict[str, type[Latent]] = {"gaussian": Gaussian, "point": Point}
"""The distributions by name, as in `ModelSettings.latent`."""
