"""Sums over the pairs of nodes whose types can be joined, as rectangles of two types each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from vgae.data.pair_space import PairSpace

__all__ = ["TypedPairs"]

FactorPair = tuple[Tensor, Tensor | None]


@dataclass(frozen=True)
class TypedPairs:
    """The ordered pairs of nodes that can be edges by their types, a node with itself included.

    Each pair of types that can be joined is a rectangle: the nodes of one type times those of the
    other. An unordered pair of nodes is there in both orders, as in a symmetric adjacency. A
    bipartite graph has one rectangle and its mirror image.

    Attributes
    ----------
    members
        The nodes of each type, ascending.
    rectangles
        Types that can be joined, in both orders unless pairs are ordered.
    ordered
        Whether (i, j) and (j, i) can score differently.

    Examples
    --------
    Two users and three items:

    >>> space = PairSpace(5, False, np.array([0, 0, 1, 1, 1]), np.array([[0, 1]]))
    >>> typed = TypedPairs.of(space)
    >>> typed.rectangles, typed.n_cells, typed.own.tolist()
    ([(0, 1), (1, 0)], 12, [])
    >>> vectors = torch.ones(5, 1)
    >>> typed.total((vectors, None), lambda left, right: (left @ right.T).sum()).item()
    12.0
    >>> typed.drawn(torch.tensor([[0.0, 0.9], [0.9, 0.0]])).tolist()
    [[0, 4], [4, 0]]
    >>> typed.to(torch.device("cpu")).members[0].tolist()
    [0, 1]
    """

    members: list[Tensor]
    rectangles: list[tuple[int, int]]
    ordered: bool = False

    @classmethod
    def of(cls, space: PairSpace) -> TypedPairs | None:
        """The pairs of a graph; None where types rule none out, so that every pair counts."""
        if space.node_types is None or space.type_table.all():
            return None
        members = [torch.from_numpy(nodes) for nodes in space.members]
        rectangles = [(first, second) for first, second in np.argwhere(space.type_table).tolist()]
        return cls(members, rectangles, space.ordered)

    def to(self, device: torch.device) -> TypedPairs:
        """Copy the nodes to a device."""
        return replace(self, members=[nodes.to(device) for nodes in self.members])

    @property
    def n_cells(self) -> int:
        """Number of ordered pairs, those of a node with itself included."""
        sizes = [len(nodes) for nodes in self.members]
        return sum(sizes[first] * sizes[second] for first, second in self.rectangles)

    @property
    def own(self) -> Tensor:
        """The nodes that can be joined to others of their own type."""
        return torch.cat(
            [self.members[0][:0]]
            + [self.members[first] for first, second in self.rectangles if first == second]
        )

    def total(
        self, factors: FactorPair, summed: Callable[[Tensor, Tensor | None], Tensor]
    ) -> Tensor:
        """Add up sums over the rectangles; one that is the mirror image of another counts double.

        Parameters
        ----------
        factors
            Two matrices whose inner products are the scores, shape (n_nodes, dim) each; the second
            is None where it equals the first.
        summed
            From the rows of one type and those of the other to the sum over their pairs. The rows
            of the other are None where both are the same.
        """
        left, right = factors
        total = torch.zeros((), dtype=torch.float64, device=left.device)
        for first, second in self.rectangles:
            if not self.ordered and first > second:
                continue
            rows = left[self.members[first]]
            if first == second and right is None:
                total = total + summed(rows, None)
                continue
            columns = (left if right is None else right)[self.members[second]]
            times = 1.0 if self.ordered or first == second else 2.0
            total = total + times * summed(rows, columns)
        return total

    def drawn(self, uniform: Tensor) -> Tensor:
        """Pairs of two different nodes, each of them equally likely, in the order of their types.

        Parameters
        ----------
        uniform
            Uniform numbers from 0 to 1, shape (n_drawn, 2).

        Returns
        -------
        Node indices, shape (n_drawn, 2).
        """
        sizes = [len(nodes) for nodes in self.members]
        widths = [sizes[second] - (first == second) for first, second in self.rectangles]
        areas = [
            sizes[first] * width for (first, _), width in zip(self.rectangles, widths, strict=True)
        ]
        ends = torch.tensor(areas, device=uniform.device).cumsum(0)
        # The first number picks a rectangle and a row in it, and the second a column.
        place = uniform[:, 0].double() * ends[-1]
        which = torch.searchsorted(ends.double(), place, right=True).clamp(max=len(areas) - 1)
        drawn = torch.empty(uniform.shape, dtype=torch.int64, device=uniform.device)
        for number, (first, second) in enumerate(self.rectangles):
            chosen = which == number
            start = int(ends[number]) - areas[number]
            row = ((place[chosen] - start) / max(widths[number], 1)).long()
            row = row.clamp(max=sizes[first] - 1)
            column = (uniform[chosen, 1] * widths[number]).long().clamp(max=widths[number] - 1)
            if first == second:
                column = column + (column >= row)
            drawn[chosen, 0] = self.members[first][row]
            drawn[chosen, 1] = self.members[second][column]
        return drawn
