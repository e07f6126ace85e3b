"""Sums and searches over all pairs of nodes, in memory linear in the number of nodes.

An exact objective is a sum over all pairs, each counted as a pair without an edge, plus what the
edges add to it. `choose_engine` returns an engine whose `sweep` computes the first sum for logistic
likelihoods; `closed_sum` computes it for likelihoods where it has a closed form. `pair_terms`
computes the second for all of them, and `pair_scores` gives the scores of the edges to any other
likelihood. Add a new engine to `ENGINES`; the contract test in tests/model/kernels then covers it.
"""

from vgae.model.kernels.closed import closed_sum
from vgae.model.kernels.edges import pair_scores, pair_terms
from vgae.model.kernels.engines import Engine, PairSum
from vgae.model.kernels.pairs import PairPattern, PairTerm
from vgae.model.kernels.ranking import count_reaching, count_rivals, top_pairs, top_partners
from vgae.model.kernels.sparse import SparseMatrix, pairs_of_product, rows_of_product
from vgae.model.kernels.sums import (
    ENGINES,
    check_engine,
    choose_engine,
    softplus_sum,
    with_gradients,
)
from vgae.model.kernels.threads import torch_on_one_thread

__all__ = [
    "ENGINES",
    "Engine",
    "PairPattern",
    "PairSum",
    "PairTerm",
    "SparseMatrix",
    "check_engine",
    "choose_engine",
    "closed_sum",
    "count_reaching",
    "count_rivals",
    "pair_scores",
    "pair_terms",
    "pairs_of_product",
    "rows_of_product",
    "softplus_sum",
    "top_pairs",
    "top_partners",
    "torch_on_one_thread",
    "with_gradients",
]
