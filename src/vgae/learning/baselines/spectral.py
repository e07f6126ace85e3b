"""Spectral embedding: the paper's baseline SC."""

from __future__ import annotations

import warnings
from typing import ClassVar, final

import numpy as np
from pydantic import Field
from scipy import sparse

from vgae.data.graph import Graph
from vgae.ground.config import stream_seed
from vgae.learning.baselines.factorization import Factorization
from vgae.learning.scores import Scores, VectorScores

__all__ = ["Spectral"]

MOST_NODES_TO_FACTORIZE = 30_000
"""ARPACK's shift-invert mode factorises the Laplacian; beyond this LOBPCG needs less memory."""


@final
class Spectral(Factorization):
    """Eigenvectors of the normalised Laplacian, by scikit-learn (Belkin & Niyogi 2003).

    On a graph of several components the first eigenvectors only tell the components apart, and
    there may be more components than dimensions. So every node is tied to one extra node by an
    edge of weight `tie`; the extra node's vector is omitted. With the extra node eliminated, the
    graph is A + (tie / n_nodes) 11^T, the regularisation of Amini et al. 2013, in sparse form. It
    also places isolated nodes.

    Attributes
    ----------
    latent_dim
        Number of eigenvectors, after the constant one; capped at n_nodes - 1. By default one per
        20 nodes, at least 2 and at most 128. What is capped or chosen is logged.
    tie
        Weight of the tie, as a fraction of the mean edge weight.

    Examples
    --------
    >>> ring = Graph.from_edges([(i, (i + 1) % 20) for i in range(20)])
    >>> Spectral(latent_dim=4).fit(ring).vectors.shape
    (20, 4)
    >>> Spectral().on(ring).latent_dim, Spectral(latent_dim=50).on(ring).latent_dim
    (2, 19)
    """

    name: ClassVar[str] = "spectral"

    tie: float = Field(default=0.5, ge=1e-6, le=1e6)

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        from sklearn.manifold import spectral_embedding

        n_nodes = training.n_nodes
        with warnings.catch_warnings():
            # A second solver takes over, and nobody has anything to do.
            warnings.filterwarnings("ignore", "ARPACK has failed", RuntimeWarning)
            vectors = spectral_embedding(
                _tied(training, self.tie),
                n_components=self.latent_dim,
                eigen_solver="arpack" if n_nodes <= MOST_NODES_TO_FACTORIZE else "lobpcg",
                random_state=stream_seed(seed, "spectral") % 2**32,
            )
        return VectorScores(vectors[:n_nodes])


def _tied(graph: Graph, tie: float) -> sparse.csr_array:
    """The adjacency with an extra node, tied to all others."""
    adjacency = sparse.csr_array(graph.adjacency, dtype=np.float64)
    adjacency /= adjacency.data.mean()
    ties = np.full((graph.n_nodes, 1), tie)
    tied = sparse.csr_array(sparse.block_array([[adjacency, ties], [ties.T, None]]))
    tied.indices, tied.indptr = tied.indices.astype(np.int32), tied.indptr.astype(np.int32)
    return tied
