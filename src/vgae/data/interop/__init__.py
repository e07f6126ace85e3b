"""Graphs and splits of other libraries in, and graphs for other libraries out.

No library is imported to detect the kind of an object: the names of its classes tell. A new kind
of object is a reader, added to `READERS` or `FRAMES`, and a function `to_...`; tests/data/interop
runs over both.
"""

from vgae.data.interop.exports import (
    to_anndata,
    to_arrow,
    to_dgl,
    to_igraph,
    to_networkx,
    to_pandas,
    to_polars,
    to_pyg,
    to_scipy,
)
from vgae.data.interop.graphs import as_graph, from_networkx, is_link_split
from vgae.data.interop.nodes import later_features, with_later_features
from vgae.data.interop.pairs import as_edge_pairs, as_links, as_pairs
from vgae.data.interop.splits import as_split, as_training_split, as_training_view

__all__ = [
    "as_edge_pairs",
    "as_graph",
    "as_links",
    "as_pairs",
    "as_split",
    "as_training_split",
    "as_training_view",
    "from_networkx",
    "is_link_split",
    "later_features",
    "to_anndata",
    "to_arrow",
    "to_dgl",
    "to_igraph",
    "to_networkx",
    "to_pandas",
    "to_polars",
    "to_pyg",
    "to_scipy",
    "with_later_features",
]
