"""What a score is the sum of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from vgae.learning.combiner import CombinedScores
from vgae.learning.ensemble import MeanScores
from vgae.learning.evidence import GROUPS
from vgae.learning.fitted import Fitted
from vgae.learning.fitted_baseline import FittedBaseline
from vgae.model.decoders import Factors

__all__ = ["Part", "parts_of", "scale_of"]

Pairs = NDArray[np.int64]


class Part(NamedTuple):
    """One summand of a score.

    `kind` says what it is a part of: "embedding" for dimensions, "offset" for what is added to the
    score of any pair of the two nodes, "constant", a group of evidence such as "degrees", or
    "member" of an ensemble.

    Examples
    --------
    >>> Part("dimension 3", "embedding", 0.5).amount
    0.5
    """

    name: str
    kind: str
    amount: float


def scale_of(fitted: Fitted | FittedBaseline) -> str:
    """What the scores of a fitted method are: "logit", "rate" or "score".

    Examples
    --------
    >>> from vgae import GAE
    >>> scale_of(GAE(steps=1).fit([("a", "b")]).fitted_)
    'logit'
    """
    if isinstance(fitted, FittedBaseline):
        return "score"
    likelihood = fitted.network.likelihood
    if fitted.combiner is not None or likelihood.name == "bernoulli":
        return "logit"
    return "rate" if likelihood.rates else "score"


def parts_of(fitted: Fitted | FittedBaseline, pairs: Pairs) -> list[tuple[Part, ...]]:
    """The summands of the scores of pairs, in the order in which the model has them.

    Parameters
    ----------
    fitted
        A fitted method.
    pairs
        Node indices, shape (n_pairs, 2).

    Returns
    -------
    Parts that add up to the score of each pair; none where a score is no sum.

    Examples
    --------
    >>> from vgae import GAE
    >>> fitted = GAE(steps=1, latent_dim=2).fit([("a", "b"), ("b", "c")]).fitted_
    >>> [part.name for part in parts_of(fitted, np.array([[0, 2]]))[0]]
    ['dimension 0', 'dimension 1']
    """
    if isinstance(fitted, FittedBaseline):
        return [()] * len(pairs)
    scores = fitted.scores
    if isinstance(scores, CombinedScores):
        return _of_evidence(scores, pairs)
    if isinstance(scores, MeanScores):
        members = scores.members
        amounts = np.stack([one.pairs(pairs) for one in members], axis=1) / len(members)
        names = [f"member {number}" for number in range(1, len(members) + 1)]
        return [
            tuple(Part(name, "member", float(x)) for name, x in zip(names, row, strict=True))
            for row in amounts
        ]
    return _of_factors(fitted, pairs)


def _of_evidence(scores: CombinedScores, pairs: Pairs) -> list[tuple[Part, ...]]:
    """What each column of evidence adds to the logit of a pair that is the mean of all."""
    combiner = scores.combiner
    weights, means = np.array(combiner.weights), np.array(combiner.means)
    amounts = (scores.evidence.table(pairs) - means) * weights
    mean = Part("the mean pair", "constant", float(combiner.intercept + weights @ means))
    kinds = [GROUPS[group] for group in combiner.groups]
    return [
        (mean, *(Part(*one) for one in zip(combiner.columns, kinds, row.tolist(), strict=True)))
        for row in amounts
    ]


def _of_factors(fitted: Fitted, pairs: Pairs) -> list[tuple[Part, ...]]:
    """Products of coordinates, and offsets, which add up to the score."""
    network, ends = fitted.network, torch.from_numpy(pairs.ravel())
    std = fitted.embedding_std
    with torch.no_grad():
        given = network.linked_mean(
            torch.from_numpy(fitted.embedding)[ends],
            None if std is None else torch.from_numpy(std)[ends],
        )
        factors = network.decoder.factors(given)
        if factors is None:
            return [()] * len(pairs)
        columns = _columns(factors)
        if network.offsets is not None:
            shared = network.offsets.amount().ndim == 0
            kind = "constant" if shared else "offset"
            name = "constant" if shared else "offsets of the nodes"
            columns.append((name, kind, network.offsets.at(torch.from_numpy(pairs)).double()))
    return [
        tuple(Part(name, kind, float(amounts[row])) for name, kind, amounts in columns)
        for row in range(len(pairs))
    ]


def _columns(factors: Factors) -> list[tuple[str, str, torch.Tensor]]:
    """Names, kinds and amounts of the summands, of rows that are the ends of pair after pair."""
    left, right = factors.left, factors.left if factors.right is None else factors.right
    products = left[0::2].double() * right[1::2].double()
    found = [(f"dimension {d}", "embedding", products[:, d]) for d in range(products.shape[1])]
    if factors.offset is not None:
        other = factors.offset if factors.right_offset is None else factors.right_offset
        amounts = factors.offset[0::2].double() + other[1::2].double()
        found.append(("lengths of the vectors", "offset", amounts))
    if factors.constant is not None:
        found.append(
            ("constant of the decoder", "constant", factors.constant.double().expand(len(products)))
        )
    return found
