"""Encoder, decoder and prior put together; no file, no training loop."""

from __future__ import annotations

from typing import Literal, final

import torch
from torch import Tensor, nn

from vgae.config import Dimension, Settings, stream_seed
from vgae.decoders import InnerProductDecoder
from vgae.encoders import EncoderInput, FeatureUse, GraphConvolutionEncoder
from vgae.kernels import Engine
from vgae.latent import LATENTS, Latent
from vgae.objective import Loss, ObjectiveName, Targets, link_loss

__all__ = ["GraphAutoEncoder", "ModelSettings"]


class ModelSettings(Settings):
    """Shape and objective of a graph auto-encoder; the defaults are the paper's.

    Attributes
    ----------
    latent
        "gaussian" for the variational model (VGAE), "point" for the plain one (GAE).
    hidden_dim, latent_dim
        Widths of the two graph-convolution layers.
    bias
        Whether layers have biases (the paper's have none, DGL's `VGAEModel` has).
    objective
        "paper" (positives weighted) or "elbo" (the plain evidence lower bound).
    features
        Node features "raw", each node's scaled to "unit" length, or "none"; without features every
        node is its own.
    """

    latent: Literal["gaussian", "point"] = "gaussian"
    hidden_dim: Dimension = 32
    latent_dim: Dimension = 16
    bias: bool = False
    objective: ObjectiveName = "paper"
    features: FeatureUse = "raw"


@final
class GraphAutoEncoder(nn.Module):
    """The (variational) graph auto-encoder (Kipf & Welling 2016).

    Parameters
    ----------
    settings
        Shape and objective.
    n_inputs
        Number of features, or of nodes where there are no features.
    seed
        Seed of the initial weights.

    Examples
    --------
    >>> from vgae.graph import Graph
    >>> model = GraphAutoEncoder(ModelSettings(latent_dim=2), n_inputs=3, seed=0)
    >>> latent = model.encode(EncoderInput.from_graph(Graph.from_pairs([(0, 1), (1, 2)])))
    >>> type(latent).__name__, tuple(latent.mean.shape)
    ('Gaussian', (3, 2))
    """

    def __init__(self, settings: ModelSettings, *, n_inputs: int, seed: int) -> None:
        super().__init__()
        self.settings = settings
        self.latent = LATENTS[settings.latent]
        self.encoder = GraphConvolutionEncoder(
            n_inputs,
            settings.hidden_dim,
            settings.latent_dim,
            outputs=self.latent.parameters,
            bias=settings.bias,
            generator=torch.Generator().manual_seed(stream_seed(seed, "weights")),
        )
        self.decoder = InnerProductDecoder()

    def encode(self, inputs: EncoderInput) -> Latent:
        """The posterior q(Z | X, A) as a distribution object (Kipf & Welling 2016, eq. 1)."""
        return self.latent(**self.encoder(inputs))

    def loss(
        self, inputs: EncoderInput, targets: Targets, *, noise: Tensor, engine: Engine
    ) -> Loss:
        """The objective with one reparameterised sample.

        Parameters
        ----------
        inputs
            Features and message graph.
        targets
            The positive pairs.
        noise
            Standard normal numbers, shape (n_nodes, latent_dim).
        engine
            What computes the sum over all pairs.
        """
        latent = self.encode(inputs)
        factor = self.decoder.factor(latent.rsample(noise))
        return link_loss(factor, latent, targets, engine=engine)
