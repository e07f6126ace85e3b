"""What people use from Python: models and methods by name, and evaluation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from vgae.answers import Link
from vgae.baselines import BASELINES, baseline
from vgae.encoders import used_features
from vgae.errors import InputError, unknown_name
from vgae.estimators import GAE, MODELS, VGAE, LinkModel, load
from vgae.evaluation import (
    LINK_METRICS,
    Comparison,
    Evaluation,
    Method,
    MethodResult,
    Protocol,
    RunScores,
    Summary,
    check_runs,
    default_metrics,
    evaluate_runs,
    summarize,
)
from vgae.graph import Graph
from vgae.interop import as_graph
from vgae.scores import Scores
from vgae.split import PAPER_SPLIT, NodeSplit, SplitSettings, TrainingView

__all__ = [
    "GAE",
    "METHODS",
    "MODELS",
    "PRESETS",
    "VGAE",
    "Candidate",
    "Comparison",
    "Evaluation",
    "Link",
    "LinkModel",
    "Summary",
    "candidates",
    "check_evaluation",
    "check_patience",
    "evaluate",
    "load",
    "make_model",
]

METHODS = (*MODELS, *BASELINES)
"""What `evaluate` can compare: the auto-encoders and the baselines, by name."""

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    "unit": {"features": "unit"},
}
"""Named departures from the paper's settings, which are the defaults of every stage.

