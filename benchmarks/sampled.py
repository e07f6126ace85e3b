"""Sampled against exact objectives: what the ranking loses, and how few pairs a step needs.

    VGAE_DATA=... python benchmarks/sampled.py [--graphs dblp,generated] [--runs 10] [--variance]

Protocol T, 85/5/10, splits of seeds 100 to 109, GAE with the preset unit: the logistic likelihood,
exact, with two sets of 2,048 nodes a step, and with as many random pairs as there are edges.
`generated` has 20,000 nodes, 200,000 edges and 64 features. Prints a Markdown table per graph: mean
and standard error in percent, the differences from exact of the same splits, and seconds a step.

With --variance: the variance of the gradient of the weights, after the fit to Cora, for sets of
several sizes, without a control variate, with Taylor's and with the nearest quadratic.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

import numpy as np
import torch
from presentation import table
from strong import cell, graph_of

import vgae
from vgae.data.generator import generate_graph
from vgae.data.graph import Graph
from vgae.data.split import split_edges
from vgae.learning.judge import link_scores
from vgae.model import subsets
from vgae.model.kernels import choose_engine
from vgae.model.noise import CounterNoise

METRICS = ("auc", "average_precision", "mrr")
OBJECTIVES: dict[str, dict[str, Any]] = {
    "exact": {"objective": "exact"},
    "sampled nodes": {"objective": "sampled", "sampling": "nodes"},
    "sampled pairs": {"objective": "sampled", "sampling": "pairs"},
}


def accuracy(name: str, runs: int, first: int) -> None:
    """Print the table of one graph."""
    graph = generated() if name == "generated" else graph_of(name)
    rows: dict[str, list[dict[str, float]]] = {label: [] for label in OBJECTIVES}
    for seed in range(first, first + runs):
        split = split_edges(graph, seed=seed)
        for label, settings in OBJECTIVES.items():
            model = vgae.GAE.from_preset("unit", seed=seed, **settings).fit(split.training)
            found = link_scores(split, model.fitted_.scores, METRICS)
            taken = statistics.median(step["seconds"] for step in model.history_)
            row = {key: float(found[key] or 0.0) for key in METRICS} | {"seconds": taken}
            rows[label].append(row)
            print(f"# {name} {seed} {label}: {row}", flush=True)
    lines = []
    for label, taken_rows in rows.items():
        cells = [cell([row[key] for row in taken_rows]) for key in METRICS]
        pairs = list(zip(taken_rows, rows["exact"], strict=True))
        differences = [cell([one[key] - other[key] for one, other in pairs]) for key in METRICS[:2]]
        seconds = statistics.median(row["seconds"] for row in taken_rows)
        lines.append([label, *cells, *differences, f"{seconds:.3f}"])
    header = ["objective", "AUC", "AP", "MRR", "AUC less exact", "AP less exact", "seconds a step"]
    print(f"\n{name}: {graph}, {runs} splits\n\n{table(header, lines)}\n", flush=True)


def generated() -> Graph:
    """Communities with features, of a size for which exact sums take a while."""
    return generate_graph(20_000, 200_000, n_features=64, seed=1)


def variance(repeats: int = 200) -> None:
    """Print the relative variance of the gradient of the first weights, per control variate."""
    graph = graph_of("cora")
    rows = []
    for objective in ("balanced", "none"):
        offset = "none" if objective == "balanced" else "node"
        model = vgae.GAE.from_preset("unit", class_weight=objective, offset=offset).fit(graph)
        network = model.fitted_.network
        factors = network.factors(torch.from_numpy(model.embedding_))
        if factors is None:
            raise SystemExit("an inner product has factors")
        left = factors.joined()[0].detach()
        engine = choose_engine("auto")
        smooth = graph.normalized_adjacency() @ np.random.default_rng(0).normal(
            size=(graph.n_nodes, 64)
        )
        onto = torch.from_numpy(np.asarray(smooth, np.float32)).T
        exact = onto @ engine.sweep(left, None).grad_left
        for n_drawn in (128, 256, 512):
            row = [objective, n_drawn]
            for how in (nothing, taylor, subsets._nearest_quadratic):
                noise, errors = CounterNoise(0, torch.device("cpu")), []
                kept, subsets._nearest_quadratic = subsets._nearest_quadratic, how  # type: ignore[assignment]
                for step in range(1, repeats + 1):
                    noise.begin(step)
                    found = subsets.subset_sum(
                        network.likelihood, left, None, n_drawn=n_drawn, noise=noise, engine=engine
                    )
                    error = (onto @ found.grad_left - exact).norm() / exact.norm()
                    errors.append(float(error) ** 2)
                subsets._nearest_quadratic = kept
                row.append(f"{statistics.mean(errors):.4f}")
            rows.append(row)
    print(table(["class_weight", "nodes a set", "none", "Taylor", "nearest quadratic"], rows))


def nothing(*_: Any) -> tuple[float, float, float]:
    """No control variate."""
    return 0.0, 0.0, 0.0


def taylor(likelihood: Any, mean: float, mean_square: float) -> tuple[float, float, float]:  # noqa: ARG001
    """The second-order Taylor series of the logistic loss about the mean score."""
    chance = 1.0 / (1.0 + np.exp(-mean))
    bend = chance * (1.0 - chance) / 2.0
    level = float(np.logaddexp(0.0, mean))
    return level - chance * mean + bend * mean**2, chance - 2.0 * bend * mean, bend


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--graphs", default="dblp,generated")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--variance", action="store_true")
    options = parser.parse_args()
    if options.variance:
        variance()
        return
    for name in options.graphs.split(","):
        accuracy(name, options.runs, options.first)


if __name__ == "__main__":
    main()
