"""What `vgae plan` predicts, against what was measured: seconds a step and peak memory.

    python benchmarks/plan.py [--quick] [--one-thread] [--graphs NAMES] [--out FILE]

Every line is a process of its own, which measures the machine, predicts, trains a few steps, and
asks the system for its peak of memory. Prediction and measurement are seconds apart. With
`--one-thread` a process has one core, and seconds are those of the processor: they are right on a
machine where other programs run. Otherwise they are those of the clock, and of the fastest step.
A last table plans graphs of up to a billion edges.

Prints Markdown tables and writes the figures as JSON. Real graphs are read from VGAE_DATA, and
skipped without it; a graph without a file is generated into a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results") / "plan.json"

GRAPHS: dict[str, str | tuple[int, int, int]] = {
    "cora": "cora",
    "dblp": "attributed/dblp.npz",
    "ego-twitter": "large/ego-twitter.npz",
    "generated-100k": (100_000, 1_000_000, 64),
    "git-dag": "large/git-dag.npz",
}
"""Files under VGAE_DATA, or nodes, edges and features of a graph to generate."""
QUICK: dict[str, str | tuple[int, int, int]] = {"generated-2k": (2000, 10_000, 16)}

MODELS: dict[str, dict[str, Any]] = {
    "gcn, bernoulli": {"objective": "exact"},
    "linear, bernoulli": {"objective": "exact", "encoder": "linear"},
    "gcn, bernoulli-poisson": {"likelihood": "bernoulli-poisson"},
    "linear, bernoulli-poisson": {"likelihood": "bernoulli-poisson", "encoder": "linear"},
}
MOST_PAIRS = 4e10
"""Graphs with more pairs are not trained exactly with bernoulli: a step takes a minute."""
WARM_UP, COUNTED, ENOUGH = 2, 8, 20.0
"""Steps that do not count, steps that do, and seconds after which no more are taken."""

PLANNED = ((10**5, 10**6), (10**6, 10**7), (10**7, 10**8), (10**8, 10**9))
"""Nodes and edges of the graphs of the last table, each with 128 features."""

Found = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one small graph")
    parser.add_argument("--one-thread", action="store_true", help="one core, processor seconds")
    parser.add_argument("--graphs", help="names, separated by commas")
    parser.add_argument("--models", help="names of the models, separated by semicolons")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--case", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(case(options.case[0], options.case[1], one_thread=options.one_thread)))
        return
    chosen = QUICK if options.quick else GRAPHS
    names = list(chosen) if options.graphs is None else options.graphs.split(",")
    models = list(MODELS) if options.models is None else options.models.split(";")
    found: Found = {"one_thread": options.one_thread, "load": os.getloadavg()[0], "rows": []}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            place = made(name, Path(folder))
            for model in models:
                row = {"graph": name, "model": model}
                row |= {"skipped": "no file"} if place is None else measured(place, model, options)
                print(row, file=sys.stderr, flush=True)
                found["rows"].append(row)
    found["plans"] = plans()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1) + "\n")
    print(report(found))


def made(name: str, folder: Path) -> str | None:
    """The file of a graph, or the folder that it was generated into; None without the file."""
    source = (GRAPHS | QUICK)[name]
    if isinstance(source, str):
        if source == "cora":
            return source if os.environ.get("VGAE_DATA") else None
        path = Path(os.environ.get("VGAE_DATA", "")) / source
        return str(path) if path.is_file() else None
    from vgae.data.generator import generate_graph

    n_nodes, n_edges, n_features = source
    place = folder / name
    generate_graph(n_nodes, n_edges, n_features=n_features, folder=place)
    return str(place)


def measured(place: str, model: str, options: argparse.Namespace) -> Found:
    """One line of the table, from a process of its own."""
    command = [sys.executable, __file__, "--case", place, model]
    command += ["--one-thread"] * options.one_thread
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    row: Found = json.loads(answer.stdout.splitlines()[-1])
    return row


def case(place: str, model: str, *, one_thread: bool) -> Found:
    """Predict, train and ask for the peak of memory, in this process."""
    clock = time.perf_counter
    if one_thread:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        clock = time.process_time
    import cases

    from vgae.data.io import read_graph
    from vgae.data.split import split_edges
    from vgae.learning.machine import measure_machine
    from vgae.learning.settings import FitSettings
    from vgae.model.kernels.first_use import compile_once
    from vgae.people.planning import plan_fit

    compile_once()
    settings = FitSettings.of("vgae", steps=10**6, **MODELS[model])
    bare = measure_machine(clock=clock)  # what libraries hold, before there is a graph
    forget_peak()
    if place == "cora":
        known = cases.make("cora")
        from vgae.data.graph import Graph

        graph = Graph.from_edges(known.edges, features=known.features)
    else:
        graph = read_graph(place)
    sizes = {"nodes": graph.n_nodes, "edges": graph.n_edges, "features": graph.n_features}
    likelihood = settings.network.likelihood_used
    if likelihood == "bernoulli" and graph.n_nodes**2 > MOST_PAIRS:
        return sizes | {"skipped": "a step takes a minute"}
    split = split_edges(graph, seed=0)
    early = peak_bytes()
    machine = measure_machine(graph=split.train, clock=clock)
    machine = replace(machine, library_bytes=bare.library_bytes)
    forget_peak()  # measuring is no part of a fit
    plan = plan_fit(split.train, settings, machine=machine)
    whole = plan_fit(graph, settings, machine=machine)
    seconds = trained(split, settings.on(split.train), clock)
    return sizes | {
        "predicted_seconds": plan.step_seconds,
        "seconds": min(seconds),
        "parts": dict(plan.parts),
        "predicted_bytes": machine.library_bytes
        + max(value for stage, value in whole.stages.items() if stage != "scoring"),
        "bytes": max(early, peak_bytes()),
        "library_bytes": machine.library_bytes,
    }


def trained(split: Any, settings: Any, clock: Any) -> list[float]:
    """Seconds of training steps."""
    from vgae.learning.batches import batches
    from vgae.learning.fitting import untrained
    from vgae.learning.train import TrainState, choose_place, step

    graph = split.train
    network, _, inputs = untrained(graph, settings)
    prepared = network.prepare(graph, inputs)
    device, engine = choose_place(settings.training, settings.network.latent_dim)
    state = TrainState(network, settings.training, seed=0, device=device)
    batch_of = batches(network, graph, prepared, seed=0)
    found: list[float] = []
    while len(found) < WARM_UP + 1 or (len(found) < WARM_UP + COUNTED and sum(found) < ENOUGH):
        batch = batch_of(state.n_steps + 1)
        started = clock()
        step(state, batch, engine)
        found.append(clock() - started)
    return found[WARM_UP:]


def forget_peak() -> None:
    """Have the system begin the peak of this process's memory from what it holds now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_bytes() -> float:
    """The largest memory that this process has held since the peak was forgotten."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def plans() -> list[Found]:
    """What large graphs would take on this machine, and on a GPU at its published peak."""
    from vgae.learning.machine import measure_machine
    from vgae.learning.settings import FitSettings
    from vgae.model.costs import Sizes
    from vgae.people.planning import plan_fit

    machine, rows = measure_machine(), []
    settings = FitSettings.of("vgae", likelihood="bernoulli-poisson", encoder="linear")
    for n_nodes, n_edges in PLANNED:
        sizes = Sizes(n_nodes, n_edges, n_features=128, mapped=True)
        for ranks in (1, 16):
            here = plan_fit(sizes, settings, ranks=ranks, machine=machine)
            there = plan_fit(sizes, settings, ranks=ranks, gpu="h100")
            rows.append(
                {
                    "nodes": n_nodes,
                    "edges": n_edges,
                    "ranks": ranks,
                    "seconds": here.step_seconds,
                    "bytes": here.bytes,
                    "exchanged": sum(here.exchanged.values()),
                    "h100_seconds": there.step_seconds,
                }
            )
    return rows


def report(found: Found) -> str:
    """All figures as Markdown."""
    from presentation import table

    header = ("graph", "nodes", "edges", "model", "step predicted", "measured", "ratio")
    lines = table((*header, "memory predicted", "measured", "ratio"), map(line, found["rows"]))
    plan_lines = table(
        (
            *("nodes", "edges", "processes", "seconds a step", "memory of each"),
            *("received a step", "H100, at best"),
        ),
        (
            [
                *(f"{row[key]:,}" for key in ("nodes", "edges", "ranks")),
                f"{row['seconds']:.3g}",
                f"{row['bytes'] / 1e9:.3g} GB",
                f"{row['exchanged'] / 1e9:.3g} GB",
                f"{row['h100_seconds']:.2g} s",
            ]
            for row in found["plans"]
        ),
    )
    how = "one thread, processor seconds" if found["one_thread"] else "two threads, fastest step"
    return f"{how}; load {found['load']:.1f} at the start\n\n{lines}\n\n{plan_lines}"


def line(row: Found) -> list[str]:
    """One line of the first table."""
    sizes = [f"{row[key]:,}" if key in row else "-" for key in ("nodes", "edges")]
    start = [row["graph"], *sizes, row["model"]]
    if "skipped" in row:
        return [*start, f"not measured: {row['skipped']}", *["-"] * 5]
    seconds, memory = row["seconds"], row["bytes"]
    return [
        *start,
        f"{row['predicted_seconds']:.3g} s",
        f"{seconds:.3g} s",
        f"{row['predicted_seconds'] / seconds:.2f}",
        f"{row['predicted_bytes'] / 1e6:,.0f} MB",
        f"{memory / 1e6:,.0f} MB",
        f"{row['predicted_bytes'] / memory:.2f}",
    ]


if __name__ == "__main__":
    main()
