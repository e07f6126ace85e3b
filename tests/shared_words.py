"""A baseline that reads node features and edge weights, and has no embedding."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.graph import Graph
from vgae.learning.baselines import BASELINES, Baseline
from vgae.learning.scores import FunctionScores, Scores


@final
class SharedWords(Baseline):
    """Inner products of the features summed over each node and its neighbours."""

    name: ClassVar[str] = "shared-words"
    needs_features: ClassVar[bool] = True

    own: float = 1.0

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        words: Any = sparse.csr_array(messages.features, dtype=np.float64)
        summed = sparse.csr_array(self.own * words + messages.adjacency @ words)

        def scores(pairs: NDArray[np.int64]) -> NDArray[np.float64]:
            first, second = (summed[side] for side in pairs.T)
            found: NDArray[np.float64] = np.asarray(first.multiply(second).sum(axis=1)).ravel()
            return found

        return FunctionScores(scores, messages.n_nodes)


@contextmanager
def registered() -> Iterator[str]:
    """The baseline among those with a name."""
    BASELINES[SharedWords.name] = SharedWords
    try:
        yield SharedWords.name
    finally:
        del BASELINES[SharedWords.name]
