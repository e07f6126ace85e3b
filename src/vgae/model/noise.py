"""Random numbers of training steps: samples of the posterior, and what dropout leaves out.

No number comes from global random state. `SequentialNoise` is one stream, drawn in the order in
which the steps ask. In `CounterNoise` a number is a function of the seed, the step, the question
within the step, and the node: it does not depend on the device, on what else was drawn, or on which
other nodes are asked for.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, final

import torch
from torch import Tensor

from vgae.ground.config import stream_seed

__all__ = ["NOISES", "CounterNoise", "Noise", "SequentialNoise"]


class Noise(ABC):
    """A source of random numbers for the steps of one fit.

    Examples
    --------
    >>> noise: Noise = NOISES["counter"](0, torch.device("cpu"))
    >>> noise.begin(1)
    >>> noise.normal(3, 2).shape, bool((noise.uniform(4, 1) < 1).all()), noise.seed_here() >= 0
    (torch.Size([3, 2]), True, True)
    >>> noise.restore(noise.state())  # to go on from here later
    >>> with noise.from_row(2):
    ...     noise.normal(1, 2).shape  # the numbers of the third node alone
    torch.Size([1, 2])
    """

    name: ClassVar[str]
    knows_rows: ClassVar[bool] = False
    """Whether the numbers of a row are the same whichever rows are asked for."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self.seed, self.device, self.step = stream_seed(seed, "noise"), device, 0
        self.first_row = 0

    @contextmanager
    def from_row(self, first: int) -> Iterator[None]:
        """Give the numbers of the rows from this one on, as if those before it were asked for too.

        Raises
        ------
        ValueError
            The numbers of a row depend on the rows before it.
        """
        if first and not self.knows_rows:
            raise ValueError(f"noise {self.name} cannot give the numbers of some rows alone")
        before, self.first_row = self.first_row, first
        try:
            yield
        finally:
            self.first_row = before

    def begin(self, step: int) -> None:
        """Begin a step, counted from 1."""
        self.step = step

    @abstractmethod
    def normal(self, n_nodes: int, width: int) -> Tensor:
        """Standard normal numbers, shape (n_nodes, width), float32."""

    @abstractmethod
    def uniform(self, n_nodes: int, width: int) -> Tensor:
        """Numbers from 0 to 1, without 1, shape (n_nodes, width), float32."""

    @abstractmethod
    def seed_here(self) -> int:
        """A seed for random numbers that others draw, such as layers of your own."""

    @abstractmethod
    def state(self) -> Tensor:
        """All that is needed to go on from here."""

    @abstractmethod
    def restore(self, state: Tensor) -> None:
        """Go on from where `state` was taken."""


@final
class SequentialNoise(Noise):
    """One stream of torch's generator: a step draws where the one before it ended.

    Examples
    --------
    >>> noise = SequentialNoise(0, torch.device("cpu"))
    >>> before = noise.state()
    >>> first = noise.normal(2, 2)
    >>> noise.restore(before)
    >>> bool((noise.normal(2, 2) == first).all())
    True
    """

    name: ClassVar[str] = "sequential"

    def __init__(self, seed: int, device: torch.device) -> None:
        super().__init__(seed, device)
        self.generator = torch.Generator(device).manual_seed(self.seed)

    def normal(self, n_nodes: int, width: int) -> Tensor:
        """See `Noise.normal`."""
        return torch.randn((n_nodes, width), generator=self.generator, device=self.device)

    def uniform(self, n_nodes: int, width: int) -> Tensor:
        """See `Noise.uniform`."""
        return torch.rand((n_nodes, width), generator=self.generator, device=self.device)

    def seed_here(self) -> int:
        """See `Noise.seed_here`."""
        highest = 2**62
        drawn = torch.randint(highest, (), generator=self.generator, device=self.device)
        return int(drawn.item())

    def state(self) -> Tensor:
        """See `Noise.state`."""
        state: Tensor = self.generator.get_state()
        return state

    def restore(self, state: Tensor) -> None:
        """See `Noise.restore`."""
        self.generator.set_state(state)


