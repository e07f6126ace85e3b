"""Methods other than graph auto-encoders, behind one small interface.

`baseline(name, **settings)` makes one; its `fit` returns `vgae.scores.Scores`. A new method is a
subclass of `Baseline`, added to `BASELINES`: the contract in tests/test_methods.py runs over it.
"""

from typing import Any

from vgae.baselines.base import Baseline
from vgae.baselines.deepwalk import DeepWalk
from vgae.baselines.heuristics import (
    AdamicAdar,
    CommonNeighbors,
    Katz,
    PersonalizedPageRank,
    PreferentialAttachment,
    ResourceAllocation,
)
from vgae.baselines.sdne import Sdne
from vgae.baselines.spectral import Spectral
from vgae.baselines.vae import Vae
from vgae.errors import unknown_name

__all__ = ["BASELINES", "Baseline", "baseline"]

BASELINES: dict[str, type[Baseline]] = {
    kind.name: kind
    for kind in (
        Spectral,
        DeepWalk,
        Sdne,
        Vae,
        CommonNeighbors,
        AdamicAdar,
        ResourceAllocation,
        PreferentialAttachment,
        Katz,
        PersonalizedPageRank,
    )
}
"""The baselines by their names on the command line."""


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
