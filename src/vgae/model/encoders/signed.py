"""The encoder of signed graphs: every node has a half for friends and a half for foes."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from vgae.data.graph import FloatCSR, Graph
from vgae.model.encoders.base import EncoderInput
from vgae.model.encoders.halves import HalvesEncoder
from vgae.model.kernels import SparseMatrix

__all__ = ["SignedEncoder"]


@final
class SignedEncoder(HalvesEncoder):
    """Graph convolutions along positive and negative edges (after Derr, Ma & Tang 2018, SGCN).

    Every node has a friends' half F and a foes' half E. With P the normalised positive part of the
    adjacency, self loops included, and N the normalised absolute negative part, a round is

        F <- ReLU(P F W + N E V)        E <- ReLU(P E V + N F W)

    the last one without ReLU: friends are the friends of friends and the foes of foes. Each part is
    normalised by its own degrees. In an unsigned graph all edges are positive.

    Examples
    --------
    >>> from vgae.model.settings import ModelSettings
    >>> settings = ModelSettings(encoder="signed", hidden_dim=4, latent_dim=6)
    >>> encoder = SignedEncoder(settings, 3, outputs=("mean",), generator=torch.Generator())
    >>> sorted(encoder.weight)
    ['hidden_foes', 'hidden_friends', 'mean_foes', 'mean_friends']
    >>> graph = Graph.from_edges([(0, 1), (1, 2)], weights=[1, -1], kind="signed")
    >>> encoder.adjacency(graph).toarray().round(2).tolist()[3:]  # below the positive part
    [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    >>> prepared = encoder.prepare(graph, np.eye(3, dtype=np.float32))
    >>> encoder(prepared)["mean"].shape, encoder.links(prepared).tolist()
    (torch.Size([3, 6]), [[1, 1, 0], [0, 1, 1]])
    >>> sent = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 0.0]])  # node 1 sends to friends
    >>> encoder.passed(prepared.adjacency, sent).tolist()  # node 0 is its friend, node 2 its foe
    [[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]]
    """

    name: ClassVar[str] = "signed"
    parts: ClassVar[tuple[str, str]] = ("friends", "foes")

    def adjacency(self, graph: Graph) -> FloatCSR:
        """See `Propagation.adjacency`: the positive part above the negative part.

        One product with this matrix, shape (2 * n_nodes, n_nodes), passes all messages of a round.
        """
        weights = graph.adjacency.astype(np.float64)
        friends = weights.maximum(0.0) + sparse.eye_array(graph.n_nodes, format="csr")
        foes = (-weights).maximum(0.0)
        parts = [self._scaled(sparse.csr_array(part)) for part in (friends, foes)]
        found: FloatCSR = sparse.csr_array(sparse.vstack(parts), dtype=np.float32)
        found.eliminate_zeros()
        found.sort_indices()
        return found

    def _scaled(self, part: FloatCSR) -> FloatCSR:
        degrees = part.sum(axis=1)
        return self.normalised(part, np.where(degrees > 0, degrees, 1.0))

    def passed(self, adjacency: SparseMatrix, sent: Tensor) -> Tensor:
        """See `Propagation.passed`: along a negative edge, the halves change places."""
        both, n_nodes = adjacency @ sent, len(sent)
        near, far = both[:n_nodes], both[n_nodes:]
        return near + torch.cat(far.chunk(2, dim=1)[::-1], dim=1)

    def links(self, prepared: EncoderInput) -> Tensor:
        """See `Propagation.links`: numbers of positive and of negative links, shape (2, n)."""
        friends, foes = prepared.n_links(False).reshape(2, -1)
        return torch.stack([friends - 1, foes])
