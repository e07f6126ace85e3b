"""The result of fitting a baseline: one immutable value, which a run folder keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.graph import Graph
from vgae.data.io import check_vectors
from vgae.data.split import Split
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError
from vgae.learning.baselines import Baseline
from vgae.learning.fitted_scores import FittedScores
from vgae.learning.scores import FactorScores, Scores

__all__ = ["FittedBaseline", "between_0_and_1", "input_arrays", "with_inputs"]

RIGHT, WEIGHTS, FEATURES = "right", "edge_weights", "features"
SPARSE = {name: f"{FEATURES}_{name}" for name in ("data", "indices", "indptr", "shape")}
"""Names of the arrays that a baseline is restored from."""


@dataclass(frozen=True)
class FittedBaseline(FittedScores):
    """A fitted baseline, checked whenever one is made, by a fit or from files.

    Attributes
    ----------
    split, graph, calibrator, metrics
        See `vgae.learning.fitted_scores.FittedScores`. Where a method has no embedding, the graph
        of the split also has the edge weights and node features that the method reads.
    method
        The baseline with its settings.
    seed
        The seed of everything random in the fit.
    found
        Scores of all pairs, with the messages of the protocol.

    Raises
    ------
    InputError
        A part is invalid, or the parts do not belong together.

    Examples
    --------
    >>> from vgae.learning.baselines import baseline
    >>> from vgae.learning.fitting import fit_baseline
    >>> path = Graph.from_pairs([("a", "b"), ("b", "c")])
    >>> fitted = fit_baseline(Split.without_holdout(path), baseline("katz"), seed=3)
    >>> fitted.method.name, fitted.random_seed, fitted.scores is fitted.found, fitted.vectors
    ('katz', 3, True, None)
    >>> list(fitted.arrays())  # Katz scores are computed again from the edges
    []
    """

    method: Baseline
    seed: int
    found: Scores

    def __post_init__(self) -> None:
        super().__post_init__()
        stream_seed(self.seed, "baseline")
        if self.found.n_nodes != self.split.graph.n_nodes:
            raise InputError("scores: are not those of as many nodes as the split has")
        for vectors in self._factors():
            check_vectors(vectors, None)

    @property
    def random_seed(self) -> int:
        """The seed of everything random in the fit."""
        return self.seed

    @property
    def scores(self) -> Scores:
        """Scores of all pairs, with the messages of the protocol."""
        return self.found

    def uncalibrated(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """Numbers from 0 to 1 in the order of the scores; see `between_0_and_1`."""
        return between_0_and_1(scores)

    # ------------------------------------------------------------------- in files

    def _factors(self) -> list[NDArray[np.float32]]:
        """The vectors whose inner products are the scores; none for scores of another kind."""
        if not isinstance(self.found, FactorScores):
            return []
        right = self.found.right
        return [self.found.vectors, *([] if right is None else [right.numpy()])]

    @property
    def stored_vectors(self) -> NDArray[np.float32]:
        """The embedding that a run folder keeps: of no dimensions for scores without factors.

        Examples
        --------
        >>> from vgae.learning.baselines import baseline
        >>> from vgae.learning.fitting import fit_baseline
        >>> path = Split.without_holdout(Graph.from_pairs([("a", "b"), ("b", "c")]))
        >>> [
        ...     fit_baseline(path, baseline(name)).stored_vectors.shape
        ...     for name in ("katz", "spectral")
        ... ]
        [(3, 0), (3, 2)]
        """
        return next(iter(self._factors()), np.empty((len(self.ids), 0), np.float32))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What answers need after loading, next to the split and the embedding.

        Scores in factor form are kept as factors. Others are computed again from the training
        graph, which takes the weights of its edges and, where the method reads them, the features.
        """
        factors, graph = self._factors(), self.split.graph
        if factors:
            return dict(zip([RIGHT], factors[1:], strict=False))
        return input_arrays(graph, features=self.method.needs_features)

    @classmethod
    def restored(
        cls,
        method: Baseline,
        seed: int,
        split: Split,
        vectors: NDArray[np.float32],
        arrays: Mapping[str, NDArray[Any]],
        **record: Any,
    ) -> Self:
        """The value that these arrays were taken from.

        Parameters
        ----------
        method, seed
            The baseline with its settings, and the seed of the fit.
        split
            The split, whose graphs have the weights and features among the arrays.
        vectors, arrays
            `stored_vectors` and `arrays()` of the value.
        **record
            The graph's record, the calibrator and the metrics.

        Raises
        ------
        InputError
            The arrays do not fit each other, or the method cannot be run on the graph again.

        Examples
        --------
        >>> from vgae.learning.baselines import baseline
        >>> from vgae.learning.fitting import fit_baseline
        >>> split = Split.without_holdout(Graph.from_pairs([("a", "b"), ("b", "c")]))
        >>> old = fit_baseline(split, baseline("katz"))
        >>> record = {"graph": old.graph, "calibrator": None, "metrics": old.metrics}
        >>> new = FittedBaseline.restored(
        ...     old.method, old.seed, split, old.stored_vectors, old.arrays(), **record
        ... )
        >>> bool(new.scores.pairs([(0, 2)])[0] == old.scores.pairs([(0, 2)])[0])
        True
        """
        if vectors.shape[1] == 0:
            found = method.fit(split.training, seed=seed)
        else:
            right = arrays.get(RIGHT)
            if right is not None and (right.shape != vectors.shape or right.dtype != np.float32):
                raise InputError("factors: do not match the embedding")
            found = FactorScores(vectors, right)
        found = found.with_expected(method.expected(split.train))
        return cls(split=split, method=method, seed=seed, found=found, **record)


