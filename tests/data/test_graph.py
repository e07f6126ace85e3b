from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from graphs import dense, graphs
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from vgae.data.graph import Cleaning, Graph
from vgae.ground.errors import InputError

PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=40)


@given(PAIRS)
def test_every_row_is_an_edge_or_counted(rows: list[tuple[int, int]]) -> None:
    graph = Graph.from_edges(rows, n_nodes=7)
    cleaning = graph.cleaning
    assert len(rows) == (
        graph.n_edges + cleaning.self_loops + cleaning.duplicates + cleaning.reversed_duplicates
    )
    assert {frozenset(edge) for edge in graph.edges.tolist()} == {
        frozenset(row) for row in rows if row[0] != row[1]
    }
    assert cleaning.self_loops == sum(a == b for a, b in rows)


@given(PAIRS)
def test_directed_graphs_keep_both_directions(rows: list[tuple[int, int]]) -> None:
    graph = Graph.from_edges(rows, n_nodes=7, directed=True)
    assert {tuple(edge) for edge in graph.edges.tolist()} == {
        row for row in rows if len({*row}) > 1
    }
    assert graph.cleaning.reversed_duplicates == 0


def test_merging_is_said() -> None:
    graph = Graph.from_edges([(0, 1), (0, 1), (1, 0), (2, 2)])
    assert graph.cleaning == Cleaning(self_loops=1, duplicates=1, reversed_duplicates=1)
    said = "dropped 1 self loop, merged 1 duplicate row, merged 1 reversed row"
    assert str(graph.cleaning) == said
    assert said in repr(graph)
    assert not Cleaning()
    assert str(Cleaning()) == "nothing dropped or merged"


def test_weights_of_one_direction_add_and_those_of_two_are_one() -> None:
    rows = [(0, 1), (1, 0), (1, 2), (2, 1), (1, 2)]
    graph = Graph.from_edges(rows, weights=[1.0, 2.0, 0.5, 3.0, 2.5])
    assert graph.weights is not None
    assert graph.weights.tolist() == [2.0, 3.0]
    assert graph.adjacency[1, 0] == graph.adjacency[0, 1] == 2.0
    assert graph.cleaning == Cleaning(duplicates=1, reversed_duplicates=2, conflicts=1)
    assert "kept the stronger weight of 1 edge whose two directions differ" in str(graph.cleaning)
    directed = Graph.from_edges(rows, weights=[1.0, 2.0, 0.5, 3.0, 2.5], directed=True)
    assert directed.weights is not None
    assert directed.weights.tolist() == [1.0, 2.0, 3.0, 3.0]
    assert directed.cleaning == Cleaning(duplicates=1)


def test_sums_that_agree_but_for_rounding_are_no_conflict() -> None:
    rows = [(0, 1), (0, 1), (0, 1), (1, 0), (1, 0), (1, 0)]
    graph = Graph.from_edges(rows, weights=[0.1, 0.2, 0.3, 0.3, 0.2, 0.1])
    assert graph.cleaning == Cleaning(duplicates=4, reversed_duplicates=1)


def test_an_unweighted_graph_has_no_weights() -> None:
    assert Graph.from_edges([(0, 1), (1, 0)]).weights is None


