"""Expected counts of held-out edges: the preset counts against offsets of nodes alone.

    python benchmarks/weights.py [--graphs lesmis,generated] [--runs 10] [--first 0]

`lesmis` counts scenes in which two characters appear together. The other graph is generated: 6,000
nodes in 30 blocks, strengths that follow a power law, and Poisson counts on about 116,000 edges.
Splits hold out 10 % of the edges as test and 5 % as validation edges. Prints Markdown tables: the
log likelihood per edge, rank correlation and error of the weights, AUC and the seconds of a fit,
mean and standard error over the splits; and actual over predicted weight by tenths of the predicted
weight, over all splits together, with the number of test edges in each tenth.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from vgae.data.datasets import load_dataset
from vgae.data.graph import Graph
from vgae.data.split import Split, split_edges
from vgae.learning.baselines import baseline
from vgae.learning.judge import link_scores
from vgae.learning.results import figure, summarize
from vgae.learning.scores import Scores
from vgae.learning.settings import WEIGHT_METRICS
from vgae.learning.weighing import weight_report
from vgae.people.estimators import make_model

METRICS = (*WEIGHT_METRICS, "auc")


def generated(
    n_nodes: int = 6000,
    n_events: int = 135_000,
    *,
    n_blocks: int = 30,
    inside: float = 0.7,
    seed: int = 0,
) -> Graph:
    """Events between nodes in blocks; an event stays inside a block with probability `inside`.

    Both ends are drawn in proportion to strengths, which are powers of ranks. The counts of pairs
    are then Poisson, or nearly: events of a node with itself are left out.
    """
    random = np.random.default_rng(seed)
    strength = random.permutation((1.0 + np.arange(n_nodes)) ** -0.5)
    block = random.integers(n_blocks, size=n_nodes)
    ends = random.choice(n_nodes, (n_events, 2), p=strength / strength.sum())
    stays = random.random(n_events) < inside
    for number in range(n_blocks):
        members = np.flatnonzero(block == number)
        chosen = stays & (block[ends[:, 0]] == number)
        chances = strength[members] / strength[members].sum()
        ends[chosen, 1] = random.choice(members, int(chosen.sum()), p=chances)
    ends = np.sort(ends[ends[:, 0] != ends[:, 1]], axis=1)
    pairs, counts = np.unique(ends, axis=0, return_counts=True)
    return Graph.from_edges(pairs, n_nodes=n_nodes, weights=counts, weight_means="count")


GRAPHS: dict[str, Callable[[], Graph]] = {
    "lesmis": lambda: load_dataset("lesmis").with_weight_means("count"),
    "generated": generated,
}


def counts_model(split: Split, seed: int) -> Scores:
    """The preset counts."""
    return make_model("gae", preset="counts", seed=seed).fit(split.training).scores()


METHODS: dict[str, Callable[[Split, int], Scores]] = {
    "counts": counts_model,
    "strength": lambda split, seed: baseline("strength").fit(split.training, seed=seed),
}


def table(name: str, runs: range) -> None:
    """Print the tables of a graph."""
    graph = GRAPHS[name]()
    print(f"\n{name}: {graph.n_nodes:,} nodes, {graph.n_edges:,} edges, {len(runs)} splits\n")
    print("| method | log likelihood per edge | Spearman | RMSE | AUC (%) | seconds |")
    print("|---|---|---|---|---|---|")
    tenths: dict[str, list[list[dict[str, Any]]]] = {}
    for method, fit in METHODS.items():
        found, seconds = [], []
        for seed in runs:
            split = split_edges(graph, seed=seed)
            started = time.perf_counter()
            scores = fit(split, seed)
            seconds.append(time.perf_counter() - started)
            found.append(link_scores(split, scores, METRICS))
            report = weight_report(split, scores)
            tenths.setdefault(method, []).append([] if report is None else report["deciles"])
        cells = []
        for metric in METRICS:
            summary = summarize([one[metric] for one in found], metric=metric)
            cells.append(figure(metric, summary.mean, summary.standard_error))
        print(f"| `{method}` | {' | '.join(cells)} | {np.mean(seconds):.1f} |", flush=True)
    print("\n| actual / predicted by tenth | " + " | ".join(map(str, range(1, 11))) + " |")
    print("|---|" + "---|" * 10)
    for method, rows in tenths.items():
        sums = {
            part: [sum(row[place][part] for row in rows if place < len(row)) for place in range(10)]
            for part in ("actual", "predicted", "edges")
        }
        ratios = [
            f"{actual / predicted:.2f}" if predicted else "-"
            for actual, predicted in zip(sums["actual"], sums["predicted"], strict=True)
        ]
        print(f"| `{method}` | {' | '.join(ratios)} |")
        print(f"| test edges | {' | '.join(map(str, sums['edges']))} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--graphs", default=",".join(GRAPHS))
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    for name in given.graphs.split(","):
        table(name, range(given.first, given.first + given.runs))


if __name__ == "__main__":
    main()
