"""Encoders that people bring: a `torch.nn.Module` that takes node features and edges."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from vgae.data.graph import Features, Graph
from vgae.ground.errors import InputError
from vgae.model.encoders.base import Encoder
from vgae.model.noise import Noise

__all__ = ["EdgeIndex", "ModuleEncoder"]


@dataclass(frozen=True)
class EdgeIndex:
    """A graph in PyTorch Geometric's form.

    Attributes
    ----------
    x
        Inputs of the nodes, dense, shape (n_nodes, n_inputs).
    edge_index
        Both directions of every edge, shape (2, 2 n_edges).

    Examples
    --------
    >>> EdgeIndex(torch.zeros(2, 1), torch.tensor([[0, 1], [1, 0]])).to(torch.device("cpu")).x.shape
    torch.Size([2, 1])
    """

    x: Tensor
    edge_index: Tensor

    def to(self, device: torch.device) -> EdgeIndex:
        """Copy the tensors to a device."""
        return EdgeIndex(self.x.to(device), self.edge_index.to(device))


@final
class ModuleEncoder(Encoder):
    """Any `torch.nn.Module` with `forward(x, edge_index)`, PyTorch Geometric's convention.

    The module returns the embedding, or for a VGAE the pair (mean, log_std), each of shape
    (n_nodes, latent_dim). Its layers may draw random numbers in training, such as dropout does:
    they are seeded in every step, and global random state stays as it was.

    Parameters
    ----------
    module
        The module, which is copied: its weights are the initial ones.
    outputs
        Names of the outputs, such as ("mean", "log_std").
    latent_dim
        Width of each output.

    Examples
    --------
    >>> class Scale(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.weight = nn.Parameter(torch.ones(()))
    ...     def forward(self, x, edge_index):
    ...         return self.weight * x
    >>> encoder = ModuleEncoder(Scale(), outputs=("mean",), latent_dim=1)
    >>> graph = Graph.from_pairs([("a", "b")])
    >>> encoder(encoder.prepare(graph, np.ones((2, 1), np.float32)))["mean"].tolist()
    [[1.0], [1.0]]
    """

    name: ClassVar[str] = "own"

    def __init__(self, module: nn.Module, *, outputs: tuple[str, ...], latent_dim: int) -> None:
        super().__init__()
        self.module, self.outputs, self.latent_dim = copy.deepcopy(module), outputs, latent_dim

    def prepare(self, graph: Graph, inputs: Features | None) -> EdgeIndex:
        """See `Encoder.prepare`."""
        if inputs is None:
            raise InputError(
                f"encoder {self._called}: takes inputs of the nodes and the graph has none; give "
                "features, or make some from the graph (structure='svd')"
            )
        dense: Any = inputs
        dense = dense.toarray() if sparse.issparse(dense) else np.asarray(dense)
        return EdgeIndex(torch.from_numpy(dense.astype(np.float32)), _both_directions(graph))

    def along(self, prepared: EdgeIndex, graph: Graph) -> EdgeIndex:
        """See `Encoder.along`."""
        return replace(prepared, edge_index=_both_directions(graph).to(prepared.x.device))

    def forward(self, prepared: EdgeIndex, noise: Noise | None = None) -> dict[str, Tensor]:
        """See `Encoder.forward`."""
        self.module.train(noise is not None)
        if noise is None:
            found = self.module(prepared.x, prepared.edge_index)
        else:
            devices = [prepared.x.device] if prepared.x.is_cuda else []
            with torch.random.fork_rng(devices=devices):
                torch.default_generator.manual_seed(noise.seed_here())
                found = self.module(prepared.x, prepared.edge_index)
        parts = found if isinstance(found, (tuple, list)) else (found,)
        self._check(parts, len(prepared.x))
        return dict(zip(self.outputs, parts, strict=True))

    @property
    def _called(self) -> str:
        return type(self.module).__name__

    def _check(self, parts: Any, n_nodes: int) -> None:
        """Refuse what is not one matrix per output."""
        expected = f"({', '.join(self.outputs)})" if len(self.outputs) > 1 else "one tensor"
        if len(parts) != len(self.outputs) or not all(isinstance(part, Tensor) for part in parts):
            raise InputError(
                f"encoder {self._called}: returned {len(parts)} "
                f"{'value' if len(parts) == 1 else 'values'}; forward(x, edge_index) must return "
                f"{expected}"
            )
        for name, part in zip(self.outputs, parts, strict=True):
            if part.shape != (n_nodes, self.latent_dim):
                raise InputError(
                    f"encoder {self._called}: {name} has shape {tuple(part.shape)}, not "
                    f"({n_nodes}, {self.latent_dim}): one row per node, latent_dim columns"
                )


def _both_directions(graph: Graph) -> Tensor:
    pattern = graph.adjacency.tocoo()
    return torch.from_numpy(np.stack([pattern.row, pattern.col]).astype(np.int64))
