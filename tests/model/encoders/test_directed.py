"""What is particular to the encoders of directed graphs."""

from typing import Any

import numpy as np
import pytest
import torch
from graphs import dense, random_arcs

from vgae.data.graph import Graph
from vgae.model.encoders import ENCODERS, Propagation
from vgae.model.settings import N_DEGREE_CLASSES, ModelSettings

DIRECTED = ("directed", "directed-multi-hop")


def made(name: str, n_inputs: int, **settings: Any) -> Propagation:
    dim = 316 if name == "directed-multi-hop" else 8
    parsed = ModelSettings.parse({"encoder": name, "latent_dim": dim, **settings})
    return ENCODERS[name](
        parsed, n_inputs, outputs=("mean",), generator=torch.Generator().manual_seed(0)
    )


@pytest.mark.parametrize("name", DIRECTED)
@pytest.mark.parametrize(("out_power", "in_power"), [(0.0, 1.0), (0.2, 0.4), (0.5, 0.5)])
def test_arcs_are_divided_by_powers_of_both_degrees(
    name: str, out_power: float, in_power: float
) -> None:
    graph = random_arcs(20, 0.1, seed=2)
    loops = dense(graph) + np.eye(20)
    out, into = loops.sum(axis=1)[:, None], loops.sum(axis=0)[None, :]
    found = made(name, 20, out_power=out_power, in_power=in_power).adjacency(graph)
    np.testing.assert_allclose(
        found.toarray(), out**-out_power * loops * into**-in_power, rtol=1e-6
    )
    assert found.dtype == np.float32
    assert found.has_sorted_indices


@pytest.mark.parametrize("name", DIRECTED)
def test_the_reversed_graph_exchanges_sources_and_targets(name: str) -> None:
    graph = random_arcs(20, 0.1, seed=3)
    reverse = Graph.from_edges(graph.edges[:, ::-1], n_nodes=20, directed=True)
    encoder, turned = made(name, 20), made(name, 20)
    with torch.no_grad():
        for weight in encoder.weight.values():  # source and target would start equal
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(5)))
        for key, weight in turned.weight.items():
            other = key.replace("source", "x").replace("target", "source").replace("x", "target")
            weight.copy_(encoder.weight[other])
    mean = encoder(encoder.prepare(graph, None))["mean"]
    source, target = mean.chunk(2, dim=1)
    exchanged = turned(turned.prepare(reverse, None))["mean"]
    torch.testing.assert_close(exchanged, torch.cat([target, source], dim=1))
    assert not torch.allclose(source, target)


def test_each_half_has_hops_of_length_one_and_the_class_of_its_degree() -> None:
    graph = Graph.from_edges([(0, node) for node in range(1, 7)], n_nodes=8, directed=True)
    encoder = made("directed-multi-hop", 5)
    x = np.random.default_rng(0).random((8, 5), dtype=np.float32)
    halves = encoder(encoder.prepare(graph, x))["mean"].detach().chunk(2, dim=1)
    for half, classes in zip(
        halves, ([4, 0, 0, 0, 0, 0, 0, 0], [0, 1, 1, 1, 1, 1, 1, 0]), strict=True
    ):
        for hop in half[:, :-N_DEGREE_CLASSES].reshape(8, 3, 50).unbind(1):
            torch.testing.assert_close(hop.norm(dim=1), torch.ones(8))
        expected = torch.zeros(8, N_DEGREE_CLASSES)
        expected[torch.arange(8), torch.tensor(classes)] = 1.0
        assert torch.equal(half[:, -N_DEGREE_CLASSES:], expected)


def test_both_projections_start_equal_and_normal() -> None:
    encoder = made("directed-multi-hop", 700)
    assert torch.equal(encoder.weight["source"], encoder.weight["target"])
    assert encoder.weight["source"] is not encoder.weight["target"]
    assert encoder.weight["source"].std().item() == pytest.approx((2 / 750) ** 0.5, rel=0.02)


@pytest.mark.parametrize("name", DIRECTED)
def test_nodes_without_arcs_and_graphs_without_nodes_are_encoded(name: str) -> None:
    for n_nodes in (0, 1, 3):
        encoder = made(name, 2)
        graph = Graph.from_edges([], n_nodes=n_nodes, directed=True)
        mean = encoder(encoder.prepare(graph, np.zeros((n_nodes, 2), np.float32)))["mean"]
        assert mean.shape == (n_nodes, encoder.settings.latent_dim)
        assert torch.isfinite(mean).all()