def test_arrays_are_read_only_and_the_callers_stay_writable() -> None:
    features = np.ones((2, 3), dtype=np.float32)
    graph = Graph.from_edges([(0, 1)], features=features)
    features[0, 0] = 5.0
    assert isinstance(graph.features, np.ndarray)
    assert graph.features[0, 0] == 1.0
    arrays = [graph.features, graph.ids, graph.adjacency.data, graph.adjacency.indices]
    for array in (*arrays, graph.edges, graph.degrees):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"edges": [(0, 5)], "n_nodes": 3}, r"row 0: \(0, 5\) is outside"),
        ({"edges": [(0, -1)]}, "outside"),
        ({"edges": [(0, 1, 2)]}, r"not \(n_pairs, 2\)"),
        ({"edges": [(0.5, 1.0)]}, "must be integers, not float64 .for ids use Graph.from_pairs"),
        ({"edges": [(0, 1), (2,)]}, "every row must be a pair"),
        ({"edges": [(0, 1), (1, 2), (2, 0)], "n_nodes": 2}, r"edges, row 1: \(1, 2\) is outside"),
        (
            {"edges": np.array([[0, 2**63]], dtype=np.uint64)},
            "does not fit a signed 64-bit integer",
        ),
        ({"edges": [[0, 1, 2], [1, 2, 0]]}, r"shape \(2, 3\) is not \(n_pairs, 2\); transpose"),
        ({"edges": [(0, 1)], "weights": [np.nan]}, "row 0: nan"),
        ({"edges": [(0, 1)], "weights": [np.inf]}, "row 0: inf"),
        ({"edges": [(0, 1)], "weights": [-1.0]}, "not a positive"),
        ({"edges": [(0, 1)], "weights": [0.0]}, "omit pairs"),
        ({"edges": [(0, 1)], "weights": [1e300]}, "does not fit float32"),
        ({"edges": [(0, 1)], "weights": [1e-300]}, "does not fit float32"),
        ({"edges": [(0, 1)], "weights": [1.0, 2.0]}, "1 row"),
        ({"edges": [(0, 1)], "features": [[1.0], [np.nan]]}, "row 1, column 0: nan"),
        ({"edges": [(0, 1)], "features": [[1.0], [1e300]]}, "row 1, column 0: inf"),
        ({"edges": [(0, 1)], "features": [["a"], ["b"]]}, "not numeric"),
        ({"edges": [(0, 1)], "features": [1.0, 2.0]}, "n_nodes, n_features"),
        ({"edges": [(0, 1)], "features": [[], []]}, "n_nodes, n_features"),
        ({"edges": [(0, 1)], "weights": ["heavy"]}, "every weight must be a number"),
        ({"edges": [(0, 1)], "n_nodes": 3, "features": [[1.0], [2.0]]}, "2 rows for 3 nodes"),
        ({"edges": [(0, 1)], "labels": [1]}, "labels: 1 row for 2 nodes"),
        ({"edges": [(0, 1)], "labels": 1}, "labels: a single value for 2 nodes"),
        ({"edges": [(0, 1)], "labels": [[1], [2]]}, r"labels: shape \(2, 1\) is not"),
        ({"edges": [(0, 1)], "ids": ["a", "a"]}, "'a' occurs more than once"),
        ({"edges": [(0, 1)], "ids": [7, 7]}, "7 occurs more than once"),
        ({"edges": [(0, 1)], "ids": ["a", 1]}, "all strings or all integers"),
    ],
)
def test_bad_input_is_one_clear_line(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        Graph.from_edges(**arguments)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_sparse_features_are_checked_with_their_place() -> None:
    matrix = sparse.csr_array(([1.0, np.inf], ([0, 2], [1, 3])), shape=(3, 4))
    with pytest.raises(InputError, match="row 2, column 3: inf"):
        Graph.from_edges([(0, 1)], features=matrix)


def test_pairs_of_ids_are_sorted_whatever_their_order() -> None:
    rows = [("c", "a"), ("b", "c")]
    graph, other = Graph.from_pairs(rows), Graph.from_pairs(rows[::-1])
    assert graph.ids.tolist() == ["a", "b", "c"]
    assert graph.edges.tolist() == [[0, 2], [1, 2]]
    assert graph.fingerprint == other.fingerprint


def test_integer_ids_sort_as_numbers() -> None:
    assert Graph.from_pairs(np.array([[10, 9], [9, 100]])).ids.tolist() == [9, 10, 100]


def test_further_nodes_join_without_edges() -> None:
    graph = Graph.from_pairs([("a", "b")], nodes=["z", "a"])
    assert graph.ids.tolist() == ["a", "b", "z"]
    assert graph.degrees.tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    "pairs",
    [
        [("a", 1)],
        [("a", "b"), (1, 2)],
        [("a",)],
        ["ab"],
        [1, 2],
        [(1.5, 2.0)],
        [(True, False)],
        [(2**64, 1)],
        (np.array(["a", "b"]), np.array(["c"])),
    ],
)
def test_bad_pairs_are_refused(pairs: list[object]) -> None:
    with pytest.raises(InputError):
        Graph.from_pairs(pairs)


def test_empty_graphs_exist() -> None:
    for graph in (Graph.from_pairs([]), Graph.from_edges([], n_nodes=0)):
        assert (graph.n_nodes, graph.n_edges) == (0, 0)
        assert graph.edges.shape == (0, 2)
        assert graph.normalized_adjacency().shape == (0, 0)
        assert len(graph.fingerprint) == 64


def test_scipy_symmetric_matrices_are_taken_as_they_are() -> None:
    matrix = sparse.coo_array(([2.0, 2.0, 0.0], ([0, 1, 0], [1, 0, 2])), shape=(3, 3))
    graph = Graph.from_scipy(matrix)
    assert graph.weights is not None
    assert graph.weights.tolist() == [2.0]
    assert not graph.cleaning


