"""What people see of a training that they wait for, in Python."""

import os
import pty
import subprocess
import sys
from typing import Any

import pytest
from rich.progress import Progress
from sklearn.pipeline import Pipeline

from vgae.data.graph import Graph
from vgae.learning.train import StepRecord
from vgae.people import progress
from vgae.people.api import GAE, VGAE
from vgae.people.pipeline import NodeVectors
from vgae.people.progress import training_display

PROGRAM = "import vgae; vgae.GAE(steps=20).fit([('a', 'b'), ('b', 'c')], verbose=True)"


def test_fit_is_silent_unless_it_is_told(karate: Graph, capsys: pytest.CaptureFixture[str]) -> None:
    VGAE(steps=20).fit(karate)
    assert capsys.readouterr() == ("", "")
    VGAE(steps=0).fit(karate, verbose=True)
    assert capsys.readouterr() == ("", "")


def test_progress_is_some_lines_where_there_is_no_terminal(
    karate: Graph, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[StepRecord] = []
    model = VGAE(steps=20).fit(karate, verbose=True, callbacks=seen.append)
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 10
    assert lines[-1].startswith(f"step 20/20 | loss {model.history_[-1]['loss']:.4f} = ")
    assert len(seen) == 20
    assert model.get_params() == VGAE(steps=20).get_params()  # nothing of the display is kept


def test_the_time_left_of_a_fit_that_goes_on_is_that_of_its_own_steps(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with training_display(100) as show:
        for number in range(41, 51):
            show(StepRecord(number, 0.7, {"reconstruction": 0.7}, seconds=3.0))
    assert "3.000 s per step | 150 s left" in capsys.readouterr().err


def test_a_pipeline_passes_on_what_fit_takes(
    karate: Graph, capsys: pytest.CaptureFixture[str]
) -> None:
    vectors = NodeVectors(karate, model=GAE(steps=10))
    pipe = Pipeline([("vectors", vectors)])
    pipe.fit([0, 1], vectors__verbose=True)
    assert "step 10/10" in capsys.readouterr().err

    def press(record: StepRecord) -> None:
        if record.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vectors.fit([0, 1], callbacks=press)
    assert len(vectors.model_.history_) == 2


def test_progress_is_a_live_line_in_a_terminal() -> None:
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    subprocess.run([sys.executable, "-c", PROGRAM], stderr=theirs, check=True, env=environment)
    shown = os.read(ours, 100_000).decode()
    os.close(theirs)
    os.close(ours)
    assert "step 20/20" in shown.splitlines()[-1] or "step 20/20" in shown.splitlines()[-2]
    assert "\x1b[2K" in shown  # drawn over
    assert "\x1b[1A" not in shown.rpartition("step 20/20")[2]  # and left there at the end


@pytest.mark.parametrize("widgets", [True, False])
def test_a_notebook_has_a_live_line_where_it_has_widgets(
    widgets: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(name: str) -> Any:
        assert name == "ipywidgets"
        return object() if widgets else None

    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr(progress, "find_spec", find)
    said: list[str] = []
    monkeypatch.setattr(progress, "say", lambda text: said.append(text.plain))
    made: list[Any] = []

    class Display(Progress):
        def __init__(self, *columns: Any, **options: Any) -> None:
            made.append(options)
            super().__init__(*columns, **options, disable=True)

    monkeypatch.setattr(progress, "Progress", Display)
    with training_display(1, keep=True) as show:
        show(StepRecord(1, 0.7, {"reconstruction": 0.6, "kl": 0.1}, seconds=0.5))
    assert (len(made), len(said)) == ((1, 0) if widgets else (0, 1))
