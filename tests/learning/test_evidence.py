"""Evidence by pairs and by rows, and what each column is."""

import numpy as np
import pytest
from graphs import dense, random_arcs, random_graph
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


def test_users_and_items_have_evidence_of_their_own() -> None:
    rows = [("ann", "tea"), ("ann", "jam"), ("bob", "tea")]
    graph = Graph.from_pairs(rows, kind="bipartite")
    vectors = [np.random.default_rng(hop).normal(size=(4, 3)).astype(np.float32) for hop in (0, 1)]
    found = evidence_of(graph, hops=vectors)
    names = [column.name for column in found.columns]
    assert not [name for name in names if "common neighbours" in name]
    ann, bob, jam = graph.index(["ann", "bob", "jam"])
    row, other = found.table([(bob, jam), (jam, bob)])
    np.testing.assert_allclose(row, other, rtol=1e-5)
    one, two = vectors
    step = row[names.index("learned similarity, 1 step")]
    assert step == pytest.approx(one[bob] @ two[jam] + two[bob] @ one[jam], rel=1e-5)
    assert row[names.index("degree of source of class 1")] == 1.0
    assert row[names.index("degree of target of class 1")] == 1.0
    of_source = names.index("logarithm of degree of source")
    assert found.table([(ann, jam)])[0, of_source] == pytest.approx(np.log(3))
    assert row[names.index("paths of length three, any")] == 1.0


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


# ---------------------------------------------------------------------------- arcs


@pytest.mark.parametrize("features", [FEATURES, None], ids=type)
def test_rows_of_arcs_are_the_weighted_sums_of_the_table(features: object) -> None:
    graph = random_arcs(30, 0.08, seed=3)
    graph = graph if features is None else graph.with_features(features)
    hops, targets = (
        [np.random.default_rng(seed).normal(size=(30, 4)).astype(np.float32)] for seed in (1, 2)
    )
    found = evidence_of(graph, hops=hops, targets=targets, features=graph.features)
    weights = np.random.default_rng(2).normal(size=len(found.columns))
    pairs = np.argwhere(np.ones((30, 30)))
    table = found.table(pairs)
    np.testing.assert_allclose(
        found.weighted_rows(np.arange(30), weights).ravel(), table @ weights, rtol=1e-4, atol=1e-4
    )
    assert {column.group for column in found.columns} <= set(GROUPS)


def test_columns_of_arcs_are_what_the_direction_adds() -> None:
    graph = random_arcs(30, 0.12, seed=5)
    source, target = (
        np.random.default_rng(seed).normal(size=(30, 4)).astype(np.float32) for seed in (1, 2)
    )
    found = evidence_of(graph, hops=[source], targets=[target])
    pairs = np.argwhere(~np.eye(30, dtype=bool))
    table = dict(zip([column.name for column in found.columns], found.table(pairs).T, strict=True))
    arcs = dense(graph)
    out, into = arcs.sum(axis=1), arcs.sum(axis=0)
    weight = np.diag(1.0 / np.maximum(np.count_nonzero(arcs + arcs.T, axis=1), 2))
    i, j = pairs.T
    expected = {
        "learned similarity, 0 hops": (source @ target.T)[i, j],
        "learned similarity, 0 hops, reversed": (source @ target.T)[j, i],
        "the reverse arc is there": arcs[j, i],
        "paths of two arcs, weighted": np.log1p(10 * (arcs @ weight @ arcs)[i, j]),
        "paths of two arcs, reversed, weighted": np.log1p(10 * (arcs @ weight @ arcs)[j, i]),
        "common targets, any": (arcs @ arcs.T)[i, j] > 0,
        "common sources, any": (arcs.T @ arcs)[i, j] > 0,
        "logarithm of out-degree of the source": np.log1p(out[i]),
        "logarithm of out-degree of the target": np.log1p(out[j]),
        "logarithm of in-degree of the source": np.log1p(into[i]),
        "in-degree of the target of class 2": into[j] == 2,
    }
    for name, values in expected.items():
        np.testing.assert_allclose(table[name], values, rtol=1e-5, atol=1e-6, err_msg=name)
    plain = evidence_of(graph.undirected(), hops=[])
    without = dict(
        zip([column.name for column in plain.columns], plain.table(pairs).T, strict=True)
    )
    for name, values in without.items():
        np.testing.assert_allclose(table[name], values, rtol=1e-5, atol=1e-6, err_msg=name)
