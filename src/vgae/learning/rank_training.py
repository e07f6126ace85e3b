"""The training of one model by several processes, each with some of the nodes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from vgae.data.graph import Features, Graph
from vgae.data.split import HeldOut, Split
from vgae.ground.errors import InputError
from vgae.learning.batches import Batch
from vgae.learning.checkpoints import Checkpoints
from vgae.learning.ensemble import inputs_of, network_of
from vgae.learning.metrics import RANKING_METRICS
from vgae.learning.scores import ModelScores
from vgae.learning.settings import FitSettings
from vgae.learning.train import (
    Interrupt,
    StepRecord,
    Terminated,
    TrainState,
    check_defined,
    choose_place,
    held_out_metrics,
    steps,
)
from vgae.model.encoders import Propagation
from vgae.model.inputs import InputScaling, used_features
from vgae.model.kernels import torch_on_one_thread
from vgae.model.network import GraphAutoEncoder
from vgae.model.objective import Loss
from vgae.model.ranks import Ranks, Rows, add_up_gradients

__all__ = ["Part", "check_ranks", "chosen_for_ranks", "train_in_ranks"]

logger = logging.getLogger(__name__)

ENCODERS_OF_RANKS = ("gcn", "linear", "appnp", "sage")
"""The encoders that work on the nodes of one process, given the states of the others."""


def check_ranks(settings: FitSettings) -> None:
    """Refuse what several processes cannot fit together.

    Raises
    ------
    InputError
        The settings ask for it.

    Examples
    --------
    >>> check_ranks(FitSettings.of("gae", noise="counter"))
    >>> check_ranks(FitSettings.of("gae"))
    Traceback (most recent call last):
    vgae.InputError: noise sequential: ...
    """
    network, combining = settings.network, settings.combining
    alone = "; fit it with one process (without torchrun)"
    if settings.training.noise != "counter":
        raise InputError(
            "noise sequential: several processes need random numbers that do not depend on their "
            "number; begin with several (noise counter is then chosen), or go on with one"
        )
    if combining.ensemble > 1 or combining.combiner != "none":
        raise InputError(f"ensembles and combiners: several processes fit a single model{alone}")
    if network.encoder not in ENCODERS_OF_RANKS:
        raise InputError(
            f"encoder {network.encoder}: several processes take "
            f"{', '.join(ENCODERS_OF_RANKS)}{alone}"
        )
    if network.objective_used != "exact":
        raise InputError(
            f"objective sampled: several processes sum over all pairs, exactly{alone}, or with "
            "--objective exact"
        )


def chosen_for_ranks(settings: FitSettings) -> dict[str, str]:
    """What several processes need where the settings leave it open, by the names of settings.

    Examples
    --------
    >>> chosen_for_ranks(FitSettings.of("gae"))
    {'noise': 'counter', 'objective': 'exact'}
    >>> chosen_for_ranks(FitSettings.of("gae", mask=0.5))
    {'noise': 'counter'}
    """
    network, chosen = settings.network, {"noise": "counter"}
    if network.objective == "auto" and network.objective_used == "exact":
        chosen["objective"] = "exact"
    return chosen


@dataclass(frozen=True)
class Part:
    """What one process has of a training: the nodes that are its own, and the whole model.

    Attributes
    ----------
    network
        The model, in every process the same.
    batch
        Inputs, adjacency and positive pairs of the nodes of this process.
    rows
        The nodes of each process.
    validation
        All validation pairs, in rank 0; otherwise none.
    judges
        Whether there are validation pairs.

    Examples
    --------
    >>> from vgae.ground.launch import Launch
    >>> alone = Ranks(Launch(rank=0, size=1, local_rank=0, local_size=1))
    >>> split = Split.without_holdout(Graph.from_edges([(0, 1), (1, 2)]))
    >>> part = Part.of(split, FitSettings.of("gae", noise="counter"), alone)
    >>> part.rows.bounds, part.judges, part.n_bytes > 0
    ((0, 3), False, True)
    >>> judged = part.judged  # metrics of validation pairs, if there are any
    """

    network: GraphAutoEncoder
    batch: Batch
    rows: Rows
    validation: HeldOut | None
    judges: bool

    @classmethod
    def of(cls, split: Split, settings: FitSettings, ranks: Ranks) -> Self:
        """Copy what belongs to this process from a split, which can be dropped then.

        Raises
        ------
        InputError
            The graph is directed or signed, or has fewer nodes than there are processes; or the
            settings ask for what several processes cannot do.
        """
        view = split.training
        graph = view.train
        graph.require("a model that several processes fit", ("undirected", "bipartite"))
        settings = settings.on(graph)
        check_ranks(settings)
        rows = Rows.balanced(ranks, graph.adjacency.indptr)
        features, scaled = _features(graph, settings)
        first = None if features is None else scaled(features[:1])
        network = network_of(graph, first, settings, settings.seed)
        encoder = network.encoder
        if not isinstance(encoder, Propagation):
            raise AssertionError("every encoder of several processes propagates")
        prepared = encoder.prepare_rows(graph, features, rows, scaled)
        if view.validation and settings.training.patience is not None:
            check_defined(settings.training.stop_metric, view.validation)
        return cls(
            network,
            Batch(prepared, network.targets(graph, rows)).to(ranks.device),
            rows,
            view.validation if ranks.rank == 0 and view.validation else None,
            bool(view.validation),
        )

    @property
    def n_bytes(self) -> int:
        """Bytes of the graph and the features here: arrays that a smaller share makes smaller."""
        found = {tensor.data_ptr(): tensor.nbytes for tensor in _tensors(self.batch)}
        return sum(found.values())

    def judged(self, stop_metric: str) -> Mapping[str, float | None]:
        """Metrics of the validation pairs, which rank 0 computes and tells the others."""
        names = list(dict.fromkeys((*RANKING_METRICS, stop_metric)))
        ranks = self.rows.ranks
        with torch_on_one_thread(), torch.no_grad():
            latent = self.network.encode(self.batch.prepared)
            mean, std = (
                None if own is None else ranks.gathered(own, self.rows.bounds)
                for own in (latent.mean, latent.std())
            )
            told = torch.zeros(len(names), dtype=torch.float64)
            if self.validation is not None and mean is not None:
                scores = ModelScores(self.network, mean, std)
                found = held_out_metrics(scores, self.validation, stop_metric)
                told[:] = torch.tensor(
                    [np.nan if found[name] is None else found[name] for name in names]
                )
        values = ranks.first(told.to(ranks.device)).tolist()
        return {
            name: None if np.isnan(value) else value
            for name, value in zip(names, values, strict=True)
        }


def _features(
    graph: Graph, settings: FitSettings
) -> tuple[Features | None, Callable[[Features], Features]]:
    """Features of all nodes as they lie in the graph, and what turns some of them into inputs."""
    shape = settings.network
    if shape.structure != "none":  # which follow from the whole graph
        return inputs_of(graph, settings)[1], lambda inputs: inputs
    used = used_features(graph, shape.features)
    if used is None:
        return None, lambda inputs: inputs
    return used, InputScaling.learned(used, shape.features).apply


def _tensors(value: Any) -> list[Tensor]:
    """All tensors in the fields of a value."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [tensor for part in value for tensor in _tensors(part)]
    if is_dataclass(value) and not isinstance(value, Rows):
        return [tensor for part in fields(value) for tensor in _tensors(getattr(value, part.name))]
    return []


