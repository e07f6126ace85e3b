"""What lists of items are worth to the users of a bipartite graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vgae.data.split import Split
from vgae.ground.config import stream_seed
from vgae.learning.scores import Scores

__all__ = ["MOST_USERS", "UserRanks", "user_ranks"]

MOST_USERS = 10_000
"""Users whose lists are ranked at most: of more, this many are drawn."""


@dataclass(frozen=True)
class UserRanks:
    """Places of test items in the lists of their users; the metrics are means over users.

    Attributes
    ----------
    users
        The user of each test item, shape (n_items,), ascending.
    ranks
        Place of each test item in the user's list, from 1, shape (n_items,).

    Examples
    --------
    One user with both items at the top, another whose item is in place 4:

    >>> found = UserRanks(np.array([0, 0, 1]), np.array([1, 2, 4]))
    >>> found.recall_at(2), round(found.ndcg_at(4), 3), found.mean_reciprocal_rank()
    (0.5, 0.715, 0.625)
    """

    users: NDArray[np.int64]
    ranks: NDArray[np.int64]

    def recall_at(self, k: int) -> float:
        """Recall@K: the share of a user's test items among the first K."""
        return self._mean((self.ranks <= k).astype(np.float64), self._sizes.astype(np.float64))

    def ndcg_at(self, k: int) -> float:
        """NDCG@K: the sum of 1 / log2(1 + rank) of the test items among the first K.

        It is divided by the largest value that a list could have: all test items first.
        """
        gains = np.where(self.ranks <= k, 1 / np.log2(1 + self.ranks), 0.0)
        most = np.cumsum(1 / np.log2(2 + np.arange(k)))
        return self._mean(gains, most[np.minimum(self._sizes, k) - 1])

    def mean_reciprocal_rank(self) -> float:
        """The mean over users of 1 / rank of the first test item."""
        first = np.full(len(self._sizes), np.inf)
        np.minimum.at(first, self._place, self.ranks)
        return float((1.0 / first).mean())

    @property
    def _place(self) -> NDArray[np.int64]:
        """The number of each item's user, counted from 0."""
        place: NDArray[np.int64] = np.unique(self.users, return_inverse=True)[1]
        return place

    @property
    def _sizes(self) -> NDArray[np.int64]:
        """Number of test items per user."""
        return np.bincount(self._place)

    def _mean(self, gains: NDArray[np.float64], most: NDArray[np.float64]) -> float:
        return float((np.bincount(self._place, gains) / most).mean())


def user_ranks(split: Split, scores: Scores) -> UserRanks:
    """Rank the test items of each user among all items that the user has no known edge to.

    Users are the nodes of the first type. The list of a user holds all items without the user's
    training and validation items; further test items are in it. An item that ties with others
    comes after them, so ties never flatter. Of more than `MOST_USERS` users with test items, that
    many are drawn from a stream of the split's seed, the same for every method.

    Parameters
    ----------
    split
        A split of a bipartite graph, with test pairs.
    scores
        Scores of all pairs.

    Raises
    ------
    InputError
        The graph is not bipartite.

    Examples
    --------
    >>> from vgae.data.graph import Graph
    >>> from vgae.data.split import split_edges
    >>> from vgae.learning.baselines import baseline
    >>> rows = [(f"u{i % 9}", f"i{i * i % 23}") for i in range(60)]
    >>> split = split_edges(Graph.from_pairs(rows, kind="bipartite"), seed=0, test=0.2)
    >>> found = user_ranks(split, baseline("popularity").fit(split.training))
    >>> 0 <= found.recall_at(3) <= found.recall_at(12) == 1
    True
    """
    known = split.training.known
    known.require("metrics per user", ["bipartite"])
    pairs = known.from_first_type(split.test.positives)
    users = np.unique(pairs[:, 0])
    if len(users) > MOST_USERS:
        random = np.random.default_rng(stream_seed(split.seed, "ranked users"))
        users = random.choice(users, MOST_USERS, replace=False)
        pairs = pairs[np.isin(pairs[:, 0], users)]
    above, tied, _ = scores.rivals(pairs, known)
    # Items of one user with as many items above them tie with each other: they follow one another.
    order = np.lexsort((above, pairs[:, 0]))
    user, above, tied = pairs[order, 0], above[order], tied[order]
    is_new = np.append(True, (np.diff(user) != 0) | (np.diff(above) != 0))
    group = np.cumsum(is_new) - 1
    first = np.flatnonzero(is_new)[group]
    n_alike = np.bincount(group)[group]
    ranks = 1 + above + (tied - (n_alike - 1)) + (np.arange(len(user)) - first)
    return UserRanks(user, ranks)
