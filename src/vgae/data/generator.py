"""Graphs that look like real ones, of any size, whose communities are known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgae.data.adjacency import MOST_NODES
from vgae.data.graph import Graph
from vgae.data.mapped import About, staged_arrays
from vgae.data.sorted_pairs import Block, write_adjacency
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError

__all__ = ["generate_graph"]

DRAWN = 2**22
"""Pairs that are drawn at a time."""
FEATURE_ROWS = 2**18
MOST_TURNS = 50
MOST_NOISE = 1e30
"""So that no feature is too large for its 32 bits."""
SURPLUS = 1.02


def generate_graph(
    n_nodes: float,
    n_edges: float,
    *,
    n_features: float = 0,
    n_communities: float | None = None,
    inside: float = 0.8,
    exponent: float = 2.5,
    noise: float = 2.0,
    seed: int = 0,
    folder: str | Path | None = None,
    overwrite: bool = False,
) -> Graph:
    """Draw a graph from a degree-corrected block model (Karrer & Newman 2011), with features.

    Each node has a weight, which follows a power law, and a community. The ends of an edge are
    drawn in proportion to the weights; with probability `inside`, both are of one community.
    Features are the centre of the community plus noise. Labels are the communities: the truth that
    a model can be compared with.

    Parameters
    ----------
    n_nodes, n_edges
        Number of nodes, and of distinct edges; whole numbers, also as 1e6.
    n_features
        Number of features per node.
    n_communities
        Number of communities; by default the square root of the number of nodes, at most 1,000.
        Their sizes follow a power law too.
    inside
        Probability that an edge is drawn within a community.
    exponent
        That of the power law of degrees; larger than 2.
    noise
        Standard deviation of the features around their centres, whose own is 1.
    seed
        Not negative; the same arguments give the same graph.
    folder
        A folder to write the graph to, as `Graph.save` does. Memory is then bounded: some 16 bytes
        per edge and 100 per node. By default the graph is in memory.
    overwrite
        Whether a folder with another graph may be replaced.

    Raises
    ------
    InputError
        A number is not allowed, there is no room for so many distinct edges, or the folder cannot
        be written.

    Examples
    --------
    >>> graph = generate_graph(1000, 5000, n_features=8, seed=1)
    >>> graph
    Graph(1,000 nodes, 5,000 edges, 8 features)
    >>> len(np.unique(graph.labels)), int(graph.degrees.max()) > 50
    (31, True)
    """
    n_nodes, n_edges = _whole("n_nodes", n_nodes), _whole("n_edges", n_edges)
    n_features = _whole("n_features", n_features)
    if n_communities is None:
        n_communities = min(max(math.isqrt(max(n_nodes, 0)), 1), 1000)
    n_communities = _whole("n_communities", n_communities)
    inside, exponent = _number("inside", inside), _number("exponent", exponent)
    noise = _number("noise", noise)
    _check(n_nodes, n_edges, n_features, n_communities, inside, exponent, noise)
    random = np.random.default_rng(stream_seed(seed, "generator"))
    community = _communities(n_nodes, n_communities, random)
    codes = _codes(_Ends(community, exponent, inside, random), n_nodes, n_edges)
    centres = random.standard_normal((n_communities, n_features), dtype=np.float32)

    def features_of(rows: slice) -> NDArray[np.float32]:
        own = centres[community[rows]]
        found: NDArray[np.float32] = own + np.float32(noise) * random.standard_normal(
            own.shape, dtype=np.float32
        )
        return found

    if folder is None:
        pairs = np.stack(np.divmod(codes, max(n_nodes, 1)), axis=1)
        features = features_of(slice(None)) if n_features else None
        return Graph.from_edges(pairs, n_nodes=n_nodes, features=features, labels=community)
    with staged_arrays(Path(folder), overwrite=overwrite) as writer:
        blocks = _blocks(codes)
        write_adjacency(writer, blocks, n_nodes, directed=False, signed=False)
        writer.put("labels", community)
        if n_features:
            made = writer.empty("features", (n_nodes, n_features), np.float32)
            for start in range(0, n_nodes, FEATURE_ROWS):
                rows = slice(start, start + FEATURE_ROWS)
                made[rows] = features_of(rows)
        writer.finish(About(kind="undirected", n_nodes=n_nodes, n_features=n_features))
    return Graph.open(folder)


def _number(name: str, value: Any) -> float:
    """A number that is no truth value, as Python knows it."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputError(f"{name} {value!r}: must be a number")
    try:
        return float(value)
    except OverflowError:
        raise InputError(f"{name}: must be a number of 64 bits") from None


