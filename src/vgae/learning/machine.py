"""How fast a machine is, in the kinds of operations that `vgae.model.rates` names.

The kernels of a training step are timed for a few seconds on random operands of several sizes. The
fastest of a few runs counts: what the machine does when nothing else runs on it. For GPUs that are
not here, published peak figures take the place of measurements: no fit is faster than that.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vgae.data.graph import Graph
from vgae.ground.errors import unknown_name
from vgae.ground.memory import resident_bytes, return_free_memory
from vgae.learning.batches import Batch
from vgae.learning.settings import TrainSettings
from vgae.learning.train import TrainState, step
from vgae.model.decoders.base import score_pairs
from vgae.model.kernels import (
    PairPattern,
    PairTerm,
    choose_engine,
    pair_terms,
    torch_on_one_thread,
)
from vgae.model.kernels.sparse import CsrParts, SparseMatrix
from vgae.model.network import GraphAutoEncoder
from vgae.model.rates import GPUS, KINDS, Rates, peak_rates
from vgae.model.settings import ModelSettings

__all__ = ["Machine", "gpu_machine", "measure_machine"]

REACHES = (2**20, 2**24)
"""Bytes among which operands are spread: those of a core's cache, and more."""
NARROW, BROAD = 16, 64
"""Widths at which the cost of an entry and that of its products are told apart."""
N_ENTRIES, FEWEST_A_ROW = 250_000, 8
"""Entries of the random matrices, at least, and how many are in a row at least."""
TINY_NODES = 32
SWEPT_NODES, DRAWN_NUMBERS, SAMPLED_PAIRS, MASKED_EDGES = 4096, 2**18, 2**17, 20_000
MOST_SAMPLED = 4_000_000
"""Nodes of a graph whose own rows are timed, and entries of them, at most."""
ROWS_OF_A_BLOCK, LINKS_OF_A_NODE = 64, 20
"""Rows of a block that is timed: nodes next to each other share what is in the caches. Entries per
node that are timed: with few of them, each finds its vector in no cache."""
FEWEST_REPEATS, MOST_REPEATS, LONG = 3, 20, 0.05
"""Runs of a kernel; no more of them once they have taken so many seconds."""
ALONG_EDGES = (
    ("entry", "entry_product"),
    ("link", "link_product"),
    ("edge", "edge_product"),
    ("logistic_edge", "logistic_product"),
)
LIBRARY_BYTES = 430e6
"""Memory of torch, numba, SciPy and PyArrow, where this process cannot be asked."""


@dataclass(frozen=True)
class Machine:
    """What a machine takes for operations, and what it holds.

    Attributes
    ----------
    name
        "this machine", or the name of a GPU.
    rates
        Seconds by kind of operation.
    library_bytes
        Memory of a process before it holds a graph.
    measured
        Whether the rates were measured; otherwise they are published peak figures.
    memory_bytes
        Memory of the device, or None where it was not asked for.

    Examples
    --------
    >>> gpu_machine("h100").measured, gpu_machine("h100").memory_bytes
    (False, 80000000000.0)
    """

    name: str
    rates: Rates
    library_bytes: float
    measured: bool
    memory_bytes: float | None = None


def gpu_machine(name: str) -> Machine:
    """A GPU from its published peak figures: what no fit is faster than.

    Raises
    ------
    InputError
        The GPU is not among `vgae.model.rates.GPUS`.

    Examples
    --------
    >>> gpu_machine("h100").name
    'h100'
    >>> gpu_machine("h10")
    Traceback (most recent call last):
    vgae.InputError: unknown GPU 'h10': did you mean 'h100'? ...
    """
    if name not in GPUS:
        raise unknown_name("GPU", name, GPUS)
    rates = peak_rates(GPUS[name])
    return Machine(name, rates, LIBRARY_BYTES, measured=False, memory_bytes=GPUS[name].memory)


def measure_machine(
    device: str = "cpu",
    *,
    engine: str = "auto",
    kinds: Collection[str] = tuple(KINDS),
    most_reach: float = math.inf,
    graph: Graph | None = None,
    held_bytes: float = 0.0,
    clock: Callable[[], float] = time.perf_counter,
) -> Machine:
    """Time the kernels of a training step on random operands, for a few seconds.

    Parameters
    ----------
    device
        Where to measure: "cpu" or "cuda".
    engine
        What sums over all pairs.
    kinds
        The kinds of operations to time, in `vgae.model.rates.KINDS`.
    most_reach
        Bytes among which operands lie, at most: what lies further apart is not timed.
    graph
        The graph to be trained on: rates along its edges are then those of some of its own rows.
    held_bytes
        Bytes of the arrays that this process holds and that a new one would not.
    clock
        Tells the seconds. `time.process_time` leaves out those in which other processes had the
        core; it is right where there is one thread.

    Raises
    ------
    InputError
        The engine does not exist or cannot run on the device.

    Examples
    --------
    >>> machine = measure_machine(kinds=["number"])
    >>> machine.measured, machine.rates.of("number", 1e6) > 0, machine.library_bytes > 0
    (True, True, True)
    """
    place = torch.device(device)
    bench = _Bench(place, clock)
    bench.sample = None if graph is None else bench.rows_of(graph)
    wanted = [kind for kind in KINDS if kind in set(kinds)]
    reaches = [reach for reach in REACHES if reach < 4 * most_reach] or list(REACHES[:1])
    with torch_on_one_thread():
        seconds = bench.rates(wanted, reaches, engine)
    return_free_memory()
    name = "this machine" if place.type == "cpu" else torch.cuda.get_device_name(place)
    memory = None if place.type == "cpu" else torch.cuda.get_device_properties(place).total_memory
    # What else a long-running process holds is no part of the libraries.
    library = min((resident_bytes() or LIBRARY_BYTES) - held_bytes, LIBRARY_BYTES)
    return Machine(name, Rates(seconds), max(library, 0.25 * LIBRARY_BYTES), True, memory)


