"""A search for settings: Optuna proposes them, and fits judge them on validation pairs alone.

Nothing here can reach a test pair: a search is given training views, which hold none. A search on
disk can be cut off at any time, and goes on as if it had not been: each proposal depends on the
seed and on the trials that are finished, and on nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from vgae.data.split import Split, TrainingView
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError
from vgae.ground.files import file_errors, staged_file
from vgae.ground.notebook import library
from vgae.learning.fitting import fit
from vgae.learning.settings import FitSettings, Preset
from vgae.learning.train import StepRecord, check_defined, choose_place, finishing_on_interrupt
from vgae.model.settings import WEIGHED

__all__ = ["SPACE", "Range", "Trial", "Tuning", "check_search", "search", "search_space"]

STUDY = "vgae"
FORMAT_VERSION = 1
FIRST_TRIALS, FIRST_STEPS = 5, 50
"""Trials that are not compared, and steps of each trial before it can be stopped early."""
MOST_STEPS = 10**7
"""More than a trial trains: a later split's steps follow those of the split before."""
PLACES = ("device", "engine")
"""Settings that say where to compute. They are of this machine and not of a preset."""


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`, with three digits.

    Attributes
    ----------
    low, high
        The ends, which are included.
    log
        Whether each ratio is as likely as another, and not each difference.

    Examples
    --------
    >>> Range(0.002, 0.05, log=True).high
    0.05
    """

    low: float
    high: float
    log: bool = False


Choices = tuple[Any, ...] | Range

SPACE: dict[str, Choices] = {
    "encoder": ("gcn", "linear", "appnp", "sage"),
    "likelihood": ("bernoulli", "bernoulli-poisson"),
    "class_weight": ("balanced", "none"),
    "latent_dim": (16, 32, 64, 128),
    "hidden_dim": (32, 64, 128),
    "layers": (1, 2, 3, 4),
    "features": ("raw", "unit", "idf"),
    "structure": ("none", "svd"),
    "dropout": Range(0.0, 0.6),
    "mask": Range(0.1, 0.7),
    "learning_rate": Range(0.002, 0.05, log=True),
    "steps": (50, 100, 200, 400),
}
"""What is searched. `search_space` tells what of it suits a graph and a preset."""


def search_space(
    model: str, base: Mapping[str, Any], fixed: Mapping[str, Any], *, n_features: int
) -> dict[str, Choices]:
    """The part of `SPACE` that suits a graph and what is given, with the base among the choices.

    A value that the other settings of the base exclude is left out, and so is a setting that has
    no second value then.

    Parameters
    ----------
    model
        "vgae" or "gae".
    base
        The settings of the preset, and those that are fixed.
    fixed
        Settings that are not searched.
    n_features
        Number of node features of the graph.

    Examples
    --------
    >>> found = search_space("gae", {"decoder": "cosine"}, {"steps": 50}, n_features=0)
    >>> "likelihood" in found, "steps" in found, "features" in found, found["hidden_dim"]
    (False, False, False, (32, 64, 128))
    """
    settings = FitSettings.of(model, **base)
    now, exact = _used(settings), settings.network.objective_used == "exact"
    found: dict[str, Choices] = {}
    for name, choices in SPACE.items():
        if name in fixed or (name == "features" and n_features == 0):
            continue
        if name == "mask" and exact:  # which a mask would change
            continue
        if isinstance(choices, Range):
            if all(_allowed(model, base, name, end) for end in (choices.low, choices.high)):
                ends = (choices.low, choices.high, now[name])
                found[name] = Range(min(ends), max(ends), choices.log)
            continue
        values = (value for value in choices if _allowed(model, base, name, value))
        kept = tuple(dict.fromkeys((now[name], *values)))
        if len(kept) > 1:
            found[name] = tuple(sorted(kept, key=(*choices, now[name]).index))
    if not found:
        raise InputError("tune: every setting that could be searched is fixed; give fewer of them")
    return found


def _used(settings: FitSettings) -> dict[str, Any]:
    """The parameters, with the defaults filled in of what is searched."""
    network = settings.network
    used = {"likelihood": network.likelihood_used, "class_weight": network.class_weight_used}
    return settings.parameters() | used


def _allowed(model: str, base: Mapping[str, Any], name: str, value: Any) -> bool:
    try:
        FitSettings.of(model, **{**base, name: value})
    except InputError:
        return False
    return True


# --------------------------------------------------------------------- results


@dataclass(frozen=True)
class Trial:
    """Settings that were tried.

    Attributes
    ----------
    number
        Number of the trial, from 1.
    state
        "complete"; "pruned", stopped early as it was worse than most before it; or "failed".
    settings
        The values of the settings that are searched.
    value
        Mean of the metric over the splits; None unless it is complete.
    seconds
        How long it took.
    reason
        Why it failed, or None.

    Examples
    --------
    >>> Trial(1, "complete", {"steps": 50}, 0.9, 1.5).value
    0.9
    """

    number: int
    state: Literal["complete", "pruned", "failed"]
    settings: Mapping[str, Any]
    value: float | None
    seconds: float
    reason: str | None = None


@dataclass(frozen=True)
class Tuning:
    """The trials of a search, and the best of them.

    Attributes
    ----------
    model
        "vgae" or "gae".
    metric
        The metric of the validation pairs that decided.
    splits, seed
        Number of splits that the metric is a mean over, and the seed of the first.
    base
        The settings of the preset that the search started from, and those that were fixed.
    trials
        The finished trials, in their order. The first one has the settings of the base.
    interrupted
        Whether Ctrl-C ended the search before all trials were there.

    Examples
    --------
    >>> trials = (
    ...     Trial(1, "complete", {"steps": 200}, 0.8, 2.0),
    ...     Trial(2, "complete", {"steps": 50}, 0.9, 1.0),
    ... )
    >>> found = Tuning("gae", "auc", 1, 0, {"bias": True, "device": "cuda"}, trials)
    >>> found.best.number, found.preset.settings
    (2, {'bias': True, 'stop_metric': 'auc', 'steps': 50})
    >>> found.preset.about
    'auc 90.0 on the validation pairs of 1 split: trial 2 of 2 (model gae, seed 0)'
    >>> found.counts, found.table()["steps"], found.as_dict()["best"]["value"]
    ({'complete': 2, 'pruned': 0, 'failed': 0}, [200, 50], 0.9)
    """

    model: str
    metric: str
    splits: int
    seed: int
    base: Mapping[str, Any]
    trials: tuple[Trial, ...]
    interrupted: bool = False

    @property
    def best(self) -> Trial:
        """The complete trial with the highest value; of equal ones, the first.

        Raises
        ------
        InputError
            No trial is complete.
        """
        complete = [trial for trial in self.trials if trial.value is not None]
        if not complete:
            reasons = [trial.reason for trial in self.trials if trial.reason]
            why = f"; the first failed: {reasons[0]}" if reasons else ""
            raise InputError(f"tune: no trial is complete{why}")
        return max(complete, key=lambda trial: (trial.value, -trial.number))

    @property
    def counts(self) -> dict[str, int]:
        """How many trials are complete, pruned and failed."""
        states = [trial.state for trial in self.trials]
        return {name: states.count(name) for name in ("complete", "pruned", "failed")}

    @property
    def preset(self) -> Preset:
        """The settings of the best trial, ready for `Preset.toml`; those of places are left out."""
        best = self.best
        on = "1 split" if self.splits == 1 else f"{self.splits} splits"
        about = (
            f"{self.metric} {100 * (best.value or 0.0):.1f} on the validation pairs of {on}: trial "
            f"{best.number} of {len(self.trials)} (model {self.model}, seed {self.seed})"
        )
        settings = {**self.base, "stop_metric": self.metric, **best.settings}
        return Preset.parse(
            {
                "about": about,
                "model": self.model,
                "settings": {
                    name: value
                    for name, value in settings.items()
                    if value is not None and name not in PLACES
                },
            }
        )

    def table(self) -> dict[str, list[Any]]:
        """The trials as columns: trial, state, value, seconds, a column per setting, reason."""
        names = list(self.trials[0].settings) if self.trials else []
        columns: dict[str, list[Any]] = {
            "trial": [trial.number for trial in self.trials],
            "state": [trial.state for trial in self.trials],
            self.metric: [trial.value for trial in self.trials],
            "seconds": [round(trial.seconds, 3) for trial in self.trials],
        }
        columns |= {name: [trial.settings[name] for trial in self.trials] for name in names}
        return columns | {"reason": [trial.reason for trial in self.trials]}

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        best = self.best
        return {
            "model": self.model,
            "metric": self.metric,
            "splits": self.splits,
            "seed": self.seed,
            "trials": self.counts,
            "best": {"trial": best.number, "value": best.value},
            "start": self.trials[0].value,
            "settings": self.preset.settings,
        }


# ---------------------------------------------------------------------- search


def check_search(trials: int, metric: str) -> None:
    """Refuse what no search can do, before any work.

    Raises
    ------
    InputError
        The number of trials or the metric is not allowed, or Optuna is not installed.

    Examples
    --------
    >>> check_search(0, "auc")
    Traceback (most recent call last):
    vgae.InputError: trials = 0: must be a whole number, at least 1
    """
    if isinstance(trials, bool) or not isinstance(trials, (int, np.integer)) or trials < 1:
        raise InputError(f"trials = {trials}: must be a whole number, at least 1")
    try:
        FitSettings.of("gae", stop_metric=metric)
    except InputError as error:
        raise InputError(f"metric {metric}: {str(error).rpartition('stop_metric: ')[2]}") from None
    library("optuna", "'vgae[tune]'")


def search(
    views: Sequence[TrainingView],
    *,
    model: str,
    base: Mapping[str, Any],
    fixed: Mapping[str, Any],
    metric: str,
    trials: int,
    seed: int,
    path: Path | None = None,
    on_trial: Callable[[Trial], Any] | None = None,
) -> Tuning:
    """Try settings until there are so many trials; Ctrl-C ends the search after the current one.

    Parameters
    ----------
    views
        What may be seen of each split. Trial settings are fitted to every one of them.
    model
        "vgae" or "gae".
    base
        Settings to start from, which the first trial has.
    fixed
        Settings that replace those of the base, and are not searched.
    metric
        What decides: average_precision, auc, mrr or hits@K of the validation pairs. Early stopping
        watches it, too.
    trials
        Number of trials, with those that are on disk.
    seed
        Seed of the proposals. The model of view r has seed + r.
    path
        The SQLite file of the search, whose folder must be this process's alone; None keeps the
        search in memory.
    on_trial
        Called with each trial when it is finished.

    Raises
    ------
    InputError
        A view has no validation pairs, settings are not allowed, or the file cannot be used or
        holds a search that was made in another way.

    Examples
    --------
    >>> from vgae.data.datasets import load_dataset
    >>> from vgae.data.split import split_edges
    >>> view = split_edges(load_dataset("karate"), seed=0, validation=0.1).training
    >>> found = search(
    ...     [view], model="gae", base={}, fixed={"steps": 2}, metric="auc", trials=1, seed=0
    ... )
    >>> found.counts, found.trials[0].settings["encoder"], found.preset.settings["steps"]
    ({'complete': 1, 'pruned': 0, 'failed': 0}, 'gcn', 2)
    """
    check_search(trials, metric)
    for view in views:
        if not isinstance(view, TrainingView):
            kind = type(view).__name__
            raise InputError(f"tune: {kind} could hold test pairs; give its TrainingView")
        if not view.validation:
            raise InputError("tune: settings are chosen on validation pairs; hold some out")
        check_defined(metric, view.validation)
    start = {**base, **fixed}
    graph = views[0].train
    # Weights that are data of the model leave no choice.
    decided = ["likelihood", "class_weight"] if graph.weight_means in WEIGHED.values() else []
    kept = dict.fromkeys(decided) | dict(fixed)
    space = search_space(model, start, kept, n_features=graph.n_features)
    settings = FitSettings.of(model, **{**start, "stop_metric": metric, "seed": seed})
    choose_place(settings.training, settings.network.latent_dim)
    parameters = settings.parameters()
    about = {
        "format_version": FORMAT_VERSION,
        "graph and split": [view.fingerprint[:16] for view in views],
        "model": model,
        "metric": metric,
        "seed": int(seed),
        "settings": parameters,
        "search space": repr(space),
    }
    study = _Study(path, about, space, _used(settings), settings.seed)
    splits = [view.as_split() for view in views]
    with finishing_on_interrupt() as interrupt:
        while len(found := study.trials()) < trials and not interrupt.pressed:
            _try(study, splits, settings)
            if on_trial is not None:
                on_trial(study.trials()[-1])
    return Tuning(
        model=model,
        metric=metric,
        splits=len(views),
        seed=settings.seed,
        base={name: parameters[name] for name in start},
        trials=tuple(found),
        interrupted=len(found) < trials,
    )


def _try(study: _Study, splits: Sequence[Split], settings: FitSettings) -> None:
    """Make one trial on splits of views, which have no test pairs."""
    metric, values = settings.training.stop_metric, []
    parameters = {**settings.parameters(), **study.ask()}
    try:
        for number, split in enumerate(splits):
            seed = settings.seed + number
            tried = FitSettings.of(settings.model, **{**parameters, "seed": seed})

            def watch(record: StepRecord, first: int = number * MOST_STEPS) -> None:
                if record.validation is not None:
                    study.report(first + record.step, record.validation[metric])

            fitted = fit(split, tried, callbacks=[watch])
            values.append(fitted.metrics["validation"][metric])
    except _Pruned:
        study.end("PRUNED")
    except _StudyError:
        raise
    except InputError as error:
        study.end("FAIL", reason=str(error))
    else:
        study.end("COMPLETE", float(np.mean(values)))


class _Pruned(Exception):  # noqa: N818 - the outcome of a trial, not a mistake
    """The trial is worse than most others were at this step."""


class _StudyError(InputError):
    """The file of the search cannot be used."""


class _Study:
    """A study of Optuna's, in a file or in memory, with one trial under way at most."""

    def __init__(
        self,
        path: Path | None,
        about: Mapping[str, Any],
        space: Mapping[str, Choices],
        start: Mapping[str, Any],
        seed: int,
    ) -> None:
        self._optuna, self._path, self._space, self._seed = library("optuna"), path, space, seed
        kinds = self._optuna.distributions
        self._distributions = {
            name: kinds.FloatDistribution(choices.low, choices.high, log=choices.log)
            if isinstance(choices, Range)
            else kinds.CategoricalDistribution(choices)
            for name, choices in space.items()
        }
        self._first = {name: start[name] for name in space}
        self._trial: Any = None
        about = json.loads(json.dumps(about))  # tuples become lists
        with self._errors(), self._quietly():
            if path is None:
                self._study = self._made(self._optuna.storages.InMemoryStorage(), about)
            else:
                if not path.exists():
                    with staged_file(path) as staged:
                        storage = self._storage(staged)
                        self._made(storage, about)
                        storage.remove_session()
                        storage.engine.dispose()  # the file gets its name when it is closed
                self._study = self._opened(self._storage(path), about)
            for trial in self._in_state("RUNNING"):  # a process was killed meanwhile
                self._study.tell(trial.number, state=self._state("FAIL"))
            if not self.trials() and not self._in_state("WAITING"):
                self._study.enqueue_trial(self._first)

    def ask(self) -> dict[str, Any]:
        """The settings of the next trial."""
        done = len(self.trials())
        seed = stream_seed(self._seed, f"trial {done}") % 2**32
        with self._errors():
            self._study.sampler = self._optuna.samplers.TPESampler(seed=seed)
            self._trial = self._study.ask(self._distributions)
        return self._rounded(self._trial.params)

    def report(self, step: int, value: float | None) -> None:
        """Tell the score of the trial after a step, and raise `_Pruned` if it can be stopped."""
        if value is None:
            return
        with self._errors():
            self._trial.report(value, step)
            pruned = self._trial.should_prune()
        if pruned:
            raise _Pruned

    def end(self, state: str, value: float | None = None, *, reason: str | None = None) -> None:
        """Tell how the trial ended."""
        with self._errors():
            if reason is not None:
                self._trial.set_user_attr("reason", reason)
            self._study.tell(self._trial, value, state=self._state(state))

    def trials(self) -> list[Trial]:
        """The finished trials. One that a killed process left failed without a reason."""
        names = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
        found: list[Trial] = []
        with self._errors():
            for frozen in self._study.get_trials(deepcopy=False):
                state: Any = names.get(frozen.state.name)
                reason = frozen.user_attrs.get("reason")
                if state is None or (state == "failed" and reason is None):
                    continue
                found.append(
                    Trial(
                        number=len(found) + 1,
                        state=state,
                        settings=self._rounded(frozen.params),
                        value=frozen.value if state == "complete" else None,
                        seconds=frozen.duration.total_seconds(),
                        reason=reason,
                    )
                )
        return found

    def _rounded(self, proposed: Mapping[str, Any]) -> dict[str, Any]:
        """Settings in the order of the space, with numbers of a range as people write them."""
        return {
            name: float(f"{proposed[name]:.3g}")
            if isinstance(choices, Range) and proposed[name] != self._first[name]
            else proposed[name]
            for name, choices in self._space.items()
        }

    def _storage(self, path: Path) -> Any:
        with file_errors(path):
            whole = str(path.resolve())
        address = library("sqlalchemy").URL.create("sqlite", database=whole)
        return self._optuna.storages.RDBStorage(address.render_as_string())

    def _made(self, storage: Any, about: Mapping[str, Any]) -> Any:
        made = self._optuna.create_study(
            storage=storage, study_name=STUDY, direction="maximize", pruner=self._pruner()
        )
        made.set_user_attr("about", about)
        return made

    def _opened(self, storage: Any, about: Mapping[str, Any]) -> Any:
        """The study of a file, if it was made in this way."""
        advice = "choose another folder, or add --overwrite (overwrite=True) to replace it"
        try:
            opened = self._optuna.load_study(
                storage=storage, study_name=STUDY, pruner=self._pruner()
            )
        except KeyError:
            raise _StudyError(f"{self._path}: holds no search of vgae; {advice}") from None
        known = opened.user_attrs.get("about", {})
        for key, value in about.items():
            if known.get(key) != value:
                words = key
                if key == "settings" and isinstance(known.get(key), dict):
                    words = ", ".join(name for name in value if known[key].get(name) != value[name])
                raise _StudyError(
                    f"{self._path}: holds a search that was made in another way ({words} differs); "
                    f"{advice}"
                )
        return opened

    def _pruner(self) -> Any:
        return self._optuna.pruners.MedianPruner(
            n_startup_trials=FIRST_TRIALS, n_warmup_steps=FIRST_STEPS
        )

    def _state(self, name: str) -> Any:
        return getattr(self._optuna.trial.TrialState, name)

    def _in_state(self, name: str) -> list[Any]:
        found: list[Any] = self._study.get_trials(deepcopy=False, states=(self._state(name),))
        return found

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Keep Optuna's remarks to itself, and leave its level of logging as it was."""
        logging = self._optuna.logging
        level = logging.get_verbosity()
        logging.set_verbosity(logging.WARNING)
        try:
            yield
        finally:
            logging.set_verbosity(level)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Say in one line that the file of the search cannot be used."""
        sql = library("sqlalchemy").exc.SQLAlchemyError
        try:
            yield
        except (sql, self._optuna.exceptions.StorageInternalError) as error:
            reason = str(error.__cause__ or error).partition("\n")[0]
            raise _StudyError(f"{self._path}: cannot be used as a search: {reason}") from None
