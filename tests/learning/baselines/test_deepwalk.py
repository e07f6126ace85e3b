import logging
from importlib.util import find_spec

import numpy as np
import pytest
from graphs import vectors_of

from vgae.data.graph import Graph
from vgae.ground.errors import InputError
from vgae.learning.baselines import baseline
from vgae.learning.baselines.deepwalk import DeepWalk
from vgae.learning.metrics import roc_auc
from vgae.learning.scores import Scores

SMALL = DeepWalk(latent_dim=8, walk_length=20)


def communities(n_isolated: int = 0) -> Graph:
    """Four rings of dense links, tied in a chain."""
    edges = [
        (20 * c + i, 20 * c + (i + s) % 20) for c in range(4) for i in range(20) for s in (1, 3)
    ]
    edges += [(20 * c, 20 * c + 20) for c in range(3)]
    return Graph.from_edges(edges, n_nodes=80 + n_isolated)


def auc(scores: Scores, graph: Graph) -> float:
    edges = graph.edges
    random = np.random.default_rng(0).permutation(edges.ravel()).reshape(-1, 2)
    strangers = random[random[:, 0] // 20 != random[:, 1] // 20]
    return roc_auc(scores.pairs(edges), scores.pairs(strangers))


@pytest.mark.parametrize("settings", [{}, {"negative_samples": 5}, {"p": 0.5, "q": 2.0}])
def test_neighbours_score_above_strangers(settings: dict[str, float]) -> None:
    graph = communities()
    model = baseline("deepwalk", latent_dim=8, walk_length=20, epochs=3, **settings)
    assert auc(model.fit(graph, seed=0), graph) > 0.95


def test_a_seed_gives_the_same_vectors_to_the_bit() -> None:
    graph = communities()
    first, again, other = (vectors_of(SMALL.fit(graph, seed=seed)) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_isolated_nodes_survive_with_the_vector_zero() -> None:
    # Ids that are no longer the ranks of gensim's vocabulary, which takes integers for ranks.
    graph = communities(n_isolated=5)
    renamed = np.random.default_rng(0).permutation(85)
    shuffled = Graph.from_edges(renamed[graph.edges], n_nodes=85)
    vectors = vectors_of(SMALL.fit(shuffled, seed=0))
    assert vectors.shape == (85, 8)
    isolated = shuffled.degrees == 0
    assert (vectors[isolated] == 0).all()
    assert (np.abs(vectors[~isolated]).sum(axis=1) > 0).all()


def test_gensim_is_silent(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.CRITICAL):
        SMALL.fit(Graph.from_edges([(0, 1)]), seed=0)
    assert capfd.readouterr() == ("", "")


def test_a_missing_package_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "vgae.learning.baselines.deepwalk.find_spec",
        lambda name: None if name == "gensim" else find_spec(name),
    )
    with pytest.raises(InputError, match=r"needs the package gensim; install vgae\[baselines\]"):
        SMALL.fit(communities())