def between_0_and_1(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scores s of any scale as (1 + s / (1 + |s|)) / 2, in the same order.

    Scores of a baseline mean no probability. This map only brings them between 0 and 1, without
    making large ones alike as a sigmoid would.

    Examples
    --------
    >>> between_0_and_1(np.array([-1.0, 0.0, 1.0, 999.0])).tolist()
    [0.25, 0.5, 0.75, 0.9995]
    """
    given = np.asarray(scores, np.float64)
    return 0.5 + 0.5 * given / (1.0 + np.abs(given))


def input_arrays(graph: Graph, *, features: bool) -> dict[str, NDArray[Any]]:
    """Weights of the edges of a graph and, if wanted, features of its nodes; see `with_inputs`.

    Examples
    --------
    >>> list(input_arrays(Graph.from_edges([(0, 1)], weights=[2.0]), features=True))
    ['edge_weights']
    """
    found: dict[str, NDArray[Any]] = {}
    if graph.weights is not None:
        found[WEIGHTS] = graph.weights
    if features and graph.features is not None:
        given: Any = graph.features
        if sparse.issparse(given):
            found |= {SPARSE[name]: getattr(given, name) for name in SPARSE if name != "shape"}
            found[SPARSE["shape"]] = np.array(given.shape)
        else:
            found[FEATURES] = given
    return found


def with_inputs(graph: Graph, arrays: Mapping[str, NDArray[Any]]) -> Graph:
    """A graph of edges alone, with the weights and features among a baseline's arrays.

    Raises
    ------
    InputError
        The arrays do not fit the graph or each other.

    Examples
    --------
    >>> path = Graph.from_edges([(0, 1), (1, 2)])
    >>> with_inputs(path, {"edge_weights": np.array([2.0, 3.0], np.float32)}).weights.tolist()
    [2.0, 3.0]
    """
    features: Any = arrays.get(FEATURES)
    if SPARSE["data"] in arrays:
        parts = {name: arrays[key] for name, key in SPARSE.items()}
        shape = tuple(parts["shape"].tolist())
        features = sparse.csr_array((parts["data"], parts["indices"], parts["indptr"]), shape=shape)
        features.check_format(full_check=True)
    weights = arrays.get(WEIGHTS)
    if weights is not None:
        graph = graph.with_pairs(graph.edges, weights=weights, times=graph.times)
    return graph if features is None else graph.with_features(features)
