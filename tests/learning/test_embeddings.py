"""Directions against scikit-learn's, and a posterior against its definition."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from vgae.data.graph import Graph
from vgae.data.split import split_edges
from vgae.learning import embeddings
from vgae.model.latents import Gaussian
from vgae.people.api import VGAE


def test_components_are_those_of_scikit_learn_with_a_sign_of_their_own() -> None:
    vectors = np.random.default_rng(0).normal(size=(200, 5)) * [3, 2, 1, 0.5, 0.1]
    positions, shares = embeddings.principal_components(vectors)
    reference = PCA(2).fit(vectors)
    np.testing.assert_allclose(np.abs(positions), np.abs(reference.transform(vectors)), atol=1e-9)
    np.testing.assert_allclose(shares, reference.explained_variance_ratio_)
    flipped, _ = embeddings.principal_components(vectors.astype(np.float32).astype(np.float64))
    np.testing.assert_allclose(flipped, positions, atol=1e-5)


def test_divergence_by_dimension_sums_to_that_of_the_latent() -> None:
    random = torch.Generator().manual_seed(0)
    mean, log_std = (torch.randn(50, 6, generator=random, dtype=torch.float64) for _ in range(2))
    found = embeddings.kl_by_dimension(mean.numpy(), log_std.exp().numpy())
    assert found.sum() == pytest.approx(float(Gaussian(mean, log_std).kl().mean()), rel=1e-12)
    assert (found >= 0).all()
    tiny = embeddings.kl_by_dimension([[0.0]], [[1.0 + 1e-9]])
    assert tiny[0] == pytest.approx(1e-18, rel=1e-3)  # eps squared, without cancellation


def test_a_collapsed_posterior_has_no_active_dimension() -> None:
    assert not embeddings.active_dimensions(np.full((9, 3), 0.7)).any()
    assert not embeddings.active_dimensions(np.ones((1, 3))).any()


def test_posterior_draws_centre_on_the_posterior_and_shrink_to_it(ring: Graph) -> None:
    model = VGAE(steps=20, latent_dim=4, seed=1).fit(split_edges(ring, seed=0))
    fitted = model.fitted_
    assert fitted.embedding_std is not None
    pairs = np.array([[0, 5], [1, 7], [20, 3]])
    given = fitted.network, fitted.embedding
    almost = embeddings.posterior_scores(*given, 1e-6 * fitted.embedding_std, pairs, n_samples=3)
    np.testing.assert_allclose(almost, np.tile(fitted.scores.pairs(pairs), (3, 1)), atol=1e-4)
    wide = embeddings.posterior_scores(*given, fitted.embedding_std, pairs, n_samples=4000)
    error = wide.std(axis=0) / np.sqrt(4000)
    assert (np.abs(wide.mean(axis=0) - fitted.scores.pairs(pairs)) < 5 * error).all()
    # The variance of an inner product of independent normal vectors, in closed form.
    m, v = fitted.embedding.astype(float), fitted.embedding_std.astype(float) ** 2
    i, j = pairs.T
    exact = (m[i] ** 2 * v[j] + m[j] ** 2 * v[i] + v[i] * v[j]).sum(axis=1)
    np.testing.assert_allclose(wide.var(axis=0), exact, rtol=0.15)


def test_spread_is_the_median_of_the_nodes_of_each_bin() -> None:
    random = np.random.default_rng(0)
    std, degrees = random.random((200, 3)), random.integers(0, 30, 200)
    found = embeddings.spread_by_degree(std, degrees)
    assert sum(one.n_nodes for one in found) == 200
    for one in found:
        inside = (one.lowest <= degrees) & (degrees <= one.highest)
        assert one.n_nodes == inside.sum()
        assert one.highest < max(2 * one.lowest, 1) or one.highest == one.lowest
        assert one.median == pytest.approx(np.median(std[inside].mean(axis=1)))
