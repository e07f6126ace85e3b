"""What a split is made of, checked whenever one is made: no pair is in two parts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgae.data.adjacency import check_inside, places_of
from vgae.data.graph import Graph, count
from vgae.data.pair_space import PairSpace
from vgae.data.split.given import given_pairs, held_out_parts
from vgae.data.split.held_out import HeldOut
from vgae.data.split.settings import Negatives, Protocol, SplitSettings
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError

__all__ = ["Split", "TrainingView"]


@dataclass(frozen=True)
class TrainingView:
    """The part of a split that a method may see: everything except the test pairs.

    `Split.training` makes one. No test pair can be reached from it.

    Attributes
    ----------
    train
        The graph to learn from: only its edges are messages and targets in training.
    known
        The same nodes with the training and validation edges.
    validation
        Held-out pairs for early stopping and for choosing settings.
    protocol
        The edges that carry messages when pairs are scored; see `SplitSettings`.

    Raises
    ------
    InputError
        The parts leak into each other, or `known` does not consist of them.

    Examples
    --------
    >>> from vgae.data.split import split_edges
    >>> ring = Graph.from_edges([(i, (i + 1) % 40) for i in range(40)])
    >>> view = split_edges(ring, protocol="TV", seed=0).training
    >>> view.train.n_edges, view.known.n_edges, view.messages is view.known
    (34, 36, True)
    >>> len(view.as_split().test.positives)
    0
    """

    train: Graph
    known: Graph
    validation: HeldOut
    protocol: Protocol

    def __post_init__(self) -> None:
        SplitSettings.parse({"protocol": self.protocol}, where="split")
        _check_parts(self.known, self.train, {"validation": self.validation})

    @property
    def messages(self) -> Graph:
        """The graph whose edges carry messages when pairs are scored, by the protocol."""
        return self.train if self.protocol == "T" else self.known

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all that a fit sees: the training graph and the validation pairs.

        Examples
        --------
        >>> from vgae.data.split import split_edges
        >>> ring = Graph.from_edges([(i, (i + 1) % 40) for i in range(40)])
        >>> first, again, other = (split_edges(ring, seed=seed).training for seed in (0, 0, 1))
        >>> first.fingerprint == again.fingerprint != other.fingerprint
        True
        """
        seen = hashlib.sha256(self.train.fingerprint.encode())
        for part in (self.validation.positives, self.validation.negatives, self.validation.groups):
            seen.update(b"-" if part is None else np.ascontiguousarray(part, np.int64).tobytes())
        return seen.hexdigest()

    def as_split(self) -> Split:
        """Make a split of the known edges, without test pairs."""
        settings = SplitSettings.of_sizes(
            self.known.n_edges,
            validation=len(self.validation.positives),
            protocol=self.protocol,
            negatives="given" if self.validation else "uniform",  # a view does not know the kind
        )
        return Split(self.known, self.train, self.validation, HeldOut.nothing(), settings, seed=0)


