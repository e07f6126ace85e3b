"""Estimators: a graph auto-encoder that is fitted to a graph and answers by node id."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self, final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from scipy.special import expit

from vgae.config import Settings
from vgae.encoders import EncoderInput, FeatureUse, used_features
from vgae.errors import InputError, NotFittedError
from vgae.ids import NodeId, id_columns
from vgae.interop import as_training_split
from vgae.kernels import check_engine, top_pairs, top_partners
from vgae.model import GraphAutoEncoder, ModelSettings
from vgae.objective import ObjectiveName
from vgae.scores import Scores, VectorScores
from vgae.split import Split
from vgae.store import Run, load_run, save_run, staged_run
from vgae.train import (
    StepRecord,
    TrainSettings,
    choose_place,
    finishing_on_interrupt,
    held_out_metrics,
    train,
)

__all__ = ["GAE", "MODELS", "VGAE", "Link", "LinkModel", "load"]

logger = logging.getLogger(__name__)

_MODEL, _TRAINING = ModelSettings(), TrainSettings()


class Link(NamedTuple):
    """A pair of nodes and the model's probability of an edge between them."""

    source: NodeId
    target: NodeId
    probability: float


class EstimatorSettings(Settings):
    """Everything that, with a graph, determines a fitted model."""

    model: Literal["vgae", "gae"]
    network: ModelSettings
    training: TrainSettings
    seed: int = Field(ge=0)

    @model_validator(mode="after")
    def _model_has_its_latent(self) -> Self:
        if self.network.latent != MODELS[self.model].latent:
            raise ValueError(f"model {self.model} has no {self.network.latent} latent")
        return self


