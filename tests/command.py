"""The command line called in this process, so that torch is imported once."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from vgae.people.cli import main


class Result:
    """What a call printed and its exit status."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err


class Caller:
    """Calls the command in this process, so that torch is imported once."""

    def __init__(self, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.patch, self.capsys = patch, capsys

    def __call__(self, *arguments: object, stdin: bytes = b"") -> Result:
        self.patch.setattr(sys, "argv", ["vgae", *map(str, arguments)])
        self.patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main()
            raise SystemExit(0)
        captured = self.capsys.readouterr()
        status = caught.value.code
        assert isinstance(status, int) or status is None
        return Result(status or 0, captured.out, captured.err)


def listing(folder: Path) -> list[str]:
    return sorted(str(item.relative_to(folder)) for item in folder.rglob("*"))


def refused(call: Caller, folder: Path, *arguments: object) -> str:
    """The one line of a refusal that wrote nothing."""
    before = listing(folder)
    result = call(*arguments)
    lines = result.err.splitlines()
    assert result.status == 2, result.err
    assert result.out == ""
    assert lines[-1].startswith("Error: ")
    assert "Traceback" not in result.err
    assert sum(line.startswith("Error") for line in lines) == 1
    assert listing(folder) == before
    return lines[-1]
