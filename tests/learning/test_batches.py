"""What steps learn from, with and without a mask."""

from typing import Any

import numpy as np
import pytest
import torch
from graphs import random_arcs, random_graph

from vgae.data.graph import Graph
from vgae.data.kinds import WeightMeans
from vgae.learning.batches import Batch, BatchOf, batches
from vgae.model.decoders import MLPDecoder
from vgae.model.network import GraphAutoEncoder, Parts
from vgae.model.objective import value_scale
from vgae.model.settings import ModelSettings

GRAPH = random_graph(20, 0.2, seed=1)


def batches_of(
    graph: Graph, *, seed: int = 0, parts: Parts | None = None, **settings: object
) -> BatchOf:
    parsed = ModelSettings.parse({"objective": "sampled", **settings})
    network = GraphAutoEncoder(parsed, n_inputs=graph.n_nodes, seed=0, parts=parts)
    return batches(network, graph, network.prepare(graph, None), seed=seed)


def messages(batch: Batch) -> np.ndarray:
    """Edges that carry messages, as a dense matrix."""
    starts, columns = (part.numpy() for part in batch.prepared.adjacency.forward[:2])
    dense = np.zeros((20, 20), dtype=bool)
    dense[np.repeat(np.arange(20), np.diff(starts)), columns] = True
    np.fill_diagonal(dense, False)
    return dense


def test_hidden_edges_are_predicted_and_carry_no_messages() -> None:
    batch_of = batches_of(GRAPH, mask=0.3)
    hidden_before = None
    for step in (1, 2, 3):
        batch = batch_of(step)
        hidden = batch.targets.pairs().numpy()
        assert len(hidden) == round(0.3 * GRAPH.n_edges)
        kept = messages(batch)
        assert not kept[hidden[:, 0], hidden[:, 1]].any()
        assert kept.sum() // 2 + len(hidden) == GRAPH.n_edges
        assert hidden_before is None or not np.array_equal(hidden, hidden_before)
        hidden_before = hidden


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    first, again = batches_of(GRAPH, mask=0.3), batches_of(GRAPH, mask=0.3)
    other = batches_of(GRAPH, mask=0.3, seed=1)
    first(1), first(2)
    pairs = [one(7).targets.pairs().numpy() for one in (first, again, other)]
    np.testing.assert_array_equal(pairs[0], pairs[1])
    assert not np.array_equal(pairs[0], pairs[2])


def test_without_a_mask_every_batch_is_the_whole_graph() -> None:
    batch_of = batches_of(GRAPH)
    assert batch_of(1) is batch_of(9)
    assert len(batch_of(1).targets.pairs()) == GRAPH.n_edges


def test_a_single_edge_is_not_hidden() -> None:
    batch_of = batches_of(Graph.from_edges([(0, 1)]), mask=0.5)
    assert batch_of(1) is batch_of(2)
    assert len(batch_of(1).targets.pairs()) == 1


def test_blocks_of_edges_take_turns() -> None:
    graph = random_graph(300, 0.1, seed=0)
    batch_of = batches_of(graph, likelihood="squared", batch_edges=graph.n_edges // 4)
    n_pairs = graph.adjacency.nnz
    parts = [batch_of(step).targets for step in range(1, 5)]
    sizes = np.array([len(part.positive.columns) for part in parts])
    assert sizes.sum() <= n_pairs
    assert np.abs(sizes / n_pairs - [part.share for part in parts]).max() < 0.05
    seen = np.concatenate(
        [part._rows().numpy() * 300 + part.positive.columns.numpy() for part in parts]
    )
    assert len(np.unique(seen)) == len(seen)  # no pair twice in an epoch
    known = set((graph.adjacency.tocoo().row * 300 + graph.adjacency.tocoo().col).tolist())
    assert set(seen.tolist()) <= known


def test_blocks_depend_on_seed_and_step_alone() -> None:
    first, again, other = (
        batches_of(GRAPH, likelihood="squared", batch_edges=5, seed=seed) for seed in (0, 0, 1)
    )
    first(1), first(2)
    columns = [one(7).targets.positive.columns.tolist() for one in (first, again, other)]
    assert columns[0] == columns[1] != columns[2]


def test_counts_and_confidence_stay_with_their_pairs() -> None:
    weights = np.random.default_rng(0).integers(1, 9, size=GRAPH.n_edges)
    graph = GRAPH.with_pairs(GRAPH.edges, weights=weights)
    part = batches_of(graph, likelihood="poisson", batch_edges=7)(3).targets
    rows, columns = part._rows().numpy(), part.positive.columns.numpy()
    assert part.counts is not None
    np.testing.assert_array_equal(part.counts.numpy(), graph.adjacency.toarray()[rows, columns])


OWN = Parts(decoder=MLPDecoder(16, 4, torch.Generator()))
"""A decoder of one's own without factors."""


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"decoder": "mlp"}, None),
        ({"encoder": "directed", "decoder": "gravity"}, None),
        ({"decoder": "own"}, OWN),
        ({"sampling": "pairs"}, None),
    ],
    ids=["mlp", "gravity", "own", "as given"],
)
def test_where_pairs_are_sampled_every_batch_has_all_edges(
    settings: dict[str, Any], parts: Parts | None
) -> None:
    graph = random_arcs(20, 0.2, 1) if settings.get("decoder") == "gravity" else GRAPH
    batch_of = batches_of(graph, parts=parts, batch_edges=5, **settings)
    assert batch_of(1) is batch_of(2)
    assert len(batch_of(1).targets.pairs()) == graph.n_edges
    assert batch_of(1).targets.share == 1.0


def weighted(means: WeightMeans, weights: np.ndarray) -> Graph:
    return GRAPH.with_pairs(GRAPH.edges, weights=weights).with_weight_means(means)


@pytest.mark.parametrize("mask", [1e-9, 0.3], ids=["one edge", "a third"])
def test_hidden_values_have_the_scale_of_the_training_graph(mask: float) -> None:
    weights = np.random.default_rng(0).choice([1.0, 1.0, 4.5], size=GRAPH.n_edges)
    graph = weighted("value", weights)
    mean, deviation = value_scale(graph)
    batch_of = batches_of(graph, likelihood="gaussian", mask=mask)
    for step in range(1, 9):  # some of which hide nothing but weights of 1
        targets = batch_of(step).targets
        counts = targets.pair_counts()
        assert counts is not None
        found = weights[graph.places(targets.pairs().numpy())]
        np.testing.assert_allclose(counts, (found - mean) / deviation, rtol=1e-6)


def test_values_that_are_all_1_stay_1_where_they_are_hidden() -> None:
    whole, hidden = (batches_of(GRAPH, likelihood="gaussian", mask=mask) for mask in (0.0, 0.3))
    assert whole(1).targets.counts is None
    assert hidden(1).targets.counts is None


def test_confidence_in_hidden_edges_is_relative_to_the_training_graph() -> None:
    weights = np.random.default_rng(0).integers(1, 9, size=GRAPH.n_edges)
    graph = weighted("confidence", weights)
    batch_of = batches_of(graph, mask=1e-9, confidence=2.5)
    for step in (1, 2, 3):
        targets = batch_of(step).targets
        found = weights[graph.places(targets.pairs().numpy())]
        emphasis = targets.pair_emphasis()
        assert isinstance(emphasis, torch.Tensor)
        np.testing.assert_allclose(emphasis, 1.0 + 2.5 * found / weights.mean(), rtol=1e-6)
