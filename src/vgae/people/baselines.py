"""`LinkBaseline`: a baseline that is fitted, saved and asked for links like a model."""

from __future__ import annotations

import inspect
from typing import Any, Self, final

from vgae.data.interop import as_training_split
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError, unknown_name
from vgae.ground.notebook import html_table
from vgae.learning.baselines import BASELINES, Baseline, baseline
from vgae.learning.fitted_baseline import FittedBaseline
from vgae.learning.fitting import fit_baseline
from vgae.people.answers import FittedLinks
from vgae.people.conventions import Estimator

__all__ = ["LinkBaseline"]


@final
class LinkBaseline(Estimator, FittedLinks):
    """A method other than a graph auto-encoder, which answers by node id as a model does.

    Its probabilities are frequencies where validation edges were held out. Otherwise they rank
    pairs and mean nothing more. It embeds no other graph and takes no new nodes.

    Parameters
    ----------
    name
        A name in `vgae.learning.baselines.BASELINES`, such as "resource-allocation".
    seed
        Seed of everything random.
    **settings
        The settings of this baseline.

    Attributes
    ----------
    fitted_
        The result of `fit`, an immutable `vgae.learning.fitted_baseline.FittedBaseline`. The other
        attributes are its parts.
    embedding_
        Shape (n_nodes, latent_dim), float32; None for a method that only gives scores.
    ids_
        Node ids in the order of the rows.
    split_
        The training graph and what was held out.
    metrics_
        Protocol, proportions and the held-out metrics, which are None if nothing was held out.
    graph_
        Fingerprint and sizes of the whole graph.

    Raises
    ------
    InputError
        The name is unknown, or a setting is unknown or not allowed.

    Examples
    --------
    >>> from vgae import load_dataset, split_edges
    >>> model = LinkBaseline("resource-allocation").fit(split_edges(load_dataset("karate"), seed=0))
    >>> model.recommend(1)[0][:2], model.metrics_["test"]["auc"] > 0.5
    ((2, 33), True)
    >>> LinkBaseline("katz", attenuation=0.1).baseline
    Katz(attenuation=0.1)
    """

    fitted_: FittedBaseline

    def __init__(self, name: str, *, seed: int = 0, **settings: Any) -> None:
        if name not in BASELINES:
            raise unknown_name("baseline", name, BASELINES)
        for key in settings:
            if key not in BASELINES[name].model_fields:
                raise InputError(f"{key}: {name} has no such setting")
        self.name, self.seed = name, seed
        for key, parameter in self._parameters().items():
            if key not in ("name", "seed"):
                setattr(self, key, settings.get(key, parameter.default))
        stream_seed(seed, "baseline")
        self.baseline  # noqa: B018 - refuses values that are not allowed

    def _parameters(self) -> dict[str, inspect.Parameter]:
        """The keywords, which depend on the baseline."""
        fields = BASELINES[self.name].model_fields
        defaults = {
            key: field.get_default(call_default_factory=True) for key, field in fields.items()
        }
        return {
            key: inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default)
            for key, default in {"name": inspect.Parameter.empty, **defaults, "seed": 0}.items()
        }

    @classmethod
    def of(cls, fitted: FittedBaseline) -> Self:
        """The estimator that holds a fitted value.

        Examples
        --------
        >>> fitted = LinkBaseline("katz", attenuation=0.1).fit([("a", "b"), ("b", "c")]).fitted_
        >>> LinkBaseline.of(fitted)
        LinkBaseline(name='katz', attenuation=0.1) fitted to 3 nodes, 2 edges
        """
        made = cls(fitted.method.name, seed=fitted.seed, **fitted.method.model_dump())
        made.fitted_ = fitted
        return made

    @property
    def baseline(self) -> Baseline:
        """The baseline with these settings, checked."""
        names = BASELINES[self.name].model_fields
        return baseline(self.name, **{key: getattr(self, key) for key in names})

    def fit(self, data: Any, y: Any = None, *, features: Any = None) -> Self:  # noqa: ARG002
        """Learn from a graph, or from the training part of a split.

        Parameters
        ----------
        data
            A graph or anything `vgae.as_graph` takes, to learn from all of its edges. Or a `Split`:
            the method learns from its training edges only, probabilities are calibrated on the
            validation pairs, and the test pairs are scored once at the end. Or the `TrainingView`
            of a split, which has no test pairs.
        y
            Ignored; scikit-learn's tools hand it on.
        features
            Node features of a graph, as `vgae.as_graph` takes them.

        Raises
        ------
        InputError
            The graph is directed, has no edges, or lacks what the method needs.

        Examples
        --------
        >>> LinkBaseline("spectral", latent_dim=2).fit([("a", "b"), ("b", "c")]).embedding_.shape
        (3, 2)
        """
        split = as_training_split(data, features=features)
        self.fitted_ = fit_baseline(split, self.baseline, seed=self.seed)
        return self

    def fit_transform(self, data: Any, y: Any = None, **fit_params: Any) -> Any:
        """Call `fit` and return `embedding_`, in the form that `set_output` chose.

        Raises
        ------
        InputError
            As `fit`; or the method has no embedding.

        Examples
        --------
        >>> LinkBaseline("spectral", latent_dim=2).fit_transform([("a", "b"), ("b", "c")]).shape
        (3, 2)
        """
        self.fit(data, y, **fit_params)
        return self._output(self._vectors(), self.ids_, self.get_feature_names_out())

    def __repr__(self) -> str:
        words = super().__repr__()
        if "fitted_" not in vars(self):
            return words
        same = self.baseline == self.fitted_.method and self.seed == self.fitted_.seed
        return (
            f"{words} fitted to {self._fitted_to()}{'' if same else '; parameters changed since'}"
        )

    def _repr_html_(self) -> str:
        fitted = "fitted_" in vars(self)
        rows = {"parameters": self._given()} | (self._fitted_rows() if fitted else {})
        return html_table(f"{type(self).__name__}, {'' if fitted else 'not '}fitted", rows)
