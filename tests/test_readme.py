"""The README's shell example, run as it stands (its Python examples are doctests)."""

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def test_the_shell_example_runs_as_written(tmp_path: Path) -> None:
    (script,) = re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    answer = subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    tables = answer.stdout.split("source\ttarget\tprobability\n")[1:]
    assert [len(table.splitlines()) for table in tables] == [5, 3, 2]
    assert tables[2].startswith("ann\tdan\t0.")
    assert (tmp_path / "vectors.csv").read_text().count("\n") == 7
    assert "merged 1 reversed row" in answer.stderr
