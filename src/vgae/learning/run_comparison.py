"""Runs side by side: the settings in which they differ, and how far their metrics do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vgae.data.ids import id_bytes
from vgae.data.split import Split
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError
from vgae.learning.fit_record import sampled_places
from vgae.learning.fitted import Fitted
from vgae.learning.fitted_baseline import FittedBaseline
from vgae.learning.metrics import average_precision, roc_auc

__all__ = ["Difference", "RunComparison", "compare_runs", "paired_intervals", "pairs_fingerprint"]

N_RESAMPLES = 1000
MOST_RESAMPLED = 20_000
"""Pairs of each kind that are drawn again; of more, this many, evenly spaced, stand for all."""
METRICS = {"auc": roc_auc, "average_precision": average_precision}
"""The metrics whose differences have intervals."""

Run = Fitted | FittedBaseline


class Difference(NamedTuple):
    """How far a run is ahead of the first one in a metric of the same test pairs.

    The interval is the 95 % one of resampled test pairs, or None for metrics that have none.

    Examples
    --------
    >>> Difference("runs/b", "auc", 0.01, (-0.01, 0.03)).amount
    0.01
    """

    run: str
    metric: str
    amount: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class RunComparison:
    """Several runs side by side.

    Attributes
    ----------
    runs
        Names of the runs, in the order given.
    settings
        The settings in which they differ: for each name a value per run, None where a run has no
        such setting.
    metrics
        Metrics of test pairs: for each name a value per run, None where it is not defined.
    same_pairs
        Whether every run held out the same pairs of the same nodes.
    differences
        Differences to the first run; none where the held-out pairs differ or there are none.

    Examples
    --------
    >>> from vgae import GAE, load_dataset, split_edges
    >>> split = split_edges(load_dataset("karate"), seed=0)
    >>> runs = {str(steps): GAE(steps=steps).fit(split).fitted_ for steps in (1, 5)}
    >>> found = compare_runs(runs)
    >>> found.settings, found.same_pairs, [one.metric for one in found.differences][:2]
    ({'steps': (1, 5)}, True, ['auc', 'average_precision'])
    >>> print(found.why_no_differences)
    None
    >>> list(found.as_dict())
    ['runs', 'settings', 'metrics', 'same_pairs', 'differences']
    """

    runs: tuple[str, ...]
    settings: Mapping[str, tuple[Any, ...]]
    metrics: Mapping[str, tuple[float | None, ...]]
    same_pairs: bool
    differences: tuple[Difference, ...]

    @property
    def why_no_differences(self) -> str | None:
        """Why there are no differences, in one line; None where there are some."""
        without = [
            run
            for place, run in enumerate(self.runs)
            if all(values[place] is None for values in self.metrics.values())
        ]
        if without:
            everywhere = len(without) == len(self.runs)
            said = "no run held" if everywhere else f"{' and '.join(without)} held no"
            return (
                f"{said} test pairs out, so that there are no differences to tell; fit without "
                "--no-holdout (in Python, fit vgae.split_edges(graph))"
            )
        if not self.same_pairs:
            return (
                "the runs held out different pairs: differences would say as much about the pairs "
                "as about the models; fit with the same graph, split options and seed"
            )
        return None

    def as_dict(self) -> dict[str, Any]:
        """The comparison as plain values."""
        return asdict(self) | {"differences": [one._asdict() for one in self.differences]}


def compare_runs(runs: Mapping[str, Run], *, seed: int = 0) -> RunComparison:
    """Compare fitted methods by what they were and how they did on their test pairs.

    Parameters
    ----------
    runs
        Two or more fitted methods, by name.
    seed
        Seed of the resampled pairs.

    Raises
    ------
    InputError
        There are fewer than two.

    Examples
    --------
    See `RunComparison`.

    >>> compare_runs({})
    Traceback (most recent call last):
    vgae.InputError: give two or more runs to compare
    """
    if len(runs) < 2:
        raise InputError("give two or more runs to compare")
    fitted = list(runs.values())
    told = [_settings(one) for one in fitted]
    names = dict.fromkeys(name for one in told for name in one)
    settings = {name: tuple(one.get(name) for one in told) for name in names}
    tests = [one.metrics["test"] or {} for one in fitted]
    metric_names = dict.fromkeys(name for test in tests for name in test)
    same = len({pairs_fingerprint(one.split) for one in fitted}) == 1
    return RunComparison(
        runs=tuple(runs),
        settings={
            name: values
            for name, values in settings.items()
            if any(value != values[0] for value in values)
        },
        metrics={name: tuple(test.get(name) for test in tests) for name in metric_names},
        same_pairs=same,
        differences=tuple(_differences(runs, tests, seed)) if same else (),
    )


def pairs_fingerprint(split: Split) -> str:
    """SHA-256 of the nodes, the training edges and all held-out pairs of a split.

    Features and weights do not count: models with and without them are judged on the same pairs.

    Examples
    --------
    >>> from vgae import load_dataset, split_edges
    >>> karate = load_dataset("karate")
    >>> one, again, other = (pairs_fingerprint(split_edges(karate, seed=s)) for s in (0, 0, 1))
    >>> one == again != other
    True
    """
    digest = hashlib.sha256()
    held_out = (split.validation, split.test)
    pairs = [pairs for part in held_out for pairs in (part.positives, part.negatives)]
    for part in (*id_bytes(split.graph.ids), split.train.edges, *pairs):
        digest.update(f"{part.shape}".encode())
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def paired_intervals(
    first: tuple[NDArray[np.floating], NDArray[np.floating]],
    second: tuple[NDArray[np.floating], NDArray[np.floating]],
    *,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """95 % intervals of the differences of AUC and average precision of two methods.

    The same pairs are drawn again for both, with replacement (Efron 1979), so that what makes a
    pair hard for both cancels.

    Parameters
    ----------
    first, second
        Scores of edges and of pairs without an edge, in the same order of pairs in both.
    seed
        Seed of the draws.

    Examples
    --------
    >>> scores = np.array([2.0, 1.0, 0.5]), np.array([1.5, 0.0, -1.0])
    >>> paired_intervals(scores, scores)
    {'auc': (0.0, 0.0), 'average_precision': (0.0, 0.0)}
    """
    kept = [sampled_places(len(part), MOST_RESAMPLED) for part in first]
    methods = [
        [part[chosen] for part, chosen in zip(scores, kept, strict=True)]
        for scores in (first, second)
    ]
    random = np.random.default_rng(stream_seed(seed, "paired"))
    found: dict[str, list[float]] = {name: [] for name in METRICS}
    for _ in range(N_RESAMPLES):
        drawn = [random.integers(len(chosen), size=len(chosen)) for chosen in kept]
        for name, metric in METRICS.items():
            one, other = (
                metric(*(part[rows] for part, rows in zip(scores, drawn, strict=True)))
                for scores in methods
            )
            found[name].append(one - other)
    ends = {name: np.quantile(values, [0.025, 0.975]) for name, values in found.items()}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def _differences(
    runs: Mapping[str, Run], tests: Sequence[Mapping[str, float | None]], seed: int
) -> list[Difference]:
    (_, first), *others = runs.items()
    if not first.split.test:
        return []
    own = _test_scores(first)
    found = []
    for (name, run), test in zip(others, tests[1:], strict=True):
        intervals = paired_intervals(_test_scores(run), own, seed=seed)
        for metric, value in test.items():
            base = tests[0].get(metric)
            if value is not None and base is not None:
                found.append(Difference(name, metric, value - base, intervals.get(metric)))
    return found


def _test_scores(run: Run) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    pairs = run.split.test
    return run.scores.pairs(pairs.positives), run.scores.pairs(pairs.negatives)


def _settings(run: Run) -> dict[str, Any]:
    """All that was chosen for a run, by name."""
    about = {
        "graph": run.graph.get("name"),
        "features of the graph": run.graph["n_features"],
        "protocol": run.split.settings.protocol,
        "negatives": run.split.settings.negatives,
        "split seed": run.split.seed,
        "seed": run.random_seed,
    }
    if isinstance(run, Fitted):
        settings = run.settings
        own: dict[str, Any] = {"model": "gae" if settings.network.latent == "point" else "vgae"}
        if run.interrupted:
            own["interrupted after step"] = len(run.history)
        return {**about, **own, **settings.network.model_dump(), **settings.training.model_dump()}
    return {**about, "model": run.method.name, **run.method.model_dump()}
