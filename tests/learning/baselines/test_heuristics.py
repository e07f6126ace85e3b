"""Every heuristic against the formula, written with dense arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from graphs import dense, random_arcs, random_graph
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.graph import Graph
from vgae.learning.baselines import baseline, heuristics
from vgae.model.kernels.threads import run_items

Dense = NDArray[np.float64]


def common_neighbors(a: Dense) -> Dense:
    return np.array([[sum(a[i] * a[j]) for j in range(len(a))] for i in range(len(a))])


def weighted_neighbors(weight: Callable[[float], float]) -> Callable[[Dense], Dense]:
    def scores(a: Dense) -> Dense:
        degrees = a.sum(axis=0)
        found = np.zeros_like(a)
        for i in range(len(a)):
            for j in range(len(a)):
                shared = [k for k in range(len(a)) if a[i, k] and a[j, k] and i != j]
                found[i, j] = sum(weight(degrees[k]) for k in shared)
        return found

    return scores


def preferential_attachment(a: Dense) -> Dense:
    return np.outer(a.sum(axis=0), a.sum(axis=0))


def katz(a: Dense) -> Dense:
    beta = 0.5 / np.linalg.eigvalsh(a)[-1]
    return np.linalg.inv(np.eye(len(a)) - beta * a) - np.eye(len(a))


def pagerank(a: Dense) -> Dense:
    strength = a.sum(axis=0)
    walk = a / np.where(strength > 0, strength, 1.0)  # column j: where a step from j leads
    found = np.linalg.inv(np.eye(len(a)) - 0.85 * walk)
    return found + found.T


FORMULAS: dict[str, Callable[[Dense], Dense]] = {
    "common-neighbors": common_neighbors,
    "adamic-adar": weighted_neighbors(lambda degree: 1 / np.log(degree)),
    "resource-allocation": weighted_neighbors(lambda degree: 1 / degree),
    "preferential-attachment": preferential_attachment,
    "katz": katz,
    "pagerank": pagerank,
}


@pytest.mark.parametrize("name", FORMULAS)
@given(st.integers(2, 25), st.sampled_from([0.05, 0.2, 0.7, 1.0]), st.integers(0, 99))
def test_equals_the_formula(name: str, n_nodes: int, density: float, seed: int) -> None:
    graph = random_graph(n_nodes, density, seed)
    if graph.n_edges == 0:
        return
    expected = FORMULAS[name](dense(graph))
    scores = baseline(name).fit(graph)
    pairs = np.array([(i, j) for i in range(n_nodes) for j in range(n_nodes) if i != j])
    close: Any = {"rtol": 1e-5, "atol": 1e-7 * expected.max()}
    np.testing.assert_allclose(scores.pairs(pairs), expected[pairs[:, 0], pairs[:, 1]], **close)
    rows = scores.rows(np.arange(n_nodes))
    np.testing.assert_allclose(rows[pairs[:, 0], pairs[:, 1]], scores.pairs(pairs), **close)
    assert scores.vectors is None


@pytest.mark.parametrize("name", ["katz", "pagerank"])
def test_walks_follow_weights(name: str) -> None:
    edges = [(0, 1), (1, 2), (1, 3), (3, 4)]
    graph = Graph.from_edges(edges, weights=[1.0, 100.0, 1.0, 1.0])
    heavy, light = baseline(name).fit(graph).pairs(np.array([[0, 2], [0, 3]]))
    assert heavy > 10 * light
    expected = FORMULAS[name](dense(graph))
    found = baseline(name).fit(graph).rows(np.arange(5))
    mask = ~np.eye(5, dtype=bool)
    np.testing.assert_allclose(found[mask], expected[mask], rtol=1e-5)


@pytest.mark.parametrize("name", ["common-neighbors", "adamic-adar", "resource-allocation"])
def test_neighbourhoods_do_not(name: str) -> None:
    edges = [(0, 1), (1, 2), (0, 3), (3, 2)]
    plain, heavy = (
        baseline(name).fit(Graph.from_edges(edges, weights=weights)).pairs(np.array([[0, 2]]))
        for weights in (None, [5.0, 6.0, 7.0, 8.0])
    )
    assert plain == heavy


@pytest.mark.parametrize("settings", [{"attenuation": 0.1}, {"attenuation": 0.5}])
def test_katz_tells_distances_apart_whatever_the_attenuation(settings: dict[str, float]) -> None:
    path = Graph.from_edges([(i, i + 1) for i in range(14)])
    scores = baseline("katz", **settings).fit(path).pairs(np.array([(0, i) for i in range(1, 15)]))
    assert (np.diff(scores[1:]) < 0).all()
    assert (scores > 0).all()


@pytest.mark.parametrize("degree", [5000, 5001])
def test_large_degrees_are_multiplied_exactly(degree: int) -> None:
    hubs = [(0, 2 + i) for i in range(degree)] + [(1, 2 + i) for i in range(5003)]
    (score,) = (
        baseline("preferential-attachment").fit(Graph.from_edges(hubs)).pairs(np.array([[0, 1]]))
    )
    assert int(score) == degree * 5003


@pytest.mark.parametrize("name", ["katz", "pagerank"])
def test_blocks_of_sources_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = random_graph(40, 0.1, 3)
    pairs = np.random.default_rng(0).integers(40, size=(200, 2))
    whole = baseline(name).fit(graph).pairs(pairs)
    monkeypatch.setattr("vgae.learning.baselines.heuristics._block_columns", lambda _: 3)
    assert np.array_equal(baseline(name).fit(graph).pairs(pairs), whole)


def with_hubs(n_nodes: int, seed: int) -> Graph:
    """Most nodes have few neighbours, some have nearly all."""
    random = np.random.default_rng(seed)
    few = random.integers(n_nodes, size=(2 * n_nodes, 2))
    hubs = np.stack(
        [random.integers(4, size=3 * n_nodes), random.integers(n_nodes, size=3 * n_nodes)]
    )
    return Graph.from_edges(np.concatenate([few, hubs.T]), n_nodes=n_nodes)


@pytest.mark.parametrize("name", ["common-neighbors", "adamic-adar", "resource-allocation"])
@pytest.mark.parametrize(("n_nodes", "n_pairs"), [(7, 0), (200, 1), (3000, 500), (300, 20_000)])
def test_sums_over_neighbours_are_entries_of_the_sparse_product(
    name: str, n_nodes: int, n_pairs: int
) -> None:
    graph = with_hubs(n_nodes, n_pairs)
    weights: dict[str, Callable[[Dense], Dense]] = {
        "common-neighbors": np.ones_like,
        "adamic-adar": lambda degrees: 1 / np.log(degrees),
        "resource-allocation": lambda degrees: 1 / degrees,
    }
    pattern = graph.adjacency.astype(np.float64)
    pattern.data[:] = 1.0
    weight = weights[name](np.maximum(graph.degrees, 2).astype(np.float64))
    product = (pattern @ sparse.diags_array(weight) @ pattern).toarray().astype(np.float32)
    pairs = np.random.default_rng(1).integers(n_nodes, size=(n_pairs, 2))
    scores = baseline(name).fit(graph)
    found = scores.pairs(pairs)
    assert found.dtype == np.float32
    assert np.array_equal(found, product[pairs[:, 0], pairs[:, 1]])
    assert np.array_equal(scores.rows(np.arange(n_nodes)), product)


def counted_terms(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by the number of columns of each term that is added from now on."""
    widths: list[int] = []

    def noting(loop: Any, n_items: int, *arguments: Any, work: float) -> None:
        widths.append(arguments[4].shape[1])
        run_items(loop, n_items, *arguments, work=work)

    monkeypatch.setattr(heuristics, "run_items", noting)
    return widths


