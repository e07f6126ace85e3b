"""What is told of a graph before it is fitted."""

from __future__ import annotations

import json
import time
from pathlib import Path

import networkx
import numpy as np
import pytest
from scipy import sparse

from vgae.data.graph import Graph
from vgae.data.io import read_graph
from vgae.people.api import VGAE
from vgae.people.inspection import inspect_graph
from vgae.people.report import print_inspection


def test_routes_and_their_surprises(data_folder: Path) -> None:
    graph = read_graph(data_folder / "messy" / "routes.dat", source=3, target=5)
    found = inspect_graph(graph)
    assert (found.n_nodes, found.n_edges, found.rows) == (3425, 19_256, 67_663)
    assert found.cleaning == {
        "self_loops": 1,
        "duplicates": 30_068,
        "reversed_duplicates": 18_338,
        "incomplete": 0,
    }
    assert (found.components, found.isolated, found.degrees["largest"]) == (8, 0, 248)
    numeric = read_graph(
        data_folder / "messy" / "routes.dat", source=4, target=6, drop_incomplete=True
    )
    assert inspect_graph(numeric).rows == 67_663
    assert numeric.cleaning.incomplete == 423
    assert numeric.ids.dtype.kind == "i"


def test_votes_and_their_surprises(data_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        graph = read_graph(data_folder / "messy" / "wiki-Vote.txt")
    assert "tab-separated, 2 columns, names of columns from the comment above" in caplog.text
    assert "left out 4 comment lines" in caplog.text
    found = inspect_graph(graph)
    assert (found.n_nodes, found.n_edges, found.rows) == (7115, 100_762, 103_689)
    assert found.cleaning["reversed_duplicates"] == 2927
    assert (found.components, found.largest_component) == (24, 7066)


def test_figures_agree_with_networkx() -> None:
    graph = Graph.from_edges(
        np.random.default_rng(0).integers(60, size=(70, 2)),
        n_nodes=60,
        weights=np.linspace(0.5, 3, 70),
    )
    other = networkx.from_scipy_sparse_array(graph.adjacency)
    found = inspect_graph(graph)
    assert found.density == pytest.approx(networkx.density(other))
    assert found.components == networkx.number_connected_components(other)
    assert found.largest_component == max(map(len, networkx.connected_components(other)))
    assert found.isolated == networkx.number_of_isolates(other)
    degrees = [degree for _, degree in other.degree()]
    assert found.degrees["mean"] == pytest.approx(np.mean(degrees), abs=1e-3)
    assert sum(found.degree_counts.values()) == 60
    assert found.degree_counts["2-3"] == sum(degree in (2, 3) for degree in degrees)
    assert found.weights is not None
    assert graph.weights is not None
    assert found.weights == (graph.weights.min(), graph.weights.max())


@pytest.mark.parametrize(
    ("features", "preset", "kind"),
    [
        (None, "paper", None),
        (sparse.random_array((40, 30), density=0.1, rng=0), "unit", "sparse"),
        (np.random.default_rng(0).normal(size=(40, 3)), "paper", "dense"),
        (1000 * np.random.default_rng(0).normal(size=(40, 3)), "unit", "dense"),
    ],
)
def test_features_choose_the_preset(
    features: object, preset: str, kind: str | None, ring: Graph
) -> None:
    found = inspect_graph(ring.with_features(features))
    assert found.plan.preset == preset
    assert (None if found.features is None else found.features["kind"]) == kind


def test_corner_cases_can_be_told(capsys: pytest.CaptureFixture[str]) -> None:
    graphs = [
        Graph.from_edges([], n_nodes=0),
        Graph.from_edges([], n_nodes=1),
        Graph.from_edges([(0, 0)], n_nodes=3, labels=[1, 1, 2]),
        Graph.from_edges([(0, 1), (1, 0)], directed=True),
        Graph.from_edges([(0, 1)], features=sparse.csr_array((2, 4))),
    ]
    for graph in graphs:
        found = inspect_graph(graph)
        json.dumps(found.as_dict(), allow_nan=False)
        print_inspection(found.as_dict())
    assert found.features == {
        "number": 4,
        "kind": "sparse",
        "not_zero": 0.0,
        "least": 0.0,
        "largest": 0.0,
    }
    assert "too few edges to hold any out" in capsys.readouterr().out


def test_the_estimate_grows_as_the_work_does() -> None:
    random = np.random.default_rng(0)
    small, large = (
        inspect_graph(Graph.from_edges(random.integers(n, size=(4 * n, 2)), n_nodes=n)).plan
        for n in (2_000, 40_000)  # as many as an exact objective takes without being told
    )
    assert small.bytes < large.bytes < 1e9
    assert large.seconds > 20 * small.seconds > 0


@pytest.mark.slow
def test_the_estimate_is_near_the_truth(data_folder: Path) -> None:
    graph = read_graph(data_folder / "attributed" / "dblp.npz")
    VGAE(steps=2).fit(graph)
    plan = inspect_graph(graph).plan
    started = time.perf_counter()
    VGAE(steps=20).fit(graph)
    taken = (time.perf_counter() - started) / 20 * plan.steps
    assert taken / 3 < plan.seconds < taken * 3


def test_nodes_without_a_label_are_no_class() -> None:
    graph = Graph.from_edges([(0, 1)], n_nodes=5, labels=["x", None, "y", "x", float("nan")])
    assert inspect_graph(graph).labels == {"x": 2, "y": 1}
