from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vgae import Graph, InputError
from vgae.data import generator
from vgae.data.generator import generate_graph


def test_a_folder_holds_the_same_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = generate_graph(300, 2000, n_features=3, seed=4)
    found = generate_graph(300, 2000, n_features=3, seed=4, folder=tmp_path / "graph")
    assert found.fingerprint == made.fingerprint
    assert found.labels is not None
    assert made.labels is not None
    assert found.labels.tolist() == made.labels.tolist()
    assert made.fingerprint != generate_graph(300, 2000, n_features=3, seed=5).fingerprint
    monkeypatch.setattr(generator, "FEATURE_ROWS", 7)
    again = generate_graph(300, 2000, n_features=3, seed=4, folder=tmp_path / "again")
    assert again.fingerprint == made.fingerprint


def test_degrees_are_skewed_and_edges_stay_inside() -> None:
    graph = generate_graph(5000, 40_000, n_communities=20, inside=0.9, seed=0)
    assert graph.n_edges == 40_000
    labels = graph.labels
    assert labels is not None
    same = labels[graph.edges[:, 0]] == labels[graph.edges[:, 1]]
    assert 0.85 < same.mean() < 0.97
    degrees = np.sort(graph.degrees)[::-1]
    assert degrees[:50].sum() > 0.1 * degrees.sum()
    apart = generate_graph(5000, 40_000, n_communities=20, inside=0.0, seed=0)
    assert apart.labels is not None
    assert (apart.labels[apart.edges[:, 0]] == apart.labels[apart.edges[:, 1]]).mean() < 0.15


def test_features_tell_the_community() -> None:
    graph = generate_graph(2000, 4000, n_features=16, n_communities=4, noise=0.5, seed=0)
    assert isinstance(graph.features, np.ndarray)
    assert graph.labels is not None
    centres = np.stack([graph.features[graph.labels == code].mean(axis=0) for code in range(4)])
    nearest = ((graph.features[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == graph.labels).mean() > 0.99


@pytest.mark.parametrize(
    ("sizes", "options", "said"),
    [
        ((10, 40), {}, "at most half"),
        ((10, -1), {}, "n_edges -1"),
        ((-1, 0), {}, "n_nodes -1"),
        ((10, 5), {"inside": 2.0}, "inside 2.0"),
        ((10, 5), {"exponent": 2.0}, "exponent 2.0"),
        ((10, 5), {"noise": float("nan")}, "noise"),
        ((10, 5), {"n_communities": 11}, "n_communities 11"),
        ((10, 5), {"n_features": -1}, "n_features -1"),
        ((200, 9000), {"n_communities": 100, "inside": 1.0}, "distinct edges"),
        ((10.5, 5), {}, "n_nodes 10.5: must be a whole number"),
        ((10, float("nan")), {}, "n_edges nan: must be a whole number"),
        ((float("inf"), 5), {}, "n_nodes inf: must be a whole number"),
        ((True, 0), {}, "n_nodes True: must be a whole number"),
        (("100", 5), {}, "n_nodes '100': must be a whole number"),
        ((10, None), {}, "n_edges None: must be a whole number"),
        ((10, 5), {"n_features": 2.5}, "n_features 2.5: must be a whole number"),
        ((10, 5), {"n_features": False}, "n_features False: must be a whole number"),
        ((10, 5), {"n_communities": "2"}, "n_communities '2': must be a whole number"),
        ((10, 5), {"inside": "0.8"}, "inside '0.8': must be a number"),
        ((10, 5), {"inside": True}, "inside True: must be a number"),
        ((10, 5), {"exponent": None}, "exponent None: must be a number"),
        ((10, 5), {"exponent": float("nan")}, "exponent nan: must be larger than 2"),
        ((10, 5), {"noise": "2"}, "noise '2': must be a number"),
        ((10, 5), {"noise": float("inf")}, "noise inf"),
        ((10, 5), {"noise": 1e300}, "noise 1e.300: must be 0 to 1e.30"),
        ((10, 5), {"inside": 10**400}, "inside: must be a number of 64 bits"),
        ((10, 5), {"n_features": 10**30}, "n_features 1000"),
        ((10, 5), {"seed": 1.0}, "seed 1.0: must be a whole number"),
        ((10, 5), {"seed": True}, "seed True: must be a whole number"),
    ],
)
def test_mistakes(sizes: tuple[Any, Any], options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        generate_graph(*sizes, **options)


@pytest.mark.parametrize("kind", [float, np.float32, np.int32])
def test_whole_numbers_of_any_type_are_the_same(kind: Any) -> None:
    found = generate_graph(kind(3000), kind(50), n_features=kind(2), n_communities=kind(3))
    made = generate_graph(3000, 50, n_features=2, n_communities=3)
    assert found.fingerprint == made.fingerprint


def test_small_graphs() -> None:
    assert generate_graph(0, 0).n_nodes == 0
    assert generate_graph(1, 0).n_edges == 0
    assert isinstance(generate_graph(6, 5, seed=2), Graph)
