"""What the pages say of the tree is true."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md"))]


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
    assert len(rows) == 12
    assert all("`tests/" in row for row in rows)


def test_the_architecture_names_every_room() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for path in (ROOT / "src" / "vgae").iterdir():
        if path.name.startswith(("_", "published")) or path.suffix == ".typed":
            continue
        assert re.search(rf"^\|.*\b{path.stem}\b.*\|$", text, re.MULTILINE), path.stem
