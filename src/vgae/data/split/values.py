"""What a split is made of, checked whenever one is made: no pair is in two parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from vgae.data.adjacency import check_inside, index_pairs, pair_codes, places_of
from vgae.data.graph import Graph, count
from vgae.ground.config import Settings, stream_seed
from vgae.ground.errors import InputError

__all__ = [
    "PAPER_SPLIT",
    "HeldOut",
    "Pairs",
    "Protocol",
    "Split",
    "SplitSettings",
    "TrainingView",
]

Pairs = NDArray[np.int64]
Protocol = Literal["T", "TV"]


class SplitSettings(Settings):
    """Proportions and protocol; the default is the paper's 85 / 5 / 10.

    Attributes
    ----------
    validation, test
        Fractions of the edges to hold out, each rounded down to whole edges.
    protocol
        The edges that carry messages when the test pairs are scored: "T" for train-only messages,
        "TV" for train + validation messages.

    Examples
    --------
    >>> settings = SplitSettings(validation=0.1, test=0.2, protocol="TV")
    >>> settings.proportions
    {'train': 0.7, 'validation': 0.1, 'test': 0.2}
    >>> settings.sizes(78)
    {'validation': 7, 'test': 15}
    >>> settings.agree(78, {"validation": 8, "test": 16})  # rounded up: still these proportions
    True
    """

    validation: float = Field(default=0.05, ge=0.0, lt=1.0)
    test: float = Field(default=0.10, ge=0.0, lt=1.0)
    protocol: Protocol = "T"

    @property
    def proportions(self) -> dict[str, float]:
        """Fractions of the edges by part, including the training edges."""
        train = round(1.0 - self.validation - self.test, 12)
        return {"train": train, "validation": self.validation, "test": self.test}

    def sizes(self, n_edges: int) -> dict[str, int]:
        """Number of held-out edges by part, for a graph with `n_edges` edges."""
        # The tiny addend undoes binary rounding: 0.05 of 60 edges must be 3, not 2.
        parts = {"validation": self.validation, "test": self.test}
        return {name: int(part * n_edges + 1e-9) for name, part in parts.items()}

    def agree(self, n_edges: int, sizes: Mapping[str, int]) -> bool:
        """Whether held-out sizes are these proportions of `n_edges` edges, up to rounding."""
        shares = self.proportions
        return all(abs(shares[name] * n_edges - size) < 1 - 1e-6 for name, size in sizes.items())

    @classmethod
    def of_sizes(
        cls, n_edges: int, *, validation: int = 0, test: int = 0, protocol: Protocol = "T"
    ) -> SplitSettings:
        """Make settings with the true proportions of an existing split.

        Parameters
        ----------
        n_edges
            Number of edges of the whole graph.
        validation, test
            Number of held-out edges.
        protocol
            As above.

        Raises
        ------
        InputError
            No edge is left to train on.

        Examples
        --------
        >>> SplitSettings.of_sizes(80, validation=4, test=8).proportions
        {'train': 0.85, 'validation': 0.05, 'test': 0.1}
        """
        shares = {"validation": validation / max(n_edges, 1), "test": test / max(n_edges, 1)}
        return cls.parse({**shares, "protocol": protocol}, where="split")


PAPER_SPLIT = SplitSettings()


@dataclass(frozen=True, init=False)
class HeldOut:
    """Held-out edges, and one pair without an edge for each.

    Both are copied and checked. The arrays are read-only.

    Parameters
    ----------
    positives, negatives
        Node indices, shape (n_pairs, 2) each: pairs with and without an edge.

    Raises
    ------
    InputError
        A part does not hold pairs of integers, or an index is negative.

    Examples
    --------
    >>> HeldOut([(0, 1)], [(0, 2)]).positives.dtype
    dtype('int64')
    >>> bool(HeldOut.nothing())
    False
    """

    positives: Pairs
    negatives: Pairs

    def __init__(self, positives: ArrayLike, negatives: ArrayLike) -> None:
        for name, pairs in (("positives", positives), ("negatives", negatives)):
            own = np.array(index_pairs(pairs, name), dtype=np.int64, order="C")
            if own.size and own.min() < 0:
                row = int(np.flatnonzero((own < 0).any(axis=1))[0])
                raise InputError(
                    f"{name}, row {row}: {tuple(own[row].tolist())} has a negative node index"
                )
            own.flags.writeable = False
            object.__setattr__(self, name, own)

    def __bool__(self) -> bool:
        return len(self.positives) > 0

    @classmethod
    def nothing(cls) -> HeldOut:
        """Hold out no pairs."""
        return cls(*(np.empty((0, 2), dtype=np.int64) for _ in range(2)))


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

    def as_split(self) -> Split:
        """Make a split of the known edges, without test pairs."""
        settings = SplitSettings.of_sizes(
            self.known.n_edges,
            validation=len(self.validation.positives),
            protocol=self.protocol,
        )
        return Split(self.known, self.train, self.validation, HeldOut.nothing(), settings, seed=0)


@dataclass(frozen=True)
class Split:
    """A training graph with its held-out pairs.

    A model is trained on `train` alone. Make a split with `split_edges`, or with
    `Split.without_holdout` to train on every edge. Every split is checked when it is made: no pair
    is in two parts, in either direction, and the three parts of edges make up the whole graph.

    Attributes
    ----------
    graph
        The whole graph, whose edges are not recommended again. Never used for training.
    train
        The same nodes and features with the training edges only.
    validation, test
        Held-out pairs.
    settings
        Proportions and protocol.
    seed
        The seed that the split was drawn with.

    Raises
    ------
    InputError
        A pair occurs twice, in any parts and direction; the training, validation and test edges
        are not exactly those of `graph`; there is not one negative per positive; or the nodes,
        weights or proportions do not agree.

    Examples
    --------
    >>> from vgae.data.split import split_edges
    >>> ring = Graph.from_edges([(i, (i + 1) % 40) for i in range(40)])
    >>> split = split_edges(ring, seed=0)
    >>> split.training.known.n_edges, split.message_graph().n_edges
    (36, 34)
    >>> Split.without_holdout(ring).train.n_edges
    40
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
        sizes = {name: len(part.positives) for name, part in held_out.items()}
        n_edges, shares = self.graph.n_edges, self.settings.proportions
        if not self.settings.agree(n_edges, sizes):
            raise InputError(
                f"split: {sizes['validation']:,} validation and {sizes['test']:,} test edges of "
                f"{n_edges:,} are not the {shares['validation']:.3g} and {shares['test']:.3g} of "
                "the settings; SplitSettings.of_sizes computes the true proportions"
            )

    @classmethod
    def without_holdout(cls, graph: Graph) -> Split:
        """Train on every edge and hold out none."""
        nothing = HeldOut.nothing()
        return cls(graph, graph, nothing, nothing, SplitSettings(validation=0.0, test=0.0), seed=0)

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


