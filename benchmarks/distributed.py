"""One model fitted by several processes: time, what is exchanged, and what each holds.

    python benchmarks/distributed.py [--processes 1 2 3] [--nodes 20000] [--edges 200000]

Prints a Markdown table. A graph with hubs and 64 features is imported to a folder, which every
process maps, and fitted without held-out edges for 10 steps. Seconds are medians of the steps after
the first. Bytes are those that rank 0 gives to all-gathers and all-reduces in a step, and those of
graph and features that each process keeps.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

LIKELIHOODS = ("bernoulli", "bernoulli-poisson")


def worker(folder: str, likelihood: str, steps: int) -> None:
    """One process: print its figures as JSON."""
    import torch

    from vgae import Graph
    from vgae.data.split import Split
    from vgae.ground.launch import Launch
    from vgae.learning.rank_training import Part, train_in_ranks
    from vgae.learning.settings import FitSettings
    from vgae.model.ranks import Ranks

    launch = Launch.here()
    if launch is None:
        raise SystemExit("is started by this program itself")
    sent = [0]

    class Counting(Ranks):
        def summed(self, values: torch.Tensor) -> torch.Tensor:
            sent[0] += values.nbytes * (self.size > 1)
            return super().summed(values)

        def gathered(self, own: torch.Tensor, bounds: Any) -> torch.Tensor:
            sent[0] += own.nbytes * (self.size > 1)
            return super().gathered(own, bounds)

    ranks = Counting.joined(launch)
    ranks.connect("cpu")
    settings = FitSettings.of(
        "vgae", likelihood=likelihood, rate_link="square", noise="counter", objective="exact",
        steps=steps,
    )  # fmt: skip

    def split() -> Split:
        return Split.without_holdout(Graph.open(folder))

    part = Part.of(split(), settings, ranks)
    held, seconds, bytes_of_steps = part.n_bytes, [], [0]
    del part

    def see(record: Any) -> None:
        seconds.append(record.seconds)
        bytes_of_steps.append(sent[0])

    train_in_ranks(split, settings, ranks, callbacks=[see])
    ranks.leave()
    in_a_step = bytes_of_steps[-1] - bytes_of_steps[-2]
    print(json.dumps([held, statistics.median(seconds[1:]), in_a_step]))


def measured(folder: Path, likelihood: str, size: int, steps: int) -> list[list[float]]:
    """What each of some processes says."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    processes = []
    for rank in range(size):
        place = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": size}
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        variables = {name: str(value) for name, value in (place | meeting).items()}
        command = [sys.executable, __file__, "--worker", str(folder), likelihood, str(steps)]
        processes.append(
            subprocess.Popen(
                command, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True
            )
        )
    return [json.loads(process.communicate()[0]) for process in processes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--nodes", type=int, default=20_000)
    parser.add_argument("--edges", type=int, default=200_000)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--worker", nargs=3)
    given = parser.parse_args()
    if given.worker:
        worker(given.worker[0], given.worker[1], int(given.worker[2]))
        return
    from vgae.data.generator import generate_graph

    print("| likelihood | processes | a step | sent in a step | graph and features of each |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "graph"
        generate_graph(given.nodes, given.edges, n_features=64, seed=0, folder=folder)
        for likelihood in LIKELIHOODS:
            for size in given.processes:
                found = measured(folder, likelihood, size, given.steps)
                seconds, sent = found[0][1:3]
                held = ", ".join(f"{one[0] / 1e6:.1f}" for one in found)
                print(
                    f"| `{likelihood}` | {size} | {seconds:.3f} s | {sent / 1e6:.1f} MB "
                    f"| {held} MB |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
