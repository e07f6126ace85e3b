"""Node embeddings in scikit-learn's pipelines, where the samples are nodes."""

from __future__ import annotations

from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from vgae.data.interop import as_graph
from vgae.ground.errors import InputError
from vgae.people.conventions import Estimator
from vgae.people.estimators import LinkModel

__all__ = ["NodeVectors"]


@final
class NodeVectors(Estimator):
    """A transformer from node ids to their embedding, which makes nodes samples of a classifier.

    The samples are node ids, so that cross-validation splits the nodes. `fit` learns an embedding
    of all nodes of the graph, no matter which ids it is given. The setting is transductive:
    held-out nodes and their edges are seen during training, labels never are.

    Parameters
    ----------
    graph
        A graph or anything `vgae.as_graph` takes.
    model
        The model to fit, such as `VGAE()`. It is copied, never changed.

    Attributes
    ----------
    model_
        The fitted model.

    Examples
    --------
    >>> from vgae import VGAE
    >>> vectors = NodeVectors([("a", "b"), ("b", "c")], model=VGAE(steps=5))
    >>> vectors.fit(["a", "c"]).transform(["b"]).shape
    (1, 16)
    >>> vectors.fit_transform(["a", "c"]).shape
    (2, 16)
    >>> vectors.get_feature_names_out()[0]
    'vgae0'
    """

    model_: LinkModel

    def __init__(self, graph: Any, model: LinkModel) -> None:
        self.graph = graph
        self.model = model
        if not isinstance(model, LinkModel):
            raise InputError(f"model: {model!r} is not VGAE(...) or GAE(...)")

    def fit(self, ids: Any, y: Any = None, **fit_params: Any) -> Self:  # noqa: ARG002 - scikit-learn's convention
        """Fit a copy of the model to the whole graph.

        Parameters
        ----------
        ids
            Node ids, shape (n_samples,). They do not change the result: all nodes are embedded.
        y
            Ignored.
        **fit_params
            For the `fit` of the model: `verbose`, `callbacks`.

        Raises
        ------
        InputError
            The graph cannot be fitted.
        KeyboardInterrupt
            Ctrl-C was pressed; `model_` keeps what was learned until then.
        """
        model = type(self.model)(**self.model.get_params())
        try:
            self.model_ = model.fit(as_graph(self.graph), **fit_params)
        except KeyboardInterrupt:
            if hasattr(model, "fitted_"):
                self.model_ = model
            raise
        return self

    def transform(self, ids: Any) -> Any:
        """Embedding of nodes, shape (n_samples, latent_dim), in the form that `set_output` chose.

        Parameters
        ----------
        ids
            Node ids, shape (n_samples,) or (n_samples, 1).

        Raises
        ------
        InputError
            A node is unknown, or the shape is wrong.
        NotFittedError
            `fit` has not been called.
        """
        names = np.asarray(ids)
        if names.ndim == 2 and names.shape[1] == 1:  # a column, as scikit-learn passes it
            names = names[:, 0]
        if names.ndim != 1:
            raise InputError(f"ids: shape {names.shape} is not (n_samples,)")
        return self._output(
            self.model_.vectors(names.tolist()), names, self.model_.get_feature_names_out()
        )

    def fit_transform(self, ids: Any, y: Any = None, **fit_params: Any) -> Any:
        """`fit` and then `transform` of the same nodes."""
        return self.fit(ids, y, **fit_params).transform(ids)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the columns, those of the model."""
        return self.model_.get_feature_names_out(input_features)

    def __sklearn_clone__(self) -> Self:
        """A copy that shares the graph, which never changes and may be large."""
        made = type(self)(self.graph, model=type(self.model)(**self.model.get_params()))
        return made.set_output(
            transform=vars(self).get("_sklearn_output_config", {}).get("transform")
        )
