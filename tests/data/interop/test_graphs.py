import logging
from typing import Any

import networkx
import numpy as np
import pyarrow as pa
import pytest
import torch
from foreign import DGLGraph, library
from scipy import sparse

from vgae.data.graph import Graph
from vgae.data.interop import as_graph, from_networkx
from vgae.ground.errors import InputError

PATH = Graph.from_edges([(0, 1), (1, 2)])
ARCS = [[0, 1, 1, 2], [1, 0, 2, 1]]


def data(**parts: Any) -> Any:
    """PyG's Data with an edge_index of lists."""
    parts["edge_index"] = torch.tensor(parts.get("edge_index", ARCS))
    parts.setdefault("num_nodes", 3)
    return library("torch_geometric.data").Data(**parts)


# ----------------------------------------------------------------- what there is


def test_networkx_graphs_keep_the_order_of_their_nodes() -> None:
    source = networkx.MultiGraph([("c", "a"), ("c", "a"), ("a", "a")])
    source.add_node("b")
    graph = from_networkx(source)
    assert graph.ids.tolist() == ["c", "a", "b"]
    assert (graph.cleaning.duplicates, graph.cleaning.self_loops) == (1, 1)
    weighted = networkx.DiGraph()
    weighted.add_edge(1, 2, weight=2.0)
    weighted.add_edge(2, 1)
    both = from_networkx(weighted)
    assert both.weights is not None
    assert both.weights.tolist() == [2.0]  # one edge, and the larger of its two weights
    assert both.cleaning.conflicts == 1
    assert from_networkx(weighted, directed=True).n_edges == 2
    assert from_networkx(networkx.Graph()).n_nodes == 0
    with pytest.raises(InputError, match="relabel_nodes"):
        from_networkx(networkx.grid_graph((2, 2)))


@pytest.mark.parametrize(
    "data",
    [
        PATH,
        PATH.adjacency,
        sparse.coo_matrix(PATH.adjacency),
        networkx.path_graph(3),
        networkx.DiGraph([(0, 1), (1, 2)]),
        [(0, 1), (1, 2)],
        ((0, 1), (1, 2), (0, 1)),
        np.array([[0, 1], [1, 2]]),
        (np.array([0, 1]), np.array([1, 2])),
        (torch.tensor([0, 1]), torch.tensor([1, 2])),
        (pa.array([0, 1]), pa.chunked_array([[1], [2]])),
        torch.tensor(ARCS),
        torch.tensor([[0, 1], [1, 2]]),
        torch.sparse_coo_tensor(torch.tensor(ARCS), torch.ones(4), (3, 3), check_invariants=True),
    ],
    ids=lambda data: type(data).__name__,
)
def test_whatever_holds_a_graph_becomes_one(data: Any) -> None:
    assert as_graph(data).fingerprint == PATH.fingerprint


def test_columns_of_pandas_are_the_ends_of_edges() -> None:
    frame = library("pandas").DataFrame({"x": ["a", "b"], "y": ["b", "c"]})
    assert as_graph((frame["x"], frame["y"])).ids.tolist() == ["a", "b", "c"]


def test_a_class_of_ones_own_is_known_by_its_base() -> None:
    class Network(networkx.Graph):  # type: ignore[misc]
        pass

    assert as_graph(Network([("a", "b")])).n_edges == 1


@pytest.mark.parametrize("thing", ["edges.csv", 7, {"a": "b"}, None, {1, 2}])
def test_anything_else_is_refused_with_a_list_of_what_is_not(thing: Any) -> None:
    with pytest.raises(InputError, match=f"cannot make a graph of {type(thing).__name__}; give a"):
        as_graph(thing)


def test_an_error_is_one_line_whatever_is_given() -> None:
    with pytest.raises(InputError, match="row 0") as caught:
        as_graph([np.arange(5000), np.arange(5000)])
    assert "\n" not in str(caught.value)


def test_what_is_merged_is_said(caplog: pytest.LogCaptureFixture) -> None:
    as_graph([("a", "b"), ("b", "a"), ("c", "c")])
    assert caplog.messages == ["list: dropped 1 self loop, merged 1 reversed row"]


def test_a_graph_keeps_its_direction_and_others_have_one_if_asked() -> None:
    arrow = Graph.from_edges([(0, 1), (1, 0), (1, 2)], directed=True)
    assert as_graph(arrow) is arrow
    for source in (arrow.adjacency, torch.tensor([[0, 1, 1], [1, 0, 2]]), arrow.edges):
        assert as_graph(source, directed=True).fingerprint == arrow.fingerprint


