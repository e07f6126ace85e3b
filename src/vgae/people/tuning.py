"""The search for settings: a graph in, a preset and its trials in a folder out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vgae.data.interop import as_graph, as_training_view, is_link_split
from vgae.data.split import PAPER_SPLIT, Negatives, Split, SplitSettings, TrainingView, split_edges
from vgae.data.tables import write_table
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError, unknown_name
from vgae.ground.files import check_directory, check_file, file_errors, locked_folder, staged_file
from vgae.learning.settings import LATENT_OF, FitSettings, named_preset
from vgae.learning.tuning import Trial, Tuning, check_search, search

__all__ = ["PRESET_FILE", "Trial", "Tuning", "check_tuning", "check_tuning_place", "tune", "tuned"]

STUDY_FILE, PRESET_FILE, TRIALS_FILE = "study.db", "preset.toml", "trials.csv"
_OURS = (STUDY_FILE, PRESET_FILE, TRIALS_FILE)


def check_tuning(
    *,
    trials: int,
    model: str = "vgae",
    preset: str | Path = "paper",
    metric: str = "average_precision",
    splits: int = 1,
    seed: int = 0,
    validation: float = PAPER_SPLIT.validation,
    test: float = PAPER_SPLIT.test,
    negatives: Negatives = PAPER_SPLIT.negatives,
    **fixed: Any,
) -> SplitSettings:
    """Refuse what `tune` refuses on every graph, before one is read.

    Parameters and what raises are those of `tune`.

    Returns
    -------
    How edges are held out.

    Examples
    --------
    >>> check_tuning(trials=10, metric="hits@20").validation
    0.05
    >>> check_tuning(trials=10, latent_dims=4)
    Traceback (most recent call last):
    vgae.InputError: unknown parameter 'latent_dims': did you mean 'latent_dim'? ...
    """
    if model not in LATENT_OF:
        raise unknown_name("model", model, LATENT_OF)
    if isinstance(splits, bool) or not isinstance(splits, int) or splits < 1:
        raise InputError(f"splits = {splits}: must be a whole number, at least 1")
    stream_seed(seed, "split")
    for name in fixed:
        if name not in FitSettings.fields():
            raise unknown_name("parameter", name, FitSettings.fields())
    if fixed.get("stop_metric", metric) != metric:
        raise InputError(
            f"stop_metric: a search stops its fits by the metric that it is for, {metric}; omit it"
        )
    FitSettings.of(model, **(named_preset(preset).settings | fixed))
    check_search(trials, metric)
    held_out = SplitSettings.parse(
        {"validation": validation, "test": test, "negatives": negatives}, where="split"
    )
    if held_out.validation == 0:
        raise InputError("validation: settings are chosen on validation pairs; hold some out")
    return held_out


def check_tuning_place(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that cannot hold a search, before the work.

    One that holds a search is fine: it goes on.

    Raises
    ------
    InputError
        The folder cannot be written, holds other files, or holds the result of a search alone.

    Examples
    --------
    >>> check_tuning_place(Path("runs/tune"), overwrite=False)
    """
    with file_errors(folder):
        if (folder / STUDY_FILE).is_file():
            for name in _OURS:
                check_file(folder / name)
            return
    if folder.is_dir():
        check_file(folder / STUDY_FILE)  # which also removes what a killed process left there
    check_directory(folder, overwrite=True, ours=_OURS)
    left = [name for name in _OURS if (folder / name).exists()]
    if left and not overwrite:
        raise InputError(f"{folder / left[0]}: exists; add --overwrite (overwrite=True)")


