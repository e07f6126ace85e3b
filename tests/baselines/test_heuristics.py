"""Every heuristic against the formula, written with dense arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from graphs import dense, random_graph
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vgae.baselines import baseline
from vgae.graph import Graph

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
    monkeypatch.setattr("vgae.baselines.heuristics.block_rows", lambda _: 3)
    assert np.array_equal(baseline(name).fit(graph).pairs(pairs), whole)
