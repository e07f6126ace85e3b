"""Foreign objects in, graphs out."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from scipy import sparse

from vgae.errors import InputError
from vgae.graph import Graph
from vgae.ids import as_ids

__all__ = ["as_graph", "from_networkx"]

logger = logging.getLogger(__name__)


def from_networkx(graph: Any, *, weight: str = "weight", directed: bool = False) -> Graph:
    """Graph from a NetworkX graph; nodes keep their order.

    Parameters
    ----------
    graph
        Any NetworkX graph; its nodes are all strings or all integers. Parallel edges are merged
        and their weights added; a directed graph is read as undirected unless `directed`.
    weight
        Edge attribute with the weight; edges without it have weight 1.
    directed
        Whether an edge has a direction.

    Raises
    ------
    InputError
        Nodes are of other types, or a weight is not a positive finite number.

    Examples
    --------
    >>> import networkx
    >>> from_networkx(networkx.path_graph(3))
    Graph(3 nodes, 2 edges, no features)
    """
    nodes = list(graph.nodes)
    try:
        ids = as_ids(nodes)
    except InputError as error:
        raise InputError(f"{error}; see networkx.relabel_nodes") from error
    position = {node: index for index, node in enumerate(nodes)}
    rows = [(position[a], position[b], value) for a, b, value in graph.edges(data=weight)]
    weights = [1.0 if value is None else value for _, _, value in rows]
    return Graph.from_edges(
        np.array([(a, b) for a, b, _ in rows], dtype=np.int64),
        ids=ids,
        weights=None if all(value is None for _, _, value in rows) else weights,
        directed=directed,
    )


def as_graph(data: Any) -> Graph:
    """A graph from whatever holds one: Graph, SciPy sparse, NetworkX, or pairs of node ids.

    What was dropped or merged is said through the `vgae` logger and kept in `graph.cleaning`.

    Raises
    ------
    InputError
        The object is none of these.

    Examples
    --------
    >>> as_graph([("a", "b")]).n_edges
    1
    """
    if isinstance(data, Graph):
        return data
    if sparse.issparse(data):
        graph = Graph.from_scipy(data)
    elif hasattr(data, "nodes") and hasattr(data, "edges"):
        graph = from_networkx(data)
    elif isinstance(data, (np.ndarray, list)):
        graph = Graph.from_pairs(data)
    else:
        raise InputError(
            f"cannot make a graph of {type(data).__name__}; give a Graph, a SciPy sparse matrix, a "
            "NetworkX graph or a list of node pairs (files: vgae.read_graph)"
        )
    if graph.cleaning:
        logger.warning("%s: %s", type(data).__name__, graph.cleaning)
    return graph


def to_networkx(graph: Graph) -> Any:
    import networkx

    made = networkx.DiGraph() if graph.directed else networkx.Graph()
    ids = graph.ids.tolist()
    made.add_nodes_from(ids)
    pairs = [(ids[a], ids[b]) for a, b in graph.edges.tolist()]
    if graph.weights is None:
        made.add_edges_from(pairs)
    else:
        made.add_weighted_edges_from((*p, w) for p, w in zip(pairs, graph.weights.tolist()))
    return made
