"""The first screen names what was read, fitted and found."""

from report_runs import communities, model_of_communities

from vgae.people.api import VGAE, LinkBaseline
from vgae.people.html.gather import findings_of


def test_the_summary_names_what_was_read_and_fitted() -> None:
    model = model_of_communities()
    found = findings_of(model.fitted_)
    told = dict(found.facts)
    assert told["Nodes"] == f"60, of which {model.split_.graph.n_isolated} without an edge"
    assert told["Read"].endswith("rows; nothing dropped or merged")
    assert told["Model"] == "gcn encoder, inner decoder, 4 dimensions, engine numba"
    assert "memory at most" in told["Time"]
    assert found.subtitle.startswith("VGAE, settings of its own · protocol T")
    # Totals agree by construction: what is told is how the groups of pairs do.
    assert "groups of open pairs, by probability" in found.verdict
    assert "the poorest holds " in found.verdict
    assert [one.title for one in found.headlines][:2] == ["AUC", "Average precision"]
    assert findings_of(VGAE().fit(communities()).fitted_).subtitle.startswith("VGAE, preset paper")
    strong = findings_of(LinkBaseline("katz").fit(communities()).fitted_)
    assert strong.subtitle.startswith("katz · ")
