from typing import Any

import pytest
import torch
from torch import Tensor

from vgae.learning.optimizer import Adam

SHAPES = ((5, 3), (4,), ())


def weights() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in SHAPES]


def moved(values: list[Tensor], optimizer: Any, n_steps: int, *, first: int = 0) -> None:
    """Take steps along gradients that depend on the number of the step alone."""
    for number in range(first, first + n_steps):
        generator = torch.Generator().manual_seed(number)
        for value in values:
            value.grad = torch.randn(value.shape, generator=generator)
        optimizer.step()


def test_our_adam_is_torchs() -> None:
    ours, theirs = weights(), weights()
    moved(ours, Adam(ours, 0.05), 50)
    moved(theirs, torch.optim.Adam(theirs, lr=0.05), 50)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)
    assert all(value.grad is None for value in ours)


@pytest.mark.parametrize("decay", [1e-4, 0.3])
def test_weight_decay_is_that_of_torch(decay: float) -> None:
    ours, theirs, without = weights(), weights(), weights()
    moved(ours, Adam(ours, 0.05, decay), 50)
    moved(theirs, torch.optim.Adam(theirs, lr=0.05, weight_decay=decay), 50)
    moved(without, Adam(without, 0.05), 50)
    for a, b, c in zip(ours, theirs, without, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)
        assert not torch.equal(a, c)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_it_goes_on_from_its_state(decay: float) -> None:
    whole, parted = weights(), weights()
    moved(whole, Adam(whole, 0.05, decay), 10)
    first = Adam(parted, 0.05, decay)
    moved(parted, first, 4)
    later = Adam(parted, 0.05, decay)
    later.restore(first.state())
    moved(parted, later, 6, first=4)
    assert all(torch.equal(a, b) for a, b in zip(whole, parted, strict=True))


def test_a_weight_without_a_gradient_stays_and_does_not_count_the_step() -> None:
    values = weights()
    before = values[1].clone()
    optimizer = Adam(values, 0.05)
    for value in (values[0], values[2]):
        value.grad = torch.ones_like(value)
    optimizer.step()
    assert torch.equal(values[1], before)
    assert [number.item() for number in optimizer.n_steps] == [1.0, 0.0, 1.0]
    assert not torch.equal(values[0], weights()[0])
