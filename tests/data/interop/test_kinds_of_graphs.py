"""Graphs of every kind to other libraries and back."""

from typing import Any

import numpy as np
import pytest
from foreign import library
from graphs import graph_of
from scipy import sparse

from vgae.data.graph import Graph
from vgae.data.interop import as_graph
from vgae.data.interop.exports import to_igraph, to_networkx, to_pandas, to_pyg, to_scipy
from vgae.ground.errors import InputError


def bipartite(**options: Any) -> Graph:
    ratings = sparse.csr_array(np.array([[5.0, 0, 1], [0, 3, 2]]))
    return Graph.from_scipy(ratings, kind="bipartite", type_names=("user", "item"), **options)


def same(one: Graph, other: Graph) -> None:
    assert one.kind == other.kind
    assert one.ids.tolist() == other.ids.tolist()
    assert one.edges.tolist() == other.edges.tolist()
    assert (one.weights is None) == (other.weights is None)
    if one.weights is not None and other.weights is not None:
        assert one.weights.tolist() == other.weights.tolist()
    assert str(one.node_types) == str(other.node_types)


def test_bipartite_scipy_both_ways() -> None:
    graph = bipartite()
    matrix = to_scipy(graph)
    assert matrix.toarray().tolist() == [[5, 0, 1], [0, 3, 2]]
    again = as_graph(matrix)  # it is not square
    assert again.kind == "bipartite"
    assert np.array_equal(again.edges, graph.edges)
    square = as_graph(sparse.csr_array(np.eye(3)), bipartite=True)
    assert square.n_nodes == 6
    assert as_graph(matrix, bipartite=False).kind == "undirected"


def test_networkx_both_ways() -> None:
    library("networkx")
    graph = bipartite()
    made = to_networkx(graph)
    assert made.nodes["user:0"] == {"type": "user", "bipartite": 0}
    again = as_graph(made)
    same(again, graph)
    assert again.type_names == ("user", "item")
    assert as_graph(made, bipartite=False).kind == "undirected"
    arcs = graph_of("directed", 0)
    back = as_graph(to_networkx(arcs), directed=True)
    assert back.edges.tolist() == arcs.edges.tolist()
    signed = graph_of("signed", 0)
    same(as_graph(to_networkx(signed), signed=True), signed)
    with pytest.raises(InputError, match='give its node attribute "bipartite", 0 or 1, or types='):
        as_graph(to_networkx(Graph.from_pairs([("a", "b")])), bipartite=True)


def test_igraph_both_ways() -> None:
    library("igraph")
    graph = bipartite()
    same(as_graph(to_igraph(graph), bipartite=True), graph)
    with pytest.raises(InputError, match='vertex attribute "type", False or True'):
        as_graph(to_igraph(graph_of("directed", 0)), bipartite=True)


def test_hetero_data_both_ways() -> None:
    library("torch_geometric")
    graph = bipartite(features=np.arange(10.0).reshape(5, 2), labels=np.arange(5))
    made = to_pyg(graph)
    assert made.node_types == ["user", "item"]
    assert made["user", "to", "item"].edge_index.tolist() == [[0, 0, 1, 1], [0, 2, 1, 2]]
    again = as_graph(made)
    same(again, graph)
    assert again.type_names == ("user", "item")
    assert str(again.features) == str(graph.features)
    # As torch_geometric.transforms.ToUndirected leaves it: every edge once in each direction.
    made["item", "rev_to", "user"].edge_index = made["user", "to", "item"].edge_index.flip(0)
    made["item", "rev_to", "user"].edge_weight = made["user", "to", "item"].edge_weight
    same(as_graph(made), graph)
    made["user", "knows", "user"].edge_index = made["user", "to", "item"].edge_index[:, :1]
    with pytest.raises(InputError, match="two types of nodes with edges between them"):
        as_graph(made)


def test_types_in_pyg_and_in_python() -> None:
    graph = Graph.from_pairs([("ann", "tea"), ("bob", "tea")])
    by_name = {"ann": "person", "bob": "person", "tea": "food"}
    typed = as_graph(graph, types=by_name)
    assert typed.type_names == ("food", "person")
    assert as_graph([("ann", "tea"), ("bob", "tea")], types=by_name, bipartite=True).kind == (
        "bipartite"
    )
    in_order = as_graph(graph, types=["person", "person", "food"])
    assert str(in_order.node_types) == str(typed.node_types)
    with pytest.raises(InputError, match=r"types: node 'tea' has none \(1 such node\)"):
        as_graph(graph, types={"ann": "person", "bob": "person"})
    library("torch_geometric")
    assert to_pyg(typed).node_type.tolist() == [1, 1, 0]


def test_frames_of_two_kinds_are_bipartite_and_list_the_first_kind_first() -> None:
    pandas = library("pandas")
    graph = as_graph(pandas.DataFrame({"user": [1, 2], "item": [2, 2]}))
    assert graph.kind == "bipartite"
    assert graph.type_names == ("user", "item")
    frame = to_pandas(graph)
    assert frame["source"].tolist() == ["user:1", "user:2"]
    assert frame["target"].tolist() == ["item:2", "item:2"]


def test_a_graph_has_its_own_kind() -> None:
    with pytest.raises(
        InputError, match="signed: makes no sense with a Graph, which is undirected"
    ):
        as_graph(Graph.from_pairs([("a", "b")]), signed=True)
    with pytest.raises(InputError, match="signed: give weights, whose signs"):
        as_graph(sparse.csr_array(np.eye(3)[::-1]), signed=True)


def test_what_cannot_say_its_sides_is_one_line() -> None:
    torch = library("torch")
    with pytest.raises(InputError, match="bipartite: the edge_index does not say"):
        as_graph(torch.tensor([[0, 1], [1, 2]]), bipartite=True)


def test_types_of_a_hetero_data_keep_their_own_features() -> None:
    torch = library("torch")
    data = library("torch_geometric.data").HeteroData()
    data["user"].x, data["item"].x = torch.ones(2, 3), 2 * torch.ones(3, 1)
    data["user", "has", "item"].edge_index = torch.tensor([[0, 1, 1], [0, 0, 2]])
    graph = as_graph(data)
    assert graph.features is not None
    rows = sparse.csr_array(graph.features).toarray()[graph.index(["user:0", "item:2"])].tolist()
    assert sorted(rows[0]) == [0, 0, 1, 1, 1, 1]
    assert sorted(rows[1]) == [0, 0, 0, 0, 1, 2]
    del data["item"].x
    data["item"].num_nodes = 3
    graph = as_graph(data)
    assert graph.features is not None
    assert graph.features.shape == (5, 5)
