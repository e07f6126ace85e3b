"""The loss and its gradient against a dense float64 evaluation of the published formulas."""

from typing import Any

import numpy as np
import pytest
import torch
from graphs import dense, graphs, random_graph
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vgae.data.graph import Graph
from vgae.ground.errors import InputError
from vgae.model.kernels import choose_engine
from vgae.model.latents import Gaussian, Point
from vgae.model.objective import Targets, link_loss
from vgae.model.settings import ObjectiveName


def dense_reconstruction(
    vectors: NDArray[Any], graph: Graph, objective: ObjectiveName
) -> tuple[float, NDArray[np.float64]]:
    """Value and gradient of the reconstruction term, with arrays of all pairs."""
    z = vectors.astype(np.float64)
    n_pairs, edges = graph.n_nodes**2, dense(graph)
    positive = (edges > 0).sum()
    pos_weight = (n_pairs - positive) / positive if objective == "paper" else 1.0
    norm = n_pairs / (2 * (n_pairs - positive)) if objective == "paper" else 1.0
    target = (edges > 0) + np.eye(graph.n_nodes)
    logits = z @ z.T
    sigmoid = np.exp(-np.logaddexp(0, -logits))
    value = pos_weight * target * np.logaddexp(0, -logits)
    value += (1 - target) * np.logaddexp(0, logits)
    slope = pos_weight * target * (sigmoid - 1) + (1 - target) * sigmoid
    return norm * value.mean(), 2 * norm / n_pairs * slope @ z


@pytest.mark.parametrize("engine", ["numba", "tiles", "reference"])
@pytest.mark.parametrize("objective", ["paper", "elbo"])
@settings(deadline=None, max_examples=60)
@given(graphs(), st.sampled_from([1e-2, 1.0, 30.0, 1e3, 1e4]), st.integers(0, 2**16))
def test_loss_and_gradient_are_the_formula(
    engine: str, objective: ObjectiveName, graph: Graph, largest: float, seed: int
) -> None:
    assume(graph.n_edges > 0)
    vectors = np.random.default_rng(seed).normal(size=(graph.n_nodes, 8))
    vectors *= np.sqrt(largest / (vectors**2).sum(axis=1).max())
    factor = torch.tensor(vectors, dtype=torch.float32, requires_grad=True)
    value, gradient = dense_reconstruction(factor.detach().numpy(), graph, objective)
    targets = Targets.from_graph(graph, objective)
    loss = link_loss(factor, Point(factor), targets, engine=choose_engine(engine))
    loss.total.backward()  # type: ignore[no-untyped-call]
    assert factor.grad is not None
    # Where all positives fit and their logits are huge, softplus(s) of the sweep and of the
    # positives cancel: what is left of them is bounded by the rounding of the logits themselves.
    rounding = 2e-7 * largest * targets.norm
    assert loss.total.item() == pytest.approx(value, rel=1e-5, abs=rounding)
    error = np.linalg.norm(factor.grad.numpy() - gradient)
    scale = 2e-6 * np.linalg.norm(vectors) * targets.norm / graph.n_nodes
    assert error <= max(1e-5 * np.linalg.norm(gradient), scale)


def test_relative_error_on_plain_random_graphs() -> None:
    """The bar without any allowance: 1e-5 relative, logits up to 1e4."""
    for seed in range(20):
        for largest in (1.0, 1e2, 1e4):
            graph = random_graph(150, 0.05, seed)
            vectors = np.random.default_rng(seed).normal(size=(150, 16))
            vectors *= np.sqrt(largest / (vectors**2).sum(axis=1).max())
            factor = torch.tensor(vectors, dtype=torch.float32, requires_grad=True)
            value, gradient = dense_reconstruction(factor.detach().numpy(), graph, "paper")
            targets = Targets.from_graph(graph, "paper")
            loss = link_loss(factor, Point(factor), targets, engine=choose_engine("auto"))
            loss.total.backward()  # type: ignore[no-untyped-call]
            assert factor.grad is not None
            assert loss.total.item() == pytest.approx(value, rel=1e-5)
            difference = np.linalg.norm(factor.grad.numpy() - gradient)
            assert difference <= 1e-5 * np.linalg.norm(gradient)


@pytest.mark.parametrize("objective", ["paper", "elbo"])
def test_gradient_is_the_derivative_in_all_parameters(objective: ObjectiveName) -> None:
    targets = Targets.from_graph(random_graph(9, 0.4, 0), objective)
    noise = torch.randn(9, 3, dtype=torch.float64, generator=torch.Generator())

    def total(mean: torch.Tensor, log_std: torch.Tensor) -> torch.Tensor:
        latent = Gaussian(mean, log_std)
        return link_loss(latent.rsample(noise), latent, targets, engine=choose_engine("auto")).total

    parameters = tuple(
        torch.randn(9, 3, dtype=torch.float64, generator=torch.Generator(), requires_grad=True)
        for _ in range(2)
    )
    assert torch.autograd.gradcheck(total, parameters)


def test_weights_do_not_change_the_targets() -> None:
    plain = Graph.from_edges([(0, 1), (1, 2)])
    heavy = Graph.from_edges([(0, 1), (1, 2)], weights=[5.0, 0.1])
    one, other = (Targets.from_graph(graph, "paper") for graph in (plain, heavy))
    assert one.pos_weight == other.pos_weight == (9 - 4) / 4
    assert one.norm == 9 / (2 * (9 - 4))
    assert torch.equal(one.positive.columns, other.positive.columns)


def test_kl_is_divided_like_the_paper() -> None:
    graph = random_graph(6, 0.5, 0)
    latent = Gaussian(torch.full((6, 2), 2.0), torch.zeros(6, 2))
    targets = Targets.from_graph(graph, "paper")
    loss = link_loss(latent.mean, latent, targets, engine=choose_engine("auto"))
    assert loss.kl.item() == pytest.approx(6 * 4.0 / 36)  # a divergence of 4 nats a node
    assert loss.total.item() == loss.reconstruction.item() + loss.kl.item()


def test_a_graph_without_edges_has_nothing_to_learn_from() -> None:
    with pytest.raises(InputError, match="no edges"):
        Targets.from_graph(Graph.from_edges([], n_nodes=3), "paper")


def test_two_nodes_that_are_all_there_is() -> None:
    targets = Targets.from_graph(Graph.from_edges([(0, 1)]), "paper")
    factor = torch.tensor([[1.0], [2.0]], requires_grad=True)
    loss = link_loss(factor, Point(factor), targets, engine=choose_engine("auto"))
    value, _ = dense_reconstruction(factor.detach().numpy(), Graph.from_edges([(0, 1)]), "paper")
    assert loss.total.item() == pytest.approx(value, rel=1e-6)
