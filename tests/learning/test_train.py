import os
import signal
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
import torch
from graphs import random_graph

from vgae.data.graph import Graph
from vgae.data.split import HeldOut, Split, split_edges
from vgae.ground.errors import InputError
from vgae.learning.batches import Batch
from vgae.learning.metrics import link_metrics
from vgae.learning.scores import ModelScores
from vgae.learning.settings import TrainSettings
from vgae.learning.train import (
    Best,
    Interrupt,
    StepRecord,
    Terminated,
    TrainState,
    finishing_on_interrupt,
    held_out_metrics,
    step,
    train,
)
from vgae.model.kernels import choose_engine
from vgae.model.network import GraphAutoEncoder
from vgae.model.noise import NOISES
from vgae.model.settings import ModelSettings


def run(
    split: Split, network: ModelSettings | None = None, *, seed: int = 0, **settings: object
) -> tuple[GraphAutoEncoder, list[StepRecord]]:
    graph = split.train
    n_inputs = graph.n_nodes if graph.features is None else graph.n_features
    model = GraphAutoEncoder(network or ModelSettings(), n_inputs=n_inputs, seed=seed)
    steps = train(
        model,
        graph,
        TrainSettings.parse({"steps": 30, **settings}),
        seed=seed,
        validation=split.validation,
        prepared=model.prepare(graph, graph.features),
    )
    return model, list(steps)


def scores_of(model: GraphAutoEncoder, prepared: Any) -> ModelScores:
    return ModelScores.of(model, model.encode(prepared))


@pytest.fixture
def split(karate: Graph) -> Split:
    return split_edges(karate, validation=0.1, test=0.1, seed=0)


def test_the_loss_falls_and_every_step_is_recorded(split: Split) -> None:
    _, records = run(split, steps=60)
    assert [record.step for record in records] == list(range(1, 61))
    assert records[-1].loss < 0.8 * records[0].loss
    for record in records:
        assert list(record.terms) == ["reconstruction", "kl"]
        assert record.loss == pytest.approx(sum(record.terms.values()))
        assert record.as_dict().items() >= record.terms.items()
        assert record.seconds > 0


def test_validation_is_taken_now_and_then_and_at_the_end(split: Split) -> None:
    _, records = run(split, steps=25, validate_every=10)
    assert [record.step for record in records if record.validation] == [10, 20, 25]
    assert "validation" in records[9].as_dict()
    assert "validation" not in records[0].as_dict()


def test_same_seed_same_weights_whatever_ran_before(split: Split) -> None:
    def weights(seed: int) -> list[torch.Tensor]:
        return list(run(split, seed=seed)[0].state_dict().values())

    first = weights(3)
    torch.manual_seed(99)
    np.random.seed(99)
    run(split, seed=8)
    torch_state, numpy_state = (
        torch.get_rng_state(),
        np.random.get_state(legacy=False)["state"]["key"],
    )
    second = weights(3)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[0], weights(4)[0])
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state(legacy=False)["state"]["key"], numpy_state)


