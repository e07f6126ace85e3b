"""Scores of all pairs of nodes: what every fitted method answers, however it came to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from vgae.adjacency import check_inside, index_pairs
from vgae.decoders import InnerProductDecoder
from vgae.errors import InputError
from vgae.graph import FloatCSR
from vgae.kernels import count_reaching

__all__ = ["Scores", "VectorScores", "block_rows", "blocks"]


class Scores(ABC):
    """Scores of node pairs in any monotone scale: the larger, the likelier an edge.

    A pair scores the same in both directions. Nothing of size n_nodes x n_nodes is ever held.
    """

    n_nodes: int

    @property
    @abstractmethod
    def vectors(self) -> NDArray[np.float32] | None:
        """Node vectors, shape (n_nodes, dim); None for a method that has none."""

    @final
    def pairs(self, pairs: ArrayLike) -> NDArray[np.floating]:
        """Scores of some pairs.

        Parameters
        ----------
        pairs
            Node indices, shape (n_pairs, 2).

        Returns
        -------
        Shape (n_pairs,).

        Raises
        ------
        InputError
            They are of another shape or type, or name a node that there is not.
        """
        checked = index_pairs(pairs, "pairs").astype(np.int64, copy=False)
        check_inside(checked, self.n_nodes, "pairs")
        return self._pairs(checked)

    @final
    def rows(self, rows: ArrayLike) -> NDArray[np.floating]:
        """Scores of some nodes with every node; ask for few at a time.

        Parameters
        ----------
        rows
            Node indices, shape (n_rows,).

        Returns
        -------
        Shape (n_rows, n_nodes). A node's score with itself means nothing.

        Raises
        ------
        InputError
            They are of another shape or type, or name a node that there is not.
        """
        nodes = np.asarray(rows)
        if nodes.ndim != 1 or (nodes.size and nodes.dtype.kind not in "iu"):
            raise InputError(f"rows: {nodes.dtype} of shape {nodes.shape} are no node indices")
        if nodes.size and (nodes.min() < 0 or nodes.max() >= self.n_nodes):
            raise InputError(
                f"rows: a node is outside the {self.n_nodes:,} 0 .. {self.n_nodes - 1}"
            )
        return self._rows(nodes.astype(np.int64, copy=False))

    @abstractmethod
    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        """What `pairs` gives, of pairs that were checked."""

    @abstractmethod
    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        """What `rows` gives, of rows that were checked."""

    def reaching(self, levels: NDArray[np.floating], known: FloatCSR) -> NDArray[np.int64]:
        """How many pairs i < j that are not known edges score at least 0, 1, 2, ... of the levels.

        Parameters
        ----------
        levels
            Scores, ascending and distinct, at least one.
        known
            Symmetric adjacency of the pairs to leave out, shape (n_nodes, n_nodes).

        Returns
        -------
        Shape (n_levels + 1,); a pair counts once, for all the levels that it reaches.
        """
        counts = np.zeros(len(levels) + 1, dtype=np.int64)
        for rows in blocks(np.arange(self.n_nodes), block_rows(self.n_nodes)):
            open_pairs = np.arange(self.n_nodes)[None, :] > rows[:, None]
            start, stop = known.indptr[rows[0]], known.indptr[rows[-1] + 1]
            degrees = np.diff(known.indptr[rows[0] : rows[-1] + 2])
            open_pairs[np.repeat(rows - rows[0], degrees), known.indices[start:stop]] = False
            reached = np.searchsorted(levels, self.rows(rows)[open_pairs], side="right")
            counts += np.bincount(reached, minlength=len(counts))
        return counts


@final
class VectorScores(Scores):
    """Inner products of node vectors, the logits of sigmoid(z_i . z_j).

    Parameters
    ----------
    vectors
        Shape (n_nodes, dim).

    Examples
    --------
    >>> scores = VectorScores(np.array([[1.0, 0.0], [2.0, 1.0]], dtype=np.float32))
    >>> scores.pairs(np.array([[0, 1]])).tolist(), scores.rows(np.array([1])).tolist()
    ([2.0], [[2.0, 5.0]])
    """

    def __init__(self, vectors: NDArray[np.floating]) -> None:
        self._vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        self.n_nodes = len(vectors)
        self._decoder = InnerProductDecoder()
        self._latent = torch.tensor(self._vectors)
        # In float64, as the decoder takes its sums, and made once for all blocks of rows.
        self._factor = self._decoder.factor(self._latent).double().numpy()

    @property
    def vectors(self) -> NDArray[np.float32]:
        """Node vectors, shape (n_nodes, dim)."""
        return self._vectors

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        with torch.no_grad():
            logits = self._decoder.logits(self._latent, torch.tensor(pairs))
        scores: NDArray[np.float32] = logits.numpy()
        return scores

    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        scores: NDArray[np.float64] = self._factor[rows] @ self._factor.T
        return scores.astype(np.float32)

    def reaching(self, levels: NDArray[np.floating], known: FloatCSR) -> NDArray[np.int64]:
        """See `Scores.reaching`."""
        return count_reaching(self._decoder.factor(self._latent), levels, known=known)


def block_rows(n_columns: int, elements: int = 2**20) -> int:
    """How many rows of this many columns make a block of about `elements` numbers."""
    return max(1, elements // max(n_columns, 1))


def blocks(rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Some rows, `size` at a time."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]
