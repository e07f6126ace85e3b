"""Gradients of the decoders of hops, which are written by hand, in single precision."""

import pytest
import torch

from vgae.model.decoders import DECODERS, Decoder
from vgae.model.settings import ModelSettings


def made(name: str) -> tuple[Decoder, torch.Tensor]:
    encoder, dim = ("multi-hop", 308) if name == "hops" else ("directed-multi-hop", 616)
    settings = ModelSettings.parse({"encoder": encoder, "decoder": name, "latent_dim": dim})
    decoder = DECODERS[name].made(settings, torch.Generator())
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator))
    return decoder, torch.randn(40, dim, generator=generator)


@pytest.mark.parametrize("name", ["hops", "directed-hops"])
def test_gradients_of_many_pairs_are_those_of_the_factors(name: str) -> None:
    """Pairs are summed by compiled loops, and factors by torch."""
    decoder, latent = made(name)
    pairs = torch.randint(40, (500, 2), generator=torch.Generator().manual_seed(1))
    slope = torch.randn(500, generator=torch.Generator().manual_seed(2))
    ours = latent.clone().requires_grad_()
    scores = decoder.pairs(ours, pairs)
    (scores * slope).sum().backward()  # type: ignore[no-untyped-call]
    found = [ours.grad, *(parameter.grad for parameter in decoder.parameters())]
    decoder.zero_grad()
    theirs = latent.clone().requires_grad_()
    factors = decoder.factors(theirs)
    assert factors is not None
    left, right = factors.joined()
    assert right is not None
    expected = (left @ right.T)[tuple(pairs.T)]
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-3)
    (expected * slope).sum().backward()  # type: ignore[no-untyped-call]
    for one, other in zip(
        found, [theirs.grad, *(parameter.grad for parameter in decoder.parameters())], strict=True
    ):
        assert one is not None
        torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-2)


def test_an_arc_reads_the_source_half_of_one_node_and_the_target_half_of_the_other() -> None:
    decoder, latent = made("directed-hops")
    latent.requires_grad_()
    decoder.pairs(latent, torch.tensor([[3, 7]])).sum().backward()  # type: ignore[no-untyped-call]
    assert latent.grad is not None
    rows = {
        (node, half) for node, half in latent.grad.reshape(40, 2, 308).any(dim=2).nonzero().tolist()
    }
    assert rows == {(3, 0), (7, 1)}
