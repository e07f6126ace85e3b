"""The model: encoder, decoder and prior together, without files or a training loop."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from vgae.ground.config import stream_seed
from vgae.model.decoders import InnerProductDecoder
from vgae.model.encoders import EncoderInput, GraphConvolutionEncoder
from vgae.model.kernels import Engine
from vgae.model.latents import LATENTS, Latent
from vgae.model.objective import Loss, Targets, link_loss
from vgae.model.settings import ModelSettings

__all__ = ["GraphAutoEncoder"]


@final
class GraphAutoEncoder(nn.Module):
    """The (variational) graph auto-encoder (Kipf & Welling 2016).

    Parameters
    ----------
    settings
        Layers and objective.
    n_inputs
        Number of features, or number of nodes if there are no features.
    seed
        Seed of the initial weights.

    Examples
    --------
    >>> from vgae.data.graph import Graph
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
        """Compute the posterior q(Z | X, A) (Kipf & Welling 2016, eq. 1)."""
        return self.latent(**self.encoder(inputs))

    def loss(
        self, inputs: EncoderInput, targets: Targets, *, noise: Tensor, engine: Engine
    ) -> Loss:
        """Compute the objective with one reparameterised sample.

        Parameters
        ----------
        inputs
            Features and message graph.
        targets
            The positive pairs.
        noise
            Standard normal numbers, shape (n_nodes, latent_dim).
        engine
            Computes the sum over all pairs.

        Examples
        --------
        >>> from vgae.data.graph import Graph
        >>> from vgae.model.kernels import choose_engine
        >>> graph = Graph.from_edges([(0, 1), (1, 2)])
        >>> model = GraphAutoEncoder(ModelSettings(latent_dim=2), n_inputs=3, seed=0)
        >>> loss = model.loss(
        ...     EncoderInput.from_graph(graph),
        ...     Targets.from_graph(graph, "paper"),
        ...     noise=torch.zeros(3, 2),
        ...     engine=choose_engine("auto"),
        ... )
        >>> bool(loss.total > 0)
        True
        """
        latent = self.encode(inputs)
        factor = self.decoder.factor(latent.rsample(noise))
        return link_loss(factor, latent, targets, engine=engine)
