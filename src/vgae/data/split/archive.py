"""Splits in .npz files, without pickled objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from vgae.data.adjacency import count
from vgae.data.graph import Graph
from vgae.data.kinds import Kind, WeightMeans
from vgae.data.split.held_out import HeldOut
from vgae.data.split.negatives import Pairs
from vgae.data.split.settings import SplitSettings
from vgae.data.split.values import Split
from vgae.ground.config import Settings, strict_json
from vgae.ground.errors import InputError, newer_format
from vgae.ground.files import BAD_ARCHIVE, file_errors, staged_file

__all__ = ["load_split", "load_split_edges", "save_split"]

FORMAT_VERSION = 3
"""Format 1 knew neither kinds of negatives nor negatives of single positives, format 2 undirected
graphs only."""

GROUPS = ("validation_groups", "test_groups")
NODES = ("node_types", "type_pairs", "times")
"""Parts of a graph that its kind or a split by time needs."""
OF_EDGES = ("times", "weights")
"""Parts with a number per edge; weights where they mean more than the strength of a message."""


def save_split(split: Split, path: str | Path) -> None:
    """Write a split to an .npz file without pickled objects.

    Raises
    ------
    InputError
        The file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from vgae.data.split import split_edges
    >>> ring = Graph.from_edges([(i, (i + 1) % 40) for i in range(40)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_split(split_edges(ring, seed=0), f"{folder}/split.npz")
    ...     load_split(f"{folder}/split.npz", ring).train.n_edges
    34
    """
    path = Path(path)
    about = {
        "format_version": FORMAT_VERSION,
        "n_nodes": split.train.n_nodes,
        "kind": split.graph.kind,
        "type_names": split.graph.type_names,
        "weight_means": split.graph.weight_means,
        "seed": split.seed,
        "settings": split.settings.model_dump(),
    }
    parts = {"validation": split.validation, "test": split.test}
    further: dict[str, Any] = {
        f"{name}_groups": part.groups for name, part in parts.items() if part.groups is not None
    }
    further |= {name: part for name in NODES if (part := getattr(split.graph, name)) is not None}
    if split.graph.weight_means != "propagation" and split.graph.weights is not None:
        further["weights"] = split.graph.weights
    with staged_file(path) as staged, file_errors(path), staged.open("wb") as handle:
        np.savez_compressed(
            handle,
            about=np.array(json.dumps(about)),
            train_edges=split.train.edges,
            validation_positives=split.validation.positives,
            validation_negatives=split.validation.negatives,
            test_positives=split.test.positives,
            test_negatives=split.test.negatives,
            **further,
        )


def load_split(path: str | Path, graph: Graph) -> Split:
    """Read a split back and check it against the whole graph.

    Parameters
    ----------
    path
        A file that `save_split` wrote.
    graph
        The graph that was split.

    Raises
    ------
    InputError
        The file is missing, damaged or of a newer version, its parts leak into each other, or it
        is not a split of this graph.

    Examples
    --------
    >>> import tempfile
    >>> from vgae.data.split import split_edges
    >>> ring = Graph.from_edges([(i, (i + 1) % 40) for i in range(40)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_split(split_edges(ring, seed=0), f"{folder}/split.npz")
    ...     load_split(f"{folder}/split.npz", ring.with_edges(ring.edges[1:]))
    Traceback (most recent call last):
    vgae.InputError: split.npz: its edges are not those of this graph; split it again
    """
    path = Path(path)
    about, arrays = _read_arrays(path)
    try:
        validation, test = (
            HeldOut(
                arrays[f"{name}_positives"],
                arrays[f"{name}_negatives"],
                arrays.get(f"{name}_groups"),
            )
            for name in ("validation", "test")
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if about.n_nodes != graph.n_nodes:
        raise InputError(
            f"{path}: is a split of {count(about.n_nodes, 'node')}, "
            f"but the graph has {graph.n_nodes:,}"
        )
    if about.kind != graph.kind:
        raise InputError(
            f"{path}: is a split of a {about.kind} graph, but the graph is {graph.kind}; read it "
            "in the same way"
        )
    edges = np.concatenate([arrays["train_edges"], validation.positives, test.positives])
    codes = np.sort(graph.pair_space.codes(edges))
    if not np.array_equal(codes, graph.pair_space.codes(graph.edges)):
        raise InputError(f"{path}: its edges are not those of this graph; split it again")
    train, settings = graph.with_edges(arrays["train_edges"]), about.settings
    sizes = {"validation": len(validation.positives), "test": len(test.positives)}
    if not settings.agree(graph.n_edges, sizes):
        # Earlier versions kept the proportions of the fit after new nodes had joined the model.
        settings = SplitSettings.of_sizes(
            graph.n_edges, **sizes, protocol=settings.protocol, negatives=settings.negatives
        )
    try:
        return Split(graph, train, validation, test, settings, about.seed)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def load_split_edges(path: Path, graph: Graph) -> Split:
    """Read a split together with its edges; `graph` supplies the nodes and has no edges.

    Raises
    ------
    InputError
        As `load_split`.

    Examples
    --------
    >>> import tempfile
    >>> from vgae.data.split import split_edges
    >>> ring = Graph.from_edges([(i, (i + 1) % 40) for i in range(40)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "split.npz"
    ...     save_split(split_edges(ring, seed=0), path)
    ...     load_split_edges(path, ring.with_edges([])).graph.n_edges
    40
    """
    about, arrays = _read_arrays(path)
    edges = [arrays[name] for name in ("train_edges", "validation_positives", "test_positives")]
    try:
        nodes = Graph(
            graph.adjacency,
            graph.ids,
            kind=about.kind,
            node_types=arrays.get("node_types"),
            type_names=about.type_names,
            type_pairs=arrays.get("type_pairs"),
            weight_means=about.weight_means,
        )
        whole = nodes.with_pairs(np.concatenate(edges))
        of_edges = {name: arrays[name] for name in OF_EDGES if name in arrays}
        if of_edges:  # of the edges in their order
            whole = nodes.with_pairs(whole.edges, **of_edges)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return load_split(path, whole)


class _About(Settings):
    """The description stored in a split's file."""

    format_version: int = Field(ge=1)
    n_nodes: int = Field(ge=0)
    kind: Kind = "undirected"
    type_names: tuple[str, ...] = Field(default=(), strict=False)
    weight_means: WeightMeans = "propagation"
    seed: int = Field(ge=0)
    settings: SplitSettings


def _read_arrays(path: Path) -> tuple[_About, dict[str, Pairs]]:
    names = [
        "train_edges",
        "validation_positives",
        "validation_negatives",
        "test_positives",
        "test_negatives",
    ]
    with file_errors(path):
        try:
            with path.open("rb") as handle, np.load(handle, allow_pickle=False) as archive:
                about = strict_json(str(archive["about"]))
                arrays = {name: archive[name] for name in names}
                arrays |= {
                    name: archive[name]
                    for name in (*GROUPS, *NODES, *OF_EDGES)
                    if name in archive.files
                }
            newer = int(about["format_version"]) > FORMAT_VERSION
        except (*BAD_ARCHIVE, MemoryError):  # a size that the file claims falsely
            raise InputError(f"{path}: is not a split, or is damaged") from None
    if newer:
        raise newer_format(path, about["format_version"], FORMAT_VERSION)
    parsed = _About.parse(about, where=str(path))
    for name, pairs in arrays.items():
        if name in (*GROUPS, *NODES, *OF_EDGES):
            continue  # HeldOut and Graph check them
        if pairs.dtype != np.int64 or pairs.ndim != 2 or pairs.shape[1] != 2:
            raise InputError(f"{path}: {name} are not pairs of node indices")
        if pairs.size and (pairs.min() < 0 or pairs.max() >= parsed.n_nodes):
            raise InputError(f"{path}: {name} name nodes outside the graph")
    return parsed, arrays
