"""What people use from Python: models and methods by name, and evaluation."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vgae.data.graph import Graph
from vgae.data.interop import as_graph
from vgae.data.split import PAPER_SPLIT, Negatives, NodeSplit, Split, SplitSettings
from vgae.ground.errors import InputError
from vgae.ground.files import file_errors
from vgae.learning.evaluation import (
    Protocol,
    RunScores,
    check_runs,
    default_metrics,
    evaluate_runs,
    metrics_asked,
)
from vgae.learning.judge import metrics_of
from vgae.learning.kept import KeptRuns, RunMetrics, file_name
from vgae.learning.methods import (
    FUNCTION,
    METHODS,
    Candidate,
    MethodLike,
    candidates,
)
from vgae.learning.results import (
    DEFAULT_METHODS,
    SIGNED_METHODS,
    Comparison,
    Evaluation,
    MethodResult,
    Summary,
    summarize,
)
from vgae.learning.tasks import TASK_METRICS
from vgae.people.answers import Link, SignedLink, WeightedLink
from vgae.people.baselines import LinkBaseline
from vgae.people.estimators import GAE, MODELS, VGAE, LinkModel, load, make_estimator, make_model

__all__ = [
    "GAE",
    "METHODS",
    "MODELS",
    "VGAE",
    "Candidate",
    "Comparison",
    "Evaluation",
    "Link",
    "LinkBaseline",
    "LinkModel",
    "OpenEvaluation",
    "SignedLink",
    "Summary",
    "WeightedLink",
    "candidates",
    "check_evaluation",
    "check_patience",
    "evaluate",
    "load",
    "make_estimator",
    "make_model",
    "open_evaluation",
]

logger = logging.getLogger(__name__)


def check_patience(patience: int | None, validation: float) -> None:
    """Refuse early stopping without validation edges to watch.

    Raises
    ------
    InputError
        There is a patience and no validation edges.

    Examples
    --------
    >>> check_patience(30, 0.05)
    """
    if patience is not None and not validation:
        raise InputError("patience: early stopping needs validation pairs; hold some out")


def check_evaluation(
    models: Mapping[str, MethodLike] | Sequence[str] | str | None = None,
    *,
    preset: str | Path = "paper",
    runs: int = 10,
    seed: int = 0,
    validation: float = PAPER_SPLIT.validation,
    test: float = PAPER_SPLIT.test,
    protocol: Literal["T", "TV"] = PAPER_SPLIT.protocol,
    negatives: Negatives = PAPER_SPLIT.negatives,
    tasks: Sequence[str] | str = ("links",),
    task: Sequence[str] | str = ("general",),
    metrics: Sequence[str] | str | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    **overrides: Any,
) -> tuple[dict[str, Candidate], Protocol]:
    """Refuse what `evaluate` refuses on every graph, before one is read.

    Parameters and what raises are those of `evaluate`.

    Returns
    -------
    The methods by label, and what is to be measured; all metrics where none are given.

    Examples
    --------
    >>> made, plan = check_evaluation(["gae", "katz"], runs=2, metrics="auc")
    >>> list(made), plan.metrics
    (['gae', 'katz'], ('auc',))
    """
    check_runs(runs, seed)
    if models is None:
        models = DEFAULT_METHODS
    if isinstance(models, str):
        models = [models]
    elif not isinstance(models, Mapping):
        models = _each_once(models)
    if not models:
        raise InputError("models: name at least one")
    made = candidates(models, preset=preset, overrides=overrides, settings=settings)
    split = SplitSettings.parse(
        {"validation": validation, "test": test, "protocol": protocol, "negatives": negatives},
        where="split",
    )
    for candidate in made.values():
        check_patience(candidate.settings.get("patience"), split.validation)
    wanted = metrics_of(split.negatives) if metrics is None else tuple(_names(metrics))
    plan = Protocol(split, _names(tasks), metrics_asked(_names(task), wanted))
    plan.check_names()
    return made, plan


def evaluate(
    data: Any,
    models: Mapping[str, MethodLike] | Sequence[str] | str | None = None,
    *,
    preset: str | Path = "paper",
    runs: int = 10,
    seed: int = 0,
    validation: float = PAPER_SPLIT.validation,
    test: float = PAPER_SPLIT.test,
    protocol: Literal["T", "TV"] = PAPER_SPLIT.protocol,
    negatives: Negatives = PAPER_SPLIT.negatives,
    tasks: Sequence[str] | str = ("links",),
    task: Sequence[str] | str = ("general",),
    metrics: Sequence[str] | str | None = None,
    nodes: NodeSplit | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    on_scores: Callable[[RunScores], None] | None = None,
    keep: str | Path | None = None,
    **overrides: Any,
) -> Evaluation:
    """Held-out evaluation over repeated splits, all methods on the same ones.

    Parameters
    ----------
    data
        A graph or anything `vgae.as_graph` takes; every run splits it again. Or a `Split`, such as
        `Split.from_pairs` makes: all runs are on it, and only the method's seed changes.
    models
        Names of auto-encoders and baselines; or methods by labels of your choice, where a method
        is a name, an estimator such as `VGAE(latent_dim=64)` (fitted again in each run, with the
        run's seed), a baseline with its settings, or a function `(training view, seed) -> scores`:
        see `vgae.learning.scores.as_scores` for what it may return. No method sees a test pair.
        By default `vgae.learning.results.DEFAULT_METHODS`, less those that need node features
        where the graph has none; of a signed graph, `SIGNED_METHODS` of the same module.
    preset
        The name or the file of a preset (see `vgae.learning.settings.named_preset`), for
        auto-encoders given by name.
    runs, seed
        Run r uses seed + r for the split and for the method.
    validation, test, protocol, negatives
        See `vgae.data.split.SplitSettings`; a split has its own.
    tasks
        "links"; "nodes" and "clusters" need node labels. See `vgae.learning.tasks`.
    task
        What held-out links are asked for, one name or several: "general", whether they are links;
        in a directed graph also "biased", in which direction they go, and "bidirectional", whether
        there is an arc back. See `vgae.data.split.arc_task_pairs`.
    metrics
        Names in `vgae.learning.judge.LINK_METRICS`, "hits@K" and "precision@K" for any K; by
        default all in `LINK_METRICS`, those that score all pairs only on graphs of up to 50,000
        nodes.
    nodes
        Training and test nodes of the task "nodes"; by default others are drawn in each run.
    settings
        Settings of single methods given by name, such as `{"deepwalk": {"window": 5}}`.
    on_scores
        Called with the scores of each method in each run as they are ready.
    keep
        A folder where finished runs are kept until the evaluation is complete: after an
        interruption, the same call goes on from them. Runs of functions are not kept, since
        nobody can tell whether a function is still the same.
    **overrides
        Settings given to every method given by name that has them, such as `steps`.

    Raises
    ------
    InputError
        A name or number is not allowed, the graph cannot be split so, or a method of your own
        returned something else than scores.
    KeyboardInterrupt
        Ctrl-C was pressed.

    Examples
    --------
    >>> from vgae.data.datasets import load_dataset
    >>> karate = load_dataset("karate")
    >>> result = evaluate(karate, ["gae", "katz"], runs=2, test=0.2, steps=5)
    >>> len(result.metrics["gae"]["auc"].values)
    2
    >>> result.compare("gae", "katz").difference.standard_error > 0
    True
    >>> def hubs(view, seed):
    ...     return view.train.degrees[:, None]  # one number per node: a product of degrees
    >>> result = evaluate(karate, {"hubs": hubs, "small": GAE(steps=5, latent_dim=2)}, runs=2)
    >>> result.results["hubs"].kind, result.results["small"].overrides["latent_dim"]
    ('function', 2)
    """
    work = open_evaluation(
        data,
        models,
        preset=preset,
        runs=runs,
        seed=seed,
        validation=validation,
        test=test,
        protocol=protocol,
        negatives=negatives,
        tasks=tasks,
        task=task,
        metrics=metrics,
        nodes=nodes,
        settings=settings,
        keep=keep,
        **overrides,
    )
    work.run(on_scores)
    result = work.result()
    work.discard()
    return result


def open_evaluation(
    data: Any,
    models: Mapping[str, MethodLike] | Sequence[str] | str | None = None,
    *,
    nodes: NodeSplit | None = None,
    keep: str | Path | None = None,
    **options: Any,
) -> OpenEvaluation:
    """An evaluation that is checked and not yet run, with the runs that `keep` holds.

    Parameters and what raises are those of `evaluate`.

    Examples
    --------
    >>> from vgae.data.datasets import load_dataset
    >>> work = open_evaluation(load_dataset("karate"), ["katz"], runs=3, metrics="auc")
    >>> work.n_missing
    3
    """
    made, plan = check_evaluation(models, **options)
    given = data if isinstance(data, Split) else None
    graph = as_graph(data) if given is None else given.graph
    if models is None and graph.kind == "signed":
        made, plan = check_evaluation(SIGNED_METHODS, **options)
    elif models is None:
        made = _default_methods(made, graph)
    if given is not None:
        for name, value in plan.split.model_dump().items():
            if value not in (getattr(PAPER_SPLIT, name), getattr(given.settings, name)):
                raise InputError(f"{name}: a given split has its own; omit it")
        for candidate in made.values():
            check_patience(candidate.settings.get("patience"), given.settings.validation)
        plan = replace(plan, split=given.settings)
        plan.check_names()
    if options.get("metrics") is None:
        asked = _names(options.get("task", "general"))
        wanted = metrics_asked(asked, default_metrics(graph, plan.split))
        plan = replace(plan, metrics=wanted)
    return OpenEvaluation(
        graph,
        {label: candidate.on(graph) for label, candidate in made.items()},
        replace(plan, nodes=nodes),
        runs=int(options.get("runs", 10)),
        seed=int(options.get("seed", 0)),
        given=given,
        keep=None if keep is None else Path(keep),
    )


class OpenEvaluation:
    """An evaluation under way: what is finished, what is missing, what is kept on disk.

    `open_evaluation` makes one. `evaluate` runs it to the end; the command line also shows what is
    finished when it is interrupted.

    Parameters
    ----------
    graph
        The whole graph.
    methods
        Candidates by label, with the settings that depend on this graph.
    plan
        What is measured.
    runs, seed
        Run r uses seed + r.
    given
        The split of all runs; None draws one in each.
    keep
        Folder of the finished runs, made with the first one; None keeps none.

    Attributes
    ----------
    keep
        The folder; None where runs are not kept or it cannot be written.
    n_missing, n_taken_over
        How many runs of a method are still to be made, and how many were taken from `keep`.

    Examples
    --------
    >>> from vgae.data.datasets import load_dataset
    >>> karate = load_dataset("karate")
    >>> work = open_evaluation(karate, ["katz", "pagerank"], runs=2, metrics="auc")
    >>> work.n_taken_over, work.n_missing, work.n_complete, work.n_kept
    (0, 4, 0, 0)
    >>> work.run()
    >>> work.n_missing, work.n_complete, list(work.result().results)
    (0, 2, ['katz', 'pagerank'])
    >>> work.discard()
    """

    def __init__(
        self,
        graph: Graph,
        methods: Mapping[str, Candidate],
        plan: Protocol,
        *,
        runs: int,
        seed: int,
        given: Split | None = None,
        keep: Path | None = None,
    ) -> None:
        plan.check(graph)
        self._given = given
        self.keep = keep
        self._graph, self._methods, self._plan = graph, methods, plan
        self._runs, self._seed = runs, seed
        self._found: dict[str, list[RunMetrics]] = {label: [] for label in methods}
        self._kept: dict[str, KeptRuns] = {}
        if keep is not None:
            self._owns_folder = not keep.exists()
            self._take_over(keep)
            self._owns_folder |= any(kept.path.exists() for kept in self._kept.values())
        self.n_taken_over = sum(map(len, self._found.values()))

    @property
    def n_missing(self) -> int:
        """How many runs of a method are still to be made."""
        return self._runs * len(self._methods) - sum(map(len, self._found.values()))

    @property
    def n_complete(self) -> int:
        """How many runs, counted from the first, every method has finished."""
        return min(map(len, self._found.values()))

    @property
    def n_kept(self) -> int:
        """How many finished runs of a method are on disk now."""
        return sum(min(self._runs, kept.count(self._metrics)) for kept in self._kept.values())

    def run(self, on_scores: Callable[[RunScores], None] | None = None) -> None:
        """Make the runs that are missing; each is kept before it is shown.

        Parameters
        ----------
        on_scores
            Called with the scores of each method in each run as they are ready.

        Raises
        ------
        KeyboardInterrupt
            Ctrl-C was pressed. What was finished stays, and another call goes on from it.
        """
        methods = {label: candidate.method for label, candidate in self._methods.items()}
        done = {label: len(found) for label, found in self._found.items()}
        for scores in evaluate_runs(
            self._graph,
            methods,
            runs=self._runs,
            seed=self._seed,
            protocol=self._plan,
            done=done,
            given=self._given,
        ):
            self._found[scores.method].append(scores.metrics)
            self._write(scores.method)
            if on_scores is not None:
                on_scores(scores)

    def result(self) -> Evaluation:
        """The evaluation over the runs that every method has finished: `n_complete`, at least one.

        Raises
        ------
        InputError
            There is no such run.
        """
        runs, split = self.n_complete, self._plan.split
        if runs == 0:
            raise InputError("no run was finished by every method")
        return Evaluation(
            protocol=split.protocol,
            proportions=split.proportions,
            runs=runs,
            seed=self._seed,
            tasks=self._plan.tasks,
            results={
                label: MethodResult(
                    kind=candidate.kind,
                    preset=candidate.preset,
                    overrides=candidate.overrides,
                    settings=candidate.settings,
                    features=candidate.reads_features(self._graph),
                    metrics={
                        metric: summarize(
                            [run[metric] for run in self._found[label][:runs]], metric=metric
                        )
                        for metric in self._metrics
                    },
                    objective=candidate.objective(self._graph),
                )
                for label, candidate in self._methods.items()
            },
            negatives=split.negatives,
            given_split=self._given is not None,
        )

    def discard(self) -> None:
        """Remove the kept runs, and the folder that was made for them if that leaves it empty.

        Runs that an interrupted call with more `runs` has kept stay for that call.
        """
        with suppress(OSError):
            for kept in self._kept.values():
                if kept.count(self._metrics) <= self._runs:
                    kept.path.unlink(missing_ok=True)
            if self.keep is not None and self._owns_folder:
                # A relative name may have brought folders that only hold this one.
                (os.rmdir if self.keep.is_absolute() else os.removedirs)(self.keep)

    @property
    def _metrics(self) -> list[str]:
        """All metrics of a run, in the order of the tables."""
        links = list(self._plan.metrics) if "links" in self._plan.tasks else []
        return links + [
            metric
            for task, metrics in TASK_METRICS.items()
            if task in self._plan.tasks
            for metric in metrics
        ]

    # ------------------------------------------------------------------ on disk

    def _take_over(self, keep: Path) -> None:
        """Read the runs that are there; what cannot be used is said, and made again."""
        for label, candidate in self._methods.items():
            if candidate.kind == FUNCTION:
                logger.warning(
                    "%s: its runs are not kept: a function may have changed since", label
                )
                continue
            about = self._about(candidate)
            path = keep / file_name(label, about)
            kept = self._kept[label] = KeptRuns(path, about, advice="its runs are made again")
            try:
                self._found[label] = list(kept.read(self._metrics)[: self._runs])
            except InputError as error:
                logger.warning("%s", error)

    def _write(self, label: str) -> None:
        if self.keep is None or label not in self._kept:
            return
        try:
            with file_errors(self.keep):
                self.keep.mkdir(parents=True, exist_ok=True)
            self._kept[label].write(self._found[label])
        except InputError as error:
            logger.warning("finished runs are not kept: %s", error)
            self.keep, self._kept = None, {}

    def _about(self, candidate: Candidate) -> dict[str, Any]:
        """All that the runs of a method depend on."""
        plan, labels = self._plan, self._graph.labels
        labelled = set(plan.tasks) - {"links"}
        nodes = plan.nodes
        return {
            "graph": self._graph.fingerprint,
            "labels": _digest(labels) if labelled and labels is not None else None,
            "nodes": None if nodes is None else _digest(nodes.train, nodes.test),
            "split": plan.split.model_dump(),
            "given": None if self._given is None else _digest(*_parts(self._given)),
            "tasks": list(plan.tasks),
            "metrics": self._metrics,
            "method": candidate.kind,
            "settings": dict(candidate.settings),
            "engine": candidate.engine,
            "seed": self._seed,
            "version": version("vgae"),
        }


def _default_methods(made: dict[str, Candidate], graph: Graph) -> dict[str, Candidate]:
    """Those that can learn from the graph; the others are counted and said."""
    if graph.features is not None:
        return made
    omitted = [label for label, candidate in made.items() if candidate.reads_features(graph)]
    if omitted:
        logger.info(
            "omitted for lack of node features: %d of %d default methods (%s)",
            len(omitted),
            len(made),
            ", ".join(omitted),
        )
    return {label: candidate for label, candidate in made.items() if label not in omitted}


def _parts(split: Split) -> list[NDArray[np.int64]]:
    """All that tells one split of a graph from another."""
    parts = [split.validation, split.test]
    arrays = [part for held in parts for part in (held.positives, held.negatives, held.groups)]
    given = [np.empty(0, np.int64) if array is None else array for array in arrays]
    return [*given, np.array([split.seed])]


def _digest(*arrays: NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        text = array.dtype.kind in "OUS"  # text has no width of bytes that means anything
        digest.update(repr((array.shape, array.tolist() if text else array.dtype.str)).encode())
        digest.update(b"" if text else np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _each_once(methods: Any) -> list[str]:
    try:
        names = list(methods)
    except TypeError:
        names = [methods]
    for name in names:
        if not isinstance(name, str):
            raise InputError(
                f"models: {type(name).__name__} is not a name; give it a label, as in "
                '{"mine": ...}'
            )
    return list(dict.fromkeys(names))


def _names(names: Sequence[str] | str) -> list[str]:
    """One name or several, each once."""
    return [names] if isinstance(names, str) else list(dict.fromkeys(names))