def test_scipy_asymmetric_matrices_are_merged_and_counted() -> None:
    graph = Graph.from_scipy(sparse.csr_array([[1, 1, 1], [1, 0, 0], [0, 0, 0]]))
    assert graph.n_edges == 2
    assert graph.weights is None
    assert graph.cleaning == Cleaning(self_loops=1, reversed_duplicates=1)
    # One entry out of symmetry must not change the weights of the others.
    weighted = Graph.from_scipy(sparse.csr_array([[0, 2.0, 1], [2, 0, 1], [0, 1, 0]]))
    assert weighted.weights is not None
    assert weighted.weights.tolist() == [2.0, 1.0, 1.0]
    with pytest.raises(InputError, match="not square"):
        Graph.from_scipy(sparse.csr_array((2, 3)))
    assert Graph.from_scipy(sparse.csr_array([[0, 2], [3, 0]])).cleaning.reversed_duplicates == 1
    one_way = Graph.from_scipy(sparse.csr_array([[0, 1, 0], [0, 0, 1], [0, 0, 0]]))
    assert (one_way.n_edges, one_way.cleaning) == (2, Cleaning())
    with pytest.raises(InputError, match="not a positive"):
        Graph.from_scipy(sparse.csr_array([[0, -1, 1], [0, 0, 0], [1, 0, 0]]))
    with pytest.raises(InputError, match="must be real numbers, not complex128"):
        Graph.from_scipy(sparse.csr_array([[0, 1j], [1j, 0]]))


def test_index_matches_text_and_numbers() -> None:
    numbers = Graph.from_pairs([(1, 20)])
    assert numbers.index(["20", "020", 1, "x", 3]).tolist() == [1, -1, 0, -1, -1]
    texts = Graph.from_pairs([("1", "b")])
    assert texts.index([1, "1", "b", "c"]).tolist() == [0, 0, 1, -1]


def test_fingerprint_sees_content_and_not_its_container() -> None:
    edges = [(0, 1), (1, 2)]
    base = Graph.from_edges(edges)
    assert base.fingerprint == Graph.from_edges(edges[::-1]).fingerprint
    assert base.fingerprint == Graph.from_scipy(base.adjacency).fingerprint
    others = [
        Graph.from_edges(edges, n_nodes=4),
        Graph.from_edges(edges[:1], n_nodes=3),
        Graph.from_edges(edges, ids=["0", "1", "2"]),
        Graph.from_edges(edges, weights=[1.0, 2.0]),
        Graph.from_edges(edges, features=np.eye(3)),
        Graph.from_edges(edges, directed=True),
    ]
    prints = {graph.fingerprint for graph in others}
    assert len(prints) == len(others)
    assert base.fingerprint not in prints
    assert Graph.from_edges(edges, labels=[1, 2, 3]).fingerprint == base.fingerprint


@given(graphs(max_nodes=40))
def test_normalized_adjacency_is_the_formula(graph: Graph) -> None:
    with_loops = dense(graph) + np.eye(graph.n_nodes)
    scale = np.diag(with_loops.sum(axis=1) ** -0.5)
    expected = scale @ with_loops @ scale
    np.testing.assert_allclose(graph.normalized_adjacency().toarray(), expected, rtol=1e-6)


def test_directed_graphs_are_not_normalized_by_mistake() -> None:
    with pytest.raises(InputError, match="undirected"):
        Graph.from_edges([(0, 1)], directed=True).normalized_adjacency()


def test_with_edges_keeps_weights_nodes_and_features() -> None:
    graph = Graph.from_edges(
        [(0, 1), (1, 2), (2, 3)], weights=[1.0, 2.0, 3.0], features=np.eye(4), labels=list("abcd")
    )
    fewer = graph.with_edges(np.array([[2, 3], [0, 1]]))
    assert fewer.weights is not None
    assert fewer.weights.tolist() == [1.0, 3.0]
    assert fewer.n_nodes == 4
    assert fewer.features is graph.features
    assert fewer.labels is graph.labels
    assert fewer.adjacency.toarray()[1, 0] == 1.0
    again = graph.with_edges([(1, 0), (3, 2), (0, 1)])  # in either direction, and as often as given
    assert again.fingerprint == fewer.fingerprint
    assert graph.with_features(None).features is None


