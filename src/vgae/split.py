"""Splits of a graph's edges into training, validation and test, leak-proof by construction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from vgae.adjacency import check_inside, index_pairs, pair_codes, places_of
from vgae.config import Settings, stream_seed, strict_json
from vgae.errors import InputError, newer_format
from vgae.files import BAD_ARCHIVE, file_errors, staged_file
from vgae.graph import Graph, count

__all__ = [
    "PAPER_SPLIT",
    "HeldOut",
    "NodeSplit",
    "Split",
    "SplitSettings",
    "TrainingView",
    "labelled_nodes",
    "load_split",
    "load_split_edges",
    "node_split",
    "sample_non_edges",
    "save_split",
    "split_edges",
]

Pairs = NDArray[np.int64]
Protocol = Literal["T", "TV"]

FORMAT_VERSION = 1


class SplitSettings(Settings):
    """Proportions and protocol; the defaults are the paper's 85 / 5 / 10.

    Attributes
    ----------
    validation, test
        Fractions of the edges to hold out, each rounded down to whole edges.
    protocol
        Which edges carry messages when the test pairs are scored: "T", the training edges alone,
        or "TV", the training and validation edges.
    """

    validation: float = Field(default=0.05, ge=0.0, lt=1.0)
    test: float = Field(default=0.10, ge=0.0, lt=1.0)
    protocol: Protocol = "T"

    @property
    def proportions(self) -> dict[str, float]:
        """Fractions of the edges by part, training included."""
        train = round(1.0 - self.validation - self.test, 12)
        return {"train": train, "validation": self.validation, "test": self.test}

    def sizes(self, n_edges: int) -> dict[str, int]:
        """How many of some edges are held out, by part."""
        # The tiny addend undoes binary rounding: 0.05 * 60 edges must be 3, not 2.
        parts = {"validation": self.validation, "test": self.test}
        return {name: int(part * n_edges + 1e-9) for name, part in parts.items()}

    def agree(self, n_edges: int, sizes: Mapping[str, int]) -> bool:
        """Whether held-out sizes by part are these proportions of some edges, but for rounding."""
        shares = self.proportions
        return all(abs(shares[name] * n_edges - size) < 1 - 1e-6 for name, size in sizes.items())

    @classmethod
    def of_sizes(
        cls, n_edges: int, *, validation: int = 0, test: int = 0, protocol: Protocol = "T"
    ) -> SplitSettings:
        """Settings that say the true proportions of a split that is there already.

        Parameters
        ----------
        n_edges
            Edges of the whole graph.
        validation, test
            How many of them are held out.
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
    """Held-out edges and as many pairs without an edge; node indices, shape (n_pairs, 2) each.

    Both are copied, checked and read-only.

    Raises
    ------
    InputError
        They are no pairs of integers, or one is negative.

    Examples
    --------
    >>> HeldOut([(0, 1)], [(0, 2)]).positives.dtype
    dtype('int64')
    """

    positives: Pairs
    negatives: Pairs

    def __init__(self, positives: ArrayLike, negatives: ArrayLike) -> None:
        for name, pairs in (("positives", positives), ("negatives", negatives)):
            own = np.array(index_pairs(pairs, name), dtype=np.int64, order="C")
            if own.size and own.min() < 0:
                row = int(np.flatnonzero((own < 0).any(axis=1))[0])
                raise InputError(f"{name}, row {row}: {tuple(own[row].tolist())} has no such node")
            own.flags.writeable = False
            object.__setattr__(self, name, own)

    def __bool__(self) -> bool:
        return len(self.positives) > 0

    @classmethod
    def nothing(cls) -> HeldOut:
        """No pairs."""
        return cls(*(np.empty((0, 2), dtype=np.int64) for _ in range(2)))