@dataclass(frozen=True)
class Split:
    """A training graph with its held-out pairs.

    A model is trained on `train` alone. Make a split with `split_edges`, with `Split.from_pairs`
    from held-out pairs of your own, or with `Split.without_holdout` to train on every edge. Every
    split is checked when it is made: no pair is in two parts, in either direction unless the graph
    is directed, and the three parts of edges make up the whole graph. Negatives are pairs that can
    be edges, see `Graph.pair_space`. A split by time holds out no edge that is earlier than one to
    train on.

    Attributes
    ----------
    graph
        The whole graph, whose edges are not recommended again. Never used for training.
    train
        The same nodes and features with the training edges only.
    validation, test
        Held-out pairs.
    settings
        Proportions, protocol and kind of negatives.
    seed
        The seed that the split was drawn with, and that further negatives are drawn with.

    Raises
    ------
    InputError
        A pair occurs twice, in any parts and, unless directed, any direction; the training,
        validation and test edges are not exactly those of `graph`; held-out edges have no
        negatives, or another number than one each that the settings do not call given; or the
        nodes, weights or proportions do not
        agree; a negative cannot be an edge; or, split by time, a part is not the latest. Positives
        with negatives of their own may share some.

    Examples
    --------
    >>> from vgae.data.split import split_edges
    >>> ring = Graph.from_edges([(i, (i + 1) % 40) for i in range(40)])
    >>> split = split_edges(ring, seed=0)
    >>> split.training.known.n_edges, split.message_graph().n_edges
    (36, 34)
    >>> Split.without_holdout(ring).train.n_edges
    40
    >>> split.n_reversed, split.n_tied
    ({'validation': 0, 'test': 0}, {'validation': 0, 'test': 0})
    """

    graph: Graph
    train: Graph
    validation: HeldOut
    test: HeldOut
    settings: SplitSettings
    seed: int

    def __post_init__(self) -> None:
        held_out = {"validation": self.validation, "test": self.test}
        _check_parts(self.graph, self.train, held_out)
        if not isinstance(self.settings, SplitSettings):
            raise InputError("split: settings must be a vgae.data.split.SplitSettings")
        stream_seed(self.seed, "split")
        if self.settings.negatives != "given":
            for name, part in held_out.items():
                if len(part.positives) != len(part.negatives) or part.groups is not None:
                    raise InputError(
                        f"split: {name} has {count(len(part.negatives), 'negative')} for "
                        f"{count(len(part.positives), 'positive')}; give one per positive, or "
                        'settings with negatives="given"'
                    )
        sizes = {name: len(part.positives) for name, part in held_out.items()}
        n_edges, shares = self.graph.n_edges, self.settings.proportions
        if not self.settings.agree(n_edges, sizes):
            raise InputError(
                f"split: {sizes['validation']:,} validation and {sizes['test']:,} test edges of "
                f"{n_edges:,} are not the {shares['validation']:.3g} and {shares['test']:.3g} of "
                "the settings; SplitSettings.of_sizes computes the true proportions"
            )

        if self.settings.order == "time":
            self._check_times()

    def _check_times(self) -> None:
        """Refuse a split by time in which a part is not later than the one before it."""
        if self.graph.times is None:
            raise InputError("split: by time, but the edges of the graph have no times")
        latest = -np.inf
        for name, edges in self._parts.items():
            times = self.graph.times[self.graph.places(edges)]
            if times.size and times.min() < latest:
                raise InputError(
                    f"split: by time, but {name} holds an edge of time {times.min():g}, earlier "
                    f"than {latest:g} before it"
                )
            latest = times.max(initial=latest)

    @property
    def _parts(self) -> dict[str, Any]:
        """The edges of the three parts, in the order of time."""
        held_out = {"validation": self.validation.positives, "test": self.test.positives}
        return {"train": self.train.edges, **held_out}

    @cached_property
    def n_reversed(self) -> dict[str, int]:
        """Number of held-out arcs whose reverse is a training arc, by part; 0 unless directed.

        They are no leak: in a directed graph the two arcs are two pairs. They can be easy, though.
        """
        if not self.graph.directed:
            return {"validation": 0, "test": 0}
        return {
            name: int((self.train.places(self._parts[name][:, ::-1]) >= 0).sum())
            for name in ("validation", "test")
        }

    @cached_property
    def n_tied(self) -> dict[str, int]:
        """Number of edges before a part with the time of its earliest edge; 0 without times.

        Chance decides which of the edges of that time are held out.
        """
        found, earlier = {}, [self.train.edges]
        for name in ("validation", "test"):
            edges = self._parts[name]
            found[name] = 0
            if self.settings.order == "time" and self.graph.times is not None and len(edges):
                first = self.graph.times[self.graph.places(edges)].min()
                before = self.graph.times[self.graph.places(np.concatenate(earlier))]
                found[name] = int((before == first).sum())
            earlier.append(edges)
        return found

    @classmethod
    def without_holdout(cls, graph: Graph) -> Split:
        """Train on every edge and hold out none."""
        nothing = HeldOut.nothing()
        return cls(graph, graph, nothing, nothing, SplitSettings(validation=0.0, test=0.0), seed=0)

    @classmethod
    def from_pairs(
        cls,
        graph: Graph,
        *,
        validation: Any = None,
        test: Any = None,
        validation_negatives: Any = None,
        test_negatives: Any = None,
        protocol: Protocol = "T",
        seed: int = 0,
    ) -> Split:
        """Hold out these edges, given by node ids; all other edges are for training.

        Parameters
        ----------
        graph
            The whole graph, held-out edges included.
        validation, test
            Pairs of node ids: a list of pairs, an array of shape (n_pairs, 2), a tuple of two
            columns, or a data frame. None holds out no edges.
        validation_negatives, test_negatives
            Pairs without an edge, any number of them, in the same forms: every held-out edge is
            ranked against all of them. In an array of ids of shape (n_positives, n_negatives, 2), a
            list of lists of pairs, or a data frame with a column "positive" (row of the held-out
            edge, counted from 0), each held-out edge has its own. None draws one per held-out edge,
            uniformly.
        protocol
            See `SplitSettings`.
        seed
            Seed of negatives that are drawn.

        Raises
        ------
        InputError
            A node is unknown; a held-out pair is no edge of the graph, or a negative is; a pair
            joins a node with itself, occurs twice or in two parts. The error names the row.

        Examples
        --------
        >>> path = Graph.from_pairs([("a", "b"), ("b", "c"), ("c", "d"), ("d", "e")])
        >>> split = Split.from_pairs(
        ...     path, test=[("b", "c")], test_negatives=[[("b", "d"), ("b", "e")]]
        ... )
        >>> split.train.n_edges, len(split.test.negatives), split.test.groups.tolist()
        (3, 2, [0, 0])
        >>> Split.from_pairs(path, test=[("a", "c")])
        Traceback (most recent call last):
        vgae.InputError: test, row 0: ('a', 'c') is not an edge of the graph, ...
        """
        _check_graph(graph, "graph")
        positives = {"validation": validation, "test": test}
        negatives = {"validation": validation_negatives, "test": test_negatives}
        edges = {
            name: given_pairs(graph, data, name)
            for name, data in positives.items()
            if data is not None
        }
        given = {
            name: given_pairs(graph, data, f"{name}_negatives")
            for name, data in negatives.items()
            if data is not None
        }
        parts = held_out_parts(graph, edges, given, seed=seed)
        kind: Negatives = "given" if given else "uniform"
        return cls.of_parts(graph, **parts, protocol=protocol, negatives=kind, seed=seed)

    @classmethod
    def of_parts(
        cls,
        graph: Graph,
        *,
        validation: HeldOut,
        test: HeldOut,
        protocol: Protocol = "T",
        negatives: Negatives = "given",
        seed: int = 0,
    ) -> Split:
        """Hold out these parts; all other edges are for training.

        Parameters
        ----------
        graph
            The whole graph, held-out edges included.
        validation, test
            Held-out pairs, by node index.
        protocol, negatives
            See `SplitSettings`.
        seed
            The seed that the split was drawn with.

        Raises
        ------
        InputError
            As for every split.

        Examples
        --------
        >>> path = Graph.from_edges([(0, 1), (1, 2), (2, 3)])
        >>> test = HeldOut([(1, 2)], [(0, 2), (0, 3)])
        >>> Split.of_parts(path, validation=HeldOut.nothing(), test=test).train.n_edges
        2
        """
        held_out = np.concatenate([validation.positives, test.positives])
        training = np.ones(graph.n_edges, dtype=bool)
        places = graph.places(held_out, "held-out edges")
        training[places[places >= 0]] = False  # the split refuses those that are no edges
        settings = SplitSettings.of_sizes(
            graph.n_edges,
            validation=len(validation.positives),
            test=len(test.positives),
            protocol=protocol,
            negatives=negatives,
        )
        train = graph.with_edges(graph.edges[training])
        return cls(graph, train, validation, test, settings, seed)

    @cached_property
    def training(self) -> TrainingView:
        """The part that a method may see: no test pair can be reached from it."""
        known = self.train
        if self.validation:
            known = self.graph.with_edges(
                np.concatenate([self.train.edges, self.validation.positives])
            )
        return TrainingView(self.train, known, self.validation, self.settings.protocol)

    def message_graph(self) -> Graph:
        """The graph whose edges carry messages when test pairs are scored, by the protocol."""
        return self.training.messages


