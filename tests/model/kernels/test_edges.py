"""The terms of positive pairs against a dense float64 evaluation of their formula."""

import numpy as np
import pytest
import torch
from graphs import dense, graphs, random_graph
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from vgae.data.graph import Graph
from vgae.model.kernels import PairPattern, positive_terms, with_gradients
from vgae.model.kernels.edges import _on_device, _on_processor
from vgae.model.objective import Targets

WAYS = {"processor": _on_processor, "device": _on_device}


def pattern_of(graph: Graph) -> PairPattern:
    if graph.n_edges:
        return Targets.from_graph(graph, "paper").positive
    nodes = torch.arange(graph.n_nodes + 1)
    return PairPattern(nodes, nodes[:-1])


def dense_terms(
    vectors: NDArray[np.float64], graph: Graph, pos_weight: float
) -> tuple[float, NDArray[np.float64]]:
    positive = (dense(graph) > 0) + np.eye(graph.n_nodes)
    logits = vectors @ vectors.T
    value = pos_weight * np.logaddexp(0, -logits) - np.logaddexp(0, logits)
    slope = -pos_weight * np.exp(-np.logaddexp(0, logits)) - np.exp(-np.logaddexp(0, -logits))
    return (positive * value).sum(), 2 * (positive * slope) @ vectors


@pytest.mark.parametrize("way", sorted(WAYS))
@settings(deadline=None, max_examples=60)
@given(
    graphs(max_nodes=60),
    st.sampled_from([1e-3, 1.0, 30.0, 1e4]),
    st.sampled_from([1.0, 700.0]),
    st.integers(0, 99),
)
def test_value_and_gradient_are_the_formula(
    way: str, graph: Graph, largest: float, pos_weight: float, seed: int
) -> None:
    vectors = np.random.default_rng(seed).normal(size=(graph.n_nodes, 5))
    vectors *= np.sqrt(largest / (vectors**2).sum(axis=1).max())
    factor = torch.tensor(vectors, dtype=torch.float32)
    value, gradient = dense_terms(factor.numpy().astype(np.float64), graph, pos_weight)
    total, found = WAYS[way](factor, pattern_of(graph), pos_weight)
    assert total.dtype == torch.float64
    # Terms of both signs cancel: what is left may be less than the rounding of the largest.
    most = pos_weight * largest * (2 * graph.n_edges + graph.n_nodes)
    assert total.item() == pytest.approx(value, rel=1e-6, abs=1e-12 * most)
    scale = np.linalg.norm(gradient) + np.linalg.norm(vectors)
    assert np.linalg.norm(found.numpy() - gradient) <= 1e-5 * scale


def test_gradient_is_the_derivative() -> None:
    pattern = pattern_of(random_graph(7, 0.4, 0))
    factor = torch.randn(
        7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True
    )

    def total(z: Tensor) -> Tensor:
        terms = positive_terms(z, pattern, 5.0)
        return with_gradients(terms.total, (z, terms.gradient))

    assert torch.autograd.gradcheck(total, (factor,))


@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_extreme_logits_stay_finite_and_exact(way: str, sign: float) -> None:
    pattern = PairPattern(torch.tensor([0, 1, 2]), torch.tensor([1, 0]))
    factor = torch.tensor([[100.0], [sign * 100.0]])
    total, gradient = WAYS[way](factor, pattern, 3.0)
    assert total.item() == (-2e4 if sign > 0 else 6e4)
    assert gradient.ravel().tolist() == ([-200.0, -200.0] if sign > 0 else [600.0, -600.0])


@pytest.mark.parametrize("way", sorted(WAYS))
def test_no_nodes_and_one_node(way: str) -> None:
    nothing = PairPattern(torch.tensor([0]), torch.empty(0, dtype=torch.int64))
    assert WAYS[way](torch.zeros(0, 3), nothing, 2.0)[0].item() == 0.0
    itself = PairPattern(torch.tensor([0, 1]), torch.tensor([0]))
    total, gradient = WAYS[way](torch.zeros(1, 3), itself, 2.0)
    assert total.item() == pytest.approx(np.log(2.0))
    assert gradient.tolist() == [[0.0, 0.0, 0.0]]


def test_a_node_without_pairs_has_no_gradient() -> None:
    pattern = PairPattern(torch.tensor([0, 1, 1]), torch.tensor([0]))
    factor: Tensor = torch.ones(2, 2)
    assert _on_processor(factor, pattern, 1.0)[1][1].tolist() == [0.0, 0.0]


def test_vectors_and_pairs_must_go_together() -> None:
    pattern = PairPattern(torch.tensor([0, 1, 1]), torch.tensor([0]))
    with pytest.raises(ValueError, match="3 vectors, but pairs of 2 nodes"):
        positive_terms(torch.zeros(3, 2), pattern, 1.0)
