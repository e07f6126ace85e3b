"""Where the time of the all-pairs sum and of an epoch goes, against the machine's ceilings.

    python benchmarks/roofline.py [--graphs cora,dblp]

Ceilings: what a large float32 matrix product reaches, and how fast memory is copied. The sum's two
compiled phases run alone on one thread, over one block that stays in cache: what the loop over
blocks, threads and memory add is the difference to the whole. Parts of an epoch are timed one by
one, with the paper's settings, in the order in which a step takes them. Counted operations are
those of docs/roofline.md. Graphs come from the folder that VGAE_DATA names.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cases
import numba
import numpy as np
import torch
from measure import matrix_product_gflops, median_seconds
from presentation import table

from vgae.data.graph import Graph
from vgae.learning.optimizer import Adam
from vgae.model.kernels import PairTerm, choose_engine, numba_engine, pair_terms
from vgae.model.network import GraphAutoEncoder
from vgae.model.noise import SequentialNoise
from vgae.model.settings import ModelSettings

LATENTS = (16, 32, 64, 128)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--graphs", default="cora,dblp")
    graphs = parser.parse_args().graphs.split(",")
    n_threads = torch.get_num_threads()
    peak = matrix_product_gflops(4096)
    torch.set_num_threads(1)
    single_peak = matrix_product_gflops(2048)
    torch.set_num_threads(n_threads)
    print(f"Matrix product of float32: {peak:.0f} GFLOP/s on {n_threads} threads, ", end="")
    print(f"{single_peak:.0f} on one; copying memory: {copied_gigabytes():.1f} GB/s\n")
    header = ("latent", "phase", "operations a pair", "ns a pair", "GFLOP/s", "of the product's")
    print(table(header, (row for latent in LATENTS for row in phases(latent, single_peak))) + "\n")
    for name in graphs:
        try:
            print(table((f"an epoch on {name}", "ms"), epoch_parts(name)) + "\n")
        except cases.MissingError as reason:
            print(f"{name}: skipped: {reason}\n")


def copied_gigabytes() -> float:
    """Bytes read and written in a second when a large array is copied."""
    source = torch.zeros(2**26)
    copy = torch.empty_like(source)
    return 2 * 4 * source.numel() / median_seconds(lambda: copy.copy_(source)) / 1e9


# ------------------------------------------------------------------ phases of a sum


def phases(latent: int, peak: float) -> list[list[str]]:
    """Both phases of a full block with itself, on one thread."""
    vectors = torch.randn(numba_engine.LARGEST_BLOCK, latent) / latent**0.25
    packed = numba_engine._Packed.of(torch.cat([vectors] * numba_engine.FEWEST_BLOCKS))
    rows, columns = packed.rows[0].ravel(), packed.columns[0].ravel()
    block = packed.bias.shape[1]
    scratch = [np.zeros(size, np.float32) for size in (columns.size, 4 * block, block, block)]
    repeats = 2**20 // block**2 + 1
    rest = (rows, packed.bias[0], columns, *scratch, np.zeros_like(rows), repeats)
    found = []
    for name, phase, share in (
        ("logits, softplus, sigmoid, gradient of the columns", 0, 4),
        ("gradient of the rows", 1, 2),
    ):
        seconds = median_seconds(lambda phase=phase: _repeat_phase(phase, *rest))  # type: ignore[misc]
        nanoseconds = seconds / repeats / block**2 * 1e9
        rate = share * latent / nanoseconds
        cells = [f"{share * latent}", f"{nanoseconds:.2f}", f"{rate:.1f}", f"{rate / peak:.0%}"]
        found.append([str(latent), name, *cells])
    return found


@numba.njit
def _repeat_phase(
    phase: Any,
    rows: Any,
    bias: Any,
    columns: Any,
    column_gradient: Any,
    probabilities: Any,
    products: Any,
    positive: Any,
    row_gradient: Any,
    repeats: Any,
) -> None:
    width, dim = len(bias), len(rows) // len(bias)
    for _ in range(repeats):
        for first in range(0, width, numba_engine.N_ROWS):
            if phase == 0:
                numba_engine._meet(
                    rows,
                    bias,
                    columns,
                    column_gradient,
                    probabilities,
                    products,
                    positive,
                    first,
                    width,
                )
            else:
                numba_engine._add_to_rows(columns, probabilities, row_gradient, first, dim, width)
        products[:] = 0.0


# ---------------------------------------------------------------- parts of an epoch


def epoch_parts(name: str) -> list[list[str]]:
    """Milliseconds of each part of a training step, and of all of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "graph.npz")
        cases.prepare(name, path)
        case = cases.load(path)
    graph = Graph.from_edges(case.edges, features=case.features)
    model = GraphAutoEncoder(ModelSettings(), n_inputs=graph.n_features, seed=0)
    inputs, targets = model.prepare(graph, graph.features), model.targets(graph)
    engine, optimizer = choose_engine("auto"), Adam(list(model.parameters()), 0.01)
    noise = SequentialNoise(0, torch.device("cpu"))
    shape = (graph.n_nodes, ModelSettings().latent_dim)
    numbers = noise.normal(*shape)
    with torch.no_grad():
        latent = model.encode(inputs)
        vectors = latent.rsample(numbers)

    def encode() -> Any:
        return model.encode(inputs)

    def backward() -> None:
        found = model.encode(inputs)
        torch.autograd.backward(found.rsample(numbers), vectors, inputs=list(model.parameters()))

    def whole() -> None:
        loss = model.loss(inputs, targets, noise=noise, engine=engine)
        loss.total.backward()  # type: ignore[no-untyped-call]
        loss.total.item()
        optimizer.step()

    parts: dict[str, Callable[[], Any]] = {
        "standard normal numbers": lambda: noise.normal(*shape),
        "encoder": encode,
        "sample and divergence": lambda: (latent.rsample(numbers), latent.kl().sum()),
        "sum over all pairs": lambda: engine.sweep(vectors, None),
        "terms of the edges": lambda: pair_terms(
            vectors, None, targets.positive, PairTerm("logistic", 100.0)
        ),
        "encoder and sample, with their gradients": backward,
        "all of it, with Adam": whole,
    }
    return [[part, f"{1e3 * median_seconds(work, 20):.2f}"] for part, work in parts.items()]


if __name__ == "__main__":
    main()
