"""Embedding of other graphs and of new nodes by an encoder that was not fitted to them.

New nodes do not change the known ones. For a new node v with links of weights w_vu,

    d_v      = 1 + sum_u w_vu        a_vu = w_vu / sqrt(d_v d_u)        a_vv = 1 / d_v
    hidden_v = ReLU(sum_u a_vu x_u W + a_vv x_v W + b)
    vector_v = sum_u a_vu hidden_u W_mean + a_vv hidden_v W_mean + b_mean

These are the encoder's two layers (Kipf & Welling 2016, sec. 1), except that the degrees d_u and
the hidden states of known nodes stay what they were without v.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from torch import Tensor

from vgae.data.graph import Features, Graph, count
from vgae.data.ids import IdArray, NodeId, as_ids, canonical_int, unique_ids
from vgae.data.interop import as_pairs
from vgae.data.io import check_vectors
from vgae.ground.errors import InputError
from vgae.model.encoders import EncoderInput, scaled_features, used_features
from vgae.model.kernels import SparseMatrix
from vgae.model.latents import Latent
from vgae.model.network import GraphAutoEncoder
from vgae.model.settings import FeatureUse

__all__ = ["NewNodes", "States", "encode_graph", "encode_new", "new_nodes"]

logger = logging.getLogger(__name__)

UNNAMED = "ids: name the rows of the features, one id per row"


@dataclass(frozen=True)
class States:
    """What must be known of each node so that new nodes can link to it.

    Attributes
    ----------
    inputs
        Features times the first layer's weights, X W, shape (n_nodes, hidden_dim). Without
        features, the weights of each node itself, or zero for a node without weights.
    hidden
        The hidden layer, same shape.
    degrees
        Sum of the weights of each node's links in the message graph and of its self loop, which is
        1; shape (n_nodes,), float64.

    Examples
    --------
    >>> from vgae.model.settings import ModelSettings
    >>> graph = Graph.from_edges([(0, 1), (1, 2)])
    >>> network = GraphAutoEncoder(ModelSettings(hidden_dim=4), n_inputs=3, seed=0)
    >>> states = States.of(network, graph, EncoderInput.from_graph(graph))
    >>> states.degrees.tolist()
    [2.0, 3.0, 2.0]
    >>> states.joined(states).hidden.shape
    (6, 4)
    >>> stored = states.arrays(n_features=0)
    >>> again = States.from_arrays(stored, network, n_nodes=3, n_features=0)
    >>> bool((again.inputs == states.inputs).all())
    True
    """

    inputs: NDArray[np.float32]
    hidden: NDArray[np.float32]
    degrees: NDArray[np.float64]

    @classmethod
    def of(cls, network: GraphAutoEncoder, graph: Graph, messages: EncoderInput) -> Self:
        """The states of the nodes of a message graph, whose tensors are `messages`."""
        encoder = network.encoder
        use = network.settings.features
        features, weight = used_features(graph, use), encoder.weight["hidden"]
        with torch.no_grad():
            if features is None:
                inputs = weight.detach()
            elif messages.features is None or messages.propagated:
                inputs = _product(features, use, weight)
            else:
                inputs = messages.features @ weight
            hidden = encoder.hidden_states(messages.first_product(weight))
        degrees = 1.0 + graph.adjacency.astype(np.float64).sum(axis=1)
        arrays = inputs.numpy(), hidden.numpy(), degrees
        for array in arrays:
            array.flags.writeable = False  # they may be the network's own weights
        return cls(*arrays)

    def joined(self, others: States) -> States:
        """The states of these nodes, followed by those of the others."""
        return States(
            *(
                np.concatenate([getattr(self, name), getattr(others, name)])
                for name in ("inputs", "hidden", "degrees")
            )
        )

    def arrays(self, *, n_features: int) -> dict[str, NDArray[Any]]:
        """Arrays by name; without features, `inputs` are weights of the model and omitted."""
        arrays: dict[str, NDArray[Any]] = {"hidden": self.hidden, "degrees": self.degrees}
        return arrays | ({"inputs": self.inputs} if n_features else {})

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, NDArray[Any]],
        network: GraphAutoEncoder,
        *,
        n_nodes: int,
        n_features: int,
    ) -> Self:
        """The states whose `arrays` these are.

        Raises
        ------
        InputError
            The arrays do not belong to the nodes of this model.
        """
        weight = network.encoder.weight["hidden"].detach().numpy()
        width, found = weight.shape[1], dict(arrays)
        if not n_features:
            added = np.zeros((max(0, n_nodes - len(weight)), width), np.float32)
            found["inputs"] = np.concatenate([weight, added])
        single, double = np.dtype(np.float32), np.dtype(np.float64)
        expected = {
            "inputs": ((n_nodes, width), single),
            "hidden": ((n_nodes, width), single),
            "degrees": ((n_nodes,), double),
        }
        given = {name: (array.shape, array.dtype) for name, array in found.items()}
        if given != expected or not (found["degrees"] >= 1.0).all():
            raise InputError("states do not fit the model; fit again")
        return cls(**found)


def _product(features: Features, use: FeatureUse, weight: Tensor) -> Tensor:
    """Features, scaled as the encoder sees them, times the first layer's weight."""
    scaled = scaled_features(features, use)
    if sparse.issparse(scaled):
        return SparseMatrix.from_scipy(scaled) @ weight
    return torch.from_numpy(scaled @ weight.detach().numpy())  # torch would copy the features