class LinkModel:
    """A graph auto-encoder that is fitted to a graph and answers by node id.

    Use `VGAE` or `GAE`. Parameters are keywords; what `fit` learns ends in an underscore.

    Parameters
    ----------
    latent_dim, hidden_dim
        Length of a node's vector, and width of the hidden layer.
    objective
        "paper" or "elbo"; see `vgae.objective`.
    bias
        Whether layers have biases.
    features
        "raw", "unit" (each node's scaled to unit length) or "none" (ignored).
    steps, learning_rate
        Full-batch steps of Adam, and their size.
    validate_every, patience
        See `vgae.train.TrainSettings`; `patience` needs a split to look at.
    engine, device
        Engine of the all-pairs sum ("auto" takes the fastest exact one), and where to compute, as
        torch calls it: "cpu" or "cuda".
    seed
        Seed of the weights and the samples.

    Attributes
    ----------
    embedding_
        Posterior means, shape (n_nodes, latent_dim), float32.
    embedding_std_
        Posterior standard deviations, same shape; None for a point-mass model.
    ids_
        Node ids in the order of the rows.
    split_
        What was trained on and what was held out.
    history_
        One dictionary a step.
    metrics_
        Protocol, proportions and the held-out metrics, None where nothing was held out.
    network_
        The fitted `GraphAutoEncoder`.
    graph_
        Fingerprint and sizes of the whole graph.
    interrupted_
        Whether Ctrl-C ended the training early.
    engine_
        Name of the engine that was used.
    """

    name: ClassVar[Literal["vgae", "gae"]]
    latent: ClassVar[Literal["gaussian", "point"]]

    embedding_: NDArray[np.float32]
    embedding_std_: NDArray[np.float32] | None
    ids_: NDArray[Any]
    split_: Split
    history_: list[dict[str, Any]]
    metrics_: dict[str, Any]
    network_: GraphAutoEncoder
    graph_: dict[str, Any]
    interrupted_: bool
    engine_: str

    def __init__(
        self,
        *,
        latent_dim: int = _MODEL.latent_dim,
        hidden_dim: int = _MODEL.hidden_dim,
        objective: ObjectiveName = _MODEL.objective,
        bias: bool = _MODEL.bias,
        features: FeatureUse = _MODEL.features,
        steps: int = _TRAINING.steps,
        learning_rate: float = _TRAINING.learning_rate,
        validate_every: int = _TRAINING.validate_every,
        patience: int | None = _TRAINING.patience,
        engine: str = _TRAINING.engine,
        device: str = _TRAINING.device,
        seed: int = 0,
    ) -> None:
        self.settings = EstimatorSettings.parse(
            {
                "model": self.name,
                "network": {
                    "latent": self.latent,
                    "latent_dim": latent_dim,
                    "hidden_dim": hidden_dim,
                    "objective": objective,
                    "bias": bias,
                    "features": features,
                },
                "training": {
                    "steps": steps,
                    "learning_rate": learning_rate,
                    "validate_every": validate_every,
                    "patience": patience,
                    "engine": engine,
                    "device": device,
                },
                "seed": seed,
            }
        )
        check_engine(engine)

    def fit(self, data: Any, *, on_step: Callable[[StepRecord], None] | None = None) -> Self:
        """Learn node vectors from a graph, or from the training part of a split.

        Ctrl-C ends the training after the step it is in and keeps what was learned.

        Parameters
        ----------
        data
            A graph or anything `vgae.as_graph` takes, all of whose edges are trained on; or a
            `Split`, of which only the training edges are, its validation pairs being looked at
            and its test pairs scored once at the end.
        on_step
            Called with the record of each step.

        Raises
        ------
        InputError
            The graph is directed or has no edges, engine or device cannot be used here, or the
            loss stopped being finite.

        Examples
        --------
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c")])
        >>> model.embedding_.shape
        (3, 16)
        """
        engine = self.engine_here()
        split = as_training_split(data)
        network, training = self.settings.network, self.settings.training
        features = used_features(split.train, network.features)
        fitted = GraphAutoEncoder(
            network,
            n_inputs=split.train.n_nodes if features is None else features.shape[1],
            seed=self.settings.seed,
        )
        steps = train(
            fitted, split.train, training, seed=self.settings.seed, validation=split.validation
        )
        history = []
        with finishing_on_interrupt() as interrupted, closing(steps):  # type: ignore[type-var]
            for record in steps:
                history.append(record.as_dict())
                if on_step is not None:
                    on_step(record)
                if interrupted():
                    break
        self.interrupted_ = interrupted()
        if self.interrupted_:
            logger.warning("interrupted after step %d; keeping what was learned", len(history))
        self.network_, self.split_, self.history_ = fitted.cpu(), split, history
        self.engine_ = engine
        self.ids_ = split.graph.ids
        self.graph_ = {
            "fingerprint": split.graph.fingerprint,
            "n_nodes": split.graph.n_nodes,
            "n_edges": split.graph.n_edges,
            "n_features": split.graph.n_features,
        }
        self._encode_and_score()
        return self

    def engine_here(self) -> str:
        """Name of the engine that `fit` would use here.

        Raises
        ------
        InputError
            Engine or device cannot be used here, or they do not go together.

        Examples
        --------
        >>> VGAE().engine_here()
        'numba'
        """
        return choose_place(self.settings.training, self.settings.network.latent_dim)[1].name

    def _encode_and_score(self) -> None:
        split, network = self.split_, self.network_
        use = self.settings.network.features
        training = messages = EncoderInput.from_graph(split.train, use)
        if split.settings.protocol != "T":
            messages = EncoderInput.from_graph(split.message_graph(), use)
        with torch.no_grad():
            latent = network.encode(messages)
            self.embedding_ = latent.mean.numpy()
            std = latent.std()
            self.embedding_std_ = None if std is None else std.numpy()
        self.metrics_ = {
            "protocol": split.settings.protocol,
            "proportions": split.settings.proportions,
            "seed": split.seed,
            **{
                part: held_out_metrics(network, inputs, pairs) if pairs else None
                for part, inputs, pairs in (
                    ("validation", training, split.validation),
                    ("test", messages, split.test),
                )
            },
        }

    def scores(self) -> Scores:
        """Logits of all pairs, from the posterior means and over the protocol's messages.

        Raises
        ------
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c")])
        >>> model.scores().rows(np.array([0])).shape
        (1, 3)
        """
        return VectorScores(self.embedding_)

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
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c")])
        >>> model.predict_proba([("a", "c")]).shape
        (1,)
        """
        embedding = self.embedding_
        source, target = id_columns(pairs if isinstance(pairs, np.ndarray) else list(pairs))
        indices = np.stack([self._indices(source), self._indices(target)], axis=1)
        with torch.no_grad():
            logits = self.network_.decoder.logits(
                torch.from_numpy(embedding), torch.from_numpy(indices)
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
            nodes = [nodes] if isinstance(nodes, (str, int)) else nodes
            pairs, logits = top_partners(factor, self._indices(nodes), k, known=known)
        sources, targets = (self.ids_[pairs[:, side]].tolist() for side in (0, 1))
        probabilities = _probability(logits).tolist()
        return [Link(*row) for row in zip(sources, targets, probabilities, strict=True)]

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
        """All that a run folder holds, for `vgae.store.save_run`."""
        return Run(
            settings=self.settings.model_dump(),
            graph=self.graph_ if graph_name is None else {"name": graph_name, **self.graph_},
            engine=self.engine_,
            interrupted=self.interrupted_,
            split=self.split_,
            history=self.history_,
            metrics=self.metrics_,
            weights={name: value.numpy() for name, value in self.network_.state_dict().items()},
            embedding=self.embedding_,
            embedding_std=self.embedding_std_,
        )

    def __getattr__(self, name: str) -> Any:
        if name.endswith("_") and not name.startswith("_"):
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet; call fit first")
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def _indices(self, ids: Iterable[NodeId]) -> NDArray[np.int64]:
        names = list(ids)
        rows = self.split_.graph.index(names)
        unknown = np.flatnonzero(rows < 0)
        if unknown.size:
            raise InputError(f"node '{names[unknown[0]]}' is not in the graph")
        return rows


def _probability(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    probability: NDArray[np.float64] = expit(logits.astype(np.float64))
    return probability


@final
class VGAE(LinkModel):
    """Variational graph auto-encoder (Kipf & Welling 2016).

    A Gaussian over each node's vector is learned with its uncertainty; see `LinkModel` for
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

    One point for each node's vector; see `LinkModel` for parameters, attributes and methods.

    Examples
    --------
    >>> GAE(steps=5).fit([("a", "b"), ("b", "c")]).embedding_std_ is None
    True
    """

    name = "gae"
    latent = "point"


MODELS: dict[str, type[LinkModel]] = {model.name: model for model in (VGAE, GAE)}
"""The models by the name that the command line uses."""


def load(path: str | Path) -> LinkModel:
    """A fitted model from its run folder.

    It predicts and recommends as it did when it was saved. Node features and edge weights are not
    stored: its `split_` holds the edges alone, and is no graph to fit another model to.

    Raises
    ------
    InputError
        The folder is missing, is no run, is damaged or of a newer format.
    """
    run = load_run(Path(path))
    settings = EstimatorSettings.parse(run.settings, where=f"{path}/run.json: settings")
    model = MODELS[settings.model](seed=settings.seed)
    model.settings = settings
    try:
        n_inputs = len(run.weights["encoder.weight.hidden"])
        network = GraphAutoEncoder(settings.network, n_inputs=n_inputs, seed=0)
        network.load_state_dict({k: torch.from_numpy(v) for k, v in run.weights.items()})
    except (KeyError, RuntimeError) as error:
        raise InputError(f"{path}: weights do not fit the settings; fit again") from error
    model.network_, model.split_, model.ids_ = network, run.split, run.split.graph.ids
    model.history_, model.metrics_, model.graph_ = run.history, run.metrics, run.graph
    model.embedding_, model.embedding_std_ = run.embedding, run.embedding_std
    model.interrupted_, model.engine_ = run.interrupted, run.engine
    return model
