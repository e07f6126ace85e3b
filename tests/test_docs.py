"""What the pages say of the tree is true, and nothing public is missing from them."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
from command import Caller

import vgae

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted(DOCS.rglob("*.md"))]


def named_tests(page: Path) -> list[tuple[str, str]]:
    return re.findall(r"`(?:tests/)?([\w/]+\.py)::(\w+)`", page.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    for file, name in named_tests(page):
        assert f"def {name}(" in (ROOT / "tests" / file).read_text(), (file, name)


def test_every_mistake_has_its_test() -> None:
    page = ROOT / "docs" / "evaluation.md"
    table = page.read_text().split("## Mistakes that cannot be made here")[1]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 12
    assert all("`tests/" in row for row in rows)


def test_the_architecture_names_every_room() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for path in (ROOT / "src" / "vgae").iterdir():
        if path.name.startswith(("_", "published")) or path.suffix == ".typed":
            continue
        assert re.search(rf"^\|.*\b{path.stem}\b.*\|$", text, re.MULTILINE), path.stem


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
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
        options = set(re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", helped, re.MULTILINE))
        assert len(options) >= 2
        assert options <= {word.strip(",") for entry, _ in entries for word in entry.split()}, name
        assert all(text.strip() for _, text in entries), name
        for default in re.findall(r"\[(default:\s[^\]]*)\]", helped):
            assert " ".join(default.split()) in section, name


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
