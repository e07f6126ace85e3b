"""What `vgae fit` has to do: what its options say, or the rest of a fit that was stopped."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vgae.ground.config import Settings
from vgae.ground.errors import InputError
from vgae.people.options import Reading, given, input_name

if TYPE_CHECKING:
    import typer

    from vgae.data.graph import Graph
    from vgae.data.split import Split
    from vgae.learning.checkpoints import Checkpoints
    from vgae.people.api import LinkBaseline, LinkModel

__all__ = ["FitJob", "asked_fit", "check_resumed", "checkpoint_of", "resumed_fit"]

STANDARD_INPUT = "-"
WITH_RESUME = ("graph", "resume", "checkpoint_every", "top", "report", "json", "quiet")
"""What a fit that goes on can be given; all else is in its checkpoint."""


class _Command(Settings):
    """How a fit was begun, as its checkpoint tells it, next to its settings.

    Files have their whole path, so that the fit goes on from any folder.
    """

    graph: str
    name: str
    reading: dict[str, Any]
    holdout: bool
    held_out: dict[str, Any]
    seed: int
    overwrite: bool

    def reading_options(self) -> Reading:
        """How the graph was read."""
        values = dict(self.reading)
        if "features" in values:
            values["features"] = Path(values["features"])
        try:
            return Reading(**values)
        except TypeError:
            raise InputError(
                "the fit was begun with options for reading that this version does not know"
            ) from None


@dataclass(frozen=True)
class FitJob:
    """A fit to do.

    Attributes
    ----------
    estimator
        What is fitted.
    graph, name
        The graph as it is opened, and what messages and the run folder call it.
    reading
        How it is read.
    holdout, held_out
        Whether edges are held out, and how.
    seed
        Seed of the split.
    out, overwrite
        The run folder, and whether one that is there may be replaced.
    checkpoints
        What is written down while the fit runs; None for nothing.
    resumed
        Whether it goes on with a fit that was stopped. The command that says so is not one that
        makes the fit, so the run folder does not name it.

    Examples
    --------
    >>> import vgae
    >>> job = asked_fit(
    ...     vgae.GAE(), "karate", Path("runs/karate"), Reading(), holdout=True, held_out={},
    ...     seed=0, overwrite=False, every="5m",
    ... )
    >>> job.checkpoints.path.name, job.checkpoints.every
    ('karate.checkpoint', 300.0)
    >>> job.split(vgae.load_dataset("karate")).train.n_edges
    68
    >>> job.forget_overwritten()
    """

    estimator: LinkModel | LinkBaseline
    graph: str
    name: str
    reading: Reading
    holdout: bool
    held_out: dict[str, Any]
    seed: int
    out: Path
    overwrite: bool
    checkpoints: Checkpoints | None
    resumed: bool = False

    def split(self, graph: Graph) -> Split:
        """The split of the graph that the fit is for."""
        from vgae.data.split import Split, split_edges

        if not self.holdout:
            return Split.without_holdout(graph)
        return split_edges(graph, seed=self.seed, **self.held_out)

    def forget_overwritten(self) -> None:
        """Remove the checkpoint of a fit that this one overwrites.

        Otherwise the next `--resume` would go on with it if this fit dies before its first
        checkpoint.
        """
        from vgae.learning.checkpoints import Checkpoints

        if not self.resumed:
            Checkpoints(checkpoint_of(self.out)).discard()


def checkpoint_of(run: Path) -> Path:
    """The file next to a run folder that holds the checkpoint of its fit.

    Examples
    --------
    >>> checkpoint_of(Path("runs/mine")).name
    'mine.checkpoint'
    """
    named = run if run.name else run.resolve()
    return named.with_name(f"{named.name}.checkpoint")


def asked_fit(
    estimator: LinkModel | LinkBaseline,
    graph: str,
    out: Path,
    reading: Reading,
    *,
    holdout: bool,
    held_out: dict[str, Any],
    seed: int,
    overwrite: bool,
    every: str | None,
) -> FitJob:
    """The fit that the options ask for.

    Parameters are those of `FitJob`, and the time between two checkpoints, None for none.

    Raises
    ------
    InputError
        Another fit was stopped and its checkpoint is there, the time is none, or the method is not
        trained in steps.

    Examples
    --------
    See `FitJob`.

    >>> import vgae
    >>> given = {"holdout": True, "held_out": {}, "seed": 0, "overwrite": False, "every": "1h"}
    >>> asked_fit(vgae.LinkBaseline("katz"), "karate", Path("run"), Reading(), **given)
    Traceback (most recent call last):
    vgae.InputError: --checkpoint-every: katz is not trained in steps; leave it out
    """
    path = checkpoint_of(out)
    if not overwrite and os.path.lexists(path):
        raise InputError(
            f"{path}: a fit was stopped and waits there; go on with --resume {out}, or add "
            "--overwrite to begin again"
        )
    checkpoints = None
    if every is not None:
        from vgae.learning.checkpoints import Checkpoints
        from vgae.people.api import LinkBaseline

        if isinstance(estimator, LinkBaseline):
            raise InputError(
                f"--checkpoint-every: {estimator.name} is not trained in steps; leave it out"
            )
        command = _Command(
            graph=_located(graph),
            name=input_name(graph),
            reading={
                name: _located(str(value)) if name in ("features", "types") else value
                for name, value in given(reading).items()
            },
            holdout=holdout,
            held_out=held_out,
            seed=seed,
            overwrite=overwrite,
        )
        values = command.model_dump()
        checkpoints = Checkpoints(path, _seconds(every), command=values, overwrite=True)
    return FitJob(
        estimator=estimator,
        graph=graph,
        name=input_name(graph),
        reading=reading,
        holdout=holdout,
        held_out=held_out,
        seed=seed,
        out=out,
        overwrite=overwrite,
        checkpoints=checkpoints,
    )


def _seconds(every: str) -> float:
    from vgae.learning.checkpoints import seconds_of

    try:
        return seconds_of(every)
    except InputError as error:
        raise InputError(f"--checkpoint-every: {error}") from None


def _located(name: str) -> str:
    """The whole path of a file; other names, such as those of data sets, as they are."""
    from vgae.data.datasets import DATASETS

    is_file = name not in (*DATASETS, STANDARD_INPUT) and Path(name).exists()
    return str(Path(name).resolve()) if is_file else name


def resumed_fit(run: Path, graph: str | None, every: str | None) -> FitJob:
    """The fit that was stopped before it had made this run folder.

    Parameters
    ----------
    run
        The folder, or the checkpoint next to it.
    graph
        The graph, where it is another file by now, or was standard input.
    every
        Time between two checkpoints; None for that of the fit.

    Raises
    ------
    InputError
        There is nothing to resume, the checkpoint cannot be used, or the graph must be given.

    Examples
    --------
    >>> resumed_fit(Path("runs/none"), None, None)
    Traceback (most recent call last):
    vgae.InputError: runs/none: there is nothing to resume: there is no runs/none.checkpoint
    """
    from vgae.learning.checkpoints import Checkpoints
    from vgae.learning.store import RUN_FILE, was_interrupted
    from vgae.people.api import make_model

    path = checkpoint_of(run)
    if run.is_file() and run.suffix == path.suffix:  # the checkpoint itself
        run, path = run.with_suffix(""), run
    if not os.path.lexists(path):
        is_run = os.path.lexists(run / RUN_FILE)
        finished = "the fit has finished" if is_run else f"there is no {path}"
        raise InputError(f"{run}: there is nothing to resume: {finished}")
    checkpoints = Checkpoints.resumed(path, None if every is None else _seconds(every))
    command = _Command.parse(checkpoints.command, where=f"{path}: command")
    is_there = os.path.lexists(run)
    if is_there and not command.overwrite and not was_interrupted(run):
        raise InputError(
            f"{run}: the fit has finished; there is nothing to resume, and {path} can be removed"
        )
    reading = command.reading_options()
    inputs = (command.graph, str(reading.features))
    if graph is None and STANDARD_INPUT in inputs:
        what = "graph" if command.graph == STANDARD_INPUT else "table of features"
        raise InputError(
            f"{run}: its {what} was standard input; name the graph and give it again, as in: "
            f"vgae fit {STANDARD_INPUT} --resume {run} < edges.csv"
        )
    settings = checkpoints.settings
    return FitJob(
        estimator=make_model(settings.model, **settings.parameters()),
        graph=command.graph if graph is None else graph,
        name=command.name if graph is None else input_name(graph),
        reading=reading,
        holdout=command.holdout,
        held_out=command.held_out,
        seed=command.seed,
        out=run,
        overwrite=is_there,
        checkpoints=checkpoints,
        resumed=True,
    )


def check_resumed(context: typer.Context) -> None:
    """Refuse options that a fit has from its checkpoint.

    Raises
    ------
    InputError
        One was given.

    Examples
    --------
    >>> import typer
    >>> app = typer.Typer(add_completion=False)
    >>> @app.command()
    ... def fit(context: typer.Context, resume: str = "", steps: int = 200) -> None:
    ...     check_resumed(context)
    >>> app(["--resume", "run", "--steps", "5"], standalone_mode=False)
    Traceback (most recent call last):
    vgae.InputError: --steps: makes no sense with --resume, ...
    """
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        is_given = source is not None and source.name == "COMMANDLINE"
        if is_given and parameter.name not in WITH_RESUME:
            raise InputError(
                f"{parameter.opts[0]}: makes no sense with --resume, which goes on with the fit as "
                "it was begun"
            )
