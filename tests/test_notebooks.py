"""Pages with code cells: every cell runs, without a network, and with included data alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from places import DOCS

from vgae.people.plot import DISPLAYS

PAGES = [page for page in sorted(DOCS.rglob("*.md")) if "\n```{code-cell}" in page.read_text()]
TIMEOUT = 600
"""Seconds that a cell may take, which it needs only on a busy machine."""
GALLERY = DOCS / "gallery.md"


def notebook(page: Path) -> Any:
    """The page as the documentation reads it."""
    reading = pytest.importorskip("myst_nb.core.read", reason="pages with cells need myst-nb")
    return reading.read_myst_markdown_notebook(page.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_cell_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = pytest.importorskip("nbclient", reason="running cells needs nbclient")
    monkeypatch.delenv("VGAE_DATA", raising=False)  # as on a reader's machine
    # A page that asks a server for anything fails at once.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    cells = notebook(page)
    resources = {"metadata": {"path": str(tmp_path)}}
    client.NotebookClient(cells, timeout=TIMEOUT, resources=resources).execute()
    assert any(cell.get("outputs") for cell in cells.cells)


def test_the_tutorials_and_the_gallery_are_run() -> None:
    assert GALLERY in PAGES
    assert {page for page in (DOCS / "tutorials").glob("*.md") if page.stem != "index"} <= set(
        PAGES
    )


def test_the_gallery_shows_every_display() -> None:
    text = GALLERY.read_text()
    for display in DISPLAYS.values():
        assert f"vgae.plot.{display.__name__}.of" in text, display.__name__
