"""PyTorch Geometric's VGAE, trained as its documented example does: negatives are sampled.

Two forms. `documented` is the example: dense features, an edge list, normalised again in each
layer. `tuned` is what the library takes most favourably: the normalisation is kept
(`cached=True`), sparse features stay sparse (CSR), and in larger graphs the edges are a CSR
adjacency, so that no array of messages is made.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from cases import Case
from scipy import sparse
from torch import Tensor, nn

__all__ = ["contestant"]

HIDDEN, LATENT, LEARNING_RATE = 32, 16, 0.01

ADJACENCY_FROM = 100_000
"""Directed edges from which a CSR adjacency is faster than an edge list: 30,000 nodes with 600,000
took 0.49 against 0.74 s an epoch, Cora with its 10,556 took 14 against 12 ms."""


class Encoder(nn.Module):
    """Two layers of graph convolution, of which the second is there twice."""

    def __init__(self, convolution: Any, n_features: int, *, cached: bool) -> None:
        super().__init__()
        self.first = convolution(n_features, HIDDEN, cached=cached)
        self.mean = convolution(HIDDEN, LATENT, cached=cached)
        self.log_std = convolution(HIDDEN, LATENT, cached=cached)

    def forward(self, features: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log_std, each of shape (n_nodes, latent)."""
        hidden = torch.relu(self.first(features, edges))
        return self.mean(hidden, edges), self.log_std(hidden, edges)


def contestant(*, tuned: bool) -> Callable[[Case], Iterator[float]]:
    """Import the library; the function that comes back trains without end, seconds an epoch.

    Raises
    ------
    ImportError
        PyTorch Geometric is not installed.
    """
    # Not an import statement: types are checked where this library is not installed, too.
    library = importlib.import_module("torch_geometric.nn")

    def epochs(case: Case) -> Iterator[float]:
        torch.manual_seed(0)
        n_nodes = case.n_nodes
        features = features_of(case, keep_sparse=tuned)
        positives = torch.from_numpy(np.ascontiguousarray(case.edges.T))
        edges = torch.cat([positives, positives.flip(0)], dim=1)
        if tuned and edges.shape[1] >= ADJACENCY_FROM:
            ones = torch.ones(edges.shape[1])
            edges = torch.sparse_coo_tensor(edges, ones, (n_nodes, n_nodes)).to_sparse_csr()
        encoder = Encoder(library.GCNConv, case.features.shape[1], cached=tuned)
        model = library.VGAE(encoder)
        optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
        del case
        model.train()
        while True:
            started = time.perf_counter()
            optimizer.zero_grad()
            vectors = model.encode(features, edges)
            loss = model.recon_loss(vectors, positives) + model.kl_loss() / n_nodes
            loss.backward()
            optimizer.step()
            loss.item()
            yield time.perf_counter() - started

    return epochs


def features_of(case: Case, *, keep_sparse: bool) -> Tensor:
    """Features as a dense tensor or, where they are sparse and stay so, CSR."""
    if not sparse.issparse(case.features):
        return torch.from_numpy(case.features)
    matrix = sparse.csr_array(case.features)
    if not keep_sparse:
        return torch.from_numpy(matrix.toarray())
    starts, columns = torch.from_numpy(matrix.indptr), torch.from_numpy(matrix.indices)
    return torch.sparse_csr_tensor(
        starts, columns, torch.from_numpy(matrix.data), size=matrix.shape, check_invariants=True
    )