def _whole(name: str, value: Any) -> int:
    """A whole number, of any type."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or value % 1 != 0:
        raise InputError(f"{name} {value!r}: must be a whole number")
    return int(value)


def _check(
    n_nodes: int,
    n_edges: int,
    n_features: int,
    n_communities: int,
    inside: float,
    exponent: float,
    noise: float,
) -> None:
    possible = n_nodes * (n_nodes - 1) // 2
    for is_wrong, said in (
        (not 0 <= n_nodes <= MOST_NODES, f"n_nodes {n_nodes}: must be 0 to {MOST_NODES:,}"),
        (n_edges < 0, f"n_edges {n_edges}: must be 0 or more"),
        (n_edges > possible // 2, f"n_edges {n_edges}: at most half of {possible:,} pairs"),
        (
            not 0 <= n_features <= MOST_NODES,
            f"n_features {n_features}: must be 0 to {MOST_NODES:,}",
        ),
        (
            not 1 <= n_communities <= max(n_nodes, 1),
            f"n_communities {n_communities}: must be 1 to the number of nodes",
        ),
        (not 0 <= inside <= 1, f"inside {inside}: must be 0 to 1"),
        (not exponent > 2, f"exponent {exponent}: must be larger than 2"),
        (not 0 <= noise <= MOST_NOISE, f"noise {noise}: must be 0 to {MOST_NOISE:g}"),
    ):
        if is_wrong:
            raise InputError(said)


def _communities(n_nodes: int, n_communities: int, random: Any) -> NDArray[np.int32]:
    """The community of each node."""
    sizes = (1.0 + np.arange(n_communities)) ** -0.5
    found: NDArray[np.int32] = random.choice(
        n_communities, size=n_nodes, p=sizes / sizes.sum()
    ).astype(np.int32)
    return found


class _Ends:
    """Ends of edges, drawn in proportion to the weights of nodes."""

    def __init__(
        self, community: NDArray[np.int32], exponent: float, inside: float, random: Any
    ) -> None:
        self.random, self.inside, self.community = random, inside, community
        self.members = np.argsort(community, kind="stable")  # nodes by community
        weights = random.pareto(exponent - 1.0, size=len(community)) + 1.0
        # No node has more than a share of the edges that leaves most of its pairs distinct.
        most = weights.sum() / np.sqrt(max(len(community), 1))
        np.minimum(weights, most, out=weights)
        self.cumulated = np.cumsum(weights)
        self.bounds = np.concatenate([[0], np.cumsum(np.bincount(community))])

    def draw(self, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ends of some edges, those of self loops among them."""
        total = self.cumulated[-1]
        sources = self._nodes(self.random.random(size) * total)
        own = self.community[sources]
        low, high = (self._weight_before(self.bounds[own + place]) for place in (0, 1))
        points = low + self.random.random(size) * (high - low)
        anywhere = self.random.random(size) >= self.inside
        points[anywhere] = self.random.random(int(anywhere.sum())) * total
        return sources, self._nodes(points)

    def _weight_before(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.where(places > 0, self.cumulated[places - 1], 0.0)
        return found

    def _nodes(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        places = np.searchsorted(self.cumulated, points, side="right")
        found: NDArray[np.int64] = self.members[np.minimum(places, len(self.members) - 1)]
        return found


def _codes(ends: _Ends, n_nodes: int, n_edges: int) -> NDArray[np.int64]:
    """Codes of distinct pairs, ascending, as those of `vgae.data.adjacency.pair_codes`."""
    codes = np.empty(0, dtype=np.int64)
    for _ in range(MOST_TURNS):
        missing = n_edges - len(codes)
        if missing <= 0:
            break
        more = np.empty(int(missing * SURPLUS) + 10, dtype=np.int64)
        for start in range(0, len(more), DRAWN):
            size = min(DRAWN, len(more) - start)
            one, other = ends.draw(size)
            drawn = np.minimum(one, other).astype(np.int64) * n_nodes + np.maximum(one, other)
            drawn[one == other] = -1
            more[start : start + size] = drawn
        codes = np.concatenate([codes, more]) if len(codes) else more
        codes.sort()
        kept = np.ones(len(codes), dtype=bool)
        np.not_equal(codes[1:], codes[:-1], out=kept[1:])
        kept &= codes >= 0
        codes = codes[kept]
    if len(codes) < n_edges:
        raise InputError(
            f"n_edges {n_edges}: only {len(codes):,} distinct edges were found among so few nodes; "
            "ask for fewer edges, more nodes or fewer communities"
        )
    surplus = ends.random.choice(len(codes), size=len(codes) - n_edges, replace=False)
    return np.delete(codes, surplus) if len(surplus) else codes


def _blocks(codes: NDArray[np.int64]) -> Iterator[Block]:
    for start in range(0, len(codes), DRAWN):
        yield codes[start : start + DRAWN] << 1, None
