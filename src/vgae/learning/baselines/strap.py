"""STRAP: source and target vectors from personalised PageRank in both directions."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np
from pydantic import Field
from scipy import sparse

from vgae.data.graph import Graph
from vgae.data.kinds import Kind
from vgae.ground.blas import blas_on_one_thread
from vgae.ground.config import stream_seed
from vgae.learning.baselines.factorization import Factorization
from vgae.learning.scores import FactorScores, Scores
from vgae.model.inputs import walk_shares

__all__ = ["Strap"]


@final
class Strap(Factorization):
    """Factors of log-scaled personalised PageRank, forward and transposed (Yin & Wei 2019).

    With P the probabilities of walks along the arcs and Q of walks against them, the matrix
    log(2 (P + Q^T) / threshold), where that is positive, has the truncated singular value
    decomposition U S V^T. The score of an arc is s_i . t_j, with s = U S^1/2 and t = V S^1/2. In an
    undirected graph it is the mean of both directions.

    Attributes
    ----------
    latent_dim
        Dimensions of the source vectors, and of the target vectors; capped at n_nodes - 1. By
        default one per 20 nodes, at least 2 and at most 64. What is capped or chosen is logged.
    threshold
        Probabilities up to half of this count as zero.

    Examples
    --------
    >>> cycle = Graph.from_edges([(i, (i + 1) % 20) for i in range(20)], directed=True)
    >>> scores = Strap(latent_dim=4).fit(cycle)
    >>> there, back = scores.pairs([(0, 1), (1, 0)])
    >>> bool(there > back), scores.vectors.shape
    (True, (20, 4))
    """

    name: ClassVar[str] = "strap"
    kinds: ClassVar[tuple[Kind, ...]] = ("undirected", "bipartite", "directed")
    most_dimensions: ClassVar[int] = 64

    threshold: float = Field(default=1e-5, ge=1e-7, le=0.1)

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        from sklearn.utils.extmath import randomized_svd

        forward, smallest = training.adjacency, self.threshold / 2.0
        back = sparse.csr_array(forward.T)
        back.sort_indices()
        near = sparse.csr_array(walk_shares(forward, smallest) + walk_shares(back, smallest).T)
        near.data = np.log(np.maximum(near.data / smallest, 1.0))
        with blas_on_one_thread():
            left, values, right = randomized_svd(
                near,
                self.latent_dim,
                random_state=stream_seed(seed, "strap") % 2**32,
            )
        source, target = left * np.sqrt(values), right.T * np.sqrt(values)
        if training.directed:
            return FactorScores(source, target)
        half = np.sqrt(0.5)
        both = half * np.hstack([source, target]), half * np.hstack([target, source])
        return FactorScores(*both)