def _check_graph(graph: object, name: str) -> None:
    if not isinstance(graph, Graph):
        raise InputError(f"split: {name} is {type(graph).__name__}, not a Graph")


def _check_kinds(whole: Graph, train: Graph, held_out: Mapping[str, HeldOut]) -> None:
    """Refuse graphs of different nodes, and held-out edges without negatives."""
    _check_graph(whole, "graph")
    _check_graph(train, "train")
    for name, pairs in held_out.items():
        if not isinstance(pairs, HeldOut):
            raise InputError(
                f"split: {name} is {type(pairs).__name__}, not HeldOut(positives, negatives)"
            )
        if (len(pairs.positives) > 0) != (len(pairs.negatives) > 0):
            raise InputError(
                f"split: {name} has {count(len(pairs.negatives), 'negative')} for "
                f"{count(len(pairs.positives), 'positive')}; give at least one of each, or none"
            )
    if whole is train:
        return
    if whole.kind != train.kind:
        raise InputError(
            f"split: the training graph is {train.kind}, but the whole graph is {whole.kind}"
        )
    if not train.same_nodes(whole):
        raise InputError(
            "split: the training graph has other nodes, types or features than the whole graph"
        )


def _check_parts(whole: Graph, train: Graph, held_out: Mapping[str, HeldOut]) -> None:
    """Refuse parts that leak into each other or do not add up to the whole graph's edges."""
    _check_kinds(whole, train, held_out)
    if whole is train and not any(held_out.values()):
        return
    parts = {"training edges": train.edges}
    parts |= {f"{name} edges": pairs.positives for name, pairs in held_out.items()}
    n_edge_parts = len(parts)
    parts |= {f"{name} negatives": pairs.negatives for name, pairs in held_out.items()}
    space = whole.pair_space
    known = space.codes(whole.edges)
    owner = np.full(whole.n_edges, -1, dtype=np.int8)  # the part that holds each edge
    found = []
    for part, (name, rows) in enumerate(parts.items()):
        check_inside(rows, whole.n_nodes, f"split: {name}")
        if (rows[:, 0] == rows[:, 1]).any():
            raise InputError(f"split: the {name} contain a self loop")
        places = places_of(space.codes(rows), known)
        shared = owner[places[places >= 0]].max(initial=-1)
        if shared >= 0:
            raise InputError(f"split: a pair is in both the {list(parts)[shared]} and the {name}")
        if part < n_edge_parts:
            if (places < 0).any():
                row = int(np.flatnonzero(places < 0)[0])
                raise InputError(
                    f"split: {name}, row {row}: {tuple(rows[row].tolist())} is not an edge of the "
                    "whole graph, which must contain held-out edges too"
                )
            owner[places] = part
            if np.count_nonzero(owner == part) < len(rows):
                raise InputError(f"split: a pair occurs twice in the {name}")
        found.append(places)
    if (owner < 0).any():
        pair = tuple(whole.edges[np.flatnonzero(owner < 0)[0]].tolist())
        raise InputError(
            f"split: the edge {pair} of the whole graph is in no part "
            f"({count(int(np.count_nonzero(owner < 0)), 'such edge')})"
        )
    _check_negatives(space, held_out)
    if not np.array_equal(_weights(train), _weights(whole)[found[0]]):
        raise InputError("split: the training graph has other edge weights than the whole graph")


