"""Where the tests find the rest of the project."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "vgae"
RUNS = ROOT / "tests" / "fixtures" / "runs"
