"""The page of several runs: all of it is there, and nothing in it can run."""

from __future__ import annotations

import pytest

import vgae
from vgae.learning.run_comparison import compare_runs
from vgae.people.comparison_page import comparison_page

pytest.importorskip("jinja2", reason="Jinja2, which pages need, is missing")


def test_names_are_text_and_curves_are_drawn() -> None:
    pytest.importorskip("matplotlib", reason="matplotlib, which curves need, is missing")
    split = vgae.split_edges(vgae.load_dataset("karate"), seed=0)
    names = ["<script>alert(1)</script>", "$\\frac{", "_plain"]
    runs = {name: vgae.GAE(steps=2, seed=s).fit(split).fitted_ for s, name in enumerate(names)}
    page = comparison_page(compare_runs(runs), runs).html
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
    page = comparison_page(compare_runs(runs), runs).html
    assert "held out different pairs" in page
    assert "Differences to" not in page


def test_runs_without_test_pairs_and_settings() -> None:
    graph = vgae.load_dataset("karate")
    runs = {name: vgae.GAE(steps=1).fit(graph).fitted_ for name in ("one", "two")}
    page = comparison_page(compare_runs(runs), runs).html
    assert "No run held test pairs out" in page
    assert "<p>None.</p>" in page
