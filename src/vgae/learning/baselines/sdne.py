"""Structural deep network embedding: an auto-encoder of the rows of the adjacency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

from vgae.data.graph import FloatCSR, Graph
from vgae.ground.config import Dimension, stream_seed
from vgae.learning.baselines.base import Baseline
from vgae.learning.baselines.layers import MultilayerPerceptron, train_in_batches
from vgae.learning.scores import Scores, VectorScores, blocks
from vgae.model.kernels import SparseMatrix

__all__ = ["Sdne", "SdneLoss", "SdneNetwork", "sdne_loss"]


@final
class Sdne(Baseline):
    """Structural deep network embedding (Wang, Cui & Zhu 2016, "SDNE").

    An auto-encoder that reads and rebuilds each node's row of the adjacency and draws the codes of
    neighbours together. It differs from the paper where validation pairs of Cora and Citeseer were
    ranked better:

    - Hidden layers are ReLU, codes tanh and the output linear, in place of sigmoids, which learn
      very slowly from rows that are nearly all zero. So there is no pre-training either.
    - Codes are scaled to unit length before pairs are scored by inner products. The loss measures
      how near two codes are; their lengths follow the nodes' degrees, which only blurs the ranking.

    Edge weights are divided by the largest of the training graph, so that a row's numbers are at
    most 1 in any unit; a heavier message edge counts as 1. A step holds arrays of batch_size x
    n_nodes numbers, and weights of n_nodes x hidden_dim.

    Attributes
    ----------
    latent_dim, hidden_dim
        Widths of the code and of the layer on either side of it.
    alpha
        Weight of the first-order term: neighbours have near codes.
    beta
        Weight of an error at an edge, before it is squared; at a pair without one it is 1.
    l2_penalty
        Weight of the weights' squares, the paper's nu.
    learning_rate, epochs, batch_size
        Adam's step size, passes over the nodes, and nodes per step.

    Examples
    --------
    >>> ring = Graph.from_edges([(i, (i + 1) % 20) for i in range(20)])
    >>> Sdne(latent_dim=4, hidden_dim=8, epochs=2).fit(ring).vectors.shape
    (20, 4)
    """

    name: ClassVar[str] = "sdne"

    latent_dim: Dimension = 128
    hidden_dim: Dimension = 256
    alpha: float = Field(default=1.0, ge=0.0, le=1e6)
    beta: float = Field(default=10.0, gt=1.0, le=1e6)
    l2_penalty: float = Field(default=1.0, ge=0.0, le=1e6)
    learning_rate: float = Field(default=0.003, gt=0.0, le=1000.0)
    epochs: int = Field(default=30, ge=0, le=1_000_000)
    batch_size: int = Field(default=512, ge=1, le=2**20)

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:
        generator = torch.Generator().manual_seed(stream_seed(seed, "sdne"))
        network = SdneNetwork(training.n_nodes, self.hidden_dim, self.latent_dim, generator)
        heaviest = float(training.adjacency.data.max())
        adjacency = _scaled(training, heaviest)

        def batch_loss(rows: NDArray[np.int64], done: float) -> Tensor:  # noqa: ARG001
            return sdne_loss(
                network,
                adjacency,
                rows,
                alpha=self.alpha,
                beta=self.beta,
                l2_penalty=self.l2_penalty,
            ).total

        train_in_batches(
            network,
            batch_loss,
            training.n_nodes,
            learning_rate=self.learning_rate,
            epochs=self.epochs,
            batch_size=self.batch_size,
            generator=generator,
        )
        read = _scaled(messages, heaviest)
        with torch.no_grad():
            batches = blocks(np.arange(messages.n_nodes), self.batch_size)
            codes = torch.cat([network.encode(read[rows]) for rows in batches])
            return VectorScores(functional.normalize(codes).numpy())


@final
class SdneNetwork(nn.Module):
    """Rows of the adjacency -> codes -> rows (Wang, Cui & Zhu 2016, eq. 1).

    Parameters
    ----------
    n_nodes
        Length of a row.
    hidden_dim, latent_dim
        Widths of the hidden layers and of the code.
    generator
        Source of the weights.

    Examples
    --------
    >>> network = SdneNetwork(3, hidden_dim=4, latent_dim=2, generator=torch.Generator())
    >>> codes = network.encode(Graph.from_pairs([("a", "b"), ("b", "c")]).adjacency)
    >>> codes.shape, network.decode(codes).shape
    (torch.Size([3, 2]), torch.Size([3, 3]))
    >>> network.squares().shape
    torch.Size([])
    """

    def __init__(
        self, n_nodes: int, hidden_dim: int, latent_dim: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.encoder = MultilayerPerceptron([n_nodes, hidden_dim, latent_dim], generator)
        self.decoder = MultilayerPerceptron([latent_dim, hidden_dim, n_nodes], generator)

    def encode(self, rows: FloatCSR) -> Tensor:
        """Codes of rows of the adjacency, shape (n_rows, latent_dim), each number within +-1."""
        return torch.tanh(self.encoder(SparseMatrix.from_scipy(rows)))

    def decode(self, codes: Tensor) -> Tensor:
        """Rows rebuilt from codes, shape (n_rows, n_nodes)."""
        rows: Tensor = self.decoder(codes)
        return rows

    def squares(self) -> Tensor:
        """Sum of the squares of all weights, without the biases."""
        weights = [*self.encoder.weights, *self.decoder.weights]
        return torch.stack([weight.square().sum() for weight in weights]).sum()


@dataclass(frozen=True)
class SdneLoss:
    """The terms of the loss of a batch of nodes, each a weighted scalar.

    Attributes
    ----------
    second_order
        Error of the rebuilt rows.
    first_order
        Distances between the codes of neighbours.
    penalty
        Size of the weights.

    Examples
    --------
    >>> loss = SdneLoss(torch.tensor(1.0), torch.tensor(2.0), torch.tensor(0.5))
    >>> loss.total.item()
    3.5
    """

    second_order: Tensor
    first_order: Tensor
    penalty: Tensor

    @property
    def total(self) -> Tensor:
        """Sum of the terms."""
        return self.second_order + self.first_order + self.penalty


def sdne_loss(
    network: SdneNetwork,
    adjacency: FloatCSR,
    rows: NDArray[np.int64],
    *,
    alpha: float,
    beta: float,
    l2_penalty: float,
) -> SdneLoss:
    """The share of a batch of nodes i in the loss of all nodes (Wang, Cui & Zhu 2016, eqs. 3-5).

    With x_i the row of node i, r_i the rebuilt row, y_i the code and n the share of the batch in
    all nodes,

        sum_i |b_i * (r_i - x_i)|^2  +  alpha sum_ij x_ij |y_i - y_j|^2  +  l2_penalty n/2 |W|^2

    where b_ij is beta at an edge and otherwise 1, and j runs over all neighbours, within the batch
    or not. So the losses of the parts of any partition add up to the whole.

    Parameters
    ----------
    network
        The network.
    adjacency
        The whole adjacency, shape (n_nodes, n_nodes).
    rows
        Node indices, shape (n_rows,).
    alpha, beta, l2_penalty
        See `Sdne`.

    Examples
    --------
    >>> network = SdneNetwork(2, hidden_dim=4, latent_dim=2, generator=torch.Generator())
    >>> adjacency = Graph.from_pairs([("a", "b")]).adjacency
    >>> parts = [
    ...     sdne_loss(network, adjacency, np.array(rows), alpha=1.0, beta=5.0, l2_penalty=0.1)
    ...     for rows in ([0, 1], [0], [1])
    ... ]
    >>> whole, first, second = (part.total.item() for part in parts)
    >>> abs(whole - (first + second)) < 1e-5 * whole
    True
    """
    own = adjacency[rows]
    codes = network.encode(own)
    target = torch.from_numpy(own.toarray())
    errors = (network.decode(codes) - target) * torch.where(target != 0, beta, 1.0)
    return SdneLoss(
        second_order=errors.square().sum(),
        first_order=alpha * _distances(network, adjacency, own, codes),
        penalty=l2_penalty * len(rows) / (2.0 * adjacency.shape[0]) * network.squares(),
    )


def _distances(network: SdneNetwork, adjacency: FloatCSR, own: FloatCSR, codes: Tensor) -> Tensor:
    """Sum of x_ij |y_i - y_j|^2 over the edges of a batch, given its rows and codes."""
    neighbours, targets = np.unique(own.indices, return_inverse=True)
    sources = np.repeat(np.arange(own.shape[0]), np.diff(own.indptr))
    roots = np.sqrt(own.data)
    # Products with constant matrices select the ends: a gather's gradient is not deterministic.
    near = _picking(sources, roots, len(codes)) @ codes
    far = _picking(targets, roots, len(neighbours)) @ network.encode(adjacency[neighbours])
    return (near - far).square().sum()


def _picking(picked: NDArray[np.int64], scale: NDArray[np.float32], n_columns: int) -> SparseMatrix:
    """The matrix whose product with an array selects and scales rows of it."""
    starts = np.arange(len(picked) + 1)
    shape = (len(picked), n_columns)
    return SparseMatrix.from_scipy(sparse.csr_array((scale, picked, starts), shape=shape))


def _scaled(graph: Graph, heaviest: float) -> FloatCSR:
    """The adjacency in units of the heaviest edge, capped at 1."""
    scaled = graph.adjacency.copy()
    scaled.data = np.minimum(scaled.data / np.float32(heaviest), np.float32(1.0))
    return scaled