Point = tuple[float, float, float]
"""Bytes of a reach, and seconds of one entry with narrow and with broad rows."""


def _apart(points: list[Point]) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """What an entry costs by itself, and what each of its products does."""
    each, products = [], []
    for reach, narrow, broad in points:
        product = max(0.0, min((broad - narrow) / (BROAD - NARROW), broad / BROAD))
        each.append((reach, max(0.0, narrow - NARROW * product)))
        products.append((reach, product))
    return each, products


class _Bench:
    """Seconds of kernels on random operands on one device."""

    def __init__(self, device: torch.device, clock: Callable[[], float]) -> None:
        self.device, self.clock = device, clock
        self.random = np.random.default_rng(0)
        self.sample: CsrParts | None = None
        self.patterns: dict[tuple[int, int], CsrParts] = {}

    def seconds(self, work: Callable[[], object]) -> float:
        """The fastest of a few runs, after one that warms up."""
        work()
        found: list[float] = []
        while len(found) < MOST_REPEATS and (len(found) < FEWEST_REPEATS or sum(found) < LONG):
            self.wait()
            started = self.clock()
            work()
            self.wait()
            found.append(self.clock() - started)
        return min(found)

    def rates(
        self, kinds: Sequence[str], reaches: Sequence[int], engine: str
    ) -> dict[str, list[tuple[float, float]]]:
        """Seconds by kind and reach."""
        found: dict[str, list[tuple[float, float]]] = {}
        if "pair" in kinds:
            pairs = SWEPT_NODES * (SWEPT_NODES + 1) / 2.0
            times = [self.swept(engine, width) / pairs for width in (NARROW, BROAD)]
            found["pair"], found["pair_product"] = _apart([(0.0, times[0], times[1])])
        for kind, product in ALONG_EDGES:
            if kind in kinds:
                own = self.sample is not None and kind != "entry"
                points = [
                    (
                        float(reach),
                        self.along_edges(kind, reach, NARROW),
                        self.along_edges(kind, reach, BROAD),
                    )
                    for reach in (reaches[:1] if own else reaches)
                ]
                found[kind], found[product] = _apart(points)
        for kind, of_reach in (("number", self.elementwise), ("gathered", self.gathered)):
            if kind in kinds:
                found[kind] = [(float(reach), of_reach(reach)) for reach in reaches]
        for kind, alone in (
            ("product", self.multiplied),
            ("drawn", self.drawn),
            ("masked", self.masked),
            ("step", self.stepped),
        ):
            if kind in kinds:
                found[kind] = [(0.0, alone())]
        return found

    def wait(self) -> None:
        """Wait until the device has done all that it was told to do."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def normal(self, *shape: int) -> Tensor:
        """Random numbers on the device."""
        return torch.from_numpy(self.random.standard_normal(shape, np.float32)).to(self.device)

    def pattern(self, reach: int, width: int) -> CsrParts:
        """A random matrix whose columns stand for vectors of a width, in so many bytes.

        As in a graph whose degrees follow a power law of exponent 2.5, a few columns are in much of
        the matrix, and are found in the caches.
        """
        n_nodes = max(1, reach // (4 * width))
        a_row = max(FEWEST_A_ROW, N_ENTRIES // n_nodes)
        ranks = n_nodes * self.random.random(n_nodes * a_row) ** 3
        columns = self.random.permutation(n_nodes).astype(np.int32)[ranks.astype(np.int64)]
        starts = np.arange(n_nodes + 1, dtype=np.int32) * a_row
        row_starts, places = (torch.from_numpy(part).to(self.device) for part in (starts, columns))
        return CsrParts(row_starts, places, torch.ones(len(places), device=self.device), n_nodes)

    def rows_of(self, graph: Graph) -> CsrParts | None:
        """Some blocks of rows from all over a graph's adjacency, the other rows empty.

        What is close in memory depends on the order of nodes and on their degrees, which no random
        matrix has. None for a graph of which so little is too much.
        """
        starts, n_nodes = graph.adjacency.indptr.astype(np.int64), graph.n_nodes
        if not graph.n_edges or n_nodes > MOST_SAMPLED or starts[-1] > MOST_SAMPLED * 50:
            return None
        wanted = min(max(N_ENTRIES, LINKS_OF_A_NODE * n_nodes), MOST_SAMPLED)
        share = -(-int(starts[-1]) // wanted)
        blocks = np.arange(n_nodes) // ROWS_OF_A_BLOCK
        taken = blocks % min(share, int(blocks[-1]) + 1) == 0
        degrees = np.diff(starts)
        columns = graph.adjacency.indices[np.repeat(taken, degrees)].astype(np.int32)
        row_starts = np.concatenate([[0], np.cumsum(degrees * taken)]).astype(np.int32)
        if not columns.size:
            return None
        first, places = (torch.from_numpy(part).to(self.device) for part in (row_starts, columns))
        return CsrParts(first, places, torch.ones(len(places), device=self.device), n_nodes)

    def swept(self, engine: str, width: int) -> float:
        """A sum over all pairs."""
        chosen = choose_engine(engine, self.device, dim=width)
        vectors = self.normal(SWEPT_NODES, width)
        return self.seconds(lambda: chosen.sweep(vectors, None))

    def along_edges(self, kind: str, reach: int, width: int) -> float:
        """One entry of a sparse product, or one edge of a sum of terms."""
        matrix = self.sample if kind != "entry" else None
        if matrix is None:
            if (reach, width) not in self.patterns:
                self.patterns[reach, width] = self.pattern(reach, width)
            matrix = self.patterns[reach, width]
        vectors = self.normal(matrix.width, width).abs()
        if kind in ("entry", "link"):
            return self.seconds(lambda: matrix.times(vectors)) / len(matrix.columns)
        pattern = PairPattern(matrix.row_starts, matrix.columns)
        term = PairTerm("rate" if kind == "edge" else "logistic", 2.0)
        taken = self.seconds(lambda: pair_terms(vectors, None, pattern, term))
        return taken / len(matrix.columns)

    def elementwise(self, reach: int) -> float:
        """A number that a product of two arrays reads or writes."""
        one, other = self.normal(reach // 4), self.normal(reach // 4)
        return self.seconds(lambda: one * other) / (3.0 * len(one))

    def gathered(self, reach: int) -> float:
        """A number that pairs read of two vectors, and that their gradient adds to."""
        n_nodes = reach // (4 * NARROW)
        vectors = self.normal(n_nodes, NARROW).requires_grad_()
        drawn = self.random.integers(n_nodes, size=(SAMPLED_PAIRS, 2))
        pairs = torch.from_numpy(drawn).to(self.device)

        def work() -> None:
            score_pairs(vectors, vectors, pairs).sum().backward()  # type: ignore[no-untyped-call]

        return self.seconds(work) / (4.0 * NARROW * SAMPLED_PAIRS)

    def multiplied(self) -> float:
        """A multiplication of two dense matrices, as a layer and its gradient make them."""
        inputs, weight, slope = (
            self.normal(16_384, 64),
            self.normal(64, 32),
            self.normal(16_384, 32),
        )
        taken = self.seconds(lambda: (inputs @ weight, inputs.T @ slope))
        return taken / (2.0 * len(inputs) * weight.numel())

    def drawn(self) -> float:
        """A normal random number."""
        generator = torch.Generator(self.device).manual_seed(0)
        numbers = torch.empty(DRAWN_NUMBERS, device=self.device)
        return self.seconds(lambda: numbers.normal_(generator=generator)) / DRAWN_NUMBERS

    def masked(self) -> float:
        """An edge of a graph of which a step hides some, and normalises the rest."""
        pairs = self.random.integers(MASKED_EDGES // 5, size=(MASKED_EDGES, 2))
        graph = Graph.from_edges(pairs)

        def work() -> SparseMatrix:
            order = self.random.permutation(graph.n_edges)
            kept = graph.with_edges(graph.edges[order[graph.n_edges // 2 :]])
            return SparseMatrix.from_scipy(kept.normalized_adjacency())

        return self.seconds(work) / graph.n_edges

    def stepped(self) -> float:
        """A step on a graph so small that sizes do not count."""
        ring = np.stack([np.arange(TINY_NODES), np.roll(np.arange(TINY_NODES), 1)], axis=1)
        graph = Graph.from_edges(ring, features=np.ones((TINY_NODES, 2)))
        network = GraphAutoEncoder(ModelSettings(), n_inputs=2, seed=0)
        prepared = network.prepare(graph, graph.features).to(self.device)
        state = TrainState(network, TrainSettings(), seed=0, device=self.device)
        batch = Batch(prepared, network.targets(graph).to(self.device))
        engine = choose_engine("auto", self.device, dim=network.settings.latent_dim)
        return self.seconds(lambda: step(state, batch, engine))
