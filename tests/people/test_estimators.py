"""One contract for every model."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas
import pyarrow as pa
import pytest
import torch
from formulas import propagation
from graphs import dense, random_arcs, random_graph
from run_folders import seal
from scipy import sparse

import vgae
from vgae.data.adjacency import normalized
from vgae.data.graph import Graph
from vgae.data.split import HeldOut, Split, split_edges
from vgae.ground.errors import InputError, NotFittedError
from vgae.learning.checkpoints import Checkpoints
from vgae.learning.evaluation import link_scores
from vgae.learning.fitting import fit
from vgae.learning.metrics import link_metrics
from vgae.learning.scores import VectorScores
from vgae.learning.settings import FitSettings, presets
from vgae.learning.train import StepRecord, held_out_metrics
from vgae.model.kernels import SparseMatrix
from vgae.people.api import GAE, MODELS, VGAE, Link, LinkModel, make_model

WIDE: dict[str, Any] = {"validation": 0.1, "test": 0.2}


@pytest.fixture(params=sorted(MODELS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_model_is_in_the_contract() -> None:
    assert set(LinkModel.__subclasses__()) == set(MODELS.values())


GRAPHS = {
    "one edge": Graph.from_edges([(0, 1)]),
    "isolated nodes": Graph.from_edges([(1, 2)], n_nodes=5),
    "two parts": Graph.from_edges([(0, 1), (2, 3)]),
    "complete": random_graph(6, 1.0, 0),
    "weighted": Graph.from_edges([(0, 1), (1, 2), (2, 3)], weights=[0.1, 5.0, 2.0]),
    "features": Graph.from_edges([(0, 1), (1, 2), (2, 3)], features=np.eye(4)[:, :3]),
    "zero features": Graph.from_edges([(0, 1), (1, 2)], features=np.zeros((3, 2))),
    "one arc": Graph.from_edges([(1, 0)], directed=True),
    "arcs": Graph.from_edges([(0, 1), (1, 0), (2, 1)], n_nodes=5, directed=True),
    "all arcs": random_arcs(6, 1.1, 0),
}


@pytest.mark.parametrize("kind", sorted(GRAPHS))
@pytest.mark.parametrize("preset", presets())
def test_every_graph_can_be_fitted(name: str, kind: str, preset: str) -> None:
    graph, class_weight = GRAPHS[kind], {"vgae": "balanced", "gae": "none"}[name]
    refused = {
        "signs": "encoder signed: reads the signs of edges",
        "digae": None if graph.directed else "directed-inner: scores arcs, .* --directed",
        "counts": "structure svd: takes undirected" if graph.directed else None,
    }.get(preset)
    if preset == "counts" and kind == "weighted":
        refused = "has weight 0.1: poisson takes counts"
    if refused is not None:
        with pytest.raises(InputError, match=refused):
            make_model(name, preset=preset, steps=4).fit(graph)
        return
    if kind == "one edge" and class_weight == "balanced":
        assert graph.n_nodes**2 > graph.adjacency.nnz
    model = make_model(name, preset=preset, class_weight=class_weight, steps=4).fit(graph)
    assert model.embedding_.shape == (graph.n_nodes, model.settings_.network.latent_dim)
    assert np.isfinite(model.embedding_).all()
    free = graph.pair_space.n_pairs - graph.n_edges
    links = model.recommend(100)
    assert len(links) == free
    for link in links:
        assert 0.0 <= link.probability <= 1.0
        assert graph.adjacency[link.source, link.target] == 0


def test_what_fit_returns_and_sets(name: str, ring: Graph) -> None:
    records: list[StepRecord] = []
    model = make_model(name, steps=3)
    assert model.fit(ring, callbacks=records.append) is model
    assert [record["step"] for record in model.history_] == [1, 2, 3]
    assert [record.step for record in records] == [1, 2, 3]
    assert model.ids_.tolist() == ring.ids.tolist()
    assert not model.interrupted_
    assert model.metrics_["test"] is None
    assert model.metrics_["seed"] == 0
    assert (model.embedding_std_ is None) == (name == "gae")


def test_deviations_are_those_of_the_posterior(ring: Graph) -> None:
    model = VGAE(steps=3).fit(ring)
    assert model.embedding_std_ is not None
    assert (model.embedding_std_ > 0).all()


def test_same_settings_same_weights_to_the_bit(name: str, karate: Graph) -> None:
    first = make_model(name, steps=20, seed=5).fit(karate)
    GAE(steps=2, seed=1).fit(karate)
    torch.rand(3)
    second = make_model(name, steps=20, seed=5).fit(karate)
    for a, b in zip(
        first.network_.state_dict().values(), second.network_.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b)
    np.testing.assert_array_equal(first.embedding_, second.embedding_)


def test_fit_cannot_reach_what_a_split_holds_out(name: str, karate: Graph) -> None:
    split = split_edges(karate, **WIDE, seed=0)
    honest = make_model(name, steps=15).fit(split)
    train_only = make_model(name, steps=15).fit(split.train)
    held_out = np.concatenate([split.test.negatives, split.validation.negatives])
    other = Graph.from_edges(np.concatenate([split.train.edges, held_out]), n_nodes=34)
    train = Graph.from_edges(split.train.edges, n_nodes=34)
    test, validation = (
        HeldOut(part.negatives, part.positives) for part in (split.test, split.validation)
    )
    swapped = Split(other, train, validation, test, split.settings, split.seed)
    plain = make_model(name, steps=15).fit(train)
    misled = make_model(name, steps=15).fit(swapped)
    for one, same in ((honest, train_only), (plain, misled)):
        np.testing.assert_array_equal(one.embedding_, same.embedding_)


def test_fit_takes_a_view_without_test_pairs(name: str, karate: Graph) -> None:
    split = split_edges(karate, **WIDE, protocol="TV", seed=0)
    whole, model = (make_model(name, steps=5).fit(data) for data in (split, split.training))
    np.testing.assert_array_equal(whole.embedding_, model.embedding_)
    assert model.metrics_["test"] is None
    assert model.metrics_["validation"] == whole.metrics_["validation"]
    assert model.metrics_["protocol"] == "TV"
    assert model.metrics_["proportions"]["validation"] == 7 / 63


# ------------------------------------------------------- features of a table, and labels

EDGES = {"from": ["ann", "bob", "cid"], "to": ["bob", "cid", "dan"]}
PEOPLE = {"id": ["dan", "cid", "bob", "ann"], "age": [1.0, 2, 3, 4], "team": ["x", "y", "x", "y"]}


def test_fit_takes_features_of_a_data_frame(name: str) -> None:
    edges, people = pa.table(EDGES), pa.table(PEOPLE)
    model = make_model(name, steps=5).fit(edges, features=people)
    graph = vgae.as_graph(edges, features=people)
    assert model.graph_["n_features"] == 3
    assert model.feature_encoding_ == graph.feature_encoding
    same = make_model(name, steps=5).fit(graph)
    np.testing.assert_array_equal(model.embedding_, same.embedding_)
    plain = make_model(name, steps=5).fit(edges)
    assert not np.array_equal(model.embedding_, plain.embedding_)
    for features in (np.eye(3), people):
        with pytest.raises(InputError, match="nodes brings its own"):
            model.fit([(0, 1)], nodes=[(0, 1)], features=features)
    with pytest.raises(InputError, match="a split has those of its graph"):
        model.fit(Split.without_holdout(graph), features=people)


def test_new_nodes_of_a_data_frame_are_encoded_as_those_of_the_fit(tmp_path: Path) -> None:
    model = VGAE(steps=5).fit(pa.table(EDGES), features=pa.table(PEOPLE))
    model.save(tmp_path / "run")
    for known in (model, vgae.load(tmp_path / "run")):
        later = pa.table({"team": ["x"], "id": ["eve"], "age": [9.0]})
        joined = known.with_nodes(later, [("eve", "ann")])
        assert joined.ids_.tolist() == ["ann", "bob", "cid", "dan", "eve"]
        expected = known.with_nodes([[9.0, 1.0, 0.0]], [("eve", "ann")], ids=["eve"])
        np.testing.assert_array_equal(joined.embedding_, expected.embedding_)
        vectors = known.embed_new(later, [("eve", "ann")])
        np.testing.assert_array_equal(vectors, joined.embedding_[-1:])
        with pytest.raises(InputError, match="features: no attribute column 'team'"):
            known.with_nodes(later.select(["id", "age"]), [("eve", "ann")])


def test_another_graph_brings_a_table_encoded_as_that_of_the_fit() -> None:
    model = VGAE(steps=5).fit(pa.table(EDGES), features=pa.table(PEOPLE))
    others = {"team": ["x", "x"], "person": ["eve", "fay"], "age": [9.0, 8.0]}
    edges = [("fay", "eve")]
    found = model.embed(edges, features=pa.table(others))
    graph = vgae.as_graph(vgae.Graph.from_pairs(edges), features=[[9.0, 1, 0], [8.0, 1, 0]])
    np.testing.assert_array_equal(found, model.embed(graph))
    with pytest.raises(InputError, match="no attribute column 'age'"):
        model.embed(edges, features=pa.table(others).drop_columns("age"))
    with pytest.raises(InputError, match="node 'gus' is not in the edges"):
        model.embed(edges, features=pa.table(others | {"person": ["eve", "gus"]}))
    with pytest.raises(InputError, match="ndarray is no data frame of attributes"):
        model.embed(edges, features=np.eye(2))


@pytest.mark.parametrize(
    "y",
    [
        pa.table(PEOPLE),
        pandas.DataFrame(PEOPLE),
        np.eye(4),
        sparse.csr_array(np.eye(4)),
        [[1.0], [2.0], [3.0], [4.0]],
        [[1.0], [2.0, 3.0]],
        "people.csv",
        {"ann": 1},
        7,
    ],
    ids=lambda y: type(y).__name__,
)
def test_a_table_is_no_y(name: str, y: Any) -> None:
    for fitting in (make_model(name, steps=2).fit, make_model(name, steps=2).fit_transform):
        with pytest.raises(InputError) as caught:
            fitting(pa.table(EDGES), y)
        assert str(caught.value) == (
            f"y: {type(y).__name__} is no vector of labels and would not be used; give node "
            "features as fit(data, features=...)"
        )


@pytest.mark.parametrize(
    "y", [None, [0, 1, 0, 1], np.array(list("abab")), pandas.Series([0, 1, 0, 1]), ("a", "b")]
)
def test_labels_pass_as_scikit_learn_hands_them_on(name: str, y: Any) -> None:
    plain = make_model(name, steps=2).fit(pa.table(EDGES)).embedding_
    np.testing.assert_array_equal(
        make_model(name, steps=2).fit(pa.table(EDGES), y).embedding_, plain
    )
    found = make_model(name, steps=2).fit_transform(pa.table(EDGES), y)
    np.testing.assert_array_equal(found, plain)


@pytest.mark.parametrize("protocol", ["T", "TV"])
def test_metrics_are_those_of_the_mean_over_the_protocols_messages(
    name: str, cora: Graph, protocol: Any
) -> None:
    split = split_edges(cora, protocol=protocol, seed=0)
    model = make_model(name, steps=3).fit(split)

    def metrics(graph: Graph, pairs: HeldOut) -> Any:
        network = model.network_
        with torch.no_grad():
            latent = network.encode(network.prepare(graph, graph.features))
        scores = VectorScores(latent.mean.numpy())
        return link_metrics(scores.pairs(pairs.positives), scores.pairs(pairs.negatives))

    known = cora.with_edges(np.concatenate([split.train.edges, split.validation.positives]))
    assert model.metrics_["validation"] == metrics(split.train, split.validation)
    assert model.history_[-1]["validation"] == metrics(split.train, split.validation)
    by_messages = {"T": metrics(split.train, split.test), "TV": metrics(known, split.test)}
    assert by_messages["T"] != by_messages["TV"]
    assert model.metrics_["test"] == by_messages[protocol]
    assert by_messages[protocol].keys() >= {"auc", "average_precision", "mrr", "hits@10"}
    names = list(by_messages[protocol])
    assert link_scores(split, model.scores(), names) == by_messages[protocol]


@pytest.mark.parametrize("ends", ["steps run out", "Ctrl-C"])
def test_patience_keeps_the_best_weights_however_training_ends(
    name: str, cora: Graph, ends: str
) -> None:
    def press(record: StepRecord) -> None:
        if record.step == 12:
            os.kill(os.getpid(), signal.SIGINT)

    split = split_edges(cora, seed=0)
    steps = 12 if ends == "steps run out" else 50
    model = make_model(name, steps=steps, validate_every=1, patience=40, learning_rate=0.2)
    if ends == "Ctrl-C":
        with pytest.raises(KeyboardInterrupt):
            model.fit(split, callbacks=press)
    else:
        model.fit(split)
    assert model.interrupted_ == (ends == "Ctrl-C")
    found = [step["validation"]["average_precision"] for step in model.history_]
    assert len(found) == 12
    assert int(np.argmax(found)) < 11
    assert model.metrics_["validation"]["average_precision"] == max(found) > found[-1]


def test_protocol_tv_lets_validation_edges_carry_messages_at_test_time(karate: Graph) -> None:
    by_protocol = {}
    protocols: list[Literal["T", "TV"]] = ["T", "TV"]
    for protocol in protocols:
        split = split_edges(karate, validation=0.1, test=0.1, protocol=protocol, seed=0)
        model = GAE(steps=15).fit(split)
        assert model.metrics_["protocol"] == protocol
        by_protocol[protocol] = model
    t, tv = by_protocol["T"], by_protocol["TV"]
    assert t.history_[-1]["loss"] == tv.history_[-1]["loss"]
    assert t.metrics_["validation"] == tv.metrics_["validation"]
    assert not np.array_equal(t.embedding_, tv.embedding_)


def test_probabilities_are_the_sigmoid_of_inner_products(name: str, karate: Graph) -> None:
    model = make_model(name, steps=10).fit(karate)
    pairs = [(0, 33), (33, 0), (5, 6)]
    z = model.embedding_.astype(np.float64)
    expected = [1 / (1 + np.exp(-(z[a] @ z[b]))) for a, b in pairs]
    np.testing.assert_allclose(model.predict_proba(pairs), expected, rtol=1e-5)
    assert model.predict_proba([]).shape == (0,)
    rows = model.predict_proba(([0, 33], [5, 16]))  # two rows, not two columns
    np.testing.assert_array_equal(rows, model.predict_proba([(0, 33), (5, 16)]))
    assert model.predict_proba(np.array(pairs)).shape == (3,)


def test_known_edges_are_left_out_held_out_ones_too(name: str, karate: Graph) -> None:
    model = make_model(name, steps=5).fit(split_edges(karate, **WIDE, seed=0))
    links = model.recommend(10_000)
    known = dense(karate) > 0
    assert len(links) == 34 * 33 // 2 - 78
    assert not any(known[int(link.source), int(link.target)] for link in links)
    probabilities = [link.probability for link in links]
    assert probabilities == sorted(probabilities, reverse=True)  # to the last digit


def test_recommendations_for_nodes(name: str, ring: Graph) -> None:
    model = make_model(name, steps=5).fit(ring)
    links = model.recommend(3, nodes=["n07", "n01"])
    assert [link.source for link in links] == ["n07"] * 3 + ["n01"] * 3
    assert model.recommend(np.int64(3), nodes="n07") == links[:3]  # type: ignore[call-overload]
    everything = {frozenset(link[:2]): link.probability for link in model.recommend(10_000)}
    for link in links:
        assert isinstance(link, Link)
        assert everything[frozenset(link[:2])] == pytest.approx(link.probability, rel=1e-6)


def test_recommendations_equal_brute_force_on_cora(cora: Graph) -> None:
    model = GAE(steps=20, seed=0).fit(cora)
    z = model.embedding_.astype(np.float64)
    logits = np.triu(z @ z.T, k=1)
    logits[np.tril_indices(cora.n_nodes)] = -np.inf
    logits[dense(cora) > 0] = -np.inf
    best = np.argsort(-logits, axis=None, kind="stable")[:200]
    expected = logits.ravel()[best]
    links = model.recommend(200)
    found = np.array([logits[int(link.source), int(link.target)] for link in links])
    # float32 may exchange pairs whose logits agree to its rounding, and nothing else.
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    ours = {(link.source, link.target) for link in links}
    theirs = {divmod(int(code), cora.n_nodes) for code in best}
    assert len(ours & theirs) >= 198


def test_top_links_on_digits_join_images_of_one_class(name: str) -> None:
    graph = vgae.load_dataset("digits")
    assert graph.labels is not None
    model = make_model(name).fit(graph.with_labels(None))
    same = [graph.labels[a] == graph.labels[b] for a, b, _ in model.recommend(200)]
    assert np.mean(same) >= 0.9


def by_signal() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def by_exception() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("press", [by_signal, by_exception])
def test_an_interrupt_keeps_what_was_learned_and_is_raised(
    name: str, karate: Graph, press: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    def at_four(record: StepRecord) -> None:
        if record.step == 4:
            press()

    model = make_model(name, steps=50)
    with pytest.raises(KeyboardInterrupt):
        model.fit(karate, callbacks=[at_four])
    assert model.interrupted_
    assert len(model.history_) == 4
    assert "interrupted after step 4; finishing the fit" in caplog.text
    same = make_model(name, steps=4).fit(karate)
    np.testing.assert_array_equal(model.embedding_, same.embedding_)
    assert not model.fit(karate, callbacks=None).interrupted_


def test_a_callback_ends_the_training_in_threads_that_get_no_signals(karate: Graph) -> None:
    model, raised = GAE(steps=9), []

    def work() -> None:
        try:
            model.fit(karate, callbacks=lambda record: by_exception() if record.step == 2 else None)
        except KeyboardInterrupt:
            raised.append("raised")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert raised == ["raised"]
    assert len(model.history_) == 2


def test_a_second_interrupt_leaves_the_model_as_it_was(
    karate: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = GAE(steps=3).fit(karate)
    before = dict(vars(model))

    def twice(_: StepRecord) -> None:
        by_signal()
        by_signal()

    with pytest.raises(KeyboardInterrupt):
        model.set_params(steps=50).fit(karate, callbacks=twice)
    assert vars(model) == before | {"steps": 50}

    def scoring(*given: Any) -> Any:
        by_signal()
        return held_out_metrics(*given)

    # While the embedding is scored, the first one waits and the second one does not.
    split = split_edges(karate, **WIDE, seed=0)
    monkeypatch.setattr("vgae.learning.fitting.held_out_metrics", scoring)
    with pytest.raises(KeyboardInterrupt):
        model.fit(split)
    assert vars(model) == before | {"steps": 50}
    with pytest.raises(KeyboardInterrupt):
        model.fit(split.training)  # one part alone to score: pressed once
    assert model.interrupted_
    assert len(model.history_) == 50


def test_a_fit_that_was_stopped_goes_on_in_another_model(
    name: str, karate: Graph, tmp_path: Path
) -> None:
    def model() -> Any:
        return make_model(name, steps=9)

    path = tmp_path / "fit.checkpoint"
    errors = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: SystemExit}
    for number, error in errors.items():

        def at_four(record: StepRecord, number: int = number) -> None:
            if record.step == 4:
                os.kill(os.getpid(), number)

        stopped = model()
        with pytest.raises(error):
            stopped.fit(karate, checkpoint=path, checkpoint_every="1h", callbacks=at_four)
        assert hasattr(stopped, "fitted_") == (error is KeyboardInterrupt)
        found = model().fit(karate, resume=str(path))
        np.testing.assert_array_equal(found.embedding_, model().fit(karate).embedding_)
        assert len(found.history_) == 9
        assert not path.exists()


def test_sigterm_between_two_trainings_leaves_a_checkpoint(
    karate: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def terminated(*_: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    def model() -> Any:
        return GAE(steps=3, combiner="logistic", folds=1)

    path, whole = tmp_path / "c", model().fit(karate)
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as caught:
        patch.setattr("vgae.learning.fitting.fit_combiner", terminated)
        model().fit(karate, checkpoint=path)
    assert caught.value.code == 143
    assert Checkpoints.resumed(path).place == "after fold 1 of 1"
    found = model().fit(karate, resume=path)
    assert found.fitted_.combiner == whole.fitted_.combiner


def test_keywords_of_checkpoints_that_make_no_sense(karate: Graph, tmp_path: Path) -> None:
    path, model = tmp_path / "c", GAE(steps=1)
    for message, keywords in (
        ("checkpoint and resume exclude each other", {"checkpoint": path, "resume": path}),
        ("checkpoint_every: needs a file", {"checkpoint_every": 3}),
        ("'soon' is no duration", {"checkpoint": path, "checkpoint_every": "soon"}),
        ("c: no such file or folder", {"resume": path}),
    ):
        with pytest.raises(InputError, match=message):
            model.fit(karate, **keywords)
    assert list(tmp_path.iterdir()) == []


def test_a_callback_that_fails_leaves_the_model_as_it_was(karate: Graph) -> None:
    model = GAE(steps=3)
    seen: list[int] = []

    def fail(record: StepRecord) -> None:
        raise RuntimeError(f"at {record.step}")

    with pytest.raises(RuntimeError, match="at 1"):
        model.fit(karate, callbacks=[lambda record: seen.append(record.step), fail])
    assert seen == [1]
    assert not hasattr(model, "embedding_")


def test_a_loop_and_a_search_end_at_the_first_interrupt() -> None:
    program = """
