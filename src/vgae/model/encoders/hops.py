"""The encoder that the preset strong uses: where the neighbours of each distance point."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from vgae.model.encoders.base import Propagation
from vgae.model.lengths import unit_rows
from vgae.model.settings import N_DEGREE_CLASSES

__all__ = ["MultiHopEncoder", "degree_classes"]

FIRST_LOG_STD = -4.0
"""Where log_std starts: coordinates of unit vectors are small, and the prior's spread is not."""


@final
class MultiHopEncoder(Propagation):
    """Directions of a projection of the inputs after 0, 1, 2, ... propagations, side by side.

    H = unit(X W), mean = [unit(H), unit(A H), unit(A^2 H), ..., degree class], where unit scales
    each row to length one. Nothing in it is non-linear but the lengths, as in simplified graph
    convolutions (Wu et al. 2019), and no hop hides another, as in jumping knowledge (Xu et al.
    2018). The degree class is a one among zeros: the number of links of the node in the message
    graph, by `degree_classes`. With h the width of a hop, latent_dim is h times the number of hops,
    which is one more than `layers`, plus the number of classes.

    Examples
    --------
    >>> from vgae.model.settings import ModelSettings
    >>> settings = ModelSettings(encoder="multi-hop", layers=1, latent_dim=14)
    >>> encoder = MultiHopEncoder(settings, 3, outputs=("mean",), generator=torch.Generator())
    >>> encoder.shapes(5), encoder.first_weight.shape, encoder.biased(["projection", "mean"])
    ({'projection': (5, 3)}, torch.Size([3, 3]), [])
    >>> encoder.initial("projection", (5, 3), torch.Generator()).shape
    torch.Size([5, 3])
    >>> sent = encoder.messages(0, torch.tensor([[3.0, 4.0, 0.0]]))
    >>> sent.tolist()
    [[0.6000000238418579, 0.800000011920929, 0.0]]
    >>> found = encoder.read([sent, sent], torch.tensor([2]))["mean"]
    >>> encoder.update(0, sent, sent, sent) is sent, found.shape, found[0, 6:].tolist()
    (True, torch.Size([1, 14]), [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    """

    name: ClassVar[str] = "multi-hop"

    def shapes(self, n_inputs: int) -> dict[str, tuple[int, int]]:
        """See `Propagation.shapes`."""
        width = (self.settings.latent_dim - N_DEGREE_CLASSES) // self.settings.n_hops
        others = [name for name in self.outputs if name != "mean"]
        return {"projection": (n_inputs, width)} | dict.fromkeys(
            others, (width, self.settings.latent_dim)
        )

    def biased(self, names: Iterable[str]) -> list[str]:
        """See `Propagation.biased`: directions have no biases."""
        return [name for name in names if name not in ("projection", "mean")]

    def initial(self, name: str, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """See `Propagation.initial`: normal, with the variance of Glorot & Bengio (2010)."""
        if name != "projection":
            return super().initial(name, shape, generator)
        return torch.randn(shape, generator=generator) * math.sqrt(2.0 / sum(shape))

    @property
    def first_weight(self) -> Tensor:
        """See `Propagation.first_weight`."""
        weight: Tensor = self.weight["projection"]
        return weight

    def messages(self, level: int, state: Tensor) -> Tensor:
        """See `Propagation.messages`: the direction of the projection, then the state itself."""
        return unit_rows(state) if level == 0 else state

    def update(self, level: int, received: Tensor, state: Tensor, first: Tensor) -> Tensor:  # noqa: ARG002
        """See `Propagation.update`: what was received."""
        return received

    def read(self, states: Sequence[Tensor], n_links: Tensor) -> dict[str, Tensor]:
        """See `Propagation.read`: directions of all states; other outputs from the last."""
        classes = one_hot(degree_classes(n_links), N_DEGREE_CLASSES).to(states[0].dtype)
        found = {"mean": torch.cat([*map(unit_rows, states), classes], dim=1)}
        for name in self.outputs:
            if name != "mean":
                found[name] = FIRST_LOG_STD + states[-1] @ self.weight[name]
        return found


def degree_classes(degrees: Tensor) -> Tensor:
    """Class of each degree: 0, 1, 2, 3-4, 5-8, 9-16, 17-32, 33 or more.

    Parameters
    ----------
    degrees
        Numbers of links, int64, shape (n_nodes,).

    Examples
    --------
    >>> degree_classes(torch.tensor([0, 1, 2, 3, 4, 5, 32, 33, 900])).tolist()
    [0, 1, 2, 3, 3, 4, 6, 7, 7]
    """
    bounds = torch.tensor([0, *(2**power for power in range(N_DEGREE_CLASSES - 2))])
    return torch.bucketize(degrees, bounds.to(degrees.device))
