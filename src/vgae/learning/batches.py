"""What each training step learns from: the whole graph, or edges hidden from the encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vgae.data.adjacency import edge_numbers
from vgae.data.graph import Graph
from vgae.ground.config import stream_seed
from vgae.model.network import GraphAutoEncoder
from vgae.model.objective import Targets, value_scale
from vgae.model.settings import MOST_PREDICTED

__all__ = ["Batch", "BatchOf", "batches"]


@dataclass(frozen=True)
class Batch:
    """What one step learns from.

    Attributes
    ----------
    prepared
        The message graph in the encoder's form.
    targets
        The positive pairs.

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1), (1, 2)])
    >>> from vgae.model.settings import ModelSettings
    >>> network = GraphAutoEncoder(ModelSettings(), n_inputs=3, seed=0)
    >>> batch = Batch(network.prepare(graph, None), network.targets(graph))
    >>> batch.to(torch.device("cpu")).targets.n_nodes
    3
    """

    prepared: Any
    targets: Targets

    def to(self, device: torch.device) -> Batch:
        """Copy the tensors to a device."""
        return Batch(self.prepared.to(device), self.targets.to(device))


BatchOf = Callable[[int], Batch]
"""The batch of a step by the step's number: training goes on from anywhere."""


def batches(network: GraphAutoEncoder, graph: Graph, prepared: Any, *, seed: int) -> BatchOf:
    """What the steps of a fit learn from, as the settings say.

    Without a mask, or with a single edge, every batch is the whole training graph; where nodes are
    sampled and `batch_edges` says so, it has a part of the edges as positive pairs.
    With a mask, each step hides another random share of the edges: the others carry messages, and
    the hidden ones, or 100,000 of them, are the positive pairs. So an edge is never predicted from
    itself, as it is in the paper's model (Li et al. 2023, "What's Behind the Mask", MaskGAE).

    Parameters
    ----------
    network
        The model.
    graph
        The training graph.
    prepared
        The same in the encoder's form, on the device of the model.
    seed
        Seed of the masks.

    Raises
    ------
    InputError
        The graph has no edges, a weight is no count, or the encoder takes no mask.

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1), (1, 2), (2, 3)])
    >>> from vgae.model.settings import ModelSettings
    >>> settings = ModelSettings(mask=0.4, objective="sampled")
    >>> network = GraphAutoEncoder(settings, n_inputs=4, seed=0)
    >>> batch = batches(network, graph, network.prepare(graph, None), seed=0)(1)
    >>> batch.targets.pairs().shape, batch.prepared.n_nodes
    (torch.Size([1, 2]), 4)
    """
    share, device = network.settings.mask, next(network.parameters()).device
    if not share or graph.n_edges < 2:  # one edge cannot both be hidden and carry a message
        targets, settings = network.targets(graph), network.settings
        if (
            settings.objective_used == "sampled"
            and settings.batch_edges < graph.n_edges
            and not settings.samples_pairs(has_factors=network.has_factors(graph.n_nodes))
        ):
            part = settings.batch_edges / graph.n_edges
            return _blocks(prepared.to(device), targets, part, device, seed=seed)
        whole = Batch(prepared, targets).to(device)
        return lambda _: whole
    n_hidden = min(max(1, round(share * graph.n_edges)), graph.n_edges - 1)
    numbers = edge_numbers(graph.adjacency, directed=graph.directed)
    # The few edges of a step would have another scale at every step, and a single one none.
    scale = None if graph.weights is None else value_scale(graph)

    def only(chosen: NDArray[np.int64]) -> Graph:
        mask = np.zeros(graph.n_edges, dtype=bool)
        mask[chosen] = True
        return graph.where(mask, numbers=numbers)

    def masked(step: int) -> Batch:
        random = np.random.default_rng([stream_seed(seed, "mask"), step])
        order = random.permutation(graph.n_edges)
        hidden, kept = only(order[: min(n_hidden, MOST_PREDICTED)]), only(order[n_hidden:])
        along = network.encoder.along(prepared, kept)
        return Batch(along, network.targets(hidden, scale=scale).to(device))

    return masked


BLOCK = 1024
"""Positive pairs that stay together: consecutive ones, so that their rows are near each other."""


def _blocks(
    prepared: Any, targets: Targets, share: float, device: torch.device, *, seed: int
) -> BatchOf:
    """A part of the positive pairs per step: blocks of them in an order that epochs shuffle.

    Every step of an epoch takes as many blocks as any other, and each block has the same chance,
    so that a sum over the part, divided by its share, has no bias. Blocks that are left over at
    the end of an epoch sit it out.
    """
    n_pairs = len(targets.positive.columns)
    size = max(1, min(BLOCK, round(share * n_pairs)))
    n_blocks = -(-n_pairs // size)
    taken = min(max(1, round(share * n_blocks)), n_blocks)
    n_steps = n_blocks // taken

    def part(step: int) -> Batch:
        epoch, place = divmod(step - 1, n_steps)
        random = np.random.default_rng([stream_seed(seed, "edges"), epoch])
        chosen = np.sort(random.permutation(n_blocks)[place * taken : (place + 1) * taken])
        spans = np.stack([chosen * size, np.minimum((chosen + 1) * size, n_pairs)], axis=1)
        return Batch(prepared, targets.part(spans, taken / n_blocks).to(device))

    return part
