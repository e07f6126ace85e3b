"""What a report shows, as plain values: whoever draws it needs no model and no graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vgae.learning.diagnostics import Curve, RankedBin

__all__ = [
    "Colouring",
    "Findings",
    "Headline",
    "Health",
    "LinkTable",
    "NodeMap",
    "Pictures",
    "Quality",
    "ReliabilityBin",
]

Floats = NDArray[np.float64]
Pairs = NDArray[np.int64]


@dataclass(frozen=True)
class Headline:
    """A figure that says how far the links can be trusted.

    Examples
    --------
    >>> Headline("AUC", "0.912", "95 % interval 0.90 to 0.92").value
    '0.912'
    """

    title: str
    value: str
    note: str


@dataclass(frozen=True)
class LinkTable:
    """The likeliest missing links, best first.

    Attributes
    ----------
    pairs
        Node indices, shape (n_links, 2).
    probabilities
        Shape (n_links,).
    intervals
        2.5 and 97.5 % quantiles of the probability over posterior samples, shape (n_links, 2); or
        None.
    degrees
        Number of neighbours of both ends, shape (n_links, 2).
    common
        Number of common neighbours; None where links join two sides, whose nodes have none.
    why
        What speaks for each link, in words.
    extra
        A further column, by its title.

    Examples
    --------
    >>> table = LinkTable(np.array([[0, 1]]), np.array([0.5]), None, np.ones((1, 2)), None, ["-"])
    >>> len(table.pairs), dict(table.extra)
    (1, {})
    """

    pairs: Pairs
    probabilities: Floats
    intervals: Floats | None
    degrees: NDArray[np.int64]
    common: NDArray[np.int64] | None
    why: Sequence[str]
    extra: Mapping[str, Floats] = field(default_factory=dict)


@dataclass(frozen=True)
class Colouring:
    """What the colours of a map's nodes can mean: one of several names, or a number.

    Attributes
    ----------
    title
        What it is.
    codes
        Shape (n_nodes,), uint16. With names, the place among them, the most frequent first, or
        `NO_NAME`. Otherwise the number, on a scale from `low` (0) to `high` (65,535).
    names
        The names; None for numbers.
    low, high
        The ends of the scale.
    logarithmic
        Whether the scale is that of log(1 + number).

    Examples
    --------
    >>> Colouring("label", np.zeros(3, np.uint16), ("x",)).high
    0.0
    """

    title: str
    codes: NDArray[np.uint16]
    names: tuple[str, ...] | None = None
    low: float = 0.0
    high: float = 0.0
    logarithmic: bool = False


@dataclass(frozen=True)
class Pictures:
    """A small picture of each node, in shades of grey.

    Examples
    --------
    >>> Pictures(np.zeros((2, 64), np.uint8), width=8).width
    8
    """

    shades: NDArray[np.uint8]
    width: int


@dataclass(frozen=True)
class NodeMap:
    """Nodes in the plane.

    Attributes
    ----------
    positions
        Shape (n_nodes, 2), from 0 to 65,535, in equal units.
    words
        How the positions were made.
    colourings
        What colours can mean.
    edges
        Known edges, shape (n_edges, 2); None where there are too many to carry along.
    partners, partner_probabilities
        The best open partners of each node, shape (n_nodes, n_partners), with -1 where there are
        fewer, and their probabilities; None for graphs so large that not all pairs are ranked.
    pictures
        A picture of each node, or None.

    Examples
    --------
    >>> NodeMap(np.zeros((3, 2), np.uint16), "all in one place", ()).edges
    """

    positions: NDArray[np.uint16]
    words: str
    colourings: Sequence[Colouring]
    edges: Pairs | None = None
    partners: Pairs | None = None
    partner_probabilities: Floats | None = None
    pictures: Pictures | None = None


@dataclass(frozen=True)
class ReliabilityBin:
    """Held-out pairs of similar probability, and how many of them are edges.

    Examples
    --------
    >>> ReliabilityBin(predicted=0.5, observed=0.4, low=0.3, high=0.5, n_pairs=100).n_pairs
    100
    """

    predicted: float
    observed: float
    low: float
    high: float
    n_pairs: int


@dataclass(frozen=True)
class Quality:
    """How held-out test pairs are ranked and how well probabilities hold on them.

    Attributes
    ----------
    edges, others
        Scores of test edges and of pairs without an edge.
    roc, precision_recall
        Curves for as many other pairs as edges.
    among_open
        Precision against recall among all open pairs; None where they are too many to count.
    prevalence
        The share of test edges among the open pairs.
    by_degree
        Test edges by the smaller degree of their ends.
    reliability
        Bins of test pairs by their probability, at 1:1; none without calibration.
    deciles
        Predicted and actual numbers of test edges among all open pairs; none without calibration.
    simple
        Mean of AUC and average precision on validation pairs of the model and of simple methods;
        empty where none was run.

    Examples
    --------
    >>> from dataclasses import fields
    >>> [field.name for field in fields(Quality)][:2]
    ['edges', 'others']
    """

    edges: Floats
    others: Floats
    roc: Curve
    precision_recall: Curve
    among_open: Curve | None
    prevalence: float
    by_degree: Sequence[RankedBin]
    reliability: Sequence[ReliabilityBin]
    deciles: Sequence[Mapping[str, float]]
    simple: Mapping[str, float]


@dataclass(frozen=True)
class Health:
    """What the posterior of a variational model says of its fit.

    Attributes
    ----------
    kl
        Mean divergence from the prior by latent dimension, in nats.
    active
        Which dimensions are active.
    spread
        Lowest and highest degree of a group of nodes, their number, and the median of their mean
        posterior standard deviation.
    words
        The verdict in a sentence.

    Examples
    --------
    >>> Health(np.zeros(2), np.zeros(2, bool), (), "collapsed").words
    'collapsed'
    """

    kl: Floats
    active: NDArray[np.bool]
    spread: Sequence[tuple[int, int, int, float]]
    words: str


@dataclass(frozen=True)
class Findings:
    """All that a report shows. A part that a run does not have is None or empty, and is left out.

    Attributes
    ----------
    title, subtitle
        What was fitted, and how.
    verdict
        What the probabilities mean and how well they hold, in words.
    warnings
        What a reader must know before anything else.
    headlines
        The figures that come first.
    facts
        Name and description of everything else that belongs on the first screen.
    command
        The command that repeats the fit, or None.
    ids
        Node ids; None where they are the row numbers.
    links
        The likeliest missing links.
    map
        Nodes in the plane, or None.
    quality
        What test pairs say, or None.
    history
        One record per training step.
    health
        What the posterior says, or None.

    Examples
    --------
    >>> from dataclasses import fields
    >>> [field.name for field in fields(Findings)][:2]
    ['title', 'subtitle']
    """

    title: str
    subtitle: str
    verdict: str
    warnings: Sequence[str]
    headlines: Sequence[Headline]
    facts: Sequence[tuple[str, str]]
    command: str | None
    ids: Sequence[str] | None
    n_nodes: int
    links: LinkTable
    map: NodeMap | None
    quality: Quality | None
    history: Sequence[Mapping[str, Any]]
    health: Health | None
    directed: bool = False
