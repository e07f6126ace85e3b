"""An exact epoch of a likelihood whose sum over all pairs is closed: time linear in the edges.

    python benchmarks/linear_time.py [--quick] [--graphs ego-twitter,git-dag,random-10m]
        [--out benchmarks/results/linear_time.json]

The epoch is that of a Bernoulli-Poisson model, P(edge) = 1 - exp(-f_i . f_j - background), with
f = ReLU(X W), X dense with 128 columns and 64 dimensions: forward, the sum over all pairs with its
gradient, backward to W, and a step of Adam. It is compared with the same loss in plain torch
operations (gather, product, sum; autograd scatters the gradient), in turn and twice over. Every
measurement is a separate process, on a quiet machine and next to two loops that do nothing but
count. Real graphs are read from VGAE_DATA; random-10k has 10,000 edges and a mean degree of 30.

Prints a Markdown table, the growth exponent over the random graphs and the bars, and writes the
figures as JSON. Each row says which share of the cores other processes took meanwhile; where they
took much, compare the processor time that all threads of an epoch used together.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from busy import busy_loops, cpu_seconds
from cases import MissingError, is_random, n_random_nodes
from presentation import table

if TYPE_CHECKING:
    import torch

    from vgae.data.graph import Graph

RESULTS = Path(__file__).with_name("results") / "linear_time.json"
GRAPHS = "ego-twitter,git-dag,random-10k,random-100k,random-1m,random-10m"
MEAN_DEGREE, N_INPUTS, DIM = 30, 128, 64
FEWEST_EPOCHS, SECONDS, TURNS = 5, 3.0, 2

BARS = {"ego-twitter": (0.15, math.inf), "git-dag": (1.5, 2500.0)}
"""Most seconds an epoch on a quiet machine, and megabytes of the whole process."""
LARGEST_EXPONENT = 1.1

COPIES = 6
"""Arrays of edges x dimensions that plain torch holds at its peak."""

Found = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="two small graphs, once each")
    parser.add_argument("--graphs", default=GRAPHS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--epochs-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.epochs_of:
        print(json.dumps(epochs(**json.loads(options.epochs_of))))
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
    """A row for each graph and situation."""
    n_cores = os.cpu_count() or 1
    seconds, turns = (0.0, 1) if options.quick else (SECONDS, TURNS)
    asked("random-1k", "ours", 0.0)  # compiles
    for graph in ("random-1k,random-10k" if options.quick else options.graphs).split(","):
        for n_busy in (0, 2):
            answers: dict[str, list[Found]] = {"ours": [], "torch": []}
            idle, whole, own, loops = cpu_seconds(), time.perf_counter(), 0.0, 0.0
            for _ in range(turns):
                for way, found in answers.items():
                    with busy_loops(n_busy, n_cores) as used:
                        found.append(asked(graph, way, seconds))
                    own += found[-1].pop("cpu")
                    loops += used[0]
            whole = (time.perf_counter() - whole) * n_cores
            others = max(0.0, cpu_seconds() - idle - own - loops) / whole
            row: Found = {"graph": graph, "busy": n_busy, "others": others}
            for way, found in answers.items():
                row |= {key: found[0][key] for key in ("nodes", "edges") if key in found[0]}
                row[way] = combined(found)
            yield row


def asked(graph: str, way: str, seconds: float) -> Found:
    """What a fresh process answers to `epochs`, and the processor time that it took."""
    before = os.times()
    arguments = json.dumps({"name": graph, "way": way, "seconds": seconds})
    answer = subprocess.run(
        [sys.executable, __file__, "--epochs-of", arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    found: Found = json.loads(answer.stdout)
    return found | {"cpu": cpu}


def combined(answers: list[Found]) -> Found:
    """The median and the fastest epoch of all turns, and the largest peak."""
    if "skipped" in answers[0]:
        return answers[0]
    taken = [second for answer in answers for second in answer["seconds"]]
    return {
        "seconds": statistics.median(taken),
        "fastest": min(taken),
        "processor": min(answer["processor"] for answer in answers),
        "epochs": len(taken),
        "peak_mb": max(answer["peak_mb"] for answer in answers),
        "losses": sorted({answer["loss"] for answer in answers}),
    }


# ------------------------------------------------------------------------ epochs


def epochs(name: str, way: str, seconds: float) -> Found:
    """Seconds of epochs, the first two left out, the loss of the last and the peak of memory."""
    import torch

    try:
        graph = graph_of(name)
    except MissingError as reason:
        return {"skipped": str(reason)}
    size = {"nodes": graph.n_nodes, "edges": graph.n_edges}
    needed = COPIES * 4 * graph.n_edges * (DIM + 1)
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    if way == "torch" and needed > free / 2:
        return size | {"skipped": f"needs {needed / 1e9:.0f} GB"}
    draws = torch.Generator().manual_seed(0)
    inputs = torch.randn(graph.n_nodes, N_INPUTS, generator=draws)
    weight = torch.randn(N_INPUTS, DIM, generator=draws) * 0.01
    epoch = {"ours": our_epoch, "torch": torch_epoch}[way](graph, inputs, weight)
    del graph
    losses = [epoch() for _ in range(2)]
    taken: list[float] = []
    used = time.process_time()
    while len(taken) < FEWEST_EPOCHS or sum(taken) < seconds:
        started = time.perf_counter()
        losses.append(epoch())
        taken.append(time.perf_counter() - started)
    return size | {
        "seconds": taken,
        "processor": (time.process_time() - used) / len(taken),
        "loss": f"{losses[1 + FEWEST_EPOCHS]:.5g}",  # after the same number of steps everywhere
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def graph_of(name: str) -> Graph:
    """A graph made here, or one of VGAE_DATA as an undirected graph."""
    import vgae

    if is_random(name):
        n_edges = n_random_nodes(name)
        n_nodes = 2 * n_edges // MEAN_DEGREE
        edges = np.random.default_rng(0).integers(n_nodes, size=(n_edges, 2), dtype=np.int32)
        return vgae.Graph.from_edges(edges, n_nodes=n_nodes)
    path = Path(os.environ.get("VGAE_DATA", "")) / "large" / f"{name}.npz"
    if not path.is_file():
        raise MissingError(f"VGAE_DATA has no large/{name}.npz")
    with np.load(path, allow_pickle=False) as arrays:
        edges, n_nodes = np.stack([arrays["src"], arrays["dst"]], axis=1), int(arrays["n"])
    return vgae.Graph.from_edges(edges, n_nodes=n_nodes)


def edge_weight(graph: Graph) -> float:
    """The weight that makes edges count as much as all other pairs."""
    return (graph.n_nodes**2 - 2 * graph.n_edges) / (2 * graph.n_edges)


def our_epoch(graph: Graph, inputs: torch.Tensor, weight: torch.Tensor) -> Callable[[], float]:
    import torch

    from vgae.learning.optimizer import Adam
    from vgae.model.kernels import (
        PairPattern,
        PairTerm,
        closed_sum,
        pair_terms,
        torch_on_one_thread,
        with_gradients,
    )

    starts, columns = graph.adjacency.indptr, graph.adjacency.indices
    pattern = PairPattern(torch.tensor(starts), torch.tensor(columns))
    term, n_pairs = PairTerm("rate", edge_weight(graph)), graph.n_nodes**2
    weight.requires_grad_()
    background = torch.tensor(-9.0, requires_grad=True)
    optimizer = Adam([weight, background], learning_rate=0.01)

    @torch_on_one_thread()  # as in training
    def epoch() -> float:
        column = (background / 2).exp().expand(len(inputs), 1)
        factor = torch.cat([torch.relu(inputs @ weight), column], dim=1)
        everywhere = closed_sum("rate", factor, None)
        at_edges = pair_terms(factor, None, pattern, term)
        gradient = at_edges.grad_left.add_(everywhere.grad_left)
        total = with_gradients(everywhere.total + at_edges.total, (factor, gradient))
        (total / n_pairs).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return total.item() / n_pairs

    return epoch


def torch_epoch(graph: Graph, inputs: torch.Tensor, weight: torch.Tensor) -> Callable[[], float]:
    import torch

    source, target = torch.tensor(graph.edges.T)
    w, n_pairs = edge_weight(graph), graph.n_nodes**2
    weight.requires_grad_()
    background = torch.tensor(-9.0, requires_grad=True)
    optimizer = torch.optim.Adam([weight, background], lr=0.01)

    def epoch() -> float:
        optimizer.zero_grad()
        factor = torch.relu(inputs @ weight)
        rates = (factor[source] * factor[target]).sum(dim=1) + background.exp()
        summed = factor.sum(dim=0)
        total = summed @ summed + n_pairs * background.exp()
        total = total + 2.0 * (-w * (-torch.expm1(-rates)).log() - rates).sum()
        (total / n_pairs).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return total.item() / n_pairs

    return epoch


# ------------------------------------------------------------------------ report


def report(rows: list[Found]) -> str:
    """All figures as Markdown, the bars last."""
    header = [
        *("graph", "nodes", "edges", "busy loops", "median s per epoch", "fastest"),
        *("processor s", "plain torch, median s", "ratio", "peak MB", "torch, MB"),
        "cores taken by others",
    ]
    parts = [table(header, (line(row) for row in rows))]
    random = [row for row in rows if is_random(row["graph"]) and row["busy"] == 0]
    if len(random) > 1:
        sizes = [math.log(row["edges"]) for row in random]
        times = [math.log(row["ours"]["seconds"]) for row in random]
        exponent = statistics.linear_regression(sizes, times).slope
        verdict = "met" if exponent <= LARGEST_EXPONENT else "missed"
        parts.append(f"growth exponent: {exponent:.2f}; bar: <= {LARGEST_EXPONENT}: {verdict}")
    for row in rows:
        if row["graph"] in BARS and row["busy"] == 0 and "seconds" in row["ours"]:
            seconds, megabytes = BARS[row["graph"]]
            found = row["ours"]
            met = found["seconds"] <= seconds and found["peak_mb"] <= megabytes
            limit = "" if megabytes == math.inf else f" and {megabytes:.0f} MB"
            text = f"{row['graph']}: {found['seconds']:.3g} s, {found['peak_mb']:.0f} MB"
            parts.append(f"{text}; bar: <= {seconds:g} s{limit}: {'met' if met else 'missed'}")
    return "\n\n".join(parts)


def line(row: Found) -> list[str]:
    """The cells of a row."""
    ours, plain = row["ours"], row["torch"]
    size = [f"{row[key]:,}" if key in row else "" for key in ("nodes", "edges")]
    cells = [row["graph"], *size, str(row["busy"])]
    if "skipped" in ours:
        return [*cells, f"skipped: {ours['skipped']}", *[""] * 7]
    if "skipped" in plain:
        compared, memory = [f"skipped: {plain['skipped']}", ""], ""
    else:
        times = f"{plain['seconds'] / ours['seconds']:.1f}"
        compared, memory = [f"{plain['seconds']:.3g}", times], f"{plain['peak_mb']:.0f}"
    figures = [f"{ours[key]:.3g}" for key in ("seconds", "fastest", "processor")]
    return [*cells, *figures, *compared, f"{ours['peak_mb']:.0f}", memory, f"{row['others']:.0%}"]


if __name__ == "__main__":
    sys.exit(main())
