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
    ],
)
def test_mistakes(sizes: tuple[int, int], options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        generate_graph(*sizes, **options)


def test_small_graphs() -> None:
    assert generate_graph(0, 0).n_nodes == 0
    assert generate_graph(1, 0).n_edges == 0
    assert isinstance(generate_graph(6, 5, seed=2), Graph)
