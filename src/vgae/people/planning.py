"""What fitting a model would take: time, memory and bytes exchanged, before anything is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vgae.data.graph import Graph
from vgae.ground.errors import InputError
from vgae.learning.machine import Machine, gpu_machine, measure_machine
from vgae.learning.rank_training import check_ranks, chosen_for_ranks
from vgae.learning.settings import FitSettings
from vgae.learning.train import choose_place
from vgae.model.costs import Sizes, exchanged_bytes, memory_bytes, operations

__all__ = ["HERE", "FitPlan", "plan_fit"]

HERE = "here"
"""The name of the GPU that this machine has."""
LINK_BYTES = 1.25e9
"""Bytes a second that a process receives from others: a network of 10 gigabits a second."""


@dataclass(frozen=True)
class FitPlan:
    """What a fit would take.

    Attributes
    ----------
    n_nodes, n_edges, n_features
        The graph.
    objective, why
        Whether the objective would be exact or sampled, and the reason in words.
    engine
        What would compute the sum over all pairs.
    machine, measured
        Whose rates the times follow from, and whether they were measured. Otherwise they are
        published peak figures, and times are what no fit is faster than.
    steps, trainings
        Number of steps of a training, and of trainings: members of an ensemble, and those for the
        folds of a combiner.
    step_seconds, parts
        Estimated time of a step, and of its parts by name.
    seconds
        Estimated time of all steps of all trainings.
    ranks
        Number of processes.
    bytes, stages
        Estimated peak memory of each process, and what its stages hold above `library_bytes`.
    library_bytes
        Memory of a process before it holds a graph.
    device_bytes
        Estimated memory on the GPU, and what it has; None without a GPU.
    exchanged
        Bytes that each process receives in a step, by what they are.

    Examples
    --------
    >>> plan = plan_fit(Sizes(1000, 5000), FitSettings.of("vgae"), gpu="h100")
    >>> plan.objective, plan.measured, plan.steps, plan.as_dict()["ranks"]
    ('exact', False, 200, 1)
    >>> plan.step_seconds == sum(plan.parts.values())
    True
    """

    n_nodes: int
    n_edges: int
    n_features: int
    objective: str
    why: str
    engine: str
    machine: str
    measured: bool
    steps: int
    trainings: int
    step_seconds: float
    parts: Mapping[str, float]
    seconds: float
    ranks: int
    bytes: float
    stages: Mapping[str, float]
    library_bytes: float
    device_bytes: tuple[float, float] | None
    exchanged: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Convert to plain values, ready for JSON."""
        return asdict(self)


def plan_fit(
    graph: Graph | Sizes,
    settings: FitSettings,
    *,
    ranks: int = 1,
    gpu: str | None = None,
    held_out: bool = True,
    machine: Machine | None = None,
) -> FitPlan:
    """Estimate what a fit would take, from counted operations and the rates of a machine.

    Times are those of the training steps on an idle machine. Reading the graph, making inputs from
    its structure, gathering evidence for a combiner and scoring held-out pairs come on top.

    Parameters
    ----------
    graph
        The graph, or its sizes alone.
    settings
        All settings, as given; what depends on the graph is filled in.
    ranks
        Number of processes among which rows are divided. What they exchange is taken to arrive at
        10 gigabits a second.
    gpu
        A name in `vgae.model.rates.GPUS`, or "here" for the GPU of this machine; by default
        the processor.
    held_out
        Whether edges are held out.
    machine
        Rates measured before; by default those that are needed are measured now.

    Raises
    ------
    InputError
        There is no such GPU, `ranks` is less than 1 or more than the nodes, the settings do not
        suit the graph, or several processes cannot fit such a model.

    Examples
    --------
    >>> plan = plan_fit(Sizes(10**6, 10**7), FitSettings.of("vgae"), gpu="a100", ranks=4)
    >>> plan.objective, sorted(plan.exchanged)
    ('exact', ['embedding', 'states', 'weights'])
    """
    sizes = graph if isinstance(graph, Sizes) else Sizes.of(graph)
    if not 1 <= ranks <= max(1, sizes.n_nodes):
        raise InputError(f"ranks {ranks}: must be from 1 to the number of nodes, {sizes.n_nodes:,}")
    settings, why = _settled(graph, settings, ranks)
    network, training = settings.network, settings.training
    work = operations(sizes, network)
    if gpu is not None and gpu != HERE:
        machine, engine = gpu_machine(gpu), "triton"
    else:
        if gpu == HERE:
            training = training.model_copy(update={"device": "cuda"})
        device, chosen = choose_place(training, network.latent_dim)
        engine = chosen.name
        machine = machine or measure_machine(
            device.type,
            engine=training.engine,
            kinds={operation.kind for operation in work},
            most_reach=max(operation.reach for operation in work),
            graph=None if isinstance(graph, Sizes) else graph,
            held_bytes=0.0 if isinstance(graph, Sizes) else sizes.held_bytes,
        )
    exchanged = exchanged_bytes(sizes, network, ranks)
    parts = {part: seconds / ranks for part, seconds in machine.rates.by_part(work).items()}
    if ranks > 1:
        parts["exchange"] = sum(exchanged.values()) / LINK_BYTES
    stages = memory_bytes(sizes, network, ranks=ranks, held_out=held_out)
    combining = settings.combining
    folds = combining.folds if combining.combiner != "none" else 0
    trainings = combining.ensemble * (1 + folds)
    on_device = None
    if machine.memory_bytes is not None:
        on_device = (stages["training"] - stages["splitting"] / 2.0, machine.memory_bytes)
    step_seconds = sum(parts.values())
    return FitPlan(
        n_nodes=sizes.n_nodes,
        n_edges=sizes.n_edges,
        n_features=sizes.n_features,
        objective=network.objective_used,
        why=why,
        engine=engine,
        machine=machine.name,
        measured=machine.measured,
        steps=training.steps,
        trainings=trainings,
        step_seconds=step_seconds,
        parts=parts,
        seconds=step_seconds * training.steps * trainings,
        ranks=ranks,
        bytes=machine.library_bytes + max(stages.values()),
        stages=stages,
        library_bytes=machine.library_bytes,
        device_bytes=on_device,
        exchanged=exchanged,
    )


def _settled(graph: Graph | Sizes, settings: FitSettings, ranks: int) -> tuple[FitSettings, str]:
    """The settings with what the fit would fill in, and the reason for the objective."""
    if ranks == 1:
        return _settled_on(graph, settings)
    chosen = chosen_for_ranks(settings)
    settings = FitSettings.of(settings.model, **(settings.parameters() | chosen))
    settings, why = _settled_on(graph, settings)
    check_ranks(settings)
    return settings, "several processes sum over all pairs" if "objective" in chosen else why


def _settled_on(graph: Graph | Sizes, settings: FitSettings) -> tuple[FitSettings, str]:
    """The settings with what depends on the graph filled in, and the reason for the objective."""
    if isinstance(graph, Graph):
        return settings.settled(graph)
    network = settings.network.on(
        graph.n_features,
        n_nodes=graph.n_nodes,
        directed=graph.kind == "directed",
        signed=graph.kind == "signed",
    )
    n_pairs = max(0, graph.cells - graph.n_nodes)
    network, why = network.on_pairs(n_pairs, settings.training.steps)
    return settings.model_copy(update={"network": network}), why
