"""Drawing splits: which edges are held out, and which pairs without an edge go with them."""

from __future__ import annotations

import numpy as np

from vgae.data.adjacency import count
from vgae.data.graph import Graph
from vgae.data.split.held_out import HeldOut
from vgae.data.split.negatives import DRAWN, Pairs, sample_non_edges
from vgae.data.split.settings import PAPER_SPLIT, Negatives, Protocol, SplitSettings
from vgae.data.split.values import Split
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError

__all__ = ["other_negatives", "split_edges"]


def split_edges(
    graph: Graph,
    *,
    seed: int,
    validation: float = PAPER_SPLIT.validation,
    test: float = PAPER_SPLIT.test,
    protocol: Protocol = PAPER_SPLIT.protocol,
    negatives: Negatives = PAPER_SPLIT.negatives,
) -> Split:
    """Hold out edges, and draw one pair without an edge for each of them.

    A negative has no edge in the whole graph, in either direction. No unordered pair is drawn
    twice, within or across validation and test. Negatives of the kind "two-hop" have a common
    neighbour in the training graph, not in the whole one: otherwise a validation negative whose two
    steps are not in the training graph would tell a method that a held-out edge is near.

    Parameters
    ----------
    graph
        An undirected graph.
    seed
        Not negative; the same graph, settings and seed give the same split.
    validation, test, protocol, negatives
        Proportions, protocol and kind of negatives; see `SplitSettings`.

    Raises
    ------
    InputError
        A proportion is not allowed, or the graph is directed, has too few edges to hold out that
        share, or has too few pairs without an edge of the kind that is asked for.

    Examples
    --------
    >>> ring = Graph.from_edges([(i, (i + 1) % 40) for i in range(40)])
    >>> split = split_edges(ring, seed=0)
    >>> split.train.n_edges, len(split.validation.positives), len(split.test.positives)
    (34, 2, 4)
    """
    settings = SplitSettings.parse(
        {"validation": validation, "test": test, "protocol": protocol, "negatives": negatives},
        where="split",
    )
    if negatives not in DRAWN:
        raise InputError(
            f"split: negatives: '{negatives}' are not drawn; use one of {', '.join(DRAWN)}, or "
            "Split.from_pairs with your own"
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
    return Split(
        graph=graph,
        train=train,
        validation=HeldOut(shuffled[:cut], drawn[:cut]),
        test=HeldOut(shuffled[cut:n_held_out], drawn[cut:]),
        settings=settings,
        seed=seed,
    )


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
