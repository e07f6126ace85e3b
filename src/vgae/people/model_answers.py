"""The answers of a fitted auto-encoder: also embeddings of other graphs and of new nodes."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vgae.data.ids import IdArray, NodeId
from vgae.data.interop import as_graph, as_links, later_features, with_later_features
from vgae.ground.errors import InputError
from vgae.ground.notebook import data_frame
from vgae.learning.fitted import Fitted
from vgae.learning.fitted_scores import MetricsRecord
from vgae.learning.inductive import UNNAMED, NewNodes, States, new_nodes
from vgae.learning.settings import FitSettings
from vgae.learning.simple import SimpleMethods
from vgae.model.latents import Latent
from vgae.model.network import GraphAutoEncoder
from vgae.people.answers import FittedLinks

__all__ = ["FittedModel"]


class FittedModel(FittedLinks):
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
    >>> model.calibrator_, 0 < model.expected_edges_ < 3, model.simple_methods_, model.evidence_
    (None, True, None, None)
    """

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
    def network_(self) -> GraphAutoEncoder:
        """The fitted network."""
        return self.fitted_.network

    @property
    def history_(self) -> list[dict[str, Any]]:
        """One dictionary per step."""
        return [dict(step) for step in self.fitted_.history]

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
    def expected_edges_(self) -> float:
        """The sum of the model's own probabilities over all pairs, before any calibration.

        With an offset and `class_weight="none"` it is close to the number of training edges.
        Without an offset it is about a quarter of the squared number of nodes, and means nothing.
        Every pair is summed, which takes quadratic time.
        """
        return self.fitted_.expected_edges

    @property
    def settings_(self) -> FitSettings:
        """The settings of the fit, which a later `set_params` does not change."""
        return self.fitted_.settings

    @property
    def simple_methods_(self) -> SimpleMethods | None:
        """How simple methods rank the validation pairs, next to the model; None without any."""
        return MetricsRecord.parse(self.metrics_, where="metrics").simple

    @property
    def evidence_(self) -> dict[str, float] | None:
        """How much each group of evidence counts, as shares of one; None without a combiner."""
        combiner = self.fitted_.combiner
        return None if combiner is None else combiner.shares()

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

    # ------------------------------------------------------------ in a few words

    def _fitted_to(self) -> str:
        ended = f"; interrupted after step {len(self.history_)}" * self.interrupted_
        return super()._fitted_to() + ended

    def _fitted_rows(self) -> dict[str, object]:
        return super()._fitted_rows() | {
            "features": self.fitted_.n_features or "none",
            "steps": f"{len(self.history_)}{', interrupted' * self.interrupted_}",
            "engine": self.engine_,
        }


def _number(value: float | None) -> float:
    return math.nan if value is None else value
