"""The loss and the decoder of signs: against definitions in float64, gradients and extremes."""

import numpy as np
import pytest
import torch
from graphs import graph_of

from vgae.data.graph import Graph
from vgae.ground.errors import InputError
from vgae.model.signs import SignDecoder, SignTargets, log_odds_of_signs


def test_the_loss_is_the_cross_entropy_of_balanced_classes() -> None:
    graph = graph_of("signed", 0)
    targets = SignTargets.from_graph(graph)
    assert graph.weights is not None
    positive = graph.weights > 0
    logits = np.random.default_rng(0).normal(size=graph.n_edges)
    p = 1.0 / (1.0 + np.exp(-logits))
    expected = -(np.log(p[positive]).mean() + np.log(1.0 - p[~positive]).mean()) / 2.0
    assert targets.loss(torch.tensor(logits)).item() == pytest.approx(expected, rel=1e-6)
    assert targets.weights.sum().item() == pytest.approx(1.0)


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_logits_have_a_finite_loss_and_gradient(size: float) -> None:
    targets = SignTargets.from_graph(graph_of("signed", 0))
    logits = torch.full((len(targets.signs),), size, requires_grad=True)
    loss = targets.loss(logits)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(5e3)  # half the weight has the other sign
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_hidden_edges_of_one_sign_and_none_have_a_loss() -> None:
    graph = Graph.from_edges([(0, 1), (1, 2)], weights=[1, 2], kind="signed")
    assert SignTargets.from_graph(graph).loss(torch.zeros(2)).item() == pytest.approx(np.log(2) / 2)
    empty = Graph.from_edges(np.empty((0, 2), int), n_nodes=1, weights=[], kind="signed")
    assert SignTargets.from_graph(empty).loss(torch.zeros(0)).item() == 0.0


def test_logits_are_the_definition_and_gradients_those_of_differences() -> None:
    random = torch.Generator().manual_seed(0)
    decoder = SignDecoder(6, dim=4).double()
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=random, dtype=torch.float64))
    vectors = torch.randn(6, 4, generator=random, dtype=torch.float64, requires_grad=True)
    pairs = torch.tensor([[0, 1], [2, 5], [4, 3], [1, 1]])
    found = decoder(vectors, pairs)
    f, e = vectors.detach().numpy()[:, :2], vectors.detach().numpy()[:, 2:]
    weight, offset = decoder.weight.detach().numpy(), decoder.offset.detach().numpy()
    for place, (i, j) in enumerate(pairs.tolist()):
        alike = (weight[:2] * (f[i] + e[i]) * (f[j] + e[j])).sum()
        apart = (weight[2:] * (f[i] - e[i]) * (f[j] - e[j])).sum()
        expected = alike + apart + offset[i] + offset[j] + decoder.constant.item()
        assert found[place].item() == pytest.approx(expected)
    torch.testing.assert_close(decoder(vectors, pairs.flip(1)), found)
    assert torch.autograd.gradcheck(lambda z: decoder(z, pairs), (vectors,))


@pytest.mark.parametrize(("sign", "only"), [(1.0, "positive"), (-1.0, "negative")])
def test_a_single_sign_is_refused(sign: float, only: str) -> None:
    graph = Graph.from_edges([(0, 1), (1, 2)], weights=[sign, sign], kind="signed")
    with pytest.raises(InputError, match=f"balance: all training edges are {only}, so that"):
        log_odds_of_signs(graph, "balance")
