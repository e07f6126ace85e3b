"""Implicit-feedback alternating least squares on the adjacency, in compiled loops."""

from __future__ import annotations

from typing import Any, ClassVar, Self, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vgae.data.graph import FloatCSR, Graph
from vgae.data.pair_space import PairSpace
from vgae.ground.blas import blas_on_one_thread
from vgae.ground.config import stream_seed
from vgae.learning.baselines.factorization import Factorization
from vgae.learning.scores import FactorScores, Scores, VectorScores
from vgae.model.kernels.atomics import items
from vgae.model.kernels.compiled import compiled, rehearsal
from vgae.model.kernels.threads import run_items

__all__ = ["Als"]

EMITTED = "15ef875cb2a2"
"""State of the emitted instructions: numba looks for changes in this file alone."""

STEPS = 3
"""Conjugate gradient steps per node and turn, each from the vector of the turn before."""

START = 0.1
"""Standard deviation of the first vectors."""

WORK_OF_A_NUMBER = 0.15
"""Nanoseconds per number that is multiplied and added, on one thread."""


@final
class Als(Factorization):
    """Alternating least squares for implicit feedback (Hu, Koren & Volinsky 2008).

    Each node has two vectors, x and y. They minimise the sum over all ordered pairs of
    c_ij (a_ij - x_i . y_j)^2 plus `regularization` times the sum of their squared lengths, where
    a_ij is 1 for an edge and 0 otherwise, and c_ij is 1 plus, for an edge, `confidence` times its
    weight relative to the mean weight. All x are solved with y fixed and the other way round, by
    a few steps of conjugate gradients (Takács, Pilászy & Tikk 2011). The score of a pair is
    x_i . y_j + x_j . y_i. Time and memory grow with nodes and edges.

    Where types rule pairs out, the sum is over the pairs that can be edges. In a bipartite graph
    that is the matrix of users and items: users have x and items have y alone, the score is
    x_i . y_j, and this is the model of the paper.

    The loops are our own: the same bits on any number of threads. The package `implicit` solves the
    same problem, and a test compares the losses reached where it is installed.

    Attributes
    ----------
    latent_dim
        Dimensions of each vector; the embedding is x followed by y, or the one of them that a node
        of a bipartite graph has. Capped at
        n_nodes - 1. By default one per 20 nodes, at least 2 and at most 64. What is capped or
        chosen is logged.
    regularization
        Weight of the squared lengths; by default 300, and 30 for a bipartite graph.
    confidence
        How much more an edge of mean weight counts than a pair without an edge; by default 300,
        and 3 for a bipartite graph.
    iterations
        How often both kinds of vectors are solved.

    Examples
    --------
    >>> ring = Graph.from_edges([(i, (i + 1) % 20) for i in range(20)])
    >>> Als(latent_dim=4).fit(ring).vectors.shape
    (20, 8)
    """

    name: ClassVar[str] = "als"
    most_dimensions: ClassVar[int] = 64

    regularization: float | None = Field(default=None, ge=1e-6, le=1e6)
    confidence: float | None = Field(default=None, ge=1e-3, le=1e6)
    iterations: int = Field(default=15, ge=1, le=10_000)

    def on(self, graph: Graph) -> Self:
        """The settings with those filled in that depend on the graph; see `Baseline.on`."""
        chosen = dict(zip(("regularization", "confidence"), _defaults(graph), strict=True))
        missing = {name: value for name, value in chosen.items() if getattr(self, name) is None}
        return super().on(graph).model_copy(update=missing)

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        adjacency = training.adjacency
        weights = adjacency.data / adjacency.data.mean(dtype=np.float64)
        confidence = (self.confidence * weights).astype(np.float32)
        random = np.random.default_rng(stream_seed(seed, "als"))
        shape: Any = (training.n_nodes, self.latent_dim)
        second = np.float32(START) * random.standard_normal(shape, dtype=np.float32)
        groups = _groups(training.pair_space)
        if training.kind == "bipartite":
            # The users' x and the items' y, in one matrix: neither reads its own side.
            for _ in range(self.iterations):
                for rows, partners in groups:
                    self._solve(second, second, adjacency, confidence, rows, partners)
            return VectorScores(second)
        first = np.zeros_like(second)
        for _ in range(self.iterations):
            for own, other in ((first, second), (second, first)):
                for rows, partners in groups:
                    self._solve(own, other, adjacency, confidence, rows, partners)
        return FactorScores(np.hstack([first, second]), np.hstack([second, first]))

    def _solve(
        self,
        own: NDArray[np.float32],
        other: NDArray[np.float32],
        adjacency: FloatCSR,
        confidence: NDArray[np.float32],
        rows: NDArray[np.int64],
        partners: NDArray[np.int64] | slice,
    ) -> None:
        """Improve one kind of vectors of some nodes in place, those of their partners fixed."""
        dim = own.shape[1]
        with blas_on_one_thread():
            squares = other[partners].T @ other[partners]
        squares[np.diag_indices(dim)] += np.float32(self.regularization)
        numbers = (STEPS + 1) * dim * (len(rows) * dim + 2 * adjacency.nnz)
        run_items(
            _solve_rows,
            len(rows),
            *(rows, adjacency.indptr, adjacency.indices, confidence, squares, other, own),
            work=numbers * WORK_OF_A_NUMBER,
        )


