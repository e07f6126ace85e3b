"""Learn an embedding of a graph without labels, and find its missing links.

Names are imported when they are first used: `import vgae` is instant and does not load torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vgae.data.datasets import load_dataset
    from vgae.data.graph import Graph
    from vgae.data.interop import (
        as_graph,
        as_split,
        from_networkx,
        to_anndata,
        to_arrow,
        to_dgl,
        to_igraph,
        to_networkx,
        to_pandas,
        to_polars,
        to_pyg,
        to_scipy,
    )
    from vgae.data.io import import_graph, read_graph, write_graph
    from vgae.data.split import Split, load_split, save_split, split_edges
    from vgae.ground.errors import InputError, NotFittedError, VgaeError
    from vgae.people import plot as plot
    from vgae.people.api import (
        GAE,
        VGAE,
        Comparison,
        Evaluation,
        Link,
        LinkBaseline,
        SignedLink,
        WeightedLink,
        evaluate,
        load,
    )
    from vgae.people.html.evaluation import evaluation_report
    from vgae.people.pipeline import NodeVectors
    from vgae.people.tuning import tune

__version__ = "0.1.0"

_HOME = {
    "vgae.people.api": (
        "GAE",
        "VGAE",
        "Comparison",
        "Evaluation",
        "Link",
        "LinkBaseline",
        "SignedLink",
        "WeightedLink",
        "evaluate",
        "load",
    ),
    "vgae.data.datasets": ("load_dataset",),
    "vgae.ground.errors": ("InputError", "NotFittedError", "VgaeError"),
    "vgae.data.graph": ("Graph",),
    "vgae.data.interop": (
        "as_graph",
        "as_split",
        "from_networkx",
        "to_anndata",
        "to_arrow",
        "to_dgl",
        "to_igraph",
        "to_networkx",
        "to_pandas",
        "to_polars",
        "to_pyg",
        "to_scipy",
    ),
    "vgae.data.io": ("import_graph", "read_graph", "write_graph"),
    "vgae.people.html.evaluation": ("evaluation_report",),
    "vgae.people.pipeline": ("NodeVectors",),
    "vgae.people.tuning": ("tune",),
    "vgae.data.split": ("Split", "load_split", "save_split", "split_edges"),
}
_ROOMS = {"plot": "vgae.people.plot"}
"""Rooms that people use by a shorter name: vgae.plot.RocDisplay."""
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "GAE",
    "VGAE",
    "Comparison",
    "Evaluation",
    "Graph",
    "InputError",
    "Link",
    "LinkBaseline",
    "NodeVectors",
    "NotFittedError",
    "SignedLink",
    "Split",
    "VgaeError",
    "WeightedLink",
    "as_graph",
    "as_split",
    "evaluate",
    "evaluation_report",
    "from_networkx",
    "import_graph",
    "load",
    "load_dataset",
    "load_split",
    "read_graph",
    "save_split",
    "split_edges",
    "to_anndata",
    "to_arrow",
    "to_dgl",
    "to_igraph",
    "to_networkx",
    "to_pandas",
    "to_polars",
    "to_pyg",
    "to_scipy",
    "tune",
    "write_graph",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(_ROOMS[name])
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'vgae' has no attribute '{name}'")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOMS, *__all__])
