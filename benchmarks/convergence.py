"""Whether the steps of the preset fast are enough: validation and test scores after 5, 10 and 20.

    python benchmarks/convergence.py [--nodes 1000000] [--edges 10000000] [--features 64]

A generated graph, protocol T, 85/5/10, one split. Each row is a process of its own: seconds of the
fit, average precision of the validation pairs and of the test pairs in percent, and peak memory.
Ten steps are those of the preset. Prints a Markdown table.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from presentation import table
from stages import measured

from vgae.data.generator import generate_graph
from vgae.data.split import split_edges
from vgae.model.kernels.first_use import compile_once
from vgae.people.api import make_model

SEED = 100


def fit(steps: int, _: Path, nodes: int, edges: int, features: int) -> tuple[float, ...]:
    """Seconds, and average precision of the validation and of the test pairs."""
    split = split_edges(generate_graph(nodes, edges, n_features=features), seed=SEED)
    compile_once()
    started = time.perf_counter()
    model = make_model("gae", preset="fast", seed=SEED, steps=steps).fit(split)
    seconds = time.perf_counter() - started
    scores = [model.metrics_[part]["average_precision"] for part in ("validation", "test")]
    return seconds, *(100.0 * score for score in scores)


STAGES = {f"{steps} steps": partial(fit, steps) for steps in (5, 10, 20)}


def main() -> None:
    """Print a table."""
    sizes, rows = measured(STAGES, __doc__, nodes=1_000_000, edges=10_000_000, features=64)
    print("{nodes:,} nodes, {edges:,} edges, {features} features\n".format(**sizes))
    print(table(["fit", "seconds", "validation AP", "test AP", "GB"], rows))


if __name__ == "__main__":
    main()
