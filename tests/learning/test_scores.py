import tracemalloc
from typing import Any

import numpy as np
import pytest
import torch
from graphs import dense, random_arcs, random_graph
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.graph import Graph
from vgae.ground.errors import InputError
from vgae.learning import scores as module
from vgae.learning.scores import (
    FunctionScores,
    ModelScores,
    RowProducts,
    Scores,
    VectorScores,
)
from vgae.model.network import GraphAutoEncoder
from vgae.model.settings import DECODERS, ModelSettings


def test_pairs_and_rows_agree_in_both_directions() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(30, 4)).astype(np.float32)
    scores = VectorScores(vectors)
    pairs = random.integers(30, size=(100, 2))
    expected = vectors.astype(np.float64) @ vectors.T
    found = scores.pairs(pairs)
    np.testing.assert_allclose(found, expected[pairs[:, 0], pairs[:, 1]], rtol=1e-5, atol=1e-6)
    assert np.array_equal(found, scores.pairs(pairs[:, ::-1].copy()))
    np.testing.assert_allclose(
        scores.rows(np.array([3, 7])), expected[[3, 7]], rtol=1e-5, atol=1e-6
    )
    assert scores.n_nodes == 30
    assert np.array_equal(scores.vectors, vectors)


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([[-1, 0]], r"pairs, row 0: \(-1, 0\) is outside the 3 nodes 0 .. 2"),
        ([[0, 1], [0, 3]], r"pairs, row 1: \(0, 3\) is outside"),
        ([[[0, 1], [1, 2]]], r"pairs: shape \(1, 2, 2\) is not \(n_pairs, 2\)"),
        ([[0, 1, 2], [1, 2, 0]], "transpose it"),
        ([[0.0, 1.0]], "node indices must be integers"),
        ([["a", "b"]], "node indices must be integers"),
        (np.array([[True, False]]), "node indices must be integers"),
    ],
)
def test_what_are_no_pairs_of_the_graph_is_refused(pairs: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        VectorScores(np.ones((3, 2), dtype=np.float32)).pairs(pairs)


@pytest.mark.parametrize("rows", [[-1], [3], [[0]], [0.0], 1])
def test_what_are_no_nodes_is_refused(rows: Any) -> None:
    with pytest.raises(InputError, match="rows: "):
        VectorScores(np.ones((3, 2), dtype=np.float32)).rows(rows)


@pytest.mark.filterwarnings("error")
def test_lists_narrow_integers_and_read_only_arrays_are_pairs() -> None:
    scores = VectorScores(np.arange(6, dtype=np.float32).reshape(3, 2))
    frozen = np.array([[0, 1], [1, 2]])[:1]
    frozen.flags.writeable = False
    for pairs in ([(0, 1)], np.array([[0, 1]], dtype=np.uint16), frozen):
        assert scores.pairs(pairs).tolist() == [3.0]
    assert scores.rows([1, 1]).shape == scores.rows(np.array([1, 1], np.uint8)).shape == (2, 3)
    assert scores.pairs([]).shape == (0,)


def test_no_pairs_have_no_scores() -> None:
    scores = VectorScores(np.ones((3, 2), dtype=np.float32))
    assert scores.pairs(np.empty((0, 2), dtype=np.int64)).shape == (0,)


def test_a_function_of_pairs_scores_rows_in_blocks_and_both_directions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def function(pairs: Any) -> Any:
        assert (pairs[:, 0] < pairs[:, 1]).all()  # never a node with itself
        asked.append(len(pairs))
        return 10 * pairs[:, 0] + pairs[:, 1]

    monkeypatch.setattr("vgae.learning.scores.PAIRS_AT_ONCE", 4)
    scores = FunctionScores(function, 5)
    pairs = np.array([[0, 4], [4, 0], [3, 1], [2, 2]])
    assert scores.pairs(pairs).tolist() == [4.0, 4.0, 13.0, 0.0]
    assert scores.rows([4, 1]).tolist() == [
        [4.0, 14.0, 24.0, 34.0, 0.0],
        [1.0, 0.0, 12.0, 13.0, 14.0],
    ]
    assert max(asked) == 4
    assert scores.pairs(np.empty((0, 2), dtype=np.int64)).shape == (0,)
    assert scores.vectors is None


def test_infinite_scores_of_a_function_are_scores() -> None:
    scores = FunctionScores(lambda pairs: np.where(pairs[:, 0] == 0, -np.inf, 1.0), 3)
    assert scores.pairs([(0, 1), (1, 2)]).tolist() == [-np.inf, 1.0]


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_open_pairs_that_reach_levels_are_counted_block_by_block(
    monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(module, "block_rows", lambda _: rows)
    graph = Graph.from_edges([(0, 1), (1, 2), (3, 5), (0, 6), (2, 6)])
    function = FunctionScores(lambda pairs: pairs.sum(axis=1) % 5, graph.n_nodes)
    levels = np.array([1.0, 3.0, 4.0])
    known = set(map(tuple, graph.edges.tolist()))
    found = [
        sum(level <= (i + j) % 5 for level in levels)
        for i in range(7)
        for j in range(i + 1, 7)
        if (i, j) not in known
    ]
    counted = function.reaching(levels, graph)
    assert counted.tolist() == np.bincount(found, minlength=4).tolist()


def test_the_best_pairs_are_those_of_a_full_sort(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "block_rows", lambda _: 7)
    graph = random_graph(40, 0.2, seed=0)
    vectors = np.random.default_rng(0).integers(-2, 3, size=(40, 2)).astype(np.float32)  # ties
    table = vectors @ vectors.T
    function = FunctionScores(lambda pairs: table[pairs[:, 0], pairs[:, 1]], 40)
    source, target = np.triu_indices(40, k=1)
    is_open = dense(graph)[source, target] == 0
    source, target = source[is_open], target[is_open]
    order = np.lexsort((target, source, -table[source, target]))
    for k in (0, 1, 13, 200, 10_000):
        for scores in (function, VectorScores(vectors)):
            pairs, values = scores.top(k, graph)
            assert np.array_equal(pairs, np.stack([source, target], axis=1)[order[:k]])
            assert np.array_equal(values, table[source, target][order[:k]])


def test_one_node_has_no_best_pair() -> None:
    graph = Graph.from_edges([], n_nodes=1)
    for scores in (FunctionScores(lambda pairs: pairs[:, 0], 1), VectorScores(np.ones((1, 1)))):
        pairs, values = scores.top(3, graph)
        assert pairs.shape == (0, 2)
        assert len(values) == 0


# -------------------------------------------------------------------- scores of models


@pytest.mark.parametrize("offset", ["none", "constant", "node"])
@pytest.mark.parametrize("decoder", DECODERS)
def test_every_way_to_ask_a_model_gives_the_scores_of_its_decoder(
    decoder: str, offset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "block_rows", lambda _: 7)
    given = {"decoder": decoder, "offset": offset, "latent_dim": 11, "objective": "sampled"}
    by_decoder: dict[str, dict[str, Any]] = {
        "hops": {"encoder": "multi-hop"},
        "directed-inner": {"latent_dim": 12},
        "directed-hops": {"encoder": "directed-multi-hop", "latent_dim": 22},
    }
    settings = ModelSettings.parse(given | by_decoder.get(decoder, {}))
    network = GraphAutoEncoder(settings, n_inputs=30, density=0.1, seed=0)
    if network.offsets is not None:
        with torch.no_grad():
            shape = network.offsets.value.shape
            network.offsets.value.add_(torch.randn(shape, generator=torch.Generator()))
    generator = torch.Generator().manual_seed(0)
    mean, ordered = (
        torch.randn(30, settings.latent_dim, generator=generator),
        network.decoder.ordered,
    )
    scores = ModelScores(network, mean, None)
    graph = random_arcs(30, 0.2, seed=0) if ordered else random_graph(30, 0.2, seed=0)
    source, target = np.nonzero(~np.eye(30, dtype=bool)) if ordered else np.triu_indices(30, k=1)
    every = np.stack([source, target], axis=1)
    with torch.no_grad():
        expected = network.pair_scores(mean, torch.tensor(every)).numpy()
    close: Any = {"rtol": 1e-5, "atol": 5e-6}  # steps sum in float32, searches in float64
    np.testing.assert_allclose(scores.pairs(every), expected, **close)
    turned = scores.pairs(every[:, ::-1])
    assert np.allclose(turned, expected, **close) != ordered
    np.testing.assert_allclose(scores.rows(np.arange(30))[source, target], expected, **close)
    assert np.array_equal(scores.vectors, mean)
    assert scores.n_nodes == 30
    assert (scores.factors is None) == (decoder in ("mlp", "gravity"))

    table = np.full((30, 30), -np.inf)
    table[source, target] = expected
    if not ordered:
        table[target, source] = expected
    table[dense(graph) > 0] = -np.inf
    pairs, values = scores.top(50, graph)
    np.testing.assert_allclose(values, np.sort(table[source, target])[::-1][:50], **close)
    np.testing.assert_allclose(values, table[pairs[:, 0], pairs[:, 1]], **close)
    partners, values = scores.partners(np.array([3, 17]), 4, graph)
    assert partners[:, 0].tolist() == [3] * 4 + [17] * 4
    best = np.concatenate([np.sort(table[node])[::-1][:4] for node in (3, 17)])
    np.testing.assert_allclose(values, best, **close)
    levels = np.quantile(expected, [0.2, 0.5, 0.9]) + 1e-4
    reached = np.searchsorted(levels, table[source, target][table[source, target] > -np.inf])
    counts = scores.reaching(levels, graph)
    assert counts.tolist() == np.bincount(reached, minlength=4).tolist()


def test_scores_of_a_distribution_are_those_of_expected_rates() -> None:
    settings = ModelSettings(likelihood="bernoulli-poisson", rate_link="exp", latent_dim=2)
    network = GraphAutoEncoder(settings, n_inputs=5, density=0.2, seed=0)
    mean, std = torch.randn(5, 2, generator=torch.Generator()), torch.full((5, 2), 0.3)
    assert network.offsets is not None
    constant = network.offsets.amount().item()
    factors = np.exp(mean.numpy() + 0.045) * np.exp(network.log_scale.item())
    expected = factors @ factors.T + constant
    found = ModelScores(network, mean, std).rows(np.arange(5))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_reversed_views_of_pairs_are_scored() -> None:
    pairs = np.array([[0, 1], [2, 3]])[:, ::-1]
    assert VectorScores(np.arange(4.0)[:, None]).pairs(pairs).tolist() == [0.0, 6.0]


def test_products_of_two_sparse_matrices_have_a_direction() -> None:
    random = np.random.default_rng(0)
    left, right = (
        sparse.random_array((9, 5), density=0.4, rng=random, format="csr") for _ in range(2)
    )
    scores = RowProducts(left, right)
    table = (left @ right.T).toarray()
    pairs = np.argwhere(np.ones((9, 9)))
    np.testing.assert_allclose(scores.pairs(pairs).reshape(9, 9), table, rtol=1e-6)
    np.testing.assert_allclose(scores.rows(np.arange(9)), table, rtol=1e-6)


def test_products_of_a_hub_take_memory_for_its_row_once() -> None:
    n_nodes = 4000
    hub = np.zeros((2, n_nodes - 1), np.int64)
    hub[1] = np.arange(1, n_nodes)
    star = sparse.csr_array((np.ones(n_nodes - 1), hub), shape=(n_nodes, n_nodes))
    scores = RowProducts(sparse.csr_array(star + star.T))
    pairs = np.stack([np.zeros(n_nodes, np.int64), np.arange(n_nodes)], axis=1)
    scores.pairs(pairs[:2])  # compiled
    tracemalloc.start()
    try:
        scores.pairs(pairs)
        assert tracemalloc.get_traced_memory()[1] < 100 * n_nodes * 8
    finally:
        tracemalloc.stop()


def test_entries_that_are_there_twice_are_added() -> None:
    twice = sparse.csr_array((np.ones(3), np.array([0, 0, 1]), np.array([0, 2, 3])), shape=(2, 2))
    scores = RowProducts(twice)
    assert scores.pairs([(0, 0), (0, 1)]).tolist() == [4.0, 0.0]
    assert scores.rows([0]).tolist() == [[4.0, 0.0]]
    assert twice.nnz == 3


class Counted(Scores):
    """Scores that count how many pairs they were asked for."""

    vectors = None

    def __init__(self, n_nodes: int) -> None:
        self.n_nodes, self.n_asked = n_nodes, 0

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        self.n_asked += len(pairs)
        found: NDArray[np.float32] = pairs.sum(axis=1).astype(np.float32)
        return found

    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        return (rows[:, None] + np.arange(self.n_nodes)).astype(np.float32)


def test_pairs_that_are_remembered_are_scored_once() -> None:
    scores, one, other = Counted(9), np.array([[0, 1], [2, 3]]), np.array([[4, 5]])
    with scores.remembering(one):
        with scores.remembering(other):
            scores.pairs(one)[:] = 0.0  # which is the caller's own
            assert scores.pairs(one).tolist() == [1.0, 5.0]
            assert scores.pairs(other).tolist() == [9.0]
            assert scores.n_asked == 3
            assert scores.pairs(one.copy()).tolist() == [1.0, 5.0]  # others are not looked for
            assert scores.n_asked == 5
        scores.pairs(one)
        scores.pairs(other)
        assert scores.n_asked == 6
    scores.pairs(one)
    assert scores.n_asked == 8