def train_in_ranks(
    split: Callable[[], Split],
    settings: FitSettings,
    ranks: Ranks,
    *,
    callbacks: Sequence[Callable[[StepRecord], Any]] = (),
    interrupt: Interrupt | None = None,
    checkpoints: Checkpoints | None = None,
) -> Checkpoints:
    """Train one model together with the other processes, which call this too.

    Parameters
    ----------
    split
        Makes the split. It is called once, and what it returned is dropped before the first step.
    settings
        All settings.
    ranks
        The processes.
    callbacks
        Called after every step with its record.
    interrupt
        Ends the training of all processes after the current step, if it is pressed or terminated
        in any of them.
    checkpoints
        Where rank 0 writes the training down, and where all processes go on from.

    Returns
    -------
    What `vgae.learning.fitting.fit` takes as its checkpoints to find the training finished.

    Raises
    ------
    InputError
        The processes have different graphs; or what `fit` raises.
    KeyboardInterrupt, Terminated
        The training was ended, in all processes after the same step.

    Examples
    --------
    >>> from vgae.ground.launch import Launch
    >>> alone = Ranks(Launch(rank=0, size=1, local_rank=0, local_size=1))
    >>> graph = Graph.from_edges([(0, 1), (1, 2)])
    >>> settings = FitSettings.of("gae", noise="counter", steps=3)
    >>> finished = train_in_ranks(lambda: Split.without_holdout(graph), settings, alone)
    >>> from vgae.learning.fitting import fit
    >>> len(fit(Split.without_holdout(graph), settings, checkpoints=finished).history)
    3
    """
    interrupt, checkpoints = interrupt or Interrupt(), checkpoints or Checkpoints(None)
    check_ranks(settings)
    part = _begun(split(), settings, ranks, checkpoints)
    training = settings.training
    if training.patience is not None and not part.judges:
        raise InputError("patience: early stopping needs validation pairs; hold some out")

    agreed = Interrupt()  # a request that came after the last exchange is for the next one

    def added_up(network: GraphAutoEncoder, loss: Loss) -> Loss:
        return _added_up(network, loss, ranks, interrupt, agreed)

    state = TrainState(
        part.network, training, seed=settings.seed, device=ranks.device, added_up=added_up
    )
    if not checkpoints.take_up(state, ""):
        here = training.model_copy(update={"device": str(ranks.device)})
        _, engine = choose_place(here, settings.network.latent_dim)
        judged = (lambda: part.judged(training.stop_metric)) if part.judges else None
        taken = steps(state, lambda _: part.batch, engine, judged)
        with interrupt.stepping(), closing(taken):  # type: ignore[type-var]
            for record in taken:
                for callback in callbacks:
                    callback(record)
                if agreed.pressed or agreed.terminated:
                    checkpoints.stop(state)
                    raise KeyboardInterrupt if agreed.pressed else Terminated
                checkpoints.offer(state)
            if interrupt.terminated:  # after the last step
                checkpoints.stop(state)
    part.network.cpu()
    return Checkpoints.of_finished(state)


