"""What the pages say about the tree is true."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from places import ROOT, SOURCE

import vgae

PAGES = [ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md"))]
REFERENCE = "\n".join(page.read_text() for page in sorted((ROOT / "docs" / "api").glob("*.md")))
DOCUMENTED = re.findall(r"^\.\. auto\w+:: (vgae\.[\w.]+)", REFERENCE, re.MULTILINE)
ROOMS = [path.relative_to(SOURCE) for path in sorted(SOURCE.rglob("*.py"))]


def named_tests(page: Path) -> list[tuple[str, str]]:
    return re.findall(r"`(?:tests/)?([\w/]+\.py)::(\w+)`", page.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    for file, name in named_tests(page):
        assert f"def {name}(" in (ROOT / "tests" / file).read_text(), (file, name)


def test_every_mistake_has_its_test() -> None:
    page = ROOT / "docs" / "evaluation.md"
    table = page.read_text().split("## Mistakes that cannot be made here")[1]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 14
    assert all("`tests/" in row for row in rows)


def test_the_architecture_names_every_room() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for path in SOURCE.iterdir():
        if path.name.startswith(("_", "published")) or path.suffix == ".typed":
            continue
        assert re.search(rf"^\|.*\b{path.stem}\b.*\|$", text, re.MULTILINE), path.stem


@pytest.mark.parametrize("room", ROOMS, ids=str)
def test_every_room_has_its_test_file(room: Path) -> None:
    """A room is tested where a newcomer looks for it; a folder's `__init__` only collects names."""
    mirror = ROOT / "tests" / room.parent / f"test_{room.stem}.py"
    if not room.stem.startswith("__"):  # `__main__` calls cli.main, which test_cli.py calls too
        assert re.search(r"^def test_", mirror.read_text(), re.MULTILINE)


def test_the_public_names_stand_in_one_list() -> None:
    assert len(set(vgae.__all__)) == len(vgae.__all__)
    for name in vgae.__all__:
        assert getattr(vgae, name) is not None
        assert re.search(rf"\b{name}\b", REFERENCE), name
    shown = {name.split(".")[1] for name in DOCUMENTED if name.count(".") == 1}
    assert shown <= set(vgae.__all__)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_name_of_the_reference_exists(name: str) -> None:
    found: Any = vgae
    path = "vgae"
    for part in name.split(".")[1:]:
        path += f".{part}"
        found = getattr(found, part) if hasattr(found, part) else import_module(path)


STUMBLING = r"\b(anew|beside|whatever|found out|could not be had|left away|node vectors?)\b"


@pytest.mark.parametrize(
    "file",
    [*PAGES, ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(SOURCE.rglob("*.py"))],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_words_are_those_of_a_native_reader(file: Path) -> None:
    assert re.findall(STUMBLING, file.read_text(), re.IGNORECASE) == []
