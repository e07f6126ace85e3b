"""Encoders of directed graphs: every node has a source part and a target part."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, final

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn.functional import one_hot

from vgae.data.graph import FloatCSR, Graph
from vgae.model.encoders.base import EncoderInput, Propagation
from vgae.model.encoders.halves import HalvesEncoder
from vgae.model.encoders.hops import FIRST_LOG_STD, degree_classes
from vgae.model.kernels import SparseMatrix
from vgae.model.lengths import unit_rows
from vgae.model.settings import N_DEGREE_CLASSES

__all__ = ["DirectedEncoder", "DirectedMultiHopEncoder"]

PARTS = ("source", "target")


class _TwoParts(Propagation):
    """States hold the source part S and the target part T of each node side by side.

    A round passes messages along the arcs in both directions: the source part of a node hears the
    target parts of the nodes that it points to, and its target part the source parts of those that
    point to it,

        S <- D_out^-a (A + I) D_in^-b T        T <- D_in^-b (A + I)^T D_out^-a S

    with the powers a and b of the settings `out_power` and `in_power` (Kollias et al. 2022).
    """

    places_new_nodes = False

    def adjacency(self, graph: Graph) -> FloatCSR:
        """See `Propagation.adjacency`."""
        with_self = sparse.csr_array(
            graph.adjacency.astype(np.float64) + sparse.eye_array(graph.n_nodes)
        )
        powers = self.settings.out_power, self.settings.in_power
        scales = (
            sparse.diags_array(with_self.sum(axis=axis) ** -power)
            for axis, power in zip((1, 0), powers, strict=True)
        )
        found: FloatCSR = sparse.csr_array(next(scales) @ with_self @ next(scales))
        found.sort_indices()
        return found.astype(np.float32)

    def passed(self, adjacency: SparseMatrix, sent: Tensor) -> Tensor:
        """See `Propagation.passed`."""
        source, target = sent.chunk(2, dim=1)
        return torch.cat([adjacency @ target, adjacency.T @ source], dim=1)

    def links(self, prepared: EncoderInput) -> Tensor:
        """See `Propagation.links`: numbers of arcs from and to each node, shape (2, n_nodes)."""
        return torch.stack([prepared.n_links(True), prepared.n_links_in(True)])


@final
class DirectedEncoder(_TwoParts, HalvesEncoder):
    """A pair of graph convolutions, one per direction (Kollias et al. 2022, DiGAE).

    With layers 2 and N = D_out^-a (A + I) D_in^-b, the source part is N ReLU(N^T X W) W', and the
    target part N^T ReLU(N X V) V'. Each part is half as wide as `latent_dim`, and each hidden state
    as wide as `hidden_dim`.

    Examples
    --------
    >>> from vgae.model.settings import ModelSettings
    >>> settings = ModelSettings(encoder="directed", hidden_dim=4, latent_dim=6)
    >>> encoder = DirectedEncoder(settings, 2, outputs=("mean",), generator=torch.Generator())
    >>> {name: tuple(weight.shape) for name, weight in encoder.weight.items()}
    {'hidden_source': (2, 4), 'hidden_target': (2, 4), 'mean_source': (4, 3), 'mean_target': (4, 3)}
    >>> graph = Graph.from_edges([(0, 1)], directed=True)
    >>> prepared = encoder.prepare(graph, np.eye(2, dtype=np.float32))
    >>> encoder(prepared)["mean"].shape, encoder.first_weight.shape, len(encoder.shapes(9))
    (torch.Size([2, 6]), torch.Size([2, 8]), 4)
    >>> encoder.links(prepared).tolist(), encoder.adjacency(graph).nnz
    ([[1, 0], [0, 1]], 3)
    >>> sent = encoder.messages(1, torch.ones(2, 8))
    >>> received = encoder.passed(prepared.adjacency, sent)
    >>> encoder.update(1, received, sent, sent) is received
    True
    >>> encoder.read([sent, received], encoder.links(prepared))["mean"].shape
    torch.Size([2, 6])
    """

    name: ClassVar[str] = "directed"
    parts: ClassVar[tuple[str, str]] = PARTS


@final
class DirectedMultiHopEncoder(_TwoParts):
    """Directions of two projections of the inputs after 0, 1, 2, ... propagations, side by side.

    S_0 = unit(X W) and T_0 = unit(X V); each round passes messages in both directions, as in the
    encoder `directed`. The embedding has two halves: unit(S_0), unit(S_1), ... and the class of the
    out-degree; unit(T_0), unit(T_1), ... and the class of the in-degree (`degree_classes`). W and V
    start equal: at first an arc is as likely as its reverse, and what both ends share counts. With
    h the width of a hop, each half is h times the number of hops, which is one more than `layers`,
    plus the number of classes.

    Examples
    --------
    >>> from vgae.model.settings import ModelSettings
    >>> settings = ModelSettings(encoder="directed-multi-hop", layers=1, latent_dim=28)
    >>> encoder = DirectedMultiHopEncoder(
    ...     settings, 3, outputs=("mean",), generator=torch.Generator()
    ... )
    >>> encoder.shapes(5), encoder.first_weight.shape, encoder.biased(["source", "target"])
    ({'source': (5, 3), 'target': (5, 3)}, torch.Size([3, 6]), [])
    >>> encoder.initial("source", (5, 3), torch.Generator()).shape
    torch.Size([5, 3])
    >>> sent = encoder.messages(0, torch.tensor([[3.0, 4.0, 0.0, 0.0, 0.0, 2.0]]))
    >>> sent.tolist()
    [[0.6000000238418579, 0.800000011920929, 0.0, 0.0, 0.0, 1.0]]
    >>> found = encoder.read([sent, sent], torch.tensor([[2], [0]]))["mean"]
    >>> encoder.update(0, sent, sent, sent) is sent, found.shape, found[0, 6:10].tolist()
    (True, torch.Size([1, 28]), [0.0, 0.0, 1.0, 0.0])
    """

    name: ClassVar[str] = "directed-multi-hop"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        with torch.no_grad():
            self.weight["target"].copy_(self.weight["source"])

    def shapes(self, n_inputs: int) -> dict[str, tuple[int, int]]:
        """See `Propagation.shapes`."""
        half = self.settings.latent_dim // 2
        width = (half - N_DEGREE_CLASSES) // self.settings.n_hops
        others = [name for name in self.outputs if name != "mean"]
        return dict.fromkeys(PARTS, (n_inputs, width)) | dict.fromkeys(
            others, (2 * width, self.settings.latent_dim)
        )

    def biased(self, names: Iterable[str]) -> list[str]:
        """See `Propagation.biased`: directions have no biases."""
        return [name for name in names if name not in (*PARTS, "mean")]

    def initial(self, name: str, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """See `Propagation.initial`: normal, with the variance of Glorot & Bengio (2010)."""
        if name not in PARTS:
            return super().initial(name, shape, generator)
        return torch.randn(shape, generator=generator) * math.sqrt(2.0 / sum(shape))

    @property
    def first_weight(self) -> Tensor:
        """See `Propagation.first_weight`: that of sources, then that of targets."""
        return torch.cat([self.weight[part] for part in PARTS], dim=1)

    def messages(self, level: int, state: Tensor) -> Tensor:
        """See `Propagation.messages`: directions of the projections, then the state itself."""
        return _unit_halves(state) if level == 0 else state

    def update(self, level: int, received: Tensor, state: Tensor, first: Tensor) -> Tensor:  # noqa: ARG002
        """See `Propagation.update`: what was received."""
        return received

    def read(self, states: Sequence[Tensor], n_links: Tensor) -> dict[str, Tensor]:
        """See `Propagation.read`: directions of all states; other outputs from the last."""
        hops = zip(*(state.chunk(2, dim=1) for state in states), strict=True)
        halves = []
        for own, number in zip(hops, n_links, strict=True):
            classes = one_hot(degree_classes(number), N_DEGREE_CLASSES).to(states[0].dtype)
            halves += [*map(unit_rows, own), classes]
        found = {"mean": torch.cat(halves, dim=1)}
        for name in self.outputs:
            if name != "mean":
                found[name] = FIRST_LOG_STD + states[-1] @ self.weight[name]
        return found


def _unit_halves(state: Tensor) -> Tensor:
    return torch.cat([unit_rows(half) for half in state.chunk(2, dim=1)], dim=1)
