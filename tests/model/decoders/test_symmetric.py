"""What is particular to single decoders whose score has no direction."""

from typing import Any

import pytest
import torch

from vgae.model.decoders import DECODERS, CosineDecoder, score_pairs
from vgae.model.settings import LIKELIHOODS, RATES, ModelSettings

ALL_PAIRS = torch.cartesian_prod(torch.arange(9), torch.arange(9))


def test_extreme_vectors_give_exact_scores() -> None:
    latent = torch.tensor([[100.0], [-100.0]])
    pairs = torch.tensor([[0, 0], [0, 1]])
    settings, generator = ModelSettings(latent_dim=1), torch.Generator()
    for name, scores in (("inner", [1e4, -1e4]), ("distance", [0.0, -4e4])):
        assert DECODERS[name].made(settings, generator).pairs(latent, pairs).tolist() == scores
    assert score_pairs(latent, latent, pairs).tolist() == [1e4, -1e4]


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_weights_per_dimension_keep_rates_positive(likelihood: str) -> None:
    settings = ModelSettings.parse(
        {"decoder": "bilinear-diagonal", "likelihood": likelihood, "latent_dim": 11}
    )
    decoder: Any = DECODERS["bilinear-diagonal"].made(settings, torch.Generator())
    latent = torch.rand(9, 11, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        decoder.pairs(latent, ALL_PAIRS), score_pairs(latent, latent, ALL_PAIRS)
    )  # all weights are 1 at first
    with torch.no_grad():
        decoder.weight.sub_(3.0)
    scores = decoder.pairs(latent, ALL_PAIRS)
    assert (scores > 0).all() if likelihood in RATES else (scores < 0).all()


def test_the_temperature_is_learned() -> None:
    decoder = CosineDecoder()
    decoder.pairs(torch.eye(3), torch.tensor([[0, 0], [0, 1]])).sum().backward()  # type: ignore[no-untyped-call]
    assert decoder.log_scale.grad is not None
    assert decoder.log_scale.grad.item() != 0