import os, signal, threading, vgae
from sklearn.model_selection import GridSearchCV, KFold

def press(record):
    if record.step == 3:
        os.kill(os.getpid(), signal.SIGINT)

graph, fitted = vgae.load_dataset("karate"), []
try:
    for seed in range(3):
        model = vgae.GAE(steps=9, seed=seed)
        fitted.append(model)
        model.fit(graph, callbacks=press)
except KeyboardInterrupt:
    print(len(fitted), len(fitted[0].history_), fitted[0].interrupted_)
search = GridSearchCV(vgae.GAE(steps=9), {"seed": [0, 1, 2]}, cv=KFold(2))
steps = []
try:
    search.fit(graph.ids[graph.edges], nodes=graph, callbacks=[lambda _: steps.append(1), press])
except KeyboardInterrupt:
    print(len(steps))
vgae.GAE(steps=9).fit(graph, callbacks=press)
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.stdout.splitlines() == ["1 3 True", "3"]
    assert answer.stderr.splitlines()[-1] == "KeyboardInterrupt"
    assert answer.returncode == -signal.SIGINT  # as Python leaves that nobody caught it


def test_before_fit_there_is_nothing_to_ask(name: str) -> None:
    model = make_model(name)
    for ask in (
        lambda: model.predict_proba([(0, 1)]),
        model.recommend,
        lambda: model.save("x"),
        lambda: model.embedding_,
    ):
        with pytest.raises(NotFittedError, match="call fit first"):
            ask()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"latent_dim": 0}, "network.latent_dim"),
        ({"steps": -1}, "training.steps"),
        ({"steps": 2.5}, "training.steps"),
        ({"learning_rate": float("nan")}, "training.learning_rate"),
        ({"objective": "likelihood"}, "network.objective"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_settings_are_one_clear_line(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        VGAE(**arguments)
    assert "\n" not in str(caught.value)


def test_bad_questions_are_one_clear_line(ring: Graph) -> None:
    model = VGAE(steps=1).fit(ring)
    with pytest.raises(InputError, match="node 'zoe' is not in the graph"):
        model.predict_proba([("n01", "zoe")])
    with pytest.raises(InputError, match="not a pair of node ids"):
        model.predict_proba([("n01",)])
    with pytest.raises(InputError, match="node 'zoe'"):
        model.recommend(1, nodes=["zoe"])
    with pytest.raises(InputError, match="at least 1"):
        model.recommend(0)
    with pytest.raises(InputError, match="whole number"):
        model.recommend(2.5)  # type: ignore[call-overload]


def test_bad_graphs_are_one_clear_line(name: str) -> None:
    with pytest.raises(InputError, match="no edges"):
        make_model(name).fit(Graph.from_edges([], n_nodes=3))
    with pytest.raises(InputError, match="decoder cosine: scores a pair the same in both"):
        make_model(name, decoder="cosine").fit(Graph.from_edges([(0, 1)], directed=True))
    with pytest.raises(InputError, match="training.engine: input should be"):
        make_model(name, engine="warp")


def test_engine_and_device_are_checked_before_any_work(karate: Graph) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"engine": "numba", "device": "meta"}, "device meta: must be cpu, cuda"),
        ({"device": "cuda:99"}, "device cuda:99: torch cannot use it here"),
    ]
    for settings, words in cases:
        model = VGAE(**settings)
        with pytest.raises(InputError, match=words):
            model.fit(karate)
        with pytest.raises(InputError, match=words):
            vgae.evaluate(karate, ["katz", "vgae"], runs=1, **settings)


