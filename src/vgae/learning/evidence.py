"""What is known about a pair of nodes: similarities, paths, components and degrees, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from vgae.data.graph import Features, FloatCSR, Graph
from vgae.ground.blas import blas_on_one_thread
from vgae.learning.baselines.als import Als
from vgae.learning.baselines.heuristics import NeighborhoodScores
from vgae.learning.baselines.neighbors import ItemKnn
from vgae.learning.paths import LengthThreeScores, WalkScores
from vgae.learning.scores import RowProducts, Scores, block_rows, blocks
from vgae.model.encoders.hops import degree_classes
from vgae.model.inputs import InputScaling
from vgae.model.settings import N_DEGREE_CLASSES

__all__ = ["GROUPS", "Column", "Evidence", "OfNodes", "Similarity", "Term", "evidence_of"]

Values = NDArray[np.floating]
Ends = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Nodes at the two ends, of shapes that broadcast: (n,) each, or (n_rows, 1) and (1, n_nodes)."""

GROUPS = {
    "learned": "learned similarity",
    "reverse": "the reverse arc",
    "features": "feature similarity",
    "walks": "random walks",
    "paths": "common neighbours and paths",
    "factorisation": "matrix factorisation",
    "components": "connected components",
    "degree": "degrees",
}
"""The groups of evidence, and what they are called."""

MOST_WALK_WORK = 5e9
"""Nodes times links beyond which random walks from all nodes take too long to be evidence."""
MOST_FEATURES = 2e7
"""Numbers of a propagated feature matrix beyond which it is no evidence."""
DENSE = 0.2
"""Share of numbers that are not zero from which on a sparse matrix is slower than a dense one."""
LEAST_WALK, LEAST_PRODUCT = 1e-9, 1e-4
"""Where walks and factorised products count as zero, before their logarithm."""
MOST_FACTOR_WORK, LANES, FEWER_ITERATIONS = 2e8, 8, 8
"""Links times dimensions of a factorisation beyond which it gets fewer dimensions, in whole lanes,
and so many iterations."""
COARSE = 16
"""Dimensions of the second factorisation of a bipartite graph. Which of the two ranks items better
differs between users."""
PATH_SCALE = 10.0
"""Paths count log(1 + 10 x): their sums are far below one."""


@dataclass(frozen=True)
class Column:
    """One kind of evidence: a number per pair.

    Attributes
    ----------
    name
        What it is called.
    group
        A name in `GROUPS`.
    value
        From the scores of the term and the nodes at both ends to the numbers.

    Examples
    --------
    >>> column = Column("rank", "degree", lambda scores, ends: ends[0] + ends[1])
    >>> column.value(None, (np.array([0, 1]), np.array([2, 2]))).tolist()
    [2, 3]
    """

    name: str
    group: str
    value: Callable[[Any, Ends], Any]


@dataclass(frozen=True)
class OfNodes:
    """The value of a column that depends on each end alone: one number for each, added up.

    Attributes
    ----------
    first, second
        Numbers of the nodes as first and as second end, shape (n_nodes,); None if they are zero.

    Examples
    --------
    >>> degrees = np.array([3.0, 1.0])
    >>> OfNodes(degrees, degrees)(None, (np.array([0]), np.array([1]))).tolist()
    [4.0]
    """

    first: NDArray[np.floating] | None
    second: NDArray[np.floating] | None

    def __call__(self, scores: Any, ends: Ends) -> Values:  # noqa: ARG002
        """The sums for pairs of nodes."""
        first: Any = 0.0 if self.first is None else self.first[ends[0]]
        second: Any = 0.0 if self.second is None else self.second[ends[1]]
        found: Values = np.asarray(first + second)
        return found


ByNode = Callable[[NDArray[np.floating]], OfNodes]
"""From a value per node to the value of a column."""


@dataclass(frozen=True)
class Term:
    """Columns that are made from the same scores of pairs, or from the nodes alone.

    Examples
    --------
    >>> Term(None, (Column("rank", "degree", lambda scores, ends: ends[0]),)).columns[0].name
    'rank'
    """

    scores: Scores | None
    columns: tuple[Column, ...]


