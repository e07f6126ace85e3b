"""Results on standard output: as JSON, and as tables for a terminal of some width or a pipe."""

from __future__ import annotations

import io
import json

import pytest

from vgae.people.printing import print_json, print_table


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


class Narrow:
    """Prints tables on a terminal of some width."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.patch = patch

    def __call__(
        self, width: int, columns: list[str], rows: list[list[str]], **options: object
    ) -> str:
        screen = Screen()
        with self.patch.context() as patch:
            patch.setattr("sys.stdout", screen)
            patch.setenv("NO_COLOR", "1")
            patch.setenv("TERM", "xterm")
            patch.setenv("COLUMNS", str(width))
            print_table(columns, rows, **options)  # type: ignore[arg-type]
        shown = screen.getvalue()
        assert "\x1b[3" not in shown  # no colour
        plain = shown.replace("\x1b[1m", "").replace("\x1b[0m", "")
        assert max(len(line.rstrip()) for line in plain.splitlines()) <= width
        return plain


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Narrow:
    return Narrow(monkeypatch)


# ---------------------------------------------------------------------- tables

METRICS = ["AUC", "AP", "Hits@10", "Hits@50", "Hits@100", "MRR", "full AP"]
SCORES = [["vgae", *["91.7 ± 0.4"] * 7], ["  95 % interval", *["90.9 to 92.5"] * 7]]


def test_a_pipe_gets_tabs_and_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["source", "target"], [["[bold]a[/bold]", "b" * 200]])
    assert capsys.readouterr().out == f"source\ttarget\n[bold]a[/bold]\t{'b' * 200}\n"


def test_a_pipe_gets_every_column_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    print_table(["model", *METRICS], SCORES, piped_only=["MRR"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "\t".join(["model", *METRICS])
    assert lines[2] == "\t".join(SCORES[1])
    assert len(lines) == 3


def test_a_terminal_gets_a_table_with_nothing_cut(narrow: Narrow) -> None:
    shown = narrow(80, ["id"], [["[red]x[/red]" + "y" * 100]])
    assert "[red]x[/red]" in shown
    assert shown.count("y") == 100


@pytest.mark.parametrize("width", [60, 80])
def test_a_wide_table_comes_in_parts_with_cells_kept_whole(narrow: Narrow, width: int) -> None:
    shown = narrow(width, ["model [T, 85 / 5 / 10]", *METRICS], SCORES)
    assert shown.count("91.7 ± 0.4") == shown.count("90.9 to 92.5") == 7
    parts = shown.split("\n\n")
    assert len(parts) == {60: 4, 80: 2}[width]
    assert all(part.startswith("model [T, 85 / 5 / 10]  ") for part in parts)
    heads = [line for line in shown.splitlines() if line.startswith("model")]
    found = [name for head in heads for name in head[22:].split("  ") if name.strip()]
    assert [name.strip() for name in found] == METRICS
    lines = [line for line in shown.splitlines() if "interval" in line]
    assert all(line.startswith("  95 % interval") for line in lines)


def test_what_fits_stays_one_table(narrow: Narrow) -> None:
    shown = narrow(120, ["model", *METRICS], SCORES)
    assert len(shown.splitlines()) == 3


@pytest.mark.parametrize("width", [60, 80])
def test_long_texts_break_between_words(narrow: Narrow, width: int) -> None:
    text = "citations between machine-learning papers, words as features, and so on and on"
    shown = narrow(width, ["name", "nodes", "about"], [["cora", "2708", text]])
    assert set(text.split()) <= set(shown.split())
    assert "cora  2708   citations" in shown


def test_labels_of_several_columns_are_repeated(narrow: Narrow) -> None:
    columns = ["data [T, 85 / 5 / 10]", "method", "AUC", "paper", "difference", "AP"]
    row = ["citeseer", "VGAE*", "91.40 ± 0.10", "91.4", "+0.00 (below)", "92.60 ± 0.10"]
    shown = narrow(60, columns, [row], labels=2)
    assert shown.count("citeseer") == shown.count("VGAE*") == len(shown.split("\n\n")) == 2
    assert all(cell in shown for cell in row)


def test_a_column_for_pipes_alone_is_not_on_a_terminal(narrow: Narrow) -> None:
    shown = narrow(60, ["name", "licence"], [["karate", "BSD"]], piped_only=["licence"])
    assert "BSD" not in shown
    assert "licence" not in shown


def test_one_word_longer_than_the_terminal_is_not_cut(narrow: Narrow) -> None:
    columns = ["source", "target", "probability"]
    shown = narrow(60, columns, [["x" * 150, "y" * 90, "0.123456"]], labels=2)
    assert shown.count("x") == 150
    assert shown.replace("probability", "").count("y") == 90
    assert "0.123456" in shown


def test_letters_that_are_two_columns_wide_are_counted_so(narrow: Narrow) -> None:
    shown = narrow(60, ["a", "b"], [["世界" * 3, "x" * 40]])
    assert "世界" * 3 in shown
    assert "x" * 40 in shown


# ------------------------------------------------------------------------ JSON


def test_json_is_an_object_or_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [1]})
    assert json.loads(capsys.readouterr().out) == {"a": [1]}
    print_json([{"a": 1}, {"a": 2}], lines=True)
    assert capsys.readouterr().out == '{"a": 1}\n{"a": 2}\n'


def test_json_has_letters_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"node": "Zoë 世界 ± \U0001f600"}
    print_json([value], lines=True)
    out = capsys.readouterr().out
    assert out == '{"node": "Zoë 世界 ± \U0001f600"}\n'


def test_json_escapes_what_steers_a_terminal_or_breaks_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    value = {"node": "a\u2028b\x9b31m\x7f\u202e\U000e0041\n"}
    for lines in (True, False):
        print_json([value] if lines else value, lines=lines)
        out = capsys.readouterr().out
        assert out.isascii()
        assert out.replace("\n", "").isprintable()
        assert json.loads(out) == value


def test_json_for_an_encoding_without_such_letters_is_escaped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="latin-1", errors="backslashreplace")
    monkeypatch.setattr("sys.stdout", stream)
    print_json({"node": "Zoë 世"})
    stream.flush()
    assert json.loads(raw.getvalue()) == {"node": "Zoë 世"}
