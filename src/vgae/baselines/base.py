"""The interface of every baseline: settings that can be fitted to a graph."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from vgae.config import Settings
from vgae.errors import InputError
from vgae.graph import Graph
from vgae.interop import as_training_view
from vgae.scores import Scores

__all__ = ["Baseline"]


class Baseline(Settings, ABC):
    """A way to score pairs of nodes that is no graph auto-encoder.

    An instance holds the settings and nothing that was learned. It sees a `TrainingView` alone, so
    that no test pair can be reached.
    """

    name: ClassVar[str]
    """What the command line calls it."""
    needs_features: ClassVar[bool] = False
    """Whether it reads node features; without, it reads the edges alone."""
    single_threaded: ClassVar[bool] = False
    """Whether a fit keeps to one thread, so that several may well run side by side."""

    def fit(self, data: Any, *, seed: int = 0) -> Scores:
        """Learn from a graph, and score every pair of its nodes.

        Parameters
        ----------
        data
            A graph or anything `vgae.as_graph` takes, all of whose edges are learned from; or a
            `Split`, of which only the `TrainingView` is seen: neighbourhoods are then read from
            the edges that its protocol lets carry messages.
        seed
            Seed of all that is random.

        Raises
        ------
        InputError
            The graph is directed, has no edges, or lacks what the method needs.

        Examples
        --------
        >>> from vgae.baselines import baseline
        >>> baseline("common-neighbors").fit([("a", "b"), ("b", "c")]).pairs([(0, 2)]).tolist()
        [1.0]
        """
        view = as_training_view(data)
        self.check(view.train)
        return self._fit(view.train, view.messages, seed)

    def check(self, graph: Graph) -> None:
        """Refuse a graph that the method cannot learn from, before any work.

        Raises
        ------
        InputError
            As `fit`.
        """
        if graph.directed:
            raise InputError(f"{self.name}: takes undirected graphs; read with directed=False")
        if graph.n_edges == 0:
            raise InputError(
                f"{self.name}: the training graph has no edges: there is nothing to learn from"
            )
        if self.needs_features and graph.features is None:
            raise InputError(
                f"{self.name}: learns from node features and the graph has none; give some "
                "(--features) or leave this method out"
            )
        self._check(graph)

    def _check(self, graph: Graph) -> None:
        """What else a method asks of a graph."""

    @abstractmethod
    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:
        """What `fit` does once the input is known to be fit for it."""
