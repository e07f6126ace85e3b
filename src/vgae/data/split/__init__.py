"""Splits of a graph into training and held-out parts, leak-proof by construction.

`settings` says how edges are held out, `negatives` draws pairs without an edge, `held_out` holds a
part, `given` reads the parts that people bring, `values` holds a split and checks it, `drawing`
draws one, `arc_tasks` asks for directions, `node_splits` splits labelled nodes, `archive` saves and
loads splits.
"""

from vgae.data.split.arc_tasks import ARC_TASKS, ArcTask, arc_task_pairs
from vgae.data.split.archive import load_split, load_split_edges, save_split
from vgae.data.split.drawing import between_types, other_negatives, split_edges
from vgae.data.split.given import POSITIVE, GivenPairs, held_out_parts
from vgae.data.split.held_out import HeldOut
from vgae.data.split.negatives import (
    DRAWN,
    Pairs,
    count_non_edges,
    sample_non_edges,
    sample_non_neighbors,
)
from vgae.data.split.node_splits import NodeSplit, node_split
from vgae.data.split.settings import PAPER_SPLIT, Negatives, Protocol, SplitSettings
from vgae.data.split.values import Split, TrainingView

__all__ = [
    "ARC_TASKS",
    "DRAWN",
    "PAPER_SPLIT",
    "POSITIVE",
    "ArcTask",
    "GivenPairs",
    "HeldOut",
    "Negatives",
    "NodeSplit",
    "Pairs",
    "Protocol",
    "Split",
    "SplitSettings",
    "TrainingView",
    "arc_task_pairs",
    "between_types",
    "count_non_edges",
    "held_out_parts",
    "load_split",
    "load_split_edges",
    "node_split",
    "other_negatives",
    "sample_non_edges",
    "sample_non_neighbors",
    "save_split",
    "split_edges",
]
