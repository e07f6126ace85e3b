"""Lists of items per user: metrics compared with their definitions, ties, and what is refused."""

from typing import Any

import numpy as np
import pytest
from graphs import graph_of

import vgae.learning.lists as lists
from vgae.data.graph import Graph
from vgae.data.split import split_edges
from vgae.ground.errors import InputError
from vgae.learning.evaluation import default_metrics
from vgae.learning.judge import PER_USER, check_metric, link_scores
from vgae.learning.lists import user_ranks
from vgae.learning.scores import FunctionScores, VectorScores


def by_hand(split: Any, table: np.ndarray, k: int) -> dict[str, float]:
    """Lists sorted for each user; of ties, the test items last."""
    graph, known = split.graph, split.training.known
    users = np.flatnonzero(graph.node_types == 0)
    items = np.flatnonzero(graph.node_types == 1)
    test = {tuple(sorted(pair)) for pair in split.test.positives.tolist()}
    taken = {tuple(sorted(pair)) for pair in known.edges.tolist()}
    recalls, gains, firsts = [], [], []
    for user in users.tolist():
        open_ = [item for item in items.tolist() if tuple(sorted((user, item))) not in taken]
        wanted = {item for item in open_ if tuple(sorted((user, item))) in test}
        if not wanted:
            continue
        ranked = sorted(open_, key=lambda item: (-table[user, item], item in wanted))
        ranks = [place + 1 for place, item in enumerate(ranked) if item in wanted]
        recalls.append(sum(rank <= k for rank in ranks) / len(wanted))
        best = sum(1 / np.log2(1 + place) for place in range(1, min(k, len(wanted)) + 1))
        gains.append(sum(1 / np.log2(1 + rank) for rank in ranks if rank <= k) / best)
        firsts.append(1 / min(ranks))
    return {
        f"recall@{k}": float(np.mean(recalls)),
        f"ndcg@{k}": float(np.mean(gains)),
        "mrr_by_user": float(np.mean(firsts)),
    }


@pytest.mark.parametrize("levels", [2, 5, 1000])
@pytest.mark.parametrize("k", [1, 3, 50])
def test_metrics_are_those_of_sorted_lists(levels: int, k: int) -> None:
    split = split_edges(graph_of("bipartite", 7, 40, 300), seed=0, test=0.3, validation=0.1)
    table = np.random.default_rng(0).integers(levels, size=(40, 40)).astype(float)
    table = table + table.T
    scores = FunctionScores(lambda pairs: table[pairs[:, 0], pairs[:, 1]], 40)
    expected = by_hand(split, table, k)
    assert link_scores(split, scores, list(expected)) == pytest.approx(expected)


def test_a_perfect_list_has_one() -> None:
    split = split_edges(graph_of("bipartite", 7, 40, 300), seed=0, test=0.3, validation=0.1)
    scores = FunctionScores(lambda pairs: (split.graph.places(pairs) >= 0) * 1.0, 40)
    found = link_scores(split, scores, ["ndcg@1", "ndcg@10", "mrr_by_user", "recall@40"])
    assert found == {"ndcg@1": 1.0, "ndcg@10": 1.0, "mrr_by_user": 1.0, "recall@40": 1.0}


def test_of_many_users_some_are_ranked(monkeypatch: pytest.MonkeyPatch) -> None:
    split = split_edges(graph_of("bipartite", 7, 40, 300), seed=0, test=0.3)
    scores = VectorScores(np.random.default_rng(0).normal(size=(40, 3)))
    whole = user_ranks(split, scores)
    monkeypatch.setattr(lists, "MOST_USERS", 5)
    some = user_ranks(split, scores)
    assert np.unique(some.users).size == 5
    rows = {(int(u), int(r)) for u, r in zip(whole.users, whole.ranks, strict=True)}
    assert {(int(u), int(r)) for u, r in zip(some.users, some.ranks, strict=True)} <= rows


def test_other_graphs_have_no_users() -> None:
    bipartite = graph_of("bipartite", 0)
    assert set(PER_USER) <= set(default_metrics(bipartite))
    plain = Graph.from_edges(bipartite.edges, n_nodes=24)
    assert not set(PER_USER) & set(default_metrics(plain))
    split = split_edges(plain, seed=0, test=0.2)
    with pytest.raises(InputError, match="metrics per user: takes bipartite graphs"):
        link_scores(split, VectorScores(np.ones((24, 1))), ["recall@5"])
    with pytest.raises(InputError, match="metric recall@0: K must be a whole number from 1"):
        check_metric("recall@0")
