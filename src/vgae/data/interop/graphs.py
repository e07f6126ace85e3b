"""Objects that hold a graph -> `Graph`, each known by the name of its class."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.adjacency import check_inside
from vgae.data.graph import Graph, count
from vgae.data.ids import as_ids
from vgae.data.interop.frames import FRAMES, graph_of_frame, kind_of
from vgae.data.interop.nodes import with_features_of
from vgae.data.interop.tensors import array, is_sparse, matrix, pair_rows
from vgae.data.kinds import SIDES, Kind, WeightMeans, check_signs, graph_kind
from vgae.ground.errors import InputError

__all__ = ["ACCEPTED", "as_graph", "from_networkx", "is_link_split"]

logger = logging.getLogger(__name__)

ACCEPTED: Final = (
    "a Graph, a SciPy sparse matrix, pairs of node ids (a list, a NumPy array, or a tuple of two "
    "arrays), a NetworkX or igraph graph, a pandas, Polars or PyArrow table, a PyG Data, a DGL "
    "graph, an AnnData or a torch edge_index"
)


def as_graph(
    data: Any,
    *,
    features: Any = None,
    source: str | int | None = None,
    target: str | int | None = None,
    weight: str | int | None = None,
    time: str | int | None = None,
    directed: bool = False,
    bipartite: bool | None = None,
    signed: bool = False,
    types: Any = None,
    weight_means: WeightMeans | None = None,
    attributes: Mapping[str, str] | None = None,
    standardize: bool = False,
    missing: str = "error",
    isolated: bool = False,
) -> Graph:
    """A graph from any object that holds one, and node features if there are any.

    What was understood, dropped and merged goes to the `vgae` logger and is kept in
    `graph.reading` and `graph.cleaning`.

    Parameters
    ----------
    data
        One of these; errors count its rows from 0.

        - `Graph`: returned with its own direction.
        - SciPy sparse matrix or array, shape (n_nodes, n_nodes), or of a bipartite graph
          (n_left, n_right): see `Graph.from_scipy`.
        - Pairs of node ids: a list, a NumPy array of shape (n_rows, 2), or a tuple of two arrays,
          one for each end. All strings or all integers.
        - NetworkX graph: see `from_networkx`.
        - igraph `Graph`: ids are the vertex attribute "name", weights the edge attribute "weight".
        - pandas or Polars `DataFrame`, PyArrow `Table`: one edge per row. The columns of the two
          ends and of the weight are detected as those of a file are.
        - PyTorch Geometric `Data`: `edge_index`, `num_nodes`, `x` (features), `y` (labels),
          `edge_weight` or a single column of `edge_attr` (weights), and `node_ids`, as `to_pyg`
          writes them. An undirected edge may stand once or in both directions, as in a matrix.
        - PyTorch Geometric `HeteroData` with two types of nodes and edges between them: a bipartite
          graph. Where the types have different numbers of features, each keeps its own columns; see
          `Graph.with_features`.
        - DGL graph with one kind of nodes and edges: `ndata["feat"]` and `ndata["label"]`,
          `edata["weight"]` or `edata["w"]`.
        - torch tensor: an edge_index, shape (2, n_edges), or a square sparse adjacency.
        - `AnnData`: `obsp["connectivities"]` gives the edges with their weights, `obs_names` the
          ids. Features are `X` as it is: choose or scale genes, or put principal components in
          its place, before.
    features
        Node features, which replace those that the object has:

        - a pandas or Polars `DataFrame`, or a PyArrow `Table`, of attributes with one row per node.
          Node ids are in the column called node or id, in the index, in a column called like an id
          (user_id, name, ...), or in the first column; row numbers are no ids where another column
          holds nodes. Each other column becomes one feature or several, and
          `graph.feature_encoding` keeps how;
        - an array or a SciPy sparse matrix, shape (n_nodes, n_features). Its rows are in the order
          of the nodes of an object that has one, such as a matrix or a NetworkX graph. With pairs
          and tables, row i belongs to the integer id i, and text ids need a data frame.
    source, target, weight
        Columns of a data frame of edges, by name or by number from 1; by default detected.
    time
        Column of a data frame with the times of edges, numbers or dates; by default none.
    directed
        Whether an edge has a direction; by default a directed graph is read as undirected.
    bipartite
        Whether nodes are of two types: those in the two columns of a data frame or of pairs, see
        `vgae.read_graph`; the rows and columns of a matrix; the two types of a `HeteroData`; or as
        the node attribute "bipartite" of NetworkX or "type" of igraph says. By default true where
        the object leaves no doubt: a matrix that is not square, or NetworkX's attribute.
    signed
        Whether weights may be negative, and their signs are what edges mean.
    types
        The type of each node: a mapping or a pandas `Series` from node ids, or a sequence in the
        order of the nodes. Only types that some edge joins are taken to be joined by edges.
    weight_means
        What weights mean: "propagation" (the default), "count", "value" or "confidence"; see
        `Graph`.
    attributes, standardize, missing
        How the columns of a data frame of `features` become numbers; see
        `vgae.data.attributes.fit_encoding`, whose `kinds` are the `attributes`.
    isolated
        Whether nodes that are only in `features` join the graph as nodes without edges; by
        default they are an error.

    Raises
    ------
    InputError
        The object is none of these or holds no graph, the features are not those of its nodes, or
        an option makes no sense with them.

    Examples
    --------
    >>> as_graph([("a", "b")]).n_edges
    1
    >>> import pyarrow as pa
    >>> mails = pa.table({"id": [1, 2], "sender": ["ann", "bob"], "receiver": ["bob", "cid"]})
    >>> people = pa.table({"name": ["ann", "bob", "cid"], "age": [31, 44, 29]})
    >>> graph = as_graph(mails, features=people)
    >>> graph
    Graph(3 nodes, 2 edges, 1 feature)
    >>> graph.reading.source.name, graph.features.ravel().tolist()
    ('sender', [31.0, 44.0, 29.0])
    """
    name = type(data).__name__
    columns: dict[str, Any] = {
        "source": source,
        "target": target,
        "weight": weight,
        "time": time,
    }
    kind = graph_kind(directed=directed, bipartite=bipartite, signed=signed)
    frame_kind = kind_of(data, FRAMES)
    if frame_kind is None:
        for option, value in columns.items():
            if value is not None:
                raise InputError(
                    f"{option}: makes no sense with a {name}; it is for data frames of edges"
                )
    if features is None and (attributes or standardize or isolated or missing != "error"):
        raise InputError("attributes, standardize, missing and isolated need features")
    if frame_kind is not None:
        frame = FRAMES[frame_kind](data, name)
        graph = graph_of_frame(frame, kind=kind, bipartite=bipartite, **columns)
    else:
        # With types, they say which nodes are on which side.
        known = kind == "bipartite" and types is not None
        graph = _graph_of(data, "undirected" if known else kind)
        if bipartite is False and graph.kind == "bipartite" and graph is not data:
            graph = graph.with_types(None)
    if graph is not data:
        check_signs(graph, name)
    if types is not None:
        graph = graph.with_types(_one_per_node(graph, types), bipartite=kind == "bipartite")
    if weight_means is not None:
        graph = graph.with_weight_means(weight_means)
    if graph.cleaning and graph is not data:
        logger.warning("%s: %s", name, graph.cleaning)
    if features is None:
        return graph
    return with_features_of(
        graph,
        features,
        in_order=frame_kind is None and kind_of(data, UNORDERED) is None,
        attributes=attributes,
        standardize=standardize,
        missing=missing,
        isolated=isolated,
    )


def _one_per_node(graph: Graph, types: Any) -> list[Any]:
    """The type of each node, in the order of the nodes."""
    found = types.to_dict() if hasattr(types, "to_dict") else types
    if not isinstance(found, Mapping):
        return list(found)
    missing = [name for name in graph.ids.tolist() if name not in found]
    if missing:
        raise InputError(
            f"types: node {missing[0]!r} has none ({count(len(missing), 'such node')}); give each "
            "node one"
        )
    return [found[name] for name in graph.ids.tolist()]


def _graph_of(data: Any, kind: Kind) -> Graph:
    if isinstance(data, Graph):
        if kind in ("bipartite", "signed") and data.kind != kind:
            raise InputError(f"{kind}: makes no sense with a Graph, which is {data.kind}")
        return data
    reader = kind_of(data, READERS)
    if reader is None:
        raise InputError(
            f"cannot make a graph of {type(data).__name__}; give {ACCEPTED} "
            "(files: vgae.read_graph)"
        )
    return READERS[reader](data, kind)


def from_networkx(
    graph: Any, *, weight: str = "weight", kind: Kind | None = None, directed: bool = False
) -> Graph:
    """Graph from a NetworkX graph; nodes keep their order.

    Parameters
    ----------
    graph
        Any NetworkX graph; its nodes are all strings or all integers. Parallel edges are merged
        and their weights added. A directed graph is read as undirected unless `directed`; an edge
        in both directions is then one edge with one weight, the larger of the two. Where every node
        has the attribute "bipartite", 0 or 1, the graph is bipartite unless another `kind` is
        asked for; its types are called as the attribute "type" says.
    weight
        Edge attribute with the weight; edges without it have weight 1.
    kind, directed
        As in `Graph.from_edges`.

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
        raise InputError(f"{error}; see networkx.relabel_nodes") from None
    position = {node: index for index, node in enumerate(nodes)}
    rows = [(position[a], position[b], value) for a, b, value in graph.edges(data=weight)]
    weights = [1.0 if value is None else value for _, _, value in rows]
    kind = graph_kind(kind, directed=directed)
    sides = [graph.nodes[node].get("bipartite") for node in nodes]
    types: Any = {}
    if kind in ("undirected", "bipartite") and set(sides) == {0, 1}:
        kind = "bipartite"
        types = {"node_types": np.array(sides, dtype=np.int64), "type_names": _side_names(graph)}
    elif kind == "bipartite":
        raise _unknown_sides("NetworkX graph", 'node attribute "bipartite", 0 or 1')
    return Graph.from_edges(
        np.array([(a, b) for a, b, _ in rows], dtype=np.int64),
        ids=ids,
        weights=None if all(value is None for _, _, value in rows) else weights,
        kind=kind,
        **types,
    )


