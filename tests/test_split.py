import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from graphs import dense, graphs, random_graph
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vgae.errors import InputError
from vgae.graph import Graph
from vgae.split import HeldOut, Split, load_split, save_split, split_edges

WIDE: dict[str, Any] = {"validation": 0.2, "test": 0.3}


def unordered(*parts: np.ndarray) -> list[frozenset[int]]:
    return [frozenset(pair) for part in parts for pair in part.tolist()]


@settings(deadline=None)
@given(graphs(min_nodes=5, max_nodes=60), st.integers(0, 50))
def test_nothing_leaks(graph: Graph, seed: int) -> None:
    n_free = graph.n_nodes * (graph.n_nodes - 1) // 2 - graph.n_edges
    held_out = int(0.2 * graph.n_edges + 1e-9) + int(0.3 * graph.n_edges + 1e-9)
    assume(graph.n_edges >= 5)
    if held_out > n_free:
        with pytest.raises(InputError, match="without an edge"):
            split_edges(graph, **WIDE, seed=seed)
        return
    split = split_edges(graph, **WIDE, seed=seed)
    validation, test = split.validation, split.test
    edges = unordered(split.train.edges, validation.positives, test.positives)
    assert len(edges) == len(set(edges))
    assert set(edges) == set(unordered(graph.edges))
    negatives = unordered(validation.negatives, test.negatives)
    assert len(negatives) == len(set(negatives)) == held_out
    assert not set(negatives) & set(edges)
    assert all(len(pair) == 2 for pair in negatives)
    # The adjacency that messages and targets come from has neither direction of a held-out edge.
    for i, j in np.concatenate([validation.positives, test.positives]):
        assert dense(split.train)[i, j] == dense(split.train)[j, i] == 0


def test_cora_has_the_papers_sizes(cora: Graph) -> None:
    split = split_edges(cora, seed=0)
    sizes = [len(split.validation.positives), len(split.test.positives), split.train.n_edges]
    assert sizes == [263, 527, 4488]
    assert split.settings.proportions == {"train": 0.85, "validation": 0.05, "test": 0.1}
    assert split.settings.protocol == "T"


def test_sizes_are_rounded_down_but_not_by_binary_noise() -> None:
    for n_edges in range(20, 200, 20):
        path = Graph.from_edges([(i, i + 1) for i in range(n_edges)])
        split = split_edges(path, seed=1)
        assert len(split.validation.positives) == n_edges // 20
        assert len(split.test.positives) == n_edges // 10


def test_same_seed_same_split_whatever_ran_before(karate: Graph) -> None:
    first = split_edges(karate, seed=3)
    np.random.seed(0)
    second = split_edges(karate, seed=3)
    other = split_edges(karate, seed=4)
    assert np.array_equal(first.train.edges, second.train.edges)
    assert np.array_equal(first.test.negatives, second.test.negatives)
    assert not np.array_equal(first.train.edges, other.train.edges)


def test_negatives_are_uniform() -> None:
    graph = random_graph(8, 0.5, seed=0)
    counts = np.zeros((8, 8))
    for seed in range(3000):
        split = split_edges(graph, validation=0.1, test=0.1, seed=seed)
        for pairs in (split.validation.negatives, split.test.negatives):
            counts[pairs[:, 0], pairs[:, 1]] += 1
    free = counts[np.triu(1 - dense(graph), k=1).astype(bool)]
    expected = free.mean()
    assert ((free - expected) ** 2 / expected).sum() < 2 * free.size  # chi-square, far from chance
    assert counts.sum() == free.sum()


def test_protocols_say_which_edges_carry_messages(karate: Graph) -> None:
    protocols: list[tuple[Literal["T", "TV"], int]] = [("T", 0), ("TV", 3)]
    for protocol, extra in protocols:
        split = split_edges(karate, protocol=protocol, seed=0)
        messages = split.message_graph()
        assert messages.n_edges == split.train.n_edges + extra
        assert split.train.n_edges == 68
        assert messages.weights is not None  # the club's weights travel with the edges
        held_out = dense(messages)[tuple(split.test.positives.T)]
        assert not held_out.any()


@pytest.mark.parametrize(
    ("graph", "proportions", "said"),
    [
        (Graph.from_edges([], n_nodes=5), {}, "too few"),
        (Graph.from_edges([(0, 1)]), {}, "too few to hold out 0.05 of them for validation"),
        (Graph.from_edges([(0, 1), (2, 3)]), {"validation": 0.5, "test": 0.5}, "none to train on"),
        (random_graph(12, 1.0, 0), {}, "0 pairs without an edge"),
        (Graph.from_edges([(0, 1)], directed=True), {}, "directed"),
    ],
)
def test_graphs_that_cannot_be_split(
    graph: Graph, proportions: dict[str, float], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        split_edges(graph, **proportions, seed=0)  # type: ignore[arg-type]


def test_bad_arguments_are_one_clear_line(karate: Graph) -> None:
    with pytest.raises(InputError, match="takes a Graph, not list"):
        split_edges([(0, 1)], seed=0)  # type: ignore[arg-type]
    for arguments in ({"test": 2.0}, {"validation": -0.1}, {"protocol": "tv"}, {"test": "x"}):
        with pytest.raises(InputError, match="^split: ") as caught:
            split_edges(karate, seed=0, **arguments)
        assert "\n" not in str(caught.value)


def test_the_last_free_pairs_of_a_dense_graph_are_found() -> None:
    edges = np.argwhere(np.triu(np.ones((12, 12)), k=1))
    graph = Graph.from_edges(edges[9:], n_nodes=12)  # 57 edges, 9 free pairs, 2 + 5 needed
    split = split_edges(graph, seed=0)
    assert set(unordered(split.test.negatives)) <= set(unordered(edges[:9]))


def test_without_holdout_all_edges_train(karate: Graph) -> None:
    split = Split.without_holdout(karate)
    assert split.train is karate
    assert not split.test
    assert split.settings.proportions["train"] == 1.0


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
    leaky = Split(
        split.graph,
        split.train,
        split.validation,
        HeldOut(split.test.positives, test),
        split.settings,
        split.seed,
    )
    save_split(leaky, tmp_path / "split.npz")
    with pytest.raises(InputError, match="split.npz: "):
        load_split(str(tmp_path / "split.npz"), karate)


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
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    about = json.loads(str(arrays["about"]))
    for name, value in change.items():
        (arrays if name in arrays else about)[name] = value
    np.savez(path, **arrays | {"about": np.array(json.dumps(about))})
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
        patch.setattr("vgae.split.FORMAT_VERSION", 2)
        save_split(split_edges(karate, seed=0), path)
    with pytest.raises(InputError, match="newer"):
        load_split(path, karate)
