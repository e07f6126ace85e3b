"""Which pairs a sum is over, and what each of them adds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

__all__ = ["PairPattern", "PairTerm", "TermKind"]

TermKind = Literal["logistic", "rate", "count", "square"]


@dataclass(frozen=True)
class PairPattern:
    """The ordered pairs of a sum: a pattern of n_rows x n_columns in CSR form.

    It is square for a whole graph: symmetric for the edges of an undirected one, and need not be
    for arcs.

    Attributes
    ----------
    row_starts
        Where the columns of each row start, shape (n_rows + 1,).
    columns
        The second node of each pair, ascending within a row, shape (n_pairs,), of the same type.
    width
        The number of columns; None where there are as many as rows.

    Examples
    --------
    An edge between two nodes, in both directions, and the second node with itself:

    >>> pattern = PairPattern(torch.tensor([0, 1, 3]), torch.tensor([1, 0, 1]))
    >>> pattern.to(torch.device("cpu")).columns.tolist()
    [1, 0, 1]
    >>> turned, places = pattern.transposed
    >>> turned.columns.tolist(), places.tolist()  # (0, 1) and (1, 0) change places
    ([1, 0, 1], [1, 0, 2])
    >>> PairPattern(torch.tensor([0, 1]), torch.tensor([2]), width=3).n_columns
    3
    """

    row_starts: Tensor
    columns: Tensor
    width: int | None = None

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return len(self.row_starts) - 1 if self.width is None else self.width

    def to(self, device: torch.device) -> PairPattern:
        """Copy the pattern to a device."""
        return PairPattern(self.row_starts.to(device), self.columns.to(device), self.width)

    @cached_property
    def transposed(self) -> tuple[PairPattern, Tensor]:
        """The pairs with their ends exchanged, and the place of each in this pattern.

        The values of this pattern's pairs, taken at the places, are those of the exchanged pairs.
        """
        n_rows = len(self.row_starts) - 1
        row_starts, columns = (part.cpu().numpy() for part in (self.row_starts, self.columns))
        places = np.arange(len(columns), dtype=columns.dtype)
        matrix = sparse.csr_array(
            (places, columns, row_starts), shape=(n_rows, self.n_columns)
        ).tocsc()
        device = self.columns.device
        starts, rows, found = (
            torch.from_numpy(part.astype(columns.dtype)).to(device)
            for part in (matrix.indptr, matrix.indices, matrix.data)
        )
        return PairPattern(starts, rows, None if self.width is None else n_rows), found


@dataclass(frozen=True)
class PairTerm:
    """What an edge adds to a sum in which every pair is counted as a pair without an edge.

    With s the score of a pair, w the weight of an edge and a its target:

    ========  =======================================  =======================================
    kind      term                                     likelihood of an edge
    ========  =======================================  =======================================
    logistic  w softplus(-s) - softplus(s)             sigmoid(s)
    rate      -w log(1 - exp(-s)) - s                  1 - exp(-s), for s > 0
    count     w (s - a log s) - s                      Poisson with mean s > 0, without log a!
    square    w (a - s)^2 - s^2                        normal around s
    ========  =======================================  =======================================

    Attributes
    ----------
    kind
        The name of the term.
    pos_weight
        Weight w of an edge relative to a pair without one, above 0.
    targets
        Target a of each pair of the pattern, shape (n_pairs,); None means 1. Only "count" and
        "square" have targets.

    Raises
    ------
    ValueError
        The kind is unknown or has no targets, or the weight is not a positive number.

    Examples
    --------
    >>> term = PairTerm("count", 1.0, torch.tensor([3.0, 3.0]))
    >>> term.kind, term.pos_weight, term.targets.tolist()
    ('count', 1.0, [3.0, 3.0])
    """

    kind: TermKind
    pos_weight: float
    targets: Tensor | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(TermKind):
            raise ValueError(f"{self.kind!r} is none of {', '.join(get_args(TermKind))}")
        if not 0.0 < self.pos_weight < math.inf:
            raise ValueError(f"the weight of an edge is {self.pos_weight}, not above 0")
        if self.targets is not None and self.kind not in ("count", "square"):
            raise ValueError(f"a {self.kind} term has no targets")
