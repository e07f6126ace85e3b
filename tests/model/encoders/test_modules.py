"""Any torch module as an encoder."""

from typing import Any

import numpy as np
import pytest
import torch
from graphs import dense, random_graph
from scipy import sparse
from torch import Tensor, nn

from vgae.data.graph import Graph
from vgae.ground.errors import InputError
from vgae.model.encoders import ModuleEncoder
from vgae.model.noise import CounterNoise, Noise

CPU = torch.device("cpu")


class Mean(nn.Module):
    """A linear layer on a node's inputs and those of its neighbours, with dropout."""

    def __init__(self, n_inputs: int = 3, width: int = 2, n_outputs: int = 1) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(n_inputs, width) for _ in range(n_outputs))
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor, edge_index: Tensor) -> Any:
        source, target = edge_index
        x = self.dropout(x)
        heard = x + torch.zeros_like(x).index_add(0, target, x[source])
        found = tuple(layer(heard) for layer in self.layers)
        return found if len(found) > 1 else found[0]


def noise_of(step: int) -> Noise:
    noise = CounterNoise(0, CPU)
    noise.begin(step)
    return noise


@pytest.fixture
def graph() -> Graph:
    features = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    return random_graph(9, 0.4, 0).with_features(features)


def test_a_module_gets_inputs_and_both_directions_of_every_edge(graph: Graph) -> None:
    encoder = ModuleEncoder(Mean(), outputs=("mean",), latent_dim=2)
    for x in (graph.features, sparse.csr_array(graph.features)):
        prepared = encoder.prepare(graph, x)
        assert prepared.x.dtype == torch.float32
        assert prepared.edge_index.dtype == torch.int64
        np.testing.assert_array_equal(prepared.x, graph.features)
        found = np.zeros((9, 9))
        np.add.at(found, tuple(prepared.edge_index.numpy()), 1.0)
        assert np.array_equal(found, dense(graph) > 0)
    with pytest.raises(InputError, match="encoder Mean: takes inputs of the nodes and the graph"):
        encoder.prepare(graph, None)


def test_outputs_are_named_in_their_order(graph: Graph) -> None:
    module = Mean(n_outputs=2)
    encoder = ModuleEncoder(module, outputs=("mean", "log_std"), latent_dim=2)
    prepared = encoder.prepare(graph, graph.features)
    mean, log_std = module.eval()(prepared.x, prepared.edge_index)
    found = encoder(prepared)
    assert torch.equal(found["mean"], mean)
    assert torch.equal(found["log_std"], log_std)
    alone = ModuleEncoder(Mean(), outputs=("mean",), latent_dim=2)
    assert alone(prepared)["mean"].shape == (9, 2)


def test_the_module_is_copied_and_stays_as_it_was(graph: Graph) -> None:
    module = Mean()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    encoder = ModuleEncoder(module, outputs=("mean",), latent_dim=2)
    prepared = encoder.prepare(graph, graph.features)
    encoder(prepared, noise_of(1))["mean"].sum().backward()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(1.0)
    assert all(parameter.grad is None for parameter in module.parameters())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    encoder(prepared)
    assert module.training  # as a new module is


def test_random_layers_follow_the_noise_and_leave_global_state_alone(graph: Graph) -> None:
    encoder = ModuleEncoder(Mean(), outputs=("mean",), latent_dim=2)
    prepared = encoder.prepare(graph, graph.features)
    before = torch.get_rng_state()
    first, same, other = (encoder(prepared, noise_of(step))["mean"] for step in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    plain = encoder(prepared)["mean"]  # dropout is off outside of training
    assert torch.equal(plain, encoder(prepared)["mean"])
    assert not torch.equal(plain, first)


def test_a_gradient_reaches_every_weight(graph: Graph) -> None:
    encoder = ModuleEncoder(Mean(n_outputs=2), outputs=("mean", "log_std"), latent_dim=2)
    found = encoder(encoder.prepare(graph, graph.features), noise_of(1))
    (found["mean"] * found["log_std"]).sum().backward()
    for parameter in encoder.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().max() > 0


class Returns(nn.Module):
    """A module that returns what it is given."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: Tensor, edge_index: Tensor) -> Any:  # noqa: ARG002
        return self.value


@pytest.mark.parametrize(
    ("value", "outputs", "said"),
    [
        (torch.ones(9, 3), ("mean",), r"mean has shape \(9, 3\), not \(9, 2\)"),
        (torch.ones(8, 2), ("mean",), r"mean has shape \(8, 2\), not \(9, 2\)"),
        (torch.ones(9), ("mean",), r"mean has shape \(9,\), not \(9, 2\)"),
        (torch.ones(9, 2), ("mean", "log_std"), r"returned 1 value; .* return \(mean, log_std\)"),
        ((torch.ones(9, 2),) * 2, ("mean",), "returned 2 values; .* must return one tensor"),
        ((torch.ones(9, 2),) * 3, ("mean", "log_std"), "returned 3 values"),
        ((torch.ones(9, 2), torch.ones(9, 1)), ("mean", "log_std"), "log_std has shape"),
        (None, ("mean",), "returned 1 value; forward.* must return one tensor"),
        ("z", ("mean",), "returned 1 value; forward.* must return one tensor"),
    ],
)
def test_what_is_not_one_row_per_node_is_one_clear_line(
    graph: Graph, value: Any, outputs: tuple[str, ...], said: str
) -> None:
    encoder = ModuleEncoder(Returns(value), outputs=outputs, latent_dim=2)
    with pytest.raises(InputError, match=f"^encoder Returns: {said}") as caught:
        encoder(encoder.prepare(graph, graph.features))
    assert "\n" not in str(caught.value)
