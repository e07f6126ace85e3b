"""Questions about the direction of arcs, asked on the held-out arcs of a directed graph."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from vgae.data.split.held_out import HeldOut
from vgae.data.split.values import Split
from vgae.ground.config import stream_seed
from vgae.ground.errors import unknown_name

__all__ = ["ARC_TASKS", "ArcTask", "arc_task_pairs"]

ArcTask = Literal["biased", "bidirectional"]
ARC_TASKS: tuple[ArcTask, ...] = get_args(ArcTask)


def arc_task_pairs(split: Split, task: ArcTask) -> HeldOut:
    """The pairs of a task that asks for the direction of arcs (Salha et al. 2019, sec. 4.1).

    Parameters
    ----------
    split
        A split of a directed graph.
    task
        "biased": the test arcs whose reverse is no arc, against these reverses. A score that is the
        same in both directions has an AUC of one half. "bidirectional": the test arcs whose reverse
        is a training arc, against as many reverses of training arcs that go in one direction only,
        drawn from a stream of the split's seed. All of these pairs have an arc one way; which of
        them have one back?

    Returns
    -------
    The pairs; no positives where no test arc is of this kind.

    Raises
    ------
    InputError
        The graph is not directed, or the task is unknown.

    Examples
    --------
    >>> from vgae.data.graph import Graph
    >>> arcs = [(i, (i + 1) % 20) for i in range(20)] + [((i + 1) % 20, i) for i in range(10)]
    >>> split = Split.from_pairs(
    ...     Graph.from_edges(arcs, directed=True), test=[(0, 1), (15, 16)], seed=0
    ... )
    >>> pairs = arc_task_pairs(split, "biased")
    >>> pairs.positives.tolist(), pairs.negatives.tolist()
    ([[15, 16]], [[16, 15]])
    >>> arc_task_pairs(split, "bidirectional").positives.tolist()
    [[0, 1]]
    """
    if task not in ARC_TASKS:
        raise unknown_name("task", task, ARC_TASKS)
    graph, test = split.graph, split.test.positives
    graph.require(f"task {task}", ["directed"])
    if task == "biased":
        one_way = test[graph.places(test[:, ::-1]) < 0]
        return HeldOut(one_way, one_way[:, ::-1])
    both_ways = test[split.train.places(test[:, ::-1]) >= 0]
    train = split.train.edges
    one_way = train[graph.places(train[:, ::-1]) < 0]
    random = np.random.default_rng(stream_seed(split.seed, "arcs in one direction"))
    drawn = random.permutation(len(one_way))[: len(both_ways)]
    return HeldOut(both_ways, one_way[np.sort(drawn)][:, ::-1])
