"""An exact training epoch against dense torch and PyTorch Geometric: time, memory and exactness.

    python benchmarks/objective.py [--quick] [--engines numba,tiles] [--repeats 1]
        [--graphs cora,random-10k] [--parts epochs,sweep] [--out benchmarks/results/objective.json]

An epoch is one forward and backward pass and one Adam step of the VGAE with the paper's settings:
hidden 32, latent 16, learning rate 0.01, the loss over all pairs. PyTorch Geometric samples its
negatives instead. Every implementation trains on every graph in a process of its own, one after the
other, and the cycle is repeated; epochs that warm up are not counted. Peak memory is the process's,
less what it had taken when torch, numba and SciPy were imported; compiled code comes from the cache
by then. What this machine lacks is said and skipped. Real graphs come from the folder that
VGAE_DATA names.

Prints Markdown tables, the bars last, and writes the figures as JSON and as a plot next to them.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bars
import presentation

# This process stays without torch: a child's peak of memory starts at that of its parent.

MEASURE = Path(__file__).with_name("measure.py")
RESULTS = Path(__file__).with_name("results") / "objective.json"
GRAPHS = "cora,citeseer,dblp,random-1k,random-3k,random-10k,random-30k,random-100k"
ENGINES = "numba,tiles"
PARTS = "first-use,epochs,sweep,search,accuracy,gpu"
SWEEPS = ((20_000, 16), (20_000, 32), (20_000, 64), (20_000, 128), (2_708, 16), (17_716, 16))
SEARCHES = ((2_708, 16), (20_000, 16))
ACCURACY_SIZES = (1, 2, 100, 2_708)
GPU_GRAPH, GPU_ENGINE = "random-1m", "triton"

DENSE_ARRAYS, SHARE_OF_MEMORY = 5, 0.6
"""Dense torch holds about five float32 arrays of all pairs; it runs where they fit in this share of
the memory that is free."""

BUSY = 0.5
"""Load of the last minute above which a warning is given."""

Found = dict[str, Any]


def main() -> int:
    options = parsed_options()
    probed = ask("probe")
    if "failed" in probed:
        print(probed["failed"], file=sys.stderr)
        return 1
    known = [name for name in options.engines if name in probed["engines"]]
    for name in set(options.engines) - set(known):
        say(f"skipped: there is no engine {name}; there are {', '.join(probed['engines'])}")
    results: Found = {"quick": options.quick, "engines": known, "repeats": options.repeats}
    results["machine"] = machine(probed)
    if results["machine"]["load_at_start"] > BUSY:
        say("something else is busy here: threads that wait for each other take many times as long")
    parts: dict[str, Callable[[Path], Any]] = {
        "first-use": lambda folder: first_use(known, folder, options),
        "epochs": lambda folder: epochs(known, folder, options),
        "sweep": lambda _: sweeps(known, options),
        "search": lambda _: searches(options),
        "accuracy": lambda _: accuracy(known, options),
        "gpu": lambda folder: gpu(probed, folder, options),
    }
    with tempfile.TemporaryDirectory() as folder:
        for part in options.parts:
            results[part] = parts[part](Path(folder))
            write(results, options.out)  # what is there is kept if the next part is interrupted
    results["growth"] = bars.growth(results)
    results["bars"] = bars.judged(results)
    write(results, options.out)
    print(presentation.report(results))
    print(f"\n{options.out}; {presentation.plot(results, options.out.with_suffix('.png'))}")
    # What is skipped is no error; what fails is, wherever it stands.
    return 1 if '"failed":' in json.dumps(results) else 0


def parsed_options() -> argparse.Namespace:
    """The options; `--quick` changes what the others are when they are not given."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one small graph, few epochs")
    parser.add_argument("--engines", type=names, help=f"{ENGINES}; the first is judged")
    parser.add_argument("--repeats", type=int, default=1, help="cycles of all implementations")
    parser.add_argument("--graphs", type=names, help=f"{GRAPHS}, or random-NUMBER")
    parser.add_argument("--parts", type=names, help=PARTS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.engines is None:
        options.engines = names(ENGINES)[: 1 if options.quick else None]
    if options.graphs is None:
        has_data = Path(os.environ.get("VGAE_DATA") or "/nowhere").is_dir()
        quick = "cora" if has_data else "random-1k"
        options.graphs = names(quick if options.quick else GRAPHS)
    if options.parts is None:
        options.parts = names("epochs,sweep,search,accuracy" if options.quick else PARTS)
    unknown = set(options.parts) - set(names(PARTS))
    if unknown:
        parser.error(f"--parts: there is no {', '.join(sorted(unknown))}; there are {PARTS}")
    return options


def names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def say(text: str) -> None:
    """Progress, apart from the tables."""
    print(text, file=sys.stderr, flush=True)


def write(results: Found, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")


def ask(task: str, *, environment: dict[str, str] | None = None, **arguments: Any) -> Any:
    """What measure.py answers, or {"failed": its last word}."""
    answer = subprocess.run(
        [sys.executable, str(MEASURE), task, json.dumps(arguments)],
        capture_output=True,
        text=True,
        env=os.environ | (environment or {}),
    )
    if answer.returncode:
        last = answer.stderr.strip().splitlines()[-1:] or [f"exit status {answer.returncode}"]
        say(f"{task} {arguments}: {answer.stderr or last[0]}")
        return {"failed": last[0]}
    return json.loads(answer.stdout.splitlines()[-1])


# ------------------------------------------------------------------------ epochs


def epochs(engines: list[str], folder: Path, options: argparse.Namespace) -> list[Found]:
    """A row for each graph and implementation."""
    implementations = [*engines, "dense", "pyg"] + ([] if options.quick else ["pyg-tuned"])
    if not options.quick:
        compile_beforehand(engines, folder)
    rows = []
    for graph in options.graphs:
        path = str(folder / f"{graph}.npz")
        size = ask("prepare", name=graph, path=path)
        if "nodes" not in size:
            say(f"{graph}: {bars.reason(size)}")
            rows.append({"graph": graph, "implementation": "all"} | size)
            continue
        answers: dict[str, list[Found]] = {name: [] for name in implementations}
        for _ in range(options.repeats):
            for name, found in answers.items():
                if found and "seconds" not in found[-1]:
                    continue
                arguments = {"implementation": name, "path": path, "quick": options.quick}
                found.append(too_large(name, size) or ask("epochs", **arguments))
                say(f"{graph}, {bars.title(name)}: {bars.reason(found[-1]) or took(found[-1])}")
        for name, found in answers.items():
            rows.append({"graph": graph, "implementation": name} | size | combined(found))
        Path(path).unlink()
    return rows


def took(answer: Found) -> str:
    return f"{statistics.median(answer['seconds']):.4g} s an epoch, {answer['peak_mb']:.0f} MB"


def combined(answers: list[Found]) -> Found:
    """One row of all cycles: the median of their median times, the largest of their peaks."""
    if "seconds" not in answers[-1]:
        return answers[-1]
    medians = [statistics.median(answer["seconds"]) for answer in answers]
    row: Found = {"seconds": statistics.median(medians), "medians": medians}
    row["counted"] = sum(len(answer["seconds"]) for answer in answers)
    for name in ("peak_mb", "peak_mb_above_own_imports", "device_peak_mb"):
        if name in answers[0]:
            row[name] = max(answer[name] for answer in answers)
    if answers[0].get("sweep_seconds"):
        row["sweep_seconds"] = statistics.median(answer["sweep_seconds"] for answer in answers)
    return row


def too_large(implementation: str, size: Found) -> Found | None:
    """Why an implementation is not started on a graph of this size."""
    needed = DENSE_ARRAYS * 4 * size["nodes"] ** 2
    if implementation != "dense" or needed < SHARE_OF_MEMORY * available_bytes():
        return None
    return {"skipped": f"needs {needed / 1e9:.0f} GB"}


def available_bytes() -> int:
    """Memory that a new process could take."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    group = Path("/sys/fs/cgroup")
    try:  # a container may have a limit of its own; "max" is none
        limit = int((group / "memory.max").read_text())
        return min(free, limit - int((group / "memory.current").read_text()))
    except (OSError, ValueError):
        return free


def compile_beforehand(engines: list[str], folder: Path) -> None:
    """Fill the caches of compiled code, so that memory is not that of a compiler."""
    path = str(folder / "small.npz")
    ask("prepare", name="random-1k", path=path)
    for name in engines:
        ask("step", engine=name, path=path)


# ------------------------------------------------------------------- other parts


def sweeps(engines: list[str], options: argparse.Namespace) -> list[Found]:
    """The all-pairs sum alone; in quick runs the first engine and one small size."""
    rows = []
    for n_nodes, latent in ((1_000, 16),) if options.quick else SWEEPS:
        for engine in engines[:1] if options.quick else engines:
            peak_size = 512 if options.quick else 4096
            row: Found = {"engine": engine, "nodes": n_nodes, "latent": latent}
            row |= ask("sweep", **row, peak_size=peak_size)
            rows.append(row)
            text = bars.reason(row) or f"{row['seconds']:.4g} s, {row['gflops']:.0f} GFLOP/s"
            say(f"sweep of {n_nodes} nodes, latent {latent}, {engine}: {text}")
    return rows


def searches(options: argparse.Namespace) -> list[Found]:
    """The searches among all pairs next to the sum over them."""
    rows = []
    for n_nodes, latent in ((1_000, 16),) if options.quick else SEARCHES:
        row: Found = {"nodes": n_nodes, "latent": latent}
        row |= ask("search", **row)
        rows.append(row)
        say(f"searches among {n_nodes} nodes: {bars.reason(row) or 'done'}")
    return rows


def accuracy(engines: list[str], options: argparse.Namespace) -> list[Found]:
    """Errors against float64; in quick runs of the first engine and small graphs."""
    rows: list[Found] = []
    for engine in engines[:1] if options.quick else engines:
        answer = ask("accuracy", engine=engine, sizes=ACCURACY_SIZES[: 3 if options.quick else 4])
        found = answer if isinstance(answer, list) else [answer]
        rows += [{"engine": engine} | row for row in found]
        say(f"errors of {engine}: {len(rows)} rows")
    return rows


def first_use(engines: list[str], folder: Path, options: argparse.Namespace) -> Found:
    """Whole processes that take one step: compiling, compiled before, and with tiles."""
    if "numba" not in engines:
        return {"skipped": "the engine numba was not asked for, or is not here"}
    graph = next((name for name in options.graphs if name == "cora"), "random-1k")
    path = str(folder / "first.npz")
    if "nodes" not in ask("prepare", name=graph, path=path):
        graph = "random-1k"
        ask("prepare", name=graph, path=path)
    with tempfile.TemporaryDirectory() as cache:
        environment = {"NUMBA_CACHE_DIR": cache}
        answers = [timed_step("tiles", path, environment)]  # reads the libraries from the disk once
        answers.append(timed_step("numba", path, environment))
        compiling = answers[-1]
        plain, cached = [], []
        for _ in range(1 if options.quick else 3):
            plain.append(timed_step("tiles", path, environment))
            cached.append(timed_step("numba", path, environment))
    failed = [answer for answer in (*answers, *plain, *cached) if "wall_seconds" not in answer]
    if failed:
        return failed[0]
    without, later = (
        statistics.median(answer["wall_seconds"] for answer in found) for found in (plain, cached)
    )
    say(f"first use: {compiling['wall_seconds']:.1f} s, then {later:.2f} s; tiles {without:.2f} s")
    return {
        "graph": graph,
        "tiles_seconds": without,
        "compiling_seconds": compiling["wall_seconds"],
        "later_seconds": later,
        "compiling_more": compiling["wall_seconds"] - without,
        "later_more": later - without,
        "compiling_peak_mb": compiling["peak_mb_of_process"],
        "later_peak_mb": cached[-1]["peak_mb_of_process"],
    }


def timed_step(engine: str, path: str, environment: dict[str, str]) -> Found:
    """The answer of a process that takes one step, with the time of the whole process."""
    started = time.perf_counter()
    answer: Found = ask("step", environment=environment, engine=engine, path=path)
    seconds = time.perf_counter() - started
    return answer | {"wall_seconds": seconds} if "peak_mb_of_process" in answer else answer


def gpu(probed: Found, folder: Path, options: argparse.Namespace) -> Found:
    """An exact epoch of a million nodes and ten million edges on a GPU, where there is one."""
    if probed["gpu"] is None:
        return {"skipped": "no GPU here"}
    path = str(folder / "gpu.npz")
    size: Found = ask("prepare", name=GPU_GRAPH, path=path)
    if "nodes" not in size:
        return size
    answer = ask("epochs", implementation=GPU_ENGINE, path=path, device="cuda", quick=options.quick)
    row: Found = {"graph": GPU_GRAPH, "implementation": GPU_ENGINE, "gpu": probed["gpu"]}
    say(f"{GPU_GRAPH} on {probed['gpu']}: {bars.reason(answer) or took(answer)}")
    return row | size | combined([answer])


# ----------------------------------------------------------------------- machine


def machine(probed: Found) -> Found:
    """Processor, threads, memory and versions."""
    model, n_cores = processor()
    versions = {"python": platform.python_version()}
    for package in ("vgae", "torch", "numba", "numpy", "scipy", "torch-geometric"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "processor": model,
        "cores": n_cores,
        "threads": os.cpu_count(),
        "torch_threads": probed["torch_threads"],
        "available_gb": available_bytes() / 1e9,
        "load_at_start": os.getloadavg()[0],
        "gpu": probed["gpu"],
        "versions": versions,
    }


def processor() -> tuple[str, int | None]:
    """Model and number of cores, where /proc/cpuinfo tells them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine(), None
    models = list(values(lines, "model name")) or [platform.machine()]
    sockets = zip(values(lines, "physical id"), values(lines, "core id"), strict=False)
    return models[0], len(set(sockets)) or None


def values(lines: list[str], key: str) -> Iterator[str]:
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == key:
            yield value.strip()


if __name__ == "__main__":
    sys.exit(main())
