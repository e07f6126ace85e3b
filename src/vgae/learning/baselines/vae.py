"""A variational auto-encoder of node features, which does not use the graph."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, cast, final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from vgae.data.graph import Features, Graph
from vgae.ground.config import Dimension, stream_seed
from vgae.ground.errors import InputError
from vgae.learning.baselines.base import Baseline
from vgae.learning.baselines.layers import MultilayerPerceptron, train_in_batches
from vgae.learning.scores import Scores, VectorScores, blocks
from vgae.model.latents import Gaussian

__all__ = ["LIKELIHOODS", "Vae", "VaeLoss", "VaeNetwork", "vae_loss"]


@final
class Vae(Baseline):
    """Variational auto-encoder of node features (Kingma & Welling 2014).

    It shows what the features alone say about edges: the embedding is the posterior mean, learned
    without a single edge. The difference to a graph auto-encoder is what the graph adds.

    Attributes
    ----------
    latent_dim, hidden_dim
        Dimensions of the embedding, and width of the one hidden layer of encoder and decoder.
    feature_likelihood
        "bernoulli" for features from 0 to 1, "gaussian" (of unit variance) for others; "auto"
        takes Bernoulli where every feature is 0 or 1.
    learning_rate, epochs, batch_size
        Adam's step size, passes over the nodes, and nodes per step.
    warm_up
        The share of the training in which the weight of the divergence grows from 0 to 1
        (Sønderby et al. 2016); after it, the loss is the evidence bound. Without a warm-up, the
        posterior collapses to the prior before the decoder has learned to use it.

    Examples
    --------
    >>> features = np.eye(20, 6, dtype=np.float32)
    >>> ring = Graph.from_edges([(i, (i + 1) % 20) for i in range(20)], features=features)
    >>> Vae(latent_dim=4, hidden_dim=8, epochs=2).fit(ring).vectors.shape
    (20, 4)
    """

    name: ClassVar[str] = "vae"
    needs_features: ClassVar[bool] = True

    latent_dim: Dimension = 16
    hidden_dim: Dimension = 64
    feature_likelihood: Literal["auto", "bernoulli", "gaussian"] = "auto"
    learning_rate: float = Field(default=0.003, gt=0.0, le=1000.0)
    epochs: int = Field(default=40, ge=0, le=1_000_000)
    batch_size: int = Field(default=256, ge=1, le=2**20)
    warm_up: float = Field(default=0.5, ge=0.0, le=1.0)

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        features = cast("Features", training.features)  # `fit` has checked that there are some
        likelihood = _checked_likelihood(self.feature_likelihood, features)
        generator = torch.Generator().manual_seed(stream_seed(seed, "vae"))
        network = VaeNetwork(training.n_features, self.hidden_dim, self.latent_dim, generator)
        # Biases that began at zero would take a thousand steps to learn how rare a word is.
        with torch.no_grad():
            network.decoder.biases[-1].copy_(_typical_output(features, likelihood))

        def batch_loss(rows: NDArray[np.int64], done: float) -> Tensor:
            noise = torch.randn(len(rows), self.latent_dim, generator=generator)
            loss = vae_loss(network, _block(features, rows), noise, likelihood)
            warmth = 1.0 if done >= self.warm_up else done / self.warm_up
            return loss.reconstruction + warmth * loss.kl

        train_in_batches(
            network,
            batch_loss,
            training.n_nodes,
            learning_rate=self.learning_rate,
            epochs=self.epochs,
            batch_size=self.batch_size,
            generator=generator,
        )
        with torch.no_grad():
            batches = blocks(np.arange(training.n_nodes), self.batch_size)
            means = [network.encode(_block(features, rows)).mean for rows in batches]
            return VectorScores(torch.cat(means).numpy())


@final
class VaeNetwork(nn.Module):
    """Features -> distribution of the embedding, and embedding -> features.

    Parameters
    ----------
    n_features
        Number of features.
    hidden_dim, latent_dim
        Width of the hidden layers and dimensions of the embedding.
    generator
        Source of the weights.

    Examples
    --------
    >>> network = VaeNetwork(5, hidden_dim=4, latent_dim=2, generator=torch.Generator())
    >>> means = network.encode(torch.ones(3, 5)).mean
    >>> means.shape, network.decode(means).shape
    (torch.Size([3, 2]), torch.Size([3, 5]))
    """

    def __init__(
        self, n_features: int, hidden_dim: int, latent_dim: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.encoder = MultilayerPerceptron([n_features, hidden_dim, 2 * latent_dim], generator)
        self.decoder = MultilayerPerceptron([latent_dim, hidden_dim, n_features], generator)

    def encode(self, features: Tensor) -> Gaussian:
        """The posterior of each node (Kingma & Welling 2014, eq. 9)."""
        mean, log_std = self.encoder(features).chunk(2, dim=1)
        return Gaussian(mean, log_std)

    def decode(self, vectors: Tensor) -> Tensor:
        """Logits or means of the features, shape (n_rows, n_features)."""
        outputs: Tensor = self.decoder(vectors)
        return outputs


@dataclass(frozen=True)
class VaeLoss:
    """Negative evidence lower bound per node, in nats, and its terms, each a scalar.

    Attributes
    ----------
    reconstruction
        Negative log likelihood of the features under the sample, the mean over the nodes.
    kl
        Divergence of the posterior from the prior, the mean over the nodes.

    Examples
    --------
    >>> VaeLoss(torch.tensor(2.0), torch.tensor(0.5)).total.item()
    2.5
    """

    reconstruction: Tensor
    kl: Tensor

    @property
    def total(self) -> Tensor:
        """Sum of the terms."""
        return self.reconstruction + self.kl


def bernoulli_surprise(features: Tensor, logits: Tensor) -> Tensor:
    """Negative log likelihood of features within [0, 1], in nats, shape (n_rows,).

    Parameters
    ----------
    features, logits
        Shape (n_rows, n_features).

    Examples
    --------
    >>> bernoulli_surprise(torch.ones(1, 1), torch.tensor([[-10000.0]])).item()
    10000.0
    """
    return functional.binary_cross_entropy_with_logits(logits, features, reduction="none").sum(1)


def gaussian_surprise(features: Tensor, means: Tensor) -> Tensor:
    """Negative log likelihood of features under unit variance, in nats, shape (n_rows,).

    Parameters
    ----------
    features, means
        Shape (n_rows, n_features).

    Examples
    --------
    >>> round(gaussian_surprise(torch.ones(1, 1), torch.ones(1, 1)).item(), 4)
    0.9189
    """
    return 0.5 * ((features - means).square() + math.log(2.0 * math.pi)).sum(1)


LIKELIHOODS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "bernoulli": bernoulli_surprise,
    "gaussian": gaussian_surprise,
}
"""Negative log likelihoods of (features, outputs of the decoder), by name."""


def vae_loss(network: VaeNetwork, features: Tensor, noise: Tensor, likelihood: str) -> VaeLoss:
    """Negative evidence lower bound from one sample per node (Kingma & Welling 2014, eq. 7).

    Parameters
    ----------
    network
        The network.
    features
        Shape (n_rows, n_features).
    noise
        Standard normal numbers, shape (n_rows, latent_dim).
    likelihood
        A name in `LIKELIHOODS`.

    Examples
    --------
    >>> network = VaeNetwork(5, hidden_dim=4, latent_dim=2, generator=torch.Generator())
    >>> loss = vae_loss(network, torch.zeros(3, 5), torch.zeros(3, 2), "bernoulli")
    >>> round(loss.reconstruction.item(), 4), loss.kl.item()  # five coins, nothing learned yet
    (3.4657, 0.0)
    """
    latent = network.encode(features)
    outputs = network.decode(latent.rsample(noise))
    return VaeLoss(LIKELIHOODS[likelihood](features, outputs).mean(), latent.kl().mean())


def _checked_likelihood(likelihood: str, features: Features) -> str:
    """A name in `LIKELIHOODS` that suits the features."""
    # What a sparse matrix does not store is 0, which suits any likelihood.
    values = features if isinstance(features, np.ndarray) else features.data
    if likelihood == "auto":
        return "bernoulli" if bool(np.isin(values, (0.0, 1.0)).all()) else "gaussian"
    if likelihood == "bernoulli" and bool(((values < 0.0) | (values > 1.0)).any()):
        raise InputError(
            "vae: the bernoulli likelihood takes features from 0 to 1 and some are outside; "
            'scale them or choose feature_likelihood="gaussian"'
        )
    return likelihood


def _typical_output(features: Features, likelihood: str) -> Tensor:
    """The decoder's best output if all nodes were alike, shape (n_features,)."""
    n_nodes = features.shape[0]
    totals = np.asarray(features.sum(axis=0, dtype=np.float64))
    if likelihood == "gaussian":
        return torch.from_numpy(totals / n_nodes)
    # The rule of succession keeps the logit of a feature that is always 0, or always 1, finite.
    return torch.logit(torch.from_numpy((totals + 1.0) / (n_nodes + 2.0)))


def _block(features: Features, rows: NDArray[np.int64]) -> Tensor:
    """The features of a batch of nodes as a dense tensor, shape (n_rows, n_features)."""
    block = features[rows]
    return torch.from_numpy(block if isinstance(block, np.ndarray) else block.toarray())