def test_with_edges_takes_edges_of_the_graph_alone() -> None:
    graph = Graph.from_edges([(0, 1), (1, 2)], n_nodes=4)
    arrow = Graph.from_edges([(0, 1), (1, 2)], directed=True)
    assert graph.with_edges([]).n_edges == 0
    assert arrow.with_edges([(1, 2)]).edges.tolist() == [[1, 2]]
    for base, edges, said in (
        (graph, [(0, 1), (0, 3)], r"edges, row 1: \(0, 3\) is no edge of the graph"),
        (graph, [(1, 1)], r"edges, row 0: \(1, 1\) is no edge of the graph"),
        (graph, [(0, 1), (-1, 2)], r"edges, row 1: \(-1, 2\) is outside the 4 nodes"),
        (graph, [(0, 4)], r"edges, row 0: \(0, 4\) is outside the 4 nodes"),
        (arrow, [(1, 0)], r"edges, row 0: \(1, 0\) is no edge of the graph"),
        (graph.with_edges([]), [(0, 1)], "is no edge of the graph"),
    ):
        with pytest.raises(InputError, match=said):
            base.with_edges(edges)


# -------------------------------------------------------------- made from its parts

SQUARE = np.array([[0, 1, 0], [1, 0, 2], [0, 2, 0]], dtype=np.float32)
SQUARE_CSR = sparse.csr_array(SQUARE)


def csr(
    data: list[float], indices: list[int], starts: list[int], n_nodes: int = 3
) -> sparse.csr_array:
    matrix = sparse.csr_array((n_nodes, n_nodes), dtype=np.float32)
    matrix.data, matrix.indices = np.array(data, dtype=np.float32), np.array(indices, np.int32)
    matrix.indptr = np.array(starts, np.int32)  # behind the back of SciPy's own checks
    return matrix


@given(graphs(max_nodes=30))
def test_what_the_library_makes_passes_its_own_check(graph: Graph) -> None:
    for made in (graph, graph.with_edges(graph.edges[::2]), Graph.from_scipy(graph.adjacency)):
        again = replace(made)
        assert again.fingerprint == made.fingerprint
        assert (again.cleaning, again.directed) == (made.cleaning, made.directed)


def test_parts_are_taken_as_they_are_and_copied() -> None:
    parts = sparse.csr_array(SQUARE)
    features, ids, labels = np.eye(3, dtype=np.float32), ["a", "b", "c"], np.arange(3)
    graph = Graph(parts, ids, features, labels)  # type: ignore[arg-type]
    assert graph.fingerprint == Graph.from_scipy(SQUARE_CSR, ids=ids, features=features).fingerprint
    parts.data[:] = 9.0
    features[:] = 9.0
    labels[:] = 9
    assert graph.weights is not None
    assert graph.weights.tolist() == [1.0, 2.0]
    assert graph.features is not None
    assert graph.features.max() == 1.0
    assert graph.labels is not None
    assert graph.labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"adjacency": SQUARE}, "ndarray.* is not a SciPy CSR array of float32"),
        ({"adjacency": SQUARE_CSR.tocsc()}, "csc of float32 is not a SciPy CSR"),
        ({"adjacency": SQUARE_CSR.astype(np.float64)}, "csr of float64 is not a SciPy CSR"),
        ({"adjacency": sparse.csr_array(SQUARE[:2])}, r"shape \(2, 3\) is not"),
        ({"adjacency": csr([1, 1], [1, 0], [0, 1, 2, 2]), "ids": [0, 1]}, "ids: 2 rows for 3 nod"),
        ({"adjacency": csr([1, 1], [5, 0], [0, 1, 2, 2])}, "not a valid sparse matrix"),
        ({"adjacency": csr([1, 1], [-1, 0], [0, 1, 2, 2])}, "not a valid sparse matrix"),
        ({"adjacency": csr([1, 1], [1, 0], [0, 2, 1, 2])}, "not a valid sparse matrix"),
        ({"adjacency": csr([1], [1, 0], [0, 1, 2, 2])}, "not a valid sparse matrix"),
        ({"adjacency": csr([1, 1, 1, 1], [2, 1, 0, 0], [0, 2, 3, 4])}, "unsorted or repeated"),
        ({"adjacency": csr([1, 1, 1, 1], [1, 1, 0, 0], [0, 2, 4, 4])}, "unsorted or repeated"),
        ({"adjacency": csr([1, 1, 1], [1, 0, 2], [0, 1, 2, 3])}, "node 2 is linked to itself"),
        ({"adjacency": csr([1], [1], [0, 1, 1, 1])}, r"entries \(0, 1\) and \(1, 0\) differ"),
        ({"adjacency": csr([1, 2], [1, 0], [0, 1, 2, 2])}, r"\(0, 1\) and \(1, 0\) differ"),
        ({"adjacency": csr([0, 0], [1, 0], [0, 1, 2, 2])}, r"entry \(0, 1\): 0.0 is not a pos"),
        ({"adjacency": csr([-1, -1], [1, 0], [0, 1, 2, 2])}, "is not a positive"),
        ({"adjacency": csr([np.nan, np.nan], [1, 0], [0, 1, 2, 2])}, "is not a positive"),
        ({"adjacency": csr([np.inf, np.inf], [1, 0], [0, 1, 2, 2])}, "is not a positive"),
        ({"ids": ["a", "a", "b"]}, "'a' occurs more than once"),
        ({"ids": np.array(["a", 1, "b"], dtype=object)}, "all strings or all integers"),
        ({"ids": [0.5, 1.0, 2.0]}, "all strings or all integers"),
        ({"features": np.full((3, 1), np.nan)}, "features, row 0, column 0: nan"),
        ({"features": np.ones((2, 1))}, "features: 2 rows for 3 nodes"),
        ({"features": sparse.csr_array(np.diag([1.0, np.inf, 1.0]))}, "row 1, column 1: inf"),
        ({"labels": [1, 2]}, "labels: 2 rows for 3 nodes"),
        ({"kind": "direct"}, "unknown kind of graph 'direct': did you mean 'directed'"),
        ({"cleaning": None}, "cleaning must be a Cleaning"),
        ({"kind": "bipartite"}, "bipartite: give node_types, the side of each node"),
        (
            {"kind": "bipartite", "node_types": [0, 1, 1], "type_names": ("a", "b")},
            "edges, row 1: '1' and '2' are of the types 'b' and 'b', which no edge",
        ),
        ({"node_types": [0, 1, 2], "type_names": ("a", "b")}, "row 2: 2 is no place among the 2"),
        ({"node_types": ["a", "b"]}, "node_types: 2 rows for 3 nodes"),
        ({"node_types": ["a", "b", " "]}, "node_types, row 2: the node has no type"),
        ({"times": [1.0, np.nan]}, "times, row 1: nan is no finite number"),
        ({"times": [1.0]}, "times: shape \\(1,\\) for 2 rows"),
    ],
)
def test_a_graph_cannot_lie_whoever_makes_it(parts: dict[str, Any], said: str) -> None:
    whole = {"adjacency": SQUARE_CSR, "ids": [0, 1, 2], **parts}
    with pytest.raises(InputError, match=said) as caught:
        Graph(**whole)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=said):
        replace(Graph.from_scipy(SQUARE_CSR), **parts)


