"""Inputs of encoders (interim; replaced)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.graph import Features, Graph
from vgae.model.settings import FeatureUse, Structure


@dataclass(frozen=True)
class InputScaling:
    use: FeatureUse
    weights: NDArray[np.float32] | None = None
    mean: NDArray[np.float32] | None = None
    scale: NDArray[np.float32] | None = None

    @classmethod
    def learned(cls, features: Features | None, use: FeatureUse) -> InputScaling:
        return cls(use)

    def apply(self, features: Features) -> Features:
        return _unit_rows(features) if self.use == "unit" else features

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {}

    @classmethod
    def from_arrays(
        cls, use: FeatureUse, arrays: dict[str, NDArray[Any]], n_features: int
    ) -> InputScaling:
        return cls(use)


def _unit_rows(features: Features) -> Features:
    sparsely = sparse.issparse(features)
    lengths = (sparse.linalg.norm if sparsely else np.linalg.norm)(features, axis=1)
    scale = (1.0 / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
    if sparsely:
        return sparse.csr_array(sparse.diags_array(scale) @ features)
    unit: Features = scale[:, None] * features
    return unit


def node_inputs(
    graph: Graph, *, features: FeatureUse, structure: Structure, structure_dim: int, seed: int
) -> tuple[InputScaling, Features | None]:
    assert structure == "none"
    scaling = InputScaling.learned(graph.features, features)
    if features == "none" or graph.features is None:
        return scaling, None
    return scaling, scaling.apply(graph.features)
