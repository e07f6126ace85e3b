import io
import logging
import re

import pytest

from vgae.learning.train import StepRecord
from vgae.people import report
from vgae.people.report import Reporter, percent, print_metrics

MADE = {"protocol": "T", "proportions": {"train": 0.85, "validation": 0.05, "test": 0.1}}
SCORES = {"auc": 0.9, "average_precision": 0.8, "hits@10": None, "mrr": 0.1}


def test_percentages() -> None:
    assert percent(0.91234) == "91.2"
    assert percent(0.91234, 0.0051) == "91.2 ± 0.5"
    assert percent(None, None) == "-"


def test_metrics_of_held_out_parts_only(capsys: pytest.CaptureFixture[str]) -> None:
    print_metrics({**MADE, "validation": None, "test": SCORES})
    assert capsys.readouterr().out == (
        "held out [T, 85 / 5 / 10]\tAUC\tAP\tHits@10\tMRR\ntest\t90.0\t80.0\t-\t10.0\n"
    )
    print_metrics({**MADE, "validation": None, "test": None})
    assert capsys.readouterr().out == ""


def test_progress_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter(quiet=False).training(20) as on_step:
        for step in range(1, 21):
            scores = SCORES if step == 10 else None
            on_step(
                StepRecord(
                    step, 0.7, {"reconstruction": 0.6, "kl": 0.1}, seconds=0.5, validation=scores
                )
            )
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 10
    assert lines[-1] == (
        "step 20/20 | loss 0.7000 = reconstruction 0.6000 + KL 0.1000 | "
        "validation AUC 90.0 AP 80.0 | 0.500 s per step | 0 s left"
    )
    assert "5 s left" in lines[4]


def test_progress_on_a_terminal_is_one_live_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with Reporter(quiet=False).training(2) as on_step:
        on_step(StepRecord(1, 0.7, {"reconstruction": 0.6, "kl": 0.1}, seconds=0.5))
        on_step(StepRecord(2, 0.5, {"reconstruction": 0.4, "kl": 0.1}, seconds=0.5))
    assert "step 2/2" in screen.getvalue()


@pytest.mark.parametrize(
    ("width", "kept", "dropped"),
    [
        (200, ("KL 0.1000", "s per step", "validation AUC 90.0 AP 80.0"), ()),
        (80, ("loss 0.7000", "validation AUC 90.0 AP 80.0"), ("KL",)),
        (60, ("loss 0.7000",), ("KL", "s per step")),
        (40, ("loss 0.7000",), ("KL", "validation")),
        (24, ("step 199/200",), ("loss",)),
    ],
)
def test_the_live_line_keeps_the_time_left_and_drops_the_rest_first(
    monkeypatch: pytest.MonkeyPatch, width: int, kept: tuple[str, ...], dropped: tuple[str, ...]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    with Reporter(quiet=False).training(200) as on_step:
        for step in range(1, 200):
            on_step(
                StepRecord(
                    step, 0.7, {"reconstruction": 0.6, "kl": 0.1}, seconds=0.5, validation=SCORES
                )
            )
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "\n", screen.getvalue())
    lines = [line for line in plain.splitlines() if "step 199/200" in line]
    assert len(lines[-1]) <= width
    assert re.search(r" (\d+:\d\d:\d\d|-:--:--)$", lines[-1])
    for words in kept:
        assert words in lines[-1]
    for words in dropped:
        assert words not in lines[-1]


def test_remarks_break_between_words_on_a_terminal_but_commands_stay_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    words = "mean and standard error, in percent; 3 runs (seed and split change together)"
    Reporter(quiet=False).say(words)
    assert capsys.readouterr().err == words + "\n"
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    reporter = Reporter(quiet=False)
    reporter.say(words)
    lines = screen.getvalue().splitlines()
    assert len(lines) == 2
    assert " ".join(line.strip() for line in lines) == words
    reporter.suggest("vgae", "recommend", "a folder/" + "x" * 60, "--top", 10)
    assert screen.getvalue().splitlines()[2] == (
        f"next: vgae recommend 'a folder/{'x' * 60}' --top 10"
    )


def test_quiet_says_errors_only(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = Reporter(quiet=True)
    reporter.say("a remark")
    logging.getLogger("vgae.data.io").warning("a warning")
    with reporter.training(5) as on_step:
        assert on_step is None
    with reporter.counting("run", 2) as tick:
        tick("x")
    report.print_error("broken")
    assert capsys.readouterr().err == "Error: broken\n"


def test_the_librarys_log_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Reporter(quiet=False)
    logging.getLogger("vgae.data.io").warning("merged [2] rows")
    assert capsys.readouterr().err == "merged [2] rows\n"


def test_counting_says_how_much_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter(quiet=False).counting("run", 2) as tick:
        tick("first")
        tick("second")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("run 1/2: first | ")
    assert lines[1] == "run 2/2: second | 0 s left"
