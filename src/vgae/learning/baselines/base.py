"""The interface of every baseline: settings that can be fitted to a graph."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

from vgae.data.graph import Graph
from vgae.data.interop import as_training_view
from vgae.data.kinds import Kind
from vgae.ground.config import Settings
from vgae.ground.errors import InputError
from vgae.learning.scores import Scores
from vgae.learning.weights import Expected

__all__ = ["Baseline"]

logger = logging.getLogger(__name__)


class Baseline(Settings, ABC):
    """A method other than a graph auto-encoder: frozen settings, with a `fit` that gives scores.

    An instance holds settings and nothing that was learned. `fit` reads only the `TrainingView` of
    a split, from which no test pair can be reached.

    Examples
    --------
    >>> from vgae.learning.baselines import baseline
    >>> method, path = baseline("spectral"), Graph.from_edges([(0, 1), (1, 2)])
    >>> method.check(path)
    >>> method.latent_dim, method.on(path).latent_dim, method.expected(path)
    (None, 2, None)
    """

    name: ClassVar[str]
    """Its name on the command line."""
    needs_features: ClassVar[bool] = False
    """Whether it reads node features; otherwise it reads the edges alone."""
    single_threaded: ClassVar[bool] = False
    """Whether a fit uses one thread, so that several fits can run in parallel."""
    kinds: ClassVar[tuple[Kind, ...]] = ("undirected", "bipartite")
    """Kinds of graphs that it reads as they are. Of a directed graph, a method that does not name
    it reads the edges without their directions, and scores both directions of a pair alike."""

    def fit(self, data: Any, *, seed: int = 0) -> Scores:
        """Learn from a graph, and score every pair of its nodes.

        Parameters
        ----------
        data
            A graph or anything `vgae.as_graph` takes, all of whose edges are used; or a `Split`, of
            which only the `TrainingView` is used. Neighbourhoods are then read from the edges
            that carry messages under its protocol.
        seed
            Seed of everything random.

        Raises
        ------
        InputError
            The graph is of another kind, has no edges, or lacks what the method needs.

        Examples
        --------
        >>> from vgae.learning.baselines import baseline
        >>> baseline("common-neighbors").fit([("a", "b"), ("b", "c")]).pairs([(0, 2)]).tolist()
        [1.0]
        """
        view = as_training_view(data)
        self.check(view.train)
        train, messages = view.train, view.messages
        if train.directed and "directed" not in self.kinds:
            logger.info("%s: scores both directions of a pair alike", self.name)
            train, messages = train.undirected(), messages.undirected()
        return self.on(train)._fit(train, messages, seed).with_expected(self.expected(view.train))

    @classmethod
    def takes(cls) -> tuple[Kind, ...]:
        """The kinds of graphs that it learns from; of a directed one, maybe without directions.

        Examples
        --------
        >>> from vgae.learning.baselines import BASELINES
        >>> BASELINES["katz"].takes(), BASELINES["balance"].takes()
        (('undirected', 'bipartite', 'directed'), ('signed',))
        """
        also: tuple[Kind, ...] = ("directed",) if "undirected" in cls.kinds else ()
        return tuple(dict.fromkeys([*cls.kinds, *also]))

    def on(self, graph: Graph) -> Self:  # noqa: ARG002
        """These settings, with those filled in or capped that depend on the graph.

        What was chosen or capped is logged.
        """
        return self

    def expected(self, train: Graph) -> Expected | None:  # noqa: ARG002
        """What the scores say of the weights of edges; None for a method that ranks pairs alone."""
        return None

    def check(self, graph: Graph) -> None:
        """Refuse a graph that the method cannot learn from, before any work.

        Raises
        ------
        InputError
            The graph is of another kind, has no edges, or lacks what the method needs.
        """
        graph.require(self.name, self.takes())
        if graph.n_edges == 0:
            raise InputError(
                f"{self.name}: the training graph has no edges: there is nothing to learn from"
            )
        if self.needs_features and graph.features is None:
            raise InputError(
                f"{self.name}: learns from node features and the graph has none; give some "
                "(--features) or omit this method"
            )
        self._check(graph)

    def _check(self, graph: Graph) -> None:
        """Further requirements of a method."""

    @abstractmethod
    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:
        """What `fit` does once the input is checked."""
