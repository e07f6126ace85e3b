"""How well nodes that training never saw are placed: Cora with a tenth of its nodes held out.

    python benchmarks/new_nodes.py [--seeds 10]

Prints a Markdown table. For each seed a tenth of the nodes is held out with all of its edges. The
model is fitted to the rest, and the held-out nodes are added to it (`LinkModel.embed_new`): with
their features only, or with one of their links each too. `transductive` is the same model fitted to
a graph in which those nodes are there, with the features and the links of that column. All columns
score the same pairs: the held-out nodes' links to the rest but for the one that is given, and as
many pairs of such a node and one of the rest without an edge.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgae import load_dataset
from vgae.data.graph import Graph
from vgae.learning.metrics import average_precision, roc_auc
from vgae.people.api import LinkModel, make_model

HELD_OUT = 0.1
VARIANTS: dict[str, dict[str, Any]] = {
    "paper": {"preset": "paper"},
    "unit": {"preset": "unit"},
    "no features": {"features": "none"},
}
COLUMNS = ("features only", "transductive", "with one link", "transductive, with one link")

Pairs = NDArray[np.int64]
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """Held-out nodes of a graph; pairs are of a new node and one of the rest.

    Attributes
    ----------
    graph
        The whole graph.
    rest
        The nodes that stay, with their edges and features; ids are rows of the whole graph.
    new
        Rows of the held-out nodes that have a link to the rest.
    given
        One link of each of them.
    positives, negatives
        Their other links to the rest, and as many pairs without an edge.
    """

    graph: Graph
    rest: Graph
    new: NDArray[np.int64]
    given: Pairs
    positives: Pairs
    negatives: Pairs


def hold_out(graph: Graph, seed: int) -> Case:
    """Draw the nodes, the links that are given, and the pairs without an edge."""
    random = np.random.default_rng([seed, 20])
    chosen = random.permutation(graph.n_nodes)[: round(HELD_OUT * graph.n_nodes)]
    is_new = np.zeros(graph.n_nodes, dtype=bool)
    is_new[chosen] = True
    ends = is_new[graph.edges]
    across = graph.edges[ends.sum(axis=1) == 1]
    links = np.where(is_new[across[:, :1]], across, across[:, ::-1])  # the new node first
    links = random.permutation(links)
    new, first = np.unique(links[:, 0], return_index=True)
    positives = np.delete(links, first, axis=0)
    old = np.flatnonzero(~is_new)
    negatives: list[tuple[int, int]] = []
    while len(negatives) < len(positives):
        a, b = int(random.choice(new)), int(random.choice(old))
        if graph.adjacency[a, b] == 0 and (a, b) not in negatives:
            negatives.append((a, b))
    kept = graph.edges[ends.sum(axis=1) == 0]
    features: Any = graph.features
    rest = Graph.from_edges(np.searchsorted(old, kept), ids=old, features=features[old])
    return Case(graph, rest, new, links[first], positives, np.array(negatives))


def placed(case: Case, model: LinkModel, given: Pairs | None) -> Vectors:
    """Vectors by row of the whole graph: the model's own, and those of the new nodes."""
    features: Any = case.graph.features
    rows = None if model.settings_.network.features == "none" else features[case.new]
    vectors = np.zeros((case.graph.n_nodes, model.embedding_.shape[1]), dtype=np.float32)
    vectors[case.rest.ids] = model.embedding_
    vectors[case.new] = model.embed_new(rows, given, ids=case.new)
    return vectors


def scored(case: Case, vectors: Vectors) -> tuple[float, float]:
    """AUC and AP of the hidden links."""
    scores = [
        (vectors[part[:, 0]] * vectors[part[:, 1]]).sum(axis=1)
        for part in (case.positives, case.negatives)
    ]
    return roc_auc(*scores), average_precision(*scores)


def columns(case: Case, **settings: Any) -> dict[str, tuple[float, float]]:
    """AUC and AP by column; without features there is nothing to place a node without a link."""
    model = make_model(**settings).fit(case.rest)
    edges = case.graph.edges[np.isin(case.graph.edges, case.rest.ids).all(axis=1)]
    found = {}
    if model.settings_.network.features != "none":
        whole = make_model(**settings).fit(case.graph.with_edges(edges))
        found[COLUMNS[0]] = scored(case, placed(case, model, None))
        found[COLUMNS[1]] = scored(case, whole.embedding_)
    whole = make_model(**settings).fit(case.graph.with_edges(np.concatenate([edges, case.given])))
    found[COLUMNS[2]] = scored(case, placed(case, model, case.given))
    found[COLUMNS[3]] = scored(case, whole.embedding_)
    return found


def lines(graph: Graph, seeds: int) -> Iterator[str]:
    """The table, a row as soon as it is known."""
    cases = [hold_out(graph, seed) for seed in range(seeds)]
    yield "| model | settings | metric | " + " | ".join(COLUMNS) + " |"
    yield "|---" * (3 + len(COLUMNS)) + "|"
    for name in ("vgae", "gae"):
        for variant, settings in VARIANTS.items():
            runs = [
                columns(case, name=name, seed=seed, **settings) for seed, case in enumerate(cases)
            ]
            for place, metric in enumerate(("AUC", "AP")):
                cells = [summary([run[c][place] for run in runs if c in run]) for c in COLUMNS]
                yield f"| {name.upper()} | {variant} | {metric} | " + " | ".join(cells) + " |"


def summary(values: list[float]) -> str:
    """Mean and standard error, in percent."""
    if not values:
        return "-"
    error = np.std(values, ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return f"{100 * np.mean(values):.1f} ± {100 * error:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=10, help="how many times to draw the nodes")
    for line in lines(load_dataset("cora"), parser.parse_args().seeds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
