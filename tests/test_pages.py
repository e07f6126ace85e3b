"""The pages: their shell examples run, their links lead somewhere, and nothing public is missing.

`VGAE_WRITE_DOCS=1 pytest tests/test_pages.py` writes into ```console blocks what their commands
print.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer.main
from command import Caller
from places import ROOT
from transcripts import BLOCK, alike, replay

import vgae
from vgae.people.cli import app

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
TABLE = "source\ttarget\tprobability\n"
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
Answer = subprocess.CompletedProcess[str]


def label(page: Path) -> str:
    return str(page.relative_to(ROOT))


# ------------------------------------------------------------ shell scripts


def the_first_minute(answer: Answer, folder: Path) -> None:
    tables = answer.stdout.split(TABLE)[1:]
    assert [len(table.splitlines()) for table in tables] == [5, 3, 4]
    assert tables[2].startswith("ann\tdan\t0.")
    assert "\nreport\tsize\nruns/mine/report.html\t" in tables[2]
    assert (folder / "embedding.csv").read_text().count("\n") == 7
    assert "merged 1 reversed row" in answer.stderr


def a_messy_file_becomes_recommended_links(answer: Answer, folder: Path) -> None:
    inspected, fitted, recommended = answer.stdout.split(TABLE)
    rows = "7 edges + 1 self loop (dropped) + 1 duplicate (merged) + 1 reversed row (merged)"
    assert f"rows\t10 = {rows}" in inspected
    assert len(fitted.splitlines()) == 5
    partners = [line.split("\t") for line in recommended.splitlines()]
    assert [row[0] for row in partners] == ["Gil"] * 3
    assert "Ann" not in {row[1] for row in partners}
    assert 'title="recommended"' in (folder / "friends.gexf").read_text()
    for said in (
        "semicolon-separated, 3 columns, with a header; edges run from column 'Person'",
        "left out 1 comment line",
        "trimmed blanks around 1 id in column 'Knows'",
        "dropped 1 self loop, merged 1 duplicate row, merged 1 reversed row",
        "column 'age': 1 of 6 cells missing, taken as the mean, 39",
    ):
        assert said in answer.stderr


RESULTS: dict[tuple[str, int], Callable[[Answer, Path], None]] = {
    ("README.md", 0): the_first_minute,
    ("docs/formats.md", 0): a_messy_file_becomes_recommended_links,
}
# The first that people run, at each change; the others are as many processes again.
SCRIPTS = [
    pytest.param(
        script,
        RESULTS.get((label(page), number)),
        id=f"{label(page)}-{number}",
        marks=() if page.name == "README.md" else pytest.mark.slow,
    )
    for page in PAGES
    for number, script in enumerate(SHELL.findall(page.read_text()))
]


@pytest.mark.parametrize(("script", "check"), SCRIPTS)
def test_a_script_runs_as_written(
    script: str, check: Callable[[Answer, Path], None] | None, tmp_path: Path
) -> None:
    answer = subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    if check is not None:
        check(answer, tmp_path)


def test_scripts_with_a_known_result_are_there() -> None:
    found = {f"{page}-{number}" for page, number in RESULTS}
    assert found <= {script.id for script in SCRIPTS}


# -------------------------------------------------------------- transcripts


def replayed(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again, differences = replay(page.read_text(), monkeypatch)
    if os.environ.get("VGAE_WRITE_DOCS"):
        page.write_text(again)
    else:
        assert not differences, "\n\n".join(differences)


REPRODUCE = DOCS / "commands" / "reproduce.md"
TRANSCRIPTS = [page for page in PAGES if BLOCK.search(page.read_text()) and page != REPRODUCE]


@pytest.mark.parametrize("page", TRANSCRIPTS, ids=label)
def test_commands_print_what_the_page_shows(
    page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VGAE_DATA", raising=False)  # as on a reader's machine
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    replayed(page, monkeypatch)


def test_words_and_figures_count_but_times_and_rounding_do_not() -> None:
    line = ["katz 82.4 ± 3.0, about 1 min 3 s for 200 steps"]
    assert alike(line, ["katz 82.4 ± 3.01, about 0 s for 200 steps"])
    for other in (
        "katz 82.4 ± 3.0, about 3 s for 300 steps",
        "katz 72.4 ± 3.0, about 3 s for 200 steps",
    ):
        assert not alike(line, [other])
    assert not alike(line, [line[0].replace("katz", "gae")])


@pytest.mark.slow
def test_the_papers_experiment_prints_what_the_page_shows(
    data_folder: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert data_folder
    assert folder
    replayed(REPRODUCE, monkeypatch)


# -------------------------------------------------- command lines and links


FENCED = re.compile(r"^( *)```[^\n]*\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`(vgae [a-z][^`]*)`")


def command_lines(text: str) -> list[str]:
    """What a page shows of the command, in blocks and within lines."""
    blocks = "\n".join(block for _, block in FENCED.findall(text)).replace("\\\n", " ")
    typed = re.findall(r"^ *(?:\$ )?(vgae [a-z].*)", blocks, re.MULTILINE)
    inline = [" ".join(found.split()) for found in INLINE.findall(FENCED.sub("", text))]
    return [*typed, *(line for line in inline if " --" in line)]


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_the_program_takes_every_command_line(page: Path) -> None:
    program: Any = typer.main.get_command(app)
    for line in command_lines(page.read_text()):
        alone = re.split(r"\s(?:[|>;]|>>|&&)\s", line)[0]
        name, *words = shlex.split(alone, comments=True)[1:]
        words = ["1" if re.fullmatch("[A-Z]", word) else word for word in words]  # as in --seed S
        program.commands[name].make_context(name, words)  # parses, and runs nothing


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_every_link_leads_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


# ---------------------------------------------------------------- reference


@pytest.fixture(scope="module")
def reference() -> Any:
    """The extension that writes docs/command-line.md."""
    path = DOCS / "_ext" / "command_reference.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands(call: Caller) -> list[str]:
    listed = call("--help").out.partition("Commands:")[2]
    return re.findall(r"^  ([a-z-]+)  ", listed, re.MULTILINE)


def test_the_reference_has_every_option_of_every_command(call: Caller, reference: Any) -> None:
    text = reference.reference()
    sections = {part.split("\n")[0]: part for part in re.split(r"^## ", text, flags=re.MULTILINE)}
    names = commands(call)
    assert len(names) >= 8
    assert set(sections) == {"", "vgae", *(f"vgae {name}" for name in names)}
    for name in names:
        section, helped = sections[f"vgae {name}"], call(name, "--help").out
        entries = re.findall(r"^````\{option\} (.*)\n(.*)", section, re.MULTILINE)
        options = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", helped, re.MULTILINE))
        assert len(options) >= 2
        assert options <= {word.strip(",") for entry, _ in entries for word in entry.split()}, name
        assert all(text.strip() for _, text in entries), name
        for default in re.findall(r"\[(default:\s[^\]]*)\]", helped):
            assert " ".join(default.split()).replace("_", r"\_") in section, name


def test_every_command_has_a_page(call: Caller) -> None:
    index = (DOCS / "index.md").read_text()
    for name in commands(call):
        page = (DOCS / "commands" / f"{name}.md").read_text()
        assert page.startswith(f"# vgae {name}\n")
        assert f"(../command-line.md#vgae-{name})" in page
        assert f"\ncommands/{name}\n" in index


def test_the_reference_has_every_public_name() -> None:
    pages = "".join(page.read_text() for page in (DOCS / "api").glob("*.md"))
    listed = set(re.findall(r"^\.\. auto\w+:: vgae\.(\w+)$", pages, re.MULTILINE))
    assert set(vgae.__all__) <= listed
