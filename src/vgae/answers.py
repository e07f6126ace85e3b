"""What a fitted model answers: links by node id, and vectors of other graphs and of new nodes."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from vgae.errors import InputError
from vgae.graph import Graph
from vgae.ids import IdArray, NodeId, id_columns, unknown_node
from vgae.inductive import UNNAMED, NewNodes, States, encode_graph, encode_new, new_nodes
from vgae.interop import as_graph
from vgae.kernels import top_pairs, top_partners
from vgae.latent import Latent
from vgae.model import GraphAutoEncoder
from vgae.scores import Scores, VectorScores
from vgae.split import Split, SplitSettings

__all__ = ["FittedLinks", "Link"]


class Link(NamedTuple):
    """A pair of nodes and the model's probability of an edge between them."""

    source: NodeId
    target: NodeId
    probability: float


class FittedLinks:
    """The answers of a fitted model; see `LinkModel` for its attributes."""

    embedding_: NDArray[np.float32]
    embedding_std_: NDArray[np.float32] | None
    ids_: NDArray[Any]
    split_: Split
    network_: GraphAutoEncoder
    graph_: dict[str, Any]
    history_: list[dict[str, Any]]
    metrics_: dict[str, Any]
    states_: States | None
    feature_encoding_: Mapping[str, Any] | None

    def scores(self) -> Scores:
        """Logits of all pairs, from the posterior means and over the protocol's messages.

        Raises
        ------
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c")])
        >>> model.scores().rows(np.array([0])).shape
        (1, 3)
        """
        return VectorScores(self.embedding_)

    def vectors(self, ids: Iterable[NodeId] | IdArray | NodeId) -> NDArray[np.float32]:
        """Posterior means of some nodes, shape (n_ids, latent_dim).

        Parameters
        ----------
        ids
            Node ids; a single one is one node, whose vector is the only row.

        Raises
        ------
        InputError
            A node is unknown.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> VGAE(steps=5).fit([("a", "b"), ("b", "c")]).vectors(["c", "a"]).shape
        (2, 16)
        """
        return self.embedding_[self._rows(ids)]

    def predict_proba(self, pairs: Any) -> NDArray[np.float64]:
        """Probability of an edge for each pair of node ids, in the order given.

        They rank pairs and are no frequencies: the inner product has no intercept, so that over all
        pairs they average about one half, however few of them have an edge.

        Parameters
        ----------
        pairs
            Node ids, shape (n_pairs, 2).

        Raises
        ------
        InputError
            A pair names an unknown node.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c")])
        >>> model.predict_proba([("a", "c")]).shape
        (1,)
        """
        embedding = self.embedding_
        with torch.no_grad():
            logits = self.network_.decoder.logits(
                torch.from_numpy(embedding), torch.from_numpy(self._pair_rows(pairs))
            )
        return _probability(logits.numpy())

    def recommend(
        self, k: int = 10, *, nodes: Sequence[NodeId] | NodeId | None = None
    ) -> list[Link]:
        """The likeliest missing links: the best of all pairs that are no known edge.

        Every pair is looked at. Edges that a split held out are known edges and left out too.

        Parameters
        ----------
        k
            How many links, or with `nodes` how many for each.
        nodes
            Node id or ids to recommend partners for; by default the best pairs of the whole graph.

        Returns
        -------
        Links, likeliest first; with `nodes`, node after node with that node as the source. Ties go
        to the pair that comes first in the order of the nodes.

        Raises
        ------
        InputError
            `k` is below 1 or a node is unknown.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c")])
        >>> [(link.source, link.target) for link in model.recommend(5)]
        [('a', 'c')]
        """
        embedding = self.embedding_
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            raise InputError(f"k = {k}: must be a whole number, at least 1")
        factor = self.network_.decoder.factor(torch.from_numpy(embedding))
        known = self.split_.graph.adjacency
        if nodes is None:
            pairs, logits = top_pairs(factor, k, known=known)
        else:
            pairs, logits = top_partners(factor, self._rows(nodes), k, known=known)
        sources, targets = (self.ids_[pairs[:, side]].tolist() for side in (0, 1))
        probabilities = _probability(logits).tolist()
        return [Link(*row) for row in zip(sources, targets, probabilities, strict=True)]

    # ------------------------------------------------------------ new graphs, new nodes

    def embed(self, data: Any) -> NDArray[np.float32]:
        """Vectors of another graph's nodes: posterior means, shape (n_nodes, latent_dim).

        The message graph of training gives `embedding_` to the bit. Without features, nodes that
        the model was fitted to are known again by their ids and bring their own weights; the others
        are placed by their links alone.

        Parameters
        ----------
        data
            A graph or anything `vgae.as_graph` takes, with the features that the model was fitted
            with, in the same order.

        Raises
        ------
        InputError
            The graph is directed or has another number of features, or without features a node
            has no link to a node of the training, nor to a neighbour of one.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c")])
        >>> model.embed([("a", "b"), ("b", "new")]).shape
        (3, 16)
        """
        network = self.network_
        latent = encode_graph(
            network, as_graph(data), known=self.split_.graph, n_features=self._n_features()
        )
        vectors: NDArray[np.float32] = latent.mean.numpy()
        return vectors

    def embed_new(
        self,
        features: Any = None,
        edges: Any = None,
        *,
        weights: ArrayLike | None = None,
        ids: Sequence[NodeId] | IdArray | None = None,
    ) -> NDArray[np.float32]:
        """Vectors of new nodes, in the order of their ids: shape (n_new, latent_dim).

        Parameters and errors are those of `with_nodes`, but that rows of features which no edge
        names need no ids.

        Examples
        --------
        >>> from vgae import VGAE
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c")])
        >>> model.embed_new(edges=[("new", "a"), ("new", "b")]).shape
        (1, 16)
        """
        _, latent, _ = self._encode_new(features, edges, weights, ids)
        vectors: NDArray[np.float32] = latent.mean.numpy()
        return vectors

    def with_nodes(
        self,
        features: Any = None,
        edges: Any = None,
        *,
        weights: ArrayLike | None = None,
        ids: Sequence[NodeId] | IdArray | None = None,
    ) -> Self:
        """The same model, knowing new nodes too, without training.

        Nodes that were there keep their vectors to the bit; rows of the new ones follow, in the
        order of their ids. The links given are known edges, which `recommend` leaves out. Nothing
        of this model changes. What was measured (`history_`, `metrics_`) stays that of the
        training, and `split_` holds edges alone, as in a loaded model.

        A new node's vector is what the encoder makes of its features and of its links, with the
        degrees and hidden states of the nodes that were there left as they are: see
        `vgae.inductive` for the equations.

        Parameters
        ----------
        features
            Of the new nodes, shape (n_new, n_features), dense or sparse; in the order of `ids`.
            None for a model without features.
        edges
            Pairs of ids, shape (n_rows, 2): links of new nodes with known ones, in either order, or
            with each other. Self loops are dropped and duplicates merged, which is said.
        weights
            Positive, finite weights of the edges, shape (n_rows,); 1 by default.
        ids
            Ids of the new nodes. Needed with features; by default the unknown ids of `edges`, in
            the order in which they first occur.

        Raises
        ------
        InputError
            An id is in the graph already or of another type than the others, an edge joins two
            known nodes, features are of another number or not finite; or without features a node
            has no link to a known node, nor to a neighbour of one.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c")]).with_nodes(edges=[("new", "a")])
        >>> model.ids_.tolist()
        ['a', 'b', 'c', 'new']
        >>> [(link.source, link.target) for link in model.recommend(2, nodes="new")]
        [('new', 'b'), ('new', 'c')]
        """
        new, latent, states = self._encode_new(features, edges, weights, ids)
        if new.ids is None:
            raise InputError(UNNAMED)
        return self._joined(new, new.ids, latent, states)

    def _joined(self, new: NewNodes, ids: IdArray, latent: Latent, states: States) -> Self:
        """A copy of this model with new nodes after its own."""
        made, std = copy.copy(self), latent.std()
        made.ids_ = np.concatenate([self.ids_, ids])
        made.embedding_ = np.concatenate([self.embedding_, latent.mean.numpy()])
        if self.embedding_std_ is not None and std is not None:
            made.embedding_std_ = np.concatenate([self.embedding_std_, std.numpy()])
        made.history_, made.metrics_ = list(self.history_), dict(self.metrics_)
        made.states_ = None if self.states_ is None else self.states_.joined(states)
        edges = new.edges(len(self.ids_))
        made.split_ = _enlarged(self.split_, made.ids_, edges)
        made.graph_ = self.graph_ | {
            "n_added_nodes": self.graph_.get("n_added_nodes", 0) + len(ids),
            "n_added_edges": self.graph_.get("n_added_edges", 0) + len(edges),
        }
        return made

    def _encode_new(
        self,
        features: Any,
        edges: Any,
        weights: ArrayLike | None,
        ids: Sequence[NodeId] | IdArray | None,
    ) -> tuple[NewNodes, Latent, States]:
        """The new nodes, checked, with the distribution over their vectors and their states."""
        if self.states_ is None:
            raise InputError(
                "this run was stored by an earlier version, without what new nodes need; fit again"
            )
        new = new_nodes(
            self.split_.graph,
            features=features,
            edges=edges,
            weights=weights,
            ids=ids,
            n_features=self._n_features(),
        )
        return new, *encode_new(self.network_, self.states_, new)

    def _n_features(self) -> int:
        """Number of features that the model was fitted with; 0 where every node was its own."""
        used = self.network_.settings.features != "none"
        return int(self.graph_["n_features"]) if used else 0

    def _rows(self, ids: Iterable[NodeId] | IdArray | NodeId) -> NDArray[np.int64]:
        if isinstance(ids, (str, int, np.integer)):
            ids = [ids]
        names = ids if isinstance(ids, np.ndarray) else list(ids)
        rows = self.split_.graph.index(names)
        unknown = np.flatnonzero(rows < 0)
        if unknown.size:
            raise unknown_node(names[unknown[0]], self.ids_)
        return rows

    def _pair_rows(self, pairs: Any) -> NDArray[np.int64]:
        source, target = id_columns(pairs)
        return np.stack([self._rows(source), self._rows(target)], axis=1)


def _enlarged(split: Split, ids: IdArray, edges: NDArray[np.int64]) -> Split:
    """A split whose graphs have further nodes and edges; nothing else of them is kept."""
    whole, train = (
        Graph.from_edges(np.concatenate([graph.edges, edges]), ids=ids)
        for graph in (split.graph, split.train)
    )
    settings = SplitSettings.of_sizes(
        whole.n_edges,
        validation=len(split.validation.positives),
        test=len(split.test.positives),
        protocol=split.settings.protocol,
    )
    return Split(whole, train, split.validation, split.test, settings, split.seed)


def _probability(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    probability: NDArray[np.float64] = torch.from_numpy(logits).double().sigmoid().numpy()
    return probability
