"""Decoders: two embeddings -> a score. In factor form the scores of all pairs are inner products.

A decoder always scores pairs. Where it can, it also gives `Factors`: two vectors and offsets per
node, so that the score of a pair is left_i . right_j + offset_i + right_offset_j + constant. The
exact objective, the exact search for the best links and the scores of an evaluation all use these
factors, so that they cannot disagree.
"""

from vgae.model.decoders.base import Decoder, Factors, Offsets, score_pairs
from vgae.model.decoders.directed import (
    DirectedInnerProductDecoder,
    GravityDecoder,
    SquaredGravityDecoder,
)
from vgae.model.decoders.hops import DirectedHopDecoder, HopDecoder
from vgae.model.decoders.symmetric import (
    BilinearDiagonalDecoder,
    CosineDecoder,
    DistanceDecoder,
    InnerProductDecoder,
    MLPDecoder,
)

__all__ = [
    "DECODERS",
    "BilinearDiagonalDecoder",
    "CosineDecoder",
    "Decoder",
    "DirectedHopDecoder",
    "DirectedInnerProductDecoder",
    "DistanceDecoder",
    "Factors",
    "GravityDecoder",
    "HopDecoder",
    "InnerProductDecoder",
    "MLPDecoder",
    "Offsets",
    "SquaredGravityDecoder",
    "score_pairs",
]

DECODERS: dict[str, type[Decoder]] = {
    decoder.name: decoder
    for decoder in (
        InnerProductDecoder,
        CosineDecoder,
        DistanceDecoder,
        BilinearDiagonalDecoder,
        HopDecoder,
        MLPDecoder,
        DirectedInnerProductDecoder,
        GravityDecoder,
        SquaredGravityDecoder,
        DirectedHopDecoder,
    )
}
"""The decoders by name, as in `ModelSettings.decoder`."""
