"""Kinds of graphs: what each may hold, and that no version of a graph forgets its kind."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from vgae.data.graph import Graph
from vgae.data.kinds import KINDS, graph_kind
from vgae.ground.errors import InputError

RATINGS = sparse.csr_array(np.array([[5, 0, 1], [0, 3, 2]]))


def bipartite() -> Graph:
    return Graph.from_scipy(RATINGS, kind="bipartite", type_names=("user", "item"))


def every_kind() -> dict[str, Graph]:
    rows, weights = [(0, 1), (1, 2), (2, 0), (3, 1)], [1.0, -2.0, 1.0, -1.0]
    return {
        "undirected": Graph.from_edges(rows, times=[4, 3, 2, 1]),
        "directed": Graph.from_edges(rows, kind="directed", node_types=["a", "b", "a", "a"]),
        "bipartite": bipartite(),
        "signed": Graph.from_edges(rows, kind="signed", weights=weights),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_no_version_of_a_graph_forgets_its_kind(kind: Any) -> None:
    graph = every_kind()[kind].with_weight_means("value")
    versions: list[Graph] = [
        graph.with_edges(graph.edges[1:]),
        graph.with_pairs(graph.edges[:2]),
        graph.with_features(np.ones((graph.n_nodes, 1))),
        graph.with_labels(np.arange(graph.n_nodes)),
        graph.with_cleaning(graph.cleaning),
        graph.with_reading(None),
        replace(graph),
    ]
    for version in versions:
        assert (version.kind, version.weight_means) == (kind, "value")
        assert version.type_names == graph.type_names
        for part in ("node_types", "type_pairs"):
            assert np.array_equal(getattr(version, part), getattr(graph, part))
    fewer = graph.with_edges(graph.edges[2:])
    assert fewer.same_nodes(graph)
    if graph.times is not None:
        assert fewer.times is not None
        assert fewer.times.tolist() == graph.times[2:].tolist()
    if graph.weights is not None:
        assert fewer.weights is not None
        assert fewer.weights.tolist() == graph.weights[2:].tolist()


def test_kinds_have_fingerprints_of_their_own_and_old_kinds_keep_theirs() -> None:
    rows = [(0, 1), (2, 1)]
    plain = Graph.from_edges(rows)
    assert plain.fingerprint == "7dfcac92ea93f54ecd23117f6a20ec5dcba2bb701c13080a5eb6855085ec70ac"
    versions = [
        plain,
        Graph.from_edges(rows, directed=True),
        plain.with_types(["a", "b", "a"]),
        plain.with_types(["a", "b", "a"], bipartite=True),
        plain.with_weight_means("count"),
        Graph.from_edges(rows, weights=[1, 1], kind="signed"),
    ]
    assert len({version.fingerprint for version in versions}) == len(versions)
    assert not any(version.same_nodes(plain) for version in versions[1:4])


def test_times_are_those_of_the_edges_and_the_earliest_of_merged_rows() -> None:
    rows = [(2, 1), (0, 1), (1, 0), (1, 1), (1, 2)]
    graph = Graph.from_edges(rows, times=[5, 9, 7, 0, 6])
    assert graph.edges.tolist() == [[0, 1], [1, 2]]
    assert graph.times is not None
    assert graph.times.tolist() == [7, 5]
    arcs = Graph.from_edges(rows, times=[5, 9, 7, 0, 6], directed=True)
    assert arcs.times is not None
    assert arcs.times.tolist() == [9, 7, 6, 5]


def test_a_rectangular_matrix_is_a_bipartite_graph() -> None:
    graph = bipartite()
    assert graph.ids.tolist() == ["user:0", "user:1", "item:0", "item:1", "item:2"]
    assert graph.edges.tolist() == [[0, 2], [0, 4], [1, 3], [1, 4]]
    assert graph.weights is not None
    assert graph.weights.tolist() == [5, 1, 3, 2]
    assert str(graph) == "5 nodes (3 item, 2 user), 4 edges, bipartite, weighted, no features"
    assert not graph.cleaning


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_a_signed_weight_has_a_sign(value: float) -> None:
    with pytest.raises(InputError, match="row 0: .* is not a finite number other than 0"):
        Graph.from_edges([(0, 1)], weights=[value], kind="signed")


def test_signed_rows_add_up_with_their_signs() -> None:
    rows, weights = [(0, 1), (0, 1), (2, 1), (1, 2)], [-3, 1, 1, -4]
    graph = Graph.from_edges(rows, weights=weights, kind="signed")
    assert graph.weights is not None
    assert graph.weights.tolist() == [-2, -4]  # the larger of two directions by absolute value
    assert graph.cleaning.conflicts == 1
    assert graph.cleaning.opposites == 1


@pytest.mark.parametrize(
    ("weights", "kept"),
    [((-3, 3), -3), ((3, -3), -3), ((1, -2), -2), ((-2, 1), -2), ((2, -1), 2), ((-1, 2), 2)],
)
def test_the_stronger_direction_tells_the_sign_and_in_a_tie_the_foe(
    weights: tuple[int, int], kept: int
) -> None:
    graph = Graph.from_edges([(0, 1), (1, 0)], weights=weights, kind="signed")
    assert graph.weights is not None
    assert graph.weights.tolist() == [kept]
    assert (graph.cleaning.conflicts, graph.cleaning.opposites) == (1, 1)
    assert "of them 1 with opposite signs" in str(graph.cleaning)
    assert sum(graph.cleaning.rows.values()) == 1


def test_types_that_edges_join_are_kept_by_a_graph_of_fewer_edges() -> None:
    graph = Graph.from_edges([(0, 1), (1, 2)], node_types=["a", "b", "c"])
    part = graph.with_edges(graph.edges[:1])
    assert part.pair_space.n_pairs == graph.pair_space.n_pairs == 2
    with pytest.raises(InputError, match="edges, row 0: '0' and '2' are of the types 'a' and 'c'"):
        part.with_pairs([(0, 2)])
    arcs = Graph.from_edges([(0, 1)], node_types=["a", "b"], directed=True)
    with pytest.raises(InputError, match="edges, row 0: '1' and '0'"):
        arcs.with_pairs([(1, 0)])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: graph_kind("signed", directed=True), "cannot be directed and signed: give one"),
        (lambda: Graph.from_edges([(0, 1)], kind="signed"), "signed: give weights"),
        (lambda: Graph.from_edges([(0, 1)], kind="bipartite"), "bipartite: give node_types"),
        (
            lambda: Graph.from_edges([(0, 1)], weights=[-1]),
            r"weights, row 0: -1.0 is not a positive finite number \(kind='signed'",
        ),
        (
            lambda: Graph.from_edges([(0, 1), (1, 0)], weights=[1, 1], kind="signed").with_types(
                ["a", "b"], bipartite=True
            ),
            "takes undirected and bipartite graphs, and this one is signed",
        ),
        (
            lambda: Graph.from_edges([(0, 1)], kind="bipartite", node_types=["a", "a"]),
            "bipartite: 1 type of nodes",
        ),
        (
            lambda: Graph.from_pairs([("a", "b"), ("b", "c")], kind="bipartite"),
            "node 'b' is both first and second",
        ),
        (
            lambda: Graph.from_pairs([("a", "b")], nodes=["c"], kind="bipartite"),
            "node 'c' is in no pair",
        ),
        (lambda: Graph.from_scipy(RATINGS), r"shape \(2, 3\) is not square; kind='bipartite'"),
        (
            lambda: Graph.from_edges([(0, 1), (0, 1)], weights=[1, -1], kind="signed"),
            "the rows of '0' and '1' add up to 0",
        ),
        (
            lambda: Graph.from_edges([(0, 1)], weights=[0.5], weight_means="count"),
            "0.5 is no count",
        ),
        (lambda: Graph.from_edges([(0, 1)]).with_weight_means("counts"), "did you mean 'count'"),  # type: ignore[arg-type]
        (
            lambda: bipartite().require("katz", ["signed"]),
            "katz: takes signed graphs, and this one is bipartite",
        ),
    ],
)
def test_what_a_kind_cannot_hold_is_one_line(make: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        make()
    assert "\n" not in str(caught.value)
