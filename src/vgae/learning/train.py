"""The training loop: a generator of step records, deterministic and interruptible."""

from __future__ import annotations

import copy
import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vgae.data.graph import Graph
from vgae.data.split import HeldOut
from vgae.ground.errors import InputError
from vgae.ground.memory import Surplus
from vgae.learning.batches import Batch, BatchOf, batches
from vgae.learning.metrics import RANKING_METRICS, cut_off, link_metrics
from vgae.learning.optimizer import Adam
from vgae.learning.scores import ModelScores, Scores
from vgae.learning.settings import TrainSettings
from vgae.model.kernels import Engine, choose_engine, torch_on_one_thread
from vgae.model.network import GraphAutoEncoder
from vgae.model.noise import NOISES, Noise
from vgae.model.objective import Loss

__all__ = [
    "Best",
    "Interrupt",
    "StepRecord",
    "Terminated",
    "TrainState",
    "check_defined",
    "choose_place",
    "finishing_on_interrupt",
    "held_out_metrics",
    "step",
    "steps",
    "train",
]

logger = logging.getLogger(__name__)

STEPS_OF_A_TRIM = 10
"""How often freed memory is returned: after every step, pages would be fetched again too often."""

Judge = Callable[[], Mapping[str, float | None]]
"""Gives the metrics of validation pairs."""

SUSPICIOUS_LOSS = 10.0
"""Of a reconstruction. Large features cause a huge log_std, from which steps of a fixed size may
never recover; the divergence alone may be large in many dimensions."""


@dataclass(frozen=True)
class StepRecord:
    """The record of one training step.

    Attributes
    ----------
    step
        Number of the step, from 1.
    loss
        The objective before the step.
    terms
        Its terms by name, such as reconstruction and kl.
    seconds
        Wall time of the step, without validation.
    validation
        Metrics of the validation pairs after the step, or None if they were not evaluated.

    Examples
    --------
    >>> record = StepRecord(1, 0.7, {"reconstruction": 0.6, "kl": 0.1}, seconds=0.5)
    >>> record.as_dict()
    {'step': 1, 'loss': 0.7, 'reconstruction': 0.6, 'kl': 0.1, 'seconds': 0.5}
    """

    step: int
    loss: float
    terms: Mapping[str, float]
    seconds: float
    validation: Mapping[str, float | None] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values; `validation` is left out if it was not evaluated."""
        values: dict[str, Any] = {"step": self.step, "loss": self.loss, **self.terms}
        values["seconds"] = round(self.seconds, 6)
        return values if self.validation is None else values | {"validation": dict(self.validation)}


@dataclass
class Best:
    """The weights with the best validation score so far; used with `patience`.

    Attributes
    ----------
    metric
        The metric that decides, as in `TrainSettings.stop_metric`.
    step, score, weights
        The step with the best score, its score, and the weights after it; None before there is one.

    Examples
    --------
    >>> from vgae.model.settings import ModelSettings
    >>> best, network = Best(), GraphAutoEncoder(ModelSettings(), n_inputs=3, seed=0)
    >>> best.offer(10, {"average_precision": 0.9}, network)
    >>> best.score, best.exhausted(30, patience=30), best.exhausted(40, patience=30)
    (0.9, False, True)
    """

    step: int = 0
    score: float = -math.inf
    weights: dict[str, Tensor] | None = None
    metric: str = "average_precision"

    def offer(
        self, step: int, scores: Mapping[str, float | None], network: GraphAutoEncoder
    ) -> None:
        """Take over the network's weights if they score better."""
        score = scores[self.metric]
        if score is not None and score > self.score:
            self.step, self.score = step, score
            self.weights = copy.deepcopy(network.state_dict())

    def exhausted(self, step: int, patience: int | None) -> bool:
        """Whether there was no better score for `patience` steps."""
        return patience is not None and step - self.step >= patience