@final
class Similarity(Scores):
    """Inner products of dense vectors in single precision, for many dimensions.

    Parameters
    ----------
    vectors
        Shape (n_nodes, dim), float32.
    others
        The same of the second ends of pairs; None where they are the same.

    Examples
    --------
    >>> scores = Similarity(np.eye(2, dtype=np.float32))
    >>> scores.pairs([(0, 1)]).tolist(), scores.rows([1]).tolist(), scores.vectors.shape
    ([0.0], [[0.0, 1.0]], (2, 2))
    """

    def __init__(
        self, vectors: NDArray[np.float32], others: NDArray[np.float32] | None = None
    ) -> None:
        self.n_nodes = len(vectors)
        self._vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        self._others = self._vectors
        if others is not None:
            self._others = np.ascontiguousarray(others, dtype=np.float32)

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The vectors."""
        return self._vectors

    def _pairs(self, pairs: NDArray[np.int64]) -> Values:
        found = np.empty(len(pairs), np.float32)
        for chosen in blocks(np.arange(len(pairs)), block_rows(self._vectors.shape[1], 2**22)):
            first, second = self._vectors[pairs[chosen, 0]], self._others[pairs[chosen, 1]]
            found[chosen] = np.einsum("ij,ij->i", first, second)
        return found

    def _rows(self, rows: NDArray[np.int64]) -> Values:
        return self._rows_since(rows, 0)

    def _rows_since(self, rows: NDArray[np.int64], since: int) -> Values:
        with blas_on_one_thread():
            found: NDArray[np.float32] = self._vectors[rows] @ self._others[since:].T
        return found


class Evidence:
    """The evidence about all pairs of a graph's nodes, computed for the pairs that are asked for.

    Memory is that of the graph and of the vectors that are compared.

    Parameters
    ----------
    terms
        What there is.
    n_nodes
        Number of nodes.
    directed
        Whether a pair and its reverse are two.

    Examples
    --------
    >>> path = Graph.from_edges([(0, 1), (1, 2)])
    >>> evidence = evidence_of(path, hops=[])
    >>> evidence.table([(0, 2)]).shape == (1, len(evidence.columns)), evidence.columns[0].group
    (True, 'walks')
    >>> weights = np.ones(len(evidence.columns))
    >>> sums = evidence.weighted_rows(np.array([0]), weights)
    >>> bool(np.isclose(sums[0, 2], evidence.table([(0, 2)]).sum()))
    True
    """

    def __init__(self, terms: Sequence[Term], n_nodes: int, *, directed: bool = False) -> None:
        self.terms, self.n_nodes, self.directed = tuple(terms), n_nodes, directed

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, in the order of their numbers."""
        return tuple(column for term in self.terms for column in term.columns)

    def table(self, pairs: ArrayLike) -> NDArray[np.float64]:
        """The evidence about pairs of node indices, shape (n_pairs, n_columns)."""
        asked = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
        if not self.directed:  # the same sums in the same order, whichever node was named first
            asked = np.sort(asked, axis=1)
        made = self._made(lambda scores: scores.pairs(asked), (asked[:, 0], asked[:, 1]))
        table = np.empty((len(asked), len(self.columns)))
        for place, values in made:
            table[:, place] = values
        return table

    def weighted_rows(
        self, rows: NDArray[np.int64], weights: NDArray[np.float64], since: int = 0
    ) -> NDArray[np.float64]:
        """Weighted sums of the evidence about the given nodes and every node.

        Parameters
        ----------
        rows
            Node indices, shape (n_rows,).
        weights
            One per column.
        since
            The first of the other nodes.

        Returns
        -------
        Shape (n_rows, n_nodes - since).
        """
        # What depends on one end alone is added up before it meets the other.
        first, second = np.zeros((2, self.n_nodes))
        for weight, column in zip(weights, self.columns, strict=True):
            if isinstance(column.value, OfNodes):
                for total, values in ((first, column.value.first), (second, column.value.second)):
                    if values is not None:
                        total += weight * values
        sums = first[rows, None] + second[since:]
        every = np.arange(since, self.n_nodes)
        ends = rows[:, None], every[None, :]
        made = self._made(lambda scores: scores.rows(rows, since), ends, of_nodes=False)
        for place, values in made:
            sums += weights[place] * values
        return sums

    def _made(
        self, asked: Callable[[Scores], Values], ends: Ends, *, of_nodes: bool = True
    ) -> Iterator[tuple[int, Any]]:
        """Places and values of the columns, with or without those that are `OfNodes`."""
        place = 0
        for term in self.terms:
            scores = None if term.scores is None else asked(term.scores)
            for column in term.columns:
                if of_nodes or not isinstance(column.value, OfNodes):
                    yield place, column.value(scores, ends)
                place += 1


