"""`Graph` -> objects of other libraries, which are imported only here."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.graph import FloatCSR, Graph, count
from vgae.ground.notebook import library

__all__ = [
    "edge_columns",
    "say_left_out",
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

logger = logging.getLogger(__name__)


def to_scipy(graph: Graph) -> FloatCSR:
    """A copy of the adjacency, a SciPy CSR array of shape (n_nodes, n_nodes), float32.

    Entries are edge weights, 1 in an unweighted graph. Ids, features and labels are left out. Of a
    bipartite graph it is the part from the nodes of the first type to those of the second, shape
    (n_left, n_right), which `Graph.from_scipy` with kind="bipartite" reads back.

    Examples
    --------
    >>> to_scipy(Graph.from_pairs([("a", "b")])).toarray().tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    if graph.kind == "bipartite":
        left, right = (np.flatnonzero(graph.node_types == side) for side in (0, 1))
        return sparse.csr_array(graph.adjacency[left][:, right])
    return graph.adjacency.copy()


def to_networkx(graph: Graph) -> Any:
    """A NetworkX `Graph`, or `DiGraph`, with node ids and edge attribute "weight" if weighted.

    Nodes of a bipartite graph have the attribute "bipartite", 0 or 1, as NetworkX's functions for
    such graphs expect; nodes with types have the attribute "type". Edges with times have the
    attribute "time". Features and labels are left out.

    Raises
    ------
    InputError
        NetworkX is not installed.

    Examples
    --------
    >>> sorted(to_networkx(Graph.from_pairs([("a", "b"), ("b", "c")])).edges)
    [('a', 'b'), ('b', 'c')]
    """
    networkx = library("networkx")
    say_left_out(graph, "NetworkX", "features", "labels")
    made = networkx.DiGraph() if graph.directed else networkx.Graph()
    names = graph.ids.tolist()
    made.add_nodes_from(names)
    if graph.node_types is not None:
        types = graph.node_types.tolist()
        attributes = {"type": [graph.type_names[kind] for kind in types]}
        if graph.kind == "bipartite":
            attributes["bipartite"] = types
        for attribute, values in attributes.items():
            networkx.set_node_attributes(made, dict(zip(names, values, strict=True)), attribute)
    columns = {name: column.tolist() for name, column in edge_columns(graph).items()}
    ends = list(zip(columns.pop("source"), columns.pop("target"), strict=True))
    made.add_edges_from(ends)
    for attribute, values in columns.items():
        networkx.set_edge_attributes(made, dict(zip(ends, values, strict=True)), attribute)
    return made


def to_igraph(graph: Graph) -> Any:
    """An igraph `Graph` with vertex attribute "name" (ids) and edge attribute "weight".

    Nodes of a bipartite graph have the attribute "type", False or True, as igraph's functions for
    such graphs expect. Ids that are the row numbers 0 .. n_nodes - 1 are igraph's own and become no
    names. Features and labels are left out.

    Raises
    ------
    InputError
        igraph is not installed.

    Examples
    --------
    >>> to_igraph(Graph.from_pairs([("a", "b"), ("b", "c")])).vs["name"]
    ['a', 'b', 'c']
    """
    igraph = library("igraph")
    say_left_out(graph, "igraph", "features", "labels")
    made = igraph.Graph(n=graph.n_nodes, edges=graph.edges.tolist(), directed=graph.directed)
    if not graph.ids_are_rows:
        made.vs["name"] = graph.ids.tolist()
    if graph.kind == "bipartite" and graph.node_types is not None:
        made.vs["type"] = graph.node_types.astype(bool).tolist()
    if graph.weights is not None:
        made.es["weight"] = graph.weights.tolist()
    return made


def to_arrow(graph: Graph) -> Any:
    """The edges as a PyArrow `Table`: source, target and, if weighted, weight.

    Ends are node ids; an undirected edge is one row. Nodes without edges, features and labels
    are left out.

    Examples
    --------
    >>> to_arrow(Graph.from_pairs([("a", "b"), ("b", "c")])).column("target").to_pylist()
    ['b', 'c']
    """
    import pyarrow as pa

    return pa.table(_edge_list(graph, "PyArrow"))


