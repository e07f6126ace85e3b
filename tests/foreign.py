"""Objects of other libraries, and a stand-in for one that the tests do without."""

from __future__ import annotations

import warnings
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vgae.data.graph import Graph


def library(name: str) -> Any:
    """The library, or a skipped test; what it warns of when it is imported is its own affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip(name.partition(".")[0], reason=f"{name} is not installed")
        return import_module(name)


class DGLGraph:
    """What is public of DGL's graph and needed here: DGL has no build for this torch."""

    def __init__(self, ends: Any, num_nodes: int) -> None:
        self._ends, self._num_nodes = ends, num_nodes
        self.ndata: dict[str, Any] = {}
        self.edata: dict[str, Any] = {}
        self.is_homogeneous = True

    def edges(self) -> Any:
        return self._ends

    def num_nodes(self) -> int:
        return self._num_nodes

    def num_edges(self) -> int:
        return len(self._ends[0])


DGLGraph.__module__ = "dgl.heterograph"


def dgl() -> Any:
    """A module with the one function of DGL that is called."""
    return SimpleNamespace(graph=lambda ends, num_nodes: DGLGraph(ends, num_nodes))


def rich_graph(*, directed: bool = False) -> Graph:
    """Five nodes with all that a graph can hold, one of them without edges."""
    return Graph.from_edges(
        [(0, 1), (1, 2), (2, 0), (2, 3)],
        weights=[0.5, 2.0, 1.25, 3.0],
        ids=["a", "b", "c", "d", "e"],
        features=np.arange(10.0).reshape(5, 2),
        labels=[0, 0, 1, 1, 2],
        directed=directed,
    )
