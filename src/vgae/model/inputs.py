"""Inputs of the encoders: the features of nodes, scaled, and inputs made from the training graph.

Scalings are learned from the features of the training graph once and then applied to new nodes and
other graphs as they are (`InputScaling`). Structural inputs place nodes by their links, for graphs
without features or next to them (`structural_inputs`). Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.graph import Features, FloatCSR, Graph
from vgae.ground.blas import blas_on_one_thread
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError, unknown_name
from vgae.model.settings import FeatureUse, Structure

__all__ = [
    "InputScaling",
    "StructureKind",
    "node_inputs",
    "structural_inputs",
    "unit_rows",
    "used_features",
    "walk_shares",
]

StructureKind = Literal["svd", "spectral", "ppr"]
Product: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""What a symmetric matrix does to vectors, shape (n_nodes, n_vectors)."""

EXTRA_VECTORS, TURNS = 10, 4
"""Vectors beyond those asked for, and turns of two products each: with them eigenvectors settle."""

NOISE = 1e-6
"""An eigenvalue below this share of the largest one is rounding."""

SPECTRAL_TIE = 0.5
"""Weight that ties a node to all others together, as a share of the mean degree."""

RESTART, WALK_STEPS = 0.5, 8
"""Probability that a walk ends at each step, and the number of steps followed."""

SMALLEST = 3e-4
"""The probability that counts as zero, and the probability per link below which none is passed on.

With 1e-3, the inner products of these inputs have 1 to 2 points less AUC on Cora, and with 1e-4 the
matrix takes twice the memory for as much.
"""

LENGTH = 3.0
"""Mean length of the rows of structural inputs.

GAEs given these inputs alone have about 1 point more AUC and AP with 3 than with 1, on Cora (three
splits) and on the 10-core of email-Enron (one). With 10 they have no more.
"""

SOURCES = 4096
"""How many nodes walks start from at once; bounds the memory that they take."""


# ------------------------------------------------------------------------ features


@dataclass(frozen=True)
class InputScaling:
    """How features become inputs, as learned from the features of the training graph.

    Attributes
    ----------
    use
        "raw" takes features as they are. "unit" scales those of each node to unit length; zero
        features stay zero. "idf" first multiplies each column by its inverse document frequency,
        log((1 + n_nodes) / (1 + n_nodes_with_the_feature)) + 1, as scikit-learn's
        `TfidfTransformer` does. "standard" gives each column mean 0 and standard deviation 1;
        sparse features are divided by the deviation and not centred, so that they stay sparse.
        "none" omits features.
    weights
        Inverse document frequencies with "idf", shape (n_features,); otherwise None.
    mean
        Column means with "standard" of dense features; otherwise None.
    scale
        Column deviations with "standard", 1 for a column that is constant; otherwise None.

    Examples
    --------
    >>> words = np.array([[1.0, 1.0], [1.0, 0.0], [1.0, 0.0]], dtype=np.float32)
    >>> scaling = InputScaling.learned(words, "idf")
    >>> print(scaling.weights, scaling.apply(words[:1]))
    [1.        1.6931472] [[0.5085423  0.86103696]]
    >>> stored = scaling.arrays()
    >>> again = InputScaling.from_arrays("idf", stored, n_features=2)
    >>> bool((again.weights == scaling.weights).all())
    True
    """

    use: FeatureUse
    weights: NDArray[np.float32] | None = None
    mean: NDArray[np.float32] | None = None
    scale: NDArray[np.float32] | None = None

    @classmethod
    def learned(cls, features: Features | None, use: FeatureUse) -> Self:
        """Learn the scaling from the features of the training graph, or from none."""
        if features is None or use not in ("idf", "standard"):
            return cls(use)
        if use == "idf":
            n_nodes = features.shape[0]
            n_with = np.asarray((features != 0).sum(axis=0), dtype=np.float64)
            return cls(use, weights=_single(np.log((1 + n_nodes) / (1 + n_with)) + 1))
        mean, deviation = _moments(features)
        scale = _single(deviation)
        scale[scale == 0] = 1.0  # constant, exactly: float64 sums of equal float32 numbers are
        return cls(use, mean=None if sparse.issparse(features) else _single(mean), scale=scale)

    def apply(self, features: Features) -> Features:
        """Scale the features of the same or of later nodes; nothing is learned from them.

        Parameters
        ----------
        features
            Shape (n_nodes, n_features), dense or CSR; the number of features is that of the
            training graph. The result has the same form, except that sparse features become dense
            where those of the training graph were dense and centred.

        Raises
        ------
        InputError
            The scaled features exceed the range of float32.
        """
        if self.use == "raw" or self.use == "none":
            return features
        with np.errstate(over="ignore"):  # which is refused in one line
            if self.use == "unit":
                return unit_rows(features)
            if self.weights is not None:
                return unit_rows(_times(features, self.weights))
            if self.scale is None:  # the training graph had no features
                return features
            if self.mean is None:
                return _checked(_times(features, 1.0 / self.scale))
            centred: Any = features - self.mean  # dense, also where the features are sparse
            return _checked(centred / self.scale)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """What was learned, by name: some of "weights", "mean" and "scale", or nothing."""
        learned = {"weights": self.weights, "mean": self.mean, "scale": self.scale}
        return {name: array for name, array in learned.items() if array is not None}

    @classmethod
    def from_arrays(
        cls, use: FeatureUse, arrays: Mapping[str, NDArray[Any]], n_features: int
    ) -> Self:
        """The scaling whose `arrays` these are.

        Raises
        ------
        InputError
            The arrays do not belong to this use or number of features, or hold values that no
            features give.
        """
        allowed: dict[str, list[set[str]]] = {
            "idf": [{"weights"}],
            "standard": [{"mean", "scale"}, {"scale"}],
        }
        names = allowed.get(use, [set()]) if n_features else [set()]
        if set(arrays) not in names:
            found = ", ".join(sorted(arrays)) or "nothing"
            raise InputError(f"scaling of features: {found} does not fit '{use}'; fit again")
        for name, array in arrays.items():
            fits = array.shape == (n_features,) and array.dtype == np.float32
            if not fits or not np.isfinite(array).all() or (name != "mean" and (array <= 0).any()):
                raise InputError(
                    f"scaling of features: {name} is not one usable number for each of "
                    f"{n_features:,} features; fit again"
                )
        return cls(use, **arrays)