def to_pandas(graph: Graph) -> Any:
    """The edges as a pandas `DataFrame`; columns as in `to_arrow`.

    Raises
    ------
    InputError
        pandas is not installed.

    Examples
    --------
    >>> to_pandas(Graph.from_pairs([("a", "b"), ("b", "c")])).columns.tolist()
    ['source', 'target']
    """
    return library("pandas").DataFrame(_edge_list(graph, "pandas"))


def to_polars(graph: Graph) -> Any:
    """The edges as a Polars `DataFrame`; columns as in `to_arrow`.

    Raises
    ------
    InputError
        Polars is not installed.

    Examples
    --------
    >>> to_polars(Graph.from_pairs([("a", "b"), ("b", "c")])).columns
    ['source', 'target']
    """
    import pyarrow as pa

    return library("polars").from_arrow(pa.table(_edge_list(graph, "Polars")))


def to_pyg(graph: Graph) -> Any:
    """A PyTorch Geometric `Data` with everything that the graph holds.

    `edge_index` holds an undirected edge in both directions; `edge_weight` is there if the graph is
    weighted, `x` if it has features (a sparse COO tensor where they are sparse), `y` if it has
    labels. Ids are `node_ids`. Text ids and labels are lists, others are tensors. A bipartite graph
    becomes a `HeteroData` with both types of nodes and the edges from the first to the second;
    types of another graph are `node_type`, places in `type_names`.

    Raises
    ------
    InputError
        PyTorch Geometric is not installed.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # of libraries that PyTorch Geometric loads
    ...     print(to_pyg(Graph.from_pairs([("a", "b"), ("b", "c")])))
    Data(edge_index=[2, 4], num_nodes=3, node_ids=[3])
    """
    data = library("torch_geometric", "torch-geometric").data
    if graph.kind == "bipartite":
        return _two_sides(graph, data.HeteroData())
    import torch

    parts = _of_nodes(graph, np.arange(graph.n_nodes))
    parts["edge_index"] = torch.from_numpy(_arcs(graph))
    if graph.weights is not None:
        parts["edge_weight"] = torch.from_numpy(graph.adjacency.data.copy())
    if graph.node_types is not None:
        parts["node_type"] = torch.from_numpy(graph.node_types.copy())
        parts["type_names"] = list(graph.type_names)
    order = ("edge_index", "num_nodes", "node_ids")
    return data.Data(**{name: parts.pop(name) for name in order}, **parts)


def _two_sides(graph: Graph, made: Any) -> Any:
    """The two types of nodes of a bipartite graph, with the edges from the first to the second."""
    import torch

    edges = to_scipy(graph).tocoo()
    link = made[graph.type_names[0], "to", graph.type_names[1]]
    link.edge_index = torch.from_numpy(np.stack([edges.row, edges.col]).astype(np.int64))
    if graph.weights is not None:
        link.edge_weight = torch.from_numpy(edges.data.copy())
    for side, name in enumerate(graph.type_names):
        for part, values in _of_nodes(graph, np.flatnonzero(graph.node_types == side)).items():
            setattr(made[name], part, values)
    return made


def _of_nodes(graph: Graph, nodes: NDArray[np.int64]) -> dict[str, Any]:
    """What PyTorch Geometric keeps of some nodes."""
    import torch

    parts = {"num_nodes": len(nodes), "node_ids": _tensor_or_list(graph.ids[nodes])}
    if graph.labels is not None:
        parts["y"] = _tensor_or_list(graph.labels[nodes])
    if isinstance(graph.features, np.ndarray):
        parts["x"] = torch.from_numpy(graph.features[nodes])
    elif graph.features is not None:
        entries = graph.features[nodes].tocoo()
        parts["x"] = torch.sparse_coo_tensor(
            torch.from_numpy(np.stack([entries.row, entries.col]).astype(np.int64)),
            torch.from_numpy(entries.data.copy()),
            tuple(entries.shape),
            is_coalesced=True,
            check_invariants=True,
        )
    return parts


