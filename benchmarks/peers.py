"""Methods of other libraries and of this one on the same splits: seconds, memory and scores.

    python benchmarks/peers.py [--quick] [--graphs NAMES] [--methods NAMES] [--limit SECONDS]

Every method learns from the training edges of one split (protocol T, 85/5/10, seed 100) in a
process of its own, one after the other, with the defaults of its library and 128 dimensions where
it has any. Seconds are those of learning, after a small graph for which libraries are
loaded and compiled; memory is the peak of the whole process. Test edges are scored by inner
products of the embedding, by one program for all.
What cannot be installed or takes too long is said in its line.

Writes the figures as JSON and a plot next to it, and prints a Markdown table of them and of those
that an earlier run wrote there. The libraries come with the extra `peers`. Real graphs are read
from VGAE_DATA, and skipped without it.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presentation import table

if TYPE_CHECKING:
    from vgae.data.graph import Graph
    from vgae.data.split import TrainingView

RESULTS = Path(__file__).with_name("results") / "peers.json"
SEED, DIM, LIMIT = 100, 128, 300.0
LEARNING, WALKS, WALK_LENGTH = 240.0, 10, 80
"""Seconds that DeepWalk learns at most; walks from each node, which are fewer if time runs out."""
METRICS = ("auc", "average_precision", "mrr")
REAL = {"ego-twitter": "large/ego-twitter.npz"}
GENERATED = {
    "generated": (20_000, 200_000, 64),
    "generated-million": (10**6, 10**7, 64),
    "generated-small": (300, 1500, 8),
}
"""Nodes, edges and features of generated graphs."""
GRAPHS = ("cora", "dblp", "ego-twitter", "generated")

Found = dict[str, Any]


# --------------------------------------------------------------------- methods


def of_ours(name: str) -> Callable[[TrainingView, int], Any]:
    """A baseline of this library by name, or one of its presets."""

    def learn(view: TrainingView, seed: int) -> Any:
        from vgae.learning.baselines import BASELINES, baseline
        from vgae.people.api import make_model

        if name in BASELINES:
            return baseline(name).fit(view, seed=seed)
        return make_model("gae", preset=name, seed=seed).fit(view).scores()

    return learn


def implicit_als(view: TrainingView, seed: int) -> Any:
    """Alternating least squares of the library implicit."""
    library = importlib.import_module("implicit.als")
    import numpy as np

    from vgae.learning.scores import FactorScores

    model = library.AlternatingLeastSquares(factors=DIM, random_state=seed)
    model.fit(_matrix(view), show_progress=False)
    # A node is a user and an item: the score of a pair is that of both directions together.
    users, items = model.user_factors, model.item_factors
    return FactorScores(np.hstack([users, items]), np.hstack([items, users]))


def random_projection(view: TrainingView, seed: int) -> Any:
    """Random projection of scikit-network."""
    library = importlib.import_module("sknetwork.embedding")
    return library.RandomProjection(DIM, random_state=seed).fit_transform(_matrix(view))


def spectral(view: TrainingView, seed: int) -> Any:  # noqa: ARG001 - it has no seed
    """Spectral embedding of scikit-network."""
    library = importlib.import_module("sknetwork.embedding")
    return library.Spectral(DIM).fit_transform(_matrix(view))


def node2vec(view: TrainingView, seed: int) -> Any:
    """Node2vec of fastnode2vec: ten walks of 80 from each node, a window of ten."""
    import numpy as np

    library = importlib.import_module("fastnode2vec")
    graph = library.Graph(view.train.edges.tolist(), directed=False, weighted=False, verbose=False)
    model = library.Node2Vec(graph, DIM, walk_length=80, window=10, workers=2, seed=seed)
    model.train(epochs=10, verbose=False)
    found = np.zeros((view.train.n_nodes, DIM), np.float32)
    for node, place in model.wv.key_to_index.items():
        found[int(node)] = model.wv.vectors[place]
    return found


def deepwalk(view: TrainingView, seed: int) -> Any:
    """DeepWalk: skip-gram of gensim, two threads, on as many walks as `LEARNING` seconds allow."""
    import numpy as np

    library = importlib.import_module("gensim.models")
    from vgae.learning.baselines.walks import random_walks

    train, random = view.train, np.random.default_rng(seed)
    starts = random.permutation(np.repeat(np.flatnonzero(train.degrees), WALKS))
    model = library.Word2Vec(
        vector_size=DIM, window=10, sg=1, negative=5, min_count=0, sample=0, workers=2, seed=seed
    )
    model.build_vocab_from_freq({str(node): int(n) for node, n in enumerate(train.degrees) if n})

    def learn(chosen: Any) -> float:
        started = time.perf_counter()
        walks = random_walks(train, chosen, length=WALK_LENGTH, seed=seed)
        words = [[str(node) for node in walk] for walk in walks.tolist()]
        model.train(words, total_words=walks.size, epochs=1)
        return time.perf_counter() - started

    first = starts[: max(1, len(starts) // 1000)]
    pace = len(first) / learn(first)
    learn(starts[len(first) : len(first) + int(LEARNING * pace)])
    found = np.zeros((train.n_nodes, DIM), np.float32)
    found[[int(word) for word in model.wv.index_to_key]] = model.wv.vectors
    return found


def cleora(view: TrainingView, seed: int) -> Any:
    """Cleora of pycleora, with its defaults."""
    import numpy as np

    library = importlib.import_module("pycleora")
    lines = (f"{source} {target}" for source, target in view.train.edges.tolist())
    graph = library.SparseMatrix.from_iterator(lines, "complex::reflexive::node")
    vectors = library.embed(graph, feature_dim=DIM, seed=seed)
    found = np.zeros((view.train.n_nodes, vectors.shape[1]), np.float32)
    found[[int(node) for node in graph.entity_ids]] = vectors
    return found


def pyg(view: TrainingView, seed: int) -> Any:
    """The documented VGAE of PyTorch Geometric, 200 full-batch epochs with sampled negatives."""
    library = importlib.import_module("torch_geometric.nn")
    import cases
    import numpy as np
    import torch
    from pyg import Encoder, features_of

    if view.train.features is None:
        raise cases.MissingError("its example needs node features")
    torch.manual_seed(seed)
    features = features_of(cases.Case(view.train.edges, view.train.features), keep_sparse=True)
    positives = torch.from_numpy(np.ascontiguousarray(view.train.edges.T))
    edges = torch.cat([positives, positives.flip(0)], dim=1)
    model = library.VGAE(Encoder(library.GCNConv, features.shape[1], cached=True))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(200):
        optimizer.zero_grad()
        vectors = model.encode(features, edges)
        loss = model.recon_loss(vectors, positives) + model.kl_loss() / view.train.n_nodes
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        return model.encode(features, edges).numpy()


def _matrix(view: TrainingView) -> Any:
    from scipy import sparse

    return sparse.csr_matrix(view.train.adjacency, copy=True)  # some libraries write to it


METHODS: dict[str, tuple[str, Callable[[TrainingView, int], Any]]] = {
    "fast": ("vgae", of_ours("fast")),
    "strong": ("vgae", of_ours("strong")),
    "als": ("vgae", of_ours("als")),
    "resource-allocation": ("vgae", of_ours("resource-allocation")),
    "ALS": ("implicit", implicit_als),
    "RandomProjection": ("scikit-network", random_projection),
    "Spectral": ("scikit-network", spectral),
    "DeepWalk": ("gensim", deepwalk),
    "Node2Vec": ("fastnode2vec", node2vec),
    "Cleora": ("pycleora", cleora),
    "VGAE": ("torch-geometric", pyg),
}
NOT_INSTALLED = {"grape": "pip did not finish installing it in two minutes"}
"""Libraries that are left out, and why."""


# ------------------------------------------------------------------ measuring


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one small graph")
    parser.add_argument("--graphs", help="names, separated by commas")
    parser.add_argument("--methods", help="names, separated by commas")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds of a method")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--case", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(case(*options.case)))
        return
    names = ("generated-small",) if options.quick else GRAPHS
    names = names if options.graphs is None else tuple(options.graphs.split(","))
    methods = list(METHODS) if options.methods is None else options.methods.split(",")
    rows = []
    for name in names:
        for method in methods:
            row = {"graph": name, "method": method, "library": METHODS[method][0]}
            row |= measured(name, method, options.limit)
            print(row, file=sys.stderr, flush=True)
            rows.append(row)
    rows = merged(options.out, rows)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(rows, indent=1) + "\n")
    print(report(rows))
    print(f"\n{plot(rows, options.out.with_suffix('.svg'))}")


def merged(path: Path, rows: list[Found]) -> list[Found]:
    """The rows of a file, those that were measured again replaced, in the order of the tables."""
    known = json.loads(path.read_text()) if path.is_file() else []
    found = {(row["graph"], row["method"]): row for row in [*known, *rows]}
    places = {name: place for place, name in enumerate([*GRAPHS, *GENERATED])}
    order = list(METHODS)
    return sorted(found.values(), key=lambda r: (places[r["graph"]], order.index(r["method"])))


def measured(name: str, method: str, limit: float) -> Found:
    """One method on one graph, in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, "--case", name, method]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"skipped": f"stopped after {limit:g} s"}
    if answer.returncode:
        last = (answer.stderr.strip().splitlines() or ["no message"])[-1]
        return {"skipped": f"failed: {last[:80]}"}
    found: Found = json.loads(answer.stdout.splitlines()[-1])
    return found