def used_features(graph: Graph, use: FeatureUse) -> Features | None:
    """The features that an encoder takes before they are scaled, or None if it takes none.

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1)], features=[[1.0], [3.0]])
    >>> used_features(graph, "raw").tolist(), used_features(graph, "none")
    ([[1.0], [3.0]], None)
    """
    return None if use == "none" else graph.features


def _single(values: NDArray[np.float64]) -> NDArray[np.float32]:
    return values.astype(np.float32)


def _moments(features: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation per column, over all nodes, without cancellation."""
    n_nodes = max(1, features.shape[0])
    if sparse.issparse(features):
        columns, values, width = features.indices, features.data, features.shape[1]
        mean = np.bincount(columns, values, minlength=width) / n_nodes
        squares = np.bincount(columns, (values - mean[columns]) ** 2, minlength=width)
        n_zeros = n_nodes - np.bincount(columns, minlength=width)
        return mean, np.sqrt((squares + n_zeros * mean**2) / n_nodes)
    mean = features.sum(axis=0, dtype=np.float64) / n_nodes
    return mean, np.sqrt(((features - mean) ** 2).sum(axis=0) / n_nodes)


def _times(features: Any, factors: NDArray[np.float32]) -> Features:
    """Multiply each column by a factor."""
    if sparse.issparse(features):
        data = features.data * factors[features.indices]
        return sparse.csr_array((data, features.indices, features.indptr), shape=features.shape)
    product: Features = features * factors
    return product


def unit_rows(features: Features) -> Features:
    """Scale each row to unit length; zero rows stay zero.

    Raises
    ------
    InputError
        A length exceeds the range of the numbers.

    Examples
    --------
    >>> unit_rows(np.array([[0.0, 2.0], [0.0, 0.0]])).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    sparsely = sparse.issparse(features)
    lengths = _checked((sparse.linalg.norm if sparsely else np.linalg.norm)(features, axis=1))
    scale = (1.0 / np.where(lengths > 0, lengths, 1.0)).astype(features.dtype)
    if sparsely:
        return sparse.csr_array(sparse.diags_array(scale) @ features)
    unit: Features = scale[:, None] * features
    return unit


def _checked(scaled: Features) -> Features:
    values = scaled.data if sparse.issparse(scaled) else scaled
    if not np.isfinite(values).all():
        raise InputError(
            "features: scaled as those of the training graph, some exceed the range of float32; "
            "correct them, or fit with features='raw'"
        )
    return scaled


# ------------------------------------------------------------------------ structure


def structural_inputs(
    graph: Graph, kind: StructureKind, dim: int, *, seed: int
) -> NDArray[np.float32]:
    """Inputs made from the links of a graph: leading eigenvectors of a matrix of its nodes.

    Eigenvectors are multiplied by the square roots of their eigenvalues and computed by randomised
    subspace iteration (Halko, Martinsson & Tropp 2011). With d the mean degree, the matrix is

    - "svd": the adjacency with self loops, normalised with degrees to which d is added;
    - "spectral": the adjacency in which each node is tied to all others by a total weight of d / 2
      (Amini et al. 2013), normalised; its eigenvectors are those of the normalised Laplacian;
    - "ppr": log(p / 0.0003) of the probabilities p that a walk from one node ends at another, where
      it ends at each step with probability 0.5, plus the same of the walk back (personalised
      PageRank as in STRAP, Yin & Wei 2019). Smaller probabilities count as zero, and walks are
      followed for 8 steps.

    What is added to the degrees, and the ties, keep small components from taking up whole
    eigenvectors. Weights count relative to their mean. A node without links has zero inputs, or
    nearly so. Time and memory grow with nodes and edges.

    Parameters
    ----------
    graph
        The training graph, undirected or bipartite.
    kind
        Which matrix.
    dim
        Number of inputs per node; at most one per node of the graph is made.
    seed
        Seed of the random start. The same seed gives the same bits on any number of threads.

    Returns
    -------
    Shape (n_nodes, min(dim, n_nodes)); the mean length of a row is 3, or all are zero where the
    graph has no edge. Columns are sorted by eigenvalue, and those of none or of negative ones
    are zero ("svd" takes their absolute values).

    Raises
    ------
    InputError
        The graph is directed or signed, or `kind` or `seed` is not allowed.

    Examples
    --------
    >>> path = Graph.from_edges([(0, 1), (1, 2)])
    >>> structural_inputs(path, "svd", 2, seed=0).shape
    (3, 2)
    """
    if kind not in _MATRICES:
        raise unknown_name("structure", kind, _MATRICES)
    graph.require(f"structure {kind}")
    n_nodes, dim = graph.n_nodes, min(dim, graph.n_nodes)
    random = np.random.default_rng(stream_seed(seed, "structure"))
    if graph.n_edges == 0:
        return np.zeros((n_nodes, dim), np.float32)
    start = random.standard_normal((n_nodes, min(n_nodes, dim + EXTRA_VECTORS)), dtype=np.float32)
    adjacency = graph.adjacency
    weights = adjacency.data / adjacency.data.mean(dtype=np.float64)
    adjacency = sparse.csr_array(
        (_single(weights), adjacency.indices, adjacency.indptr), shape=adjacency.shape
    )
    with blas_on_one_thread():
        values, basis, mix = _leading(_MATRICES[kind](adjacency), start)
        sizes = np.abs(values) if kind == "svd" else np.maximum(values, 0.0)
        sizes[sizes < NOISE * sizes.max()] = 0.0
        order = np.argsort(-sizes, kind="stable")[:dim]
        inputs = _upright(basis @ _single(mix[:, order] * np.sqrt(sizes[order])))
    length = np.sqrt(np.square(inputs).sum(axis=1)).mean(dtype=np.float64)
    return inputs * np.float32(LENGTH / length)


def _leading(
    product: Product, start: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float64]]:
    """Eigenvalues of a symmetric matrix, a basis of vectors, and what mixes it to eigenvectors.

    They are those of the largest absolute values, about as many as `start` has columns.
    """
    basis = start
    for _ in range(TURNS):
        basis = np.linalg.qr(product(product(basis)))[0]
    small = (basis.T @ product(basis)).astype(np.float64)
    values, mix = np.linalg.eigh((small + small.T) / 2)
    return values, basis, mix


