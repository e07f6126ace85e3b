"""Spectral embedding: the paper's baseline SC."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np
from pydantic import Field
from scipy import sparse

from vgae.baselines.base import Baseline
from vgae.config import Dimension, stream_seed
from vgae.errors import InputError
from vgae.graph import Graph, count
from vgae.scores import Scores, VectorScores

__all__ = ["Spectral"]

MOST_NODES_TO_FACTORIZE = 30_000
"""ARPACK's shift-invert mode factorises the Laplacian; beyond this LOBPCG needs less memory."""


@final
class Spectral(Baseline):
    """Eigenvectors of the normalised Laplacian, by scikit-learn (Belkin & Niyogi 2003).

    On a graph of several components the smallest eigenvectors only tell the components apart,
    and there may be more of them than dimensions. So every node is tied to one further node by an
    edge of weight `tie`, whose vector is then left away. Without that node the graph reads
    A + (tie / n_nodes) 11^T: the regularisation of Amini et al. 2013. It is sparse, and it
    also places isolated nodes.

    Attributes
    ----------
    latent_dim
        How many eigenvectors, after the constant one; fewer than nodes.
    tie
        Weight of the tie, as a fraction of the mean edge weight.

    Examples
    --------
    >>> ring = Graph.from_edges([(i, (i + 1) % 20) for i in range(20)])
    >>> Spectral(latent_dim=4).fit(ring).vectors.shape
    (20, 4)
    """

    name: ClassVar[str] = "spectral"

    latent_dim: Dimension = 128
    tie: float = Field(default=0.5, ge=1e-6, le=1e6)

    def _check(self, graph: Graph) -> None:
        if graph.n_nodes <= self.latent_dim:
            raise InputError(
                f"spectral: {count(graph.n_nodes, 'node')} cannot have {self.latent_dim} "
                f"dimensions; ask for fewer than {graph.n_nodes} (--latent-dim)"
            )

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        from sklearn.manifold import spectral_embedding

        n_nodes = training.n_nodes
        vectors = spectral_embedding(
            _tied(training, self.tie),
            n_components=self.latent_dim,
            eigen_solver="arpack" if n_nodes <= MOST_NODES_TO_FACTORIZE else "lobpcg",
            random_state=stream_seed(seed, "spectral") % 2**32,
        )
        return VectorScores(vectors[:n_nodes])


def _tied(graph: Graph, tie: float) -> sparse.csr_array:
    """The adjacency with one more node, tied to all others."""
    adjacency = sparse.csr_array(graph.adjacency, dtype=np.float64)
    adjacency /= adjacency.data.mean()
    ties = np.full((graph.n_nodes, 1), tie)
    tied = sparse.csr_array(sparse.block_array([[adjacency, ties], [ties.T, None]]))
    tied.indices, tied.indptr = tied.indices.astype(np.int32), tied.indptr.astype(np.int32)
    return tied
