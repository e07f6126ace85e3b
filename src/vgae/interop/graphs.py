"""Objects that hold a graph -> `Graph`, each known by the name of its class."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vgae.adjacency import check_inside
from vgae.errors import InputError
from vgae.graph import Graph
from vgae.ids import IdArray, as_ids, id_columns
from vgae.interop.frames import FRAMES, from_arrow, from_pandas, from_polars

__all__ = [
    "ACCEPTED",
    "array",
    "as_edge_pairs",
    "as_graph",
    "as_pairs",
    "from_networkx",
    "is_link_split",
    "pair_rows",
]

logger = logging.getLogger(__name__)

ACCEPTED: Final = (
    "a Graph, a SciPy sparse matrix, pairs of node ids (a list, a NumPy array, or a tuple of two "
    "arrays), a NetworkX or igraph graph, a pandas, Polars or PyArrow table, a PyG Data, a DGL "
    "graph, an AnnData or a torch edge_index"
)


def as_graph(data: Any, *, directed: bool = False) -> Graph:
    """A graph from whatever holds one.

    What was dropped or merged is said through the `vgae` logger and kept in `graph.cleaning`.

    Parameters
    ----------
    data
        One of these; errors count its rows from 0.

        - `Graph`: returned as it is, its direction too.
        - SciPy sparse matrix or array, shape (n_nodes, n_nodes): see `Graph.from_scipy`.
        - Pairs of node ids: a list, a NumPy array of shape (n_rows, 2), or a tuple of two arrays,
          one for each end. All strings or all integers.
        - NetworkX graph: see `from_networkx`.
        - igraph `Graph`: ids are the vertex attribute "name", weights the edge attribute "weight".
        - pandas or Polars `DataFrame`, PyArrow `Table`: an edge a row, in the columns with usual
          names (source and target, from and to, ...), else in the first two; weights in the column
          called weight, if there is one.
        - PyTorch Geometric `Data`: `edge_index`, `num_nodes`, `x` (features), `y` (labels),
          `edge_weight` or a single column of `edge_attr` (weights), and `node_ids`, as `to_pyg`
          writes them. An undirected edge may stand once or in both directions, as in a matrix.
        - DGL graph with one kind of nodes and edges: `ndata["feat"]` and `ndata["label"]`,
          `edata["weight"]` or `edata["w"]`.
        - torch tensor: an edge_index, shape (2, n_edges), or a square sparse adjacency.
        - `AnnData`: `obsp["connectivities"]` gives the edges with their weights, `obs_names` the
          ids. Features are `X` as it is: choose or scale genes, or put principal components in
          its place, before.
    directed
        Whether an edge has a direction; by default a directed graph is read as undirected.

    Raises
    ------
    InputError
        The object is none of these, or what it holds is no graph.

    Examples
    --------
    >>> as_graph([("a", "b")]).n_edges
    1
    """
    if isinstance(data, Graph):
        return data
    kind = _kind(data)
    if kind is None:
        raise InputError(
            f"cannot make a graph of {type(data).__name__}; give {ACCEPTED} "
            "(files: vgae.read_graph)"
        )
    graph = READERS[kind](data, directed)
    if graph.cleaning:
        logger.warning("%s: %s", type(data).__name__, graph.cleaning)
    return graph


def from_networkx(graph: Any, *, weight: str = "weight", directed: bool = False) -> Graph:
    """Graph from a NetworkX graph; nodes keep their order.

    Parameters
    ----------
    graph
        Any NetworkX graph; its nodes are all strings or all integers. Parallel edges are merged
        and their weights added. A directed graph is read as undirected unless `directed`; an edge
        in both directions is then one edge with one weight, the larger of the two.
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


def is_link_split(data: Any) -> bool:
    """Whether it looks like what PyG's RandomLinkSplit returns: three of its data objects."""
    return (
        isinstance(data, (tuple, list))
        and len(data) == 3
        and all((_kind(part) or "").startswith("torch_geometric.") for part in data)
    )