def evidence_of(
    messages: Graph,
    *,
    hops: Sequence[NDArray[np.float32]],
    targets: Sequence[NDArray[np.float32]] | None = None,
    features: Features | None = None,
    seed: int = 0,
) -> Evidence:
    """The evidence that a graph gives, with that of a model's embeddings.

    What is known of an arc of a directed graph is what is known of the pair without its direction,
    and what the direction adds. A user and an item of a bipartite graph have no common neighbours;
    what the vectors of one hop say of the next counts instead. Degrees count by the type of node.

    Parameters
    ----------
    messages
        The graph whose links count.
    hops
        Vectors of unit length for each hop, of all members of an ensemble side by side, and divided
        by the square root of their number: shape (n_nodes, dim) each.
    targets
        The same of nodes as targets, where `hops` are those of nodes as sources; None where there
        is no difference.
    features
        Features of the nodes, or None. They are weighted by inverse document frequency.
    seed
        Seed of the matrix factorisation.

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1), (1, 2)], features=np.eye(3))
    >>> columns = evidence_of(graph, hops=[np.eye(3)], features=graph.features).columns
    >>> sorted({column.group for column in columns})
    ['components', 'degree', 'factorisation', 'features', 'learned', 'paths', 'walks']
    """
    terms = []
    for hop, vectors in enumerate(hops):
        others = None if targets is None else targets[hop]
        terms.append(
            Term(Similarity(vectors, others), (Column(_hop_name(hop), "learned", _itself),))
        )
        if others is not None:
            column = Column(f"{_hop_name(hop)}, reversed", "reverse", _itself)
            terms.append(Term(Similarity(others, vectors), (column,)))
    if messages.kind == "bipartite":
        terms += [_across(hops, hop) for hop in range(len(hops) - 1)]
        terms += _item_terms(messages, seed)
    plain = messages.undirected()
    if features is not None:
        terms += _feature_terms(plain, features)
    adjacency, degrees = plain.adjacency, plain.degrees.astype(np.float64)
    if messages.n_nodes * float(adjacency.nnz) <= MOST_WALK_WORK:
        terms.append(_walk_term(adjacency, degrees))
    terms += [*_path_terms(plain, degrees), _factor_term(plain, seed)]
    terms += [_component_term(adjacency), _degree_term(plain, degrees)]
    if messages.directed:
        terms += _arc_terms(messages.adjacency, degrees)
    return Evidence(terms, messages.n_nodes, directed=messages.directed)


def _hop_name(hop: int) -> str:
    return f"learned similarity, {hop} {'hop' if hop == 1 else 'hops'}"


def _across(hops: Sequence[NDArray[np.float32]], hop: int) -> Term:
    """One hop of one end and the next of the other: walks between them have odd lengths."""
    near, far = hops[hop], hops[hop + 1]
    scores = Similarity(np.hstack([near, far]), np.hstack([far, near]))
    return Term(
        scores,
        (
            Column(
                f"learned similarity, {2 * hop + 1} {'steps' if hop else 'step'}",
                "learned",
                _itself,
            ),
        ),
    )


def _item_terms(messages: Graph, seed: int) -> Iterator[Term]:
    """What recommenders know: a coarse factorisation next to the fine one, and similar items."""
    coarse = Als(latent_dim=min(COARSE, messages.n_nodes - 1), regularization=10.0)
    column = Column("coarsely factorised adjacency", "factorisation", _itself)
    yield Term(coarse.fit(messages, seed=seed), (column,))
    yield Term(ItemKnn().fit(messages), (Column("similar items", "paths", _itself),))