def to_dgl(graph: Graph) -> Any:
    """A DGL graph with `ndata["feat"]`, `ndata["label"]` and `edata["weight"]`, if there are any.

    An undirected edge is there in both directions. Features become dense, as DGL knows no others.
    Node ids and text labels are left out.

    Raises
    ------
    InputError
        DGL is not installed.

    Examples
    --------
    >>> from importlib.util import find_spec
    >>> made = to_dgl(Graph.from_pairs([("a", "b")])) if find_spec("dgl") else None
    >>> made is None or made.num_edges() == 2
    True
    """
    import torch

    say_left_out(graph, "DGL", "ids", *([] if _are_numbers(graph.labels) else ["labels"]))
    source, target = torch.from_numpy(_arcs(graph))
    made = library("dgl").graph((source, target), num_nodes=graph.n_nodes)
    features = graph.features
    if features is not None:
        dense = features.copy() if isinstance(features, np.ndarray) else features.toarray()
        made.ndata["feat"] = torch.from_numpy(dense)
    if graph.labels is not None and _are_numbers(graph.labels):
        made.ndata["label"] = torch.from_numpy(graph.labels.copy())
    if graph.weights is not None:
        made.edata["weight"] = torch.from_numpy(graph.adjacency.data.copy())
    return made


def to_anndata(graph: Graph) -> Any:
    """An `AnnData` whose `obsp["connectivities"]` is the adjacency and whose `X` the features.

    `obs_names` are the ids as text. Labels are left out.

    Raises
    ------
    InputError
        anndata is not installed.

    Examples
    --------
    >>> to_anndata(Graph.from_pairs([("a", "b")])).obs_names.tolist()
    ['a', 'b']
    """
    made = library("anndata")
    say_left_out(graph, "AnnData", "labels")
    return made.AnnData(
        X=None if graph.features is None else graph.features.copy(),
        obs=library("pandas").DataFrame(index=[str(name) for name in graph.ids]),
        obsp={"connectivities": sparse.csr_matrix(graph.adjacency, copy=True)},
    )


# ---------------------------------------------------------------------- parts


def edge_columns(graph: Graph) -> dict[str, NDArray[Any]]:
    """Ids of both ends of each edge and, where there are any, its weight and its time.

    Of a bipartite graph, all sources are of the first type.

    Examples
    --------
    >>> edge_columns(Graph.from_pairs([("a", "b")]))["target"].tolist()
    ['b']
    """
    source, target = graph.ids[graph.from_first_type(graph.edges)].T
    further = {"weight": graph.weights, "time": graph.times}
    found = {name: values for name, values in further.items() if values is not None}
    return {"source": source, "target": target, **found}


def _edge_list(graph: Graph, library: str) -> dict[str, NDArray[Any]]:
    say_left_out(graph, library, "isolated nodes", "features", "labels")
    return edge_columns(graph)


def _arcs(graph: Graph) -> NDArray[np.int64]:
    """Row and column of each entry of the adjacency, shape (2, n_arcs), in its order."""
    rows = np.repeat(np.arange(graph.n_nodes), graph.degrees)
    return np.stack([rows, graph.adjacency.indices.astype(np.int64)])


def _are_numbers(values: NDArray[Any] | None) -> bool:
    return values is not None and values.dtype.kind in "biuf"


def _tensor_or_list(values: NDArray[Any]) -> Any:
    import torch

    return torch.from_numpy(values.copy()) if _are_numbers(values) else values.tolist()


def say_left_out(graph: Graph, where: str, *parts: str) -> None:
    """Log what a format does not keep: a warning if whole nodes are lost.

    Parameters
    ----------
    graph
        The graph.
    where
        The format or the file.
    parts
        Of "ids", "isolated nodes", "features" and "labels", those that it has no place for.

    Examples
    --------
    >>> say_left_out(Graph.from_pairs([("a", "b")]), "edges.csv", "isolated nodes", "features")
    """
    n_isolated = graph.n_isolated
    held = {
        "ids": "" if graph.ids_are_rows else "node ids",
        "isolated nodes": count(n_isolated, "node") + " without edges" if n_isolated else "",
        "features": count(graph.n_features, "feature") if graph.n_features else "",
        "labels": "" if graph.labels is None else "labels",
    }
    left_out = ", ".join(held[part] for part in parts if held[part])
    if left_out:
        loud = n_isolated > 0 and "isolated nodes" in parts
        logger.log(logging.WARNING if loud else logging.INFO, "%s: left out %s", where, left_out)
