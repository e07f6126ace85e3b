"""What every baseline does before it learns."""

from typing import ClassVar, Self, final

import numpy as np
import pytest

from vgae.data.graph import Graph
from vgae.data.split import TrainingView, split_edges
from vgae.ground.errors import InputError
from vgae.learning.baselines.base import Baseline
from vgae.learning.scores import Scores, VectorScores


@final
class Recorder(Baseline):
    """Notes what it is given."""

    name: ClassVar[str] = "recorder"
    seen: ClassVar[list[tuple[Graph, Graph, int, int]]] = []

    size: int = 1

    def on(self, graph: Graph) -> Self:
        return self.model_copy(update={"size": graph.n_nodes})

    def _check(self, graph: Graph) -> None:
        if graph.n_nodes > 100:
            raise InputError("recorder: takes up to 100 nodes")

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:
        self.seen.append((training, messages, seed, self.size))
        return VectorScores(np.ones((training.n_nodes, 1)))


@pytest.fixture
def recorder() -> Recorder:
    Recorder.seen.clear()
    return Recorder()


@pytest.mark.parametrize("protocol", ["T", "TV"])
def test_fit_gives_the_view_of_a_split_and_nothing_more(
    recorder: Recorder, karate: Graph, protocol: str
) -> None:
    split = split_edges(karate, seed=0, protocol=protocol)  # type: ignore[arg-type]
    for data in (split, split.training):
        recorder.fit(data, seed=4)
        training, messages, seed, _ = recorder.seen[-1]
        assert training is split.train
        assert messages is split.training.messages
        assert messages.n_edges == split.train.n_edges + 3 * (protocol == "TV")
        assert seed == 4
    assert isinstance(split.training, TrainingView)


def test_fit_takes_what_can_be_made_a_graph_and_learns_from_all_edges(recorder: Recorder) -> None:
    recorder.fit([("a", "b"), ("b", "c")])
    training, messages, seed, _ = recorder.seen[-1]
    assert training is messages
    assert (training.n_edges, seed) == (2, 0)
    with pytest.raises(InputError, match="cannot make a graph of int"):
        recorder.fit(7)


def test_settings_that_depend_on_the_graph_are_filled_in_for_the_fit_alone(
    recorder: Recorder,
) -> None:
    recorder.fit([("a", "b"), ("b", "c")])
    assert recorder.seen[-1][3] == 3
    assert recorder.size == 1


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (
            Graph.from_edges([(0, 1)], weights=[-1], kind="signed"),
            "recorder: takes undirected, bipartite and directed graphs, and this one is signed",
        ),
        (Graph.from_edges([], n_nodes=3), "recorder: the training graph has no edges"),
        (Graph.from_edges([(0, 1)], n_nodes=101), "recorder: takes up to 100 nodes"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_before_any_work(
    recorder: Recorder, graph: Graph, said: str
) -> None:
    for refuse in (recorder.check, recorder.fit):
        with pytest.raises(InputError, match=said):
            refuse(graph)
    assert recorder.seen == []


def test_a_method_that_needs_features_asks_for_them(karate: Graph) -> None:
    class Reader(Baseline):
        name: ClassVar[str] = "reader"
        needs_features: ClassVar[bool] = True

        def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:
            raise NotImplementedError

    with pytest.raises(InputError, match="reader: learns from node features and the graph has"):
        Reader().check(karate)
    Reader().check(karate.with_features(np.ones((34, 1), dtype=np.float32)))


def test_settings_are_frozen_and_strict(recorder: Recorder) -> None:
    with pytest.raises(ValueError, match="frozen"):
        recorder.size = 2
    with pytest.raises(InputError, match="recorder: sise: extra inputs are not permitted"):
        Recorder.parse({"sise": 2}, where="recorder")
