"""Scores of all pairs of nodes: what every fitted method answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from vgae.data.adjacency import check_inside, index_pairs
from vgae.data.graph import FloatCSR
from vgae.ground.errors import InputError
from vgae.model.decoders import InnerProductDecoder
from vgae.model.kernels import count_reaching, top_pairs

__all__ = ["FunctionScores", "Scores", "VectorScores", "as_scores", "block_rows", "blocks"]

PAIRS_AT_ONCE = 2**20
"""How many pairs a function is asked for at a time."""

MOST_ASKED_AGAIN = 1000
"""How many pairs a function is asked for a second time, to see that it gives the same scores."""

TopPairs = tuple[NDArray[np.int64], NDArray[np.floating]]


class Scores(ABC):
    """Scores of node pairs in any monotone scale: the larger, the likelier an edge.

    A pair scores the same in both directions. Nothing of size n_nodes x n_nodes is ever held.
    `VectorScores` and `FunctionScores` are made from arrays and functions.

    Examples
    --------
    >>> from vgae.learning.baselines import baseline
    >>> from vgae.data.graph import Graph
    >>> scores = baseline("katz").fit([("a", "b"), ("b", "c")])
    >>> scores.pairs([(0, 2)]).shape, scores.rows([1]).shape, scores.vectors
    ((1,), (1, 3), None)
    >>> known = Graph.from_edges([(0, 1), (1, 2)]).adjacency
    >>> scores.reaching(np.array([0.0]), known).tolist()
    [0, 1]
    >>> scores.top_pairs(5, known)[0].tolist()
    [[0, 2]]
    """

    n_nodes: int

    @property
    @abstractmethod
    def vectors(self) -> NDArray[np.float32] | None:
        """Embedding, shape (n_nodes, dim); None for a method that has none."""

    @final
    def pairs(self, pairs: ArrayLike) -> NDArray[np.floating]:
        """Scores of the given pairs.

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
            They have another shape or type, or a node is not in the graph.
        """
        checked = index_pairs(pairs, "pairs").astype(np.int64, copy=False)
        check_inside(checked, self.n_nodes, "pairs")
        return self._pairs(checked)

    @final
    def rows(self, rows: ArrayLike) -> NDArray[np.floating]:
        """Scores of the given nodes with every node; ask for few at a time.

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
            They have another shape or type, or a node is not in the graph.
        """
        nodes = np.asarray(rows)
        if nodes.ndim != 1 or (nodes.size and nodes.dtype.kind not in "iu"):
            raise InputError(f"rows: {nodes.dtype} of shape {nodes.shape} are not node indices")
        if nodes.size and (nodes.min() < 0 or nodes.max() >= self.n_nodes):
            raise InputError(
                f"rows: a node is outside the {self.n_nodes:,} 0 .. {self.n_nodes - 1}"
            )
        return self._rows(nodes.astype(np.int64, copy=False))

    @abstractmethod
    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        """What `pairs` gives, for checked pairs."""

    @abstractmethod
    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        """What `rows` gives, for checked rows."""

    def reaching(self, levels: NDArray[np.floating], known: FloatCSR) -> NDArray[np.int64]:
        """How many pairs i < j that are not known edges score at least 0, 1, 2, ... of the levels.

        Parameters
        ----------
        levels
            Scores, ascending and distinct, at least one.
        known
            Symmetric adjacency of the pairs to omit, shape (n_nodes, n_nodes).

        Returns
        -------
        Shape (n_levels + 1,); a pair counts once, for all the levels that it reaches.
        """
        counts = np.zeros(len(levels) + 1, dtype=np.int64)
        for rows, is_open in self._open_pairs(known):
            reached = np.searchsorted(levels, self.rows(rows)[is_open], side="right")
            counts += np.bincount(reached, minlength=len(counts))
        return counts

    def top_pairs(self, k: int, known: FloatCSR) -> TopPairs:
        """Find the k pairs i < j with the largest scores that are not known edges.

        Every pair is compared. Of equal pairs, the first by (i, j) wins.

        Parameters
        ----------
        k
            Number of pairs; fewer are returned if there are fewer.
        known
            Symmetric adjacency of the pairs to omit, shape (n_nodes, n_nodes).

        Returns
        -------
        Pairs, shape (n_found, 2), and their scores, shape (n_found,), best first.
        """
        codes, values = np.empty(0, np.int64), np.empty(0)
        for rows, is_open in self._open_pairs(known) if k > 0 else ():
            found = self.rows(rows)
            if len(values) == k:
                is_open &= found > values[-1]  # a tie goes to the earlier pair
            row, column = np.nonzero(is_open)
            codes = np.concatenate([codes, rows[row] * self.n_nodes + column])
            values = np.concatenate([values, found[row, column]])
            order = np.lexsort((codes, -values))[:k]
            codes, values = codes[order], values[order]
        return np.stack(np.divmod(codes, max(self.n_nodes, 1)), axis=1), values

    def _open_pairs(self, known: FloatCSR) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool]]]:
        """Yield blocks of rows, and which of their pairs i < j are not known edges."""
        every = np.arange(self.n_nodes)
        for rows in blocks(every, block_rows(self.n_nodes)):
            is_open = every[None, :] > rows[:, None]
            start, stop = known.indptr[rows[0]], known.indptr[rows[-1] + 1]
            degrees = np.diff(known.indptr[rows[0] : rows[-1] + 2])
            is_open[np.repeat(rows - rows[0], degrees), known.indices[start:stop]] = False
            yield rows, is_open


@final
class VectorScores(Scores):
    """Inner products of an embedding, the logits of sigmoid(z_i . z_j).

    Parameters
    ----------
    vectors
        The embedding, shape (n_nodes, dim); a row per node.

    Examples
    --------
    >>> from vgae.data.graph import Graph
    >>> scores = VectorScores(np.array([[1.0, 0.0], [2.0, 1.0]], dtype=np.float32))
    >>> scores.pairs(np.array([[0, 1]])).tolist(), scores.rows(np.array([1])).tolist()
    ([2.0], [[2.0, 5.0]])
    >>> scores.vectors.shape
    (2, 2)
    >>> known = Graph.from_edges([], n_nodes=2).adjacency
    >>> scores.reaching(np.array([1.0]), known).tolist(), scores.top_pairs(1, known)[1].tolist()
    ([0, 1], [2.0])
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
        """The embedding, shape (n_nodes, dim)."""
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

    def top_pairs(self, k: int, known: FloatCSR) -> TopPairs:
        """See `Scores.top_pairs`."""
        return top_pairs(self._decoder.factor(self._latent), k, known=known)


