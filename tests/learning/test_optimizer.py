from typing import Any

import torch

from vgae.learning.optimizer import Adam


def test_our_adam_is_torchs() -> None:
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, generator=generator) for shape in ((5, 3), (4,))]
    ours, theirs = ([value.clone().requires_grad_() for value in start] for _ in range(2))
    optimizers: tuple[Any, Any] = Adam(list(ours), 0.05), torch.optim.Adam(theirs, lr=0.05)
    for _ in range(50):
        gradients = [torch.randn(value.shape, generator=generator) for value in start]
        for optimizer, values in zip(optimizers, (ours, theirs), strict=True):
            for value, gradient in zip(values, gradients, strict=True):
                value.grad = gradient.clone()
            optimizer.step()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)
    assert all(value.grad is None for value in ours)
