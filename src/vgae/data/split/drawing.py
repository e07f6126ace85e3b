"""Drawing splits: which edges are held out, and which pairs without an edge go with them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vgae.data.adjacency import count, pair_codes, places_of
from vgae.data.graph import Graph
from vgae.data.split.values import PAPER_SPLIT, HeldOut, Pairs, Protocol, Split, SplitSettings
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError

__all__ = ["sample_non_edges", "split_edges"]


def split_edges(
    graph: Graph,
    *,
    seed: int,
    validation: float = PAPER_SPLIT.validation,
    test: float = PAPER_SPLIT.test,
    protocol: Protocol = PAPER_SPLIT.protocol,
) -> Split:
    """Hold out edges, and draw one pair without an edge for each of them.

    These negatives are uniform over the pairs that have no edge in the whole graph, in either
    direction. No unordered pair is drawn twice, within or across validation and test.

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
        A proportion is not allowed, or the graph is directed, has too few edges to hold out that
        share, or has too few pairs without an edge.

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
        raise InputError(
            "a directed graph cannot be split; read it with --undirected (directed=False)"
        )
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
            f"{count(len(edges), 'edge')}: holding out {n_held_out} of them leaves none to train "
            "on; hold out a smaller share (--validation, --test), or none with --no-holdout"
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
    """Draw distinct unordered pairs without an edge, uniformly and in random order.

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

    Returns
    -------
    Node indices, shape (n_wanted, 2), the smaller index of each pair first.

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
        # Most of them are needed, so the graph is small or dense: list all pairs and choose.
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
    """The values without repetitions, in the order of first occurrence."""
    _, first = np.unique(codes, return_index=True)
    return codes[np.sort(first)]
