"""What a sum over pairs is made of: which pairs, and what each of them adds."""

import numpy as np
import pytest
import torch
from graphs import random_graph

from vgae.model.kernels import PairPattern, PairTerm


def test_impossible_terms_are_refused() -> None:
    with pytest.raises(ValueError, match="'poisson' is none of logistic, rate, count, square"):
        PairTerm("poisson", 1.0)  # type: ignore[arg-type]
    for weight in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="the weight of an edge is"):
            PairTerm("count", weight)
    with pytest.raises(ValueError, match="a rate term has no targets"):
        PairTerm("rate", 1.0, torch.ones(2))


def test_a_pattern_that_is_not_symmetric_has_no_mirror() -> None:
    pattern = PairPattern(torch.tensor([0, 1, 1]), torch.tensor([1]))
    with pytest.raises(ValueError, match="the pattern of pairs is not symmetric"):
        _ = pattern.mirror


def test_the_mirror_of_a_pair_has_its_ends_exchanged() -> None:
    adjacency = random_graph(40, 0.2, 0).adjacency
    pattern = PairPattern(
        *map(torch.from_numpy, (adjacency.indptr.copy(), adjacency.indices.copy()))
    )
    rows = np.repeat(np.arange(40), np.diff(adjacency.indptr))
    assert np.array_equal(rows[pattern.mirror], pattern.columns)
    assert np.array_equal(pattern.columns[pattern.mirror], rows)
