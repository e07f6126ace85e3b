"""Splits of a graph into training and held-out parts, leak-proof by construction.

`values` holds what a split is made of and checks it, `drawing` holds edges out, `nodes` splits
labelled nodes, `archive` saves and loads splits.
"""

from vgae.data.split.archive import load_split, load_split_edges, save_split
from vgae.data.split.drawing import sample_non_edges, split_edges
from vgae.data.split.node_splits import NodeSplit, labelled_nodes, node_split
from vgae.data.split.values import (
    PAPER_SPLIT,
    HeldOut,
    Pairs,
    Protocol,
    Split,
    SplitSettings,
    TrainingView,
)

__all__ = [
    "PAPER_SPLIT",
    "HeldOut",
    "NodeSplit",
    "Pairs",
    "Protocol",
    "Split",
    "SplitSettings",
    "TrainingView",
    "labelled_nodes",
    "load_split",
    "load_split_edges",
    "node_split",
    "sample_non_edges",
    "save_split",
    "split_edges",
]
