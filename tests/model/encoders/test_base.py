"""What all encoders share: inputs, dropout, lengths, first weights."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from graphs import dense, random_graph
from scipy import sparse
from torch import Tensor

from vgae.data.graph import Graph
from vgae.model.encoders import ENCODERS, EncoderInput, Propagation
from vgae.model.encoders.base import glorot_uniform
from vgae.model.noise import CounterNoise, Noise
from vgae.model.settings import ModelSettings

CPU = torch.device("cpu")
HOPS = {"multi-hop": 14, "directed-multi-hop": 28}
"""Encoders whose embedding has parts, and a width that suits them."""
WITHOUT_HOPS = sorted({*ENCODERS} - {*HOPS})
"""Weights of the others start in another way, and the class of a degree is never zero: see
test_hops.py and test_directed.py."""


def encoder_of(n_inputs: int, *, seed: int = 0, **settings: Any) -> Propagation:
    dim = HOPS.get(settings.get("encoder", ""), 4)
    parsed = ModelSettings.parse({"hidden_dim": 6, "latent_dim": dim, **settings})
    return ENCODERS[parsed.encoder](
        parsed, n_inputs, outputs=("mean",), generator=torch.Generator().manual_seed(seed)
    )


def noise_of(step: int) -> Noise:
    noise = CounterNoise(0, CPU)
    noise.begin(step)
    return noise


def forms(values: Any) -> list[Any]:
    """The same inputs, dense and sparse."""
    return [values.astype(np.float32), sparse.csr_array(values.astype(np.float32))]


# --------------------------------------------------------------------------- inputs


def test_products_are_formed_ahead_where_that_saves_work() -> None:
    graph = random_graph(30, 0.3, seed=0)
    random = np.random.default_rng(0)
    one_hot = sparse.csr_array(np.eye(30)[:, random.integers(4, size=30)].astype(np.float32))
    many = sparse.csr_array(random.random((30, 50)).astype(np.float32))
    few = random.random((30, 4)).astype(np.float32)
    adjacency = graph.normalized_adjacency()
    for features, most, ahead in ((one_hot, 1, 1), (many, 1, 0), (few, 1, 1), (few, 3, 3)):
        inputs = EncoderInput.from_matrices(adjacency, features, ahead=most)
        assert inputs.propagated == ahead
        weight = torch.randn(features.shape[1], 3, generator=torch.Generator())
        found = inputs.projected(weight)
        for _ in range(most - ahead):
            found = inputs.adjacency @ found
        expected = np.linalg.matrix_power(adjacency.toarray(), most) @ (features @ weight.numpy())
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    nothing = EncoderInput.from_matrices(adjacency, None, ahead=3)
    assert nothing.propagated == 0
    assert nothing.projected(weight) is weight


def test_known_nodes_of_another_graph_bring_their_weights_and_others_nothing() -> None:
    adjacency = random_graph(5, 0.5, 0).normalized_adjacency()
    rows = np.array([2, -1, 0, -1, 2])
    weight = torch.arange(6.0).reshape(3, 2)
    inputs = EncoderInput.from_own_weights(adjacency, rows, n_inputs=3)
    assert inputs.n_nodes == 5
    zero = [0.0, 0.0]
    assert inputs.projected(weight).tolist() == [[4.0, 5.0], zero, [0.0, 1.0], zero, [4.0, 5.0]]


@pytest.mark.usefixtures("every_warning")
@pytest.mark.parametrize("name", ENCODERS)
def test_inputs_that_cannot_be_written_to_are_neither_copied_nor_warned_of(name: str) -> None:
    graph = random_graph(9, 0.3, 0).with_features(np.ones((9, 5)))
    assert isinstance(graph.features, np.ndarray)
    assert not graph.features.flags.writeable
    inputs = encoder_of(5, encoder=name).prepare(graph, graph.features)
    shared = np.shares_memory(np.asarray(inputs.features), graph.features)
    assert shared == (inputs.propagated == 0)


# -------------------------------------------------------------------------- dropout


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("sparsely", [False, True])
def test_what_is_left_out_is_a_share_and_the_rest_makes_up_for_it(
    share: float, sparsely: bool
) -> None:
    values = np.random.default_rng(0).uniform(1.0, 2.0, size=(200, 30))
    graph = random_graph(200, 0.2, 0)
    x = forms(values)[sparsely]
    full = EncoderInput.from_matrices(graph.normalized_adjacency(), x)
    thin = full.thinned(share, share, noise_of(1))
    for whole, part in (
        (full.projected(torch.eye(30)), thin.projected(torch.eye(30))),
        (full.adjacency @ torch.eye(200), thin.adjacency @ torch.eye(200)),
    ):
        there = whole != 0
        kept = (part != 0)[there].double().mean().item()
        assert kept == pytest.approx(1 - share, abs=4 * (share * (1 - share) / 6000) ** 0.5)
        torch.testing.assert_close(part[part != 0], (whole / (1 - share))[part != 0])
        assert not (part[~there] != 0).any()


@pytest.mark.parametrize("sparsely", [False, True])
def test_the_mean_over_steps_is_that_without_dropout(sparsely: bool) -> None:
    values = np.random.default_rng(0).normal(size=(8, 3))
    graph = random_graph(8, 0.5, 0)
    full = EncoderInput.from_matrices(graph.normalized_adjacency(), forms(values)[sparsely])
    weight = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    expected = full.adjacency @ full.projected(weight)
    draws = torch.stack(
        [
            thin.adjacency @ thin.projected(weight)
            for thin in (full.thinned(0.4, 0.3, noise_of(step)) for step in range(2000))
        ]
    ).double()
    error = draws.std(dim=0) / len(draws) ** 0.5
    assert ((draws.mean(dim=0) - expected).abs() <= 4.5 * error).all()


def test_where_every_node_is_its_own_input_weights_are_left_out() -> None:
    graph = random_graph(40, 0.2, 0)
    encoder = encoder_of(40, encoder="linear", layers=1, dropout=0.5)
    prepared = encoder.prepare(graph, None)
    with torch.no_grad():
        expected = encoder(prepared)["mean"]
        draws = torch.stack([encoder(prepared, noise_of(step))["mean"] for step in range(2000)])
        error = draws.double().std(dim=0) / 2000**0.5
        assert ((draws.double().mean(dim=0) - expected).abs() <= 4.5 * error + 1e-7).all()
        state = encoder.states(prepared, noise_of(3))[0]
    left_out = (state == 0).all(dim=1)
    assert 8 <= left_out.sum() <= 32  # whole nodes, about half of them
    torch.testing.assert_close(state[~left_out], 2.0 * encoder.first_weight.detach()[~left_out])


def test_the_gradient_passes_through_the_messages_that_are_left() -> None:
    """The matrix and its transpose, by which the gradient is multiplied, lose the same entries."""
    for adjacency in (
        random_graph(20, 0.3, 0).normalized_adjacency(),
        encoder_of(5, encoder="sage").adjacency(random_graph(20, 0.3, 0)),
    ):
        thin = EncoderInput.from_matrices(adjacency, None).thinned(0.0, 0.5, noise_of(1)).adjacency
        matrix = thin @ torch.eye(20)
        assert not torch.equal(matrix, matrix.T)
        values = torch.ones(20, 2, requires_grad=True)
        slope = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
        (thin @ values).backward(slope)  # type: ignore[no-untyped-call]
        torch.testing.assert_close(values.grad, matrix.T @ slope)


@pytest.mark.parametrize("kind", ["dropout", "edge_dropout"])
@pytest.mark.parametrize("name", ENCODERS)
def test_dropout_is_of_training_alone(name: str, kind: str) -> None:
    graph = random_graph(20, 0.3, 0)
    for x in (None, *forms(np.random.default_rng(0).normal(size=(20, 5)))):
        n_inputs = 20 if x is None else 5
        shares: list[dict[str, Any]] = [{kind: 0.0}, {kind: 0.5}]
        plain, dropping = (encoder_of(n_inputs, encoder=name, **share) for share in shares)
        prepared = dropping.prepare(graph, x)
        expected = plain(prepared)["mean"]
        assert torch.equal(dropping(prepared)["mean"], expected)
        first, same, other = (dropping(prepared, noise_of(step))["mean"] for step in (1, 1, 2))
        assert torch.equal(first, same)
        assert not torch.equal(first, other)
        assert not torch.allclose(first, expected)
        assert torch.equal(plain(prepared, noise_of(1))["mean"], expected)
        assert torch.equal(dropping(prepared)["mean"], expected)  # nothing was changed in place


# ----------------------------------------------------------------- lengths of means


@pytest.mark.parametrize("name", WITHOUT_HOPS)
def test_means_have_the_learned_length_and_zeros_stay_zero(name: str) -> None:
    graph = Graph.from_edges([(0, 1), (1, 2)], n_nodes=4)
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    x[3] = 0.0  # a node that has neither links nor inputs
    encoder = encoder_of(5, encoder=name, unit_norm=True)
    with torch.no_grad():
        encoder.log_length.fill_(0.7)
    mean = encoder(encoder.prepare(graph, x))["mean"]
    lengths = torch.linalg.vector_norm(mean, dim=1)
    torch.testing.assert_close(lengths[:3], torch.full((3,), np.exp(0.7), dtype=torch.float32))
    assert mean[3].tolist() == [0.0] * 4
    mean.sum().backward()
    for parameter in encoder.parameters():
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()


@pytest.mark.parametrize("name", WITHOUT_HOPS)
def test_a_mean_of_zero_does_not_stop_the_learning_of_biases(name: str) -> None:
    """Its gradient must not be that of a division by almost nothing."""
    graph = Graph.from_edges([(0, 1), (1, 2)], n_nodes=4)
    x = np.eye(4, 5, dtype=np.float32)
    x[3] = 0.0
    encoder = encoder_of(5, encoder=name, unit_norm=True, bias=True)
    encoder(encoder.prepare(graph, x))["mean"].sum().backward()
    for bias_name, bias in encoder.bias.items():
        if bias_name.startswith("mean"):
            assert bias.grad is not None
            assert bias.grad.abs().max() < 1e3


# ------------------------------------------------------------------ initial weights


@pytest.mark.parametrize("name", ENCODERS)
def test_weights_come_from_their_generator_alone(name: str) -> None:
    def weights(seed: int) -> list[Tensor]:
        return list(encoder_of(9, encoder=name, seed=seed, bias=True, unit_norm=True).parameters())

    before = torch.get_rng_state()
    first = weights(1)
    assert torch.equal(torch.get_rng_state(), before)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        again = weights(1)
    for one, same, other in zip(first, again, weights(2), strict=True):
        assert torch.equal(one, same)
        assert one.ndim < 2 or not torch.equal(one, other)


def test_initial_weights_are_glorot_uniform() -> None:
    weight = glorot_uniform((200, 300), torch.Generator().manual_seed(1))
    bound = (6 / 500) ** 0.5
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.01)
    assert weight.requires_grad


@pytest.mark.parametrize("name", WITHOUT_HOPS)
def test_initial_weights_of_every_encoder_are_glorot_uniform(name: str) -> None:
    encoder = encoder_of(300, encoder=name, hidden_dim=200, latent_dim=200)
    for weight in encoder.weight.values():
        bound = (6 / sum(weight.shape)) ** 0.5
        assert weight.abs().max() <= bound
        assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)


@pytest.mark.parametrize("name", [name for name, kind in ENCODERS.items() if kind.places_new_nodes])
def test_the_adjacency_of_a_graph_is_that_of_its_rows(name: str) -> None:
    """New nodes get their rows from `normalised`, and the training graph from `adjacency`."""
    graph = Graph.from_edges([(0, 1), (1, 2), (2, 3)], weights=[0.5, 2.0, 7.0], n_nodes=5)
    encoder = encoder_of(5, encoder=name)
    weights = dense(graph) + encoder.self_loops * np.eye(5)
    found = encoder.normalised(sparse.csr_array(weights), weights.sum(axis=1)).toarray()
    np.testing.assert_allclose(encoder.adjacency(graph).toarray(), found, rtol=1e-6)
    last = encoder.normalised(sparse.csr_array(weights[3:]), weights.sum(axis=1)).toarray()
    np.testing.assert_array_equal(last, found[3:])


@pytest.mark.parametrize(
    ("name", "kind"),
    [*itertools.product(sorted(ENCODERS), ("undirected", "directed")), ("signed", "signed")],
)
def test_gradients_along_other_edges_use_the_transpose(name: str, kind: Any) -> None:
    random = np.random.default_rng(0)
    pairs = np.argwhere(random.random((12, 12)) < 0.3)
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    signs = random.choice([-1.0, 1.0], size=len(pairs)) if kind == "signed" else None
    graph = Graph.from_edges(pairs, weights=signs, n_nodes=12, kind=kind)
    encoder = encoder_of(12, encoder=name)
    fewer = graph.where(random.random(graph.n_edges) < 0.5)
    adjacency = encoder.along(encoder.prepare(graph, None), fewer).adjacency
    height, width = adjacency.shape
    forward, back = adjacency @ torch.eye(width), adjacency.T @ torch.eye(height)
    assert bool((forward != 0).any())
    torch.testing.assert_close(back, forward.T)