PairFunction = Callable[[NDArray[np.int64]], Any]
"""Node pairs, shape (n_pairs, 2), to their scores, shape (n_pairs,)."""


@final
class FunctionScores(Scores):
    """Scores that a function of pairs gives.

    The function is asked for pairs of two different nodes, the smaller index first, so that a pair
    scores the same in both directions; in blocks, where many pairs are asked for. The score of a
    pair must depend on the pair alone: the first time, some pairs are asked for again, alone and in
    another order, and must score the same.

    Parameters
    ----------
    function
        From node indices, shape (n_pairs, 2), int64, to scores, shape (n_pairs,).
    n_nodes
        Number of nodes.

    Raises
    ------
    InputError
        When scores are asked for: what the function returned has another shape, is not numeric,
        holds NaN, or depends on the other pairs.

    Examples
    --------
    >>> scores = FunctionScores(lambda pairs: -abs(pairs[:, 0] - pairs[:, 1]), 3)
    >>> scores.pairs([(2, 0), (0, 1)]).tolist(), scores.vectors
    ([-2.0, -1.0], None)
    """

    vectors: ClassVar[None] = None

    def __init__(self, function: PairFunction, n_nodes: int) -> None:
        self.n_nodes, self._function, self._asked_again = n_nodes, function, False

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        scores = np.zeros(len(pairs))  # a node's score with itself means nothing
        asked = np.flatnonzero(pairs[:, 0] != pairs[:, 1])
        for chosen in blocks(asked, PAIRS_AT_ONCE):
            scores[chosen] = self._checked(self._function(np.sort(pairs[chosen], axis=1)), chosen)
            if not self._asked_again and len(chosen) > 1:
                self._ask_again(pairs[chosen], scores[chosen])
        return scores

    def _ask_again(self, pairs: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
        """Refuse scores that depend on the order of the pairs, or on which others are asked for."""
        self._asked_again = True
        some = np.arange(len(pairs))[:: max(2, len(pairs) // MOST_ASKED_AGAIN)][::-1]
        again = self._checked(self._function(np.sort(pairs[some], axis=1)), some)
        finite = np.abs(scores[np.isfinite(scores)])
        close = 1e-4 * finite.max(initial=0.0)
        if not np.allclose(again, scores[some], rtol=1e-3, atol=close):
            raise InputError(
                "the function of pairs gave other scores when fewer pairs were asked for; the "
                "score of a pair must depend on the pair alone"
            )

    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        every = np.arange(self.n_nodes)
        pairs = np.stack(np.broadcast_arrays(rows[:, None], every[None, :]), axis=-1)
        return self._pairs(pairs.reshape(-1, 2)).reshape(len(rows), self.n_nodes)

    def _checked(self, found: Any, asked: NDArray[np.int64]) -> NDArray[np.float64]:
        scores = _numbers(found, "the function of pairs returned")
        if scores.shape != asked.shape:
            raise InputError(
                f"the function of pairs returned shape {scores.shape} for {len(asked):,} pairs; "
                f"return one score per pair, shape ({len(asked)},)"
            )
        n_missing = int(np.isnan(scores).sum())
        if n_missing:
            raise InputError(
                f"the function of pairs returned NaN for {n_missing:,} of {len(asked):,} pairs; "
                "return a number for each"
            )
        return scores


def as_scores(answer: Any, n_nodes: int) -> Scores:
    """The scores of all pairs, from what a method of your own returned.

    Parameters
    ----------
    answer
        `Scores`; or an embedding, an array of shape (n_nodes, dim), whose inner products are the
        scores; or a function from node pairs, shape (n_pairs, 2), to their scores, (n_pairs,).
    n_nodes
        Number of nodes.

    Raises
    ------
    InputError
        It is none of these, belongs to another number of nodes, or holds NaN or infinity; or it is
        a square array, which could be meant as an embedding or as the scores of all pairs.

    Examples
    --------
    >>> as_scores([[1.0], [2.0], [3.0]], 3).pairs([(1, 2)]).tolist()
    [6.0]
    >>> as_scores(np.ones((2, 4)), 3)
    Traceback (most recent call last):
    vgae.InputError: returned an array of shape (2, 4); return an embedding with a row for
    each of the 3 nodes of view.train, or a function of pairs
    """
    if isinstance(answer, Scores):
        if answer.n_nodes != n_nodes:
            raise InputError(
                f"returned scores of {answer.n_nodes:,} nodes, but the graph has {n_nodes:,}"
            )
        return answer
    if isinstance(answer, type):
        raise InputError(f"returned the class {answer.__name__}, not scores")
    if callable(getattr(answer, "scores", None)):
        raise InputError(f"returned {type(answer).__name__}; return its scores()")
    if callable(answer):
        return FunctionScores(answer, n_nodes)
    vectors = _numbers(answer, "returned")
    if vectors.ndim != 2 or len(vectors) != n_nodes or vectors.shape[1] == 0:
        raise InputError(
            f"returned an array of shape {vectors.shape}; return an embedding with a row for each "
            f"of the {n_nodes:,} nodes of view.train, or a function of pairs"
        )
    if vectors.shape[1] == n_nodes:
        raise InputError(
            "returned a square array, which could be an embedding or the scores of all pairs; "
            "return vgae.learning.scores.VectorScores(array), or lambda pairs: array[pairs[:, 0], "
            "pairs[:, 1]]"
        )
    # Inner products are taken of 32-bit numbers: the square of a length must be one.
    unfit = np.flatnonzero(~(np.square(vectors).sum(axis=1) < np.finfo(np.float32).max))
    if unfit.size:
        raise InputError(
            f"row {unfit[0]} of the embedding holds NaN, infinity or huge numbers; return finite "
            "ones of moderate size"
        )
    return VectorScores(vectors)


def _numbers(values: Any, said: str) -> NDArray[np.float64]:
    """An array of real numbers, whichever library brings it."""
    kind, hint = type(values).__name__, ""
    if isinstance(values, torch.Tensor):
        hint = "; to_dense() makes one" if values.layout != torch.strided else ""
        values = values.detach().cpu()
        values = values if hint or not values.is_floating_point() else values.double()
    if np.ma.isMaskedArray(values):
        raise InputError(f"{said} a masked array; return filled(...) with a number for each cell")
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):  # rows of different lengths, or another layout
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "buif":
        hint = "; toarray() makes one" if hasattr(values, "toarray") else hint
        dtype = f" of {array.dtype}" if array.ndim and array.dtype != object else ""
        raise InputError(f"{said} {kind}{dtype}, not an array of numbers{hint}")
    return array.astype(np.float64)


def block_rows(n_columns: int, elements: int = 2**20) -> int:
    """Number of rows with so many columns that make a block of about `elements` numbers.

    Examples
    --------
    >>> block_rows(2**19)
    2
    """
    return max(1, elements // max(n_columns, 1))


def blocks(rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """The rows, `size` at a time.

    Examples
    --------
    >>> [block.tolist() for block in blocks(np.arange(3), 2)]
    [[0, 1], [2]]
    """
    return [rows[start : start + size] for start in range(0, len(rows), size)]
