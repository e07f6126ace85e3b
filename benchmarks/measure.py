"""One measurement a process, for benchmarks/objective.py: memory is honest, and nothing is warm.

    python benchmarks/measure.py TASK '{"argument": "value"}'

Prints one line of JSON. `{"skipped": reason}` says that this machine lacks something.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import cases

# Heavy imports are in the functions: peaks of memory are read between them.
if TYPE_CHECKING:
    import torch

    from vgae.model.kernels import Engine

__all__: list[str] = []

SLOW_EPOCH, SLOW_BUDGET = 2.0, 40.0
"""Seconds an epoch above which fewer than twenty are counted, and seconds for all of those."""
FAST_BUDGET = 2.0
"""Seconds for which more than twenty are counted."""


def main() -> None:
    task, arguments = sys.argv[1], json.loads(sys.argv[2])
    try:
        result = TASKS[task](**arguments)
    except cases.MissingError as reason:
        result = {"skipped": str(reason)}
    print(json.dumps(result))


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def probe() -> dict[str, Any]:
    """What there is to measure with, and what there is to measure."""
    import torch

    from vgae.model.kernels import ENGINES

    found: dict[str, Any] = {
        "engines": list(ENGINES),
        "torch_threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }
    return found


# ----------------------------------------------------------------------- epochs


def epochs(
    implementation: str, path: str, *, device: str = "cpu", quick: bool = False
) -> dict[str, Any]:
    """Seconds of training epochs, and the peak of memory above what was imported."""
    import scipy.sparse  # noqa: F401
    import torch

    with contextlib.suppress(ImportError):
        import numba  # noqa: F401
    with_libraries = peak_megabytes()
    train = contestant(implementation, device)
    with_implementation = peak_megabytes()
    running = train(cases.load(path))
    seconds = counted_seconds(running, quick=quick)
    peak = peak_megabytes()
    result = {
        "seconds": seconds,
        "peak_mb": peak - with_libraries,
        "peak_mb_above_own_imports": peak - with_implementation,
    }
    if device != "cpu":
        result["device_peak_mb"] = torch.cuda.max_memory_allocated() / 2**20
    if isinstance(train, Ours):
        result["sweep_seconds"] = train.sweep_seconds(3 if quick else 20)
    return result


def counted_seconds(running: Iterator[float], *, quick: bool) -> list[float]:
    """Seconds of epochs after those that warm up; how many depends on how long one takes."""
    estimate = [next(running) for _ in range(1 if quick else 2)][-1]
    if quick:
        return [next(running) for _ in range(3)]
    fewest = 20
    if estimate > SLOW_EPOCH:
        fewest = max(5, min(20, round(SLOW_BUDGET / estimate)))
    seconds: list[float] = []
    while len(seconds) < fewest or (sum(seconds) < FAST_BUDGET and len(seconds) < 200):
        seconds.append(next(running))
    return seconds


def contestant(name: str, device: str = "cpu") -> Callable[[cases.Case], Iterator[float]]:
    """Everything an implementation imports, and what trains with it."""
    if not name.startswith(("dense", "pyg")):
        return Ours(name, device)
    if name != "dense" and importlib.util.find_spec("torch_geometric") is None:
        raise cases.MissingError("install the extra `bench`")
    import torch

    # Making the first Adam imports torch's compiler.
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    if name == "dense":
        import dense

        return dense.epochs
    import pyg

    return pyg.contestant(tuned=name == "pyg-tuned")


class Ours:
    """The library itself through its public training loop, with the paper's settings.

    Parameters
    ----------
    engine
        Name of the engine of the all-pairs sum.
    device
        Where to train.
    """

    def __init__(self, engine: str, device: str) -> None:
        from vgae.learning.settings import TrainSettings

        self.engine = engine_here(engine, device)
        # As many steps as nobody takes: whoever counts them leaves the loop.
        self.settings = TrainSettings.parse({"steps": 10**6, "engine": engine, "device": device})

    def __call__(self, case: cases.Case) -> Iterator[float]:
        """Train without end; yields the seconds of each step."""
        from vgae.data.graph import Graph
        from vgae.learning.train import train
        from vgae.model.network import GraphAutoEncoder
        from vgae.model.settings import ModelSettings

        self.graph = Graph.from_edges(case.edges, features=case.features)
        del case
        self.model = GraphAutoEncoder(ModelSettings(), n_inputs=self.graph.n_features, seed=0)
        prepared = self.model.prepare(self.graph, self.graph.features)
        for record in train(self.model, self.graph, self.settings, seed=0, prepared=prepared):
            yield record.seconds

    def sweep_seconds(self, repeats: int) -> float | None:
        """Median time of the all-pairs sum alone, on vectors of the model as it was trained."""
        import torch

        from vgae.model.noise import SequentialNoise

        if next(self.model.parameters()).device.type != "cpu":
            return None
        with torch.no_grad():
            latent = self.model.encode(self.model.prepare(self.graph, self.graph.features))
            vectors = latent.draw(SequentialNoise(0, torch.device("cpu")))[0]
        repeats = max(1, min(repeats, round(SLOW_BUDGET / 2 / self.timed_sweep(vectors))))
        return statistics.median(self.timed_sweep(vectors) for _ in range(repeats))

    def timed_sweep(self, vectors: torch.Tensor) -> float:
        """Seconds of one sweep."""
        started = time.perf_counter()
        self.engine.sweep(vectors, None)
        return time.perf_counter() - started


def engine_here(name: str, device: str = "cpu") -> Engine:
    """An engine that works on this device.

    Raises
    ------
    cases.MissingError
        There is none of this name, or it says why it cannot work here.
    """
    import torch

    from vgae.ground.errors import InputError
    from vgae.model.kernels import choose_engine

    try:
        return choose_engine(name, torch.device(device))
    except InputError as reason:
        raise cases.MissingError(str(reason)) from reason


def step(engine: str, path: str) -> dict[str, Any]:
    """One training step, for the time that the whole process takes."""
    next(Ours(engine, "cpu")(cases.load(path)))
    return {"peak_mb_of_process": peak_megabytes()}


# ------------------------------------------------------------ the sweep by itself


def sweep(engine: str, nodes: int, latent: int, *, peak_size: int = 4096) -> dict[str, Any]:
    """Time of the all-pairs sum alone, against the machine's peak, and its error."""
    import exactness
    import torch

    chosen = engine_here(engine)
    generator = torch.Generator().manual_seed(0)
    # Logits of about a standard deviation of 1.
    vectors = torch.randn(nodes, latent, generator=generator) / latent**0.25
    peak = matrix_product_gflops(peak_size)
    found = chosen.sweep(vectors, None)
    taken: list[float] = []
    while len(taken) < 5 or (sum(taken) < 1.0 and len(taken) < 50):
        started = time.perf_counter()
        chosen.sweep(vectors, None)
        taken.append(time.perf_counter() - started)
    seconds = statistics.median(taken)
    # Two operations a coordinate for the logit, and two for either side's gradient.
    rate = 6 * latent * (nodes * (nodes + 1) / 2) / seconds / 1e9
    result = {
        "seconds": seconds,
        "repeats": len(taken),
        "gflops": rate,
        "peak_gflops": peak,
        "fraction_of_peak": rate / peak,
    }
    return result | exactness.errors_of_sum(found, vectors)


