"""Relative errors of an engine's sum and loss against float64, evaluated from their definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vgae.data.graph import Graph
from vgae.model.kernels import Engine, PairSum
from vgae.model.likelihoods import Bernoulli
from vgae.model.objective import Targets, reconstruction

__all__ = ["accuracy", "errors_of_sum", "exact_loss", "exact_sum", "relative_error"]

BLOCK = 256
"""Rows whose logits are there at a time: no array of all pairs is made."""

CERTAIN = 40.0
"""Above this, softplus(s) - s is less than float64 can tell of s."""


def accuracy(engine: Engine, sizes: list[int]) -> list[dict[str, Any]]:
    """Errors of the sum and of the loss, with their gradients, up to logits of 1e4."""
    found = []
    for n_nodes in sizes:
        for largest in (1.0, 1e2, 1e4):
            vectors, edges = example(n_nodes, largest)
            row: dict[str, Any] = {"nodes": n_nodes, "largest_logit": largest}
            row |= errors_of_sum(engine.sweep(vectors, None), vectors)
            if n_nodes > 1:  # a single node has no edge, hence no loss
                row |= errors_of_loss(engine, vectors, edges)
            found.append(row)
    return found


def example(n_nodes: int, largest: float) -> tuple[Tensor, Tensor]:
    """Random vectors of 16 coordinates whose largest logit is given, and some random edges."""
    random = np.random.default_rng(n_nodes)
    values = random.normal(size=(n_nodes, 16))
    if n_nodes == 2:
        # Were the only edge a likely one, the loss would be 0, which has no digits.
        values[1] *= -math.copysign(1.0, values[0] @ values[1])
    values *= math.sqrt(largest / (values**2).sum(axis=1).max())
    edges = np.sort(random.integers(n_nodes, size=(2 * n_nodes, 2)), axis=1)
    edges = np.concatenate([[[0, 1]], edges[edges[:, 0] < edges[:, 1]]])  # at least one
    return torch.tensor(values, dtype=torch.float32), torch.tensor(np.unique(edges, axis=0))


def errors_of_sum(found: PairSum, vectors: Tensor) -> dict[str, float]:
    """Errors of an engine's answer for all pairs of these vectors."""
    total, gradient = exact_sum(vectors)
    return {
        "sum_error": relative_error(found.total, total),
        "sum_gradient_error": relative_error(found.grad_left, gradient),
    }


def errors_of_loss(engine: Engine, vectors: Tensor, edges: Tensor) -> dict[str, float]:
    """Errors of the published loss that an engine's sum is part of."""
    factor = vectors.clone().requires_grad_()
    graph = Graph.from_edges(edges.numpy(), n_nodes=len(vectors))
    targets = Targets.from_graph(graph, "balanced")
    loss = reconstruction(Bernoulli(), (factor, None), targets, engine=engine)
    loss.backward()  # type: ignore[no-untyped-call]
    assert factor.grad is not None
    total, gradient = exact_loss(vectors, edges)
    return {
        "loss_error": relative_error(loss, total),
        "loss_gradient_error": relative_error(factor.grad, gradient),
    }


def exact_sum(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of softplus over all pairs of nodes, and its gradient."""
    wide = vectors.double()
    total, gradient = torch.zeros((), dtype=torch.float64), torch.empty_like(wide)
    for start in range(0, len(wide), BLOCK):
        rows = slice(start, start + BLOCK)
        logits = wide[rows] @ wide.T
        total += functional.softplus(logits, threshold=CERTAIN).sum()
        gradient[rows] = 2.0 * logits.sigmoid_() @ wide
    return total, gradient


def exact_loss(vectors: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """The published reconstruction loss, and its gradient.

    Parameters
    ----------
    vectors
        Shape (n_nodes, dim).
    edges
        Distinct pairs of different nodes, shape (n_edges, 2), each in one direction.
    """
    wide = vectors.double()
    n_pairs, n_positive = len(wide) ** 2, 2 * len(edges)
    pos_weight = (n_pairs - n_positive) / n_positive
    scale = 1.0 / (2.0 * (n_pairs - n_positive))
    nodes = torch.arange(len(wide))
    positive = torch.cat([edges, edges.flip(1), torch.stack([nodes, nodes], dim=1)])
    total, gradient = torch.zeros((), dtype=torch.float64), torch.empty_like(wide)
    for start in range(0, len(wide), BLOCK):
        rows = slice(start, start + BLOCK)
        logits = wide[rows] @ wide.T
        inside = positive[(positive[:, 0] >= start) & (positive[:, 0] < start + BLOCK)]
        target = torch.zeros_like(logits)
        target[inside[:, 0] - start, inside[:, 1]] = 1.0
        present = functional.softplus(-logits, threshold=CERTAIN)
        absent = functional.softplus(logits, threshold=CERTAIN)
        total += (pos_weight * target * present + (1.0 - target) * absent).sum()
        slopes = torch.where(target > 0, -pos_weight * (-logits).sigmoid(), logits.sigmoid())
        gradient[rows] = 2.0 * slopes @ wide
    return scale * total, scale * gradient


def relative_error(found: Tensor, exact: Tensor) -> float:
    """Euclidean length of the difference over that of the exact value."""
    difference = torch.linalg.vector_norm(found.detach().double() - exact)
    return float(difference / torch.linalg.vector_norm(exact))
