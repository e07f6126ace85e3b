"""Sums and searches over all pairs of nodes, in memory linear in the number of nodes.

`choose_engine` is where the exact objective enters: an engine's `sweep` computes the sum over all
pairs with its gradient, and `softplus_sum` makes the sum differentiable. Add a new engine to
`ENGINES`; the contract test in tests/kernels then covers it.
"""

from vgae.model.kernels.edges import PairPattern, positive_terms
from vgae.model.kernels.engines import Engine, PairSum
from vgae.model.kernels.ranking import count_reaching, top_pairs, top_partners
from vgae.model.kernels.sparse import SparseMatrix
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
    "SparseMatrix",
    "check_engine",
    "choose_engine",
    "count_reaching",
    "positive_terms",
    "softplus_sum",
    "top_pairs",
    "top_partners",
    "torch_on_one_thread",
    "with_gradients",
]
