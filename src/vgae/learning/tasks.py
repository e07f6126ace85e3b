"""Tasks other than links for a frozen embedding: classifying nodes and finding their classes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgae.data.labels import labelled_nodes
from vgae.data.split import NodeSplit
from vgae.ground.config import stream_seed

__all__ = ["TASK_METRICS", "cluster_metrics", "node_metrics"]

TASK_METRICS = {"nodes": ("accuracy",), "clusters": ("nmi", "ari")}
"""Metrics by task."""


def node_metrics(
    vectors: NDArray[np.float32], labels: NDArray[Any], nodes: NodeSplit
) -> dict[str, float | None]:
    """Accuracy of logistic regression on a standardised embedding.

    Parameters
    ----------
    vectors
        The embedding, shape (n_nodes, dim); it stays as it is.
    labels
        Shape (n_nodes,).
    nodes
        Training nodes, whose labels are learned from, and test nodes.

    Returns
    -------
    The share of test nodes whose label is predicted, as {"accuracy": ...}.

    Examples
    --------
    >>> vectors, labels = np.repeat(np.eye(2, dtype=np.float32), 5, axis=0), np.repeat([0, 1], 5)
    >>> node_metrics(vectors, labels, NodeSplit(np.array([0, 5]), np.array([1, 2, 7])))
    {'accuracy': 1.0}
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(vectors[nodes.train])
    model = LogisticRegression(max_iter=1000)
    with warnings.catch_warnings():
        # On an uninformative embedding it may not converge; the accuracy shows that.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(scaler.transform(vectors[nodes.train]), labels[nodes.train])
    right = model.predict(scaler.transform(vectors[nodes.test])) == labels[nodes.test]
    return {"accuracy": float(right.mean())}


def cluster_metrics(
    vectors: NDArray[np.float32], labels: NDArray[Any], *, seed: int
) -> dict[str, float | None]:
    """Agreement of k-means with the classes: normalised mutual information and adjusted Rand index.

    As many clusters as classes, the best of ten starts; nodes without a label are omitted.

    Parameters
    ----------
    vectors
        The embedding, shape (n_nodes, dim).
    labels
        Shape (n_nodes,).
    seed
        Seed of the starts.

    Examples
    --------
    >>> vectors, labels = np.repeat(np.eye(2, dtype=np.float32), 5, axis=0), np.repeat([0, 1], 5)
    >>> cluster_metrics(vectors, labels, seed=0)
    {'nmi': 1.0, 'ari': 1.0}
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    chosen = labelled_nodes(labels)
    truth = labels[chosen]
    means = KMeans(
        n_clusters=len(np.unique(truth)),
        n_init=10,
        random_state=stream_seed(seed, "clusters") % 2**32,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct vectors than classes
        found = means.fit_predict(vectors[chosen])
    return {
        "nmi": float(normalized_mutual_info_score(truth, found)),
        "ari": float(adjusted_rand_score(truth, found)),
    }
