"""Encoders: (features, adjacency) -> the parameters of a distribution over embeddings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from vgae.data.graph import Features, FloatCSR, Graph
from vgae.model.kernels import SparseMatrix
from vgae.model.settings import FeatureUse

__all__ = [
    "EncoderInput",
    "GraphConvolutionEncoder",
    "scaled_features",
    "used_features",
]


@dataclass(frozen=True)
class EncoderInput:
    """A graph as tensors, as an encoder takes it.

    Attributes
    ----------
    adjacency
        The normalised adjacency of the message graph, shape (n_nodes, n_nodes).
    features
        Shape (n_nodes, n_features), or None: every node is its own feature (X = I).
    propagated
        Whether `features` already holds the product of adjacency and features. Otherwise the first
        layer computes it at every step.

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1)], features=[[1.0], [3.0]])
    >>> inputs = EncoderInput.from_graph(graph)
    >>> inputs.first_product(torch.ones(1, 1)).tolist()
    [[2.0], [2.0]]
    >>> inputs.to(torch.device("cpu")).propagated
    True
    """

    adjacency: SparseMatrix
    features: SparseMatrix | Tensor | None
    propagated: bool = False

    @classmethod
    def from_graph(cls, graph: Graph, use: FeatureUse = "raw") -> EncoderInput:
        """Make the tensors of a message graph.

        Parameters
        ----------
        graph
            The message graph.
        use
            "raw" takes features as they are, "unit" scales the features of each node to unit
            length (zero features stay zero), "none" omits them.

        Raises
        ------
        InputError
            The graph is directed.
        """
        adjacency = graph.normalized_adjacency()
        features = used_features(graph, use)
        if features is not None:
            features = scaled_features(features, use)
        propagated = features is not None and _propagating_saves(adjacency, features)
        if propagated:
            features = adjacency @ features
        return cls(SparseMatrix.from_scipy(adjacency), _as_factor(features), propagated)

    @classmethod
    def from_own_weights(cls, graph: Graph, rows: NDArray[np.int64], n_inputs: int) -> EncoderInput:
        """Make the tensors of another graph for an encoder that was fitted without features.

        A node that the encoder was fitted to has its own row of the first layer's weights. Any
        other node has only its links.

        Parameters
        ----------
        graph
            The message graph.
        rows
            Row of each node's weights, shape (n_nodes,); -1 for a node without weights.
        n_inputs
            Number of rows of the weights.

        Raises
        ------
        InputError
            The graph is directed.

        Examples
        --------
        >>> known_and_new = Graph.from_edges([(0, 1)])
        >>> inputs = EncoderInput.from_own_weights(known_and_new, np.array([0, -1]), n_inputs=1)
        >>> inputs.first_product(torch.ones(1, 1)).tolist()
        [[0.5], [0.5]]
        """
        known = np.flatnonzero(rows >= 0)
        ones = np.ones(known.size, dtype=np.float32)
        chosen = sparse.csr_array((ones, (known, rows[known])), shape=(graph.n_nodes, n_inputs))
        adjacency = SparseMatrix.from_scipy(graph.normalized_adjacency())
        return cls(adjacency, SparseMatrix.from_scipy(chosen))

    def to(self, device: torch.device) -> EncoderInput:
        """Copy the tensors to a device."""
        features = None if self.features is None else self.features.to(device)
        return EncoderInput(self.adjacency.to(device), features, self.propagated)

    def first_product(self, weight: Tensor) -> Tensor:
        """Multiply adjacency, features and a weight, shape (n_nodes, width of the weight)."""
        if self.features is None:
            return self.adjacency @ weight
        product = self.features @ weight
        return product if self.propagated else self.adjacency @ product


def used_features(graph: Graph, use: FeatureUse) -> Features | None:
    """The features that an encoder takes, or None where every node is its own feature.

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1)], features=[[1.0], [3.0]])
    >>> used_features(graph, "raw").tolist(), used_features(graph, "none")
    ([[1.0], [3.0]], None)
    """
    return None if use == "none" else graph.features


def scaled_features(features: Features, use: FeatureUse) -> Features:
    """Scale the features of each node to unit length if `use` is "unit".

    Examples
    --------
    >>> scaled_features(np.array([[0.0, 4.0]], dtype=np.float32), "unit").tolist()
    [[0.0, 1.0]]
    """
    return _unit_rows(features) if use == "unit" else features


def _unit_rows(features: Features) -> Features:
    """Scale each row to unit length; zero rows stay zero."""
    sparsely = sparse.issparse(features)
    lengths = (sparse.linalg.norm if sparsely else np.linalg.norm)(features, axis=1)
    scale = (1.0 / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
    if sparsely:
        return sparse.csr_array(sparse.diags_array(scale) @ features)
    unit: Features = scale[:, None] * features
    return unit


def _propagating_saves(adjacency: FloatCSR, features: Any) -> bool:
    """Whether a step takes fewer multiplications if A X is computed once.

    With h the width of the layer, A (X W) takes h multiplications per entry of X and of A, and
    (A X) W takes h per entry of A X. If X is dense, A X has as many entries as X. If X is sparse,
    it has at most one per pair of an edge and a feature of its end.
    """
    if not sparse.issparse(features):
        return True
    degrees, counts = (np.diff(matrix.indptr).astype(np.int64) for matrix in (adjacency, features))
    n_products = degrees @ counts
    return bool(n_products < adjacency.nnz + features.nnz)


def _as_factor(features: Features | None) -> SparseMatrix | Tensor | None:
    if features is None:
        return None
    if sparse.issparse(features):
        return SparseMatrix.from_scipy(features)
    return torch.from_numpy(features)


@final
class GraphConvolutionEncoder(nn.Module):
    """Two graph-convolution layers; all outputs share the first (Kipf & Welling 2016, sec. 1).

    H = ReLU(A X W + b), output = A H W_output + b_output, with A the normalised adjacency. Without
    features X is the identity and A X W is A W: no identity matrix is stored.

    Parameters
    ----------
    n_inputs
        Number of features, or number of nodes if there are no features.
    hidden_dim, latent_dim
        Widths of the two layers.
    outputs
        Names of the second layer's outputs, such as ("mean", "log_std").
    bias
        Whether layers add a bias after aggregation, as DGL's `VGAEModel` does.
    generator
        Source of the Glorot-uniform weights; global random state is not used.

    Examples
    --------
    >>> graph = Graph.from_pairs([("a", "b")])
    >>> encoder = GraphConvolutionEncoder(
    ...     2, 4, 3, outputs=("mean",), bias=False, generator=torch.Generator()
    ... )
    >>> inputs = EncoderInput.from_graph(graph)
    >>> encoder(inputs)["mean"].shape  # calls encoder.forward
    torch.Size([2, 3])

    The same in two steps, of which the first does not need the messages:

    >>> hidden = encoder.hidden_states(inputs.first_product(encoder.weight["hidden"]))
    >>> encoder.read_out(inputs.adjacency, hidden)["mean"].shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        n_inputs: int,
        hidden_dim: int,
        latent_dim: int,
        *,
        outputs: tuple[str, ...],
        bias: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.outputs = outputs
        shapes = {"hidden": (n_inputs, hidden_dim)}
        shapes.update(dict.fromkeys(outputs, (hidden_dim, latent_dim)))
        self.weight = nn.ParameterDict(
            {name: _glorot_uniform(shape, generator) for name, shape in shapes.items()}
        )
        self.bias = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(shape[1])) for name, shape in shapes.items()}
            if bias
            else {}
        )

    def forward(self, inputs: EncoderInput) -> dict[str, Tensor]:
        """Compute the outputs by name, each of shape (n_nodes, latent_dim)."""
        hidden = self.hidden_states(inputs.first_product(self.weight["hidden"]))
        return self.read_out(inputs.adjacency, hidden)

    def hidden_states(self, aggregated: Tensor) -> Tensor:
        """Compute the hidden layer from A X W, shape (n_nodes, hidden_dim)."""
        return torch.relu(self._with_bias("hidden", aggregated))

    def read_out(self, adjacency: SparseMatrix, hidden: Tensor) -> dict[str, Tensor]:
        """Compute the outputs from the hidden layer, each of shape (n_rows, latent_dim).

        Parameters
        ----------
        adjacency
            Rows of a normalised adjacency, shape (n_rows, n_nodes).
        hidden
            The hidden layer of all nodes, shape (n_nodes, hidden_dim).
        """
        # One product for all outputs: a pass over the edges costs less per column if it is wide.
        weights = torch.cat([self.weight[name] for name in self.outputs], dim=1)
        outputs = (adjacency @ (hidden @ weights)).chunk(len(self.outputs), dim=1)
        # Copies, because operations on strided halves take several times as long.
        return {
            name: self._with_bias(name, values.contiguous())
            for name, values in zip(self.outputs, outputs, strict=True)
        }

    def _with_bias(self, name: str, values: Tensor) -> Tensor:
        return values + self.bias[name] if name in self.bias else values


def _glorot_uniform(shape: tuple[int, int], generator: torch.Generator) -> nn.Parameter:
    """Uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, eq. 16)."""
    bound = math.sqrt(6.0 / sum(shape))
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound, generator=generator))
