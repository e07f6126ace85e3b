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
from vgae.people.api import GAE, VGAE, LinkBaseline, load
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
    assert (found.links.intervals is not None) == (name in HAS_HEALTH - {"combined"})
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


def test_common_neighbours_and_degrees_are_counted(model: Any, found: Findings) -> None:
    dense = model.split_.graph.adjacency.toarray() != 0
    for place, (a, b) in enumerate(found.links.pairs[:40]):
        both = np.flatnonzero(dense[a] & dense[b])
        assert found.links.common is not None
        assert found.links.common[place] == len(both)
        assert found.links.degrees[place].tolist() == [dense[a].sum(), dense[b].sum()]
        said = found.links.why[place]
        assert ("linked to both: " in said) == bool(len(both))
        assert (f"and {len(both) - 3} more" in said) == (len(both) > 3)
        assert "dimension " in said


def test_a_combined_model_gives_the_reasons_of_its_evidence() -> None:
    model = RUNS["combined"]()
    found = findings_of(model.fitted_)
    assert any("degrees" in words or "walks" in words for words in found.links.why)


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
    with pytest.raises(InputError, match="is not the graph of the fit"):
        findings_of(old, graph=load_dataset("karate"))


def test_held_out_scores_are_the_same_with_and_without_a_record(model: Any) -> None:
    first = findings_of(model.fitted_).quality
    second = findings_of(replace(model.fitted_, record=None)).quality
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.edges, second.edges)
    np.testing.assert_array_equal(first.others, second.others)


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


def test_the_summary_names_what_was_read_and_fitted(model: Any, found: Findings) -> None:
    told = facts(found)
    assert told["Nodes"] == f"60, of which {model.split_.graph.n_isolated} without an edge"
    assert told["Read"].endswith("rows; nothing dropped or merged")
    assert told["Model"] == "gcn encoder, inner decoder, 4 dimensions, engine numba"
    assert "memory at most" in told["Time"]
    assert found.subtitle.startswith("VGAE, settings of its own · protocol T")
    assert "predicted" in found.verdict
    assert [one.title for one in found.headlines][:2] == ["AUC", "Average precision"]
    assert findings_of(VGAE().fit(communities()).fitted_).subtitle.startswith("VGAE, preset paper")
    strong = findings_of(LinkBaseline("katz").fit(communities()).fitted_)
    assert strong.subtitle.startswith("katz · ")


def test_a_collapsed_posterior_is_said_to_be_one(model: Any) -> None:
    fitted = model.fitted_
    still = np.full_like(fitted.embedding, 0.01)
    found = findings_of(replace(fitted, embedding=still))
    assert found.health is not None
    assert found.health.words.startswith("The posterior has collapsed")
    lively = findings_of(fitted).health
    assert lively is not None
    assert "latent dimensions are active" in lively.words
