"""One contract for all distributions of embeddings."""

import inspect
from typing import Any

import numpy as np
import pytest
import torch
from noises import GivenNoise
from torch import Tensor
from torch.distributions import Normal

import vgae.model.latents
from vgae.model.latents import LATENTS, Gaussian, Latent
from vgae.model.noise import CounterNoise


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


def test_draws_are_samples_of_the_next_numbers(latent: Latent) -> None:
    noise, same = (CounterNoise(0, torch.device("cpu")) for _ in range(2))
    found = latent.draw(noise, 4)
    assert found.shape == (4, 5, 3)
    for sample in found:
        assert torch.equal(sample, latent.rsample(same.normal(5, 3)))
    numbers = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator())
    assert torch.equal(latent.draw(GivenNoise(numbers))[0], latent.rsample(numbers))
    found.sum().backward()  # type: ignore[no-untyped-call]
    for name in latent.parameters:
        assert getattr(latent, name).grad is not None


def test_the_mean_log_ratio_is_the_divergence(latent: Latent) -> None:
    with torch.no_grad():
        samples = latent.draw(CounterNoise(1, torch.device("cpu")), 5000)
        ratios = torch.stack([latent.log_ratio(sample) for sample in samples])
        assert ratios.shape == (5000, 5)
        error = ratios.std(dim=0) / len(ratios) ** 0.5
        assert ((ratios.mean(dim=0) - latent.kl()).abs() <= 4 * error).all()


def test_sample_by_sample_the_bound_has_a_gradient(latent: Latent) -> None:
    sample = latent.rsample(torch.ones(5, 3, dtype=torch.float64))
    latent.log_ratio(sample).sum().backward()  # type: ignore[no-untyped-call]
    for name in latent.parameters:
        gradient = getattr(latent, name).grad
        assert gradient is not None
        assert torch.isfinite(gradient).all()


def normal(mean: Tensor, log_std: Tensor) -> tuple[Normal, Normal]:
    """A Gaussian posterior and the prior, as torch has them."""
    return Normal(mean, log_std.exp()), Normal(torch.zeros_like(mean), torch.ones_like(mean))


def test_gaussian_kl_and_sample_equal_torch() -> None:
    mean, log_std = torch.randn(2, 40, 7, dtype=torch.float64, generator=torch.Generator())
    ours, (theirs, prior) = Gaussian(mean, log_std), normal(mean, log_std)
    expected = torch.distributions.kl_divergence(theirs, prior).sum(dim=1)
    torch.testing.assert_close(ours.kl(), expected)
    torch.testing.assert_close(ours.std(), theirs.stddev)
    noise = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(1))
    sample = Gaussian(torch.full((200_000, 1), 2.0), torch.full((200_000, 1), -1.0)).rsample(noise)
    assert sample.mean().item() == pytest.approx(2.0, abs=0.01)
    assert sample.std().item() == pytest.approx(np.exp(-1.0), abs=0.01)


def test_gaussian_log_ratio_equals_torch() -> None:
    mean, log_std, sample = torch.randn(3, 40, 7, dtype=torch.float64, generator=torch.Generator())
    theirs, prior = normal(mean, log_std)
    first: Any = theirs.log_prob  # which torch does not type
    second: Any = prior.log_prob
    expected = (first(sample) - second(sample)).sum(dim=1)
    torch.testing.assert_close(Gaussian(mean, log_std).log_ratio(sample), expected)


def test_gaussian_gradients_are_exact() -> None:
    mean, log_std = (
        torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator(), requires_grad=True)
        for _ in range(2)
    )
    noise = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator())
    assert torch.autograd.gradcheck(lambda m, s: Gaussian(m, s).kl(), (mean, log_std))
    assert torch.autograd.gradcheck(lambda m, s: Gaussian(m, s).rsample(noise), (mean, log_std))
    assert torch.autograd.gradcheck(
        lambda m, s: Gaussian(m, s).log_ratio(Gaussian(m, s).rsample(noise)), (mean, log_std)
    )
