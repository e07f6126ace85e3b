"""What a checkpoint costs: seconds and bytes of one, next to a step.

    python benchmarks/checkpoints.py [--checkpoints 5]

Prints a Markdown table. Cora is fitted with the paper's preset and with `strong` (one member), a
random graph of 100,000 nodes and 1,000,000 edges with 32 dimensions in linear time. A checkpoint is
written after every step, and the time is that of the writing alone: to the disk of the temporary
folder, flushed.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from vgae import Graph, load_dataset
from vgae.learning.checkpoints import Checkpoints
from vgae.learning.train import TrainState
from vgae.people.api import make_model


class TimedCheckpoints:
    """Passes everything on to `Checkpoints`, and measures the writing."""

    def __init__(self, path: Path) -> None:
        self.kept, self.path = Checkpoints(path, 0.0), path
        self.seconds: list[float] = []
        self.sizes: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.kept, name)

    def offer(self, state: TrainState) -> None:
        """Write a checkpoint, and note what it took."""
        started = time.perf_counter()
        self.kept.offer(state)
        self.seconds.append(time.perf_counter() - started)
        self.sizes.append(self.path.stat().st_size)


def measured(graph: Graph, preset: str, n_checkpoints: int, **settings: Any) -> tuple[float, ...]:
    """Seconds and megabytes of a checkpoint, and seconds of a step; medians."""
    from vgae.data.split import Split
    from vgae.learning.fitting import fit

    model = make_model("gae", preset=preset, steps=n_checkpoints, **settings)
    with tempfile.TemporaryDirectory() as folder:
        kept = TimedCheckpoints(Path(folder) / "c")
        fitted = fit(Split.without_holdout(graph), model.settings, checkpoints=kept)  # type: ignore[arg-type]
    steps = [record["seconds"] for record in fitted.history[1:]]
    return statistics.median(kept.seconds), max(kept.sizes) / 1e6, statistics.median(steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoints", type=int, default=5)
    number = parser.parse_args().checkpoints
    random = np.random.default_rng(0)
    large = Graph.from_edges(random.integers(100_000, size=(1_000_000, 2)), n_nodes=100_000)
    cora = load_dataset("cora")
    linear = {"likelihood": "bernoulli-poisson", "encoder": "gcn", "latent_dim": 32}
    cases: dict[str, tuple[Graph, str, dict[str, Any]]] = {
        "Cora, paper": (cora, "paper", {}),
        "Cora, strong, one member": (cora, "strong", {"ensemble": 1, "combiner": "none"}),
        "1,000,000 edges, 100,000 nodes": (large, "paper", linear),
    }
    print("| graph, preset | a checkpoint | its size | a step |\n|---|---|---|---|")
    for name, (graph, preset, settings) in cases.items():
        seconds, size, step = measured(graph, preset, number, **settings)
        print(f"| {name} | {seconds * 1e3:.0f} ms | {size:.1f} MB | {step * 1e3:.0f} ms |")


if __name__ == "__main__":
    main()
