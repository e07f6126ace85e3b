from typing import Any

import numpy as np
import pytest
import torch
from graphs import dense, random_graph
from scipy import sparse

from vgae.data.graph import Graph
from vgae.model.encoders import EncoderInput, GraphConvolutionEncoder


def encoder(n_inputs: int, *, bias: bool = False) -> GraphConvolutionEncoder:
    return GraphConvolutionEncoder(
        n_inputs, 6, 4, outputs=("mean", "log_std"), bias=bias, generator=torch.Generator()
    ).double()


@pytest.mark.parametrize("kind", ["dense", "sparse", "none"])
def test_layers_are_the_formula(kind: str) -> None:
    graph = random_graph(12, 0.3, seed=1)
    values = np.random.default_rng(0).normal(size=(12, 5)) * (np.arange(5) % 2)
    kinds: dict[str, Any] = {"dense": values, "sparse": sparse.csr_array(values), "none": None}
    features = kinds[kind]
    inputs = EncoderInput.from_graph(graph.with_features(features))
    network = encoder(12 if kind == "none" else 5, bias=True).float()
    for parameter in network.bias.values():
        torch.nn.init.normal_(parameter, generator=torch.Generator())
    found = network(inputs)
    weight = {name: value.detach().numpy() for name, value in network.weight.items()}
    bias = {name: value.detach().numpy() for name, value in network.bias.items()}
    loops = dense(graph) + np.eye(12)
    scale = np.diag(loops.sum(axis=1) ** -0.5)
    mix = scale @ loops @ scale
    x = np.eye(12) if kind == "none" else values
    hidden = np.maximum(mix @ x @ weight["hidden"] + bias["hidden"], 0)
    for name in ("mean", "log_std"):
        expected = mix @ hidden @ weight[name] + bias[name]
        np.testing.assert_allclose(found[name].detach(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_unit_features_have_length_one_or_zero(kind: str) -> None:
    values = np.array([[3.0, 4.0], [0.0, 0.0], [0.0, 2.0]])
    # Without edges, whose products with the adjacency would not be features any more.
    graph = Graph.from_edges(
        [], n_nodes=3, features=sparse.csr_array(values) if kind == "sparse" else values
    )
    features = EncoderInput.from_graph(graph, "unit").features
    assert features is not None
    scaled = features @ torch.eye(2)
    np.testing.assert_allclose(scaled, [[0.6, 0.8], [0.0, 0.0], [0.0, 1.0]], rtol=1e-6)
    assert EncoderInput.from_graph(graph, "none").features is None


def test_the_first_product_is_formed_once_where_that_saves_work() -> None:
    graph = random_graph(30, 0.3, seed=0)
    random = np.random.default_rng(0)
    one_hot = sparse.csr_array(np.eye(30)[:, random.integers(4, size=30)])
    many = sparse.csr_array(random.random((30, 50)))
    for features, once in ((one_hot, True), (many, False), (random.random((30, 4)), True)):
        inputs = EncoderInput.from_graph(graph.with_features(features))
        assert inputs.propagated is once
        weight = torch.randn(features.shape[1], 3, generator=torch.Generator())
        expected = graph.normalized_adjacency() @ (features @ weight.numpy())
        np.testing.assert_allclose(inputs.first_product(weight), expected, rtol=1e-4, atol=1e-5)


def test_initial_weights_are_glorot_uniform_and_draw_from_their_generator_only() -> None:
    before = torch.get_rng_state()
    network = GraphConvolutionEncoder(
        200, 300, 4, outputs=("mean",), bias=False, generator=torch.Generator().manual_seed(1)
    )
    assert torch.equal(torch.get_rng_state(), before)
    weight, bound = network.weight["hidden"], (6 / 500) ** 0.5
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.01)


def test_one_node_alone() -> None:
    graph = Graph.from_edges([], n_nodes=1)
    assert encoder(1).float()(EncoderInput.from_graph(graph))["mean"].shape == (1, 4)
