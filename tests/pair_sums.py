"""The sum over all pairs by its definition, and vectors to try it on."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Dense = NDArray[np.float64]


def dense_sum(left: Dense, right: Dense) -> tuple[float, Dense, Dense]:
    """The definition, with an array of all pairs."""
    logits = left @ right.T
    probabilities = np.exp(-np.logaddexp(0.0, -logits))
    return np.logaddexp(0.0, logits).sum(), probabilities @ right, probabilities.T @ left


def factors(n_nodes: int, dim: int, largest: float, seed: int = 0) -> Tensor:
    """Random vectors whose largest logit is about `largest`."""
    vectors = np.random.default_rng(seed).normal(size=(n_nodes, dim))
    norm = (vectors**2).sum(axis=1).max(initial=1e-9)
    return torch.tensor(vectors * np.sqrt(largest / norm), dtype=torch.float32)
