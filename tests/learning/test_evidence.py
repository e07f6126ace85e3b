"""Evidence by pairs and by rows, and what each column is."""

import numpy as np
import pytest
from graphs import random_graph
from scipy import sparse

from vgae.data.graph import Graph
from vgae.learning import evidence as room
from vgae.learning.evidence import GROUPS, Similarity, evidence_of

GRAPH = random_graph(30, 0.08, seed=3)
FEATURES = (np.random.default_rng(0).random((30, 12)) < 0.2).astype(np.float32)


@pytest.mark.parametrize("features", [FEATURES, sparse.csr_array(FEATURES), None], ids=type)
def test_rows_are_the_weighted_sums_of_the_table(features: object) -> None:
    graph = GRAPH if features is None else GRAPH.with_features(features)
    hops = [np.random.default_rng(1).normal(size=(30, 4)).astype(np.float32)]
    found = evidence_of(graph, hops=hops, features=graph.features)
    weights = np.random.default_rng(2).normal(size=len(found.columns))
    pairs = np.stack(np.nonzero(np.ones((3, 30))), axis=1)
    table = found.table(pairs)
    assert table.shape == (90, len(found.columns))
    np.testing.assert_allclose(
        found.weighted_rows(np.arange(3), weights).ravel(), table @ weights, rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(found.table(pairs[:, ::-1]), table, rtol=1e-4, atol=1e-4)
    assert {column.group for column in found.columns} <= set(GROUPS)
    assert np.isfinite(table).all()


def test_columns_say_what_they_are() -> None:
    path = Graph.from_edges([(0, 1), (1, 2)], n_nodes=4)
    found = evidence_of(path, hops=[])
    names = [column.name for column in found.columns]
    apart, near = found.table([(0, 3), (0, 2)])
    assert near[names.index("common neighbours, any")] == 1.0
    assert apart[names.index("common neighbours, any")] == 0.0
    assert apart[names.index("the same component")] == 0.0
    assert near[names.index("the same component")] == 1.0
    assert near[names.index("degree of class 1")] == 2.0
    assert apart[names.index("degree of class 0")] == 1.0
    assert apart[names.index("random walks")] == apart[names.index("paths of length three, any")]
    assert near[names.index("size of the components")] == pytest.approx(2 * np.log(3))


def test_walks_and_features_are_left_out_where_they_take_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = GRAPH.with_features(FEATURES)
    monkeypatch.setattr(room, "MOST_WALK_WORK", 10.0)
    monkeypatch.setattr(room, "MOST_FEATURES", 10.0)
    groups = {column.group for column in evidence_of(graph, hops=[], features=FEATURES).columns}
    assert groups == {"paths", "factorisation", "components", "degree"}


def test_similarities_are_inner_products() -> None:
    vectors = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    scores = Similarity(vectors)
    np.testing.assert_allclose(scores.rows(np.arange(7)), vectors @ vectors.T, rtol=1e-5)
    np.testing.assert_allclose(scores.pairs([(2, 5)]), [vectors[2] @ vectors[5]], rtol=1e-5)
