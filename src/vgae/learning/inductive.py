"""Embedding of other graphs and of new nodes by an encoder that was not fitted to them.

New nodes do not change the known ones. An encoder that works in rounds (see
`vgae.model.encoders.Propagation`) places a new node by the same rounds, with what the known nodes
near it sent when the model was fitted. For graph convolutions and a new node v with links of
weights w_vu this means

    d_v      = 1 + sum_u w_vu        a_vu = w_vu / sqrt(d_v d_u)        a_vv = 1 / d_v
    hidden_v = ReLU(sum_u a_vu x_u W + a_vv x_v W + b)
    vector_v = sum_u a_vu hidden_u W_mean + a_vv hidden_v W_mean + b_mean

These are the encoder's two layers (Kipf & Welling 2016, sec. 1), except that the degrees d_u and
the states of known nodes stay what they were without v.
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

from vgae.data.adjacency import row_sums
from vgae.data.graph import Features, Graph, count
from vgae.data.ids import IdArray, NodeId, as_ids, canonical_int, unique_ids
from vgae.data.interop import as_pairs
from vgae.data.io import check_vectors
from vgae.ground.errors import InputError
from vgae.model.decoders import Decoder
from vgae.model.encoders import Encoder, EncoderInput, Propagation
from vgae.model.inputs import InputScaling
from vgae.model.kernels import SparseMatrix
from vgae.model.latents import Latent
from vgae.model.network import GraphAutoEncoder

__all__ = ["NewNodes", "States", "can_place", "encode_graph", "encode_new", "new_nodes"]

logger = logging.getLogger(__name__)

UNNAMED = "ids: name the rows of the features, one id per row"


@dataclass(frozen=True)
class States:
    """What must be known of each node so that new nodes can link to it.

    Attributes
    ----------
    levels
        The encoder's state before each round, shape (n_nodes, width) each. The first is X W;
        without inputs, the weights of each node itself, or zero for a node without weights.
    degrees
        Sum of the weights of each node's links in the message graph and of a self loop of weight
        1; shape (n_nodes,), float64.

    Examples
    --------
    >>> from vgae.model.settings import ModelSettings
    >>> graph = Graph.from_edges([(0, 1), (1, 2)])
    >>> network = GraphAutoEncoder(ModelSettings(hidden_dim=4), n_inputs=3, seed=0)
    >>> states = States.of(network, graph, network.prepare(graph, None), None)
    >>> states.degrees.tolist()
    [2.0, 3.0, 2.0]
    >>> states.joined(states).levels[1].shape
    (6, 4)
    >>> stored = states.arrays(has_inputs=False)
    >>> again = States.from_arrays(stored, network, n_nodes=3, has_inputs=False)
    >>> bool((again.levels[0] == states.levels[0]).all())
    True
    """

    levels: tuple[NDArray[np.float32], ...]
    degrees: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        network: GraphAutoEncoder,
        graph: Graph,
        prepared: EncoderInput,
        inputs: Features | None,
    ) -> Self | None:
        """The states of the nodes of a message graph; None if new nodes cannot be placed in it.

        Parameters
        ----------
        network
            The fitted model.
        graph
            The message graph.
        prepared
            The same in the encoder's form.
        inputs
            Inputs of the nodes, or None.
        """
        encoder = network.encoder
        if not isinstance(encoder, Propagation) or not can_place(encoder, network.decoder):
            return None
        with torch.no_grad():
            levels = encoder.states(prepared)[:-1]
            if prepared.propagated and inputs is not None:  # rounds that were done ahead
                adjacency, state = prepared.adjacency, _projected(inputs, encoder.first_weight)
                for level in range(prepared.propagated):
                    levels[level] = state
                    if level + 1 < prepared.propagated:
                        received = adjacency @ encoder.messages(level, state)
                        state = encoder.update(level, received, state, levels[0])
        arrays = tuple(level.detach().numpy() for level in levels)
        degrees = 1.0 + row_sums(graph.adjacency)
        for array in (*arrays, degrees):
            array.flags.writeable = False  # they may be the network's own weights
        return cls(arrays, degrees)

    def joined(self, others: States) -> States:
        """The states of these nodes, followed by those of the others."""
        levels = zip(self.levels, others.levels, strict=True)
        return States(
            tuple(np.concatenate(both) for both in levels),
            np.concatenate([self.degrees, others.degrees]),
        )

    def arrays(self, *, has_inputs: bool) -> dict[str, NDArray[Any]]:
        """Arrays by name; without inputs, the first level holds weights and is omitted."""
        levels = {_level_name(place): level for place, level in enumerate(self.levels)}
        if not has_inputs:
            del levels[_level_name(0)]
        return {**levels, "degrees": self.degrees}

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, NDArray[Any]],
        network: GraphAutoEncoder,
        *,
        n_nodes: int,
        has_inputs: bool,
    ) -> Self:
        """The states whose `arrays` these are.

        Raises
        ------
        InputError
            The arrays do not belong to the nodes of this model.
        """
        wrong = InputError("states do not fit the model; fit again")
        encoder, found = network.encoder, dict(arrays)
        if not isinstance(encoder, Propagation):
            raise wrong
        with torch.no_grad():
            weight = encoder.first_weight.detach().numpy()
            silent = _silent(encoder)
        if not has_inputs:
            added = np.zeros((max(0, n_nodes - len(weight)), weight.shape[1]), np.float32)
            found[_level_name(0)] = np.concatenate([weight, added])
        single, double = np.dtype(np.float32), np.dtype(np.float64)
        names = [_level_name(level) for level in range(encoder.n_rounds)]
        expected = {
            name: ((n_nodes, state.shape[1]), single)
            for name, state in zip(names, silent, strict=False)
        }
        given = {name: (array.shape, array.dtype) for name, array in found.items()}
        if given != expected | {"degrees": ((n_nodes,), double)}:
            raise wrong
        if not (found["degrees"] >= 1.0).all():
            raise wrong
        return cls(tuple(found[name] for name in names), found["degrees"])


def _level_name(level: int) -> str:
    """Names in run folders: format 2 named the states of two graph convolutions."""
    return ("inputs", "hidden")[level] if level < 2 else f"hidden{level}"


def _projected(inputs: Features, weight: Tensor) -> Tensor:
    """Inputs times the first weight."""
    if sparse.issparse(inputs):
        return SparseMatrix.from_scipy(inputs) @ weight
    return torch.from_numpy(inputs @ weight.detach().numpy())  # torch would copy the inputs


def _silent(encoder: Propagation) -> list[Tensor]:
    """States of a node that gets nothing: zero, or what biases alone give."""
    states = [torch.zeros((1, encoder.first_weight.shape[1]))]
    for level in range(encoder.n_rounds):
        received = torch.zeros_like(encoder.messages(level, states[-1]))
        states.append(encoder.update(level, received, states[-1], states[0]))
    return states


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


def can_place(encoder: Encoder, decoder: Decoder) -> bool:
    """Whether new nodes can join a graph: where messages go both ways, and the encoder works so.

    Examples
    --------
    >>> from vgae.model.settings import ModelSettings
    >>> network = GraphAutoEncoder(ModelSettings(), n_inputs=2, seed=0)
    >>> can_place(network.encoder, network.decoder)
    True
    """
    return encoder.places_new_nodes and not decoder.ordered


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


def encode_new(
    network: GraphAutoEncoder, states: States, new: NewNodes, scaling: InputScaling
) -> tuple[Latent, States]:
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
    scaling
        How features became inputs in the fit.

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
    >>> model = VGAE(steps=1).fit([("a", "b"), ("b", "c")]).fitted_
    >>> new = new_nodes(
    ...     model.split.graph, features=None, edges=[("x", "c")], weights=None, ids=None,
    ...     n_features=0,
    ... )
    >>> latent, states = encode_new(model.network, model.states, new, model.scaling)
    >>> tuple(latent.mean.shape), states.degrees.tolist()
    ((1, 16), [2.0])
    """
    encoder, n_near = network.encoder, len(new.near)
    assert isinstance(encoder, Propagation)  # noqa: S101 - it has states
    near = [torch.from_numpy(level[new.near]) for level in states.levels]
    links = sparse.csr_array(new.links.adjacency.astype(np.float64))[n_near:]
    n_new = links.shape[0]
    own_degrees = 1.0 + links.sum(axis=1)
    n_links = torch.from_numpy(np.diff(links.indptr).astype(np.int64))
    degrees = np.concatenate([states.degrees[new.near], own_degrees])
    loops = sparse.eye_array(*links.shape, k=n_near, format="csr")
    with_loops = sparse.csr_array(links + loops)
    if encoder.self_loops:
        normalized = encoder.normalised(with_loops, degrees)
    else:
        normalized = encoder.normalised(links, degrees - 1.0)
    normalized = sparse.csr_array(normalized).astype(np.float32)
    normalized.sort_indices()
    adjacency = SparseMatrix.from_scipy(normalized)
    with torch.no_grad():
        if new.features is None:
            levels = [torch.zeros((n_new, near[0].shape[1]))]
            silent = _silent(encoder)
            _check_placed(
                np.asarray(new.ids),
                with_loops,
                [
                    (state != nothing).any(dim=1).numpy()
                    for state, nothing in zip(near, silent, strict=False)
                ],
            )
        else:
            levels = [_projected(scaling.apply(new.features), encoder.first_weight)]
        for level in range(encoder.n_rounds):
            both = torch.cat([near[level], levels[level]])
            received = adjacency @ encoder.messages(level, both)
            levels.append(encoder.update(level, received, levels[level], levels[0]))
        latent = network.latent(**encoder.read_out(levels, n_links))
    made = States(tuple(level.numpy() for level in levels[:-1]), own_degrees)
    return _checked(latent), made


