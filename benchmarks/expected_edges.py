"""The expected number of edges over the true one, on ten graphs and several likelihoods.

    python benchmarks/expected_edges.py [--graphs karate,cora] [--steps 200]

Each model is fitted to all edges with the plain objective (`elbo`) and an offset, and the sum of
its probabilities over all pairs is divided by the number of edges. Graphs that are not here are
skipped, and said to be.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import vgae
from vgae.data.graph import Graph

NAMED = ("karate", "lesmis", "digits", "cora", "citeseer", "pubmed")
FILES = {
    name: Path("attributed") / f"{name}.npz" for name in ("cora_ml", "dblp", "amazon_photo")
} | {"email-enron": Path("large") / "email-enron.npz"}
MODELS: dict[str, dict[str, Any]] = {
    "bernoulli, offset constant": {"offset": "constant"},
    "bernoulli, offset node": {"offset": "node"},
    "bernoulli-poisson, relu": {"likelihood": "bernoulli-poisson"},
    "bernoulli-poisson, exp": {"likelihood": "bernoulli-poisson", "rate_link": "exp"},
}


def graphs(wanted: list[str]) -> Iterator[tuple[str, Graph]]:
    """The graphs that are here."""
    for name in wanted:
        try:
            yield name, vgae.load_dataset(name) if name in NAMED else _from_file(name)
        except (vgae.InputError, KeyError) as error:
            print(f"{name}: skipped ({error})", flush=True)


def _from_file(name: str) -> Graph:
    path = Path(os.environ["VGAE_DATA"]) / FILES[name]
    with np.load(path, allow_pickle=False) as archive:
        if "src" in archive:
            edges = np.stack([archive["src"], archive["dst"]], axis=1)
            return Graph.from_edges(edges, n_nodes=int(archive["n"]))
    return vgae.read_graph(path)


def main() -> None:
    """Print a row per graph and model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graphs", default=",".join((*NAMED, *FILES)))
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    print("graph\tmodel\tlikelihood\texpected / true edges\tseconds", flush=True)
    for name, graph in graphs(options.graphs.split(",")):
        for words, settings in MODELS.items():
            for kind in (vgae.GAE, vgae.VGAE):
                started = time.perf_counter()
                model = kind(class_weight="none", features="unit", steps=options.steps, **settings)
                model.fit(graph)
                ratio = model.expected_edges_ / graph.n_edges
                spent = time.perf_counter() - started
                print(f"{name}\t{kind.__name__}\t{words}\t{ratio:.3f}\t{spent:.1f}", flush=True)


if __name__ == "__main__":
    main()
