"""What takes longer than two seconds is said while it goes on, and nothing else is."""

import io
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from command import Caller

from vgae.model.kernels import first_use
from vgae.people import progress
from vgae.people.report import Reporter

SLOW = 0.4


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.05)


def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """A terminal of 40 columns as standard error; no fixture, after which pytest sets it again."""
    shown = Screen()
    monkeypatch.setattr("sys.stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    return shown


def lines(shown: Screen) -> list[str]:
    """What stood on the screen at any time, without control sequences."""
    return re.split(r"[\r\n]+", re.sub(r"\x1b\[[?\d;]*[a-zA-Z]", "", shown.getvalue()))


@pytest.mark.usefixtures("impatient")
def test_slow_work_is_shown_in_a_terminal_and_leaves_no_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = screen(monkeypatch)
    with Reporter(quiet=False).working("reading [red]edges[/red].csv"):
        time.sleep(SLOW)
    assert any("reading [red]edges[/red].csv" in line for line in lines(shown))
    assert shown.getvalue().rstrip("\n").endswith("\x1b[2K")  # the line is erased


@pytest.mark.usefixtures("impatient")
def test_words_may_change_and_are_cut_to_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = screen(monkeypatch)
    with Reporter(quiet=False).working("first") as change:
        time.sleep(SLOW)
        change("a name that is much longer than a line has room for")
        time.sleep(SLOW)
    assert any("first" in line for line in lines(shown))
    assert any("a name that is" in line for line in lines(shown))
    assert max(map(len, lines(shown))) <= 40
    assert "room for" not in shown.getvalue()


@pytest.mark.usefixtures("impatient")
def test_a_pipe_gets_the_words_once(capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter(quiet=False).working("reading edges.csv") as change:
        time.sleep(SLOW)
        change("something else")
    assert capsys.readouterr().err == "reading edges.csv\n"


def test_fast_work_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = screen(monkeypatch)
    with Reporter(quiet=False).working("reading edges.csv"):
        pass
    assert shown.getvalue() == ""


@pytest.mark.usefixtures("impatient")
def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter(quiet=True).working("reading edges.csv") as change:
        change("more")
        time.sleep(SLOW)
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("impatient")
def test_an_error_ends_the_display(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = screen(monkeypatch)

    def fail() -> None:
        with Reporter(quiet=False).working("reading edges.csv"):
            time.sleep(SLOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert "reading" in shown.getvalue()
    length = len(shown.getvalue())
    time.sleep(SLOW)
    assert len(shown.getvalue()) == length


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words of all that would be shown if it took long."""
    said: list[str] = []

    @contextmanager
    def working(self: Reporter, words: str) -> Iterator[Any]:  # noqa: ARG001
        said.append(words)
        yield lambda _: None

    monkeypatch.setattr(Reporter, "working", working)
    return said


def test_every_command_says_what_may_take_long(
    stages: list[str], folder: Path, call: Caller
) -> None:
    (folder / "edges.csv").write_text("a,b\nb,c\nc,a\nc,d\n")

    def of(*arguments: object) -> list[str]:
        stages.clear()
        assert call(*arguments).status == 0
        return list(stages)

    reading, ranking = "reading edges.csv", "ranking all pairs"
    assert of("inspect", "edges.csv") == [reading]
    fit = ("fit", "edges.csv", "--out", "run", "--steps", 1, "--no-holdout", "--top", 1)
    assert of(*fit) == [reading, ranking]
    assert of("recommend", "run") == ["opening run", ranking]
    assert of("predict", "run", "edges.csv") == ["opening run", reading]
    assert of("embed", "run") == ["opening run"]
    evaluated = of("evaluate", "karate", "--models", "common-neighbors", "--runs", 1)
    assert evaluated == ["reading karate", "run 1/1"]


def test_compiling_is_shown_before_the_work(
    stages: list[str], folder: Path, call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a process that has not compiled yet."""
    (folder / "edges.csv").write_text("a,b\nb,c\nc,a\nc,d\n")
    fit = ("fit", "edges.csv", "--out", "run", "--steps", 1, "--no-holdout")
    evaluate = ("evaluate", "karate", "--models", "katz", "--runs", 1)
    monkeypatch.setattr(first_use, "is_compiled", lambda: False)
    monkeypatch.setattr(first_use, "compile_all", lambda: 1)
    for arguments in (fit, ("recommend", "run"), evaluate):
        monkeypatch.setattr(first_use, "_looked", False)
        stages.clear()
        assert call(*arguments).status == 0
        assert stages[1].startswith("compiling loops for this CPU, once after installation")


def test_warm_up_compiles_what_is_left_and_says_where_it_lies(
    call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_use.compile_all()
    places = " and ".join(map(str, first_use.folders()))
    result = call("warm-up")
    assert (result.status, result.out) == (0, "")
    assert result.err == f"nothing to do: all loops are compiled; they are kept in {places}\n"
    assert call("warm-up", "--quiet").err == ""

    def compiling(on_module: Any) -> int:
        on_module(0, 1)
        return 19

    monkeypatch.setattr(first_use, "compile_all", compiling)
    assert re.fullmatch(
        rf"compiled 19 loops in \d+ s; they are kept in {re.escape(places)}\n", call("warm-up").err
    )


def test_warm_up_needs_a_folder(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_use, "folders", list)
    result = call("warm-up")
    assert result.status == 2
    assert result.err == (
        "Error: warm-up: there is no folder to keep compiled loops in; set NUMBA_CACHE_DIR to one "
        "that can be written to\n"
    )