def _side_names(graph: Any) -> tuple[str, str]:
    """Names of the two types of a NetworkX graph's nodes, by their attribute "type"."""
    names: tuple[set[Any], set[Any]] = (set(), set())
    for _, attributes in graph.nodes(data=True):
        names[attributes["bipartite"]].add(attributes.get("type"))
    left, right = (next(iter(side)) if len(side) == 1 else None for side in names)
    return (left, right) if isinstance(left, str) and isinstance(right, str) else SIDES


def _unknown_sides(name: str, where: str) -> InputError:
    return InputError(
        f"bipartite: the {name} does not say which nodes are on which side; give its {where}, or "
        "types="
    )


def is_link_split(data: Any) -> bool:
    """Whether an object looks like what PyG's RandomLinkSplit returns: three of its `Data`.

    Examples
    --------
    >>> is_link_split([("a", "b"), ("b", "c"), ("c", "d")])
    False
    """
    return (
        isinstance(data, (tuple, list))
        and len(data) == 3
        and all((kind_of(part, READERS) or "").startswith("torch_geometric.") for part in data)
    )


# ---------------------------------------------------------- one for each kind


def _from_networkx(graph: Any, kind: Kind) -> Graph:
    return from_networkx(graph, kind=kind)


def _from_scipy(adjacency: Any, kind: Kind) -> Graph:
    if kind == "undirected" and adjacency.ndim == 2 and adjacency.shape[0] != adjacency.shape[1]:
        kind = "bipartite"
    return Graph.from_scipy(adjacency, kind=kind)


