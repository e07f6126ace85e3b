"""The optimiser for all models that are trained with gradient steps."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

__all__ = ["Adam"]


@final
class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1) with the usual constants.

    Creating a `torch.optim.Adam` imports torch's compiler: 800 modules, a second and 64 MB in every
    process that fits. This class calls the same operation as its `fused=True`: one pass over all
    weights, on any device. The tests compare the results.

    Parameters
    ----------
    parameters
        The tensors to train.
    learning_rate
        Step size.
    weight_decay
        Half of this times the squared weights is added to the loss, as `torch.optim.Adam` does.

    Examples
    --------
    >>> weight = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = Adam([weight], learning_rate=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> round(weight.item(), 4)
    0.9
    >>> optimizer.restore(optimizer.state())  # the moments, to go on from later
    """

    def __init__(
        self, parameters: list[Tensor], learning_rate: float, weight_decay: float = 0.0
    ) -> None:
        self.parameters = parameters
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.first = [torch.zeros_like(parameter) for parameter in parameters]
        self.second = [torch.zeros_like(parameter) for parameter in parameters]
        self.n_steps = [torch.zeros((), device=parameter.device) for parameter in parameters]

    @torch.no_grad()
    def step(self) -> None:
        """Take one step along the gradients, and clear them."""
        moved = [
            (weight, weight.grad, *state)
            for weight, *state in zip(
                self.parameters, self.first, self.second, self.n_steps, strict=True
            )
            if weight.grad is not None
        ]
        weights, gradients, first, second, n_steps = (
            list(part) for part in zip(*moved, strict=True)
        )
        torch._foreach_add_(n_steps, 1)
        torch._fused_adam_(
            weights,
            gradients,
            first,
            second,
            [],
            n_steps,
            lr=self.learning_rate,
            beta1=0.9,
            beta2=0.999,
            weight_decay=self.weight_decay,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )
        for weight in weights:
            weight.grad = None

    def state(self) -> list[list[Tensor]]:
        """First and second moments and numbers of steps, each one per parameter."""
        return [self.first, self.second, self.n_steps]

    def restore(self, state: list[list[Tensor]]) -> None:
        """Take over what `state` gave."""
        self.first, self.second, self.n_steps = ([*part] for part in state)
