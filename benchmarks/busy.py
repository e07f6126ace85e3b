"""A training step on a quiet machine and with other processes busy, by number of threads.

    python benchmarks/busy.py [--quick] [--graphs karate,cora,dblp] [--other FOLDER]
        [--out benchmarks/results/busy.json]

Each row is a separate process that trains the VGAE with the paper's settings. Next to it run no,
one or two loops that do nothing but count, each pinned to a core where the system can do that. For
every situation the step is timed on one thread and on as many as there are cores, in turn and twice
over; the median of all its steps counts. `--other` names a folder that holds another version
of the package vgae, which is timed in the same turns.

Prints a Markdown table and writes the figures as JSON. What else ran meanwhile is said: the share
of the cores that was taken by neither the steps nor the loops.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cases
from presentation import table

RESULTS = Path(__file__).with_name("results") / "busy.json"
LOOP = "while True: pass"
SECONDS, QUICK_SECONDS = 2.0, 0.2
"""For how long one process trains, its first steps left out."""
TURNS = 2

Found = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the smallest graph, once")
    parser.add_argument("--graphs", default="karate,cora,dblp")
    parser.add_argument("--other", type=Path, help="folder that holds another version's vgae")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--steps-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.steps_of:
        print(json.dumps(steps(**json.loads(options.steps_of))))
        return 0
    rows = []
    for row in measured(options):
        print(row, file=sys.stderr, flush=True)
        rows.append(row)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(rows, indent=1) + "\n")
    print(report(rows))
    return 0


def measured(options: argparse.Namespace) -> Iterator[Found]:
    """A row for each graph, situation, version and number of threads."""
    n_cores = os.cpu_count() or 1
    versions = {"this": None} | ({"other": str(options.other)} if options.other else {})
    seconds, turns = (QUICK_SECONDS, 1) if options.quick else (SECONDS, TURNS)
    for graph in ["karate"] if options.quick else options.graphs.split(","):
        if not there(graph):
            print(f"{graph}: skipped, its files are not there", file=sys.stderr)
            continue
        for version in versions.values():  # compiles
            asked(graph=graph, n_threads=n_cores, seconds=0.0, version=version)
        for n_busy in (0, 1) if options.quick else (0, 1, 2):
            kinds = [(name, n) for name in versions for n in sorted({1, n_cores})]
            taken: dict[tuple[str, int], list[float]] = {kind: [] for kind in kinds}
            idle, whole, own, loops = cpu_seconds(), time.perf_counter(), 0.0, 0.0
            for _ in range(turns):
                for name, n_threads in kinds:
                    with busy_loops(n_busy, n_cores) as used:
                        answer = asked(
                            graph=graph,
                            n_threads=n_threads,
                            seconds=seconds,
                            version=versions[name],
                        )
                    loops += used[0]
                    own += answer["cpu"]
                    taken[name, n_threads] += answer["seconds"]
            whole = (time.perf_counter() - whole) * n_cores
            others = max(0.0, cpu_seconds() - idle - own - loops) / whole
            for (name, n_threads), found in taken.items():
                yield {
                    "graph": graph,
                    "busy": n_busy,
                    "version": name,
                    "threads": n_threads,
                    "median": statistics.median(found),
                    "mean": statistics.mean(found),
                    "steps": len(found),
                    "others": others,
                }


def there(graph: str) -> bool:
    """Whether a graph can be had here."""
    if graph == "karate":
        return True
    try:
        cases.make(graph)
    except cases.MissingError:
        return False
    return True


def asked(**arguments: Any) -> Found:
    """What a fresh process answers to `steps`, and the processor time that it took."""
    environment = dict(os.environ)
    if arguments["version"]:
        environment["PYTHONPATH"] = arguments["version"]
    before = os.times()
    answer = subprocess.run(
        [sys.executable, __file__, "--steps-of", json.dumps(arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        check=True,
    )
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return {"seconds": json.loads(answer.stdout), "cpu": cpu}


def steps(graph: str, n_threads: int, seconds: float, version: str | None) -> list[float]:
    """Seconds of training steps, the first five left out."""
    import torch

    import vgae
    from vgae.learning.settings import TrainSettings
    from vgae.learning.train import train
    from vgae.model.network import GraphAutoEncoder
    from vgae.model.settings import ModelSettings

    if version is not None and not Path(vgae.__file__).is_relative_to(version):
        raise SystemExit(f"{vgae.__file__} is not in {version}")
    torch.set_num_threads(n_threads)
    case = None if graph == "karate" else cases.make(graph)
    data = (
        vgae.load_dataset("karate")
        if case is None
        else vgae.Graph.from_edges(case.edges, features=case.features)
    )
    model = GraphAutoEncoder(ModelSettings(), n_inputs=data.n_features or data.n_nodes, seed=0)
    taken: list[float] = []
    prepared = model.prepare(data, data.features)
    for record in train(model, data, TrainSettings(steps=10**6), seed=0, prepared=prepared):
        taken.append(record.seconds)
        if len(taken) > 10 and sum(taken[5:]) > seconds:
            break
    return taken[5:]


@contextmanager
def busy_loops(number: int, n_cores: int) -> Iterator[list[float]]:
    """Processes that count for ever, one to a core; at the end the processor time they took."""
    loops = [subprocess.Popen([sys.executable, "-c", LOOP]) for _ in range(number)]
    used = [0.0]
    try:
        for place, loop in enumerate(loops):
            if hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(loop.pid, {place % n_cores})
        yield used
    finally:
        before = os.times()
        for loop in loops:
            loop.kill()
            loop.wait()
        after = os.times()
        used[0] = after.children_user + after.children_system
        used[0] -= before.children_user + before.children_system


def cpu_seconds() -> float:
    """Processor time that all processes took since the machine started, where the system tells."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return 0.0
    user, nice, system, _, _, *interrupts = map(int, fields[:8])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def report(rows: list[Found]) -> str:
    """All figures as Markdown."""
    lines = []
    for row in rows:
        single = next(
            other["median"]
            for other in rows
            if other["threads"] == 1
            and all(other[key] == row[key] for key in ("graph", "busy", "version"))
        )
        lines.append(
            [
                row["graph"],
                row["busy"],
                row["version"],
                row["threads"],
                f"{1e3 * row['median']:.3g}",
                f"{1e3 * row['mean']:.3g}",
                f"{row['median'] / single:.2f}",
                row["steps"],
                f"{row['others']:.0%}",
            ]
        )
    header = ("graph", "busy loops", "version", "threads", "median ms per step", "mean ms")
    return table((*header, "times one thread", "steps", "cores taken by others"), lines)


if __name__ == "__main__":
    sys.exit(main())