def _from_rows(data: Any, kind: Kind) -> Graph:
    if is_link_split(data):
        raise InputError("three Data objects are a split, not a graph; see vgae.as_split")
    return Graph.from_pairs(data, kind=kind)


def _from_igraph(graph: Any, kind: Kind) -> Graph:
    edges = np.array(graph.get_edgelist(), dtype=np.int64).reshape(-1, 2)
    sides: Any = {}
    if kind == "bipartite":
        if "type" not in graph.vs.attributes():
            raise _unknown_sides("igraph graph", 'vertex attribute "type", False or True')
        sides = {"node_types": np.array(graph.vs["type"], dtype=np.int64), "type_names": SIDES}
    return Graph.from_edges(
        edges,
        n_nodes=graph.vcount(),
        ids=graph.vs["name"] if "name" in graph.vs.attributes() else None,
        weights=graph.es["weight"] if "weight" in graph.es.attributes() else None,
        kind=kind,
        **sides,
    )


def _from_anndata(data: Any, kind: Kind) -> Graph:
    if "connectivities" not in data.obsp:
        raise InputError(
            "AnnData: no obsp['connectivities'] with the edges; scanpy.pp.neighbors makes it"
        )
    if kind == "bipartite":
        raise _unknown_sides("AnnData", "X, a matrix of observations by variables")
    if data.isbacked:
        raise InputError("AnnData: is on disk (backed); give its to_memory()")
    edges = data.obsp["connectivities"]
    return Graph.from_scipy(
        edges if sparse.issparse(edges) else sparse.csr_array(edges),
        ids=as_ids(data.obs_names.to_numpy()),
        features=data.X if data.n_vars else None,
        kind=kind,
    )