def test_a_directed_graph_need_not_be_symmetric() -> None:
    one_way = csr([1], [1], [0, 1, 1, 1])
    assert Graph(one_way, np.arange(3), kind="directed").edges.tolist() == [[0, 1]]


def test_types_of_nodes_have_features_of_their_own() -> None:
    graph = Graph.from_edges([(0, 1), (2, 1)], node_types=["u", "i", "u"])
    users, items = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[9.0]])
    expected = [[0, 1, 2, 0, 1], [9, 0, 0, 1, 0], [0, 3, 4, 0, 1]]  # i, u, u, is i, is u
    for parts in ({"u": users, "i": items}, {"u": sparse.csr_array(users), "i": items}):
        made = graph.with_features(parts)
        assert made.features is not None
        assert sparse.csr_array(made.features).toarray().tolist() == expected
    only = graph.with_features({"u": users}).features
    assert only is not None
    assert sparse.csr_array(only).toarray().tolist() == [[1, 2, 0, 1], [0, 0, 1, 0], [3, 4, 0, 1]]
    with pytest.raises(InputError, match="features of u: 1 row for 2 nodes of this type"):
        graph.with_features({"u": users[:1]})
    with pytest.raises(InputError, match="unknown type of nodes 'x'"):
        graph.with_features({"x": users})


@pytest.mark.parametrize("kind", ["undirected", "directed", "signed"])
def test_masks_keep_the_edges_that_they_name(kind: Any) -> None:
    random = np.random.default_rng(0)
    pairs, weights = random.integers(30, size=(200, 2)), random.integers(1, 4, size=200)
    graph = Graph.from_edges(pairs, weights=weights, n_nodes=33, kind=kind)
    for share in (0.0, 0.4, 1.0):
        kept = random.random(graph.n_edges) < share
        found = graph.where(kept)
        assert found.edges.tolist() == graph.edges[kept].tolist()
        assert graph.weights is not None
        expected = graph.with_pairs(graph.edges[kept], weights=graph.weights[kept])
        assert (
            found.fingerprint == expected.fingerprint == graph.with_edges(found.edges).fingerprint
        )
        assert found.adjacency.indices.tolist() == expected.adjacency.indices.tolist()
