"""Rows of an adjacency: products and gradients are those of the whole matrix."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse
from together import in_threads
from torch import Tensor

from vgae.data.graph import Features, Graph
from vgae.model.encoders import ENCODERS, Propagation
from vgae.model.encoders.rows import RowsMatrix, propagated_rows
from vgae.model.kernels import SparseMatrix
from vgae.model.noise import CounterNoise
from vgae.model.ranks import Ranks, Rows
from vgae.model.settings import ModelSettings

RANDOM = np.random.default_rng(0)
DENSE = RANDOM.random((13, 13)).astype(np.float32) * (RANDOM.random((13, 13)) < 0.3)
SYMMETRIC = sparse.csr_array(DENSE + DENSE.T)
MATRICES = {"symmetric": SYMMETRIC, "other": sparse.csr_array(DENSE)}
CPU = torch.device("cpu")


@pytest.mark.parametrize("thinned", [False, True])
@pytest.mark.parametrize("name", sorted(MATRICES))
@pytest.mark.parametrize("size", [1, 2, 3])
def test_products_and_gradients_are_those_of_the_whole(size: int, name: str, thinned: bool) -> None:
    matrix = MATRICES[name]
    generator = torch.Generator().manual_seed(0)
    dense, slope = torch.randn(2, 13, 9, generator=generator)

    def thin(one: SparseMatrix) -> SparseMatrix:
        noise = CounterNoise(0, CPU)
        noise.begin(1)
        return one.thinned(0.4, noise) if thinned else one

    whole = dense.clone().requires_grad_()
    product = thin(SparseMatrix.from_scipy(matrix)) @ whole
    (product * slope).sum().backward()
    assert whole.grad is not None

    def work(ranks: Ranks) -> tuple[Tensor, Tensor]:
        rows = Rows.balanced(ranks, matrix.indptr)
        before = int(matrix.indptr[rows.own.start])
        part = RowsMatrix.of(
            matrix[rows.own], rows, symmetric=name == "symmetric", first_entry=before
        )
        own = dense[rows.own].clone().requires_grad_()
        found = thin(part.to(CPU)) @ own
        (found * slope[rows.own]).sum().backward()
        assert own.grad is not None
        return found.detach(), own.grad

    found = in_threads(size, work)
    torch.testing.assert_close(torch.cat([one for one, _ in found]), product.detach())
    torch.testing.assert_close(torch.cat([grad for _, grad in found]), whole.grad)


@pytest.mark.parametrize("features", ["none", "dense", "sparse"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("encoder", ["gcn", "linear", "appnp", "sage"])
@pytest.mark.parametrize("size", [1, 3])
def test_encoders_give_the_same_and_learn_the_same(
    size: int, encoder: str, dropout: float, features: str
) -> None:
    pairs = np.argwhere(np.triu(SYMMETRIC.toarray(), k=1))
    weights = np.arange(1.0, len(pairs) + 1)
    graph = Graph.from_edges(pairs, n_nodes=13, weights=weights)
    given: dict[str, Features | None] = {
        "none": None,
        "dense": RANDOM.random((13, 5)).astype(np.float32),
        "sparse": sparse.csr_array(DENSE[:, :5]),
    }
    inputs = given[features]
    settings = ModelSettings.parse(
        {
            **{"encoder": encoder, "hidden_dim": 4, "latent_dim": 3, "bias": True},
            **{"residual": True, "layers": None if encoder == "appnp" else 3},
            **{"dropout": dropout, "edge_dropout": dropout},
        }
    )
    slope = torch.randn(13, 3, generator=torch.Generator().manual_seed(2))

    def made() -> Propagation:
        n_inputs = 13 if inputs is None else 5
        generator = torch.Generator().manual_seed(0)
        return ENCODERS[encoder](settings, n_inputs, outputs=("mean",), generator=generator)

    def learned(one: Propagation, prepared: object, own: slice) -> list[Tensor]:
        noise = CounterNoise(0, CPU)
        noise.begin(3)
        mean = one(prepared, noise)["mean"]
        (mean * slope[own]).sum().backward()
        return [mean.detach(), *(p.grad for p in one.parameters() if p.grad is not None)]

    whole = made()
    mean, *gradients = learned(whole, whole.prepare(graph, inputs), slice(0, 13))

    def work(ranks: Ranks) -> list[Tensor]:
        rows, one = Rows.balanced(ranks, graph.adjacency.indptr), made()
        prepared = one.prepare_rows(graph, inputs, rows)
        assert prepared.n_nodes == rows.own.stop - rows.own.start
        return learned(one, prepared, rows.own)

    means, *parts = zip(*in_threads(size, work), strict=True)
    torch.testing.assert_close(torch.cat(means), mean, rtol=1e-4, atol=1e-5)
    for found, expected in zip(parts, gradients, strict=True):
        torch.testing.assert_close(sum(found), expected, rtol=1e-3, atol=1e-4)


def test_features_are_multiplied_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vgae.model.encoders.rows.ROWS_AT_ONCE", 3)
    features = RANDOM.random((13, 4)).astype(np.float32)
    found = propagated_rows(SYMMETRIC[2:7], features, lambda part: 2 * part)
    np.testing.assert_allclose(found, SYMMETRIC.toarray()[2:7] @ (2 * features), rtol=1e-5)


def test_rows_of_the_adjacency_are_those_of_the_whole() -> None:
    graph = Graph.from_edges(np.argwhere(np.triu(DENSE, k=1)), n_nodes=13)
    for name in ("gcn", "sage"):
        encoder = ENCODERS[name](
            ModelSettings(), 13, outputs=("mean",), generator=torch.Generator()
        )
        for rows in (slice(0, 13), slice(0, 4), slice(5, 6), slice(9, 13)):
            found = encoder.adjacency_rows(graph, rows)
            np.testing.assert_allclose(
                found.toarray(), encoder.adjacency(graph).toarray()[rows], rtol=1e-6
            )
