"""Random numbers that tests choose."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from vgae.model.noise import Noise


class GivenNoise(Noise):
    """The same standard normal numbers in every step: those of a reference program, or none."""

    name: ClassVar[str] = "given"

    def __init__(self, numbers: Tensor) -> None:
        super().__init__(0, torch.device("cpu"))
        self.numbers = numbers

    def normal(self, n_nodes: int, width: int) -> Tensor:
        assert self.numbers.shape == (n_nodes, width)
        return self.numbers

    def uniform(self, n_nodes: int, width: int) -> Tensor:  # noqa: ARG002
        raise AssertionError("nothing is left out here")

    def seed_here(self) -> int:
        return 0

    def state(self) -> Tensor:
        return self.numbers

    def restore(self, state: Tensor) -> None:
        self.numbers = state
