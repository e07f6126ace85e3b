"""The result of a fit: one immutable value, which a run folder keeps and an estimator holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ConfigDict, Field
from scipy.special import expit

from vgae.data.attributes import AttributeEncoding
from vgae.data.graph import Graph
from vgae.data.ids import IdArray
from vgae.data.io import check_vectors
from vgae.data.split import Split, SplitSettings
from vgae.ground.config import Settings
from vgae.ground.errors import InputError
from vgae.learning.combiner import Combiner
from vgae.learning.ensemble import inputs_of, scores_of_members
from vgae.learning.fitted_scores import FittedScores, HeldOutScores
from vgae.learning.inductive import NewNodes, States, can_place, encode_graph, encode_new
from vgae.learning.scores import ModelScores, Scores
from vgae.learning.settings import FitSettings
from vgae.learning.weights import Expected
from vgae.model.inputs import InputScaling
from vgae.model.kernels import choose_engine
from vgae.model.latents import Gaussian, Latent, Point
from vgae.model.network import GraphAutoEncoder
from vgae.model.objective import expected_edges

__all__ = ["Fitted"]


class _StepLine(Settings):
    """One line of the history; see `StepRecord`. Its other fields are the terms of the loss."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]

    step: int = Field(ge=1)
    loss: float
    seconds: float = Field(ge=0.0)
    validation: HeldOutScores | None = None


