"""Examples of the documentation as a reader sees them: commands, and what a terminal shows.

A block of ```console holds lines that begin with `$ `, each followed by what it prints. Such a line
with `cat FILE` shows a file that later commands use. A line `...` stands for lines left out.
"""

from __future__ import annotations

import io
import math
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from vgae.people.cli import main

BLOCK = re.compile(r"(?<=```console\n).*?(?=```)", re.DOTALL)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
DURATION = re.compile(r"(?:\d+(?:\.\d+)? (?:h|min|s)\b ?)+")
LEFT_OUT = "..."


class Screen(io.StringIO):
    """A terminal that results and messages share."""

    def __init__(self, text: list[str]) -> None:
        super().__init__()
        self.text = text

    def isatty(self) -> bool:
        return True

    def write(self, piece: str) -> int:
        self.text.append(piece)
        return len(piece)


@dataclass(frozen=True)
class Call:
    """A line that begins with `$ ` and what the page shows below it."""

    line: str
    shown: list[str]


def calls(block: str) -> list[Call]:
    found: list[Call] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(Call(line[2:], []))
        else:
            found[-1].shown.append(line)
    return found


def printed(call: Call, patch: pytest.MonkeyPatch) -> list[str]:
    """What the command prints in the current folder, results and messages as they come."""
    words = shlex.split(call.line, comments=True)
    if words[0] == "cat":
        if not Path(words[1]).exists():
            Path(words[1]).write_text("\n".join(call.shown) + "\n")
        return Path(words[1]).read_text().splitlines()
    assert words[0] == "vgae", call.line
    text: list[str] = []
    with patch.context() as here:
        here.setattr(sys, "argv", words)
        here.setattr(sys, "stdout", Screen(text))
        here.setattr(sys, "stderr", Screen(text))
        here.setenv("TERM", "dumb")  # no colours, and no lines that come and go
        here.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit):
            main()
            raise SystemExit(0)
    lines = [line.rstrip() for line in "".join(text).splitlines()]
    return [line for line in lines if line]  # a progress bar that ends leaves an empty one


def abbreviated(lines: list[str], shown: list[str]) -> list[str]:
    """The lines without those in the middle that the page leaves out.

    They go on at the first line that begins with the same word as the page's next line, or, if
    there is none, with as many lines as the page has.
    """
    if LEFT_OUT not in shown:
        return lines
    start = shown.index(LEFT_OUT)
    after = shown[start + 1 :]
    word = after[0].split(maxsplit=1)[0]
    same = [number for number in range(start, len(lines)) if lines[number].split()[0] == word]
    end = same[0] if same else len(lines) - len(after)
    return [*lines[:start], LEFT_OUT, *lines[end:]]


def alike(shown: list[str], got: list[str]) -> bool:
    """Whether two texts have the same words, and numbers that differ no more than by rounding.

    Another machine may round otherwise, and takes another time.
    """

    def parts(lines: list[str]) -> tuple[list[str], list[float]]:
        text = DURATION.sub("TIME ", "\n".join(lines))
        return NUMBER.sub("0", text).split(), [float(number) for number in NUMBER.findall(text)]

    (words, numbers), (other_words, other_numbers) = parts(shown), parts(got)
    return words == other_words and all(
        math.isclose(a, b, rel_tol=0.05, abs_tol=0.02)
        for a, b in zip(numbers, other_numbers, strict=True)
    )


def replay(page: str, patch: pytest.MonkeyPatch) -> tuple[str, list[str]]:
    """The page with what its commands print now, and where that differs from what it shows."""
    differences: list[str] = []

    def again(block: re.Match[str]) -> str:
        lines: list[str] = []
        for call in calls(block[0]):
            got = abbreviated(printed(call, patch), call.shown)
            if not alike(call.shown, got):
                differences.append("\n".join([f"$ {call.line}", *got]))
            lines += [f"$ {call.line}", *got]
        return "".join(f"{line}\n" for line in lines)

    return BLOCK.sub(again, page), differences
