"""Training and test nodes for classifiers."""

import numpy as np
import pytest

from vgae.data.split import node_split
from vgae.ground.errors import InputError

LABELS = np.repeat([0, 1, 2], 60)


def test_the_split_has_twenty_nodes_of_each_class_and_no_node_twice() -> None:
    nodes = node_split(LABELS, seed=0)
    assert np.bincount(LABELS[nodes.train]).tolist() == [20, 20, 20]
    assert len(nodes.test) == 120
    assert not set(nodes.train) & set(nodes.test)
    again, other = node_split(LABELS, seed=0), node_split(LABELS, seed=1)
    assert np.array_equal(nodes.train, again.train)
    assert not np.array_equal(nodes.train, other.train)
    small = node_split(np.array(["a"] * 4 + ["b"] * 5), seed=0)
    assert len(small.train) == len(small.test) - 1 == 4


def test_labels_that_tell_nothing_apart_are_refused() -> None:
    nothing = np.full(9, np.nan)
    for labels in (np.zeros(50, dtype=int), np.full(9, -1), np.array([0] * 9 + [1]), nothing):
        with pytest.raises(InputError, match="two classes"):
            node_split(labels, seed=0)


def test_a_seed_draws_the_same_nodes_in_every_version() -> None:
    nodes = node_split(np.repeat([0, 1, 2], 4), seed=0)
    assert nodes.train.tolist() == [1, 2, 4, 5, 8, 9]
    assert nodes.test.tolist() == [0, 3, 6, 7, 10, 11]


def test_nodes_without_a_label_are_neither_trained_on_nor_tested() -> None:
    labels = LABELS.astype(str).astype(object)
    labels[::7] = None
    nodes = node_split(labels, seed=0)
    assert None not in set(labels[nodes.train]) | set(labels[nodes.test])
    assert len(nodes.train) + len(nodes.test) == np.count_nonzero(labels != None)  # noqa: E711