@dataclass(frozen=True)
class TrainingView:
    """What a method sees of a split: everything but the test pairs.

    `Split.training` makes one. No test pair can be reached from it.

    Attributes
    ----------
    train
        The graph to learn from: its edges alone are messages and targets in training.
    known
        The same nodes with the training and validation edges.
    validation
        Held-out pairs for early stopping and for choosing settings.
    protocol
        Which edges carry messages when pairs are scored; see `SplitSettings`.

    Raises
    ------
    InputError
        The parts leak into each other, or `known` is not made of them.

    Examples
    --------
    >>> ring = Graph.from_edges([(i, (i + 1) % 40) for i in range(40)])
    >>> view = split_edges(ring, protocol="TV", seed=0).training
    >>> view.train.n_edges, view.known.n_edges, view.messages is view.known
    (34, 36, True)
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
        """The edges that carry messages when pairs are scored, by the protocol."""
        return self.train if self.protocol == "T" else self.known

    def as_split(self) -> Split:
        """A split of the known edges, without test pairs."""
        settings = SplitSettings.of_sizes(
            self.known.n_edges,
            validation=len(self.validation.positives),
            protocol=self.protocol,
        )
        return Split(self.known, self.train, self.validation, HeldOut.nothing(), settings, seed=0)


@dataclass(frozen=True)
class Split:
    """A training graph with its held-out pairs.

    A model is trained on `train` alone. Make one with `split_edges`, or, to train on everything,
    with `Split.without_holdout`. However it is made, it is checked: no pair is in two parts, in
    either direction, and the three parts of edges are the whole graph.

    Attributes
    ----------
    graph
        The whole graph: what a recommendation must leave out. Never for training.
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
        A pair occurs twice, in whichever parts and direction; training, validation and test edges
        are not exactly those of `graph`; there is not one negative for each positive; or
        nodes, weights or proportions do not agree.
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
            raise InputError("split: settings are no SplitSettings, such as vgae.PAPER_SPLIT")
        stream_seed(self.seed, "split")
        sizes = {name: len(part.positives) for name, part in held_out.items()}
        n_edges, shares = self.graph.n_edges, self.settings.proportions
        if not self.settings.agree(n_edges, sizes):
            raise InputError(
                f"split: {sizes['validation']:,} validation and {sizes['test']:,} test edges of "
                f"{n_edges:,} are not the {shares['validation']:.3g} and {shares['test']:.3g} of "
                "the settings; SplitSettings.of_sizes gives the true ones"
            )

    @classmethod
    def without_holdout(cls, graph: Graph) -> Split:
        """All edges train, nothing is held out."""
        nothing = HeldOut.nothing()
        return cls(graph, graph, nothing, nothing, SplitSettings(validation=0.0, test=0.0), seed=0)

    @cached_property
    def training(self) -> TrainingView:
        """All that a method may see: no test pair can be reached from it."""
        known = self.train
        if self.validation:
            known = self.graph.with_edges(
                np.concatenate([self.train.edges, self.validation.positives])
            )
        return TrainingView(self.train, known, self.validation, self.settings.protocol)

    def message_graph(self) -> Graph:
        """The edges that carry messages when test pairs are scored, by the protocol."""
        return self.training.messages


def _check_kinds(whole: Graph, train: Graph, held_out: Mapping[str, HeldOut]) -> None:
    """Refuse what are no graphs of the same nodes, or no pairs with as many negatives."""
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
                f"{count(len(pairs.positives), 'positive')}; give one for each"
            )
    if whole is train:
        return
    if whole.directed or train.directed:
        raise InputError("split: a directed graph cannot be split; read it with directed=False")
    if not train.same_nodes(whole):
        raise InputError("split: the nodes of the training graph, or their features, are others")


