"""A split is checked whoever makes it, and no test pair can be reached from its view."""

import gc
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from graphs import dense

from vgae.data.graph import Graph
from vgae.data.split import HeldOut, Split, SplitSettings, TrainingView, split_edges
from vgae.ground.errors import InputError


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


def test_without_holdout_all_edges_train(karate: Graph) -> None:
    split = Split.without_holdout(karate)
    assert split.train is karate
    assert not split.test
    assert split.settings.proportions["train"] == 1.0


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
        ({"train": karate}, "a pair is in both the training edges and the validation edges"),
        (
            {"graph": train},
            "validation edges, row 0: .* not an edge of the whole graph, w",
        ),
        (
            {"graph": train, "settings": SplitSettings(protocol="TV")},
            "is not an edge of the whole",
        ),
        (
            {"graph": split.training.known},
            "test edges, row 0: .* is not an edge of the",
        ),
        ({"train": train.with_edges(train.edges[1:])}, r"the edge \(.*\) of the whole graph is in"),
        ({"test": HeldOut(test.negatives, test.positives)}, "test edges, row 0: .* is not an edge"),
        ({"test": validation}, "in both the validation edges and the test edges"),
        (
            {"test": HeldOut(test.positives, test.positives)},
            "both the test edges and the test n",
        ),
        ({"test": HeldOut(test.positives, test.negatives[1:])}, "test has 6 negatives for 7 pos"),
        ({"test": HeldOut(test.positives[:0], stray)}, "test has 1 negative for 0 positives"),
        (
            {"test": HeldOut(test.positives, np.concatenate([test.negatives[1:], first[:, ::-1]]))},
            "in both the test edges and the test negatives",
        ),
        ({"test": HeldOut([*test.positives[1:], (0, 34)], test.negatives)}, r"\(0, 34\) is outsi"),
        (
            {"test": HeldOut([*test.positives[1:], (3, 3)], test.negatives)},
            "edges contain a self",
        ),
        (
            {"test": HeldOut([*test.positives[1:], test.positives[1, ::-1]], test.negatives)},
            "a pair occurs twice in the test edges",
        ),
        (
            {"test": HeldOut(test.positives, [*test.negatives[1:], test.negatives[1, ::-1]])},
            "a pair occurs twice among the negatives",
        ),
        (
            {"test": HeldOut(test.positives, [*test.negatives[1:], validation.negatives[0]])},
            "a pair occurs twice among the negatives",
        ),
        ({"test": (test.positives, test.negatives)}, "test is tuple, not HeldOut"),
        ({"validation": None}, "validation is NoneType, not HeldOut"),
        ({"graph": karate.adjacency}, "graph is csr_array, not a Graph"),
        ({"train": None}, "train is NoneType, not a Graph"),
        (
            {"train": named},
            "the training graph has other nodes, types or features than the whole graph",
        ),
        ({"train": train.with_features(np.ones((34, 1)))}, "has other nodes, types or features"),
        ({"train": plain}, "other edge weights than the whole"),
        ({"train": replace(train, kind="directed")}, "training graph is directed, but"),
        ({"settings": SplitSettings()}, "7 validation and 7 test edges of 78 are not the 0.05 and"),
        ({"settings": SplitSettings(validation=0.109, test=0.1)}, "7 validation .* not the 0.109"),
        (
            {"settings": SplitSettings(validation=0.1, test=0.2)},
            "of_sizes computes the true",
        ),
        (
            {"validation": HeldOut(split.validation.positives, [])},
            "validation has 0 negatives for 7 positives; give at least one of each",
        ),
        ({"settings": {"test": 0.1}}, "settings must be a vgae.data.split.SplitSettings"),
        ({"seed": -1}, "seed -1"),
        ({"seed": None}, "seed None"),
    ]
    for changes, said in cases:
        with pytest.raises(InputError, match=said) as caught:
            replace(split, **changes)
        assert "\n" not in str(caught.value)


def test_without_holdout_takes_no_pairs_in_by_the_back_door(karate: Graph) -> None:
    whole = Split.without_holdout(karate)
    with pytest.raises(InputError, match="in both the training edges and the test edges"):
        replace(whole, test=HeldOut(karate.edges[:2], [(0, 9), (0, 14)]))


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (np.array([[0, 1, 2], [3, 4, 5]]), r"positives: shape \(2, 3\) is not .*; transpose it"),
        (np.zeros((2, 2, 2), dtype=int), r"positives: shape \(2, 2, 2\) is not \(n_pairs, 2\)"),
        ([[0.0, 1.0]], "positives: node indices must be integers, not float64"),
        ([["a", "b"]], "positives: node indices must be integers"),
        ([[True, False]], "positives: node indices must be integers, not bool"),
        ([[0, 1], [2]], "positives: every row must be a pair"),
        ([[0, 1], [-1, 2]], r"positives, row 1: \(-1, 2\) has a negative node index"),
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
        with pytest.raises(InputError, match="is not an edge of the whole"):
            replace(view, known=split.train)
        with pytest.raises(InputError, match="of the whole graph is in no part"):
            replace(view, known=karate)
        with pytest.raises(InputError, match="protocol"):
            TrainingView(view.train, view.known, view.validation, "tv")  # type: ignore[arg-type]


def test_the_fingerprint_of_a_view_is_that_of_all_that_a_fit_sees(karate: Graph) -> None:
    split = split_edges(karate, seed=0, validation=0.1, test=0.1)
    view = split.training
    assert (
        view.fingerprint
        == split_edges(karate, seed=0, validation=0.1, test=0.1).training.fingerprint
    )
    other = HeldOut(view.validation.positives, view.validation.negatives[::-1])
    views = [
        view,
        split_edges(karate, seed=1, validation=0.1, test=0.1).training,
        replace(view, validation=other),
        replace(view, validation=HeldOut.nothing(), known=view.train),
    ]
    assert len({one.fingerprint for one in views}) == len(views)
