import numpy as np
import pytest
import torch

import vgae.model.decoders
from vgae.model.decoders import InnerProductDecoder

DECODERS = [InnerProductDecoder()]


def test_every_decoder_is_in_the_contract() -> None:
    names = {name for name in vgae.model.decoders.__all__ if name.endswith("Decoder")}
    assert names == {type(decoder).__name__ for decoder in DECODERS}


@pytest.mark.parametrize("decoder", DECODERS)
def test_pairs_and_all_pairs_agree(
    decoder: InnerProductDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vgae.model.decoders, "CHUNK_PAIRS", 7)
    latent = torch.randn(9, 4, generator=torch.Generator())
    pairs = torch.cartesian_prod(torch.arange(9), torch.arange(9))
    factor = decoder.factor(latent)
    expected = (factor @ factor.T).ravel()
    np.testing.assert_allclose(decoder.logits(latent, pairs), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("decoder", DECODERS)
def test_no_pairs_and_pairs_outside(decoder: InnerProductDecoder) -> None:
    latent = torch.ones(3, 2)
    assert decoder.logits(latent, torch.empty((0, 2), dtype=torch.long)).shape == (0,)
    with pytest.raises(IndexError):
        decoder.logits(latent, torch.tensor([[0, 3]]))


def test_extreme_vectors_give_exact_logits() -> None:
    latent = torch.tensor([[100.0], [-100.0]])
    pairs = torch.tensor([[0, 0], [0, 1]])
    assert InnerProductDecoder().logits(latent, pairs).tolist() == [1e4, -1e4]
