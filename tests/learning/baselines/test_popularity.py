"""Popularity: the degree of the recommended node, for every kind of graph."""

import numpy as np
from graphs import graph_of

from vgae.learning.baselines import baseline


def test_every_user_gets_the_same_list() -> None:
    graph = graph_of("bipartite", 0)
    scores = baseline("popularity").fit(graph)
    users, items = (np.flatnonzero(graph.node_types == kind) for kind in (0, 1))
    found = scores.rows(users)[:, items]
    assert (found == graph.degrees[items]).all()
    pairs = np.stack([users[:3], items[:3]], axis=1)
    assert np.array_equal(scores.pairs(pairs), scores.pairs(pairs[:, ::-1].copy()))


def test_an_arc_is_as_likely_as_its_target_is_popular() -> None:
    graph = graph_of("directed", 0)
    popular = np.bincount(graph.edges[:, 1], minlength=24)
    assert (baseline("popularity").fit(graph).rows(np.arange(24)) == popular).all()


def test_in_an_undirected_graph_both_degrees_count() -> None:
    graph = graph_of("typed", 0)
    degrees = graph.degrees
    found = baseline("popularity").fit(graph).rows(np.arange(24))
    assert (found == degrees[:, None] + degrees[None, :]).all()
