import inspect

import numpy as np
import pytest
import torch

import vgae.model.latents
from vgae.model.latents import LATENTS, Gaussian, Latent


@pytest.fixture(params=sorted(LATENTS))
def latent(request: pytest.FixtureRequest) -> Latent:
    family = LATENTS[request.param]
    generator = torch.Generator().manual_seed(0)
    values = {
        name: torch.randn(5, 3, generator=generator, dtype=torch.float64, requires_grad=True)
        for name in family.parameters
    }
    return family(**values)


def test_every_latent_is_in_the_contract() -> None:
    found = {
        kind
        for _, kind in inspect.getmembers(vgae.model.latents, inspect.isclass)
        if issubclass(kind, Latent) and kind is not Latent
    }
    assert found == set(LATENTS.values())


def test_shapes_and_sample_at_zero_noise(latent: Latent) -> None:
    assert latent.kl().shape == (5,)
    std = latent.std()
    assert std is None or std.shape == (5, 3)
    assert torch.equal(latent.rsample(torch.zeros(5, 3, dtype=torch.float64)), latent.mean)


def test_kl_is_never_negative(latent: Latent) -> None:
    assert (latent.kl() >= 0).all()


def test_gaussian_kl_and_sample_equal_torch() -> None:
    mean, log_std = torch.randn(2, 40, 7, dtype=torch.float64, generator=torch.Generator())
    ours = Gaussian(mean, log_std)
    theirs = torch.distributions.Normal(mean, log_std.exp())
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    expected = torch.distributions.kl_divergence(theirs, prior).sum(dim=1)
    torch.testing.assert_close(ours.kl(), expected)
    torch.testing.assert_close(ours.std(), theirs.stddev)
    noise = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(1))
    sample = Gaussian(torch.full((200_000, 1), 2.0), torch.full((200_000, 1), -1.0)).rsample(noise)
    assert sample.mean().item() == pytest.approx(2.0, abs=0.01)
    assert sample.std().item() == pytest.approx(np.exp(-1.0), abs=0.01)


def test_gaussian_gradients_are_exact() -> None:
    mean, log_std = (
        torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator(), requires_grad=True)
        for _ in range(2)
    )
    noise = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator())
    assert torch.autograd.gradcheck(lambda m, s: Gaussian(m, s).kl(), (mean, log_std))
    assert torch.autograd.gradcheck(lambda m, s: Gaussian(m, s).rsample(noise), (mean, log_std))
