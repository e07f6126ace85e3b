"""What is particular to the encoder of the preset strong."""

import numpy as np
import pytest
import torch

from vgae.data.graph import Graph
from vgae.model.encoders import MultiHopEncoder
from vgae.model.encoders.hops import degree_classes
from vgae.model.settings import N_DEGREE_CLASSES, ModelSettings


def made(n_inputs: int, **settings: object) -> MultiHopEncoder:
    parsed = ModelSettings.parse({"encoder": "multi-hop", "latent_dim": 308, **settings})
    return MultiHopEncoder(
        parsed, n_inputs, outputs=("mean",), generator=torch.Generator().manual_seed(0)
    )


def test_every_hop_has_length_one_and_the_class_of_the_degree_follows() -> None:
    graph = Graph.from_edges([(0, node) for node in range(1, 7)], n_nodes=8)
    encoder = made(5)
    x = np.random.default_rng(0).random((8, 5), dtype=np.float32)
    mean = encoder(encoder.prepare(graph, x))["mean"].detach()
    for hop in mean[:, :-N_DEGREE_CLASSES].reshape(8, 3, 100).unbind(1):
        torch.testing.assert_close(hop.norm(dim=1), torch.ones(8))
    expected = torch.zeros(8, N_DEGREE_CLASSES)
    expected[torch.arange(8), torch.tensor([4, 1, 1, 1, 1, 1, 1, 0])] = 1.0
    assert torch.equal(mean[:, -N_DEGREE_CLASSES:], expected)


def test_a_node_without_inputs_has_zero_hops_not_nan() -> None:
    encoder = made(2)
    graph = Graph.from_edges([], n_nodes=2)
    mean = encoder(encoder.prepare(graph, np.array([[1, 0], [0, 0]], np.float32)))["mean"]
    assert torch.isfinite(mean).all()
    assert not mean[1, :-N_DEGREE_CLASSES].any()


def test_projections_start_normal_with_the_variance_of_glorot() -> None:
    weight = made(700).first_weight
    assert weight.std().item() == pytest.approx((2 / 800) ** 0.5, rel=0.02)


def test_classes_of_degrees_double() -> None:
    degrees = torch.arange(70)
    counts = torch.bincount(degree_classes(degrees), minlength=N_DEGREE_CLASSES)
    assert counts.tolist() == [1, 1, 1, 2, 4, 8, 16, 37]