`unit` scales each node's features to unit length and changes nothing else.
"""


def make_model(name: str, *, preset: str = "paper", **overrides: Any) -> LinkModel:
    """A model by name, with a preset's settings and overrides.

    Raises
    ------
    InputError
        Model or preset is unknown, or a setting is not allowed.

    Examples
    --------
    >>> make_model("gae", preset="unit", latent_dim=8).settings.network.features
    'unit'
    """
    if name not in MODELS:
        raise unknown_name("model", name, MODELS)
    if preset not in PRESETS:
        raise unknown_name("preset", preset, PRESETS)
    return MODELS[name](**(PRESETS[preset] | overrides))


# -------------------------------------------------------------------- methods


@dataclass(frozen=True)
class Candidate:
    """A method with its settings, ready to be run on any split.

    Attributes
    ----------
    method
        Learns from what it may see of a split and scores all pairs.
    preset, overrides, settings
        See `vgae.evaluation.MethodResult`.
    reads_features
        Whether it reads the node features of a graph.
    check
        Raises an `InputError` for a graph that it cannot learn from.
    single_threaded
        Whether it keeps to one thread.
    """

    method: Method
    preset: str | None
    overrides: Mapping[str, Any]
    settings: Mapping[str, Any]
    reads_features: Callable[[Graph], bool]
    check: Callable[[Graph], None]
    single_threaded: bool


def candidates(
    names: Sequence[str],
    *,
    preset: str = "paper",
    overrides: Mapping[str, Any] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Candidate]:
    """Methods by name with their settings, checked before any work.

    Parameters
    ----------
    names
        Names in `METHODS`.
    preset
        A name in `PRESETS`, for the auto-encoders.
    overrides
        Settings by name; each is given to every method that has it.
    settings
        Settings of single methods, by method and name.

    Raises
    ------
    InputError
        A name is unknown, a setting is not allowed, or no method has it.

    Examples
    --------
    >>> list(candidates(["gae", "katz"], settings={"katz": {"attenuation": 0.1}}))
    ['gae', 'katz']
    """
    overrides, settings = overrides or {}, settings or {}
    for name in [*names, *settings]:
        if name not in METHODS:
            raise unknown_name("method", name, METHODS)
    for name in settings:
        if name not in names:
            raise InputError(f"settings of {name}: it is not among the methods that run")
        for key in settings[name]:
            if key not in _settings_of(name):
                raise unknown_name(f"setting of {name}", key, _settings_of(name))
    for key in overrides:
        if not any(key in _settings_of(name) for name in names):
            raise InputError(f"{key}: {', '.join(names)} has no such setting")
    made = {}
    for name in names:
        own = {key: value for key, value in overrides.items() if key in _settings_of(name)}
        own |= settings.get(name, {})
        made[name] = _auto_encoder(name, preset, own) if name in MODELS else _baseline(name, own)
    return made


def _settings_of(name: str) -> list[str]:
    if name in BASELINES:
        return list(BASELINES[name].model_fields)
    return [key for key in inspect.signature(MODELS[name]).parameters if key != "seed"]


def _auto_encoder(name: str, preset: str, overrides: dict[str, Any]) -> Candidate:
    model = make_model(name, preset=preset, **overrides)
    model.engine_here()

    def scores(view: TrainingView, seed: int) -> Scores:
        fitted = make_model(name, preset=preset, **overrides, seed=seed).fit(view)
        if fitted.interrupted_:
            raise KeyboardInterrupt
        return fitted.scores()

    use = model.settings.network.features
    every = model.settings.network.model_dump() | model.settings.training.model_dump()
    return Candidate(
        scores,
        preset,
        overrides,
        every,
        reads_features=lambda graph: used_features(graph, use) is not None,
        check=lambda _: None,
        single_threaded=False,
    )


def _baseline(name: str, overrides: dict[str, Any]) -> Candidate:
    made = baseline(name, **overrides)
    return Candidate(
        lambda view, seed: made.fit(view, seed=seed),
        None,
        overrides,
        made.model_dump(),
        reads_features=lambda _: made.needs_features,
        check=made.check,
        single_threaded=made.single_threaded,
    )


def _names(names: Sequence[str] | str) -> list[str]:
    """One name or several, each once."""
    return [names] if isinstance(names, str) else list(dict.fromkeys(names))


# ----------------------------------------------------------------- evaluation


def check_patience(patience: int | None, validation: float) -> None:
    """Refuse early stopping where no edges are held out for it to look at.

    Raises
    ------
    InputError
        There is a patience and nothing to validate on.

    Examples
    --------
    >>> check_patience(30, 0.05)
    """
    if patience is not None and not validation:
        raise InputError("patience: early stopping needs validation pairs; hold some out")


def check_evaluation(
    models: Sequence[str] | str = ("vgae", "gae"),
    *,
    preset: str = "paper",
    runs: int = 10,
    seed: int = 0,
    validation: float = PAPER_SPLIT.validation,
    test: float = PAPER_SPLIT.test,
    protocol: Literal["T", "TV"] = PAPER_SPLIT.protocol,
    tasks: Sequence[str] | str = ("links",),
    metrics: Sequence[str] | str | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    **overrides: Any,
) -> tuple[dict[str, Candidate], Protocol]:
    """Refuse what `evaluate` would refuse whatever the graph is, before one is read.

    Parameters and what raises are those of `evaluate`.

    Returns
    -------
    The methods by name, and what is to be measured; all metrics where none are given.

    Examples
    --------
    >>> made, plan = check_evaluation(["gae", "katz"], runs=2, metrics="auc")
    >>> list(made), plan.metrics
    (['gae', 'katz'], ('auc',))
    """
    check_runs(runs, seed)
    names = _names(models)
    if not names:
        raise InputError("models: name at least one")
    made = candidates(names, preset=preset, overrides=overrides, settings=settings)
    split = SplitSettings.parse({"validation": validation, "test": test, "protocol": protocol})
    for candidate in made.values():
        check_patience(candidate.settings.get("patience"), split.validation)
    wanted = LINK_METRICS if metrics is None else tuple(_names(metrics))
    plan = Protocol(split, _names(tasks), wanted)
    plan.check_names()
    return made, plan


def evaluate(
    data: Any,
    models: Sequence[str] | str = ("vgae", "gae"),
    *,
    preset: str = "paper",
    runs: int = 10,
    seed: int = 0,
    validation: float = PAPER_SPLIT.validation,
    test: float = PAPER_SPLIT.test,
    protocol: Literal["T", "TV"] = PAPER_SPLIT.protocol,
    tasks: Sequence[str] | str = ("links",),
    metrics: Sequence[str] | str | None = None,
    nodes: NodeSplit | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    on_scores: Callable[[RunScores], None] | None = None,
    **overrides: Any,
) -> Evaluation:
    """Held-out evaluation over repeated splits, all methods on the same ones.

    Parameters
    ----------
    data
        A graph or anything `vgae.as_graph` takes.
    models
        Names in `METHODS`: auto-encoders and baselines.
    preset
        A name in `PRESETS`, for the auto-encoders.
    runs, seed
        Run r uses seed + r for the split and for the method.
    validation, test, protocol
        See `vgae.split.SplitSettings`.
    tasks
        "links"; "nodes" and "clusters" need node labels. See `vgae.tasks`.
    metrics
        Names in `vgae.evaluation.LINK_METRICS`; by default all, but the full average precision
        only on graphs of up to 50,000 nodes.
    nodes
        Training and test nodes of the task "nodes"; by default drawn anew in each run.
    settings
        Settings of single methods, such as `{"deepwalk": {"window": 5}}`.
    on_scores
        Called with the scores of each method in each run as they are ready.
    **overrides
        Settings given to every method that has them, such as `steps` or `latent_dim`.

    Raises
    ------
    InputError
        A name or number is not allowed, or the graph cannot be split so.

    Examples
    --------
    >>> from vgae.datasets import load_dataset
    >>> result = evaluate(load_dataset("karate"), ["gae", "katz"], runs=2, test=0.2, steps=5)
    >>> len(result.metrics["gae"]["auc"].values)
    2
    >>> result.compare("gae", "katz").difference.standard_error > 0
    True
    """
    made, plan = check_evaluation(
        models,
        preset=preset,
        runs=runs,
        seed=seed,
        validation=validation,
        test=test,
        protocol=protocol,
        tasks=tasks,
        metrics=metrics,
        settings=settings,
        **overrides,
    )
    runs, seed, names, split = int(runs), int(seed), list(made), plan.split
    graph = as_graph(data)
    wanted = default_metrics(graph) if metrics is None else plan.metrics
    plan = replace(plan, metrics=wanted, nodes=nodes)
    for candidate in made.values():
        candidate.check(graph)
    found: dict[str, list[Mapping[str, float | None]]] = {name: [] for name in names}
    methods = {name: candidate.method for name, candidate in made.items()}
    for scores in evaluate_runs(graph, methods, runs=runs, seed=seed, protocol=plan):
        found[scores.method].append(scores.metrics)
        if on_scores is not None:
            on_scores(scores)
    return Evaluation(
        protocol=split.protocol,
        proportions=split.proportions,
        runs=runs,
        seed=seed,
        tasks=plan.tasks,
        results={
            name: MethodResult(
                preset=candidate.preset,
                overrides=candidate.overrides,
                settings=candidate.settings,
                features=candidate.reads_features(graph),
                metrics={
                    metric: summarize([run[metric] for run in found[name]])
                    for metric in found[name][0]
                },
            )
            for name, candidate in made.items()
        },
    )
