"""Counted operations and bytes: they agree with the arrays that a network holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from graphs import random_graph
from scipy import sparse

from vgae.data.graph import Graph
from vgae.data.kinds import Kind
from vgae.ground.errors import InputError
from vgae.learning.fitting import untrained
from vgae.learning.settings import FitSettings
from vgae.model.costs import Sizes, exchanged_bytes, memory_bytes, n_weights, operations
from vgae.model.rates import KINDS, NOMINAL
from vgae.model.settings import ModelSettings


def amount(sizes: Sizes, kind: str, **settings: object) -> float:
    work = operations(sizes, ModelSettings.parse(settings))
    return sum(found.amount for found in work if found.kind == kind)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"latent": "point", "encoder": "linear"},
        {"encoder": "sage", "layers": 3},
        {"encoder": "appnp"},
        {"layers": 4},
        {"structure": "svd", "structure_dim": 8},
    ],
)
@pytest.mark.parametrize("n_features", [0, 5])
def test_weights_are_those_of_the_network(settings: dict[str, object], n_features: int) -> None:
    graph = random_graph(40, 0.2, seed=0)
    if n_features:
        graph = graph.with_features(np.ones((40, n_features)))
    latent = settings.pop("latent", "gaussian")
    made = FitSettings.of("gae" if latent == "point" else "vgae", **settings).on(graph)
    network, _, _ = untrained(graph, made)
    own = sum(weight.numel() for weight in network.encoder.parameters())
    assert n_weights(Sizes.of(graph), made.network) == own


@pytest.mark.parametrize("kind", ["undirected", "directed", "bipartite"])
def test_sizes_are_those_of_the_graph(kind: Kind) -> None:
    pairs = [(0, 3), (1, 3), (1, 4), (2, 4)]
    types = [0, 0, 0, 1, 1] if kind == "bipartite" else None
    features: Any = sparse.eye_array(5)
    graph = Graph.from_edges(pairs, n_nodes=5, kind=kind, node_types=types, features=features)
    sizes = Sizes.of(graph)
    assert sizes.entries == graph.adjacency.nnz
    assert sizes.feature_entries == 5
    assert sizes.cells == {"undirected": 25, "directed": 25, "bipartite": 12}[kind]
    arrays: list[Any] = [graph.adjacency, graph.features]
    held = sum(part.data.nbytes + part.indices.nbytes + part.indptr.nbytes for part in arrays)
    assert sizes.held_bytes == pytest.approx(held + graph.ids.nbytes, rel=0.1)


def test_pairs_grow_with_the_square_and_the_rest_with_nodes_and_edges() -> None:
    small, large = Sizes(1000, 5000, 8), Sizes(10_000, 50_000, 8)
    assert amount(large, "pair") == pytest.approx(100 * amount(small, "pair"), rel=1e-2)
    for kind in ("product", "link", "logistic_edge", "drawn"):
        assert amount(large, kind) == pytest.approx(10 * amount(small, kind))
    assert amount(small, "pair", likelihood="bernoulli-poisson") == 0.0
    assert amount(small, "link", encoder="linear") == 0.0  # multiplied ahead


def test_two_factors_have_twice_the_pairs_of_one() -> None:
    sizes = Sizes(1000, 5000)
    one, two = amount(sizes, "pair"), amount(sizes, "pair", offset="constant")
    assert (one, two) == (500_500.0, 1_000_000.0)


@pytest.mark.parametrize("encoder", ["gcn", "linear", "appnp", "sage", "multi-hop", "signed"])
@pytest.mark.parametrize(
    "sizes", [Sizes(0, 0), Sizes(1, 0), Sizes(2, 1), Sizes(10**9, 10**10, 128)]
)
def test_any_size_has_finite_costs(encoder: str, sizes: Sizes) -> None:
    latent_dim = 68 if encoder == "multi-hop" else 16
    settings = ModelSettings.parse({"encoder": encoder, "latent_dim": latent_dim})
    work = operations(sizes, settings)
    assert {found.kind for found in work} <= set(KINDS)
    assert 0 < NOMINAL.total(work) < 1e13
    stages = memory_bytes(sizes, settings)
    assert all(0 <= size < 1e15 for size in stages.values())


def test_processes_divide_the_memory_and_pay_with_bytes() -> None:
    sizes, settings = Sizes(10**6, 10**7, 128, mapped=True), ModelSettings()
    alone, divided = (memory_bytes(sizes, settings, ranks=ranks)["training"] for ranks in (1, 8))
    assert alone / 8 < divided < alone / 2
    exchanged = [sum(exchanged_bytes(sizes, settings, ranks).values()) for ranks in (1, 2, 8)]
    assert exchanged[0] == 0.0 < exchanged[1] < exchanged[2]
    # Half of the round's 32 columns and of the 16 of the embedding, there and back.
    weights = 2 * 4 * n_weights(sizes, settings) / 2
    assert exchanged[1] == pytest.approx(2 * 4 * 10**6 * (32 + 16) / 2 + weights)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [((-1, 0), "nodes -1"), ((3, -1), "edges -1"), ((3, 4), "edges 4: 3 nodes have fewer pairs")],
)
def test_impossible_sizes_are_refused(numbers: tuple[int, int], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Sizes(*numbers)


def test_sampled_steps_do_not_grow_with_the_square() -> None:
    large = Sizes(10**6, 10**7)
    nodes = amount(large, "pair", objective="sampled", batch_nodes=100)
    assert nodes == 100.0**2
    assert amount(large, "pair", objective="sampled", sampling="pairs") == 0.0
    assert amount(large, "gathered", objective="sampled", sampling="pairs") > 10**8
    few = amount(large, "logistic_edge", objective="sampled", batch_edges=1000)
    assert few == 2000.0
    of_pairs = {"objective": "sampled", "decoder": "mlp", "batch_edges": 1000}
    assert amount(large, "drawn", **of_pairs, latent="point") == 2.0 * 10**7
