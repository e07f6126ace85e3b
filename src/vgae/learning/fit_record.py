"""What a run folder remembers of a fit besides what was learned, so that reports need no graph."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vgae.data.graph import Graph
from vgae.data.labels import labelled_nodes
from vgae.data.split import HeldOut, Split
from vgae.ground.config import Settings
from vgae.ground.errors import InputError
from vgae.ground.memory import peak_memory
from vgae.learning.scores import Scores

__all__ = [
    "MOST_SCORES",
    "FitFacts",
    "FitRecord",
    "coded_labels",
    "record_of_fit",
    "sampled_places",
]

MOST_SCORES = 50_000
"""Scores that are kept of each part of the held-out pairs."""
PARTS = ("validation_edges", "validation_others", "test_edges", "test_others")
LABELS = "labels"


class FitFacts(Settings):
    """The plain values of a record.

    Attributes
    ----------
    rows
        Rows that were read, with those that did not become an edge.
    cleaning
        How many rows were dropped or merged, by reason, and `conflicts`.
    reading
        How the table of edges was understood, in words; None where there was none.
    label_names
        Names of the labels, in the order of their codes; None without labels.
    finished
        When the fit ended, in UTC.
    seconds
        How long the fit took, in this process.
    peak_memory
        The most memory that the process has held, in bytes; None where that is not known.
    command
        The command that made the fit, where it was one.

    Examples
    --------
    >>> FitFacts(rows=3, cleaning={"self_loops": 1}, finished="2026-01-01", seconds=0.5).command
    """

    rows: int = Field(ge=0)
    cleaning: dict[str, int]
    reading: str | None = None
    label_names: list[str] | None = None
    finished: str
    seconds: float = Field(ge=0.0)
    peak_memory: int | None = Field(default=None, ge=0)
    command: str | None = None


@dataclass(frozen=True)
class FitRecord:
    """The record of a fit, checked whenever one is made.

    Attributes
    ----------
    facts
        The plain values.
    labels
        The code of each node's label, shape (n_nodes,); -1 for a node without one. None without
        labels.
    scores
        Scores of held-out pairs, by part: `validation_edges`, `validation_others` (with the
        messages of training), `test_edges`, `test_others` (with those of the protocol). A part of
        more pairs than `MOST_SCORES` is sampled, see `sampled_places`.

    Raises
    ------
    InputError
        An array has another shape or type than it must have.

    Examples
    --------
    >>> facts = FitFacts(rows=1, cleaning={}, finished="2026-01-01", seconds=0.5)
    >>> record = FitRecord(facts, scores={"test_edges": np.array([0.5])})
    >>> again = FitRecord.from_arrays(record.facts, record.arrays())
    >>> again.scores["test_edges"].tolist(), again.labels, record.with_command("vgae").facts.command
    ([0.5], None, 'vgae')
    >>> record.with_nodes(2).labels  # without labels, there is nothing to add
    """

    facts: FitFacts
    labels: NDArray[np.int32] | None = None
    scores: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = self.facts.label_names
        if (names is None) != (self.labels is None):
            raise InputError("record: label names and labels do not belong together")
        if names is not None and self.labels is not None:
            codes = self.labels
            if codes.ndim != 1 or codes.dtype != np.int32:
                raise InputError("record: labels are not one code per node")
            if codes.size and not -1 <= codes.min() <= codes.max() < len(names):
                raise InputError("record: a label has no name")
        for name, found in self.scores.items():
            if name not in PARTS:
                raise InputError(f"record: scores of an unknown part, {name}")
            if found.ndim != 1 or found.dtype.kind != "f" or np.isnan(found).any():
                raise InputError(f"record: {name} are not numbers")

    def with_command(self, command: str) -> Self:
        """The same, with the command that made the fit."""
        return replace(self, facts=self.facts.model_copy(update={"command": command}))

    def with_nodes(self, n_nodes: int) -> Self:
        """The same with further nodes, which have no label."""
        if self.labels is None:
            return self
        none = np.full(n_nodes, -1, np.int32)
        return replace(self, labels=np.concatenate([self.labels, none]))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays by name, which `from_arrays` reads."""
        found: dict[str, NDArray[Any]] = dict(self.scores)
        return found if self.labels is None else found | {LABELS: self.labels}

    @classmethod
    def from_arrays(cls, facts: FitFacts, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """A record from its plain values and its arrays."""
        scores = {name: array for name, array in arrays.items() if name != LABELS}
        return cls(facts, arrays.get(LABELS), scores)


def sampled_places(n_pairs: int, most: int = MOST_SCORES) -> NDArray[np.int64]:
    """Evenly spaced places of pairs, at most so many; by default those whose scores are kept.

    Examples
    --------
    >>> sampled_places(3).tolist(), len(sampled_places(10**6))
    ([0, 1, 2], 50000)
    """
    return np.linspace(0, max(n_pairs - 1, 0), min(n_pairs, most)).astype(np.int64)


def record_of_fit(split: Split, seen: Scores, scores: Scores, *, started: float) -> FitRecord:
    """The record of a fit that has just ended.

    Parameters
    ----------
    split
        The split of the fit, whose graph still has its labels and what its cleaning did.
    seen, scores
        Scores with the messages of training, and with those of the protocol.
    started
        `time.perf_counter()` when the fit began.

    Examples
    --------
    >>> from vgae.data.split import Split
    >>> from vgae.learning.scores import VectorScores
    >>> graph = Graph.from_pairs([("a", "b"), ("b", "a")]).with_labels(["x", "y"])
    >>> scores = VectorScores(np.eye(2))
    >>> record = record_of_fit(
    ...     Split.without_holdout(graph), scores, scores, started=time.perf_counter()
    ... )
    >>> record.facts.rows, record.facts.label_names, record.labels.tolist(), dict(record.scores)
    (2, ['x', 'y'], [0, 1], {})
    """
    graph = split.graph
    names, labels = coded_labels(graph)
    kept = {
        f"{part}_{name}": found.pairs(pairs)[sampled_places(len(pairs))]
        for part, found, held_out in (
            ("validation", seen, split.validation),
            ("test", scores, split.test),
        )
        for name, pairs in _pairs_of(held_out)
    }
    cleaning = graph.cleaning.rows
    facts = FitFacts(
        rows=graph.n_rows,
        cleaning=cleaning | {"conflicts": graph.cleaning.conflicts},
        reading=None if graph.reading is None else str(graph.reading),
        label_names=names,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=max(0.0, time.perf_counter() - started),
        peak_memory=peak_memory(),
    )
    return FitRecord(facts, labels, {name: _finite(found) for name, found in kept.items()})


def _finite(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """Scores whose infinities are the largest numbers of their type: they still rank the same."""
    lowest = float(np.finfo(scores.dtype).min)
    found: NDArray[np.floating] = np.nan_to_num(scores, nan=lowest)
    return found


def _pairs_of(held_out: HeldOut) -> list[tuple[str, NDArray[np.int64]]]:
    if not held_out:
        return []
    return [("edges", held_out.positives), ("others", held_out.negatives)]


def coded_labels(graph: Graph) -> tuple[list[str] | None, NDArray[np.int32] | None]:
    """Names of the labels, and the code of each node's, shape (n_nodes,); None without labels.

    A node without a label has the code -1.

    Examples
    --------
    >>> names, codes = coded_labels(Graph.from_edges([(0, 1)]).with_labels([10, 9]))
    >>> names, codes.tolist()
    (['9', '10'], [1, 0])
    """
    if graph.labels is None:
        return None, None
    chosen = labelled_nodes(graph.labels)
    found, places = np.unique(graph.labels[chosen], return_inverse=True)
    codes = np.full(graph.n_nodes, -1, np.int32)
    codes[chosen] = places
    return [str(name) for name in found], codes