def test_the_run_record_names_the_engine(karate: Graph, tmp_path: Path) -> None:
    model = VGAE(steps=2, engine="tiles").fit(karate)
    model.save(tmp_path / "run")
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["engine"] == "tiles"
    assert vgae.load(tmp_path / "run").engine_ == "tiles"
    assert VGAE(steps=2).fit(karate).engine_ == "numba"


def test_runs_from_before_there_were_devices_are_read(karate: Graph, tmp_path: Path) -> None:
    VGAE(steps=2).fit(karate).save(tmp_path / "run")
    record = tmp_path / "run" / "run.json"
    about = json.loads(record.read_text())
    del about["settings"]["training"]["device"]
    seal(tmp_path / "run", about)
    assert vgae.load(tmp_path / "run").settings.training.device == "cpu"


@pytest.mark.parametrize(("protocol", "n_graphs"), [("T", 1), ("TV", 2)])
def test_each_message_graph_is_normalized_once(
    protocol: Literal["T", "TV"], n_graphs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = sparse.random_array((60, 40), density=0.2, rng=0).tocsr()
    graph = random_graph(60, 0.2, 0).with_features(features)
    split = split_edges(graph, protocol=protocol, seed=0, **WIDE)
    made: list[Any] = []

    def noting(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def noted(given: Any) -> Any:
            made.append(given)
            return make(given)

        return noted

    monkeypatch.setattr("vgae.data.graph.normalized", noting(normalized))
    monkeypatch.setattr(SparseMatrix, "from_scipy", noting(SparseMatrix.from_scipy))
    fitted = fit(split, FitSettings.of("vgae", steps=2))
    assert len(made) == 3 * n_graphs  # normalised once, and two matrices copied: A and X
    features_seen = SparseMatrix.from_scipy(graph.features)
    assert fitted.states is not None
    own = (features_seen @ propagation(fitted.network.encoder).first_weight.detach()).numpy()
    assert np.array_equal(fitted.states.levels[0], own)


def test_objects_where_others_belong_are_one_clear_line(tmp_path: Path) -> None:
    records = [{"u": "a", "v": "b"}, {"u": "b", "v": "c"}]
    model = GAE(steps=2).fit([("a", "b"), ("b", "c")])
    for call in (vgae.as_graph, model.predict_proba, model.score, model.fit):
        with pytest.raises(InputError, match="rows are dictionaries"):
            call(records)
    with pytest.raises(InputError, match="csr_array is a matrix; give the pairs of its entries"):
        model.predict_proba(sparse.csr_array(np.eye(3)))
    frame = pandas.DataFrame(records)
    path = tmp_path / "e.csv"
    frame.to_csv(path, index=False)
    with pytest.raises(InputError, match=r"^path: DataFrame is no path .*vgae.as_graph\(data\)"):
        vgae.read_graph(frame)
    with pytest.raises(InputError, match=r"^features: DataFrame is no path .*read_graph\(path\)"):
        vgae.read_graph(path, features=frame)
    for wrong in (5, [print, 5], "each"):
        with pytest.raises(InputError, match="callbacks: .* cannot be called; give a function"):
            model.fit([("a", "b"), ("b", "c")], callbacks=wrong)  # type: ignore[arg-type]
