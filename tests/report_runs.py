"""Fitted methods of every kind, for tests of reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from graphs import graph_of

from vgae.data.graph import Graph
from vgae.data.split import Split, split_edges
from vgae.people.api import GAE, VGAE, LinkBaseline

HOSTILE = (
    "</script><img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
)


def communities(n_blocks: int = 4, size: int = 15, *, hostile: bool = True) -> Graph:
    """Dense blocks with labels and ids, one of which is hostile."""
    random = np.random.default_rng(0)
    block = np.repeat(np.arange(n_blocks), size)
    inside = block[:, None] == block[None]
    edges = np.argwhere(np.triu(random.random(inside.shape) < np.where(inside, 0.5, 0.01), 1))
    ids = [f"node {place:03}" for place in range(len(block))]
    labels = [f"block {place}" for place in block]
    if hostile:
        ids[0], labels[:2] = HOSTILE, [HOSTILE, HOSTILE]
    return Graph.from_edges(edges, ids=ids).with_labels(labels)


def model_of_communities(steps: int = 60) -> VGAE:
    split = split_edges(communities(), validation=0.1, test=0.2, seed=0)
    return VGAE(steps=steps, latent_dim=4, hidden_dim=8, seed=0).fit(split)


def _of_kind(kind: str, **settings: Any) -> Any:
    graph = graph_of(kind, seed=1, n_nodes=30, n_rows=150)
    return VGAE(steps=5, latent_dim=4, **settings).fit(split_edges(graph, test=0.2, seed=0))


def _interrupted() -> Any:
    model = model_of_communities(5)
    model.fitted_ = replace(model.fitted_, interrupted=True)
    return model


def _weighted() -> Any:
    graph = communities()
    weights = np.arange(1, graph.n_edges + 1) % 5 + 1
    graph = graph.with_pairs(graph.edges, weights=weights.astype(np.float32))
    split = split_edges(graph.with_weight_means("count"), test=0.2, seed=0)
    return VGAE(steps=5, likelihood="poisson").fit(split)


RUNS: dict[str, Callable[[], Any]] = {
    "variational": model_of_communities,
    "point mass": lambda: GAE(steps=5).fit(split_edges(communities(), test=0.2, seed=0)),
    "no labels": lambda: VGAE(steps=5).fit([(i, (i + 1) % 30) for i in range(30)]),
    "interrupted": _interrupted,
    "no steps": lambda: VGAE(steps=0).fit(communities()),
    "one edge": lambda: VGAE(steps=3).fit([("a", "b")]),
    "one dimension": lambda: VGAE(steps=3, latent_dim=1).fit(communities()),
    "directed": lambda: _of_kind("directed", decoder="directed-inner", encoder="directed"),
    "bipartite": lambda: _of_kind("bipartite"),
    "signed": lambda: _of_kind("signed"),
    "weighted": _weighted,
    "combined": lambda: VGAE(steps=3, ensemble=2, combiner="logistic").fit(
        split_edges(communities(), test=0.2, seed=0)
    ),
    "heuristic": lambda: LinkBaseline("resource-allocation").fit(
        split_edges(communities(), test=0.2, seed=0)
    ),
    "spectral": lambda: LinkBaseline("spectral", latent_dim=3).fit(
        Split.without_holdout(communities())
    ),
    "joined later": lambda: model_of_communities(3).with_nodes(edges=[("new", "node 005")]),
}
"""Estimators by what is special about them."""
