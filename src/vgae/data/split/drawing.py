"""Drawing splits: which edges are held out, and which pairs without an edge go with them."""

from __future__ import annotations

import logging

import numpy as np

from vgae.data.adjacency import count
from vgae.data.graph import Graph
from vgae.data.split.held_out import HeldOut
from vgae.data.split.negatives import DRAWN, Pairs, count_non_edges, sample_non_edges
from vgae.data.split.settings import PAPER_SPLIT, Negatives, Order, Protocol, SplitSettings
from vgae.data.split.values import Split
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError

__all__ = ["between_types", "other_negatives", "split_edges"]

logger = logging.getLogger(__name__)


def split_edges(
    graph: Graph,
    *,
    seed: int,
    validation: float = PAPER_SPLIT.validation,
    test: float = PAPER_SPLIT.test,
    protocol: Protocol = PAPER_SPLIT.protocol,
    negatives: Negatives = PAPER_SPLIT.negatives,
    order: Order | None = None,
) -> Split:
    """Hold out edges, and draw one pair without an edge for each of them.

    A negative has no edge in the whole graph, and is a pair that can be an edge: of a directed
    graph an ordered pair, possibly the reverse of an arc; of a bipartite or typed graph a pair of
    types that edges join. No pair is drawn twice, within or across validation and test. Negatives
    of the kind "two-hop" have a common neighbour in the training graph, not in the whole one:
    otherwise a validation negative whose two steps are not in the training graph would tell a
    method that a held-out edge is near.

    Parameters
    ----------
    graph
        A graph of any kind. Of a directed one, arcs are held out.
    seed
        Not negative; the same graph, settings and seed give the same split.
    validation, test, protocol, negatives
        Proportions, protocol and kind of negatives; see `SplitSettings`.
    order
        "random" holds random edges out. "time" holds the latest out for the test and those before
        them for validation; at a boundary, chance decides between edges of the same time, which
        are counted (`Split.n_tied`). By default "time" where the edges have times.

    Raises
    ------
    InputError
        A proportion is not allowed, or the graph has too few edges to hold out that share, has too
        few pairs without an edge of the kind that is asked for, or has no times to go by.

    Examples
    --------
    >>> ring = Graph.from_edges([(i, (i + 1) % 40) for i in range(40)])
    >>> split = split_edges(ring, seed=0)
    >>> split.train.n_edges, len(split.validation.positives), len(split.test.positives)
    (34, 2, 4)
    >>> timed = Graph.from_edges(ring.edges, times=range(40))
    >>> timed.times[timed.places(split_edges(timed, seed=0).test.positives)].min()
    np.float64(36.0)
    """
    if not isinstance(graph, Graph):
        raise InputError(
            f"split_edges takes a Graph, not {type(graph).__name__}; vgae.as_graph makes one"
        )
    if order is None and graph.times is not None:
        order = "time"
    settings = SplitSettings.parse(
        {
            "validation": validation,
            "test": test,
            "protocol": protocol,
            "negatives": negatives,
            "order": order,
        },
        where="split",
    )
    if order == "time" and graph.times is None:
        raise InputError(
            "split: by time, but the edges have no times; name their column (--time, time=)"
        )
    if negatives not in DRAWN:
        raise InputError(
            f"split: negatives: '{negatives}' are not drawn; use one of {', '.join(DRAWN)}, or "
            "Split.from_pairs with your own"
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
    shuffling = random.permutation(len(edges))
    if order == "time" and graph.times is not None:
        # The latest edges last in the test: validation, test and training, each with its share.
        ascending = shuffling[np.argsort(graph.times[shuffling], kind="stable")]
        shuffling = np.roll(ascending, n_held_out)
    shuffled = edges[shuffling]
    train = graph.with_edges(shuffled[n_held_out:])
    drawn = sample_non_edges(
        graph,
        n_held_out,
        random,
        kind=negatives,
        train=train,
        advice="hold out a smaller share (--validation, --test), or none with --no-holdout",
    )
    cut = sizes["validation"]
    split = Split(
        graph=graph,
        train=train,
        validation=HeldOut(shuffled[:cut], drawn[:cut]),
        test=HeldOut(shuffled[cut:n_held_out], drawn[cut:]),
        settings=settings,
        seed=seed,
    )
    _say_what_is_special(split)
    return split


def _say_what_is_special(split: Split) -> None:
    """Log the edges at the boundaries in time, and the reverses of training arcs."""
    for name in ("validation", "test"):
        if split.n_tied[name]:
            logger.info(
                "split by time: %s before the %s edges have the time of the earliest of them",
                count(split.n_tied[name], "edge"),
                name,
            )
        if split.n_reversed[name]:
            logger.info(
                "split: the training arcs hold the reverse of %s",
                count(split.n_reversed[name], f"{name} arc"),
            )


def between_types(split: Split, types: str) -> Split | None:
    """The part of a split that concerns two types of nodes.

    Its edges are those between these types, and only pairs between them can be edges. Negatives are
    drawn between these types, one per held-out edge, from a stream of the split's seed:
    degree-corrected where those of the split are, otherwise uniform. Given negatives are those that
    were given between these types.

    Parameters
    ----------
    split
        A split of a graph with types of nodes.
    types
        One of `Graph.type_pair_names`.

    Returns
    -------
    None where no such edge was held out for testing, none is left to learn from, or there are no
    negatives.

    Raises
    ------
    InputError
        No edge of the graph joins such types.

    Examples
    --------
    >>> pairs = [(i, 20 + i * i % 7) for i in range(20)] + [(20 + i, 27) for i in range(7)]
    >>> types = ["user"] * 20 + ["item"] * 7 + ["shop"]
    >>> split = split_edges(Graph.from_edges(pairs, node_types=types), seed=0, test=0.3)
    >>> between_types(split, "item-user").graph.n_edges
    20
    """
    graph, train = split.graph.between(types), split.train.between(types)
    parts = (split.validation, split.test)
    if not train.n_edges or not (graph.places(split.test.positives) >= 0).any():
        return None
    negatives = split.settings.negatives
    if negatives == "given":
        held = [_given_between(graph, part) for part in parts]
    else:
        negatives = "degree" if negatives == "degree" else "uniform"
        edges = [part.positives[graph.places(part.positives) >= 0] for part in parts]
        n_wanted = sum(map(len, edges))
        if n_wanted > count_non_edges(graph, with_degree=negatives == "degree"):
            return None
        random = np.random.default_rng(stream_seed(split.seed, f"negatives between {types}"))
        drawn = sample_non_edges(graph, n_wanted, random, kind=negatives, advice="")
        cut = len(edges[0])
        held = [HeldOut(edges[0], drawn[:cut]), HeldOut(edges[1], drawn[cut:])]
    if any(part and not len(part.negatives) for part in held):
        return None
    validation, test = held
    settings = SplitSettings.of_sizes(
        graph.n_edges,
        validation=len(validation.positives),
        test=len(test.positives),
        protocol=split.settings.protocol,
        negatives=negatives,
    )
    return Split(graph, train, validation, test, settings, seed=split.seed)


def _given_between(graph: Graph, held: HeldOut) -> HeldOut:
    """The held-out edges of a graph, with those of their negatives that can be edges of it."""
    kept, fit = graph.places(held.positives) >= 0, graph.pair_space.allows(held.negatives)
    groups = None
    if held.groups is not None:
        fit &= kept[held.groups]
        groups = (np.cumsum(kept) - 1)[held.groups[fit]]
    return HeldOut(held.positives[kept], held.negatives[fit], groups)


def other_negatives(split: Split, kind: Negatives) -> Pairs:
    """Draw negatives of another kind for the test edges of a split, one per edge.

    They come from a stream of the split's seed for this kind alone, so that drawing them changes
    nothing else. The split's own negatives are returned where they are of this kind.

    Parameters
    ----------
    split
        A split with test edges.
    kind
        A kind of negatives that can be drawn.

    Returns
    -------
    Node indices, shape (n_negatives, 2).

    Raises
    ------
    InputError
        The graph has fewer pairs of this kind.

    Examples
    --------
    >>> ring = Graph.from_edges([(i, (i + 1) % 40) for i in range(40)])
    >>> other_negatives(split_edges(ring, seed=0), "degree").shape
    (4, 2)
    """
    if split.settings.negatives == kind:
        return split.test.negatives
    return sample_non_edges(
        split.graph,
        len(split.test.positives),
        np.random.default_rng(stream_seed(split.seed, f"{kind} negatives")),
        kind=kind,
        train=split.train,
        advice="hold out a smaller share",
    )
