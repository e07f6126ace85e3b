"""Drawing pairs without an edge: uniform, in proportion to degrees, or two steps apart.

All of them are pairs that can be edges, see `Graph.pair_space`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vgae.data.adjacency import count, places_of
from vgae.data.graph import Graph
from vgae.data.pair_space import PairSpace
from vgae.data.split.settings import Negatives
from vgae.ground.errors import InputError, unknown_name

__all__ = ["DRAWN", "Pairs", "count_non_edges", "sample_non_edges", "sample_non_neighbors"]

Pairs = NDArray[np.int64]

DRAWN: tuple[Negatives, ...] = ("uniform", "degree", "two-hop")
"""The kinds of negatives that can be drawn."""

MOST_DRAWN_AT_ONCE = 2**22


def sample_non_edges(
    graph: Graph,
    n_wanted: int,
    random: np.random.Generator,
    *,
    advice: str,
    kind: str = "uniform",
    train: Graph | None = None,
) -> Pairs:
    """Draw distinct pairs that could be edges and are not, in random order.

    Of a directed graph these are ordered pairs, and the reverse of an arc may be among them. Of a
    graph with types of nodes, they join types that its edges join.

    Parameters
    ----------
    graph
        A graph of any kind.
    n_wanted
        Number of pairs.
    random
        Source of the random numbers.
    advice
        What the error tells the user to do when the graph has fewer such pairs.
    kind
        "uniform" draws from all pairs without an edge alike. "degree" draws both ends in proportion
        to their degrees, of a directed graph the source by its outgoing and the target by its
        incoming arcs, and draws again where the pair is an edge, cannot be one, or was drawn before
        (Aiyappa et al. 2024, "Implicit degree bias in the link prediction task"). "two-hop" draws
        alike from the pairs that have a common neighbour in `train`, of a directed graph from those
        with a path of two arcs; its work grows with the sum of the squared degrees.
    train
        The training graph of "two-hop": the same nodes with some of the edges; by default `graph`.

    Returns
    -------
    Node indices, shape (n_wanted, 2), the smaller index of each unordered pair first.

    Raises
    ------
    InputError
        The graph has fewer such pairs, or the kind is unknown.

    Examples
    --------
    >>> path = Graph.from_edges([(0, 1), (1, 2)])
    >>> sample_non_edges(path, 1, np.random.default_rng(0), advice="ask for fewer").tolist()
    [[0, 2]]
    >>> star = Graph.from_edges([(0, 1), (0, 2)], n_nodes=9)
    >>> random = np.random.default_rng(0)
    >>> sample_non_edges(star, 1, random, advice="ask for fewer", kind="degree").tolist()
    [[1, 2]]
    """
    if kind not in DRAWN:
        raise unknown_name("kind of negatives", kind, DRAWN)
    if kind == "two-hop" and graph.kind == "bipartite":
        raise InputError(
            "two-hop negatives: nodes of a bipartite graph that have a common neighbour are on the "
            "same side; use uniform or degree"
        )
    space = graph.pair_space
    edge_codes = space.codes(graph.edges)  # sorted, as edges are
    if kind == "two-hop":
        found, n_possible = _two_hop(train or graph, edge_codes, n_wanted, random)
    else:
        n_possible = count_non_edges(graph, with_degree=kind == "degree")
    if n_wanted > n_possible:
        which = {
            "uniform": "without an edge",
            "degree": "without an edge between nodes that have some",
            "two-hop": "without an edge and with a common neighbour in the training graph",
        }[kind]
        raise InputError(
            f"the graph has {count(n_possible, 'pair')} {which}, but {n_wanted} are "
            f"needed as negatives; {advice}"
        )
    if kind == "uniform":
        found = _uniform(space, edge_codes, n_possible, n_wanted, random)
    elif kind == "degree":
        found = _by_degree(graph, edge_codes, n_possible, n_wanted, random)
    return space.pairs_of(found)


def count_non_edges(graph: Graph, *, with_degree: bool = False) -> int:
    """Number of pairs that could be edges and are not.

    Parameters
    ----------
    graph
        A graph of any kind.
    with_degree
        Whether to count only pairs of nodes that have edges, which "degree" draws from: of a
        directed graph from nodes with outgoing to nodes with incoming arcs.

    Examples
    --------
    >>> path = Graph.from_edges([(0, 1), (1, 2)], n_nodes=4)
    >>> count_non_edges(path), count_non_edges(path, with_degree=True)
    (4, 1)
    """
    space = graph.pair_space
    if with_degree:
        outgoing, incoming = _degrees(graph)
        return space.n_within(outgoing > 0, incoming > 0) - graph.n_edges
    return space.n_pairs - graph.n_edges


def _degrees(graph: Graph) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number of outgoing and of incoming edges per node."""
    if not graph.directed:
        return graph.degrees, graph.degrees
    return graph.degrees, np.bincount(graph.adjacency.indices, minlength=graph.n_nodes)


