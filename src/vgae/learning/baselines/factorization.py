"""Baselines that factorise a matrix of the graph: how many dimensions, and the generalised SVD."""

from __future__ import annotations

import logging
from typing import ClassVar, Self, final

import numpy as np
from scipy import sparse

from vgae.data.graph import Graph
from vgae.ground.blas import blas_on_one_thread
from vgae.ground.config import Dimension, stream_seed
from vgae.learning.baselines.base import Baseline
from vgae.learning.scores import Scores, VectorScores
from vgae.model.inputs import unit_rows

__all__ = ["Factorization", "Gsvd"]

logger = logging.getLogger(__name__)

NODES_PER_DIMENSION = 20
"""The default dimensions: one per 20 nodes, on graphs too small for `most_dimensions`.

With few nodes per dimension the vectors of different nodes become orthogonal, and held-out edges
score below chance. For `spectral`, on 29 graphs of 32 to 1,200 nodes, this rule costs 4 points of
AUC and AP against the best number for each graph, and 128 dimensions cost 25.
"""

TOLERANCE = 1e-2
"""Where ARPACK stops. Full precision has a point more AUC on Cora, a point less on the validation
pairs of dblp, and takes twenty times as long there."""


class Factorization(Baseline):
    """A baseline with an embedding whose number of dimensions depends on the graph.

    Attributes
    ----------
    latent_dim
        Dimensions of the embedding; capped at n_nodes - 1. By default one per 20 nodes, at least 2
        and at most `most_dimensions`. What is capped or chosen is logged.

    Examples
    --------
    >>> ring = Graph.from_edges([(i, (i + 1) % 60) for i in range(60)])
    >>> Gsvd().on(ring).latent_dim, Gsvd(latent_dim=90).on(ring).latent_dim, Gsvd.most_dimensions
    (3, 59, 128)
    """

    most_dimensions: ClassVar[int] = 128
    """The largest number of dimensions that is chosen by default."""

    latent_dim: Dimension | None = None

    @classmethod
    def default_dim(cls, n_nodes: int) -> int:
        """The number of dimensions that is chosen by default.

        Examples
        --------
        >>> Gsvd.default_dim(60), Gsvd.default_dim(10**6)
        (3, 128)
        """
        return min(n_nodes - 1, cls.most_dimensions, max(2, n_nodes // NODES_PER_DIMENSION))

    def on(self, graph: Graph) -> Self:
        """The settings with the number of dimensions filled in or capped; see `Baseline.on`."""
        dim, most = self.latent_dim, graph.n_nodes - 1
        if dim is None:
            dim = self.default_dim(graph.n_nodes)
            if dim < self.most_dimensions:
                logger.info(
                    "%s: %d dimensions, by default one per %d nodes; latent_dim "
                    "(--latent-dim) sets another number",
                    self.name,
                    dim,
                    NODES_PER_DIMENSION,
                )
        elif dim > most:
            logger.warning(
                "%s: %d of %d dimensions: the graph has %d nodes",
                self.name,
                most,
                dim,
                graph.n_nodes,
            )
            dim = most
        return self.model_copy(update={"latent_dim": dim})


@final
class Gsvd(Factorization):
    """Generalised SVD of the adjacency (Abdi 2007), as in scikit-network (Bonald et al. 2020).

    With A the adjacency, D its row sums and U S the leading eigenvectors of D^-1/2 A D^-1/2 times
    the absolute values of their eigenvalues, the embedding is D^-1/2 U S with rows of unit
    length. The formula and the unit rows are those of `sknetwork.embedding.GSVD(128)`, to which a
    test compares the scores where that package is installed. scikit-network takes a singular value
    decomposition; the adjacency is symmetric, so that its eigenvectors serve, in half the time.

    A graph of k components has the eigenvalue 1 k times. Where k exceeds the dimensions, the
    embedding is not unique: which eigenvectors ARPACK finds depends on its start, and with it the
    figures by a point or two, in scikit-network too. Isolated nodes have the embedding zero.

    Attributes
    ----------
    latent_dim
        Dimensions of the embedding; capped at n_nodes - 1. By default one per 20 nodes, at least 2
        and at most 128. What is capped or chosen is logged.

    Examples
    --------
    >>> ring = Graph.from_edges([(i, (i + 1) % 20) for i in range(20)])
    >>> Gsvd(latent_dim=4).fit(ring).vectors.shape
    (20, 4)
    """

    name: ClassVar[str] = "gsvd"

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        from scipy.sparse.linalg import eigsh

        adjacency = sparse.csr_array(training.adjacency, dtype=np.float64)
        degrees = adjacency.sum(axis=1)
        scale = np.where(degrees > 0, 1.0 / np.sqrt(np.where(degrees > 0, degrees, 1.0)), 0.0)
        matrix = sparse.diags_array(scale) @ adjacency @ sparse.diags_array(scale)
        start = np.random.default_rng(stream_seed(seed, "gsvd")).standard_normal(len(scale))
        with blas_on_one_thread():
            values, vectors = eigsh(matrix, self.latent_dim, v0=start, tol=TOLERANCE)
        return VectorScores(unit_rows(scale[:, None] * vectors * np.abs(values)))
