"""What steps learn from, with and without a mask."""

import numpy as np
from graphs import random_graph

from vgae.data.graph import Graph
from vgae.learning.batches import Batch, BatchOf, batches
from vgae.model.network import GraphAutoEncoder
from vgae.model.settings import ModelSettings

GRAPH = random_graph(20, 0.2, seed=1)


def batches_of(graph: Graph, *, seed: int = 0, **settings: object) -> BatchOf:
    parsed = ModelSettings.parse({"objective": "sampled", **settings})
    network = GraphAutoEncoder(parsed, n_inputs=graph.n_nodes, seed=0)
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
