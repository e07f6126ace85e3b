"""The compiled loops over pairs: the same bits on any number of threads, and linear memory."""

import subprocess
import sys
from typing import get_args

import pytest
import torch
from graphs import random_graph
from torch import Tensor

from vgae.model.kernels import PairPattern, PairTerm, pair_scores, pair_terms
from vgae.model.kernels.pairs import TermKind

KINDS: tuple[TermKind, ...] = get_args(TermKind)


@pytest.mark.parametrize("kind", KINDS)
def test_bits_are_the_same_on_any_number_of_threads(kind: TermKind) -> None:
    adjacency = random_graph(1500, 0.03, 0).adjacency
    pattern = PairPattern(
        torch.from_numpy(adjacency.indptr.copy()), torch.from_numpy(adjacency.indices.copy())
    )
    left = torch.rand((1500, 16), generator=torch.Generator().manual_seed(0))
    right = left.flip(0) if kind in ("logistic", "square") else left + 0.5
    before, found = torch.get_num_threads(), []
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            scores = pair_scores(left, right, pattern)
            found.append((*pair_terms(left, right, pattern, PairTerm(kind, 3.0)), scores))
    finally:
        torch.set_num_threads(before)
    for one, two in zip(*found, strict=True):
        assert isinstance(one, Tensor)
        assert torch.equal(one, two)


PEAK = """
import resource
import numpy as np, torch
from scipy import sparse
from vgae.model.kernels import PairPattern, PairTerm, closed_sum, pair_scores, pair_terms
random, n_nodes = np.random.default_rng(0), 100_000
source, target = random.integers(n_nodes, size=(2, 5 * n_nodes))
ends = np.r_[source, target], np.r_[target, source]
matrix = sparse.coo_array((np.ones(10 * n_nodes, np.int8), ends), shape=(n_nodes, n_nodes)).tocsr()
matrix.sort_indices()
pattern = PairPattern(torch.from_numpy(matrix.indptr), torch.from_numpy(matrix.indices))
factor = torch.ones(n_nodes, 16, requires_grad=True)
pair_terms(factor[:2], None, PairPattern(torch.zeros(3).int(), torch.zeros(0).int()),
           PairTerm("rate", 1.0))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for kind in ("logistic", "rate", "count", "square"):
    pair_terms(factor, None, pattern, PairTerm(kind, 2.0))
closed_sum("rate", factor, None), closed_sum("square", factor, None)
pair_scores(factor, None, pattern).sum().backward()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def test_memory_grows_with_nodes_and_pairs() -> None:
    peak = subprocess.run(
        [sys.executable, "-c", PEAK], stdout=subprocess.PIPE, text=True, check=True
    )
    # Twelve bytes a pair and a few copies of a factor of 6 MB; a byte for all pairs: 9,500 MB.
    assert float(peak.stdout) < 100
