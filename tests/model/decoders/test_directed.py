"""Masses, distances and halves of the embedding: decoders of arcs."""

import pytest
import torch

from vgae.model.decoders import DECODERS
from vgae.model.settings import ModelSettings

ARCS = [name for name, kind in DECODERS.items() if kind.ordered]


def test_decoders_of_arcs_are_known_as_such() -> None:
    assert ARCS == ["directed-inner", "gravity", "gravity-squared", "directed-hops"]


@pytest.mark.parametrize("name", ["gravity", "gravity-squared"])
def test_the_heavier_node_attracts_and_the_nearer_too(name: str) -> None:
    settings = ModelSettings.parse({"decoder": name, "objective": "sampled"})
    decoder = DECODERS[name].made(settings, torch.Generator())
    latent = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 3.0], [2.0, 0.0, 3.0]])
    there, back, far = decoder.pairs(latent, torch.tensor([[0, 1], [1, 0], [0, 2]])).tolist()
    assert there - back == pytest.approx(2.0)  # the difference of the masses
    assert there > far


def test_nodes_in_the_same_place_have_a_finite_pull() -> None:
    settings = ModelSettings(decoder="gravity", objective="sampled", latent_dim=3)
    decoder = DECODERS["gravity"].made(settings, torch.Generator())
    latent = torch.zeros(2, 3, requires_grad=True)
    score = decoder.pairs(latent, torch.tensor([[0, 1]]))
    assert score.item() == pytest.approx(4.60517, abs=1e-4)  # -log 0.01
    score.sum().backward()  # type: ignore[no-untyped-call]
    assert latent.grad is not None
    assert latent.grad.tolist() == [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]


@pytest.mark.parametrize("name", ["gravity", "gravity-squared"])
def test_the_weight_of_the_distance_is_learned_and_positive(name: str) -> None:
    settings = ModelSettings.parse({"decoder": name, "objective": "sampled"})
    decoder = DECODERS[name].made(settings, torch.Generator())
    latent = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    decoder.pairs(latent, torch.tensor([[0, 1], [2, 3]])).sum().backward()  # type: ignore[no-untyped-call]
    (log_weight,) = decoder.parameters()
    assert log_weight.grad is not None
    assert log_weight.grad.item() != 0.0
    assert log_weight.exp().item() == 1.0
