"""Splits in files: what is written is read back, and nothing else is accepted."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graphs import random_graph

from vgae.data.graph import Graph
from vgae.data.split import HeldOut, SplitSettings, load_split, save_split, split_edges
from vgae.ground.errors import InputError


def rewrite(path: Path, **changes: Any) -> None:
    """Change arrays of a split's file, or what it says of itself."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    about = json.loads(str(arrays["about"]))
    for name, value in changes.items():
        (arrays if name in arrays else about)[name] = value
    np.savez(path, **arrays | {"about": np.array(json.dumps(about))})


def test_a_split_survives_the_disk(tmp_path: Path, karate: Graph) -> None:
    split = split_edges(karate, validation=0.1, test=0.2, protocol="TV", seed=5)
    save_split(split, tmp_path / "split.npz")
    back = load_split(tmp_path / "split.npz", karate)
    assert back.train.fingerprint == split.train.fingerprint
    assert (back.settings, back.seed) == (split.settings, 5)
    for ours, theirs in ((back.validation, split.validation), (back.test, split.test)):
        assert np.array_equal(ours.positives, theirs.positives)
        assert np.array_equal(ours.negatives, theirs.negatives)


def test_a_split_of_another_graph_is_refused(tmp_path: Path, karate: Graph) -> None:
    path = tmp_path / "split.npz"
    save_split(split_edges(karate, seed=0), path)
    with pytest.raises(InputError, match="not those of this graph"):
        load_split(path, karate.with_edges(karate.edges[1:]))
    with pytest.raises(InputError, match="34 nodes, but the graph has 40"):
        load_split(path, random_graph(40, 0.2, 0))


@pytest.mark.parametrize("leak", ["edge in test", "reversed", "negative twice", "loop", "outside"])
def test_a_leak_is_found_when_read_back(tmp_path: Path, karate: Graph, leak: str) -> None:
    split = split_edges(karate, seed=0)
    test = split.test.negatives.copy()
    match leak:
        case "edge in test":
            test[0] = split.train.edges[0]
        case "reversed":
            test[0] = split.train.edges[0][::-1]
        case "negative twice":
            test[0] = split.validation.negatives[0][::-1]
        case "loop":
            test[0] = (4, 4)
        case "outside":
            test[0] = (0, 99)
    with pytest.raises(InputError, match="split: "):
        replace(split, test=HeldOut(split.test.positives, test))
    path = tmp_path / "split.npz"
    save_split(split, path)
    rewrite(path, test_negatives=test)
    with pytest.raises(InputError, match="split.npz: "):
        load_split(str(path), karate)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": "x"}, "seed"),
        ({"format_version": "1"}, "format_version"),
        ({"settings": {"test": 2.0}}, "settings.test"),
        ({"train_edges": np.ones((3, 2))}, "not pairs of node indices"),
        ({"train_edges": np.array([[0, -1]])}, "outside the graph"),
    ],
)
def test_files_that_say_nonsense_are_refused(
    tmp_path: Path, karate: Graph, change: dict[str, Any], said: str
) -> None:
    path = tmp_path / "split.npz"
    save_split(split_edges(karate, seed=0), path)
    rewrite(path, **change)
    with pytest.raises(InputError, match=f"split.npz: .*{said}"):
        load_split(path, karate)


def test_damaged_and_newer_files_are_refused(tmp_path: Path, karate: Graph) -> None:
    path = tmp_path / "split.npz"
    save_split(split_edges(karate, seed=0), path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="damaged"):
        load_split(path, karate)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="damaged"):
        load_split(path, karate)
    with pytest.raises(InputError, match="no such file"):
        load_split(tmp_path / "none.npz", karate)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vgae.data.split.archive.FORMAT_VERSION", 4)
        save_split(split_edges(karate, seed=0), path)
    with pytest.raises(InputError, match="newer"):
        load_split(path, karate)


def test_a_split_with_the_proportions_of_an_earlier_fit_is_still_read(
    tmp_path: Path, karate: Graph
) -> None:
    """Models that new nodes had joined were stored so, with more edges than were split."""
    path = tmp_path / "split.npz"
    split = split_edges(karate, validation=0.1, test=0.2, protocol="TV", seed=0)
    save_split(split, path)
    rewrite(path, settings={"validation": 0.4, "test": 0.2, "protocol": "TV"})
    back = load_split(path, karate)
    assert back.settings == SplitSettings.of_sizes(78, validation=7, test=15, protocol="TV")
    assert back.train.fingerprint == split.train.fingerprint


def test_a_split_of_the_first_format_is_read_as_uniform(tmp_path: Path, karate: Graph) -> None:
    """It says nothing of negatives, which were drawn uniformly."""
    path = tmp_path / "split.npz"
    split = split_edges(karate, seed=0)
    save_split(split, path)
    rewrite(path, format_version=1, settings={"validation": 0.05, "test": 0.1, "protocol": "T"})
    assert load_split(path, karate).settings == split.settings


def test_damaged_groups_are_refused(tmp_path: Path, karate: Graph) -> None:
    path = tmp_path / "split.npz"
    split = split_edges(karate, seed=0, negatives="two-hop")
    save_split(split, path)
    assert load_split(path, karate).settings.negatives == "two-hop"
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    np.savez(path, **arrays, test_groups=np.array([0, 1, 99]))
    with pytest.raises(InputError, match="split.npz: groups: int64 of shape"):
        load_split(path, karate)
