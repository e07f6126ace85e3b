"""What encoders share whose embedding has two halves with weights of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from vgae.model.encoders.base import Propagation

__all__ = ["HalvesEncoder"]


class HalvesEncoder(Propagation):
    """Graph convolutions whose states have two halves side by side, each with its own weights.

    A subclass says what each half receives of what both send (`adjacency` and `passed`). Each half
    is half as wide as `latent_dim`, and each hidden state of it as wide as `hidden_dim`.

    Examples
    --------
    >>> from vgae.data.graph import Graph
    >>> from vgae.model.encoders import DirectedEncoder
    >>> from vgae.model.settings import ModelSettings
    >>> settings = ModelSettings(encoder="directed", hidden_dim=4, latent_dim=6)
    >>> encoder: HalvesEncoder = DirectedEncoder(
    ...     settings, 2, outputs=("mean",), generator=torch.Generator()
    ... )
    >>> {name: tuple(weight.shape) for name, weight in encoder.weight.items()}
    {'hidden_source': (2, 4), 'hidden_target': (2, 4), 'mean_source': (4, 3), 'mean_target': (4, 3)}
    >>> encoder.parts, encoder.first_weight.shape, len(encoder.shapes(9))
    (('source', 'target'), torch.Size([2, 8]), 4)
    >>> sent = encoder.messages(1, torch.ones(2, 8))
    >>> encoder.update(1, sent, sent, sent) is sent
    True
    >>> encoder.read([sent], torch.ones(2, 2))["mean"].shape
    torch.Size([2, 6])
    """

    parts: ClassVar[tuple[str, str]]
    """What the two halves are called in the names of weights."""
    places_new_nodes = False

    def shapes(self, n_inputs: int) -> dict[str, tuple[int, int]]:
        """See `Propagation.shapes`."""
        hidden, half = self.settings.hidden_dim, self.settings.latent_dim // 2
        found: dict[str, tuple[int, int]] = {}
        width = n_inputs
        for level in range(self.n_rounds):
            names = self._names(level)
            out = half if level == self.n_rounds - 1 else hidden
            found |= {f"{name}_{part}": (width, out) for name in names for part in self.parts}
            width = hidden
        return found

    @property
    def first_weight(self) -> Tensor:
        """See `Propagation.first_weight`: what the first halves send, then the second ones."""
        return torch.cat(self._sides(0), dim=1)

    def messages(self, level: int, state: Tensor) -> Tensor:
        """See `Propagation.messages`: each half times its weight, but for the first round."""
        if level == 0:
            return state
        halves = zip(state.chunk(2, dim=1), self._sides(level), strict=True)
        return torch.cat([half @ weight for half, weight in halves], dim=1)

    def update(self, level: int, received: Tensor, state: Tensor, first: Tensor) -> Tensor:  # noqa: ARG002
        """See `Propagation.update`."""
        if level == self.n_rounds - 1:
            return received
        (name,) = self._names(level)
        activated = torch.relu(self._both_biased(name, received.chunk(2, dim=1)))
        return activated + state if self.settings.residual and level else activated

    def read(self, states: Sequence[Tensor], n_links: Tensor) -> dict[str, Tensor]:  # noqa: ARG002
        """See `Propagation.read`: the first half of each output, then its second half."""
        halves = [half.chunk(len(self.outputs), dim=1) for half in states[-1].chunk(2, dim=1)]
        return {
            name: self._both_biased(name, parts)
            for name, *parts in zip(self.outputs, *halves, strict=True)
        }

    def _both_biased(self, name: str, parts: Sequence[Tensor]) -> Tensor:
        named = zip(self.parts, parts, strict=True)
        return torch.cat([self._with_bias(f"{name}_{part}", half) for part, half in named], dim=1)

    def _names(self, level: int) -> tuple[str, ...]:
        if level == self.n_rounds - 1:
            return self.outputs
        return ("hidden" if level == 0 else f"hidden{level + 1}",)

    def _sides(self, level: int) -> list[Tensor]:
        """The weights of what the first halves send in a round, and of what the second ones do."""
        return [
            torch.cat([self.weight[f"{name}_{part}"] for name in self._names(level)], dim=1)
            for part in self.parts
        ]
