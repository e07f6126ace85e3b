"""The first days of three users, from the first command to the last."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DAYS = Path(__file__).parent


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    binaries = Path(sys.executable).parent
    answer = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    assert "Traceback" not in answer.stderr
    return answer


@pytest.mark.slow  # thirteen processes; other tests call the same commands in one
def test_the_day_of_an_analyst(tmp_path: Path) -> None:
    answer = run(["sh", "-e", str(DAYS / "analyst.sh")], tmp_path)
    inspected = json.loads((tmp_path / "inspected.json").read_text())
    assert (inspected["n_nodes"], inspected["reading"]["source"]["name"]) == (6, "Person")
    assert (inspected["rows"], inspected["n_edges"], inspected["features"]["number"]) == (10, 7, 3)
    for said in (
        "people.csv, line 4: column 'age' is empty",
        "next: vgae recommend 'runs/first try' --top 10",
        "links.csv: exists; add --overwrite (overwrite=True) to replace it",
    ):
        assert said in answer.stderr
    assert (tmp_path / "links.csv").read_text().count("\n") == 4  # a header and three links
    assert "did you mean 'Ann'?" in (tmp_path / "slip.txt").read_text()
    assert answer.stdout.count("Ann\tDan\t0.") == 1
    assert 'title="recommended"' in (tmp_path / "friends.gexf").read_text()
    assert (tmp_path / "embedding.csv").read_text().count("\n") == 7
    assert "resource-allocation" in (tmp_path / "scores.csv").read_text()


def test_the_day_of_a_researcher(tmp_path: Path) -> None:
    answer = run([sys.executable, str(DAYS / "researcher.py")], tmp_path)
    assert "preferential-attachment" in answer.stdout
    assert "wide - narrow: " in answer.stdout
    assert not (tmp_path / "runs" / "karate").exists()  # kept only until all runs are done


def test_the_day_of_a_data_scientist(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="notebooks need nbconvert")
    cells = (DAYS / "scientist.py").read_text().split("# %%")[1:]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells[1:]]
    )
    nbformat.write(notebook, tmp_path / "day.ipynb")
    run(
        ["jupyter", "nbconvert", "--to", "html", "--execute", "--output", "day", "day.ipynb"],
        tmp_path,
    )
    page = (tmp_path / "day.html").read_text()
    for shown in ("<th>probability", "step 30/30", "7 nodes", "katz", ' title="map"'):
        assert shown in page, shown


def test_a_notebook_shows_a_map_that_has_a_picture_to_fall_back_on(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="notebooks need nbconvert")
    pytest.importorskip("matplotlib", reason="the picture needs matplotlib")
    cell = 'import vgae\nvgae.GAE(steps=3).fit(vgae.load_dataset("karate")).map()'
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    from nbclient import NotebookClient

    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    (output,) = [one for one in notebook.cells[0].outputs if one.output_type == "execute_result"]
    assert set(output.data) == {"text/plain", "text/html", "image/png"}
    assert base64.b64decode(output.data["image/png"]).startswith(b"\x89PNG")
    frame = output.data["text/html"]
    assert frame.startswith("<iframe")
    assert "srcdoc=" in frame
    assert frame.count(" src=") == frame.count(" src=&quot;data:image/png") == 1
    assert "http" not in frame.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
