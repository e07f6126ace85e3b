"""Vectors from a fitted encoder for what it was not fitted to: other graphs, and new nodes.

New nodes leave those that were there alone. For a new node v with links of weights w_vu,

    d_v      = 1 + sum_u w_vu        a_vu = w_vu / sqrt(d_v d_u)        a_vv = 1 / d_v
    hidden_v = ReLU(sum_u a_vu x_u W + a_vv x_v W + b)
    vector_v = sum_u a_vu hidden_u W_mean + a_vv hidden_v W_mean + b_mean

which are the encoder's two layers (Kipf & Welling 2016, sec. 1), but for the degrees d_u and the
hidden states of the nodes that were there: these stay what they were without v.
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

from vgae.encoders import EncoderInput, FeatureUse, scaled_features, used_features
from vgae.errors import InputError
from vgae.graph import Features, Graph, count
from vgae.ids import IdArray, NodeId, as_ids, canonical_int, unique_ids
from vgae.interop import as_pairs
from vgae.io import check_vectors
from vgae.kernels import SparseMatrix
from vgae.latent import Latent
from vgae.model import GraphAutoEncoder

__all__ = ["NewNodes", "States", "encode_graph", "encode_new", "new_nodes"]

logger = logging.getLogger(__name__)

UNNAMED = "ids: name the rows of the features, one id a row"


@dataclass(frozen=True)
class States:
    """What must be known of each node to link others to it.

    Attributes
    ----------
    inputs
        Features times the first layer's weights, X W, shape (n_nodes, hidden_dim). Without
        features a node's own weights; zero for a node that has none.
    hidden
        The hidden layer, same shape.
    degrees
        Sum of the weights of a node's links in the message graph and of its self loop, which is 1;
        shape (n_nodes,), float64.
    """

    inputs: NDArray[np.float32]
    hidden: NDArray[np.float32]
    degrees: NDArray[np.float64]

    @classmethod
    def of(cls, network: GraphAutoEncoder, graph: Graph, messages: EncoderInput) -> Self:
        """States of a message graph's nodes, of which `messages` are the tensors."""
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
            array.flags.writeable = False  # the inputs may be the network's own weights
        return cls(*arrays)

    def joined(self, others: States) -> States:
        """These nodes' states and then the others'."""
        return States(
            *(
                np.concatenate([getattr(self, name), getattr(others, name)])
                for name in ("inputs", "hidden", "degrees")
            )
        )

    def arrays(self, *, n_features: int) -> dict[str, NDArray[Any]]:
        """As arrays by name; without features, inputs are the model's weights and left out."""
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
        """States from what `arrays` gave.

        Raises
        ------
        InputError
            The arrays are not those of this model's nodes.
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
    return torch.from_numpy(scaled @ weight.detach().numpy())  # torch would take a copy of them


@dataclass(frozen=True)
class NewNodes:
    """Nodes that join others, with their links, checked.

    Attributes
    ----------
    ids
        Shape (n_new,); None for nodes that are only to be encoded, from features alone.
    features
        Shape (n_new, n_features), or None.
    near
        Rows of the nodes that were there and that they link to, shape (n_near,).
    links
        The links, as a graph of the nodes `near` and then the new ones.
    """

    ids: IdArray | None
    features: Features | None
    near: NDArray[np.int64]
    links: Graph

    def edges(self, n_known: int) -> NDArray[np.int64]:
        """The links' row indices when the new nodes follow the known ones, (n_links, 2)."""
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
    """Check new nodes against the graph that they join; `LinkModel.with_nodes` says what is what.

    Parameters
    ----------
    known
        The nodes that are there.
    features, edges, weights, ids
        See `LinkModel.with_nodes`.
    n_features
        What the model was fitted with; 0 if it was fitted without features.

    Raises
    ------
    InputError
        See `LinkModel.with_nodes`.
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
    """Rows of the ends of new links, -1 for those of new nodes, whose ids follow in that order."""
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
                f"features: the model was fitted with {n_features:,} a node; give the new nodes'"
            )
        return None
    checked = Graph.from_edges([], features=features).features
    _check_width(0 if checked is None else checked.shape[1], n_features)
    return checked


def _check_width(found: int, n_features: int) -> None:
    if not n_features:
        raise InputError("features: the model was fitted without any; leave them out")
    if found != n_features:
        raise InputError(
            f"features: the model was fitted with {n_features:,} a node, but these have {found:,}"
        )


def _like(known: Graph, names: list[NodeId]) -> list[NodeId]:
    """Ids in the type of those of a graph, by the rule of `Graph.index`."""
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
    """Encode new nodes, leaving those that were there as they are; see this module's mathematics.

    Time and memory grow with the new nodes, their links and their neighbours alone.

    Parameters
    ----------
    network
        The fitted model.
    states
        Of the nodes that were there.
    new
        The nodes that join them.

    Returns
    -------
    The distribution over the new nodes' vectors, and their states.

    Raises
    ------
    InputError
        Without features, a node is not linked to any node that has weights of its own; or vectors
        are not finite.
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
            # What the hidden layer is where nothing has come in: zero, or what biases alone give.
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
    """Encode another graph as the graph of training was encoded.

    Parameters
    ----------
    network
        The fitted model.
    graph
        An undirected graph.
    known
        The nodes of training first, by whose ids a model without features knows nodes again.
    n_features
        What the model was fitted with; 0 if it was fitted without features.

    Raises
    ------
    InputError
        The graph is directed or has another number of features, without features a node is not
        linked to any node that has weights of its own, or vectors are not finite.
    """
    if n_features:
        if graph.features is None:
            raise InputError(
                f"features: the model was fitted with {n_features:,} a node; this graph has none"
            )
        _check_width(graph.n_features, n_features)
        inputs = EncoderInput.from_graph(graph, network.settings.features)
    else:
        if graph.features is not None and network.settings.features != "none":
            logger.warning(
                "ignored %s a node: the model was fitted without any",
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
    """The same distribution, once it is sure that answers made of it are numbers."""
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
    """Refuse nodes whose two layers see nothing: their vectors would be those of no node.

    Rows of the adjacency are the last of its columns. Columns are `informed` if they have weights
    of their own, `hidden` if their hidden states are known to have seen some.
    """
    pattern = (with_loops != 0).astype(np.int64)
    reached = hidden.copy()
    reached[len(reached) - len(ids) :] |= pattern @ informed.astype(np.int64) > 0
    lost = np.flatnonzero(pattern @ reached.astype(np.int64) == 0)
    if lost.size:
        raise InputError(
            f"node '{ids[lost[0]]}' has no link to a known node, nor to a neighbour of one; "
            "without features its links alone can place it, so give it one"
        )
