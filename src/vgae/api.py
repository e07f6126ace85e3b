"""What people use from Python: models by name, and evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from vgae.encoders import used_features
from vgae.errors import InputError, unknown_name
from vgae.estimators import GAE, MODELS, VGAE, Link, LinkModel, load
from vgae.evaluation import Evaluation, RunScores, evaluate_runs, summarize
from vgae.io import as_graph
from vgae.split import PAPER_SPLIT, Split, SplitSettings

__all__ = [
    "GAE",
    "MODELS",
    "PRESETS",
    "VGAE",
    "Evaluation",
    "Link",
    "LinkModel",
    "evaluate",
    "load",
    "make_model",
]

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
    on_scores: Callable[[RunScores], None] | None = None,
    **overrides: Any,
) -> Evaluation:
    """Held-out link prediction over repeated splits, all models on the same ones.

    Parameters
    ----------
    data
        A graph or anything `vgae.as_graph` takes.
    models
        Names in `MODELS`.
    preset
        A name in `PRESETS`.
    runs, seed
        Run r uses seed + r for the split and for the weights.
    validation, test, protocol
        See `vgae.split.SplitSettings`.
    on_scores
        Called with the scores of each model in each run as they are ready.
    **overrides
        Settings of the models, such as `steps`.

    Raises
    ------
    InputError
        A name or number is not allowed, or the graph cannot be split so.

    Examples
    --------
    >>> from vgae.datasets import load_dataset
    >>> result = evaluate(load_dataset("karate"), ["gae"], runs=2, test=0.2, steps=5)
    >>> len(result.metrics["gae"]["auc"].values)
    2
    """
    if runs < 1:
        raise InputError(f"runs = {runs}: must be at least 1")
    models = [models] if isinstance(models, str) else list(dict.fromkeys(models))
    if not models:
        raise InputError("models: name at least one")
    graph = as_graph(data)
    settings = SplitSettings.parse({"validation": validation, "test": test, "protocol": protocol})
    if settings.test == 0:
        raise InputError("test: an evaluation needs test pairs; hold out more than 0")
    made = {name: make_model(name, preset=preset, **overrides) for name in models}

    def method(name: str) -> Callable[[Split, int], Mapping[str, float | None]]:
        def scores(split: Split, run_seed: int) -> Mapping[str, float | None]:
            model = make_model(name, preset=preset, **overrides, seed=run_seed).fit(split)
            if model.interrupted_:
                raise KeyboardInterrupt
            test_metrics: Mapping[str, float | None] = model.metrics_["test"]
            return test_metrics

        return scores

    found: dict[str, list[Mapping[str, float | None]]] = {name: [] for name in made}
    for scores in evaluate_runs(
        graph, {name: method(name) for name in made}, runs=runs, seed=seed, settings=settings
    ):
        found[scores.method].append(scores.metrics)
        if on_scores is not None:
            on_scores(scores)
    use = next(iter(made.values())).settings.network.features
    return Evaluation(
        protocol=settings.protocol,
        proportions=settings.proportions,
        runs=runs,
        seed=seed,
        preset=preset,
        overrides=overrides,
        features=used_features(graph, use) is not None,
        metrics={
            name: {
                metric: summarize([run[metric] for run in scores_of_runs])
                for metric in scores_of_runs[0]
            }
            for name, scores_of_runs in found.items()
        },
    )