def tune(
    data: Any,
    *,
    trials: int,
    out: str | Path | None = None,
    model: str = "vgae",
    preset: str | Path = "paper",
    metric: str = "average_precision",
    splits: int = 1,
    seed: int = 0,
    validation: float = PAPER_SPLIT.validation,
    test: float = PAPER_SPLIT.test,
    negatives: Negatives = PAPER_SPLIT.negatives,
    on_trial: Callable[[Trial], Any] | None = None,
    overwrite: bool = False,
    **fixed: Any,
) -> Tuning:
    """Search for settings that suit a graph, on its validation pairs.

    Optuna's TPE sampler proposes settings of `vgae.learning.tuning.SPACE`, and a fit that is worse
    than the median of those before it is stopped early. The first trial has the settings of the
    preset. The same arguments give the same trials. No test pair is seen: the split of a seed is
    that of `vgae fit` and `vgae evaluate` with the same proportions, whose test pairs stay unseen.

    Parameters
    ----------
    data
        A graph or anything `vgae.as_graph` takes, whose edges are held out at random. Or a `Split`
        or its `TrainingView`: then all fits are on that split.
    trials
        Number of trials. With `out`, those of earlier calls count.
    out
        A folder that keeps the search, so that the same call goes on from it, and that gets
        `preset.toml`, `trials.csv` and `study.db`. By default nothing is written.
    model
        "vgae" or "gae".
    preset
        The name or the file of a preset to start from.
    metric
        What is best: "average_precision", "auc", "mrr" or "hits@K" of the validation pairs.
    splits, seed
        The metric is a mean over so many splits; split r and the model on it have seed + r.
    validation, test, negatives
        See `vgae.data.split.SplitSettings`; a split has its own.
    on_trial
        Called with each `Trial` when it is finished.
    overwrite
        Whether to replace a search in `out` instead of going on with it.
    **fixed
        Settings that are not searched, such as `steps`.

    Raises
    ------
    InputError
        A name or number is not allowed, Optuna is not installed, the folder cannot be used or
        another process works in it, or no trial was complete.
    KeyboardInterrupt
        Ctrl-C was pressed. The current trial is finished first, and the folder keeps all trials.

    Examples
    --------
    >>> from vgae.data.datasets import load_dataset
    >>> found = tune(load_dataset("karate"), trials=2, validation=0.1, steps=3, latent_dim=2)
    >>> found.preset.settings["steps"], found.counts["failed"]
    (3, 0)
    """
    found = tuned(
        data,
        trials=trials,
        out=None if out is None else Path(out),
        model=model,
        preset=preset,
        metric=metric,
        splits=splits,
        seed=seed,
        validation=validation,
        test=test,
        negatives=negatives,
        on_trial=on_trial,
        overwrite=overwrite,
        **fixed,
    )
    if found.interrupted:
        raise KeyboardInterrupt
    return found


def tuned(
    data: Any,
    *,
    trials: int,
    out: Path | None = None,
    on_trial: Callable[[Trial], Any] | None = None,
    overwrite: bool = False,
    model: str = "vgae",
    preset: str | Path = "paper",
    metric: str = "average_precision",
    splits: int = 1,
    seed: int = 0,
    **options: Any,
) -> Tuning:
    """What `tune` returns; also where Ctrl-C has ended the search, with the trials until then.

    Parameters are those of `tune`.

    Examples
    --------
    >>> square = [(0, 1), (1, 2), (2, 3), (3, 0)]
    >>> found = tuned(square, trials=1, validation=0.25, test=0.0, steps=1)
    >>> found.interrupted, found.best.number
    (False, 1)
    """
    held_out = check_tuning(
        trials=trials,
        model=model,
        preset=preset,
        metric=metric,
        splits=splits,
        seed=seed,
        **options,
    )
    shares = ("validation", "test", "negatives")
    fixed = {name: value for name, value in options.items() if name not in shares}
    if isinstance(data, (Split, TrainingView)) or is_link_split(data):
        given = [name for name in shares if name in options]
        given = [name for name in given if options[name] != getattr(PAPER_SPLIT, name)]
        if given:
            raise InputError(f"{given[0]}: a given split has its own; omit it")
        views = [as_training_view(data)] * splits
    else:
        graph, made = as_graph(data), held_out.model_dump()
        views = [split_edges(graph, **made, seed=seed + run).training for run in range(splits)]
    with _folder(out, overwrite=overwrite) as path:
        found = search(
            views,
            model=model,
            base=named_preset(preset).settings,
            fixed=fixed,
            metric=metric,
            trials=trials,
            seed=seed,
            path=path,
            on_trial=on_trial,
        )
        if out is not None and found.trials:
            _write(found, out)
    return found


@contextmanager
def _folder(out: Path | None, *, overwrite: bool) -> Iterator[Path | None]:
    """The file of the study in a folder that no other process has."""
    if out is None:
        yield None
        return
    check_tuning_place(out, overwrite=overwrite)
    with file_errors(out):
        made = [folder for folder in (out, *out.parents) if not folder.exists()]
        out.mkdir(parents=True, exist_ok=True)
    try:
        with locked_folder(out):
            if overwrite:
                for name in _OURS:
                    with file_errors(out / name):
                        (out / name).unlink(missing_ok=True)
            yield out / STUDY_FILE
    finally:
        for folder in made:
            with suppress(OSError):  # not empty: the search is in it
                folder.rmdir()


def _write(found: Tuning, out: Path) -> None:
    write_table(out / TRIALS_FILE, found.table())
    if found.counts["complete"]:
        path = out / PRESET_FILE
        with staged_file(path) as staged, file_errors(path):
            staged.write_text(found.preset.toml(), encoding="utf-8")