def _check_negatives(space: PairSpace, held_out: Mapping[str, HeldOut]) -> None:
    """Refuse a negative that cannot be an edge, or occurs twice other than in two groups."""
    for name, pairs in held_out.items():
        strange = np.flatnonzero(~space.allows(pairs.negatives))
        if strange.size:
            pair = tuple(pairs.negatives[strange[0]].tolist())
            raise InputError(
                f"split: {name} negatives, row {strange[0]}: {pair} joins types of nodes that no "
                "edge of the graph joins"
            )
    shared = [pairs.negatives for pairs in held_out.values() if pairs.groups is None]
    codes = space.codes(np.concatenate([np.empty((0, 2), np.int64), *shared]))
    if np.unique(codes).size < codes.size:
        raise InputError("split: a pair occurs twice among the negatives")
    for name, pairs in held_out.items():
        if pairs.groups is not None:
            both = np.stack([pairs.groups, space.codes(pairs.negatives)])
            ordered = both[:, np.lexsort(both)]
            if (np.diff(ordered) == 0).all(axis=0).any():
                raise InputError(f"split: a {name} positive has the same negative twice")


def _weights(graph: Graph) -> NDArray[np.float32]:
    return np.ones(graph.n_edges, np.float32) if graph.weights is None else graph.weights