@dataclass(frozen=True)
class NewNodes:
    """New nodes that join a graph, with their links, checked.

    Attributes
    ----------
    ids
        Shape (n_new,); None for nodes that are embedded from features alone and have no names.
    features
        Shape (n_new, n_features), or None.
    near
        Rows of the known nodes that the new ones link to, shape (n_near,).
    links
        The links, as a graph whose nodes are `near` followed by the new ones.

    Examples
    --------
    >>> known = Graph.from_pairs([("a", "b"), ("b", "c")])
    >>> new = new_nodes(
    ...     known, features=None, edges=[("x", "c")], weights=None, ids=None, n_features=0
    ... )
    >>> new.ids.tolist(), new.near.tolist(), new.edges(known.n_nodes).tolist()
    (['x'], [2], [[2, 3]])
    """

    ids: IdArray | None
    features: Features | None
    near: NDArray[np.int64]
    links: Graph

    def edges(self, n_known: int) -> NDArray[np.int64]:
        """Row indices of the links, (n_links, 2), where the new nodes follow the known ones."""
        n_new = self.links.n_nodes - len(self.near)
        rows = np.concatenate([self.near, n_known + np.arange(n_new)])
        found: NDArray[np.int64] = rows[self.links.edges]
        return found


def new_nodes(
    known: Graph,
    *,
    features: Any,
    edges: Any,
    weights: ArrayLike | None,
    ids: Sequence[NodeId] | IdArray | None,
    n_features: int,
) -> NewNodes:
    """Check new nodes against the graph that they join.

    Parameters
    ----------
    known
        The known nodes.
    features, edges, weights, ids
        See `LinkModel.with_nodes`.
    n_features
        Number of features of the model; 0 if it was fitted without features.

    Raises
    ------
    InputError
        See `LinkModel.with_nodes`.

    Examples
    --------
    >>> known = Graph.from_pairs([("a", "b")])
    >>> new_nodes(
    ...     known, features=None, edges=[("x", "a")], weights=None, ids=None, n_features=0
    ... ).ids.tolist()
    ['x']
    """
    checked = _checked_features(features, n_features)
    rows, strangers = _ends(known, edges)
    if ids is None and checked is not None and len(rows):
        raise InputError(UNNAMED)
    if ids is not None:
        names = _like(known, as_ids(ids).tolist())
        _check_new(known, names)
    else:
        unnamed = 0 if checked is None else checked.shape[0]
        names = list(range(unnamed)) or list(dict.fromkeys(strangers))
    if not names:
        raise InputError("no new node is given; give features, edges or both")
    if checked is not None and checked.shape[0] != len(names):
        raise InputError(
            f"features: {count(checked.shape[0], 'row')} for {count(len(names), 'new node')}"
        )
    near = np.unique(rows[rows >= 0])
    place = {name: len(near) + row for row, name in enumerate(names)}
    lost = [name for name in strangers if name not in place]
    if lost:
        raise InputError(f"edges: node '{lost[0]}' is neither in the graph nor among the new ids")
    pairs = np.searchsorted(near, rows)
    pairs[rows < 0] = [place[name] for name in strangers]
    links = Graph.from_edges(pairs, n_nodes=len(near) + len(names), weights=weights)
    if links.cleaning:
        logger.warning("links of new nodes: %s", links.cleaning)
    unnamed_rows = checked is not None and ids is None
    return NewNodes(None if unnamed_rows else as_ids(names), checked, near, links)


