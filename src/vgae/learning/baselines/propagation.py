"""Baselines that propagate vectors over the graph and learn nothing."""

from __future__ import annotations

import logging
from typing import Any, ClassVar, Literal, Self, final

import numpy as np
from pydantic import Field
from scipy import sparse

from vgae.data.graph import Graph
from vgae.ground.blas import blas_on_one_thread
from vgae.ground.config import Dimension, stream_seed
from vgae.learning.baselines.base import Baseline
from vgae.learning.scores import RowProducts, Scores, VectorScores
from vgae.model.inputs import InputScaling, unit_rows

__all__ = ["PropagatedFeatures", "RandomProjection"]

logger = logging.getLogger(__name__)


@final
class PropagatedFeatures(Baseline):
    """Similarity of propagated features: those of SGC (Wu et al. 2019), with nothing learned.

    With rows of features scaled to unit length and A_hat the normalised adjacency with self loops
    of the edges that carry messages, a node's vector is its row of A_hat^hops X, and the score of a
    pair is the inner product of two of them. Sparse features stay sparse, and more so the fewer the
    hops. Dense ones are the embedding.

    Attributes
    ----------
    hops
        How often features are propagated; 0 compares the features alone.
    similarity
        "dot", in which nodes with many neighbours have shorter vectors, or "cosine".
    weighting
        "idf" multiplies each feature by its inverse document frequency first, as
        `vgae.model.inputs.InputScaling` does; "none" does not.

    Examples
    --------
    >>> path = Graph.from_edges([(0, 1), (1, 2)], features=[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> PropagatedFeatures(hops=0).fit(path).pairs([(0, 1), (1, 2)]).tolist()
    [1.0, 0.0]
    """

    name: ClassVar[str] = "propagated-features"
    needs_features: ClassVar[bool] = True

    hops: int = Field(default=1, ge=0, le=8)
    similarity: Literal["dot", "cosine"] = "dot"
    weighting: Literal["none", "idf"] = "none"

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        use: Literal["unit", "idf"] = "idf" if self.weighting == "idf" else "unit"
        vectors: Any = InputScaling.learned(training.features, use).apply(training.features)
        adjacency = messages.normalized_adjacency().astype(np.float64)
        for _ in range(self.hops):
            vectors = adjacency @ vectors
        if self.similarity == "cosine":
            vectors = unit_rows(vectors)
        return RowProducts(vectors) if sparse.issparse(vectors) else VectorScores(vectors)


@final
class RandomProjection(Baseline):
    """Random vectors propagated over the graph (Zhang et al. 2018), as in scikit-network.

    With G random orthonormal columns and A the adjacency of the edges that carry messages, the
    embedding is (I + decay A + ... + (decay A)^hops) G with rows of unit length. They
    approximate, in linear time, how alike the walks from two nodes are. The formula and the
    defaults are those of `sknetwork.embedding.RandomProjection` (Bonald et al. 2020), except that
    scikit-network also ties all pairs of a graph in pieces. Weights count relative to their mean.

    Attributes
    ----------
    latent_dim
        Dimensions of the embedding; capped at n_nodes, which is logged.
    hops
        Number of terms after the first.
    decay
        Factor per hop.

    Examples
    --------
    >>> ring = Graph.from_edges([(i, (i + 1) % 20) for i in range(20)])
    >>> RandomProjection(latent_dim=4).fit(ring).vectors.shape
    (20, 4)
    >>> RandomProjection().on(ring).latent_dim
    20
    """

    name: ClassVar[str] = "random-projection"

    latent_dim: Dimension = 128
    hops: int = Field(default=3, ge=1, le=100)
    decay: float = Field(default=0.5, ge=1e-3, le=1e3)

    def on(self, graph: Graph) -> Self:
        """The settings with the number of dimensions capped; see `Baseline.on`."""
        if self.latent_dim <= graph.n_nodes:
            return self
        logger.info(
            "random-projection: %d of %d dimensions: the graph has %d nodes",
            graph.n_nodes,
            self.latent_dim,
            graph.n_nodes,
        )
        return self.model_copy(update={"latent_dim": graph.n_nodes})

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        adjacency = sparse.csr_array(messages.adjacency, dtype=np.float64)
        adjacency.data *= self.decay / adjacency.data.mean()
        random = np.random.default_rng(stream_seed(seed, "random projection"))
        shape = (messages.n_nodes, self.latent_dim)
        with blas_on_one_thread():
            term = np.linalg.qr(random.standard_normal(shape))[0]
        vectors = term.copy()
        for _ in range(self.hops):
            term = adjacency @ term
            vectors += term
        return VectorScores(unit_rows(vectors))
