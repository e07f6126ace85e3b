"""What an explanation says is so: sums, neighbours, and the edges that matter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.neighbors import kneighbors_graph

import vgae
from vgae.data.graph import Graph
from vgae.data.split import Split, split_edges
from vgae.ground.errors import InputError
from vgae.learning.baselines import baseline
from vgae.learning.explanation import explain, explain_many, with_graph
from vgae.learning.fitted import Fitted
from vgae.learning.fitting import fit, fit_baseline
from vgae.learning.settings import FitSettings
from vgae.people.api import make_estimator


def digits(n_nodes: int) -> Graph:
    """Images of digits, each linked to its five nearest."""
    images = load_digits().data[:n_nodes] / 16.0
    return Graph.from_scipy(
        kneighbors_graph(images, 5).maximum(kneighbors_graph(images, 5).T), features=images
    )


def fitted_to(graph: Graph, **settings: object) -> Fitted:
    given = {"steps": 20, **settings}
    return fit(Split.without_holdout(graph), FitSettings.of("vgae", **given))


def test_evidence_of_a_combiner_adds_up_and_comes_first() -> None:
    fitted = make_estimator("gae", combiner="logistic", steps=5).fit(digits(60)).fitted_
    (found,) = explain_many(fitted, [(0, 30)])
    assert sum(part.amount for part in found.parts) == pytest.approx(found.score, abs=1e-4)
    assert sum(part.amount for part in found.by_kind()) == pytest.approx(found.score, abs=1e-4)
    assert found.parts[0].name == "the mean pair"
    assert found.scale == "logit"
    largest = next(part for part in found.by_kind() if part.kind != "constant")
    assert found.why.startswith(f"{largest.kind} {largest.amount:+.2f}")
    left_out = explain(fitted, (0, 30))
    assert 0 < left_out.n_edges_tried <= left_out.n_edges
    assert any(edge.effect != 0 for edge in left_out.edges)


def test_neighbours_and_known_pairs() -> None:
    graph = Graph.from_pairs(
        [("a", "x"), ("b", "x"), ("a", "y"), ("b", "y"), ("y", "z"), ("c", "z"), ("a", "c")]
    )
    fitted = fitted_to(graph)
    found = explain(fitted, tuple(graph.index(["a", "b"]).tolist()))
    assert [tuple(one) for one in found.common_neighbors] == [("x", 2), ("y", 3)]
    assert found.n_common_neighbors == 2
    assert {one.source for one in found.similar} <= {"a", "b"}
    assert {(one.source, one.target) for one in found.similar} == {
        ("a", "x"), ("a", "y"), ("a", "c"), ("b", "x"), ("b", "y"),
    }  # fmt: skip
    vectors = dict(zip(fitted.ids.tolist(), fitted.embedding, strict=True))
    for one in found.similar:
        u, v = vectors[one.target], vectors[one.like]
        cosine = float(u @ v / np.linalg.norm(u) / np.linalg.norm(v))
        assert one.similarity == pytest.approx(cosine, abs=1e-5)
    assert "2 common neighbours (x and y)" in found.why
    assert "\n" not in found.why


def test_two_sides_have_no_neighbours_in_common() -> None:
    edges, sides = [(0, 3), (0, 4), (1, 3), (1, 5), (2, 5)], [0, 0, 0, 1, 1, 1]
    graph = Graph.from_edges(edges, kind="bipartite", node_types=sides, type_names=["user", "item"])
    (found,) = explain_many(fitted_to(graph), [(0, 5)])
    assert found.n_common_neighbors is None
    assert found.common_neighbors == ()
    assert "common" not in found.why
    assert "is linked to" in found.why


def test_a_baseline_says_what_is_near() -> None:
    graph = vgae.load_dataset("karate")
    fitted = fit_baseline(Split.without_holdout(graph), baseline("adamic-adar"))
    found = explain(fitted, (0, 33))
    assert found.parts == ()
    assert found.edges == ()
    assert found.n_common_neighbors == 4
    assert found.scale == "score"
    assert found.similar == ()


def test_a_stored_model_needs_its_graph_for_features_only(tmp_path: Path) -> None:
    graph = digits(80)
    model = vgae.VGAE(steps=10).fit(graph)
    model.save(tmp_path / "run")
    stored = vgae.load(tmp_path / "run").fitted_
    first, again = explain(model.fitted_, (0, 10)), explain(stored, (0, 10))
    assert [edge[:2] for edge in first.edges] == [edge[:2] for edge in again.edges]
    one, other = ([edge.effect for edge in found.edges] for found in (first, again))
    np.testing.assert_allclose(one, other, atol=1e-5)
    assert first.features
    assert not again.features
    assert "give the graph (--graph)" in again.notes[-1]
    helped = explain(stored, (0, 10), graph=graph)
    assert [one.name for one in helped.features] == [one.name for one in first.features]
    with pytest.raises(InputError, match="of the fit: 81 nodes instead of 80, .* edges instead of"):
        with_graph(stored, digits(81))


def test_a_graph_without_the_nodes_that_joined_is_refused(karate: Graph) -> None:
    model = vgae.GAE(steps=1).fit(karate)
    joined = model.with_nodes(edges=[(99, 0)])
    with pytest.raises(InputError, match="nodes have joined this model since its fit"):
        with_graph(joined.fitted_, karate)


def test_features_have_the_names_of_their_columns() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(
        {"age": [1.0, 2.0, 3.0, 4.0], "team": ["red", "blue", "red", "blue"]}, index=list("abcd")
    )
    model = vgae.VGAE(steps=5).fit([("a", "b"), ("b", "c"), ("c", "d")], features=table)
    found = explain(model.fitted_, (0, 2))
    assert {one.name for one in found.features} <= {"age", "team=red", "team=blue"}
    assert found.features


# ------------------------------------------------------------------ faithfulness


def score_without(fitted: Fitted, edges: NDArray[np.int64], pair: tuple[int, int]) -> float:
    """The score where the network encodes the graph without several edges."""
    graph = fitted.split.message_graph()
    codes = graph.edges @ np.array([graph.n_nodes, 1])
    kept = graph.edges[~np.isin(codes, np.sort(edges, axis=1) @ np.array([graph.n_nodes, 1]))]
    assert len(kept) == graph.n_edges - len(edges)
    network = fitted.network
    inputs = None if graph.features is None else fitted.scaling.apply(graph.features)
    with torch.no_grad():
        latent = network.encode(network.prepare(graph.with_edges(kept), inputs))
        given = network.linked_mean(latent.mean, latent.std())
        return float(network.pair_scores(given, torch.tensor([pair]))[0])


def falls(fitted: Fitted, n_links: int, n_removed: int = 3) -> NDArray[np.float64]:
    """By how much scores of held-out links fall without named edges, and without random ones."""
    random, graph = np.random.default_rng(0), fitted.split.graph
    rows = []
    for first, second in fitted.split.test.positives[:n_links].tolist():
        found = explain(fitted, (first, second))
        if found.n_edges < 2 * n_removed:
            continue
        named = [(edge.source, edge.target) for edge in found.edges[:n_removed]]
        every = np.array([(edge.source, edge.target) for edge in found.edges])
        others = every[random.choice(len(every), n_removed, replace=False)]
        row = []
        for ends in (named, others):
            removed = graph.index(np.array(ends).ravel()).reshape(-1, 2)
            row.append(found.score - score_without(fitted, removed, (first, second)))
        rows.append(row)
    return np.array(rows)


def check_faithful(found: NDArray[np.float64]) -> None:
    named, others = found.T
    assert named.mean() > 2 * abs(others.mean())
    assert (named > others).mean() > 0.9
    assert (named > 0).mean() > 0.9


def test_scores_fall_without_the_named_edges() -> None:
    split = split_edges(digits(400), seed=0)
    fitted = fit(split, FitSettings.of("vgae", steps=50))
    found = falls(fitted, 25)
    assert len(found) >= 20
    check_faithful(found)


@pytest.mark.slow
def test_scores_of_two_hundred_links_fall_without_the_named_edges(cora: Graph) -> None:
    fitted = fit(split_edges(cora, seed=0), FitSettings.of("vgae"))
    found = falls(fitted, 320)[:200]
    assert len(found) == 200
    check_faithful(found)


def test_long_names_are_shortened_in_the_line_and_nowhere_else() -> None:
    names = [letter * 300 for letter in "abcd"]
    graph = Graph.from_pairs([(names[0], names[1]), (names[1], names[2]), (names[2], names[3])])
    found = explain(fitted_to(graph), tuple(graph.index([names[0], names[2]]).tolist()))
    assert f"1 common neighbour ({'b' * 40}...)" in found.why
    assert "b" * 41 not in found.why
    assert "c" * 41 not in found.why
    told = found.as_dict()
    assert told["common_neighbors"] == [{"node": names[1], "degree": 2}]
    assert told["source"] == names[0]


def test_the_edges_that_were_not_tried_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = fitted_to(Graph.from_edges([(0, 1), (1, 2), (2, 3), (3, 4)]))
    monkeypatch.setattr("vgae.learning.removals.LocalRemovals.most", 3)
    found = explain(fitted, (0, 2))
    assert (found.n_edges, found.n_edges_tried) == (4, 3)
    assert found.notes == (
        "the score was computed without each of 3 edges near the pair in turn; the other 1 was not "
        "tried",
    )
