"""Methods with their settings, ready to run on any split: by name, as estimators, or your own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from vgae.data.graph import Graph
from vgae.data.split import TrainingView
from vgae.ground.errors import InputError, unknown_name
from vgae.learning.baselines import BASELINES, Baseline, baseline
from vgae.learning.evaluation import Method
from vgae.learning.fitting import fit
from vgae.learning.results import FUNCTION
from vgae.learning.scores import Scores, as_scores
from vgae.learning.settings import LATENT_OF, FitSettings, named_preset
from vgae.learning.train import choose_place
from vgae.model.network import Parts

__all__ = ["FUNCTION", "METHODS", "Candidate", "Estimator", "MethodLike", "candidates"]

METHODS = (*LATENT_OF, *BASELINES)
"""The auto-encoders and the baselines, by name."""


class Estimator(Protocol):
    """What an estimator, such as `vgae.VGAE`, must have to be a method.

    Examples
    --------
    >>> from vgae import GAE
    >>> estimator: Estimator = GAE(steps=1)
    >>> estimator.settings.model, estimator.parts.names(), estimator.get_params()["steps"]
    ('gae', {}, 1)
    >>> estimator.fit([("a", "b"), ("b", "c")]).scores().n_nodes
    3
    """

    @property
    def settings(self) -> FitSettings:
        """All settings."""

    @property
    def parts(self) -> Parts:
        """Parts of your own."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The keywords of its constructor."""

    def fit(self, data: Any) -> Self:
        """Learn from a view."""

    def scores(self) -> Scores:
        """Scores of all pairs."""


MethodLike = str | Estimator | Baseline | Callable[[TrainingView, int], Any]
"""A name in `METHODS`, an estimator, a baseline, or a function (training view, seed) -> scores."""


@dataclass(frozen=True)
class Candidate:
    """A method with its settings, ready to run on any split; `candidates` makes it.

    Attributes
    ----------
    kind
        A name in `METHODS`, or "function" for one of your own.
    method
        Learns from what it may see of a split and scores all pairs.
    preset, overrides, settings
        See `vgae.learning.results.MethodResult`.
    engine
        Name of the engine of the all-pairs sum here; None for a method without one.
    reads_features
        Whether it reads the node features of a graph; None where that is not known.
    objective
        Whether its objective is "exact" or "sampled" on a graph; None for a method without one.
    on
        The same with settings that depend on a graph filled in. Raises `InputError` for a graph
        that it cannot learn from.
    single_threaded
        Whether it uses one thread.

    Examples
    --------
    >>> ring = Graph.from_edges([(i, (i + 1) % 60) for i in range(60)])
    >>> candidates(["spectral"])["spectral"].on(ring).settings["latent_dim"]
    3
    """

    kind: str
    method: Method
    preset: str | None
    overrides: Mapping[str, Any]
    settings: Mapping[str, Any]
    engine: str | None
    reads_features: Callable[[Graph], bool | None]
    objective: Callable[[Graph], str | None]
    on: Callable[[Graph], Candidate]
    single_threaded: bool


def candidates(
    methods: Mapping[str, MethodLike] | Iterable[str],
    *,
    preset: str | Path = "paper",
    overrides: Mapping[str, Any] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Candidate]:
    """Methods by label with their settings, checked before any work.

    Parameters
    ----------
    methods
        Names in `METHODS`, which are their own labels; or methods by label.
    preset
        The name or the file of a preset (see `vgae.learning.settings.named_preset`), for
        auto-encoders given by name.
    overrides
        Settings by name; each is given to every method given by name that has it.
    settings
        Settings of single methods given by name, by label and setting.

    Raises
    ------
    InputError
        A name is unknown, a setting is not allowed, or no method has it; or something is not a
        method.

    Examples
    --------
    >>> list(candidates(["gae", "katz"], settings={"katz": {"attenuation": 0.1}}))
    ['gae', 'katz']
    >>> from vgae import VGAE
    >>> candidates({"wide": VGAE(latent_dim=64)})["wide"].overrides
    {'latent_dim': 64}
    """
    overrides, settings = overrides or {}, settings or {}
    wanted = methods if isinstance(methods, Mapping) else {name: name for name in methods}
    named: dict[str, str] = {}
    for label, method in wanted.items():
        if not isinstance(label, str) or not label.strip():
            raise InputError(f"models: the label {label!r} is not a name; use text")
        if isinstance(method, str):
            if method not in METHODS:
                raise unknown_name("method", method, METHODS)
            named[label] = method
    _check_settings(wanted, named, overrides, settings)
    made = {}
    for label, method in wanted.items():
        if isinstance(method, str):
            fields = _settings_of(method)
            own = {key: value for key, value in overrides.items() if key in fields}
            made[label] = _by_name(method, preset, own | dict(settings.get(label, {})))
        else:
            made[label] = _given(label, method)
    return made