def case(name: str, method: str) -> Found:
    """Learn, score the test pairs, and tell seconds and memory."""
    import cases

    from vgae.data.split import split_edges
    from vgae.learning.judge import link_scores
    from vgae.learning.scores import as_scores
    from vgae.model.kernels.first_use import compile_once

    try:
        graph = graph_of(name)
        split = split_edges(graph, seed=SEED)
        compile_once()
        METHODS[method][1](split_edges(graph_of("generated-small"), seed=SEED).training, SEED)
        started = time.perf_counter()
        learned = METHODS[method][1](split.training, SEED)
        seconds = time.perf_counter() - started
    except (cases.MissingError, ImportError) as reason:
        return {"skipped": f"not measured: {reason}"}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    scores = as_scores(learned, graph.n_nodes)
    metrics = link_scores(split, scores, METRICS)
    return {
        "nodes": graph.n_nodes,
        "edges": graph.n_edges,
        "seconds": seconds,
        "bytes": peak,
        **{metric: metrics[metric] for metric in METRICS},
    }


def graph_of(name: str) -> Graph:
    """A graph by name.

    Raises
    ------
    cases.MissingError
        Its file is not there.
    """
    import cases

    import vgae
    from vgae.data.generator import generate_graph
    from vgae.data.graph import Graph

    if name in GENERATED:
        n_nodes, n_edges, n_features = GENERATED[name]
        return generate_graph(n_nodes, n_edges, n_features=n_features)
    if name in REAL:
        path = Path(os.environ.get("VGAE_DATA", "")) / REAL[name]
        if not path.is_file():
            raise cases.MissingError(f"VGAE_DATA has no {REAL[name]}")
        return vgae.read_graph(path)
    made = cases.make(name)
    return Graph.from_edges(made.edges, features=made.features)


