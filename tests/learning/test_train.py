import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from graphs import random_graph

from vgae.data.graph import Graph
from vgae.data.split import HeldOut, Split, split_edges
from vgae.ground.errors import InputError
from vgae.learning.metrics import link_metrics
from vgae.learning.settings import TrainSettings
from vgae.learning.train import (
    StepRecord,
    finishing_on_interrupt,
    held_out_metrics,
    train,
)
from vgae.model.encoders import EncoderInput
from vgae.model.network import GraphAutoEncoder
from vgae.model.settings import ModelSettings


def run(
    split: Split, *, seed: int = 0, n_inputs: int | None = None, **settings: object
) -> tuple[GraphAutoEncoder, list[StepRecord]]:
    model = GraphAutoEncoder(ModelSettings(), n_inputs=n_inputs or split.train.n_nodes, seed=seed)
    parsed = TrainSettings.parse({"steps": 30, **settings})
    return model, list(train(model, split.train, parsed, seed=seed, validation=split.validation))


@pytest.fixture
def split(karate: Graph) -> Split:
    return split_edges(karate, validation=0.1, test=0.1, seed=0)


def test_the_loss_falls_and_every_step_is_recorded(split: Split) -> None:
    _, records = run(split, steps=60)
    assert [record.step for record in records] == list(range(1, 61))
    assert records[-1].loss < 0.8 * records[0].loss
    for record in records:
        assert record.loss == pytest.approx(record.reconstruction + record.kl)
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
    found = held_out_metrics(model, EncoderInput.from_graph(split.train), split.validation)
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
            run(Split.without_holdout(huge), n_inputs=3)


def test_a_loss_that_stays_large_is_warned_of(
    ring: Graph, caplog: pytest.LogCaptureFixture
) -> None:
    large = ring.with_features(np.full((40, 3), 30.0))
    _, records = run(Split.without_holdout(large), n_inputs=3, steps=1)
    assert records[-1].loss > 10
    assert "of little use; scale the features" in " ".join(caplog.messages)


@pytest.mark.filterwarnings("error")
def test_held_out_pairs_are_scored_from_the_mean_and_never_from_a_sample() -> None:
    split = split_edges(random_graph(60, 0.2, 0), validation=0.2, test=0.2, seed=0)
    model, _ = run(split)
    inputs = EncoderInput.from_graph(split.train)

    def metrics(vectors: torch.Tensor) -> object:
        positives, negatives = (
            (vectors[pairs[:, 0]].double() * vectors[pairs[:, 1]].double()).sum(dim=1).float()
            for pairs in (torch.tensor(split.test.positives), torch.tensor(split.test.negatives))
        )
        return link_metrics(positives.numpy(), negatives.numpy())

    with torch.no_grad():
        latent = model.encode(inputs)
        found = held_out_metrics(model, inputs, split.test)
        assert found == metrics(latent.mean)
        for seed in range(3):
            noise = torch.randn(60, 16, generator=torch.Generator().manual_seed(seed))
            assert found != metrics(latent.rsample(noise))


def test_held_out_pairs_of_another_graph_are_one_clear_line(split: Split) -> None:
    model, _ = run(split, steps=1)
    inputs = EncoderInput.from_graph(split.train)
    with pytest.raises(InputError, match=r"pairs, row 0: \(0, 34\) is outside the 34 nodes"):
        held_out_metrics(model, inputs, HeldOut([(0, 34)], [(0, 1)]))


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
    metrics = held_out_metrics(model, EncoderInput.from_graph(split.train), split.validation)
    assert metrics["average_precision"] == best


@pytest.mark.parametrize("module", ["torch._dynamo", "triton"])
def test_training_does_not_load_compilers_for_gpus(module: str) -> None:
    program = (
        "import sys, vgae; vgae.VGAE(steps=2).fit([('a', 'b'), ('b', 'c')]);"
        f"print('{module}' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.stdout == "False\n"


def test_zero_steps_leave_the_initial_weights(split: Split) -> None:
    model, records = run(split, steps=0)
    fresh = GraphAutoEncoder(ModelSettings(), n_inputs=split.train.n_nodes, seed=0)
    assert records == []
    assert torch.equal(model.encoder.weight["hidden"], fresh.encoder.weight["hidden"])


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