def encode_graph(
    network: GraphAutoEncoder,
    graph: Graph,
    *,
    known: Graph,
    n_features: int,
    scaling: InputScaling,
) -> Latent:
    """Encode another graph as the training graph was encoded.

    Parameters
    ----------
    network
        The fitted model.
    graph
        A directed graph if the decoder scores arcs, a signed one if the model knows signs,
        otherwise an undirected or bipartite one.
    known
        The graph of the training nodes, followed by nodes added later. A model without features
        recognises nodes by these ids.
    n_features
        Number of features of the model; 0 if it was fitted without features.
    scaling
        How features became inputs in the fit.

    Raises
    ------
    InputError
        The graph is of another kind than the training graph, or has another number of features;
        without features, a node has no link to a node that has weights, nor to a neighbour of one;
        or the embedding is not finite.

    Examples
    --------
    >>> from vgae import VGAE
    >>> known = Graph.from_pairs([("a", "b"), ("b", "c")])
    >>> fitted = VGAE(steps=1).fit(known).fitted_
    >>> other = Graph.from_pairs([("b", "c"), ("c", "new")])
    >>> latent = encode_graph(
    ...     fitted.network, other, known=known, n_features=0, scaling=fitted.scaling
    ... )
    >>> tuple(latent.mean.shape)
    (3, 16)
    """
    encoder, use = network.encoder, network.settings.features
    takes = ("directed",) if network.decoder.ordered else ("undirected", "bipartite")
    takes = takes if network.signs is None else ("signed",)
    graph.require("this model", takes)
    if n_features:
        if graph.features is None:
            raise InputError(
                f"features: the model was fitted with {n_features:,} per node; this graph has none"
            )
        _check_width(graph.n_features, n_features)
        prepared = network.prepare(graph, scaling.apply(graph.features))
    elif not isinstance(encoder, Propagation):
        raise InputError(f"encoder {encoder.name}: cannot embed a graph without features")
    else:
        if graph.features is not None and use != "none":
            logger.warning(
                "ignored %s per node: the model was fitted without any",
                count(graph.n_features, "feature"),
            )
        adjacency = encoder.adjacency(graph)
        n_weights = len(encoder.first_weight)
        rows = known.index(graph.ids)
        rows[rows >= n_weights] = -1
        prepared = EncoderInput.from_own_weights(adjacency, rows, n_weights)
        with_loops = sparse.csr_array(
            graph.undirected().adjacency + sparse.eye_array(graph.n_nodes, format="csr")
        )
        _check_placed(graph.ids, with_loops, [rows >= 0] * encoder.n_rounds, all_new=True)
    with torch.no_grad():
        return _checked(network.encode(prepared))


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
    ids: NDArray[Any],
    with_loops: Any,
    informed: Sequence[NDArray[np.bool_]],
    *,
    all_new: bool = False,
) -> None:
    """Refuse nodes whom no round brings anything: they would all get the same embedding.

    The rows of the adjacency belong to its last columns. A node before these is `informed` before
    a round if its state is more than nothing. With `all_new`, the rows are all nodes, and
    `informed` says which of them have weights.
    """
    pattern = (with_loops != 0).astype(np.int64)
    reached = informed[0] if all_new else np.zeros(len(ids), bool)
    for known in informed:
        columns = reached if all_new else np.concatenate([known, reached])
        reached = pattern @ columns.astype(np.int64) > 0
    lost = np.flatnonzero(~reached)
    if lost.size:
        raise InputError(
            f"node '{ids[lost[0]]}' has no link to a known node, nor to a neighbour of one; "
            "without features a node is placed by its links alone, so give it one"
        )
