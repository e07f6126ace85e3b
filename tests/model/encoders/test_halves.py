"""What encoders of two halves share."""

import pytest
import torch

from vgae.model.encoders import ENCODERS, HalvesEncoder
from vgae.model.settings import ModelSettings


@pytest.mark.parametrize("name", ["directed", "signed"])
def test_each_half_has_weights_of_its_own(name: str) -> None:
    settings = ModelSettings(encoder=name, hidden_dim=4, latent_dim=6)  # type: ignore[arg-type]
    encoder = ENCODERS[name](settings, 5, outputs=("mean",), generator=torch.Generator())
    assert isinstance(encoder, HalvesEncoder)
    state = torch.ones(2, 8)
    sent = encoder.messages(1, state)
    with torch.no_grad():
        encoder.weight[f"mean_{encoder.parts[1]}"].zero_()
    turned = encoder.messages(1, state)
    assert torch.equal(turned[:, :3], sent[:, :3])
    assert not turned[:, 3:].any()
    assert sent[:, 3:].any()
