from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from vgae import Graph, InputError, load_dataset
from vgae.data.mapped import (
    MANIFEST,
    About,
    ArrayWriter,
    check_array_folder,
    is_array_folder,
    mapped_arrays,
    matrix_of,
    staged_arrays,
    values_of,
)


def kinds() -> dict[str, Graph]:
    pairs = [("a", "b"), ("b", "c"), ("c", "dé")]
    plain = Graph.from_pairs(pairs)
    return {
        "plain": plain,
        "integers": Graph.from_pairs([(7, 3), (3, 90)]),
        "rows": Graph.from_edges([(0, 1), (1, 2)], n_nodes=5),
        "empty": Graph.from_edges([], n_nodes=0),
        "one node": Graph.from_edges([], n_nodes=1),
        "weighted": Graph.from_pairs(pairs, weights=[1, 2, 3]).with_weight_means("count"),
        "directed": Graph.from_pairs(pairs, directed=True),
        "signed": Graph.from_pairs(pairs, weights=[1, -2, 3], kind="signed"),
        "bipartite": Graph.from_pairs([*pairs[:1], ("c", "dé")], kind="bipartite"),
        "times": Graph.from_pairs(pairs, times=[3.5, 1, 2]),
        "types": Graph.from_edges([(0, 1), (1, 2)], node_types=["u", "v", "w"]),
        "dense": plain.with_features(np.eye(4)).with_labels(["x", "y", "x", "ü"]),
        "sparse": plain.with_features(sparse.csr_array(np.eye(4))).with_labels([1, 0, 1, 1]),
        "a label missing": plain.with_labels(["x", None, "", "None"]),
        "no label": plain.with_labels([None, None, None, None]),
        "a number missing": plain.with_labels([1, None, 0, 1]),
        "merged": load_dataset("karate"),
    }


@pytest.mark.parametrize("name", list(kinds()))
def test_a_graph_comes_back_as_it_was(name: str, tmp_path: Path) -> None:
    graph = kinds()[name]
    graph.save(tmp_path / "graph")
    found = Graph.open(tmp_path / "graph")
    assert found.fingerprint == graph.fingerprint
    assert found.same_nodes(graph)
    assert repr(found) == repr(graph)
    assert found.cleaning == graph.cleaning
    assert found.weight_means == graph.weight_means
    for part in ("labels", "times", "node_types", "type_pairs", "weights"):
        ours, theirs = getattr(graph, part), getattr(found, part)
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_array_equal(ours, theirs)
    assert np.array_equal(found.edges, graph.edges)


def test_arrays_are_mapped_and_cannot_be_changed(tmp_path: Path) -> None:
    load_dataset("karate").save(tmp_path / "graph")
    indices = Graph.open(tmp_path / "graph").adjacency.indices
    root = indices
    while isinstance(root.base, np.ndarray):
        root = root.base
    assert isinstance(root, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        indices[0] = 3


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: (f / "indices.npy").write_bytes(b"x" * 700), "indices.npy: is damaged"),
        (lambda f: (f / "indptr.npy").unlink(), "indptr.npy: is missing"),
        (lambda f: (f / MANIFEST).write_text("{"), "is damaged"),
        (lambda f: (f / MANIFEST).write_text("[]"), "does not describe a graph"),
        (lambda f: (f / MANIFEST).unlink(), f"a folder without {MANIFEST}"),
        (lambda f: _change(f, version=9), "version 9 of the format"),
        (lambda f: _change(f, about={"kind": "odd", "n_nodes": 34}), "its checksum differs"),
        (lambda f: _change(f, arrays={}), "its checksum differs"),
        (lambda f: _change(f, checksum=None), "its checksum differs"),
    ],
)
def test_damage_is_one_line_that_names_the_file(damage: object, said: str, tmp_path: Path) -> None:
    folder = tmp_path / "graph"
    load_dataset("karate").save(folder)
    damage(folder)  # type: ignore[operator]
    with pytest.raises(InputError, match=said) as caught:
        Graph.open(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "edges.csv").touch()
    with pytest.raises(InputError, match="edges.csv: is a file, not a folder; vgae.read_graph"):
        Graph.open(tmp_path / "edges.csv")


def _change(folder: Path, **values: object) -> None:
    place = folder / MANIFEST
    place.write_text(json.dumps(json.loads(place.read_text()) | values))


@pytest.mark.parametrize(
    "indices", [[1, 0, 2, 9], [1, 0, 2, -1], [1, 2, 0, 1], [0, 0, 2, 1]], ids=str
)
def test_broken_indices_are_refused_even_with_the_right_checksum(
    indices: list[int], tmp_path: Path
) -> None:
    with staged_arrays(tmp_path / "graph") as writer:
        writer.put("indptr", np.array([0, 1, 3, 4], np.int32))
        writer.put("indices", np.array(indices, np.int32))
        writer.finish(About(kind="undirected", n_nodes=3))
    with pytest.raises(InputError, match="not sorted indices"):
        Graph.open(tmp_path / "graph")


def test_a_folder_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), staged_arrays(tmp_path / "graph") as writer:
        writer.put("ids", np.arange(3))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    graph = load_dataset("karate")
    graph.save(tmp_path / "graph")
    with pytest.raises(InputError, match="add --overwrite"):
        graph.save(tmp_path / "graph")
    graph.save(tmp_path / "graph", overwrite=True)
    (tmp_path / "graph" / "thesis.tex").touch()
    with pytest.raises(InputError, match="another file"):
        check_array_folder(tmp_path / "graph", overwrite=True)


def test_texts_and_matrices_come_back(tmp_path: Path) -> None:
    import pyarrow as pa

    writer = ArrayWriter(tmp_path)
    texts = pa.array(["", "né", "x"], pa.large_string())
    writer.put_texts("ids", texts.slice(1))
    writer.put_values("labels", np.array(["", "né"], dtype=object))
    writer.put_matrix("feature", sparse.csr_array(np.eye(2, 5, dtype=np.float32)))
    writer.finish(About(kind="undirected", n_nodes=2, n_features=5))
    assert is_array_folder(tmp_path)
    _, arrays = mapped_arrays(tmp_path)
    ids, labels = values_of(arrays, "ids"), values_of(arrays, "labels")
    assert ids is not None
    assert labels is not None
    assert ids.tolist() == ["né", "x"]
    assert labels.tolist() == ["", "né"]
    assert np.array_equal(matrix_of(arrays, "feature", 5).toarray(), np.eye(2, 5))
