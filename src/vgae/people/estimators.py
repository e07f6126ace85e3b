"""Estimators: graph auto-encoders that are fitted to a graph and answer by node id."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeAlias, final

import numpy as np
import torch

from vgae.data.graph import Graph
from vgae.data.interop import as_edge_pairs, as_graph, as_pairs, as_training_split
from vgae.data.split import Split, TrainingView, sample_non_edges
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError, one_line, unknown_name
from vgae.ground.notebook import html_table
from vgae.learning.inductive import States
from vgae.learning.metrics import roc_auc
from vgae.learning.settings import FitSettings
from vgae.learning.store import Run, load_run, save_run, staged_run
from vgae.learning.train import (
    Interrupt,
    StepRecord,
    choose_place,
    finishing_on_interrupt,
    held_out_metrics,
    train,
)
from vgae.model.encoders import EncoderInput, used_features
from vgae.model.kernels import check_engine
from vgae.model.network import GraphAutoEncoder
from vgae.model.settings import ModelSettings
from vgae.people.answers import FittedLinks
from vgae.people.conventions import Estimator, keyword_signature
from vgae.people.progress import training_display

__all__ = ["GAE", "MODELS", "VGAE", "LinkModel", "load"]

logger = logging.getLogger(__name__)

Callback: TypeAlias = Callable[[StepRecord], Any]
"""What `fit` calls after each step."""


class LinkModel(Estimator, FittedLinks):
    """A graph auto-encoder that is fitted to a graph and answers by node id.

    Use `VGAE` or `GAE`. All parameters are keywords; what `fit` learns ends in an underscore. The
    estimator follows scikit-learn's conventions: it transforms the nodes of a graph into their
    embedding.

    Parameters
    ----------
    latent_dim, hidden_dim
        Length of the embedding, and width of the hidden layer.
    objective
        "paper" (class-weighted cross-entropy) or "elbo"; see `vgae.model.objective`.
    bias
        Whether layers have biases.
    features
        "raw", "unit" (the features of each node are scaled to unit length) or "none" (ignored).
    steps, learning_rate
        Number of full-batch steps of Adam, and their size.
    validate_every, patience
        See `vgae.learning.train.TrainSettings`; `patience` needs a split with validation pairs.
    engine, device
        Engine of the all-pairs sum ("auto" takes the fastest exact one), and where to compute, in
        torch's terms: "cpu" or "cuda".
    seed
        Seed of the initial weights and the samples, a whole number: fits with the same seed are
        identical.

    Attributes
    ----------
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
        The fitted `GraphAutoEncoder`.
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

    name: ClassVar[Literal["vgae", "gae"]]
    latent: ClassVar[Literal["gaussian", "point"]]

    history_: list[dict[str, Any]]
    metrics_: dict[str, Any]
    interrupted_: bool
    engine_: str
    settings_: FitSettings

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

    @property
    def settings(self) -> FitSettings:
        """The parameters, checked, as settings of the network, the training and the seed.

        Examples
        --------
        >>> GAE(steps=50).settings.training.steps
        50
        """
        return FitSettings.of(self.name, **self.get_params(deep=False))

    def fit(
        self,
        data: Any,
        y: Any = None,
        *,
        features: Any = None,
        nodes: Any = None,
        verbose: bool = False,
        callbacks: Callback | Sequence[Callback] | None = None,
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

        Raises
        ------
        InputError
            The graph is directed or has no edges, features are not those of its nodes, `y` is a
            table, engine or device cannot be used here, or the loss is no longer finite.
        KeyboardInterrupt
            Ctrl-C was pressed, or a callback raised it.

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
        engine, settings = self.engine_here(), self.settings
        if nodes is not None:
            if features is not None:
                raise InputError("features: nodes brings its own; vgae.as_graph adds others to it")
            data = _graph_of_pairs(data, as_graph(nodes))
        split = as_training_split(data, features=features)
        view = split.training
        inputs = EncoderInput.from_graph(view.train, settings.network.features)
        given = _callbacks(callbacks)
        with finishing_on_interrupt() as interrupt:
            with _display(settings.training.steps if verbose else 0) as shown:
                called = [*shown, *given]
                network, history = _trained(view, inputs, settings, called, interrupt)
            learned = {
                "network_": network,
                "history_": history,
                "split_": split,
                "feature_encoding_": split.graph.feature_encoding,
                "engine_": engine,
                "settings_": settings,
                "ids_": split.graph.ids,
                "graph_": _about(split.graph),
                **_encoded_and_scored(network, split, inputs),
                "interrupted_": interrupt.pressed,
            }
            vars(self).update(learned)  # at once, so that Ctrl-C leaves no mixture of two fits
        if interrupt.pressed:
            raise KeyboardInterrupt
        return self

    def __repr__(self) -> str:
        if "network_" not in vars(self):
            return super().__repr__()
        changed = "" if self.settings == self.settings_ else "; parameters changed since"
        return f"{super().__repr__()} fitted to {self._fitted_to()}{changed}"

    def _repr_html_(self) -> str:
        fitted = "network_" in vars(self)
        rows = {"parameters": self._given() or "defaults"} | (self._fitted_rows() if fitted else {})
        return html_table(f"{type(self).__name__}, {'' if fitted else 'not '}fitted", rows)

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

    def score(self, data: Any, y: Any = None) -> float:  # noqa: ARG002 - scikit-learn's convention
        """AUC of edges against as many random pairs without an edge.

        Parameters
        ----------
        data
            Edges as pairs of node ids, in any form that `predict_proba` takes; or a graph,
            or another object that `vgae.as_graph` reads, whose edges are scored by their node ids.
            For an honest figure, give edges that `fit` has not seen.
        y
            Ignored.

        Returns
        -------
        A fraction from 0 to 1. The pairs without an edge are drawn with the seed of the fit from
        those that are edges neither of the graph that was fitted nor among `data`.

        Raises
        ------
        InputError
            A node is unknown, a pair joins a node with itself, there are no pairs, or too few
            pairs without an edge.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c"), ("c", "d")])
        >>> 0.0 <= model.score([("a", "c")]) <= 1.0
        True
        """
        known = self.split_.graph
        rows = self._pair_rows(*as_edge_pairs(data, known))
        loops = np.flatnonzero(rows[:, 0] == rows[:, 1])
        if loops.size or not len(rows):
            raise InputError(
                f"pairs, row {loops[0]}: joins a node with itself" if loops.size else "pairs: none"
            )
        edges = Graph.from_edges(np.concatenate([known.edges, rows]), n_nodes=known.n_nodes)
        random = np.random.default_rng(stream_seed(self.settings_.seed, "score"))
        negatives = sample_non_edges(edges, len(rows), random, advice="score fewer edges")
        scores = self.scores()
        return roc_auc(scores.pairs(rows), scores.pairs(negatives))

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the run folder; `vgae.load` reads it back.

        Raises
        ------
        InputError
            The folder exists and `overwrite` is False, or cannot be written.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp()) / "run"
        >>> VGAE(steps=5).fit([("a", "b"), ("b", "c")]).save(folder)
        >>> load(folder).embedding_.shape
        (3, 16)
        """
        with staged_run(Path(path), overwrite=overwrite) as staged:
            save_run(self.as_run(), staged)

    def as_run(self, *, graph_name: str | None = None) -> Run:
        """The content of a run folder, for `vgae.learning.store.save_run`.

        Examples
        --------
        >>> GAE(steps=5).fit([("a", "b"), ("b", "c")]).as_run().engine
        'numba'
        """
        return Run(
            settings=self.settings_.model_dump(),
            graph=self.graph_ | ({} if graph_name is None else {"name": one_line(graph_name)}),
            engine=self.engine_,
            interrupted=self.interrupted_,
            split=self.split_,
            history=self.history_,
            metrics=self.metrics_,
            weights={name: value.numpy() for name, value in self.network_.state_dict().items()},
            embedding=self.embedding_,
            embedding_std=self.embedding_std_,
            states=None
            if self.states_ is None
            else self.states_.arrays(n_features=self._n_features()),
            feature_encoding=self.feature_encoding_,
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


@contextmanager
def _display(n_steps: int) -> Iterator[list[Callback]]:
    """Callbacks that show the progress of this many steps."""
    if n_steps == 0:
        yield []
        return
    with training_display(n_steps, keep=True) as show:
        yield [show]


def _trained(
    view: TrainingView,
    inputs: EncoderInput,
    settings: FitSettings,
    callbacks: Sequence[Callback],
    interrupt: Interrupt,
) -> tuple[GraphAutoEncoder, list[dict[str, Any]]]:
    """The trained network and one dictionary per step; `interrupt` ends the training early."""
    features = used_features(view.train, settings.network.features)
    network = GraphAutoEncoder(
        settings.network,
        n_inputs=view.train.n_nodes if features is None else features.shape[1],
        seed=settings.seed,
    )
    steps = train(
        network,
        view.train,
        settings.training,
        seed=settings.seed,
        validation=view.validation,
        inputs=inputs,
    )
    history = []
    with closing(steps):  # type: ignore[type-var]
        for record in steps:
            history.append(record.as_dict())
            try:
                for callback in callbacks:
                    callback(record)
            except KeyboardInterrupt:
                interrupt.press()
            if interrupt.pressed:
                logger.warning(
                    "interrupted after step %d; finishing the fit "
                    "(press Ctrl-C again to stop at once)",
                    record.step,
                )
                break
    return network.cpu(), history


def _about(graph: Graph) -> dict[str, Any]:
    """What a model remembers of the whole graph."""
    return {
        "fingerprint": graph.fingerprint,
        "n_nodes": graph.n_nodes,
        "n_edges": graph.n_edges,
        "n_features": graph.n_features,
        "weighted": graph.weights is not None,
    }


def _encoded_and_scored(
    network: GraphAutoEncoder, split: Split, training: EncoderInput
) -> dict[str, Any]:
    """Embedding, states and held-out metrics of a trained network, by attribute."""
    graph, use = split.message_graph(), network.settings.features
    messages = training if graph is split.train else EncoderInput.from_graph(graph, use)
    states = States.of(network, graph, messages)
    with torch.no_grad():
        latent = network.encode(messages)
        std = latent.std()
    held_out = {
        part: held_out_metrics(network, inputs, pairs) if pairs else None
        for part, inputs, pairs in (
            ("validation", training, split.validation),
            ("test", messages, split.test),
        )
    }
    return {
        "states_": states,
        "embedding_": latent.mean.numpy(),
        "embedding_std_": None if std is None else std.numpy(),
        "metrics_": {
            "protocol": split.settings.protocol,
            "proportions": split.settings.proportions,
            "seed": split.seed,
            **held_out,
        },
    }


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
    graph = Graph.from_edges(
        rows,
        ids=nodes.ids,
        features=nodes.features,
        labels=nodes.labels,
        directed=nodes.directed,
    )
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
    latent = "gaussian"


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
    latent = "point"


MODELS: dict[str, type[LinkModel]] = {model.name: model for model in (VGAE, GAE)}
"""The models by their names on the command line."""


def load(path: str | Path) -> LinkModel:
    """A fitted model from its run folder.

    It answers as it did when it was saved. Node features and edge weights are not stored: do not
    fit another model to its `split_`, which holds the edges only.

    Raises
    ------
    InputError
        The folder is missing, is not a run, is damaged or has a newer format.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "run"
    >>> VGAE(steps=5).fit([("a", "b"), ("b", "c")]).save(folder)
    >>> load(folder)
    VGAE(steps=5) fitted to 3 nodes, 2 edges
    """
    run = load_run(Path(path))
    settings = FitSettings.parse(run.settings, where=f"{path}/run.json: settings")
    model = MODELS[settings.model](**settings.parameters())
    model.history_, model.metrics_, model.graph_ = run.history, run.metrics, run.graph
    model.settings_, model.states_ = settings, None
    model.feature_encoding_ = run.feature_encoding
    model.embedding_, model.embedding_std_ = run.embedding, run.embedding_std
    model.interrupted_, model.engine_ = run.interrupted, run.engine
    model.split_, model.ids_ = run.split, run.split.graph.ids
    try:
        model.network_ = network = _with_weights(settings.network, run)
        if run.states is not None:
            model.states_ = States.from_arrays(
                run.states, network, n_nodes=len(model.ids_), n_features=model._n_features()
            )
    except InputError as error:
        raise InputError(f"{path}: is damaged: {error}") from None
    return model


def _with_weights(settings: ModelSettings, run: Run) -> GraphAutoEncoder:
    """The network of a run; its sizes are checked before it is allocated."""
    wrong = InputError("weights do not fit the settings; fit again")
    n_features: int = 0 if settings.features == "none" else run.graph["n_features"]
    n_inputs: int = n_features or run.graph["n_nodes"]
    has_std = run.embedding_std is not None
    if run.embedding.shape[1] != settings.latent_dim or has_std != (settings.latent == "gaussian"):
        raise wrong
    if sum(map(np.size, run.weights.values())) < settings.hidden_dim * (
        n_inputs + settings.latent_dim
    ):
        raise wrong
    network = GraphAutoEncoder(settings, n_inputs=n_inputs, seed=0)
    weights = {name: torch.from_numpy(array) for name, array in run.weights.items()}
    forms = [
        {name: (value.shape, value.dtype) for name, value in values.items()}
        for values in (weights, network.state_dict())
    ]
    if forms[0] != forms[1]:
        raise wrong
    network.load_state_dict(weights)
    return network
