"""The README's shell examples, run as they stand (its Python examples are doctests)."""

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
TABLE = "source\ttarget\tprobability\n"


def run(number: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """A shell example of the README, in an empty folder."""
    scripts = re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(scripts) == 2
    answer = subprocess.run(
        ["sh", "-e", "-c", scripts[number]],
        cwd=folder,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    return answer


def test_the_first_example_runs_as_written(tmp_path: Path) -> None:
    answer = run(0, tmp_path)
    tables = answer.stdout.split(TABLE)[1:]
    assert [len(table.splitlines()) for table in tables] == [5, 3, 2]
    assert tables[2].startswith("ann\tdan\t0.")
    assert (tmp_path / "vectors.csv").read_text().count("\n") == 7
    assert "merged 1 reversed row" in answer.stderr


def test_a_messy_file_becomes_recommended_links(tmp_path: Path) -> None:
    answer = run(1, tmp_path)
    inspected, fitted, recommended = answer.stdout.split(TABLE)
    assert (
        "rows\t10 = 7 edges + 1 self loops (dropped) + 1 duplicates (merged) + 1 reversed (merged)"
    ) in inspected
    assert len(fitted.splitlines()) == 5
    partners = [line.split("\t") for line in recommended.splitlines()]
    assert [row[0] for row in partners] == ["Gil"] * 3
    assert "Ann" not in {row[1] for row in partners}
    assert 'title="recommended"' in (tmp_path / "friends.gexf").read_text()
    for said in (
        "semicolon-separated, 3 columns, with a header; edges run from column 'Person'",
        "left out 1 comment line",
        "trimmed blanks around 1 id in column 'Knows'",
        "dropped 1 self loop, merged 1 duplicate row, merged 1 reversed row",
        "column 'age': 1 of 6 cells missing, taken as the mean, 39",
    ):
        assert said in answer.stderr
