"""What the pages say about the tree is true."""

import ast
import doctest
import re
import tomllib
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
    assert len(rows) == 15
    assert all("`tests/" in row for row in rows)


BANDS = sorted(path.parent for path in SOURCE.glob("*/__init__.py"))


@pytest.mark.parametrize("band", BANDS, ids=lambda band: band.name)
def test_the_architecture_names_every_room(band: Path) -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    _, _, table = text.partition(f"\n| room of {band.name} | owns |\n")
    table, _, _ = table.partition("\n\n")
    rooms = {path.stem for path in band.iterdir() if not path.name.startswith("_")}
    assert len(rooms) >= 4
    assert {room for room in rooms if not re.search(rf"\b{room}\b", table)} == set()


def test_the_architecture_draws_the_rows_that_imports_keep() -> None:
    drawing = (ROOT / "ARCHITECTURE.md").read_text().partition("## The rooms")[0]
    rows: dict[str, list[set[str]]] = {}
    for line in re.findall(r"^ {4}(?=[A-Z]{2}| {12}\w).*", drawing, re.MULTILINE):
        if band := line[4:16].strip().lower():
            rows[band] = []
        else:
            rows[next(reversed(rows))].append({room.strip("/") for room in line.split()})
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    bands, *contracts = settings["tool"]["importlinter"]["contracts"]
    assert list(rows) == bands["layers"][1:]
    for contract in contracts:
        layers = [set(layer.split(" | ")) for layer in contract["layers"]]
        assert rows[contract["containers"][0].removeprefix("vgae.")] == layers


def test_every_model_says_what_it_assumes_how_it_is_fitted_and_where_it_ends() -> None:
    index = ROOT / "docs" / "models" / "index.md"
    pages = {
        (index.parent / link).resolve()
        for row in index.read_text().splitlines()
        if row.startswith("| ")
        for link in re.findall(r"\]\(([\w./-]+\.md)\)", row)
    }
    assert set(index.parent.glob("*.md")) - {index} <= pages
    for page in pages:
        headings = re.findall(r"^## (.*)", page.read_text(), re.MULTILINE)
        wanted = ["Generative process", "Inference", "Limits"]
        assert [heading for heading in headings if heading in wanted] == wanted, page.name


def test_parts_of_your_own_are_short_and_of_every_kind() -> None:
    page = (ROOT / "docs" / "your-own-parts.md").read_text()
    examples = [example.source for example in doctest.DocTestParser().get_examples(page)]
    nodes = [node for source in examples for node in ast.parse(source).body]
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    kinds = {ast.unparse(base).rpartition(".")[2] for node in classes for base in node.bases}
    assert kinds == {"Module", "Propagation", "Decoder", "Likelihood"}
    for node in classes:
        assert (node.end_lineno or 0) - node.lineno < 30, node.name
    for part in ("encoder", "decoder", "likelihood"):
        assert re.search(rf"vgae\.load\([^)]*, {part}=", "".join(examples)), part


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
