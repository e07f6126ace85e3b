"""Drawing pairs without an edge: uniform, in proportion to degrees, or two steps apart."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vgae.data.adjacency import count, pair_codes, places_of
from vgae.data.graph import Graph
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
    """Draw distinct unordered pairs without an edge, in random order.

    Parameters
    ----------
    graph
        An undirected graph.
    n_wanted
        Number of pairs.
    random
        Source of the random numbers.
    advice
        What the error tells the user to do when the graph has fewer such pairs.
    kind
        "uniform" draws from all pairs without an edge alike. "degree" draws both ends in proportion
        to their degrees and draws again where the pair is an edge or was drawn before (Aiyappa et
        al. 2024, "Implicit degree bias in the link prediction task"). "two-hop" draws alike from
        the pairs that have a common neighbour in `train`; its work grows with the sum of the
        squared degrees.
    train
        The training graph of "two-hop": the same nodes with some of the edges; by default `graph`.

    Returns
    -------
    Node indices, shape (n_wanted, 2), the smaller index of each pair first.

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
    edge_codes = pair_codes(graph.edges, graph.n_nodes)  # sorted, as edges are
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
        found = _uniform(graph, edge_codes, n_possible, n_wanted, random)
    elif kind == "degree":
        found = _by_degree(graph, edge_codes, n_possible, n_wanted, random)
    return np.stack(np.divmod(found, graph.n_nodes), axis=1)


def count_non_edges(graph: Graph, *, with_degree: bool = False) -> int:
    """Number of unordered pairs without an edge.

    Parameters
    ----------
    graph
        An undirected graph.
    with_degree
        Whether to count only pairs of nodes that have edges, which "degree" draws from.

    Examples
    --------
    >>> path = Graph.from_edges([(0, 1), (1, 2)], n_nodes=4)
    >>> count_non_edges(path), count_non_edges(path, with_degree=True)
    (4, 1)
    """
    n_nodes = graph.n_nodes - (graph.n_isolated if with_degree else 0)
    return n_nodes * (n_nodes - 1) // 2 - graph.n_edges


def sample_non_neighbors(
    graph: Graph, nodes: NDArray[np.int64], n_wanted: int, random: np.random.Generator
) -> Pairs:
    """Draw pairs without an edge for each of some nodes: the other ends alike, with replacement.

    Parameters
    ----------
    graph
        An undirected graph.
    nodes
        Node indices, each of which has a pair without an edge.
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
    n_nodes, adjacency = graph.n_nodes, graph.adjacency
    # Each node's neighbours and itself, ascending, one node after the other.
    every = np.arange(n_nodes)
    rows = np.concatenate([np.repeat(every, graph.degrees), every])
    columns = np.concatenate([adjacency.indices.astype(np.int64), every])
    order = np.lexsort((columns, rows))
    rows, columns = rows[order], columns[order]
    starts = adjacency.indptr.astype(np.int64) + np.arange(n_nodes + 1)
    # Before a taken node come as many free ones as its number less the taken ones before it.
    n_free_before = columns - (np.arange(len(columns)) - starts[rows])
    first = np.repeat(nodes, n_wanted)
    rank = random.integers(0, n_nodes - graph.degrees[first] - 1)
    reached = np.searchsorted(rows * n_nodes + n_free_before, first * n_nodes + rank, side="right")
    return np.stack([first, rank + reached - starts[first]], axis=1)


def _uniform(
    graph: Graph,
    edge_codes: NDArray[np.int64],
    n_possible: int,
    n_wanted: int,
    random: np.random.Generator,
) -> NDArray[np.int64]:
    n_nodes = graph.n_nodes
    if n_possible <= 4 * n_wanted:
        return random.choice(_all_free(n_nodes, edge_codes), n_wanted, replace=False)
    found = np.empty(0, dtype=np.int64)
    while found.size < n_wanted:
        drawn = random.integers(n_nodes, size=(2 * (n_wanted - found.size) + 16, 2))
        found = _with_free(found, drawn, n_nodes, edge_codes)
    return found[:n_wanted]


def _by_degree(
    graph: Graph,
    edge_codes: NDArray[np.int64],
    n_possible: int,
    n_wanted: int,
    random: np.random.Generator,
) -> NDArray[np.int64]:
    n_nodes, degrees = graph.n_nodes, graph.degrees
    if n_possible <= 4 * n_wanted:
        free = _all_free(n_nodes, edge_codes)
        weight = np.prod([degrees[end] for end in np.divmod(free, n_nodes)], axis=0, dtype=float)
        return random.choice(free, n_wanted, replace=False, p=weight / weight.sum())
    ends = graph.adjacency.indices  # a node is in it once per edge
    found, n_drawn = np.empty(0, dtype=np.int64), 2 * n_wanted + 16
    while found.size < n_wanted:
        drawn = ends[random.integers(len(ends), size=(n_drawn, 2))].astype(np.int64)
        before = found.size
        found = _with_free(found, drawn, n_nodes, edge_codes)
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
    """Codes of the pairs with a common neighbour, each pair once, for some nodes at a time."""
    pattern = graph.adjacency.astype(bool).astype(np.int32)
    work = np.cumsum(pattern @ graph.degrees)
    first = 0
    while first < graph.n_nodes:
        done = work[first - 1] if first else 0
        last = max(int(np.searchsorted(work, done + MOST_DRAWN_AT_ONCE)), first + 1)
        reached = (pattern[first:last] @ pattern).tocoo()
        source, target = reached.row.astype(np.int64) + first, reached.col.astype(np.int64)
        later = target > source
        yield np.sort(source[later] * graph.n_nodes + target[later])
        first = last


def _all_free(n_nodes: int, edge_codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Codes of all pairs without an edge; for graphs that are small or dense."""
    source, target = np.triu_indices(n_nodes, k=1)
    return np.setdiff1d(source * n_nodes + target, edge_codes, assume_unique=True)


def _with_free(
    found: NDArray[np.int64], drawn: Pairs, n_nodes: int, edge_codes: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The codes found before and those drawn without an edge, in order of first occurrence."""
    drawn = drawn[drawn[:, 0] != drawn[:, 1]]
    codes = pair_codes(drawn, n_nodes)
    codes = np.concatenate([found, codes[places_of(codes, edge_codes) < 0]])
    _, first = np.unique(codes, return_index=True)
    return codes[np.sort(first)]