# -------------------------------------------------------------------- tensors


def _from_tensor(tensor: Any, kind: Kind) -> Graph:
    if is_sparse(tensor):
        return _from_scipy(matrix(tensor), kind)
    pairs = pair_rows(tensor, "edge_index")
    return _from_arcs(pairs, int(pairs.max(initial=-1)) + 1, kind=kind)


def _from_pyg(data: Any, kind: Kind) -> Graph:
    if data.edge_index is None:
        raise InputError("Data: no edge_index, which holds the edges")
    ids = getattr(data, "node_ids", None)
    return _from_arcs(
        pair_rows(data.edge_index, "Data.edge_index"),
        data.num_nodes,
        weights=_pyg_weights(data),
        ids=array(ids) if hasattr(ids, "detach") else ids,
        features=None if data.x is None else matrix(data.x),
        labels=None if data.y is None else _labels(data.y, data.num_nodes, "Data.y"),
        kind=kind,
    )


def _pyg_weights(data: Any) -> NDArray[Any] | None:
    if data.edge_weight is not None:
        return array(data.edge_weight)
    if data.edge_attr is None:
        return None
    attributes = array(data.edge_attr)
    if attributes.ndim == 2 and attributes.shape[1] == 1:
        return attributes[:, 0]
    if attributes.ndim == 1:
        return attributes
    logger.info("Data: edge_attr, shape %s, holds no weights: not used", attributes.shape)
    return None


def _from_pyg_hetero(data: Any, kind: Kind) -> Graph:
    """A bipartite graph from two types of nodes and the edges between them, in any direction."""
    names = list(data.node_types)
    apart = all({source, target} == {*names} for source, _, target in data.edge_types)
    if len(names) != 2 or not apart or kind not in ("undirected", "bipartite"):
        raise InputError(
            "HeteroData: several kinds of nodes or edges; two types of nodes with edges between "
            "them are a bipartite graph; otherwise choose one, or give its to_homogeneous()"
        )
    sizes = [int(data[name].num_nodes) for name in names]
    ends, weights = [np.empty((0, 2), np.int64)], [np.empty(0)]
    for source, relation, target in data.edge_types:
        edges = data[source, relation, target]
        pairs = pair_rows(edges.edge_index, "edge_index")
        side = names.index(source)
        limits = np.array([sizes[side], sizes[1 - side]])
        if pairs.size and (pairs.min() < 0 or (pairs >= limits).any()):
            raise InputError(f"HeteroData, {relation}: a pair names a node outside its type")
        shifted = pairs + np.where(np.array([side, 1 - side]) == 1, sizes[0], 0)
        ends.append(shifted if side == 0 else shifted[:, ::-1])
        given = edges.get("edge_weight")
        weights.append(np.ones(len(pairs)) if given is None else array(given))
    pairs, values = np.concatenate(ends), np.concatenate(weights)
    twice = len(data.edge_types) > 1  # the reverse of a relation repeats its edges
    if twice:
        pairs, first = np.unique(pairs, axis=0, return_index=True)
        values = values[first]
    ids = [data[name].get("node_ids") for name in names]
    given = {name: data[name].get("x") for name in names}
    features = {name: matrix(part) for name, part in given.items() if part is not None}
    joined: Any = features
    if len(features) == 2 and len({part.shape[1] for part in features.values()}) == 1:
        parts = list(features.values())
        joined = sparse.vstack(parts) if any(map(sparse.issparse, parts)) else np.vstack(parts)
    own = [
        [f"{name}:{place}" for place in range(size)] if given is None else list(_plain(given))
        for name, size, given in zip(names, sizes, ids, strict=True)
    ]
    graph = Graph.from_edges(
        pairs,
        n_nodes=sum(sizes),
        weights=None if (values == 1).all() else values,
        ids=[*own[0], *own[1]],
        kind="bipartite",
        node_types=np.repeat([0, 1], sizes),
        type_names=names,
    )
    return graph.with_features(joined) if features else graph


