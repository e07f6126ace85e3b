import numpy as np
import pytest
from numpy.typing import NDArray

from vgae.errors import InputError
from vgae.split import labelled_nodes, node_split
from vgae.tasks import cluster_metrics, node_metrics

LABELS = np.repeat([0, 1, 2], 60)


def blobs(spread: float) -> NDArray[np.float32]:
    noise = np.random.default_rng(0).normal(size=(len(LABELS), 5))
    return np.asarray(10.0 * np.eye(5)[LABELS] + spread * noise, dtype=np.float32)


def test_classes_that_lie_apart_are_told_and_found() -> None:
    nodes = node_split(LABELS, seed=0)
    assert node_metrics(blobs(0.1), LABELS, nodes) == {"accuracy": 1.0}
    assert cluster_metrics(blobs(0.1), LABELS, seed=0) == {"nmi": 1.0, "ari": 1.0}


def test_noise_tells_nothing() -> None:
    noise = np.random.default_rng(1).normal(size=(len(LABELS), 5)).astype(np.float32)
    accuracy = node_metrics(noise, LABELS, node_split(LABELS, seed=0))["accuracy"]
    assert accuracy is not None
    assert 0.2 < accuracy < 0.5
    agreement = cluster_metrics(noise, LABELS, seed=0)["ari"]
    assert agreement is not None
    assert abs(agreement) < 0.05


def test_names_of_clusters_do_not_matter_and_unlabelled_nodes_are_left_out() -> None:
    labels = LABELS.copy()
    labels[::7] = -1
    assert cluster_metrics(blobs(0.1), labels, seed=0) == {"nmi": 1.0, "ari": 1.0}
    nodes = node_split(labels, seed=0)
    assert (labels[nodes.train] >= 0).all()
    assert (labels[nodes.test] >= 0).all()


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
    assert labelled_nodes(np.array(["x", "y"])).tolist() == [0, 1]
