"""Several models as one: their vectors as evidence, and scores of all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray

from vgae.data.graph import Features, Graph
from vgae.ground.errors import InputError
from vgae.learning.combiner import CombinedScores, Combiner
from vgae.learning.evidence import Evidence, evidence_of
from vgae.learning.scores import ModelScores, Scores
from vgae.learning.settings import FitSettings
from vgae.learning.signs import ModelSigns
from vgae.model.inputs import InputScaling, node_inputs
from vgae.model.latents import Latent
from vgae.model.lengths import unit_rows
from vgae.model.network import GraphAutoEncoder, Parts
from vgae.model.settings import HALVES, N_DEGREE_CLASSES, ModelSettings

__all__ = [
    "MeanScores",
    "evidence_about",
    "inputs_of",
    "member_seed",
    "network_of",
    "scores_of_members",
]

Vectors = NDArray[np.float32]


def inputs_of(graph: Graph, settings: FitSettings) -> tuple[InputScaling, Features | None]:
    """How features become inputs, and the inputs of the nodes; see `node_inputs`.

    Examples
    --------
    >>> inputs_of(Graph.from_edges([(0, 1)]), FitSettings.of("gae"))[1] is None
    True
    """
    shape = settings.network
    return node_inputs(
        graph,
        features=shape.features,
        structure=shape.structure,
        structure_dim=shape.structure_dim,
        seed=settings.seed,
    )


def network_of(
    graph: Graph,
    inputs: Features | None,
    settings: FitSettings,
    seed: int,
    parts: Parts | None = None,
) -> GraphAutoEncoder:
    """A network with initial weights for a training graph.

    Parameters
    ----------
    graph
        The training graph.
    inputs
        Inputs of its nodes, or of some; None where every node is its own input.
    settings
        All settings.
    seed
        Seed of the weights.
    parts
        Parts of your own, for the settings that say "own".

    Examples
    --------
    >>> network_of(Graph.from_edges([(0, 1)]), None, FitSettings.of("gae"), 0).settings.latent
    'point'
    """
    n_nodes = graph.n_nodes
    return GraphAutoEncoder(
        settings.network,
        n_inputs=n_nodes if inputs is None else inputs.shape[1],
        n_nodes=n_nodes,
        density=graph.n_edges / max(1, graph.pair_space.n_pairs),
        seed=seed,
        parts=parts,
    )


def member_seed(seed: int, member: int) -> int:
    """The seed of a member of an ensemble; the first has that of the fit.

    Examples
    --------
    >>> member_seed(7, 0), member_seed(7, 1) != member_seed(8, 0)
    (7, True)
    """
    return seed if member == 0 else int(np.random.SeedSequence([seed, member]).generate_state(1)[0])


@final
class MeanScores(Scores):
    """The mean of several scores of the same pairs.

    Parameters
    ----------
    members
        Scores of the same nodes; the embedding is that of the first.

    Attributes
    ----------
    members
        The same.

    Examples
    --------
    >>> from vgae.learning.scores import VectorScores
    >>> one, other = VectorScores(np.ones((2, 1))), VectorScores(2.0 * np.ones((2, 1)))
    >>> mean = MeanScores([one, other])
    >>> mean.pairs([(0, 1)]).tolist(), mean.rows([0]).tolist(), mean.vectors.shape
    ([2.5], [[2.5, 2.5]], (2, 1))
    """

    def __init__(self, members: Sequence[Scores]) -> None:
        self.n_nodes, self.members = members[0].n_nodes, tuple(members)

    @property
    def vectors(self) -> Vectors | None:
        """The embedding of the first."""
        return self.members[0].vectors

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.floating]:
        return self._mean(np.zeros(len(pairs)), (one.pairs(pairs) for one in self.members))

    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        total = np.zeros((len(rows), self.n_nodes))
        return self._mean(total, (one.rows(rows) for one in self.members))

    def _mean(
        self, total: NDArray[np.float64], found: Iterable[NDArray[np.floating]]
    ) -> NDArray[np.floating]:
        """The mean of what the members score, rounded once."""
        for scores in found:
            total += scores
        return (total / len(self.members)).astype(np.float32)


def evidence_about(
    messages: Graph,
    latents: Sequence[Latent],
    settings: ModelSettings,
    *,
    seed: int = 0,
) -> Evidence:
    """The evidence of a graph, with the vectors of all members.

    Parameters
    ----------
    messages
        The graph whose links count.
    latents
        The posterior of each member, over the same nodes.
    settings
        What the members consist of; with features="none" those of the graph are no evidence.
    seed
        Seed of the matrix factorisation.

    Examples
    --------
    >>> import torch
    >>> from vgae.model.latents import Point
    >>> graph = Graph.from_edges([(0, 1), (1, 2)])
    >>> latents = [Point(torch.eye(3)), Point(2 * torch.eye(3))]
    >>> evidence = evidence_about(graph, latents, ModelSettings(latent_dim=3))
    >>> round(float(evidence.table([(0, 0)])[0, 0]), 4)  # the cosine of a node with itself
    1.0
    """
    means = [latent.mean.detach().cpu().numpy() for latent in latents]
    used = None if settings.features == "none" else messages.features
    if settings.decoder not in HALVES:
        hops = _members_hops(means, settings)
        return evidence_of(messages, hops=hops, features=used, seed=seed)
    halves = zip(*(np.split(mean, 2, axis=1) for mean in means), strict=True)
    sources, targets = (_members_hops(half, settings) for half in halves)
    return evidence_of(messages, hops=sources, targets=targets, features=used, seed=seed)


def _members_hops(parts: Sequence[Vectors], settings: ModelSettings) -> list[Vectors]:
    """Vectors of each hop, of all members side by side, whose products are means of cosines."""
    members = [_hops(part, settings) for part in parts]
    scale = np.float32(1.0 / np.sqrt(len(members)))
    return [np.concatenate(hop, axis=1) * scale for hop in zip(*members, strict=True)]


def _hops(part: Vectors, settings: ModelSettings) -> list[Vectors]:
    """Vectors of unit length: those of each hop, or the directions of the whole part."""
    if settings.encoder in ("multi-hop", "directed-multi-hop"):
        return np.split(part[:, :-N_DEGREE_CLASSES], settings.n_hops, axis=1)
    unit: Vectors = unit_rows(torch.from_numpy(part)).numpy()
    return [unit]


def scores_of_members(
    networks: Sequence[GraphAutoEncoder],
    latents: Sequence[Latent],
    *,
    messages: Graph,
    combiner: Combiner | None,
    seed: int = 0,
) -> Scores:
    """The scores of one or several models, with the combiner's evidence if there is one.

    Parameters
    ----------
    networks, latents
        The members, and the posterior of each.
    messages
        The graph whose links count.
    combiner
        Weights of the evidence, or None.
    seed
        Seed of the evidence.

    Raises
    ------
    InputError
        The combiner was fitted to other evidence.

    Examples
    --------
    >>> import torch
    >>> from vgae.model.latents import Point
    >>> graph = Graph.from_edges([(0, 1), (1, 2)])
    >>> network = GraphAutoEncoder(ModelSettings(latent_dim=3), n_inputs=3, seed=0)
    >>> scores = scores_of_members(
    ...     [network], [Point(torch.eye(3))], messages=graph, combiner=None
    ... )
    >>> scores.pairs([(0, 1)]).tolist()
    [0.0]
    """
    if combiner is not None:
        evidence = evidence_about(messages, latents, networks[0].settings, seed=seed)
        if combiner.columns != [column.name for column in evidence.columns]:
            raise InputError("the combiner was fitted to other evidence than there is; fit again")
        return CombinedScores(evidence, combiner, latents[0].mean.detach().cpu().numpy())
    members = [
        ModelScores.of(network, latent) for network, latent in zip(networks, latents, strict=True)
    ]
    made = members[0] if len(members) == 1 else MeanScores(members)
    made.signs = ModelSigns.of(networks, latents)
    return made
