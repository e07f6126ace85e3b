"""What the operations of a training step take, on machines that were measured and on others.

`Rates` give the seconds of each kind of operation: those of this machine are measured by
`vgae.learning.machine`, `NOMINAL` stands for two ordinary cores, so that choices which depend on
them are the same everywhere, and `peak_rates` are what a GPU cannot exceed. Nothing here imports
torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["GPUS", "KINDS", "NOMINAL", "Operation", "Peak", "Rates", "peak_rates"]

KINDS = {
    "pair": "a pair of nodes in the sum over all pairs",
    "pair_product": "a multiplication of such a pair's score",
    "entry": "an entry of sparse inputs",
    "entry_product": "a multiplication of such an entry",
    "link": "an entry of the adjacency, in a product along the edges",
    "link_product": "a multiplication of such an entry",
    "edge": "an edge whose term is summed",
    "edge_product": "a multiplication of its score",
    "logistic_edge": "the same with logistic terms, summed in float64",
    "logistic_product": "a multiplication of its score",
    "product": "a multiplication of two dense matrices",
    "number": "a number read or written by an elementwise operation",
    "drawn": "a random number",
    "gathered": "a number of the embedding that a sampled pair reads or whose gradient it adds to",
    "masked": "an edge that a step hides, or keeps, for a mask",
    "step": "all that does not depend on sizes",
}
"""The kinds of operations, and what one of them is."""


class Operation(NamedTuple):
    """Some operations of one kind.

    Attributes
    ----------
    part
        What they belong to: "encoder", "latent", "all pairs", "edges", "optimizer" or "step".
    kind
        One of `KINDS`.
    amount
        How many there are.
    reach
        Bytes among which their operands lie.

    Examples
    --------
    >>> Operation("encoder", "product", 100.0).reach
    0.0
    """

    part: str
    kind: str
    amount: float
    reach: float = 0.0


@dataclass(frozen=True)
class Rates:
    """What operations take, in seconds: for each kind, by the bytes among which operands lie.

    Attributes
    ----------
    seconds
        By kind, pairs of bytes and seconds, ascending. Between two of them, seconds are
        interpolated along the logarithm of the bytes.

    Examples
    --------
    >>> rates = Rates({"number": ((1e3, 1e-9), (1e5, 3e-9))})
    >>> round(rates.of("number", 1e4), 12), rates.of("number", 1e9), rates.of("drawn", 0.0)
    (2e-09, 3e-09, 0.0)
    >>> rates.total([Operation("latent", "number", 1e9)]), rates.by_part([])
    (1.0, {})
    """

    seconds: Mapping[str, Sequence[tuple[float, float]]]

    def of(self, kind: str, reach: float) -> float:
        """Seconds of one operation whose operands lie among so many bytes."""
        points = self.seconds.get(kind, ((0.0, 0.0),))
        (below, first), *more = points
        for above, second in more:
            if reach < above:
                if reach <= below:
                    return first
                share = math.log(reach / below) / math.log(above / below)
                return first + share * (second - first)
            below, first = above, second
        return first

    def by_part(self, work: Iterable[Operation]) -> dict[str, float]:
        """Seconds of operations, by the part that they belong to."""
        found: dict[str, float] = {}
        for part, kind, amount, reach in work:
            found[part] = found.get(part, 0.0) + amount * self.of(kind, reach)
        return found

    def total(self, work: Iterable[Operation]) -> float:
        """Seconds of all operations."""
        return sum(self.by_part(work).values())


NOMINAL = Rates(
    {
        "pair": ((0.0, 1.6e-9),),
        "pair_product": ((0.0, 8e-11),),
        "entry": ((1e6, 2e-9), (1e8, 6e-9)),
        "entry_product": ((1e6, 1.0e-10), (1e8, 4e-10)),
        "link": ((1e6, 2e-9), (1e8, 6e-9)),
        "link_product": ((1e6, 1.0e-10), (1e8, 4e-10)),
        "edge": ((1e6, 6e-9), (1e8, 1.2e-8)),
        "edge_product": ((1e6, 2e-10), (1e8, 6e-10)),
        "logistic_edge": ((1e6, 1.2e-8), (1e8, 2e-8)),
        "logistic_product": ((1e6, 4e-10), (1e8, 8e-10)),
        "product": ((0.0, 2.5e-11),),
        "number": ((1e6, 2e-10), (1e8, 4e-10)),
        "drawn": ((0.0, 6e-9),),
        "gathered": ((1e6, 1e-9), (1e8, 2e-9)),
        "masked": ((0.0, 3e-7),),
        "step": ((0.0, 1e-3),),
    }
)
"""Rates of an ordinary pair of cores, for choices that must not depend on the machine."""


class Peak(NamedTuple):
    """Published peak figures of a GPU, of dense operations.

    Attributes
    ----------
    float32
        Operations a second of the ordinary units.
    tensor
        Operations a second of the tensor cores with TF32.
    bandwidth
        Bytes a second of its memory.
    memory
        Bytes of its memory.

    Examples
    --------
    >>> GPUS["h100"].bandwidth
    3350000000000.0
    """

    float32: float
    tensor: float
    bandwidth: float
    memory: float


GPUS = {
    "h200": Peak(66.9e12, 494.7e12, 4800e9, 141e9),
    "h100": Peak(66.9e12, 494.7e12, 3350e9, 80e9),
    "a100": Peak(19.5e12, 156e12, 2039e9, 80e9),
    "l4": Peak(30.3e12, 60e12, 300e9, 24e9),
}
"""GPUs by name, from NVIDIA's data sheets (SXM modules, and the L4 card)."""

PAIR_INSTRUCTIONS, LAUNCH_SECONDS = 16.0, 5e-4
"""Instructions of the GPU's engine for an ordered pair (see its module), and seconds that the
launches of a step take."""


def peak_rates(peak: Peak) -> Rates:
    """What a GPU takes at its published peak: no step is faster.

    Examples
    --------
    >>> peak_rates(GPUS["h100"]).of("number", 0.0) == 4 / 3350e9
    True
    """
    number = 4.0 / peak.bandwidth
    # Every pair is computed in both orders; float32 takes three tensor products, for the score and
    # for the gradient, of two operations each.
    seconds = {
        "pair": 2.0 * 2.0 * PAIR_INSTRUCTIONS / peak.float32,
        "pair_product": 2.0 * 3.0 * 2.0 * 2.0 / peak.tensor,
        "product": 2.0 / peak.float32,
        "step": LAUNCH_SECONDS,
        "masked": NOMINAL.of("masked", 0.0),  # on the processor
        **dict.fromkeys(("entry", "link", "edge", "logistic_edge"), 2.0 * number),
        **dict.fromkeys(
            ("entry_product", "link_product", "edge_product", "logistic_product"), number
        ),
        **dict.fromkeys(("number", "drawn", "gathered"), number),
    }
    return Rates({kind: ((0.0, value),) for kind, value in seconds.items()})
