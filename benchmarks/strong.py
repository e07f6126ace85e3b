"""The preset strong against every simple method, on the same fresh splits.

    VGAE_DATA=... python benchmarks/strong.py [--graphs cora,citeseer,...] [--runs 10] [--first 100]

Protocol T, 85/5/10, splits of seeds 100 to 109. A graph with the ending -links is used without its
features. Prints a Markdown table per graph: mean and standard error in percent, and the seconds of
a fit. MRR is that of the test edges among the negatives of the split; mrr_open ranks each end of a
test edge among all nodes that are not known partners of the other.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

import vgae
from vgae.data.graph import Graph
from vgae.learning.judge import link_scores
from vgae.learning.baselines import BASELINES, baseline
from vgae.learning.metrics import mean_reciprocal_rank_open

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


def graph_of(name: str) -> Graph:
    """A graph by name, from vgae's data sets or the folder of real graphs."""
    plain = name.removesuffix("-links")
    folder = Path(os.environ.get("VGAE_DATA", ""))
    for path in (folder / "large" / f"{plain}.npz", folder / "attributed" / f"{plain}.npz"):
        if not path.exists():
            continue
        with np.load(path, allow_pickle=False) as found:
            if "src" in found:
                pairs = np.stack([found["src"], found["dst"]], axis=1)
                return Graph.from_edges(pairs, n_nodes=int(found["n"]))
            sources = np.repeat(np.arange(len(found["adj_indptr"]) - 1), np.diff(found["adj_indptr"]))
            pairs = np.stack([sources, found["adj_indices"]], axis=1)
            attributes = sparse.csr_array(
                (found["attr_data"].astype(np.float32), found["attr_indices"], found["attr_indptr"]),
                shape=tuple(found["attr_shape"]),
            )
            return Graph.from_edges(pairs, n_nodes=int(found["adj_shape"][0]), features=attributes)
    graph = vgae.load_dataset(plain)
    if name.endswith("-links"):
        graph = Graph.from_edges(graph.edges, n_nodes=graph.n_nodes)
    return graph


