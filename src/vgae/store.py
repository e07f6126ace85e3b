"""The run folder: everything about a fitted model, written all or nothing, without pickle."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray
from pydantic import Field
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from vgae.config import Settings
from vgae.errors import InputError, newer_format
from vgae.files import check_directory, file_errors, staged_directory
from vgae.graph import Graph
from vgae.ids import as_ids
from vgae.io import write_vectors
from vgae.split import Split, load_split_edges, save_split

__all__ = ["FORMAT_VERSION", "Run", "check_run_place", "load_run", "save_run", "staged_run"]

FORMAT_VERSION = 2
"""2 added the states. A run without them is of version 1, which is still read."""
RUN_FILE, METRICS, HISTORY = "run.json", "metrics.json", "history.jsonl"
EMBEDDINGS, DEVIATIONS = "embeddings.parquet", "embedding_std.parquet"
SPLIT, WEIGHTS, STATES = "split.npz", "weights.safetensors", "states.safetensors"
ATTRIBUTES = "attributes.json"
REQUIRED = frozenset({METRICS, HISTORY, EMBEDDINGS, SPLIT, WEIGHTS})
RUN_FILES = REQUIRED | {RUN_FILE, DEVIATIONS, STATES, ATTRIBUTES}
PACKAGES = ("vgae", "numba", "numpy", "scipy", "torch", "pyarrow", "safetensors", "pydantic")

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Run:
    """What a run folder holds.

    Attributes
    ----------
    settings
        Every setting of the model, its training and its seed, as plain values.
    graph
        Fingerprint, sizes and, where it has one, name of the whole graph, as plain values.
    engine
        Name of the engine that computed the sum over all pairs.
    interrupted
        Whether training was stopped by hand.
    split
        Training and held-out pairs, and through its graph the node ids.
    history
        One object a step.
    metrics
        Held-out metrics with protocol and proportions.
    weights
        Parameters by name.
    embedding, embedding_std
        Posterior means and standard deviations, shape (n_nodes, latent_dim); no deviations where
        the model has none.
    states
        What linking new nodes takes, by name; see `vgae.inductive.States`. None in a run of
        version 1.
    feature_encoding
        How features were made of a table's columns, as plain values; None where they came as
        numbers.
    """

    settings: dict[str, Any]
    graph: dict[str, Any]
    engine: str
    interrupted: bool
    split: Split
    history: list[dict[str, Any]]
    metrics: dict[str, Any]
    weights: Mapping[str, NDArray[Any]]
    embedding: Vectors
    embedding_std: Vectors | None
    states: Mapping[str, NDArray[Any]] | None
    feature_encoding: Mapping[str, Any] | None


def check_run_place(path: Path, *, overwrite: bool) -> None:
    """Refuse a place that `staged_run` would refuse, before the work is done."""
    check_directory(path, overwrite=overwrite, ours=RUN_FILES)


@contextmanager
def staged_run(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """A folder beside `path` to give to `save_run`; it takes its final name when the block ends.

    Raises
    ------
    InputError
        The place cannot be written, or holds something that may not be replaced.
    """
    with staged_directory(path, overwrite=overwrite, ours=RUN_FILES) as staged:
        yield staged


def save_run(run: Run, staged: Path) -> None:
    """Write a run's files into a folder made by `staged_run`.

    Raises
    ------
    InputError
        A file cannot be written, on a full disk for instance.
    """
    with file_errors(staged):
        save_split(run.split, staged / SPLIT)
        ids = run.split.graph.ids
        write_vectors(staged / EMBEDDINGS, ids, run.embedding)
        if run.embedding_std is not None:
            write_vectors(staged / DEVIATIONS, ids, run.embedding_std, prefix="s")
        _write_arrays(staged / WEIGHTS, run.weights)
        if run.states is not None:
            _write_arrays(staged / STATES, run.states)
        if run.feature_encoding is not None:
            (staged / ATTRIBUTES).write_text(json.dumps(run.feature_encoding) + "\n")
        (staged / METRICS).write_text(json.dumps(run.metrics, indent=2) + "\n")
        (staged / HISTORY).write_text("".join(json.dumps(record) + "\n" for record in run.history))
        checksums = {item.name: _sha256(item) for item in sorted(staged.iterdir())}
        about = {
            "format_version": 1 if run.states is None else FORMAT_VERSION,
            "settings": run.settings,
            "fingerprint": run.graph["fingerprint"],
            "graph": run.graph,
            "engine": run.engine,
            "protocol": run.metrics["protocol"],
            "proportions": run.metrics["proportions"],
            "interrupted": run.interrupted,
            "versions": {
                "python": platform.python_version(),
                **{package: version(package) for package in PACKAGES},
            },
            "files": checksums,
        }
        (staged / RUN_FILE).write_text(json.dumps(about, indent=2) + "\n")


def load_run(path: Path) -> Run:
    """Read a run folder back, after checking its format and every file.

    Raises
    ------
    InputError
        The folder is missing, is no run, is damaged or of a newer format.
    """
    about = _read_about(path)
    for name, checksum in about.files.items():
        item = path / name
        if not item.is_file():
            raise InputError(f"{item}: is missing; the run folder is damaged, fit again")
        with file_errors(item):
            if _sha256(item) != checksum:
                raise InputError(f"{item}: is damaged (checksum differs); fit again")
    try:
        metrics = json.loads((path / METRICS).read_text())
        history = [json.loads(line) for line in (path / HISTORY).read_text().splitlines()]
        weights = load_file(path / WEIGHTS)
        states = load_file(path / STATES) if STATES in about.files else None
        encoding = None
        if ATTRIBUTES in about.files:
            encoding = json.loads((path / ATTRIBUTES).read_text())
        ids, embedding = _read_vectors(path / EMBEDDINGS)
        std_ids, std = (
            _read_vectors(path / DEVIATIONS) if DEVIATIONS in about.files else (ids, None)
        )
    except (ValueError, OSError, pa.ArrowException, SafetensorError) as error:
        raise InputError(f"{path}: is damaged: {str(error).splitlines()[0]}; fit again") from error
    if not np.array_equal(ids, std_ids) or (std is not None and std.shape != embedding.shape):
        raise InputError(f"{path}: is damaged: {DEVIATIONS} is of another run; fit again")
    nodes = Graph.from_edges(np.empty((0, 2), np.int64), ids=ids)
    return Run(
        settings=about.settings,
        graph=about.graph,
        engine=about.engine,
        interrupted=about.interrupted,
        split=load_split_edges(path / SPLIT, nodes),
        history=history,
        metrics=metrics,
        weights=weights,
        embedding=embedding,
        embedding_std=std,
        states=states,
        feature_encoding=encoding,
    )


class _About(Settings):
    """What run.json says of the folder."""

    format_version: int = Field(ge=1)
    settings: dict[str, Any]
    fingerprint: str
    graph: dict[str, Any]
    engine: str
    protocol: str
    proportions: dict[str, float]
    interrupted: bool
    versions: dict[str, str]
    files: dict[str, str]


def _read_about(path: Path) -> _About:
    source = path / RUN_FILE
    with file_errors(path):
        if not path.exists():
            raise InputError(f"{path}: no such run folder")
        if not source.is_file():
            raise InputError(f"{path}: is not a run folder (no {RUN_FILE})")
        text = source.read_bytes()
    try:
        values: dict[str, Any] = json.loads(text)
        newer = values["format_version"] > FORMAT_VERSION
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{source}: is damaged; fit again") from error
    if newer:
        raise newer_format(source, values["format_version"], FORMAT_VERSION)
    about = _About.parse(values, where=str(source))
    required = REQUIRED if about.format_version == 1 else REQUIRED | {STATES}
    wrong = (required - about.files.keys()) | (about.files.keys() - RUN_FILES)
    if wrong:
        raise InputError(f"{source}: is damaged: its files are not those of a run; fit again")
    return about


def _write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    try:
        save_file(dict(arrays), path)
    except SafetensorError as error:  # wraps the operating system's reason in its own text
        raise InputError(f"{path}: {error}") from error


def _read_vectors(path: Path) -> tuple[NDArray[Any], Vectors]:
    table = pyarrow.parquet.read_table(path)
    columns = [table.column(name).to_numpy() for name in table.column_names[1:]]
    return as_ids(table.column("node")), np.stack(columns, axis=1)


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
