"""Ids that would steer a terminal: people see them spelt out, files and JSON keep them."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command import Caller

from vgae.data.datasets import DATASETS
from vgae.people.cli import main
from vgae.people.report import Reporter, print_error, print_reproduction, print_traceback

VGAE = str(Path(sys.executable).with_name("vgae"))
NASTY = ["\x1b[31mred", "\x1b]0;title\x07", "a\u202eb", "z\u200bero\ufeff", "c\x9b31m"]
RAW = ["\x1b[31m", "\x1b]0;", "\x07", "\u202e", "\u200b", "\ufeff", "\x9b"]
SPELT = [r"\x1b[31mred", r"\x1b]0;title\x07", r"a\u202eb", r"z\u200bero\ufeff", r"c\x9b31m"]


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


class Terminal:
    """Calls the command in this process, on what it takes for a terminal."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.patch = patch

    def __call__(self, *arguments: object, width: int = 200) -> tuple[str, str]:
        out, err = Screen(), Screen()
        with self.patch.context() as patch:
            patch.setattr(sys, "argv", ["vgae", *map(str, arguments)])
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            patch.setenv("TERM", "xterm-256color")
            patch.setenv("COLUMNS", str(width))
            with pytest.raises(SystemExit):
                main()
                raise SystemExit(0)
        for raw in RAW:
            assert raw not in out.getvalue(), arguments
            assert raw not in err.getvalue(), arguments
        return out.getvalue(), err.getvalue()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(monkeypatch)


@pytest.fixture
def run(folder: Path, call: Caller) -> Path:
    """A model of a graph whose ids, columns and categories are all nasty."""
    ids = [*NASTY, *(f"n{i}" for i in range(15))]
    rows = [(a, ids[(i + step) % 20]) for i, a in enumerate(ids) for step in (1, 3)]
    write = {"lineterminator": "\n"}
    with (folder / "edges.csv").open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, **write).writerows([("source", "target"), *rows])  # type: ignore[arg-type]
    with (folder / "nodes.csv").open("w", encoding="utf-8", newline="") as handle:
        lines = [(name, number, NASTY[number % 2]) for number, name in enumerate(ids)]
        csv.writer(handle, **write).writerows([("id", "\x1b[31mage", "colour"), *lines])  # type: ignore[arg-type]
    options = ("--features", "nodes.csv", "--steps", 3, "--validation", 0.1, "--test", 0.1)
    assert call("fit", "edges.csv", "--out", "run", *options, "--quiet").status == 0
    return Path("run")


def test_every_command_spells_ids_out(terminal: Terminal, run: Path, folder: Path) -> None:
    pairs = "".join(f"{name},n3\n" for name in NASTY)
    (folder / "pairs.csv").write_text(pairs, encoding="utf-8")
    _, err = terminal("inspect", "edges.csv", "--features", "nodes.csv")
    assert err.count(r"\x1b[31m") >= 2  # the first edge, a column
    tables = [
        terminal("embed", run),
        terminal("recommend", run, "--top", 150),
        terminal("predict", run, "pairs.csv"),
        terminal("fit", "edges.csv", "--out", "again", "--steps", 2, "--top", 150, "--no-holdout"),
    ]
    for out, _ in tables:
        for spelt in SPELT:
            assert spelt in out
    for name, spelt in zip(NASTY, SPELT, strict=True):
        out, err = terminal("recommend", run, "--node", name)
        assert spelt in out
        _, err = terminal("recommend", run, "--node", f"no{name}")
        assert f"no{spelt}" in err
        _, err = terminal("fit", f"{name}.csv", "--out", "x")
        assert spelt in err
        _, err = terminal(name)
        assert spelt in err
    (folder / "bad.csv").write_text(f"{NASTY[0]},n0\nn0,{NASTY[0]},n1\n", encoding="utf-8")
    terminal("fit", "bad.csv", "--out", "x")
    (folder / "bad.csv").write_text(f"{NASTY[0]},n0\nn0,stranger\n", encoding="utf-8")
    terminal("predict", run, "bad.csv")
    terminal("evaluate", "edges.csv", "--runs", 1, "--steps", 1, "--models", "gae")


