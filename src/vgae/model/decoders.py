"""Decoders: (embeddings, pairs) -> logits of edges, and a factor for the logits of all pairs."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

__all__ = ["InnerProductDecoder"]

CHUNK_PAIRS = 2**18


@final
class InnerProductDecoder:
    """Edge probability sigmoid(z_i . z_j) (Kipf & Welling 2016, eq. 2).

    Examples
    --------
    >>> latent = torch.tensor([[1.0, 0.0], [2.0, 1.0]])
    >>> decoder = InnerProductDecoder()
    >>> decoder.logits(latent, torch.tensor([[0, 1]])).tolist()
    [2.0]
    >>> decoder.factor(latent) @ decoder.factor(latent).T  # the logits of all pairs
    tensor([[1., 2.], [2., 5.]])
    """

    def factor(self, latent: Tensor) -> Tensor:
        """Vectors f, shape (n_nodes, dim), such that f_i . f_j is the logit of each pair (i, j)."""
        return latent

    def logits(self, latent: Tensor, pairs: Tensor) -> Tensor:
        """Compute the logits of pairs, one chunk at a time.

        Parameters
        ----------
        latent
            Embeddings, shape (n_nodes, latent_dim).
        pairs
            Node indices, shape (n_pairs, 2).

        Returns
        -------
        Shape (n_pairs,). The edge probability is their sigmoid.

        Raises
        ------
        IndexError
            A pair has a node index beyond the last node.
        """
        vectors = self.factor(latent)
        return torch.cat(
            [
                # Sums in float64 round to the same float32 in any order, so that pairs of equal
                # embeddings tie.
                (vectors[chunk[:, 0]].double() * vectors[chunk[:, 1]].double())
                .sum(dim=1)
                .to(vectors.dtype)
                for chunk in torch.split(pairs, CHUNK_PAIRS)
            ]
        )