def _defaults(graph: Graph) -> tuple[float, float]:
    """Regularization and confidence.

    Those of plain graphs were chosen on validation pairs. On a bipartite graph the pairs that can
    never be an edge, of two users or two items, do not hold vectors back: on a generated one and on
    Cora's papers and words, NDCG@10 with 300 and 300 is half of what it is with 30 and 3.
    """
    return (30.0, 3.0) if graph.kind == "bipartite" else (300.0, 300.0)


def _groups(
    space: PairSpace,
) -> list[tuple[NDArray[np.int64], NDArray[np.int64] | slice]]:
    """Nodes that have the same possible partners, and these; all nodes where types play no part."""
    if space.node_types is None:
        return [(np.arange(space.n_nodes), slice(None))]
    return [
        (nodes, np.flatnonzero(joined[space.node_types]))
        for nodes, joined in zip(space.members, space.type_table, strict=True)
    ]


# ------------------------------------------------------------------------ compiled


@compiled(fastmath={"reassoc", "nsz", "contract"})
def _multiply(
    squares: Any, other: Any, neighbors: Any, confidence: Any, x: Any, result: Any
) -> None:
    """What the normal equations of a node multiply its vector by: squares + sum_j c_j y_j y_j^T."""
    result[:] = 0.0
    for row in range(len(x)):
        factor = x[row]
        for column in range(len(x)):
            result[column] += factor * squares[row, column]
    for place in range(len(neighbors)):
        y = other[neighbors[place]]
        product = np.float32(0.0)
        for column in range(len(x)):
            product += y[column] * x[column]
        product *= confidence[place]
        for column in range(len(x)):
            result[column] += product * y[column]


@compiled(fastmath={"reassoc", "nsz", "contract"})
def _solve_rows(
    turn: Any,
    size: Any,
    rows: Any,
    starts: Any,
    columns: Any,
    confidence: Any,
    squares: Any,
    other: Any,
    own: Any,
) -> None:
    """Conjugate gradients for the normal equations of each node, from its present vector."""
    dim = own.shape[1]
    rest, direction = np.empty(dim, np.float32), np.empty(dim, np.float32)
    product = np.empty(dim, np.float32)
    for place in items(turn, size, len(rows)):
        row = rows[place]
        neighbors = columns[starts[row] : starts[row + 1]]
        sure = confidence[starts[row] : starts[row + 1]]
        x = own[row]
        if len(neighbors) == 0:
            x[:] = 0.0
            continue
        _multiply(squares, other, neighbors, sure, x, product)
        for column in range(dim):
            rest[column] = -product[column]
        for near in range(len(neighbors)):
            y, factor = other[neighbors[near]], np.float32(1.0) + sure[near]
            for column in range(dim):
                rest[column] += factor * y[column]
        direction[:] = rest
        length = np.float32(0.0)
        for column in range(dim):
            length += rest[column] * rest[column]
        for _ in range(STEPS):
            if length < np.float32(1e-20):
                break
            _multiply(squares, other, neighbors, sure, direction, product)
            along = np.float32(0.0)
            for column in range(dim):
                along += direction[column] * product[column]
            step = length / along
            new = np.float32(0.0)
            for column in range(dim):
                x[column] += step * direction[column]
                rest[column] -= step * product[column]
                new += rest[column] * rest[column]
            for column in range(dim):
                direction[column] = rest[column] + (new / length) * direction[column]
            length = new


@rehearsal
def _rehearse() -> None:
    Als(latent_dim=1, iterations=1).fit(Graph.from_edges([(0, 1), (1, 2)]))
    numbers = np.ones((1, 1), np.float32)
    # By itself too: a loop that is loaded from disk holds what it calls.
    _multiply(
        numbers, numbers, np.zeros(1, np.int32), numbers[0], numbers[0], np.empty_like(numbers[0])
    )
