import numpy as np
from numpy.typing import NDArray

from vgae.data.split import node_split
from vgae.learning.tasks import cluster_metrics, node_metrics

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