def _begun(split: Split, settings: FitSettings, ranks: Ranks, checkpoints: Checkpoints) -> Part:
    """The part of this process, once all have found the same graph and checkpoint."""
    if ranks.rank:
        checkpoints.follow()
    checkpoints.begin(split, settings, None)
    part = Part.of(split, settings, ranks)
    found = ranks.texts(f"{split.training.fingerprint} {checkpoints.place}")
    other = [rank for rank, text in enumerate(found) if text != found[0]]
    if other:
        raise InputError(
            f"rank {other[0]}: has another graph, split or checkpoint than rank 0; give all "
            "processes the same files"
        )
    own, n_nodes = part.rows.own, part.rows.n_nodes
    logger.info(
        "rank 0 of %d: %s of %s nodes, %.1f MB of graph and features",
        *(ranks.size, f"{own.stop - own.start:,}", f"{n_nodes:,}", part.n_bytes / 1e6),
    )
    return part


def _added_up(
    network: GraphAutoEncoder, loss: Loss, ranks: Ranks, interrupt: Interrupt, agreed: Interrupt
) -> Loss:
    """The loss of all processes, whose gradients are added up; they agree whether to end."""
    add_up_gradients(ranks, network.parameters())
    asked = [float(interrupt.pressed), float(interrupt.terminated)]
    own = torch.stack([term.detach().double() for term in loss.terms.values()])
    *terms, pressed, terminated = ranks.summed(torch.cat([own, own.new_tensor(asked)]))
    agreed.pressed, agreed.terminated = bool(pressed), bool(terminated)
    return Loss(dict(zip(loss.terms, terms, strict=True)))