def _check_parts(whole: Graph, train: Graph, held_out: Mapping[str, HeldOut]) -> None:
    """Refuse parts that leak into each other, or are not all of a graph's edges."""
    _check_kinds(whole, train, held_out)
    if whole is train and not any(held_out.values()):
        return
    parts = {"training edges": train.edges}
    parts |= {f"{name} edges": pairs.positives for name, pairs in held_out.items()}
    n_edge_parts = len(parts)
    parts |= {f"{name} negatives": pairs.negatives for name, pairs in held_out.items()}
    known = pair_codes(whole.edges, whole.n_nodes)
    owner = np.full(whole.n_edges, -1, dtype=np.int8)  # the part that has an edge
    found = []
    for part, (name, rows) in enumerate(parts.items()):
        check_inside(rows, whole.n_nodes, f"split: {name}")
        if (rows[:, 0] == rows[:, 1]).any():
            raise InputError(f"split: {name} hold a self loop")
        places = places_of(pair_codes(rows, whole.n_nodes), known)
        shared = owner[places[places >= 0]].max(initial=-1)
        if shared >= 0:
            raise InputError(
                f"split: a pair is both in the {list(parts)[shared]} and in the {name}"
            )
        if part < n_edge_parts:
            if (places < 0).any():
                row = int(np.flatnonzero(places < 0)[0])
                raise InputError(
                    f"split: {name}, row {row}: {tuple(rows[row].tolist())} is no edge of the "
                    "whole graph, which holds all edges, held-out ones too"
                )
            owner[places] = part
            if np.count_nonzero(owner == part) < len(rows):
                raise InputError(f"split: a pair is twice in the {name}")
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
        raise InputError("split: a pair is twice among the negatives")
    if not np.array_equal(_weights(train), _weights(whole)[found[0]]):
        raise InputError("split: weights of training edges are not those of the whole graph")


def _weights(graph: Graph) -> NDArray[np.float32]:
    return np.ones(graph.n_edges, np.float32) if graph.weights is None else graph.weights


def split_edges(
    graph: Graph,
    *,
    seed: int,
    validation: float = PAPER_SPLIT.validation,
    test: float = PAPER_SPLIT.test,
    protocol: Protocol = PAPER_SPLIT.protocol,
) -> Split:
    """Hold out edges and draw as many pairs without an edge, leak-proof.

    Negatives are uniform over the pairs that are no edge of the whole graph in either direction,
    and distinct as unordered pairs within and across validation and test.

    Parameters
    ----------
    graph
        An undirected graph.
    seed
        Not negative; the same graph, settings and seed give the same split.
    validation, test, protocol
        Proportions and protocol; see `SplitSettings`.

    Raises
    ------
    InputError
        A proportion is not allowed, or the graph is directed, has too few edges to hold out what
        is asked, or too few pairs without an edge.

    Examples
    --------
    >>> ring = Graph.from_edges([(i, (i + 1) % 40) for i in range(40)])
    >>> split = split_edges(ring, seed=0)
    >>> split.train.n_edges, len(split.validation.positives), len(split.test.positives)
    (34, 2, 4)
    """
    settings = SplitSettings.parse(
        {"validation": validation, "test": test, "protocol": protocol}, where="split"
    )
    if not isinstance(graph, Graph):
        raise InputError(
            f"split_edges takes a Graph, not {type(graph).__name__}; vgae.as_graph makes one"
        )
    if graph.directed:
        raise InputError("a directed graph cannot be split; read it with directed=False")
    edges = graph.edges
    sizes = settings.sizes(len(edges))
    for name, size in sizes.items():
        part = settings.proportions[name]
        if part > 0 and size == 0:
            raise InputError(
                f"{count(len(edges), 'edge')}: too few to hold out {part:.3g} of them for {name}; "
                "hold out a larger share (--validation, --test), or none with --no-holdout"
            )
    n_held_out = sum(sizes.values())
    if len(edges) == 0 or n_held_out >= len(edges):
        raise InputError(
            f"{count(len(edges), 'edge')}: holding out {n_held_out} of them leaves none to train on"
        )
    random = np.random.default_rng(stream_seed(seed, "split"))
    shuffled = edges[random.permutation(len(edges))]
    negatives = sample_non_edges(
        graph,
        n_held_out,
        random,
        advice="hold out a smaller share (--validation, --test), or none with --no-holdout",
    )
    cut = sizes["validation"]
    return Split(
        graph=graph,
        train=graph.with_edges(shuffled[n_held_out:]),
        validation=HeldOut(shuffled[:cut], negatives[:cut]),
        test=HeldOut(shuffled[cut:n_held_out], negatives[cut:]),
        settings=settings,
        seed=seed,
    )