@dataclass(frozen=True)
class Fitted(FittedScores):
    """A fitted model, checked whenever one is made, by a fit or from files.

    Attributes
    ----------
    settings
        All settings of the model and its training, and the seed.
    network
        The model with its weights.
    split, graph, calibrator, metrics
        See `vgae.learning.fitted_scores.FittedScores`.
    scaling
        How features became inputs.
    embedding, embedding_std
        Posterior means and standard deviations, shape (n_nodes, latent_dim); the deviations are
        None for a point-mass model.
    states
        What placing new nodes needs. None if the encoder has none, or if an earlier version stored
        the model.
    history
        One record per step, as plain values.
    engine
        Name of the engine that computed the sum over all pairs.
    objective_reason
        Why the objective was exact or sampled.
    interrupted
        Whether the user stopped training.
    feature_encoding
        How features were made from the columns of a table, as plain values; None if the features
        were given as numbers.

    Raises
    ------
    InputError
        A part is invalid, or the parts do not belong together.

    Examples
    --------
    >>> from vgae.learning.fitting import fit
    >>> fitted = fit(Split.without_holdout(Graph.from_pairs([("a", "b"), ("b", "c")])),
    ...              FitSettings.of("gae", steps=1, latent_dim=2))
    >>> fitted.graph["n_nodes"], fitted.embedding.shape, len(fitted.history), fitted.n_features
    (3, (3, 2), 1, 0)
    >>> fitted.scores.pairs([(0, 2)]).shape, fitted.ids.tolist(), fitted.has_inputs
    ((1,), ['a', 'b', 'c'], False)
    >>> fitted.needs_graph
    False
    >>> fitted.probabilities(fitted.scores.pairs([(0, 2)])).shape
    (1,)
    >>> fitted.named("letters").graph["name"], fitted.parts, 0 < fitted.expected_edges < 3
    ('letters', {}, True)
    >>> scores = fitted.scores
    >>> fitted.knowing(scores).scores is scores
    True
    >>> fitted.meaning.partition(":")[0], fitted.expected_precision(1)
    ('uncalibrated', None)
    """

    settings: FitSettings
    network: GraphAutoEncoder
    scaling: InputScaling
    embedding: NDArray[np.float32]
    embedding_std: NDArray[np.float32] | None
    states: States | None
    history: Sequence[Mapping[str, Any]]
    engine: str
    interrupted: bool = False
    feature_encoding: Mapping[str, Any] | None = None
    parts: Mapping[str, str] = field(default_factory=dict)
    """Names of the classes of parts of your own."""
    members: tuple[GraphAutoEncoder, ...] = ()
    """The other models of an ensemble."""
    combiner: Combiner | None = None
    """Weights of the evidence; None if the models stand alone."""
    expected: Expected | None = None
    """What scores say of the weights of edges; None if weights are no data of the model."""
    objective_reason: str = "as given"
    """Why the objective was exact or sampled."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for place, line in enumerate(self.history, start=1):
            if _StepLine.parse(dict(line), where=f"history, step {place}").step != place:
                raise InputError(f"history: step {place} is missing")
        if self.feature_encoding is not None:
            AttributeEncoding.parse(dict(self.feature_encoding), where="attributes")
        self._check_arrays()

    def _check_arrays(self) -> None:
        """Refuse values that would give answers that are not finite."""
        states = {} if self.states is None else self.states.arrays(has_inputs=True)
        for name, array in {**self.network.arrays(), **states}.items():
            # A module of your own may count in whole numbers, as batch normalisation does.
            if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
                raise InputError(f"{name}: holds a value that is not a finite number")
        mean, std = self.embedding, self.embedding_std
        if mean.ndim != 2 or len(mean) != self.split.graph.n_nodes:
            raise InputError("embeddings: are not one per node")
        if std is not None and (std.shape != mean.shape or (std < 0).any()):
            raise InputError("standard deviations: do not match the embeddings")
        check_vectors(mean, std)

    # ------------------------------------------------------------------- answers

    @property
    def random_seed(self) -> int:
        """The seed of the weights and the samples."""
        return self.settings.seed

    @property
    def n_features(self) -> int:
        """Number of features that the model was fitted with; 0 if it was fitted without any."""
        return self.settings.network.features_used(int(self.graph["n_features"]))

    @property
    def has_inputs(self) -> bool:
        """Whether nodes have inputs; otherwise every node is its own."""
        return self.settings.network.has_inputs(int(self.graph["n_features"]))

    @cached_property
    def scores(self) -> Scores:
        """Scores of all pairs, from the posterior over the protocol's messages."""
        mean, std = torch.from_numpy(self.embedding), self.embedding_std
        latent: Latent = (
            Point(mean) if std is None else Gaussian(mean, torch.from_numpy(np.log(std)))
        )
        latents = [latent]
        if self.members:
            graph = self.split.message_graph()
            _, inputs = inputs_of(self.split.train, self.settings)
            with torch.no_grad():
                latents += [one.encode(one.prepare(graph, inputs)) for one in self.members]
        return scores_of_members(
            [self.network, *self.members],
            latents,
            messages=self.split.message_graph(),
            combiner=self.combiner,
            seed=self.settings.seed,
        ).with_expected(self.expected)

    def knowing(self, scores: Scores) -> Self:
        """The same, whose scores are known: those that `scores` would compute."""
        vars(self)["scores"] = scores
        return self

    @property
    def needs_graph(self) -> bool:
        """Whether scores are computed from the graph's features and links, not from vectors."""
        return bool(self.members) or self.combiner is not None

    def uncalibrated(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """The model's own probability of an edge for each score."""
        if self.combiner is not None:
            probabilities: NDArray[np.float64] = expit(np.asarray(scores, np.float64))
            return probabilities
        return self.network.likelihood.probability(scores)

    @cached_property
    def expected_edges(self) -> float:
        """The sum of the model's own probabilities over all pairs, before any calibration.

        Every pair is summed, which takes quadratic time and linear memory.

        Raises
        ------
        InputError
            The scores have no factors.
        """
        factors = self.scores.factors if isinstance(self.scores, ModelScores) else None
        if factors is None:
            raise InputError(
                f"decoder {self.settings.network.decoder}: scores pairs one by one; the expected "
                "number of edges takes factors"
            )
        return expected_edges(
            self.network.likelihood, factors, self.split.graph.pair_space, choose_engine("auto")
        )

    def embed(self, graph: Graph) -> NDArray[np.float32]:
        """Embedding of another graph's nodes, shape (n_nodes, latent_dim).

        Raises
        ------
        InputError
            See `vgae.learning.inductive.encode_graph`; or the inputs were made from the training
            graph.

        Examples
        --------
        >>> from vgae.learning.fitting import fit
        >>> graph = Graph.from_pairs([("a", "b"), ("b", "c")])
        >>> fitted = fit(Split.without_holdout(graph), FitSettings.of("gae", steps=1))
        >>> fitted.embed(Graph.from_pairs([("b", "new")])).shape
        (2, 16)
        """
        self._check_inductive("embed another graph")
        latent = encode_graph(
            self.network,
            graph,
            known=self.split.graph,
            n_features=self.n_features,
            scaling=self.scaling,
        )
        vectors: NDArray[np.float32] = latent.mean.numpy()
        return vectors

    def encode_new(self, new: NewNodes) -> tuple[Latent, States]:
        """The distribution over the embedding of new nodes, and their states.

        Raises
        ------
        InputError
            See `vgae.learning.inductive.encode_new`; or this model cannot place new nodes.
        """
        self._check_inductive("place new nodes")
        if self.states is None:
            if not can_place(self.network.encoder, self.network.decoder):
                cause = f"encoder {self.settings.network.encoder}"
                if self.network.decoder.ordered:
                    cause = "a model of a directed graph"
                raise InputError(f"{cause}: cannot place new nodes; fit again with them")
            raise InputError(
                "this run was stored by an earlier version, without what new nodes need; fit again"
            )
        return encode_new(self.network, self.states, new, self.scaling)

    def _check_inductive(self, what: str) -> None:
        structure = self.settings.network.structure
        if what.startswith("place") and self.needs_graph:
            raise InputError(
                "the scores of this model are made from all members and links of the graph, so "
                "that it cannot place new nodes; fit again with them, or fit with --preset paper"
            )
        if structure != "none":
            raise InputError(
                f"structure {structure}: its inputs were made from the training graph, so that the "
                f"model cannot {what}; fit again, or fit without it"
            )

    def with_nodes(self, new: NewNodes, ids: IdArray, latent: Latent, states: States) -> Self:
        """The same, with new nodes after the known ones; see `LinkModel.with_nodes`.

        Examples
        --------
        >>> from vgae.learning.inductive import new_nodes
        >>> from vgae.learning.fitting import fit
        >>> graph = Graph.from_pairs([("a", "b"), ("b", "c")])
        >>> fitted = fit(Split.without_holdout(graph), FitSettings.of("gae", steps=1))
        >>> new = new_nodes(
        ...     graph, features=None, edges=[("x", "a")], weights=None, ids=None, n_features=0
        ... )
        >>> fitted.with_nodes(new, new.ids, *fitted.encode_new(new)).ids.tolist()
        ['a', 'b', 'c', 'x']
        """
        every, edges = np.concatenate([self.ids, ids]), new.edges(len(self.ids))
        std, new_std = self.embedding_std, latent.std()
        if std is not None and new_std is not None:
            std = np.concatenate([std, new_std.numpy()])
        return replace(
            self,
            split=_enlarged(self.split, every, edges),
            graph={
                **self.graph,
                "n_added_nodes": self.graph.get("n_added_nodes", 0) + len(ids),
                "n_added_edges": self.graph.get("n_added_edges", 0) + len(edges),
            },
            embedding=np.concatenate([self.embedding, latent.mean.numpy()]),
            embedding_std=std,
            states=None if self.states is None else self.states.joined(states),
            expected=None if self.expected is None else self.expected.with_nodes(len(ids)),
            record=None if self.record is None else self.record.with_nodes(len(ids)),
        )


def _enlarged(split: Split, ids: IdArray, edges: NDArray[np.int64]) -> Split:
    """A split whose graphs have additional nodes and edges, and hold nothing but ids and edges."""
    whole, train = (graph.with_nodes(ids, edges) for graph in (split.graph, split.train))
    settings = SplitSettings.of_sizes(
        whole.n_edges,
        validation=len(split.validation.positives),
        test=len(split.test.positives),
        protocol=split.settings.protocol,
        negatives=split.settings.negatives,
    )
    return Split(whole, train, split.validation, split.test, settings, split.seed)
