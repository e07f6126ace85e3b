"""Exact search for the highest-scoring pairs among all pairs, tile by tile."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vgae.graph import FloatCSR

__all__ = ["top_pairs", "top_partners"]

TILE_ELEMENTS = 2**20

Found = tuple[NDArray[np.int64], NDArray[np.float32]]


def top_pairs(factor: Tensor, k: int, *, known: FloatCSR) -> Found:
    """The k unordered pairs i < j of largest factor_i . factor_j that are not known edges.

    Every pair is looked at; memory is one tile plus a buffer of candidates. Ties go to the pair
    that comes first by (i, j).

    Parameters
    ----------
    factor
        Vectors whose inner products are the logits, shape (n_nodes, dim).
    k
        How many pairs; fewer come back when there are fewer.
    known
        Symmetric adjacency of the pairs to leave out, shape (n_nodes, n_nodes).

    Returns
    -------
    Pairs, shape (n_found, 2), and their logits, shape (n_found,), best first.
    """
    n_nodes = factor.shape[0]
    best = _Best(k)
    rows_per_tile = max(1, TILE_ELEMENTS // max(n_nodes, 1))
    tile = factor.new_empty((min(rows_per_tile, n_nodes), n_nodes))
    for top in range(0, n_nodes, rows_per_tile):
        rows = np.arange(top, min(top + rows_per_tile, n_nodes))
        logits = _open_logits(factor, rows, known, tile)
        upper = np.arange(n_nodes)[None, :] > rows[:, None]
        logits[~upper] = -np.inf
        wanted = np.flatnonzero(logits.ravel() > best.threshold)
        best.add(wanted + top * n_nodes, logits.ravel()[wanted])
    codes, values = best.finish()
    return np.stack(np.divmod(codes, max(n_nodes, 1)), axis=1), values


def top_partners(factor: Tensor, nodes: NDArray[np.int64], k: int, *, known: FloatCSR) -> Found:
    """For each of `nodes`, its k best partners j by factor_i . factor_j, known edges left out.

    Parameters and returns are those of `top_pairs`; `nodes` are row indices, and the pairs come in
    the order of `nodes`, each node's best first.
    """
    pairs, scores = [np.empty((0, 2), np.int64)], [np.empty(0, np.float32)]
    tile = factor.new_empty((1, factor.shape[0]))
    for node in nodes:
        logits = _open_logits(factor, np.array([node]), known, tile)[0]
        logits[node] = -np.inf
        best = _Best(k)
        open_columns = np.flatnonzero(logits > -np.inf)
        best.add(open_columns, logits[open_columns])
        found, values = best.finish()
        pairs.append(np.stack([np.full_like(found, node), found], axis=1))
        scores.append(values)
    return np.concatenate(pairs), np.concatenate(scores)


def _open_logits(
    factor: Tensor, rows: NDArray[np.int64], known: FloatCSR, tile: Tensor
) -> NDArray[np.float32]:
    """Logits of some rows with all columns, known pairs at minus infinity.

    They are written into `tile`: a new array for each would fragment the heap, which then grows
    with the number of tiles.
    """
    with torch.no_grad():
        product = torch.mm(factor[torch.from_numpy(rows)], factor.T, out=tile[: rows.size])
    logits: NDArray[np.float32] = product.cpu().numpy()
    start, stop = known.indptr[rows], known.indptr[rows + 1]
    local = np.repeat(np.arange(rows.size), stop - start)
    columns = np.concatenate([known.indices[a:b] for a, b in zip(start, stop, strict=True)])
    logits[local, columns] = -np.inf
    return logits


class _Best:
    """The k largest values seen, ties to the smaller code; sorts only when a buffer fills."""

    def __init__(self, k: int) -> None:
        self.k = k
        self.threshold = np.float32(-np.inf)
        self._codes: list[NDArray[np.int64]] = []
        self._values: list[NDArray[np.float32]] = []
        self._buffered = 0

    def add(self, codes: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        """Offer values; codes must be larger than all that came before."""
        self._codes.append(codes)
        self._values.append(values)
        self._buffered += codes.size
        if self._buffered > 2 * self.k + TILE_ELEMENTS // 8:
            self._shrink()

    def finish(self) -> Found:
        self._shrink()
        return self._codes[0], self._values[0]

    def _shrink(self) -> None:
        codes = np.concatenate([np.empty(0, np.int64), *self._codes])
        values = np.concatenate([np.empty(0, np.float32), *self._values])
        if values.size > self.k:
            # Sorting is for the few that can win: all above the k-th value, and its ties.
            bar = np.partition(values, values.size - self.k)[values.size - self.k]
            near = values >= bar
            codes, values = codes[near], values[near]
            self.threshold = bar  # an equal value with a later code cannot win any more
        order = np.lexsort((codes, -values))[: self.k]
        self._codes, self._values = [codes[order]], [values[order]]
        self._buffered = order.size
