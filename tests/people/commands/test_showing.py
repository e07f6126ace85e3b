"""`vgae report` and `vgae plot`."""

import json
from pathlib import Path

import pytest
from command import Caller, refused

import vgae
from vgae.people.api import load


@pytest.fixture
def run(call: Caller, folder: Path) -> Path:  # noqa: ARG001 - it is the current folder
    assert call("fit", "karate", "--out", "run", "--steps", 5, "--quiet").status == 0
    return Path("run")


def test_the_report_of_a_run_is_made_in_it_and_made_again(call: Caller, run: Path) -> None:
    for _ in range(2):
        result = call("report", run, "--top", 3)
        assert result.status == 0, result.err
        assert result.out.startswith("report\tsize\nrun/report.html\t0.")
    html = (run / "report.html").read_text()
    assert '<code id="command">vgae fit karate --out run --steps 5 --quiet</code>' in html
    assert html.count('<td data-name="Probability"') == 3
    assert load(run).recommend(2)  # the folder is still that of a run
    again = call("fit", "karate", "--out", "run", "--steps", 2, "--quiet", "--overwrite")
    assert again.status == 0
    assert not (run / "report.html").exists()


def test_a_report_is_made_in_another_place_with_care(call: Caller, run: Path, folder: Path) -> None:
    result = call("report", run, "--out", "a.html", "--json", "--quiet")
    size = Path("a.html").stat().st_size
    assert json.loads(result.out) == {"report": "a.html", "bytes": size}
    assert "exists" in refused(call, folder, "report", run, "--out", "a.html")
    assert call("report", run, "--out", "a.html", "--overwrite").status == 0
    inside = refused(call, folder, "report", run, "--out", run / "other.html")
    assert inside.endswith(
        "run/other.html: lies in the run folder run, which has room for report.html only"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--top", 0], "--top 0: "),
        (["--projection", "umap"], "--projection umap: input should be 'pca' or 'tsne'"),
        (["--overwrite"], "--overwrite: makes no sense without --out"),
        (["--graph", "lesmis"], "is not the one of the fit"),
        (["--out", "x.txt"], "x.txt: a page ends in .html"),
        (["--out", "no/such/../../run"], ""),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    call: Caller, run: Path, folder: Path, options: list[object], said: str
) -> None:
    assert said in refused(call, folder, "report", run, *options)


def test_a_folder_that_is_no_run_is_refused(call: Caller, folder: Path) -> None:
    assert "no such run folder" in refused(call, folder, "report", "nothing")


def test_the_graph_gives_a_run_of_an_earlier_version_its_labels(call: Caller, run: Path) -> None:
    from run_folders import seal

    about = json.loads((run / "run.json").read_text())
    for name in ("record.json", "record.safetensors"):
        (run / name).unlink()
        del about["files"][name]
    seal(run, about)
    assert call("report", run).status == 0
    assert '"title":"label"' not in (run / "report.html").read_text()
    assert call("report", run, "--graph", "karate").status == 0
    assert '"title":"label"' in (run / "report.html").read_text()


# ------------------------------------------------------------------------- plot


@pytest.mark.parametrize("kind", ["map", "roc", "pr", "reliability", "training", "degrees"])
def test_plot_writes_a_picture(call: Caller, run: Path, kind: str) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib, which pictures need, is missing")
    result = call("plot", run, "--kind", kind, "--out", "picture.svg")
    assert (result.status, result.out) == (0, "")
    assert "picture: picture.svg" in result.err
    assert "<svg" in Path("picture.svg").read_text()


def test_plot_refuses(call: Caller, folder: Path, run: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib, which pictures need, is missing")
    (folder / "there.png").touch()
    for arguments, said in (
        (("--kind", "rok", "--out", "a.png"), "did you mean 'roc'"),
        (("--kind", "roc", "--out", "a.jpg"), "use one of .png, .svg, .pdf"),
        (("--kind", "roc", "--out", "there.png"), "add --overwrite"),
        (("--kind", "roc", "--out", "none/a.png"), "there is no folder none"),
        (("--kind", "roc", "--out", f"{run}/a.png"), "lies in the run folder"),
    ):
        assert said in refused(call, folder, "plot", run, *arguments), arguments
    assert (
        call("fit", "karate", "--no-holdout", "--out", "bare", "--steps", 0, "--quiet").status == 0
    )
    said = refused(call, folder, "plot", "bare", "--kind", "roc", "--out", "a.png")
    assert said.startswith("Error: bare: nothing was held out")
    assert "; fit without --no-holdout (in Python, fit vgae.split_edges(graph))" in said
    assert call("plot", run, "--kind", "roc", "--out", "there.png", "--overwrite").status == 0


@pytest.mark.parametrize(
    "words",
    [
        "report G", "plot G --kind map --out a.png", "explain G 0 1", "recommend G", "embed G",
        "predict G pairs.csv", "compare run G", "compare G run",
    ],
)  # fmt: skip
def test_a_graph_is_said_to_be_no_run(call: Caller, run: Path, folder: Path, words: str) -> None:
    assert run.is_dir()
    vgae.load_dataset("karate").save("G")
    (folder / "pairs.csv").write_text("0,1\n")
    line = refused(call, folder, *words.split())
    assert line == (
        "Error: G: is a graph, not a run; fit it first (vgae fit, vgae.VGAE().fit) and name the run"
    )
    said = refused(call, folder, "fit", "--resume", "G")
    assert said == "Error: G: there is nothing to resume: there is no G.checkpoint"