def _itself(scores: Values, ends: Ends) -> Values:  # noqa: ARG001
    return scores


def _feature_terms(messages: Graph, features: Features) -> Iterator[Term]:
    """Products and cosines of features after 0, 1 and 2 propagations."""
    vectors: Any = InputScaling.learned(features, "idf").apply(features)
    adjacency = messages.normalized_adjacency()
    for hop in range(3):
        if hop:
            vectors = adjacency @ vectors
        if sparse.issparse(vectors) and vectors.nnz > DENSE * np.prod(vectors.shape):
            vectors = vectors.toarray()
        size = vectors.nnz if sparse.issparse(vectors) else vectors.size
        if size > MOST_FEATURES:
            return
        squares = vectors.multiply(vectors) if sparse.issparse(vectors) else vectors**2
        length = np.sqrt(np.asarray(squares.sum(axis=1), dtype=np.float64)).ravel()
        inverse = 1.0 / np.where(length > 0, length, 1.0)
        scores = RowProducts(vectors) if sparse.issparse(vectors) else Similarity(vectors)
        after = f"{hop} {'hop' if hop == 1 else 'hops'}"
        yield Term(
            scores,
            (
                Column(f"product of features, {after}", "features", _itself),
                Column(f"cosine of features, {after}", "features", _scaled(inverse)),
            ),
        )


def _log_from(least: float) -> Callable[[Values, Ends], Values]:
    """The logarithm of scores; zero for those up to the least that counts."""
    return lambda scores, _: np.log(np.maximum(scores, least) / least)


def _scaled(factor: NDArray[np.float64]) -> Callable[[Values, Ends], Values]:
    return lambda scores, ends: scores * (factor[ends[0]] * factor[ends[1]])


def _walk_term(adjacency: FloatCSR, degrees: NDArray[np.float64]) -> Term:
    """Logarithms of walks, as they are and relative to the degrees; zero where there are none."""
    # A walk over the square roots of both degrees, as a logarithm from a hundredth of the least on.
    offset = -0.5 * (np.log(np.maximum(degrees, 1.0)) + np.log(LEAST_WALK / 100.0))

    def relative(scores: Values, ends: Ends) -> Values:
        found: Values = np.log(np.maximum(scores, LEAST_WALK)) + (offset[ends[0]] + offset[ends[1]])
        return np.where(scores > LEAST_WALK, np.maximum(found, 0.0), 0.0)

    return Term(
        WalkScores(adjacency),
        (
            Column("random walks", "walks", _log_from(LEAST_WALK)),
            Column("random walks relative to degrees", "walks", relative),
        ),
    )


def _path_terms(messages: Graph, degrees: NDArray[np.float64]) -> Iterator[Term]:
    if messages.kind != "bipartite":
        common = NeighborhoodScores(messages.adjacency, 1.0 / np.maximum(degrees, 2.0))
        yield _paths("common neighbours", common)
    yield _paths("paths of length three", LengthThreeScores(messages.adjacency))


def _paths(name: str, scores: Scores) -> Term:
    """The logarithm of sums over paths, and whether there is one."""

    def log_of(scores: Values, ends: Ends) -> Values:  # noqa: ARG001
        found: Values = np.log1p(PATH_SCALE * scores)
        return found

    def exists(scores: Values, ends: Ends) -> Values:  # noqa: ARG001
        return np.asarray(scores > 0, dtype=np.float32)

    return Term(
        scores,
        (Column(f"{name}, weighted", "paths", log_of), Column(f"{name}, any", "paths", exists)),
    )


