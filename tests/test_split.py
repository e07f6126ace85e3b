import gc
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from graphs import dense, graphs, random_graph
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vgae.errors import InputError
from vgae.graph import Graph
from vgae.split import (
    HeldOut,
    Split,
    SplitSettings,
    TrainingView,
    load_split,
    sample_non_edges,
    save_split,
    split_edges,
)

WIDE: dict[str, Any] = {"validation": 0.2, "test": 0.3}


def unordered(*parts: np.ndarray) -> list[frozenset[int]]:
    return [frozenset(pair) for part in parts for pair in part.tolist()]


def rewrite(path: Path, **changes: Any) -> None:
    """Change arrays of a split's file, or what it says of itself."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    about = json.loads(str(arrays["about"]))
    for name, value in changes.items():
        (arrays if name in arrays else about)[name] = value
    np.savez(path, **arrays | {"about": np.array(json.dumps(about))})


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
    for arguments in (
        {"test": 2.0},
        {"test": 1.0},
        {"validation": 1.0},
        {"validation": -0.1},
        {"protocol": "tv"},
        {"test": "x"},
    ):
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
        patch.setattr("vgae.split.FORMAT_VERSION", 2)
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


# ------------------------------------------------------------------- made by hand


def made(karate: Graph) -> Split:
    return split_edges(karate, validation=0.1, test=0.1, seed=0)


def test_the_parts_of_a_split_make_it_again(karate: Graph) -> None:
    split = made(karate)
    again = Split(karate, split.train, split.validation, split.test, split.settings, split.seed)
    assert again.training.messages.fingerprint == split.training.messages.fingerprint
    assert SplitSettings.of_sizes(0).proportions == {"train": 1.0, "validation": 0.0, "test": 0.0}
    rounded_up = SplitSettings(validation=0.09, test=0.09)  # 7 of 78 are 0.0897
    assert replace(split, settings=rounded_up).settings is rounded_up


def test_a_split_cannot_lie_whoever_makes_it(karate: Graph) -> None:
    split = made(karate)
    train, validation, test = split.train, split.validation, split.test
    plain = Graph.from_edges(train.edges, n_nodes=34)
    named = Graph.from_edges(train.edges, ids=[f"n{i}" for i in range(34)])
    first, stray = test.positives[:1], test.negatives[:1]
    cases: list[tuple[dict[str, Any], str]] = [
        ({"train": karate}, "a pair is both in the training edges and in the validation edges"),
        ({"graph": train}, "validation edges, row 0: .* is no edge of the whole graph, which"),
        ({"graph": train, "settings": SplitSettings(protocol="TV")}, "no edge of the whole graph"),
        ({"graph": split.training.known}, "test edges, row 0: .* is no edge of the whole graph"),
        ({"train": train.with_edges(train.edges[1:])}, r"the edge \(.*\) of the whole graph is in"),
        ({"test": HeldOut(test.negatives, test.positives)}, "test edges, row 0: .* is no edge"),
        ({"test": validation}, "both in the validation edges and in the test edges"),
        ({"test": HeldOut(test.positives, test.positives)}, "in the test edges and in the test n"),
        ({"test": HeldOut(test.positives, test.negatives[1:])}, "test has 6 negatives for 7 pos"),
        ({"test": HeldOut(test.positives[:0], stray)}, "test has 1 negative for 0 positives"),
        (
            {"test": HeldOut(test.positives, np.concatenate([test.negatives[1:], first[:, ::-1]]))},
            "both in the test edges and in the test negatives",
        ),
        ({"test": HeldOut([*test.positives[1:], (0, 34)], test.negatives)}, r"\(0, 34\) is outsi"),
        ({"test": HeldOut([*test.positives[1:], (3, 3)], test.negatives)}, "hold a self loop"),
        (
            {"test": HeldOut([*test.positives[1:], test.positives[1, ::-1]], test.negatives)},
            "a pair is twice in the test edges",
        ),
        (
            {"test": HeldOut(test.positives, [*test.negatives[1:], test.negatives[1, ::-1]])},
            "a pair is twice among the negatives",
        ),
        (
            {"test": HeldOut(test.positives, [*test.negatives[1:], validation.negatives[0]])},
            "a pair is twice among the negatives",
        ),
        ({"test": (test.positives, test.negatives)}, "test is tuple, not HeldOut"),
        ({"validation": None}, "validation is NoneType, not HeldOut"),
        ({"graph": karate.adjacency}, "graph is csr_array, not a Graph"),
        ({"train": None}, "train is NoneType, not a Graph"),
        ({"train": named}, "nodes of the training graph, or their features, are others"),
        ({"train": train.with_features(np.ones((34, 1)))}, "or their features, are others"),
        ({"train": plain}, "weights of training edges are not those of the whole graph"),
        ({"train": replace(train, directed=True)}, "a directed graph cannot be split"),
        ({"settings": SplitSettings()}, "7 validation and 7 test edges of 78 are not the 0.05 and"),
        ({"settings": SplitSettings(validation=0.109, test=0.1)}, "7 validation .* not the 0.109"),
        ({"settings": SplitSettings(validation=0.1, test=0.2)}, "of_sizes gives the true ones"),
        ({"settings": {"test": 0.1}}, "settings are no SplitSettings"),
        ({"seed": -1}, "seed -1"),
        ({"seed": None}, "seed None"),
    ]
    for changes, said in cases:
        with pytest.raises(InputError, match=said) as caught:
            replace(split, **changes)
        assert "\n" not in str(caught.value)


def test_without_holdout_takes_no_pairs_in_by_the_back_door(karate: Graph) -> None:
    whole = Split.without_holdout(karate)
    with pytest.raises(InputError, match="both in the training edges and in the test edges"):
        replace(whole, test=HeldOut(karate.edges[:2], [(0, 9), (0, 14)]))


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (np.array([[0, 1, 2], [3, 4, 5]]), r"positives: shape \(2, 3\) is not .*; transpose it"),
        (np.zeros((2, 2, 2), dtype=int), r"positives: shape \(2, 2, 2\) is not \(n_pairs, 2\)"),
        ([[0.0, 1.0]], "positives: node indices must be integers, not float64"),
        ([["a", "b"]], "positives: node indices must be integers"),
        ([[True, False]], "positives: node indices must be integers, not bool"),
        ([[0, 1], [2]], "positives: not all rows are pairs"),
        ([[0, 1], [-1, 2]], r"positives, row 1: \(-1, 2\) has no such node"),
    ],
)
def test_held_out_pairs_are_pairs_of_node_indices(pairs: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        HeldOut(pairs, pairs)


def test_lists_and_narrow_integers_are_pairs_too_and_are_copied() -> None:
    mine = np.array([[0, 1]], dtype=np.uint16)
    pairs = HeldOut(mine, [(0, 2)])
    assert pairs.positives.dtype == pairs.negatives.dtype == np.int64
    mine[0, 0] = 7
    assert pairs.positives.tolist() == [[0, 1]]
    with pytest.raises(ValueError, match="read-only"):
        pairs.positives[0, 0] = 5
    assert not HeldOut.nothing()


# ------------------------------------------------------------------ what methods see


def reachable(start: object) -> list[Any]:
    """All objects that can be reached from one, but for classes and modules."""
    seen, todo = {id(start): start}, [start]
    while todo:
        for item in gc.get_referents(todo.pop()):
            if id(item) not in seen and not isinstance(item, (type, type(gc))):
                seen[id(item)] = item
                todo.append(item)
    return [*seen.values()]


@pytest.mark.parametrize("protocol", ["T", "TV"])
def test_no_test_pair_can_be_reached_from_what_a_method_gets(cora: Graph, protocol: Any) -> None:
    split = split_edges(cora, seed=0, protocol=protocol)
    view = split.training
    assert view is split.training
    n_nodes = cora.n_nodes
    hidden = {
        int(code)
        for pairs in (split.test.positives, split.test.negatives)
        for a, b in pairs.tolist()
        for code in (a * n_nodes + b, b * n_nodes + a)
    }
    arrays = [item for item in reachable(view) if isinstance(item, np.ndarray)]
    # The collector does not see what an array is a view of.
    while bases := [array.base for array in arrays if isinstance(array.base, np.ndarray)]:
        arrays = [array for array in arrays if not isinstance(array.base, np.ndarray)] + bases
    kinds = {(array.shape, array.dtype.kind) for array in arrays}
    assert ((len(split.validation.positives), 2), "i") in kinds  # the search does find pairs
    for array in arrays:
        if array.dtype.kind == "i" and array.ndim == 2 and array.shape[1] == 2:
            assert not hidden & set((array[:, 0] * n_nodes + array[:, 1]).tolist())
    for graph in (view.train, view.known, view.messages):
        assert (graph.places(split.test.positives) < 0).all()
    assert not any(item is split or item is cora or item is split.test for item in reachable(view))


def test_a_view_holds_what_training_takes(karate: Graph) -> None:
    for protocol, n_messages in (("T", 64), ("TV", 71)):
        split = split_edges(karate, validation=0.1, test=0.1, protocol=protocol, seed=0)  # type: ignore[arg-type]
        view = split.training
        assert view.train is split.train
        assert (view.known.n_edges, view.messages.n_edges) == (71, n_messages)
        assert view.messages is split.message_graph()
        assert view.known.weights is not None
        back = view.as_split()
        assert back.graph is view.known
        assert not back.test
        assert back.settings.protocol == protocol
        assert back.training.messages.fingerprint == view.messages.fingerprint
        with pytest.raises(InputError, match="no edge of the whole graph"):
            replace(view, known=split.train)
        with pytest.raises(InputError, match="of the whole graph is in no part"):
            replace(view, known=karate)
        with pytest.raises(InputError, match="protocol"):
            TrainingView(view.train, view.known, view.validation, "tv")  # type: ignore[arg-type]


def test_non_edges_of_a_graph_without_edges() -> None:
    empty = Graph.from_edges([], n_nodes=40)
    found = sample_non_edges(empty, 9, np.random.default_rng(0), advice="ask for fewer")
    assert len(set(unordered(found))) == 9
    assert (found[:, 0] < found[:, 1]).all()


def test_a_part_of_which_nothing_is_asked_is_empty(karate: Graph) -> None:
    split = split_edges(karate, validation=0.0, test=0.1, seed=0)
    assert (len(split.validation.positives), len(split.test.positives)) == (0, 7)
    assert split.training.known is split.train
    pair = split_edges(Graph.from_edges([(0, 1)]), validation=0.0, test=0.0, seed=0)
    assert pair.train.n_edges == 1