def array(values: Any) -> NDArray[Any]:
    """NumPy array of a dense tensor on any device, or of a list."""
    if not hasattr(values, "detach"):
        return np.asarray(values)
    try:
        read: NDArray[Any] = values.detach().cpu().numpy()
    except TypeError as error:
        raise InputError(f"a tensor of {values.dtype} cannot be read; convert it") from error
    return read


def pair_rows(edge_index: Any, name: str) -> NDArray[np.int64]:
    """An edge_index, shape (2, n_edges), as pairs of node indices, shape (n_edges, 2)."""
    ends = array(edge_index)
    if ends.ndim != 2 or ends.shape[0] != 2:
        hint = "; transpose it" if ends.ndim == 2 and ends.shape[1] == 2 else ""
        raise InputError(f"{name}: shape {tuple(ends.shape)} is not (2, n_edges){hint}")
    if ends.dtype.kind not in "iu" and ends.size:
        raise InputError(f"{name}: {ends.dtype} is no type of node indices; they are integers")
    pairs: NDArray[np.int64] = ends.T.astype(np.int64)
    return pairs


def as_pairs(data: Any, known: Graph) -> tuple[IdArray, IdArray]:
    """Pairs of node ids as two columns, one for each end, in the order given.

    Parameters
    ----------
    data
        A pandas or Polars `DataFrame` or a PyArrow `Table`, whose columns are found as in a table
        of edges; or pairs, see `vgae.ids.id_columns`.
    known
        The graph whose nodes they name.

    Raises
    ------
    InputError
        There are no two columns of node ids, or a row is no pair.

    Examples
    --------
    >>> import pyarrow
    >>> table = pyarrow.table({"score": [0.5], "source": ["a"], "target": ["b"]})
    >>> [column.tolist() for column in as_pairs(table, Graph.from_pairs([("a", "b")]))]
    [['a'], ['b']]
    """
    read = FRAMES.get(_kind(data) or "")
    return id_columns(data) if read is None else read(data).pairs(known)


def as_edge_pairs(data: Any, known: Graph) -> tuple[IdArray, IdArray]:
    """Pairs of node ids as `as_pairs` takes them, or the edges of an object that holds a graph.

    The edges are in the order of `Graph.edges`.

    Examples
    --------
    >>> graph = Graph.from_pairs([("a", "b"), ("b", "c")])
    >>> [column.tolist() for column in as_edge_pairs(graph, graph)]
    [['a', 'b'], ['b', 'c']]
    """
    kind = _kind(data)
    if not isinstance(data, Graph) and (kind in FRAMES or kind in ROWS or kind is None):
        return as_pairs(data, known)
    graph = as_graph(data)
    source, target = graph.ids[graph.edges].T
    return source, target


def _kind(data: Any) -> str | None:
    """The key of the object's reader: its library and the name of its class, or of a base."""
    for base in type(data).__mro__:
        key = f"{base.__module__.partition('.')[0]}.{base.__name__}"
        if key in READERS:
            return key
    return None


# ---------------------------------------------------------- one for each kind


def _from_networkx(graph: Any, directed: bool) -> Graph:
    return from_networkx(graph, directed=directed)


def _from_scipy(matrix: Any, directed: bool) -> Graph:
    return Graph.from_scipy(matrix, directed=directed)


def _from_rows(data: Any, directed: bool) -> Graph:
    if is_link_split(data):
        raise InputError("three Data objects are a split, not a graph; see vgae.as_split")
    return Graph.from_pairs(data, directed=directed)


def _from_igraph(graph: Any, directed: bool) -> Graph:
    edges = np.array(graph.get_edgelist(), dtype=np.int64).reshape(-1, 2)
    return Graph.from_edges(
        edges,
        n_nodes=graph.vcount(),
        ids=graph.vs["name"] if "name" in graph.vs.attributes() else None,
        weights=graph.es["weight"] if "weight" in graph.es.attributes() else None,
        directed=directed,
    )


def _from_anndata(data: Any, directed: bool) -> Graph:
    if "connectivities" not in data.obsp:
        raise InputError(
            "AnnData: no obsp['connectivities'] with the edges; scanpy.pp.neighbors makes it"
        )
    if data.isbacked:
        raise InputError("AnnData: is on disk (backed); give its to_memory()")
    edges = data.obsp["connectivities"]
    return Graph.from_scipy(
        edges if sparse.issparse(edges) else sparse.csr_array(edges),
        ids=as_ids(data.obs_names.to_numpy()),
        features=data.X if data.n_vars else None,
        directed=directed,
    )


