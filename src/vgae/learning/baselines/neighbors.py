"""Item kNN: an item is recommended to those who have items like it."""

from __future__ import annotations

from typing import ClassVar, Literal, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from vgae.data.graph import FloatCSR, Graph
from vgae.learning.baselines.base import Baseline
from vgae.learning.scores import RowProducts, Scores, block_rows, blocks

__all__ = ["ItemKnn"]

BM25_SATURATION, BM25_LENGTH = 1.2, 0.75
"""K1 and B of BM25, the usual values: how soon weights saturate, how much long rows are damped."""


@final
class ItemKnn(Baseline):
    """Sums of similarities between an item and the user's items (Sarwar et al. 2001).

    score(u, i) is the sum over the items j of user u of weight_uj * sim(j, i), where sim(j, i) is 0
    unless i is among the `neighbors` items that are most similar to j. Similarity is that of the
    rows of users who have an item: their cosine, or the inner product of rows with BM25 weights.
    The package `implicit` computes the same; a test compares the scores where it is installed.
    Users are the nodes of the first type of a bipartite graph, and items those of the second. In an
    undirected graph each node is a user and an item, and the scores of both directions are added
    up. Memory grows with nodes and neighbours, and time with the pairs of items per user.

    Attributes
    ----------
    neighbors
        Number of similar items that count per item.
    similarity
        "cosine", or "bm25": weights by Okapi BM25 with K1 = 1.2 and B = 0.75, items being the
        documents and users their words.

    Examples
    --------
    >>> rows = [("ann", "tea"), ("ann", "jam"), ("bob", "tea"), ("cyd", "ham")]
    >>> graph = Graph.from_pairs(rows, kind="bipartite")
    >>> scores = ItemKnn().fit(graph)
    >>> jam, ham = scores.pairs([graph.index(["bob", name]) for name in ("jam", "ham")])
    >>> round(float(jam), 3), float(ham)  # 1 / sqrt(2) and nothing in common
    (0.707, 0.0)
    """

    name: ClassVar[str] = "item-knn"

    neighbors: int = Field(default=100, ge=1, le=1_000_000)
    similarity: Literal["cosine", "bm25"] = "cosine"

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        adjacency = sparse.csr_array(messages.adjacency, dtype=np.float64)
        of_users = of_items = adjacency
        if messages.kind == "bipartite":
            of_users, of_items = (
                sparse.csr_array(
                    sparse.diags_array((messages.node_types == side) * 1.0) @ adjacency
                )
                for side in (0, 1)
            )
            for part in (of_users, of_items):
                part.eliminate_zeros()
        weighted = _bm25(of_items) if self.similarity == "bm25" else _unit(of_items)
        neighbors = _nearest(weighted, self.neighbors)
        # score(u, i) = users_u . neighbors_i; the other order of the pair has the other factor.
        reached = sparse.csr_array(neighbors.T)
        left = sparse.hstack([of_users, reached], format="csr")
        return RowProducts(left, sparse.hstack([reached, of_users], format="csr"))


def _unit(rows: FloatCSR) -> FloatCSR:
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)))
    return sparse.csr_array(sparse.diags_array(1.0 / np.where(lengths > 0, lengths, 1.0)) @ rows)


def _bm25(rows: FloatCSR) -> FloatCSR:
    """Weights of Okapi BM25 (Robertson & Walker 1994), rows being the documents."""
    n_words = np.diff(rows.indptr)
    sizes = np.asarray(rows.sum(axis=1))
    n_rows = max(int(np.count_nonzero(n_words)), 1)
    idf = np.log(n_rows / (1.0 + np.bincount(rows.indices, minlength=rows.shape[1])))
    damping = 1.0 - BM25_LENGTH + BM25_LENGTH * sizes / (sizes.sum() / n_rows)
    own = np.repeat(damping, n_words)
    weights = rows.data * (BM25_SATURATION + 1.0) / (BM25_SATURATION * own + rows.data)
    return sparse.csr_array((weights * idf[rows.indices], rows.indices, rows.indptr), rows.shape)


def _nearest(rows: FloatCSR, k: int) -> FloatCSR:
    """Inner products of each row with the k others with which it has the largest above zero."""
    columns, n_rows = sparse.csr_array(rows.T), rows.shape[0]
    # Pairs that have a column in common, per row: what a block of the product holds.
    common = rows.astype(bool).astype(np.float64) @ np.diff(columns.indptr)
    per_row = int(common.max(initial=1.0))
    parts: list[NDArray[np.float64]] = []
    for chosen in blocks(np.flatnonzero(np.diff(rows.indptr)), block_rows(per_row, 2**22)):
        found = sparse.coo_array(rows[chosen] @ columns)
        row, column, value = chosen[found.coords[0]], found.coords[1], found.data
        fit = (row != column) & (value > 0)
        row, column, value = row[fit], column[fit], value[fit]
        order = np.lexsort((column, -value, row))
        row, column, value = row[order], column[order], value[order]
        place = np.arange(len(row)) - np.searchsorted(row, row)
        parts.append(np.stack([row, column, value], axis=1)[place < k])
    row, column, value = np.concatenate([np.empty((0, 3)), *parts]).T
    places = row.astype(np.int64), column.astype(np.int64)
    return sparse.csr_array((value, places), shape=(n_rows, n_rows))
