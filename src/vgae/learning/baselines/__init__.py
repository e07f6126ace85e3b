"""Methods other than graph auto-encoders, behind one small interface.

`baseline(name, **settings)` makes one; its `fit` returns `vgae.learning.scores.Scores`. A new
method is a subclass of `Baseline`, added to `BASELINES`: the contract in
tests/learning/test_methods.py runs over it.
"""

from typing import Any

from vgae.ground.errors import unknown_name
from vgae.learning.baselines.als import Als
from vgae.learning.baselines.balance import Balance
from vgae.learning.baselines.base import Baseline
from vgae.learning.baselines.deepwalk import DeepWalk
from vgae.learning.baselines.factorization import Gsvd
from vgae.learning.baselines.heuristics import (
    AdamicAdar,
    CommonNeighbors,
    DirectedCommonNeighbors,
    DirectedResourceAllocation,
    Katz,
    PersonalizedPageRank,
    PreferentialAttachment,
    ResourceAllocation,
)
from vgae.learning.baselines.neighbors import ItemKnn
from vgae.learning.baselines.popularity import Popularity
from vgae.learning.baselines.propagation import PropagatedFeatures, RandomProjection
from vgae.learning.baselines.sdne import Sdne
from vgae.learning.baselines.spectral import Spectral
from vgae.learning.baselines.strap import Strap
from vgae.learning.baselines.strength import Strength
from vgae.learning.baselines.vae import Vae

__all__ = ["BASELINES", "Baseline", "baseline"]

_KINDS: tuple[type[Baseline], ...] = (
    PropagatedFeatures,
    RandomProjection,
    Spectral,
    Gsvd,
    Als,
    Strap,
    DeepWalk,
    Sdne,
    Vae,
    CommonNeighbors,
    AdamicAdar,
    ResourceAllocation,
    DirectedCommonNeighbors,
    DirectedResourceAllocation,
    PreferentialAttachment,
    Strength,
    Popularity,
    ItemKnn,
    Katz,
    PersonalizedPageRank,
    Balance,
)
BASELINES = {kind.name: kind for kind in _KINDS} | {"degree": PreferentialAttachment}
"""The baselines by their names on the command line; the product of degrees has two."""


def baseline(name: str, **settings: Any) -> Baseline:
    """A baseline by name.

    Raises
    ------
    InputError
        The name is unknown, or a setting is not allowed.

    Examples
    --------
    >>> baseline("deepwalk", p=0.5).walk_length
    80
    """
    if name not in BASELINES:
        raise unknown_name("method", name, BASELINES)
    return BASELINES[name].parse(settings, where=name)
