"""From a fitted method to everything that its report shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgae.data.datasets import load_dataset
from vgae.data.graph import Graph
from vgae.ground.errors import InputError, one_line
from vgae.learning.embeddings import posterior_scores
from vgae.learning.explanation import explain_many
from vgae.learning.fit_record import coded_labels
from vgae.learning.fitted import Fitted
from vgae.learning.fitted_baseline import FittedBaseline
from vgae.learning.scores import ModelScores
from vgae.people.html.layout import (
    coloured_by_name,
    coloured_by_number,
    communities,
    components,
    projected,
    scaled,
)
from vgae.people.html.quality import health_of, quality_of
from vgae.people.html.settings import ReportSettings
from vgae.people.html.summary import facts, headlines, subtitle, verdict, warnings_of
from vgae.people.html.values import Colouring, Findings, LinkTable, NodeMap, Pictures

__all__ = ["findings_of", "map_findings"]

MOST_NODES_RANKED, MOST_NODES_RANKED_SLOWLY = 20_000, 4_000
"""Nodes whose best partners are looked up, and whose open pairs are counted: of scores that
compiled loops search, and of others."""
MOST_EDGES_CARRIED = 2_000_000
PARTNERS = 5
LEAST_WITHIN = 0.9
"""Share of the scores that must lie in their intervals, for these to say something of them."""
PICTURED = "digits"
"""The data set whose features are pixels."""

AnyFitted = Fitted | FittedBaseline
Pairs = NDArray[np.int64]


def findings_of(
    fitted: AnyFitted, settings: ReportSettings | None = None, *, graph: Graph | None = None
) -> Findings:
    """Everything that the report of a fitted method shows.

    Parameters
    ----------
    fitted
        A fitted model or baseline, by a fit or from a run folder of any format.
    settings
        What the report shows; the defaults if None.
    graph
        The graph of the fit, for its labels. Only a run that an earlier version stored needs it.

    Raises
    ------
    InputError
        The graph is another one than that of the fit, or the projection cannot be made.

    Examples
    --------
    >>> from vgae import VGAE
    >>> found = findings_of(VGAE(steps=2).fit([("a", "b"), ("b", "c")]).fitted_)
    >>> found.title, found.links.pairs.tolist(), found.quality, len(found.history)
    ('graph', [[0, 2]], None, 2)
    """
    settings = settings or ReportSettings()
    if graph is not None:
        fitted.check_graph(graph)
    whole, record = fitted.split.graph, fitted.record
    known = whole.undirected()
    links = _links(fitted, settings)
    quality = quality_of(fitted, all_pairs=_ranks_all_pairs(fitted))
    return Findings(
        title=one_line(str(fitted.graph.get("name") or "graph")),
        subtitle=subtitle(fitted),
        verdict=verdict(fitted),
        warnings=warnings_of(fitted),
        headlines=headlines(fitted, quality, links),
        facts=facts(fitted, known, graph),
        command=None if record is None else record.facts.command,
        ids=_ids(whole),
        n_nodes=whole.n_nodes,
        links=links,
        map=_map(fitted, settings, known, graph),
        quality=quality,
        history=[] if isinstance(fitted, FittedBaseline) else list(fitted.history),
        health=health_of(fitted),
        directed=whole.directed,
    )


def map_findings(fitted: AnyFitted) -> Findings:
    """What a map alone shows of a fitted method: its nodes, and links without their reasons.

    Raises
    ------
    InputError
        The method has no embedding.

    Examples
    --------
    >>> from vgae import VGAE
    >>> found = map_findings(VGAE(steps=2).fit([("a", "b"), ("b", "c")]).fitted_)
    >>> found.map.words[:34], found.links.pairs.tolist(), found.facts
    ('the first two principal components', [[0, 2]], [])
    """
    settings, whole = ReportSettings(), fitted.split.graph
    nodes = _map(fitted, settings, whole.undirected(), None)
    if nodes is None:
        raise InputError("the method scores pairs and has no embedding to draw")
    return Findings(
        title=one_line(str(fitted.graph.get("name") or "graph")),
        subtitle=subtitle(fitted),
        verdict="",
        warnings=[],
        headlines=[],
        facts=[],
        command=None,
        ids=_ids(whole),
        n_nodes=whole.n_nodes,
        links=_bare_links(fitted, settings),
        map=nodes,
        quality=None,
        history=[],
        health=None,
        directed=whole.directed,
    )


def _ids(graph: Graph) -> list[str] | None:
    return None if graph.ids_are_rows else [str(name) for name in graph.ids.tolist()]


# ------------------------------------------------------------------------------ links


def _bare_links(fitted: AnyFitted, settings: ReportSettings) -> LinkTable:
    """The best links without what takes longer: intervals, common neighbours and reasons."""
    ((pairs, scores),) = fitted.ranked(settings.top, None)
    return LinkTable(
        pairs=pairs,
        probabilities=fitted.probabilities(scores),
        intervals=None,
        degrees=fitted.split.message_graph().undirected().degrees[pairs],
        common=None,
        why=[""] * len(pairs),
    )


def _links(fitted: AnyFitted, settings: ReportSettings) -> LinkTable:
    links = _bare_links(fitted, settings)
    pairs = links.pairs
    extra: dict[str, NDArray[np.float64]] = {}
    if (weights := fitted.weights(pairs)) is not None:
        extra["expected weight"] = np.asarray(weights, np.float64)
    if fitted.scores.signs is not None:
        extra["positive"] = fitted.scores.signs.pairs(pairs)
    explained = explain_many(fitted, pairs)
    common = [one.n_common_neighbors for one in explained]
    is_bipartite = fitted.split.graph.kind == "bipartite"
    return replace(
        links,
        intervals=_intervals(fitted, pairs),
        common=None if is_bipartite else np.array(common, np.int64),
        why=[one.why for one in explained],
        extra=extra,
    )


def _intervals(fitted: AnyFitted, pairs: Pairs) -> NDArray[np.float64] | None:
    """Quantiles of the probability over posterior samples, where one posterior makes the score."""
    if isinstance(fitted, FittedBaseline) or fitted.embedding_std is None or fitted.needs_graph:
        return None
    if len(pairs) == 0:
        return np.empty((0, 2))
    drawn = posterior_scores(
        fitted.network, fitted.embedding, fitted.embedding_std, pairs, seed=fitted.random_seed
    )
    # A strictly monotone map carries quantiles of scores to quantiles of probabilities.
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0).astype(np.float32)
    scores = fitted.scores.pairs(pairs)
    if np.mean((low <= scores) & (scores <= high)) < LEAST_WITHIN:
        return None  # as with distances, which are larger between samples than between means
    return fitted.probabilities(np.stack([low, high], axis=1))


# -------------------------------------------------------------------------------- map


def _map(
    fitted: AnyFitted,
    settings: ReportSettings,
    known: Graph,
    graph: Graph | None,
) -> NodeMap | None:
    vectors = fitted.vectors
    if vectors is None or vectors.shape[1] == 0 or len(vectors) == 0:
        return None
    positions, words = projected(vectors, settings.projection, seed=fitted.random_seed)
    edges = fitted.split.graph.edges
    partners, probabilities = _partners(fitted)
    return NodeMap(
        positions=scaled(positions),
        words=words,
        colourings=_colourings(fitted, known, graph),
        edges=edges if len(edges) <= MOST_EDGES_CARRIED else None,
        partners=partners,
        partner_probabilities=probabilities,
        pictures=_pictures(fitted),
    )


def _ranks_all_pairs(fitted: AnyFitted) -> bool:
    scores = fitted.scores
    quick = isinstance(scores, ModelScores) and scores.factors is not None
    most = MOST_NODES_RANKED if quick else MOST_NODES_RANKED_SLOWLY
    return fitted.split.graph.n_nodes <= most and not scores.dear


def _partners(fitted: AnyFitted) -> tuple[Pairs | None, NDArray[np.float64] | None]:
    """The best open partners of each node and their probabilities; None for large graphs."""
    if not _ranks_all_pairs(fitted):
        return None, None
    graph = fitted.split.graph
    nodes = np.arange(graph.n_nodes)
    pairs, scores = fitted.scores.partners(nodes, PARTNERS, graph)
    starts = np.searchsorted(pairs[:, 0], nodes)
    places = np.arange(len(pairs)) - starts[pairs[:, 0]]
    partners = np.full((graph.n_nodes, PARTNERS), -1)
    probabilities = np.zeros((graph.n_nodes, PARTNERS))
    partners[pairs[:, 0], places] = pairs[:, 1]
    probabilities[pairs[:, 0], places] = fitted.probabilities(scores)
    return partners, probabilities


def _colourings(
    fitted: AnyFitted,
    known: Graph,
    graph: Graph | None,
) -> list[Colouring]:
    found = []
    names, labels = _labels(fitted, graph)
    if names and labels is not None:
        found.append(coloured_by_name("label", labels, [one_line(name) for name in names]))
    whole = fitted.split.graph
    if whole.node_types is not None:
        kinds = [one_line(name) for name in whole.type_names]
        found.append(coloured_by_name("type", whole.node_types, kinds))
    groups = communities(known.adjacency)
    if groups is not None and known.n_edges:
        found.append(coloured_by_name("community", groups))
    found.append(coloured_by_number("degree", known.degrees, logarithmic=True))
    if isinstance(fitted, Fitted) and fitted.embedding_std is not None:
        found.append(coloured_by_number("uncertainty", fitted.embedding_std.mean(axis=1)))
    found.append(coloured_by_name("component", components(known.adjacency)))
    return found


def _labels(
    fitted: AnyFitted, graph: Graph | None
) -> tuple[list[str] | None, NDArray[np.integer[Any]] | None]:
    if fitted.record is not None and fitted.record.labels is not None:
        return fitted.record.facts.label_names, fitted.record.labels
    if graph is not None and graph.n_nodes == fitted.split.graph.n_nodes:
        return coded_labels(graph)
    return None, None


def _pictures(fitted: AnyFitted) -> Pictures | None:
    if fitted.graph.get("name") != PICTURED:
        return None
    graph = load_dataset(PICTURED)
    if graph.fingerprint != fitted.graph["fingerprint"] or graph.features is None:
        return None
    pixels = np.asarray(graph.features, np.float64)
    if len(pixels) != fitted.split.graph.n_nodes:
        return None
    shades = np.rint(pixels / (pixels.max() or 1.0) * 255).astype(np.uint8)
    return Pictures(shades, width=int(np.sqrt(shades.shape[1])))