def _plain(ids: Any) -> Any:
    return array(ids).tolist() if hasattr(ids, "detach") else ids


def _from_dgl(graph: Any, kind: Kind) -> Graph:
    if not graph.is_homogeneous:
        raise InputError(
            "DGLGraph: several kinds of nodes or edges; choose one, or give dgl.to_homogeneous(it)"
        )
    source, target = (array(end) for end in graph.edges())
    nodes, edges = graph.ndata, graph.edata
    weight = next((name for name in ("weight", "w") if name in edges), None)
    return _from_arcs(
        np.stack([source, target], axis=1),
        graph.num_nodes(),
        weights=None if weight is None else array(edges[weight]),
        features=matrix(nodes["feat"]) if "feat" in nodes else None,
        labels=_labels(nodes["label"], graph.num_nodes(), "label") if "label" in nodes else None,
        kind=kind,
    )


def _from_arcs(
    arcs: NDArray[np.int64],
    n_nodes: int,
    *,
    kind: Kind,
    weights: NDArray[Any] | None = None,
    **nodes: Any,
) -> Graph:
    """Graph from arcs, shape (n_arcs, 2): an undirected edge is one, or one each way."""
    if kind == "bipartite":
        raise _unknown_sides("edge_index", "HeteroData")
    check_inside(arcs, n_nodes, "edge_index", row="column")
    graph = Graph.from_edges(arcs, n_nodes=n_nodes, weights=weights, kind=kind, **nodes)
    return graph.with_cleaning(graph.cleaning.of_matrix(graph.n_edges))


def _labels(values: Any, n_nodes: int, name: str) -> NDArray[Any] | None:
    """One label per node, or None for anything else, such as one label per graph."""
    labels = array(values)
    if labels.shape == (n_nodes, 1):
        return labels[:, 0]
    if labels.shape == (n_nodes,):
        return labels
    logger.info("%s, shape %s, is not one label per node: not used", name, labels.shape)
    return None


UNORDERED: Final = dict.fromkeys(("builtins.list", "builtins.tuple", "numpy.ndarray"))
"""Objects that list pairs of ids, so that their nodes have no order of their own."""
READERS: Final[dict[str, Callable[[Any, Kind], Graph]]] = {
    "builtins.list": _from_rows,
    "builtins.tuple": _from_rows,
    "numpy.ndarray": _from_rows,
    "scipy.sparray": _from_scipy,
    "scipy.spmatrix": _from_scipy,
    "networkx.Graph": _from_networkx,
    "igraph.Graph": _from_igraph,
    "torch_geometric.Data": _from_pyg,
    "torch_geometric.HeteroData": _from_pyg_hetero,
    "dgl.DGLGraph": _from_dgl,
    "torch.Tensor": _from_tensor,
    "anndata.AnnData": _from_anndata,
}
"""How an object is read, by the library and the name of its class or of one of its bases.

Data frames are in `FRAMES`.
"""