def _arc_terms(arcs: FloatCSR, degrees: NDArray[np.float64]) -> Iterator[Term]:
    """What the direction adds: the reverse arc, paths of two arcs, and degrees out and in."""
    pattern = sparse.csr_array((np.ones(arcs.nnz), arcs.indices, arcs.indptr), shape=arcs.shape)
    into = sparse.csr_array(pattern.T)
    is_there = Column("the reverse arc is there", "reverse", _itself)
    yield Term(RowProducts(into, sparse.eye_array(len(degrees), format="csr")), (is_there,))
    weight = sparse.diags_array(1.0 / np.sqrt(np.maximum(degrees, 2.0)))
    out, into = sparse.csr_array(pattern @ weight), sparse.csr_array(into @ weight)
    yield _paths("paths of two arcs", RowProducts(out, into))
    yield _paths("paths of two arcs, reversed", RowProducts(into, out))
    yield _paths("common targets", RowProducts(out))
    yield _paths("common sources", RowProducts(into))
    columns: list[Column] = []
    for kind, matrix in (("out-degree", pattern), ("in-degree", pattern.T)):
        found = np.asarray(matrix.sum(axis=1))
        for place, end in enumerate(("source", "target")):
            columns += _degree_columns(f"{kind} of the {end}", found, _at(place))
    yield Term(None, tuple(columns))


def _at(place: int) -> ByNode:
    """The values of one end of a pair."""
    return lambda values: OfNodes(values, None) if place == 0 else OfNodes(None, values)


def _factor_term(messages: Graph, seed: int) -> Term:
    """Products of factors that alternating least squares finds, and their logarithms."""
    logarithm = _log_from(LEAST_PRODUCT)
    wanted = Als.default_dim(messages.n_nodes)
    lanes = max(1, int(MOST_FACTOR_WORK / LANES / max(1, messages.adjacency.nnz)))
    method = Als(latent_dim=wanted)
    if wanted > lanes * LANES:
        method = Als(latent_dim=lanes * LANES, iterations=FEWER_ITERATIONS)
    return Term(
        method.fit(messages, seed=seed),
        (
            Column("factorised adjacency", "factorisation", _itself),
            Column("logarithm of the factorised adjacency", "factorisation", logarithm),
        ),
    )


def _component_term(adjacency: FloatCSR) -> Term:
    # Links lead both ways: where one can go, one can return, and no matrix is transposed.
    component = sparse.csgraph.connected_components(adjacency, connection="strong")[1]
    log_size = np.log(np.bincount(component)[component])

    def same(_: Any, ends: Ends) -> Values:
        return np.asarray(component[ends[0]] == component[ends[1]], dtype=np.float32)

    return Term(
        None,
        (
            Column("the same component", "components", same),
            Column("size of the components", "components", _sum_of(log_size)),
        ),
    )


def _degree_term(messages: Graph, degrees: NDArray[np.float64]) -> Term:
    logarithm = np.log1p(degrees)
    columns: list[Column] = []
    if messages.node_types is None:
        columns += _degree_columns("degree", degrees, _sum_of)
    else:
        for code, name in enumerate(messages.type_names):
            own = (messages.node_types == code).astype(float)
            columns += _degree_columns(f"degree of {name}", degrees, _sum_of_type(own))

    def smaller(_: Any, ends: Ends) -> Values:
        return np.minimum(logarithm[ends[0]], logarithm[ends[1]])

    def product(_: Any, ends: Ends) -> Values:
        return logarithm[ends[0]] * logarithm[ends[1]]

    def without_links(_: Any, ends: Ends) -> Values:
        return np.asarray((degrees[ends[0]] == 0) & (degrees[ends[1]] == 0), dtype=np.float32)

    return Term(
        None,
        (
            *columns,
            Column("logarithm of the smaller degree", "degree", smaller),
            Column("product of the logarithms", "degree", product),
            Column("neither has links", "degree", without_links),
        ),
    )


def _degree_columns(name: str, degrees: NDArray[np.float64], of_ends: ByNode) -> Iterator[Column]:
    """The class of a degree, and its logarithm."""
    import torch

    classes = degree_classes(torch.from_numpy(degrees.astype(np.int64))).numpy()
    for number in range(N_DEGREE_CLASSES):
        is_there = (classes == number).astype(float)
        yield Column(f"{name} of class {number}", "degree", of_ends(is_there))
    plural = "degrees" if name == "degree" else name
    yield Column(f"logarithm of {plural}", "degree", of_ends(np.log1p(degrees)))


def _sum_of_type(own: NDArray[np.float64]) -> ByNode:
    """The sum of the values at the ends that are of a type, as a mask of zeros and ones."""
    return lambda values: _sum_of(values * own)


def _sum_of(values: NDArray[np.floating]) -> OfNodes:
    return OfNodes(values, values)
