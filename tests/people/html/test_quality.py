"""What test pairs and the posterior say, from a run with a record and without."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from report_runs import model_of_communities

from vgae.learning.diagnostics import reliability_bins
from vgae.people.html.quality import health_of, quality_of


@pytest.fixture(scope="module")
def model() -> Any:
    return model_of_communities()


def test_held_out_scores_are_the_same_with_and_without_a_record(model: Any) -> None:
    first = quality_of(model.fitted_, all_pairs=False)
    second = quality_of(replace(model.fitted_, record=None), all_pairs=True)
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.edges, second.edges)
    np.testing.assert_array_equal(first.others, second.others)
    assert first.among_open is None
    assert second.among_open is not None
    assert first.reliability == reliability_bins(
        model.fitted_.calibrator, first.edges, first.others
    )
    few = replace(model.fitted_, calibrator=None)
    found = quality_of(few, all_pairs=False)
    assert found is not None
    assert found.reliability == []


def test_a_collapsed_posterior_is_said_to_be_one(model: Any) -> None:
    fitted = model.fitted_
    still = np.full_like(fitted.embedding, 0.01)
    found = health_of(replace(fitted, embedding=still))
    assert found is not None
    assert found.words.startswith("The posterior has collapsed")
    lively = health_of(fitted)
    assert lively is not None
    assert "latent dimensions are active" in lively.words
