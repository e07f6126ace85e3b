"""Splits of labelled nodes into training and test nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgae.data.labels import labelled_nodes
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError

__all__ = ["NodeSplit", "node_split"]

TRAINING_NODES_PER_CLASS, MOST_TEST_NODES = 20, 1000
"""The sizes of the public splits of Cora, Citeseer and Pubmed (Yang et al. 2016)."""


@dataclass(frozen=True)
class NodeSplit:
    """Nodes to train a classifier on and nodes to test it on; node indices.

    Examples
    --------
    >>> NodeSplit(train=np.array([0, 1]), test=np.array([2])).test
    array([2])
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]


def node_split(labels: NDArray[Any], *, seed: int) -> NodeSplit:
    """Draw 20 training nodes per class, and up to 1,000 test nodes from the others.

    A class of fewer than 40 nodes gives half of them. These are the sizes of the public splits of
    Cora, Citeseer and Pubmed (Yang et al. 2016).

    Parameters
    ----------
    labels
        Shape (n_nodes,); None, a number below 0, or NaN marks a node without a label.
    seed
        Not negative.

    Raises
    ------
    InputError
        Fewer than two classes have two nodes.

    Examples
    --------
    >>> split = node_split(np.repeat([0, 1], 50), seed=0)
    >>> len(split.train), len(split.test)
    (40, 60)
    """
    random = np.random.default_rng(stream_seed(seed, "nodes"))
    shuffled = random.permutation(labelled_nodes(labels))
    train = []
    for label in np.unique(labels[shuffled]):
        members = shuffled[labels[shuffled] == label]
        train.append(members[: min(TRAINING_NODES_PER_CLASS, len(members) // 2)])
    if sum(len(members) > 0 for members in train) < 2:
        raise InputError("labels: a classifier needs at least two classes with two nodes each")
    chosen = np.concatenate(train)
    others = shuffled[~np.isin(shuffled, chosen)]
    return NodeSplit(np.sort(chosen), np.sort(others[:MOST_TEST_NODES]))
