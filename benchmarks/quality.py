"""Held-out link prediction on Cora and Citeseer, beside the paper's published figures.

    python benchmarks/quality.py [--runs 10] [--seed 0]

Prints a Markdown table; the README's is this one. Protocol T: messages over training edges only.
"""

from __future__ import annotations

import argparse

import vgae
from vgae.evaluation import Summary

PAPER = "Kipf & Welling 2016, table 1"
# Dataset, model, features, and the paper's AUC / AP in percent.
CELLS = [
    ("cora", "gae", "raw", (91.0, 92.0)),
    ("cora", "vgae", "raw", (91.4, 92.6)),
    ("cora", "gae", "none", (84.3, 88.1)),
    ("cora", "vgae", "none", (84.0, 87.7)),
    ("citeseer", "gae", "raw", (89.5, 89.9)),
    ("citeseer", "vgae", "raw", (90.8, 92.0)),
    ("citeseer", "gae", "none", (78.7, 84.1)),
    ("citeseer", "vgae", "none", (78.9, 84.1)),
    ("cora", "gae", "unit", (91.0, 92.0)),
    ("cora", "vgae", "unit", (91.4, 92.6)),
    ("citeseer", "gae", "unit", (89.5, 89.9)),
    ("citeseer", "vgae", "unit", (90.8, 92.0)),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{options.runs} runs, protocol T, split 85 / 5 / 10; percent, mean ± standard error")
    print(f"\n| data | model | features | AUC | AP | AUC / AP in {PAPER} |")
    print("|---|---|---|---|---|---|")
    for dataset, model, features, (paper_auc, paper_precision) in CELLS:
        try:
            graph = vgae.load_dataset(dataset)
        except vgae.InputError as error:
            print(f"| {dataset} | {model} | {features} | skipped: {error} | | |", flush=True)
            continue
        result = vgae.evaluate(
            graph, [model], runs=options.runs, seed=options.seed, features=features
        )
        auc, precision = (result.metrics[model][name] for name in ("auc", "average_precision"))
        print(
            f"| {dataset} | {model} | {features} | {shown(auc)} | {shown(precision)} "
            f"| {paper_auc} / {paper_precision} |",
            flush=True,
        )


def shown(summary: Summary) -> str:
    """Mean and standard error in percent."""
    assert summary.mean is not None
    error = "" if summary.standard_error is None else f" ± {100 * summary.standard_error:.2f}"
    return f"{100 * summary.mean:.2f}{error}"


if __name__ == "__main__":
    main()
