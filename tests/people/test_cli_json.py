"""The shapes of JSON that docs/json.md promises, command by command."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from command import Caller
from places import DOCS

from vgae.learning.reproduction import Experiment
from vgae.people.cli import app

PAGE = DOCS / "json.md"
BLOCK = re.compile(r"## (\w+)\n\n```\n(vgae [^\n]*)\n```\n\n```json\n(.*?)```", re.DOTALL)
LINES = ("predict", "recommend", "embed")


def promised() -> dict[str, tuple[list[str], Any]]:
    """Arguments and example of each command on the page."""
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    return {name: (call.split()[1:], json.loads(text)) for name, call, text in blocks}


def shape(value: Any) -> Any:
    """Keys on every level; of a list, those of its first item."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return "number" if isinstance(value, (int, float)) else type(value).__name__


@pytest.mark.parametrize("command", [name for name in promised() if name != "reproduce"])
def test_every_command_prints_the_shape_that_the_page_shows(
    call: Caller, folder: Path, command: str
) -> None:
    arguments, example = promised()[command]
    (folder / "pairs.csv").write_text("0,9\n1,2\n")
    if "run" in arguments and command != "fit":
        assert call(*promised()["fit"][0], "--quiet").status == 0
    if "other" in arguments:
        assert call("fit", "karate", "--steps", 5, "--out", "other", "--quiet").status == 0
    result = call(*arguments, "--quiet" if command != "datasets" else "--json")
    assert result.status == 0, result.err
    if command in LINES:
        rows = [json.loads(line) for line in result.out.splitlines()]
        assert len(rows) >= 2
        assert {str(shape(row)) for row in rows} == {str(shape(example))}
    else:
        assert shape(json.loads(result.out)) == shape(example)


def test_a_reproduced_table_has_the_shape_that_the_page_shows(
    call: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = {
        "row": "KATZ",
        "method": "katz",
        "settings": {},
        "needs_features": False,
        "published": {"auc": 50.0, "average_precision": 50.0},
        "seconds": 1.0,
    }
    experiment = Experiment.parse(
        {
            "dataset": "karate",
            "column": 1,
            "source": "nobody, nowhere",
            "split": {"validation": 0.1, "test": 0.2, "protocol": "T"},
            "cells": [cell],
        }
    )
    monkeypatch.setattr("vgae.learning.reproduction.experiments", lambda _: [experiment])
    arguments, example = promised()["reproduce"]
    result = call(*arguments, "--out", folder / "kept", "--quiet")
    assert shape(json.loads(result.out)) == shape(example)


def test_the_page_has_every_command_that_takes_json() -> None:
    from typer.main import get_command

    commands = get_command(app).commands  # type: ignore[attr-defined]
    takes = {
        name
        for name, command in commands.items()
        if any("--json" in parameter.opts for parameter in command.params)
    }
    assert takes == set(promised())


def test_json_is_readable_in_any_alphabet(call: Caller, folder: Path) -> None:
    names = ["Zoë", "Łukasz", "世界", "a\u202eb"]
    rows = [f"{a},{b}" for a in names for b in ("x", "y", "z") if a != b]
    (folder / "edges.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    options = ("--steps", 1, "--no-holdout", "--quiet", "--out", "run")
    assert call("fit", "edges.csv", *options).status == 0
    out = call("embed", "run", "--json").out
    assert '"Zoë"' in out
    assert '"世界"' in out
    assert r'"a\u202eb"' in out  # it would turn the direction of the text around
    assert {json.loads(line)["node"] for line in out.splitlines()} >= set(names)
    assert call("recommend", "run", "--top", 3, "--out", "links.jsonl").status == 0
    assert "\\u" not in (folder / "links.jsonl").read_text(encoding="utf-8").replace("\\u202e", "")
