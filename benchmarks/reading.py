"""Reading ten million edges, compared with NetworkX and pandas, in one run.

    python benchmarks/reading.py [--graph PATH] [--only vgae,pandas]

The graph, arrays src and dst of an .npz file (by default git-dag of $VGAE_DATA/large: 12.8 million
edges), is written out as CSV twice, once with its integers as ids and once with ids like n0000123.
Each reader then reads each file in a process of its own; its imports are not counted in the time,
and are in the peak of memory. What each makes: vgae a `Graph` (ids sorted, rows merged and counted,
CSR), NetworkX a `DiGraph`, pandas two columns of integer codes and the array of ids, without
merging anything.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import peak_megabytes

BARS = {"strings": (20.0, 3000.0), "integers": (10.0, None)}
"""Most seconds and megabytes that reading git-dag may take."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(os.environ.get("VGAE_DATA", "")) / "large" / "git-dag.npz"
    parser.add_argument("--graph", type=Path, default=default)
    parser.add_argument("--only", default=",".join(READERS))
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measured(*options.measure)))
        return
    if not options.graph.is_file():
        print(f"skipped: {options.graph} is not there; name a graph with --graph")
        return
    with tempfile.TemporaryDirectory() as folder:
        n_edges = write_files(options.graph, Path(folder))
        print(f"{options.graph.name}: {n_edges:,} edges, {os.cpu_count()} cores\n")
        print("| ids | reader | seconds | peak memory | vgae is faster by | bar |")
        print("|---|---|---|---|---|---|")
        for ids in BARS:
            ours = None
            for reader in options.only.split(","):
                found = run(reader, Path(folder) / f"{ids}.csv")
                ours = ours or found["seconds"]
                print(row(ids, reader, found, ours), flush=True)


def row(ids: str, reader: str, found: dict[str, float], ours: float) -> str:
    bar = "-"
    if reader == "vgae":
        seconds, megabytes = BARS[ids]
        met = found["seconds"] <= seconds and found["peak_mb"] <= (megabytes or float("inf"))
        bar = f"<= {seconds:g} s" + (f", <= {megabytes / 1000:g} GB" if megabytes else "")
        bar += ": met" if met else ": missed"
    taken, peak = f"{found['seconds']:.1f}", f"{found['peak_mb'] / 1000:.2f} GB"
    return f"| {ids} | {reader} | {taken} | {peak} | {found['seconds'] / ours:.1f} | {bar} |"


def write_files(graph: Path, folder: Path) -> int:
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv

    with np.load(graph, allow_pickle=False) as archive:
        source, target = archive["src"], archive["dst"]
    plain = pa.csv.WriteOptions(quoting_style="none", quoting_header="none")
    columns = {"source": source, "target": target}
    pa.csv.write_csv(pa.table(columns), folder / "integers.csv", plain)
    names = pa.array([f"n{node:07}" for node in range(int(max(source.max(), target.max())) + 1)])
    texts = {name: names.take(pa.array(ends)) for name, ends in columns.items()}
    pa.csv.write_csv(pa.table(texts), folder / "strings.csv", plain)
    return len(source)


def run(reader: str, path: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", reader, str(path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(answer.stdout)
    return found


def measured(reader: str, path: str) -> dict[str, float]:
    read = READERS[reader]()
    started = time.perf_counter()
    kept = read(path)
    seconds = time.perf_counter() - started
    assert kept is not None
    return {"seconds": seconds, "peak_mb": peak_megabytes()}


def ours() -> Callable[[str], Any]:
    from vgae.data.io import read_graph

    return read_graph


def pandas_factorize() -> Callable[[str], Any]:
    import numpy as np
    import pandas

    def read(path: str) -> Any:
        frame = pandas.read_csv(path)
        both = np.concatenate([frame["source"].to_numpy(), frame["target"].to_numpy()])
        return pandas.factorize(both, sort=True)

    return read


def networkx_edge_list() -> Callable[[str], Any]:
    import networkx

    def read(path: str) -> Any:
        with open(path, "rb") as handle:
            next(handle)  # the header
            kind = int if "integers" in path else str
            return networkx.read_edgelist(
                handle, delimiter=",", nodetype=kind, data=False, create_using=networkx.DiGraph
            )

    return read


READERS = {"vgae": ours, "pandas": pandas_factorize, "networkx": networkx_edge_list}

if __name__ == "__main__":
    main()
