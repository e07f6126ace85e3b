"""Directed graphs: the preset strong against DiGAE, STRAP and heuristics, on the same splits.

    VGAE_DATA=... python benchmarks/directed.py [--graphs cora_ml,...] [--runs 10] [--first 100]

Protocol T, 80/5/15 of the arcs, splits of seeds 100 to 109, one of cit-hep-th. Prints a Markdown
table per graph and task: mean and standard error in percent, and the seconds of a fit. General:
negatives are uniform ordered pairs without an arc. Biased: they are the reverses of the test arcs.
Bidirectional: of pairs with a training arc one way, which have one back? (see
`vgae.data.split.arc_task_pairs`)
"""

from __future__ import annotations

import argparse
import time

from strong import cell, graph_of

import vgae
from vgae.data.graph import Graph
from vgae.data.split import Split, split_edges
from vgae.learning.baselines import baseline
from vgae.learning.judge import link_scores
from vgae.learning.scores import Scores

METRICS = {
    "general": ("auc", "average_precision", "hits@100", "mrr"),
    "biased": ("auc_biased", "average_precision_biased", "hits_biased@10", "mrr_biased"),
    "bidirectional": (
        *("auc_bidirectional", "average_precision_bidirectional"),
        *("hits_bidirectional@10", "mrr_bidirectional"),
    ),
}
RIVALS = (
    *("strap", "directed-common-neighbors", "directed-resource-allocation"),
    *("resource-allocation", "katz", "als", "degree"),
)
ONE_SPLIT = ("cit-hep-th",)


def fitted(name: str, split: Split, seed: int) -> Scores:
    """Scores of a method by name, of what it may see of the split."""
    if name not in ("strong", "digae"):
        return baseline(name).fit(split.training, seed=seed)
    return vgae.GAE.from_preset(name, seed=seed).fit(split.training).fitted_.scores


def table(graph: Graph, rows: dict[str, list[dict[str, float | None]]], task: str) -> str:
    """A Markdown table of one task."""
    columns = (*METRICS[task], *(["seconds"] if task == "general" else []))
    lines = [f"| {task} | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for label, found in rows.items():
        cells = (cell([row[key] for row in found]) for key in columns)
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join([f"{graph}", "", *lines, ""])


def main() -> None:
    """Print the tables of each graph."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graphs", default="cora_ml,cora_directed,cit-hep-th")
    parser.add_argument("--methods", default=",".join(("strong", "digae", *RIVALS)))
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--first", type=int, default=100)
    options = parser.parse_args()
    for name in options.graphs.split(","):
        graph = graph_of(name, directed=True)
        runs = 1 if name in ONE_SPLIT else options.runs
        rows: dict[str, list[dict[str, float | None]]] = {}
        for seed in range(options.first, options.first + runs):
            split = split_edges(graph, seed=seed, validation=0.05, test=0.15)
            for label in options.methods.split(","):
                started = time.perf_counter()
                scores = fitted(label, split, seed)
                seconds = time.perf_counter() - started
                asked = [metric for metrics in METRICS.values() for metric in metrics]
                row = link_scores(split, scores, asked) | {"seconds": seconds / 100}
                rows.setdefault(label, []).append(row)
                shown = (f"{key} {100 * value:.2f}" for key, value in row.items() if value)
                print(f"# {name} {seed} {label}: {' '.join(shown)}", flush=True)
        print(f"\n{name}, {runs} splits")
        for task in METRICS:
            print(table(graph, rows, task), flush=True)


if __name__ == "__main__":
    main()
