"""How edges are held out: proportions, protocol, and the kind of negatives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from vgae.ground.config import Settings

__all__ = ["PAPER_SPLIT", "Negatives", "Order", "Protocol", "SplitSettings"]

Protocol = Literal["T", "TV"]
Negatives = Literal["uniform", "degree", "two-hop", "given"]
Order = Literal["random", "time"]


class SplitSettings(Settings):
    """How edges are held out; the default proportions are the paper's 85 / 5 / 10.

    Examples
    --------
    >>> settings = SplitSettings(validation=0.1, test=0.2, protocol="TV")
    >>> settings.proportions
    {'train': 0.7, 'validation': 0.1, 'test': 0.2}
    >>> settings.sizes(78)
    {'validation': 7, 'test': 15}
    >>> settings.agree(78, {"validation": 8, "test": 16})  # rounded up: still these proportions
    True
    """

    validation: float = Field(
        default=0.05,
        ge=0.0,
        lt=1.0,
        description="Fraction of the edges held out for validation, rounded down to whole edges.",
    )
    test: float = Field(
        default=0.10,
        ge=0.0,
        lt=1.0,
        description="Fraction of the edges held out for the test, rounded down to whole edges.",
    )
    protocol: Protocol = Field(
        default="T",
        description="Messages when test pairs are scored: T, train-only messages; TV, train + "
        "validation messages.",
    )
    negatives: Negatives = Field(
        default="uniform",
        description="Pairs without an edge that held-out edges are ranked against: uniform (all "
        "such pairs alike), degree (in proportion to the product of the two degrees) or two-hop "
        "(all such pairs with a common neighbour in the training graph alike). A split with "
        "negatives of your own says given.",
    )

    order: Order | None = Field(
        default=None,
        description="Which edges are held out: random ones, or, by time, the latest for the test "
        "and those before them for validation. By default time where the edges have times.",
    )

    @property
    def proportions(self) -> dict[str, float]:
        """Fractions of the edges by part, including the training edges."""
        train = round(1.0 - self.validation - self.test, 12)
        return {"train": train, "validation": self.validation, "test": self.test}

    def sizes(self, n_edges: int) -> dict[str, int]:
        """Number of held-out edges by part, for a graph with `n_edges` edges."""
        # The tiny addend undoes binary rounding: 0.05 of 60 edges must be 3, not 2.
        parts = {"validation": self.validation, "test": self.test}
        return {name: int(part * n_edges + 1e-9) for name, part in parts.items()}

    def agree(self, n_edges: int, sizes: Mapping[str, int]) -> bool:
        """Whether held-out sizes are these proportions of `n_edges` edges, up to rounding."""
        shares = self.proportions
        return all(abs(shares[name] * n_edges - size) < 1 - 1e-6 for name, size in sizes.items())

    @classmethod
    def of_sizes(
        cls,
        n_edges: int,
        *,
        validation: int = 0,
        test: int = 0,
        protocol: Protocol = "T",
        negatives: Negatives = "uniform",
    ) -> SplitSettings:
        """Make settings with the true proportions of an existing split.

        Parameters
        ----------
        n_edges
            Number of edges of the whole graph.
        validation, test
            Number of held-out edges.
        protocol, negatives
            As above.

        Raises
        ------
        InputError
            No edge is left to train on.

        Examples
        --------
        >>> SplitSettings.of_sizes(80, validation=4, test=8).proportions
        {'train': 0.85, 'validation': 0.05, 'test': 0.1}
        """
        shares = {"validation": validation / max(n_edges, 1), "test": test / max(n_edges, 1)}
        return cls.parse({**shares, "protocol": protocol, "negatives": negatives}, where="split")


PAPER_SPLIT = SplitSettings()
