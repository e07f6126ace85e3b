"""Held-out edges with the pairs without an edge that they are ranked against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vgae.data.adjacency import count, index_pairs
from vgae.data.split.negatives import Pairs
from vgae.ground.errors import InputError

__all__ = ["HeldOut"]


@dataclass(frozen=True, init=False)
class HeldOut:
    """Held-out edges, and the pairs without an edge that they are ranked against.

    All arrays are copied, checked and read-only.

    Parameters
    ----------
    positives, negatives
        Node indices, shapes (n_positives, 2) and (n_negatives, 2): pairs with and without an edge.
    groups
        Shape (n_negatives,): for each negative the row of the one positive that is ranked against
        it, so that each positive has its own negatives, at least one. By default every positive is
        ranked against all negatives.

    Raises
    ------
    InputError
        A part does not hold pairs of integers, an index is negative, or a positive has no negative
        of its own.

    Examples
    --------
    >>> HeldOut([(0, 1)], [(0, 2)]).positives.dtype
    dtype('int64')
    >>> bool(HeldOut.nothing())
    False
    >>> each = HeldOut([(0, 1), (1, 2)], [(0, 3), (0, 4), (1, 3)], groups=[0, 0, 1])
    >>> each.negatives[each.groups == 1].tolist()
    [[1, 3]]
    """

    positives: Pairs
    negatives: Pairs
    groups: NDArray[np.int64] | None

    def __init__(
        self, positives: ArrayLike, negatives: ArrayLike, groups: ArrayLike | None = None
    ) -> None:
        for name, pairs in (("positives", positives), ("negatives", negatives)):
            own = np.array(index_pairs(pairs, name), dtype=np.int64, order="C")
            if own.size and own.min() < 0:
                row = int(np.flatnonzero((own < 0).any(axis=1))[0])
                raise InputError(
                    f"{name}, row {row}: {tuple(own[row].tolist())} has a negative node index"
                )
            own.flags.writeable = False
            object.__setattr__(self, name, own)
        made = None if groups is None else self._checked_groups(groups)
        object.__setattr__(self, "groups", made)

    def __bool__(self) -> bool:
        return len(self.positives) > 0

    @classmethod
    def nothing(cls) -> HeldOut:
        """Hold out no pairs."""
        return cls(*(np.empty((0, 2), dtype=np.int64) for _ in range(2)))

    def _checked_groups(self, groups: ArrayLike) -> NDArray[np.int64]:
        n_positives, n_negatives = len(self.positives), len(self.negatives)
        given = np.asarray(groups)
        if given.shape != (n_negatives,) or (given.size and given.dtype.kind not in "iu"):
            raise InputError(
                f"groups: {given.dtype} of shape {given.shape}; give the row of a positive for "
                f"each of the {count(n_negatives, 'negative')}"
            )
        own: NDArray[np.int64] = given.astype(np.int64)  # a copy
        outside = np.flatnonzero((own < 0) | (own >= n_positives))
        if outside.size:
            raise InputError(
                f"groups, row {outside[0]}: {own[outside[0]]} is no row of the "
                f"{count(n_positives, 'positive')}, which are counted from 0"
            )
        alone = np.flatnonzero(np.bincount(own, minlength=n_positives) == 0)
        if alone.size:
            raise InputError(
                f"groups: positive {alone[0]} has no negative of its own "
                f"({count(alone.size, 'such positive')}); give each at least one"
            )
        own.flags.writeable = False
        return own