@final
class CounterNoise(Noise):
    """Hashes of counters: the seed, the step, the question within it, the node and the column.

    The hash is the finaliser of SplitMix64 (Steele, Lea & Flood 2014), applied once per counter;
    normal numbers come from pairs of uniform ones (Box & Muller 1958), computed in float64.

    Examples
    --------
    >>> noise = CounterNoise(0, torch.device("cpu"))
    >>> noise.begin(7)
    >>> many = noise.normal(100, 2)
    >>> noise.begin(7)
    >>> bool((noise.normal(3, 2) == many[:3]).all())  # a node's numbers are its own
    True
    """

    name: ClassVar[str] = "counter"
    knows_rows: ClassVar[bool] = True

    def __init__(self, seed: int, device: torch.device) -> None:
        super().__init__(seed, device)
        self.question = 0

    def begin(self, step: int) -> None:
        """See `Noise.begin`."""
        super().begin(step)
        self.question = 0

    def normal(self, n_nodes: int, width: int) -> Tensor:
        """See `Noise.normal`."""
        half = -(-width // 2)
        uniform = self._uniform(n_nodes, 2 * half)
        radius = torch.sqrt(-2.0 * torch.log1p(-uniform[:, :half]))
        angle = 2.0 * math.pi * uniform[:, half:]
        pairs = torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)
        normal: Tensor = pairs[:, :width].to(torch.float32).contiguous()
        return normal

    def uniform(self, n_nodes: int, width: int) -> Tensor:
        """See `Noise.uniform`."""
        # 24 bits: what a float32 holds exactly, so that none is rounded up to 1.
        return (self._bits(n_nodes, width) >> 29).to(torch.float32) * 2.0**-24

    def seed_here(self) -> int:
        """See `Noise.seed_here`."""
        return int(self._bits(1, 1).item())

    def state(self) -> Tensor:
        """See `Noise.state`."""
        return torch.tensor([self.seed, self.step, self.question])

    def restore(self, state: Tensor) -> None:
        """See `Noise.restore`."""
        self.seed, self.step, self.question = (int(number) for number in state)

    def _uniform(self, n_nodes: int, width: int) -> Tensor:
        return self._bits(n_nodes, width).to(torch.float64) * 2.0**-53

    def _bits(self, n_nodes: int, width: int) -> Tensor:
        """53 random bits per node and column."""
        self.question += 1
        key = self.seed
        for counter in (self.step, self.question):
            key = _mixed_int(key ^ _mixed_int(counter))
        numbers = torch.arange(self.first_row, self.first_row + n_nodes, device=self.device)
        rows = _mixed(numbers ^ _signed(key))
        columns = _mixed(torch.arange(1, width + 1, device=self.device))
        return _shifted(_mixed(rows[:, None] ^ columns[None, :]), 11)


GOLDEN, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
WORD = 2**64


def _mixed(value: Tensor) -> Tensor:
    """SplitMix64's step and finaliser, on 64-bit integers that wrap around."""
    value = value + _signed(GOLDEN)
    value = (value ^ _shifted(value, 30)) * _signed(FIRST)
    value = (value ^ _shifted(value, 27)) * _signed(SECOND)
    return value ^ _shifted(value, 31)


def _shifted(value: Tensor, by: int) -> Tensor:
    """Shift right without the sign, which torch would fill in."""
    shifted: Tensor = (value >> by) & (2 ** (64 - by) - 1)
    return shifted


def _mixed_int(value: int) -> int:
    value = (value + GOLDEN) % WORD
    value = ((value ^ (value >> 30)) * FIRST) % WORD
    value = ((value ^ (value >> 27)) * SECOND) % WORD
    return value ^ (value >> 31)


def _signed(value: int) -> int:
    return value - WORD if value >= WORD // 2 else value


NOISES: dict[str, type[Noise]] = {noise.name: noise for noise in (SequentialNoise, CounterNoise)}
"""The sources by name, as in `TrainSettings.noise`."""