class TrainState:
    """All that a fit needs to go on: weights, moments, random numbers, best weights and history.

    Parameters
    ----------
    network
        The model, whose weights change.
    settings
        How to train.
    seed
        Seed of the random numbers of the steps.
    device
        Where to compute.
    added_up
        Where several processes have a part of the loss each: adds up their gradients, which it
        leaves in the network, and the terms, which it returns.

    Attributes
    ----------
    network, optimizer, noise, best
        The model, Adam with its moments, the random numbers, and the best weights.
    history
        One record per step.

    Raises
    ------
    InputError
        The model has no weights to train.

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1), (1, 2)])
    >>> from vgae.model.settings import ModelSettings
    >>> def state(seed):
    ...     network = GraphAutoEncoder(ModelSettings(), n_inputs=3, seed=seed)
    ...     return TrainState(network, TrainSettings(), seed=0, device=torch.device("cpu"))
    >>> first, second = state(0), state(1)
    >>> batch = Batch(first.network.prepare(graph, None), first.network.targets(graph))
    >>> engine = choose_engine("auto")
    >>> record = step(first, batch, engine)
    >>> sorted(first.values())
    ['best', 'history', 'noise', 'optimizer', 'weights']
    >>> second.restore(first.snapshot())
    >>> step(first, batch, engine).loss == step(second, batch, engine).loss, first.n_steps
    (True, 2)
    """

    def __init__(
        self,
        network: GraphAutoEncoder,
        settings: TrainSettings,
        *,
        seed: int,
        device: torch.device,
        added_up: Callable[[GraphAutoEncoder, Loss], Loss] | None = None,
    ) -> None:
        if not any(parameter.requires_grad for parameter in network.parameters()):
            raise InputError("no weights to train: all parts are fixed; give one that can learn")
        self.network = network.to(device)
        self.settings, self.added_up = settings, added_up
        self.optimizer = Adam(
            list(network.parameters()), settings.learning_rate, settings.weight_decay
        )
        self.noise: Noise = NOISES[settings.noise](seed, device)
        self.best = Best(metric=settings.stop_metric)
        self.history: list[StepRecord] = []

    @property
    def n_steps(self) -> int:
        """Number of steps that were taken."""
        return len(self.history)

    def values(self) -> dict[str, Any]:
        """All values as they are now, which the next step changes; see `snapshot`."""
        return {
            "weights": self.network.state_dict(),
            "optimizer": self.optimizer.state(),
            "noise": self.noise.state(),
            "best": self.best,
            "history": self.history,
        }

    def snapshot(self) -> dict[str, Any]:
        """A copy of all values, for `restore`."""
        return copy.deepcopy(self.values())

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go on from where `snapshot` was taken."""
        values = copy.deepcopy(dict(snapshot))
        self.network.load_state_dict(values["weights"])
        self.optimizer.restore(values["optimizer"])
        self.noise.restore(values["noise"])
        self.best, self.history = values["best"], values["history"]


def step(state: TrainState, batch: Batch, engine: Engine) -> StepRecord:
    """Take one gradient step, and add its record to the history.

    Raises
    ------
    InputError
        The loss or a weight is no longer finite.

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1), (1, 2)])
    >>> from vgae.model.settings import ModelSettings
    >>> network = GraphAutoEncoder(ModelSettings(), n_inputs=3, seed=0)
    >>> state = TrainState(network, TrainSettings(), seed=0, device=torch.device("cpu"))
    >>> batch = Batch(network.prepare(graph, None), network.targets(graph))
    >>> step(state, batch, choose_engine("auto")).step, state.n_steps
    (1, 1)
    """
    started = time.perf_counter()
    number = state.n_steps + 1
    with torch_on_one_thread():
        state.noise.begin(number)
        loss = state.network.loss(batch.prepared, batch.targets, noise=state.noise, engine=engine)
        loss.total.backward()  # type: ignore[no-untyped-call]
        if state.added_up is not None:
            loss = state.added_up(state.network, loss)
        total = loss.total.item()
        terms = {name: term.item() for name, term in loss.terms.items()}
        state.optimizer.step()
        is_finite = math.isfinite(total) and _are_finite(state.network)
    if not is_finite:
        raise InputError(
            f"step {number}: the loss is {total:.3g}; scale the features (the preset unit, or "
            f"standardise them) or lower the learning rate ({state.settings.learning_rate:g})"
        )
    record = StepRecord(number, total, terms, time.perf_counter() - started)
    state.history.append(record)
    return record


def train(
    network: GraphAutoEncoder,
    graph: Graph,
    settings: TrainSettings,
    *,
    seed: int,
    validation: HeldOut | None = None,
    prepared: Any = None,
    state: TrainState | None = None,
) -> Iterator[StepRecord]:
    """Train a model in place, one record per step; leave the loop to stop early.

    Parameters
    ----------
    network
        The model, whose weights change.
    graph
        The training graph. Its edges are both messages and targets.
    settings
        How to train.
    seed
        Seed of the posterior samples.
    validation
        Pairs for early stopping and progress; they are never trained on.
    prepared
        The graph in the encoder's form; by default it is made, without inputs.
    state
        The state of this network to go on from; by default a new one.

    Yields
    ------
    A record after each step.

    Raises
    ------
    InputError
        The graph has no edges, there is a `patience` but no validation pairs, engine or device
        cannot be used here, or the loss is no longer finite.

    Examples
    --------
    >>> from vgae.model.settings import ModelSettings
    >>> network = GraphAutoEncoder(ModelSettings(), n_inputs=3, seed=0)
    >>> graph = Graph.from_edges([(0, 1), (1, 2)])
    >>> [record.step for record in train(network, graph, TrainSettings(steps=2), seed=0)]
    [1, 2]
    """
    device, engine = choose_place(settings, network.settings.latent_dim)
    if prepared is None:
        prepared = network.prepare(graph, None)
    prepared = prepared.to(device)
    if state is None:
        state = TrainState(network, settings, seed=seed, device=device)
    batch_of = batches(network, graph, prepared, seed=seed)
    if settings.patience is not None and not validation:
        raise InputError("patience: early stopping needs validation pairs; hold some out")
    if validation:
        check_defined(settings.stop_metric, validation)
    judged: Judge | None = None
    if validation:

        def judged() -> Mapping[str, float | None]:
            found = _posterior_scores(network, prepared)
            return held_out_metrics(found, validation, settings.stop_metric)

    yield from steps(state, batch_of, engine, judged)


def steps(
    state: TrainState,
    batch_of: BatchOf,
    engine: Engine,
    judged: Judge | None = None,
) -> Iterator[StepRecord]:
    """Take the steps that are left of a training; see `train`, which calls this.

    Parameters
    ----------
    state
        The training, whose settings say how many steps there are.
    batch_of
        What each step learns from.
    engine
        Sums over all pairs.
    judged
        Gives the metrics of the validation pairs; None where there are none.

    Yields
    ------
    A record after each step.

    Examples
    --------
    >>> from vgae.model.settings import ModelSettings
    >>> network = GraphAutoEncoder(ModelSettings(), n_inputs=2, seed=0)
    >>> graph = Graph.from_edges([(0, 1)])
    >>> state = TrainState(network, TrainSettings(steps=2), seed=0, device=torch.device("cpu"))
    >>> batch = Batch(network.prepare(graph, None), network.targets(graph))
    >>> engine = choose_engine("auto")
    >>> [record.step for record in steps(state, lambda _: batch, engine)]
    [1, 2]
    """
    settings, network = state.settings, state.network
    patience = settings.patience
    surplus = Surplus()
    try:
        while state.n_steps < settings.steps and not state.best.exhausted(state.n_steps, patience):
            record = step(state, batch_of(state.n_steps + 1), engine)
            number, last = record.step, record.step == settings.steps
            if judged is not None and (number % settings.validate_every == 0 or last):
                scores = judged()
                if patience is not None:
                    state.best.offer(number, scores, network)
                record = state.history[-1] = replace(record, validation=scores)
            large = record.terms["reconstruction"] > SUSPICIOUS_LOSS
            if last and large and network.settings.features == "raw":
                logger.warning(
                    "the reconstruction loss ended at %.3g, where an embedding of zeros has about "
                    "0.7: the result is of little use; scale the features (the preset unit, or "
                    "standardise them)",
                    record.terms["reconstruction"],
                )
            yield record
            if number % STEPS_OF_A_TRIM == 0:
                surplus.give_back()
    finally:
        surplus.give_back()
        if state.best.weights is not None:
            network.load_state_dict(state.best.weights)


@torch_on_one_thread()
@torch.no_grad()
def _posterior_scores(network: GraphAutoEncoder, prepared: Any) -> ModelScores:
    return ModelScores.of(network, network.encode(prepared))


def _are_finite(network: GraphAutoEncoder) -> bool:
    """Whether all weights are finite; one whose square overflows counts as infinite."""
    with torch.no_grad():
        weights = [parameter.flatten() for parameter in network.parameters()]
        return all(math.isfinite(torch.dot(weight, weight).item()) for weight in weights)


def choose_place(settings: TrainSettings, dim: int) -> tuple[torch.device, Engine]:
    """The device and the engine that training would use here.

    Parameters
    ----------
    settings
        How to train.
    dim
        Length of the embedding.

    Raises
    ------
    InputError
        Device or engine is not available here, or they do not work together.

    Examples
    --------
    >>> device, engine = choose_place(TrainSettings(), 16)
    >>> device.type, engine.name
    ('cpu', 'numba')
    """
    name = settings.device
    if name.partition(":")[0] not in ("cpu", "cuda"):
        raise InputError(
            f"device {name}: must be cpu, cuda, or cuda:1 for the second of several GPUs"
        )
    try:
        device = torch.zeros((), device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"device {name}: torch cannot use it here ({reason})") from None
    return device, choose_engine(settings.engine, device, dim=dim)


def check_defined(metric: str, validation: HeldOut) -> None:
    """Refuse Hits@K where the validation edges have fewer than K negatives.

    Raises
    ------
    InputError
        The metric has no value on these pairs.

    Examples
    --------
    >>> pairs = HeldOut(positives=[(2, 3)], negatives=[(0, 3)])
    >>> check_defined("hits@1", pairs)
    >>> check_defined("hits@2", pairs)
    Traceback (most recent call last):
    vgae.InputError: hits@2: needs at least 2 validation negatives, and there is 1; ...
    """
    at = cut_off(metric)
    if at is None:
        return
    owners, n_edges = validation.groups, len(validation.positives)
    fewest = (
        len(validation.negatives)
        if owners is None
        else int(np.bincount(owners, minlength=n_edges).min())
    )
    if fewest < at[1]:
        each = "" if owners is None else " for each edge"
        raise InputError(
            f"{metric}: needs at least {at[1]:,} validation negatives{each}, and there "
            f"{'is' if fewest == 1 else 'are'} {fewest:,}; take a smaller K, or mrr"
        )


def held_out_metrics(
    scores: Scores, pairs: HeldOut, stop_metric: str = "average_precision"
) -> Mapping[str, float | None]:
    """Metrics of held-out pairs.

    Parameters
    ----------
    scores
        Scores from posterior means, never from samples; the protocol decides which edges carried
        messages.
    pairs
        Held-out edges and pairs without an edge.
    stop_metric
        One more metric, where it is none of those that are always given.

    Examples
    --------
    >>> from vgae.learning.scores import VectorScores
    >>> pairs = HeldOut(positives=np.array([[2, 3]]), negatives=np.array([[0, 3]]))
    >>> held_out_metrics(VectorScores(np.eye(4)[:, 2:]), pairs)["auc"]
    0.5
    """
    edges, others = scores.pairs(pairs.positives), scores.pairs(pairs.negatives)
    names = dict.fromkeys((*RANKING_METRICS, stop_metric))
    return link_metrics(edges, others, pairs.groups, names=list(names))


class Terminated(SystemExit):
    """SIGTERM ended a fit that keeps checkpoints, between two steps.

    A program that does not catch it ends with status 143, as a shell counts.

    Examples
    --------
    >>> Terminated().code
    143
    """

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


class Interrupt:
    """A request to end the work that is under way.

    Attributes
    ----------
    pressed
        Whether `press` has been called, as by Ctrl-C.
    terminated
        Whether `terminate` has been called, as by SIGTERM.

    Examples
    --------
    >>> interrupt = Interrupt()
    >>> interrupt.press()
    >>> interrupt.pressed
    True
    >>> with interrupt.stepping():
    ...     interrupt.terminate()
    ...     print("the step is finished first")
    Traceback (most recent call last):
    vgae.learning.train.Terminated: 143
    """

    def __init__(self) -> None:
        self.pressed = self.terminated = self._stepping = False

    def press(self, *_signal: Any) -> None:
        """Note the first request; a second one raises KeyboardInterrupt."""
        if self.pressed:
            raise KeyboardInterrupt
        self.pressed = True

    def terminate(self, *_signal: Any) -> None:
        """Raise `Terminated`, or note the request where steps are being taken."""
        self.terminated = True
        if not self._stepping:
            raise Terminated

    @contextmanager
    def stepping(self) -> Iterator[None]:
        """Have requests to terminate wait until the block ends, which ends soon after one."""
        self._stepping = True
        try:
            yield
        finally:
            self._stepping = False
        if self.terminated:
            raise Terminated


@contextmanager
def finishing_on_interrupt(*, terminating: bool = False) -> Iterator[Interrupt]:
    """Note the first Ctrl-C, so that work can end between two steps; a second one ends it at once.

    Compiled loops are not interrupted: the sum over all pairs is finished first.

    Parameters
    ----------
    terminating
        Whether SIGTERM, too, ends the work between two steps, as `Interrupt.terminate` does.
        Otherwise it ends the process at once.

    Yields
    ------
    An `Interrupt` that Ctrl-C presses. Outside the main thread, where Python allows no signal
    handlers, Ctrl-C never does.

    Examples
    --------
    >>> with finishing_on_interrupt() as interrupt:
    ...     signal.raise_signal(signal.SIGINT)
    >>> interrupt.pressed
    True
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    handlers: dict[int, Any] = {signal.SIGINT: interrupt.press}
    if terminating:
        handlers[signal.SIGTERM] = interrupt.terminate
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield interrupt
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
