"""The training loop: a generator of step records, deterministic and interruptible."""

from __future__ import annotations

import copy
import logging
import math
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from vgae.data.graph import Graph
from vgae.data.split import HeldOut
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError
from vgae.learning.metrics import link_metrics
from vgae.learning.optimizer import Adam
from vgae.learning.scores import VectorScores
from vgae.learning.settings import TrainSettings
from vgae.model.encoders import EncoderInput
from vgae.model.kernels import Engine, choose_engine, torch_on_one_thread
from vgae.model.network import GraphAutoEncoder
from vgae.model.objective import Targets

__all__ = [
    "Interrupt",
    "StepRecord",
    "choose_place",
    "finishing_on_interrupt",
    "held_out_metrics",
    "train",
]


logger = logging.getLogger(__name__)

SUSPICIOUS_LOSS = 10.0
"""Large features cause a huge log_std, from which steps of a fixed size may never recover."""


@dataclass(frozen=True)
class StepRecord:
    """The record of one training step.

    Attributes
    ----------
    step
        Number of the step, from 1.
    loss, reconstruction, kl
        The objective and its terms before the step.
    seconds
        Wall time of the step, without validation.
    validation
        Metrics of the validation pairs after the step, or None if they were not evaluated.

    Examples
    --------
    >>> StepRecord(step=1, loss=0.7, reconstruction=0.6, kl=0.1, seconds=0.5).as_dict()["loss"]
    0.7
    """

    step: int
    loss: float
    reconstruction: float
    kl: float
    seconds: float
    validation: Mapping[str, float | None] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values; `validation` is left out if it was not evaluated."""
        values = {name: getattr(self, name) for name in ("step", "loss", "reconstruction", "kl")}
        values["seconds"] = round(self.seconds, 6)
        return values if self.validation is None else values | {"validation": dict(self.validation)}


def train(
    model: GraphAutoEncoder,
    graph: Graph,
    settings: TrainSettings,
    *,
    seed: int,
    validation: HeldOut | None = None,
    inputs: EncoderInput | None = None,
) -> Iterator[StepRecord]:
    """Train a model in place, one record per step; leave the loop to stop early.

    Parameters
    ----------
    model
        The model, whose weights change.
    graph
        The training graph. Its edges are both messages and targets.
    settings
        How to train.
    seed
        Seed of the posterior samples.
    validation
        Pairs for early stopping and progress; they are never trained on.
    inputs
        The graph's tensors, if they exist already; by default they are computed.

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
    >>> model = GraphAutoEncoder(ModelSettings(), n_inputs=3, seed=0)
    >>> graph = Graph.from_edges([(0, 1), (1, 2)])
    >>> [record.step for record in train(model, graph, TrainSettings(steps=2), seed=0)]
    [1, 2]
    """
    device, engine = choose_place(settings, model.settings.latent_dim)
    model.to(device)
    if inputs is None:
        inputs = EncoderInput.from_graph(graph, model.settings.features)
    inputs = inputs.to(device)
    targets = Targets.from_graph(graph, model.settings.objective).to(device)
    optimizer = Adam(list(model.parameters()), settings.learning_rate)
    generator = torch.Generator(device).manual_seed(stream_seed(seed, "noise"))
    shape = (graph.n_nodes, model.settings.latent_dim)
    best = _BestWeights(model, settings.patience)
    if settings.patience is not None and not validation:
        raise InputError("patience: early stopping needs validation pairs; hold some out")
    try:
        for step in range(1, settings.steps + 1):
            started = time.perf_counter()
            with torch_on_one_thread():
                noise = torch.randn(shape, generator=generator, device=device)
                loss = model.loss(inputs, targets, noise=noise, engine=engine)
                loss.total.backward()  # type: ignore[no-untyped-call]
                terms = (loss.total, loss.reconstruction, loss.kl)
                total, reconstruction, kl = (term.item() for term in terms)
                optimizer.step()
                is_finite = math.isfinite(total) and _are_finite(model)
            if not is_finite:
                raise InputError(
                    f"step {step}: the loss is {total:.3g}; scale the features (the preset unit, "
                    f"or standardise them) or lower the learning rate ({settings.learning_rate:g})"
                )
            seconds = time.perf_counter() - started
            scores = None
            if validation and (step % settings.validate_every == 0 or step == settings.steps):
                scores = held_out_metrics(model, inputs, validation)
                best.offer(step, scores)
            if step == settings.steps and total > SUSPICIOUS_LOSS:
                logger.warning(
                    "the loss ended at %.3g, where an embedding of zeros has about 0.7: the result "
                    "is of little use; scale the features (the preset unit, or standardise them)",
                    total,
                )
            yield StepRecord(step, total, reconstruction, kl, seconds, scores)
            if best.exhausted(step):
                return
    finally:
        best.restore()


def _are_finite(model: GraphAutoEncoder) -> bool:
    """Whether all weights are finite; one whose square overflows counts as infinite."""
    with torch.no_grad():
        weights = [parameter.flatten() for parameter in model.parameters()]
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


@torch_on_one_thread()
def held_out_metrics(
    model: GraphAutoEncoder, inputs: EncoderInput, pairs: HeldOut
) -> Mapping[str, float | None]:
    """Metrics of held-out pairs, computed from posterior means, never from samples.

    Parameters
    ----------
    model
        The model.
    inputs
        Features and message graph; the protocol decides which edges carry messages.
    pairs
        Held-out edges and pairs without an edge.

    Examples
    --------
    >>> import numpy as np
    >>> from vgae.model.settings import ModelSettings
    >>> model = GraphAutoEncoder(ModelSettings(), n_inputs=4, seed=0)
    >>> inputs = EncoderInput.from_graph(Graph.from_edges([(0, 1), (1, 2)], n_nodes=4))
    >>> pairs = HeldOut(positives=np.array([[2, 3]]), negatives=np.array([[0, 3]]))
    >>> held_out_metrics(model, inputs, pairs)["auc"] in (0.0, 0.5, 1.0)
    True
    """
    with torch.no_grad():
        scores = VectorScores(model.encode(inputs).mean.cpu().numpy())
    return link_metrics(scores.pairs(pairs.positives), scores.pairs(pairs.negatives))


class Interrupt:
    """A request to end the work that is under way.

    Attributes
    ----------
    pressed
        Whether `press` has been called.

    Examples
    --------
    >>> interrupt = Interrupt()
    >>> interrupt.press()
    >>> interrupt.pressed
    True
    """

    def __init__(self) -> None:
        self.pressed = False

    def press(self, *_signal: Any) -> None:
        """Note the first request; a second one raises KeyboardInterrupt."""
        if self.pressed:
            raise KeyboardInterrupt
        self.pressed = True


@contextmanager
def finishing_on_interrupt() -> Iterator[Interrupt]:
    """Note the first Ctrl-C, so that work can end between two steps; a second one ends it at once.

    Compiled loops are not interrupted: the sum over all pairs is finished first.

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
    previous = signal.signal(signal.SIGINT, interrupt.press)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, previous)


class _BestWeights:
    """Early stopping: keeps the weights of the best validation average precision."""

    def __init__(self, model: GraphAutoEncoder, patience: int | None) -> None:
        self.model = model
        self.patience = patience
        self.step = 0
        self.score = -math.inf
        self.weights: dict[str, Any] | None = None

    def offer(self, step: int, scores: Mapping[str, float | None]) -> None:
        score = scores["average_precision"]
        if self.patience is not None and score is not None and score > self.score:
            self.step, self.score = step, score
            self.weights = copy.deepcopy(self.model.state_dict())

    def exhausted(self, step: int) -> bool:
        return self.patience is not None and step - self.step >= self.patience

    def restore(self) -> None:
        if self.weights is not None:
            self.model.load_state_dict(self.weights)