def _ends(known: Graph, edges: Any) -> tuple[NDArray[np.int64], list[NodeId]]:
    """Rows of the ends of links, -1 for those of new nodes, and the ids of these in that order."""
    source, target = as_pairs([] if edges is None else edges, known)
    rows = np.stack([known.index(source), known.index(target)], axis=1)
    inside = np.flatnonzero((rows >= 0).all(axis=1))
    if inside.size:
        a, b = source[inside[0]], target[inside[0]]
        raise InputError(
            f"edges, row {inside[0]}: '{a}' and '{b}' are both in the graph; give links of new "
            "nodes only, and fit again to change others"
        )
    ends = np.stack([source, target], axis=1).astype(object)
    return rows, _like(known, ends[rows < 0].tolist())


def _checked_features(features: Any, n_features: int) -> Features | None:
    if features is None:
        if n_features:
            raise InputError(
                f"features: the model was fitted with {n_features:,} per node; give those of the "
                "new nodes"
            )
        return None
    checked = Graph.from_edges([], features=features).features
    _check_width(0 if checked is None else checked.shape[1], n_features)
    return checked


def _check_width(found: int, n_features: int) -> None:
    if not n_features:
        raise InputError("features: the model was fitted without any; omit them")
    if found != n_features:
        raise InputError(
            f"features: the model was fitted with {n_features:,} per node, but these have {found:,}"
        )


def _like(known: Graph, names: list[NodeId]) -> list[NodeId]:
    """Ids converted to the type of a graph's ids, by the rule of `Graph.index`."""
    if known.ids.dtype.kind != "i":
        return [str(name) for name in names]
    numbers = [canonical_int(name) for name in names]
    for number in numbers:
        if isinstance(number, str):
            raise InputError(f"new node '{number}': ids of this graph are integers")
    return numbers


def _check_new(known: Graph, names: list[NodeId]) -> None:
    there = np.flatnonzero(known.index(names) >= 0)
    if there.size:
        raise InputError(f"new node '{names[there[0]]}' is in the graph already")
    unique_ids(as_ids(names))


def encode_new(network: GraphAutoEncoder, states: States, new: NewNodes) -> tuple[Latent, States]:
    """Encode new nodes without changing the known ones; for the equations see this module.

    Time and memory grow only with the new nodes, their links and their neighbours.

    Parameters
    ----------
    network
        The fitted model.
    states
        States of the known nodes.
    new
        The nodes that join them.

    Returns
    -------
    The distribution over the embedding of the new nodes, and their states.

    Raises
    ------
    InputError
        Without features, a node has no link to a node that has weights, nor to a neighbour of one;
        or the embedding is not finite.

    Examples
    --------
    >>> from vgae import VGAE
    >>> model = VGAE(steps=1).fit([("a", "b"), ("b", "c")])
    >>> new = new_nodes(
    ...     model.split_.graph, features=None, edges=[("x", "c")], weights=None, ids=None,
    ...     n_features=0,
    ... )
    >>> latent, states = encode_new(model.network_, model.states_, new)
    >>> tuple(latent.mean.shape), states.degrees.tolist()
    ((1, 16), [2.0])
    """
    encoder, n_near = network.encoder, len(new.near)
    near_inputs, near_hidden = (
        torch.from_numpy(array[new.near]) for array in (states.inputs, states.hidden)
    )
    links = sparse.csr_array(new.links.adjacency.astype(np.float64))[n_near:]
    n_new = links.shape[0]
    degrees = 1.0 + links.sum(axis=1)
    scale = 1.0 / np.sqrt(np.concatenate([states.degrees[new.near], degrees]))
    with_loops = sparse.csr_array(links + sparse.eye_array(*links.shape, k=n_near, format="csr"))
    normalized = sparse.diags_array(scale[n_near:]) @ with_loops @ sparse.diags_array(scale)
    normalized = sparse.csr_array(normalized).astype(np.float32)
    normalized.sort_indices()
    adjacency = SparseMatrix.from_scipy(normalized)
    with torch.no_grad():
        if new.features is None:
            inputs = torch.zeros((n_new, near_inputs.shape[1]))
            # The hidden layer without any input: zero, or what biases alone give.
            silent = encoder.hidden_states(inputs[:1])
            _check_placed(
                np.asarray(new.ids),
                with_loops,
                np.append((near_inputs != 0).any(dim=1).numpy(), np.zeros(n_new, bool)),
                np.append((near_hidden != silent).any(dim=1).numpy(), np.zeros(n_new, bool)),
            )
        else:
            use, weight = network.settings.features, encoder.weight["hidden"]
            inputs = _product(new.features, use, weight)
        hidden = encoder.hidden_states(adjacency @ torch.cat([near_inputs, inputs]))
        latent = network.latent(**encoder.read_out(adjacency, torch.cat([near_hidden, hidden])))
    return _checked(latent), States(inputs.numpy(), hidden.numpy(), degrees)