@pytest.mark.parametrize(("name", "most"), [("katz", 16), ("pagerank", 20)])
def test_series_end_when_their_rest_is_known(
    name: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = random_graph(120, 0.5, 0)
    widths = counted_terms(monkeypatch)
    found = baseline(name).fit(graph).rows(np.arange(120))
    blocks = -(-120 // heuristics._block_columns(120))
    assert 0 < len(widths) <= blocks * most
    mask = ~np.eye(120, dtype=bool)
    expected = FORMULAS[name](dense(graph))
    np.testing.assert_allclose(found[mask], expected[mask], rtol=1.5e-7)


@pytest.mark.parametrize("name", ["katz", "pagerank"])
def test_series_wait_for_the_farthest_node(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clique, where series end soon, with a path that they have to walk to its end."""
    clique = [(i, j) for i in range(12) for j in range(i)]
    path = [(i, i + 1) for i in range(11, 28)]
    apart = [(40 + i, 40 + j) for i in range(12) for j in range(i)]
    graph = Graph.from_edges([*clique, *path, *apart])
    widths = counted_terms(monkeypatch)
    found = baseline(name).fit(graph).rows(np.arange(graph.n_nodes))
    expected = FORMULAS[name](dense(graph))
    assert (found[:29, :29] > 0).all()
    mask = ~np.eye(graph.n_nodes, dtype=bool)
    np.testing.assert_allclose(found[mask], expected[mask], rtol=1e-3)
    assert min(widths) < graph.n_nodes  # the other clique's series ended before


@pytest.mark.parametrize("name", ["katz", "pagerank", "adamic-adar"])
def test_no_pairs_have_no_scores(name: str) -> None:
    scores = baseline(name).fit(random_graph(20, 0.3, 0))
    assert scores.pairs(np.empty((0, 2), np.int64)).shape == (0,)
    assert scores.rows(np.empty(0, np.int64)).shape == (0, 20)


# ---------------------------------------------------------------------------- arcs


def test_directed_heuristics_follow_the_arcs() -> None:
    graph = random_arcs(40, 0.12, 1)
    arcs = dense(graph)
    out = np.maximum(arcs.sum(axis=1), 1.0)
    every, apart = np.arange(40), ~np.eye(40, dtype=bool)
    expected = {
        "directed-common-neighbors": arcs @ arcs,
        "directed-resource-allocation": arcs @ np.diag(1.0 / out) @ arcs,
        "degree": np.outer(arcs.sum(axis=1), arcs.sum(axis=0)),
    }
    for name, table in expected.items():
        found = baseline(name).fit(graph).rows(every)
        np.testing.assert_allclose(found[apart], table[apart], rtol=1e-6, err_msg=name)


def test_without_directions_they_are_the_undirected_ones() -> None:
    graph = random_graph(40, 0.15, 0)
    for name in ("common-neighbors", "resource-allocation"):
        plain, directed = (
            baseline(prefix + name).fit(graph).rows(np.arange(40)) for prefix in ("", "directed-")
        )
        apart = ~np.eye(40, dtype=bool)  # a node's score with itself means nothing
        np.testing.assert_allclose(directed[apart], plain[apart], rtol=1e-6)
