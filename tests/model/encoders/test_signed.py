"""What is particular to the encoder of signed graphs."""

import numpy as np
import pytest
import torch
from graphs import graph_of

from vgae.data.graph import Graph
from vgae.model.encoders import ENCODERS, Propagation
from vgae.model.settings import ModelSettings


def made(n_inputs: int) -> Propagation:
    parsed = ModelSettings(encoder="signed", latent_dim=8, bias=True)
    return ENCODERS["signed"](
        parsed, n_inputs, outputs=("mean",), generator=torch.Generator().manual_seed(0)
    )


def test_turning_all_edges_at_a_node_exchanges_its_halves_where_both_sides_are_alike() -> None:
    """Balance: a node and its opposite differ in which half is which (a switch of the node)."""
    x = np.random.default_rng(0).random((3, 4), dtype=np.float32)
    x[2] = x[0]
    # Nodes 0 and 2 are alike, but that node 1 is the friend of the one and the foe of the other.
    graph = Graph.from_edges([(0, 1), (1, 2)], weights=[1, -1], kind="signed")
    encoder = made(4)
    with torch.no_grad():
        for name in ("hidden", "mean"):
            encoder.weight[f"{name}_foes"].copy_(encoder.weight[f"{name}_friends"])
        mean = encoder(encoder.prepare(graph, x))["mean"]
    friends, foes = mean.chunk(2, dim=1)
    assert not torch.allclose(friends[0], friends[2])
    torch.testing.assert_close(friends, foes)  # as both halves start from the same inputs


def test_sizes_of_negative_weights_count_and_their_sign_decides_the_part() -> None:
    graph = Graph.from_edges([(0, 1), (0, 2), (1, 2)], weights=[4, -1, -9], kind="signed")
    both = made(3).adjacency(graph).toarray()
    near, far = both[:3], both[3:]
    friends = np.array([[0.2, 0.8, 0.0], [0.8, 0.2, 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(near, friends, rtol=1e-6)
    one, other = 1 / 10**0.5, 9 / 90**0.5
    expected = np.array([[0.0, 0.0, one], [0.0, 0.0, other], [one, other, 0.0]])
    np.testing.assert_allclose(far, expected, rtol=1e-6)


@pytest.mark.parametrize("n_nodes", [0, 1, 3])
def test_graphs_without_edges_are_encoded(n_nodes: int) -> None:
    graph = Graph.from_edges(np.empty((0, 2), int), n_nodes=n_nodes, weights=[], kind="signed")
    encoder = made(2)
    mean = encoder(encoder.prepare(graph, np.ones((n_nodes, 2), np.float32)))["mean"]
    assert mean.shape == (n_nodes, 8)
    assert torch.isfinite(mean).all()


def test_links_are_counted_by_sign() -> None:
    graph = graph_of("signed", 3)
    encoder = made(2)
    friends, foes = encoder.links(encoder.prepare(graph, np.ones((24, 2), np.float32)))
    dense = graph.adjacency.toarray()
    assert friends.tolist() == (dense > 0).sum(axis=1).tolist()
    assert foes.tolist() == (dense < 0).sum(axis=1).tolist()
