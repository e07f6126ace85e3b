"""Scores of all pairs of nodes: what every fitted method answers."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from typing import Any, ClassVar, Self, final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from torch import Tensor

from vgae.data.adjacency import node_pairs
from vgae.data.graph import FloatCSR, Graph
from vgae.ground.blas import blas_on_one_thread
from vgae.ground.errors import InputError
from vgae.learning.signs import SignScores
from vgae.learning.weights import Expected
from vgae.model.decoders import score_pairs
from vgae.model.kernels import (
    count_reaching,
    count_rivals,
    pairs_of_product,
    rows_of_product,
    top_pairs,
    top_partners,
    torch_on_one_thread,
)
from vgae.model.kernels.threads import n_threads
from vgae.model.latents import Latent
from vgae.model.network import GraphAutoEncoder

__all__ = [
    "FactorScores",
    "FunctionScores",
    "ModelScores",
    "Ranked",
    "RowProducts",
    "Scores",
    "VectorScores",
    "as_scores",
    "block_rows",
    "blocks",
    "open_partners",
]

Ranked = tuple[NDArray[np.int64], NDArray[np.floating]]
"""Pairs, shape (n_found, 2), and their scores, best first."""

OpenBlock = tuple[NDArray[np.int64], int, NDArray[np.bool], NDArray[np.floating]]
"""Rows, the first column, which of their pairs are open, and the scores of all of them."""

PAIRS_AT_ONCE = 2**20
"""How many pairs a function is asked for at a time."""

MOST_WORKERS = 8
"""Blocks of rows that are scored at a time; each takes some 100 MB."""

MOST_ASKED_AGAIN = 1000
"""How many pairs a function is asked for a second time, to see that it gives the same scores."""


class Scores(ABC):
    """Scores of node pairs in any monotone scale: the larger, the likelier an edge.

    A pair scores the same in both directions, except that methods for directed graphs may score
    (i, j), from i to j, and (j, i) differently. Nothing of size n_nodes x n_nodes is ever held.
    `VectorScores` and `FunctionScores` are made from arrays and functions.

    Examples
    --------
    >>> from vgae.learning.baselines import baseline
    >>> from vgae.learning.weights import CountMap
    >>> from vgae.data.graph import Graph
    >>> scores = baseline("katz").fit([("a", "b"), ("b", "c")])
    >>> scores.pairs([(0, 2)]).shape, scores.rows([1]).shape, scores.vectors, scores.dear
    ((1,), (1, 3), None, False)
    >>> known = Graph.from_edges([(0, 1), (1, 2)])
    >>> scores.reaching(np.array([0.0]), known).tolist(), scores.top(5, known)[0].tolist()
    ([0, 1], [[0, 2]])
    >>> scores.partners(np.array([2]), 1, known)[0].tolist()
    [[2, 0]]
    >>> [part.tolist() for part in scores.rivals(np.array([[0, 1]]), known)]
    [[0], [0], [1]]
    >>> scores.expected is None, scores.with_expected(CountMap(n_edges=2)).expected.n_edges
    (True, 2)
    >>> pairs = np.array([(0, 2)])
    >>> with scores.remembering(pairs):
    ...     scores.pairs(pairs).shape
    (1,)
    """

    n_nodes: int
    signs: SignScores | None = None
    """What the method says of the signs of edges; None if nothing."""
    expected: Expected | None = None
    """What scores say of the weights of edges; None where they say nothing."""
    _known: tuple[tuple[NDArray[np.int64], NDArray[np.floating]], ...] = ()

    def with_expected(self, expected: Expected | None) -> Self:
        """The same scores, which say this of the weights of edges."""
        found = copy.copy(self)
        found.expected = expected
        return found

    @property
    def dear(self) -> bool:
        """Whether scoring all pairs takes long, so that their counts should be estimated."""
        return False

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
        for known, scores in self._known:
            if pairs is known:
                return scores.copy()
        return self._pairs(node_pairs(pairs, self.n_nodes))

    @final
    @contextmanager
    def remembering(self, *parts: NDArray[np.int64]) -> Iterator[None]:
        """Score these arrays of pairs once, and no more while this is open.

        Several metrics ask for the scores of the same pairs, which may take long.
        """
        before = self._known
        self._known = (*before, *((pairs, self.pairs(pairs)) for pairs in parts))
        try:
            yield
        finally:
            self._known = before

    @final
    def rows(self, rows: ArrayLike, since: int = 0) -> NDArray[np.floating]:
        """Scores of the given nodes with every node; ask for few at a time.

        Parameters
        ----------
        rows
            Node indices, shape (n_rows,).
        since
            The first of the other nodes: where pairs have no order, half of the columns of all
            rows say what the other half does.

        Returns
        -------
        Shape (n_rows, n_nodes - since). A node's score with itself means nothing.

        Raises
        ------
        InputError
            They have another shape or type, or a node is not in the graph; or `since` is below 0 or
            above the number of nodes.
        """
        nodes = np.asarray(rows)
        if nodes.ndim != 1 or (nodes.size and nodes.dtype.kind not in "iu"):
            raise InputError(f"rows: {nodes.dtype} of shape {nodes.shape} are not node indices")
        if nodes.size and (nodes.min() < 0 or nodes.max() >= self.n_nodes):
            raise InputError(
                f"rows: a node is outside the {self.n_nodes:,} 0 .. {self.n_nodes - 1}"
            )
        if not 0 <= since <= self.n_nodes:
            raise InputError(f"since {since}: must be from 0 to the number of nodes")
        return self._rows_since(nodes.astype(np.int64, copy=False), since)

    @abstractmethod
    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        """What `pairs` gives, for checked pairs."""

    @abstractmethod
    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        """What `rows` gives, for checked rows and all other nodes."""

    def _rows_since(self, rows: NDArray[np.int64], since: int) -> NDArray[np.floating]:
        """What `rows` gives, for checked rows; to be overridden where fewer columns cost less."""
        return self._rows(rows)[:, since:]

    def reaching(self, levels: NDArray[np.floating], known: Graph) -> NDArray[np.int64]:
        """How many open pairs score at least 0, 1, 2, ... of the levels.

        Parameters
        ----------
        levels
            Scores, ascending and distinct, at least one.
        known
            A graph whose kind and types say which pairs can be edges, and whose edges are omitted.
            The others are open.

        Returns
        -------
        Shape (n_levels + 1,); a pair counts once, for all the levels that it reaches.
        """
        counts = np.zeros(len(levels) + 1, dtype=np.int64)
        for _, _, is_open, found in self._open_blocks(known):
            # Of a sparse graph, most pairs have no more than the lowest score: only the others are
            # worth a search.
            above = is_open & (found > levels[0])
            reached = np.searchsorted(levels, found[above], side="right")
            counts += np.bincount(reached, minlength=len(counts))
            n_lowest = np.count_nonzero(is_open & (found == levels[0]))
            counts[0] += np.count_nonzero(is_open) - len(reached) - n_lowest
            counts[1] += n_lowest
        return counts

    def top(self, k: int, known: Graph) -> Ranked:
        """The k open pairs with the highest scores.

        Parameters
        ----------
        k
            Number of pairs; fewer are returned if there are fewer.
        known
            As in `reaching`.

        Returns
        -------
        Pairs (i, j), shape (n_found, 2), and their scores, best first; of equal ones, the first by
        (i, j). Of a directed graph they lead from i to j, otherwise i < j.
        """
        codes, values = np.empty(0, np.int64), np.empty(0)
        for rows, since, is_open, found in self._open_blocks(known) if k > 0 else ():
            if len(values) == k:
                is_open &= found > values[-1]  # a tie goes to the earlier pair
            row, column = np.nonzero(is_open)
            codes = np.concatenate([codes, rows[row] * self.n_nodes + column + since])
            values = np.concatenate([values, found[row, column]])
            order = np.lexsort((codes, -values))[:k]
            codes, values = codes[order], values[order]
        return np.stack(np.divmod(codes, max(self.n_nodes, 1)), axis=1), values

    def partners(self, nodes: NDArray[np.int64], k: int, known: Graph) -> Ranked:
        """The k best open partners of each node; in a directed graph, the best open targets.

        Parameters
        ----------
        nodes
            Row indices.
        k
            Number of partners per node; fewer are returned if there are fewer.
        known
            As in `top`.

        Returns
        -------
        Pairs whose first node is the one asked about, in the order of `nodes` and best first, and
        their scores.
        """
        found = list(self._partners_of_each(nodes, k, known))
        pairs, scores = [np.empty((0, 2), np.int64)], [np.empty(0)]
        return (
            np.concatenate([*pairs, *(pairs_of_one for pairs_of_one, _ in found)]),
            np.concatenate([*scores, *(scores_of_one for _, scores_of_one in found)]),
        )

    def _partners_of_each(self, nodes: NDArray[np.int64], k: int, known: Graph) -> Iterator[Ranked]:
        """What `partners` gives, node by node."""
        for block in blocks(np.asarray(nodes, np.int64), block_rows(self.n_nodes)):
            found = self.rows(block).astype(np.float64)
            found[~open_partners(known, block)] = -np.inf
            for node, scores in zip(block, found, strict=True):
                places = _highest(scores, k)
                places = places[np.lexsort((places, -scores[places]))]
                yield np.stack([np.full(len(places), node), places], axis=1), scores[places]

    def rivals(
        self, pairs: NDArray[np.int64], known: Graph
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """The rivals of j among the open partners of i, for each pair (i, j).

        They are the nodes that can be the other end of an edge from i and are neither j nor known
        neighbours of i.

        Parameters
        ----------
        pairs
            Node indices, shape (n_pairs, 2). The order within a pair matters: (i, j) asks for the
            place of j in the list of i.
        known
            As in `reaching`.

        Returns
        -------
        For each pair, how many rivals score higher, how many score the same, and how many there
        are, shape (n_pairs,) each.
        """
        above, tied, number = (np.zeros(len(pairs), np.int64) for _ in range(3))
        order = np.argsort(pairs[:, 0], kind="stable")
        nodes, starts = np.unique(pairs[order, 0], return_index=True)
        asked = np.split(order, starts[1:])
        done = 0
        for rows in blocks(nodes, block_rows(self.n_nodes)):
            for scores, is_open in zip(self.rows(rows), open_partners(known, rows), strict=True):
                queries = asked[done]
                done += 1
                partners = pairs[queries, 1]
                rivals = scores[is_open]
                for query, partner in zip(queries, partners, strict=True):
                    level = scores[partner]  # of the same row: equal scores are equal to the bit
                    above[query] = np.count_nonzero(rivals > level)
                    # An open partner is no rival of its own.
                    tied[query] = np.count_nonzero(rivals == level) - is_open[partner]
                    number[query] = len(rivals) - is_open[partner]
        return above, tied, number

    def _open_blocks(self, known: Graph) -> Iterator[OpenBlock]:
        """Blocks of rows of all pairs, in order; where they take long, several at a time.

        No block depends on another, so that their number at a time changes no bit.
        """
        every = blocks(np.arange(self.n_nodes), block_rows(self.n_nodes))
        n_workers = min(n_threads(), MOST_WORKERS) if self.dear else 1
        if n_workers == 1:
            yield from (self._open_block(rows, known) for rows in every)
            return
        waiting: deque[Future[OpenBlock]] = deque()
        with torch_on_one_thread(), blas_on_one_thread(), ThreadPoolExecutor(n_workers) as pool:
            try:
                for rows in every:
                    waiting.append(pool.submit(self._open_block, rows, known))
                    if len(waiting) > n_workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _open_block(self, rows: NDArray[np.int64], known: Graph) -> OpenBlock:
        """Some rows; of unordered pairs, the columns from the first of them on, and i < j."""
        since = 0 if known.directed else int(rows[0])
        is_open = open_partners(known, rows)[:, since:]
        if not known.directed:
            is_open &= np.arange(since, self.n_nodes)[None, :] > rows[:, None]
        return rows, since, is_open, self.rows(rows, since)


def open_partners(known: Graph, rows: NDArray[np.int64]) -> NDArray[np.bool]:
    """Which nodes can be the other end of an edge from each of some nodes, and are not known.

    Parameters
    ----------
    known
        A graph, whose edges are known.
    rows
        Node indices, shape (n_rows,).

    Returns
    -------
    Shape (n_rows, n_nodes).

    Examples
    --------
    >>> from vgae.data.graph import Graph
    >>> open_partners(Graph.from_edges([(0, 1), (1, 2)]), np.array([0])).tolist()
    [[False, False, True]]
    """
    possible, adjacency = known.pair_space.possible(rows), known.adjacency
    is_open = np.ones((len(rows), known.n_nodes), bool) if possible is None else possible
    for mask, row in zip(is_open, rows, strict=True):
        mask[adjacency.indices[adjacency.indptr[row] : adjacency.indptr[row + 1]]] = False
        mask[row] = False
    return is_open


def _highest(scores: NDArray[np.float64], k: int) -> NDArray[np.int64]:
    """Places of the k highest finite scores, and of others that tie with the last of them."""
    places = np.flatnonzero(scores > -np.inf)
    if k < 1:
        return places[:0]
    if len(places) > k:
        bar = np.partition(scores[places], len(places) - k)[len(places) - k]
        above, tied = places[scores[places] > bar], places[scores[places] == bar]
        places = np.sort(np.concatenate([above, tied[: k - len(above)]]))
    return places


class FactorScores(Scores):
    """Inner products of two vectors per node, left_i . right_j.

    Parameters
    ----------
    left, right
        Shape (n_nodes, dim) each; `right` is None where it equals `left`. The embedding is `left`.
        Where pairs have no order, left_i . right_j = left_j . right_i.

    Examples
    --------
    >>> from vgae.data.graph import Graph
    >>> offset = np.array([[0.5, 1.0], [0.0, 1.0]])  # 0.5 for the first node
    >>> scores = FactorScores(offset, offset[:, ::-1])
    >>> scores.pairs([(0, 1)]).tolist(), scores.rows([1]).tolist(), scores.vectors.shape
    ([0.5], [[0.5, 0.0]], (2, 2))
    >>> scores.reaching(np.array([0.1]), Graph.from_edges([], n_nodes=2)).tolist()
    [0, 1]
    """

    def __init__(
        self,
        left: NDArray[np.floating],
        right: NDArray[np.floating] | None = None,
    ) -> None:
        self.n_nodes = len(left)
        self.left = torch.tensor(np.ascontiguousarray(left, dtype=np.float32))
        self.right = (
            None if right is None else torch.tensor(np.ascontiguousarray(right, dtype=np.float32))
        )

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The embedding, shape (n_nodes, dim)."""
        found: NDArray[np.float32] = self.left.numpy()
        return found

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        right = self.left if self.right is None else self.right
        scores: NDArray[np.float32] = score_pairs(self.left, right, torch.tensor(pairs)).numpy()
        return scores

    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        return self._rows_since(rows, 0)

    def _rows_since(self, rows: NDArray[np.int64], since: int) -> NDArray[np.floating]:
        left, right = self.left[rows].double().numpy(), self._right_doubles[since:]
        scores: NDArray[np.float64] = left @ right.T
        return scores.astype(np.float32)

    @cached_property
    def _right_doubles(self) -> NDArray[np.float64]:
        """The second factor in float64, as pairs are summed; made once for all blocks of rows."""
        found: NDArray[np.float64] = (
            (self.left if self.right is None else self.right).double().numpy()
        )
        return found

    def reaching(self, levels: NDArray[np.floating], known: Graph) -> NDArray[np.int64]:
        """See `Scores.reaching`."""
        return count_reaching(self.left, levels, right=self.right, **_open(known))

    def rivals(
        self, pairs: NDArray[np.int64], known: Graph
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """See `Scores.rivals`."""
        return count_rivals(self.left, pairs, right=self.right, **_open(known))

    def top(self, k: int, known: Graph) -> Ranked:
        """See `Scores.top`."""
        return top_pairs(self.left, k, right=self.right, **_open(known))

    def partners(self, nodes: NDArray[np.int64], k: int, known: Graph) -> Ranked:
        """See `Scores.partners`."""
        return top_partners(self.left, nodes, k, right=self.right, **_open(known))


def _open(known: Graph) -> dict[str, Any]:
    """The open pairs, as compiled searches take them."""
    return {"known": known.adjacency, "space": known.pair_space}


@final
class VectorScores(FactorScores):
    """Inner products of an embedding, the logits of sigmoid(z_i . z_j).

    Parameters
    ----------
    vectors
        The embedding, shape (n_nodes, dim); a row per node.

    Examples
    --------
    >>> scores = VectorScores(np.array([[1.0, 0.0], [2.0, 1.0]], dtype=np.float32))
    >>> scores.pairs(np.array([[0, 1]])).tolist(), scores.rows(np.array([1])).tolist()
    ([2.0], [[2.0, 5.0]])
    >>> scores.vectors.shape
    (2, 2)
    """

    def __init__(self, vectors: NDArray[np.floating]) -> None:
        super().__init__(vectors)


@final
class RowProducts(Scores):
    """Inner products of the rows of sparse matrices, which stay sparse.

    Sums are computed in float64 and returned in float32, so that equal sums in another order tie.

    Parameters
    ----------
    left, right
        CSR arrays, shape (n_nodes, n_columns) each; `right` is None where it equals `left`.

    Examples
    --------
    >>> from scipy import sparse
    >>> scores = RowProducts(sparse.csr_array([[1.0, 0.0], [2.0, 1.0]]))
    >>> scores.pairs([(0, 1)]).tolist(), scores.rows([1]).tolist(), scores.vectors
    ([2.0], [[2.0, 5.0]], None)
    """

    vectors: ClassVar[None] = None

    def __init__(self, left: FloatCSR, right: FloatCSR | None = None) -> None:
        self.n_nodes = left.shape[0]
        self._left = _indexed(left)
        self._right = self._left if right is None else _indexed(right)
        self._columns = _indexed(self._right.T)

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        return pairs_of_product(self._left, pairs, self._right).astype(np.float32)

    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        return self._rows_since(rows, 0)

    def _rows_since(self, rows: NDArray[np.int64], since: int) -> NDArray[np.floating]:
        return rows_of_product(self._left, rows, self._columns, since)


def _indexed(matrix: Any) -> FloatCSR:
    """A matrix for compiled loops: no entry twice, and indices of 32 bits where they suffice."""
    made = sparse.csr_array(matrix, dtype=np.float64)
    if not made.has_canonical_format:
        made = made.copy()
        made.sum_duplicates()
    index = sparse.get_index_dtype(maxval=max(made.nnz, *made.shape))
    parts = made.data, made.indices.astype(index), made.indptr.astype(index)
    return sparse.csr_array(parts, shape=made.shape, copy=False)


PairFunction = Callable[[NDArray[np.int64]], Any]
"""Node pairs, shape (n_pairs, 2), to their scores, shape (n_pairs,)."""


@final
class FunctionScores(Scores):
    """Scores that a function of pairs gives.

    The function is asked for pairs of two different nodes, the smaller index first, so that a pair
    scores the same in both directions (unless they are `ordered`); in blocks, where many pairs are
    asked for. The score of a pair must depend on the pair alone: the first time, some pairs are
    asked for again, alone and in another order, and must score the same.

    Parameters
    ----------
    function
        From node indices, shape (n_pairs, 2), int64, to scores, shape (n_pairs,).
    n_nodes
        Number of nodes.
    ordered
        Whether the function scores (i, j) and (j, i) differently, as one for directed graphs may.

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

    def __init__(self, function: PairFunction, n_nodes: int, *, ordered: bool = False) -> None:
        self.n_nodes, self._ordered = n_nodes, ordered
        self._function, self._asked_again = function, False

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        scores = np.zeros(len(pairs))  # a node's score with itself means nothing
        asked = np.flatnonzero(pairs[:, 0] != pairs[:, 1])
        for chosen in blocks(asked, PAIRS_AT_ONCE):
            scores[chosen] = self._checked(self._function(self._in_order(pairs[chosen])), chosen)
            if not self._asked_again and len(chosen) > 1:
                self._ask_again(pairs[chosen], scores[chosen])
        return scores

    def _in_order(self, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        return pairs if self._ordered else np.sort(pairs, axis=1)

    def _ask_again(self, pairs: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
        """Refuse scores that depend on the order of the pairs, or on which others are asked for."""
        self._asked_again = True
        some = np.arange(len(pairs))[:: max(2, len(pairs) // MOST_ASKED_AGAIN)][::-1]
        again = self._checked(self._function(self._in_order(pairs[some])), some)
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


@final
class ModelScores(Scores):
    """The scores of a model: of its decoder, with its offsets, and nothing else.

    Every answer of a model and every figure about it comes from here. Scores in factor form are
    searched and counted by compiled loops, others in blocks of rows.

    Parameters
    ----------
    network
        The model.
    mean, std
        Posterior means, shape (n_nodes, latent_dim), and standard deviations or None.

    Attributes
    ----------
    factors
        Two matrices whose inner products are the scores (see `Factors.joined`), or None.

    Examples
    --------
    >>> from vgae.data.graph import Graph
    >>> from vgae.model.latents import Point
    >>> from vgae.model.network import GraphAutoEncoder
    >>> from vgae.model.settings import ModelSettings
    >>> settings = ModelSettings(decoder="mlp", objective="sampled", latent_dim=2)
    >>> network = GraphAutoEncoder(settings, n_inputs=3, seed=0)
    >>> scores = ModelScores(network, torch.eye(3, 2), None)
    >>> bool(scores.pairs([(0, 1)])[0] == scores.rows([1])[0, 0]), scores.vectors.shape
    (True, (3, 2))
    >>> known = Graph.from_edges([], n_nodes=3)
    >>> len(scores.top(2, known)[0]), len(scores.partners(np.array([0]), 5, known)[0])
    (2, 2)
    >>> scores.reaching(np.array([-9.0]), known).tolist()
    [0, 3]
    >>> ModelScores.of(network, Point(torch.eye(3, 2))).pairs([(0, 1)]) == scores.pairs([(0, 1)])
    array([ True])
    """

    def __init__(self, network: GraphAutoEncoder, mean: Tensor, std: Tensor | None) -> None:
        self.n_nodes, self._network = len(mean), network
        self._mean = mean.detach().cpu().numpy()
        with torch.no_grad():
            self._given = network.linked_mean(mean, std)
            factors = network.factors(self._given)
            self.factors: tuple[Tensor, Tensor | None] | None = (
                None if factors is None else factors.joined()
            )
        self._scores: Scores = (
            FunctionScores(self._of_decoder, self.n_nodes, ordered=network.decoder.ordered)
            if self.factors is None
            else FactorScores(*(_array(part) for part in self.factors))
        )

    @classmethod
    def of(cls, network: GraphAutoEncoder, latent: Latent) -> ModelScores:
        """The scores of a posterior."""
        return cls(network, latent.mean, latent.std())

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The embedding: posterior means, shape (n_nodes, latent_dim)."""
        return self._mean

    def _of_decoder(self, pairs: NDArray[np.int64]) -> NDArray[np.float32]:
        with torch.no_grad():
            found = self._network.pair_scores(
                self._given, torch.tensor(pairs, device=self._given.device)
            )
        scores: NDArray[np.float32] = found.cpu().numpy()
        return scores

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        return self._scores.pairs(pairs)

    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        return self._scores.rows(rows)

    def reaching(self, levels: NDArray[np.floating], known: Graph) -> NDArray[np.int64]:
        """See `Scores.reaching`."""
        return self._scores.reaching(levels, known)

    def rivals(
        self, pairs: NDArray[np.int64], known: Graph
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """See `Scores.rivals`."""
        return self._scores.rivals(pairs, known)

    def top(self, k: int, known: Graph) -> Ranked:
        """See `Scores.top`."""
        return self._scores.top(k, known)

    def partners(self, nodes: NDArray[np.int64], k: int, known: Graph) -> Ranked:
        """See `Scores.partners`."""
        return self._scores.partners(nodes, k, known)


def _array(tensor: Tensor | None) -> Any:
    return None if tensor is None else tensor.detach().cpu().numpy()


def as_scores(answer: Any, n_nodes: int, *, ordered: bool = False) -> Scores:
    """The scores of all pairs, from what a method of your own returned.

    Parameters
    ----------
    answer
        `Scores`; or an embedding, an array of shape (n_nodes, dim), whose inner products are the
        scores; or a function from node pairs, shape (n_pairs, 2), to their scores, (n_pairs,).
    n_nodes
        Number of nodes.
    ordered
        Whether a function may score the two directions of a pair differently.

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
        return FunctionScores(answer, n_nodes, ordered=ordered)
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