def sample_non_neighbors(
    graph: Graph, nodes: NDArray[np.int64], n_wanted: int, random: np.random.Generator
) -> Pairs:
    """Draw pairs without an edge for each of some nodes: the other ends alike, with replacement.

    Parameters
    ----------
    graph
        A graph of any kind. Of a directed one, the nodes are sources.
    nodes
        Node indices, each of which has a pair that could be an edge and is not.
    n_wanted
        Number of pairs per node.
    random
        Source of the random numbers.

    Returns
    -------
    Node indices, shape (n_nodes * n_wanted, 2): the pairs of the first node, then of the next.

    Examples
    --------
    >>> path = Graph.from_edges([(0, 1), (1, 2)])
    >>> sample_non_neighbors(path, np.array([2, 0]), 2, np.random.default_rng(0)).tolist()
    [[2, 0], [2, 0], [0, 2], [0, 2]]
    """
    first = np.repeat(nodes, n_wanted)
    second = np.empty_like(first)
    types = np.zeros(graph.n_nodes, np.int64) if graph.node_types is None else graph.node_types
    for kind in np.unique(types[nodes]):
        own = types[first] == kind
        second[own] = _free_targets(graph, types == kind, first[own], random)
    return np.stack([first, second], axis=1)


def _free_targets(
    graph: Graph,
    alike: NDArray[np.bool_],
    first: NDArray[np.int64],
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """A target without an edge for each of some nodes, which are of the type of those `alike`."""
    every, adjacency = np.arange(graph.n_nodes), graph.adjacency
    mask = graph.pair_space.possible(first[:1])
    possible = every if mask is None else np.flatnonzero(mask[0])
    # The taken targets of each node, its neighbours and itself, ascending, node after node.
    arcs = np.repeat(every, graph.degrees)
    themselves = possible[alike[possible]]
    rows = np.concatenate([arcs, themselves])
    columns = np.concatenate([adjacency.indices.astype(np.int64), themselves])
    rows, columns = rows[alike[rows]], columns[alike[rows]]
    order = np.lexsort((columns, rows))
    rows, columns = rows[order], np.searchsorted(possible, columns[order])
    n_taken = np.bincount(rows, minlength=graph.n_nodes)
    starts = np.cumsum(n_taken) - n_taken
    # Before a taken target come as many free ones as its number less the taken ones before it.
    n_free_before = columns - (np.arange(len(columns)) - starts[rows])
    n_possible = len(possible)
    rank = random.integers(0, n_possible - n_taken[first])
    taken, wanted = rows * n_possible + n_free_before, first * n_possible + rank
    reached = np.searchsorted(taken, wanted, side="right")
    found: NDArray[np.int64] = possible[rank + reached - starts[first]]
    return found


def _uniform(
    space: PairSpace,
    edge_codes: NDArray[np.int64],
    n_possible: int,
    n_wanted: int,
    random: np.random.Generator,
) -> NDArray[np.int64]:
    if n_possible <= 4 * n_wanted:
        return random.choice(_all_free(space, edge_codes), n_wanted, replace=False)
    found = np.empty(0, dtype=np.int64)
    while found.size < n_wanted:
        n_drawn = 2 * (n_wanted - found.size) + 16
        if space.typed:
            drawn = space.draw(n_drawn, random)
        else:
            drawn = random.integers(space.n_nodes, size=(n_drawn, 2))
        found = _with_free(found, drawn, space, edge_codes)
    return found[:n_wanted]


def _by_degree(
    graph: Graph,
    edge_codes: NDArray[np.int64],
    n_possible: int,
    n_wanted: int,
    random: np.random.Generator,
) -> NDArray[np.int64]:
    space, degrees = graph.pair_space, _degrees(graph)
    if n_possible <= 4 * n_wanted:
        free = _all_free(space, edge_codes)
        ends = zip(degrees, space.pairs_of(free).T, strict=True)
        weight = np.prod([degree[end] for degree, end in ends], axis=0, dtype=float)
        return random.choice(free, n_wanted, replace=False, p=weight / weight.sum())
    targets = graph.adjacency.indices  # a node is in it once per incoming edge
    sources = np.repeat(np.arange(graph.n_nodes), degrees[0]) if space.ordered else targets
    found, n_drawn = np.empty(0, dtype=np.int64), 2 * n_wanted + 16
    while found.size < n_wanted:
        places = random.integers(len(targets), size=(n_drawn, 2))
        drawn = np.stack([sources[places[:, 0]], targets[places[:, 1]]], axis=1).astype(np.int64)
        before = found.size
        found = _with_free(found, drawn, space, edge_codes)
        # Where hubs share most of their pairs, few draws are new.
        rate = max(found.size - before, 1) / n_drawn
        n_drawn = min(int((n_wanted - found.size) / rate) + 16, MOST_DRAWN_AT_ONCE)
    return found[:n_wanted]


def _two_hop(
    train: Graph, edge_codes: NDArray[np.int64], n_wanted: int, random: np.random.Generator
) -> tuple[NDArray[np.int64], int]:
    """Up to `n_wanted` pairs, and how many there are: those with the least of random keys."""
    found, keys, n_possible = np.empty(0, dtype=np.int64), np.empty(0), 0
    for codes in _two_steps_apart(train):
        free = codes[places_of(codes, edge_codes) < 0]
        n_possible += free.size
        found = np.concatenate([found, free])
        keys = np.concatenate([keys, random.random(free.size)])
        if found.size > n_wanted:
            least = np.argpartition(keys, n_wanted)[:n_wanted]
            found, keys = found[least], keys[least]
    return found[np.argsort(keys)], n_possible


def _two_steps_apart(graph: Graph) -> Iterator[NDArray[np.int64]]:
    """Codes of the pairs two steps apart, each pair once, for some nodes at a time."""
    space = graph.pair_space
    pattern = graph.adjacency.astype(bool).astype(np.int32)
    work = np.cumsum(pattern @ graph.degrees)
    first = 0
    while first < graph.n_nodes:
        done = work[first - 1] if first else 0
        last = max(int(np.searchsorted(work, done + MOST_DRAWN_AT_ONCE)), first + 1)
        reached = (pattern[first:last] @ pattern).tocoo()
        source, target = reached.row.astype(np.int64) + first, reached.col.astype(np.int64)
        pairs = np.stack([source, target], axis=1)[graph.directed | (target > source)]
        yield np.sort(space.codes(pairs[space.allows(pairs)]))
        first = last


def _all_free(space: PairSpace, edge_codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Codes of all pairs without an edge; for graphs that are small or dense."""
    return np.setdiff1d(space.every_code(), edge_codes, assume_unique=True)


def _with_free(
    found: NDArray[np.int64], drawn: Pairs, space: PairSpace, edge_codes: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The codes found before and those drawn without an edge, in order of first occurrence."""
    codes = space.codes(drawn[space.allows(drawn)])
    codes = np.concatenate([found, codes[places_of(codes, edge_codes) < 0]])
    _, first = np.unique(codes, return_index=True)
    return codes[np.sort(first)]
