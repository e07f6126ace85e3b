"""Protocols: repeated runs in which seed and split change together, with standard errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vgae.graph import Graph
from vgae.split import Split, SplitSettings, split_edges

__all__ = ["Evaluation", "Method", "RunScores", "Summary", "evaluate_runs", "summarize"]

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
        split = split_edges(graph, **settings.model_dump(), seed=seed + run)
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


@dataclass(frozen=True)
class Evaluation:
    """Test metrics of several models over the same splits.

    Attributes
    ----------
    protocol, proportions, runs, seed
        How the runs were made; run r has seed + r for split and weights.
    preset, overrides, features
        The preset, the settings that depart from it, and whether node features were used.
    metrics
        By model and metric.
    """

    protocol: str
    proportions: dict[str, float]
    runs: int
    seed: int
    preset: str
    overrides: Mapping[str, Any]
    features: bool
    metrics: Mapping[str, Mapping[str, Summary]]

    def as_dict(self, *, graph: str) -> dict[str, Any]:
        """Plain values, as `vgae evaluate --json` prints them."""
        return {
            "graph": graph,
            "protocol": self.protocol,
            "proportions": self.proportions,
            "runs": self.runs,
            "seed": self.seed,
            "results": [
                {
                    "model": model,
                    "preset": self.preset,
                    "overrides": dict(self.overrides),
                    "features": self.features,
                    "metrics": {name: summary.as_dict() for name, summary in metrics.items()},
                }
                for model, metrics in self.metrics.items()
            ],
        }

    def table(self, *, graph: str) -> dict[str, list[Any]]:
        """Columns with a row for each model and metric, and how the runs were made in each."""
        rows = [
            {
                "graph": graph,
                "model": model,
                "metric": metric,
                "mean": summary.mean,
                "standard_error": summary.standard_error,
                "runs": self.runs,
                "seed": self.seed,
                "protocol": self.protocol,
                **self.proportions,
                "preset": self.preset,
                "overrides": ", ".join(f"{key}={value}" for key, value in self.overrides.items()),
                "features": self.features,
            }
            for model, metrics in self.metrics.items()
            for metric, summary in metrics.items()
        ]
        return {name: [row[name] for row in rows] for name in rows[0]}