def encode_graph(
    network: GraphAutoEncoder, graph: Graph, *, known: Graph, n_features: int
) -> Latent:
    """Encode another graph as the training graph was encoded.

    Parameters
    ----------
    network
        The fitted model.
    graph
        An undirected graph.
    known
        The graph of the training nodes, followed by nodes added later. A model without features
        recognises nodes by these ids.
    n_features
        Number of features of the model; 0 if it was fitted without features.

    Raises
    ------
    InputError
        The graph is directed or has another number of features; without features, a node has no
        link to a node that has weights, nor to a neighbour of one; or the embedding is not finite.

    Examples
    --------
    >>> from vgae import VGAE
    >>> known = Graph.from_pairs([("a", "b"), ("b", "c")])
    >>> network = VGAE(steps=1).fit(known).network_
    >>> other = Graph.from_pairs([("b", "c"), ("c", "new")])
    >>> tuple(encode_graph(network, other, known=known, n_features=0).mean.shape)
    (3, 16)
    """
    if n_features:
        if graph.features is None:
            raise InputError(
                f"features: the model was fitted with {n_features:,} per node; this graph has none"
            )
        _check_width(graph.n_features, n_features)
        inputs = EncoderInput.from_graph(graph, network.settings.features)
    else:
        if graph.features is not None and network.settings.features != "none":
            logger.warning(
                "ignored %s per node: the model was fitted without any",
                count(graph.n_features, "feature"),
            )
        n_weights = len(network.encoder.weight["hidden"])
        rows = known.index(graph.ids)
        rows[rows >= n_weights] = -1
        inputs = EncoderInput.from_own_weights(graph, rows, n_weights)
        with_loops = sparse.csr_array(
            graph.adjacency + sparse.eye_array(graph.n_nodes, format="csr")
        )
        _check_placed(graph.ids, with_loops, rows >= 0, np.zeros(graph.n_nodes, bool))
    with torch.no_grad():
        return _checked(network.encode(inputs))


def _checked(latent: Latent) -> Latent:
    """The same distribution, after a check that all results computed from it are finite."""
    std = latent.std()
    try:
        check_vectors(latent.mean.numpy(), None if std is None else std.numpy())
    except InputError as error:
        raise InputError(
            f"{error}; scale features and weights like those of the training"
        ) from None
    return latent


def _check_placed(
    ids: NDArray[Any], with_loops: Any, informed: NDArray[np.bool_], hidden: NDArray[np.bool_]
) -> None:
    """Refuse nodes whose two layers receive nothing: they would all get the same embedding.

    The rows of the adjacency belong to its last columns. A column is `informed` if the node has
    weights, `hidden` if its hidden state is known to have received some.
    """
    pattern = (with_loops != 0).astype(np.int64)
    reached = hidden.copy()
    reached[len(reached) - len(ids) :] |= pattern @ informed.astype(np.int64) > 0
    lost = np.flatnonzero(pattern @ reached.astype(np.int64) == 0)
    if lost.size:
        raise InputError(
            f"node '{ids[lost[0]]}' has no link to a known node, nor to a neighbour of one; "
            "without features a node is placed by its links alone, so give it one"
        )
