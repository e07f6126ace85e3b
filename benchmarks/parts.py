"""What encoders, decoders, likelihoods and inputs are worth on the same splits.

    python benchmarks/parts.py [--graphs cora,citeseer] [--runs 5]

Every row departs from the first in what its name says; nothing is tuned. Prints a Markdown table
per graph: mean and standard error in percent.
"""

from __future__ import annotations

import argparse
from typing import Any

import vgae
from vgae.learning.results import Summary

METRICS = ("auc", "average_precision", "mrr", "auc_degree", "precision@100", "ece")
DECAY = {"dropout": 0.5, "weight_decay": 1e-4, "steps": 300}
RATES = {"likelihood": "bernoulli-poisson", "encoder": "linear", "latent_dim": 64}
PARTS: dict[str, dict[str, Any]] = {
    "the paper's parts": {},
    "encoder linear": {"encoder": "linear"},
    "encoder appnp": {"encoder": "appnp"},
    "encoder sage": {"encoder": "sage"},
    "gcn, 3 layers, residual": {"layers": 3, "residual": True},
    "input dropout 0.5": {"dropout": 0.5},
    "decoder cosine": {"decoder": "cosine"},
    "decoder distance": {"decoder": "distance"},
    "decoder bilinear-diagonal": {"decoder": "bilinear-diagonal"},
    "decoder mlp, sampled pairs": {"decoder": "mlp", "objective": "sampled"},
    "offset constant": {"offset": "constant"},
    "offset node": {"offset": "node"},
    "bernoulli-poisson, linear, 64": RATES,
    "the same, exponential factors": RATES | {"rate_link": "exp"},
    "bernoulli-poisson, linear, 256, decay": RATES | {"latent_dim": 256} | DECAY,
    "encoder linear, 64, decay": {"encoder": "linear", "latent_dim": 64} | DECAY,
    "squared, linear, 64": RATES | {"likelihood": "squared"},
}
BASELINES = ("resource-allocation", "preferential-attachment")


def _cell(summary: Summary) -> str:
    if summary.mean is None:
        return "-"
    error = summary.standard_error or 0.0
    return f"{100 * summary.mean:.1f} ± {100 * error:.1f}"


def main() -> None:
    """Print a table per graph."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graphs", default="cora,citeseer")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    methods: dict[str, Any] = {
        name: vgae.GAE(**({"features": "unit"} | settings)) for name, settings in PARTS.items()
    }
    methods |= {name: name for name in BASELINES}
    for name in options.graphs.split(","):
        graph = vgae.load_dataset(name)
        result = vgae.evaluate(graph, methods, runs=options.runs, metrics=METRICS)
        print(f"\n{name}, {options.runs} splits, GAE, features at unit length, protocol T\n")
        print(f"| parts | {' | '.join(METRICS)} |")
        print("|---" * (len(METRICS) + 1) + "|")
        for label, metrics in result.metrics.items():
            cells = " | ".join(_cell(metrics[metric]) for metric in METRICS)
            print(f"| {label} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