def _check_kinds(whole: Graph, train: Graph, held_out: Mapping[str, HeldOut]) -> None:
    """Refuse graphs of different nodes, and pairs without one negative per positive."""
    for name, graph in (("graph", whole), ("train", train)):
        if not isinstance(graph, Graph):
            raise InputError(f"split: {name} is {type(graph).__name__}, not a Graph")
    for name, pairs in held_out.items():
        if not isinstance(pairs, HeldOut):
            raise InputError(
                f"split: {name} is {type(pairs).__name__}, not HeldOut(positives, negatives)"
            )
        if len(pairs.positives) != len(pairs.negatives):
            raise InputError(
                f"split: {name} has {count(len(pairs.negatives), 'negative')} for "
                f"{count(len(pairs.positives), 'positive')}; give one per positive"
            )
    if whole is train:
        return
    if whole.directed or train.directed:
        raise InputError("split: a directed graph cannot be split; read it with directed=False")
    if not train.same_nodes(whole):
        raise InputError(
            "split: the training graph has other nodes or features than the whole graph"
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
    known = pair_codes(whole.edges, whole.n_nodes)
    owner = np.full(whole.n_edges, -1, dtype=np.int8)  # the part that holds each edge
    found = []
    for part, (name, rows) in enumerate(parts.items()):
        check_inside(rows, whole.n_nodes, f"split: {name}")
        if (rows[:, 0] == rows[:, 1]).any():
            raise InputError(f"split: the {name} contain a self loop")
        places = places_of(pair_codes(rows, whole.n_nodes), known)
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
    negatives = np.concatenate([pairs.negatives for pairs in held_out.values()])
    codes = pair_codes(negatives, whole.n_nodes)
    if np.unique(codes).size < codes.size:
        raise InputError("split: a pair occurs twice among the negatives")
    if not np.array_equal(_weights(train), _weights(whole)[found[0]]):
        raise InputError("split: the training graph has other edge weights than the whole graph")


def _weights(graph: Graph) -> NDArray[np.float32]:
    return np.ones(graph.n_edges, np.float32) if graph.weights is None else graph.weights
