"""Decoders: (vectors, pairs) -> logits of an edge, plus the form over all pairs."""

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
    >>> InnerProductDecoder().logits(latent, torch.tensor([[0, 1]])).tolist()
    [2.0]
    """

    def factor(self, latent: Tensor) -> Tensor:
        """Vectors f, shape (n_nodes, dim), such that f_i . f_j is the logit of every pair."""
        return latent

    def logits(self, latent: Tensor, pairs: Tensor) -> Tensor:
        """Logits of some pairs, a chunk at a time.

        Parameters
        ----------
        latent
            Node vectors, shape (n_nodes, latent_dim).
        pairs
            Node indices, shape (n_pairs, 2).

        Returns
        -------
        Shape (n_pairs,). The edge probability is their sigmoid.

        Raises
        ------
        IndexError
            A pair names a node past the last one.
        """
        vectors = self.factor(latent)
        return torch.cat(
            [
                # Sums in float64 round to one float32 in whatever order they are taken, so that
                # pairs of equal vectors tie.
                (vectors[chunk[:, 0]].double() * vectors[chunk[:, 1]].double())
                .sum(dim=1)
                .to(vectors.dtype)
                for chunk in torch.split(pairs, CHUNK_PAIRS)
            ]
        )
