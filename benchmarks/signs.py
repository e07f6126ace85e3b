"""Signs of edges between camps: the preset signs, structural balance, and what could be known.

    python benchmarks/signs.py [--runs 10] [--first 100] [--nodes 400] [--degrees 20,10]

Every node is in one of k camps. As many edges are drawn within camps as between them; those within
are positive and the others negative, and then each sign is flipped with a probability of 10 %. A
new graph is generated for each seed and split 85 / 5 / 10 with the same seed. Prints a Markdown
table per mean degree and k: mean and standard error in percent. The bound is the AUC of a score
that knows the true camps: 1 within and 0 between. No method that sees neither test signs nor flips
can have a better one, but for chance.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray
from strong import cell

import vgae
from vgae.data.graph import Graph
from vgae.data.split import Split, split_edges
from vgae.learning.baselines import baseline
from vgae.learning.signs import SIGN_METRICS, SignScores, sign_metrics

FLIPPED = 0.1
"""The share of signs that are flipped."""


class Camps(SignScores):
    """Knows the camps, and that a tenth of the signs is flipped."""

    def __init__(self, camps: NDArray[np.int64]) -> None:
        self.n_nodes, self._camps = len(camps), camps

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        camps = self._camps[pairs]
        return np.where(camps[:, 0] == camps[:, 1], 1.0 - FLIPPED, FLIPPED)


def graph_of_camps(
    n_camps: int, *, seed: int, n_nodes: int, degree: float
) -> tuple[Graph, NDArray[np.int64]]:
    """A signed graph, and the camp of each node."""
    random = np.random.default_rng(seed)
    camps = random.integers(n_camps, size=n_nodes)
    pairs = np.stack(np.triu_indices(n_nodes, 1), axis=1)
    same = camps[pairs[:, 0]] == camps[pairs[:, 1]]
    n_of_each = round(n_nodes * degree / 4)
    drawn = [
        random.choice(np.flatnonzero(kind), n_of_each, replace=False) for kind in (same, ~same)
    ]
    edges = np.concatenate(drawn)
    signs = np.where(same[edges], 1.0, -1.0) * np.where(random.random(len(edges)) < FLIPPED, -1, 1)
    return Graph.from_edges(pairs[edges], n_nodes=n_nodes, weights=signs, kind="signed"), camps


def judged(split: Split, camps: NDArray[np.int64], seed: int) -> dict[str, dict[str, float]]:
    """Metrics of the signs of the test edges, by method."""
    model = vgae.GAE.from_preset("signs", seed=seed).fit(split.training)
    methods = {
        "true camps (the bound)": Camps(camps),
        "`signs`": model.scores().signs,
        "`balance`": baseline("balance").fit(split.training).signs,
    }
    return {
        name: {
            metric: value
            for metric, value in sign_metrics(split.graph, split.test.positives, signs).items()
            if value is not None
        }
        for name, signs in methods.items()
    }


def main() -> None:
    """Print a table per mean degree and number of camps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--nodes", type=int, default=400)
    parser.add_argument("--degrees", default="20,10")
    options = parser.parse_args()
    for degree in map(float, options.degrees.split(",")):
        for n_camps in (2, 4):
            rows: dict[str, list[dict[str, float]]] = {}
            for seed in range(options.first, options.first + options.runs):
                graph, camps = graph_of_camps(
                    n_camps, seed=seed, n_nodes=options.nodes, degree=degree
                )
                for name, found in judged(split_edges(graph, seed=seed), camps, seed).items():
                    rows.setdefault(name, []).append(found)
            print(f"\n{n_camps} camps, mean degree {degree:g}, {options.runs} splits\n")
            print(f"| method | {' | '.join(SIGN_METRICS)} |\n|---|{'---|' * len(SIGN_METRICS)}")
            for name, runs in rows.items():
                cells = (cell([run[metric] for run in runs]) for metric in SIGN_METRICS)
                print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