# ----------------------------------------------------------------------- igraph


def test_igraph_names_are_ids_and_nodes_without_edges_stay() -> None:
    igraph = library("igraph")
    source = igraph.Graph(n=4, edges=[(2, 0), (0, 1), (0, 1)])
    assert as_graph(source).ids.tolist() == [0, 1, 2, 3]
    source.vs["name"] = ["d", "c", "b", "a"]
    source.es["weight"] = [1.0, 2.0, 3.0]
    graph = as_graph(source)
    assert graph.ids.tolist() == ["d", "c", "b", "a"]
    assert graph.edges.tolist() == [[0, 1], [0, 2]]
    assert graph.weights is not None
    assert graph.weights.tolist() == [5.0, 1.0]
    assert graph.cleaning.duplicates == 1
    assert as_graph(igraph.Graph(n=2)).n_edges == 0
    source.es["weight"] = [1.0, None, 3.0]
    with pytest.raises(InputError, match="weights, row 1"):
        as_graph(source)
    source.vs["name"] = ["d", "c", "b", "b"]
    del source.es["weight"]
    with pytest.raises(InputError, match="'b' occurs more than once"):
        as_graph(source)


# ---------------------------------------------------------- PyTorch Geometric


def test_pyg_data_bring_all_they_hold() -> None:
    graph = as_graph(
        data(
            x=torch.eye(3, dtype=torch.float64, requires_grad=True),
            y=torch.tensor([[2], [0], [1]]),
            edge_weight=torch.tensor([2.0, 2.0, 0.5, 0.5]),
            node_ids=["z", "y", "x"],
        )
    )
    assert graph.ids.tolist() == ["z", "y", "x"]
    assert graph.weights is not None
    assert graph.weights.tolist() == [2.0, 0.5]
    assert graph.labels is not None
    assert graph.labels.tolist() == [2, 0, 1]
    assert isinstance(graph.features, np.ndarray)
    assert graph.features.tolist() == np.eye(3).tolist()
    assert not graph.cleaning


@pytest.mark.parametrize("layout", ["coo", "csr"])
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta:UserWarning")
def test_sparse_features_stay_sparse(layout: str) -> None:
    values = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 4.0]])
    x = values.to_sparse_csr() if layout == "csr" else values.to_sparse()
    graph = as_graph(data(x=x))
    assert sparse.issparse(graph.features)
    assert graph.features.toarray().tolist() == values.tolist()  # type: ignore[union-attr]


def test_both_directions_of_an_edge_are_one_edge() -> None:
    """As in a symmetric matrix; what is there a second time is counted and said."""
    weights = torch.tensor([2.0, 2.0, 0.5, 0.5])
    assert str(as_graph(data(edge_weight=weights)).cleaning) == "nothing dropped or merged"
    one_way = as_graph(data(edge_index=[[0, 1], [1, 2]]))
    assert one_way.fingerprint == as_graph(data()).fingerprint == PATH.fingerprint
    mixed = as_graph(data(edge_index=[[0, 1, 1, 2, 2], [1, 0, 2, 2, 2]]))
    assert mixed.edges.tolist() == [[0, 1], [1, 2]]
    assert mixed.weights is None
    cleaning = mixed.cleaning
    assert (cleaning.reversed_duplicates, cleaning.duplicates, cleaning.self_loops) == (1, 0, 2)
    repeated = as_graph(
        data(edge_index=[[0, 0, 1], [1, 1, 2]], edge_weight=torch.tensor([1.0, 2.0, 4.0]))
    )
    assert repeated.weights is not None
    assert repeated.weights.tolist() == [3.0, 4.0]


