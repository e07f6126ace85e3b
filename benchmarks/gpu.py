"""The exact objective on a GPU: time per epoch, memory on the device, exactness and repeatability.

    python benchmarks/gpu.py [--long] [--quick] [--interpret] [--out FILE]

An epoch is one forward and backward pass and one Adam step of the VGAE with the paper's settings:
hidden 32, latent 16, the loss over all pairs of nodes. The random graphs have ten edges per node
and 64 features. Dense torch, which holds an array of all pairs, trains on the graphs that fit. A
last part fits the embedded data set `digits` on the processor and on the GPU, on the same splits.

What matters most comes first and takes eight minutes at most: parity with float64, epochs with
their share of the card's published peak, and losses in closed form (`card`). The rest is measured
with `--long`. Without a GPU all rows say "not measured"; with `--interpret`, Triton's interpreter
runs tiny sizes on the processor, which tries the program.

Prints Markdown tables and writes the figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import card
import cases
import dense
import exactness
import measure
import torch
from presentation import table

import vgae
from vgae.model.kernels import Engine, choose_engine

RESULTS = Path(__file__).with_name("results") / "gpu.json"
ENGINES = ("triton", "triton-tf32", "triton-bf16", "tiles")
TILES_UP_TO, DENSE_UP_TO = 100_000, 30_000
"""Nodes beyond which an implementation is not run: plain tiles take minutes, dense torch fills the
memory of the device."""
SIZES, QUICK_SIZES = (
    ("random-1k", "random-10k", "random-30k", "random-100k", "random-1m"),
    ("random-1k",),
)
N_SPLITS = 5

Found = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one small graph")
    parser.add_argument("--long", action="store_true", help="the other parts too")
    parser.add_argument("--interpret", action="store_true", help="tiny sizes without a GPU")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    sizes = card.TINY if options.interpret or options.quick else card.FULL
    rows = card.measured(sizes, budget=card.BUDGET, interpret=options.interpret)
    print(card.report(rows), flush=True)
    if options.interpret or not torch.cuda.is_available():
        print("\nskipped: torch finds no GPU here")
        return 0
    found: Found = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "card": rows}
    if not options.long:
        write(found, options.out)
        return 0
    found["epochs"] = [
        row for name in (QUICK_SIZES if options.quick else SIZES) for row in epochs_of(name)
    ]
    found["sweeps"] = list(sweeps(10_000 if options.quick else 100_000))
    n_nodes = [2_708] if options.quick else [1, 2, 2_708, 20_000]
    found["accuracy"] = [
        {"engine": name} | row for name in ENGINES[:3] for row in accuracy(name, n_nodes)
    ]
    found["repeats"] = {name: repeats(name) for name in ENGINES[:3]}
    found["fits"] = fits(1 if options.quick else N_SPLITS)
    write(found, options.out)
    print(report(found))
    return 0


def write(found: Found, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n")


def epochs_of(name: str) -> Iterator[Found]:
    """A row for each implementation that trains on this graph."""
    case = cases.make(name)
    for implementation in (*ENGINES, "dense"):
        most = {"tiles": TILES_UP_TO, "dense": DENSE_UP_TO}.get(implementation, math.inf)
        if case.n_nodes > most:
            continue
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        running = (
            dense.epochs(case, "cuda")
            if implementation == "dense"
            else measure.Ours(implementation, "cuda")(case)
        )
        started = time.perf_counter()
        first = next(running)  # compiles
        seconds = counted(running)
        running.close()  # type: ignore[attr-defined]
        row = {
            "graph": name,
            "nodes": case.n_nodes,
            "edges": len(case.edges),
            "implementation": implementation,
            "first": first,
            "seconds": statistics.median(seconds),
            "counted": len(seconds),
            "device_mb": torch.cuda.max_memory_allocated() / 2**20,
        }
        print(row, f"{time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True)
        yield row


def counted(running: Iterator[float]) -> list[float]:
    """Seconds of epochs after one that warms up: twenty, or ten seconds of them."""
    next(running)
    seconds: list[float] = []
    while len(seconds) < 20 and sum(seconds) < 10.0:
        seconds.append(next(running))
    return seconds


def sweeps(n_nodes: int) -> Iterator[Found]:
    """Seconds of the sum over all pairs alone, by engine and latent dimension."""
    generator = torch.Generator("cuda").manual_seed(0)
    for dim in (16, 32, 64, 128):
        vectors = torch.randn(n_nodes, dim, generator=generator, device="cuda") / dim**0.25
        row: Found = {"nodes": n_nodes, "latent": dim}
        for name in ENGINES[:3]:
            engine = choose_engine(name, torch.device("cuda"), dim=dim)

            def swept(engine: Engine = engine, vectors: torch.Tensor = vectors) -> None:
                engine.sweep(vectors, None).total.item()

            row[name] = measure.median_seconds(swept)
        yield row


def accuracy(name: str, sizes: list[int]) -> list[Found]:
    """Relative errors of the sum and its gradient against float64, up to logits of 1e4."""
    engine, rows = choose_engine(name, torch.device("cuda"), dim=16), []
    for n_nodes in sizes:
        for largest in (1.0, 1e2, 1e4):
            vectors, _ = exactness.example(n_nodes, largest)
            found = engine.sweep(vectors.cuda(), None)
            on_processor = found._replace(total=found.total.cpu(), grad_left=found.grad_left.cpu())
            errors = exactness.errors_of_sum(on_processor, vectors)
            rows.append({"nodes": n_nodes, "largest_logit": largest} | errors)
    return rows


def repeats(name: str) -> bool:
    """Whether two sweeps over the same vectors agree to the bit."""
    engine = choose_engine(name, torch.device("cuda"), dim=16)
    generator = torch.Generator("cuda").manual_seed(0)
    vectors = torch.randn(20_000, 16, generator=generator, device="cuda")
    first, second = engine.sweep(vectors, None), engine.sweep(vectors, None)
    same = torch.equal(first.grad_left, second.grad_left) and torch.equal(first.total, second.total)
    return bool(same)


def fits(n_splits: int) -> list[Found]:
    """Test metrics and seconds of whole fits of `digits`, and whether a second fit agrees."""
    graph, rows = vgae.load_dataset("digits"), []
    for device in ("cpu", "cuda"):
        for seed in range(n_splits):
            split = vgae.split_edges(graph, seed=seed)
            started = time.perf_counter()
            model = vgae.VGAE(seed=seed, device=device).fit(split)
            seconds = time.perf_counter() - started
            row = {"device": device, "seed": seed, "engine": model.engine_, "seconds": seconds}
            row |= {name: model.metrics_["test"][name] for name in ("auc", "average_precision")}
            if seed == 0:
                again = vgae.VGAE(seed=seed, device=device).fit(split).embedding_
                row["same_bits"] = bool((again == model.embedding_).all())
            rows.append(row)
    return rows


def report(found: Found) -> str:
    """All figures as Markdown."""
    epochs = table(
        ("nodes", "edges", "implementation", "seconds per epoch", "epochs", "MB on the device"),
        (
            [
                f"{row['nodes']:,}",
                f"{row['edges']:,}",
                row["implementation"],
                f"{row['seconds']:.4g}",
                row["counted"],
                f"{row['device_mb']:,.0f}",
            ]
            for row in found["epochs"]
        ),
    )
    sweeps = table(
        ("sum over all pairs, nodes", "latent", *(f"{name}, seconds" for name in ENGINES[:3])),
        (
            [f"{row['nodes']:,}", row["latent"], *(f"{row[name]:.4g}" for name in ENGINES[:3])]
            for row in found["sweeps"]
        ),
    )
    accuracy = table(
        ("engine", "nodes", "largest logit", "error of the sum", "error of its gradient"),
        (
            [
                row["engine"],
                f"{row['nodes']:,}",
                f"{row['largest_logit']:g}",
                f"{row['sum_error']:.1e}",
                f"{row['sum_gradient_error']:.1e}",
            ]
            for row in found["accuracy"]
        ),
    )
    fits = table(
        ("digits on", "engine", "splits", "AUC", "AP", "median seconds", "same bits"),
        (fit_row(found["fits"], device) for device in ("cpu", "cuda")),
    )
    repeated = ", ".join(f"{name}: {same}" for name, same in found["repeats"].items())
    head = f"{found['gpu']}, torch {found['torch']}"
    return "\n\n".join([head, epochs, sweeps, accuracy, f"Same bits twice: {repeated}", fits])


def fit_row(rows: list[Found], device: str) -> list[Any]:
    own = [row for row in rows if row["device"] == device]
    means = (statistics.mean(row[key] for row in own) for key in ("auc", "average_precision"))
    return [
        device,
        own[0]["engine"],
        len(own),
        *(f"{100 * mean:.2f}" for mean in means),
        f"{statistics.median(row['seconds'] for row in own):.3g}",
        own[0]["same_bits"],
    ]


if __name__ == "__main__":
    sys.exit(main())
