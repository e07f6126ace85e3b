"""The answers of a fitted model: links by node id, embedding of other graphs and of new nodes."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vgae.data.graph import count
from vgae.data.ids import IdArray, NodeId, unknown_node
from vgae.data.interop import as_graph, as_links, as_pairs, later_features, with_later_features
from vgae.data.split import Split
from vgae.ground.errors import InputError
from vgae.ground.notebook import FrameKind, data_frame, vector_frame
from vgae.learning.calibration import Calibrator
from vgae.learning.fitted import Fitted
from vgae.learning.inductive import UNNAMED, NewNodes, States, new_nodes
from vgae.learning.scores import Scores
from vgae.learning.settings import FitSettings
from vgae.model.latents import Latent
from vgae.model.network import GraphAutoEncoder

__all__ = ["FittedLinks", "Link"]


class Link(NamedTuple):
    """A pair of nodes and the model's probability of an edge between them.

    Examples
    --------
    >>> Link("ann", "bob", 0.75).probability
    0.75
    """

    source: NodeId
    target: NodeId
    probability: float


class FittedLinks:
    """The answers of a fitted model; see `LinkModel` for its attributes.

    Examples
    --------
    >>> from vgae import GAE
    >>> model = GAE(steps=1, latent_dim=2).fit([("a", "b"), ("b", "c")])
    >>> model.embedding_.shape, model.embedding_std_, model.ids_.tolist(), model.engine_
    ((3, 2), None, ['a', 'b', 'c'], 'numba')
    >>> model.split_.graph.n_edges, model.graph_["n_edges"], model.metrics_["test"]
    (2, 2, None)
    >>> model.history_[0]["step"], model.interrupted_, model.settings_.training.steps
    (1, False, 1)
    >>> type(model.network_).__name__, len(model.states_.levels), model.feature_encoding_
    ('GraphAutoEncoder', 2, None)
    >>> model.calibrator_, 0 < model.expected_edges_ < 3
    (None, True)
    """

    name: ClassVar[str]

    fitted_: Fitted

    @property
    def embedding_(self) -> NDArray[np.float32]:
        """Posterior means, shape (n_nodes, latent_dim)."""
        return self.fitted_.embedding

    @property
    def embedding_std_(self) -> NDArray[np.float32] | None:
        """Posterior standard deviations, same shape; None for a point-mass model."""
        return self.fitted_.embedding_std

    @property
    def ids_(self) -> IdArray:
        """Node ids in the order of the rows."""
        return self.fitted_.ids

    @property
    def split_(self) -> Split:
        """The training graph and what was held out."""
        return self.fitted_.split

    @property
    def network_(self) -> GraphAutoEncoder:
        """The fitted network."""
        return self.fitted_.network

    @property
    def graph_(self) -> dict[str, Any]:
        """Fingerprint and sizes of the whole graph, and the numbers that `with_nodes` added."""
        return dict(self.fitted_.graph)

    @property
    def history_(self) -> list[dict[str, Any]]:
        """One dictionary per step."""
        return [dict(step) for step in self.fitted_.history]

    @property
    def metrics_(self) -> dict[str, Any]:
        """Protocol, proportions and held-out metrics, which are None if nothing was held out."""
        return dict(self.fitted_.metrics)

    @property
    def states_(self) -> States | None:
        """What `with_nodes` needs to know of each node, or None."""
        return self.fitted_.states

    @property
    def feature_encoding_(self) -> Mapping[str, Any] | None:
        """How features were made from the columns of a table, or None."""
        return self.fitted_.feature_encoding

    @property
    def interrupted_(self) -> bool:
        """Whether Ctrl-C was pressed during the fit, which ends the training early."""
        return self.fitted_.interrupted

    @property
    def engine_(self) -> str:
        """Name of the engine that was used."""
        return self.fitted_.engine

    @property
    def calibrator_(self) -> Calibrator | None:
        """The map from scores to probabilities that are frequencies, or None."""
        return self.fitted_.calibrator

    @property
    def expected_edges_(self) -> float:
        """The sum of the model's own probabilities over all pairs, before any calibration.

        With an offset and `objective="elbo"` it is close to the number of training edges. Without
        an offset it is about a quarter of the squared number of nodes, and means nothing. Every
        pair is summed, which takes quadratic time.
        """
        return self.fitted_.expected_edges

    @property
    def settings_(self) -> FitSettings:
        """The settings of the fit, which a later `set_params` does not change."""
        return self.fitted_.settings

    def scores(self) -> Scores:
        """Scores of all pairs, from the posterior over the protocol's messages.

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
        return self.fitted_.scores

    def vectors(self, ids: Iterable[NodeId] | IdArray | NodeId) -> NDArray[np.float32]:
        """Embedding of some nodes, shape (n_ids, latent_dim).

        Parameters
        ----------
        ids
            Node ids, or a single one, which gives one row.

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

    def predict_proba(self, pairs: Any, *, calibrated: bool = True) -> NDArray[np.float64]:
        """Probability of an edge for each pair of node ids, in the order given.

        If the fit held validation edges out, probabilities are frequencies: of the open pairs that
        get 0.2, about one in five is an edge that was held out, or is missing at the same rate.
        Without validation edges, or with `calibrated=False`, they are the model's own. Then use
        them to rank pairs: without an offset they average about one half over all pairs, however
        few have an edge.

        Parameters
        ----------
        pairs
            Node ids, in one of these forms:

            - one pair per row: a list of pairs or an array of shape (n_pairs, 2);
            - one column per end: a tuple of two arrays or Series, matched by position. A tuple of
              two lists is two rows, not two columns;
            - a pandas or Polars `DataFrame` or a PyArrow `Table`, whose columns of ids are found
              as in a table of edges: by usual names (source and target, from and to, ...),
              otherwise the first two.
        calibrated
            Whether to give frequencies where they can be had. The ranking is the same.

        Raises
        ------
        InputError
            A pair names an unknown node, or what is given holds no pairs.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c")])
        >>> model.predict_proba([("a", "c")]).shape
        (1,)
        >>> model.predict_proba((np.array(["a", "b"]), np.array(["c", "c"]))).shape
        (2,)
        """
        fitted = self.fitted_
        rows = self._pair_rows(*as_pairs(pairs, fitted.split.graph))
        return fitted.probabilities(fitted.scores.pairs(rows), calibrated=calibrated)

    @overload
    def recommend(
        self,
        k: int = 10,
        *,
        nodes: Sequence[NodeId] | NodeId | None = None,
        as_frame: Literal[False] = False,
    ) -> list[Link]: ...

    @overload
    def recommend(
        self,
        k: int = 10,
        *,
        nodes: Sequence[NodeId] | NodeId | None = None,
        as_frame: Literal[True, "pandas", "polars"],
    ) -> Any: ...

    def recommend(
        self,
        k: int = 10,
        *,
        nodes: Sequence[NodeId] | NodeId | None = None,
        as_frame: bool | FrameKind = False,
    ) -> Any:
        """The likeliest missing links, among all pairs that are not known edges.

        Every pair is scored. Edges that a split held out are known edges, so they are excluded too.

        Parameters
        ----------
        k
            Number of links; with `nodes`, number of links per node.
        nodes
            Node id or ids to recommend partners for; by default, the best pairs of the whole graph.
        as_frame
            Whether to return a DataFrame with the columns source, target and probability: "pandas"
            (also True) or "polars".

        Returns
        -------
        A list of `Link`, or a frame with one link per row, likeliest first. With `nodes`, the links
        of one node after the other, each with that node as its source. Ties go to the pair that
        comes first in the order of the nodes.

        Raises
        ------
        InputError
            `k` is below 1, a node is unknown, or the frame is of another kind or its library not
            installed.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c")])
        >>> [(link.source, link.target) for link in model.recommend(5)]
        [('a', 'c')]
        >>> model.recommend(5, as_frame=True).columns.tolist()
        ['source', 'target', 'probability']
        """
        fitted = self.fitted_
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            raise InputError(f"k = {k}: must be a whole number, at least 1")
        known = fitted.split.graph.adjacency
        if nodes is None:
            pairs, scores = fitted.scores.top(k, known)
        else:
            pairs, scores = fitted.scores.partners(self._rows(nodes), k, known)
        ids, probabilities = fitted.ids, fitted.probabilities(scores)
        columns = (ids[pairs[:, 0]], ids[pairs[:, 1]], probabilities)
        if as_frame is not False:
            kind = "pandas" if as_frame is True else str(as_frame)
            return data_frame(dict(zip(Link._fields, columns, strict=True)), kind=kind)
        return [Link(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]

    # ------------------------------------------------------------ as data frames

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:  # noqa: ARG002
        """Names of the embedding's columns: 'vgae0', 'vgae1', ...; the argument is ignored.

        Examples
        --------
        >>> from vgae import VGAE
        >>> model = VGAE(latent_dim=2, steps=1).fit([("a", "b"), ("b", "c")])
        >>> model.get_feature_names_out().tolist()
        ['vgae0', 'vgae1']
        """
        dim = self.embedding_.shape[1]
        return np.array([f"{self.name}{place}" for place in range(dim)], dtype=object)

    def embedding_frame(self) -> Any:
        """The embedding as a pandas DataFrame, whose index holds the node ids.

        Raises
        ------
        InputError
            pandas is not installed.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> frame = VGAE(steps=5).fit([("a", "b"), ("b", "c")]).embedding_frame()
        >>> frame.loc["b"].shape
        (16,)
        """
        return vector_frame(self.embedding_, self.get_feature_names_out(), self.ids_)

    def history_frame(self) -> Any:
        """The training as a pandas DataFrame, one row per step.

        The index is the step; the columns are those of `vgae.learning.train.StepRecord`. Validation
        metrics are columns such as `validation_auc`, NaN after steps without validation.

        Raises
        ------
        InputError
            pandas is not installed.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> VGAE(steps=5).fit([("a", "b"), ("b", "c")]).history_frame().columns.tolist()
        ['loss', 'reconstruction', 'kl', 'seconds']
        """
        rows = [
            {name: value for name, value in step.items() if name != "validation"}
            | {f"validation_{name}": value for name, value in step.get("validation", {}).items()}
            for step in self.history_
        ]
        names = dict.fromkeys(name for row in rows for name in row if name != "step")
        columns = {name: [_number(row.get(name)) for row in rows] for name in names}
        return data_frame(columns, index=("step", [row["step"] for row in rows]))

    # ------------------------------------------------------------ new graphs, new nodes

    def embed(self, data: Any, *, features: Any = None) -> NDArray[np.float32]:
        """Embedding of another graph's nodes: posterior means, shape (n_nodes, latent_dim).

        The message graph of the training gives `embedding_` bit for bit. A model without features
        recognises its training nodes by their ids and uses their weights; other nodes are placed by
        their links alone.

        Parameters
        ----------
        data
            A graph or anything `vgae.as_graph` takes, with the features that the model was fitted
            with, in the same order.
        features
            Instead, a data frame of attributes of its nodes, which is encoded as the table of the
            fit was.

        Raises
        ------
        InputError
            The graph is directed or has another number of features; or, without features, a node
            has no link to a training node, nor to a neighbour of one.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c")])
        >>> model.embed([("a", "b"), ("b", "new")]).shape
        (3, 16)
        """
        fitted, graph = self.fitted_, as_graph(data)
        if features is not None:
            graph = with_later_features(graph, features, fitted.feature_encoding)
        return fitted.embed(graph)

    def embed_new(
        self,
        features: Any = None,
        edges: Any = None,
        *,
        weights: ArrayLike | None = None,
        ids: Sequence[NodeId] | IdArray | None = None,
    ) -> NDArray[np.float32]:
        """Embedding of new nodes in the order of their ids, shape (n_new, latent_dim).

        Parameters and errors are those of `with_nodes`, except that features without edges need no
        ids.

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
        """A copy of the model that also knows new nodes, without training.

        The embedding of known nodes is unchanged bit for bit; rows of the new nodes follow, in the
        order of their ids. The given links are known edges, which `recommend` excludes. This model
        does not change. In the copy, `history_` and `metrics_` are still those of the training, and
        `split_` holds edges only, as in a loaded model.

        The encoder embeds a new node from its features and links, while the degrees and hidden
        states of known nodes stay the same: see `vgae.learning.inductive` for the equations.

        Parameters
        ----------
        features
            Features of the new nodes, shape (n_new, n_features), dense or sparse, in the order of
            `ids`. Or a data frame of attributes, with ids as `vgae.as_graph` takes it, which is
            encoded as the table of the fit was. None for a model without features.
        edges
            Pairs of ids, in any form that `predict_proba` takes: links between new nodes and known
            ones, in either order, or between new nodes. Self loops are dropped and duplicates are
            merged; a warning counts them. The column weight of a data frame holds weights.
        weights
            Positive, finite weights of the edges, shape (n_rows,); 1 by default.
        ids
            Ids of the new nodes. Required with features that are an array. A data frame of
            features brings its own: `ids` may then give them in another order, and no others.
            Without features, the default is the unknown ids of `edges` in order of appearance.

        Raises
        ------
        InputError
            An id is already in the graph or is of another type than the others, an edge joins two
            known nodes, or the features differ in number or are not finite; or, without features,
            a node has no link to a known node, nor to a neighbour of one.
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
        made = copy.copy(self)
        made.fitted_ = self.fitted_.with_nodes(new, new.ids, latent, states)
        return made

    def _encode_new(
        self,
        features: Any,
        edges: Any,
        weights: ArrayLike | None,
        ids: Sequence[NodeId] | IdArray | None,
    ) -> tuple[NewNodes, Latent, States]:
        """The new nodes, checked, with the distribution over their embedding and their states."""
        fitted = self.fitted_
        features, ids = later_features(features, ids, fitted.feature_encoding)
        edges, found = as_links(edges, fitted.split.graph)
        if found is not None and weights is not None:
            raise InputError("weights: edges has a column of weights; give one of the two")
        new = new_nodes(
            fitted.split.graph,
            features=features,
            edges=edges,
            weights=weights if found is None else found,
            ids=ids,
            n_features=fitted.n_features,
        )
        return new, *fitted.encode_new(new)

    def _rows(self, ids: Iterable[NodeId] | IdArray | NodeId) -> NDArray[np.int64]:
        if isinstance(ids, (str, int, np.integer)):
            ids = [ids]
        names = ids if isinstance(ids, np.ndarray) else list(ids)
        rows = self.split_.graph.index(names)
        unknown = np.flatnonzero(rows < 0)
        if unknown.size:
            raise unknown_node(names[unknown[0]], self.ids_)
        return rows

    def _pair_rows(self, source: IdArray, target: IdArray) -> NDArray[np.int64]:
        return np.stack([self._rows(source), self._rows(target)], axis=1)

    # ------------------------------------------------------------ in a few words

    def _fitted_to(self) -> str:
        """What the model was fitted to and how well it does on held-out links, in one line."""
        about = self.graph_
        words = f"{count(about['n_nodes'], 'node')}, {count(about['n_edges'], 'edge')}"
        if added := about.get("n_added_nodes", 0):
            words += f", with {count(added, 'new node')}"
        for part in ("test", "validation"):
            if scores := self.metrics_[part]:
                words += f"; {part} {_scores_words(scores, 'auc')}"
                break
        return words + (f"; interrupted after step {len(self.history_)}" * self.interrupted_)

    def _fitted_rows(self) -> dict[str, object]:
        """The same in more detail, by name."""
        metrics = self.metrics_
        rows: dict[str, object] = {
            "fitted to": self._fitted_to().partition(";")[0],
            "features": self.fitted_.n_features or "none",
            "embedding": " x ".join(map(str, self.embedding_.shape)),
            "steps": f"{len(self.history_)}{', interrupted' * self.interrupted_}",
        }
        for part in ("validation", "test"):
            if metrics[part]:
                rows[part] = _scores_words(metrics[part], "auc", "average_precision")
        return rows | {"engine": self.engine_}


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _scores_words(scores: Mapping[str, float | None], *names: str) -> str:
    """Metrics in words: "AUC 0.912, AP 0.924"."""
    titles = {"auc": "AUC", "average_precision": "AP"}
    found = ((titles[name], scores[name]) for name in names)
    return ", ".join(
        f"{title} {'-' if value is None else f'{value:.3f}'}" for title, value in found
    )