def sample_non_edges(
    graph: Graph, n_wanted: int, random: np.random.Generator, *, advice: str
) -> Pairs:
    """Distinct unordered pairs without an edge, uniform over all of them, in random order.

    Parameters
    ----------
    graph
        An undirected graph.
    n_wanted
        How many pairs.
    random
        What draws them.
    advice
        What to do where the graph has fewer such pairs, for the error.

    Returns
    -------
    Node indices, shape (n_wanted, 2), the smaller of a pair first.

    Raises
    ------
    InputError
        The graph has fewer pairs without an edge.

    Examples
    --------
    >>> path = Graph.from_edges([(0, 1), (1, 2)])
    >>> sample_non_edges(path, 1, np.random.default_rng(0), advice="ask for fewer").tolist()
    [[0, 2]]
    """
    n_nodes = graph.n_nodes
    n_non_edges = n_nodes * (n_nodes - 1) // 2 - graph.n_edges
    if n_wanted > n_non_edges:
        raise InputError(
            f"the graph has {count(n_non_edges, 'pair')} without an edge, but {n_wanted} are "
            f"needed as negatives; {advice}"
        )
    edge_codes = pair_codes(graph.edges, n_nodes)  # sorted, as edges are
    if n_non_edges <= 4 * n_wanted:
        # Nearly all are needed, so the graph is dense: listing all pairs costs no more than it.
        source, target = np.triu_indices(n_nodes, k=1)
        free = np.setdiff1d(source * n_nodes + target, edge_codes, assume_unique=True)
        found = random.choice(free, n_wanted, replace=False)
    else:
        found = np.empty(0, dtype=np.int64)
        while found.size < n_wanted:
            drawn = random.integers(n_nodes, size=(2 * (n_wanted - found.size) + 16, 2))
            drawn = drawn[drawn[:, 0] != drawn[:, 1]]
            codes = pair_codes(drawn, n_nodes)
            free = codes[places_of(codes, edge_codes) < 0]
            found = _distinct(np.concatenate([found, free]))
        found = found[:n_wanted]
    return np.stack(np.divmod(found, n_nodes), axis=1)


