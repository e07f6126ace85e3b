"""A graph in figures, and the time and memory that fitting it would take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import sparse

from vgae.data.adjacency import counts_by_degree
from vgae.data.graph import Graph
from vgae.data.kinds import Kind, WeightMeans
from vgae.data.labels import labelled_nodes
from vgae.data.split import PAPER_SPLIT
from vgae.learning.settings import named_preset
from vgae.people.api import make_model
from vgae.people.planning import plan_fit

__all__ = ["Inspection", "Plan", "inspect_graph"]

BAG_SHARE = 0.25
"""Features with a smaller share of nonzero entries are treated as bags of words."""
LARGE_FEATURE = 100.0


@dataclass(frozen=True)
class Plan:
    """What `vgae fit` would do with a graph, and its estimated time and memory on this machine.

    Attributes
    ----------
    preset
        The recommended preset.
    why
        The reason, in words.
    validation, test
        Number of edges that would be held out; zero if there are too few.
    engine
        Name of the engine that would compute the sum over all pairs.
    objective
        Whether the objective would be "exact" or "sampled".
    steps, seconds
        Number of training steps, and their estimated total time.
    bytes
        Estimated memory of the process.

    Examples
    --------
    >>> plan = inspect_graph(Graph.from_edges([(i, i + 1) for i in range(40)])).plan
    >>> plan.preset, plan.why, plan.validation, plan.test, plan.steps
    ('paper', 'there are no features to scale', 2, 4, 200)
    """

    preset: str
    why: str
    validation: int
    test: int
    engine: str
    objective: str
    steps: int
    seconds: float
    bytes: float


@dataclass(frozen=True)
class Inspection:
    """A graph in figures.

    Attributes
    ----------
    kind
        "undirected", "directed", "bipartite" or "signed".
    types
        Number of nodes by type and of edges by the types that they join; None without types.
    times
        The earliest and the latest time of an edge; None without times.
    signs
        Number of positive and negative edges; None unless the graph is signed.
    weight_means
        What weights mean.
    n_nodes, n_edges, directed
        As in the graph.
    density
        Share of the pairs of nodes that have an edge.
    components, largest_component
        Number of connected components, and number of nodes in the largest.
    isolated
        Number of nodes without an edge.
    degrees
        Smallest, median, mean, 99th percentile and largest number of neighbours.
    degree_counts
        Number of nodes by number of neighbours, in ranges that double: 0, 1, 2-3, 4-7, ...
    rows, cleaning
        Number of input rows, and how many were dropped or merged, by reason.
    weights
        Smallest and largest weight, or None.
    features
        Number, kind ("dense" or "sparse"), share of nonzero entries, smallest and largest; or None.
    labels
        Number of nodes by label, most frequent first, or None.
    plan
        What fitting would do, and its estimated time and memory.
    reading
        How a table of edges was understood (see `vgae.data.reading.Reading`), or None.

    Examples
    --------
    >>> found = inspect_graph(Graph.from_edges([(0, 1), (1, 2)]))
    >>> found.degree_counts
    {'1': 2, '2-3': 1}
    >>> found.as_dict()["degrees"]["mean"]
    1.333
    """

    n_nodes: int
    n_edges: int
    directed: bool
    kind: Kind
    types: dict[str, Any] | None
    times: tuple[float, float] | None
    signs: dict[str, int] | None
    weight_means: WeightMeans
    density: float
    components: int
    largest_component: int
    isolated: int
    degrees: Mapping[str, float]
    degree_counts: Mapping[str, int]
    rows: int
    cleaning: Mapping[str, int]
    weights: tuple[float, float] | None
    features: Mapping[str, Any] | None
    labels: Mapping[str, int] | None
    plan: Plan
    reading: Mapping[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        """Convert to plain values, ready for JSON."""
        return asdict(self)


def inspect_graph(graph: Graph) -> Inspection:
    """Describe a graph, and estimate the time and memory that fitting it would take here.

    Time and memory follow from counted operations and measured rates; see
    `vgae.people.planning.plan_fit`.

    Examples
    --------
    >>> found = inspect_graph(Graph.from_pairs([("a", "b"), ("b", "c"), ("c", "b"), ("d", "d")]))
    >>> found.n_edges, found.isolated, found.components, found.rows, found.cleaning["self_loops"]
    (2, 1, 2, 4, 1)
    """
    n_pairs = graph.pair_space.n_pairs
    n_components, members = sparse.csgraph.connected_components(graph.adjacency, directed=False)
    cleaning = graph.cleaning.rows
    weights, features = graph.weights, _features(graph)
    labels = None
    if graph.labels is not None:
        given = graph.labels[labelled_nodes(graph.labels)]
        names, sizes = np.unique(given.astype(str), return_counts=True)
        order = np.argsort(-sizes, kind="stable")
        labels = {str(names[place]): int(sizes[place]) for place in order}
    return Inspection(
        n_nodes=graph.n_nodes,
        n_edges=graph.n_edges,
        directed=graph.directed,
        kind=graph.kind,
        types=_types(graph),
        times=None if graph.times is None else (float(graph.times.min()), float(graph.times.max())),
        signs=_signs(graph),
        weight_means=graph.weight_means,
        density=graph.n_edges / n_pairs if n_pairs else 0.0,
        components=int(n_components),
        largest_component=int(np.bincount(members).max(initial=0)),
        isolated=graph.n_isolated,
        degrees=_degrees(graph),
        degree_counts={name: n for name, n in counts_by_degree(graph.degrees).items() if n},
        rows=graph.n_rows,
        cleaning=cleaning,
        weights=None if weights is None else (float(weights.min()), float(weights.max())),
        features=features,
        labels=labels,
        plan=_plan(graph, features),
        reading=None if graph.reading is None else graph.reading.as_dict(),
    )


def _types(graph: Graph) -> dict[str, Any] | None:
    """Number of nodes by type, and of edges by the types that they join."""
    if graph.node_types is None or graph.type_pairs is None:
        return None
    names = graph.type_names
    sizes = np.bincount(graph.node_types, minlength=len(names)).tolist()
    ends = graph.node_types[graph.edges]
    ends = ends if graph.directed else np.sort(ends, axis=1)
    edges = {
        f"{names[first]} - {names[second]}": int((ends == (first, second)).all(axis=1).sum())
        for first, second in graph.type_pairs.tolist()
    }
    return {"nodes": dict(zip(names, sizes, strict=True)), "edges": edges}


def _signs(graph: Graph) -> dict[str, int] | None:
    """Number of positive and negative edges of a signed graph."""
    if graph.kind != "signed" or graph.weights is None:
        return None
    n_positive = int(np.count_nonzero(graph.weights > 0))
    return {"positive": n_positive, "negative": graph.n_edges - n_positive}


def _degrees(graph: Graph) -> dict[str, float]:
    degrees = graph.degrees
    if not degrees.size:
        return {}
    return {
        "least": int(degrees.min()),
        "median": float(np.median(degrees)),
        "mean": round(float(degrees.mean()), 3),
        "99 %": float(np.percentile(degrees, 99)),
        "largest": int(degrees.max()),
    }


def _features(graph: Graph) -> dict[str, Any] | None:
    features: Any = graph.features
    if features is None:
        return None
    sparsely = sparse.issparse(features)
    values = features.data if sparsely else features.ravel()
    n_entries = graph.n_nodes * graph.n_features
    # Entries that are not stored are zero.
    ends = values if values.size == n_entries > 0 else np.append(values, 0.0)
    return {
        "number": graph.n_features,
        "kind": "sparse" if sparsely else "dense",
        "not_zero": round(np.count_nonzero(values) / max(n_entries, 1), 6),
        "least": float(ends.min()),
        "largest": float(ends.max()),
    }


# ------------------------------------------------------------------------ plan


def _plan(graph: Graph, features: Mapping[str, Any] | None) -> Plan:
    preset, why = _preset(features)
    if graph.kind == "signed":
        preset, why = "signs", "edges have signs"
    model = make_model(named_preset(preset).model, preset=preset)
    held_out = PAPER_SPLIT.sizes(graph.n_edges)
    if not all(held_out.values()):
        held_out = dict.fromkeys(held_out, 0)
    found = plan_fit(graph, model.settings, held_out=all(held_out.values()))
    return Plan(
        preset=preset,
        why=why,
        validation=held_out["validation"],
        test=held_out["test"],
        engine=found.engine,
        objective=found.objective,
        steps=found.steps,
        seconds=found.seconds if graph.n_edges else 0.0,
        bytes=found.bytes,
    )


def _preset(found: Mapping[str, Any] | None) -> tuple[str, str]:
    if found is None:
        return "paper", "there are no features to scale"
    if found["not_zero"] < BAG_SHARE and found["least"] >= 0:
        return "unit", "features like bags of words do better at unit length"
    if max(-found["least"], found["largest"]) > LARGE_FEATURE:
        return "unit", "features are large; better still, bring them to one scale (--standardize)"
    return "paper", "features are numbers of moderate size"
