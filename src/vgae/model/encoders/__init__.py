"""Encoders: a graph and the inputs of its nodes -> the parameters of a distribution."""

from vgae.model.encoders.base import Encoder, EncoderInput, Prepared, Propagation, glorot_uniform
from vgae.model.encoders.directed import DirectedEncoder, DirectedMultiHopEncoder
from vgae.model.encoders.halves import HalvesEncoder
from vgae.model.encoders.hops import MultiHopEncoder
from vgae.model.encoders.modules import EdgeIndex, ModuleEncoder
from vgae.model.encoders.propagations import (
    APPNPEncoder,
    GraphConvolutionEncoder,
    LinearEncoder,
    SAGEEncoder,
)
from vgae.model.encoders.signed import SignedEncoder

__all__ = [
    "ENCODERS",
    "APPNPEncoder",
    "DirectedEncoder",
    "DirectedMultiHopEncoder",
    "EdgeIndex",
    "Encoder",
    "EncoderInput",
    "GraphConvolutionEncoder",
    "HalvesEncoder",
    "LinearEncoder",
    "ModuleEncoder",
    "MultiHopEncoder",
    "Prepared",
    "Propagation",
    "SAGEEncoder",
    "SignedEncoder",
    "glorot_uniform",
]

ENCODERS: dict[str, type[Propagation]] = {
    encoder.name: encoder
    for encoder in (
        GraphConvolutionEncoder,
        LinearEncoder,
        APPNPEncoder,
        SAGEEncoder,
        MultiHopEncoder,
        DirectedEncoder,
        DirectedMultiHopEncoder,
        SignedEncoder,
    )
}
"""The encoders by name, as in `ModelSettings.encoder`."""