def search(nodes: int, latent: int, *, k: int = 100) -> dict[str, Any]:
    """Time of the exact searches among all pairs, next to the sum over them."""
    import numpy as np
    import torch

    from vgae.data.graph import Graph
    from vgae.model.kernels import choose_engine, count_reaching, top_pairs

    random = np.random.default_rng(0)
    pairs = random.integers(nodes, size=(5 * nodes, 2))
    known = Graph.from_edges(pairs[pairs[:, 0] != pairs[:, 1]], n_nodes=nodes).adjacency
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(nodes, latent, generator=generator) / latent**0.25
    # As many levels as a tenth of the edges, as likely as pairs are.
    left, right = (vectors[random.integers(nodes, size=nodes // 2)] for _ in range(2))
    levels = np.unique((left * right).sum(dim=1).numpy())
    works: dict[str, Callable[[], Any]] = {
        "sweep_seconds": lambda: choose_engine("auto").sweep(vectors, None),
        "top_seconds": lambda: top_pairs(vectors, k, known=known),
        "count_seconds": lambda: count_reaching(vectors, levels, known=known),
    }
    return {name: median_seconds(work) for name, work in works.items()}


def median_seconds(work: Callable[[], Any], repeats: int = 5) -> float:
    """Median time of some calls, after one that is not timed."""
    work()
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def accuracy(engine: str, sizes: list[int]) -> list[dict[str, Any]]:
    """Errors of the sum and of the loss against float64."""
    import exactness

    return exactness.accuracy(engine_here(engine), sizes)


def matrix_product_gflops(size: int, repeats: int = 5) -> float:
    """What a product of two square float32 matrices reaches with all threads."""
    import torch

    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(size, size, generator=generator) for _ in range(2))
    out = torch.empty(size, size)
    return 2 * size**3 / median_seconds(lambda: torch.mm(left, right, out=out), repeats) / 1e9


TASKS: dict[str, Callable[..., Any]] = {
    "probe": probe,
    "prepare": cases.prepare,
    "epochs": epochs,
    "step": step,
    "sweep": sweep,
    "search": search,
    "accuracy": accuracy,
}

if __name__ == "__main__":
    main()
