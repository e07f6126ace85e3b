"""Graphs and splits of other libraries in, and graphs for other libraries out.

No library is imported to find out what an object is: the names of its classes tell. A new kind of
object is a reader, added to `READERS`, and a function `to_...`; tests/interop runs over both.
"""

from vgae.interop.exports import (
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
from vgae.interop.graphs import as_edge_pairs, as_graph, as_pairs, from_networkx
from vgae.interop.splits import as_split, as_training_split, as_training_view

__all__ = [
    "as_edge_pairs",
    "as_graph",
    "as_pairs",
    "as_split",
    "as_training_split",
    "as_training_view",
    "from_networkx",
    "to_anndata",
    "to_arrow",
    "to_dgl",
    "to_igraph",
    "to_networkx",
    "to_pandas",
    "to_polars",
    "to_pyg",
    "to_scipy",
]