# ------------------------------------------------------------------ presenting


def report(rows: list[Found]) -> str:
    """All figures as Markdown; scores in percent."""
    lines = []
    for row in rows:
        start = [row["graph"], row["method"], row["library"]]
        if "skipped" in row:
            lines.append([*start, row["skipped"], *["-"] * 4])
            continue
        scores = ("-" if row[key] is None else f"{100 * row[key]:.1f}" for key in METRICS)
        lines.append([*start, f"{row['seconds']:.3g}", f"{row['bytes'] / 1e6:,.0f}", *scores])
    header = ("graph", "method", "library", "seconds", "peak MB", "AUC", "AP", "MRR")
    missing = "; ".join(f"{library} ({why})" for library, why in NOT_INSTALLED.items())
    return f"{table(header, lines)}\n\nNot measured: {missing}."


def plot(rows: list[Found], path: Path) -> str:
    """Average precision over seconds, a panel a graph; says what became of it."""
    drawn = [row for row in rows if row.get("average_precision") is not None]
    if not drawn:
        return "no plot: nothing was measured"
    try:
        figures = importlib.import_module("matplotlib.figure")
    except ImportError:
        return "no plot: install the extra `peers` for matplotlib"
    names = list(dict.fromkeys(row["graph"] for row in drawn))
    across = min(2, len(names))
    down = -(-len(names) // across)
    figure = figures.Figure(figsize=(4.8 * across, 4.0 * down), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes in panels[len(names) :]:
        axes.remove()
    for axes, name in zip(panels, names, strict=False):
        for row in (row for row in drawn if row["graph"] == name):
            ours = row["library"] == "vgae"
            # Blue and orange of Okabe and Ito, with shapes of their own.
            color, shape = ("#0072B2", "o") if ours else ("#D55E00", "^")
            axes.plot(row["seconds"], 100 * row["average_precision"], shape, color=color)
            at = (row["seconds"], 100 * row["average_precision"])
            axes.annotate(row["method"], at, xytext=(4, 4), textcoords="offset points", size=7)
        axes.set(xscale="log", xlabel="seconds", ylabel="AP of test edges, %", title=name)
        axes.margins(x=0.25)
        axes.grid(visible=True, alpha=0.3)
    figure.savefig(path, metadata={"Date": None})
    return f"plot: {path.name} (circles: vgae; triangles: other libraries)"


if __name__ == "__main__":
    main()