def _check_settings(
    wanted: Mapping[str, MethodLike],
    named: Mapping[str, str],
    overrides: Mapping[str, Any],
    settings: Mapping[str, Mapping[str, Any]],
) -> None:
    for label, own in settings.items():
        if not isinstance(own, Mapping):
            raise InputError(f"settings of {label}: {own!r} is not a dictionary of settings")
        if label not in {*METHODS, *wanted}:
            raise unknown_name("method", label, {*METHODS, *wanted})
        if label not in wanted:
            raise InputError(f"settings of {label}: it is not among the methods that run")
        if label not in named:
            raise InputError(f"settings of {label}: it brings its own; change them there")
        for key in settings[label]:
            if key not in _settings_of(named[label]):
                raise unknown_name(f"setting of {label}", key, _settings_of(named[label]))
    for key in overrides:
        if not any(key in _settings_of(name) for name in named.values()):
            raise InputError(
                f"{key}: {', '.join(named)} has no such setting"
                if named
                else f"{key}: only methods given by name take settings here; set it in your own"
            )


def _settings_of(name: str) -> list[str]:
    if name in BASELINES:
        return list(BASELINES[name].model_fields)
    return [key for key in FitSettings.fields() if key != "seed"]


def _by_name(name: str, preset: str | Path, overrides: dict[str, Any]) -> Candidate:
    if name in LATENT_OF:
        settings = FitSettings.of(name, **(named_preset(preset).settings | overrides))

        def scores(view: TrainingView, seed: int) -> Scores:
            return fit(view.as_split(), settings.model_copy(update={"seed": seed})).scores

        return _auto_encoder(settings, scores, str(preset), overrides, kind=name)
    return _baseline(baseline(name, **overrides), overrides)


def _given(label: str, method: Any) -> Candidate:
    """A candidate from something other than a name."""
    if isinstance(method, type):
        kind = method.__name__
        raise InputError(f"{label}: is the class {kind}; give an instance, as in {kind}()")
    settings, parts = getattr(method, "settings", None), getattr(method, "parts", None)
    if isinstance(settings, FitSettings) and isinstance(parts, Parts):
        default = FitSettings.of(settings.model).parameters() | {"seed": settings.seed}
        changed = {
            key: value for key, value in settings.parameters().items() if value != default[key]
        }
        made = type(method)
        ours = made.__module__.startswith("vgae.") and not parts.names()

        def scores(view: TrainingView, seed: int) -> Scores:
            parameters = method.get_params(deep=False) | {"seed": seed}
            found: Scores = made(**parameters).fit(view).scores()
            return found

        return _auto_encoder(
            settings,
            scores,
            None,
            changed | parts.names(),
            kind=settings.model if ours else FUNCTION,
        )
    method = getattr(method, "baseline", method)  # of an estimator that holds one
    if isinstance(method, Baseline):
        return _baseline(method, method.model_dump(exclude_defaults=True))
    if callable(method):
        return _function(label, method)
    raise InputError(
        f"{label}: is {type(method).__name__}, not a method; give a name, an estimator such as "
        "VGAE(), a baseline, or a function (training view, seed) -> scores"
    )


def _auto_encoder(
    settings: FitSettings,
    scores: Method,
    preset: str | None,
    overrides: Mapping[str, Any],
    *,
    kind: str,
) -> Candidate:
    _, engine = choose_place(settings.training, settings.network.latent_dim)
    used = settings.network.features != "none"
    made = Candidate(
        kind,
        scores,
        preset,
        overrides,
        settings.network.model_dump() | settings.training.model_dump(),
        engine=engine.name,
        reads_features=lambda graph: used and graph.features is not None,
        objective=settings.objective_on,
        on=lambda _: made,
        single_threaded=False,
    )
    return made


def _baseline(method: Baseline, overrides: Mapping[str, Any]) -> Candidate:
    def on(graph: Graph) -> Candidate:
        method.check(graph)
        return _baseline(method.on(graph), overrides)

    return Candidate(
        method.name if BASELINES.get(method.name) is type(method) else FUNCTION,
        lambda view, seed: method.fit(view, seed=seed),
        None,
        overrides,
        method.model_dump(),
        engine=None,
        reads_features=lambda _: method.needs_features,
        objective=lambda _: None,
        on=on,
        single_threaded=method.single_threaded,
    )


def _function(label: str, function: Callable[[TrainingView, int], Any]) -> Candidate:
    try:
        inspect.signature(function).bind(None, 0)
    except TypeError:
        raise InputError(
            f"{label}: must take two arguments, the training view and the seed"
        ) from None
    except ValueError:  # one written in C, which does not say what it takes
        pass
    made = Candidate(
        FUNCTION,
        lambda view, seed: as_scores(
            function(view, seed), view.train.n_nodes, ordered=view.train.directed
        ),
        None,
        {},
        {},
        engine=None,
        reads_features=lambda _: None,
        objective=lambda _: None,
        on=lambda _: made,
        single_threaded=False,
    )
    return made