def _upright(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give each column the sign that makes its largest entry positive."""
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.where(vectors[largest, np.arange(vectors.shape[1])] < 0, -1, 1)
    return vectors * signs.astype(np.float32)


def _with_loops(adjacency: FloatCSR) -> Product:
    degrees = adjacency.sum(axis=1, dtype=np.float64)
    loops = sparse.diags_array((degrees > 0).astype(np.float32))
    scale = _single(1.0 / np.sqrt(degrees + (degrees > 0) + degrees.mean()))
    matrix = sparse.csr_array(adjacency + loops)
    return _scaled(lambda vectors: matrix @ vectors, scale)


def _tied(adjacency: FloatCSR) -> Product:
    degrees = adjacency.sum(axis=1, dtype=np.float64)
    tie = SPECTRAL_TIE * degrees.mean()
    share = np.float32(tie / len(degrees))
    scale = _single(1.0 / np.sqrt(degrees + tie))
    return _scaled(lambda vectors: adjacency @ vectors + share * vectors.sum(axis=0), scale)


def _scaled(product: Product, scale: NDArray[np.float32]) -> Product:
    """Multiply the rows and columns of a matrix by a factor per node."""
    return lambda vectors: scale[:, None] * product(scale[:, None] * vectors)


def _walks(adjacency: FloatCSR) -> Product:
    shares = walk_shares(adjacency, SMALLEST)
    shares.data = np.log(np.maximum(shares.data / SMALLEST, 1.0))
    shares.eliminate_zeros()
    there_and_back = sparse.csr_array(shares + shares.T)
    return lambda vectors: there_and_back @ vectors


def walk_shares(adjacency: FloatCSR, smallest: float) -> FloatCSR:
    """Probabilities that walks from each node end at others, personalised PageRank.

    In each step, only probabilities of at least `smallest` per link are passed on (Andersen,
    Chung & Lang 2006). So a walk passes at most 1 / smallest entries on, for any degrees. A walk
    from a node that has no links on ends there or is lost.

    Parameters
    ----------
    adjacency
        Weights of the links, float32, shape (n_nodes, n_nodes); need not be symmetric.
    smallest
        Above 0. Smaller probabilities are omitted.

    Examples
    --------
    >>> arc = sparse.csr_array(np.array([[0.0, 1.0], [0.0, 0.0]], np.float32))
    >>> walk_shares(arc, 1e-3).toarray().tolist()
    [[0.5, 0.25], [0.0, 0.5]]
    """
    n_nodes = adjacency.shape[0]
    sources = [range(first, min(first + SOURCES, n_nodes)) for first in range(0, n_nodes, SOURCES)]
    degrees = adjacency.sum(axis=1, dtype=np.float64)
    steps = sparse.csr_array(
        sparse.diags_array(_single(1.0 / np.maximum(degrees, np.finfo(np.float32).tiny)))
        @ adjacency
    )
    found = sparse.vstack([_shares(steps, rows, smallest) for rows in sources], format="csr")
    return sparse.csr_array(found)


def _shares(steps: FloatCSR, sources: range, smallest: float) -> FloatCSR:
    """The probabilities of walks from these nodes."""
    n_links = np.diff(steps.indptr).astype(np.float32)
    here = sparse.eye_array(len(sources), steps.shape[0], k=sources.start, format="csr").astype(
        np.float32
    )
    ended = RESTART * here
    for step in range(WALK_STEPS):
        if step > 0:
            here.data[here.data < smallest * n_links[here.indices]] = 0.0
            here.eliminate_zeros()
        here = sparse.csr_array((1.0 - RESTART) * (here @ steps))
        ended = ended + RESTART * here
    ended.data[ended.data < smallest] = 0.0
    ended.eliminate_zeros()
    return sparse.csr_array(ended)


_MATRICES: dict[str, Callable[[FloatCSR], Product]] = {
    "svd": _with_loops,
    "spectral": _tied,
    "ppr": _walks,
}


# ------------------------------------------------------------------------ together


def node_inputs(
    graph: Graph, *, features: FeatureUse, structure: Structure, structure_dim: int, seed: int
) -> tuple[InputScaling, Features | None]:
    """Inputs of the training graph's nodes: scaled features and structural inputs side by side.

    Parameters
    ----------
    graph
        The training graph.
    features
        How its features are used; see `InputScaling`.
    structure
        The structural inputs, which follow the features; see `structural_inputs`. "none" for none.
    structure_dim
        Their number.
    seed
        See `structural_inputs`.

    Returns
    -------
    The scaling, for new nodes and other graphs, and the inputs, shape (n_nodes, n_inputs). They are
    CSR if the graph's features are, and otherwise dense. None if there are neither features nor
    structural inputs: each node is then an input of its own.

    Raises
    ------
    InputError
        See `structural_inputs`.

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1), (1, 2)], features=[[2.0], [0.0], [1.0]])
    >>> scaling, inputs = node_inputs(
    ...     graph, features="unit", structure="spectral", structure_dim=2, seed=0
    ... )
    >>> inputs.shape, inputs[:, 0].tolist()
    ((3, 3), [1.0, 0.0, 1.0])
    """
    used = used_features(graph, features)
    scaling = InputScaling.learned(used, features)
    scaled = None if used is None else scaling.apply(used)
    if structure == "none":
        return scaling, scaled
    made = structural_inputs(graph, structure, structure_dim, seed=seed)
    if scaled is None:
        return scaling, made
    if sparse.issparse(scaled):
        return scaling, sparse.hstack([scaled, sparse.csr_array(made)], format="csr")
    return scaling, np.hstack([scaled, made])
