"""Protocols: repeated runs in which seed and split change together, with standard errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vgae.graph import Graph
from vgae.split import Split, SplitSettings, split_edges

__all__ = ["Method", "RunScores", "Summary", "evaluate_runs", "summarize"]

Method = Callable[[Split, int], Mapping[str, float | None]]
"""Trains on `split.train` with a seed and gives the metrics of `split.test`."""


@dataclass(frozen=True)
class RunScores:
    """Test metrics of one method in one run."""

    method: str
    run: int
    metrics: Mapping[str, float | None]


@dataclass(frozen=True)
class Summary:
    """One metric over runs.

    Attributes
    ----------
    mean
        Mean over the runs; None where the metric is undefined.
    standard_error
        Sample standard deviation over the root of the number of runs; None for a single run.
    values
        One value a run.
    """

    mean: float | None
    standard_error: float | None
    values: list[float | None]

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"mean": self.mean, "standard_error": self.standard_error, "values": self.values}


def evaluate_runs(
    graph: Graph,
    methods: Mapping[str, Method],
    *,
    runs: int,
    seed: int,
    settings: SplitSettings,
) -> Iterator[RunScores]:
    """Score every method on the same splits, one after the other.

    Run r uses seed + r both for the split and for the method, so that the spread over runs is
    that of both.

    Parameters
    ----------
    graph
        The whole graph.
    methods
        Methods by name.
    runs
        How many splits.
    seed
        Seed of run 0.
    settings
        Proportions and protocol.

    Yields
    ------
    The scores of each method in each run, as they are ready.
    """
    for run in range(runs):
        split = split_edges(graph, settings, seed=seed + run)
        for name, method in methods.items():
            yield RunScores(name, run, method(split, seed + run))


def summarize(values: list[float | None]) -> Summary:
    """Mean and standard error of one metric over runs.

    Examples
    --------
    >>> summarize([1.0, 3.0]).standard_error
    1.0
    """
    known = [value for value in values if value is not None]
    if not values or len(known) < len(values):
        return Summary(None, None, values)
    mean = math.fsum(known) / len(known)
    if len(known) == 1:
        return Summary(mean, None, values)
    variance = math.fsum((value - mean) ** 2 for value in known) / (len(known) - 1)
    return Summary(mean, math.sqrt(variance / len(known)), values)
