"""A graph with untidy rows, and a run of it, for tests of commands."""

from pathlib import Path

import pytest
from command import Caller


@pytest.fixture
def edges(folder: Path) -> Path:
    """Two rings over sixty nodes, with a self loop, a duplicate and a reversed row."""
    rows = [(f"n{i}", f"n{(i + step) % 60}") for i in range(60) for step in (1, 5)]
    rows += [("n0", "n0"), ("n0", "n1"), ("n1", "n0")]
    path = folder / "edges.csv"
    path.write_text("source,target\n" + "".join(f"{a},{b}\n" for a, b in rows))
    return path


@pytest.fixture
def run(call: Caller, edges: Path) -> Path:
    assert call("fit", edges, "--out", "run", "--steps", 8, "--quiet").status == 0
    return Path("run")
