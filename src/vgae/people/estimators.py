"""Estimators: graph auto-encoders that are fitted to a graph and answer by node id."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent
from typing import Any, Self, final

import numpy as np

from vgae.data.graph import Graph
from vgae.data.interop import as_graph, as_pairs, as_training_split
from vgae.data.split import Split
from vgae.ground.errors import InputError, unknown_name
from vgae.ground.notebook import curve, html_table
from vgae.learning.baselines import BASELINES
from vgae.learning.checkpoints import EVERY, Checkpoints, seconds_of
from vgae.learning.fitted_baseline import FittedBaseline
from vgae.learning.fitting import Callback, fit
from vgae.learning.settings import FitSettings, named_preset, parameters_section
from vgae.learning.simple import compare_simple_methods
from vgae.learning.store import load_fitted
from vgae.learning.train import Terminated, choose_place, finishing_on_interrupt
from vgae.model.kernels import check_engine
from vgae.model.network import Parts
from vgae.model.settings import OWN
from vgae.people.baselines import LinkBaseline
from vgae.people.conventions import Estimator, keyword_signature
from vgae.people.model_answers import FittedModel
from vgae.people.progress import training_display

__all__ = ["GAE", "MODELS", "VGAE", "LinkModel", "load", "make_estimator", "make_model"]

logger = logging.getLogger(__name__)


class LinkModel(Estimator, FittedModel):
    """A graph auto-encoder that is fitted to a graph and answers by node id.

    Use `VGAE` or `GAE`. All parameters are keywords; what `fit` learns ends in an underscore. The
    estimator follows scikit-learn's conventions: it transforms the nodes of a graph into their
    embedding.

    {parameters}

    Attributes
    ----------
    fitted_
        The result of `fit`, an immutable `vgae.learning.fitted.Fitted`. The other attributes are
        its parts.
    embedding_
        Posterior means, shape (n_nodes, latent_dim), float32.
    embedding_std_
        Posterior standard deviations, same shape; None for a point-mass model.
    ids_
        Node ids in the order of the rows.
    split_
        The training graph and what was held out.
    history_
        One dictionary per step.
    metrics_
        Protocol, proportions and the held-out metrics, which are None if nothing was held out.
    network_
        The fitted `vgae.model.network.GraphAutoEncoder`.
    graph_
        Fingerprint and sizes of the whole graph, and the numbers that `with_nodes` added to it.
    settings_
        The settings of the fit, which a later `set_params` does not change.
    states_
        What `with_nodes` needs to know of each node; None if an earlier version stored the model.
    interrupted_
        Whether Ctrl-C was pressed during the fit, which ends the training early.
    engine_
        Name of the engine that was used.
    """

    __signature__ = keyword_signature(
        {name: field.default for name, field in FitSettings.fields().items()}
    )

    def __init__(self, **parameters: Any) -> None:
        keywords = self._parameters()
        for name in parameters:
            if name not in keywords:
                raise unknown_name("parameter", name, keywords)
        for name, keyword in keywords.items():
            setattr(self, name, parameters.get(name, keyword.default))
        check_engine(self.settings.training.engine)

    @classmethod
    def from_preset(cls, preset: str | Path, **parameters: Any) -> Self:
        """A model with the settings of a preset, and with parameters that replace some of them.

        Parameters
        ----------
        preset
            The name or the file of a preset; see `vgae.learning.settings.named_preset`.
        **parameters
            Parameters by name.

        Raises
        ------
        InputError
            The preset is unknown, or a parameter is unknown or not allowed.

        Examples
        --------
        >>> GAE.from_preset("strong", ensemble=1).encoder
        'multi-hop'
        """
        return cls(**(named_preset(preset).settings | parameters))

    @property
    def settings(self) -> FitSettings:
        """The parameters, checked, as settings of the network, the training and the seed.

        Examples
        --------
        >>> GAE(steps=50).settings.training.steps
        50
        """
        parameters = self.get_params(deep=False)
        own = dict.fromkeys(self.parts.names(), OWN)
        return FitSettings.of(self.name, **parameters | own)

    @property
    def parts(self) -> Parts:
        """The parts of your own among the parameters.

        Examples
        --------
        >>> GAE().parts
        Parts(encoder=None, decoder=None, likelihood=None)
        """
        given = {name: getattr(self, name) for name in ("encoder", "decoder", "likelihood")}
        named = (str, type(None))
        return Parts(**{name: part for name, part in given.items() if not isinstance(part, named)})

    def fit(
        self,
        data: Any,
        y: Any = None,
        *,
        features: Any = None,
        nodes: Any = None,
        verbose: bool = False,
        callbacks: Callback | Sequence[Callback] | None = None,
        checkpoint: str | Path | Checkpoints | None = None,
        checkpoint_every: float | str | None = None,
        resume: str | Path | None = None,
    ) -> Self:
        """Learn an embedding from a graph, or from the training part of a split.

        Ctrl-C ends the training after the current step. The model keeps what was learned until
        then, `interrupted_` is True, and KeyboardInterrupt is raised, so that a loop or a search
        around `fit` ends too. To go on with the model, catch KeyboardInterrupt. A second Ctrl-C,
        which may come while the embedding is computed and scored, stops at once: the model is
        what it was before `fit`, and what this fit has learned is lost.

        Parameters
        ----------
        data
            A graph or anything `vgae.as_graph` takes, to train on all of its edges. Or a `Split`:
            the model trains on its training edges only, early stopping looks at the validation
            pairs, and the test pairs are scored once at the end. Or the `TrainingView` of a
            split, which has no test pairs.
        y
            None, or one label per node, which is not used: scikit-learn's tools hand it on.
        features
            Node features of a graph: a data frame of attributes, an array or a sparse matrix, as
            `vgae.as_graph` takes them.
        nodes
            A graph whose nodes, features and labels are used, but not its edges. Then `data` are
            the edges: pairs of node ids, in any form that `predict_proba` takes.
        verbose
            Whether to show the progress on standard error: a live line in a terminal or a notebook
            (with ipywidgets), otherwise about ten lines. It is no parameter of the constructor:
            it does not change what is learned, and is neither searched nor stored.
        callbacks
            One function or several, each called after every step with its
            `vgae.learning.train.StepRecord`. What they return is ignored. A callback ends the
            training early, as Ctrl-C does, by raising KeyboardInterrupt; any other exception leaves
            the model as it was before `fit`.
        checkpoint
            A file to which the whole state of the fit is written now and then, so that another
            process can go on from there. It is removed when the fit ends, and stays after Ctrl-C.
            While checkpoints are kept, SIGTERM ends the fit after the current step, with one more.
            `vgae.learning.checkpoints.Checkpoints` are left to whoever made them.
        checkpoint_every
            Time between two checkpoints: a number of seconds, or text such as "30s", "5m" or "1h".
            The default is five minutes, or what a resumed fit was begun with.
        resume
            The checkpoint of a fit to go on with, to the same weights to the bit: this model must
            have the same parameters, and the graph or split must be the same. Further checkpoints
            replace it.

        Raises
        ------
        InputError
            The graph is directed or has no edges, features are not those of its nodes, `y` is a
            table, engine or device cannot be used here, or the loss is no longer finite; or the
            checkpoint is of another fit, is damaged, or cannot be written.
        KeyboardInterrupt
            Ctrl-C was pressed, or a callback raised it.
        SystemExit
            SIGTERM arrived while checkpoints were kept; the status is 143.

        Examples
        --------
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c")])
        >>> model.embedding_.shape
        (3, 16)
        >>> edges, ages = [(0, 1), (1, 2)], [[31.0], [44.0], [29.0]]
        >>> VGAE(steps=5).fit(edges, features=ages).graph_["n_features"]
        1
        """
        _check_labels(y)
        self.engine_here()
        if nodes is not None:
            if features is not None:
                raise InputError("features: nodes brings its own; vgae.as_graph adds others to it")
            data = _graph_of_pairs(data, as_graph(nodes))
        split = as_training_split(data, features=features)
        kept = _checkpoints(checkpoint, checkpoint_every, resume)
        self._learn(split, kept, _callbacks(callbacks), verbose=verbose)
        if self.fitted_.interrupted:
            raise KeyboardInterrupt
        if kept is not checkpoint:
            kept.discard()
        return self

    def _learn(
        self, split: Split, kept: Checkpoints, given: list[Callback], *, verbose: bool
    ) -> None:
        """Fit, and keep the result; a fit that is interrupted or terminated keeps its state."""
        settings = self.settings
        n_shown = settings.training.steps if verbose else 0
        ends = finishing_on_interrupt(terminating=kept.path is not None)
        with ends as interrupt, _display(n_shown) as shown:
            try:
                fitted = fit(
                    split,
                    settings,
                    parts=self.parts,
                    callbacks=[*shown, *given],
                    interrupt=interrupt,
                    checkpoints=kept,
                )
                simple = compare_simple_methods(split.training, fitted.metrics["validation"])
            except Terminated:
                kept.stop()  # where it came between two trainings
                raise
            told = None if simple is None else simple.model_dump(mode="json")
            self.fitted_ = fitted.annotated(metrics={**fitted.metrics, "simple": told})
            self._fitted_with = self.settings

    def __repr__(self) -> str:
        if "fitted_" not in vars(self):
            return super().__repr__()
        # What a graph decided of the settings is no change.
        asked = vars(self).get("_fitted_with", self.settings_)
        changed = "" if self.settings in (asked, self.settings_) else "; parameters changed since"
        return f"{super().__repr__()} fitted to {self._fitted_to()}{changed}"

    def _repr_html_(self) -> str:
        fitted = "fitted_" in vars(self)
        rows = {"parameters": self._given() or "defaults"} | (self._fitted_rows() if fitted else {})
        losses = [step["loss"] for step in self.history_] if fitted else []
        pictures = [curve("loss by step", losses)] if len(losses) > 1 else []
        title = f"{type(self).__name__}, {'' if fitted else 'not '}fitted"
        return html_table(title, rows, pictures=pictures)

    def engine_here(self) -> str:
        """Name of the engine that `fit` would use here.

        Raises
        ------
        InputError
            Engine or device is not available here, or they do not work together.

        Examples
        --------
        >>> VGAE().engine_here()
        'numba'
        """
        return choose_place(self.settings.training, self.settings.network.latent_dim)[1].name

    def transform(self, data: Any) -> Any:
        """Embedding of a graph's nodes: `embed`, in the form that `set_output` chose.

        Examples
        --------
        >>> model = GAE(steps=5).fit([("a", "b"), ("b", "c")])
        >>> model.transform([("a", "b"), ("b", "new")]).shape
        (3, 16)
        """
        graph = as_graph(data)
        return self._output(self.embed(graph), graph.ids, self.get_feature_names_out())

    def fit_transform(self, data: Any, y: Any = None, **fit_params: Any) -> Any:
        """Call `fit` and return `embedding_`, in the form that `set_output` chose.

        Examples
        --------
        >>> GAE(steps=5).fit_transform([("a", "b"), ("b", "c")]).shape
        (3, 16)
        """
        self.fit(data, y, **fit_params)
        return self._output(self.embedding_, self.ids_, self.get_feature_names_out())


LinkModel.__doc__ = (LinkModel.__doc__ or "").replace(
    "{parameters}", indent(parameters_section(), "    ").strip()
)


def _check_labels(y: Any) -> None:
    """Refuse what can be no labels of nodes, most likely features: it would have no effect."""
    if y is None:
        return
    try:
        n_dimensions = len(y.shape) if hasattr(y, "shape") else np.ndim(y)
    except (TypeError, ValueError):  # rows of different lengths
        n_dimensions = 2
    if n_dimensions != 1:
        raise InputError(
            f"y: {type(y).__name__} is no vector of labels and would not be used; give node "
            "features as fit(data, features=...)"
        )


def _callbacks(given: Any) -> list[Callback]:
    """One callback or several, as a list."""
    if given is None:
        return []
    callbacks = list(given) if isinstance(given, Iterable) and not callable(given) else [given]
    for callback in callbacks:
        if not callable(callback):
            raise InputError(
                f"callbacks: {type(callback).__name__} cannot be called; give a function of a "
                "step's record, or a list of such functions"
            )
    return callbacks


def _checkpoints(
    checkpoint: str | Path | Checkpoints | None,
    every: float | str | None,
    resume: str | Path | None,
) -> Checkpoints:
    """What the keywords of `fit` ask for."""
    if checkpoint is not None and resume is not None:
        raise InputError("checkpoint and resume exclude each other: resume goes on writing there")
    seconds = None if every is None else seconds_of(every)
    if resume is not None:
        return Checkpoints.resumed(Path(resume), seconds)
    if isinstance(checkpoint, Checkpoints):
        return checkpoint
    if checkpoint is None:
        if every is not None:
            raise InputError("checkpoint_every: needs a file to write to, as in checkpoint='fit'")
        return Checkpoints(None)
    return Checkpoints(Path(checkpoint), EVERY if seconds is None else seconds)


@contextmanager
def _display(n_steps: int) -> Iterator[list[Callback]]:
    """Callbacks that show the progress of this many steps."""
    if n_steps == 0:
        yield []
        return
    with training_display(n_steps, keep=True) as show:
        yield [show]


def _graph_of_pairs(pairs: Any, nodes: Graph) -> Graph:
    """The nodes of a graph, with these pairs of node ids as the only edges."""
    if isinstance(pairs, (Graph, Split)):
        raise InputError("with nodes=, give the edges as pairs of node ids")
    source, target = as_pairs(pairs, nodes)
    rows = np.stack([nodes.index(source), nodes.index(target)], axis=1)
    unknown = np.argwhere(rows < 0)
    if unknown.size:
        row, side = unknown[0]
        raise InputError(f"pairs, row {row}: node '{(source, target)[side][row]}' is not in nodes")
    graph = nodes.with_pairs(rows)
    if graph.cleaning:
        logger.warning("pairs: %s", graph.cleaning)
    if nodes.weights is not None:
        logger.warning("nodes: the weights of its edges are ignored with them; every pair has 1")
    return graph


@final
class VGAE(LinkModel):
    """Variational graph auto-encoder (Kipf & Welling 2016).

    The embedding of each node is a Gaussian, so its uncertainty is learned too. See `LinkModel` for
    parameters, attributes and methods.

    Examples
    --------
    >>> model = VGAE(latent_dim=4, steps=5).fit([("a", "b"), ("b", "c")])
    >>> model.embedding_std_.shape
    (3, 4)
    """

    name = "vgae"


@final
class GAE(LinkModel):
    """Graph auto-encoder without distributions (Kipf & Welling 2016, sec. 1).

    The embedding of each node is a point. See `LinkModel` for parameters, attributes and methods.

    Examples
    --------
    >>> GAE(steps=5).fit([("a", "b"), ("b", "c")]).embedding_std_ is None
    True
    """

    name = "gae"


MODELS: dict[str, type[LinkModel]] = {model.name: model for model in (VGAE, GAE)}
"""The models by their names on the command line."""


def make_model(name: str, *, preset: str | Path = "paper", **overrides: Any) -> LinkModel:
    """A model by name, with a preset's settings and overrides.

    Parameters
    ----------
    name
        A name in `MODELS`.
    preset
        A preset's name or file; see `vgae.learning.settings.named_preset`.
    **overrides
        Settings that replace those of the preset.

    Raises
    ------
    InputError
        Model or preset is unknown, or a setting is not allowed.

    Examples
    --------
    >>> make_model("gae", preset="unit", latent_dim=8).settings.network.features
    'unit'
    """
    if name not in MODELS:
        raise unknown_name("model", name, MODELS)
    return MODELS[name].from_preset(preset, **overrides)


def make_estimator(
    name: str, *, preset: str | Path | None = None, **settings: Any
) -> LinkModel | LinkBaseline:
    """A model or a baseline by name.

    Parameters
    ----------
    name
        A name in `MODELS` or in `vgae.learning.baselines.BASELINES`.
    preset
        A preset, which a model alone takes; None for the default one.
    **settings
        Settings by name, and the seed.

    Raises
    ------
    InputError
        Name or preset is unknown; or a setting is not allowed, or not one of this method.

    Examples
    --------
    >>> make_estimator("resource-allocation", seed=1)
    LinkBaseline(name='resource-allocation', seed=1)
    >>> make_estimator("resource-allocation", steps=50)
    Traceback (most recent call last):
    vgae.InputError: steps: resource-allocation has no such setting
    """
    if name not in BASELINES:
        if name not in MODELS:
            raise unknown_name("model", name, (*MODELS, *BASELINES))
        return make_model(name, **({} if preset is None else {"preset": preset}), **settings)
    if preset is not None:
        raise InputError(f"preset: {name} has no presets; they are for {' and '.join(MODELS)}")
    return LinkBaseline(name, **settings)


def load(
    path: str | Path, *, encoder: Any = None, decoder: Any = None, likelihood: Any = None
) -> LinkModel | LinkBaseline:
    """A fitted model or baseline from its run folder.

    It answers as it did when it was saved. The node features and edge weights of a model are not
    stored: do not fit another model to its `split_`, which holds the edges only.

    Parameters
    ----------
    path
        The folder.
    encoder, decoder, likelihood
        The parts of your own that the model was fitted with, as they were given to it: a folder
        holds their weights and not their code, and no code is imported by name.

    Raises
    ------
    InputError
        The folder is missing, is not a run, is damaged or has a newer format; or a part of your
        own is missing.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "run"
    >>> VGAE(steps=5).fit([("a", "b"), ("b", "c")]).save(folder)
    >>> load(folder)
    VGAE(objective='exact', steps=5) fitted to 3 nodes, 2 edges
    """
    parts = Parts(encoder=encoder, decoder=decoder, likelihood=likelihood)
    fitted = load_fitted(Path(path), parts if parts.names() else None)
    own = {name: part for name, part in vars(parts).items() if part is not None}
    if isinstance(fitted, FittedBaseline):
        return LinkBaseline.of(fitted)
    settings = fitted.settings
    model = MODELS[settings.model](**(settings.parameters() | own))
    model.fitted_ = fitted
    return model