def test_a_single_edge_attribute_is_a_weight(caplog: pytest.LogCaptureFixture) -> None:
    column = torch.tensor([[2.0], [2.0], [0.5], [0.5]])
    for attributes in (column, column[:, 0]):
        weights = as_graph(data(edge_attr=attributes)).weights
        assert weights is not None
        assert weights.tolist() == [2.0, 0.5]
    with caplog.at_level(logging.INFO, logger="vgae"):
        assert as_graph(data(edge_attr=torch.ones(4, 3), y=torch.tensor([1]))).weights is None
    assert caplog.messages == [
        "Data: edge_attr, shape (4, 3), holds no weights: not used",
        "Data.y, shape (1,), is not one label per node: not used",
    ]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"edge_index": [[0, 1], [1, 3]]}, r"column 1: \(1, 3\) is outside the 3 nodes"),
        ({"edge_index": [[0, -1], [1, 2]]}, r"column 1: \(-1, 2\) is outside"),
        ({"edge_index": [[0, 1], [1, 2], [2, 0]]}, r"shape \(3, 2\) is not .*transpose"),
        ({"edge_index": [[0.0, 1.0], [1.0, 2.0]]}, "float32 is no type of node indices"),
        ({"edge_weight": torch.tensor([1.0, 1.0, 0.0, 1.0])}, "weights, row 2: 0.0 is not a"),
        ({"edge_weight": torch.ones(3)}, "weights: shape"),
        ({"x": torch.ones(2, 2)}, "features: 2 rows for 3 nodes"),
        ({"x": torch.tensor([[1.0], [float("nan")], [1.0]])}, "features, row 1, column 0"),
        ({"x": torch.ones(3, 2, dtype=torch.bfloat16)}, "bfloat16 cannot be read"),
        ({"node_ids": ["a", "b"]}, "ids: 2 rows for 3 nodes"),
    ],
)
def test_bad_pyg_data_are_one_clear_line(parts: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        as_graph(data(**parts))


def test_pyg_data_that_are_no_graph_of_one_kind() -> None:
    pyg = library("torch_geometric.data")
    with pytest.raises(InputError, match="to_homogeneous"):
        as_graph(pyg.HeteroData())
    with pytest.raises(InputError, match="no edge_index"):
        as_graph(pyg.Data(x=torch.ones(2, 2)))
    with pytest.raises(InputError, match="as_split"):
        as_graph([data(), data(), data()])


# -------------------------------------------------------------------------- DGL


def test_dgl_graphs_by_their_public_attributes() -> None:
    source = DGLGraph(tuple(torch.tensor(ARCS)), 4)
    source.ndata = {"feat": torch.eye(4), "label": torch.tensor([0, 1, 0, 1])}
    source.edata = {"w": torch.tensor([2.0, 2.0, 3.0, 3.0])}
    graph = as_graph(source)
    assert (graph.n_nodes, graph.n_features) == (4, 4)
    assert graph.weights is not None
    assert graph.weights.tolist() == [2.0, 3.0]
    assert graph.labels is not None
    assert graph.labels.tolist() == [0, 1, 0, 1]
    assert not graph.cleaning
    source.is_homogeneous = False
    with pytest.raises(InputError, match="dgl.to_homogeneous"):
        as_graph(source)


# ---------------------------------------------------------------------- AnnData


def test_anndata_bring_neighbours_names_and_x() -> None:
    pandas = library("pandas")
    names = pandas.DataFrame(index=["cell1", "cell0", "cell2"])
    genes = sparse.csr_matrix(np.array([[1.0, 0], [0, 2], [0, 0]]))
    edges = sparse.csr_matrix(np.array([[0, 0.5, 0], [0.5, 0, 0.25], [0, 0.25, 0]]))
    AnnData = library("anndata").AnnData  # noqa: N806 - a class
    for x in (genes, genes.toarray()):
        graph = as_graph(AnnData(X=x, obs=names, obsp={"connectivities": edges}))
        assert graph.ids.tolist() == ["cell1", "cell0", "cell2"]
        assert graph.weights is not None
        assert graph.weights.tolist() == [0.5, 0.25]
        assert sparse.issparse(graph.features) == sparse.issparse(x)
    view = AnnData(X=genes, obs=names, obsp={"connectivities": edges})[["cell2", "cell0"]]
    assert as_graph(view).ids.tolist() == ["cell2", "cell0"]
    assert as_graph(AnnData(obs=names, obsp={"connectivities": edges.toarray()})).n_edges == 2
    with pytest.raises(InputError, match=r"scanpy\.pp\.neighbors"):
        as_graph(AnnData(obs=names))


def test_anndata_on_disk_are_to_be_read_first(tmp_path: Any) -> None:
    anndata, pandas = library("anndata"), library("pandas")
    stored = anndata.AnnData(
        X=np.ones((2, 2), np.float32),
        obs=pandas.DataFrame(index=["a", "b"]),
        obsp={"connectivities": sparse.csr_matrix(np.array([[0, 1.0], [1.0, 0]]))},
    )
    stored.write_h5ad(tmp_path / "cells.h5ad")
    opened = anndata.read_h5ad(tmp_path / "cells.h5ad", backed="r")
    with pytest.raises(InputError, match="to_memory"):
        as_graph(opened)
    assert as_graph(opened.to_memory()).n_edges == 1
    opened.file.close()
