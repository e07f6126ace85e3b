"""What a report finds, of runs of every kind; nothing is shown that a run does not have."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from places import ROOT
from report_runs import RUNS, communities, model_of_communities

from vgae.data.datasets import load_dataset
from vgae.ground.errors import InputError
from vgae.learning.evidence import GROUPS
from vgae.learning.explanation import explain_many
from vgae.people.api import GAE, VGAE, load
from vgae.people.html import gather
from vgae.people.html.gather import findings_of
from vgae.people.html.page import page
from vgae.people.html.settings import ReportSettings
from vgae.people.html.values import Findings


@pytest.fixture(scope="module")
def model() -> Any:
    return model_of_communities()


@pytest.fixture(scope="module")
def found(model: Any) -> Findings:
    return findings_of(model.fitted_)


def facts(found: Findings) -> dict[str, str]:
    return dict(found.facts)


HAS_MAP = set(RUNS) - {"heuristic"}
HAS_QUALITY = set(RUNS) - {"no labels", "no steps", "one edge", "one dimension", "spectral"}
HAS_HEALTH = set(RUNS) - {"point mass", "heuristic", "spectral"}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_of_any_kind_has_a_report_of_what_it_has(name: str, tmp_path: Path) -> None:
    RUNS[name]().save(tmp_path / "run")
    fitted = load(tmp_path / "run").fitted_
    found = findings_of(fitted, ReportSettings(top=20))
    assert (found.map is not None) == (name in HAS_MAP)
    assert (found.quality is not None) == (name in HAS_QUALITY)
    assert (found.health is not None) == (name in HAS_HEALTH)
    assert (found.links.intervals is not None) == (name in HAS_HEALTH - {"combined", "weighted"})
    assert (found.links.common is None) == (name == "bipartite")
    assert set(found.links.extra) == {
        "weighted": {"expected weight"}, "signed": {"positive"}
    }.get(name, set())  # fmt: skip
    assert len(found.links.pairs) == (0 if name == "one edge" else 20)
    assert any("interrupted" in words for words in found.warnings) == (name == "interrupted")
    assert any("weights are random" in words for words in found.warnings) == (name == "no steps")
    assert any("No test edges" in words for words in found.warnings) == (name not in HAS_QUALITY)
    html = page(found).html
    assert "None" not in html.partition('<script type="application/json"')[0]
    for section, there in (("map", HAS_MAP), ("quality", HAS_QUALITY), ("health", HAS_HEALTH)):
        assert (f'<section id="{section}"' in html) == (name in there), section


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_run_folders_of_earlier_formats_have_reports(number: int) -> None:
    fitted = load(ROOT / "tests" / "fixtures" / "runs" / f"format-{number}").fitted_
    found = findings_of(fitted)
    assert fitted.record is None
    assert not {"Read", "Time", "Finished"} & set(facts(found))
    assert found.command is None
    assert found.map is not None
    assert 'id="command"' not in page(found).html


def test_links_are_those_that_are_recommended(model: Any, found: Findings) -> None:
    links = model.recommend(ReportSettings().top)
    names = model.ids_[found.links.pairs]
    assert names.tolist() == [[link.source, link.target] for link in links]
    assert found.links.probabilities.tolist() == [link.probability for link in links]


def test_intervals_hold_the_probability_and_are_repeatable(model: Any, found: Findings) -> None:
    ends = found.links.intervals
    assert ends is not None
    assert (ends[:, 0] < ends[:, 1]).all()
    # Draws scatter around the posterior mean, from which the probability is.
    inside = (ends[:, 0] <= found.links.probabilities) & (found.links.probabilities <= ends[:, 1])
    assert inside.mean() > 0.9
    np.testing.assert_array_equal(ends, findings_of(model.fitted_).links.intervals)


def test_common_neighbours_and_degrees_are_those_that_were_seen(
    model: Any, found: Findings
) -> None:
    dense = model.split_.message_graph().adjacency.toarray() != 0
    assert dense.sum() < (model.split_.graph.adjacency.toarray() != 0).sum()
    for place, (a, b) in enumerate(found.links.pairs[:40]):
        both = np.flatnonzero(dense[a] & dense[b])
        assert found.links.common is not None
        assert found.links.common[place] == len(both)
        assert found.links.degrees[place].tolist() == [dense[a].sum(), dense[b].sum()]


@pytest.mark.parametrize("name", ["variational", "combined", "bipartite", "heuristic"])
def test_the_reasons_are_those_of_the_explanation(name: str) -> None:
    fitted = RUNS[name]().fitted_
    found = findings_of(fitted, ReportSettings(top=10)).links
    assert list(found.why) == [one.why for one in explain_many(fitted, found.pairs)]
    assert all(found.why)
    assert any("common neighbour" in words for words in found.why) == (name != "bipartite")
    evidence = [
        any(f"{kind} {sign}" in words for kind in GROUPS.values() for sign in "+-")
        for words in found.why
    ]
    assert all(evidence) if name == "combined" else not any(evidence)


def test_partners_of_a_node_are_those_that_are_recommended(model: Any, found: Findings) -> None:
    assert found.map is not None
    assert found.map.partners is not None
    assert found.map.partner_probabilities is not None
    for node in (0, 17, 59):
        links = model.recommend(5, nodes=[model.ids_[node]])
        assert model.ids_[found.map.partners[node]].tolist() == [link.target for link in links]
        np.testing.assert_allclose(
            found.map.partner_probabilities[node], [link.probability for link in links]
        )


def test_a_node_without_open_partners_has_none() -> None:
    star = [("hub", f"leaf {place}") for place in range(6)]
    found = findings_of(VGAE(steps=2).fit(star).fitted_)
    assert found.map is not None
    assert found.map.partners is not None
    row = found.map.partners[found.ids.index("hub")]  # type: ignore[union-attr]
    assert row.tolist() == [-1] * 5


def test_large_graphs_do_without_what_takes_all_pairs(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "MOST_NODES_RANKED", 10)
    monkeypatch.setattr(gather, "MOST_EDGES_CARRIED", 10)
    found = findings_of(model.fitted_)
    assert found.map is not None
    assert (found.map.partners, found.map.edges) == (None, None)
    assert found.quality is not None
    assert found.quality.among_open is None
    assert "all pairs" not in page(found).html.partition('<script type="application/json"')[0]


def test_colours_mean_labels_communities_and_uncertainty(model: Any, found: Findings) -> None:
    assert found.map is not None
    made = {one.title: one for one in found.map.colourings}
    assert list(made) == ["label", "community", "degree", "uncertainty", "component"]
    labels = made["label"]
    assert labels.names is not None
    told = [labels.names[code] for code in labels.codes]
    assert told[5] == "block 0"
    degrees = np.diff(model.split_.graph.adjacency.indptr)
    assert made["degree"].high == degrees.max()
    uncertain = model.embedding_std_.mean(axis=1)
    assert made["uncertainty"].codes.argmax() == uncertain.argmax()


def test_a_graph_gives_an_old_run_its_labels(model: Any) -> None:
    old = replace(model.fitted_, record=None)
    bare = findings_of(old)
    assert bare.map is not None
    assert "label" not in [one.title for one in bare.map.colourings]
    again = findings_of(old, graph=communities())
    assert again.map is not None
    assert "label" in [one.title for one in again.map.colourings]
    assert facts(again)["Read"].startswith("2")
    with pytest.raises(InputError, match="the graph is not the one of the fit"):
        findings_of(old, graph=load_dataset("karate"))


def test_digits_have_their_pictures() -> None:
    graph = load_dataset("digits")
    fitted = GAE(steps=1, latent_dim=2).fit(graph).fitted_.named("digits")
    found = findings_of(fitted, ReportSettings(top=5))
    assert found.map is not None
    assert found.map.pictures is not None
    assert found.map.pictures.width == 8
    pixels = np.asarray(graph.features)
    shades = found.map.pictures.shades.astype(float)
    np.testing.assert_allclose(shades / 255, pixels / pixels.max(), atol=0.002)
    other = GAE(steps=1).fit(load_dataset("karate")).fitted_.named("digits")
    found = findings_of(other, ReportSettings(top=5))
    assert found.map is not None
    assert found.map.pictures is None


def test_samples_that_are_not_spread_around_the_score_make_no_interval() -> None:
    model = VGAE(decoder="distance", steps=20, seed=0).fit(load_dataset("karate"))
    assert findings_of(model.fitted_).links.intervals is None
