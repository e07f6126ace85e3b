"""Checkpoints: what a running fit writes down, so that a later process goes on to the bit.

A fit is a list of trainings: the members of an ensemble, then those of each fold of the combiner. A
checkpoint holds the weights of the finished trainings and the whole state of the one in progress.
All else follows from the settings, the graph and these, and is computed again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from numbers import Real
from pathlib import Path
from typing import Any, Self, final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from vgae.data.split import Split
from vgae.ground.config import Settings, strict_json
from vgae.ground.errors import InputError, newer_format, shown
from vgae.ground.files import check_file, file_errors, staged_file
from vgae.learning.settings import FitSettings
from vgae.learning.train import Best, StepRecord, TrainState
from vgae.model.network import Parts

__all__ = ["EVERY", "Checkpoints", "seconds_of"]

logger = logging.getLogger(__name__)

FORMAT_VERSION = 1
EVERY = 300.0
"""Seconds between two checkpoints where nothing else is asked for."""
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
PACKAGES = ("vgae", "numba", "numpy", "torch")
"""Packages whose versions may change the last bits of a result."""
DAMAGE = (ValueError, KeyError, TypeError, RuntimeError, MemoryError, SafetensorError)
"""What reading a damaged file, or taking its contents over, raises."""

Arrays = dict[str, NDArray[Any]]


def seconds_of(duration: float | str) -> float:
    """Seconds of a duration: a number of them, or text with a unit.

    Raises
    ------
    InputError
        It is no duration.

    Examples
    --------
    >>> seconds_of("30s"), seconds_of("5m"), seconds_of("1.5h"), seconds_of(90)
    (30.0, 300.0, 5400.0, 90.0)
    >>> seconds_of("soon")
    Traceback (most recent call last):
    vgae.InputError: 'soon' is no duration: write 30s, 5m or 1h
    """
    seconds = math.nan
    if isinstance(duration, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh]?)\s*", duration)
        seconds = math.nan if found is None else float(found[1]) * UNITS[found[2] or "s"]
    elif isinstance(duration, Real) and not isinstance(duration, bool):
        with suppress(OverflowError):
            seconds = float(duration)
    if not 0 <= seconds < math.inf:
        raise InputError(f"{shown(duration)} is no duration: write 30s, 5m or 1h")
    return seconds


class _Record(Settings):
    """What a checkpoint says of its fit: how it was begun, and where it is."""

    format_version: int = Field(ge=1)
    versions: dict[str, str]
    settings: dict[str, Any]
    parts: dict[str, str]
    graph: str
    training: str
    every: float = Field(ge=0.0)
    command: dict[str, Any]
    title: str
    step: int | None
    steps: int
    n_finished: int = Field(ge=0)
    best_step: int
    best_score: float | None

    @property
    def place(self) -> str:
        """Where the fit is, in words."""
        if self.step is None:
            return f"after {self.title or 'the last step'}"
        return f"at step {self.step} of {self.steps}" + (self.title and f", {self.title}")


@dataclass(frozen=True)
class _Kept:
    """The contents of a checkpoint."""

    record: _Record
    arrays: Arrays

    def part(self, name: str) -> Arrays:
        """The arrays whose names begin with this one and a dot, by the rest of their names."""
        return {
            rest: array
            for full, array in self.arrays.items()
            for start, _, rest in [full.partition(".")]
            if start == name
        }


@final
class Checkpoints:
    """The checkpoints of one fit, in a file that is replaced as a whole.

    Parameters
    ----------
    path
        The file; None if no checkpoints are kept.
    every
        Seconds between two checkpoints. They are written between two steps.
    command
        How the fit was begun, in values that JSON holds, for whoever goes on with it.
    overwrite
        Whether a checkpoint of another fit may be replaced.

    Attributes
    ----------
    path, every, command
        As given; those of the file, for a fit that goes on.
    place
        Where the fit is in the latest checkpoint, in words; empty before there is one.

    Examples
    --------
    >>> import tempfile
    >>> from vgae.data.graph import Graph
    >>> from vgae.learning.train import train
    >>> from vgae.model.network import GraphAutoEncoder
    >>> path = Path(tempfile.mkdtemp()) / "fit.checkpoint"
    >>> split = Split.without_holdout(Graph.from_edges([(0, 1), (1, 2)]))
    >>> settings = FitSettings.of("gae", steps=5)
    >>> def trained(checkpoints, stop_at=None):
    ...     checkpoints.begin(split, settings, None)
    ...     network = GraphAutoEncoder(settings.network, n_inputs=3, seed=0)
    ...     state = TrainState(network, settings.training, seed=0, device=torch.device("cpu"))
    ...     if not checkpoints.take_up(state, title=""):
    ...         for record in train(network, split.train, settings.training, seed=0, state=state):
    ...             checkpoints.offer(state)  # which writes when it is time
    ...             if record.step == stop_at:
    ...                 checkpoints.stop(state)
    ...                 break
    ...         checkpoints.finish(state)
    ...     return state.n_steps
    >>> trained(Checkpoints(path), stop_at=3)
    3
    >>> checkpoints = Checkpoints.resumed(path)
    >>> checkpoints.place, checkpoints.settings == settings
    ('at step 3 of 5', True)
    >>> trained(checkpoints)
    5
    >>> checkpoints.discard()
    >>> path.exists()
    False
    >>> checkpoints.follow()  # another process writes
    >>> network = GraphAutoEncoder(settings.network, n_inputs=3, seed=1)
    >>> state = TrainState(network, settings.training, seed=0, device=torch.device("cpu"))
    >>> Checkpoints.of_finished(state).take_up(state, title="")
    True
    """

    def __init__(
        self,
        path: Path | None,
        every: float = EVERY,
        *,
        command: Mapping[str, Any] | None = None,
        overwrite: bool = False,
    ) -> None:
        self.path, self.every, self.place = path, every, ""
        self.command: dict[str, Any] = dict(command or {})
        self._overwrite = overwrite
        self._kept: _Kept | None = None
        self._about: dict[str, Any] = {}
        self._finished: list[Arrays] = []
        self._first_history: list[StepRecord] = []
        self._n_begun, self._title, self._steps = 0, "", 0
        self._closed, self._written_at = path is None, 0.0

    @classmethod
    def resumed(cls, path: Path, every: float | None = None) -> Self:
        """The checkpoints of a fit that was stopped.

        Parameters
        ----------
        path
            The file.
        every
            Seconds between two checkpoints; by default what the fit was begun with.

        Raises
        ------
        InputError
            The file is missing, is no checkpoint, is damaged or has another format.
        """
        kept = _read(path)
        record = kept.record
        found = cls(path, record.every if every is None else every, command=record.command)
        found._kept, found.place, found._overwrite = kept, record.place, True
        found._finished = [kept.part(f"finished{n}") for n in range(record.n_finished)]
        found._first_history = _history(kept.arrays.get("first_history"))
        return found

    @classmethod
    def of_finished(cls, state: TrainState) -> Self:
        """What gives a fit its only training, finished elsewhere; nothing is written.

        Parameters
        ----------
        state
            The training, with its last weights.
        """
        found = cls(None)
        found._finished = [_copied(state)]
        found._first_history = list(state.history)
        return found

    def follow(self) -> None:
        """Take up what the file holds, and leave writing to another process."""
        self._closed = True

    @property
    def settings(self) -> FitSettings:
        """The settings of the fit that goes on.

        Raises
        ------
        InputError
            The fit does not go on from a file, or this version does not know its settings.
        """
        if self._kept is None:
            raise InputError("these checkpoints are not those of a fit that was stopped")
        return FitSettings.parse(self._kept.record.settings, where=f"{self.path}: settings")

    def begin(self, split: Split, settings: FitSettings, parts: Parts | None) -> None:
        """Begin a fit, or go on with the one that the file is of.

        Raises
        ------
        InputError
            The file is of another fit, or cannot be written; or there is one already.
        """
        if self.path is None:
            return
        self._about = {
            "settings": json.loads(settings.model_dump_json()),
            "parts": {} if parts is None else parts.names(),
            "graph": split.graph.fingerprint,
            "training": split.training.fingerprint,
        }
        if self._kept is not None:
            self._check_same(self._kept.record, settings)
            logger.info("resumed %s", self._kept.record.place)
        elif not self._overwrite and self.path.exists():
            raise InputError(
                f"{self.path}: exists, of a fit that was stopped; go on with resume=, or remove it"
            )
        if not self._closed:
            check_file(self.path)
        self._written_at = time.monotonic()

    def _check_same(self, record: _Record, settings: FitSettings) -> None:
        """Refuse a fit other than that of the file."""
        where, theirs = f"{self.path}: is a checkpoint", self.settings
        if record.graph != self._about["graph"]:
            raise InputError(
                f"{where} of another graph (fingerprint differs); bring back the graph as it was, "
                "or fit again"
            )
        if record.training != self._about["training"]:
            raise InputError(f"{where} of another split of this graph; give the one of that fit")
        if theirs != settings:
            mine, kept = settings.parameters(), theirs.parameters()
            names = [name for name in mine if mine[name] != kept[name]] or ["model"]
            raise InputError(f"{where} of other settings ({', '.join(names)}); give the same")
        if record.parts != self._about["parts"]:
            raise InputError(f"{where} of a fit with other parts of your own; give the same")
        changed = [
            f"{name} {then}, now {now}"
            for name, then in record.versions.items()
            if (now := version(name)) != then
        ]
        if changed:
            logger.warning(
                "the fit was begun with %s: its last bits may differ", "; ".join(changed)
            )

    def take_up(self, state: TrainState, title: str) -> bool:
        """Bring a training to where the file has it; the trainings of a fit come in their order.

        Parameters
        ----------
        state
            A new state, which is set to that of the file where the file has one.
        title
            Which of the trainings this is, in words; empty for an only one.

        Returns
        -------
        Whether the training is finished.

        Raises
        ------
        InputError
            What the file holds does not fit the network.
        """
        number = self._n_begun
        self._n_begun, self._title, self._steps = number + 1, title, state.settings.steps
        is_finished = number < len(self._finished)
        if not is_finished and (self._kept is None or number > len(self._finished)):
            return False
        try:
            if is_finished:
                state.network.load_arrays(self._finished[number])
                state.history = list(self._first_history) if number == 0 else []
            elif self._kept is not None and self._kept.record.step is not None:
                _restore(state, self._kept)
        except DAMAGE as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise _damaged(self.path, f": {reason}") from None
        if not is_finished:
            self._kept = None  # its memory
        return is_finished

    def offer(self, state: TrainState) -> None:
        """Write a checkpoint of a training between two steps, if it is time."""
        if not self._closed and time.monotonic() - self._written_at >= self.every:
            self._write(state)

    def finish(self, state: TrainState) -> None:
        """Keep the weights of a training that is finished."""
        if self._closed:
            return
        if not self._finished:
            self._first_history = list(state.history)
        self._finished.append(_copied(state))
        if time.monotonic() - self._written_at >= self.every:
            self._write(None)

    def stop(self, state: TrainState | None = None) -> None:
        """Write the last checkpoint of a fit that ends here, if it is not written yet.

        Parameters
        ----------
        state
            The training in progress; None between two of them.
        """
        if not self._closed:
            self._write(state, goes_on=False)
        self._closed = True

    def discard(self) -> None:
        """Remove the file, once what it was kept for is safe."""
        if self.path is not None:
            try:
                self.path.unlink(missing_ok=True)
            except OSError:
                logger.warning("%s: could not be removed, and is of no more use", self.path)

    def _write(self, state: TrainState | None, *, goes_on: bool = True) -> None:
        """Replace the file; where that fails, training is worth more, and the old file stays."""
        if self.path is None or not self._about:
            return
        arrays = {
            f"finished{number}.{name}": array
            for number, one in enumerate(self._finished)
            for name, array in one.items()
        }
        arrays["first_history"] = _history_bytes(self._first_history)
        best = Best() if state is None else state.best
        if state is not None:
            arrays |= _arrays(state)
        record = _Record.parse(
            {
                "format_version": FORMAT_VERSION,
                "versions": {name: version(name) for name in PACKAGES},
                **self._about,
                "every": self.every,
                "command": self.command,
                "title": self._title,
                "step": None if state is None else state.n_steps,
                "steps": self._steps,
                "n_finished": len(self._finished),
                "best_step": best.step,
                "best_score": None if best.weights is None else best.score,
            },
            where="checkpoint",
        )
        text = record.model_dump_json()
        content = save(arrays, {"record": text, "checksum": _checksum(text, arrays)})
        try:
            with staged_file(self.path) as staged, file_errors(self.path):
                staged.write_bytes(content)
            self.place = record.place
        except InputError as error:
            but = " and training goes on" * goes_on
            before = "; the checkpoint before it is intact" * self.path.exists()
            logger.warning("%s: no checkpoint was written%s%s", error, but, before)
        self._written_at = time.monotonic()


# ------------------------------------------------------------------ states as arrays


def _copied(state: TrainState) -> Arrays:
    return {name: array.copy() for name, array in state.network.arrays().items()}


def _arrays(state: TrainState) -> Arrays:
    """All tensors of a training, and its history, by name."""
    values = state.values()
    first, second, n_steps = values["optimizer"]
    best: Mapping[str, torch.Tensor] = state.best.weights or {}
    tensors = {
        **{f"weights.{name}": tensor for name, tensor in values["weights"].items()},
        **{f"first.{place}": tensor for place, tensor in enumerate(first)},
        **{f"second.{place}": tensor for place, tensor in enumerate(second)},
        **{f"n_steps.{place}": tensor for place, tensor in enumerate(n_steps)},
        **{f"best.{name}": tensor for name, tensor in best.items()},
        "noise": values["noise"],
    }
    arrays = {
        name: np.asarray(tensor.detach().cpu().numpy(), order="C")
        for name, tensor in tensors.items()
    }
    return arrays | {"history": _history_bytes(state.history)}


def _restore(state: TrainState, kept: _Kept) -> None:
    """Set a new state to the one that `_arrays` wrote down."""

    def tensors(name: str) -> dict[str, torch.Tensor]:
        return {rest: torch.from_numpy(array) for rest, array in kept.part(name).items()}

    def moments(name: str, like: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        found = tensors(name)
        moved = [found[str(place)].to(one.device) for place, one in enumerate(like)]
        if [one.shape for one in moved] != [one.shape for one in like]:
            raise ValueError("its moments do not fit the settings")
        return moved

    record, optimizer = kept.record, state.optimizer
    history = _history(kept.arrays["history"])
    if len(history) != record.step:
        raise ValueError("its history has another number of steps")
    best = Best(metric=state.settings.stop_metric)
    if record.best_score is not None:
        best.step, best.score, best.weights = record.best_step, record.best_score, tensors("best")
    own = [optimizer.first, optimizer.second, optimizer.n_steps]
    state.restore(
        {
            "weights": tensors("weights"),
            "optimizer": [
                moments(name, like)
                for name, like in zip(("first", "second", "n_steps"), own, strict=True)
            ],
            "noise": torch.from_numpy(kept.arrays["noise"]),
            "best": best,
            "history": history,
        }
    )


def _history_bytes(history: Sequence[StepRecord]) -> NDArray[np.uint8]:
    """Records as the bytes of JSON lines."""
    lines = [json.dumps({**vars(record), "terms": dict(record.terms)}) for record in history]
    return np.frombuffer("\n".join(lines).encode(), np.uint8)


def _history(content: NDArray[Any] | None) -> list[StepRecord]:
    """What `_history_bytes` wrote."""
    lines = b"" if content is None else content.tobytes()
    return [StepRecord(**strict_json(line)) for line in lines.splitlines()]


# ----------------------------------------------------------------------- the file


def _read(path: Path) -> _Kept:
    """The contents of a file, after checking its format and its checksum."""
    with file_errors(path), path.open("rb"):
        pass
    try:
        with safe_open(path, framework="np") as file:
            about = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        text = about["record"]
        values = dict(strict_json(text))
        found = values["format_version"]
        newer = found > FORMAT_VERSION
    except DAMAGE:
        raise _damaged(path, ", or is no checkpoint") from None
    if newer:
        raise newer_format(path, found, FORMAT_VERSION)
    if about.get("checksum") != _checksum(text, arrays):
        raise _damaged(path, " (checksum differs)")
    return _Kept(_Record.parse(values, where=f"{path}: is damaged"), arrays)


def _damaged(path: Path | None, how: str) -> InputError:
    return InputError(f"{path}: is damaged{how}; remove it and fit again")


def _checksum(text: str, arrays: Arrays) -> str:
    """SHA-256 of the record and of all arrays with their names and forms."""
    digest = hashlib.sha256(text.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
