"""Splits that PyTorch Geometric drew -> `Split`, checked as if they were our own."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgae.data.adjacency import pair_codes
from vgae.data.graph import Graph, count
from vgae.data.interop.graphs import as_graph, is_link_split
from vgae.data.interop.tensors import array, pair_rows
from vgae.data.split import HeldOut, Pairs, Protocol, Split, SplitSettings, TrainingView
from vgae.ground.errors import InputError

__all__ = ["as_split", "as_training_split", "as_training_view"]

logger = logging.getLogger(__name__)

REMEDY = (
    "give RandomLinkSplit is_undirected=True, and a graph with each edge in both directions, "
    "without self loops or repeated edges"
)


def as_split(data: Any) -> Split:
    """A split from what PyTorch Geometric's `RandomLinkSplit` returns, checked for leaks.

    Training edges are those that carry messages or are supervised in training. The protocol is
    "TV" (train + validation messages) if validation edges carry messages when test pairs are
    scored, as in `RandomLinkSplit`, otherwise "T" (train-only messages). Training negatives are
    not used: the objective sums over all pairs.

    Parameters
    ----------
    data
        The training, validation and test `Data`, drawn with `is_undirected=True`; or a `Split`,
        which is returned as it is. Its seed is not known: `seed` is 0.

    Raises
    ------
    InputError
        The parts leak into each other, there is not one negative per positive, the edges have
        weights, of which `RandomLinkSplit` keeps only some, or `data` is something else.

    Examples
    --------
    >>> from vgae.data.split import split_edges
    >>> ring = Graph.from_edges([(i, (i + 1) % 40) for i in range(40)])
    >>> as_split(split_edges(ring, seed=0)).train.n_edges
    34
    """
    if isinstance(data, Split):
        return data
    if not is_link_split(data):
        raise InputError(
            f"cannot make a split of {type(data).__name__}; give a Split, or the three Data "
            "objects that PyG's RandomLinkSplit returns"
        )
    nodes = _training_graph(data[0])
    training, validation, test = (
        _labelled_pairs(part, name, nodes.n_nodes)
        for part, name in zip(data, ("training", "validation", "test"), strict=True)
    )
    if training.negatives.size:
        logger.info("training: %s not used", count(len(training.negatives), "negative"))
    codes = _codes(np.concatenate([nodes.edges, training.positives]), nodes.n_nodes)
    train = np.stack(np.divmod(codes, nodes.n_nodes), axis=1)
    edges = np.concatenate([train, validation.positives, test.positives])
    graph = Graph.from_edges(edges, ids=nodes.ids, features=nodes.features, labels=nodes.labels)
    settings = SplitSettings.of_sizes(
        graph.n_edges,
        validation=len(validation.positives),
        test=len(test.positives),
        protocol=_protocol(data, train, validation, nodes.n_nodes),
    )
    _check_numbers_of_negatives(validation, test)
    if graph.n_edges == len(edges):  # otherwise an edge is in two parts, which is said below
        _check_repeated_negatives(validation, test, nodes.n_nodes)
    try:
        return Split(graph, graph.with_edges(train), validation, test, settings, seed=0)
    except InputError as error:
        raise InputError(f"{error}; {REMEDY}") from None


def as_training_split(data: Any, *, features: Any = None) -> Split:
    """The split that `fit` trains on: as given, or of a graph with all edges for training.

    Parameters
    ----------
    data
        Anything that `as_split` or `as_graph` takes, or a `TrainingView`: a split without test
        pairs.
    features
        Node features of a graph, as `as_graph` takes them.

    Raises
    ------
    InputError
        It is neither, or features are given with a split.

    Examples
    --------
    >>> as_training_split([("a", "b"), ("b", "c")]).train
    Graph(3 nodes, 2 edges, no features)
    """
    is_split = isinstance(data, (Split, TrainingView)) or is_link_split(data)
    if is_split and features is not None:
        raise InputError(
            "features: a split has those of its graph; give them to vgae.as_graph, and split then"
        )
    if isinstance(data, TrainingView):
        return data.as_split()
    return as_split(data) if is_split else Split.without_holdout(as_graph(data, features=features))


def as_training_view(data: Any) -> TrainingView:
    """The part of a split or a graph that a method may see: no test pair.

    It takes everything that `as_training_split` takes.

    Raises
    ------
    InputError
        It is neither a split nor a graph.

    Examples
    --------
    >>> as_training_view([("a", "b"), ("b", "c")]).messages
    Graph(3 nodes, 2 edges, no features)
    """
    return data if isinstance(data, TrainingView) else as_training_split(data).training


def _training_graph(data: Any) -> Graph:
    """The nodes, with features and labels, and the edges that carry messages in training."""
    graph = as_graph(data)
    if graph.weights is not None:
        raise InputError(
            "RandomLinkSplit does not keep the weights of held-out edges; remove them "
            "(edge_weight, edge_attr) before, or split with vgae.split_edges"
        )
    return graph


def _labelled_pairs(part: Any, name: str, n_nodes: int) -> HeldOut:
    """The supervised pairs of one part: an edge has a label above 0."""
    if "edge_label_index" in part and "edge_label" in part:
        pairs, labels = _pairs(part["edge_label_index"], name, n_nodes), array(part["edge_label"])
        if labels.shape != (len(pairs),):
            raise InputError(f"{name}: edge_label is not one number for each pair")
        return HeldOut(pairs[labels > 0], pairs[labels <= 0])
    if "pos_edge_label_index" in part:  # drawn with split_labels=True
        positives = _pairs(part["pos_edge_label_index"], name, n_nodes)
        if "neg_edge_label_index" not in part:
            return HeldOut(positives, positives[:0])
        return HeldOut(positives, _pairs(part["neg_edge_label_index"], name, n_nodes))
    raise InputError(
        f"{name}: neither edge_label_index nor pos_edge_label_index; give what RandomLinkSplit "
        "returns, with its key 'edge_label'"
    )


def _pairs(edge_index: Any, name: str, n_nodes: int) -> Pairs:
    pairs = pair_rows(edge_index, name)
    if pairs.size and (pairs.min() < 0 or pairs.max() >= n_nodes):
        raise InputError(f"{name}: a pair names a node outside the {count(n_nodes, 'node')}")
    return pairs


def _codes(pairs: Pairs, n_nodes: int) -> NDArray[np.int64]:
    """Sorted codes of the distinct pairs of two nodes."""
    return np.unique(pair_codes(pairs[pairs[:, 0] != pairs[:, 1]], n_nodes))


def _protocol(data: Any, train: Pairs, validation: HeldOut, n_nodes: int) -> Protocol:
    """Which edges carry messages when test pairs are scored, once it is sure that none leaks."""
    trained, held_out = _codes(train, n_nodes), _codes(validation.positives, n_nodes)
    allowed = {"validation": trained, "test": np.union1d(trained, held_out)}
    messages = {}
    for part, name in zip(data[1:], allowed, strict=True):
        messages[name] = _codes(_pairs(part.edge_index, name, n_nodes), n_nodes)
        n_stray = np.setdiff1d(messages[name], allowed[name]).size
        if n_stray:
            raise InputError(
                f"{name}: messages run over {count(n_stray, 'edge')} that should be held out or "
                f"are in no part; {REMEDY}"
            )
    carrying = np.isin(held_out, messages["test"])
    if carrying.any() and not carrying.all():
        raise InputError(
            "test: messages run over some validation edges and not over others; let its "
            "edge_index hold all of them or none"
        )
    return "TV" if carrying.any() else "T"


def _check_numbers_of_negatives(validation: HeldOut, test: HeldOut) -> None:
    for name, held_out in (("validation", validation), ("test", test)):
        n_positives, n_negatives = len(held_out.positives), len(held_out.negatives)
        if n_positives != n_negatives:
            raise InputError(
                f"{name}: {count(n_negatives, 'negative')} for {count(n_positives, 'positive')}; "
                "give RandomLinkSplit neg_sampling_ratio=1.0, for one each"
            )


def _check_repeated_negatives(validation: HeldOut, test: HeldOut, n_nodes: int) -> None:
    negatives = np.concatenate([validation.negatives, test.negatives])
    n_repeated = len(negatives) - _codes(negatives, n_nodes).size
    if n_repeated:
        # RandomLinkSplit takes (a, b) and (b, a) for two pairs.
        raise InputError(
            f"{count(n_repeated, 'negative')} of {len(negatives):,} drawn a second time, in the "
            "other direction; draw again after another torch_geometric.seed_everything, or use "
            "vgae.split_edges"
        )