def test_tracebacks_spell_ids_out(
    terminal: Terminal, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VGAE_TRACEBACK", "1")
    _, err = terminal("recommend", run, "--node", f"no{NASTY[0]}")
    assert "Traceback" in err
    last = err.splitlines()[-1]
    assert last.endswith(rf"node 'no{SPELT[0]}' is not in the graph: did you mean '{SPELT[0]}'?")
    _, err = terminal("inspect", "nix.csv")
    assert "FileNotFoundError" in err  # what led to it is shown here, and nowhere else


def test_files_json_and_pipes_keep_ids(call: Caller, run: Path) -> None:
    rows = [json.loads(line) for line in call("embed", run, "--json").out.splitlines()]
    assert [row["node"] for row in rows if row["node"] in NASTY] == sorted(NASTY)
    assert call("embed", run, "--out", "v.csv").status == 0
    with Path("v.csv").open(encoding="utf-8", newline="") as handle:
        assert set(NASTY) < {row["node"] for row in csv.DictReader(handle)}
    assert {line.split("\t")[0] for line in call("embed", run).out.split("\n")} > set(NASTY)


def test_a_real_terminal_is_not_steered(run: Path) -> None:
    ours, theirs = pty.openpty()
    # Where rich is told that it is no terminal, it is still one.
    for environment in ({}, {"TTY_COMPATIBLE": "0"}):
        subprocess.run(
            [VGAE, "recommend", str(run), "--node", NASTY[0], "--top", "1"],
            stdout=theirs,
            stderr=theirs,
            check=True,
            env=os.environ | {"TERM": "xterm"} | environment,
        )
        shown = os.read(ours, 10_000).decode()
        assert r"\x1b[31mred" in shown
        assert "\x1b[31mred" not in shown
    os.close(theirs)
    os.close(ours)


def test_remarks_and_progress_are_spelt_out(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    reporter = Reporter(quiet=False)
    reporter.say(f"run folder: {NASTY[0]}")
    with reporter.counting("run", 1) as tick:
        tick(NASTY[1])
    print_error(f"no {NASTY[2]}")
    print_traceback(OSError(NASTY[3]))
    assert r"no a\u202eb" in screen.getvalue()
    assert r"OSError: z\u200bero\ufeff" in screen.getvalue()
    assert "run folder: \\x1b[31mred" in screen.getvalue()
    assert "\\x1b]0;title\\x07" in screen.getvalue()
    assert "\x1b[31m" not in screen.getvalue()


# ---------------------------------------------------------------------- widths


def plain(shown: str, width: int) -> list[str]:
    """Lines as a person sees them; none is longer than the terminal is wide."""
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    return lines


def test_data_sets_fit_80_columns(terminal: Terminal) -> None:
    out, err = terminal("datasets", width=80)
    lines = plain(out, 80)
    assert lines[0].split() == ["name", "nodes", "edges", "features", "cached", "about"]
    about = next(one for one in DATASETS.values() if one.name == "cora").about
    assert set(about.split()) <= set(" ".join(lines).split())
    assert plain(err, 80) == ["licences and citations: vgae datasets --json"]


@pytest.mark.parametrize("width", [60, 80])
def test_tables_break_no_word(terminal: Terminal, width: int) -> None:
    out, err = terminal(
        "evaluate", "karate", "--models", "katz,common-neighbors", "--runs", 3, "--compare",
        width=width,
    )  # fmt: skip
    wide, remarks = terminal(
        "evaluate", "karate", "--models", "katz,common-neighbors", "--runs", 3, "--compare"
    )
    for shown, whole in ((out, wide), (err, remarks)):
        words = {word for line in plain(whole, 200) for word in line.split()}
        timeless = {word for word in words if not word.isdecimal()}
        assert timeless <= {word for line in plain(shown, width) for word in line.split()}
    rows = [line for line in plain(terminal("inspect", "lesmis", width=width)[0], width) if line]
    assert rows[0].split() == ["graph", "figure"]
    assert any(row.startswith("held out  ") for row in rows)


def test_the_longest_table_of_a_reproduction_fits(terminal: Terminal) -> None:
    assert terminal
    screen = Screen()
    row = ["citeseer", "VGAE*", *["91.40 ± 0.10", "91.4", "+0.00 (below)"] * 2]
    with terminal.patch.context() as patch:
        patch.setattr(sys, "stdout", screen)
        patch.setenv("TERM", "xterm")
        patch.setenv("COLUMNS", "60")
        print_reproduction([row], 10, "T", {"train": 0.85, "validation": 0.05, "test": 0.1})
    lines = plain(screen.getvalue(), 60)
    assert " ".join(lines).count("91.40 ± 0.10") == 2
    assert [line.split()[:2] for line in lines if "citeseer" in line] == [["citeseer", "VGAE*"]] * 3
