"""Where the memory of `vgae fit EDGES --features FEATURES` goes, stage by stage.

    python benchmarks/memory.py [--quick]

Prints a Markdown table: resident memory and its peak after each stage of the command, in one fresh
process, in MB above `import torch`; and the peak of the command itself. The process's own memory is
told apart from the pages of libraries' files, which differ by what the system has cached. The graph
is dblp where VGAE_DATA has it (17,716 nodes, 52,867 edges, 1,639 sparse features), otherwise a
random one of that size. Reads /proc, so that it runs on Linux only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what is measured starts from an empty process
    from cases import Case

BAR = 250.0
"""Most megabytes of the command above `import torch`."""

N_NODES, N_EDGES, N_FEATURES, DENSITY = 17_716, 52_867, 1639, 0.0032
STEPS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small graph, to try the program")
    parser.add_argument("--stages", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stages:
        print(json.dumps(stages(*options.stages)))
        return
    with tempfile.TemporaryDirectory() as folder:
        edges, features = Path(folder) / "edges.csv", Path(folder) / "features.npz"
        print(f"{write_files(edges, features, quick=options.quick)}, {STEPS} steps\n")
        command = [sys.executable, __file__, "--stages", str(edges), str(features)]
        peak_of_command(edges, features)  # compiles where nothing is kept yet
        answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(answer.stdout)
        torch = found["import torch"]["peak"]
        print("| after | own | resident | peak |\n|---|---|---|---|")
        for name, memory in found.items():
            above = {key: value - found["import torch"][key] for key, value in memory.items()}
            print(f"| {name} | {above['own']:.0f} | {above['now']:.0f} | {above['peak']:.0f} |")
        peak, seconds = peak_of_command(edges, features)
        verdict = "met" if peak - torch <= BAR else "missed"
        print(f"| the command itself ({seconds:.1f} s) | | | {peak - torch:.0f} |")
        print(f"\nimport torch: {torch:.0f} MB; bar: <= {BAR:g} MB above it: {verdict}")


def write_files(edges: Path, features: Path, *, quick: bool) -> str:
    """Write the graph as people have it; what it is, in words."""
    import cases
    import numpy as np
    from scipy import sparse

    try:
        if quick:
            raise cases.MissingError
        case, name = cases.make("dblp"), "dblp"
    except cases.MissingError:
        case, name = random_case(20 if quick else 1), "random"
    np.savetxt(edges, case.edges, fmt="%d", delimiter=",", header="source,target", comments="")
    sparse.save_npz(features, sparse.csr_array(case.features))
    shape = f"{case.n_nodes:,} nodes, {len(case.edges):,} edges"
    return f"{name}: {shape}, {case.features.shape[1]:,} features"


def random_case(divisor: int) -> Case:
    """A graph of dblp's size, or smaller."""
    import numpy as np
    from cases import Case
    from scipy import sparse

    random = np.random.default_rng(0)
    n_nodes, n_edges = N_NODES // divisor, N_EDGES // divisor
    chain = np.stack([np.arange(n_nodes - 1), np.arange(1, n_nodes)], axis=1)  # no node is lost
    drawn = random.integers(n_nodes, size=(n_edges - len(chain), 2))
    edges = np.concatenate([chain, drawn])
    features = sparse.random_array((n_nodes, N_FEATURES), density=DENSITY, rng=0, format="csr")
    return Case(edges[edges[:, 0] != edges[:, 1]], features)


def stages(edges: Path, features: Path) -> dict[str, dict[str, float]]:
    """Memory after each stage, as `vgae fit` goes through them."""
    found: dict[str, dict[str, float]] = {}

    def note(name: str) -> None:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        kept = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if "kB" in line}
        found[name] = {"own": kept["RssAnon"], "now": kept["VmRSS"], "peak": kept["VmHWM"]}

    import torch  # noqa: F401

    note("import torch")
    from vgae.people.cli import _spare_memory

    _spare_memory()
    from vgae.data.io import read_graph
    from vgae.data.split import split_edges
    from vgae.learning.store import save_fitted, staged_run
    from vgae.people.api import make_model

    note("imports")
    model = make_model("vgae", steps=STEPS)
    graph = read_graph(edges)
    note("reading the edges")
    graph = read_graph(edges, features=features)
    note("reading the features")
    split = split_edges(graph, seed=0)
    note("splitting")
    model.fit(split, callbacks=lambda record: note("first step") if record.step == 1 else None)
    note("training and scoring")
    with staged_run(edges.with_name("run"), overwrite=True) as staged:
        save_fitted(model.fitted_, staged)
    note("saving")
    return found


def peak_of_command(edges: Path, features: Path) -> tuple[float, float]:
    """Peak megabytes and seconds of the whole command."""
    script = Path(sys.executable).with_name("vgae")
    command = [str(script), "fit", str(edges), "--features", str(features), "--steps", str(STEPS)]
    command += ["--out", str(edges.with_name("run")), "--overwrite", "--quiet"]
    measuring = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
        "stdout=sys.stderr); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    started = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, "-c", measuring, *command], stdout=subprocess.PIPE, text=True, check=True
    )
    return float(answer.stdout), time.perf_counter() - started


if __name__ == "__main__":
    main()
