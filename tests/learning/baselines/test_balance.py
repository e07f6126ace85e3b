"""Structural balance, by its definition."""

import numpy as np
import pytest
from graphs import dense, graph_of

from vgae.data.split import split_edges
from vgae.learning.baselines import baseline


@pytest.mark.parametrize("seed", [0, 1])
def test_votes_and_shares_are_the_definition(seed: int) -> None:
    graph = graph_of("signed", seed)
    scores = baseline("balance").fit(graph)
    assert scores.signs is not None
    signs = np.sign(dense(graph))
    near, far = (signs > 0).astype(float), (signs < 0).astype(float)
    positive, number = near @ near + far @ far, abs(signs) @ abs(signs)
    overall = near.sum() / abs(signs).sum()
    share = (near.sum(axis=1) + overall) / (abs(signs).sum(axis=1) + 1.0)
    every = np.argwhere(~np.eye(24, dtype=bool))
    expected = (positive + (share[:, None] + share) / 2.0) / (number + 1.0)
    np.testing.assert_allclose(scores.signs.pairs(every), expected[tuple(every.T)], rtol=1e-12)
    np.testing.assert_array_equal(scores.pairs(every), number[tuple(every.T)])


def test_messages_of_the_protocol_are_read() -> None:
    graph = graph_of("signed", 0, 40, 300)
    found = []
    for protocol in ("T", "TV"):
        split = split_edges(graph, seed=0, validation=0.2, protocol=protocol)
        scores = baseline("balance").fit(split)
        assert scores.signs is not None
        found.append(scores.signs.pairs(split.test.positives))
    assert not np.array_equal(found[0], found[1])