def test_validating_does_not_change_what_is_learned(split: Split) -> None:
    often, _ = run(split, validate_every=1)
    never, _ = run(Split.without_holdout(split.train))
    for a, b in zip(often.state_dict().values(), never.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_early_stopping_keeps_the_best_weights(split: Split) -> None:
    model, records = run(split, steps=400, validate_every=1, patience=15)
    scores = [record.validation["average_precision"] for record in records if record.validation]
    best = int(np.argmax(scores))  # type: ignore[arg-type]
    assert len(records) == best + 1 + 15 < 400
    found = held_out_metrics(scores_of(model, model.prepare(split.train, None)), split.validation)
    assert found["average_precision"] == scores[best]


def test_patience_never_stops_before_it_looks() -> None:
    with pytest.raises(InputError, match="patience 5 is less than validate_every 10"):
        TrainSettings.parse({"patience": 5})
    assert TrainSettings.parse({"patience": 5, "validate_every": 5}).patience == 5


def test_early_stopping_needs_pairs_to_look_at(split: Split) -> None:
    with pytest.raises(InputError, match="patience"):
        run(Split.without_holdout(split.train), patience=15)


def test_a_loss_that_explodes_is_one_line(ring: Graph) -> None:
    for size in (1e4, 1e30):
        huge = ring.with_features(np.full((40, 3), size))
        with pytest.raises(InputError, match="step [12]: the loss is .*; scale the features"):
            run(Split.without_holdout(huge))


@pytest.mark.parametrize("features", ["raw", "unit"])
def test_a_loss_that_stays_large_is_warned_of_if_features_are_not_scaled(
    features: str, ring: Graph, caplog: pytest.LogCaptureFixture
) -> None:
    large = ring.with_features(np.full((40, 3), 30.0))
    network = ModelSettings.parse({"features": features})
    _, records = run(Split.without_holdout(large), network, steps=1)
    assert records[-1].loss > 10
    warned = "of little use; scale the features" in " ".join(caplog.messages)
    assert warned == (features == "raw")


@pytest.mark.filterwarnings("error")
def test_held_out_pairs_are_scored_from_the_mean_and_never_from_a_sample() -> None:
    split = split_edges(random_graph(60, 0.2, 0), validation=0.2, test=0.2, seed=0)
    model, _ = run(split)
    prepared = model.prepare(split.train, None)

    def metrics(vectors: torch.Tensor) -> object:
        positives, negatives = (
            (vectors[pairs[:, 0]].double() * vectors[pairs[:, 1]].double()).sum(dim=1).float()
            for pairs in (torch.tensor(split.test.positives), torch.tensor(split.test.negatives))
        )
        return link_metrics(positives.numpy(), negatives.numpy())

    with torch.no_grad():
        latent = model.encode(prepared)
        found = held_out_metrics(scores_of(model, prepared), split.test)
        assert found == metrics(latent.mean)
        for seed in range(3):
            noise = torch.randn(60, 16, generator=torch.Generator().manual_seed(seed))
            assert found != metrics(latent.rsample(noise))


def test_held_out_pairs_of_another_graph_are_one_clear_line(split: Split) -> None:
    model, _ = run(split, steps=1)
    prepared = model.prepare(split.train, None)
    with pytest.raises(InputError, match=r"pairs, row 0: \(0, 34\) is outside the 34 nodes"):
        held_out_metrics(scores_of(model, prepared), HeldOut([(0, 34)], [(0, 1)]))


@pytest.mark.parametrize("leave", ["steps run out", "closed early"])
def test_the_best_weights_are_back_however_training_ends(split: Split, leave: str) -> None:
    model = GraphAutoEncoder(ModelSettings(), n_inputs=34, seed=0)
    settings = TrainSettings(steps=25, validate_every=1, patience=25, learning_rate=0.5)
    steps = train(model, split.train, settings, seed=0, validation=split.validation)
    found = []
    for record in steps:
        assert record.validation is not None
        found.append(record.validation["average_precision"])
        if leave == "closed early" and record.step == 20:
            break
    steps.close()  # type: ignore[attr-defined]
    best = max(score for score in found if score is not None)
    assert len(found) == (20 if leave == "closed early" else 25)
    assert found[-1] != best
    metrics = held_out_metrics(scores_of(model, model.prepare(split.train, None)), split.validation)
    assert metrics["average_precision"] == best


def test_training_does_not_load_compilers_for_gpus() -> None:
    program = (
        "import sys, vgae; vgae.VGAE(steps=2).fit([('a', 'b'), ('b', 'c')]);"
        "print({'torch._dynamo', 'triton'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.stdout == "set()\n"


def test_zero_steps_leave_the_initial_weights(split: Split) -> None:
    model, records = run(split, steps=0)
    fresh = GraphAutoEncoder(ModelSettings(), n_inputs=split.train.n_nodes, seed=0)
    assert records == []
    for name, weight in fresh.arrays().items():
        assert np.array_equal(model.arrays()[name], weight)


def test_the_first_interrupt_waits_and_the_second_does_not() -> None:
    before = signal.getsignal(signal.SIGINT)
    with finishing_on_interrupt() as interrupt:
        assert not interrupt.pressed
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.pressed
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_train_without_signal_handlers() -> None:
    answers = []

    def work() -> None:
        with finishing_on_interrupt() as interrupt:
            answers.append(interrupt.pressed)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert answers == [False]


# --------------------------------------------------------------------- to go on later

STATES: list[dict[str, object]] = [
    {},
    {"dropout": 0.3, "edge_dropout": 0.2},
    {"objective": "sampled", "decoder": "mlp", "offset": "node"},
    {"likelihood": "bernoulli-poisson", "rate_link": "exp", "encoder": "sage", "bias": True},
]


def state_of(graph: Graph, model: dict[str, object], noise: str, seed: int = 0) -> TrainState:
    network = GraphAutoEncoder(
        ModelSettings.parse(model), n_inputs=graph.n_nodes, density=0.1, seed=seed
    )
    settings = TrainSettings.parse({"noise": noise, "weight_decay": 0.01})
    return TrainState(network, settings, seed=seed, device=torch.device("cpu"))


def batch_of(state: TrainState, graph: Graph) -> Batch:
    return Batch(state.network.prepare(graph, None), state.network.targets(graph))


def values(state: TrainState) -> dict[str, object]:
    """All that a fit goes on from, as plain values."""
    return {
        "weights": {name: value.tolist() for name, value in state.network.arrays().items()},
        "moments": [[part.tolist() for part in parts] for parts in state.optimizer.state()],
        "noise": state.noise.state().tolist(),
        "best": (state.best.step, state.best.score),
        "best weights": {
            name: value.tolist() for name, value in (state.best.weights or {}).items()
        },
        "history": [(record.step, record.loss, record.terms) for record in state.history],
    }


@pytest.mark.parametrize("noise", sorted(NOISES))
@pytest.mark.parametrize("model", STATES, ids=lambda model: "-".join(model) or "plain")
def test_a_state_goes_on_to_the_bit_where_it_was_taken(
    karate: Graph, model: dict[str, object], noise: str
) -> None:
    engine = choose_engine("auto")

    def go_on(state: TrainState, n_steps: int) -> None:
        batch = batch_of(state, karate)
        for _ in range(n_steps):
            number = step(state, batch, engine).step
            score = {1: 0.5, 4: 0.9, 6: 0.7, 9: 0.95}.get(number)
            state.best.offer(number, {"average_precision": score}, state.network)

    whole, first = (state_of(karate, model, noise) for _ in range(2))
    go_on(whole, 10)
    go_on(first, 5)
    snapshot = first.snapshot()
    before = values(first)
    go_on(first, 5)
    # Another model, which has gone its own way, takes the snapshot over; so does the first again.
    other = state_of(karate, model, noise, seed=8)
    go_on(other, 3)
    for late in (other, first):
        late.restore(snapshot)
        assert values(late) == before
        assert late.n_steps == 5
        go_on(late, 5)
        assert values(late) == values(whole)
    assert whole.best.step == 9


def test_a_snapshot_is_a_copy(karate: Graph) -> None:
    state = state_of(karate, {}, "sequential")
    batch, engine = batch_of(state, karate), choose_engine("auto")
    step(state, batch, engine)
    state.best.offer(1, {"average_precision": 0.5}, state.network)
    snapshot = state.snapshot()
    fresh = state_of(karate, {}, "sequential")
    fresh.restore(snapshot)
    expected = values(fresh)
    for changing in (state, fresh):
        step(changing, batch_of(changing, karate), engine)
        changing.best.offer(2, {"average_precision": 0.6}, changing.network)
    again = state_of(karate, {}, "sequential")
    again.restore(snapshot)
    assert values(again) == expected


@pytest.mark.parametrize("patience", [None, 4])
def test_training_goes_on_from_a_state_to_the_same_end(split: Split, patience: int | None) -> None:
    settings = TrainSettings(steps=40, validate_every=2, patience=patience, learning_rate=0.3)
    how: dict[str, Any] = {"seed": 0, "validation": split.validation}

    def new() -> tuple[GraphAutoEncoder, TrainState]:
        network = GraphAutoEncoder(ModelSettings(), n_inputs=34, seed=0)
        return network, TrainState(network, settings, seed=0, device=torch.device("cpu"))

    whole, _ = new()
    records = list(train(whole, split.train, settings, **how))
    assert (len(records) == 40) == (patience is None)
    for n_before in (1, len(records) - 1, len(records)):
        network, state = new()
        steps = train(network, split.train, settings, state=state, **how)
        snapshot = [state.snapshot() for _, _ in zip(range(n_before), steps, strict=False)][-1]
        network, state = new()
        state.restore(snapshot)
        rest = list(train(network, split.train, settings, state=state, **how))
        assert [record.loss for record in rest] == [record.loss for record in records[n_before:]]
        for name, weight in whole.arrays().items():
            assert np.array_equal(network.arrays()[name], weight)


def test_a_request_to_terminate_waits_for_a_step_and_for_nothing_else() -> None:
    interrupt, done = Interrupt(), []
    with pytest.raises(Terminated), interrupt.stepping():
        interrupt.terminate()
        done.append("the step")
    assert done == ["the step"]
    with pytest.raises(Terminated):
        interrupt.terminate()
    with pytest.raises(KeyError), interrupt.stepping():  # what fails in a step comes first
        raise KeyError
    assert Terminated().code == 143
    before = signal.getsignal(signal.SIGTERM)
    with finishing_on_interrupt():
        assert signal.getsignal(signal.SIGTERM) is before


def test_steps_are_those_of_train(karate: Graph) -> None:
    """`train` is nothing but `step` after `step` on the full batch."""
    for noise in NOISES:
        state = state_of(karate, {}, noise)
        batch, engine = batch_of(state, karate), choose_engine("auto")
        losses = [step(state, batch, engine).loss for _ in range(5)]
        network = GraphAutoEncoder(ModelSettings(), n_inputs=34, seed=0)
        settings = TrainSettings.parse({"steps": 5, "noise": noise, "weight_decay": 0.01})
        records = list(train(network, karate, settings, seed=0))
        assert [record.loss for record in records] == losses
        for name, weight in network.arrays().items():
            assert np.array_equal(state.network.arrays()[name], weight)


def test_both_noises_give_samples_of_the_same_loss(karate: Graph) -> None:
    means = []
    for noise in sorted(NOISES):
        state = state_of(karate, {"latent_dim": 2}, noise)
        batch, engine, losses = batch_of(state, karate), choose_engine("auto"), []
        for number in range(1, 301):
            state.noise.begin(number)
            with torch.no_grad():
                loss = state.network.loss(
                    batch.prepared, batch.targets, noise=state.noise, engine=engine
                )
            losses.append(loss.total.item())
        means.append((np.mean(losses), np.std(losses) / len(losses) ** 0.5))
    (one, error), (other, its_error) = means
    assert one != other
    assert abs(one - other) <= 4 * (error**2 + its_error**2) ** 0.5


def test_the_order_of_the_steps_before_does_not_matter_to_counted_noise(karate: Graph) -> None:
    losses = []
    for n_questions in (0, 3):
        state = state_of(karate, {}, "counter")
        state.noise.begin(1)
        for _ in range(n_questions):
            state.noise.normal(5, 5)
        losses.append(step(state, batch_of(state, karate), choose_engine("auto")).loss)
    assert losses[0] == losses[1]


def test_the_named_metric_stops_the_training(split: Split) -> None:
    """The steps that each metric calls best differ here, and each gets its own weights."""
    found = {}
    for metric in ("average_precision", "auc", "mrr", "hits@2"):
        model, records = run(
            split, steps=150, validate_every=1, patience=40, stop_metric=metric, learning_rate=0.05
        )
        values = [float((record.validation or {})[metric] or 0.0) for record in records]
        best = int(np.argmax(values)) + 1  # the first of equals
        assert len(records) == min(150, best + 40)
        scores = scores_of(model, model.prepare(split.train, None))
        kept = held_out_metrics(scores, split.validation, metric)
        assert kept[metric] == values[best - 1]
        found[metric] = best
    assert len(set(found.values())) > 1, found


def test_hits_at_more_than_there_are_negatives_stop_no_training(split: Split) -> None:
    n_negatives = len(split.validation.negatives)
    assert len(run(split, steps=1, stop_metric=f"hits@{n_negatives}")[1]) == 1
    for steps in (0, 30):
        with pytest.raises(InputError, match=f"^hits@{n_negatives + 1}: needs at least"):
            run(split, steps=steps, stop_metric=f"hits@{n_negatives + 1}")


def test_best_weights_are_those_of_the_best_score() -> None:
    network, best = GraphAutoEncoder(ModelSettings(), n_inputs=3, seed=0), Best()
    best.offer(5, {"average_precision": None}, network)
    assert (best.step, best.weights) == (0, None)
    best.offer(6, {"average_precision": 0.8}, network)
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1.0)
    best.offer(7, {"average_precision": 0.8}, network)  # the first of equals
    assert best.weights is not None
    assert all(torch.equal(value, kept[name]) for name, value in best.weights.items())
    assert best.exhausted(16, patience=10)
    assert not best.exhausted(15, patience=10)
    assert not best.exhausted(10**6, patience=None)
