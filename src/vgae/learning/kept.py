"""Finished runs on disk: an interrupted evaluation or reproduction goes on from them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from vgae.ground.config import Settings, strict_json
from vgae.ground.errors import InputError, newer_format
from vgae.ground.files import file_errors, staged_file
from vgae.learning.judge import may_be_undefined
from vgae.learning.settings import WEIGHT_METRICS
from vgae.learning.tasks import TASK_METRICS

__all__ = ["KeptRuns", "RunMetrics", "file_name"]

FORMAT_VERSION = 1

RunMetrics = Mapping[str, float | None]
"""Metrics of one run by name; None where undefined."""


class KeptRuns:
    """The finished runs of one method, in a file that is written again after each run.

    The file holds how the runs were made, and no run that was made in another way is ever taken
    from it. A process that is killed leaves the file as it was before or after a run.

    Parameters
    ----------
    path
        The file; its folder must exist when runs are written.
    about
        All that the runs depend on, in values that JSON holds.
    advice
        What to do where the file cannot be used, for the error.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "katz.json"
    >>> kept = KeptRuns(path, {"seed": 0}, advice="remove it")
    >>> kept.write([{"auc": 0.9}])
    >>> kept.read(["auc"]), kept.count(["auc"])
    ([{'auc': 0.9}], 1)
    >>> KeptRuns(path, {"seed": 1}, advice="remove it").read(["auc"])
    Traceback (most recent call last):
    vgae.InputError: katz.json: holds runs made in another way (seed differs); remove it
    """

    def __init__(self, path: Path, about: Mapping[str, Any], *, advice: str) -> None:
        self.path, self._advice = path, advice
        self._about: dict[str, Any] = json.loads(json.dumps(about))  # tuples become lists

    def read(self, metrics: Sequence[str]) -> list[RunMetrics]:
        """The runs that are there, in order; none without a file.

        Parameters
        ----------
        metrics
            The metrics that each run must have.

        Raises
        ------
        InputError
            The file cannot be read, is damaged or of a newer format, or its runs were made in
            another way.
        """
        with file_errors(self.path):
            if not self.path.exists():
                return []
            text = self.path.read_bytes()
        damaged = InputError(f"{self.path}: is damaged; {self._advice}")
        try:
            content = strict_json(text)
            newer = content["format_version"] > FORMAT_VERSION
        except (ValueError, KeyError, TypeError):
            raise damaged from None
        if newer:
            raise newer_format(self.path, content["format_version"], FORMAT_VERSION)
        try:
            kept = _Content.parse(content)
        except InputError:
            raise damaged from None
        if not all(_is_whole(run, metrics) for run in kept.runs):
            raise damaged
        for key in {**self._about, **kept.about}:
            if kept.about.get(key) != self._about.get(key):
                raise InputError(
                    f"{self.path}: holds runs made in another way ({key} differs); {self._advice}"
                )
        return list(kept.runs)

    def count(self, metrics: Sequence[str]) -> int:
        """How many runs `read` gives; 0 where it would refuse the file."""
        try:
            return len(self.read(metrics))
        except InputError:
            return 0

    def write(self, runs: Sequence[RunMetrics]) -> None:
        """Replace the file by one with these runs.

        Raises
        ------
        InputError
            It cannot be written.
        """
        content = {"format_version": FORMAT_VERSION, "about": self._about, "runs": runs}
        with staged_file(self.path) as staged, file_errors(self.path):
            staged.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def file_name(label: str, about: Mapping[str, Any]) -> str:
    """A file name that differs wherever `about` does, and tells people whose runs it holds.

    Examples
    --------
    >>> file_name("deep walk", {"seed": 0})
    'deep-walk-de7d7744ccd7722e.json'
    """
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    slug = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:40]
    return f"{slug or 'method'}-{digest[:16]}.json"


class _Content(Settings):
    """What a file holds."""

    format_version: int = Field(ge=1)
    about: dict[str, Any]
    runs: list[dict[str, Annotated[float, Field(allow_inf_nan=False)] | None]]


def _is_whole(run: RunMetrics, metrics: Sequence[str]) -> bool:
    """Whether a run has these metrics, and of those of links only what may be is undefined.

    Scores are fractions; the adjusted Rand index can be negative, and metrics of weights are any
    numbers.
    """
    of_tasks = {name for names in TASK_METRICS.values() for name in names}

    def fits(name: str, value: float | None) -> bool:
        if value is None:
            return name in of_tasks or may_be_undefined(name)
        if name in WEIGHT_METRICS:
            return True
        return (-1.0 if name in of_tasks else 0.0) <= value <= 1.0

    return set(run) == set(metrics) and all(fits(name, value) for name, value in run.items())