def _distinct(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Without repetitions, in the order of first occurrence."""
    _, first = np.unique(codes, return_index=True)
    return codes[np.sort(first)]


# ----------------------------------------------------------------------- nodes

TRAINING_NODES_PER_CLASS, MOST_TEST_NODES = 20, 1000
"""The sizes of the public splits of Cora, Citeseer and Pubmed (Yang et al. 2016)."""


@dataclass(frozen=True)
class NodeSplit:
    """Nodes whose labels are learned from, and nodes whose labels are asked; node indices."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]


def labelled_nodes(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Indices of the nodes that have a label: of numbers, those that are not below 0 or NaN."""
    if np.issubdtype(labels.dtype, np.number):
        return np.flatnonzero(labels >= 0)
    return np.arange(len(labels))


def node_split(labels: NDArray[Any], *, seed: int) -> NodeSplit:
    """Draw 20 training nodes of each class, and up to 1,000 test nodes from the others.

    A class of fewer than 40 nodes gives half of them. These are the sizes of the public splits of
    Cora, Citeseer and Pubmed (Yang et al. 2016).

    Parameters
    ----------
    labels
        Shape (n_nodes,); a number below 0, or NaN, means that a node has none.
    seed
        Not negative.

    Raises
    ------
    InputError
        There are fewer than two classes of two nodes.

    Examples
    --------
    >>> split = node_split(np.repeat([0, 1], 50), seed=0)
    >>> len(split.train), len(split.test)
    (40, 60)
    """
    random = np.random.default_rng(stream_seed(seed, "nodes"))
    shuffled = random.permutation(labelled_nodes(labels))
    train = []
    for label in np.unique(labels[shuffled]):
        members = shuffled[labels[shuffled] == label]
        train.append(members[: min(TRAINING_NODES_PER_CLASS, len(members) // 2)])
    if sum(len(members) > 0 for members in train) < 2:
        raise InputError("labels: telling classes apart needs two classes of two nodes or more")
    chosen = np.concatenate(train)
    others = shuffled[~np.isin(shuffled, chosen)]
    return NodeSplit(np.sort(chosen), np.sort(others[:MOST_TEST_NODES]))


# ------------------------------------------------------------------------ file


def save_split(split: Split, path: str | Path) -> None:
    """Write a split to an .npz file without pickled objects.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    path = Path(path)
    about = {
        "format_version": FORMAT_VERSION,
        "n_nodes": split.train.n_nodes,
        "seed": split.seed,
        "settings": split.settings.model_dump(),
    }
    with staged_file(path) as staged, file_errors(path), staged.open("wb") as handle:
        np.savez_compressed(
            handle,
            about=np.array(json.dumps(about)),
            train_edges=split.train.edges,
            validation_positives=split.validation.positives,
            validation_negatives=split.validation.negatives,
            test_positives=split.test.positives,
            test_negatives=split.test.negatives,
        )


def load_split(path: str | Path, graph: Graph) -> Split:
    """Read a split back and check it against the whole graph.

    Raises
    ------
    InputError
        The file is missing, damaged or of a newer version, its parts leak into each other, or it
        is not a split of this graph.
    """
    path = Path(path)
    about, arrays = _read_arrays(path)
    validation, test = (
        HeldOut(arrays[f"{name}_positives"], arrays[f"{name}_negatives"])
        for name in ("validation", "test")
    )
    if about.n_nodes != graph.n_nodes:
        raise InputError(
            f"{path}: is a split of {count(about.n_nodes, 'node')}, "
            f"but the graph has {graph.n_nodes:,}"
        )
    edges = np.concatenate([arrays["train_edges"], validation.positives, test.positives])
    codes = np.sort(pair_codes(edges, graph.n_nodes))
    if not np.array_equal(codes, pair_codes(graph.edges, graph.n_nodes)):
        raise InputError(f"{path}: its edges are not those of this graph; split it again")
    train, settings = graph.with_edges(arrays["train_edges"]), about.settings
    sizes = {"validation": len(validation.positives), "test": len(test.positives)}
    if not settings.agree(graph.n_edges, sizes):
        # Earlier versions kept the proportions of the fit in models that new nodes had joined.
        settings = SplitSettings.of_sizes(graph.n_edges, **sizes, protocol=settings.protocol)
    try:
        return Split(graph, train, validation, test, settings, about.seed)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def load_split_edges(path: Path, graph: Graph) -> Split:
    """Read a split whose whole graph is not at hand: `graph` brings nodes and no edges."""
    _, arrays = _read_arrays(path)
    edges = [arrays[name] for name in ("train_edges", "validation_positives", "test_positives")]
    try:
        whole = Graph.from_edges(np.concatenate(edges), n_nodes=graph.n_nodes, ids=graph.ids)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return load_split(path, whole)


class _About(Settings):
    """What a split's file says of itself."""

    format_version: int = Field(ge=1)
    n_nodes: int = Field(ge=0)
    seed: int = Field(ge=0)
    settings: SplitSettings


def _read_arrays(path: Path) -> tuple[_About, dict[str, Pairs]]:
    names = [
        "train_edges",
        "validation_positives",
        "validation_negatives",
        "test_positives",
        "test_negatives",
    ]
    with file_errors(path):
        try:
            with path.open("rb") as handle, np.load(handle, allow_pickle=False) as archive:
                about = strict_json(str(archive["about"]))
                arrays = {name: archive[name] for name in names}
            newer = int(about["format_version"]) > FORMAT_VERSION
        except (*BAD_ARCHIVE, MemoryError):  # a size that it claims and does not have
            raise InputError(f"{path}: is not a split, or is damaged") from None
    if newer:
        raise newer_format(path, about["format_version"], FORMAT_VERSION)
    parsed = _About.parse(about, where=str(path))
    for name, pairs in arrays.items():
        if pairs.dtype != np.int64 or pairs.ndim != 2 or pairs.shape[1] != 2:
            raise InputError(f"{path}: {name} are not pairs of node indices")
        if pairs.size and (pairs.min() < 0 or pairs.max() >= parsed.n_nodes):
            raise InputError(f"{path}: {name} name nodes outside the graph")
    return parsed, arrays
