"""What one card does in eight minutes, for benchmarks/gpu.py: parity, epochs and closed forms.

Parts run in the order of their worth until the budget is used up; rows of what is left, and all
rows where there is no card, say "not measured". Triton's interpreter runs tiny sizes on the
processor: this tries the program and measures nothing.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import exactness
import numpy as np
import torch
from presentation import table

from vgae.data.graph import Graph
from vgae.learning.fitting import untrained
from vgae.learning.settings import FitSettings
from vgae.learning.train import train
from vgae.model.kernels import choose_engine
from vgae.model.rates import GPUS

__all__ = ["BUDGET", "FULL", "TINY", "Sizes", "measured", "report"]

BUDGET = 480.0
"""Seconds of all parts together."""
ENGINES = {"triton": "float32", "triton-tf32": "tf32", "triton-bf16": "bf16"}
N_FEATURES, EDGES_A_NODE, DIM = 64, 10, 16
WARM_UP, MOST_EPOCHS, ENOUGH = 2, 10, 15.0
"""Epochs that do not count, epochs that do, and seconds after which no more are taken."""

Found = dict[str, Any]


@dataclass(frozen=True)
class Sizes:
    """Nodes of the parity check and of exact epochs, and edges of losses in closed form."""

    parity: tuple[int, ...]
    epochs: tuple[int, ...]
    closed: tuple[int, ...]


FULL = Sizes((2, 2_708, 20_000), (100_000, 1_000_000), (10_000_000, 100_000_000))
TINY = Sizes((2, 40), (60,), (600,))


def measured(sizes: Sizes, *, budget: float, interpret: bool = False) -> list[Found]:
    """All rows, as far as the card and the budget reach.

    Parameters
    ----------
    sizes
        What to measure.
    budget
        Seconds after which no further row is begun.
    interpret
        Whether Triton's interpreter takes the place of a card.
    """
    if interpret:
        os.environ["TRITON_INTERPRET"] = "1"  # read when the engine is first imported
    has_card = torch.cuda.is_available()
    device = "cpu" if interpret else "cuda"
    deadline, rows = time.perf_counter() + budget, []
    for head, work in planned(sizes, device):
        if not (has_card or interpret):
            rows.append(head | {"why": "no GPU"})
        elif time.perf_counter() > deadline:
            rows.append(head | {"why": "the time was used up"})
        else:
            rows.append(head | work())
    return rows


def planned(sizes: Sizes, device: str) -> Iterator[tuple[Found, Callable[[], Found]]]:
    """What a row is, and what measures it, in the order of their worth."""
    for engine in ENGINES:
        for n_nodes in sizes.parity:
            head = {"part": "parity", "nodes": n_nodes, "engine": engine}
            yield head, lambda engine=engine, n=n_nodes: parity(engine, n, device)  # type: ignore[misc]
    for n_nodes in sizes.epochs:
        for engine in ENGINES:
            head = {"part": "epoch", "nodes": n_nodes, "engine": engine}
            head["edges"] = EDGES_A_NODE * n_nodes
            yield head, lambda engine=engine, n=n_nodes: epoch(engine, n, device)  # type: ignore[misc]
    for n_edges in sizes.closed:
        head = {"part": "closed form", "nodes": n_edges // EDGES_A_NODE, "edges": n_edges}
        head["engine"] = "none"
        yield head, lambda n=n_edges: closed(n, device)  # type: ignore[misc]


def parity(engine: str, n_nodes: int, device: str) -> Found:
    """Errors of the sum over all pairs against float64, for logits of up to 100."""
    vectors, _ = exactness.example(n_nodes, 100.0)
    found = choose_engine(engine, torch.device(device), dim=DIM).sweep(vectors.to(device), None)
    found = found._replace(total=found.total.cpu(), grad_left=found.grad_left.cpu())
    return exactness.errors_of_sum(found, vectors)


def epoch(engine: str, n_nodes: int, device: str) -> Found:
    """Seconds of an exact epoch, and its share of the card's published peak."""
    made = FitSettings.of("vgae", objective="exact", engine=engine, device=device, steps=10**6)
    row = epochs_of(random_graph(n_nodes, EDGES_A_NODE * n_nodes), made, device)
    # Two operations a coordinate for a score and two for its gradient, of all ordered pairs.
    peak = peak_of(engine)
    if peak is not None:
        row["share"] = 4.0 * DIM * n_nodes**2 / row["seconds"] / peak
    return row


def closed(n_edges: int, device: str) -> Found:
    """Seconds of an exact epoch of a loss that has a closed form."""
    made = FitSettings.of(
        "vgae", likelihood="bernoulli-poisson", encoder="linear", device=device, steps=10**6
    )
    return epochs_of(random_graph(n_edges // EDGES_A_NODE, n_edges), made, device)


def epochs_of(graph: Graph, settings: FitSettings, device: str) -> Found:
    """Median seconds of epochs, and the memory that they take on the card."""
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    settings = settings.on(graph)
    network, _, inputs = untrained(graph, settings)
    prepared = network.prepare(graph, inputs)
    seconds: list[float] = []
    for record in train(network, graph, settings.training, seed=0, prepared=prepared):
        seconds.append(record.seconds)
        counted = seconds[WARM_UP:]
        if len(counted) == MOST_EPOCHS or (counted and sum(seconds) > ENOUGH):
            break
    found: Found = {"seconds": statistics.median(seconds[WARM_UP:])}
    if device == "cuda":
        found["device_mb"] = torch.cuda.max_memory_allocated() / 2**20
    return found


def random_graph(n_nodes: int, n_edges: int) -> Graph:
    """Edges drawn evenly, nearly as many as asked for, and normal features."""
    random = np.random.default_rng(0)
    pairs = random.integers(n_nodes, size=(n_edges, 2))
    features = random.standard_normal((n_nodes, N_FEATURES), dtype=np.float32)
    return Graph.from_edges(pairs, n_nodes=n_nodes, features=features)


def peak_of(engine: str) -> float | None:
    """Published operations a second of this card in an engine's precision, if it is known."""
    if not torch.cuda.is_available():
        return None
    called = torch.cuda.get_device_name().lower()
    peak = next((peak for name, peak in GPUS.items() if name in called), None)
    if peak is None:
        return None
    # bfloat16 runs at twice the rate of TF32.
    rates = {"float32": peak.float32, "tf32": peak.tensor, "bf16": 2.0 * peak.tensor}
    return rates[ENGINES[engine]]


def report(rows: list[Found]) -> str:
    """All rows as two Markdown tables."""
    parity = table(
        ("engine", "nodes", "error of the sum", "error of its gradient"),
        (
            [row["engine"], f"{row['nodes']:,}", *figures(row, "sum_error", "sum_gradient_error")]
            for row in rows
            if row["part"] == "parity"
        ),
    )
    epochs = table(
        ("objective", "nodes", "edges", "engine", "seconds an epoch", "share of peak", "MB on it"),
        (
            [
                "exact" if row["part"] == "epoch" else "closed form",
                *(f"{row[key]:,}" for key in ("nodes", "edges")),
                row["engine"],
                *figures(row, "seconds", "share", "device_mb"),
            ]
            for row in rows
            if row["part"] != "parity"
        ),
    )
    return f"{parity}\n\n{epochs}"


def figures(row: Found, *names: str) -> list[str]:
    """Figures of a row, or the reason that there are none."""
    if "why" in row:
        return [f"not measured: {row['why']}", *["-"] * (len(names) - 1)]
    return [f"{row[name]:.3g}" if name in row else "-" for name in names]
