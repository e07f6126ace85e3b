"""The page of several runs: all of it is there, and nothing in it can run."""

from __future__ import annotations

from pathlib import Path

import pytest

import vgae
from vgae.ground.errors import InputError
from vgae.learning.run_comparison import compare_runs
from vgae.people.comparison_page import check_page, comparison_page, write_page

pytest.importorskip("jinja2", reason="Jinja2, which pages need, is missing")


def test_names_are_text_and_curves_are_drawn() -> None:
    pytest.importorskip("matplotlib", reason="matplotlib, which curves need, is missing")
    split = vgae.split_edges(vgae.load_dataset("karate"), seed=0)
    names = ["<script>alert(1)</script>", "$\\frac{", "_plain"]
    runs = {name: vgae.GAE(steps=2, seed=s).fit(split).fitted_ for s, name in enumerate(names)}
    page = comparison_page(compare_runs(runs), runs)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<svg") == 2 + 3
    assert "Differences to" in page
    for word in ('src="', 'href="http', "@import", "url(http"):
        assert word not in page, word


def test_runs_on_other_pairs_are_not_subtracted() -> None:
    graph = vgae.load_dataset("karate")
    runs = {
        str(seed): vgae.GAE(steps=2).fit(vgae.split_edges(graph, seed=seed)).fitted_
        for seed in (0, 1)
    }
    page = comparison_page(compare_runs(runs), runs)
    assert "held out different pairs" in page
    assert "Differences to" not in page


def test_runs_without_test_pairs_and_settings() -> None:
    graph = vgae.load_dataset("karate")
    runs = {name: vgae.GAE(steps=1).fit(graph).fitted_ for name in ("one", "two")}
    page = comparison_page(compare_runs(runs), runs)
    assert "No run held test pairs out" in page
    assert "<p>None.</p>" in page


def test_a_page_is_written_whole_or_refused(tmp_path: Path) -> None:
    write_page("<p>é</p>", tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "<p>é</p>"
    with pytest.raises(InputError, match="exists"):
        check_page(tmp_path / "page.html", overwrite=False)
    check_page(tmp_path / "page.html", overwrite=True)
    with pytest.raises(InputError, match="no folder"):
        check_page(tmp_path / "none" / "page.html", overwrite=False)
