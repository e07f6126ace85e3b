"""The model as programs with a dense loss have it: N x N logits against N x N targets, in torch.

For comparison only. Features and adjacency are sparse, as in those programs; the loss is torch's
own `binary_cross_entropy_with_logits` over all N^2 pairs, and the optimiser torch's Adam. Formulas:
Kipf & Welling 2016, with the weights of their published loss.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from cases import Case
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["DenseTargets", "DenseVGAE", "epochs"]

HIDDEN, LATENT, LEARNING_RATE = 32, 16, 0.01


class DenseVGAE(nn.Module):
    """Two graph-convolution layers, a normal sample and all inner products.

    Parameters
    ----------
    n_features, hidden, latent
        Widths of the input and of the two layers.
    """

    def __init__(self, n_features: int, hidden: int = HIDDEN, latent: int = LATENT) -> None:
        super().__init__()
        self.hidden = nn.Parameter(glorot(n_features, hidden))
        self.mean = nn.Parameter(glorot(hidden, latent))
        self.log_std = nn.Parameter(glorot(hidden, latent))

    def forward(
        self, features: Tensor, adjacency: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of all pairs, shape (n_nodes, n_nodes), and the posterior's mean and log_std."""
        hidden = torch.relu(adjacency @ (features @ self.hidden))
        mean = adjacency @ (hidden @ self.mean)
        log_std = adjacency @ (hidden @ self.log_std)
        vectors = mean + noise * torch.exp(log_std)
        return vectors @ vectors.T, mean, log_std


class DenseTargets:
    """A + I as a dense array, with the weights of the loss.

    Parameters
    ----------
    case
        The graph.
    device
        Where the array is held.
    """

    def __init__(self, case: Case, device: str = "cpu") -> None:
        n_pairs, n_positive = case.n_nodes**2, 2 * len(case.edges)
        self.target = torch.zeros(case.n_nodes, case.n_nodes, device=device)
        rows, columns = torch.from_numpy(case.both_ways).to(device).T
        self.target[rows, columns] = 1.0
        self.target.fill_diagonal_(1.0)
        self.pos_weight = torch.tensor((n_pairs - n_positive) / n_positive, device=device)
        self.norm = n_pairs / (2.0 * (n_pairs - n_positive))

    def loss(self, logits: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
        """Weighted cross-entropy of all pairs plus the divergence from the prior."""
        entropy = functional.binary_cross_entropy_with_logits(
            logits, self.target, pos_weight=self.pos_weight
        )
        terms = 1.0 + 2.0 * log_std - mean.square() - torch.exp(2.0 * log_std)
        return self.norm * entropy - 0.5 / len(mean) * terms.sum(dim=1).mean()


def glorot(n_inputs: int, n_outputs: int) -> Tensor:
    bound = math.sqrt(6.0 / (n_inputs + n_outputs))
    return torch.empty(n_inputs, n_outputs).uniform_(-bound, bound)


def normalized_adjacency(case: Case) -> Tensor:
    """D^-1/2 (A + I) D^-1/2 as a sparse tensor of coordinates."""
    rows, columns = case.both_ways.T
    shape = (case.n_nodes, case.n_nodes)
    adjacency = sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=shape)
    with_loops = sparse.csr_array(adjacency + sparse.eye_array(case.n_nodes))
    scale = sparse.diags_array(1.0 / np.sqrt(with_loops.sum(axis=1)))
    return coordinates(scale @ with_loops @ scale)


def coordinates(matrix: Any) -> Tensor:
    """A SciPy matrix as a sparse torch tensor, in float32."""
    entries = sparse.coo_array(matrix)
    places = torch.from_numpy(np.stack([entries.row, entries.col]).astype(np.int64))
    values = torch.from_numpy(entries.data.astype(np.float32))
    return torch.sparse_coo_tensor(places, values, entries.shape, check_invariants=True).coalesce()


def inputs_of(case: Case) -> tuple[Tensor, Tensor]:
    """Features, sparse where they were, and the normalised adjacency."""
    features = case.features
    given = coordinates(features) if sparse.issparse(features) else torch.from_numpy(features)
    return given, normalized_adjacency(case)


def epochs(case: Case, device: str = "cpu") -> Iterator[float]:
    """Train without end; yields the seconds of each epoch."""
    torch.manual_seed(0)
    model = DenseVGAE(case.features.shape[1]).to(device)
    features, adjacency = (matrix.to(device) for matrix in inputs_of(case))
    targets = DenseTargets(case, device)
    shape = (case.n_nodes, LATENT)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    del case
    while True:
        started = time.perf_counter()
        optimizer.zero_grad()
        loss = targets.loss(*model(features, adjacency, torch.randn(shape, device=device)))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        loss.item()
        yield time.perf_counter() - started
