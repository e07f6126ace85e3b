"""Which pairs of nodes can be edges: in one order or in both, and between which types of nodes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vgae.data.adjacency import pair_codes

__all__ = ["PairSpace"]


@dataclass(frozen=True, eq=False)
class PairSpace:
    """The pairs of nodes that can be edges of a graph; no node is paired with itself.

    `Graph.pair_space` makes one. All code that counts, draws or ranks "all pairs" asks it.

    Attributes
    ----------
    n_nodes
        Number of nodes.
    ordered
        Whether (i, j) and (j, i) are two pairs, as in a directed graph.
    node_types
        The type of each node as a code from 0, shape (n_nodes,); None where types play no part.
    type_pairs
        The types that can be joined, shape (n_type_pairs, 2); of unordered pairs, the smaller type
        comes first. None without types.

    Examples
    --------
    Two users and three items:

    >>> space = PairSpace(5, False, np.array([0, 0, 1, 1, 1]), np.array([[0, 1]]))
    >>> space.n_pairs, space.typed, space.possible(np.array([0])).tolist()
    (6, True, [[False, False, True, True, True]])
    >>> space.allows(np.array([[0, 1], [3, 0]])).tolist()
    [False, True]
    >>> space.every_code().tolist(), space.pairs_of(np.array([3])).tolist()
    ([2, 3, 4, 7, 8, 9], [[0, 3]])
    >>> space.codes(np.array([[3, 0]])).tolist()
    [3]
    >>> space.draw(2, np.random.default_rng(0)).shape, space.type_table.tolist()
    ((2, 2), [[False, True], [True, False]])
    >>> space.n_within(np.array([1, 0, 1, 0, 0], bool), np.array([1, 0, 1, 0, 0], bool))
    1
    >>> [nodes.tolist() for nodes in space.members]
    [[0, 1], [2, 3, 4]]
    >>> PairSpace(5, True).n_pairs, PairSpace(5, True).possible(np.array([0]))
    (20, None)
    """

    n_nodes: int
    ordered: bool = False
    node_types: NDArray[np.int64] | None = None
    type_pairs: NDArray[np.int64] | None = None

    @property
    def typed(self) -> bool:
        """Whether the types of the nodes rule pairs out."""
        return self.node_types is not None

    @cached_property
    def type_table(self) -> NDArray[np.bool_]:
        """Whether a node of one type can have an edge to one of another, shape (n_types, n_types).

        Symmetric for unordered pairs; of shape (1, 1) without types.
        """
        if self.node_types is None or self.type_pairs is None:
            return np.ones((1, 1), dtype=bool)
        n_types = 1 + max(self.node_types.max(initial=-1), self.type_pairs.max(initial=-1), 0)
        table = np.zeros((n_types, n_types), dtype=bool)
        table[tuple(self.type_pairs.T)] = True
        return table if self.ordered else table | table.T

    @cached_property
    def members(self) -> list[NDArray[np.int64]]:
        """The nodes of each type, ascending; one list of all nodes without types."""
        if self.node_types is None:
            return [np.arange(self.n_nodes)]
        return [np.flatnonzero(self.node_types == kind) for kind in range(len(self.type_table))]

    @cached_property
    def _rectangles(self) -> list[tuple[int, int, int]]:
        """Types that can be joined, with the number of their pairs; unordered pairs once."""
        found = []
        for first, second in np.argwhere(self.type_table).tolist():
            if self.ordered or first <= second:
                sizes = len(self.members[first]), len(self.members[second])
                number = sizes[0] * (sizes[1] - (first == second))
                if first == second and not self.ordered:
                    number //= 2
                found.append((first, second, number))
        return found

    @property
    def n_pairs(self) -> int:
        """Number of pairs."""
        return sum(number for *_, number in self._rectangles)

    def n_within(self, sources: NDArray[np.bool_], targets: NDArray[np.bool_]) -> int:
        """Number of pairs from some nodes to others.

        Parameters
        ----------
        sources, targets
            Masks, shape (n_nodes,). They are the same mask for unordered pairs.
        """
        total = 0
        for first, second, _ in self._rectangles:
            left, right = self.members[first], self.members[second]
            n_left, n_right = int(sources[left].sum()), int(targets[right].sum())
            if first != second:
                total += n_left * n_right
            elif self.ordered:
                total += n_left * n_right - int((sources[left] & targets[left]).sum())
            else:
                total += n_left * (n_left - 1) // 2
        return total

    def codes(self, pairs: NDArray[np.signedinteger]) -> NDArray[np.int64]:
        """Code each pair as one number, shape (n_pairs,); see `vgae.data.adjacency.pair_codes`."""
        return pair_codes(pairs, self.n_nodes, directed=self.ordered)

    def pairs_of(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """The pairs of codes, shape (n_pairs, 2)."""
        return np.stack(np.divmod(codes, max(self.n_nodes, 1)), axis=1)

    def allows(self, pairs: NDArray[np.signedinteger]) -> NDArray[np.bool_]:
        """Whether each pair can be an edge, shape (n_pairs,)."""
        apart: NDArray[np.bool_] = pairs[:, 0] != pairs[:, 1]
        if self.node_types is not None:
            source, target = self.node_types[pairs].T
            apart &= self.type_table[source, target]
        return apart

    def possible(self, rows: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        """Which nodes can be the target of an edge from each of some nodes.

        Parameters
        ----------
        rows
            Node indices, shape (n_rows,).

        Returns
        -------
        Shape (n_rows, n_nodes), by type alone: a node's place in its own row means nothing. None
        where every node can be.
        """
        if self.node_types is None:
            return None
        return self.type_table[np.ix_(self.node_types[rows], self.node_types)]

    def targets(self, nodes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number of nodes that can be the target of an edge from each node, shape (n_nodes,).

        Examples
        --------
        >>> PairSpace(4).targets(np.array([2, 0])).tolist()
        [3, 3]
        """
        if self.node_types is None:
            return np.full(len(nodes), self.n_nodes - 1)
        sizes = np.array([len(members) for members in self.members])
        own = self.node_types[nodes]
        found: NDArray[np.int64] = self.type_table[own] @ sizes - self.type_table[own, own]
        return found

    def draw(self, n_wanted: int, random: np.random.Generator) -> NDArray[np.int64]:
        """Draw pairs uniformly with replacement, in any order of their two nodes if unordered.

        Returns
        -------
        Node indices, shape (n_wanted, 2); no pairs where none is possible.
        """
        if not self.typed:
            return _apart(self.n_nodes, n_wanted, random)
        if not self.n_pairs:
            return np.empty((0, 2), dtype=np.int64)
        drawn = np.empty((n_wanted, 2), dtype=np.int64)
        numbers = np.array([number for *_, number in self._rectangles], dtype=float)
        choice = random.choice(len(numbers), size=n_wanted, p=numbers / numbers.sum())
        for place, (first, second, _) in enumerate(self._rectangles):
            own = np.flatnonzero(choice == place)
            left, right = self.members[first], self.members[second]
            if first == second:
                drawn[own] = left[_apart(len(left), own.size, random)]
            elif own.size:
                drawn[own, 0] = random.choice(left, own.size)
                drawn[own, 1] = random.choice(right, own.size)
        return drawn

    def every_code(self) -> NDArray[np.int64]:
        """Codes of all pairs, ascending; for graphs that are small or dense."""
        found = [np.empty(0, np.int64)]
        for first, second, _ in self._rectangles:
            left, right = self.members[first], self.members[second]
            if first == second and not self.ordered:
                pairs = left[np.stack(np.triu_indices(len(left), k=1), axis=1)]
            else:
                pairs = np.stack(np.meshgrid(left, right, indexing="ij"), axis=-1).reshape(-1, 2)
            found.append(self.codes(pairs[pairs[:, 0] != pairs[:, 1]]))
        return np.sort(np.concatenate(found))


def _apart(n_nodes: int, n_pairs: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Pairs of two different nodes, drawn uniformly with replacement."""
    first = random.integers(n_nodes, size=n_pairs if n_nodes > 1 else 0)
    steps = random.integers(1, max(n_nodes, 2), size=len(first))
    return np.stack([first, (first + steps) % max(n_nodes, 1)], axis=1)
