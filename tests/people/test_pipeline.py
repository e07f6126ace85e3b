"""Whole workflows of scikit-learn: classes of nodes, and searches over links and nodes."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import Pipeline

from vgae import NodeVectors
from vgae.data.graph import Graph
from vgae.ground.errors import InputError, NotFittedError
from vgae.people.api import GAE, VGAE


@pytest.fixture(scope="module")
def parties() -> Graph:
    """Two groups of twenty with many links within and few between; string ids and labels."""
    random = np.random.default_rng(0)
    group = np.repeat([0, 1], 20)
    chance = np.where(group[:, None] == group[None, :], 0.4, 0.02)
    source, target = np.nonzero(np.triu(random.random((40, 40)) < chance, k=1))
    ids = [f"n{i:02}" for i in range(40)]
    features = (group[:, None] + random.normal(size=(40, 3))).astype(np.float32)
    edges = np.stack([source, target], axis=1)
    return Graph.from_edges(edges, ids=ids, features=features, labels=group)


def test_a_graphs_nodes_are_a_classifiers_samples(parties: Graph) -> None:
    steps = [("vectors", VGAE(steps=60, latent_dim=4)), ("classes", LogisticRegression())]
    pipe = Pipeline(steps).fit(parties, parties.labels)
    assert parties.labels is not None
    found = pipe.predict(parties)
    assert (found == parties.labels).mean() > 0.9
    other = Graph.from_edges(parties.edges, features=parties.features)  # its ids are others
    np.testing.assert_array_equal(pipe.predict(other), found)
    assert pipe.score(parties, parties.labels) > 0.9
    names = pipe[:-1].get_feature_names_out().tolist()
    assert names == ["vgae0", "vgae1", "vgae2", "vgae3"]


def test_fit_transform_is_the_embedding(parties: Graph) -> None:
    model = GAE(steps=3)
    vectors = model.fit_transform(parties, parties.labels)
    np.testing.assert_array_equal(vectors, GAE(steps=3).fit(parties).embedding_)
    np.testing.assert_array_equal(vectors, model.transform(parties))


def test_a_search_over_links_trains_on_the_folds_pairs_alone(parties: Graph) -> None:
    pairs = parties.ids[parties.edges]
    folds = KFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(GAE(steps=30), {"latent_dim": [4, 16]}, cv=folds, refit=True)
    search.fit(pairs, nodes=parties)
    assert search.best_params_["latent_dim"] in (4, 16)
    assert search.best_estimator_.split_.graph.n_edges == parties.n_edges
    for place, (train, test) in enumerate(folds.split(pairs)):
        apart = parties.with_edges(parties.edges[train])
        for column, dim in enumerate((4, 16)):
            # The held-out edges are nowhere in what this one is given.
            blind = GAE(steps=30, latent_dim=dim).fit(apart)
            expected = search.cv_results_[f"split{place}_test_score"][column]
            assert blind.score(pairs[test]) == expected
    assert search.cv_results_["mean_test_score"].min() > 0.5


def test_nodes_give_nodes_and_no_edges(parties: Graph) -> None:
    pairs = parties.ids[parties.edges[::2]]
    empty = parties.with_edges(np.empty((0, 2), np.int64))
    with_all, with_none = (GAE(steps=5).fit(pairs, nodes=graph) for graph in (parties, empty))
    np.testing.assert_array_equal(with_all.embedding_, with_none.embedding_)
    assert with_all.ids_.tolist() == parties.ids.tolist()
    assert with_all.split_.graph.fingerprint == with_none.split_.graph.fingerprint
    assert with_all.graph_["n_features"] == 3
    with pytest.raises(InputError, match="row 0: node 'zoe' is not in nodes"):
        GAE().fit([("n00", "zoe")], nodes=parties)
    with pytest.raises(InputError, match="give the edges as pairs"):
        GAE().fit(parties, nodes=parties)


def test_what_pairs_with_nodes_lose_is_said(caplog: pytest.LogCaptureFixture) -> None:
    weighted = Graph.from_edges([(0, 1), (1, 2)], weights=[2.0, 3.0])
    GAE(steps=1).fit([(0, 1), (1, 0), (1, 1)], nodes=weighted)
    assert "dropped 1 self loop, merged 1 reversed row" in caplog.text
    assert "weights of its edges are ignored" in caplog.text


def test_score_draws_pairs_that_are_no_edge_anywhere(parties: Graph) -> None:
    model = GAE(steps=30, seed=4).fit(parties)
    held_out = [("n00", "n01")]
    assert model.score(held_out) == model.score(held_out)
    # With one free pair in the whole graph, there is one to draw.
    pairs = np.argwhere(np.triu(np.ones((5, 5)), k=1))
    whole = Graph.from_edges([pair for pair in pairs.tolist() if pair not in ([0, 1], [2, 3])])
    dense = GAE(steps=5).fit(whole)
    z = dense.embedding_.astype(np.float64)
    assert dense.score([(0, 1)]) == float(z[0] @ z[1] > z[2] @ z[3])
    with pytest.raises(InputError, match=r"1 pair without an edge, but 2 are.*score fewer edges"):
        dense.score([(0, 1), (1, 4)])
    with pytest.raises(InputError, match="row 1: .* joins a node with itself"):
        dense.score([(0, 1), (3, 3)])
    with pytest.raises(InputError, match="pairs: none"):
        dense.score([])
    with pytest.raises(InputError, match="node '9' is not in the graph"):
        dense.score([(0, 9)])


def test_nodes_are_cross_validated(parties: Graph) -> None:
    vectors = NodeVectors(parties, model=VGAE(steps=60, latent_dim=4))
    pipe = Pipeline([("vectors", vectors), ("classes", LogisticRegression())])
    assert cross_val_score(pipe, parties.ids, parties.labels, cv=4).mean() > 0.85
    search = GridSearchCV(pipe, {"vectors__model__latent_dim": [2, 4]}, cv=2, error_score="raise")
    search.fit(parties.ids, parties.labels)
    assert search.best_estimator_["vectors"].model_.embedding_.shape[1] in (2, 4)
    assert vectors.model.latent_dim == 4


def test_node_vectors_are_those_of_the_model(parties: Graph) -> None:
    model = GAE(steps=5)
    vectors = NodeVectors(parties, model=model)
    with pytest.raises(NotFittedError, match="this NodeVectors is not fitted"):
        vectors.transform(["n01"])
    found = vectors.fit_transform(["n03", "n01"])
    np.testing.assert_array_equal(found, GAE(steps=5).fit(parties).embedding_[[3, 1]])
    assert not hasattr(model, "embedding_")
    assert vectors.get_feature_names_out().tolist()[:2] == ["gae0", "gae1"]
    with pytest.raises(InputError, match="node 'zoe' is not in the graph"):
        vectors.transform(["zoe"])


def test_node_vectors_are_cloned_with_their_graph(parties: Graph) -> None:
    vectors = NodeVectors(parties, model=GAE(steps=5))
    copied = clone(vectors)
    assert copied.graph is parties
    assert copied.model is not vectors.model
    copied.set_params(model__latent_dim=3)
    assert (copied.model.latent_dim, vectors.model.latent_dim) == (3, 16)
    assert copied.get_params()["model__latent_dim"] == 3
    assert repr(copied) == f"NodeVectors(graph={parties!r}, model=GAE(latent_dim=3, steps=5))"
    with pytest.raises(InputError, match="unknown parameter 'model__dim'|unknown parameter 'dim'"):
        copied.set_params(model__dim=3)
    with pytest.raises(InputError, match="unknown parameter 'graph__x'"):
        copied.set_params(graph__x=3)
    with pytest.raises(InputError, match="is not VGAE"):
        NodeVectors(parties, model="vgae")  # type: ignore[arg-type]


def test_ids_may_come_as_a_column(parties: Graph) -> None:
    vectors = NodeVectors(parties, model=GAE(steps=3)).fit(parties.ids)
    flat = vectors.transform(parties.ids[:4])
    np.testing.assert_array_equal(vectors.transform(parties.ids[:4, None]), flat)
    with pytest.raises(InputError, match=r"ids: shape \(2, 2\) is not"):
        vectors.transform(parties.ids[:4].reshape(2, 2))
