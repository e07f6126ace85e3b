"""The preset strong against every simple method, on the same fresh splits.

    VGAE_DATA=... python benchmarks/strong.py [--graphs cora,citeseer,...] [--runs 10] [--first 100]

Protocol T, 85/5/10 if not said, splits of seeds 100 to 109. A graph with the ending -links is used
without its features. Prints a Markdown table per graph: mean and standard error in percent, and the
seconds of a fit. MRR is that of the test edges among the negatives of the split; mrr_open ranks
each end of a test edge among all nodes that are not known partners of the other. auc_within is the
AUC of the test pairs, with and without an edge, whose nodes are in one component of the training
graph, and auc_across that of the others: these join two components, or concern a node without
links.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

import vgae
from vgae.data.graph import Graph
from vgae.data.split import Split, split_edges
from vgae.learning.baselines import baseline
from vgae.learning.judge import link_scores
from vgae.learning.metrics import link_metrics
from vgae.learning.scores import Scores

METRICS = ("auc", "average_precision", "hits@100", "auc_degree", "ece")
RIVALS = (
    "resource-allocation",
    "degree",
    "als",
    "gsvd",
    "random-projection",
    "propagated-features",
)
GRAPHS = (
    "cora,citeseer,cora-links,pubmed-links,dblp,amazon_photo,coauthor_cs,email-enron,ego-twitter"
)
ONE_SPLIT = ("email-enron", "ego-twitter")


def graph_of(name: str, *, directed: bool = False) -> Graph:
    """A graph by name, from vgae's data sets or the folder of real graphs."""
    plain = name.removesuffix("-links")
    folder = Path(os.environ.get("VGAE_DATA", ""))
    for path in (folder / part / f"{plain}.npz" for part in ("large", "attributed", "directed")):
        if not path.exists():
            continue
        with np.load(path, allow_pickle=False) as found:
            if "src" in found:
                pairs = np.stack([found["src"], found["dst"]], axis=1)
                return Graph.from_edges(pairs, n_nodes=int(found["n"]), directed=directed)
            sources = np.repeat(
                np.arange(len(found["adj_indptr"]) - 1), np.diff(found["adj_indptr"])
            )
            pairs = np.stack([sources, found["adj_indices"]], axis=1)
            parts = [found[f"attr_{part}"] for part in ("data", "indices", "indptr")]
            features = None
            if not name.endswith("-links"):
                parts[0] = parts[0].astype(np.float32)
                features = sparse.csr_array(tuple(parts), shape=tuple(found["attr_shape"]))
            n_nodes = int(found["adj_shape"][0])
            return Graph.from_edges(pairs, n_nodes=n_nodes, features=features, directed=directed)
    graph = vgae.load_dataset(plain)
    if name.endswith("-links"):
        graph = Graph.from_edges(graph.edges, n_nodes=graph.n_nodes)
    return graph


def mrr_open(split: Split, scores: Scores, *, most: int = 1000) -> float:
    """Mean reciprocal rank of the ends of test edges among all open nodes, others filtered.

    With more test edges than `most`, that many of them are ranked.
    """
    whole, edges = split.graph.adjacency, split.test.positives
    chosen = np.random.default_rng(0).permutation(len(edges))[:most]
    ranks, ends = [], np.concatenate([edges[chosen], edges[chosen][:, ::-1]])
    for first in range(0, len(ends), 64):
        block = ends[first : first + 64]
        for pair, found in zip(block, scores.rows(block[:, 0]).astype(np.float64), strict=True):
            own = found[pair[1]]
            found[whole.indices[whole.indptr[pair[0]] : whole.indptr[pair[0] + 1]]] = -np.inf
            found[pair[0]] = -np.inf
            ranks.append(1.0 + (found > own).sum() + 0.5 * (found == own).sum())
    return float(np.mean(1.0 / np.array(ranks)))


def auc_of_components(split: Split, scores: Scores) -> dict[str, float | None]:
    """AUC of the test pairs within components of the training graph, and of those across."""
    component = sparse.csgraph.connected_components(split.train.adjacency, directed=False)[1]
    pairs = (split.test.positives, split.test.negatives)
    within = [component[part[:, 0]] == component[part[:, 1]] for part in pairs]
    found: dict[str, float | None] = {}
    for name, sides in (("auc_within", within), ("auc_across", [~one for one in within])):
        chosen = [part[side] for part, side in zip(pairs, sides, strict=True)]
        found[name] = None
        if all(len(part) for part in chosen):
            found[name] = link_metrics(*(scores.pairs(part) for part in chosen))["auc"]
    return found


def methods_of(graph: Graph, chosen: list[str]) -> dict[str, Any]:
    """From a split to scores, by name."""

    def preset(name: str, split: Split, seed: int) -> Scores:
        model = vgae.GAE.from_preset(name, seed=seed).fit(split.training)
        return model.fitted_.scores

    rivals = [name for name in RIVALS if graph.features is not None or name != RIVALS[-1]]
    found: dict[str, Any] = {name: partial(preset, name) for name in ("strong", "fast")}
    for name in rivals:
        found[name] = lambda split, seed, name=name: baseline(name).fit(split.training, seed=seed)
    return {name: method for name, method in found.items() if not chosen or name in chosen}


def cell(values: Iterable[float | None], *, sign: str = "") -> str:
    """Mean and standard error in percent; `sign` is "+" for differences."""
    found: NDArray[np.float64] = 100 * np.array([v for v in values if v is not None])
    if not len(found):
        return "-"
    error = found.std(ddof=1) / np.sqrt(len(found)) if len(found) > 1 else 0.0
    return f"{found.mean():{sign}.2f} ± {error:.2f}"


def main() -> None:
    """Print a table per graph."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graphs", default=GRAPHS)
    parser.add_argument("--methods", default="")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--validation", type=float, default=0.05)
    parser.add_argument("--test", type=float, default=0.1)
    parser.add_argument("--protocol", choices=("T", "TV"), default="T")
    options = parser.parse_args()
    for name in options.graphs.split(","):
        graph = graph_of(name)
        runs = 1 if name in ONE_SPLIT else options.runs
        rows: dict[str, list[dict[str, float | None]]] = {}
        for seed in range(options.first, options.first + runs):
            split = split_edges(
                graph,
                seed=seed,
                validation=options.validation,
                test=options.test,
                protocol=options.protocol,
            )
            for label, method in methods_of(
                graph, list(filter(None, options.methods.split(",")))
            ).items():
                started = time.perf_counter()
                scores = method(split, seed)
                seconds = time.perf_counter() - started
                row = link_scores(split, scores, METRICS) | auc_of_components(split, scores)
                row["mrr_open"] = mrr_open(split, scores)
                rows.setdefault(label, []).append(row | {"seconds": seconds / 100})
                shown = " ".join(
                    f"{key} {100 * value:.2f}"
                    for key, value in rows[label][-1].items()
                    if value is not None
                )
                print(f"# {name} {seed} {label}: {shown}", flush=True)
        print(f"\n{name}: {graph}, {runs} splits\n")
        columns = [*METRICS, "auc_within", "auc_across", "mrr_open", "seconds"]
        print(f"| method | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
        for label, found in rows.items():
            print(
                f"| {label} | {' | '.join(cell([row[key] for row in found]) for key in columns)} |"
            )
        print(flush=True)


if __name__ == "__main__":
    main()
