"""Pages with code cells: every cell runs, without a network, and with included data alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
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


@pytest.fixture(scope="module")
def kernel() -> Iterator[Any]:
    """One process for all pages, since it loads for seconds; its files are those of any reader."""
    manager = pytest.importorskip("jupyter_client.manager", reason="running cells needs nbclient")
    # A page that asks a server for anything fails at once.
    nowhere = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    known = {name: value for name, value in os.environ.items() if name != "VGAE_DATA"}
    started = manager.KernelManager()
    started.start_kernel(env=known | nowhere)
    yield started
    started.shutdown_kernel(now=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_cell_runs(page: Path, tmp_path: Path, kernel: Any) -> None:
    client = pytest.importorskip("nbclient", reason="running cells needs nbclient")
    made = pytest.importorskip("nbformat.v4", reason="running cells needs nbclient")
    cells = notebook(page)
    # No page knows what another one made.
    afresh = f"%reset -f\nimport os\nos.chdir({str(tmp_path)!r})"
    cells.cells.insert(0, made.new_code_cell(afresh))
    running = client.NotebookClient(cells, km=kernel, timeout=TIMEOUT)
    try:
        running.execute()
    finally:
        running.kc.stop_channels()
        running.kc.context.destroy(linger=0)
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