# -------------------------------------------------------------------- tensors


def _from_tensor(tensor: Any, directed: bool) -> Graph:
    if _is_sparse(tensor):
        return Graph.from_scipy(_matrix(tensor), directed=directed)
    pairs = pair_rows(tensor, "edge_index")
    return _from_arcs(pairs, int(pairs.max(initial=-1)) + 1, directed=directed)


def _from_pyg(data: Any, directed: bool) -> Graph:
    if data.edge_index is None:
        raise InputError("Data: no edge_index, which holds the edges")
    ids = getattr(data, "node_ids", None)
    return _from_arcs(
        pair_rows(data.edge_index, "Data.edge_index"),
        data.num_nodes,
        weights=_pyg_weights(data),
        ids=array(ids) if hasattr(ids, "detach") else ids,
        features=None if data.x is None else _matrix(data.x),
        labels=None if data.y is None else _labels(data.y, data.num_nodes, "Data.y"),
        directed=directed,
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


def _refuse_pyg_hetero(data: Any, directed: bool) -> Graph:  # noqa: ARG001 - a reader
    raise InputError(
        "HeteroData: several kinds of nodes or edges; choose one, or give its to_homogeneous()"
    )


def _from_dgl(graph: Any, directed: bool) -> Graph:
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
        features=_matrix(nodes["feat"]) if "feat" in nodes else None,
        labels=_labels(nodes["label"], graph.num_nodes(), "label") if "label" in nodes else None,
        directed=directed,
    )


def _from_arcs(
    arcs: NDArray[np.int64],
    n_nodes: int,
    *,
    directed: bool,
    weights: NDArray[Any] | None = None,
    **nodes: Any,
) -> Graph:
    """Graph from arcs, shape (n_arcs, 2): an undirected edge is one, or one each way."""
    check_inside(arcs, n_nodes, "edge_index", row="column")
    graph = Graph.from_edges(arcs, n_nodes=n_nodes, weights=weights, directed=directed, **nodes)
    return graph.with_cleaning(graph.cleaning.of_matrix(graph.n_edges))


def _labels(values: Any, n_nodes: int, name: str) -> NDArray[Any] | None:
    """One label a node, or None where there is something else, such as one label a graph."""
    labels = array(values)
    if labels.shape == (n_nodes, 1):
        return labels[:, 0]
    if labels.shape == (n_nodes,):
        return labels
    logger.info("%s, shape %s, is not one label a node: not used", name, labels.shape)
    return None


def _is_sparse(tensor: Any) -> bool:
    return str(getattr(tensor, "layout", "torch.strided")) != "torch.strided"


def _matrix(tensor: Any) -> Any:
    """SciPy's form of a sparse tensor, NumPy's of a dense one."""
    if not _is_sparse(tensor):
        return array(tensor)
    entries = tensor.detach().cpu().to_sparse_coo().coalesce()
    places = tuple(entries.indices().numpy())
    return sparse.csr_array(
        sparse.coo_array((array(entries.values()), places), shape=tuple(entries.shape))
    )


ROWS: Final = ("builtins.list", "builtins.tuple", "numpy.ndarray")
READERS: Final[dict[str, Callable[[Any, bool], Graph]]] = {
    **dict.fromkeys(ROWS, _from_rows),
    "scipy.sparray": _from_scipy,
    "scipy.spmatrix": _from_scipy,
    "networkx.Graph": _from_networkx,
    "igraph.Graph": _from_igraph,
    "pandas.DataFrame": from_pandas,
    "polars.DataFrame": from_polars,
    "pyarrow.Table": from_arrow,
    "torch_geometric.Data": _from_pyg,
    "torch_geometric.HeteroData": _refuse_pyg_hetero,
    "dgl.DGLGraph": _from_dgl,
    "torch.Tensor": _from_tensor,
    "anndata.AnnData": _from_anndata,
}
"""How an object is read, by the library and the name of its class or of one of its bases."""
