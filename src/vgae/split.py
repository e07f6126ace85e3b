"""Splits of a graph's edges into training, validation and test, leak-proof by construction."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

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


PAPER_SPLIT = SplitSettings()


@dataclass(frozen=True)
class HeldOut:
    """Held-out edges and as many pairs without an edge; node indices, shape (n_pairs, 2) each."""

    positives: Pairs
    negatives: Pairs

    def __bool__(self) -> bool:
        return len(self.positives) > 0


@dataclass(frozen=True)
class Split:
    """A training graph with its held-out pairs.

    A model is trained on `train` alone. Make one with `split_edges`, or, to train on everything,
    with `Split.without_holdout`.

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
    """

    graph: Graph
    train: Graph
    validation: HeldOut
    test: HeldOut
    settings: SplitSettings
    seed: int

    @classmethod
    def without_holdout(cls, graph: Graph) -> Split:
        """All edges train, nothing is held out."""
        empty = HeldOut(*(np.empty((0, 2), dtype=np.int64) for _ in range(2)))
        return cls(graph, graph, empty, empty, SplitSettings(validation=0.0, test=0.0), seed=0)

    def message_graph(self) -> Graph:
        """The edges that carry messages when test pairs are scored, by the protocol."""
        if self.settings.protocol == "T":
            return self.train
        return self.graph.with_edges(np.concatenate([self.train.edges, self.validation.positives]))

    def verify(self) -> None:
        """Check that nothing leaks from one part into another.

        Raises
        ------
        InputError
            A pair occurs twice, in whichever parts and direction, or is no pair of this graph.
        """
        n_nodes = self.train.n_nodes
        parts = {
            "training edges": self.train.edges,
            "validation edges": self.validation.positives,
            "test edges": self.test.positives,
            "validation negatives": self.validation.negatives,
            "test negatives": self.test.negatives,
        }
        for name, pairs in parts.items():
            if pairs.size and (pairs.min() < 0 or pairs.max() >= n_nodes):
                raise InputError(f"split: {name} name nodes outside the graph")
            if (pairs[:, 0] == pairs[:, 1]).any():
                raise InputError(f"split: {name} hold a self loop")
        codes = np.concatenate([pair_codes(pairs, n_nodes) for pairs in parts.values()])
        order = np.argsort(codes, kind="stable")
        twice = np.flatnonzero(np.diff(codes[order]) == 0)
        if twice.size:
            ends = np.cumsum([len(pairs) for pairs in parts.values()])
            places = np.searchsorted(ends, order[twice[0] : twice[0] + 2], side="right")
            first, second = (list(parts)[place] for place in places)
            raise InputError(f"split: a pair is both in the {first} and in the {second}")
        for name, held_out in (("validation", self.validation), ("test", self.test)):
            if len(held_out.positives) != len(held_out.negatives):
                raise InputError(f"split: {name} has not one negative for each positive")


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
                "hold out a larger share (--validation, --test) or none (--no-holdout)"
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
        advice="hold out a smaller share (--validation, --test) or none (--no-holdout)",
    )
    cut = sizes["validation"]
    split = Split(
        graph=graph,
        train=graph.with_edges(shuffled[n_held_out:]),
        validation=HeldOut(shuffled[:cut], negatives[:cut]),
        test=HeldOut(shuffled[cut:n_held_out], negatives[cut:]),
        settings=settings,
        seed=seed,
    )
    split.verify()
    return split


def pair_codes(pairs: Pairs, n_nodes: int) -> NDArray[np.int64]:
    """One number for each unordered pair, shape (n_pairs,)."""
    codes: NDArray[np.int64] = pairs.min(axis=1) * n_nodes + pairs.max(axis=1)
    return codes


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
            place = np.minimum(np.searchsorted(edge_codes, codes), edge_codes.size - 1)
            found = _distinct(np.concatenate([found, codes[edge_codes[place] != codes]]))
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
    train = graph.with_edges(arrays["train_edges"])
    split = Split(graph, train, validation, test, about.settings, about.seed)
    try:
        split.verify()
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return split


def load_split_edges(path: Path, graph: Graph) -> Split:
    """Read a split whose whole graph is not at hand: `graph` brings nodes and no edges."""
    _, arrays = _read_arrays(path)
    edges = [arrays[name] for name in ("train_edges", "validation_positives", "test_positives")]
    try:
        whole = Graph.from_edges(np.concatenate(edges), n_nodes=graph.n_nodes, ids=graph.ids)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
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
        except (*BAD_ARCHIVE, MemoryError) as error:  # a size that it claims and does not have
            raise InputError(f"{path}: is not a split, or is damaged") from error
    if newer:
        raise newer_format(path, about["format_version"], FORMAT_VERSION)
    parsed = _About.parse(about, where=str(path))
    for name, pairs in arrays.items():
        if pairs.dtype != np.int64 or pairs.ndim != 2 or pairs.shape[1] != 2:
            raise InputError(f"{path}: {name} are not pairs of node indices")
        if pairs.size and (pairs.min() < 0 or pairs.max() >= parsed.n_nodes):
            raise InputError(f"{path}: {name} name nodes outside the graph")
    return parsed, arrays
