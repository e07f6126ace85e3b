"""The commands that show what runs hold, as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command import Caller, refused

import vgae


@pytest.fixture
def run(call: Caller, folder: Path) -> Path:
    assert folder
    done = call("fit", "karate", "--out", "run", "--steps", 20, "--quiet")
    assert done.status == 0, done.err
    return Path("run")


# ------------------------------------------------------------------- explain


def test_explain_prints_what_the_model_says(call: Caller, run: Path) -> None:
    model = vgae.load(run)
    graph = vgae.load_dataset("karate")
    found = model.explain(0, 33, graph=graph)
    shown = json.loads(call("explain", run, 0, 33, "--graph", "karate", "--json").out)
    assert shown["why"] == found.why
    assert shown["n_common_neighbors"] == found.n_common_neighbors == len(found.common_neighbors)
    assert sum(part["amount"] for part in shown["parts"]) == pytest.approx(shown["score"], abs=1e-4)
    effects = [edge["effect"] for edge in shown["edges"]]
    assert effects == sorted(effects, reverse=True)
    assert len(effects) == shown["n_edges_tried"]
    text = call("explain", run, 0, 33, "--graph", "karate")
    assert text.out.startswith("0 - 33: ")
    assert "without the edge of\tand\tthe logit changes by" in text.out
    assert f"common neighbours ({found.n_common_neighbors})\tedges" in text.out


def test_explain_says_what_it_lacks(call: Caller, run: Path) -> None:
    result = call("explain", run, 0, 9)
    assert result.status == 0
    assert "does not keep edge weights; give the graph (--graph)" in " ".join(result.err.split())
    assert "without the edge" not in result.out


def test_explain_in_python_takes_what_as_graph_takes() -> None:
    edges = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")]
    model = vgae.GAE(steps=5).fit(edges)
    assert model.explain("a", "c", graph=edges) == model.explain("a", "c")
    with pytest.raises(vgae.InputError, match="unknown node 'x'|node 'x'"):
        model.explain("a", "x")


def test_explain_refuses(call: Caller, folder: Path, run: Path) -> None:
    (folder / "other.csv").write_text("0,1\n1,2\n")
    assert "not the one of the fit" in refused(
        call, folder, "explain", run, 0, 1, "--graph", "other.csv"
    )
    assert "77" in refused(call, folder, "explain", run, 0, 77)
    assert "no such run folder" in refused(call, folder, "explain", "nowhere", 0, 1)
    assert "without --graph" in refused(call, folder, "explain", run, 0, 1, "--directed")


# ---------------------------------------------------------------------- plot


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
    assert call("plot", run, "--kind", "roc", "--out", "there.png", "--overwrite").status == 0


# ------------------------------------------------------------------- compare


def test_compare_shows_runs_side_by_side(call: Caller, run: Path) -> None:
    assert call("fit", "karate", "--out", "other", "--steps", 5, "--quiet").status == 0
    result = call("compare", run, "other")
    lines = [line.split("\t") for line in result.out.splitlines()]
    assert lines[0][:2] == ["test", "AUC"]
    assert [line[0] for line in lines[1:3]] == ["run", "other"]
    assert ["steps", "20", "5"] in lines
    assert any(line[0] == "other - run" for line in lines)
    found = json.loads(call("compare", run, "other", "--json").out)
    assert found["runs"] == ["run", "other"]
    assert found["same_pairs"] is True
    by_metric = {one["metric"]: one["amount"] for one in found["differences"]}
    one, other = (vgae.load(name).metrics_["test"]["auc"] for name in ("run", "other"))
    assert by_metric["auc"] == pytest.approx(other - one)


def test_compare_writes_a_page(call: Caller, run: Path) -> None:
    pytest.importorskip("jinja2", reason="Jinja2, which pages need, is missing")
    assert call("fit", "karate", "--out", "other", "--steps", 5, "--quiet").status == 0
    result = call("compare", run, "other", "--out", "page.html")
    assert result.status == 0, result.err
    assert "<h1>2 runs compared</h1>" in Path("page.html").read_text()
    assert "page: page.html" in result.err


def test_compare_says_where_pairs_differ(call: Caller, run: Path) -> None:
    assert call("fit", "karate", "--out", "other", "--steps", 5, "--seed", 1, "--quiet").status == 0
    result = call("compare", run, "other")
    assert "held out different pairs" in " ".join(result.err.split())
    assert "other - run" not in result.out


def test_compare_refuses(call: Caller, folder: Path, run: Path) -> None:
    assert "two or more" in refused(call, folder, "compare", run)
    assert "two or more" in refused(call, folder, "compare", run, run)
    assert "no such run" in refused(call, folder, "compare", run, "nowhere")
    assert "ends in .html" in refused(call, folder, "compare", run, "x", "--out", "page.txt")
    assert "without --out" in refused(call, folder, "compare", run, "x", "--overwrite")


def test_numbers_of_an_explanation_are_numbers(call: Caller, run: Path) -> None:
    found = json.loads(call("explain", run, 2, 9, "--json").out)
    assert np.isfinite([part["amount"] for part in found["parts"]]).all()
    assert isinstance(found["source"], int)
