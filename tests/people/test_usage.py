"""Help, examples and advice of every command."""

from __future__ import annotations

import ast
import functools
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
from command import Caller, refused
from places import SOURCE

from vgae.people.cli import app
from vgae.people.usage import OPTION, applicable, example, in_typed_words

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
OF_COMMANDS = ("people/cli.py", "people/commands/", "people/options.py", "people/usage.py")


def options_of(command: str) -> set[str]:
    parameters = COMMANDS[command].params
    return {name for one in parameters for name in (*one.opts, *one.secondary_opts)}


def examples_of(command: str) -> list[list[str]]:
    lines = (COMMANDS[command].epilog or "").splitlines()
    return [shlex.split(line)[1:] for line in lines if line.strip().startswith("vgae ")]


@functools.cache
def messages() -> list[tuple[str, str]]:
    """Texts of the program that name an option, with the file that holds each."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        parts = {
            id(part)
            for node in ast.walk(tree)
            if isinstance(node, ast.JoinedStr)
            for part in node.values
        }
        told = {
            id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
        }  # docstrings
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                text = "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "X"
                    for part in node.values
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = "" if id(node) in parts | told else node.value
            else:
                continue
            if OPTION.search(text):
                found.append((path.relative_to(SOURCE).as_posix(), text))
    return found


# ------------------------------------------------------------------------ help


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_and_breaks_no_word(
    call: Caller, monkeypatch: pytest.MonkeyPatch, command: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    text = call(command, "--help").out
    assert max(map(len, text.splitlines())) <= width
    words = set(text.split())
    for parameter in COMMANDS[command].params:
        wanted = [*parameter.opts, *parameter.help.split()]
        if parameter.param_type_name == "argument":
            wanted = parameter.help.split()
        assert set(wanted) <= words, parameter.name


@pytest.mark.parametrize("command", COMMANDS)
def test_options_stand_in_named_groups(call: Caller, command: str) -> None:
    groups = re.findall(r"^(\w[\w -]*):$", call(command, "--help").out, re.MULTILINE)
    assert groups[-2:] == ["Output", "Help"]
    assert len(groups) == len(set(groups))
    for parameter in COMMANDS[command].params:
        if parameter.param_type_name == "option":
            assert parameter.rich_help_panel, parameter.name


def test_the_longest_help_has_its_groups_in_order(call: Caller) -> None:
    text = call("fit", "-h").out
    groups = [
        *("Arguments", "Node features", "Reading the file"),
        *("Model", "Model inputs", "Model details", "Training", "Training details"),
        *("Held-out edges", "Output", "Help"),
    ]
    places = [text.index(f"\n{name}:\n") for name in groups]
    assert places == sorted(places)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_example_can_be_parsed(call: Caller, command: str) -> None:
    assert examples_of(command)
    for name, *arguments in examples_of(command):
        assert name == command
        COMMANDS[command].make_context(name, arguments)
        assert shlex.join(["vgae", name, *arguments]) in call(command, "--help").out


def test_the_examples_run_one_after_the_other(call: Caller, folder: Path) -> None:
    (folder / "pairs.csv").write_text("0,9\n")
    (folder / "runs").mkdir()
    for command in ("datasets", "inspect", "fit", "recommend", "predict", "embed", "evaluate"):
        for arguments in examples_of(command):
            assert call(*arguments).status == 0, arguments
    assert (folder / "embedding.csv").is_file()


def test_an_example_keeps_its_lines() -> None:
    assert example("vgae a", "vgae b").endswith("Example:\n  vgae a\n  vgae b")


# ---------------------------------------------------------------------- advice


def test_messages_with_options_are_found() -> None:
    found = messages()
    assert len(found) >= 25
    assert any("--max-bytes" in text for _, text in found)


@pytest.mark.parametrize("command", COMMANDS)
def test_advice_names_options_that_the_command_has(command: str) -> None:
    own = options_of(command)
    for file, text in messages():
        if text.startswith("--") or file.startswith(OF_COMMANDS):
            continue  # about an option that was given
        told = applicable(text, own)
        clauses = re.split(r"; |: | \(", told)
        for option in OPTION.findall(told):
            clause = next(part for part in clauses if option in part)
            assert option in own or re.search(r"\bfit\b", clause), (command, file, told)


def test_advice_names_options_that_exist() -> None:
    every = set().union(*map(options_of, COMMANDS)) | {"--nproc-per-node"}  # torchrun's
    for file, text in messages():
        assert set(OPTION.findall(text)) <= every | {"--help", "--version"}, (file, text)


@pytest.fixture
def run(call: Caller, folder: Path) -> Path:
    assert call("fit", "karate", "--out", "run", "--steps", 1, "--quiet").status == 0
    return folder / "run"


def test_a_command_gives_its_own_advice_alone(call: Caller, folder: Path, run: Path) -> None:
    assert run.is_dir()
    (folder / "small.csv").write_text("a,b\nb,c\nc,d\nd,a\n")
    (folder / "words.csv").write_text("ann\nbob\n")
    fitted = refused(call, folder, "fit", "small.csv", "--out", "new")
    assert fitted.endswith("(--validation, --test), or none with --no-holdout")
    evaluated = refused(call, folder, "evaluate", "small.csv")
    assert evaluated.endswith("hold out a larger share (--validation, --test)")
    line = refused(call, folder, "fit", "words.csv", "--out", "new")
    assert line.endswith("give the delimiter with --delimiter (delimiter=)")
    line = refused(call, folder, "predict", run, "words.csv")
    assert line.endswith("separate them by a comma or a tab")
    assert "vgae fit --no-holdout" in call("inspect", "small.csv").out
    (folder / "pairs.csv").write_text("note,a,b\n1,2,3\n2,3,4\n")
    assert "--source" not in call("predict", run, "pairs.csv").err


def test_applicable_keeps_what_is_no_advice() -> None:
    line = "a--b.csv, line 3: 2 columns where the first row has 3; mend or remove this line"
    assert applicable(line, set()) == line
    assert applicable("x: is damaged (say --quote none)", set()) == "x: is damaged"
    line = "x: is empty; --drop-incomplete (drop_incomplete=True) drops such rows; or fill it"
    assert applicable(line, set()) == "x: is empty; or fill it"
    assert applicable(line, {"--drop-incomplete"}) == line
    assert applicable("x; fill it, or fit with --missing mean", set()).endswith("--missing mean")


def test_a_message_names_the_option_as_it_was_typed() -> None:
    typed = {"test": ("--test", 2.0), "patience": ("--patience", 3), "runs": ("--runs", None)}
    assert in_typed_words("split: test: too large", typed) == "--test 2: too large"
    assert in_typed_words("runs = 0: too small", typed) == "runs = 0: too small"
    assert in_typed_words("settings: training: patience 3 is low", typed) == "--patience 3 is low"
    assert in_typed_words("edges.csv: is empty", typed) == "edges.csv: is empty"
